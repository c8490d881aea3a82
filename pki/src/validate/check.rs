//! Judging a path. Source: RFC 5280, 6.1; the signatures were verified when it was found.

use der::asn1::ObjectIdentifier;

use crate::certificate::Certificate;
use crate::extension::{Policy, Usage};
use crate::key::SubjectKey;
use crate::oid;
use crate::validate::report::{Code, Report};
use crate::validate::search::{Node, Search};
use crate::validate::{Purpose, constraints, revocation};

/// Extensions without which a certificate cannot be judged at all.
const ESSENTIAL: [ObjectIdentifier; 7] = [
    oid::BASIC_CONSTRAINTS,
    oid::KEY_USAGE,
    oid::EXT_KEY_USAGE,
    oid::NAME_CONSTRAINTS,
    oid::POLICY_CONSTRAINTS,
    oid::INHIBIT_ANY_POLICY,
    oid::CERTIFICATE_POLICIES,
];

/// `path`: from the certificate on; `complete`: up to a trust anchor.
pub(super) fn judge(search: &mut Search<'_>, path: &[Node], complete: bool) -> Report {
    let certificates: Vec<Certificate> = path.iter().map(|node| search.certificate(*node).clone()).collect();
    let mut report = Report::of(certificates.clone(), complete);
    for (index, certificate) in certificates.iter().enumerate() {
        validity(search, certificate, &mut report);
        extensions(certificate, &mut report);
        if let SubjectKey::Foreign(key) = certificate.key()
            && key.is_weak()
        {
            report.add(
                Code::WeakKey,
                certificate,
                format_args!("its key is too short: {key} with {} bits", key.bits()),
            );
        }
        if index > 0 {
            let is_anchor = complete && index + 1 == certificates.len();
            issuer(certificate, certificates.get(1..index).unwrap_or_default(), is_anchor, &mut report);
        }
    }
    if let Some(first) = certificates.first()
        && let Some(objection) = search.terms.purpose.objection(first)
    {
        let purpose = search.terms.purpose;
        report.add(Code::WrongUsage, first, format_args!("not for {purpose}: {objection}"));
    }
    constraints::check(&certificates, &mut report);
    if complete {
        policies(&certificates, &mut report);
    }
    revocation::check(search, path, &mut report);
    report
}

fn validity(search: &Search<'_>, certificate: &Certificate, report: &mut Report) {
    let (at, validity) = (search.terms.at, certificate.validity());
    if at > validity.not_after {
        let text = format_args!("not valid after {}, judged at {at}", validity.not_after);
        report.add(Code::Expired, certificate, text);
    }
    if at < validity.not_before {
        let text = format_args!("not valid before {}, judged at {at}", validity.not_before);
        report.add(Code::NotYetValid, certificate, text);
    }
}

fn extensions(certificate: &Certificate, report: &mut Report) {
    let extensions = certificate.extensions();
    let shown = |id: &ObjectIdentifier| oid::extension_name(id).map_or_else(|| id.to_string(), Into::into);
    for id in &extensions.duplicates {
        report.add(Code::DuplicateExtension, certificate, format_args!("{} comes twice", shown(id)));
    }
    for id in &extensions.unknown_critical {
        report.add(Code::UnknownCriticalExtension, certificate, format_args!("{} is critical", shown(id)));
    }
    for id in &extensions.malformed {
        let is_critical = extensions.find(id).is_some_and(|extension| extension.critical);
        let matters = is_critical || ESSENTIAL.contains(id);
        let code = if matters { Code::MalformedExtension } else { Code::UnreadableExtension };
        report.add(code, certificate, format_args!("{} cannot be decoded", shown(id)));
    }
}

/// `below`: the certificates of CAs between this one and the one that is judged.
fn issuer(certificate: &Certificate, below: &[Certificate], is_anchor: bool, report: &mut Report) {
    // What a trust anchor of version 1 may do cannot stand in it.
    let may = certificate.is_ca() || is_anchor && certificate.version() == 1;
    if !may {
        report.add(Code::NotACa, certificate, "issued a certificate without being a CA");
    }
    if !certificate.permits(Usage::KeyCertSign) {
        report.add(Code::WrongUsage, certificate, "keyUsage does not permit it to sign certificates");
    }
    let path_len = certificate.extensions().basic_constraints.and_then(|constraints| constraints.path_len);
    let cas = below.iter().filter(|below| !below.is_self_issued()).count();
    if let Some(path_len) = path_len
        && u32::try_from(cas).is_ok_and(|cas| cas > path_len)
    {
        let text = format_args!("permits {path_len} CAs below it, and there are {cas}");
        report.add(Code::PathTooLong, certificate, text);
    }
}

/// The policies that hold for a path. Source: RFC 5280, 6.1.3 (d) to (f), for a user who accepts any.
#[derive(Clone)]
enum Policies {
    Any,
    These(Vec<ObjectIdentifier>),
    None,
}

impl Policies {
    fn narrowed(self, own: Option<&[Policy]>, any_counts: bool) -> Self {
        let (Some(own), false) = (own, matches!(self, Self::None)) else { return Self::None };
        let ids: Vec<ObjectIdentifier> = own.iter().map(|policy| policy.id).collect();
        let narrowed: Vec<_> = match self {
            all if any_counts && ids.contains(&oid::ANY_POLICY) => return all,
            Self::These(known) => known.into_iter().filter(|id| ids.contains(id)).collect(),
            _ => ids.into_iter().filter(|id| *id != oid::ANY_POLICY).collect(),
        };
        if narrowed.is_empty() { Self::None } else { Self::These(narrowed) }
    }
}

/// `path` ends with a trust anchor, whose own policies do not count.
fn policies(path: &[Certificate], report: &mut Report) {
    let mut valid = Policies::Any;
    // After so many more certificates.
    let (mut explicit, mut inhibit_any) = (u32::MAX, u32::MAX);
    let (mut missing, mut has_mappings) = (false, false);
    for (index, certificate) in path.iter().enumerate().rev().skip(1) {
        let extensions = certificate.extensions();
        let constraints = extensions.policy_constraints;
        let any_counts = inhibit_any > 0 || (index > 0 && certificate.is_self_issued());
        valid = valid.narrowed(extensions.policies.as_deref(), any_counts);
        missing |= explicit == 0 && matches!(valid, Policies::None);
        if index == 0 || !certificate.is_self_issued() {
            explicit = explicit.saturating_sub(u32::from(explicit != u32::MAX));
            inhibit_any = inhibit_any.saturating_sub(u32::from(inhibit_any != u32::MAX));
        }
        if index > 0 || constraints.require_explicit == Some(0) {
            explicit = explicit.min(constraints.require_explicit.unwrap_or(u32::MAX));
        }
        inhibit_any = inhibit_any.min(constraints.inhibit_any.unwrap_or(u32::MAX));
        has_mappings |= constraints.has_mappings;
    }
    missing |= explicit == 0 && matches!(valid, Policies::None);
    if let (true, Some(first)) = (missing, path.first()) {
        if has_mappings {
            report.add(Code::UnsupportedConstraint, first, "a policy is required and policies are mapped");
        } else {
            report.add(Code::PolicyMissing, first, "a CA requires a policy and the path has none");
        }
    }
    report.policies = match valid {
        Policies::Any => None,
        Policies::These(ids) => Some(ids),
        Policies::None => Some(Vec::new()),
    };
}

impl Purpose {
    /// Whether a certificate permits the use by itself, wherever it comes from. What forbids it, for people.
    ///
    /// # Errors
    /// The objection.
    pub fn permits(self, certificate: &Certificate) -> Result<(), &'static str> {
        self.objection(certificate).map_or(Ok(()), Err)
    }
}
