//! What the readers of `seal` take.

use std::fmt::Write as _;

use envelope::der::element;
use pki::fields::{BIT_STRING, GENERALIZED_TIME, IA5, OCTET_STRING, SEQUENCE};
use seal::{
    geometry::Size,
    picture::{Font, Picture, Template},
    ses::SealedData,
};
use sm_primitives::sm3;

use super::{Seed, add, add_kind};
use crate::{
    fuzz::{base, seed_script, unpack, world},
    ofd, pdf,
};

pub(super) fn all(seeds: &mut Vec<Seed>) {
    pdfs(seeds);
    packages(seeds);
    xml(seeds);
    structures(seeds);
    pictures(seeds);
    texts(seeds);
}

fn sealed(file: &[u8], with_seal: bool) -> Vec<u8> {
    world::world().seal_document(file, with_seal).unwrap()
}

fn pdfs(seeds: &mut Vec<Seed>) {
    let plain = pdf::document(2);
    let once = sealed(&plain, true);
    for (name, file) in [
        ("tender", pdf::tender(1)),
        ("two-pages", plain),
        ("sealed-twice", sealed(&once, true)),
        ("sealed-with-evidence", with_evidence(&once)),
        ("sealed-and-signed", sealed(&once, false)),
        ("sealed", once),
        ("form", objects(false)),
        ("stream-of-references", objects(true)),
        ("form-signed", sealed(&objects(false), false)),
        ("stream-sealed", sealed(&objects(true), true)),
    ] {
        add(seeds, "seal_pdf", name, file);
    }
}

/// A document that brings along a certificate, and what is neither a list nor an answer.
fn with_evidence(file: &[u8]) -> Vec<u8> {
    let mut document = seal::pdf::Document::open(std::io::Cursor::new(file)).unwrap();
    let holder = world::world().holder.as_der();
    let evidence = seal::pdf::Evidence {
        certificates: &[holder],
        lists: &[b"list"],
        answers: &[b"answer"],
        signature: None,
    };
    [file, &document.append_dss(&evidence).unwrap()].concat()
}

/// A page with a form: an empty field for a signature with a widget, and one of text; with a table or a stream of references.
fn objects(stream: bool) -> Vec<u8> {
    let objects = [
        "<</Type/Catalog/Pages 2 0 R/AcroForm<</Fields[4 0 R 5 0 R]/SigFlags 1>>>>",
        "<</Type/Pages/Count 1/Kids[3 0 R]/MediaBox[0 0 300 300]>>",
        "<</Type/Page/Parent 2 0 R/Annots[4 0 R]/Rotate 90/Resources<<>>>>",
        "<</Type/Annot/Subtype/Widget/FT/Sig/T(a)/Rect[9 9 90 90]/P 3 0 R/F 132/Lock<</Action/All>>>>",
        "<</FT/Tx/T<FEFF7AE0>/V(x\\051)/Ff 1>>",
    ];
    let mut file = b"%PDF-1.7\n%\xe2\xe3\xcf\xd3\n".to_vec();
    let mut offsets = Vec::new();
    for (number, object) in (1..).zip(objects) {
        offsets.push(file.len());
        file.extend(format!("{number} 0 obj{object}endobj\n").bytes());
    }
    let start = file.len();
    if stream {
        offsets.push(start);
        let row = |offset: &usize| [&[1][..], &u16::try_from(*offset).unwrap().to_be_bytes(), &[0]].concat();
        let rows: Vec<u8> = [0, 0, 0, 0xff].into_iter().chain(offsets.iter().flat_map(row)).collect();
        let head = format!("6 0 obj<</Type/XRef/Size 7/W[1 2 1]/Root 1 0 R/Length {}>>stream\n", rows.len());
        file.extend([head.as_bytes(), &rows, b"\nendstream endobj\n"].concat());
    } else {
        file.extend(b"xref\n0 6\n0000000000 65535 f \n");
        for offset in offsets {
            file.extend(format!("{offset:010} 00000 n \n").bytes());
        }
        file.extend(b"trailer<</Size 6/Root 1 0 R>>\n");
    }
    file.extend(format!("startxref\n{start}\n%%EOF\n").bytes());
    file
}

const RICH_PAGE: &str = "<o:Page xmlns:o='http://www.ofdspec.org/2016'><o:Area><o:PhysicalBox>0 0 100 100</o:PhysicalBox></o:Area>\
    <o:Template TemplateID='7' ZOrder='Background'/><o:PageRes>PageRes.xml</o:PageRes><o:Content><o:Layer ID='1' Type='Body' DrawParam='4'>\
    <o:PathObject ID='2' Boundary='1 2 30 40' Stroke='true' Fill='true' Rule='Even-Odd' LineWidth='0.5' DashPattern='2 1' Alpha='99'>\
    <o:StrokeColor Value='255 0 0'/><o:FillColor Value='#0f 10 11' Alpha='9'/><o:Clips><o:Clip><o:Area CTM='1 0 0 1 2 3'>\
    <o:Path ID='3' Boundary='0 0 9 9'><o:AbbreviatedData>M 0 0 L 9 9 C</o:AbbreviatedData></o:Path></o:Area></o:Clip></o:Clips>\
    <o:AbbreviatedData>M 1 2 L 3 4 Q 1 1 2 2 B 1 1 2 2 3 3 A 5 6 90 1 0 7 8 C</o:AbbreviatedData></o:PathObject>\
    <o:PageBlock ID='5'><o:TextObject ID='6' Boundary='9 9 60 9' Font='2' Size='5' HScale='0.5' ReadDirection='90' CharDirection='270' \
    CTM='1 0 0 1 0 0'><o:CGTransform CodePosition='0' CodeCount='2' GlyphCount='2'><o:Glyphs>7 8</o:Glyphs></o:CGTransform>\
    <o:TextCode X='1' Y='5' DeltaX='g 2 5 3' DeltaY='0'>盖章&#x5904;</o:TextCode></o:TextObject></o:PageBlock>\
    <o:ImageObject ID='8' Boundary='10 10 20 20' CTM='20 0 0 20 0 0' ResourceID='9'/>\
    <o:CompositeObject ID='10' Boundary='0 0 50 50' ResourceID='11'/></o:Layer></o:Content></o:Page>";
const RESOURCES: &str = "<o:Res xmlns:o='http://www.ofdspec.org/2016' BaseLoc='Res'><o:Fonts><o:Font ID='2' FontName='宋体'>\
    <o:FontFile>f.ttf</o:FontFile></o:Font></o:Fonts><o:DrawParams><o:DrawParam ID='4' Relative='12' LineWidth='1'><o:FillColor \
    Value='1 2 3'/></o:DrawParam><o:DrawParam ID='12' LineWidth='2'/></o:DrawParams><o:MultiMedias><o:MultiMedia ID='9' Type='Image'>\
    <o:MediaFile>dot.png</o:MediaFile></o:MultiMedia></o:MultiMedias><o:CompositeGraphicUnits><o:CompositeGraphicUnit ID='11' Width='9' \
    Height='9'><o:Content><o:PathObject ID='13' Boundary='0 0 9 9'><o:AbbreviatedData>M 0 0 L 9 9</o:AbbreviatedData></o:PathObject>\
    </o:Content></o:CompositeGraphicUnit></o:CompositeGraphicUnits></o:Res>";
const DOCUMENT: &str = "<o:Document xmlns:o='http://www.ofdspec.org/2016'><o:CommonData><o:MaxUnitID>99</o:MaxUnitID><o:PageArea>\
    <o:PhysicalBox>0 0 210 297</o:PhysicalBox></o:PageArea><o:PublicRes>PublicRes.xml</o:PublicRes><o:TemplatePage ID='7' \
    BaseLoc='Tpl.xml'/></o:CommonData><o:Pages><o:Page ID='10' BaseLoc='Pages/Page_0/Content.xml'/></o:Pages>\
    <o:Annotations>Annots.xml</o:Annotations><o:Attachments>Attachments.xml</o:Attachments></o:Document>";
const TEMPLATE: &str = "<o:Page xmlns:o='http://www.ofdspec.org/2016'><o:Content><o:Layer ID='1'><o:PathObject ID='2' Boundary='0 0 90 90'>\
    <o:AbbreviatedData>M 0 0 L 90 90</o:AbbreviatedData></o:PathObject></o:Layer></o:Content></o:Page>";

/// Changes to the package of the targets.
fn scripts() -> Vec<(&'static str, Vec<u8>)> {
    let dot = world::dot();
    let page = ("Doc_0/Pages/Page_0/Content.xml", RICH_PAGE.as_bytes());
    let plain = unpack(&ofd::tender(1));
    let root = plain.iter().find(|(path, _)| path == "OFD.xml").unwrap();
    let signed = |name: &str| base().iter().find(|(path, _)| path.ends_with(name)).unwrap();
    let (description, list) = (signed("/Signature.xml"), signed("/Signatures.xml"));
    let text = |file: &'static (String, Vec<u8>)| String::from_utf8(file.1.clone()).unwrap();
    let sha = text(description).replace("1.2.156.10197.1.401", "SHA256");
    let list_twice = text(list).replace(
        "</ofd:Signatures>",
        "<ofd:Signature ID=\"s9\" Type=\"Sign\" BaseLoc=\"x.xml\"/></ofd:Signatures>",
    );
    vec![
        ("nothing", seed_script(&[])),
        ("page", seed_script(&[page])),
        (
            "everything",
            seed_script(&[
                page,
                ("OFD.xml", &root.1),
                ("Doc_0/Document.xml", DOCUMENT.as_bytes()),
                ("Doc_0/PublicRes.xml", RESOURCES.as_bytes()),
                ("Doc_0/Res/dot.png", &dot),
                ("Doc_0/Tpl.xml", TEMPLATE.as_bytes()),
            ]),
        ),
        ("unsigned", seed_script(&[("OFD.xml", &root.1)])),
        ("signature", seed_script(&[(&description.0, sha.as_bytes())])),
        ("list", seed_script(&[(&list.0, list_twice.as_bytes())])),
        (
            "more-files",
            seed_script(&[("OFD.xml", &root.1), ("Doc_0/a b.xml", b"<a/>"), ("OFDEntries.xml", b"<a/>")]),
        ),
    ]
}

fn packages(seeds: &mut Vec<Seed>) {
    let plain = ofd::tender(1);
    let once = sealed(&plain, true);
    add_kind(seeds, "seal_ofd", b'r', "twice", &sealed(&once, false));
    add_kind(seeds, "seal_ofd", b'r', "sealed", &once);
    add_kind(seeds, "seal_ofd", b'r', "plain", &plain);
    for (name, script) in scripts() {
        add(seeds, "seal_ofd", &format!("f-{name}"), script);
    }
}

fn xml(seeds: &mut Vec<Seed>) {
    let whole = "\u{feff}<?xml version='1.0' encoding='UTF-8'?><o:A xmlns:o='u' k='1 &lt; 2'><o:B>x<![CDATA[<y>]]>&amp;&#x7a;</o:B>\
                 <!-- c --><?p i?><p:B xmlns:p='v'><o:C/></p:B><o:D/></o:A>\n";
    add_kind(seeds, "seal_xml", b'x', "whole", whole.as_bytes());
    add_kind(seeds, "seal_xml", b'x', "document", DOCUMENT.as_bytes());
    add_kind(seeds, "seal_xml", b'x', "doctype", b"<!DOCTYPE a [<!ENTITY b 'c'>]><a>&b;</a>");
    add_kind(seeds, "seal_xml", b'p', "page", RICH_PAGE.as_bytes());
    add_kind(
        seeds,
        "seal_xml",
        b'o',
        "outline",
        b"S 1 2 M 1 2 L 3 4 Q 1 1 2 2 B 1 1 2 2 3 3 A 5 6 90 1 0 7 8 C C",
    );
    add_kind(seeds, "seal_xml", b'd', "deltas", b"g 3 8 7.5\n0 -1e3 .5");
    add_kind(
        seeds,
        "seal_xml",
        b'l',
        "relative",
        b"/Doc_0/Document.xml\n../Doc_1/./Pages/Page_0/Content.xml",
    );
    add_kind(seeds, "seal_xml", b'l', "numbers", b"1 0 0 -1e14 .5 3");
    for (name, text) in [
        ("digits", "20260131040506Z"),
        ("text", "2026-01-31T12:05:06.5+08:00"),
        ("pdf", "D:20260131120506+08'00'"),
    ] {
        add_kind(seeds, "seal_xml", b't', name, text.as_bytes());
    }
}

/// What is in the element that comes first.
fn contents(der: &[u8]) -> &[u8] {
    pki::fields::Fields::new(der, "seed").expect(SEQUENCE).unwrap().body
}

fn first(der: &[u8]) -> &[u8] {
    pki::fields::Fields::new(contents(der), "seed").expect(SEQUENCE).unwrap().whole
}

/// SES_SealInfo of V1, and TBS_Sign of V1 around a seal.
fn oldest() -> (Vec<u8>, impl Fn(&[u8]) -> Vec<u8>) {
    let world = world::world();
    let text = |text: &str| element(IA5, &[text.as_bytes()]);
    let header = element(SEQUENCE, &[&text("ES"), &[2, 1, 1], &text("v")]);
    let holders = element(SEQUENCE, &[&element(OCTET_STRING, &[world.holder.as_der()])]);
    let time = |digits: &str| element(GENERALIZED_TIME, &[digits.as_bytes()]);
    let times = [time("20260520000000Z"), time("20260520000000Z"), time("20260620000000Z")].concat();
    let property = element(SEQUENCE, &[&[2, 1, 2], &text("n"), &holders, &times]);
    let picture = element(
        SEQUENCE,
        &[&text("png"), &element(OCTET_STRING, &[&world::dot()]), &[2, 1, 20], &[2, 1, 30]],
    );
    let info = [header, text("id"), property, picture].concat();
    let bits = |bytes: &[u8]| element(BIT_STRING, &[&[0], bytes]);
    let algorithm = b"\x06\x08\x2a\x81\x1c\xcf\x55\x01\x83\x75";
    let to_sign = move |seal: &[u8]| {
        let certificate = element(OCTET_STRING, &[world.holder.as_der()]);
        let hash = bits(&sm3::digest(b"x"));
        [&[2, 1, 1][..], seal, &bits(b"2026-06-01 08:00:00"), &hash, &text("/a"), &certificate, algorithm]
            .concat()
    };
    (info, to_sign)
}

fn structures(seeds: &mut Vec<Seed>) {
    let world = world::world();
    let seal = world.seal.as_der();
    let data = base().iter().find(|(path, _)| path.ends_with("/SignedValue.dat")).unwrap();
    assert!(SealedData::parse(&data.1).is_ok());
    add_kind(seeds, "seal_ses", b's', "seal", seal);
    add_kind(seeds, "seal_ses", b'd', "data", &data.1);
    add_kind(seeds, "seal_ses", b'4', "info", contents(first(seal)));
    add_kind(seeds, "seal_ses", b'n', "to-sign", contents(first(&data.1)));
    let (info, to_sign) = oldest();
    add_kind(seeds, "seal_ses", b'1', "info", &info);
    let seal = crate::fuzz::seal_v1(&info);
    add_kind(seeds, "seal_ses", b's', "oldest", &seal);
    add_kind(seeds, "seal_ses", b'o', "to-sign", &to_sign(&seal));
    let critical = element(SEQUENCE, &[&[6, 2, 0x2a, 3, 1, 1, 0xff], &element(OCTET_STRING, &[b"x"])]);
    let extensions = element(0xa0, &[&element(SEQUENCE, &[&critical])]);
    add_kind(
        seeds,
        "seal_ses",
        b'4',
        "extension",
        &[contents(first(world.seal.as_der())), &extensions].concat(),
    );
}

/// A seal on a white sheet.
fn photo() -> Vec<u8> {
    let seal = Template::round("测试单位").draw(&Font::bundled()).unwrap().render(40.0).unwrap();
    let side = seal.width() + 20;
    let mut rgba = vec![0xff; usize::try_from(side * side * 4).unwrap()];
    let row = usize::try_from(seal.width() * 4).unwrap();
    let stride = usize::try_from(side * 4).unwrap();
    for (line, pixels) in seal.rgba().chunks(row).enumerate() {
        let start = (line + 10) * stride + 40;
        for (out, pixel) in rgba[start..start + row].chunks_mut(4).zip(pixels.chunks(4)) {
            for (to, from) in out.iter_mut().zip(pixel).take(3) {
                let alpha = u32::from(pixel[3]);
                *to = u8::try_from((u32::from(*from) * alpha + 255 * (255 - alpha)) / 255).unwrap();
            }
        }
    }
    Picture::new(Size { width: 50.0, height: 50.0 }, side, side, rgba).unwrap().to_png().unwrap()
}

fn pictures(seeds: &mut Vec<Seed>) {
    let gif = b"GIF89a\x02\0\x02\0\x80\0\0\xe6\x1a\x1a\xff\xff\xff!\xf9\x04\x01\0\0\x01\0,\0\0\0\0\x02\0\x02\0\0\x02\x03D\x02\x05\0;";
    let bmp = [
        &b"BM\x46\0\0\0\0\0\0\0\x36\0\0\0\x28\0\0\0\x02\0\0\0\x02\0\0\0\x01\0\x18\0\0\0\0\0\x10\0\0\0"[..],
        &[0; 16],
        &[26, 26, 230, 255, 255, 255, 0, 0, 26, 26, 230, 255, 255, 255, 0, 0],
    ]
    .concat();
    add_kind(seeds, "seal_picture", b'd', "png", &world::dot());
    add_kind(seeds, "seal_picture", b'd', "gif", gif);
    add_kind(seeds, "seal_picture", b'd', "bmp", &bmp);
    add_kind(seeds, "seal_picture", b'c', "photo", &[&[0][..], &photo()].concat());
    let mut strokes = vec![60, 120, 80, 50];
    for step in 0..20_u8 {
        strokes.extend([40 + 4 * step, 60 + step / 2 * step / 8, 90, step]);
    }
    strokes.push(0xf0);
    strokes.extend([60, 60, 0, 0]);
    add_kind(seeds, "seal_picture", b's', "strokes", &strokes);
    for (name, head, text) in [
        ("round", [0, 0, 0, 0, 2], "云海市青松科技有限公司\n合同专用章\n1101080012345"),
        ("oval", [1, 0, 0, 0, 1], "测试单位\n发票专用章\n\n91110108MA000000X0"),
        ("square", [2, 100, 100, 60, 0], "王小明"),
        ("strip", [3, 0, 0, 0, 0], "王小明"),
    ] {
        add_kind(seeds, "seal_picture", b't', name, &[&head[..], text.as_bytes()].concat());
    }
}

/// A page that uses much of what a page can: forms, a pattern, a picture, a font of its own.
fn drawn() -> Vec<u8> {
    let content = "q 1 0 0 1 10 10 cm /F Do Q /P sh 0 1 0 rg 20 20 40 40 re f BT /T 12 Tf 20 100 Td (stamp here) Tj ET \
                   BI /W 2 /H 1 /CS /G /BPC 8 ID ab EI 1 w 5 5 m 90 90 l 10 20 30 40 50 60 c S";
    let form = "0 0 1 RG 0 0 20 20 re S";
    let objects = [
        "<</Type/Catalog/Pages 2 0 R>>".to_owned(),
        "<</Type/Pages/Count 1/Kids[3 0 R]>>".to_owned(),
        "<</Type/Page/Parent 2 0 R/MediaBox[0 0 200 200]/CropBox[0 0 150 150]/Rotate 90/Contents 4 0 R/Resources<</XObject<</F 5 0 R>>\
         /Font<</T 6 0 R>>/Shading<</P<</ShadingType 2/ColorSpace/DeviceRGB/Coords[0 0 99 99]/Function<</FunctionType 2/Domain[0 1]\
         /C0[1 0 0]/C1[0 0 1]/N 1>>>>>>>>>>"
            .to_owned(),
        format!("<</Length {}>>stream\n{content}\nendstream", content.len()),
        format!("<</Type/XObject/Subtype/Form/BBox[0 0 50 50]/Length {}>>stream\n{form}\nendstream", form.len()),
        "<</Type/Font/Subtype/Type1/BaseFont/Helvetica/Encoding/WinAnsiEncoding>>".to_owned(),
    ];
    let mut file = String::from("%PDF-1.7\n");
    let mut table = String::from("0000000000 65535 f \n");
    for (number, object) in (1..).zip(objects) {
        let _ = writeln!(table, "{:010} 00000 n ", file.len());
        let _ = writeln!(file, "{number} 0 obj{object}endobj");
    }
    let start = file.len();
    let _ = write!(file, "xref\n0 7\n{table}trailer<</Size 7/Root 1 0 R>>\nstartxref\n{start}\n%%EOF\n");
    file.into_bytes()
}

fn texts(seeds: &mut Vec<Seed>) {
    add_kind(seeds, "seal_text", b'p', "tender", &pdf::tender(1));
    add_kind(seeds, "seal_text", b'p', "drawn", &drawn());
    add_kind(seeds, "seal_text", b'p', "sealed", &sealed(&pdf::tender(1), true));
    for (name, script) in scripts().into_iter().take(3) {
        add(seeds, "seal_text", &format!("f-{name}"), script);
    }
}
