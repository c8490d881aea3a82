//! Things with states, and the one way in which they change.

use std::{fmt, fmt::Debug, str::FromStr};

use serde::{Deserialize, Serialize, de::DeserializeOwned};

use super::{
    Effect, Rules,
    ports::{EntityRow, FoundRow},
};
use crate::domain::Error;

/// The id of an entity: 16 bytes, half of them random at least, written as 32 hexadecimal digits.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Id([u8; 16]);

impl Id {
    /// From its bytes.
    #[must_use]
    pub const fn from_bytes(bytes: [u8; 16]) -> Self {
        Self(bytes)
    }

    /// Its bytes.
    #[must_use]
    pub const fn as_bytes(&self) -> &[u8; 16] {
        &self.0
    }
}

impl fmt::Display for Id {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&hex::encode(self.0))
    }
}

impl Debug for Id {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, formatter)
    }
}

impl FromStr for Id {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self, Error> {
        let bytes = hex::decode(text).ok().and_then(|bytes| bytes.try_into().ok());
        bytes.map(Self).ok_or(Error::BadRequest("an id has 32 hexadecimal digits"))
    }
}

impl TryFrom<String> for Id {
    type Error = Error;

    fn try_from(text: String) -> Result<Self, Error> {
        text.parse()
    }
}

impl From<Id> for String {
    fn from(id: Id) -> Self {
        id.to_string()
    }
}

/// A word that stands for a value wherever it is stored or shown.
pub trait Named: Copy + Eq + Debug + Send + Sync + 'static {
    /// All values.
    const ALL: &'static [Self];

    /// The word.
    fn as_str(self) -> &'static str;

    /// From its word.
    #[must_use]
    fn from_name(name: &str) -> Option<Self> {
        Self::ALL.iter().copied().find(|value| value.as_str() == name)
    }
}

/// Where an entity stands.
pub trait State: Named {
    /// Whether nothing happens to it any more.
    fn is_over(self) -> bool;
}

/// Defines the values of an enumeration with the words that stand for them; of states, `over` names the last ones.
macro_rules! states {
    ($(#[$meta:meta])* $name:ident { $($(#[$doc:meta])* $value:ident = $word:literal),+ $(,)? } $(over $($over:ident),*)?) => {
        $(#[$meta])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, serde::Serialize, serde::Deserialize)]
        pub enum $name { $($(#[$doc])* #[serde(rename = $word)] $value),+ }

        impl $crate::domain::office::Named for $name {
            const ALL: &'static [Self] = &[$(Self::$value),+];

            fn as_str(self) -> &'static str {
                match self { $(Self::$value => $word),+ }
            }
        }

        $(impl $crate::domain::office::State for $name {
            fn is_over(self) -> bool {
                [$(Self::$over),*].contains(&self)
            }
        })?
    };
}

pub(super) use states;

/// When something happens, to what, under which rules.
#[derive(Clone, Copy, Debug)]
pub struct Moment<'a> {
    /// The entity.
    pub id: Id,
    /// Unix milliseconds.
    pub now_ms: u64,
    /// The settings of this server.
    pub rules: &'a Rules,
}

/// An entity after an event, and what belongs to it.
#[derive(Clone, Debug)]
pub struct Moved<E> {
    /// As it is now.
    pub entity: E,
    /// What has to happen together with it.
    pub effects: Vec<Effect>,
}

impl<E> Moved<E> {
    /// With nothing that belongs to it.
    #[must_use]
    pub const fn to(entity: E) -> Self {
        Self { entity, effects: Vec::new() }
    }

    /// And this.
    #[must_use]
    pub fn with(mut self, effect: Effect) -> Self {
        self.effects.push(effect);
        self
    }
}

/// From which state, by which event, to which: `None` is before it was made.
pub type Moves<S> = &'static [(Option<S>, &'static str, S)];

/// One of them, in words.
pub type Move = (Option<&'static str>, &'static str, &'static str);

/// Something with states.
pub trait Entity: Clone + Debug + PartialEq + Serialize + DeserializeOwned + Send + Sync + 'static {
    /// What it is called.
    const KIND: &'static str;
    /// Where it stands.
    type State: State;
    /// What happens to it.
    type Event: Debug + Send + Sync;
    /// Every move that there is.
    const MOVES: Moves<Self::State>;

    /// Where it stands.
    fn state(&self) -> Self::State;

    /// What the event is called in [`Self::MOVES`] and in the log.
    fn event(event: &Self::Event) -> &'static str;

    /// Whether the log of operations says of the event.
    fn is_logged(_: &Self::Event) -> bool {
        true
    }

    /// The entity after an event, and what belongs to it: the one place that decides. `now` is `None` before it is made.
    ///
    /// # Errors
    /// [`Error`] when its state or a guard does not allow the event. Nothing changes then.
    fn transition(now: Option<&Self>, event: &Self::Event, moment: Moment<'_>) -> Result<Moved<Self>, Error>;

    /// What only one entity of its kind may be called at a time.
    fn names(&self) -> Vec<[u8; 32]> {
        Vec::new()
    }

    /// Under whom it is listed.
    fn listed_under(&self) -> Vec<Id> {
        Vec::new()
    }

    /// When time alone will move it, unix milliseconds.
    fn due_ms(&self) -> Option<u64> {
        None
    }

    /// What happens then.
    fn when_due() -> Option<Self::Event> {
        None
    }

    /// Every move, in words.
    #[must_use]
    fn moves() -> Vec<Move> {
        let words = |(from, event, to): &(Option<Self::State>, &'static str, Self::State)| {
            (from.map(Named::as_str), *event, to.as_str())
        };
        Self::MOVES.iter().map(words).collect()
    }
}

/// An entity as it is stored.
#[derive(Clone, Debug, PartialEq)]
pub struct Stored<E> {
    /// Its id.
    pub id: Id,
    /// When it was made, unix milliseconds.
    pub created_ms: u64,
    /// When it last changed, unix milliseconds.
    pub changed_ms: u64,
    /// Itself.
    pub entity: E,
}

impl<E: Entity> Stored<E> {
    /// Reads a row.
    ///
    /// # Errors
    /// [`Error::Internal`] when it is none of this kind.
    pub fn read(row: &FoundRow) -> Result<Self, Error> {
        let entity = serde_json::from_str(&row.body).map_err(|error| {
            tracing::error!(kind = E::KIND, id = %row.id, %error, "an entity cannot be read");
            Error::Internal
        })?;
        Ok(Self { id: row.id, created_ms: row.created_ms, changed_ms: row.changed_ms, entity })
    }
}

/// What an event makes of a row.
#[derive(Debug)]
pub struct Judged {
    /// As it is now.
    pub row: EntityRow,
    /// What the event is called; `None` when the log does not say of it.
    pub event: Option<&'static str>,
    /// Where the entity stood.
    pub from: Option<&'static str>,
    /// What has to happen together with it.
    pub effects: Vec<Effect>,
}

/// An entity after an event, and as a row.
///
/// # Errors
/// What the transition says; [`Error::Internal`] when the row cannot be read or written.
pub(in crate::domain) fn judge<E: Entity>(
    before: Option<&FoundRow>,
    event: &E::Event,
    moment: Moment<'_>,
) -> Result<(E, Judged), Error> {
    let now: Option<E> = before.map(|row| Stored::read(row).map(|stored| stored.entity)).transpose()?;
    let Moved { entity, effects } = E::transition(now.as_ref(), event, moment)?;
    let row = EntityRow {
        kind: E::KIND,
        id: moment.id,
        state: entity.state().as_str(),
        body: serde_json::to_string(&entity).map_err(|_| Error::Internal)?,
        created_ms: before.map_or(moment.now_ms, |row| row.created_ms),
        changed_ms: moment.now_ms,
        due_ms: entity.due_ms(),
        version: before.map_or(1, |row| row.version.saturating_add(1)),
        names: entity.names(),
        listed_under: entity.listed_under(),
    };
    let from = now.map(|entity| entity.state().as_str());
    Ok((entity, Judged { row, event: E::is_logged(event).then(|| E::event(event)), from, effects }))
}
