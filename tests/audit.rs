//! The audit log as a witness and the owner of a key see it, and an operator who rewrites it: records that are deleted,
//! reordered or modified, and a log with two histories.
#![expect(clippy::unwrap_used, reason = "a failure is a failed test")]

use std::{
    fs,
    path::{Path, PathBuf},
    process::{Command, Output, Stdio},
};

use cosign_client::audit::verify_export;
use cosign_core::audit::{EXPORT_MAGIC, ItemHeader};
use cosign_tests::process::{ServerFolder, Signer, failed, program, succeeded, wait_for};
use serde_json::Value;
use sqlx::{AssertSqlSafe, Connection, SqliteConnection};

/// Waits until every record is under a tree head; their number.
fn until_signed(folder: &ServerFolder) -> u64 {
    wait_for("a tree head over every record", || {
        let log = folder.admin_json(&["audit", "verify"]).remove(0);
        (log["records"] == log["signed_records"]).then(|| log["records"].as_u64().unwrap())
    })
}

fn export(folder: &ServerFolder, name: &str, more: &[&str]) -> PathBuf {
    let file = folder.file(name);
    succeeded(&folder.admin(&[&["audit", "export", "--out", file.to_str().unwrap()], more].concat()));
    file
}

fn verify(file: &Path, more: &[&str]) -> Output {
    let mut command = Command::new(program("smsign"));
    command.args(["audit", "verify"]).arg(file).args(more).output().unwrap()
}

fn verified(file: &Path, more: &[&str]) -> Value {
    serde_json::from_str(&succeeded(&verify(file, &[more, &["--json"]].concat()))).unwrap()
}

#[track_caller]
fn refused(file: &Path, more: &[&str], why: &str) {
    let output = verify(file, &[more, &["--json"]].concat());
    failed(&output, 1);
    let report: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(report["valid"], false);
    assert!(report["reason"].as_str().unwrap().contains(why), "{report}");
}

fn text(path: &Path) -> &str {
    path.to_str().unwrap()
}

/// `r` of every signature in a list of operations.
fn halves(report: &Value) -> Vec<String> {
    let operations = report["operations"].as_array().unwrap();
    let signatures = operations.iter().flat_map(|operation| operation["signatures"].as_array().unwrap());
    signatures.map(|signature| signature["r"].as_str().unwrap().to_owned()).collect()
}

#[test]
fn an_owner_proves_what_the_key_signed_and_a_witness_remembers() {
    let folder = ServerFolder::new();
    let server = folder.start();
    let signer = Signer::with_keys(&folder, "quic");
    for name in ["a", "b"] {
        let _ = signer.write(name, name.as_bytes());
    }
    succeeded(&signer.run(&["sign", "a", "b", "--format", "raw"]));
    failed(&signer.run_with_pin("314159", &["sign", "a", "--force"]), 3);
    let size = until_signed(&folder);

    // The owner, over the network: every operation of the key with its proof.
    let key_id = signer.key_id("sign");
    let fetched = signer.json(&["audit", "fetch", &key_id, "--out", "mine"]);
    assert_eq!(fetched["tree_size"], size);
    let mine = signer.folder().join("mine");
    let report = verified(&mine, &["--key", &key_id]);
    assert_eq!((&report["valid"], &report["from"]), (&Value::Bool(true), &Value::Null));
    let raw = |name: &str| hex::encode(&fs::read(signer.folder().join(name)).unwrap()[..32]);
    assert_eq!(halves(&report)[1..], [raw("a.sig"), raw("b.sig")], "the first is the certification request");
    let operations = report["operations"].as_array().unwrap();
    let outcomes: Vec<_> = operations.iter().map(|operation| operation["result"].as_str().unwrap()).collect();
    assert_eq!((outcomes.len(), outcomes.last()), (7, Some(&"E_PIN")));

    // The operator exports the same, and everything.
    let log_key = folder.file("log.pem");
    fs::write(&log_key, succeeded(&folder.admin(&["audit", "key"]))).unwrap();
    let of_key = export(&folder, "of-key", &["--key", &key_id]);
    assert_eq!(verified(&of_key, &["--key", &key_id])["operations"], report["operations"]);
    let whole = export(&folder, "whole", &[]);
    let public =
        signer.write("public.pem", succeeded(&signer.run(&["keys", "show", &key_id, "--pem"])).as_bytes());
    let head = folder.file("head");
    let more = ["--log-key", text(&log_key), "--save-head", text(&head), "--key", text(&public)];
    let by_public_key = verified(&whole, &more);
    assert_eq!(by_public_key["records"], size);
    assert_eq!(by_public_key["from"], 1);
    // Before the record that made it, a public key has no id.
    assert_eq!(halves(&by_public_key), halves(&report));

    // Later the witness asks for what is new, and that it continues what was seen.
    for file in ["a", "b"] {
        succeeded(&signer.run(&["sign", file, "--force"]));
    }
    let later = until_signed(&folder);
    let new = export(&folder, "new", &["--from", &(size + 1).to_string()]);
    let report = verified(&new, &["--head", text(&head), "--log-key", text(&log_key)]);
    assert_eq!((&report["from"], &report["tree_size"]), (&(size + 1).into(), &later.into()));
    assert_eq!(report["earlier_head"], true);
    refused(&whole, &["--head", text(&new)], "fewer");
    let skipped = export(&folder, "skipped", &["--from", &(size + 2).to_string()]);
    refused(&skipped, &["--head", text(&head)], "links");
    let _ = signer.json(&["audit", "fetch", &key_id, "--out", "mine", "--force", "--head", text(&head)]);

    // What is not a log, or of another one.
    failed(&verify(&log_key, &[]), 9);
    let other = ServerFolder::new();
    let foreign = export(&other, "foreign", &[]);
    refused(&foreign, &["--log-key", text(&log_key)], "another log");
    refused(&foreign, &["--head", text(&head)], "another log");
    failed(&folder.admin(&["audit", "export", "--out", text(&whole)]), 1);
    server.stop();
}

/// The bytes of each item behind the magic.
fn items(export: &[u8]) -> Vec<Vec<u8>> {
    let mut rest = export.strip_prefix(EXPORT_MAGIC).unwrap();
    let mut items = Vec::new();
    while let Some(header) = rest.first_chunk() {
        let length = ItemHeader::LEN + ItemHeader::decode(header).unwrap().length;
        let (item, after) = rest.split_at(length);
        items.push(item.to_vec());
        rest = after;
    }
    items
}

#[test]
fn any_change_of_an_export_is_found() {
    let folder = ServerFolder::new();
    for _ in 0..3 {
        let _ = folder.enrolment_code();
    }
    let server = folder.start();
    until_signed(&folder);
    server.stop();
    let file = export(&folder, "whole", &[]);
    let bytes = fs::read(&file).unwrap();
    let changed = folder.file("changed");
    let holds = |bytes: &[u8]| {
        fs::write(&changed, bytes).unwrap();
        verify_export(&changed, None, None, |_| Ok(())).is_ok_and(|verified| verified.is_ok())
    };
    assert!(holds(&bytes));
    for at in 0..bytes.len() {
        let mut changed = bytes.clone();
        changed[at] ^= 1;
        assert!(!holds(&changed), "byte {at} changed");
        changed.remove(at);
        assert!(!holds(&changed), "byte {at} deleted");
    }

    let items = items(&bytes);
    let together = |items: &[Vec<u8>]| [EXPORT_MAGIC.to_vec(), items.concat()].concat();
    assert_eq!(together(&items), bytes);
    for at in 0..items.len() {
        let is_record = items[at][0] == 3;
        let mut without = items.clone();
        without.remove(at);
        assert!(!is_record || !holds(&together(&without)), "record {at} deleted");
        let mut twice = items.clone();
        twice.insert(at, items[at].clone());
        assert!(!is_record || !holds(&together(&twice)), "record {at} repeated");
        if at + 1 < items.len() && is_record {
            let mut swapped = items.clone();
            swapped.swap(at, at + 1);
            assert!(!holds(&together(&swapped)), "items {at} swapped");
        }
    }
}

/// Statements on the database of a server that does not run, past what keeps it append-only.
fn edit(folder: &ServerFolder, statements: &[&str]) {
    let url = format!("sqlite://{}", folder.file("cosign.db").display());
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let mut connection = SqliteConnection::connect(&url).await.unwrap();
        let triggers: Vec<String> =
            sqlx::query_scalar("SELECT name FROM sqlite_master WHERE type = 'trigger'")
                .fetch_all(&mut connection)
                .await
                .unwrap();
        let drops = triggers.iter().map(|name| format!("DROP TRIGGER {name}"));
        for statement in drops.chain(statements.iter().map(|statement| (*statement).to_owned())) {
            sqlx::query(AssertSqlSafe(statement)).execute(&mut connection).await.unwrap();
        }
        connection.close().await.unwrap();
    });
}

fn database_files(folder: &ServerFolder) -> Vec<(PathBuf, Vec<u8>)> {
    let files = fs::read_dir(folder.data()).unwrap().map(|entry| entry.unwrap().path());
    let files = files.filter(|path| path.file_name().unwrap().to_str().unwrap().starts_with("cosign.db"));
    files.map(|path| (path.clone(), fs::read(path).unwrap())).collect()
}

fn restore(folder: &ServerFolder, files: &[(PathBuf, Vec<u8>)]) {
    database_files(folder).iter().for_each(|(path, _)| fs::remove_file(path).unwrap());
    files.iter().for_each(|(path, bytes)| fs::write(path, bytes).unwrap());
}

/// What the server says instead of serving.
fn refusal_to_start(folder: &ServerFolder) -> Output {
    let mut serve = Command::new(program("cosign-server"));
    serve.args(["serve", "--config"]).arg(folder.file("cosign.toml")).stderr(Stdio::piped());
    let mut child = serve.spawn().unwrap();
    wait_for("the server to refuse", || child.try_wait().unwrap());
    child.wait_with_output().unwrap()
}

#[test]
fn an_operator_who_rewrites_the_database_is_found_out() {
    let folder = ServerFolder::on_file();
    let server = folder.start();
    let signer = Signer::with_keys(&folder, "quic");
    let _ = signer.write("a", b"a");
    succeeded(&signer.run(&["sign", "a"]));
    let size = until_signed(&folder);
    server.stop();
    let head = folder.file("head");
    let whole = export(&folder, "whole", &[]);
    let _ = verified(&whole, &["--save-head", text(&head)]);
    let honest = database_files(&folder);

    let newest = format!("DELETE FROM audit WHERE seq = {size}");
    let of_it = format!("DELETE FROM tree_heads WHERE size = {size}");
    let swap = "UPDATE audit SET record = CASE seq WHEN 3 THEN (SELECT record FROM audit WHERE seq = 4) \
                ELSE (SELECT record FROM audit WHERE seq = 3) END WHERE seq IN (3, 4)";
    let modify = "UPDATE audit SET record = CAST(substr(record, 1, 24) || x'7f' || substr(record, 26) AS BLOB) \
                  WHERE seq = 5";
    // What was done; whether the server starts (it looks at what the tree grows from, not at every record); whether its
    // own check, and an export without a memory, hold.
    for (index, (statements, starts, holds)) in [
        (vec![newest.as_str()], false, false),
        (vec!["DELETE FROM audit WHERE seq = 8"], false, false),
        (vec!["DELETE FROM audit WHERE seq = 4"], true, false),
        (vec![swap], true, false),
        (vec![modify], true, false),
        (vec![&newest, &of_it], true, true),
    ]
    .into_iter()
    .enumerate()
    {
        restore(&folder, &honest);
        edit(&folder, &statements);
        let checked = folder.admin(&["audit", "verify"]);
        if holds {
            succeeded(&checked);
        } else {
            failed(&checked, 3);
        }
        let file = folder.file(&format!("edited-{index}"));
        let exported = folder.admin(&["audit", "export", "--out", text(&file)]);
        if exported.status.success() {
            assert_eq!(verify(&file, &[]).status.success(), holds, "{statements:?}");
            failed(&verify(&file, &["--head", text(&head)]), 1);
        } else {
            assert!(!file.exists());
        }
        if starts {
            folder.start().stop();
        } else {
            let said = failed(&refusal_to_start(&folder), 3);
            assert!(said.contains("restore the newest database"), "{said}");
        }
    }

    // Two histories from one state, both signed by the real key: each verifies alone.
    let mut histories = Vec::new();
    for name in ["one", "two"] {
        restore(&folder, &honest);
        let server = folder.start();
        let _ = signer.write(name, name.as_bytes());
        succeeded(&signer.run(&["sign", name]));
        assert_eq!(until_signed(&folder), size + 1);
        server.stop();
        let file = export(&folder, name, &[]);
        let _ = verified(&file, &["--head", text(&head)]);
        histories.push(file);
    }
    refused(&histories[0], &["--head", text(&histories[1])], "forked");
    refused(&histories[1], &["--head", text(&histories[0])], "forked");

    // Who was told the other history is not told this one by the server either.
    let server = folder.start();
    let told =
        signer.run(&["audit", "fetch", &signer.key_id("sign"), "--out", "x", "--head", text(&histories[0])]);
    assert!(failed(&told, 11).contains("forked"));
    assert!(!signer.folder().join("x").exists());
    server.stop();
}
