//! Encryption under a password: PBES2, its Chinese twin, and the schemes of PKCS#12.
//!
//! ```text
//! PBES2-params ::= SEQUENCE { keyDerivationFunc AlgorithmIdentifier, encryptionScheme AlgorithmIdentifier }
//! PBKDF2-params ::= SEQUENCE {
//!   salt OCTET STRING, iterationCount INTEGER, keyLength INTEGER OPTIONAL,
//!   prf AlgorithmIdentifier DEFAULT hmacWithSHA1 }
//! pkcs-12PbeParams ::= SEQUENCE { salt OCTET STRING, iterations INTEGER }
//! ```
//! The object identifiers of SM-PBES and SM-PBKDF (GM/T 0091) stand for the same structures, with HMAC-SM3 as the default.
//! None of the schemes authenticates: bad padding shows a wrong password 255 times out of 256, what is inside the rest.
//!
//! Source: RFC 8018, 5.2, 6.2 and A; RFC 7292, B and C; GM/T 0091.

mod cipher;
mod hash;
mod rfc7292;

use der::asn1::ObjectIdentifier;
use envelope::der::{INTEGER, SEQUENCE};
use zeroize::Zeroizing;

pub(crate) use self::{
    cipher::{Cipher, SM4_CBC},
    hash::{HMAC_SM3, Hash},
    rfc7292::{Purpose, derive},
};
use crate::{
    Error,
    asn1::{Reader, lookup},
};

pub(crate) const PBES2: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.113549.1.5.13");
pub(crate) const PBKDF2: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.113549.1.5.12");
const SM_PBES: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.156.10197.6.4.1.5.2");
const SM_PBKDF: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.156.10197.6.4.1.5.1");

/// The schemes of PKCS#12: SHA-1 and a cipher. Source: RFC 7292, appendix C.
const PKCS12_SCHEMES: [(ObjectIdentifier, Cipher); 4] = [
    (ObjectIdentifier::new_unwrap("1.2.840.113549.1.12.1.3"), Cipher::TripleDes),
    (ObjectIdentifier::new_unwrap("1.2.840.113549.1.12.1.4"), Cipher::TwoKeyTripleDes),
    (ObjectIdentifier::new_unwrap("1.2.840.113549.1.12.1.5"), Cipher::Rc2(16)),
    (ObjectIdentifier::new_unwrap("1.2.840.113549.1.12.1.6"), Cipher::Rc2(5)),
];

/// How many iterations of key derivations one file may cost, all derivations together.
///
/// The number stands in the file, which may be an attacker's. The default of ten million is a few seconds of one core and
/// a hundred times what tools write.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Effort(u64);

impl Effort {
    /// Ten million iterations.
    pub const DEFAULT: Self = Self(10_000_000);

    /// At most this many iterations.
    #[must_use]
    pub const fn new(iterations: u64) -> Self {
        Self(iterations)
    }

    /// Takes the cost of `iterations` for each of `blocks` blocks of output off what is left.
    pub(crate) fn take(&mut self, iterations: u32, blocks: usize) -> Result<(), Error> {
        let cost = u64::try_from(blocks).ok().and_then(|blocks| blocks.checked_mul(u64::from(iterations)));
        self.0 = cost.and_then(|cost| self.0.checked_sub(cost)).ok_or(Error::TooMuchWork)?;
        Ok(())
    }
}

impl Default for Effort {
    fn default() -> Self {
        Self::DEFAULT
    }
}

/// A password in one reading. Only the empty one has two: PKCS#12 ends its text with a zero character, but some tools
/// write nothing at all where there is no text.
#[derive(Clone, Copy)]
pub(crate) struct Password<'a> {
    text: &'a str,
    terminated: bool,
}

impl<'a> Password<'a> {
    pub(crate) const fn new(text: &'a str) -> Self {
        Self { text, terminated: true }
    }

    /// Every reading, the usual one first.
    pub(crate) fn readings(text: &'a str) -> impl Iterator<Item = Self> {
        let other = text.is_empty().then_some(Self { text, terminated: false });
        [Self::new(text)].into_iter().chain(other)
    }

    /// As PBES2 takes it.
    const fn utf8(self) -> &'a [u8] {
        self.text.as_bytes()
    }

    /// As PKCS#12 takes it: a BMPString with its terminator. What is beyond the basic plane is a surrogate pair, as
    /// OpenSSL writes it. Source: RFC 7292, B.1.
    pub(crate) fn bmp(self) -> Zeroizing<Vec<u8>> {
        // Each byte of UTF-8 is at most one unit of UTF-16, so the vector does not grow.
        let mut bytes = Zeroizing::new(Vec::with_capacity(2 * self.text.len() + 2));
        for unit in self.text.encode_utf16().chain(self.terminated.then_some(0)) {
            bytes.extend_from_slice(&unit.to_be_bytes());
        }
        bytes
    }
}

/// An AlgorithmIdentifier for encryption under a password.
#[derive(Debug)]
pub(crate) struct Scheme {
    derivation: Derivation,
    salt: Vec<u8>,
    iterations: u32,
    cipher: Cipher,
}

#[derive(Debug)]
enum Derivation {
    /// The initial vector stands in the parameters.
    Pbkdf2 {
        prf: Hash,
        iv: Vec<u8>,
    },
    Pkcs12,
}

impl Scheme {
    pub(crate) fn read(reader: &mut Reader<'_>) -> Result<Self, Error> {
        let (id, mut parameters) = reader.algorithm()?;
        if id == PBES2.as_bytes() || id == SM_PBES.as_bytes() {
            let mut both = parameters.enter(SEQUENCE)?;
            parameters.finish()?;
            return Self::read_pbes2(&mut both).and_then(|scheme| both.finish().map(|()| scheme));
        }
        let cipher = lookup(&PKCS12_SCHEMES, id).ok_or(Error::UnsupportedAlgorithm("password encryption"))?;
        let mut inner = parameters.enter(SEQUENCE)?;
        parameters.finish()?;
        let (salt, iterations) = (inner.octets()?.to_vec(), at_least_one(&mut inner)?);
        inner.finish()?;
        Ok(Self { derivation: Derivation::Pkcs12, salt, iterations, cipher })
    }

    fn read_pbes2(both: &mut Reader<'_>) -> Result<Self, Error> {
        let (id, mut parameters) = both.algorithm()?;
        let default = if id == PBKDF2.as_bytes() {
            Hash::Sha1
        } else if id == SM_PBKDF.as_bytes() {
            Hash::Sm3
        } else {
            return Err(Error::UnsupportedAlgorithm("key derivation"));
        };
        let mut derivation = parameters.enter(SEQUENCE)?;
        parameters.finish()?;
        if !derivation.at_octets() {
            return Err(Error::UnsupportedAlgorithm("salt of a key derivation"));
        }
        let (salt, iterations) = (derivation.octets()?.to_vec(), at_least_one(&mut derivation)?);
        let key_length = (derivation.peek() == Some(INTEGER)).then(|| derivation.number()).transpose()?;
        let prf = if derivation.is_empty() { default } else { Hash::read_prf(&mut derivation)? };
        derivation.finish()?;

        let (cipher, iv) = Cipher::read(both)?;
        if key_length.is_some_and(|length| usize::try_from(length) != Ok(cipher.key_len())) {
            return Err(both.malformed());
        }
        Ok(Self { derivation: Derivation::Pbkdf2 { prf, iv }, salt, iterations, cipher })
    }

    /// The plaintext, if the padding is good.
    ///
    /// # Errors
    /// [`Error::Password`], [`Error::TooMuchWork`].
    pub(crate) fn decrypt(
        &self,
        password: Password<'_>,
        ciphertext: &[u8],
        effort: &mut Effort,
    ) -> Result<Zeroizing<Vec<u8>>, Error> {
        let mut key = Zeroizing::new(vec![0; self.cipher.key_len()]);
        match &self.derivation {
            Derivation::Pbkdf2 { prf, iv } => {
                effort.take(self.iterations, key.len().div_ceil(prf.output_len()))?;
                prf.pbkdf2(password.utf8(), &self.salt, self.iterations, &mut key);
                self.cipher.decrypt(&key, iv, ciphertext)
            }
            Derivation::Pkcs12 => {
                let text = password.bmp();
                let mut part = |purpose, length| {
                    derive(Hash::Sha1, purpose, &text, &self.salt, self.iterations, length, effort)
                };
                let key = part(Purpose::Key, key.len())?;
                let iv = part(Purpose::Iv, self.cipher.block_len())?;
                self.cipher.decrypt(&key, &iv, ciphertext)
            }
        }
    }
}

fn at_least_one(reader: &mut Reader<'_>) -> Result<u32, Error> {
    match reader.number()? {
        0 => Err(reader.malformed()),
        iterations => Ok(iterations),
    }
}
