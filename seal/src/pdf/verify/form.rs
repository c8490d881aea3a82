//! Changes of the form, its fields, and the annotations of pages.

use std::collections::HashSet;
use std::io::{Read, Seek};

use crate::error::Error;

use super::super::fields::references;
use super::super::object::{Dictionary, Object, Reference};
use super::changes::{Changes, Level, Pair};
use super::field::{Facts, is_signature_value, is_visible};
use super::graph::Role;
use super::same::{changed_keys, same_value};

/// Most fields and widgets below one new field.
const MAX_NEW: usize = 10_000;

/// Names that filling in a field changes.
const INPUT: [&str; 8] = ["V", "AP", "AS", "RV", "I", "M", "DA", "Q"];

/// Names that signing a field changes, apart from the value.
const SIGNING: [&str; 5] = ["AP", "AS", "F", "M", "MK"];

/// An array before and after.
struct List {
    added: Vec<Object>,
    removed: Vec<Object>,
    is_reordered: bool,
}

impl<R: Read + Seek> Changes<'_, R> {
    /// The form, which may not have been there.
    pub(super) fn form(&mut self, pair: &Pair<'_>, path: &str) -> Result<(), Error> {
        let none = Object::Dictionary(Dictionary::new());
        let old = if *pair.old == Object::Null { &none } else { pair.old };
        let Some((old, new)) = self.dictionaries(&Pair { old, ..*pair }, path) else { return Ok(()) };
        for changed in changed_keys(old, new) {
            let key = changed.key.as_str();
            let path = format!("{path}/{key}");
            let values = self.values(old, new, key)?;
            let inner = Pair { old: &values.0, new: &values.1, ..*pair };
            match (key, inner.new) {
                ("Fields", _) => self.fields(&inner, &path)?,
                ("DR", _) => self.defaults(&inner, &path)?,
                ("SigFlags", Object::Integer(flags)) if old.integer(key).unwrap_or(0) & !flags == 0 => {
                    self.note(Level::Lta, pair.at, &path);
                }
                ("DA" | "Q", _) if changed.is_new => self.note(Level::Lta, pair.at, &path),
                ("DA" | "Q" | "NeedAppearances", _) => self.note(Level::FormFilling, pair.at, &path),
                _ => self.forbid_value(pair.at, &path, old.get(key), new.get(key)),
            }
        }
        Ok(())
    }

    /// The resources of the form: kinds, and in each of them names that may only be added.
    fn defaults(&mut self, pair: &Pair<'_>, path: &str) -> Result<(), Error> {
        let (Some(old), Some(new)) = (pair.old.as_dictionary(), pair.new.as_dictionary()) else {
            self.additions(pair, path);
            return Ok(());
        };
        for changed in changed_keys(old, new) {
            let values = self.values(old, new, &changed.key)?;
            let inner = Pair { old: &values.0, new: &values.1, ..*pair };
            self.additions(&inner, &format!("{path}/{}", changed.key));
        }
        Ok(())
    }

    /// An array of fields: new ones for signatures may come.
    pub(super) fn fields(&mut self, pair: &Pair<'_>, path: &str) -> Result<(), Error> {
        let list = list(pair);
        if list.is_reordered || !list.removed.is_empty() {
            self.forbid(pair.at, path, None);
        }
        for added in list.added {
            match added.as_reference().filter(|id| self.is_new(*id)) {
                Some(id) => self.new_field(id, pair.at, path)?,
                None => self.forbid_value(pair.at, path, None, Some(&added)),
            }
        }
        Ok(())
    }

    fn new_field(&mut self, id: Reference, at: usize, path: &str) -> Result<(), Error> {
        let mut open = vec![id];
        let mut seen = HashSet::new();
        while let Some(id) = open.pop() {
            if !seen.insert(id.number) || seen.len() > MAX_NEW {
                return Err(Error::Malformed("fields go in a circle"));
            }
            let (dictionary, children) = self.with_children(id)?;
            if children.is_empty() || !self.is_new(id) {
                let facts = Facts::of(self.document, self.revision, id.number)?;
                let level = self.new_level(id, &dictionary, &facts)?;
                // A lock is about the fields that there were.
                let path = format!("{}{path} ({})", self.graph.path(at), facts.name);
                self.record(level, path, level == Level::Other && !self.is_new(id));
            } else {
                open.extend(children);
            }
        }
        Ok(())
    }

    /// A field, and those below it that are fields of their own.
    fn with_children(&mut self, id: Reference) -> Result<(Dictionary, Vec<Reference>), Error> {
        let Object::Dictionary(dictionary) = self.document.object_at(self.revision, id)? else {
            return Ok((Dictionary::new(), Vec::new()));
        };
        let kids = self.document.get_at(self.revision, &dictionary, "Kids")?;
        let mut children = Vec::new();
        for kid in references(&kids) {
            if self
                .document
                .object_at(self.revision, kid)?
                .as_dictionary()
                .is_some_and(|kid| kid.get("T").is_some())
            {
                children.push(kid);
            }
        }
        Ok((dictionary, children))
    }

    /// How far a new field goes.
    fn new_level(&mut self, id: Reference, dictionary: &Dictionary, facts: &Facts) -> Result<Level, Error> {
        if !facts.is_signature() || !self.is_new(id) || acts(dictionary) {
            return Ok(Level::Other);
        }
        let mut visible = is_visible(self.document, self.revision, dictionary)?;
        let kids = self.document.get_at(self.revision, dictionary, "Kids")?;
        for kid in kids.as_array().unwrap_or_default() {
            let Some(kid) = kid.as_reference().filter(|kid| self.is_new(*kid)) else {
                return Ok(Level::Other);
            };
            if let Object::Dictionary(widget) = self.document.object_at(self.revision, kid)? {
                if acts(&widget) {
                    return Ok(Level::Other);
                }
                visible |= is_visible(self.document, self.revision, &widget)?;
            }
        }
        self.signing_level(&facts.value, visible)
    }

    /// How far it goes to give an empty field for a signature this value.
    fn signing_level(&mut self, value: &Object, is_visible: bool) -> Result<Level, Error> {
        if *value == Object::Null {
            // Nobody answers for what such a field shows.
            return Ok(if is_visible { Level::Annotations } else { Level::FormFilling });
        }
        if !self.is_signed_now(value)? {
            return Ok(Level::Other);
        }
        let signature = self.document.resolve_at(self.revision, value)?;
        let sub_filter = signature.as_dictionary().and_then(|signature| signature.name("SubFilter"));
        let is_time_stamp = sub_filter == Some(super::TIME_STAMP);
        Ok(if is_time_stamp && !is_visible { Level::Lta } else { Level::FormFilling })
    }

    /// Whether the value of a field is a signature that this revision brings.
    pub(super) fn is_signed_now(&mut self, value: &Object) -> Result<bool, Error> {
        if value.as_reference().is_some_and(|id| !self.is_new(id)) {
            return Ok(false);
        }
        let value_now = self.document.resolve_at(self.revision, value)?;
        let is_signature = matches!(&value_now, Object::Dictionary(value) if is_signature_value(value));
        if let Some(id) = value.as_reference().filter(|_| is_signature) {
            self.signed.push((id.number, self.revision));
        }
        Ok(is_signature)
    }

    /// Whether this revision defines an object that did not mean anything before.
    fn is_new(&self, id: Reference) -> bool {
        let is_defined = self.document.entry(self.revision, id.number);
        is_defined.is_some_and(|entry| entry.revision() == self.revision)
            && !self.graph.uses(id.number).any(|(_, found)| found.since < self.revision)
    }

    /// A field, its widget, both in one, or another annotation.
    pub(super) fn field(&mut self, pair: &Pair<'_>) -> Result<(), Error> {
        let before = self.before();
        let facts = Facts::of(self.document, before, pair.number)?;
        let Some((old, new)) = self.dictionaries(pair, "") else { return Ok(()) };
        if !facts.is_field() && facts.is_annotation {
            let now = Facts::of(self.document, self.revision, pair.number)?;
            if now.is_field() || !now.is_annotation {
                self.forbid(pair.at, "", Some(pair));
            } else {
                self.note(Level::Annotations, pair.at, "");
            }
            return Ok(());
        }
        let is_open = facts.is_signature() && !facts.has_value();
        let level = if is_open { self.filled_level(pair.number, new)? } else { Level::FormFilling };
        for changed in changed_keys(old, new) {
            let key = changed.key.as_str();
            let path = format!("/{key}");
            let is_filling = match () {
                () if is_open => key == "V" || SIGNING.contains(&key),
                () => facts.is_input() && INPUT.contains(&key),
            };
            if key == "Kids" && !(facts.is_signature() && facts.has_value()) {
                let values = self.values(old, new, key)?;
                self.fields(&Pair { old: &values.0, new: &values.1, ..*pair }, &path)?;
            } else if key == "Type" && changed.is_new && new.name(key) == Some(b"Annot") {
                self.note(Level::Lta, pair.at, &path);
            } else if is_filling && level < Level::Other {
                self.note_field(level, facts.name.clone(), pair.at, &path);
            } else {
                self.forbid_value(pair.at, &path, old.get(key), new.get(key));
            }
        }
        Ok(())
    }

    /// How far the change of an empty field for a signature goes.
    fn filled_level(&mut self, number: u32, widget: &Dictionary) -> Result<Level, Error> {
        let now = Facts::of(self.document, self.revision, number)?;
        if !now.is_signature() {
            return Ok(Level::Other);
        }
        let visible = is_visible(self.document, self.revision, widget)?;
        self.signing_level(&now.value, visible)
    }

    /// The annotations of a page: widgets of new fields for signatures may come.
    pub(super) fn annotations(&mut self, pair: &Pair<'_>, path: &str) -> Result<(), Error> {
        let list = list(pair);
        if list.is_reordered {
            self.forbid(pair.at, path, None);
        }
        for removed in list.removed {
            let before = self.before();
            let annotation = self.document.resolve_at(before, &removed)?;
            if is_widget(&annotation) {
                self.forbid(pair.at, path, None);
            } else {
                self.note(Level::Annotations, pair.at, path);
            }
        }
        for added in list.added {
            let annotation = self.document.resolve_at(self.revision, &added)?;
            let Object::Dictionary(annotation) = annotation else {
                self.forbid_value(pair.at, path, None, Some(&added));
                continue;
            };
            if !is_widget_dictionary(&annotation) {
                if self.is_dormant(None, Some(&added)) {
                    self.forbid_value(pair.at, path, None, Some(&added));
                } else {
                    self.note(Level::Annotations, pair.at, path);
                }
                continue;
            }
            match added.as_reference() {
                // The form says what it is: without it nobody answers for the widget.
                Some(id) if self.is_new(id) && self.graph.has(id.number, Role::Field, self.revision) => {
                    let facts = Facts::of(self.document, self.revision, id.number)?;
                    let level = self.new_level(id, &annotation, &facts)?;
                    if level == Level::Other {
                        self.forbid_value(pair.at, path, None, Some(&added));
                    } else {
                        self.note(level, pair.at, &format!("{path} ({})", facts.name));
                    }
                }
                _ => self.forbid_value(pair.at, path, None, Some(&added)),
            }
        }
        Ok(())
    }
}

/// Whether an annotation does something by itself or when it is touched.
fn acts(annotation: &Dictionary) -> bool {
    annotation.get("A").is_some() || annotation.get("AA").is_some()
}

fn is_widget(annotation: &Object) -> bool {
    annotation.as_dictionary().is_none_or(is_widget_dictionary)
}

fn is_widget_dictionary(annotation: &Dictionary) -> bool {
    annotation.name("Subtype") == Some(b"Widget") || annotation.get("FT").is_some()
}

/// What was added to an array and removed from it. What is no array counts as empty.
fn list(pair: &Pair<'_>) -> List {
    let old = pair.old.as_array().unwrap_or_default();
    let new = pair.new.as_array().unwrap_or_default();
    let references =
        |list: &[Object]| -> HashSet<_> { list.iter().filter_map(Object::as_reference).collect() };
    let (in_old, in_new) = (references(old), references(new));
    // What stands in the array itself has no name: all of it stayed, or all of it counts as new.
    let unnamed = |list: &[Object]| -> Vec<_> {
        list.iter().filter(|object| object.as_reference().is_none()).cloned().collect()
    };
    let stayed = same_value(&Object::Array(unnamed(old)), &Object::Array(unnamed(new)));
    let kept = |object: &Object, other: &HashSet<Reference>| {
        object.as_reference().map_or(stayed, |id| other.contains(&id))
    };
    let added = new.iter().filter(|object| !kept(object, &in_old)).cloned().collect();
    let removed = old.iter().filter(|object| !kept(object, &in_new)).cloned().collect();
    let still: Vec<_> = old.iter().filter(|object| kept(object, &in_new)).cloned().collect();
    let before: Vec<_> = new.iter().filter(|object| kept(object, &in_old)).cloned().collect();
    List { added, removed, is_reordered: !same_value(&Object::Array(still), &Object::Array(before)) }
}
