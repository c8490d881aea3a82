//! Logging in at a platform by scanning its code.

use cosign_tests::people::{Stage, citizen, desk, phone::agreement, platform::is_signed, text};
use serde_json::{Value, json};

/// The states that the platform was told of one scan, in order.
pub(super) fn states(told: &[Value], scan: &Value) -> Vec<String> {
    let own = told.iter().filter(|one| one["scan_id"] == scan["scan_id"]);
    own.map(|one| text(&one["state"])).collect()
}

#[test]
fn s_4_3_scan_login() {
    let stage = Stage::shared();
    let market = stage.market("P-LOGIN", 2);
    let platform = &market.platform;
    let (user, which) = stage.citizen("张三");
    let certified = user.certified(&stage.reviewers[0]);

    // The platform asks; the phone sees who asks, what for, and its certificates with what stands against each.
    let code = platform.code("login", json!({ "title": "登录测试平台", "share": true }));
    assert!(code["expires_at_ms"].is_u64());
    let scan = user.scan(&code);
    assert_eq!(
        (&scan["kind"], &scan["system"], &scan["title"]),
        (&json!("login"), &json!({ "code": "P-LOGIN", "name": "测试交易平台" }), &json!("登录测试平台"))
    );
    let usable = |one: &&Value| one["usable"] == true;
    let offered = scan["certificates"].as_array().unwrap();
    assert_eq!((offered.len(), offered.iter().filter(usable).count()), (2, 1));
    assert_eq!(platform.scan(&code)["state"], "scanned");
    // The code is this phone's now.
    let other = stage.user("李四");
    other.refused("/v1/scans", &json!({ "code": code["code"] }), "not_found");
    other.blind(&desk::path(&scan, ""), "not_found");

    // Nothing was bought; then it was.
    user.refused(&desk::path(&scan, "/choose"), &certified.name(), "conflict");
    market.buy(&user, "personal", &[&market.uses]);
    assert_eq!(market.balance(&user)["remaining"], 2);
    let chosen = user.choose(&scan, &certified);

    // What another key signed, or something else, is refused; and that costs nothing.
    let sign = desk::path(&scan, "/sign");
    let wrong = user.phone().sign(&certified.key, &["07".repeat(32)]);
    user.refused(&sign, &json!({ "signatures": wrong }), "bad_request");
    assert_eq!(market.balance(&user)["remaining"], 2);
    assert_eq!(user.confirm(&chosen, &certified, true)["state"], "succeeded");

    // The platform verifies the signature, the certificate and its state, and has what the user gave it.
    let seen = platform.scan(&code);
    assert_eq!((&seen["state"], &seen["account_id"]), (&json!("succeeded"), &json!(user.account())));
    assert_eq!(seen["agreement"], hex::encode(agreement(&chosen, &[])));
    assert!(is_signed(&seen["certificate_pem"], &seen["agreement"], &seen["consent"]));
    assert!(stage.judged(&seen["certificate_pem"]).is_valid());
    assert_eq!(seen["shared"], json!({ "name": "张三", "document": "id-card", "number": citizen(which) }));
    assert_eq!(market.balance(&user)["remaining"], 1);
    let told = platform.told("scan.changed");
    assert_eq!(states(&told, &code), ["scanned", "identity-chosen", "succeeded"]);
    assert!(!format!("{told:?}").contains(&citizen(which)), "nobody is told by the way who it is");

    // Whom the platform does not know registers there, with what the platform was given, and is bound.
    assert_eq!(seen["bound"], false);
    let register = platform.code("register", json!({ "share": true }));
    user.confirm(&user.chosen(&register, &certified), &certified, true);
    let registered = platform.scan(&register);
    assert_eq!((&registered["bound"], &registered["shared"]["name"]), (&json!(true), &json!("张三")));
    assert_eq!(platform.told("binding.changed")[0]["state"], "bound");

    // Both uses are gone, each is in the report, and the next login is not to be had.
    assert_eq!(market.balance(&user)["usable"], false);
    let report = user.get("/v1/scan-report");
    let done: Vec<_> = report["records"].as_array().unwrap().iter().map(|one| &one["operation"]).collect();
    assert_eq!(done, ["register", "login"]);
    let last = platform.code("login", json!({}));
    let scan = user.scan(&last);
    user.refused(&desk::path(&scan, "/choose"), &certified.name(), "conflict");
    // Who is asked may refuse, and the platform does not learn who it was.
    assert_eq!(user.step(&scan, "refuse")["state"], "refused");
    let seen = platform.scan(&last);
    assert_eq!((&seen["state"], &seen["account_id"]), (&json!("refused"), &Value::Null));
    assert_eq!(states(&platform.told("scan.changed"), &last), ["scanned", "refused"]);
}
