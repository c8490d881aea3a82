//! Op 0A: an attempt is counted, durably, before the server's part in a PIN leaves.

use std::{sync::atomic::Ordering, time::Duration};

use cosign_core::{ClientKey, Code, LocalRecord, Pin, Purpose, Suite, evaluate};

use super::{
    durable::obstinate,
    moves::code,
    oblivious::{key, unlock},
    operator,
};
use crate::{
    domain::{
        key::{Change, Gate},
        ports::Store as _,
    },
    testing::{PIN, Phone, WRONG_PIN, World, digest, records, row, status},
};

const DAY_MS: u64 = 24 * 3_600_000;
const SID: std::ops::Range<usize> = 24..40;

/// The frame of an evaluation.
fn frame(world: &World, phone: &Phone, record: &LocalRecord) -> Vec<u8> {
    let pin = Pin::new(PIN).unwrap();
    let waiting = evaluate::unlock(record, &pin, phone.device_key(), world.now_ms(), &mut world.rng());
    waiting.unwrap().frame().to_vec()
}

/// The same evaluation in another session, now.
fn elsewhere(world: &World, frame: &[u8], index: u8) -> Vec<u8> {
    let mut frame = frame.to_vec();
    frame[SID].fill(index);
    frame[40..48].copy_from_slice(&world.now_ms().to_be_bytes());
    frame
}

async fn counts(world: &World, key: &ClientKey) -> (u8, u8, bool) {
    let gate = row(world, &key.key_id()).await.gate;
    (gate.fails, gate.total, gate.charge.is_some())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_attempt_is_counted_across_a_restart_and_the_right_pin_gives_it_back() {
    for (suite, byte) in [(Suite::D, 1), (Suite::F2, 2)] {
        let world = World::new().await;
        let phone = Phone::enrolled(&world, 1).await;
        let (record, _) = key(&world, &phone, suite, Purpose::Sign).await;
        let key = unlock(&world, &phone, &record, PIN).await.unwrap();
        assert_eq!(counts(&world, &key).await, (1, 1, true));
        let world = world.restart().await;
        assert_eq!(counts(&world, &key).await, (1, 1, true));
        assert!(phone.sign(&world, &key, digest(byte)).await.is_ok());
        assert_eq!(row(&world, &key.key_id()).await.gate, Gate::default());
        let world = world.restart().await;
        assert_eq!(row(&world, &key.key_id()).await.gate, Gate::default());
        assert!(phone.sign(&world, &key, digest(3)).await.is_ok(), "and goes on without one");
        let log = records(&world).await;
        let evaluations: Vec<_> =
            log.iter().filter(|record| record.event.act.as_str() == "evaluate").collect();
        assert_eq!(evaluations.len(), 1);
        let event = &evaluations[0].event;
        assert_eq!((event.count, event.outcome(), event.h_req.is_some()), (1, "ok", true));
        world.operator.verify_audit(None).await.unwrap().unwrap();
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_wrong_pin_is_counted_once() {
    let world = World::new().await;
    let phone = Phone::enrolled(&world, 1).await;
    let (record, _) = key(&world, &phone, Suite::D, Purpose::Sign).await;
    let wrong = unlock(&world, &phone, &record, WRONG_PIN).await.unwrap();
    assert_eq!(code(phone.sign(&world, &wrong, digest(1)).await), Some(Code::Pin));
    assert_eq!(counts(&world, &wrong).await, (1, 1, false));
    let world = world.restart().await;
    assert_eq!(counts(&world, &wrong).await, (1, 1, false));
    // Without an evaluation of its own it counts as ever.
    assert_eq!(code(phone.sign(&world, &wrong, digest(1)).await), Some(Code::Pin));
    assert_eq!(counts(&world, &wrong).await, (2, 2, false));
    let right = unlock(&world, &phone, &record, PIN).await.unwrap();
    assert!(phone.sign(&world, &right, digest(1)).await.is_ok());
    assert_eq!(counts(&world, &right).await, (0, 2, false));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_identical_evaluation_is_free_until_its_attempt_was_used() {
    let world = World::new().await;
    let phone = Phone::enrolled(&world, 1).await;
    let (record, _) = key(&world, &phone, Suite::D, Purpose::Sign).await;
    let pin = Pin::new(PIN).unwrap();
    let waiting =
        evaluate::unlock(&record, &pin, phone.device_key(), world.now_ms(), &mut world.rng()).unwrap();
    let frame = waiting.frame().to_vec();
    let answer = phone.ask(&world, &frame).await;
    let cosign_core::Progress::Done(evaluated) = waiting.finish(&answer).unwrap() else { panic!("busy") };
    let key = evaluated.outcome;
    assert_eq!(phone.ask(&world, &frame).await, answer);
    let world = world.restart().await;
    assert_eq!(phone.ask(&world, &frame).await, answer, "computed anew");
    assert_eq!(counts(&world, &key).await, (1, 1, true));

    let mut other = frame.clone();
    other[47] ^= 1;
    assert_eq!(status(&phone.ask(&world, &other).await), Some(Code::SidConflict));
    assert_eq!(counts(&world, &key).await, (1, 1, true));

    assert!(phone.sign(&world, &key, digest(1)).await.is_ok());
    let world = world.restart().await;
    assert_eq!(status(&phone.ask(&world, &frame).await), Some(Code::Session));
    assert_eq!(counts(&world, &key).await, (0, 0, false));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_identical_evaluation_at_another_node_is_one_attempt() {
    let one = World::new().await;
    let (two, three) = (one.beside().await, one.beside().await);
    let phone = Phone::enrolled(&one, 1).await;
    let (record, key) = key(&one, &phone, Suite::D, Purpose::Sign).await;
    let frame = frame(&one, &phone, &record);
    let answer = phone.ask(&one, &frame).await;
    assert_eq!((status(&answer), counts(&one, &key).await), (None, (1, 1, true)));
    assert_eq!(phone.ask(&two, &frame).await, answer);
    assert_eq!(counts(&two, &key).await, (1, 1, true));
    // Another one of that session is refused, on record, and counts as none.
    let mut other = frame.clone();
    other[47] ^= 1;
    let before = records(&one).await.len();
    assert_eq!(status(&phone.ask(&three, &other).await), Some(Code::SidConflict));
    let log = records(&one).await.split_off(before);
    let log: Vec<_> = log.iter().map(|record| (record.event.act.as_str(), record.event.outcome())).collect();
    assert_eq!(log, [("evaluate", "E_SID_CONFLICT")]);
    assert_eq!(counts(&one, &key).await, (1, 1, true));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn evaluations_alone_lock_after_ten_and_the_last_attempt_is_good() {
    let world = World::new().await;
    let phone = Phone::enrolled(&world, 1).await;
    let (record, first) = key(&world, &phone, Suite::D, Purpose::Sign).await;
    let template = frame(&world, &phone, &record);
    for index in 1..=9 {
        let frame = elsewhere(&world, &template, index);
        assert_eq!(status(&phone.ask(&world, &frame).await), None, "{index}");
        if index >= 5 {
            let waits = phone.ask(&world, &elsewhere(&world, &template, 100 + index)).await;
            assert_eq!(status(&waits), Some(Code::Pin), "{index}");
        }
        world.clock.advance(DAY_MS);
    }
    let last = unlock(&world, &phone, &record, PIN).await.unwrap();
    assert_eq!(counts(&world, &last).await, (10, 10, true));
    let world = world.restart().await;
    world.clock.advance(DAY_MS);
    let refused = phone.ask(&world, &elsewhere(&world, &template, 50)).await;
    assert_eq!(status(&refused), Some(Code::Key));
    let refused = phone.sign(&world, &first, digest(1)).await;
    assert_eq!(code(refused), Some(Code::Key), "the right PIN in a session without an attempt");
    assert!(phone.sign(&world, &last, digest(1)).await.is_ok());
    assert_eq!(counts(&world, &last).await, (0, 9, false));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn thirty_evaluations_lock_whatever_succeeds_in_between_until_the_operator_unlocks() {
    let world = World::new().await;
    let phone = Phone::enrolled(&world, 1).await;
    let (record, owner) = key(&world, &phone, Suite::D, Purpose::Sign).await;
    let template = frame(&world, &phone, &record);
    for index in 1..=30 {
        assert_eq!(status(&phone.ask(&world, &elsewhere(&world, &template, index)).await), None, "{index}");
        let signed = phone.sign(&world, &owner, digest(index)).await;
        assert_eq!(signed.is_ok(), index < 30, "{index}");
    }
    let refused = phone.ask(&world, &elsewhere(&world, &template, 31)).await;
    assert_eq!(status(&refused), Some(Code::Key));
    assert_eq!(counts(&world, &owner).await, (1, 30, true));

    world.operator.unlock(&record.key_id()).await.unwrap();
    assert_eq!(counts(&world, &owner).await, (0, 0, false), "nothing can be given back any more");
    let key = unlock(&world, &phone, &record, PIN).await.unwrap();
    assert_eq!(code(phone.sign(&world, &key, digest(1)).await), Some(Code::Key), "a refresh first");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_evaluation_leaves_after_its_commit_or_did_not_happen() {
    let (world, store) = obstinate().await;
    let phone = Phone::enrolled(&world, 1).await;
    let (record, key) = key(&world, &phone, Suite::D, Purpose::Sign).await;
    let head = world.database.audit_tree().await.unwrap();
    let frame = frame(&world, &phone, &record);
    store.fails.store(true, Ordering::SeqCst);
    assert_eq!(status(&phone.ask(&world, &frame).await), Some(Code::Internal));
    store.fails.store(false, Ordering::SeqCst);
    assert_eq!(counts(&world, &key).await, (0, 0, false));
    assert_eq!(world.database.audit_tree().await.unwrap(), head);

    // The identical frame is not taken for one in progress, and is counted.
    let held = store.gate.acquire_many(u32::try_from(store.gate.available_permits()).unwrap()).await.unwrap();
    let answer = phone.ask(&world, &frame);
    tokio::pin!(answer);
    let waited = tokio::time::timeout(Duration::from_millis(300), answer.as_mut()).await;
    assert!(waited.is_err(), "the answer left before its commit");
    drop(held);
    assert_eq!(status(&answer.await), None);
    assert_eq!(counts(&world, &key).await, (1, 1, true));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_key_in_base_mode_is_evaluated_for_nobody_and_another_device_counts_nothing() {
    let world = World::new().await;
    let (phone, other) = (Phone::enrolled(&world, 1).await, Phone::enrolled(&world, 2).await);
    let (record, oblivious) = key(&world, &phone, Suite::D, Purpose::Sign).await;
    let (_, base) = phone.key(&world, Purpose::Sign).await;
    let frame = frame(&world, &phone, &record);
    let mut of_base = frame.clone();
    of_base[4..20].copy_from_slice(base.key_id().as_bytes());
    assert_eq!(status(&phone.ask(&world, &of_base).await), Some(Code::Key));
    assert_eq!(counts(&world, &base).await, (0, 0, false));
    assert_eq!(status(&other.ask(&world, &frame).await), Some(Code::Key));
    assert_eq!(counts(&world, &oblivious).await, (0, 0, false));
    assert_eq!(status(&phone.ask(&world, &frame).await), None);
}

/// The key that is in memory still looks active.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_key_that_was_frozen_elsewhere_is_not_evaluated() {
    let world = World::new().await;
    let phone = Phone::enrolled(&world, 1).await;
    let (record, key) = key(&world, &phone, Suite::D, Purpose::Sign).await;
    let frame = frame(&world, &phone, &record);
    let (operator, store) = operator::elsewhere(&world).await;
    operator.change(&record.key_id(), Change::Freeze).await.unwrap();
    assert_eq!(status(&phone.ask(&world, &frame).await), Some(Code::Key));
    assert_eq!(counts(&world, &key).await, (0, 0, false));
    operator.change(&record.key_id(), Change::Unfreeze).await.unwrap();
    assert_eq!(status(&phone.ask(&world, &frame).await), None);
    assert_eq!(counts(&world, &key).await, (1, 1, true));
    store.close().await;
}
