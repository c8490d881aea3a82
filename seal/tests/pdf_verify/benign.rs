//! Changes after a signature that are permitted.

use seal::report::Code;

use crate::build::{
    Definition, FORM, Signing, certified, form, free, has, seal_objects, second_objects, set, signed,
    signed_with, stamp_objects, stream,
};

const CATALOG: &str =
    "/Type/Catalog/Pages 2 0 R/AcroForm 3 0 R/Names 24 0 R/OCProperties 25 0 R/Metadata 22 0 R";
const TEXT: &str = "/Type/Annot/Subtype/Widget/FT/Tx/T(text)/Rect[10 10 90 30]/P 4 0 R";
const AMOUNT: &str = "/Type/Annot/Subtype/Widget/FT/Tx/T(amount)/Rect[10 40 90 60]/P 4 0 R";

fn fill() -> Vec<Definition> {
    vec![set(6, format!("<<{TEXT}/V(new)/AP<</N 60 0 R>>>>")), set(60, stream("", "(new) Tj"))]
}

fn table() -> Vec<(&'static str, Vec<Definition>, Option<&'static str>)> {
    vec![
        ("nothing", vec![], None),
        ("an object that nothing uses", vec![set(70, "(x)")], None),
        (
            "the same object again",
            vec![set(11, "<</Subtype/Type1/Type/Font/Encoding 21 0 R/BaseFont/Helvetica>>")],
            None,
        ),
        ("the same stream again", vec![set(9, stream("", "BT /F1 12 Tf (page one) Tj ET"))], None),
        ("an unused object freed", vec![free(14)], None),
        ("an unused object changed", vec![set(14, "(x)")], None),
        ("field filled", fill(), Some("text: Root/AcroForm/Fields[0]/V")),
        (
            "appearance of a field in place",
            vec![set(13, stream("", "(new) Tj"))],
            Some("text: Root/AcroForm/Fields[0]/AP/N"),
        ),
        (
            "indirect appearances in place",
            vec![set(26, "<</N 60 0 R>>"), set(60, stream("", "x"))],
            Some("amount: Root/AcroForm/Fields[2]/AP"),
        ),
        (
            "old appearance freed",
            [fill(), vec![free(13)]].concat(),
            Some("text: Root/AcroForm/Fields[0]/AP/N"),
        ),
        (
            "appearances are to be made",
            vec![set(3, format!("<</Fields[6 0 R 7 0 R 8 0 R 17 0 R]{FORM}/NeedAppearances true>>"))],
            Some("Root/AcroForm/NeedAppearances"),
        ),
        (
            "resources of the form",
            vec![
                set(
                    3,
                    "<</Fields[6 0 R 7 0 R 8 0 R 17 0 R]/DR<</Font<</Helv 33 0 R/New 60 0 R>>>>/SigFlags 3>>",
                ),
                set(60, "<</Type/Font>>"),
            ],
            Some("Root/AcroForm/DR/Font/New"),
        ),
        ("second signature", second_objects_unsigned(), Some("Root/AcroForm/Fields (Sig2)")),
        (
            "material for checking",
            vec![
                set(1, format!("<<{CATALOG}/DSS 60 0 R/Extensions<</ESIC<<>>>>/Version/2.0>>")),
                set(60, "<</Certs[61 0 R]>>"),
                set(61, stream("", "x")),
            ],
            Some("Root/DSS"),
        ),
        ("date", vec![set(23, "<</Producer(Q)/Title(Tender)/ModDate(D:2026)>>")], Some("Info/ModDate")),
        ("metadata", vec![set(22, stream("/Type/Metadata/Subtype/XML", "<y/>"))], Some("Root/Metadata")),
        (
            "order of the tabulator",
            vec![set(
                5,
                "<</Type/Page/Parent 2 0 R/Contents[10 0 R]/Resources 18 0 R/Annots 19 0 R/Tabs/S>>",
            )],
            Some("Root/Pages/Kids[1]/Tabs"),
        ),
        (
            "annotations now in the page",
            vec![set(5, "<</Type/Page/Parent 2 0 R/Contents[10 0 R]/Resources 18 0 R/Annots[16 0 R]>>")],
            None,
        ),
        (
            "resources of the form elsewhere",
            vec![
                set(3, "<</Fields[6 0 R 7 0 R 8 0 R 17 0 R]/DR 60 0 R/SigFlags 1>>"),
                set(60, "<</Font<</Helv 33 0 R>>>>"),
            ],
            None,
        ),
    ]
}

/// A new field that is not signed and shows nothing.
fn second_objects_unsigned() -> Vec<Definition> {
    vec![
        set(3, format!("<</Fields[6 0 R 7 0 R 8 0 R 17 0 R 40 0 R]{FORM}>>")),
        set(19, "[16 0 R 40 0 R]"),
        set(40, "<</Type/Annot/Subtype/Widget/FT/Sig/T(Sig2)/Rect[50 50 99 99]/P 5 0 R>>"),
    ]
}

#[test]
fn permitted_changes_are_notes() {
    for (name, objects, path) in table() {
        let mut pdf = signed();
        pdf.append(&objects);
        let found = &pdf.signatures()[0];
        assert_eq!(found.reasons, [], "{name}");
        assert!(has(&found.notes, Code::PartlyCovered, "2 / 3"), "{name}");
        let changes = found.notes.iter().filter(|note| note.code == Code::LaterChange).count();
        match path {
            Some(path) => assert!(has(&found.notes, Code::LaterChange, path), "{name}: {:?}", found.notes),
            None => assert_eq!(changes, 0, "{name}: {:?}", found.notes),
        }
    }
}

#[test]
fn all_of_them_one_after_the_other() {
    let mut pdf = signed();
    pdf.append(&fill());
    pdf.sign(&Signing::new(41, second_objects()));
    pdf.append(&[set(1, format!("<<{CATALOG}/DSS<<>>>>"))]);
    let found = pdf.signatures();
    let names: Vec<_> = found.iter().map(|found| (found.field.as_str(), found.revision)).collect();
    assert_eq!(names, [("Sig1", Some(1)), ("Sig2", Some(3))]);
    assert!(found.iter().all(|found| found.reasons.is_empty()), "{found:?}");
    // And what the first of them brought is as firm as what was there from the beginning.
    pdf.append(&[set(42, stream("", "other"))]);
    for found in pdf.signatures() {
        assert!(
            has(&found.reasons, Code::ShadowContent, "Root/AcroForm/Fields[4]/AP/N"),
            "{:?}",
            found.reasons
        );
    }
}

#[test]
fn a_file_without_a_form_can_be_signed_twice() {
    let mut pdf = crate::build::Pdf::new(
        &[
            set(1, "<</Type/Catalog/Pages 2 0 R>>"),
            set(2, "<</Type/Pages/Count 1/Kids[3 0 R]/MediaBox[0 0 9 9]>>"),
            set(3, "<</Type/Page/Parent 2 0 R>>"),
        ],
        "/Root 1 0 R",
    );
    let widget = "/Type/Annot/Subtype/Widget/FT/Sig/P 3 0 R/Rect[0 0 9 9]";
    let mut fields = String::new();
    for number in 0..3 {
        let (field, value) = (10 + 2 * number, 11 + 2 * number);
        fields += &format!(" {field} 0 R");
        let objects = vec![
            set(1, format!("<</Type/Catalog/Pages 2 0 R/AcroForm<</SigFlags 3/Fields[{fields}]>>>>")),
            set(3, format!("<</Type/Page/Parent 2 0 R/Annots[{fields}]>>")),
            set(field, format!("<<{widget}/T(Sig{number})/V {value} 0 R>>")),
        ];
        pdf.sign(&Signing::new(value, objects));
    }
    let found = pdf.signatures();
    assert_eq!(found.len(), 3);
    assert!(found.iter().all(|found| found.reasons.is_empty()), "{found:?}");
}

#[test]
fn a_time_stamp_that_does_not_show_is_permitted_always() {
    let stamp = Signing { sub_filter: "ETSI.RFC3161", ..Signing::new(51, stamp_objects()) };
    for permission in ["/P 1", "/P 2", "/P 3"] {
        let mut pdf = certified(permission);
        pdf.sign(&stamp);
        let found = pdf.signatures();
        assert_eq!(found[0].reasons, [], "{permission}");
        assert_eq!(found[1].kind, seal::report::Kind::PdfTimeStamp);
        assert_eq!(found[1].reasons, [], "{permission}");
        // An ordinary signature, or one that shows, is more than that.
        let mut shown = stamp.clone();
        shown.objects[2].1 = shown.objects[2]
            .1
            .as_ref()
            .map(|text| text.replace("[0 0 0 0]", "[0 0 9 9]").replace(">>", "/AP<</N 12 0 R>>>>"));
        for signing in [shown, Signing::new(51, stamp_objects())] {
            let mut pdf = certified(permission);
            pdf.sign(&signing);
            assert_eq!(pdf.signatures()[0].reasons.is_empty(), permission != "/P 1", "{permission}");
        }
    }
}

#[test]
fn annotations_need_a_certification_that_permits_them() {
    let show = vec![
        set(15, "<</Type/Annot/Subtype/Text/Rect[0 0 99 99]/Contents(other)/Popup 16 0 R>>"),
        set(19, "[]"),
    ];
    for (mut pdf, permitted) in [(signed(), false), (certified("/P 2"), false), (certified("/P 3"), true)] {
        pdf.append(&show);
        assert_eq!(pdf.signatures()[0].reasons.is_empty(), permitted);
    }
    // Only the certification that the catalogue names gives more.
    let reference = "/Reference[<</TransformMethod/DocMDP/TransformParams<</P 3>>>>]";
    let mut pdf = signed_with(reference);
    pdf.append(&show);
    assert!(!pdf.signatures()[0].reasons.is_empty());
}

#[test]
fn what_a_signature_forbids_stays_forbidden_after_later_ones() {
    let mut pdf = certified("/P 1");
    pdf.sign(&Signing { sub_filter: "ETSI.RFC3161", ..Signing::new(51, stamp_objects()) });
    pdf.append(&fill());
    for found in pdf.signatures() {
        assert!(
            has(&found.reasons, Code::ForbiddenChange, "text: Root/AcroForm/Fields[0]/V"),
            "{:?}",
            found.reasons
        );
    }
}

#[test]
fn locked_fields_stay_as_they_are() {
    let by_value = |lock: &str| {
        signed_with(&format!("/Reference[<</TransformMethod/FieldMDP/TransformParams<<{lock}>>>>]"))
    };
    let by_field = |lock: &str| {
        let mut pdf = form();
        let mut objects = seal_objects();
        objects[0].1 = objects[0].1.as_ref().map(|text| text.replace("/FT", &format!("/Lock<<{lock}>>/FT")));
        pdf.sign(&Signing::new(30, objects));
        pdf
    };
    let amount = vec![set(8, format!("<<{AMOUNT}/V(200)/AP 26 0 R>>"))];
    // Lock, and whether `text` and `amount` may be changed.
    let cases = [
        ("/Action/All", false, false),
        ("/Action/Include/Fields[(text)]", false, true),
        ("/Action/Exclude/Fields[(text)]", true, false),
        ("/Action/Include/Fields[(am)(tex)]", true, true),
        ("/Action/Include/Fields[(amount.a)]", true, true),
        ("/Action/Include", true, true),
        ("/Action/Exclude", false, false),
        ("/Action/Other/Fields[(x)]", false, false),
        ("", false, false),
    ];
    for (lock, text, other) in cases {
        for make in [&by_value as &dyn Fn(&str) -> crate::build::Pdf, &by_field] {
            for (objects, permitted) in [(fill(), text), (amount.clone(), other)] {
                let mut pdf = make(lock);
                assert_eq!(pdf.signatures()[0].locks.len(), 1, "{lock}");
                pdf.append(&objects);
                let found = &pdf.signatures()[0];
                assert_eq!(found.reasons.is_empty(), permitted, "{lock} {objects:?}: {:?}", found.reasons);
            }
        }
    }
    let mut pdf = by_field("/Action/Include/Fields[]/P 1");
    pdf.append(&fill());
    assert!(!pdf.signatures()[0].reasons.is_empty());
}

#[test]
fn a_lock_holds_for_later_signatures_too() {
    let mut pdf = signed_with("/Reference[<</TransformMethod/FieldMDP/TransformParams<</Action/All>>>>]");
    pdf.sign(&Signing { sub_filter: "ETSI.RFC3161", ..Signing::new(51, stamp_objects()) });
    // A new field is none of those that are locked.
    assert!(pdf.signatures().iter().all(|found| found.reasons.is_empty()), "{:?}", pdf.signatures());
    pdf.append(&fill());
    let found = pdf.signatures();
    assert_eq!(found.len(), 2);
    for found in found {
        let detail = "text: Root/AcroForm/Fields[0]/V";
        assert!(has(&found.reasons, Code::ForbiddenChange, detail), "{:?}", found.reasons);
    }
}
