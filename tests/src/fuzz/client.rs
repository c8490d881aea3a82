//! What a server may answer to the client: a script of sessions of the client's role. A server model gives the right
//! answers, and the script changes them.
//!
//! A step is one byte, as in a script of the server: a key in its first three bits, an operation in the others. Whatever
//! arrives, a session ends with what is right, or with an error and nothing.

use std::sync::OnceLock;

use cosign_core::{
    ClientKey, DeviceId, Digest, Error, MIN_ITERATIONS, PinMode, Progress, decrypt as decryption,
    keygen as generation, refresh as refreshment, sign as signing,
};
use sm_primitives::{
    SecretScalar,
    sm2::{Ciphertext, dsa, hazmat},
};

use super::{AT, Key, fixture, script::Script};
use crate::{
    model::{DEVICE, Server},
    random::Seeded,
};

mod answer;
mod arrive;
mod oblivious;

use answer::{Changed, Likeness, Shape};
pub use arrive::OPENED_SHARE;

/// Most sessions of a script that are played.
const MAX_SESSIONS: usize = 8;

/// A session; `None` when the script ends within it.
type Step = fn(&mut World, u8, &mut Script<'_>) -> Option<()>;

/// Sessions by the number of their first op.
const STEPS: [(u8, Step); 9] = [
    (0x01, World::sign),
    (0x02, World::decrypt),
    (0x03, World::refresh),
    (0x08, World::split),
    (0x0a, World::evaluate),
    (0x10, World::generate),
    (0x12, World::activate),
    (0x13, World::import),
    (0x14, World::generate_oblivious),
];

struct World {
    server: Server,
    rng: Seeded,
    /// Right answers of before: another session's, or another step's.
    earlier: Vec<Vec<u8>>,
    counter: u64,
    /// How many more sessions may derive a PIN mask, which takes a thousand times as long as anything else.
    derivations: u8,
    /// First op and outcome of every session.
    outcomes: Vec<(u8, Option<Error>)>,
}

/// Plays a script without deriving a PIN mask; whether any session came to a good end.
pub(super) fn script(data: &[u8]) -> bool {
    outcomes(data, 0).iter().any(|(_, outcome)| outcome.is_none())
}

/// Plays a script with one session that derives PIN masks: a refresh, a key generation to its end, or any in oblivious
/// mode.
pub(super) fn script_with_pin(data: &[u8]) -> bool {
    outcomes(data, 1).iter().any(|(op, outcome)| outcome.is_none() && matches!(op, 0x05 | 0x11))
}

/// Plays a script with so many derivations of a PIN mask: the op of every answer that ended a session or was the last
/// but one of it, and why if it did not end well.
#[must_use]
pub fn outcomes(data: &[u8], derivations: u8) -> Vec<(u8, Option<Error>)> {
    let mut world = World {
        server: fixture().server(),
        rng: Seeded::new(1),
        earlier: Vec::new(),
        counter: 0,
        derivations,
        outcomes: Vec::new(),
    };
    world.server.free_seats = 1;
    let mut script = Script::new(data);
    for _ in 0..MAX_SESSIONS {
        if world.step(&mut script).is_none() {
            break;
        }
    }
    world.outcomes
}

/// An error that an answer may cause: none says that the caller, the record or the random source was at fault.
fn assert_answered(error: &Error) {
    let answered = matches!(error, Error::InvalidMessage(_) | Error::PeerMisbehaved(_));
    assert!(answered || matches!(error, Error::Refused(_) | Error::UnknownStatus(_)), "{error:?}");
}

impl World {
    fn step(&mut self, script: &mut Script<'_>) -> Option<()> {
        let code = script.byte()?;
        match STEPS.iter().find(|(number, _)| *number == code & 0x1f) {
            Some((_, step)) => step(self, code >> 5, script),
            None => Some(()),
        }
    }

    const fn may_derive(&mut self) -> bool {
        let may = self.derivations > 0;
        self.derivations = self.derivations.saturating_sub(1);
        may
    }

    /// The server's answer to a frame, changed as the script says.
    fn answer(&mut self, frame: &[u8], shape: Shape, script: &mut Script<'_>) -> Option<Changed> {
        self.answer_to(DEVICE, frame, shape, script)
    }

    /// The same to another device.
    fn answer_to(
        &mut self,
        device: DeviceId,
        frame: &[u8],
        shape: Shape,
        script: &mut Script<'_>,
    ) -> Option<Changed> {
        let right = self.server.handle(frame, &device, AT, &mut self.rng);
        let changed = answer::change(&right, shape, &self.earlier, script);
        self.earlier.push(right);
        changed
    }

    /// Judges the end of a session: it is good exactly if every answer was.
    fn ended<T>(&mut self, op: u8, outcome: Result<T, Error>, likeness: Likeness) -> Option<T> {
        self.outcomes.push((op, outcome.as_ref().err().copied()));
        match outcome {
            Ok(outcome) => {
                assert_ne!(likeness, Likeness::Other, "a changed answer was accepted");
                Some(outcome)
            }
            Err(error) => {
                assert_answered(&error);
                let refused = matches!(error, Error::Refused(_));
                assert!(likeness != Likeness::Same || refused, "the right answer was not taken: {error:?}");
                None
            }
        }
    }

    fn sign(&mut self, name: u8, script: &mut Script<'_>) -> Option<()> {
        self.sign_with(&fixture().key(name).client, script)
    }

    fn sign_with(&mut self, key: &ClientKey, script: &mut Script<'_>) -> Option<()> {
        let count = script.byte()? % 4 + 1;
        let digests: Vec<_> =
            (1..=count).map(|byte| Digest::reduce(&[byte.wrapping_mul(0x55); 32])).collect();
        self.counter += 1;
        let started = signing::start(key, &digests, AT, self.counter, &mut self.rng);
        let (frame, mut waiting) = started.unwrap();
        assert_eq!(frame, waiting.frame());
        let mut likeness = Likeness::Same;
        let outcome = loop {
            let frame = waiting.frame().to_vec();
            let item = match frame[2] {
                1 => 96,
                6 => 64,
                _ => 32,
            };
            let answer = self.answer(&frame, Shape::items(count.into(), item), script)?;
            let finished = waiting.finish(answer.bytes());
            if let Ok(Progress::Busy(same)) = finished {
                assert!(answer.is_busy());
                assert_eq!(same.frame(), frame, "only the identical frame may be sent again");
                waiting = same;
                continue;
            }
            likeness = likeness.max(answer.likeness());
            match finished {
                Ok(Progress::Done(signed)) => break Ok(signed),
                Ok(Progress::Next(next) | Progress::Busy(next)) => waiting = next,
                Err(error) => break Err(error),
            }
        };
        if let Some(signed) = self.ended(0x01, outcome, likeness) {
            assert_eq!(signed.signatures.len(), digests.len());
            for (digest, signature) in digests.iter().zip(&signed.signatures) {
                dsa::verify_digest(key.public_key(), digest.as_bytes(), signature).unwrap();
            }
        }
        Some(())
    }

    fn decrypt(&mut self, name: u8, script: &mut Script<'_>) -> Option<()> {
        let name = if name < 3 { super::DECRYPT_D } else { super::DECRYPT_F2 };
        self.decrypt_with(&fixture().key(name).client, script)
    }

    fn decrypt_with(&mut self, key: &ClientKey, script: &mut Script<'_>) -> Option<()> {
        let started = decryption::start(key, ciphertexts(key), AT, &mut self.rng);
        let (frame, mut waiting) = started.unwrap();
        let outcome = loop {
            let answer = self.answer(&frame, Shape::items(2, 64), script)?;
            match waiting.finish(answer.bytes()) {
                Ok(Progress::Done(opened)) => break (Ok(opened), answer.likeness()),
                Ok(Progress::Busy(same) | Progress::Next(same)) => waiting = same,
                Err(error) => break (Err(error), answer.likeness()),
            }
        };
        if let Some(opened) = self.ended(0x02, outcome.0, outcome.1) {
            let texts: Vec<&[u8]> = opened.plaintexts.iter().map(|text| &text[..]).collect();
            assert_eq!(texts, MESSAGES);
        }
        Some(())
    }

    fn refresh(&mut self, name: u8, script: &mut Script<'_>) -> Option<()> {
        let key = fixture().key(name);
        self.renew(&key.client, DEVICE, key, script)
    }

    /// R1 to R4 under the PIN and device secret of `key`. What is confirmed is the new share as it was stored.
    fn renew(
        &mut self,
        client: &ClientKey,
        device: DeviceId,
        key: &Key,
        script: &mut Script<'_>,
    ) -> Option<()> {
        if !self.may_derive() {
            return Some(());
        }
        let started =
            refreshment::start(client, &key.pin, &key.device_key, MIN_ITERATIONS, AT, &mut self.rng);
        self.renewed(client, device, key, started.unwrap(), script)
    }

    /// R2 to R4.
    fn renewed(
        &mut self,
        client: &ClientKey,
        device: DeviceId,
        key: &Key,
        (frame, waiting): (impl AsRef<[u8]>, refreshment::AwaitingShare<'_>),
        script: &mut Script<'_>,
    ) -> Option<()> {
        let answer = self.answer_to(device, frame.as_ref(), Shape::items(1, 96), script)?;
        let renewed = match waiting.finish(answer.bytes(), &key.device_key) {
            Ok(Progress::Done(renewed)) => Ok(renewed),
            Ok(Progress::Busy(_) | Progress::Next(_)) => return Some(()),
            Err(error) => Err(error),
        };
        let Some(renewed) = self.ended(0x03, renewed, answer.likeness()) else { return Some(()) };
        assert_eq!(renewed.record.epoch(), client.epoch() + 1);
        assert_eq!(renewed.record.public_key(), client.public_key());
        let stored = renewed.record.to_bytes();
        let (frame, waiting) =
            renewed.confirm(&stored[..], &key.pin, &key.device_key, AT, &mut self.rng).unwrap();
        let answer = self.answer_to(device, &frame, Shape::items(1, 1), script)?;
        // The last byte says whether the server knows the refresh.
        let outcome = match waiting.finish(answer.bytes()) {
            Ok(Progress::Done(refreshment::Confirmation::Active { .. })) => Ok(()),
            Ok(_) => return Some(()),
            Err(error) => Err(error),
        };
        self.ended(0x05, outcome, answer.likeness());
        Some(())
    }

    /// K1 to K4.
    fn generate(&mut self, name: u8, script: &mut Script<'_>) -> Option<()> {
        let name = if name < 3 { super::NEW_D } else { super::NEW_F2 };
        let fixture = fixture();
        let (key_id, key) = (fixture.key_id(name), fixture.key(name));
        let suite = key.client.suite();
        let purpose = cosign_core::Purpose::Sign;
        let (frame, waiting) = generation::start(key_id, suite, purpose, &mut self.rng).unwrap();
        let answer = self.answer(&frame, Shape::short(160), script)?;
        if answer.likeness() == Likeness::Same && !self.may_derive() {
            return Some(());
        }
        let outcome =
            waiting.finish(answer.bytes(), &key.pin, &key.device_key, MIN_ITERATIONS, &mut self.rng);
        let Some((frame, waiting)) = self.ended(0x10, outcome, answer.likeness()) else { return Some(()) };
        let answer = self.answer(&frame, Shape::short(0), script)?;
        if let Some((record, key)) = self.ended(0x11, waiting.finish(answer.bytes()), answer.likeness()) {
            assert_eq!(record.public_key(), key.public_key());
            assert_eq!(self.server.keys[&key_id].public_key, *key.public_key());
        }
        Some(())
    }

    /// Op 12, with a certification request that the server need not look at.
    fn activate(&mut self, name: u8, script: &mut Script<'_>) -> Option<()> {
        let key = &fixture().key(name);
        let (frame, waiting) = generation::activate(&key.client, &key.request, &mut self.rng).unwrap();
        let answer = self.answer(&frame, Shape::short(0), script)?;
        let likeness = if answer.is_agreement() { Likeness::Failures } else { answer.likeness() };
        self.ended(0x12, waiting.finish(answer.bytes()), likeness);
        Some(())
    }
}

const MESSAGES: [&[u8]; 2] = [b"first", b"second"];

/// What `decrypt` asks to be opened.
fn ciphertexts(key: &ClientKey) -> &'static [Ciphertext] {
    static OF_KEYS: [OnceLock<Vec<Ciphertext>>; 4] = [const { OnceLock::new() }; 4];
    let oblivious = key.pin_mode() == PinMode::Oblivious;
    OF_KEYS[usize::from(key.suite().byte()) - 1 + 2 * usize::from(oblivious)].get_or_init(|| {
        let sealed = MESSAGES.iter().zip(21..).map(|(message, seed)| {
            let nonce = SecretScalar::random(&mut Seeded::new(seed)).unwrap();
            hazmat::encrypt_with_nonce(key.public_key(), message, nonce).unwrap()
        });
        sealed.collect()
    })
}
