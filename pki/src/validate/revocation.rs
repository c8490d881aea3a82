//! What revocation lists and answers say about the certificates of a path.

use std::cmp::Reverse;
use std::collections::HashMap;

use envelope::cms::Time;

use crate::algorithm::Defect;
use crate::certificate::Certificate;
use crate::crl::{Entry, RevocationList, RevocationReason};
use crate::extension::Usage;
use crate::ocsp::{BasicResponse, CertStatus, SingleResponse, TOLERANCE};
use crate::validate::Revocation;
use crate::validate::cache::Link;
use crate::validate::report::{Code, Report, Status};
use crate::validate::search::{Node, Search};

/// The lists and answers of a validator.
#[derive(Debug, Default)]
pub(super) struct Evidence {
    lists: Vec<RevocationList>,
    answers: Vec<BasicResponse>,
    /// By the serial number that an answer is about: those of other issuers are told apart by their hashes.
    answers_by_serial: HashMap<Vec<u8>, Vec<usize>>,
    lists_by_issuer: HashMap<Vec<u8>, Vec<usize>>,
}

impl Evidence {
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

pub(super) fn check(search: &mut Search<'_>, path: &[Node], report: &mut Report) {
    if search.terms.revocation == Revocation::Ignore {
        return;
    }
    for (index, pair) in path.windows(2).enumerate() {
        let [node, issuer] = *pair else { continue };
        let certificate = search.certificate(node);
        let mut findings = of_lists(search, certificate, issuer, report);
        findings.extend(of_answers(search, certificate, search.certificate(issuer), report));
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

fn of_answers(
    search: &mut Search<'_>,
    certificate: &Certificate,
    issuer: &Certificate,
    report: &mut Report,
) -> Vec<Finding> {
    let evidence = &search.validator.evidence;
    let indices = evidence.answers_by_serial.get(certificate.serial()).map_or(&[][..], Vec::as_slice);
    let mut findings = Vec::new();
    for answer in indices.iter().filter_map(|index| evidence.answers.get(*index)) {
        let Some(single) = answer.find(certificate, issuer) else { continue };
        let verified = match search.take_check() {
            true if single.has_unknown_critical => {
                Err("it has a critical extension that is not known".into())
            }
            true => answer.verify_signature(issuer).map_err(|defect| defect.to_string()),
            false => Err("too many signatures".into()),
        };
        match verified {
            Ok(_) => findings.push(answered(search.terms.at, certificate, single)),
            Err(why) => {
                let text = format_args!("the OCSP answer of {} does not count: {why}", answer.produced_at());
                report.add(Code::UnusedEvidence, certificate, text);
            }
        }
    }
    findings
}

fn answered(at: Time, certificate: &Certificate, single: &SingleResponse) -> Finding {
    let made = single.this_update;
    let outcome = match single.status {
        CertStatus::Revoked { date, reason } => Outcome::Revoked { date, since: date, reason },
        CertStatus::Unknown => Outcome::Unknown,
        CertStatus::Good if made > at && made > certificate.validity().not_after => Outcome::TooLate,
        CertStatus::Good if single.is_stale(at, TOLERANCE) => Outcome::Stale { due: single.due() },
        CertStatus::Good => Outcome::Good,
    };
    Finding { made, source: Source::Answer, outcome }
}

fn of_lists(
    search: &mut Search<'_>,
    certificate: &Certificate,
    issuer: Node,
    report: &mut Report,
) -> Vec<Finding> {
    let evidence = &search.validator.evidence;
    let key = certificate.issuer().key();
    let indices = evidence.lists_by_issuer.get(&key).map_or(&[][..], Vec::as_slice);
    let mut usable: Vec<&RevocationList> = Vec::new();
    for index in indices {
        let Some(list) = evidence.lists.get(*index) else { continue };
        match usability(search, *index, list, certificate, issuer) {
            Ok(true) => usable.push(list),
            Ok(false) => {}
            Err(why) => {
                let text =
                    format_args!("the revocation list of {} does not count: {why}", list.this_update());
                report.add(Code::UnusedEvidence, certificate, text);
            }
        }
    }
    let full = usable.iter().filter(|list| !list.is_delta());
    full.map(|list| {
        let deltas = usable.iter().filter(|delta| delta.is_delta() && delta.adds_to(list));
        let newest = deltas.max_by_key(|delta| delta.this_update());
        finding(search.terms.at, certificate, list, newest.copied())
    })
    .collect()
}

/// `false`: the list is about other certificates.
fn usability(
    search: &mut Search<'_>,
    index: usize,
    list: &RevocationList,
    certificate: &Certificate,
    issuer: Node,
) -> Result<bool, &'static str> {
    if let Some(point) = list.point() {
        let other_kind = point.only_attributes
            || point.only_users && certificate.is_ca()
            || point.only_cas && !certificate.is_ca();
        if other_kind || !point.covers(&certificate.extensions().crl_points) {
            return Ok(false);
        }
        if point.indirect {
            return Err("it is an indirect list, which is not supported");
        }
    }
    if !list.unknown_critical().is_empty() {
        return Err("it has a critical extension that is not known");
    }
    if !search.certificate(issuer).permits(Usage::CrlSign) {
        return Err("keyUsage does not permit the issuer to sign lists");
    }
    if !search.take_check() {
        return Err("too many signatures");
    }
    match verify(search, index, list, issuer) {
        Ok(()) => Ok(true),
        Err(Defect::Wrong) => Err("it is not signed by the key of the issuer"),
        Err(Defect::Unsupported) => Err("it is signed with an algorithm that is not supported"),
    }
}

fn verify(search: &Search<'_>, index: usize, list: &RevocationList, issuer: Node) -> Result<(), Defect> {
    let verify = || {
        let key = search.certificate(issuer).key().sm2().ok_or(Defect::Unsupported)?;
        list.verify_signature(key)
    };
    let Node::Pool(issuer) = issuer else { return verify() };
    let (cache, link) = (&search.validator.cache, Link::List(index, issuer));
    cache.known(link).unwrap_or_else(|| {
        let result = verify();
        cache.remember(link, result);
        result
    })
}

fn finding(
    at: Time,
    certificate: &Certificate,
    full: &RevocationList,
    delta: Option<&RevocationList>,
) -> Finding {
    let newest = delta.unwrap_or(full);
    let change = delta.and_then(|delta| delta.find(certificate.serial()));
    let entry = match change {
        Some(Entry { reason: RevocationReason::RemoveFromCrl, .. }) => None,
        Some(entry) => Some(entry),
        None => full.find(certificate.serial()),
    };
    let made = newest.this_update();
    let is_partial = full.point().is_some_and(|point| point.only_reasons.is_some());
    let outcome = match entry {
        Some(Entry { date, reason, invalidity, .. }) => Outcome::Revoked {
            date,
            since: invalidity.map_or(date, |invalidity| invalidity.min(date)),
            reason,
        },
        None if is_partial => Outcome::TooLate,
        None if made > at && made > certificate.validity().not_after => Outcome::TooLate,
        None if made > at => Outcome::Good,
        None => match newest.next_update() {
            Some(due) if due < at => Outcome::Stale { due },
            _ => Outcome::Good,
        },
    };
    Finding { made, source: Source::List, outcome }
}
