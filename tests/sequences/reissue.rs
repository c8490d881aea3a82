//! A certificate on another phone.

use cosign_tests::people::{
    Stage,
    desk::{self, path_of},
    platform::is_signed,
    text,
};
use serde_json::json;

use crate::sealed::Sealed;

#[test]
fn s_4_9_reissue_on_a_new_phone() {
    let stage = Stage::shared();
    let market = stage.market("P-REISSUE", 5);
    let platform = &market.platform;
    let user = stage.user("孙七");
    let old = user.certified(&stage.reviewers[0]);
    market.buy(&user, "personal", &[&market.uses]);
    let sealed = Sealed::to(&old);
    let code = platform.code("login", json!({}));
    user.confirm(&user.chosen(&code, &old), &old, false);
    let before = platform.scan(&code);

    // On the new phone the user logs in by a code, and sees that the key is elsewhere; the old phone is told.
    let again = stage.on_another_phone(&user).log_in();
    assert_eq!(again.account(), user.account());
    assert_eq!(user.told("new-device"), 1);
    let there = |user: &cosign_tests::people::User| user.get(&old.path())["here"].clone();
    assert_eq!((there(&user), there(&again)), (json!(true), json!(false)));
    let scan = again.scan(&platform.code("login", json!({})));
    again.refused(&desk::path(&scan, "/choose"), &old.name(), "not_found");

    // The applicant authorises it; nobody has to look at it.
    let application = again.apply(json!({ "business": "reissue", "holding_id": old.holding["holding_id"] }));
    let form = again.get(&format!("{}/form", path_of(&application)));
    assert_eq!(form["warnings"], json!(["old-device-ends"]));
    assert_eq!(again.authorise(&application)["state"], "approved");
    let (mut new, installed) = again.install(&application, &again.phone().make_key("certified"));
    assert_eq!(
        (&new.holding["subject"], &new.holding["pair"]),
        (&old.holding["subject"], &old.holding["pair"])
    );
    assert_eq!(new.holding["not_after_ms"], old.holding["not_after_ms"]);
    assert_ne!(new.holding["key_id"], old.holding["key_id"]);

    // The old phone has nothing of it any more: its share is refused.
    assert_eq!(user.get(&old.path())["state"], "superseded");
    assert!(user.phone().try_sign(&old.key, &["07".repeat(32)]).is_err());
    assert!(user.phone().open(old.opener.as_ref().unwrap(), &sealed.wrapped).is_err());
    let scan = user.scan(&platform.code("login", json!({})));
    user.refused(&desk::path(&scan, "/choose"), &old.name(), "conflict");
    user.refused(&desk::path(&scan, "/choose"), &new.name(), "not_found");

    // The decryption key comes back from the custodians, and opens what was encrypted before.
    assert!(installed["enveloped_key"].is_null());
    let recovery = again.phone().recovery(&text(&installed["key_id"]));
    let public_keys = [recovery.public_key(), recovery.protection_key()].map(|key| key.to_spki_pem());
    let delivered = recovery.open(&stage.from_escrow(&public_keys[0], &public_keys[1])).unwrap();
    new.opener = Some(again.phone().import(&recovery, delivered));
    sealed.opens(&again, &new);

    // The new certificate is good, the old one is not, and seals are bound to the new one.
    let code = platform.code("login", json!({}));
    again.confirm(&again.chosen(&code, &new), &new, false);
    let seen = platform.scan(&code);
    assert!(is_signed(&seen["certificate_pem"], &seen["agreement"], &seen["consent"]));
    assert!(stage.judged(&seen["certificate_pem"]).is_valid());
    assert!(!stage.judged(&before["certificate_pem"]).is_valid());
    assert_eq!(again.get("/v1/seals")["seals"][0]["holding_id"], new.holding["holding_id"]);
    let log = again.get("/v1/operations?kind=holding");
    let events: Vec<_> =
        log["operations"].as_array().unwrap().iter().map(|one| text(&one["event"])).collect();
    assert!(events.contains(&"supersede".to_owned()), "{events:?}");

    // Who unbinds the old phone ends its login.
    let terminals = again.get("/v1/terminals");
    let lost = terminals["terminals"].as_array().unwrap().iter().find(|one| one["this"] == false).unwrap();
    again.post(&format!("/v1/terminals/{}/unbind", text(&lost["terminal_id"])), &json!({}));
    user.blind("/v1/account", "not_logged_in");
}
