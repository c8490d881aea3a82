//! Seals: a picture that is bound to a certificate. What the seal maker signs of that is made when it is first asked for, and
//! anew after every change.

mod kind;
mod moves;

use serde::{Deserialize, Serialize};

use super::{
    Effect, Entity, Id, Moment, Moved, Moves,
    authority::Belongs,
    entity::states,
    grant::{self, Grant},
    holding::Holder,
    membership::Membership,
    message::Notice,
    personal::Personal,
};
use crate::domain::Error;

pub use self::kind::{Bearer, InkColour, SealKind};

const WITH_APPLICATION: Error = Error::Conflict("the seal is applied for; decide on that");

states! {
    /// Where a seal stands.
    SealState {
        /// It is applied for.
        Applied = "applied",
        /// The seal maker looks at the picture.
        Review = "review",
        /// The seal maker sent it back.
        Returned = "returned",
        /// It is good together with its certificate.
        Valid = "valid",
        /// The same, while the seal maker looks at another picture for it.
        Replacing = "replacing",
        /// Its certificate has ended.
        Expired = "expired",
        /// Ended for good.
        Cancelled = "cancelled",
        /// Its owner removed it; nobody ever sealed with it.
        Deleted = "deleted",
        /// The account is gone, and what was personal with it.
        Erased = "erased",
    }
    over Erased
}

states! {
    /// What a picture was made of.
    Source {
        /// Drawn from words.
        Template = "template",
        /// Drawn by hand on a screen.
        Handwriting = "handwriting",
        /// A photo or a scan of a real seal.
        Photo = "photo",
    }
}

impl Source {
    /// Whether the seal maker looks at it before it is used.
    #[must_use]
    pub const fn is_reviewed(self) -> bool {
        matches!(self, Self::Photo)
    }
}

/// A picture for a seal. Only the service that kept it makes one.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Face {
    /// The file, PNG.
    pub(in crate::domain) picture: Id,
    /// What it was made of.
    pub(in crate::domain) source: Source,
    /// Sides in tenths of a millimetre.
    pub(in crate::domain) size: (u32, u32),
}

impl Face {
    /// The file, PNG.
    #[must_use]
    pub const fn picture(&self) -> Id {
        self.picture
    }

    /// What it was made of.
    #[must_use]
    pub const fn source(&self) -> Source {
        self.source
    }

    /// Sides in tenths of a millimetre.
    #[must_use]
    pub const fn size(&self) -> (u32, u32) {
        self.size
    }
}

/// A seal that is to be made.
#[derive(Clone, Debug)]
pub struct Order {
    pub(in crate::domain) bearer: Bearer,
    pub(in crate::domain) kind: SealKind,
    pub(in crate::domain) name: Personal,
    pub(in crate::domain) face: Face,
    pub(in crate::domain) manager: Option<Belongs>,
    /// Whether it is applied for, and good once that is approved.
    pub(in crate::domain) is_applied_for: bool,
}

/// A picture that is to take the place of that of a seal, and why.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Replacement {
    /// The picture.
    pub face: Face,
    /// What the owner wrote.
    pub reason: Personal,
    /// Whether it is applied for: then it is the application that is decided on.
    pub is_applied_for: bool,
}

/// A seal.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Seal {
    state: SealState,
    /// Whose.
    pub holder: Holder,
    /// The account that had it made.
    pub account: Id,
    /// The certificate that it is good with.
    pub holding: Id,
    /// What kind.
    pub kind: SealKind,
    /// What it is called; `None` once it was erased.
    pub name: Option<Personal>,
    /// Its picture.
    pub face: Face,
    /// Grows with every other picture or certificate.
    pub version: u32,
    /// What the seal maker signed of this version, if anybody asked for it.
    pub data: Option<Id>,
    /// The account that looks after it.
    pub manager: Option<Id>,
    /// What is to take its place.
    pub next: Option<Replacement>,
    /// What the seal maker wrote.
    pub opinion: Option<Personal>,
    /// Whether anybody sealed with it.
    pub is_used: bool,
}

/// What happens to a seal.
#[derive(Debug)]
pub enum Event {
    /// It is made.
    Make(Box<Order>),
    /// The seal maker takes the picture, or a cleaner one of it.
    Pass {
        /// That one.
        face: Option<Face>,
        /// What the seal maker wrote.
        words: Option<Personal>,
    },
    /// The seal maker sends it back.
    Return(Personal),
    /// What was applied for is approved.
    Grant,
    /// It comes to nothing.
    Drop,
    /// The owner hands in another picture for what was returned.
    Correct(Face),
    /// The owner wants another picture.
    Replace(Replacement),
    /// The seal maker signed it.
    Signed {
        /// The file.
        data: Id,
        /// Of which version.
        version: u32,
    },
    /// Somebody seals with it.
    Use,
    /// Another member of the enterprise looks after it.
    Appoint(Belongs),
    /// Whoever looked after it is no member any more.
    Leave,
    /// Its owner ends it.
    Cancel,
    /// Its owner removes it.
    Delete,
    /// Its certificate is revoked.
    End,
    /// Its certificate has expired.
    Lapse,
    /// Another certificate took the place of its own.
    Rebind {
        /// Which.
        to: Id,
    },
    /// The account is erased.
    Erase,
}

impl Seal {
    /// Whether it may be used now, as far as the seal goes.
    ///
    /// # Errors
    /// [`Error::Conflict`].
    pub const fn is_good(&self) -> Result<(), Error> {
        if matches!(self.state, SealState::Valid | SealState::Replacing) {
            return Ok(());
        }
        Err(Error::Conflict("the seal is not in force"))
    }

    /// The picture that the seal maker is to look at.
    #[must_use]
    pub fn waiting(&self) -> &Face {
        self.next.as_ref().map_or(&self.face, |next| &next.face)
    }

    /// With another picture, or certificate.
    fn anew(&self, face: Face, holding: Id) -> Self {
        let version = self.version.saturating_add(1);
        Self { face, holding, version, data: None, ..self.clone() }
    }

    fn told(&self, entity: Self, notice: Notice, moment: Moment<'_>) -> Moved<Self> {
        Moved::to(entity).with(Effect::tell::<Self>(self.account, notice, moment.id))
    }

    fn replaced(&self, by: &Replacement) -> Self {
        if by.is_applied_for || by.face.source.is_reviewed() {
            return Self { state: SealState::Replacing, next: Some(by.clone()), ..self.clone() };
        }
        self.anew(by.face.clone(), self.holding)
    }

    fn passed(&self, face: Option<&Face>, words: Option<&Personal>, moment: Moment<'_>) -> Moved<Self> {
        let face = face.or(self.next.as_ref().map(|next| &next.face)).unwrap_or(&self.face);
        let passed = Self {
            state: SealState::Valid,
            next: None,
            opinion: words.cloned(),
            ..self.anew(face.clone(), self.holding)
        };
        self.told(passed, Notice::SealPassed, moment)
    }

    fn returned(&self, words: &Personal, moment: Moment<'_>) -> Moved<Self> {
        let state = if self.state == SealState::Replacing { SealState::Valid } else { SealState::Returned };
        let returned = Self { state, next: None, opinion: Some(words.clone()), ..self.clone() };
        self.told(returned, Notice::SealReturned, moment)
    }

    fn waits_for_application(&self) -> bool {
        self.next.as_ref().is_some_and(|next| next.is_applied_for)
    }

    fn cancelled(&self, moment: Moment<'_>) -> Moved<Self> {
        let cancelled = Self { state: SealState::Cancelled, next: None, ..self.clone() };
        self.told(cancelled, Notice::SealCancelled, moment).with(lost(moment))
    }
}

impl Entity for Seal {
    const KIND: &'static str = "seal";
    type State = SealState;
    type Event = Event;
    const MOVES: Moves<SealState> = &moves::MOVES;

    fn state(&self) -> SealState {
        self.state
    }

    fn event(event: &Event) -> &'static str {
        match event {
            Event::Make(_) => "make",
            Event::Pass { .. } => "pass",
            Event::Return(_) => "return",
            Event::Grant => "grant",
            Event::Drop => "drop",
            Event::Correct(_) => "correct",
            Event::Replace(_) => "replace",
            Event::Signed { .. } => "signed",
            Event::Use => "use",
            Event::Appoint(_) => "appoint",
            Event::Leave => "leave",
            Event::Cancel => "cancel",
            Event::Delete => "delete",
            Event::End => "end",
            Event::Lapse => "lapse",
            Event::Rebind { .. } => "rebind",
            Event::Erase => "erase",
        }
    }

    fn transition(now: Option<&Self>, event: &Event, moment: Moment<'_>) -> Result<Moved<Self>, Error> {
        use SealState::{Applied, Cancelled, Deleted, Erased, Expired, Replacing, Returned, Review, Valid};
        let Some(one) = now else {
            let Event::Make(order) = event else { return Err(Error::NotFound) };
            return Ok(Moved::to(kind::make(order)?));
        };
        let moved = match (one.state, event) {
            (Erased, _) => return Err(Error::NotFound),
            (_, Event::Erase) => Moved::to(Self {
                state: Erased,
                name: None,
                next: None,
                opinion: None,
                data: None,
                ..one.clone()
            }),
            (Applied, Event::Grant) => {
                one.told(Self { state: Valid, ..one.clone() }, Notice::SealPassed, moment)
            }
            (Applied, Event::Drop) => Moved::to(Self { state: Deleted, ..one.clone() }),
            (Replacing, Event::Grant) if one.waits_for_application() => one.passed(None, None, moment),
            (Replacing, Event::Drop) if one.waits_for_application() => {
                Moved::to(Self { state: Valid, next: None, ..one.clone() })
            }
            // Its certificate ended meanwhile, or its owner ended it.
            (Valid | Replacing | Expired | Cancelled | Deleted, Event::Grant | Event::Drop) => {
                Moved::to(one.clone())
            }
            (Applied, Event::Pass { .. } | Event::Return(_)) => return Err(WITH_APPLICATION),
            (Replacing, Event::Pass { .. } | Event::Return(_)) if one.waits_for_application() => {
                return Err(WITH_APPLICATION);
            }
            (Review | Replacing, Event::Pass { face, words }) => {
                one.passed(face.as_ref(), words.as_ref(), moment)
            }
            (Review | Replacing, Event::Return(words)) => one.returned(words, moment),
            (Returned, Event::Correct(face)) => {
                let state = if face.source.is_reviewed() { Review } else { Valid };
                Moved::to(Self { state, ..one.anew(face.clone(), one.holding) })
            }
            (Valid, Event::Replace(by)) => Moved::to(one.replaced(by)),
            (Valid | Replacing, Event::Signed { data, version }) if *version == one.version => {
                Moved::to(Self { data: Some(*data), ..one.clone() })
            }
            (Valid | Replacing, Event::Use) => Moved::to(Self { is_used: true, ..one.clone() }),
            (Valid | Replacing, Event::Appoint(manager)) => {
                if Holder::Enterprise(manager.enterprise()) != one.holder {
                    return Err(Error::NotFound);
                }
                Moved::to(Self { manager: Some(manager.account()), ..one.clone() })
            }
            (_, Event::Leave) => Moved::to(Self { manager: None, ..one.clone() }),
            (Valid | Replacing, Event::Cancel) => one.cancelled(moment),
            (Review | Returned | Valid | Replacing | Expired, Event::Delete) => {
                if one.is_used {
                    return Err(Error::Conflict("somebody sealed with it; cancel it"));
                }
                Moved::to(Self { state: Deleted, next: None, ..one.clone() }).with(lost(moment))
            }
            // What happens to the certificate happens to all of its seals, wherever they stand.
            (Cancelled | Deleted, Event::End | Event::Lapse | Event::Rebind { .. }) => Moved::to(one.clone()),
            (_, Event::End) => one.cancelled(moment),
            (Valid | Replacing, Event::Lapse) => {
                Moved::to(Self { state: Expired, next: None, ..one.clone() })
            }
            (Applied | Review | Returned | Expired, Event::Lapse) => Moved::to(one.clone()),
            (state, Event::Rebind { to }) => {
                let state = if state == Expired { Valid } else { state };
                Moved::to(Self { state, ..one.anew(one.face.clone(), *to) })
            }
            (Cancelled | Deleted, _) => return Err(Error::Conflict("the seal is cancelled")),
            (_, Event::Pass { .. } | Event::Return(_)) => {
                return Err(Error::Conflict("the seal does not wait for a review"));
            }
            _ => return Err(Error::Conflict("the seal is not in force")),
        };
        Ok(moved)
    }

    fn listed_under(&self) -> Vec<Id> {
        let mut lists = vec![self.holder.id(), self.holding];
        if let (Holder::Enterprise(enterprise), Some(manager)) = (self.holder, self.manager) {
            lists.push(Membership::rights_of(enterprise, manager));
        }
        lists
    }
}

/// Nobody may use any more what is gone.
fn lost(moment: Moment<'_>) -> Effect {
    Effect::on_all::<Grant>(Grant::of_thing(moment.id), None, grant::Event::Lose)
}
