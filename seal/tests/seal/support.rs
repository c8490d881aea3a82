//! A CA, a seal maker, a holder and a time-stamp authority, and seals of every edition.

use getrandom::SysRng;
use pki::certificate::Validity;
use pki::crl::{Entry, RevocationReason};
use pki::csr::SubjectAttribute;
use pki::fields::{BIT_STRING, INTEGER, OCTET_STRING, OID, SEQUENCE, UTC_TIME, constructed, element};
use pki::issue::{
    Issuer, ListBuilder, NameBuilder, Order, Profile, ProfileKind, SerialNumber, StampAuthority, Subject,
    root,
};
use pki::tsp::{Imprint, TimeStampRequest};
use pki::validate::Validator;
use pki::{Certificate, ObjectIdentifier, RevocationList, Time};
use seal::ses::{ElectronicSeal, Holders, PictureData, SealOrder, SealedData, unsigned_data};
use sm_primitives::SecretScalar;
use sm_primitives::sm2::{DistId, PrivateKey, Signature, dsa, hazmat::sign_digest_with_nonce};
use sm_primitives::sm3::{self, Sm3};

pub(crate) const SM2_WITH_SM3: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.156.10197.1.501");

/// The private key whose bytes are SM3(name).
pub(crate) fn key(name: &str) -> PrivateKey {
    PrivateKey::from_bytes(&Sm3::new().chain(name.as_bytes()).finalize()).unwrap()
}

/// The signature of this digest by the key of a name. It is always the same: the nonce depends on both, and on nothing else.
pub(crate) fn signed(by: &str, digest: &[u8; 32]) -> Signature {
    let nonce = Sm3::new().chain(b"nonce").chain(by.as_bytes()).chain(digest).finalize();
    sign_digest_with_nonce(&key(by), digest, SecretScalar::from_bytes(&nonce).unwrap()).unwrap()
}

/// `2026-01-31T23:59:59Z`.
pub(crate) fn time(text: &str) -> Time {
    let digits: String = text.chars().filter(char::is_ascii_digit).collect();
    Time::from_der(0x18, format!("{digits}Z").as_bytes()).unwrap()
}

pub(crate) fn now() -> Time {
    time("2026-06-01T12:00:00Z")
}

pub(crate) struct World {
    pub(crate) root: Certificate,
    issuer: Issuer,
    pub(crate) maker: Certificate,
    pub(crate) holder: Certificate,
    pub(crate) authority: StampAuthority,
}

impl World {
    pub(crate) fn new() -> Self {
        let name = |cn: &str| {
            let name = NameBuilder::new().with(SubjectAttribute::Country, "CN");
            Subject::new(name.with(SubjectAttribute::CommonName, cn).build().unwrap())
        };
        let profile = Profile::new(ProfileKind::Root { path_len: None });
        let validity =
            Validity { not_before: time("2020-01-01T00:00:00Z"), not_after: time("2050-01-01T00:00:00Z") };
        let subject = name("Example Root");
        let order = Order::new(&profile, &subject, *key("root").public_key(), serial(1), validity);
        let unsigned = root(&order, false).unwrap();
        let signature = signed("root", unsigned.digest());
        let root = Certificate::from_der(&unsigned.assemble(&signature).unwrap()).unwrap();
        let issuer = Issuer::new(root.clone()).unwrap();
        let mut world = Self {
            maker: root.clone(),
            holder: root.clone(),
            authority: StampAuthority::new(
                issue(&issuer, ProfileKind::TimeStamping, "stamps", 4, "2026-12-31T00:00:00Z"),
                ObjectIdentifier::new_unwrap("1.2.3.4"),
            )
            .unwrap(),
            issuer,
            root,
        };
        world.maker = world.issue(ProfileKind::SealMaker, "maker", 2, "2026-12-31T00:00:00Z");
        world.holder = world.issue(ProfileKind::Enterprise, "holder", 3, "2026-12-31T00:00:00Z");
        world
    }

    /// A certificate for the key of this name, from the beginning of 2026 on.
    pub(crate) fn issue(&self, kind: ProfileKind, name: &str, number: u8, until: &str) -> Certificate {
        issue(&self.issuer, kind, name, number, until)
    }

    pub(crate) fn validator(&self) -> Validator {
        Validator::new().with_anchor(self.root.clone())
    }

    /// A seal of V4 for these holders.
    pub(crate) fn seal_for(&self, holders: Holders) -> ElectronicSeal {
        let unsigned = self.order(holders).unsigned(&self.maker).unwrap();
        let signature = signed("maker", unsigned.digest());
        unsigned.complete(&signature).unwrap()
    }

    pub(crate) fn order(&self, holders: Holders) -> SealOrder<'static> {
        SealOrder {
            vendor: "cosign",
            id: "11010000000001",
            kind: 1,
            name: "测试单位合同专用章",
            holders,
            created: time("2026-02-01T00:00:00Z"),
            validity: (time("2026-02-01T00:00:00Z"), time("2026-11-30T00:00:00Z")),
            picture: PictureData { format: "PNG".into(), data: vec![0x89, b'P'], width: 42, height: 40 },
        }
    }

    pub(crate) fn seal(&self) -> ElectronicSeal {
        self.seal_for(Holders::Certificates(vec![self.holder.as_der().to_vec()]))
    }

    /// Sealed data over this content.
    pub(crate) fn sealed(&self, seal: &ElectronicSeal, at: Time, content: &[u8]) -> SealedData {
        let unsigned = unsigned_data(seal, &self.holder, at, &sm3::digest(content), "/Doc_0").unwrap();
        let signature = signed("holder", unsigned.digest());
        unsigned.complete(&signature, None).unwrap()
    }

    /// A list that has a certificate since a moment, made in the middle of 2026.
    pub(crate) fn revoked(&self, certificate: &Certificate, date: Time) -> RevocationList {
        let made = (time("2026-06-20T00:00:00Z"), time("2027-06-20T00:00:00Z"));
        self.list(made, Some((certificate, date)))
    }

    /// A list of this time and the next one, with an entry or none.
    pub(crate) fn list(
        &self,
        (made, due): (Time, Time),
        entry: Option<(&Certificate, Time)>,
    ) -> RevocationList {
        let mut builder = ListBuilder::new(&self.issuer, 1, made, due).unwrap();
        if let Some((certificate, date)) = entry {
            let entry = Entry {
                serial: certificate.serial().to_vec(),
                date,
                reason: RevocationReason::from_number(4).unwrap(),
                invalidity: None,
                has_unknown_critical: false,
            };
            builder.push(&entry).unwrap();
        }
        let unsigned = builder.build();
        let signature = signed("root", unsigned.digest());
        RevocationList::from_der(&unsigned.assemble(&signature).unwrap()).unwrap()
    }

    /// A token over this content.
    pub(crate) fn stamp(&self, content: &[u8], at: Time) -> Vec<u8> {
        self.stamp_digest(&sm3::digest(content), at)
    }

    /// A token over a content with this hash.
    pub(crate) fn stamp_digest(&self, digest: &[u8; 32], at: Time) -> Vec<u8> {
        let imprint = Imprint::from_digest(pki::algorithm::HashAlgorithm::Sm3, digest.to_vec()).unwrap();
        let request = TimeStampRequest::new(imprint, None);
        let unsigned = self.authority.stamp(&request, &serial(9), at, 0).unwrap();
        let signature = signed("stamps", unsigned.digest());
        let response = unsigned.assemble(&signature).unwrap();
        let response = pki::tsp::TimeStampResponse::from_der(&response).unwrap();
        response.token.unwrap().as_der().to_vec()
    }
}

fn serial(number: u8) -> SerialNumber {
    SerialNumber::from_bytes(&[[0x51; 15].as_slice(), &[number]].concat()).unwrap()
}

fn issue(issuer: &Issuer, kind: ProfileKind, name: &str, number: u8, until: &str) -> Certificate {
    let subject = NameBuilder::new().with(SubjectAttribute::Country, "CN");
    let subject = Subject::new(subject.with(SubjectAttribute::CommonName, name).build().unwrap());
    let validity = Validity { not_before: time("2026-01-01T00:00:00Z"), not_after: time(until) };
    let profile = Profile::new(kind);
    let order = Order::new(&profile, &subject, *key(name).public_key(), serial(number), validity);
    let unsigned = issuer.issue(&order).unwrap();
    let signature = signed("root", unsigned.digest());
    Certificate::from_der(&unsigned.assemble(&signature).unwrap()).unwrap()
}

pub(crate) fn octets(bytes: &[u8]) -> Vec<u8> {
    element(OCTET_STRING, &[bytes])
}

pub(crate) fn bits(bytes: &[u8]) -> Vec<u8> {
    element(BIT_STRING, &[&[0], bytes])
}

pub(crate) fn oid(id: &ObjectIdentifier) -> Vec<u8> {
    element(OID, &[id.as_bytes()])
}

/// A signature over Z and a message, in DER.
pub(crate) fn sign(by: &str, message: &[u8]) -> Vec<u8> {
    dsa::sign(&key(by), &DistId::default(), message, &mut SysRng).unwrap().to_der()
}

/// SES_SealInfo of an edition with one holder, for editions that are only read.
pub(crate) fn info(version: u8, holder: &Certificate, extra: &[u8]) -> Vec<u8> {
    let header = element(
        SEQUENCE,
        &[&element(0x16, &[b"ES"]), &element(INTEGER, &[&[version]]), &element(0x16, &[b"v"])],
    );
    let holders = element(SEQUENCE, &[&octets(holder.as_der())]);
    let times: [&[u8]; 3] = [b"260201000000Z", b"260201000000Z", b"261130000000Z"];
    let times: Vec<u8> = if version == 1 {
        times.iter().flat_map(|time| element(UTC_TIME, &[time])).collect()
    } else {
        times.iter().flat_map(|time| element(0x18, &[b"20", time])).collect()
    };
    let list_type: &[u8] = if version == 1 { &[] } else { &[2, 1, 1] };
    let property =
        element(SEQUENCE, &[&[2, 1, 2], &element(0x0c, &["章".as_bytes()]), list_type, &holders, &times]);
    let picture = element(SEQUENCE, &[&element(0x16, &[b"png"]), &octets(b"p"), &[2, 1, 20], &[2, 1, 30]]);
    element(SEQUENCE, &[&header, &element(0x16, &[b"id"]), &property, &picture, extra])
}

/// A seal of GM/T 0031-2014.
pub(crate) fn seal_v1(world: &World) -> Vec<u8> {
    let info = info(1, &world.holder, &[]);
    let (certificate, algorithm) = (octets(world.maker.as_der()), oid(&SM2_WITH_SM3));
    let signed = element(SEQUENCE, &[&info, &certificate, &algorithm]);
    let sign_info = element(SEQUENCE, &[&certificate, &algorithm, &bits(&sign("maker", &signed))]);
    element(SEQUENCE, &[&info, &sign_info])
}

/// A seal of GM/T 0031-2025, with a time-stamp or without.
pub(crate) fn seal_v5(world: &World, stamped: bool) -> Vec<u8> {
    let info = info(5, &world.holder, &[]);
    let signature = sign("maker", &info);
    let token = if stamped { world.stamp(&signature, now()) } else { Vec::new() };
    let token = if stamped { element(constructed(0), &[&bits(&token)]) } else { token };
    let parts: [&[u8]; 5] =
        [&info, &octets(world.maker.as_der()), &oid(&SM2_WITH_SM3), &bits(&signature), &token];
    element(SEQUENCE, &parts)
}

/// Sealed data of GM/T 0031-2014.
pub(crate) fn sealed_v1(world: &World, time_info: &[u8], content: &[u8]) -> Vec<u8> {
    let to_sign = element(
        SEQUENCE,
        &[
            &[2, 1, 1],
            &seal_v1(world),
            &bits(time_info),
            &bits(&sm3::digest(content)),
            &element(0x16, &[b"/Doc_0"]),
            &octets(world.holder.as_der()),
            &oid(&SM2_WITH_SM3),
        ],
    );
    element(SEQUENCE, &[&to_sign, &bits(&sign("holder", &to_sign))])
}
