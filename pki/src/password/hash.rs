//! The hash functions of key files.

use der::asn1::ObjectIdentifier;
use pbkdf2::{
    hmac::{Hmac, KeyInit, Mac},
    pbkdf2_hmac,
};
use sha1::Sha1;
use sha2::{Digest, Sha224, Sha256, Sha384, Sha512};
use sm_primitives::sm3;
use zeroize::{Zeroize, Zeroizing};

use crate::{
    Error,
    asn1::{Reader, lookup},
};

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Hash {
    Sha1,
    Sha224,
    Sha256,
    Sha384,
    Sha512,
    Sm3,
}

/// HMAC-SM3 by the book, which GmSSL and gmsm write too.
pub(crate) const HMAC_SM3: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.156.10197.1.401.2");

const PRFS: [(ObjectIdentifier, Hash); 7] = [
    (ObjectIdentifier::new_unwrap("1.2.840.113549.2.7"), Hash::Sha1),
    (ObjectIdentifier::new_unwrap("1.2.840.113549.2.8"), Hash::Sha224),
    (ObjectIdentifier::new_unwrap("1.2.840.113549.2.9"), Hash::Sha256),
    (ObjectIdentifier::new_unwrap("1.2.840.113549.2.10"), Hash::Sha384),
    (ObjectIdentifier::new_unwrap("1.2.840.113549.2.11"), Hash::Sha512),
    (HMAC_SM3, Hash::Sm3),
    // As Tongsuo numbers it.
    (ObjectIdentifier::new_unwrap("1.2.156.10197.1.401.3.1"), Hash::Sm3),
];

const DIGESTS: [(ObjectIdentifier, Hash); 7] = [
    (ObjectIdentifier::new_unwrap("1.3.14.3.2.26"), Hash::Sha1),
    (ObjectIdentifier::new_unwrap("2.16.840.1.101.3.4.2.4"), Hash::Sha224),
    (ObjectIdentifier::new_unwrap("2.16.840.1.101.3.4.2.1"), Hash::Sha256),
    (ObjectIdentifier::new_unwrap("2.16.840.1.101.3.4.2.2"), Hash::Sha384),
    (ObjectIdentifier::new_unwrap("2.16.840.1.101.3.4.2.3"), Hash::Sha512),
    (ObjectIdentifier::new_unwrap("1.2.156.10197.1.401"), Hash::Sm3),
    (ObjectIdentifier::new_unwrap("1.2.156.10197.1.401.1"), Hash::Sm3),
];

impl Hash {
    /// The AlgorithmIdentifier of an HMAC.
    pub(crate) fn read_prf(reader: &mut Reader<'_>) -> Result<Self, Error> {
        Self::read(reader, &PRFS, "pseudorandom function of a key derivation")
    }

    /// The AlgorithmIdentifier of a digest.
    pub(crate) fn read_digest(reader: &mut Reader<'_>) -> Result<Self, Error> {
        Self::read(reader, &DIGESTS, "digest")
    }

    fn read(
        reader: &mut Reader<'_>,
        known: &[(ObjectIdentifier, Self)],
        what: &'static str,
    ) -> Result<Self, Error> {
        let (id, parameters) = reader.algorithm()?;
        let hash = lookup(known, id).ok_or(Error::UnsupportedAlgorithm(what))?;
        parameters.no_parameters()?;
        Ok(hash)
    }

    /// Bytes of a digest.
    pub(crate) const fn output_len(self) -> usize {
        match self {
            Self::Sha1 => 20,
            Self::Sha224 => 28,
            Self::Sha256 | Self::Sm3 => 32,
            Self::Sha384 => 48,
            Self::Sha512 => 64,
        }
    }

    /// Bytes of a block of the compression function.
    pub(crate) const fn block_len(self) -> usize {
        match self {
            Self::Sha1 | Self::Sha224 | Self::Sha256 | Self::Sm3 => 64,
            Self::Sha384 | Self::Sha512 => 128,
        }
    }

    /// The digest of the concatenation of `parts`.
    pub(crate) fn digest(self, parts: &[&[u8]]) -> Zeroizing<Vec<u8>> {
        match self {
            Self::Sha1 => digest::<Sha1>(parts),
            Self::Sha224 => digest::<Sha224>(parts),
            Self::Sha256 => digest::<Sha256>(parts),
            Self::Sha384 => digest::<Sha384>(parts),
            Self::Sha512 => digest::<Sha512>(parts),
            Self::Sm3 => {
                let mut hasher = sm3::Sm3::new();
                parts.iter().for_each(|part| hasher.update(part));
                Zeroizing::new(Zeroizing::new(hasher.finalize()).to_vec())
            }
        }
    }

    /// The tag of `message` is `tag`, all of it. Timing: independent of both tags.
    pub(crate) fn hmac_is(self, key: &[u8], message: &[u8], tag: &[u8]) -> bool {
        macro_rules! verify {
            ($hash:ty) => {
                Hmac::<$hash>::new_from_slice(key)
                    .is_ok_and(|mac| mac.chain_update(message).verify_slice(tag).is_ok())
            };
        }
        match self {
            Self::Sha1 => verify!(Sha1),
            Self::Sha224 => verify!(Sha224),
            Self::Sha256 => verify!(Sha256),
            Self::Sha384 => verify!(Sha384),
            Self::Sha512 => verify!(Sha512),
            Self::Sm3 => sm3::hmac::HmacSm3::new(key).chain(message).verify(tag).into(),
        }
    }

    /// PBKDF2 with HMAC of this hash. `iterations` is at least 1 and `out` not empty and short.
    ///
    /// Source: RFC 8018, 5.2.
    pub(crate) fn pbkdf2(self, password: &[u8], salt: &[u8], iterations: u32, out: &mut [u8]) {
        match self {
            Self::Sha1 => pbkdf2_hmac::<Sha1>(password, salt, iterations, out),
            Self::Sha224 => pbkdf2_hmac::<Sha224>(password, salt, iterations, out),
            Self::Sha256 => pbkdf2_hmac::<Sha256>(password, salt, iterations, out),
            Self::Sha384 => pbkdf2_hmac::<Sha384>(password, salt, iterations, out),
            Self::Sha512 => pbkdf2_hmac::<Sha512>(password, salt, iterations, out),
            Self::Sm3 => sm3::pbkdf2(password, salt, iterations, out)
                .expect("there are iterations, and a key has 5 to 32 bytes"),
        }
    }
}

fn digest<D: Digest>(parts: &[&[u8]]) -> Zeroizing<Vec<u8>> {
    let mut hasher = D::new();
    parts.iter().for_each(|part| hasher.update(part));
    let mut out = hasher.finalize();
    let digest = Zeroizing::new(out.to_vec());
    out.as_mut_slice().zeroize();
    digest
}
