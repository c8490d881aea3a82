//! What pages show: text, and pictures of them. PDFs are read by an interpreter that may give up; that is an error of the
//! document.

use std::{io::Cursor, sync::OnceLock};

use seal::{
    geometry::Size,
    pdf_text::PdfText,
    picture::{Font, Picture},
    place::Pages,
    preview::{self, Fallback, Png},
};

/// Longest PDF.
const MAX_LEN: usize = 64 * 1024;
/// Pixels per inch of the pictures.
const DPI: f64 = 20.0;
/// Most pixels of a picture that is read again.
const MAX_PIXELS: u64 = 1 << 20;
/// How long a text is that is looked for.
const WORD: usize = 6;

/// `p` and a PDF, or a package as of the target `seal_ofd`.
pub(in crate::fuzz) fn any(data: &[u8]) -> bool {
    match data.split_first() {
        Some((b'p', pdf)) => pdf.len() <= MAX_LEN && (text(pdf) | shown(pdf)),
        _ => super::ofd::package(data).is_some_and(|package| {
            let pictures = preview::ofd(Cursor::new(package), &Pages::one(1), DPI, fallback());
            pictures.is_ok_and(|pictures| one(&pictures))
        }),
    }
}

fn fallback() -> &'static Fallback {
    static FALLBACK: OnceLock<Fallback> = OnceLock::new();
    FALLBACK.get_or_init(|| Fallback::font(Font::bundled().as_bytes().to_vec()).unwrap())
}

/// A page is one picture that can be read.
fn one(pictures: &[Png]) -> bool {
    let [png] = pictures else { panic!("{} pictures of one page", pictures.len()) };
    if u64::from(png.width) * u64::from(png.height) > MAX_PIXELS {
        return true;
    }
    let picture = Picture::decode(&png.bytes, Size { width: 1.0, height: 1.0 }).unwrap();
    assert_eq!((picture.width(), picture.height()), (png.width, png.height));
    assert!(picture.rgba().iter().skip(3).step_by(4).all(|opacity| *opacity == 0xff), "white paper");
    true
}

/// Characters stand somewhere, and every text that is found is on a page.
fn text(pdf: &[u8]) -> bool {
    let Ok(mut text) = PdfText::new(pdf.to_vec()) else { return false };
    let pages = text.pages().len();
    assert!(pages > 0);
    let Ok(characters) = text.characters() else { return false };
    assert_eq!(characters.len(), pages);
    let mut word = String::from("盖章");
    for character in characters.iter().flatten() {
        let area = character.area;
        assert!([area.x, area.y, area.width, area.height, character.size].into_iter().all(f64::is_finite));
        if !character.character.is_whitespace() && word.chars().count() < WORD {
            word.push(character.character);
        }
    }
    for word in [&*word, word.trim_start_matches("盖章"), "盖章"] {
        let Ok(hits) = text.find(word) else { continue };
        assert!(hits.iter().all(|hit| hit.page < pages), "a page that is not there");
    }
    true
}

fn shown(pdf: &[u8]) -> bool {
    preview::pdf(pdf.to_vec(), &Pages::one(1), DPI, fallback()).is_ok_and(|pictures| one(&pictures))
}
