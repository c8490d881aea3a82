//! Small files with signatures that hold no more than their structure.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::io::Cursor;

use seal::pdf::{Document, Found, signatures};
use seal::report::{Code, Reason};

/// `/Contents` in bytes.
const ROOM: usize = 64;

/// A value that has the form of DER.
pub(crate) const VALUE: [u8; 5] = [0x30, 3, 2, 1, 5];

/// An object by its number; `None` frees it.
pub(crate) type Definition = (u32, Option<String>);

/// A file that grows by revisions.
#[derive(Clone, Default)]
pub(crate) struct Pdf {
    pub(crate) bytes: Vec<u8>,
    /// Where the last cross-reference table begins.
    pub(crate) xref: usize,
    /// Where each object stands.
    pub(crate) offsets: BTreeMap<u32, usize>,
    pub(crate) trailer: String,
    /// Where revisions end.
    pub(crate) ends: Vec<usize>,
}

/// How a signature is written.
#[derive(Clone)]
pub(crate) struct Signing {
    /// The number of the signature dictionary.
    pub(crate) number: u32,
    pub(crate) sub_filter: &'static str,
    /// More entries of the dictionary.
    pub(crate) extra: String,
    /// What `/ByteRange` says, from what it should say.
    pub(crate) range: fn([usize; 4]) -> String,
    /// What `/Contents` says, from the value with its padding in hexadecimal.
    pub(crate) contents: fn(&str) -> String,
    /// More objects of the same revision.
    pub(crate) objects: Vec<Definition>,
}

pub(crate) fn plain_range([a, b, c, d]: [usize; 4]) -> String {
    format!("[{a} {b} {c} {d}]")
}

impl Signing {
    pub(crate) fn new(number: u32, objects: Vec<Definition>) -> Self {
        Self {
            number,
            sub_filter: "adbe.pkcs7.detached",
            extra: String::new(),
            range: plain_range,
            contents: |hex| format!("<{hex}>"),
            objects,
        }
    }
}

pub(crate) fn set(number: u32, text: impl Into<String>) -> Definition {
    (number, Some(text.into()))
}

pub(crate) const fn free(number: u32) -> Definition {
    (number, None)
}

pub(crate) fn stream(entries: &str, data: &str) -> String {
    format!("<<{entries}/Length {}>>stream\n{data}\nendstream", data.len())
}

impl Pdf {
    pub(crate) fn new(objects: &[Definition], trailer: &str) -> Self {
        let mut pdf = Self { bytes: b"%PDF-1.7\n".to_vec(), trailer: trailer.to_owned(), ..Self::default() };
        pdf.append(objects);
        pdf
    }

    /// Appends a revision.
    pub(crate) fn append(&mut self, objects: &[Definition]) -> &mut Self {
        let slots = self.put(objects);
        self.finish(&slots)
    }

    /// Appends objects without a table; gives what the table is to say of them.
    pub(crate) fn put(&mut self, objects: &[Definition]) -> BTreeMap<u32, Option<usize>> {
        let mut slots = BTreeMap::new();
        for (number, text) in objects {
            slots.insert(*number, text.as_ref().map(|_| self.bytes.len()));
            let Some(text) = text else { continue };
            self.offsets.insert(*number, self.bytes.len());
            self.bytes.extend_from_slice(format!("{number} 0 obj\n{text}\nendobj\n").as_bytes());
        }
        slots
    }

    /// Ends a revision.
    pub(crate) fn finish(&mut self, slots: &BTreeMap<u32, Option<usize>>) -> &mut Self {
        let xref = self.bytes.len();
        self.table(slots);
        self.bytes.extend_from_slice(format!("startxref\n{xref}\n%%EOF\n").as_bytes());
        self.ends.push(self.bytes.len());
        self
    }

    /// A table with its trailer, and nothing behind it.
    pub(crate) fn table(&mut self, slots: &BTreeMap<u32, Option<usize>>) {
        let xref = self.bytes.len();
        let mut text = "xref\n0 1\n0000000000 65535 f \n".to_owned();
        for (number, slot) in slots {
            let (offset, kind) = slot.map_or((0, 'f'), |offset| (offset, 'n'));
            write!(text, "{number} 1\n{offset:010} 00000 {kind} \n").expect("text");
        }
        write!(text, "trailer\n<</Size 1000{}", self.trailer).expect("text");
        if self.xref > 0 {
            write!(text, "/Prev {}", self.xref).expect("text");
        }
        text.push_str(">>\n");
        self.bytes.extend_from_slice(text.as_bytes());
        self.xref = xref;
    }

    /// Appends a revision that a signature closes.
    pub(crate) fn sign(&mut self, signing: &Signing) -> &mut Self {
        const HOLE: &str = "[0000000000 0000000000 0000000000 0000000000]";
        let value: String = VALUE.iter().map(|byte| format!("{byte:02x}")).collect();
        let contents = (signing.contents)(&format!("{value:0<width$}", width = 2 * ROOM));
        let Signing { number, sub_filter, extra, .. } = signing;
        let head = format!(
            "<</Type/Sig/Filter/Adobe.PPKLite/SubFilter/{sub_filter}{extra}/M(D:20260102030405Z)/ByteRange {HOLE}/Contents "
        );
        let mut objects = signing.objects.clone();
        objects.push(set(*number, format!("{head}{contents}>>")));
        self.append(&objects);
        let at = find_last(&self.bytes, HOLE.as_bytes());
        let gap = at + HOLE.len() + "/Contents ".len();
        let behind = gap + contents.len();
        let range = (signing.range)([0, gap, behind, self.bytes.len() - behind]);
        assert!(range.len() <= HOLE.len());
        let range = format!("{range:width$}", width = HOLE.len());
        self.bytes[at..at + HOLE.len()].copy_from_slice(range.as_bytes());
        self
    }

    pub(crate) fn signatures(&self) -> Vec<Found> {
        self.try_signatures().expect("a file that is in order")
    }

    pub(crate) fn try_signatures(&self) -> Result<Vec<Found>, seal::Error> {
        signatures(&mut self.open()?)
    }

    pub(crate) fn open(&self) -> Result<Document<Cursor<&[u8]>>, seal::Error> {
        Document::open(Cursor::new(self.bytes.as_slice()))
    }

    /// Writes something else in the last place of a text.
    pub(crate) fn replace(&mut self, old: &str, new: &str) -> &mut Self {
        let at = find_last(&self.bytes, old.as_bytes());
        self.bytes.splice(at..at + old.len(), new.bytes());
        self
    }
}

pub(crate) fn find_last(bytes: &[u8], text: &[u8]) -> usize {
    bytes.windows(text.len()).rposition(|window| window == text).expect("the text is there")
}

pub(crate) fn has(reasons: &[Reason], code: Code, detail: &str) -> bool {
    reasons.iter().any(|reason| reason.code == code && reason.detail == detail)
}

/// Two pages, a form with two text fields, a button and an empty field for a signature, and some unused objects.
pub(crate) fn form() -> Pdf {
    let widget = "/Type/Annot/Subtype/Widget";
    Pdf::new(
        &[
            set(
                1,
                "<</Type/Catalog/Pages 2 0 R/AcroForm 3 0 R/Names 24 0 R/OCProperties 25 0 R/Metadata 22 0 R>>",
            ),
            set(2, "<</Type/Pages/Count 2/Kids[4 0 R 5 0 R]/MediaBox[0 0 595 842]>>"),
            set(3, "<</Fields[6 0 R 7 0 R 8 0 R 17 0 R]/DR<</Font<</Helv 33 0 R>>>>/SigFlags 1>>"),
            set(
                4,
                "<</Type/Page/Parent 2 0 R/Contents 9 0 R/Resources<</Font<</F1 11 0 R>>/XObject<</X1 12 0 R/X2 27 0 R>>>>\
                 /Annots[6 0 R 7 0 R 8 0 R 15 0 R 17 0 R]>>",
            ),
            set(5, "<</Type/Page/Parent 2 0 R/Contents[10 0 R]/Resources 18 0 R/Annots 19 0 R>>"),
            set(6, format!("<<{widget}/FT/Tx/T(text)/V(old)/Rect[10 10 90 30]/AP<</N 13 0 R>>/P 4 0 R>>")),
            set(7, format!("<<{widget}/FT/Sig/T(Sig1)/Rect[100 100 200 200]/P 4 0 R>>")),
            set(8, format!("<<{widget}/FT/Tx/T(amount)/V(100)/Rect[10 40 90 60]/AP 26 0 R/P 4 0 R>>")),
            set(9, stream("", "BT /F1 12 Tf (page one) Tj ET")),
            set(10, stream("", "BT /F1 12 Tf (page two) Tj ET")),
            set(11, "<</Type/Font/Subtype/Type1/BaseFont/Helvetica/Encoding 21 0 R>>"),
            set(33, "<</Type/Font/Subtype/Type1/BaseFont/Helvetica>>"),
            set(12, stream("/Type/XObject/Subtype/Form/BBox[0 0 1 1]", "0 0 1 1 re f")),
            set(
                13,
                stream(
                    "/Type/XObject/Subtype/Form/BBox[0 0 1 1]/Resources<</Font<</F1 11 0 R>>>>",
                    "(old) Tj",
                ),
            ),
            set(14, stream("", "BT (the contents that nobody saw) Tj ET")),
            set(15, "<</Type/Annot/Subtype/Text/Rect[0 0 9 9]/Contents(note)/Popup 16 0 R>>"),
            set(16, "<</Type/Annot/Subtype/Popup/Rect[0 0 9 9]/Parent 15 0 R>>"),
            set(17, format!("<<{widget}/FT/Btn/Ff 65536/T(push)/Rect[0 0 9 9]/AP<</N 12 0 R>>/P 4 0 R>>")),
            set(18, "<</Font 20 0 R>>"),
            set(19, "[16 0 R]"),
            set(20, "<</F1 11 0 R>>"),
            set(21, "<</Type/Encoding/Differences[65/A]>>"),
            set(22, stream("/Type/Metadata/Subtype/XML", "<x/>")),
            set(23, "<</Producer(P)/Title(Tender)>>"),
            set(24, "<</Dests<</Names[(a)[4 0 R/Fit]]>>>>"),
            set(25, "<</OCGs[]/D<<>>>>"),
            set(26, "<</N 28 0 R>>"),
            set(28, stream("/Type/XObject/Subtype/Form/BBox[0 0 1 1]", "(100) Tj")),
            set(29, "<</Type/Annot/Subtype/FreeText/Rect[0 0 500 500]/Contents(hidden)>>"),
        ],
        "/Root 1 0 R/Info 23 0 R/ID[<01><02>]",
    )
}

pub(crate) const SEAL: &str =
    "<</Type/Annot/Subtype/Widget/FT/Sig/T(Sig1)/Rect[100 100 200 200]/P 4 0 R/V 30 0 R/AP<</N 31 0 R>>>>";

/// The objects with which the first field is signed.
pub(crate) fn seal_objects() -> Vec<Definition> {
    vec![
        set(7, SEAL),
        set(
            31,
            stream("/Type/XObject/Subtype/Form/BBox[0 0 9 9]/Resources<</XObject<</I 32 0 R>>>>", "/I Do"),
        ),
        set(32, stream("/Type/XObject/Subtype/Image", "picture")),
    ]
}

/// [`form`] with its first field signed.
pub(crate) fn signed() -> Pdf {
    signed_with("")
}

/// [`form`] with its first field signed, and more entries in the signature dictionary.
pub(crate) fn signed_with(extra: &str) -> Pdf {
    let mut pdf = form();
    pdf.sign(&Signing { extra: extra.to_owned(), ..Signing::new(30, seal_objects()) });
    pdf
}

/// [`form`], certified with a permission.
pub(crate) fn certified(permission: &str) -> Pdf {
    let mut pdf = form();
    let mut objects = seal_objects();
    objects.push(set(
        1,
        "<</Type/Catalog/Pages 2 0 R/AcroForm 3 0 R/Names 24 0 R/OCProperties 25 0 R/Metadata 22 0 R/Perms<</DocMDP 30 0 R>>>>",
    ));
    let extra =
        format!("/Reference[<</Type/SigRef/TransformMethod/DocMDP/TransformParams<<{permission}>>>>]");
    pdf.sign(&Signing { extra, ..Signing::new(30, objects) });
    pdf
}

pub(crate) const FORM: &str = "/DR<</Font<</Helv 33 0 R>>>>/SigFlags 3";

/// The objects with which a new field is made on the second page and signed.
pub(crate) fn second_objects() -> Vec<Definition> {
    vec![
        set(3, format!("<</Fields[6 0 R 7 0 R 8 0 R 17 0 R 40 0 R]{FORM}>>")),
        set(19, "[16 0 R 40 0 R]"),
        set(
            40,
            "<</Type/Annot/Subtype/Widget/FT/Sig/T(Sig2)/Rect[50 50 99 99]/P 5 0 R/V 41 0 R/AP<</N 42 0 R>>>>",
        ),
        set(42, stream("/Type/XObject/Subtype/Form/BBox[0 0 9 9]", "0 0 9 9 re f")),
    ]
}

/// The objects with which a time-stamp that does not show is made.
pub(crate) fn stamp_objects() -> Vec<Definition> {
    vec![
        set(3, format!("<</Fields[6 0 R 7 0 R 8 0 R 17 0 R 50 0 R]{FORM}>>")),
        set(19, "[16 0 R 50 0 R]"),
        set(50, "<</Type/Annot/Subtype/Widget/FT/Sig/T(Time)/Rect[0 0 0 0]/P 5 0 R/V 51 0 R>>"),
    ]
}
