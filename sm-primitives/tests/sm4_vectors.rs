//! SM4 and its modes against published values and other implementations.

use sm_primitives::sm4::{Sm4, cbc, ctr, gcm};

fn cases(file: &str) -> Vec<serde_json::Value> {
    let path = format!("{}/../tests/vectors/{file}", env!("CARGO_MANIFEST_DIR"));
    let text = std::fs::read(path).expect("the vectors are in the tree");
    let cases: Vec<_> = serde_json::from_slice(&text).expect("JSON");
    assert!(cases.len() >= 30, "{file} has lost cases");
    cases
}

fn field(case: &serde_json::Value, name: &str) -> Vec<u8> {
    hex::decode(case[name].as_str().expect("a string")).expect("hex")
}

fn array<const N: usize>(case: &serde_json::Value, name: &str) -> [u8; N] {
    field(case, name).try_into().expect("the right length")
}

fn block(text: &str) -> [u8; 16] {
    hex::decode(text).expect("hex").try_into().expect("16 bytes")
}

const STANDARD_KEY: &str = "0123456789abcdeffedcba9876543210";

/// GB/T 32907-2016, appendix A.1.
#[test]
fn one_block() {
    let cipher = Sm4::new(&block(STANDARD_KEY));
    let mut data = block(STANDARD_KEY);
    cipher.encrypt_block(&mut data);
    assert_eq!(hex::encode(data), "681edf34d206965e86b3e94f536e4246");
    cipher.decrypt_block(&mut data);
    assert_eq!(hex::encode(data), STANDARD_KEY);
}

/// GB/T 32907-2016, appendix A.2: encrypted 1 000 000 times.
#[test]
fn a_million_times() {
    let cipher = Sm4::new(&block(STANDARD_KEY));
    let mut data = block(STANDARD_KEY);
    for _ in 0..1_000_000 {
        cipher.encrypt_block(&mut data);
    }
    assert_eq!(hex::encode(data), "595298c7c6fd271f0402f804c33d3f66");
}

/// RFC 8998, appendix A.1.
#[test]
fn rfc_8998_gcm() {
    let key = block(STANDARD_KEY);
    let nonce = hex::decode("00001234567800000000abcd").unwrap();
    let aad = hex::decode("feedfacedeadbeeffeedfacedeadbeefabaddad2").unwrap();
    let text: Vec<u8> =
        [0xaa, 0xbb, 0xcc, 0xdd, 0xee, 0xff, 0xee, 0xaa].iter().flat_map(|b| [*b; 8]).collect();
    let mut buf = text.clone();
    let tag = gcm::seal_in_place(&key, &nonce, &aad, &mut buf).unwrap();
    assert_eq!(
        hex::encode(&buf),
        "17f399f08c67d5ee19d0dc9969c4bb7d5fd46fd3756489069157b282bb200735\
         d82710ca5c22f0ccfa7cbf93d496ac15a56834cbcf98c397b4024a2691233b8d"
    );
    assert_eq!(hex::encode(tag), "83de3541e4c2b58177e065a9bf7b62ec");
    gcm::open_in_place(&key, &nonce, &aad, &mut buf, &tag).unwrap();
    assert_eq!(buf, text);
}

#[test]
fn gmssl_and_tongsuo_cbc() {
    for file in ["gmssl-sm4-cbc-pkcs7.json", "tongsuo-sm4-cbc-pkcs7.json"] {
        for case in cases(file) {
            let (key, iv) = (array(&case, "key"), array(&case, "iv"));
            let (msg, ct) = (field(&case, "msg"), field(&case, "ct"));
            assert_eq!(cbc::encrypt_padded(&key, &iv, &msg), ct, "{file} {case}");
            assert_eq!(*cbc::decrypt_padded(&key, &iv, &ct).unwrap(), msg, "{file} {case}");
        }
    }
}

#[test]
fn gmssl_and_tongsuo_ctr() {
    for file in ["gmssl-sm4-ctr.json", "tongsuo-sm4-ctr.json"] {
        for case in cases(file) {
            let mut data = field(&case, "msg");
            ctr::Ctr::new(&array(&case, "key"), &array(&case, "iv")).apply(&mut data);
            assert_eq!(data, field(&case, "ct"), "{file} {case}");
        }
    }
}

#[test]
fn gmssl_and_tongsuo_gcm() {
    for file in ["gmssl-sm4-gcm.json", "tongsuo-sm4-gcm.json"] {
        for case in cases(file) {
            let (key, nonce, aad) = (array(&case, "key"), field(&case, "iv"), field(&case, "aad"));
            let (msg, ct, tag) = (field(&case, "msg"), field(&case, "ct"), array(&case, "tag"));
            let mut buf = msg.clone();
            assert_eq!(gcm::seal_in_place(&key, &nonce, &aad, &mut buf), Ok(tag), "{file} {case}");
            assert_eq!(buf, ct, "{file} {case}");
            assert_eq!(gcm::open_in_place(&key, &nonce, &aad, &mut buf, &tag), Ok(()), "{file} {case}");
            assert_eq!(buf, msg, "{file} {case}");
        }
    }
}
