//! Signature fields of the form. Source: ISO 32000-2:2020, 12.7 and 12.8.

use std::collections::{BTreeSet, HashMap, HashSet};
use std::io::{Read, Seek};
use std::ops::Range;

use crate::error::Error;
use crate::geometry::Rect;

use super::document::Document;
use super::object::{Dictionary, Object, Reference};
use super::pages::Page;

/// Most fields and widgets of a form.
pub const MAX_FIELDS: usize = 100_000;

/// What the signature fields of a form may take in memory.
pub const MAX_FORM: usize = 48 << 20;

/// Deepest tree of fields.
const MAX_TREE: usize = 32;

/// A field for a signature.
#[derive(Clone, Debug, PartialEq)]
pub struct SignatureField {
    /// The object.
    pub id: Reference,
    /// Its whole name, with points between the parts.
    pub name: String,
    /// The field's own dictionary.
    pub dictionary: Dictionary,
    /// Where it shows, in the order of the file.
    pub widgets: Vec<Widget>,
    /// What it is signed with; `None`: it is empty.
    pub value: Option<SignatureValue>,
}

/// Where a field shows.
#[derive(Clone, Debug, PartialEq)]
pub struct Widget {
    /// The annotation.
    pub id: Reference,
    /// The page that shows it, from 0; `None` if none does.
    pub page: Option<usize>,
    /// Its place on the page as it is shown.
    pub area: Option<Rect>,
    /// Its dictionary.
    pub dictionary: Dictionary,
}

/// A signature dictionary.
#[derive(Clone, Debug, PartialEq)]
pub struct SignatureValue {
    /// The object; `None`: it stands in the field.
    pub id: Option<Reference>,
    /// All of it.
    pub dictionary: Dictionary,
    /// `/Contents`.
    pub contents: Vec<u8>,
    /// Where that stands in the file, delimiters counted; `None` if it does not stand there as it is.
    pub contents_span: Option<Range<u64>>,
    /// `/ByteRange` as it is: pairs of offset and length if it is in order.
    pub byte_range: Vec<i64>,
}

impl SignatureValue {
    /// `/Filter`.
    #[must_use]
    pub fn filter(&self) -> &[u8] {
        self.dictionary.name("Filter").unwrap_or_default()
    }

    /// `/SubFilter`: what kind of signature it is.
    #[must_use]
    pub fn sub_filter(&self) -> &[u8] {
        self.dictionary.name("SubFilter").unwrap_or_default()
    }
}

struct Node {
    id: Reference,
    depth: usize,
    name: String,
    is_signature: bool,
    value: Option<Object>,
}

/// Signature fields, and what they take in memory.
struct Found {
    fields: Vec<SignatureField>,
    weight: usize,
}

impl Found {
    fn weigh(&mut self, weight: usize) -> Result<(), Error> {
        self.weight = self.weight.saturating_add(weight);
        if self.weight > MAX_FORM { Err(Error::TooLarge("signature fields")) } else { Ok(()) }
    }
}

impl<R: Read + Seek> Document<R> {
    /// The signature fields of the form as it was in a revision, in the order of the form.
    ///
    /// # Errors
    /// As [`Document::object`]; also [`Error::TooLarge`]: more than [`MAX_FIELDS`] or [`MAX_FORM`]; [`Error::Malformed`]: fields that go in a
    /// circle.
    pub fn signature_fields(&mut self, revision: usize) -> Result<Vec<SignatureField>, Error> {
        let (_, catalog) = self.catalog_at(revision)?;
        let form = self.get_at(revision, &catalog, "AcroForm")?;
        let Some(form) = form.as_dictionary() else { return Ok(Vec::new()) };
        let roots = self.get_at(revision, form, "Fields")?;
        let mut open: Vec<Node> = references(&roots)
            .rev()
            .map(|id| Node { id, depth: 0, name: String::new(), is_signature: false, value: None })
            .collect();
        let mut seen = HashSet::new();
        let mut found = Found { fields: Vec::new(), weight: 0 };
        while let Some(node) = open.pop() {
            if !seen.insert(node.id.number) || node.depth > MAX_TREE {
                return Err(Error::Malformed("fields go in a circle"));
            }
            if seen.len() > MAX_FIELDS || open.len() > MAX_FIELDS {
                return Err(Error::TooLarge("fields"));
            }
            self.field(revision, node, &mut open, &mut found)?;
        }
        self.place_widgets(revision, &mut found.fields)?;
        Ok(found.fields)
    }

    /// Looks at a field: its children go to `open`, and itself to `found` if it is for a signature.
    fn field(
        &mut self,
        revision: usize,
        node: Node,
        open: &mut Vec<Node>,
        found: &mut Found,
    ) -> Result<(), Error> {
        self.check_given(node.id)?;
        let Object::Dictionary(dictionary) = self.object_at(revision, node.id)? else { return Ok(()) };
        let part = self.get_at(revision, &dictionary, "T")?;
        let part = part.as_string().map(text);
        let name = match part {
            Some(part) if node.name.is_empty() => part,
            Some(part) => format!("{}.{part}", node.name),
            None => node.name,
        };
        let is_signature = match self.get_at(revision, &dictionary, "FT")?.as_name() {
            Some(kind) => kind == b"Sig",
            None => node.is_signature,
        };
        let value = dictionary.get("V").cloned().or(node.value);
        let kids: Vec<Reference> = references(&self.get_at(revision, &dictionary, "Kids")?).collect();
        let mut widgets = Vec::new();
        let mut children = Vec::new();
        for kid in &kids {
            self.check_given(*kid)?;
            // What has a name of its own is a field, and what has none shows the field above it.
            let Object::Dictionary(child) = self.object_at(revision, *kid)? else { continue };
            if child.get("T").is_some() {
                children.push(*kid);
            } else if is_signature {
                found.weigh(child.weight())?;
                widgets.push(Widget { id: *kid, page: None, area: None, dictionary: child });
            }
        }
        open.extend(children.iter().rev().map(|id| Node {
            id: *id,
            depth: node.depth + 1,
            name: name.clone(),
            is_signature,
            value: value.clone(),
        }));
        if !is_signature || !children.is_empty() {
            return Ok(());
        }
        if kids.is_empty() {
            found.weigh(dictionary.weight())?;
            widgets.push(Widget { id: node.id, page: None, area: None, dictionary: dictionary.clone() });
        }
        let value = match value {
            Some(value) => self.signature_value(revision, &value)?,
            None => None,
        };
        let contents = value.as_ref().map_or(0, |value| value.contents.len());
        found.weigh(
            dictionary.weight() + value.as_ref().map_or(0, |value| value.dictionary.weight()) + contents,
        )?;
        found.fields.push(SignatureField { id: node.id, name, dictionary, widgets, value });
        Ok(())
    }

    fn signature_value(&mut self, revision: usize, value: &Object) -> Result<Option<SignatureValue>, Error> {
        let id = value.as_reference();
        let Object::Dictionary(dictionary) = self.resolve_at(revision, value)? else { return Ok(None) };
        let contents = self.get_at(revision, &dictionary, "Contents")?;
        let contents = contents.as_string().unwrap_or_default().to_vec();
        let is_direct = dictionary.get("Contents").is_some_and(|contents| contents.as_string().is_some());
        let contents_span = dictionary.span("Contents").filter(|_| is_direct);
        let byte_range = self.get_at(revision, &dictionary, "ByteRange")?;
        let byte_range = byte_range.as_array().unwrap_or_default();
        let byte_range: Option<Vec<i64>> = byte_range.iter().map(Object::as_integer).collect();
        Ok(Some(SignatureValue {
            id,
            dictionary,
            contents,
            contents_span,
            byte_range: byte_range.unwrap_or_default(),
        }))
    }

    /// Finds the pages of widgets: those that list them among their annotations, whatever the widgets say themselves.
    fn place_widgets(&mut self, revision: usize, fields: &mut [SignatureField]) -> Result<(), Error> {
        if fields.iter().all(|field| field.widgets.is_empty()) {
            return Ok(());
        }
        let pages = self.pages_at(revision)?;
        // Of a page that is there twice the first one counts.
        let by_number: HashMap<u32, usize> =
            pages.iter().enumerate().rev().map(|(index, page)| (page.id.number, index)).collect();
        let said: BTreeSet<usize> = fields
            .iter()
            .flat_map(|field| &field.widgets)
            .filter_map(|widget| by_number.get(&widget.dictionary.reference("P")?.number).copied())
            .collect();
        let mut shown = self.annotations(revision, &pages, said)?;
        let missing = |widget: &Widget| !shown.contains_key(&widget.id.number);
        if fields.iter().flat_map(|field| &field.widgets).any(missing) {
            shown = self.annotations(revision, &pages, 0..pages.len())?;
        }
        for widget in fields.iter_mut().flat_map(|field| &mut field.widgets) {
            widget.page = shown.get(&widget.id.number).copied();
            let rect = self.rectangle(revision, &widget.dictionary, "Rect")?;
            let page = widget.page.and_then(|page| pages.get(page));
            widget.area = page.zip(rect).map(|(page, rect)| page.rect_from_user_space(rect));
        }
        Ok(())
    }

    /// The first of some pages that has each annotation.
    fn annotations(
        &mut self,
        revision: usize,
        pages: &[Page],
        which: impl IntoIterator<Item = usize>,
    ) -> Result<HashMap<u32, usize>, Error> {
        let mut all = HashMap::new();
        for index in which {
            let Some(page) = pages.get(index) else { continue };
            let Object::Dictionary(page) = self.object_at(revision, page.id)? else { continue };
            let annotations = self.get_at(revision, &page, "Annots")?;
            for id in references(&annotations) {
                all.entry(id.number).or_insert(index);
            }
            if all.len() > 10 * MAX_FIELDS {
                return Err(Error::TooLarge("annotations"));
            }
        }
        Ok(all)
    }
}

/// The references of an array.
pub(super) fn references(array: &Object) -> impl DoubleEndedIterator<Item = Reference> {
    array.as_array().unwrap_or_default().iter().filter_map(Object::as_reference)
}

/// A text string: UTF-16 or UTF-8 if it says so by its first bytes, or else taken as Latin-1.
pub(super) fn text(bytes: &[u8]) -> String {
    match bytes {
        [0xfe, 0xff, rest @ ..] => {
            let units: Vec<u16> = rest
                .chunks(2)
                .map(|pair| pair.iter().fold(0, |unit, byte| unit << 8 | u16::from(*byte)))
                .collect();
            String::from_utf16_lossy(&units)
        }
        [0xef, 0xbb, 0xbf, rest @ ..] => String::from_utf8_lossy(rest).into_owned(),
        _ => bytes.iter().map(|byte| char::from(*byte)).collect(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_are_read_in_every_encoding() {
        assert_eq!(text(b"Sig1"), "Sig1");
        assert_eq!(text(b"\xfe\xff\x7b\x7e"), "签");
        assert_eq!(text("\u{feff}签".as_bytes()), "签");
        assert_eq!(text(b"\xe9"), "é");
        assert_eq!(text(b"\xfe\xff\xd8"), "\u{d8}");
    }
}
