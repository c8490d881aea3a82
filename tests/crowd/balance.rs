//! One balance.

use cosign_tests::people::{Stage, desk, platform::is_signed, text};
use serde_json::{Value, json};

use crate::{CROWD, all_at_once, counts, tally};

/// How much was bought.
const BOUGHT: usize = 20;

#[test]
fn fifty_use_up_a_balance_of_twenty() {
    let stage = Stage::shared();
    let market = stage.market("P-BALANCE", u32::try_from(BOUGHT).unwrap());
    let platform = &market.platform;
    let user = stage.user("冯一");
    let certified = user.certified(&stage.reviewers[0]);
    let order = market.buy(&user, "personal", &[&market.uses]);

    // Fifty pages, fifty scans, fifty signatures that the phone and the server make at once, by a connection for each.
    let codes = all_at_once(|_| platform.code("login", json!({})));
    let scans = all_at_once(|number| user.chosen(&codes[number], &certified));
    let signatures = all_at_once(|number| {
        let digests: Vec<_> = scans[number]["to_sign"].as_array().unwrap().iter().map(text).collect();
        user.phone().sign_apart(&certified.key, &digests).unwrap()
    });
    // As many as were bought are taken; and one that is handed in again acts once.
    let done = all_at_once(|number| {
        let (path, body) = (desk::path(&scans[number], "/sign"), json!({ "signatures": signatures[number] }));
        user.asked("POST", &path, &body)
    });
    assert_eq!(tally(&done), counts(&[("ok", BOUGHT), ("conflict", CROWD - BOUGHT)]));
    assert_eq!(
        (&market.balance(&user)["remaining"], &market.balance(&user)["usable"]),
        (&json!(0), &json!(false))
    );
    let again = all_at_once(|number| {
        let (path, body) = (desk::path(&scans[number], "/sign"), json!({ "signatures": signatures[number] }));
        user.asked("POST", &path, &body)
    });
    assert_eq!(tally(&again), counts(&[("conflict", CROWD)]));

    // The platform has a signature for each use, the user a record, the order a line; and no more.
    let seen: Vec<_> = codes.iter().map(|code| platform.scan(code)).collect();
    let taken: Vec<_> = seen.iter().filter(|one| one["state"] == "succeeded").collect();
    assert_eq!(taken.len(), BOUGHT);
    for one in taken {
        assert!(is_signed(&one["certificate_pem"], &one["agreement"], &one["consent"]));
    }
    assert!(seen.iter().filter(|one| one["state"] != "succeeded").all(|one| one["consent"] == Value::Null));
    let records = user.get("/v1/scan-report?limit=1000");
    assert_eq!(records["records"].as_array().unwrap().len(), BOUGHT);
    let line = text(&order["lines"][0]["line_id"]);
    let uses = user.get(&format!("/v1/orders/{}/lines/{line}/uses?limit=1000", text(&order["order_id"])));
    assert_eq!(uses["uses"].as_array().unwrap().len(), BOUGHT);
    let told = platform.told("scan.changed");
    assert_eq!(told.iter().filter(|one| one["state"] == "succeeded").count(), BOUGHT);

    // One session, confirmed, refused and aborted by all at once: one end, and one use or none.
    market.buy(&user, "extend", &[&market.uses]);
    let scan = user.chosen(&platform.code("login", json!({})), &certified);
    let (body, none) = (json!({ "signatures": user.signatures(&scan, &certified) }), json!({}));
    let done = all_at_once(|number| {
        let step = ["/sign", "/refuse", "/abort"][number % 3];
        user.asked("POST", &desk::path(&scan, step), if step == "/sign" { &body } else { &none })
    });
    assert_eq!(tally(&done)["ok"], 1, "{:?}", tally(&done));
    let used = usize::from(platform.scan(&scan)["state"] == "succeeded");
    assert_eq!(market.balance(&user)["remaining"], BOUGHT - used);
    let records = user.get("/v1/scan-report?limit=1000");
    assert_eq!(records["records"].as_array().unwrap().len(), BOUGHT + used);
}
