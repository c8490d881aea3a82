//! Too many at once: who comes is told to come again, before anything is done for him.

use cosign_core::Purpose;

use crate::{
    domain::{
        Error,
        ports::{Clock as _, Signer as _},
    },
    testing::{Phone, QUEUE, World, caller, digest, records, status},
};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_comes_when_too_many_are_under_way_comes_again() {
    let world = World::new().await;
    let phone = Phone::enrolled(&world, 1).await;
    let (_, key) = phone.key(&world, Purpose::Sign).await;
    let before = records(&world).await.len();
    let limiter = &world.signer.core().limiter;
    let mut passes: Vec<_> = (0..QUEUE).map(|_| limiter.enter(world.clock.monotonic_ns()).unwrap()).collect();

    let (frame, awaiting) = phone.start(&world, &key, &[digest(1)]);
    let ask = || world.signer.answer(caller(Some(phone.device.id)), frame.clone());
    assert_eq!(ask().await, Err(Error::Busy));
    assert_eq!(records(&world).await.len(), before, "nothing happened");
    assert!(world.metrics().await.contains("cosign_operations_total{op=\"none\",code=\"E_BUSY\"} 1"));

    passes.pop();
    let answer = ask().await.unwrap();
    assert!(awaiting.finish(&answer).is_ok());
    drop(passes);
    // Whatever was let in is out again.
    let all: Vec<_> = (0..QUEUE).map(|_| limiter.enter(world.clock.monotonic_ns())).collect();
    assert!(all.iter().all(Option::is_some));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn when_everybody_waits_fewer_are_let_in() {
    let world = World::new().await;
    let phone = Phone::enrolled(&world, 1).await;
    let (record, key) = phone.key(&world, Purpose::Sign).await;
    let core = world.signer.core();
    // A window of its own.
    world.clock.advance(1_000);
    let passes: Vec<_> =
        (1..QUEUE).map(|_| core.limiter.enter(world.clock.monotonic_ns()).unwrap()).collect();
    let held = core.vault.lock(&record.key_id(), world.now_ms()).await;
    let (frame, _) = phone.start(&world, &key, &[digest(1)]);
    let asking = world.signer.answer(caller(Some(phone.device.id)), frame);
    tokio::pin!(asking);
    assert!(futures_util::poll!(&mut asking).is_pending());
    // The only one that is computed has waited a second for it.
    world.clock.advance(1_000);
    core.vault.release(&record.key_id(), held);
    assert_eq!(status(&asking.await.unwrap()), None);
    let enter = || core.limiter.enter(world.clock.monotonic_ns());
    let last = enter().unwrap();
    assert!(enter().is_none());
    world.clock.advance(1_000);
    drop(last);
    assert!(enter().is_none(), "there was room for one");
    drop(passes);
}
