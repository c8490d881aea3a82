//! Tree heads, consistency and records with proofs, checked as a device checks them.

use cosign_core::{
    Code, LogId, Purpose,
    audit::{ConsistencyProof, Hash, InclusionProof, Record, SignedTreeHead, TreeHead},
    sm_primitives::sm2::{PublicKey, Signature},
};
use serde_json::Value;

use super::{DEVICE, enrol, get, problem};
use crate::testing::{Phone, World, digest, status};

fn hash(value: &Value) -> Hash {
    hex::decode(value.as_str().unwrap()).unwrap().try_into().unwrap()
}

fn path(value: &Value) -> Vec<Hash> {
    value.as_array().unwrap().iter().map(hash).collect()
}

fn head(body: &Value) -> SignedTreeHead {
    let signature: [u8; 64] = hex::decode(body["signature"].as_str().unwrap()).unwrap().try_into().unwrap();
    let head = TreeHead {
        log_id: body["log_id"].as_str().unwrap().parse::<LogId>().unwrap(),
        size: body["tree_size"].as_u64().unwrap(),
        at_ms: body["timestamp_ms"].as_u64().unwrap(),
        root: hash(&body["root"]),
    };
    SignedTreeHead::new(head, Signature::from_bytes(&signature).unwrap())
}

/// The records of an answer, proven under its head.
fn proven(body: &Value) -> Vec<Record> {
    let head = head(&body["head"]);
    let prove = |item: &Value| {
        let record = Record::decode(&hex::decode(item["record"].as_str().unwrap()).unwrap()).unwrap();
        assert_eq!(item["seq"], record.seq);
        let proof = InclusionProof::new(record.leaf_index(), head.head().size, path(&item["path"])).unwrap();
        proof.verify(&record.leaf(), &head.head().root).unwrap();
        record
    };
    body["records"].as_array().unwrap().iter().map(prove).collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_device_proves_what_its_key_did() {
    let world = World::new().await;
    let phone = Phone::enrolled(&world, DEVICE[0]).await;
    let (record, key) = phone.key(&world, Purpose::Sign).await;
    let early = {
        world.heads.publish().await.unwrap();
        head(&get(&world, "/v1/audit/head", Some(DEVICE)).await.1["head"])
    };
    for byte in 0..5 {
        phone.sign(&world, &key, digest(byte)).await.unwrap();
    }
    let guess = phone.unlock(&record, crate::testing::WRONG_PIN);
    let (wrong, _) = phone.start(&world, &guess, &[digest(9)]);
    assert_eq!(status(&phone.ask(&world, &wrong).await), Some(Code::Pin));

    let records = format!("/v1/keys/{}/records", record.key_id());
    let (_, body) = get(&world, &records, Some(DEVICE)).await;
    assert_eq!(head(&body["head"]), early, "what is under no head yet is not shown");
    world.heads.publish().await.unwrap();
    let (_, log) = get(&world, "/v1/audit/head", Some(DEVICE)).await;
    let log_key = PublicKey::from_spki_pem(log["public_key"].as_str().unwrap()).unwrap();
    let late = head(&log["head"]);
    late.verify(&log_key).unwrap();
    early.verify(&log_key).unwrap();

    let (_, body) = get(&world, &records, Some(DEVICE)).await;
    let all = proven(&body);
    assert_eq!((head(&body["head"]), &body["more"]), (late, &Value::Bool(false)));
    let acts: Vec<_> = all.iter().map(|record| (record.event.act.as_str(), record.event.outcome())).collect();
    let mut expected =
        vec![("issue", "ok"), ("keygen", "ok"), ("open", "ok"), ("sign", "ok"), ("activate", "ok")];
    expected.extend([("sign", "ok"); 5]);
    expected.push(("sign", "E_PIN"));
    assert_eq!(acts, expected);

    let sid = all[5].event.sid.unwrap();
    let (_, body) = get(&world, &format!("{records}?sid={sid}"), Some(DEVICE)).await;
    assert_eq!(proven(&body), [all[5].clone()]);

    // In pages, under one head although the log grows meanwhile.
    let (mut paged, mut after) = (Vec::new(), 0);
    loop {
        phone.sign(&world, &key, digest(20)).await.unwrap();
        world.heads.publish().await.unwrap();
        let query = format!("{records}?limit=4&after={after}&tree_size={}", late.head().size);
        let (_, body) = get(&world, &query, Some(DEVICE)).await;
        assert_eq!(head(&body["head"]), late);
        paged.extend(proven(&body));
        after = paged.last().unwrap().seq;
        if body["more"] == false {
            break;
        }
    }
    assert_eq!(paged, all);

    let (first, second) = (early.head(), late.head());
    let query = format!("/v1/audit/consistency?first={}&second={}", first.size, second.size);
    let (_, body) = get(&world, &query, Some(DEVICE)).await;
    let proof = ConsistencyProof::new(first.size, second.size, path(&body["path"])).unwrap();
    proof.verify(&first.root, &second.root).unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_log_is_for_enrolled_devices_and_records_for_their_owner() {
    let world = World::new().await;
    let phone = Phone::enrolled(&world, 1).await;
    let (record, _) = phone.key(&world, Purpose::Sign).await;
    world.heads.publish().await.unwrap();
    let records = format!("/v1/keys/{}/records", record.key_id());
    for path in ["/v1/audit/head", "/v1/audit/consistency?first=1&second=1", &records] {
        assert_eq!(problem(get(&world, path, None).await), (401, "no_client_certificate".into()), "{path}");
        assert_eq!(problem(get(&world, path, Some(DEVICE)).await), (403, "not_enrolled".into()), "{path}");
    }
    enrol(&world).await;
    assert_eq!(get(&world, "/v1/audit/head", Some(DEVICE)).await.0, 200);
    assert_eq!(problem(get(&world, &records, Some(DEVICE)).await), (404, "not_found".into()));
    assert_eq!(get(&world, &records, Some([1; 32])).await.0, 200);
    let without_head = format!("{records}?tree_size=1");
    assert_eq!(problem(get(&world, &without_head, Some([1; 32])).await), (404, "not_found".into()));
    for wrong in [
        "/v1/audit/consistency",
        "/v1/audit/consistency?first=0&second=1",
        "/v1/audit/consistency?first=2&second=1",
        "/v1/audit/consistency?first=1&second=1000",
        "/v1/audit/consistency?first=1&second=1&third=1",
        &format!("{records}?sid=zz"),
        &format!("{records}?after=-1"),
    ] {
        assert_eq!(problem(get(&world, wrong, Some([1; 32])).await), (400, "bad_request".into()), "{wrong}");
    }
}
