//! Reading the part of a message before its content.

use alloc::vec::Vec;

use sm_primitives::sm2::Ciphertext;

use super::oid;
use super::open::Opener;
use super::quirk::{Quirk, Quirks, RawKey};
use super::walker::{Event, Field, Walker};
use crate::ber::{Reader, octets};
use crate::der::{CONSTRUCTED, INTEGER, NULL, OCTET_STRING, OID, SEQUENCE, SET, context};
use crate::error::{Error, InvalidMessage};
use crate::key::ContentKey;
use crate::recipient::{Identity, IssuerAndSerial, RecipientId, RecipientInfo, SubjectKeyId};

/// Most recipients of a message.
pub const MAX_RECIPIENTS: usize = 1024;

/// Everything in a message up to the first byte of its content.
///
/// The header is public and not authenticated: it says to whom a message claims to be addressed.
#[derive(Debug)]
pub struct Header {
    recipients: Vec<RecipientInfo>,
    iv: [u8; 16],
    ciphertext_len: Option<u64>,
    quirks: Quirks,
    walker: Walker,
}

impl Header {
    /// Reads the header of a message that lies in memory, in DER or BER, and returns what follows it. For other
    /// sources: [`HeaderDecoder`], or `Header::read` with the feature `std`.
    ///
    /// # Errors
    /// [`Error::InvalidMessage`].
    pub fn from_bytes(message: &[u8]) -> Result<(Self, &[u8]), Error> {
        let mut rest = message;
        match HeaderDecoder::new(RawKey::Refused).push(&mut rest)? {
            Decoded::Header(header) => Ok((header, rest)),
            Decoded::NeedsMore(_) => Err(InvalidMessage::Truncated.into()),
        }
    }

    /// The entries of the recipients, in the order of the message: 0 to [`MAX_RECIPIENTS`].
    #[must_use]
    pub fn recipients(&self) -> &[RecipientInfo] {
        &self.recipients
    }

    /// The first entry under one of these names.
    #[must_use]
    pub fn find(&self, ids: &[RecipientId]) -> Option<&RecipientInfo> {
        self.recipients.iter().find(|entry| ids.contains(entry.id()))
    }

    /// The content key, from the first entry that an identity opens. A broken entry does not hide a good one.
    ///
    /// # Errors
    /// [`Error::NoMatchingRecipient`], or if an entry is for one of the identities and broken, the error of the first
    /// such.
    pub fn unlock(&self, identities: &[&dyn Identity]) -> Result<ContentKey, Error> {
        let mut failure = None;
        for entry in &self.recipients {
            for identity in identities {
                match identity.unwrap_key(entry) {
                    Ok(Some(key)) => return Ok(key),
                    Ok(None) => {}
                    Err(error) => failure = failure.or(Some(error)),
                }
            }
        }
        Err(failure.unwrap_or(Error::NoMatchingRecipient))
    }

    /// Begins to decrypt the content, whose bytes follow those of the header.
    #[must_use]
    pub fn open(self, key: ContentKey) -> Opener {
        Opener::new(&key, &self.iv, self.quirks, self.walker)
    }

    /// Length of the encrypted content in bytes; the plaintext is 1 to 16 bytes shorter. `None` if the message does
    /// not say it in advance.
    #[must_use]
    pub const fn ciphertext_len(&self) -> Option<u64> {
        self.ciphertext_len
    }

    /// What was tolerated so far. The end of the message may add to it, see [`Opener::finish`].
    #[must_use]
    pub const fn quirks(&self) -> Quirks {
        self.quirks
    }
}

/// Reads a header from pieces of any size.
#[derive(Debug)]
pub struct HeaderDecoder {
    walker: Walker,
    raw_key: RawKey,
    version: Option<u8>,
    recipients: Vec<RecipientInfo>,
    iv: Option<[u8; 16]>,
    quirks: Quirks,
}

/// Progress of a [`HeaderDecoder`].
#[derive(Debug)]
pub enum Decoded {
    /// The header goes on after the bytes given so far.
    NeedsMore(HeaderDecoder),
    /// The header is complete. Nothing beyond it was taken from the input.
    Header(Header),
}

impl HeaderDecoder {
    /// Begins a message. Memory grows to a few times the header's length, at most
    /// [`MAX_HEADER_LEN`](super::MAX_HEADER_LEN), whatever lengths the message claims.
    #[must_use]
    pub const fn new(raw_key: RawKey) -> Self {
        Self {
            walker: Walker::new(),
            raw_key,
            version: None,
            recipients: Vec::new(),
            iv: None,
            quirks: Quirks::NONE,
        }
    }

    /// A number of bytes, at least 1, that can be read without reading past the header.
    #[must_use]
    pub fn wants(&self) -> usize {
        usize::try_from(self.walker.wants()).unwrap_or(usize::MAX)
    }

    /// Takes the next bytes of the message from the front of `input`, and leaves what belongs to the content there.
    ///
    /// # Errors
    /// [`Error::InvalidMessage`].
    pub fn push(mut self, input: &mut &[u8]) -> Result<Decoded, Error> {
        loop {
            match self.walker.next(input)? {
                Event::NeedInput => return Ok(Decoded::NeedsMore(self)),
                Event::Field(field, bytes) => self.field(field, &bytes)?,
                Event::HeaderEnd(len) => return self.complete(len).map(Decoded::Header),
                Event::Content(_) | Event::End => return Err(InvalidMessage::Malformed.into()),
            }
        }
    }

    fn complete(mut self, ciphertext_len: Option<u64>) -> Result<Header, Error> {
        if ciphertext_len.is_some_and(|len| len == 0 || len % 16 != 0) {
            return Err(InvalidMessage::BlockLength.into());
        }
        self.quirks.insert_all(self.walker.quirks());
        self.check_version();
        // The walker does not pass the content encryption algorithm by.
        let iv = self.iv.ok_or(InvalidMessage::Malformed)?;
        Ok(Header {
            recipients: self.recipients,
            iv,
            ciphertext_len,
            quirks: self.quirks,
            walker: self.walker,
        })
    }

    fn field(&mut self, field: Field, bytes: &[u8]) -> Result<(), InvalidMessage> {
        let mut reader = Reader::new(bytes);
        match field {
            Field::OuterType => match reader.expect(OID, &mut self.quirks)?.body {
                oid::ENVELOPED_DATA => Ok(()),
                oid::RFC_ENVELOPED_DATA => {
                    self.quirks.insert(Quirk::RfcContentType);
                    Ok(())
                }
                _ => Err(InvalidMessage::NotEnvelopedData),
            },
            Field::Version => {
                self.version = Some(version(&mut reader, &mut self.quirks)?);
                Ok(())
            }
            Field::Recipients => self.read_recipients(bytes),
            Field::InnerType => {
                match reader.expect(OID, &mut self.quirks)?.body {
                    oid::DATA => {}
                    oid::RFC_DATA => self.quirks.insert(Quirk::RfcContentType),
                    _ => self.quirks.insert(Quirk::ContentNotData),
                }
                Ok(())
            }
            Field::Algorithm => {
                self.iv = Some(initial_vector(bytes, &mut self.quirks)?);
                Ok(())
            }
        }
    }

    fn read_recipients(&mut self, bytes: &[u8]) -> Result<(), InvalidMessage> {
        let mut entries = Reader::new(Reader::new(bytes).expect(SET, &mut self.quirks)?.body);
        let mut count = 0usize;
        let mut previous: &[u8] = &[];
        while !entries.is_empty() {
            let entry = entries.next(&mut self.quirks)?;
            count += 1;
            if count > MAX_RECIPIENTS {
                return Err(InvalidMessage::TooManyRecipients);
            }
            if entry.whole < previous {
                self.quirks.insert(Quirk::UnsortedRecipients);
            }
            previous = entry.whole;
            // RFC 5652, 6.2: key transport is a SEQUENCE, the other kinds are [1] to [4].
            match entry.tag {
                SEQUENCE => {
                    let info = self.recipient(entry.body)?;
                    self.recipients.push(info);
                }
                tag if (context(1) | CONSTRUCTED..=context(4) | CONSTRUCTED).contains(&tag) => {
                    self.quirks.insert(Quirk::ForeignRecipient);
                }
                _ => return Err(InvalidMessage::Malformed),
            }
        }
        Ok(())
    }

    fn recipient(&mut self, body: &[u8]) -> Result<RecipientInfo, InvalidMessage> {
        let quirks = &mut self.quirks;
        let mut reader = Reader::new(body);
        let version = version(&mut reader, quirks)?;
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
        Ok(match encrypted_content_key(&encrypted_key, self.raw_key, quirks) {
            Some(ciphertext) => RecipientInfo::new(id, ciphertext),
            None => RecipientInfo::unreadable(id, InvalidMessage::EncryptedKey),
        })
    }

    /// EnvelopedData has version 1, or 2 if it names a recipient by key (RFC 5652, 6.1).
    fn check_version(&mut self) {
        let expected = self.recipients.iter().map(|entry| version_of(entry.id())).max().unwrap_or(1);
        if self.version != Some(expected) {
            self.quirks.insert(Quirk::Version);
        }
    }
}

/// The version that goes with a kind of recipient name.
pub(super) const fn version_of(id: &RecipientId) -> u8 {
    match id {
        RecipientId::IssuerAndSerial(_) => 1,
        RecipientId::SubjectKeyId(_) => 2,
    }
}

fn version(reader: &mut Reader<'_>, quirks: &mut Quirks) -> Result<u8, InvalidMessage> {
    match reader.expect(INTEGER, quirks)?.body {
        [version @ 0..=2] => Ok(*version),
        _ => Err(InvalidMessage::Version),
    }
}

fn recipient_id(reader: &mut Reader<'_>, quirks: &mut Quirks) -> Result<RecipientId, InvalidMessage> {
    let element = reader.next(quirks)?;
    if element.tag == SEQUENCE {
        let mut name = Reader::new(element.body);
        let issuer = name.expect(SEQUENCE, quirks)?.whole;
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
fn encrypted_content_key(bytes: &[u8], raw_key: RawKey, quirks: &mut Quirks) -> Option<Ciphertext> {
    let ciphertext = match (Ciphertext::from_der(bytes), raw_key) {
        (Ok(ciphertext), _) => ciphertext,
        (Err(_), RawKey::Refused) => return None,
        (Err(_), order) => {
            let raw =
                bytes.strip_prefix(&[UNCOMPRESSED]).filter(|raw| raw.len() == RAW_KEY_LEN).unwrap_or(bytes);
            if raw.len() != RAW_KEY_LEN {
                return None;
            }
            quirks.insert(Quirk::RawKey);
            let mut with_prefix = Vec::with_capacity(1 + RAW_KEY_LEN);
            with_prefix.push(UNCOMPRESSED);
            with_prefix.extend_from_slice(raw);
            match order {
                RawKey::C1C2C3 => Ciphertext::from_c1c2c3(&with_prefix),
                _ => Ciphertext::from_c1c3c2(&with_prefix),
            }
            .ok()?
        }
    };
    (ciphertext.c2().len() == ContentKey::LEN).then_some(ciphertext)
}

/// The initial vector of SM4-CBC from the content encryption algorithm.
fn initial_vector(bytes: &[u8], quirks: &mut Quirks) -> Result<[u8; 16], InvalidMessage> {
    let mut algorithm = Reader::new(Reader::new(bytes).expect(SEQUENCE, quirks)?.body);
    let id = algorithm.expect(OID, quirks)?.body;
    let parameters = if algorithm.is_empty() { None } else { Some(algorithm.next(quirks)?) };
    algorithm.finish()?;
    let with_vector = parameters.filter(|parameters| parameters.tag != NULL);
    match (id, with_vector) {
        (oid::SM4_ECB, _) | (oid::SM4, None) => return Err(InvalidMessage::EcbContent),
        (oid::SM4_CBC, _) => {}
        (oid::SM4, Some(_)) => quirks.insert(Quirk::BareSm4Oid),
        _ => return Err(InvalidMessage::UnsupportedContentEncryption),
    }
    let vector = octets(&with_vector.ok_or(InvalidMessage::Malformed)?, OCTET_STRING, quirks)?;
    vector.try_into().map_err(|_| InvalidMessage::Malformed)
}
