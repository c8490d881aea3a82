//! Files made for tests, in every form that a file can have.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::io::{Cursor, Write as _};

use flate2::{Compression, write::ZlibEncoder};
use pki::Time;
use seal::geometry::{Rect, Size, Stamp};
use seal::pdf::{Appearance, Document, Flavour, Raster, Request};

pub(crate) type File<'a> = Document<Cursor<&'a [u8]>>;

pub(crate) fn open(file: &[u8]) -> Result<File<'_>, seal::Error> {
    Document::open(Cursor::new(file))
}

/// In which form a file is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Form {
    /// Plain objects and a table.
    Table,
    /// Plain objects and a cross-reference stream.
    Stream,
    /// Everything that can be in an object stream is.
    Packed,
    /// A table, and a stream for what only newer readers see.
    Hybrid,
}

pub(crate) const FORMS: [Form; 4] = [Form::Table, Form::Stream, Form::Packed, Form::Hybrid];

/// The objects of a file; object 1 is the catalogue.
#[derive(Clone, Debug)]
pub(crate) struct Body(pub(crate) BTreeMap<u32, String>);

impl Body {
    /// `pages` pages of A4 with a frame.
    pub(crate) fn new(pages: u32) -> Self {
        let mut body = Self(BTreeMap::new());
        body.set(1, "<</Type/Catalog/Pages 2 0 R>>");
        let kids: Vec<String> = (0..pages).map(|page| format!("{} 0 R", 4 + page)).collect();
        body.set(2, &format!("<</Type/Pages/Count {pages}/Kids[{}]>>", kids.join(" ")));
        body.set(3, &stream("", "2 w 20 20 100 60 re S"));
        for page in 0..pages {
            body.set(4 + page, &leaf(""));
        }
        body
    }

    pub(crate) fn set(&mut self, number: u32, text: &str) -> &mut Self {
        self.0.insert(number, text.to_owned());
        self
    }

    pub(crate) fn write(&self, form: Form) -> Vec<u8> {
        let mut writer = Writer { file: b"%PDF-1.7\n%\xe2\xe3\xcf\xd3\n".to_vec(), rows: BTreeMap::new() };
        let size = self.0.keys().last().unwrap() + 1;
        let is_packed = |number: u32, text: &str| match form {
            Form::Table | Form::Stream => false,
            Form::Packed => !text.contains("stream"),
            // The catalogue and the tree of pages are for every reader.
            Form::Hybrid => number > 3 && !text.contains("stream"),
        };
        let mut packed = Vec::new();
        for (number, text) in &self.0 {
            if is_packed(*number, text) {
                packed.push((*number, text.clone()));
            } else {
                writer.object(*number, text.as_bytes());
            }
        }
        let mut next = size;
        if !packed.is_empty() {
            writer.object_stream(next, &packed);
            next += 1;
        }
        match form {
            Form::Table => writer.table(size, ""),
            Form::Stream | Form::Packed => writer.stream(next, "/Root 1 0 R"),
            Form::Hybrid => {
                let hidden = writer.hidden(next);
                writer.table(next + 1, &format!("/XRefStm {hidden}"));
            }
        }
        writer.file
    }
}

/// A page with more entries.
pub(crate) fn leaf(more: &str) -> String {
    let size =
        if more.contains("MediaBox") || more.contains("noBox") { "" } else { "/MediaBox[0 0 595 842]" };
    format!("<</Type/Page/Parent 2 0 R/Contents 3 0 R/Resources<<>>{size}{}>>", more.replace("noBox", ""))
}

pub(crate) fn stream(entries: &str, data: &str) -> String {
    format!("<<{entries}/Length {}>>\nstream\n{data}\nendstream", data.len())
}

#[derive(Clone, Copy)]
enum Row {
    At(usize),
    In(u32, usize),
}

struct Writer {
    file: Vec<u8>,
    rows: BTreeMap<u32, Row>,
}

pub(crate) fn deflate(data: &[u8]) -> Vec<u8> {
    let mut encoder = ZlibEncoder::new(Vec::new(), Compression::fast());
    encoder.write_all(data).unwrap();
    encoder.finish().unwrap()
}

impl Writer {
    fn object(&mut self, number: u32, text: &[u8]) {
        self.rows.insert(number, Row::At(self.file.len()));
        self.file.extend(format!("{number} 0 obj\n").bytes());
        self.file.extend(text);
        self.file.extend(b"\nendobj\n");
    }

    fn binary(&mut self, number: u32, entries: &str, data: &[u8]) {
        let mut text = format!("<<{entries}/Length {}>>\nstream\n", data.len()).into_bytes();
        text.extend(data);
        text.extend(b"\nendstream");
        self.object(number, &text);
    }

    fn object_stream(&mut self, number: u32, packed: &[(u32, String)]) {
        let (mut head, mut body) = (String::new(), String::new());
        for (index, (inner, text)) in packed.iter().enumerate() {
            write!(head, "{inner} {} ", body.len()).unwrap();
            writeln!(body, "{text}").unwrap();
            self.rows.insert(*inner, Row::In(number, index));
        }
        let entries = format!("/Type/ObjStm/N {}/First {}/Filter/FlateDecode", packed.len(), head.len());
        self.binary(number, &entries, &deflate(format!("{head}{body}").as_bytes()));
    }

    /// A cross-reference stream with a predictor; gives its offset.
    fn xref_stream(&mut self, number: u32, rows: &BTreeMap<u32, Row>, more: &str) -> usize {
        let offset = self.file.len();
        let mut rows = rows.clone();
        rows.insert(number, Row::At(offset));
        let (mut data, mut previous) = (Vec::new(), vec![0; 7]);
        let size = number + 1;
        for number in 0..size {
            let mut row = Vec::new();
            let (kind, second, third) = match rows.get(&number) {
                None => (0, 0, 0),
                Some(Row::At(offset)) => (1, u32::try_from(*offset).unwrap(), 0),
                Some(Row::In(stream, index)) => (2, *stream, u16::try_from(*index).unwrap()),
            };
            row.push(kind);
            row.extend(second.to_be_bytes());
            row.extend(third.to_be_bytes());
            data.push(2);
            data.extend(row.iter().zip(&previous).map(|(new, old): (&u8, &u8)| new.wrapping_sub(*old)));
            previous = row;
        }
        let entries = format!(
            "/Type/XRef/Size {size}/W[1 4 2]/Filter/FlateDecode/DecodeParms<</Predictor 12/Columns 7>>{more}"
        );
        self.binary(number, &entries, &deflate(&data));
        offset
    }

    fn stream(&mut self, number: u32, more: &str) {
        let rows = self.rows.clone();
        let offset = self.xref_stream(number, &rows, more);
        self.file.extend(format!("startxref\n{offset}\n%%EOF\n").bytes());
    }

    /// The stream beside a table: what is in object streams, which the table does not know.
    fn hidden(&mut self, number: u32) -> usize {
        let rows = self.rows.clone();
        self.rows.retain(|_, row| matches!(row, Row::At(_)));
        self.xref_stream(number, &rows, "")
    }

    fn table(&mut self, size: u32, more: &str) {
        let offset = self.file.len();
        self.file.extend(format!("xref\n0 {size}\n0000000000 65535 f \n").bytes());
        for number in 1..size {
            match self.rows.get(&number) {
                Some(Row::At(offset)) => self.file.extend(format!("{offset:010} 00000 n \n").bytes()),
                _ => self.file.extend(b"0000000000 00000 f \n"),
            }
        }
        self.file.extend(format!("trailer\n<</Size {size}/Root 1 0 R{more}>>\n").bytes());
        self.file.extend(format!("startxref\n{offset}\n%%EOF\n").bytes());
    }
}

/// Appends objects with a table, as another program would.
pub(crate) fn append(file: &mut Vec<u8>, objects: &[(u32, &str)], size: u32) {
    let text = String::from_utf8_lossy(file);
    let former = text.rsplit("startxref\n").next().unwrap().lines().next().unwrap().to_owned();
    let mut table = "xref\n".to_owned();
    for (number, text) in objects {
        writeln!(table, "{number} 1\n{:010} 00000 n ", file.len()).unwrap();
        file.extend(format!("{number} 0 obj\n{text}\nendobj\n").bytes());
    }
    let offset = file.len();
    file.extend(table.bytes());
    file.extend(format!("trailer\n<</Size {size}/Root 1 0 R/Prev {former}>>\n").bytes());
    file.extend(format!("startxref\n{offset}\n%%EOF\n").bytes());
}

pub(crate) const SIZE: Size = Size { width: 40.0, height: 30.0 };

pub(crate) fn time() -> Time {
    Time::from_unix(1_790_000_000).unwrap()
}

/// A picture whose upper left quarter is red, the rest blue and half seen.
pub(crate) fn appearance() -> Appearance {
    let pixel = |x: u32, y: u32| if x < 20 && y < 15 { [255, 0, 0, 255] } else { [0, 0, 255, 128] };
    let rgba = (0..30).flat_map(|y| (0..40).flat_map(move |x| pixel(x, y))).collect();
    Appearance::new(SIZE, Some(&Raster { width: 40, height: 30, rgba }), &[]).unwrap()
}

pub(crate) fn request() -> Request {
    Request::new(Flavour::Cades, time(), 100)
}

pub(crate) fn stamp(page: usize) -> Stamp {
    Stamp { page, area: Rect { x: 20.0, y: 50.0, width: 40.0, height: 30.0 }, clip: None }
}

/// A request that is seen at some places.
pub(crate) fn seen(stamps: Vec<Stamp>) -> Request {
    Request { stamps, appearance: Some(appearance()), ..request() }
}

/// The file signed with a value that is none, and the name of the field.
pub(crate) fn sign(file: &[u8], request: &Request) -> Result<(Vec<u8>, String), seal::Error> {
    let prepared = open(file)?.prepare(request)?;
    let field = prepared.field().to_owned();
    let mut signed = Vec::new();
    prepared.write(&mut Cursor::new(file), &mut signed, b"value")?;
    Ok((signed, field))
}
