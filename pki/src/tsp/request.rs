//! Requests. Source: RFC 3161, 2.4.1.

use der::asn1::ObjectIdentifier;

use crate::error::Error;
use crate::extension::{self, Extension};
use crate::fields::{BOOLEAN, Fields, INTEGER, OID, SEQUENCE, constructed, element};
use crate::tsp::Imprint;

/// Asks for a time stamp.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TimeStampRequest {
    /// Of what.
    pub imprint: Imprint,
    /// Under which policy; `None`: as the authority likes.
    pub policy: Option<ObjectIdentifier>,
    /// What the stamp must repeat: the body of an INTEGER, not negative.
    pub nonce: Option<Vec<u8>>,
    /// Whether the stamp should carry the authority's certificate.
    pub wants_certificate: bool,
    /// Extensions.
    pub extensions: Vec<Extension>,
}

impl TimeStampRequest {
    /// Asks for a stamp with the authority's certificate. `nonce`: random bytes.
    #[must_use]
    pub fn new(imprint: Imprint, nonce: Option<[u8; 8]>) -> Self {
        // A positive number of nine octets, or with the first bit clear of eight.
        let positive = |nonce: [u8; 8]| {
            let start = nonce.iter().position(|octet| *octet != 0).unwrap_or(7);
            let octets = nonce.get(start..).unwrap_or_default();
            let sign: &[u8] = if octets.first().is_some_and(|first| first & 0x80 != 0) { &[0] } else { &[] };
            [sign, octets].concat()
        };
        let nonce = nonce.map(positive);
        Self { imprint, policy: None, nonce, wants_certificate: true, extensions: Vec::new() }
    }

    /// Reads a request in DER, exactly.
    ///
    /// # Errors
    /// [`Error::Malformed`]; [`Error::UnsupportedAlgorithm`]: a hash other than SM3, SHA-256, SHA-384 and SHA-512.
    pub fn from_der(der: &[u8]) -> Result<Self, Error> {
        const WHAT: &str = "time-stamp request";
        let mut fields = Fields::inside(der, SEQUENCE, WHAT)?;
        if fields.small()? != 1 {
            return Err(Error::Malformed("version of a time-stamp request"));
        }
        let imprint = Imprint::read(&mut fields)?;
        let policy = if fields.peek() == Some(OID) { Some(fields.oid()?) } else { None };
        let nonce = fields.optional(INTEGER)?.map(|nonce| nonce.body.to_vec());
        let wants_certificate = fields.flag(BOOLEAN)?;
        let extensions = match fields.optional(constructed(0))? {
            Some(list) => extension::read_list(Fields::new(list.body, WHAT))?,
            None => Vec::new(),
        };
        fields.finish()?;
        Ok(Self { imprint, policy, nonce, wants_certificate, extensions })
    }

    /// Writes the request, without extensions.
    #[must_use]
    pub fn to_der(&self) -> Vec<u8> {
        let policy = self.policy.map_or_else(Vec::new, |policy| element(OID, &[policy.as_bytes()]));
        let nonce = self.nonce.as_ref().map_or_else(Vec::new, |nonce| element(INTEGER, &[nonce]));
        let wanted = if self.wants_certificate { element(BOOLEAN, &[&[0xff]]) } else { Vec::new() };
        element(SEQUENCE, &[&element(INTEGER, &[&[1]]), &self.imprint.to_der(), &policy, &nonce, &wanted])
    }
}
