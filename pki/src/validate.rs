//! Whether a certificate is to be relied on, at a given moment and for a given purpose.
//!
//! A [`Validator`] holds what is trusted and what is known: trust anchors, certificates of other CAs, revocation lists and
//! OCSP answers. It finds a path from a certificate to a trust anchor, judges it, and says why.
//!
//! What is followed is RFC 5280, 6, and GB/T 20518 where it is narrower, with these decisions:
//!
//! * All certificates of a path, that of the trust anchor too, must be valid at the moment (shell model).
//! * Policies are computed for a user who accepts any policy; policy mappings are not supported.
//! * What was revoked after the moment is reported and no fault. An invalidity date before the moment is one.
//! * A list or answer that was made after the moment and knows nothing against a certificate is good evidence, as long as
//!   the certificate had not expired when it was made.
//!
//! * A list without nextUpdate counts as long as there is no newer one; an answer without it, for
//!   [`UNDATED_AGE`](crate::ocsp::UNDATED_AGE).
//! * A list counts if it is signed by the key that signed the certificate; indirect lists are not supported.
//! * extKeyUsage in the certificate of a CA does not limit what the CA issues.
//!
//! Work is bounded: a path has at most [`MAX_PATH`] certificates, and for one certificate at most [`MAX_CHECKS`] signatures of
//! certificates and [`MAX_EVIDENCE_CHECKS`] of lists and answers are looked at.

mod batch;
mod cache;
mod check;
pub(crate) mod constraints;
mod pool;
mod purpose;
mod report;
mod revocation;
mod search;

pub use purpose::Purpose;
pub use report::{Code, Reason, Report, Status, Verdict};

use envelope::cms::Time;

use crate::certificate::Certificate;
use crate::crl::RevocationList;
use crate::ocsp::BasicResponse;
use cache::Cache;
use pool::Pool;
use revocation::Evidence;
use search::Search;

/// Most certificates of a path, both ends counted.
pub const MAX_PATH: usize = 10;
/// Most signatures that are looked at for one certificate.
pub const MAX_CHECKS: u32 = 64;

/// Most signatures of revocation lists and answers that are looked at for one certificate.
pub const MAX_EVIDENCE_CHECKS: u32 = 256;

/// What a missing revocation status means.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Revocation {
    /// Lists and answers are not looked at.
    Ignore,
    /// What is known counts; a certificate of which nothing is known is none the worse. What is out of date leaves the
    /// verdict open.
    #[default]
    IfKnown,
    /// A certificate of which nothing is known leaves the verdict open.
    Require,
}

/// Under which terms certificates are judged.
#[derive(Clone, Copy, Debug)]
pub struct Terms {
    /// The moment.
    pub at: Time,
    /// What the certificate is to be used for.
    pub purpose: Purpose,
    /// What a missing revocation status means.
    pub revocation: Revocation,
}

impl Terms {
    /// For any purpose, with what is known of revocation.
    #[must_use]
    pub const fn at(at: Time) -> Self {
        Self { at, purpose: Purpose::Any, revocation: Revocation::IfKnown }
    }

    /// For this purpose.
    #[must_use]
    pub const fn for_purpose(self, purpose: Purpose) -> Self {
        Self { purpose, ..self }
    }

    /// With this use of revocation.
    #[must_use]
    pub const fn with_revocation(self, revocation: Revocation) -> Self {
        Self { revocation, ..self }
    }
}

/// What is trusted and what is known.
///
/// Keys that verify often are prepared, and what was verified of the certificates and lists in here stays verified: use one
/// `Validator` for many certificates, from as many threads as wanted. A clone knows the same, but has verified nothing yet.
#[derive(Clone, Debug, Default)]
pub struct Validator {
    pool: Pool,
    evidence: Evidence,
    cache: Cache,
}

impl Validator {
    /// Trusts nothing yet.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Trusts a certificate: paths may end with it. It should be that of a CA: nothing else may have issued another
    /// certificate.
    #[must_use]
    pub fn with_anchor(mut self, anchor: Certificate) -> Self {
        self.pool.add(anchor, true);
        self.cache = Cache::default();
        self
    }

    /// Knows a certificate that paths may lead through. It is not trusted.
    #[must_use]
    pub fn with_intermediate(mut self, certificate: Certificate) -> Self {
        self.pool.add(certificate, false);
        self.cache = Cache::default();
        self
    }

    /// Knows a revocation list. It counts once its signature was verified with the key of the issuer in a path.
    #[must_use]
    pub fn with_list(mut self, list: RevocationList) -> Self {
        self.evidence.add_list(list);
        self.cache = Cache::default();
        self
    }

    /// Knows an OCSP answer. It counts once its signature was verified for the issuer in a path.
    #[must_use]
    pub fn with_answer(mut self, answer: BasicResponse) -> Self {
        self.evidence.add_answer(answer);
        self
    }

    /// Knows what came along with something that is judged, of which nothing is trusted. Lists and answers of it count beside
    /// the others if they say something for the moment; they never take the place of what is known here. So does what is
    /// added to it later.
    #[must_use]
    pub fn supplemented(
        &self,
        certificates: Vec<Certificate>,
        lists: Vec<RevocationList>,
        answers: Vec<BasicResponse>,
    ) -> Self {
        let mut supplemented = self.clone();
        for certificate in certificates {
            supplemented.pool.add(certificate, false);
        }
        supplemented.evidence.supplement();
        for list in lists {
            supplemented.evidence.add_list(list);
        }
        for answer in answers {
            supplemented.evidence.add_answer(answer);
        }
        supplemented
    }

    /// The trust anchors.
    pub fn anchors(&self) -> impl Iterator<Item = &Certificate> {
        self.pool.anchors()
    }

    /// The revocation lists that it knows.
    pub fn lists(&self) -> impl Iterator<Item = &RevocationList> {
        self.evidence.lists()
    }

    /// The OCSP answers that it knows.
    pub fn answers(&self) -> impl Iterator<Item = &BasicResponse> {
        self.evidence.answers()
    }

    /// Judges a certificate. `others`: certificates that came with it and may be part of the path; they are not trusted.
    #[must_use]
    pub fn validate(&self, certificate: &Certificate, others: &[Certificate], terms: Terms) -> Report {
        Search::new(self, certificate, others, terms).run()
    }

    /// Judges many certificates by the batch engine: as [`Validator::validate`] for each without others, in the same
    /// order.
    #[must_use]
    pub fn validate_many(&self, certificates: &[Certificate], terms: Terms) -> Vec<Report> {
        batch::run(self, certificates, terms)
    }
}
