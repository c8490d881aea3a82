//! What was found out about a certificate.

use core::fmt;

use der::asn1::ObjectIdentifier;
use envelope::cms::Time;

use crate::certificate::Certificate;
use crate::crl::RevocationReason;

/// The outcome in one word.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Verdict {
    /// Everything that was asked for is proven.
    Valid,
    /// Something is missing, out of date or not supported: not to be relied on, but not proven wrong.
    Indeterminate,
    /// Something is proven wrong.
    Invalid,
}

impl Verdict {
    /// A stable name in lower case.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Valid => "valid",
            Self::Indeterminate => "indeterminate",
            Self::Invalid => "invalid",
        }
    }
}

impl fmt::Display for Verdict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

macro_rules! codes {
    ($($variant:ident = $name:literal, $verdict:ident, $doc:literal;)*) => {
        /// What is wrong or worth knowing, as a stable code.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        #[non_exhaustive]
        pub enum Code {
            $(#[doc = $doc] $variant,)*
        }

        impl Code {
            /// All, in the order of their definition.
            pub const ALL: &[Self] = &[$(Self::$variant,)*];

            /// A stable name in lower case with hyphens.
            #[must_use]
            pub const fn name(self) -> &'static str {
                match self { $(Self::$variant => $name,)* }
            }

            /// What it makes of the verdict at best. [`Verdict::Valid`]: a note.
            #[must_use]
            pub const fn verdict(self) -> Verdict {
                match self { $(Self::$variant => Verdict::$verdict,)* }
            }
        }
    };
}

codes! {
    Expired = "expired", Invalid, "The certificate was not valid any more.";
    NotYetValid = "not-yet-valid", Invalid, "The certificate was not valid yet.";
    BadSignature = "bad-signature", Invalid, "The signature is not by the key of its issuer.";
    Revoked = "revoked", Invalid, "The certificate had been revoked.";
    WrongUsage = "wrong-usage", Invalid, "The certificate, or that of a CA, does not permit the use.";
    NotACa = "not-a-ca", Invalid, "An issuer's certificate is not that of a CA.";
    PathTooLong = "path-too-long", Invalid, "There are more CAs in the path than one of them permits.";
    NameConstraint = "name-constraint", Invalid, "A name is outside of what a CA of the path is confined to.";
    PolicyMissing = "policy-missing", Invalid, "The path must have a policy and has none.";
    UnknownCriticalExtension = "unknown-critical-extension", Invalid, "There is a critical extension that is not known.";
    MalformedExtension = "malformed-extension", Invalid, "A known extension that matters cannot be decoded.";
    DuplicateExtension = "duplicate-extension", Invalid, "An extension comes twice.";
    UnknownIssuer = "unknown-issuer", Indeterminate, "There is no path to a trust anchor.";
    UnsupportedAlgorithm = "unsupported-algorithm", Indeterminate, "A signature is of a kind that is not supported.";
    WeakKey = "weak-key", Indeterminate, "A key is too short for its signatures to count.";
    UnsupportedConstraint = "unsupported-constraint", Indeterminate, "A constraint of a kind that is not supported applies.";
    StaleCrl = "stale-crl", Indeterminate, "The newest revocation list is out of date.";
    StaleOcsp = "stale-ocsp", Indeterminate, "The newest OCSP answer is out of date.";
    UnknownStatus = "unknown-status", Indeterminate, "The issuer's OCSP responder does not know the certificate.";
    NoStatus = "no-status", Indeterminate, "Whether the certificate is revoked is not known.";
    TooMuchWork = "too-much-work", Indeterminate, "The path is longer, or there are more possible paths, than is looked at.";
    RevokedLater = "revoked-later", Valid, "A note: the certificate was revoked after the moment.";
    UnusedEvidence = "unused-evidence", Valid, "A note: a list or answer about the certificate does not count, and why.";
    UnreadableExtension = "unreadable-extension", Valid, "A note: an extension that does not matter here cannot be decoded.";
}

impl fmt::Display for Code {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// A reason for a verdict, or a note.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reason {
    /// What.
    pub code: Code,
    /// Of which certificate.
    pub certificate: Certificate,
    /// In words, with the name of the certificate.
    pub text: String,
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.code, self.text)
    }
}

/// Whether a certificate was revoked at the moment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Status {
    /// It is a trust anchor, or nobody asked.
    NotAsked,
    /// Nothing is known.
    Missing,
    /// What is known is out of date.
    Stale,
    /// A responder that speaks for the issuer does not know it.
    Unknown,
    /// It was not.
    Good,
    /// It was, or it was later.
    Revoked {
        /// When it was revoked.
        date: Time,
        /// Since when it is not to be relied on: that or the invalidity date.
        since: Time,
        /// Why.
        reason: RevocationReason,
    },
}

/// What was found out about a certificate.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Report {
    /// The outcome.
    pub verdict: Verdict,
    /// Why, if it is not valid: not empty then. The verdict is the worst of theirs.
    pub reasons: Vec<Reason>,
    /// What is worth knowing and no fault.
    pub notes: Vec<Reason>,
    /// From the certificate on; up to a trust anchor if there is a path to one, else as far as it goes.
    pub path: Vec<Certificate>,
    /// Whether the path ends with a trust anchor.
    pub complete: bool,
    /// Of each certificate in the path.
    pub statuses: Vec<Status>,
    /// The policies under which the path is valid; `None`: any.
    pub policies: Option<Vec<ObjectIdentifier>>,
}

impl Report {
    /// Whether everything that was asked for is proven.
    #[must_use]
    pub fn is_valid(&self) -> bool {
        self.verdict == Verdict::Valid
    }

    /// Whether a code is among the reasons.
    #[must_use]
    pub fn has(&self, code: Code) -> bool {
        self.reasons.iter().any(|reason| reason.code == code)
    }

    /// The trust anchor, if the path leads to one.
    #[must_use]
    pub fn anchor(&self) -> Option<&Certificate> {
        self.path.last().filter(|_| self.complete)
    }

    pub(crate) fn add(&mut self, code: Code, certificate: &Certificate, text: impl fmt::Display) {
        let text = format!("{}: {text}", certificate.subject().short());
        let reason = Reason { code, certificate: certificate.clone(), text };
        match code.verdict() {
            Verdict::Valid => self.notes.push(reason),
            verdict => {
                self.verdict = self.verdict.max(verdict);
                self.reasons.push(reason);
            }
        }
    }
}
