//! Who registers on a platform that looks at that, and passwords that a phone remembers.

use axum::http::StatusCode;
use serde_json::{Value, json};

use super::{
    super::{
        clients::{act, client, read},
        enterprises::support::is_told,
    },
    Stage,
};

async fn bindings(stage: &Stage) -> Value {
    let (status, found) = read(stage.world(), &stage.client, "/v1/client/bindings").await;
    assert_eq!(status, StatusCode::OK, "{found}");
    found["bindings"].clone()
}

fn decision(binding: &Value) -> String {
    format!("/v1/client/bindings/{}/decision", binding["binding_id"].as_str().unwrap())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn o_17_a_platform_looks_at_who_registers() {
    let stage = Stage::new().await;
    // Automatic where the platform does not want to look.
    let login = json!({ "kind": "login", "nonce": "n", "review": true });
    stage.refused_platform("/v1/client/scans", &login, 400, "bad_request").await;
    let (id, _) = stage.whole("register", json!({ "review": true })).await;
    assert_eq!(stage.seen(&id).await["bound"], false);
    let waiting = bindings(&stage).await[0].clone();
    assert_eq!((&waiting["state"], &waiting["account_id"]), (&json!("requested"), &json!(stage.account)));
    assert_eq!(stage.told("binding.changed").await[0]["state"], "requested");
    // Who waits neither registers again nor gets tasks.
    let (id, scan) = stage.chosen("register", json!({})).await;
    let body = json!({ "signatures": stage.signatures(&scan["to_sign"]).await });
    stage.user.refused(stage.world(), &format!("/v1/scans/{id}/sign"), &body, 409, "conflict").await;
    let tasks = json!({
        "account_id": stage.account, "until_ms": stage.world().now_ms() + 1_000_000,
        "tasks": [{ "kind": "data", "title": "合同", "content": "00" }],
    });
    stage.refused_platform("/v1/client/tasks", &tasks, 404, "not_found").await;
    // Another platform does not decide, nor does the user.
    let other = client(stage.world()).await;
    let (status, _) =
        act(stage.world(), &other, &decision(&waiting), "other-1", &json!({ "pass": true })).await;
    assert_eq!(status, StatusCode::NOT_FOUND);
    let asked = stage.user.post(stage.world(), &decision(&waiting), &json!({ "pass": true })).await;
    assert_eq!(asked.0, StatusCode::UNAUTHORIZED);
    let refused = stage.platform(&decision(&waiting), &json!({ "pass": false })).await;
    assert_eq!(refused["state"], "refused");
    assert!(is_told(stage.world(), &stage.user, "registration-refused").await);
    stage.refused_platform(&decision(&waiting), &json!({ "pass": true }), 409, "conflict").await;
    // It may be asked for again, and is then passed.
    stage.world().clock.advance(1);
    stage.whole("register", json!({ "review": true })).await;
    let again = bindings(&stage).await[0].clone();
    assert_eq!(stage.platform(&decision(&again), &json!({ "pass": true })).await["state"], "bound");
    assert!(is_told(stage.world(), &stage.user, "registration-passed").await);
    stage.refused_platform(&decision(&again), &json!({ "pass": false }), 409, "conflict").await;
    let (id, _) = stage.whole("login", json!({})).await;
    assert_eq!(stage.seen(&id).await["bound"], true);
    stage.platform("/v1/client/tasks", &tasks).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn n_01_a_remembered_password_signs_as_long_as_it_may() {
    let stage = Stage::new().await;
    let (id, scan) = stage.chosen("login", json!({})).await;
    let mut body =
        json!({ "signatures": stage.signatures(&scan["to_sign"]).await, "unlocked": "remembered" });
    let sign = format!("/v1/scans/{id}/sign");
    // Nobody allowed that yet, nor by another way than it is given.
    stage.user.refused(stage.world(), &sign, &body, 409, "conflict").await;
    stage.user.done(stage.world(), "/v1/terminal/unlock", &json!({ "by": "biometrics" })).await;
    stage.user.refused(stage.world(), &sign, &body, 409, "conflict").await;
    body["unlocked"] = "guessed".into();
    stage.user.refused(stage.world(), &sign, &body, 400, "bad_request").await;
    body["unlocked"] = "biometrics".into();
    stage.user.done(stage.world(), &sign, &body).await;
    // The same for tasks.
    let signatures = json!({ "signatures": [{ "task_id": "0".repeat(32) }], "unlocked": "remembered" });
    stage.user.refused(stage.world(), "/v1/task-signatures", &signatures, 409, "conflict").await;
}
