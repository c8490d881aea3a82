//! The key file of CFCA, put together by hand: OpenSSL encrypts.

use pki::{Error, cfca::KeyFile};
use sm_primitives::{sm2::PrivateKey, sm3::Sm3};

use crate::support::{OpenSsl, key, locked, oid, only, pem, same, tlv};

const DATA: &str = "1.2.156.10197.6.1.4.2.1";

/// The encrypted bytes by OpenSSL, under SM3(password || 00000001).
fn encrypted(openssl: &OpenSsl, d: &[u8], password: &str) -> Vec<u8> {
    let derived = hex::encode(Sm3::new().chain(password.as_bytes()).chain(&[0, 0, 0, 1]).finalize());
    let (iv, key) = derived.split_at(32);
    openssl.write("d", d);
    openssl.run(&format!("enc -sm4-cbc -K {key} -iv {iv} -in d -out d.enc"));
    openssl.read("d.enc")
}

fn certificate(openssl: &OpenSsl) -> Vec<u8> {
    openssl.run("x509 -in cert.pem -outform DER -out cert.der");
    openssl.read("cert.der")
}

fn file(version: &[u8], algorithm: &str, encrypted: &[u8], certificate: &[u8]) -> Vec<u8> {
    let key = tlv(0x30, &[&oid(DATA), &oid(algorithm), &tlv(4, &[encrypted])]);
    tlv(0x30, &[version, &key, &tlv(0x30, &[&oid(DATA), &tlv(4, &[certificate])])])
}

#[test]
fn key_files() {
    let Some(openssl) = OpenSsl::new("cfca") else { return };
    let certificate = certificate(&openssl);
    let d = openssl.key.expose_bytes();
    let good = encrypted(&openssl, &*d, "123456");
    for (version, algorithm) in [(&[2, 1, 1][..], "1.2.156.10197.1.104"), (&[][..], "1.2.156.10197.1.104.2")]
    {
        let der = file(version, algorithm, &good, &certificate);
        for bytes in [der.clone(), pem("CFCA KEY", &der).into_bytes()] {
            let pair = only(locked(&bytes).open("123456").unwrap());
            assert!(same(&pair.key, &openssl.key));
            assert_eq!(pair.certificate.unwrap().as_der(), certificate);
        }
        assert_eq!(KeyFile::read(&der).unwrap().open("123457").err(), Some(Error::Password));
    }

    let malformed = Some(Error::Malformed("key file of CFCA"));
    let sm4 = "1.2.156.10197.1.104";
    assert_eq!(KeyFile::read(&file(&[2, 1, 2], sm4, &good, &certificate)).err(), malformed);
    assert_eq!(
        KeyFile::read(&file(&[2, 1, 1], "1.2.156.10197.1.104.1", &good, &certificate)).err(),
        Some(Error::UnsupportedAlgorithm("cipher"))
    );
    assert_eq!(
        KeyFile::read(&file(&[2, 1, 1], sm4, &good, &certificate[..100])).err(),
        Some(Error::Malformed("certificate in a key file of CFCA"))
    );
    // The certificate of another key, a key that is too long, one of zeros.
    for content in [&*key("another").expose_bytes(), &[1; 33][..], &[0; 32]] {
        let der = file(&[2, 1, 1], sm4, &encrypted(&openssl, content, "123456"), &certificate);
        assert_eq!(KeyFile::read(&der).unwrap().open("123456").err(), Some(Error::Password));
    }
}

/// Tools that write d as an integer leave leading zeros out.
#[test]
fn a_key_with_a_leading_zero() {
    let mut d = *key("short").expose_bytes();
    d[0] = 0;
    let short = PrivateKey::from_bytes(&d).unwrap();
    let Some(openssl) = OpenSsl::new("short") else { return };
    openssl.write("key.pem", short.to_pkcs8_pem().as_bytes());
    openssl.run("req -new -x509 -key key.pem -subj /CN=Example -sm3 -out cert.pem");
    let encrypted = encrypted(&openssl, &d[1..], "123456");
    let der = file(&[2, 1, 1], "1.2.156.10197.1.104", &encrypted, &certificate(&openssl));
    assert!(same(&KeyFile::read(&der).unwrap().open("123456").unwrap(), &short));
}
