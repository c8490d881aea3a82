//! Making seals and sealed data, in two phases.

use pki::fields::{
    BIT_STRING, GENERALIZED_TIME, IA5, INTEGER, OCTET_STRING, OID, SEQUENCE, constructed, element,
};
use pki::validate::Purpose;
use pki::{Certificate, SubjectKey, Time};
use sm_primitives::sm2::{DistId, PublicKey, Signature, dsa};

use super::data::SealedData;
use super::seal::{ElectronicSeal, Holders, PictureData, Version};
use super::signature::SM2_WITH_SM3;
use super::{MAX_HOLDERS, MAX_LEN};
use crate::error::Error;

const UTF8: u8 = 0x0c;
const PRINTABLE: u8 = 0x13;
/// Most bytes of a signature of SM2 in DER.
const MAX_SIGNATURE_LEN: usize = 72;

/// What a seal is to be.
#[derive(Clone, Debug)]
pub struct SealOrder<'a> {
    /// Whose software makes it: ASCII.
    pub vendor: &'a str,
    /// Its identifier, unique: ASCII.
    pub id: &'a str,
    /// 1: of an organisation; 2: of a person.
    pub kind: u8,
    /// Its name.
    pub name: &'a str,
    /// Who may seal with it: 1 to [`MAX_HOLDERS`].
    pub holders: Holders,
    /// When it is made.
    pub created: Time,
    /// From when to when it may be used, both included.
    pub validity: (Time, Time),
    /// Its picture.
    pub picture: PictureData,
}

impl SealOrder<'_> {
    /// The seal of V4, to be signed by the holder of the maker's certificate.
    ///
    /// # Errors
    /// [`Error::Unusable`]: a text that is empty or cannot be written, no holder or too many, a validity that ends before it
    /// begins, a picture without size, a maker's certificate that is not of SM2, does not permit to sign or is not valid when the
    /// seal is made; [`Error::TooLarge`].
    ///
    /// Source: GB/T 38540-2020, SES_SealInfo.
    pub fn unsigned(&self, maker: &Certificate) -> Result<UnsignedSeal, Error> {
        let key = signing_key(maker, self.created, Purpose::SealMaker)?;
        if self.validity.0 > self.validity.1 {
            return Err(Error::Unusable("the seal's validity ends before it begins"));
        }
        if self.name.is_empty()
            || self.picture.data.is_empty()
            || self.picture.width == 0
            || self.picture.height == 0
        {
            return Err(Error::Unusable("a seal has a name, and a picture with a size"));
        }
        let header = element(
            SEQUENCE,
            &[&element(IA5, &[b"ES"]), &element(INTEGER, &[&[Version::V4.number()]]), &ia5(self.vendor)?],
        );
        let (kind, holders) = holders(&self.holders)?;
        let property = element(
            SEQUENCE,
            &[
                &integer(self.kind.into()),
                &element(UTF8, &[self.name.as_bytes()]),
                &integer(kind),
                &holders,
                &generalized(self.created),
                &generalized(self.validity.0),
                &generalized(self.validity.1),
            ],
        );
        let picture = element(
            SEQUENCE,
            &[
                &ia5(&self.picture.format)?,
                &element(OCTET_STRING, &[&self.picture.data]),
                &integer(self.picture.width),
                &integer(self.picture.height),
            ],
        );
        let info = element(SEQUENCE, &[&header, &ia5(self.id)?, &property, &picture]);
        if info.len() + maker.as_der().len() > MAX_LEN / 2 {
            return Err(Error::TooLarge("electronic seal"));
        }
        let digest = DistId::default().digest(&key, &info);
        Ok(UnsignedSeal { info, digest, key, maker: maker.as_der().to_vec() })
    }
}

/// A seal without the signature of its maker.
#[derive(Debug)]
pub struct UnsignedSeal {
    info: Vec<u8>,
    digest: [u8; 32],
    key: PublicKey,
    maker: Vec<u8>,
}

impl UnsignedSeal {
    /// What the maker signs: `e` of GB/T 32918.2.
    #[must_use]
    pub const fn digest(&self) -> &[u8; 32] {
        &self.digest
    }

    /// The seal with this signature.
    ///
    /// # Errors
    /// [`Error::InvalidSignature`]: of another key or another digest.
    pub fn complete(self, signature: &Signature) -> Result<ElectronicSeal, Error> {
        dsa::verify_digest(&self.key, &self.digest, signature).map_err(|_| Error::InvalidSignature)?;
        let der = element(SEQUENCE, &[&self.info, &signed_by(&self.maker, signature)]);
        ElectronicSeal::parse(&der)
    }
}

/// Sealed data over the digest (SM3) of a document, to be signed by the holder of a certificate. `property_info` says what was
/// digested: in OFD the path of the description of the signature.
///
/// # Errors
/// [`Error::Unusable`]: the seal is of an edition that is only read, is not valid at `time`, or the certificate is not among its
/// holders, is not of SM2, does not permit to sign or is not valid at `time`; [`Error::InvalidSignature`],
/// [`Error::Certificate`], [`Error::Unsupported`]: the seal itself is not signed by its maker.
///
/// Source: GB/T 38540-2020, TBS_Sign; GM/T 0031-2014, 6.2.2.
pub fn unsigned_data(
    seal: &ElectronicSeal,
    signer: &Certificate,
    time: Time,
    data_hash: &[u8; 32],
    property_info: &str,
) -> Result<UnsignedData, Error> {
    if seal.version() == Version::V1 {
        return Err(Error::Unusable("seals of GM/T 0031-2014 are only read: let the seal be made anew"));
    }
    let key = signing_key(signer, time, Purpose::DocumentSigning)?;
    let (from, until) = seal.validity();
    if time < from || time > until {
        return Err(Error::Unusable("the seal is not valid at this time"));
    }
    if !seal.holders().contain(signer.as_der()) {
        return Err(Error::Unusable("the certificate is not among the holders of the seal"));
    }
    seal.verify_signature()?;
    let to_sign = element(
        SEQUENCE,
        &[
            &element(INTEGER, &[&[seal.version().number()]]),
            seal.as_der(),
            &generalized(time),
            &element(BIT_STRING, &[&[0], data_hash]),
            &ia5(property_info)?,
        ],
    );
    let digest = DistId::default().digest(&key, &to_sign);
    Ok(UnsignedData { to_sign, digest, key, signer: signer.as_der().to_vec() })
}

/// Sealed data without the signature of the holder.
#[derive(Debug)]
pub struct UnsignedData {
    to_sign: Vec<u8>,
    digest: [u8; 32],
    key: PublicKey,
    signer: Vec<u8>,
}

impl UnsignedData {
    /// What the holder signs: `e` of GB/T 32918.2.
    #[must_use]
    pub const fn digest(&self) -> &[u8; 32] {
        &self.digest
    }

    /// Most bytes of the whole, with a time-stamp token of `time_stamp` bytes if there is to be one.
    #[must_use]
    pub fn max_len(&self, time_stamp: Option<usize>) -> usize {
        // Heads of elements take at most 6 bytes for lengths that are read.
        let head = 6;
        let fixed = self.to_sign.len() + self.signer.len() + 10 + MAX_SIGNATURE_LEN + 4 * head;
        fixed + time_stamp.map_or(0, |len| len + 2 * head + 1)
    }

    /// The sealed data with this signature, and a time-stamp token over the octets of the signature (in DER) if there is one.
    ///
    /// # Errors
    /// [`Error::InvalidSignature`]: of another key or another digest.
    pub fn complete(self, signature: &Signature, time_stamp: Option<&[u8]>) -> Result<SealedData, Error> {
        SealedData::parse(&self.to_der(signature, time_stamp)?)
    }

    /// As [`UnsignedData::complete`], as bytes.
    ///
    /// # Errors
    /// As [`UnsignedData::complete`].
    pub fn to_der(&self, signature: &Signature, time_stamp: Option<&[u8]>) -> Result<Vec<u8>, Error> {
        dsa::verify_digest(&self.key, &self.digest, signature).map_err(|_| Error::InvalidSignature)?;
        let time_stamp = time_stamp
            .map(|token| element(constructed(0), &[&element(BIT_STRING, &[&[0], token])]))
            .unwrap_or_default();
        Ok(element(SEQUENCE, &[&self.to_sign, &signed_by(&self.signer, signature), &time_stamp]))
    }
}

/// The key of a certificate that may sign at this time.
fn signing_key(certificate: &Certificate, time: Time, purpose: Purpose) -> Result<PublicKey, Error> {
    let SubjectKey::Sm2(key) = certificate.key() else {
        return Err(Error::Unusable("a certificate that is not of SM2"));
    };
    purpose.permits(certificate).map_err(Error::Unusable)?;
    let validity = certificate.validity();
    if time < validity.not_before || time > validity.not_after {
        return Err(Error::Unusable("the certificate is not valid at this time"));
    }
    Ok(*key)
}

/// Certificate, algorithm and signature.
fn signed_by(certificate: &[u8], signature: &Signature) -> Vec<u8> {
    let mut out = element(OCTET_STRING, &[certificate]);
    out.extend(element(OID, &[SM2_WITH_SM3.as_bytes()]));
    out.extend(element(BIT_STRING, &[&[0], &signature.to_der()]));
    out
}

fn holders(holders: &Holders) -> Result<(u32, Vec<u8>), Error> {
    let (kind, list): (u32, Vec<Vec<u8>>) = match holders {
        Holders::Certificates(list) => (1, list.iter().map(|der| element(OCTET_STRING, &[der])).collect()),
        Holders::Digests(list) => {
            let object = |(name, digest): &(String, Vec<u8>)| {
                element(
                    SEQUENCE,
                    &[&element(PRINTABLE, &[name.as_bytes()]), &element(OCTET_STRING, &[digest])],
                )
            };
            (2, list.iter().map(object).collect())
        }
    };
    if list.is_empty() || list.len() > MAX_HOLDERS {
        return Err(Error::Unusable("a seal without holders, or with too many"));
    }
    Ok((kind, element(SEQUENCE, &[&list.concat()])))
}

/// An IA5String of 1 to 1024 printable characters.
fn ia5(text: &str) -> Result<Vec<u8>, Error> {
    if text.is_empty() || text.len() > 1024 || !text.bytes().all(|byte| matches!(byte, 0x20..=0x7e)) {
        return Err(Error::Unusable("a text that has to be ASCII, of 1 to 1024 characters"));
    }
    Ok(element(IA5, &[text.as_bytes()]))
}

fn integer(value: u32) -> Vec<u8> {
    let bytes = value.to_be_bytes();
    let skip = bytes.iter().take(3).take_while(|byte| **byte == 0).count();
    let bytes = bytes.get(skip..).unwrap_or_default();
    let sign: &[u8] = if bytes.first().is_some_and(|byte| byte & 0x80 != 0) { &[0] } else { &[] };
    element(INTEGER, &[sign, bytes])
}

fn generalized(time: Time) -> Vec<u8> {
    let digits: String = time.to_string().chars().filter(char::is_ascii_digit).collect();
    element(GENERALIZED_TIME, &[digits.as_bytes(), b"Z"])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn integers_and_times_are_der() {
        assert_eq!(integer(0), [2, 1, 0]);
        assert_eq!(integer(0x7f), [2, 1, 0x7f]);
        assert_eq!(integer(0x80), [2, 2, 0, 0x80]);
        assert_eq!(integer(0x1234), [2, 2, 0x12, 0x34]);
        assert_eq!(integer(0xffff_ffff), [2, 5, 0, 0xff, 0xff, 0xff, 0xff]);
        let time = Time::from_unix(1_769_832_306).unwrap();
        assert_eq!(generalized(time), [&[0x18, 15][..], b"20260131040506Z"].concat());
    }

    #[test]
    fn texts_are_ascii_and_bounded() {
        assert_eq!(ia5("ES"), Ok(vec![0x16, 2, b'E', b'S']));
        for text in ["", "章", "a\nb", &"x".repeat(1025)] {
            assert!(ia5(text).is_err());
        }
    }
}
