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
    /// What was done.
    Log(Operation),
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

/// An entity as it was read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FoundRow {
    /// Its id.
    pub id: Id,
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
    /// A keyed hash by which a text is found again.
    ///
    /// # Errors
    /// [`Error::Internal`] when it cannot be computed.
    fn name(&self, kind: Kind, text: &str) -> Result<[u8; 32], Error>;
}
