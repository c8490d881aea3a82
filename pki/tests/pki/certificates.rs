//! Certificates of other tools, and what is in them.

use pki::extension::{SubjectIdKind, Usage};
use pki::{Certificate, Error, SubjectKey};

use crate::support::{files_under, sample};

fn is_key(name: &str) -> bool {
    name.ends_with("key") || name.ends_with("key.pem")
}

/// Every certificate is read, byte for byte, and none has anything that is critical and unknown.
#[test]
fn every_certificate_is_read() {
    for folder in ["ca-certs", "tlcp", "gmssl-legacy"] {
        for (name, content) in files_under(folder).into_iter().filter(|(name, _)| !is_key(name)) {
            let all = Certificate::all(&content).unwrap_or_else(|error| panic!("{name}: {error}"));
            let expected = match name.rsplit('/').next().unwrap() {
                "tlcp_server_double_certs.pem" => 3,
                "chain-ca.crt" | "sm2-pkcs7.pem" => 2,
                _ => 1,
            };
            assert_eq!(all.len(), expected, "{name}");
            for certificate in all {
                let extensions = certificate.extensions();
                assert_eq!(Certificate::from_der(certificate.as_der()).as_ref(), Ok(&certificate), "{name}");
                assert!(extensions.duplicates.is_empty(), "{name}");
                assert_eq!(extensions.unknown_critical, [], "{name}");
                // An OCTET STRING too many in its subjectAltName.
                let malformed = usize::from(name.contains("/n_maker"));
                assert_eq!(extensions.malformed.len(), malformed, "{name}");
                assert!(matches!(certificate.key(), SubjectKey::Sm2(_)), "{name}");
                assert_eq!(certificate.algorithm().is_supported(), !name.ends_with("sm2-cert.pem"), "{name}");
            }
        }
    }
}

#[test]
fn keys_and_messages_without_certificates_are_none() {
    for (name, content) in files_under("tlcp").into_iter().filter(|(name, _)| is_key(name)) {
        let read = Certificate::all(&content).map(|_| ());
        assert_eq!(read, Err(Error::Malformed("there is no certificate")), "{name}");
    }
    let Some(message) = sample("gmt0010/gmsm_env1.p7.pem") else { return };
    assert!(Certificate::all(&message).is_err());
}

#[test]
fn the_fields_of_a_certificate() {
    let Some(content) = sample("ca-certs/ee/jiangsu_tax_gomain_signer_e8757e3a90e0.cer") else { return };
    let certificate = Certificate::parse(&content).unwrap();
    assert_eq!(certificate.version(), 3);
    assert_eq!(certificate.serial_hex(), "14030000001079");
    assert_eq!(certificate.subject().short(), "国家税务总局江苏省税务局");
    assert_eq!(certificate.algorithm().to_string(), "SM2-with-SM3");
    assert!(!certificate.is_ca() && !certificate.is_self_issued());
    assert!(certificate.permits(Usage::DigitalSignature) && !certificate.permits(Usage::KeyCertSign));
    let ids: Vec<_> = certificate.extensions().subject_ids.iter().map(|id| (id.kind, &*id.value)).collect();
    assert_eq!(
        ids,
        [(SubjectIdKind::BusinessRegistration, "13200000000"), (SubjectIdKind::Taxation, "0001029092854549"),]
    );
}

/// Both spellings of the algorithm's parameters, and the algorithm that was used before there was one for SM2.
#[test]
fn signatures_of_real_roots_verify() {
    for name in [
        "ca-certs/national-root/ROOTCA.pem",
        "ca-certs/cfca/CFCA_CS_SM2_CA.cer",
        "ca-certs/cfca/CFCA_EV_SM2_ROOT.cer",
        "gmt0010/gmssl/root.pem",
        "tlcp/chain-ca.crt",
    ] {
        let Some(content) = sample(name) else { return };
        let certificate = Certificate::parse(&content).unwrap();
        let key = certificate.key().sm2().unwrap();
        assert_eq!(certificate.verify_signature(key), Ok(()), "{name}");
        let mut changed = certificate.as_der().to_vec();
        changed[40] ^= 1;
        if let Ok(changed) = Certificate::from_der(&changed) {
            assert!(changed.verify_signature(key).is_err(), "{name}");
        }
    }
}
