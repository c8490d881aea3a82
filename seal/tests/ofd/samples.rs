//! Documents of other makers.

use std::fs;
use std::io::Cursor;
use std::path::{Path, PathBuf};

use seal::geometry::Rect;
use seal::ofd::{Document, Kind, Outcome, Protect, prepare, remove_last, verify_structure};
use seal::place::Finder;
use seal::report::{Code, Reason};
use sm_primitives::sm3;

use crate::fixture::{Files, STAMPS, pack, request, sign_request, time};

fn samples() -> Option<PathBuf> {
    let beside = || Path::new(env!("CARGO_MANIFEST_DIR")).join("../../shared/data/samples");
    let folder = std::env::var_os("COSIGN_SAMPLES").map_or_else(beside, PathBuf::from);
    if folder.is_dir() {
        return Some(folder);
    }
    eprintln!("skipped: samples not present");
    None
}

fn open(bytes: &[u8]) -> Document<Cursor<&[u8]>> {
    Document::open(Cursor::new(bytes)).expect("a document")
}

/// References that hold, that changed, that are missing; stamps; codes without notes about deviations.
type Signed = (usize, usize, usize, usize, &'static [Code]);

const FINE: &[Code] = &[];
const PARTLY: &[Code] = &[Code::PartlyCovered, Code::PartlyCovered];
const TWO_CHANGED: &[Code] = &[Code::ContentChanged, Code::ContentChanged];

/// The file, its pages, its signatures, whether something was tolerated.
const DOCUMENTS: &[(&str, usize, &[Signed], bool)] = &[
    ("ofd/ofdrw-archive__test-ofda.ofd", 1, &[], false),
    ("ofd/ofdrw-converter__V4RideRight.ofd", 5, &[(9, 0, 0, 5, FINE)], false),
    ("ofd/ofdrw-converter__ano.ofd", 3, &[], false),
    ("ofd/ofdrw-converter__helloworld.ofd", 1, &[], false),
    ("ofd/ofdrw-converter__n.ofd", 2, &[(0, 6, 0, 1, &[Code::ContentChanged; 6])], false),
    ("ofd/ofdrw-converter__testImageNotFound.ofd", 2, &[(14, 0, 0, 0, PARTLY), (19, 0, 0, 0, FINE)], true),
    ("ofd/ofdrw-converter__testPathClip.ofd", 1, &[(16, 0, 0, 0, PARTLY), (21, 0, 0, 0, FINE)], true),
    ("ofd/ofdrw-converter__testPathFillOpacity.ofd", 1, &[], false),
    ("ofd/ofdrw-converter__z.ofd", 4, &[], true),
    ("ofd/ofdrw-converter__zsbk.ofd", 2, &[(21, 2, 0, 1, TWO_CHANGED), (24, 2, 0, 1, TWO_CHANGED)], false),
    ("ofd/ofdrw-converter__透明度文字.ofd", 1, &[], false),
    ("ofd/ofdrw-crypto__hello-integrity.ofd", 2, &[], false),
    ("ofd/ofdrw-crypto__hello.ofd", 2, &[], false),
    ("ofd/ofdrw-layout__1-1.ofd", 3, &[], false),
    ("ofd/ofdrw-layout__AddAttachment.ofd", 1, &[], false),
    ("ofd/ofdrw-layout__AddAttachment_relativepathversion.ofd", 1, &[], false),
    ("ofd/ofdrw-layout__AddWatermarkAnnot.ofd", 6, &[], false),
    ("ofd/ofdrw-layout__Page5.ofd", 5, &[], false),
    ("ofd/ofdrw-layout__SplitParagraph.ofd", 2, &[], false),
    ("ofd/ofdrw-layout__areaholder_fields.ofd", 1, &[], false),
    ("ofd/ofdrw-layout__no_page_container.ofd", 1, &[], false),
    ("ofd/ofdrw-reader__SESV4SignDoc.ofd", 1, &[(5, 0, 0, 1, FINE)], false),
    ("ofd/ofdrw-reader__chineseDir.ofd", 1, &[], false),
    ("ofd/ofdrw-reader__helloworld_with_pageblock.ofd", 1, &[], false),
    ("ofd/ofdrw-reader__multiKeywordInTextCode.ofd", 1, &[], false),
    ("ofd/ofdrw-sign__DigitalSign.ofd", 1, &[(4, 0, 0, 0, FINE)], false),
    ("ofd/ofdrw-sign__doc1File.ofd", 11, &[], false),
    ("ofd/ofdrw-sign__namespace_no_std.ofd", 1, &[], true),
    ("ofd/ofdrw-tool__hello_watermark.ofd", 1, &[], false),
    ("ofd/ofdrw-tool__page1.ofd", 1, &[], false),
    ("negative/ofd_page2_modified.ofd", 5, &[(8, 1, 0, 5, &[Code::ContentChanged])], false),
    ("negative/ofd_unreferenced_file_added.ofd", 5, &[(9, 0, 0, 5, FINE)], false),
];

fn codes(reasons: &[Reason]) -> Vec<Code> {
    reasons.iter().map(|reason| reason.code).filter(|code| *code != Code::Deviation).collect()
}

#[test]
fn documents_and_their_signatures_are_read() {
    let Some(folder) = samples() else { return };
    for (name, pages, signed, tolerated) in DOCUMENTS {
        let bytes = fs::read(folder.join(name)).expect("a sample");
        let mut document = open(&bytes);
        assert_eq!(document.pages().map(|pages| pages.len()), Ok(*pages), "{name}");
        for page in 0..*pages {
            let content = document.content(page).expect("readable");
            assert!(content.area.width > 100.0 && content.area.height > 100.0, "{name}");
        }
        let structure = verify_structure(&mut document).expect("a structure");
        let found: Vec<_> = structure
            .signatures
            .iter()
            .map(|found| {
                let signature = found.signature.as_ref().expect("readable");
                let count =
                    |outcome| signature.references.iter().filter(|one| one.outcome == outcome).count();
                assert!(signature.time.is_some() && !signature.value.is_empty(), "{name}");
                assert_eq!(signature.method, "1.2.156.10197.1.501", "{name}");
                let stamps = signature.stamps.len();
                let reasons = codes(&found.reasons);
                (count(Outcome::Ok), count(Outcome::Changed), count(Outcome::Missing), stamps, reasons)
            })
            .collect();
        let expected: Vec<_> = signed
            .iter()
            .map(|(ok, bad, missing, stamps, codes)| (*ok, *bad, *missing, *stamps, codes.to_vec()))
            .collect();
        assert_eq!(found, expected, "{name}");
        let deviations = structure.warnings.iter().any(|warning| warning.code == Code::Deviation);
        assert_eq!(deviations, *tolerated, "{name}: {:?}", structure.warnings);
        let warnings: &[Code] = if name.contains("unreferenced") { &[Code::UnreferencedFile] } else { &[] };
        assert_eq!(codes(&structure.warnings), warnings, "{name}");
    }
}

#[test]
fn what_was_changed_is_named() {
    let Some(folder) = samples() else { return };
    let bytes = fs::read(folder.join("negative/ofd_page2_modified.ofd")).expect("a sample");
    let structure = verify_structure(&mut open(&bytes)).expect("a structure");
    assert_eq!(structure.signatures[0].reasons[0].detail, "/Doc_0/Pages/Page_2/Content.xml");
    let bytes = fs::read(folder.join("negative/ofd_unreferenced_file_added.ofd")).expect("a sample");
    let structure = verify_structure(&mut open(&bytes)).expect("a structure");
    assert_eq!(structure.warnings[0].detail, "/Doc_0/Attachs/smuggled.xml");
    let bytes = fs::read(folder.join("ofd/ofdrw-crypto__hello-integrity.ofd")).expect("a sample");
    let integrity = open(&bytes).integrity().expect("readable").expect("there");
    assert_eq!((integrity.value.len(), integrity.missing.len(), integrity.unlisted.len()), (858, 0, 0));
}

#[test]
fn a_seal_over_the_edges_of_pages_has_a_stamp_on_each() {
    let Some(folder) = samples() else { return };
    let bytes = fs::read(folder.join("ofd/ofdrw-converter__V4RideRight.ofd")).expect("a sample");
    let structure = verify_structure(&mut open(&bytes)).expect("a structure");
    let signature = structure.signatures[0].signature.as_ref().expect("readable");
    assert!(signature.protects_signatures);
    for (page, stamp) in signature.stamps.iter().enumerate() {
        let left = f64::from(u32::try_from(page).expect("few")) * 8.0;
        assert_eq!(stamp.page, page);
        assert_eq!(stamp.area, Rect { x: 202.0 - left, y: 40.0, width: 40.0, height: 40.0 });
        assert_eq!(stamp.clip, Some(Rect { x: left, y: 0.0, width: 8.0, height: 40.0 }));
    }
    let error = prepare(&mut open(&bytes), &request(Protect::Content)).err();
    assert_eq!(
        error,
        Some(seal::Error::Unusable("a signature protects the whole document; none can follow"))
    );
}

#[test]
fn keywords_are_found() {
    let Some(folder) = samples() else { return };
    for (name, text, places) in [
        ("multiKeywordInTextCode", "打发", vec![0, 2, 4, 6, 8, 12, 23]),
        ("multiKeywordInTextCode", "哈哈打", vec![10, 21]),
        ("namespace_no_std", "Reader&Writer！", vec![8]),
    ] {
        let file = ["reader", "sign"].map(|module| folder.join(format!("ofd/ofdrw-{module}__{name}.ofd")));
        let bytes = file.iter().find_map(|path| fs::read(path).ok()).expect("a sample");
        let hits = open(&bytes).find(text).expect("readable");
        let (origin, width) = if name.starts_with("multi") { (31.75, 3.7) } else { (31.7, 1.5) };
        let near: Vec<i32> = hits
            .iter()
            .map(|hit| {
                (0..40)
                    .find(|at| (f64::from(*at) * width + origin - hit.area.x).abs() < 0.8)
                    .expect("on the grid")
            })
            .collect();
        if width > 2.0 {
            assert_eq!(near, places, "{text}");
        } else {
            assert_eq!(hits.len(), places.len(), "{text}");
        }
    }
    for (name, text, count) in [
        ("crypto__hello", "的", 41),
        ("layout__AddWatermarkAnnot", "的", 121),
        // over two objects, the number and the line
        ("sign__doc1File", "1、一日不见兮，思之如狂。", 1),
    ] {
        let bytes = fs::read(folder.join(format!("ofd/ofdrw-{name}.ofd"))).expect("a sample");
        let hits = open(&bytes).find(text).expect("readable");
        assert_eq!(hits.len(), count, "{name}");
        assert!(hits.is_sorted_by_key(|hit| hit.page), "{name}");
        assert!(hits.iter().all(|hit| hit.area.x > 0.0 && hit.area.x + hit.area.width < 210.0), "{name}");
    }
}

#[test]
fn documents_of_others_can_be_sealed() {
    let Some(folder) = samples() else { return };
    for (name, pages, signed, _) in DOCUMENTS {
        let bytes = fs::read(folder.join(name)).expect("a sample");
        let mut document = open(&bytes);
        let request = if *pages > 1 { request(Protect::Content) } else { sign_request(Protect::Content) };
        let prepared = match prepare(&mut document, &request) {
            Ok(prepared) => prepared,
            Err(error) => {
                let whole = signed.iter().any(|_| !name.contains("zsbk") && !name.ends_with("__n.ofd"));
                assert!(whole || name.contains("integrity"), "{name}: {error}");
                continue;
            }
        };
        let digest = prepared.digest();
        let mut out = Vec::new();
        prepared.embed(&digest, &mut out).expect("embedded");
        let structure = verify_structure(&mut open(&out)).expect("a structure");
        let (last, before) = structure.signatures.split_last().expect("the new one");
        assert_eq!(codes(&last.reasons), [], "{name}");
        let signature = last.signature.as_ref().expect("readable");
        assert_eq!(signature.value, sm3::digest(&signature.xml), "{name}");
        let stamps = if signature.kind == Kind::Seal { STAMPS.len() } else { 0 };
        assert_eq!(signature.stamps.len(), stamps, "{name}");
        // Those that were there are as good as they were.
        let earlier: Vec<_> = before.iter().map(|found| codes(&found.reasons)).collect();
        assert_eq!(earlier, signed.iter().map(|signed| signed.4.to_vec()).collect::<Vec<_>>(), "{name}");
    }
}

#[test]
fn the_last_signature_of_others_can_be_removed() {
    let Some(folder) = samples() else { return };
    // The maker left out what the second signature covers: without it nobody does.
    for name in ["testPathClip", "testImageNotFound"] {
        let bytes = fs::read(folder.join(format!("ofd/ofdrw-converter__{name}.ofd"))).expect("a sample");
        let mut out = Vec::new();
        remove_last(&mut open(&bytes), "2", time(), &mut out).expect("removed");
        let structure = verify_structure(&mut open(&out)).expect("a structure");
        let left: Vec<_> = structure.signatures.iter().map(|found| codes(&found.reasons)).collect();
        assert_eq!(left, [[Code::UncoveredPart; 2]], "{name}");
        assert_eq!(codes(&structure.warnings), [], "{name}");
    }
}

/// The document that a signature needs around it: parts of real documents, of which the pages are not kept.
fn around(parts: &Path) -> Files {
    let page = "<Page ID='1' BaseLoc='P.xml'/>";
    let mut files: Files = [
        ("OFD.xml", "<OFD><DocBody><DocRoot>Doc_0/Document.xml</DocRoot><Signatures>Doc_0/Signs/Signatures.xml</Signatures></DocBody></OFD>".to_owned()),
        ("Doc_0/Document.xml", format!("<Document><CommonData/><Pages>{page}</Pages></Document>")),
    ]
    .map(|(path, text)| (path.to_owned(), text.into_bytes()))
    .to_vec();
    for file in fs::read_dir(parts).expect("a folder") {
        let path = file.expect("a file").path();
        let name = path.file_name().and_then(|name| name.to_str()).expect("a name").replace("__", "/");
        files.push((format!("Doc_0/Signs/{name}"), fs::read(path).expect("a file")));
    }
    files
}

#[test]
fn parts_of_real_documents_are_read() {
    let Some(folder) = samples() else { return };
    for (name, expected) in [
        ("jiangsu_tax_gomain", vec![("2", Kind::Seal, 13, 0, 1, "gomain_eseal")]),
        (
            "zibo_rawrs_tongzhi",
            vec![("2", Kind::Seal, 7, 1, 1, "oesplugin"), ("4", Kind::Sign, 9, 4, 0, "oesplugin")],
        ),
    ] {
        let package = pack(&around(&folder.join("ofd-parts").join(name)));
        let structure = verify_structure(&mut open(&package)).expect("a structure");
        let found: Vec<_> = structure
            .signatures
            .iter()
            .map(|found| {
                let signature = found.signature.as_ref().expect("readable");
                let ok = signature.references.iter().filter(|one| one.outcome == Outcome::Ok).count();
                let stamps = signature.stamps.len();
                let provider = signature.provider[0].as_str();
                (found.id.as_str(), signature.kind, signature.references.len(), ok, stamps, provider)
            })
            .collect();
        // Seals, signatures, values and the list itself are there and unchanged; the rest is missing.
        assert_eq!(found, expected, "{name}");
    }
}
