//! The key of a certificate's subject.

use core::fmt;

use der::asn1::ObjectIdentifier;
use sm_primitives::PublicPoint;
use sm_primitives::sm2::PublicKey;

use crate::algorithm;
use crate::error::Error;
use crate::fields::{BIT_STRING, Fields, INTEGER, NULL, OCTET_STRING, OID, SEQUENCE};
use crate::foreign::ForeignKey;
use crate::oid;

/// The key of a certificate's subject.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum SubjectKey {
    /// An SM2 key.
    Sm2(PublicKey),
    /// An RSA key, or one on another curve, with which signatures can be verified.
    Foreign(ForeignKey),
    /// A key that nothing is verified with.
    Other {
        /// Of the key.
        algorithm: ObjectIdentifier,
        /// Of a key on a named curve.
        curve: Option<ObjectIdentifier>,
    },
}

impl SubjectKey {
    /// The SM2 key.
    #[must_use]
    pub const fn sm2(&self) -> Option<&PublicKey> {
        match self {
            Self::Sm2(key) => Some(key),
            _ => None,
        }
    }

    /// Reads a SubjectPublicKeyInfo. The curve of SM2 may be named, spelt out, or be the algorithm itself; spelt out,
    /// each of its parameters must be the right one. Source: GB/T 20518; RFC 5480; SEC 1, annex C.2.
    ///
    /// # Errors
    /// [`Error::Malformed`]: what is no SubjectPublicKeyInfo, or an SM2 key that is no point of the curve.
    pub fn from_spki_der(der: &[u8]) -> Result<Self, Error> {
        let (algorithm, bits) = parts(der)?;
        let mut algorithm = Fields::new(algorithm, WHAT);
        let id = algorithm.oid()?;
        let parameters = if algorithm.is_empty() { None } else { Some(algorithm.next()?) };
        algorithm.finish()?;
        let named = parameters.filter(|parameters| parameters.tag == OID);
        let curve = named.and_then(|curve| ObjectIdentifier::from_bytes(curve.body).ok());
        let is_sm2 = match (id, parameters) {
            (oid::EC_PUBLIC_KEY, Some(parameters)) if parameters.tag == SEQUENCE => {
                is_sm2_spelt_out(parameters.body).is_ok_and(|is| is)
            }
            (oid::EC_PUBLIC_KEY, _) => curve == Some(oid::SM2),
            (oid::SM2, None) => true,
            (oid::SM2, Some(parameters)) => parameters.tag == NULL || curve == Some(oid::SM2),
            _ => false,
        };
        if is_sm2 {
            let point = PublicPoint::from_sec1(bits).ok_or(Error::Malformed("public key"))?;
            return Ok(Self::Sm2(point.into()));
        }
        let foreign = ForeignKey::read(id, parameters.as_ref(), curve, bits);
        Ok(foreign.map_or(Self::Other { algorithm: id, curve }, Self::Foreign))
    }
}

impl From<PublicKey> for SubjectKey {
    fn from(key: PublicKey) -> Self {
        Self::Sm2(key)
    }
}

impl fmt::Display for SubjectKey {
    /// The name of the algorithm; of a key on another curve, with the curve.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Sm2(_) => f.write_str("SM2"),
            Self::Foreign(key) => key.fmt(f),
            Self::Other { algorithm, curve: None } => f.write_str(&algorithm::display(algorithm)),
            Self::Other { algorithm, curve: Some(curve) } => {
                write!(f, "{} on {curve}", algorithm::display(algorithm))
            }
        }
    }
}

const WHAT: &str = "subject public key";

/// Algorithm (the fields in it) and the octets of the key: what key identifiers are computed of.
pub(crate) fn parts(spki: &[u8]) -> Result<(&[u8], &[u8]), Error> {
    let mut fields = Fields::inside(spki, SEQUENCE, WHAT)?;
    let algorithm = fields.expect(SEQUENCE)?.body;
    let bits = fields.bit_string()?;
    fields.finish()?;
    Ok((algorithm, bits))
}

const P: [u8; 32] = hex("FFFFFFFEFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFF00000000FFFFFFFFFFFFFFFF");
const A: [u8; 32] = hex("FFFFFFFEFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFF00000000FFFFFFFFFFFFFFFC");
const B: [u8; 32] = hex("28E9FA9E9D9F5E344D5A9E4BCF6509A7F39789F515AB8F92DDBCBD414D940E93");
const N: [u8; 32] = hex("FFFFFFFEFFFFFFFFFFFFFFFFFFFFFFFF7203DF6B21C6052B53BBF40939D54123");

/// ECParameters of SEC 1. A base point or any other number that is not that of SM2 makes another curve: with a base
/// point of his own choice anybody has the private key of any public key.
fn is_sm2_spelt_out(parameters: &[u8]) -> Result<bool, Error> {
    let mut fields = Fields::new(parameters, WHAT);
    fields.expect(INTEGER)?; // version
    let mut field = fields.sequence()?;
    let is_prime = field.oid()? == oid::PRIME_FIELD;
    let p = field.expect(INTEGER)?.body;
    field.finish()?;
    let mut curve = fields.sequence()?;
    let (a, b) = (curve.expect(OCTET_STRING)?.body, curve.expect(OCTET_STRING)?.body);
    curve.optional(BIT_STRING)?; // seed
    curve.finish()?;
    let base = fields.expect(OCTET_STRING)?.body;
    let n = fields.expect(INTEGER)?.body;
    let cofactor = fields.optional(INTEGER)?;
    fields.finish()?;
    Ok(is_prime
        && is(p, &P)
        && is(a, &A)
        && is(b, &B)
        && PublicPoint::from_sec1(base).as_ref() == Some(&PublicPoint::generator())
        && is(n, &N)
        && cofactor.is_none_or(|cofactor| cofactor.body == [1]))
}

/// The same number, whatever zeros lead it.
fn is(octets: &[u8], number: &[u8; 32]) -> bool {
    let start = octets.iter().position(|octet| *octet != 0).unwrap_or(octets.len());
    let skip = number.iter().position(|octet| *octet != 0).unwrap_or(number.len());
    octets.get(start..) == number.get(skip..)
}

const fn hex(text: &str) -> [u8; 32] {
    const fn digit(c: u8) -> u8 {
        match c {
            b'0'..=b'9' => c - b'0',
            _ => c - b'A' + 10,
        }
    }
    let text = text.as_bytes();
    let mut out = [0; 32];
    let mut i = 0;
    while i < 32 {
        out[i] = digit(text[2 * i]) << 4 | digit(text[2 * i + 1]);
        i += 1;
    }
    out
}
