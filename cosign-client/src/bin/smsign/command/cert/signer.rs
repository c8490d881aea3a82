//! Judging who signed a message or a bid.

use envelope::cms::Time;
use pki::{
    Certificate,
    validate::{Purpose, Terms, Validator},
};
use serde::Serialize;

use super::{judged::Judged, load};
use crate::{args::SignerTrust, context::Context, output::Failure};

/// What is trusted, and the terms.
pub(in crate::command) struct SignerJudge {
    validator: Validator,
    terms: Terms,
    is_now: bool,
}

/// What was found out about the certificate of a signer.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub(in crate::command) struct SignerCertificate {
    #[serde(flatten)]
    judged: Judged,
    /// The moment that it was judged at.
    judged_at: String,
    /// That is when the command ran.
    #[serde(skip)]
    is_now: bool,
}

impl SignerJudge {
    /// `None` if nothing is trusted: then nobody asked.
    pub(in crate::command) fn new(
        trust: &SignerTrust,
        purpose: Purpose,
        context: &Context,
    ) -> Result<Option<Self>, Failure> {
        if trust.roots.is_empty() {
            return Ok(None);
        }
        let validator = load::validator(&trust.roots, &trust.known, context)?;
        let terms = load::terms(&trust.known, trust.at, purpose)?;
        Ok(Some(Self { validator, terms, is_now: trust.at.is_none() }))
    }

    /// Judges a certificate. `others`: what came along in DER, which is not trusted.
    pub(in crate::command) fn judge(
        &self,
        certificate: &envelope::Certificate,
        others: &[Vec<u8>],
    ) -> SignerCertificate {
        let others: Vec<Certificate> =
            others.iter().filter_map(|der| Certificate::from_der(der).ok()).collect();
        let judged = match Certificate::from_der(certificate.as_der()) {
            Ok(certificate) => Judged::of(&self.validator.validate(&certificate, &others, self.terms)),
            Err(error) => Judged::broken(format!("malformed: {error}")),
        };
        SignerCertificate { judged, judged_at: self.at().to_string(), is_now: self.is_now }
    }

    const fn at(&self) -> Time {
        self.terms.at
    }
}

impl SignerCertificate {
    pub(in crate::command) fn is_valid(&self) -> bool {
        self.judged.is_valid()
    }

    /// In a few words, with the reasons.
    pub(in crate::command) fn text(&self) -> String {
        let Self { judged, judged_at, is_now } = self;
        let now = if *is_now { " (now)" } else { "" };
        let reasons = judged.reasons().iter().map(|reason| format!("; {reason}"));
        format!("certificate {}, judged at {judged_at}{now}{}", judged.word(), reasons.collect::<String>())
    }
}
