//! A CA whose certificates and lists have real signatures.

use envelope::der::element;
use getrandom::SysRng;
use sm_primitives::sm2::{DistId, PrivateKey, PublicKey, dsa};

const SEQUENCE: u8 = 0x30;
const SM2_WITH_SM3: &[u8] = b"\x30\x0a\x06\x08\x2a\x81\x1c\xcf\x55\x01\x83\x75";
/// Octet of keyUsage: digitalSignature and nonRepudiation.
const SIGNING: u8 = 0xc0;
/// keyCertSign and cRLSign.
const ISSUING: u8 = 0x06;

/// What everything that it issues is valid from and to.
const VALIDITY: [&[u8]; 2] = [b"200101000000Z", b"491231235959Z"];

pub(crate) struct Authority {
    name: Vec<u8>,
    key: PrivateKey,
}

impl Authority {
    pub(crate) fn new(name: &str) -> Self {
        Self { name: common_name(name), key: PrivateKey::generate(&mut SysRng).unwrap() }
    }

    /// Its own certificate, by itself.
    pub(crate) fn root(&self) -> Vec<u8> {
        self.issue(1, &self.name, self.key.public_key(), ISSUING, &[])
    }

    /// The certificate of a CA below it.
    pub(crate) fn certify(&self, serial: u8, below: &Self) -> Vec<u8> {
        self.issue(serial, &below.name, below.key.public_key(), ISSUING, &[])
    }

    /// Of somebody who signs.
    pub(crate) fn certificate(&self, serial: u8, name: &str, key: &PublicKey) -> Vec<u8> {
        self.issue(serial, &common_name(name), key, SIGNING, &[])
    }

    /// Of somebody who may sign time stamps and nothing else.
    pub(crate) fn stamper(&self, serial: u8, name: &str, key: &PublicKey) -> Vec<u8> {
        const TIME_STAMPING: &[u8] = b"\x30\x0a\x06\x08\x2b\x06\x01\x05\x05\x07\x03\x08";
        self.issue(serial, &common_name(name), key, SIGNING, &extension(37, TIME_STAMPING))
    }

    fn issue(&self, serial: u8, subject: &[u8], key: &PublicKey, usage: u8, more: &[u8]) -> Vec<u8> {
        let ca: &[u8] = if usage == ISSUING { &[0x30, 3, 1, 1, 0xff] } else { &[0x30, 0] };
        let extensions = [&extension(15, &[3, 2, 0, usage]), &extension(19, ca), more].concat();
        let validity = VALIDITY.map(|time| element(0x17, &[time])).concat();
        self.signed(&[
            &[0xa0, 3, 2, 1, 2, 2, 1, serial],
            SM2_WITH_SM3,
            &self.name,
            &element(SEQUENCE, &[&validity]),
            subject,
            &key.to_spki_der(),
            &element(0xa3, &[&element(SEQUENCE, &[&extensions])]),
        ])
    }

    /// A list that says that one certificate was revoked on the first of June 2026; there is no next one.
    pub(crate) fn list(&self, serial: u8) -> Vec<u8> {
        let date = element(0x17, &[b"260601000000Z"]);
        let entry = element(SEQUENCE, &[&[2, 1, serial], &date]);
        let entries = element(SEQUENCE, &[&entry]);
        self.signed(&[&[2, 1, 1], SM2_WITH_SM3, &self.name, &date, &entries])
    }

    fn signed(&self, fields: &[&[u8]]) -> Vec<u8> {
        let tbs = element(SEQUENCE, fields);
        let signature = dsa::sign(&self.key, &DistId::default(), &tbs, &mut SysRng).unwrap();
        element(SEQUENCE, &[&tbs, SM2_WITH_SM3, &element(3, &[&[0], &signature.to_der()])])
    }
}

/// Critical.
fn extension(id: u8, value: &[u8]) -> Vec<u8> {
    element(SEQUENCE, &[&[6, 3, 0x55, 0x1d, id, 1, 1, 0xff], &element(4, &[value])])
}

fn common_name(name: &str) -> Vec<u8> {
    let pair = element(SEQUENCE, &[&[6, 3, 0x55, 4, 3], &element(0x0c, &[name.as_bytes()])]);
    element(SEQUENCE, &[&element(0x31, &[&pair])])
}
