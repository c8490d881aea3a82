//! One code, one enterprise.

use std::collections::BTreeSet;

use cosign_tests::people::{Stage, User, citizen, desk, text};
use serde_json::{Value, json};

use crate::{CROWD, all_at_once, counts, tally};

/// Half as many: each acts twice at once.
const PAIRS: usize = CROWD / 2;

/// Everybody, verified, with a phone; they come all at once.
fn everybody(stage: &Stage) -> Vec<User> {
    all_at_once(|number| {
        let user = stage.newcomer().log_in_by_carrier();
        let which = u32::try_from(number).unwrap();
        let body = json!({
            "method": "bank-card", "document": "id-card", "name": format!("成员{number}"), "number": citizen(which),
            "phone": "13800138000", "card": "4111111111111111", "agreement": "1",
        });
        assert_eq!(user.post("/v1/person", &body)["state"], "verified");
        user
    })
}

/// An enterprise whose legal representative administers it.
fn founded(legal: &User) -> String {
    let text_of = |text: &str| text.bytes().map(|byte| format!("%{byte:02X}")).collect::<String>();
    let found = legal.get(&format!("/v1/enterprise-search?text={}", text_of("云中示例物资")));
    let firm = &found["enterprises"][0];
    let claim = legal.post(
        "/v1/claims",
        &json!({
            "kind": "company", "name": firm["name"], "uscc": firm["uscc"], "legal_name": "王五",
            "legal_document": "id-card", "legal_number": citizen(902), "legal_phone": legal.number(),
            "licence_long_term": true, "licence": legal.attach(), "letter": [legal.attach()],
        }),
    );
    // Signed by many at once, with one code: it is one signature, and one enterprise.
    let (path, code) = (format!("/v1/claims/{}/sign", text(&claim["claim_id"])), legal.code("sign"));
    let done = all_at_once(|_| legal.asked("POST", &path, &code));
    assert_eq!(tally(&done)["ok"], 1);
    let claim = legal.get(&format!("/v1/claims/{}", text(&claim["claim_id"])));
    assert_eq!(claim["state"], "accepted");
    assert_eq!(legal.told("enterprise-founded"), 1);
    format!("/v1/enterprises/{}", text(&claim["enterprise_id"]))
}

#[test]
fn fifty_people_at_one_code_and_in_one_enterprise() {
    let stage = Stage::shared();
    let users = everybody(&stage);
    one_code(&stage, &users);
    let legal = stage.newcomer().log_in().verified("王五", 902);
    let path = founded(&legal);
    let approvals = joined(&users, &path);
    let members = decided(&legal, &users, &path, &approvals);
    handed_over(&legal, &members, &path);
}

/// All scan one code: it is one phone's.
fn one_code(stage: &Stage, users: &[User]) {
    let market = stage.market("P-ONE-CODE", 1);
    let code = market.platform.code("login", json!({}));
    let done =
        all_at_once(|number| users[number].asked("POST", "/v1/scans", &json!({ "code": code["code"] })));
    let tally = tally(&done);
    assert_eq!((tally["ok"], tally.values().sum::<usize>()), (1, CROWD), "{tally:?}");
    let winner = done.iter().position(|(status, _)| *status == 201).unwrap();
    for (number, user) in users.iter().enumerate().take(5) {
        if number != winner {
            user.blind(&desk::path(&code, ""), "not_found");
        }
    }
    // Its phone and the page do everything at once: it ends once, and the platform is told of one end.
    let path = desk::path(&code, "");
    all_at_once(|number| match number % 3 {
        0 => users[winner].asked("POST", &format!("{path}/refuse"), &json!({})).0,
        1 => users[winner].asked("POST", &format!("{path}/abort"), &json!({})).0,
        _ => {
            let end = format!("/v1/client{path}/end");
            u16::from(market.platform.call(&end, Some(&json!({ "end": "abort" }))).is_ok()) * 200
        }
    });
    let told = market.platform.told("scan.changed");
    let states: Vec<_> = told.iter().map(|one| text(&one["state"])).collect();
    assert_eq!((states.len(), states[0].as_str()), (2, "scanned"), "{states:?}");
    assert_eq!(market.platform.scan(&code)["state"], states[1]);
}

/// Each asks twice at once: one half with a request that names itself, the other half anew. Gives the approvals.
fn joined(users: &[User], path: &str) -> Vec<String> {
    let (join, why) = (format!("{path}/join"), json!({ "reason": "入职" }));
    let named = all_at_once(|number| {
        let user = &users[number % PAIRS];
        user.asked_once("POST", &join, &why, Some(&format!("join-{}", number % PAIRS)))
    });
    assert_eq!(tally(&named), counts(&[("ok", CROWD)]));
    for number in 0..PAIRS {
        assert_eq!(named[number], named[number + PAIRS], "the same request has the same answer");
    }
    let anew = all_at_once(|number| users[PAIRS + number % PAIRS].asked("POST", &join, &why));
    assert_eq!(tally(&anew), counts(&[("ok", PAIRS), ("conflict", PAIRS)]));
    for user in users {
        assert_eq!(user.get("/v1/approvals")["approvals"].as_array().unwrap().len(), 1);
    }
    users.iter().map(|user| text(&user.get("/v1/approvals")["approvals"][0]["approval_id"])).collect()
}

/// Each approval is decided twice at once, once so and once so. Gives who is a member.
fn decided<'a>(legal: &User, users: &'a [User], path: &str, approvals: &[String]) -> Vec<&'a User> {
    let pass = json!({ "pass": true });
    let back = json!({ "pass": false, "ground": "other", "words": "查无此人" });
    for half in [&approvals[..PAIRS], &approvals[PAIRS..]] {
        let done = all_at_once(|number| {
            let decision = if number < PAIRS { &pass } else { &back };
            legal.asked("POST", &format!("/v1/approvals/{}/decision", half[number % PAIRS]), decision)
        });
        assert_eq!(tally(&done), counts(&[("ok", PAIRS), ("conflict", PAIRS)]));
    }
    let mut members = Vec::new();
    for user in users {
        let asked = &user.get("/v1/approvals")["approvals"][0];
        let is_member = user.asked("GET", path, &json!({})).0 == 200;
        assert_eq!(asked["opinions"].as_array().unwrap().len(), 1);
        assert_eq!(asked["state"], if is_member { "passed" } else { "returned" });
        let notices = [user.told("approval-passed"), user.told("approval-returned")];
        assert_eq!(notices, if is_member { [1, 0] } else { [0, 1] });
        members.extend(Some(user).filter(|_| is_member));
    }
    assert_eq!(legal.get(path)["members"], members.len() + 1);
    members
}

/// The administrator's place is handed over to all members at once: one has it, and whoever has not, acts as no administrator.
fn handed_over(legal: &User, members: &[&User], path: &str) {
    assert!(!members.is_empty());
    let accounts: Vec<_> = members.iter().map(|member| member.account()).collect();
    let done = all_at_once(|number| {
        let to = json!({ "account_id": accounts[number % accounts.len()] });
        legal.asked("POST", &format!("{path}/transfer"), &to)
    });
    assert_eq!(tally(&done)["ok"], 1, "{:?}", tally(&done));
    let administrators: BTreeSet<_> = members
        .iter()
        .filter(|member| member.asked("GET", &format!("{path}/members"), &json!({})).0 == 200)
        .map(|member| member.account())
        .collect();
    let shown = legal.get(path);
    let shown: Vec<&Value> =
        shown["administrators"].as_array().unwrap().iter().map(|one| &one["account_id"]).collect();
    assert_eq!((administrators.len(), shown.len()), (1, 1), "{administrators:?} {shown:?}");
    assert_eq!(*shown[0], json!(administrators.first()));
    let promoted: usize = members.iter().map(|member| member.told("promoted")).sum();
    assert_eq!((promoted, legal.told("handed-over")), (1, 1));
}
