//! Users whom a trading platform knows: their account there is tied to their account here.

use serde::{Deserialize, Serialize};

use super::{
    Effect, Entity, Id, Moment, Moved, Moves, Named as _, entity::states, list_of, proof::CertificateName,
    scan::System,
};
use crate::domain::Error;
use cosign_core::sm_primitives::sm3;

states! {
    /// Where the tie stands.
    BindingState {
        /// The user logs in to the platform by scanning, and gets its tasks.
        Bound = "bound",
        /// The platform or the user ended it, or the account is gone.
        Ended = "ended",
    }
    over Ended
}

/// A tie.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Binding {
    state: BindingState,
    /// To which system.
    pub system: System,
    /// Of whom.
    pub account: Id,
    /// With which certificate it was made.
    pub certificate: CertificateName,
}

/// What happens to it.
#[derive(Debug)]
pub enum Event {
    /// It is made.
    Bind {
        /// To which system.
        system: System,
        /// Of whom.
        account: Id,
        /// With which certificate.
        certificate: CertificateName,
    },
    /// It ends.
    End,
}

impl Binding {
    /// What only one that holds is called.
    #[must_use]
    pub fn name(client: Id, account: Id) -> [u8; 32] {
        let list = list_of("binding", &[client.as_bytes(), account.as_bytes()]);
        sm3::digest(list.as_bytes())
    }
}

impl Entity for Binding {
    const KIND: &'static str = "binding";
    type State = BindingState;
    type Event = Event;
    const MOVES: Moves<BindingState> =
        &[(None, "bind", BindingState::Bound), (Some(BindingState::Bound), "end", BindingState::Ended)];

    fn state(&self) -> BindingState {
        self.state
    }

    fn event(event: &Event) -> &'static str {
        match event {
            Event::Bind { .. } => "bind",
            Event::End => "end",
        }
    }

    fn transition(now: Option<&Self>, event: &Event, moment: Moment<'_>) -> Result<Moved<Self>, Error> {
        let binding = match (now, event) {
            (None, Event::Bind { system, account, certificate }) => Self {
                state: BindingState::Bound,
                system: system.clone(),
                account: *account,
                certificate: certificate.clone(),
            },
            (Some(binding), Event::End) if binding.state == BindingState::Bound => {
                Self { state: BindingState::Ended, ..binding.clone() }
            }
            _ => return Err(Error::Conflict("the user is not bound to the platform")),
        };
        let data = serde_json::json!({
            "binding_id": moment.id,
            "account_id": binding.account,
            "state": binding.state.as_str(),
        });
        let told = Effect::Inform(binding.system.client, "binding.changed", data);
        Ok(Moved::to(binding).with(told))
    }

    fn names(&self) -> Vec<[u8; 32]> {
        let name = || Self::name(self.system.client, self.account);
        if self.state == BindingState::Bound { vec![name()] } else { Vec::new() }
    }

    fn listed_under(&self) -> Vec<Id> {
        vec![self.system.client, self.account]
    }
}
