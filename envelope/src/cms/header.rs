//! Reading the part of a message before its content.

use alloc::vec::Vec;

use super::cipher::{Algorithm, Cipher};
use super::compat::Compat;
use super::grammar::Field;
use super::kind::ContentType;
use super::open::Opener;
use super::plain::PlainHeader;
use super::quirk::{Quirk, Quirks};
use super::recipients::{self, version_of};
use super::scan::Scanner;
use super::signers::ContentId;
use super::walker::{Event, Extent, Walker};
use crate::ber::Reader;
use crate::der::{OID, SEQUENCE, SET};
use crate::error::{Error, InvalidMessage};
use crate::key::ContentKey;
use crate::recipient::{Identity, RecipientId, RecipientInfo};

/// Everything in an encrypted message up to the first byte of its content: envelopedData, signedAndEnvelopedData or
/// encryptedData.
///
/// The header is public and not authenticated: it says to whom a message claims to be addressed.
#[derive(Debug)]
pub struct Header {
    content_type: ContentType,
    recipients: Vec<RecipientInfo>,
    algorithm: Algorithm,
    ciphertext_len: Option<u64>,
    content: ContentId,
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
        Self::from_bytes_with(Compat::STRICT, message)
    }

    /// As [`Header::from_bytes`], with compatibility switches.
    ///
    /// # Errors
    /// [`Error::InvalidMessage`].
    pub fn from_bytes_with(compat: Compat, message: &[u8]) -> Result<(Self, &[u8]), Error> {
        let mut rest = message;
        match HeaderDecoder::new(compat).push(&mut rest)? {
            Decoded::Header(header) => Ok((header, rest)),
            Decoded::Plain(_) => Err(InvalidMessage::NotEnvelopedData.into()),
            Decoded::NeedsMore(_) => Err(InvalidMessage::Truncated.into()),
        }
    }

    /// The type of the message: [`ContentType::Enveloped`], [`ContentType::SignedAndEnveloped`] or
    /// [`ContentType::Encrypted`].
    #[must_use]
    pub const fn content_type(&self) -> ContentType {
        self.content_type
    }

    /// What the message says that its plaintext is; `None` for a type that is not of GM/T 0010.
    #[must_use]
    pub fn inner_type(&self) -> Option<ContentType> {
        self.content.content_type()
    }

    /// How the content is encrypted.
    #[must_use]
    pub const fn cipher(&self) -> Cipher {
        self.algorithm.cipher()
    }

    /// The entries of the recipients, in the order of the message: 0 to [`MAX_RECIPIENTS`](super::MAX_RECIPIENTS).
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
        Opener::new(&key, &self.algorithm, self.content_type, self.content, self.quirks, self.walker)
    }

    /// Begins to read what follows the content of a signed message without decrypting it.
    #[must_use]
    pub fn scan(self) -> Scanner {
        Scanner::new(self.content, self.quirks, self.walker)
    }

    /// Length of the encrypted content in bytes; the plaintext is 1 to 16 bytes shorter (SM4-CBC), shorter by the tag
    /// (SM4-GCM) or of this length (SM4-ECB). `None` if the message does not say it in advance.
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
    compat: Compat,
    version: Option<u8>,
    recipients: Vec<RecipientInfo>,
    inner_type: Vec<u8>,
    algorithm: Option<Algorithm>,
    quirks: Quirks,
}

/// Progress of a [`HeaderDecoder`].
#[derive(Debug)]
pub enum Decoded {
    /// The header goes on after the bytes given so far.
    NeedsMore(HeaderDecoder),
    /// The header of an encrypted message is complete. Nothing beyond it was taken from the input.
    Header(Header),
    /// The header of a message with content in the clear is complete: data or signedData. Nothing beyond it was taken
    /// from the input.
    Plain(PlainHeader),
}

impl HeaderDecoder {
    /// Begins a message. Memory grows to a few times the header's length, at most
    /// [`MAX_HEADER_LEN`](super::MAX_HEADER_LEN), whatever lengths the message claims.
    #[must_use]
    pub const fn new(compat: Compat) -> Self {
        Self {
            walker: Walker::new(),
            compat,
            version: None,
            recipients: Vec::new(),
            inner_type: Vec::new(),
            algorithm: None,
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
                Event::HeaderEnd(extent) => return self.complete(extent),
                Event::Content(_) | Event::End => return Err(InvalidMessage::Malformed.into()),
            }
        }
    }

    fn complete(mut self, extent: Extent) -> Result<Decoded, Error> {
        let content_type = self.walker.kind().ok_or(InvalidMessage::Malformed)?;
        self.quirks.insert_all(self.walker.quirks());
        self.check_version(content_type);
        let len = match extent {
            Extent::Exact(len) => Some(len),
            Extent::Absent | Extent::Segments => None,
        };
        let content = ContentId::new(self.inner_type, len);
        if matches!(content_type, ContentType::Data | ContentType::Signed) {
            let header = PlainHeader::new(content_type, extent, content, self.quirks, self.walker);
            return Ok(Decoded::Plain(header));
        }
        // The walker does not pass the content encryption algorithm by.
        let algorithm = self.algorithm.ok_or(InvalidMessage::Malformed)?;
        if let Some(len) = len {
            algorithm.check_len(len)?;
        }
        Ok(Decoded::Header(Header {
            content_type,
            recipients: self.recipients,
            algorithm,
            ciphertext_len: len,
            content,
            quirks: self.quirks,
            walker: self.walker,
        }))
    }

    fn field(&mut self, field: Field, bytes: &[u8]) -> Result<(), InvalidMessage> {
        let mut reader = Reader::new(bytes);
        match field {
            // The walker has read the type, and lets nothing but these pass before the content.
            Field::OuterType | Field::Certificates | Field::Crls | Field::Signers => {}
            Field::Version => {
                // RFC 5652, 5.1 counts further for signed messages.
                let last = if self.walker.kind() == Some(ContentType::Signed) { 5 } else { 2 };
                self.version = Some(recipients::version(&mut reader, last, &mut self.quirks)?);
            }
            Field::Recipients => {
                self.recipients = recipients::read(bytes, self.compat, &mut self.quirks)?;
            }
            // Each signature says which one it uses.
            Field::DigestAlgorithms => {
                let mut list = Reader::new(reader.expect(SET, &mut self.quirks)?.body);
                while !list.is_empty() {
                    list.expect(SEQUENCE, &mut self.quirks)?;
                }
            }
            Field::InnerType => {
                let id = reader.expect(OID, &mut self.quirks)?.body;
                if ContentType::of(id, &mut self.quirks) != Some(ContentType::Data) {
                    self.quirks.insert(Quirk::ContentNotData);
                }
                self.inner_type = id.to_vec();
            }
            Field::Algorithm => {
                self.algorithm = Some(Algorithm::read(bytes, self.compat, &mut self.quirks)?);
            }
        }
        Ok(())
    }

    /// The standard has version 1 everywhere. An EnvelopedData that names a recipient by key has 2 (RFC 5652, 6.1).
    fn check_version(&mut self, content_type: ContentType) {
        let expected = match content_type {
            ContentType::Data => None,
            ContentType::Enveloped => {
                Some(self.recipients.iter().map(|entry| version_of(entry.id())).max().unwrap_or(1))
            }
            _ => Some(1),
        };
        if self.version != expected {
            self.quirks.insert(Quirk::Version);
        }
    }
}
