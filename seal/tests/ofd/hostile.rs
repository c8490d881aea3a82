//! Packages that are damaged, or that two programs could read in two ways.

use std::io::{Cursor, Write};
use std::sync::OnceLock;

use flate2::{Compression, Crc, write::DeflateEncoder};
use proptest::prelude::*;
use seal::Error;
use seal::ofd::{
    Document, MAX_BODIES, MAX_CLIPS, MAX_ENTRIES, MAX_FILE, MAX_LISTS, MAX_NAME, MAX_OBJECT_XML, MAX_PACKAGE,
    MAX_PAGES, Package, Protect, prepare, verify_structure,
};
use seal::place::Finder;

use crate::fixture::{document, edit, files, open, pack, request, seal, unpack};

/// What the header of an entry and its record in the directory say.
#[derive(Clone)]
struct Say {
    flags: u16,
    method: u16,
    crc: u32,
    packed: u32,
    len: u32,
    name: Vec<u8>,
    extra: Vec<u8>,
}

/// An entry that can say one thing in its header and another one in the directory.
#[derive(Clone)]
struct Raw {
    header: Say,
    record: Say,
    /// Data and what stands behind them.
    data: Vec<u8>,
    /// Where the directory says that it begins, if not where it does.
    start: Option<u32>,
}

fn u32_of(len: usize) -> u32 {
    u32::try_from(len).expect("a test is small")
}

fn crc(content: &[u8]) -> u32 {
    let mut crc = Crc::new();
    crc.update(content);
    crc.sum()
}

fn deflate(content: &[u8]) -> Vec<u8> {
    let mut encoder = DeflateEncoder::new(Vec::new(), Compression::best());
    encoder.write_all(content).expect("in memory");
    encoder.finish().expect("in memory")
}

impl Raw {
    fn stored(name: &str, content: &[u8]) -> Self {
        let len = u32_of(content.len());
        let say = Say {
            flags: 0,
            method: 0,
            crc: crc(content),
            packed: len,
            len,
            name: name.into(),
            extra: Vec::new(),
        };
        Self { header: say.clone(), record: say, data: content.to_vec(), start: None }
    }

    fn deflated(name: &str, content: &[u8]) -> Self {
        let mut raw = Self::stored(name, content);
        raw.data = deflate(content);
        let packed = u32_of(raw.data.len());
        raw.both(|say| (say.method, say.packed) = (8, packed))
    }

    fn both(mut self, change: impl Fn(&mut Say)) -> Self {
        change(&mut self.header);
        change(&mut self.record);
        self
    }

    fn header(mut self, change: impl Fn(&mut Say)) -> Self {
        change(&mut self.header);
        self
    }
}

/// A package of entries, with bytes in front of it and behind it.
fn package(entries: &[Raw]) -> Vec<u8> {
    let (mut out, mut directory) = (Vec::new(), Vec::new());
    let fields = |say: &Say| {
        let mut out = Vec::new();
        out.extend([20_u16, say.flags, say.method, 0, 0].iter().flat_map(|field| field.to_le_bytes()));
        out.extend([say.crc, say.packed, say.len].iter().flat_map(|field| field.to_le_bytes()));
        let lens = [say.name.len(), say.extra.len()].map(|len| u16::try_from(len).expect("short"));
        out.extend(lens.iter().flat_map(|len| len.to_le_bytes()));
        out
    };
    for entry in entries {
        let at = u32_of(out.len());
        out.extend(b"PK\x03\x04");
        out.extend(fields(&entry.header));
        out.extend(&entry.header.name);
        out.extend(&entry.header.extra);
        out.extend(&entry.data);
        directory.extend(b"PK\x01\x02\x14\0");
        directory.extend(fields(&entry.record));
        directory.extend([0; 10]);
        directory.extend(entry.start.unwrap_or(at).to_le_bytes());
        directory.extend(&entry.record.name);
        directory.extend(&entry.record.extra);
    }
    let (start, len) = (u32_of(out.len()), u32_of(directory.len()));
    out.extend(directory);
    out.extend(b"PK\x05\x06\0\0\0\0");
    let count = u16::try_from(entries.len()).expect("a test is small").to_le_bytes();
    out.extend([count, count].concat());
    out.extend([len.to_le_bytes(), start.to_le_bytes()].concat());
    out.extend([0; 2]);
    out
}

fn error(bytes: &[u8]) -> Error {
    Package::open(Cursor::new(bytes)).expect_err("refused")
}

fn error_of(entries: &[Raw]) -> Error {
    error(&package(entries))
}

/// Two files that stand there well.
fn good() -> [Raw; 2] {
    [Raw::deflated("a.xml", &[b'x'; 500]), Raw::stored("d/b", b"content")]
}

#[test]
fn a_good_package_is_read() {
    let bytes = package(&good());
    let mut package = Package::open(Cursor::new(&*bytes)).expect("a package");
    assert_eq!(package.files().collect::<Vec<_>>(), ["/a.xml", "/d/b"]);
    assert_eq!(package.read("/a.xml", 500), Ok(vec![b'x'; 500]));
    assert_eq!(package.read("/a.xml", 499), Err(Error::TooLarge("package: a file that is read as a whole")));
    assert_eq!(package.read("/d/b", 500), Ok(b"content".to_vec()));
    for path in ["/A.xml", "/d", "/d/", "a.xml", "/d/../a.xml"] {
        assert_eq!(package.read(path, 500), Err(Error::Malformed("package: a file is not there")), "{path}");
    }
}

#[test]
fn what_stands_around_the_entries_is_refused() {
    let bytes = package(&good());
    let no_zip = Error::Malformed("package: no ZIP file, or something behind its end");
    let elsewhere = Error::Malformed("package: the directory is not where it should be");
    assert_eq!(error(b""), no_zip);
    assert_eq!(error(&[&*bytes, b"x"].concat()), no_zip);
    assert_eq!(error(&bytes[..bytes.len() - 1]), no_zip);
    assert_eq!(error(&[b"x", &*bytes].concat()), elsewhere);
    let end = bytes.len() - 22;
    assert_eq!(error(&[&bytes[..end], b"gap", &bytes[end..]].concat()), elsewhere);
    // A comment that is the end of another package.
    let mut two = bytes.clone();
    two[end + 20] = 22;
    two.extend(b"PK\x05\x06\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0");
    assert_eq!(error(&two), Error::Malformed("package: two ends"));
    let set = |at: usize, value: &[u8]| {
        let mut bytes = bytes.clone();
        bytes[end + at..end + at + value.len()].copy_from_slice(value);
        error(&bytes)
    };
    assert_eq!(set(4, &[1]), Error::Unsupported("package: in several parts"));
    assert_eq!(set(8, &[1]), Error::Unsupported("package: in several parts"));
    assert_eq!(set(8, &[3, 0, 3, 0]), Error::Malformed("package: its directory"));
    assert_eq!(set(8, &[1, 0, 1, 0]), Error::Malformed("package: more in its directory than it says"));
    assert_eq!(set(8, &[255; 4]), Error::Unsupported("package: ZIP64"));
    let many = u16::try_from(MAX_ENTRIES + 1).expect("fits").to_le_bytes();
    assert_eq!(set(8, &[many, many].concat()), Error::TooLarge("package: entries"));
    assert_eq!(error_of(&[]), Error::Malformed("package: something before its first file, or no file"));
}

#[test]
fn a_file_that_is_too_long_is_not_looked_at() {
    let mut file = tempfile::tempfile().expect("a file");
    file.set_len(MAX_PACKAGE + 1).expect("a long file");
    file.flush().expect("written");
    assert_eq!(Package::open(file).err(), Some(Error::TooLarge("package: its length")));
}

#[test]
fn header_and_directory_must_agree() {
    let differs = Error::Malformed("package: a file and the directory disagree");
    let [first, second] = good();
    for changed in [
        first.clone().header(|say| say.name = b"b.xml".to_vec()),
        first.clone().header(|say| say.method = 0),
        first.clone().header(|say| say.crc ^= 1),
        first.clone().header(|say| say.len += 1),
        first.clone().header(|say| say.packed += 1),
        first.clone().header(|say| say.flags = 1),
        first.clone().header(|say| say.flags = 1 << 3),
        Raw::stored("é", b"").header(|say| say.flags = 1 << 11),
        first.clone().header(|say| (say.crc, say.packed, say.len) = (0, 0, 0)),
    ] {
        assert_eq!(error_of(&[changed, second.clone()]), differs);
    }
    // Which encoding letters of ASCII have is no question.
    assert!(Package::open(Cursor::new(package(&[first.header(|say| say.flags = 1 << 11)]))).is_ok());
    let mut broken = package(&good());
    broken[2] = 9;
    assert_eq!(error(&broken), differs);
}

#[test]
fn entries_fill_the_package_without_gap_or_overlap() {
    let [first, second] = good();
    let mut gap = first.clone();
    gap.data.extend(b"PK\x03\x04 a file that is not in the directory");
    let between = Error::Malformed("package: something between two files");
    assert_eq!(error_of(&[gap.clone(), second.clone()]), between);
    assert_eq!(error_of(&[second.clone(), gap]), between);
    let mut twice = second.clone();
    twice.start = Some(0);
    assert!(
        error_of(&[first.clone(), twice]) == Error::Malformed("package: a file and the directory disagree")
    );
    // Data that reach into the next entry.
    let long = second.clone().both(|say| (say.packed, say.len) = (40, 40));
    assert_eq!(error_of(&[long, first.clone()]), Error::Malformed("package: files overlap"));
    let mut late = first.clone();
    late.start = Some(1);
    assert_eq!(error_of(&[late]), Error::Malformed("package: something before its first file, or no file"));
}

#[test]
fn lengths_behind_the_data_are_checked() {
    let later = |descriptor: &dyn Fn(&Say) -> Vec<u8>| {
        let [first, second] = good();
        let mut first =
            first.both(|say| say.flags = 1 << 3).header(|say| (say.crc, say.packed, say.len) = (0, 0, 0));
        first.data.extend(descriptor(&first.record));
        package(&[first, second])
    };
    let narrow = |say: &Say| [say.crc, say.packed, say.len].map(u32::to_le_bytes).concat();
    let wide = |say: &Say| {
        [
            say.crc.to_le_bytes().to_vec(),
            [say.packed, say.len].map(|len| u64::from(len).to_le_bytes()).concat(),
        ]
        .concat()
    };
    let mark = b"PK\x07\x08".as_slice();
    for good in [
        later(&narrow),
        later(&wide),
        later(&|say| [mark, &narrow(say)].concat()),
        later(&|say| [mark, &wide(say)].concat()),
    ] {
        let mut package = Package::open(Cursor::new(&*good)).expect("a package");
        assert_eq!(package.read("/a.xml", 500), Ok(vec![b'x'; 500]));
    }
    let differs = Error::Malformed("package: a file and the directory disagree");
    let other = |say: &Say| narrow(&Say { len: say.len + 1, ..say.clone() });
    for bad in [later(&other), later(&|_| Vec::new()), later(&|say| [&narrow(say), b"x".as_slice()].concat())]
    {
        assert_eq!(error(&bad), differs);
    }
    let long = later(&|say| [&wide(say), b"hidden".as_slice()].concat());
    assert_eq!(error(&long), Error::Malformed("package: something between two files"));
}

#[test]
fn names_are_plain_and_no_two_are_the_same() {
    let bad = Error::Malformed("package: the name of a file");
    for name in
        ["", "/", "/a", "a//b", "../a", "a/../b", "a/./b", "a\\b", "a/b/..", "a\0b", "a\nb", "C:\\a", "."]
    {
        assert_eq!(error_of(&[Raw::stored(name, b"")]), bad, "{name:?}");
    }
    let not_utf8 = Raw::stored("", b"").both(|say| (say.flags, say.name) = (1 << 11, vec![0xb8, 0xc7]));
    assert_eq!(error_of(&[not_utf8]), bad);
    let same = Error::Malformed("package: two files of the same name");
    for (one, other) in [("a", "a"), ("Doc_0/a.XML", "doc_0/A.xml"), ("a", "a/"), ("É", "é")] {
        assert_eq!(error_of(&[Raw::stored(one, b""), Raw::stored(other, b"")]), same, "{one} {other}");
    }
    let long = "x".repeat(MAX_NAME + 1);
    assert_eq!(error_of(&[Raw::stored(&long, b"")]), Error::TooLarge("package: the name of a file"));
    // A name in another field, for programs that look at it.
    let field = [b"\x75\x70\x06\0\x01\0\0\0\0".as_slice(), b"b"].concat();
    let two_names = Error::Malformed("package: a file with two names");
    assert_eq!(error_of(&[Raw::stored("a", b"").both(|say| say.extra.clone_from(&field))]), two_names);
    assert_eq!(error_of(&[Raw::stored("a", b"").header(|say| say.extra.clone_from(&field))]), two_names);
    assert!(
        Package::open(Cursor::new(package(
            &[Raw::stored("b", b"").both(|say| say.extra.clone_from(&field))]
        )))
        .is_ok()
    );
}

#[test]
fn a_name_in_another_encoding_is_kept_and_noted() {
    let foreign = Raw::stored("", b"x").both(|say| say.name = b"Doc_0/\xb8\xc7.xml".to_vec());
    let bytes = package(&[foreign]);
    let read = Package::open(Cursor::new(&*bytes)).expect("a package");
    assert_eq!(read.files().collect::<Vec<_>>(), ["/Doc_0/%B8%C7.xml"]);
    assert_eq!(read.deviations(), ["/Doc_0/%B8%C7.xml: the name is not in UTF-8"]);

    let mut entries: Vec<Raw> = files(1).iter().map(|(path, content)| Raw::stored(path, content)).collect();
    entries.push(Raw::stored("", b"x").both(|say| say.name = b"\xb8\xc7".to_vec()));
    let bytes = package(&entries);
    let mut document = open(&bytes);
    let error = prepare(&mut document, &request(Protect::Content)).err();
    assert_eq!(error, Some(Error::Unusable("the package has a file whose name is not in UTF-8")));
}

#[test]
fn what_is_not_supported_says_so() {
    for flag in [1, 1 << 6, 1 << 13] {
        let encrypted = Raw::stored("a", b"x").both(|say| say.flags = flag);
        assert_eq!(error_of(&[encrypted]), Error::Unsupported("package: an encrypted file"));
    }
    for method in [1, 9, 12, 14, 99] {
        let other = Raw::stored("a", b"x").both(|say| say.method = method);
        assert_eq!(error_of(&[other]), Error::Unsupported("package: a file that is not packed with deflate"));
    }
    let length = Error::Malformed("package: the length of an entry");
    assert_eq!(error_of(&[Raw::stored("a/", b"x")]), length);
    assert_eq!(error_of(&[Raw::stored("a", b"xy").both(|say| say.len = 3)]), length);
    let wide = Raw::stored("a", b"x").both(|say| say.len = u32::MAX);
    assert_eq!(error_of(&[wide]), Error::Malformed("package: lengths in 64 bits"));
    let beyond = [b"\x01\0\x10\0".as_slice(), &1_u64.to_le_bytes(), &u64::MAX.to_le_bytes()].concat();
    let wide = Raw::stored("a", b"x")
        .both(|say| (say.len, say.packed, say.extra) = (u32::MAX, u32::MAX, beyond.clone()));
    assert_eq!(error_of(&[wide]), Error::Malformed("package: lengths in 64 bits"));
    let extra = [b"\x01\0\x08\0".as_slice(), &1_u64.to_le_bytes()].concat();
    let wide = Raw::stored("a", b"x").both(|say| (say.len, say.extra) = (u32::MAX, extra.clone()));
    assert!(Package::open(Cursor::new(package(&[wide]))).is_ok());
}

#[test]
fn bombs_are_refused_before_they_are_unpacked() {
    let bomb = Raw::deflated("a", &vec![0; 2 << 20]);
    assert_eq!(error_of(&[bomb]), Error::TooLarge("package: a file that is packed too well"));
    assert!(Package::open(Cursor::new(package(&[Raw::deflated("a", &vec![0; 1 << 20])]))).is_ok());
    let len = u32::try_from(MAX_FILE + 1).expect("fits");
    let long = Raw::deflated("a", b"x").both(|say| say.len = len);
    assert_eq!(error_of(&[long]), Error::TooLarge("package: the length of a file"));
    // Each is within the limits, their sum is not.
    let len = u32::try_from(MAX_FILE).expect("fits");
    let heavy = |name| Raw::deflated(name, b"x").both(|say| (say.len, say.packed) = (len, len / 2));
    let all = ["a", "b", "c", "d", "e"].map(heavy);
    assert_eq!(error_of(&all), Error::TooLarge("package: the length of all files"));
}

#[test]
fn files_are_what_they_say_when_they_are_unpacked() {
    let read = |raw: Raw| {
        let bytes = package(&[raw]);
        Package::open(Cursor::new(&*bytes)).expect("a package").read("/a", 1 << 20)
    };
    let malformed = |text| Err(Error::Malformed(text));
    let longer = "package: a file is longer than it says";
    let shorter = "package: a file is shorter than it says";
    let checksum = "package: the checksum of a file is wrong";
    let content = [b'x'; 300];
    assert_eq!(read(Raw::deflated("a", &content)), Ok(content.to_vec()));
    assert_eq!(read(Raw::deflated("a", &content).both(|say| say.len = 299)), malformed(longer));
    assert_eq!(read(Raw::deflated("a", &content).both(|say| say.len = 301)), malformed(shorter));
    assert_eq!(read(Raw::deflated("a", &content).both(|say| say.crc ^= 1)), malformed(checksum));
    assert_eq!(read(Raw::stored("a", &content).both(|say| say.crc ^= 1)), malformed(checksum));
    let mut behind = Raw::deflated("a", &content);
    behind.data.extend(b"hidden");
    let behind = behind.both(|say| say.packed += 6);
    assert_eq!(read(behind), malformed("package: something behind the end of packed data"));
    let mut damaged = Raw::deflated("a", &content);
    damaged.data[0] = 0xff;
    assert_eq!(read(damaged), malformed("package: packed data are damaged"));
    let mut short = Raw::deflated("a", &content);
    short.data.pop();
    let short = short.both(|say| say.packed -= 1);
    assert!(matches!(read(short), Err(Error::Malformed(_))));
}

#[test]
fn documents_that_say_two_things_are_refused() {
    let refuse = |path: &str, from: &str, to: &str, expected: Error| {
        let mut files = files(2);
        edit(&mut files, path, from, to);
        let error = Document::open(Cursor::new(pack(&files))).expect_err("refused");
        assert_eq!(error, expected, "{to}");
    };
    let twice = Error::Malformed("ofd: an element that stands twice");
    let root = "<ofd:DocRoot>Doc_0/Document.xml</ofd:DocRoot>";
    refuse("OFD.xml", root, &root.repeat(2), twice);
    refuse("OFD.xml", root, "", Error::Malformed("ofd: a body without a document"));
    refuse("OFD.xml", "Doc_0/Document.xml", "Doc_0/x.xml", Error::Malformed("ofd: there is no Document.xml"));
    refuse("OFD.xml", "Doc_0/Document.xml", "../Document.xml", Error::Malformed("ofd: a path"));
    refuse(
        "OFD.xml",
        "Doc_0/Document.xml",
        "Doc_0/PublicRes.xml",
        Error::Malformed("ofd: Document.xml is something else"),
    );
    refuse("OFD.xml", "ofd:OFD ", "ofd:OFX ", Error::Malformed("xml"));
    refuse("OFD.xml", "<ofd:DocBody>", "<!--<ofd:DocBody>", Error::Malformed("xml"));
    let document = "Doc_0/Document.xml";
    refuse(document, "ID=\"100\" ", "", Error::Malformed("ofd: a page without an id"));
    refuse(
        document,
        "BaseLoc=\"Pages/Page_0/Content.xml\"",
        "",
        Error::Malformed("ofd: a page without content"),
    );
    refuse(document, "<ofd:Pages>", "</ofd:Pages><ofd:Pages>", Error::Malformed("xml"));
    let bomb = "<!DOCTYPE a [<!ENTITY b 'ha'>]><ofd:Document ";
    refuse(document, "<ofd:Document ", bomb, Error::Unsupported("xml: a document type"));
    let template = "<ofd:TemplatePage ID=\"7\" BaseLoc=\"T.xml\"/></ofd:CommonData>";
    let two = format!("<ofd:TemplatePage ID=\"7\" BaseLoc=\"U.xml\"/>{template}");
    let same = Error::Malformed("ofd: two template pages of the same id");
    refuse(document, "</ofd:CommonData>", &two, same);
    refuse(document, "ofd:CommonData>", "ofd:X>", Error::Malformed("xml"));
    let bodies = format!("</ofd:DocBody>{}", format!("<ofd:DocBody>{root}</ofd:DocBody>").repeat(MAX_BODIES));
    refuse("OFD.xml", "</ofd:DocBody>", &bodies, Error::TooLarge("ofd: documents in a package"));
    let pages = format!("<ofd:Pages>{}", "<ofd:Page ID=\"1\" BaseLoc=\"x\"/>".repeat(MAX_PAGES - 1));
    refuse(document, "<ofd:Pages>", &pages, Error::TooLarge("ofd: pages"));
    for (path, from, to, text) in [
        ("Doc_0/PublicRes.xml", "Res", "Xes", "ofd: a list of resources is something else"),
        ("Doc_0/Pages/Page_0/Content.xml", "Page", "Xage", "ofd: a page is something else"),
    ] {
        let mut files = files(1);
        let (_, content) = files.iter_mut().find(|(name, _)| name == path).expect("it");
        *content = String::from_utf8(content.clone())
            .expect("text")
            .replace(&format!("ofd:{from}"), &format!("ofd:{to}"))
            .into();
        assert_eq!(open(&pack(&files)).content(0).err(), Some(Error::Malformed(text)));
    }
    let mut none = files(1);
    none.remove(0);
    let error = Document::open(Cursor::new(pack(&none))).expect_err("refused");
    assert_eq!(error, Error::Malformed("ofd: there is no OFD.xml"));
}

#[test]
fn content_that_contains_itself_ends() {
    let mut files = files(1);
    let unit = |id: &str| {
        let inside =
            format!("<ofd:CompositeObject ID=\"9\" ResourceID=\"{id}\" Boundary=\"0 0 1 1\"/>").repeat(40);
        format!(
            "<ofd:CompositeGraphicUnit ID=\"{id}\"><ofd:Content>{inside}</ofd:Content></ofd:CompositeGraphicUnit>"
        )
    };
    let units = format!("<ofd:CompositeGraphicUnits>{}</ofd:CompositeGraphicUnits></ofd:Res>", unit("77"));
    edit(&mut files, "Doc_0/DocumentRes.xml", "</ofd:Res>", &units);
    let used = "<ofd:CompositeObject ID=\"8\" ResourceID=\"77\" Boundary=\"0 0 1 1\"/></ofd:Layer>";
    edit(&mut files, "Doc_0/Pages/Page_0/Content.xml", "</ofd:Layer>", used);
    let package = pack(&files);
    assert_eq!(open(&package).content(0).err(), Some(Error::TooLarge("ofd: objects on a page")));
}

fn sealed() -> &'static Vec<u8> {
    static SEALED: OnceLock<Vec<u8>> = OnceLock::new();
    SEALED.get_or_init(|| seal(&document(2), &request(Protect::Content)))
}

#[test]
fn content_is_limited() {
    let content = "Doc_0/Pages/Page_0/Content.xml";
    let clip = "<ofd:Clip><ofd:Area><ofd:Path><ofd:AbbreviatedData>M 0 0</ofd:AbbreviatedData></ofd:Path></ofd:Area></ofd:Clip>";
    let cut = Error::TooLarge("ofd: paths that cut an object off");
    for (count, expected) in [(MAX_CLIPS, None), (MAX_CLIPS + 1, Some(cut))] {
        let mut files = files(1);
        let clips = format!(
            "<ofd:PathObject><ofd:Clips>{}</ofd:Clips></ofd:PathObject></ofd:Layer>",
            clip.repeat(count)
        );
        edit(&mut files, content, "</ofd:Layer>", &clips);
        assert_eq!(open(&pack(&files)).content(0).err(), expected);
    }
    // One long description in a unit that is drawn many times.
    let mut long = files(1);
    let unit = format!("<ofd:ImageObject X=\"{}\"/>", "x".repeat(MAX_OBJECT_XML / 50));
    let units = format!(
        "<ofd:X><ofd:CompositeGraphicUnit ID=\"7\"><ofd:Content>{unit}</ofd:Content></ofd:CompositeGraphicUnit></ofd:X></ofd:Res>"
    );
    edit(&mut long, "Doc_0/DocumentRes.xml", "</ofd:Res>", &units);
    let used = format!("{}</ofd:Layer>", "<ofd:CompositeObject ResourceID=\"7\"/>".repeat(51));
    edit(&mut long, content, "</ofd:Layer>", &used);
    assert_eq!(open(&pack(&long)).content(0).err(), Some(Error::TooLarge("ofd: what is drawn on a page")));
    let mut lists = files(1);
    let many = format!("{}<ofd:Content>", "<ofd:PageRes>x.xml</ofd:PageRes>".repeat(MAX_LISTS + 1));
    edit(&mut lists, content, "<ofd:Content>", &many);
    assert_eq!(open(&pack(&lists)).content(0).err(), Some(Error::TooLarge("ofd: lists of resources")));
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 200, failure_persistence: None, ..ProptestConfig::default() })]

    /// Whatever is done to the bytes of a document, it is read or refused.
    #[test]
    fn any_bytes_are_read_or_refused(
        changes in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..6),
        cut in any::<Option<prop::sample::Index>>(),
    ) {
        let mut bytes = sealed().clone();
        for (at, value) in changes {
            let at = at.index(bytes.len());
            bytes[at] = value;
        }
        if let Some(cut) = cut {
            bytes.truncate(cut.index(bytes.len()));
        }
        if let Ok(mut document) = Document::open(Cursor::new(&*bytes)) {
            let _ = document.pages();
            let _ = document.find("签字");
            let _ = verify_structure(&mut document);
            let _ = prepare(&mut document, &request(Protect::Content));
        }
    }

    /// The same for the XML of it.
    #[test]
    fn any_xml_is_read_or_refused(
        file in any::<prop::sample::Index>(),
        changes in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..6),
    ) {
        let mut files = unpack(sealed());
        let file = file.index(files.len());
        let content = &mut files[file].1;
        for (at, value) in changes {
            let at = at.index(content.len());
            content[at] = value;
        }
        let bytes = pack(&files);
        if let Ok(mut document) = Document::open(Cursor::new(&*bytes)) {
            let _ = document.pages();
            let _ = document.find("签字");
            let _ = prepare(&mut document, &request(Protect::Content));
            let _ = verify_structure(&mut document);
        }
    }
}
