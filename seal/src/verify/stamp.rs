//! Time-stamps of whole documents.

use pki::algorithm::Hasher;
use pki::tsp::TimeStampToken;

use super::{Terms, Whose};
use crate::error::Error;
use crate::report::{Code, SignatureReport, SigningTime};

/// A token while what it stamps passes.
pub(super) struct Stamped {
    token: TimeStampToken,
    pub(super) hasher: Hasher,
}

impl Stamped {
    /// Reads a token; zeros behind it are ignored.
    pub(super) fn read(value: &[u8]) -> Result<Self, Error> {
        let token = TimeStampToken::from_der(pki::cms::without_padding(value)?)?;
        let hasher = token.info().imprint.hash().hasher();
        Ok(Self { token, hasher: hasher.ok_or(Error::Unsupported("the hash of a time-stamp"))? })
    }

    pub(super) fn judge(self, report: &mut SignatureReport, terms: &Terms<'_>) {
        let info = self.token.info();
        if info.imprint.digest() != self.hasher.finalize() {
            report.add(Code::ContentChanged, "the imprint of the time-stamp");
        }
        report.time = Some(SigningTime { time: info.time, proven: true });
        if info.time > terms.now {
            report.add(Code::TimeInFuture, info.time);
        }
        match self.token.verify(terms.validator, &[], terms.revocation) {
            Ok(verified) => {
                report.relies_on(&verified.report.path);
                for reason in &verified.report.reasons {
                    report.add(Whose::TimeStamp.code(reason.code.verdict()), reason);
                }
                report.signer = Some(verified.certificate);
            }
            Err(defect) => report.add(Code::BadSignature, defect),
        }
    }
}
