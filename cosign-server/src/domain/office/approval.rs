//! What somebody asks for and others decide on, in one or several turns. What a decision brings about is said in one place
//! (`Ask::brings`); whatever is to be approved is one more [`Ask`].

mod ask;

use serde::{Deserialize, Serialize};

use self::ask::Ended;
pub use self::ask::{Ask, AskKind, JoinRight};
use super::{
    Effect, Entity, Id, Moment, Moved, Moves, Named as _,
    authority::Authority,
    entity::states,
    grant::{self, Grant},
    letter::Mark,
    list_of,
    message::Notice,
    order::{self, Order},
    personal::Personal,
    proof::CertificateName,
};
use crate::domain::Error;

/// Most turns.
const MAX_STAGES: usize = 8;

states! {
    /// Where an approval stands.
    ApprovalState {
        /// Somebody of the enterprise decides.
        Pending = "pending",
        /// An operator decides.
        Review = "review",
        /// Everybody has passed it.
        Passed = "passed",
        /// Somebody has returned it.
        Returned = "returned",
        /// It is not asked for any more, or what it was about is gone.
        Void = "void",
        /// The account of who asked is gone.
        Erased = "erased",
    }
    over Erased
}

states! {
    /// Who decides.
    Judge {
        /// An administrator of the enterprise, or its legal representative.
        Administrator = "administrator",
        /// The legal representative alone.
        Legal = "legal-representative",
        /// An operator. Two turns are two operators.
        Reviewer = "reviewer",
    }
}

states! {
    /// Why something is returned.
    Ground {
        /// Something is missing.
        Incomplete = "incomplete",
        /// Something is wrong.
        Wrong = "wrong",
        /// It is not wanted.
        Unwanted = "unwanted",
        /// Something else.
        Other = "other",
    }
}

/// A letter that was signed with a certificate of the enterprise.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Stamp {
    /// With which certificate.
    pub certificate: CertificateName,
    /// r || s over the letter, hexadecimal.
    pub signature: String,
    /// The letter; `None` once it was erased.
    pub letter: Option<Personal>,
}

/// What one of those who decide said.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Opinion {
    /// As what.
    pub judge: Judge,
    /// Who: an account, or an operator.
    pub by: Id,
    /// When, unix milliseconds.
    pub at_ms: u64,
    /// Why it was returned, if it was.
    pub ground: Option<Ground>,
    /// In words.
    pub words: Option<Personal>,
    /// The signature on the letter, if there is one.
    #[serde(default)]
    pub mark: Option<Mark>,
    /// The letter that was signed with it.
    #[serde(default)]
    pub stamp: Option<Stamp>,
}

/// Something that somebody asks for.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Approval {
    state: ApprovalState,
    /// Whose account asks.
    pub applicant: Id,
    /// Where: an enterprise, or what is to become one.
    pub place: Id,
    /// For what.
    pub ask: Ask,
    /// Why.
    pub reason: Option<Personal>,
    /// Who decides in turn.
    pub stages: Vec<Judge>,
    /// What they said.
    pub opinions: Vec<Opinion>,
    /// The keyed hash of the name of who asks.
    applicant_name: Hash,
    /// SM3 of what a link to it says, if there is one.
    link: Option<Hash>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Hash(#[serde(with = "hex::serde")] [u8; 32]);

/// What happens to an approval.
#[derive(Debug)]
pub enum Event {
    /// Somebody asks.
    Ask {
        /// Whose account.
        applicant: Id,
        /// The keyed hash of the name of that person.
        applicant_name: [u8; 32],
        /// Where.
        place: Id,
        /// For what.
        ask: Ask,
        /// Why.
        reason: Option<Personal>,
        /// Who decides in turn.
        stages: Vec<Judge>,
        /// Who is told.
        tell: Vec<Id>,
    },
    /// One of those who decide is for it.
    Pass {
        /// By what right.
        by: Authority,
        /// In words.
        words: Option<Personal>,
        /// The signature on the letter.
        mark: Option<Mark>,
        /// Which of the rights that are asked for with a membership are given; all of them, if it is not said.
        keep: Option<Vec<Id>>,
        /// The letter that was signed with it.
        stamp: Option<Stamp>,
    },
    /// One of those who decide is against it.
    Return {
        /// By what right.
        by: Authority,
        /// Why.
        ground: Ground,
        /// In words.
        words: Personal,
    },
    /// Who asked does not any more.
    Withdraw {
        /// Whose account.
        applicant: Id,
    },
    /// Who asked makes a link to it, to hand on.
    Share {
        /// Whose account.
        applicant: Id,
        /// SM3 of what it says.
        link: [u8; 32],
    },
    /// What it was about is gone.
    Void,
    /// The account of who asked is erased.
    Erase,
}

impl Approval {
    /// Under what those that wait in a place are listed.
    #[must_use]
    pub fn waiting(place: Id) -> Id {
        list_of("waiting", &[place.as_bytes()])
    }

    /// Under what those of one applicant that wait in a place are listed.
    #[must_use]
    pub fn waiting_of(place: Id, applicant: Id) -> Id {
        list_of("waiting-of", &[place.as_bytes(), applicant.as_bytes()])
    }

    /// Under what those of one applicant that wait anywhere are listed.
    #[must_use]
    pub fn waiting_for(applicant: Id) -> Id {
        list_of("waiting-for", &[applicant.as_bytes()])
    }

    /// Under what those of a place are listed, all or of one kind, whatever became of them or as they stand.
    #[must_use]
    pub fn list_in(place: Id, kind: Option<AskKind>, state: Option<ApprovalState>) -> Id {
        let kind = kind.map_or("", AskKind::as_str);
        // Whoever of those who decide is next, it waits.
        let state = match state {
            Some(ApprovalState::Review) => Some(ApprovalState::Pending),
            state => state,
        };
        let state = state.map_or("", ApprovalState::as_str);
        list_of("approvals", &[place.as_bytes(), kind.as_bytes(), b"/", state.as_bytes()])
    }

    /// Under what those of a place by applicants of one name are listed.
    #[must_use]
    pub fn list_by(place: Id, name: &[u8; 32]) -> Id {
        list_of("approvals-by", &[place.as_bytes(), name])
    }

    /// As what is decided next.
    #[must_use]
    pub fn next(&self) -> Option<Judge> {
        self.is_waiting().then(|| self.stages.get(self.opinions.len()).copied()).flatten()
    }

    fn is_waiting(&self) -> bool {
        matches!(self.state, ApprovalState::Pending | ApprovalState::Review)
    }

    fn standing(&self) -> ApprovalState {
        match self.stages.get(self.opinions.len()) {
            None => ApprovalState::Passed,
            Some(Judge::Reviewer) => ApprovalState::Review,
            Some(Judge::Administrator | Judge::Legal) => ApprovalState::Pending,
        }
    }

    /// With what somebody says who may.
    fn said(
        &self,
        by: Authority,
        (ground, words, mark): (Option<Ground>, Option<Personal>, Option<Mark>),
        stamp: Option<&Stamp>,
        moment: Moment<'_>,
    ) -> Result<Self, Error> {
        let judge = self.next().ok_or(Error::Conflict("it is decided already"))?;
        let is_right = match (judge, by) {
            (Judge::Administrator, Authority::Administers(_) | Authority::Represents(_))
            | (Judge::Legal, Authority::Represents(_))
            | (Judge::Reviewer, Authority::Reviews(_)) => by.reaches(self.place),
            _ => false,
        };
        if !is_right {
            return Err(Error::RoleMissing("somebody else decides on it now"));
        }
        if by.who() == self.applicant {
            return Err(Error::Conflict("nobody decides on their own request"));
        }
        if self.opinions.iter().any(|opinion| opinion.by == by.who()) {
            return Err(Error::Conflict("somebody else decides on it the second time"));
        }
        let mut next = self.clone();
        let (at_ms, stamp) = (moment.now_ms, stamp.cloned());
        next.opinions.push(Opinion { judge, by: by.who(), at_ms, ground, words, mark, stamp });
        Ok(next)
    }

    /// With those rights alone that who decides gives, and what becomes of the others.
    fn narrowed(mut self, keep: Option<&[Id]>, by: Authority) -> Result<Moved<Self>, Error> {
        let Some(keep) = keep else { return Ok(Moved::to(self)) };
        let Ask::Join { rights, .. } = &mut self.ask else {
            return Err(Error::BadRequest("only a request to join is narrowed"));
        };
        if matches!(by, Authority::Reviews(_))
            || !keep.iter().all(|id| rights.iter().any(|one| one.grant == *id))
        {
            return Err(Error::BadRequest("only a request to join is narrowed"));
        }
        let dropped = rights.extract_if(.., |one| !keep.contains(&one.grant));
        let effects = dropped.map(|one| Effect::on::<Grant>(one.grant, grant::Event::Refuse)).collect();
        Ok(Moved { entity: self, effects })
    }

    /// What else becomes of a request to join: what was asked for with it is given, or goes on to the legal representative.
    fn joined(&self, ended: Ended) -> Vec<Effect> {
        let Ask::Join { rights, order, .. } = &self.ask else { return Vec::new() };
        let refuse = |right: &JoinRight| Effect::on::<Grant>(right.grant, grant::Event::Refuse);
        if ended == Ended::Not {
            return rights.iter().map(refuse).collect();
        }
        let give = |right: &JoinRight| match right.by_legal {
            false => Effect::on::<Grant>(right.grant, grant::Event::Pass),
            true => Effect::make::<Self>(Event::Ask {
                applicant: self.applicant,
                applicant_name: self.applicant_name.0,
                place: self.place,
                ask: Ask::Certificate(right.grant),
                reason: self.reason.clone(),
                stages: vec![Judge::Legal],
                tell: Vec::new(),
            }),
        };
        let used = order.map(|order| Effect::on::<Order>(order, order::Event::HandOver));
        rights.iter().map(give).chain(used).collect()
    }

    /// As it ends in a state.
    fn ends(self, state: ApprovalState, moment: Moment<'_>) -> Moved<Self> {
        let (applicant, ask, place) = (self.applicant, self.ask.clone(), self.place);
        let (ended, notice) = match state {
            ApprovalState::Passed => (Ended::Passed, Some(Notice::ApprovalPassed)),
            ApprovalState::Returned => (Ended::Not, Some(Notice::ApprovalReturned)),
            _ => (Ended::Not, None),
        };
        let joined = self.joined(ended);
        let mut moved = Moved::to(Self { state, link: None, ..self });
        moved.effects.extend(ask.brings(place, ended));
        moved.effects.extend(joined);
        moved.effects.extend(notice.map(|notice| Effect::tell::<Self>(applicant, notice, moment.id)));
        moved
    }

    fn erased(&self) -> Self {
        let mut erased = Self {
            state: ApprovalState::Erased,
            reason: None,
            applicant_name: Hash([0; 32]),
            link: None,
            ..self.clone()
        };
        if let Ask::Represent { legal, .. } = &mut erased.ask {
            *legal = None;
        }
        for opinion in &mut erased.opinions {
            opinion.words = None;
            if let Some(stamp) = &mut opinion.stamp {
                stamp.letter = None;
            }
        }
        erased
    }
}

impl Entity for Approval {
    const KIND: &'static str = "approval";
    type State = ApprovalState;
    type Event = Event;
    const MOVES: Moves<ApprovalState> = &[
        (None, "ask", ApprovalState::Pending),
        (None, "ask", ApprovalState::Review),
        (Some(ApprovalState::Pending), "pass", ApprovalState::Pending),
        (Some(ApprovalState::Pending), "pass", ApprovalState::Review),
        (Some(ApprovalState::Pending), "pass", ApprovalState::Passed),
        (Some(ApprovalState::Review), "pass", ApprovalState::Review),
        (Some(ApprovalState::Review), "pass", ApprovalState::Passed),
        (Some(ApprovalState::Pending), "return", ApprovalState::Returned),
        (Some(ApprovalState::Review), "return", ApprovalState::Returned),
        (Some(ApprovalState::Pending), "withdraw", ApprovalState::Void),
        (Some(ApprovalState::Review), "withdraw", ApprovalState::Void),
        (Some(ApprovalState::Pending), "void", ApprovalState::Void),
        (Some(ApprovalState::Review), "void", ApprovalState::Void),
        (Some(ApprovalState::Pending), "share", ApprovalState::Pending),
        (Some(ApprovalState::Passed), "erase", ApprovalState::Erased),
        (Some(ApprovalState::Returned), "erase", ApprovalState::Erased),
        (Some(ApprovalState::Void), "erase", ApprovalState::Erased),
    ];

    fn state(&self) -> ApprovalState {
        self.state
    }

    fn event(event: &Event) -> &'static str {
        match event {
            Event::Ask { .. } => "ask",
            Event::Pass { .. } => "pass",
            Event::Return { .. } => "return",
            Event::Withdraw { .. } => "withdraw",
            Event::Share { .. } => "share",
            Event::Void => "void",
            Event::Erase => "erase",
        }
    }

    fn transition(now: Option<&Self>, event: &Event, moment: Moment<'_>) -> Result<Moved<Self>, Error> {
        use ApprovalState::{Passed, Pending, Returned, Review, Void};
        let Some(one) = now else {
            let Event::Ask { applicant, applicant_name, place, ask, reason, stages, tell } = event else {
                return Err(Error::NotFound);
            };
            let mut stages = stages.clone();
            // Those of the enterprise first.
            stages.sort_by_key(|judge| *judge == Judge::Reviewer);
            if stages.is_empty() || stages.len() > MAX_STAGES {
                return Err(Error::Internal);
            }
            let mut asked = Self {
                state: Pending,
                applicant: *applicant,
                place: *place,
                ask: ask.clone(),
                reason: reason.clone(),
                stages,
                opinions: Vec::new(),
                applicant_name: Hash(*applicant_name),
                link: None,
            };
            asked.state = asked.standing();
            let told = |to: &Id| Effect::tell::<Self>(*to, Notice::ApprovalAsked, moment.id);
            let effects = tell.iter().filter(|to| *to != applicant).map(told).collect();
            return Ok(Moved { entity: asked, effects });
        };
        match (one.state, event) {
            (Pending | Review, Event::Pass { by, words, mark, keep, stamp }) => {
                let next = one.said(*by, (None, words.clone(), mark.clone()), stamp.as_ref(), moment)?;
                let Moved { entity: next, mut effects } = next.narrowed(keep.as_deref(), *by)?;
                let moved = match next.standing() {
                    Passed => next.ends(Passed, moment),
                    state => Moved::to(Self { state, ..next }),
                };
                effects.extend(moved.effects);
                Ok(Moved { entity: moved.entity, effects })
            }
            (Pending | Review, Event::Return { by, ground, words }) => {
                let next = one.said(*by, (Some(*ground), Some(words.clone()), None), None, moment)?;
                Ok(next.ends(Returned, moment))
            }
            (Pending | Review, Event::Withdraw { applicant }) if one.applicant == *applicant => {
                Ok(one.clone().ends(Void, moment))
            }
            (Pending, Event::Share { applicant, link }) if one.applicant == *applicant => {
                Ok(Moved::to(Self { link: Some(Hash(*link)), ..one.clone() }))
            }
            (_, Event::Withdraw { .. } | Event::Share { .. }) if one.is_waiting() => Err(Error::NotFound),
            (Pending | Review, Event::Void) => Ok(one.clone().ends(Void, moment)),
            (Passed | Returned | Void, Event::Erase) => Ok(Moved::to(one.erased())),
            (Pending | Review, _) => Err(Error::Conflict("it is not decided yet")),
            _ => Err(Error::Conflict("it is decided already")),
        }
    }

    fn names(&self) -> Vec<[u8; 32]> {
        self.link.iter().map(|link| link.0).collect()
    }

    fn listed_under(&self) -> Vec<Id> {
        if self.state == ApprovalState::Erased {
            return Vec::new();
        }
        let (kind, state) = (Some(self.ask.kind()), Some(self.state));
        let mut lists = vec![self.applicant, Self::list_by(self.place, &self.applicant_name.0)];
        for kind in [None, kind] {
            lists.extend([None, state].map(|state| Self::list_in(self.place, kind, state)));
        }
        if self.is_waiting() {
            lists.push(Self::waiting(self.place));
            lists.push(Self::waiting_of(self.place, self.applicant));
            lists.push(Self::waiting_for(self.applicant));
        }
        lists
    }
}
