//! Tasks: filed, signed, refused, taken back, dead with the account.

use axum::http::StatusCode;
use serde_json::{Value, json};

use super::{
    super::{
        clients::read,
        office::{Browser, cancelling, log_in},
        problem,
    },
    PHONE, Stage,
};
use crate::domain::office::catalogue::Service;

impl Stage {
    fn data(text: &str) -> Value {
        json!({ "kind": "data", "title": text, "content": hex::encode(text) })
    }

    /// The platform files tasks for a signer.
    async fn file(&self, signer: Value, tasks: Vec<Value>) -> Vec<String> {
        let mut body = signer;
        body["until_ms"] = (self.world().now_ms() + 1_000_000).into();
        body["tasks"] = tasks.into();
        let filed = self.platform("/v1/client/tasks", &body).await;
        filed["task_ids"].as_array().unwrap().iter().map(|id| id.as_str().unwrap().to_owned()).collect()
    }

    async fn filed(&self, tasks: Vec<Value>) -> Vec<String> {
        self.file(json!({ "phone": PHONE }), tasks).await
    }

    async fn start(&self, ids: &[String]) -> Vec<Value> {
        let body = json!({ "certificate": self.certificate, "task_ids": ids });
        let done = self.user.done(self.world(), "/v1/task-signatures/start", &body).await;
        done["results"].as_array().unwrap().clone()
    }

    /// Signs as many as can be, and gives what became of each.
    async fn sign_tasks(&self, ids: &[String]) -> Vec<Value> {
        let mut signatures = Vec::new();
        for one in self.start(ids).await.iter().filter(|one| one["digest"].is_string()) {
            let signature = self.signatures(&json!([one["digest"]])).await.remove(0);
            signatures.push(json!({ "task_id": one["task_id"], "signature": signature }));
        }
        let body = json!({ "signatures": signatures });
        let done = self.user.done(self.world(), "/v1/task-signatures", &body).await;
        done["results"].as_array().unwrap().clone()
    }

    async fn task(&self, id: &str) -> Value {
        let (status, task) = read(self.world(), &self.client, &format!("/v1/client/tasks/{id}")).await;
        assert_eq!(status, StatusCode::OK, "{task}");
        task
    }

    async fn pile(&self, browser: &Browser, pile: &str) -> Vec<Value> {
        browser.see(self.world(), &format!("/v1/tasks{pile}")).await["tasks"].as_array().unwrap().clone()
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn h_01_pending_and_processed_tasks() {
    let stage = Stage::new().await;
    let ids = stage.filed(vec![Stage::data("a"), Stage::data("b")]).await;
    assert_eq!(stage.pile(&stage.user, "?pile=pending").await.len(), 2);
    stage.sign_tasks(&ids[..1]).await;
    let pending = stage.pile(&stage.user, "?pile=pending").await;
    let processed = stage.pile(&stage.user, "?pile=processed").await;
    assert_eq!((pending.len(), processed.len()), (1, 1));
    assert_eq!((&pending[0]["title"], &processed[0]["title"]), (&json!("b"), &json!("a")));
    let (other, _) = log_in(stage.world(), "13900139000").await;
    assert!(stage.pile(&other, "").await.is_empty());
    // What waits for a phone is there when its owner comes.
    stage.file(json!({ "phone": "13700137000" }), vec![Stage::data("c")]).await;
    let (late, _) = log_in(stage.world(), "13700137000").await;
    assert_eq!(stage.pile(&late, "?pile=pending").await.len(), 1);
    let told = stage.user.see(stage.world(), "/v1/messages").await;
    assert_eq!(told["messages"][0]["notice"], "task-filed");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn h_02_a_task_in_detail() {
    let stage = Stage::new().await;
    let ids = stage.filed(vec![Stage::data("合同")]).await;
    let path = format!("/v1/tasks/{}", ids[0]);
    let task = stage.user.see(stage.world(), &path).await;
    assert_eq!(
        (&task["title"], &task["system"], &task["state"]),
        (&json!("合同"), &json!("platform"), &json!("pending"))
    );
    assert_eq!(task["content"], hex::encode("合同"));
    let (other, _) = log_in(stage.world(), "13900139000").await;
    assert_eq!(problem(other.get(stage.world(), &path).await), (404, "not_found".to_owned()));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn h_03_data_is_signed() {
    let stage = Stage::new().await;
    let ids = stage.filed(vec![Stage::data("data")]).await;
    // Somebody else's signature, and one of another task, are none.
    let started = stage.start(&ids).await;
    assert_eq!(started[0]["code"], Value::Null);
    let wrong = stage.signatures(&json!(["07".repeat(32)])).await.remove(0);
    let body = json!({ "signatures": [{ "task_id": ids[0], "signature": wrong }] });
    let done = stage.user.done(stage.world(), "/v1/task-signatures", &body).await;
    assert_eq!(done["results"][0]["code"], "bad_request");
    assert_eq!(stage.task(&ids[0]).await["signature"], Value::Null);
    // A phone that could not sign sets it back.
    let body = json!({ "signatures": [{ "task_id": ids[0], "signature": null }] });
    stage.user.done(stage.world(), "/v1/task-signatures", &body).await;
    assert_eq!(stage.task(&ids[0]).await["state"], "pending");
    assert_eq!(stage.sign_tasks(&ids).await[0]["code"], Value::Null);
    let task = stage.task(&ids[0]).await;
    assert_eq!((&task["state"], &task["certificate"]), (&json!("signed"), &stage.certificate));
    assert!(stage.verifies(&hex::encode("data"), task["signature"].as_str().unwrap()).await);
    let report = stage.user.see(stage.world(), "/v1/scan-report").await;
    assert_eq!(report["records"][0]["operation"], "task-data");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn h_04_a_hash_is_signed() {
    let stage = Stage::new().await;
    let hash = "5a".repeat(32);
    let ids = stage.filed(vec![json!({ "kind": "hash", "title": "hash", "content": hash })]).await;
    stage.sign_tasks(&ids).await;
    let task = stage.task(&ids[0]).await;
    assert!(stage.verifies(&hash, task["signature"].as_str().unwrap()).await);
    let until_ms = stage.world().now_ms() + 1000;
    let short = json!({ "phone": PHONE, "until_ms": until_ms, "tasks": [{ "kind": "hash", "title": "h", "content": "5a" }] });
    stage.refused_platform("/v1/client/tasks", &short, 400, "bad_request").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn h_06_refused_with_a_reason() {
    let stage = Stage::new().await;
    let ids = stage.filed(vec![Stage::data("a")]).await;
    let refuse = |reason: &str| json!({ "task_ids": ids, "reason": reason });
    for reason in ["", "  ", &"长".repeat(501)] {
        stage.user.refused(stage.world(), "/v1/task-refusals", &refuse(reason), 400, "bad_request").await;
    }
    let longest = "长".repeat(500);
    stage.user.done(stage.world(), "/v1/task-refusals", &refuse(&longest)).await;
    let task = stage.task(&ids[0]).await;
    assert_eq!((&task["state"], &task["reason"]), (&json!("refused"), &json!(longest)));
    let told = stage.told("task.changed").await;
    assert_eq!(told.last().unwrap()["state"], "refused");
    assert!(!format!("{told:?}").contains('长'), "the reason is for those who ask");
    let again = stage.user.done(stage.world(), "/v1/task-refusals", &refuse("again")).await;
    assert_eq!(again["results"][0]["code"], "conflict");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn h_07_many_at_once_each_with_its_own_result() {
    let stage = Stage::new().await;
    let ids = stage.filed(["a", "b", "c", "d"].map(Stage::data).to_vec()).await;
    let refuse = json!({ "task_ids": [ids[0]], "reason": "不同意" });
    stage.user.done(stage.world(), "/v1/task-refusals", &refuse).await;
    stage.platform(&format!("/v1/client/tasks/{}/withdraw", ids[1]), &json!({})).await;
    let started = stage.start(&ids).await;
    let codes: Vec<_> = started.iter().map(|one| one["code"].clone()).collect();
    assert_eq!(codes, [json!("conflict"), json!("conflict"), Value::Null, Value::Null]);
    let signed = stage.sign_tasks(&ids).await;
    assert!(signed.iter().all(|one| one["code"].is_null()) && signed.len() == 2);
    // One callback for each, and a state of all.
    let told = stage.told("task.changed").await;
    let states: Vec<_> = told.iter().map(|one| one["state"].as_str().unwrap()).collect();
    assert_eq!(states, ["refused", "withdrawn", "signed", "signed"]);
    let batch = told[0]["batch_id"].as_str().unwrap();
    let (_, batch) = read(stage.world(), &stage.client, &format!("/v1/client/batches/{batch}")).await;
    assert_eq!((&batch["state"], batch["tasks"].as_array().unwrap().len()), (&json!("partly"), 4));
    for count in [0, 65] {
        let body = json!({ "task_ids": vec![ids[0].clone(); count], "reason": "r" });
        stage.user.refused(stage.world(), "/v1/task-refusals", &body, 400, "bad_request").await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_not_signed_costs_nothing() {
    let stage = Stage::new().await;
    let platform = stage.catalogued("M1100000001").await;
    let (account, office) = (stage.account.parse().unwrap(), &stage.world().office);
    office.assume_bought(account, platform, Service::Ca, 2).await;
    let ids = stage.filed(["a", "b", "c", "d"].map(Stage::data).to_vec()).await;
    let mut signatures = Vec::new();
    for one in stage.start(&ids).await {
        let signature = stage.signatures(&json!([one["digest"]])).await.remove(0);
        signatures.push(json!({ "task_id": one["task_id"], "signature": signature }));
    }
    // The first one is taken back while the phone signs, and two are all that was bought.
    stage.platform(&format!("/v1/client/tasks/{}/withdraw", ids[0]), &json!({})).await;
    let body = json!({ "signatures": signatures });
    let done = stage.user.done(stage.world(), "/v1/task-signatures", &body).await;
    let codes: Vec<_> = done["results"].as_array().unwrap().iter().map(|one| one["code"].clone()).collect();
    assert_eq!(codes, [json!("conflict"), Value::Null, Value::Null, json!("conflict")]);
    let mut states = Vec::new();
    for id in &ids {
        states.push(stage.task(id).await["state"].clone());
    }
    assert_eq!(states, ["withdrawn", "signed", "signed", "signing"]);
    let report = stage.user.see(stage.world(), "/v1/scan-report").await;
    assert_eq!(report["records"].as_array().unwrap().len(), 2);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn h_08_platforms_file_tasks_and_learn_what_became_of_them() {
    let stage = Stage::new().await;
    let until_ms = stage.world().now_ms() + 1000;
    let tasks = vec![Stage::data("a")];
    let new = |signer: Value| {
        let mut body = signer;
        (body["until_ms"], body["tasks"]) = (until_ms.into(), tasks.clone().into());
        body
    };
    // Not for somebody whom the platform does not know.
    let account = json!({ "account_id": stage.account });
    stage.refused_platform("/v1/client/tasks", &new(account.clone()), 404, "not_found").await;
    stage.whole("register", json!({})).await;
    let filed = stage.platform("/v1/client/tasks", &new(account.clone())).await;
    let mut both = new(account.clone());
    both["phone"] = PHONE.into();
    stage.refused_platform("/v1/client/tasks", &both, 400, "bad_request").await;
    for (until_ms, count) in [(1, 1), (until_ms + 91 * 86_400_000, 1), (until_ms, 0), (until_ms, 65)] {
        let body = json!({ "phone": PHONE, "until_ms": until_ms, "tasks": vec![Stage::data("a"); count] });
        stage.refused_platform("/v1/client/tasks", &body, 400, "bad_request").await;
    }
    // Time is over, and the platform learns of it.
    stage.world().clock.advance(1000);
    stage.world().office.work().await.unwrap();
    let id = filed["task_ids"][0].as_str().unwrap();
    assert_eq!(stage.task(id).await["state"], "expired");
    assert_eq!(stage.told("task.changed").await.last().unwrap()["state"], "expired");
    let withdraw = format!("/v1/client/tasks/{id}/withdraw");
    stage.refused_platform(&withdraw, &json!({}), 409, "conflict").await;
    // Another platform knows nothing of it.
    use super::super::clients::{act, new_client};
    use crate::domain::clients::Scope;
    let other = stage.world().clients.add(new_client(&Scope::ALL)).await.unwrap();
    let none = (404, "not_found".to_owned());
    assert_eq!(problem(read(stage.world(), &other, &format!("/v1/client/tasks/{id}")).await), none);
    assert_eq!(problem(act(stage.world(), &other, &withdraw, "w", &json!({})).await), none);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn h_09_tasks_die_with_the_account() {
    let stage = Stage::new().await;
    let ids = stage.filed(vec![Stage::data("a"), Stage::data("b")]).await;
    stage.sign_tasks(&ids[..1]).await;
    let body = cancelling(stage.world(), PHONE).await;
    stage.user.done(stage.world(), "/v1/account/cancel", &body).await;
    assert_eq!(stage.task(&ids[1]).await["state"], "removed");
    assert_eq!(stage.task(&ids[0]).await["state"], "signed");
    assert_eq!(stage.told("task.changed").await.last().unwrap()["state"], "removed");
    // The same phone later is somebody else.
    let (fresh, _) = log_in(stage.world(), PHONE).await;
    assert!(stage.pile(&fresh, "").await.is_empty());
    stage.world().clock.advance(31 * 86_400_000);
    stage.world().office.work().await.unwrap();
    assert_eq!(stage.task(&ids[0]).await["state"], "erased");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn g_24_a_code_opens_a_task() {
    let stage = Stage::new().await;
    let ids = stage.file(json!({}), vec![Stage::data("a")]).await;
    assert!(stage.pile(&stage.user, "").await.is_empty());
    let scan = stage.scan(&stage.ask("open-task", json!({ "task_id": ids[0] })).await).await;
    assert_eq!(scan["task_id"], ids[0].as_str());
    stage.step(scan["scan_id"].as_str().unwrap(), "take").await;
    assert_eq!(stage.pile(&stage.user, "?pile=pending").await.len(), 1);
    stage.sign_tasks(&ids).await;
    assert_eq!(stage.task(&ids[0]).await["state"], "signed");
    // A task of somebody else is not opened so.
    let other = stage.file(json!({ "phone": "13700137000" }), vec![Stage::data("b")]).await;
    let scan = stage.scan(&stage.ask("open-task", json!({ "task_id": other[0] })).await).await;
    let take = format!("/v1/scans/{}/take", scan["scan_id"].as_str().unwrap());
    stage.user.refused(stage.world(), &take, &json!({}), 404, "not_found").await;
    let none = json!({ "kind": "open-task", "nonce": "n" });
    stage.refused_platform("/v1/client/scans", &none, 400, "bad_request").await;
}
