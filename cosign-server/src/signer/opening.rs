//! Opening keys: whole SM2 keys, to which the time locks of bids are wrapped. The server opens every lock that it is given,
//! and keeps what is inside until its clock has reached the time that stands there.
//!
//! **Invariant:** nothing is released before the records of all releases and refusals of the request are durable.

use std::{
    collections::{BTreeMap, HashMap},
    sync::Arc,
};

use cosign_core::{
    Code, DeviceId,
    sm_primitives::{
        sm2::{Ciphertext, PrivateKey},
        sm3::Sm3,
    },
};
use envelope::{
    SubjectKeyId,
    bid::{Lock, LockCommitment},
};
use futures_util::future::BoxFuture;

use super::{
    rng::EntropyRng,
    seal::{Place, SealError, WrappingKeys},
    sealer::{Sealer, SealerError},
    service::{Core, SignerService},
};
use crate::domain::{
    Error,
    audit::{Act, Event, LockItem},
    device::Name,
    opening::{Answer, Ask, MAX_LOCKS, OpeningKey, Question},
    ports::{Opening, StoreError, Unit, Write},
};

/// Locks opened in one turn on a computing thread, so that signatures need not wait for a thousand of them.
const TURN: usize = 64;
/// Locks in one record.
const PER_RECORD: usize = 256;
const REQUEST_LABEL: &[u8] = b"cosign-locks-v1";

impl Sealer {
    /// Makes an opening key and seals it. It is on record before bids can be locked to it.
    ///
    /// # Errors
    /// [`SealerError`].
    pub async fn new_opening_key(&self, label: Name) -> Result<OpeningKey, SealerError> {
        let key = PrivateKey::generate(&mut EntropyRng::new(Arc::clone(&self.entropy)));
        let key = key.map_err(|_| Error::Internal)?;
        let public_key = key.public_key().as_point().to_bytes();
        let mut made = OpeningKey {
            public_key: *key.public_key(),
            label,
            created_ms: self.clock.now_ms(),
            retired_ms: None,
            sealed: Vec::new(),
        };
        let note = format!("opening key {}", made.id());
        let event = Event::administration(made.created_ms, Act::OPENING_KEY, note);
        let event = Event { public_key: Some(public_key), ..event };
        loop {
            let sealed =
                self.keys().seal(&Place::opening_key(&public_key), &key.expose_bytes()[..], &*self.entropy);
            made.sealed = sealed.map_err(|error| SealerError::Seal {
                version: self.keys().newest().unwrap_or_default(),
                error,
            })?;
            let add = Write::AddOpeningKey(made.clone());
            match self.store.commit([add, Write::Log(event.clone())].into()).await {
                Ok(()) => return Ok(made),
                // The wrapping key was dropped meanwhile.
                Err(StoreError::Stale) if self.catch_up().await? => {}
                Err(error) => return Err(error.into()),
            }
        }
    }
}

/// An opening key by its id; on the heap, so that no copy is left behind when it moves.
type Unsealed = (SubjectKeyId, Box<PrivateKey>);

/// What a lock was found to be, before the time is looked at.
enum Found {
    Lock(usize, Box<Lock>),
    UnknownKey,
    Invalid(usize),
}

impl Opening for SignerService {
    fn open(
        &self,
        device: DeviceId,
        ask: Ask,
        questions: Vec<Question>,
    ) -> BoxFuture<'_, Result<Vec<Answer>, Error>> {
        Box::pin(async move {
            let core = self.core();
            let _permit = self.enter().await?;
            let started_ns = core.clock.monotonic_ns();
            core.demand_patience(&device)?;
            let outcome = core.open_locks(device, ask, questions).await;
            let code = match &outcome {
                Ok(answers) if answers.iter().any(is_refusal) => {
                    core.count_refusal(&device);
                    "refused"
                }
                Ok(_) => "ok",
                Err(error) => error.code(),
            };
            let op = match ask {
                Ask::Release => "release",
                Ask::Check => "check",
            };
            core.telemetry.operation(op, code, core.clock.monotonic_ns().saturating_sub(started_ns));
            outcome
        })
    }
}

const fn is_refusal(answer: &Answer) -> bool {
    match answer {
        Answer::Released(_) | Answer::Checked(_) => false,
        Answer::TooEarly(_) | Answer::UnknownKey | Answer::Invalid => true,
    }
}

impl Core {
    async fn open_locks(
        &self,
        device: DeviceId,
        ask: Ask,
        questions: Vec<Question>,
    ) -> Result<Vec<Answer>, Error> {
        if questions.is_empty() || questions.len() > MAX_LOCKS {
            return Err(Error::BadRequest("a request has 1 to 1024 locks"));
        }
        let keys = self.unsealed(&questions).await?;
        let request = request_digest(&questions);
        let ids: Vec<SubjectKeyId> = keys.iter().map(|(id, _)| id.clone()).collect();
        let (keys, questions) = (Arc::new(keys), Arc::new(questions));
        let mut found = Vec::with_capacity(questions.len());
        for start in (0..questions.len()).step_by(TURN) {
            let slot = self.pool.reserve().ok_or(Error::Busy)?;
            let (keys, questions) = (Arc::clone(&keys), Arc::clone(&questions));
            let turn = self.pool.run(slot, move || {
                let turn = questions.iter().skip(start).take(TURN);
                turn.map(|question| look_into(question, &keys)).collect::<Vec<_>>()
            });
            found.extend(turn.await.ok_or(Error::Internal)?);
        }
        drop(keys);
        // One moment decides for the whole request, and is the time of its records.
        let now_ms = self.clock.now_ms();
        if ask == Ask::Check {
            return Ok(found.into_iter().map(checked).collect());
        }
        let mut records = Records { device, now_ms, request, ids, groups: BTreeMap::new() };
        let answers = found.into_iter().map(|found| records.judge(found)).collect();
        self.store.commit(Unit(records.writes())).await?;
        Ok(answers)
    }

    /// The opening keys that are named, each with its id.
    async fn unsealed(&self, questions: &[Question]) -> Result<Vec<Unsealed>, Error> {
        let mut named: HashMap<SubjectKeyId, OpeningKey> =
            self.store.opening_keys().await?.into_iter().map(|key| (key.id(), key)).collect();
        named.retain(|id, _| questions.iter().any(|question| question.key == *id));
        if !named.values().all(|key| self.sealer.keys().knows(&key.sealed)) {
            self.catch_up().await;
        }
        let unseal = |(id, key): (SubjectKeyId, OpeningKey)| match unsealed(&key, self.sealer.keys()) {
            Ok(key) => Ok((id, Box::new(key))),
            Err(error) => {
                tracing::error!(key = %id, %error, "the opening key cannot be used");
                Err(Error::Internal)
            }
        };
        named.into_iter().map(unseal).collect()
    }
}

pub(super) fn unsealed(key: &OpeningKey, keys: &WrappingKeys) -> Result<PrivateKey, SealError> {
    let bytes = keys.open(&Place::opening_key(&key.public_key.as_point().to_bytes()), &key.sealed)?;
    let opened = bytes.as_slice().try_into().ok().and_then(PrivateKey::from_bytes);
    opened.filter(|opened| *opened.public_key() == key.public_key).ok_or(SealError::Format)
}

fn look_into(question: &Question, keys: &[Unsealed]) -> Found {
    let key = keys.iter().enumerate().find(|(_, (id, _))| *id == question.key);
    let Some((index, (_, key))) = key else { return Found::UnknownKey };
    let ciphertext = Ciphertext::from_c1c3c2(&question.lock).ok();
    match ciphertext.and_then(|ciphertext| Lock::open(key, &ciphertext).ok()) {
        Some(lock) => Found::Lock(index, Box::new(lock)),
        None => Found::Invalid(index),
    }
}

const fn listed(lock: &LockCommitment) -> LockItem {
    let LockCommitment { commitment, file_id, not_before } = *lock;
    LockItem { commitment, file_id: *file_id.as_bytes(), not_before }
}

fn checked(found: Found) -> Answer {
    match found {
        Found::Lock(_, lock) => Answer::Checked(lock.commitment()),
        Found::UnknownKey => Answer::UnknownKey,
        Found::Invalid(_) => Answer::Invalid,
    }
}

/// SM3(label | (length 2 | opening key id | length 2 | lock)*): ties the records of a request to it.
fn request_digest(questions: &[Question]) -> [u8; 32] {
    let mut hash = Sm3::new().chain(REQUEST_LABEL);
    for part in questions.iter().flat_map(|question| [question.key.as_bytes(), &question.lock]) {
        let length = u16::try_from(part.len()).unwrap_or(u16::MAX);
        hash = hash.chain(&length.to_be_bytes()).chain(part);
    }
    hash.finalize()
}

/// What a record says of its locks: 0 for released, or the code of the refusal; and the opening key.
type Group = (u8, Option<usize>);

/// The records of one request, as its locks are judged.
struct Records {
    device: DeviceId,
    now_ms: u64,
    request: [u8; 32],
    ids: Vec<SubjectKeyId>,
    groups: BTreeMap<Group, (usize, Vec<LockItem>)>,
}

impl Records {
    /// The decision: the only place where a lock becomes an answer that has its secret.
    fn judge(&mut self, found: Found) -> Answer {
        match found {
            Found::Lock(key, lock) => {
                let told = lock.commitment();
                let item = listed(&told);
                if item.is_due(self.now_ms) {
                    self.note((0, Some(key)), Some(item));
                    Answer::Released(lock)
                } else {
                    self.note((Code::Time.byte(), Some(key)), Some(item));
                    Answer::TooEarly(told)
                }
            }
            Found::UnknownKey => {
                self.note((Code::Key.byte(), None), None);
                Answer::UnknownKey
            }
            Found::Invalid(key) => {
                self.note((Code::Proof.byte(), Some(key)), None);
                Answer::Invalid
            }
        }
    }

    fn note(&mut self, group: Group, item: Option<LockItem>) {
        let (count, items) = self.groups.entry(group).or_default();
        *count += 1;
        items.extend(item);
    }

    fn writes(self) -> Vec<Write> {
        let mut writes = Vec::new();
        for ((result, key), (count, items)) in &self.groups {
            let note = match key.and_then(|key| self.ids.get(key)) {
                Some(id) => format!("opening key {id}"),
                None => "unknown opening key".to_owned(),
            };
            let event = Event {
                device: Some(self.device),
                h_req: Some(self.request),
                result: *result,
                count: u16::try_from(*count).unwrap_or(u16::MAX),
                ..Event::administration(self.now_ms, Act::RELEASE, note)
            };
            if items.is_empty() {
                writes.push(Write::Log(event));
                continue;
            }
            for items in items.chunks(PER_RECORD) {
                let count = u16::try_from(items.len()).unwrap_or(u16::MAX);
                let items = items.iter().map(|item| (*item).into()).collect();
                writes.push(Write::Log(Event { count, items, ..event.clone() }));
            }
        }
        writes
    }
}
