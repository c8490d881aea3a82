//! Encrypted PKCS#8: what is written, and object identifiers of other tools for the same.

use getrandom::SysRng;
use pki::{
    Error,
    password::Effort,
    pkcs8::{self, EncryptedKey},
};

use crate::support::{key, oid, pem, replaced, same, tlv, unlocked};

const PBES2: &str = "1.2.840.113549.1.5.13";
const PBKDF2: &str = "1.2.840.113549.1.5.12";

#[test]
fn what_is_written_is_read() {
    let key = key("round trip");
    for password in ["1234", "密码", &"long".repeat(100)] {
        let der = pkcs8::encrypt(&key, password, &mut SysRng).unwrap();
        assert!(same(&EncryptedKey::read(&der).unwrap().open(password).unwrap(), &key));
        assert_eq!(EncryptedKey::read(&der).unwrap().open("other").err(), Some(Error::Password));
    }
    let both = [(); 2].map(|()| pkcs8::encrypt(&key, "1234", &mut SysRng).unwrap());
    assert_ne!(both[0], both[1], "salt and initial vector are drawn each time");
    assert_eq!(
        pkcs8::encrypt(&key, "", &mut SysRng).err(),
        Some(Error::Unusable("a private key under an empty password"))
    );
}

/// The parts of an encrypted key that a test changes.
pub(crate) struct Parts {
    pub(crate) scheme: Vec<u8>,
    pub(crate) kdf: Vec<u8>,
    pub(crate) salt: Vec<u8>,
    pub(crate) iterations: Vec<u8>,
    pub(crate) key_len: Vec<u8>,
    pub(crate) prf: Vec<u8>,
    pub(crate) cipher: Vec<u8>,
    pub(crate) iv: Vec<u8>,
    pub(crate) ciphertext: Vec<u8>,
}

impl Parts {
    /// One iteration of PBKDF2 with HMAC-SM3, SM4-CBC.
    pub(crate) fn new(content: &[u8], password: &str) -> Self {
        let mut wrapping = [0; 16];
        sm_primitives::sm3::pbkdf2(password.as_bytes(), b"saltsalt", 1, &mut wrapping).unwrap();
        let ciphertext = sm_primitives::sm4::cbc::encrypt_padded(&wrapping, &[7; 16], content);
        Self {
            scheme: oid(PBES2),
            kdf: oid(PBKDF2),
            salt: tlv(4, &[b"saltsalt"]),
            iterations: vec![2, 1, 1],
            key_len: Vec::new(),
            prf: tlv(0x30, &[&oid("1.2.156.10197.1.401.2")]),
            cipher: oid("1.2.156.10197.1.104.2"),
            iv: tlv(4, &[&[7; 16]]),
            ciphertext: tlv(4, &[&ciphertext]),
        }
    }

    pub(crate) fn der(&self) -> Vec<u8> {
        let parameters = tlv(0x30, &[&self.salt, &self.iterations, &self.key_len, &self.prf]);
        let both = tlv(0x30, &[&tlv(0x30, &[&self.kdf, &parameters]), &tlv(0x30, &[&self.cipher, &self.iv])]);
        tlv(0x30, &[&tlv(0x30, &[&self.scheme, &both]), &self.ciphertext])
    }

    pub(crate) fn refusal(&self) -> Option<Error> {
        match EncryptedKey::read(&self.der()) {
            Ok(read) => read.open_within("1234", &mut Effort::new(100)).err(),
            Err(error) => Some(error),
        }
    }
}

fn parts(change: impl FnOnce(&mut Parts)) -> Parts {
    let mut parts = Parts::new(&key("by hand").to_pkcs8_der(), "1234");
    change(&mut parts);
    parts
}

#[test]
fn the_same_under_other_numbers() {
    let sm_pbes = oid("1.2.156.10197.6.4.1.5.2");
    let sm_pbkdf = oid("1.2.156.10197.6.4.1.5.1");
    let variants = [
        parts(|_| {}),
        parts(|parts| parts.key_len = vec![2, 1, 16]),
        // Tongsuo's number of HMAC-SM3
        parts(|parts| parts.prf = tlv(0x30, &[&oid("1.2.156.10197.1.401.3.1"), &[5, 0]])),
        // SM4 without a mode
        parts(|parts| parts.cipher = oid("1.2.156.10197.1.104")),
        // GM/T 0091, as gmsm writes it, and with HMAC-SM3 by default
        parts(|parts| (parts.scheme, parts.kdf) = (sm_pbes.clone(), sm_pbkdf.clone())),
        parts(|parts| {
            (parts.scheme, parts.kdf, parts.prf) = (sm_pbes.clone(), sm_pbkdf.clone(), Vec::new());
        }),
        parts(|parts| parts.scheme = sm_pbes.clone()),
        // BER: a string in segments
        parts(|parts| parts.ciphertext = [&[0x24, 0x80][..], &parts.ciphertext, &[0, 0]].concat()),
    ];
    for (i, parts) in variants.iter().enumerate() {
        assert_eq!(parts.refusal(), None, "variant {i}");
        let opened = pki::key_file::KeyFile::read(&parts.der());
        assert!(matches!(opened, Ok(pki::key_file::KeyFile::Locked(_))), "variant {i}");
    }
}

#[test]
fn what_is_wrong_is_refused() {
    let malformed = Some(Error::Malformed("encrypted private key of PKCS#8"));
    let unsupported = |what| Some(Error::UnsupportedAlgorithm(what));
    let cases = [
        (parts(|parts| parts.iterations = vec![2, 1, 0]), malformed),
        (parts(|parts| parts.iterations = vec![2, 1, 0xff]), malformed),
        (parts(|parts| parts.iterations = vec![2, 1, 100]), Some(Error::Password)),
        (parts(|parts| parts.iterations = vec![2, 1, 101]), Some(Error::TooMuchWork)),
        (parts(|parts| parts.iterations = vec![2, 5, 0, 0xff, 0xff, 0xff, 0xff]), Some(Error::TooMuchWork)),
        (parts(|parts| parts.iterations = vec![2, 6, 1, 0, 0, 0, 0, 0]), malformed),
        (parts(|parts| parts.key_len = vec![2, 1, 17]), malformed),
        (parts(|parts| parts.iv = tlv(4, &[&[7; 15]])), malformed),
        (parts(|parts| parts.iv.extend([5, 0])), malformed),
        (parts(|parts| parts.iv.clear()), malformed),
        (parts(|parts| parts.prf.extend([5, 0])), malformed),
        (parts(|parts| parts.ciphertext.extend([5, 0])), malformed),
        (parts(|parts| parts.salt = tlv(0x30, &[])), unsupported("salt of a key derivation")),
        (
            parts(|parts| parts.prf = tlv(0x30, &[&oid(PBES2)])),
            unsupported("pseudorandom function of a key derivation"),
        ),
        (parts(|parts| parts.kdf = oid(PBES2)), unsupported("key derivation")),
        (parts(|parts| parts.scheme = oid(PBKDF2)), unsupported("password encryption")),
        (parts(|parts| parts.cipher = oid("1.2.156.10197.1.104.1")), unsupported("cipher")),
        // SHA-1 is the default of PBKDF2, so another key comes out.
        (parts(|parts| parts.prf.clear()), Some(Error::Password)),
        (parts(|parts| parts.ciphertext = tlv(4, &[&[0; 15]])), Some(Error::Password)),
        (parts(|parts| parts.ciphertext = tlv(4, &[])), Some(Error::Password)),
        // Good padding, and something else inside.
        (Parts::new(b"something else", "1234"), Some(Error::Password)),
        (Parts::new(&[], "1234"), Some(Error::Password)),
    ];
    for (i, (parts, refusal)) in cases.iter().enumerate() {
        assert_eq!(parts.refusal(), *refusal, "case {i}");
    }
}

#[test]
fn a_public_key_that_is_not_of_the_private_key() {
    let (one, two) = (key("one"), key("two"));
    let swapped = replaced(
        &one.to_pkcs8_der(),
        &one.public_key().as_point().to_sec1(),
        &two.public_key().as_point().to_sec1(),
    );
    let refusal = Error::Malformed("SM2 private key, or a public key beside it that is not its own");
    assert_eq!(pki::key_file::KeyFile::read(&swapped).err(), Some(refusal));
    assert_eq!(Parts::new(&swapped, "1234").refusal(), Some(Error::Password));
    assert!(same(&unlocked(pem("PRIVATE KEY", &one.to_pkcs8_der()).as_bytes()), &one));
}
