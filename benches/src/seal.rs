//! Documents: sealed without the operation of the key, and judged. Yardsticks: one hash of the same bytes, one verification of a
//! signature.

use std::{hint::black_box, io::Cursor};

use ::seal::{
    document::{Document, Look, Sealing, SealingForm},
    place::{Pages, Place},
    ses::{ElectronicSeal, Holders, PictureData, SealOrder},
    verify::Terms,
};
use getrandom::SysRng;
use pki::{
    Certificate, Time,
    certificate::Validity,
    csr::SubjectAttribute,
    issue::{Issuer, NameBuilder, Order, Profile, ProfileKind, SerialNumber, Subject, root},
    validate::{Validator, Verdict},
};
use sm_primitives::{
    sm2::{PrivateKey, Signature, dsa},
    sm3::{self, Sm3},
};

use crate::Operation;

/// Bytes of the larger PDF.
const LARGE: usize = 1 << 20;
/// Signatures of the PDF that is judged.
const SIGNATURES: usize = 50;
/// Pages of the OFD document.
const PAGES: usize = 100;

fn key(name: &str) -> PrivateKey {
    PrivateKey::from_bytes(&Sm3::new().chain(name.as_bytes()).finalize()).unwrap()
}

/// So many seconds after the beginning of 2026.
fn at(seconds: u64) -> Time {
    Time::from_unix(1_767_225_600 + seconds).unwrap()
}

/// A root, and a seal for a holder.
struct World {
    root: Certificate,
    holder: Certificate,
    seal: ElectronicSeal,
    look: Look,
}

impl World {
    fn new() -> Self {
        let subject = |cn: &str| {
            let name = NameBuilder::new().with(SubjectAttribute::Country, "CN");
            Subject::new(name.with(SubjectAttribute::CommonName, cn).build().unwrap())
        };
        let serial =
            |number: u8| SerialNumber::from_bytes(&[[0x51; 15].as_slice(), &[number]].concat()).unwrap();
        let validity = Validity { not_before: at(0), not_after: at(300_000_000) };
        let ca = subject("Example Root");
        let profile = Profile::new(ProfileKind::Root { path_len: None });
        let unsigned =
            root(&Order::new(&profile, &ca, *key("root").public_key(), serial(1), validity), false).unwrap();
        let signature = dsa::sign_digest(&key("root"), unsigned.digest(), &mut SysRng).unwrap();
        let root = Certificate::from_der(&unsigned.assemble(&signature).unwrap()).unwrap();
        let issuer = Issuer::new(root.clone()).unwrap();
        let issue = |kind, name: &str, number| {
            let (profile, subject) = (Profile::new(kind), subject(name));
            let order = Order::new(&profile, &subject, *key(name).public_key(), serial(number), validity);
            let unsigned = issuer.issue(&order).unwrap();
            let signature = dsa::sign_digest(&key("root"), unsigned.digest(), &mut SysRng).unwrap();
            Certificate::from_der(&unsigned.assemble(&signature).unwrap()).unwrap()
        };
        let maker = issue(ProfileKind::SealMaker, "maker", 2);
        let holder = issue(ProfileKind::Enterprise, "holder", 3);
        let drawing = ::seal::picture::Template::round("测试单位股份有限公司").line("合同专用章");
        let drawing = drawing.draw(&::seal::picture::Font::bundled()).unwrap();
        let png = drawing.render(300.0).unwrap().to_png().unwrap();
        let order = SealOrder {
            vendor: "cosign",
            id: "1",
            kind: 1,
            name: "测试单位合同专用章",
            holders: Holders::Certificates(vec![holder.as_der().to_vec()]),
            created: at(1),
            validity: (at(1), at(200_000_000)),
            picture: PictureData::new(png, 42, 42).unwrap(),
        };
        let unsigned = order.unsigned(&maker).unwrap();
        let signature = dsa::sign_digest(&key("maker"), unsigned.digest(), &mut SysRng).unwrap();
        let seal = unsigned.complete(&signature).unwrap();
        let look = Look::new(seal.picture()).unwrap();
        Self { root, holder, seal, look }
    }

    fn sealing<'a>(&'a self, places: &'a [Place], number: u64) -> Sealing<'a> {
        Sealing {
            form: SealingForm::Seal(&self.seal, &self.look),
            signer: &self.holder,
            time: at(100 + number),
            time_stamp: None,
            places,
            reason: None,
            location: None,
            finish: false,
        }
    }

    fn sealed(&self, document: Vec<u8>, times: usize) -> Vec<u8> {
        let places = place();
        (0..times as u64).fold(document, |document, number| {
            let mut document = Document::open(Cursor::new(document)).unwrap();
            let prepared = document.prepare(&self.sealing(&places, number)).unwrap();
            let signature = dsa::sign_digest(&key("holder"), prepared.digest(), &mut SysRng).unwrap();
            let mut out = Vec::new();
            prepared.write(&signature, None, &mut out).unwrap();
            out
        })
    }
}

fn place() -> [Place; 1] {
    [Place::At { pages: Pages::Last, x: 150.0, y: 250.0 }]
}

/// A tender of 1 MiB: pages, and a stream that nothing draws.
fn large() -> Vec<u8> {
    let mut file = cosign_tests::pdf::tender(5);
    let start = file.windows(9).rposition(|window| window == b"startxref").unwrap();
    let table: String = String::from_utf8(file[start + 10..].to_vec()).unwrap();
    let table: usize = table.lines().next().unwrap().parse().unwrap();
    let offset = file.len();
    let filler = LARGE - file.len();
    file.extend(format!("99 0 obj\n<< /Length {filler} >>\nstream\n").bytes());
    file.extend((0..filler).map(|at| b'0' + u8::try_from(at % 10).unwrap()));
    file.extend(b"\nendstream\nendobj\n");
    let own = file.len();
    file.extend(
        format!(
            "xref\n99 1\n{offset:010} 00000 n \ntrailer\n<< /Size 100 /Root 1 0 R /Prev {table} >>\nstartxref\n{own}\n%%EOF\n"
        )
        .bytes(),
    );
    file
}

/// A document is sealed over and over: the key's part was done before.
fn seal(name: &str, document: fn() -> Vec<u8>) -> Operation {
    Operation::one(name, move || {
        let (world, document) = (World::new(), document());
        let places = place();
        let signature: Signature = {
            let mut document = Document::open(Cursor::new(document.as_slice())).unwrap();
            let prepared = document.prepare(&world.sealing(&places, 0)).unwrap();
            dsa::sign_digest(&key("holder"), prepared.digest(), &mut SysRng).unwrap()
        };
        move || {
            let mut opened = Document::open(Cursor::new(document.as_slice())).unwrap();
            let prepared = opened.prepare(&world.sealing(&places, 0)).unwrap();
            let mut out = Vec::with_capacity(2 * document.len());
            prepared.write(&signature, None, &mut out).unwrap();
            black_box(out);
        }
    })
}

fn judge(name: &str, document: fn() -> Vec<u8>, times: usize) -> Operation {
    Operation::one(name, move || {
        let world = World::new();
        let document = world.sealed(document(), times);
        let validator = Validator::new().with_anchor(world.root);
        move || {
            let mut document = Document::open(Cursor::new(document.as_slice())).unwrap();
            let report = document.verify(&Terms::new(&validator, at(1_000_000))).unwrap();
            assert_eq!((report.verdict(), report.signatures.len()), (Verdict::Valid, times));
        }
    })
}

/// What is measured.
#[must_use]
pub fn operations() -> Vec<Operation> {
    vec![
        seal("seal a PDF of 1 MiB", large),
        seal("seal an OFD document of 100 pages", || cosign_tests::ofd::tender(PAGES)),
        judge("judge a PDF of 1 MiB with one seal", large, 1),
        judge("judge a PDF of 5 pages with 50 seals", || cosign_tests::pdf::tender(5), SIGNATURES),
        judge("judge an OFD document of 100 pages", || cosign_tests::ofd::tender(PAGES), 1),
        Operation::bytes("yardstick: SM3 of 1 MiB", LARGE, || {
            let bytes = large();
            move || {
                black_box(sm3::digest(black_box(&bytes)));
            }
        }),
        Operation::one("yardstick: verify one signature", || {
            let key = key("holder");
            let signature = dsa::sign_digest(&key, &[7; 32], &mut SysRng).unwrap();
            let public = *key.public_key();
            move || dsa::verify_digest(black_box(&public), &[7; 32], &signature).unwrap()
        }),
    ]
}
