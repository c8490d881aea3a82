//! What was read on a picture of a document, for its owner to correct and confirm. It proves nothing: what the owner then says
//! counts.

use serde::{Deserialize, Serialize};

use super::{Entity, Id, Moment, Moved, Moves, Named as _, entity::states, list_of, personal::Personal};
use crate::domain::Error;

states! {
    /// Where a reading stands.
    ReadingState {
        /// It was read.
        Read = "read",
    }
    over Read
}

states! {
    /// What is on a picture.
    Side {
        /// The side of an identity card with the portrait.
        Portrait = "id-card-portrait",
        /// The side with the emblem.
        Emblem = "id-card-emblem",
        /// The licence of an enterprise.
        Licence = "licence",
    }
}

states! {
    /// What stands in a document.
    Field {
        /// The name of a person or an enterprise.
        Name = "name",
        /// The number of an identity card.
        Number = "number",
        /// `male` or `female`.
        Sex = "sex",
        /// The day of birth, as 8 digits.
        Birth = "birth",
        /// The ethnic group.
        Nation = "nation",
        /// The address.
        Address = "address",
        /// Who issued it.
        Issuer = "issuer",
        /// From which day on it is good, as 8 digits.
        ValidFrom = "valid-from",
        /// Until which day; `long-term` for one that stays good.
        ValidUntil = "valid-until",
        /// A unified social credit code.
        Uscc = "uscc",
        /// The legal representative.
        LegalName = "legal-name",
    }
}

impl Side {
    /// What is looked for there.
    #[must_use]
    pub const fn fields(self) -> &'static [Field] {
        match self {
            Self::Portrait => {
                &[Field::Name, Field::Number, Field::Sex, Field::Birth, Field::Nation, Field::Address]
            }
            Self::Emblem => &[Field::Issuer, Field::ValidFrom, Field::ValidUntil],
            Self::Licence => &[Field::Name, Field::Uscc, Field::LegalName, Field::ValidUntil],
        }
    }
}

/// What was read.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Reading {
    state: ReadingState,
    /// Whose account.
    pub owner: Id,
    /// What is on the picture.
    pub side: Side,
    /// The fields, JSON.
    pub fields: Personal,
    /// How sure it is, from 0 to 100.
    pub confidence: u8,
}

/// Something is read.
#[derive(Debug)]
pub struct Recognised {
    /// Whose account.
    pub owner: Id,
    /// What is on the picture.
    pub side: Side,
    /// The fields, JSON.
    pub fields: Personal,
    /// How sure it is, from 0 to 100.
    pub confidence: u8,
}

impl Reading {
    /// The id of what is read on a file: a picture is read once.
    #[must_use]
    pub fn id_of(file: Id, side: Side) -> Id {
        list_of("reading", &[file.as_bytes(), side.as_str().as_bytes()])
    }
}

impl Entity for Reading {
    const KIND: &'static str = "reading";
    type State = ReadingState;
    type Event = Recognised;
    const MOVES: Moves<ReadingState> = &[(None, "read", ReadingState::Read)];

    fn state(&self) -> ReadingState {
        self.state
    }

    fn event(_: &Recognised) -> &'static str {
        "read"
    }

    fn transition(now: Option<&Self>, event: &Recognised, _: Moment<'_>) -> Result<Moved<Self>, Error> {
        if now.is_some() {
            return Err(Error::Conflict("the picture was read"));
        }
        let Recognised { owner, side, fields, confidence } = event;
        let (owner, side, fields) = (*owner, *side, fields.clone());
        let confidence = (*confidence).min(100);
        Ok(Moved::to(Self { state: ReadingState::Read, owner, side, fields, confidence }))
    }

    fn listed_under(&self) -> Vec<Id> {
        vec![self.owner]
    }
}
