//! Signatures of bids: made with a key at hand, and verified.

use std::{fs::File, io, path::Path};

use cosign_client::Error;
use envelope::{
    bid::{Signatory, Statement},
    io::bid::Bid,
    name,
};
use serde::Serialize;

use super::broken;
use crate::{
    command::{
        cert::{SignerCertificate, SignerJudge},
        signer::CertifiedSigner,
    },
    context::Context,
    output::Failure,
    progress::{Stopped, Unit},
};

/// What became of a bid's signature.
#[derive(Serialize)]
pub(super) struct Verdict {
    pub(super) valid: bool,
    /// Of the key that signed, as the manifest has it.
    #[serde(skip_serializing_if = "Option::is_none")]
    key_id: Option<String>,
    /// What the certificate in the signature says.
    #[serde(skip_serializing_if = "Option::is_none")]
    subject: Option<String>,
    /// As the signer says.
    #[serde(skip_serializing_if = "Option::is_none")]
    signed_at: Option<String>,
    /// The certificate was judged by the roots, and is valid.
    chain_verified: bool,
    /// What was found out about it; absent if nobody asked.
    #[serde(skip_serializing_if = "Option::is_none")]
    certificate: Option<SignerCertificate>,
    #[serde(skip_serializing_if = "Option::is_none")]
    reason: Option<String>,
}

impl Verdict {
    fn good(signatory: &Signatory, judge: Option<&SignerJudge>) -> Self {
        let certificate = judge.map(|judge| judge.judge(signatory.certificate(), &[]));
        Self {
            valid: true,
            key_id: Some(signatory.key_id().to_string()),
            subject: Some(name::display(signatory.certificate().subject())),
            signed_at: signatory.time().map(|time| time.to_string()),
            chain_verified: certificate.as_ref().is_some_and(SignerCertificate::is_valid),
            certificate,
            reason: None,
        }
    }

    pub(super) fn bad(reason: String) -> Self {
        let (key_id, subject, signed_at, certificate) = (None, None, None, None);
        let (valid, chain_verified, reason) = (false, false, Some(reason));
        Self { valid, key_id, subject, signed_at, chain_verified, certificate, reason }
    }

    /// The same as a line of text.
    pub(super) fn line(&self) -> String {
        let text = |text: &Option<String>| text.clone().unwrap_or_default();
        if !self.valid {
            return format!("signature: INVALID, {}", text(&self.reason));
        }
        let at = self.signed_at.as_ref().map(|at| format!(" at {at}")).unwrap_or_default();
        let (subject, key_id) = (text(&self.subject), text(&self.key_id));
        let chain = match &self.certificate {
            Some(found) => found.text(),
            None => "the chain of the certificate was not verified".to_owned(),
        };
        format!("signed by {subject} (key {key_id}){at}; {chain}")
    }

    /// It verifies, and so far as that was asked its certificate is valid.
    pub(super) fn counts(&self) -> bool {
        self.valid && self.defect().is_none()
    }

    /// What is wrong with the certificate of a signature that verifies.
    pub(super) fn defect(&self) -> Option<String> {
        let certificate = self.certificate.as_ref().filter(|found| !found.is_valid())?;
        Some(format!("{}: {}", self.subject.as_deref().unwrap_or_default(), certificate.text()))
    }
}

/// Verifies the signature of a bid, which takes reading all of it; `None` for one that names no signer.
pub(super) fn verify(
    context: &Context,
    path: &Path,
    mut bid: Bid<File>,
    judge: Option<&SignerJudge>,
) -> Result<(Bid<File>, Option<Verdict>), Failure> {
    let progress = context.progress("verifying", Unit::Bytes, bid.body_len());
    let (task, path) = (progress.clone(), path.to_owned());
    let verified: (Bid<File>, Option<Signatory>) = context.run(Context::blocking(move || {
        let passed = |len| Ok(task.advance(len).map_err(|_| io::Error::other(Stopped))?);
        let signatory = bid.verify(passed).map_err(|error| broken(error, &path))?;
        Ok((bid, signatory))
    }))?;
    progress.finish();
    let (bid, signatory) = verified;
    Ok((bid, signatory.map(|signatory| Verdict::good(&signatory, judge))))
}

/// The SignedData over what was sealed.
pub(super) fn sign(
    signer: CertifiedSigner,
    context: &Context,
    statement: &Statement,
) -> Result<Vec<u8>, Failure> {
    let unsigned = statement.unsigned(signer.signer.clone()).map_err(Error::Envelope)?;
    Ok(signer.sign(context, unsigned)?.detached().map_err(Error::Envelope)?)
}
