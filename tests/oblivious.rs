//! Keys in oblivious mode as their users have them.
#![expect(clippy::unwrap_used, reason = "a failure is a failed test")]

use std::{
    fs,
    process::{Output, Stdio},
};

use cosign_client::transfer;
use cosign_tests::process::{PIN, ServerFolder, Signer, failed, succeeded, wait_for};
use serde_json::Value;

const NEW: &str = "161803";
const WRONG: &str = "314159";

fn signer(folder: &ServerFolder, transport: &'static str, suite: &str) -> Signer {
    let signer = Signer::new(folder, transport);
    let code = folder.enrolment_code();
    let keygen = ["--enrol-code", &code, "--pin-mode", "oblivious", "--suite", suite];
    succeeded(&signer.keygen(&keygen).output().unwrap());
    let _ = signer.write("a", b"a");
    signer
}

fn sign(signer: &Signer, pin: &str, key_id: &str) -> Output {
    signer.run_with_pin(pin, &["sign", "a", "--key", key_id, "--force", "--json"])
}

/// Signs; the wrong PINs before.
fn signs(signer: &Signer, pin: &str, key_id: &str) -> Value {
    let report: Value = serde_json::from_str(&succeeded(&sign(signer, pin, key_id))).unwrap();
    succeeded(&signer.run(&["verify", "a", "--key", key_id]));
    report["pin_failures_before"].clone()
}

/// Wrong PINs since the last success and in all, as the operator sees them.
fn wrong_pins(folder: &ServerFolder, key_id: &str) -> [Value; 2] {
    let shown = folder.admin_json(&["key", "show", key_id]);
    ["failures", "total"].map(|name| shown[0]["pin"][name].clone())
}

fn change_pin(signer: &Signer, old: &str, new: &str) {
    let mut command = signer.command(&["pin", "change", "--purpose", "sign"]);
    succeeded(&command.env("SMSIGN_PIN", old).env("SMSIGN_NEW_PIN", new).output().unwrap());
}

#[test]
fn a_key_signs_decrypts_and_changes_its_pin() {
    for (transport, suite) in [("quic", "d"), ("http2", "f2")] {
        let folder = ServerFolder::new();
        let server = folder.start();
        let signer = signer(&folder, transport, suite);
        let key_id = signer.key_id("sign");
        let shown = signer.json(&["keys", "show", &key_id]);
        assert_eq!(
            (&shown["pin_mode"], &shown["server_view"]["pin_mode"]),
            (&"oblivious".into(), &"oblivious".into())
        );
        assert_eq!(signs(&signer, PIN, &key_id), 0);
        succeeded(&signer.run(&["encrypt", "a", "--to", "default"]));
        succeeded(&signer.run(&["decrypt", "a.p7", "--out", "opened"]));
        assert_eq!(fs::read(signer.folder().join("opened")).unwrap(), b"a");

        failed(&sign(&signer, WRONG, &key_id), 3);
        assert_eq!(wrong_pins(&folder, &key_id), [1, 1], "counted once");
        assert_eq!(signs(&signer, PIN, &key_id), 1, "the owner hears of it");
        assert_eq!(wrong_pins(&folder, &key_id), [0, 1]);
        // Nothing is left to sign, so nothing is asked of the server.
        succeeded(&signer.run_with_pin(WRONG, &["sign", "a", "--key", &key_id, "--resume"]));

        change_pin(&signer, PIN, NEW);
        assert_eq!(wrong_pins(&folder, &key_id), [0, 0]);
        assert_eq!(signs(&signer, NEW, &key_id), 0);
        failed(&sign(&signer, PIN, &key_id), 3);
        succeeded(&signer.run_with_pin(NEW, &["refresh", &key_id]));
        assert_eq!(signs(&signer, NEW, &key_id), 0);
        assert_eq!(signer.json(&["keys", "show", &key_id])["server_view"]["epoch"], 3);
        server.stop();
        succeeded(&folder.admin(&["audit", "verify"]));
    }
}

/// Requests that cannot be served before the PIN is changed use no attempt up.
#[test]
fn an_unlocked_key_takes_a_new_pin_first() {
    let folder = ServerFolder::new();
    let server = folder.start();
    let signer = signer(&folder, "quic", "d");
    let key_id = signer.key_id("sign");
    succeeded(&folder.admin(&["key", "unlock", &key_id]));
    for _ in 0..2 {
        let refused = failed(&sign(&signer, PIN, &key_id), 4);
        assert!(refused.contains("pin change"), "{refused}");
    }
    assert_eq!(wrong_pins(&folder, &key_id), [0, 0]);
    change_pin(&signer, PIN, NEW);
    assert_eq!(signs(&signer, NEW, &key_id), 0);
    server.stop();
}

#[test]
fn commands_at_once_leave_no_wrong_pin() {
    let folder = ServerFolder::new();
    let server = folder.start();
    let signer = signer(&folder, "quic", "d");
    let key_id = signer.key_id("sign");
    let names: Vec<String> = (0..6).map(|number| format!("file{number}")).collect();
    let start = |name: &String| {
        let _ = signer.write(name, name.as_bytes());
        let mut command = signer.command(&["sign", name, "--key", &key_id]);
        command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap()
    };
    let children: Vec<_> = names.iter().map(start).collect();
    for child in children {
        succeeded(&child.wait_with_output().unwrap());
    }
    assert_eq!(wrong_pins(&folder, &key_id), [0, 0]);
    server.stop();
}

#[test]
fn a_key_stays_in_its_mode_when_it_moves() {
    let folder = ServerFolder::new();
    let server = folder.start();
    let old = signer(&folder, "quic", "d");
    let key_id = old.key_id("sign");
    let new = Signer::new(&folder, "quic");
    let _ = new.write("a", b"a");
    let code = folder.enrolment_code();
    let receive = ["receive", &key_id, "--enrol-code", &code, "--request", "request", "--reply", "reply"];
    let mut receive = new.at_server(&[&receive[..], &["--json"]].concat());
    let receive = receive.env("SMSIGN_PIN", NEW).stdout(Stdio::piped()).stderr(Stdio::piped());
    let receiving = receive.spawn().unwrap();
    let request = new.folder().join("request");
    let invitation = wait_for("the invitation", || {
        fs::read_to_string(&request).ok().and_then(|text| transfer::parse_invitation(&text).ok())
    });
    let (code, invitation) = (invitation.check_code(), transfer::invitation_text(&invitation));
    let handover = old.run(&["move", "--to", &invitation, "--check", &code, "--json"]);
    let handover: Value = serde_json::from_str(&succeeded(&handover)).unwrap();
    // Appears whole.
    let part = new.write("reply.part", handover["share"].as_str().unwrap().as_bytes());
    fs::rename(part, new.folder().join("reply")).unwrap();
    let report = succeeded(&receiving.wait_with_output().unwrap());
    let report: Value = serde_json::from_str(&report).unwrap();
    assert_eq!(report["keys"][0]["pin_mode"], "oblivious");

    let moved = report["keys"][0]["key_id"].as_str().unwrap();
    assert_eq!(signs(&new, NEW, moved), 0);
    assert_eq!(wrong_pins(&folder, moved), [0, 0]);
    failed(&sign(&new, WRONG, moved), 3);
    failed(&sign(&old, PIN, &key_id), 4);
    server.stop();
    succeeded(&folder.admin(&["audit", "verify"]));
}
