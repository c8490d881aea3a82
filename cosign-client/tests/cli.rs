//! The built binary, without a server: arguments, exit codes, output, files.

#![expect(clippy::unwrap_used, reason = "a test that cannot set itself up has failed")]

use std::{
    fs,
    path::{Path, PathBuf},
    process::{Command, Output, Stdio},
};

use cosign_client::{NewKeyInfo, Store, StoredKey, Trust, transfer};
use cosign_core::{DeviceId, KeyId, LocalRecord, MIN_ITERATIONS, split::Receiver};
use getrandom::SysRng;
use serde_json::Value;
use sm_primitives::sm2::{DistId, PrivateKey, PublicKey, dsa};
use tempfile::TempDir;

const KEY: &str = "05050505050505050505050505050505";

/// A folder to work in, with a key store of its own.
struct Desk {
    folder: TempDir,
}

impl Desk {
    fn new() -> Self {
        Self { folder: tempfile::tempdir().unwrap() }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn write(&self, name: &str, content: impl AsRef<[u8]>) -> PathBuf {
        let path = self.path(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(&path, content).unwrap();
        path
    }

    fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_smsign"));
        command.current_dir(self.folder.path()).args(arguments).stdin(Stdio::null());
        command.env_clear().env("SMSIGN_HOME", self.path("store"));
        command
    }

    fn run(&self, arguments: &[&str]) -> Output {
        self.command(arguments).output().unwrap()
    }

    /// Runs and checks the exit code.
    fn expect(&self, code: i32, arguments: &[&str]) -> Output {
        checked(code, arguments, self.run(arguments))
    }

    /// Runs with `--json` and gives the document.
    fn json(&self, code: i32, arguments: &[&str]) -> Value {
        let arguments = [&["--json"], arguments].concat();
        serde_json::from_slice(&self.expect(code, &arguments).stdout).unwrap()
    }

    /// Runs with `--json` and gives the error.
    fn json_error(&self, code: i32, arguments: &[&str]) -> Value {
        let arguments = [&["--json"], arguments].concat();
        let output = self.expect(code, &arguments);
        assert!(output.stdout.is_empty(), "no data on failure");
        let error: Value = serde_json::from_slice(&output.stderr).unwrap();
        assert_eq!(error["error"]["exit_code"], code);
        error["error"].clone()
    }

    /// A key pair as PEM files `NAME.key` and `NAME.pem`.
    fn key_pair(&self, name: &str) -> PrivateKey {
        let key = PrivateKey::generate(&mut SysRng).unwrap();
        self.write(&format!("{name}.key"), key.to_pkcs8_pem().as_bytes());
        self.write(&format!("{name}.pem"), key.public_key().to_spki_pem());
        key
    }
}

fn checked(code: i32, arguments: &[&str], output: Output) -> Output {
    let text = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(code), "{arguments:?}: {text}");
    output
}

fn sign(key: &PrivateKey, distid: &DistId, message: &[u8]) -> sm_primitives::sm2::Signature {
    dsa::sign(key, distid, message, &mut SysRng).unwrap()
}

#[test]
fn help_documents_pin_and_exit_codes() {
    let help = String::from_utf8(Desk::new().expect(0, &["--help"]).stdout).unwrap();
    for text in ["Exit codes:", "130  interrupted", "SMSIGN_PIN", "--pin-file", "--transport", "--json"] {
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

#[test]
fn a_file_goes_into_an_envelope_and_comes_back() {
    let desk = Desk::new();
    desk.key_pair("alice");
    desk.key_pair("bob");
    desk.key_pair("eve");
    for (name, length) in [("empty", 0), ("short", 15), ("block", 16), ("long", 300_001)] {
        let content: Vec<u8> = (0..length).map(|i| u8::try_from(i % 251).unwrap()).collect();
        desk.write(name, &content);
        let report = desk.json(0, &["encrypt", name, "--to", "alice.pem", "--to", "bob.pem"]);
        assert_eq!(report["recipients"].as_array().unwrap().len(), 2);
        let sealed = format!("{name}.p7");
        for who in ["alice", "bob"] {
            let out = format!("{name}.{who}");
            desk.expect(0, &["decrypt", &sealed, "-o", &out, "--private-key", &format!("{who}.key")]);
            assert_eq!(fs::read(desk.path(&out)).unwrap(), content, "{name}");
        }
        let eve = ["decrypt", &sealed, "-o", "eve.out", "--private-key", "eve.key"];
        assert_eq!(desk.json_error(7, &eve)["code"], "not_a_recipient");
        assert_eq!(desk.json_error(7, &["decrypt", &sealed, "-o", "eve.out"])["code"], "not_a_recipient");
        assert!(!desk.path("eve.out").exists());
    }
}

#[test]
fn a_broken_envelope_leaves_nothing() {
    let desk = Desk::new();
    desk.key_pair("alice");
    desk.write("plain", vec![7; 100_000]);
    desk.expect(0, &["encrypt", "plain", "--to", "alice.pem"]);
    let sealed = fs::read(desk.path("plain.p7")).unwrap();
    let before = fs::read_dir(desk.folder.path()).unwrap().count();
    for (name, broken) in [
        ("cut in the content", sealed[..sealed.len() / 2].to_vec()),
        ("cut in the header", sealed[..50].to_vec()),
        ("longer", [&sealed[..], b"x"].concat()),
        ("not an envelope", b"hello".to_vec()),
        ("empty", Vec::new()),
    ] {
        let path = desk.write("broken.p7", broken);
        let error = desk.json_error(9, &["decrypt", "broken.p7", "-o", "out", "--private-key", "alice.key"]);
        assert_eq!(error["code"], "envelope", "{name}");
        fs::remove_file(path).unwrap();
        assert_eq!(
            fs::read_dir(desk.folder.path()).unwrap().count(),
            before,
            "{name}: no file is left behind"
        );
    }
}

#[test]
fn what_exists_is_not_overwritten() {
    let desk = Desk::new();
    desk.key_pair("alice");
    desk.write("plain", "new");
    desk.write("plain.p7", "precious");
    assert_eq!(desk.json_error(8, &["encrypt", "plain", "--to", "alice.pem"])["code"], "exists");
    assert_eq!(fs::read(desk.path("plain.p7")).unwrap(), b"precious");
    desk.expect(0, &["encrypt", "plain", "--to", "alice.pem", "--force"]);

    desk.write("target", "precious");
    let decrypt = ["decrypt", "plain.p7", "-o", "target", "--private-key", "alice.key"];
    desk.expect(8, &decrypt);
    assert_eq!(fs::read(desk.path("target")).unwrap(), b"precious");
    desk.expect(0, &[&decrypt[..], &["--force"]].concat());
    assert_eq!(fs::read(desk.path("target")).unwrap(), b"new");
    // Without --out the name loses its .p7.
    desk.expect(8, &["decrypt", "plain.p7", "--private-key", "alice.key"]);
}

#[test]
fn keys_that_do_not_fit_are_refused() {
    let desk = Desk::new();
    desk.key_pair("alice");
    desk.write("plain", "x");
    desk.write("junk.pem", "-----BEGIN PUBLIC KEY-----\nAAAA\n-----END PUBLIC KEY-----\n");
    desk.expect(9, &["encrypt", "plain", "--to", "junk.pem"]);
    desk.expect(9, &["encrypt", "plain", "--to", "alice.key"]);
    desk.expect(0, &["encrypt", "plain", "--to", "alice.pem"]);
    desk.expect(9, &["decrypt", "plain.p7", "-o", "out", "--private-key", "alice.pem"]);
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

// ---- messages of other kinds, and other tools

/// The folder of other programs' files, where it is present.
fn samples() -> Option<PathBuf> {
    let folder = std::env::var_os("COSIGN_SAMPLES").map_or_else(
        || Path::new(env!("CARGO_MANIFEST_DIR")).join("../../shared/data/samples"),
        PathBuf::from,
    );
    if !folder.is_dir() {
        eprintln!("skipped: samples not present");
        return None;
    }
    Some(folder)
}

/// Runs with something on standard input.
fn piped(desk: &Desk, code: i32, arguments: &[&str], input: &[u8]) -> Output {
    use std::io::Write;

    let mut command = desk.command(arguments);
    let mut child =
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let mut stdin = child.stdin.take().unwrap();
    let input = input.to_vec();
    let writer = std::thread::spawn(move || drop(stdin.write_all(&input)));
    let output = checked(code, arguments, child.wait_with_output().unwrap());
    writer.join().unwrap();
    output
}

#[test]
fn authenticated_envelopes() {
    let desk = Desk::new();
    desk.key_pair("alice");
    desk.write("plain", vec![7; 300_000]);
    let report = desk.json(0, &["encrypt", "plain", "--to", "alice.pem", "--format", "gcm"]);
    assert_eq!(report["cipher"], "SM4-GCM");
    let report = desk.json(0, &["decrypt", "--key", "alice.key", "--in", "plain.p7", "--out", "back"]);
    assert_eq!((&report["cipher"], &report["content_type"]), (&"SM4-GCM".into(), &"envelopedData".into()));
    assert_eq!(fs::read(desk.path("back")).unwrap(), vec![7; 300_000]);
    let mut changed = fs::read(desk.path("plain.p7")).unwrap();
    let middle = changed.len() / 2;
    changed[middle] ^= 1;
    desk.write("changed.p7", changed);
    assert_eq!(desk.json_error(9, &["decrypt", "changed.p7", "--key", "alice.key"])["code"], "envelope");
    assert!(!desk.path("changed").exists());
}

#[test]
fn keys_in_hexadecimal_digits() {
    let desk = Desk::new();
    let key = desk.key_pair("alice");
    desk.write("alice.hex", hex::encode(key.expose_bytes().as_slice()) + "\n");
    desk.write("plain", "text");
    desk.expect(0, &["encrypt", "plain", "--to", "alice.pem"]);
    desk.expect(0, &["decrypt", "plain.p7", "--out", "back", "--private-key", "alice.hex"]);
    assert_eq!(fs::read(desk.path("back")).unwrap(), b"text");
    for wrong in ["00".repeat(32), "ff".repeat(32), "07".repeat(31), "x".repeat(64)] {
        desk.write("wrong.hex", wrong);
        desk.expect(9, &["decrypt", "plain.p7", "--out", "other", "--private-key", "wrong.hex"]);
    }
}

#[test]
fn envelopes_through_pipes() {
    let desk = Desk::new();
    desk.key_pair("alice");
    let plain = vec![7; 300_000];
    let sealed = piped(&desk, 0, &["encrypt", "-", "--to", "alice.pem"], &plain).stdout;
    let opened = piped(&desk, 0, &["decrypt", "-", "--key", "alice.key"], &sealed).stdout;
    assert!(opened == plain);
    piped(&desk, 0, &["decrypt", "-", "--out", "file", "--key", "alice.key"], &sealed);
    assert!(fs::read(desk.path("file")).unwrap() == plain);
    let inspected = piped(&desk, 0, &["--json", "inspect", "-"], &sealed).stdout;
    let report: Value = serde_json::from_slice(&inspected).unwrap();
    assert_eq!((&report["format"], &report["cipher"]), (&"message".into(), &"SM4-CBC".into()));
    piped(&desk, 9, &["decrypt", "-", "--key", "alice.key"], &sealed[..1000]);
    piped(&desk, 2, &["--json", "decrypt", "-", "--key", "alice.key"], &sealed);
}

#[test]
fn a_key_from_a_certification_authority() {
    let Some(samples) = samples() else { return };
    let desk = Desk::new();
    let file = samples.join("gmt0010/gmsm_signedAndEnveloped_1.p7.pem");
    let key = samples.join("gmt0010/gmsm_sae_sign_key.pem");
    let decrypt = ["decrypt", file.to_str().unwrap(), "--key", key.to_str().unwrap(), "--out", "d"];
    for strict in [&["--strict"][..], &["--compat", "no-z-content"]] {
        let error = desk.json_error(9, &[&decrypt[..], strict].concat());
        assert!(error["message"].as_str().unwrap().contains("SM4-ECB"), "{error}");
    }
    let report = desk.json(0, &decrypt);
    assert_eq!(report["content_type"], "signedAndEnvelopedData");
    assert_eq!(report["signatures"][0]["valid"], true);
    assert_eq!(report["signatures"][0]["rule"], "content");
    assert_eq!(report["tolerated"], serde_json::json!(["ecb-content", "empty-issuer"]));
    assert_eq!(fs::read(desk.path("d")).unwrap()[..32], [0; 32]);
    desk.expect(2, &[&decrypt[..], &["--compat", "everything"]].concat());
    desk.expect(2, &[&decrypt[..], &["--strict", "--compat", "ecb"]].concat());
}

/// A signature that does not verify: nothing is kept, exit code 1.
#[test]
fn a_signed_envelope_that_was_changed() {
    use envelope::cms::{Cipher, Dialect, Sealer, Signer, Signing};

    let Some(samples) = samples() else { return };
    let desk = Desk::new();
    let alice = desk.key_pair("alice");
    let certificate = fs::read(samples.join("gmt0010/gmssl/sign.pem")).unwrap();
    let digits = fs::read_to_string(samples.join("gmt0010/gmssl/private_keys_hex.txt")).unwrap();
    let digits = digits.lines().find_map(|line| line.strip_prefix("sign ")).unwrap();
    let key = PrivateKey::from_bytes(&hex::decode(digits).unwrap().try_into().unwrap()).unwrap();
    let signer = Signer::new(&certificate).unwrap();
    let mut signing = Signing::start(vec![signer], Dialect::Cfca, 100).unwrap();
    signing.update(&[7; 100]).unwrap();
    let unsigned = signing.finish().unwrap();
    let signature = dsa::sign_digest(&key, &unsigned.digests()[0], &mut SysRng).unwrap();
    let signed = unsigned.complete(&[signature]).unwrap();
    let to = envelope::Sm2Recipient::from_public_key(alice.public_key());
    let mut out = Vec::new();
    let mut sealer = Sealer::start_signed(Cipher::Cbc, &[&to], &signed, &mut SysRng, &mut out).unwrap();
    sealer.push(&[7; 100], &mut out).unwrap();
    sealer.finish(&mut out).unwrap();
    desk.write("good.p7", &out);
    let report = desk.json(0, &["decrypt", "good.p7", "--key", "alice.key"]);
    assert_eq!((&report["out"], &report["signatures"][0]["valid"]), (&"good".into(), &true.into()));

    // A bit of the initial vector is a bit of the first block.
    let iv =
        out.windows(9).position(|bytes| bytes == [0x2a, 0x81, 0x1c, 0xcf, 0x55, 1, 0x68, 4, 16]).unwrap() + 9;
    out[iv] ^= 1;
    desk.write("bad.p7", &out);
    let report = desk.json(1, &["decrypt", "bad.p7", "--key", "alice.key"]);
    assert_eq!((&report["out"], &report["signatures"][0]["valid"]), (&Value::Null, &false.into()));
    assert!(!desk.path("bad").exists());
}

#[test]
fn encrypted_data_with_a_key_that_is_at_hand() {
    use envelope::{
        ContentKey,
        cms::{Sealer, Sealing},
    };

    let desk = Desk::new();
    desk.key_pair("alice");
    let key = ContentKey::from_bytes(zeroize::Zeroizing::new(vec![7; 16])).unwrap();
    let mut out = Vec::new();
    let mut sealer = Sealer::start_encrypted(&Sealing::default(), &key, 4, &mut SysRng, &mut out).unwrap();
    sealer.push(b"text", &mut out).unwrap();
    sealer.finish(&mut out).unwrap();
    desk.write("a.p7", out);
    desk.write("key", "07".repeat(16));
    desk.expect(0, &["decrypt", "a.p7", "--content-key", "key"]);
    assert_eq!(fs::read(desk.path("a")).unwrap(), b"text");
    desk.expect(2, &["decrypt", "a.p7", "--out", "b", "--key", "alice.key"]);
    desk.write("other", "08".repeat(16));
    desk.expect(9, &["decrypt", "a.p7", "--out", "b", "--content-key", "other"]);
    desk.write("short", "07".repeat(15));
    desk.expect(9, &["decrypt", "a.p7", "--out", "b", "--content-key", "short"]);
}

#[test]
fn what_a_file_is() {
    let desk = Desk::new();
    let alice = desk.key_pair("alice");
    desk.write("plain", "text");
    desk.expect(0, &["encrypt", "plain", "--to", "alice.pem"]);
    let inspect = |name: &str| desk.json(0, &["inspect", name]);
    let envelope = inspect("plain.p7");
    assert_eq!(envelope["content_type"], "envelopedData");
    assert_eq!(envelope["encoding"], "DER");
    assert_eq!(envelope["ciphertext_length"], 16);
    let key_id = envelope["recipients"][0]["key_id"].clone();
    assert_eq!(inspect("alice.pem")["key_id"], key_id);
    let private = inspect("alice.key");
    assert_eq!((&private["format"], &private["encoding"]), (&"private key".into(), &"PEM".into()));
    assert_eq!(private["key_id"], key_id);
    let secret = hex::encode(alice.expose_bytes().as_slice());
    assert!(!private.to_string().contains(&secret), "no private part is shown");
    desk.write("key.der", &*alice.to_pkcs8_der());
    assert_eq!(inspect("key.der")["format"], "private key");
    desk.write("delivered", envelope::enveloped_key::seal(&alice, alice.public_key(), &mut SysRng).unwrap());
    let delivered = inspect("delivered");
    assert_eq!((&delivered["format"], &delivered["key_id"]), (&"SM2EnvelopedKey".into(), &key_id));

    desk.expect(0, &["seal-bid", "plain", "--model", "platform", "--to", "alice.pem", "--project", "P-7"]);
    let bid = inspect("plain.bid");
    assert_eq!((&bid["format"], &bid["encoding"]), (&"sealed bid".into(), &"binary".into()));
    assert_eq!(bid["bid"]["project"], "P-7");
    let sealed_bid = fs::read(desk.path("plain.bid")).unwrap();
    desk.write("cut.bid", &sealed_bid[..sealed_bid.len() - 1]);
    assert_eq!(desk.json_error(9, &["inspect", "cut.bid"])["code"], "bad_file");

    let text = String::from_utf8(desk.expect(0, &["inspect", "plain.p7"]).stdout).unwrap();
    assert!(text.contains("content type: envelopedData") && text.contains("SM4-CBC"), "{text}");
    // What is broken says so; what is nothing known is told apart.
    let sealed = fs::read(desk.path("plain.p7")).unwrap();
    desk.write("cut.p7", &sealed[..sealed.len() - 1]);
    assert_eq!(desk.json_error(9, &["inspect", "cut.p7"])["code"], "envelope");
    for (name, content) in [
        ("text", &b"hello"[..]),
        ("empty", b""),
        ("sequence", &[0x30, 0]),
        ("zeros", &[0; 100]),
        ("pdf", b"%PDF-1.7\n\xff"),
    ] {
        desk.write(name, content);
        let error = desk.json_error(9, &["inspect", name]);
        assert_eq!(error["code"], "bad_file", "{name}");
        assert!(error["message"].as_str().unwrap().contains("none of the known formats"), "{error}");
    }
    desk.expect(2, &["inspect", "."]);
    desk.expect(7, &["inspect", "missing"]);
}

#[test]
fn what_the_files_of_others_are() {
    let Some(samples) = samples() else { return };
    let desk = Desk::new();
    let inspect = |name: &str| desk.json(0, &["inspect", samples.join(name).to_str().unwrap()]);
    let signed = inspect("cms-openssl/ts_signed_cms.der");
    assert_eq!(signed["content_type"], "signedData");
    assert_eq!(signed["signers"][0]["subject"], "C=CN, O=Tongsuo, CN=cms signer");
    assert_eq!(signed["signers"][0]["signing_time"], "2026-11-21T22:01:48Z");
    assert_eq!(signed["signers"][0]["serial"], "7afd0e242df66c030438a99889d55e5d9335ebca");
    assert_eq!(signed["certificates"].as_array().unwrap().len(), 1);
    assert_eq!(signed["content_length"], 2200);
    let detached = inspect("gmt0010/cfca_sadkSignedDataDetach.p7");
    assert_eq!((&detached["detached"], &detached["quirks"][0]), (&true.into(), &"null-parameters".into()));
    let chain = inspect("gmt0010/gmsm_gmssl_certchain.p7.pem");
    assert_eq!(chain["signers"], serde_json::json!([]));
    assert_eq!(chain["certificates"].as_array().unwrap().len(), 2);
    let sealed = inspect("gmt0010/gmssl/env2.p7.pem");
    assert_eq!(sealed["recipients"].as_array().unwrap().len(), 2);
    assert_eq!(sealed["encoding"], "PEM");
    let both = inspect("gmt0010/gmsm_signedAndEnveloped_1.p7.pem");
    assert_eq!(
        (&both["content_type"], &both["cipher"]),
        (&"signedAndEnvelopedData".into(), &"SM4-ECB".into())
    );
    let certificate = inspect("ca-certs/other/TJCA.pem");
    assert_eq!(certificate["signature_algorithm"], "SM2 with SM3");
    assert!(certificate["subject"].as_str().unwrap().contains("天津"), "{certificate}");
    let early = inspect("gmssl-legacy/sm2-cert.pem");
    assert!(early["unsupported"].as_str().unwrap().starts_with("unsupported algorithm"), "{early}");
}
