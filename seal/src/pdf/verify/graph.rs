//! What objects are for: found by walking from the trailer, and kept up to date as revisions come.

use std::collections::{HashMap, VecDeque};
use std::io::{Read, Seek};

use crate::error::Error;

use super::super::document::Document;
use super::super::object::{Dictionary, Object, Reference, Stream};
use super::super::xref::Slot;

/// Most uses of objects that are followed; an object that is used in several ways counts once for each.
pub const MAX_REACHED: usize = 2_000_000;

const TOO_MANY: &str = "uses of objects";

/// What an object is used for. One object can have several roles, and a change of it must be permitted for each of them.
///
/// In the order in which changes are looked at: a field is known before the widget that shows it. The number is that of
/// the annotation or field that something belongs to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) enum Role {
    Trailer,
    Catalog,
    Form,
    /// An array of fields.
    Fields,
    /// A field that the form leads to.
    Field,
    /// A page, or a node of the tree of pages.
    Page,
    /// An array of annotations.
    Annotations,
    /// An annotation that a page leads to; often also a [`Role::Field`].
    Annotation,
    /// The resources of the form, and one kind of them.
    Defaults,
    Category,
    Extensions,
    Info,
    Metadata,
    Dss,
    /// What pages and appearances are drawn from.
    Content,
    Appearance(u32),
    Value(u32),
    /// Whatever else an annotation or field has.
    Part(u32),
    Other,
}

impl Role {
    /// Whether what has this role may refer to pages, fields or the catalogue without being made of them.
    const fn only_refers(self) -> bool {
        matches!(self, Self::Value(_) | Self::Part(_) | Self::Other)
    }

    const fn is_structure(self) -> bool {
        matches!(
            self,
            Self::Catalog
                | Self::Form
                | Self::Fields
                | Self::Field
                | Self::Page
                | Self::Annotations
                | Self::Annotation
        )
    }

    const fn item(self) -> Self {
        match self {
            Self::Fields => Self::Field,
            Self::Annotations => Self::Annotation,
            role => role,
        }
    }

    /// The role of the value of a name; `None`: it leads back and says nothing.
    fn child(self, key: &[u8], owner: u32) -> Option<Self> {
        Some(match (self, key) {
            (Self::Trailer, b"Root") => Self::Catalog,
            (Self::Trailer, b"Info") => Self::Info,
            (Self::Catalog, b"Pages") | (Self::Page, b"Kids" | b"Parent") => Self::Page,
            (Self::Catalog, b"AcroForm") => Self::Form,
            (Self::Catalog, b"DSS") => Self::Dss,
            (Self::Catalog, b"Metadata") => Self::Metadata,
            (Self::Catalog, b"Extensions") => Self::Extensions,
            (Self::Form, b"Fields") | (Self::Field, b"Kids") => Self::Fields,
            (Self::Form, b"DR") => Self::Defaults,
            (Self::Defaults, _) => Self::Category,
            (Self::Field, b"Parent") => Self::Field,
            (Self::Annotation, b"Parent") => Self::Annotation,
            (Self::Annotation, b"Kids") | (Self::Page, b"Annots") => Self::Annotations,
            (Self::Field | Self::Annotation, b"P") => return None,
            (Self::Field | Self::Annotation, b"AP") => Self::Appearance(owner),
            (Self::Field | Self::Annotation, b"V") => Self::Value(owner),
            (Self::Field | Self::Annotation, _) => Self::Part(owner),
            (
                Self::Page,
                b"Contents" | b"Resources" | b"Group" | b"MediaBox" | b"CropBox" | b"Rotate" | b"UserUnit",
            )
            | (Self::Category, _) => Self::Content,
            (Self::Trailer | Self::Catalog | Self::Form | Self::Page, _) => Self::Other,
            (role, _) => role,
        })
    }
}

/// One use of an object.
#[derive(Debug)]
pub(super) struct Use {
    pub(super) role: Role,
    /// In which revision it was seen first.
    pub(super) since: usize,
    parent: usize,
    label: Box<str>,
}

struct Pending {
    role: Role,
    id: Reference,
    parent: usize,
    label: String,
}

/// Every use of every object that can be reached.
pub(super) struct Graph {
    uses: Vec<Use>,
    by_number: HashMap<u32, Vec<usize>>,
    structure: VecDeque<Pending>,
    rest: VecDeque<Pending>,
    /// Objects that are used and cannot be read, so that what they lead to is not known.
    pub(super) unreadable: Vec<u32>,
}

/// The use that all others come from: the trailer.
pub(super) const ROOT: usize = 0;

impl Graph {
    /// Everything that can be reached in a revision.
    pub(super) fn new<R: Read + Seek>(document: &mut Document<R>, revision: usize) -> Result<Self, Error> {
        let root = Use { role: Role::Trailer, since: revision, parent: ROOT, label: "".into() };
        let mut graph = Self {
            uses: vec![root],
            by_number: HashMap::new(),
            structure: VecDeque::new(),
            rest: VecDeque::new(),
            unreadable: Vec::new(),
        };
        let trailer = document.revisions().get(revision).map(|revision| revision.trailer.clone());
        graph.scan(Role::Trailer, &Object::Dictionary(trailer.unwrap_or_default()), ROOT, 0);
        graph.follow(document, revision)?;
        Ok(graph)
    }

    /// The uses of an object.
    pub(super) fn uses(&self, number: u32) -> impl Iterator<Item = (usize, &Use)> {
        let all = self.by_number.get(&number).map(Vec::as_slice).unwrap_or_default();
        all.iter().filter_map(|at| self.uses.get(*at).map(|found| (*at, found)))
    }

    /// Whether an object had a role before a revision, or in it if that is asked for.
    pub(super) fn has(&self, number: u32, role: Role, up_to: usize) -> bool {
        self.uses(number).any(|(_, found)| found.role == role && found.since <= up_to)
    }

    /// The way to a use from the trailer.
    pub(super) fn path(&self, mut at: usize) -> String {
        let mut labels = Vec::new();
        while let Some(found) = self.uses.get(at).filter(|_| at != ROOT) {
            labels.push(&*found.label);
            at = found.parent;
        }
        labels.reverse();
        labels.concat().trim_start_matches('/').to_owned()
    }

    /// Notes what an object leads to. [`Graph::follow`] then goes there.
    pub(super) fn scan(&mut self, role: Role, object: &Object, at: usize, number: u32) {
        self.look(role, object, at, number, &mut String::new());
    }

    fn look(&mut self, role: Role, object: &Object, at: usize, number: u32, label: &mut String) {
        let len = label.len();
        match object {
            Object::Reference(id) => {
                let queue = if role.only_refers() { &mut self.rest } else { &mut self.structure };
                queue.push_back(Pending { role, id: *id, parent: at, label: label.clone() });
            }
            Object::Array(items) => {
                let holders = items.iter().enumerate().filter(|(_, item)| holds(item));
                for (index, item) in holders {
                    label.push_str(&format!("[{index}]"));
                    self.look(role.item(), item, at, number, label);
                    label.truncate(len);
                }
            }
            Object::Dictionary(dictionary) => self.entries(role, dictionary, at, number, label),
            Object::Stream(Stream { dictionary, .. }) => {
                let role = if matches!(role, Role::Appearance(_)) { Role::Content } else { role };
                self.entries(role, dictionary, at, number, label);
            }
            _ => {}
        }
    }

    fn entries(&mut self, role: Role, dictionary: &Dictionary, at: usize, number: u32, label: &mut String) {
        let len = label.len();
        for (key, value) in dictionary.iter().filter(|(_, value)| holds(value)) {
            if let Some(child) = role.child(key, number) {
                label.push('/');
                label.push_str(&String::from_utf8_lossy(key));
                self.look(child, value, at, number, label);
                label.truncate(len);
            }
        }
    }

    /// Follows all references that were noted, as of a revision.
    pub(super) fn follow<R: Read + Seek>(
        &mut self,
        document: &mut Document<R>,
        revision: usize,
    ) -> Result<(), Error> {
        while let Some(next) = self.structure.pop_front().or_else(|| self.rest.pop_front()) {
            let Pending { role, id, parent, label } = next;
            let known = |found: &Use| found.role == role || (role.only_refers() && found.role.is_structure());
            if self.uses(id.number).any(|(_, found)| known(found)) {
                continue;
            }
            let at = self.uses.len();
            if at >= MAX_REACHED {
                return Err(Error::TooLarge(TOO_MANY));
            }
            self.uses.push(Use { role, since: revision, parent, label: label.into() });
            self.by_number.entry(id.number).or_default().push(at);
            // Whoever changes the stream changes the object.
            if let Some(Slot::In { stream, .. }) =
                document.entry(revision, id.number).map(|entry| entry.slot())
            {
                let id = Reference { number: stream, generation: 0 };
                let label = "/object stream".to_owned();
                self.structure.push_back(Pending { role: Role::Content, id, parent: at, label });
            }
            match document.object_at(revision, id) {
                Ok(object) => self.scan(role, &object, at, id.number),
                Err(error) if is_final(error) => return Err(error),
                Err(_) => self.unreadable.push(id.number),
            }
        }
        Ok(())
    }
}

/// Whether there can be a reference in an object.
const fn holds(object: &Object) -> bool {
    matches!(object, Object::Reference(_) | Object::Array(_) | Object::Dictionary(_) | Object::Stream(_))
}

/// A result of which an error counts as nothing if it concerns one object.
pub(super) fn readable<T>(result: Result<T, Error>) -> Result<Option<T>, Error> {
    match result {
        Ok(found) => Ok(Some(found)),
        Err(error) if is_final(error) => Err(error),
        Err(_) => Ok(None),
    }
}

/// Whether an error concerns the whole file rather than one object.
pub(super) fn is_final(error: Error) -> bool {
    matches!(error, Error::Io(_) | Error::TooLarge("work that a document makes" | TOO_MANY))
}
