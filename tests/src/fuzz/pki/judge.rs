//! Judging: a script describes certificates, lists and answers, which are signed here, and what is trusted of them.
//!
//! Two bytes say moment and terms. A step begins with a byte that says what is added; zeros behind it mean the usual thing,
//! so a script that is cut has less in it and is a script.

use envelope::cms::Time;
use pki::{
    Certificate, RevocationList,
    crl::RevocationReason,
    extension::Usage,
    ocsp::{BasicResponse, CertStatus, OcspResponse},
    validate::{Code, MAX_PATH, Purpose, Report, Revocation, Status, Terms, Validator, Verdict},
};

use super::JUNE;
use crate::{
    fuzz::script::Script,
    issuer::{self, List, Template, entry, extension},
};

/// Most of each, so that an input takes milliseconds.
const MAX_CERTIFICATES: usize = 32;
const MAX_JUDGED: usize = 4;
const MAX_EVIDENCE: usize = 8;
/// Paths that the model tries.
const MAX_TRIED: usize = 32;
/// Certificates in a world whose paths it tries.
const MAX_MODELLED: usize = 8;

/// Marks a date that is left out.
const NONE: u8 = 0x80;

/// Whether one of the certificates is valid.
pub(in crate::fuzz) fn script(data: &[u8]) -> bool {
    World::of(data).is_some_and(|world| world.reports().iter().any(Report::is_valid))
}

/// What is said of the certificates of a script, notes included.
#[must_use]
pub fn codes(data: &[u8]) -> Vec<Code> {
    let reports = World::of(data).map(|world| world.reports()).unwrap_or_default();
    let said = reports.iter().flat_map(|report| report.reasons.iter().chain(&report.notes));
    said.map(|reason| reason.code).collect()
}

struct World {
    terms: Terms,
    anchors: Vec<Certificate>,
    intermediates: Vec<Certificate>,
    others: Vec<Certificate>,
    judged: Vec<Certificate>,
    lists: Vec<RevocationList>,
    answers: Vec<BasicResponse>,
    /// Certificates that go into the next answer.
    delegates: Vec<u8>,
}

/// Midnight so many days from the first of June, the byte being signed.
fn day(offset: u8) -> Time {
    let days = i64::from(i8::from_ne_bytes([offset]));
    Time::from_unix(JUNE.saturating_add_signed(days * 86_400)).unwrap()
}

fn nibbles(byte: u8) -> (u8, u8) {
    (byte >> 4, byte & 15)
}

impl World {
    fn of(data: &[u8]) -> Option<Self> {
        let mut script = Script::new(data);
        let at = day(script.byte()?);
        let (purpose, revocation) = nibbles(script.byte()?);
        let revocation =
            [Revocation::IfKnown, Revocation::Require, Revocation::Ignore][usize::from(revocation % 3)];
        let purpose = Purpose::ALL[usize::from(purpose) % Purpose::ALL.len()];
        let terms = Terms::at(at).for_purpose(purpose).with_revocation(revocation);
        let mut world = Self {
            terms,
            anchors: Vec::new(),
            intermediates: Vec::new(),
            others: Vec::new(),
            judged: Vec::new(),
            lists: Vec::new(),
            answers: Vec::new(),
            delegates: Vec::new(),
        };
        while world.step(&mut script).is_some() {}
        Some(world)
    }

    fn step(&mut self, script: &mut Script<'_>) -> Option<()> {
        let kind = script.byte()? % 9;
        match kind {
            0..=4 => {
                for template in certificates(script)? {
                    let certificate = Certificate::from_der(&template.der());
                    match certificate {
                        Ok(certificate) => self.add(kind, certificate),
                        Err(_) => assert!(!template.extensions.is_empty(), "what was made is not read"),
                    }
                }
            }
            5 => {
                let list = RevocationList::from_der(&list(script)?.der());
                self.lists.extend(list.ok().filter(|_| self.lists.len() < MAX_EVIDENCE));
            }
            6 => {
                let certificates = std::mem::take(&mut self.delegates);
                let answer = OcspResponse::from_der(&answer(script, &certificates)?).ok();
                let answer = answer.and_then(|answer| answer.basic);
                self.answers.extend(answer.filter(|_| self.answers.len() < MAX_EVIDENCE));
            }
            // As they come.
            7 => {
                let role = script.byte()? % 4;
                let all = Certificate::all(script.bytes()?).unwrap_or_default();
                all.into_iter().for_each(|certificate| self.add(role, certificate));
            }
            _ => {
                let bytes = script.bytes()?;
                let room = |count: usize| count < MAX_EVIDENCE;
                let list = RevocationList::parse(bytes).ok();
                self.lists.extend(list.filter(|_| room(self.lists.len())));
                let answer = OcspResponse::parse(bytes).ok().and_then(|answer| answer.basic);
                self.answers.extend(answer.filter(|_| room(self.answers.len())));
            }
        }
        Some(())
    }

    fn add(&mut self, role: u8, certificate: Certificate) {
        let count = self.anchors.len() + self.intermediates.len() + self.others.len() + self.judged.len();
        match role {
            4 if self.delegates.len() < 4096 => self.delegates.extend(certificate.as_der()),
            _ if count >= MAX_CERTIFICATES => {}
            0 => self.anchors.push(certificate),
            1 => self.intermediates.push(certificate),
            2 => self.others.push(certificate),
            _ if self.judged.len() < MAX_JUDGED => self.judged.push(certificate),
            _ => {}
        }
    }

    fn validator<'a>(
        &self,
        anchors: impl IntoIterator<Item = &'a Certificate>,
        intermediates: impl IntoIterator<Item = &'a Certificate>,
    ) -> Validator {
        let validator = anchors.into_iter().cloned().fold(Validator::new(), Validator::with_anchor);
        let validator = intermediates.into_iter().cloned().fold(validator, Validator::with_intermediate);
        let validator = self.lists.iter().cloned().fold(validator, Validator::with_list);
        self.answers.iter().cloned().fold(validator, Validator::with_answer)
    }

    /// Judges every certificate, and asserts what must hold of each verdict.
    fn reports(&self) -> Vec<Report> {
        let validator = self.validator(&self.anchors, &self.intermediates);
        let reports: Vec<Report> =
            self.judged.iter().map(|one| validator.validate(one, &self.others, self.terms)).collect();
        for (certificate, report) in self.judged.iter().zip(&reports) {
            self.check(certificate, report);
            // What was verified before makes no difference.
            let again = validator.validate(certificate, &self.others, self.terms);
            assert_eq!(shown(&again), shown(report));
            // Without anchors nothing that came along is one.
            let all: Vec<Certificate> = self.anchors.iter().chain(&self.others).cloned().collect();
            let untrusting = self.validator([], &self.intermediates).validate(certificate, &all, self.terms);
            assert!(!untrusting.complete && !untrusting.is_valid() && untrusting.anchor().is_none());
            if !is_exhausted(report) {
                self.order_does_not_count(certificate, report);
                self.model_agrees(certificate, report);
            }
        }
        let alone: Vec<Report> =
            self.judged.iter().map(|one| validator.validate(one, &[], self.terms)).collect();
        let fresh = self.validator(&self.anchors, &self.intermediates);
        for many in [&validator, &fresh].map(|validator| validator.validate_many(&self.judged, self.terms)) {
            assert_eq!(
                many.iter().map(shown).collect::<Vec<_>>(),
                alone.iter().map(shown).collect::<Vec<_>>()
            );
        }
        reports
    }

    fn check(&self, certificate: &Certificate, report: &Report) {
        let worst = report.reasons.iter().map(|reason| reason.code.verdict()).max();
        assert_eq!(report.verdict, worst.unwrap_or(Verdict::Valid), "{report:?}");
        assert!(report.reasons.iter().all(|reason| reason.code.verdict() != Verdict::Valid));
        assert!(report.notes.iter().all(|note| note.code.verdict() == Verdict::Valid));
        assert!(report.reasons.iter().all(|reason| report.path.contains(&reason.certificate)));
        assert_eq!(report.path.first(), Some(certificate));
        assert!(report.path.len() <= MAX_PATH);
        assert_eq!(report.statuses.len(), report.path.len());
        assert_eq!(report.anchor().is_some(), report.complete);
        assert!(report.anchor().is_none_or(|anchor| self.anchors.contains(anchor)), "trusted by nobody");
        assert!(report.complete || !self.anchors.contains(certificate));
        let known = |one: &Certificate| {
            [&self.anchors, &self.intermediates, &self.others].iter().any(|all| all.contains(one))
        };
        assert!(report.path.iter().skip(1).all(known));
        for pair in report.path.windows(2) {
            let [subject, issuer] = pair else { panic!("a pair") };
            assert!(is_issued(subject, issuer));
        }
        if report.is_valid() {
            assert!(report.complete && report.reasons.is_empty());
            self.check_valid(report);
        } else {
            assert!(!report.reasons.is_empty());
        }
    }

    /// What must hold of every certificate of a valid path, as far as that is simple to say.
    fn check_valid(&self, report: &Report) {
        let at = self.terms.at;
        self.terms.purpose.permits(&report.path[0]).unwrap();
        for (depth, certificate) in report.path.iter().enumerate() {
            let (validity, extensions) = (certificate.validity(), certificate.extensions());
            assert!(validity.not_before <= at && at <= validity.not_after, "{report:?}");
            assert!(extensions.unknown_critical.is_empty() && extensions.duplicates.is_empty());
            let is_anchor = depth + 1 == report.path.len();
            if depth > 0 {
                assert!(certificate.is_ca() || is_anchor && certificate.version() == 1);
                assert!(certificate.permits(Usage::KeyCertSign));
                let below = report.path[1..depth].iter().filter(|below| !below.is_self_issued()).count();
                let path_len = extensions.basic_constraints.and_then(|constraints| constraints.path_len);
                assert!(path_len.is_none_or(|most| below <= usize::try_from(most).unwrap()));
            }
            if !is_anchor && self.terms.revocation != Revocation::Ignore {
                self.check_status(certificate, &report.path[depth + 1], report.statuses[depth]);
                assert!(
                    !self.is_revoked(certificate, &report.path[depth + 1]) || is_exhausted(report),
                    "{report:?}"
                );
            }
        }
    }

    fn check_status(&self, certificate: &Certificate, issuer: &Certificate, status: Status) {
        match status {
            Status::Good => assert!(!self.lists.is_empty() || !self.answers.is_empty()),
            Status::Revoked { since, .. } => assert!(since > self.terms.at, "{certificate:?} {issuer:?}"),
            Status::Missing => assert_eq!(self.terms.revocation, Revocation::IfKnown),
            other => panic!("{other:?} and valid"),
        }
    }

    /// Whether a list or an answer that counts has revoked it for good by the moment.
    fn is_revoked(&self, certificate: &Certificate, issuer: &Certificate) -> bool {
        let key = issuer.key();
        let at = self.terms.at;
        let counts =
            |reason| !matches!(reason, RevocationReason::CertificateHold | RevocationReason::RemoveFromCrl);
        let is_simple = |list: &&RevocationList| {
            list.point().is_none() && !list.is_delta() && list.unknown_critical().is_empty()
        };
        let no_delta = !self.lists.iter().any(RevocationList::is_delta);
        let of_issuer = self.lists.iter().filter(|list| list.issuer() == certificate.issuer());
        let mut lists = of_issuer.filter(is_simple).filter(|list| list.verify_signature(key).is_ok());
        let by_list = lists.any(|list| {
            list.find(certificate.serial()).is_some_and(|entry| entry.date <= at && counts(entry.reason))
        });
        let by_answer = self.answers.iter().any(|answer| {
            let single = answer.find(certificate, issuer).filter(|single| !single.has_unknown_critical);
            let revoked = single.is_some_and(|single| match single.status {
                CertStatus::Revoked { date, reason } => date <= at && counts(reason),
                CertStatus::Good | CertStatus::Unknown => false,
            });
            revoked && answer.verify_signature(issuer).is_ok()
        });
        by_answer || by_list && no_delta && issuer.permits(Usage::CrlSign)
    }

    fn order_does_not_count(&self, certificate: &Certificate, report: &Report) {
        let turned = self.validator(self.anchors.iter().rev(), self.intermediates.iter().rev());
        let others: Vec<Certificate> = self.others.iter().rev().cloned().collect();
        let other = turned.validate(certificate, &others, self.terms);
        assert!(
            is_exhausted(&other) || other.verdict == report.verdict || !other.complete,
            "{report:?} {other:?}"
        );
    }

    /// If a path is valid when there is nothing else, the certificate is: what is known besides takes nothing away.
    fn model_agrees(&self, certificate: &Certificate, report: &Report) {
        let known: Vec<&Certificate> =
            self.anchors.iter().chain(&self.intermediates).chain(&self.others).collect();
        if known.len() > MAX_MODELLED || self.anchors.contains(certificate) {
            return;
        }
        let mut paths = vec![vec![certificate]];
        let mut tried = 0;
        while let Some(path) = paths.pop() {
            let Some(last) = path.last() else { continue };
            tried += 1;
            if tried > MAX_TRIED {
                break;
            }
            if path.len() > 1 && self.anchors.contains(last) {
                let alone = self.validator([*last], path[1..path.len() - 1].iter().copied());
                let valid = alone.validate(certificate, &[], self.terms).is_valid();
                assert!(!valid || report.is_valid(), "there is a valid path: {report:?}");
            } else if path.len() < MAX_PATH {
                let next = known.iter().filter(|next| !path.contains(next) && is_issued(last, next));
                paths.extend(next.map(|next| [&path[..], &[*next]].concat()));
            }
        }
    }
}

fn is_issued(subject: &Certificate, issuer: &Certificate) -> bool {
    subject.issuer() == issuer.subject() && subject.verify_signature(issuer.key()).is_ok()
}

fn shown(report: &Report) -> String {
    let reasons: Vec<_> = report.reasons.iter().chain(&report.notes).map(ToString::to_string).collect();
    format!("{report:?} {reasons:?}")
}

/// The search was broken off, or not all evidence was looked at.
fn is_exhausted(report: &Report) -> bool {
    report.has(Code::TooMuchWork) || report.notes.iter().any(|note| note.text.contains("too many lists"))
}

/// One certificate, or several that differ in their serial numbers.
fn certificates(script: &mut Script<'_>) -> Option<Vec<Template>> {
    let ((subject, issuer), (key, signer)) = (nibbles(script.byte()?), nibbles(script.byte()?));
    let (serial, from, to) = (script.byte()?, script.byte()?, script.byte()?);
    let flags = script.byte()?;
    // Zeros: two months around the first of June.
    let validity = (day(from.wrapping_sub(30)), day(to.wrapping_add(30)));
    let mut template = Template::new(vec![serial & 0x7f], subject, issuer, validity);
    template.key = subject ^ key;
    template.signer = issuer ^ signer;
    if flags & 0x01 != 0 {
        let path_len = if flags & 0x02 != 0 { Some(script.byte()?) } else { None };
        template = template.ca(path_len);
    }
    if flags & 0x04 != 0 {
        template = template.usage(script.byte()?);
    }
    if flags & 0x18 != 0 {
        let purposes = [(0x08, issuer::TIME_STAMPING), (0x10, issuer::OCSP_SIGNING)];
        let purposes = purposes.iter().filter(|(bit, _)| flags & bit != 0).flat_map(|(_, id)| id.to_vec());
        template = template.purposes(&purposes.collect::<Vec<u8>>());
    }
    if flags & 0x20 != 0 {
        template.extensions.extend(script.bytes()?);
    }
    if flags & 0x40 != 0 {
        // Key identifiers: those of key and signer, the latter changed or not.
        let (own, signer) = (template.key, template.signer ^ script.byte()?);
        template = template.with(14, false, &[4, 1, own]).with(35, false, &[0x30, 3, 0x80, 1, signer]);
    }
    let copies = if flags & 0x80 != 0 { script.byte()? & 15 } else { 0 };
    let copy = |number: u8| Template { serial: vec![serial.wrapping_add(number) & 0x7f], ..template.clone() };
    Some((0..=copies).map(copy).collect())
}

fn list(script: &mut Script<'_>) -> Option<List> {
    let (issuer, signer) = nibbles(script.byte()?);
    let (this, next, flags) = (script.byte()?, script.byte()?, script.byte()?);
    let mut extensions = Vec::new();
    for (bit, id) in [(0x01, 20), (0x02, 27)] {
        if flags & bit != 0 {
            extensions.extend(extension(id, id == 27, &[2, 1, script.byte()? & 0x7f]));
        }
    }
    if flags & 0x04 != 0 {
        // onlyContainsUserCerts and so on.
        let tag = 0x81 + script.byte()? % 5;
        extensions.extend(extension(28, true, &[0x30, 3, tag, 1, 0xff]));
    }
    if flags & 0x08 != 0 {
        extensions.extend(script.bytes()?);
    }
    let mut entries = Vec::new();
    for _ in 0..flags >> 5 {
        let (serial, reason, date) = (script.byte()?, script.byte()?, script.byte()?);
        entries.extend(entry(&[serial & 0x7f], day(date), reason));
    }
    let next = (next != NONE).then(|| day(next.wrapping_add(30)));
    // Zeros: of the moment of zeros, due in a month.
    Some(List { issuer, signer: issuer ^ signer, this: day(this), next, entries, extensions })
}

/// About one certificate.
fn answer(script: &mut Script<'_>, certificates: &[u8]) -> Option<Vec<u8>> {
    let ((name, key), (responder, signer)) = (nibbles(script.byte()?), nibbles(script.byte()?));
    let (serial, status, this, next) = (script.byte()?, script.byte()?, script.byte()?, script.byte()?);
    let status = match nibbles(status) {
        (0, _) => vec![0x80, 0],
        (1, reason) => issuer::revoked(day(script.byte()?), reason),
        _ => vec![0x82, 0],
    };
    let next = (next != NONE).then(|| day(next.wrapping_add(30)));
    let single = issuer::single((name, name ^ key), &[serial & 0x7f], &status, day(this), next);
    let responder = name ^ responder;
    let data = issuer::response_data(responder, day(this), &single, &[]);
    Some(issuer::answer(responder ^ signer, &data, certificates))
}
