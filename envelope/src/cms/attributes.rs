//! Signed attributes.

use alloc::vec::Vec;

use super::oid;
use super::quirk::{Quirk, Quirks};
use super::signing_certificate::CertificateHash;
use super::time::Time;
use crate::ber::{Reader, octets};
use crate::der::{OCTET_STRING, OID, SEQUENCE, SET, element};
use crate::error::{InvalidMessage, InvalidSignature};

/// What a signature covers beside the content. Nothing of it counts before the signature is verified.
#[derive(Clone, Debug)]
pub struct Attributes {
    /// SET OF in the order of the message, and in that of DER where it differs.
    encoding: Vec<u8>,
    sorted: Option<Vec<u8>>,
    content_type: Single<Vec<u8>>,
    message_digest: Single<Vec<u8>>,
    signing_time: Option<Time>,
    /// What names the signer's certificate; `None`: in a way that fits none.
    signing_certificates: Vec<Option<CertificateHash>>,
}

/// An attribute that must be there once, with one value.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Single<T> {
    Absent,
    One(T),
    Ambiguous,
}

impl<T> Single<T> {
    fn add(&mut self, value: Option<T>) {
        *self = match (&self, value) {
            (Self::Absent, Some(value)) => Self::One(value),
            _ => Self::Ambiguous,
        };
    }
}

impl Single<Vec<u8>> {
    fn one(&self) -> Option<&[u8]> {
        match self {
            Self::One(value) => Some(value),
            _ => None,
        }
    }
}

impl Attributes {
    /// When the signer says that it signed. No more than that: no time-stamping authority stands for it.
    #[must_use]
    pub const fn signing_time(&self) -> Option<Time> {
        self.signing_time
    }

    /// The attributes as a DER SET OF, as they were signed.
    #[must_use]
    pub fn as_der(&self) -> &[u8] {
        &self.encoding
    }

    /// The type of the content, if it is there once: body of its object identifier.
    #[must_use]
    pub fn content_type(&self) -> Option<&[u8]> {
        self.content_type.one()
    }

    /// The hash of the content, if it is there once.
    #[must_use]
    pub fn message_digest(&self) -> Option<&[u8]> {
        self.message_digest.one()
    }

    /// Whether they say under which certificate the signature was made: by signingCertificate or its second version.
    #[must_use]
    pub fn names_certificate(&self) -> bool {
        !self.signing_certificates.is_empty()
    }

    /// Whether the signature was made under this certificate (DER), as far as the attributes say under which.
    #[must_use]
    pub fn fits_certificate(&self, certificate: &[u8]) -> bool {
        let is_of = |hash: &CertificateHash| hash.is_of(certificate);
        self.signing_certificates.iter().all(|hash| hash.as_ref().is_some_and(is_of))
    }

    /// The encodings that the signature may be of: as received, then in the order of DER where that differs.
    pub fn encodings(&self) -> impl Iterator<Item = &[u8]> {
        core::iter::once(self.encoding.as_slice()).chain(self.sorted.as_deref())
    }

    /// Whether the attributes are about this content. `content_type`: body of an object identifier. Source: RFC 5652, 5.3,
    /// 5.6, 11.1 and 11.2.
    ///
    /// # Errors
    /// [`InvalidSignature::Attributes`], [`InvalidSignature::ContentType`], [`InvalidSignature::ContentChanged`].
    pub fn check(&self, content_type: &[u8], digest: &[u8]) -> Result<(), InvalidSignature> {
        match (&self.content_type, &self.message_digest) {
            (Single::One(claimed), _) if claimed != content_type => Err(InvalidSignature::ContentType),
            (Single::One(_), Single::One(claimed)) if claimed == digest => Ok(()),
            (Single::One(_), Single::One(_)) => Err(InvalidSignature::ContentChanged),
            _ => Err(InvalidSignature::Attributes),
        }
    }

    /// `body`: the attributes without the tag around them.
    pub(super) fn read(body: &[u8], quirks: &mut Quirks) -> Result<Self, InvalidMessage> {
        let mut attributes = Self {
            encoding: element(SET, &[body]),
            sorted: None,
            content_type: Single::Absent,
            message_digest: Single::Absent,
            signing_time: None,
            signing_certificates: Vec::new(),
        };
        let mut elements = Vec::new();
        let mut list = Reader::new(body);
        while !list.is_empty() {
            let attribute = list.expect(SEQUENCE, quirks)?;
            elements.push(attribute.whole);
            attributes.attribute(attribute.body, quirks)?;
        }
        if !elements.is_sorted() {
            quirks.insert(Quirk::UnsortedAttributes);
            elements.sort_unstable();
            attributes.sorted = Some(element(SET, &elements));
        }
        Ok(attributes)
    }

    fn attribute(&mut self, body: &[u8], quirks: &mut Quirks) -> Result<(), InvalidMessage> {
        let mut reader = Reader::new(body);
        let id = reader.expect(OID, quirks)?.body;
        let mut values = Reader::new(reader.expect(SET, quirks)?.body);
        reader.finish()?;
        let mut single = None;
        let mut count = 0_usize;
        while !values.is_empty() {
            single = Some(values.next(quirks)?);
            count += 1;
        }
        let single = single.filter(|_| count == 1);
        match id {
            oid::CONTENT_TYPE => {
                let value = single.filter(|value| value.tag == OID);
                self.content_type.add(value.map(|value| value.body.to_vec()));
            }
            oid::MESSAGE_DIGEST => {
                let value = single.map(|value| octets(&value, OCTET_STRING, quirks)).transpose()?;
                self.message_digest.add(value);
            }
            oid::SIGNING_TIME => {
                self.signing_time = single.and_then(|value| Time::from_der(value.tag, value.body));
            }
            id => self.signing_certificates.extend(CertificateHash::read(id, single, quirks)),
        }
        Ok(())
    }
}
