//! Backups of a server's database, with the programs as an operator runs them.
#![expect(clippy::unwrap_used, reason = "a failure is a failed test")]

use std::{
    fs,
    os::unix::fs::PermissionsExt as _,
    process::{Command, Stdio},
};

use cosign_tests::process::{ServerFolder, Signer, failed, program, succeeded, wait_for};

fn statuses(folder: &ServerFolder) -> Vec<(String, String)> {
    let listed = folder.admin_json(&["key", "list"]);
    let word = |key: &serde_json::Value, name: &str| key[name].as_str().unwrap().to_owned();
    listed[0]["keys"]
        .as_array()
        .unwrap()
        .iter()
        .map(|key| (word(key, "label"), word(key, "status")))
        .collect()
}

#[test]
fn a_backup_is_made_beside_a_server_tried_and_put_back() {
    let folder = ServerFolder::new();
    let server = folder.start();
    let signer = Signer::new(&folder, "quic");
    let keygen = |label: &str, more: &[&str]| {
        let purpose = ["--purpose", "sign", "--label", label];
        succeeded(&signer.keygen(&[&purpose[..], more].concat()).output().unwrap());
    };
    keygen("kept", &["--enrol-code", &folder.enrolment_code()]);
    keygen("revoked", &[]);
    let backup = folder.file("backup.db");
    let backup = backup.to_str().unwrap();
    let made = folder.admin_json(&["backup", "--out", backup]);
    assert!(made[0]["bytes"].as_u64().unwrap() > 0);
    assert_eq!(fs::metadata(backup).unwrap().permissions().mode() & 0o777, 0o600);
    let said = failed(&folder.admin(&["backup", "--out", backup]), 1);
    assert!(said.contains("exists"), "{said}");

    // What happens afterwards is not in it, but for what must never come undone.
    keygen("later", &[]);
    let key = &folder.admin_json(&["key", "list"])[0]["keys"][1]["key_id"];
    succeeded(&folder.admin(&["key", "revoke", key.as_str().unwrap()]));
    let before = folder.audit().len();
    let tombstones = fs::read(folder.file("tombstones")).unwrap();

    // To try it needs nothing to stop, and leaves nothing.
    let tried = folder.admin_json(&["restore", "--try", backup]);
    let sealed = "the audit key, the key of personal data, and the share that was not revoked since";
    assert_eq!(tried[0]["sealed"], 3, "{sealed}");
    assert_eq!(folder.audit().len(), before);
    assert_eq!(fs::read(folder.file("tombstones")).unwrap(), tombstones);
    let names = || -> Vec<String> {
        let entries = fs::read_dir(folder.data()).unwrap();
        entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect()
    };
    assert!(names().iter().all(|name| !name.contains("trying")), "{:?}", names());
    let said = failed(&folder.admin(&["restore", backup]), 1);
    assert!(said.contains("locked"), "{said}");

    // What is broken is found, and nothing changes.
    let mut bytes = fs::read(backup).unwrap();
    let middle = bytes.len() / 2;
    bytes[middle..middle + 4096].fill(0x5a);
    fs::write(folder.file("broken.db"), bytes).unwrap();
    fs::write(folder.file("nothing.db"), b"").unwrap();
    server.stop();
    for broken in ["broken.db", "nothing.db", "none.db"] {
        let broken = folder.file(broken);
        failed(&folder.admin(&["restore", broken.to_str().unwrap()]), 1);
    }
    assert_eq!(folder.audit().len(), before);

    succeeded(&folder.admin(&["restore", backup]));
    let expected = [("kept", "active"), ("revoked", "revoked")];
    let expected = expected.map(|(label, status)| (label.to_owned(), status.to_owned()));
    assert_eq!(statuses(&folder), expected);
    let checked = folder.admin_json(&["check"]);
    assert!(checked[0]["audit_records"].as_u64().unwrap() < before as u64);
    assert_eq!(names().iter().filter(|name| name.contains(".before-")).count(), 1, "{:?}", names());

    // What was answered before cannot be asked again: the server waits until no request of that time is good.
    let log = fs::File::create(folder.file("log")).unwrap();
    let mut waiting = Command::new(program("cosign-server"))
        .args(["serve", "--config"])
        .arg(folder.file("cosign.toml"))
        .stdin(Stdio::null())
        .stdout(log.try_clone().unwrap())
        .stderr(log)
        .spawn()
        .unwrap();
    wait_for("the server to say that it waits", || {
        let said = fs::read_to_string(folder.file("log")).unwrap();
        said.contains("no request from before the backup").then_some(())
    });
    assert!(std::net::TcpStream::connect(folder.address()).is_err());
    waiting.kill().unwrap();
    waiting.wait().unwrap();
}
