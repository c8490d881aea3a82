//! PDF files.

use std::io::Cursor;

use pki::validate::Validator;
use seal::{
    document,
    pdf::{Document, Evidence, digest, signatures, warnings},
    report::{Code, Verdict},
    verify::Terms,
};

use super::world::{now, world};

/// Longest input.
const MAX_LEN: usize = 64 * 1024;

/// Whatever can be sealed is, with a seal and with a message: the file stays as it is in front of one more signature, which is
/// valid; without it the file is as long as it was.
pub(in crate::fuzz) fn document(data: &[u8]) -> bool {
    if data.len() > MAX_LEN {
        return false;
    }
    let Some(count) = read(data) else { return false };
    for with_seal in [true, false] {
        let Ok(sealed) = world().seal_document(data, with_seal) else { continue };
        assert_eq!(sealed.get(..data.len()), Some(data), "the file that was there");
        check(data, &sealed, count);
    }
    true
}

/// Everything that there is to know about a file. Gives how many signatures it has.
fn read(data: &[u8]) -> Option<Option<usize>> {
    let mut document = Document::open(Cursor::new(data)).ok()?;
    for revision in 0..document.revisions().len() {
        let _ = (
            document.pages_at(revision),
            document.signature_fields(revision),
            document.certification(revision),
        );
    }
    let ids: Vec<_> = document.entries().iter().map(seal::pdf::Entry::id).collect();
    for id in ids {
        let _ = document.object(id);
    }
    if let Ok(length) = document.truncate_last() {
        assert!(length < data.len() as u64, "nothing was taken back");
    }
    let _ = document.append_dss(&Evidence { certificates: &[b"x"], ..Evidence::default() });
    let _ = warnings(&mut document);
    let found = signatures(&mut document).ok();
    for one in found.iter().flatten() {
        let mut length = 0;
        if digest(&mut document, one, |piece| length += piece.len() as u64).is_ok() {
            let ranges = one.byte_range.as_ref().unwrap();
            assert_eq!(length, ranges.iter().map(|range| range.end - range.start).sum::<u64>());
        }
    }
    let nobody = Validator::new();
    let report = document::Document::open(Cursor::new(data))
        .and_then(|mut document| document.verify(&Terms::new(&nobody, now())));
    if let Ok(report) = report {
        assert_eq!(Some(report.signatures.len()), found.as_ref().map(Vec::len));
        // Who is not known is not trusted.
        assert!(report.verdict() != Verdict::Valid);
    }
    Some(found.map(|found| found.len()))
}

fn check(data: &[u8], sealed: &[u8], count: Option<usize>) {
    let mut document = Document::open(Cursor::new(sealed)).unwrap();
    let found = signatures(&mut document).unwrap();
    if let Some(count) = count {
        assert_eq!(found.len(), count + 1, "one more signature");
    }
    let whole =
        |range: &[core::ops::Range<u64>; 2]| range[0].start == 0 && range[1].end == sealed.len() as u64;
    let last = found.iter().position(|one| one.byte_range.as_ref().is_some_and(whole)).unwrap();
    assert_eq!(found[last].revision, Some(document.revisions().len() - 1));
    let length = document.truncate_last().unwrap();
    // What stood behind the last signature, and is no revision, goes too.
    let length = usize::try_from(length).unwrap();
    let covered =
        |one: &seal::pdf::Found| one.byte_range.as_ref().is_some_and(|range| range[1].end == length as u64);
    assert!((data.len()..data.len() + 3).contains(&length) || found.iter().any(covered), "the old length");
    let mut document = document::Document::open(Cursor::new(sealed)).unwrap();
    let report = document.verify(&world().terms()).unwrap();
    let own = &report.signatures[last];
    assert!(own.has(Code::TimeClaimed));
    assert_eq!(own.verdict, Verdict::Valid, "{:?}", own.reasons);
}
