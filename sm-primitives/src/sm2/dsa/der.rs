//! SM2Signature ::= SEQUENCE { R INTEGER, S INTEGER }. Source: GM/T 0009-2012, clause 7.3.

use alloc::vec::Vec;

use der::{
    Decode, DecodeValue, Encode, EncodeValue, Header, Length, Reader, Sequence, Writer, asn1::UintRef,
};

use super::Signature;
use crate::{Error, Scalar, sm2::padded};

struct Sm2Signature<'a> {
    r: UintRef<'a>,
    s: UintRef<'a>,
}

impl<'a> DecodeValue<'a> for Sm2Signature<'a> {
    type Error = der::Error;

    fn decode_value<R: Reader<'a>>(reader: &mut R, _: Header) -> der::Result<Self> {
        Ok(Self { r: reader.decode()?, s: reader.decode()? })
    }
}

impl EncodeValue for Sm2Signature<'_> {
    fn value_len(&self) -> der::Result<Length> {
        self.r.encoded_len()? + self.s.encoded_len()?
    }

    fn encode_value(&self, writer: &mut impl Writer) -> der::Result<()> {
        self.r.encode(writer)?;
        self.s.encode(writer)
    }
}

impl<'a> Sequence<'a> for Sm2Signature<'a> {}

impl Signature {
    /// Reads DER, strictly: minimal lengths and integers, nothing after the end.
    ///
    /// # Errors
    /// [`Error::InvalidEncoding`] if it is not DER, [`Error::InvalidSignature`] if a value is out of range.
    pub fn from_der(der: &[u8]) -> Result<Self, Error> {
        let parsed = Sm2Signature::from_der(der).map_err(|_| Error::InvalidEncoding)?;
        let scalar =
            |v: UintRef<'_>| padded(&v).as_ref().and_then(Scalar::from_bytes).ok_or(Error::InvalidSignature);
        Self::from_scalars(scalar(parsed.r)?, scalar(parsed.s)?).ok_or(Error::InvalidSignature)
    }

    /// Writes DER, 8 to 72 bytes.
    ///
    /// # Panics
    /// Never.
    #[must_use]
    pub fn to_der(&self) -> Vec<u8> {
        let (r, s) = (self.r().to_bytes(), self.s().to_bytes());
        let integer = |bytes| UintRef::new(bytes).expect("32 bytes fit DER");
        Sm2Signature { r: integer(&r), s: integer(&s) }.to_der().expect("72 bytes fit DER")
    }
}
