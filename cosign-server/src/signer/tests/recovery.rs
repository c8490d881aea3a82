//! A recovered decryption key: what is left of it is revoked, and one device imports it.

use cosign_core::{
    ClientKey, Code, Error as CoreError, KeyId, PinMode, Progress, Purpose, Suite, decrypt, import,
    sm_primitives::sm2::{PrivateKey, PublicKey, pke},
};

use super::moves::{arrive, code};
use crate::{
    domain::{
        Error,
        key::{Change, Origin, RECOVERY_TTL_MS, Status},
    },
    testing::{Phone, World, digest, name, records, row},
};

async fn recovered(world: &World, phone: &Phone, public_key: &PublicKey) -> KeyId {
    let recovery =
        world.operator.recover(public_key, &phone.device.id, Suite::D, PinMode::Base, name("mail")).await;
    recovery.unwrap().issued.key_id
}

async fn imported(
    world: &World,
    phone: &Phone,
    key_id: KeyId,
    private_key: &PrivateKey,
) -> Result<ClientKey, CoreError> {
    let waiting = import::start(key_id, Suite::D, PinMode::Base, private_key, &mut world.rng()).unwrap();
    let answer = phone.ask(world, waiting.frame()).await;
    waiting.finish(&answer)
}

pub(super) async fn decrypts(world: &World, phone: &Phone, key: &ClientKey) -> bool {
    let ciphertext = pke::encrypt(key.public_key(), b"bid", &mut getrandom::SysRng).unwrap();
    let (frame, waiting) = decrypt::start(key, &[ciphertext], world.now_ms(), &mut world.rng()).unwrap();
    let answer = phone.ask(world, &frame).await;
    matches!(waiting.finish(&answer), Ok(Progress::Done(opened)) if opened.plaintexts[0][..] == b"bid"[..])
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_recovered_key_is_imported_once_and_takes_the_place_of_what_was_left() {
    let world = World::new().await;
    let (lost, new) = (Phone::enrolled(&world, 1).await, Phone::enrolled(&world, 2).await);
    let private_key = PrivateKey::generate(&mut getrandom::SysRng).unwrap();
    let public_key = private_key.public_key();
    // It is on this server already: by an earlier recovery.
    let first = recovered(&world, &lost, public_key).await;
    let held = imported(&world, &lost, first, &private_key).await.unwrap();
    let held = arrive(&world, &lost, &held).await.unwrap();
    assert!(decrypts(&world, &lost, &held).await);

    let recovery = world
        .operator
        .recover(public_key, &new.device.id, Suite::D, PinMode::Base, name("mail"))
        .await
        .unwrap();
    let revoked: Vec<_> = recovery.revoked.iter().map(|view| (view.key_id, view.status)).collect();
    assert_eq!(revoked, [(first, Status::Revoked)]);
    assert_eq!(recovery.issued.origin, Origin::Recovered(*public_key));
    assert_eq!(recovery.issued.expires_ms, world.now_ms() + RECOVERY_TTL_MS);
    let key_id = recovery.issued.key_id;
    assert!(!decrypts(&world, &lost, &held).await);
    assert_eq!(std::fs::read(world.tombstones()).unwrap()[..16], first.as_bytes()[..]);

    // A second id for the same key, issued before the first is used, does not make a second share.
    let second = recovered(&world, &new, public_key).await;
    assert_eq!(code(imported(&world, &lost, key_id, &private_key).await), Some(Code::Key), "another device");
    let travelled = imported(&world, &new, key_id, &private_key).await.unwrap();
    assert_eq!(code(imported(&world, &new, key_id, &private_key).await), Some(Code::Key), "used up");
    assert_eq!(code(imported(&world, &new, second, &private_key).await), Some(Code::Key), "a share is left");
    assert!(!decrypts(&world, &new, &travelled).await, "good for a refresh only");

    let world = world.restart().await;
    let key = arrive(&world, &new, &travelled).await.unwrap();
    assert!(decrypts(&world, &new, &key).await);
    let there = row(&world, &key_id).await;
    assert_eq!((there.status, there.seat, there.parent, there.decrypts), (Status::Active, false, None, 2));
    let log = records(&world).await;
    let of_key = log.iter().filter(|record| record.event.key_id == Some(key_id));
    let acts: Vec<_> = of_key.map(|record| (record.event.act.as_str(), record.event.outcome())).collect();
    let [issue, imported, again, ..] = acts[..] else { panic!("{acts:?}") };
    assert_eq!(issue, ("issue", "ok"));
    assert_eq!(imported, ("import", "ok"));
    assert_eq!((again.0, again.1), ("import", Code::Key.name()));
    world.operator.verify_audit(None).await.unwrap().unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_import_is_of_the_key_that_was_named_and_in_time() {
    let world = World::new().await;
    let phone = Phone::enrolled(&world, 1).await;
    let private_key = PrivateKey::generate(&mut getrandom::SysRng).unwrap();
    let other = PrivateKey::generate(&mut getrandom::SysRng).unwrap();
    let key_id = recovered(&world, &phone, private_key.public_key()).await;
    assert_eq!(code(imported(&world, &phone, key_id, &other).await), Some(Code::Proof));
    world.clock.advance(RECOVERY_TTL_MS - 1);
    world.signer.maintain().await;
    assert!(imported(&world, &phone, key_id, &private_key).await.is_ok());
    let again = recovered(&world, &phone, private_key.public_key()).await;
    world.clock.advance(RECOVERY_TTL_MS);
    assert_eq!(code(imported(&world, &phone, again, &private_key).await), Some(Code::Key));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn signing_keys_are_not_recovered_and_devices_must_be_known() {
    let world = World::new().await;
    let phone = Phone::enrolled(&world, 1).await;
    let (_, key) = phone.key(&world, Purpose::Sign).await;
    let stranger = cosign_core::DeviceId::from_bytes([9; 32]);
    for device in [phone.device.id, stranger] {
        let refused =
            world.operator.recover(key.public_key(), &device, Suite::D, PinMode::Base, name("x")).await;
        assert!(matches!(refused, Err(Error::Conflict(_))), "{device}");
    }
    let free = PrivateKey::generate(&mut getrandom::SysRng).unwrap();
    let refused =
        world.operator.recover(free.public_key(), &stranger, Suite::D, PinMode::Base, name("x")).await;
    assert!(matches!(refused, Err(Error::Conflict(_))));
    assert!(phone.sign(&world, &key, digest(1)).await.is_ok());

    // Nor is one of which no share is left.
    world.operator.change(&key.key_id(), Change::Revoke).await.unwrap();
    let refused =
        world.operator.recover(key.public_key(), &phone.device.id, Suite::D, PinMode::Base, name("x")).await;
    assert!(matches!(refused, Err(Error::Conflict(_))));
}
