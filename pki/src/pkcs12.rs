//! PKCS#12 files: private keys and certificates under a password.
//!
//! ```text
//! PFX ::= SEQUENCE { version INTEGER (3), authSafe ContentInfo, macData MacData OPTIONAL }
//! MacData ::= SEQUENCE { mac DigestInfo, macSalt OCTET STRING, iterations INTEGER DEFAULT 1 }
//! AuthenticatedSafe ::= SEQUENCE OF ContentInfo     -- data or encryptedData
//! SafeContents ::= SEQUENCE OF SafeBag
//! SafeBag ::= SEQUENCE { bagId OBJECT IDENTIFIER, bagValue [0] EXPLICIT ANY, bagAttributes SET OF Attribute OPTIONAL }
//! ```
//! BER is read as it is written by Java (indefinite lengths, strings in segments). The empty password is tried in both of its
//! forms. Keys of other algorithms are counted, not read; certificates are kept as they are.
//!
//! Source: RFC 7292.

mod bag;
mod mac;

use der::asn1::ObjectIdentifier;
use envelope::{
    Certificate,
    der::{CONSTRUCTED, SEQUENCE, context},
};
use sm_primitives::sm2::PrivateKey;
use zeroize::Zeroizing;

use self::mac::Mac;
use crate::{
    Error,
    asn1::Reader,
    key_file::KeyPair,
    password::{Effort, Password, Scheme},
    pkcs8,
};

const WHAT: &str = "PKCS#12";
const VERSION: u32 = 3;

const DATA: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.113549.1.7.1");
const ENCRYPTED_DATA: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.113549.1.7.6");

const EXPLICIT_0: u8 = context(0) | CONSTRUCTED;

/// A PKCS#12 file, of which only the outermost layer has been looked at.
pub struct Pkcs12 {
    /// AuthenticatedSafe. Keys may lie open in it.
    safe: Zeroizing<Vec<u8>>,
    mac: Option<Mac>,
}

/// What a PKCS#12 file holds.
#[derive(Default)]
pub struct Contents {
    /// Private keys of SM2, in their order.
    pub keys: Vec<Key>,
    /// Certificates of any algorithm, in their order.
    pub certificates: Vec<CertificateEntry>,
    /// Private keys of other algorithms.
    pub other_keys: usize,
    /// The file has a MAC, and it is right. Without one, only the keys tell that the password was.
    pub authenticated: bool,
}

/// A private key in a PKCS#12 file.
pub struct Key {
    /// The key.
    pub key: PrivateKey,
    /// Its names.
    pub names: Names,
}

/// A certificate in a PKCS#12 file.
#[derive(Clone, Debug)]
pub struct CertificateEntry {
    /// The certificate, DER as it is in the file; neither parsed nor verified.
    pub der: Vec<u8>,
    /// Its names.
    pub names: Names,
}

/// How a PKCS#12 file calls a key or a certificate.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Names {
    /// friendlyName.
    pub friendly_name: Option<String>,
    /// localKeyId: the same for a key and its certificate.
    pub local_key_id: Option<Vec<u8>>,
}

impl Pkcs12 {
    /// Reads the outermost layer of a file, BER.
    ///
    /// # Errors
    /// [`Error::Malformed`]; [`Error::UnsupportedAlgorithm`]: integrity by a signature, or by an unknown MAC.
    pub fn read(bytes: &[u8]) -> Result<Self, Error> {
        let mut outer = Reader::whole(bytes, WHAT)?;
        if outer.number()? != VERSION {
            return Err(outer.malformed());
        }
        let mut content = outer.enter(SEQUENCE)?;
        if content.oid()? != DATA.as_bytes() {
            return Err(Error::UnsupportedAlgorithm("integrity of PKCS#12 other than by password"));
        }
        let safe = explicit_octets(&mut content)?;
        content.finish()?;
        let mac = if outer.is_empty() { None } else { Some(Mac::read(&mut outer)?) };
        outer.finish()?;
        Ok(Self { safe, mac })
    }

    /// Opens the file with at most [`Effort::DEFAULT`] of work.
    ///
    /// # Errors
    /// As [`Pkcs12::open_within`].
    pub fn open(&self, password: &str) -> Result<Contents, Error> {
        self.open_within(password, &mut Effort::default())
    }

    /// Opens the file. The work is taken off `effort`.
    ///
    /// # Errors
    /// [`Error::Password`]: another password, or damage. [`Error::TooMuchWork`], [`Error::Malformed`],
    /// [`Error::UnsupportedAlgorithm`].
    pub fn open_within(&self, password: &str, effort: &mut Effort) -> Result<Contents, Error> {
        let mut outcome = Err(Error::Password);
        for password in Password::readings(password) {
            outcome = self.open_reading(password, effort);
            if outcome.as_ref().err() != Some(&Error::Password) {
                break;
            }
        }
        outcome
    }

    fn open_reading(&self, password: Password<'_>, effort: &mut Effort) -> Result<Contents, Error> {
        if let Some(mac) = &self.mac {
            mac.check(password, &self.safe, effort)?;
        }
        let mut contents = Contents { authenticated: self.mac.is_some(), ..Contents::default() };
        let mut safe = Reader::whole(&self.safe, WHAT)?;
        while !safe.is_empty() {
            let mut content = safe.enter(SEQUENCE)?;
            let kind = content.oid()?;
            if kind == DATA.as_bytes() {
                let bags = explicit_octets(&mut content)?;
                bag::read_all(&bags, password, effort, &mut contents)?;
            } else if kind == ENCRYPTED_DATA.as_bytes() {
                let bags = decrypt(&mut content, password, effort)?;
                // What was authenticated is what was meant; else a wrong password can have good padding.
                let read = bag::read_all(&bags, password, effort, &mut contents);
                read.map_err(|error| match error {
                    Error::Malformed(_) if self.mac.is_none() => Error::Password,
                    other => other,
                })?;
            } else {
                return Err(Error::UnsupportedAlgorithm("part of PKCS#12 for a recipient's key"));
            }
            content.finish()?;
        }
        Ok(contents)
    }
}

/// `[0] EXPLICIT OCTET STRING`
fn explicit_octets(reader: &mut Reader<'_>) -> Result<Zeroizing<Vec<u8>>, Error> {
    let mut explicit = reader.enter(EXPLICIT_0)?;
    let octets = explicit.octets()?;
    explicit.finish()?;
    Ok(octets)
}

/// The content of an EncryptedData. Source: RFC 5652, 8 and 6.1.
fn decrypt(
    content: &mut Reader<'_>,
    password: Password<'_>,
    effort: &mut Effort,
) -> Result<Zeroizing<Vec<u8>>, Error> {
    let mut explicit = content.enter(EXPLICIT_0)?;
    let mut data = explicit.enter(SEQUENCE)?;
    explicit.finish()?;
    data.number()?;
    let mut inner = data.enter(SEQUENCE)?;
    if inner.oid()? != DATA.as_bytes() {
        return Err(inner.malformed());
    }
    let scheme = Scheme::read(&mut inner)?;
    let ciphertext = inner.octets_under(context(0))?;
    inner.finish()?;
    scheme.decrypt(password, &ciphertext, effort)
}

impl Contents {
    /// The certificate of a key: it has the key's public key, and if several have, the same localKeyId.
    #[must_use]
    pub fn certificate_of(&self, key: &Key) -> Option<Certificate> {
        let own = |entry: &&CertificateEntry| {
            let certificate = Certificate::parse(&entry.der).ok()?;
            (certificate.public_key() == key.key.public_key()).then_some((certificate, entry.names.clone()))
        };
        let mut found: Vec<_> = self.certificates.iter().filter_map(|entry| own(&entry)).collect();
        let same = |(_, names): &(Certificate, Names)| {
            names.local_key_id.is_some() && names.local_key_id == key.names.local_key_id
        };
        let at = found.iter().position(same).unwrap_or(0);
        (at < found.len()).then(|| found.swap_remove(at).0)
    }

    /// Every key with its certificate.
    ///
    /// # Errors
    /// [`Error::UnsupportedAlgorithm`] if there are only keys of other algorithms, [`Error::Malformed`] if there is none.
    pub fn into_pairs(mut self) -> Result<Vec<KeyPair>, Error> {
        match (self.keys.is_empty(), self.other_keys) {
            (true, 0) => return Err(Error::Malformed("PKCS#12 without a private key")),
            (true, _) => return Err(Error::UnsupportedAlgorithm(pkcs8::OTHER_KEY)),
            (false, _) => {}
        }
        let keys = core::mem::take(&mut self.keys);
        let pair = |key: Key| {
            let certificate = self.certificate_of(&key);
            KeyPair { key: key.key, certificate }
        };
        Ok(keys.into_iter().map(pair).collect())
    }
}
