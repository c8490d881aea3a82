//! Renewing a certificate.

use cosign_tests::{
    people::{
        Stage,
        desk::{path, path_of},
        platform::is_signed,
        text,
    },
    process::wait_for,
};
use serde_json::json;

use crate::sealed::Sealed;

#[test]
fn s_4_8_renewal() {
    let stage = Stage::shared();
    let market = stage.market("P-RENEW", 5);
    let platform = &market.platform;
    let user = stage.user("赵六");
    let old = user.certified(&stage.reviewers[0]);
    market.buy(&user, "personal", &[&market.uses]);
    let seal = user.get("/v1/seals")["seals"][0].clone();
    assert_eq!((&seal["state"], &seal["holding_id"]), (&json!("valid"), &old.holding["holding_id"]));
    // What is encrypted to it now opens after the renewal, too.
    let sealed = Sealed::to(&old);

    // It ends soon, and its holder is told so, once.
    assert_eq!(old.holding["expiring"], true);
    wait_for("the notice", || (user.told("certificate-expiring") == 1).then_some(()));

    // A package is paid, the form signed by hand and authorised; nobody has to look at a mere extension.
    let order = market.buy(&user, "extend", &[&market.renewal]);
    assert!(market.balance(&user)["ends_at_ms"].as_u64().unwrap() > order["ordered_at_ms"].as_u64().unwrap());
    let body = json!({ "business": "renew", "holding_id": old.holding["holding_id"], "years": 2 });
    let (mut none, mut again) = (body.clone(), body.clone());
    (none["agreement"], again["agreement"]) = ("0".into(), "1".into());
    user.refused("/v1/applications", &none, "consent_missing");
    let application = user.apply(body);
    assert_eq!(user.authorise(&application)["state"], "approved");
    let form = user.get(&format!("{}/form", path_of(&application)));
    assert!(!form["lines"].as_array().unwrap().is_empty());

    // The old one is good until the new one is installed.
    assert_eq!(user.get(&old.path())["state"], "valid");
    let (mut new, installed) = user.install(&application, &old.key);
    new.opener.clone_from(&old.opener);
    assert!(installed["key_id"].is_null(), "the decryption key stays as it is");
    assert_eq!(user.get(&old.path())["state"], "superseded");
    assert_eq!(new.holding["replaces"], old.holding["holding_id"]);
    assert_eq!(new.holding["key_id"], old.holding["key_id"]);
    let (before, after) = (old.holding["not_after_ms"].as_u64(), new.holding["not_after_ms"].as_u64());
    assert!(after.unwrap() > before.unwrap() + 300 * 86_400_000);
    user.refused("/v1/applications", &again, "conflict");

    // It signs, seals are bound to it, and old envelopes open.
    let code = platform.code("login", json!({}));
    user.confirm(&user.chosen(&code, &new), &new, false);
    let seen = platform.scan(&code);
    assert_eq!(seen["certificate"]["serial"], new.holding["serial"]);
    assert!(is_signed(&seen["certificate_pem"], &seen["agreement"], &seen["consent"]));
    assert!(stage.judged(&seen["certificate_pem"]).is_valid());
    let rebound = user.get(&format!("/v1/seals/{}", text(&seal["seal_id"])));
    assert_eq!((&rebound["state"], &rebound["holding_id"]), (&json!("valid"), &new.holding["holding_id"]));
    sealed.opens(&user, &new);
    // The old one is not taken any more.
    let scan = user.scan(&platform.code("login", json!({})));
    user.refused(&path(&scan, "/choose"), &old.name(), "conflict");
}
