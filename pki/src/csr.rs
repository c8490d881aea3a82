//! Certification requests: PKCS#10, GM/T 0092, and what CFCA's tools write.
//!
//! ```text
//! CertificationRequest ::= SEQUENCE { info CertificationRequestInfo, signatureAlgorithm, signature BIT STRING }
//! CertificationRequestInfo ::= SEQUENCE {
//!   version INTEGER (0), subject Name, subjectPKInfo SubjectPublicKeyInfo, attributes [0] SET OF Attribute }
//! Attribute ::= SEQUENCE { type OBJECT IDENTIFIER, values SET OF ANY }
//! ```
//! CFCA writes an attribute's value without the SET around it, which the common readers refuse; hence the own reader here.
//! The signature covers the bytes of the info as they came. Requests of RSA and ECDSA are verified too, so that they can be
//! shown; nothing is issued for them.
//!
//! Source: RFC 2986; GM/T 0092-2020; for CFCA there is no published document, files made by SADK show the form.

mod attributes;
mod response;
mod subject;
mod write;

use der::asn1::ObjectIdentifier;
use envelope::{
    armor,
    der::{CONSTRUCTED, SEQUENCE, SET, context},
};

pub(crate) use self::subject::is_printable;
pub use self::{
    attributes::{Attributes, Extension},
    response::Response,
    subject::SubjectAttribute,
    write::{AttributeForm, Builder, Unsigned},
};
use crate::{
    Error,
    algorithm::{Defect, SignatureAlgorithm, SignatureValue, Signed},
    asn1::Reader,
    fields::Fields,
    key::SubjectKey,
    oid,
};

const WHAT: &str = "certification request";

/// A certification request that was read. Nothing is verified before [`Request::verify`].
#[derive(Clone, Debug)]
pub struct Request {
    info: Vec<u8>,
    subject: Vec<u8>,
    key: SubjectKey,
    attributes: Attributes,
    algorithm: SignatureAlgorithm,
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
        let whole = outer.expect(SEQUENCE)?;
        let mut parameters = Reader::new(whole.body, WHAT);
        let algorithm = match ObjectIdentifier::from_bytes(parameters.oid()?) {
            Ok(oid::SM2_WITH_SM3) => {
                let null_parameters = !parameters.is_empty();
                parameters.no_parameters()?;
                SignatureAlgorithm::Sm2WithSm3 { null_parameters }
            }
            Ok(other) => {
                let read = SignatureAlgorithm::read(Fields::new(whole.body, WHAT));
                read.unwrap_or(SignatureAlgorithm::Other(other))
            }
            Err(_) => return Err(outer.malformed()),
        };
        let signature = outer.bits()?.to_vec();
        outer.finish()?;

        let mut fields = Reader::new(info.body, WHAT);
        if fields.number()? != 0 {
            return Err(fields.malformed());
        }
        let subject = fields.expect(SEQUENCE)?.whole;
        check_name(subject)?;
        let key = SubjectKey::from_spki_der(fields.expect(SEQUENCE)?.whole)?;
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
            algorithm,
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
    pub const fn algorithm(&self) -> SignatureAlgorithm {
        self.algorithm
    }

    /// Verifies that the holder of the key signed the request; of SM2 with the default distinguishing identifier.
    ///
    /// # Errors
    /// [`Error::UnsupportedAlgorithm`] if key or signature are of another algorithm, [`Error::InvalidSignature`].
    pub fn verify(&self) -> Result<(), Error> {
        let signed = Signed {
            tbs: &self.info,
            algorithm_der: &[],
            algorithm: self.algorithm,
            signature: &self.signature,
        };
        let verified = SignatureValue::of(&signed).verify(&self.key, &self.info);
        verified.map_err(|defect| match (defect, &self.key) {
            (Defect::Wrong, _) => Error::InvalidSignature,
            (Defect::Unsupported, SubjectKey::Sm2(_)) => {
                Error::UnsupportedAlgorithm("signature of a certification request")
            }
            _ => Error::UnsupportedAlgorithm("key of a certification request"),
        })
    }
}

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
