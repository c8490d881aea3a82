//! Wrong PINs: counted, slowed down, locked; across kills of the server.
#![expect(clippy::unwrap_used, reason = "a failure is a failed test")]

use cosign_tests::process::{Server, ServerFolder, Signer, failed, succeeded};
use serde_json::Value;
use sqlx::{Connection, SqliteConnection};

const WRONG: &str = "314159";

/// Puts the end of the current wait into the past, as if the time had gone by.
fn let_the_wait_pass(folder: &ServerFolder) {
    let path = folder.file("cosign.db");
    tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(async {
        let mut database = SqliteConnection::connect(&format!("sqlite:{}", path.display())).await.unwrap();
        let done = sqlx::query("UPDATE keys SET unlock_at_ms = 1 WHERE unlock_at_ms > 0")
            .execute(&mut database)
            .await;
        assert_eq!(done.unwrap().rows_affected(), 1);
        database.close().await.unwrap();
    });
}

fn restart(folder: &ServerFolder, server: Server) -> Server {
    server.kill();
    folder.start()
}

#[track_caller]
fn assert_gate(signer: &Signer, failures: u64, total: u64, locked: bool) -> u64 {
    let view = signer.json(&["keys", "show", &signer.key_id("sign")]);
    let pin = &view["server_view"]["pin"];
    assert_eq!(
        (&pin["failures"], &pin["total"], &pin["locked"]),
        (&Value::from(failures), &Value::from(total), &Value::from(locked))
    );
    pin["retry_s"].as_u64().unwrap()
}

#[test]
fn wrong_pins_are_counted_slowed_and_locked() {
    let folder = ServerFolder::on_file();
    let mut server = folder.start();
    let signer = Signer::with_keys(&folder, "quic");
    let _ = signer.write("a", b"a");
    let sign = ["sign", "a", "--force", "--json"];
    let wrong = || {
        let error = failed(&signer.run_with_pin(WRONG, &sign), 3);
        serde_json::from_str::<Value>(error.trim()).unwrap()["error"].clone()
    };

    // Counted: one wrong PIN is one, and a kill does not forget it. A right one starts the count anew.
    assert_eq!(wrong()["code"], "wrong_pin");
    assert_gate(&signer, 1, 1, false);
    server = restart(&folder, server);
    assert_gate(&signer, 1, 1, false);
    let report = signer.json(&["sign", "a", "--force"]);
    assert_eq!(report["pin_failures_before"], 1);
    assert_gate(&signer, 0, 1, false);

    // Slowed: after the fifth, not even the right PIN is looked at, also after a kill.
    for failures in 1..=5 {
        wrong();
        let retry_s = assert_gate(&signer, failures, 1 + failures, false);
        assert_eq!(retry_s > 0, failures == 5, "{failures}: {retry_s}");
        assert!(retry_s <= 60);
    }
    failed(&signer.run(&sign), 3);
    assert_gate(&signer, 5, 6, false);
    server = restart(&folder, server);
    failed(&signer.run(&sign), 3);
    assert_gate(&signer, 5, 6, false);

    // Locked: the tenth in a row, with every wait sat out.
    for (failures, wait) in [(6, 300), (7, 900), (8, 3600), (9, 86_400), (10, 0)] {
        server.kill();
        let_the_wait_pass(&folder);
        server = folder.start();
        let error = wrong();
        assert_eq!(error["code"], if failures == 10 { "pin_locked" } else { "wrong_pin" });
        let retry_s = assert_gate(&signer, failures, 1 + failures, failures == 10);
        assert!(retry_s <= wait && retry_s + 60 >= wait, "{failures}: {retry_s}");
    }
    failed(&signer.run(&sign), 4);
    server = restart(&folder, server);
    failed(&signer.run(&sign), 4);
    assert_gate(&signer, 10, 11, true);

    // The other key of the same device has counters of its own.
    let _ = signer.write("b", b"b");
    succeeded(&signer.run(&["encrypt", "b", "--to", "default"]));
    succeeded(&signer.run(&["decrypt", "b.p7", "--force"]));

    // The operator resets the counters; the key then waits for a new PIN and serves nothing else.
    let key_id = signer.key_id("sign");
    succeeded(&folder.admin(&["key", "unlock", &key_id]));
    assert_gate(&signer, 0, 0, false);
    failed(&signer.run(&sign), 4);

    server.stop();
    let audit = folder.audit();
    let refused: Vec<_> = audit
        .iter()
        .filter(|entry| entry["act"] == "sign")
        .filter_map(|entry| entry["result"].as_str())
        .collect();
    assert_eq!(refused.iter().filter(|result| **result == "E_PIN").count(), 11 + 2, "{refused:?}");
    succeeded(&folder.admin(&["audit", "verify"]));
}
