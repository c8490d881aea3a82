//! Signed messages put together by hand: what our own writer would never write.

use envelope::cms::{Dialect, Quirk, Rule};
use envelope::error::{InvalidMessage, InvalidSignature};
use envelope::simple::{self, Placement};
use envelope::{Certificate, Error};
use proptest::prelude::*;
use sm_primitives::sm2::{DistId, Signature};

use crate::signed::{CONTENT, STRICT, certificate, one, rule_of, sign_with, signed, verdict, verify};
use crate::support::{CertificateParts, indefinite, long_tlv, name, oid, public_key, tlv};

/// A signed message in parts, each a whole element.
pub(crate) struct Parts {
    pub(crate) outer_type: Vec<u8>,
    pub(crate) version: Vec<u8>,
    pub(crate) digest_algorithms: Vec<u8>,
    pub(crate) content_info: Vec<u8>,
    pub(crate) certificates: Vec<u8>,
    pub(crate) crls: Vec<u8>,
    pub(crate) signers: Vec<u8>,
    pub(crate) wrap: fn(u8, &[&[u8]]) -> Vec<u8>,
}

impl Parts {
    /// Takes a DER message apart.
    pub(crate) fn of(message: &[u8]) -> Self {
        let outer = elements(body(message));
        let fields = elements(body(body(&outer[1])));
        let [version, digest_algorithms, content_info, certificates, signers] = &fields[..] else {
            panic!("five fields")
        };
        Self {
            outer_type: outer[0].clone(),
            version: version.clone(),
            digest_algorithms: digest_algorithms.clone(),
            content_info: content_info.clone(),
            certificates: certificates.clone(),
            crls: Vec::new(),
            signers: signers.clone(),
            wrap: tlv,
        }
    }

    pub(crate) fn new() -> Self {
        Self::of(&signed(&["alice"], Dialect::Standard, Placement::Attached, CONTENT))
    }

    pub(crate) fn build(&self) -> Vec<u8> {
        let signed = (self.wrap)(
            0x30,
            &[
                &self.version,
                &self.digest_algorithms,
                &self.content_info,
                &self.certificates,
                &self.crls,
                &self.signers,
            ],
        );
        (self.wrap)(0x30, &[&self.outer_type, &(self.wrap)(0xa0, &[&signed])])
    }
}

/// The body of a DER element.
fn body(element: &[u8]) -> &[u8] {
    match element[1] {
        len @ 0..0x80 => &element[2..2 + usize::from(len)],
        octets => &element[2 + usize::from(octets & 0x7f)..],
    }
}

/// The DER elements in a body.
fn elements(mut bytes: &[u8]) -> Vec<Vec<u8>> {
    let mut out = Vec::new();
    while !bytes.is_empty() {
        let head = if bytes[1] < 0x80 { 2 } else { 2 + usize::from(bytes[1] & 0x7f) };
        let len = match bytes[1] {
            len @ 0..0x80 => usize::from(len),
            _ => bytes[2..head].iter().fold(0, |len, octet| len << 8 | usize::from(*octet)),
        };
        let (element, rest) = bytes.split_at(head + len);
        out.push(element.to_vec());
        bytes = rest;
    }
    out
}

/// A SignerInfo of alice in parts.
pub(crate) struct Info {
    pub(crate) version: Vec<u8>,
    pub(crate) id: Vec<u8>,
    pub(crate) digest: Vec<u8>,
    pub(crate) attributes: Vec<Vec<u8>>,
    /// Whether the attributes are there at all.
    pub(crate) attributed: bool,
    pub(crate) algorithm: Vec<u8>,
    pub(crate) unsigned: Vec<u8>,
    /// What is done to the signature.
    pub(crate) encode: fn(&Signature) -> Vec<u8>,
}

pub(crate) fn algorithm(dotted: &str) -> Vec<u8> {
    tlv(0x30, &[&oid(dotted)])
}

pub(crate) fn attribute(dotted: &str, values: &[&[u8]]) -> Vec<u8> {
    tlv(0x30, &[&oid(dotted), &tlv(0x31, values)])
}

const DATA: &str = "1.2.156.10197.6.1.4.2.1";
const SM3: &str = "1.2.156.10197.1.401";

fn content_type(dotted: &str) -> Vec<u8> {
    attribute("1.2.840.113549.1.9.3", &[&oid(dotted)])
}

fn message_digest(content: &[u8]) -> Vec<u8> {
    attribute("1.2.840.113549.1.9.4", &[&tlv(0x04, &[&sm_primitives::sm3::digest(content)])])
}

impl Info {
    pub(crate) fn new() -> Self {
        let serial = [&[1][..], b"alice"].concat();
        Self {
            version: vec![2, 1, 1],
            id: tlv(0x30, &[&name("Test CA"), &tlv(0x02, &[&serial])]),
            digest: algorithm(SM3),
            attributes: vec![content_type(DATA), message_digest(CONTENT)],
            attributed: true,
            algorithm: algorithm("1.2.156.10197.1.301.1"),
            unsigned: Vec::new(),
            encode: Signature::to_der,
        }
    }

    /// Signed over the attributes as they stand, or over the content.
    pub(crate) fn build(&self) -> Vec<u8> {
        let attributes: Vec<&[u8]> = self.attributes.iter().map(Vec::as_slice).collect();
        let set = tlv(0x31, &attributes);
        let covered = if self.attributed { &set[..] } else { CONTENT };
        self.build_over(covered)
    }

    pub(crate) fn build_over(&self, covered: &[u8]) -> Vec<u8> {
        let attributes: Vec<&[u8]> = self.attributes.iter().map(Vec::as_slice).collect();
        let e = DistId::default().digest(&public_key("alice"), covered);
        let implicit = if self.attributed { tlv(0xa0, &attributes) } else { Vec::new() };
        let signature = tlv(0x04, &[&(self.encode)(&sign_with("alice", &e))]);
        tlv(
            0x30,
            &[&self.version, &self.id, &self.digest, &implicit, &self.algorithm, &signature, &self.unsigned],
        )
    }

    fn in_message(info: &[u8]) -> Vec<u8> {
        Parts { signers: tlv(0x31, &[info]), ..Parts::new() }.build()
    }

    pub(crate) fn verdict(change: impl FnOnce(&mut Self)) -> (Result<Rule, InvalidSignature>, Vec<Quirk>) {
        let mut info = Self::new();
        change(&mut info);
        let verified = verify(STRICT, &Self::in_message(&info.build()), None);
        (one(&verified), verified.signatures.quirks().iter().collect())
    }

    fn defect(change: impl FnOnce(&mut Self)) -> Option<Error> {
        let mut info = Self::new();
        change(&mut info);
        simple::verify(STRICT, &Self::in_message(&info.build()), None, &[]).err()
    }
}

#[test]
fn the_hand_made_signer_is_good() {
    assert_eq!(Info::verdict(|_| {}), (Ok(Rule::Attributes), vec![]));
    assert_eq!(Info::verdict(|info| info.attributed = false), (Ok(Rule::Content), vec![]));
}

#[test]
fn attributes_must_be_about_the_content() {
    let wrong = |attributes: Vec<Vec<u8>>| Info::verdict(|info| info.attributes = attributes).0;
    let (kind, digest) = (content_type(DATA), message_digest(CONTENT));
    for attributes in [
        vec![],
        vec![kind.clone()],
        vec![digest.clone()],
        vec![kind.clone(), kind.clone(), digest.clone()],
        vec![kind.clone(), digest.clone(), digest.clone()],
        vec![attribute("1.2.840.113549.1.9.3", &[]), digest.clone()],
        vec![attribute("1.2.840.113549.1.9.3", &[&oid(DATA), &oid(DATA)]), digest.clone()],
        vec![attribute("1.2.840.113549.1.9.3", &[&[5, 0]]), digest.clone()],
        vec![kind.clone(), attribute("1.2.840.113549.1.9.4", &[])],
    ] {
        assert_eq!(wrong(attributes.clone()), Err(InvalidSignature::Attributes), "{attributes:02x?}");
    }
    for dotted in ["1.2.840.113549.1.7.1", "1.2.156.10197.6.1.4.2.2", "2.5.4.3"] {
        let result = wrong(vec![content_type(dotted), digest.clone()]);
        assert_eq!(result, Err(InvalidSignature::ContentType));
    }
    let other = message_digest(b"another content");
    assert_eq!(wrong(vec![kind.clone(), other]), Err(InvalidSignature::ContentChanged));
    let short = attribute("1.2.840.113549.1.9.4", &[&tlv(0x04, &[&[1; 31]])]);
    assert_eq!(wrong(vec![kind, short]), Err(InvalidSignature::ContentChanged));
}

/// The same bytes as the attributes, signed as if they were a content, are no signature of attributes, and the other way.
#[test]
fn a_signature_of_something_else() {
    let info = Info::new();
    for covered in [CONTENT, b"", &tlv(0xa0, &[&content_type(DATA), &message_digest(CONTENT)])] {
        assert_eq!(verdict(&Info::in_message(&info.build_over(covered))), Err(InvalidSignature::Wrong));
    }
    let direct = Info { attributed: false, ..Info::new() };
    let set = tlv(0x31, &[&content_type(DATA), &message_digest(CONTENT)]);
    for covered in [&set[..], b"", &CONTENT[1..]] {
        assert_eq!(verdict(&Info::in_message(&direct.build_over(covered))), Err(InvalidSignature::Wrong));
    }
}

#[test]
fn attributes_in_another_order() {
    let (kind, digest) = (content_type(DATA), message_digest(CONTENT));
    assert!(kind < digest);
    let unsorted = |covered: &[u8]| {
        let info = Info { attributes: vec![digest.clone(), kind.clone()], ..Info::new() };
        let verified = verify(STRICT, &Info::in_message(&info.build_over(covered)), None);
        (one(&verified), verified.signatures.quirks().iter().collect::<Vec<_>>())
    };
    let expected = (Ok(Rule::Attributes), vec![Quirk::UnsortedAttributes]);
    assert_eq!(unsorted(&tlv(0x31, &[&digest, &kind])), expected, "signed as they stand");
    assert_eq!(unsorted(&tlv(0x31, &[&kind, &digest])), expected, "signed in the order of DER");
    assert_eq!(unsorted(CONTENT).0, Err(InvalidSignature::Wrong));
}

#[test]
fn algorithms_under_other_names() {
    for dotted in ["1.2.156.10197.1.501", "1.2.156.10197.1.301"] {
        let verdict = Info::verdict(|info| info.algorithm = algorithm(dotted));
        assert_eq!(verdict, (Ok(Rule::Attributes), vec![Quirk::SignatureOid]), "{dotted}");
    }
    let verdict = Info::verdict(|info| info.digest = algorithm("1.2.156.10197.1.401.1"));
    assert_eq!(verdict, (Ok(Rule::Attributes), vec![Quirk::SignatureOid]));
    let null = |dotted| tlv(0x30, &[&oid(dotted), &[5, 0]]);
    let verdict = Info::verdict(|info| info.digest = null(SM3));
    assert_eq!(verdict, (Ok(Rule::Attributes), vec![Quirk::NullParameters]));
    let verdict = Info::verdict(|info| info.algorithm = null("1.2.156.10197.1.301.1"));
    assert_eq!(verdict, (Ok(Rule::Attributes), vec![Quirk::NullParameters]));
}

#[test]
fn unsupported_algorithms() {
    let unsupported = Err(InvalidSignature::UnsupportedAlgorithm);
    for dotted in ["2.16.840.1.101.3.4.2.1", "1.2.156.10197.1.401.2"] {
        assert_eq!(Info::verdict(|info| info.digest = algorithm(dotted)).0, unsupported, "{dotted}");
    }
    for dotted in ["1.2.840.10045.4.1", "1.2.840.10045.4.3.2", "1.2.156.10197.1.301.3", "1.2.156.10197.1.502"]
    {
        assert_eq!(Info::verdict(|info| info.algorithm = algorithm(dotted)).0, unsupported, "{dotted}");
    }
    let parameters = |info: &mut Info| info.algorithm = tlv(0x30, &[&oid("1.2.156.10197.1.301.1"), &[4, 0]]);
    assert_eq!(Info::verdict(parameters).0, unsupported);
}

#[test]
fn encodings_of_the_signature() {
    let raw = Info::verdict(|info| info.encode = |signature| signature.to_bytes().to_vec());
    assert_eq!(raw, (Ok(Rule::Attributes), vec![Quirk::RawSignature]));
    let broken: [fn(&Signature) -> Vec<u8>; 5] = [
        |_| vec![],
        |_| vec![0; 64],
        |signature| signature.to_bytes()[1..].to_vec(),
        |signature| [&signature.to_der()[..], &[0]].concat(),
        |signature| long_tlv(0x30, &[&signature.to_der()[2..]]),
    ];
    for encode in broken {
        assert_eq!(Info::verdict(|info| info.encode = encode).0, Err(InvalidSignature::Encoding));
    }
    let negated: fn(&Signature) -> Vec<u8> = |signature| {
        let mut bytes = signature.to_bytes();
        bytes[63] ^= 1;
        bytes.to_vec()
    };
    assert_eq!(Info::verdict(|info| info.encode = negated).0, Err(InvalidSignature::Wrong));
}

#[test]
fn signers_by_key_id() {
    let id = envelope::SubjectKeyId::of(&public_key("alice"));
    let by_key = |version| {
        Info::verdict(|info| {
            info.id = tlv(0x80, &[id.as_bytes()]);
            info.version = vec![2, 1, version];
        })
    };
    assert_eq!(by_key(3), (Ok(Rule::Attributes), vec![]));
    assert_eq!(by_key(1), (Ok(Rule::Attributes), vec![Quirk::Version]));
    let nobody = Info::verdict(|info| info.id = tlv(0x80, &[b"nobody"]));
    assert_eq!(nobody.0, Err(InvalidSignature::NoCertificate));
    let other = Info::verdict(|info| info.id = tlv(0x30, &[&name("Test CA"), &[2, 1, 9]]));
    assert_eq!(other.0, Err(InvalidSignature::NoCertificate));
}

/// The signer's name on another key: the caller's certificate counts before that of the message.
#[test]
fn a_certificate_with_a_stolen_name() {
    let serial = [&[1][..], b"alice"].concat();
    let mallory = public_key("mallory");
    let forged = CertificateParts { serial: &serial, ..CertificateParts::new(&mallory) }.build();
    let certificates = tlv(0xa0, &[&forged, &certificate("alice")]);
    let signers = tlv(0x31, &[&Info::new().build()]);
    let message = Parts { certificates, signers, ..Parts::new() }.build();
    assert_eq!(verdict(&message), Err(InvalidSignature::Wrong));
    let alice = Certificate::parse(&certificate("alice")).unwrap();
    let verified = simple::verify(STRICT, &message, None, &[alice]).unwrap();
    assert_eq!(one(&verified), Ok(Rule::Attributes));
    assert_eq!(verified.verdicts[0].certificate.as_ref().unwrap().public_key(), &public_key("alice"));
}

#[test]
fn broken_signers() {
    let malformed = Some(Error::from(InvalidMessage::Malformed));
    let broken: [fn(&mut Info); 7] = [
        |info| info.id = vec![],
        |info| info.id = tlv(0x30, &[&name("Test CA")]),
        |info| info.digest = vec![5, 0],
        |info| info.algorithm = vec![],
        |info| info.attributes = vec![vec![5, 0]],
        |info| info.attributes = vec![tlv(0x30, &[&oid(DATA)])],
        |info| info.unsigned = vec![5, 0],
    ];
    for change in broken {
        assert_eq!(Info::defect(change), malformed);
    }
    for version in [4, 255] {
        let defect = Info::defect(|info| info.version = vec![2, 1, version]);
        assert_eq!(defect, Some(InvalidMessage::Version.into()));
    }
    let unsigned = Info::verdict(|info| info.unsigned = tlv(0xa1, &[&content_type(DATA)]));
    assert_eq!(unsigned, (Ok(Rule::Attributes), vec![]));
}

// ---- structure

fn defect(change: impl FnOnce(&mut Parts)) -> Option<Error> {
    let mut parts = Parts::new();
    change(&mut parts);
    let message = parts.build();
    envelope::fuzzing::signed(&message);
    simple::verify(STRICT, &message, None, &[]).err()
}

#[test]
fn truncated_or_too_long() {
    for wrap in [tlv, indefinite] {
        let message = Parts { wrap, ..Parts::new() }.build();
        assert_eq!(verdict(&message), Ok(Rule::Attributes));
        for end in 0..message.len() {
            let cut = simple::verify(STRICT, &message[..end], None, &[]);
            assert_eq!(cut.err(), Some(InvalidMessage::Truncated.into()), "cut at {end}");
        }
        for extra in [&[0][..], &[0, 0], b"\n"] {
            let long = simple::verify(STRICT, &[&message[..], extra].concat(), None, &[]);
            assert_eq!(long.err(), Some(InvalidMessage::TrailingData.into()));
        }
    }
}

#[test]
fn elements_missing_doubled_or_out_of_place() {
    let malformed: [fn(&mut Parts); 13] = [
        |p| p.version = vec![],
        |p| p.version = [p.version.clone(), p.version.clone()].concat(),
        |p| p.digest_algorithms = vec![],
        |p| p.digest_algorithms = tlv(0x31, &[&[5, 0]]),
        |p| p.content_info = vec![],
        |p| p.content_info = tlv(0x30, &[]),
        |p| p.content_info = tlv(0x30, &[&oid(DATA), &tlv(0xa0, &[])]),
        |p| p.content_info = tlv(0x30, &[&oid(DATA), &tlv(0xa0, &[&[5, 0]])]),
        |p| p.content_info = tlv(0x30, &[&oid(DATA), &tlv(0xa0, &[&[4, 0], &[4, 0]])]),
        |p| p.certificates = [p.certificates.clone(), p.certificates.clone()].concat(),
        |p| p.signers = vec![],
        |p| p.signers = tlv(0x31, &[&[5, 0]]),
        |p| p.signers = [p.signers.clone(), p.signers.clone()].concat(),
    ];
    for change in malformed {
        assert_eq!(defect(change), Some(InvalidMessage::Malformed.into()));
    }
    let swapped = defect(|p| (p.certificates, p.crls) = (tlv(0xa1, &[]), p.certificates.clone()));
    assert_eq!(swapped, Some(InvalidMessage::Malformed.into()));
    assert_eq!(defect(|p| p.version = vec![2, 1, 6]), Some(InvalidMessage::Version.into()));
    let enveloped = defect(|p| p.outer_type = oid("1.2.156.10197.6.1.4.2.3"));
    assert_eq!(enveloped, Some(InvalidMessage::Malformed.into()));
    let sealed = crate::support::Parts::new().build();
    assert_eq!(simple::verify(STRICT, &sealed, None, &[]).err(), Some(InvalidMessage::NotSignedData.into()));
}

#[test]
fn limits() {
    let one = certificate("alice");
    let certificates = |count| {
        let list = vec![&one[..]; count];
        defect(|p| p.certificates = tlv(0xa0, &list))
    };
    assert_eq!(certificates(256), None);
    assert_eq!(certificates(257), Some(InvalidMessage::TooManyCertificates.into()));
    let lists = |count| defect(|p| p.crls = tlv(0xa1, &vec![&[0x30, 0][..]; count]));
    assert_eq!(lists(256), None);
    assert_eq!(lists(257), Some(InvalidMessage::TooManyCrls.into()));
    let info = Info::new().build();
    let signers = |count| {
        let list = vec![&info[..]; count];
        defect(|p| p.signers = tlv(0x31, &list))
    };
    assert_eq!(signers(32), None);
    assert_eq!(signers(33), Some(InvalidMessage::TooManySigners.into()));
    let crl = |len| defect(|p| p.crls = tlv(0xa1, &[&tlv(0x30, &[&vec![0; len]])]));
    assert_eq!(crl(1 << 19), None);
    assert_eq!(crl(1 << 20), Some(InvalidMessage::TrailerTooLarge.into()));
    let too_large = defect(|p| p.digest_algorithms = tlv(0x31, &[&vec![0; 1 << 20]]));
    assert_eq!(too_large, Some(InvalidMessage::HeaderTooLarge.into()));
}

#[test]
fn quirks_of_the_structure() {
    let quirks = |change: fn(&mut Parts)| {
        let mut parts = Parts::new();
        change(&mut parts);
        let verified = verify(STRICT, &parts.build(), None);
        assert_eq!(one(&verified), Ok(Rule::Attributes));
        assert_eq!(verified.content.as_deref(), Some(CONTENT));
        verified.signatures.quirks().iter().collect::<Vec<_>>()
    };
    let outer: fn(&mut Parts) = |p| p.outer_type = oid("1.2.840.113549.1.7.2");
    assert_eq!(quirks(outer), [Quirk::RfcContentType]);
    assert_eq!(quirks(|p| p.version = vec![2, 1, 3]), [Quirk::Version]);
    assert_eq!(quirks(|p| p.wrap = indefinite), [Quirk::IndefiniteLength]);
    assert_eq!(quirks(|p| p.wrap = long_tlv), [Quirk::NonMinimalLength]);
    let foreign: fn(&mut Parts) =
        |p| p.certificates = tlv(0xa0, &[&tlv(0xa1, &[&[5, 0]]), &certificate("alice")]);
    assert_eq!(quirks(foreign), [Quirk::ForeignCertificate]);
    let segments: fn(&mut Parts) = |p| {
        let (a, b) = CONTENT.split_at(7);
        let string = indefinite(0x24, &[&tlv(0x04, &[a]), &indefinite(0x24, &[&tlv(0x04, &[b])])]);
        p.content_info = indefinite(0x30, &[&oid(DATA), &indefinite(0xa0, &[&string])]);
        p.certificates = indefinite(0xa0, &[&certificate("alice")]);
        p.wrap = indefinite;
    };
    assert_eq!(quirks(segments), [Quirk::IndefiniteLength, Quirk::SegmentedContent]);
    assert_eq!(quirks(|p| p.crls = tlv(0xa1, &[&[0x30, 0]])), []);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn what_is_signed_verifies_and_nothing_else(
        content in prop::collection::vec(any::<u8>(), 0..300),
        cfca: bool,
        position in any::<prop::sample::Index>(),
        bit in 0_u8..8,
    ) {
        let dialect = if cfca { Dialect::Cfca } else { Dialect::Standard };
        let message = signed(&["alice"], dialect, Placement::Attached, &content);
        prop_assert_eq!(verdict(&message), Ok(rule_of(dialect)));
        // A changed bit is an error, a signature that does not hold, or in a part that no signature covers.
        let mut changed = message.clone();
        changed[position.index(message.len())] ^= 1 << bit;
        if let Ok(verified) = simple::verify(STRICT, &changed, None, &[]) {
            for verdict in &verified.verdicts {
                if verdict.result.is_ok() {
                    prop_assert_eq!(verified.content.as_ref(), Some(&content));
                    prop_assert_eq!(verdict.certificate.as_ref().unwrap().public_key(), &public_key("alice"));
                }
            }
        }
    }
}
