//! Algorithms of signatures and hashes.

mod hasher;

use core::fmt;

use der::asn1::ObjectIdentifier;
use sha2::{Digest as _, Sha256, Sha384, Sha512};
use sm_primitives::sm2::{DistId, Signature, dsa};
use sm_primitives::sm3::{self, Sm3};

use crate::error::Error;
use crate::fields::{Fields, NULL, OID, SEQUENCE, element};
use crate::foreign::{self, ForeignAlgorithm};
use crate::key::SubjectKey;
use crate::oid;

pub use hasher::Hasher;

/// Under which algorithm something is signed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum SignatureAlgorithm {
    /// SM2 with SM3; Z is made with the default id.
    Sm2WithSm3 {
        /// The parameters are NULL, not absent.
        null_parameters: bool,
    },
    /// RSA or ECDSA.
    Foreign(ForeignAlgorithm),
    /// One that is not supported.
    Other(ObjectIdentifier),
}

impl SignatureAlgorithm {
    /// Reads the fields of an AlgorithmIdentifier. SM2 with parameters of its own is another algorithm: they could say
    /// another id for Z.
    pub(crate) fn read(mut fields: Fields<'_>) -> Result<Self, Error> {
        let id = fields.oid()?;
        let parameters = if fields.is_empty() { None } else { Some(fields.next()?) };
        fields.finish()?;
        if id == oid::SM2_WITH_SM3 {
            return Ok(match parameters {
                None => Self::Sm2WithSm3 { null_parameters: false },
                Some(null) if null.tag == NULL && null.body.is_empty() => {
                    Self::Sm2WithSm3 { null_parameters: true }
                }
                Some(_) => Self::Other(id),
            });
        }
        Ok(ForeignAlgorithm::read(id, parameters.as_ref()).map_or(Self::Other(id), Self::Foreign))
    }

    /// Whether signatures of it can be verified.
    #[must_use]
    pub const fn is_supported(&self) -> bool {
        match self {
            Self::Sm2WithSm3 { .. } => true,
            Self::Foreign(_) => foreign::AVAILABLE,
            Self::Other(_) => false,
        }
    }
}

impl fmt::Display for SignatureAlgorithm {
    /// The usual name, or the identifier with dots.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Sm2WithSm3 { .. } => f.write_str("SM2-with-SM3"),
            Self::Foreign(algorithm) => algorithm.fmt(f),
            Self::Other(id) => f.write_str(&display(id)),
        }
    }
}

/// The usual name of an algorithm, or its identifier with dots.
pub(crate) fn display(id: &ObjectIdentifier) -> String {
    oid::algorithm_name(id).map_or_else(|| id.to_string(), Into::into)
}

/// A hash algorithm.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum HashAlgorithm {
    /// 32 bytes.
    Sm3,
    /// 32 bytes.
    Sha256,
    /// 48 bytes.
    Sha384,
    /// 64 bytes.
    Sha512,
    /// 20 bytes. Only where it names something that is signed otherwise: identifiers of certificates.
    Sha1,
}

impl HashAlgorithm {
    /// Reads the fields of an AlgorithmIdentifier, parameters absent or NULL.
    ///
    /// # Errors
    /// [`Error::UnsupportedAlgorithm`].
    pub(crate) fn read(mut fields: Fields<'_>) -> Result<Self, Error> {
        let id = fields.oid()?;
        let parameters = fields.optional(NULL)?;
        if parameters.is_some_and(|parameters| !parameters.body.is_empty()) {
            return Err(fields.error());
        }
        fields.finish()?;
        match id {
            oid::SM3 | oid::SM3_WITHOUT_KEY => Ok(Self::Sm3),
            oid::SHA256 => Ok(Self::Sha256),
            oid::SHA384 => Ok(Self::Sha384),
            oid::SHA512 => Ok(Self::Sha512),
            oid::SHA1 => Ok(Self::Sha1),
            _ => Err(Error::UnsupportedAlgorithm("hash")),
        }
    }

    /// An AlgorithmIdentifier without parameters.
    pub(crate) fn to_der(self) -> Vec<u8> {
        element(SEQUENCE, &[&element(OID, &[self.id().as_bytes()])])
    }

    /// The hash of `bytes`: [`HashAlgorithm::len`] bytes.
    #[must_use]
    pub fn digest(self, bytes: &[u8]) -> Vec<u8> {
        match self {
            Self::Sm3 => sm3::digest(bytes).to_vec(),
            Self::Sha256 => Sha256::digest(bytes).to_vec(),
            Self::Sha384 => Sha384::digest(bytes).to_vec(),
            Self::Sha512 => Sha512::digest(bytes).to_vec(),
            Self::Sha1 => sha1::Sha1::digest(bytes).to_vec(),
        }
    }

    /// Hashes what comes in pieces; `None`: what this algorithm says of a content counts for nothing.
    #[must_use]
    pub fn hasher(self) -> Option<Hasher> {
        Some(match self {
            Self::Sm3 => Hasher::Sm3(Sm3::new()),
            Self::Sha256 => Hasher::Sha256(Sha256::new()),
            Self::Sha384 => Hasher::Sha384(Sha384::new()),
            Self::Sha512 => Hasher::Sha512(Sha512::new()),
            Self::Sha1 => return None,
        })
    }

    /// Bytes of a hash.
    #[must_use]
    #[expect(clippy::len_without_is_empty, reason = "it is the length of what the algorithm makes")]
    pub const fn len(self) -> usize {
        match self {
            Self::Sm3 | Self::Sha256 => 32,
            Self::Sha384 => 48,
            Self::Sha512 => 64,
            Self::Sha1 => 20,
        }
    }

    /// The identifier.
    #[must_use]
    pub const fn id(self) -> ObjectIdentifier {
        match self {
            Self::Sm3 => oid::SM3,
            Self::Sha256 => oid::SHA256,
            Self::Sha384 => oid::SHA384,
            Self::Sha512 => oid::SHA512,
            Self::Sha1 => oid::SHA1,
        }
    }
}

impl fmt::Display for HashAlgorithm {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Sm3 => "SM3",
            Self::Sha256 => "SHA-256",
            Self::Sha384 => "SHA-384",
            Self::Sha512 => "SHA-512",
            Self::Sha1 => "SHA-1",
        })
    }
}

/// The frame that certificates, revocation lists and OCSP answers share: what is signed, how, and the signature.
#[derive(Clone, Copy)]
pub(crate) struct Signed<'a> {
    /// The signed bytes, as they came.
    pub(crate) tbs: &'a [u8],
    /// The AlgorithmIdentifier beside the signature, whole.
    pub(crate) algorithm_der: &'a [u8],
    pub(crate) algorithm: SignatureAlgorithm,
    pub(crate) signature: &'a [u8],
}

impl<'a> Signed<'a> {
    /// Reads the three fields; what follows them is left to the caller.
    pub(crate) fn read(fields: &mut Fields<'a>) -> Result<Self, Error> {
        let tbs = fields.expect(SEQUENCE)?.whole;
        let algorithm = fields.expect(SEQUENCE)?;
        let signature = fields.bit_string()?;
        Ok(Self {
            tbs,
            algorithm_der: algorithm.whole,
            algorithm: SignatureAlgorithm::read(Fields::new(algorithm.body, "algorithm identifier"))?,
            signature,
        })
    }
}

/// A signature that has been read but not verified.
#[derive(Clone, Debug)]
pub(crate) struct SignatureValue {
    pub(crate) algorithm: SignatureAlgorithm,
    value: Value,
}

#[derive(Clone, Debug)]
enum Value {
    Sm2(Signature),
    Foreign(Vec<u8>),
    /// Not what the algorithm makes, or of one that is not supported.
    Unreadable,
}

impl SignatureValue {
    pub(crate) fn of(signed: &Signed<'_>) -> Self {
        let value = match signed.algorithm {
            SignatureAlgorithm::Sm2WithSm3 { .. } => {
                Signature::from_der(signed.signature).map_or(Value::Unreadable, Value::Sm2)
            }
            SignatureAlgorithm::Foreign(_) => Value::Foreign(signed.signature.to_vec()),
            SignatureAlgorithm::Other(_) => Value::Unreadable,
        };
        Self { algorithm: signed.algorithm, value }
    }

    /// The signature, if it is one of SM2.
    pub(crate) const fn sm2(&self) -> Option<Signature> {
        match self.value {
            Value::Sm2(signature) => Some(signature),
            _ => None,
        }
    }

    /// Whether it is of these bytes by this key. A key that does not go with the algorithm has not made it.
    pub(crate) fn verify(&self, key: &SubjectKey, tbs: &[u8]) -> Result<(), Defect> {
        if !self.algorithm.is_supported() || matches!(key, SubjectKey::Other { .. }) {
            return Err(Defect::Unsupported);
        }
        match (self.algorithm, &self.value, key) {
            (_, Value::Sm2(signature), SubjectKey::Sm2(key)) => {
                let digest = DistId::default().digest(key, tbs);
                dsa::verify_digest(key, &digest, signature).map_err(|_| Defect::Wrong)
            }
            (SignatureAlgorithm::Foreign(algorithm), Value::Foreign(signature), SubjectKey::Foreign(key)) => {
                algorithm.verify(key, tbs, signature)
            }
            _ => Err(Defect::Wrong),
        }
    }
}

/// Why a signature does not count.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Defect {
    /// It does not verify.
    Wrong,
    /// The key is too short for its signatures to count.
    Weak,
    /// Its algorithm, or that of the key, is not supported.
    Unsupported,
}

impl fmt::Display for Defect {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Wrong => "the signature does not verify",
            Self::Weak => "the key is too short",
            Self::Unsupported => "the algorithm is not supported",
        })
    }
}

impl core::error::Error for Defect {}
