//! The office from end to end, at a running server: what people do in turn, with the programs as they use them.
#![expect(clippy::unwrap_used, reason = "a failure is a failed test")]

use cosign_tests::{
    network::now_ms,
    people::{Operator, User, text, use_sandboxes},
    process::ServerFolder,
};
use serde_json::{Value, json};

/// Somebody who is logged in, and whom a reviewer has looked at.
fn verified<'a>(
    folder: &'a ServerFolder,
    reviewer: &Operator,
    phone: &str,
    name: &str,
    passport: &str,
) -> User<'a> {
    let user = User::new(folder, phone, true).log_in();
    let pictures: Vec<_> = (0..3).map(|_| user.attach()).collect();
    let said = user.post(
        "/v1/person",
        &json!({
            "method": "review", "document": "passport", "name": name, "number": passport, "agreement": "1",
            "expires_at_ms": now_ms() + 86_400_000, "attachment_ids": pictures,
        }),
    );
    assert_eq!(said["state"], "review");
    let queue = reviewer.get("/v1/operator/person-reviews");
    let case = text(&queue["people"].as_array().unwrap().last().unwrap()["case_id"]);
    reviewer.post(
        &format!("/v1/operator/person-reviews/{case}"),
        &json!({ "passed": true, "opinion": "给予通过" }),
    );
    assert_eq!(user.get("/v1/person")["state"], "verified");
    assert_eq!(notices(&user)[0], "person-verified");
    user
}

/// What the messages to somebody say, newest first.
fn notices(user: &User<'_>) -> Vec<String> {
    let messages = user.get("/v1/messages");
    messages["messages"].as_array().unwrap().iter().map(|one| text(&one["notice"])).collect()
}

/// What somebody asked for last.
fn newest(user: &User<'_>) -> String {
    text(&user.get("/v1/approvals")["approvals"][0]["approval_id"])
}

fn passed() -> Value {
    json!({ "pass": true, "words": "给予通过" })
}

/// An enterprise, claimed by letter before two reviewers; its id.
fn claimed(user: &User<'_>, reviewers: &[Operator; 2]) -> String {
    let found = user.get("/v1/enterprise-search?text=%E4%BA%91%E4%B8%AD%E7%A4%BA%E4%BE%8B%E5%BB%BA%E8%AE%BE");
    let firm = &found["enterprises"][0];
    let claim = user.post(
        "/v1/claims",
        &json!({
            "kind": "company", "name": firm["name"], "uscc": firm["uscc"], "legal_name": "钱七",
            "legal_document": "passport", "legal_number": "E76543210", "legal_phone": "13700137000",
            "licence_long_term": true, "licence": user.attach(), "letter": [user.attach()],
        }),
    );
    let claim = format!("/v1/claims/{}", text(&claim["claim_id"]));
    user.post(&format!("{claim}/submit"), &json!({}));
    let decision = format!("/v1/operator/approvals/{}/decision", newest(user));
    reviewers[0].post(&decision, &passed());
    reviewers[0].refused(&decision, &passed(), "conflict");
    assert_eq!(user.get(&claim)["state"], "review");
    reviewers[1].post(&decision, &passed());
    let claim = user.get(&claim);
    assert_eq!(claim["state"], "accepted");
    text(&claim["enterprise_id"])
}

#[test]
fn from_a_phone_number_to_an_enterprise_and_its_members() {
    let folder = ServerFolder::new();
    use_sandboxes(&folder);
    let server = folder.start();
    let reviewers = [Operator::new(&folder, "Rea", "reviewer"), Operator::new(&folder, "Rob", "reviewer")];
    let administrator = verified(&folder, &reviewers[0], "13800138000", "张三", "E12345678");
    let enterprise = claimed(&administrator, &reviewers);
    assert!(notices(&administrator).contains(&"enterprise-founded".to_owned()));
    let path = format!("/v1/enterprises/{enterprise}");

    // Joining: who says that they know the administrator must know them; the administrator decides.
    let colleague = verified(&folder, &reviewers[1], "13900139000", "李四", "E23456789");
    let join = format!("{path}/join");
    let known = |digits: &str| json!({ "administrator_name": "张三", "administrator_digits": digits });
    colleague.refused(&join, &known("8001"), "conflict");
    colleague.post(&join, &known("8000"));
    assert_eq!(notices(&administrator)[0], "approval-asked");
    let decision = format!("/v1/approvals/{}/decision", newest(&colleague));
    colleague.refused(&decision, &passed(), "not_found");
    administrator.post(&decision, &passed());
    assert_eq!(notices(&colleague)[0], "approval-passed");
    assert_eq!(administrator.get(&path)["members"], 2);

    // A server that is killed has forgotten nothing, and the log says what each of them did.
    server.kill();
    let server = folder.start();
    let members = administrator.get(&format!("{path}/members"));
    let names: Vec<_> = members["members"].as_array().unwrap().iter().map(|one| text(&one["name"])).collect();
    assert_eq!(names, ["李四", "张三"]);
    let log = administrator.get("/v1/operations?kind=approval");
    assert_eq!(log["operations"][0]["event"], "pass");
    // Nothing personal is on the disk in the clear.
    for node in 0..folder.nodes().len() {
        for file in std::fs::read_dir(folder.node_folder(node)).unwrap() {
            let bytes = std::fs::read(file.unwrap().path()).unwrap();
            for secret in ["李四", "E23456789", "13900139000"] {
                assert!(!bytes.windows(secret.len()).any(|part| part == secret.as_bytes()), "{secret}");
            }
        }
    }
    assert!(!server.log().contains("13900139000"));
    server.stop();
}
