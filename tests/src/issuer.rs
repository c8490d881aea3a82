//! A small issuer for whatever a test describes, defects included. Encodes by hand: what writes here is not what reads in
//! `pki`. Names are `CN=<letter>`, one key belongs to each letter, and the same description has the same bytes every time.

use std::sync::OnceLock;

use envelope::{cms::Time, der::element};
use sm_primitives::{
    sm2::{DistId, PrivateKey, dsa},
    sm3,
};

use crate::random::Seeded;

/// How many parties there are.
pub const PARTIES: u8 = 8;

const SEQUENCE: u8 = 0x30;
const SET: u8 = 0x31;
const OCTETS: u8 = 4;
const ENUMERATED: u8 = 0x0a;
const GENERALIZED_TIME: u8 = 0x18;

/// AlgorithmIdentifier of SM2 with SM3.
const SM2_WITH_SM3: &[u8] = b"\x30\x0a\x06\x08\x2a\x81\x1c\xcf\x55\x01\x83\x75";
/// AlgorithmIdentifier of SM3.
const SM3: &[u8] = b"\x30\x0a\x06\x08\x2a\x81\x1c\xcf\x55\x01\x83\x11";
/// AlgorithmIdentifier of the signature of SM2.
const SM2_SIGN: &[u8] = b"\x30\x0b\x06\x09\x2a\x81\x1c\xcf\x55\x01\x82\x2d\x01";
/// keyPurposeId timeStamping and OCSPSigning.
pub const TIME_STAMPING: &[u8] = b"\x06\x08\x2b\x06\x01\x05\x05\x07\x03\x08";
/// keyPurposeId OCSPSigning.
pub const OCSP_SIGNING: &[u8] = b"\x06\x08\x2b\x06\x01\x05\x05\x07\x03\x09";

fn sequence(parts: &[&[u8]]) -> Vec<u8> {
    element(SEQUENCE, parts)
}

/// The key of a party; every number is one.
#[must_use]
pub fn key(party: u8) -> &'static PrivateKey {
    static KEYS: OnceLock<Vec<PrivateKey>> = OnceLock::new();
    let keys = KEYS.get_or_init(|| {
        (0..PARTIES).map(|party| PrivateKey::from_bytes(&[party + 0x21; 32]).unwrap()).collect()
    });
    &keys[usize::from(party % PARTIES)]
}

/// Name of a party: `CN=A` and so on.
#[must_use]
pub fn name(party: u8) -> Vec<u8> {
    let letter = b'A' + party % PARTIES;
    let attribute = sequence(&[b"\x06\x03\x55\x04\x03", &element(0x0c, &[&[letter]])]);
    sequence(&[&element(SET, &[&attribute])])
}

/// `tbs` with the signature of a party: the form of certificates and lists.
#[must_use]
pub fn signed(party: u8, tbs: &[u8]) -> Vec<u8> {
    sequence(&[tbs, SM2_WITH_SM3, &element(3, &[&[0], &signature(party, tbs)])])
}

/// A signature in DER.
fn signature(party: u8, message: &[u8]) -> Vec<u8> {
    dsa::sign(key(party), &DistId::default(), message, &mut Seeded::new(1)).unwrap().to_der()
}

/// An extension `2.5.29.ID`.
#[must_use]
pub fn extension(id: u8, critical: bool, value: &[u8]) -> Vec<u8> {
    let critical: &[u8] = if critical { &[1, 1, 0xff] } else { &[] };
    sequence(&[&[6, 3, 0x55, 0x1d, id], critical, &element(OCTETS, &[value])])
}

fn generalized(time: Time) -> Vec<u8> {
    let digits: String = time.to_string().chars().filter(char::is_ascii_digit).collect();
    element(GENERALIZED_TIME, &[digits.as_bytes(), b"Z"])
}

/// What a certificate says.
#[derive(Clone, Debug)]
pub struct Template {
    /// Serial number, the body of its INTEGER.
    pub serial: Vec<u8>,
    /// Whose it is.
    pub subject: u8,
    /// Whose key is in it.
    pub key: u8,
    /// Who issued it.
    pub issuer: u8,
    /// Who signed it.
    pub signer: u8,
    /// notBefore.
    pub from: Time,
    /// notAfter.
    pub to: Time,
    /// Extensions in DER, one after another.
    pub extensions: Vec<u8>,
}

impl Template {
    /// By `issuer` for `subject`, without extensions.
    #[must_use]
    pub const fn new(serial: Vec<u8>, subject: u8, issuer: u8, validity: (Time, Time)) -> Self {
        let (from, to) = validity;
        Self { serial, subject, key: subject, issuer, signer: issuer, from, to, extensions: Vec::new() }
    }

    /// With basicConstraints.
    #[must_use]
    pub fn ca(self, path_len: Option<u8>) -> Self {
        let path_len = path_len.map_or_else(Vec::new, |len| vec![2, 1, len & 0x7f]);
        self.with(19, true, &sequence(&[&[1, 1, 0xff], &path_len]))
    }

    /// With keyUsage: its first octet.
    #[must_use]
    pub fn usage(self, bits: u8) -> Self {
        self.with(15, true, &[3, 2, 0, bits])
    }

    /// With extKeyUsage, critical: object identifiers in DER.
    #[must_use]
    pub fn purposes(self, ids: &[u8]) -> Self {
        self.with(37, true, &sequence(&[ids]))
    }

    /// With an extension `2.5.29.ID`.
    #[must_use]
    pub fn with(mut self, id: u8, critical: bool, value: &[u8]) -> Self {
        self.extensions.extend(extension(id, critical, value));
        self
    }

    /// The certificate.
    #[must_use]
    pub fn der(&self) -> Vec<u8> {
        let (version, extensions) = match self.extensions.is_empty() {
            true => (vec![], vec![]),
            false => (vec![0xa0, 3, 2, 1, 2], element(0xa3, &[&sequence(&[&self.extensions])])),
        };
        let tbs = sequence(&[
            &version,
            &element(2, &[&self.serial]),
            SM2_WITH_SM3,
            &name(self.issuer),
            &sequence(&[&self.from.to_der(), &self.to.to_der()]),
            &name(self.subject),
            &key(self.key).public_key().to_spki_der(),
            &extensions,
        ]);
        signed(self.signer, &tbs)
    }
}

/// What a revocation list says.
#[derive(Clone, Debug)]
pub struct List {
    /// Whose it is.
    pub issuer: u8,
    /// Who signed it.
    pub signer: u8,
    /// thisUpdate.
    pub this: Time,
    /// nextUpdate.
    pub next: Option<Time>,
    /// See [`entry`].
    pub entries: Vec<u8>,
    /// Extensions in DER, one after another.
    pub extensions: Vec<u8>,
}

impl List {
    /// The list.
    #[must_use]
    pub fn der(&self) -> Vec<u8> {
        let part = |body: &[u8]| if body.is_empty() { vec![] } else { sequence(&[body]) };
        let extensions = match self.extensions.is_empty() {
            true => vec![],
            false => element(0xa0, &[&part(&self.extensions)]),
        };
        let next = self.next.map_or_else(Vec::new, Time::to_der);
        let (issuer, this) = (name(self.issuer), self.this.to_der());
        let tbs =
            sequence(&[&[2, 1, 1], SM2_WITH_SM3, &issuer, &this, &next, &part(&self.entries), &extensions]);
        signed(self.signer, &tbs)
    }
}

/// An entry of a revocation list, with a reason.
#[must_use]
pub fn entry(serial: &[u8], date: Time, reason: u8) -> Vec<u8> {
    let reason = extension(21, false, &[ENUMERATED, 1, reason]);
    sequence(&[&element(2, &[serial]), &date.to_der(), &sequence(&[&reason])])
}

/// What an OCSP answer says of one certificate: the hashes of a CertID are by SM3.
#[must_use]
pub fn single(
    (issuer_name, issuer_key): (u8, u8),
    serial: &[u8],
    status: &[u8],
    this: Time,
    next: Option<Time>,
) -> Vec<u8> {
    let public = key(issuer_key).public_key().as_point().to_sec1();
    let hash = |bytes: &[u8]| element(OCTETS, &[&sm3::digest(bytes)]);
    let id = sequence(&[SM3, &hash(&name(issuer_name)), &hash(&public), &element(2, &[serial])]);
    let next = next.map_or_else(Vec::new, |next| element(0xa0, &[&generalized(next)]));
    sequence(&[&id, status, &generalized(this), &next])
}

/// CertStatus revoked.
#[must_use]
pub fn revoked(date: Time, reason: u8) -> Vec<u8> {
    element(0xa1, &[&generalized(date), &element(0xa0, &[&[ENUMERATED, 1, reason]])])
}

/// ResponseData of a responder, by its name. `extensions`: in DER, one after another.
#[must_use]
pub fn response_data(responder: u8, produced: Time, singles: &[u8], extensions: &[u8]) -> Vec<u8> {
    let extensions = match extensions.is_empty() {
        true => vec![],
        false => element(0xa1, &[&sequence(&[extensions])]),
    };
    let name = element(0xa1, &[&name(responder)]);
    sequence(&[&name, &generalized(produced), &sequence(&[singles]), &extensions])
}

/// A whole OCSP answer with this ResponseData. `certificates`: in DER, one after another.
#[must_use]
pub fn answer(signer: u8, data: &[u8], certificates: &[u8]) -> Vec<u8> {
    const BASIC: &[u8] = b"\x06\x09\x2b\x06\x01\x05\x05\x07\x30\x01\x01";
    let certificates = match certificates.is_empty() {
        true => vec![],
        false => element(0xa0, &[&sequence(&[certificates])]),
    };
    let value = element(3, &[&[0], &signature(signer, data)]);
    let basic = sequence(&[data, SM2_WITH_SM3, &value, &certificates]);
    let bytes = element(0xa0, &[&sequence(&[BASIC, &element(OCTETS, &[&basic])])]);
    sequence(&[&[ENUMERATED, 1, 0], &bytes])
}

/// TSTInfo of a content. `more`: what follows the time.
#[must_use]
pub fn stamp_info(content: &[u8], more: &[u8]) -> Vec<u8> {
    let imprint = sequence(&[SM3, &element(OCTETS, &[&sm3::digest(content)])]);
    let time = element(GENERALIZED_TIME, &[b"20260601000000.25Z"]);
    sequence(&[&[2, 1, 1], b"\x06\x03\x2a\x03\x04", &imprint, &[2, 1, 9], &time, more])
}

/// A time stamp that says `info`, by the party whose certificate comes along; serial number and issuer are named as given.
#[must_use]
pub fn token(party: u8, info: &[u8], certificate: &[u8], serial: &[u8]) -> Vec<u8> {
    const PKCS9: &[u8] = b"\x2a\x86\x48\x86\xf7\x0d\x01\x09";
    let pkcs9 = |last: &[u8]| element(6, &[PKCS9, last]);
    let content_type = pkcs9(&[16, 1, 4]);
    let attribute = |id: &[u8], value: &[u8]| sequence(&[&pkcs9(id), &element(SET, &[value])]);
    let binding = sequence(&[SM3, &element(OCTETS, &[&sm3::digest(certificate)])]);
    let mut attributes = [
        attribute(&[3], &content_type),
        attribute(&[4], &element(OCTETS, &[&sm3::digest(info)])),
        attribute(&[16, 2, 47], &sequence(&[&sequence(&[&binding])])),
    ];
    attributes.sort();
    let set = element(SET, &[&attributes.concat()]);
    let value = signature(party, &set);
    let implicit = element(0xa0, &[&attributes.concat()]);
    let signer = sequence(&[
        &[2, 1, 1],
        &sequence(&[&name(party), &element(2, &[serial])]),
        SM3,
        &implicit,
        SM2_SIGN,
        &element(OCTETS, &[&value]),
    ]);
    let signed = sequence(&[
        &[2, 1, 3],
        &element(SET, &[SM3]),
        &sequence(&[&content_type, &element(0xa0, &[&element(OCTETS, &[info])])]),
        &element(0xa0, &[certificate]),
        &element(SET, &[&signer]),
    ]);
    sequence(&[b"\x06\x0a\x2a\x81\x1c\xcf\x55\x06\x01\x04\x02\x02", &element(0xa0, &[&signed])])
}
