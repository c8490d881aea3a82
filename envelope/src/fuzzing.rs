//! What the fuzz targets call. Any input must come back: no panic, no hang, memory bounded. Beyond that these
//! functions assert that the result does not depend on how the input is cut into pieces.

use alloc::vec::Vec;

use zeroize::Zeroizing;

use crate::bid::{self, InvalidBid};
use crate::cms::{Compat, Decoded, Header, HeaderDecoder, PlainHeader, Quirks, Rule, SignatureSet, Switch};
use crate::error::{Error, InvalidMessage, InvalidSignature};
use crate::key::ContentKey;

/// Reads a header, in one piece and byte by byte, in each compatibility mode.
///
/// # Panics
/// The two readings differ: a bug.
pub fn header(data: &[u8]) {
    for compat in [Compat::STRICT, Switch::ALL.into_iter().collect()] {
        let summary = |header: Result<(Header, usize), Error>| {
            header.map(|(header, len)| {
                (len, header.recipients().len(), header.ciphertext_len(), header.quirks())
            })
        };
        let whole = summary(read(compat, data, usize::MAX));
        assert_eq!(whole, summary(read(compat, data, 1)), "the cut into pieces matters");
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

/// Reads a signed message (or data) and verifies its signatures, in one piece and in pieces of 7 bytes, with all
/// compatibility switches.
///
/// # Panics
/// The two readings differ, or a scan finds other signatures than a reading: a bug.
pub fn signed(data: &[u8]) {
    let whole = read_signed(data, usize::MAX);
    assert_eq!(whole, read_signed(data, 7), "the cut into pieces matters");
    let scanned = PlainHeader::from_bytes(data).and_then(|(header, rest)| {
        let mut scanner = header.scan();
        // Leaps over all but the last byte of each piece of the content.
        let mut rest = rest;
        while !rest.is_empty() {
            let leap =
                usize::try_from(scanner.skippable().saturating_sub(1)).unwrap_or(usize::MAX).min(rest.len());
            scanner.skip(leap as u64)?;
            let (piece, after) = rest.get(leap..).unwrap_or_default().split_at_checked(1).unwrap_or_default();
            scanner.push(piece)?;
            rest = after;
        }
        scanner.finish().map(|set| (set.signers().len(), set.certificates().len(), set.quirks()))
    });
    assert_eq!(whole.map(|read| read.1), scanned, "leaping over the content matters");
}

/// Opens a whole encrypted message of any kind under a fixed content key with all compatibility switches, in one piece
/// and in pieces of 7 bytes, and verifies its signatures.
///
/// # Panics
/// The two readings differ: a bug.
pub fn encrypted(data: &[u8]) {
    let whole = open_signed(data, usize::MAX);
    assert_eq!(whole, open_signed(data, 7), "the cut into pieces matters");
}

fn open_signed(data: &[u8], piece: usize) -> Result<ReadSigned, Error> {
    let compat: Compat = Switch::ALL.into_iter().collect();
    let (header, len) = read(compat, data, piece)?;
    let key = ContentKey::from_bytes(Zeroizing::new(alloc::vec![0; ContentKey::LEN]))?;
    let (mut opener, mut plaintext) = (header.open(key), Vec::new());
    for part in data.get(len..).unwrap_or_default().chunks(piece) {
        opener.push(part, &mut plaintext)?;
    }
    let set = opener.finish_signed(&mut plaintext)?;
    Ok(verified(plaintext, &set, compat))
}

/// What came out of a signed message: content, counts, and verdicts.
type ReadSigned = (Vec<u8>, (usize, usize, Quirks), Vec<Result<Rule, InvalidSignature>>);

fn read_signed(data: &[u8], piece: usize) -> Result<ReadSigned, Error> {
    let compat: Compat = Switch::ALL.into_iter().collect();
    let (header, rest) = PlainHeader::from_bytes(data)?;
    let mut content = Vec::new();
    let mut reader = header.read_content();
    for part in rest.chunks(piece) {
        reader.push(part, &mut content)?;
    }
    let set = reader.finish()?;
    Ok(verified(content, &set, compat))
}

fn verified(content: Vec<u8>, set: &SignatureSet, compat: Compat) -> ReadSigned {
    let mut hasher = set.hasher(&[], compat);
    hasher.update(&content);
    let verdicts = set.verify_all(&[], &hasher.finish());
    let verdicts = verdicts.into_iter().map(|verdict| verdict.result).collect();
    (content, (set.signers().len(), set.certificates().len(), set.quirks()), verdicts)
}

/// A certificate in DER or PEM.
pub fn certificate(data: &[u8]) {
    if let Ok(certificate) = crate::Certificate::parse(data) {
        assert!(certificate.ids().contains(&certificate.id()), "a certificate has its own name");
    }
}

/// Reads the header of a bid, in one piece and byte by byte.
///
/// # Panics
/// The two readings differ: a bug.
pub fn bid_header(data: &[u8]) {
    let read = |piece: usize| {
        let mut decoder = bid::HeaderDecoder::default();
        for part in data.chunks(piece) {
            if let Some(header) = decoder.push(&mut { part })? {
                return Ok(Some((*header.manifest().digest(), header.slots().clone(), header.len())));
            }
        }
        Ok::<_, InvalidBid>(None)
    };
    assert_eq!(read(usize::MAX), read(1), "the cut into pieces matters");
}

/// The header, and how many bytes of `data` it takes, read in pieces of at most `piece` bytes.
fn read(compat: Compat, data: &[u8], piece: usize) -> Result<(Header, usize), Error> {
    let mut decoder = HeaderDecoder::new(compat);
    let mut len = 0;
    for part in data.chunks(piece) {
        let mut rest = part;
        let decoded = decoder.push(&mut rest)?;
        len += part.len() - rest.len();
        decoder = match decoded {
            Decoded::NeedsMore(decoder) => decoder,
            Decoded::Header(header) => return Ok((header, len)),
            Decoded::Plain(_) => return Err(InvalidMessage::NotEnvelopedData.into()),
        };
    }
    Err(InvalidMessage::Truncated.into())
}

fn open(data: &[u8], piece: usize) -> Result<(Vec<u8>, Quirks), Error> {
    let (header, len) = read(Compat::STRICT, data, piece)?;
    let key = ContentKey::from_bytes(Zeroizing::new(alloc::vec![0; ContentKey::LEN]))?;
    let mut opener = header.open(key);
    let mut plaintext = Vec::new();
    for part in data.get(len..).unwrap_or_default().chunks(piece) {
        opener.push(part, &mut plaintext)?;
    }
    let quirks = opener.finish(&mut plaintext)?;
    Ok((plaintext, quirks))
}
