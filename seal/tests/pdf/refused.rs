//! What is not signed, and what is not taken back.

use std::io::Cursor;

use seal::Error;
use seal::geometry::{Rect, Size, Stamp};
use seal::pdf::{
    Appearance, Certification, Flavour, Lock, MAX_VALUE_LEN, Paint, Path, Raster, Request, Segment,
};

use crate::sealing::sealed;
use crate::support::{
    Body, FORMS, Form, SIZE, appearance, append, leaf, open, request, seen, sign, stamp, stream,
};

fn refusal(file: &[u8], request: &Request) -> Error {
    sign(file, request).unwrap_err()
}

#[test]
fn requests_that_contradict_themselves_are_refused() {
    let file = Body::new(2).write(Form::Table);
    let length = Error::Unusable("the length of the value of a signature");
    for value_len in [0, MAX_VALUE_LEN + 1] {
        assert_eq!(refusal(&file, &Request { value_len, ..request() }), length);
    }
    sealed(&file, &Request { value_len: MAX_VALUE_LEN, ..request() });
    let long = Request { reason: Some("x".repeat(5000)), ..request() };
    assert_eq!(refusal(&file, &long), Error::TooLarge("text of a signature"));
    let unseen = Request { stamps: vec![stamp(0)], ..request() };
    assert_eq!(refusal(&file, &unseen), Error::Unusable("stamps without a picture"));
    assert_eq!(refusal(&file, &seen(vec![stamp(2)])), Error::Unusable("there is no such page"));
    assert_eq!(refusal(&file, &seen(vec![stamp(0); 20_001])), Error::TooLarge("stamps of one seal"));
    let nothing = Error::Unusable("a stamp that shows nothing");
    let area = stamp(0).area;
    for (area, clip) in [
        (Rect { width: 0.0, ..area }, None),
        (Rect { height: -1.0, ..area }, None),
        (Rect { x: f64::NAN, ..area }, None),
        (Rect { y: f64::INFINITY, ..area }, None),
        (area, Some(Rect { x: 40.0, y: 0.0, width: 5.0, height: 5.0 })),
        (area, Some(Rect { x: f64::NAN, y: 0.0, width: 5.0, height: 5.0 })),
    ] {
        let request = seen(vec![Stamp { page: 0, area, clip }]);
        assert_eq!(refusal(&file, &request), nothing, "{area:?} {clip:?}");
    }
    let time_stamp = |request| Request { flavour: Flavour::DocTimeStamp, ..request };
    let unseen = Error::Unusable("a time-stamp is not seen and restricts nothing");
    assert_eq!(refusal(&file, &time_stamp(seen(vec![stamp(0)]))), unseen);
    assert_eq!(refusal(&file, &time_stamp(Request { lock: Some(Lock::All), ..request() })), unseen);
    let certifying = Request { certification: Some(Certification::Forms), ..request() };
    assert_eq!(refusal(&file, &time_stamp(certifying)), unseen);
    for name in ["", "a.b"] {
        let named = Request { field: Some(name.to_owned()), ..request() };
        assert_eq!(refusal(&file, &named), Error::Unusable("a name that a new field cannot have"));
    }
}

#[test]
fn a_value_that_does_not_fit_is_refused() {
    let file = Body::new(1).write(Form::Table);
    let prepared = open(&file).unwrap().prepare(&request()).unwrap();
    let fits = prepared.clone().embed(&[0xab; 100]).unwrap();
    assert!(String::from_utf8_lossy(&fits).contains(&format!("<{}>", "ab".repeat(100))));
    let error = Err(Error::Unusable("the value of a signature is longer than its place"));
    assert_eq!(prepared.clone().embed(&[0xab; 101]), error);
    assert_eq!(prepared.clone().embed(&[]), error);
    let other = Error::Unusable("this is not the file that was prepared");
    let longer = [file.as_slice(), b"x"].concat();
    assert_eq!(prepared.digest_with(&mut Cursor::new(&longer), |_| ()), Err(other));
    assert_eq!(prepared.write(&mut Cursor::new(&longer), &mut Vec::new(), b"x"), Err(other));
}

#[test]
fn what_certification_forbids_is_refused() {
    for form in FORMS {
        let mut body = Body::new(1);
        body.set(1, "<</Type/Catalog/Pages 2 0 R/AcroForm<</Fields[9 0 R]>>/Perms 10 0 R>>");
        body.set(9, "<</FT/Sig/T(there)/Type/Annot/Subtype/Widget/Rect[0 0 50 50]/P 4 0 R>>").set(10, "<<>>");
        body.set(4, &leaf("/Annots[9 0 R]"));
        let file = body.write(form);
        let certified = |level| {
            let (certified, field) = sealed(&file, &Request { certification: Some(level), ..request() });
            let mut document = open(&certified).unwrap();
            let newest = document.newest();
            assert_eq!(document.certification(newest).unwrap(), Some(level));
            assert_eq!(document.certification(0).unwrap(), None);
            assert!(field.value.unwrap().dictionary.get("Reference").is_some());
            certified
        };
        let there = Request { field: Some("there".to_owned()), appearance: Some(appearance()), ..request() };
        let against = Error::Unusable("certified against changes");
        let nothing = certified(Certification::Nothing);
        for request in [&request(), &seen(vec![stamp(0)]), &there] {
            assert_eq!(refusal(&nothing, request), against);
        }
        sealed(&nothing, &Request { flavour: Flavour::DocTimeStamp, ..request() });

        let only = Error::Unusable("certified: only fields that are there may be signed");
        let annotations = certified(Certification::Annotations);
        for certified in [&certified(Certification::Forms), &annotations] {
            assert_eq!(refusal(certified, &seen(vec![stamp(0)])), only);
            sealed(certified, &there);
            sealed(certified, &request());
        }

        let first = Error::Unusable("only the first signature certifies");
        let certifying = Request { certification: Some(Certification::Forms), ..request() };
        assert_eq!(refusal(&annotations, &certifying), first);
        assert_eq!(refusal(&sealed(&file, &request()).0, &certifying), first);
    }
}

#[test]
fn a_certified_document_without_a_level_permits_forms_and_is_not_certified_again() {
    let mut body = Body::new(1);
    body.set(1, "<</Type/Catalog/Pages 2 0 R/Perms<</DocMDP 9 0 R>>>>").set(9, "<</Type/Sig>>");
    let file = body.write(Form::Table);
    assert_eq!(open(&file).unwrap().certification(0).unwrap(), Some(Certification::Forms));
    let certifying = Request { certification: Some(Certification::Forms), ..request() };
    assert_eq!(refusal(&file, &certifying), Error::Unusable("the document is certified"));
}

#[test]
fn what_locks_forbid_is_refused() {
    let file = Body::new(1).write(Form::Table);
    let locked = Error::Unusable("a signature locks the field");
    let named = |name: &str| Request { field: Some(name.to_owned()), ..request() };
    for (lock, free, taken) in [
        (Lock::All, None, "x"),
        (Lock::Only(vec!["x".to_owned(), "字".to_owned()]), Some("y"), "字"),
        (Lock::AllBut(vec!["x".to_owned()]), Some("x"), "y"),
    ] {
        let (signed, field) = sealed(&file, &Request { lock: Some(lock.clone()), ..request() });
        let mut document = open(&signed).unwrap();
        assert_eq!(document.locks(1, &field.value.unwrap().dictionary).unwrap(), [lock]);
        assert!(field.dictionary.reference("Lock").is_some());
        assert_eq!(refusal(&signed, &named(taken)), locked);
        sealed(&signed, &Request { flavour: Flavour::DocTimeStamp, ..named(taken) });
        if let Some(free) = free {
            sealed(&signed, &named(free));
        }
    }
}

#[test]
fn fields_with_demands_of_their_own_are_obeyed() {
    let with = |entries: &str| {
        let mut body = Body::new(1);
        body.set(1, "<</Type/Catalog/Pages 2 0 R/AcroForm<</Fields[9 0 R 10 0 R]>>>>");
        body.set(9, &format!("<</FT/Sig/T(a){entries}>>")).set(10, "<</FT/Tx/T(text)>>");
        body.write(Form::Table)
    };
    let named = Request { field: Some("a".to_owned()), ..request() };
    let (signed, field) = sealed(&with("/Lock<</Action/All>>"), &named);
    assert_eq!(open(&signed).unwrap().locks(1, &field.value.unwrap().dictionary).unwrap(), [Lock::All]);
    let both = Request { lock: Some(Lock::All), ..named.clone() };
    assert_eq!(
        refusal(&with("/Lock<</Action/All>>"), &both),
        Error::Unusable("the field has a lock of its own")
    );
    sealed(&with("/SV<</Type/SV/Ff 0>>"), &named);
    assert_eq!(
        refusal(&with("/SV<</Ff 2>>"), &named),
        Error::Unusable("the field demands signatures of a kind")
    );
    assert_eq!(refusal(&with("/V<<>>"), &named), Error::Unusable("the field is signed"));
    let document_lock = with("/V<</Type/Sig>>/Lock<</Action/Include/Fields[]/P 1>>");
    assert_eq!(refusal(&document_lock, &request()), Error::Unusable("a signature locks the document"));
    let other = Request { field: Some("text".to_owned()), ..request() };
    let error = Error::Unusable("there is a field of this name that is not for a signature");
    assert_eq!(refusal(&with(""), &other), error);
}

#[test]
fn pages_that_share_their_annotations_are_refused_and_names_of_nothing_are_not_used() {
    let mut body = Body::new(2);
    body.set(4, &leaf("/Annots 9 0 R")).set(5, &leaf("/Annots 9 0 R")).set(9, "[]");
    let file = body.write(Form::Table);
    let both = seen(vec![stamp(0), stamp(1)]);
    assert_eq!(refusal(&file, &both), Error::Unusable("pages share their annotations"));
    // References to objects that are not there: their numbers will be those of new objects.
    let mut body = Body::new(2);
    body.set(1, "<</Type/Catalog/Pages 2 0 R/AcroForm 8 0 R/DSS 9 0 R>>");
    body.set(4, &leaf("/Annots 10 0 R")).set(5, &leaf("/Annots 11 0 R"));
    for form in FORMS {
        sealed(&body.write(form), &both);
    }
    let wrong = body.set(4, &leaf("/Annots 3 0 R")).write(Form::Table);
    assert_eq!(refusal(&wrong, &both), Error::Malformed("an array was expected"));
    let never = body.set(4, &leaf("/Annots[77 0 R]")).write(Form::Table);
    assert_eq!(refusal(&never, &both), Error::Malformed("a name that no object was given"));
}

#[test]
fn more_than_can_be_read_again_is_not_signed() {
    let mut body = Body::new(1);
    body.set(1, "<</Pages 2 0 R/AcroForm<</Fields[9 0 R 10 0 R]>>>>");
    // About 40 MB in memory.
    let large = format!("<</FT/Sig/T(a)/X[{}]>>", "0 ".repeat(290_000));
    body.set(9, &large).set(10, &large);
    let file = body.write(Form::Table);
    assert!(sign(&file, &request()).is_ok());
    let many = seen(vec![stamp(0); 20_000]);
    assert_eq!(refusal(&file, &many), Error::TooLarge("signature fields"));
}

#[test]
fn an_object_that_is_two_parts_of_the_document_is_refused() {
    let two = Error::Malformed("an object is two parts of a document");
    // The form is the catalogue; the fields are the annotations; the page is the catalogue.
    let catalog = "<</Pages 2 0 R/AcroForm 9 0 R>>";
    for objects in [
        &[(1, "<</Pages 2 0 R/AcroForm 1 0 R/Perms<<>>>>")][..],
        &[(1, catalog), (9, "<</Fields 10 0 R>>"), (10, "[]"), (4, "<</Annots 10 0 R>>")],
        &[(1, "<</Pages 2 0 R/MediaBox[0 0 9 9]>>"), (2, "<</Kids[1 0 R]>>")],
        &[(1, catalog), (9, "<<>>"), (2, "<</Kids[9 0 R]>>")],
    ] {
        let mut body = Body::new(1);
        for (number, text) in objects {
            body.set(*number, text);
        }
        let certifying = Request { certification: Some(Certification::Forms), ..seen(vec![stamp(0)]) };
        for form in FORMS {
            assert_eq!(refusal(&body.write(form), &certifying), two, "{objects:?}");
        }
    }
}

#[test]
fn pictures_that_are_none_are_refused() {
    let raster = |width, height, len| Raster { width, height, rgba: vec![255; len] };
    let new =
        |size, raster: Option<&Raster>, paths: &[Path]| Appearance::new(size, raster, paths).map(|_| ());
    assert_eq!(new(SIZE, Some(&raster(2, 2, 16)), &[]), Ok(()));
    let pixels = Err(Error::Unusable("a picture with a wrong number of pixels"));
    for (width, height, len) in [(2, 2, 15), (2, 2, 17), (0, 2, 0), (2, 0, 0)] {
        assert_eq!(new(SIZE, Some(&raster(width, height, len)), &[]), pixels);
    }
    let large = Err(Error::TooLarge("pixels of a picture"));
    assert_eq!(new(SIZE, Some(&raster(u32::MAX, u32::MAX, 0)), &[]), large);
    assert_eq!(new(SIZE, Some(&raster(4097, 4096, 0)), &[]), large);
    for (width, height) in [(0.0, 1.0), (1.0, -1.0), (f64::NAN, 1.0), (1.0, f64::INFINITY)] {
        assert_eq!(new(Size { width, height }, None, &[]), Err(Error::Unusable("the seal has no size")));
    }
    let path = |segments, paint| Path { segments, paint, color: [0; 3] };
    let fill = Paint::Fill { even_odd: false };
    let nowhere = Err(Error::Unusable("a path that leads nowhere"));
    for segment in [
        Segment::Move(f64::NAN, 0.0),
        Segment::Line(0.0, f64::INFINITY),
        Segment::Curve([0.0, 0.0, 0.0, 0.0, 0.0, 1e6]),
    ] {
        assert_eq!(new(SIZE, None, &[path(vec![segment], fill)]), nowhere, "{segment:?}");
    }
    assert_eq!(new(SIZE, None, &[path(vec![], Paint::Stroke(f64::NAN))]), nowhere);
    let long = vec![path(vec![Segment::Close; 1 << 19], fill); 3];
    assert_eq!(new(SIZE, None, &long), Err(Error::TooLarge("segments of a picture")));
}

#[test]
fn only_one_last_signature_is_taken_back() {
    let none = Err(Error::Unusable("the last change of the file is not one signature"));
    let taken = |file: &[u8]| open(file).unwrap().truncate_last();
    let file = Body::new(1).write(Form::Table);
    assert_eq!(taken(&file), none);
    let mut changed = sealed(&file, &request()).0;
    append(&mut changed, &[(60, "(more)")], 61);
    assert_eq!(taken(&changed), none, "a change behind it");
    let signed = sealed(&file, &request()).0;
    let behind = Err(Error::Unusable("something is behind the last signature"));
    assert_eq!(taken(&[signed.as_slice(), b"x"].concat()), behind);

    let fields = "<</Type/Catalog/Pages 2 0 R/AcroForm<</Fields[9 0 R 10 0 R]>>>>";
    let field = "<</FT/Sig/T(a)/V<</Type/Sig/Contents<00>/ByteRange[0 1 2 3]>>>>";
    let mut two = file.clone();
    append(&mut two, &[(1, fields), (9, field), (10, field)], 11);
    assert_eq!(taken(&two), none, "two at once");
    // One is added, and another one is not what it was.
    let mut one = file.clone();
    append(&mut one, &[(1, fields), (9, field), (10, "null")], 11);
    let mut exchanged = one.clone();
    append(&mut exchanged, &[(9, &field.replace("<00>", "<01>")), (10, field)], 11);
    assert_eq!(taken(&exchanged), none);
    append(&mut one, &[(10, field)], 11);
    assert!(taken(&one).is_ok());
    // A form that is the value of a field.
    let mut body = Body::new(1);
    body.set(1, "<</Type/Catalog/Pages 2 0 R/AcroForm 10 0 R>>").set(10, "<</Fields[9 0 R]>>");
    body.set(9, "<</FT/Sig/T(a)/V 10 0 R>>");
    let two = Error::Malformed("an object is two parts of a document");
    assert_eq!(sign(&body.write(Form::Table), &request()).map(drop), Err(two));
    // A signature in the first revision is the document.
    let mut body = Body::new(1);
    body.set(1, "<</Type/Catalog/Pages 2 0 R/AcroForm<</Fields[9 0 R]>>>>").set(9, field);
    assert_eq!(taken(&body.write(Form::Table)), none);
}

#[test]
fn what_a_signature_covers_is_never_cut() {
    // Lines behind the end of the file that the signature covers.
    let file = [Body::new(1).write(Form::Table), b"\n\n\n".to_vec()].concat();
    let first = sealed(&file[..file.len() - 3], &request()).0;
    let second = sealed(&first, &seen(vec![stamp(0)])).0;
    assert_eq!(open(&second).unwrap().truncate_last().unwrap(), first.len() as u64);
    assert_eq!(open(&first).unwrap().truncate_last().unwrap(), file.len() as u64 - 3);
    // What stands there and is no revision was there before the signature.
    let file = [Body::new(1).write(Form::Table), b"% a line\n%%EOF\n".to_vec()].concat();
    let signed = sealed(&file, &request()).0;
    assert_eq!(open(&signed).unwrap().truncate_last().unwrap(), file.len() as u64);
    // A signature that claims to cover what comes after it is not believed.
    let field = "<</FT/Sig/T(a)/V<</Type/Sig/Contents<00>/ByteRange[0 1 2 999999]>>>>";
    let mut body = Body::new(1);
    body.set(1, "<</Type/Catalog/Pages 2 0 R/AcroForm<</Fields[9 0 R]>>>>").set(9, field);
    body.set(10, &stream("", "x"));
    let (signed, _) = sign(&body.write(Form::Table), &request()).unwrap();
    assert_eq!(open(&signed).unwrap().truncate_last().unwrap(), body.write(Form::Table).len() as u64);
}
