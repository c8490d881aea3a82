//! Ciphertexts as bytes: the DER of GM/T 0009-2012, clause 7.2, and the two plain concatenations.

use alloc::vec::Vec;

use der::{
    Decode, DecodeValue, Encode, EncodeValue, Header, Length, Reader, Sequence, Writer,
    asn1::{OctetStringRef, UintRef},
};

use super::{Ciphertext, check_length};
use crate::{Error, PublicPoint, sm2::padded};

/// SM2Cipher ::= SEQUENCE { XCoordinate INTEGER, YCoordinate INTEGER, HASH OCTET STRING, CipherText OCTET STRING }
struct Sm2Cipher<'a> {
    x: UintRef<'a>,
    y: UintRef<'a>,
    hash: &'a OctetStringRef,
    ciphertext: &'a OctetStringRef,
}

impl<'a> DecodeValue<'a> for Sm2Cipher<'a> {
    type Error = der::Error;

    fn decode_value<R: Reader<'a>>(reader: &mut R, _: Header) -> der::Result<Self> {
        Ok(Self {
            x: reader.decode()?,
            y: reader.decode()?,
            hash: reader.decode()?,
            ciphertext: reader.decode()?,
        })
    }
}

impl EncodeValue for Sm2Cipher<'_> {
    fn value_len(&self) -> der::Result<Length> {
        self.x.encoded_len()?
            + self.y.encoded_len()?
            + self.hash.encoded_len()?
            + self.ciphertext.encoded_len()?
    }

    fn encode_value(&self, writer: &mut impl Writer) -> der::Result<()> {
        self.x.encode(writer)?;
        self.y.encode(writer)?;
        self.hash.encode(writer)?;
        self.ciphertext.encode(writer)
    }
}

impl<'a> Sequence<'a> for Sm2Cipher<'a> {}

impl Ciphertext {
    fn new(c1: &[u8; 64], c3: &[u8], c2: &[u8]) -> Result<Self, Error> {
        let c1 = PublicPoint::from_bytes(c1).ok_or(Error::InvalidPoint)?;
        let c3 = c3.try_into().map_err(|_| Error::InvalidLength)?;
        check_length(c2)?;
        Ok(Self { c1, c3, c2: c2.to_vec() })
    }

    /// Reads DER, strictly.
    ///
    /// # Errors
    /// [`Error::InvalidEncoding`] if it is not DER, [`Error::InvalidPoint`] if C1 is not on the curve,
    /// [`Error::InvalidLength`] if C3 is not 32 bytes long or C2 is empty.
    pub fn from_der(der: &[u8]) -> Result<Self, Error> {
        let parsed = Sm2Cipher::from_der(der).map_err(|_| Error::InvalidEncoding)?;
        let mut c1 = [0; 64];
        c1[..32].copy_from_slice(&padded(&parsed.x).ok_or(Error::InvalidPoint)?);
        c1[32..].copy_from_slice(&padded(&parsed.y).ok_or(Error::InvalidPoint)?);
        Self::new(&c1, parsed.hash.as_bytes(), parsed.ciphertext.as_bytes())
    }

    /// Writes DER.
    ///
    /// # Errors
    /// [`Error::InvalidLength`] if C2 is too long for DER (about 2^28 bytes).
    pub fn to_der(&self) -> Result<Vec<u8>, Error> {
        let c1 = self.c1.to_bytes();
        let encode = || -> der::Result<Vec<u8>> {
            Sm2Cipher {
                x: UintRef::new(&c1[..32])?,
                y: UintRef::new(&c1[32..])?,
                hash: OctetStringRef::new(&self.c3)?,
                ciphertext: OctetStringRef::new(&self.c2)?,
            }
            .to_der()
        };
        encode().map_err(|_| Error::InvalidLength)
    }

    /// Reads 04 || x || y || C3 || C2, the order of GB/T 32918.4-2016.
    ///
    /// # Errors
    /// [`Error::InvalidLength`] if it is shorter than 98 bytes, [`Error::InvalidEncoding`] if it does not start with
    /// 04, [`Error::InvalidPoint`] if C1 is not on the curve.
    pub fn from_c1c3c2(bytes: &[u8]) -> Result<Self, Error> {
        let (form, rest) = bytes.split_first().ok_or(Error::InvalidLength)?;
        if *form != 4 {
            return Err(Error::InvalidEncoding);
        }
        let (c1, rest) = rest.split_first_chunk().ok_or(Error::InvalidLength)?;
        let (c3, c2) = rest.split_at_checked(32).ok_or(Error::InvalidLength)?;
        Self::new(c1, c3, c2)
    }

    /// Writes 04 || x || y || C3 || C2.
    #[must_use]
    pub fn to_c1c3c2(&self) -> Vec<u8> {
        [self.c1.to_sec1().as_slice(), &self.c3, &self.c2].concat()
    }

    /// Reads x || y || C2 || C3, with or without 04 in front: the order of the drafts before 2012, still written by
    /// some products.
    ///
    /// A 04 is taken as the form byte if the point after it is on the curve; that an x starting with 04 passes for
    /// one has a probability of 2^-256.
    ///
    /// # Errors
    /// [`Error::InvalidLength`] if it is shorter than 97 bytes, [`Error::InvalidPoint`] if C1 is not on the curve.
    pub fn from_c1c2c3(bytes: &[u8]) -> Result<Self, Error> {
        let without_form = |bytes: &[u8]| {
            let (c1, rest) = bytes.split_first_chunk().ok_or(Error::InvalidLength)?;
            let (c2, c3) = rest.split_last_chunk::<32>().ok_or(Error::InvalidLength)?;
            Self::new(c1, c3, c2)
        };
        if let [4, rest @ ..] = bytes
            && let Ok(ciphertext) = without_form(rest)
        {
            return Ok(ciphertext);
        }
        without_form(bytes)
    }
}
