//! Opening keys and time locks as a device sees them.

use axum::{body::Body, http::StatusCode};
use cosign_core::sm_primitives::sm2::{PrivateKey, PublicKey};
use envelope::{
    SubjectKeyId,
    bid::{FileId, Lock, LockSecret},
};
use serde_json::{Value, json};

use super::{DEVICE, enrol, get, post, posting, problem, send};
use crate::{
    domain::opening::OpeningKey,
    testing::{NOW_MS, World, name},
};

const RELEASE: &str = "/v1/locks/release";
const CHECK: &str = "/v1/locks/check";
const SECRET: [u8; 32] = [0xab; 32];

async fn opening_key(world: &World) -> OpeningKey {
    world.sealer.new_opening_key(name("tenders")).await.unwrap()
}

fn lock(not_before: u64) -> Lock {
    let (file_id, secret) = (FileId::from_bytes([5; 16]), LockSecret::from_bytes(&SECRET));
    Lock { not_before, file_id, secret }
}

fn wrapped(world: &World, lock: &Lock, key: &PublicKey) -> Vec<u8> {
    lock.seal(key, &mut world.rng()).unwrap().to_c1c3c2()
}

fn question(id: &SubjectKeyId, lock: &[u8]) -> Value {
    json!({ "opening_key_id": id.to_string(), "lock": hex::encode(lock) })
}

async fn ask(world: &World, path: &str, locks: &[Value]) -> Value {
    let (status, body) = post(world, path, Some(DEVICE), &json!({ "locks": locks })).await;
    assert_eq!(status, StatusCode::OK, "{body}");
    body["locks"].clone()
}

fn states(answers: &Value) -> Vec<&str> {
    answers.as_array().unwrap().iter().map(|answer| answer["state"].as_str().unwrap()).collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn keys_are_listed_with_what_a_bid_needs_and_nothing_else() {
    let world = World::new().await;
    enrol(&world).await;
    assert_eq!(get(&world, "/v1/opening-keys", Some(DEVICE)).await.1, json!({ "opening_keys": [] }));
    let first = opening_key(&world).await;
    world.clock.advance(1);
    let second = opening_key(&world).await;
    world.operator.retire_opening_key(&first.id()).await.unwrap();
    let (_, body) = get(&world, "/v1/opening-keys", Some(DEVICE)).await;
    let key = |key: &OpeningKey, retired: Option<u64>| {
        json!({
            "opening_key_id": key.id().to_string(),
            "label": "tenders",
            "created_at_ms": key.created_ms,
            "retired_at_ms": retired,
            "public_key": key.public_key.to_spki_pem(),
            "public_key_hex": hex::encode(key.public_key.as_point().to_sec1()),
        })
    };
    assert_eq!(body, json!({ "opening_keys": [key(&first, Some(NOW_MS + 1)), key(&second, None)] }));
    assert_eq!(first.id().as_bytes().len(), 20);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_lock_opens_at_its_time_and_not_a_millisecond_before() {
    let world = World::new().await;
    enrol(&world).await;
    let key = opening_key(&world).await;
    let lock = lock(NOW_MS / 1000 + 1);
    let locks = [question(&key.id(), &wrapped(&world, &lock, &key.public_key))];
    let early = json!([{
        "state": "too_early",
        "not_before": lock.not_before,
        "file_id": hex::encode([5; 16]),
        "commitment": hex::encode(lock.commitment().commitment),
    }]);
    let good = json!([{
        "state": "good",
        "not_before": lock.not_before,
        "file_id": hex::encode([5; 16]),
        "commitment": hex::encode(lock.commitment().commitment),
    }]);
    for ahead_ms in [0, 999] {
        world.clock.advance(ahead_ms);
        assert_eq!(ask(&world, RELEASE, &locks).await, early, "{ahead_ms}");
        assert_eq!(ask(&world, CHECK, &locks).await, good, "{ahead_ms}");
    }
    world.clock.advance(1);
    let released = json!([{
        "state": "released",
        "not_before": lock.not_before,
        "file_id": hex::encode([5; 16]),
        "secret": hex::encode(SECRET),
    }]);
    assert_eq!(ask(&world, RELEASE, &locks).await, released);
    assert_eq!(ask(&world, CHECK, &locks).await, good, "a check never releases");
    assert_eq!(ask(&world, RELEASE, &locks).await, released, "asked again");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_lock_has_its_own_answer() {
    let world = World::new().await;
    enrol(&world).await;
    let (first, second) = (opening_key(&world).await, opening_key(&world).await);
    let foreign = PrivateKey::generate(&mut world.rng()).unwrap();
    let due = wrapped(&world, &lock(0), &first.public_key);
    let mut changed = due.clone();
    *changed.last_mut().unwrap() ^= 1;
    let mut off_the_curve = due.clone();
    off_the_curve[64] ^= 1;
    let locks = [
        question(&first.id(), &due),
        question(&second.id(), &wrapped(&world, &lock(0), &second.public_key)),
        question(&first.id(), &wrapped(&world, &lock(u64::MAX), &first.public_key)),
        question(&SubjectKeyId::of(foreign.public_key()), &due),
        question(&first.id(), &changed),
        question(&first.id(), &off_the_curve),
        question(&second.id(), &due),
        question(&first.id(), &wrapped(&world, &lock(0), foreign.public_key())),
        question(&first.id(), &due),
    ];
    let tail = ["unknown_opening_key", "invalid", "invalid", "invalid", "invalid"];
    let released = ask(&world, RELEASE, &locks).await;
    assert_eq!(states(&released)[..3], ["released", "released", "too_early"]);
    assert_eq!((&states(&released)[3..8], states(&released)[8]), (&tail[..], "released"));
    let checked = ask(&world, CHECK, &locks).await;
    assert_eq!((&states(&checked)[..3], &states(&checked)[3..8]), (&["good"; 3][..], &tail[..]));
    assert!(!checked.to_string().contains(&hex::encode(SECRET)));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_thousand_locks_are_one_request_and_one_more_is_too_many() {
    let world = World::new().await;
    enrol(&world).await;
    let key = opening_key(&world).await;
    let one = question(&key.id(), &wrapped(&world, &lock(0), &key.public_key));
    let locks = vec![one; 1025];
    let answers = ask(&world, RELEASE, &locks[..1024]).await;
    assert_eq!(states(&answers), vec!["released"; 1024]);
    let body = json!({ "locks": locks });
    assert_eq!(problem(post(&world, RELEASE, Some(DEVICE), &body).await), (400, "bad_request".into()));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn only_enrolled_devices_ask_and_bad_input_is_named() {
    let world = World::new().await;
    let key = opening_key(&world).await;
    let (id, bytes) = (key.id().to_string(), wrapped(&world, &lock(0), &key.public_key));
    let good = json!({ "locks": [question(&key.id(), &bytes)] });
    for path in [RELEASE, CHECK] {
        assert_eq!(problem(post(&world, path, None, &good).await), (401, "no_client_certificate".into()));
        assert_eq!(problem(post(&world, path, Some(DEVICE), &good).await), (403, "not_enrolled".into()));
    }
    assert_eq!(problem(get(&world, "/v1/opening-keys", Some(DEVICE)).await), (403, "not_enrolled".into()));
    enrol(&world).await;
    for path in [RELEASE, CHECK] {
        for (wrong, words) in [
            (json!({}), "missing field"),
            (json!({ "locks": [] }), "1 to 1024"),
            (
                json!({ "locks": [{ "opening_key_id": "", "lock": hex::encode(&bytes) }] }),
                "lock 0: the opening",
            ),
            (
                json!({ "locks": [{ "opening_key_id": "zz", "lock": hex::encode(&bytes) }] }),
                "lock 0: the opening",
            ),
            (
                json!({ "locks": [good["locks"][0], { "opening_key_id": id, "lock": "00" }] }),
                "lock 1: the lock",
            ),
            (json!({ "locks": [{ "opening_key_id": id, "lock": "xy" }] }), "338 hexadecimal"),
            (json!({ "locks": [{ "opening_key_id": id }] }), "missing field"),
            (json!({ "locks": good["locks"], "now": 1 }), "unknown field"),
        ] {
            let answer = post(&world, path, Some(DEVICE), &wrong).await;
            assert!(answer.1["detail"].as_str().unwrap().contains(words), "{wrong}: {}", answer.1);
            assert_eq!(problem(answer), (400, "bad_request".into()));
        }
        let long = posting(path, Some(DEVICE)).body(Body::from(vec![b' '; 512 * 1024 + 1])).unwrap();
        assert_eq!(problem(send(&world, long).await), (413, "payload_too_large".into()));
        let method = get(&world, path, Some(DEVICE)).await;
        assert_eq!(problem(method), (405, "method_not_allowed".into()));
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn whoever_keeps_being_refused_has_to_wait() {
    let world = World::new().await;
    enrol(&world).await;
    let key = opening_key(&world).await;
    let body = json!({ "locks": [question(&key.id(), &wrapped(&world, &lock(u64::MAX), &key.public_key))] });
    for _ in 0..120 {
        assert_eq!(post(&world, RELEASE, Some(DEVICE), &body).await.0, StatusCode::OK);
    }
    assert_eq!(problem(post(&world, RELEASE, Some(DEVICE), &body).await), (429, "too_many_requests".into()));
    assert_eq!(problem(post(&world, CHECK, Some(DEVICE), &body).await), (429, "too_many_requests".into()));
    world.clock.advance(60_000);
    assert_eq!(states(&ask(&world, CHECK, body["locks"].as_array().unwrap()).await), ["good"]);
}
