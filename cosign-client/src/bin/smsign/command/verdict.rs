//! What became of the signatures of a message, for reports.

use std::path::Path;

use cosign_client::{Error, files};
use envelope::{
    Certificate, SubjectKeyId,
    cms::{Quirks, Rule, SignatureSet, SignerInfo, Verdict},
    error::InvalidCertificate,
    name,
};
use serde::Serialize;

use super::cert::{SignerCertificate, SignerJudge};
use crate::output::Failure;

/// No certificate is longer.
const MAX_CERTIFICATE: u64 = 256 * 1024;

/// What the key of a signer must be for.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Usage {
    /// Signatures, if its certificate says for what it is.
    Signing,
    /// Anything: authorities that deliver keys sign with what they have.
    Any,
}

/// One signature.
#[derive(Serialize)]
pub(super) struct Signature {
    /// The subject of the certificate, or how the message names it.
    signer: String,
    pub(super) valid: bool,
    /// Of the key in the certificate.
    #[serde(skip_serializing_if = "Option::is_none")]
    key_id: Option<String>,
    /// As the signer says.
    #[serde(skip_serializing_if = "Option::is_none")]
    signed_at: Option<String>,
    /// Under which it holds.
    #[serde(skip_serializing_if = "Option::is_none")]
    rule: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    reason: Option<String>,
    /// What was found out about the certificate; absent if nobody asked.
    #[serde(skip_serializing_if = "Option::is_none")]
    certificate: Option<SignerCertificate>,
}

impl Signature {
    /// All of a message, with their certificates judged. `given`: certificates that did not come along.
    pub(super) fn all_judged(
        signatures: &SignatureSet,
        verdicts: &[Verdict],
        given: &[Certificate],
        judge: Option<&SignerJudge>,
    ) -> Vec<Self> {
        let mut all = Self::all(signatures, verdicts, Usage::Signing);
        if let Some(judge) = judge {
            let mut others = signatures.certificates().to_vec();
            others.extend(given.iter().map(|certificate| certificate.as_der().to_vec()));
            for (signature, verdict) in all.iter_mut().zip(verdicts) {
                signature.certificate = verdict.certificate.as_ref().map(|own| judge.judge(own, &others));
            }
        }
        all
    }

    /// All of a message, in their order.
    pub(super) fn all(signatures: &SignatureSet, verdicts: &[Verdict], usage: Usage) -> Vec<Self> {
        let signers = signatures.signers().iter().zip(verdicts);
        signers.map(|(signer, verdict)| Self::new(signer, verdict, usage)).collect()
    }

    fn new(signer: &SignerInfo, verdict: &Verdict, usage: Usage) -> Self {
        let certificate = verdict.certificate.as_ref();
        let subject = certificate.map(|certificate| name::display(certificate.subject()));
        let held = verdict.result.map_err(|defect| defect.to_string());
        // Keys for decryption are often known to a key centre too.
        let result = held.and_then(|rule| match certificate {
            Some(certificate) if usage == Usage::Signing && !certificate.permits_signing() => {
                Err(InvalidCertificate::SigningKeyUsage.to_string())
            }
            _ => Ok(rule),
        });
        let time = signer.attributes().and_then(|attributes| attributes.signing_time());
        Self {
            signer: subject.unwrap_or_else(|| signer.id().to_string()),
            valid: result.is_ok(),
            key_id: certificate.map(|certificate| SubjectKeyId::of(certificate.public_key()).to_string()),
            signed_at: time.map(|time| time.to_string()),
            rule: result.as_ref().ok().copied().map(Rule::name),
            reason: result.err(),
            certificate: None,
        }
    }

    /// The same as a line of text.
    pub(super) fn line(&self) -> String {
        let Self { signer, rule, reason, signed_at, .. } = self;
        let at = signed_at.as_ref().map(|at| format!(" at {at}")).unwrap_or_default();
        let certificate = self.certificate.as_ref();
        let certificate = certificate.map(|found| format!("; {}", found.text())).unwrap_or_default();
        match rule {
            Some(rule) => format!("signature by {signer}{at}: valid ({rule}){certificate}"),
            None => format!("signature by {signer}: INVALID, {}", reason.as_deref().unwrap_or_default()),
        }
    }

    /// It verifies, and so far as that was asked its certificate is valid.
    fn counts(&self) -> bool {
        self.valid && self.certificate.as_ref().is_none_or(SignerCertificate::is_valid)
    }
}

/// A message that ought to be signed and is not counts as one whose signature does not verify.
pub(super) fn all_valid(signatures: &[Signature]) -> bool {
    !signatures.is_empty() && signatures.iter().all(Signature::counts)
}

/// Whether every certificate was judged and is valid.
pub(super) fn chain_verified(signatures: &[Signature]) -> bool {
    let valid =
        |signature: &Signature| signature.certificate.as_ref().is_some_and(SignerCertificate::is_valid);
    !signatures.is_empty() && signatures.iter().all(valid)
}

pub(super) fn names(quirks: Quirks) -> Vec<String> {
    quirks.iter().map(|quirk| quirk.to_string()).collect()
}

pub(super) fn read_certificate(path: &Path) -> Result<Certificate, Failure> {
    let bytes = files::read_small(path, MAX_CERTIFICATE)?;
    Ok(Certificate::parse(&bytes)
        .map_err(|error| Error::BadFile { path: path.to_owned(), what: error.to_string() })?)
}
