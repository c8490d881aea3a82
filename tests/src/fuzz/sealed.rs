//! Envelopes and what they are sealed to.

use envelope::{
    Certificate, ContentKey, armor,
    cms::{Compat, Switch},
    enveloped_key, fuzzing, simple,
};
use sm_primitives::{
    Zeroizing,
    sm2::{PrivateKey, pke},
    sm4::Sm4,
};

use crate::{random::Seeded, seeds};

/// A recipient's certificate, DER or PEM.
pub(super) fn certificate(data: &[u8]) -> bool {
    fuzzing::certificate(data);
    Certificate::parse(data).is_ok()
}

/// A signed message, and one of type data.
pub(super) fn signed(data: &[u8]) -> bool {
    fuzzing::signed(data);
    simple::verify(Compat::STRICT, data, None, &[]).is_ok()
}

/// A whole encrypted message of any kind, opened under the content key of zeros: by the book, and with all that
/// compatibility permits.
pub(super) fn encrypted(data: &[u8]) -> bool {
    fuzzing::header(data);
    fuzzing::message(data);
    fuzzing::encrypted(data);
    let compat = Switch::ALL.into_iter().collect();
    let key = || ContentKey::from_bytes(Zeroizing::new(vec![0; ContentKey::LEN]));
    simple::open_signed(compat, data, &[], |_| key()).is_ok()
}

/// The text form, and the message in it.
pub(super) fn text(data: &[u8]) -> bool {
    armor::decode(data).is_ok_and(|message| encrypted(&message))
}

/// A private key in an envelope; the first byte says whether it comes as it is, or is sealed here.
pub(super) fn key(data: &[u8]) -> bool {
    match data.split_first() {
        Some((b'd', message)) => raw_key(message),
        Some((b's', contents)) => sealed_key(contents),
        _ => false,
    }
}

/// What opens is sealed and opened again.
fn raw_key(message: &[u8]) -> bool {
    let protection = protection_key();
    let Ok(key) = enveloped_key::open(message, &protection) else { return false };
    let again = enveloped_key::seal(&key, protection.public_key(), &mut Seeded::new(1)).unwrap();
    assert_eq!(enveloped_key::open(&again, &protection).unwrap().expose_bytes(), key.expose_bytes());
    true
}

/// One byte of length, so much of a wrapping key, and what is under it: opens exactly for a key of 16 bytes and the
/// private key of the public key beside it, alone or behind 32 zeros.
fn sealed_key(contents: &[u8]) -> bool {
    let Some((&len, rest)) = contents.split_first() else { return false };
    let (wrapping, contents) = rest.split_at(usize::from(len).min(rest.len()));
    let (protection, kept) = (protection_key(), kept_key());
    let Ok(wrapped) = pke::encrypt(protection.public_key(), wrapping, &mut Seeded::new(1)) else {
        return false;
    };
    let mut encrypted = contents.to_vec();
    if let Ok(wrapping) = wrapping.try_into() {
        Sm4::new(wrapping).encrypt_blocks(encrypted.as_chunks_mut().0);
    }
    let message = seeds::enveloped_key(&wrapped.to_der().unwrap(), kept.public_key(), &encrypted);
    let opens = enveloped_key::open(&message, &protection);
    let d = contents.strip_prefix(&[0; 32]).filter(|d| d.len() == 32).unwrap_or(contents);
    assert_eq!(opens.is_ok(), wrapping.len() == 16 && *d == kept.expose_bytes()[..]);
    opens.is_ok_and(|key| key.expose_bytes() == kept.expose_bytes())
}

/// What the target opens with.
pub(crate) fn protection_key() -> PrivateKey {
    PrivateKey::from_bytes(&[0x17; 32]).unwrap()
}

/// The key that is in its envelopes.
pub(crate) fn kept_key() -> PrivateKey {
    PrivateKey::from_bytes(&[0x42; 32]).unwrap()
}
