//! Envelopes, messages of other kinds, and what other tools wrote.

use std::fs;

use getrandom::SysRng;
use serde_json::Value;
use sm_primitives::sm2::{PrivateKey, dsa};

use crate::desk::{Desk, piped, samples};

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
