//! What must be true afterwards: the log and the clients' book tell one story.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    path::PathBuf,
    process::Command,
};

use cosign_tests::{
    naive,
    process::{ServerFolder, program, succeeded},
};
use serde_json::Value;

use crate::ledger::{Answered, Book};

/// Exports the log and has the witness check it against the head that it saw before.
pub(crate) fn witness(
    folder: &ServerFolder,
    tools: &std::path::Path,
    earlier: Option<PathBuf>,
    number: usize,
) -> PathBuf {
    let path = |name: &str| tools.join(format!("{name}-{number}"));
    let (export, head) = (path("export"), path("head"));
    let text = |path: &PathBuf| path.to_str().unwrap().to_owned();
    succeeded(&folder.admin(&["audit", "export", "--out", &text(&export)]));
    let mut verify = Command::new(program("smsign"));
    verify.args(["audit", "verify", &text(&export), "--save-head", &text(&head)]);
    if let Some(earlier) = earlier {
        verify.args(["--head", &text(&earlier)]);
    }
    succeeded(&verify.output().unwrap());
    fs::remove_file(export).unwrap();
    head
}

fn text<'a>(record: &'a Value, field: &str) -> &'a str {
    record[field].as_str().unwrap_or_default()
}

fn bytes(value: &Value) -> [u8; 32] {
    hex::decode(value.as_str().unwrap()).unwrap().try_into().unwrap()
}

/// Compares the log, the keys as the operator sees them, and the book. Gives the number of records.
pub(crate) fn compare(folder: &ServerFolder, book: &Book) -> usize {
    succeeded(&folder.admin(&["audit", "verify"]));
    let records = folder.audit();
    every_answer_is_on_record(&records, book);
    every_signature_is_on_record_once(&records, book);
    each_session_was_one_request(&records);
    keys_obeyed(&records);
    let keys =
        records.iter().filter(|record| text(record, "act") == "activate" && text(record, "result") == "ok");
    let keys: BTreeSet<_> = keys.map(|record| text(record, "key_id")).collect();
    let keys: Vec<_> = keys.iter().map(|key| folder.admin_json(&["key", "show", key]).remove(0)).collect();
    pins_were_counted(&records, &keys, book);
    named_requests_were_done_once(&records, book);
    records.len()
}

fn every_answer_is_on_record(records: &[Value], book: &Book) {
    let recorded: BTreeSet<_> = records
        .iter()
        .map(|record| (text(record, "sid"), text(record, "act"), text(record, "result")))
        .collect();
    for Answered { sid, op, result } in &book.answered {
        assert!(
            recorded.contains(&(sid, *op, *result)),
            "{op} of {sid} was answered {result} and is in no record"
        );
    }
}

fn every_signature_is_on_record_once(records: &[Value], book: &Book) {
    let mut recorded = BTreeMap::new();
    for item in records.iter().flat_map(|record| record["signatures"].as_array().unwrap()) {
        *recorded.entry((bytes(&item["e"]), bytes(&item["r"]))).or_insert(0) += 1;
    }
    for signature in &book.signatures {
        assert_eq!(recorded.get(signature), Some(&1), "records of one signature");
    }
    // x(R) = r - e mod n, of every signature that was ever made, answered or not.
    let nonces: BTreeSet<_> =
        recorded.keys().map(|(e, r)| (naive::int(r) + &*naive::N - naive::int(e)) % &*naive::N).collect();
    assert_eq!(nonces.len(), recorded.values().sum::<usize>(), "a nonce of a signature was used twice");
}

/// A session is used up by one frame, at whatever node and however often that came.
fn each_session_was_one_request(records: &[Value]) {
    let mut requests = BTreeMap::new();
    // What an authority issues is of no session.
    let of_session = |record: &&Value| !text(record, "sid").is_empty() && !record["h_req"].is_null();
    for record in records.iter().filter(|record| text(record, "result") == "ok").filter(of_session) {
        let session = (text(record, "key_id"), text(record, "sid"), text(record, "act"));
        let request = requests.entry(session).or_insert_with(|| text(record, "h_req"));
        assert_eq!(*request, text(record, "h_req"), "two requests in one session: {session:?}");
    }
}

/// In the order of the log: nothing is used after it was frozen, and no epoch but the newest.
fn keys_obeyed(records: &[Value]) {
    let (mut frozen, mut epochs) = (BTreeSet::new(), BTreeMap::new());
    for record in records {
        let (key, act) = (text(record, "key_id"), text(record, "act"));
        let epoch = record["epoch"].as_u64().unwrap_or(0);
        match act {
            "freeze" => assert!(frozen.insert(key), "{key} was frozen twice by one request"),
            "sign" | "decrypt" | "commit" | "reveal" | "refresh" if text(record, "result") == "ok" => {
                assert!(!frozen.contains(key), "{key} was used after it was frozen: {record}");
                assert_eq!(epoch, *epochs.get(key).unwrap_or(&1), "an epoch that was not active: {record}");
            }
            "confirm" if text(record, "note") == "activated" => {
                assert!(epochs.insert(key, epoch).unwrap_or(1) < epoch, "an epoch became active twice");
            }
            _ => {}
        }
    }
}

fn pins_were_counted(records: &[Value], keys: &[Value], book: &Book) {
    // Wrong PINs since the last refresh, and those in a row. An owner stops before there is anything to wait for.
    let mut counts: BTreeMap<&str, (u64, u64)> = BTreeMap::new();
    let mut by_epoch: BTreeMap<(String, u32), u32> = BTreeMap::new();
    for record in records {
        let (key, act) = (text(record, "key_id"), text(record, "act"));
        let count = counts.entry(key).or_default();
        match (act, text(record, "result")) {
            (_, "E_PIN") => {
                *count = (count.0 + 1, count.1 + 1);
                let epoch = u32::try_from(record["epoch"].as_u64().unwrap()).unwrap();
                *by_epoch.entry((key.to_owned(), epoch)).or_default() += 1;
            }
            ("confirm", "ok") if text(record, "note") == "activated" => *count = (0, 0),
            ("sign" | "decrypt" | "commit" | "refresh" | "confirm", "ok") => count.1 = 0,
            _ => {}
        }
    }
    for key in keys {
        let (total, in_a_row) = counts[text(key, "key_id")];
        assert_eq!(key["pin"]["total"], total, "wrong PINs in the log: {key}");
        // A right PIN is durable before the answer to it, which may then fail.
        assert!(key["pin"]["failures"].as_u64().unwrap() <= in_a_row, "{key}");
    }
    for (key, answered) in &book.wrong_pins {
        let recorded = by_epoch.get(key).copied().unwrap_or(0);
        assert!(recorded >= *answered, "{key:?}: {answered} wrong PINs were answered, {recorded} recorded");
    }
}

fn named_requests_were_done_once(records: &[Value], book: &Book) {
    let issued: Vec<_> = records
        .iter()
        .filter(|record| text(record, "act") == "issue")
        .map(|record| text(record, "key_id"))
        .collect();
    let distinct: BTreeSet<_> = issued.iter().copied().collect();
    assert_eq!(distinct.len(), issued.len(), "a key id was issued twice");
    assert!(
        book.issued.values().all(|key_id| distinct.contains(key_id.as_str())),
        "issued, and on no record"
    );
    assert!(issued.len() <= book.asked.len(), "a named request was done more than once");
}
