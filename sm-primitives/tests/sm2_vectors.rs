//! Published and foreign test vectors: GB/T 32918.5-2017 Annex A, GmSSL, Tongsuo.

#![expect(clippy::unwrap_used, reason = "helpers of tests")]

use serde_json::Value;
use sm_primitives::{
    Scalar, SecretScalar,
    sm2::{Ciphertext, DistId, PrivateKey, PublicKey, Signature, dsa, hazmat, pke},
};

fn array<const N: usize>(hex_digits: &str) -> [u8; N] {
    hex::decode(hex_digits).unwrap().try_into().unwrap()
}

fn cases(file: &str) -> Vec<Value> {
    let path = format!("{}/../tests/vectors/{file}", env!("CARGO_MANIFEST_DIR"));
    serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap()
}

fn text<'a>(case: &'a Value, name: &str) -> &'a str {
    case[name].as_str().unwrap()
}

fn bytes(case: &Value, name: &str) -> Vec<u8> {
    hex::decode(text(case, name)).unwrap()
}

fn key_pair(case: &Value) -> PrivateKey {
    let key = PrivateKey::from_bytes(&array(text(case, "priv"))).unwrap();
    assert_eq!(key.public_key().as_point().to_sec1().as_slice(), bytes(case, "pub"));
    key
}

/// GB/T 32918.5-2017, clauses A.1 and A.2.
#[test]
fn standard_signature() {
    let key =
        PrivateKey::from_bytes(&array("3945208F7B2144B13F36E38AC6D39F95889393692860B51A42FB81EF4DF7C5B8"))
            .unwrap();
    let public = "09F9DF311E5421A150DD7D161E4BC5C672179FAD1833FC076BB08FF356F35020\
                  CCEA490CE26775A52DC6EA718CC1AA600AED05FBF35E084A6632F6072DA9AD13";
    assert_eq!(key.public_key().as_point().to_bytes(), array(public));

    let id = DistId::default();
    let z = array("B2E14C5C79C6DF5B85F4FE7ED8DB7A262B9DA7E07CCB0EA9F4747B8CCDA8A4F3");
    assert_eq!(id.z(key.public_key()), z);
    let e = array("F0B43E94BA45ACCAACE692ED534382EB17E6AB5A19CE7B31F4486FDFC0D28640");
    assert_eq!(id.digest(key.public_key(), b"message digest"), e);

    let k =
        SecretScalar::from_bytes(&array("59276E27D506861A16680F3AD9C02DCCEF3CC1FA3CDBE4CE6D54B80DEAC1BC21"));
    let signature = hazmat::sign_digest_with_nonce(&key, &e, k.unwrap()).unwrap();
    let expected = "F5A03B0648D2C4630EEAC513E1BB81A15944DA3827D5B74143AC7EACEEE720B3\
                    B1B6AA29DF212FD8763182BC0D421CA1BB9038FD1F7F42D4840B69C485BBC1AA";
    assert_eq!(signature.to_bytes(), array(expected));
    assert_eq!(dsa::verify(key.public_key(), &id, b"message digest", &signature), Ok(()));
}

/// GB/T 32918.5-2017, clause A.3.
#[test]
fn standard_encryption() {
    let key =
        PrivateKey::from_bytes(&array("3945208F7B2144B13F36E38AC6D39F95889393692860B51A42FB81EF4DF7C5B8"))
            .unwrap();
    let k =
        SecretScalar::from_bytes(&array("59276E27D506861A16680F3AD9C02DCCEF3CC1FA3CDBE4CE6D54B80DEAC1BC21"));
    let ciphertext =
        hazmat::encrypt_with_nonce(key.public_key(), b"encryption standard", k.unwrap()).unwrap();
    let expected = "0404EBFC718E8D1798620432268E77FEB6415E2EDE0E073C0F4F640ECD2E149A73\
                    E858F9D81E5430A57B36DAAB8F950A3C64E6EE6A63094D99283AFF767E124DF0\
                    59983C18F809E262923C53AEC295D30383B54E39D609D160AFCB1908D0BD8766\
                    21886CA989CA9C7D58087307CA93092D651EFA";
    assert_eq!(hex::encode_upper(ciphertext.to_c1c3c2()), expected);
    assert_eq!(*pke::decrypt(&key, &ciphertext).unwrap(), b"encryption standard");
}

fn check_signatures(file: &str) {
    let cases = cases(file);
    assert_eq!(cases.len(), 30);
    for case in cases {
        let key = key_pair(&case);
        let id = DistId::new(text(&case, "id").as_bytes()).unwrap();
        let message = bytes(&case, "msg");
        let e = id.digest(key.public_key(), &message);
        assert_eq!(id.z(key.public_key()).as_slice(), bytes(&case, "z"));
        assert_eq!(e.as_slice(), bytes(&case, "e"));

        let k = SecretScalar::from_bytes(&array(text(&case, "k"))).unwrap();
        let signature = hazmat::sign_digest_with_nonce(&key, &e, k).unwrap();
        assert_eq!(signature.r().to_bytes().as_slice(), bytes(&case, "r"));
        assert_eq!(signature.s().to_bytes().as_slice(), bytes(&case, "s"));
        assert_eq!(signature.to_der(), bytes(&case, "sig_der"));
        assert_eq!(Signature::from_der(&bytes(&case, "sig_der")), Ok(signature));
        assert_eq!(dsa::verify(key.public_key(), &id, &message, &signature), Ok(()));

        let changed = Signature::from_scalars(*signature.r(), *signature.s() + Scalar::ONE).unwrap();
        assert!(dsa::verify(key.public_key(), &id, &message, &changed).is_err());
    }
}

#[test]
fn gmssl_signatures() {
    check_signatures("gmssl-sm2-sign.json");
}

#[test]
fn tongsuo_signatures() {
    check_signatures("tongsuo-sm2-sign.json");
}

fn check_ciphertexts(file: &str) {
    let cases = cases(file);
    assert_eq!(cases.len(), 30);
    for case in cases {
        let key = key_pair(&case);
        let ciphertext = Ciphertext::from_der(&bytes(&case, "ct_der")).unwrap();
        assert_eq!(ciphertext.to_der().unwrap(), bytes(&case, "ct_der"));
        assert_eq!(ciphertext.to_c1c3c2(), bytes(&case, "c1c3c2"));
        assert_eq!(Ciphertext::from_c1c3c2(&bytes(&case, "c1c3c2")).as_ref(), Ok(&ciphertext));
        assert_eq!(*pke::decrypt(&key, &ciphertext).unwrap(), bytes(&case, "msg"));

        let other = PublicKey::from(*ciphertext.c1());
        assert_ne!(&other, key.public_key());
    }
}

#[test]
fn gmssl_ciphertexts() {
    check_ciphertexts("gmssl-sm2-encrypt.json");
}

#[test]
fn tongsuo_ciphertexts() {
    check_ciphertexts("tongsuo-sm2-encrypt.json");
}
