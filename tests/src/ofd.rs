//! A small but complete OFD document: something that a user would seal.

use std::io::{Cursor, Write as _};

use zip::{CompressionMethod, DateTime, ZipWriter, write::SimpleFileOptions};

const NAMESPACE: &str = "xmlns:ofd=\"http://www.ofdspec.org/2016\"";

/// `pages` pages of A4 with 竞争性磋商文件 and the number of the page in millimetre 30 from the left and 50 from the top, and
/// 投标人盖章 in millimetre 120 and 250 on the last page.
#[must_use]
pub fn tender(pages: usize) -> Vec<u8> {
    let list: String = (0..pages)
        .map(|page| format!("<ofd:Page ID=\"{}\" BaseLoc=\"Pages/Page_{page}/Content.xml\"/>", 10 + page))
        .collect();
    let mut files = Vec::from([
        (
            "OFD.xml".to_owned(),
            format!(
                "<ofd:OFD {NAMESPACE} Version=\"1.1\" DocType=\"OFD\"><ofd:DocBody><ofd:DocInfo>\
                 <ofd:DocID>44f1a3b1c0d94f0e9f6f7a1f1d2c3b4a</ofd:DocID></ofd:DocInfo>\
                 <ofd:DocRoot>Doc_0/Document.xml</ofd:DocRoot></ofd:DocBody></ofd:OFD>"
            ),
        ),
        (
            "Doc_0/Document.xml".to_owned(),
            format!(
                "<ofd:Document {NAMESPACE}><ofd:CommonData><ofd:MaxUnitID>9999</ofd:MaxUnitID><ofd:PageArea>\
                 <ofd:PhysicalBox>0 0 210 297</ofd:PhysicalBox></ofd:PageArea>\
                 <ofd:PublicRes>PublicRes.xml</ofd:PublicRes></ofd:CommonData>\
                 <ofd:Pages>{list}</ofd:Pages></ofd:Document>"
            ),
        ),
        (
            "Doc_0/PublicRes.xml".to_owned(),
            format!(
                "<ofd:Res {NAMESPACE} BaseLoc=\"Res\"><ofd:Fonts><ofd:Font ID=\"2\" FontName=\"宋体\"/></ofd:Fonts></ofd:Res>"
            ),
        ),
    ]);
    for page in 0..pages {
        let mut objects = text(1000 + 10 * page, 30, 50, &format!("竞争性磋商文件第{}页", page + 1));
        if page + 1 == pages {
            objects += &text(1001 + 10 * page, 120, 250, "投标人盖章");
        }
        files.push((
            format!("Doc_0/Pages/Page_{page}/Content.xml"),
            format!(
                "<ofd:Page {NAMESPACE}><ofd:Content><ofd:Layer ID=\"{}\">{objects}</ofd:Layer></ofd:Content></ofd:Page>",
                500 + page
            ),
        ));
    }
    let mut zip = ZipWriter::new(Cursor::new(Vec::new()));
    let options = SimpleFileOptions::default()
        .compression_method(CompressionMethod::Deflated)
        .last_modified_time(DateTime::default());
    for (name, content) in files {
        zip.start_file(name, options).expect("a name that can be written");
        let head = "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n";
        zip.write_all((head.to_owned() + &content).as_bytes()).expect("memory takes everything");
    }
    zip.finish().expect("memory takes everything").into_inner()
}

/// A line in characters of 8 mm; its top left corner in millimetres.
fn text(id: usize, x: usize, y: usize, text: &str) -> String {
    let count = text.chars().count();
    format!(
        "<ofd:TextObject ID=\"{id}\" Boundary=\"{x} {y} {} 8\" Font=\"2\" Size=\"8\">\
         <ofd:TextCode X=\"0\" Y=\"7\" DeltaX=\"g {} 8\">{text}</ofd:TextCode></ofd:TextObject>",
        8 * count,
        count - 1
    )
}
