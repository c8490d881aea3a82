//! The owner of the keys: makes frames, and takes the answers that reach it.

use cosign_core::{
    ClientKey, Digest, LocalRecord, MIN_ITERATIONS, Op, Pin, PinMode, Progress, Purpose, SessionId,
    decrypt::{self, AwaitingPlaintexts},
    evaluate::{self, AwaitingEvaluation},
    refresh::{self, AwaitingActivation, AwaitingShare, Confirmation},
    sign::{self, AwaitingSignatures},
    sm_primitives::sm2::pke,
};

use super::model::{Refresh, Request};
use crate::{
    signer::EntropyRng,
    testing::{PIN, Phone, WRONG_PIN},
};

const PINS: [&str; 2] = [PIN, "161803"];
const PLAINTEXT: &[u8] = b"a plaintext";

/// What waits for the answer to a letter.
pub(super) enum Waiting {
    Signatures(AwaitingSignatures<'static>),
    Plaintexts(AwaitingPlaintexts<'static>),
    Share(AwaitingShare<'static>),
    Activation(AwaitingActivation),
    Evaluation(AwaitingEvaluation<'static, ClientKey>),
}

/// A frame that may be delivered any number of times, or never.
pub(super) struct Letter {
    pub(super) key: usize,
    pub(super) request: Request,
    pub(super) frame: Vec<u8>,
    pub(super) digests: Vec<Digest>,
    pub(super) waiting: Option<Waiting>,
}

/// A key on the client's side. What it needs for as long as a frame is on its way is leaked: these are few.
pub(super) struct Held {
    pub(super) purpose: Purpose,
    pub(super) mode: PinMode,
    record: &'static LocalRecord,
    /// With the right PIN and with a wrong one; in oblivious mode every use asks the server.
    keys: Option<[&'static ClientKey; 2]>,
    pin: usize,
    /// A share that waits for its confirmation, and which refresh it came from.
    next: Option<(&'static LocalRecord, Refresh)>,
}

fn leak<T>(value: T) -> &'static T {
    Box::leak(Box::new(value))
}

fn pin(index: usize) -> Pin {
    Pin::new(PINS[index % 2]).unwrap()
}

impl Held {
    pub(super) fn new(phone: &Phone, record: LocalRecord) -> Self {
        let (purpose, mode) = (record.purpose(), record.pin_mode());
        let mut this = Self { purpose, mode, record: leak(record), keys: None, pin: 0, next: None };
        this.unlock(phone);
        this
    }

    pub(super) const fn record(&self) -> &LocalRecord {
        self.record
    }

    pub(super) const fn waits_for_confirmation(&self) -> bool {
        self.next.is_some()
    }

    fn unlock(&mut self, phone: &Phone) {
        if self.mode == PinMode::Base {
            let key = |pin| leak(phone.unlock(self.record, pin));
            self.keys = Some([key(PINS[self.pin % 2]), key(WRONG_PIN)]);
        }
    }

    fn key(&self, right: bool) -> &'static ClientKey {
        self.keys.unwrap()[usize::from(!right)]
    }
}

/// Makes letters.
pub(super) struct Desk {
    pub(super) phone: &'static Phone,
    pub(super) held: Vec<Held>,
    pub(super) letters: Vec<Letter>,
    pub(super) rng: EntropyRng,
    pub(super) now_ms: u64,
}

impl Desk {
    fn post(&mut self, key: usize, frame: Vec<u8>, right: bool, waiting: Waiting) -> usize {
        let id = self.letters.len();
        let request = Request {
            id,
            op: Op::from_byte(frame[2]).unwrap(),
            epoch: u32::from_be_bytes(frame[20..24].try_into().unwrap()),
            sid: SessionId::from_bytes(frame[24..40].try_into().unwrap()),
            ts_ms: u64::from_be_bytes(frame[40..48].try_into().unwrap()),
            count: u16::from_be_bytes(frame[80..82].try_into().unwrap()),
            right,
            evaluation: None,
            confirms: None,
        };
        self.letters.push(Letter { key, request, frame, digests: Vec::new(), waiting: Some(waiting) });
        id
    }

    /// Uses a key, with a PIN that is right or wrong: signs, decrypts, or has the PIN evaluated for that.
    pub(super) fn operate(&mut self, key: usize, digests: Vec<Digest>, right: bool) -> usize {
        if self.held[key].mode == PinMode::Oblivious {
            let pin = leak(Pin::new(if right { PIN } else { WRONG_PIN }).unwrap());
            let (record, device_key) = (self.held[key].record, self.phone.device_key());
            let waiting = evaluate::unlock(record, pin, device_key, self.now_ms, &mut self.rng).unwrap();
            let id = self.post(key, waiting.frame().to_vec(), right, Waiting::Evaluation(waiting));
            self.letters[id].digests = digests;
            return id;
        }
        let unlocked = self.held[key].key(right);
        match self.held[key].purpose {
            Purpose::Sign => self.sign(key, unlocked, digests, right),
            Purpose::Encrypt => {
                let public_key = self.held[key].record.public_key();
                let ciphertext = pke::encrypt(public_key, PLAINTEXT, &mut self.rng).unwrap();
                let started = decrypt::start(unlocked, &[ciphertext], self.now_ms, &mut self.rng);
                let (frame, waiting) = started.unwrap();
                self.post(key, frame, right, Waiting::Plaintexts(waiting))
            }
        }
    }

    fn sign(&mut self, key: usize, unlocked: &'static ClientKey, digests: Vec<Digest>, right: bool) -> usize {
        let counter = u64::try_from(self.letters.len()).unwrap();
        let (frame, waiting) = sign::start(unlocked, &digests, self.now_ms, counter, &mut self.rng).unwrap();
        let id = self.post(key, frame, right, Waiting::Signatures(waiting));
        self.letters[id].digests = digests;
        id
    }

    /// Asks for a refresh to the other PIN, or confirms the one that was answered.
    pub(super) fn refresh(&mut self, key: usize) -> usize {
        let (phone, now_ms) = (self.phone, self.now_ms);
        let held = &self.held[key];
        let new_pin = pin(held.pin + 1);
        if let Some((record, refresh)) = &held.next {
            let confirms = Some(refresh.clone());
            let (frame, waiting) =
                refresh::confirm(record, &new_pin, phone.device_key(), now_ms, &mut self.rng).unwrap();
            let id = self.post(key, frame, true, Waiting::Activation(waiting));
            self.letters[id].request.confirms = confirms;
            return id;
        }
        let (unlocked, device_key) = (held.key(true), phone.device_key());
        let started = refresh::start(unlocked, &new_pin, device_key, MIN_ITERATIONS, now_ms, &mut self.rng);
        let (frame, waiting) = started.unwrap();
        self.post(key, frame.to_vec(), true, Waiting::Share(waiting))
    }

    /// Takes the answer to a letter; the first one only. Gives `r` of every signature, and the letter that follows.
    pub(super) fn take(&mut self, id: usize, answer: &[u8]) -> (Vec<[u8; 32]>, Option<usize>) {
        let nothing = (Vec::new(), None);
        if answer[2] != 0 {
            return nothing;
        }
        let letter = &mut self.letters[id];
        let (key, right) = (letter.key, letter.request.right);
        let Some(waiting) = letter.waiting.take() else { return nothing };
        match waiting {
            Waiting::Signatures(waiting) => match waiting.finish(answer).unwrap() {
                Progress::Done(signed) => {
                    (signed.signatures.iter().map(|signature| signature.r().to_bytes()).collect(), None)
                }
                Progress::Next(waiting) => {
                    let digests = letter.digests.clone();
                    let frame = waiting.frame().to_vec();
                    let id = self.post(key, frame, right, Waiting::Signatures(waiting));
                    self.letters[id].digests = digests;
                    (Vec::new(), Some(id))
                }
                Progress::Busy(_) => panic!("a success is not busy"),
            },
            Waiting::Plaintexts(waiting) => match waiting.finish(answer).unwrap() {
                Progress::Done(opened) => {
                    assert_eq!(opened.plaintexts[0][..], *PLAINTEXT);
                    nothing
                }
                _ => panic!("not opened"),
            },
            Waiting::Evaluation(waiting) => match waiting.finish(answer).unwrap() {
                Progress::Done(evaluated) => {
                    let (digests, evaluation) = (letter.digests.clone(), letter.request.sid);
                    let id = self.sign(key, leak(evaluated.outcome), digests, right);
                    self.letters[id].request.evaluation = Some(evaluation);
                    (Vec::new(), Some(id))
                }
                _ => panic!("not evaluated"),
            },
            Waiting::Share(waiting) => {
                let Progress::Done(share) = waiting.finish(answer, self.phone.device_key()).unwrap() else {
                    panic!("no share")
                };
                // One refresh at a time: an answer to an older one that was given up is dropped.
                let held = &mut self.held[key];
                if held.next.is_none() && share.record.epoch() == held.record.epoch() + 1 {
                    let refresh = Refresh { frame: id, body: answer[22..].to_vec() };
                    held.next = Some((leak(share.record), refresh));
                }
                nothing
            }
            Waiting::Activation(waiting) => {
                let Progress::Done(outcome) = waiting.finish(answer).unwrap() else { panic!("not judged") };
                let confirms = letter.request.confirms.clone();
                let held = &mut self.held[key];
                let Some((record, _)) =
                    held.next.take_if(|(_, refresh)| Some(&*refresh) == confirms.as_ref())
                else {
                    return nothing;
                };
                if matches!(outcome, Confirmation::Active { .. }) {
                    held.record = record;
                    held.pin += 1;
                    held.unlock(self.phone);
                }
                nothing
            }
        }
    }
}
