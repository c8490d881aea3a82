//! A file with a private key, whatever its form.
//!
//! | form | as | under a password |
//! |---|---|---|
//! | PKCS#8 | DER, PEM `PRIVATE KEY` | no |
//! | SEC1 | DER, PEM `EC PRIVATE KEY`, `SM2 PRIVATE KEY` | no |
//! | encrypted PKCS#8 | BER, PEM `ENCRYPTED PRIVATE KEY` | yes |
//! | PKCS#12 | BER, PEM, base64 | yes |
//! | CFCA's `.sm2` | BER, PEM, base64 | yes |
//!
//! What stands before the key in a PEM file (parameters, certificates, attributes in words) is skipped.

use base64ct::{Base64, Encoding};
use envelope::{
    Certificate,
    der::{CONSTRUCTED, INTEGER, OCTET_STRING, SEQUENCE},
};
use sm_primitives::sm2::PrivateKey;
use zeroize::Zeroizing;

use crate::{
    Error,
    asn1::Reader,
    cfca,
    password::Effort,
    pkcs8::{self, EncryptedKey},
    pkcs12::Pkcs12,
};

/// A key file, read as far as it goes without a password.
pub enum KeyFile {
    /// A key that lies open.
    Open(Box<PrivateKey>),
    /// A file that a password opens.
    Locked(Locked),
}

/// A key file that a password opens.
pub enum Locked {
    /// PKCS#8.
    Pkcs8(EncryptedKey),
    /// PKCS#12.
    Pkcs12(Pkcs12),
    /// CFCA's own form.
    Cfca(Box<cfca::KeyFile>),
}

/// A private key and the certificate of its public key, if the file has one.
pub struct KeyPair {
    /// The key.
    pub key: PrivateKey,
    /// Its certificate.
    pub certificate: Option<Certificate>,
}

impl KeyFile {
    /// Reads a key file.
    ///
    /// # Errors
    /// [`Error::Malformed`]: none of the forms. [`Error::UnsupportedAlgorithm`].
    pub fn read(bytes: &[u8]) -> Result<Self, Error> {
        match bytes.first() {
            Some(&SEQUENCE) => Self::from_ber(bytes),
            _ => Self::from_ber(&text(bytes)?),
        }
    }

    fn from_ber(bytes: &[u8]) -> Result<Self, Error> {
        let mut outer = Reader::whole(bytes, NONE)?;
        let mut version = None;
        let mut tags = Vec::new();
        while tags.len() < 3
            && let Some(tag) = outer.peek()
        {
            if tag == INTEGER && tags.is_empty() {
                version = Some(outer.number()?);
            } else {
                outer.next()?;
            }
            // A string in segments is a string.
            tags.push(if tag == OCTET_STRING | CONSTRUCTED { OCTET_STRING } else { tag });
        }
        match (tags.as_slice(), version) {
            ([INTEGER, SEQUENCE, OCTET_STRING], _) => pkcs8::from_der(bytes).map(Self::open),
            ([INTEGER, OCTET_STRING, ..], _) => pkcs8::from_sec1_der(bytes).map(Self::open),
            ([SEQUENCE, OCTET_STRING], _) => Ok(Self::Locked(Locked::Pkcs8(EncryptedKey::read(bytes)?))),
            ([INTEGER, SEQUENCE, ..], Some(3)) => Ok(Self::Locked(Locked::Pkcs12(Pkcs12::read(bytes)?))),
            ([SEQUENCE, SEQUENCE] | [INTEGER, SEQUENCE, SEQUENCE], _) => {
                Ok(Self::Locked(Locked::Cfca(Box::new(cfca::KeyFile::read(bytes)?))))
            }
            _ => Err(Error::Malformed(NONE)),
        }
    }

    fn open(key: PrivateKey) -> Self {
        Self::Open(Box::new(key))
    }
}

impl Locked {
    /// Opens the file: every SM2 key in it, at least one, with at most [`Effort::DEFAULT`] of work.
    ///
    /// # Errors
    /// As [`Locked::open_within`].
    pub fn open(&self, password: &str) -> Result<Vec<KeyPair>, Error> {
        self.open_within(password, &mut Effort::default())
    }

    /// Opens the file: every SM2 key in it, at least one. The work is taken off `effort`.
    ///
    /// # Errors
    /// [`Error::Password`]: another password, or damage. [`Error::TooMuchWork`]. [`Error::UnsupportedAlgorithm`]: there are
    /// only keys of other algorithms, or the encryption inside is one. [`Error::Malformed`]: there is no key.
    pub fn open_within(&self, password: &str, effort: &mut Effort) -> Result<Vec<KeyPair>, Error> {
        match self {
            Self::Pkcs8(file) => {
                Ok(vec![KeyPair { key: file.open_within(password, effort)?, certificate: None }])
            }
            Self::Cfca(file) => {
                Ok(vec![KeyPair { key: file.open(password)?, certificate: Some(file.certificate().clone()) }])
            }
            Self::Pkcs12(file) => file.open_within(password, effort)?.into_pairs(),
        }
    }

    /// What it is, for people.
    #[must_use]
    pub const fn form(&self) -> &'static str {
        match self {
            Self::Pkcs8(_) => "encrypted PKCS#8",
            Self::Pkcs12(_) => "PKCS#12",
            Self::Cfca(_) => "key file of CFCA",
        }
    }
}

const NONE: &str = "key file: neither PKCS#8 nor SEC1, PKCS#12 or CFCA's form, in BER, PEM or base64";

const BEGIN: &str = "-----BEGIN ";
/// Labels of what may be read here.
const LABELS: [&str; 7] =
    ["PRIVATE KEY", "EC PRIVATE KEY", "SM2 PRIVATE KEY", pkcs8::ENCRYPTED_LABEL, "PKCS12", "PFX", "CFCA KEY"];

/// The bytes of the first PEM block that is a key, or of base64 without any label.
fn text(bytes: &[u8]) -> Result<Zeroizing<Vec<u8>>, Error> {
    let text = str::from_utf8(bytes).map_err(|_| Error::Malformed(NONE))?;
    if !text.contains(BEGIN) {
        return base64(text);
    }
    let mut rest = text;
    while let Some((_, block)) = rest.split_once(BEGIN) {
        let (label, body) = block.split_once("-----").ok_or(Error::Malformed(NONE))?;
        rest = body;
        if LABELS.contains(&label) {
            let end = format!("-----END {label}-----");
            let (body, _) = body.split_once(&end).ok_or(Error::Malformed("PEM block without its end"))?;
            if body.contains("DEK-Info:") {
                return Err(Error::UnsupportedAlgorithm("PEM encrypted in the old way (DEK-Info)"));
            }
            return base64(body);
        }
    }
    Err(Error::Malformed(NONE))
}

fn base64(text: &str) -> Result<Zeroizing<Vec<u8>>, Error> {
    let mut digits = Zeroizing::new(String::with_capacity(text.len()));
    digits.extend(text.split_ascii_whitespace());
    let mut decoded = Zeroizing::new(vec![0; digits.len() / 4 * 3]);
    let length = Base64::decode(digits.as_bytes(), &mut decoded).map_err(|_| Error::Malformed(NONE))?.len();
    decoded.truncate(length);
    Ok(decoded)
}
