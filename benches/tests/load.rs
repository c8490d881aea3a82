//! The program that measures what a server carries, so that it does not stop working unnoticed.

use std::process::Command;

use serde_json::Value;

#[test]
fn every_operation_gives_a_line_of_figures() {
    let load =
        Command::new(env!("CARGO_BIN_EXE_load")).args(["--json", "--signatures", "64"]).output().unwrap();
    let text = String::from_utf8(load.stdout).unwrap();
    assert!(load.status.success(), "{text}\n{}", String::from_utf8_lossy(&load.stderr));
    let rows: Vec<Value> = text.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let names: Vec<_> = rows.iter().map(|row| row["op"].as_str().unwrap()).collect();
    assert_eq!(names, ["framed_single", "framed_batch64", "h3_single", "h2_batch64"]);
    for row in &rows {
        for name in ["rate_per_core", "p50_ms", "p99_ms", "echo_rate_per_core", "signer_rate_per_core"] {
            assert!(row[name].as_f64().is_some_and(|figure| figure > 0.0), "{name}: {row}");
        }
        assert!(row["p50_ms"].as_f64() <= row["p99_ms"].as_f64(), "{row}");
    }
    let idle = Command::new(env!("CARGO_BIN_EXE_load")).args(["--json", "--idle", "300"]).output().unwrap();
    let row: Value = serde_json::from_slice(&idle.stdout).unwrap();
    assert_eq!(row["connections"], 300);
    assert!(row["resident_mib"].as_f64() >= row["resident_mib_without"].as_f64(), "{row}");
    assert!(row["handshakes_per_core"].as_f64().is_some_and(|rate| rate > 0.0), "{row}");
    let wrong = Command::new(env!("CARGO_BIN_EXE_load")).arg("--faster").output().unwrap();
    assert_eq!(wrong.status.code(), Some(2));
    assert!(String::from_utf8_lossy(&wrong.stderr).contains("OPERATION"));
}
