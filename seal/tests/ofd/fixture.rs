//! Documents made here, and ways to change them. Packages are written and read by another program than the one under test.

use std::io::{Cursor, Read, Write};

use pki::Time;
use seal::geometry::{Rect, Stamp};
use seal::ofd::{Document, Kind, Protect, Provider, Request, prepare};
use zip::write::SimpleFileOptions;
use zip::{CompressionMethod, ZipArchive, ZipWriter};

/// Files with their paths, without a slash in front.
pub(crate) type Files = Vec<(String, Vec<u8>)>;

const HEAD: &str = "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n";
const NAMESPACE: &str = "xmlns:ofd=\"http://www.ofdspec.org/2016\"";

/// A document of so many pages, each with a text, a picture and a path.
pub(crate) fn files(pages: usize) -> Files {
    let mut files = Files::new();
    let mut add = |path: &str, body: String| files.push((path.to_owned(), body.into_bytes()));
    add(
        "OFD.xml",
        format!(
            "{HEAD}<ofd:OFD {NAMESPACE} Version=\"1.0\" DocType=\"OFD\"><ofd:DocBody><ofd:DocInfo><ofd:DocID>1</ofd:DocID>\
             </ofd:DocInfo><ofd:DocRoot>Doc_0/Document.xml</ofd:DocRoot></ofd:DocBody></ofd:OFD>"
        ),
    );
    let list: String = (0..pages)
        .map(|page| format!("<ofd:Page ID=\"{}\" BaseLoc=\"Pages/Page_{page}/Content.xml\"/>", 100 + page))
        .collect();
    add(
        "Doc_0/Document.xml",
        format!(
            "{HEAD}<ofd:Document {NAMESPACE}><ofd:CommonData><ofd:MaxUnitID>9</ofd:MaxUnitID><ofd:PageArea>\
             <ofd:PhysicalBox>0 0 210 297</ofd:PhysicalBox></ofd:PageArea><ofd:PublicRes>PublicRes.xml</ofd:PublicRes>\
             <ofd:DocumentRes>DocumentRes.xml</ofd:DocumentRes></ofd:CommonData><ofd:Pages>{list}</ofd:Pages></ofd:Document>"
        ),
    );
    add(
        "Doc_0/PublicRes.xml",
        format!(
            "{HEAD}<ofd:Res {NAMESPACE} BaseLoc=\"Res\"><ofd:Fonts><ofd:Font ID=\"3\" FontName=\"宋体\"/></ofd:Fonts></ofd:Res>"
        ),
    );
    add(
        "Doc_0/DocumentRes.xml",
        format!(
            "{HEAD}<ofd:Res {NAMESPACE} BaseLoc=\"Res\"><ofd:MultiMedias><ofd:MultiMedia ID=\"4\" Type=\"Image\">\
             <ofd:MediaFile>dot.bin</ofd:MediaFile></ofd:MultiMedia></ofd:MultiMedias></ofd:Res>"
        ),
    );
    for page in 0..pages {
        add(
            &format!("Doc_0/Pages/Page_{page}/Content.xml"),
            format!(
                "{HEAD}<ofd:Page {NAMESPACE}><ofd:Content><ofd:Layer ID=\"{id}\">\
                 <ofd:TextObject ID=\"{id}1\" Boundary=\"30 40 100 10\" Font=\"3\" Size=\"5\"><ofd:TextCode X=\"0\" Y=\"5\" \
                 DeltaX=\"g 4 5\">签字盖章处</ofd:TextCode></ofd:TextObject>\
                 <ofd:ImageObject ID=\"{id}2\" Boundary=\"10 100 20 20\" CTM=\"20 0 0 20 0 0\" ResourceID=\"4\"/>\
                 <ofd:PathObject ID=\"{id}3\" Boundary=\"10 200 50 50\" LineWidth=\"0.5\"><ofd:AbbreviatedData>M 0 0 L 50 50 \
                 </ofd:AbbreviatedData></ofd:PathObject></ofd:Layer></ofd:Content></ofd:Page>",
                id = 1000 + page
            ),
        );
    }
    files.push(("Doc_0/Res/dot.bin".to_owned(), vec![7; 3000]));
    files
}

/// Packs files: every other one stored, with directories as some programs write them.
pub(crate) fn pack(files: &Files) -> Vec<u8> {
    let mut writer = ZipWriter::new(Cursor::new(Vec::new()));
    writer.add_directory("Doc_0", SimpleFileOptions::default()).expect("a directory");
    for (index, (path, content)) in files.iter().enumerate() {
        let method = if index % 2 == 0 { CompressionMethod::Deflated } else { CompressionMethod::Stored };
        writer.start_file(path, SimpleFileOptions::default().compression_method(method)).expect("a file");
        writer.write_all(content).expect("in memory");
    }
    writer.finish().expect("in memory").into_inner()
}

pub(crate) fn document(pages: usize) -> Vec<u8> {
    pack(&files(pages))
}

pub(crate) fn unpack(package: &[u8]) -> Files {
    let mut archive = ZipArchive::new(Cursor::new(package)).expect("a package");
    (0..archive.len())
        .filter_map(|index| {
            let mut file = archive.by_index(index).expect("a file");
            if file.is_dir() {
                return None;
            }
            let path = file.name().expect("a name").into_owned();
            let mut content = Vec::new();
            file.read_to_end(&mut content).expect("a whole file");
            Some((path, content))
        })
        .collect()
}

/// A file as text.
pub(crate) fn text_of(package: &[u8], path: &str) -> String {
    let (_, content) = unpack(package).into_iter().find(|(name, _)| name == path).expect("the file");
    String::from_utf8(content).expect("text")
}

/// Replaces text in a file of the list.
pub(crate) fn edit(files: &mut Files, path: &str, from: &str, to: &str) {
    let (_, content) = files.iter_mut().find(|(name, _)| name == path).expect("the file");
    let text = String::from_utf8(content.clone()).expect("text");
    assert!(text.contains(from), "{path} has no {from}: {text}");
    *content = text.replacen(from, to, 1).into_bytes();
}

pub(crate) fn open(package: &[u8]) -> Document<Cursor<&[u8]>> {
    Document::open(Cursor::new(package)).expect("a document")
}

pub(crate) fn time() -> Time {
    Time::from_unix(1_790_000_001).expect("a time")
}

pub(crate) fn stamp(page: usize) -> Stamp {
    Stamp { page, area: Rect { x: 50.5, y: 60.0, width: 40.0, height: 40.0 }, clip: None }
}

pub(crate) const STAMPS: &[Stamp] = &[
    Stamp { page: 0, area: Rect { x: 190.0, y: 60.25, width: 40.0, height: 40.0 }, clip: None },
    Stamp {
        page: 1,
        area: Rect { x: -0.0, y: 60.0004, width: 40.0, height: 40.0 },
        clip: Some(Rect { x: 20.0, y: 0.0, width: 20.0, height: 40.0 }),
    },
];

pub(crate) const SEAL: &[u8] = b"not really a seal";

pub(crate) fn request(protect: Protect) -> Request<'static> {
    Request {
        kind: Kind::Seal,
        stamps: STAMPS,
        seal: Some(SEAL),
        provider: Provider { name: "a <maker> & \"co\"", version: "1.0", company: "c" },
        method: "1.2.156.10197.1.501",
        time: time(),
        protect,
    }
}

pub(crate) fn sign_request(protect: Protect) -> Request<'static> {
    Request { kind: Kind::Sign, stamps: &[], seal: None, ..request(protect) }
}

/// Seals or signs; the value is the digest of what is signed.
pub(crate) fn seal(package: &[u8], request: &Request<'_>) -> Vec<u8> {
    let mut document = open(package);
    let prepared = prepare(&mut document, request).expect("prepared");
    let digest = prepared.digest();
    let mut out = Vec::new();
    prepared.embed(&digest, &mut out).expect("embedded");
    out
}
