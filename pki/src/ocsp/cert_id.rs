//! How a certificate is named. Source: RFC 6960, 4.1.1.

use crate::algorithm::HashAlgorithm;
use crate::certificate::Certificate;
use crate::error::Error;
use crate::fields::{Fields, INTEGER, OCTET_STRING, SEQUENCE, element};

/// A certificate by hashes of its issuer's name and key, and its serial number.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CertId {
    /// `None`: not supported.
    hash: Option<HashAlgorithm>,
    issuer_name: Vec<u8>,
    issuer_key: Vec<u8>,
    serial: Vec<u8>,
    der: Vec<u8>,
}

impl CertId {
    /// Names `certificate` of `issuer`.
    #[must_use]
    pub fn new(hash: HashAlgorithm, certificate: &Certificate, issuer: &Certificate) -> Self {
        let issuer_name = hash.digest(certificate.issuer().as_der());
        let issuer_key = hash.digest(issuer.key_octets());
        let serial = certificate.serial().to_vec();
        let der = element(
            SEQUENCE,
            &[
                &hash.to_der(),
                &element(OCTET_STRING, &[&issuer_name]),
                &element(OCTET_STRING, &[&issuer_key]),
                &element(INTEGER, &[&serial]),
            ],
        );
        Self { hash: Some(hash), issuer_name, issuer_key, serial, der }
    }

    pub(super) fn read(fields: &mut Fields<'_>) -> Result<Self, Error> {
        let whole = fields.expect(SEQUENCE)?;
        let mut inner = Fields::new(whole.body, "certificate identifier");
        let hash = match HashAlgorithm::read(inner.sequence()?) {
            Ok(hash) => Some(hash),
            Err(Error::UnsupportedAlgorithm(_)) => None,
            Err(error) => return Err(error),
        };
        let issuer_name = inner.expect(OCTET_STRING)?.body.to_vec();
        let issuer_key = inner.expect(OCTET_STRING)?.body.to_vec();
        let serial = inner.expect(INTEGER)?.body.to_vec();
        inner.finish()?;
        Ok(Self { hash, issuer_name, issuer_key, serial, der: whole.whole.to_vec() })
    }

    /// Whether it names `certificate` of `issuer`. The name of the issuer may be spelt as in either certificate.
    #[must_use]
    pub fn names(&self, certificate: &Certificate, issuer: &Certificate) -> bool {
        let Some(hash) = self.hash.filter(|_| self.serial == certificate.serial()) else { return false };
        let is_name = |name: &[u8]| hash.digest(name) == self.issuer_name;
        (is_name(certificate.issuer().as_der()) || is_name(issuer.subject().as_der()))
            && hash.digest(issuer.key_octets()) == self.issuer_key
    }

    /// Whether the issuer is this CA.
    #[must_use]
    pub fn is_of(&self, issuer: &Certificate) -> bool {
        self.hash.is_some_and(|hash| {
            hash.digest(issuer.subject().as_der()) == self.issuer_name
                && hash.digest(issuer.key_octets()) == self.issuer_key
        })
    }

    /// The hash; `None` if it is not supported.
    #[must_use]
    pub const fn hash(&self) -> Option<HashAlgorithm> {
        self.hash
    }

    /// The serial number, as the body of its INTEGER.
    #[must_use]
    pub fn serial(&self) -> &[u8] {
        &self.serial
    }

    /// The encoding, as it came.
    #[must_use]
    pub fn as_der(&self) -> &[u8] {
        &self.der
    }
}
