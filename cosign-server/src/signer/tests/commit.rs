//! Keys of suite F2: two rounds, the nonces between them in memory.

use std::{sync::atomic::Ordering, time::Duration};

use cosign_core::{ClientKey, Code, Op, PinMode, Progress, Purpose, Suite, keygen, sign::AwaitingSignatures};

use super::durable::obstinate;
use crate::{
    domain::{audit::Act, services::Wanted},
    testing::{Phone, WRONG_PIN, World, digest, name, records, row, status},
};

async fn world() -> (World, Phone, ClientKey) {
    let world = World::new().await;
    let phone = Phone::enrolled(&world, 1).await;
    let (_, key) = phone.key_of(&world, Suite::F2, Purpose::Sign).await;
    (world, phone, key)
}

/// A session that was committed to: the first frame, and what waits to be opened.
async fn committed<'k>(
    world: &World,
    phone: &Phone,
    key: &'k ClientKey,
) -> (Vec<u8>, AwaitingSignatures<'k>) {
    let (frame, awaiting) = phone.start(world, key, &[digest(1), digest(2)]);
    match awaiting.finish(&phone.ask(world, &frame).await).unwrap() {
        Progress::Next(awaiting) => (frame, awaiting),
        _ => panic!("one round only"),
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn both_rounds_are_in_the_log_and_the_second_says_what_was_signed() {
    let (world, phone, key) = world().await;
    assert_eq!(row(&world, &key.key_id()).await.suite, Suite::F2);
    let before = records(&world).await.len();
    let (_, awaiting) = committed(&world, &phone, &key).await;
    let answer = phone.ask(&world, awaiting.frame()).await;
    assert_eq!(
        phone.ask(&world, awaiting.frame()).await,
        answer,
        "the identical frame, the identical answer"
    );
    let Progress::Done(signed) = awaiting.finish(&answer).unwrap() else { panic!("not done") };
    let log = records(&world).await.split_off(before);
    let acts: Vec<_> =
        log.iter().map(|record| (record.event.act, record.event.count, record.event.result)).collect();
    assert_eq!(acts, [(Act::operation(Op::Commit), 2, 0), (Act::operation(Op::Reveal), 2, 0)]);
    assert!(log[0].event.items.is_empty());
    let logged: Vec<_> = log[1].event.items.iter().map(|item| (item.digest, item.r)).collect();
    let made: Vec<_> = [digest(1), digest(2)]
        .iter()
        .zip(&signed.signatures)
        .map(|(e, s)| (*e.as_bytes(), s.r().to_bytes()))
        .collect();
    assert_eq!(logged, made);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_wrong_pin_counts_with_the_commitment() {
    let world = World::new().await;
    let phone = Phone::enrolled(&world, 1).await;
    let (record, key) = phone.key_of(&world, Suite::F2, Purpose::Sign).await;
    let guess = phone.unlock(&record, WRONG_PIN);
    let (frame, _awaiting) = phone.start(&world, &guess, &[digest(1)]);
    let answer = phone.ask(&world, &frame).await;
    assert_eq!((status(&answer), answer.len()), (Some(Code::Pin), 22 + 5));
    assert_eq!(row(&world, &key.key_id()).await.gate.fails, 1);
    phone.sign(&world, &key, digest(1)).await.unwrap();
    assert_eq!(row(&world, &key.key_id()).await.gate.fails, 0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn neither_answer_leaves_before_its_commit() {
    let (world, store) = obstinate().await;
    let phone = Phone::enrolled(&world, 1).await;
    let (_, key) = phone.key_of(&world, Suite::F2, Purpose::Sign).await;
    let (_, mut awaiting) = phone.start(&world, &key, &[digest(1)]);
    for round in 0..2 {
        let frame = awaiting.frame().to_vec();
        let all = u32::try_from(store.gate.available_permits()).unwrap();
        let held = store.gate.acquire_many(all).await.unwrap();
        let answer = phone.ask(&world, &frame);
        tokio::pin!(answer);
        let waited = tokio::time::timeout(Duration::from_millis(300), answer.as_mut()).await;
        assert!(waited.is_err(), "answer {round} left before its commit");
        drop(held);
        awaiting = match awaiting.finish(&answer.await).unwrap() {
            Progress::Next(next) => next,
            Progress::Done(_) => return assert_eq!(round, 1),
            Progress::Busy(_) => panic!("busy"),
        };
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_failed_commit_ends_the_session_in_either_round() {
    let (world, store) = obstinate().await;
    let phone = Phone::enrolled(&world, 1).await;
    let (_, key) = phone.key_of(&world, Suite::F2, Purpose::Sign).await;
    let (frame, awaiting) = phone.start(&world, &key, &[digest(1)]);
    store.fails.store(true, Ordering::SeqCst);
    assert_eq!(status(&phone.ask(&world, &frame).await), Some(Code::Internal));
    store.fails.store(false, Ordering::SeqCst);
    // Nothing of it had become durable: the same commitment may be made again.
    let Progress::Next(awaiting) = awaiting.finish(&phone.ask(&world, &frame).await).unwrap() else {
        panic!("not the next round")
    };
    store.fails.store(true, Ordering::SeqCst);
    assert_eq!(status(&phone.ask(&world, awaiting.frame()).await), Some(Code::Internal));
    store.fails.store(false, Ordering::SeqCst);
    // The nonces had been used.
    assert_eq!(status(&phone.ask(&world, awaiting.frame()).await), Some(Code::Session));
    phone.sign(&world, &key, digest(1)).await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_restart_loses_the_session_and_nothing_else() {
    let (world, phone, key) = world().await;
    let (first, awaiting) = committed(&world, &phone, &key).await;
    let world = world.restart().await;
    assert_eq!(status(&phone.ask(&world, awaiting.frame()).await), Some(Code::Session));
    assert_eq!(status(&phone.ask(&world, &first).await), Some(Code::Session), "no second set of nonces");
    phone.sign(&world, &key, digest(1)).await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nonces_do_not_outlive_half_a_minute() {
    let (world, phone, key) = world().await;
    let (_, awaiting) = committed(&world, &phone, &key).await;
    world.clock.advance(30_001);
    world.signer.maintain().await;
    assert_eq!(status(&phone.ask(&world, awaiting.frame()).await), Some(Code::Session));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_key_that_is_frozen_between_the_rounds_signs_nothing() {
    let (world, phone, key) = world().await;
    let (_, awaiting) = committed(&world, &phone, &key).await;
    world.keys.freeze(&phone.device, &key.key_id(), None).await.unwrap();
    let before = records(&world).await.len();
    let answer = phone.ask(&world, awaiting.frame()).await;
    // Judged on the row before, committed on none; judged again, its session is gone.
    assert_eq!(status(&answer), Some(Code::Session));
    let log = records(&world).await.split_off(before);
    let log: Vec<_> = log.iter().map(|record| (record.event.outcome(), record.event.items.len())).collect();
    assert_eq!(log, [(Code::Session.name(), 0)]);
    assert_eq!(phone.sign(&world, &key, digest(1)).await.unwrap_err().code(), Some(Code::Key));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_key_id_is_good_for_its_suite_only() {
    let world = World::new().await;
    let phone = Phone::enrolled(&world, 1).await;
    for (suite, other) in [(Suite::D, Suite::F2), (Suite::F2, Suite::D)] {
        let issued = world
            .keys
            .issue(&phone.device, Wanted::New(suite, Purpose::Sign, PinMode::Base), name("key"), None)
            .await
            .unwrap();
        let start = |suite| keygen::start(issued.key_id, suite, Purpose::Sign, &mut world.rng()).unwrap().0;
        assert_eq!(status(&phone.ask(&world, &start(other)).await), Some(Code::Key));
        assert_eq!(status(&phone.ask(&world, &start(suite)).await), None);
    }
}
