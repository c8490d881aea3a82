//! Opening keys at rest, and what the log says of locks.

use std::{fs, sync::Arc, sync::atomic::Ordering};

use cosign_core::{Code, DeviceId, audit::LockItem, sm_primitives::sm2::PublicKey};
use envelope::{
    SubjectKeyId,
    bid::{FileId, Lock, LockSecret},
};
use sqlx::{Connection as _, SqliteConnection};
use zeroize::Zeroizing;

use super::{durable::Obstinate, rotation::elsewhere};
use crate::{
    domain::{
        Error,
        audit::{Act, Event},
        opening::{Answer, Ask, OpeningKey, Question},
        ports::{Opening as _, Store as _, StoreError, Write},
    },
    signer::{MasterKey as _, Sealer, SoftwareKey},
    testing::{MASTER, NOW_MS, World, name, records},
};

const DEVICE: DeviceId = DeviceId::from_bytes([9; 32]);
const SECRET: [u8; 32] = [0xab; 32];

async fn opening_key(world: &World) -> OpeningKey {
    world.sealer.new_opening_key(name("tenders")).await.unwrap()
}

fn lock(not_before: u64) -> Lock {
    let (file_id, secret) = (FileId::from_bytes([5; 16]), LockSecret::from_bytes(&SECRET));
    Lock { not_before, file_id, secret }
}

fn question(world: &World, key: &PublicKey, not_before: u64) -> Question {
    let lock = lock(not_before).seal(key, &mut world.rng()).unwrap().to_c1c3c2();
    Question { key: SubjectKeyId::of(key), lock }
}

async fn release(world: &World, questions: &[Question]) -> Result<Vec<Answer>, Error> {
    world.signer.open(DEVICE, Ask::Release, questions.to_vec()).await
}

async fn is_released(world: &World, question: &Question) -> bool {
    let answers = release(world, std::slice::from_ref(question)).await.unwrap();
    matches!(&answers[..], [Answer::Released(lock)] if *lock.secret.expose_bytes() == SECRET)
}

/// The newest records.
async fn newest(world: &World, count: usize) -> Vec<Event> {
    let mut records = records(world).await;
    records.split_off(records.len() - count).into_iter().map(|record| record.event).collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_release_and_every_refusal_is_on_record() {
    let world = World::new().await;
    let key = opening_key(&world).await;
    let [made] = newest(&world, 1).await.try_into().unwrap();
    let public_key = Some(key.public_key.as_point().to_bytes());
    assert_eq!((made.act, made.public_key), (Act::OPENING_KEY, public_key));
    assert_eq!(made.note, format!("opening key {}", key.id()));

    let due = NOW_MS / 1000;
    let mut questions: Vec<_> = (0..300).map(|_| question(&world, &key.public_key, due)).collect();
    questions.push(question(&world, &key.public_key, due + 1));
    let mut broken = questions[0].clone();
    broken.lock[100] ^= 1;
    questions.extend([broken.clone(), broken]);
    questions.push(Question { key: SubjectKeyId::new(&[1; 20]).unwrap(), lock: questions[0].lock.clone() });
    let before = records(&world).await.len();
    world.signer.open(DEVICE, Ask::Check, questions.clone()).await.unwrap();
    assert_eq!(records(&world).await.len(), before, "a check gives nothing away");
    release(&world, &questions).await.unwrap();
    let events = newest(&world, 5).await;
    assert_eq!(records(&world).await.len(), before + 5);
    let summary: Vec<_> =
        events.iter().map(|event| (event.result, event.count, event.locks().count())).collect();
    let [time, key_code, proof] = [Code::Time, Code::Key, Code::Proof].map(Code::byte);
    assert_eq!(summary, [(0, 256, 256), (0, 44, 44), (key_code, 1, 0), (time, 1, 1), (proof, 2, 0)]);
    let commitment = lock(due).commitment().commitment;
    let item = LockItem { commitment, file_id: [5; 16], not_before: due };
    assert!(events[..2].iter().flat_map(Event::locks).all(|lock| lock == item));
    assert_eq!(events[3].locks().next().unwrap().not_before, due + 1);
    for event in &events {
        assert_eq!((event.act, event.device, event.at_ms), (Act::RELEASE, Some(DEVICE), NOW_MS));
        assert_eq!(event.h_req, events[0].h_req);
        assert!(!event.releases_early());
        let note = if event.result == key_code { "unknown opening key".into() } else { made.note.clone() };
        assert_eq!(event.note, note);
    }
    release(&world, &questions[..1]).await.unwrap();
    assert_ne!(newest(&world, 1).await[0].h_req, events[0].h_req, "another request");

    // The log holds, for the operator and for a witness.
    world.heads.publish().await.unwrap();
    world.operator.verify_audit(None).await.unwrap().unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nothing_is_released_that_is_not_on_record() {
    let mut obstinate = None;
    let world = World::with_store(|store| {
        let wrapped = Obstinate::around(store);
        obstinate = Some(Arc::clone(&wrapped));
        wrapped
    })
    .await;
    let obstinate = obstinate.unwrap();
    let key = opening_key(&world).await;
    let due = question(&world, &key.public_key, 0);
    obstinate.fails.store(true, Ordering::SeqCst);
    let failed = release(&world, std::slice::from_ref(&due)).await;
    assert_eq!(failed.map(|answers| answers.len()), Err(Error::Unavailable));
    obstinate.fails.store(false, Ordering::SeqCst);
    assert!(is_released(&world, &due).await);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_retired_key_opens_what_was_locked_to_it() {
    let world = World::new().await;
    let key = opening_key(&world).await;
    let old = question(&world, &key.public_key, 0);
    let retired = world.operator.retire_opening_key(&key.id()).await.unwrap();
    assert_eq!(retired.retired_ms, Some(NOW_MS));
    world.clock.advance(1000);
    assert_eq!(world.operator.retire_opening_key(&key.id()).await, Ok(retired), "again changes nothing");
    let [record] = newest(&world, 1).await.try_into().unwrap();
    assert_eq!((record.act, record.at_ms), (Act::RETIRE, NOW_MS));
    assert!(is_released(&world, &old).await);
    let world = world.restart().await;
    assert!(is_released(&world, &old).await);
    let unknown = SubjectKeyId::new(&[1; 20]).unwrap();
    assert_eq!(world.operator.retire_opening_key(&unknown).await, Err(Error::NotFound));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn opening_keys_are_rotated_with_the_shares() {
    let world = World::new().await;
    let (first, second) = (opening_key(&world).await, opening_key(&world).await);
    world.operator.retire_opening_key(&first.id()).await.unwrap();
    let questions = [&first, &second].map(|key| question(&world, &key.public_key, 0));
    let other = elsewhere(&world).await;
    other.rotate().await.unwrap();
    other.drop_unused().await.unwrap();
    let versions = async || {
        let keys = world.database.wrapping_keys().await.unwrap();
        keys.into_iter().map(|key| key.version).collect::<Vec<_>>()
    };
    assert_eq!(versions().await, [1, 2], "opening keys are sealed under the first");
    other.reseal(None).await.unwrap();
    other.drop_unused().await.unwrap();
    assert_eq!(versions().await, [2]);
    let keys = world.database.opening_keys().await.unwrap();
    assert!(keys.iter().all(|key| key.sealed[1..5] == [0, 0, 0, 2]));
    // The server has not seen that yet; and makes a key while it is behind again.
    assert_eq!(world.sealer.keys().versions(), [1]);
    for question in &questions {
        assert!(is_released(&world, question).await);
    }
    other.rotate().await.unwrap();
    other.reseal(None).await.unwrap();
    other.drop_unused().await.unwrap();
    let third = opening_key(&world).await;
    assert_eq!(third.sealed[1..5], [0, 0, 0, 3]);

    // Under another master key, after a restart of everything.
    let next = SoftwareKey::new(Zeroizing::new([8; 32]));
    other.replace(&next).await.unwrap();
    world.database.bind_master_key(&next.name()).await.unwrap();
    let store = Arc::clone(&world.database) as _;
    let sealer =
        Sealer::open(Box::new(next), store, Arc::clone(&world.clock) as _, Arc::clone(&world.entropy) as _);
    let sealer = sealer.await.unwrap();
    for key in world.database.opening_keys().await.unwrap() {
        assert!(super::super::opening::unsealed(&key, sealer.keys()).is_ok(), "{}", key.id());
    }
    assert_ne!(MASTER, [8; 32]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_key_that_was_put_in_place_of_another_does_not_open() {
    let world = World::new().await;
    let (first, second) = (opening_key(&world).await, opening_key(&world).await);
    let swap = Write::ResealOpeningKey { old: first.sealed.clone(), new: second.sealed.clone() };
    world.database.commit([swap].into()).await.unwrap();
    let failed = release(&world, &[question(&world, &first.public_key, 0)]).await;
    assert_eq!(failed.map(drop), Err(Error::Internal));
    assert!(is_released(&world, &question(&world, &second.public_key, 0)).await);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_key_is_never_deleted_nor_made_twice() {
    let world = World::on_file().await;
    let key = opening_key(&world).await;
    let again = world.database.commit([Write::AddOpeningKey(key.clone())].into()).await;
    assert_eq!(again, Err(StoreError::Duplicate));
    let gone = OpeningKey { sealed: [&[2, 0, 0, 0, 9][..], &[0; 60]].concat(), ..key.clone() };
    let reseal = Write::ResealOpeningKey { old: key.sealed.clone(), new: gone.sealed };
    assert_eq!(world.database.commit([reseal].into()).await, Err(StoreError::Stale), "no such wrapping key");
    let mut other = SqliteConnection::connect(&format!("sqlite://{}", world.file().display())).await.unwrap();
    assert!(sqlx::query("DELETE FROM opening_keys").execute(&mut other).await.is_err());
    assert_eq!(world.database.opening_keys().await.unwrap(), [key]);
}

/// A backup from before a key was made does not know it: so the operator backs up before the key is published.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_backup_from_before_a_key_does_not_open_its_locks_and_one_from_after_does() {
    let world = World::on_file().await;
    let mut backups = Vec::new();
    let world = world.restart_after(|folder| backups.push(fs::read(folder.join("cosign.db")).unwrap())).await;
    let key = opening_key(&world).await;
    let locked = question(&world, &key.public_key, 0);
    let world = world.restart_after(|folder| backups.push(fs::read(folder.join("cosign.db")).unwrap())).await;
    let restore = |backup: usize| {
        let bytes = backups[backup].clone();
        move |folder: &std::path::Path| fs::write(folder.join("cosign.db"), bytes).unwrap()
    };
    let world = world.restart_after(restore(0)).await;
    let answers = release(&world, std::slice::from_ref(&locked)).await.unwrap();
    assert!(matches!(answers[..], [Answer::UnknownKey]));
    let world = world.restart_after(restore(1)).await;
    assert!(is_released(&world, &locked).await);
}
