//! A small issuer, so that certificates can have every defect. Encodes by hand: what writes here is not what reads there.

use envelope::cms::Time;
use getrandom::SysRng;
use pki::{Certificate, RevocationList};
use sm_primitives::sm2::{DistId, PrivateKey, dsa};

use crate::support::time;

pub(crate) fn tlv(tag: u8, parts: &[&[u8]]) -> Vec<u8> {
    let body = parts.concat();
    let mut out = vec![tag];
    match body.len() {
        len @ 0..0x80 => out.push(u8::try_from(len).unwrap()),
        len @ 0x80..0x100 => out.extend([0x81, u8::try_from(len).unwrap()]),
        len => {
            out.push(0x82);
            out.extend(u16::try_from(len).unwrap().to_be_bytes());
        }
    }
    out.extend(body);
    out
}

pub(crate) fn seq(parts: &[&[u8]]) -> Vec<u8> {
    tlv(0x30, parts)
}

pub(crate) fn oid(dotted: &str) -> Vec<u8> {
    let id = der::asn1::ObjectIdentifier::new_unwrap(dotted);
    tlv(6, &[id.as_bytes()])
}

/// `CN=...`, after `O=Example`.
pub(crate) fn name(cn: &str) -> Vec<u8> {
    let attribute = |id: &str, value: &str| tlv(0x31, &[&seq(&[&oid(id), &tlv(0x0c, &[value.as_bytes()])])]);
    seq(&[&attribute("2.5.4.10", "Example"), &attribute("2.5.4.3", cn)])
}

pub(crate) fn extension(id: &str, critical: bool, value: &[u8]) -> Vec<u8> {
    let critical = if critical { vec![1, 1, 0xff] } else { vec![] };
    seq(&[&oid(id), &critical, &tlv(4, &[value])])
}

pub(crate) const SM2_WITH_SM3: &str = "1.2.156.10197.1.501";

pub(crate) fn sign(key: &PrivateKey, tbs: &[u8], algorithm: &[u8]) -> Vec<u8> {
    let signature = dsa::sign(key, &DistId::default(), tbs, &mut SysRng).unwrap().to_der();
    seq(&[tbs, algorithm, &tlv(3, &[&[0], &signature])])
}

/// Who signs: a name and a key.
pub(crate) struct Party {
    pub(crate) cn: String,
    pub(crate) key: PrivateKey,
}

impl Party {
    pub(crate) fn new(cn: &str) -> Self {
        Self { cn: cn.into(), key: PrivateKey::generate(&mut SysRng).unwrap() }
    }

    /// The same key under the same or another name.
    pub(crate) fn again(&self, cn: &str) -> Self {
        Self { cn: cn.into(), key: PrivateKey::from_bytes(&self.key.expose_bytes()).unwrap() }
    }
}

/// What goes into a certificate.
#[derive(Clone)]
pub(crate) struct Template {
    pub(crate) serial: Vec<u8>,
    pub(crate) not_before: Time,
    pub(crate) not_after: Time,
    pub(crate) algorithm: String,
    pub(crate) extensions: Vec<Vec<u8>>,
    pub(crate) version: u8,
}

impl Template {
    pub(crate) fn new(serial: u8) -> Self {
        Self {
            serial: vec![serial],
            not_before: time("2026-01-01T00:00:00Z"),
            not_after: time("2027-01-01T00:00:00Z"),
            algorithm: SM2_WITH_SM3.into(),
            extensions: Vec::new(),
            version: 2,
        }
    }

    /// An end entity that signs.
    pub(crate) fn signer(serial: u8) -> Self {
        Self::new(serial).usage(0xc0)
    }

    /// A CA.
    pub(crate) fn ca(serial: u8) -> Self {
        Self::new(serial).basic(true, None).usage(0x06)
    }

    pub(crate) fn basic(self, ca: bool, path_len: Option<u8>) -> Self {
        let flag = if ca { vec![1, 1, 0xff] } else { vec![] };
        let path_len = path_len.map_or_else(Vec::new, |len| vec![2, 1, len]);
        self.with("2.5.29.19", true, &seq(&[&flag, &path_len]))
    }

    /// The first octet of keyUsage.
    pub(crate) fn usage(self, bits: u8) -> Self {
        self.with("2.5.29.15", true, &[3, 2, 0, bits])
    }

    pub(crate) fn purposes(self, critical: bool, purposes: &[&str]) -> Self {
        let ids: Vec<u8> = purposes.iter().flat_map(|purpose| oid(purpose)).collect();
        self.with("2.5.29.37", critical, &seq(&[&ids]))
    }

    pub(crate) fn with(mut self, id: &str, critical: bool, value: &[u8]) -> Self {
        self.extensions.push(extension(id, critical, value));
        self
    }

    pub(crate) fn valid(self, from: &str, to: &str) -> Self {
        Self { not_before: time(from), not_after: time(to), ..self }
    }

    pub(crate) fn der(&self, subject: &Party, issuer: &Party) -> Vec<u8> {
        let algorithm = seq(&[&oid(&self.algorithm)]);
        let validity = seq(&[&self.not_before.to_der(), &self.not_after.to_der()]);
        let extensions = match self.extensions.is_empty() {
            true => vec![],
            false => tlv(0xa3, &[&seq(&[&self.extensions.concat()])]),
        };
        let version = if self.version == 0 { vec![] } else { tlv(0xa0, &[&[2, 1, self.version]]) };
        let tbs = seq(&[
            &version,
            &tlv(2, &[&self.serial]),
            &algorithm,
            &name(&issuer.cn),
            &validity,
            &name(&subject.cn),
            &subject.key.public_key().to_spki_der(),
            &extensions,
        ]);
        sign(&issuer.key, &tbs, &algorithm)
    }

    pub(crate) fn issue(&self, subject: &Party, issuer: &Party) -> Certificate {
        Certificate::from_der(&self.der(subject, issuer)).unwrap()
    }
}

/// An entry of a list: serial number, date, and extensions.
pub(crate) fn entry(serial: u8, date: &str, extensions: &[Vec<u8>]) -> Vec<u8> {
    let extensions = if extensions.is_empty() { vec![] } else { seq(&[&extensions.concat()]) };
    seq(&[&[2, 1, serial], &time(date).to_der(), &extensions])
}

pub(crate) fn reason(number: u8) -> Vec<u8> {
    extension("2.5.29.21", false, &[0x0a, 1, number])
}

/// A list of January 2026, due in February, with this number.
pub(crate) fn list(
    issuer: &Party,
    number: u8,
    dates: (&str, &str),
    entries: &[Vec<u8>],
    more: &[Vec<u8>],
) -> RevocationList {
    RevocationList::from_der(&list_der(issuer, number, dates, entries, more)).unwrap()
}

pub(crate) fn list_der(
    issuer: &Party,
    number: u8,
    dates: (&str, &str),
    entries: &[Vec<u8>],
    more: &[Vec<u8>],
) -> Vec<u8> {
    let algorithm = seq(&[&oid(SM2_WITH_SM3), &[5, 0]]);
    let entries = if entries.is_empty() { vec![] } else { seq(&[&entries.concat()]) };
    let number = extension("2.5.29.20", false, &[2, 1, number]);
    let next = if dates.1.is_empty() { vec![] } else { time(dates.1).to_der() };
    let tbs = seq(&[
        &[2, 1, 1],
        &algorithm,
        &name(&issuer.cn),
        &time(dates.0).to_der(),
        &next,
        &entries,
        &tlv(0xa0, &[&seq(&[&number, &more.concat()])]),
    ]);
    sign(&issuer.key, &tbs, &algorithm)
}
