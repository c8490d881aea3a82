//! Requests. Source: RFC 6960, 4.1.

use crate::error::Error;
use crate::extension::{self, Extension};
use crate::fields::{Fields, OCTET_STRING, OID, SEQUENCE, constructed, element};
use crate::ocsp::{CertId, nonce};
use crate::oid;

/// Most certificates that are asked about at once.
const MAX_IDS: usize = 1024;

/// Asks whether certificates are revoked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OcspRequest {
    ids: Vec<CertId>,
    extensions: Vec<Extension>,
    is_signed: bool,
}

impl OcspRequest {
    /// Reads a request in DER, exactly. Whoever signed it is not looked at.
    ///
    /// # Errors
    /// [`Error::Malformed`], among others for none or more than 1024 certificates.
    pub fn from_der(der: &[u8]) -> Result<Self, Error> {
        const WHAT: &str = "OCSP request";
        let mut outer = Fields::inside(der, SEQUENCE, WHAT)?;
        let mut tbs = outer.sequence()?;
        let is_signed = outer.optional(constructed(0))?.is_some();
        outer.finish()?;
        if let Some(version) = tbs.optional(constructed(0))?
            && Fields::new(version.body, WHAT).small()? != 0
        {
            return Err(Error::Malformed("OCSP version"));
        }
        tbs.optional(constructed(1))?; // requestorName
        let list = tbs.sequence()?.all(SEQUENCE)?;
        if list.is_empty() || list.len() > MAX_IDS {
            return Err(Error::Malformed("number of certificates in an OCSP request"));
        }
        let ids = list.iter().map(|single| {
            let mut single = Fields::new(single.body, WHAT);
            let id = CertId::read(&mut single)?;
            single.optional(constructed(0))?; // singleRequestExtensions
            single.finish()?;
            Ok(id)
        });
        let ids = ids.collect::<Result<_, Error>>()?;
        let extensions = match tbs.optional(constructed(2))? {
            Some(list) => extension::read_list(Fields::inside(list.body, SEQUENCE, WHAT)?)?,
            None => Vec::new(),
        };
        tbs.finish()?;
        Ok(Self { ids, extensions, is_signed })
    }

    /// Writes a request about certificates, not signed. `nonce`: 1 to 128 random bytes, which the answer must repeat.
    #[must_use]
    pub fn write(ids: &[CertId], nonce: Option<&[u8]>) -> Vec<u8> {
        let list: Vec<u8> = ids.iter().flat_map(|id| element(SEQUENCE, &[id.as_der()])).collect();
        let extensions = nonce.map_or_else(Vec::new, |nonce| {
            let value = element(OCTET_STRING, &[&element(OCTET_STRING, &[nonce])]);
            let extension = element(SEQUENCE, &[&element(OID, &[oid::OCSP_NONCE.as_bytes()]), &value]);
            element(constructed(2), &[&element(SEQUENCE, &[&extension])])
        });
        element(SEQUENCE, &[&element(SEQUENCE, &[&element(SEQUENCE, &[&list]), &extensions])])
    }

    /// The certificates: 1 to 1024.
    #[must_use]
    pub fn ids(&self) -> &[CertId] {
        &self.ids
    }

    /// What the answer must repeat.
    #[must_use]
    pub fn nonce(&self) -> Option<Vec<u8>> {
        nonce(&self.extensions)
    }

    /// Whether there is a signature, which is not verified.
    #[must_use]
    pub const fn is_signed(&self) -> bool {
        self.is_signed
    }

    /// Extensions of the request, the nonce included.
    #[must_use]
    pub fn extensions(&self) -> &[Extension] {
        &self.extensions
    }
}
