//! Certificates of other tools, and what is in them.

use pki::extension::{SubjectIdKind, Usage};
use pki::{Certificate, Error, SubjectKey};

use crate::issuer::{Party, Template};
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
        let key = certificate.key();
        assert_eq!(certificate.verify_signature(key), Ok(()), "{name}");
        let mut changed = certificate.as_der().to_vec();
        changed[40] ^= 1;
        if let Ok(changed) = Certificate::from_der(&changed) {
            assert!(changed.verify_signature(key).is_err(), "{name}");
        }
    }
}

#[test]
fn malformed_certificates_are_none() {
    let party = Party::new("x");
    let good = Template::signer(1).der(&party, &party);
    assert!(Certificate::from_der(&good).is_ok());
    for len in 0..good.len() {
        assert!(Certificate::from_der(&good[..len]).is_err(), "{len}");
    }
    assert!(Certificate::from_der(&[&good[..], &[0]].concat()).is_err());
    // Another algorithm beside the signature than inside.
    let mut other = good.clone();
    let id = [0x2a, 0x81, 0x1c, 0xcf, 0x55, 0x01, 0x83, 0x75];
    let last = other.windows(id.len()).rposition(|window| window == id).unwrap();
    other[last + 7] = 0x76;
    let two = Error::Malformed("certificate: it names two signature algorithms");
    assert_eq!(Certificate::from_der(&other).map(drop), Err(two));
    // Extensions where there can be none.
    // Of version 2 with extensions, and of a version that does not exist.
    for version in [1, 3, 0x7f] {
        let early = Template { version, ..Template::signer(1) };
        assert_eq!(
            Certificate::from_der(&early.der(&party, &party)).map(drop),
            Err(Error::Malformed("certificate version"))
        );
    }
    let late = Template { version: 3, ..Template::new(1) };
    assert!(Certificate::from_der(&late.der(&party, &party)).is_err());
    let empty = Template { serial: vec![], ..Template::signer(1) };
    assert!(Certificate::from_der(&empty.der(&party, &party)).is_err());
}

#[test]
fn files_of_several() {
    let party = Party::new("x");
    let [a, b] = [1, 2].map(|serial| Template::signer(serial).der(&party, &party));
    let pem = |label: &str, der: &[u8]| {
        let text = base64(der);
        format!("text\n-----BEGIN {label}-----\n{text}\n-----END {label}-----\n")
    };
    let serials = |bytes: &[u8]| {
        let all = Certificate::all(bytes)?;
        Ok(all.iter().map(|certificate| certificate.serial()[0]).collect::<Vec<_>>())
    };
    let both =
        [pem("CERTIFICATE", &a), pem("EC PARAMETERS", &[6, 1, 1]), pem("X509 CERTIFICATE", &b)].concat();
    assert_eq!(serials(both.as_bytes()), Ok(vec![1, 2]));
    assert_eq!(serials(base64(&a).as_bytes()), Ok(vec![1]));
    let message = envelope::cms::certificates_only(&[&b, &a], envelope::cms::Dialect::Standard).unwrap();
    assert_eq!(
        serials(&message).map(|mut all| {
            all.sort_unstable();
            all
        }),
        Ok(vec![1, 2])
    );
    assert_eq!(serials(pem("PKCS7", &message).as_bytes()).map(|all| all.len()), Ok(2));
    let broken = [pem("CERTIFICATE", &a), pem("CERTIFICATE", &b[..9])].concat();
    assert!(serials(broken.as_bytes()).is_err(), "all or none");
    let none = Err(Error::Malformed("there is no certificate"));
    assert_eq!(serials(pem("PRIVATE KEY", &a).as_bytes()), none);
    assert_eq!(serials(b"hello"), Err(Error::Malformed("neither DER nor PEM")));
}

fn base64(bytes: &[u8]) -> String {
    const DIGITS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let group = |group: &[u8]| {
        let bits =
            group.iter().fold(0_u32, |bits, byte| bits << 8 | u32::from(*byte)) << (8 * (3 - group.len()));
        (0..4)
            .map(|i| {
                if i <= group.len() { char::from(DIGITS[(bits >> (18 - 6 * i)) as usize & 63]) } else { '=' }
            })
            .collect::<String>()
    };
    bytes.chunks(3).map(group).collect()
}
