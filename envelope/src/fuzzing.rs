//! What the fuzz targets call. Any input must come back: no panic, no hang, memory bounded. Beyond that these
//! functions assert that the result does not depend on how the input is cut into pieces.

use alloc::vec::Vec;

use zeroize::Zeroizing;

use crate::cms::{Decoded, Header, HeaderDecoder, Quirks, RawKey};
use crate::error::{Error, InvalidMessage};
use crate::key::ContentKey;

/// Reads a header, in one piece and byte by byte, in each compatibility mode.
///
/// # Panics
/// The two readings differ: a bug.
pub fn header(data: &[u8]) {
    for raw_key in [RawKey::Refused, RawKey::C1C3C2, RawKey::C1C2C3] {
        let summary = |header: Result<(Header, usize), Error>| {
            header.map(|(header, len)| {
                (len, header.recipients().len(), header.ciphertext_len(), header.quirks())
            })
        };
        let whole = summary(read(raw_key, data, usize::MAX));
        assert_eq!(whole, summary(read(raw_key, data, 1)), "the cut into pieces matters");
    }
}

/// Opens a whole message under a fixed content key, in one piece and in pieces of 7 bytes.
///
/// # Panics
/// The two readings differ: a bug.
pub fn message(data: &[u8]) {
    let whole = open(data, usize::MAX);
    assert_eq!(whole, open(data, 7), "the cut into pieces matters");
}

/// The text form, and the message in it.
pub fn text(data: &[u8]) {
    if let Ok(bytes) = crate::armor::decode(data) {
        message(&bytes);
    }
}

/// A certificate in DER or PEM.
pub fn certificate(data: &[u8]) {
    if let Ok(certificate) = crate::Certificate::parse(data) {
        assert!(certificate.ids().contains(&certificate.id()), "a certificate has its own name");
    }
}

/// The header, and how many bytes of `data` it takes, read in pieces of at most `piece` bytes.
fn read(raw_key: RawKey, data: &[u8], piece: usize) -> Result<(Header, usize), Error> {
    let mut decoder = HeaderDecoder::new(raw_key);
    let mut len = 0;
    for part in data.chunks(piece) {
        let mut rest = part;
        let decoded = decoder.push(&mut rest)?;
        len += part.len() - rest.len();
        decoder = match decoded {
            Decoded::NeedsMore(decoder) => decoder,
            Decoded::Header(header) => return Ok((header, len)),
        };
    }
    Err(InvalidMessage::Truncated.into())
}

fn open(data: &[u8], piece: usize) -> Result<(Vec<u8>, Quirks), Error> {
    let (header, len) = read(RawKey::Refused, data, piece)?;
    let key = ContentKey::from_bytes(Zeroizing::new(alloc::vec![0; ContentKey::LEN]))?;
    let mut opener = header.open(key);
    let mut plaintext = Vec::new();
    for part in data.get(len..).unwrap_or_default().chunks(piece) {
        opener.push(part, &mut plaintext)?;
    }
    let quirks = opener.finish(&mut plaintext)?;
    Ok((plaintext, quirks))
}
