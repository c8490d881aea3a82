//! One byte of a file changed: never another key, never a panic.

use getrandom::SysRng;
use pki::{csr::Request, key_file::KeyFile, password::Effort, pkcs8};
use sm_primitives::sm2::dsa;

use crate::support::{OpenSsl, key, same};

/// Enough for the file as it is, so that a damaged number of iterations costs no more.
const EFFORT: u64 = 3000;

#[test]
fn a_damaged_pkcs12_gives_the_key_or_nothing() {
    let Some(openssl) = OpenSsl::new("damage") else { return };
    openssl.run("pkcs12 -export -inkey key.pem -in cert.pem -passout pass:1234 -iter 1 -out out");
    let good = openssl.read("out");
    for at in 0..good.len() {
        let mut bytes = good.clone();
        bytes[at] ^= 0x21;
        let Ok(KeyFile::Locked(file)) = KeyFile::read(&bytes) else { continue };
        if let Ok(pairs) = file.open_within("1234", &mut Effort::new(EFFORT)) {
            assert!(pairs.iter().all(|pair| same(&pair.key, &openssl.key)), "byte {at}");
        }
    }
}

#[test]
fn a_damaged_pkcs8_gives_nothing() {
    let key = key("damage");
    let good = key.to_pkcs8_der();
    for at in 0..good.len() {
        let mut bytes = good.to_vec();
        bytes[at] ^= 0x21;
        if let Ok(KeyFile::Open(read)) = KeyFile::read(&bytes) {
            assert!(same(&read, &key), "byte {at}");
        }
    }
    let good = pkcs8::encrypt(&key, "1234", &mut SysRng).unwrap();
    let ciphertext = good.len() - 144;
    for at in [ciphertext, ciphertext + 50, good.len() - 1] {
        let mut bytes = good.clone();
        bytes[at] ^= 1;
        let Ok(KeyFile::Locked(file)) = KeyFile::read(&bytes) else { panic!("the structure is whole") };
        assert_eq!(file.open("1234").err(), Some(pki::Error::Password), "byte {at}");
    }
}

#[test]
fn a_damaged_request_does_not_verify() {
    let own = key("damage");
    let unsigned = pki::csr::Builder::new(*own.public_key())
        .subject(pki::csr::SubjectAttribute::CommonName, "x")
        .challenge("1")
        .build()
        .unwrap();
    let signature = dsa::sign_digest(&own, &unsigned.digest(), &mut SysRng).unwrap();
    let good = unsigned.assemble(&signature).unwrap();
    assert_eq!(Request::read(&good).unwrap().verify(), Ok(()));
    for at in 0..good.len() {
        for bit in [1, 0x20, 0x80] {
            let mut bytes = good.clone();
            bytes[at] ^= bit;
            let holds = Request::read(&bytes).is_ok_and(|request| request.verify().is_ok());
            assert!(!holds, "byte {at}");
        }
    }
}
