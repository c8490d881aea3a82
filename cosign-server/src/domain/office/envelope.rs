//! Which certificate encrypted a tender file: only it opens the file.

use serde::{Deserialize, Serialize};

use super::{
    Entity, Id, Moment, Moved, Moves, entity::states, list_of, proof::CertificateName, scan::Section,
};
use crate::domain::Error;

states! {
    /// Where an encrypted file stands.
    EnvelopeState {
        /// Nobody has opened it.
        Sealed = "sealed",
        /// It was opened for the platform.
        Opened = "opened",
    }
    over Opened
}

/// What was encrypted for one section of one user. The newest is what counts.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Envelope {
    state: EnvelopeState,
    list: Id,
    /// With which certificate.
    pub certificate: CertificateName,
    /// Before when it is not opened, unix milliseconds.
    pub opens_ms: Option<u64>,
}

/// What happens to it.
#[derive(Debug)]
pub enum Event {
    /// It is encrypted.
    Seal {
        /// For which platform.
        client: Id,
        /// By whom.
        account: Id,
        /// For which section.
        section: Section,
        /// With which certificate.
        certificate: CertificateName,
        /// Before when it is not opened, unix milliseconds.
        opens_ms: Option<u64>,
    },
    /// It was opened.
    Open,
}

impl Envelope {
    /// Under whom what a user encrypted for a section is listed.
    #[must_use]
    pub fn list(client: Id, account: Id, section: &Section) -> Id {
        let Section { project, section } = section;
        list_of("envelope", &[client.as_bytes(), account.as_bytes(), project.as_bytes(), section.as_bytes()])
    }
}

impl Entity for Envelope {
    const KIND: &'static str = "envelope";
    type State = EnvelopeState;
    type Event = Event;
    const MOVES: Moves<EnvelopeState> = &[
        (None, "seal", EnvelopeState::Sealed),
        (Some(EnvelopeState::Sealed), "open", EnvelopeState::Opened),
    ];

    fn state(&self) -> EnvelopeState {
        self.state
    }

    fn event(event: &Event) -> &'static str {
        match event {
            Event::Seal { .. } => "seal",
            Event::Open => "open",
        }
    }

    fn transition(now: Option<&Self>, event: &Event, _: Moment<'_>) -> Result<Moved<Self>, Error> {
        match (now, event) {
            (None, Event::Seal { client, account, section, certificate, opens_ms }) => Ok(Moved::to(Self {
                state: EnvelopeState::Sealed,
                list: Self::list(*client, *account, section),
                certificate: certificate.clone(),
                opens_ms: *opens_ms,
            })),
            (Some(envelope), Event::Open) if envelope.state == EnvelopeState::Sealed => {
                Ok(Moved::to(Self { state: EnvelopeState::Opened, ..envelope.clone() }))
            }
            _ => Err(Error::Conflict("the file was opened")),
        }
    }

    fn listed_under(&self) -> Vec<Id> {
        vec![self.list]
    }
}
