//! Sealed data and the seal inside of it.

use super::{Terms, Whose, certificate, signing_time};
use crate::error::Error;
use crate::report::{Code, SignatureReport};
use crate::ses::{ElectronicSeal, SealedData};

/// Judges sealed data over something with this digest (SM3), and everything inside of it, into a report.
pub fn judge_sealed(report: &mut SignatureReport, data: &SealedData, digest: &[u8; 32], terms: &Terms<'_>) {
    report.seal = Some(Box::new(data.seal().clone()));
    if data.data_hash() != digest {
        report.add(Code::ContentChanged, "dataHash");
    }
    if data.extensions().iter().any(|extension| extension.critical) {
        report.add(Code::Unsupported, "a critical extension of the sealed data");
    }
    if data.version() != u32::from(data.seal().version().number()) {
        report.add(Code::Deviation, "the version of the sealed data is not that of its seal");
    }
    if data.signature().is_raw() {
        report.add(Code::Deviation, "the signature is r and s without a structure");
    }
    signing_time(report, data.time_stamp(), &data.signature().value, data.time(), terms);
    let at = terms.moment(report.time);
    match data.verify_signature() {
        Ok(signer) => report.signer = Some(signer),
        Err(error) => {
            report.signer = data.signature().certificate().ok();
            report.add(signature_code(error, Code::BadSignature), error);
        }
    }
    if let Some(signer) = report.signer.clone() {
        certificate(report, Whose::Signer, &signer, &[], at, terms);
    }
    if !data.seal().holders().contain(&data.signature().certificate) {
        report.add(Code::NotAHolder, "");
    }
    judge_seal(report, data.seal(), at, terms);
}

/// Judges a seal at a moment, into a report.
pub fn judge_seal(report: &mut SignatureReport, seal: &ElectronicSeal, at: pki::Time, terms: &Terms<'_>) {
    let (from, until) = seal.validity();
    if at < from {
        report.add(Code::SealNotYetValid, from);
    }
    if at > until {
        report.add(Code::SealExpired, until);
    }
    if seal.extensions().iter().any(|extension| extension.critical) {
        report.add(Code::Unsupported, "a critical extension of the seal");
    }
    match seal.verify_signature() {
        Ok(maker) => certificate(report, Whose::SealMaker, &maker, &[], at, terms),
        Err(error) => report.add(signature_code(error, Code::SealSignature), error),
    }
}

/// What a signature that does not verify is: wrong, or not to be judged here.
const fn signature_code(error: Error, wrong: Code) -> Code {
    match error {
        Error::Unsupported(_) => Code::UnsupportedAlgorithm,
        Error::Certificate(_) => Code::NoSigner,
        _ => wrong,
    }
}
