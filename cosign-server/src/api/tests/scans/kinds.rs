//! What can be asked by a code: each kind from the page to the result.

use cosign_core::sm_primitives::sm3;
use serde_json::{Value, json};

use super::{
    super::{office::citizen, problem},
    NAME, Stage,
};

fn hex_of(text: &str) -> String {
    hex::encode(text)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn g_09_registered_on_a_platform_by_scanning() {
    let stage = Stage::new().await;
    let (id, _) = stage.whole("register", json!({})).await;
    assert_eq!(stage.seen(&id).await["bound"], true);
    let bound = stage.told("binding.changed").await;
    assert_eq!((&bound[0]["state"], &bound[0]["account_id"]), (&json!("bound"), &json!(stage.account)));
    // From now on a login is of somebody whom the platform knows; a second registration is refused.
    let (id, _) = stage.whole("login", json!({})).await;
    assert_eq!(stage.seen(&id).await["bound"], true);
    let (id, scan) = stage.chosen("register", json!({})).await;
    let body = json!({ "signatures": stage.signatures(&scan["to_sign"]).await });
    let sign = format!("/v1/scans/{id}/sign");
    stage.user.refused(stage.world(), &sign, &body, 409, "conflict").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn g_10_verified_data_is_shared_with_consent_only() {
    let stage = Stage::new().await;
    for (wanted, given) in [(true, true), (true, false), (false, true)] {
        let (id, scan) = stage.chosen("login", json!({ "share": wanted })).await;
        assert_eq!(scan["share"], wanted);
        let signatures = stage.signatures(&scan["to_sign"]).await;
        assert_eq!(stage.seen(&id).await["shared"], Value::Null);
        let body = json!({ "signatures": signatures, "share": given });
        stage.user.done(stage.world(), &format!("/v1/scans/{id}/sign"), &body).await;
        let shared = stage.seen(&id).await["shared"].clone();
        if wanted && given {
            assert_eq!(shared, json!({ "name": NAME, "document": "id-card", "number": citizen(1) }));
        } else {
            assert_eq!(shared, Value::Null);
        }
    }
    // It is in no event.
    assert!(!format!("{:?}", stage.told("scan.changed").await).contains(&citizen(1)));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn g_11_login_by_a_signature_over_the_session() {
    let stage = Stage::new().await;
    let (id, scan) = stage.chosen("login", json!({})).await;
    assert_eq!(scan["to_sign"].as_array().unwrap().len(), 1);
    stage.sign(&scan).await;
    let seen = stage.seen(&id).await;
    let (agreement, consent) = (seen["agreement"].as_str().unwrap(), seen["consent"].as_str().unwrap());
    // The agreement names all that makes it this login, and the platform can verify it.
    let bytes = hex::decode(agreement).unwrap();
    for part in [
        &b"cosign scan 1"[..],
        b"login",
        b"n-1",
        stage.client.id.to_string().as_bytes(),
        &hex::decode(&id).unwrap(),
    ] {
        assert!(bytes.windows(part.len()).any(|window| window == part));
    }
    assert!(stage.verifies(agreement, consent).await);
    assert_eq!(seen["bound"], false);
    let (_, other) = stage.chosen("login", json!({})).await;
    assert_ne!(other["to_sign"], scan["to_sign"]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn g_12_documents_are_sealed_while_the_phone_waits() {
    let stage = Stage::new().await;
    let early = stage.chosen("seal", json!({})).await.0;
    let items = |byte: u8| json!({ "items": [{ "name": "a.pdf", "form": "digest", "content": hex::encode([byte; 32]) }] });
    let path = |id: &str| format!("/v1/client/scans/{id}/items");
    stage.refused_platform(&path(&early), &items(1), 409, "conflict").await;
    let (id, done) = stage.whole("seal", json!({})).await;
    assert_eq!(done["state"], "confirmed");
    // One document after the other.
    for byte in [1, 2] {
        stage.platform(&path(&id), &items(byte)).await;
        let scan = stage.user.see(stage.world(), &format!("/v1/scans/{id}")).await;
        assert_eq!(
            (&scan["state"], &scan["to_sign"]),
            (&json!("running"), &json!([hex::encode([byte; 32])]))
        );
        stage
            .refused_platform(
                &format!("/v1/client/scans/{id}/end"),
                &json!({ "end": "finish" }),
                409,
                "conflict",
            )
            .await;
        stage.sign(&scan).await;
    }
    let ended = stage.platform(&format!("/v1/client/scans/{id}/end"), &json!({ "end": "finish" })).await;
    assert_eq!((&ended["state"], ended["results"].as_array().unwrap().len()), (&json!("succeeded"), 2));
    assert!(
        ended["results"].as_array().unwrap().iter().all(|one| one["result"].as_str().unwrap().len() == 128)
    );
    stage.refused_platform(&path(&id), &items(3), 409, "conflict").await;
    let wrong = json!({ "items": [{ "name": "a", "form": "digest", "content": "00" }] });
    let (id, _) = stage.whole("seal", json!({})).await;
    stage.refused_platform(&path(&id), &wrong, 400, "bad_request").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn g_13_a_seal_is_removed_with_the_certificate_that_sealed() {
    let stage = Stage::new().await;
    let none = json!({ "kind": "remove-seal", "nonce": "n" });
    stage.refused_platform("/v1/client/scans", &none, 400, "bad_request").await;
    let other = json!({ "certificate": { "authority": "demo", "serial": "77" } });
    let scan = stage.scan(&stage.ask("remove-seal", other).await).await;
    let choose = format!("/v1/scans/{}/choose", scan["scan_id"].as_str().unwrap());
    stage.user.refused(stage.world(), &choose, &stage.certificate, 409, "conflict").await;
    let items = json!([{ "name": "a.pdf", "form": "digest", "content": "05".repeat(32) }]);
    let (id, done) =
        stage.whole("remove-seal", json!({ "certificate": stage.certificate, "items": items })).await;
    assert_eq!(done["state"], "succeeded");
    assert_eq!(stage.seen(&id).await["results"][0]["name"], "a.pdf");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn g_14_a_message_is_signed_and_verified() {
    let stage = Stage::new().await;
    let message = hex_of("投标报价 100");
    let items = json!([{ "name": "message", "form": "message", "content": message }]);
    let (id, scan) = stage.chosen("sign-message", json!({ "items": items })).await;
    assert_eq!(
        (&scan["items"][0]["content"], scan["to_sign"].as_array().unwrap().len()),
        (&json!(message), 2)
    );
    assert_eq!(stage.seen(&id).await["results"], json!([]));
    assert_eq!(stage.sign(&scan).await["state"], "succeeded");
    let signature = stage.seen(&id).await["results"][0]["result"].as_str().unwrap().to_owned();
    assert!(stage.verifies(&message, &signature).await);
    let none = json!({ "kind": "sign-message", "nonce": "n" });
    stage.refused_platform("/v1/client/scans", &none, 400, "bad_request").await;
    let digest = json!({ "kind": "sign-message", "nonce": "n", "items": [{ "name": "a", "form": "digest", "content": "05".repeat(32) }] });
    stage.refused_platform("/v1/client/scans", &digest, 400, "bad_request").await;
    // A digest that the platform computed is signed as it is.
    let items = json!([{ "name": "hash", "form": "digest", "content": "05".repeat(32) }]);
    let (id, _) = stage.whole("sign-hash", json!({ "items": items })).await;
    assert_eq!(stage.seen(&id).await["results"].as_array().unwrap().len(), 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn i_15_a_signature_that_does_not_verify_is_an_answer() {
    let stage = Stage::new().await;
    let items = json!([{ "name": "message", "form": "message", "content": hex_of("a") }]);
    let (id, _) = stage.whole("sign-message", json!({ "items": items })).await;
    let signature = stage.seen(&id).await["results"][0]["result"].as_str().unwrap().to_owned();
    assert!(stage.verifies(&hex_of("a"), &signature).await);
    assert!(!stage.verifies(&hex_of("b"), &signature).await);
    for wrong in ["", "00", &"00".repeat(64), "no"] {
        assert!(!stage.verifies(&hex_of("a"), wrong).await);
    }
    let path = "/v1/client/verifications";
    let unknown =
        json!({ "certificate": { "authority": "demo", "serial": "77" }, "message": "00", "signature": "00" });
    stage.refused_platform(path, &unknown, 404, "not_found").await;
    let empty = json!({ "certificate": stage.certificate, "message": "", "signature": "00" });
    stage.refused_platform(path, &empty, 400, "bad_request").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn g_15_a_text_is_encrypted_to_the_chosen_certificate() {
    let stage = Stage::new().await;
    let (id, scan) = stage.chosen("encrypt", json!({})).await;
    assert_eq!(stage.seen(&id).await["encryption_pem"], Value::Null);
    stage.sign(&scan).await;
    // The text stays with the platform, which encrypts it itself.
    let seen = stage.seen(&id).await;
    let pem = seen["encryption_pem"].as_str().unwrap();
    let certificate = pki::Certificate::parse(pem.as_bytes()).unwrap();
    assert!(certificate.key().sm2().is_some());
    assert_ne!(seen["encryption_pem"], seen["certificate_pem"]);
}

fn section(name: &str) -> Value {
    json!({ "project": "P-1", "section": name })
}

/// A tender file is made for a section.
async fn tender(stage: &Stage, name: &str, opens_at_ms: u64) -> String {
    let terms = json!({ "section": section(name), "opens_at_ms": opens_at_ms });
    let (id, done) = stage.whole("generate-file", terms).await;
    assert_eq!(done["state"], "confirmed");
    let file = hex::encode(sm3::digest(b"file"));
    let items = json!({ "items": [{ "name": "file.tender", "form": "message", "content": file }] });
    stage.platform(&format!("/v1/client/scans/{id}/items"), &items).await;
    let scan = stage.user.see(stage.world(), &format!("/v1/scans/{id}")).await;
    stage.sign(&scan).await;
    let ended = stage.platform(&format!("/v1/client/scans/{id}/end"), &json!({ "end": "finish" })).await;
    assert_eq!(ended["state"], "succeeded");
    assert!(stage.verifies(&file, ended["results"][0]["result"].as_str().unwrap()).await);
    id
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn g_16_a_tender_file_is_made() {
    let stage = Stage::new().await;
    let id = tender(&stage, "1", stage.world().now_ms() + 1_000_000).await;
    assert!(stage.seen(&id).await["encryption_serial"].is_string());
    let without = json!({ "kind": "generate-file", "nonce": "n" });
    stage.refused_platform("/v1/client/scans", &without, 400, "bad_request").await;
}

fn opening(name: &str, opens_at_ms: u64) -> Value {
    let items = json!([{ "name": "part", "form": "envelope", "content": "0a0b" }]);
    json!({ "section": section(name), "opens_at_ms": opens_at_ms, "signed_in": true, "items": items })
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn g_17_opened_only_once_the_time_has_come_and_the_bidder_signed_in() {
    let stage = Stage::new().await;
    let opens_at_ms = stage.world().now_ms() + 200_000;
    tender(&stage, "1", opens_at_ms).await;
    let mut body = opening("1", opens_at_ms);
    (body["kind"], body["nonce"]) = ("decrypt".into(), "n".into());
    stage.refused_platform("/v1/client/scans", &body, 409, "conflict").await;
    // Another time than was said when it was made helps nobody.
    let scan = stage.scan(&stage.ask("decrypt", opening("1", 1)).await).await;
    let choose = format!("/v1/scans/{}/choose", scan["scan_id"].as_str().unwrap());
    stage.user.refused(stage.world(), &choose, &stage.certificate, 409, "conflict").await;
    stage.world().clock.advance(200_000);
    body["signed_in"] = false.into();
    stage.refused_platform("/v1/client/scans", &body, 409, "conflict").await;
    let (id, scan) = stage.chosen("decrypt", opening("1", opens_at_ms)).await;
    assert_eq!((&scan["items"][0]["content"], &scan["to_sign"]), (&json!("0a0b"), &json!([])));
    // The phone says what was in it, in an envelope for the platform, and signs that with the rest.
    let opened = json!(["c0ffee"]);
    let digest = stage.agreement_digest(&id, &["c0ffee".to_owned()]).await;
    let sign = format!("/v1/scans/{id}/sign");
    let signatures = stage.signatures(&json!([digest])).await;
    let other = json!({ "signatures": signatures, "opened": ["c0ffed"] });
    stage.user.refused(stage.world(), &sign, &other, 400, "bad_request").await;
    let less = json!({ "signatures": signatures, "opened": [] });
    stage.user.refused(stage.world(), &sign, &less, 400, "bad_request").await;
    let body = json!({ "signatures": signatures, "opened": opened });
    assert_eq!(stage.user.done(stage.world(), &sign, &body).await["state"], "succeeded");
    let seen = stage.seen(&id).await;
    assert_eq!(seen["results"], json!([{ "name": "part", "result": "c0ffee" }]));
    assert!(stage.verifies(seen["agreement"].as_str().unwrap(), seen["consent"].as_str().unwrap()).await);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn g_18_opened_only_with_the_certificate_that_encrypted() {
    let mut stage = Stage::new().await;
    tender(&stage, "1", 1).await;
    // Nothing was encrypted for another section.
    let scan = stage.scan(&stage.ask("decrypt", opening("2", 1)).await).await;
    let choose = format!("/v1/scans/{}/choose", scan["scan_id"].as_str().unwrap());
    stage.user.refused(stage.world(), &choose, &stage.certificate, 409, "conflict").await;
    // Another certificate of the same phone.
    let old = stage.certificate.clone();
    stage.second_certificate().await;
    let scan = stage.scan(&stage.ask("decrypt", opening("1", 1)).await).await;
    let choose = format!("/v1/scans/{}/choose", scan["scan_id"].as_str().unwrap());
    stage.user.refused(stage.world(), &choose, &stage.certificate, 409, "conflict").await;
    stage.user.done(stage.world(), &choose, &old).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_phone_that_cannot_open_what_it_was_given_says_so() {
    let stage = Stage::new().await;
    tender(&stage, "1", 1).await;
    let (id, scan) = stage.chosen("decrypt", opening("1", 1)).await;
    assert_eq!(stage.step(scan["scan_id"].as_str().unwrap(), "fail").await["state"], "failed");
    let seen = stage.seen(&id).await;
    assert_eq!((&seen["state"], &seen["reason"]), (&json!("failed"), &json!("phone")));
    // The bidder may try again.
    stage.chosen("decrypt", opening("1", 1)).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn g_23_a_code_leads_to_the_application_of_a_platform() {
    let stage = Stage::new().await;
    let code = stage.ask("apply", json!({ "authorities": ["demo"] })).await;
    let scan = stage.scan(&code).await;
    let id = scan["scan_id"].as_str().unwrap();
    assert_eq!(scan["system"]["name"], "platform");
    let choose = format!("/v1/scans/{id}/choose");
    stage.user.refused(stage.world(), &choose, &stage.certificate, 409, "conflict").await;
    assert_eq!(stage.step(id, "take").await["state"], "succeeded");
    assert_eq!(stage.seen(id).await["account_id"], stage.account);
    let (login, _) = stage.chosen("login", json!({})).await;
    let take = format!("/v1/scans/{login}/take");
    stage.user.refused(stage.world(), &take, &json!({}), 409, "conflict").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn l_03_the_scan_report_of_a_member() {
    let stage = Stage::new().await;
    stage.whole("login", json!({})).await;
    stage.whole("encrypt", json!({})).await;
    let report = async |query: &str| {
        let found = stage.user.see(stage.world(), &format!("/v1/scan-report{query}")).await;
        found["records"].as_array().unwrap().clone()
    };
    let all = report("").await;
    let operations: Vec<_> = all.iter().map(|one| one["operation"].as_str().unwrap()).collect();
    assert_eq!(operations.len(), 2);
    assert_eq!(
        (&all[0]["system"]["name"], &all[0]["at_ms"]),
        (&json!("platform"), &json!(stage.world().now_ms()))
    );
    assert!(all[0]["certificate_name"].as_str().unwrap().contains("holder"));
    assert_eq!(report("?operation=login").await.len(), 1);
    assert_eq!(report("?system=platf").await.len(), 2);
    assert_eq!(report("?system=other").await.len(), 0);
    let (other, _) = super::super::office::log_in(stage.world(), "13900139000").await;
    assert_eq!(other.see(stage.world(), "/v1/scan-report").await["records"], json!([]));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn l_05_what_a_certificate_was_used_for() {
    let stage = Stage::new().await;
    stage.whole("login", json!({})).await;
    let serial = stage.certificate["serial"].as_str().unwrap();
    let path = format!("/v1/scan-report/certificates/demo/{serial}");
    let found = stage.user.see(stage.world(), &path).await;
    let record = &found["records"][0];
    assert_eq!((&record["account_id"], &record["operation"]), (&json!(stage.account), &json!("login")));
    assert_eq!((&record["certificate"], &record["identity"]), (&stage.certificate, &json!("person")));
    crate::testing::Phone::enrolled(stage.world(), 8).await;
    let (other, _) = super::super::office::log_in_on(stage.world(), "13900139000", Some([8; 32])).await;
    assert_eq!(problem(other.get(stage.world(), &path).await), (404, "not_found".to_owned()));
    let none = "/v1/scan-report/certificates/demo/77";
    assert_eq!(problem(stage.user.get(stage.world(), none).await), (404, "not_found".to_owned()));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn m_10_all_kinds_of_programs_use_the_same_interface() {
    let stage = Stage::new().await;
    // A page, a bidding tool and an opening hall ask in the same way, and read the same answer.
    for kind in ["login", "encrypt", "sign-hash", "seal"] {
        let code = stage.ask(kind, json!({})).await;
        let seen = stage.seen(code["scan_id"].as_str().unwrap()).await;
        assert_eq!((&seen["kind"], &seen["state"]), (&json!(kind), &json!("created")));
        let end = format!("/v1/client/scans/{}/end", code["scan_id"].as_str().unwrap());
        assert_eq!(stage.platform(&end, &json!({ "end": "abort" })).await["state"], "aborted");
        stage.refused_platform(&end, &json!({ "end": "abort" }), 409, "conflict").await;
    }
    let unknown = json!({ "kind": "dance", "nonce": "n" });
    stage.refused_platform("/v1/client/scans", &unknown, 400, "bad_request").await;
}
