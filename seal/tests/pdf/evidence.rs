//! The document security store.

use seal::Error;
use seal::pdf::{Dictionary, Evidence, Object};

use crate::sealing::sealed;
use crate::support::{Body, FORMS, File, Form, append, open, request, stream};

fn data(document: &mut File<'_>, object: &Object) -> Vec<u8> {
    let newest = document.newest();
    let object = document.resolve_at(newest, object).unwrap();
    document.stream_data(newest, object.as_stream().unwrap(), 1000).unwrap()
}

fn store(document: &mut File<'_>) -> Dictionary {
    let newest = document.newest();
    let (_, catalog) = document.catalog_at(newest).unwrap();
    document.get_at(newest, &catalog, "DSS").unwrap().as_dictionary().unwrap().clone()
}

fn all(document: &mut File<'_>, dictionary: &Dictionary, key: &str) -> Vec<Vec<u8>> {
    let newest = document.newest();
    let list = document.get_at(newest, dictionary, key).unwrap();
    list.as_array().unwrap_or_default().iter().map(|object| data(document, object)).collect()
}

#[test]
fn evidence_is_appended_once_and_named_after_its_signature() {
    for form in FORMS {
        let (signed, field) = sealed(&Body::new(1).write(form), &request());
        let contents = field.value.unwrap().contents;
        let evidence = Evidence {
            certificates: &[b"one", b"two", b"one"],
            lists: &[b"list"],
            answers: &[],
            signature: Some(&contents),
        };
        let file = [signed.clone(), open(&signed).unwrap().append_dss(&evidence).unwrap()].concat();
        let mut document = open(&file).unwrap();
        assert_eq!(document.revisions().len(), 3);
        let dss = store(&mut document);
        assert_eq!(dss.name("Type"), Some(&b"DSS"[..]));
        assert_eq!(all(&mut document, &dss, "Certs"), [b"one", b"two"]);
        assert_eq!(all(&mut document, &dss, "CRLs"), [b"list"]);
        assert!(dss.get("OCSPs").is_none());
        let names = document.get_at(2, &dss, "VRI").unwrap();
        let (name, value) = names.as_dictionary().unwrap().iter().next().unwrap();
        // SHA-1 of "value" and 95 zeros.
        assert_eq!(name, b"B2D9E46D567016AF23F424225902524251B6BAAF");
        let of_signature = document.resolve_at(2, value).unwrap();
        let of_signature = of_signature.as_dictionary().unwrap().clone();
        assert_eq!(all(&mut document, &of_signature, "Cert").len(), 3);
        assert_eq!(all(&mut document, &of_signature, "CRL"), [b"list"]);

        // More of it: what is there is not written again, and other signatures keep theirs.
        let evidence = Evidence {
            certificates: &[b"two", b"three"],
            answers: &[b"answer"],
            signature: Some(b"another"),
            ..Evidence::default()
        };
        let file = [file.clone(), open(&file).unwrap().append_dss(&evidence).unwrap()].concat();
        let mut document = open(&file).unwrap();
        let dss = store(&mut document);
        assert_eq!(all(&mut document, &dss, "Certs"), [&b"one"[..], b"two", b"three"]);
        assert_eq!(all(&mut document, &dss, "CRLs"), [b"list"]);
        assert_eq!(all(&mut document, &dss, "OCSPs"), [b"answer"]);
        let names = document.get_at(3, &dss, "VRI").unwrap();
        assert_eq!(names.as_dictionary().unwrap().len(), 2);
        assert_eq!(document.signature_fields(3).unwrap().len(), 1);
        sealed(&file, &request());
    }
}

#[test]
fn a_store_of_another_maker_is_extended() {
    let mut body = Body::new(1);
    body.set(1, "<</Type/Catalog/Pages 2 0 R/DSS<</Certs 9 0 R/Other true>>>>");
    body.set(9, "[10 0 R 11 0 R 77 0 R]").set(10, &stream("", "one")).set(11, "(no stream)");
    let file = body.write(Form::Packed);
    let evidence = Evidence { certificates: &[b"one", b"two"], ..Evidence::default() };
    let file = [file.clone(), open(&file).unwrap().append_dss(&evidence).unwrap()].concat();
    let mut document = open(&file).unwrap();
    let dss = store(&mut document);
    assert_eq!(dss.get("Other"), Some(&Object::Bool(true)));
    assert!(dss.get("VRI").is_none());
    let certificates = dss.get("Certs").unwrap().as_array().unwrap().to_vec();
    assert_eq!(certificates.len(), 4);
    assert_eq!(data(&mut document, &certificates[0]), b"one");
    assert_eq!(data(&mut document, &certificates[3]), b"two");
}

#[test]
fn what_is_stored_is_read_within_bounds() {
    let file = Body::new(1).write(Form::Table);
    let stored = |all: &[Vec<u8>]| {
        let all: Vec<&[u8]> = all.iter().map(Vec::as_slice).collect();
        let evidence = Evidence { lists: &all, ..Evidence::default() };
        let file = [file.clone(), open(&file).unwrap().append_dss(&evidence).unwrap()].concat();
        open(&file).unwrap().stored_evidence().map(|stored| (stored.lists.len(), stored.unreadable))
    };
    let small = |count: u32| (0..count).map(|number| number.to_be_bytes().to_vec()).collect::<Vec<_>>();
    let large = |count: u8, len: usize| (0..count).map(|number| vec![number; len]).collect::<Vec<_>>();
    let too_large = Err(Error::TooLarge("evidence in a PDF"));
    assert_eq!(stored(&small(4_096)), Ok((4_096, 0)));
    assert_eq!(stored(&small(4_097)), too_large);
    assert_eq!(stored(&large(8, 8 << 20)), Ok((8, 0)));
    assert_eq!(stored(&large(9, 8 << 20)), too_large);
    assert_eq!(stored(&large(1, (8 << 20) + 1)), Ok((0, 1)));
    // What is no stream, and what is not there.
    let mut body = Body::new(1);
    body.set(1, "<</Type/Catalog/Pages 2 0 R/DSS<</CRLs[10 0 R 11 0 R 77 0 R]>>>>");
    body.set(10, &stream("", "one")).set(11, "(no stream)");
    let stored = open(&body.write(Form::Table)).unwrap().stored_evidence().unwrap();
    assert_eq!((stored.lists, stored.unreadable), (vec![b"one".to_vec()], 2));
}

#[test]
fn no_evidence_is_not_appended() {
    let file = Body::new(1).write(Form::Table);
    let evidence = Evidence { signature: Some(b"x"), ..Evidence::default() };
    assert_eq!(open(&file).unwrap().append_dss(&evidence), Err(Error::Unusable("no evidence")));
    let mut other = file;
    append(&mut other, &[(1, "<</Type/Catalog/Pages 2 0 R/DSS 60 0 R>>")], 9);
    let evidence = Evidence { certificates: &[b"x"], ..Evidence::default() };
    let file = [other.clone(), open(&other).unwrap().append_dss(&evidence).unwrap()].concat();
    assert!(store(&mut open(&file).unwrap()).get("Certs").is_some(), "a store that is not there is made");
}
