//! Key files.

use envelope::{Certificate, der::element};
use pki::{
    Error, cfca,
    key_file::{KeyFile, KeyPair},
    password::Effort,
    pkcs8::EncryptedKey,
    pkcs12::Pkcs12,
};
use sm_primitives::{
    sm2::PrivateKey,
    sm3::{self, Sm3},
    sm4::cbc,
};

use crate::issuer::{Template, key};

/// Under what the seeds are.
pub(crate) const PASSWORD: &str = "1234";
/// Iterations that an input may cost.
const EFFORT: u64 = 200;

/// A key file as it comes (`d`), PKCS#12 around any SafeContents (`p`), or any plaintext encrypted here as PKCS#8 (`e`) or
/// as CFCA does it (`c`).
pub(crate) fn key_file(data: &[u8]) -> bool {
    match data.split_first() {
        Some((b'd', file)) => raw(file),
        Some((b'p', bags)) => raw(&pkcs12(bags)),
        Some((b'e', plain)) => encrypted(plain),
        Some((b'c', d)) => of_cfca(d),
        _ => false,
    }
}

/// What opens is whole, costs no more than permitted, and opens again to the same.
fn raw(bytes: &[u8]) -> bool {
    let _ = EncryptedKey::read(bytes).map(|file| file.open_within(PASSWORD, &mut Effort::new(EFFORT)));
    let _ = Pkcs12::read(bytes).map(|file| file.open_within("", &mut Effort::new(EFFORT)));
    let _ = cfca::KeyFile::read(bytes).map(|file| file.open(PASSWORD));
    match KeyFile::read(bytes) {
        Ok(KeyFile::Open(key)) => {
            is_kept(&key);
            true
        }
        Ok(KeyFile::Locked(file)) => {
            let mut left = Effort::new(EFFORT);
            let Ok(pairs) = file.open_within(PASSWORD, &mut left) else { return false };
            assert!(!pairs.is_empty() && !file.form().is_empty());
            pairs.iter().for_each(pair_is_whole);
            assert_eq!(file.open_within(PASSWORD, &mut Effort::new(EFFORT)).unwrap().len(), pairs.len());
            // It has cost what is missing, and with less it does not open.
            let none = file.open_within(PASSWORD, &mut Effort::new(0));
            let free = left == Effort::new(EFFORT);
            assert!(if free { none.is_ok() } else { none.err() == Some(Error::TooMuchWork) });
            true
        }
        Err(_) => false,
    }
}

fn is_kept(key: &PrivateKey) {
    let Ok(KeyFile::Open(again)) = KeyFile::read(&key.to_pkcs8_der()) else { panic!("written and not read") };
    assert_eq!(again.expose_bytes(), key.expose_bytes());
}

fn pair_is_whole(pair: &KeyPair) {
    is_kept(&pair.key);
    let public = |certificate: &Certificate| certificate.public_key() == pair.key.public_key();
    assert!(pair.certificate.as_ref().is_none_or(public), "the certificate of another key");
}

const DATA: &[u8] = b"\x06\x09\x2a\x86\x48\x86\xf7\x0d\x01\x07\x01";

/// A file without a MAC whose only safe holds these bags.
fn pkcs12(bags: &[u8]) -> Vec<u8> {
    let data = |octets: &[u8]| element(0x30, &[DATA, &element(0xa0, &[&element(4, &[octets])])]);
    let safe = element(0x30, &[&data(&element(0x30, &[bags]))]);
    element(0x30, &[&[2, 1, 3], &data(&safe)])
}

/// EncryptedPrivateKeyInfo: one iteration of PBKDF2 with HMAC-SM3, SM4-CBC.
pub(crate) fn pkcs8(plain: &[u8]) -> Vec<u8> {
    const HMAC_SM3: &[u8] = b"\x30\x0b\x06\x09\x2a\x81\x1c\xcf\x55\x01\x83\x11\x02";
    const PBES2: &[u8] = b"\x06\x09\x2a\x86\x48\x86\xf7\x0d\x01\x05\x0d";
    const PBKDF2: &[u8] = b"\x06\x09\x2a\x86\x48\x86\xf7\x0d\x01\x05\x0c";
    const SM4_CBC: &[u8] = b"\x06\x08\x2a\x81\x1c\xcf\x55\x01\x68\x02";
    let mut wrapping = [0; 16];
    sm3::pbkdf2(PASSWORD.as_bytes(), b"saltsalt", 1, &mut wrapping).unwrap();
    let parameters = element(0x30, &[&element(4, &[b"saltsalt"]), &[2, 1, 1], HMAC_SM3]);
    let derivation = element(0x30, &[PBKDF2, &parameters]);
    let cipher = element(0x30, &[SM4_CBC, &element(4, &[&[7; 16]])]);
    let scheme = element(0x30, &[PBES2, &element(0x30, &[&derivation, &cipher])]);
    element(0x30, &[&scheme, &element(4, &[&cbc::encrypt_padded(&wrapping, &[7; 16], plain)])])
}

/// Opens exactly for what is a key in the open.
fn encrypted(plain: &[u8]) -> bool {
    let Ok(file) = EncryptedKey::read(&pkcs8(plain)) else { panic!("the structure is whole") };
    let opened = file.open_within(PASSWORD, &mut Effort::new(1));
    match (opened, pki::pkcs8::from_der(plain)) {
        (Ok(opened), Ok(plain)) => {
            assert_eq!(opened.expose_bytes(), plain.expose_bytes());
            is_kept(&opened);
            true
        }
        (Err(Error::Password), Err(Error::Malformed(_))) => false,
        (Err(opened), Err(plain)) => {
            assert_eq!(opened, plain);
            false
        }
        _ => panic!("encrypted and open differ"),
    }
}

/// CFCA's form around anything that is encrypted: with the certificate of key 3 it opens exactly for that key, whose leading
/// zeros may be missing.
pub(crate) fn cfca(d: &[u8]) -> Vec<u8> {
    const DATA: &[u8] = b"\x06\x0a\x2a\x81\x1c\xcf\x55\x06\x01\x04\x02\x01";
    const SM4: &[u8] = b"\x06\x07\x2a\x81\x1c\xcf\x55\x01\x68";
    let derived = Sm3::new().chain(PASSWORD.as_bytes()).chain(&[0, 0, 0, 1]).finalize();
    let ([iv, wrapping], []) = derived.as_chunks() else { panic!("32 bytes") };
    let key = element(0x30, &[DATA, SM4, &element(4, &[&cbc::encrypt_padded(wrapping, iv, d)])]);
    let certificate = Template::new(vec![1], 3, 3, super::always()).usage(0xc0).der();
    element(0x30, &[&[2, 1, 1], &key, &element(0x30, &[DATA, &element(4, &[&certificate])])])
}

fn of_cfca(d: &[u8]) -> bool {
    let file = cfca(d);
    let Ok(read) = cfca::KeyFile::read(&file) else { panic!("the structure is whole") };
    let opened = read.open(PASSWORD);
    let own = d.len() <= 32 && [&vec![0; 32 - d.len()][..], d].concat() == key(3).expose_bytes()[..];
    assert_eq!(opened.is_ok(), own);
    own && raw(&file)
}
