//! Many tasks at once, of which some are refused.

use cosign_tests::{
    network::now_ms,
    people::{Certified, Stage, User, platform::is_signed, text},
};
use serde_json::{Value, json};

fn ids(filed: &Value) -> Vec<String> {
    filed["task_ids"].as_array().unwrap().iter().map(text).collect()
}

fn pile(user: &User, pile: &str) -> Vec<String> {
    let tasks = user.get(&format!("/v1/tasks?pile={pile}"));
    tasks["tasks"].as_array().unwrap().iter().map(|task| text(&task["title"])).collect()
}

/// Takes a certificate for tasks, and signs those that can be signed.
fn signatures(user: &User, with: &Certified, tasks: &[String]) -> (Vec<Value>, Vec<Value>) {
    let body = json!({ "certificate": with.name(), "task_ids": tasks });
    let started = user.post("/v1/task-signatures/start", &body);
    let started = started["results"].as_array().unwrap().clone();
    let fit: Vec<_> = started.iter().filter(|one| one["digest"].is_string()).collect();
    let digests: Vec<_> = fit.iter().map(|one| text(&one["digest"])).collect();
    // All of them with one request and one PIN.
    let made = user.phone().sign(&with.key, &digests);
    let one =
        |(task, signature): (&&Value, String)| json!({ "task_id": task["task_id"], "signature": signature });
    let made = fit.iter().zip(made).map(one).collect();
    (started, made)
}

#[test]
fn s_4_7_batch_signing_with_partial_refusal() {
    let stage = Stage::shared();
    let market = stage.market("P-BATCH", 10);
    let platform = &market.platform;
    let user = stage.user("王五");
    let certified = user.certified(&stage.reviewers[0]);
    market.buy(&user, "personal", &[&market.uses]);

    // Filed for whoever has the phone, with a deadline.
    let task =
        |kind: &str, title: &str, content: &str| json!({ "kind": kind, "title": title, "content": content });
    let (hash, pdf) = ("5a".repeat(32), "a5".repeat(32));
    let data = ["01", "02", "03", "04"];
    let tasks = json!([
        task("data", "合同一", data[0]),
        task("hash", "合同二", &hash),
        task("document", "合同三", &pdf),
        task("data", "不同意的", data[1]),
        task("data", "先撤回的", data[2]),
        task("data", "后撤回的", data[3]),
    ]);
    let until_ms = now_ms() + 3_600_000;
    let body = json!({ "phone": user.number(), "until_ms": until_ms, "tasks": tasks });
    let filed = platform.post("/v1/client/tasks", &body);
    let tasks = ids(&filed);
    assert_eq!(pile(&user, "pending").len(), 6);
    assert!(user.notices().contains(&"task-filed".to_owned()));
    let shown = user.get(&format!("/v1/tasks/{}", tasks[1]));
    assert_eq!((&shown["content"], &shown["title"]), (&json!(hash), &json!("合同二")));

    // One is refused with a reason, one is taken back, and the others are signed with one PIN.
    user.refused("/v1/task-refusals", &json!({ "task_ids": [tasks[3]], "reason": " " }), "bad_request");
    user.post("/v1/task-refusals", &json!({ "task_ids": [tasks[3]], "reason": "金额不符" }));
    platform.post(&format!("/v1/client/tasks/{}/withdraw", tasks[4]), &json!({}));
    let (started, mut made) = signatures(&user, &certified, &tasks);
    let codes: Vec<_> = started.iter().map(|one| one["code"].clone()).collect();
    let (none, conflict) = (Value::Null, json!("conflict"));
    assert_eq!(codes, [&none, &none, &none, &conflict, &conflict, &none].map(Clone::clone));
    // Another is taken back while the phone signs, and one signature is of something else.
    platform.post(&format!("/v1/client/tasks/{}/withdraw", tasks[5]), &json!({}));
    let right = made[1]["signature"].clone();
    made[1]["signature"] = made[0]["signature"].clone();
    let done = user.post("/v1/task-signatures", &json!({ "signatures": made }));
    let codes: Vec<_> = done["results"].as_array().unwrap().iter().map(|one| one["code"].clone()).collect();
    assert_eq!(codes, [none.clone(), json!("bad_request"), none, conflict]);
    assert_eq!(market.balance(&user)["remaining"], 8, "what is not signed costs nothing");
    assert_eq!(pile(&user, "pending"), ["合同二"]);
    user.post("/v1/task-signatures", &json!({ "signatures": [{ "task_id": tasks[1], "signature": right }] }));
    assert_eq!(market.balance(&user)["remaining"], 7);

    // The business system was told once of each, and verifies what was signed.
    let told = platform.told("task.changed");
    let of = |task: &String| told.iter().filter(|one| one["task_id"] == **task).collect::<Vec<_>>();
    let ends = ["signed", "signed", "signed", "refused", "withdrawn", "withdrawn"];
    for (task, end) in tasks.iter().zip(ends) {
        let own = of(task);
        assert_eq!((own.len(), &own[0]["state"]), (1, &json!(end)), "{own:?}");
    }
    for (task, content) in tasks.iter().zip([data[0], &hash, &pdf]) {
        let seen = platform.get(&format!("/v1/client/tasks/{task}"));
        let name = &seen["certificate"];
        let path = format!("/v1/client/certificates/{}/{}", text(&name["authority"]), text(&name["serial"]));
        let certificate = platform.get(&path)["certificate"].clone();
        assert!(is_signed(&certificate, &json!(content), &seen["signature"]));
        assert!(stage.judged(&certificate).is_valid());
    }
    let refused = platform.get(&format!("/v1/client/tasks/{}", tasks[3]));
    assert_eq!((&refused["reason"], &refused["signature"]), (&json!("金额不符"), &Value::Null));
    let batch = platform.get(&format!("/v1/client/batches/{}", text(&filed["batch_id"])));
    assert_eq!(batch["state"], "partly");

    // The processed list has both kinds, and the report what was signed.
    let mut processed = pile(&user, "processed");
    processed.sort_unstable();
    assert_eq!(processed, ["不同意的", "合同一", "合同三", "合同二"]);
    assert_eq!(user.get("/v1/scan-report")["records"].as_array().unwrap().len(), 3);
}
