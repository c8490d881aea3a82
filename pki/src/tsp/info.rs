//! What a time stamp says. Source: RFC 3161, 2.4.2.

use der::asn1::ObjectIdentifier;
use envelope::cms::Time;

use crate::algorithm::HashAlgorithm;
use crate::error::Error;
use crate::extension::{self, Extension, GeneralName};
use crate::fields::{
    BOOLEAN, Fields, GENERALIZED_TIME, INTEGER, OCTET_STRING, SEQUENCE, constructed, element, primitive,
    small,
};

/// The hash of what is stamped.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Imprint {
    hash: HashAlgorithm,
    digest: Vec<u8>,
}

impl Imprint {
    /// Hashes what is to be stamped. SM3 and SHA-2; SHA-1 binds nothing any more.
    ///
    /// # Errors
    /// [`Error::UnsupportedAlgorithm`].
    pub fn of(hash: HashAlgorithm, content: &[u8]) -> Result<Self, Error> {
        Self::from_digest(hash, hash.digest(content))
    }

    /// A hash that was computed elsewhere: [`HashAlgorithm::len`] bytes.
    ///
    /// # Errors
    /// [`Error::UnsupportedAlgorithm`], [`Error::Malformed`] for another length.
    pub fn from_digest(hash: HashAlgorithm, digest: Vec<u8>) -> Result<Self, Error> {
        if hash == HashAlgorithm::Sha1 {
            return Err(Error::UnsupportedAlgorithm("hash of a time stamp"));
        }
        if digest.len() != hash.len() {
            return Err(Error::Malformed("length of a hash"));
        }
        Ok(Self { hash, digest })
    }

    pub(super) fn read(fields: &mut Fields<'_>) -> Result<Self, Error> {
        let mut imprint = fields.sequence()?;
        let hash = HashAlgorithm::read(imprint.sequence()?)?;
        let digest = imprint.expect(OCTET_STRING)?.body.to_vec();
        imprint.finish()?;
        Self::from_digest(hash, digest)
    }

    pub(crate) fn to_der(&self) -> Vec<u8> {
        element(SEQUENCE, &[&self.hash.to_der(), &element(OCTET_STRING, &[&self.digest])])
    }

    /// The hash algorithm.
    #[must_use]
    pub const fn hash(&self) -> HashAlgorithm {
        self.hash
    }

    /// The hash.
    #[must_use]
    pub fn digest(&self) -> &[u8] {
        &self.digest
    }

    /// Whether it is that of a content.
    #[must_use]
    pub fn is_of(&self, content: &[u8]) -> bool {
        self.hash.digest(content) == self.digest
    }
}

/// How far the time may be off.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Accuracy {
    /// Seconds.
    pub seconds: u32,
    /// Milliseconds beside them, 0 to 999.
    pub millis: u32,
    /// Microseconds beside them, 0 to 999.
    pub micros: u32,
}

/// What a time stamp says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TstInfo {
    /// Under which policy.
    pub policy: ObjectIdentifier,
    /// Of what.
    pub imprint: Imprint,
    /// The number of the stamp, as the body of its INTEGER.
    pub serial: Vec<u8>,
    /// When: the whole second.
    pub time: Time,
    /// Microseconds after it, 0 to 999999; what is finer is cut.
    pub micros: u32,
    /// How far that may be off, if it is said.
    pub accuracy: Option<Accuracy>,
    /// Whether stamps of this authority can be ordered by their times.
    pub ordering: bool,
    /// The nonce of the request, as the body of its INTEGER.
    pub nonce: Option<Vec<u8>>,
    /// The authority, by its own word.
    pub authority: Option<GeneralName>,
    /// Extensions.
    pub extensions: Vec<Extension>,
}

const WHAT: &str = "time stamp";

impl TstInfo {
    /// Reads a TSTInfo in DER, exactly.
    ///
    /// # Errors
    /// [`Error::Malformed`]; [`Error::UnsupportedAlgorithm`]: a hash other than SM3, SHA-256, SHA-384 and SHA-512.
    pub fn from_der(der: &[u8]) -> Result<Self, Error> {
        let mut fields = Fields::inside(der, SEQUENCE, WHAT)?;
        if fields.small()? != 1 {
            return Err(Error::Malformed("version of a time stamp"));
        }
        let policy = fields.oid()?;
        let imprint = Imprint::read(&mut fields)?;
        let serial = fields.expect(INTEGER)?.body.to_vec();
        let (time, micros) = instant(fields.expect(GENERALIZED_TIME)?.body)?;
        let accuracy = match fields.optional(SEQUENCE)? {
            Some(accuracy) => Some(read_accuracy(accuracy.body)?),
            None => None,
        };
        let ordering = fields.flag(BOOLEAN)?;
        let nonce = fields.optional(INTEGER)?.map(|nonce| nonce.body.to_vec());
        let authority = match fields.optional(constructed(0))? {
            Some(name) => {
                let mut inner = Fields::new(name.body, WHAT);
                let name = GeneralName::read(&inner.next()?)?;
                inner.finish()?;
                Some(name)
            }
            None => None,
        };
        let extensions = match fields.optional(constructed(1))? {
            Some(list) => extension::read_list(Fields::new(list.body, WHAT))?,
            None => Vec::new(),
        };
        fields.finish()?;
        Ok(Self { policy, imprint, serial, time, micros, accuracy, ordering, nonce, authority, extensions })
    }
}

/// A GeneralizedTime with or without a fraction: `20260131235959.123Z`.
fn instant(body: &[u8]) -> Result<(Time, u32), Error> {
    let error = Error::Malformed("time of a time stamp");
    let (second, rest) = body.split_at_checked(14).ok_or(error)?;
    let time = Time::from_der(GENERALIZED_TIME, &[second, b"Z"].concat()).ok_or(error)?;
    let fraction = match rest {
        [b'Z'] => &[][..],
        [b'.', fraction @ .., b'Z'] if !fraction.is_empty() => fraction,
        _ => return Err(error),
    };
    if !fraction.iter().all(u8::is_ascii_digit) {
        return Err(error);
    }
    let digits = fraction.iter().map(|digit| u32::from(digit - b'0')).chain(core::iter::repeat(0));
    Ok((time, digits.take(6).fold(0, |micros, digit| micros * 10 + digit)))
}

fn read_accuracy(body: &[u8]) -> Result<Accuracy, Error> {
    let mut fields = Fields::new(body, WHAT);
    let seconds = if fields.peek() == Some(INTEGER) { fields.small()? } else { 0 };
    let mut below = |tag: u8| match fields.optional(primitive(tag))? {
        None => Ok(0),
        Some(element) => small(element.body).filter(|value| *value < 1000).ok_or(Error::Malformed(WHAT)),
    };
    let (millis, micros) = (below(0)?, below(1)?);
    fields.finish()?;
    Ok(Accuracy { seconds, millis, micros })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fractions_of_seconds() {
        for (text, micros) in [("", 0), (".5", 500_000), (".000001", 1), (".1234567", 123_456)] {
            let (time, found) = instant(format!("20260131235959{text}Z").as_bytes()).unwrap();
            assert_eq!((time.to_string().as_str(), found), ("2026-01-31T23:59:59Z", micros), "{text}");
        }
        for text in [
            "20260131235959",
            "20260131235959.Z",
            "20260131235959.aZ",
            "20260131235959,5Z",
            "2026Z",
            "20261331235959Z",
        ] {
            assert!(instant(text.as_bytes()).is_err(), "{text}");
        }
    }

    #[test]
    fn accuracies() {
        assert_eq!(read_accuracy(&[2, 1, 1, 0x81, 1, 5]), Ok(Accuracy { seconds: 1, millis: 0, micros: 5 }));
        assert_eq!(read_accuracy(&[]), Ok(Accuracy::default()));
        assert!(read_accuracy(&[0x80, 2, 3, 0xe8]).is_err(), "1000 milliseconds");
    }
}
