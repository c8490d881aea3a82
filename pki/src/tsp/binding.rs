//! The attribute that binds a signature to one certificate. Source: RFC 5035, 3 and 5; RFC 2634, 5.4.

use der::asn1::ObjectIdentifier;

use crate::algorithm::HashAlgorithm;
use crate::certificate::Certificate;
use crate::error::Error;
use crate::extension::GeneralName;
use crate::fields::{Fields, INTEGER, OCTET_STRING, OID, SEQUENCE, SET};
use crate::oid;

/// What the signed attributes say of content and signer.
pub(super) struct Signed {
    pub(super) content_type: Option<ObjectIdentifier>,
    /// The certificates named first in SigningCertificate and SigningCertificateV2.
    pub(super) bindings: Vec<CertHash>,
}

/// ESSCertID or ESSCertIDv2.
pub(super) struct CertHash {
    hash: HashAlgorithm,
    digest: Vec<u8>,
    issuer_serial: Option<(Vec<GeneralName>, Vec<u8>)>,
}

const WHAT: &str = "attributes of a time stamp";

impl Signed {
    /// `attributes`: a SET OF Attribute.
    pub(super) fn read(attributes: &[u8]) -> Result<Self, Error> {
        let mut read = Self { content_type: None, bindings: Vec::new() };
        for attribute in Fields::inside(attributes, SET, WHAT)?.all(SEQUENCE)? {
            let mut fields = Fields::new(attribute.body, WHAT);
            let id = fields.oid()?;
            let mut values = Fields::new(fields.expect(SET)?.body, WHAT);
            fields.finish()?;
            match id {
                oid::CONTENT_TYPE => read.content_type = Some(values.oid()?),
                oid::SIGNING_CERTIFICATE => {
                    read.bindings.push(CertHash::read(values.expect(SEQUENCE)?.body, false)?);
                }
                oid::SIGNING_CERTIFICATE_V2 => {
                    read.bindings.push(CertHash::read(values.expect(SEQUENCE)?.body, true)?);
                }
                _ => continue,
            }
            values.finish()?;
        }
        Ok(read)
    }
}

impl CertHash {
    /// The first of the certificates; the others are of its path.
    fn read(signing_certificate: &[u8], second: bool) -> Result<Self, Error> {
        let mut list = Fields::new(signing_certificate, WHAT).sequence()?;
        let mut first = list.sequence()?;
        let hash = match (second, first.peek()) {
            (true, Some(SEQUENCE)) => HashAlgorithm::read(first.sequence()?)?,
            // Of both versions, what is meant where nothing is said.
            (true, _) => HashAlgorithm::Sha256,
            (false, _) => HashAlgorithm::Sha1,
        };
        let digest = first.expect(OCTET_STRING)?.body.to_vec();
        let issuer_serial = match first.optional(SEQUENCE)? {
            None => None,
            Some(named) => {
                let mut named = Fields::new(named.body, WHAT);
                let names = GeneralName::read_all(named.sequence()?)?;
                let serial = named.expect(INTEGER)?.body.to_vec();
                named.finish()?;
                Some((names, serial))
            }
        };
        first.finish()?;
        Ok(Self { hash, digest, issuer_serial })
    }

    pub(super) fn names(&self, certificate: &Certificate) -> bool {
        let is_named = self.issuer_serial.as_ref().is_none_or(|(issuers, serial)| {
            let is_issuer =
                |name: &GeneralName| *name == GeneralName::Directory(certificate.issuer().clone());
            serial == certificate.serial() && issuers.iter().any(is_issuer)
        });
        is_named && self.hash.digest(certificate.as_der()) == self.digest
    }
}

/// The types that a signed message may have. Source: RFC 5652, GM/T 0010.
pub(super) fn is_signed_data(message: &[u8]) -> bool {
    let first = || -> Result<ObjectIdentifier, Error> {
        let mut fields = Fields::inside(message, SEQUENCE, WHAT)?;
        if fields.peek() != Some(OID) {
            return Err(fields.error());
        }
        fields.oid()
    };
    first().is_ok_and(|id| [oid::RFC_SIGNED_DATA, oid::SIGNED_DATA].contains(&id))
}
