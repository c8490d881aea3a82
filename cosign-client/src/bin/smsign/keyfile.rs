//! Keys and certificates from files.

use std::path::Path;

use cosign_client::{Error, files};
use cosign_core::Purpose;
use envelope::{Certificate, ContentKey, Sm2Recipient};
use pki::key_file::{KeyFile, KeyPair};
use sm_primitives::sm2::{PrivateKey, PublicKey};
use zeroize::Zeroizing;

use crate::{output::Failure, pin_entry::PasswordEntry};

/// No key or certificate file is longer.
const MAX_LEN: u64 = 256 * 1024;

/// What a file with public content holds.
pub(crate) enum PublicFile {
    Key(PublicKey),
    Certificate(Vec<u8>, PublicKey),
}

impl PublicFile {
    /// A public key (SPKI) or a certificate, PEM or DER.
    pub(crate) fn read(path: &Path) -> Result<Self, Error> {
        let content = files::read_small(path, MAX_LEN)?;
        let key = match std::str::from_utf8(&content) {
            Ok(text) if text.contains("-----BEGIN PUBLIC KEY-----") => PublicKey::from_spki_pem(text),
            _ => PublicKey::from_spki_der(&content),
        };
        if let Ok(key) = key {
            return Ok(Self::Key(key));
        }
        let bad = |what: String| Error::BadFile { path: path.to_owned(), what };
        match Certificate::parse(&content) {
            Ok(certificate) => Ok(Self::Certificate(content, *certificate.public_key())),
            Err(envelope::Error::InvalidCertificate(envelope::error::InvalidCertificate::Malformed)) => {
                Err(bad("neither an SM2 public key nor a certificate".into()))
            }
            Err(error) => Err(bad(error.to_string())),
        }
    }

    pub(crate) const fn public_key(&self) -> &PublicKey {
        match self {
            Self::Key(key) | Self::Certificate(_, key) => key,
        }
    }

    /// The holder as a recipient of envelopes.
    pub(crate) fn recipient(&self, path: &Path) -> Result<Sm2Recipient, Error> {
        match self {
            Self::Key(key) => Ok(Sm2Recipient::from_public_key(key)),
            Self::Certificate(certificate, _) => Sm2Recipient::from_certificate(certificate)
                .map_err(|error| Error::BadFile { path: path.to_owned(), what: error.to_string() }),
        }
    }
}

/// A private key in any form of [`pki::key_file`], or 64 hexadecimal digits. For a file that is under a password it is asked.
/// Of several keys in a file it is the one whose certificate permits `purpose`.
pub(crate) fn private_key(
    path: &Path,
    purpose: Purpose,
    passwords: &PasswordEntry,
) -> Result<PrivateKey, Failure> {
    let content = Zeroizing::new(files::read_small(path, MAX_LEN)?);
    if let Some(digits) = hex_digits::<32>(&content)
        && let Some(key) = PrivateKey::from_bytes(&digits)
    {
        return Ok(key);
    }
    let bad = |what: String| Error::BadFile { path: path.to_owned(), what };
    match KeyFile::read(&content).map_err(|error| bad(error.to_string()))? {
        KeyFile::Open(key) => Ok(*key),
        KeyFile::Locked(file) => {
            let pairs = passwords.open(path, |password| file.open(password))?;
            let count = pairs.len();
            let key = pick(pairs, purpose);
            Ok(key.ok_or_else(|| {
                bad(format!("holds {count} private keys, and not one certificate tells which"))
            })?)
        }
    }
}

/// The only key, or the only one whose certificate permits what it is wanted for.
fn pick(mut pairs: Vec<KeyPair>, purpose: Purpose) -> Option<PrivateKey> {
    if pairs.len() > 1 {
        pairs.retain(|pair| {
            pair.certificate.as_ref().is_some_and(|certificate| match purpose {
                Purpose::Sign => certificate.permits_signing(),
                Purpose::Encrypt => certificate.permits_encryption(),
            })
        });
    }
    let [pair] = <[KeyPair; 1]>::try_from(pairs).ok()?;
    Some(pair.key)
}

/// An SM4 key: 32 hexadecimal digits.
pub(crate) fn content_key(path: &Path) -> Result<ContentKey, Error> {
    let content = Zeroizing::new(files::read_small(path, MAX_LEN)?);
    hex_digits::<16>(&content)
        .and_then(|key| ContentKey::from_bytes(Zeroizing::new(key.to_vec())).ok())
        .ok_or_else(|| Error::BadFile { path: path.to_owned(), what: "not 32 hexadecimal digits".into() })
}

/// The bytes that `text` spells, which may have space around it.
fn hex_digits<const N: usize>(text: &[u8]) -> Option<Zeroizing<[u8; N]>> {
    let mut bytes = Zeroizing::new([0; N]);
    hex::decode_to_slice(text.trim_ascii(), &mut *bytes).ok()?;
    Some(bytes)
}
