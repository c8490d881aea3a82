//! Every way to write an SM2 key, and what only looks like one.

use getrandom::SysRng;
use pki::SubjectKey;
use sm_primitives::sm2::PrivateKey;

use crate::issuer::{oid, seq, tlv};

const P: &str = "00fffffffeffffffffffffffffffffffffffffffff00000000ffffffffffffffff";
const A: &str = "fffffffeffffffffffffffffffffffffffffffff00000000fffffffffffffffc";
const B: &str = "28e9fa9e9d9f5e344d5a9e4bcf6509a7f39789f515ab8f92ddbcbd414d940e93";
const G: &str = "0432c4ae2c1f1981195f9904466a39c9948fe30bbff2660be1715a4589334c74c7bc3736a2f4f6779c59bdcee36b692153d0a9877cc62a474002df32e52139f0a0";
const N: &str = "00fffffffeffffffffffffffffffffffff7203df6b21c6052b53bbf40939d54123";

/// ECParameters.
fn spelt_out(p: &str, a: &str, b: &str, g: &str, n: &str, cofactor: &[u8]) -> Vec<u8> {
    let bytes = |text: &str| hex::decode(text).unwrap();
    seq(&[
        &[2, 1, 1],
        &seq(&[&oid("1.2.840.10045.1.1"), &tlv(2, &[&bytes(p)])]),
        &seq(&[&tlv(4, &[&bytes(a)]), &tlv(4, &[&bytes(b)])]),
        &tlv(4, &[&bytes(g)]),
        &tlv(2, &[&bytes(n)]),
        cofactor,
    ])
}

fn spki(algorithm: &str, parameters: &[u8], point: &[u8]) -> Vec<u8> {
    seq(&[&seq(&[&oid(algorithm), parameters]), &tlv(3, &[&[0], point])])
}

const EC: &str = "1.2.840.10045.2.1";
const SM2: &str = "1.2.156.10197.1.301";

#[test]
fn every_way_to_write_a_key() {
    let key = *PrivateKey::generate(&mut SysRng).unwrap().public_key();
    let point = key.as_point().to_sec1();
    let compressed = [&[2 + (point[64] & 1)], &point[1..33]].concat();
    let full = || spelt_out(P, A, B, G, N, &[2, 1, 1]);
    let base = hex::decode(G).unwrap();
    let short_base = hex::encode([&[2 + (base[64] & 1)], &base[1..33]].concat());
    for der in [
        key.to_spki_der(),
        spki(EC, &oid(SM2), &compressed),
        spki(EC, &full(), &point),
        spki(EC, &spelt_out(P, A, B, G, N, &[]), &point),
        spki(EC, &spelt_out(P, A, B, &short_base, N, &[2, 1, 1]), &point),
        spki(SM2, &[], &point),
        spki(SM2, &[5, 0], &point),
        spki(SM2, &oid(SM2), &point),
    ] {
        assert_eq!(SubjectKey::from_spki_der(&der), Ok(SubjectKey::Sm2(key)), "{}", hex::encode(der));
    }
}

/// With a base point of his own choice anybody has a private key for any public key.
#[test]
fn a_curve_with_one_other_number_is_another() {
    let key = *PrivateKey::generate(&mut SysRng).unwrap().public_key();
    let point = key.as_point().to_sec1();
    let own_base = hex::encode(point);
    let changed = |text: &str| text.replace("ff00", "fe00").replace("28e9", "28e8").replace("54123", "54125");
    for parameters in [
        spelt_out(P, A, B, &own_base, N, &[2, 1, 1]),
        spelt_out(&changed(P), A, B, G, N, &[2, 1, 1]),
        spelt_out(P, &changed(A), B, G, N, &[2, 1, 1]),
        spelt_out(P, A, &changed(B), G, N, &[2, 1, 1]),
        spelt_out(P, A, B, G, &changed(N), &[2, 1, 1]),
        spelt_out(P, A, B, G, N, &[2, 1, 2]),
    ] {
        let read = SubjectKey::from_spki_der(&spki(EC, &parameters, &point)).unwrap();
        assert!(matches!(read, SubjectKey::Other { curve: None, .. }));
        assert_eq!(read.to_string(), "EC");
    }
    let p256 = SubjectKey::from_spki_der(&spki(EC, &oid("1.2.840.10045.3.1.7"), &point)).unwrap();
    assert!(matches!(p256, SubjectKey::Foreign(_)), "a foreign key is not checked before it verifies");
    assert_eq!(p256.to_string(), "EC on P-256");
    let p521 = SubjectKey::from_spki_der(&spki(EC, &oid("1.3.132.0.35"), &point)).unwrap();
    assert_eq!(p521.to_string(), "EC on 1.3.132.0.35");
    let rsa = SubjectKey::from_spki_der(&spki("1.2.840.113549.1.1.1", &[5, 0], b"key")).unwrap();
    assert_eq!((rsa.to_string().as_str(), rsa.sm2()), ("RSA", None));
    let mut off = point;
    off[64] ^= 1;
    assert!(SubjectKey::from_spki_der(&spki(EC, &oid(SM2), &off)).is_err(), "not on the curve");
}
