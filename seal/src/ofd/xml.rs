//! XML of documents, read into a small tree.
//!
//! What a signature covers must mean the same to every reader, so there are no document types and thus no entities but the
//! five of XML, and no encoding but UTF-8. The namespace of the root element is that of the document; what belongs to
//! another one is left out, as any reader does that looks at namespaces.

use std::ops::Range;

use quick_xml::escape::resolve_xml_entity;
use quick_xml::events::{BytesStart, Event};
use quick_xml::name::ResolveResult;
use quick_xml::{NsReader, XmlVersion};

use crate::error::Error;

/// The namespace of OFD. Others are tolerated. Source: GB/T 33190-2016, clause 5.
pub(crate) const NAMESPACE: &str = "http://www.ofdspec.org/2016";

/// Longest XML file, in bytes.
pub const MAX_XML: u64 = 32 << 20;
/// Most elements and attributes of an XML file.
pub const MAX_NODES: usize = 1_000_000;
/// Most elements inside of each other.
pub const MAX_DEPTH: usize = 64;

/// Most attributes of an element.
pub const MAX_ATTRIBUTES: usize = 256;

const BOM: &[u8] = b"\xef\xbb\xbf";

/// An element of the document's namespace.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Element {
    /// With its prefix.
    pub(crate) qualified: String,
    /// Those without a prefix.
    attributes: Vec<(String, String)>,
    pub(crate) children: Vec<Self>,
    /// Its own text, joined.
    pub(crate) text: String,
    /// From the start of its first tag to the end of its last one, in the bytes of the file.
    pub(crate) outer: Range<usize>,
    /// Between its tags; empty and at the end of `outer` if there is one tag only.
    pub(crate) inner: Range<usize>,
}

/// A file as a tree.
#[derive(Clone, Debug)]
pub(crate) struct Tree {
    pub(crate) root: Element,
    /// Whether the namespace is that of OFD.
    pub(crate) standard: bool,
}

impl Element {
    /// Its name without the prefix.
    pub(crate) fn name(&self) -> &str {
        self.qualified.rsplit_once(':').map_or(&self.qualified, |(_, name)| name)
    }

    /// Its prefix with the colon, or nothing.
    pub(crate) fn prefix(&self) -> &str {
        self.qualified.strip_suffix(self.name()).unwrap_or_default()
    }

    /// Whether it is written as one tag, `<a/>`.
    pub(crate) fn is_one_tag(&self) -> bool {
        self.inner.start == self.outer.end
    }

    pub(crate) fn attribute(&self, name: &str) -> Option<&str> {
        self.attributes.iter().find(|(key, _)| key == name).map(|(_, value)| value.as_str())
    }

    /// How many bytes its texts and attributes have, those of everything inside of it counted.
    pub(crate) fn weight(&self) -> usize {
        let attributes: usize = self.attributes.iter().map(|(key, value)| key.len() + value.len()).sum();
        self.text.len() + attributes + self.children.iter().map(Self::weight).sum::<usize>()
    }

    pub(crate) fn all<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a Self> {
        self.children.iter().filter(move |child| child.name() == name)
    }

    pub(crate) fn first(&self, name: &str) -> Option<&Self> {
        self.children.iter().find(|child| child.name() == name)
    }

    /// The child of this name. Two are an error, because two readers could take a different one each.
    pub(crate) fn one(&self, name: &str) -> Result<Option<&Self>, Error> {
        let mut found = self.children.iter().filter(|child| child.name() == name);
        match (found.next(), found.next()) {
            (_, Some(_)) => Err(Error::Malformed("ofd: an element that stands twice")),
            (child, None) => Ok(child),
        }
    }

    /// The text of the child of this name, without white space around it; `None` if there is none.
    pub(crate) fn text_of(&self, name: &str) -> Result<Option<&str>, Error> {
        Ok(self.one(name)?.map(|child| child.text.trim()).filter(|text| !text.is_empty()))
    }
}

/// Reads a file.
///
/// # Errors
/// [`Error::Malformed`]; [`Error::Unsupported`]: a document type, another encoding; [`Error::TooLarge`].
pub(crate) fn parse(bytes: &[u8]) -> Result<Tree, Error> {
    if bytes.len() as u64 > MAX_XML {
        return Err(Error::TooLarge("xml: its length"));
    }
    let body = bytes.strip_prefix(BOM).unwrap_or(bytes);
    // The parser would take another one off and count from there.
    if body.starts_with(BOM) {
        return Err(Error::Malformed("xml"));
    }
    let text = str::from_utf8(body).map_err(|_| Error::Unsupported("xml: another encoding than UTF-8"))?;
    Builder::new(bytes.len() - body.len(), MAX_NODES).run(text)
}

struct Builder {
    /// Bytes in front of the text.
    skipped: usize,
    open: Vec<Element>,
    root: Option<Element>,
    /// The namespace of the root.
    namespace: Option<String>,
    /// How many elements of another namespace are open.
    foreign: usize,
    /// How many more elements and attributes there may be.
    nodes_left: usize,
}

impl Builder {
    const fn new(skipped: usize, nodes_left: usize) -> Self {
        Self { skipped, open: Vec::new(), root: None, namespace: None, foreign: 0, nodes_left }
    }

    fn run(mut self, text: &str) -> Result<Tree, Error> {
        let malformed = |_| Error::Malformed("xml");
        let mut reader = NsReader::from_str(text);
        reader.config_mut().enable_all_checks(true);
        loop {
            let before = self.offset(reader.buffer_position())?;
            let event = reader.read_event().map_err(malformed)?;
            let after = self.offset(reader.buffer_position())?;
            match event {
                Event::Start(tag) => {
                    let namespace = self.namespace_of(reader.resolver().resolve_element(tag.name()).0)?;
                    self.start(&tag, &namespace, before, after)?;
                }
                Event::Empty(tag) => {
                    let namespace = self.namespace_of(reader.resolver().resolve_element(tag.name()).0)?;
                    self.start(&tag, &namespace, before, after)?;
                    self.end(after, after)?;
                }
                Event::End(_) => self.end(before, after)?,
                Event::Text(content) => self.text(&content.xml10_content())?,
                Event::CData(content) => self.text(&content.xml10_content())?,
                Event::GeneralRef(entity) => match entity.resolve_char_ref().map_err(malformed)? {
                    Some(char) => self.text(char.encode_utf8(&mut [0; 4]))?,
                    None => {
                        let name = entity.xml10_content();
                        let text =
                            resolve_xml_entity(&name).ok_or(Error::Malformed("xml: an unknown entity"))?;
                        self.text(text)?;
                    }
                },
                Event::Decl(declaration) => {
                    let encoding = declaration.encoding().transpose().map_err(|_| Error::Malformed("xml"))?;
                    if encoding.is_some_and(|name| {
                        !matches!(&*name.to_ascii_lowercase(), "utf-8" | "utf8" | "us-ascii")
                    }) {
                        return Err(Error::Unsupported("xml: another encoding than UTF-8"));
                    }
                }
                Event::DocType(_) => return Err(Error::Unsupported("xml: a document type")),
                Event::Comment(_) | Event::PI(_) => {}
                Event::Eof => break,
            }
        }
        match self.root {
            Some(root) if self.open.is_empty() => {
                Ok(Tree { root, standard: self.namespace.as_deref() == Some(NAMESPACE) })
            }
            _ => Err(Error::Malformed("xml: it ends early")),
        }
    }

    fn offset(&self, position: u64) -> Result<usize, Error> {
        let position = usize::try_from(position).map_err(|_| Error::TooLarge("xml: its length"))?;
        Ok(position + self.skipped)
    }

    fn namespace_of(&self, resolved: ResolveResult<'_>) -> Result<String, Error> {
        match resolved {
            ResolveResult::Bound(namespace) => Ok(namespace.as_ref().to_owned()),
            ResolveResult::Unbound => Ok(String::new()),
            ResolveResult::Unknown(_) => Err(Error::Malformed("xml: an unknown prefix")),
        }
    }

    fn count(&mut self) -> Result<(), Error> {
        self.nodes_left = self.nodes_left.checked_sub(1).ok_or(Error::TooLarge("xml: elements"))?;
        Ok(())
    }

    fn start(
        &mut self,
        tag: &BytesStart<'_>,
        namespace: &str,
        before: usize,
        after: usize,
    ) -> Result<(), Error> {
        self.count()?;
        if self.open.len() + self.foreign >= MAX_DEPTH {
            return Err(Error::TooLarge("xml: elements inside of each other"));
        }
        if self.root.is_some() {
            return Err(Error::Malformed("xml: two roots"));
        }
        let own = self.namespace.get_or_insert_with(|| namespace.to_owned()) == namespace;
        let mut attributes = Vec::new();
        for attribute in tag.attributes() {
            self.count()?;
            // Finding the same one twice takes the square of their number.
            if attributes.len() >= MAX_ATTRIBUTES {
                return Err(Error::TooLarge("xml: attributes of an element"));
            }
            let attribute = attribute.map_err(|_| Error::Malformed("xml: an attribute"))?;
            if attribute.value.contains('<') {
                return Err(Error::Malformed("xml: an attribute"));
            }
            let name = attribute.key.as_ref();
            let value = attribute
                .normalized_value(XmlVersion::Explicit1_0)
                .map_err(|_| Error::Malformed("xml: an attribute"))?;
            if attribute.key.as_namespace_binding().is_none() && !name.contains(':') {
                attributes.push((name.to_owned(), value.into_owned()));
            }
        }
        if self.foreign > 0 || !own {
            self.foreign += 1;
            return Ok(());
        }
        self.open.push(Element {
            qualified: tag.name().as_ref().to_owned(),
            attributes,
            outer: before..after,
            inner: after..after,
            ..Element::default()
        });
        Ok(())
    }

    fn end(&mut self, before: usize, after: usize) -> Result<(), Error> {
        if self.foreign > 0 {
            self.foreign -= 1;
            return Ok(());
        }
        let mut element = self.open.pop().ok_or(Error::Malformed("xml: an end without a start"))?;
        element.outer.end = after;
        element.inner.end = before;
        match self.open.last_mut() {
            Some(parent) => parent.children.push(element),
            None => self.root = Some(element),
        }
        Ok(())
    }

    fn text(&mut self, text: &str) -> Result<(), Error> {
        if self.foreign > 0 {
            return Ok(());
        }
        match self.open.last_mut() {
            Some(element) => element.text.push_str(text),
            None if text.trim().is_empty() => {}
            None => return Err(Error::Malformed("xml: text outside of the root")),
        }
        Ok(())
    }
}

/// Text as it stands in an attribute or between tags.
pub(crate) fn escape(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for char in text.chars() {
        match char {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\n' | '\r' | '\t' => out.push(' '),
            // XML 1.0 cannot write these at all.
            char if char.is_control() => {}
            char => out.push(char),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    fn error(xml: &str) -> Error {
        parse(xml.as_bytes()).expect_err("refused")
    }

    #[test]
    fn a_tree_with_its_places() {
        let xml = "\u{feff}<?xml version='1.0'?>\n<o:A xmlns:o='u' k='1 &lt; 2' o:k='3'><o:B>x<![CDATA[<y>]]>&amp;&#x7a;</o:B><!-- c -->\
                   <p:B xmlns:p='v'><o:C/></p:B><o:D/></o:A>\n";
        let tree = parse(xml.as_bytes()).expect("a tree");
        assert!(!tree.standard);
        assert_eq!(
            (tree.root.name(), tree.root.prefix(), tree.root.attribute("k")),
            ("A", "o:", Some("1 < 2"))
        );
        assert_eq!(tree.root.text_of("B"), Ok(Some("x<y>&z")));
        assert!(tree.root.first("C").is_none());
        assert_eq!(tree.root.children.len(), 2);
        let (b, d) = (tree.root.first("B").expect("B"), tree.root.first("D").expect("D"));
        assert_eq!(xml.get(b.outer.clone()), Some("<o:B>x<![CDATA[<y>]]>&amp;&#x7a;</o:B>"));
        assert_eq!(xml.get(b.inner.clone()), Some("x<![CDATA[<y>]]>&amp;&#x7a;"));
        assert_eq!((xml.get(d.outer.clone()), d.is_one_tag(), b.is_one_tag()), (Some("<o:D/>"), true, false));
        assert_eq!(xml.get(tree.root.inner.end..tree.root.outer.end), Some("</o:A>"));
    }

    #[test]
    fn the_namespace_of_the_standard_is_recognised() {
        let tree = parse(b"<OFD xmlns='http://www.ofdspec.org/2016'/>").expect("a tree");
        assert!(tree.standard && tree.root.is_one_tag());
        assert!(!parse(b"<OFD/>").expect("a tree").standard);
    }

    #[test]
    fn what_two_readers_could_read_in_two_ways_is_refused() {
        let bomb = "<!DOCTYPE a [<!ENTITY b 'ha'><!ENTITY c '&b;&b;'>]><a>&c;</a>";
        assert_eq!(error(bomb), Error::Unsupported("xml: a document type"));
        assert_eq!(error("\u{feff}\u{feff}<a/>"), Error::Malformed("xml"));
        assert_eq!(error("<a>&b;</a>"), Error::Malformed("xml: an unknown entity"));
        assert_eq!(error("<a b='&c;'/>"), Error::Malformed("xml: an attribute"));
        assert_eq!(error("<a b='<'/>"), Error::Malformed("xml: an attribute"));
        assert_eq!(error("<a><!-- -- --></a>"), Error::Malformed("xml"));
        assert_eq!(error("<a b='1' b='2'/>"), Error::Malformed("xml: an attribute"));
        assert_eq!(
            error("<?xml version='1.0' encoding='GBK'?><a/>"),
            Error::Unsupported("xml: another encoding than UTF-8")
        );
        assert_eq!(
            parse(b"<a>\xb8\xc7</a>").err(),
            Some(Error::Unsupported("xml: another encoding than UTF-8"))
        );
        assert_eq!(
            parse(b"\xff\xfe<\0a\0/\0>\0").err(),
            Some(Error::Unsupported("xml: another encoding than UTF-8"))
        );
        assert_eq!(error("<p:a/>"), Error::Malformed("xml: an unknown prefix"));
        assert_eq!(error("<a/><b/>"), Error::Malformed("xml: two roots"));
        assert_eq!(error("x<a/>"), Error::Malformed("xml: text outside of the root"));
        assert_eq!(error(""), Error::Malformed("xml: it ends early"));
        assert_eq!(error("<a><b></b>"), Error::Malformed("xml: it ends early"));
        assert_eq!(error("<a></b>"), Error::Malformed("xml"));
        let twice = parse(b"<a><b>1</b><b>2</b></a>").expect("a tree").root;
        assert_eq!(twice.one("b"), Err(Error::Malformed("ofd: an element that stands twice")));
    }

    #[test]
    fn depth_and_number_are_limited() {
        let nested = |depth: usize| "<a>".repeat(depth) + &"</a>".repeat(depth);
        assert!(parse(nested(MAX_DEPTH).as_bytes()).is_ok());
        assert_eq!(error(&nested(MAX_DEPTH + 1)), Error::TooLarge("xml: elements inside of each other"));
        let foreign = "<b xmlns='v'>".repeat(MAX_DEPTH) + &"</b>".repeat(MAX_DEPTH);
        assert_eq!(
            error(&format!("<a>{foreign}</a>")),
            Error::TooLarge("xml: elements inside of each other")
        );
        let few = |xml| Builder::new(0, 4).run(xml).map(|_| ());
        assert_eq!(few("<a b='' c=''><d/></a>"), Ok(()));
        assert_eq!(few("<a b='' c=''><d/><e/></a>"), Err(Error::TooLarge("xml: elements")));
        assert_eq!(few("<a b='' c=''><d e=''/></a>"), Err(Error::TooLarge("xml: elements")));
        let attributes: String = (0..=MAX_ATTRIBUTES).map(|at| format!(" a{at}=''")).collect();
        assert_eq!(error(&format!("<a{attributes}/>")), Error::TooLarge("xml: attributes of an element"));
    }

    #[test]
    fn text_is_escaped() {
        let text = "a<b>&\"c'\u{1}\n";
        let xml = format!("<a b=\"{}\"/>", escape(text));
        assert_eq!(parse(xml.as_bytes()).expect("a tree").root.attribute("b"), Some("a<b>&\"c' "));
    }
}
