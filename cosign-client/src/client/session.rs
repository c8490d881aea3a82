//! One private-key operation from its first frame to its last, on a thread that may block.
//!
//! The waiting state with its nonces never leaves this stack frame. It is dropped 60 s after the request was made,
//! whatever the network does; until then only the identical frame goes out again.

use std::{
    thread,
    time::{Duration, Instant},
};

use cosign_core::{CLIENT_DEADLINE_MS, ClientKey, Code, Digest, Progress, decrypt, sign};
use getrandom::SysRng;
use sm_primitives::sm2::Ciphertext;

use crate::{clock, error::Error};

const FIRST_PAUSE: Duration = Duration::from_millis(100);
const LONGEST_PAUSE: Duration = Duration::from_secs(2);
/// Sessions that may get lost before that is an error.
pub(super) const SESSIONS: usize = 3;

/// Carries a frame to the server and its answer back, before the deadline.
pub(crate) trait Exchange {
    fn exchange(&self, frame: &[u8], deadline: Instant) -> Result<Vec<u8>, Error>;
}

/// Signs 1..=256 digests. `counter` numbers the sessions of this process.
///
/// A session that the server lost between two rounds (suite F2: it was restarted, or the network took too long) is
/// replaced by a completely new one, with its own nonces.
pub(super) fn sign(
    channel: &impl Exchange,
    key: &ClientKey,
    digests: &[Digest],
    counter: impl Fn() -> u64,
) -> Result<sign::Signed, Error> {
    for _ in 1..SESSIONS {
        match sign_once(channel, key, digests, counter()) {
            Err(Error::Refused(Code::Session)) => {}
            outcome => return outcome,
        }
    }
    sign_once(channel, key, digests, counter())
}

fn sign_once(
    channel: &impl Exchange,
    key: &ClientKey,
    digests: &[Digest],
    counter: u64,
) -> Result<sign::Signed, Error> {
    let retry = Retry::new();
    let (_, waiting) = sign::start(key, digests, clock::now_ms(), counter, &mut SysRng).map_err(local)?;
    retry.until_done(channel, waiting, |waiting| waiting.frame(), |waiting, answer| waiting.finish(answer))
}

/// Opens 1..=256 ciphertexts.
pub(super) fn decrypt(
    channel: &impl Exchange,
    key: &ClientKey,
    ciphertexts: &[Ciphertext],
) -> Result<decrypt::Decrypted, Error> {
    let retry = Retry::new();
    let (_, waiting) = decrypt::start(key, ciphertexts, clock::now_ms(), &mut SysRng).map_err(local)?;
    retry.until_done(channel, waiting, |waiting| waiting.frame(), |waiting, answer| waiting.finish(answer))
}

/// Opens each of 1..=256 ciphertexts that opens.
pub(super) fn decrypt_each(
    channel: &impl Exchange,
    key: &ClientKey,
    ciphertexts: &[Ciphertext],
) -> Result<decrypt::Opened, Error> {
    let retry = Retry::new();
    let (_, waiting) = decrypt::start(key, ciphertexts, clock::now_ms(), &mut SysRng).map_err(local)?;
    retry.until_done(
        channel,
        waiting,
        |waiting| waiting.frame(),
        |waiting, answer| waiting.finish_each(answer),
    )
}

/// What a protocol error means, now.
pub(super) fn local(error: cosign_core::Error) -> Error {
    Error::from_protocol(error, clock::now_ms())
}

/// How long and how often one operation is tried.
pub(super) struct Retry {
    deadline: Instant,
}

impl Retry {
    pub(super) fn new() -> Self {
        Self { deadline: clock::instant() + Duration::from_millis(CLIENT_DEADLINE_MS) }
    }

    pub(super) const fn deadline(&self) -> Instant {
        self.deadline
    }

    /// Growing pauses, one after each `E_BUSY`.
    pub(super) fn pauses(&self) -> impl Iterator<Item = Duration> + use<> {
        std::iter::successors(Some(FIRST_PAUSE), |pause| Some((*pause * 2).min(LONGEST_PAUSE)))
    }

    /// Sends the frame of a waiting state and hands it the answer, until the session is over: again after `E_BUSY`, with
    /// the state of the next round where there is one.
    pub(super) fn until_done<W, T>(
        &self,
        link: &impl Exchange,
        mut waiting: W,
        frame: impl Fn(&W) -> &[u8],
        mut finish: impl FnMut(W, &[u8]) -> Result<Progress<W, T>, cosign_core::Error>,
    ) -> Result<T, Error> {
        let mut pauses = self.pauses();
        loop {
            let answer = link.exchange(frame(&waiting), self.deadline)?;
            waiting = match finish(waiting, &answer).map_err(local)? {
                Progress::Done(outcome) => return Ok(outcome),
                Progress::Next(next) => {
                    pauses = self.pauses();
                    next
                }
                Progress::Busy(same) => {
                    self.wait(pauses.next().unwrap_or(LONGEST_PAUSE))?;
                    same
                }
            };
        }
    }

    pub(super) fn wait(&self, pause: Duration) -> Result<(), Error> {
        if clock::instant() + pause >= self.deadline {
            return Err(Error::Busy);
        }
        thread::sleep(pause);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use std::cell::{Cell, RefCell};

    use cosign_core::{KeyId, Op, Purpose, Suite};
    use sm_primitives::sm2::{dsa, pke};

    use super::*;
    use crate::testing::{Model, device_key, pin};

    /// A server in memory that is busy some times before it answers, and loses some sessions between two rounds.
    struct Memory {
        model: RefCell<Model>,
        busy: Cell<usize>,
        lost: Cell<usize>,
        seen: RefCell<Vec<Vec<u8>>>,
        flip: Option<usize>,
    }

    impl Memory {
        fn new(model: Model) -> Self {
            Self {
                model: RefCell::new(model),
                busy: Cell::new(0),
                lost: Cell::new(0),
                seen: RefCell::default(),
                flip: None,
            }
        }
    }

    impl Exchange for Memory {
        fn exchange(&self, frame: &[u8], _deadline: Instant) -> Result<Vec<u8>, Error> {
            self.seen.borrow_mut().push(frame.to_vec());
            if self.busy.get() > 0 {
                self.busy.set(self.busy.get() - 1);
                // Version, suite, E_BUSY, 00, sid, no detail.
                return Ok([&[1, frame[1], 0x0c, 0], &frame[24..40], &[0, 0]].concat());
            }
            if frame[2] == Op::Reveal.byte() && self.lost.get() > 0 {
                self.lost.set(self.lost.get() - 1);
                return Ok([&[1, frame[1], 0x10, 0], &frame[24..40], &[0, 0]].concat());
            }
            let mut answer = self.model.borrow_mut().answer(frame);
            if let Some(at) = self.flip {
                answer[at] ^= 1;
            }
            Ok(answer)
        }
    }

    fn digests(count: u8) -> Vec<Digest> {
        (0..count).map(|i| Digest::reduce(&[i; 32])).collect()
    }

    #[test]
    fn a_busy_server_gets_the_identical_frame_until_it_answers() {
        let mut model = Model::new();
        let (_, key) = model.keygen(1, Suite::D, Purpose::Sign, &pin("271828"), &device_key());
        let memory = Memory::new(model);
        memory.busy.set(2);
        let signed = sign(&memory, &key, &digests(3), || 1).unwrap();
        for (digest, signature) in digests(3).iter().zip(&signed.signatures) {
            assert!(dsa::verify_digest(key.public_key(), digest.as_bytes(), signature).is_ok());
        }
        let seen = memory.seen.borrow();
        assert_eq!(seen.len(), 3);
        assert!(seen.iter().all(|frame| *frame == seen[0]));
    }

    #[test]
    fn commit_first_takes_two_rounds_and_a_lost_session_a_new_one() {
        let mut model = Model::new();
        let (_, key) = model.keygen(1, Suite::F2, Purpose::Sign, &pin("271828"), &device_key());
        let memory = Memory::new(model);
        memory.busy.set(1);
        memory.lost.set(SESSIONS - 1);
        let counted = Cell::new(0);
        let counter = || {
            counted.set(counted.get() + 1);
            counted.get()
        };
        let signed = sign(&memory, &key, &digests(2), counter).unwrap();
        assert_eq!((signed.signatures.len(), counted.get()), (2, 3));
        let seen = memory.seen.borrow();
        let ops: Vec<u8> = seen.iter().map(|frame| frame[2]).collect();
        assert_eq!(ops, [6, 6, 7, 6, 7, 6, 7], "busy once, lost twice");
        assert_eq!(seen[0], seen[1]);
        assert_ne!(seen[1][82..], seen[3][82..], "another commitment");
        drop(seen);

        memory.lost.set(SESSIONS);
        let error = sign(&memory, &key, &digests(2), counter).unwrap_err();
        assert!(matches!(error, Error::Refused(Code::Session)), "{error:?}");
    }

    #[test]
    fn a_changed_answer_releases_nothing() {
        let mut model = Model::new();
        let (_, key) = model.keygen(1, Suite::D, Purpose::Sign, &pin("271828"), &device_key());
        let mut memory = Memory::new(model);
        memory.flip = Some(22 + 96 + 95);
        let error = sign(&memory, &key, &digests(2), || 1).unwrap_err();
        assert!(matches!(error, Error::ServerMisbehaved(Code::Verify)), "{error:?}");
        assert_eq!(memory.seen.borrow().len(), 1, "a session that failed is over");
    }

    #[test]
    fn a_wrong_pin_is_one_request_and_says_what_remains() {
        let mut model = Model::new();
        let (record, _) = model.keygen(1, Suite::D, Purpose::Sign, &pin("271828"), &device_key());
        let memory = Memory::new(model);
        let wrong = record.unlock(&pin("271829"), &device_key()).unwrap();
        let error = sign(&memory, &wrong, &digests(1), || 1).unwrap_err();
        assert!(matches!(error, Error::WrongPin { remaining: 9, retry_s: 0 }), "{error:?}");
        assert_eq!(memory.seen.borrow().len(), 1);

        let right = record.unlock(&pin("271828"), &device_key()).unwrap();
        assert_eq!(sign(&memory, &right, &digests(1), || 2).unwrap().failures, 1, "the owner hears of it");
    }

    #[test]
    fn a_frozen_key_and_a_wrong_purpose_are_key_errors() {
        let mut model = Model::new();
        let (_, key) = model.keygen(1, Suite::D, Purpose::Sign, &pin("271828"), &device_key());
        let status = cosign_core::server::Status::Suspended;
        model.keys.get_mut(&KeyId::from_bytes([1; 16])).unwrap().status = status;
        let memory = Memory::new(model);
        assert!(matches!(sign(&memory, &key, &digests(1), || 1), Err(Error::KeyRefused)));
    }

    #[test]
    fn content_keys_come_back() {
        let mut model = Model::new();
        let (_, key) = model.keygen(2, Suite::D, Purpose::Encrypt, &pin("271828"), &device_key());
        let memory = Memory::new(model);
        memory.busy.set(1);
        let messages: [&[u8]; 2] = [b"sixteen bytes...", b"x"];
        let ciphertexts: Vec<Ciphertext> = messages
            .iter()
            .map(|message| pke::encrypt(key.public_key(), message, &mut SysRng).unwrap())
            .collect();
        let decrypted = decrypt(&memory, &key, &ciphertexts).unwrap();
        assert_eq!(decrypted.plaintexts.iter().map(|text| text.as_slice()).collect::<Vec<_>>(), messages);
    }
}
