//! What is made for fixed keys, nonces and times, byte by byte: whoever changes a format has to say so here.
//!
//! A new version of the library that deflates may change the digests of documents too.

use std::io::{Cursor, Read, Seek, Write as _};

use pki::validate::Verdict;
use seal::document::{Document, Look, Sealing, SealingForm};
use seal::geometry::{Rect, Stamp};
use seal::ofd;
use seal::place::{CrossPage, Edge, Pages, Place};
use seal::report::Code;
use seal::ses::{ElectronicSeal, Holders, PictureData};
use seal::sign::{Form, Order};
use seal::verify::Terms;
use sm_primitives::sm3;
use zip::{CompressionMethod, DateTime, ZipWriter, write::SimpleFileOptions};

use crate::support::{World, now, signed};

/// A PNG of 2 by 2 points, three of them red and one empty, in a stored block.
const PICTURE: &[u8] = b"\x89PNG\r\n\x1a\n\
    \0\0\0\rIHDR\0\0\0\x02\0\0\0\x02\x08\x06\0\0\0\x72\xb6\r\x24\
    \0\0\0\x1dIDAT\x78\x01\x01\x12\0\xed\xff\
    \0\xff\0\0\xff\xff\0\0\xff\0\xff\0\0\xff\0\0\0\0B\xcf\x05\xfb\x82\xaeM\xc6\
    \0\0\0\0IEND\xaeB\x60\x82";

fn hex(bytes: &[u8]) -> String {
    hex::encode(sm3::digest(bytes))
}

fn seal(world: &World) -> ElectronicSeal {
    let holders = Holders::Certificates(vec![world.holder.as_der().to_vec()]);
    let picture = PictureData { format: "PNG".into(), data: PICTURE.to_vec(), width: 42, height: 42 };
    let order = seal::ses::SealOrder { picture, ..world.order(holders) };
    let unsigned = order.unsigned(&world.maker).unwrap();
    let signature = signed("maker", unsigned.digest());
    unsigned.complete(&signature).unwrap()
}

fn pdf() -> Vec<u8> {
    let objects = [
        "<</Type/Catalog/Pages 2 0 R>>",
        "<</Type/Pages/Count 2/Kids[3 0 R 4 0 R]>>",
        "<</Type/Page/Parent 2 0 R/MediaBox[0 0 595 842]>>",
        "<</Type/Page/Parent 2 0 R/MediaBox[0 0 595 842]/Rotate 90>>",
    ];
    let mut file = b"%PDF-1.7\n".to_vec();
    let mut table = String::from("xref\n0 5\n0000000000 65535 f \n");
    for (number, object) in (1..).zip(objects) {
        table += &format!("{:010} 00000 n \n", file.len());
        file.extend(format!("{number} 0 obj\n{object}\nendobj\n").bytes());
    }
    let start = file.len();
    file.extend(format!("{table}trailer\n<</Size 5/Root 1 0 R>>\nstartxref\n{start}\n%%EOF\n").bytes());
    file
}

pub(crate) fn package() -> Vec<u8> {
    let space = "xmlns:ofd=\"http://www.ofdspec.org/2016\"";
    let files = [
        (
            "OFD.xml",
            format!(
                "<ofd:OFD {space} Version=\"1.1\" DocType=\"OFD\"><ofd:DocBody><ofd:DocInfo><ofd:DocID>1</ofd:DocID>\
                 </ofd:DocInfo><ofd:DocRoot>Doc_0/Document.xml</ofd:DocRoot></ofd:DocBody></ofd:OFD>"
            ),
        ),
        (
            "Doc_0/Document.xml",
            format!(
                "<ofd:Document {space}><ofd:CommonData><ofd:MaxUnitID>9</ofd:MaxUnitID><ofd:PageArea><ofd:PhysicalBox>\
                 0 0 210 297</ofd:PhysicalBox></ofd:PageArea></ofd:CommonData><ofd:Pages><ofd:Page ID=\"1\" \
                 BaseLoc=\"Page.xml\"/></ofd:Pages></ofd:Document>"
            ),
        ),
        ("Doc_0/Page.xml", format!("<ofd:Page {space}/>")),
    ];
    let mut zip = ZipWriter::new(Cursor::new(Vec::new()));
    let options = SimpleFileOptions::default()
        .compression_method(CompressionMethod::Stored)
        .last_modified_time(DateTime::default());
    for (name, content) in files {
        zip.start_file(name, options).unwrap();
        zip.write_all(content.as_bytes()).unwrap();
    }
    zip.finish().unwrap().into_inner()
}

fn assert_valid<R: Read + Seek>(world: &World, document: R) {
    let validator = world.validator();
    let report = Document::open(document).unwrap().verify(&Terms::new(&validator, now())).unwrap();
    assert_eq!(report.verdict(), Verdict::Valid, "{:?}", report.signatures);
}

#[test]
fn an_electronic_seal_is_always_the_same() {
    let seal = seal(&World::new());
    assert_eq!(hex(seal.as_der()), "0f6a3fe8591f127134a517e90a9a20ee50c777741e3a857c562bb88981f98935");
}

#[test]
fn a_sealed_pdf_is_always_the_same() {
    let world = World::new();
    let seal = seal(&world);
    let look = Look::new(seal.picture()).unwrap();
    let places =
        [Place::At { pages: Pages::All, x: 100.0, y: 150.0 }, Place::Across(CrossPage::new(Edge::Right))];
    let chain = [world.root.as_der().to_vec()];
    let forms = [
        (SealingForm::Seal(&seal, &look), "bbc8f784c2e9215e1b6a36ab7913c04398446cdf274d069737c537c7c2ab9067"),
        (
            SealingForm::Message { chain: &chain, look: Some(&look) },
            "55513c22bf0934d74195b90f8f5b45bcc5ad55290f9901cf9b98e6e46b7ee3e6",
        ),
    ];
    for (form, expected) in forms {
        let sealing = Sealing {
            form,
            signer: &world.holder,
            time: now(),
            time_stamp: None,
            places: &places,
            reason: Some("投标"),
            location: Some("北京"),
            finish: true,
        };
        let mut document = Document::open(Cursor::new(pdf())).unwrap();
        let prepared = document.prepare(&sealing).unwrap();
        let signature = signed("holder", prepared.digest());
        let mut sealed = Vec::new();
        prepared.write(&signature, None, &mut sealed).unwrap();
        assert_valid(&world, Cursor::new(&sealed));
        assert_eq!(hex(&sealed), expected, "{} bytes", sealed.len());
    }
}

/// An OFD document under the seal `within` its value, with `beside` as the file of the seal. Without the version of this program,
/// which stands in what it seals.
fn sealed_ofd(world: &World, within: &ElectronicSeal, beside: &ElectronicSeal) -> Vec<u8> {
    let area = Rect { x: 100.0, y: 150.0, width: 42.0, height: 42.0 };
    let half = Rect { x: 0.0, y: 0.0, width: 21.0, height: 42.0 };
    let stamps = [
        Stamp { page: 0, area, clip: None },
        Stamp { page: 0, area: Rect { x: 189.0, ..area }, clip: Some(half) },
    ];
    let request = ofd::Request {
        kind: ofd::Kind::Seal,
        stamps: &stamps,
        seal: Some(beside.as_der()),
        provider: ofd::Provider { name: "cosign", version: "1", company: "cosign" },
        method: "1.2.156.10197.1.501",
        time: now(),
        protect: ofd::Protect::Content,
    };
    let mut document = ofd::Document::open(Cursor::new(package())).unwrap();
    let prepared = ofd::prepare(&mut document, &request).unwrap();
    let order = Order { form: Form::Seal(within), signer: &world.holder, time: now(), time_stamp: None };
    let mut hasher = order.start(prepared.signature_xml().len() as u64).unwrap();
    hasher.update(prepared.signature_xml()).unwrap();
    let unsigned = hasher.finish(prepared.property_info()).unwrap();
    let signature = signed("holder", unsigned.digest());
    let value = unsigned.complete(&signature, None).unwrap();
    let mut sealed = Cursor::new(Vec::new());
    prepared.embed(&value, &mut sealed).unwrap();
    sealed.into_inner()
}

#[test]
fn a_sealed_ofd_is_always_the_same() {
    let world = World::new();
    let seal = seal(&world);
    let sealed = sealed_ofd(&world, &seal, &seal);
    assert_valid(&world, Cursor::new(&sealed));
    assert_eq!(
        hex(&sealed),
        "b772841c525d965d337fb593938f2042e8e7e97631b097340154e29d7dbee7d8",
        "{} bytes",
        sealed.len()
    );
}

#[test]
fn another_seal_beside_the_signature_is_found() {
    let world = World::new();
    let sealed = sealed_ofd(&world, &seal(&world), &world.seal());
    let validator = world.validator();
    let report = Document::open(Cursor::new(sealed)).unwrap().verify(&Terms::new(&validator, now())).unwrap();
    let codes: Vec<_> = report.signatures[0].reasons.iter().map(|reason| reason.code).collect();
    assert_eq!(codes, [Code::SealDiffers]);
}
