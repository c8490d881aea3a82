//! Joining an enterprise.

use cosign_tests::people::{Stage, User, citizen, text};
use serde_json::{Value, json};

use crate::first::{form, found};

fn asked(user: &User) -> Value {
    user.get("/v1/approvals")["approvals"][0].clone()
}

fn decision(approval: &Value) -> String {
    format!("/v1/approvals/{}/decision", text(&approval["approval_id"]))
}

/// An enterprise whose legal representative signed the claim, and administers it.
fn founded(legal: &User) -> String {
    let firm = found(legal, "云中示例信息");
    let claim = legal.post("/v1/claims", &form(legal, &firm, ("李四", &citizen(901), legal.number())));
    let claim = format!("/v1/claims/{}", text(&claim["claim_id"]));
    let signed = legal.post(&format!("{claim}/sign"), &legal.code("sign"));
    assert_eq!(signed["state"], "accepted");
    text(&signed["enterprise_id"])
}

#[test]
fn s_4_2_joining_an_enterprise() {
    let stage = Stage::shared();
    let market = stage.market("P-JOIN", 5);
    let legal = stage.newcomer().log_in().verified("李四", 901);
    let enterprise = founded(&legal);
    let path = format!("/v1/enterprises/{enterprise}");
    let join = format!("{path}/join");

    // Found by five characters of its name; who says that they know the administrator must know them.
    let member = stage.user("王五");
    member.blind("/v1/enterprise-search?text=abcd", "bad_request");
    assert!(found(&member, "云中示例信息")["uscc"].is_string());
    let end = &legal.number()[7..];
    let known =
        |name: &str, digits: &str| json!({ "administrator_name": name, "administrator_digits": digits });
    member.refused(&join, &known("李四", "9999"), "conflict");
    member.refused(&join, &known("李五", end), "conflict");
    member.refused(&join, &json!({ "reason": "长".repeat(501) }), "bad_request");
    let told = legal.told("approval-asked");
    member.post(&join, &known("李四", end));
    assert_eq!(legal.told("approval-asked"), told + 1);

    // The administrator looks at it and passes it, once; nobody else does.
    let approval = asked(&member);
    let detail = legal.get(&format!("/v1/approvals/{}", text(&approval["approval_id"])));
    assert_eq!((&detail["kind"], &detail["applicant_name"]), (&json!("join"), &json!("王五")));
    let pass = json!({ "pass": true });
    member.refused(&decision(&approval), &pass, "not_found");
    legal.post(&decision(&approval), &pass);
    legal.refused(&decision(&approval), &pass, "conflict");
    assert_eq!(member.notices()[0], "approval-passed");
    assert_eq!(member.get(&path)["members"], 2);
    member.blind(&format!("{path}/members"), "role_missing");

    // Somebody who only says why is returned, with a ground and words, and may ask again.
    let other = stage.user("赵六");
    other.post(&join, &json!({ "reason": "入职" }));
    let back = json!({ "pass": false, "ground": "other", "words": "查无此人" });
    legal.refused(&decision(&asked(&other)), &json!({ "pass": false, "ground": "other" }), "bad_request");
    legal.post(&decision(&asked(&other)), &back);
    let returned = asked(&other);
    assert_eq!(
        (&returned["state"], &returned["opinions"][0]["words"]),
        (&json!("returned"), &json!("查无此人"))
    );
    other.blind(&path, "not_found");
    other.post(&join, &json!({ "reason": "再次申请" }));

    // The use of the enterprise's certificate is the legal representative's to give, and signed.
    let from_ms = detail["asked_at_ms"].as_u64().unwrap();
    let wanted = json!({
        "account_id": member.account(), "platform_id": market.entry, "from_ms": from_ms, "until_ms": from_ms + 86_400_000,
        "reason": "投标",
    });
    let grant = member.post(&format!("{path}/grants"), &wanted);
    let grant_path = format!("/v1/grants/{}/use", text(&grant["grant_id"]));
    let mut signed = legal.code("sign");
    signed["pass"] = true.into();
    let approval = json!({ "approval_id": grant["approval_id"] });
    legal.refused(&decision(&approval), &pass, "code_invalid");
    legal.post(&decision(&approval), &signed);
    assert_eq!(member.told("granted"), 1);
    let _ = member.get(&grant_path);

    // Who is removed has nothing of it any more.
    legal.post(&format!("{path}/members/{}/remove", member.account()), &json!({}));
    assert_eq!(member.told("member-removed"), 1);
    member.blind(&grant_path, "not_found");
    member.blind(&path, "not_found");
    let members = legal.get(&format!("{path}/members"));
    assert_eq!(members["members"].as_array().unwrap().len(), 1);
}
