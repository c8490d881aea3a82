//! Signed messages: made, verified, and what other tools wrote.

use std::fs;

use serde_json::Value;
use sm_primitives::sm2::PrivateKey;

use crate::{
    authority::Authority,
    desk::{Desk, certificate, piped, samples},
};

/// A desk with somebody who signs, somebody else, and a content of more than one piece.
fn desk() -> Desk {
    let desk = Desk::new();
    desk.certified("alice");
    desk.certified("mallory");
    desk.write("text", vec![0x5a; 300_001]);
    desk
}

const ALICE: [&str; 4] = ["--key", "alice.key", "--cert", "alice.crt"];

fn sign(desk: &Desk, more: &[&str]) -> Value {
    desk.json(0, &[&["sign-message", "text"][..], &ALICE, more].concat())
}

fn only(report: &Value) -> &Value {
    assert_eq!(report["signatures"].as_array().unwrap().len(), 1, "{report}");
    &report["signatures"][0]
}

#[test]
fn a_message_carries_what_was_signed() {
    let desk = desk();
    for (dialect, compat, rule) in [
        ("standard", "", "attributes"),
        ("rfc", "", "attributes"),
        ("cfca", "", "content"),
        ("gmssl", "no-z-content-info", "no-z-content-info"),
    ] {
        let report = sign(&desk, &["--dialect", dialect, "--force"]);
        assert_eq!((&report["out"], &report["dialect"]), (&"text.p7s".into(), &dialect.into()));
        assert_eq!((&report["detached"], &report["content_length"]), (&false.into(), &300_001.into()));
        let mut verify = vec!["verify-message", "text.p7s", "--out", "back", "--force"];
        if !compat.is_empty() {
            let strict = desk.json(1, &["verify-message", "text.p7s", "--out", "nothing"]);
            assert_eq!((&strict["valid"], &strict["out"]), (&false.into(), &Value::Null));
            assert!(!desk.path("nothing").exists());
            verify.extend(["--compat", compat]);
        }
        let verified = desk.json(0, &verify);
        let signature = only(&verified);
        assert_eq!((&verified["valid"], &verified["chain_verified"]), (&true.into(), &false.into()));
        assert_eq!(
            (&signature["rule"], &signature["signer"]),
            (&rule.into(), &"CN=alice".into()),
            "{dialect}"
        );
        assert_eq!(signature["key_id"], report["key_id"]);
        let said_when = signature["signed_at"].as_str().is_some_and(|time| time.ends_with('Z'));
        assert_eq!(said_when, rule == "attributes");
        assert_eq!(fs::read(desk.path("back")).unwrap(), vec![0x5a; 300_001]);
    }
}

#[test]
fn a_signature_stands_beside_its_file() {
    let desk = desk();
    for dialect in ["standard", "cfca", "rfc"] {
        sign(&desk, &["--detached", "--dialect", dialect, "--force", "--out", "beside"]);
        assert!(fs::metadata(desk.path("beside")).unwrap().len() < 2000);
        let verified = desk.json(0, &["verify-message", "beside", "--content", "text"]);
        assert_eq!((&verified["detached"], &only(&verified)["valid"]), (&true.into(), &true.into()));
        desk.write("other", "another content");
        let verified = desk.json(1, &["verify-message", "beside", "--content", "other"]);
        assert_eq!(only(&verified)["valid"], false);
    }
    // What goes together.
    assert!(desk.said(2, &["verify-message", "beside"]).contains("--content FILE"));
    sign(&desk, &[]);
    assert!(
        desk.said(2, &["verify-message", "text.p7s", "--content", "text"]).contains("leave --content out")
    );
    desk.expect(2, &["verify-message", "beside", "--content", "text", "--out", "x"]);
    assert!(desk.said(2, &["verify-message", "beside", "--out", "x"]).contains("no content"));
    let gmssl = ["sign-message", "text", "--detached", "--dialect", "gmssl"];
    desk.expect(2, &[&gmssl[..], &ALICE].concat());
}

#[test]
fn what_was_changed_is_not_kept() {
    let desk = desk();
    sign(&desk, &[]);
    let right = fs::read(desk.path("text.p7s")).unwrap();
    let mut changed = right.clone();
    changed[right.len() / 2] ^= 1;
    desk.write("changed.p7s", changed);
    let verified = desk.json(1, &["verify-message", "changed.p7s", "--out", "back"]);
    assert!(only(&verified)["reason"].as_str().unwrap().contains("not the one that was signed"));
    assert!(!desk.path("back").exists());
    let piped = desk.expect(1, &["verify-message", "changed.p7s", "--out", "-"]);
    assert!(String::from_utf8(piped.stderr).unwrap().contains("does not count"));
    // The same key under a certificate for decryption, which the message does not name by its hash.
    let key = PrivateKey::from_pem(&fs::read_to_string(desk.path("alice.key")).unwrap()).unwrap();
    desk.write("decryption.crt", certificate("alice", key.public_key(), Some([4, 0x30])));
    sign(&desk, &["--dialect", "cfca", "--out", "cfca.p7s"]);
    desk.expect(0, &["verify-message", "cfca.p7s"]);
    let verified = desk.json(1, &["verify-message", "cfca.p7s", "--signer", "decryption.crt"]);
    assert!(only(&verified)["reason"].as_str().unwrap().contains("key usage does not permit signatures"));
    let verified = desk.json(1, &["verify-message", "text.p7s", "--signer", "decryption.crt"]);
    assert!(only(&verified)["reason"].as_str().unwrap().contains("under another certificate"));
    for (name, broken) in [
        ("cut", right[..right.len() - 1].to_vec()),
        ("longer", [&right[..], &[0]].concat()),
        ("nothing", Vec::new()),
        ("text", b"hello".to_vec()),
        ("a certificate", fs::read(desk.path("alice.crt")).unwrap()),
    ] {
        desk.write("broken.p7s", broken);
        let error = desk.json_error(9, &["verify-message", "broken.p7s", "--out", "back"]);
        assert_eq!(error["code"], "bad_file", "{name}");
    }
    desk.json_error(7, &["verify-message", "gone.p7s"]);
    desk.key_pair("bob");
    desk.expect(0, &["encrypt", "text", "--to", "bob.pem"]);
    assert_eq!(desk.json_error(9, &["verify-message", "text.p7"])["code"], "bad_file");
    assert!(!desk.path("back").exists());
}

#[test]
fn messages_go_through_pipes() {
    let desk = desk();
    let message = piped(&desk, 0, &[&["sign-message", "-"][..], &ALICE].concat(), b"from a pipe").stdout;
    let content = piped(&desk, 0, &["verify-message", "-", "--out", "-"], &message).stdout;
    assert_eq!(content, b"from a pipe");
    let detached = [&["sign-message", "-", "--detached", "--out", "beside"][..], &ALICE].concat();
    piped(&desk, 0, &detached, b"from a pipe");
    piped(&desk, 0, &["verify-message", "beside", "--content", "-"], b"from a pipe");
    piped(&desk, 1, &["verify-message", "beside", "--content", "-"], b"from another");
    desk.expect(2, &["verify-message", "-", "--content", "-"]);
    desk.expect(2, &[&["--json", "sign-message", "-"][..], &ALICE].concat());
}

#[test]
fn who_signs_is_who_is_certified() {
    let desk = desk();
    fn sign<'a>(more: &[&'a str]) -> Vec<&'a str> {
        [&["sign-message", "text"][..], more].concat()
    }
    assert!(desk.said(2, &sign(&["--key", "alice.key", "--cert", "mallory.crt"])).contains("another key"));
    assert!(
        desk.said(2, &sign(&["--key", "alice.key", "--cert", "alice.pem"])).contains("without a certificate")
    );
    desk.expect(2, &sign(&["--key", "alice.key"]));
    // Nobody in the store has it.
    assert_eq!(desk.json_error(7, &sign(&["--cert", "alice.crt"]))["code"], "no_such_key");
    assert!(!desk.path("text.p7s").exists());
    desk.write("text.p7s", "precious");
    desk.expect(8, &sign(&ALICE));
    assert_eq!(fs::read(desk.path("text.p7s")).unwrap(), b"precious");
    // Further certificates go along.
    desk.expect(0, &sign(&[&ALICE[..], &["--force", "--chain", "mallory.crt"]].concat()));
    let inspected = desk.json(0, &["inspect", "text.p7s"]);
    assert_eq!(inspected["certificates"].as_array().unwrap().len(), 2);
    desk.expect(0, &["verify-message", "text.p7s"]);
}

#[test]
fn other_tools_signed_messages() {
    let Some(samples) = samples() else { return };
    let desk = Desk::new();
    let verify = |code: i32, name: &str, more: &[&str]| {
        let path = samples.join(name);
        desk.json(code, &[&["verify-message", path.to_str().unwrap()][..], more].concat())
    };
    let cfca = verify(0, "gmt0010/cfca_sadkSignedData.p7", &["--out", "cfca"]);
    assert_eq!((&only(&cfca)["rule"], &cfca["tolerated"][0]), (&"content".into(), &"null-parameters".into()));
    assert_eq!(fs::read(desk.path("cfca")).unwrap(), b"Hello Secret World!");
    desk.write("content", "Hello Secret World!");
    verify(0, "gmt0010/cfca_sadkSignedDataDetach.p7", &["--content", "content"]);
    verify(1, "gmt0010/gmssl/signed.p7.pem", &[]);
    let gmssl = verify(0, "gmt0010/gmssl/signed.p7.pem", &["--compat", "no-z-content-info"]);
    assert_eq!(only(&gmssl)["rule"], "no-z-content-info");
    verify(1, "negative/cfca_signed_content_changed.p7", &["--compat", "no-z-content,no-z-content-info"]);
}

/// A desk with a message by `alice`, whose certificate is of a CA below a root; both are in files.
fn issued() -> (Desk, Authority) {
    let (desk, root, ca) = (desk(), Authority::new("Root"), Authority::new("CA"));
    let key = PrivateKey::from_pem(&fs::read_to_string(desk.path("alice.key")).unwrap()).unwrap();
    desk.write("root.crt", root.root());
    desk.write("ca.crt", root.certify(2, &ca));
    desk.write("alice.crt", ca.certificate(3, "alice", key.public_key()));
    desk.write("stamper.crt", ca.stamper(3, "alice", key.public_key()));
    sign(&desk, &[]);
    (desk, ca)
}

fn reason(report: &Value) -> &str {
    only(report)["certificate"]["reasons"][0].as_str().unwrap()
}

#[test]
fn who_signed_is_judged_by_the_roots() {
    let (desk, ca) = issued();
    let verify =
        |code: i32, more: &[&str]| desk.json(code, &[&["verify-message", "text.p7s"][..], more].concat());
    const KNOWN: [&str; 4] = ["--roots", "root.crt", "--intermediates", "ca.crt"];
    let known = |code: i32, more: &[&str]| verify(code, &[&KNOWN[..], more].concat());

    let valid = known(0, &["--at", "2026-06-02T00:00:00Z", "--out", "back"]);
    assert_eq!((&valid["valid"], &valid["chain_verified"]), (&true.into(), &true.into()));
    let certificate = &only(&valid)["certificate"];
    assert_eq!((&certificate["verdict"], &certificate["path"][2]), (&"valid".into(), &"CN=Root".into()));
    assert_eq!(certificate["judged_at"], "2026-06-02T00:00:00Z");
    assert!(desk.path("back").exists());
    // At now, and said so; without roots nobody asks.
    let text =
        String::from_utf8(desk.expect(0, &[&["verify-message", "text.p7s"], &KNOWN[..]].concat()).stdout);
    let text = text.unwrap();
    assert!(
        text.contains("valid (attributes); certificate valid, judged at ") && text.contains("(now)"),
        "{text}"
    );
    let unasked = verify(0, &[]);
    assert_eq!((&unasked["chain_verified"], &only(&unasked)["certificate"]), (&false.into(), &Value::Null));
    assert!(desk.said(0, &["verify-message", "text.p7s"]).contains("were not verified; --roots does that"));

    // The signature holds, and the certificate does not count: nothing is kept.
    let unknown = verify(1, &["--roots", "root.crt", "--out", "kept"]);
    assert_eq!((&unknown["valid"], &unknown["chain_verified"]), (&false.into(), &false.into()));
    assert_eq!(only(&unknown)["valid"], true);
    assert!(reason(&unknown).starts_with("unknown-issuer: "), "{unknown}");
    assert!(unknown["out"].is_null() && !desk.path("kept").exists());
    for (at, code) in [("2019-12-31T00:00:00Z", "not-yet-valid"), ("2050-01-01T00:00:00Z", "expired")] {
        assert!(reason(&known(1, &["--at", at])).starts_with(code), "{at}");
    }
    desk.write("revoked.crl", ca.list(3));
    assert!(reason(&known(1, &["--crls", "revoked.crl"])).starts_with("revoked: "));
    known(0, &["--crls", "revoked.crl", "--at", "2026-05-31T00:00:00Z"]);
    assert!(reason(&known(1, &["--require-status"])).starts_with("no-status: "));
    desk.write("text.p7s", changed_name(&fs::read(desk.path("text.p7s")).unwrap()));
    assert_eq!(known(1, &[])["valid"], false);
}

/// A message in which the certificate is of another subject than was signed.
fn changed_name(message: &[u8]) -> Vec<u8> {
    let mut changed = message.to_vec();
    let at = message.windows(5).position(|window| window == b"alice").unwrap();
    changed[at] = b'm';
    changed
}

#[test]
fn what_comes_with_a_message_is_not_trusted() {
    let (desk, _) = issued();
    let along = ["--force", "--chain", "ca.crt", "--chain", "root.crt"];
    sign(&desk, &along);
    let other = Authority::new("Other").root();
    desk.write("other.crt", other);
    let verify =
        |code: i32, more: &[&str]| desk.json(code, &[&["verify-message", "text.p7s"][..], more].concat());
    assert!(reason(&verify(1, &["--roots", "other.crt"])).starts_with("unknown-issuer: "));
    // The CA came along, so it need not be given.
    verify(0, &["--roots", "root.crt"]);
    // What is given stands beside what came along, and is trusted as little.
    sign(&desk, &["--force"]);
    verify(0, &["--roots", "root.crt", "--signer", "ca.crt"]);
    verify(1, &["--roots", "other.crt", "--signer", "ca.crt", "--signer", "root.crt"]);
    // Who may sign time stamps only signs no messages, whoever vouches for it.
    sign(&desk, &["--force", "--dialect", "cfca"]);
    let stamper = ["--signer", "stamper.crt", "--roots", "root.crt", "--intermediates", "ca.crt"];
    assert!(reason(&verify(1, &stamper)).starts_with("wrong-usage: "));
    // Alone these mean nothing.
    for alone in [["--intermediates", "ca.crt"], ["--at", "2026-06-01T00:00:00Z"], ["--crls", "ca.crt"]] {
        desk.expect(2, &[&["verify-message", "text.p7s"][..], &alone].concat());
    }
    desk.expect(7, &["verify-message", "text.p7s", "--roots", "gone"]);
    desk.expect(9, &["verify-message", "text.p7s", "--roots", "alice.key"]);
}
