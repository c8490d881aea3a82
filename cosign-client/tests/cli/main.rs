//! The built binary, without a server: arguments, exit codes, output, files.

#![expect(clippy::unwrap_used, reason = "a test that cannot set itself up has failed")]

mod authority;
mod bids;
mod certificates;
mod desk;
mod envelopes;
mod keys;
mod messages;

use std::{
    fs,
    path::{Path, PathBuf},
};

use cosign_client::{NewKeyInfo, Store, StoredKey, Trust, transfer};
use cosign_core::{DeviceId, KeyId, LocalRecord, MIN_ITERATIONS, split::Receiver};
use getrandom::SysRng;
use serde_json::Value;
use sm_primitives::sm2::{DistId, PrivateKey, PublicKey, dsa};

use crate::desk::{Desk, checked};

const KEY: &str = "05050505050505050505050505050505";

fn sign(key: &PrivateKey, distid: &DistId, message: &[u8]) -> sm_primitives::sm2::Signature {
    dsa::sign(key, distid, message, &mut SysRng).unwrap()
}

#[test]
fn help_documents_pin_and_exit_codes() {
    let help = String::from_utf8(Desk::new().expect(0, &["--help"]).stdout).unwrap();
    for text in [
        "Exit codes:",
        "130  interrupted",
        "SMSIGN_PIN",
        "--pin-file",
        "SMSIGN_KEY_PASSWORD",
        "--password-file",
        "--json",
    ] {
        assert!(help.contains(text), "{text}");
    }
    Desk::new().expect(0, &["--version"]);
}

#[test]
fn wrong_usage_is_2() {
    let desk = Desk::new();
    desk.write("a", "a");
    for arguments in [
        &[][..],
        &["sing"],
        &["sign"],
        &["sign", "--pin", "271828", "a"],
        &["sign", "a", "--format", "pem"],
        &["sign", ".."],
        &["sign", "--digests", "list", "a"],
        &["sign", "--digests", "list", "--resume"],
        &["verify", "a", "--sig", "x", "--sig", "y", "--public", "k"],
        &["verify", "a", "--key", "k", "--public", "p"],
        &["decrypt", "a", "-o", "b", "--key", "k", "--private-key", "p"],
        &["decrypt", "a"],
        &["encrypt", "a"],
        &["--transport", "tcp", "status"],
        &["keygen", "--server", "localhost:1"],
        &["keygen", "--server", "localhost", "--ca", "x"],
        &["keygen", "--label", ""],
        &["keygen"],
        &["status"],
        &["receive"],
        &["receive", "0102"],
        &["receive", KEY],
        &["receive", KEY, "--label", ""],
        &["receive", KEY, "--pin", "271828"],
        &["move"],
        &["share", "default"],
        &["recover"],
        &["recover", "default"],
        &["recover", KEY],
        &["forget"],
    ] {
        desk.expect(2, arguments);
    }
}

#[test]
fn a_weak_or_malformed_pin_never_reaches_the_server() {
    let desk = Desk::new();
    let ca = ca_file(&desk);
    let keygen = ["--json", "keygen", "--server", "127.0.0.1:1", "--ca", ca.to_str().unwrap()];
    for (pin, code) in [
        ("123456", "weak_pin"),
        ("000000", "weak_pin"),
        ("121212", "weak_pin"),
        ("12345", "pin_format"),
        ("27182x", "pin_format"),
    ] {
        let output = desk.command(&keygen).env("SMSIGN_PIN", pin).output().unwrap();
        let error: Value = serde_json::from_slice(&checked(2, &keygen, output).stderr).unwrap();
        assert_eq!(error["error"]["code"], code, "{pin}");
        assert!(!error.to_string().contains(pin), "the PIN is not repeated");
    }
    // The file is asked before the variable; its line end is not part of the PIN.
    let pin_file = desk.write("pin", "654321\n");
    let arguments = [&keygen[..], &["--pin-file", pin_file.to_str().unwrap()]].concat();
    let output = desk.command(&arguments).env("SMSIGN_PIN", "271828").output().unwrap();
    let stderr = String::from_utf8(checked(2, &arguments, output).stderr).unwrap();
    assert!(stderr.contains("weak_pin"), "{stderr}");
}

#[test]
fn nobody_there_is_6() {
    let desk = Desk::new();
    let ca = ca_file(&desk);
    let server = ["--server", "127.0.0.1:1", "--ca", ca.to_str().unwrap()];
    let keygen = [&["--transport", "http2", "keygen"], &server[..]].concat();
    let output = desk.command(&keygen).env("SMSIGN_PIN", "271828").output().unwrap();
    let stderr = String::from_utf8(checked(6, &keygen, output).stderr).unwrap();
    assert!(stderr.contains("cannot reach 127.0.0.1:1"), "{stderr}");
    assert!(desk.json(0, &["keys", "list"])["keys"].as_array().unwrap().is_empty());

    let status = desk.json(6, &[&["--transport", "http2", "status"], &server[..]].concat());
    assert_eq!(status["servers"][0]["reachable"], false);
}

#[test]
fn a_missing_key_or_file_is_7() {
    let desk = Desk::new();
    desk.write("a", "a");
    let error = desk.json_error(7, &["sign", "a"]);
    assert_eq!(error["code"], "no_such_key");
    assert!(error["next_step"].as_str().unwrap().contains("keygen"));
    desk.expect(7, &["sign", "missing"]);
    desk.expect(7, &["keys", "show", "x"]);
    desk.expect(7, &["pin", "change"]);
    desk.expect(7, &["refresh", "x"]);
    desk.expect(7, &["forget", "x"]);
    desk.expect(7, &["move", "--to", "@missing", "--check", "0"]);
    desk.expect(7, &["encrypt", "a", "--to", "nobody"]);
    desk.expect(7, &["verify", "a", "--public", "missing.pem"]);
    desk.expect(7, &["decrypt", "missing", "-o", "b"]);
}

#[cfg(unix)]
#[test]
fn a_store_open_to_others_is_10() {
    use std::os::unix::fs::PermissionsExt;

    let desk = Desk::new();
    desk.expect(0, &["keys", "list"]);
    fs::set_permissions(desk.path("store"), fs::Permissions::from_mode(0o755)).unwrap();
    assert_eq!(desk.json_error(10, &["keys", "list"])["code"], "store_permissions");
}

#[test]
fn five_hundred_files_verify_in_one_command() {
    let desk = Desk::new();
    let key = desk.key_pair("signer");
    let distid = DistId::default();
    let files: Vec<String> = (0..500).map(|i| format!("files/{i}.txt")).collect();
    for (i, file) in files.iter().enumerate() {
        desk.write(file, format!("file {i}"));
        let signature = sign(&key, &distid, format!("file {i}").as_bytes());
        // Both forms in one batch.
        let bytes = if i % 2 == 0 { signature.to_der() } else { signature.to_bytes().to_vec() };
        desk.write(&format!("{file}.sig"), bytes);
    }
    let mut arguments = vec!["verify", "--public", "signer.pem"];
    arguments.extend(files.iter().map(String::as_str));
    let report = desk.json(0, &arguments);
    assert_eq!((report["valid"].as_u64(), report["invalid"].as_u64()), (Some(500), Some(0)));

    desk.write(&files[7], "changed");
    fs::remove_file(desk.path(&format!("{}.sig", files[8]))).unwrap();
    desk.write(&format!("{}.sig", files[9]), "no signature");
    fs::remove_file(desk.path(&files[10])).unwrap();
    fs::copy(desk.path(&format!("{}.sig", files[11])), desk.path(&format!("{}.sig", files[12]))).unwrap();
    let report = desk.json(1, &arguments);
    assert_eq!((report["valid"].as_u64(), report["invalid"].as_u64()), (Some(495), Some(5)));
    let invalid: Vec<&str> = report["results"]
        .as_array()
        .unwrap()
        .iter()
        .filter(|verdict| verdict["valid"] == false)
        .map(|verdict| verdict["file"].as_str().unwrap())
        .collect();
    assert_eq!(invalid, [&files[7], &files[8], &files[9], &files[10], &files[12]]);
}

#[test]
fn signatures_are_found_where_they_were_put() {
    let desk = Desk::new();
    let key = desk.key_pair("signer");
    let signature = sign(&key, &DistId::default(), b"text").to_der();
    desk.write("a.txt", "text");
    desk.write("elsewhere.sig", &signature);
    desk.write("out/a.txt.sig", &signature);
    let public = ["--public", "signer.pem"];
    desk.expect(0, &[&["verify", "a.txt", "elsewhere.sig"], &public[..]].concat());
    desk.expect(0, &[&["verify", "a.txt", "--sig", "elsewhere.sig"], &public[..]].concat());
    desk.expect(0, &[&["verify", "a.txt", "--dir", "out"], &public[..]].concat());
    desk.expect(1, &[&["verify", "a.txt"], &public[..]].concat());

    // Another signer, another distinguishing id.
    desk.key_pair("other");
    desk.expect(1, &["verify", "a.txt", "elsewhere.sig", "--public", "other.pem"]);
    desk.expect(1, &["verify", "a.txt", "elsewhere.sig", "--public", "signer.pem", "--distid", "alice"]);
    desk.write("b.sig", sign(&key, &DistId::new(b"alice").unwrap(), b"text").to_der());
    desk.expect(0, &["verify", "a.txt", "b.sig", "--public", "signer.pem", "--distid", "alice"]);
    desk.expect(9, &["verify", "a.txt", "b.sig", "--public", "a.txt"]);
}

/// The bytes of a record of epoch 2 that no device made.
fn record(public_key: &PublicKey) -> Vec<u8> {
    let mut bytes = vec![1, 1, 1];
    bytes.extend(KEY.parse::<KeyId>().unwrap().as_bytes());
    bytes.extend(2_u32.to_be_bytes());
    bytes.extend([7; 16]);
    bytes.extend(public_key.as_point().to_bytes());
    bytes.extend([8; 16]);
    bytes.push(1);
    bytes.extend(MIN_ITERATIONS.to_be_bytes());
    bytes.extend([9; 32]);
    bytes.extend([0; 32]);
    bytes
}

/// A store with a key that has not arrived.
fn with_arriving_key(desk: &Desk) {
    let store = Store::open(&desk.path("store")).unwrap();
    store.device_or_new().unwrap();
    let public_key = *PrivateKey::generate(&mut SysRng).unwrap().public_key();
    let info = NewKeyInfo {
        label: "a",
        server: &"127.0.0.1:1".parse().unwrap(),
        trust: &Trust::from_file(&ca_file(desk)).unwrap(),
        distid: "1234567812345678",
        created_ms: 1,
    };
    let record = LocalRecord::from_bytes(&record(&public_key)).unwrap();
    store.insert(&StoredKey::new(record, info)).unwrap();
}

#[test]
fn a_key_that_has_not_arrived_is_listed_and_can_be_forgotten() {
    let desk = Desk::new();
    with_arriving_key(&desk);
    let list = desk.json(0, &["keys", "list"]);
    assert_eq!((&list["keys"][0]["arriving"], &list["keys"][0]["active"]), (&true.into(), &false.into()));
    let show = String::from_utf8(desk.expect(0, &["keys", "show", "--offline"]).stdout).unwrap();
    assert!(show.contains(&format!("smsign refresh {KEY}")), "{show}");

    let output = desk.command(&["--json", "pin", "change"]).env("SMSIGN_PIN", "271828").output().unwrap();
    let error: Value = serde_json::from_slice(&checked(4, &[], output).stderr).unwrap();
    assert_eq!(error["error"]["code"], "arrival_unconfirmed", "the PIN changes after that");

    let status = desk.expect(6, &["--transport", "http2", "status"]);
    assert!(String::from_utf8(status.stdout).unwrap().contains("has not arrived"));
    assert!(String::from_utf8(status.stderr).unwrap().contains(&format!("`smsign refresh {KEY}`")));

    // Whether the server serves it is asked first.
    desk.expect(6, &["--transport", "http2", "forget", "a"]);
    assert_eq!(desk.json(0, &["keys", "list"])["keys"].as_array().unwrap().len(), 1);
    assert_eq!(desk.json(0, &["forget", "a", "--force"])["key_id"], KEY);
    assert!(desk.json(0, &["keys", "list"])["keys"].as_array().unwrap().is_empty());
}

#[test]
fn a_key_is_handed_over_to_a_checked_invitation_only() {
    let desk = Desk::new();
    with_arriving_key(&desk);
    let invitation = |of: KeyId| {
        let new = KeyId::from_bytes([3; 16]);
        let receiver = Receiver::new(of, new, DeviceId::from_bytes([4; 32]), &mut SysRng).unwrap();
        receiver.invitation().clone()
    };
    let good = invitation(KEY.parse().unwrap());
    let (text, code) = (transfer::invitation_text(&good), good.check_code());
    let foreign = transfer::invitation_text(&invitation(KeyId::from_bytes([9; 16])));
    desk.write("invitation", format!("{text}\n"));
    for (command, code_of) in [("move", &code), ("share", &code.to_uppercase())] {
        assert_eq!(desk.json_error(9, &[command, "--to", "junk"])["code"], "bad_text");
        assert_eq!(desk.json_error(9, &[command, "--to", &text[..100]])["code"], "bad_text");
        assert_eq!(desk.json_error(7, &[command, "--to", &foreign])["code"], "no_such_key");
        desk.expect(7, &[command, "b", "--to", &text, "--check", &code]);
        let unasked = desk.json_error(2, &[command, "--to", "@invitation"]);
        assert!(unasked["message"].as_str().unwrap().contains("--check"), "{unasked}");
        let other = invitation(KEY.parse().unwrap()).check_code();
        let exchanged = desk.json_error(2, &[command, "a", "--to", &text, "--check", &other]);
        assert!(exchanged["message"].as_str().unwrap().contains("check code"), "{exchanged}");
        // With the right code it gets as far as the PIN, and with that as far as the server, for what was cut off.
        let arguments = [command, "a", "--to", "@invitation", "--check", code_of, "--transport", "http2"];
        let asks = desk.json_error(2, &arguments);
        assert!(asks["message"].as_str().unwrap().contains("PIN"), "{asks}");
    }
}

#[test]
fn what_would_be_overwritten_is_found_before_anything_is_asked() {
    let desk = Desk::new();
    let ca = ca_file(&desk);
    desk.write("request", "precious");
    let server = ["--request", "request", "--server", "127.0.0.1:1", "--ca", ca.to_str().unwrap()];
    for command in ["receive", "recover"] {
        desk.expect(8, &[&[command, KEY], &server[..]].concat());
    }
    assert_eq!(fs::read(desk.path("request")).unwrap(), b"precious");
}

/// A CA that vouches for nobody here.
fn ca_file(desk: &Desk) -> PathBuf {
    let key = rcgen::KeyPair::generate().unwrap();
    let ca = rcgen::CertificateParams::new(vec!["ca".into()]).unwrap().self_signed(&key).unwrap();
    let path = desk.write("ca.pem", ca.pem());
    assert!(Path::new(&path).exists());
    path
}
