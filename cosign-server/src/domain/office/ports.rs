//! What the office needs from outside: where entities are kept, and who can read what is personal.

use futures_util::future::BoxFuture;

use super::{Id, personal::Kind};
use crate::domain::{Error, page::Page, ports::StoreError};

/// An entity as a row.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EntityRow {
    /// What kind of entity.
    pub kind: &'static str,
    /// Its id.
    pub id: Id,
    /// Where it stands.
    pub state: &'static str,
    /// Itself, JSON.
    pub body: String,
    /// When it was made, unix milliseconds.
    pub created_ms: u64,
    /// When it last changed.
    pub changed_ms: u64,
    /// When time alone will move it.
    pub due_ms: Option<u64>,
    /// Grows with every change, from 1.
    pub version: i64,
    /// What only it may be called.
    pub names: Vec<[u8; 32]>,
    /// Under whom it is listed.
    pub listed_under: Vec<Id>,
}

/// What was done.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Operation {
    /// Unix milliseconds.
    pub at_ms: u64,
    /// The account that did it; `None` for the system.
    pub actor: Option<Id>,
    /// To what kind of entity.
    pub kind: &'static str,
    /// To which.
    pub id: Id,
    /// What.
    pub event: &'static str,
    /// Where it stood.
    pub from: Option<&'static str>,
    /// Where it stands.
    pub to: &'static str,
}

/// One change in the office. Part of a [`Unit`](crate::domain::ports::Unit) like any other write.
#[derive(Clone, Debug)]
pub enum OfficeWrite {
    /// A new entity. `Duplicate` when its id or one of its names is taken.
    Add(Box<EntityRow>),
    /// An entity as it is now; `version` is one more than that which was read. `Stale` when it changed meanwhile,
    /// `Duplicate` when one of its names is taken.
    Save(Box<EntityRow>),
    /// That an entity is as it was read. `Stale` when it changed meanwhile.
    Still {
        /// What kind of entity.
        kind: &'static str,
        /// Which.
        id: Id,
        /// Its version.
        version: i64,
    },
    /// That what is listed under somebody is what was read. `Stale` when one was added or changed meanwhile.
    StillUnder {
        /// What kind of entity.
        kind: &'static str,
        /// Under whom.
        target: Id,
        /// Each of them with its version, by their ids.
        rows: Vec<(Id, i64)>,
    },
    /// What was done.
    Log(Operation),
    /// A file that somebody hands in.
    Attach(Box<AttachmentRow>),
    /// All files of an account are forgotten.
    Detach(Id),
    /// All entities of a kind that are listed under somebody and did not change since are forgotten.
    Forget {
        /// Of which kind.
        kind: &'static str,
        /// Under whom.
        target: Id,
        /// Unix milliseconds.
        until_ms: u64,
    },
    /// The key of personal data. `Duplicate` when there is one.
    SetPersonalKey(Vec<u8>),
    /// That key under another wrapping key. `Stale` when it is not as it was.
    ResealPersonalKey {
        /// As it is sealed now.
        old: Vec<u8>,
        /// As it is to be sealed.
        new: Vec<u8>,
    },
}

/// A file as a row.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AttachmentRow {
    /// Its id.
    pub id: Id,
    /// Whose account.
    pub owner: Id,
    /// When it was handed in, unix milliseconds.
    pub created_ms: u64,
    /// Its bytes, encrypted.
    pub sealed: Vec<u8>,
}

/// Whose operations.
#[derive(Clone, Copy, Debug)]
pub enum Of {
    /// What an account did.
    Actor(Id),
    /// What was done to an entity.
    Entity(&'static str, Id),
}

/// What was done, as it was read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Logged {
    /// Its number.
    pub seq: u64,
    /// Unix milliseconds.
    pub at_ms: u64,
    /// The account that did it.
    pub actor: Option<Id>,
    /// To what kind of entity.
    pub kind: String,
    /// To which.
    pub id: Id,
    /// What.
    pub event: String,
    /// Where it stood.
    pub from: Option<String>,
    /// Where it stands.
    pub to: String,
}

/// Which of them: those that fit all that is given.
#[derive(Clone, Debug, Default)]
pub struct Sieve {
    /// Of this kind of entity.
    pub kind: Option<String>,
    /// Not before this, unix milliseconds.
    pub from_ms: Option<u64>,
    /// Before this.
    pub to_ms: Option<u64>,
}

/// An entity as it was read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FoundRow {
    /// Its id.
    pub id: Id,
    /// Where it stands.
    pub state: String,
    /// Itself, JSON.
    pub body: String,
    /// When it was made, unix milliseconds.
    pub created_ms: u64,
    /// When it last changed.
    pub changed_ms: u64,
    /// Its version.
    pub version: i64,
}

/// What is kept of the office. Writes go through [`Store::commit`](crate::domain::ports::Store::commit).
pub trait Entities: Send + Sync {
    /// One entity.
    fn entity(&self, kind: &'static str, id: Id) -> BoxFuture<'_, Result<Option<FoundRow>, StoreError>>;
    /// The one that is called so.
    fn entity_named(
        &self,
        kind: &'static str,
        name: [u8; 32],
    ) -> BoxFuture<'_, Result<Option<FoundRow>, StoreError>>;
    /// Those that are listed under somebody, newest first.
    fn entities_under<'a>(
        &'a self,
        kind: &'static str,
        target: Id,
        page: &'a Page,
    ) -> BoxFuture<'a, Result<Vec<FoundRow>, StoreError>>;
    /// Those in a state, oldest first.
    fn entities_in<'a>(
        &'a self,
        kind: &'static str,
        state: &'static str,
        page: &'a Page,
    ) -> BoxFuture<'a, Result<Vec<FoundRow>, StoreError>>;
    /// What was done, newest first. The cursor's `at_ms` is the number of the last one, its id is empty.
    fn operations<'a>(
        &'a self,
        of: Of,
        sieve: &'a Sieve,
        page: &'a Page,
    ) -> BoxFuture<'a, Result<Vec<Logged>, StoreError>>;
    /// A file.
    fn attachment(&self, id: Id) -> BoxFuture<'_, Result<Option<AttachmentRow>, StoreError>>;
    /// How many files somebody has handed in since a moment.
    fn attachments_of(&self, owner: Id, since_ms: u64) -> BoxFuture<'_, Result<u64, StoreError>>;
    /// Kinds and ids of those whose time has come, at most `limit`.
    fn entities_due(&self, now_ms: u64, limit: u32) -> BoxFuture<'_, Result<Vec<(String, Id)>, StoreError>>;
}

/// Who encrypts and reads what is personal.
pub trait Vault: Send + Sync {
    /// Encrypts a text, tied to the entity that it is kept in.
    ///
    /// # Errors
    /// [`Error::Internal`] when the random source fails.
    fn seal(&self, kind: Kind, text: &str) -> Result<super::personal::Personal, Error>;
    /// Reads a text.
    ///
    /// # Errors
    /// [`Error::Internal`] when it is of another kind or was changed.
    fn open(
        &self,
        kind: Kind,
        sealed: &super::personal::Personal,
    ) -> Result<zeroize::Zeroizing<String>, Error>;
    /// Encrypts a file.
    ///
    /// # Errors
    /// [`Error::Internal`] when the random source fails.
    fn seal_file(&self, id: Id, bytes: &[u8]) -> Result<Vec<u8>, Error>;
    /// Reads a file.
    ///
    /// # Errors
    /// [`Error::Internal`] when it is another one or was changed.
    fn open_file(&self, id: Id, sealed: &[u8]) -> Result<zeroize::Zeroizing<Vec<u8>>, Error>;
    /// A keyed hash by which a text is found again.
    ///
    /// # Errors
    /// [`Error::Internal`] when it cannot be computed.
    fn name(&self, kind: Kind, text: &str) -> Result<[u8; 32], Error>;
}
