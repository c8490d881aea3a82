//! Small messages in one call.

use alloc::vec::Vec;

use sm_primitives::rand_core::TryCryptoRng;
use zeroize::Zeroizing;

use crate::armor;
use crate::cms::{Header, Quirks, Sealer};
use crate::der::SEQUENCE;
use crate::error::Error;
use crate::key::ContentKey;
use crate::recipient::{Identity, Recipient};

/// Seals `plaintext` for the recipients: a whole message in DER.
///
/// # Errors
/// As [`Sealer::start`].
pub fn seal(
    recipients: &[&dyn Recipient],
    plaintext: &[u8],
    rng: &mut (impl TryCryptoRng + ?Sized),
) -> Result<Vec<u8>, Error> {
    let mut message = Vec::new();
    let mut sealer = Sealer::start(recipients, plaintext.len() as u64, rng, &mut message)?;
    sealer.push(plaintext, &mut message)?;
    sealer.finish(&mut message)?;
    Ok(message)
}

/// Opens a whole message, DER or its text form, with the first identity that fits.
///
/// # Errors
/// [`Error::NoMatchingRecipient`], [`Error::WrongKey`], [`Error::InvalidMessage`], [`Error::DecryptionFailed`].
pub fn open(identities: &[&dyn Identity], message: &[u8]) -> Result<Zeroizing<Vec<u8>>, Error> {
    open_by(message, |header| header.unlock(identities)).map(|(plaintext, _)| plaintext)
}

/// Opens a whole message, DER or its text form, with the content key that `unlock` obtains for its header, and says
/// what was tolerated.
///
/// # Errors
/// Those of `unlock`; [`Error::InvalidMessage`], [`Error::DecryptionFailed`].
pub fn open_by(
    message: &[u8],
    unlock: impl FnOnce(&Header) -> Result<ContentKey, Error>,
) -> Result<(Zeroizing<Vec<u8>>, Quirks), Error> {
    if is_text(message) {
        return open_der(&armor::decode(message)?, unlock);
    }
    open_der(message, unlock)
}

/// A message begins with a SEQUENCE; text begins with none of the bytes of one.
fn is_text(message: &[u8]) -> bool {
    message.first().is_some_and(|first| *first != SEQUENCE && first.is_ascii())
}

fn open_der(
    message: &[u8],
    unlock: impl FnOnce(&Header) -> Result<ContentKey, Error>,
) -> Result<(Zeroizing<Vec<u8>>, Quirks), Error> {
    let (header, content) = Header::from_bytes(message)?;
    let key = unlock(&header)?;
    // No reallocation leaves plaintext behind: there is less of it than of `content`.
    let mut plaintext = Zeroizing::new(Vec::with_capacity(content.len()));
    let mut opener = header.open(key);
    opener.push(content, &mut plaintext)?;
    let quirks = opener.finish(&mut plaintext)?;
    Ok((plaintext, quirks))
}
