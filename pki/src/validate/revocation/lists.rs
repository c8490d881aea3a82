//! What revocation lists say. Source: RFC 5280, 6.3.

use std::cmp::Reverse;

use envelope::cms::Time;

use super::{Finding, Outcome, Source, TOO_MANY};
use crate::algorithm::Defect;
use crate::certificate::Certificate;
use crate::crl::{Entry, RevocationList, RevocationReason};
use crate::extension::Usage;
use crate::validate::cache::Link;
use crate::validate::report::{Code, Report};
use crate::validate::search::{Node, Search};

pub(super) fn findings(
    search: &mut Search<'_>,
    certificate: &Certificate,
    issuer: Node,
    report: &mut Report,
) -> Vec<Finding> {
    let evidence = &search.validator.evidence;
    let key = certificate.issuer().key();
    let indices = evidence.lists_by_issuer.get(&key).map_or(&[][..], Vec::as_slice);
    let mut lists: Vec<(usize, &RevocationList)> =
        indices.iter().filter_map(|index| Some((*index, evidence.lists.get(*index)?))).collect();
    // So that the newest count, if there are too many, and what is known before what came along.
    lists.sort_by_key(|(index, list)| (evidence.list_came_along(*index), Reverse(list.this_update())));
    let mut usable: Vec<(bool, &RevocationList)> = Vec::new();
    for (index, list) in lists {
        match usability(search, index, list, certificate, issuer) {
            Ok(true) => usable.push((evidence.list_came_along(index), list)),
            Ok(false) => {}
            Err(why) => {
                let text =
                    format_args!("the revocation list of {} does not count: {why}", list.this_update());
                report.add(Code::UnusedEvidence, certificate, text);
                if why == TOO_MANY {
                    break;
                }
            }
        }
    }
    let full = usable.iter().filter(|(_, list)| !list.is_delta());
    let findings = full.map(|(came_along, list)| {
        let deltas = usable.iter().map(|(_, list)| *list);
        let newest = deltas
            .filter(|delta| delta.is_delta() && delta.adds_to(list))
            .max_by_key(|delta| delta.this_update());
        (*came_along, finding(search.terms.at, certificate, list, newest))
    });
    findings.filter(Finding::counts).map(|(_, finding)| finding).collect()
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
    if !search.take_evidence_check(search.validator.evidence.list_came_along(index)) {
        return Err(TOO_MANY);
    }
    match verify(search, index, list, issuer) {
        Ok(()) => Ok(true),
        Err(Defect::Wrong) => Err("it is not signed by the key of the issuer"),
        Err(Defect::Weak) => Err("it is signed with a key that is too short"),
        Err(Defect::Unsupported) => Err("it is signed with an algorithm that is not supported"),
    }
}

fn verify(search: &Search<'_>, index: usize, list: &RevocationList, issuer: Node) -> Result<(), Defect> {
    let verify = || list.verify_signature(search.certificate(issuer).key());
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
