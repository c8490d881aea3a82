//! What a server may answer to the client. Data that begins with version and suite is taken as a whole answer,
//! anything else as the body of one with the right header.

use std::sync::OnceLock;

use cosign_core::{
    Digest, KeyId, MIN_ITERATIONS, Progress, Purpose, Suite, decrypt as decryption, keygen as generation,
    refresh as refreshment, sign as signing,
};
use sm_primitives::{
    SecretScalar,
    sm2::{Ciphertext, dsa, hazmat},
};

use super::{AT, OPENING_KEY, fixture};
use crate::random::Seeded;

const OPERATION_SID: std::ops::Range<usize> = 24..40;
const KEYGEN_SID: std::ops::Range<usize> = 20..36;

/// The answer to `frame` that the data stands for.
fn answer(data: &[u8], frame: &[u8], sid: std::ops::Range<usize>, count: Option<u16>) -> Vec<u8> {
    if data.starts_with(&[1, 1]) {
        return data.to_vec();
    }
    let count = count.map(u16::to_be_bytes);
    [&[1, 1, 0, 0][..], &frame[sid], count.as_ref().map_or(&[][..], |count| &count[..]), data].concat()
}

/// Answers to a request for two signatures. Its seeds hold the right one.
pub(super) fn sign(data: &[u8]) -> bool {
    let key = &fixture().sign;
    let digests = sign_digests();
    let (frame, waiting) = signing::start(key, &digests, AT, 1, &mut Seeded::new(11)).unwrap();
    let mut accepted = false;
    if let Ok(Progress::Done(signed)) = waiting.finish(&answer(data, &frame, OPERATION_SID, Some(2))) {
        accepted = true;
        assert_eq!(signed.signatures.len(), digests.len());
        for (digest, signature) in digests.iter().zip(&signed.signatures) {
            dsa::verify_digest(key.public_key(), digest.as_bytes(), signature).unwrap();
        }
    }
    accepted
}

/// What `sign` asks to be signed.
#[must_use]
pub fn sign_digests() -> [Digest; 2] {
    [Digest::reduce(&[1; 32]), Digest::reduce(&[0xff; 32])]
}

/// Answers to a request for two decryptions.
pub(super) fn decrypt(data: &[u8]) -> bool {
    let (frame, waiting) =
        decryption::start(&fixture().decrypt, decrypt_ciphertexts(), AT, &mut Seeded::new(12)).unwrap();
    let mut accepted = false;
    if let Ok(Progress::Done(opened)) = waiting.finish(&answer(data, &frame, OPERATION_SID, Some(2))) {
        accepted = true;
        let [first, second] = &opened.plaintexts[..] else { panic!("two plaintexts") };
        assert_eq!((&first[..], &second[..]), (&b"first"[..], &b"second"[..]));
    }
    accepted
}

/// What `decrypt` asks to be opened.
#[must_use]
pub fn decrypt_ciphertexts() -> &'static [Ciphertext; 2] {
    static CIPHERTEXTS: OnceLock<[Ciphertext; 2]> = OnceLock::new();
    CIPHERTEXTS.get_or_init(|| {
        let key = fixture().decrypt.public_key();
        [(b"first" as &[u8], 21), (b"second", 22)].map(|(message, seed)| {
            let nonce = SecretScalar::random(&mut Seeded::new(seed)).unwrap();
            hazmat::encrypt_with_nonce(key, message, nonce).unwrap()
        })
    })
}

/// Answers to the messages of a key generation: the first byte chooses K2, K4 or the answer to the activation.
pub(super) fn keygen(data: &[u8]) -> bool {
    let Some((&choice, data)) = data.split_first() else { return false };
    let fixture = fixture();
    let key_id = KeyId::from_bytes(OPENING_KEY);
    let mut rng = Seeded::new(13);
    if choice % 2 == 1 {
        let (frame, waiting) = generation::activate(&fixture.sign, &[0; 40], &mut rng).unwrap();
        return waiting.finish(&answer(data, &frame, KEYGEN_SID, None)).is_ok();
    }
    let (frame, waiting) = generation::start(key_id, Suite::D, Purpose::Sign, &mut rng).unwrap();
    let k2 = answer(data, &frame, KEYGEN_SID, None);
    let finished = waiting.finish(&k2, &fixture.pin, &fixture.device_key, MIN_ITERATIONS, &mut rng);
    let mut accepted = false;
    if let Ok((frame, waiting)) = finished {
        accepted = true;
        let k4 = answer(&[], &frame, KEYGEN_SID, None);
        let (record, key) = waiting.finish(&k4).unwrap();
        assert_eq!(record.public_key(), key.public_key());
    }
    accepted
}

/// Answers to the first message of a refresh. Slow: every session derives a new PIN mask.
pub(super) fn refresh(data: &[u8]) -> bool {
    let fixture = fixture();
    let (frame, waiting) = refreshment::start(
        &fixture.sign,
        &fixture.pin,
        &fixture.device_key,
        MIN_ITERATIONS,
        AT,
        &mut Seeded::new(14),
    )
    .unwrap();
    let answer = answer(data, &frame, OPERATION_SID, Some(1));
    let mut accepted = false;
    if let Ok(Progress::Done(renewed)) = waiting.finish(&answer, &fixture.device_key) {
        accepted = true;
        assert_eq!(renewed.record.epoch(), fixture.sign.epoch() + 1);
        assert_eq!(renewed.record.public_key(), fixture.sign.public_key());
    }
    accepted
}
