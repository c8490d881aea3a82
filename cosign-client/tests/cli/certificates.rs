//! Certificates of other tools, shown and judged.

use std::{fs, path::Path};

use serde_json::Value;

use crate::desk::{Desk, samples};

/// What `cert verify --json` says, a line for each file.
fn verify(desk: &Desk, code: i32, arguments: &[&str]) -> Vec<Value> {
    let output = desk.expect(code, &[&["--json", "cert", "verify"], arguments].concat());
    let lines = String::from_utf8(output.stdout).unwrap();
    lines.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

/// Verdict and codes of one line.
fn found(judged: &Value) -> String {
    let reasons = judged["reasons"].as_array().unwrap().iter();
    let codes: Vec<&str> =
        reasons.map(|reason| reason.as_str().unwrap().split(':').next().unwrap()).collect();
    format!("{} {}", judged["verdict"].as_str().unwrap(), codes.join(" ")).trim_end().to_owned()
}

fn path(root: &Path, name: &str) -> String {
    root.join(name).to_str().unwrap().to_owned()
}

#[test]
fn certificates_are_judged() {
    let Some(root) = samples() else { return };
    let desk = Desk::new();
    let file = |name| path(&root, name);
    let [national, gmssl, crls] = ["ca-certs/national-root", "gmt0010/gmssl/root.pem", "crl"].map(file);
    let roots = ["--roots", &national, "--roots", &gmssl];
    let now = [&roots[..], &["--crls", &crls, "--at", "2026-11-26T12:00:00+08:00"]].concat();
    for (name, expected) in [
        ("ca-certs/national-root/ROOTCA.pem", "valid"),
        ("ca-certs/other/Taier_CA.pem", "indeterminate stale-crl"),
        ("ca-certs/cfca/CFCA_SM2_OCA1.cer", "indeterminate unknown-issuer"),
        ("ca-certs/ee/n_maker_150176873800.cer", "indeterminate unknown-issuer"),
        ("gmt0010/gmssl/enc.pem", "valid"),
        ("gmt0010/gmssl/enc2.pem", "invalid revoked"),
        ("gmssl-legacy/sm2-cert.pem", "invalid expired unsupported-algorithm"),
        ("tlcp/server_sign.key", "invalid malformed"),
        ("absent.pem", "invalid unreadable"),
    ] {
        let code = if expected == "valid" { 0 } else { 1 };
        let [judged] = &verify(&desk, code, &[&now[..], &[&file(name)]].concat())[..] else {
            panic!("{name}")
        };
        assert_eq!(found(judged), expected, "{name}");
        assert_eq!(judged["file"], file(name));
    }
    // While the list was current, with the status required, and for what the certificate is not for.
    let list = file("crl/ROOTCA.crl");
    let then = ["--at", "2022-05-20T00:00:00Z", "--crls", &list, "--require-status"];
    let taier = file("ca-certs/other/Taier_CA.pem");
    assert_eq!(found(&verify(&desk, 0, &[&roots[..], &then, &[&taier]].concat())[0]), "valid");
    let civil = file("ca-certs/other/TJCA.pem");
    let missing = verify(&desk, 1, &[&roots[..], &then, &[&civil, &taier]].concat());
    assert_eq!([found(&missing[0]), found(&missing[1])], ["indeterminate no-status", "valid"]);
    let encryption = file("gmt0010/gmssl/enc.pem");
    let sealing = verify(&desk, 1, &[&roots[..], &["--purpose", "seal-maker", &encryption]].concat());
    assert_eq!(found(&sealing[0]), "invalid wrong-usage");
    let [revoked, signer] = ["ocsp/gmssl_revoked.der", "gmt0010/gmssl/sign.pem"].map(file);
    let judged = verify(&desk, 1, &[&roots[..], &["--ocsp", &revoked, &signer]].concat());
    assert_eq!(found(&judged[0]), "invalid revoked");
}

#[test]
fn what_is_trusted_is_named() {
    let Some(root) = samples() else { return };
    let desk = Desk::new();
    let file = |name| path(&root, name);
    let bundle = fs::read_to_string(file("tlcp/chain-ca.crt")).unwrap();
    let mut blocks = bundle.split_inclusive("-----END CERTIFICATE-----");
    let mut block = |name: &str| desk.write(name, blocks.next().unwrap()).to_str().unwrap().to_owned();
    let (root_ca, ca, leaf) = (block("root.pem"), block("ca.pem"), file("tlcp/server_sign.crt"));
    // A CA beside the certificate is not trusted, an intermediate is not either, and nor is what is no CA.
    let other = file("gmt0010/gmssl/root.pem");
    let beside = verify(&desk, 1, &["--roots", &other, &leaf, &ca]);
    assert_eq!(beside.iter().map(found).collect::<Vec<_>>(), ["indeterminate unknown-issuer"; 2]);
    let known =
        verify(&desk, 1, &["--roots", &other, "--intermediates", &ca, "--intermediates", &root_ca, &leaf]);
    assert_eq!(found(&known[0]), "indeterminate unknown-issuer");
    assert_eq!(known[0]["path"].as_array().unwrap().len(), 3, "as far as it goes");
    let output = desk.expect(1, &["cert", "verify", "--roots", &leaf, &leaf]);
    assert!(String::from_utf8(output.stderr).unwrap().contains("is not a CA, so it is not trusted"));
    assert_eq!(found(&verify(&desk, 0, &["--roots", &root_ca, "--intermediates", &ca, &leaf])[0]), "valid");
    desk.expect(2, &["cert", "verify", &leaf]);
    desk.expect(2, &["cert", "verify", "--roots", &root_ca, "--at", "yesterday", &leaf]);
    desk.expect(2, &["cert", "verify", "--roots", &root_ca, "--purpose", "nothing", &leaf]);
    desk.expect(9, &["cert", "verify", "--roots", &file("tlcp/server_sign.key"), &leaf]);

    // The path is a bundle, and a bundle is judged by its first certificate.
    let bundle = desk
        .expect(0, &["cert", "chain", "--pem", "--roots", &root_ca, "--intermediates", &ca, &leaf])
        .stdout;
    desk.write("bundle.pem", bundle);
    let shown = desk.json(0, &["cert", "show", "bundle.pem"]);
    let subjects: Vec<&str> = shown["files"][0]["certificates"]
        .as_array()
        .unwrap()
        .iter()
        .map(|certificate| certificate["subject"].as_str().unwrap())
        .collect();
    assert_eq!(subjects.len(), 3);
    assert!(subjects[0].ends_with("CN=server sign") && subjects[2].ends_with("CN=root ca"), "{subjects:?}");
    let judged = verify(&desk, 1, &["--roots", &other, "bundle.pem"]);
    assert_eq!(found(&judged[0]), "indeterminate unknown-issuer", "a bundle brings no trust");
    let chain = desk.json(0, &["cert", "chain", "--roots", &root_ca, "bundle.pem"]);
    assert_eq!(chain["chain"].as_array().unwrap().len(), 3);
}

#[test]
fn every_field_is_shown() {
    let Some(root) = samples() else { return };
    let desk = Desk::new();
    let file = path(&root, "ca-certs/ee/999_signer_d9d43635dfa8.cer");
    let shown = desk.json(0, &["cert", "show", &file]);
    let certificate = &shown["files"][0]["certificates"][0];
    assert_eq!(certificate["serial"], "030000006e3d");
    assert_eq!(certificate["subject_ids"][0]["kind"], "business-registration");
    assert_eq!(certificate["key_usage"][0], "digitalSignature");
    assert_eq!(certificate["basic_constraints"]["ca"], false);
    assert_eq!(certificate["unknown_extensions"].as_array().unwrap().len(), 10);
    let text = String::from_utf8(desk.expect(0, &["cert", "show", &file]).stdout).unwrap();
    assert!(text.contains("  issuer: C=CN, CN=税务测试CA2(SM2)\n"), "{text}");
    desk.expect(9, &["cert", "show", &path(&root, "tlcp/server_sign.key")]);
    desk.expect(7, &["cert", "show", "absent"]);
}
