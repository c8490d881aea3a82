//! What is applied for at the office: a certificate, another one in the place of one, or its end. What is approved is installed
//! on the device of the applicant; that makes a [`super::holding::Holding`].

mod wish;

use cosign_core::{DeviceId, sm_primitives::sm3};
use serde::{Deserialize, Serialize};

use super::{
    Effect, Entity, Id, Moment, Moved, Moves,
    account::Authorised,
    attachment::Attachment,
    dispatch::{self, Job},
    entity::states,
    holding::{self, Acting, Holder, Holding, Platform},
    list_of,
    membership::Membership,
    message::Notice,
    order::{self, Cause, Order, OrderFlow, Wanted},
    personal::Personal,
    seal::{self, Seal},
};
use crate::domain::{
    Error,
    ca::{AuthorityId, Reason},
    device::Name,
};

pub use self::wish::{Business, Wish};

const DAY_MS: u64 = 86_400_000;
/// How often the form of one application is sent by e-mail.
const MAX_MAILS: u8 = 5;

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
        /// A reviewer refused it for good.
        Refused = "refused",
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
    /// The seal that it is for.
    pub seal: Option<Id>,
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
    /// How often it was sent by e-mail.
    mails: u8,
    /// Files that the platform demands.
    pub attachments: Vec<Id>,
    /// What to pay, in hundredths of a yuan.
    pub fee: u64,
    /// When that is paid, if it is something.
    flow: Option<OrderFlow>,
    /// What is bought with it, until that is ordered.
    purchase: Option<Wanted>,
    /// The order by which it is paid.
    pub order: Option<Id>,
    needs_attachments: bool,
    reviewers: u8,
    /// Until when the applicant can correct what was sent back, unix milliseconds.
    until_ms: Option<u64>,
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
    /// The form is sent by e-mail, to be printed and stamped.
    Mail(Personal),
    /// The applicant authorises it.
    Authorise(Authorised),
    /// The fee is paid.
    Pay,
    /// The applicant hands in what the platform demands.
    Attach(Vec<Attachment>),
    /// A reviewer decides.
    Decide(Opinion),
    /// A reviewer refuses it for good.
    Refuse(Opinion),
    /// The certificate is installed on this device.
    Install {
        /// Who does it, for whom.
        by: Acting,
        /// By which device.
        device: DeviceId,
        /// The certificate.
        gave: Id,
    },
    /// The authority has made it, on a medium.
    Record {
        /// What is kept of it.
        gave: Id,
    },
    /// The applicant does not want it any more.
    Withdraw,
    /// Nobody goes on with it: it was not paid or corrected in time, or its account is gone.
    Lapse,
    /// The account is erased.
    Erase,
}

impl Application {
    /// The one application under way for the same certificate.
    #[must_use]
    pub fn name_of(wish: &Wish) -> [u8; 32] {
        Self::named(wish.by.holder(), wish.seal.or(wish.holding), wish.platform.as_ref(), &wish.authority)
    }

    fn named(
        holder: Holder,
        about: Option<Id>,
        platform: Option<&Platform>,
        authority: &AuthorityId,
    ) -> [u8; 32] {
        let about = about.map_or_else(
            || Holding::name_of(holder, platform, authority),
            |about| sm3::digest(about.as_bytes()),
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
        use ApplicationState::{Closed, Erased, Refused, Withdrawn};
        !matches!(self.state, Closed | Refused | Withdrawn | Erased)
    }

    /// What comes after a stage: payment, files and reviews, with the payment first or last.
    fn after(self, stage: ApplicationState, moment: Moment<'_>) -> Result<Moved<Self>, Error> {
        use ApplicationState::{Approved, Attachments, Authorising, Review, Unpaid};
        let (is_first, is_last) =
            (self.flow == Some(OrderFlow::PayFirst), self.flow == Some(OrderFlow::ReviewFirst));
        let state = match stage {
            Unpaid if is_last => Approved,
            Authorising if is_first => Unpaid,
            Authorising | Unpaid if self.needs_attachments => Attachments,
            Authorising | Unpaid | Attachments if self.reviewers > 0 => Review,
            _ if is_last => Unpaid,
            _ => Approved,
        };
        let entity = Self { state, ..self };
        match state {
            Approved => entity.approved(moment),
            Unpaid if is_last => Ok(entity.with_order(order::Event::Approve)),
            _ => Ok(Moved::to(entity)),
        }
    }

    /// Something happens to the order with it.
    fn with_order(self, event: order::Event) -> Moved<Self> {
        let effect = self.order.map(|order| Effect::on::<Order>(order, event));
        Moved { entity: self, effects: effect.into_iter().collect() }
    }

    /// What is approved is told. The end of a certificate and a seal happen with it; other certificates are installed.
    fn approved(self, moment: Moment<'_>) -> Result<Moved<Self>, Error> {
        let account = self.account;
        let mut approved = if self.flow == Some(OrderFlow::PayFirst) {
            self.with_order(order::Event::Approve)
        } else {
            Moved::to(self)
        };
        let one = &mut approved.entity;
        let happens = match (one.business, one.holding, one.seal) {
            (Business::Revoke, Some(holding), _) => {
                let reason = one.reason.as_deref().and_then(Reason::from_name);
                let revoke = holding::Event::Revoke(reason.unwrap_or(Reason::Unspecified));
                Some(Effect::on::<Holding>(holding, revoke))
            }
            (Business::Seal | Business::SealChange, _, Some(seal)) => {
                Some(Effect::on::<Seal>(seal, seal::Event::Grant))
            }
            (Business::Revoke | Business::Seal | Business::SealChange, ..) => return Err(Error::Internal),
            _ => None,
        };
        if let Some(happens) = happens {
            one.state = ApplicationState::Closed;
            approved.effects.extend(one.clone().with_order(order::Event::HandOver).effects);
            return Ok(approved.with(happens));
        }
        Ok(approved
            .with(Effect::tell::<Self>(account, Notice::ApplicationApproved, moment.id))
            .with(Effect::Text(account, Notice::ApplicationApproved)))
    }

    /// It comes to nothing: its order and its seal do so with it.
    fn ended(&self, state: ApplicationState) -> Moved<Self> {
        let ended = Self { state, purchase: None, until_ms: None, ..self.clone() };
        let mut moved = ended.with_order(order::Event::Abandon);
        moved.effects.extend(self.seal.map(|seal| Effect::on::<Seal>(seal, seal::Event::Drop)));
        moved
    }

    /// The applicant authorises it, which orders what is bought with it.
    fn authorised(&self, by: &Authorised, moment: Moment<'_>) -> Result<Moved<Self>, Error> {
        if by.account() != self.account {
            return Err(Error::CodeInvalid);
        }
        let order = self.purchase.as_ref().map(|_| Cause::Application(moment.id).order());
        let ordered = Self { order, purchase: None, ..self.clone() };
        let mut moved = ordered.after(ApplicationState::Authorising, moment)?;
        if let (Some(order), Some(wanted)) = (order, &self.purchase) {
            moved.effects.insert(0, Effect::on::<Order>(order, order::Event::Order(wanted.clone())));
        }
        Ok(moved)
    }

    fn heard(&self, opinion: &Opinion) -> Result<Self, Error> {
        if self.opinions.iter().any(|before| before.reviewer == opinion.reviewer) {
            return Err(Error::Conflict("this reviewer has decided already; it takes another person"));
        }
        if !opinion.passed && opinion.words.is_none() {
            return Err(Error::BadRequest("a request is returned with an opinion"));
        }
        let mut next = self.clone();
        next.opinions.push(opinion.clone());
        Ok(next)
    }

    /// The form goes out, a few times at most.
    fn mailed(&self, to: &Personal, moment: Moment<'_>) -> Result<Moved<Self>, Error> {
        if self.mails >= MAX_MAILS {
            return Err(Error::Conflict("the form was sent often enough"));
        }
        let job = Job::MailForm { application: moment.id, to: to.clone() };
        let until_ms = moment.now_ms.saturating_add(DAY_MS);
        let mailed = Moved::to(Self { mails: self.mails.saturating_add(1), ..self.clone() });
        Ok(mailed.with(Effect::Dispatch(dispatch::Order { job, until_ms })))
    }

    fn told(self, notice: Notice, moment: Moment<'_>) -> Moved<Self> {
        let account = self.account;
        Moved::to(self)
            .with(Effect::tell::<Self>(account, notice, moment.id))
            .with(Effect::Text(account, notice))
    }

    fn decided(&self, opinion: &Opinion, moment: Moment<'_>) -> Result<Moved<Self>, Error> {
        let mut next = self.heard(opinion)?;
        if !opinion.passed {
            next.state = ApplicationState::Returned;
            let days_ms = moment.rules.correction_days.saturating_mul(DAY_MS);
            next.until_ms = Some(moment.now_ms.saturating_add(days_ms));
            return Ok(next.told(Notice::ApplicationReturned, moment));
        }
        if next.opinions.len() < usize::from(self.reviewers) {
            return Ok(Moved::to(next));
        }
        next.after(ApplicationState::Review, moment)
    }

    fn refused(&self, opinion: &Opinion, moment: Moment<'_>) -> Result<Moved<Self>, Error> {
        let opinion = Opinion { passed: false, ..opinion.clone() };
        let mut moved = self.heard(&opinion)?.ended(ApplicationState::Refused);
        moved.effects.extend(self.clone().told(Notice::ApplicationRefused, moment).effects);
        Ok(moved)
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
            Event::Mail(_) => "mail",
            Event::Authorise(_) => "authorise",
            Event::Pay => "pay",
            Event::Attach(_) => "attach",
            Event::Decide(_) => "decide",
            Event::Refuse(_) => "refuse",
            Event::Install { .. } => "install",
            Event::Record { .. } => "record",
            Event::Withdraw => "withdraw",
            Event::Lapse => "lapse",
            Event::Erase => "erase",
        }
    }

    fn transition(now: Option<&Self>, event: &Event, moment: Moment<'_>) -> Result<Moved<Self>, Error> {
        use ApplicationState::{
            Approved, Attachments, Authorising, Closed, Draft, Erased, Refused, Returned, Review, Unpaid,
            Withdrawn,
        };
        let Some(one) = now else {
            let Event::Draft(wish) = event else { return Err(Error::NotFound) };
            return wish::draft(wish, moment).map(Moved::to);
        };
        let moved = match (one.state, event) {
            (Draft, Event::Confirm { form: None }) if one.business == Business::Medium => {
                return Err(Error::BadRequest("this takes the form, stamped and scanned"));
            }
            (Draft | Returned, Event::Confirm { form }) => {
                let state = if one.state == Draft { Authorising } else { Review };
                let form = form.map(Attachment::id).or(one.form);
                Moved::to(Self { state, form, opinions: Vec::new(), until_ms: None, ..one.clone() })
            }
            (Draft | Returned, Event::Mail(to)) => one.mailed(to, moment)?,
            (Authorising, Event::Authorise(by)) => return one.authorised(by, moment),
            (Unpaid, Event::Pay) => return one.clone().after(Unpaid, moment),
            (Attachments | Returned, Event::Attach(files)) => {
                let attachments = files.iter().map(|file| file.id()).collect();
                let next = Self { attachments, ..one.clone() };
                if one.state == Returned { Moved::to(next) } else { return next.after(Attachments, moment) }
            }
            (Review, Event::Decide(opinion)) => return one.decided(opinion, moment),
            (Review, Event::Refuse(opinion)) => return one.refused(opinion, moment),
            (Approved, Event::Install { .. }) if one.business == Business::Medium => {
                return Err(Error::Conflict("the authority makes this one, on a medium"));
            }
            (Approved, Event::Record { gave }) if one.business == Business::Medium => {
                Self { state: Closed, gave: Some(*gave), ..one.clone() }.with_order(order::Event::HandOver)
            }
            (Approved, Event::Install { by, device, gave }) => {
                // Who authorised it has it, and no other one who manages the enterprise.
                if (by.account(), by.holder()) != (one.account, one.holder) {
                    return Err(Error::NotFound);
                }
                if one.opinions.iter().any(|opinion| opinion.reviewer == *device.as_bytes()) {
                    return Err(Error::Conflict("nobody reviews a request of their own"));
                }
                Self { state: Closed, gave: Some(*gave), ..one.clone() }.with_order(order::Event::HandOver)
            }
            // What was paid last and waits to be installed is in use already: that is for the applicant alone to give up.
            (Approved, Event::Lapse) => Moved::to(Self { state: Withdrawn, ..one.clone() }),
            (
                Draft | Authorising | Unpaid | Attachments | Review | Returned | Approved,
                Event::Withdraw | Event::Lapse,
            ) => one.ended(Withdrawn),
            (Closed | Refused | Withdrawn, Event::Lapse) => Moved::to(one.clone()),
            (Erased, _) => return Err(Error::NotFound),
            (_, Event::Erase) => Moved::to(Self {
                state: Erased,
                opinions: Vec::new(),
                form: None,
                attachments: Vec::new(),
                until_ms: None,
                ..one.clone()
            }),
            (Closed | Refused | Withdrawn, _) => return Err(Error::Conflict("the request is closed")),
            (_, Event::Decide(_) | Event::Refuse(_)) => {
                return Err(Error::Conflict("the request does not wait for a review"));
            }
            (_, Event::Install { .. } | Event::Record { .. }) => {
                return Err(Error::Conflict("the request is not approved"));
            }
            _ => return Err(Error::Conflict("the request does not stand there")),
        };
        Ok(moved)
    }

    fn names(&self) -> Vec<[u8; 32]> {
        if !self.is_open() {
            return Vec::new();
        }
        let about = self.seal.or(self.holding);
        vec![Self::named(self.holder, about, self.platform.as_ref(), &self.authority)]
    }

    fn listed_under(&self) -> Vec<Id> {
        let mut lists = vec![self.account];
        let Holder::Enterprise(enterprise) = self.holder else { return lists };
        lists.push(enterprise);
        if self.is_open() {
            lists.push(Self::under_way_for(self.holder));
            lists.push(Membership::rights_of(enterprise, self.account));
        }
        lists
    }

    fn due_ms(&self) -> Option<u64> {
        self.until_ms
    }

    fn when_due() -> Option<Event> {
        Some(Event::Lapse)
    }
}
