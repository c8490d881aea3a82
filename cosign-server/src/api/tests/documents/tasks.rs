//! Documents that are filed to be sealed by somebody, whenever they come to it.

use serde_json::json;

use super::{super::certificates::OWNER, *};

impl Desk {
    async fn file(&self, document: &str, places: Value) -> String {
        let filed = self.platform("/v1/client/tasks", &self.filing(document, places)).await;
        filed["task_ids"][0].as_str().unwrap().to_owned()
    }

    fn filing(&self, document: &str, places: Value) -> Value {
        let task = json!({ "kind": "document", "title": "合同", "document_id": document, "places": places });
        json!({ "phone": OWNER, "until_ms": self.world().now_ms() + 1_000_000, "tasks": [task] })
    }

    async fn start(&self, task: &str, seal: Option<&str>) -> Value {
        let body = json!({ "certificate": self.certificate, "task_ids": [task], "seal_id": seal });
        self.user.done(self.world(), "/v1/task-signatures/start", &body).await["results"][0].clone()
    }

    async fn sign_task(&self, task: &str, digest: &Value) -> Value {
        let signature = self.signatures(&json!([digest])).await.remove(0);
        let body = json!({ "signatures": [{ "task_id": task, "signature": signature }] });
        self.user.done(self.world(), "/v1/task-signatures", &body).await["results"][0].clone()
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn h_05_a_document_is_signed_with_a_seal_in_it() {
    let desk = Desk::new().await;
    let plain = pdf::tender(2);
    let document = desk.keep("合同.pdf", &plain).await;
    let task = desk.file(&document, json!([{ "keyword": { "text": "盖章" } }])).await;
    let seen = desk.user.see(desk.world(), &format!("/v1/tasks/{task}")).await;
    assert_eq!((&seen["kind"], &seen["document_id"]), (&json!("document"), &json!(document)));
    let path = format!("/v1/tasks/{task}/document");
    assert_eq!(desk.user_fetches(&path).await, plain);
    let (other, _) = log_in(desk.world(), "13900139000").await;
    assert_eq!(problem(other.get(desk.world(), &path).await), (404, "not_found".to_owned()));
    // It is the task's until that is over.
    desk.refused("/v1/client/tasks", &desk.filing(&document, in_the_middle()), 409, "conflict").await;
    let content = format!("/v1/client/documents/{document}/content");
    assert_eq!(desk.refused_get(&content).await, (409, "conflict".to_owned()));
    // With a seal of the signer, and with nothing less.
    assert_eq!(desk.start(&task, None).await["code"], "conflict");
    assert_eq!(desk.start(&task, Some(&"0".repeat(32))).await["code"], "not_found");
    let started = desk.start(&task, Some(&desk.seal)).await;
    assert_eq!(started["code"], Value::Null, "{started}");
    let wrong = desk.sign_task(&task, &json!("07".repeat(32))).await;
    assert_eq!(wrong["code"], "bad_request");
    let started = desk.start(&task, Some(&desk.seal)).await;
    let done = desk.sign_task(&task, &started["digest"]).await;
    assert_eq!(done["code"], Value::Null, "{done}");
    let seen = desk.see(&format!("/v1/client/tasks/{task}")).await;
    assert_eq!((&seen["state"], &seen["document_id"]), (&json!("signed"), &json!(document)));
    assert!(desk.fetch(&content).await.starts_with(&plain));
    let report = desk.report(&document).await;
    assert_eq!((&report["verdict"], &report["seals"][0]["places"][0]["page"]), (&json!("valid"), &json!(2)));
    let records = desk.user.see(desk.world(), "/v1/scan-report?operation=task-document").await;
    assert_eq!(records["records"][0]["seal_id"], desk.seal.as_str());
    assert_eq!(problem(desk.user.get(desk.world(), &path).await), (404, "not_found".to_owned()));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_document_that_is_not_signed_is_what_it_was() {
    let desk = Desk::new().await;
    let plain = pdf::tender(1);
    let document = desk.keep("a.pdf", &plain).await;
    let content = format!("/v1/client/documents/{document}/content");
    let refuse = desk.file(&document, in_the_middle()).await;
    let body = json!({ "task_ids": [refuse], "reason": "不同意" });
    desk.user.done(desk.world(), "/v1/task-refusals", &body).await;
    assert_eq!(desk.fetch(&content).await, plain);
    let withdraw = desk.file(&document, in_the_middle()).await;
    desk.start(&withdraw, Some(&desk.seal)).await;
    desk.platform(&format!("/v1/client/tasks/{withdraw}/withdraw"), &json!({})).await;
    assert_eq!(desk.fetch(&content).await, plain);
    desk.file(&document, in_the_middle()).await;
    desk.world().clock.advance(1_000_000);
    desk.world().office.work().await.unwrap();
    assert_eq!(desk.fetch(&content).await, plain);
    // It is known when it is filed what cannot be sealed.
    let mut with_content = desk.filing(&document, in_the_middle());
    with_content["tasks"][0]["content"] = "07".repeat(32).into();
    let mut data = desk.filing(&document, in_the_middle());
    data["tasks"][0]["kind"] = "data".into();
    for wrong in [with_content, data, desk.filing(&document, json!([]))] {
        desk.refused("/v1/client/tasks", &wrong, 400, "bad_request").await;
    }
    let none = desk.filing(&"0".repeat(32), in_the_middle());
    desk.refused("/v1/client/tasks", &none, 404, "not_found").await;
    // A keyword that is not there is said of this one when the signer comes.
    let task = desk.file(&document, json!([{ "keyword": { "text": "不在" } }])).await;
    assert_eq!(desk.start(&task, Some(&desk.seal)).await["code"], "conflict");
}
