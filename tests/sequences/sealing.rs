//! Sealing a PDF with a phone.

use cosign_tests::{
    pdf,
    people::{Caller, Certified, Platform, Stage, User, text},
};
use serde_json::{Value, json};

/// The page confirmed by the phone, which waits from then on.
fn waiting(platform: &Platform, user: &User, with: &Certified, document: &str, kind: &str) -> Value {
    let code = platform.code(kind, json!({ "document_id": document }));
    let scan = user.chosen(&code, with);
    user.confirm(&scan, with, false);
    scan
}

/// The platform says which seal goes where, and the phone signs that.
fn sealed(platform: &Platform, user: &User, with: &Certified, scan: &Value, places: Value) {
    let path = format!("/v1/client/scans/{}", text(&scan["scan_id"]));
    let seals = platform.get(&format!("{path}/seals"));
    let body = json!({ "name": "盖章", "seal_id": seals["seals"][0]["seal_id"], "places": places });
    platform.post(&format!("{path}/sealings"), &body);
    assert_eq!(user.step(scan, "heartbeat")["to_sign"].as_array().unwrap().len(), 1);
    user.sign_more(scan, with);
}

#[test]
fn s_4_4_scan_sealing_of_a_pdf() {
    let stage = Stage::shared();
    let market = stage.market("P-SEAL", 10);
    let platform = &market.platform;
    let user = stage.user("郑二");
    let certified = user.certified(&stage.reviewers[0]);
    market.buy(&user, "personal", &[&market.uses, &market.seals]);
    let left = || [market.balance(&user)["remaining"].clone(), market.seals_left(&user)["remaining"].clone()];
    assert_eq!(left(), [10, 10]);

    // The document is at the server; the phone shows it before anything is signed.
    let plain = pdf::tender(3);
    let kept = platform.post_bytes("/v1/client/documents?name=a.pdf", &plain);
    let document = text(&kept["document_id"]);
    let path = format!("/v1/client/documents/{document}");
    let scan = waiting(platform, &user, &certified, &document, "seal");
    assert_eq!(user.bytes(&format!("/v1/scans/{}/document", text(&scan["scan_id"]))), plain);

    // One seal on a page, then one across all of them and one at a word, while the phone waits.
    sealed(platform, &user, &certified, &scan, json!([{ "at": { "pages": "1", "x": 1050, "y": 1480 } }]));
    let places = json!([{ "across": { "edge": "right" } }, { "keyword": { "text": "盖章" } }]);
    sealed(platform, &user, &certified, &scan, places);
    assert_eq!(left(), [10, 10], "nothing is taken off before the document is given out");
    assert_eq!(platform.end(&scan, "finish")["state"], "succeeded");
    assert_eq!(left(), [8, 8]);
    assert_eq!(user.get("/v1/scan-report?operation=seal")["records"].as_array().unwrap().len(), 2);

    // The platform has the document with both seals, only appended to; everybody can verify it, byte for byte.
    let once = platform.bytes(&format!("{path}/content"));
    assert!(once.starts_with(&plain) && once.len() > plain.len());
    let report = platform.get(&format!("{path}/report"));
    assert_eq!(
        (&report["verdict"], report["seals"].as_array().unwrap().len()),
        (&json!("valid"), 2),
        "{report}"
    );
    assert_eq!(report["seals"][0]["serial"], certified.holding["serial"]);
    std::fs::write(user.phone().folder().join("root.cer"), authority(&stage)).unwrap();
    assert!(user.verifies("sealed.pdf", &once));
    let mut changed = once.clone();
    changed[plain.len() / 2] ^= 1;
    assert!(!user.verifies("changed.pdf", &changed));

    // The phone goes away: the document is what it was, and nothing is taken off.
    let scan = waiting(platform, &user, &certified, &document, "seal");
    sealed(platform, &user, &certified, &scan, json!([{ "at": { "pages": "2", "x": 300, "y": 300 } }]));
    assert_eq!(user.step(&scan, "abort")["state"], "aborted");
    assert_eq!(platform.bytes(&format!("{path}/content")), once);
    assert_eq!(left(), [8, 8]);

    // The last seal goes with the certificate that made it; what was done stays to be seen.
    let scan = waiting(platform, &user, &certified, &document, "remove-seal");
    assert_eq!(platform.scan(&scan)["state"], "succeeded");
    let report = platform.get(&format!("{path}/report"));
    assert_eq!((&report["verdict"], report["seals"].as_array().unwrap().len()), (&json!("valid"), 1));
    let shown = platform.get(&path);
    let done: Vec<_> =
        shown["document"]["history"].as_array().unwrap().iter().map(|one| text(&one["kind"])).collect();
    assert_eq!(done, ["sealed", "sealed", "removed"]);
}

fn authority(stage: &Stage) -> Vec<u8> {
    Caller::new(&stage.folder, None).bytes("/ca/demo.cer")
}
