//! The programs as a user has them, over real sockets.
#![expect(clippy::unwrap_used, reason = "a failure is a failed test")]

use std::{
    fs::{self, File},
    io::{self, BufRead, BufReader},
    net::{Shutdown, SocketAddr, TcpListener, TcpStream},
    path::Path,
    process::{Command, Stdio},
    thread,
};

use cosign_tests::{
    bid_kit::key as key_of,
    pdf,
    process::{ServerFolder, Signer, failed, free_address, program, succeeded, wait_for},
    seeds::{SIGNING, certificate},
};
use serde_json::Value;
use sm_primitives::sm2::PublicKey;

/// What OpenSSL says of a signature; `None` without OpenSSL.
fn openssl_verifies(public: &Path, signature: &Path, file: &Path) -> Option<bool> {
    let output = Command::new("openssl")
        .args([
            "pkeyutl",
            "-verify",
            "-rawin",
            "-digest",
            "sm3",
            "-pkeyopt",
            "distid:1234567812345678",
            "-pubin",
        ])
        .arg("-inkey")
        .arg(public)
        .arg("-sigfile")
        .arg(signature)
        .arg("-in")
        .arg(file)
        .output();
    let Ok(output) = output else {
        eprintln!("skipped: openssl is not installed");
        return None;
    };
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    assert_eq!(said.contains("Success"), output.status.success(), "{said}");
    Some(output.status.success())
}

#[test]
fn one_command_signs_and_seals_a_file() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("agreement.pdf");
    fs::write(&file, pdf::document(20)).unwrap();
    let out = folder.path().join("out");
    let output = Command::new(program("cosign-server"))
        .args(["dev", "--once", "--listen", &free_address().to_string(), "--file"])
        .arg(&file)
        .arg("--out")
        .arg(&out)
        .current_dir(folder.path())
        .output()
        .unwrap();
    let said = succeeded(&output);
    assert!(said.lines().count() > 5, "it says what it does:\n{said}");

    let (public, signature) = (out.join("public.pem"), out.join("agreement.pdf.sig"));
    assert_ne!(openssl_verifies(&public, &signature, &file), Some(false));
    let opened = fs::read(out.join("agreement.pdf.decrypted")).unwrap();
    assert_eq!(opened, pdf::document(20));
    let envelope = fs::read(out.join("agreement.pdf.p7")).unwrap();
    assert!(envelope.len() > opened.len() && !envelope.windows(9).any(|window| window == b"Agreement"));

    let changed = folder.path().join("changed.pdf");
    fs::write(&changed, [&pdf::document(20)[..], b" "].concat()).unwrap();
    assert_ne!(openssl_verifies(&public, &signature, &changed), Some(true));
    // Nothing is left behind but the results.
    let mut left: Vec<_> =
        fs::read_dir(folder.path()).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    left.sort();
    assert_eq!(left, ["agreement.pdf", "changed.pdf", "out"]);
}

#[test]
fn a_missing_file_is_said_so() {
    let folder = tempfile::tempdir().unwrap();
    let output = Command::new(program("cosign-server"))
        .args(["dev", "--once", "--file", "none.pdf", "--out", "out"])
        .current_dir(folder.path())
        .output()
        .unwrap();
    assert!(failed(&output, 1).contains("none.pdf"));
}

/// The lines that `dev` prints for a second terminal do what they say, as they stand.
#[test]
fn the_lines_for_a_second_terminal_work() {
    let folder = tempfile::tempdir().unwrap();
    let mut dev = Command::new(program("cosign-server"))
        .args(["dev", "--listen", &free_address().to_string(), "--data"])
        .arg(folder.path().join("data"))
        .current_dir(folder.path())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let mut lines = Vec::new();
    let mut reader = BufReader::new(dev.stdout.take().unwrap());
    // It keeps serving, so its output has no end: what is wanted ends with the line that decrypts.
    loop {
        let mut line = String::new();
        assert_ne!(reader.read_line(&mut line).unwrap(), 0, "it ended:\n{}", lines.concat());
        lines.push(line);
        if lines.last().unwrap().contains("smsign decrypt") {
            break;
        }
    }
    let commands: Vec<_> = lines
        .iter()
        .map(|line| line.trim())
        .filter(|line| line.starts_with("smsign ") || line.starts_with("export "))
        .collect();
    for word in ["keygen", "sign", "verify", "encrypt", "decrypt"] {
        assert!(commands.iter().any(|line| line.contains(word)), "no line for {word}: {commands:?}");
    }
    // They are meant for the folder of the checkout and sign a file of it.
    fs::write(folder.path().join("README.md"), b"a file that everybody has here").unwrap();
    let smsign = program("smsign");
    let path = format!("{}:{}", smsign.parent().unwrap().display(), std::env::var("PATH").unwrap());
    let output = Command::new("sh")
        .args(["-ec", &commands.join("\n")])
        .current_dir(folder.path())
        .env("PATH", path)
        .env("SMSIGN_HOME", folder.path().join("home"))
        .env("SMSIGN_PIN", "271828")
        .stdin(Stdio::null())
        .output()
        .unwrap();
    let stopped = Command::new("sh").args(["-c", &format!("kill -TERM {}", dev.id())]).status().unwrap();
    assert!(stopped.success());
    let status = wait_for("the end of dev", || dev.try_wait().unwrap());
    assert!(status.success(), "{status}");
    succeeded(&output);
}

fn by_hand(transport: &'static str) {
    let folder = ServerFolder::new();
    let mut server = folder.start();
    let signer = Signer::with_keys(&folder, transport);

    // 500 files are one batch of two requests.
    let names: Vec<String> = (0..500).map(|index| format!("file-{index:03}.txt")).collect();
    for name in &names {
        let _ = signer.write(name, format!("contents of {name}").as_bytes());
    }
    let files: Vec<&str> = names.iter().map(String::as_str).collect();
    let report = signer.json(&[&["sign", "--out", "signatures"][..], &files].concat());
    assert_eq!(report["signatures"].as_array().unwrap().len(), 500);
    let verify = [&["verify", "--dir", "signatures"][..], &files].concat();
    let report = signer.json(&verify);
    assert_eq!((&report["valid"], &report["invalid"]), (&Value::from(500), &Value::from(0)));

    // Somebody else verifies with the public key alone, and so does OpenSSL.
    let pem = succeeded(&signer.run(&["keys", "show", &signer.key_id("sign"), "--pem"]));
    let public = signer.write("public.pem", pem.as_bytes());
    let sig = signer.folder().join("signatures/file-007.txt.sig");
    let file = signer.folder().join("file-007.txt");
    assert_ne!(openssl_verifies(&public, &sig, &file), Some(false));
    let other = Signer::new(&folder, transport);
    let alone =
        ["verify", "--public", public.to_str().unwrap(), file.to_str().unwrap(), sig.to_str().unwrap()];
    succeeded(&other.run(&alone));

    // One changed file, one missing signature.
    let _ = signer.write("file-100.txt", b"changed");
    fs::remove_file(signer.folder().join("signatures/file-200.txt.sig")).unwrap();
    let output = signer.run(&[&verify[..], &["--json"]].concat());
    failed(&output, 1);
    let report: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!((&report["valid"], &report["invalid"]), (&Value::from(498), &Value::from(2)));

    // To the own key, and back.
    let secret = pdf::document(3);
    let _ = signer.write("bid.pdf", &secret);
    let report = signer.json(&["encrypt", "bid.pdf", "--to", "default"]);
    assert!(report["out"].as_str().unwrap().ends_with("bid.pdf.p7"));
    fs::remove_file(signer.folder().join("bid.pdf")).unwrap();
    let report = signer.json(&["decrypt", "bid.pdf.p7"]);
    assert_eq!(report["key_id"], *signer.key_id("encrypt"));
    assert_eq!(fs::read(signer.folder().join("bid.pdf")).unwrap(), secret);
    failed(&other.run(&["decrypt", signer.folder().join("bid.pdf.p7").to_str().unwrap(), "--out", "x"]), 7);

    // Frozen by its owner, started again by the operator while the server runs.
    let key_id = signer.key_id("sign");
    let report = signer.json(&["keys", "freeze", &key_id, "--yes"]);
    assert_eq!(report["server_view"]["status"], "suspended");
    let sign = ["sign", "file-001.txt"];
    failed(&signer.run(&sign), 4);
    assert_eq!(folder.admin_json(&["key", "unfreeze", &key_id])[0]["status"], "active");
    succeeded(&signer.run(&sign));
    assert_eq!(folder.admin_json(&["key", "revoke", &key_id])[0]["status"], "revoked");
    failed(&signer.run(&["sign", "file-002.txt"]), 4);
    failed(&folder.admin(&["key", "unfreeze", &key_id]), 4);

    server.assert_alive();
    server.stop();
    let audit = folder.audit();
    let signed = audit.iter().filter(|entry| entry["act"] == "sign" && entry["result"] == "ok");
    // Two certification requests, the batch, one after the freeze.
    let signatures: usize = signed.map(|entry| entry["signatures"].as_array().unwrap().len()).sum();
    assert_eq!(signatures, 2 + 500 + 1);
    let acts: Vec<_> = audit.iter().map(|entry| entry["act"].as_str().unwrap()).collect();
    for act in [
        "init",
        "enrolment-code",
        "enrol",
        "issue",
        "open",
        "activate",
        "decrypt",
        "freeze",
        "unfreeze",
        "revoke",
    ] {
        assert!(acts.contains(&act), "no {act} in {acts:?}");
    }
    let head = folder.admin_json(&["audit", "verify"]);
    assert_eq!(head[0]["records"], audit.len());
}

#[test]
fn by_hand_over_quic() {
    by_hand("quic");
}

#[test]
fn by_hand_over_http2() {
    by_hand("http2");
}

/// An address that leads to `target` over TCP and nowhere over UDP, as behind many firewalls.
fn without_udp(target: SocketAddr) -> SocketAddr {
    let listener = TcpListener::bind(("127.0.0.1", 0)).unwrap();
    let address = listener.local_addr().unwrap();
    let pump = |mut from: TcpStream, mut to: TcpStream| {
        thread::spawn(move || {
            let _ = io::copy(&mut from, &mut to);
            let _ = to.shutdown(Shutdown::Write);
        })
    };
    thread::spawn(move || {
        for client in listener.incoming() {
            let (client, server) = (client.unwrap(), TcpStream::connect(target).unwrap());
            pump(client.try_clone().unwrap(), server.try_clone().unwrap());
            pump(server, client);
        }
    });
    address
}

#[test]
fn auto_finds_the_way_that_is_open() {
    let folder = ServerFolder::new();
    let _server = folder.start();
    for (address, way) in [(folder.address(), "quic"), (without_udp(folder.address()), "http2")] {
        let signer = Signer::through(address, &folder, "auto");
        let code = folder.enrolment_code();
        succeeded(&signer.keygen(&["--enrol-code", &code, "--purpose", "sign"]).output().unwrap());
        let status = signer.json(&["status"]);
        assert_eq!(
            (&status["servers"][0]["transport"], &status["servers"][0]["enrolled"]),
            (&way.into(), &true.into())
        );
        let _ = signer.write("a", b"a");
        succeeded(&signer.run(&["sign", "a"]));
    }
}

/// Ctrl-C in the middle: the documented exit code, and no half of a file.
#[test]
fn an_interrupted_command_leaves_nothing_behind() {
    let folder = ServerFolder::new();
    let _server = folder.start();
    let signer = Signer::with_keys(&folder, "quic");
    let large = File::create(signer.folder().join("large")).unwrap();
    large.set_len(8 << 30).unwrap();
    let command = signer.command(&["encrypt", "large", "--to", "default"]).spawn().unwrap();
    // The store, the input, and the beginning of the output.
    wait_for("the output to begin", || (fs::read_dir(signer.folder()).unwrap().count() > 2).then_some(()));
    assert!(
        Command::new("sh").args(["-c", &format!("kill -INT {}", command.id())]).status().unwrap().success()
    );
    failed(&command.wait_with_output().unwrap(), 130);
    let mut left: Vec<_> =
        fs::read_dir(signer.folder()).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    left.sort();
    assert_eq!(left, ["home", "large"]);
}

/// Every command with `--json` writes one document; every failure one error object.
#[test]
fn json_everywhere() {
    let folder = ServerFolder::new();
    let _server = folder.start();
    let signer = Signer::new(&folder, "quic");
    let code = folder.enrolment_code();
    let made = succeeded(&signer.keygen(&["--enrol-code", &code, "--json"]).output().unwrap());
    let made: Value = serde_json::from_str(&made).unwrap();
    assert_eq!(made["keys"].as_array().unwrap().len(), 2);
    let _ = signer.write("a", b"a");
    let key_id = signer.key_id("sign");
    for arguments in [
        &["status"][..],
        &["keys", "list"],
        &["keys", "show", &key_id],
        &["keys", "show", &key_id, "--offline"],
        &["sign", "a"],
        &["verify", "a"],
        &["encrypt", "a", "--to", "default"],
        &["decrypt", "a.p7", "--out", "b"],
    ] {
        assert!(signer.json(arguments).is_object(), "{arguments:?}");
    }
    let error = failed(&signer.run(&["sign", "a", "--json"]), 8);
    let error: Value = serde_json::from_str(error.trim()).unwrap();
    assert_eq!((&error["error"]["code"], &error["error"]["exit_code"]), (&"exists".into(), &8.into()));

    for arguments in [&["key", "list"][..], &["audit", "show"], &["audit", "verify"], &["enrol-code", "new"]]
    {
        assert!(!folder.admin_json(arguments).is_empty(), "{arguments:?}");
    }
}

#[test]
fn exit_codes_are_the_documented_ones() {
    let folder = ServerFolder::new();
    let server = folder.start();
    let signer = Signer::with_keys(&folder, "quic");
    let _ = signer.write("a", b"a");
    let _ = signer.write("not-an-envelope.p7", b"nothing of the kind");
    succeeded(&signer.run(&["sign", "a"]));
    let elsewhere = free_address().to_string();
    let stranger = ServerFolder::new();

    let mut seen = vec![0];
    let mut expect = |code: i32, output: std::process::Output| {
        failed(&output, code);
        seen.push(code);
    };
    let _ = signer.write("empty.sig", b"");
    expect(1, signer.run(&["verify", "a", "--sig", "empty.sig"]));
    expect(2, signer.run(&["sign"]));
    expect(2, signer.run_with_pin("12ab", &["sign", "a", "--force"]));
    expect(3, signer.run_with_pin("314159", &["sign", "a", "--force"]));
    expect(5, Signer::new(&folder, "quic").keygen(&[]).output().unwrap());
    expect(
        5,
        Signer::new(&folder, "quic").keygen(&["--enrol-code", "AAAAA-AAAAA-AAAAA-AAAAA"]).output().unwrap(),
    );
    let mut unreachable = signer.command(&["status", "--server", &elsewhere, "--ca"]);
    expect(6, unreachable.arg(folder.file("ca.pem")).output().unwrap());
    let mut untrusted = signer.command(&["status", "--server", &folder.address().to_string(), "--ca"]);
    expect(6, untrusted.arg(stranger.file("ca.pem")).output().unwrap());
    expect(7, signer.run(&["sign", "missing"]));
    expect(7, signer.run(&["sign", "a", "--key", "nobody", "--force"]));
    expect(8, signer.run(&["sign", "a"]));
    expect(8, signer.run(&["encrypt", "a", "--to", "default", "--out", "a"]));
    expect(9, signer.run(&["decrypt", "not-an-envelope.p7"]));
    let mut open_to_all = Command::new("chmod");
    assert!(open_to_all.arg("-R").arg("a+rwX").arg(signer.home()).status().unwrap().success());
    expect(10, signer.run(&["sign", "a", "--force"]));
    assert!(Command::new("chmod").arg("-R").arg("go-rwx").arg(signer.home()).status().unwrap().success());
    let key_id = signer.key_id("sign");
    expect(4, {
        succeeded(&folder.admin(&["key", "freeze", &key_id]));
        signer.run(&["sign", "a", "--force"])
    });
    server.stop();
    expect(6, signer.run(&["keys", "show", &key_id]));

    let help = succeeded(&signer.run(&["--help"]));
    for code in seen {
        assert!(
            help.lines().any(|line| line.trim_start().starts_with(&format!("{code}  "))),
            "{code} is not documented"
        );
    }
}

/// Keys of suite F2 through the same commands, beside one of suite D.
#[test]
fn commit_first_keys_work_like_the_others() {
    let folder = ServerFolder::new();
    let server = folder.start();
    for transport in ["quic", "http2"] {
        let signer = Signer::new(&folder, transport);
        let code = folder.enrolment_code();
        succeeded(&signer.keygen(&["--enrol-code", &code, "--suite", "f2"]).output().unwrap());
        succeeded(&signer.keygen(&["--label", "plain", "--purpose", "sign"]).output().unwrap());
        let keys = signer.json(&["keys", "list"]);
        let keys = keys["keys"].as_array().unwrap();
        let suites: Vec<_> = keys.iter().map(|key| (&key["label"], &key["purpose"], &key["suite"])).collect();
        for expected in [("default", "sign", "F2"), ("default", "encrypt", "F2"), ("plain", "sign", "D")] {
            let expected = [expected.0, expected.1, expected.2].map(Value::from);
            assert!(suites.contains(&(&expected[0], &expected[1], &expected[2])), "{suites:?}");
        }
        let shown = signer.json(&["keys", "show", "default", "--purpose", "sign"]);
        assert_eq!((&shown["suite"], &shown["server_view"]["suite"]), (&"F2".into(), &"F2".into()));

        let names: Vec<String> = (0..300).map(|index| format!("file-{index:03}.txt")).collect();
        for name in &names {
            let _ = signer.write(name, name.as_bytes());
        }
        let files: Vec<&str> = names.iter().map(String::as_str).collect();
        let report =
            signer.json(&[&["sign", "--key", "default", "--out", "signatures"][..], &files].concat());
        assert_eq!(report["signatures"].as_array().unwrap().len(), 300);
        let report =
            signer.json(&[&["verify", "--key", "default", "--dir", "signatures"][..], &files].concat());
        assert_eq!((&report["valid"], &report["invalid"]), (&Value::from(300), &Value::from(0)));
        succeeded(&signer.run(&["sign", "--key", "plain", "file-000.txt"]));
        succeeded(&signer.run(&["encrypt", "file-001.txt", "--to", "default"]));
        succeeded(&signer.run(&["decrypt", "file-001.txt.p7", "--out", "opened"]));
        assert_eq!(fs::read(signer.folder().join("opened")).unwrap(), b"file-001.txt");
        // A wrong PIN is one attempt, and the next success tells of it.
        failed(&signer.run_with_pin("314159", &["sign", "--key", "default", "file-002.txt"]), 3);
        succeeded(&signer.run(&["sign", "--key", "default", "file-002.txt"]));
    }
    let listed = folder.admin_json(&["key", "list"]).remove(0);
    assert_eq!(listed["keys"].as_array().unwrap().iter().filter(|key| key["suite"] == "F2").count(), 4);
    server.stop();
    let audit = folder.audit();
    let of = |act: &str| -> Vec<_> {
        audit.iter().filter(|entry| entry["act"] == act && entry["result"] == "ok").collect()
    };
    let signatures =
        |act| of(act).iter().map(|entry| entry["signatures"].as_array().unwrap().len()).sum::<usize>();
    // For each of two signers: two certification requests, two requests of a batch, one more file.
    assert_eq!((of("commit").len(), of("reveal").len()), (2 * 5, 2 * 5));
    assert_eq!((signatures("commit"), signatures("reveal")), (0, 2 * (2 + 300 + 1)));
    assert_eq!(signatures("sign"), 2 * 2);
}

/// The certificate says which key of the store signs.
#[test]
fn a_message_is_signed_together_with_the_server() {
    let folder = ServerFolder::new();
    let server = folder.start();
    let signer = Signer::with_keys(&folder, "http2");
    let pem = succeeded(&signer.run(&["keys", "show", "--purpose", "sign", "--pem"]));
    let key = PublicKey::from_spki_pem(&pem).unwrap();
    let _ = signer.write("signer.crt", &certificate(&key, SIGNING));
    let _ = signer.write("text", &[7; 100_000]);
    let signatures = || folder.audit().iter().filter(|record| record["act"] == "sign").count();
    let before = signatures();
    for (dialect, rule) in [("standard", "attributes"), ("cfca", "content")] {
        let sign = ["sign-message", "text", "--cert", "signer.crt", "--dialect", dialect, "--force"];
        let signed = signer.json(&sign);
        let verified = signer.json(&["verify-message", "text.p7s", "--out", "back", "--force"]);
        let signature = &verified["signatures"][0];
        assert_eq!((&signature["rule"], &signature["key_id"]), (&rule.into(), &signed["key_id"]));
        assert_eq!(fs::read(signer.folder().join("back")).unwrap(), [7; 100_000]);
        let detached = [&sign[..], &["--detached", "--key", "default"]].concat();
        let _ = signer.json(&detached);
        let _ = signer.json(&["verify-message", "text.p7s", "--content", "text"]);
    }
    assert_eq!(signatures(), before + 4);
    server.stop();
    let _ = signer.write("other.crt", &certificate(key_of("alice").public_key(), SIGNING));
    failed(&signer.run(&["sign-message", "text", "--cert", "other.crt", "--out", "x"]), 7);
    failed(&signer.run(&["sign-message", "text", "--cert", "signer.crt", "--out", "x"]), 6);
    assert!(!signer.folder().join("x").exists());
}
