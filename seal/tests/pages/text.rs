use seal::Error;
use seal::geometry::{POINTS_PER_MM, Rect, Size};
use seal::pdf_text::PdfText;
use seal::place::{self, Place, Which};
use seal::text::Character;

use crate::generator::{A4, Document, Look, one, wide};

/// What the places may be off, in millimetres.
const NEAR: f64 = 0.2;

fn near(found: Rect, [x, y, width, height]: [f64; 4]) {
    let pairs = [(found.x, x), (found.y, y), (found.width, width), (found.height, height)];
    assert!(pairs.iter().all(|(a, b)| (a - b).abs() < NEAR), "{found:?}, not {x} {y} {width} {height}");
}

fn areas(pdf: Vec<u8>, keyword: &str) -> Vec<Rect> {
    PdfText::new(pdf).unwrap().find(keyword).unwrap().into_iter().map(|hit| hit.area).collect()
}

fn characters(pdf: Vec<u8>) -> Vec<Character> {
    PdfText::new(pdf).unwrap().characters().unwrap()[0].clone()
}

fn string(characters: &[Character]) -> String {
    characters.iter().map(|character| character.character).collect()
}

/// In millimetres, from points.
fn mm(points: f64) -> f64 {
    points / POINTS_PER_MM
}

#[test]
fn characters_are_where_the_page_draws_them() {
    let text = wide("甲方A");
    let found = characters(one(&A4, &format!("BT /W 20 Tf 100 700 Td <{text}> Tj ET")));
    assert_eq!(string(&found), "甲方A");
    let top = mm(841.89 - 700.0 - 0.88 * 20.0);
    near(found[0].area, [mm(100.0), top, mm(20.0), mm(20.0)]);
    near(found[1].area, [mm(120.0), top, mm(20.0), mm(20.0)]);
    near(found[2].area, [mm(140.0), top, mm(10.0), mm(20.0)]);
    assert_eq!(found[0].along, (1.0, 0.0));
    assert!((found[0].size - mm(20.0)).abs() < 1e-6);
    // Helvetica: H is 722 units wide, i 222.
    let found = characters(one(&A4, "BT /H 10 Tf 3 Tc 10 10 Td (Hi) Tj ET"));
    assert_eq!(string(&found), "Hi");
    near(found[0].area, [mm(10.0), mm(841.89 - 18.8), mm(7.22), mm(10.0)]);
    near(found[1].area, [mm(20.22), mm(841.89 - 18.8), mm(2.22), mm(10.0)]);
}

#[test]
fn pieces_and_kerning_are_one_text() {
    let (a, b) = (wide("甲"), wide("方"));
    let top = mm(841.89 - 700.0 - 17.6);
    let kerned = format!("BT /W 20 Tf 100 700 Td [<{a}> -1500 <{b}>] TJ ET");
    near(areas(one(&A4, &kerned), "甲方")[0], [mm(100.0), top, mm(70.0), mm(20.0)]);
    let apart = format!("BT /W 20 Tf 100 700 Td <{a}> Tj ET q BT /W 20 Tf 120 700 Td <{b}> Tj ET Q");
    near(areas(one(&A4, &apart), "甲方")[0], [mm(100.0), top, mm(40.0), mm(20.0)]);
    let backwards = format!("BT /W 20 Tf 120 700 Td <{b}> Tj ET BT /W 20 Tf 100 700 Td <{a}> Tj ET");
    near(areas(one(&A4, &backwards), "甲方")[0], [mm(100.0), top, mm(40.0), mm(20.0)]);
    let lines = format!("BT /W 20 Tf 30 TL 500 700 Td <{a}> Tj -400 -30 Td <{b}> Tj ET");
    near(areas(one(&A4, &lines), "甲方")[0], [mm(500.0), top, mm(20.0), mm(20.0)]);
}

#[test]
fn white_space_and_forms_of_characters_do_not_matter() {
    let text = wide("⽅ 案：Ａ 方案：A");
    let found = areas(one(&A4, &format!("BT /W 10 Tf 50 600 Td <{text}> Tj ET")), "方 案:");
    assert_eq!(found.len(), 2);
    near(found[0], [mm(50.0), mm(841.89 - 608.8), mm(35.0), mm(10.0)]);
    near(found[1], [mm(100.0), mm(841.89 - 608.8), mm(30.0), mm(10.0)]);
}

#[test]
fn a_glyph_of_several_characters_is_divided() {
    let found = characters(one(&A4, "BT /W 20 Tf 100 700 Td <0001> Tj ET"));
    assert_eq!(string(&found), "ff");
    near(found[1].area, [mm(110.0), mm(841.89 - 717.6), mm(10.0), mm(20.0)]);
}

#[test]
fn matrices_scale_and_turn() {
    let text = wide("甲方");
    let scaled = format!("q 2 0 0 3 10 20 cm BT 50 Tz 10 Ts /W 4 Tf 2 0 0 2 30 40 Tm <{text}> Tj ET Q");
    // Text space: 4 units high, half as wide, lifted by 10; twice by the text matrix, then by the page.
    near(
        areas(one(&A4, &scaled), "甲方")[0],
        [
            mm(10.0 + 2.0 * 30.0),
            mm(841.89 - (20.0 + 3.0 * (40.0 + 2.0 * (10.0 + 0.88 * 4.0)))),
            mm(2.0 * 2.0 * (2.0 * 0.5 * 4.0)),
            mm(3.0 * 2.0 * 4.0),
        ],
    );
    // A quarter turn to the left: the line goes up.
    let turned = format!("BT /W 20 Tf 0 1 -1 0 300 400 Tm <{text}> Tj ET");
    let pdf = one(&A4, &turned);
    near(areas(pdf.clone(), "甲方")[0], [mm(300.0 - 17.6), mm(841.89 - 440.0), mm(20.0), mm(40.0)]);
    let (x, y) = characters(pdf)[0].along;
    assert!(x.abs() < 1e-9 && (y + 1.0).abs() < 1e-9);
    let half = 0.5_f64.sqrt();
    let slanted = format!("BT /W 20 Tf {half} {half} -{half} {half} 300 400 Tm <{text}> Tj ET");
    // The corners of a rectangle of 40 by 20 that begins 2.4 below the baseline, turned by 45 degrees.
    near(
        areas(one(&A4, &slanted), "甲方")[0],
        [mm(300.0 - half * 17.6), mm(841.89 - (400.0 + half * 57.6)), mm(half * 60.0), mm(half * 60.0)],
    );
}

#[test]
fn pages_are_turned_cropped_and_scaled() {
    let content = format!("BT /W 20 Tf 150 250 Td <{}> Tj ET", wide("甲方"));
    let (left, bottom, right, top) = (150.0 - 50.0, 250.0 - 2.4 - 60.0, 190.0 - 50.0, 250.0 + 17.6 - 60.0);
    let (width, height) = (300.0, 400.0);
    for (rotate, expected) in [
        (0, [left, height - top, right - left, top - bottom]),
        (90, [bottom, left, top - bottom, right - left]),
        (180, [width - right, bottom, right - left, top - bottom]),
        (270, [height - top, width - right, top - bottom, right - left]),
        (-90, [height - top, width - right, top - bottom, right - left]),
    ] {
        for unit in [1.0, 2.5] {
            let entries =
                format!("/MediaBox [0 0 600 800] /CropBox [50 60 350 460] /Rotate {rotate} /UserUnit {unit}");
            let pdf = one(&Look { entries: &entries, resources: "" }, &content);
            let mut text = PdfText::new(pdf).unwrap();
            let sideways = rotate % 180 != 0;
            let (w, h) = if sideways { (height, width) } else { (width, height) };
            let Size { width: wide, height: high } = text.pages()[0];
            assert!((wide - mm(w * unit)).abs() < 1e-3 && (high - mm(h * unit)).abs() < 1e-3);
            near(text.find("甲方").unwrap()[0].area, expected.map(|points| mm(points * unit)));
        }
    }
}

#[test]
fn text_outside_of_the_page_does_not_count_and_what_is_not_painted_does() {
    let look = Look { entries: "/MediaBox [0 0 600 800] /CropBox [100 100 300 300]", resources: "" };
    let text = wide("甲方");
    let content = format!(
        "BT /W 10 Tf 1 0 0 1 120 120 Tm <{text}> Tj 1 0 0 1 20 120 Tm <{text}> Tj 3 Tr 1 0 0 1 120 200 Tm <{text}> Tj ET"
    );
    let found = areas(one(&look, &content), "甲方");
    assert_eq!(found.len(), 2);
    near(found[0], [mm(20.0), mm(300.0 - 208.8), mm(20.0), mm(10.0)]);
    near(found[1], [mm(20.0), mm(300.0 - 128.8), mm(20.0), mm(10.0)]);
}

#[test]
fn what_is_painted_twice_is_one_text() {
    let text = wide("甲方");
    let bold = format!("BT /W 10 Tf 50 600 Td <{text}> Tj 0.3 0 Td <{text}> Tj 2 Tr 0 -50 Td <{text}> Tj ET");
    assert_eq!(string(&characters(one(&A4, &bold))), "甲方甲方");
    let twice = wide("甲甲");
    assert_eq!(areas(one(&A4, &format!("BT /W 10 Tf 50 600 Td <{twice}> Tj ET")), "甲").len(), 2);
}

#[test]
fn text_of_forms_and_of_drawn_fonts_counts() {
    let mut document = Document::new();
    let form = document.stream(
        "/Type /XObject /Subtype /Form /BBox [0 0 100 100] /Matrix [2 0 0 2 0 0] /Resources << /Font << /W 4 0 R >> >>",
        format!("BT /W 10 Tf 10 20 Td <{}> Tj ET", wide("甲方")).as_bytes(),
    );
    let look = Look { resources: &format!("/XObject << /F {form} 0 R >>"), ..A4 };
    document.page(&look, "q 1 0 0 1 100 200 cm /F Do Q");
    let mut text = PdfText::new(document.bytes()).unwrap();
    let hits = text.find("甲方").unwrap();
    near(hits[0].area, [mm(120.0), mm(841.89 - (200.0 + 2.0 * 28.8)), mm(40.0), mm(20.0)]);

    let mut document = Document::new();
    let glyph = document.stream("", b"1000 0 0 0 750 750 d1 0 0 750 750 re f");
    let font = format!(
        "<< /Type /Font /Subtype /Type3 /FontBBox [0 0 750 750] /FontMatrix [0.001 0 0 0.001 0 0] /CharProcs << /A {glyph} \
         0 R >> /Encoding << /Type /Encoding /Differences [97 /A] >> /FirstChar 97 /LastChar 97 /Widths [1000] >>"
    );
    let font = document.add(font);
    let content = document.stream("", b"BT /T 10 Tf 10 10 Td (aa) Tj ET");
    let page = format!(
        "<< /Type /Page /Parent 2 0 R {} /Contents {content} 0 R /Resources << /Font << /T {font} 0 R >> >> >>",
        A4.entries
    );
    document.page_object(&page);
    let mut text = PdfText::new(document.bytes()).unwrap();
    let hits = text.find("AA").unwrap();
    near(hits[0].area, [mm(10.0), mm(841.89 - 18.8), mm(20.0), mm(10.0)]);
}

#[test]
fn vertical_text_goes_down() {
    let mut document = Document::new();
    let font = document.add(
        "<< /Type /Font /Subtype /Type0 /BaseFont /Wide /Encoding /Identity-V /ToUnicode 5 0 R /DescendantFonts [<< \
         /Type /Font /Subtype /CIDFontType2 /BaseFont /Wide /CIDSystemInfo << /Registry (Adobe) /Ordering (Identity) \
         /Supplement 0 >> /DW 1000 >>] >>",
    );
    let content = document.stream("", format!("BT /V 20 Tf 300 700 Td <{}> Tj ET", wide("甲方")).as_bytes());
    document.page_object(&format!(
        "<< /Type /Page /Parent 2 0 R {} /Contents {content} 0 R /Resources << /Font << /V {font} 0 R >> >> >>",
        A4.entries
    ));
    let pdf = document.bytes();
    near(areas(pdf.clone(), "甲方")[0], [mm(290.0), mm(841.89 - 700.0), mm(20.0), mm(40.0)]);
    assert_eq!(characters(pdf)[0].along, (0.0, 1.0));
}

#[test]
fn hits_are_counted_over_pages_and_stamps_go_there() {
    let mut document = Document::new();
    let content = format!("BT /W 20 Tf 100 700 Td <{}> Tj ET", wide("盖章处"));
    for _ in 0..3 {
        document.page(&A4, &content);
    }
    let mut text = PdfText::new(document.bytes()).unwrap();
    let pages: Vec<usize> = text.find("盖章").unwrap().iter().map(|hit| hit.page).collect();
    assert_eq!(pages, [0, 1, 2]);
    let keyword = Place::Keyword { text: "盖章".into(), which: Which::Nth(2), offset: (5.0, -1.0) };
    let seal = Size { width: 40.0, height: 40.0 };
    let stamps = place::stamps(&mut text, &[keyword], seal).unwrap();
    assert_eq!((stamps.len(), stamps[0].page), (1, 1));
    let (x, y) = stamps[0].area.centre();
    assert!((x - mm(120.0) - 5.0).abs() < NEAR && (y - mm(841.89 - 707.6) + 1.0).abs() < NEAR);
    assert_eq!(text.find("　"), Err(Error::Unusable("a keyword of nothing but white space")));
}
