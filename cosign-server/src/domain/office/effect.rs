//! What an event brings along.

use std::{fmt::Debug, sync::Arc};

use super::{Entity, Id, Moment, dispatch::Order, entity::Judged, message, ports::FoundRow};
use crate::domain::{
    Error,
    ca::{AuthorityId, CertEvent, Serial},
};

/// An event with the kind of entity that it happens to.
pub trait Happening: Debug + Send + Sync {
    /// The kind of entity.
    fn kind(&self) -> &'static str;

    /// The entity after it; `before` is `None` before it is made.
    ///
    /// # Errors
    /// What the transition says; [`Error::Internal`] when the row cannot be read.
    fn judge(&self, before: Option<&FoundRow>, moment: Moment<'_>) -> Result<Judged, Error>;
}

#[derive(Debug)]
struct Happens<E: Entity>(E::Event);

impl<E: Entity> Happening for Happens<E> {
    fn kind(&self) -> &'static str {
        E::KIND
    }

    fn judge(&self, before: Option<&FoundRow>, moment: Moment<'_>) -> Result<Judged, Error> {
        super::entity::judge::<E>(before, &self.0, moment).map(|(_, judged)| judged)
    }
}

/// What has to happen together with a change. [`crate::domain::services::Office`] carries out every one of them in the same
/// unit as the change, so it happens once or not at all.
#[derive(Clone, Debug)]
pub enum Effect {
    /// An entity is made.
    Make(Arc<dyn Happening>),
    /// Something happens to an entity, which is made by it if there is none.
    On(Id, Arc<dyn Happening>),
    /// Something happens to all entities of a kind that are listed under somebody and not over.
    OnAll {
        /// Under whom.
        target: Id,
        /// Except this one.
        but: Option<Id>,
        /// What.
        what: Arc<dyn Happening>,
    },
    /// The owner of an account is told by a text to the phone.
    Text(Id, message::Notice),
    /// A trading platform is told: what kind of event, and what else is to be known of it.
    Inform(Id, &'static str, serde_json::Value),
    /// All files of an account are deleted.
    Detach(Id),
    /// All entities of a kind that are listed under somebody and did not change since are deleted: what is said of them in
    /// the log stays.
    Forget {
        /// Of which kind.
        kind: &'static str,
        /// Under whom.
        target: Id,
        /// Unix milliseconds.
        until_ms: u64,
    },
    /// A provider is asked to do something, after the commit, until it has.
    Dispatch(Order),
    /// Something happens to a certificate in the registry, to its pair and to their keys.
    Certificate(AuthorityId, Serial, CertEvent),
}

impl Effect {
    /// An entity is made.
    #[must_use]
    pub fn make<E: Entity>(event: E::Event) -> Self {
        Self::Make(Arc::new(Happens::<E>(event)))
    }

    /// Something happens to an entity, which is made by it if there is none.
    #[must_use]
    pub fn on<E: Entity>(id: Id, event: E::Event) -> Self {
        Self::On(id, Arc::new(Happens::<E>(event)))
    }

    /// Something happens to all that are listed under somebody and not over, but one.
    #[must_use]
    pub fn on_all<E: Entity>(target: Id, but: Option<Id>, event: E::Event) -> Self {
        Self::OnAll { target, but, what: Arc::new(Happens::<E>(event)) }
    }

    /// All of a kind that are listed under somebody and did not change after a moment are deleted.
    #[must_use]
    pub const fn forget<E: Entity>(target: Id, until_ms: u64) -> Self {
        Self::Forget { kind: E::KIND, target, until_ms }
    }

    /// A message to the owner of an account about an entity.
    #[must_use]
    pub fn tell<About: Entity>(to: Id, notice: message::Notice, about: Id) -> Self {
        let about = message::About { kind: About::KIND.to_owned(), id: about };
        Self::make::<message::Message>(message::Event::Tell { to, notice, about: Some(about) })
    }
}

/// What happens to an entity when its time has come.
pub(super) fn by_time<E: Entity>() -> Option<Arc<dyn Happening>> {
    E::when_due().map(|event| Arc::new(Happens::<E>(event)) as _)
}
