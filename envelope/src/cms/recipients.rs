//! Reading the recipients of a message.

use alloc::vec::Vec;

use sm_primitives::sm2::Ciphertext;

use super::compat::{Compat, Switch};
use super::oid;
use super::quirk::{Quirk, Quirks};
use crate::ber::{Reader, octets};
use crate::der::{CONSTRUCTED, INTEGER, NULL, OCTET_STRING, OID, SEQUENCE, SET, context};
use crate::error::InvalidMessage;
use crate::key::ContentKey;
use crate::recipient::{IssuerAndSerial, RecipientId, RecipientInfo, SubjectKeyId};

/// Most recipients of a message.
pub const MAX_RECIPIENTS: usize = 1024;

/// The entries of recipientInfos.
pub(super) fn read(
    bytes: &[u8],
    compat: Compat,
    quirks: &mut Quirks,
) -> Result<Vec<RecipientInfo>, InvalidMessage> {
    let mut entries = Reader::new(Reader::new(bytes).expect(SET, quirks)?.body);
    let mut recipients = Vec::new();
    let mut count = 0usize;
    let mut previous: &[u8] = &[];
    while !entries.is_empty() {
        let entry = entries.next(quirks)?;
        count += 1;
        if count > MAX_RECIPIENTS {
            return Err(InvalidMessage::TooManyRecipients);
        }
        if entry.whole < previous {
            quirks.insert(Quirk::UnsortedRecipients);
        }
        previous = entry.whole;
        // RFC 5652, 6.2: key transport is a SEQUENCE, the other kinds are [1] to [4].
        match entry.tag {
            SEQUENCE => {
                recipients.push(recipient(entry.body, compat, quirks)?);
            }
            tag if (context(1) | CONSTRUCTED..=context(4) | CONSTRUCTED).contains(&tag) => {
                quirks.insert(Quirk::ForeignRecipient);
            }
            _ => return Err(InvalidMessage::Malformed),
        }
    }
    Ok(recipients)
}

fn recipient(body: &[u8], compat: Compat, quirks: &mut Quirks) -> Result<RecipientInfo, InvalidMessage> {
    let mut reader = Reader::new(body);
    let version = version(&mut reader, 2, quirks)?;
    let id = recipient_id(&mut reader, quirks)?;
    if version != version_of(&id) {
        quirks.insert(Quirk::Version);
    }
    let mut algorithm = Reader::new(reader.expect(SEQUENCE, quirks)?.body);
    let algorithm_id = algorithm.expect(OID, quirks)?.body;
    let parameters = if algorithm.is_empty() { None } else { Some(algorithm.next(quirks)?) };
    algorithm.finish()?;
    let encrypted_key = octets(&reader.next(quirks)?, OCTET_STRING, quirks)?;
    reader.finish()?;

    let unsupported = RecipientInfo::unreadable(id.clone(), InvalidMessage::UnsupportedKeyEncryption);
    match algorithm_id {
        oid::SM2_ENCRYPTION => {}
        oid::SM2 | oid::SM2_SIGNATURE | oid::SM2_KEY_EXCHANGE | oid::SM2_ENCRYPTION_SM3 => {
            quirks.insert(Quirk::KeyEncryptionOid);
        }
        _ => return Ok(unsupported),
    }
    match parameters {
        None => {}
        Some(null) if null.tag == NULL && null.body.is_empty() => quirks.insert(Quirk::NullParameters),
        Some(_) => return Ok(unsupported),
    }
    Ok(match encrypted_content_key(&encrypted_key, compat, quirks) {
        Some(ciphertext) => RecipientInfo::new(id, ciphertext),
        None => RecipientInfo::unreadable(id, InvalidMessage::EncryptedKey),
    })
}

/// The version that goes with a kind of recipient name.
pub(super) const fn version_of(id: &RecipientId) -> u8 {
    match id {
        RecipientId::IssuerAndSerial(_) => 1,
        RecipientId::SubjectKeyId(_) => 2,
    }
}

/// A version of 0 to `last`.
pub(super) fn version(reader: &mut Reader<'_>, last: u8, quirks: &mut Quirks) -> Result<u8, InvalidMessage> {
    match reader.expect(INTEGER, quirks)?.body {
        [version] if *version <= last => Ok(*version),
        _ => Err(InvalidMessage::Version),
    }
}

pub(super) fn recipient_id(
    reader: &mut Reader<'_>,
    quirks: &mut Quirks,
) -> Result<RecipientId, InvalidMessage> {
    let element = reader.next(quirks)?;
    if element.tag == SEQUENCE {
        // Some key centres leave the issuer out, and two zero bytes in its place.
        let (body, no_issuer) = match element.body.strip_prefix(&[0, 0]) {
            Some(serial) => (serial, true),
            None => (element.body, false),
        };
        let mut name = Reader::new(body);
        let issuer = if no_issuer {
            quirks.insert(Quirk::EmptyIssuer);
            &[SEQUENCE, 0]
        } else {
            name.expect(SEQUENCE, quirks)?.whole
        };
        let serial = name.expect(INTEGER, quirks)?.body;
        name.finish()?;
        IssuerAndSerial::new(issuer, serial).map(RecipientId::IssuerAndSerial)
    } else {
        SubjectKeyId::new(&octets(&element, context(0), quirks)?).map(RecipientId::SubjectKeyId)
    }
    .map_err(|_| InvalidMessage::Malformed)
}

/// Lengths of C1 without its leading 04, of C3, and of C2 for a content key.
const RAW_KEY_LEN: usize = 64 + 32 + ContentKey::LEN;
/// The leading byte of an uncompressed point.
const UNCOMPRESSED: u8 = 0x04;

/// `None`: not an SM2 ciphertext of 16 bytes. Checked before anybody is asked to decrypt it.
fn encrypted_content_key(bytes: &[u8], compat: Compat, quirks: &mut Quirks) -> Option<Ciphertext> {
    let old_order = compat.has(Switch::RawKeyC1C2C3);
    let ciphertext = match Ciphertext::from_der(bytes) {
        Ok(ciphertext) => ciphertext,
        Err(_) if !old_order && !compat.has(Switch::RawKeyC1C3C2) => return None,
        Err(_) => {
            let raw =
                bytes.strip_prefix(&[UNCOMPRESSED]).filter(|raw| raw.len() == RAW_KEY_LEN).unwrap_or(bytes);
            if raw.len() != RAW_KEY_LEN {
                return None;
            }
            quirks.insert(Quirk::RawKey);
            let mut with_prefix = Vec::with_capacity(1 + RAW_KEY_LEN);
            with_prefix.push(UNCOMPRESSED);
            with_prefix.extend_from_slice(raw);
            let read = if old_order { Ciphertext::from_c1c2c3 } else { Ciphertext::from_c1c3c2 };
            read(&with_prefix).ok()?
        }
    };
    (ciphertext.c2().len() == ContentKey::LEN).then_some(ciphertext)
}
