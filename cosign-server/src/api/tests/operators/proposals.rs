//! Acts on keys by two administrators.

use cosign_core::{ClientKey, KeyId, LocalRecord, sm_primitives::sm2::PrivateKey};

use super::*;
use crate::{
    domain::{
        audit::{Act, Event},
        key::{Change, Status},
        operators::{Acting, Administrator, KeyAct, Step},
        ports::Store as _,
    },
    testing::{records, row},
};

const PROPOSALS: &str = "/v1/operator/proposals";
const DAY_MS: u64 = 86_400_000;

async fn with_key() -> (World, Phone, LocalRecord, ClientKey) {
    let world = staffed().await;
    let phone = Phone::enrolled(&world, DEVICE[0]).await;
    let (record, key) = phone.key(&world, Purpose::Sign).await;
    (world, phone, record, key)
}

fn unlock(key_id: KeyId) -> Value {
    json!({ "act": "unlock", "key_id": key_id.to_string(), "reason": "passport seen" })
}

async fn proposed(world: &World, device: [u8; 32], body: &Value) -> String {
    let (status, proposal) = post(world, PROPOSALS, Some(device), body).await;
    assert_eq!((status, &proposal["state"]), (StatusCode::CREATED, &json!("open")), "{proposal}");
    proposal["proposal"].as_str().unwrap().to_owned()
}

async fn step(world: &World, device: [u8; 32], id: &str, step: &str) -> (StatusCode, Value) {
    post(world, &format!("{PROPOSALS}/{id}/{step}"), Some(device), &json!({})).await
}

async fn state(world: &World, id: &str) -> String {
    let (_, shown) = get(world, &format!("{PROPOSALS}/{id}"), Some(AUD)).await;
    shown["state"].as_str().unwrap().to_owned()
}

/// Proposed by Ada, approved by Ben.
async fn executed(world: &World, body: &Value) -> Value {
    let id = proposed(world, ADA, body).await;
    let (status, done) = step(world, BEN, &id, "approve").await;
    assert_eq!((status, &done["state"]), (StatusCode::OK, &json!("executed")), "{done}");
    done
}

async fn events(world: &World, act: Act) -> Vec<Event> {
    let all = records(world).await.into_iter().map(|record| record.event);
    all.filter(|event| event.act == act).collect()
}

fn conflict(answer: (StatusCode, Value)) -> String {
    assert_eq!(answer.0, StatusCode::CONFLICT, "{}", answer.1);
    answer.1["detail"].as_str().unwrap().to_owned()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_freezes_and_two_unfreeze() {
    let (world, phone, record, key) = with_key().await;
    let key_id = record.key_id();
    let path = format!("/v1/operator/keys/{key_id}/freeze");
    for _ in 0..2 {
        let (status, frozen) = post_as(&world, ADA, &path, Some("f"), &json!({})).await;
        assert_eq!((status, &frozen["status"]), (StatusCode::OK, &json!("suspended")));
        assert_eq!(frozen["device_id"], hex::encode(DEVICE));
    }
    let frozen = events(&world, Act::FREEZE).await;
    assert_eq!((frozen.len(), frozen[0].device), (1, Some(DeviceId::from_bytes(ADA))));
    assert!(phone.sign(&world, &key, digest(1)).await.is_err());

    let body = json!({ "act": "unfreeze", "key_id": key_id.to_string(), "reason": "found again" });
    let id = proposed(&world, ADA, &body).await;
    for alone in ["approve", "reject"] {
        assert!(conflict(step(&world, ADA, &id, alone).await).contains("another administrator"), "{alone}");
    }
    assert_eq!(row(&world, &key_id).await.status, Status::Suspended);
    assert!(conflict(step(&world, BEN, &id, "withdraw").await).contains("reject it"));
    let (_, done) = step(&world, BEN, &id, "approve").await;
    assert_eq!(
        (&done["state"], &done["act"], &done["reason"]),
        (&json!("executed"), &json!("unfreeze"), &json!("found again"))
    );
    assert_eq!(done["proposed_by"], json!({ "operator_id": hex::encode(ADA), "name": "Ada" }));
    assert_eq!(done["decided_by"], json!({ "operator_id": hex::encode(BEN), "name": "Ben" }));
    assert!(phone.sign(&world, &key, digest(1)).await.is_ok());

    // Both are on record, with the act and with the proposal.
    let [unfrozen] = &events(&world, Act::UNFREEZE).await[..] else { panic!() };
    assert_eq!((unfrozen.key_id, unfrozen.device), (Some(key_id), Some(DeviceId::from_bytes(BEN))));
    assert_eq!(unfrozen.note, format!("operator; proposal {id} by {}", hex::encode(ADA)));
    let [made, approved] = &events(&world, Act::PROPOSAL).await[..] else { panic!() };
    assert_eq!(
        (made.device, approved.device),
        (Some(DeviceId::from_bytes(ADA)), Some(DeviceId::from_bytes(BEN)))
    );
    assert_eq!(made.note, format!("{id} proposed: unfreeze"));
    assert_eq!(approved.note, format!("{id} approved: unfreeze, by {}", hex::encode(ADA)));
    for again in ["approve", "reject"] {
        conflict(step(&world, BEN, &id, again).await);
    }
    assert_eq!(events(&world, Act::UNFREEZE).await.len(), 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_act_does_what_the_command_line_does() {
    let (world, phone, record, _) = with_key().await;
    let (key_id, text) = (record.key_id(), record.key_id().to_string());
    executed(&world, &unlock(key_id)).await;
    assert!(row(&world, &key_id).await.gate.refresh_required);
    assert!(events(&world, Act::UNLOCK).await[0].note.starts_with("fails=0 total=0; operator; proposal "));

    executed(&world, &json!({ "act": "seats", "key_id": text, "seats": 2, "reason": "two deputies" })).await;
    assert_eq!(row(&world, &key_id).await.seats.max, 2);
    let (_, shown) = get(&world, &format!("/v1/operator/keys/{text}"), Some(AUD)).await;
    assert_eq!((&shown["seats"], &shown["key_id"]), (&json!({ "max": 2, "taken": 0 }), &json!(text)));

    executed(&world, &json!({ "act": "revoke", "key_id": text, "all_shares": true, "reason": "lost" })).await;
    assert_eq!(row(&world, &key_id).await.status, Status::Revoked);
    let (other, _) = phone.key(&world, Purpose::Sign).await;
    let body = json!({ "act": "revoke", "key_id": other.key_id().to_string(), "reason": "lost" });
    executed(&world, &body).await;
    assert_eq!(row(&world, &other.key_id()).await.status, Status::Revoked);

    let key = PrivateKey::generate(&mut world.rng()).unwrap();
    let body = json!({
        "act": "recover", "public_key": key.public_key().to_spki_pem(), "device_id": hex::encode(DEVICE),
        "suite": "F2", "label": "mail", "reason": "from the escrow"
    });
    let done = executed(&world, &body).await;
    let issued = done["issues"].as_str().unwrap().parse().unwrap();
    let issued = world.database.issued(&issued).await.unwrap().unwrap();
    assert_eq!((issued.device, issued.suite.as_str()), (DeviceId::from_bytes(DEVICE), "F2"));
    assert_eq!(done["public_key"], body["public_key"]);
}

#[tokio::test]
async fn a_code_for_many_devices_is_good_once_another_one_agreed() {
    let world = staffed().await;
    let codes = "/v1/operator/enrolment-codes";
    let (status, made) = post_as(&world, ADA, codes, Some("c"), &json!({ "uses": 10, "ttl_s": 60 })).await;
    assert_eq!(status, StatusCode::CREATED);
    let enrolment = |code: &Value| json!({ "enrolment_code": code, "name": "phone" });
    let enrolled = post(&world, "/v1/devices", Some([20; 32]), &enrolment(&made["enrolment_code"])).await;
    assert_eq!(enrolled.0, StatusCode::CREATED);
    let again = post_as(&world, ADA, codes, Some("c"), &json!({ "uses": 10, "ttl_s": 60 })).await;
    assert!(conflict(again).contains("shown when it was made"));
    let many = post(&world, codes, Some(ADA), &json!({ "uses": 11, "ttl_s": 60 })).await;
    assert!(conflict(many).contains("propose it"));
    for (uses, ttl_s) in [(0, 60), (1, 0), (1, 91 * 86_400)] {
        let answer = post(&world, codes, Some(ADA), &json!({ "uses": uses, "ttl_s": ttl_s })).await;
        assert_eq!(problem(answer), (400, "bad_request".to_owned()), "{uses} {ttl_s}");
    }

    let body = json!({ "act": "enrolment-code", "uses": 500, "ttl_s": 600, "reason": "the new office" });
    let (_, proposal) = post_as(&world, ADA, PROPOSALS, Some("p"), &body).await;
    let (id, code) = (proposal["proposal"].as_str().unwrap(), enrolment(&proposal["enrolment_code"]));
    let early = post(&world, "/v1/devices", Some([21; 32]), &code).await;
    assert_eq!(problem(early), (403, "enrolment_code_invalid".to_owned()));
    let (_, same) = post_as(&world, ADA, PROPOSALS, Some("p"), &body).await;
    assert_eq!((&same["proposal"], &same["enrolment_code"]), (&json!(id), &Value::Null));
    world.clock.advance(3_600_000);
    let (_, done) = step(&world, BEN, id, "approve").await;
    assert_eq!((&done["state"], &done["enrolment_code"]), (&json!("executed"), &Value::Null));
    assert_eq!(post(&world, "/v1/devices", Some([21; 32]), &code).await.0, StatusCode::CREATED);
    assert!(!format!("{:?}", records(&world).await).contains(proposal["enrolment_code"].as_str().unwrap()));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_has_changed_meanwhile_is_not_done_and_the_proposal_stays_open() {
    let (world, _, record, _) = with_key().await;
    let key_id = record.key_id();
    let id = proposed(&world, ADA, &unlock(key_id)).await;
    world.operator.change(&key_id, Change::Freeze).await.unwrap();
    assert!(conflict(step(&world, BEN, &id, "approve").await).contains("changed since"));
    assert_eq!(state(&world, &id).await, "open");
    assert!(events(&world, Act::UNLOCK).await.is_empty());
    world.operator.change(&key_id, Change::Unfreeze).await.unwrap();
    assert_eq!(step(&world, BEN, &id, "approve").await.0, StatusCode::OK, "it is as it was");

    let body = json!({ "act": "revoke", "key_id": key_id.to_string(), "all_shares": true, "reason": "lost" });
    let id = proposed(&world, ADA, &body).await;
    world.operator.change(&key_id, Change::Revoke).await.unwrap();
    assert!(conflict(step(&world, BEN, &id, "approve").await).contains("changed since"));
    assert_eq!(step(&world, ADA, &id, "withdraw").await.1["state"], "withdrawn");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_cannot_be_done_is_not_proposed() {
    let (world, phone, record, _) = with_key().await;
    let text = record.key_id().to_string();
    let (pending, _) = phone.pending_key(&world, Purpose::Sign).await;
    let signing = hex::encode(row(&world, &record.key_id()).await.public_key);
    let recover = |key: &str, device: &str| json!({ "act": "recover", "public_key": key, "device_id": device, "label": "x", "reason": "y" });
    for (body, status) in [
        (json!({ "act": "unfreeze", "key_id": text, "reason": "it is not frozen" }), 409),
        (json!({ "act": "unlock", "key_id": pending.key_id().to_string(), "reason": "x" }), 409),
        (json!({ "act": "unlock", "key_id": "0".repeat(32), "reason": "unknown" }), 404),
        (recover(&signing, &hex::encode(DEVICE)), 409),
        (recover(&signing[1..], &hex::encode(DEVICE)), 400),
        (recover(&signing, "x"), 400),
        (json!({ "act": "unlock", "key_id": text }), 400),
        (json!({ "act": "unlock", "key_id": text, "reason": " " }), 400),
        (json!({ "act": "unlock", "key_id": text, "reason": "a\nb" }), 400),
        (json!({ "act": "unlock", "key_id": text, "reason": "x".repeat(501) }), 400),
        (json!({ "act": "unlock", "key_id": text, "reason": "x", "seats": 1 }), 400),
        (json!({ "act": "freeze", "key_id": text, "reason": "x" }), 400),
        (json!({ "act": "enrolment-code", "uses": 0, "ttl_s": 1, "reason": "x" }), 400),
        (json!({ "act": "enrolment-code", "uses": 11, "ttl_s": 91 * 86_400, "reason": "x" }), 400),
    ] {
        assert_eq!(problem(post(&world, PROPOSALS, Some(ADA), &body).await).0, status, "{body}");
    }
    let unenrolled = PrivateKey::generate(&mut world.rng()).unwrap().public_key().to_spki_pem();
    let body = recover(&unenrolled, &hex::encode(STRANGER));
    assert!(conflict(post(&world, PROPOSALS, Some(ADA), &body).await).contains("not enrolled"));
    assert_eq!(get(&world, PROPOSALS, Some(ADA)).await.1["proposals"], json!([]));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_race_acts_once() {
    let (world, _, record, _) = with_key().await;
    let other = world.beside().await;
    enrol_as(&world, STRANGER).await;
    grant(&world, STRANGER, "Cem", Role::Administrator).await.unwrap();
    for round in 0..6_usize {
        let id = proposed(&world, ADA, &unlock(record.key_id())).await;
        let before = events(&world, Act::UNLOCK).await.len();
        let (who, what) = if round % 2 == 0 { (STRANGER, "approve") } else { (ADA, "withdraw") };
        let (one, two) = tokio::join!(step(&world, BEN, &id, "approve"), step(&other, who, &id, what));
        assert_ne!(one.0 == StatusCode::OK, two.0 == StatusCode::OK, "{one:?} {two:?}");
        let is_executed = state(&world, &id).await == "executed";
        assert_eq!(is_executed, one.0 == StatusCode::OK || what == "approve");
        assert_eq!(events(&world, Act::UNLOCK).await.len() - before, usize::from(is_executed));
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_same_request_decides_once() {
    let (world, _, record, _) = with_key().await;
    let body = unlock(record.key_id());
    let (one, two) = tokio::join!(
        post_as(&world, ADA, PROPOSALS, Some("a"), &body),
        post_as(&world, ADA, PROPOSALS, Some("a"), &body)
    );
    assert_eq!((one.0, &one), (StatusCode::CREATED, &two));
    let changed = json!({ "act": "unlock", "key_id": record.key_id().to_string(), "reason": "another" });
    let mismatch = post_as(&world, ADA, PROPOSALS, Some("a"), &changed).await;
    assert_eq!(problem(mismatch), (422, "idempotency_mismatch".to_owned()));
    let path = format!("{PROPOSALS}/{}/approve", one.1["proposal"].as_str().unwrap());
    let body = json!({});
    let (one, two) = tokio::join!(
        post_as(&world, BEN, &path, Some("b"), &body),
        post_as(&world, BEN, &path, Some("b"), &body)
    );
    assert_eq!((one.0, &one), (StatusCode::OK, &two));
    assert_eq!(events(&world, Act::UNLOCK).await.len(), 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn proposals_expire_and_are_listed_by_where_they_stand() {
    let (world, _, record, _) = with_key().await;
    let late = proposed(&world, ADA, &unlock(record.key_id())).await;
    world.clock.advance(DAY_MS - 1);
    let rejected = proposed(&world, ADA, &unlock(record.key_id())).await;
    assert_eq!(step(&world, BEN, &rejected, "reject").await.1["state"], "rejected");
    assert_eq!(state(&world, &late).await, "open");
    world.clock.advance(1);
    for (device, what) in [(BEN, "approve"), (BEN, "reject"), (ADA, "withdraw")] {
        assert!(conflict(step(&world, device, &late, what).await).contains("expired"), "{what}");
    }
    assert!(events(&world, Act::UNLOCK).await.is_empty());
    let open = proposed(&world, BEN, &unlock(record.key_id())).await;
    for (filter, expected) in [
        ("", vec![&open, &rejected, &late]),
        ("?state=open", vec![&open]),
        ("?state=expired", vec![&late]),
        ("?state=rejected", vec![&rejected]),
        ("?state=executed", vec![]),
        ("?limit=1", vec![&open]),
    ] {
        let (_, list) = get(&world, &format!("{PROPOSALS}{filter}"), Some(AUD)).await;
        let found: Vec<_> = list["proposals"]
            .as_array()
            .unwrap()
            .iter()
            .map(|one| one["proposal"].as_str().unwrap())
            .collect();
        assert_eq!(found, expected, "{filter}");
    }
    let (_, rest) = get(&world, &format!("{PROPOSALS}?after={open}"), Some(AUD)).await;
    assert_eq!(rest["proposals"][0]["proposal"], rejected);
    assert_eq!(rest["proposals"].as_array().unwrap().len(), 2);
}

#[tokio::test]
async fn a_hundred_are_open_at_most() {
    let world = staffed().await;
    let body = json!({ "act": "enrolment-code", "uses": 11, "ttl_s": 60, "reason": "x" });
    let first = proposed(&world, ADA, &body).await;
    for _ in 1..100 {
        proposed(&world, BEN, &body).await;
    }
    assert!(conflict(post(&world, PROPOSALS, Some(ADA), &body).await).contains("100 proposals are open"));
    assert_eq!(step(&world, BEN, &first, "reject").await.0, StatusCode::OK);
    proposed(&world, ADA, &body).await;
    world.clock.advance(DAY_MS);
    proposed(&world, ADA, &body).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_a_withdrawn_administrator_proposed_is_not_executed() {
    let (world, _, record, _) = with_key().await;
    let id = proposed(&world, ADA, &unlock(record.key_id())).await;
    withdraw(&world, ADA).await;
    assert!(conflict(step(&world, BEN, &id, "approve").await).contains("no administrator"));
    // The same person with another device does not come to a second voice.
    grant(&world, PLAIN, "Ada", Role::Administrator).await.unwrap();
    assert!(conflict(step(&world, PLAIN, &id, "approve").await).contains("no administrator"));
    assert!(events(&world, Act::UNLOCK).await.is_empty());
    assert_eq!(step(&world, BEN, &id, "reject").await.1["state"], "rejected");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn keys_are_found_by_what_they_are() {
    let (world, phone, record, key) = with_key().await;
    let other = Phone::enrolled(&world, STRANGER[0]).await;
    other.key(&world, Purpose::Encrypt).await;
    let (pending, _) = phone.pending_key(&world, Purpose::Sign).await;
    let count = async |filter: &str| {
        let (status, found) = get(&world, &format!("/v1/operator/keys{filter}"), Some(AUD)).await;
        assert_eq!(status, StatusCode::OK, "{found}");
        found["keys"].as_array().unwrap().len()
    };
    assert_eq!(count("").await, 3);
    assert_eq!(count(&format!("?device={}", hex::encode(DEVICE))).await, 2);
    assert_eq!(count(&format!("?device={}&status=pending", hex::encode(DEVICE))).await, 1);
    assert_eq!(count("?status=suspended").await, 0);
    let public_key = hex::encode(key.public_key().as_point().to_bytes());
    assert_eq!(count(&format!("?public_key={public_key}")).await, 1);
    let (_, first) = get(&world, "/v1/operator/keys?limit=2", Some(ADA)).await;
    assert_eq!(count(&format!("?after={}", first["next"].as_str().unwrap())).await, 1);
    let (_, found) = get(&world, "/v1/operator/keys?status=pending", Some(ADA)).await;
    assert_eq!(found["keys"][0]["key_id"], pending.key_id().to_string());
    assert_ne!(record.key_id(), pending.key_id());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_role_that_is_withdrawn_before_the_commit_does_nothing() {
    let (world, _, record, _) = with_key().await;
    let device = async |id| world.devices.enrolled(caller(Some(DeviceId::from_bytes(id)))).await.unwrap();
    let by: Acting<Administrator> = world.operators.acting(device(BEN).await).await.unwrap();
    let id = proposed(&world, ADA, &unlock(record.key_id())).await.parse().unwrap();
    withdraw(&world, BEN).await;
    let size = records(&world).await.len();
    assert!(world.operators.freeze(&by, &record.key_id(), false, None).await.is_err());
    assert!(world.operators.new_code(&by, 1, 1000, None).await.is_err());
    assert!(world.operators.settle(&by, &id, Step::Approve, None).await.is_err());
    let act = KeyAct::Unlock(record.key_id());
    assert!(world.operators.propose(&by, act, "seen".to_owned(), None).await.is_err());
    assert_eq!(records(&world).await.len(), size);
    grant(&world, BEN, "Ben", Role::Administrator).await.unwrap();
    assert!(world.operators.settle(&by, &id, Step::Approve, None).await.is_ok());
}
