//! Certificates from an authority of the server, for their whole life, with the programs as users run them.
#![expect(clippy::unwrap_used, reason = "a failure is a failed test")]

use std::{
    fs,
    io::{Read as _, Write as _},
    net::{SocketAddr, TcpStream},
    path::{Path, PathBuf},
    process::{Command, Stdio},
    time::Duration,
};

use cosign_tests::{
    process::{ServerFolder, Signer, failed, free_address, succeeded, wait_for},
    seeds::{ENCRYPTION, certificate},
};
use getrandom::SysRng;
use serde_json::Value;
use sm_primitives::sm2::PrivateKey;

/// A data folder whose server has a public socket too.
fn public(folder: &ServerFolder) -> SocketAddr {
    let address = free_address();
    let path = folder.file("cosign.toml");
    let config = fs::read_to_string(&path).unwrap();
    fs::write(&path, format!("public_listen = \"{address}\"\n{config}")).unwrap();
    address
}

/// A plain HTTP exchange: the headers, lower case, and the body.
fn http(address: SocketAddr, method: &str, path: &str, kind: &str, body: &[u8]) -> (String, Vec<u8>) {
    let mut stream = TcpStream::connect(address).unwrap();
    stream.set_read_timeout(Some(Duration::from_secs(30))).unwrap();
    let length = body.len();
    let head = format!(
        "{method} {path} HTTP/1.1\r\nHost: ca\r\nConnection: close\r\nContent-Type: {kind}\r\nContent-Length: {length}\r\n\r\n"
    );
    stream.write_all(head.as_bytes()).unwrap();
    stream.write_all(body).unwrap();
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).unwrap();
    let end = answer.windows(4).position(|bytes| bytes == b"\r\n\r\n").unwrap();
    let body = answer.split_off(end + 4);
    (String::from_utf8(answer).unwrap().to_lowercase(), body)
}

fn fetched(address: SocketAddr, path: &str) -> Vec<u8> {
    let (headers, body) = http(address, "GET", path, "text/plain", b"");
    assert!(headers.starts_with("http/1.1 200"), "{headers}");
    body
}

/// What OpenSSL says; `None` where there is none.
fn openssl(folder: &Path, arguments: &[&str]) -> Option<String> {
    let output = Command::new("openssl").args(arguments).current_dir(folder).stdin(Stdio::null()).output();
    let Ok(output) = output else {
        eprintln!("OpenSSL is not there: what it says was not checked");
        return None;
    };
    Some(succeeded(&output))
}

/// Custodians with certificates for encryption: the options of `ca init`, and their private keys.
fn custodians(folder: &Path, count: u8) -> (Vec<String>, Vec<PathBuf>) {
    let (mut options, mut keys) = (Vec::new(), Vec::new());
    for number in 1..=count {
        let key = PrivateKey::generate(&mut SysRng).unwrap();
        let (path, private) = (folder.join(format!("c{number}.cer")), folder.join(format!("c{number}.key")));
        fs::write(&path, certificate(key.public_key(), ENCRYPTION)).unwrap();
        fs::write(&private, key.to_pkcs8_pem().as_bytes()).unwrap();
        options.extend(["--custodian".to_owned(), format!("custodian {number}={}", path.display())]);
        keys.push(private);
    }
    (options, keys)
}

fn init(folder: &ServerFolder, address: SocketAddr) -> Vec<PathBuf> {
    let (mut options, keys) = custodians(&folder.data(), 3);
    let base = format!("http://{address}");
    options.extend(["--base-url".to_owned(), base, "--policy".to_owned(), "1.2.156.112600.1".to_owned()]);
    let fixed =
        ["ca", "init", "demo", "--label", "测试单位", "--subject", "C=CN", "--subject", "CN=Example CA"];
    let all: Vec<_> = fixed.into_iter().chain(options.iter().map(String::as_str)).collect();
    let made = folder.admin_json(&[&all[..], &["--threshold", "2"]].concat());
    assert_eq!(made[0]["authority"], "demo");
    keys
}

/// Applies, has it passed, installs: what was installed.
fn installed(folder: &ServerFolder, signer: &Signer, out: &str, more: &[&str]) -> Value {
    let subject = ["--subject", "C=CN", "--subject", "CN=Example"];
    let asked = signer.json(&[&["cert", "apply", "demo"], &subject[..], more].concat());
    let request = asked["request"].as_str().unwrap();
    failed(&signer.run(&["cert", "install", request, "--out", out]), 5);
    let decided = folder.admin_json(&["ca", "review", request, "--pass", "--reviewer", "one"]);
    assert_eq!(decided[0]["state"], "approved");
    if more.contains(&"--dual") {
        // A label that is taken is told before the key is delivered, which happens once.
        failed(&signer.run(&["cert", "install", request, "--out", out, "--label", "decryption"]), 8);
    }
    signer.json(&["cert", "install", request, "--out", out])
}

struct Public<'a> {
    address: SocketAddr,
    folder: &'a Path,
}

impl Public<'_> {
    /// Whether the revocation list has a certificate, by our reading and by OpenSSL's.
    fn is_listed(&self, serial: &str) -> bool {
        let der = fetched(self.address, "/ca/demo.crl");
        let list = pki::RevocationList::from_der(&der).unwrap();
        let listed = list.find(&hex::decode(serial).unwrap()).is_some();
        fs::write(self.folder.join("demo.crl"), &der).unwrap();
        if let Some(text) =
            openssl(self.folder, &["crl", "-inform", "DER", "-in", "demo.crl", "-noout", "-text"])
        {
            assert_eq!(text.contains(&serial.to_uppercase()), listed, "{text}");
        }
        listed
    }

    /// What OCSP says of a certificate: OpenSSL asks and reads.
    fn ocsp(&self, certificate: &str) -> Option<String> {
        fs::write(self.folder.join("ca.der"), fetched(self.address, "/ca/demo.cer")).unwrap();
        openssl(self.folder, &["x509", "-inform", "DER", "-in", "ca.der", "-out", "ca.pem"])?;
        let ask = ["ocsp", "-issuer", "ca.pem", "-cert", certificate, "-no_nonce", "-reqout", "ocsp.req"];
        openssl(self.folder, &ask)?;
        let asked = fs::read(self.folder.join("ocsp.req")).unwrap();
        let (headers, answer) = http(self.address, "POST", "/ocsp/demo", "application/ocsp-request", &asked);
        assert!(headers.contains("content-type: application/ocsp-response"), "{headers}");
        fs::write(self.folder.join("ocsp.rsp"), answer).unwrap();
        openssl(self.folder, &["ocsp", "-respin", "ocsp.rsp", "-noverify", "-resp_text"])
    }
}

#[test]
fn certificates_live_from_the_request_to_the_revocation() {
    let folder = ServerFolder::new();
    let address = public(&folder);
    let custodian_keys = init(&folder, address);
    let server = folder.start();
    let signer = Signer::new(&folder, "quic");
    let code = folder.enrolment_code();
    succeeded(&signer.keygen(&["--purpose", "sign", "--enrol-code", &code]).output().unwrap());

    succeeded(&signer.keygen(&["--purpose", "encrypt", "--label", "decryption"]).output().unwrap());

    // A pair: the signing key made here, the decryption key by the key centre.
    let first = installed(&folder, &signer, "first", &["--dual"]);
    assert!(first["decryption_key_id"].is_string(), "{first}");
    let serial = |installed: &Value, number: usize| {
        installed["certificates"][number]["serial"].as_str().unwrap().to_owned()
    };
    for (role, usage) in [("sign", "Digital Signature"), ("encrypt", "Key Encipherment")] {
        let path = format!("first/{role}.pem");
        if let Some(text) = openssl(signer.folder(), &["x509", "-in", &path, "-noout", "-text"]) {
            assert!(
                text.contains(usage) && text.contains("demo.crl") && text.contains("CN = Example"),
                "{text}"
            );
        }
    }
    let everybody = Public { address, folder: signer.folder() };
    assert!(!everybody.is_listed(&serial(&first, 0)));
    if let Some(text) = everybody.ocsp("first/sign.pem") {
        assert!(text.contains("Cert Status: good"), "{text}");
    }
    fs::write(signer.folder().join("root.der"), fetched(address, "/ca/demo.cer")).unwrap();
    let verify = |path: &str, code: i32| {
        let list = ["--crls", "demo.crl", "--roots", "root.der", "--require-status"];
        let output = signer.run(&[&["cert", "verify", path], &list[..]].concat());
        assert_eq!(output.status.code(), Some(code), "{}", String::from_utf8_lossy(&output.stdout));
    };
    verify("first/sign.pem", 0);

    // Both keys work.
    let _ = signer.write("offer", b"the lowest bid");
    succeeded(&signer.run(&["sign", "offer"]));
    succeeded(&signer.run(&["encrypt", "offer", "--to", "first/encrypt.pem", "--out", "old.p7"]));

    message_signed(&signer, "offer", "first");

    // A renewal keeps them: what was encrypted before opens after it.
    let second = installed(&folder, &signer, "second", &["--renew", &serial(&first, 0)]);
    assert_eq!(second["certificates"].as_array().unwrap().len(), 2);
    // The message under the old certificate still verifies, and one under the new.
    message_verifies(&signer, "offer", "first", 0);
    message_signed(&signer, "offer", "second");
    let opens = |signer: &Signer, out: &str| {
        signer.run(&["decrypt", "old.p7", "--cert", "first/encrypt.pem", "--out", out])
    };
    succeeded(&opens(&signer, "opened"));
    assert_eq!(fs::read(signer.folder().join("opened")).unwrap(), b"the lowest bid");
    let states: Vec<_> =
        signer.json(&["cert", "list"]).as_array().unwrap().iter().map(|one| one["state"].clone()).collect();
    assert_eq!(states.iter().filter(|state| **state == "superseded").count(), 2, "{states:?}");

    // Suspended and back.
    let current = serial(&second, 0);
    succeeded(&folder.admin(&["ca", "freeze", "demo", &current]));
    failed(&signer.run(&["sign", "offer", "--force"]), 4);
    assert!(everybody.is_listed(&current));
    succeeded(&folder.admin(&["ca", "unfreeze", "demo", &current]));
    succeeded(&signer.run(&["sign", "offer", "--force"]));

    // The phone is lost: another one gets the certificate, and the decryption key from two custodians.
    let found = Signer::new(&folder, "quic");
    let code = folder.enrolment_code();
    succeeded(&found.keygen(&["--purpose", "sign", "--enrol-code", &code]).output().unwrap());
    let third = installed(&folder, &found, "third", &["--reissue", &current]);
    failed(&signer.run(&["sign", "offer", "--force"]), 4);
    failed(&opens(&signer, "again"), 4);
    assert!(everybody.is_listed(&current));
    recover(&folder, &found, third["recover_key_id"].as_str().unwrap(), &custodian_keys);
    for name in ["old.p7", "first/encrypt.pem"] {
        fs::create_dir_all(found.folder().join("first")).unwrap();
        fs::copy(signer.folder().join(name), found.folder().join(name)).unwrap();
    }
    succeeded(&opens(&found, "opened"));
    assert_eq!(fs::read(found.folder().join("opened")).unwrap(), b"the lowest bid");

    // Revoked: the very next signature is refused, and everybody may know why.
    let _ = found.write("offer", b"another");
    succeeded(&found.run(&["sign", "offer"]));
    let last = serial(&third, 0);
    succeeded(&folder.admin(&["ca", "revoke", "demo", &last, "--reason", "keyCompromise"]));
    failed(&found.run(&["sign", "offer", "--force"]), 4);
    failed(&opens(&found, "again"), 4);
    assert!(everybody.is_listed(&last));
    let path = found.folder().join("third/sign.pem");
    if let Some(text) = everybody.ocsp(path.to_str().unwrap()) {
        assert!(text.contains("Cert Status: revoked") && text.contains("keyCompromise"), "{text}");
    }
    verify(path.to_str().unwrap(), 1);
    failed(&folder.admin(&["ca", "unfreeze", "demo", &last]), 4);
    failed(&folder.admin(&["ca", "show", "demo", "77"]), 4);
    server.stop();
    succeeded(&folder.admin(&["audit", "verify"]));
    let acts: Vec<_> =
        folder.audit().iter().map(|record| record["act"].as_str().unwrap().to_owned()).collect();
    for act in ["authority", "certify", "escrow", "escrow-opened", "certificate-revoked", "revocation-list"] {
        assert!(acts.iter().any(|seen| seen == act), "{act}: {acts:?}");
    }
}

/// Signs a file by the two parties, under the certificate in a folder; the message verifies, and another content does not.
fn message_signed(signer: &Signer, file: &str, certificate: &str) {
    let cert = format!("{certificate}/sign.pem");
    let out = format!("{certificate}.p7s");
    let made = signer.json(&["sign-message", file, "--cert", &cert, "--detached", "--out", &out]);
    assert_eq!(made["detached"], true, "{made}");
    message_verifies(signer, file, certificate, 0);
    let _ = signer.write("changed", b"the highest bid");
    message_verifies(signer, "changed", certificate, 1);
}

fn message_verifies(signer: &Signer, file: &str, certificate: &str, code: i32) {
    let message = format!("{certificate}.p7s");
    let trust = ["--roots", "root.der", "--crls", "demo.crl", "--require-status", "--json"];
    let output = signer.run(&[&["verify-message", &message, "--content", file], &trust[..]].concat());
    let said: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(output.status.code(), Some(code), "{said}");
    assert_eq!(said["valid"], code == 0, "{said}");
    assert!(code != 0 || said["chain_verified"] == true, "{said}");
}

/// Two custodians open the escrow for the new phone; one does not.
fn recover(folder: &ServerFolder, phone: &Signer, key_id: &str, custodian_keys: &[PathBuf]) {
    let log = fs::File::create(phone.folder().join("log")).unwrap();
    let mut command = phone.at_server(&[
        "recover",
        key_id,
        "--label",
        "recovered",
        "--request",
        "request",
        "--reply",
        "reply",
        "--json",
    ]);
    let child = command.stdout(Stdio::piped()).stderr(log).spawn().unwrap();
    let request = phone.folder().join("request");
    let said = wait_for("the request", || {
        let log = fs::read_to_string(phone.folder().join("log")).ok()?;
        let lines = log.lines().filter_map(|line| serde_json::from_str::<Value>(line).ok());
        lines.filter_map(|mut line| line.get_mut("request").map(Value::take)).next()
    });
    let public = phone.write("public.pem", said["public_key"].as_str().unwrap().as_bytes());
    let reply = phone.folder().join("reply");
    let open = |keys: &[PathBuf]| {
        let mut arguments = vec!["ca", "escrow", "open", "--public-key", public.to_str().unwrap()];
        arguments.extend(["--protection-key", request.to_str().unwrap(), "--out", reply.to_str().unwrap()]);
        for key in keys {
            arguments.extend(["--custodian-key", key.to_str().unwrap()]);
        }
        folder.admin(&arguments)
    };
    let refused = failed(&open(&custodian_keys[..1]), 1);
    assert!(refused.contains("1 of 2 custodians"), "{refused}");
    succeeded(&open(&custodian_keys[1..]));
    let output = child.wait_with_output().unwrap();
    assert!(output.status.success(), "{}", fs::read_to_string(phone.folder().join("log")).unwrap());
}
