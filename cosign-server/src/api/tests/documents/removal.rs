//! A seal is taken off again, and what was done stays to be seen.

use serde_json::json;

use super::*;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn i_10_the_last_seal_goes_with_the_certificate_that_made_it() {
    let desk = Desk::new().await;
    for (name, plain) in [("a.pdf", pdf::tender(1)), ("a.ofd", ofd::tender(1))] {
        let document = desk.keep(name, &plain).await;
        let content = format!("/v1/client/documents/{document}/content");
        let remove = json!({ "kind": "remove-seal", "nonce": "n", "document_id": document });
        desk.refused("/v1/client/scans", &remove, 409, "conflict").await;
        desk.sealed(&document, in_the_middle()).await;
        let once = desk.fetch(&content).await;
        desk.sealed(&document, in_the_middle()).await;
        let mut other = remove.clone();
        other["certificate"] = json!({ "authority": "demo", "serial": "77" });
        desk.refused("/v1/client/scans", &other, 409, "conflict").await;
        // Refused on the phone: nothing happens.
        let scan = desk.chosen("remove-seal", Some(&document)).await;
        let path = format!("/v1/scans/{}", scan["scan_id"].as_str().unwrap());
        desk.user.done(desk.world(), &format!("{path}/refuse"), &json!({})).await;
        assert_eq!(desk.report(&document).await["seals"].as_array().unwrap().len(), 2);
        // What is signed names the document and the seal.
        let scan = desk.chosen("remove-seal", Some(&document)).await;
        assert_eq!(scan["to_sign"].as_array().unwrap().len(), 2);
        let content_hex = scan["items"][0]["content"].as_str().unwrap();
        let said = String::from_utf8(hex::decode(content_hex).unwrap()).unwrap();
        let shown = desk.see(&format!("/v1/client/documents/{document}")).await;
        assert!(said.contains(shown["document"]["digest"].as_str().unwrap()), "{said}");
        assert_eq!(desk.sign(&scan).await["state"], "succeeded");
        let rest = desk.fetch(&content).await;
        let report = desk.report(&document).await;
        assert_eq!((&report["verdict"], report["seals"].as_array().unwrap().len()), (&json!("valid"), 1));
        if name == "a.pdf" {
            assert_eq!(rest, once, "as it was before the second seal");
        }
        let records = desk.user.see(desk.world(), "/v1/scan-report?operation=remove-seal").await;
        assert!(!records["records"].as_array().unwrap().is_empty());
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn i_10_another_certificate_removes_nothing() {
    let desk = Desk::new().await;
    let document = desk.keep("a.pdf", &pdf::tender(1)).await;
    desk.sealed(&document, in_the_middle()).await;
    // Somebody else, with a certificate of the same authority and a phone.
    let other = desk.neighbour().await;
    let body = json!({ "kind": "remove-seal", "nonce": "n", "document_id": document });
    let code = desk.platform("/v1/client/scans", &body).await;
    other.user.done(desk.world(), "/v1/scans", &json!({ "code": code["code"] })).await;
    let choose = format!("/v1/scans/{}/choose", code["scan_id"].as_str().unwrap());
    other.user.refused(desk.world(), &choose, &other.certificate, 409, "conflict").await;
    other.user.refused(desk.world(), &choose, &desk.certificate, 404, "not_found").await;
    assert_eq!(desk.refused_get(&format!("/v1/client/documents/{document}/report")).await.0, 409);
    desk.end(code["scan_id"].as_str().unwrap(), "abort").await;
    assert_eq!(desk.report(&document).await["seals"].as_array().unwrap().len(), 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn i_12_what_was_done_to_a_document_stays_to_be_seen() {
    let desk = Desk::new().await;
    let document = desk.keep("a.pdf", &pdf::tender(1)).await;
    desk.sealed(&document, in_the_middle()).await;
    desk.world().clock.advance(60_000);
    desk.sealed(&document, in_the_middle()).await;
    desk.sign(&desk.chosen("remove-seal", Some(&document)).await).await;
    let shown = desk.see(&format!("/v1/client/documents/{document}")).await;
    let history = shown["document"]["history"].as_array().unwrap().clone();
    let kinds: Vec<_> = history.iter().map(|one| one["kind"].as_str().unwrap()).collect();
    assert_eq!(kinds, ["sealed", "sealed", "removed"]);
    assert_eq!(history[1]["signature"], history[2]["signature"]);
    assert_ne!(history[0]["signature"], history[1]["signature"]);
    assert!(history.iter().all(|one| one["certificate"] == desk.certificate && one["by"].is_string()));
    assert_eq!(history[0]["seal_id"], desk.seal.as_str());
    assert!(history[0]["at_ms"].as_u64().unwrap() + 60_000 <= history[1]["at_ms"].as_u64().unwrap());
    // The document itself tells who sealed it and when, and no more of what is gone.
    let report = desk.report(&document).await;
    assert_eq!(report["seals"].as_array().unwrap().len(), 1);
    assert_eq!(report["seals"][0]["signature"], history[0]["signature"]);
}
