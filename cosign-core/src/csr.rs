//! Certification requests (PKCS#10, GM/T 0092) as far as the protocol needs them: one key, SM2 with SM3.

use alloc::vec::Vec;

use der::{
    Decode, Reader,
    asn1::{AnyRef, BitStringRef, ObjectIdentifier},
};
use sm_primitives::sm2::{PublicKey, Signature};
use spki::AlgorithmIdentifierRef;

/// SM2 signature with SM3: 1.2.156.10197.1.501.
const SM2_WITH_SM3: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.156.10197.1.501");
const COMMON_NAME: [u8; 5] = [0x06, 0x03, 0x55, 0x04, 0x03];

const SEQUENCE: u8 = 0x30;
const SET: u8 = 0x31;
const UTF8_STRING: u8 = 0x0c;
const BIT_STRING: u8 = 0x03;
const ATTRIBUTES: u8 = 0xa0;

/// `CertificationRequestInfo` for a subject with one common name and without attributes, DER.
///
/// The signature covers `SM3(Z || info)`.
#[must_use]
pub fn info(common_name: &str, public_key: &PublicKey) -> Vec<u8> {
    let value = tlv(UTF8_STRING, &[common_name.as_bytes()]);
    let attribute = tlv(SEQUENCE, &[&COMMON_NAME, &value]);
    let subject = tlv(SEQUENCE, &[&tlv(SET, &[&attribute])]);
    let version = [0x02, 0x01, 0x00];
    tlv(SEQUENCE, &[&version, &subject, &public_key.to_spki_der(), &[ATTRIBUTES, 0x00]])
}

/// `CertificationRequest` from its info and the signature over it, DER.
#[must_use]
pub fn assemble(info: &[u8], signature: &Signature) -> Vec<u8> {
    let oid = SM2_WITH_SM3.as_bytes();
    let algorithm = tlv(SEQUENCE, &[&tlv(0x06, &[oid])]);
    tlv(SEQUENCE, &[info, &algorithm, &tlv(BIT_STRING, &[&[0], &signature.to_der()])])
}

/// DER tag, shortest length, contents.
fn tlv(tag: u8, contents: &[&[u8]]) -> Vec<u8> {
    let length: usize = contents.iter().map(|part| part.len()).sum();
    let mut out = Vec::with_capacity(length + 10);
    out.push(tag);
    match u8::try_from(length) {
        Ok(short @ 0..=0x7f) => out.push(short),
        _ => {
            let bytes = length.to_be_bytes();
            let skip = bytes.iter().take_while(|&&byte| byte == 0).count();
            out.push(0x80 + u8::try_from(bytes.len() - skip).unwrap_or(8));
            out.extend(bytes.iter().skip(skip));
        }
    }
    contents.iter().for_each(|part| out.extend(*part));
    out
}

/// A request as the server reads it.
pub(crate) struct Request<'a> {
    /// The signed bytes.
    pub(crate) info: &'a [u8],
    pub(crate) public_key: PublicKey,
    pub(crate) signature: Signature,
}

impl<'a> Request<'a> {
    /// Strict DER; the algorithm is SM2 with SM3 without parameters.
    pub(crate) fn read(request: &'a [u8]) -> Option<Self> {
        let (info, algorithm, signature) = AnyRef::from_der(request)
            .and_then(|outer| {
                outer.sequence(|reader| {
                    let info = reader.tlv_bytes()?;
                    let algorithm = AlgorithmIdentifierRef::decode(reader)?;
                    Ok::<_, der::Error>((info, algorithm, BitStringRef::decode(reader)?))
                })
            })
            .ok()?;
        let signature = Signature::from_der(signature.as_bytes()?).ok()?;
        let known = algorithm.oid == SM2_WITH_SM3 && algorithm.parameters.is_none();
        known.then_some(Self { info, public_key: read_info(info)?, signature })
    }
}

fn read_info(info: &[u8]) -> Option<PublicKey> {
    let (version, subject, spki, attributes) = AnyRef::from_der(info)
        .and_then(|info| {
            info.sequence(|reader| {
                let version = u8::decode(reader)?;
                let subject = reader.tlv_bytes()?;
                Ok::<_, der::Error>((version, subject, reader.tlv_bytes()?, reader.tlv_bytes()?))
            })
        })
        .ok()?;
    let shaped =
        version == 0 && subject.first() == Some(&SEQUENCE) && attributes.first() == Some(&ATTRIBUTES);
    PublicKey::from_spki_der(spki).ok().filter(|_| shaped)
}

#[cfg(test)]
mod tests {
    use sm_primitives::{Scalar, SecretScalar, point::PublicPoint};

    use super::*;

    fn request(common_name: &str) -> Vec<u8> {
        let key = PublicKey::from(PublicPoint::mul_base(&SecretScalar::from_wide(&[3; 48])));
        let signature = Signature::from_scalars(Scalar::ONE, Scalar::ONE);
        signature.map(|signature| assemble(&info(common_name, &key), &signature)).unwrap_or_default()
    }

    /// Shortest lengths on both sides of each step of DER, and what they carry.
    #[test]
    fn requests_of_every_length_are_read() {
        for length in [0, 1, 90, 100, 120, 127, 128, 200, 255, 256, 70_000] {
            let name = "n".repeat(length);
            let der = request(&name);
            let read = Request::read(&der).unwrap_or_else(|| panic!("a name of {length} bytes"));
            assert!(read.info.windows(length.max(1)).any(|part| part == name.as_bytes() || length == 0));
        }
    }

    #[test]
    fn a_request_of_another_shape_is_not_read() {
        let der = request("somebody");
        assert!(Request::read(&der).is_some());
        let at = |part: &[u8]| der.windows(part.len()).position(|window| window == part);
        let oid = at(SM2_WITH_SM3.as_bytes()).unwrap_or_default();
        let version = at(&[2, 1, 0]).unwrap_or_default();
        let attributes = at(&[ATTRIBUTES, 0]).unwrap_or_default();
        for (position, byte) in [
            (version + 2, 1),
            (version + 3, SET),
            (attributes, SEQUENCE),
            (oid + SM2_WITH_SM3.as_bytes().len() - 1, 0x2d),
            (oid - 2, 0x05),
        ] {
            let mut changed = der.clone();
            if let Some(at) = changed.get_mut(position) {
                *at = byte;
            }
            assert!(Request::read(&changed).is_none(), "byte {position}");
        }
        // The same algorithm with parameters, which GM/T 0009 leaves out.
        let algorithm = tlv(SEQUENCE, &[&tlv(0x06, &[SM2_WITH_SM3.as_bytes()])]);
        let with_null = tlv(SEQUENCE, &[&tlv(0x06, &[SM2_WITH_SM3.as_bytes()]), &[0x05, 0x00]]);
        let read = Request::read(&der);
        let (info, rest) = read.map(|read| (read.info.to_vec(), der.len())).unwrap_or_default();
        let signature = der.get(rest - 11..).unwrap_or_default();
        assert!(Request::read(&tlv(SEQUENCE, &[&info, &algorithm, signature])).is_some());
        assert!(Request::read(&tlv(SEQUENCE, &[&info, &with_null, signature])).is_none());
        assert!(Request::read(&[&der[..], &[0]].concat()).is_none());
    }
}
