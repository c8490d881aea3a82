//! The program as an operator uses it: commands, output, exit codes.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::{
    io::{BufRead as _, BufReader},
    path::{Path, PathBuf},
    process::{Command, Output, Stdio},
};

use serde_json::Value;

struct Data {
    folder: tempfile::TempDir,
}

impl Data {
    fn path(&self) -> PathBuf {
        self.folder.path().join("data")
    }

    fn config(&self) -> PathBuf {
        self.path().join("cosign.toml")
    }

    fn init() -> Self {
        let data = Self { folder: tempfile::tempdir().unwrap() };
        let output = server(
            &["init", "--data", data.path().to_str().unwrap(), "--listen", "127.0.0.1:0"],
            Path::new("/nowhere"),
        );
        assert_eq!(output.status.code(), Some(0), "{}", text(&output.stderr));
        assert!(text(&output.stdout).contains("cosign-server serve --config"), "{}", text(&output.stdout));
        data
    }

    fn run(&self, args: &[&str]) -> Output {
        server(args, &self.config())
    }

    fn json(&self, args: &[&str]) -> Value {
        let output = self.run(args);
        assert_eq!(output.status.code(), Some(0), "{args:?}: {}", text(&output.stderr));
        serde_json::from_slice(&output.stdout).unwrap()
    }
}

fn server(args: &[&str], config: &Path) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_cosign-server"));
    command.args(args).env("COSIGN_CONFIG", config).output().unwrap()
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

#[test]
fn init_makes_a_folder_that_only_its_owner_reads_and_never_overwrites() {
    use std::os::unix::fs::PermissionsExt as _;
    let data = Data::init();
    let mode = |name: &str| data.path().join(name).metadata().unwrap().permissions().mode() & 0o777;
    assert_eq!(data.path().metadata().unwrap().permissions().mode() & 0o777, 0o700);
    for secret in ["master.key", "server.key", "ca.key", "cosign.db"] {
        assert_eq!(mode(secret), 0o600, "{secret}");
    }
    assert_eq!(std::fs::read(data.path().join("master.key")).unwrap().len(), 32);
    let again = server(&["init", "--data", data.path().to_str().unwrap()], &data.config());
    assert_eq!(again.status.code(), Some(1));
    assert!(text(&again.stderr).contains("never overwritten"), "{}", text(&again.stderr));
}

#[test]
fn commands_on_the_database() {
    let data = Data::init();
    let code = data.run(&["enrol-code", "new", "--uses", "3", "--ttl", "2h"]);
    assert_eq!(text(&code.stdout).trim().len(), 23);
    let code = data.json(&["enrol-code", "new", "--json"]);
    assert_eq!((&code["uses"], &code["ttl_s"]), (&1.into(), &86_400.into()));
    assert_eq!(data.json(&["key", "list", "--json"])["keys"], Value::Array(Vec::new()));

    let head = data.json(&["audit", "verify", "--json"]);
    assert_eq!(head["records"], 3);
    let noted = format!("3:{}", head["root"].as_str().unwrap());
    assert_eq!(data.run(&["audit", "verify", "--expect", &noted]).status.code(), Some(0));
    let shown = data.run(&["audit", "show", "--json"]);
    let acts: Vec<String> = text(&shown.stdout)
        .lines()
        .map(|line| serde_json::from_str::<Value>(line).unwrap()["act"].as_str().unwrap().to_owned())
        .collect();
    assert_eq!(acts, ["init", "enrolment-code", "enrolment-code"]);

    let version = data.json(&["version", "--json"]);
    assert_eq!(version["version"], env!("CARGO_PKG_VERSION"));
}

#[test]
fn the_master_key_is_rotated_and_replaced() {
    let data = Data::init();
    let rotated = data.json(&["master-key", "rotate", "--all", "--json"]);
    assert_eq!(rotated, serde_json::json!({ "newest": 2, "versions": [2], "resealed": 0 }));
    let shown = data.run(&["master-key", "rotate"]);
    assert!(text(&shown.stdout).contains("Wrapping key 3 is in use"), "{}", text(&shown.stdout));

    let new = data.path().join("new.key");
    let replaced = data.run(&["master-key", "replace", "--new", new.to_str().unwrap()]);
    assert_eq!(replaced.status.code(), Some(0), "{}", text(&replaced.stderr));
    assert_eq!(std::fs::read(&new).unwrap().len(), 32);
    let old = data.run(&["master-key", "rotate"]);
    assert_eq!(old.status.code(), Some(1));
    assert!(text(&old.stderr).contains("another master key"), "{}", text(&old.stderr));
    std::fs::rename(&new, data.path().join("master.key")).unwrap();
    assert_eq!(data.json(&["master-key", "rotate", "--json"])["newest"], 4);
}

#[test]
fn exit_codes() {
    let data = Data::init();
    let zeros = "0".repeat(32);
    for (args, code, words) in [
        (&["key", "show", &zeros][..], 4, "not found"),
        (&["key", "revoke", &zeros], 4, "not found"),
        (&["key", "unlock", &zeros], 4, "not found"),
        (&["key", "show", "xyz"], 2, "32 hexadecimal digits"),
        (&["enrol-code", "new", "--ttl", "soon"], 2, "invalid value"),
        (&["enrol-code", "new", "--uses", "0"], 2, "invalid value"),
        (&["dev", "--once"], 2, "--file"),
        (&["audit", "verify", "--expect", "1:00"], 2, "SIZE:ROOT"),
        (&["audit", "verify", "--expect", &format!("1:{}", "0".repeat(64))], 3, "not the one that was noted"),
        (&["serve", "--config", "/nowhere/cosign.toml"], 1, "cosign-server init"),
    ] {
        let output = data.run(args);
        assert_eq!(output.status.code(), Some(code), "{args:?}: {}", text(&output.stderr));
        assert!(text(&output.stderr).contains(words), "{args:?}: {}", text(&output.stderr));
    }
}

#[test]
fn serve_makes_neither_database_nor_master_key() {
    let data = Data::init();
    let master = data.path().join("master.key");
    std::fs::rename(&master, data.path().join("elsewhere")).unwrap();
    let output = data.run(&["serve"]);
    assert_eq!(output.status.code(), Some(1));
    assert!(text(&output.stderr).contains("master.key"), "{}", text(&output.stderr));
    assert!(!master.exists());
    std::fs::rename(data.path().join("elsewhere"), &master).unwrap();
    std::fs::remove_file(data.path().join("cosign.db")).unwrap();
    let output = data.run(&["serve"]);
    assert_eq!(output.status.code(), Some(1));
    assert!(text(&output.stderr).contains("cosign-server init"), "{}", text(&output.stderr));
    assert!(!data.path().join("cosign.db").exists());
}

#[test]
fn serve_serves_beside_the_operators_commands_and_stops_at_sigterm() {
    let data = Data::init();
    let mut serving = Command::new(env!("CARGO_BIN_EXE_cosign-server"))
        .args(["serve", "--config"])
        .arg(data.config())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut lines = BufReader::new(serving.stderr.take().unwrap()).lines();
    let mut logged = String::new();
    let started = loop {
        let line = lines.next().unwrap().unwrap();
        if line.contains("serving") {
            break line;
        }
        logged.push_str(&line);
    };
    assert!(started.contains("127.0.0.1:"), "{started}");
    let of_process = |file: &str| std::fs::read_to_string(format!("/proc/{}/{file}", serving.id())).unwrap();
    let line = |text: &str, name: &str| text.lines().find(|line| line.starts_with(name)).unwrap().to_owned();
    let core = line(&of_process("limits"), "Max core file size");
    assert_eq!(core.split_whitespace().skip(4).take(2).collect::<Vec<_>>(), ["0", "0"], "{core}");
    let locked = line(&of_process("status"), "VmLck");
    let locked_kib: u64 = locked.split_whitespace().nth(1).unwrap().parse().unwrap();
    // Without the right to lock memory the log says so instead.
    assert_eq!(locked_kib > 1024, logged.contains("memory is locked"), "{locked}: {logged}");
    assert!(locked_kib > 1024 || logged.contains("LimitMEMLOCK"), "{logged}");
    let second = data.run(&["serve"]);
    assert_eq!(second.status.code(), Some(1));
    assert!(text(&second.stderr).contains("another server"), "{}", text(&second.stderr));
    assert_eq!(data.run(&["enrol-code", "new"]).status.code(), Some(0));

    let killed = Command::new("kill").args(["-TERM", &serving.id().to_string()]).status().unwrap();
    assert!(killed.success());
    assert_eq!(serving.wait().unwrap().code(), Some(0));
    assert!(lines.any(|line| line.is_ok_and(|line| line.contains("stopped"))));
    assert_eq!(data.json(&["audit", "verify", "--json"])["records"], 2);
}
