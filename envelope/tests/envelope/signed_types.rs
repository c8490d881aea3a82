//! Signed contents of other types than data, and messages without certificates.

use envelope::Certificate;
use envelope::cms::{Cipher, Dialect, Quirk, Rule, Sealer, SignedContent, SignedWriter, Signing};
use envelope::error::ApiMisuse;
use envelope::simple;

use crate::signed::{CONTENT, STRICT, certificate, one, sign_with, signer};
use crate::support::{TestRng, oid};

/// id-ct-TSTInfo.
const STAMP: &str = "1.2.840.113549.1.9.16.1.4";

fn content(dialect: Dialect, with_certificate: bool) -> SignedContent {
    let signing = Signing::start(vec![signer("alice")], dialect, CONTENT.len() as u64).unwrap();
    let signing = signing.with_content_type(&oid(STAMP)[2..]).unwrap();
    let mut signing = if with_certificate { signing } else { signing.without_certificates() };
    signing.update(CONTENT).unwrap();
    let unsigned = signing.finish().unwrap();
    let signature = sign_with("alice", &unsigned.digests()[0]);
    unsigned.complete(&[signature]).unwrap()
}

fn attached(dialect: Dialect, with_certificate: bool) -> Vec<u8> {
    let mut message = Vec::new();
    let mut writer = SignedWriter::start(content(dialect, with_certificate), &mut message);
    writer.push(CONTENT, &mut message).unwrap();
    writer.finish(&mut message).unwrap();
    message
}

fn count(message: &[u8], part: &[u8]) -> usize {
    message.windows(part.len()).filter(|window| *window == part).count()
}

#[test]
fn the_type_is_signed() {
    for dialect in [Dialect::Standard, Dialect::Rfc] {
        for message in [attached(dialect, true), content(dialect, true).detached().unwrap()] {
            let detached = (count(&message, CONTENT) == 0).then_some(CONTENT);
            let verified = simple::verify(STRICT, &message, detached, &[]).unwrap();
            assert_eq!(one(&verified), Ok(Rule::Attributes));
            assert_eq!(verified.signatures.content_type(), None, "none of GM/T 0010");
            let quirks = verified.signatures.quirks();
            assert!(dialect == Dialect::Rfc || quirks.iter().eq([Quirk::ContentNotData]), "{quirks:?}");
            // Beside the content and in the attributes; another one in either place does not verify.
            assert_eq!(count(&message, &oid(STAMP)), 2);
            for at in (0..message.len()).filter(|at| message[*at..].starts_with(&oid(STAMP))) {
                let mut changed = message.clone();
                changed[at + oid(STAMP).len() - 1] = 5;
                let verified = simple::verify(STRICT, &changed, detached, &[]).unwrap();
                assert!(one(&verified).is_err());
            }
            // The version, before digestAlgorithms: 3 in RFC 5652 for all that is not data.
            let version = [2, 1, if dialect == Dialect::Rfc { 3 } else { 1 }, 0x31];
            assert_eq!(count(&message, &version), 1);
        }
    }
}

#[test]
fn certificates_may_be_elsewhere() {
    let message = attached(Dialect::Standard, false);
    let verified = simple::verify(STRICT, &message, None, &[]).unwrap();
    assert!(verified.signatures.certificates().is_empty() && one(&verified).is_err());
    let alice = Certificate::parse(&certificate("alice")).unwrap();
    assert_eq!(one(&simple::verify(STRICT, &message, None, &[alice]).unwrap()), Ok(Rule::Attributes));
    // The field is left out, not empty.
    assert_eq!(count(&message, &[0xa0, 0]), 0);
}

#[test]
fn types_that_nothing_signed_would_name() {
    for dialect in [Dialect::Cfca, Dialect::GmSsl] {
        let signing = Signing::start(vec![signer("alice")], dialect, 3).unwrap();
        assert_eq!(signing.with_content_type(&oid(STAMP)[2..]).err(), Some(ApiMisuse::Dialect.into()));
    }
    let signed = content(Dialect::Standard, true);
    let sealed = Sealer::start_signed(Cipher::Cbc, &[], &signed, &mut TestRng::new("rng"), &mut Vec::new());
    assert_eq!(sealed.err(), Some(ApiMisuse::Dialect.into()));
}
