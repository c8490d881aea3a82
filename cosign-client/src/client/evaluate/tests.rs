use cosign_core::{Digest, Op, Purpose, Suite};
use sm_primitives::sm2::pke;

use super::*;
use crate::{
    client::session,
    testing::{Fate, Link, Model, device_key, pin},
};

const PIN: &str = "271828";
const WRONG: &str = "314159";

fn key(suite: Suite, purpose: Purpose) -> (Link, LocalRecord) {
    let mut model = Model::new();
    model.mode = PinMode::Oblivious;
    let (record, _) = model.keygen(1, suite, purpose, &pin(PIN), &device_key());
    (Link::new(model), record)
}

fn unlocked(link: &Link, record: &LocalRecord, digits: &str) -> Result<ClientKey, Error> {
    unlock(link, record, &Credentials { pin: pin(digits), device: device_key() })
}

fn sign(link: &Link, key: &ClientKey) -> Result<u8, Error> {
    session::sign(link, key, &[Digest::reduce(&[7; 32])], || 1).map(|signed| signed.failures)
}

fn wrong_pins(link: &Link) -> u8 {
    link.model.borrow().keys.values().next().unwrap().gate.total
}

#[test]
fn an_unlocked_key_signs_and_its_attempt_is_given_back() {
    for (suite, first) in [(Suite::D, Op::Sign), (Suite::F2, Op::Commit)] {
        let (link, record) = key(suite, Purpose::Sign);
        let key = unlocked(&link, &record, PIN).unwrap();
        assert_eq!(wrong_pins(&link), 1, "until its first request");
        for _ in 0..2 {
            assert_eq!(sign(&link, &key).unwrap(), 0);
            assert_eq!(wrong_pins(&link), 0);
        }
        let ops: Vec<u8> = link.seen.borrow().iter().map(|frame| frame[2]).collect();
        assert_eq!(ops[..2], [Op::Evaluate.byte(), first.byte()]);
        assert_eq!(ops.iter().filter(|op| **op == Op::Evaluate.byte()).count(), 1);
    }
}

#[test]
fn an_unlocked_key_decrypts() {
    let (link, record) = key(Suite::D, Purpose::Encrypt);
    let key = unlocked(&link, &record, PIN).unwrap();
    let ciphertext = pke::encrypt(key.public_key(), b"bid", &mut SysRng).unwrap();
    let decrypted = session::decrypt(&link, &key, &[ciphertext]).unwrap();
    assert_eq!((&decrypted.plaintexts[0][..], decrypted.failures), (&b"bid"[..], 0));
}

#[test]
fn a_wrong_pin_is_counted_once_and_shown_to_the_owner() {
    let (link, record) = key(Suite::D, Purpose::Sign);
    let wrong = unlocked(&link, &record, WRONG).unwrap();
    assert!(matches!(sign(&link, &wrong), Err(Error::WrongPin { remaining: 9, retry_s: 0 })));
    assert_eq!(wrong_pins(&link), 1);
    assert_eq!(sign(&link, &unlocked(&link, &record, PIN).unwrap()).unwrap(), 1);
}

#[test]
fn a_wait_and_a_lock_come_before_the_evaluation() {
    let (link, record) = key(Suite::D, Purpose::Sign);
    for _ in 0..5 {
        let wrong = unlocked(&link, &record, WRONG).unwrap();
        assert!(matches!(sign(&link, &wrong), Err(Error::WrongPin { .. })));
    }
    let sixth = unlocked(&link, &record, WRONG).and_then(|wrong| sign(&link, &wrong));
    assert!(matches!(sixth, Err(Error::WrongPin { remaining: 5 | 4, retry_s: 1.. })), "{sixth:?}");
    let counted = wrong_pins(&link);
    assert!(matches!(unlocked(&link, &record, PIN), Err(Error::WrongPin { retry_s: 1.., .. })));
    assert_eq!(wrong_pins(&link), counted);
}

#[test]
fn a_busy_server_gets_the_identical_frame() {
    let (link, record) = key(Suite::D, Purpose::Sign);
    link.meets(0, Fate::Busy);
    let key = unlocked(&link, &record, PIN).unwrap();
    {
        let seen = link.seen.borrow();
        assert_eq!(seen.len(), 2);
        assert_eq!(seen[0], seen[1]);
    }
    sign(&link, &key).unwrap();
    assert_eq!(wrong_pins(&link), 0);
}

/// A server that lost the session so many times.
struct Restarted<'a> {
    link: &'a Link,
    left: std::cell::Cell<usize>,
}

impl Exchange for Restarted<'_> {
    fn exchange(&self, frame: &[u8], deadline: std::time::Instant) -> Result<Vec<u8>, Error> {
        let Some(left) = self.left.get().checked_sub(1) else { return self.link.exchange(frame, deadline) };
        self.left.set(left);
        Ok([&[1, frame[1], 0x10, 0], &frame[24..40], &[0, 0]].concat())
    }
}

#[test]
fn a_lost_session_is_replaced() {
    let (link, record) = key(Suite::D, Purpose::Sign);
    let credentials = Credentials { pin: pin(PIN), device: device_key() };
    let server = Restarted { link: &link, left: (SESSIONS - 1).into() };
    sign(&link, &unlock(&server, &record, &credentials).unwrap()).unwrap();
    server.left.set(SESSIONS);
    let error = unlock(&server, &record, &credentials).unwrap_err();
    assert!(matches!(error, Error::Refused(cosign_core::Code::Session)), "{error:?}");
}

#[test]
fn a_record_of_another_device_asks_nobody() {
    let (link, record) = key(Suite::D, Purpose::Sign);
    let other = Credentials { pin: pin(PIN), device: cosign_core::DeviceKey::from_bytes([6; 32]) };
    assert!(matches!(unlock(&link, &record, &other), Err(Error::ForeignRecord(_))));
    assert_eq!(link.sent(), 0);
    let empty = Credentials { pin: pin(""), device: device_key() };
    assert!(matches!(unlock(&link, &record, &empty), Err(Error::PinFormat)));
    assert_eq!(link.sent(), 0);
}
