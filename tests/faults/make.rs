//! Devices and keys, made while things go wrong.

use cosign_core::{Digest, KeyId, MIN_ITERATIONS, Pin, csr, keygen};
use cosign_tests::network::now_ms;
use getrandom::SysRng;
use serde_json::Value;
use sm_primitives::sm2::DistId;

use crate::workload::{Key, Owner, PINS};

/// Enrols the device of an owner.
pub(crate) async fn enrol(owner: &mut Owner, code: &str) {
    let body = format!("{{\"enrolment_code\":\"{code}\",\"name\":\"owner\"}}");
    let head =
        "POST /v1/devices HTTP/1.1\r\ncontent-type: application/json\r\nidempotency-key: the-only-enrolment";
    // It is named, so it may be repeated.
    for _ in 0..20 {
        if let Some(answer) = owner.way.http(head, body.as_bytes()).await {
            assert_eq!(answer.status, 201, "{answer:?}");
            return;
        }
    }
    panic!("a device could not be enrolled");
}

/// A new key; `None` when it is all over.
pub(crate) async fn key(owner: &mut Owner) -> Option<Key> {
    while !owner.is_over() {
        if let Some(key) = attempt(owner).await {
            return Some(key);
        }
    }
    None
}

async fn attempt(owner: &mut Owner) -> Option<Key> {
    let key_id = issue(owner).await?;
    let (suite, purpose) = (owner.suite, owner.purpose);
    let pin = Pin::new(PINS[0]).unwrap();
    let (frame, waiting) = keygen::start(key_id, suite, purpose, &mut SysRng).unwrap();
    let answer = post(owner, key_id, "keygen", &frame).await?;
    let made = waiting.finish(&answer, &pin, &owner.device_key, MIN_ITERATIONS, &mut SysRng).ok()?;
    let (frame, waiting) = made;
    let answer = post(owner, key_id, "open", &frame).await?;
    let (record, key) = waiting.finish(&answer).ok()?;

    let info = csr::info("owner", key.public_key());
    let digest = Digest::reduce(&DistId::default().digest(key.public_key(), &info));
    // With what was signed only: it is signed once.
    let signature = sign_request(owner, &key, digest).await?;
    let (frame, waiting) = keygen::activate(&key, &csr::assemble(&info, &signature), &mut SysRng).unwrap();
    let answer = post(owner, key_id, "activate", &frame).await?;
    waiting.finish(&answer).ok()?;
    Some(Key::new(&record, 0, &owner.device_key, &owner.ledger))
}

async fn sign_request(
    owner: &mut Owner,
    key: &cosign_core::ClientKey,
    digest: Digest,
) -> Option<sm_primitives::sm2::Signature> {
    use cosign_core::{Progress, sign};
    owner.counter += 1;
    let (mut frame, mut waiting) = sign::start(key, &[digest], now_ms(), owner.counter, &mut SysRng).unwrap();
    loop {
        let answer = owner.way.ask(&frame, std::time::Duration::from_secs(10), &owner.ledger).await?;
        waiting = match waiting.finish(&answer).ok()? {
            Progress::Next(next) => next,
            Progress::Done(signed) => return Some(signed.signatures[0]),
            Progress::Busy(_) => return None,
        };
        frame = waiting.frame().to_vec();
    }
}

/// A key id by a named request, which is repeated until it is answered, and once more.
async fn issue(owner: &mut Owner) -> Option<KeyId> {
    owner.names += 1;
    let name = format!("owner-{}-{}", owner.index, owner.names);
    owner.ledger.book().asked.insert(name.clone());
    let head = format!("POST /v1/keys HTTP/1.1\r\ncontent-type: application/json\r\nidempotency-key: {name}");
    let (suite, purpose) = (owner.suite.as_str(), owner.purpose.as_str());
    let body = format!("{{\"suite\":\"{suite}\",\"purpose\":\"{purpose}\",\"label\":\"key\"}}");
    let mut issued = None;
    for _ in 0..40 {
        let answer = owner.way.http(&head, body.as_bytes()).await.filter(|answer| answer.status == 201);
        if let Some(answer) = answer {
            let answer: Value = serde_json::from_slice(&answer.body).unwrap();
            let key_id = answer["key_id"].as_str().unwrap().to_owned();
            let before = owner.ledger.book().issued.insert(name.clone(), key_id.clone());
            assert!(before.is_none_or(|before| before == key_id), "one named request was done twice");
            if issued.replace(key_id).is_some() {
                break;
            }
        }
        if owner.is_over() {
            return None;
        }
    }
    Some(issued?.parse().unwrap())
}

async fn post(owner: &mut Owner, key_id: KeyId, operation: &str, frame: &[u8]) -> Option<Vec<u8>> {
    let head =
        format!("POST /v1/keys/{key_id}/{operation} HTTP/1.1\r\ncontent-type: application/vnd.cosign.frame");
    let answer = owner.way.http_again(&head, frame).await.filter(|answer| answer.status == 200)?;
    Some(answer.body)
}
