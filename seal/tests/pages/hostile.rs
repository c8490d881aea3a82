//! Documents that mean harm.

use std::io::Write;

use flate2::Compression;
use flate2::write::ZlibEncoder;
use seal::Error;
use seal::pdf_text::PdfText;
use seal::text::Character;

use crate::font::font;
use crate::generator::{A4, Document, Look, one, wide};

fn read(pdf: Vec<u8>) -> Result<Vec<Vec<Character>>, Error> {
    PdfText::new(pdf)?.characters().map(<[_]>::to_vec)
}

/// A document of one page with these objects, the first of which is object 6, and with these resources.
fn with(objects: &[(&str, &str)], resources: &str, content: &str) -> Vec<u8> {
    let mut document = Document::new();
    for (entries, data) in objects {
        document.stream(entries, data.as_bytes());
    }
    document.page(&Look { resources, ..A4 }, content);
    document.bytes()
}

const FORM: &str = "/Type /XObject /Subtype /Form /BBox [0 0 9 9]";
const MUCH: Error = Error::TooLarge("work that a page of a PDF is");

#[test]
fn what_is_no_pdf_is_refused() {
    for bytes in
        [&b""[..], b"%PDF-1.7", b"\0\0\0\0", &[b'('; 5000], b"%PDF-1.7\n1 0 obj << /Type /Catalog >> endobj"]
    {
        assert_eq!(read(bytes.to_vec()), Err(Error::Malformed("a PDF")), "{bytes:?}");
    }
    let empty = Document::new().bytes();
    assert!(matches!(read(empty), Err(Error::Malformed(_))));
}

#[test]
fn what_is_cut_or_changed_anywhere_does_no_harm() {
    let pdf = one(&A4, &format!("BT /W 20 Tf 100 700 Td <{}> Tj ET", wide("甲方")));
    for end in (0..pdf.len()).step_by(7) {
        // A reader of PDF rebuilds what it can; that it ends and says something is what is asked.
        let read = read(pdf[..end].to_vec());
        assert!(read.is_err() || read.is_ok_and(|pages| pages.len() <= 1), "{end}");
    }
    for at in (0..pdf.len()).step_by(3) {
        let mut changed = pdf.clone();
        changed[at] = changed[at].wrapping_add(13);
        let read = read(changed);
        assert!(read.is_err() || read.is_ok_and(|pages| pages.len() == 1), "{at}");
    }
}

#[test]
fn an_encrypted_document_is_refused() {
    let pdf = one(&A4, "");
    let text = String::from_utf8_lossy(&pdf).replace("/Root 1 0 R", "/Root 1 0 R /Encrypt 1 0 R");
    assert_eq!(read(text.into_bytes()), Err(Error::Unsupported("an encrypted PDF")));
}

#[test]
fn forms_that_draw_themselves_are_refused() {
    // Without resources of its own a form finds itself in those of the page.
    let inherited = with(&[(FORM, "/F Do")], "/XObject << /F 6 0 R >>", "/F Do");
    assert_eq!(read(inherited), Err(Error::Malformed("a form of a PDF does not draw itself")));
}

#[test]
fn forms_of_forms_of_forms_are_refused() {
    // Each draws the next one twenty times: 20 to the power of 10.
    let entries: Vec<String> =
        (7..17).map(|next| format!("{FORM} /Resources << /XObject << /F {next} 0 R >> >>")).collect();
    let twenty = "/F Do ".repeat(20);
    let mut objects: Vec<(&str, &str)> =
        entries.iter().map(|entries| (entries.as_str(), twenty.as_str())).collect();
    objects.push((FORM, "BT ET"));
    assert_eq!(read(with(&objects, "/XObject << /F 6 0 R >>", "/F Do")), Err(MUCH));
    // Once each is fine, but not too deep.
    for (depth, expected) in [(20, Ok(())), (40, Err(Error::TooLarge("forms in forms of a PDF")))] {
        let entries: Vec<String> = (7..7 + depth)
            .map(|next| format!("{FORM} /Resources << /XObject << /F {next} 0 R >> >>"))
            .collect();
        let objects: Vec<(&str, &str)> = entries.iter().map(|entries| (entries.as_str(), "/F Do")).collect();
        assert_eq!(read(with(&objects, "/XObject << /F 6 0 R >>", "/F Do")).map(|_| ()), expected);
    }
}

#[test]
fn long_streams_that_are_used_often_are_refused() {
    let long = "% nothing\n".repeat(40_000);
    let often = "/S sh ".repeat(1_000);
    let shading = [("/ShadingType 4 /ColorSpace /DeviceRGB", long.as_str())];
    assert_eq!(read(with(&shading, "/Shading << /S 6 0 R >>", &often)), Err(MUCH));
    let mut document = Document::new();
    let piece = document.stream("", long.as_bytes());
    document.page_of(&A4, &format!("[{}]", format!("{piece} 0 R ").repeat(1_000)));
    assert_eq!(read(document.bytes()), Err(MUCH));
    let states = "/ExtGState << /G << /SMask << /S /Alpha /G 6 0 R >> >> >>";
    assert_eq!(read(with(&[(FORM, &long)], states, &"/G gs ".repeat(1_000))), Err(MUCH));
    let tile = "/PatternType 1 /PaintType 1 /TilingType 1 /BBox [0 0 1 1] /XStep 1 /YStep 1";
    let patterns = "/Pattern << /P 6 0 R >>";
    let paint = "/Pattern cs /P scn ".repeat(1_000);
    assert_eq!(read(with(&[(tile, &long)], patterns, &paint)), Err(MUCH));
}

#[test]
fn glyphs_that_are_long_drawings_are_refused() {
    let long = "% nothing\n".repeat(40_000);
    let font = |text: &str| {
        let mut document = Document::new();
        let glyph = document.stream("", long.as_bytes());
        let font = format!(
            "<< /Type /Font /Subtype /Type3 /FontBBox [0 0 1 1] /FontMatrix [1 0 0 1 0 0] /CharProcs << /A {glyph} 0 R >> \
             /Encoding << /Differences [97 /A] >> /FirstChar 97 /LastChar 97 /Widths [1] >>"
        );
        let content = document.stream("", format!("BT /T 1 Tf {text} ET").as_bytes());
        document.page_object(&format!(
            "<< /Type /Page /Parent 2 0 R /Contents {content} 0 R /Resources << /Font << /T {font} >> >> >>"
        ));
        read(document.bytes()).map(|_| ())
    };
    let text = "a".repeat(1_000);
    assert_eq!(font("(a) Tj"), Ok(()));
    for operator in
        [format!("({text}) Tj"), format!("({text}) '"), format!("0 0 ({text}) \""), format!("[({text})] TJ")]
    {
        assert_eq!(font(&operator), Err(MUCH), "{}", &operator[..4]);
    }
}

#[test]
fn lines_of_more_dashes_than_can_be_drawn_are_refused() {
    let small = "[0.0001 0.0001] 0 d";
    for (content, expected) in [
        (format!("{small} 0 0 m 10 0 l S"), Ok(())),
        (format!("q {small} Q 0 0 m 100000 0 l S"), Ok(())),
        (format!("{small} 0 0 m 100000 0 l S"), Err(MUCH)),
        (format!("{small} 0 0 m 100000 0 l n"), Ok(())),
        (format!("{small} 0 0 m 100000 0 l b"), Err(MUCH)),
        (format!("{small} 0 0 100000 100000 re s"), Err(MUCH)),
        (format!("{small} 0 0 m 0 100000 0 0 0 0 c B"), Err(MUCH)),
        (format!("{small} 0 0 m 0 100000 0 0 v B*"), Err(MUCH)),
        (format!("{small} 0 0 m 0 100000 0 0 y b*"), Err(MUCH)),
        (format!("{small} BT /H 1000 Tf (abc) Tj ET"), Ok(())),
        (format!("{small} BT /H 1000 Tf 1 Tr (abc) Tj ET"), Err(MUCH)),
        (format!("{small} BT /H 1 Tf 1 Tr 1000 0 0 1000 0 0 Tm [(abc)] TJ ET"), Err(MUCH)),
        ("[1 1] 1000000000 d 0 0 m 1 0 l S".into(), Err(MUCH)),
    ] {
        assert_eq!(read(one(&A4, &content)).map(|_| ()), expected, "{content}");
    }
    // A form has the dashes of whoever draws it.
    let form = [(FORM, "0 0 m 100000 0 l S")];
    let forms = "/XObject << /F 6 0 R >>";
    assert_eq!(read(with(&form, forms, "/F Do")).map(|_| ()), Ok(()));
    assert_eq!(read(with(&form, forms, &format!("/F Do {small} /F Do"))), Err(MUCH));
}

#[test]
fn what_is_painted_is_counted() {
    let content = "f S ".repeat(700_000);
    assert_eq!(read(one(&A4, &content)), Err(MUCH));
    for (content, much) in [("W n ", "clips of a PDF in each other"), ("q ", "saved states of a PDF")] {
        assert_eq!(read(one(&A4, &content.repeat(1_001))), Err(Error::TooLarge(much)));
        let balanced = format!("q {content} Q Q ").repeat(2_000);
        assert_eq!(read(one(&A4, &balanced)).map(|_| ()), Ok(()));
    }
}

#[test]
fn fonts_that_name_more_widths_than_there_are_characters_are_refused() {
    let font = |entries: &str, descendant: &str| {
        let mut document = Document::new();
        let font = format!(
            "<< /Type /Font /Subtype /Type0 /BaseFont /X /Encoding /Identity-H {entries} /DescendantFonts [<< /Type /Font \
             /Subtype /CIDFontType2 /BaseFont /X {descendant} >>] >>"
        );
        let content = document.stream("", b"BT /T 1 Tf (a) Tj ET");
        document.page_object(&format!(
            "<< /Type /Page /Parent 2 0 R /Contents {content} 0 R /Resources << /Font << /T {font} >> >> >>"
        ));
        read(document.bytes()).map(|_| ())
    };
    let refused = Err(Error::TooLarge("widths of a font of a PDF"));
    assert_eq!(font("", "/W [0 65535 1000 7 [500 500]]"), Ok(()));
    assert_eq!(font("", "/W [0 [500] 0 4294967295 1000]"), refused);
    assert_eq!(font("", "/W2 [0 4294967294 1 2 3]"), refused);
    assert_eq!(font("", &format!("/W [{}]", "0 65535 1 ".repeat(40))), refused);
    assert_eq!(font("/FirstChar 4000000000", ""), refused);
}

#[test]
fn what_becomes_long_is_refused() {
    let mut encoder = ZlibEncoder::new(Vec::new(), Compression::fast());
    let once = {
        let mut encoder = ZlibEncoder::new(Vec::new(), Compression::fast());
        encoder.write_all(&vec![b' '; 2 << 20]).unwrap();
        encoder.finish().unwrap()
    };
    encoder.write_all(&once).unwrap();
    let twice = encoder.finish().unwrap();
    let mut document = Document::new();
    document.stream("/Filter [/FlateDecode /FlateDecode]", &twice);
    document.page(&A4, "");
    assert_eq!(read(document.bytes()), Err(Error::Unsupported("a stream that is compressed twice")));
    let mut document = Document::new();
    document.stream("/Filter [/ASCIIHexDecode /LZWDecode /RunLengthDecode]", b"00>");
    document.page(&A4, "");
    assert_eq!(read(document.bytes()), Err(Error::Unsupported("a stream that is compressed twice")));
    let mut document = Document::new();
    document.stream("/Filter /LZWDecode", &[0x80; (1 << 20) + 1]);
    document.page(&A4, "");
    assert_eq!(read(document.bytes()), Err(Error::Unsupported("a long stream in filters of old")));
}

#[test]
fn fonts_of_endless_glyphs_are_refused() {
    let powers: Vec<Vec<u16>> = (1..=12).map(|before| vec![before; 3]).collect();
    let font = font(&['甲'], &powers);
    let mut encoder = ZlibEncoder::new(Vec::new(), Compression::fast());
    encoder.write_all(&font).unwrap();
    let compressed = encoder.finish().unwrap();
    let in_letters = hex::encode(&font) + ">";
    for (entries, data) in [
        ("", font.as_slice()),
        ("/Filter /FlateDecode", &compressed),
        ("/Filter /ASCIIHexDecode", in_letters.as_bytes()),
    ] {
        let mut document = Document::new();
        document.stream(entries, data);
        document.page(&A4, "");
        assert_eq!(
            read(document.bytes()),
            Err(Error::TooLarge("glyphs of which one glyph is made")),
            "{entries}"
        );
    }
}

#[test]
fn pages_of_no_sensible_size_are_refused() {
    for entries in [
        "/MediaBox [0 0 100000000000000000000000000000000 10]",
        "/MediaBox [0 0 600 800] /UserUnit 1000",
        "/MediaBox [0 0 100000 100]",
    ] {
        let read = read(one(&Look { entries, resources: "" }, ""));
        assert_eq!(read, Err(Error::Unsupported("a page of no sensible size")), "{entries}");
    }
}

#[test]
fn characters_of_a_page_are_counted() {
    let line = format!("<{}> Tj ", wide(&"甲".repeat(1_000)));
    let lines: String = (0..101).map(|y| format!("1 0 0 1 0 {} Tm {line}", y as f64 * 0.5)).collect();
    let full = one(&A4, &format!("BT /W 0.4 Tf {lines} ET"));
    assert_eq!(read(full), Err(Error::TooLarge("characters of a page of a PDF")));
}

#[test]
fn numbers_beyond_all_measure_do_no_harm() {
    let text = wide("甲");
    let much = format!("1{}", "0".repeat(38));
    let content = format!(
        "BT /W {much} Tf {much} 0 0 {much} 0 0 Tm <{text}> Tj /W 0 Tf <{text}> Tj /W -5 Tf 1 0 0 1 50 50 Tm <{text}> Tj ET"
    );
    assert_eq!(read(one(&A4, &content)).map(|pages| pages[0].len()), Ok(1));
}
