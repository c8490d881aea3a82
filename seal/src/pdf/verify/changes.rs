//! What each revision changes, and how far that goes.

use std::collections::HashSet;
use std::io::{Read, Seek};

use crate::error::Error;

use super::super::document::{Document, Entry, Revision};
use super::super::object::{Dictionary, Object, Reference};
use super::super::xref::Slot;
use super::field::Facts;
use super::graph::{Graph, ROOT, Role, is_final};
use super::same::{changed_keys, same};

/// How far a change goes. What permits one permits those before it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Level {
    /// Material for checking signatures, time-stamps that do not show, and what is known about the file.
    Lta,
    /// Filling in and signing fields, and new fields for signatures.
    FormFilling,
    /// Annotations.
    Annotations,
    /// Everything else.
    Other,
}

/// What a revision changes.
#[derive(Debug)]
pub(super) struct Change {
    pub(super) revision: usize,
    pub(super) level: Level,
    /// The field that is changed, which can be locked.
    pub(super) field: Option<String>,
    pub(super) path: String,
    /// What was there before shows now, or what draws was replaced.
    pub(super) is_shadow: bool,
}

/// One object in one role, before and after.
pub(super) struct Pair<'a> {
    pub(super) at: usize,
    pub(super) number: u32,
    pub(super) old: &'a Object,
    pub(super) new: &'a Object,
}

/// A walk through the revisions of a document.
pub(super) struct Changes<'a, R> {
    pub(super) document: &'a mut Document<R>,
    pub(super) graph: Graph,
    pub(super) revision: usize,
    pub(super) found: Vec<Change>,
    /// Signature dictionaries that became values of fields: number of the value, and the revision.
    pub(super) signed: Vec<(u32, usize)>,
}

impl<'a, R: Read + Seek> Changes<'a, R> {
    /// All changes after a revision.
    pub(super) fn after(document: &'a mut Document<R>, base: usize) -> Result<Self, Error> {
        let graph = Graph::new(document, base)?;
        let mut by_revision: Vec<Vec<Entry>> = vec![Vec::new(); document.revisions().len()];
        for entry in document.entries().iter().filter(|entry| entry.revision() > base) {
            if let Some(list) = by_revision.get_mut(entry.revision()) {
                list.push(*entry);
            }
        }
        let mut changes = Self { document, graph, revision: base, found: Vec::new(), signed: Vec::new() };
        for (revision, entries) in by_revision.iter().enumerate().skip(base.saturating_add(1)) {
            changes.revision = revision;
            changes.all(entries)?;
        }
        Ok(changes)
    }

    /// The revision before.
    pub(super) const fn before(&self) -> usize {
        self.revision.saturating_sub(1)
    }

    fn all(&mut self, entries: &[Entry]) -> Result<(), Error> {
        match self.trailer() {
            Err(error) if is_final(error) => return Err(error),
            Err(_) => self.record(Level::Other, "Trailer".to_owned(), false),
            Ok(()) => {}
        }
        self.graph.follow(self.document, self.revision)?;
        let region = self.document.revisions().get(self.before()).map_or(0, |revision| revision.end);
        let mut work = Vec::new();
        for entry in entries {
            let number = entry.id().number;
            let old = self.document.entry(self.before(), number).copied();
            if old.is_some_and(|old| (old.id(), old.slot()) == (entry.id(), entry.slot())) {
                continue;
            }
            if self.is_before(entry.slot(), region) {
                let path = self.first_path(number);
                self.record(Level::Other, path, true);
            }
            let before = self.before();
            let uses = self.graph.uses(number).filter(|(_, found)| found.since <= before);
            let known = work.len();
            work.extend(uses.map(|(at, found)| (found.role, number, at)));
            if known == work.len() && !self.graph.unreadable.is_empty() && !self.is_container(*entry)? {
                // What cannot be read may lead to it.
                self.record(Level::Other, format!("object {number}"), false);
            }
        }
        work.sort_unstable();
        for (role, number, at) in work {
            self.one(role, number, at)?;
        }
        Ok(())
    }

    /// Whether an object stands in a part of the file that belongs to an earlier revision.
    fn is_before(&self, slot: Slot, region: u64) -> bool {
        match slot {
            Slot::Free => false,
            Slot::At(offset) => offset < region,
            Slot::In { stream, .. } => self
                .document
                .entry(self.revision, stream)
                .is_none_or(|stream| stream.revision() < self.revision),
        }
    }

    /// Whether an object is a part of the structure of the file that nothing refers to.
    fn is_container(&mut self, entry: Entry) -> Result<bool, Error> {
        match self.document.object_at(self.revision, entry.id()) {
            Ok(object) => {
                let kind = object.as_stream().and_then(|stream| stream.dictionary.name("Type"));
                Ok(matches!(kind, Some(b"ObjStm" | b"XRef")))
            }
            Err(error) if is_final(error) => Err(error),
            Err(_) => Ok(false),
        }
    }

    fn first_path(&self, number: u32) -> String {
        let first = self.graph.uses(number).next();
        first.map_or_else(|| format!("object {number}"), |(at, _)| self.graph.path(at))
    }

    fn one(&mut self, role: Role, number: u32, at: usize) -> Result<(), Error> {
        let objects = (self.object(self.before(), number)?, self.object(self.revision, number)?);
        let (Some(old), Some(new)) = objects else {
            self.forbid(at, "", None);
            return Ok(());
        };
        let before = self.before();
        match same(self.document, (before, &old), (self.revision, &new)) {
            Ok(true) => return Ok(()),
            Err(error) if is_final(error) => return Err(error),
            Ok(false) | Err(_) => {}
        }
        let pair = Pair { at, number, old: &old, new: &new };
        match self.compare(role, &pair) {
            Err(error) if is_final(error) => return Err(error),
            Err(_) => self.forbid(at, "", None),
            Ok(()) => {}
        }
        self.graph.scan(role, &new, at, number);
        self.graph.follow(self.document, self.revision)
    }

    /// An object by its number; `None` if it cannot be read.
    fn object(&mut self, revision: usize, number: u32) -> Result<Option<Object>, Error> {
        let Some(id) = self.document.entry(revision, number).map(Entry::id) else {
            return Ok(Some(Object::Null));
        };
        match self.document.object_at(revision, id) {
            Ok(object) => Ok(Some(object)),
            Err(error) if is_final(error) => Err(error),
            Err(_) => Ok(None),
        }
    }

    fn compare(&mut self, role: Role, pair: &Pair<'_>) -> Result<(), Error> {
        match role {
            Role::Catalog => self.catalog(pair),
            Role::Form => self.form(pair, ""),
            Role::Fields => self.fields(pair, ""),
            Role::Field | Role::Annotation => self.field(pair),
            Role::Page => self.page(pair),
            Role::Annotations => self.annotations(pair, ""),
            Role::Defaults | Role::Category | Role::Extensions => {
                self.additions(pair, "");
                Ok(())
            }
            Role::Info => {
                self.info(pair.at, pair.old, pair.new);
                Ok(())
            }
            Role::Metadata | Role::Dss => {
                self.note(Level::Lta, pair.at, "");
                Ok(())
            }
            Role::Appearance(owner) | Role::Value(owner) | Role::Part(owner) => self.owned(role, owner, pair),
            Role::Content | Role::Other | Role::Trailer => {
                self.forbid(pair.at, "", Some(pair));
                Ok(())
            }
        }
    }

    fn trailer(&mut self) -> Result<(), Error> {
        let revisions = self.document.revisions();
        let trailer = |at: usize| revisions.get(at).map(|revision: &Revision| revision.trailer.clone());
        let old = trailer(self.before()).unwrap_or_default();
        let new = trailer(self.revision).unwrap_or_default();
        for changed in changed_keys(&old, &new) {
            let key = changed.key.as_str();
            match key {
                "Size" => {}
                "ID" if first_id(&old) == first_id(&new) => {}
                "Info" => {
                    let before = self.before();
                    let old = self.document.get_at(before, &old, key)?;
                    let new = self.document.get_at(self.revision, &new, key)?;
                    self.info(ROOT, &old, &new);
                }
                "Root" | "ID" => self.record(Level::Other, format!("Trailer/{key}"), false),
                // Unknown names mean nothing unless they bring objects with them.
                _ if new.get(key).is_none_or(|value| references_of(value).is_empty()) => {}
                _ => self.record(Level::Other, format!("Trailer/{key}"), false),
            }
        }
        self.graph.scan(Role::Trailer, &Object::Dictionary(new), ROOT, 0);
        Ok(())
    }

    fn catalog(&mut self, pair: &Pair<'_>) -> Result<(), Error> {
        let Some((old, new)) = self.dictionaries(pair, "") else { return Ok(()) };
        for changed in changed_keys(old, new) {
            let key = changed.key.as_str();
            let path = format!("/{key}");
            let values = self.values(old, new, key)?;
            let inner = Pair { old: &values.0, new: &values.1, ..*pair };
            match key {
                "AcroForm" => self.form(&inner, &path)?,
                "DSS" | "Metadata" if new.get(key).is_some() => self.note(Level::Lta, pair.at, &path),
                "Extensions" => self.additions(&inner, &path),
                "Version" if is_later_version(old.name(key), new.name(key)) => {
                    self.note(Level::Lta, pair.at, &path);
                }
                _ => {
                    let is_shadow = key == "OCProperties" || self.is_dormant(old.get(key), new.get(key));
                    let path = self.graph.path(pair.at) + &path;
                    self.record(Level::Other, path, is_shadow);
                }
            }
        }
        Ok(())
    }

    fn page(&mut self, pair: &Pair<'_>) -> Result<(), Error> {
        let Some((old, new)) = self.dictionaries(pair, "") else { return Ok(()) };
        for changed in changed_keys(old, new) {
            let key = changed.key.as_str();
            let path = format!("/{key}");
            match key {
                "Annots" => {
                    let values = self.values(old, new, key)?;
                    self.annotations(&Pair { old: &values.0, new: &values.1, ..*pair }, &path)?;
                }
                // The order of the tabulator key, which comes with the first field of a page.
                "Tabs" if changed.is_new => self.note(Level::Lta, pair.at, &path),
                _ => self.forbid_value(pair.at, &path, old.get(key), new.get(key)),
            }
        }
        Ok(())
    }

    /// A dictionary that may only grow.
    pub(super) fn additions(&mut self, pair: &Pair<'_>, path: &str) {
        if *pair.old == Object::Null {
            return self.note(Level::Lta, pair.at, path);
        }
        let Some((old, new)) = self.dictionaries(pair, path) else { return };
        for changed in changed_keys(old, new) {
            let path = format!("{path}/{}", changed.key);
            if changed.is_new {
                self.note(Level::Lta, pair.at, &path);
            } else {
                self.forbid_value(pair.at, &path, old.get(&changed.key), new.get(&changed.key));
            }
        }
    }

    fn info(&mut self, at: usize, old: &Object, new: &Object) {
        let path = if at == ROOT { "Info" } else { "" };
        let none = Dictionary::new();
        let (Some(old), Some(new)) = (
            old.as_dictionary().or_else(|| (*old == Object::Null).then_some(&none)),
            new.as_dictionary().or_else(|| (*new == Object::Null).then_some(&none)),
        ) else {
            return self.forbid(at, path, None);
        };
        for changed in changed_keys(old, new) {
            let path = format!("{path}/{}", changed.key);
            // What people see of a document, as its title, is no affair of a program that appends.
            let is_technical = matches!(changed.key.as_str(), "ModDate" | "Producer");
            if is_technical || new.is_empty() {
                self.note(Level::Lta, at, &path);
            } else {
                self.forbid(at, &path, None);
            }
        }
    }

    /// What belongs to a field or annotation.
    fn owned(&mut self, role: Role, owner: u32, pair: &Pair<'_>) -> Result<(), Error> {
        let before = self.before();
        let facts = Facts::of(self.document, before, owner)?;
        if !facts.is_field() && facts.is_annotation {
            self.note(Level::Annotations, pair.at, "");
            return Ok(());
        }
        let level = match role {
            Role::Appearance(_) if facts.is_signature() && !facts.has_value() => {
                let now = Facts::of(self.document, self.revision, owner)?;
                if self.is_signed_now(&now.value)? { Level::FormFilling } else { Level::Annotations }
            }
            Role::Appearance(_) | Role::Value(_) if facts.is_input() => Level::FormFilling,
            _ => Level::Other,
        };
        if level == Level::Other {
            self.forbid(pair.at, "", Some(pair));
        } else {
            self.note_field(level, facts.name, pair.at, "");
        }
        Ok(())
    }

    /// Both as dictionaries; a change that is forbidden if they are not. What was not there counts as empty.
    pub(super) fn dictionaries<'b>(
        &mut self,
        pair: &Pair<'b>,
        path: &str,
    ) -> Option<(&'b Dictionary, &'b Dictionary)> {
        let found = pair.old.as_dictionary().zip(pair.new.as_dictionary());
        if found.is_none() {
            self.forbid(pair.at, path, Some(pair));
        }
        found
    }

    /// The values of a name before and after, references followed.
    pub(super) fn values(
        &mut self,
        old: &Dictionary,
        new: &Dictionary,
        key: &str,
    ) -> Result<(Object, Object), Error> {
        let before = self.before();
        Ok((self.document.get_at(before, old, key)?, self.document.get_at(self.revision, new, key)?))
    }

    /// Notes a change of something below a use.
    pub(super) fn note(&mut self, level: Level, at: usize, below: &str) {
        let path = self.graph.path(at) + below;
        self.record(level, path, false);
    }

    pub(super) fn note_field(&mut self, level: Level, field: String, at: usize, below: &str) {
        let path = self.graph.path(at) + below;
        let revision = self.revision;
        self.found.push(Change { revision, level, field: Some(field), path, is_shadow: false });
    }

    /// Notes a change that nothing permits.
    pub(super) fn forbid(&mut self, at: usize, below: &str, pair: Option<&Pair<'_>>) {
        let (old, new) = pair.map_or((None, None), |pair| (Some(pair.old), Some(pair.new)));
        let is_hidden = new == Some(&Object::Null);
        let path = self.graph.path(at) + below;
        let is_shadow = is_hidden || draws(&path) || self.is_dormant(old, new);
        self.record(Level::Other, path, is_shadow);
    }

    /// Notes a change of the value of a name that nothing permits.
    pub(super) fn forbid_value(
        &mut self,
        at: usize,
        below: &str,
        old: Option<&Object>,
        new: Option<&Object>,
    ) {
        let path = self.graph.path(at) + below;
        let is_shadow = draws(&path) || self.is_dormant(old, new);
        self.record(Level::Other, path, is_shadow);
    }

    pub(super) fn record(&mut self, level: Level, path: String, is_shadow: bool) {
        let path = path.trim_start_matches('/').to_owned();
        self.found.push(Change { revision: self.revision, level, field: None, path, is_shadow });
    }

    /// Whether a new value refers to what was there before this revision and was not used.
    pub(super) fn is_dormant(&self, old: Option<&Object>, new: Option<&Object>) -> bool {
        let before: HashSet<Reference> = old.map(references_of).unwrap_or_default().into_iter().collect();
        let after = new.map(references_of).unwrap_or_default();
        after.iter().filter(|id| !before.contains(id)).any(|id| {
            let entry = self.document.entry(self.revision, id.number);
            let is_old =
                entry.is_some_and(|entry| entry.revision() < self.revision && entry.slot() != Slot::Free);
            is_old && !self.graph.uses(id.number).any(|(_, found)| found.since < self.revision)
        })
    }
}

/// Whether a path leads to what draws: the change of it makes other things appear at the same place.
fn draws(path: &str) -> bool {
    path.split('/').any(|part| {
        let name = part.split('[').next();
        matches!(name, Some("Font" | "XObject" | "AP" | "Pattern"))
    })
}

/// All references in an object.
fn references_of(object: &Object) -> Vec<Reference> {
    match object {
        Object::Reference(id) => vec![*id],
        Object::Array(items) => items.iter().flat_map(references_of).collect(),
        _ => {
            let entries = object.as_dictionary().into_iter().flat_map(Dictionary::iter);
            entries.flat_map(|(_, value)| references_of(value)).collect()
        }
    }
}

fn first_id(trailer: &Dictionary) -> Option<&Object> {
    trailer.get("ID").and_then(Object::as_array).and_then(<[Object]>::first)
}

fn is_later_version(old: Option<&[u8]>, new: Option<&[u8]>) -> bool {
    let Some(new) = new else { return false };
    let is_version = matches!(new, [major, b'.', minor] if major.is_ascii_digit() && minor.is_ascii_digit());
    is_version && old.is_none_or(|old| old < new)
}
