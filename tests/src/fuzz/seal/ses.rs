//! Electronic seals and sealed data: as they come, and signed here around any contents.

use envelope::der::element;
use pki::fields::{BIT_STRING, OCTET_STRING, SEQUENCE};
use pki::validate::Validator;
use seal::{
    report::{Kind, SignatureReport, Verdict},
    ses::{ElectronicSeal, SealedData, Shape},
    verify::{Terms, judge_seal, judge_sealed},
};
use sm_primitives::sm2::{DistId, dsa};

use super::world::{HOLDER, MAKER, now, world};
use crate::{issuer::key, random::Seeded};

const SM2_WITH_SM3: &[u8] = b"\x06\x08\x2a\x81\x1c\xcf\x55\x01\x83\x75";
/// In how many places a structure is changed to see whether that is found.
const CHANGES: usize = 3;

/// By the first byte: a seal (`s`) or sealed data (`d`) as they come; `4` and `1`: the contents of SES_SealInfo, signed as V4 and
/// V5 or as V1 are; `n` and `o`: the contents of TBS_Sign, signed as in the newer editions or as in V1.
pub(in crate::fuzz) fn any(data: &[u8]) -> bool {
    let Some((kind, rest)) = data.split_first() else { return false };
    match kind {
        b's' => seal(rest, false),
        b'd' => sealed(rest, None),
        b'4' => seal(&signed(MAKER, &world().maker, rest).1, true),
        b'1' => seal(&seal_v1(rest), true),
        b'n' => {
            let (to_sign, der) = signed(HOLDER, &world().holder, rest);
            sealed(&der, Some(&to_sign))
        }
        b'o' => {
            let to_sign = element(SEQUENCE, &[rest]);
            let der = element(SEQUENCE, &[&to_sign, &bits(HOLDER, &to_sign)]);
            sealed(&der, Some(&to_sign))
        }
        _ => false,
    }
}

/// A signature as a BIT STRING.
fn bits(party: u8, message: &[u8]) -> Vec<u8> {
    let signature = dsa::sign(key(party), &DistId::default(), message, &mut Seeded::new(1)).unwrap();
    element(BIT_STRING, &[&[0], &signature.to_der()])
}

/// What is signed, and the structure of V4: it, certificate, algorithm, signature.
fn signed(party: u8, certificate: &pki::Certificate, contents: &[u8]) -> (Vec<u8>, Vec<u8>) {
    let to_sign = element(SEQUENCE, &[contents]);
    let certificate = element(OCTET_STRING, &[certificate.as_der()]);
    let whole = element(SEQUENCE, &[&to_sign, &certificate, SM2_WITH_SM3, &bits(party, &to_sign)]);
    (to_sign, whole)
}

/// A seal of V1 with these contents of SES_SealInfo.
pub(crate) fn seal_v1(contents: &[u8]) -> Vec<u8> {
    let info = element(SEQUENCE, &[contents]);
    let certificate = element(OCTET_STRING, &[world().maker.as_der()]);
    let to_sign = element(SEQUENCE, &[&info, &certificate, SM2_WITH_SM3]);
    element(SEQUENCE, &[&info, &element(SEQUENCE, &[&certificate, SM2_WITH_SM3, &bits(MAKER, &to_sign)])])
}

/// A seal: read again it is the same, and cut it is none. `ours`: it was signed here.
fn seal(data: &[u8], ours: bool) -> bool {
    let Ok(seal) = ElectronicSeal::parse(data) else { return false };
    let der = seal.as_der();
    let again = ElectronicSeal::parse(&[der, &[0, 0]].concat()).unwrap();
    assert_eq!(again.as_der(), der, "zeros behind it");
    assert!(data.starts_with(der) && ElectronicSeal::parse(&der[..der.len() - 1]).is_err());
    assert!(!ours || seal.verify_signature().is_ok(), "signed here");
    let mut report = SignatureReport::new(String::new(), Kind::SealMaker);
    judge_seal(&mut report, &seal, now(), &world().terms());
    if report.verdict == Verdict::Valid {
        assert!(seal.verify_signature().is_ok() && seal.validity().0 <= now() && now() <= seal.validity().1);
        assert!(seal.extensions().iter().all(|extension| !extension.critical));
    }
    // Nobody is trusted.
    let nobody = Validator::new();
    let mut report = SignatureReport::new(String::new(), Kind::SealMaker);
    judge_seal(&mut report, &seal, now(), &Terms::new(&nobody, now()));
    assert!(report.verdict != Verdict::Valid);
    let _ = format!("{seal:?} {}", seal.holders().contain(world().holder.as_der()));
    true
}

fn judge(data: &SealedData, digest: &[u8; 32]) -> SignatureReport {
    let mut report = SignatureReport::new(String::new(), Kind::OfdSeal);
    judge_sealed(&mut report, data, digest, &world().terms());
    report
}

/// Sealed data: read again it is the same; valid it is for its digest only, and unchanged. `to_sign`: what was signed here.
fn sealed(bytes: &[u8], to_sign: Option<&[u8]>) -> bool {
    let Ok(data) = SealedData::parse(bytes) else { return false };
    assert_eq!(Shape::of(bytes), Shape::Sealed);
    let said = |data: &SealedData| format!("{data:?}");
    assert_eq!(said(&SealedData::parse(&[bytes, &[0]].concat()).unwrap()), said(&data), "zeros behind it");
    let digest: [u8; 32] = data.data_hash().try_into().unwrap_or([0; 32]);
    let report = judge(&data, &digest);
    let mut other = digest;
    other[0] ^= 1;
    assert!(judge(&data, &other).verdict != Verdict::Valid, "another document");
    // V1 says in what is signed by whom it is.
    let own_certificate = data.signature().certificate == world().holder.as_der();
    if to_sign.is_some() && own_certificate && data.seal().version().number() > 1 {
        assert!(data.verify_signature().is_ok(), "signed here");
    }
    if report.verdict == Verdict::Valid {
        assert!(data.verify_signature().is_ok() && data.seal().verify_signature().is_ok());
        assert!(data.seal().holders().contain(&data.signature().certificate));
        assert_eq!(data.data_hash(), digest);
        let Some(to_sign) = to_sign else { return true };
        let start = bytes.windows(to_sign.len()).position(|window| window == to_sign).unwrap();
        for step in 1..=CHANGES {
            let mut changed = bytes.to_vec();
            changed[start + to_sign.len() * step / (CHANGES + 1)] ^= 1;
            let verdict = SealedData::parse(&changed).map(|data| judge(&data, &digest).verdict);
            assert!(verdict != Ok(Verdict::Valid), "a change of what is signed");
        }
    }
    true
}
