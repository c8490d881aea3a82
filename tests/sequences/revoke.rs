//! The end of a certificate.

use cosign_tests::people::{
    Stage,
    desk::{self, path_of, review},
    platform::is_signed,
    text,
};
use serde_json::json;

use crate::sealed::Sealed;

#[test]
fn s_4_10_revocation() {
    let stage = Stage::shared();
    let market = stage.market("P-REVOKE", 5);
    let platform = &market.platform;
    let user = stage.user("周八");
    let certified = user.certified(&stage.reviewers[0]);
    market.buy(&user, "personal", &[&market.uses]);
    let sealed = Sealed::to(&certified);
    let code = platform.code("register", json!({}));
    user.confirm(&user.chosen(&code, &certified), &certified, false);
    let before = platform.scan(&code);
    assert!(stage.judged(&before["certificate_pem"]).is_valid());

    // What it brings along is said before.
    let consequences = user.get(&format!("{}/consequences", certified.path()));
    assert_eq!(
        (&consequences["seals"], &consequences["decryption_ends"], &consequences["irreversible"]),
        (&json!(1), &json!(true), &json!(true))
    );
    let revoke = json!({
        "business": "revoke", "holding_id": certified.holding["holding_id"], "reason": "cessationOfOperation",
    });
    let application = user.apply(revoke.clone());
    let form = user.get(&format!("{}/form", path_of(&application)));
    assert_eq!(form["warnings"], json!(["seals-cancelled", "decryption-ends", "irreversible"]));
    // Signed by hand, authorised by a code; until a reviewer has passed it, everything goes on.
    assert_eq!(user.authorise(&application)["state"], "review");
    let login = platform.code("login", json!({}));
    let scan = user.chosen(&login, &certified);
    let late = user.signatures(&scan, &certified);
    let returned = review(&stage.reviewers[1], &application, false, "表单不清晰");
    assert_eq!(returned["state"], "returned");
    assert_eq!(user.get(&certified.path())["state"], "valid");
    user.post(&format!("{}/confirm", path_of(&application)), &json!({ "form_attachment_id": user.attach() }));
    assert_eq!(review(&stage.reviewers[1], &application, true, "")["state"], "closed");

    // It is revoked and published, both shares are gone, and what was signed a moment ago is of no use.
    assert_eq!(user.get(&certified.path())["state"], "revoked");
    assert!(user.phone().try_sign(&certified.key, &["07".repeat(32)]).is_err());
    assert!(user.phone().open(certified.opener.as_ref().unwrap(), &sealed.wrapped).is_err());
    user.refused(&desk::path(&scan, "/sign"), &json!({ "signatures": late }), "conflict");
    assert!(!stage.judged(&before["certificate_pem"]).is_valid());
    // The signature of before is as good as it was.
    assert!(is_signed(&before["certificate_pem"], &before["agreement"], &before["consent"]));
    for field in ["serial", "pair"] {
        let shown = stage.admin_json(&["ca", "show", "demo", &text(&certified.holding[field])]);
        assert_eq!(shown[0]["state"], "revoked", "{field}");
    }

    // Seals end with it, the holder is told, and nothing of it can be had again.
    let seals = user.get("/v1/seals");
    assert_eq!(seals["seals"][0]["state"], "cancelled");
    for notice in ["certificate-revoked", "seal-cancelled"] {
        assert_eq!(user.told(notice), 1, "{notice}");
    }
    let mut again = revoke;
    again["agreement"] = "1".into();
    for business in ["renew", "reissue", "revoke"] {
        again["business"] = business.into();
        again["reason"] = serde_json::Value::Null;
        user.refused("/v1/applications", &again, "conflict");
    }
    // The log of the operator's audit has it.
    assert!(stage.audit().iter().any(|record| record["act"] == "certificate-revoked"));
}
