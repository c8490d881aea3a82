//! Keys in oblivious mode through their life.

use std::vec::Vec;

use getrandom::SysRng;
use sm_primitives::sm2::{PrivateKey, pke};

use super::{
    checks::digest,
    life::{NOW, Pair, done, pin},
    model::{OTHER, OWN},
};
use crate::{
    ApiMisuse, ClientKey, Code, DeviceId, DeviceKey, Error, KeyId, LocalRecord, MIN_ITERATIONS, PinMode,
    Purpose, Suite, decrypt,
    evaluate::{self, AwaitingEvaluation, Evaluated},
    import, keygen, refresh,
    server::{Gate, Issued, Origin, Status},
    split::{self, Kind, Receiver},
};

mod client;
mod server;

const TO: KeyId = KeyId::from_bytes([10; 16]);
const MISUSE: Option<Error> = Some(Error::ApiMisuse(ApiMisuse::PinMode));

fn active(suite: Suite, purpose: Purpose) -> Pair {
    Pair::pending_oblivious(suite, purpose).activated()
}

fn gate(pair: &Pair) -> Gate {
    pair.model.keys[&pair.key.key_id()].gate
}

fn counts(pair: &Pair) -> (u8, u8) {
    (gate(pair).fails, gate(pair).total)
}

/// Sends an evaluation as a device.
fn ask<T>(
    pair: &mut Pair,
    device: &DeviceId,
    waiting: AwaitingEvaluation<'_, T>,
) -> Result<Evaluated<T>, Error> {
    let answer = pair.model.handle(waiting.frame(), device, NOW, &mut SysRng);
    Ok(done(Ok(waiting.finish(&answer)?)))
}

/// Unlocks the pair's record: what the answer says of failures.
fn unlock(pair: &mut Pair, digits: &str) -> Result<u8, Error> {
    let (record, device_key, pin) =
        (LocalRecord::from_bytes(&pair.record.to_bytes()[..])?, device_key(pair), pin(digits));
    let waiting = evaluate::unlock(&record, &pin, &device_key, NOW, &mut SysRng)?;
    let Evaluated { outcome, failures } = ask(pair, &OWN, waiting)?;
    pair.key = outcome;
    Ok(failures)
}

fn device_key(pair: &Pair) -> DeviceKey {
    DeviceKey::from_bytes(*pair.device_key.expose_bytes())
}

/// Moves to new shares under a new PIN: the new record and the frame of R3.
fn renewed(
    pair: &mut Pair,
    digits: &str,
    new_digits: &str,
) -> (LocalRecord, Vec<u8>, refresh::AwaitingActivation) {
    let (old, new, device_key) = (pin(digits), pin(new_digits), device_key(pair));
    let record = LocalRecord::from_bytes(&pair.record.to_bytes()[..]).unwrap();
    let waiting =
        evaluate::unlock_and_renew(&record, &old, &new, &device_key, MIN_ITERATIONS, NOW, &mut SysRng);
    let (key, new_pin) = ask(pair, &OWN, waiting.unwrap()).unwrap().outcome;
    assert_eq!(counts(pair), (2, 2), "both PINs are guesses until one of them is shown to be right");
    let (r1, waiting) = refresh::start_evaluated(&key, new_pin, NOW, &mut SysRng).unwrap();
    let r2 = pair.model.handle(&r1, &OWN, NOW, &mut SysRng);
    let share = done(waiting.finish(&r2, &device_key));
    assert_eq!((counts(pair), share.failures), ((0, 0), 0));
    let stored = share.record.to_bytes();
    let wrong = share.confirm(&stored[..], &pin("000001"), &device_key, NOW, &mut SysRng).err();
    assert_eq!(wrong, Some(Error::InvalidRecord));
    let (r3, waiting) = share.confirm(&stored[..], &new, &device_key, NOW, &mut SysRng).unwrap();
    (share.record, r3, waiting)
}

#[test]
fn a_key_is_used_after_an_evaluation_that_the_right_pin_gives_back() {
    for suite in [Suite::D, Suite::F2] {
        let mut pair = active(suite, Purpose::Sign);
        assert_eq!((pair.record.pin_mode(), pair.record.to_bytes()[119]), (PinMode::Oblivious, 2));
        assert_eq!(unlock(&mut pair, "258013"), Ok(0));
        assert_eq!(counts(&pair), (1, 1));
        pair.sign(&[digest(1)]).unwrap();
        assert_eq!(gate(&pair), Gate::default());
        pair.sign(&[digest(2)]).unwrap();

        // A wrong PIN is counted once, and stays counted when the right one comes.
        unlock(&mut pair, "258014").unwrap();
        assert_eq!(pair.sign(&[digest(3)]).unwrap_err().code(), Some(Code::Pin));
        assert_eq!(counts(&pair), (1, 1));
        assert_eq!(pair.sign(&[digest(3)]).unwrap_err().code(), Some(Code::Pin), "a session of its own");
        assert_eq!(counts(&pair), (2, 2));
        assert_eq!(unlock(&mut pair, "258013"), Ok(2));
        pair.sign(&[digest(4)]).unwrap();
        assert_eq!(counts(&pair), (0, 2));
    }
}

#[test]
fn the_answer_to_the_tag_shows_the_failures_of_others() {
    let mut pair = active(Suite::D, Purpose::Encrypt);
    unlock(&mut pair, "000000").unwrap();
    unlock(&mut pair, "258013").unwrap();
    let ciphertext = pke::encrypt(pair.key.public_key(), b"bid", &mut SysRng).unwrap();
    let (frame, waiting) = decrypt::start(&pair.key, &[ciphertext], NOW, &mut SysRng).unwrap();
    let decrypted = done(waiting.finish(&pair.model.handle(&frame, &OWN, NOW, &mut SysRng)));
    assert_eq!((&decrypted.plaintexts[0][..], decrypted.failures), (&b"bid"[..], 1));
    assert_eq!(counts(&pair), (0, 1), "the evaluation that nobody claimed");
}

#[test]
fn a_refresh_takes_a_new_pin_and_keeps_the_key_of_the_function() {
    let mut pair = active(Suite::D, Purpose::Sign);
    let oprf = |pair: &Pair| pair.model.keys[&pair.key.key_id()].expose_secrets()[96..].to_vec();
    let before = oprf(&pair);
    unlock(&mut pair, "000000").unwrap();
    let key_id = pair.key.key_id();
    pair.model.keys.get_mut(&key_id).unwrap().gate = Gate::default();
    let (record, r3, waiting) = renewed(&mut pair, "258013", "777213");
    let r4 = pair.model.handle(&r3, &OWN, NOW, &mut SysRng);
    assert_eq!(done(waiting.finish(&r4)), refresh::Confirmation::Active { failures: 0 });
    assert_eq!((gate(&pair), oprf(&pair)), (Gate::default(), before));

    pair.record = record;
    unlock(&mut pair, "258013").unwrap();
    assert_eq!(pair.sign(&[digest(1)]).unwrap_err().code(), Some(Code::Pin), "the old PIN");
    unlock(&mut pair, "777213").unwrap();
    pair.sign(&[digest(1)]).unwrap();
}

#[test]
fn a_refresh_is_confirmed_after_a_restart() {
    let mut pair = active(Suite::D, Purpose::Sign);
    let (record, r3, _lost) = renewed(&mut pair, "258013", "777213");
    // Before and after it became active, the new record is evaluated and confirmed.
    for round in 0..2 {
        let (pin, device_key) = (pin("777213"), device_key(&pair));
        let waiting = evaluate::unlock(&record, &pin, &device_key, NOW, &mut SysRng).unwrap();
        let key = ask(&mut pair, &OWN, waiting).unwrap().outcome;
        assert_eq!(refresh::confirm(&record, &pin, &device_key, NOW, &mut SysRng).err(), MISUSE);
        let other = refresh::confirm_unlocked(&pair.record, &key, NOW, &mut SysRng).err();
        assert_eq!(other, Some(Error::InvalidRecord));
        let (again, waiting) = refresh::confirm_unlocked(&record, &key, NOW, &mut SysRng).unwrap();
        let r4 = pair.model.handle(&again, &OWN, NOW, &mut SysRng);
        assert_eq!(done(waiting.finish(&r4)), refresh::Confirmation::Active { failures: 0 });
        // Who recorded a confirmation may not turn guesses back with it: only the activation does.
        assert_eq!(counts(&pair), (0, round));
    }
    drop(r3);
}

#[test]
fn a_share_that_was_split_has_a_function_of_its_own() {
    let mut pair = active(Suite::D, Purpose::Sign);
    let own = pair.key.key_id();
    let issued = Issued {
        device: OTHER,
        suite: Suite::D,
        purpose: Purpose::Sign,
        mode: PinMode::Oblivious,
        origin: Origin::Split(own),
    };
    let receiver = Receiver::new(own, TO, OTHER, &mut SysRng).unwrap();
    for mode in [PinMode::Base, PinMode::Oblivious] {
        unlock(&mut pair, "258013").unwrap();
        pair.model.issued.insert(TO, Issued { mode, ..issued });
        let waiting = split::start(&pair.key, receiver.invitation(), Kind::Move, NOW, &mut SysRng).unwrap();
        let answer = pair.model.handle(waiting.frame(), &OWN, NOW, &mut SysRng);
        assert_eq!(counts(&pair), (0, 0));
        let progress = waiting.finish(&answer, &mut SysRng);
        if mode == PinMode::Base {
            assert_eq!(progress.err().and_then(|error| error.code()), Some(Code::Key));
            continue;
        }
        let handover = done(progress);
        assert_eq!(handover.sealed.len(), 97 + 148);
        let travelled = receiver.open(&handover.sealed).unwrap();
        assert_eq!(travelled.pin_mode(), PinMode::Oblivious);
        let [old, new] = [own, TO].map(|key_id| pair.model.keys[&key_id].expose_secrets()[96..].to_vec());
        assert_ne!(old, new);
        arrive(&mut pair, &travelled);
        assert_eq!(pair.model.keys[&own].status, Status::Revoked);
    }
}

#[test]
fn a_recovered_key_takes_its_mode_from_its_id() {
    let private_key = PrivateKey::generate(&mut SysRng).unwrap();
    let mut pair = active(Suite::D, Purpose::Sign);
    let issued = Issued {
        device: OTHER,
        suite: Suite::D,
        purpose: Purpose::Encrypt,
        mode: PinMode::Oblivious,
        origin: Origin::Recovered(*private_key.public_key()),
    };
    pair.model.issued.insert(TO, issued);
    let waiting = import::start(TO, Suite::D, PinMode::Oblivious, &private_key, &mut SysRng).unwrap();
    let answer = pair.model.handle(waiting.frame(), &OTHER, NOW, &mut SysRng);
    let travelled = waiting.finish(&answer).unwrap();
    arrive(&mut pair, &travelled);
}

/// The first refresh of a share that arrived, by the other device: one evaluation, for its new PIN.
fn arrive(pair: &mut Pair, travelled: &ClientKey) {
    assert_eq!(pair.model.keys[&TO].status, Status::Arriving);
    let (new, device_key) = (pin("314159"), DeviceKey::random(&mut SysRng).unwrap());
    let base = refresh::start(travelled, &new, &device_key, MIN_ITERATIONS, NOW, &mut SysRng).err();
    assert_eq!(base, MISUSE, "a mask that the device makes alone is no mask of this mode");
    let waiting = evaluate::renew(travelled, &new, &device_key, MIN_ITERATIONS, NOW, &mut SysRng).unwrap();
    let new_pin = ask(pair, &OTHER, waiting).unwrap().outcome;
    assert_eq!(pair.model.keys[&TO].gate.total, 1);
    let (r1, waiting) = refresh::start_evaluated(travelled, new_pin, NOW, &mut SysRng).unwrap();
    let r2 = pair.model.handle(&r1, &OTHER, NOW, &mut SysRng);
    let share = done(waiting.finish(&r2, &device_key));
    assert_eq!(pair.model.keys[&TO].gate, Gate::default());
    let stored = share.record.to_bytes();
    let (r3, waiting) = share.confirm(&stored[..], &new, &device_key, NOW, &mut SysRng).unwrap();
    let r4 = pair.model.handle(&r3, &OTHER, NOW, &mut SysRng);
    assert_eq!(done(waiting.finish(&r4)), refresh::Confirmation::Active { failures: 0 });
    assert_eq!(pair.model.keys[&TO].status, Status::Active);
    let waiting = evaluate::unlock(&share.record, &new, &device_key, NOW, &mut SysRng).unwrap();
    assert_eq!(ask(pair, &OTHER, waiting).unwrap().outcome.epoch(), 2);
}
