//! The key file of CFCA's tools (`.sm2`, "PKCS12_SM2" in SADK): an SM2 private key with its certificate.
//!
//! ```text
//! SEQUENCE {
//!   version INTEGER DEFAULT 1,
//!   SEQUENCE { contentType OBJECT IDENTIFIER, algorithm OBJECT IDENTIFIER, encryptedKey OCTET STRING },
//!   SEQUENCE { contentType OBJECT IDENTIFIER, certificate OCTET STRING } }
//! ```
//! Content types are data of GM/T 0010, the algorithm is SM4 or SM4-CBC. SM3(password || 00000001) is initial vector and key,
//! 16 bytes each; what is encrypted is d. There is neither salt nor iteration: whoever has the file tries passwords as fast as
//! he can hash, so nothing is written in this form. Only the certificate tells whether what opens is the right key.
//!
//! Source: there is no published document. As gmsm and files made by SADK have it.

use der::asn1::ObjectIdentifier;
use envelope::{
    Certificate,
    der::{INTEGER, SEQUENCE},
};
use sm_primitives::{sm2::PrivateKey, sm3::Sm3, sm4::cbc};
use zeroize::Zeroizing;

use crate::{Error, asn1::Reader};

const DATA: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.156.10197.6.1.4.2.1");
const SM4: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.156.10197.1.104");
const SM4_CBC: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.156.10197.1.104.2");

/// A key file of CFCA. The certificate lies open in it.
pub struct KeyFile {
    encrypted: Vec<u8>,
    certificate: Certificate,
}

impl KeyFile {
    /// Reads a key file, BER.
    ///
    /// # Errors
    /// [`Error::Malformed`], [`Error::UnsupportedAlgorithm`].
    pub fn read(bytes: &[u8]) -> Result<Self, Error> {
        let mut outer = Reader::whole(bytes, "key file of CFCA")?;
        if outer.peek() == Some(INTEGER) && outer.number()? != 1 {
            return Err(outer.malformed());
        }
        let mut key = outer.enter(SEQUENCE)?;
        let mut rest = outer.enter(SEQUENCE)?;
        outer.finish()?;
        if key.oid()? != DATA.as_bytes() || rest.oid()? != DATA.as_bytes() {
            return Err(key.malformed());
        }
        let algorithm = key.oid()?;
        if algorithm != SM4.as_bytes() && algorithm != SM4_CBC.as_bytes() {
            return Err(Error::UnsupportedAlgorithm("cipher"));
        }
        let encrypted = key.octets()?.to_vec();
        key.finish()?;
        // A certificate in an OCTET STRING, or as it is.
        let certificate =
            if rest.at_octets() { rest.octets()?.to_vec() } else { rest.next()?.whole.to_vec() };
        rest.finish()?;
        let certificate = Certificate::parse(&certificate)
            .map_err(|_| Error::Malformed("certificate in a key file of CFCA"))?;
        Ok(Self { encrypted, certificate })
    }

    /// The certificate, which no password protects.
    #[must_use]
    pub const fn certificate(&self) -> &Certificate {
        &self.certificate
    }

    /// Decrypts the key.
    ///
    /// # Errors
    /// [`Error::Password`]: another password, or damage, or the certificate of another key.
    pub fn open(&self, password: &str) -> Result<PrivateKey, Error> {
        let derived = Zeroizing::new(Sm3::new().chain(password.as_bytes()).chain(&[0, 0, 0, 1]).finalize());
        let ([iv, key], []) = derived.as_chunks() else { return Err(Error::Password) };
        let plain = cbc::decrypt_padded(key, iv, &self.encrypted).map_err(|_| Error::Password)?;
        // An integer: leading zeros may be missing.
        let mut d = Zeroizing::new([0; 32]);
        let place = 32_usize.checked_sub(plain.len()).and_then(|start| d.get_mut(start..));
        place.ok_or(Error::Password)?.copy_from_slice(&plain);
        let key = PrivateKey::from_bytes(&d).filter(|key| key.public_key() == self.certificate.public_key());
        key.ok_or(Error::Password)
    }
}
