//! Time stamps of signatures, the length that a message will have, and what is read of a signature of any algorithm.

use envelope::cms::{Dialect, SignedContent, Signing, Time};
use envelope::error::ApiMisuse;

use crate::signed::{CONTENT, STRICT, certificate, one, rule_of, sign_with, signer, verify};
use crate::signed_by_hand::{Info, Parts, algorithm, attribute};
use crate::support::{oid, tlv};

const TIME_STAMP: &str = "1.2.840.113549.1.9.16.2.14";
const DIALECTS: [Dialect; 3] = [Dialect::Standard, Dialect::Cfca, Dialect::Rfc];

fn signing(names: &[&str], dialect: Dialect) -> Signing {
    let at = Time::from_unix(1_800_000_000).unwrap();
    let signers = names.iter().map(|name| signer(name).at(at)).collect();
    Signing::start(signers, dialect, CONTENT.len() as u64).unwrap().with_certificate(&certificate("ca"))
}

fn completed(names: &[&str], dialect: Dialect) -> SignedContent {
    let mut signing = signing(names, dialect);
    signing.update(CONTENT).unwrap();
    let unsigned = signing.finish().unwrap();
    let signatures: Vec<_> =
        names.iter().zip(unsigned.digests()).map(|(name, digest)| sign_with(name, digest)).collect();
    unsigned.complete(&signatures).unwrap()
}

#[test]
fn a_stamp_goes_where_the_signature_does_not_cover_it() {
    let token = tlv(0x30, &[&[7; 3000]]);
    for dialect in DIALECTS {
        let signed = completed(&["alice", "bob"], dialect);
        let signatures = [0, 1].map(|signer| signed.signature(signer).unwrap().to_vec());
        assert_eq!(signed.signature(2), None);
        let earlier = signed.with_time_stamp(1, &tlv(0x30, &[&[1]])).unwrap();
        let message = earlier.with_time_stamp(1, &token).unwrap().detached().unwrap();
        let verified = verify(STRICT, &message, Some(CONTENT));
        assert!(verified.verdicts.iter().all(|verdict| verdict.result == Ok(rule_of(dialect))));
        let mut stamps = Vec::new();
        for signer in verified.signatures.signers() {
            let place = signatures.iter().position(|known| known == signer.signature_octets()).unwrap();
            assert_eq!(signer.has_unsigned_attributes(), place == 1);
            stamps.push((place, signer.time_stamps().concat()));
        }
        stamps.sort();
        assert_eq!(stamps, [(0, vec![]), (1, token.clone())]);
    }
}

#[test]
fn what_is_no_stamp_is_not_taken() {
    let token = tlv(0x30, &[&[7]]);
    let misuse = Some(ApiMisuse::TimeStamp.into());
    for (signer, bytes) in [
        (1, token.clone()),
        (0, vec![]),
        (0, [&token[..], &[0]].concat()),
        (0, tlv(0x31, &[&[7]])),
        (0, token[..2].to_vec()),
        (0, vec![0x30, 0x80, 0, 0]),
    ] {
        let signed = completed(&["alice"], Dialect::Standard);
        assert_eq!(signed.with_time_stamp(signer, &bytes).err(), misuse, "{signer} {bytes:02x?}");
    }
    let long = tlv(0x30, &[&vec![0; 1 << 20]]);
    let signed = completed(&["alice"], Dialect::Standard);
    assert_eq!(signed.with_time_stamp(0, &long).err(), Some(ApiMisuse::SignaturesTooLarge.into()));
}

/// A signature of SM2 has 70 to 72 bytes nearly always; nothing else varies.
#[test]
fn the_length_is_known_before() {
    for dialect in DIALECTS {
        for stamp in [0, 3, 200, 4000] {
            for names in [&["alice"][..], &["alice", "bob"]] {
                let longest = signing(names, dialect).max_detached_len(stamp).unwrap();
                let mut signed = completed(names, dialect);
                let shorter: usize =
                    (0..names.len()).map(|signer| 72 - signed.signature(signer).unwrap().len()).sum();
                if stamp > 0 {
                    let body = (0..stamp).rev().find(|body| tlv(0x30, &[&vec![7; *body]]).len() == stamp);
                    let token = tlv(0x30, &[&vec![7; body.unwrap()]]);
                    for signer in 0..names.len() {
                        signed = signed.with_time_stamp(signer, &token).unwrap();
                    }
                }
                let len = signed.detached().unwrap().len();
                assert_eq!(longest - len, shorter, "{dialect:?} {stamp} {names:?}");
            }
        }
    }
    let refused = signing(&["alice"], Dialect::GmSsl).max_detached_len(0);
    assert_eq!(refused, Err(ApiMisuse::Dialect.into()));
    let refused = signing(&["alice"], Dialect::Standard).max_detached_len(1 << 20);
    assert_eq!(refused, Err(ApiMisuse::SignaturesTooLarge.into()));
}

#[test]
fn what_a_signature_says_of_itself() {
    let mut info = Info::new();
    let stamps = [tlv(0x30, &[&[1]]), tlv(0x30, &[&[2]])];
    info.unsigned = tlv(
        0xa1,
        &[
            &attribute(TIME_STAMP, &[&stamps[0]]),
            &attribute("1.2.3.4", &[&[5, 0]]),
            &attribute(TIME_STAMP, &[&stamps[1]]),
        ],
    );
    let message = |info: &Info| Parts { signers: tlv(0x31, &[&info.build()]), ..Parts::new() }.build();
    let verified = verify(STRICT, &message(&info), None);
    assert!(one(&verified).is_ok());
    let [signer] = verified.signatures.signers() else { panic!("one signer") };
    assert_eq!(signer.time_stamps(), stamps);
    assert_eq!(signer.unsigned_attribute(&oid("1.2.3.4")[2..]), [[5, 0]]);
    assert!(signer.unsigned_attribute(&oid("1.2.3.5")[2..]).is_empty());
    assert_eq!(signer.digest_algorithm(), info.digest);
    assert_eq!(signer.signature_algorithm(), info.algorithm);
    assert_eq!(signer.signature_octets(), signer.signature().unwrap().to_der());
    assert_eq!(verified.signatures.content_type_id(), &oid("1.2.156.10197.6.1.4.2.1")[2..]);
    let attributes = signer.attributes().unwrap();
    assert_eq!(attributes.content_type(), Some(verified.signatures.content_type_id()));
    assert_eq!(attributes.message_digest(), Some(&sm_primitives::sm3::digest(CONTENT)[..]));
    assert!(!attributes.names_certificate());

    // Of another algorithm, with parameters: as it came.
    let parameters = tlv(0x30, &[&oid("1.2.840.113549.1.1.10"), &tlv(0x30, &[&tlv(0xa2, &[&[2, 1, 32]])])]);
    let other = Info {
        digest: algorithm("2.16.840.1.101.3.4.2.1"),
        algorithm: parameters.clone(),
        encode: |_| vec![7; 300],
        ..Info::new()
    };
    let verified = verify(STRICT, &message(&other), None);
    let [signer] = verified.signatures.signers() else { panic!("one signer") };
    assert_eq!((signer.signature_algorithm(), signer.signature_octets()), (&parameters[..], &[7; 300][..]));
    assert!(signer.signature().is_err() && signer.time_stamps().is_empty());

    // A broken attribute is where looking ends.
    info.unsigned = tlv(0xa1, &[&attribute(TIME_STAMP, &[&stamps[0]]), &[0x30, 9]]);
    let verified = verify(STRICT, &message(&info), None);
    assert_eq!(verified.signatures.signers()[0].time_stamps(), [&stamps[0][..]]);
}
