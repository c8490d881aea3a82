//! The certificate under which a signature was made, by its hash: signingCertificate and signingCertificateV2.
//!
//! The hash covers all of the certificate, so issuerSerial beside it says nothing new and is passed over, as are the
//! certificates behind the first, which are those of authorities.
//!
//! Source: RFC 2634, 5.4.1 (SHA-1); RFC 5035, 3 and 4 (any hash, SHA-256 by default).

use alloc::vec::Vec;

use sha1::Sha1;
use sha2::{Digest, Sha256, Sha384, Sha512};
use sm_primitives::sm3;

use super::oid;
use super::quirk::Quirks;
use super::signers::algorithm;
use crate::ber::{Element, Reader, octets};
use crate::der::{OCTET_STRING, SEQUENCE};
use crate::error::InvalidMessage;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Hash {
    Sm3,
    Sha1,
    Sha256,
    Sha384,
    Sha512,
}

/// The hash of a certificate as an attribute has it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct CertificateHash {
    hash: Hash,
    digest: Vec<u8>,
}

impl CertificateHash {
    /// Reads the value of an attribute of this type: `None` for another attribute, `Some(None)` for a value that is
    /// broken or has a hash that is not known, so that no certificate fits.
    pub(super) fn read(id: &[u8], value: Option<Element<'_>>, quirks: &mut Quirks) -> Option<Option<Self>> {
        let has_algorithm = match id {
            oid::SIGNING_CERTIFICATE => false,
            oid::SIGNING_CERTIFICATE_V2 => true,
            _ => return None,
        };
        Some(value.and_then(|value| Self::first(&value, has_algorithm, quirks).ok().flatten()))
    }

    fn first(
        value: &Element<'_>,
        has_algorithm: bool,
        quirks: &mut Quirks,
    ) -> Result<Option<Self>, InvalidMessage> {
        let mut fields = Reader::new(Reader::new(value.whole).expect(SEQUENCE, quirks)?.body);
        let mut certificates = Reader::new(fields.expect(SEQUENCE, quirks)?.body);
        let mut first = Reader::new(certificates.expect(SEQUENCE, quirks)?.body);
        let hash = match (has_algorithm, first.peek()) {
            (false, _) => Hash::Sha1,
            (true, Some(SEQUENCE)) => match algorithm(&mut first, quirks)? {
                Some(oid::SM3 | oid::SM3_WITHOUT_KEY) => Hash::Sm3,
                Some(oid::SHA256) => Hash::Sha256,
                Some(oid::SHA384) => Hash::Sha384,
                Some(oid::SHA512) => Hash::Sha512,
                _ => return Ok(None),
            },
            (true, _) => Hash::Sha256,
        };
        let digest = octets(&first.next(quirks)?, OCTET_STRING, quirks)?;
        Ok(Some(Self { hash, digest }))
    }

    /// Whether this is the hash of that certificate (DER).
    pub(super) fn is_of(&self, certificate: &[u8]) -> bool {
        match self.hash {
            Hash::Sm3 => self.digest == sm3::digest(certificate),
            Hash::Sha1 => self.digest == Sha1::digest(certificate).as_slice(),
            Hash::Sha256 => self.digest == Sha256::digest(certificate).as_slice(),
            Hash::Sha384 => self.digest == Sha384::digest(certificate).as_slice(),
            Hash::Sha512 => self.digest == Sha512::digest(certificate).as_slice(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Source: FIPS 180-2, appendices A to D; GB/T 32905-2016, A.1.
    #[test]
    fn hashes_of_abc() {
        for (hash, digest) in [
            (Hash::Sm3, "66c7f0f462eeedd9d1f2d46bdc10e4e24167c4875cf2f7a2297da02b8f4ba8e0"),
            (Hash::Sha1, "a9993e364706816aba3e25717850c26c9cd0d89d"),
            (Hash::Sha256, "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"),
            (
                Hash::Sha384,
                "cb00753f45a35e8bb5a03d699ac65007272c32ab0eded1631a8b605a43ff5bed8086072ba1e7cc2358baeca134c825a7",
            ),
            (
                Hash::Sha512,
                "ddaf35a193617abacc417349ae20413112e6fa4e89a97ea20a9eeee64b55d39a2192992a274fc1a836ba3c23a3feebbd\
                 454d4423643ce80e2a9ac94fa54ca49f",
            ),
        ] {
            let digest = hex::decode(digest).unwrap();
            let named = |len: usize| CertificateHash { hash, digest: digest.get(..len).unwrap().to_vec() };
            assert!(named(digest.len()).is_of(b"abc"), "{hash:?}");
            assert!(!named(digest.len()).is_of(b"abd"), "{hash:?}");
            assert!(!named(digest.len() - 1).is_of(b"abc") && !named(0).is_of(b"abc"), "{hash:?}");
        }
    }
}
