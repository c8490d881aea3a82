//! Sealed bids that are signed.

use std::fs;

use envelope::{
    bid::{END_MAGIC, Statement},
    cms::Signer,
    io::bid::Bid,
};
use getrandom::SysRng;
use serde_json::Value;
use sm_primitives::sm2::{PrivateKey, dsa};

use super::{BOTH, offer, seal};
use crate::authority::Authority;

const SIGNED: [&str; 4] = ["--sign-with", "bidder.key", "--cert", "bidder.crt"];

#[test]
fn a_signed_bid_names_its_signer() {
    let desk = offer();
    let sealed = seal(&desk, &SIGNED);
    let checked = desk.json(0, &["check", "offer.bid", "--structure"]);
    let signature = &checked["bids"][0]["signature"];
    assert_eq!((&signature["valid"], &signature["subject"]), (&true.into(), &"CN=bidder".into()));
    assert_eq!((&signature["key_id"], &signature["chain_verified"]), (&sealed["signer"], &false.into()));
    assert_eq!(checked["bids"][0]["signer"], sealed["signer"]);
    assert!(signature["signed_at"].as_str().unwrap().ends_with('Z'));
    let key_id = sealed["signer"].as_str().unwrap();
    let said = desk.said(0, &[&["open-bid", "offer.bid", "--out", "out"][..], &BOTH].concat());
    let whole = format!("offer.bid: signed by CN=bidder (key {key_id}) at ");
    assert!(said.contains(&whole) && said.contains("chain of the certificate was not verified"), "{said}");
    let opened = desk.json(0, &[&["open-bid", "offer.bid", "--list"][..], &BOTH].concat());
    assert_eq!(opened["bids"][0]["signature"], *signature);

    // Other holders of the shares leave the signature as it is.
    let rewrap = ["rewrap", "offer.bid", "--to", "platform=archive.pem", "--private-key", "platform.key"];
    desk.expect(0, &rewrap);
    desk.expect(0, &["check", "offer.bid", "--structure"]);
}

/// The bid with another trailer.
fn with_signature(bid: &[u8], signature: &[u8]) -> Vec<u8> {
    let end = bid.len() - 12;
    let len = u32::from_be_bytes(bid[end..end + 4].try_into().unwrap());
    let body = &bid[..end - usize::try_from(len).unwrap()];
    let len = u32::try_from(signature.len()).unwrap().to_be_bytes();
    [body, signature, &len, &END_MAGIC].concat()
}

#[test]
fn a_bid_with_a_bad_signature_gives_nothing() {
    let desk = offer();
    seal(&desk, &SIGNED);
    seal(&desk, &[&SIGNED[..], &["--out", "other.bid"]].concat());
    let read = |name: &str| fs::read(desk.path(name)).unwrap();
    let statement: Statement =
        Bid::open(fs::File::open(desk.path("offer.bid")).unwrap()).unwrap().statement(|_| Ok(())).unwrap();
    let archive = PrivateKey::from_pem(&fs::read_to_string(desk.path("archive.key")).unwrap()).unwrap();
    let unsigned = statement.unsigned(Signer::new(&read("archive.crt")).unwrap()).unwrap();
    let signature = dsa::sign_digest(&archive, &unsigned.digests()[0], &mut SysRng).unwrap();
    let by_another = unsigned.complete(&[signature]).unwrap().detached().unwrap();
    let of_another = Bid::open(fs::File::open(desk.path("other.bid")).unwrap()).unwrap().signature().to_vec();
    for (signature, cause) in [
        (&by_another[..], "by another key than the manifest names"),
        (&of_another, "the content is not the one that was signed"),
        (b"no message", "not a"),
        (b"", "the signature was removed"),
    ] {
        desk.write("bad.bid", with_signature(&read("offer.bid"), signature));
        for out in ["out", "-"] {
            let only = ["--only", "offer/price.txt", "--out", out];
            let arguments = [&["--json", "open-bid", "bad.bid"][..], &only, &BOTH].concat();
            let output = desk.expect(1, &arguments);
            assert!(output.stdout.is_empty());
            let said: Value = serde_json::from_slice(&output.stderr).unwrap();
            assert_eq!(said["error"]["code"], "bid_signature");
            assert!(said["error"]["message"].as_str().unwrap().contains(cause), "{said}");
        }
        desk.expect(1, &[&["open-bid", "bad.bid", "--list"][..], &BOTH].concat());
        assert!(!desk.path("out").exists() && !desk.path("out.bid-part").exists());
        desk.expect(1, &[&["check", "bad.bid"][..], &BOTH].concat());
        let checked = desk.expect(1, &["--json", "check", "bad.bid", "--structure"]);
        if !signature.is_empty() {
            let checked: Value = serde_json::from_slice(&checked.stdout).unwrap();
            let verdict = &checked["bids"][0]["signature"];
            assert!(verdict["valid"] == false && verdict["reason"].as_str().unwrap().contains(cause));
        }
    }
    // It stops no other one.
    desk.write("bad.bid", with_signature(&read("offer.bid"), &by_another));
    desk.expect(1, &[&["open-bid", "bad.bid", "offer.bid", "--out", "all"][..], &BOTH].concat());
    assert!(desk.path("all/offer/offer/price.txt").exists() && !desk.path("all/bad").exists());
}

#[test]
fn who_signs_has_a_certificate() {
    let desk = offer();
    let said = |arguments: &[&str]| {
        let seal = ["seal-bid", "offer", "--model", "platform", "--to", "platform.pem"];
        desk.said(2, &[&seal[..], arguments].concat())
    };
    assert!(said(&["--sign-with", "bidder.key"]).contains("--cert"));
    assert!(said(&["--cert", "bidder.crt"]).contains("--sign-with"));
    assert!(said(&["--sign-with", "bidder.key", "--cert", "archive.crt"]).contains("of another key"));
    assert!(said(&["--sign-with", "bidder.key", "--cert", "bidder.pem"]).contains("without a certificate"));
    assert!(!desk.path("offer.bid").exists());
}

#[test]
fn who_signed_is_judged_by_the_roots() {
    let desk = offer();
    let (root, other) = (Authority::new("Root"), Authority::new("Other"));
    let key = PrivateKey::from_pem(&fs::read_to_string(desk.path("bidder.key")).unwrap()).unwrap();
    desk.write("bidder.crt", root.certificate(3, "bidder", key.public_key()));
    desk.write("root.crt", root.root());
    desk.write("other.crt", other.root());
    desk.write("revoked.crl", root.list(3));
    seal(&desk, &SIGNED);
    let check = ["check", "offer.bid", "--structure"];
    let checked = desk.json(0, &[&check[..], &["--roots", "root.crt"]].concat());
    let signature = &checked["bids"][0]["signature"];
    assert_eq!((&signature["valid"], &signature["chain_verified"]), (&true.into(), &true.into()));
    assert_eq!(signature["certificate"]["verdict"], "valid");
    let then = ["--roots", "root.crt", "--crls", "revoked.crl", "--at", "2026-05-31T00:00:00Z"];
    let checked = desk.json(0, &[&check[..], &then].concat());
    assert_eq!(checked["bids"][0]["signature"]["certificate"]["judged_at"], "2026-05-31T00:00:00Z");

    for (trust, cause) in [
        (&["--roots", "other.crt"][..], "unknown-issuer: "),
        (&["--roots", "root.crt", "--crls", "revoked.crl"], "revoked: "),
        (&["--roots", "root.crt", "--require-status"], "no-status: "),
    ] {
        let checked = desk.json(1, &[&check[..], trust].concat());
        let (bid, signature) = (&checked["bids"][0], &checked["bids"][0]["signature"]);
        assert_eq!((&signature["valid"], &signature["chain_verified"]), (&true.into(), &false.into()));
        assert!(signature["certificate"]["reasons"][0].as_str().unwrap().starts_with(cause), "{signature}");
        assert_eq!(bid["will_open"], false);
        let keys = [&["check", "offer.bid"][..], &BOTH, trust].concat();
        assert_eq!(desk.json(1, &keys)["bids"][0]["will_open"], false, "with all shares too");
        // Nothing of it is given out.
        let opening = [&["open-bid", "offer.bid", "--out", "out"][..], &BOTH, trust].concat();
        let error = desk.json_error(1, &opening);
        assert_eq!(error["code"], "bid_signature");
        assert!(error["message"].as_str().unwrap().contains(cause), "{error}");
        assert!(!desk.path("out").exists() && !desk.path("out.bid-part").exists());
    }
    let opening = [&["open-bid", "offer.bid", "--out", "out", "--roots", "root.crt"][..], &BOTH].concat();
    assert!(desk.said(0, &opening).contains("certificate valid, judged at "));
    assert!(desk.path("out/offer/price.txt").exists());
    desk.expect(2, &["open-bid", "offer.bid", "--salvage", "--roots", "root.crt"]);
    desk.expect(2, &["check", "offer.bid", "--crls", "revoked.crl"]);
}
