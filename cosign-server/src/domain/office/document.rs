//! Documents that a platform has sealed here: PDF and OFD files, kept for a while and encrypted where they are.
//!
//! A session or a task holds its document, and nobody else seals it meanwhile. What is sealed there is work, and becomes the
//! document when the session ends well; otherwise the document is what it was.

mod place;

use serde::{Deserialize, Serialize};

pub use self::place::{Across, Edge, Hits, MAX_SPOTS, Spot};
use super::{
    Effect, Entity, Id, Moment, Moved, Moves,
    entity::states,
    list_of,
    personal::Personal,
    proof::{CertificateName, Hash},
};
use crate::domain::Error;

/// Longest document in bytes, sealed ones too.
pub const MAX_BYTES: usize = 16 * 1024 * 1024;
/// Most pages of a document.
pub const MAX_PAGES: usize = 2000;
/// Most documents of one platform at a time.
pub const MAX_KEPT: u32 = 500;
/// Most things that are done to one document.
const MAX_MARKS: usize = 100;

states! {
    /// Where a document stands.
    DocumentState {
        /// It is there.
        Kept = "kept",
        /// A session or a task has it.
        Held = "held",
        /// Its bytes are forgotten.
        Gone = "gone",
    }
    over Gone
}

states! {
    /// Of what format it is.
    DocumentFormat {
        /// ISO 32000.
        Pdf = "pdf",
        /// GB/T 33190.
        Ofd = "ofd",
    }
}

states! {
    /// What was done to it.
    MarkKind {
        /// It was sealed.
        Sealed = "sealed",
        /// The last seal was removed.
        Removed = "removed",
    }
}

/// The bytes of a document as they are stored. Only the service that kept them makes one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Blob {
    /// The file.
    pub(in crate::domain) id: Id,
    /// With what it is forgotten.
    pub(in crate::domain) owner: Id,
    /// SM3 of the bytes.
    pub(in crate::domain) digest: Hash,
    /// How many.
    pub(in crate::domain) len: u64,
}

impl Blob {
    /// How many bytes.
    #[must_use]
    pub const fn size(&self) -> u64 {
        self.len
    }

    /// SM3 of them.
    #[must_use]
    pub const fn digest(&self) -> Hash {
        self.digest
    }
}

/// What was done to a document.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Mark {
    /// What.
    pub kind: MarkKind,
    /// How the document names the signature.
    pub signature: String,
    /// With which seal, if it is one of this server.
    pub seal: Option<Id>,
    /// With which certificate, if it is one of this server.
    pub certificate: Option<CertificateName>,
    /// In which session or task; nothing where the key was elsewhere.
    pub by: Option<Id>,
    /// When, unix milliseconds.
    pub at_ms: u64,
}

/// How something is sealed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Sealing {
    /// With which seal.
    pub seal: Id,
    /// The file of what its maker signed.
    pub(in crate::domain) data: Id,
    /// When, unix milliseconds.
    pub at_ms: u64,
    /// Most bytes of a time-stamp that proves it; `None`: there is none.
    #[serde(default)]
    pub(in crate::domain) stamp: Option<usize>,
    /// What.
    pub what: Sealed,
}

/// What is sealed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Sealed {
    /// The document that is held, at these places.
    Document(Vec<Spot>),
    /// A document elsewhere: the digest of what is covered, and what the sealed data say of it.
    Digest(Hash, String),
}

impl Sealing {
    /// Whether it goes into the document that is held.
    #[must_use]
    pub const fn is_of_document(&self) -> bool {
        matches!(self.what, Sealed::Document(_))
    }
}

/// A document.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Document {
    state: DocumentState,
    /// The client of the API whose it is.
    pub client: Id,
    /// What it is called; `None` once it is gone.
    pub name: Option<Personal>,
    /// Its format.
    pub format: DocumentFormat,
    /// How many pages it has.
    pub pages: u32,
    kept: Blob,
    work: Option<Blob>,
    held_by: Option<Id>,
    marks: Vec<Mark>,
    /// What was done in the session that holds it.
    fresh: Vec<Mark>,
    /// Until when it is kept, unix milliseconds.
    pub until_ms: u64,
}

/// A document that a platform hands in.
#[derive(Clone, Debug)]
pub struct New {
    /// Whose.
    pub client: Id,
    /// What it is called.
    pub name: Personal,
    /// Its format.
    pub format: DocumentFormat,
    /// How many pages it has.
    pub pages: u32,
    /// Its bytes.
    pub blob: Blob,
}

/// What happens to a document.
#[derive(Debug)]
pub enum Event {
    /// It is handed in.
    Keep(Box<New>),
    /// A session or a task takes it.
    Hold(Id),
    /// It is sealed, or a seal is removed: by whoever holds it, or by its platform while nobody does.
    Change {
        /// Who holds it.
        by: Option<Id>,
        /// What became of it.
        blob: Blob,
        /// What was done.
        mark: Mark,
    },
    /// Whoever held it is done.
    Release {
        /// Who.
        by: Id,
        /// Whether what was done counts.
        keep: bool,
    },
    /// The platform wants it no more.
    Delete,
    /// Time goes by.
    Lapse,
}

impl Document {
    /// Under whom those that are there are listed.
    #[must_use]
    pub fn list(client: Id) -> Id {
        list_of("documents", &[client.as_bytes()])
    }

    /// The bytes as they are now: within a session what was done there counts.
    #[must_use]
    pub fn present(&self) -> Blob {
        self.work.unwrap_or(self.kept)
    }

    /// The bytes that are given out.
    ///
    /// # Errors
    /// [`Error::Conflict`] while it is held.
    pub fn given(&self) -> Result<Blob, Error> {
        match self.state {
            DocumentState::Kept => Ok(self.kept),
            DocumentState::Held => Err(Error::Conflict("the document is being sealed")),
            DocumentState::Gone => Err(Error::NotFound),
        }
    }

    /// Who holds it.
    #[must_use]
    pub const fn held_by(&self) -> Option<Id> {
        self.held_by
    }

    /// What was done to it, oldest first.
    #[must_use]
    pub fn marks(&self) -> &[Mark] {
        &self.marks
    }

    fn changed(&self, blob: Blob, mark: &Mark, until_ms: u64) -> Result<Moved<Self>, Error> {
        if self.marks.len().saturating_add(self.fresh.len()) >= MAX_MARKS {
            return Err(Error::Conflict("the document was sealed as often as it may be"));
        }
        let mut next = self.clone();
        if self.state == DocumentState::Held {
            next.work = Some(blob);
            next.fresh.push(mark.clone());
            return Ok(Moved::to(next));
        }
        (next.kept, next.until_ms) = (blob, until_ms);
        next.marks.push(mark.clone());
        Ok(Moved::to(next).with(Effect::Detach(self.kept.owner)))
    }

    fn released(&self, by: Id, keep: bool, until_ms: u64) -> Moved<Self> {
        let mut next =
            Self { state: DocumentState::Kept, held_by: None, work: None, fresh: Vec::new(), ..self.clone() };
        next.until_ms = until_ms;
        match self.work {
            None => Moved::to(next),
            Some(work) if keep => {
                next.kept = work;
                next.marks.extend(self.fresh.iter().cloned());
                Moved::to(next).with(Effect::Detach(self.kept.owner))
            }
            Some(_) => Moved::to(next).with(Effect::Detach(by)),
        }
    }

    fn gone(&self) -> Moved<Self> {
        let gone = Self { state: DocumentState::Gone, name: None, ..self.clone() };
        Moved::to(gone).with(Effect::Detach(self.kept.owner))
    }
}

impl Entity for Document {
    const KIND: &'static str = "document";
    type State = DocumentState;
    type Event = Event;
    const MOVES: Moves<DocumentState> = &[
        (None, "keep", DocumentState::Kept),
        (Some(DocumentState::Kept), "hold", DocumentState::Held),
        (Some(DocumentState::Held), "change", DocumentState::Held),
        (Some(DocumentState::Held), "release", DocumentState::Kept),
        (Some(DocumentState::Kept), "change", DocumentState::Kept),
        (Some(DocumentState::Kept), "delete", DocumentState::Gone),
        (Some(DocumentState::Kept), "lapse", DocumentState::Gone),
    ];

    fn state(&self) -> DocumentState {
        self.state
    }

    fn event(event: &Event) -> &'static str {
        match event {
            Event::Keep(_) => "keep",
            Event::Hold(_) => "hold",
            Event::Change { .. } => "change",
            Event::Release { .. } => "release",
            Event::Delete => "delete",
            Event::Lapse => "lapse",
        }
    }

    fn transition(now: Option<&Self>, event: &Event, moment: Moment<'_>) -> Result<Moved<Self>, Error> {
        use DocumentState::{Gone, Held, Kept};
        let kept_ms = moment.rules.document_h.saturating_mul(3_600_000);
        let until_ms = moment.now_ms.saturating_add(kept_ms);
        let Some(one) = now else {
            let Event::Keep(new) = event else { return Err(Error::NotFound) };
            let New { client, name, format, pages, blob } = &**new;
            return Ok(Moved::to(Self {
                state: Kept,
                client: *client,
                name: Some(name.clone()),
                format: *format,
                pages: *pages,
                kept: *blob,
                work: None,
                held_by: None,
                marks: Vec::new(),
                fresh: Vec::new(),
                until_ms,
            }));
        };
        match (one.state, event) {
            (Gone, _) => Err(Error::NotFound),
            (Kept, Event::Hold(by)) => Ok(Moved::to(Self { state: Held, held_by: Some(*by), ..one.clone() })),
            (Kept | Held, Event::Change { by, blob, mark }) if *by == one.held_by => {
                one.changed(*blob, mark, until_ms)
            }
            (Held, Event::Release { by, keep }) if one.held_by == Some(*by) => {
                Ok(one.released(*by, *keep, until_ms))
            }
            (Kept, Event::Delete) => Ok(one.gone()),
            (Kept, Event::Lapse) if moment.now_ms >= one.until_ms => Ok(one.gone()),
            _ => Err(Error::Conflict("the document is being sealed")),
        }
    }

    fn listed_under(&self) -> Vec<Id> {
        let there = (self.state != DocumentState::Gone).then(|| Self::list(self.client));
        [self.client].into_iter().chain(there).collect()
    }

    fn due_ms(&self) -> Option<u64> {
        (self.state == DocumentState::Kept).then_some(self.until_ms)
    }

    fn when_due() -> Option<Event> {
        Some(Event::Lapse)
    }
}
