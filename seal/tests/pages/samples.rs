//! Documents that other tools made.

use std::path::{Path, PathBuf};
use std::{env, fs};

use seal::geometry::{POINTS_PER_MM, Rect};
use seal::pdf_text::PdfText;
use seal::place::Pages;
use seal::preview::{self, Fallback};

use crate::preview::decode;

/// One of the files, if they are there.
fn sample(name: &str) -> Option<Vec<u8>> {
    let beside = || Path::new(env!("CARGO_MANIFEST_DIR")).join("../../shared/data/samples");
    let folder = env::var_os("COSIGN_SAMPLES").map_or_else(beside, PathBuf::from);
    if !folder.is_dir() {
        eprintln!("skipped: samples not present");
        return None;
    }
    Some(fs::read(folder.join(name)).unwrap())
}

#[test]
fn keywords_of_a_tender_document_are_found() {
    let Some(bytes) = sample("pdf/ofdrw_Test.pdf") else { return };
    let mut text = PdfText::new(bytes).unwrap();
    assert_eq!(text.pages().len(), 5);
    let a4 = text.pages()[0];
    assert!((a4.width - 210.0).abs() < 0.1 && (a4.height - 297.0).abs() < 0.1);
    // The numbers and places are those that `pdftotext` of poppler gives.
    for (keyword, count) in [("磋商", 1), ("竞争性磋商文件", 1), ("神甫", 29), ("保尔", 64), ("投标人", 0)]
    {
        assert_eq!(text.find(keyword).unwrap().len(), count, "{keyword}");
    }
    let title = text.find("磋商").unwrap()[0];
    assert_eq!(title.page, 0);
    // The fonts' own heights differ from the square of an ideograph.
    near(title.area, [276.61, 394.09, 318.61, 498.56], 0.5);
}

#[test]
fn keywords_of_a_turned_page_are_found() {
    let Some(bytes) = sample("pdf/ofdrw_xbrl-001.pdf") else { return };
    let mut text = PdfText::new(bytes).unwrap();
    let page = text.pages()[0];
    let size = [page.width, page.height].map(|side| (side * POINTS_PER_MM).round());
    assert_eq!(size, [595.0, 420.0]);
    for (keyword, expected) in [
        ("旅客姓名", [20.0, 93.5, 52.0, 101.5]),
        ("有效身份证件号码", [130.0, 93.5, 194.0, 101.5]),
        ("电子发票（航空运输电子客票行程单）", [161.5, 23.0, 433.5, 39.0]),
    ] {
        let hits = text.find(keyword).unwrap();
        assert_eq!(hits.len(), 1, "{keyword}");
        near(hits[0].area, expected, 0.2);
    }
}

/// The edges of an area, given in points as `pdftotext -bbox` does.
fn near(area: Rect, expected: [f64; 4], millimetres: f64) {
    let found = [area.x, area.y, area.x + area.width, area.y + area.height];
    let edges = found.iter().zip(expected.map(|points| points / POINTS_PER_MM));
    assert!(edges.into_iter().all(|(found, expected)| (found - expected).abs() < millimetres), "{found:?}");
}

#[test]
fn seals_of_a_signed_document_are_drawn() {
    let Some(bytes) = sample("pdf-signed/self_tender_2sig_pades_ts.pdf") else { return };
    let pages = "1-2,5".parse::<Pages>().unwrap();
    let pictures = preview::pdf(bytes, &pages, 36.0, &Fallback::none()).unwrap();
    let reds = pictures.iter().map(|picture| {
        let image = decode(picture);
        assert_eq!(image.dimensions(), (298, 421));
        let red = |pixel: &image::Rgb<u8>| pixel.0[0] > 200 && pixel.0[1] < 80 && pixel.0[2] < 80;
        image
            .enumerate_pixels()
            .filter(|(x, y, pixel)| (175..232).contains(x) && (312..372).contains(y) && red(pixel))
            .count()
    });
    let reds: Vec<usize> = reds.collect();
    assert!(reds[0] > 300 && reds[1] == 0 && reds[2] > 300, "{reds:?}");
}
