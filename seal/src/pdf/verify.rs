//! Finding signatures, what they cover, and what came after them.
//!
//! Only the structure is looked at. Who signed is judged from [`Found::value`] and what [`digest`] gives.
//!
//! A signature covers the file up to the end of the revision that it closes, but for its own value. Whoever appends to the
//! file changes what it shows without touching what is signed, so every later revision is compared with the one before:
//! each object that it defines or frees is looked up in the tree of the document, from the catalogue down, and the change
//! is one of four levels.
//!
//! 1. Material for checking signatures (`/DSS`), time-stamps that do not show, dates and other facts about the file.
//! 2. Filling in and signing fields; new fields for signatures, with their widgets.
//! 3. Annotations; new fields for signatures that show something and are not signed.
//! 4. Everything else.
//!
//! Decisions:
//!
//! * Without certification the first two are permitted. Annotations are not, because they can cover what was signed.
//! * `/P` of a certification permits 1 (`1`), 1 and 2 (`2`) or 1 to 3 (`3`). That of an ordinary signature or of the lock of
//!   its field only takes away. What earlier signatures forbid stays forbidden for what changes after later ones.
//! * A field that is signed is not changed any more, whatever permits it: neither its value nor its picture.
//! * Locks are about the fields that there were: a new one for a signature is permitted under a lock of all.
//! * A new object is judged by what leads to it, and an object that several things lead to by each of them.
//! * What was there before, unused, and is put to use by a change that nothing permits is [`Code::ShadowContent`] besides.
//!   So is the replacement of what draws: fonts, pictures, appearances, layers.
//! * Changes of the structure tree of tagged documents are of the last level, and so are those of the title and author of the
//!   document; only the date and the program may change.
//!
//! Source: ISO 32000-2:2020, 12.8; the attacks of Mladenov, Mainka, Rohlmann and others on signed PDF files ("1 Trillion
//! Dollar Refund", 2019; "Shadow Attacks", 2021; "Breaking the Specification: PDF Certification", 2021).

mod changes;
mod field;
mod form;
mod graph;
mod layout;
mod permission;
mod range;
mod same;

pub use graph::MAX_REACHED;
pub(super) use range::closed_end;

use std::collections::{HashMap, HashSet};
use std::io::{Read, Seek};
use std::ops::Range;

use pki::Time;

use crate::error::Error;
use crate::geometry::Stamp;
use crate::report::{Code, Kind, Reason, Verdict};

use super::document::Document;
use super::fields::{SignatureField, SignatureValue, text};
use super::object::Object;
use changes::{Change, Changes};
use field::Facts;
use graph::{Graph, Role};
use layout::Gap;
use permission::Terms;

use super::permission::Lock;

/// Most reasons of one code for one signature, and most notes.
const MAX_REASONS: usize = 16;

/// Most signatures of a document.
pub const MAX_SIGNATURES: usize = 1_000;

/// Most times that a change is held against a signature, or the name of a changed field against that of a locked one.
const MAX_JUDGED: usize = 20_000_000;

/// What `/SubFilter` says for a time-stamp of the document.
const TIME_STAMP: &[u8] = b"ETSI.RFC3161";

/// A signature in a document: facts, and what is wrong with them.
#[derive(Clone, Debug)]
pub struct Found {
    /// The whole name of the field.
    pub field: String,
    /// What kind it says to be.
    pub kind: Kind,
    /// `/SubFilter`: in which form the value is.
    pub sub_filter: String,
    /// The value, without the zeros behind it: DER, or as it is if it is not that.
    pub value: Vec<u8>,
    /// What is signed, if it can be: two ranges of the file in order. Whether they are what they should be is among the
    /// reasons.
    pub byte_range: Option<[Range<u64>; 2]>,
    /// The revision that it closes, from 0; `None` if it closes none, which is among the reasons.
    pub revision: Option<usize>,
    /// When it was made, as the document says.
    pub claimed_time: Option<Time>,
    /// Who made it, as the document says.
    pub name: Option<String>,
    /// Why.
    pub reason: Option<String>,
    /// Where.
    pub location: Option<String>,
    /// What it permits as the certification of the document: 1 to 3 as in the standard. `None`: it is an ordinary one.
    pub certification: Option<i64>,
    /// Which fields may not be changed after it.
    pub locks: Vec<Lock>,
    /// Where it shows.
    pub stamps: Vec<Stamp>,
    /// Why it is not valid, as far as the structure goes.
    pub reasons: Vec<Reason>,
    /// What is worth knowing and no fault.
    pub notes: Vec<Reason>,
}

impl Found {
    fn add(&mut self, reason: Reason) {
        if self.has_room(reason.code) && !self.list(reason.code).contains(&reason) {
            self.list(reason.code).push(reason);
        }
    }

    fn has_room(&mut self, code: Code) -> bool {
        self.list(code).iter().filter(|other| other.code == code).count() < MAX_REASONS
    }

    const fn list(&mut self, code: Code) -> &mut Vec<Reason> {
        match code.verdict() {
            Verdict::Valid => &mut self.notes,
            _ => &mut self.reasons,
        }
    }
}

/// A signature while it is being looked at.
struct Candidate {
    field: SignatureField,
    value: SignatureValue,
    /// The newest revision that has it.
    seen: usize,
    found: Found,
    terms: Terms,
}

impl Candidate {
    fn key<R: Read + Seek>(&self, document: &Document<R>) -> Key {
        key(document, self.seen, &self.field, &self.value)
    }
}

/// Every signature, in the order in which they were made; also those that a later revision took out of the form.
///
/// # Errors
/// As [`Document::object`] and [`Document::signature_fields`]: the newest revision cannot be read. What is wrong with one
/// signature is among its reasons.
pub fn signatures<R: Read + Seek>(document: &mut Document<R>) -> Result<Vec<Found>, Error> {
    let newest = document.newest();
    let fields = document.signature_fields(newest)?;
    let Some((base, first)) = first_signed(document)? else { return Ok(Vec::new()) };
    let changes = Changes::after(document, base)?;
    let (graph, signed, changes) = (changes.graph, changes.signed, changes.found);
    let mut candidates = Vec::new();
    collect(document, newest, fields, &mut candidates)?;
    // Signatures that a later revision took out of the form.
    if base < newest {
        collect(document, base, first, &mut candidates)?;
    }
    let mut looked_at = HashSet::new();
    for (number, revision) in signed {
        let is_known = known(document, &candidates).contains(&(number, Some(revision)));
        if !is_known && looked_at.insert(revision) {
            let fields = graph::readable(document.signature_fields(revision))?;
            collect(document, revision, fields.unwrap_or_default(), &mut candidates)?;
        }
    }
    check_shared(document, &mut candidates);
    for candidate in &mut candidates {
        check_place(document, &graph, candidate)?;
    }
    candidates.sort_by_key(|candidate| candidate.found.revision.unwrap_or(usize::MAX));
    check_layout(document, &graph, &mut candidates)?;
    check_changes(document, &changes, &mut candidates)?;
    Ok(candidates.into_iter().map(|candidate| candidate.found).collect())
}

/// Gives the bytes that a signature covers to a function, in pieces.
///
/// # Errors
/// [`Error::Unusable`]: there is no range that could be read; [`Error::Io`].
pub fn digest<R: Read + Seek>(
    document: &mut Document<R>,
    found: &Found,
    mut sink: impl FnMut(&[u8]),
) -> Result<(), Error> {
    let ranges = found.byte_range.clone().ok_or(Error::Unusable("the signature covers nothing"))?;
    for range in ranges {
        document.read(range, |piece| {
            sink(piece);
            Ok(())
        })?;
    }
    Ok(())
}

/// Refuses a document in which something is not in order that a signature would be judged by: what is signed there would not
/// be valid.
///
/// # Errors
/// [`Error::Malformed`]: an object that cannot be read, or that goes beyond the revision that it is of; [`Error::Io`].
pub fn check_order<R: Read + Seek>(document: &mut Document<R>) -> Result<(), Error> {
    let newest = document.newest();
    // What was there when the first signature was made is looked at for every later one.
    let base = first_signed(document)?.map_or(newest, |(base, _)| base);
    let graph = Changes::after(document, base)?.graph;
    let none = Gap { span: 0..0, number: u32::MAX };
    let wrong = layout::check(document, &graph, &HashMap::from([(newest, none)]))?;
    match graph.unreadable.is_empty() && wrong.is_empty() {
        true => Ok(()),
        false => Err(Error::Malformed("objects of a PDF that cannot be read as every program would")),
    }
}

/// What concerns the whole document, as far as its structure goes.
///
/// # Errors
/// As [`Document::signature_fields`].
pub fn warnings<R: Read + Seek>(document: &mut Document<R>) -> Result<Vec<Reason>, Error> {
    let mut warnings = Vec::new();
    if document.shift() > 0 {
        warnings.push(Reason::new(Code::Deviation, "bytes before the header"));
    }
    for field in document.signature_fields(document.newest())? {
        if field.value.is_none() {
            warnings.push(Reason::new(Code::EmptyField, field.name));
        }
    }
    if let Some(len) = trailing(document)?.map(|trailing| trailing.len()) {
        warnings.push(Reason::new(Code::TrailingData, len));
    }
    Ok(warnings)
}

/// The first revision that has signatures in its form, and its fields. Revisions before it may be in any state.
fn first_signed<R: Read + Seek>(
    document: &mut Document<R>,
) -> Result<Option<(usize, Vec<SignatureField>)>, Error> {
    for revision in 0..=document.newest() {
        match document.signature_fields(revision) {
            Ok(fields) if fields.iter().any(|field| field.value.is_some()) => {
                return Ok(Some((revision, fields)));
            }
            Err(error) if graph::is_final(error) => return Err(error),
            Ok(_) | Err(_) => {}
        }
    }
    Ok(None)
}

/// Adds the signatures of a revision that are not there yet.
fn collect<R: Read + Seek>(
    document: &mut Document<R>,
    revision: usize,
    fields: Vec<SignatureField>,
    candidates: &mut Vec<Candidate>,
) -> Result<(), Error> {
    let is_newest = revision == document.newest();
    let known = known(document, candidates);
    for mut field in fields {
        let Some(value) = field.value.take() else { continue };
        // What was no signature yet can be none that is missing.
        let is_empty = value.contents.iter().all(|byte| *byte == 0) || value.byte_range.is_empty();
        if !is_newest && (is_empty || known.contains(&key(document, revision, &field, &value))) {
            continue;
        }
        let mut found = describe(document, revision, &field, &value)?;
        if !is_newest {
            found.add(Reason::new(Code::ForbiddenChange, "the signature was taken out of the form"));
        }
        if candidates.len() >= MAX_SIGNATURES {
            return Err(Error::TooLarge("signatures"));
        }
        candidates.push(Candidate { field, value, seen: revision, found, terms: Terms::default() });
    }
    Ok(())
}

/// What makes two signatures the same one: the object that holds it, and the revision that defines it.
type Key = (u32, Option<usize>);

fn known<R: Read + Seek>(document: &Document<R>, candidates: &[Candidate]) -> HashSet<Key> {
    let keys = candidates.iter().map(|candidate| candidate.key(document));
    keys.collect()
}

fn key<R: Read + Seek>(
    document: &Document<R>,
    revision: usize,
    field: &SignatureField,
    value: &SignatureValue,
) -> Key {
    let number = value.id.unwrap_or(field.id).number;
    (number, document.entry(revision, number).map(super::document::Entry::revision))
}

fn describe<R: Read + Seek>(
    document: &mut Document<R>,
    revision: usize,
    field: &SignatureField,
    value: &SignatureValue,
) -> Result<Found, Error> {
    let mut string = |key: &str| -> Result<Option<String>, Error> {
        let string = graph::readable(document.get_at(revision, &value.dictionary, key))?;
        Ok(string.as_ref().and_then(Object::as_string).map(text))
    };
    let (name, reason) = (string("Name")?, string("Reason")?);
    let (location, time) = (string("Location")?, string("M")?);
    let (der, has_more) = range::unpadded(&value.contents);
    let widgets = field.widgets.iter().filter_map(|widget| widget.page.zip(widget.area));
    let shown = widgets.filter(|(_, area)| area.width > 0.0 && area.height > 0.0);
    let mut found = Found {
        field: field.name.clone(),
        kind: kind(value.sub_filter()),
        sub_filter: String::from_utf8_lossy(value.sub_filter()).into_owned(),
        value: der,
        byte_range: range::ranges(value, document.len()),
        revision: None,
        claimed_time: time.as_deref().and_then(crate::time::parse),
        name,
        reason,
        location,
        certification: None,
        locks: Vec::new(),
        stamps: shown.map(|(page, area)| Stamp { page, area, clip: None }).collect(),
        reasons: Vec::new(),
        notes: Vec::new(),
    };
    if value.contents.iter().all(|byte| *byte == 0) {
        found.add(Reason::new(Code::Unreadable, "Contents"));
    }
    if has_more {
        found.add(Reason::new(Code::Deviation, "something stands behind the value in Contents"));
    }
    Ok(found)
}

fn kind(sub_filter: &[u8]) -> Kind {
    match sub_filter {
        b"GM.sm2seal" => Kind::PdfSeal,
        _ if sub_filter.starts_with(b"GM.SM2") => Kind::PdfSeal,
        TIME_STAMP => Kind::PdfTimeStamp,
        _ => Kind::PdfSignature,
    }
}

/// Two fields with the same signature: readers would show it at both.
fn check_shared<R: Read + Seek>(document: &Document<R>, candidates: &mut [Candidate]) {
    let mut first: HashMap<Key, usize> = HashMap::new();
    for index in 0..candidates.len() {
        let Some(key) = candidates.get(index).map(|candidate| candidate.key(document)) else { continue };
        let other = *first.entry(key).or_insert(index);
        if other == index {
            continue;
        }
        for at in [other, index] {
            if let Some(candidate) = candidates.get_mut(at) {
                candidate.found.add(Reason::new(Code::Coverage, "several fields have this signature"));
            }
        }
    }
}

/// Finds the revision that a signature closes, and what it says about later ones.
fn check_place<R: Read + Seek>(
    document: &mut Document<R>,
    graph: &Graph,
    candidate: &mut Candidate,
) -> Result<(), Error> {
    let Candidate { field, value, found, terms, .. } = candidate;
    let revision = match range::closes(document, value)? {
        Ok(revision) => revision,
        Err(reason) => {
            found.add(reason);
            return Ok(());
        }
    };
    let (_, defined) = key(document, candidate.seen, field, value);
    if defined != Some(revision) {
        found.add(Reason::new(Code::Coverage, "the signature is not of the revision that it closes"));
        return Ok(());
    }
    let is_field = graph.has(field.id.number, Role::Field, revision);
    let then = graph::readable(Facts::of(document, revision, field.id.number))?;
    let has_value = value.id.is_none_or(|id| then.is_some_and(|then| then.value == Object::Reference(id)));
    if !is_field || !has_value {
        found.add(Reason::new(Code::Coverage, "the form did not have the signature when it was made"));
        return Ok(());
    }
    found.revision = Some(revision);
    match graph::readable(Terms::of(document, revision, field, value))? {
        Some(found) => *terms = found,
        None => found.add(Reason::new(Code::Unreadable, "Reference")),
    }
    found.certification = terms.permission.filter(|_| terms.is_certified);
    found.locks.clone_from(&terms.locks);
    Ok(())
}

fn check_layout<R: Read + Seek>(
    document: &mut Document<R>,
    graph: &Graph,
    candidates: &mut [Candidate],
) -> Result<(), Error> {
    let mut gaps = HashMap::new();
    for candidate in &*candidates {
        if let Some((revision, span)) = candidate.found.revision.zip(candidate.value.contents_span.clone()) {
            let number = candidate.value.id.unwrap_or(candidate.field.id).number;
            gaps.insert(revision, Gap { span, number });
        }
    }
    let wrong = layout::check(document, graph, &gaps)?;
    for candidate in candidates {
        let Some(revision) = candidate.found.revision else { continue };
        let mut reasons: Vec<_> = wrong.iter().filter(|(at, _)| **at <= revision).collect();
        reasons.sort_by_key(|(at, _)| **at);
        for reason in reasons.into_iter().flat_map(|(_, reasons)| reasons) {
            candidate.found.add(reason.clone());
        }
    }
    Ok(())
}

/// Judges later changes. The signatures are in their order.
fn check_changes<R: Read + Seek>(
    document: &mut Document<R>,
    changes: &[Change],
    candidates: &mut [Candidate],
) -> Result<(), Error> {
    let is_followed = trailing(document)?.is_some_and(|trailing| {
        let has = |word: &[u8]| trailing.windows(word.len()).any(|at| at == word);
        has(b"obj") || has(b"xref") || has(b"trailer")
    });
    let (newest, count) = (document.newest(), document.revisions().len());
    let locked = locked(changes, candidates)?;
    let mut judged: usize = 0;
    for index in 0..candidates.len() {
        let (until, _) = candidates.split_at_mut(index.saturating_add(1));
        let level = Terms::level(until.iter().map(|candidate| &candidate.terms));
        let Some(candidate) = until.last_mut() else { continue };
        if is_followed {
            candidate.found.add(Reason::new(Code::ForbiddenChange, "objects behind the end of the file"));
        }
        let Some(revision) = candidate.found.revision else { continue };
        if revision < newest {
            candidate.found.add(Reason::new(Code::PartlyCovered, format!("{} / {count}", revision + 1)));
        }
        let later = changes.partition_point(|change| change.revision <= revision);
        judged = judged.saturating_add(changes.len().saturating_sub(later));
        if judged > MAX_JUDGED {
            return Err(Error::TooLarge("changes"));
        }
        for change in changes.iter().skip(later) {
            let field = change.field.as_deref();
            let is_locked = field.and_then(|field| locked.get(field)).is_some_and(|from| *from <= index);
            judge(&mut candidate.found, change, change.level <= level && !is_locked);
        }
    }
    Ok(())
}

/// Fields that are changed and locked, with the first signature that locks them.
fn locked<'a>(changes: &'a [Change], candidates: &[Candidate]) -> Result<HashMap<&'a str, usize>, Error> {
    let fields: HashSet<&str> = changes.iter().filter_map(|change| change.field.as_deref()).collect();
    let mut locked = HashMap::new();
    let mut judged: usize = 0;
    for (index, candidate) in candidates.iter().enumerate() {
        for lock in &candidate.terms.locks {
            judged = judged.saturating_add(fields.len().saturating_mul(lock.len().max(1)));
            if judged > MAX_JUDGED {
                return Err(Error::TooLarge("locked fields"));
            }
            for field in fields.iter().filter(|field| lock.covers(field)) {
                locked.entry(*field).or_insert(index);
            }
        }
    }
    Ok(locked)
}

fn judge(found: &mut Found, change: &Change, is_permitted: bool) {
    let codes: &[Code] = match (is_permitted, change.is_shadow) {
        (true, _) => &[Code::LaterChange],
        (false, false) => &[Code::ForbiddenChange],
        (false, true) => &[Code::ShadowContent, Code::ForbiddenChange],
    };
    for &code in codes {
        // Most are not written any more: the text is made only then.
        if found.has_room(code) {
            found.add(match &change.field {
                Some(field) => Reason::new(code, format!("{field}: {}", change.path)),
                None => Reason::new(code, &change.path),
            });
        }
    }
}

/// What stands behind the last revision; `None` if it is nothing but space.
fn trailing<R: Read + Seek>(document: &mut Document<R>) -> Result<Option<Vec<u8>>, Error> {
    let end = document.revisions().last().map_or(0, |revision| revision.end);
    let span = end..document.len();
    let trailing = document.bytes(span)?;
    let is_space = trailing.iter().all(|byte| matches!(byte, 0 | b' ' | b'\t' | b'\r' | b'\n'));
    Ok((!is_space).then(|| trailing.to_vec()))
}
