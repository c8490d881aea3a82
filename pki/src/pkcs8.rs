//! Private keys of SM2: PKCS#8, encrypted or not, and SEC1.
//!
//! ```text
//! EncryptedPrivateKeyInfo ::= SEQUENCE { encryptionAlgorithm AlgorithmIdentifier, encryptedData OCTET STRING }
//! ```
//! Read is what [`password`](crate::password) knows; written is PBES2 with PBKDF2, HMAC-SM3 and SM4-CBC, field by field as
//! GmSSL 3 has it.
//!
//! Source: RFC 5958; GB/T 33560-2017 and GM/T 0091 for the algorithms.

use base64ct::{Base64, Encoding};
use der::asn1::ObjectIdentifier;
use envelope::der::{INTEGER, OCTET_STRING, SEQUENCE, element};
use sm_primitives::{
    rand_core::TryCryptoRng,
    sm2::PrivateKey,
    sm4::{self, cbc},
};
use zeroize::Zeroizing;

use crate::{
    Error,
    asn1::{self, Reader},
    password::{Cipher, Effort, HMAC_SM3, Hash, PBES2, PBKDF2, Password, SM4_CBC, Scheme},
};

/// Iterations that are written: a tenth of a second.
pub const ITERATIONS: u32 = 262_144;

/// PEM label of an encrypted key.
pub(crate) const ENCRYPTED_LABEL: &str = "ENCRYPTED PRIVATE KEY";

/// What [`Error::UnsupportedAlgorithm`] names for a key of another algorithm.
pub(crate) const OTHER_KEY: &str = "private key other than SM2";

const EC_PUBLIC_KEY: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.10045.2.1");
const SM2_CURVE: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.156.10197.1.301");

/// Reads a PrivateKeyInfo, DER. A public key in it must be that of the private key.
///
/// # Errors
/// [`Error::UnsupportedAlgorithm`] for a key of another algorithm or curve, [`Error::Malformed`] for everything else.
pub fn from_der(bytes: &[u8]) -> Result<PrivateKey, Error> {
    let what = "private key of PKCS#8";
    PrivateKey::from_pkcs8_der(bytes).map_err(|_| match is_sm2(bytes, what) {
        Ok(false) => Error::UnsupportedAlgorithm(OTHER_KEY),
        Ok(true) => Error::Malformed("SM2 private key, or a public key beside it that is not its own"),
        Err(error) => error,
    })
}

/// Reads an ECPrivateKey of SEC1 and RFC 5915, DER. A public key in it must be that of the private key.
///
/// # Errors
/// [`Error::Malformed`], also for a key that names another curve.
pub fn from_sec1_der(bytes: &[u8]) -> Result<PrivateKey, Error> {
    PrivateKey::from_sec1_der(bytes).map_err(|_| Error::Malformed("SM2 private key of SEC1"))
}

fn is_sm2(bytes: &[u8], what: &'static str) -> Result<bool, Error> {
    let mut info = Reader::whole(bytes, what)?;
    info.expect(INTEGER)?;
    let (id, mut parameters) = info.algorithm()?;
    let sm2 = id == EC_PUBLIC_KEY.as_bytes() && parameters.oid() == Ok(SM2_CURVE.as_bytes());
    info.octets()?;
    Ok(sm2)
}

/// An encrypted private key: how it is encrypted is known, what is inside not.
pub struct EncryptedKey {
    scheme: Scheme,
    ciphertext: Vec<u8>,
}

impl EncryptedKey {
    /// Reads an EncryptedPrivateKeyInfo, BER.
    ///
    /// # Errors
    /// [`Error::Malformed`], or [`Error::UnsupportedAlgorithm`].
    pub fn read(bytes: &[u8]) -> Result<Self, Error> {
        let mut outer = Reader::whole(bytes, "encrypted private key of PKCS#8")?;
        let key = Self::read_fields(&mut outer)?;
        outer.finish()?;
        Ok(key)
    }

    pub(crate) fn read_fields(reader: &mut Reader<'_>) -> Result<Self, Error> {
        Ok(Self { scheme: Scheme::read(reader)?, ciphertext: reader.octets()?.to_vec() })
    }

    /// Decrypts the key, with at most [`Effort::DEFAULT`] of work.
    ///
    /// # Errors
    /// As [`EncryptedKey::open_within`].
    pub fn open(&self, password: &str) -> Result<PrivateKey, Error> {
        self.open_within(password, &mut Effort::default())
    }

    /// Decrypts the key. The work is taken off `effort`.
    ///
    /// # Errors
    /// [`Error::Password`]: another password, or damage. [`Error::TooMuchWork`]; [`Error::UnsupportedAlgorithm`]: the key
    /// inside is not of SM2.
    pub fn open_within(&self, password: &str, effort: &mut Effort) -> Result<PrivateKey, Error> {
        self.open_reading(Password::new(password), effort)
    }

    pub(crate) fn open_reading(
        &self,
        password: Password<'_>,
        effort: &mut Effort,
    ) -> Result<PrivateKey, Error> {
        let info = self.scheme.decrypt(password, &self.ciphertext, effort)?;
        from_der(&info).map_err(|error| match error {
            // The padding came out right by chance.
            Error::Malformed(_) => Error::Password,
            other => other,
        })
    }
}

/// Encrypts a key: EncryptedPrivateKeyInfo in DER, about 250 bytes.
///
/// # Errors
/// [`Error::Unusable`] if the password is empty, [`Error::RandomFailed`].
///
/// # Panics
/// Never.
pub fn encrypt(
    key: &PrivateKey,
    password: &str,
    rng: &mut (impl TryCryptoRng + ?Sized),
) -> Result<Vec<u8>, Error> {
    if password.is_empty() {
        return Err(Error::Unusable("a private key under an empty password"));
    }
    let mut salt = [0; 16];
    let mut iv = [0; sm4::BLOCK_LEN];
    for random in [&mut salt, &mut iv] {
        rng.try_fill_bytes(random).map_err(|_| Error::RandomFailed)?;
    }
    let mut wrapping = Zeroizing::new([0; sm4::KEY_LEN]);
    Hash::Sm3.pbkdf2(password.as_bytes(), &salt, ITERATIONS, &mut *wrapping);
    let ciphertext = cbc::encrypt_padded(&wrapping, &iv, &key.to_pkcs8_der());

    let prf = asn1::algorithm(HMAC_SM3, &[]);
    let key_len = u32::try_from(Cipher::Sm4.key_len()).expect("16");
    let derivation = element(
        SEQUENCE,
        &[&element(OCTET_STRING, &[&salt]), &asn1::number(ITERATIONS), &asn1::number(key_len), &prf],
    );
    let both = element(
        SEQUENCE,
        &[&asn1::algorithm(PBKDF2, &derivation), &asn1::algorithm(SM4_CBC, &element(OCTET_STRING, &[&iv]))],
    );
    Ok(element(SEQUENCE, &[&asn1::algorithm(PBES2, &both), &element(OCTET_STRING, &[&ciphertext])]))
}

/// Encrypts a key: PEM `ENCRYPTED PRIVATE KEY`.
///
/// # Errors
/// As [`encrypt`].
pub fn encrypt_pem(
    key: &PrivateKey,
    password: &str,
    rng: &mut (impl TryCryptoRng + ?Sized),
) -> Result<String, Error> {
    Ok(pem(ENCRYPTED_LABEL, &encrypt(key, password, rng)?))
}

/// PEM with lines of 64 characters.
pub(crate) fn pem(label: &str, bytes: &[u8]) -> String {
    let base64 = Base64::encode_string(bytes);
    let lines: Vec<&str> =
        base64.as_bytes().chunks(64).filter_map(|line| str::from_utf8(line).ok()).collect();
    format!("-----BEGIN {label}-----\n{}\n-----END {label}-----\n", lines.join("\n"))
}
