//! Key files under a password, and what `inspect` says of them and of requests.

use std::{fs, process::Command};

use envelope::der::element;
use getrandom::SysRng;
use pki::{
    csr::{AttributeForm, Builder, SubjectAttribute},
    pkcs8,
};
use serde_json::Value;
use sm_primitives::sm2::{PrivateKey, dsa};

use crate::desk::{Desk, checked, samples};

const PASSWORD: &str = "SMSIGN_KEY_PASSWORD";

/// A file that only its owner reads, so that there is no warning.
fn write_secret(desk: &Desk, name: &str, content: impl AsRef<[u8]>) {
    let path = desk.write(name, content);
    #[cfg(unix)]
    fs::set_permissions(path, std::os::unix::fs::PermissionsExt::from_mode(0o600)).unwrap();
    #[cfg(not(unix))]
    drop(path);
}

fn message(error: &Value) -> &str {
    error["message"].as_str().unwrap()
}

#[test]
fn a_key_under_a_password_opens_an_envelope() {
    let desk = Desk::new();
    let alice = desk.key_pair("alice");
    desk.write("plain", "text");
    desk.expect(0, &["encrypt", "plain", "--to", "alice.pem"]);
    desk.write("locked.key", pkcs8::encrypt_pem(&alice, "密码 1", &mut SysRng).unwrap());
    write_secret(&desk, "password", "密码 1\r\n");
    write_secret(&desk, "wrong", "密码 1 ");
    let decrypt = ["decrypt", "plain.p7", "-o", "out", "--force", "--private-key", "locked.key"];
    let given = |file| [&decrypt[..], &["--password-file", file]].concat();

    desk.expect(0, &given("password"));
    assert_eq!(fs::read(desk.path("out")).unwrap(), b"text");
    let error = desk.json_error(9, &given("wrong"));
    assert_eq!(error["code"], "bad_file");
    assert!(message(&error).contains("does not open with this password, or is damaged"), "{error}");
    desk.expect(7, &given("missing"));
    write_secret(&desk, "binary", [0xff]);
    desk.expect(2, &given("binary"));

    let by_variable = |password: &str| desk.command(&decrypt).env(PASSWORD, password).output().unwrap();
    checked(0, &decrypt, by_variable("密码 1"));
    checked(9, &decrypt, by_variable("other"));
    // The empty one is a password that some files have, not the absence of one.
    checked(9, &decrypt, by_variable(""));
    // The file counts before the variable.
    let arguments = given("password");
    checked(0, &arguments, desk.command(&arguments).env(PASSWORD, "other").output().unwrap());
}

/// A certificate of `key` that permits `usage`, DER; `None` where there is no OpenSSL.
fn certificate(desk: &Desk, key: &PrivateKey, usage: &str) -> Option<Vec<u8>> {
    desk.write("tmp.key", key.to_pkcs8_pem().as_bytes());
    let arguments = "req -new -x509 -key tmp.key -subj /CN=Example -sm3 -outform DER -out tmp.der -addext";
    let usage = format!("keyUsage={usage}");
    let mut command = Command::new("openssl");
    let Ok(output) = command.args(arguments.split(' ')).arg(usage).current_dir(desk.folder.path()).output()
    else {
        eprintln!("skipped: openssl is not installed");
        return None;
    };
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    Some(fs::read(desk.path("tmp.der")).unwrap())
}

/// PKCS#12 without encryption and MAC. Source: RFC 7292, 4.
fn pkcs12(keys: &[&PrivateKey], certificates: &[&[u8]]) -> Vec<u8> {
    // 1.2.840.113549.1 and what follows.
    let oid = |rest: &[u8]| element(6, &[&[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 1], rest]);
    let bag = |kind: u8, value: &[u8]| element(0x30, &[&oid(&[12, 10, 1, kind]), &element(0xa0, &[value])]);
    let mut bags: Vec<Vec<u8>> = keys.iter().map(|key| bag(1, &key.to_pkcs8_der())).collect();
    bags.extend(certificates.iter().map(|der| {
        let octets = element(0xa0, &[&element(4, &[der])]);
        bag(3, &element(0x30, &[&oid(&[9, 22, 1]), &octets]))
    }));
    let data = |octets: &[u8]| element(0x30, &[&oid(&[7, 1]), &element(0xa0, &[&element(4, &[octets])])]);
    let safe = data(&element(0x30, &[&bags.concat()]));
    element(0x30, &[&[2, 1, 3], &data(&element(0x30, &[&safe]))])
}

/// A file with the two keys of one subject: the one is taken whose certificate permits decryption, or signing.
#[test]
fn the_key_for_the_purpose_is_taken() {
    let desk = Desk::new();
    let (sign, encrypt) = (desk.key_pair("sign"), desk.key_pair("encrypt"));
    let Some(sign_certificate) = certificate(&desk, &sign, "digitalSignature") else { return };
    let encrypt_certificate = certificate(&desk, &encrypt, "keyEncipherment").unwrap();
    let both = [&sign_certificate[..], &encrypt_certificate];
    desk.write("sign.crt", &sign_certificate);
    desk.write("both.p12", pkcs12(&[&sign, &encrypt], &both));
    desk.write("half.p12", pkcs12(&[&sign, &encrypt], &both[..1]));
    write_secret(&desk, "password", "");
    desk.write("plain", "text");
    desk.expect(0, &["encrypt", "plain", "--to", "encrypt.pem"]);
    let decrypt = |file| {
        ["decrypt", "plain.p7", "-o", "out", "--force", "--private-key", file, "--password-file", "password"]
    };
    desk.expect(0, &decrypt("both.p12"));
    let error = desk.json_error(9, &decrypt("half.p12"));
    assert!(message(&error).contains("holds 2 private keys"), "{error}");

    let seal = ["seal-bid", "plain", "--model", "platform", "--to", "encrypt.pem", "--project", "P-7"];
    let signing = ["--sign-with", "both.p12", "--cert", "sign.crt", "--password-file", "password"];
    desk.expect(0, &[&seal[..], &signing].concat());
    let open = ["open-bid", "plain.bid", "--private-key", "both.p12", "--password-file", "password", "-o"];
    desk.expect(0, &[&open[..], &["opened"]].concat());
}

#[test]
fn requests_and_key_files_are_described() {
    let desk = Desk::new();
    let (own, temporary) = (desk.key_pair("own"), desk.key_pair("temporary"));
    let unsigned = Builder::new(*own.public_key())
        .subject(SubjectAttribute::CommonName, "测试单位")
        .challenge("secret-challenge")
        .temporary_key(*temporary.public_key())
        .form(AttributeForm::Cfca)
        .build()
        .unwrap();
    let signature = dsa::sign_digest(&own, &unsigned.digest(), &mut SysRng).unwrap();
    let der = unsigned.assemble(&signature).unwrap();
    desk.write("request", &der);
    let inspect = |name: &str| desk.json(0, &["inspect", name]);
    let request = inspect("request");
    assert_eq!(request["format"], "certification request");
    assert_eq!((&request["subject"], &request["signature"]), (&"CN=测试单位".into(), &"valid".into()));
    assert_eq!((&request["challenge"], &request["attribute_form"]), (&"present".into(), &"CFCA".into()));
    assert_eq!(request["public_key"], hex::encode(own.public_key().as_point().to_sec1()));
    let of_temporary = hex::encode(temporary.public_key().as_point().to_sec1());
    assert_eq!(request["temporary_key"]["public_key"], of_temporary);
    assert!(!request.to_string().contains("secret-challenge"));
    let mut changed = der;
    *changed.last_mut().unwrap() ^= 1;
    desk.write("changed", changed);
    assert_eq!(inspect("changed")["signature"], "the signature does not verify");

    desk.write("locked", pkcs8::encrypt_pem(&own, "1234", &mut SysRng).unwrap());
    desk.write("p12", pkcs12(&[&own], &[]));
    assert_eq!(inspect("locked")["format"], "encrypted PKCS#8");
    assert_eq!(inspect("p12")["format"], "PKCS#12");
    assert_eq!(inspect("p12")["protected_by"], "a password");
}

#[test]
fn requests_and_keys_of_others_are_described() {
    let Some(samples) = samples() else { return };
    let desk = Desk::new();
    let inspect = |name: &str| desk.json(0, &["inspect", samples.join(name).to_str().unwrap()]);
    let rsa = inspect("csr/cfca_rsa_signed.csr.pem");
    assert_eq!(
        (&rsa["key_algorithm"], &rsa["temporary_key"]["key_algorithm"]),
        (&"RSA".into(), &"RSA".into())
    );
    assert_eq!(rsa["signature"], "valid");
    assert_eq!(inspect("csr/cfca_sadk_dualkey.csr.pem")["signature"], "valid");
    assert_eq!(inspect("gmt0010/gmssl/sign.csr")["attribute_form"], "PKCS#10");
    assert_eq!(inspect("gmt0010/gmssl/sign.key")["format"], "encrypted PKCS#8");
    assert_eq!(inspect("seal/ofdrw_USER.p12")["format"], "PKCS#12");
}
