//! Changes after a signature that nothing permits.

use seal::report::Code;

use crate::build::{
    Definition, FORM, Pdf, SEAL, certified, form, free, has, seal_objects, second_objects, set, signed,
    stream,
};

const CATALOG: &str =
    "/Type/Catalog/Pages 2 0 R/AcroForm 3 0 R/Names 24 0 R/OCProperties 25 0 R/Metadata 22 0 R";
const PAGE: &str = "/Type/Page/Parent 2 0 R";
const RESOURCES: &str = "/Resources<</Font<</F1 11 0 R>>/XObject<</X1 12 0 R/X2 27 0 R>>>>";
const ANNOTS: &str = "/Annots[6 0 R 7 0 R 8 0 R 15 0 R 17 0 R]";
const TEXT: &str = "/Type/Annot/Subtype/Widget/FT/Tx/T(text)/Rect[10 10 90 30]/P 4 0 R";
const EMPTY: &str = "/Type/Annot/Subtype/Widget/FT/Sig/T(New)/Rect[0 0 0 0]/P 5 0 R";
const FIELDS: &str = "/Fields[6 0 R 7 0 R 8 0 R 17 0 R";

/// What is appended, the path that is named, and whether it is a shadow.
fn table() -> Vec<(&'static str, Vec<Definition>, &'static str, bool)> {
    let form_stream = "/Type/XObject/Subtype/Form/BBox[0 0 1 1]";
    vec![
        // pages
        (
            "contents replaced in place",
            vec![set(9, stream("", "other"))],
            "Root/Pages/Kids[0]/Contents",
            false,
        ),
        ("contents in an array", vec![set(10, stream("", "other"))], "Root/Pages/Kids[1]/Contents[0]", false),
        (
            "contents with the same length",
            vec![set(9, stream("", "BT /F1 12 Tf (page two) Tj ET"))],
            "Root/Pages/Kids[0]/Contents",
            false,
        ),
        (
            "contents re-pointed to what was there",
            vec![set(4, format!("<<{PAGE}/Contents 14 0 R{RESOURCES}{ANNOTS}>>"))],
            "Root/Pages/Kids[0]/Contents",
            true,
        ),
        (
            "contents added from what was there",
            vec![set(4, format!("<<{PAGE}/Contents[9 0 R 14 0 R]{RESOURCES}{ANNOTS}>>"))],
            "Root/Pages/Kids[0]/Contents",
            true,
        ),
        (
            "contents re-pointed to something new",
            vec![
                set(4, format!("<<{PAGE}/Contents 60 0 R{RESOURCES}{ANNOTS}>>")),
                set(60, stream("", "new")),
            ],
            "Root/Pages/Kids[0]/Contents",
            false,
        ),
        ("contents freed", vec![free(9)], "Root/Pages/Kids[0]/Contents", true),
        ("page freed", vec![free(5)], "Root/Pages/Kids[1]", true),
        (
            "page turned",
            vec![set(4, format!("<<{PAGE}/Rotate 180/Contents 9 0 R{RESOURCES}{ANNOTS}>>"))],
            "Root/Pages/Kids[0]/Rotate",
            false,
        ),
        (
            "page cut",
            vec![set(2, "<</Type/Pages/Count 2/Kids[4 0 R 5 0 R]/MediaBox[0 0 9 9]>>")],
            "Root/Pages/MediaBox",
            false,
        ),
        (
            "page taken out",
            vec![set(2, "<</Type/Pages/Count 1/Kids[4 0 R]/MediaBox[0 0 595 842]>>")],
            "Root/Pages/Kids",
            false,
        ),
        (
            "pages swapped",
            vec![set(2, "<</Type/Pages/Count 2/Kids[5 0 R 4 0 R]/MediaBox[0 0 595 842]>>")],
            "Root/Pages/Kids",
            false,
        ),
        (
            "page added",
            vec![
                set(2, "<</Type/Pages/Count 3/Kids[4 0 R 5 0 R 60 0 R]/MediaBox[0 0 595 842]>>"),
                set(60, format!("<<{PAGE}>>")),
            ],
            "Root/Pages/Kids",
            false,
        ),
        ("page becomes another object", vec![set(4, "[]")], "Root/Pages/Kids[0]", false),
        (
            "page with an action",
            vec![set(
                5,
                "<</Type/Page/Parent 2 0 R/Contents[10 0 R]/Resources 18 0 R/Annots 19 0 R/AA<</O<</S/JavaScript>>>>>>",
            )],
            "Root/Pages/Kids[1]/AA",
            false,
        ),
        // resources
        (
            "font replaced",
            vec![set(11, "<</Type/Font/Subtype/Type1/BaseFont/Courier/Encoding 21 0 R>>")],
            "Root/Pages/Kids[0]/Resources/Font/F1",
            true,
        ),
        (
            "encoding of a font replaced",
            vec![set(21, "<</Type/Encoding/Differences[65/B]>>")],
            "Root/Pages/Kids[0]/Resources/Font/F1/Encoding",
            true,
        ),
        (
            "fonts re-pointed",
            vec![set(20, "<</F1 60 0 R>>"), set(60, "<</Type/Font>>")],
            "Root/Pages/Kids[1]/Resources/Font",
            true,
        ),
        (
            "resources changed",
            vec![set(18, "<</Font 20 0 R/XObject<</X 14 0 R>>>>")],
            "Root/Pages/Kids[1]/Resources",
            true,
        ),
        (
            "picture replaced",
            vec![set(12, stream(form_stream, "1 1 1 1 re f"))],
            "Root/Pages/Kids[0]/Resources/XObject/X1",
            true,
        ),
        (
            "picture that was missing",
            vec![set(27, stream(form_stream, "1 1 1 1 re f"))],
            "Root/Pages/Kids[0]/Resources/XObject/X2",
            true,
        ),
        // the catalogue
        (
            "action on opening",
            vec![set(1, format!("<<{CATALOG}/OpenAction<</S/JavaScript/JS(x)>>>>"))],
            "Root/OpenAction",
            false,
        ),
        ("actions", vec![set(1, format!("<<{CATALOG}/AA<</WC<</S/JavaScript>>>>>>"))], "Root/AA", false),
        (
            "names in place",
            vec![set(24, "<</JavaScript<</Names[(a)<</S/JavaScript>>]>>>>")],
            "Root/Names",
            false,
        ),
        ("layers in place", vec![set(25, "<</OCGs[]/D<</BaseState/OFF>>>>")], "Root/OCProperties", false),
        (
            "layers re-pointed",
            vec![set(1, format!("<<{}>>", CATALOG.replace("25 0 R", "60 0 R"))), set(60, "<<>>")],
            "Root/OCProperties",
            true,
        ),
        (
            "other pages",
            vec![
                set(1, format!("<<{}>>", CATALOG.replace("/Pages 2", "/Pages 60"))),
                set(60, "<</Type/Pages/Count 1/Kids[5 0 R]/MediaBox[0 0 9 9]>>"),
            ],
            "Root/Pages",
            false,
        ),
        (
            "form taken out",
            vec![set(1, format!("<<{}>>", CATALOG.replace("/AcroForm 3 0 R", "")))],
            "Root/AcroForm",
            true,
        ),
        ("permissions", vec![set(1, format!("<<{CATALOG}/Perms<</UR3 30 0 R>>>>"))], "Root/Perms", false),
        (
            "viewer preferences",
            vec![set(1, format!("<<{CATALOG}/ViewerPreferences<</HideToolbar true>>>>"))],
            "Root/ViewerPreferences",
            false,
        ),
        ("lower version", vec![set(1, format!("<<{CATALOG}/Version/x>>"))], "Root/Version", false),
        ("catalogue freed", vec![free(1), set(60, format!("<<{CATALOG}>>"))], "Root", true),
        // the seal
        (
            "picture of the seal",
            vec![set(32, stream("/Type/XObject/Subtype/Image", "another"))],
            "Root/AcroForm/Fields[1]/AP/N/Resources/XObject/I",
            true,
        ),
        (
            "appearance of the seal",
            vec![set(31, stream(form_stream, "other"))],
            "Root/AcroForm/Fields[1]/AP/N",
            true,
        ),
        (
            "appearance re-pointed",
            vec![set(7, SEAL.replace("31 0 R", "14 0 R"))],
            "Root/AcroForm/Fields[1]/AP",
            true,
        ),
        ("seal moved", vec![set(7, SEAL.replace("[100 100", "[0 0"))], "Root/AcroForm/Fields[1]/Rect", false),
        ("seal hidden", vec![set(7, SEAL.replace("/FT", "/F 2/FT"))], "Root/AcroForm/Fields[1]/F", false),
        (
            "signature taken off",
            vec![set(7, SEAL.replace("/V 30 0 R", ""))],
            "Root/AcroForm/Fields[1]/V",
            false,
        ),
        (
            "signature replaced",
            vec![
                set(7, SEAL.replace("/V 30", "/V 60")),
                set(60, "<</Type/Sig/ByteRange[0 1 2 3]/Contents<00>>>"),
            ],
            "Root/AcroForm/Fields[1]/V",
            false,
        ),
        ("signature freed", vec![free(30)], "Root/AcroForm/Fields[1]/V", true),
        ("field freed", vec![free(7)], "Root/AcroForm/Fields[1]", true),
        // fields and annotations
        (
            "field taken out",
            vec![set(3, format!("<</Fields[6 0 R 7 0 R 17 0 R]{FORM}>>"))],
            "Root/AcroForm/Fields",
            false,
        ),
        (
            "fields swapped",
            vec![set(3, format!("<</Fields[7 0 R 6 0 R 8 0 R 17 0 R]{FORM}>>"))],
            "Root/AcroForm/Fields",
            false,
        ),
        (
            "field twice",
            vec![set(3, format!("<</Fields[6 0 R 7 0 R 8 0 R 17 0 R 6 0 R]{FORM}>>"))],
            "Root/AcroForm/Fields",
            false,
        ),
        (
            "flags taken back",
            vec![set(3, "<</Fields[6 0 R 7 0 R 8 0 R 17 0 R]/DR<</Font<</Helv 33 0 R>>>>/SigFlags 0>>")],
            "Root/AcroForm/SigFlags",
            false,
        ),
        (
            "resources of the form",
            vec![
                set(3, "<</Fields[6 0 R 7 0 R 8 0 R 17 0 R]/DR<</Font<</Helv 60 0 R>>>>/SigFlags 1>>"),
                set(60, "<</Type/Font>>"),
            ],
            "Root/AcroForm/DR/Font/Helv",
            true,
        ),
        (
            "another kind of form",
            vec![set(3, format!("<</Fields[6 0 R 7 0 R 8 0 R 17 0 R]{FORM}/XFA(x)>>"))],
            "Root/AcroForm/XFA",
            false,
        ),
        (
            "new text field",
            vec![set(3, format!("<<{FIELDS} 60 0 R]{FORM}>>")), set(60, "<</FT/Tx/T(New)/V(x)>>")],
            "Root/AcroForm/Fields (New)",
            false,
        ),
        (
            "old object as field",
            vec![set(3, format!("<<{FIELDS} 29 0 R]{FORM}>>"))],
            "Root/AcroForm/Fields",
            true,
        ),
        (
            "new field with an old signature",
            vec![set(3, format!("<<{FIELDS} 60 0 R]{FORM}>>")), set(60, format!("<<{EMPTY}/V 30 0 R>>"))],
            "Root/AcroForm/Fields (New)",
            false,
        ),
        (
            "new field with an action",
            vec![
                set(3, format!("<<{FIELDS} 60 0 R]{FORM}>>")),
                set(60, format!("<<{EMPTY}/AA<</PV<</S/JavaScript>>>>>>")),
            ],
            "Root/AcroForm/Fields (New)",
            false,
        ),
        (
            "new field with an old widget",
            vec![set(3, format!("<<{FIELDS} 60 0 R]{FORM}>>")), set(60, "<</FT/Sig/T(New)/Kids[29 0 R]>>")],
            "Root/AcroForm/Fields (New)",
            false,
        ),
        (
            "text field below a new field",
            vec![
                set(3, format!("<<{FIELDS} 60 0 R]{FORM}>>")),
                set(60, "<</FT/Sig/T(New)/Kids[61 0 R]>>"),
                set(61, "<</FT/Tx/T(a)/Parent 60 0 R>>"),
            ],
            "Root/AcroForm/Fields (New.a)",
            false,
        ),
        (
            "field moved",
            vec![set(6, format!("<<{TEXT}/V(old)/AP<</N 13 0 R>>>>").replace("[10 10", "[0 0"))],
            "Root/AcroForm/Fields[0]/Rect",
            false,
        ),
        (
            "field hidden",
            vec![set(6, format!("<<{TEXT}/V(old)/AP<</N 13 0 R>>/F 2>>"))],
            "Root/AcroForm/Fields[0]/F",
            false,
        ),
        (
            "field with an action",
            vec![set(6, format!("<<{TEXT}/V(old)/AP<</N 13 0 R>>/A<</S/URI>>>>"))],
            "Root/AcroForm/Fields[0]/A",
            false,
        ),
        (
            "button with another picture",
            vec![
                set(
                    17,
                    "<</Type/Annot/Subtype/Widget/FT/Btn/Ff 65536/T(push)/Rect[0 0 9 9]/AP<</N 60 0 R>>/P 4 0 R>>",
                ),
                set(60, stream(form_stream, "x")),
            ],
            "Root/AcroForm/Fields[3]/AP",
            true,
        ),
        (
            "annotation changed",
            vec![set(15, "<</Type/Annot/Subtype/Text/Rect[0 0 99 99]/Contents(other)/Popup 16 0 R>>")],
            "Root/Pages/Kids[0]/Annots[3]",
            false,
        ),
        (
            "annotation becomes a widget",
            vec![set(15, format!("<<{EMPTY}/AP<</N 12 0 R>>>>"))],
            "Root/Pages/Kids[0]/Annots[3]",
            false,
        ),
        ("annotation taken out", vec![set(19, "[]")], "Root/Pages/Kids[1]/Annots", false),
        (
            "annotation added",
            vec![
                set(19, "[16 0 R 60 0 R]"),
                set(60, "<</Type/Annot/Subtype/FreeText/Rect[0 0 500 500]/Contents(x)>>"),
            ],
            "Root/Pages/Kids[1]/Annots",
            false,
        ),
        (
            "annotation shown that was there",
            vec![set(19, "[16 0 R 29 0 R]")],
            "Root/Pages/Kids[1]/Annots",
            true,
        ),
        (
            "annotation in the array",
            vec![set(19, "[16 0 R<</Type/Annot/Subtype/FreeText/Rect[0 0 9 9]>>]")],
            "Root/Pages/Kids[1]/Annots",
            false,
        ),
        (
            "widget in the array",
            vec![set(19, "[16 0 R<</Type/Annot/Subtype/Widget/FT/Sig/Rect[0 0 9 9]>>]")],
            "Root/Pages/Kids[1]/Annots",
            false,
        ),
        (
            "widget without a field",
            vec![set(19, "[16 0 R 60 0 R]"), set(60, format!("<<{EMPTY}>>"))],
            "Root/Pages/Kids[1]/Annots",
            false,
        ),
        (
            "widget without a field and an old signature",
            vec![set(19, "[16 0 R 60 0 R]"), set(60, format!("<<{EMPTY}/V 30 0 R>>"))],
            "Root/Pages/Kids[1]/Annots",
            false,
        ),
        (
            "widgets swapped",
            vec![set(
                4,
                format!("<<{PAGE}/Contents 9 0 R{RESOURCES}/Annots[7 0 R 6 0 R 8 0 R 15 0 R 17 0 R]>>"),
            )],
            "Root/Pages/Kids[0]/Annots",
            false,
        ),
        (
            "widget taken out",
            vec![set(4, format!("<<{PAGE}/Contents 9 0 R{RESOURCES}/Annots[6 0 R 7 0 R 8 0 R 15 0 R]>>"))],
            "Root/Pages/Kids[0]/Annots",
            false,
        ),
        (
            "new field that shows something unsigned",
            vec![
                set(3, format!("<<{FIELDS} 60 0 R]{FORM}>>")),
                set(60, format!("<<{EMPTY}/AP<</N 14 0 R>>>>").replace("[0 0 0 0]", "[0 0 9 9]")),
            ],
            "Root/AcroForm/Fields (New)",
            false,
        ),
        // facts about the file
        ("title", vec![set(23, "<</Producer(P)/Title(Other)>>")], "Info/Title", false),
        ("not readable", vec![set(9, "<</A 1/A 2>>")], "Root/Pages/Kids[0]/Contents", false),
    ]
}

#[test]
fn changes_of_what_is_signed_are_found() {
    let mut wrong = Vec::new();
    for (name, objects, path, is_shadow) in table() {
        let mut pdf = signed();
        assert_eq!(pdf.signatures()[0].reasons, [], "{name}");
        pdf.append(&objects);
        let found = match pdf.try_signatures() {
            Ok(found) => found,
            // A document without pages or form has no signatures to speak of.
            Err(error) => {
                assert!(
                    matches!(
                        name,
                        "catalogue freed" | "page freed" | "page becomes another object" | "field twice"
                    ),
                    "{name}: {error}"
                );
                continue;
            }
        };
        let reasons = &found[0].reasons;
        let is_found = has(reasons, Code::ForbiddenChange, path);
        if !is_found || has(reasons, Code::ShadowContent, path) != is_shadow {
            wrong.push(format!("{name}: {reasons:?}"));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn a_signature_that_is_redefined_closes_nothing() {
    let mut pdf = signed();
    let [first, second] = pdf.signatures()[0].byte_range.clone().unwrap();
    let range = format!("{} {} {} {}", first.start, first.end, second.start, second.end - second.start);
    pdf.append(&[set(30, format!("<</Type/Sig/ByteRange[{range}]/Contents<3003020105>>>"))]);
    let found = pdf.signatures();
    let detail = "ByteRange leaves out something else than Contents";
    assert!(has(&found[1].reasons, Code::Coverage, detail), "{:?}", found[1].reasons);
    assert_eq!((found.len(), found[1].revision), (2, None));
    // And what it was before is not forgotten.
    let detail = "the signature was taken out of the form";
    assert!(has(&found[0].reasons, Code::ForbiddenChange, detail), "{:?}", found[0].reasons);
}

#[test]
fn they_are_found_for_every_signature_before() {
    for (name, objects, path, _) in table() {
        if matches!(name, "flags taken back" | "annotation taken out")
            || path.starts_with("Root/AcroForm/Fields")
        {
            continue; // they touch what the second signature changes too
        }
        let mut pdf = signed();
        pdf.sign(&crate::build::Signing::new(41, second_objects()));
        pdf.append(&objects);
        pdf.append(&[set(70, "null")]);
        let Ok(found) = pdf.try_signatures() else { continue };
        let named: Vec<_> =
            found.iter().filter(|found| !found.reasons.is_empty()).map(|found| &found.field).collect();
        assert_eq!(named.len(), found.len(), "{name}: {named:?}");
    }
}

#[test]
fn what_came_before_a_signature_is_not_held_against_it() {
    for (name, objects, ..) in table() {
        let mut pdf = form();
        let touches =
            objects.iter().any(|(number, _)| matches!(number, 1 | 2 | 3 | 4 | 5 | 7 | 9 | 30 | 31 | 32 | 19));
        if touches {
            continue;
        }
        pdf.append(&objects);
        pdf.sign(&crate::build::Signing::new(30, seal_objects()));
        assert_eq!(pdf.signatures()[0].reasons, [], "{name}");
    }
}

#[test]
fn a_certification_permits_what_it_says() {
    let fill = vec![set(6, format!("<<{TEXT}/V(new)/AP<</N 60 0 R>>>>")), set(60, stream("", "(new) Tj"))];
    let note = vec![set(19, "[16 0 R 60 0 R]"), set(60, "<</Type/Annot/Subtype/Text/Rect[0 0 9 9]>>")];
    let contents = vec![set(9, stream("", "other"))];
    let dss = vec![set(1, format!("<<{CATALOG}/Perms<</DocMDP 30 0 R>>/DSS<<>>>>"))];
    let cases: [(&str, [bool; 4]); 8] = [
        ("/P 1", [true, false, false, false]),
        ("/P 2", [true, true, false, false]),
        ("/P 3", [true, true, true, false]),
        ("", [true, true, false, false]),
        ("/P 0", [true, false, false, false]),
        ("/P 4", [true, false, false, false]),
        ("/P(x)", [true, false, false, false]),
        ("/P -1", [true, false, false, false]),
    ];
    for (permission, expected) in cases {
        for (objects, permitted) in [&dss, &fill, &note, &contents].into_iter().zip(expected) {
            let mut pdf: Pdf = certified(permission);
            pdf.append(objects);
            let found = &pdf.signatures()[0];
            assert_eq!(found.reasons.is_empty(), permitted, "{permission} {objects:?}: {:?}", found.reasons);
            assert!(
                !permitted || found.notes.iter().any(|note| note.code == Code::LaterChange),
                "{permission}"
            );
        }
    }
}

#[test]
fn widgets_that_stand_in_arrays_are_no_annotations_to_change() {
    let widget = "<</Type/Annot/Subtype/Widget/FT/Tx/T(inline)/Rect[0 0 9 9]/AP<</N 60 0 R>>>>";
    let mut pdf = form();
    pdf.append(&[set(19, format!("[16 0 R{widget}]")), set(60, stream("", "old"))]);
    let mut objects = seal_objects();
    objects.push(set(1, format!("<<{CATALOG}/Perms<</DocMDP 30 0 R>>>>")));
    let extra = "/Reference[<</TransformMethod/DocMDP/TransformParams<</P 3>>>>]".to_owned();
    pdf.sign(&crate::build::Signing { extra, ..crate::build::Signing::new(30, objects) });
    pdf.append(&[set(60, stream("", "new"))]);
    let found = &pdf.signatures()[0];
    assert_eq!(found.certification, Some(3));
    assert!(
        has(&found.reasons, Code::ForbiddenChange, "Root/Pages/Kids[1]/Annots[1]/AP/N"),
        "{:?}",
        found.reasons
    );
}

#[test]
fn an_annotation_stays_one_under_any_permission() {
    for objects in [
        vec![set(15, format!("<<{EMPTY}/AP<</N 12 0 R>>>>"))],
        vec![free(15)],
        vec![set(15, "<<>>")],
        vec![set(19, "[16 0 R 29 0 R]")],
    ] {
        let mut pdf = certified("/P 3");
        pdf.append(&objects);
        let found = &pdf.signatures()[0];
        assert!(found.reasons.iter().any(|reason| reason.code == Code::ForbiddenChange), "{objects:?}");
    }
}
