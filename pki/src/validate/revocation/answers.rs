//! What OCSP answers say.

use envelope::cms::Time;

use super::{Finding, Outcome, Source, TOO_MANY};
use crate::certificate::Certificate;
use crate::ocsp::{CertStatus, SingleResponse, TOLERANCE};
use crate::validate::report::{Code, Report};
use crate::validate::search::Search;

pub(super) fn findings(
    search: &mut Search<'_>,
    certificate: &Certificate,
    issuer: &Certificate,
    report: &mut Report,
) -> Vec<Finding> {
    let evidence = &search.validator.evidence;
    let indices = evidence.answers_by_serial.get(certificate.serial()).map_or(&[][..], Vec::as_slice);
    let mut findings = Vec::new();
    for (index, answer) in indices.iter().filter_map(|index| Some((*index, evidence.answers.get(*index)?))) {
        let Some(single) = answer.find(certificate, issuer) else { continue };
        let came_along = evidence.answer_came_along(index);
        let verified = match search.take_evidence_check(came_along) {
            true if single.has_unknown_critical => {
                Err("it has a critical extension that is not known".into())
            }
            true => answer.verify_signature(issuer).map_err(|defect| defect.to_string()),
            false => Err(TOO_MANY.into()),
        };
        match verified {
            Ok(_) => findings.push((came_along, answered(search.terms.at, certificate, single))),
            Err(why) => {
                let text = format_args!("the OCSP answer of {} does not count: {why}", answer.produced_at());
                report.add(Code::UnusedEvidence, certificate, text);
            }
        }
    }
    findings.into_iter().filter(Finding::counts).map(|(_, finding)| finding).collect()
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
