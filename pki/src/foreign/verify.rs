//! The arithmetic, which is that of AWS-LC.

use crate::algorithm::Defect;
use crate::foreign::{ForeignAlgorithm, KeyKind};

/// Whether signatures are verified at all.
pub(crate) const AVAILABLE: bool = cfg!(feature = "foreign");

/// Kind of key and algorithm go together.
#[cfg(feature = "foreign")]
pub(super) fn digest(
    algorithm: ForeignAlgorithm,
    kind: KeyKind,
    key: &[u8],
    digest: &[u8],
    signature: &[u8],
) -> Result<(), Defect> {
    use crate::algorithm::HashAlgorithm::{Sha256, Sha384, Sha512};
    use ForeignAlgorithm::{Ecdsa, RsaPkcs1, RsaPss};
    use aws_lc_rs::digest::{self, Digest};
    use aws_lc_rs::signature::{self as aws, RsaPssSaltLength::Custom, VerificationAlgorithm};

    let hash = match algorithm.hash() {
        Sha256 => &digest::SHA256,
        Sha384 => &digest::SHA384,
        Sha512 => &digest::SHA512,
        _ => return Err(Defect::Unsupported),
    };
    let pss;
    let scheme: &dyn VerificationAlgorithm = match (algorithm, kind) {
        (RsaPkcs1(Sha256), _) => &aws::RSA_PKCS1_2048_8192_SHA256,
        (RsaPkcs1(Sha384), _) => &aws::RSA_PKCS1_2048_8192_SHA384,
        (RsaPkcs1(Sha512), _) => &aws::RSA_PKCS1_2048_8192_SHA512,
        (RsaPss { hash, salt_len }, _) => {
            let scheme = match hash {
                Sha256 => aws::RSA_PSS_2048_8192_SHA256,
                Sha384 => aws::RSA_PSS_2048_8192_SHA384,
                _ => aws::RSA_PSS_2048_8192_SHA512,
            };
            pss = scheme.with_pss_salt_length(Custom(salt_len));
            &pss
        }
        (Ecdsa(Sha256), KeyKind::P256) => &aws::ECDSA_P256_SHA256_ASN1,
        (Ecdsa(Sha384), KeyKind::P256) => &aws::ECDSA_P256_SHA384_ASN1,
        (Ecdsa(Sha512), KeyKind::P256) => &aws::ECDSA_P256_SHA512_ASN1,
        (Ecdsa(Sha256), KeyKind::P384) => &aws::ECDSA_P384_SHA256_ASN1,
        (Ecdsa(Sha384), KeyKind::P384) => &aws::ECDSA_P384_SHA384_ASN1,
        (Ecdsa(Sha512), KeyKind::P384) => &aws::ECDSA_P384_SHA512_ASN1,
        _ => return Err(Defect::Unsupported),
    };
    // The caller hashed what is signed; a digest of another length is of another hash.
    let digest = Digest::import_less_safe(digest, hash).map_err(|_| Defect::Wrong)?;
    scheme.verify_digest_sig(key, &digest, signature).map_err(|_| Defect::Wrong)
}

#[cfg(not(feature = "foreign"))]
pub(super) fn digest(_: ForeignAlgorithm, _: KeyKind, _: &[u8], _: &[u8], _: &[u8]) -> Result<(), Defect> {
    Err(Defect::Unsupported)
}
