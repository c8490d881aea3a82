//! Keys in oblivious mode: made, used, refreshed, moved, recovered, sealed.

use cosign_core::{
    ClientKey, Code, Error as CoreError, LocalRecord, MIN_ITERATIONS, Pin, PinMode, Progress, Purpose, Suite,
    evaluate::{self, AwaitingEvaluation},
    import, keygen,
    refresh::{self, NewShare},
    sm_primitives::sm2::PrivateKey,
    split::Kind,
};

use super::{
    super::{
        SealError,
        vault::{Hot, LoadError},
    },
    moves::{code, given},
    recovery::decrypts,
    refresh::{ACTIVE, NEW_PIN},
};
use crate::{
    domain::{
        key::{Gate, Status, StoredKey},
        ports::Store as _,
        services::Wanted,
    },
    testing::{PIN, Phone, World, digest, name, records, row, status},
};

/// A sealed record of `dB || dB^-1 || K_auth || k_o`.
const SEALED: usize = 17 + 128 + 16;

fn done<W, T>(progress: Progress<W, T>) -> T {
    match progress {
        Progress::Done(outcome) => outcome,
        Progress::Busy(_) | Progress::Next(_) => panic!("not done"),
    }
}

/// Sends an evaluation.
async fn evaluated<T>(
    world: &World,
    phone: &Phone,
    waiting: AwaitingEvaluation<'_, T>,
) -> Result<T, CoreError> {
    let answer = phone.ask(world, waiting.frame()).await;
    Ok(done(waiting.finish(&answer)?).outcome)
}

pub(super) async fn unlock(
    world: &World,
    phone: &Phone,
    record: &LocalRecord,
    digits: &str,
) -> Result<ClientKey, CoreError> {
    let pin = Pin::new(digits).unwrap();
    let waiting =
        evaluate::unlock(record, &pin, phone.device_key(), world.now_ms(), &mut world.rng()).unwrap();
    evaluated(world, phone, waiting).await
}

/// An active key in oblivious mode.
pub(super) async fn key(
    world: &World,
    phone: &Phone,
    suite: Suite,
    purpose: Purpose,
) -> (LocalRecord, ClientKey) {
    let wanted = Wanted::New(suite, purpose, PinMode::Oblivious);
    let issued = world.keys.issue(&phone.device, wanted, name("key"), None).await.unwrap();
    let (pin, mut rng) = (Pin::new(PIN).unwrap(), world.rng());
    let (frame, waiting) =
        keygen::start_oblivious(issued.key_id, suite, purpose, &pin, MIN_ITERATIONS, &mut rng).unwrap();
    let answer = phone.ask(world, &frame).await;
    let (frame, waiting) = waiting.finish(&answer, phone.device_key()).unwrap();
    let (record, key) = waiting.finish(&phone.ask(world, &frame).await).unwrap();
    let frame = phone.activation(world, &key).await;
    assert_eq!(status(&phone.ask(world, &frame).await), None);
    (record, key)
}

/// R1 and R2 of a key that is unlocked, with a new PIN.
async fn new_share(world: &World, phone: &Phone, key: &ClientKey) -> NewShare {
    let (pin, now_ms) = (Pin::new(NEW_PIN).unwrap(), world.now_ms());
    let waiting =
        evaluate::renew(key, &pin, phone.device_key(), MIN_ITERATIONS, now_ms, &mut world.rng()).unwrap();
    let new_pin = evaluated(world, phone, waiting).await.unwrap();
    let (frame, waiting) = refresh::start_evaluated(key, new_pin, now_ms, &mut world.rng()).unwrap();
    done(waiting.finish(&phone.ask(world, &frame).await, phone.device_key()).unwrap())
}

/// R3 by what is stored: a PIN is evaluated for it.
async fn confirmed(world: &World, phone: &Phone, share: &NewShare) -> ClientKey {
    let key = unlock(world, phone, &share.record, NEW_PIN).await.unwrap();
    let (frame, waiting) =
        refresh::confirm_unlocked(&share.record, &key, world.now_ms(), &mut world.rng()).unwrap();
    assert_eq!(waiting.finish(&phone.ask(world, &frame).await).map(done), ACTIVE);
    assert_eq!(row(world, &key.key_id()).await.gate, Gate::default());
    key
}

/// The key of the function of the PIN.
async fn function(world: &World, key: &ClientKey) -> Vec<u8> {
    let hot = Hot::unseal(row(world, &key.key_id()).await, world.sealer.keys()).unwrap().unwrap();
    hot.record.expose_secrets()[96..].to_vec()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_key_is_generated_in_the_mode_of_its_id() {
    let world = World::new().await;
    let phone = Phone::enrolled(&world, 1).await;
    let pin = Pin::new(PIN).unwrap();
    for (mode, [base, oblivious]) in
        [(PinMode::Base, [None, Some(Code::Key)]), (PinMode::Oblivious, [Some(Code::Key), None])]
    {
        let wanted = Wanted::New(Suite::D, Purpose::Sign, mode);
        let issued = world.keys.issue(&phone.device, wanted, name("key"), None).await.unwrap();
        let (key_id, mut rng) = (issued.key_id, world.rng());
        let frames = [
            (base, keygen::start(key_id, Suite::D, Purpose::Sign, &mut rng).unwrap().0),
            (
                oblivious,
                keygen::start_oblivious(key_id, Suite::D, Purpose::Sign, &pin, MIN_ITERATIONS, &mut rng)
                    .unwrap()
                    .0,
            ),
        ];
        // The wrong one first, and it does not use the id up.
        let [refused, taken] =
            if base.is_some() { [&frames[0], &frames[1]] } else { [&frames[1], &frames[0]] };
        for (expected, frame) in [refused, taken] {
            assert_eq!(status(&phone.ask(&world, frame).await), *expected, "{mode:?}");
        }
    }
    let log = records(&world).await;
    let acts = log.iter().map(|record| (record.event.act.as_str(), record.event.outcome()));
    let acts: Vec<_> = acts.filter(|(act, _)| act.starts_with("keygen")).collect();
    let expected =
        [("keygen_oblivious", "E_KEY"), ("keygen", "ok"), ("keygen", "E_KEY"), ("keygen_oblivious", "ok")];
    assert_eq!(acts, expected);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_refresh_is_confirmed_after_a_restart_and_keeps_the_function() {
    for (suite, byte) in [(Suite::D, 1), (Suite::F2, 2)] {
        let world = World::new().await;
        let phone = Phone::enrolled(&world, 1).await;
        let (record, key) = key(&world, &phone, suite, Purpose::Sign).await;
        assert!(phone.sign(&world, &key, digest(byte)).await.is_ok());
        let before = function(&world, &key).await;
        let share = new_share(&world, &phone, &key).await;
        assert_eq!(row(&world, &record.key_id()).await.gate, Gate::default(), "R1 gives it back");

        let world = world.restart().await;
        let key = confirmed(&world, &phone, &share).await;
        assert_eq!(function(&world, &key).await, before);
        let world = world.restart().await;
        let key = unlock(&world, &phone, &share.record, NEW_PIN).await.unwrap();
        assert!(phone.sign(&world, &key, digest(byte)).await.is_ok());
        let old = unlock(&world, &phone, &record, PIN).await;
        assert_eq!(code(old), Some(Code::Epoch), "no attempt is spent on the old record");
        let there = row(&world, &record.key_id()).await;
        assert_eq!((there.epoch, there.mode, there.gate), (2, PinMode::Oblivious, Gate::default()));
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_share_that_was_split_has_the_mode_and_a_function_of_its_own() {
    let world = World::new().await;
    let (old, new) = (Phone::enrolled(&world, 1).await, Phone::enrolled(&world, 2).await);
    let (_, key) = key(&world, &old, Suite::D, Purpose::Sign).await;
    let travelled = given(&world, (&old, &key), &new, Kind::Move).await;
    assert_eq!(travelled.pin_mode(), PinMode::Oblivious);
    let there = row(&world, &travelled.key_id()).await;
    assert_eq!((there.status, there.mode, there.share.len()), (Status::Arriving, PinMode::Oblivious, SEALED));
    assert_ne!(function(&world, &key).await, function(&world, &travelled).await);

    let world = world.restart().await;
    let share = new_share(&world, &new, &travelled).await;
    let moved = confirmed(&world, &new, &share).await;
    assert!(new.sign(&world, &moved, digest(1)).await.is_ok());
    assert_eq!(row(&world, &key.key_id()).await.status, Status::Revoked);
    assert_eq!(code(old.sign(&world, &key, digest(1)).await), Some(Code::Key));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_recovered_key_has_the_mode_of_its_id() {
    let world = World::new().await;
    let phone = Phone::enrolled(&world, 1).await;
    let private_key = PrivateKey::generate(&mut getrandom::SysRng).unwrap();
    let (public_key, mode) = (private_key.public_key(), PinMode::Oblivious);
    let recovery = world.operator.recover(public_key, &phone.device.id, Suite::D, mode, name("mail"));
    let key_id = recovery.await.unwrap().issued.key_id;
    let waiting = import::start(key_id, Suite::D, mode, &private_key, &mut world.rng()).unwrap();
    let answer = phone.ask(&world, waiting.frame()).await;
    let travelled = waiting.finish(&answer).unwrap();
    let there = row(&world, &key_id).await;
    assert_eq!((there.mode, there.share.len()), (mode, SEALED));
    let share = new_share(&world, &phone, &travelled).await;
    let key = confirmed(&world, &phone, &share).await;
    assert!(decrypts(&world, &phone, &key).await);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_function_is_sealed_with_the_share() {
    let world = World::new().await;
    let phone = Phone::enrolled(&world, 1).await;
    let (record, key) = key(&world, &phone, Suite::D, Purpose::Sign).await;
    let (_, base) = phone.key(&world, Purpose::Sign).await;
    let share = new_share(&world, &phone, &key).await;
    let [sealed, base] = [row(&world, &record.key_id()).await, row(&world, &base.key_id()).await];
    assert_eq!((sealed.share.len(), base.share.len()), (SEALED, SEALED - 32));

    // What is sealed for one mode opens in no other.
    for (mode, stored) in [(PinMode::Base, sealed.clone()), (PinMode::Oblivious, base)] {
        let changed = StoredKey { mode, ..stored };
        let refused = Hot::unseal(changed, world.sealer.keys()).err();
        assert_eq!(refused, Some(LoadError::Seal(SealError::Forged)), "{mode:?}");
    }

    // Under the next wrapping key, with the refresh that waits.
    let before = function(&world, &key).await;
    assert_eq!(world.sealer.rotate().await.unwrap(), 2);
    assert_eq!(world.sealer.reseal(None).await.unwrap(), (None, 2));
    world.sealer.drop_unused().await.unwrap();
    let world = world.restart().await;
    assert_eq!(world.database.wrapping_keys().await.unwrap().len(), 1);
    let resealed = row(&world, &record.key_id()).await;
    assert_ne!(resealed.share, sealed.share);
    assert_eq!((function(&world, &key).await, resealed.share.len()), (before, SEALED));
    let key = confirmed(&world, &phone, &share).await;
    assert!(phone.sign(&world, &key, digest(1)).await.is_ok());
}
