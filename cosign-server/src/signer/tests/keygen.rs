//! Key generation and activation.

use cosign_core::{Code, DeviceKey, MIN_ITERATIONS, Pin, PinMode, Purpose, Suite, keygen};

use crate::{
    domain::{key::Status, services::Wanted},
    testing::{PIN, Phone, World, digest, name, row, status},
};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_key_is_made_activated_and_used() {
    let world = World::new().await;
    let phone = Phone::enrolled(&world, 1).await;
    let (record, key) = phone.pending_key(&world, Purpose::Sign).await;
    assert_eq!(row(&world, &record.key_id()).await.status, Status::Pending);
    let activation = phone.activation(&world, &key).await;
    // A pending key signs once, and that is remembered across a restart.
    let world = world.restart().await;
    let answer = phone.ask(&world, &phone.start(&world, &key, &[digest(1)]).0).await;
    assert_eq!(status(&answer), Some(Code::Quota));
    assert_eq!(status(&phone.ask(&world, &activation).await), None);
    let world = world.restart().await;
    assert_eq!(row(&world, &record.key_id()).await.status, Status::Active);
    assert!(phone.sign(&world, &key, digest(1)).await.is_ok());
    assert_eq!(status(&phone.ask(&world, &activation).await), Some(Code::Key));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_key_id_is_good_once_for_its_device_and_purpose() {
    let world = World::new().await;
    let (phone, other) = (Phone::enrolled(&world, 1).await, Phone::enrolled(&world, 2).await);
    let issued = world
        .keys
        .issue(&phone.device, Wanted::New(Suite::D, Purpose::Sign, PinMode::Base), name("key"), None)
        .await
        .unwrap();
    let start = |purpose| keygen::start(issued.key_id, Suite::D, purpose, &mut world.rng()).unwrap().0;
    assert_eq!(status(&other.ask(&world, &start(Purpose::Sign)).await), Some(Code::Key));
    assert_eq!(status(&phone.ask(&world, &start(Purpose::Encrypt)).await), Some(Code::Key));
    assert_eq!(status(&phone.ask(&world, &start(Purpose::Sign)).await), None);
    assert_eq!(status(&phone.ask(&world, &start(Purpose::Sign)).await), Some(Code::Key));
    // Used up durably, although the key generation was lost.
    let world = world.restart().await;
    let again = keygen::start(issued.key_id, Suite::D, Purpose::Sign, &mut world.rng()).unwrap().0;
    assert_eq!(status(&phone.ask(&world, &again).await), Some(Code::Key));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_issued_id_expires() {
    let world = World::new().await;
    let phone = Phone::enrolled(&world, 1).await;
    let issued = world
        .keys
        .issue(&phone.device, Wanted::New(Suite::D, Purpose::Sign, PinMode::Base), name("key"), None)
        .await
        .unwrap();
    world.clock.advance(issued.expires_ms - issued.issued_ms);
    let frame = keygen::start(issued.key_id, Suite::D, Purpose::Sign, &mut world.rng()).unwrap().0;
    assert_eq!(status(&phone.ask(&world, &frame).await), Some(Code::Key));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_opening_is_for_its_device_in_its_minute_and_once() {
    let world = World::new().await;
    let (phone, other) = (Phone::enrolled(&world, 1).await, Phone::enrolled(&world, 2).await);
    let (pin, device_key) = (Pin::new(PIN).unwrap(), DeviceKey::from_bytes([3; 32]));
    for late_ms in [0, 60_000, 60_001] {
        let issued = world
            .keys
            .issue(&phone.device, Wanted::New(Suite::D, Purpose::Sign, PinMode::Base), name("key"), None)
            .await
            .unwrap();
        let (frame, awaiting) =
            keygen::start(issued.key_id, Suite::D, Purpose::Sign, &mut world.rng()).unwrap();
        let answer = phone.ask(&world, &frame).await;
        let (frame, _) =
            awaiting.finish(&answer, &pin, &device_key, MIN_ITERATIONS, &mut world.rng()).unwrap();
        // Another device's attempt takes nothing away.
        assert_eq!(status(&other.ask(&world, &frame).await), Some(Code::Key));
        world.clock.advance(late_ms);
        let expected = if late_ms > 60_000 { Some(Code::Key) } else { None };
        assert_eq!(status(&phone.ask(&world, &frame).await), expected, "{late_ms}");
        assert_eq!(status(&phone.ask(&world, &frame).await), Some(Code::Key));
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_device_has_few_key_generations_at_a_time() {
    let world = World::new().await;
    let phone = Phone::enrolled(&world, 1).await;
    let mut codes = Vec::new();
    for _ in 0..9 {
        let issued = world
            .keys
            .issue(&phone.device, Wanted::New(Suite::D, Purpose::Sign, PinMode::Base), name("key"), None)
            .await
            .unwrap();
        let frame = keygen::start(issued.key_id, Suite::D, Purpose::Sign, &mut world.rng()).unwrap().0;
        codes.push(status(&phone.ask(&world, &frame).await));
    }
    assert!(codes[..8].iter().all(Option::is_none));
    assert_eq!(codes[8], Some(Code::Busy));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_key_never_activated_is_destroyed_after_a_day() {
    let world = World::new().await;
    let phone = Phone::enrolled(&world, 1).await;
    let (record, _) = phone.pending_key(&world, Purpose::Sign).await;
    world.clock.advance(86_400_001);
    world.signer.maintain().await;
    let row = row(&world, &record.key_id()).await;
    assert_eq!((row.status, row.share.len()), (Status::Revoked, 0));
}
