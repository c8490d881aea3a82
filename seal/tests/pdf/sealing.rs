//! Files of every form are sealed, and read back as they should be.

use std::io::Cursor;

use seal::Error;
use seal::geometry::{Rect, Stamp};
use seal::pdf::{Flavour, Lock, Object, Request, SignatureField};

use crate::support::{Body, FORMS, Form, appearance, append, leaf, open, request, seen, sign, stamp, stream};

/// Signs, checks everything that must hold for any signed file, and gives the file with its new field.
pub(crate) fn sealed(file: &[u8], request: &Request) -> (Vec<u8>, SignatureField) {
    let mut before = open(file).unwrap();
    let former = before.signature_fields(before.newest()).unwrap();
    let prepared = before.prepare(request).unwrap();
    let mut covered: Vec<u8> = Vec::new();
    prepared.digest_with(&mut Cursor::new(file), |piece| covered.extend(piece)).unwrap();
    let (signed, name) = sign(file, request).unwrap();
    assert_eq!(sign(file, request).unwrap().0, signed, "the same input gives the same file");
    assert!(signed.starts_with(file));

    let mut after = open(&signed).unwrap();
    assert_eq!(after.revisions().len(), before.revisions().len() + 1);
    assert_eq!(after.revisions().last().unwrap().end, signed.len() as u64);
    assert_eq!(after.revisions().last().unwrap().kind, before.revisions().last().unwrap().kind);
    let (old, new) = (before.pages().unwrap(), after.pages().unwrap());
    assert_eq!(old, new);
    let fields = after.signature_fields(after.newest()).unwrap();
    for field in former.iter().filter(|field| field.value.is_some()) {
        let kept = fields.iter().find(|kept| kept.name == field.name).unwrap();
        assert_eq!(kept.value, field.value);
    }
    let field = fields.iter().find(|field| field.name == name).unwrap().clone();
    let value = field.value.as_ref().unwrap();
    let (filter, sub_filter) = request.flavour.names();
    assert_eq!((value.filter(), value.sub_filter()), (filter.as_bytes(), sub_filter.as_bytes()));
    assert_eq!(value.byte_range, prepared.byte_range().map(|number| i64::try_from(number).unwrap()));
    let [zero, start, end, rest] = prepared.byte_range();
    assert_eq!((zero, end + rest), (0, signed.len() as u64));
    assert_eq!(value.contents_span, Some(start..end));
    assert_eq!(end - start, 2 * request.value_len as u64 + 2);
    let (start, end) = (usize::try_from(start).unwrap(), usize::try_from(end).unwrap());
    assert_eq!([&signed[..start], &signed[end..]].concat(), covered);
    let mut contents = b"value".to_vec();
    contents.resize(request.value_len, 0);
    assert_eq!(value.contents, contents);
    // An end of line that a file did not have stays, unless a signature says where the file ended.
    let is_new = !file.ends_with(b"\n") && former.iter().all(|field| field.value.is_none());
    assert_eq!(after.truncate_last().unwrap(), file.len() as u64 + u64::from(is_new));
    (signed, field)
}

fn close(a: Rect, b: Rect) -> bool {
    [(a.x, b.x), (a.y, b.y), (a.width, b.width), (a.height, b.height)]
        .iter()
        .all(|(a, b)| (a - b).abs() < 0.01)
}

#[test]
fn every_form_of_file_is_sealed_and_sealed_again() {
    for form in FORMS {
        let file = Body::new(3).write(form);
        let flavours = [Flavour::Cades, Flavour::Pkcs7, Flavour::Seal, Flavour::DocTimeStamp];
        let mut state = file.clone();
        for (index, flavour) in flavours.into_iter().enumerate() {
            let stamps = if flavour == Flavour::DocTimeStamp { vec![] } else { vec![stamp(0), stamp(2)] };
            let (next, field) = sealed(&state, &Request { flavour, ..seen(stamps.clone()) });
            assert_eq!(field.name, format!("Signature{}", index + 1), "{form:?}");
            if !stamps.is_empty() {
                let places: Vec<_> = field.widgets.iter().map(|widget| widget.page).collect();
                assert_eq!(places, [Some(0), Some(2)], "{form:?}");
                assert!(field.widgets.iter().all(|widget| close(widget.area.unwrap(), stamp(0).area)));
            }
            state = next;
        }
        let mut document = open(&state).unwrap();
        assert_eq!(document.signature_fields(document.newest()).unwrap().len(), 4);
        // Every earlier state is still what it was.
        assert_eq!(document.signature_fields(0).unwrap().len(), 0);
        assert_eq!(document.signature_fields(2).unwrap().len(), 2);
    }
}

#[test]
fn a_stamp_is_where_it_should_be_on_every_kind_of_page() {
    let pages = [
        "/Rotate 90",
        "/Rotate 180",
        "/Rotate -90",
        "/Rotate 450",
        "/MediaBox[100 200 695 1042]",
        "/MediaBox[695 1042 100 200]/CropBox[150 250 650 1000]/Rotate 90",
        "/CropBox[-50 -50 9999 9999]",
        "/UserUnit 2/Rotate 270",
    ];
    for form in FORMS {
        for (entries, area) in
            pages.iter().flat_map(|page| [stamp(0).area, stamp(1).area].map(|area| (page, area)))
        {
            let mut body = Body::new(1);
            body.set(4, &leaf(entries));
            let clip = Rect { x: 10.0, y: 5.0, width: 20.0, height: 10.0 };
            for clip in [None, Some(clip)] {
                let stamp = Stamp { page: 0, area, clip };
                let (_, field) = sealed(&body.write(form), &seen(vec![stamp]));
                assert!(
                    close(field.widgets[0].area.unwrap(), stamp.visible()),
                    "{entries}: {:?}",
                    field.widgets[0]
                );
            }
        }
    }
}

#[test]
fn what_pages_inherit_counts() {
    let mut body = Body::new(2);
    body.set(
        2,
        "<</Type/Pages/Count 2/Kids[4 0 R 20 0 R]/MediaBox[0 0 300 400]/Rotate 90/Resources<</A/B>>>>",
    );
    body.set(20, "<</Type/Pages/Parent 2 0 R/Count 1/Kids[5 0 R]/CropBox 21 0 R>>");
    body.set(21, "[10 10 22 0 R 390]").set(22, "290");
    body.set(4, "<</Type/Page/Parent 2 0 R/Rotate 0>>").set(5, "<</Type/Page/Parent 20 0 R>>");
    for form in FORMS {
        let file = body.write(form);
        let mut document = open(&file).unwrap();
        let pages = document.pages().unwrap();
        assert_eq!((pages[0].rotate, pages[0].shown), (0, [0.0, 0.0, 300.0, 400.0]));
        assert_eq!((pages[1].rotate, pages[1].shown), (90, [10.0, 10.0, 290.0, 390.0]));
        assert!((pages[1].size().width - 380.0 / 72.0 * 25.4).abs() < 1e-9);
        let Object::Dictionary(page) = document.object(pages[1].id).unwrap() else { panic!("no page") };
        let resources = document.inherited(0, &page, "Resources").unwrap();
        assert_eq!(resources.as_dictionary().unwrap().name("A"), Some(&b"B"[..]));
        assert_eq!(document.inherited(0, &page, "Nothing").unwrap(), Object::Null);
        sealed(&file, &seen(vec![stamp(1)]));
    }
}

#[test]
fn annotations_and_forms_that_are_there_stay() {
    let note = "<</Type/Annot/Subtype/Text/Rect[0 0 9 9]>>";
    for form in FORMS {
        for (annotations, acro_form) in [("[10 0 R]", "<</Fields[11 0 R]/DA(x)>>"), ("12 0 R", "13 0 R")] {
            let mut body = Body::new(2);
            body.set(1, &format!("<</Type/Catalog/Pages 2 0 R/AcroForm {acro_form}/Lang(zh)>>"));
            body.set(4, &leaf(&format!("/Annots {annotations}")));
            body.set(10, note).set(11, "<</FT/Tx/T(Signature1)/V(text)>>").set(12, "[10 0 R]");
            body.set(13, "<</Fields 14 0 R/SigFlags 0>>").set(14, "[11 0 R]");
            let (signed, field) = sealed(&body.write(form), &seen(vec![stamp(0), stamp(1)]));
            assert_eq!(field.name, "Signature2", "a name that is taken is not used");
            let mut document = open(&signed).unwrap();
            let newest = document.newest();
            let (_, catalog) = document.catalog_at(newest).unwrap();
            assert_eq!(catalog.get("Lang").unwrap().as_string(), Some(&b"zh"[..]));
            let form = document.get_at(newest, &catalog, "AcroForm").unwrap();
            let form = form.as_dictionary().unwrap();
            assert_eq!(form.integer("SigFlags"), Some(3));
            let fields = document.get_at(newest, form, "Fields").unwrap();
            assert_eq!(fields.as_array().unwrap()[0].as_reference().unwrap().number, 11);
            let page = document.pages().unwrap()[0].id;
            let page = document.object(page).unwrap();
            let annotations = document.get_at(newest, page.as_dictionary().unwrap(), "Annots").unwrap();
            let annotations = annotations.as_array().unwrap();
            assert_eq!(annotations.len(), 2);
            assert_eq!(annotations[0].as_reference().unwrap().number, 10);
            assert_eq!(annotations[1].as_reference(), Some(field.widgets[0].id));
            // Only what had to change did.
            let changed: Vec<u32> =
                document.changes(newest).map(|entry| entry.id().number).filter(|n| *n < 20).collect();
            let expected = if acro_form.starts_with('<') { vec![1, 4, 5] } else { vec![5, 12, 13, 14] };
            assert_eq!(changed.iter().filter(|n| **n < 15).copied().collect::<Vec<_>>(), expected);
        }
    }
}

#[test]
fn an_empty_field_is_filled_where_it_is() {
    let area = Rect { x: 10.0, y: 10.0, width: 50.0, height: 20.0 };
    for form in FORMS {
        let mut body = Body::new(2);
        body.set(1, "<</Type/Catalog/Pages 2 0 R/AcroForm<</Fields[10 0 R 12 0 R]/SigFlags 3>>>>");
        let points = 72.0 / 25.4;
        let (left, top) = (area.x * points, 842.0 - area.y * points);
        let rect = format!("[{left} {} {} {top}]", top - area.height * points, left + area.width * points);
        let widget = format!("/Type/Annot/Subtype/Widget/Rect{rect}");
        body.set(10, "<</T(party)/Kids[11 0 R]>>");
        body.set(11, &format!("<</T(a)/FT/Sig/Parent 10 0 R/P 5 0 R{widget}>>"));
        body.set(12, "<</FT/Sig/T(b)/Kids[13 0 R 14 0 R]>>");
        body.set(13, &format!("<</Parent 12 0 R{widget}>>")).set(14, &format!("<</Parent 12 0 R{widget}>>"));
        body.set(4, &leaf("/Annots[13 0 R]")).set(5, &leaf("/Annots[11 0 R 14 0 R]"));
        let mut file = body.write(form);
        for (name, pages) in [("party.a", &[Some(1)][..]), ("b", &[Some(0), Some(1)])] {
            let request =
                Request { field: Some(name.to_owned()), appearance: Some(appearance()), ..request() };
            let (signed, field) = sealed(&file, &request);
            assert_eq!(field.widgets.iter().map(|widget| widget.page).collect::<Vec<_>>(), pages);
            assert!(field.widgets.iter().all(|widget| widget.dictionary.get("AP").is_some()));
            assert!(field.widgets.iter().all(|widget| close(widget.area.unwrap(), area)));
            let again = sign(&signed, &request).unwrap_err();
            assert_eq!(again, Error::Unusable("the field is signed"));
            let stamped = Request { stamps: vec![stamp(0)], ..request };
            assert_eq!(sign(&file, &stamped).unwrap_err(), Error::Unusable("the field has its own place"));
            file = signed;
        }
        // A new one beside them, with a name of its own.
        let (_, field) = sealed(&file, &Request { field: Some("甲方".to_owned()), ..request() });
        assert_eq!(field.name, "甲方");
    }
}

#[test]
fn a_widget_is_on_the_page_that_shows_it_whatever_it_says() {
    let mut body = Body::new(3);
    body.set(1, "<</Type/Catalog/Pages 2 0 R/AcroForm<</Fields[9 0 R]>>>>");
    body.set(9, "<</FT/Sig/T(a)/Kids[10 0 R 11 0 R 12 0 R]>>");
    for widget in [10, 11, 12] {
        body.set(widget, "<</Parent 9 0 R/Rect[0 0 9 9]/P 4 0 R>>");
    }
    body.set(4, &leaf("/Annots[10 0 R]")).set(6, &leaf("/Annots[11 0 R]"));
    let file = body.write(Form::Table);
    let fields = open(&file).unwrap().signature_fields(0).unwrap();
    let pages: Vec<_> = fields[0].widgets.iter().map(|widget| (widget.page, widget.area.is_some())).collect();
    assert_eq!(pages, [(Some(0), true), (Some(2), true), (None, false)]);
}

#[test]
fn widgets_that_show_the_same_share_their_form_and_all_share_the_picture() {
    let stamps: Vec<Stamp> = (0..50).map(stamp).collect();
    let (signed, field) = sealed(&Body::new(50).write(Form::Table), &seen(stamps));
    assert_eq!(field.widgets.len(), 50);
    let text = String::from_utf8_lossy(&signed);
    assert_eq!(text.matches("/Subtype /Image").count(), 2, "the picture and its opacity");
    assert_eq!(text.matches("/Subtype /Form").count(), 2);
}

#[test]
fn texts_and_time_are_written() {
    let request = Request {
        name: Some("投标人(甲)".to_owned()),
        reason: Some("a (b) \\".to_owned()),
        location: Some("Kunming".to_owned()),
        contact: Some("1".to_owned()),
        ..request()
    };
    let (signed, field) = sealed(&Body::new(1).write(Form::Table), &request);
    let value = field.value.unwrap().dictionary;
    let text = |key| value.get(key).unwrap().as_string().unwrap().to_vec();
    let name: Vec<u8> = "投标人(甲)".encode_utf16().flat_map(u16::to_be_bytes).collect();
    assert_eq!(text("Name"), [&[0xfe, 0xff][..], &name].concat());
    assert_eq!(text("Reason"), b"a (b) \\");
    assert_eq!(text("Location"), b"Kunming");
    assert_eq!(text("ContactInfo"), b"1");
    assert_eq!(text("M"), b"D:20260921141320+00'00'");
    let (_, field) = sealed(&signed, &Request { flavour: Flavour::DocTimeStamp, ..request });
    let value = field.value.unwrap().dictionary;
    assert_eq!(value.name("Type"), Some(&b"DocTimeStamp"[..]));
    assert!(value.get("M").is_none() && value.get("Name").is_none());
}

#[test]
fn the_identifier_keeps_its_first_part() {
    let file = Body::new(1).write(Form::Table);
    let id = |file: &[u8]| {
        let document = open(file).unwrap();
        let id = document.trailer().get("ID").unwrap().as_array().unwrap().to_vec();
        (id[0].clone(), id[1].clone())
    };
    let (once, _) = sealed(&file, &request());
    let (twice, _) = sealed(&once, &request());
    let (first, second) = (id(&once), id(&twice));
    assert_eq!(first.0, second.0);
    assert_ne!(first.1, second.1);
    let (other, _) = sealed(&file, &Request { reason: Some("other".to_owned()), ..request() });
    assert_ne!(id(&other).1, first.1);
}

#[test]
fn a_file_that_ends_without_a_line_and_one_with_bytes_in_front_are_sealed() {
    for form in FORMS {
        let mut file = Body::new(1).write(form);
        file.pop();
        sealed(&file, &seen(vec![stamp(0)]));
        file.splice(0..0, b"junk\r\n".repeat(10));
        assert_eq!(open(&file).unwrap().shift(), 60);
        let (signed, _) = sealed(&file, &seen(vec![stamp(0)]));
        sealed(&signed, &seen(vec![stamp(0)]));
    }
}

#[test]
fn objects_are_seen_as_of_each_revision() {
    let mut file = Body::new(1).write(Form::Table);
    append(&mut file, &[(9, "(one)")], 10);
    append(&mut file, &[(9, "(two)")], 10);
    let mut document = open(&file).unwrap();
    let id = seal::pdf::Reference { number: 9, generation: 0 };
    let values: Vec<Object> = (0..3).map(|revision| document.object_at(revision, id).unwrap()).collect();
    assert_eq!(values, [Object::Null, Object::String(b"one".to_vec()), Object::String(b"two".to_vec())]);
    assert_eq!(document.changes(1).map(|entry| entry.id()).collect::<Vec<_>>(), [id]);
    let other = seal::pdf::Reference { number: 9, generation: 1 };
    assert_eq!(document.object(other).unwrap(), Object::Null);
}

#[test]
fn a_linearized_file_is_one_revision() {
    // The front has the first page and its table, which points back at the main one.
    let mut file = b"%PDF-1.7\n".to_vec();
    let mut at = std::collections::BTreeMap::new();
    let mut put = |file: &mut Vec<u8>, number: usize, text: &str| {
        at.insert(number, file.len());
        file.extend(format!("{number} 0 obj\n{text}\nendobj\n").bytes());
    };
    put(&mut file, 3, "<</Type/Catalog/Pages 1 0 R>>");
    put(&mut file, 4, &leaf("").replace("2 0 R", "1 0 R").replace("3 0 R", "2 0 R"));
    let front = file.len();
    let row = |offset: usize| format!("{offset:010} 00000 n \n");
    let size = "xref\n3 2\n".len()
        + 40
        + "trailer\n<</Size 5/Root 3 0 R/Prev 0000000000>>\nstartxref\n0\n%%EOF\n".len();
    let mut rest = Vec::new();
    let behind = front + size;
    let one = behind;
    rest.extend(b"1 0 obj\n<</Type/Pages/Count 1/Kids[4 0 R]>>\nendobj\n");
    let two = behind + rest.len();
    rest.extend(format!("2 0 obj\n{}\nendobj\n", stream("", "0 0 9 9 re f")).bytes());
    let main = behind + rest.len();
    rest.extend(format!("xref\n0 3\n0000000000 65535 f \n{}{}", row(one), row(two)).bytes());
    rest.extend(format!("trailer\n<</Size 3>>\nstartxref\n{front}\n%%EOF\n").bytes());
    file.extend(format!("xref\n3 2\n{}{}", row(at[&3]), row(at[&4])).bytes());
    file.extend(format!("trailer\n<</Size 5/Root 3 0 R/Prev {main:010}>>\nstartxref\n0\n%%EOF\n").bytes());
    assert_eq!(file.len(), behind);
    file.extend(rest);
    let document = open(&file).unwrap();
    assert_eq!(document.revisions().len(), 1);
    assert_eq!(document.revisions()[0].end, file.len() as u64);
    let (signed, _) = sealed(&file, &seen(vec![stamp(0)]));
    sealed(&signed, &Request { lock: Some(Lock::All), ..seen(vec![stamp(0)]) });
}
