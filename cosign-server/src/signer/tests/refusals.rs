//! Whatever a device asks of a key of its own is in the audit log, refused or not.

use cosign_core::{Code, DeviceId, KeyId, Op, PinMode, Purpose, Suite, keygen};

use crate::{
    domain::{key::Change, ports::Signer as _, services::Wanted},
    testing::{Phone, WRONG_PIN, World, caller, digest, name, records, status},
};

/// What the log says of a key since record `after`: operation and outcome.
async fn logged(world: &World, key_id: &KeyId, after: usize) -> Vec<(&'static str, &'static str)> {
    let records = records(world).await;
    let own = records.iter().skip(after).filter(|record| record.event.key_id == Some(*key_id));
    own.map(|record| (record.event.act.as_str(), record.event.outcome())).collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn refusals_of_every_kind_are_recorded() {
    let world = World::new().await;
    let phone = Phone::enrolled(&world, 1).await;
    let (record, key) = phone.key(&world, Purpose::Sign).await;
    let key_id = record.key_id();
    let guess = phone.unlock(&record, WRONG_PIN);
    let good = || phone.start(&world, &key, &[digest(1)]).0;
    let changed = |at: usize, value: u8| {
        let mut frame = good();
        frame[at] = value;
        frame
    };
    let late = {
        let frame = good();
        world.clock.advance(121_000);
        frame
    };
    let mut short = good();
    short.pop();
    let mut unreduced = good();
    unreduced[82..114].fill(0xff);
    for (what, frame, code) in [
        ("wrong PIN", phone.start(&world, &guess, &[digest(1)]).0, Code::Pin),
        ("late", late, Code::Time),
        ("another epoch", changed(23, 9), Code::Epoch),
        ("flags", changed(3, 1), Code::Version),
        ("no items", changed(81, 0), Code::Batch),
        ("too short", short, Code::Length),
        ("a digest out of range", unreduced, Code::Digest),
        ("a point off the curve", changed(120, good()[120] ^ 1), Code::Point),
    ] {
        let before = records(&world).await.len();
        assert_eq!(status(&phone.ask(&world, &frame).await), Some(code), "{what}");
        assert_eq!(logged(&world, &key_id, before).await, [("sign", code.name())], "{what}");
    }

    // Frames whose layout is unknown name no key.
    let before = records(&world).await.len();
    for frame in [changed(0, 9), changed(2, 0x77), good()[..20].to_vec(), Vec::new()] {
        assert!(status(&phone.ask(&world, &frame).await).is_some());
    }
    assert_eq!(records(&world).await.len(), before);

    world.operator.change(&key_id, Change::Freeze).await.unwrap();
    let before = records(&world).await.len();
    assert_eq!(status(&phone.ask(&world, &good()).await), Some(Code::Key));
    assert_eq!(status(&phone.ask(&world, &good()).await), Some(Code::Key));
    assert_eq!(logged(&world, &key_id, before).await, [("sign", "E_KEY"); 2], "frozen");
    world.operator.change(&key_id, Change::Revoke).await.unwrap();
    let before = records(&world).await.len();
    assert_eq!(status(&phone.ask(&world, &good()).await), Some(Code::Key));
    assert_eq!(logged(&world, &key_id, before).await, [("sign", "E_KEY")], "revoked");
    world.operator.verify_audit(None).await.unwrap().unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_a_stranger_claims_is_not_in_the_log() {
    let world = World::new().await;
    let phone = Phone::enrolled(&world, 1).await;
    let other = Phone::enrolled(&world, 2).await;
    let (_, key) = phone.key(&world, Purpose::Sign).await;
    let before = records(&world).await.len();
    let (frame, _) = phone.start(&world, &key, &[digest(1)]);
    assert_eq!(status(&other.ask(&world, &frame).await), Some(Code::Key));
    assert_eq!(status(&other.ask(&world, &frame[..90]).await), Some(Code::Length));
    // Nor what the owner asks of it as of a key of the other suite.
    let mut of_f2 = vec![0; 114];
    of_f2[..3].copy_from_slice(&[1, Suite::F2.byte(), Op::Commit.byte()]);
    of_f2[4..82].copy_from_slice(&frame[4..82]);
    assert_eq!(status(&phone.ask(&world, &of_f2).await), Some(Code::Key));
    assert_eq!(status(&phone.ask(&world, &of_f2[..90]).await), Some(Code::Length));
    world.operator.change(&key.key_id(), Change::Revoke).await.unwrap();
    assert_eq!(status(&phone.ask(&world, &of_f2).await), Some(Code::Key));
    let before = before + 1;
    let nobody = caller(Some(DeviceId::from_bytes([9; 32])));
    assert_eq!(status(&world.signer.answer(nobody, frame).await.unwrap()), Some(Code::Key));
    assert_eq!(records(&world).await.len(), before);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn key_generation_is_recorded_from_its_first_frame() {
    let world = World::new().await;
    let phone = Phone::enrolled(&world, 1).await;
    let issued = world
        .keys
        .issue(&phone.device, Wanted::New(Suite::D, Purpose::Sign, PinMode::Base), name("key"), None)
        .await
        .unwrap();
    let key_id = issued.key_id;
    let start = |purpose| keygen::start(key_id, Suite::D, purpose, &mut world.rng()).unwrap();
    assert_eq!(status(&phone.ask(&world, &start(Purpose::Encrypt).0).await), Some(Code::Key));
    let (frame, _) = start(Purpose::Sign);
    assert_eq!(status(&phone.ask(&world, &frame).await), None);
    assert_eq!(status(&phone.ask(&world, &frame).await), Some(Code::Key), "the id is used up");
    let mut open = vec![0; 324];
    open[..4].copy_from_slice(&[1, 1, Op::Open.byte(), 0]);
    open[4..36].copy_from_slice(&frame[4..36]);
    assert!(status(&phone.ask(&world, &open).await).is_some());
    let (_, other) = phone.pending_key(&world, Purpose::Sign).await;
    let mut activate = keygen::activate(&other, b"no request", &mut world.rng()).unwrap().0;
    activate[4..20].copy_from_slice(key_id.as_bytes());
    assert_eq!(status(&phone.ask(&world, &activate).await), Some(Code::Key));
    let log = logged(&world, &key_id, 0).await;
    assert_eq!(
        log,
        [
            ("issue", "ok"),
            ("keygen", "E_KEY"),
            ("keygen", "ok"),
            ("keygen", "E_KEY"),
            ("open", "E_POINT"),
            ("activate", "E_KEY"),
        ]
    );
}
