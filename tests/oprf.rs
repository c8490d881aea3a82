//! Hashing to the curve against RFC 9380 step by step, and the function of a PIN against the textbook.
#![expect(clippy::unwrap_used, reason = "a failure is a failed test")]

use aws_lc_rs::digest::{SHA256, digest};
use cosign_core::{
    KeyId, Pin,
    oprf::{OprfKey, blind},
};
use cosign_tests::{
    naive::{
        self,
        oprf::{Suite, evaluate, to_bytes},
    },
    random::Seeded,
};
use num_bigint::BigUint;
use proptest::prelude::*;
use sm_primitives::{PublicPoint, SecretScalar, hash2curve::hash_to_curve};

fn number(hex: &str) -> BigUint {
    naive::int(&hex::decode(hex).unwrap())
}

/// `P256_XMD:SHA-256_SSWU_RO_`.
fn p256() -> Suite {
    let p = number("ffffffff00000001000000000000000000000000ffffffffffffffffffffffff");
    Suite {
        z: &p - 10u32,
        p,
        b: number("5ac635d8aa3a93e7b3ebbd55769886bc651d06b0cc53b0f63bce3c3e27d2604b"),
        hash: |message| digest(&SHA256, message).as_ref().try_into().unwrap(),
    }
}

/// The messages of RFC 9380, appendix J.1.1, with the x and y that it gives.
const P256_POINTS: [(&str, usize, &str, &str); 5] = [
    (
        "",
        0,
        "2c15230b26dbc6fc9a37051158c95b79656e17a1a920b11394ca91c44247d3e4",
        "8a7a74985cc5c776cdfe4b1f19884970453912e9d31528c060be9ab5c43e8415",
    ),
    (
        "abc",
        0,
        "0bb8b87485551aa43ed54f009230450b492fead5f1cc91658775dac4a3388a0f",
        "5c41b3d0731a27a7b14bc0bf0ccded2d8751f83493404c84a88e71ffd424212e",
    ),
    (
        "abcdef0123456789",
        0,
        "65038ac8f2b1def042a5df0b33b1f4eca6bff7cb0f9c6c1526811864e544ed80",
        "cad44d40a656e7aff4002a8de287abc8ae0482b5ae825822bb870d6df9b56ca3",
    ),
    (
        "q128_",
        128,
        "4be61ee205094282ba8a2042bcb48d88dfbb609301c49aa8b078533dc65a0b5d",
        "98f8df449a072c4721d241a3b1236d3caccba603f916ca680f4539d2bfb3c29e",
    ),
    (
        "a512_",
        512,
        "457ae2981f70ca85d8e24c308b14db22f3e3862c5ea0f652ca38b5e49cd64bc5",
        "ecb9f0eadc9aeed232dabc53235368c1394c78de05dd96893eefa62b0f4757dc",
    ),
];

#[test]
fn the_textbook_gives_the_points_of_the_rfc() {
    let tag = b"QUUX-V01-CS02-with-P256_XMD:SHA-256_SSWU_RO_";
    for (message, repeated, x, y) in P256_POINTS {
        let message = [message, &message.get(..1).unwrap_or_default().repeat(repeated)].concat();
        let point = p256().hash_to_curve(message.as_bytes(), tag);
        assert_eq!(point, Some((number(x), number(y))), "{message}");
    }
}

/// -10 for P-256, as in the RFC; -9 for SM2.
#[test]
fn z_is_what_the_search_finds() {
    assert_eq!(p256().find_z(), p256().z);
    assert_eq!(Suite::sm2().find_z(), Suite::sm2().z);
}

/// Where the map has no inverse to take: the points that the unit tests of the map know.
#[test]
fn exceptional_elements() {
    let suite = Suite::sm2();
    let third = BigUint::from(3u32).modinv(&suite.p).unwrap();
    let x = number("993812c2e964b7a31f4f35452d9b7222aa35051b7294938ac5d7953b4eb9a1b9");
    let y = number("0eedd629f902912ebf636387adc86a3b18e8f1a1dff8349972a509e7ec5938a8");
    let minus = [&suite.p - &third, &suite.p - &y];
    assert_eq!(suite.map_to_curve(&BigUint::ZERO), (x.clone(), y.clone()));
    assert_eq!(suite.map_to_curve(&third), (x.clone(), y));
    let [u, y] = minus;
    assert_eq!(suite.map_to_curve(&u), (x, y));

    let x = number("b8e2fb07009096cb94b7092ebe8202a125bdbc5ffe162b4d283740595eb2fe55");
    let y = number("685c894241c17539db345e5bf7357770a831e1d39ce8e9f7c99775790eed4169");
    assert_eq!(suite.map_to_curve(&BigUint::from(1u32)), (x, y));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn points(message: Vec<u8>, cut: prop::sample::Index, tag in prop::collection::vec(any::<u8>(), 1..256), k: [u8; 48]) {
        let (head, tail) = message.split_at(cut.index(message.len() + 1));
        let ours = hash_to_curve(&[head, tail], &tag).unwrap();
        let expected = to_bytes(&Suite::sm2().hash_to_curve(&message, &tag).unwrap());
        prop_assert_eq!(*ours.expose_bytes(), expected);
        let k = SecretScalar::from_wide(&k);
        let product = PublicPoint::from_bytes(&expected).unwrap().mul(&k);
        prop_assert_eq!(ours.mul(&k).declassify(), product);
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(8))]

    #[test]
    fn pins(digits in "([0-9]{6,32})?", id: [u8; 16], salt: [u8; 16], seed: u64) {
        let (pin, mut rng) = (Pin::new(&digits).unwrap(), Seeded::new(seed));
        let key = OprfKey::random(&mut rng).unwrap();
        let (alpha, waiting) = blind(&pin, KeyId::from_bytes(id), &salt, &mut rng).unwrap();
        let beta = key.evaluate(&PublicPoint::from_bytes(&alpha).unwrap());
        let rwd = waiting.finish(&beta.to_bytes()).unwrap();
        prop_assert_eq!(*rwd.expose_bytes(), evaluate(&digits, &id, &salt, &naive::int(&key.expose_bytes()[..])));
    }
}
