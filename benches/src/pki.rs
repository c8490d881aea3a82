//! Certificates: read and judged in chains of three. Yardstick: one plain verification of a signature.

use std::hint::black_box;

use envelope::cms::Time;
use getrandom::SysRng;
use pki::{
    Certificate, RevocationList,
    validate::{Purpose, Report, Revocation, Terms, Validator},
};
use sm_primitives::sm2::{DistId, PrivateKey, PublicKey, Signature, dsa};

use crate::Operation;

const MANY: usize = 256;

/// A root, a CA of it, and certificates of the CA.
struct World {
    root: Vec<u8>,
    ca: Vec<u8>,
    lists: [Vec<u8>; 2],
    leaves: Vec<Vec<u8>>,
}

/// Seconds of 2026-06-01.
const NOW: u64 = 1_780_272_000;

fn tlv(tag: u8, parts: &[&[u8]]) -> Vec<u8> {
    let body = parts.concat();
    let mut out = vec![tag];
    match u8::try_from(body.len()) {
        Ok(len @ 0..0x80) => out.push(len),
        Ok(len) => out.extend([0x81, len]),
        Err(_) => {
            out.push(0x82);
            out.extend(u16::try_from(body.len()).unwrap().to_be_bytes());
        }
    }
    out.extend(body);
    out
}

const ALGORITHM: &[u8] = b"\x30\x0a\x06\x08\x2a\x81\x1c\xcf\x55\x01\x83\x75";

fn name(text: &str) -> Vec<u8> {
    tlv(0x30, &[&tlv(0x31, &[&tlv(0x30, &[b"\x06\x03\x55\x04\x03", &tlv(0x0c, &[text.as_bytes()])])])])
}

fn extension(id: u8, value: &[u8]) -> Vec<u8> {
    tlv(0x30, &[&[6, 3, 0x55, 0x1d, id], &[1, 1, 0xff], &tlv(4, &[value])])
}

fn time(offset: i64) -> Vec<u8> {
    Time::from_unix(NOW.saturating_add_signed(offset)).unwrap().to_der()
}

fn sign(key: &PrivateKey, tbs: &[u8]) -> Vec<u8> {
    let signature = dsa::sign(key, &DistId::default(), tbs, &mut SysRng).unwrap();
    tlv(0x30, &[tbs, ALGORITHM, &tlv(3, &[&[0], &signature.to_der()])])
}

fn certificate(serial: u16, subject: (&str, &PublicKey), issuer: (&str, &PrivateKey), ca: bool) -> Vec<u8> {
    let usage: u8 = if ca { 0x06 } else { 0xc0 };
    let constraints: &[u8] = if ca { &[0x30, 3, 1, 1, 0xff] } else { &[0x30, 0] };
    let extensions = [extension(15, &[3, 2, 0, usage]), extension(19, constraints)].concat();
    let tbs = tlv(
        0x30,
        &[
            &[0xa0, 3, 2, 1, 2],
            &tlv(2, &[&[1], &serial.to_be_bytes()]),
            ALGORITHM,
            &name(issuer.0),
            &tlv(0x30, &[&time(-86_400), &time(86_400)]),
            &name(subject.0),
            &subject.1.to_spki_der(),
            &tlv(0xa3, &[&tlv(0x30, &[&extensions])]),
        ],
    );
    sign(issuer.1, &tbs)
}

/// With 1000 entries.
fn list(issuer: (&str, &PrivateKey)) -> Vec<u8> {
    let entry = |serial: u16| tlv(0x30, &[&tlv(2, &[&[2], &serial.to_be_bytes()]), &time(-86_400)]);
    let entries: Vec<u8> = (0..1000).flat_map(entry).collect();
    let dates = [time(-3600), time(3600)].concat();
    let tbs = tlv(0x30, &[&[2, 1, 1], ALGORITHM, &name(issuer.0), &dates, &tlv(0x30, &[&entries])]);
    sign(issuer.1, &tbs)
}

impl World {
    fn new() -> Self {
        let key = || PrivateKey::generate(&mut SysRng).unwrap();
        let (root, ca, leaf) = (key(), key(), key());
        let leaves = (0..u16::try_from(MANY).unwrap())
            .map(|serial| certificate(serial, ("signer", leaf.public_key()), ("CA", &ca), false));
        Self {
            root: certificate(1, ("Root", root.public_key()), ("Root", &root), true),
            ca: certificate(2, ("CA", ca.public_key()), ("Root", &root), true),
            lists: [list(("Root", &root)), list(("CA", &ca))],
            leaves: leaves.collect(),
        }
    }

    fn validator(&self) -> Validator {
        let read = |der: &[u8]| Certificate::from_der(der).unwrap();
        let validator = Validator::new().with_anchor(read(&self.root)).with_intermediate(read(&self.ca));
        let lists = self.lists.iter().map(|list| RevocationList::from_der(list).unwrap());
        lists.fold(validator, Validator::with_list)
    }

    fn certificates(&self) -> Vec<Certificate> {
        self.leaves.iter().map(|leaf| Certificate::from_der(leaf).unwrap()).collect()
    }
}

fn terms() -> Terms {
    let at = Time::from_unix(NOW).unwrap();
    Terms::at(at).for_purpose(Purpose::DocumentSigning).with_revocation(Revocation::Require)
}

fn expect_valid(report: &Report) {
    assert!(report.is_valid(), "{report:?}");
}

/// What is verified at a time: a key, a digest and a signature.
fn claim() -> (PublicKey, [u8; 32], Signature) {
    let key = PrivateKey::generate(&mut SysRng).unwrap();
    let digest = DistId::default().digest(key.public_key(), b"message");
    let signature = dsa::sign_digest(&key, &digest, &mut SysRng).unwrap();
    (*key.public_key(), digest, signature)
}

/// The operations.
#[must_use]
pub fn operations() -> Vec<Operation> {
    vec![
        Operation::one("verify digest, plain", || {
            let (key, digest, signature) = claim();
            move || dsa::verify_digest(&key, black_box(&digest), &signature).unwrap()
        }),
        Operation::one("read a certificate", || {
            let leaf = World::new().leaves.remove(0);
            move || {
                black_box(Certificate::from_der(black_box(&leaf)).unwrap());
            }
        }),
        Operation::one("judge a chain of 3, nothing known", || {
            let world = World::new();
            let leaf = world.certificates().remove(0);
            move || expect_valid(&world.validator().validate(black_box(&leaf), &[], terms()))
        }),
        Operation::items("judge 256 chains of 3, one by one", MANY, || {
            let world = World::new();
            let (validator, leaves) = (world.validator(), world.certificates());
            move || {
                for leaf in &leaves {
                    expect_valid(&validator.validate(black_box(leaf), &[], terms()));
                }
            }
        }),
        Operation::items("judge 256 chains of 3, at once", MANY, || {
            let world = World::new();
            let (validator, leaves) = (world.validator(), world.certificates());
            move || validator.validate_many(black_box(&leaves), terms()).iter().for_each(expect_valid)
        }),
        Operation::items("read and judge 256 chains of 3, at once", MANY, || {
            let world = World::new();
            let validator = world.validator();
            move || validator.validate_many(&world.certificates(), terms()).iter().for_each(expect_valid)
        }),
    ]
}
