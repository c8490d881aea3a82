//! What revocation lists and answers say about the certificates of a path.

mod answers;
mod lists;

use std::cmp::Reverse;
use std::collections::HashMap;

use envelope::cms::Time;

use crate::certificate::Certificate;
use crate::crl::{RevocationList, RevocationReason};
use crate::ocsp::BasicResponse;
use crate::validate::Revocation;
use crate::validate::report::{Code, Report, Status};
use crate::validate::search::{Node, Search};

/// The lists and answers of a validator.
#[derive(Clone, Debug, Default)]
pub(super) struct Evidence {
    lists: Vec<RevocationList>,
    answers: Vec<BasicResponse>,
    /// By the serial number that an answer is about: those of other issuers are told apart by their hashes.
    answers_by_serial: HashMap<Vec<u8>, Vec<usize>>,
    lists_by_issuer: HashMap<Vec<u8>, Vec<usize>>,
    /// From the lists and answers with these indices on, they came along with what is judged.
    came_along: Option<(usize, usize)>,
}

impl Evidence {
    /// What is added from here on came along with what is judged.
    pub(super) fn supplement(&mut self) {
        self.came_along.get_or_insert((self.lists.len(), self.answers.len()));
    }

    fn list_came_along(&self, index: usize) -> bool {
        self.came_along.is_some_and(|(lists, _)| index >= lists)
    }

    fn answer_came_along(&self, index: usize) -> bool {
        self.came_along.is_some_and(|(_, answers)| index >= answers)
    }

    pub(super) fn lists(&self) -> impl Iterator<Item = &RevocationList> {
        self.lists.iter()
    }

    pub(super) fn answers(&self) -> impl Iterator<Item = &BasicResponse> {
        self.answers.iter()
    }

    pub(super) fn add_list(&mut self, list: RevocationList) {
        self.lists_by_issuer.entry(list.issuer().key()).or_default().push(self.lists.len());
        self.lists.push(list);
    }

    pub(super) fn add_answer(&mut self, answer: BasicResponse) {
        for single in answer.singles() {
            let indices = self.answers_by_serial.entry(single.id.serial().to_vec()).or_default();
            if indices.last() != Some(&self.answers.len()) {
                indices.push(self.answers.len());
            }
        }
        self.answers.push(answer);
    }
}

/// What one source says.
struct Finding {
    /// When it was made.
    made: Time,
    source: Source,
    outcome: Outcome,
}

impl Finding {
    /// What came along and says nothing for the moment is as if it were not there: who brings it along must not lose by it.
    const fn counts((came_along, finding): &(bool, Self)) -> bool {
        !*came_along || matches!(finding.outcome, Outcome::Good | Outcome::Revoked { .. })
    }
}

#[derive(Clone, Copy)]
enum Source {
    List,
    Answer,
}

#[derive(Clone, Copy)]
enum Outcome {
    Good,
    Revoked {
        date: Time,
        since: Time,
        reason: RevocationReason,
    },
    /// It says nothing against the certificate, and its successor was due then.
    Stale {
        due: Time,
    },
    /// Its responder does not know the certificate.
    Unknown,
    /// It was made when the certificate had expired, so that saying nothing means nothing.
    TooLate,
}

const TOO_MANY: &str = "there are too many lists and answers";

pub(super) fn check(search: &mut Search<'_>, path: &[Node], report: &mut Report) {
    if search.terms.revocation == Revocation::Ignore {
        return;
    }
    for (index, pair) in path.windows(2).enumerate() {
        let [node, issuer] = *pair else { continue };
        let certificate = search.certificate(node);
        let mut findings = lists::findings(search, certificate, issuer, report);
        findings.extend(answers::findings(search, certificate, search.certificate(issuer), report));
        findings.sort_by_key(|finding| Reverse(finding.made));
        let status = conclude(search, certificate, &findings, report);
        if let Some(known) = report.statuses.get_mut(index) {
            *known = status;
        }
    }
}

/// The newest finding that is conclusive; an older revocation stands unless it was only a hold.
fn conclude(
    search: &Search<'_>,
    certificate: &Certificate,
    findings: &[Finding],
    report: &mut Report,
) -> Status {
    let at = search.terms.at;
    let newest =
        findings.iter().find(|finding| matches!(finding.outcome, Outcome::Good | Outcome::Revoked { .. }));
    let final_revocation = findings.iter().filter_map(|finding| match finding.outcome {
        Outcome::Revoked { reason: RevocationReason::CertificateHold, .. } => None,
        Outcome::Revoked { date, since, reason } => Some((date, since, reason)),
        _ => None,
    });
    let hold = newest.and_then(|finding| match finding.outcome {
        Outcome::Revoked { date, since, reason } => Some((date, since, reason)),
        _ => None,
    });
    if let Some((date, since, reason)) = final_revocation.chain(hold).min_by_key(|(_, since, _)| *since) {
        let invalid_since =
            if since < date { format!(", not to be relied on since {since}") } else { String::new() };
        let text = format!("revoked at {date}{invalid_since}, {reason}; judged at {at}");
        let code = if since <= at { Code::Revoked } else { Code::RevokedLater };
        report.add(code, certificate, text);
        return Status::Revoked { date, since, reason };
    }
    if newest.is_some() {
        return Status::Good;
    }
    if findings.iter().any(|finding| matches!(finding.outcome, Outcome::Unknown)) {
        report.add(Code::UnknownStatus, certificate, "a responder of its issuer does not know it");
        return Status::Unknown;
    }
    for finding in findings {
        if let Outcome::Stale { due } = finding.outcome {
            let (code, what) = match finding.source {
                Source::List => (Code::StaleCrl, "revocation list"),
                Source::Answer => (Code::StaleOcsp, "OCSP answer"),
            };
            let text = format_args!("the newest {what} is of {}, the next was due {due}", finding.made);
            report.add(code, certificate, text);
            return Status::Stale;
        }
    }
    if search.terms.revocation == Revocation::Require {
        report.add(Code::NoStatus, certificate, "no revocation list or OCSP answer that counts is about it");
    }
    Status::Missing
}
