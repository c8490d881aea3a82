//! Keys, samples, DER by hand, and OpenSSL.

use std::{
    path::{Path, PathBuf},
    process::Command,
};

use pki::key_file::{KeyFile, KeyPair, Locked};
use sm_primitives::{sm2::PrivateKey, sm3::Sm3};
use tempfile::TempDir;

/// The private key whose bytes are SM3(name).
pub(crate) fn key(name: &str) -> PrivateKey {
    PrivateKey::from_bytes(&Sm3::new().chain(name.as_bytes()).finalize()).unwrap()
}

pub(crate) fn key_of_hex(digits: &str) -> PrivateKey {
    let bytes: [u8; 32] = hex::decode(digits.trim()).unwrap().try_into().unwrap();
    PrivateKey::from_bytes(&bytes).unwrap()
}

/// One file of the samples, which are not part of this project.
pub(crate) fn sample(name: &str) -> Option<Vec<u8>> {
    let folder = std::env::var_os("COSIGN_SAMPLES").map_or_else(
        || Path::new(env!("CARGO_MANIFEST_DIR")).join("../../shared/data/samples"),
        PathBuf::from,
    );
    if !folder.is_dir() {
        println!("skipped: samples not present");
        return None;
    }
    let path = folder.join(name);
    Some(std::fs::read(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display())))
}

pub(crate) fn locked(bytes: &[u8]) -> Locked {
    match KeyFile::read(bytes).unwrap() {
        KeyFile::Locked(locked) => locked,
        KeyFile::Open(_) => panic!("the key lies open"),
    }
}

pub(crate) fn unlocked(bytes: &[u8]) -> PrivateKey {
    match KeyFile::read(bytes).unwrap() {
        KeyFile::Open(key) => *key,
        KeyFile::Locked(_) => panic!("the key asks for a password"),
    }
}

/// The only key of a file.
pub(crate) fn only(pairs: Vec<KeyPair>) -> KeyPair {
    let [pair] = <[KeyPair; 1]>::try_from(pairs).unwrap_or_else(|pairs| panic!("{} keys", pairs.len()));
    pair
}

pub(crate) fn same(a: &PrivateKey, b: &PrivateKey) -> bool {
    a.expose_bytes() == b.expose_bytes()
}

pub(crate) fn pem(label: &str, der: &[u8]) -> String {
    use base64ct::{Base64, Encoding};
    format!("-----BEGIN {label}-----\n{}\n-----END {label}-----\n", Base64::encode_string(der))
}

// ---- DER by hand

/// A definite length in its shortest form.
pub(crate) fn tlv(tag: u8, parts: &[&[u8]]) -> Vec<u8> {
    envelope::der::element(tag, parts)
}

/// OBJECT IDENTIFIER from its dotted form.
pub(crate) fn oid(dotted: &str) -> Vec<u8> {
    tlv(0x06, &[der::asn1::ObjectIdentifier::new_unwrap(dotted).as_bytes()])
}

/// `bytes` with the only place where `from` stands replaced; lengths around it stay right if those are equal.
pub(crate) fn replaced(bytes: &[u8], from: &[u8], to: &[u8]) -> Vec<u8> {
    let places: Vec<usize> =
        (0..bytes.len()).filter(|at| bytes.get(*at..).is_some_and(|rest| rest.starts_with(from))).collect();
    let [at] = places.as_slice() else { panic!("{} places", places.len()) };
    [&bytes[..*at], to, &bytes[at + from.len()..]].concat()
}

// ---- OpenSSL

/// A folder with a key and a certificate of it, and OpenSSL beside it; `None` where there is no OpenSSL.
pub(crate) struct OpenSsl {
    folder: TempDir,
    pub(crate) key: PrivateKey,
}

impl OpenSsl {
    pub(crate) fn new(name: &str) -> Option<Self> {
        if Command::new("openssl").arg("version").output().is_err() {
            println!("skipped: openssl is not installed");
            return None;
        }
        let openssl = Self { folder: TempDir::new().unwrap(), key: key(name) };
        openssl.write("key.pem", openssl.key.to_pkcs8_pem().as_bytes());
        openssl.run("req -new -x509 -key key.pem -subj /CN=Example -days 1000 -sm3 -out cert.pem");
        Some(openssl)
    }

    pub(crate) fn write(&self, name: &str, content: &[u8]) {
        std::fs::write(self.folder.path().join(name), content).unwrap();
    }

    pub(crate) fn read(&self, name: &str) -> Vec<u8> {
        std::fs::read(self.folder.path().join(name)).unwrap()
    }

    /// Runs `openssl` with words that spaces separate, and `''` for the empty one; its standard output.
    pub(crate) fn run(&self, arguments: &str) -> String {
        let words = arguments.split(' ').map(|word| if word == "''" { "" } else { word });
        let output = Command::new("openssl").args(words).current_dir(self.folder.path()).output().unwrap();
        let error = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "openssl {arguments}: {error}");
        String::from_utf8(output.stdout).unwrap()
    }
}
