use cosign_core::{
    csr,
    sm_primitives::sm2::{DistId, PrivateKey, dsa},
};
use getrandom::SysRng;
use pki::{
    certificate::Validity,
    csr::SubjectAttribute,
    issue::{self, Issuer, KeyRole, NameBuilder, Profile, ProfileKind, SerialNumber, Subject, root},
};

use super::*;
use crate::domain::{
    ca::{Options, RequestId, Role, Serial},
    device::Name,
};

const NOW_MS: u64 = 1_800_000_000_000;

/// An institution outside.
struct Outside {
    key: PrivateKey,
    certificate: Certificate,
}

fn validity() -> Validity {
    let moment = |seconds| Time::from_unix(seconds).unwrap();
    Validity { not_before: moment(NOW_MS / 1000 - 60), not_after: moment(NOW_MS / 1000 + 86_400) }
}

fn subject(called: &str) -> Subject {
    Subject::new(NameBuilder::new().with(SubjectAttribute::CommonName, called).build().unwrap())
}

impl Outside {
    fn new() -> Self {
        let key = PrivateKey::generate(&mut SysRng).unwrap();
        let (profile, subject) = (Profile::new(ProfileKind::Root { path_len: None }), subject("outside"));
        let serial = SerialNumber::random(&mut SysRng).unwrap();
        let order = issue::Order::new(&profile, &subject, *key.public_key(), serial, validity());
        let unsigned = root(&order, false).unwrap();
        let signature = dsa::sign_digest(&key, unsigned.digest(), &mut SysRng).unwrap();
        let certificate = Certificate::from_der(&unsigned.assemble(&signature).unwrap()).unwrap();
        Self { key, certificate }
    }

    fn certify(&self, key: &PrivateKey, called: &str) -> Vec<u8> {
        self.certify_as(ProfileKind::Personal, KeyRole::Signing, key, called)
    }

    fn certify_as(&self, kind: ProfileKind, role: KeyRole, key: &PrivateKey, called: &str) -> Vec<u8> {
        let (profile, subject) = (Profile::new(kind), subject(called));
        let serial = SerialNumber::random(&mut SysRng).unwrap();
        let order = issue::Order::new(&profile, &subject, *key.public_key(), serial, validity());
        let order = if kind.is_ca() { order } else { order.with_role(role) };
        let unsigned = Issuer::new(self.certificate.clone()).unwrap().issue(&order).unwrap();
        let signature = dsa::sign_digest(&self.key, unsigned.digest(), &mut SysRng).unwrap();
        unsigned.assemble(&signature).unwrap()
    }

    fn authority(&self, folder: &Path) -> Authority {
        Authority {
            id: "outside".to_owned().try_into().unwrap(),
            label: Name::try_from("outside".to_owned()).unwrap(),
            chain: vec![self.certificate.clone()],
            options: Options { backend: Backend::Folder(folder.to_owned()), ..Options::default() },
            created_ms: NOW_MS,
            retired_ms: None,
            status_version: 0,
        }
    }
}

fn order(key: &PrivateKey) -> Order {
    let info = csr::info("holder", key.public_key());
    let digest = DistId::default().digest(key.public_key(), &info);
    Order {
        request: RequestId::from_bytes([7; 16]),
        subject: None,
        csr: csr::assemble(&info, &dsa::sign_digest(key, &digest, &mut SysRng).unwrap()),
        profile: crate::domain::ca::Profile::Personal,
        role: Role::Sign,
        public_key: *key.public_key(),
        serial: Serial::new(&[1]).unwrap(),
        not_before_ms: NOW_MS,
        not_after_ms: NOW_MS + 1000,
    }
}

#[test]
fn a_request_goes_out_and_the_right_certificate_comes_in() {
    let folder = tempfile::tempdir().unwrap();
    let (outside, other) = (Outside::new(), Outside::new());
    let authority = outside.authority(folder.path());
    let (key, stranger) =
        (PrivateKey::generate(&mut SysRng).unwrap(), PrivateKey::generate(&mut SysRng).unwrap());
    let orders = [order(&key)];
    let exchanged = || exchange(folder.path(), &authority, &orders, NOW_MS);
    assert!(matches!(exchanged(), Ok(Certified::Later)));
    let name = format!("{}-sign", orders[0].request);
    let out = fs::read(folder.path().join(format!("out/{name}.csr"))).unwrap();
    assert_eq!(out, orders[0].csr);
    let told: serde_json::Value =
        serde_json::from_slice(&fs::read(folder.path().join(format!("out/{name}.json"))).unwrap()).unwrap();
    assert_eq!(told["public_key"], key.public_key().to_spki_pem());

    let come = folder.path().join(format!("in/{name}.cer"));
    let good = outside.certify(&key, "holder");
    // Half of a file is looked at again.
    for part in [&b""[..], &good[..good.len() / 2]] {
        fs::write(&come, part).unwrap();
        assert!(matches!(exchanged(), Ok(Certified::Later)), "{} bytes", part.len());
    }
    for wrong in [
        outside.certify(&stranger, "holder"),
        outside.certify(&key, "somebody else"),
        other.certify(&key, "holder"),
        outside.certify_as(ProfileKind::Personal, KeyRole::Encryption, &key, "holder"),
        outside.certify_as(ProfileKind::SubordinateCa { path_len: None }, KeyRole::Signing, &key, "holder"),
    ] {
        fs::write(&come, wrong).unwrap();
        assert!(matches!(exchanged(), Err(Error::Conflict(_))));
    }
    for _ in 0..2 {
        for file in [good.clone(), issue::certificate_pem(&good).into_bytes()] {
            fs::write(&come, file).unwrap();
            let Ok(Certified::Now(found)) = exchanged() else { panic!() };
            assert_eq!(found[0].as_der(), good);
        }
    }
    // Past its end it does not hold any more.
    assert!(exchange(folder.path(), &authority, &orders, NOW_MS + 2 * 86_400_000).is_err());
}
