//! Signatures of the wider world: RSA and ECDSA. They are verified, and never made: keys here are public keys.
//!
//! Without the feature `foreign` keys and algorithms are still read and named, and nothing is verified with them.
//!
//! What is not accepted, though it is well known: SHA-1, RSA keys below [`MIN_RSA_BITS`], RSASSA-PSS with different hashes
//! for the message and its mask, keys that are confined to certain parameters of RSASSA-PSS, and curves other than P-256
//! and P-384.
//!
//! Source: RFC 8017; RFC 4055 (RSA in certificates); RFC 5480 and RFC 5758 (ECDSA in certificates).

mod verify;

pub(crate) use verify::AVAILABLE;

use core::fmt;
use std::sync::Arc;

use der::asn1::ObjectIdentifier;

use crate::algorithm::{Defect, HashAlgorithm};
use crate::error::Error;
use crate::fields::{Element, Fields, INTEGER, NULL, SEQUENCE, constructed};
use crate::oid;

/// Shortest modulus of an RSA key whose signatures count, in bits.
pub const MIN_RSA_BITS: u32 = 2048;
/// Longest modulus of an RSA key whose signatures are verified, in bits: the work grows with its square.
pub const MAX_RSA_BITS: u32 = 8192;

/// Bytes of a point that is not compressed, on P-256.
const P256_POINT: usize = 65;
/// The same on P-384.
const P384_POINT: usize = 97;
/// The first byte of a point that is not compressed.
const UNCOMPRESSED: u8 = 0x04;

/// What a key is of.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum KeyKind {
    /// RSA.
    Rsa {
        /// Of the modulus.
        bits: u32,
        /// The key is for RSASSA-PSS only.
        pss_only: bool,
    },
    /// ECDSA on NIST P-256.
    P256,
    /// ECDSA on NIST P-384.
    P384,
}

/// A public key of RSA or ECDSA. Clones share their memory.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ForeignKey {
    kind: KeyKind,
    /// RSAPublicKey in DER, or the point.
    octets: Arc<[u8]>,
}

impl ForeignKey {
    /// `None`: of a kind that is not supported, or broken.
    pub(crate) fn read(
        id: ObjectIdentifier,
        parameters: Option<&Element<'_>>,
        curve: Option<ObjectIdentifier>,
        octets: &[u8],
    ) -> Option<Self> {
        let kind = match id {
            oid::RSA if is_absent_or_null(parameters) => {
                KeyKind::Rsa { bits: modulus_bits(octets).ok()?, pss_only: false }
            }
            oid::RSASSA_PSS if parameters.is_none() => {
                KeyKind::Rsa { bits: modulus_bits(octets).ok()?, pss_only: true }
            }
            oid::EC_PUBLIC_KEY => {
                let (kind, len) = match curve? {
                    oid::P256 => (KeyKind::P256, P256_POINT),
                    oid::P384 => (KeyKind::P384, P384_POINT),
                    _ => return None,
                };
                let is_point = octets.len() == len && octets.first() == Some(&UNCOMPRESSED);
                return is_point.then(|| Self { kind, octets: octets.into() });
            }
            _ => return None,
        };
        Some(Self { kind, octets: octets.into() })
    }

    /// What the key is of.
    #[must_use]
    pub const fn kind(&self) -> KeyKind {
        self.kind
    }

    /// Length in bits: of the modulus, or of the curve's field.
    #[must_use]
    pub const fn bits(&self) -> u32 {
        match self.kind {
            KeyKind::Rsa { bits, .. } => bits,
            KeyKind::P256 => 256,
            KeyKind::P384 => 384,
        }
    }

    /// Whether the key is too short for its signatures to count.
    #[must_use]
    pub const fn is_weak(&self) -> bool {
        matches!(self.kind, KeyKind::Rsa { bits, .. } if bits < MIN_RSA_BITS)
    }
}

impl fmt::Display for ForeignKey {
    /// The name of the algorithm, with the curve.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self.kind {
            KeyKind::Rsa { pss_only: false, .. } => "RSA",
            KeyKind::Rsa { pss_only: true, .. } => "RSASSA-PSS",
            KeyKind::P256 => "EC on P-256",
            KeyKind::P384 => "EC on P-384",
        })
    }
}

/// A signature algorithm of RSA or ECDSA. Its hash is SHA-256, SHA-384 or SHA-512.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum ForeignAlgorithm {
    /// RSASSA-PKCS1-v1_5.
    RsaPkcs1(HashAlgorithm),
    /// RSASSA-PSS with the same hash for message and mask (MGF1).
    RsaPss {
        /// Of message and mask.
        hash: HashAlgorithm,
        /// Bytes of the salt.
        salt_len: u16,
    },
    /// ECDSA. The signature is the DER Ecdsa-Sig-Value.
    Ecdsa(HashAlgorithm),
}

impl ForeignAlgorithm {
    /// `None`: not supported.
    pub(crate) fn read(id: ObjectIdentifier, parameters: Option<&Element<'_>>) -> Option<Self> {
        use HashAlgorithm::{Sha256, Sha384, Sha512};
        if id == oid::RSASSA_PSS {
            return pss(parameters?).ok().flatten();
        }
        let algorithm = match id {
            oid::SHA256_WITH_RSA => Self::RsaPkcs1(Sha256),
            oid::SHA384_WITH_RSA => Self::RsaPkcs1(Sha384),
            oid::SHA512_WITH_RSA => Self::RsaPkcs1(Sha512),
            oid::ECDSA_WITH_SHA256 => Self::Ecdsa(Sha256),
            oid::ECDSA_WITH_SHA384 => Self::Ecdsa(Sha384),
            oid::ECDSA_WITH_SHA512 => Self::Ecdsa(Sha512),
            _ => return None,
        };
        is_absent_or_null(parameters).then_some(algorithm)
    }

    /// The algorithm of a signature in a message, where RSA may stand without a hash: that is then the one of the
    /// message. Source: RFC 3370, 3.2.
    pub(crate) fn in_message(
        id: ObjectIdentifier,
        parameters: Option<&Element<'_>>,
        hash: HashAlgorithm,
    ) -> Option<Self> {
        let algorithm = match id {
            oid::RSA => is_absent_or_null(parameters).then_some(Self::RsaPkcs1(hash))?,
            id => Self::read(id, parameters)?,
        };
        (algorithm.hash() == hash && is_sha2(hash)).then_some(algorithm)
    }

    /// The hash of what is signed.
    #[must_use]
    pub const fn hash(self) -> HashAlgorithm {
        match self {
            Self::RsaPkcs1(hash) | Self::RsaPss { hash, .. } | Self::Ecdsa(hash) => hash,
        }
    }

    /// Whether the signature is of this message by this key. Variable time.
    pub(crate) fn verify(self, key: &ForeignKey, message: &[u8], signature: &[u8]) -> Result<(), Defect> {
        self.verify_digest(key, &self.hash().digest(message), signature)
    }

    /// Whether the signature is of a message with this digest by this key. Variable time.
    pub(crate) fn verify_digest(
        self,
        key: &ForeignKey,
        digest: &[u8],
        signature: &[u8],
    ) -> Result<(), Defect> {
        match (self, key.kind) {
            (Self::RsaPkcs1(_), KeyKind::Rsa { pss_only: true, .. }) => return Err(Defect::Wrong),
            (Self::RsaPkcs1(_) | Self::RsaPss { .. }, KeyKind::Rsa { bits, .. }) if bits > MAX_RSA_BITS => {
                return Err(Defect::Unsupported);
            }
            (Self::RsaPkcs1(_) | Self::RsaPss { .. }, KeyKind::Rsa { .. }) if key.is_weak() => {
                return Err(Defect::Weak);
            }
            (Self::RsaPkcs1(_) | Self::RsaPss { .. }, KeyKind::Rsa { .. })
            | (Self::Ecdsa(_), KeyKind::P256 | KeyKind::P384) => {}
            _ => return Err(Defect::Wrong),
        }
        verify::digest(self, key.kind, &key.octets, digest, signature)
    }
}

impl fmt::Display for ForeignAlgorithm {
    /// The usual name.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let bits = 8 * self.hash().len();
        match self {
            Self::RsaPkcs1(_) => write!(f, "sha{bits}WithRSA"),
            Self::RsaPss { .. } => write!(f, "RSASSA-PSS with SHA-{bits}"),
            Self::Ecdsa(_) => write!(f, "ecdsa-with-SHA{bits}"),
        }
    }
}

const fn is_sha2(hash: HashAlgorithm) -> bool {
    matches!(hash, HashAlgorithm::Sha256 | HashAlgorithm::Sha384 | HashAlgorithm::Sha512)
}

fn is_absent_or_null(parameters: Option<&Element<'_>>) -> bool {
    parameters.is_none_or(|parameters| parameters.tag == NULL && parameters.body.is_empty())
}

/// Bits of the modulus of an RSAPublicKey.
fn modulus_bits(key: &[u8]) -> Result<u32, Error> {
    let mut fields = Fields::inside(key, SEQUENCE, "RSA public key")?;
    let error = fields.error();
    let modulus = fields.expect(INTEGER)?.body;
    fields.expect(INTEGER)?; // publicExponent
    fields.finish()?;
    let digits = match modulus {
        [0, digits @ ..] => digits,
        digits => digits,
    };
    match digits.first() {
        Some(first) if *first != 0 && (*first < 0x80 || digits.len() < modulus.len()) => {
            let bits = u32::try_from(digits.len()).ok().and_then(|len| len.checked_mul(8));
            bits.map(|bits| bits - first.leading_zeros()).ok_or(error)
        }
        // Negative or zero.
        _ => Err(error),
    }
}

/// RSASSA-PSS-params. What is left out means SHA-1, except for the salt: 20 bytes. `None`: not supported.
/// Source: RFC 4055, 3.1.
fn pss(parameters: &Element<'_>) -> Result<Option<ForeignAlgorithm>, Error> {
    const WHAT: &str = "parameters of RSASSA-PSS";
    const DEFAULT_SALT: u32 = 20;
    let mut fields = Fields::inside(parameters.whole, SEQUENCE, WHAT)?;
    let mut explicit = |n: u8| Ok(fields.optional(constructed(n))?.map(|element| element.body));
    let (hash, mask) = (explicit(0)?, explicit(1)?);
    let number = |body| {
        let mut fields = Fields::new(body, WHAT);
        let number = fields.small()?;
        fields.finish().map(|()| number)
    };
    let salt_len = explicit(2)?.map_or(Ok(DEFAULT_SALT), number)?;
    let trailer = explicit(3)?.map_or(Ok(1), number)?;
    fields.finish()?;
    let (Some(hash), Some(mask), 1, Ok(salt_len)) = (hash, mask, trailer, u16::try_from(salt_len)) else {
        return Ok(None);
    };
    let hash = HashAlgorithm::read(Fields::inside(hash, SEQUENCE, WHAT)?)?;
    let mut mask = Fields::inside(mask, SEQUENCE, WHAT)?;
    let is_mgf1 = mask.oid()? == oid::MGF1;
    let mask_hash = HashAlgorithm::read(mask.sequence()?)?;
    mask.finish()?;
    let supported = is_mgf1 && mask_hash == hash && is_sha2(hash);
    Ok(supported.then_some(ForeignAlgorithm::RsaPss { hash, salt_len }))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fields::{OID, element};

    fn id(id: ObjectIdentifier) -> Vec<u8> {
        element(OID, &[id.as_bytes()])
    }

    fn algorithm(hash: ObjectIdentifier) -> Vec<u8> {
        element(SEQUENCE, &[&id(hash), &[NULL, 0]])
    }

    fn read(which: ObjectIdentifier, parameters: &[u8]) -> Option<ForeignAlgorithm> {
        let parameters = (!parameters.is_empty()).then(|| Fields::new(parameters, "test").next().unwrap());
        ForeignAlgorithm::read(which, parameters.as_ref())
    }

    #[test]
    fn parameters_of_pss() {
        let mask = |function, hash| element(SEQUENCE, &[&id(function), &algorithm(hash)]);
        let explicit = |n, body: &[u8]| element(constructed(n), &[body]);
        let good = [
            explicit(0, &algorithm(oid::SHA384)),
            explicit(1, &mask(oid::MGF1, oid::SHA384)),
            explicit(2, &[INTEGER, 1, 48]),
            explicit(3, &[INTEGER, 1, 1]),
        ];
        let pss = |parts: &[Vec<u8>]| read(oid::RSASSA_PSS, &element(SEQUENCE, &[&parts.concat()]));
        let expected = |salt_len| Some(ForeignAlgorithm::RsaPss { hash: HashAlgorithm::Sha384, salt_len });
        assert_eq!(pss(&good), expected(48));
        assert_eq!(pss(&good[..3]), expected(48));
        assert_eq!(pss(&good[..2]), expected(20), "what is meant where nothing is said");
        assert_eq!((pss(&good[..1]), pss(&[])), (None, None), "SHA-1");
        let with = |index: usize, part: Vec<u8>| {
            let mut parts = good.clone();
            parts[index] = part;
            pss(&parts)
        };
        for (index, part) in [
            (0, explicit(0, &algorithm(oid::SHA256))),
            (0, explicit(0, &algorithm(oid::SM3))),
            (1, explicit(1, &mask(oid::MGF1, oid::SHA1))),
            (1, explicit(1, &mask(oid::SHA384, oid::SHA384))),
            (1, explicit(1, &[&mask(oid::MGF1, oid::SHA384)[..], &[NULL, 0]].concat())),
            (2, explicit(2, &[INTEGER, 3, 1, 0, 0])),
            (2, explicit(2, &[INTEGER, 1, 0x80])),
            (2, explicit(2, &[INTEGER, 1, 48, NULL, 0])),
            (3, explicit(3, &[INTEGER, 1, 2])),
            (3, vec![NULL, 0]),
        ] {
            assert_eq!(with(index, part.clone()), None, "{index} {part:02x?}");
        }
        assert_eq!(read(oid::RSASSA_PSS, &[]), None);
    }

    #[test]
    fn parameters_of_the_others() {
        for (which, expected) in [
            (oid::SHA256_WITH_RSA, ForeignAlgorithm::RsaPkcs1(HashAlgorithm::Sha256)),
            (oid::ECDSA_WITH_SHA512, ForeignAlgorithm::Ecdsa(HashAlgorithm::Sha512)),
        ] {
            assert_eq!(read(which, &[]), Some(expected));
            assert_eq!(read(which, &[NULL, 0]), Some(expected));
            assert_eq!(read(which, &[NULL, 1, 0]), None);
            assert_eq!(read(which, &[INTEGER, 1, 1]), None);
        }
        assert_eq!(read(oid::RSA, &[NULL, 0]), None, "RSA without a hash, but in messages");
        let bare = |hash| ForeignAlgorithm::in_message(oid::RSA, None, hash);
        assert_eq!(bare(HashAlgorithm::Sha512), Some(ForeignAlgorithm::RsaPkcs1(HashAlgorithm::Sha512)));
        assert_eq!((bare(HashAlgorithm::Sha1), bare(HashAlgorithm::Sm3)), (None, None));
        let named = |hash| ForeignAlgorithm::in_message(oid::ECDSA_WITH_SHA256, None, hash);
        assert!(named(HashAlgorithm::Sha256).is_some() && named(HashAlgorithm::Sha384).is_none());
    }

    #[test]
    fn lengths_of_a_modulus() {
        let bits = |modulus: &[u8]| {
            let modulus = element(INTEGER, &[modulus]);
            modulus_bits(&element(SEQUENCE, &[&modulus, &[INTEGER, 1, 3]])).ok()
        };
        assert_eq!(
            (bits(&[1]), bits(&[0x7f]), bits(&[0, 0x80]), bits(&[1, 0])),
            (Some(1), Some(7), Some(8), Some(9))
        );
        for broken in [&[][..], &[0], &[0x80], &[0, 0, 0x80], &[0x80, 0]] {
            assert_eq!(bits(broken), None, "{broken:02x?}");
        }
        assert!(modulus_bits(&element(SEQUENCE, &[&[INTEGER, 1, 5]])).is_err());
        assert!(modulus_bits(&element(SEQUENCE, &[&[INTEGER, 1, 5, INTEGER, 1, 3, NULL, 0]])).is_err());
    }
}
