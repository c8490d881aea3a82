//! What certificates and seals were used for: what scan reports and usage records are made of. Nothing in it is personal.

use serde::{Deserialize, Serialize};

use super::{
    Entity, Id, Moment, Moved, Moves,
    entity::states,
    list_of,
    proof::{CertificateName, Identity},
    scan::System,
};
use crate::domain::Error;

states! {
    /// Where it stands.
    RecordState {
        /// It happened.
        Noted = "noted",
    }
    over Noted
}

/// One use.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Use {
    /// Whose account.
    pub account: Id,
    /// Of which certificate.
    pub certificate: CertificateName,
    /// As whom.
    pub identity: Identity,
    /// For which enterprise.
    #[serde(default)]
    pub enterprise: Option<Id>,
    /// For which system.
    pub system: System,
    /// What was done.
    pub operation: String,
    /// With which seal.
    pub seal: Option<Id>,
    /// The scan or the task that it was done in.
    pub about: Id,
    /// How many uses it counts for.
    pub units: u32,
}

/// A use that is written down.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Record(pub Use);

impl Record {
    /// Under whom it is listed what a member did for an enterprise.
    #[must_use]
    pub fn of_member(enterprise: Id, account: Id) -> Id {
        list_of("scan report", &[enterprise.as_bytes(), account.as_bytes()])
    }
}

/// What happens to it.
#[derive(Debug)]
pub enum Event {
    /// It is written down.
    Note(Use),
}

impl Entity for Record {
    const KIND: &'static str = "use-record";
    type State = RecordState;
    type Event = Event;
    const MOVES: Moves<RecordState> = &[(None, "note", RecordState::Noted)];

    fn state(&self) -> RecordState {
        RecordState::Noted
    }

    fn event(_: &Event) -> &'static str {
        "note"
    }

    fn is_logged(_: &Event) -> bool {
        false
    }

    fn transition(now: Option<&Self>, event: &Event, _: Moment<'_>) -> Result<Moved<Self>, Error> {
        let Event::Note(used) = event;
        match now {
            None => Ok(Moved::to(Self(used.clone()))),
            Some(_) => Err(Error::Conflict("what was done is done")),
        }
    }

    fn listed_under(&self) -> Vec<Id> {
        let used = &self.0;
        let member = used.enterprise.map(|enterprise| Self::of_member(enterprise, used.account));
        [used.account, used.certificate.list()].into_iter().chain(used.seal).chain(member).collect()
    }
}
