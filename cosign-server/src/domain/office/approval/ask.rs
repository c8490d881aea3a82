//! What can be asked for, and what its end brings about.

use serde::{Deserialize, Serialize};

use super::super::{
    Effect, Id,
    claim::{self, Claim},
    enterprise::{self, Alteration, Enterprise, Legal},
    entity::states,
    grant::{self, Grant},
    membership::{self, Membership},
};
use crate::domain::device::Name;

states! {
    /// What kind of thing is asked for.
    AskKind {
        /// To become a member.
        Join = "join",
        /// To leave.
        Leave = "leave",
        /// That another member administers the enterprise.
        Transfer = "transfer",
        /// An enterprise.
        Claim = "claim",
        /// The use of an enterprise's certificate.
        Certificate = "certificate",
        /// The use of a seal.
        Seal = "seal",
        /// Another name of an enterprise.
        Rename = "rename",
        /// Another legal representative of an enterprise.
        Represent = "represent",
        /// A cancelled enterprise.
        Appeal = "appeal",
    }
}

/// What is asked for.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Ask {
    /// To become a member.
    Join {
        /// The membership.
        membership: Id,
        /// What the new member wants to use of the enterprise.
        rights: Vec<JoinRight>,
        /// The paid order with which it is asked for without an administrator.
        order: Option<Id>,
    },
    /// To leave.
    Leave(Id),
    /// That another member administers the enterprise.
    Transfer {
        /// Whose account did.
        from: Id,
        /// Whose account will.
        to: Id,
    },
    /// An enterprise.
    Claim(Id),
    /// The use of an enterprise's certificate.
    Certificate(Id),
    /// The use of a seal.
    Seal(Id),
    /// Another name of an enterprise.
    Rename {
        /// Which.
        name: Name,
        /// The new licence.
        licence: Id,
        /// The letter.
        letter: Id,
    },
    /// Another legal representative of an enterprise.
    Represent {
        /// Who; `None` once it was erased.
        legal: Option<Box<Legal>>,
        /// The new licence.
        licence: Id,
        /// The letter.
        letter: Id,
    },
    /// A cancelled enterprise.
    Appeal {
        /// Whose account will administer it.
        founder: Id,
        /// The licence.
        licence: Id,
        /// The letter.
        letter: Id,
    },
}

/// Something that is asked for together with a membership.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct JoinRight {
    /// The grant.
    pub grant: Id,
    /// Whether the legal representative decides on it, once the person is a member.
    pub by_legal: bool,
}

/// How it ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Ended {
    /// Passed.
    Passed,
    /// Returned, withdrawn or void.
    Not,
}

impl Ask {
    /// What kind of thing.
    #[must_use]
    pub const fn kind(&self) -> AskKind {
        match self {
            Self::Join { .. } => AskKind::Join,
            Self::Leave(_) => AskKind::Leave,
            Self::Transfer { .. } => AskKind::Transfer,
            Self::Claim(_) => AskKind::Claim,
            Self::Certificate(_) => AskKind::Certificate,
            Self::Seal(_) => AskKind::Seal,
            Self::Rename { .. } => AskKind::Rename,
            Self::Represent { .. } => AskKind::Represent,
            Self::Appeal { .. } => AskKind::Appeal,
        }
    }

    /// Whether one of them waits while the other does: who wants something else withdraws it first.
    #[must_use]
    pub fn is_like(&self, other: &Self) -> bool {
        match (self, other) {
            // A member may ask for the use of several certificates and seals.
            (Self::Certificate(one), Self::Certificate(two)) | (Self::Seal(one), Self::Seal(two)) => {
                one == two
            }
            _ => self.kind() == other.kind(),
        }
    }

    /// The files that those who decide look at. Those of a claim stand in the claim.
    #[must_use]
    pub fn files(&self) -> Vec<Id> {
        match self {
            Self::Rename { licence, letter, .. }
            | Self::Represent { licence, letter, .. }
            | Self::Appeal { licence, letter, .. } => vec![*licence, *letter],
            _ => Vec::new(),
        }
    }

    /// What the end of it brings about, once.
    pub(super) fn brings(self, place: Id, ended: Ended) -> Option<Effect> {
        let alter = |to, licence| Effect::on::<Enterprise>(place, enterprise::Event::Alter { to, licence });
        match (self, ended) {
            (Self::Join { membership, .. }, Ended::Passed) => {
                Some(Effect::on::<Membership>(membership, membership::Event::Admit))
            }
            (Self::Join { membership, .. }, Ended::Not) => {
                Some(Effect::on::<Membership>(membership, membership::Event::Decline))
            }
            (Self::Leave(id), Ended::Passed) => Some(Effect::on::<Membership>(id, membership::Event::Leave)),
            (Self::Transfer { from, to }, Ended::Passed) => {
                Some(Effect::on::<Enterprise>(place, enterprise::Event::HandOver { from, to }))
            }
            (Self::Claim(id), Ended::Passed) => Some(Effect::on::<Claim>(id, claim::Event::Accept)),
            (Self::Claim(id), Ended::Not) => Some(Effect::on::<Claim>(id, claim::Event::Return)),
            (Self::Certificate(id) | Self::Seal(id), Ended::Passed) => {
                Some(Effect::on::<Grant>(id, grant::Event::Pass))
            }
            (Self::Certificate(id) | Self::Seal(id), Ended::Not) => {
                Some(Effect::on::<Grant>(id, grant::Event::Refuse))
            }
            (Self::Rename { name, licence, .. }, Ended::Passed) => {
                Some(alter(Alteration::Name(name), licence))
            }
            (Self::Represent { legal, licence, .. }, Ended::Passed) => {
                legal.map(|legal| alter(Alteration::Legal(*legal), licence))
            }
            (Self::Appeal { founder, licence, .. }, Ended::Passed) => {
                let restore = enterprise::Event::Restore { licence, founder };
                Some(Effect::on::<Enterprise>(place, restore))
            }
            (Self::Rename { .. } | Self::Represent { .. } | Self::Appeal { .. }, Ended::Not) => None,
            (Self::Leave(_) | Self::Transfer { .. }, Ended::Not) => None,
        }
    }
}
