//! Key recovery: an imported decryption key works after its first refresh, and each check on the way.

use std::vec::Vec;

use getrandom::SysRng;
use sm_primitives::{
    SecretScalar,
    point::PublicPoint,
    sm2::{PrivateKey, pke},
};

use super::{
    life::{NOW, done, pin},
    model::{Model, OTHER, OWN},
};
use crate::{
    ClientKey, Code, DeviceKey, Error, KeyId, MIN_ITERATIONS, PinMode, Purpose, Suite, decrypt, import,
    refresh,
    server::{Issued, Origin, Status},
};

const KEY: KeyId = KeyId::from_bytes([10; 16]);

fn issued(private_key: &PrivateKey) -> Issued {
    let origin = Origin::Recovered(*private_key.public_key());
    Issued { device: OWN, suite: Suite::D, purpose: Purpose::Encrypt, mode: PinMode::Base, origin }
}

/// A server that waits for this key.
fn server(private_key: &PrivateKey) -> Model {
    let mut model = Model::new([5; 32]);
    model.issued.insert(KEY, issued(private_key));
    model
}

fn imported(model: &mut Model, private_key: &PrivateKey) -> Result<ClientKey, Error> {
    let waiting = import::start(KEY, Suite::D, PinMode::Base, private_key, &mut SysRng).unwrap();
    let answer = model.handle(waiting.frame(), &OWN, NOW, &mut SysRng);
    waiting.finish(&answer)
}

#[test]
fn a_recovered_key_decrypts_after_its_refresh() {
    let private_key = PrivateKey::generate(&mut SysRng).unwrap();
    let mut model = server(&private_key);
    let ciphertext = pke::encrypt(private_key.public_key(), b"bid", &mut SysRng).unwrap();
    let travelled = imported(&mut model, &private_key).unwrap();
    assert_eq!(model.keys[&KEY].status, Status::Arriving);
    let (frame, waiting) =
        decrypt::start(&travelled, core::slice::from_ref(&ciphertext), NOW, &mut SysRng).unwrap();
    let answer = model.handle(&frame, &OWN, NOW, &mut SysRng);
    assert_eq!(waiting.finish(&answer).unwrap_err().code(), Some(Code::Key));

    let (new, device_key) = (pin("314159"), DeviceKey::random(&mut SysRng).unwrap());
    let (r1, waiting) =
        refresh::start(&travelled, &new, &device_key, MIN_ITERATIONS, NOW, &mut SysRng).unwrap();
    let r2 = model.handle(&r1, &OWN, NOW, &mut SysRng);
    let share = done(waiting.finish(&r2, &device_key));
    let stored = share.record.to_bytes();
    let (r3, waiting) = share.confirm(&stored[..], &new, &device_key, NOW, &mut SysRng).unwrap();
    let r4 = model.handle(&r3, &OWN, NOW, &mut SysRng);
    assert_eq!(done(waiting.finish(&r4)), refresh::Confirmation::Active { failures: 0 });

    let key = share.record.unlock(&new, &device_key).unwrap();
    let (frame, waiting) = decrypt::start(&key, &[ciphertext], NOW, &mut SysRng).unwrap();
    let answer = model.handle(&frame, &OWN, NOW, &mut SysRng);
    assert_eq!(done(waiting.finish(&answer)).plaintexts[0][..], b"bid"[..]);
}

#[test]
fn an_import_is_for_the_key_id_that_was_issued_for_it() {
    let private_key = PrivateKey::generate(&mut SysRng).unwrap();
    let other_key = PrivateKey::generate(&mut SysRng).unwrap();
    let good = issued(&private_key);
    let wrong = [
        Issued { device: OTHER, ..good },
        Issued { suite: Suite::F2, ..good },
        Issued { purpose: Purpose::Sign, ..good },
        Issued { origin: Origin::Generated, ..good },
        Issued { origin: Origin::Split(KEY), ..good },
    ];
    for issued in wrong {
        let mut model = server(&private_key);
        model.issued.insert(KEY, issued);
        let error = imported(&mut model, &private_key).unwrap_err();
        assert_eq!(error.code(), Some(Code::Key), "{issued:?}");
        assert!(model.keys.is_empty());
    }
    let mut model = server(&other_key);
    assert_eq!(imported(&mut model, &private_key).unwrap_err().code(), Some(Code::Proof), "another key's");
    model.issued.clear();
    assert_eq!(imported(&mut model, &private_key).unwrap_err().code(), Some(Code::Key), "unknown");
    let mut model = server(&private_key);
    imported(&mut model, &private_key).unwrap();
    assert_eq!(imported(&mut model, &private_key).unwrap_err().code(), Some(Code::Key), "used up");
}

/// `PA` 36, `A` 100, `z` 164, `dB` 196, `K_auth` 228, `P` 260.
#[test]
fn an_import_is_checked_field_by_field() {
    let private_key = PrivateKey::generate(&mut SysRng).unwrap();
    let waiting = import::start(KEY, Suite::D, PinMode::Base, &private_key, &mut SysRng).unwrap();
    let frame = waiting.frame().to_vec();
    assert_eq!(frame.len(), 324);
    let status = |change: &dyn Fn(&mut Vec<u8>)| {
        let mut frame = frame.clone();
        change(&mut frame);
        let mut model = server(&private_key);
        let answer = model.handle(&frame, &OWN, NOW, &mut SysRng);
        assert_eq!(model.keys.is_empty(), answer[2] != 0);
        answer[2]
    };
    let put = |at: usize, bytes: &'static [u8]| {
        status(&move |frame: &mut Vec<u8>| frame[at..at + bytes.len()].copy_from_slice(bytes))
    };
    for at in [36, 100, 260] {
        assert_eq!(put(at, &[9; 64]), Code::Point.byte(), "off the curve at {at}");
    }
    assert_eq!(put(164, &[0xff; 32]), Code::Proof.byte());
    assert_eq!(put(164, &[9; 32]), Code::Proof.byte());
    assert_eq!(put(196, &[0xff; 32]), Code::Proof.byte());
    assert_eq!(put(196, &[0; 32]), Code::Proof.byte());
    assert_eq!(put(196, &[9; 32]), Code::Proof.byte(), "shares of another key");
    assert_eq!(status(&|frame| frame[20] ^= 1), Code::Proof.byte(), "the proof is of one session");
    let other = PublicPoint::mul_base(&SecretScalar::from_wide(&[7; 48])).to_bytes();
    assert_eq!(status(&|frame| frame[260..].copy_from_slice(&other)), Code::Proof.byte());
    assert_eq!(status(&|frame| frame.push(0)), Code::Length.byte());
    assert_eq!(status(&|frame| frame.truncate(323)), Code::Length.byte());
    assert_eq!(status(&|_| ()), 0);
}

#[test]
fn the_answer_to_an_import_has_no_body() {
    let private_key = PrivateKey::generate(&mut SysRng).unwrap();
    let mut model = server(&private_key);
    let waiting = import::start(KEY, Suite::D, PinMode::Base, &private_key, &mut SysRng).unwrap();
    let mut answer = model.handle(waiting.frame(), &OWN, NOW, &mut SysRng);
    answer.push(0);
    assert_eq!(waiting.finish(&answer).unwrap_err(), Error::InvalidMessage(Code::Length));
}
