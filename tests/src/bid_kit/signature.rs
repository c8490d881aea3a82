//! Signatures of bids from the text of the format: GM/T 0010 SignedData without content, and what is none.

use sm_primitives::{
    sm2::{DistId, PublicKey, dsa},
    sm3::digest,
};

use super::{
    key,
    writer::{int, octets, seq, tlv, utf8},
};
use crate::random::Seeded;

/// keyUsage of a certificate for signatures: digitalSignature, nonRepudiation.
pub const SIGNING: [u8; 2] = [6, 0xc0];
/// keyUsage of a certificate for decryption: keyEncipherment, dataEncipherment.
pub const DECRYPTION: [u8; 2] = [4, 0x30];

/// When everybody signs: 2026-09-21 14:13:20 UTC, in unix seconds.
pub const SIGNED_AT: u64 = 1_790_000_000;

/// 1.2.156.10197 with these arcs behind it, as OBJECT IDENTIFIER.
fn gm(arcs: &[u8]) -> Vec<u8> {
    tlv(6, &[&[0x2a, 0x81, 0x1c, 0xcf, 0x55], arcs].concat())
}

/// 1.2.840.113549.1.9 with these arcs behind it.
fn pkcs9(arcs: &[u8]) -> Vec<u8> {
    tlv(6, &[&[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 1, 9], arcs].concat())
}

fn data() -> Vec<u8> {
    gm(&[6, 1, 4, 2, 1])
}

fn sm3() -> Vec<u8> {
    seq(&[gm(&[1, 0x83, 0x11])])
}

fn set(mut elements: Vec<Vec<u8>>) -> Vec<u8> {
    elements.sort();
    tlv(0x31, &elements.concat())
}

/// Another tag in place of the one there is.
fn tagged(tag: u8, mut element: Vec<u8>) -> Vec<u8> {
    element[0] = tag;
    element
}

/// A Name with one common name.
fn name(text: &str) -> Vec<u8> {
    let common_name = tlv(6, &[0x55, 4, 3]);
    seq(&[tlv(0x31, &seq(&[common_name, utf8(text)]))])
}

/// The name of the certificate of a key of the kit: issuer and serial number.
fn issuer_and_serial(holder: &str) -> Vec<u8> {
    seq(&[name("bid kit CA"), int(u64::from(digest(holder.as_bytes())[0]))])
}

/// The certificate of a key of the kit, by an issuer whose signature says nothing.
#[must_use]
pub fn certificate(holder: &str, key: &PublicKey, usage: [u8; 2]) -> Vec<u8> {
    let algorithm = seq(&[gm(&[1, 0x83, 0x75])]);
    let (issuer, serial) = (name("bid kit CA"), int(u64::from(digest(holder.as_bytes())[0])));
    let time = |text: &[u8]| tlv(0x17, text);
    let usage = seq(&[tlv(6, &[0x55, 0x1d, 0x0f]), octets(&tlv(3, &usage))]);
    let body = seq(&[
        tlv(0xa0, &int(2)),
        serial,
        algorithm.clone(),
        issuer,
        seq(&[time(b"260101000000Z"), time(b"360101000000Z")]),
        name(holder),
        key.to_spki_der(),
        tlv(0xa3, &seq(&[usage])),
    ]);
    seq(&[body, algorithm, tlv(3, &[&[0][..], &seq(&[int(1), int(1)])].concat())])
}

/// What a signature is made of. Change what you like.
pub struct Parts {
    /// Who signs.
    pub signers: Vec<&'static str>,
    /// Under which certificate each of them does.
    pub usage: [u8; 2],
    /// The certificates that go along, if not those.
    pub certificates: Option<Vec<Vec<u8>>>,
    /// The content.
    pub content: Option<Vec<u8>>,
    /// What is signed in place of the attributes.
    pub covered: Option<Vec<u8>>,
}

impl Parts {
    /// By the signer of the kit.
    #[must_use]
    pub fn new() -> Self {
        Self { signers: vec!["signer"], usage: SIGNING, certificates: None, content: None, covered: None }
    }

    fn certificate(&self, holder: &str) -> Vec<u8> {
        certificate(holder, key(holder).public_key(), self.usage)
    }

    /// The SignedData over a statement.
    #[must_use]
    pub fn sign(&self, statement: &[u8]) -> Vec<u8> {
        let infos: Vec<_> = self.signers.iter().map(|signer| self.info(signer, statement)).collect();
        let own = || self.signers.iter().map(|signer| self.certificate(signer)).collect();
        let certificates = set(self.certificates.clone().unwrap_or_else(own));
        let mut content = vec![data()];
        content.extend(self.content.as_ref().map(|content| tlv(0xa0, &octets(content))));
        let certificates = tagged(0xa0, certificates);
        let signed = seq(&[int(1), tlv(0x31, &sm3()), seq(&content), certificates, set(infos)]);
        seq(&[gm(&[6, 1, 4, 2, 2]), tlv(0xa0, &signed)])
    }

    fn info(&self, signer: &str, statement: &[u8]) -> Vec<u8> {
        let attribute = |id: Vec<u8>, value: Vec<u8>| seq(&[id, tlv(0x31, &value)]);
        let certified = seq(&[sm3(), octets(&digest(&self.certificate(signer)))]);
        let attributes = set(vec![
            attribute(pkcs9(&[3]), data()),
            attribute(pkcs9(&[4]), octets(&digest(statement))),
            attribute(pkcs9(&[5]), tlv(0x17, b"260921141320Z")),
            attribute(pkcs9(&[0x10, 2, 0x2f]), seq(&[seq(&[certified])])),
        ]);
        let covered = self.covered.as_ref().unwrap_or(&attributes);
        let signature = dsa::sign(&key(signer), &DistId::default(), covered, &mut Seeded::new(7)).unwrap();
        seq(&[
            int(1),
            issuer_and_serial(signer),
            sm3(),
            tagged(0xa0, attributes),
            seq(&[gm(&[1, 0x82, 0x2d, 1])]),
            octets(&signature.to_der()),
        ])
    }
}

impl Default for Parts {
    fn default() -> Self {
        Self::new()
    }
}

/// A signature that is none of a message: r and s, in DER.
#[must_use]
pub fn bare(statement: &[u8]) -> Vec<u8> {
    dsa::sign(&key("signer"), &DistId::default(), statement, &mut Seeded::new(7)).unwrap().to_der()
}
