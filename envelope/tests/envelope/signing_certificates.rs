//! Attributes that name the signer's certificate by its hash.

use envelope::Certificate;
use envelope::cms::{Dialect, Rule};
use envelope::error::InvalidSignature;
use envelope::simple::{self, Placement};
use sha1::Sha1;
use sha2::{Digest, Sha256, Sha384, Sha512};
use sm_primitives::sm3;

use crate::signed::{CONTENT, STRICT, certificate, one, signed, verdict};
use crate::signed_by_hand::{Info, Parts, algorithm, attribute};
use crate::support::{CertificateParts, name, oid, public_key, tlv};

const V1: &str = "1.2.840.113549.1.9.16.2.12";
const V2: &str = "1.2.840.113549.1.9.16.2.47";
const SM3: &str = "1.2.156.10197.1.401";
const SHA256: &str = "2.16.840.1.101.3.4.2.1";
const SHA384: &str = "2.16.840.1.101.3.4.2.2";
const SHA512: &str = "2.16.840.1.101.3.4.2.3";

/// Another certificate of alice: same key, same name, other bytes.
fn renewed() -> Vec<u8> {
    let (key, serial) = (public_key("alice"), [&[1][..], b"alice"].concat());
    CertificateParts { serial: &serial, key_usage: Some(&[6, 0xc0]), ..CertificateParts::new(&key) }.build()
}

/// An attribute with these ESSCertIDs.
fn naming(kind: &str, certificates: &[Vec<u8>]) -> Vec<u8> {
    attribute(kind, &[&tlv(0x30, &[&tlv(0x30, &[&certificates.concat()])])])
}

/// An ESSCertIDv2, or an ESSCertID, which has no algorithm.
fn by_hash(algorithm: &[u8], digest: &[u8]) -> Vec<u8> {
    tlv(0x30, &[algorithm, &tlv(0x04, &[digest])])
}

/// Attributes that name a certificate, in every way that is read.
fn ways(certificate: &[u8]) -> Vec<Vec<u8>> {
    let sha256 = Sha256::digest(certificate);
    let null = tlv(0x30, &[&oid(SHA256), &[5, 0]]);
    [
        (V2, algorithm(SM3), sm3::digest(certificate).to_vec()),
        (V2, algorithm("1.2.156.10197.1.401.1"), sm3::digest(certificate).to_vec()),
        (V2, Vec::new(), sha256.to_vec()),
        (V2, algorithm(SHA256), sha256.to_vec()),
        (V2, null, sha256.to_vec()),
        (V2, algorithm(SHA384), Sha384::digest(certificate).to_vec()),
        (V2, algorithm(SHA512), Sha512::digest(certificate).to_vec()),
        (V1, Vec::new(), Sha1::digest(certificate).to_vec()),
    ]
    .map(|(kind, algorithm, digest)| naming(kind, &[by_hash(&algorithm, &digest)]))
    .to_vec()
}

/// The verdict on a message of alice whose signer has these attributes too.
fn with(attributes: &[&[u8]]) -> Result<Rule, InvalidSignature> {
    Info::verdict(|info| info.attributes.extend(attributes.iter().map(|bytes| bytes.to_vec()))).0
}

const OTHER: Result<Rule, InvalidSignature> = Err(InvalidSignature::SigningCertificate);

#[test]
fn the_certificate_is_the_one_that_was_named() {
    let (right, wrong) = (ways(&certificate("alice")), ways(&renewed()));
    for (i, (right, wrong)) in right.iter().zip(&wrong).enumerate() {
        assert_eq!(with(&[right]), Ok(Rule::Attributes), "{i}");
        assert_eq!(with(&[wrong]), OTHER, "{i}");
    }
    // All that name one must name this one.
    let (v1, v2) = (&right[7], &right[0]);
    assert_eq!(with(&[v1, v2]), Ok(Rule::Attributes));
    for both in [[v1, &wrong[0]], [&wrong[7], v2], [v2, &wrong[0]], [&wrong[0], v2]] {
        assert_eq!(with(&both.map(Vec::as_slice)), OTHER);
    }
}

#[test]
fn the_first_is_that_of_the_signer() {
    let alice = certificate("alice");
    let (own, other) = (by_hash(&[], &Sha256::digest(&alice)), by_hash(&[], &Sha256::digest(renewed())));
    assert_eq!(with(&[&naming(V2, &[own.clone(), other.clone()])]), Ok(Rule::Attributes));
    assert_eq!(with(&[&naming(V2, &[other, own])]), OTHER);
    // Issuer and serial number beside the hash.
    let names = tlv(0x30, &[&tlv(0x30, &[&tlv(0xa4, &[&name("Test CA")])]), &[2, 1, 9]]);
    let named = tlv(0x30, &[&tlv(0x04, &[&Sha256::digest(&alice)]), &names]);
    assert_eq!(with(&[&naming(V2, &[named])]), Ok(Rule::Attributes));
}

#[test]
fn what_is_not_understood_fits_no_certificate() {
    let alice = certificate("alice");
    let digest = Sha256::digest(&alice);
    let right = by_hash(&[], &digest);
    let values = tlv(0x30, &[&tlv(0x30, &[&right])]);
    for attribute in [
        naming(V2, &[]),
        naming(V2, &[vec![5, 0]]),
        naming(V2, &[tlv(0x30, &[])]),
        naming(V2, &[by_hash(&algorithm("2.16.840.1.101.3.4.2.4"), &digest)]),
        naming(V2, &[by_hash(&tlv(0x30, &[&oid(SHA256), &[2, 1, 1]]), &digest)]),
        naming(V2, &[by_hash(&algorithm(SM3), &digest)]),
        naming(V2, &[by_hash(&[], &digest[..31])]),
        naming(V1, &[by_hash(&[], &digest)]),
        naming(V1, &[by_hash(&algorithm(SHA256), &digest)]),
        attribute(V2, &[]),
        attribute(V2, &[&values, &values]),
        attribute(V2, &[&[5, 0]]),
        attribute(V2, &[&right]),
    ] {
        assert_eq!(with(&[&attribute]), OTHER, "{attribute:02x?}");
    }
    assert_eq!(with(&[&naming(V2, &[right])]), Ok(Rule::Attributes));
}

/// What this crate writes names the certificate, so another one of the same key and name does not pass for it.
#[test]
fn a_certificate_put_in_its_place() {
    for dialect in [Dialect::Standard, Dialect::Rfc] {
        let message = signed(&["alice"], dialect, Placement::Attached, CONTENT);
        let with = |certificates: &[&[u8]]| {
            Parts { certificates: tlv(0xa0, certificates), ..Parts::of(&message) }.build()
        };
        assert_eq!(verdict(&with(&[&certificate("alice")])), Ok(Rule::Attributes));
        assert_eq!(verdict(&with(&[&renewed()])), OTHER);
        // The right one is found beside it.
        let both = with(&[&renewed(), &certificate("alice")]);
        assert_eq!(verdict(&both), Ok(Rule::Attributes));
        // But not instead of what the caller gave.
        let given = Certificate::parse(&renewed()).unwrap();
        let verified = simple::verify(STRICT, &both, None, std::slice::from_ref(&given)).unwrap();
        assert_eq!(one(&verified), OTHER);
        assert_eq!(verified.verdicts[0].certificate.as_ref().map(Certificate::as_der), Some(given.as_der()));
        let right = Certificate::parse(&certificate("alice")).unwrap();
        let verified = simple::verify(STRICT, &both, None, &[given, right]).unwrap();
        assert_eq!(one(&verified), Ok(Rule::Attributes));
    }
    // Without attributes nothing is named.
    let message = signed(&["alice"], Dialect::Cfca, Placement::Attached, CONTENT);
    let other = Parts { certificates: tlv(0xa0, &[&renewed()]), ..Parts::of(&message) }.build();
    assert_eq!(verdict(&other), Ok(Rule::Content));
}

/// A signature that does not verify says so, whatever certificate it names.
#[test]
fn the_signature_comes_first() {
    let mut info = Info::new();
    info.attributes.push(ways(&renewed()).remove(0));
    let message = Parts { signers: tlv(0x31, &[&info.build_over(b"else")]), ..Parts::new() }.build();
    assert_eq!(verdict(&message), Err(InvalidSignature::Wrong));
}
