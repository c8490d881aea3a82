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
    let rotated = data.json(&["rotate-key", "--all", "--json"]);
    assert_eq!(rotated, serde_json::json!({ "newest": 2, "versions": [2], "resealed": 0 }));
    let shown = data.run(&["rotate-key"]);
    assert!(text(&shown.stdout).contains("Wrapping key 3 is in use"), "{}", text(&shown.stdout));

    let new = data.path().join("new.key");
    let replaced = data.run(&["master-key", "replace", "--new", new.to_str().unwrap()]);
    assert_eq!(replaced.status.code(), Some(0), "{}", text(&replaced.stderr));
    assert_eq!(std::fs::read(&new).unwrap().len(), 32);
    let old = data.run(&["rotate-key"]);
    assert_eq!(old.status.code(), Some(1));
    assert!(text(&old.stderr).contains("another master key"), "{}", text(&old.stderr));
    std::fs::rename(&new, data.path().join("master.key")).unwrap();
    assert_eq!(data.json(&["rotate-key", "--json"])["newest"], 4);
}

#[test]
fn a_measurement_is_told_and_leaves_nothing_behind() {
    let data = Data::init();
    let files = || {
        let names = std::fs::read_dir(data.path()).unwrap().map(|entry| entry.unwrap().file_name());
        names.collect::<std::collections::BTreeSet<_>>()
    };
    let (before, head) = (files(), data.json(&["audit", "verify", "--json"]));
    let told = data.json(&["bench", "--seconds", "1", "--json"]);
    let number = |value: &Value| value.as_u64().unwrap();
    for name in ["threads", "computed_per_s", "committed_per_s", "carries_per_s"] {
        assert!(number(&told[name]) > 0, "{name}: {told}");
    }
    let fdatasync = &told["fdatasync"];
    assert!(
        number(&fdatasync["timed"]) > 0 && number(&fdatasync["p50_us"]) <= number(&fdatasync["p99_us"]),
        "{told}"
    );
    assert!(["computation", "disk", "writer"].contains(&told["bottleneck"].as_str().unwrap()), "{told}");
    assert_eq!(files(), before);
    assert_eq!(data.json(&["audit", "verify", "--json"]), head);
    for wrong in ["0", "61"] {
        assert_eq!(data.run(&["bench", "--seconds", wrong]).status.code(), Some(2), "{wrong}");
    }
}

const POINT: &str = "32c4ae2c1f1981195f9904466a39c9948fe30bbff2660be1715a4589334c74c7\
                     bc3736a2f4f6779c59bdcee36b692153d0a9877cc62a474002df32e52139f0a0";

/// As if devices had made them: a decryption key with a seat, and a third share that has not arrived.
fn add_keys(data: &Data) -> [String; 3] {
    use sqlx::Connection as _;
    let ids = ["01", "02", "03"].map(|byte| byte.repeat(16));
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let url = format!("sqlite://{}", data.path().join("cosign.db").display());
        let mut sql = sqlx::SqliteConnection::connect(&url).await.unwrap();
        let device = "INSERT INTO devices (device_id, name, enrolled_ms) VALUES (unhex(?), 'phone', 1)";
        sqlx::query(device).bind("09".repeat(32)).execute(&mut sql).await.unwrap();
        let rows = [("active", None, None, 0), ("active", Some(0), Some(&ids[0]), 1), ("arriving", Some(1), Some(&ids[0]), 0)];
        for (id, (status, kind, parent, seat)) in ids.iter().zip(rows) {
            let issued = "INSERT INTO key_ids (key_id, device_id, purpose, label, issued_ms, expires_ms, used_ms) \
                 SELECT unhex(?), device_id, 2, 'mail', 1, 2, 1 FROM devices";
            sqlx::query(issued).bind(id).execute(&mut sql).await.unwrap();
            let key = "INSERT INTO keys (key_id, device_id, suite, purpose, status, epoch, rid, public_key, created_ms, \
                 share, parent, parent_kind, seat) SELECT unhex(?1), device_id, 1, 2, ?2, 1, zeroblob(16), unhex(?3), \
                 unixepoch() * 1000, x'020000000100', unhex(?4), ?5, ?6 FROM devices";
            let key = sqlx::query(key).bind(id).bind(status).bind(POINT).bind(parent).bind(kind).bind(seat);
            key.execute(&mut sql).await.unwrap();
        }
        sql.close().await.unwrap();
    });
    ids
}

fn statuses(shown: &Value) -> Vec<(&str, &str)> {
    let keys = shown["keys"].as_array().unwrap().iter();
    keys.map(|key| (key["key_id"].as_str().unwrap(), key["status"].as_str().unwrap())).collect()
}

#[test]
fn shares_of_a_key_are_counted_frozen_and_revoked_together() {
    let data = Data::init();
    let [own, seat, arriving] = add_keys(&data);
    let shown = data.json(&["key", "seats", &own, "3", "--json"]);
    assert_eq!(shown["seats"], serde_json::json!({ "max": 3, "taken": 1 }));
    assert_eq!(data.run(&["key", "seats", &seat, "3"]).status.code(), Some(4));
    let shown = data.json(&["key", "show", &seat, "--json"]);
    assert_eq!((&shown["seat"], &shown["parent"]), (&true.into(), &own[..].into()));
    let listed = text(&data.run(&["key", "list"]).stdout);
    assert!(
        listed.contains(&format!("seat, split of {own}")) && listed.contains("1 of 3 seats taken"),
        "{listed}"
    );
    let refused = data.run(&["key", "freeze", &arriving]);
    assert_eq!(refused.status.code(), Some(4));
    assert!(text(&refused.stderr).contains("first refresh"), "{}", text(&refused.stderr));

    let frozen = data.json(&["key", "freeze", &seat, "--all-shares", "--json"]);
    assert_eq!(statuses(&frozen), [(&own[..], "suspended"), (&seat, "suspended")]);
    let revoked = data.json(&["key", "revoke", &own, "--all-shares", "--json"]);
    assert_eq!(statuses(&revoked), [&own, &seat, &arriving].map(|id| (&id[..], "revoked")));
    let log = data.run(&["audit", "show"]);
    let count = |act: &str| text(&log.stdout).lines().filter(|line| line.contains(act)).count();
    assert_eq!(
        (count("  seats "), count("  freeze "), count("  revoke ")),
        (1, 2, 3),
        "{}",
        text(&log.stdout)
    );
    assert_eq!(data.run(&["audit", "verify"]).status.code(), Some(0));
}

#[test]
fn a_recovered_key_gets_an_id_and_what_was_left_is_revoked() {
    let data = Data::init();
    let [own, seat, arriving] = add_keys(&data);
    let device = "09".repeat(32);
    let pem = data.path().join("key.pem");
    std::fs::write(
        &pem,
        "-----BEGIN PUBLIC KEY-----\n\
         MFkwEwYHKoZIzj0CAQYIKoEcz1UBgi0DQgAEMsSuLB8ZgRlfmQRGajnJlI/jC7/y\n\
         ZgvhcVpFiTNMdMe8Nzai9PZ3nFm9zuNraSFT0KmHfMYqR0AC3zLlITnwoA==\n\
         -----END PUBLIC KEY-----\n",
    )
    .unwrap();
    let recover = |key: &str, more: &[&str]| {
        let args = ["key", "recover", "--public-key", key, "--device", &device, "--label", "mail"];
        data.run(&[&args[..], more].concat())
    };
    let first = recover(POINT, &["--json"]);
    assert_eq!(first.status.code(), Some(0), "{}", text(&first.stderr));
    let first: Value = serde_json::from_slice(&first.stdout).unwrap();
    assert_eq!(first["key_id"].as_str().unwrap().len(), 32);
    let revoked = serde_json::json!({ "keys": first["revoked"] });
    assert_eq!(statuses(&revoked), [&own, &seat, &arriving].map(|id| (&id[..], "revoked")));
    let second = recover(pem.to_str().unwrap(), &["--suite", "F2", "--pin-mode", "oblivious"]);
    assert_eq!(
        (second.status.code(), text(&second.stdout).trim().len()),
        (Some(0), 32),
        "{}",
        text(&second.stderr)
    );

    for (key, more, words) in [
        ("00", &[][..], "X and Y"),
        ("/nowhere/key.pem", &[], "No such file"),
        (data.config().to_str().unwrap(), &[], "no PEM"),
        (POINT, &["--suite", "X"], "D and F2"),
        (POINT, &["--pin-mode", "X"], "base and oblivious"),
    ] {
        let refused = recover(key, more);
        assert_eq!(refused.status.code(), Some(2), "{key} {more:?}");
        assert!(text(&refused.stderr).contains(words), "{key} {more:?}: {}", text(&refused.stderr));
    }
    let stranger = "08".repeat(32);
    let args = ["key", "recover", "--public-key", POINT, "--device", &stranger, "--label", "mail"];
    let refused = data.run(&args);
    assert_eq!(refused.status.code(), Some(4));
    assert!(text(&refused.stderr).contains("not enrolled"), "{}", text(&refused.stderr));
}

#[test]
fn exit_codes() {
    let data = Data::init();
    let zeros = "0".repeat(32);
    for (args, code, words) in [
        (&["key", "show", &zeros][..], 4, "not found"),
        (&["key", "revoke", &zeros], 4, "not found"),
        (&["key", "unlock", &zeros], 4, "not found"),
        (&["key", "seats", &zeros, "1"], 4, "not found"),
        (&["key", "revoke", &zeros, "--all-shares"], 4, "not found"),
        (&["key", "seats", &zeros, "-1"], 2, "unexpected argument"),
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

/// Changes the database behind the program's back.
fn sql(data: &Data, statement: &'static str) {
    use sqlx::Connection as _;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let url = format!("sqlite://{}", data.path().join("cosign.db").display());
        let mut connection = sqlx::SqliteConnection::connect(&url).await.unwrap();
        sqlx::query(statement).execute(&mut connection).await.unwrap();
        connection.close().await.unwrap();
    });
}

#[test]
fn a_database_of_another_version_is_told_and_migrated_with_no_server_on_it() {
    let data = Data::init();
    let told = data.json(&["migrate", "--check", "--json"]);
    assert_eq!(
        (&told["pending"], &told["applied"], &told["database"]),
        (&Value::Array(Vec::new()), &false.into(), &told["program"])
    );
    // As it was before the newest migration that does more than add, which can be applied again.
    sql(&data, "DELETE FROM _sqlx_migrations WHERE version = 9");
    for args in [&["serve"][..], &["key", "list"], &["migrate", "--check"]] {
        let refused = data.run(args);
        assert_eq!(refused.status.code(), Some(1), "{args:?}");
        assert!(text(&refused.stderr).contains("cosign-server migrate"), "{}", text(&refused.stderr));
    }
    let server =
        std::fs::File::options().append(true).create(true).open(data.path().join("cosign.lock")).unwrap();
    server.lock().unwrap();
    let refused = data.run(&["migrate"]);
    assert_eq!(refused.status.code(), Some(1));
    assert!(text(&refused.stderr).contains("another server"), "{}", text(&refused.stderr));
    drop(server);
    let told = data.json(&["migrate", "--json"]);
    assert_eq!((told["pending"].as_array().unwrap().len(), &told["applied"]), (1, &true.into()));
    assert_eq!(data.run(&["migrate", "--check"]).status.code(), Some(0));
    assert_eq!(data.run(&["key", "list"]).status.code(), Some(0));

    sql(
        &data,
        "INSERT INTO _sqlx_migrations (version, description, success, checksum, execution_time) \
         VALUES (9999, 'contract all', TRUE, x'00', 0)",
    );
    for args in [&["serve"][..], &["migrate"], &["migrate", "--check"]] {
        let refused = data.run(args);
        assert_eq!(refused.status.code(), Some(1), "{args:?}");
        assert!(text(&refused.stderr).contains("newer cosign-server"), "{}", text(&refused.stderr));
    }
    sql(&data, "UPDATE _sqlx_migrations SET description = 'expand all' WHERE version = 9999");
    assert_eq!(data.run(&["key", "list"]).status.code(), Some(0));
    let told = data.json(&["migrate", "--check", "--json"]);
    assert_eq!(told["newer"][0]["additive"], true);
}

#[test]
fn the_doctor_finds_what_is_wrong() {
    use std::os::unix::fs::PermissionsExt as _;
    let data = Data::init();
    let findings = |output: &Output| -> Vec<Value> {
        text(&output.stdout).lines().map(|line| serde_json::from_str(line).unwrap()).collect()
    };
    let looked = data.run(&["doctor", "--json"]);
    assert_eq!(looked.status.code(), Some(0), "{}{}", text(&looked.stdout), text(&looked.stderr));
    let checks: Vec<_> =
        findings(&looked).iter().map(|one| one["check"].as_str().unwrap().to_owned()).collect();
    for check in ["folder", "certificate", "names", "listen", "schema", "sealed", "audit log", "clock"] {
        assert!(checks.iter().any(|one| one == check), "{check}: {checks:?}");
    }
    let key = data.path().join("master.key");
    std::fs::set_permissions(&key, std::fs::Permissions::from_mode(0o644)).unwrap();
    let looked = data.run(&["doctor", "--json"]);
    assert_eq!(looked.status.code(), Some(1));
    let wrong = findings(&looked).into_iter().find(|one| one["level"] == "error").unwrap();
    assert!(
        wrong["check"] == "master key" && wrong["next_step"].as_str().unwrap().contains("chmod 600"),
        "{wrong}"
    );
    let looked = data.run(&["doctor"]);
    assert!(text(&looked.stdout).contains("next: chmod 600"), "{}", text(&looked.stdout));
}

#[test]
fn a_restore_that_was_cut_off_is_done_again() {
    let data = Data::init();
    let backup = data.path().join("backup");
    let backup = backup.to_str().unwrap();
    assert_eq!(data.run(&["backup", "--out", backup]).status.code(), Some(0));
    // The database was moved away, and neither what belongs to it nor the backup has followed.
    std::fs::rename(data.path().join("cosign.db"), data.path().join("cosign.before-1")).unwrap();
    std::fs::write(data.path().join("cosign.db-wal"), b"of the one before").unwrap();
    std::fs::write(data.path().join("cosign.restoring"), b"half").unwrap();
    assert_eq!(data.run(&["serve"]).status.code(), Some(1), "there is no database to serve");
    let restored = data.run(&["restore", backup]);
    assert_eq!(restored.status.code(), Some(0), "{}", text(&restored.stderr));
    assert_eq!(data.run(&["check"]).status.code(), Some(0));
    let wal = std::fs::read(data.path().join("cosign.db-wal")).unwrap_or_default();
    assert!(!wal.starts_with(b"of the one before"));
    assert!(!data.path().join("cosign.restoring").exists());
}

#[test]
fn init_that_fails_half_way_leaves_nothing_behind() {
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().join("data");
    let at = data.to_str().unwrap();
    for (more, words) in [
        // Nobody listens there.
        (["--database", "postgres://cosign@127.0.0.1:1/none"], "database"),
        // No name of a host.
        (["--name", "\u{4e2d}"], "certificate"),
    ] {
        let failed = server(&[&["init", "--data", at][..], &more].concat(), Path::new("/nowhere"));
        assert_eq!(failed.status.code(), Some(1), "{more:?}");
        assert!(text(&failed.stderr).contains(words), "{}", text(&failed.stderr));
        assert!(!data.exists(), "{more:?}");
    }
    // What was there before stays.
    std::fs::create_dir(&data).unwrap();
    std::fs::write(data.join("mine"), b"kept").unwrap();
    let failed = server(
        &["init", "--data", at, "--database", "postgres://cosign@127.0.0.1:1/none"],
        Path::new("/nowhere"),
    );
    assert_eq!(failed.status.code(), Some(1));
    assert_eq!(std::fs::read(data.join("mine")).unwrap(), b"kept");
}
