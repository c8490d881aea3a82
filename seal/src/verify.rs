//! Judging signatures and seals.
//!
//! What a document says is covered is found by [`pdf`](crate::pdf) and [`ofd`](crate::ofd); here it is judged who signed, with
//! which seal and when. Order and rules follow GM/T 0031, 6.1.2 and 6.2.3, with these decisions:
//!
//! * Nothing stops at the first failure: a report has every reason.
//! * The moment of the signature is that of a valid time-stamp, else what the signer says, which is then a note.
//! * Certificates, seal and revocation are judged at that moment, or at another one if the caller says so.
//! * The certificate of a seal's maker is judged at the moment when the seal was made, for seals outlive it; but it must not
//!   have been revoked by the moment that the rest is judged at.

mod message;
mod sealed;
mod stamp;
mod value;

pub use sealed::{judge_seal, judge_sealed};
pub use value::Judging;

use pki::validate::{self, Purpose, Revocation, Validator, Verdict};
use pki::{Certificate, Time};

use crate::report::{Code, SignatureReport, SigningTime};

/// At which moment certificates and seals are judged.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum At {
    /// When the signature was made.
    #[default]
    Signing,
    /// Now.
    Now,
    /// Then.
    Moment(Time),
}

/// Under which terms a document is judged.
#[derive(Clone, Copy, Debug)]
pub struct Terms<'a> {
    /// What is trusted and known of certificates.
    pub validator: &'a Validator,
    /// Now: nothing can have been signed later.
    pub now: Time,
    /// At which moment certificates and seals are judged.
    pub at: At,
    /// What a missing revocation status means.
    pub revocation: Revocation,
}

impl<'a> Terms<'a> {
    /// Judged when a signature was made, with what is known of revocation.
    #[must_use]
    pub const fn new(validator: &'a Validator, now: Time) -> Self {
        Self { validator, now, at: At::Signing, revocation: Revocation::IfKnown }
    }

    /// The moment to judge at.
    pub(crate) fn moment(&self, signing: Option<SigningTime>) -> Time {
        match self.at {
            At::Signing => signing.map_or(self.now, |signing| signing.time),
            At::Now => self.now,
            At::Moment(time) => time,
        }
    }
}

/// About whose certificate something is said.
#[derive(Clone, Copy)]
enum Whose {
    Signer,
    SealMaker,
    TimeStamp,
}

impl Whose {
    const fn code(self, verdict: Verdict) -> Code {
        match (self, verdict) {
            (Self::Signer, Verdict::Valid) => Code::SignerNote,
            (Self::Signer, Verdict::Indeterminate) => Code::SignerUncertain,
            (Self::Signer, Verdict::Invalid) => Code::SignerInvalid,
            (Self::SealMaker, Verdict::Valid) => Code::SealMakerNote,
            (Self::SealMaker, Verdict::Indeterminate) => Code::SealMakerUncertain,
            (Self::SealMaker, Verdict::Invalid) => Code::SealMakerInvalid,
            (Self::TimeStamp, Verdict::Valid) => Code::SignerNote,
            (Self::TimeStamp, Verdict::Indeterminate) => Code::TimeStampUncertain,
            (Self::TimeStamp, Verdict::Invalid) => Code::TimeStampInvalid,
        }
    }
}

/// Judges a certificate and says what is wrong with it.
fn certificate(
    report: &mut SignatureReport,
    whose: Whose,
    certificate: &Certificate,
    others: &[Certificate],
    at: Time,
    terms: &Terms<'_>,
) {
    let purpose = match whose {
        Whose::Signer => Purpose::DocumentSigning,
        Whose::SealMaker => Purpose::SealMaker,
        Whose::TimeStamp => Purpose::TimeStamping,
    };
    let terms_there = validate::Terms::at(at).for_purpose(purpose).with_revocation(terms.revocation);
    let found = terms.validator.validate(certificate, others, terms_there);
    report.relies_on(&found.path);
    for reason in found.reasons.iter().chain(&found.notes) {
        report.add(whose.code(reason.code.verdict()), reason);
    }
}

/// Judges the certificate of a seal's maker: when the seal was made, and whether it was revoked before `at`.
fn maker(report: &mut SignatureReport, maker: &Certificate, made: Time, at: Time, terms: &Terms<'_>) {
    certificate(report, Whose::SealMaker, maker, &[], made.min(at), terms);
    let then = validate::Terms::at(made.min(at)).with_revocation(terms.revocation);
    let found = terms.validator.validate(maker, &[], then);
    for (certificate, status) in found.path.iter().zip(&found.statuses) {
        if let validate::Status::Revoked { since, .. } = status
            && *since <= at
        {
            let text = format!("revoked: {}: revoked since {since}", certificate.subject().short());
            report.add(Code::SealMakerInvalid, text);
        }
    }
}

/// The moment of a signature: that of its time-stamp if that holds, else what the signer says. `token`: with certificates that
/// may be part of the path of who stamped.
fn signing_time(
    report: &mut SignatureReport,
    token: Option<(&[u8], &[Certificate])>,
    signature: &[u8],
    claimed: Option<Time>,
    terms: &Terms<'_>,
) {
    let proven = token.and_then(|token| time_stamp(report, token, signature, terms));
    report.time = match (proven, claimed) {
        (Some(time), _) => Some(SigningTime { time, proven: true }),
        (None, Some(time)) => Some(SigningTime { time, proven: false }),
        (None, None) => None,
    };
    match report.time {
        None => report.add(Code::NoTime, ""),
        Some(SigningTime { time, .. }) if time > terms.now => report.add(Code::TimeInFuture, time),
        Some(SigningTime { proven: false, .. }) => report.add(Code::TimeClaimed, ""),
        Some(_) => {}
    }
}

/// What a time-stamp proves; `None` if nothing.
fn time_stamp(
    report: &mut SignatureReport,
    (token, others): (&[u8], &[Certificate]),
    content: &[u8],
    terms: &Terms<'_>,
) -> Option<Time> {
    let token = match pki::tsp::TimeStampToken::from_der(token) {
        Ok(token) => token,
        Err(error) => {
            report.add(Code::TimeStampInvalid, error);
            return None;
        }
    };
    if let Err(defect) = token.check_content(content) {
        report.add(Code::TimeStampInvalid, defect);
        return None;
    }
    let verified = match token.verify(terms.validator, others, terms.revocation) {
        Ok(verified) => verified,
        Err(defect) => {
            report.add(Code::TimeStampInvalid, defect);
            return None;
        }
    };
    report.relies_on(&verified.report.path);
    for reason in &verified.report.reasons {
        report.add(Whose::TimeStamp.code(reason.code.verdict()), reason);
    }
    verified.report.is_valid().then_some(token.info().time)
}
