//! Tables, offsets and trailers that show another document than the one that was signed.

use std::collections::BTreeMap;

use seal::report::Code;

use crate::build::{Pdf, Signing, form, has, seal_objects, second_objects, set, signed, stream};

fn reasons(pdf: &Pdf) -> Vec<(Code, String)> {
    let found = pdf.signatures();
    found[0].reasons.iter().map(|reason| (reason.code, reason.detail.clone())).collect()
}

fn found(pdf: &Pdf, code: Code, detail: &str) {
    let all = pdf.signatures();
    assert!(has(&all[0].reasons, code, detail), "{:?}", all[0].reasons);
}

#[test]
fn a_table_that_points_into_what_is_signed_is_found() {
    let mut pdf = signed();
    let old = pdf.offsets[&9];
    // Within a stream of the signed part stands another object with the same number.
    let mut prepared = form();
    prepared.append(&[set(60, stream("", "9 0 obj\n<</Length 5>>stream\nother\nendstream\nendobj"))]);
    let hidden = crate::build::find_last(&prepared.bytes, b"9 0 obj\n<</Length 5>>");
    prepared.sign(&Signing::new(30, seal_objects()));
    assert_eq!(reasons(&prepared), []);
    prepared.finish(&BTreeMap::from([(9, Some(hidden))]));
    found(&prepared, Code::ForbiddenChange, "Root/Pages/Kids[0]/Contents");
    found(&prepared, Code::ShadowContent, "Root/Pages/Kids[0]/Contents");
    // The same place again says nothing new.
    pdf.finish(&BTreeMap::from([(9, Some(old))]));
    assert_eq!(reasons(&pdf), []);
    // An unused object gets another place there.
    prepared.finish(&BTreeMap::from([(14, Some(pdf.offsets[&14]))]));
    let mut pdf = signed();
    pdf.append(&[set(14, "(new)")]);
    pdf.finish(&BTreeMap::from([(14, Some(form().offsets[&14]))]));
    found(&pdf, Code::ForbiddenChange, "object 14");
}

#[test]
fn an_object_beyond_its_revision_is_found() {
    // The signed table names a place where there is nothing yet.
    let mut pdf = form();
    let signing = Signing::new(30, seal_objects());
    let slots = pdf.put(&[]);
    assert!(slots.is_empty());
    let mut trial = pdf.clone();
    trial.finish(&BTreeMap::from([(9, Some(1))]));
    trial.sign(&signing);
    let behind = trial.bytes.len();
    pdf.finish(&BTreeMap::from([(9, Some(behind))]));
    pdf.sign(&signing);
    pdf.append(&[set(60, "null")]);
    let at = pdf.bytes.len();
    assert!(at > behind);
    found(&pdf, Code::Coverage, "object 9");
}

#[test]
fn a_stream_over_the_value_of_a_signature_is_found() {
    // A stream without an end of its own goes on over the signature dictionary.
    let mut pdf = form();
    let mut objects = seal_objects();
    objects.push(set(9, "<</Length LLLL>>stream\nBT (a) Tj ET"));
    objects.sort_by_key(|(number, _)| *number != 9);
    pdf.trailer += "/X(\nendstream )";
    pdf.sign(&Signing::new(30, objects));
    let start = crate::build::find_last(&pdf.bytes, b"LLLL>>stream\n") + "LLLL>>stream\n".len();
    let end = crate::build::find_last(&pdf.bytes, b"\nendstream )");
    pdf.replace("LLLL", &format!("{:4}", end - start));
    found(&pdf, Code::Coverage, "object 9");
}

#[test]
fn a_stream_beyond_its_revision_is_found() {
    let mut pdf = form();
    pdf.append(&[set(9, "<</Length LLLL>>stream\nBT (a) Tj ET")]);
    pdf.trailer += "/X(\nendstream )";
    pdf.sign(&Signing::new(30, seal_objects()));
    let start = crate::build::find_last(&pdf.bytes, b"LLLL>>stream\n") + "LLLL>>stream\n".len();
    let end = crate::build::find_last(&pdf.bytes, b"\nendstream )");
    pdf.replace("LLLL", &format!("{:4}", end - start));
    found(&pdf, Code::Coverage, "object 9");
}

#[test]
fn a_signature_in_the_place_of_another_one_does_not_hide_it() {
    let mut pdf = signed();
    pdf.sign(&Signing::new(30, vec![set(9, stream("", "other"))]));
    let all = pdf.signatures();
    assert_eq!(all.iter().map(|found| found.revision).collect::<Vec<_>>(), [Some(1), Some(2)]);
    found(&pdf, Code::ForbiddenChange, "the signature was taken out of the form");
    found(&pdf, Code::ForbiddenChange, "Root/Pages/Kids[0]/Contents");
    assert_eq!(all[1].reasons, []);
}

#[test]
fn an_object_whose_end_is_not_known_is_not_passed_over() {
    let mut pdf = form();
    pdf.append(&[set(60, "<</Length 9999>>stream\nx\nendstream"), set(61, "null")]);
    pdf.sign(&Signing::new(30, seal_objects()));
    // Nothing leads to it.
    assert_eq!(reasons(&pdf), []);
    let mut pdf = form();
    pdf.append(&[set(9, "<</Length 9999>>stream\nx\nendstream")]);
    pdf.sign(&Signing::new(30, seal_objects()));
    found(&pdf, Code::Unsupported, "object 9");
}

#[test]
fn what_cannot_be_read_leads_anywhere() {
    let mut pdf = form();
    pdf.append(&[set(18, "<</Font 20 0 R/Font 20 0 R/XObject 60 0 R>>")]);
    pdf.sign(&Signing::new(30, seal_objects()));
    pdf.append(&[set(60, "<</X 12 0 R>>")]);
    found(&pdf, Code::ForbiddenChange, "object 60");
}

#[test]
fn another_chain_of_tables_is_found() {
    // The last revision leaves out the signed one.
    let mut pdf = form();
    let first = pdf.xref;
    pdf.sign(&Signing::new(30, seal_objects()));
    pdf.xref = first;
    pdf.append(&[set(7, crate::build::SEAL), set(30, "<</Type/Sig/ByteRange[0 1 2 3]/Contents<00>>>")]);
    let all = pdf.signatures();
    assert!(all.iter().all(|found| !found.reasons.is_empty()), "{all:?}");

    // Two tables before the same end: the signer saw the one that `startxref` named.
    let mut pdf = form();
    let mut slots = pdf.put(&seal_objects());
    slots.insert(30, None);
    let before = (pdf.xref, pdf.bytes.len());
    pdf.table(&slots);
    let hidden = pdf.xref;
    pdf.xref = before.0;
    pdf.sign(&Signing::new(30, seal_objects()));
    assert_eq!(reasons(&pdf), []);
    pdf.xref = hidden;
    pdf.append(&[set(60, "null")]);
    let all = pdf.try_signatures();
    assert!(all.as_ref().is_ok_and(|all| all.iter().all(|found| !found.reasons.is_empty())), "{all:?}");
}

#[test]
fn a_revision_must_begin_with_its_own_table() {
    let mut pdf = signed();
    let xref = pdf.xref;
    let text = format!("startxref\n{xref}\n");
    pdf.append(&[set(60, "null")]);
    // The signed revision names another place; the newest one does not depend on that.
    let wrong = format!("startxref\n{:width$}\n", 9, width = xref.to_string().len());
    pdf.replace(&text, &wrong);
    found(&pdf, Code::Coverage, "the revision began with another cross-reference table");
}

#[test]
fn a_trailer_keeps_what_it_names() {
    let base = "/Root 1 0 R/Info 23 0 R/ID[<01><02>]";
    let catalog = "<</Type/Catalog/Pages 2 0 R/AcroForm 3 0 R>>";
    let cases = [
        ("/Root 60 0 R/Info 23 0 R/ID[<01><02>]", Some("Trailer/Root")),
        ("/Root 1 0 R/Info 23 0 R/ID[<03><02>]", Some("Trailer/ID")),
        ("/Root 1 0 R/Info 23 0 R", Some("Trailer/ID")),
        ("/Root 1 0 R/Info 61 0 R/ID[<01><02>]", Some("Info/Title")),
        ("/Root 1 0 R/Info 23 0 R/ID[<01><02>]/Other 60 0 R", Some("Trailer/Other")),
        ("/Root 1 0 R/Info 23 0 R/ID[<01><09>]", None),
        ("/Root 1 0 R/Info 23 0 R/ID[<01><02>]/Other(x)", None),
        ("/Root 1 0 R/ID[<01><02>]", None),
        (base, None),
    ];
    for (trailer, expected) in cases {
        let mut pdf = signed();
        pdf.trailer = trailer.to_owned();
        pdf.append(&[set(60, catalog), set(61, "<</Title(Other)>>")]);
        match expected {
            Some(detail) => found(&pdf, Code::ForbiddenChange, detail),
            None => assert_eq!(reasons(&pdf), [], "{trailer}"),
        }
    }
    let mut pdf = signed();
    pdf.trailer = format!("{base}/Encrypt 60 0 R");
    pdf.append(&[set(60, "<<>>")]);
    assert!(pdf.try_signatures().is_err());
}

#[test]
fn objects_behind_the_end_are_found() {
    let mut pdf = signed();
    pdf.put(&[set(9, stream("", "other"))]);
    found(&pdf, Code::ForbiddenChange, "objects behind the end of the file");
}

#[test]
fn a_signature_that_is_taken_out_is_listed() {
    let without = "<</Fields[6 0 R 8 0 R 17 0 R]/SigFlags 3>>";
    let mut pdf = signed();
    pdf.append(&[set(3, without)]);
    found(&pdf, Code::ForbiddenChange, "the signature was taken out of the form");
    assert_eq!(pdf.signatures()[0].revision, Some(1));
    let mut pdf = signed();
    pdf.sign(&Signing::new(41, second_objects()));
    pdf.append(&[set(3, without)]);
    let all = pdf.signatures();
    assert_eq!(all.iter().map(|found| found.field.as_str()).collect::<Vec<_>>(), ["Sig1", "Sig2"]);
    for found in all {
        assert!(
            has(&found.reasons, Code::ForbiddenChange, "the signature was taken out of the form"),
            "{found:?}"
        );
    }
}

#[test]
fn object_streams_count_as_what_is_in_them() {
    let mut pdf = form();
    let held = stream("/Type/ObjStm/N 1/First 4", "20 0<</F1 11 0 R>>");
    pdf.append(&[set(60, held.as_str())]);
    append_compressed(&mut pdf, 61, &[(20, 60, 0)], &[]);
    pdf.sign(&Signing::new(30, seal_objects()));
    assert_eq!(reasons(&pdf), []);
    let signed = pdf.clone();
    // The stream is replaced by another one.
    pdf.append(&[set(60, held.replace("11 0 R", "12 0 R"))]);
    let all = pdf.signatures();
    assert!(all[0].reasons.iter().any(|reason| reason.code == Code::ForbiddenChange), "{all:?}");
    // A new stream brings the object.
    let mut pdf = signed.clone();
    append_compressed(&mut pdf, 63, &[(20, 62, 0)], &[set(62, held.replace("11 0 R", "12 0 R"))]);
    found(&pdf, Code::ForbiddenChange, "Root/Pages/Kids[1]/Resources/Font");
    // An old stream brings it.
    let mut pdf = form();
    pdf.append(&[set(60, held.replace("11 0 R", "12 0 R"))]);
    pdf.sign(&Signing::new(30, seal_objects()));
    append_compressed(&mut pdf, 63, &[(20, 60, 0)], &[]);
    found(&pdf, Code::ShadowContent, "Root/Pages/Kids[1]/Resources/Font");
}

/// A revision with a cross-reference stream.
fn append_compressed(
    pdf: &mut Pdf,
    number: u32,
    held: &[(u32, u32, u8)],
    objects: &[crate::build::Definition],
) {
    let mut slots = pdf.put(objects);
    let xref = pdf.bytes.len();
    slots.insert(number, Some(xref));
    let mut rows: BTreeMap<u32, (u8, u32, u8)> = slots
        .iter()
        .filter_map(|(number, slot)| slot.map(|slot| (*number, (1, u32::try_from(slot).expect("small"), 0))))
        .collect();
    rows.extend(held.iter().map(|(number, stream, index)| (*number, (2, *stream, *index))));
    let index: Vec<String> = rows.keys().map(|number| format!("{number} 1")).collect();
    let data: Vec<u8> = rows
        .values()
        .flat_map(|(kind, second, third)| [&[*kind][..], &second.to_be_bytes(), &[*third]].concat())
        .collect();
    let head = format!(
        "{number} 0 obj\n<</Type/XRef/Size 1000/W[1 4 1]/Index[{}]/Prev {}{}/Length {}>>stream\n",
        index.join(" "),
        pdf.xref,
        pdf.trailer,
        data.len()
    );
    pdf.bytes.extend_from_slice(head.as_bytes());
    pdf.bytes.extend_from_slice(&data);
    pdf.bytes.extend_from_slice(format!("\nendstream\nendobj\nstartxref\n{xref}\n%%EOF\n").as_bytes());
    pdf.xref = xref;
    pdf.ends.push(pdf.bytes.len());
}
