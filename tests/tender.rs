//! A thousand bids at their time, with one approval for each bidder.
#![expect(clippy::unwrap_used, reason = "a failure is a failed test")]

use std::{fs, time::Duration};

use cosign_client::clock;
use cosign_tests::{
    process::{ServerFolder, Signer, failed, is_quick, succeeded, wait_for},
    seeds::{SIGNING, certificate},
    tender::{Tender, assert_locked},
};
use serde_json::Value;
use sm_primitives::sm2::PublicKey;

#[test]
fn a_thousand_bids_open_at_their_time_with_one_approval_for_each_bidder() {
    let (bidders, each) = if is_quick() { (4, 25) } else { (20, 50) };
    let folder = ServerFolder::new();
    let server = folder.start();
    let tender = Tender::new(&folder, bidders);
    // Enough to seal everything, as long as that takes here, and to be refused.
    let start = clock::instant();
    let _ = tender.seal(1, 0);
    let ahead = start.elapsed() * u32::try_from(2 * each).unwrap() + Duration::from_secs(10);
    let not_before = clock::now_ms() / 1000 + ahead.as_secs();
    let sealed = tender.seal(each, not_before);
    let records = folder.audit().len();

    // Anybody may know that they will open; nobody gets one.
    assert_locked(&tender.ask(&sealed, false), &sealed);
    assert_locked(&tender.ask(&sealed, true), &sealed);
    assert!(clock::now_ms() / 1000 < not_before, "the machine was too slow for this test");
    wait_for("the time", || (clock::now_ms() / 1000 >= not_before).then_some(()));
    let took = tender.open(&sealed, 4);
    eprintln!("{} bids: {took:?}", sealed.len());
    assert!(took.locks + took.keys < Duration::from_secs(60), "{took:?}");

    // All of it is on record, and a witness agrees.
    let log = folder.audit().split_off(records);
    let of = |act: &str, result: &str| -> Vec<Value> {
        let wanted = |record: &&Value| record["act"] == act && record["result"] == result;
        log.iter().filter(wanted).cloned().collect()
    };
    let locks = |records: &[Value]| -> usize {
        records.iter().map(|record| record["locks"].as_array().unwrap().len()).sum()
    };
    let (early, released) = (of("release", "E_TIME"), of("release", "ok"));
    assert_eq!((locks(&early), locks(&released)), (sealed.len(), sealed.len()));
    for record in &released {
        assert!(record["time_ms"].as_u64().unwrap() / 1000 >= not_before);
        assert!(record["locks"].as_array().unwrap().iter().all(|lock| lock["not_before"] == not_before));
    }
    let decryptions = of("decrypt", "ok");
    let counts: Vec<_> = decryptions.iter().map(|record| record["count"].as_u64().unwrap()).collect();
    assert_eq!(counts, vec![each as u64; bidders], "one approval, one request for each bidder");
    server.stop();
    witness(&folder);
}

/// Exports the log and has it verified.
fn witness(folder: &ServerFolder) {
    let export = folder.file("log.audit");
    succeeded(&folder.admin(&["audit", "export", "--out", export.to_str().unwrap()]));
    let signer = Signer::new(folder, "quic");
    let key = signer.write("log.pem", &folder.admin(&["audit", "key"]).stdout);
    let verify = ["audit", "verify", export.to_str().unwrap(), "--log-key", key.to_str().unwrap()];
    assert_eq!(signer.json(&verify)["valid"], true);
    fs::remove_file(export).unwrap();
}

#[test]
fn a_running_server_takes_new_opening_keys_and_keeps_retired_and_rotated_ones() {
    let folder = ServerFolder::new();
    let server = folder.start();
    let tender = Tender::new(&folder, 1);
    let sealed = tender.seal(3, 0);
    let id = tender.opening_key.id.to_string();
    let listed = folder.admin_json(&["opening-key", "list"]);
    assert_eq!(
        (listed[0]["opening_key_id"].as_str(), &listed[0]["retired_at_ms"]),
        (Some(&*id), &Value::Null)
    );
    let shown = PublicKey::from_spki_pem(listed[0]["public_key"].as_str().unwrap()).unwrap();
    assert_eq!(shown, tender.opening_key.public_key);

    let retired = folder.admin_json(&["opening-key", "retire", &id]);
    assert!(retired[0]["retired_at_ms"].as_u64().is_some());
    succeeded(&folder.admin(&["master-key", "rotate", "--all"]));
    let _ = tender.open(&sealed, 1);
    server.stop();
    let server = folder.start();
    let _ = tender.open(&sealed, 1);
    assert_eq!(folder.admin(&["opening-key", "retire", &"00".repeat(20)]).status.code(), Some(4));
    assert_eq!(folder.admin(&["opening-key", "retire", "00"]).status.code(), Some(2));
    server.stop();
    witness(&folder);
}

/// All of it with the programs: a bid that a co-signing key signs, refused before its time and opened after it.
#[test]
fn a_signed_bid_is_sealed_and_opened_at_its_time_by_command() {
    let folder = ServerFolder::new();
    let server = folder.start();
    let signer = Signer::with_keys(&folder, "quic");
    let opening_keys = ["opening-keys", "--out", "opening.pem"];
    assert!(failed(&signer.run(&opening_keys), 7).contains("no opening key"));
    succeeded(&folder.admin(&["opening-key", "create", "--label", "of before"]));
    let old = signer.json(&["opening-keys"])["opening_keys"][0]["opening_key_id"].clone();
    succeeded(&folder.admin(&["opening-key", "retire", old.as_str().unwrap()]));
    succeeded(&folder.admin(&["opening-key", "create", "--label", "tenders"]));
    let listed = signer.json(&opening_keys);
    assert_eq!(listed["opening_keys"].as_array().unwrap().len(), 2);
    let written = &listed["written"]["opening_key_id"];
    assert_ne!(*written, old);

    let pem = succeeded(&signer.run(&["keys", "show", "--purpose", "sign", "--pem"]));
    let key = PublicKey::from_spki_pem(&pem).unwrap();
    let _ = signer.write("signer.crt", &certificate(&key, SIGNING));
    let _ = signer.write("offer.txt", b"7");
    let not_before = clock::now_ms() / 1000 + 20;
    let sealed = signer.json(
        &[
            &["seal-bid", "offer.txt", "--model", "bidder", "--to", "default", "--sign-with", "default"][..],
            &[
                "--cert",
                "signer.crt",
                "--opening-key",
                "opening.pem",
                "--not-before",
                &not_before.to_string(),
            ],
        ]
        .concat(),
    );
    let early = signer.run(&["open-bid", "offer.txt.bid", "--json"]);
    assert!(clock::now_ms() / 1000 < not_before, "the machine was too slow for this test");
    assert_eq!(early.status.code(), Some(5));
    let said: Value = serde_json::from_slice(&early.stderr).unwrap();
    assert_eq!(said["error"]["code"], "closed");
    assert!(!signer.folder().join("offer.txt.bid-part").exists());
    let checked = &signer.json(&["check", "offer.txt.bid"])["bids"][0];
    assert_eq!((&checked["will_open"], &checked["signature"]["valid"]), (&true.into(), &true.into()));
    assert_eq!(checked["opening"]["opening_key"], *written);

    wait_for("the time", || (clock::now_ms() / 1000 >= not_before).then_some(()));
    let opened = &signer.json(&["open-bid", "offer.txt.bid", "--out", "opened"])["bids"][0];
    assert_eq!(opened["signature"]["key_id"], sealed["signer"]);
    assert_eq!(fs::read(signer.folder().join("opened/offer.txt")).unwrap(), b"7");
    server.stop();
}
