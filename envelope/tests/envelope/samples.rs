//! Messages and certificates made by other tools.

use envelope::cms::{Header, Quirk};
use envelope::error::{InvalidCertificate, InvalidMessage};
use envelope::{Certificate, Error, RecipientId, Sm2Identity, Sm2Recipient, armor, simple};
use sm_primitives::sm2::PrivateKey;

use crate::oracle::assert_same_reading;
use crate::support::{sample, samples};

fn private_key(hex_digits: &str) -> PrivateKey {
    let bytes: [u8; 32] = hex::decode(hex_digits.trim()).unwrap().try_into().unwrap();
    PrivateKey::from_bytes(&bytes).unwrap()
}

/// CFCA SADK, from the tests of emmansun/gmsm. The private key is published with it.
#[test]
fn cfca_sadk() {
    let Some(message) = sample("gmt0010/gmsm_env1.p7.pem") else { return };
    let Some(certificate) = sample("gmt0010/gmsm_env1_cert.pem") else { return };
    let key = private_key("f043481ce3ba1332cc266ae795f2a41f100e52e47ee560de15d9e014acab35c9");

    let plain = Sm2Identity::new(&key);
    let with_certificate = Sm2Identity::new(&key).with_certificate(&certificate).unwrap();
    for identity in [&plain, &with_certificate] {
        let (plaintext, quirks) = simple::open_by(&message, |header| header.unlock(&[identity])).unwrap();
        assert_eq!(*plaintext, b"Hello World!");
        assert_eq!(quirks.iter().collect::<Vec<_>>(), [Quirk::NullParameters, Quirk::BareSm4Oid]);
    }

    let der = armor::decode(&message).unwrap();
    let (header, _) = Header::from_bytes(&der).unwrap();
    let own_id = Certificate::parse(&certificate).unwrap().subject_key_id().cloned().unwrap();
    assert!(header.find(&[RecipientId::SubjectKeyId(own_id)]).is_some(), "named by the certificate's key id");
}

/// GmSSL 3.3, two recipients named by issuer and serial number.
#[test]
fn gmssl_with_two_recipients() {
    let Some(message) = sample("gmt0010/gmssl/env2.p7.pem") else { return };
    let Some(expected) = sample("gmt0010/gmssl/plain.txt") else { return };
    let Some(keys) = sample("gmt0010/gmssl/private_keys_hex.txt") else { return };
    let keys = String::from_utf8(keys).unwrap();
    let key_of = |name: &str| {
        let line = keys.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(' '));
        private_key(line.expect("a line for the key"))
    };
    for name in ["enc", "enc2"] {
        let Some(certificate) = sample(&format!("gmt0010/gmssl/{name}.pem")) else { return };
        let key = key_of(name);
        let (plaintext, quirks) = simple::open_by(&message, |header| {
            let own = Certificate::parse(&certificate)?;
            assert!(header.find(&[own.id()]).is_some(), "named by certificate");
            header.unlock(&[&Sm2Identity::new(&key).with_certificate(&certificate)?])
        })
        .unwrap();
        assert!(*plaintext == expected, "{name}");
        assert_eq!(quirks.iter().collect::<Vec<_>>(), [Quirk::KeyEncryptionOid]);
        assert!(
            *simple::open(&[&Sm2Identity::new(&key)], &message).unwrap() == expected,
            "without certificate"
        );
    }
    let outsider = key_of("sign");
    assert_eq!(
        simple::open(&[&Sm2Identity::new(&outsider)], &message).err(),
        Some(Error::NoMatchingRecipient)
    );
}

/// Messages of the other types are told apart.
#[test]
fn other_message_types() {
    let not_enveloped = Some(Error::from(InvalidMessage::NotEnvelopedData));
    for name in [
        "gmt0010/cfca_sadkSignedData.p7",
        "gmt0010/cfca_sadkSignedDataDetach.p7",
        "gmt0010/gmsm_gmssl_certchain.p7.pem",
        "gmt0010/gmssl/signed.p7.pem",
    ] {
        let Some(message) = sample(name) else { return };
        assert_eq!(simple::open(&[], &message).err(), not_enveloped, "{name}");
    }
}

/// Certificates of real seal makers and signers, with vendors' extensions and names that are not what they claim.
#[test]
fn certificates_in_the_field() {
    let Some(folder) = samples() else { return };
    let mut permitted = 0;
    let mut files = 0;
    for entry in std::fs::read_dir(folder.join("ca-certs/ee")).unwrap() {
        let path = entry.unwrap().path();
        let der = std::fs::read(&path).unwrap();
        let certificate =
            Certificate::parse(&der).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
        assert_same_reading(&der);
        files += 1;
        permitted += usize::from(certificate.permits_encryption());
    }
    assert_eq!((files, permitted), (18, 10), "as OpenSSL shows their key usage");
}

/// Sending to a real certificate, and double certificates: one signs, the other is for envelopes.
#[test]
fn certificates_as_recipients() {
    for (name, permitted) in [
        ("tlcp/server_enc.crt", true),
        ("tlcp/server_sign.crt", false),
        ("tlcp/client_enc.crt", true),
        ("gmt0010/gmsm_sae_enc_cert.pem", true),
        ("gmt0010/gmssl/enc.pem", true),
        ("ca-certs/cfca/CFCA_CS_SM2_CA.cer", false),
    ] {
        let Some(certificate) = sample(name) else { return };
        let recipient = Sm2Recipient::from_certificate(&certificate);
        if permitted {
            let message = simple::seal(&[&recipient.unwrap()], b"x", &mut getrandom::SysRng).unwrap();
            let (header, _) = Header::from_bytes(&message).unwrap();
            assert!(header.quirks().is_empty(), "{name}");
            assert!(header.find(&Certificate::parse(&certificate).unwrap().ids()).is_some(), "{name}");
        } else {
            assert_eq!(recipient.err(), Some(InvalidCertificate::KeyUsage.into()), "{name}");
        }
    }
}
