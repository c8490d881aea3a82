//! Signed PDF documents of the samples, all of RSA: what is signed, by whom, and what the time stamps say. Whether a
//! signature covers its document is not looked at here.

use envelope::error::InvalidSignature;
use pki::cms::{Message, without_padding};
use pki::tsp::TimeStampToken;
use pki::validate::{Purpose, Revocation, Terms, Validator};
use pki::{Certificate, Error, Time};

use crate::support::sample;

/// The gap of each signature, decoded, and the two ranges around it. In the order of the document.
fn signatures(document: &[u8]) -> Vec<(Vec<u8>, Vec<u8>)> {
    let mut found = Vec::new();
    let starts = document.windows(10).enumerate().filter(|(_, window)| window == b"/ByteRange");
    for (start, _) in starts {
        let text = String::from_utf8_lossy(&document[start + 10..start + 80]).into_owned();
        let numbers = text.trim_start().trim_start_matches('[').split(']').next().unwrap();
        let numbers: Vec<usize> = numbers.split_whitespace().filter_map(|word| word.parse().ok()).collect();
        let [first, len, second, second_len] = numbers[..] else { continue };
        let gap = &document[first + len..second];
        let digits: String =
            gap.iter().map(|byte| char::from(*byte)).filter(char::is_ascii_hexdigit).collect();
        let content = [&document[first..first + len], &document[second..second + second_len]].concat();
        found.push((hex::decode(digits).unwrap(), content));
    }
    found
}

fn read(name: &str) -> Option<Vec<(Vec<u8>, Vec<u8>)>> {
    Some(signatures(&sample(&format!("pdf-signed/{name}.pdf"))?))
}

fn verify(message: &[u8], content: &[u8]) -> Result<Certificate, InvalidSignature> {
    let message = Message::detached(without_padding(message).unwrap()).unwrap();
    let [signer] = message.signers() else { panic!("one signer") };
    let mut digester = message.digester(&[]);
    content.chunks(1000).for_each(|piece| digester.update(piece));
    message.verify(signer, &[], &digester.finish())
}

#[test]
fn every_signature_holds_or_not() {
    for (name, signers) in [
        ("self_tender_1sig_adbe", &["投标人甲 signer-1"][..]),
        ("self_tender_2sig_pades_ts", &["投标人甲 signer-1", "招标代理 signer-2"]),
        ("pyhanko_certified-with-indirect-refs-in-dir", &["Lord Testerino"]),
        ("pyhanko_form-update-no-override-appearance-stream-ap-indirect", &["Alice", "Alice"]),
        ("pyhanko_pades-with-old-style-signing-cert-attr", &["Alice"]),
        ("pyhanko_sig-no-signed-attrs", &["Lord Testerino"]),
        ("pyhanko_sig-with-ski-sid", &["Alice"]),
    ] {
        let Some(signatures) = read(name) else { return };
        let found: Vec<String> = signatures
            .iter()
            .map(|(message, content)| match verify(message, content) {
                Ok(certificate) => certificate.subject().short().to_string(),
                Err(why) => why.to_string(),
            })
            .collect();
        assert_eq!(found, signers, "{name}");
        // One byte of the content, and one of the signature.
        for (message, content) in &signatures {
            let mut changed = content.clone();
            changed[100] ^= 1;
            let expected = match name {
                "pyhanko_sig-no-signed-attrs" => InvalidSignature::Wrong,
                _ => InvalidSignature::ContentChanged,
            };
            assert_eq!(verify(message, &changed), Err(expected), "{name}");
            let octets = Message::detached(without_padding(message).unwrap()).unwrap();
            let octets = octets.signers()[0].signature_octets();
            let at = message.windows(octets.len()).position(|window| window == octets).unwrap();
            let mut changed = message.clone();
            changed[at + 9] ^= 1;
            assert_eq!(verify(&changed, content), Err(InvalidSignature::Wrong), "{name}");
        }
    }
    let Some(tampered) = read("self_tender_1sig_TAMPERED") else { return };
    assert_eq!(verify(&tampered[0].0, &tampered[0].1), Err(InvalidSignature::ContentChanged));
}

#[test]
fn what_is_no_detached_message() {
    let Some(embedded) = read("pyhanko_pdf-sig-with-econtent") else { return };
    let (message, content) = &embedded[0];
    let message = without_padding(message).unwrap();
    assert_eq!(Message::detached(message).map(drop), Err(Error::EmbeddedContent));
    // What it brings along is not the document.
    let (_, own) = Message::attached(message).unwrap();
    assert_ne!(own, *content);
    let Some(placeholder) = read("pyhanko_coverage-anomalies_base") else { return };
    assert!(without_padding(&placeholder[0].0).and_then(Message::detached).is_err());
}

/// The chain of the documents that were made for this, at the time that the signer says, and that of the stamp.
#[test]
fn who_signed_is_judged() {
    let Some(root) = sample("pdf-signed/self_pdf_test_root.pem") else { return };
    let validator = Validator::new().with_anchor(Certificate::parse(&root).unwrap());
    let signatures = read("self_tender_2sig_pades_ts").unwrap();
    let judge = |message: &Message, certificate: &Certificate, at: Time| {
        let terms = Terms::at(at).for_purpose(Purpose::DocumentSigning);
        validator.validate(certificate, message.certificates(), terms)
    };
    let [first, second] = [0, 1].map(|index| {
        let message = Message::detached(without_padding(&signatures[index].0).unwrap()).unwrap();
        (message, verify(&signatures[index].0, &signatures[index].1).unwrap())
    });
    let attributes = first.0.signers()[0].attributes().unwrap();
    assert!(attributes.names_certificate());
    let report = judge(&first.0, &first.1, attributes.signing_time().unwrap());
    assert!(report.is_valid(), "{report:?}");
    let report = Validator::new().validate(&first.1, &[], Terms::at(attributes.signing_time().unwrap()));
    assert_eq!(report.reasons.len(), 1, "nothing is trusted");

    let signer = &second.0.signers()[0];
    assert_eq!(signer.attributes().unwrap().signing_time(), None);
    let stamps = signer.time_stamps();
    let token = TimeStampToken::from_der(stamps[0]).unwrap();
    assert_eq!(token.check_content(signer.signature_octets()), Ok(()));
    assert!(token.check_content(first.0.signers()[0].signature_octets()).is_err());
    let verified = token.verify(&validator, &[], Revocation::IfKnown).unwrap();
    assert!(verified.report.is_valid(), "{:?}", verified.report);
    assert!(judge(&second.0, &second.1, token.info().time).is_valid());
}

/// A document with a time stamp of its own behind the signature: the stamp is of the ranges, and brings its content.
#[test]
fn a_document_time_stamp() {
    let Some(signatures) = read("pyhanko_pades-lta-dss-indirect-arrs-test") else { return };
    let (message, content) = &signatures[0];
    verify(message, content).unwrap();
    let message = Message::detached(without_padding(message).unwrap()).unwrap();
    let signer = &message.signers()[0];
    let stamp = TimeStampToken::from_der(signer.time_stamps()[0]).unwrap();
    assert_eq!(stamp.check_content(signer.signature_octets()), Ok(()));
    stamp.verify_signature(&[]).unwrap();
    let (stamp, content) = &signatures[1];
    let stamp = TimeStampToken::from_der(without_padding(stamp).unwrap()).unwrap();
    assert_eq!(stamp.check_content(content), Ok(()));
    let authority = stamp.verify_signature(&[]).unwrap();
    let trusting = Validator::new().with_anchor(authority);
    assert!(stamp.verify(&trusting, &[], Revocation::IfKnown).unwrap().report.complete);
}
