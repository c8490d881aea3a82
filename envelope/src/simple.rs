//! Small messages in one call.

use alloc::borrow::Cow;
use alloc::vec::Vec;

use sm_primitives::rand_core::TryCryptoRng;
use sm_primitives::sm2::Signature;
use zeroize::Zeroizing;

use crate::armor;
use crate::certificate::Certificate;
use crate::cms::{
    Compat, Dialect, Header, Opener, PlainHeader, Quirks, Sealer, Sealing, SignatureSet, SignedWriter,
    Signer, Signing, Verdict,
};
use crate::der::SEQUENCE;
use crate::error::{ApiMisuse, Error, InvalidSignature};
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
    seal_with(&Sealing::default(), recipients, plaintext, rng)
}

/// As [`seal`], with a choice of cipher and dialect.
///
/// # Errors
/// As [`Sealer::start_with`].
pub fn seal_with(
    sealing: &Sealing,
    recipients: &[&dyn Recipient],
    plaintext: &[u8],
    rng: &mut (impl TryCryptoRng + ?Sized),
) -> Result<Vec<u8>, Error> {
    let mut message = Vec::new();
    let mut sealer = Sealer::start_with(sealing, recipients, plaintext.len() as u64, rng, &mut message)?;
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
    open_with(Compat::STRICT, message, unlock)
}

/// As [`open_by`], with compatibility switches.
///
/// # Errors
/// As [`open_by`].
pub fn open_with(
    compat: Compat,
    message: &[u8],
    unlock: impl FnOnce(&Header) -> Result<ContentKey, Error>,
) -> Result<(Zeroizing<Vec<u8>>, Quirks), Error> {
    let (opener, mut plaintext) = decrypt(compat, message, unlock)?;
    let quirks = opener.finish(&mut plaintext)?;
    Ok((plaintext, quirks))
}

/// Decrypts a whole message. What comes of it counts when the opener has finished.
fn decrypt(
    compat: Compat,
    message: &[u8],
    unlock: impl FnOnce(&Header) -> Result<ContentKey, Error>,
) -> Result<(Opener, Zeroizing<Vec<u8>>), Error> {
    let message = binary(message)?;
    let (header, content) = Header::from_bytes_with(compat, &message)?;
    let key = unlock(&header)?;
    // No reallocation leaves plaintext behind: there is less of it than of `content`.
    let mut plaintext = Zeroizing::new(Vec::with_capacity(content.len()));
    let mut opener = header.open(key);
    opener.push(content, &mut plaintext)?;
    Ok((opener, plaintext))
}

/// A signedAndEnvelopedData that was opened.
#[derive(Debug)]
pub struct OpenedSigned {
    /// The plaintext. What the signatures say about it is in `verdicts`.
    pub plaintext: Zeroizing<Vec<u8>>,
    /// A verdict for each signature, in the order of the message.
    pub verdicts: Vec<Verdict>,
    /// The signatures with the certificates of the message.
    pub signatures: SignatureSet,
}

/// Opens a whole signedAndEnvelopedData, DER or its text form, and verifies its signatures. `others`: certificates that
/// the message does not carry.
///
/// # Errors
/// Those of `unlock`; [`Error::InvalidMessage`], [`Error::DecryptionFailed`]. A signature that does not hold is not an
/// error here: look at the verdicts.
pub fn open_signed(
    compat: Compat,
    message: &[u8],
    others: &[Certificate],
    unlock: impl FnOnce(&Header) -> Result<ContentKey, Error>,
) -> Result<OpenedSigned, Error> {
    let (opener, mut plaintext) = decrypt(compat, message, unlock)?;
    let signatures = opener.finish_signed(&mut plaintext)?;
    let mut hasher = signatures.hasher(others, compat);
    hasher.update(&plaintext);
    let verdicts = signatures.verify_all(others, &hasher.finish());
    Ok(OpenedSigned { plaintext, verdicts, signatures })
}

/// A signedData that was read.
#[derive(Debug)]
pub struct Verified {
    /// The content, if the message carries it. What the signatures say about it is in `verdicts`.
    pub content: Option<Vec<u8>>,
    /// A verdict for each signature, in the order of the message. None: nothing is signed.
    pub verdicts: Vec<Verdict>,
    /// The signatures with the certificates of the message.
    pub signatures: SignatureSet,
}

/// Reads a whole signedData, DER or its text form, and verifies its signatures. `detached`: the content of a message
/// that does not carry it. `others`: certificates that the message does not carry.
///
/// # Errors
/// [`Error::InvalidMessage`], [`ApiMisuse::ContentTwice`]. A signature that does not hold is not an error here: look at
/// the verdicts.
pub fn verify(
    compat: Compat,
    message: &[u8],
    detached: Option<&[u8]>,
    others: &[Certificate],
) -> Result<Verified, Error> {
    let message = binary(message)?;
    let (header, rest) = PlainHeader::from_bytes(&message)?;
    let has_content = header.has_content();
    let mut content = Vec::new();
    let mut reader = header.read_content();
    reader.push(rest, &mut content)?;
    let signatures = reader.finish()?;
    let content = has_content.then_some(content);
    let signed = match (&content, detached) {
        (Some(_), Some(_)) => return Err(ApiMisuse::ContentTwice.into()),
        (Some(content), None) => Some(content.as_slice()),
        (None, detached) => detached,
    };
    let mut hasher = signatures.hasher(others, compat);
    hasher.update(signed.unwrap_or_default());
    let mut verdicts = signatures.verify_all(others, &hasher.finish());
    if signed.is_none() {
        verdicts.iter_mut().for_each(|verdict| verdict.result = Err(InvalidSignature::NoContent));
    }
    Ok(Verified { content, verdicts, signatures })
}

/// Where the content of a signed message is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Placement {
    /// In the message.
    Attached,
    /// Elsewhere.
    Detached,
}

/// Signs a content: a whole signedData in DER. `by` gets the 32-byte e of each signer, in order, and gives their
/// signatures.
///
/// # Errors
/// Those of `by`; as [`Signing::start`] and [`Unsigned::complete`](crate::cms::Unsigned::complete).
pub fn sign<E: From<Error>>(
    signers: Vec<Signer>,
    dialect: Dialect,
    placement: Placement,
    content: &[u8],
    by: impl FnOnce(&[[u8; 32]]) -> Result<Vec<Signature>, E>,
) -> Result<Vec<u8>, E> {
    let mut signing = Signing::start(signers, dialect, content.len() as u64)?;
    signing.update(content)?;
    let unsigned = signing.finish()?;
    let signatures = by(unsigned.digests())?;
    let signed = unsigned.complete(&signatures)?;
    match placement {
        Placement::Detached => Ok(signed.detached()?),
        Placement::Attached => {
            let mut message = Vec::new();
            let mut writer = SignedWriter::start(signed, &mut message);
            writer.push(content, &mut message)?;
            writer.finish(&mut message)?;
            Ok(message)
        }
    }
}

/// The bytes of a message, decoded if it is text. A message begins with a SEQUENCE; text begins with none of the bytes
/// of one.
fn binary(message: &[u8]) -> Result<Cow<'_, [u8]>, Error> {
    if message.first().is_some_and(|first| *first != SEQUENCE && first.is_ascii()) {
        return Ok(Cow::Owned(armor::decode(message)?));
    }
    Ok(Cow::Borrowed(message))
}
