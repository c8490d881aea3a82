//! The PIN gate: counted, durable, never outrun.

use cosign_core::{Code, Purpose};
use futures_util::future::join_all;

use crate::testing::{PIN, Phone, WRONG_PIN, World, digest, row, status};

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn parallel_guesses_never_outrun_the_counter() {
    let world = World::new().await;
    let phone = Phone::enrolled(&world, 1).await;
    let (record, _) = phone.key(&world, Purpose::Sign).await;
    let guess = phone.unlock(&record, WRONG_PIN);
    let frames: Vec<_> = (0..8).map(|index| phone.start(&world, &guess, &[digest(index)]).0).collect();
    let answers = join_all(frames.iter().map(|frame| phone.ask(&world, frame))).await;
    assert!(answers.iter().all(|answer| status(answer) == Some(Code::Pin)));
    // Five guesses are compared; from then on a wait runs and the others are not looked at.
    let mut remaining: Vec<_> = answers.iter().map(|answer| answer[22]).collect();
    remaining.sort_unstable();
    assert_eq!(remaining, [5, 5, 5, 5, 6, 7, 8, 9]);
    assert_eq!(row(&world, &record.key_id()).await.gate.fails, 5);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn counters_and_waits_survive_restarts() {
    let world = World::new().await;
    let phone = Phone::enrolled(&world, 1).await;
    let (record, key) = phone.key(&world, Purpose::Sign).await;
    let guess = phone.unlock(&record, WRONG_PIN);
    let mut world = world;
    for fails in 1..=5u8 {
        let answer = phone.ask(&world, &phone.start(&world, &guess, &[digest(fails)]).0).await;
        assert_eq!((status(&answer), answer[22]), (Some(Code::Pin), 10 - fails));
        world = world.restart().await;
        assert_eq!(row(&world, &record.key_id()).await.gate.fails, fails);
    }
    // The wait runs on across the restart, for the right PIN too.
    let answer = phone.ask(&world, &phone.start(&world, &key, &[digest(9)]).0).await;
    assert_eq!((status(&answer), &answer[23..27]), (Some(Code::Pin), &[0, 0, 0, 60][..]));
    world.clock.advance(60_000);
    assert!(phone.sign(&world, &key, digest(9)).await.is_ok());
    let gate = row(&world, &record.key_id()).await.gate;
    assert_eq!((gate.fails, gate.total), (0, 5));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn ten_failures_lock_and_only_the_operator_unlocks() {
    let world = World::new().await;
    let phone = Phone::enrolled(&world, 1).await;
    let (record, key) = phone.key(&world, Purpose::Sign).await;
    let guess = phone.unlock(&record, WRONG_PIN);
    for fails in 0..10u8 {
        let answer = phone.ask(&world, &phone.start(&world, &guess, &[digest(fails)]).0).await;
        assert_eq!(status(&answer), Some(Code::Pin), "{fails}");
        world.clock.advance(86_400_000);
    }
    let answer = phone.ask(&world, &phone.start(&world, &key, &[digest(1)]).0).await;
    assert_eq!(status(&answer), Some(Code::Key));
    let view = world.operator.key(&record.key_id()).await.unwrap();
    assert!(view.pin.locked);

    // Unlocked by the operator: signing needs a refresh first.
    world.operator.unlock(&record.key_id()).await.unwrap();
    let answer = phone.ask(&world, &phone.start(&world, &key, &[digest(1)]).0).await;
    assert_eq!(status(&answer), Some(Code::Key));
    let gate = row(&world, &record.key_id()).await.gate;
    assert_eq!((gate.fails, gate.total, gate.refresh_required), (0, 0, true));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_success_after_failures_is_durable_before_the_signature() {
    let world = World::new().await;
    let phone = Phone::enrolled(&world, 1).await;
    let (record, key) = phone.key(&world, Purpose::Sign).await;
    let guess = phone.unlock(&record, WRONG_PIN);
    phone.ask(&world, &phone.start(&world, &guess, &[digest(1)]).0).await;
    assert!(phone.sign(&world, &phone.unlock(&record, PIN), digest(2)).await.is_ok());
    let world = world.restart().await;
    assert_eq!(row(&world, &key.key_id()).await.gate.fails, 0);
    assert_eq!(row(&world, &key.key_id()).await.gate.total, 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_device_that_keeps_failing_is_asked_to_wait() {
    use crate::{
        domain::{Error, ports::Signer as _},
        testing::caller,
    };
    let world = World::new().await;
    let phone = Phone::enrolled(&world, 1).await;
    let mut frame = vec![1, 1, 1, 0];
    frame.resize(82 + 160, 0);
    frame[81] = 1;
    for _ in 0..120 {
        assert_eq!(status(&phone.ask(&world, &frame).await), Some(Code::Key));
    }
    let refused = world.signer.answer(caller(Some(phone.device.id)), frame.clone()).await;
    assert!(matches!(refused, Err(Error::TooManyRequests { retry_after_s: 1..=60 })));
    world.clock.advance(60_000);
    assert_eq!(status(&phone.ask(&world, &frame).await), Some(Code::Key));
    let anonymous = world.signer.answer(caller(None), frame).await;
    assert_eq!(anonymous, Err(Error::NoClientCertificate));
}
