//! The PIN function against numbers that a plain program in another language gave, and its properties.

use std::{format, vec, vec::Vec};

use getrandom::SysRng;
use proptest::prelude::*;

use sm_primitives::PublicPoint;

use super::script::Script;
use crate::{
    Code, Error, KeyId, Pin,
    oprf::{OprfKey, blind},
};

const KEY_ID: KeyId = KeyId::from_bytes([0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15]);
const SALT: [u8; 16] = [0x5a; 16];

fn pin(digits: &str) -> Pin {
    Pin::new(digits).unwrap()
}

fn key(byte: u8) -> OprfKey {
    OprfKey::from_bytes(&[byte; 32]).unwrap()
}

fn point(bytes: &[u8; 64]) -> PublicPoint {
    PublicPoint::from_bytes(bytes).unwrap()
}

/// The whole exchange.
fn rwd(pin: &Pin, key_id: KeyId, salt: &[u8; 16], key: &OprfKey) -> [u8; 32] {
    let (alpha, waiting) = blind(pin, key_id, salt, &mut SysRng).unwrap();
    *waiting.finish(&key.evaluate(&point(&alpha)).to_bytes()).unwrap().expose_bytes()
}

fn array<const N: usize>(text: &str) -> [u8; N] {
    hex::decode(text).unwrap().try_into().unwrap()
}

#[test]
fn known_answer() {
    let pin = pin("123456");
    let (alpha, waiting) = blind(&pin, KEY_ID, &SALT, &mut Script::new(vec![0x33; 32])).unwrap();
    let expected = "bc7bcdb362c64ff68fe17424fe13e24abfc9d79bb9992de3d42f32edc9d16d1f\
        c461dc3b4afd141d719c2ab9a8b969e21a19cd506a8d219bb5f8e804e3dd654a";
    assert_eq!(alpha, array(expected));
    let beta = key(0x42).evaluate(&point(&alpha)).to_bytes();
    let expected = "2aa5166f121f7bb6b09797325e84c0d0a8806e4f10b4f5f2e757ab570943b174\
        0f8176fee7e9d68f582a1759a13d64f957f3a394326df1a42a992fe9266c6582";
    assert_eq!(beta, array(expected));
    let expected = "93827923c8bea8669fe0a7ec381c43becca6aa370bbb6b8222944eb2622289d8";
    assert_eq!(*waiting.finish(&beta).unwrap().expose_bytes(), array(expected));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(16))]

    #[test]
    fn other_pins_ids_salts_and_keys_give_others(
        digits in "[0-9]{6,32}", other in "[0-9]{6,32}", id: [u8; 16], salt: [u8; 16], k in 1u8..254
    ) {
        prop_assume!(digits != other);
        let (id, other_id) = (KeyId::from_bytes(id), KeyId::from_bytes(id.map(|byte| !byte)));
        let (pin, other) = (pin(&digits), pin(&other));
        let value = rwd(&pin, id, &salt, &key(k));
        prop_assert_eq!(value, rwd(&pin, id, &salt, &key(k)), "whatever the blinding");
        prop_assert_ne!(value, rwd(&other, id, &salt, &key(k)));
        prop_assert_ne!(value, rwd(&pin, other_id, &salt, &key(k)));
        prop_assert_ne!(value, rwd(&pin, id, &salt.map(|byte| !byte), &key(k)));
        prop_assert_ne!(value, rwd(&pin, id, &salt, &key(k + 1)));
    }
}

#[test]
fn a_blinded_pin_is_new_each_time() {
    let pin = pin("123456");
    let (first, _) = blind(&pin, KEY_ID, &SALT, &mut SysRng).unwrap();
    let (second, _) = blind(&pin, KEY_ID, &SALT, &mut SysRng).unwrap();
    assert_ne!(first, second);
}

#[test]
fn an_answer_that_is_no_point_is_refused() {
    let pin = pin("123456");
    let off_curve = [7; 64];
    let mut alias = PublicPoint::generator().to_bytes();
    alias[..32].fill(0xff);
    for beta in [off_curve, alias, [0; 64]] {
        let (_, waiting) = blind(&pin, KEY_ID, &SALT, &mut SysRng).unwrap();
        assert_eq!(waiting.finish(&beta).err(), Some(Error::InvalidMessage(Code::RespPoint)));
    }
}

#[test]
fn keys_are_read_back_in_range_only() {
    let key = OprfKey::random(&mut SysRng).unwrap();
    let again = OprfKey::from_bytes(&key.expose_bytes()).unwrap();
    let g = PublicPoint::generator();
    assert_eq!(key.evaluate(&g), again.evaluate(&g));
    let n = array("fffffffeffffffffffffffffffffffff7203df6b21c6052b53bbf40939d54123");
    for bytes in [[0; 32], n, [0xff; 32]] {
        assert!(OprfKey::from_bytes(&bytes).is_none());
    }
}

#[test]
fn a_broken_random_source_is_told() {
    let pin = pin("123456");
    assert_eq!(blind(&pin, KEY_ID, &SALT, &mut Script::new(Vec::new())).err(), Some(Error::RandomFailed));
    assert_eq!(OprfKey::random(&mut Script::new(Vec::new())).err(), Some(Error::RandomFailed));
}

#[test]
fn secrets_are_not_shown() {
    let pin = pin("123456");
    let (alpha, waiting) = blind(&pin, KEY_ID, &SALT, &mut SysRng).unwrap();
    assert_eq!(format!("{waiting:?} {:?}", key(1)), "Blinded(..) OprfKey(..)");
    assert_eq!(format!("{:?}", waiting.finish(&alpha).unwrap()), "Rwd(..)");
}
