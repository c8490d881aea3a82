//! Several signatures in one document, and what proves later that they were good.

use std::io::Cursor;

use pki::validate::{Revocation, Validator, Verdict};
use pki::{RevocationList, Time};
use seal::Error;
use seal::document::{Document, Preserved, Sealing, SealingForm};
use seal::pdf::{self, Evidence};
use seal::report::{Code, Kind, Report};
use seal::verify::{At, Terms};

use crate::golden::package;
use crate::shown::{page, png, seal_with, sealed, sealing};
use crate::support::{World, now, signed, time};

fn later() -> Time {
    time("2026-07-01T00:00:00Z")
}

fn under_seal(world: &World) -> Vec<u8> {
    let picture = png(16, 200);
    sealed(world, page(), &seal_with(world, picture.clone()), &picture)
}

fn with_message(world: &World, document: Vec<u8>) -> Vec<u8> {
    let form = SealingForm::Message { chain: &[], look: None };
    let picture = png(16, 200);
    let seal = seal_with(world, picture.clone());
    let look = seal::document::Look::new(&picture).unwrap();
    let mut document = Document::open(Cursor::new(document)).unwrap();
    let sealing = Sealing { form, ..sealing(world, &seal, &look, &[]) };
    let prepared = document.prepare(&sealing).unwrap();
    let signature = signed("holder", prepared.digest());
    let mut out = Vec::new();
    prepared.write(&signature, None, &mut out).unwrap();
    out
}

fn with_stamp(world: &World, document: Vec<u8>) -> Vec<u8> {
    let mut opened = Document::open(Cursor::new(&document)).unwrap();
    let prepared = opened.prepare_time_stamp(now(), 4_000).unwrap();
    let token = world.stamp_digest(prepared.digest(), now());
    [document.clone(), prepared.embed(&token).unwrap()].concat()
}

fn judged(document: &[u8], validator: &Validator, at: At, revocation: Revocation) -> Report {
    let mut document = Document::open(Cursor::new(document)).unwrap();
    document.verify(&Terms { at, revocation, ..Terms::new(validator, later()) }).unwrap()
}

fn required(document: &[u8], validator: &Validator) -> Report {
    judged(document, validator, At::Signing, Revocation::Require)
}

/// A document that brings these lists along.
fn bringing(world: &World, lists: &[&[u8]]) -> Vec<u8> {
    let document = under_seal(world);
    let mut opened = pdf::Document::open(Cursor::new(&document)).unwrap();
    let update = opened.append_dss(&Evidence { lists, ..Evidence::default() }).unwrap();
    [document.clone(), update].concat()
}

#[test]
fn each_signature_covers_what_was_there_before() {
    let world = World::new();
    let first = under_seal(&world);
    let second = with_message(&world, first.clone());
    let third = with_stamp(&world, second.clone());
    let document = with_message(&world, third.clone());
    let validator = world.validator();
    let changed = |document: &[u8]| {
        let report = judged(document, &validator, At::Signing, Revocation::IfKnown);
        let of = |signature: &seal::report::SignatureReport| signature.has(Code::ContentChanged);
        report.signatures.iter().map(of).collect::<Vec<_>>()
    };
    let report = judged(&document, &validator, At::Signing, Revocation::IfKnown);
    assert_eq!(report.verdict(), Verdict::Valid, "{report:?}");
    let kinds: Vec<_> = report.signatures.iter().map(|signature| signature.kind).collect();
    assert_eq!(kinds, [Kind::PdfSeal, Kind::PdfSignature, Kind::PdfTimeStamp, Kind::PdfSignature]);
    // One byte in what each of them appended, in a place where it changes nothing else.
    for (index, appended) in [&b""[..], &first, &second, &third].iter().enumerate() {
        let mut document = document.clone();
        let from = appended.len();
        let at = from + document[from..].windows(4).position(|bytes| bytes == b"obj\n").unwrap() + 3;
        document[at] = b' ';
        let expected: Vec<_> = (0..4).map(|signature| signature >= index).collect();
        assert_eq!(changed(&document), expected, "{index}");
    }
}

#[test]
fn a_document_brings_along_whether_its_certificates_were_revoked() {
    let world = World::new();
    let document = under_seal(&world);
    let bare = world.validator();
    let list = world.list((time("2026-06-20T00:00:00Z"), time("2027-06-20T00:00:00Z")), None);
    let knowing = world.validator().with_list(list.clone());
    assert_eq!(required(&document, &bare).verdict(), Verdict::Indeterminate);
    let report = required(&document, &knowing);
    assert_eq!(report.verdict(), Verdict::Valid, "{report:?}");
    let mut opened = Document::open(Cursor::new(&document)).unwrap();
    let mut preserved = Vec::new();
    let count = opened.preserve(&report, &knowing, &mut preserved).unwrap();
    assert_eq!(count, Preserved { certificates: 3, lists: 1, answers: 0 });
    assert!(preserved.starts_with(&document));
    let stored = pdf::Document::open(Cursor::new(&preserved)).unwrap().stored_evidence().unwrap();
    assert_eq!((stored.certificates.len(), stored.lists), (3, vec![list.as_der().to_vec()]));

    let preserved = with_stamp(&world, preserved);
    let report = required(&preserved, &bare);
    // Of who stamped the document nothing was known yet, but he has the same issuer.
    assert_eq!((report.verdict(), report.signatures.len()), (Verdict::Valid, 2), "{report:?}");
    // It says nothing of today.
    let today = judged(&preserved, &bare, At::Now, Revocation::Require);
    assert_eq!(today.verdict(), Verdict::Indeterminate);
    // Nobody is trusted because he is in there.
    assert_ne!(required(&preserved, &Validator::new()).verdict(), Verdict::Valid);
}

#[test]
fn what_a_document_brings_along_counts_against_it() {
    let world = World::new();
    let revoked = world.revoked(&world.holder, time("2026-05-01T00:00:00Z"));
    let document = bringing(&world, &[revoked.as_der()]);
    let report = judged(&document, &world.validator(), At::Signing, Revocation::IfKnown);
    assert!(report.signatures[0].has(Code::SignerInvalid), "{report:?}");
}

#[test]
fn what_is_out_of_date_or_broken_is_as_if_it_were_not_there() {
    let world = World::new();
    let stale = world.list((time("2026-05-01T00:00:00Z"), time("2026-05-20T00:00:00Z")), None);
    let document = bringing(&world, &[stale.as_der(), b"no list"]);
    let report = judged(&document, &world.validator(), At::Signing, Revocation::IfKnown);
    assert_eq!(report.verdict(), Verdict::Valid, "{report:?}");
    let detail: Vec<_> = report.warnings.iter().map(|warning| warning.detail.as_str()).collect();
    assert_eq!(detail, ["DSS: 1 of 2 cannot be read"]);
    assert_eq!(required(&document, &world.validator()).verdict(), Verdict::Indeterminate);
    // Known from elsewhere it leaves the verdict open.
    let knowing = world.validator().with_list(stale);
    let report = judged(&under_seal(&world), &knowing, At::Signing, Revocation::IfKnown);
    assert_eq!(report.verdict(), Verdict::Indeterminate);
}

#[test]
fn what_a_document_brings_along_takes_the_place_of_nothing() {
    let world = World::new();
    let revoked = world.revoked(&world.holder, time("2026-05-01T00:00:00Z"));
    // Newer than the list that is known, and not signed by the authority: more of them than signatures are looked at.
    let lists: Vec<Vec<u8>> = (0..300_u32)
        .map(|number| {
            let made = Time::from_unix(time("2026-06-25T00:00:00Z").as_unix() + u64::from(number)).unwrap();
            let mut der = world.list((made, later()), None).as_der().to_vec();
            // Within the signature.
            let last = der.len() - 1;
            der[last] ^= 1;
            RevocationList::from_der(&der).unwrap();
            der
        })
        .collect();
    let lists: Vec<&[u8]> = lists.iter().map(Vec::as_slice).collect();
    let document = bringing(&world, &lists);
    let knowing = world.validator().with_list(revoked);
    let report = judged(&document, &knowing, At::Signing, Revocation::IfKnown);
    assert!(report.signatures[0].has(Code::SignerInvalid), "{report:?}");
}

#[test]
fn there_is_a_place_for_evidence_in_pdf_only() {
    let world = World::new();
    let mut package = Document::open(Cursor::new(package())).unwrap();
    let report = package.verify(&Terms::new(&world.validator(), later())).unwrap();
    let refused = package.preserve(&report, &world.validator(), Vec::new()).unwrap_err();
    assert!(matches!(refused, Error::Unsupported(_)), "{refused}");
    assert!(matches!(package.prepare_time_stamp(now(), 100).unwrap_err(), Error::Unsupported(_)));
    let mut nothing = Document::open(Cursor::new(page())).unwrap();
    let report = nothing.verify(&Terms::new(&world.validator(), later())).unwrap();
    assert!(matches!(
        nothing.preserve(&report, &world.validator(), Vec::new()).unwrap_err(),
        Error::Unusable(_)
    ));
}
