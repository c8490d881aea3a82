//! A small but complete PDF: something that a user would sign.

/// A PDF 1.4 file of `pages` A4 pages with a line of text each: plain objects, a cross-reference table, no compression.
#[must_use]
pub fn document(pages: usize) -> Vec<u8> {
    // Objects 1 (catalogue), 2 (page tree), 3 (font), then a page and its content for each page.
    let page = |index: usize| 4 + 2 * index;
    let kids: String = (0..pages).map(|index| format!("{} 0 R ", page(index))).collect();
    let mut objects = vec![
        "<< /Type /Catalog /Pages 2 0 R >>".to_owned(),
        format!("<< /Type /Pages /Count {pages} /Kids [ {kids}] >>"),
        "<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica >>".to_owned(),
    ];
    for index in 0..pages {
        let text = format!("BT /F1 24 Tf 72 720 Td (Agreement, page {} of {pages}) Tj ET", index + 1);
        objects.push(format!(
            "<< /Type /Page /Parent 2 0 R /MediaBox [ 0 0 595 842 ] /Resources << /Font << /F1 3 0 R >> >> \
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
