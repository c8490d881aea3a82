//! Finding a path from a certificate to a trust anchor.
//!
//! Depth first. An issuer is looked for by its name, likely ones first, and counts once the signature was verified with
//! its key: key identifiers only order the candidates, since issuers compute them by different rules.

use std::cmp::Reverse;
use std::sync::Arc;

use crate::algorithm::Defect;
use crate::certificate::Certificate;
use crate::validate::cache::{IssuerKey, Link};
use crate::validate::report::{Code, Report, Status, Verdict};
use crate::validate::{MAX_CHECKS, MAX_EVIDENCE_CHECKS, MAX_PATH, Terms, Validator, check};

/// A certificate that a path may lead through.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Node {
    /// The one that is judged.
    Judged,
    /// One of the validator's.
    Pool(usize),
    /// One that came with the one that is judged.
    Other(usize),
}

pub(super) struct Search<'a> {
    pub(super) validator: &'a Validator,
    pub(super) terms: Terms,
    judged: &'a Certificate,
    others: &'a [Certificate],
    /// Whether the judged certificate is signed by the key of one in the pool, where that is known already.
    preset: Vec<(usize, Result<(), Defect>)>,
    checks: u32,
    /// Of what is known, and of what came along.
    evidence_checks: [u32; 2],
    best: Option<Report>,
    dead_end: Option<DeadEnd>,
}

/// As far as a path led, and why no further.
struct DeadEnd {
    path: Vec<Node>,
    code: Code,
    text: String,
}

impl<'a> Search<'a> {
    pub(super) fn new(
        validator: &'a Validator,
        judged: &'a Certificate,
        others: &'a [Certificate],
        terms: Terms,
    ) -> Self {
        Self {
            validator,
            terms,
            judged,
            others,
            preset: Vec::new(),
            checks: 0,
            evidence_checks: [0; 2],
            best: None,
            dead_end: None,
        }
    }

    pub(super) fn with_preset(self, preset: Vec<(usize, Result<(), Defect>)>) -> Self {
        Self { preset, ..self }
    }

    pub(super) fn run(mut self) -> Report {
        let pool = &self.validator.pool;
        let known = pool.position(self.judged);
        let is_anchor = known.and_then(|index| pool.get(index)).is_some_and(|(_, anchor)| *anchor);
        let mut path = vec![Node::Judged];
        let done = if is_anchor { self.complete(&path) } else { self.extend(&mut path) };
        let own_defect = is_anchor.then(|| own_defect(self.judged)).flatten();
        let exhausted = self.checks >= MAX_CHECKS && !done;
        let mut report = match (self.best.take(), self.dead_end.take()) {
            (Some(best), _) => best,
            (None, Some(DeadEnd { path, code, text })) => {
                let mut report = check::judge(&mut self, &path, false);
                if let Some(last) = report.path.last().cloned() {
                    report.add(code, &last, text);
                }
                report
            }
            (None, None) => check::judge(&mut self, &path, false),
        };
        if let Some((code, text)) = own_defect {
            report.add(code, self.judged, text);
        }
        if exhausted && !report.is_valid() {
            report.add(Code::TooMuchWork, self.judged, format_args!("more than {MAX_CHECKS} signatures"));
        }
        report
    }

    pub(super) fn certificate(&self, node: Node) -> &'a Certificate {
        let found = match node {
            Node::Judged => None,
            Node::Pool(index) => self.validator.pool.get(index).map(|(certificate, _)| certificate),
            Node::Other(index) => self.others.get(index),
        };
        found.unwrap_or(self.judged)
    }

    fn is_anchor(&self, node: Node) -> bool {
        match node {
            Node::Pool(index) => self.validator.pool.get(index).is_some_and(|(_, anchor)| *anchor),
            Node::Judged | Node::Other(_) => false,
        }
    }

    /// Whether another signature may be looked at. All count, those too of which the result is known: a verdict does not
    /// depend on what was asked before.
    fn take_check(&mut self) -> bool {
        let may = self.checks < MAX_CHECKS;
        self.checks = self.checks.saturating_add(1);
        may
    }

    /// The same for the signature of a list or an answer. What came along takes nothing away from what is known.
    pub(super) const fn take_evidence_check(&mut self, came_along: bool) -> bool {
        let [known, other] = &mut self.evidence_checks;
        let checks = if came_along { other } else { known };
        let may = *checks < MAX_EVIDENCE_CHECKS;
        *checks = checks.saturating_add(1);
        may
    }

    /// A path to a trust anchor: `true` if the search is over.
    fn complete(&mut self, path: &[Node]) -> bool {
        let report = check::judge(self, path, true);
        let over = report.is_valid();
        if self.best.as_ref().is_none_or(|best| report.verdict < best.verdict) {
            self.best = Some(report);
        }
        over
    }

    /// Goes on from the last certificate of a path: `true` if the search is over.
    fn extend(&mut self, path: &mut Vec<Node>) -> bool {
        let Some(last) = path.last().copied() else { return true };
        let current = self.certificate(last);
        if !current.algorithm().is_supported() {
            let text = format!("signed with {}", current.algorithm());
            self.end(path, Code::UnsupportedAlgorithm, text);
            return false;
        }
        let mut linked = false;
        let mut why = None;
        for node in self.candidates(current) {
            let issuer = self.certificate(node);
            // A CA comes once in a path, under whatever serial number. So there are no loops.
            let again = |known: &Node| is_same_entity(self.certificate(*known), issuer);
            if path.iter().any(again) {
                continue;
            }
            if !self.take_check() {
                return false;
            }
            match self.link(last, node) {
                Ok(()) => linked = true,
                Err(Defect::Wrong) => {
                    if key_id_match(current, issuer) != KeyIdMatch::Differ {
                        let text = format!("not signed by the key of {}", describe(issuer));
                        why = Some((Code::BadSignature, text));
                    }
                    continue;
                }
                Err(defect @ (Defect::Unsupported | Defect::Weak)) => {
                    let code = match defect {
                        Defect::Weak => Code::WeakKey,
                        _ => Code::UnsupportedAlgorithm,
                    };
                    why.get_or_insert((code, format!("its issuer has a key for {}", issuer.key())));
                    continue;
                }
            }
            path.push(node);
            let over = if self.is_anchor(node) {
                self.complete(path)
            } else if path.len() < MAX_PATH {
                self.extend(path)
            } else {
                let text = format!("no trust anchor within {MAX_PATH} certificates");
                self.end(path, Code::TooMuchWork, text);
                false
            };
            if over {
                return true;
            }
            path.pop();
        }
        if !linked {
            let (code, text) = why.unwrap_or_else(|| without_issuer(current));
            self.end(path, code, text);
        }
        false
    }

    /// The longest dead end is what is told.
    fn end(&mut self, path: &[Node], code: Code, text: String) {
        if self.dead_end.as_ref().is_none_or(|known| known.path.len() < path.len()) {
            self.dead_end = Some(DeadEnd { path: path.to_vec(), code, text });
        }
    }

    /// Certificates whose subject is the issuer, the likeliest first.
    fn candidates(&self, certificate: &Certificate) -> Vec<Node> {
        let issuer = certificate.issuer();
        let pool = self.validator.pool.named(&issuer.key()).iter().map(|index| Node::Pool(*index));
        let others = self.others.iter().enumerate();
        let others =
            others.filter(|(_, other)| other.subject() == issuer).map(|(index, _)| Node::Other(index));
        let mut nodes: Vec<Node> = pool.chain(others).collect();
        if nodes.len() > 1 {
            let at = self.terms.at;
            nodes.sort_by_cached_key(|node| {
                let candidate = self.certificate(*node);
                let validity = candidate.validity();
                let in_time = validity.not_before <= at && at <= validity.not_after;
                let key_id = key_id_match(certificate, candidate);
                (key_id, Reverse(self.is_anchor(*node)), Reverse(in_time), Reverse(validity.not_before))
            });
        }
        nodes
    }

    /// Whether one certificate is signed by the key of another.
    fn link(&self, signed: Node, issuer: Node) -> Result<(), Defect> {
        let certificate = self.certificate(signed);
        let plainly = || certificate.verify_signature(self.certificate(issuer).key());
        let Node::Pool(issuer_index) = issuer else { return plainly() };
        let verify = || match (self.issuer_key(issuer_index, 1), certificate.signature().sm2()) {
            (Some(key), Some(signature)) => key.verify(&key.digest(certificate.tbs()), &signature),
            _ => plainly(),
        };
        match signed {
            Node::Judged => {
                let preset = self.preset.iter().find(|(index, _)| *index == issuer_index);
                preset.map_or_else(verify, |(_, result)| *result)
            }
            Node::Other(_) => verify(),
            Node::Pool(index) => {
                let link = Link::Certificate(index, issuer_index);
                self.validator.cache.known(link).unwrap_or_else(|| {
                    let result = verify();
                    self.validator.cache.remember(link, result);
                    result
                })
            }
        }
    }

    /// The key of a certificate in the pool, if it is an SM2 key.
    pub(super) fn issuer_key(&self, index: usize, uses: usize) -> Option<Arc<IssuerKey>> {
        let (certificate, _) = self.validator.pool.get(index)?;
        Some(self.validator.cache.key(index, certificate.key().sm2()?, uses))
    }
}

/// Whether two certificates are of the same CA: same name and same key.
fn is_same_entity(a: &Certificate, b: &Certificate) -> bool {
    a.spki() == b.spki() && a.subject() == b.subject()
}

/// What the key identifiers say of an issuer.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum KeyIdMatch {
    Same,
    NotSaid,
    Differ,
}

pub(super) fn key_id_match(certificate: &Certificate, issuer: &Certificate) -> KeyIdMatch {
    let wanted = certificate.extensions().authority_key_id.as_ref().and_then(|id| id.key_id.as_ref());
    match (wanted, &issuer.extensions().subject_key_id) {
        (Some(wanted), Some(own)) if wanted == own => KeyIdMatch::Same,
        (Some(_), Some(_)) => KeyIdMatch::Differ,
        _ => KeyIdMatch::NotSaid,
    }
}

/// Why there is no issuer. Of what signs itself, at least that is looked at.
fn without_issuer(certificate: &Certificate) -> (Code, String) {
    if claims_own_key(certificate) {
        return own_defect(certificate)
            .unwrap_or_else(|| (Code::UnknownIssuer, "signed by itself, and not a trust anchor".into()));
    }
    (Code::UnknownIssuer, format!("no certificate of its issuer {}", certificate.issuer()))
}

/// Whether it says that it is signed by its own key.
fn claims_own_key(certificate: &Certificate) -> bool {
    certificate.is_self_issued() && key_id_match(certificate, certificate) != KeyIdMatch::Differ
}

/// What is wrong with the signature of a certificate by its own key.
fn own_defect(certificate: &Certificate) -> Option<(Code, String)> {
    if !claims_own_key(certificate) {
        return None;
    }
    if !certificate.algorithm().is_supported() {
        let text = format!("signed with {}", certificate.algorithm());
        return Some((Code::UnsupportedAlgorithm, text));
    }
    let wrong = certificate.verify_signature(certificate.key()) == Err(Defect::Wrong);
    wrong.then(|| (Code::BadSignature, "not signed by its own key".into()))
}

pub(super) fn describe(certificate: &Certificate) -> String {
    format!("{} (serial {})", certificate.subject().short(), certificate.serial_hex())
}

impl Report {
    /// Nothing is wrong yet. `complete`: the path ends with a trust anchor.
    pub(super) fn of(path: Vec<Certificate>, complete: bool) -> Self {
        let statuses = vec![Status::NotAsked; path.len()];
        let (reasons, notes) = (Vec::new(), Vec::new());
        Self { verdict: Verdict::Valid, reasons, notes, path, complete, statuses, policies: None }
    }
}
