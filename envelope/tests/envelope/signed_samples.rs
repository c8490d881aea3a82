//! Signed messages made by other tools, and what they must give.

use envelope::cms::{Compat, ContentType, Quirk, Rule, Switch};
use envelope::error::{InvalidCertificate, InvalidSignature};
use envelope::{Certificate, Error, Sm2Identity, armor, simple};
use sm_primitives::sm2::PrivateKey;

use crate::support::sample;

fn all_switches() -> Compat {
    Switch::ALL.into_iter().collect()
}

type Read = (Result<Rule, InvalidSignature>, Vec<Quirk>, Option<Vec<u8>>);

/// The one verdict, the quirks and the content, by the book and with a set of switches.
fn verdict(name: &str, compat: Compat, detached: Option<&[u8]>) -> Option<Read> {
    let message = sample(name)?;
    let verified = simple::verify(compat, &message, detached, &[]).unwrap();
    let [verdict] = &verified.verdicts[..] else { panic!("{name}: one signer") };
    assert!(verdict.certificate.is_some(), "{name}");
    Some((verdict.result, verified.signatures.quirks().iter().collect(), verified.content))
}

#[test]
fn cfca_sadk_attached() {
    let Some((result, quirks, content)) = verdict("gmt0010/cfca_sadkSignedData.p7", Compat::STRICT, None)
    else {
        return;
    };
    assert_eq!(result, Ok(Rule::Content));
    assert_eq!(quirks, [Quirk::NullParameters]);
    assert_eq!(content.as_deref(), Some(&b"Hello Secret World!"[..]));
    let changed = verdict("negative/cfca_signed_content_changed.p7", all_switches(), None).unwrap();
    assert_eq!(changed.0, Err(InvalidSignature::Wrong));
}

#[test]
fn cfca_sadk_detached() {
    let name = "gmt0010/cfca_sadkSignedDataDetach.p7";
    let Some((result, ..)) = verdict(name, Compat::STRICT, Some(b"Hello Secret World!")) else { return };
    assert_eq!(result, Ok(Rule::Content));
    for (content, expected) in [
        (Some(&b"Hello Secret World."[..]), InvalidSignature::Wrong),
        (Some(&[]), InvalidSignature::Wrong),
        (None, InvalidSignature::NoContent),
    ] {
        let (result, _, content) = verdict(name, all_switches(), content).unwrap();
        assert_eq!((result, content), (Err(expected), None));
    }
}

#[test]
fn gmssl_signs_the_content_info_without_z() {
    let name = "gmt0010/gmssl/signed.p7.pem";
    let Some((strict, quirks, content)) = verdict(name, Compat::STRICT, None) else { return };
    assert_eq!(strict, Err(InvalidSignature::Wrong));
    assert_eq!(quirks, [Quirk::SignatureOid]);
    assert_eq!(content, sample("gmt0010/gmssl/plain.txt"));
    for (switch, expected) in [
        (Switch::NoZContentInfo, Ok(Rule::NoZContentInfo)),
        (Switch::NoZContent, Err(InvalidSignature::Wrong)),
        (Switch::EcbContent, Err(InvalidSignature::Wrong)),
    ] {
        assert_eq!(verdict(name, Compat::STRICT.with(switch), None).unwrap().0, expected, "{switch}");
    }
}

#[test]
fn tongsuo_with_and_without_attributes() {
    let Some((result, quirks, content)) = verdict("cms-openssl/ts_signed_cms.der", Compat::STRICT, None)
    else {
        return;
    };
    assert_eq!(result, Ok(Rule::Attributes));
    let expected = [Quirk::RfcContentType, Quirk::NullParameters, Quirk::SignatureOid];
    assert_eq!(quirks, expected);
    assert_eq!(content, sample("gmt0010/gmssl/plain.txt"));
    let name = "cms-openssl/ts_signed_noattr.der";
    for (compat, expected) in [
        (Compat::STRICT, Err(InvalidSignature::Wrong)),
        (Compat::STRICT.with(Switch::NoZContentInfo), Err(InvalidSignature::Wrong)),
        (Compat::STRICT.with(Switch::NoZContent), Ok(Rule::NoZContent)),
    ] {
        assert_eq!(verdict(name, compat, None).unwrap().0, expected, "{compat:?}");
    }
    let message = sample("cms-openssl/ts_signed_cms.der").unwrap();
    let verified = simple::verify(Compat::STRICT, &message, None, &[]).unwrap();
    let signer = &verified.signatures.signers()[0];
    let time = signer.attributes().unwrap().signing_time().unwrap();
    assert_eq!(time.to_string(), "2026-11-21T22:01:48Z");
    let certificate = verified.verdicts[0].certificate.as_ref().unwrap();
    assert_eq!(envelope::name::display(certificate.subject()), "C=CN, O=Tongsuo, CN=cms signer");
    let apart = sample("cms-openssl/cms.pem").unwrap();
    assert_eq!(certificate.as_der(), armor::decode(&apart).unwrap());
}

/// The signature of a real document: its content is a digest.
#[test]
fn a_signature_in_an_ofd_document() {
    let name = "ofd-parts/zibo_rawrs_tongzhi/Sign_3__SignedValue.dat";
    let Some((result, quirks, content)) = verdict(name, Compat::STRICT, None) else { return };
    assert_eq!(result, Ok(Rule::Content));
    assert_eq!(quirks, [Quirk::SignatureOid, Quirk::RawSignature]);
    let xml = sample("ofd-parts/zibo_rawrs_tongzhi/Sign_3__Signature.xml").unwrap();
    assert_eq!(content.unwrap(), sm_primitives::sm3::digest(&xml));
}

/// A time stamp is a signed message with a content type of its own.
#[test]
fn a_time_stamp() {
    let Some((result, quirks, _)) = verdict("tsa/tongsuo_sm2_token.der", Compat::STRICT, None) else {
        return;
    };
    assert_eq!(result, Ok(Rule::Attributes));
    assert!(quirks.contains(&Quirk::ContentNotData));
}

/// A CA delivers an encryption key: sealed to the signing key, signed by the CA.
#[test]
fn signed_and_enveloped_key_delivery() {
    let Some(message) = sample("gmt0010/gmsm_signedAndEnveloped_1.p7.pem") else { return };
    let pem = |name: &str| String::from_utf8(sample(name).unwrap()).unwrap();
    let key = PrivateKey::from_pem(&pem("gmt0010/gmsm_sae_sign_key.pem")).unwrap();
    let expected = PrivateKey::from_pem(&pem("gmt0010/gmsm_sae_expected_enc_key.pem")).unwrap();
    let ecb = Compat::STRICT.with(Switch::EcbContent);
    let opened = |compat| {
        simple::open_signed(compat, &message, &[], |header| {
            assert_eq!(header.content_type(), ContentType::SignedAndEnveloped);
            header.unlock(&[&Sm2Identity::new(&key)])
        })
    };
    let strict = opened(Compat::STRICT).err();
    assert_eq!(strict, Some(envelope::error::InvalidMessage::EcbContent.into()));
    let opened = opened(ecb).unwrap();
    assert_eq!(opened.plaintext[..32], [0; 32]);
    assert_eq!(opened.plaintext[32..], expected.expose_bytes()[..]);
    assert_eq!(opened.verdicts.len(), 1);
    assert_eq!(opened.verdicts[0].result, Ok(Rule::Content));
    let quirks: Vec<Quirk> = opened.signatures.quirks().iter().collect();
    assert_eq!(quirks, [Quirk::EcbContent, Quirk::EmptyIssuer]);
}

#[test]
fn certificates_alone() {
    for (name, id_len) in [("gmt0010/gmsm_gmssl_certchain.p7.pem", 16), ("gmssl-legacy/sm2-pkcs7.pem", 20)] {
        let Some(message) = sample(name) else { return };
        let read = simple::verify(Compat::STRICT, &message, None, &[]).unwrap();
        assert!(read.verdicts.is_empty() && read.content.is_none(), "{name}");
        assert_eq!(read.signatures.certificates().len(), 2, "{name}");
        for der in read.signatures.certificates() {
            let certificate = Certificate::parse(der).unwrap();
            assert_eq!(certificate.as_der(), der);
            assert_eq!(certificate.subject_key_id().unwrap().as_bytes().len(), id_len);
        }
        assert!(read.signatures.quirks().contains(Quirk::RfcContentType), "{name}");
    }
}

/// Before the standard: the curve of SM2 with ECDSA and SHA-1.
#[test]
fn a_certificate_of_another_algorithm() {
    let Some(certificate) = sample("gmssl-legacy/sm2-cert.pem") else { return };
    let unsupported = Error::from(InvalidCertificate::UnsupportedAlgorithm);
    assert_eq!(Certificate::parse(&certificate).err(), Some(unsupported));
    assert!(unsupported.to_string().starts_with("unsupported algorithm"));
    let modern = Certificate::parse(&sample("gmssl-legacy/sm2-x509.pem").unwrap()).unwrap();
    assert_eq!(modern.check_algorithm(), Ok(()));
}
