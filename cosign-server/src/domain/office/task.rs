//! Tasks: what a trading platform files to be signed by somebody, whenever they come to it.

use serde::{Deserialize, Serialize};
use serde_json::json;

use super::{
    Effect, Entity, Id, Moment, Moved, Moves, Named as _,
    code::SmsCode,
    document::{self, Document, Sealing, Spot},
    entity::states,
    message::Notice,
    personal::Personal,
    proof::{Hash, Signed, UsableCertificate},
    record::{self, Record, Use},
    scan::System,
    seal::{self, Seal},
};
use crate::domain::Error;

states! {
    /// Where a task stands.
    TaskState {
        /// Its signer has not decided.
        Pending = "pending",
        /// The phone is at it.
        Signing = "signing",
        /// It is signed.
        Signed = "signed",
        /// The signer refused.
        Refused = "refused",
        /// The platform took it back.
        Withdrawn = "withdrawn",
        /// Nobody signed it in time.
        Expired = "expired",
        /// The account of its signer is gone.
        Removed = "removed",
        /// What was signed or refused is forgotten with the account.
        Erased = "erased",
    }
    over Withdrawn, Expired, Removed, Erased
}

states! {
    /// What is to be signed.
    TaskKind {
        /// Data of the platform.
        Data = "data",
        /// A digest that the platform computed.
        Hash = "hash",
        /// A document: by its digest, or one that is here and is sealed.
        Document = "document",
    }
}

/// A document that is to be sealed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Paper {
    /// Which.
    pub document: Id,
    /// Where the seal shows.
    pub spots: Vec<Spot>,
}

/// What a platform files.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Filed {
    /// Who files it.
    pub system: System,
    /// With which others.
    pub batch: Id,
    /// What it is.
    pub kind: TaskKind,
    /// What the signer is shown; `None` once it is over or erased.
    pub title: Option<Personal>,
    /// The bytes that are signed, hexadecimal: SM3(Z || bytes). `None` once it is over or erased, and for a document that is
    /// here.
    pub content: Option<Personal>,
    /// The document that is sealed, if it is here.
    #[serde(default)]
    pub paper: Option<Paper>,
    /// Keyed hash of the signer's phone, until they look at it.
    pub phone: Option<Hash>,
    /// The signer's account, if it is known.
    pub account: Option<Id>,
    /// Until when, unix milliseconds.
    pub until_ms: u64,
}

/// A task.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Task {
    state: TaskState,
    /// What was filed.
    pub filed: Filed,
    /// With which certificate it is signed, and what is signed.
    pub chosen: Option<(UsableCertificate, Hash)>,
    /// With which seal, if that is put into a document.
    #[serde(default)]
    pub sealing: Option<Sealing>,
    /// The signature, r || s in hexadecimal.
    pub signature: Option<String>,
    /// Why the signer refused.
    pub reason: Option<Personal>,
}

/// What happens to a task.
#[derive(Debug)]
pub enum Event {
    /// A platform files it.
    File(Filed),
    /// Its signer has it in front of them: by their phone number, or by scanning its code.
    Open {
        /// Whose account.
        account: Id,
        /// Keyed hash of their phone, if it is for that that it was filed.
        phone: Option<Hash>,
    },
    /// The signer takes a certificate.
    Start {
        /// Which.
        certificate: UsableCertificate,
        /// What is signed with it.
        digest: Hash,
        /// With which seal a document is sealed.
        sealing: Option<Sealing>,
    },
    /// The phone could not sign.
    Fail,
    /// It is signed.
    Sign(Signed),
    /// The signer refuses, with a reason.
    Refuse(Personal),
    /// The platform takes it back.
    Withdraw,
    /// Its time is over.
    Expire,
    /// The account of its signer is gone.
    Remove,
    /// And everything personal with it.
    Erase,
}

impl Task {
    fn told(&self, id: Id) -> Effect {
        let certificate = self.chosen.as_ref().map(|(certificate, _)| &certificate.name);
        let data = json!({
            "task_id": id,
            "batch_id": self.filed.batch,
            "state": self.state.as_str(),
            "certificate": certificate.filter(|_| self.signature.is_some()),
            "signature": self.signature,
        });
        Effect::Inform(self.filed.system.client, "task.changed", data)
    }

    fn at(&self, state: TaskState) -> Self {
        Self { state, ..self.clone() }
    }

    fn forgotten(&self, state: TaskState) -> Self {
        let filed = Filed { title: None, content: None, phone: None, ..self.filed.clone() };
        Self { state, filed, reason: None, ..self.clone() }
    }
}

impl Entity for Task {
    const KIND: &'static str = "task";
    type State = TaskState;
    type Event = Event;
    const MOVES: Moves<TaskState> = &[
        (None, "file", TaskState::Pending),
        (Some(TaskState::Pending), "open", TaskState::Pending),
        (Some(TaskState::Pending), "start", TaskState::Signing),
        (Some(TaskState::Signing), "start", TaskState::Signing),
        (Some(TaskState::Signing), "fail", TaskState::Pending),
        (Some(TaskState::Signing), "sign", TaskState::Signed),
        (Some(TaskState::Pending), "refuse", TaskState::Refused),
        (Some(TaskState::Signing), "refuse", TaskState::Refused),
        (Some(TaskState::Pending), "withdraw", TaskState::Withdrawn),
        (Some(TaskState::Signing), "withdraw", TaskState::Withdrawn),
        (Some(TaskState::Pending), "expire", TaskState::Expired),
        (Some(TaskState::Signing), "expire", TaskState::Expired),
        (Some(TaskState::Pending), "remove", TaskState::Removed),
        (Some(TaskState::Signing), "remove", TaskState::Removed),
        // What was done stays done.
        (Some(TaskState::Signed), "remove", TaskState::Signed),
        (Some(TaskState::Refused), "remove", TaskState::Refused),
        (Some(TaskState::Signed), "erase", TaskState::Erased),
        (Some(TaskState::Refused), "erase", TaskState::Erased),
    ];

    fn state(&self) -> TaskState {
        self.state
    }

    fn event(event: &Event) -> &'static str {
        match event {
            Event::File(_) => "file",
            Event::Open { .. } => "open",
            Event::Start { .. } => "start",
            Event::Fail => "fail",
            Event::Sign(_) => "sign",
            Event::Refuse(_) => "refuse",
            Event::Withdraw => "withdraw",
            Event::Expire => "expire",
            Event::Remove => "remove",
            Event::Erase => "erase",
        }
    }

    fn transition(now: Option<&Self>, event: &Event, moment: Moment<'_>) -> Result<Moved<Self>, Error> {
        use TaskState::{Erased, Expired, Pending, Refused, Removed, Signing, Withdrawn};
        let Some(task) = now else {
            let Event::File(filed) = event else { return Err(Error::NotFound) };
            if filed.until_ms <= moment.now_ms {
                return Err(Error::BadRequest("the time of a task is to come"));
            }
            let (state, filed) = (Pending, filed.clone());
            let tell = filed.account.map(|to| Effect::tell::<Self>(to, Notice::TaskFiled, moment.id));
            let (chosen, sealing, signature, reason) = (None, None, None, None);
            let hold = filed.paper.as_ref().map(|paper| paper.document);
            let hold = hold.map(|id| Effect::on::<Document>(id, document::Event::Hold(moment.id)));
            let effects = tell.into_iter().chain(hold).collect();
            return Ok(Moved { entity: Self { state, filed, chosen, sealing, signature, reason }, effects });
        };
        let is_late = moment.now_ms >= task.filed.until_ms;
        let moved = match (task.state, event) {
            (Pending | Signing, Event::Expire) if is_late => task.forgotten(Expired),
            (Pending | Signing, Event::Remove) => task.forgotten(Removed),
            (TaskState::Signed | Refused, Event::Remove) => return Ok(Moved::to(task.clone())),
            (TaskState::Signed | Refused, Event::Erase) => return Ok(Moved::to(task.forgotten(Erased))),
            (Pending | Signing, _) if is_late => return Err(Error::Conflict("the time of the task is over")),
            (Pending, Event::Open { account, phone }) => {
                if task.filed.account.is_some_and(|signer| signer != *account) {
                    return Err(Error::NotFound);
                }
                if task.filed.phone != *phone {
                    return Err(Error::NotFound);
                }
                let filed = Filed { account: Some(*account), phone: None, ..task.filed.clone() };
                return Ok(Moved::to(Self { filed, ..task.clone() }));
            }
            (Pending | Signing, Event::Start { certificate, digest, sealing })
                if task.filed.account.is_some() =>
            {
                if sealing.is_some() != task.filed.paper.is_some() {
                    return Err(Error::Conflict("a document is sealed with a seal, and nothing else is"));
                }
                let (chosen, sealing) = (Some((certificate.clone(), *digest)), sealing.clone());
                return Ok(Moved::to(Self { chosen, sealing, ..task.at(Signing) }));
            }
            (Signing, Event::Fail) => {
                return Ok(Moved::to(Self { chosen: None, sealing: None, ..task.at(Pending) }));
            }
            (Signing, Event::Sign(signed)) => return task.signed(moment.id, signed),
            (Pending | Signing, Event::Refuse(reason)) => {
                Self { reason: Some(reason.clone()), chosen: None, ..task.at(Refused) }
            }
            (Pending | Signing, Event::Withdraw) => task.forgotten(Withdrawn),
            _ => return Err(Error::Conflict("the task does not wait for this")),
        };
        let told = moved.told(moment.id);
        Ok(moved.without_document(moment.id).with(told))
    }

    fn listed_under(&self) -> Vec<Id> {
        let Filed { system, batch, phone, account, .. } = &self.filed;
        let phone = phone.map(|Hash(phone)| SmsCode::list_of(&phone));
        [Some(system.client), Some(*batch), *account, phone].into_iter().flatten().collect()
    }

    fn due_ms(&self) -> Option<u64> {
        matches!(self.state, TaskState::Pending | TaskState::Signing).then_some(self.filed.until_ms)
    }

    fn when_due() -> Option<Event> {
        Some(Event::Expire)
    }
}

impl Task {
    fn signed(&self, id: Id, signed: &Signed) -> Result<Moved<Self>, Error> {
        let (certificate, digest) = self.chosen.as_ref().ok_or(Error::Internal)?;
        let signature = signed.of(&certificate.name, &[*digest])?.first().cloned();
        let task = Self { signature, ..self.at(TaskState::Signed) };
        let used = Use {
            account: self.filed.account.ok_or(Error::Internal)?,
            certificate: certificate.name.clone(),
            identity: certificate.identity,
            enterprise: None,
            system: self.filed.system.clone(),
            operation: format!("task-{}", self.filed.kind.as_str()),
            seal: self.sealing.as_ref().map(|sealing| sealing.seal),
            about: id,
            units: 1,
        };
        let sealed = used.seal.map(|seal| Effect::on::<Seal>(seal, seal::Event::Use));
        let told = task.told(id);
        let mut moved =
            task.without_document(id).with(told).with(Effect::make::<Record>(record::Event::Note(used)));
        moved.effects.extend(sealed);
        Ok(moved)
    }

    /// Nobody signs it any more: its document is let go, sealed if it was signed.
    fn without_document(self, id: Id) -> Moved<Self> {
        let keep = self.state == TaskState::Signed;
        let release =
            self.filed.paper.as_ref().map(|paper| {
                Effect::on::<Document>(paper.document, document::Event::Release { by: id, keep })
            });
        Moved { entity: self, effects: release.into_iter().collect() }
    }
}
