//! Envelopes and what they are sealed to.

use envelope::{Certificate, ContentKey, armor, cms::Header, fuzzing, simple};
use sm_primitives::Zeroizing;

/// A recipient's certificate, DER or PEM.
pub(super) fn certificate(data: &[u8]) -> bool {
    fuzzing::certificate(data);
    Certificate::parse(data).is_ok()
}

/// The header of a message.
pub(super) fn header(data: &[u8]) -> bool {
    fuzzing::header(data);
    Header::from_bytes(data).is_ok()
}

/// A whole message, opened under the content key of zeros.
pub(super) fn message(data: &[u8]) -> bool {
    fuzzing::message(data);
    let key = || ContentKey::from_bytes(Zeroizing::new(vec![0; ContentKey::LEN]));
    simple::open_by(data, |_| key()).is_ok()
}

/// The text form, and the message in it.
pub(super) fn text(data: &[u8]) -> bool {
    fuzzing::text(data);
    armor::decode(data).is_ok_and(|message| self::message(&message))
}
