//! Name constraints. Source: RFC 5280, 4.2.1.10 and 6.1.4 (g).

use crate::certificate::Certificate;
use crate::extension::{GeneralName, NameConstraints, Subtree};
use crate::name::Name;
use crate::oid;
use crate::validate::report::{Code, Report};

/// `path`: from the certificate that is judged on.
pub(super) fn check(path: &[Certificate], report: &mut Report) {
    for (index, issuer) in path.iter().enumerate().skip(1) {
        let Some(constraints) = &issuer.extensions().name_constraints else { continue };
        for (below, certificate) in path.iter().enumerate().take(index) {
            // Only of the one that is judged do the names of a self-issued certificate count.
            if below == 0 || !certificate.is_self_issued() {
                check_one(constraints, certificate, report);
            }
        }
    }
}

/// What is wrong with a name under the constraints of a CA.
pub(crate) enum Violation {
    /// It is of a kind that is not compared.
    NotCompared,
    /// It is excluded.
    Excluded,
    /// Others are permitted.
    NotPermitted,
}

/// What is wrong with one name.
pub(crate) fn violation(constraints: &NameConstraints, name: &GeneralName) -> Option<Violation> {
    let of_kind = |subtree: &&Subtree| subtree.base.kind() == name.kind();
    let permitted: Vec<&Subtree> = constraints.permitted.iter().filter(of_kind).collect();
    let excluded: Vec<&Subtree> = constraints.excluded.iter().filter(of_kind).collect();
    if permitted.is_empty() && excluded.is_empty() {
        return None;
    }
    let has_bounds = permitted.iter().chain(&excluded).any(|subtree| subtree.has_bounds);
    if has_bounds || !is_supported(name) {
        Some(Violation::NotCompared)
    } else if excluded.iter().any(|subtree| contains(&subtree.base, name, true)) {
        Some(Violation::Excluded)
    } else if !permitted.is_empty() && !permitted.iter().any(|subtree| contains(&subtree.base, name, false)) {
        Some(Violation::NotPermitted)
    } else {
        None
    }
}

fn check_one(constraints: &NameConstraints, certificate: &Certificate, report: &mut Report) {
    if certificate.extensions().malformed.contains(&oid::SUBJECT_ALT_NAME) {
        report.add(
            Code::NameConstraint,
            certificate,
            "a CA is confined to some names, and subjectAltName cannot be decoded",
        );
    }
    for name in names(certificate.subject(), &certificate.extensions().subject_alt_names) {
        let (code, what) = match violation(constraints, &name) {
            None => continue,
            Some(Violation::NotCompared) => {
                (Code::UnsupportedConstraint, "a CA is confined to names of a kind that is not compared:")
            }
            Some(Violation::Excluded) => (Code::NameConstraint, "a CA may not vouch for"),
            Some(Violation::NotPermitted) => (Code::NameConstraint, "a CA is confined to other names than"),
        };
        report.add(code, certificate, format_args!("{what} {name}"));
    }
}

/// All names of a subject. The e-mail addresses of its distinguished name count only if there are no others.
pub(crate) fn names(subject: &Name, alt_names: &[GeneralName]) -> Vec<GeneralName> {
    let mut names = alt_names.to_vec();
    if !names.iter().any(|name| matches!(name, GeneralName::Email(_))) {
        names.extend(subject.values(&oid::EMAIL_ADDRESS).into_iter().map(GeneralName::Email));
    }
    if !subject.is_empty() {
        names.push(GeneralName::Directory(subject.clone()));
    }
    names
}

const fn is_supported(name: &GeneralName) -> bool {
    !matches!(name, GeneralName::Uri(_) | GeneralName::Other { .. })
}

/// `excluding`: a name that only may lie in the subtree counts too.
fn contains(base: &GeneralName, name: &GeneralName, excluding: bool) -> bool {
    match (base, name) {
        (GeneralName::Directory(base), GeneralName::Directory(name)) => name.is_within(base),
        (GeneralName::Dns(base), GeneralName::Dns(name)) => {
            let wildcard = name.strip_prefix("*.").filter(|_| excluding);
            is_in_domain(base, name) || wildcard.is_some_and(|domain| is_in_domain(domain, base))
        }
        (GeneralName::Email(base), GeneralName::Email(name)) => is_in_mail_domain(base, name),
        (GeneralName::Ip(base), GeneralName::Ip(address)) => {
            let (network, mask) = base.split_at(base.len() / 2);
            network.len() == address.len()
                && mask.len() == address.len()
                && address.iter().zip(network).zip(mask).all(|((a, n), m)| a & m == n & m)
        }
        _ => false,
    }
}

fn lower(domain: &str) -> String {
    domain.trim_end_matches('.').to_ascii_lowercase()
}

/// The domain itself and everything below it; with a leading dot, only what is below.
fn is_in_domain(base: &str, name: &str) -> bool {
    let (base, name) = (lower(base), lower(name));
    match base.strip_prefix('.') {
        _ if base.is_empty() => true,
        Some(_) => name.ends_with(&base) && name.len() > base.len(),
        None => name == base || name.strip_suffix(&base).is_some_and(|rest| rest.ends_with('.')),
    }
}

/// An address, all of a host, or with a leading dot all hosts below a domain.
fn is_in_mail_domain(base: &str, address: &str) -> bool {
    let Some((local, host)) = address.rsplit_once('@') else { return false };
    if let Some((base_local, base_host)) = base.rsplit_once('@') {
        return local == base_local && lower(host) == lower(base_host);
    }
    match base.strip_prefix('.') {
        Some(_) => is_in_domain(base, host),
        None => lower(host) == lower(base),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn domains() {
        for (base, name, inside) in [
            ("example.com", "example.com", true),
            ("example.com", "A.Example.COM.", true),
            ("example.com", "badexample.com", false),
            ("example.com", "example.org", false),
            (".example.com", "example.com", false),
            (".example.com", "a.example.com", true),
            ("", "a.example.com", true),
        ] {
            assert_eq!(is_in_domain(base, name), inside, "{base} {name}");
        }
        let dns = |text: &str| GeneralName::Dns(text.into());
        assert!(contains(&dns("a.example.com"), &dns("*.example.com"), true));
        assert!(!contains(&dns("a.example.com"), &dns("*.example.com"), false));
    }

    #[test]
    fn mail_addresses() {
        for (base, name, inside) in [
            ("a@example.com", "a@EXAMPLE.com", true),
            ("a@example.com", "A@example.com", false),
            ("example.com", "a@example.com", true),
            ("example.com", "a@b.example.com", false),
            (".example.com", "a@b.example.com", true),
            (".example.com", "a@example.com", false),
            ("example.com", "example.com", false),
        ] {
            assert_eq!(is_in_mail_domain(base, name), inside, "{base} {name}");
        }
    }

    #[test]
    fn addresses() {
        let ip = |octets: &[u8]| GeneralName::Ip(octets.into());
        let network = ip(&[10, 1, 0, 0, 255, 255, 0, 0]);
        assert!(contains(&network, &ip(&[10, 1, 2, 3]), false));
        assert!(!contains(&network, &ip(&[10, 2, 2, 3]), false));
        assert!(!contains(&network, &ip(&[10; 16]), false));
        assert!(!contains(&ip(&[10, 1, 0]), &ip(&[10]), false));
    }
}
