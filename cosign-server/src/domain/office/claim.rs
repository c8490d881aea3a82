//! Claims of enterprises: somebody says that an enterprise is theirs to administer, and shows it in one of several ways.

use serde::{Deserialize, Serialize};

use super::{
    Effect, Entity, Id, Moment, Moved, Moves,
    approval::{self, Approval, Ask, Judge},
    authority::Represents,
    code::{ProvenPhone, Purpose},
    enterprise::{self, Enterprise, Facts},
    entity::states,
    list_of,
    message::Notice,
    micropayment::ProvenAccount,
};
use crate::domain::Error;

/// Most pages of a letter.
pub const MAX_LETTER: usize = 8;

states! {
    /// Where a claim stands.
    ClaimState {
        /// It is being filled in, for the first time or because it was returned.
        Draft = "draft",
        /// Others decide on it.
        Review = "review",
        /// The enterprise is the claimant's.
        Accepted = "accepted",
        /// The claimant does not claim it any more.
        Withdrawn = "withdrawn",
        /// Another claim was first.
        Superseded = "superseded",
        /// The account is gone.
        Erased = "erased",
    }
    over Erased
}

states! {
    /// By what an enterprise is claimed.
    Way {
        /// A stamped letter, which operators look at.
        Letter = "letter",
        /// The legal representative's phone, and a letter.
        Phone = "phone",
        /// The legal representative signs.
        Legal = "legal",
        /// The account of the enterprise, whose statement the claimant reads.
        Account = "account",
    }
}

/// How many operators look at a claim after it was shown in a way.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct ClaimReviews {
    /// After a letter; at least one.
    pub letter: u8,
    /// After the code to the phone.
    pub phone: u8,
    /// After the signature of the legal representative.
    pub legal: u8,
    /// After the number in the statement of the account.
    pub account: u8,
}

impl Default for ClaimReviews {
    fn default() -> Self {
        Self { letter: 2, phone: 1, legal: 0, account: 0 }
    }
}

impl ClaimReviews {
    /// How many look at it. A letter alone is looked at in any case, and so is whatever the register did not confirm.
    #[must_use]
    pub fn of(self, way: Way, is_registered: bool) -> usize {
        let count = match way {
            Way::Letter => self.letter.max(1),
            Way::Phone => self.phone,
            Way::Legal => self.legal,
            Way::Account => self.account,
        };
        usize::from(count.min(4).max(u8::from(!is_registered)))
    }
}

/// What was filled in.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Form {
    /// What is said of the enterprise.
    pub facts: Facts,
    /// The letter, page by page.
    pub letter: Vec<Id>,
    /// A picture of the company's seal.
    pub seal: Option<Id>,
    /// A picture of the legal representative's signature.
    pub signature: Option<Id>,
    /// Whether the register of enterprises says the same.
    pub is_registered: bool,
}

impl Form {
    /// The files that were handed in with it.
    pub fn files(&self) -> impl Iterator<Item = Id> {
        [self.facts.licence]
            .into_iter()
            .chain(self.letter.iter().copied())
            .chain(self.seal)
            .chain(self.signature)
    }
}

/// A claim.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Claim {
    state: ClaimState,
    /// Whose account.
    pub claimant: Id,
    /// The keyed hash of the claimant's name.
    #[serde(with = "hex::serde")]
    name: [u8; 32],
    /// What was filled in; `None` once it was erased.
    pub form: Option<Form>,
    /// Which enterprise it is to be.
    pub enterprise: Id,
    /// By what it was shown, once it was.
    pub way: Option<Way>,
}

/// By what a claim is shown.
#[derive(Debug)]
pub enum Shown {
    /// By a letter alone.
    Letter,
    /// By a code to the legal representative's phone.
    Phone(ProvenPhone),
    /// The claimant is the legal representative and signs with a code.
    Signed(Represents, ProvenPhone),
    /// Somebody else is, who is asked to sign.
    Remote,
    /// By the number in the statement of the enterprise's account, and a letter.
    Account(ProvenAccount),
}

/// What happens to a claim.
#[derive(Debug)]
pub enum Event {
    /// It is made.
    Draft {
        /// Whose account.
        claimant: Id,
        /// The keyed hash of the claimant's name.
        name: [u8; 32],
        /// What was filled in.
        form: Form,
    },
    /// It is filled in anew.
    Fill(Form),
    /// It is shown, and handed in.
    Show(Shown),
    /// Those who decide are for it.
    Accept,
    /// They are not, or it is not to be decided.
    Return,
    /// The claimant gives it up.
    Withdraw,
    /// Another one was first.
    Supersede,
    /// The account is erased.
    Erase,
}

impl Claim {
    /// Under what the claims of one enterprise that are not over are listed.
    #[must_use]
    pub fn of_enterprise(enterprise: Id) -> Id {
        list_of("claims", &[enterprise.as_bytes()])
    }

    /// Under what the claims by which an enterprise was founded are listed.
    #[must_use]
    pub fn accepted_of(enterprise: Id) -> Id {
        list_of("accepted-claims", &[enterprise.as_bytes()])
    }

    fn way(shown: &Shown) -> Way {
        match shown {
            Shown::Letter => Way::Letter,
            Shown::Phone(_) => Way::Phone,
            Shown::Signed(..) | Shown::Remote => Way::Legal,
            Shown::Account(_) => Way::Account,
        }
    }

    /// Whether what is shown is what has to be.
    fn judge(&self, form: &Form, shown: &Shown, moment: Moment<'_>) -> Result<(), Error> {
        let legal = form.facts.legal.as_ref().ok_or(Error::Internal)?;
        let is_proven = match shown {
            Shown::Letter | Shown::Remote => true,
            Shown::Account(account) => account.is_for(moment.id, self.enterprise, &form.facts.name),
            Shown::Phone(phone) => phone.purpose == Purpose::Legal && phone.name == legal.phone_name,
            Shown::Signed(by, phone) => {
                phone.purpose == Purpose::Sign
                    && by.enterprise() == moment.id
                    && by.account() == self.claimant
            }
        };
        if !is_proven {
            return Err(Error::CodeInvalid);
        }
        if matches!(shown, Shown::Letter | Shown::Phone(_) | Shown::Account(_)) && form.letter.is_empty() {
            return Err(Error::BadRequest("this takes a letter with the enterprise's seal"));
        }
        Ok(())
    }

    fn shown(&self, form: &Form, shown: &Shown, moment: Moment<'_>) -> Result<Moved<Self>, Error> {
        self.judge(form, shown, moment)?;
        let way = Self::way(shown);
        if !moment.rules.claim_ways.contains(&way) {
            return Err(Error::NotOffered("an enterprise is not claimed in this way here"));
        }
        let reviews = moment.rules.claim_reviews.of(way, form.is_registered);
        let signs = matches!(shown, Shown::Remote).then_some(Judge::Legal);
        let stages: Vec<_> = signs.into_iter().chain((0..reviews).map(|_| Judge::Reviewer)).collect();
        let next = Self { state: ClaimState::Review, way: Some(way), ..self.clone() };
        if stages.is_empty() {
            return next.accepted(form, moment);
        }
        let ask = approval::Event::Ask {
            applicant: self.claimant,
            applicant_name: self.name,
            place: moment.id,
            ask: Ask::Claim(moment.id),
            reason: None,
            stages,
            tell: Vec::new(),
        };
        Ok(Moved::to(next).with(Effect::make::<Approval>(ask)))
    }

    fn accepted(self, form: &Form, moment: Moment<'_>) -> Result<Moved<Self>, Error> {
        let found = enterprise::Event::Found { facts: form.facts.clone(), founder: self.claimant };
        let (enterprise, others) = (self.enterprise, Self::of_enterprise(self.enterprise));
        Ok(Moved::to(Self { state: ClaimState::Accepted, ..self })
            .with(Effect::on::<Enterprise>(enterprise, found))
            .with(Effect::on_all::<Self>(others, Some(moment.id), Event::Supersede)))
    }
}

impl Entity for Claim {
    const KIND: &'static str = "claim";
    type State = ClaimState;
    type Event = Event;
    const MOVES: Moves<ClaimState> = &[
        (None, "draft", ClaimState::Draft),
        (Some(ClaimState::Draft), "fill", ClaimState::Draft),
        (Some(ClaimState::Draft), "show", ClaimState::Review),
        (Some(ClaimState::Draft), "show", ClaimState::Accepted),
        (Some(ClaimState::Review), "accept", ClaimState::Accepted),
        (Some(ClaimState::Review), "return", ClaimState::Draft),
        (Some(ClaimState::Superseded), "return", ClaimState::Superseded),
        (Some(ClaimState::Draft), "withdraw", ClaimState::Withdrawn),
        (Some(ClaimState::Draft), "supersede", ClaimState::Superseded),
        (Some(ClaimState::Review), "supersede", ClaimState::Superseded),
        (Some(ClaimState::Draft), "erase", ClaimState::Erased),
        (Some(ClaimState::Accepted), "erase", ClaimState::Erased),
        (Some(ClaimState::Withdrawn), "erase", ClaimState::Erased),
        (Some(ClaimState::Superseded), "erase", ClaimState::Erased),
    ];

    fn state(&self) -> ClaimState {
        self.state
    }

    fn event(event: &Event) -> &'static str {
        match event {
            Event::Draft { .. } => "draft",
            Event::Fill(_) => "fill",
            Event::Show(_) => "show",
            Event::Accept => "accept",
            Event::Return => "return",
            Event::Withdraw => "withdraw",
            Event::Supersede => "supersede",
            Event::Erase => "erase",
        }
    }

    fn transition(now: Option<&Self>, event: &Event, moment: Moment<'_>) -> Result<Moved<Self>, Error> {
        use ClaimState::{Accepted, Draft, Erased, Review, Superseded, Withdrawn};
        let Some(one) = now else {
            let Event::Draft { claimant, name, form } = event else { return Err(Error::NotFound) };
            return Ok(Moved::to(Self {
                state: Draft,
                claimant: *claimant,
                name: *name,
                enterprise: Enterprise::id_of(&form.facts.uscc),
                form: Some(form.clone()),
                way: None,
            }));
        };
        let form = one.form.as_ref().ok_or(Error::NotFound)?;
        let to = |state| Self { state, ..one.clone() };
        match (one.state, event) {
            (Draft, Event::Fill(form)) => {
                let enterprise = Enterprise::id_of(&form.facts.uscc);
                Ok(Moved::to(Self { form: Some(form.clone()), enterprise, ..one.clone() }))
            }
            (Draft, Event::Show(shown)) => one.shown(form, shown, moment),
            (Review, Event::Accept) => one.clone().accepted(form, moment),
            (Review, Event::Return) => Ok(Moved::to(Self { way: None, ..to(Draft) })),
            (Superseded, Event::Return) => Ok(Moved::to(one.clone())),
            (Draft, Event::Withdraw) => Ok(Moved::to(to(Withdrawn))),
            (Draft | Review, Event::Supersede) => Ok(Moved::to(to(Superseded))
                .with(Effect::on_all::<Approval>(Approval::waiting(moment.id), None, approval::Event::Void))
                .with(Effect::tell::<Self>(one.claimant, Notice::ClaimSuperseded, moment.id))),
            // What waits for a decision is void when the account is cancelled, before it is erased.
            (Draft | Accepted | Withdrawn | Superseded, Event::Erase) => {
                Ok(Moved::to(Self { form: None, name: [0; 32], ..to(Erased) }))
            }
            (Review, _) => Err(Error::Conflict("others decide on the claim")),
            (Draft, _) => Err(Error::Conflict("the claim is not handed in")),
            _ => Err(Error::Conflict("the claim is over")),
        }
    }

    fn listed_under(&self) -> Vec<Id> {
        match self.state {
            ClaimState::Draft | ClaimState::Review => {
                vec![self.claimant, Self::of_enterprise(self.enterprise)]
            }
            ClaimState::Accepted => vec![self.claimant, Self::accepted_of(self.enterprise)],
            ClaimState::Erased => Vec::new(),
            _ => vec![self.claimant],
        }
    }
}
