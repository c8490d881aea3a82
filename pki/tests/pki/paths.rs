//! One defect at a time in a chain that is otherwise valid.

use pki::extension::GeneralName;
use pki::issue::{Issuer, Order, Profile, ProfileKind, SerialNumber, Subject};
use pki::validate::{Code, MAX_PATH, Purpose, Report, Terms, Validator, Verdict};
use pki::{Certificate, Error, Name};

use crate::issuer::{Party, Template, name, oid, seq, tlv};
use crate::support::time;

/// Root, CA and end entity.
struct Chain {
    root: Party,
    ca: Party,
    leaf: Party,
}

impl Chain {
    fn new() -> Self {
        Self { root: Party::new("Root"), ca: Party::new("CA"), leaf: Party::new("signer") }
    }

    fn judge(&self, root: Template, ca: Template, leaf: Template, terms: Terms) -> Report {
        let validator = Validator::new()
            .with_anchor(root.issue(&self.root, &self.root))
            .with_intermediate(ca.issue(&self.ca, &self.root));
        let leaf = leaf.issue(&self.leaf, &self.ca);
        let report = validator.validate(&leaf, &[], terms);
        let many = validator.validate_many(&[leaf.clone(), leaf], terms);
        for batched in many {
            assert_eq!(codes(&batched), codes(&report), "the batch engine says the same");
        }
        report
    }
}

fn now() -> Terms {
    Terms::at(time("2026-06-01T00:00:00Z"))
}

fn codes(report: &Report) -> Vec<Code> {
    let codes: Vec<Code> = report.reasons.iter().map(|reason| reason.code).collect();
    let worst = codes.iter().map(|code| code.verdict()).max().unwrap_or(Verdict::Valid);
    assert_eq!(report.verdict, worst, "{report:?}");
    codes
}

fn changed(root: Template, ca: Template, leaf: Template) -> Vec<Code> {
    codes(&Chain::new().judge(root, ca, leaf, now()))
}

fn root() -> Template {
    Template::ca(1)
}

fn ca() -> Template {
    Template::ca(2)
}

fn leaf() -> Template {
    Template::signer(3)
}

#[test]
fn a_chain_without_defect() {
    let report = Chain::new().judge(root(), ca(), leaf(), now());
    assert_eq!(codes(&report), []);
    assert_eq!(report.path.len(), 3);
    assert_eq!(report.anchor().unwrap().subject().short(), "Root");
    assert!(report.notes.is_empty() && report.policies == Some(vec![]));
}

#[test]
fn time_of_every_certificate() {
    let (past, future) =
        (("2025-01-01T00:00:00Z", "2026-05-31T23:59:59Z"), ("2026-06-01T00:00:01Z", "2027-01-01T00:00:00Z"));
    let expired = |template: Template| template.valid(past.0, past.1);
    let early = |template: Template| template.valid(future.0, future.1);
    for (changer, code) in
        [(&expired as &dyn Fn(Template) -> Template, Code::Expired), (&early, Code::NotYetValid)]
    {
        assert_eq!(changed(changer(root()), ca(), leaf()), [code]);
        assert_eq!(changed(root(), changer(ca()), leaf()), [code]);
        assert_eq!(changed(root(), ca(), changer(leaf())), [code]);
    }
    // First and last second count.
    let exact = leaf().valid("2026-06-01T00:00:00Z", "2026-06-01T00:00:00Z");
    assert_eq!(changed(root(), ca(), exact), []);
}

#[test]
fn an_issuer_must_be_a_ca_that_may_sign_certificates() {
    assert_eq!(changed(root(), Template::new(2).usage(0x06), leaf()), [Code::NotACa]);
    assert_eq!(changed(root(), Template::new(2).basic(false, None).usage(0x06), leaf()), [Code::NotACa]);
    assert_eq!(changed(root(), Template::new(2).basic(true, None).usage(0xc0), leaf()), [Code::WrongUsage]);
    assert_eq!(
        changed(Template::new(1).usage(0x06), ca(), leaf()),
        [Code::NotACa],
        "of the trust anchor too"
    );
    assert_eq!(changed(root(), Template::new(2).basic(true, None), leaf()), [], "keyUsage is optional");
    // A trust anchor of version 1 cannot say it.
    let old = Template { version: 0, ..Template::new(1) };
    assert_eq!(changed(old.clone(), ca(), leaf()), []);
    assert_eq!(changed(root(), Template { serial: vec![2], ..old }, leaf()), [Code::NotACa]);
}

#[test]
fn path_length() {
    let limited = |len| Template::new(1).basic(true, Some(len)).usage(0x06);
    assert_eq!(changed(limited(0), ca(), leaf()), [Code::PathTooLong]);
    assert_eq!(changed(limited(1), ca(), leaf()), []);
    assert_eq!(changed(root(), limited(0), leaf()), []);
}

#[test]
fn self_issued_certificates_do_not_count_for_the_length() {
    let (root, old, new, leaf) =
        (Party::new("Root"), Party::new("CA"), Party::new("CA"), Party::new("signer"));
    let validator = Validator::new()
        .with_anchor(Template::new(1).basic(true, Some(1)).usage(0x06).issue(&root, &root))
        .with_intermediate(Template::ca(2).issue(&old, &root))
        .with_intermediate(Template::ca(3).issue(&new, &old));
    let report = validator.validate(&Template::signer(4).issue(&leaf, &new), &[], now());
    assert_eq!(codes(&report), []);
    assert_eq!(report.path.len(), 4);
}

#[test]
fn extensions_of_every_certificate() {
    let unknown = |template: Template| template.with("1.2.3.4", true, &[5, 0]);
    let twice = |template: Template| template.with("1.2.3.4", false, &[5, 0]).with("1.2.3.4", false, &[5, 0]);
    let broken = |template: Template| template.with("2.5.29.30", true, &[5, 0]);
    for (changer, code) in [
        (&unknown as &dyn Fn(Template) -> Template, Code::UnknownCriticalExtension),
        (&twice, Code::DuplicateExtension),
        (&broken, Code::MalformedExtension),
    ] {
        assert_eq!(changed(changer(root()), ca(), leaf()), [code]);
        assert_eq!(changed(root(), changer(ca()), leaf()), [code]);
        assert_eq!(changed(root(), ca(), changer(leaf())), [code]);
    }
    assert_eq!(changed(root(), ca(), leaf().with("1.2.3.4", false, &[5, 0])), []);
    let broken_name = leaf().with("2.5.29.17", false, &[5, 0]);
    let report = Chain::new().judge(root(), ca(), broken_name, now());
    assert_eq!(report.notes.iter().map(|note| note.code).collect::<Vec<_>>(), [Code::UnreadableExtension]);
    assert!(report.is_valid());
    assert_eq!(changed(root(), ca(), leaf().with("2.5.29.17", true, &[5, 0])), [Code::MalformedExtension]);
}

#[test]
fn signatures() {
    let chain = Chain::new();
    let namesake = Party::new("CA");
    let validator = Validator::new()
        .with_anchor(root().issue(&chain.root, &chain.root))
        .with_intermediate(ca().issue(&chain.ca, &chain.root));
    let judge = |certificate: &Certificate| codes(&validator.validate(certificate, &[], now()));
    assert_eq!(judge(&leaf().issue(&chain.leaf, &chain.ca)), []);
    assert_eq!(judge(&leaf().issue(&chain.leaf, &namesake)), [Code::BadSignature]);
    assert_eq!(judge(&leaf().issue(&chain.leaf, &Party::new("Nobody"))), [Code::UnknownIssuer]);
    assert_eq!(judge(&leaf().issue(&chain.leaf, &chain.leaf)), [Code::UnknownIssuer]);
    let forged = leaf().issue(&Party::new("signer"), &Party::new("signer"));
    assert_eq!(judge(&forged), [Code::BadSignature], "not even by itself");
    let other = Template { algorithm: "1.2.840.10045.4.1".into(), ..leaf() };
    assert_eq!(judge(&other.issue(&chain.leaf, &chain.ca)), [Code::UnsupportedAlgorithm]);
    // By key identifier it is not by the CA of this name that is known here.
    let elsewhere = leaf().with("2.5.29.35", false, &seq(&[&tlv(0x80, &[b"other"])]));
    let with_id = Validator::new()
        .with_anchor(root().issue(&chain.root, &chain.root))
        .with_intermediate(ca().with("2.5.29.14", false, &tlv(4, &[b"this"])).issue(&chain.ca, &chain.root));
    let report = with_id.validate(&elsewhere.issue(&chain.leaf, &namesake), &[], now());
    assert_eq!(codes(&report), [Code::UnknownIssuer]);
    // But a hint is only a hint.
    let report = with_id.validate(&elsewhere.issue(&chain.leaf, &chain.ca), &[], now());
    assert_eq!(codes(&report), []);
}

#[test]
fn what_came_along_is_not_trusted() {
    let chain = Chain::new();
    let root = root().issue(&chain.root, &chain.root);
    let ca = ca().issue(&chain.ca, &chain.root);
    let leaf = leaf().issue(&chain.leaf, &chain.ca);
    let others = [root.clone(), ca.clone()];
    let untrusting = Validator::new().validate(&leaf, &others, now());
    assert_eq!(codes(&untrusting), [Code::UnknownIssuer]);
    assert_eq!(untrusting.path.len(), 3, "as far as it goes");
    assert_eq!(untrusting.anchor(), None);
    let trusting = Validator::new().with_anchor(root).validate(&leaf, &[ca], now());
    assert_eq!(codes(&trusting), []);
}

#[test]
fn every_candidate_is_tried() {
    // A CA certified by two roots, of which one is trusted; re-issued with another serial number; and namesakes.
    let chain = Chain::new();
    let (stranger, namesake) = (Party::new("Other Root"), Party::new("CA"));
    let leaf = leaf().issue(&chain.leaf, &chain.ca);
    let expired = ca().valid("2026-01-01T00:00:00Z", "2026-02-01T00:00:00Z");
    let others = [
        ca().issue(&namesake, &stranger),
        ca().issue(&chain.ca, &stranger),
        expired.issue(&chain.ca, &chain.root),
        Template::ca(9).issue(&chain.ca, &chain.root),
    ];
    let validator = Validator::new().with_anchor(root().issue(&chain.root, &chain.root));
    for rotation in 0..others.len() {
        let mut others = others.to_vec();
        others.rotate_left(rotation);
        let report = validator.validate(&leaf, &others, now());
        assert_eq!(codes(&report), [], "{rotation}");
        assert_eq!(report.path[1].serial(), [9]);
    }
    let report = validator.validate(&leaf, &others[..3], now());
    assert_eq!(codes(&report), [Code::Expired], "the best path is told");
}

#[test]
fn loops_and_long_paths_end() {
    // Two CAs that certify each other.
    let (a, b) = (Party::new("A"), Party::new("B"));
    let others = [Template::ca(1).issue(&a, &b), Template::ca(2).issue(&b, &a)];
    let report = Validator::new().validate(&leaf().issue(&Party::new("x"), &a), &others, now());
    assert_eq!(codes(&report), [Code::UnknownIssuer]);
    assert_eq!(report.path.len(), 3);

    // One more than fits.
    for length in [MAX_PATH, MAX_PATH + 1] {
        let parties: Vec<Party> = (0..length).map(|n| Party::new(&format!("CA {n}"))).collect();
        let certificates: Vec<Certificate> =
            parties.windows(2).map(|pair| Template::ca(1).issue(&pair[0], &pair[1])).collect();
        let top = parties.last().unwrap();
        let validator = Validator::new().with_anchor(Template::ca(1).issue(top, top));
        let report = validator.validate(&certificates[0], &certificates[1..], now());
        let expected = if length == MAX_PATH { vec![] } else { vec![Code::TooMuchWork] };
        assert_eq!(codes(&report), expected, "{length}");
    }
}

#[test]
fn work_is_bounded() {
    // CAs that all certify each other: more paths than anybody could try.
    let parties: Vec<Party> = (0..12).map(|n| Party::new(&format!("CA {n}"))).collect();
    let mut others = Vec::new();
    for subject in &parties {
        for issuer in &parties {
            if subject.cn != issuer.cn {
                others.push(Template::ca(1).issue(subject, issuer));
            }
        }
    }
    let report = Validator::new().validate(&leaf().issue(&Party::new("x"), &parties[0]), &others, now());
    assert_eq!(codes(&report), [Code::TooMuchWork, Code::TooMuchWork], "too long, and too many");
}

#[test]
fn purposes() {
    let judge =
        |leaf: Template, purpose| codes(&Chain::new().judge(root(), ca(), leaf, now().for_purpose(purpose)));
    let plain = || Template::new(3);
    let (stamping, server) = ("1.3.6.1.5.5.7.3.8", "1.3.6.1.5.5.7.3.1");
    let good: &[(Template, Purpose)] = &[
        (leaf(), Purpose::DigitalSignature),
        (leaf(), Purpose::SealMaker),
        (plain(), Purpose::DocumentSigning),
        (plain().usage(0x38), Purpose::Encryption),
        (plain().usage(0x20), Purpose::Encryption),
        (ca(), Purpose::CertificateSigning),
        (ca(), Purpose::CrlSigning),
        (leaf().purposes(true, &[stamping]), Purpose::TimeStamping),
        (leaf().purposes(false, &["1.3.6.1.5.5.7.3.9"]), Purpose::OcspSigning),
        (leaf().purposes(false, &[server]), Purpose::TlsServer),
        (leaf(), Purpose::TlsServer),
        (leaf().purposes(false, &["2.5.29.37.0"]), Purpose::TlsClient),
        (leaf().purposes(false, &["1.3.6.1.5.5.7.3.3"]), Purpose::CodeSigning),
        (leaf().purposes(true, &[stamping]), Purpose::Any),
        (leaf().purposes(false, &[server, stamping]), Purpose::DocumentSigning),
    ];
    for (template, purpose) in good {
        assert_eq!(judge(template.clone(), *purpose), [], "{purpose}");
    }
    let wrong: &[(Template, Purpose)] = &[
        (plain().usage(0x38), Purpose::DigitalSignature),
        (plain().usage(0x38), Purpose::SealMaker),
        (plain().usage(0x06), Purpose::DocumentSigning),
        (leaf(), Purpose::Encryption),
        (leaf(), Purpose::CertificateSigning),
        (Template::new(3).basic(true, None).usage(0x02), Purpose::CertificateSigning),
        (leaf(), Purpose::CrlSigning),
        (leaf(), Purpose::TimeStamping),
        (leaf().purposes(false, &[stamping]), Purpose::TimeStamping),
        (leaf().purposes(true, &[stamping, server]), Purpose::TimeStamping),
        (leaf().purposes(true, &["2.5.29.37.0"]), Purpose::TimeStamping),
        (plain().usage(0x20).purposes(true, &[stamping]), Purpose::TimeStamping),
        (leaf(), Purpose::OcspSigning),
        (leaf().purposes(false, &["2.5.29.37.0"]), Purpose::OcspSigning),
        (leaf().purposes(false, &[stamping]), Purpose::TlsServer),
        (leaf().purposes(false, &[server]), Purpose::TlsClient),
        (leaf(), Purpose::CodeSigning),
        (leaf().purposes(true, &[stamping]), Purpose::DocumentSigning),
    ];
    for (template, purpose) in wrong {
        assert_eq!(judge(template.clone(), *purpose), [Code::WrongUsage], "{purpose}");
    }
}

/// nameConstraints with one subtree; tag 0xa0 permits, 0xa1 excludes.
fn confined(tag: u8, base: &[u8]) -> Template {
    ca().with("2.5.29.30", true, &seq(&[&tlv(tag, &[&seq(&[base])])]))
}

#[test]
fn name_constraints() {
    let directory = |cn: &str| tlv(0xa4, &[&name(cn)]);
    let dns = |text: &str| tlv(0x82, &[text.as_bytes()]);
    let leaf_named = |names: &[Vec<u8>]| leaf().with("2.5.29.17", false, &seq(&[&names.concat()]));
    let judge = |ca: Template, leaf: Template| changed(root(), ca, leaf);
    let wrong = [Code::NameConstraint];
    assert_eq!(judge(confined(0xa0, &directory("signer")), leaf()), []);
    assert_eq!(judge(confined(0xa0, &directory("other")), leaf()), wrong);
    assert_eq!(judge(confined(0xa1, &directory("signer")), leaf()), wrong);
    assert_eq!(judge(confined(0xa1, &directory("other")), leaf()), []);
    assert_eq!(judge(confined(0xa0, &dns("example.com")), leaf_named(&[dns("a.example.com")])), []);
    assert_eq!(judge(confined(0xa0, &dns("example.com")), leaf_named(&[dns("a.example.org")])), wrong);
    assert_eq!(judge(confined(0xa1, &dns("a.example.com")), leaf_named(&[dns("*.example.com")])), wrong);
    assert_eq!(judge(confined(0xa0, &dns("example.com")), leaf()), [], "no name of the kind");
    let mail = |text: &str| tlv(0x81, &[text.as_bytes()]);
    assert_eq!(judge(confined(0xa0, &mail("example.com")), leaf_named(&[mail("a@example.com")])), []);
    assert_eq!(judge(confined(0xa0, &mail("example.com")), leaf_named(&[mail("a@example.org")])), wrong);
    // Of a kind that is not compared.
    let uri = |text: &str| tlv(0x86, &[text.as_bytes()]);
    let open = [Code::UnsupportedConstraint];
    assert_eq!(judge(confined(0xa0, &uri("example.com")), leaf_named(&[uri("http://example.com")])), open);
    assert_eq!(judge(confined(0xa0, &uri("example.com")), leaf()), []);
    let bounded = [dns("example.com"), vec![0x80, 1, 1]].concat();
    assert_eq!(judge(confined(0xa0, &bounded), leaf_named(&[dns("example.com")])), open);
    // Names that cannot be read are in no subtree.
    let unreadable = leaf().with("2.5.29.17", false, &[5, 0]);
    assert_eq!(judge(confined(0xa0, &dns("example.com")), unreadable), wrong);
    // Constraints of the root hold for the CA.
    let root = Template::ca(1).with("2.5.29.30", true, &seq(&[&tlv(0xa1, &[&seq(&[&directory("CA")])])]));
    assert_eq!(changed(root, ca(), leaf()), wrong);
}

/// What would be judged so is not issued.
#[test]
fn name_constraints_of_the_issuer() {
    let chain = Chain::new();
    let directory = |cn: &str| tlv(0xa4, &[&name(cn)]);
    let dns = |text: &str| tlv(0x82, &[text.as_bytes()]);
    let of = |cn: &str| Subject::new(Name::from_der(&name(cn)).unwrap());
    let host = |text: &str| of("signer").with_alt_name(GeneralName::Dns(text.into()));
    let profile = Profile::new(ProfileKind::Personal);
    let serial = SerialNumber::from_bytes(&[1; 16]).unwrap();
    let validity = leaf().issue(&chain.leaf, &chain.ca).validity();
    let issue = |ca: Template, subject: &Subject| {
        let issuer = Issuer::new(ca.issue(&chain.ca, &chain.root)).unwrap();
        let key = *chain.leaf.key.public_key();
        issuer.issue(&Order::new(&profile, subject, key, serial.clone(), validity)).map(drop)
    };
    let wrong = Err(Error::Unusable("a name that the CA may not vouch for: nameConstraints"));
    for (ca, subject, expected) in [
        (ca(), of("signer"), Ok(())),
        (confined(0xa0, &directory("signer")), of("signer"), Ok(())),
        (confined(0xa0, &directory("other")), of("signer"), wrong),
        (confined(0xa1, &directory("signer")), of("signer"), wrong),
        (confined(0xa1, &directory("other")), of("signer"), Ok(())),
        (confined(0xa0, &dns("example.com")), host("a.example.com"), Ok(())),
        (confined(0xa0, &dns("example.com")), host("a.example.org"), wrong),
        (confined(0xa0, &dns("example.com")), of("signer"), Ok(())),
        (confined(0xa0, &[dns("example.com"), vec![0x80, 1, 1]].concat()), host("example.com"), wrong),
    ] {
        assert_eq!(issue(ca, &subject), expected, "{subject:?}");
    }
}

#[test]
fn policies() {
    let policies = |template: Template, ids: &[&str]| {
        let ids: Vec<u8> = ids.iter().flat_map(|id| seq(&[&oid(id)])).collect();
        template.with("2.5.29.32", false, &seq(&[&ids]))
    };
    let require = |template: Template| template.with("2.5.29.36", true, &seq(&[&[0x80, 1, 0]]));
    let (a, b, any) = ("1.2.3.1", "1.2.3.2", "2.5.29.32.0");
    let found = |ca: Template, leaf: Template| {
        let policies = Chain::new().judge(root(), ca, leaf, now()).policies;
        policies.map(|ids| ids.iter().map(ToString::to_string).collect::<Vec<_>>())
    };
    assert_eq!(found(policies(ca(), &[a, b]), policies(leaf(), &[b])), Some(vec![b.to_owned()]));
    assert_eq!(found(policies(ca(), &[any]), policies(leaf(), &[b])), Some(vec![b.to_owned()]));
    assert_eq!(found(policies(ca(), &[any]), policies(leaf(), &[any])), None);
    assert_eq!(found(policies(ca(), &[a]), policies(leaf(), &[b])), Some(vec![]));
    assert_eq!(changed(root(), policies(ca(), &[a]), policies(leaf(), &[b])), [], "nobody requires one");
    assert_eq!(changed(root(), require(policies(ca(), &[a])), policies(leaf(), &[a])), []);
    assert_eq!(changed(root(), require(policies(ca(), &[a])), policies(leaf(), &[b])), [Code::PolicyMissing]);
    assert_eq!(changed(root(), require(policies(ca(), &[a])), leaf()), [Code::PolicyMissing]);
    let inhibit = policies(ca(), &[a]).with("2.5.29.54", true, &[2, 1, 0]);
    assert_eq!(changed(root(), require(inhibit), policies(leaf(), &[any])), [Code::PolicyMissing]);
    let mapped = require(policies(ca(), &[a])).with("2.5.29.33", false, &seq(&[&seq(&[&oid(a), &oid(b)])]));
    assert_eq!(changed(root(), mapped, policies(leaf(), &[b])), [Code::UnsupportedConstraint]);
}

#[test]
fn a_trust_anchor_is_judged_too() {
    let chain = Chain::new();
    let root = root().issue(&chain.root, &chain.root);
    let forged = Template::ca(1).issue(&chain.root, &chain.ca.again("Root"));
    let judge = |certificate: &Certificate| {
        let validator = Validator::new().with_anchor(certificate.clone());
        codes(&validator.validate(certificate, &[], now()))
    };
    assert_eq!(judge(&root), []);
    assert_eq!(judge(&forged), [Code::BadSignature]);
    assert_eq!(
        judge(
            &Template::ca(1)
                .valid("2025-01-01T00:00:00Z", "2025-01-02T00:00:00Z")
                .issue(&chain.root, &chain.root)
        ),
        [Code::Expired]
    );
}

/// More than a piece of the batch engine, with every kind of outcome; the keys get prepared on the way.
#[test]
fn many_at_once_are_judged_as_one_by_one() {
    let chain = Chain::new();
    let namesake = Party::new("CA");
    let validator = || {
        Validator::new()
            .with_anchor(root().issue(&chain.root, &chain.root))
            .with_intermediate(ca().issue(&chain.ca, &chain.root))
            .with_intermediate(ca().issue(&namesake, &chain.root))
    };
    let kinds = [
        leaf().issue(&chain.leaf, &chain.ca),
        leaf().issue(&chain.leaf, &namesake),
        leaf().issue(&chain.leaf, &Party::new("CA")),
        leaf().issue(&chain.leaf, &Party::new("Nobody")),
        Template { algorithm: "1.2.840.10045.4.1".into(), ..leaf() }.issue(&chain.leaf, &chain.ca),
        leaf().valid("2025-01-01T00:00:00Z", "2025-02-01T00:00:00Z").issue(&chain.leaf, &chain.ca),
    ];
    let certificates: Vec<Certificate> = kinds.iter().cycle().take(300).cloned().collect();
    let expected: Vec<Vec<Code>> = vec![
        vec![],
        vec![],
        vec![Code::BadSignature],
        vec![Code::UnknownIssuer],
        vec![Code::UnsupportedAlgorithm],
        vec![Code::Expired],
    ];
    let validator = validator();
    for _ in 0..2 {
        let reports = validator.validate_many(&certificates, now());
        assert_eq!(reports.len(), 300);
        for (report, expected) in reports.iter().zip(expected.iter().cycle()) {
            assert_eq!(&codes(report), expected);
        }
        for (certificate, expected) in kinds.iter().zip(&expected) {
            assert_eq!(&codes(&validator.validate(certificate, &[], now())), expected);
        }
    }
}
