//! Tender files: made and encrypted, and opened at their time.

use std::{thread::sleep, time::Duration};

use cosign_tests::{
    network::now_ms,
    people::{
        Certified, Market, Stage, User, desk,
        phone::{agreement, digest_of},
        platform::{certified, is_signed},
        text,
    },
};
use envelope::{ContentKey, Sm2Recipient, simple};
use getrandom::SysRng;
use serde_json::{Value, json};
use sm_primitives::{
    sm2::{Ciphertext, PrivateKey, pke},
    sm3,
};

use crate::{login::states, sealed::Sealed};

/// What the bidding tool has on the disk of the bidder.
struct Tender {
    /// The parts, encrypted, and their keys as they were wrapped for the bidder.
    parts: Vec<Sealed>,
    /// What the phone signed of them.
    digest: String,
    signature: Value,
    certificate: Value,
}

fn section(name: &str, opens_at_ms: u64) -> Value {
    json!({ "section": { "project": "XM-2027-001", "section": name }, "opens_at_ms": opens_at_ms })
}

fn digest_of_all(parts: &[Sealed]) -> String {
    let all: Vec<_> = parts.iter().flat_map(|part| part.message.clone()).collect();
    hex::encode(sm3::digest(&all))
}

const PARTS: [&[u8]; 2] = ["商务标：一切符合要求".as_bytes(), "报价：一百元".as_bytes()];

/// The bidder makes a tender file; nothing of its bytes leaves the tool.
fn made(market: &Market, user: &User, with: &Certified, terms: Value) -> (Tender, Value) {
    let platform = &market.platform;
    let code = platform.code("generate-file", terms);
    assert_eq!(platform.scan(&code)["encryption_pem"], Value::Null, "before the bidder has confirmed");
    let scan = user.chosen(&code, with);
    assert_eq!(user.confirm(&scan, with, false)["state"], "confirmed");
    let seen = platform.scan(&code);
    assert_eq!(seen["encryption_serial"], with.holding["pair"]);
    let recipient = Sm2Recipient::from_public_key(&certified(&seen["encryption_pem"]));
    let parts: Vec<_> = PARTS.iter().map(|part| Sealed::with(&recipient, part)).collect();
    let digest = digest_of_all(&parts);
    let items = json!([{ "name": "XM-2027-001.tender", "form": "message", "content": digest }]);
    assert_eq!(platform.hand_in(&scan, &items)["state"], "running");
    assert_eq!(user.step(&scan, "heartbeat")["state"], "running");
    user.sign_more(&scan, with);
    let ended = platform.end(&scan, "finish");
    assert_eq!(ended["state"], "succeeded");
    let (signature, certificate) = (ended["results"][0]["result"].clone(), ended["certificate_pem"].clone());
    (Tender { parts, digest, signature, certificate }, code)
}

#[test]
fn s_4_5_encrypted_tender_file() {
    let stage = Stage::shared();
    let market = stage.market("P-TENDER", 10);
    let platform = &market.platform;
    let user = stage.user("张三");
    let certified = user.certified(&stage.reviewers[0]);
    market.buy(&user, "personal", &[&market.uses]);
    let opens_at_ms = now_ms() + 3_600_000;
    platform.refused("/v1/client/scans", &json!({ "kind": "generate-file", "nonce": "n" }), "bad_request");
    let (tender, code) = made(&market, &user, &certified, section("1", opens_at_ms));
    // Signed over the result, by the certificate that was chosen.
    assert!(is_signed(&tender.certificate, &json!(tender.digest), &tender.signature));
    assert!(!is_signed(&tender.certificate, &json!("00".repeat(32)), &tender.signature));
    assert!(stage.judged(&tender.certificate).is_valid());
    let told = platform.told("scan.changed");
    let expected = ["scanned", "identity-chosen", "confirmed", "running", "running", "succeeded"];
    assert_eq!(states(&told, &code), expected);
    // Counted once, and reported once.
    assert_eq!(market.balance(&user)["remaining"], 9);
    let report = user.get("/v1/scan-report");
    assert_eq!(report["records"].as_array().unwrap().len(), 1);
    assert_eq!(report["records"][0]["operation"], "generate-file");
    // Who leaves before the end has made nothing, and pays nothing.
    let code = platform.code("generate-file", section("2", opens_at_ms));
    let scan = user.chosen(&code, &certified);
    user.confirm(&scan, &certified, false);
    assert_eq!(user.step(&scan, "abort")["state"], "aborted");
    assert_eq!(platform.scan(&code)["state"], "aborted");
    assert_eq!(market.balance(&user)["remaining"], 9);
}

/// The bid-opening hall asks for the keys of the parts.
fn asked(terms: &Value, wrapped: &[String]) -> Value {
    let item = |(number, content): (usize, &String)| json!({ "name": format!("part-{number}"), "form": "envelope", "content": content });
    let mut body = terms.clone();
    (body["kind"], body["nonce"]) = ("decrypt".into(), "n-1".into());
    (body["signed_in"], body["items"]) = (true.into(), wrapped.iter().enumerate().map(item).collect());
    body
}

/// The phone opens what it was asked to, and puts it into other envelopes, for the hall alone.
fn rewrapped(user: &User, scan: &Value, with: &Certified, hall: &PrivateKey) -> Vec<String> {
    let opener = with.opener.as_ref().unwrap();
    let one = |item: &Value| {
        let key = user.phone().open(opener, &text(&item["content"])).unwrap();
        hex::encode(pke::encrypt(hall.public_key(), &key, &mut SysRng).unwrap().to_der().unwrap())
    };
    scan["items"].as_array().unwrap().iter().map(one).collect()
}

/// What the bidder agrees with, signed.
fn signed(user: &User, scan: &Value, with: &Certified, opened: &[String]) -> Value {
    let digest = digest_of(&with.key, &agreement(scan, opened));
    json!({ "signatures": user.phone().sign(&with.key, &[digest]), "opened": opened })
}

#[test]
fn s_4_6_decryption_at_the_opening() {
    let stage = Stage::shared();
    let market = stage.market("P-OPENING", 10);
    let platform = &market.platform;
    let user = stage.user("李四");
    let certified = user.certified(&stage.reviewers[0]);
    market.buy(&user, "personal", &[&market.uses]);
    // Too early: and who says another time finds the one that was said at first.
    let later = section("2", now_ms() + 3_600_000);
    let (closed, _) = made(&market, &user, &certified, later.clone());
    let closed: Vec<_> = closed.parts.iter().map(|part| part.wrapped.clone()).collect();
    platform.refused("/v1/client/scans", &asked(&later, &closed), "conflict");
    let scan = user.scan(&platform.post("/v1/client/scans", &asked(&section("2", 1), &closed)));
    user.refused(&desk::path(&scan, "/choose"), &certified.name(), "conflict");

    // Another one, whose time comes soon. Until then another certificate is made for the same phone.
    let opens_at_ms = now_ms() + 2_000;
    let terms = section("1", opens_at_ms);
    let (tender, _) = made(&market, &user, &certified, terms.clone());
    let wrapped: Vec<_> = tender.parts.iter().map(|part| part.wrapped.clone()).collect();
    let ask = asked(&terms, &wrapped);
    if now_ms() + 500 < opens_at_ms {
        platform.refused("/v1/client/scans", &ask, "conflict");
    }
    let second =
        user.apply(json!({ "business": "new", "authority": "demo", "platform": "other", "dual": true }));
    assert_eq!(user.authorise(&second)["state"], "approved", "only the first one is reviewed");
    let (second, _) = user.install(&second, &user.phone().make_key("second"));
    sleep(Duration::from_millis((opens_at_ms + 1).saturating_sub(now_ms())));

    let mut absent = ask.clone();
    absent["signed_in"] = false.into();
    platform.refused("/v1/client/scans", &absent, "conflict");
    let code = platform.post("/v1/client/scans", &ask);
    let scan = user.scan(&code);
    // Only the certificate that encrypted.
    user.refused(&desk::path(&scan, "/choose"), &second.name(), "conflict");
    let scan = user.choose(&scan, &certified);

    // The phone and the server open each key together; the hall gets them in envelopes of its own.
    let hall = PrivateKey::generate(&mut SysRng).unwrap();
    let opened = rewrapped(&user, &scan, &certified, &hall);
    let sign = desk::path(&scan, "/sign");
    let body = signed(&user, &scan, &certified, &opened);
    let mut other = body.clone();
    other["opened"] = json!([opened[1], opened[0]]);
    user.refused(&sign, &other, "bad_request");
    assert_eq!(user.post(&sign, &body)["state"], "succeeded");
    let seen = platform.scan(&code);
    assert!(is_signed(&seen["certificate_pem"], &seen["agreement"], &seen["consent"]));
    for (number, part) in tender.parts.iter().enumerate() {
        let result = Ciphertext::from_der(&hex::decode(text(&seen["results"][number]["result"])).unwrap());
        let key = ContentKey::from_bytes(pke::decrypt(&hall, &result.unwrap()).unwrap()).unwrap();
        let (plain, _) = simple::open_by(&part.message, |_| Ok(key)).unwrap();
        assert_eq!(*plain, PARTS[number]);
    }
    assert_eq!(digest_of_all(&tender.parts), tender.digest);
    assert!(is_signed(&tender.certificate, &json!(tender.digest), &tender.signature));
    assert_eq!(market.balance(&user)["remaining"], 7);
    assert_eq!(user.get("/v1/scan-report?operation=decrypt")["records"].as_array().unwrap().len(), 1);

    // What was changed does not open: the phone says so, and nothing is taken off.
    let mut broken = hex::decode(&wrapped[0]).unwrap();
    *broken.last_mut().unwrap() ^= 1;
    let code = platform.post("/v1/client/scans", &asked(&terms, &[hex::encode(broken)]));
    let scan = user.chosen(&code, &certified);
    let opener = certified.opener.as_ref().unwrap();
    assert!(user.phone().open(opener, &text(&scan["items"][0]["content"])).is_err());
    user.step(&scan, "fail");
    let seen = platform.scan(&code);
    assert_eq!((&seen["state"], &seen["reason"]), (&json!("failed"), &json!("phone")));
    assert_eq!(seen["results"], json!([]));
    assert_eq!(market.balance(&user)["remaining"], 7);
}
