//! Signed messages between [`Read`] and [`Write`].
//!
//! A signature without attributes is over a hash that begins with the signer's key, which a message names after its
//! content. So these functions read a message twice, and leap over the content the first time.

use std::io::{Read, Seek, SeekFrom, Write};

use zeroize::Zeroizing;

use super::{BUFFER_LEN, Error, read_header, read_some};
use crate::certificate::Certificate;
use crate::cms::{
    Compat, ContentHasher, Decoded, Opener, PlainHeader, Scanner, SignatureSet, SignedContent, SignedWriter,
    Signing, Unsigned, Verdict,
};
use crate::error::{ApiMisuse, InvalidMessage};

/// What became of a signed message.
#[derive(Debug)]
pub struct Outcome {
    /// A verdict for each signature, in the order of the message. None: nothing is signed.
    pub verdicts: Vec<Verdict>,
    /// The signatures with the certificates of the message.
    pub signatures: SignatureSet,
}

/// Reads what follows the content of a message. `input` stands at the first byte after the header and is left at its
/// end.
///
/// # Errors
/// [`Error::Io`]; [`crate::Error::InvalidMessage`].
pub fn scan(mut scanner: Scanner, input: &mut (impl Read + Seek)) -> Result<SignatureSet, Error> {
    let mut buffer = vec![0; BUFFER_LEN];
    loop {
        // Not over its last byte, so that a file that is too short is noticed by reading.
        let leap = scanner.skippable().saturating_sub(1);
        if let Ok(distance) = i64::try_from(leap)
            && leap > BUFFER_LEN as u64
        {
            input.seek(SeekFrom::Current(distance))?;
            scanner.skip(leap)?;
        }
        let len = read_some(input, &mut buffer)?;
        if len == 0 {
            return Ok(scanner.finish()?);
        }
        scanner.push(buffer.get(..len).unwrap_or_default())?;
    }
}

/// Reads a signedData with its content, writes the content to `output` and verifies the signatures. `others`:
/// certificates that the message does not carry. What has been written is to be discarded unless the verdicts are good.
///
/// # Errors
/// [`Error::Io`]; [`crate::Error::InvalidMessage`], also [`InvalidMessage::NoContent`] for a detached signature. A
/// signature that does not hold is not an error here.
pub fn verify(
    compat: Compat,
    input: &mut (impl Read + Seek),
    mut output: impl Write,
    others: &[Certificate],
) -> Result<Outcome, Error> {
    let start = input.stream_position()?;
    let first = plain_header(input)?;
    if !first.has_content() {
        return Err(crate::Error::from(InvalidMessage::NoContent).into());
    }
    let mut hasher = scan(first.scan(), input)?.hasher(others, compat);
    input.seek(SeekFrom::Start(start))?;
    let mut reader = plain_header(input)?.read_content();
    let (mut buffer, mut content) = (vec![0; BUFFER_LEN], Vec::with_capacity(BUFFER_LEN));
    loop {
        let len = read_some(input, &mut buffer)?;
        if len == 0 {
            break;
        }
        content.clear();
        reader.push(buffer.get(..len).unwrap_or_default(), &mut content)?;
        hasher.update(&content);
        output.write_all(&content)?;
    }
    output.flush()?;
    let signatures = reader.finish()?;
    let verdicts = signatures.verify_all(others, &hasher.finish());
    Ok(Outcome { verdicts, signatures })
}

/// Verifies a detached signature: `message` is a signedData without content, at most a few MiB, `content` what was
/// signed.
///
/// # Errors
/// [`Error::Io`]; [`crate::Error::InvalidMessage`];
/// [`ApiMisuse::ContentTwice`]. A signature that does not hold is not an error
/// here.
pub fn verify_detached(
    compat: Compat,
    message: &[u8],
    mut content: impl Read,
    others: &[Certificate],
) -> Result<Outcome, Error> {
    let (header, rest) = PlainHeader::from_bytes(message)?;
    if header.has_content() {
        return Err(crate::Error::from(ApiMisuse::ContentTwice).into());
    }
    let mut scanner = header.scan();
    scanner.push(rest)?;
    let signatures = scanner.finish()?;
    let mut hasher = signatures.hasher(others, compat);
    pump(&mut content, |piece| {
        hasher.update(piece);
        Ok(())
    })?;
    let verdicts = signatures.verify_all(others, &hasher.finish());
    Ok(Outcome { verdicts, signatures })
}

/// Opens the content that `input` delivers after the header of a signedAndEnvelopedData, to the end of `input`, into
/// `output`, and verifies the signatures with a hasher that [`SignatureSet::hasher`] made. What has been written is to be
/// discarded on any error, and unless the verdicts are good.
///
/// # Errors
/// [`Error::Io`]; [`crate::Error::InvalidMessage`]; [`crate::Error::DecryptionFailed`].
pub fn open_signed(
    mut opener: Opener,
    input: &mut impl Read,
    mut output: impl Write,
    mut hasher: ContentHasher,
    others: &[Certificate],
) -> Result<Outcome, Error> {
    let mut plaintext = Zeroizing::new(Vec::with_capacity(BUFFER_LEN + 16));
    pump(input, |piece| {
        plaintext.clear();
        opener.push(piece, &mut plaintext)?;
        hasher.update(&plaintext);
        Ok(output.write_all(&plaintext)?)
    })?;
    plaintext.clear();
    let signatures = opener.finish_signed(&mut plaintext)?;
    hasher.update(&plaintext);
    output.write_all(&plaintext)?;
    output.flush()?;
    let verdicts = signatures.verify_all(others, &hasher.finish());
    Ok(Outcome { verdicts, signatures })
}

/// Hashes everything that `content` delivers, which must be as long as announced.
///
/// # Errors
/// [`Error::Io`]; [`ApiMisuse::PlaintextLength`].
pub fn hash(mut signing: Signing, mut content: impl Read) -> Result<Unsigned, Error> {
    pump(&mut content, |piece| Ok(signing.update(piece)?))?;
    Ok(signing.finish()?)
}

/// Writes a signedData with the content that `content` delivers, which must be the one that was signed.
///
/// # Errors
/// [`Error::Io`]; [`ApiMisuse::ContentChanged`]: the output is worthless.
pub fn write_signed(
    signed: SignedContent,
    mut content: impl Read,
    mut output: impl Write,
) -> Result<(), Error> {
    let mut message = Vec::new();
    let mut writer = SignedWriter::start(signed, &mut message);
    output.write_all(&message)?;
    pump(&mut content, |piece| {
        message.clear();
        writer.push(piece, &mut message)?;
        Ok(output.write_all(&message)?)
    })?;
    message.clear();
    writer.finish(&mut message)?;
    output.write_all(&message)?;
    Ok(output.flush()?)
}

fn plain_header(input: &mut impl Read) -> Result<PlainHeader, Error> {
    match read_header(Compat::STRICT, input)? {
        Decoded::Plain(header) => Ok(header),
        _ => Err(crate::Error::from(InvalidMessage::NotSignedData).into()),
    }
}

/// Gives everything that `input` delivers to `each`, in pieces.
fn pump(input: &mut impl Read, mut each: impl FnMut(&[u8]) -> Result<(), Error>) -> Result<(), Error> {
    let mut buffer = Zeroizing::new(vec![0; BUFFER_LEN]);
    loop {
        let len = read_some(input, &mut buffer)?;
        if len == 0 {
            return Ok(());
        }
        each(buffer.get(..len).unwrap_or_default())?;
    }
}
