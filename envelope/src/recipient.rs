//! Who a message is for: the two traits that carry the idea, and the entry that one makes and the other reads.

use alloc::vec::Vec;
use core::fmt;

use sm_primitives::rand_core::TryCryptoRng;
use sm_primitives::sm2::{Ciphertext, PublicKey};
use sm_primitives::sm3::Sm3;

use crate::ber::Reader;
use crate::cms::Quirks;
use crate::der::{INTEGER, SEQUENCE, context, element};
use crate::error::{ApiMisuse, Error, InvalidMessage};
use crate::key::ContentKey;

/// Wraps the content key of a new message for somebody.
pub trait Recipient {
    /// The entry that lets this recipient, and nobody else, recover `key`.
    ///
    /// # Errors
    /// [`Error::RandomFailed`], or what else prevents wrapping.
    fn wrap_key(
        &self,
        key: &ContentKey,
        rng: &mut dyn TryCryptoRng<Error = Error>,
    ) -> Result<RecipientInfo, Error>;
}

/// Recovers the content key of a message from the entry made for it.
///
/// Two-party decryption is not an `Identity`, because it waits for a server: it takes the entry's
/// [`ciphertext`](RecipientInfo::ciphertext), obtains the plaintext wherever it likes and comes back with
/// [`ContentKey::from_bytes`].
pub trait Identity {
    /// `Ok(Some(key))`: recovered. `Ok(None)`: the entry is somebody else's.
    ///
    /// # Errors
    /// The entry is for this identity and broken.
    fn unwrap_key(&self, entry: &RecipientInfo) -> Result<Option<ContentKey>, Error>;
}

/// One recipient's entry in a message: who it is for, and the content key encrypted to that one.
#[derive(Clone, Debug)]
pub struct RecipientInfo {
    id: RecipientId,
    key: Result<Ciphertext, InvalidMessage>,
}

impl RecipientInfo {
    /// The entry of recipient `id` with the 16-byte content key encrypted to its SM2 key.
    #[must_use]
    pub fn new(id: RecipientId, encrypted_key: Ciphertext) -> Self {
        Self { id, key: Ok(encrypted_key) }
    }

    /// An entry whose key cannot be read. It is kept, because another entry of the message may still open it.
    pub(crate) const fn unreadable(id: RecipientId, defect: InvalidMessage) -> Self {
        Self { id, key: Err(defect) }
    }

    /// Who the entry is for.
    #[must_use]
    pub const fn id(&self) -> &RecipientId {
        &self.id
    }

    /// The encrypted content key: what two-party decryption takes.
    ///
    /// # Errors
    /// [`InvalidMessage::UnsupportedKeyEncryption`] or [`InvalidMessage::EncryptedKey`].
    pub fn ciphertext(&self) -> Result<&Ciphertext, Error> {
        self.key.as_ref().map_err(|&defect| defect.into())
    }
}

/// How a message names a recipient.
#[non_exhaustive]
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum RecipientId {
    /// A certificate, by its issuer and serial number. Another certificate of the same key has another name.
    IssuerAndSerial(IssuerAndSerial),
    /// A key, whatever certificate it has.
    SubjectKeyId(SubjectKeyId),
}

impl RecipientId {
    /// The name of a key in this crate: [`SubjectKeyId::of`].
    #[must_use]
    pub fn of_key(key: &PublicKey) -> Self {
        Self::SubjectKeyId(SubjectKeyId::of(key))
    }

    /// IssuerAndSerialNumber, or the key id under `[0]` IMPLICIT (RFC 5652, 6.2.1).
    pub(crate) fn to_der(&self) -> Vec<u8> {
        match self {
            Self::IssuerAndSerial(name) => {
                element(SEQUENCE, &[name.issuer(), &element(INTEGER, &[name.serial()])])
            }
            Self::SubjectKeyId(id) => element(context(0), &[id.as_bytes()]),
        }
    }
}

impl fmt::Display for RecipientId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::IssuerAndSerial(name) => {
                f.write_str("certificate ")?;
                write_hex(f, &name.serial)
            }
            Self::SubjectKeyId(id) => write!(f, "key {id}"),
        }
    }
}

/// Issuer and serial number of a certificate.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct IssuerAndSerial {
    issuer: Vec<u8>,
    serial: Vec<u8>,
}

impl IssuerAndSerial {
    /// `issuer`: the DER `Name` with its SEQUENCE tag, as it stands in the certificate. `serial`: the body of the DER
    /// INTEGER, big-endian two's complement.
    ///
    /// # Errors
    /// [`ApiMisuse::RecipientId`] if `issuer` is not one SEQUENCE or `serial` is empty.
    pub fn new(issuer: &[u8], serial: &[u8]) -> Result<Self, Error> {
        let mut reader = Reader::new(issuer);
        let name = reader.expect(SEQUENCE, &mut Quirks::default()).and_then(|_| reader.finish());
        if name.is_err() || serial.is_empty() {
            return Err(ApiMisuse::RecipientId.into());
        }
        Ok(Self { issuer: issuer.to_vec(), serial: serial.to_vec() })
    }

    /// The issuer's `Name` in DER.
    #[must_use]
    pub fn issuer(&self) -> &[u8] {
        &self.issuer
    }

    /// SEQUENCE of issuer and serial number in DER.
    pub(crate) fn to_der(&self) -> Vec<u8> {
        element(SEQUENCE, &[&self.issuer, &element(INTEGER, &[&self.serial])])
    }

    /// The serial number, big-endian two's complement.
    #[must_use]
    pub fn serial(&self) -> &[u8] {
        &self.serial
    }
}

/// Identifier of a key: 1 to 64 bytes. Certificates carry 20 as a rule, also 16 and 32.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct SubjectKeyId(Vec<u8>);

impl SubjectKeyId {
    /// Longest identifier in bytes.
    pub const MAX_LEN: usize = 64;

    /// An identifier as it stands in a certificate or a message.
    ///
    /// # Errors
    /// [`ApiMisuse::RecipientId`] unless there are 1 to 64 bytes.
    pub fn new(bytes: &[u8]) -> Result<Self, Error> {
        if bytes.is_empty() || bytes.len() > Self::MAX_LEN {
            return Err(ApiMisuse::RecipientId.into());
        }
        Ok(Self(bytes.to_vec()))
    }

    /// The identifier that this crate gives a key: the first 20 bytes of SM3(04 || X || Y), the hash taken over the
    /// 65-byte uncompressed point. It depends on the key alone, so an envelope addressed by it is found again after
    /// the certificate has been renewed, reissued or lost.
    #[must_use]
    pub fn of(key: &PublicKey) -> Self {
        let digest = Sm3::new().chain(&key.as_point().to_sec1()).finalize();
        Self(digest.into_iter().take(20).collect())
    }

    /// The bytes.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8] {
        &self.0
    }
}

impl fmt::Display for SubjectKeyId {
    /// Lower-case hex.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write_hex(f, &self.0)
    }
}

impl fmt::Debug for SubjectKeyId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SubjectKeyId({self})")
    }
}

fn write_hex(f: &mut fmt::Formatter<'_>, bytes: &[u8]) -> fmt::Result {
    bytes.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
}
