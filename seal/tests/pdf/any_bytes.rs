//! Damaged files: whatever is signed is signed well, and nothing panics.

use std::io::Cursor;
use std::sync::OnceLock;

use proptest::prelude::*;
use seal::pdf::{Document, Evidence};

use crate::support::{Body, FORMS, leaf, open, seen, sign, stamp};

fn files() -> &'static [Vec<u8>] {
    static FILES: OnceLock<Vec<Vec<u8>>> = OnceLock::new();
    FILES.get_or_init(make)
}

fn make() -> Vec<Vec<u8>> {
    let mut body = Body::new(2);
    body.set(1, "<</Type/Catalog/Pages 2 0 R/AcroForm<</Fields[9 0 R]/SigFlags 3>>>>");
    body.set(9, "<</FT/Sig/T(a)/Kids[10 0 R]>>").set(10, "<</Parent 9 0 R/Rect[0 0 9 9]/P 4 0 R>>");
    body.set(4, &leaf("/Annots 11 0 R/Rotate 90")).set(11, "[10 0 R]");
    let plain: Vec<Vec<u8>> = FORMS.iter().map(|form| body.write(*form)).collect();
    let signed = plain.iter().map(|file| sign(file, &seen(vec![stamp(1)])).unwrap().0);
    signed.chain(plain.iter().cloned()).collect()
}

/// Everything that there is to do with a file.
fn exercise(file: &[u8]) {
    let Ok(mut document) = Document::open(Cursor::new(file)) else { return };
    for revision in 0..document.revisions().len() {
        let _ = document.pages_at(revision);
        let _ = document.signature_fields(revision);
        let _ = document.certification(revision);
    }
    let ids: Vec<_> = document.entries().iter().map(|entry| entry.id()).collect();
    for id in ids {
        let _ = document.object(id);
    }
    let _ = document.truncate_last();
    let _ = document.append_dss(&Evidence { certificates: &[b"x"], ..Evidence::default() });
    if let Ok((signed, name)) = sign(file, &seen(vec![stamp(0), stamp(1)])) {
        let mut document = open(&signed).unwrap();
        let newest = document.newest();
        let fields = document.signature_fields(newest).unwrap();
        let field = fields.iter().find(|field| field.name == name).unwrap();
        // A damaged file may have the same page twice.
        let pages = document.pages().unwrap();
        assert_eq!(field.widgets.len(), 2);
        for (widget, page) in field.widgets.iter().zip(&pages) {
            assert_eq!(pages[widget.page.unwrap()].id, page.id);
        }
        let [zero, start, end, rest] = field.value.as_ref().unwrap().byte_range[..] else {
            panic!("no range")
        };
        assert_eq!((zero, end + rest), (0, i64::try_from(signed.len()).unwrap()));
        let span = field.value.as_ref().unwrap().contents_span.clone().unwrap();
        assert_eq!((span.start, span.end), (start.unsigned_abs(), end.unsigned_abs()));
    }
}

#[test]
fn files_that_end_anywhere_are_read_or_refused() {
    for file in files() {
        for len in (0..file.len()).step_by(29) {
            exercise(&file[..len]);
        }
    }
}

proptest! {
    #[test]
    fn files_with_wrong_bytes_are_read_or_refused(
        which in 0_usize..8,
        edits in proptest::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..6),
    ) {
        let mut file = files()[which].clone();
        for (at, byte) in edits {
            let at = at.index(file.len());
            file[at] = byte;
        }
        exercise(&file);
    }

    #[test]
    fn files_with_wrong_digits_are_read_or_refused(
        which in 0_usize..8,
        edits in proptest::collection::vec((any::<prop::sample::Index>(), b'0'..=b'9'), 1..4),
    ) {
        let mut file = files()[which].clone();
        let digits: Vec<usize> = (0..file.len()).filter(|at| file[*at].is_ascii_digit()).collect();
        for (at, digit) in edits {
            file[digits[at.index(digits.len())]] = digit;
        }
        exercise(&file);
    }
}
