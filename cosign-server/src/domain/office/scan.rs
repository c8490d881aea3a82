//! What a trading platform asks of whoever scans its code: to log in, to seal, to sign, to encrypt, to open.
//!
//! The code holds a random token that is good once. Who scans it sees who asks and for what, chooses a certificate, and
//! confirms with a signature over what was agreed to ([`Scan::agreement`]). The platform is told of every step.

pub mod mutual;
pub mod qr;
mod terms;
mod uses;

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

pub use self::{
    terms::{Form, Item, MAX_ITEMS, MAX_TEXT, Plea, Section, Stop, System, Terms},
    uses::Used,
};
use super::{
    Effect, Entity, Id, Moment, Moved, Moves, Named as _,
    document::{self, Document},
    entity::states,
    envelope::{self, Envelope},
    person::VerifiedPerson,
    proof::{Hash, Signed, UsableCertificate},
    seal::{self, Seal},
    session::OwnDevice,
    task::{self, Task},
};
use crate::domain::Error;

states! {
    /// Where what was asked stands.
    ScanState {
        /// The code waits to be scanned.
        Created = "created",
        /// A phone has it, and its user looks at it.
        Scanned = "scanned",
        /// The user chose a certificate.
        Chosen = "identity-chosen",
        /// The user confirmed; the platform prepares what is to be signed.
        Confirmed = "confirmed",
        /// The platform hands in digests, the phone signs them.
        Running = "running",
        /// It is done.
        Succeeded = "succeeded",
        /// The user refused.
        Refused = "refused",
        /// Nobody went on in time.
        Expired = "expired",
        /// The phone or the platform went away.
        Aborted = "aborted",
        /// It did not work.
        Failed = "failed",
    }
    over Succeeded, Refused, Expired, Aborted, Failed
}

/// A scan.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Scan {
    state: ScanState,
    /// Who asks.
    pub system: System,
    /// For what.
    pub plea: Plea,
    /// Under which terms.
    pub terms: Terms,
    /// Names this to the platform, and makes what is signed one of a kind.
    pub nonce: String,
    token: Hash,
    number: Option<Hash>,
    /// Who scanned it.
    pub account: Option<Id>,
    device: Option<OwnDevice>,
    /// For which enterprise.
    #[serde(default)]
    pub enterprise: Option<Id>,
    /// With which certificate, and since when.
    pub chosen: Option<(UsableCertificate, u64)>,
    /// What is to be signed or opened, and what came of it.
    pub items: Vec<Item>,
    /// The signature over what was agreed to.
    pub consent: Option<String>,
    /// Whether the user gave the verified data of theirs to the platform.
    pub shares: bool,
    /// Why it did not work.
    pub stop: Option<Stop>,
    due_ms: u64,
    ends_ms: u64,
}

/// What happens to a scan.
#[derive(Debug)]
pub enum Event {
    /// A platform asks.
    Create(Box<New>),
    /// A phone scans the code.
    Scan {
        /// Of whom.
        person: VerifiedPerson,
        /// With which device.
        device: OwnDevice,
        /// Keyed hash of the number that the page shows, as the user entered it.
        number: Option<Hash>,
    },
    /// The user chooses a certificate.
    Choose {
        /// Which.
        certificate: UsableCertificate,
        /// For which enterprise, to which the user belongs.
        enterprise: Option<Id>,
        /// What is signed of each message with it.
        digests: Vec<Option<Hash>>,
        /// The certificate that encrypted what is to be opened, as it was noted then.
        envelope: Option<(Id, Envelope)>,
    },
    /// The user confirms, and signs all that is there to be signed.
    Confirm {
        /// The signatures: of the agreement, then of the items.
        signed: Signed,
        /// What was opened, hexadecimal.
        opened: Vec<String>,
        /// Whether their verified data goes to the platform.
        shares: bool,
    },
    /// The platform hands in what is to be signed.
    Add(Vec<Item>),
    /// The phone signs it.
    Sign(Signed),
    /// The platform has all.
    Finish,
    /// The phone is still there.
    Beat,
    /// The user goes where the code leads.
    Take,
    /// The user refuses.
    Refuse,
    /// The phone or the platform goes away.
    Abort,
    /// The phone or the platform cannot do it.
    Fail(Stop),
    /// Time goes by.
    Lapse,
}

/// What a platform asks.
#[derive(Clone, Debug)]
pub struct New {
    /// Who asks.
    pub system: System,
    /// For what.
    pub plea: Plea,
    /// Under which terms.
    pub terms: Terms,
    /// Names it.
    pub nonce: String,
    /// Keyed hash of the token.
    pub token: Hash,
    /// Keyed hash of the number that the page shows.
    pub number: Option<Hash>,
    /// What is to be signed or opened, as far as it is known.
    pub items: Vec<Item>,
}

impl Scan {
    /// Whether this user scanned it with this device.
    #[must_use]
    pub fn is_of(&self, account: Id, device: OwnDevice) -> bool {
        self.account == Some(account) && self.device == Some(device)
    }

    /// Which device scanned it.
    #[must_use]
    pub const fn device(&self) -> Option<OwnDevice> {
        self.device
    }

    /// When it ends unless somebody goes on.
    #[must_use]
    pub fn goes_on_until_ms(&self) -> u64 {
        self.due_ms.min(self.ends_ms)
    }

    /// The message that the user agrees with by signing it: the word, then kind, nonce, system code, session id, time and
    /// the digest of what was opened, each with its length in front.
    #[must_use]
    pub fn agreement(&self, id: Id, opened: &[String]) -> Vec<u8> {
        let time = self.chosen.as_ref().map_or(0, |(_, at_ms)| *at_ms);
        terms::agreement(&[
            self.plea.as_str().as_bytes(),
            self.nonce.as_bytes(),
            self.system.code.as_bytes(),
            id.as_bytes(),
            &time.to_be_bytes(),
            &terms::digest_of(opened),
        ])
    }

    /// The digests that the phone has to sign now, in order.
    ///
    /// # Errors
    /// [`Error::Internal`] when the certified key is none.
    pub fn to_sign(&self, id: Id, opened: &[String]) -> Result<Vec<Hash>, Error> {
        let Some((certificate, _)) = &self.chosen else { return Ok(Vec::new()) };
        let agreement = match self.state {
            ScanState::Chosen => Some(certificate.digest(&self.agreement(id, opened))?),
            ScanState::Confirmed | ScanState::Running => None,
            _ => return Ok(Vec::new()),
        };
        Ok(agreement.into_iter().chain(self.items.iter().filter_map(Item::unsigned)).collect())
    }

    /// Whether it is said of everything that is still to be signed with which seal, or will be.
    #[must_use]
    pub fn names_seals_later(&self) -> bool {
        let is_named = |item: &Item| item.unsigned().is_none() || item.sealing.is_some();
        self.plea == Plea::Seal && self.terms.seal.is_none() && self.items.iter().all(is_named)
    }

    /// Whether the platform still has something to hand in.
    const fn is_prepared_later(&self) -> bool {
        match self.plea {
            Plea::Seal | Plea::GenerateFile => true,
            Plea::SignHash | Plea::RemoveSeal => self.items.is_empty(),
            _ => false,
        }
    }

    /// What was in the envelopes, as far as they were opened.
    #[must_use]
    pub fn opened(&self) -> Vec<String> {
        let envelopes = self.items.iter().filter(|item| item.form == Form::Envelope);
        envelopes.filter_map(|item| item.result.clone()).collect()
    }

    /// Whether the user gave their verified data to the platform.
    #[must_use]
    pub fn gives_data(&self) -> bool {
        self.shares && self.state == ScanState::Succeeded
    }

    fn take_signatures(&mut self, signatures: &[String]) {
        let waiting = self.items.iter_mut().filter(|item| item.unsigned().is_some());
        for (item, signature) in waiting.zip(signatures) {
            item.result = Some(signature.clone());
        }
    }

    fn at(&self, state: ScanState, due_ms: u64) -> Self {
        Self { state, due_ms, ..self.clone() }
    }

    /// Nothing is kept that nobody needs any more.
    fn over(&self, state: ScanState, stop: Option<Stop>) -> Self {
        let items = self.items.iter().cloned().map(|item| Item { content: None, ..item }).collect();
        let items = if state == ScanState::Succeeded { items } else { Vec::new() };
        Self { state, stop, items, ..self.clone() }
    }

    fn succeed(&self) -> Moved<Self> {
        let mut moved = Moved::to(self.over(ScanState::Succeeded, None));
        if let (Some(account), Some((certificate, _))) = (self.account, &self.chosen)
            && let (Plea::Encrypt | Plea::GenerateFile, Some(section)) = (self.plea, &self.terms.section)
        {
            let (client, section) = (self.system.client, section.clone());
            let (certificate, opens_ms) = (certificate.name.clone(), self.terms.opens_ms);
            let event = envelope::Event::Seal { client, account, section, certificate, opens_ms };
            moved = moved.with(Effect::make::<Envelope>(event));
        }
        moved
    }

    fn told(&self, id: Id) -> Effect {
        let certificate = self.chosen.as_ref().map(|(certificate, _)| &certificate.name);
        let data = json!({
            "scan_id": id,
            "kind": self.plea.as_str(),
            "nonce": self.nonce,
            "state": self.state.as_str(),
            "reason": self.stop.map(Stop::as_str),
            "certificate": certificate.filter(|_| self.consent.is_some()),
            "results": self.results(),
        });
        Effect::Inform(self.system.client, "scan.changed", data)
    }

    /// What came of the items: nothing leaves before it was verified, or unless it ended well.
    #[must_use]
    pub fn results(&self) -> Vec<Value> {
        let runs = matches!(self.state, ScanState::Running | ScanState::Succeeded);
        let items = self.items.iter().filter(|_| runs);
        items.map(|item| json!({ "name": item.name, "result": item.result })).collect()
    }
}

impl Entity for Scan {
    const KIND: &'static str = "scan";
    type State = ScanState;
    type Event = Event;
    const MOVES: Moves<ScanState> = terms::MOVES;

    fn state(&self) -> ScanState {
        self.state
    }

    fn event(event: &Event) -> &'static str {
        match event {
            Event::Create(_) => "create",
            Event::Scan { .. } => "scan",
            Event::Choose { .. } => "choose",
            Event::Confirm { .. } => "confirm",
            Event::Add(_) => "add",
            Event::Sign(_) => "sign",
            Event::Finish => "finish",
            Event::Beat => "beat",
            Event::Take => "take",
            Event::Refuse => "refuse",
            Event::Abort => "abort",
            Event::Fail(_) => "fail",
            Event::Lapse => "lapse",
        }
    }

    fn is_logged(event: &Event) -> bool {
        !matches!(event, Event::Beat)
    }

    fn transition(now: Option<&Self>, event: &Event, moment: Moment<'_>) -> Result<Moved<Self>, Error> {
        let moved = match (now, event) {
            (None, Event::Create(new)) => {
                let hold = |document| Effect::on::<Document>(document, document::Event::Hold(moment.id));
                let effects = new.terms.document.map(hold).into_iter().collect();
                return Ok(Moved { entity: terms::created(new, moment)?, effects });
            }
            (None, _) => return Err(Error::NotFound),
            (Some(scan), event) => {
                let mut moved = scan.after(event, moment)?;
                moved.effects.extend(moved.entity.follows(scan, moment.id));
                moved
            }
        };
        if matches!(event, Event::Beat) {
            return Ok(moved);
        }
        let told = moved.entity.told(moment.id);
        let callback = moved.entity.mutual_callback(moment.id).filter(|_| moved.entity.terms.mutual);
        let client = moved.entity.system.client;
        let callback = callback.map(|callback| Effect::Inform(client, mutual::EVENT, callback));
        let mut moved = moved.with(told);
        moved.effects.extend(callback);
        Ok(moved)
    }

    fn names(&self) -> Vec<[u8; 32]> {
        if self.state == ScanState::Created { vec![self.token.0] } else { Vec::new() }
    }

    fn listed_under(&self) -> Vec<Id> {
        [Some(self.system.client), self.account].into_iter().flatten().collect()
    }

    fn due_ms(&self) -> Option<u64> {
        use super::State as _;
        (!self.state.is_over()).then(|| self.goes_on_until_ms())
    }

    fn when_due() -> Option<Event> {
        Some(Event::Lapse)
    }
}

impl Scan {
    fn after(&self, event: &Event, moment: Moment<'_>) -> Result<Moved<Self>, Error> {
        use ScanState::{Aborted, Chosen, Confirmed, Created, Expired, Failed, Refused, Running, Scanned};
        let Moment { id, now_ms, rules } = moment;
        let step_ms = now_ms.saturating_add(rules.scan_step_s.saturating_mul(1000));
        let link_ms = now_ms.saturating_add(rules.scan_link_s.saturating_mul(1000));
        let is_late = now_ms >= self.goes_on_until_ms();
        let moved = match (self.state, event) {
            (Created | Scanned | Chosen, Event::Lapse) if is_late => Moved::to(self.over(Expired, None)),
            (Confirmed | Running, Event::Lapse) if is_late => {
                Moved::to(self.over(Aborted, Some(Stop::LinkLost)))
            }
            (Created | Scanned | Chosen | Confirmed | Running, _) if is_late => {
                return Err(Error::Conflict("the time of the code is over"));
            }
            (Created, Event::Scan { person, device, number }) => {
                if self.number.is_some() && *number != self.number {
                    // Whoever holds a code that was passed on does not see the page.
                    return Ok(Moved::to(self.over(Failed, Some(Stop::WrongNumber))));
                }
                let ends_ms = now_ms.saturating_add(rules.scan_longest_min.saturating_mul(60_000));
                let (account, device) = (Some(person.account()), Some(*device));
                Moved::to(Self { account, device, ends_ms, ..self.at(Scanned, step_ms) })
            }
            (Scanned | Chosen, Event::Choose { certificate, enterprise, digests, envelope }) => {
                self.plea.wants_certificate()?;
                self.terms.allow(self.plea, certificate, envelope.as_ref().map(|(_, e)| e), now_ms)?;
                let items = self.items.iter().cloned().zip(digests);
                let items = items.map(|(item, digest)| Item { digest: digest.or(item.digest), ..item });
                let items = items.collect();
                let chosen = Some((certificate.clone(), now_ms));
                let enterprise = *enterprise;
                Moved::to(Self { chosen, enterprise, items, ..self.at(Chosen, step_ms) })
            }
            (Chosen, Event::Confirm { signed, opened, shares }) => {
                return self.confirmed(moment, signed, opened, *shares);
            }
            (Confirmed | Running, Event::Add(items)) => {
                // Where a document is named, nothing else is sealed.
                let is_other = |item: &Item| item.is_of_document() != self.terms.document.is_some();
                let is_unasked = !self.is_prepared_later() && self.state == Confirmed;
                if is_unasked || items.is_empty() || items.iter().any(is_other) {
                    return Err(Error::Conflict("there is nothing to hand in"));
                }
                if self.items.len().saturating_add(items.len()) > MAX_ITEMS {
                    return Err(Error::BadRequest("there are at most 64 items"));
                }
                let items = self.items.iter().chain(items).cloned().collect();
                Moved::to(Self { items, ..self.at(Running, link_ms) })
            }
            (Running, Event::Sign(signed)) => {
                let mut scan = self.at(Running, link_ms);
                let (certificate, _) = self.chosen.as_ref().ok_or(Error::Internal)?;
                scan.take_signatures(signed.of(&certificate.name, &self.to_sign(id, &[])?)?);
                let seals = self.items.iter().filter(|item| item.unsigned().is_some());
                let named = self.terms.seal.filter(|_| self.plea == Plea::Seal);
                let seals =
                    seals.filter_map(|item| item.sealing.as_ref().map(|sealing| sealing.seal).or(named));
                let used = seals.map(|seal| Effect::on::<Seal>(seal, seal::Event::Use)).collect();
                Moved { entity: scan, effects: used }
            }
            (Running, Event::Finish) if self.items.iter().all(|item| item.result.is_some()) => self.succeed(),
            (Confirmed | Running, Event::Finish) => {
                return Err(Error::Conflict("not everything is signed"));
            }
            (Confirmed | Running, Event::Beat) => Moved::to(self.at(self.state, link_ms)),
            (Scanned, Event::Take) if self.plea.wants_certificate().is_err() => {
                let moved = self.succeed();
                match (self.terms.task, self.account) {
                    (Some(task), Some(account)) => {
                        moved.with(Effect::on::<Task>(task, task::Event::Open { account, phone: None }))
                    }
                    _ => moved,
                }
            }
            (Scanned | Chosen, Event::Refuse) => Moved::to(self.over(Refused, None)),
            (Created | Scanned | Chosen | Confirmed | Running, Event::Abort) => {
                Moved::to(self.over(Aborted, None))
            }
            // Before it is confirmed, too: what was asked to be opened may not open.
            (Chosen | Confirmed | Running, Event::Fail(stop)) => Moved::to(self.over(Failed, Some(*stop))),
            _ => return Err(Error::Conflict("the code was scanned, or it is over")),
        };
        Ok(moved)
    }

    fn confirmed(
        &self,
        moment: Moment<'_>,
        signed: &Signed,
        opened: &[String],
        shares: bool,
    ) -> Result<Moved<Self>, Error> {
        let Moment { id, now_ms, rules } = moment;
        let (certificate, _) = self.chosen.as_ref().ok_or(Error::Internal)?;
        let signatures = signed.of(&certificate.name, &self.to_sign(id, opened)?)?;
        let (consent, rest) = signatures.split_first().ok_or(Error::Internal)?;
        let due_ms = now_ms.saturating_add(rules.scan_link_s.saturating_mul(1000));
        let mut scan = self.at(ScanState::Confirmed, due_ms);
        (scan.consent, scan.shares) = (Some(consent.clone()), shares && self.terms.share);
        scan.take_signatures(rest);
        scan.take_opened(opened)?;
        if scan.is_prepared_later() {
            return Ok(Moved::to(scan));
        }
        let moved = scan.succeed();
        match (self.plea, self.account) {
            (Plea::Bind | Plea::Register, Some(account)) => {
                Ok(moved.with(terms::bound(self, account, &certificate.name)))
            }
            _ => Ok(moved),
        }
    }

    fn take_opened(&mut self, opened: &[String]) -> Result<(), Error> {
        let closed = self.items.iter_mut().filter(|item| item.form == Form::Envelope);
        let mut opened = opened.iter();
        for item in closed {
            let result = opened.next().ok_or(Error::BadRequest("every envelope is to be opened"))?;
            item.result = Some(result.clone());
        }
        match opened.next() {
            Some(_) => Err(Error::BadRequest("every envelope is to be opened")),
            None => Ok(()),
        }
    }
}
