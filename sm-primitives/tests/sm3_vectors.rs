//! SM3, HMAC, HKDF and PBKDF2 against published values and other implementations.

use hmac::{KeyInit, Mac};
use sm_primitives::{Error, sm3};

fn cases(file: &str) -> Vec<serde_json::Value> {
    let path = format!("{}/../tests/vectors/{file}", env!("CARGO_MANIFEST_DIR"));
    let cases: Vec<_> =
        serde_json::from_slice(&std::fs::read(path).expect("the vectors are in the tree")).expect("JSON");
    assert!(cases.len() >= 30, "{file} has lost cases");
    cases
}

fn field(case: &serde_json::Value, name: &str) -> Vec<u8> {
    hex::decode(case[name].as_str().expect("a string")).expect("hex")
}

/// GB/T 32905-2016, appendix A: "abc" and 16 times "abcd".
#[test]
fn examples_of_the_standard() {
    assert_eq!(
        hex::encode(sm3::digest(b"abc")),
        "66c7f0f462eeedd9d1f2d46bdc10e4e24167c4875cf2f7a2297da02b8f4ba8e0"
    );
    assert_eq!(
        hex::encode(sm3::digest(&b"abcd".repeat(16))),
        "debe9ff92275b8a138604889c18e5a4d6fdb70e5387e5765293dcba39c0c5732"
    );
}

#[test]
fn gmssl_and_tongsuo_digests() {
    for file in ["gmssl-sm3.json", "tongsuo-sm3.json"] {
        for case in cases(file) {
            assert_eq!(sm3::digest(&field(&case, "msg")).as_slice(), field(&case, "md"), "{file} {case}");
        }
        let messages: Vec<_> = cases(file).iter().map(|case| field(case, "msg")).collect();
        let digests: Vec<_> = cases(file).iter().map(|case| field(case, "md")).collect();
        let ours: Vec<_> = sm3::digest_all(&messages).into_iter().map(Vec::from).collect();
        assert_eq!(ours, digests, "{file} in one batch");
    }
}

#[test]
fn gmssl_hmac() {
    for case in cases("gmssl-sm3-hmac.json") {
        let (key, msg, mac) = (field(&case, "key"), field(&case, "msg"), field(&case, "mac"));
        assert_eq!(sm3::hmac(&key, &[&msg]).as_slice(), mac, "{case}");
        assert!(bool::from(sm3::hmac::HmacSm3::new(&key).chain(&msg).verify(&mac)), "{case}");
    }
}

/// Every key length around the block length, where the key starts to be hashed.
#[test]
fn hmac_key_lengths() {
    let key: Vec<u8> = (0..=200).collect();
    for length in 0..key.len() {
        let mut oracle = hmac::Hmac::<::sm3::Sm3>::new_from_slice(&key[..length]).unwrap();
        oracle.update(b"message");
        assert_eq!(
            sm3::hmac(&key[..length], &[b"mess", b"", b"age"]),
            <[u8; 32]>::from(oracle.finalize().into_bytes())
        );
    }
}

/// OpenSSL 3.0.19, `openssl kdf -keylen 80 -kdfopt digest:SM3 -kdfopt ... -binary HKDF` with hexkey 0b * 22,
/// hexsalt 000102...0c, hexinfo f0f1...f9 (the inputs of RFC 5869, A.1), and with no salt and no info (A.3).
#[test]
fn openssl_hkdf() {
    let ikm = [0x0b; 22];
    let salt: Vec<u8> = (0..=0x0c).collect();
    let info: Vec<u8> = (0xf0..=0xf9).collect();
    let mut okm = [0; 80];
    sm3::hkdf(&ikm, &salt, &info, &mut okm).unwrap();
    assert_eq!(hex::encode(okm), HKDF_A1);
    sm3::hkdf(&ikm, b"", b"", &mut okm).unwrap();
    assert_eq!(hex::encode(okm), HKDF_A3);
}

/// OpenSSL 3.0.19, `openssl kdf -keylen N -kdfopt digest:SM3 -kdfopt pass:P -kdfopt salt:S -kdfopt iter:C PBKDF2`
/// (with `-kdfopt pkcs5:1`, which lifts the lower bounds on salt and iterations).
#[test]
fn openssl_pbkdf2() {
    for (password, salt, iterations, expected) in PBKDF2 {
        let mut out = vec![0; expected.len() / 2];
        sm3::pbkdf2(password.as_bytes(), salt.as_bytes(), iterations, &mut out).unwrap();
        assert_eq!(hex::encode(out), expected, "{password} {salt} {iterations}");
    }
}

#[test]
fn lengths_that_are_refused() {
    let mut most = vec![0; 255 * 32 + 1];
    assert_eq!(sm3::hkdf(b"k", b"", b"", &mut most), Err(Error::InvalidLength));
    assert!(most.iter().all(|&b| b == 0), "a refused output is untouched");
    most.pop();
    sm3::hkdf(b"k", b"", b"", &mut most).unwrap();
    assert_eq!(sm3::hkdf(b"k", b"", b"", &mut []), Ok(()));

    assert_eq!(sm3::pbkdf2(b"p", b"s", 0, &mut [0; 32]), Err(Error::InvalidScalar));
    assert_eq!(sm3::pbkdf2(b"p", b"s", 1, &mut []), Err(Error::InvalidLength));
}

#[test]
fn hmac_verify_refuses_every_other_tag() {
    let mac = || sm3::hmac::HmacSm3::new(b"key").chain(b"message");
    let tag = mac().finalize();
    assert!(bool::from(mac().verify(&tag)));
    for i in 0..tag.len() {
        for bit in 0..8 {
            let mut wrong = tag;
            wrong[i] ^= 1 << bit;
            assert!(!bool::from(mac().verify(&wrong)));
        }
        assert!(!bool::from(mac().verify(&tag[..i])), "a truncated tag is wrong");
    }
    let longer = [tag.as_slice(), &[0]].concat();
    assert!(!bool::from(mac().verify(&longer)));
    assert!(!bool::from(sm3::hmac::HmacSm3::new(b"kez").chain(b"message").verify(&tag)));
    assert!(!bool::from(sm3::hmac::HmacSm3::new(b"key").chain(b"messagf").verify(&tag)));
}

/// Every type that may hold a secret has something to do when it is dropped.
#[test]
fn states_are_wiped() {
    use core::mem::needs_drop;
    assert!(needs_drop::<sm3::Sm3>());
    assert!(needs_drop::<sm3::hmac::HmacKey>());
    assert!(needs_drop::<sm3::hmac::HmacSm3>());
}

const HKDF_A1: &str = "c69fe91b7aaee2dd5718d72dcaee0cce93f1b8e41f792da51261b6a517e68b36ed2c595572b01dfa359bc57c754245c6b5a5b974f538f7d23980f78114d63dab16bd84b9ecfd0a5d501ddfb97bc47d5a";
const HKDF_A3: &str = "c8c91a38ae2fb3b023a7c38ce9f0748f28230d59b6b950ba3ba949bf0d713a5774815778801741cb2034291acb392784c3fe1cd353149e62551c19803bf8beec7f5a0c18d7a17c9dd1a10e6daac5ac1a";
const PBKDF2: [(&str, &str, u32, &str); 6] = [
    ("password", "salt", 1, "4612f922a1fdcefaf4312fc6f8f3322b489cbf24f2ea361b44c2bd8fa2c6dcb0"),
    ("password", "salt", 2, "fee723a2bc966e11dffb66133f4e8df577383c78ade30e3298edbd3e54ed85b7"),
    ("password", "salt", 4096, "b6e8f2074c87432b78f62e5ced980fdff89e86af"),
    (
        "passwordPASSWORDpassword",
        "saltSALTsaltSALTsaltSALTsaltSALTsalt",
        1000,
        "505b53520344c90b4e30f10655014b171e9b291d0fd657d9be43839dc8a592113e7a0d5b4aac2f36e7f6d467c94b498383ea2de2750567de4c1053f9b0cf2817d8a5a76d9327510dd7ee0cbfbb943ffe",
    ),
    (
        "123456",
        "0123456789abcdef",
        10000,
        "410d221eb23b5e7ebd89f2dd0bc1ef3ba0876ce4cd0790f17a04c25f2288c35e28de5b434753c4734c28ad21ff2a001232d526ac2b3fdb8faf28c10fa3ec5888862699a938505585af593e72eb1b43bf668fb873542225f16057b3139c0deab1",
    ),
    (
        "long password long password long password long password long password long password ",
        "salt",
        3,
        "727543a7f66dc65583bd09eb6d793f78810b1ff4e11be02d3dca8bab1069489054",
    ),
];
