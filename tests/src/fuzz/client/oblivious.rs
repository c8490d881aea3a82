//! Sessions in oblivious mode, from the client's side. A wrong part of the server's in a PIN gives a wrong key, with which
//! nothing is done.

use cosign_core::{
    ClientKey, MIN_ITERATIONS, Pin, Progress, Purpose,
    evaluate::{self, AwaitingEvaluation},
    keygen as generation, refresh as refreshment,
};

use super::{
    super::{
        AT, DECRYPT_D, DECRYPT_F2, Key, NEW_D, NEW_F2, SIGN_D, SIGN_F2, fixture, fixture::OBLIVIOUS,
        script::Script,
    },
    World,
    answer::{Likeness, Shape},
};
use crate::model::DEVICE;

/// Bytes before the evaluations in the answers of ops 0A and 14.
const EVALUATIONS: usize = 22;
const EVALUATION_OF_NEW: usize = 180;

impl World {
    /// Unlocks a key and uses it; or refreshes one that is locked, or unlocked. The first bit of what is done stands for a
    /// wrong PIN.
    pub(super) fn evaluate(&mut self, name: u8, script: &mut Script<'_>) -> Option<()> {
        let key = fixture().key(OBLIVIOUS + [SIGN_D, DECRYPT_D, SIGN_F2, DECRYPT_F2][usize::from(name % 4)]);
        let what = script.byte()?;
        if !self.may_derive() {
            return Some(());
        }
        let wrong = Pin::new("000000").unwrap();
        let pin = if what & 1 == 0 { &key.pin } else { &wrong };
        let Key { record, device_key, client, .. } = key;
        match what >> 1 & 3 {
            1 => {
                let waiting = evaluate::unlock_and_renew(
                    record,
                    pin,
                    &key.pin,
                    device_key,
                    MIN_ITERATIONS,
                    AT,
                    &mut self.rng,
                );
                let Some(((client, new), is_right)) = self.evaluated(waiting.unwrap(), 2, script)? else {
                    return Some(());
                };
                let started = refreshment::start_evaluated(&client, new, AT, &mut self.rng).unwrap();
                self.used(is_right && what & 1 == 0, |world| {
                    world.renewed(&client, DEVICE, key, started, script)
                })
            }
            2 => {
                let waiting =
                    evaluate::renew(client, &key.pin, device_key, MIN_ITERATIONS, AT, &mut self.rng);
                let Some((new, _)) = self.evaluated(waiting.unwrap(), 1, script)? else { return Some(()) };
                let started = refreshment::start_evaluated(client, new, AT, &mut self.rng).unwrap();
                self.renewed(client, DEVICE, key, started, script)
            }
            _ => {
                let waiting = evaluate::unlock(record, pin, device_key, AT, &mut self.rng);
                let Some((client, is_right)) = self.evaluated(waiting.unwrap(), 1, script)? else {
                    return Some(());
                };
                self.used(is_right && what & 1 == 0, |world| world.use_key(&client, script))
            }
        }
    }

    /// What an evaluation gave, and whether the server's part in the first PIN was the right one.
    fn evaluated<T>(
        &mut self,
        mut waiting: AwaitingEvaluation<'_, T>,
        items: usize,
        script: &mut Script<'_>,
    ) -> Option<Option<(T, bool)>> {
        let frame = waiting.frame().to_vec();
        let (outcome, answer) = loop {
            let answer = self.answer(&frame, Shape::items(items, 64), script)?;
            match waiting.finish(answer.bytes()) {
                Ok(Progress::Done(evaluated)) => break (Ok(evaluated.outcome), answer),
                Ok(Progress::Busy(same) | Progress::Next(same)) => waiting = same,
                Err(error) => break (Err(error), answer),
            }
            assert!(answer.is_busy());
            assert_eq!(waiting.frame(), frame, "only the identical frame may be sent again");
        };
        let likeness = answer.likeness_of_evaluation(EVALUATIONS, 9);
        assert!(outcome.is_ok() || likeness != Likeness::Failures, "nothing binds an evaluation");
        let outcome = self.ended(0x0a, outcome, likeness);
        Some(outcome.map(|outcome| (outcome, answer.is_right_point(EVALUATIONS))))
    }

    /// Uses a key, which is to come to nothing if it is not the right one.
    fn used(&mut self, is_right: bool, with: impl FnOnce(&mut Self) -> Option<()>) -> Option<()> {
        let before = self.outcomes.len();
        let done = with(self);
        let good = self.outcomes[before..].iter().any(|(_, error)| error.is_none());
        assert!(is_right || !good, "a wrong PIN did something");
        done
    }

    fn use_key(&mut self, key: &ClientKey, script: &mut Script<'_>) -> Option<()> {
        match key.purpose() {
            Purpose::Sign => self.sign_with(key, script),
            Purpose::Encrypt => self.decrypt_with(key, script),
        }
    }

    /// K1 to K4 in oblivious mode.
    pub(super) fn generate_oblivious(&mut self, name: u8, script: &mut Script<'_>) -> Option<()> {
        if !self.may_derive() {
            return Some(());
        }
        let name = OBLIVIOUS + if name < 3 { NEW_D } else { NEW_F2 };
        let (key_id, key) = (fixture().key_id(name), fixture().key(name));
        let (suite, rng) = (key.client.suite(), &mut self.rng);
        let started =
            generation::start_oblivious(key_id, suite, Purpose::Sign, &key.pin, MIN_ITERATIONS, rng);
        let (frame, waiting) = started.unwrap();
        let answer = self.answer(&frame, Shape::short(224), script)?;
        let outcome = waiting.finish(answer.bytes(), &key.device_key);
        let likeness = answer.likeness_of_evaluation(EVALUATION_OF_NEW, 0);
        assert!(outcome.is_ok() || likeness != Likeness::Failures, "nothing binds an evaluation");
        let Some((frame, waiting)) = self.ended(0x14, outcome, likeness) else { return Some(()) };
        let answer = self.answer(&frame, Shape::short(0), script)?;
        if let Some((record, key)) = self.ended(0x11, waiting.finish(answer.bytes()), answer.likeness()) {
            assert_eq!(record.public_key(), key.public_key());
            assert_eq!(self.server.keys[&key_id].public_key, *key.public_key());
        }
        Some(())
    }
}
