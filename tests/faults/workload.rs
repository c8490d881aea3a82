//! Owners of keys, each with a device of its own, who use them while things go wrong.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use cosign_core::{
    ClientKey, DeviceKey, Digest, LocalRecord, MIN_ITERATIONS, Pin, Progress, Purpose, Suite, decrypt,
    refresh, refresh::Confirmation, sign,
};
use cosign_tests::{network::now_ms, random::Seeded};
use getrandom::SysRng;
use sm_primitives::sm2::{Signature, dsa, pke};

use crate::{ledger::Ledger, make, way::Way};

/// Long, so that they are not found by chance.
pub(crate) const PINS: [&str; 2] = ["27182818284590452353", "16180339887498948482"];
pub(crate) const WRONG_PIN: &str = "31415926535897932384";
/// How long an owner tries to get an answer to one frame.
const PATIENCE: Duration = Duration::from_secs(20);
/// Key ids that an owner asks for: a device has 64 keys at most.
const MAX_NAMES: u64 = 40;
const PLAINTEXT: &[u8] = b"what was sealed to this key";

/// A key, unlocked.
pub(crate) struct Key {
    pub(crate) id: cosign_core::KeyId,
    pub(crate) key: ClientKey,
    guess: ClientKey,
    pin: usize,
    /// Wrong PINs in a row and since the last refresh, those that got no answer too.
    fails: u32,
    total: u32,
}

impl Key {
    pub(crate) fn new(record: &LocalRecord, pin: usize, device_key: &DeviceKey, ledger: &Ledger) -> Self {
        let unlock = |pin| record.unlock(&Pin::new(pin).unwrap(), device_key).unwrap();
        let (key, guess) = (unlock(PINS[pin % 2]), unlock(WRONG_PIN));
        let share = cosign_tests::naive::client_share(
            &record.to_bytes()[..],
            PINS[pin % 2],
            &device_key.expose_bytes(),
        );
        ledger.secret("a client's share", &cosign_tests::naive::bytes(&share));
        Self { id: record.key_id(), key, guess, pin, fails: 0, total: 0 }
    }
}

/// An owner with one key at a time.
pub(crate) struct Owner {
    pub(crate) way: Way,
    pub(crate) suite: Suite,
    pub(crate) purpose: Purpose,
    pub(crate) device_key: DeviceKey,
    pub(crate) draws: Seeded,
    pub(crate) ledger: Arc<Ledger>,
    pub(crate) stop: Arc<AtomicBool>,
    pub(crate) index: usize,
    pub(crate) names: u64,
    pub(crate) counter: u64,
}

impl Owner {
    pub(crate) fn is_over(&self) -> bool {
        self.stop.load(Ordering::Relaxed)
    }

    /// Uses keys until it is told to stop.
    pub(crate) async fn work(mut self) {
        let Some(mut key) = make::key(&mut self).await else { return };
        while !self.is_over() {
            match self.draws.below(100) {
                0..6 => self.guess(&mut key).await,
                6..14 => self.refresh(&mut key).await,
                14..16 if self.names < MAX_NAMES => {
                    self.freeze(&key).await;
                    match make::key(&mut self).await {
                        Some(made) => key = made,
                        None => return,
                    }
                }
                _ => self.operate(&mut key).await,
            }
            tokio::time::sleep(Duration::from_millis(5 + self.draws.below(60) as u64)).await;
        }
    }

    /// Sends a frame until there is an answer that says something; now and then once more.
    async fn ask(&mut self, frame: &[u8]) -> Option<Vec<u8>> {
        let answer = self.way.ask(frame, PATIENCE, &self.ledger).await;
        if self.draws.below(4) == 0 {
            self.way.turn();
            let _ = self.way.ask_once(frame, &self.ledger).await;
        }
        answer
    }

    fn digests(&mut self) -> Vec<Digest> {
        let count = [1, 1, 1, 2, 7][self.draws.below(5)];
        (0..count).map(|_| Digest::reduce(&self.draws.bytes(32).try_into().unwrap())).collect()
    }

    async fn operate(&mut self, key: &mut Key) {
        let done = match self.purpose {
            Purpose::Sign => {
                let digests = self.digests();
                self.sign(&key.key, &digests).await.is_some()
            }
            Purpose::Encrypt => self.decrypt(&key.key).await,
        };
        if done {
            key.fails = 0;
        }
    }

    /// Signs digests, in one round or two, if that comes to an end.
    pub(crate) async fn sign(&mut self, key: &ClientKey, digests: &[Digest]) -> Option<Vec<Signature>> {
        self.counter += 1;
        let (frame, mut waiting) = sign::start(key, digests, now_ms(), self.counter, &mut SysRng).unwrap();
        let mut frame = frame;
        loop {
            let answer = self.ask(&frame).await?;
            // The opening of a session that a node forgot, and the clock of a node, may be in the way.
            waiting = match waiting.finish(&answer) {
                Ok(Progress::Next(next)) => next,
                Ok(Progress::Done(signed)) => {
                    for (digest, signature) in digests.iter().zip(&signed.signatures) {
                        dsa::verify_digest(key.public_key(), digest.as_bytes(), signature).unwrap();
                        let signature = (*digest.as_bytes(), signature.r().to_bytes());
                        self.ledger.book().signatures.insert(signature);
                    }
                    return Some(signed.signatures);
                }
                Ok(Progress::Busy(_)) | Err(cosign_core::Error::Refused(_)) => return None,
                Err(error) => panic!("a signature that is none: {error}"),
            };
            frame = waiting.frame().to_vec();
        }
    }

    async fn decrypt(&mut self, key: &ClientKey) -> bool {
        let ciphertext = pke::encrypt(key.public_key(), PLAINTEXT, &mut SysRng).unwrap();
        let (frame, waiting) = decrypt::start(key, &[ciphertext], now_ms(), &mut SysRng).unwrap();
        let Some(answer) = self.ask(&frame).await else { return false };
        match waiting.finish(&answer) {
            Ok(Progress::Done(opened)) => {
                assert_eq!(opened.plaintexts[0][..], *PLAINTEXT);
                true
            }
            Ok(_) | Err(cosign_core::Error::Refused(_)) => false,
            Err(error) => panic!("a plaintext that is none: {error}"),
        }
    }

    /// A wrong PIN, as long as that makes nobody wait.
    async fn guess(&mut self, key: &mut Key) {
        if key.fails >= 3 || key.total >= 20 {
            return self.operate(key).await;
        }
        key.fails += 1;
        key.total += 1;
        self.counter += 1;
        let now = now_ms();
        let frame = match self.purpose {
            Purpose::Sign => {
                let digest = [Digest::reduce(&self.draws.bytes(32).try_into().unwrap())];
                sign::start(&key.guess, &digest, now, self.counter, &mut SysRng).unwrap().0
            }
            Purpose::Encrypt => {
                let ciphertext = pke::encrypt(key.key.public_key(), PLAINTEXT, &mut SysRng).unwrap();
                decrypt::start(&key.guess, &[ciphertext], now, &mut SysRng).unwrap().0
            }
        };
        if let Some(answer) = self.way.ask_once(&frame, &self.ledger).await {
            assert_ne!(answer[2], 0, "a wrong PIN was right");
        }
    }

    /// Changes the PIN; then the old share is of no use anywhere.
    async fn refresh(&mut self, key: &mut Key) {
        let pin = Pin::new(PINS[(key.pin + 1) % 2]).unwrap();
        let started = refresh::start(&key.key, &pin, &self.device_key, MIN_ITERATIONS, now_ms(), &mut SysRng);
        let (frame, waiting) = started.unwrap();
        self.ledger.secret("a client's part of a refresh", &frame[82..114]);
        self.ledger.secret("a MAC key", &frame[114..146]);
        let Some(answer) = self.ask(&frame).await else { return };
        let share = match waiting.finish(&answer, &self.device_key) {
            Ok(Progress::Done(share)) => share,
            Ok(_) | Err(cosign_core::Error::Refused(_)) => return,
            Err(error) => panic!("a share that is none: {error}"),
        };
        loop {
            let (frame, waiting) =
                refresh::confirm(&share.record, &pin, &self.device_key, now_ms(), &mut SysRng).unwrap();
            let answer = self.ask(&frame).await;
            match answer.map(|answer| waiting.finish(&answer)) {
                Some(Ok(Progress::Done(Confirmation::Active { .. }))) => break,
                Some(Ok(Progress::Done(Confirmation::Unknown))) => {
                    // Another frame of this refresh may have come later than the one that was answered.
                    return;
                }
                Some(Ok(_) | Err(cosign_core::Error::Refused(_))) | None => {}
                Some(Err(error)) => panic!("a confirmation that is none: {error}"),
            }
            // Not known which of the two holds: nothing else may be sent.
            if self.is_over() {
                return;
            }
        }
        let old =
            std::mem::replace(key, Key::new(&share.record, key.pin + 1, &self.device_key, &self.ledger));
        self.refused_everywhere(&old.key, "an old share was used").await;
    }

    /// Suspends the key by a named request, more than once; from its answer on no node uses it.
    async fn freeze(&mut self, key: &Key) {
        let name = format!("freeze-{}", key.id);
        let head = format!("POST /v1/keys/{}/freeze HTTP/1.1\r\nidempotency-key: {name}", key.id);
        // A frame that was sent before may still wait somewhere.
        let _ = self.operate_once(&key.key).await;
        loop {
            if self.way.http(&head, b"").await.is_some_and(|answer| answer.status == 200) {
                break;
            }
            if self.is_over() {
                return;
            }
        }
        self.refused_everywhere(&key.key, "a frozen key was used").await;
    }

    async fn operate_once(&mut self, key: &ClientKey) -> Option<Vec<u8>> {
        self.counter += 1;
        let frame = match self.purpose {
            Purpose::Sign => {
                let digests = self.digests();
                sign::start(key, &digests, now_ms(), self.counter, &mut SysRng).unwrap().0
            }
            Purpose::Encrypt => {
                let ciphertext = pke::encrypt(key.public_key(), PLAINTEXT, &mut SysRng).unwrap();
                decrypt::start(key, &[ciphertext], now_ms(), &mut SysRng).unwrap().0
            }
        };
        self.way.ask_once(&frame, &self.ledger).await
    }

    async fn refused_everywhere(&mut self, key: &ClientKey, what: &str) {
        for _ in 0..self.way.nodes() {
            self.way.turn();
            if let Some(answer) = self.operate_once(key).await {
                assert_ne!(answer[2], 0, "{what}");
            }
        }
    }
}
