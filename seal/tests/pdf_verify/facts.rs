//! What is read of a signature, and of the document.

use seal::pdf::{Lock, warnings};
use seal::report::{Code, Kind};

use crate::build::{
    Signing, VALUE, certified, form, has, seal_objects, second_objects, set, signed, signed_with,
};

#[test]
fn a_signature_is_described() {
    let found = signed_with("/Name(N)/Reason<feff7b7e>/Location(L)").signatures();
    let found = &found[0];
    assert_eq!((found.field.as_str(), found.kind, found.revision), ("Sig1", Kind::PdfSignature, Some(1)));
    assert_eq!((found.sub_filter.as_str(), found.value.as_slice()), ("adbe.pkcs7.detached", &VALUE[..]));
    assert_eq!(found.claimed_time.map(|time| time.to_string()).as_deref(), Some("2026-01-02T03:04:05Z"));
    let texts = [&found.name, &found.reason, &found.location].map(|text| text.as_deref());
    assert_eq!(texts, [Some("N"), Some("签"), Some("L")]);
    assert_eq!((found.certification, found.locks.len(), found.stamps.len()), (None, 0, 1));
    let stamp = found.stamps[0];
    let mm = |points: f64| points * 25.4 / 72.0;
    assert_eq!(stamp.page, 0);
    for (value, expected) in [
        (stamp.area.x, mm(100.0)),
        (stamp.area.y, mm(842.0 - 200.0)),
        (stamp.area.width, mm(100.0)),
        (stamp.area.height, mm(100.0)),
    ] {
        assert!((value - expected).abs() < 1e-6, "{stamp:?}");
    }
    assert!(found.notes.is_empty() && found.reasons.is_empty());
}

#[test]
fn the_kind_is_what_the_sub_filter_says() {
    for (sub_filter, kind) in [
        ("GM.sm2seal", Kind::PdfSeal),
        ("GM.SM2", Kind::PdfSeal),
        ("ETSI.RFC3161", Kind::PdfTimeStamp),
        ("ETSI.CAdES.detached", Kind::PdfSignature),
        ("other", Kind::PdfSignature),
    ] {
        let mut pdf = form();
        pdf.sign(&Signing { sub_filter, ..Signing::new(30, seal_objects()) });
        assert_eq!(pdf.signatures()[0].kind, kind, "{sub_filter}");
    }
}

#[test]
fn certification_and_locks_are_told() {
    assert_eq!(certified("/P 1").signatures()[0].certification, Some(1));
    assert_eq!(certified("").signatures()[0].certification, Some(2));
    let lock =
        "/Reference[<</TransformMethod/FieldMDP/TransformParams<</Action/Include/Fields[(a)(b.c)]>>>>]";
    let found = signed_with(lock).signatures();
    let expected = Lock::Only(vec!["a".to_owned(), "b.c".to_owned()]);
    assert_eq!(found[0].locks, std::slice::from_ref(&expected));
    for (name, covered) in
        [("a", true), ("a.x", true), ("ab", false), ("b", false), ("b.c", true), ("b.c.d", true)]
    {
        assert_eq!(expected.covers(name), covered, "{name}");
        assert_eq!(Lock::AllBut(vec!["a".to_owned(), "b.c".to_owned()]).covers(name), !covered, "{name}");
        assert!(Lock::All.covers(name));
    }
}

#[test]
fn every_widget_of_a_field_is_a_stamp() {
    let mut pdf = form();
    let widget = "/Type/Annot/Subtype/Widget/Parent 7 0 R/Rect";
    pdf.sign(&Signing::new(
        30,
        vec![
            set(7, "<</FT/Sig/T(Sig1)/V 30 0 R/Kids[60 0 R 61 0 R 62 0 R 63 0 R]>>"),
            set(60, format!("<<{widget}[0 0 9 9]/P 4 0 R>>")),
            set(61, format!("<<{widget}[0 0 9 9]/P 5 0 R>>")),
            set(62, format!("<<{widget}[0 0 0 0]/P 5 0 R>>")),
            // What says to be on a page and is not in its list is not seen.
            set(63, format!("<<{widget}[0 0 9 9]/P 5 0 R>>")),
            set(4, "<</Type/Page/Parent 2 0 R/Contents 9 0 R/Annots[60 0 R]>>"),
            set(5, "<</Type/Page/Parent 2 0 R/Contents[10 0 R]/Annots[61 0 R 62 0 R]>>"),
        ],
    ));
    let found = pdf.signatures();
    assert_eq!(found.len(), 1);
    assert_eq!(found[0].stamps.iter().map(|stamp| stamp.page).collect::<Vec<_>>(), [0, 1]);
    assert_eq!(found[0].reasons, []);
}

#[test]
fn signatures_come_in_the_order_in_which_they_were_made() {
    let mut pdf = form();
    pdf.sign(&Signing::new(41, second_objects()));
    let mut objects = seal_objects();
    objects.truncate(3);
    pdf.sign(&Signing::new(30, objects));
    let found = pdf.signatures();
    assert_eq!(found.iter().map(|found| found.field.as_str()).collect::<Vec<_>>(), ["Sig2", "Sig1"]);
    assert!(found.iter().all(|found| found.reasons.is_empty()), "{found:?}");
}

#[test]
fn the_document_has_warnings() {
    let all = |pdf: &crate::build::Pdf| warnings(&mut pdf.open().unwrap()).unwrap();
    assert!(has(&all(&form()), Code::EmptyField, "Sig1"));
    assert_eq!(all(&signed()), []);
    let mut pdf = signed();
    pdf.bytes.extend_from_slice(b"\n \n");
    assert_eq!(all(&pdf), []);
    pdf.bytes.extend_from_slice(b"more");
    assert!(has(&all(&pdf), Code::TrailingData, "7"));
    assert_eq!(pdf.signatures()[0].reasons, []);
    assert!(form().signatures().is_empty());
}
