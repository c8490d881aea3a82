//! What a field is, with what it takes from the fields above it.

use std::io::{Read, Seek};

use crate::error::Error;

use super::super::document::Document;
use super::super::fields::text;
use super::super::object::{Dictionary, Object, Reference};

/// Deepest tree of fields.
const MAX_TREE: usize = 32;

/// Bit of `/Ff`: a button that only does something, and whose picture is no value.
const PUSH_BUTTON: i64 = 1 << 16;

/// A field or the annotation that shows it, as of a revision.
pub(super) struct Facts {
    /// The whole name, with points between the parts.
    pub(super) name: String,
    pub(super) is_widget: bool,
    /// It has a `/Subtype`, as every annotation.
    pub(super) is_annotation: bool,
    /// `/FT`; empty if there is none.
    pub(super) kind: Vec<u8>,
    /// `/V` as it stands there.
    pub(super) value: Object,
    flags: i64,
}

impl Facts {
    /// What is known of a field or annotation by its number.
    pub(super) fn of<R: Read + Seek>(
        document: &mut Document<R>,
        revision: usize,
        number: u32,
    ) -> Result<Self, Error> {
        let generation = document.entry(revision, number).map_or(0, |entry| entry.id().generation);
        let object = document.object_at(revision, Reference { number, generation })?;
        let mut facts = Self {
            name: String::new(),
            is_widget: false,
            is_annotation: false,
            kind: Vec::new(),
            value: Object::Null,
            flags: 0,
        };
        let Object::Dictionary(mut node) = object else { return Ok(facts) };
        facts.is_widget = node.name("Subtype") == Some(b"Widget");
        facts.is_annotation = node.get("Subtype").is_some();
        let mut has_flags = false;
        for _ in 0..MAX_TREE {
            if facts.kind.is_empty() {
                let kind = document.get_at(revision, &node, "FT")?;
                facts.kind = kind.as_name().unwrap_or_default().to_vec();
            }
            if facts.value == Object::Null {
                facts.value = node.get("V").cloned().unwrap_or(Object::Null);
            }
            if !has_flags {
                let flags = document.get_at(revision, &node, "Ff")?.as_integer();
                (has_flags, facts.flags) = (flags.is_some(), flags.unwrap_or(0));
            }
            if let Some(part) = document.get_at(revision, &node, "T")?.as_string() {
                let part = text(part);
                facts.name = if facts.name.is_empty() { part } else { format!("{part}.{}", facts.name) };
            }
            match document.get_at(revision, &node, "Parent")? {
                Object::Dictionary(parent) => node = parent,
                _ => return Ok(facts),
            }
        }
        Err(Error::Malformed("fields go in a circle"))
    }

    pub(super) fn is_signature(&self) -> bool {
        self.kind == b"Sig"
    }

    /// Whether it is part of a form at all.
    pub(super) fn is_field(&self) -> bool {
        self.is_widget || !self.kind.is_empty()
    }

    /// Whether people fill it in.
    pub(super) fn is_input(&self) -> bool {
        match self.kind.as_slice() {
            b"Tx" | b"Ch" => true,
            b"Btn" => self.flags & PUSH_BUTTON == 0,
            _ => false,
        }
    }

    pub(super) fn has_value(&self) -> bool {
        self.value != Object::Null
    }
}

/// Whether a dictionary has the form of a signature.
pub(super) fn is_signature_value(dictionary: &Dictionary) -> bool {
    dictionary.get("ByteRange").is_some() && dictionary.get("Contents").is_some()
}

/// Whether an annotation shows anything: it has a picture and a place for it.
pub(super) fn is_visible<R: Read + Seek>(
    document: &mut Document<R>,
    revision: usize,
    widget: &Dictionary,
) -> Result<bool, Error> {
    let place = document.rectangle(revision, widget, "Rect")?;
    let has_area = place.is_none_or(|[left, bottom, right, top]| left < right && bottom < top);
    Ok(has_area && widget.get("AP").is_some())
}
