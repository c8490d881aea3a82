//! What a sealed document shows, and what the seal looks like.

use std::io::Cursor;

use getrandom::SysRng;
use pki::validate::Verdict;
use seal::Error;
use seal::document::{Document, Look, Sealing, SealingForm, verify_seal};
use seal::geometry::Size;
use seal::picture::Picture;
use seal::place::{Pages, Place};
use seal::report::{Code, Report};
use seal::ses::{ElectronicSeal, Holders, PictureData};
use seal::verify::Terms;
use sm_primitives::sm2::dsa;

use crate::support::{World, key, now, time};

/// A PDF of one empty page.
pub(crate) fn page() -> Vec<u8> {
    page_with("<< >>")
}

/// The same, with an object that the page names.
fn page_with(object: &str) -> Vec<u8> {
    let objects = [
        "<< /Type /Catalog /Pages 2 0 R >>",
        "<< /Type /Pages /Count 1 /Kids [ 3 0 R ] >>",
        "<< /Type /Page /Parent 2 0 R /MediaBox [ 0 0 595 842 ] /PieceInfo 4 0 R >>",
        object,
    ];
    let mut file = b"%PDF-1.4\n".to_vec();
    let mut table = String::from("xref\n0 5\n0000000000 65535 f \n");
    for (number, object) in (1..).zip(objects) {
        table += &format!("{:010} 00000 n \n", file.len());
        file.extend(format!("{number} 0 obj\n{object}\nendobj\n").bytes());
    }
    let start = file.len();
    file.extend(format!("{table}trailer\n<< /Size 5 /Root 1 0 R >>\nstartxref\n{start}\n%%EOF\n").bytes());
    file
}

/// A picture of this many pixels a side, in this red, half of it transparent.
pub(crate) fn png(side: u32, red: u8) -> PictureData {
    let alpha = |index: u32| if index.is_multiple_of(2) { 0 } else { 255 };
    let pixels = (0..side * side).flat_map(|index| [red, 0, 0, alpha(index)]).collect();
    let size = Size { width: 40.0, height: 40.0 };
    PictureData::new(Picture::new(size, side, side, pixels).unwrap().to_png().unwrap(), 40, 40).unwrap()
}

pub(crate) fn seal_with(world: &World, picture: PictureData) -> ElectronicSeal {
    let mut order = world.order(Holders::Certificates(vec![world.holder.as_der().to_vec()]));
    order.picture = picture;
    let unsigned = order.unsigned(&world.maker).unwrap();
    let signature = dsa::sign_digest(&key("maker"), unsigned.digest(), &mut SysRng).unwrap();
    unsigned.complete(&signature).unwrap()
}

pub(crate) fn sealing<'a>(
    world: &'a World,
    seal: &'a ElectronicSeal,
    look: &'a Look,
    places: &'a [Place],
) -> Sealing<'a> {
    Sealing {
        form: SealingForm::Seal(seal, look),
        signer: &world.holder,
        time: now(),
        time_stamp: None,
        places,
        reason: None,
        location: None,
        finish: false,
    }
}

/// A document under this seal, with the look of this picture.
pub(crate) fn sealed(world: &World, document: Vec<u8>, seal: &ElectronicSeal, look: &PictureData) -> Vec<u8> {
    let look = Look::new(look).unwrap();
    let places = [Place::At { pages: Pages::All, x: 100.0, y: 100.0 }];
    let sealing = sealing(world, seal, &look, &places);
    let mut document = Document::open(Cursor::new(document)).unwrap();
    let prepared = document.prepare(&sealing).unwrap();
    let signature = dsa::sign_digest(&key("holder"), prepared.digest(), &mut SysRng).unwrap();
    let mut sealed = Vec::new();
    prepared.write(&signature, None, &mut sealed).unwrap();
    sealed
}

fn verified(world: &World, document: Vec<u8>) -> Report {
    let validator = world.validator();
    let mut document = Document::open(Cursor::new(document)).unwrap();
    document.verify(&Terms::new(&validator, time("2026-07-01T00:00:00Z"))).unwrap()
}

/// The page under this seal, with the look of this picture.
fn judged(world: &World, seal: &ElectronicSeal, look: &PictureData) -> Report {
    verified(world, sealed(world, page(), seal, look))
}

#[test]
fn pictures_are_compared_for_each_signature() {
    let world = World::new();
    let seal = seal_with(&world, png(16, 200));
    let looks = [png(16, 200), png(16, 201), png(16, 200), png(16, 201)];
    let document = looks.iter().fold(page(), |document, look| sealed(&world, document, &seal, look));
    let report = verified(&world, document);
    let differs = report.signatures.iter().map(|signature| signature.has(Code::SealPictureDiffers));
    assert_eq!(differs.collect::<Vec<_>>(), [false, true, false, true]);
}

#[test]
fn an_image_that_says_more_than_its_samples_is_not_compared() {
    let world = World::new();
    let seal = seal_with(&world, png(16, 200));
    let first = sealed(&world, page(), &seal, &png(16, 200));
    let document = sealed(&world, first.clone(), &seal, &png(16, 200));
    // The colours of one of two equal images upside down, in as many bytes; nothing else tells them apart. The signatures do
    // not count any more; the pictures are looked at all the same, and one is not taken for the other.
    let find = |from: usize, text: &[u8]| {
        from + document[from..].windows(text.len()).position(|bytes| bytes == text).unwrap()
    };
    let kind_of_image = |from: usize| {
        let image = find(from, b"/Subtype /Image");
        let start = document[..image].windows(3).rposition(|bytes| bytes == b"obj").unwrap();
        let at = find(start, b"/Type /XObject");
        assert!(at < find(image, b"stream"));
        at..at + 14
    };
    let kinds = [kind_of_image(0), kind_of_image(first.len())];
    for (texts, expected) in [
        ([b"/Decode [1 0] ", b"              "], [true, false]),
        ([b"              ", b"/Decode [1 0] "], [false, true]),
    ] {
        let mut changed = document.clone();
        for (place, text) in kinds.iter().zip(texts) {
            changed[place.clone()].copy_from_slice(text);
        }
        let report = verified(&world, changed);
        let unchecked = report.signatures.iter().map(|signature| signature.has(Code::SealPictureUnchecked));
        assert_eq!(unchecked.collect::<Vec<_>>(), expected);
    }
}

#[test]
fn another_picture_than_that_of_the_seal_is_found() {
    let world = World::new();
    let seal = seal_with(&world, png(16, 200));
    let same = judged(&world, &seal, &png(16, 200));
    assert_eq!(same.verdict(), Verdict::Valid, "{:?}", same.signatures[0].reasons);
    assert!(!same.signatures[0].has(Code::SealPictureUnchecked));
    let other = judged(&world, &seal, &png(16, 201));
    assert_eq!(other.verdict(), Verdict::Invalid);
    assert!(other.signatures[0].has(Code::SealPictureDiffers));
    // Of another size it may be the same one, drawn by another program.
    let scaled = judged(&world, &seal, &png(17, 200));
    assert_eq!(scaled.verdict(), Verdict::Valid);
    assert!(scaled.signatures[0].has(Code::SealPictureUnchecked));
}

#[test]
fn a_picture_that_cannot_be_shown_is_found() {
    let world = World::new();
    let mut broken = png(16, 200);
    broken.data.truncate(40);
    let seal = seal_with(&world, broken);
    let report = judged(&world, &seal, &png(16, 200));
    assert!(report.signatures[0].has(Code::SealPicture));
    assert_eq!(report.verdict(), Verdict::Invalid);
    let validator = world.validator();
    let terms = Terms::new(&validator, now());
    let alone = |seal: &ElectronicSeal| verify_seal(seal.as_der(), &terms).unwrap();
    assert!(alone(&seal).signatures[0].has(Code::SealPicture));
    assert_eq!(alone(&seal_with(&world, png(16, 200))).verdict(), Verdict::Valid);
    // A picture that is a document is for others to draw.
    let mut document = png(16, 200);
    document.format = "ofd".into();
    assert_eq!(alone(&seal_with(&world, document)).verdict(), Verdict::Valid);
}

#[test]
fn what_would_not_be_valid_is_not_sealed() {
    let world = World::new();
    let seal = seal_with(&world, png(16, 200));
    let look = Look::new(seal.picture()).unwrap();
    let places = [Place::At { pages: Pages::All, x: 100.0, y: 100.0 }];
    let prepared = |document: Vec<u8>| {
        let mut document = Document::open(Cursor::new(document)).unwrap();
        document.prepare(&sealing(&world, &seal, &look, &places)).map(|prepared| *prepared.digest())
    };
    assert!(prepared(page_with("<< /A 1 >>")).is_ok());
    let order = Error::Malformed("objects of a PDF that cannot be read as every program would");
    for broken in ["<< /A", "<< /A 1 /A 2 >>", "<< /Length 99999 >>\nstream\nx\nendstream"] {
        assert_eq!(prepared(page_with(broken)), Err(order), "{broken}");
    }
}
