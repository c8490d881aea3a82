//! Certification requests: PKCS#10, GM/T 0092, and what CFCA's tools write.
//!
//! ```text
//! CertificationRequest ::= SEQUENCE { info CertificationRequestInfo, signatureAlgorithm, signature BIT STRING }
//! CertificationRequestInfo ::= SEQUENCE {
//!   version INTEGER (0), subject Name, subjectPKInfo SubjectPublicKeyInfo, attributes [0] SET OF Attribute }
//! Attribute ::= SEQUENCE { type OBJECT IDENTIFIER, values SET OF ANY }
//! ```
//! CFCA writes an attribute's value without the SET around it, which the common readers refuse; hence the own reader here.
//! The signature covers the bytes of the info as they came. Keys and signatures of other algorithms are named, so that a
//! request of RSA can be shown.
//!
//! Source: RFC 2986; GM/T 0092-2020; for CFCA there is no published document, files made by SADK show the form.

mod attributes;
mod response;
mod subject;
mod write;

use core::fmt;

use der::asn1::ObjectIdentifier;
use envelope::{
    armor,
    der::{BIT_STRING, CONSTRUCTED, SEQUENCE, SET, context},
    name,
};
use sm_primitives::sm2::{DistId, PublicKey, Signature, dsa};

pub use self::{
    attributes::{Attributes, Extension},
    response::Response,
    subject::SubjectAttribute,
    write::{AttributeForm, Builder, Unsigned},
};
use crate::{
    Error,
    asn1::{Reader, lookup},
};

const WHAT: &str = "certification request";

/// Signature of SM2 with SM3.
pub(crate) const SM2_WITH_SM3: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.156.10197.1.501");

/// Other signatures and keys that are met in requests, by the names that people know.
const KNOWN: [(ObjectIdentifier, &str); 10] = [
    (SM2_WITH_SM3, "SM2 with SM3"),
    (ObjectIdentifier::new_unwrap("1.2.840.113549.1.1.1"), "RSA"),
    (ObjectIdentifier::new_unwrap("1.2.840.113549.1.1.5"), "RSA with SHA-1"),
    (ObjectIdentifier::new_unwrap("1.2.840.113549.1.1.11"), "RSA with SHA-256"),
    (ObjectIdentifier::new_unwrap("1.2.840.113549.1.1.12"), "RSA with SHA-384"),
    (ObjectIdentifier::new_unwrap("1.2.840.113549.1.1.13"), "RSA with SHA-512"),
    (ObjectIdentifier::new_unwrap("1.2.840.113549.1.1.10"), "RSASSA-PSS"),
    (ObjectIdentifier::new_unwrap("1.2.840.10045.2.1"), "EC on another curve than SM2"),
    (ObjectIdentifier::new_unwrap("1.2.840.10045.4.3.2"), "ECDSA with SHA-256"),
    (ObjectIdentifier::new_unwrap("1.3.101.112"), "Ed25519"),
];

/// An algorithm by its object identifier.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Algorithm(Vec<u8>);

impl fmt::Display for Algorithm {
    /// The name, or the dotted form if it has none here.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match lookup(&KNOWN, &self.0) {
            Some(name) => f.write_str(name),
            None => f.write_str(&name::dotted(&self.0)),
        }
    }
}

/// A public key in a request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SubjectKey {
    /// Of SM2.
    Sm2(PublicKey),
    /// Of another algorithm.
    Other(Algorithm),
}

/// A certification request that was read. Nothing is verified before [`Request::verify`].
#[derive(Clone, Debug)]
pub struct Request {
    info: Vec<u8>,
    subject: Vec<u8>,
    key: SubjectKey,
    attributes: Attributes,
    algorithm: Algorithm,
    signature: Vec<u8>,
}

impl Request {
    /// Reads a request in DER or BER, PEM or base64.
    ///
    /// # Errors
    /// [`Error::Malformed`].
    pub fn read(bytes: &[u8]) -> Result<Self, Error> {
        if bytes.first() == Some(&SEQUENCE) {
            return Self::from_ber(bytes);
        }
        Self::from_ber(&armor::decode(bytes).map_err(|_| Error::Malformed(WHAT))?)
    }

    fn from_ber(bytes: &[u8]) -> Result<Self, Error> {
        let mut outer = Reader::whole(bytes, WHAT)?;
        let info = outer.expect(SEQUENCE)?;
        let (algorithm, parameters) = outer.algorithm()?;
        if algorithm == SM2_WITH_SM3.as_bytes() {
            parameters.no_parameters()?;
        }
        let signature = outer.bits()?.to_vec();
        outer.finish()?;

        let mut fields = Reader::new(info.body, WHAT);
        if fields.number()? != 0 {
            return Err(fields.malformed());
        }
        let subject = fields.expect(SEQUENCE)?.whole;
        check_name(subject)?;
        let key = SubjectKey::read(fields.expect(SEQUENCE)?.whole)?;
        // Some tools leave them out where there are none.
        let attributes = match fields.optional(context(0) | CONSTRUCTED)? {
            Some(set) => Attributes::read(Reader::new(set.body, WHAT))?,
            None => Attributes::default(),
        };
        fields.finish()?;
        Ok(Self {
            info: info.whole.to_vec(),
            subject: subject.to_vec(),
            key,
            attributes,
            algorithm: Algorithm(algorithm.to_vec()),
            signature,
        })
    }

    /// The signed bytes: CertificationRequestInfo.
    #[must_use]
    pub fn info(&self) -> &[u8] {
        &self.info
    }

    /// The subject: Name, as it stands in the request. [`envelope::name::display`] shows it.
    #[must_use]
    pub fn subject(&self) -> &[u8] {
        &self.subject
    }

    /// The key that is to be certified.
    #[must_use]
    pub const fn key(&self) -> &SubjectKey {
        &self.key
    }

    /// What is asked for beside the key.
    #[must_use]
    pub const fn attributes(&self) -> &Attributes {
        &self.attributes
    }

    /// The algorithm of the signature.
    #[must_use]
    pub const fn algorithm(&self) -> &Algorithm {
        &self.algorithm
    }

    /// Verifies that the holder of the key signed the request: SM2 with SM3 and the default distinguishing identifier.
    ///
    /// # Errors
    /// [`Error::UnsupportedAlgorithm`] if key or signature are of another algorithm, [`Error::InvalidSignature`].
    pub fn verify(&self) -> Result<(), Error> {
        let SubjectKey::Sm2(key) = &self.key else {
            return Err(Error::UnsupportedAlgorithm("key of a certification request"));
        };
        if self.algorithm.0 != SM2_WITH_SM3.as_bytes() {
            return Err(Error::UnsupportedAlgorithm("signature of a certification request"));
        }
        let signature = Signature::from_der(&self.signature).map_err(|_| Error::InvalidSignature)?;
        dsa::verify(key, &DistId::default(), &self.info, &signature).map_err(|_| Error::InvalidSignature)
    }
}

impl SubjectKey {
    /// A SubjectPublicKeyInfo. One of SM2 whose point is not on the curve is malformed.
    fn read(spki: &[u8]) -> Result<Self, Error> {
        if let Ok(key) = PublicKey::from_spki_der(spki) {
            return Ok(Self::Sm2(key));
        }
        let mut fields = Reader::whole(spki, WHAT)?;
        let (id, mut parameters) = fields.algorithm()?;
        fields.expect(BIT_STRING)?;
        fields.finish()?;
        let of_sm2 = parameters.oid().is_ok_and(|curve| curve == SM2_CURVE.as_bytes());
        if of_sm2 { Err(Error::Malformed("SM2 public key")) } else { Ok(Self::Other(Algorithm(id.to_vec()))) }
    }
}

const SM2_CURVE: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.156.10197.1.301");

/// `SEQUENCE OF SET OF SEQUENCE { OBJECT IDENTIFIER, ANY }`
fn check_name(name: &[u8]) -> Result<(), Error> {
    let mut parts = Reader::whole(name, WHAT)?;
    while !parts.is_empty() {
        let mut part = parts.enter(SET)?;
        while !part.is_empty() {
            let mut attribute = part.enter(SEQUENCE)?;
            attribute.oid()?;
            attribute.next()?;
            attribute.finish()?;
        }
    }
    Ok(())
}
