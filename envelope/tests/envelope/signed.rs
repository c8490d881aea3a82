//! Signed messages of our own: every form, and every way in which one can be wrong.

use envelope::cms::{
    Compat, ContentHasher, ContentType, Dialect, PlainHeader, Quirk, Rule, SignedWriter, Signer, Signing,
    Switch, Time, certificates_only, data_header,
};
use envelope::error::{ApiMisuse, InvalidCertificate, InvalidMessage, InvalidSignature};
use envelope::simple::{self, Placement, Verified};
use envelope::{Certificate, Error};
use sm_primitives::sm2::{Signature, dsa};

use crate::signed_by_hand::Parts;
use crate::support::{CertificateParts, TestRng, key, oid, pem, public_key, tlv};

pub(crate) const CONTENT: &[u8] = b"the tender of the lowest bidder";
pub(crate) const STRICT: Compat = Compat::STRICT;

/// A certificate of the key `name`, with its own serial number.
pub(crate) fn certificate(name: &str) -> Vec<u8> {
    let (key, serial) = (public_key(name), [&[1][..], name.as_bytes()].concat());
    CertificateParts { serial: &serial, ..CertificateParts::new(&key) }.build()
}

pub(crate) fn signer(name: &str) -> Signer {
    Signer::new(&certificate(name)).unwrap()
}

pub(crate) fn sign_with(name: &str, e: &[u8; 32]) -> Signature {
    dsa::sign_digest(&key(name), e, &mut TestRng::new("signature")).unwrap()
}

pub(crate) fn signed(names: &[&str], dialect: Dialect, placement: Placement, content: &[u8]) -> Vec<u8> {
    let signers = names.iter().map(|name| signer(name)).collect();
    simple::sign::<Error>(signers, dialect, placement, content, |digests| {
        Ok(names.iter().zip(digests).map(|(name, e)| sign_with(name, e)).collect())
    })
    .unwrap()
}

pub(crate) fn verify(compat: Compat, message: &[u8], detached: Option<&[u8]>) -> Verified {
    simple::verify(compat, message, detached, &[]).unwrap()
}

/// The one verdict by the book.
pub(crate) fn verdict(message: &[u8]) -> Result<Rule, InvalidSignature> {
    one(&verify(STRICT, message, None))
}

pub(crate) fn one(verified: &Verified) -> Result<Rule, InvalidSignature> {
    let [verdict] = &verified.verdicts[..] else { panic!("one signer") };
    verdict.result
}

pub(crate) fn rule_of(dialect: Dialect) -> Rule {
    match dialect {
        Dialect::Cfca => Rule::Content,
        Dialect::GmSsl => Rule::NoZContentInfo,
        _ => Rule::Attributes,
    }
}

#[test]
fn every_dialect_in_every_form() {
    for dialect in Dialect::ALL {
        let compat = match dialect {
            Dialect::GmSsl => STRICT.with(Switch::NoZContentInfo),
            _ => STRICT,
        };
        for content in [CONTENT, b"", &[7; 70_000]] {
            let message = signed(&["alice"], dialect, Placement::Attached, content);
            let verified = verify(compat, &message, None);
            assert_eq!(one(&verified), Ok(rule_of(dialect)), "{dialect:?}");
            assert_eq!(verified.content.as_deref(), Some(content));
            assert_eq!(verified.signatures.certificates(), [certificate("alice")]);
            let quirks: Vec<Quirk> = verified.signatures.quirks().iter().collect();
            let expected: &[Quirk] = match dialect {
                Dialect::Cfca => &[Quirk::NullParameters],
                Dialect::GmSsl => &[Quirk::SignatureOid],
                Dialect::Rfc => &[Quirk::RfcContentType, Quirk::SignatureOid],
                _ => &[],
            };
            assert_eq!(quirks, expected, "{dialect:?}");
            // PEM, and BER around it.
            assert_eq!(one(&verify(compat, pem("PKCS7", &message).as_bytes(), None)), Ok(rule_of(dialect)));
            if dialect == Dialect::GmSsl {
                assert_eq!(verdict(&message), Err(InvalidSignature::Wrong), "only on request");
                continue;
            }
            let message = signed(&["alice"], dialect, Placement::Detached, content);
            let verified = verify(compat, &message, Some(content));
            assert_eq!((one(&verified), verified.content.as_deref()), (Ok(rule_of(dialect)), None));
            let other = verify(Switch::ALL.into_iter().collect(), &message, Some(b"something else"));
            let expected = match dialect {
                Dialect::Cfca => InvalidSignature::Wrong,
                _ => InvalidSignature::ContentChanged,
            };
            assert_eq!(one(&other), Err(expected));
        }
    }
}

#[test]
fn several_signers_each_with_its_own_verdict() {
    let names = ["alice", "bob", "carol"];
    for dialect in [Dialect::Standard, Dialect::Cfca] {
        let message = signed(&names, dialect, Placement::Attached, CONTENT);
        let verified = verify(STRICT, &message, None);
        assert_eq!(verified.verdicts.len(), 3);
        for verdict in &verified.verdicts {
            assert_eq!(verdict.result, Ok(rule_of(dialect)));
        }
        let mut keys: Vec<Vec<u8>> = names.iter().map(|name| certificate(name)).collect();
        keys.sort_unstable();
        assert_eq!(verified.signatures.certificates(), keys);
        // A certificate that the message lost comes from the caller.
        let mut parts = Parts::of(&message);
        parts.certificates = tlv(0xa0, &[&certificate("alice"), &certificate("bob")]);
        let message = parts.build();
        let carol = Certificate::parse(&certificate("carol")).unwrap();
        let missing = |others: &[Certificate]| {
            let verified = simple::verify(STRICT, &message, None, others).unwrap();
            verified
                .verdicts
                .iter()
                .filter(|verdict| verdict.result == Err(InvalidSignature::NoCertificate))
                .count()
        };
        assert_eq!(missing(&[]), 1);
        assert_eq!(missing(&[carol]), 0);
    }
}

#[test]
fn time_and_certificate_are_signed() {
    let time = Time::from_unix(1_800_000_000).unwrap();
    let message = simple::sign::<Error>(
        vec![signer("alice").at(time)],
        Dialect::Standard,
        Placement::Attached,
        CONTENT,
        |digests| Ok(vec![sign_with("alice", &digests[0])]),
    )
    .unwrap();
    let verified = verify(STRICT, &message, None);
    assert_eq!(one(&verified), Ok(Rule::Attributes));
    let attributes = verified.signatures.signers()[0].attributes().unwrap();
    assert_eq!(attributes.signing_time(), Some(time));
    let digest = sm_primitives::sm3::digest(&certificate("alice"));
    assert!(attributes.as_der().windows(32).any(|window| window == digest), "signingCertificateV2");
    for part in ["1.2.840.113549.1.9.3", "1.2.840.113549.1.9.4", "1.2.840.113549.1.9.5"] {
        let part = oid(part);
        assert!(attributes.as_der().windows(part.len()).any(|window| window == part));
    }
}

/// Two parties sign later and elsewhere; the message takes only what verifies.
#[test]
fn signatures_that_are_not_the_signers() {
    let start = |names: &[&str]| {
        let signers = names.iter().map(|name| signer(name)).collect();
        let mut signing = Signing::start(signers, Dialect::Standard, CONTENT.len() as u64).unwrap();
        signing.update(CONTENT).unwrap();
        signing.finish().unwrap()
    };
    let unsigned = start(&["alice", "bob"]);
    let good = [sign_with("alice", &unsigned.digests()[0]), sign_with("bob", &unsigned.digests()[1])];
    assert!(start(&["alice", "bob"]).complete(&good).is_ok());
    for (signatures, expected) in [
        (vec![good[1], good[0]], ApiMisuse::SignatureOfOtherKey),
        (vec![good[0], sign_with("alice", &unsigned.digests()[1])], ApiMisuse::SignatureOfOtherKey),
        (vec![good[0]], ApiMisuse::SignatureCount),
        (vec![good[0], good[1], good[0]], ApiMisuse::SignatureCount),
        (vec![], ApiMisuse::SignatureCount),
    ] {
        assert_eq!(start(&["alice", "bob"]).complete(&signatures).err(), Some(expected.into()));
    }
}

#[test]
fn misuse_of_the_writer() {
    let start = |count, len| Signing::start(vec![signer("alice"); count], Dialect::Standard, len).err();
    assert_eq!(start(0, 0), Some(ApiMisuse::SignatureCount.into()));
    assert_eq!(start(32, 0), None);
    assert_eq!(start(33, 0), Some(ApiMisuse::SignatureCount.into()));
    assert_eq!(start(1, (1 << 62) + 1), Some(ApiMisuse::PlaintextTooLong.into()));
    let mut signing = Signing::start(vec![signer("alice")], Dialect::Standard, 3).unwrap();
    assert_eq!(signing.update(b"four"), Err(ApiMisuse::PlaintextLength.into()));
    signing.update(b"tw").unwrap();
    assert_eq!(signing.finish().err(), Some(ApiMisuse::PlaintextLength.into()));

    // The content changed between the two passes.
    let complete = || {
        let mut signing = Signing::start(vec![signer("alice")], Dialect::Cfca, 3).unwrap();
        signing.update(b"two").unwrap();
        let unsigned = signing.finish().unwrap();
        let signature = sign_with("alice", &unsigned.digests()[0]);
        unsigned.complete(&[signature]).unwrap()
    };
    for content in [&b"twp"[..], b"tw", b"", b"twos"] {
        let mut out = Vec::new();
        let mut writer = SignedWriter::start(complete(), &mut out);
        let result = writer.push(content, &mut out).and_then(|()| writer.finish(&mut out));
        assert_eq!(result, Err(ApiMisuse::ContentChanged.into()));
    }

    let alice = public_key("alice");
    let for_encryption = CertificateParts {
        key_usage: Some(&[0x04, 0x30]), // keyEncipherment, dataEncipherment
        ..CertificateParts::new(&alice)
    };
    let refused = Signer::new(&for_encryption.build()).err();
    assert_eq!(refused, Some(InvalidCertificate::SigningKeyUsage.into()));
    for usage in [[0x06, 0xc0], [0x07, 0x80], [0x06, 0x40]] {
        let parts = CertificateParts { key_usage: Some(&usage), ..CertificateParts::new(&alice) };
        assert!(Signer::new(&parts.build()).is_ok());
    }
    let gmssl = simple::sign::<Error>(
        vec![signer("alice")],
        Dialect::GmSsl,
        Placement::Detached,
        CONTENT,
        |digests| Ok(vec![sign_with("alice", &digests[0])]),
    );
    assert_eq!(gmssl, Err(ApiMisuse::Dialect.into()));
}

#[test]
fn content_given_twice() {
    let message = signed(&["alice"], Dialect::Standard, Placement::Attached, CONTENT);
    let twice = simple::verify(STRICT, &message, Some(CONTENT), &[]);
    assert_eq!(twice.err(), Some(ApiMisuse::ContentTwice.into()));
}

/// One pass, where the signer is known in advance, and where it is not.
#[test]
fn keys_in_advance() {
    let message = signed(&["alice"], Dialect::Cfca, Placement::Attached, CONTENT);
    let read = |hasher: fn(ContentHasher) -> ContentHasher| {
        let (header, rest) = PlainHeader::from_bytes(&message).unwrap();
        assert_eq!((header.content_type(), header.content_len()), (ContentType::Signed, Some(31)));
        let mut hasher = hasher(header.hasher(STRICT));
        let mut reader = header.read_content();
        for piece in rest.chunks(5) {
            let mut content = Vec::new();
            reader.push(piece, &mut content).unwrap();
            hasher.update(&content);
        }
        let signatures = reader.finish().unwrap();
        signatures.verify(&signatures.signers()[0], &public_key("alice"), &hasher.finish())
    };
    assert_eq!(read(|hasher| hasher), Err(InvalidSignature::NotHashed));
    assert_eq!(read(|hasher| hasher.with_key(&public_key("bob"))), Err(InvalidSignature::NotHashed));
    let both = read(|hasher| hasher.with_key(&public_key("bob")).with_key(&public_key("alice")));
    assert_eq!(both, Ok(Rule::Content));
}

#[test]
fn certificates_alone() {
    let mut certificates = [certificate("alice"), certificate("bob")];
    certificates.sort_unstable(); // the order of DER
    let certificates: Vec<&[u8]> = certificates.iter().map(Vec::as_slice).collect();
    for dialect in [Dialect::Standard, Dialect::Rfc] {
        let message = certificates_only(&certificates, dialect).unwrap();
        let read = verify(STRICT, &message, None);
        assert!(read.verdicts.is_empty() && read.content.is_none());
        assert_eq!(read.signatures.certificates(), certificates);
    }
    let many = vec![certificates[0]; 257];
    assert!(certificates_only(&many[..256], Dialect::Standard).is_ok());
    assert_eq!(certificates_only(&many, Dialect::Standard).err(), Some(ApiMisuse::SignaturesTooLarge.into()));
    let long = vec![0; 1 << 20];
    assert_eq!(
        certificates_only(&[&long], Dialect::Standard).err(),
        Some(ApiMisuse::SignaturesTooLarge.into())
    );
}

#[test]
fn plain_data() {
    for dialect in [Dialect::Standard, Dialect::Rfc] {
        let message = [&data_header(dialect, CONTENT.len() as u64).unwrap()[..], CONTENT].concat();
        let (header, _) = PlainHeader::from_bytes(&message).unwrap();
        assert_eq!((header.content_type(), header.inner_type()), (ContentType::Data, None));
        assert_eq!(header.quirks().contains(Quirk::RfcContentType), dialect == Dialect::Rfc);
        let read = verify(STRICT, &message, None);
        assert_eq!((read.content.as_deref(), read.verdicts.len()), (Some(CONTENT), 0));
        for end in 0..message.len() {
            let cut = simple::verify(STRICT, &message[..end], None, &[]);
            assert_eq!(cut.err(), Some(InvalidMessage::Truncated.into()), "{end}");
        }
        let long = [&message[..], &[0]].concat();
        assert_eq!(simple::verify(STRICT, &long, None, &[]).err(), Some(InvalidMessage::TrailingData.into()));
    }
    let too_long = data_header(Dialect::Standard, (1 << 62) + 1).err();
    assert_eq!(too_long, Some(ApiMisuse::PlaintextTooLong.into()));
}
