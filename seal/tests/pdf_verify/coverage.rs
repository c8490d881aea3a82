//! What a signature covers.

use seal::pdf::digest;
use seal::report::Code;

use crate::build::{
    Pdf, Signing, form, has, plain_range, seal_objects, second_objects, set, signed, stamp_objects,
};

fn with_range(range: fn([usize; 4]) -> String) -> Pdf {
    let mut pdf = form();
    pdf.sign(&Signing { range, ..Signing::new(30, seal_objects()) });
    pdf
}

#[test]
fn a_byte_range_must_be_exact() {
    let numbers = "ByteRange";
    let gap = "ByteRange leaves out something else than Contents";
    let end = "ByteRange does not end with a revision";
    type Range = fn([usize; 4]) -> String;
    let cases: [(&str, Range, &str); 21] = [
        ("missing", |_| "null".into(), numbers),
        ("empty", |_| "[]".into(), numbers),
        ("of another type", |_| "(0 1 2 3)".into(), numbers),
        ("one range", |[a, b, ..]| format!("[{a} {b}]"), numbers),
        ("three numbers", |[a, b, c, _]| format!("[{a} {b} {c}]"), numbers),
        ("three ranges", |[a, b, c, d]| format!("[{a} {b} {c} {} {} 1]", d - 1, c + d - 1), numbers),
        ("negative", |[_, b, c, d]| format!("[-1 {b} {c} {d}]"), numbers),
        ("negative length", |[a, b, c, _]| format!("[{a} {b} {c} -9]"), numbers),
        ("real", |[a, b, c, d]| format!("[{a}.0 {b} {c} {d}]"), numbers),
        ("too long for a number", |[a, b, _, d]| format!("[{a} {b} {} {d}]", u64::MAX), numbers),
        ("overflow", |[a, b, c, _]| format!("[{a} {b} {c} {}]", i64::MAX), numbers),
        ("overlap", |[a, b, _, d]| format!("[{a} {b} {} {d}]", b - 1), numbers),
        ("swapped", |[a, b, c, d]| format!("[{c} {d} {a} {b}]"), numbers),
        ("beyond the file", |[a, b, c, d]| format!("[{a} {b} {c} {}]", d + 1), numbers),
        (
            "not from the beginning",
            |[_, b, c, d]| format!("[1 {} {c} {d}]", b - 1),
            "ByteRange does not begin with the file",
        ),
        ("gap too early", |[a, b, c, d]| format!("[{a} {} {c} {d}]", b - 1), gap),
        ("gap too long", |[a, b, c, d]| format!("[{a} {b} {} {}]", c + 1, d - 1), gap),
        ("gap without its first delimiter", |[a, b, c, d]| format!("[{a} {} {c} {d}]", b + 1), gap),
        ("gap without its last delimiter", |[a, b, c, d]| format!("[{a} {b} {} {}]", c - 1, d + 1), gap),
        ("no gap", |[a, b, c, d]| format!("[{a} {b} {b} {}]", d + c - b), gap),
        ("too short", |[a, b, c, d]| format!("[{a} {b} {c} {}]", d - 9), end),
    ];
    assert_eq!(with_range(plain_range).signatures()[0].reasons, []);
    for (name, range, detail) in cases {
        let found = with_range(range).signatures();
        assert!(has(&found[0].reasons, Code::Coverage, detail), "{name}: {:?}", found[0].reasons);
        assert_eq!(found[0].revision, None, "{name}");
    }
}

#[test]
fn the_end_of_line_may_be_signed_or_not() {
    let with: fn([usize; 4]) -> String = plain_range;
    let without: fn([usize; 4]) -> String = |[a, b, c, d]| format!("[{a} {b} {c} {}]", d - 1);
    for cut in [with, without] {
        assert_eq!(with_range(cut).signatures()[0].reasons, []);
    }
    let mut pdf = with_range(|[a, b, c, d]| format!("[{a} {b} {c} {}]", d + 3));
    pdf.bytes.extend_from_slice(b"\r\n ");
    assert_eq!(pdf.signatures()[0].reasons, []);
    let mut pdf = with_range(|[a, b, c, d]| format!("[{a} {b} {c} {}]", d + 3));
    pdf.bytes.extend_from_slice(b"\r\nx");
    assert!(has(&pdf.signatures()[0].reasons, Code::Coverage, "ByteRange does not end with a revision"));
}

#[test]
fn contents_must_stand_there_in_hexadecimal() {
    type Contents = fn(&str) -> String;
    let cases: [(&str, Contents, Code, &str); 6] = [
        ("missing", |_| "null".into(), Code::Unreadable, "Contents"),
        ("elsewhere", |_| "14 0 R".into(), Code::Unreadable, "Contents"),
        ("of another type", |_| "17".into(), Code::Unreadable, "Contents"),
        ("empty", |_| "<>".into(), Code::Unreadable, "Contents"),
        (
            "nothing but padding",
            |hex| format!("<{}>", hex.replace(|_: char| true, "0")),
            Code::Unreadable,
            "Contents",
        ),
        ("literal", |hex| format!("({hex})"), Code::Coverage, "Contents is not hexadecimal"),
    ];
    for (name, contents, code, detail) in cases {
        let mut pdf = form();
        pdf.sign(&Signing { contents, ..Signing::new(30, seal_objects()) });
        let found = pdf.signatures();
        assert!(has(&found[0].reasons, code, detail), "{name}: {:?}", found[0].reasons);
    }
}

#[test]
fn what_stands_behind_the_value_is_noted() {
    let mut pdf = form();
    pdf.sign(&Signing {
        contents: |hex| format!("<{}77>", &hex[2..].replace("0302", "300302")),
        ..Signing::new(30, seal_objects())
    });
    let found = &pdf.signatures()[0];
    assert!(has(&found.notes, Code::Deviation, "something stands behind the value in Contents"), "{found:?}");
    assert!(signed().signatures()[0].notes.is_empty());
}

#[test]
fn a_signature_must_be_of_the_revision_that_it_closes() {
    // The range of the first one, in the second one.
    let mut pdf = signed();
    let end = pdf.ends[1];
    pdf.sign(&Signing::new(41, second_objects()));
    let [_, b, c, _] = numbers(&pdf);
    let text = format!("[0 {b} {c} {}]", pdf.bytes.len() - c);
    let other = format!("{:width$}", format!("[0 {b} {c} {}]", end.saturating_sub(1)), width = text.len());
    pdf.replace(&text, &other);
    let found = pdf.signatures();
    let second = found.iter().find(|found| found.field == "Sig2").unwrap();
    assert!(second.reasons.iter().any(|reason| reason.code == Code::Coverage), "{second:?}");
    // One that closes more than its own revision.
    let mut pdf = signed();
    pdf.append(&[set(60, "null")]);
    let [_, b, c, d] = numbers(&pdf);
    let behind = pdf.bytes.len() - c;
    let padded = |len: usize| format!("{:40}", format!("[0 {b} {c} {len}]"));
    pdf.replace(&padded(d), &padded(behind));
    let found = pdf.signatures();
    assert!(
        has(&found[0].reasons, Code::Coverage, "the signature is not of the revision that it closes"),
        "{found:?}"
    );
    // A field that was not in the form.
    let mut pdf = form();
    let mut objects = seal_objects();
    objects.push(set(3, "<</Fields[6 0 R 8 0 R 17 0 R]/SigFlags 3>>"));
    pdf.sign(&Signing::new(30, objects));
    pdf.append(&[set(3, "<</Fields[6 0 R 7 0 R 8 0 R 17 0 R]/SigFlags 3>>")]);
    let found = pdf.signatures();
    assert!(
        has(&found[0].reasons, Code::Coverage, "the form did not have the signature when it was made"),
        "{found:?}"
    );
    // A signature that only a later form shows.
    let mut pdf = form();
    pdf.sign(&Signing::new(30, Vec::new()));
    pdf.append(&seal_objects());
    let found = pdf.signatures();
    assert!(
        has(&found[0].reasons, Code::Coverage, "the form did not have the signature when it was made"),
        "{found:?}"
    );
    // One that two fields show.
    let mut pdf = form();
    let mut objects = seal_objects();
    objects.push(set(3, "<</Fields[6 0 R 7 0 R 8 0 R 17 0 R 40 0 R]/SigFlags 3>>"));
    objects.push(set(40, "<</FT/Sig/T(Sig2)/V 30 0 R>>"));
    pdf.sign(&Signing::new(30, objects));
    let found = pdf.signatures();
    assert_eq!(found.len(), 2);
    assert!(found.iter().all(|found| has(
        &found.reasons,
        Code::Coverage,
        "several fields have this signature"
    )));
}

fn numbers(pdf: &Pdf) -> [usize; 4] {
    let found = pdf.signatures();
    let [first, second] = found.last().and_then(|found| found.byte_range.clone()).expect("a range");
    [first.start, first.end, second.start, second.end - second.start]
        .map(|number| usize::try_from(number).expect("small"))
}

#[test]
fn a_signature_that_is_wrapped_is_found() {
    // The signed file, moved into the gap of a range that is too long, with something else in its place.
    let mut pdf = with_range(|[a, b, c, d]| format!("[{a} {b} {} {}]", c + 100, d));
    let at = pdf.bytes.len();
    pdf.bytes.extend_from_slice(&[b' '; 100]);
    assert!(at < pdf.bytes.len());
    let found = pdf.signatures();
    assert!(
        has(&found[0].reasons, Code::Coverage, "ByteRange leaves out something else than Contents"),
        "{found:?}"
    );
}

#[test]
fn the_bytes_that_are_covered_are_given() {
    let mut pdf = signed();
    pdf.sign(&Signing { sub_filter: "ETSI.RFC3161", ..Signing::new(51, stamp_objects()) });
    let found = pdf.signatures();
    let mut document = pdf.open().unwrap();
    for found in &found {
        let mut covered = Vec::new();
        digest(&mut document, found, |piece| covered.extend_from_slice(piece)).unwrap();
        let [first, second] = found.byte_range.clone().unwrap();
        let at = |offset: u64| usize::try_from(offset).unwrap();
        let expected = [&pdf.bytes[..at(first.end)], &pdf.bytes[at(second.start)..at(second.end)]].concat();
        assert_eq!(covered, expected);
    }
    let mut found = found[0].clone();
    found.byte_range = None;
    assert!(digest(&mut document, &found, |_| ()).is_err());
}
