//! Time-stamps of whole documents.

use pki::algorithm::HashAlgorithm;
use pki::tsp::TimeStampToken;
use sha2::{Digest as _, Sha256, Sha384, Sha512};
use sm_primitives::sm3::Sm3;

use super::{Terms, Whose};
use crate::error::Error;
use crate::report::{Code, SignatureReport, SigningTime};

/// A token while what it stamps passes.
pub(super) struct Stamped {
    token: TimeStampToken,
    hasher: Hasher,
}

enum Hasher {
    Sm3(Sm3),
    Sha256(Sha256),
    Sha384(Sha384),
    Sha512(Sha512),
}

impl Stamped {
    /// Reads a token; zeros behind it are ignored.
    pub(super) fn read(value: &[u8]) -> Result<Self, Error> {
        let token = TimeStampToken::from_der(pki::cms::without_padding(value)?)?;
        let hasher = match token.info().imprint.hash() {
            HashAlgorithm::Sm3 => Hasher::Sm3(Sm3::new()),
            HashAlgorithm::Sha256 => Hasher::Sha256(Sha256::new()),
            HashAlgorithm::Sha384 => Hasher::Sha384(Sha384::new()),
            HashAlgorithm::Sha512 => Hasher::Sha512(Sha512::new()),
            _ => return Err(Error::Unsupported("the hash of a time-stamp")),
        };
        Ok(Self { token, hasher })
    }

    pub(super) fn update(&mut self, content: &[u8]) {
        match &mut self.hasher {
            Hasher::Sm3(hasher) => hasher.update(content),
            Hasher::Sha256(hasher) => hasher.update(content),
            Hasher::Sha384(hasher) => hasher.update(content),
            Hasher::Sha512(hasher) => hasher.update(content),
        }
    }

    pub(super) fn judge(self, report: &mut SignatureReport, terms: &Terms<'_>) {
        let digest = match self.hasher {
            Hasher::Sm3(hasher) => hasher.finalize().to_vec(),
            Hasher::Sha256(hasher) => hasher.finalize().to_vec(),
            Hasher::Sha384(hasher) => hasher.finalize().to_vec(),
            Hasher::Sha512(hasher) => hasher.finalize().to_vec(),
        };
        let info = self.token.info();
        if info.imprint.digest() != digest {
            report.add(Code::ContentChanged, "the imprint of the time-stamp");
        }
        report.time = Some(SigningTime { time: info.time, proven: true });
        if info.time > terms.now {
            report.add(Code::TimeInFuture, info.time);
        }
        match self.token.verify(terms.validator, &[], terms.revocation) {
            Ok(verified) => {
                for reason in &verified.report.reasons {
                    report.add(Whose::TimeStamp.code(reason.code.verdict()), reason);
                }
                report.signer = Some(verified.certificate);
            }
            Err(defect) => report.add(Code::BadSignature, defect),
        }
    }
}
