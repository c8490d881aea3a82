//! Seal after seal in one session, how that ends, and what it costs.

use serde_json::json;

use super::{
    super::operators::{ADA, post_as},
    *,
};
use crate::{
    domain::{
        office::{Id, balance::Balance, catalogue::Service},
        operators::Role,
    },
    testing::{Phone, name},
};

impl Desk {
    /// The platform stands in the catalogue: uses are taken off what was bought for it.
    async fn catalogued(&self) -> Id {
        let ada = Phone::enrolled(self.world(), ADA[0]).await;
        self.world().grants.grant(&ada.device.id, name("Ada"), Role::Administrator).await.unwrap();
        let add = async |item: Value| {
            let (status, added) = post_as(self.world(), ADA, "/v1/operator/catalogue", None, &item).await;
            assert!(status.is_success(), "{added}");
            added["entry_id"].as_str().unwrap().to_owned()
        };
        let region = add(json!({ "kind": "region", "code": "650000", "name": "新疆", "place": null })).await;
        let rules = json!({
            "attachments": false, "review": false, "unique_certificate": true,
            "invoice_after_download": false, "mutual": true, "institutions": [],
        });
        let platform = add(json!({
            "kind": "platform", "region": region, "code": "M1100000001", "name": "测试交易平台",
            "platform_kind": "tender", "systems": [], "client": self.client.id.to_string(), "rules": rules,
        }));
        platform.await.parse().unwrap()
    }

    async fn bought(&self, platform: Id, service: Service, uses: u32) {
        self.world().office.assume_bought(self.account.parse().unwrap(), platform, service, uses).await;
    }

    async fn left(&self, platform: Id, service: Service) -> u64 {
        let id = Balance::id(self.account.parse().unwrap(), platform, service);
        self.world().office.find::<Balance>(id).await.unwrap().entity.remaining()
    }

    async fn records(&self) -> Vec<Value> {
        let found = self.user.see(self.world(), "/v1/scan-report?operation=seal").await;
        found["records"].as_array().unwrap().clone()
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn i_04_seal_after_seal_after_one_authorisation() {
    let desk = Desk::new().await;
    let document = desk.keep("a.pdf", &pdf::tender(2)).await;
    let scan = desk.confirmed(&document).await;
    desk.seal(&scan, in_the_middle()).await;
    // One waits for the phone at a time: the next one seals what this one made.
    desk.place(&scan, json!([{ "at": { "pages": "2", "x": 300, "y": 300 } }])).await;
    desk.refused_place(&scan, in_the_middle(), 409).await;
    let end = format!("/v1/client/scans/{scan}/end");
    desk.refused(&end, &json!({ "end": "finish" }), 409, "conflict").await;
    let waiting = desk.phone(&scan).await;
    // A signature of something else is none, and nothing happens by it.
    let wrong = desk.signatures(&json!(["07".repeat(32)])).await;
    let sign = format!("/v1/scans/{scan}/sign");
    let body = json!({ "signatures": wrong });
    desk.user.refused(desk.world(), &sign, &body, 400, "bad_request").await;
    desk.sign(&waiting).await;
    desk.end(&scan, "finish").await;
    let report = desk.report(&document).await;
    assert_eq!((&report["verdict"], report["seals"].as_array().unwrap().len()), (&json!("valid"), 2));
    // Each of them is on record, with its seal.
    let records = desk.records().await;
    assert_eq!(records.len(), 2);
    assert!(records.iter().all(|one| one["seal_id"] == desk.seal.as_str()), "{records:?}");
    desk.refused_place(&scan, in_the_middle(), 409).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn i_13_finished_fetched_and_printed() {
    let desk = Desk::new().await;
    let platform = desk.catalogued().await;
    desk.bought(platform, Service::Ca, 4).await;
    desk.bought(platform, Service::Seal, 3).await;
    let plain = pdf::tender(1);
    let document = desk.keep("a.pdf", &plain).await;
    let content = format!("/v1/client/documents/{document}/content");
    // The phone is gone: nothing was used up, and the document is what it was.
    let scan = desk.confirmed(&document).await;
    desk.seal(&scan, in_the_middle()).await;
    assert_eq!(desk.kept_files(&scan).await, 1);
    desk.world().clock.advance(31_000);
    desk.world().office.work().await.unwrap();
    let seen = desk.see(&format!("/v1/client/scans/{scan}")).await;
    assert_eq!((&seen["state"], &seen["reason"]), (&json!("aborted"), &json!("link-lost")));
    assert_eq!(desk.fetch(&content).await, plain);
    assert_eq!((desk.kept_files(&scan).await, desk.records().await.len()), (0, 0));
    assert_eq!((desk.left(platform, Service::Ca).await, desk.left(platform, Service::Seal).await), (4, 3));
    // Left by hand on either side: the same.
    for leave in [true, false] {
        let scan = desk.confirmed(&document).await;
        desk.seal(&scan, in_the_middle()).await;
        if leave {
            desk.user.done(desk.world(), &format!("/v1/scans/{scan}/abort"), &json!({})).await;
        } else {
            desk.end(&scan, "fail").await;
        }
        assert_eq!(desk.fetch(&content).await, plain);
    }
    assert_eq!(desk.see(&format!("/v1/client/documents/{document}")).await["document"]["history"], json!([]));
    // Finished: each seal is one use of the certificate and one of the seal, and the document is given out.
    let scan = desk.confirmed(&document).await;
    desk.seal(&scan, in_the_middle()).await;
    desk.seal(&scan, in_the_middle()).await;
    assert_eq!(desk.left(platform, Service::Seal).await, 3, "not before it is given out");
    assert_eq!(desk.end(&scan, "finish").await["state"], "succeeded");
    assert_eq!((desk.left(platform, Service::Ca).await, desk.left(platform, Service::Seal).await), (2, 1));
    let sealed = desk.fetch(&content).await;
    assert!(sealed.starts_with(&plain) && sealed.len() > plain.len());
    assert_eq!((desk.kept_files(&scan).await, desk.kept_files(&document).await), (1, 0), "one file is kept");
    // What is printed is drawn with the seals.
    assert!(desk.fetch(&format!("/v1/client/documents/{document}/pages/1")).await.starts_with(b"\x89PNG"));
    // The last one is used up; then nothing is prepared, and what was sealed can still be finished.
    let scan = desk.confirmed(&document).await;
    desk.seal(&scan, in_the_middle()).await;
    desk.end(&scan, "finish").await;
    assert_eq!((desk.left(platform, Service::Ca).await, desk.left(platform, Service::Seal).await), (1, 0));
    let scan = desk.confirmed(&document).await;
    desk.refused_place(&scan, in_the_middle(), 409).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn i_01_a_document_elsewhere_is_sealed_by_its_digest() {
    let desk = Desk::new().await;
    let scan = desk.sign(&desk.chosen("seal", None).await).await;
    let id = scan["scan_id"].as_str().unwrap();
    let sealings = format!("/v1/client/scans/{id}/sealings");
    let digest = [7; 32];
    let wanted = json!({
        "name": "a.pdf", "seal_id": desk.seal, "digest": hex::encode(digest), "property_info": "[0 10 20 30]",
    });
    let mut short = wanted.clone();
    short["digest"] = "07".into();
    let mut nameless = wanted.clone();
    nameless["property_info"] = "".into();
    let mut both = wanted.clone();
    both["places"] = in_the_middle();
    for wrong in
        [short, nameless, both, json!({ "name": "a", "seal_id": desk.seal, "places": in_the_middle() })]
    {
        desk.refused(&sealings, &wrong, 400, "bad_request").await;
    }
    desk.platform(&sealings, &wanted).await;
    let data = format!("/v1/client/scans/{id}/results/0/sealed");
    assert_eq!(desk.refused_get(&data).await, (404, "not_found".to_owned()), "not before it is signed");
    desk.sign(&desk.phone(id).await).await;
    // The server has built the structure over seal, digest and time; the platform writes it into its file.
    let sealed = ::seal::ses::SealedData::parse(&desk.fetch(&data).await).unwrap();
    let signer = sealed.verify_signature().unwrap();
    assert_eq!((sealed.data_hash(), sealed.property_info()), (&digest[..], "[0 10 20 30]"));
    assert!(sealed.seal().holders().contain(signer.as_der()));
    assert_eq!(sealed.time().unwrap().as_unix(), desk.world().now_ms() / 1000);
    // It was given out, so it counts, whatever comes then.
    assert_eq!(desk.records().await.len(), 1);
    desk.end(id, "abort").await;
    assert_eq!(desk.records().await.len(), 1);
    // A session about a document seals nothing else.
    let document = desk.keep("a.pdf", &pdf::document(1)).await;
    let scan = desk.confirmed(&document).await;
    desk.refused(&format!("/v1/client/scans/{scan}/sealings"), &wanted, 400, "bad_request").await;
    let items = json!({ "items": [{ "name": "a", "form": "digest", "content": "07".repeat(32) }] });
    desk.refused(&format!("/v1/client/scans/{scan}/items"), &items, 409, "conflict").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_document_is_in_one_session_at_a_time() {
    let desk = Desk::new().await;
    let document = desk.keep("a.pdf", &pdf::document(1)).await;
    let ask = json!({ "kind": "seal", "nonce": "n", "document_id": document });
    let code = desk.platform("/v1/client/scans", &ask).await;
    desk.refused("/v1/client/scans", &ask, 409, "conflict").await;
    desk.refused(&format!("/v1/client/documents/{document}/delete"), &json!({}), 409, "conflict").await;
    let held = desk.see(&format!("/v1/client/documents/{document}")).await;
    assert_eq!(held["document"]["held_by"], code["scan_id"]);
    // Nobody scanned the code: the document is free again.
    desk.world().clock.advance(121_000);
    desk.world().office.work().await.unwrap();
    desk.platform("/v1/client/scans", &ask).await;
    for kind in ["login", "sign-hash"] {
        let body = json!({ "kind": kind, "nonce": "n", "document_id": document });
        desk.refused("/v1/client/scans", &body, 400, "bad_request").await;
    }
    let none = json!({ "kind": "seal", "nonce": "n", "document_id": "0".repeat(32) });
    desk.refused("/v1/client/scans", &none, 404, "not_found").await;
}
