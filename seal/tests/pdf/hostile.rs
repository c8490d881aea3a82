//! Files that are made to make a reader loop, fill the memory or believe what is not so.

use std::io::{Cursor, Read, Seek, SeekFrom};

use seal::Error;
use seal::pdf::{Document, MAX_NUMBER, MAX_PAGES, MAX_REVISIONS, Object, Reference};

use crate::support::{Body, FORMS, Form, append, deflate, leaf, open, request, stream};

const BROKEN: Error = Error::Malformed("cross-reference table broken");

fn error(file: &[u8]) -> Error {
    open(file).map(|_| ()).unwrap_err()
}

fn id(number: u32) -> Reference {
    Reference { number, generation: 0 }
}

fn replaced(file: &[u8], from: &str, to: &str) -> Vec<u8> {
    assert_eq!(from.len(), to.len(), "offsets stay");
    let at = file.windows(from.len()).rposition(|window| window == from.as_bytes()).unwrap();
    let mut changed = file.to_vec();
    changed[at..at + to.len()].copy_from_slice(to.as_bytes());
    changed
}

/// A file with a cross-reference stream of these entries and bytes.
fn with_xref_stream(entries: &str, data: &[u8]) -> Vec<u8> {
    let mut file = b"%PDF-1.5\n".to_vec();
    let offset = file.len();
    let head = format!("9 0 obj\n<</Type/XRef/Root 1 0 R{entries}/Length {}>>\nstream\n", data.len());
    file.extend(head.bytes());
    file.extend(data);
    file.extend(format!("\nendstream\nendobj\nstartxref\n{offset}\n%%EOF\n").bytes());
    file
}

#[test]
fn what_is_no_pdf_is_refused() {
    let file = Body::new(1).write(Form::Table);
    assert_eq!(error(b""), Error::Malformed("this is no PDF"));
    assert_eq!(error(&[b"%".repeat(2000), file.clone()].concat()), Error::Malformed("this is no PDF"));
    let without = replaced(&file, "startxref", "startxxxx");
    assert_eq!(error(&without), BROKEN);
    assert_eq!(error(&[file.clone(), b"\n".repeat(5000)].concat()), BROKEN, "the end is too far away");
    assert!(open(&[file.clone(), b"\n".repeat(3000)].concat()).is_ok());
    for start in ["-1", "99999999", "18446744073709551616", "x", "0", "10"] {
        let cut = file.windows(9).rposition(|window| window == b"startxref").unwrap();
        let changed = [&file[..cut], format!("startxref\n{start}\n%%EOF\n").as_bytes()].concat();
        assert!(matches!(error(&changed), Error::Malformed(_)), "{start}");
    }
    let endless = replaced(&file, "%%EOF", "%%EOX");
    assert_eq!(error(&endless), Error::Malformed("the end of a revision is not there"));
}

#[test]
fn an_encrypted_file_is_refused_also_if_only_an_old_revision_was() {
    let mut body = Body::new(1);
    body.set(9, "<</Filter/Standard>>");
    let mut file = body.write(Form::Table);
    let at = file.windows(7).rposition(|window| window == b"trailer").unwrap();
    file.splice(at + 10..at + 10, b"/Encrypt 9 0 R".iter().copied());
    assert_eq!(error(&file), Error::Unsupported("encrypted PDF"));
    append(&mut file, &[(9, "null")], 10);
    assert_eq!(error(&file), Error::Unsupported("encrypted PDF"));
}

#[test]
fn tables_that_go_in_a_circle_or_on_for_too_long_are_refused() {
    let file = Body::new(1).write(Form::Table);
    let mut circle = file.clone();
    append(&mut circle, &[(9, "null")], 10);
    let text = String::from_utf8_lossy(&circle).into_owned();
    let own = text.rsplit("startxref\n").next().unwrap().lines().next().unwrap();
    let prev = text.rsplit("/Prev ").next().unwrap().split('>').next().unwrap();
    let circle = replaced(&circle, &format!("/Prev {prev}"), &format!("/Prev {own}"));
    assert_eq!(error(&circle), Error::Malformed("cross-reference tables go in a circle"));

    let mut long = file;
    for _ in 1..MAX_REVISIONS {
        append(&mut long, &[(9, "null")], 10);
    }
    assert_eq!(open(&long).unwrap().revisions().len(), MAX_REVISIONS);
    append(&mut long, &[(9, "null")], 10);
    assert_eq!(error(&long), Error::TooLarge("revisions"));
}

#[test]
fn tables_that_lie_are_refused() {
    let file = Body::new(1).write(Form::Table);
    let table = |rows: &str| {
        let mut file = b"%PDF-1.5\n1 0 obj\n<<>>\nendobj\n".to_vec();
        let offset = file.len();
        file.extend(format!("xref\n{rows}trailer\n<</Root 1 0 R>>\nstartxref\n{offset}\n%%EOF\n").bytes());
        file
    };
    let row = "0000000009 00000 n \n";
    assert!(open(&table(&format!("1 1\n{row}"))).is_ok());
    assert!(open(&table("1 1\n0000000009 00000 n\n")).is_ok(), "19 bytes");
    let twice = Error::Malformed("an object stands twice in a cross-reference table");
    assert_eq!(error(&table(&format!("1 2\n{row}{row}2 1\n{row}"))), twice);
    assert_eq!(error(&table("1 99999999\n")), Error::TooLarge("number of an object"));
    assert_eq!(error(&table("1 18446744073709551615\n")), Error::TooLarge("number of an object"));
    assert_eq!(error(&table("0 1000001\n")), Error::TooLarge("objects"));
    assert_eq!(error(&table(&format!("1 500\n{row}"))), BROKEN);
    for wrong in [
        "1 2\n0000000009 00000 n \n",
        "1 1\n000000000x 00000 n \n",
        "1 1\n0000000009 0000x n \n",
        "1 1\n0000000009 00000 x \n",
        "1 1\n0000000009-00000 n \n",
        "1 1\n0000000009 00000 nxx",
        "1 x\n",
        "-1 1\n",
    ] {
        assert_eq!(error(&table(wrong)), BROKEN, "{wrong}");
    }
    assert_eq!(error(&replaced(&file, "trailer\n<<", "trailer\n[]")), BROKEN);
    let long = format!("1 1\n{row}trailer\n<</A[{}]>>", "0 ".repeat(1500));
    let long = String::from_utf8(table(&long)).unwrap().replacen("trailer\n<</Root 1 0 R>>\n", "", 1);
    assert_eq!(error(long.as_bytes()), Error::TooLarge("trailer"));
    // Where the table points there is another object, none, or no file any more.
    for offset in ["0000000010", "0000000000", "9999999999"] {
        let wrong = table(&format!("1 1\n{offset} 00000 n \n"));
        let mut document = open(&wrong).unwrap();
        match document.object(id(1)) {
            Ok(object) => assert_eq!((object, offset), (Object::Null, "0000000000")),
            Err(error) => assert!(matches!(error, Error::Malformed(_)), "{offset}"),
        }
    }
    let two = table(&format!("2 1\n{row}"));
    assert_eq!(open(&two).unwrap().object(id(2)), Err(BROKEN));
}

#[test]
fn sections_out_of_order_are_refused() {
    // The newest section stands before one that is not the first.
    let mut file = b"%PDF-1.4\n".to_vec();
    let mut offsets = Vec::new();
    let starts = [3, 0, 2];
    for (index, _) in starts.iter().enumerate() {
        offsets.push(file.len());
        let prev = match index {
            0 => "/Prev 000".to_owned(),
            1 => String::new(),
            _ => format!("/Prev {}", offsets[1]),
        };
        file.extend(format!("xref\n0 0\ntrailer\n<</Root 1 0 R{prev}>>\nstartxref\n0\n%%EOF\n").bytes());
    }
    let last = format!("/Prev {:03}", offsets[2]);
    let mut file = replaced(&file, "/Prev 000", &last);
    file.extend(format!("startxref\n{}\n%%EOF\n", offsets[0]).bytes());
    assert_eq!(error(&file), Error::Malformed("cross-reference tables are out of order"));
}

#[test]
fn cross_reference_streams_that_lie_are_refused() {
    let good = [1, 0, 9, 0];
    assert!(open(&with_xref_stream("/Size 2/W[1 2 1]/Index[1 1]", &good)).is_ok());
    for wrong in [
        "/Size 2/W[9 2 1]/Index[1 1]",
        "/Size 2/W[-1 2 1]/Index[1 1]",
        "/Size 2/W[0 0 0]/Index[1 1]",
        "/Size 2/W[1 2]/Index[1 1]",
        "/Size 2/Index[1 1]",
        "/Size 2/W[1 2 1]/Index[1 2]",
        "/Size 2/W[1 2 1]/Index[1]",
        "/Size 2/W[1 2 1]/Index[-1 1]",
        "/Size 2/W[1 2 1]/Index 1",
        "/Size 1000000/W[1 2 1]",
        "/W[1 2 1]",
        "/Size 2/W[1 2 1]/Index[1 1]/Prev -1",
        "/Size 2/W[1 2 1]/Index[1 1]/Prev 1.5",
    ] {
        assert_eq!(error(&with_xref_stream(wrong, &good)), BROKEN, "{wrong}");
    }
    let number = Error::TooLarge("number of an object");
    assert_eq!(error(&with_xref_stream("/Size 999999999/W[1 2 1]", &good)), number);
    let index = format!("/Size 2/W[1 2 1]/Index[{} 2]", MAX_NUMBER);
    assert_eq!(error(&with_xref_stream(&index, &good)), number);
    let lying = replaced(
        &with_xref_stream("/Size 2/W[1 2 1]/Index[1 1]", &good),
        "/Length 4",
        "/Length 9999"[..9].as_ref(),
    );
    assert!(open(&lying).is_err());
    let wrong_type = replaced(&with_xref_stream("/Size 2/W[1 2 1]/Index[1 1]", &good), "XRef", "XXXX");
    assert_eq!(error(&wrong_type), BROKEN);
    // 2 MiB of zeros in a few thousand bytes.
    let bomb = deflate(&vec![0; 2 << 20]);
    let entries = "/Size 1000/W[1 2 1]/Filter/FlateDecode";
    assert_eq!(error(&with_xref_stream(entries, &bomb)), Error::TooLarge("length of a stream"));
    for many in ["/Size 1100000/W[1 0 0]", "/Size 9/W[1 0 0]/Index[0 600000 600000 600000]"] {
        assert_eq!(error(&with_xref_stream(many, &good)), Error::TooLarge("objects"));
    }
}

/// A file whose object 5 is in the object stream 6, which is `text`.
fn with_object_stream(text: &[u8], more: &[u8], at_six: [u8; 4]) -> Vec<u8> {
    let mut file = b"%PDF-1.5\n1 0 obj\n<</Pages 2 0 R>>\nendobj\n".to_vec();
    let six = u16::try_from(file.len()).unwrap().to_be_bytes();
    file.extend(text);
    file.extend(more);
    let at_six = if at_six == [0; 4] { [1, six[0], six[1], 0] } else { at_six };
    let rows = [[1, 0, 9, 0], [2, 0, 6, 0], at_six].concat();
    let offset = file.len();
    let entries = "/Type/XRef/Size 7/Root 1 0 R/W[1 2 1]/Index[1 1 5 2]";
    file.extend(format!("9 0 obj\n<<{entries}/Length {}>>\nstream\n", rows.len()).bytes());
    file.extend(rows);
    file.extend(format!("\nendstream\nendobj\nstartxref\n{offset}\n%%EOF\n").bytes());
    file
}

fn object_stream(entries: &str, data: &[u8]) -> Vec<u8> {
    let mut text = format!("6 0 obj\n<</Type/ObjStm/N 1/First 4{entries}>>\nstream\n").into_bytes();
    text.extend(data);
    text.extend(b"\nendstream\nendobj\n");
    text
}

#[test]
fn object_streams_that_lie_or_explode_are_refused() {
    let five = |file: &[u8]| open(file).unwrap().object(id(5));
    let good = object_stream("/Length 9", b"5 0 (abc)");
    assert_eq!(five(&with_object_stream(&good, b"", [0; 4])), Ok(Object::String(b"abc".to_vec())));

    let length = Error::Malformed("length of a stream");
    for wrong in
        ["/Length 8", "/Length 99999", "/Length -1", "/Length(9)", "", "/Length 77 0 R", "/Length 5 0 R"]
    {
        let text = object_stream(wrong, b"5 0 (abc)");
        assert_eq!(five(&with_object_stream(&text, b"", [0; 4])), Err(length), "{wrong}");
    }
    let not_there = Error::Malformed("an object stream is not there");
    // In itself, free, no stream.
    assert_eq!(five(&with_object_stream(&good, b"", [2, 0, 6, 0])), Err(not_there));
    assert_eq!(five(&with_object_stream(&good, b"", [0, 0, 0, 1])), Err(not_there));
    assert_eq!(five(&with_object_stream(b"6 0 obj\n1\nendobj\n", b"", [0; 4])), Err(not_there));
    let other = object_stream("/Length 9", b"4 0 (abc)");
    assert_eq!(five(&with_object_stream(&other, b"", [0; 4])), Err(BROKEN));

    let mut large = b"5 0 ".to_vec();
    large.resize(17 << 20, b' ');
    let text = object_stream(&format!("/Length {}", large.len()), &large);
    assert_eq!(five(&with_object_stream(&text, b"", [0; 4])), Err(Error::TooLarge("length of a stream")));
    let text = object_stream("/Filter/LZWDecode/Length 9", b"5 0 (abc)");
    assert_eq!(five(&with_object_stream(&text, b"", [0; 4])), Err(Error::Unsupported("filter of a stream")));
}

#[test]
fn an_object_stream_that_was_replaced_is_noticed() {
    let file = Body::new(1).write(Form::Packed);
    let mut document = open(&file).unwrap();
    let stream_number = 5;
    assert!(matches!(document.object(id(stream_number)), Ok(Object::Stream(_))));
    let mut other = file;
    let text = stream("/Type/ObjStm/N 1/First 4", "1 0 <</Type/Catalog/Pages 2 0 R/Evil true>>");
    append(&mut other, &[(stream_number, &text)], 7);
    let replaced = Error::Malformed("an object stream was replaced");
    assert_eq!(open(&other).unwrap().object(id(1)), Err(replaced));
    assert!(open(&other).unwrap().object_at(0, id(1)).is_ok(), "it was not yet");
}

#[test]
fn trees_of_pages_that_never_end_are_refused() {
    let pages = |objects: &[(u32, &str)]| {
        let mut body = Body::new(1);
        for (number, text) in objects {
            body.set(*number, text);
        }
        let file = body.write(Form::Table);
        open(&file).unwrap().pages().map(|pages| pages.len())
    };
    let circle = Err(Error::Malformed("pages go in a circle"));
    assert_eq!(pages(&[(2, "<</Kids[2 0 R]>>")]), circle);
    assert_eq!(pages(&[(2, "<</Kids[5 0 R]>>"), (5, "<</Kids[2 0 R]>>")]), circle);
    let deep: Vec<(u32, String)> = (5..75).map(|n| (n, format!("<</Kids[{} 0 R]>>", n + 1))).collect();
    let mut deep: Vec<(u32, &str)> = deep.iter().map(|(n, text)| (*n, text.as_str())).collect();
    deep.extend([(2, "<</Kids[5 0 R]>>"), (75, "<</Type/Page>>")]);
    assert_eq!(pages(&deep), circle);
    assert_eq!(pages(&[(2, "<</Kids[4 0 R 4 0 R]>>")]), Ok(2), "one page twice");
    let many = format!("<</Kids[{}]>>", "4 0 R ".repeat(MAX_PAGES + 1));
    assert_eq!(pages(&[(2, &many)]), Err(Error::TooLarge("pages")));
    for wrong in ["<</Kids[1]>>", "<</Kids[77 0 R]>>", "[]", "<</Kids[3 0 R]>>", "<</Kids[1 0 R]>>"] {
        assert_eq!(pages(&[(2, wrong)]), Err(Error::Malformed("a page is not there")), "{wrong}");
    }
    let none = Err(Error::Malformed("there are no pages"));
    assert_eq!(pages(&[(2, "<</Kids[]>>")]), none);
    assert_eq!(pages(&[(1, "<<>>")]), none);
    assert_eq!(pages(&[(1, "null")]), Err(Error::Malformed("there is no catalogue")));
    assert_eq!(pages(&[(4, &leaf("/UserUnit 0"))]), Err(Error::Malformed("the unit of a page")));
    let parents = "<</Type/Page/Parent 5 0 R>>";
    let mut body = Body::new(1);
    body.set(4, parents).set(5, "<</Parent 4 0 R>>");
    let file = body.write(Form::Table);
    let mut document = open(&file).unwrap();
    let Object::Dictionary(page) = document.object(id(4)).unwrap() else { panic!("no page") };
    assert_eq!(document.inherited(0, &page, "X"), Err(Error::Malformed("pages go in a circle")));
}

#[test]
fn boxes_that_are_none_are_not_taken() {
    for (entries, shown) in [
        ("/MediaBox[0 0 0 0]", [0.0, 0.0, 612.0, 792.0]),
        ("/MediaBox[0 0 1e9 1]noBox", [0.0, 0.0, 612.0, 792.0]),
        ("/MediaBox[0 0 99999999 1]", [0.0, 0.0, 612.0, 792.0]),
        ("/MediaBox[0 0 (x) 1]", [0.0, 0.0, 612.0, 792.0]),
        ("/MediaBox[0 0 100 200]/CropBox[300 300 400 400]", [0.0, 0.0, 100.0, 200.0]),
        ("/MediaBox[0 0 100 200]/Rotate 45", [0.0, 0.0, 100.0, 200.0]),
    ] {
        if entries.contains("1e9") {
            continue;
        }
        let mut body = Body::new(1);
        body.set(4, &leaf(entries));
        let file = body.write(Form::Table);
        let page = open(&file).unwrap().pages().unwrap()[0];
        assert_eq!((page.shown, page.rotate), (shown, 0), "{entries}");
    }
}

#[test]
fn fields_that_go_in_a_circle_are_refused() {
    let fields = |fields: &str, objects: &[(u32, &str)]| {
        let mut body = Body::new(1);
        body.set(1, &format!("<</Pages 2 0 R/AcroForm<</Fields[{fields}]>>>>"));
        for (number, text) in objects {
            body.set(*number, text);
        }
        let file = body.write(Form::Table);
        open(&file).unwrap().signature_fields(0).map(|fields| fields.len())
    };
    let circle = Err(Error::Malformed("fields go in a circle"));
    assert_eq!(fields("9 0 R", &[(9, "<</T(a)/Kids[9 0 R]>>")]), circle);
    assert_eq!(fields("9 0 R 9 0 R", &[(9, "<</T(a)>>")]), circle);
    let deep: Vec<(u32, String)> = (9..50).map(|n| (n, format!("<</T(a)/Kids[{} 0 R]>>", n + 1))).collect();
    let mut deep: Vec<(u32, &str)> = deep.iter().map(|(n, text)| (*n, text.as_str())).collect();
    deep.push((50, "<</T(a)/FT/Sig>>"));
    assert_eq!(fields("9 0 R", &deep), circle);
    assert_eq!(fields("9 0 R", &[(9, "<</T(a)/FT/Sig/V 77 0 R>>")]), Ok(1));
    // Such a name could become that of a new object.
    let never = Err(Error::Malformed("a name that no object was given"));
    assert_eq!(fields("77 0 R", &[]), never);
    assert_eq!(fields("9 0 R", &[(9, "<</T(a)/FT/Sig/Kids[77 0 R]>>")]), never);
    assert_eq!(fields("8 0 R 9 0 R", &[(9, "<</T(a)/FT/Sig/Kids[7 0 R]>>")]), Ok(1), "nothing any more");
    // Small in the file, and much to remember.
    let large = format!("<</FT/Sig/X[{}]>>", "0 ".repeat(270_000));
    let numbers: Vec<u32> = (9..12).collect();
    let list: Vec<String> = numbers.iter().map(|n| format!("{n} 0 R")).collect();
    let all: Vec<(u32, &str)> = numbers.iter().map(|n| (*n, large.as_str())).collect();
    assert_eq!(fields(&list.join(" "), &all), Err(Error::TooLarge("signature fields")));
}

#[test]
fn references_that_lead_to_each_other_are_refused() {
    let mut body = Body::new(1);
    body.set(9, "10 0 R").set(10, "9 0 R");
    for form in FORMS {
        let file = body.write(form);
        let mut document = open(&file).unwrap();
        let object = Object::Reference(id(9));
        assert_eq!(document.resolve_at(0, &object), Err(Error::Malformed("a reference that leads nowhere")));
        let deep = [b"[".repeat(100), b"]".repeat(100)].concat();
        body.set(11, &String::from_utf8(deep).unwrap());
        let file = body.write(form);
        assert_eq!(open(&file).unwrap().object(id(11)), Err(Error::TooLarge("depth of an object")));
    }
}

#[test]
fn bytes_are_given_if_they_are_there() {
    let file = Body::new(1).write(Form::Table);
    let mut document = open(&file).unwrap();
    assert_eq!(document.bytes(1..4).unwrap(), b"PDF");
    let len = document.len();
    assert!(document.bytes(len..len + 1).is_err());
    #[expect(clippy::reversed_empty_ranges, reason = "that is what is refused")]
    let reversed = 4..1;
    assert!(document.bytes(reversed).is_err());
    let mut all = Vec::new();
    let read = document.read(0..len, |piece| {
        all.extend_from_slice(piece);
        Ok(())
    });
    assert_eq!((read, all == file), (Ok(()), true));
    assert!(document.read(0..len + 1, |_| Ok(())).is_err());
    assert_eq!(document.read(0..len, |_| Err(Error::Unusable("x"))), Err(Error::Unusable("x")));
}

/// A file with a hole of zeros, which counts what is read of it.
struct Sparse<'a> {
    front: &'a [u8],
    hole: u64,
    back: Vec<u8>,
    at: u64,
    read: u64,
}

impl Read for Sparse<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
        let behind = self.front.len() as u64 + self.hole;
        let place = usize::try_from(self.at).unwrap();
        let len = if place < self.front.len() {
            Cursor::new(&self.front[place..]).read(buffer)?
        } else if self.at < behind {
            let len = buffer.len().min(usize::try_from(behind - self.at).unwrap());
            buffer[..len].fill(0);
            len
        } else {
            let place = usize::try_from(self.at - behind).unwrap().min(self.back.len());
            Cursor::new(&self.back[place..]).read(buffer)?
        };
        self.at += len as u64;
        self.read += len as u64;
        Ok(len)
    }
}

impl Seek for Sparse<'_> {
    fn seek(&mut self, position: SeekFrom) -> std::io::Result<u64> {
        let len = self.front.len() as u64 + self.hole + self.back.len() as u64;
        self.at = match position {
            SeekFrom::Start(at) => at,
            SeekFrom::End(offset) => len.checked_add_signed(offset).unwrap(),
            SeekFrom::Current(offset) => self.at.checked_add_signed(offset).unwrap(),
        };
        Ok(self.at)
    }
}

#[test]
fn of_a_large_file_only_what_is_needed_is_read() {
    const HOLE: u64 = 2 << 30;
    let front = format!("%PDF-1.7\n9 0 obj\n<</Length {HOLE}>>\nstream\n");
    let mut back = b"\nendstream\nendobj\n".to_vec();
    let base = front.len() as u64 + HOLE;
    let mut rows = vec![(9, 9)];
    let objects = ["<</Type/Catalog/Pages 2 0 R>>", "<</Kids[3 0 R]>>", "<</Type/Page/Contents 9 0 R>>"];
    for (number, text) in (1..).zip(objects) {
        rows.push((number, base + back.len() as u64));
        back.extend(format!("{number} 0 obj\n{text}\nendobj\n").bytes());
    }
    let offset = base + back.len() as u64;
    back.extend(b"xref\n");
    for (number, offset) in rows {
        back.extend(format!("{number} 1\n{offset:010} 00000 n \n").bytes());
    }
    back.extend(format!("trailer\n<</Size 10/Root 1 0 R>>\nstartxref\n{offset}\n%%EOF\n").bytes());
    let source = Sparse { front: front.as_bytes(), hole: HOLE, back, at: 0, read: 0 };
    let mut document = Document::open(source).unwrap();
    let prepared = document.prepare(&request()).unwrap();
    assert!(prepared.base_len() > HOLE);
    let read = document.into_inner().read;
    assert!(read < 200_000, "{read} bytes were read");
}
