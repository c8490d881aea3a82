//! Answers to requests for two certificates.

use envelope::enveloped_key;
use getrandom::SysRng;
use pki::{Error, csr::Response};

use crate::support::{OpenSsl, key, pem, same, tlv};

fn certificate(openssl: &OpenSsl) -> Vec<u8> {
    openssl.run("x509 -in cert.pem -outform DER -out cert.der");
    openssl.read("cert.der")
}

#[test]
fn responses() {
    let Some(signing) = OpenSsl::new("signing") else { return };
    let encryption = OpenSsl::new("encryption").unwrap();
    let temporary = key("temporary");
    let sealed = enveloped_key::seal(&encryption.key, temporary.public_key(), &mut SysRng).unwrap();
    let whole = Response {
        sign_certificates: vec![certificate(&signing)],
        encrypted_key: Some(sealed.clone()),
        encryption_certificates: vec![certificate(&encryption)],
    };
    let der = whole.to_der().unwrap();
    for bytes in [der.clone(), pem("CSR RESPONSE", &der).into_bytes()] {
        let read = Response::read(&bytes).unwrap();
        assert_eq!(read, whole);
        assert!(same(&read.open(&temporary).unwrap(), &encryption.key));
        assert_eq!(read.open(&key("another")).err(), Some(Error::KeyMismatch));
    }
    // The layout: implicit tags, so the SEQUENCE of the key is not there.
    let set = tlv(0x31, &[&certificate(&signing)]);
    let [body, encryption_set] =
        [&tlv(0xa0, &[&sealed[3..]])[..], &tlv(0xa1, &[&certificate(&encryption)])].map(<[u8]>::to_vec);
    assert_eq!(der, tlv(0x30, &[&set, &body, &encryption_set]));
    // With explicit ones.
    let explicit =
        tlv(0x30, &[&set, &tlv(0xa0, &[&sealed]), &tlv(0xa1, &[&tlv(0x31, &[&certificate(&encryption)])])]);
    assert_eq!(Response::read(&explicit), Ok(whole.clone()));

    let other = Response { encryption_certificates: vec![certificate(&signing)], ..whole.clone() };
    assert_eq!(other.open(&temporary).err(), Some(Error::KeyMismatch), "the certificate of another key");
    let without = Response { encrypted_key: None, encryption_certificates: vec![], ..whole.clone() };
    assert_eq!(Response::read(&without.to_der().unwrap()), Ok(without.clone()));
    assert_eq!(without.open(&temporary).err(), Some(Error::Malformed("response without a key")));

    assert!(matches!(
        Response { sign_certificates: vec![], ..whole.clone() }.to_der(),
        Err(Error::Unusable(_))
    ));
    let broken = Response { encrypted_key: Some(vec![0x30, 0]), ..whole };
    assert!(matches!(broken.to_der(), Err(Error::Unusable(_))));
    assert!(Response::read(&[&der[..], &[0]].concat()).is_err());
    assert!(Response::read(&tlv(0x30, &[&set, &body, &encryption_set, &encryption_set])).is_err());
}
