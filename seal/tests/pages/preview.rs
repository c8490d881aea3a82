use image::RgbImage;
use seal::Error;
use seal::place::Pages;
use seal::preview::{self, Fallback, Png};

use crate::font::squares;
use crate::generator::{A4, Document, Look, one, wide};

const WHITE: [u8; 3] = [255; 3];
const RED: [u8; 3] = [255, 0, 0];

fn draw(pdf: Vec<u8>, resolution: f64) -> Result<Vec<Png>, Error> {
    preview::pdf(pdf, &Pages::All, resolution, &Fallback::none())
}

pub(crate) fn decode(png: &Png) -> RgbImage {
    let image = image::load_from_memory(&png.bytes).unwrap().into_rgb8();
    assert_eq!(image.dimensions(), (png.width, png.height));
    image
}

/// The only colour within a rectangle of edges, one pixel away from them.
fn colour(image: &RgbImage, [left, top, right, bottom]: [u32; 4]) -> [u8; 3] {
    let first = image.get_pixel(left + 1, top + 1).0;
    for (x, y) in (left + 1..right - 1).flat_map(|x| (top + 1..bottom - 1).map(move |y| (x, y))) {
        assert_eq!(image.get_pixel(x, y).0, first, "{x} {y}");
    }
    first
}

/// A red rectangle with these edges on white.
pub(crate) fn is_red(image: &RgbImage, edges: [u32; 4]) {
    let [left, top, right, bottom] = edges;
    assert_eq!(colour(image, edges), RED);
    let red = |x: u32, y: u32| image.get_pixel(x, y).0 != WHITE;
    let outside = image.enumerate_pixels().filter(|(x, y, _)| {
        !(left.saturating_sub(1)..=right).contains(x) || !(top.saturating_sub(1)..=bottom).contains(y)
    });
    for (x, y, _) in outside {
        assert!(!red(x, y), "{x} {y}");
    }
}

#[test]
fn pages_are_drawn_as_they_are_shown() {
    let (left, bottom, right, top) = (100, 200, 140, 300);
    for (rotate, (width, height), edges) in [
        (0, (300, 400), [left, 400 - top, right, 400 - bottom]),
        (90, (400, 300), [bottom, left, top, right]),
        (180, (300, 400), [300 - right, bottom, 300 - left, top]),
        (270, (400, 300), [400 - top, 300 - right, 400 - bottom, 300 - left]),
    ] {
        let entries =
            format!("/MediaBox [0 0 600 800] /CropBox [50 60 350 460] /Rotate {rotate} /UserUnit 0.5");
        let pdf = one(&Look { entries: &entries, resources: "" }, "1 0 0 rg 150 260 40 100 re f");
        let pictures = draw(pdf.clone(), 144.0).unwrap();
        assert_eq!((pictures[0].width, pictures[0].height), (width, height));
        is_red(&decode(&pictures[0]), edges);
        assert_eq!(draw(pdf.clone(), 144.0).unwrap(), pictures);
        assert_eq!(draw(pdf, 72.0).unwrap()[0].width, width / 2);
    }
}

#[test]
fn appearances_of_signatures_are_drawn() {
    let mut document = Document::new();
    let form = document.stream("/Type /XObject /Subtype /Form /BBox [0 0 10 10]", b"1 0 0 rg 0 0 10 10 re f");
    let mut field = |flags: u32| {
        document.add(format!(
            "<< /Type /Annot /Subtype /Widget /FT /Sig /T (S) /F {flags} /Rect [20 30 60 50] /AP << /N {form} 0 R >> >>"
        ))
    };
    let (shown, hidden) = (field(132), field(134));
    for annotation in [shown, hidden] {
        let entries = format!("/MediaBox [0 0 100 100] /Annots [{annotation} 0 R]");
        document.page(&Look { entries: &entries, resources: "" }, "");
    }
    let pictures = draw(document.bytes(), 72.0).unwrap();
    is_red(&decode(&pictures[0]), [20, 50, 60, 70]);
    assert_eq!(colour(&decode(&pictures[1]), [0, 0, 100, 100]), WHITE);
}

#[test]
fn pages_are_chosen() {
    let mut document = Document::new();
    for width in [10, 20, 30, 40] {
        let entries = format!("/MediaBox [0 0 {width} 10]");
        document.page(&Look { entries: &entries, resources: "" }, "");
    }
    let pdf = document.bytes();
    let widths = |pages: &Pages| {
        let pictures = preview::pdf(pdf.clone(), pages, 72.0, &Fallback::none());
        pictures.map(|pictures| pictures.iter().map(|picture| picture.width).collect::<Vec<_>>())
    };
    assert_eq!(widths(&Pages::Even), Ok(vec![20, 40]));
    assert_eq!(widths(&Pages::Last), Ok(vec![40]));
    assert!(matches!(widths(&Pages::one(5)), Err(Error::Unusable(_))));
}

#[test]
fn a_font_stands_in_for_wide_characters() {
    let content = format!("1 0 0 rg BT /W 40 Tf 20 30 Td <{}> Tj ET", wide("甲"));
    let pdf = one(&Look { entries: "/MediaBox [0 0 100 100]", resources: "" }, &content);
    let font = Fallback::font(squares(&['甲'])).unwrap();
    let picture = preview::pdf(pdf, &Pages::All, 72.0, &font).unwrap().remove(0);
    is_red(&decode(&picture), [20, 30, 60, 70]);
    assert!(matches!(Fallback::font(b"no font".to_vec()), Err(Error::Malformed("a font of OpenType"))));
}

#[test]
fn pictures_are_bounded() {
    let pdf = one(&A4, "");
    assert_eq!(draw(pdf.clone(), 1_200.0), Err(Error::TooLarge("pixels of a picture")));
    assert!(matches!(draw(pdf, 5.0), Err(Error::Unusable(_))));
    let mut document = Document::new();
    let image = "/Type /XObject /Subtype /Image /Width 20000 /Height 20000 /BitsPerComponent 1 /ColorSpace /DeviceGray";
    let image = document.stream(image, b"");
    document.page(&Look { resources: &format!("/XObject << /I {image} 0 R >>"), ..A4 }, "/I Do");
    assert_eq!(draw(document.bytes(), 72.0), Err(Error::TooLarge("pixels of a picture of a PDF")));
    let long = one(&A4, &"f ".repeat(400_000));
    assert_eq!(draw(long, 72.0), Err(Error::TooLarge("work that drawing a page of a PDF is")));
}

#[test]
fn documents_of_harm_are_errors() {
    for bytes in [&b""[..], b"%PDF-1.7", &[0xff; 3000]] {
        assert_eq!(draw(bytes.to_vec(), 72.0), Err(Error::Malformed("a PDF")));
    }
    let pdf = one(&Look { entries: "/MediaBox [0 0 50 50]", resources: "" }, "BT /H 20 Tf (abc) Tj ET");
    for at in (0..pdf.len()).step_by(17) {
        let mut changed = pdf.clone();
        changed[at] = changed[at].wrapping_add(13);
        let drawn = draw(changed, 20.0);
        assert!(drawn.is_err() || drawn.is_ok_and(|pictures| pictures.len() == 1), "{at}");
    }
}
