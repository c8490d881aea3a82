//! What was found out about a certificate, for reports.

use pki::validate::{Report, Verdict};
use serde::Serialize;

#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub(super) struct Judged {
    verdict: &'static str,
    reasons: Vec<String>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    notes: Vec<String>,
    /// Subjects, from the certificate on.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    path: Vec<String>,
}

impl Judged {
    pub(super) fn of(report: &Report) -> Self {
        Self {
            verdict: report.verdict.name(),
            reasons: report.reasons.iter().map(ToString::to_string).collect(),
            notes: report.notes.iter().map(ToString::to_string).collect(),
            path: report.path.iter().map(|certificate| certificate.subject().to_string()).collect(),
        }
    }

    /// What cannot be read.
    pub(super) fn broken(reason: String) -> Self {
        let verdict = Verdict::Invalid.name();
        Self { verdict, reasons: vec![reason], notes: Vec::new(), path: Vec::new() }
    }

    pub(super) fn is_valid(&self) -> bool {
        self.verdict == Verdict::Valid.name()
    }

    /// The verdict for people.
    pub(super) fn word(&self) -> &'static str {
        if self.verdict == Verdict::Invalid.name() { "INVALID" } else { self.verdict }
    }

    pub(super) fn reasons(&self) -> &[String] {
        &self.reasons
    }

    /// Reasons and notes, a line for each.
    pub(super) fn lines(&self) -> impl Iterator<Item = String> {
        let reasons = self.reasons.iter().map(|reason| format!("    {reason}"));
        reasons.chain(self.notes.iter().map(|note| format!("    note: {note}")))
    }
}
