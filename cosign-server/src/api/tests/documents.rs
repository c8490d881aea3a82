//! Documents that are sealed through the server: the platform, the phone and what comes of it.

mod desk;
mod ends;
mod keys;
#[path = "../../../../tests/src/ofd.rs"]
#[expect(unreachable_pub, reason = "a module of the tests of all programs")]
mod ofd;
#[path = "../../../../tests/src/pdf.rs"]
#[expect(unreachable_pub, reason = "a module of the tests of all programs")]
mod pdf;
mod places;
mod removal;
mod tasks;

use axum::http::StatusCode;
use serde_json::{Value, json};

use self::desk::Desk;
use super::{
    clients::{client, fetch, hand_in, new_client, read},
    office::{Browser, citizen, log_in, log_in_on, verified},
    problem,
};
use crate::domain::{ca::Options, clients::Scope};

const VERIFY: &str = "/v1/document-verifications";

/// In the middle of the first page.
fn in_the_middle() -> Value {
    json!([{ "at": { "pages": "1", "x": 1050, "y": 1480 } }])
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn i_01_a_pdf_is_sealed_and_no_byte_of_it_changes_unseen() {
    let desk = Desk::new().await;
    let plain = pdf::tender(3);
    let document = desk.keep("投标文件.pdf", &plain).await;
    let scan = desk.confirmed(&document).await;
    let before = desk.phone_sees(&scan).await;
    assert_eq!(before, plain, "the user sees what is sealed");
    desk.seal(&scan, in_the_middle()).await;
    // Before the session has ended well nobody gets anything.
    let content = format!("/v1/client/documents/{document}/content");
    assert_eq!(desk.refused_get(&content).await, (409, "conflict".to_owned()));
    assert!(desk.phone_sees(&scan).await.len() > plain.len());
    desk.end(&scan, "finish").await;
    let sealed = desk.fetch(&content).await;
    assert!(sealed.starts_with(&plain) && sealed.len() > plain.len(), "only appended to");
    let report = desk.report(&document).await;
    assert_eq!((&report["verdict"], &report["format"]), (&json!("valid"), &json!("pdf")), "{report}");
    let seal = &report["seals"][0];
    assert_eq!((&seal["kind"], &seal["seal_name"]), (&json!("pdf-seal"), &json!("张三")));
    assert!(seal["signer"].as_str().unwrap().contains("张三"));
    assert_eq!(seal["serial"], desk.certificate["serial"]);
    // Every byte counts.
    for at in [20, sealed.len() / 3, sealed.len() / 2, sealed.len() - 200] {
        let mut bad = sealed.clone();
        bad[at] ^= 1;
        let (status, judged) = desk.judge(&bad).await;
        assert!(status == StatusCode::BAD_REQUEST || judged["verdict"] == "invalid", "{at}: {judged}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn i_02_an_ofd_document_is_sealed() {
    let desk = Desk::new().await;
    let plain = ofd::tender(3);
    let document = desk.keep("投标文件.ofd", &plain).await;
    let places = json!([
        { "at": { "pages": "2", "x": 1050, "y": 1485 } },
        { "across": { "edge": "right" } },
        { "keyword": { "text": "盖章" } },
    ]);
    desk.sealed(&document, places).await;
    let report = desk.report(&document).await;
    assert_eq!((&report["verdict"], &report["format"]), (&json!("valid"), &json!("ofd")), "{report}");
    let seal = &report["seals"][0];
    assert_eq!((&seal["kind"], seal["places"].as_array().unwrap().len()), (&json!("ofd-seal"), 5));
    let (_, shown) =
        fetch(desk.world(), &desk.client, &format!("/v1/client/documents/{document}/content")).await;
    assert!(shown.starts_with(b"PK\x03\x04"));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn i_11_every_seal_is_judged_with_its_reasons() {
    let desk = Desk::new().await;
    let document = desk.keep("a.pdf", &pdf::tender(1)).await;
    let none = desk.report(&document).await;
    assert_eq!((&none["verdict"], &none["seals"]), (&json!("indeterminate"), &json!([])));
    assert_eq!(none["warnings"][0]["code"], "no-signatures");
    desk.sealed(&document, in_the_middle()).await;
    desk.sealed(&document, in_the_middle()).await;
    let report = desk.report(&document).await;
    assert_eq!((&report["verdict"], report["seals"].as_array().unwrap().len()), (&json!("valid"), 2));
    let first = &report["seals"][0];
    assert_eq!(first["made_at_ms"], json!(desk.world().now_ms() / 1000 * 1000));
    let notes: Vec<_> = first["notes"].as_array().unwrap().iter().map(|note| note["code"].clone()).collect();
    assert_eq!(first["time_proven"], false);
    assert!(notes.contains(&json!("time-claimed")) && notes.contains(&json!("partly-covered")), "{notes:?}");
    // What was sealed stays valid when the certificate ends later; a user judges it as well.
    let sealed = desk.fetch(&format!("/v1/client/documents/{document}/content")).await;
    desk.world().clock.advance(86_400_000);
    desk.revoke().await;
    assert_eq!(desk.report(&document).await["verdict"], "valid");
    let (anybody, _) = log_in(desk.world(), "13900139000").await;
    let judge = async |bytes: &[u8]| anybody.post_bytes(desk.world(), VERIFY, bytes).await;
    let (status, judged) = judge(&sealed).await;
    assert_eq!((status, &judged["verdict"]), (StatusCode::OK, &json!("valid")));
    for nothing in [&b""[..], b"%PDF-1.4 nothing", b"PK\x03\x04nothing", b"text"] {
        assert_eq!(problem(judge(nothing).await), (400, "bad_request".to_owned()));
    }
    let nobody = Browser { token: "0".repeat(64), device: None };
    let answer = nobody.post_bytes(desk.world(), VERIFY, &sealed).await;
    assert_eq!(problem(answer), (401, "not_logged_in".to_owned()));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn i_11_the_time_of_a_seal_is_proven_where_the_authority_stamps() {
    let policy = Some("1.2.156.112600.1".to_owned());
    let desk = Desk::with(Options { policy, ..Options::default() }).await;
    for (name, bytes) in [("a.pdf", pdf::tender(1)), ("a.ofd", ofd::tender(1))] {
        let document = desk.keep(name, &bytes).await;
        desk.sealed(&document, in_the_middle()).await;
        desk.sealed(&document, in_the_middle()).await;
        let report = desk.report(&document).await;
        assert_eq!(report["verdict"], "valid", "{report}");
        for seal in report["seals"].as_array().unwrap() {
            assert_eq!(seal["time_proven"], true, "{seal}");
            assert_eq!(seal["made_at_ms"], json!(desk.world().now_ms() / 1000 * 1000));
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn i_14_pages_are_measured_drawn_and_searched() {
    let desk = Desk::new().await;
    for (name, bytes) in [("a.pdf", pdf::tender(2)), ("a.ofd", ofd::tender(2))] {
        let document = desk.keep(name, &bytes).await;
        let path = format!("/v1/client/documents/{document}");
        let shown = desk.see(&path).await;
        assert_eq!(shown["document"]["name"], name);
        assert_eq!(shown["pages"].as_array().unwrap().len(), 2);
        assert!((2090..=2110).contains(&shown["pages"][1]["width"].as_i64().unwrap()), "{shown}");
        let found = desk.see(&format!("{path}/hits?text=%E7%A3%8B%E5%95%86")).await;
        let pages: Vec<_> = found["hits"].as_array().unwrap().iter().map(|hit| hit["page"].clone()).collect();
        assert_eq!(pages, [json!(1), json!(2)], "磋商 stands on both pages: {found}");
        assert!(desk.fetch(&format!("{path}/pages/2")).await.starts_with(b"\x89PNG"));
        for page in ["0", "3", "x", "-1"] {
            let refused = desk.refused_get(&format!("{path}/pages/{page}")).await;
            assert_eq!(refused, (404, "not_found".to_owned()), "{page}");
        }
        for query in ["", "?text=", "?text=%20", &format!("?text={}", "a".repeat(201))] {
            assert_eq!(desk.refused_get(&format!("{path}/hits{query}")).await.0, 400, "{query}");
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn documents_are_bounded_kept_for_a_while_and_their_platforms_alone() {
    let desk = Desk::new().await;
    let path = "/v1/client/documents";
    let handed = async |target: &str, bytes: &[u8]| {
        problem(hand_in(desk.world(), &desk.client, target, &Desk::once(), bytes).await)
    };
    let wrong = (400, "bad_request".to_owned());
    for bytes in [&b""[..], b"%PDF-", b"PK\x03\x04", b"text", &b"%PDF-1.4\n%%EOF\n"[..]] {
        assert_eq!(handed(&format!("{path}?name=a"), bytes).await, wrong);
    }
    for name in ["", "?name=", &format!("?name={}", "a".repeat(201)), "?name=a%0A"] {
        assert_eq!(handed(&format!("{path}{name}"), &pdf::document(1)).await, wrong, "{name}");
    }
    let long = vec![b' '; 16 * 1024 * 1024 + 1];
    assert_eq!(handed(&format!("{path}?name=a"), &long).await, (413, "payload_too_large".to_owned()));
    // The same request again keeps it once.
    let bytes = pdf::document(1);
    let (target, once) = (format!("{path}?name=a.pdf"), Desk::once());
    let first = hand_in(desk.world(), &desk.client, &target, &once, &bytes).await;
    assert_eq!(hand_in(desk.world(), &desk.client, &target, &once, &bytes).await, first);
    assert_eq!(desk.see(path).await["documents"].as_array().unwrap().len(), 1);
    let document = first.1["document_id"].as_str().unwrap().to_owned();
    // Nobody else has it.
    let none = (404, "not_found".to_owned());
    let other = client(desk.world()).await;
    for rest in ["", "/content", "/pages/1", "/hits?text=a", "/report"] {
        let target = format!("{path}/{document}{rest}");
        assert_eq!(problem(read(desk.world(), &other, &target).await), none, "{rest}");
    }
    let ask = json!({ "kind": "seal", "nonce": "n", "document_id": document });
    let asked = super::clients::act(desk.world(), &other, "/v1/client/scans", &Desk::once(), &ask).await;
    assert_eq!(problem(asked), none);
    let delete = format!("{path}/{document}/delete");
    let deleted = super::clients::act(desk.world(), &other, &delete, &Desk::once(), &json!({})).await;
    assert_eq!(problem(deleted), none);
    let poor = desk.world().clients.add(new_client(&[Scope::EventsRead])).await.unwrap();
    let answer = read(desk.world(), &poor, path).await;
    assert_eq!(problem(answer), (403, "scope_missing".to_owned()));
    // It goes when its platform says so, and by itself.
    assert_eq!(desk.platform(&delete, &json!({})).await["state"], "gone");
    assert_eq!(desk.refused_get(&format!("{path}/{document}")).await, none);
    let document = desk.keep("b.pdf", &bytes).await;
    desk.world().clock.advance(72 * 3_600_000);
    desk.world().office.work().await.unwrap();
    assert_eq!(desk.refused_get(&format!("{path}/{document}")).await, none);
    assert_eq!(desk.see(path).await["documents"], json!([]));
    assert_eq!(desk.kept_files(&document).await, 0, "nothing is left of it");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn only_who_scanned_sees_the_document_and_signs_with_their_own_certificate() {
    let desk = Desk::new().await;
    let world = desk.world();
    verified(world, "13900139000", "李四", &citizen(2)).await;
    // At the same phone, after the owner: what that sees and has is not theirs.
    let (other, _) = log_in_on(world, "13900139000", Some([9; 32])).await;
    let document = desk.keep("a.pdf", &pdf::document(1)).await;
    let scan = desk.confirmed(&document).await;
    let path = format!("/v1/scans/{scan}/document");
    let none = (404, "not_found".to_owned());
    assert_eq!(problem(other.get(world, &path).await), none);
    desk.end(&scan, "abort").await;
    assert_eq!(problem(desk.user.get(world, &path).await), none, "once it is over nobody does");
    let code = desk.platform("/v1/client/scans", &json!({ "kind": "login", "nonce": "n" })).await;
    let scanned = other.done(world, "/v1/scans", &json!({ "code": code["code"] })).await;
    assert_eq!(scanned["certificates"], json!([]));
    let choose = format!("/v1/scans/{}/choose", code["scan_id"].as_str().unwrap());
    other.refused(world, &choose, &desk.certificate, 409, "conflict").await;
}
