//! A thousand bids at their time, with one approval for each bidder.
#![expect(clippy::unwrap_used, reason = "a failure is a failed test")]

use std::{fs, time::Duration};

use cosign_client::clock;
use cosign_tests::{
    bid_kit::key,
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
    succeeded(&folder.admin(&["rotate-key", "--all"]));
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

/// Two servers, one of which is away: what the other one opens is opened.
#[test]
fn a_server_that_does_not_answer_keeps_no_bid_of_another_closed() {
    let folders = [ServerFolder::new(), ServerFolder::new()];
    let [first, second] = &folders;
    let [at_first, at_second] = [first.start(), second.start()];
    let signer = Signer::with_keys(first, "http2");
    let address = second.address().to_string();
    let ca = second.file("ca.pem");
    let there = ["--server", &address, "--ca", ca.to_str().unwrap()];
    let code = second.enrolment_code();
    let keygen = ["keygen", "--purpose", "encrypt", "--label", "second", "--enrol-code", &code];
    succeeded(&signer.run(&[&keygen[..], &there].concat()));
    succeeded(&first.admin(&["opening-key", "create", "--label", "tenders"]));
    succeeded(&second.admin(&["opening-key", "create", "--label", "tenders"]));
    succeeded(&signer.at_server(&["opening-keys", "--out", "first.pem"]).output().unwrap());
    succeeded(&signer.run(&[&["opening-keys", "--out", "second.pem"][..], &there].concat()));
    let alice = key("alice");
    let _ = signer.write("alice.key", alice.to_pkcs8_pem().as_bytes());
    let _ = signer.write("alice.pem", alice.public_key().to_spki_pem().as_bytes());
    let _ = signer.write("offer.txt", b"7");
    for (name, to, opening_key) in [
        ("lock-1.bid", "alice.pem", Some("first.pem")),
        ("lock-2.bid", "alice.pem", Some("second.pem")),
        ("share-2.bid", "second", None),
        ("share-1.bid", "default", None),
    ] {
        let seal = ["seal-bid", "offer.txt", "--model", "bidder", "--to", to, "--out", name];
        let lock = opening_key.map(|key| ["--not-before", "1", "--opening-key", key]);
        succeeded(&signer.run(&[&seal[..], lock.as_ref().map_or(&[], |lock| lock)].concat()));
    }

    at_second.stop();
    let bids = ["lock-1.bid", "lock-2.bid", "share-2.bid", "share-1.bid", "--private-key", "alice.key"];
    let check = signer.run(&[&["--json", "check"][..], &bids].concat());
    failed(&check, 6);
    let report: Value = serde_json::from_slice(&check.stdout).unwrap();
    for (bid, answered) in report["bids"].as_array().unwrap().iter().zip([true, false, false, true]) {
        assert_eq!(bid["will_open"], answered, "{bid}");
        if !answered {
            assert_eq!(bid["code"], "unanswered");
            assert!(bid["reason"].as_str().unwrap().contains(&address), "{bid}");
        }
    }
    let open = signer.run(&[&["--json", "open-bid", "--out", "opened"][..], &bids].concat());
    failed(&open, 6);
    let report: Value = serde_json::from_slice(&open.stdout).unwrap();
    let files = |list: &str| -> Vec<String> {
        let list = report[list].as_array().unwrap().iter();
        list.map(|bid| bid["file"].as_str().unwrap().to_owned()).collect()
    };
    assert_eq!(files("bids"), ["lock-1.bid", "share-1.bid"]);
    assert_eq!(files("failed"), ["lock-2.bid", "share-2.bid"]);
    let rewrap = ["rewrap", "share-2.bid", "--to", "alice.pem", "--key", "second"];
    assert!(failed(&signer.run(&rewrap), 6).contains(&address));

    // One that refuses is one that does not answer.
    let at_second = second.start();
    succeeded(&signer.run(&["keys", "freeze", "second", "--yes"]));
    let open = ["open-bid", "share-2.bid", "share-1.bid", "lock-2.bid", "--private-key", "alice.key"];
    assert!(failed(&signer.run(&[&open[..], &["--out", "later"]].concat()), 4).contains("share-2.bid"));
    for name in ["lock-2", "share-1"] {
        assert_eq!(fs::read(signer.folder().join("later").join(name).join("offer.txt")).unwrap(), b"7");
    }
    at_first.stop();
    at_second.stop();
}
