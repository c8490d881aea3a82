use cosign_core::{DeviceKey, MIN_ITERATIONS, Purpose, server::Origin};
use envelope::Error as EnvelopeError;
use sm_primitives::sm2::pke;
use tempfile::TempDir;

use super::*;
use crate::{
    client::{evaluate, session},
    testing::{Fate, Link, Model, ServerIdentity, pin},
};

const PIN: &str = "161803";

/// A device that lost everything, a key centre, and a server that waits for the key.
struct World {
    link: Link,
    store: Store,
    device: [u8; 32],
    recovery: Recovery,
    /// As the key centre keeps it.
    kept: PrivateKey,
    _folder: TempDir,
}

fn issued(public_key: &PublicKey) -> IssuedId {
    IssuedId {
        suite: "D".into(),
        purpose: KeyPurpose::Encrypt,
        pin_mode: "base".into(),
        public_key: Some(public_key.to_spki_pem()),
    }
}

impl World {
    fn new() -> Self {
        Self::in_mode(PinMode::Base)
    }

    fn in_mode(mode: PinMode) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let store = Store::open(&folder.path().join("store")).unwrap();
        let device = *store.device_or_new().unwrap().secret.expose_bytes();
        let kept = PrivateKey::generate(&mut SysRng).unwrap();
        let mut model = Model::new();
        model.mode = mode;
        let origin = Origin::Recovered(*kept.public_key());
        let key_id = model.issue(1, Suite::D, Purpose::Encrypt, origin);
        let recovery = Recovery::new(
            key_id,
            &IssuedId { pin_mode: mode.as_str().into(), ..issued(kept.public_key()) },
            ProtectionKey::generate().unwrap().0,
        )
        .unwrap();
        Self { link: Link::new(model), store, device, recovery, kept, _folder: folder }
    }

    /// What the key centre answers.
    fn reply(&self, key: &PrivateKey) -> Vec<u8> {
        enveloped_key::seal(key, self.recovery.protection_key(), &mut SysRng).unwrap()
    }

    fn credentials(&self) -> Credentials {
        Credentials { pin: pin(PIN), device: DeviceKey::from_bytes(self.device) }
    }

    fn import(&self) -> Result<ClientKey, Error> {
        let key = self.recovery.open(&self.reply(&self.kept))?;
        let Recovery { key_id, suite, mode, .. } = self.recovery;
        import(&self.link, key_id, suite, mode, key)
    }

    fn take_over(&self, key: &ClientKey) -> Result<Renewed, Error> {
        let info = NewKeyInfo {
            label: "a",
            server: &"localhost:8443".parse().unwrap(),
            trust: &ServerIdentity::new().trust,
            distid: "1234567812345678",
            created_ms: 1,
        };
        let info = KeyInfo::new(key.key_id(), key.purpose(), key.public_key(), info);
        let credentials = self.credentials();
        refresh::take_over(&self.link.links(), &self.store, key, &info, &credentials, MIN_ITERATIONS)
    }

    fn decrypts(&self) -> bool {
        let ciphertext = pke::encrypt(self.kept.public_key(), b"bid", &mut SysRng).unwrap();
        let record = self.store.key(self.recovery.key_id).unwrap().into_record().unwrap();
        let key = evaluate::unlock(&self.link, &record, &self.credentials()).unwrap();
        let decrypted = session::decrypt(&self.link, &key, &[ciphertext]).unwrap();
        decrypted.plaintexts[0][..] == b"bid"[..]
    }
}

#[test]
fn a_recovered_key_decrypts_what_was_sealed_before() {
    let world = World::new();
    let key = world.import().unwrap();
    assert!(world.store.keys().unwrap().is_empty(), "nothing of it is stored");
    assert_eq!(world.take_over(&key).unwrap().epoch, 2);
    assert!(world.decrypts());
    assert_eq!(world.link.sent(), 4, "import, R1, R3, decryption");
}

#[test]
fn a_recovered_key_has_the_mode_that_its_id_was_issued_for() {
    let world = World::in_mode(PinMode::Oblivious);
    let key = world.import().unwrap();
    world.take_over(&key).unwrap();
    assert!(world.decrypts());
    assert_eq!(world.link.sent(), 6, "import, evaluation, R1, R3, evaluation, decryption");
    let record = world.store.key(world.recovery.key_id).unwrap().into_record().unwrap();
    assert_eq!(record.pin_mode(), PinMode::Oblivious);
}

#[test]
fn a_recovered_key_that_was_cut_off_while_it_arrived_is_completed() {
    for fate in [Fate::Lost, Fate::Unanswered] {
        let world = World::new();
        world.link.meets(2, fate);
        let key = world.import().unwrap();
        assert!(matches!(world.take_over(&key), Err(Error::ArrivalUnconfirmed { .. })));
        refresh::complete(&world.link.links(), &world.store, world.recovery.key_id, &world.credentials())
            .unwrap();
        assert!(world.decrypts());
    }
}

#[test]
fn an_import_is_sent_once() {
    for (fate, used) in [(Fate::Lost, false), (Fate::Broken, true)] {
        let world = World::new();
        world.link.meets(0, fate);
        assert!(matches!(world.import(), Err(Error::Interrupted | Error::NoAnswer)));
        assert_eq!(world.link.sent(), 1);
        assert!(world.store.keys().unwrap().is_empty());
        // By its owner's decision the same id may do, if it was not used.
        match world.import() {
            Err(Error::ImportRefused(key_id)) if used => assert_eq!(key_id, world.recovery.key_id),
            imported => assert!(imported.is_ok() && !used),
        }
    }
}

#[test]
fn nothing_is_sent_for_another_key() {
    let world = World::new();
    let other = PrivateKey::generate(&mut SysRng).unwrap();
    assert!(matches!(world.recovery.open(&world.reply(&other)), Err(Error::OtherKey)));
    assert_eq!(world.link.sent(), 0);
}

#[test]
fn replies_come_in_der_pem_and_base64() {
    let world = World::new();
    let der = world.reply(&world.kept);
    let base64 = {
        use base64ct::{Base64, Encoding};
        Base64::encode_string(&der)
    };
    let lines = base64.as_bytes().chunks(64).map(|line| String::from_utf8_lossy(line).into_owned() + "\r\n");
    let lines: String = lines.collect();
    let pem = format!("-----BEGIN SM2 ENVELOPED KEY-----\n{lines}-----END SM2 ENVELOPED KEY-----\n");
    for reply in [&der[..], base64.as_bytes(), lines.as_bytes(), pem.as_bytes()] {
        assert_eq!(world.recovery.open(reply).unwrap().public_key(), world.kept.public_key());
    }
    let foreign = World::new().recovery.open(&der).err();
    assert!(matches!(foreign, Some(Error::BadRecovery(EnvelopeError::WrongKey))), "{foreign:?}");
    for broken in [&b""[..], b"hello", &der[1..], &der[..der.len() - 1], &pem.as_bytes()[..100]] {
        assert!(matches!(world.recovery.open(broken), Err(Error::BadRecovery(_))));
    }
}

#[test]
fn only_an_id_for_recovery_will_do() {
    let kept = PrivateKey::generate(&mut SysRng).unwrap();
    let key_id = KeyId::from_bytes([1; 16]);
    let good = issued(kept.public_key());
    let protection = || ProtectionKey::generate().unwrap().0;
    let error = |issued: IssuedId| Recovery::new(key_id, &issued, protection()).err();
    assert!(error(good.clone()).is_none());
    assert!(matches!(
        error(IssuedId { public_key: None, ..good.clone() }),
        Some(Error::NotRecoverable(id)) if id == key_id
    ));
    assert!(matches!(
        error(IssuedId { purpose: KeyPurpose::Sign, ..good.clone() }),
        Some(Error::NotRecoverable(_))
    ));
    assert!(matches!(
        error(IssuedId { public_key: Some("PEM".into()), ..good.clone() }),
        Some(Error::BadAnswer(_))
    ));
    assert!(matches!(error(IssuedId { suite: "Z".into(), ..good.clone() }), Some(Error::BadAnswer(_))));
    assert!(matches!(error(IssuedId { pin_mode: "Z".into(), ..good }), Some(Error::BadAnswer(_))));
}
