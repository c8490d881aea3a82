//! Sealed data: the signature of a holder of a seal.

use pki::fields::{Fields, SEQUENCE};
use pki::{Certificate, ObjectIdentifier, Time};

use super::read::{self, malformed, only};
use super::seal::{ElectronicSeal, Extension, Version};
use super::signature::SignatureValue;
use crate::error::Error;

const WHAT: &str = "sealed data";

/// A document's digest and a moment under a seal, signed by a holder of the seal.
///
/// Source: GB/T 38540-2020, SES_Signature; GM/T 0031-2014, 6.2.
#[derive(Clone, Debug)]
pub struct SealedData {
    version: u32,
    seal: ElectronicSeal,
    time_info: Vec<u8>,
    time: Option<Time>,
    data_hash: Vec<u8>,
    property_info: String,
    extensions: Vec<Extension>,
    signed: Vec<u8>,
    signature: SignatureValue,
    time_stamp: Option<Vec<u8>>,
}

impl SealedData {
    /// Reads sealed data of any edition. Nothing is verified. Zeros behind it are ignored.
    ///
    /// # Errors
    /// [`Error::Malformed`], [`Error::TooLarge`].
    pub fn parse(bytes: &[u8]) -> Result<Self, Error> {
        let whole = only(bytes, WHAT)?;
        let mut fields = Fields::new(whole.body, WHAT);
        let elements = read::count(&fields)?;
        let to_sign = fields.expect(SEQUENCE).map_err(malformed)?;
        let mut inner = Fields::new(to_sign.body, WHAT);
        let version = inner.small().map_err(malformed)?;
        let seal = ElectronicSeal::parse(inner.expect(SEQUENCE).map_err(malformed)?.whole)?;
        let first = seal.version() == Version::V1;
        if first != (elements == 2) {
            return Err(Error::Malformed("sealed data of another edition than its seal"));
        }
        // GM/T 0031-2014 leaves the form of the time open; GB/T 38540 has a GeneralizedTime.
        let (time_info, time) = if first {
            let bytes = read::bits(&mut inner)?;
            (bytes.to_vec(), read::loose_time(bytes))
        } else {
            let element = inner.next().map_err(malformed)?;
            (element.body.to_vec(), read::loose_time(element.whole))
        };
        let data_hash = read::bits(&mut inner)?.to_vec();
        let property_info = read::text(&mut inner)?;
        let (signature, extensions, time_stamp) = if first {
            let certificate = read::octets(&mut inner)?.to_vec();
            let algorithm = read::algorithm(&mut inner)?;
            let value = read::bits(&mut fields)?.to_vec();
            (SignatureValue { certificate, algorithm, value }, Vec::new(), None)
        } else {
            let extensions = read::extensions(&mut inner)?;
            let certificate = read::octets(&mut fields)?.to_vec();
            let algorithm: ObjectIdentifier = read::algorithm(&mut fields)?;
            let value = read::bits(&mut fields)?.to_vec();
            let time_stamp = read::time_stamp(&mut fields)?;
            (SignatureValue { certificate, algorithm, value }, extensions, time_stamp)
        };
        inner.finish().map_err(malformed)?;
        fields.finish().map_err(malformed)?;
        let signed = to_sign.whole.to_vec();
        Ok(Self {
            version,
            seal,
            time_info,
            time,
            data_hash,
            property_info,
            extensions,
            signed,
            signature,
            time_stamp,
        })
    }

    /// Whether the holder of its certificate signed it; gives that certificate. Its chain, the seal within and whether it is
    /// among the seal's holders are the caller's to judge.
    ///
    /// # Errors
    /// As [`SignatureValue::verify`].
    pub fn verify_signature(&self) -> Result<Certificate, Error> {
        self.signature.verify(&self.signed)
    }

    /// What it says its edition is: 1, 4 or 5. Some write others.
    #[must_use]
    pub const fn version(&self) -> u32 {
        self.version
    }

    /// The seal.
    #[must_use]
    pub const fn seal(&self) -> &ElectronicSeal {
        &self.seal
    }

    /// When the signer says it was made; `None` if that cannot be read.
    #[must_use]
    pub const fn time(&self) -> Option<Time> {
        self.time
    }

    /// The time as it came.
    #[must_use]
    pub fn time_info(&self) -> &[u8] {
        &self.time_info
    }

    /// The digest of what was sealed: 32 bytes by SM3.
    #[must_use]
    pub fn data_hash(&self) -> &[u8] {
        &self.data_hash
    }

    /// What was sealed: in OFD the path of the description of the signature.
    #[must_use]
    pub fn property_info(&self) -> &str {
        &self.property_info
    }

    /// Its extensions.
    #[must_use]
    pub fn extensions(&self) -> &[Extension] {
        &self.extensions
    }

    /// The signature, with the signer's certificate as it came.
    #[must_use]
    pub const fn signature(&self) -> &SignatureValue {
        &self.signature
    }

    /// A time-stamp token over the octets of the signature, not verified.
    #[must_use]
    pub fn time_stamp(&self) -> Option<&[u8]> {
        self.time_stamp.as_deref()
    }
}
