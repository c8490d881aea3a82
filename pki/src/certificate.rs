//! Certificates. Source: RFC 5280, 4.1; GB/T 20518.

mod bundle;

use core::fmt;
use core::ops::Range;
use std::sync::Arc;

use envelope::cms::Time;

use crate::algorithm::{Defect, SignatureAlgorithm, SignatureValue, Signed};
use crate::error::Error;
use crate::extension::{Extensions, Usage};
use crate::fields::{Fields, INTEGER, SEQUENCE, constructed, primitive};
use crate::key::{self, SubjectKey};
use crate::name::{Name, hex};

pub(crate) use bundle::from_text;

/// First and last second at which a certificate is valid.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Validity {
    /// notBefore.
    pub not_before: Time,
    /// notAfter.
    pub not_after: Time,
}

/// A certificate. Nothing about it is verified by being here. Clones share their memory.
#[derive(Clone)]
pub struct Certificate(Arc<Inner>);

struct Inner {
    der: Vec<u8>,
    tbs: Range<usize>,
    version: u32,
    serial: Vec<u8>,
    issuer: Name,
    validity: Validity,
    subject: Name,
    spki: Range<usize>,
    key: SubjectKey,
    extensions: Extensions,
    signature: SignatureValue,
}

impl Certificate {
    /// Reads a certificate in DER, exactly.
    ///
    /// # Errors
    /// [`Error::Malformed`]: among others if the algorithm inside differs from that beside the signature.
    pub fn from_der(der: &[u8]) -> Result<Self, Error> {
        const WHAT: &str = "certificate";
        let mut fields = Fields::inside(der, SEQUENCE, WHAT)?;
        let signed = Signed::read(&mut fields)?;
        fields.finish()?;
        let mut tbs = Fields::inside(signed.tbs, SEQUENCE, WHAT)?;
        let version = match tbs.optional(constructed(0))? {
            None => 0,
            Some(version) => {
                let mut version = Fields::new(version.body, "certificate version");
                let number = version.small()?;
                version.finish()?;
                if number > 2 {
                    return Err(Error::Malformed("certificate version"));
                }
                number
            }
        };
        let serial = tbs.expect(INTEGER)?.body;
        if serial.is_empty() {
            return Err(tbs.error());
        }
        if tbs.expect(SEQUENCE)?.whole != signed.algorithm_der {
            return Err(Error::Malformed("certificate: it names two signature algorithms"));
        }
        let issuer = Name::from_der(tbs.expect(SEQUENCE)?.whole)?;
        let mut dates = Fields::new(tbs.expect(SEQUENCE)?.body, "certificate validity");
        let validity = Validity { not_before: dates.time()?, not_after: dates.time()? };
        dates.finish()?;
        let subject = Name::from_der(tbs.expect(SEQUENCE)?.whole)?;
        let spki = tbs.expect(SEQUENCE)?.whole;
        tbs.optional(primitive(1))?; // issuerUniqueID
        tbs.optional(primitive(2))?; // subjectUniqueID
        let extensions = match tbs.optional(constructed(3))? {
            None => Extensions::default(),
            Some(_) if version != 2 => return Err(Error::Malformed("certificate version")),
            Some(extensions) => Extensions::read(Fields::inside(extensions.body, SEQUENCE, "extensions")?)?,
        };
        tbs.finish()?;
        Ok(Self(Arc::new(Inner {
            tbs: range(der, signed.tbs),
            version: version + 1,
            serial: serial.to_vec(),
            issuer,
            validity,
            subject,
            spki: range(der, spki),
            key: SubjectKey::from_spki_der(spki)?,
            extensions,
            signature: SignatureValue::of(&signed),
            der: der.to_vec(),
        })))
    }

    /// Reads the first certificate of a file: see [`Certificate::all`].
    ///
    /// # Errors
    /// [`Error::Malformed`].
    pub fn parse(bytes: &[u8]) -> Result<Self, Error> {
        let all = Self::all(bytes)?;
        all.into_iter().next().ok_or(Error::Malformed("there is no certificate"))
    }

    /// Reads every certificate of a file: DER, PEM with any number of blocks, base64, or a signed message of which only
    /// the certificates are taken. Blocks that are not for certificates are passed over. Not empty.
    ///
    /// # Errors
    /// [`Error::Malformed`] if one of them is, or if there is none.
    pub fn all(bytes: &[u8]) -> Result<Vec<Self>, Error> {
        bundle::all(bytes)
    }

    /// The certificate in DER, as it came.
    #[must_use]
    pub fn as_der(&self) -> &[u8] {
        &self.0.der
    }

    /// What is signed, as it came.
    #[must_use]
    pub fn tbs(&self) -> &[u8] {
        self.0.der.get(self.0.tbs.clone()).unwrap_or_default()
    }

    /// 1 to 3; only 3 has extensions.
    #[must_use]
    pub fn version(&self) -> u32 {
        self.0.version
    }

    /// The serial number: the body of its INTEGER, at least one byte.
    #[must_use]
    pub fn serial(&self) -> &[u8] {
        &self.0.serial
    }

    /// The serial number in hex, without a leading sign byte.
    #[must_use]
    pub fn serial_hex(&self) -> String {
        match self.serial() {
            [0, rest @ ..] if !rest.is_empty() => hex(rest),
            all => hex(all),
        }
    }

    /// Who issued it.
    #[must_use]
    pub fn issuer(&self) -> &Name {
        &self.0.issuer
    }

    /// Whose it is.
    #[must_use]
    pub fn subject(&self) -> &Name {
        &self.0.subject
    }

    /// When it is valid.
    #[must_use]
    pub fn validity(&self) -> Validity {
        self.0.validity
    }

    /// How it is signed.
    #[must_use]
    pub fn algorithm(&self) -> SignatureAlgorithm {
        self.0.signature.algorithm
    }

    /// The subject's key.
    #[must_use]
    pub fn key(&self) -> &SubjectKey {
        &self.0.key
    }

    /// The subject's key as SubjectPublicKeyInfo in DER, as it came.
    #[must_use]
    pub fn spki(&self) -> &[u8] {
        self.0.der.get(self.0.spki.clone()).unwrap_or_default()
    }

    /// The octets of the subject's key: what key identifiers are hashes of.
    #[must_use]
    pub fn key_octets(&self) -> &[u8] {
        key::parts(self.spki()).map_or(&[], |(_, bits)| bits)
    }

    /// The extensions.
    #[must_use]
    pub fn extensions(&self) -> &Extensions {
        &self.0.extensions
    }

    /// Whether issuer and subject have the same name.
    #[must_use]
    pub fn is_self_issued(&self) -> bool {
        self.issuer() == self.subject()
    }

    /// Whether basicConstraints say that it is the certificate of a CA.
    #[must_use]
    pub fn is_ca(&self) -> bool {
        self.extensions().basic_constraints.is_some_and(|constraints| constraints.ca)
    }

    /// Whether keyUsage is absent or permits a use.
    #[must_use]
    pub fn permits(&self, usage: Usage) -> bool {
        self.extensions().key_usage.is_none_or(|permitted| permitted.permits(usage))
    }

    /// Whether the signature is by this key, of SM2 with the default id. Nothing else is looked at. Variable time.
    ///
    /// # Errors
    /// [`Defect`].
    pub fn verify_signature(&self, issuer: &SubjectKey) -> Result<(), Defect> {
        self.0.signature.verify(issuer, self.tbs())
    }

    pub(crate) fn signature(&self) -> &SignatureValue {
        &self.0.signature
    }
}

impl PartialEq for Certificate {
    fn eq(&self, other: &Self) -> bool {
        self.as_der() == other.as_der()
    }
}

impl Eq for Certificate {}

impl fmt::Debug for Certificate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Certificate({}, serial {})", self.subject(), self.serial_hex())
    }
}

/// Where `part`, which was cut out of `whole`, lies in it.
pub(crate) fn range(whole: &[u8], part: &[u8]) -> Range<usize> {
    let start = part.as_ptr().addr().saturating_sub(whole.as_ptr().addr());
    start..start + part.len()
}
