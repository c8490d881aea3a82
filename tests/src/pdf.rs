//! Small but complete PDFs: something that a user would sign.

use std::fmt::Write as _;

/// A PDF 1.4 file of `pages` A4 pages with a line of text each: plain objects, a cross-reference table, no compression.
#[must_use]
pub fn document(pages: usize) -> Vec<u8> {
    let font = "<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica >>".to_owned();
    let text = |page| format!("72 720 Td (Agreement, page {page} of {pages}) Tj");
    file(pages, Vec::from([font]), text, |_| 0)
}

/// The same in Chinese: 竞争性磋商文件 and the number of the page in millimetre 30 from the left and 50 from the top, 投标人盖章 in
/// millimetre 120 and 250 on the last page. The font is one that readers bring along.
#[must_use]
pub fn tender(pages: usize) -> Vec<u8> {
    tender_turned(pages, |_| 0)
}

/// The same with pages that are shown turned by so many degrees, a multiple of 90, which depend on the page, from 0. The text
/// turns with its page.
#[must_use]
pub fn tender_turned(pages: usize, turn: impl Fn(usize) -> u16) -> Vec<u8> {
    let font = "<< /Type /Font /Subtype /Type0 /BaseFont /STSong-Light /Encoding /UniGB-UCS2-H /DescendantFonts [ 4 0 R ] >>";
    let descendant = "<< /Type /Font /Subtype /CIDFontType0 /BaseFont /STSong-Light /CIDSystemInfo << /Registry (Adobe) \
         /Ordering (GB1) /Supplement 4 >> /FontDescriptor 5 0 R /DW 1000 >>";
    let descriptor = "<< /Type /FontDescriptor /FontName /STSong-Light /Flags 6 /FontBBox [ -25 -254 1000 880 ] \
         /ItalicAngle 0 /Ascent 880 /Descent -120 /CapHeight 880 /StemV 93 >>";
    let hex = |text: &str| {
        text.encode_utf16().fold(String::new(), |mut out, unit| {
            let _ = write!(out, "{unit:04X}");
            out
        })
    };
    let text = |page| {
        let title = hex(&format!("竞争性磋商文件第{page}页"));
        let signed = if page == pages {
            format!("255.1181 -566.9291 Td <{}> Tj", hex("投标人盖章"))
        } else {
            String::new()
        };
        format!("85.0394 700.1575 Td <{title}> Tj {signed}")
    };
    file(pages, [font, descendant, descriptor].map(str::to_owned).into(), text, turn)
}

/// Pages of A4 with a text each, in 24 points of the first of these fonts' objects.
fn file(
    pages: usize,
    fonts: Vec<String>,
    text: impl Fn(usize) -> String,
    turn: impl Fn(usize) -> u16,
) -> Vec<u8> {
    // Objects 1 (catalogue), 2 (page tree), from 3 on the fonts, then a page and its content for each page.
    let first = 3 + fonts.len();
    let page = |index: usize| first + 2 * index;
    let kids: String = (0..pages).map(|index| format!("{} 0 R ", page(index))).collect();
    let mut objects = vec![
        "<< /Type /Catalog /Pages 2 0 R >>".to_owned(),
        format!("<< /Type /Pages /Count {pages} /Kids [ {kids}] >>"),
    ];
    objects.extend(fonts);
    for index in 0..pages {
        let text = format!("BT /F1 24 Tf {} ET", text(index + 1));
        let turn = match turn(index) {
            0 => String::new(),
            degrees => format!("/Rotate {degrees} "),
        };
        objects.push(format!(
            "<< /Type /Page /Parent 2 0 R {turn}/MediaBox [ 0 0 595 842 ] /Resources << /Font << /F1 3 0 R >> >> \
             /Contents {} 0 R >>",
            page(index) + 1
        ));
        objects.push(format!("<< /Length {} >>\nstream\n{text}\nendstream", text.len()));
    }

    let mut file = b"%PDF-1.4\n%\xe2\xe3\xcf\xd3\n".to_vec();
    let mut offsets = Vec::with_capacity(objects.len());
    for (number, object) in (1..).zip(&objects) {
        offsets.push(file.len());
        file.extend(format!("{number} 0 obj\n{object}\nendobj\n").bytes());
    }
    let table = file.len();
    let size = objects.len() + 1;
    file.extend(format!("xref\n0 {size}\n0000000000 65535 f \n").bytes());
    for offset in offsets {
        file.extend(format!("{offset:010} 00000 n \n").bytes());
    }
    file.extend(format!("trailer\n<< /Size {size} /Root 1 0 R >>\nstartxref\n{table}\n%%EOF\n").bytes());
    file
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_cross_reference_table_points_at_the_objects() {
        let file = document(20);
        let text = String::from_utf8_lossy(&file).into_owned();
        assert_eq!(text.matches("/Type /Page ").count(), 20);
        let start: usize =
            text.rsplit("startxref\n").next().unwrap().lines().next().unwrap().parse().unwrap();
        assert!(file[start..].starts_with(b"xref\n0 44\n"));
        let entries =
            text.split("65535 f \n").nth(1).unwrap().lines().take_while(|line| line.ends_with("n "));
        for (number, entry) in (1..).zip(entries) {
            let offset: usize = entry[..10].parse().unwrap();
            assert!(file[offset..].starts_with(format!("{number} 0 obj\n").as_bytes()));
        }
    }
}
