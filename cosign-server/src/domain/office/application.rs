//! What is applied for at the office: a certificate, another one in the place of one, or its end. What is approved is installed
//! on the device of the applicant; that makes a [`super::holding::Holding`].

mod wish;

use cosign_core::{DeviceId, sm_primitives::sm3};
use serde::{Deserialize, Serialize};

use super::{
    Effect, Entity, Id, Moment, Moved, Moves,
    account::Authorised,
    attachment::Attachment,
    entity::states,
    holding::{self, Acting, Holder, Holding, Platform},
    list_of,
    membership::Membership,
    message::Notice,
    personal::Personal,
};
use crate::domain::{
    Error,
    ca::{AuthorityId, Reason},
    device::Name,
};

pub use self::wish::{Business, Wish};

states! {
    /// Where an application stands.
    ApplicationState {
        /// The applicant looks at the form.
        Draft = "draft",
        /// The form is confirmed; a code to the phone of the applicant authorises it.
        Authorising = "authorising",
        /// A fee is to be paid.
        Unpaid = "unpaid",
        /// The platform demands files.
        Attachments = "attachments",
        /// Reviewers look at it.
        Review = "review",
        /// A reviewer sent it back.
        Returned = "returned",
        /// It may be installed.
        Approved = "approved",
        /// It was.
        Closed = "closed",
        /// The applicant does not want it any more.
        Withdrawn = "withdrawn",
        /// The account is gone, and what was personal with it.
        Erased = "erased",
    }
    over Erased
}

/// What a reviewer decided.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Opinion {
    /// The device of the reviewer.
    #[serde(with = "hex::serde")]
    pub reviewer: [u8; 32],
    /// What the reviewer is called.
    pub name: Name,
    /// Whether it passed.
    pub passed: bool,
    /// What the reviewer wrote.
    pub words: Option<Personal>,
    /// When, unix milliseconds.
    pub at_ms: u64,
}

/// An application.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Application {
    state: ApplicationState,
    /// Whose certificate it is.
    pub holder: Holder,
    /// The account of the applicant.
    pub account: Id,
    /// What for.
    pub business: Business,
    /// The certificate that it is about.
    pub holding: Option<Id>,
    /// For which platform; `None` for all.
    pub platform: Option<Platform>,
    /// At which authority.
    pub authority: AuthorityId,
    /// Years that the certificate is to be valid.
    pub years: u8,
    /// Whether a certificate for decryption is wanted too.
    pub dual: bool,
    /// Why a certificate is to be ended, as RFC 5280 calls it.
    pub reason: Option<String>,
    /// Version of the agreements that the applicant agreed to.
    pub agreement: String,
    /// The form as it was signed by hand or stamped.
    pub form: Option<Id>,
    /// Files that the platform demands.
    pub attachments: Vec<Id>,
    /// What to pay, in hundredths of a yuan.
    pub fee: u64,
    needs_attachments: bool,
    reviewers: u8,
    /// What reviewers decided since it was handed in last, in order.
    pub opinions: Vec<Opinion>,
    /// The certificate that it gave.
    pub gave: Option<Id>,
}

/// What happens to an application.
#[derive(Debug)]
pub enum Event {
    /// It is made.
    Draft(Box<Wish>),
    /// The applicant confirms the form, signed by hand or stamped if there is a file.
    Confirm {
        /// That file.
        form: Option<Attachment>,
    },
    /// The applicant authorises it.
    Authorise(Authorised),
    /// The fee is paid.
    Pay,
    /// The applicant hands in what the platform demands.
    Attach(Vec<Attachment>),
    /// A reviewer decides.
    Decide(Opinion),
    /// The certificate is installed on this device.
    Install {
        /// Who does it, for whom.
        by: Acting,
        /// By which device.
        device: DeviceId,
        /// The certificate.
        gave: Id,
    },
    /// The applicant does not want it any more.
    Withdraw,
    /// The account is erased.
    Erase,
}

impl Application {
    /// The one application under way for the same certificate.
    #[must_use]
    pub fn name_of(wish: &Wish) -> [u8; 32] {
        Self::named(wish.by.holder(), wish.holding, wish.platform.as_ref(), &wish.authority)
    }

    fn named(
        holder: Holder,
        holding: Option<Id>,
        platform: Option<&Platform>,
        authority: &AuthorityId,
    ) -> [u8; 32] {
        let about = holding.map_or_else(
            || Holding::name_of(holder, platform, authority),
            |holding| sm3::digest(holding.as_bytes()),
        );
        sm3::digest(&[&b"application"[..], &about].concat())
    }

    /// Under what those for a holder that are under way are listed.
    #[must_use]
    pub fn under_way_for(holder: Holder) -> Id {
        list_of("applications-under-way", &[holder.id().as_bytes()])
    }

    /// How many reviewers it takes.
    #[must_use]
    pub const fn reviewers(&self) -> u8 {
        self.reviewers
    }

    const fn is_open(&self) -> bool {
        use ApplicationState::{Closed, Erased, Withdrawn};
        !matches!(self.state, Closed | Withdrawn | Erased)
    }

    /// What comes after a stage: payment, then files, then reviews.
    fn after(self, stage: ApplicationState, moment: Moment<'_>) -> Result<Moved<Self>, Error> {
        use ApplicationState::{Approved, Attachments, Authorising, Review, Unpaid};
        let state = match stage {
            Authorising if self.fee > 0 => Unpaid,
            Authorising | Unpaid if self.needs_attachments => Attachments,
            Authorising | Unpaid | Attachments if self.reviewers > 0 => Review,
            _ => Approved,
        };
        let entity = Self { state, ..self };
        if state == Approved { entity.approved(moment) } else { Ok(Moved::to(entity)) }
    }

    /// What is approved is told; the end of a certificate happens with it.
    fn approved(self, moment: Moment<'_>) -> Result<Moved<Self>, Error> {
        let account = self.account;
        if self.business != Business::Revoke {
            let approved = Moved::to(self);
            return Ok(approved
                .with(Effect::tell::<Self>(account, Notice::ApplicationApproved, moment.id))
                .with(Effect::Text(account, Notice::ApplicationApproved)));
        }
        let reason = self.reason.as_deref().and_then(Reason::from_name).unwrap_or(Reason::Unspecified);
        let holding = self.holding.ok_or(Error::Internal)?;
        let closed = Self { state: ApplicationState::Closed, ..self };
        Ok(Moved::to(closed).with(Effect::on::<Holding>(holding, holding::Event::Revoke(reason))))
    }

    fn decided(&self, opinion: &Opinion, moment: Moment<'_>) -> Result<Moved<Self>, Error> {
        if self.opinions.iter().any(|before| before.reviewer == opinion.reviewer) {
            return Err(Error::Conflict("this reviewer has decided already; it takes another person"));
        }
        if !opinion.passed && opinion.words.is_none() {
            return Err(Error::BadRequest("a request is returned with an opinion"));
        }
        let mut next = self.clone();
        next.opinions.push(opinion.clone());
        if !opinion.passed {
            next.state = ApplicationState::Returned;
            return Ok(Moved::to(next)
                .with(Effect::tell::<Self>(self.account, Notice::ApplicationReturned, moment.id))
                .with(Effect::Text(self.account, Notice::ApplicationReturned)));
        }
        if next.opinions.len() < usize::from(self.reviewers) {
            return Ok(Moved::to(next));
        }
        next.after(ApplicationState::Review, moment)
    }
}

impl Entity for Application {
    const KIND: &'static str = "application";
    type State = ApplicationState;
    type Event = Event;
    const MOVES: Moves<ApplicationState> = &wish::MOVES;

    fn state(&self) -> ApplicationState {
        self.state
    }

    fn event(event: &Event) -> &'static str {
        match event {
            Event::Draft(_) => "draft",
            Event::Confirm { .. } => "confirm",
            Event::Authorise(_) => "authorise",
            Event::Pay => "pay",
            Event::Attach(_) => "attach",
            Event::Decide(_) => "decide",
            Event::Install { .. } => "install",
            Event::Withdraw => "withdraw",
            Event::Erase => "erase",
        }
    }

    fn transition(now: Option<&Self>, event: &Event, moment: Moment<'_>) -> Result<Moved<Self>, Error> {
        use ApplicationState::{
            Approved, Attachments, Authorising, Closed, Draft, Erased, Returned, Review, Unpaid, Withdrawn,
        };
        let Some(one) = now else {
            let Event::Draft(wish) = event else { return Err(Error::NotFound) };
            return wish::draft(wish, moment).map(Moved::to);
        };
        let to = |state| Moved::to(Self { state, ..one.clone() });
        let moved = match (one.state, event) {
            (Draft | Returned, Event::Confirm { form }) => {
                let state = if one.state == Draft { Authorising } else { Review };
                let form = form.map(Attachment::id).or(one.form);
                Moved::to(Self { state, form, opinions: Vec::new(), ..one.clone() })
            }
            (Authorising, Event::Authorise(authorised)) => {
                if authorised.account() != one.account {
                    return Err(Error::CodeInvalid);
                }
                return one.clone().after(Authorising, moment);
            }
            (Unpaid, Event::Pay) => return one.clone().after(Unpaid, moment),
            (Attachments | Returned, Event::Attach(files)) => {
                let attachments = files.iter().map(|file| file.id()).collect();
                let next = Self { attachments, ..one.clone() };
                if one.state == Returned { Moved::to(next) } else { return next.after(Attachments, moment) }
            }
            (Review, Event::Decide(opinion)) => return one.decided(opinion, moment),
            (Approved, Event::Install { by, device, gave }) => {
                // Who authorised it has it, and no other one who manages the enterprise.
                if (by.account(), by.holder()) != (one.account, one.holder) {
                    return Err(Error::NotFound);
                }
                if one.opinions.iter().any(|opinion| opinion.reviewer == *device.as_bytes()) {
                    return Err(Error::Conflict("nobody reviews a request of their own"));
                }
                Moved::to(Self { state: Closed, gave: Some(*gave), ..one.clone() })
            }
            (Draft | Authorising | Unpaid | Attachments | Review | Returned | Approved, Event::Withdraw) => {
                to(Withdrawn)
            }
            (Erased, _) => return Err(Error::NotFound),
            (_, Event::Erase) => Moved::to(Self {
                state: Erased,
                opinions: Vec::new(),
                form: None,
                attachments: Vec::new(),
                ..one.clone()
            }),
            (Closed | Withdrawn, _) => return Err(Error::Conflict("the request is closed")),
            (_, Event::Decide(_)) => return Err(Error::Conflict("the request does not wait for a review")),
            (_, Event::Install { .. }) => return Err(Error::Conflict("the request is not approved")),
            _ => return Err(Error::Conflict("the request does not stand there")),
        };
        Ok(moved)
    }

    fn names(&self) -> Vec<[u8; 32]> {
        if !self.is_open() {
            return Vec::new();
        }
        vec![Self::named(self.holder, self.holding, self.platform.as_ref(), &self.authority)]
    }

    fn listed_under(&self) -> Vec<Id> {
        let Holder::Enterprise(enterprise) = self.holder else { return vec![self.account] };
        let mut lists = vec![self.account, enterprise];
        if self.is_open() {
            lists.push(Self::under_way_for(self.holder));
            lists.push(Membership::rights_of(enterprise, self.account));
        }
        lists
    }
}
