//! PDFs, made piece by piece.

/// Objects of a document: 1 is the catalog, 2 the page tree, 3 the Helvetica of every page and 4 its wide font; the
/// others come as they are added.
pub(crate) struct Document {
    objects: Vec<Vec<u8>>,
    pages: Vec<usize>,
}

/// What is not the same on all pages.
pub(crate) struct Look<'a> {
    /// Entries of the page.
    pub(crate) entries: &'a str,
    /// More resources than the fonts.
    pub(crate) resources: &'a str,
}

/// A4 in points, upright.
pub(crate) const A4: Look<'static> = Look { entries: "/MediaBox [0 0 595.276 841.89]", resources: "" };

/// Codes of the wide font, in hexadecimal: each character is its own code.
pub(crate) fn wide(text: &str) -> String {
    text.encode_utf16().map(|unit| format!("{unit:04x}")).collect()
}

impl Document {
    pub(crate) fn new() -> Self {
        let mut document = Self { objects: vec![Vec::new(); 2], pages: Vec::new() };
        document.add("<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica /Encoding /WinAnsiEncoding >>");
        // Wide characters of 1000 units, letters of Latin of 500; the font program is a font of the interpreter's.
        document.add(
            "<< /Type /Font /Subtype /Type0 /BaseFont /Wide /Encoding /Identity-H /ToUnicode 5 0 R /DescendantFonts \
             [<< /Type /Font /Subtype /CIDFontType2 /BaseFont /Wide /CIDSystemInfo << /Registry (Adobe) /Ordering \
             (Identity) /Supplement 0 >> /DW 1000 /W [32 126 500] >>] >>",
        );
        document.stream(
            "",
            b"/CIDInit /ProcSet findresource begin 12 dict begin begincmap /CMapName /U def /CMapType 2 def \
              1 begincodespacerange <0000> <ffff> endcodespacerange 2 beginbfrange <0020> <00ff> <0020> \
              <2e80> <9fff> <2e80> endbfrange 2 beginbfchar <0001> <00660066> <ff1a> <ff1a> endbfchar \
              endcmap end end",
        );
        document
    }

    /// The number of a new object.
    pub(crate) fn add(&mut self, object: impl Into<Vec<u8>>) -> usize {
        self.objects.push(object.into());
        self.objects.len()
    }

    /// The number of a new stream.
    pub(crate) fn stream(&mut self, entries: &str, data: &[u8]) -> usize {
        let head = format!("<< {entries} /Length {} >>\nstream\n", data.len());
        self.add([head.as_bytes(), data, b"\nendstream"].concat())
    }

    pub(crate) fn page(&mut self, look: &Look<'_>, content: &str) {
        let content = self.stream("", content.as_bytes());
        self.page_of(look, &format!("{content} 0 R"));
    }

    /// A page with these contents.
    pub(crate) fn page_of(&mut self, look: &Look<'_>, contents: &str) {
        let Look { entries, resources } = look;
        self.page_object(&format!(
            "<< /Type /Page /Parent 2 0 R {entries} /Contents {contents} /Resources << /Font << /H 3 0 R /W 4 0 R \
             >> {resources} >> >>"
        ));
    }

    /// A page as it is given.
    pub(crate) fn page_object(&mut self, page: &str) {
        let page = self.add(page);
        self.pages.push(page);
    }

    pub(crate) fn bytes(mut self) -> Vec<u8> {
        let kids: String = self.pages.iter().map(|page| format!("{page} 0 R ")).collect();
        self.objects[0] = b"<< /Type /Catalog /Pages 2 0 R >>".to_vec();
        self.objects[1] =
            format!("<< /Type /Pages /Count {} /Kids [{kids}] >>", self.pages.len()).into_bytes();
        let mut bytes = b"%PDF-1.7\n%\xe2\xe3\xcf\xd3\n".to_vec();
        let mut table = format!("xref\n0 {}\n0000000000 65535 f \n", self.objects.len() + 1);
        for (index, object) in self.objects.iter().enumerate() {
            table += &format!("{:010} 00000 n \n", bytes.len());
            bytes.extend(format!("{} 0 obj\n", index + 1).as_bytes());
            bytes.extend(object);
            bytes.extend(b"\nendobj\n");
        }
        let start = bytes.len();
        let end = format!(
            "{table}trailer\n<< /Size {} /Root 1 0 R >>\nstartxref\n{start}\n%%EOF\n",
            self.objects.len() + 1
        );
        bytes.extend(end.as_bytes());
        bytes
    }
}

/// A document of one page.
pub(crate) fn one(look: &Look<'_>, content: &str) -> Vec<u8> {
    let mut document = Document::new();
    document.page(look, content);
    document.bytes()
}
