//! Users whom a trading platform knows: their account there is tied to their account here.

use serde::{Deserialize, Serialize};

use super::{
    Effect, Entity, Id, Moment, Moved, Moves, Named as _, entity::states, list_of, message::Notice,
    proof::CertificateName, scan::System,
};
use crate::domain::Error;
use cosign_core::sm_primitives::sm3;

states! {
    /// Where the tie stands.
    BindingState {
        /// The user has registered, and the platform looks at it.
        Requested = "requested",
        /// The user logs in to the platform by scanning, and gets its tasks.
        Bound = "bound",
        /// The platform does not take the user.
        Refused = "refused",
        /// The platform or the user ended it, or the account is gone.
        Ended = "ended",
    }
    over Refused, Ended
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
    /// Somebody registers, and the platform looks at it.
    Ask {
        /// To which system.
        system: System,
        /// Of whom.
        account: Id,
        /// With which certificate.
        certificate: CertificateName,
    },
    /// The platform takes the user.
    Pass,
    /// It does not.
    Refuse,
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
    const MOVES: Moves<BindingState> = &[
        (None, "bind", BindingState::Bound),
        (None, "ask", BindingState::Requested),
        (Some(BindingState::Requested), "pass", BindingState::Bound),
        (Some(BindingState::Requested), "refuse", BindingState::Refused),
        (Some(BindingState::Requested), "end", BindingState::Ended),
        (Some(BindingState::Bound), "end", BindingState::Ended),
    ];

    fn state(&self) -> BindingState {
        self.state
    }

    fn event(event: &Event) -> &'static str {
        match event {
            Event::Bind { .. } => "bind",
            Event::Ask { .. } => "ask",
            Event::Pass => "pass",
            Event::Refuse => "refuse",
            Event::End => "end",
        }
    }

    fn transition(now: Option<&Self>, event: &Event, moment: Moment<'_>) -> Result<Moved<Self>, Error> {
        use BindingState::{Bound, Ended, Refused, Requested};
        let new = |state, system: &System, account: &Id, certificate: &CertificateName| {
            let (system, certificate) = (system.clone(), certificate.clone());
            Self { state, system, account: *account, certificate }
        };
        let to = |binding: &Self, state| Self { state, ..binding.clone() };
        let (binding, notice) = match (now, now.map(|binding| binding.state), event) {
            (None, _, Event::Bind { system, account, certificate }) => {
                (new(Bound, system, account, certificate), None)
            }
            (None, _, Event::Ask { system, account, certificate }) => {
                (new(Requested, system, account, certificate), None)
            }
            (Some(binding), Some(Requested), Event::Pass) => {
                (to(binding, Bound), Some(Notice::RegistrationPassed))
            }
            (Some(binding), Some(Requested), Event::Refuse) => {
                (to(binding, Refused), Some(Notice::RegistrationRefused))
            }
            (Some(binding), Some(Requested | Bound), Event::End) => (to(binding, Ended), None),
            (Some(_), Some(Bound), Event::Pass | Event::Refuse) => {
                return Err(Error::Conflict("the platform has decided on the user"));
            }
            _ => return Err(Error::Conflict("the user is not bound to the platform")),
        };
        let data = serde_json::json!({
            "binding_id": moment.id,
            "account_id": binding.account,
            "state": binding.state.as_str(),
        });
        let told = Effect::Inform(binding.system.client, "binding.changed", data);
        let tell = notice.map(|notice| Effect::tell::<Self>(binding.account, notice, moment.id));
        let mut moved = Moved::to(binding).with(told);
        moved.effects.extend(tell);
        Ok(moved)
    }

    fn names(&self) -> Vec<[u8; 32]> {
        let name = || Self::name(self.system.client, self.account);
        // Who has registered does not do it a second time.
        let is_open = matches!(self.state, BindingState::Requested | BindingState::Bound);
        if is_open { vec![name()] } else { Vec::new() }
    }

    fn listed_under(&self) -> Vec<Id> {
        vec![self.system.client, self.account]
    }
}
