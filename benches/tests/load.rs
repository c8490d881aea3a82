//! The program that measures what a server carries, so that it does not stop working unnoticed.
#![expect(clippy::unwrap_used, reason = "a failure is a failed test")]

use std::process::Command;

use serde_json::Value;

fn load(arguments: &[&str]) -> Vec<Value> {
    let load = Command::new(env!("CARGO_BIN_EXE_load")).arg("--json").args(arguments).output().unwrap();
    let text = String::from_utf8(load.stdout).unwrap();
    assert!(load.status.success(), "{text}\n{}", String::from_utf8_lossy(&load.stderr));
    text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

#[track_caller]
fn assert_figures(row: &Value, names: &[&str]) {
    for name in names {
        assert!(row[name].as_f64().is_some_and(|figure| figure > 0.0), "{name}: {row}");
    }
}

#[test]
fn every_operation_gives_a_line_of_figures() {
    let rows = load(&["--signatures", "64"]);
    let names: Vec<_> = rows.iter().map(|row| row["op"].as_str().unwrap()).collect();
    assert_eq!(names, ["framed_single", "framed_batch64", "h3_single", "h2_batch64"]);
    for row in &rows {
        let names = ["rate_per_core", "p50_ms", "p99_ms", "echo_rate_per_core", "signer_rate_per_core"];
        assert_figures(row, &names);
        assert!(row["p50_ms"].as_f64() <= row["p99_ms"].as_f64(), "{row}");
    }
}

#[test]
fn idle_connections_are_counted_and_weighed() {
    let row = &load(&["--idle", "300"])[0];
    assert_eq!(row["connections"], 300);
    assert!(row["resident_mib"].as_f64() >= row["resident_mib_without"].as_f64(), "{row}");
    assert_figures(row, &["handshakes_per_core"]);
}

#[test]
fn overload_is_offered_and_health_asked_meanwhile() {
    let row = &load(&["--overload", "--seconds", "1", "--signatures", "64"])[0];
    assert_eq!(row["op"], "overload");
    assert_figures(
        row,
        &["peak_per_core", "peak_per_s", "p99_ms_at_70", "offered_per_s", "goodput_per_s", "health_worst_ms"],
    );
    assert_figures(row, &["resident_mib_before", "resident_mib_after"]);
}

#[test]
fn a_start_with_many_keys_ends_in_a_signature() {
    let row = &load(&["--start", "100"])[0];
    assert_eq!((&row["op"], &row["keys"]), (&"start".into(), &100.into()));
    // Those of every key, and more.
    assert!(row["records"].as_u64() > Some(300), "{row}");
    assert_figures(row, &["listening_ms", "resident_mib", "resident_mib_signed"]);
    assert!(row["listening_ms"].as_f64() < row["first_signature_ms"].as_f64(), "{row}");
}

#[test]
fn a_wrong_argument_is_told_what_there_is() {
    let wrong = Command::new(env!("CARGO_BIN_EXE_load")).arg("--faster").output().unwrap();
    assert_eq!(wrong.status.code(), Some(2));
    assert!(String::from_utf8_lossy(&wrong.stderr).contains("OPERATION"));
}
