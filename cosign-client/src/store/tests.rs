use std::sync::Barrier;

use cosign_core::Suite;

use super::*;
use crate::testing::{Model, ServerIdentity, pin};

struct Fixture {
    /// Goes with the fixture.
    _folder: tempfile::TempDir,
    store: Store,
    device: Device,
    identity: ServerIdentity,
    model: Model,
}

impl Fixture {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let store = Store::open(&folder.path().join("store")).unwrap();
        let device = store.device_or_new().unwrap();
        Self { _folder: folder, store, device, identity: ServerIdentity::new(), model: Model::new() }
    }

    /// A key made in memory, not stored yet.
    fn key(&mut self, id: u8, purpose: Purpose, label: &str) -> StoredKey {
        let (record, _) = self.model.keygen(id, Suite::D, purpose, &pin("271828"), &self.device.secret);
        let info = NewKeyInfo {
            label,
            server: &"localhost:8443".parse().unwrap(),
            trust: &self.identity.trust,
            distid: "1234567812345678",
            created_ms: u64::from(id),
        };
        StoredKey::new(record, info)
    }

    fn key_folder(&self, id: u8) -> PathBuf {
        self.store.keys_folder().join(KeyId::from_bytes([id; 16]).to_string())
    }
}

#[test]
fn a_key_comes_back_and_unlocks() {
    let mut fixture = Fixture::new();
    let key = fixture.key(1, Purpose::Sign, "contracts");
    fixture.store.insert(&key).unwrap();

    let store = Store::open(fixture.store.root()).unwrap();
    let device = store.device().unwrap().unwrap();
    assert_eq!(device.identity.id(), fixture.device.identity.id());
    let again = store.find(Some("contracts"), Some(Purpose::Sign)).unwrap();
    assert_eq!(again.record.to_bytes(), key.record.to_bytes());
    assert_eq!(fs::read(fixture.key_folder(1).join("record")).unwrap(), key.record.to_bytes().as_slice());
    assert!(again.record.unlock(&pin("271828"), &device.secret).is_ok());
    let other = DeviceKey::from_bytes([0; 32]);
    assert!(again.record.unlock(&pin("271828"), &other).is_err(), "worthless on another device");

    assert!(!again.info.active);
    store.set_active(again.key_id()).unwrap();
    assert!(store.find(None, None).unwrap().info.active);
    store.remove(again.key_id()).unwrap();
    assert!(matches!(store.find(None, None), Err(Error::NoSuchKey { .. })));
}

#[test]
fn the_store_holds_the_specified_files_and_nothing_else() {
    let mut fixture = Fixture::new();
    let key = fixture.key(1, Purpose::Sign, "a");
    fixture.store.insert(&key).unwrap();
    fixture.store.set_active(key.key_id()).unwrap();
    let mut files = Vec::new();
    let mut folders = vec![fixture.store.root().to_owned()];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(&folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() { folders.push(path) } else { files.push(path) }
        }
    }
    let name = |path: &PathBuf| path.strip_prefix(fixture.store.root()).unwrap().display().to_string();
    let mut names: Vec<String> = files.iter().map(name).collect();
    names.sort();
    let key_folder = format!("keys/{}", key.info.key_id);
    let expected = [
        "device/secret",
        "device/tls.crt",
        "device/tls.key",
        &format!("{key_folder}/info.json"),
        &format!("{key_folder}/record"),
        "lock",
    ];
    assert_eq!(names, expected);
    assert_eq!(fs::metadata(fixture.key_folder(1).join("record")).unwrap().len(), 188);
    assert_eq!(fs::metadata(fixture.store.root().join("device/secret")).unwrap().len(), 32);
}

#[cfg(unix)]
#[test]
fn other_users_stay_outside() {
    use std::os::unix::fs::PermissionsExt;

    let mut fixture = Fixture::new();
    let key = fixture.key(1, Purpose::Sign, "a");
    fixture.store.insert(&key).unwrap();
    let root = fixture.store.root().to_owned();
    let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
    assert_eq!(mode(&root), 0o700);
    for secret in ["device/secret", "device/tls.key"] {
        assert_eq!(mode(&root.join(secret)), 0o600, "{secret}");
    }
    assert_eq!(mode(&fixture.key_folder(1).join("record")), 0o600);

    let open = |path: &Path| fs::set_permissions(path, fs::Permissions::from_mode(0o644)).unwrap();
    open(&fixture.key_folder(1).join("record"));
    assert!(matches!(fixture.store.keys(), Err(Error::StorePermissions(_))));
    open(&root.join("device/secret"));
    assert!(matches!(fixture.store.device(), Err(Error::StorePermissions(_))));
    fs::set_permissions(&root, fs::Permissions::from_mode(0o750)).unwrap();
    assert!(matches!(Store::open(&root), Err(Error::StorePermissions(_))));
}

#[test]
fn a_half_written_key_does_not_exist() {
    let mut fixture = Fixture::new();
    let key = fixture.key(1, Purpose::Sign, "a");
    // As if the power had gone between two files.
    let half = fixture.store.keys_folder().join(format!("{}{}", atomic::TEMPORARY, key.info.key_id));
    fs::create_dir(&half).unwrap();
    fs::write(half.join("record"), [1; 100]).unwrap();
    assert!(fixture.store.keys().unwrap().is_empty());
    fixture.store.insert(&key).unwrap();
    assert_eq!(fixture.store.keys().unwrap().len(), 1);
}

#[test]
fn damage_is_found() {
    let mut fixture = Fixture::new();
    let key = fixture.key(1, Purpose::Sign, "a");
    fixture.store.insert(&key).unwrap();
    let (record, info) = (fixture.key_folder(1).join("record"), fixture.key_folder(1).join("info.json"));
    let (good_record, good_info) = (fs::read(&record).unwrap(), fs::read_to_string(&info).unwrap());
    let is_damaged = || matches!(fixture.store.keys(), Err(Error::StoreDamaged { .. }));

    fs::write(&record, &good_record[..187]).unwrap();
    assert!(is_damaged(), "short record");
    let mut swapped = good_record.clone();
    swapped[3] ^= 1;
    fs::write(&record, &swapped).unwrap();
    assert!(is_damaged(), "another key's record");
    fs::write(&record, &good_record).unwrap();

    for (from, to) in [
        ("\"sign\"", "\"encrypt\""),
        ("\"format\": 1", "\"format\": 2"),
        ("localhost:8443", "localhost"),
        ("BEGIN CERTIFICATE", "BEGIN NOTHING"),
        ("}", ""),
    ] {
        let changed = good_info.replacen(from, to, 1);
        assert_ne!(changed, good_info, "{from}");
        fs::write(&info, changed).unwrap();
        assert!(is_damaged(), "{from}");
    }
    let other = fixture.model.keygen(9, Suite::D, Purpose::Sign, &pin("271828"), &fixture.device.secret).0;
    let mut changed: KeyInfo = serde_json::from_str(&good_info).unwrap();
    changed.public_key = other.public_key().to_spki_pem();
    fs::write(&info, serde_json::to_string(&changed).unwrap()).unwrap();
    assert!(matches!(fixture.store.keys(), Err(Error::StoreDamaged { .. })), "another public key");

    // A record changed with care still fails where the device's secret is used.
    fs::write(&info, &good_info).unwrap();
    let mut resalted = good_record.clone();
    resalted[110] ^= 1;
    fs::write(&record, &resalted).unwrap();
    let key = fixture.store.find(None, None).unwrap();
    assert!(key.record.unlock(&pin("271828"), &fixture.device.secret).is_err());
}

#[test]
fn a_lost_device_is_not_replaced_under_its_keys() {
    let mut fixture = Fixture::new();
    let key = fixture.key(1, Purpose::Sign, "a");
    fixture.store.insert(&key).unwrap();
    fs::remove_dir_all(fixture.store.root().join("device")).unwrap();
    assert!(matches!(fixture.store.device_or_new(), Err(Error::StoreDamaged { .. })));
    fixture.store.remove(key.key_id()).unwrap();
    assert!(fixture.store.device_or_new().is_ok());
}

#[test]
fn keys_are_found_by_label_id_and_purpose() {
    let mut fixture = Fixture::new();
    for (id, purpose, label) in [
        (0x11, Purpose::Sign, "default"),
        (0x12, Purpose::Encrypt, "default"),
        (0x22, Purpose::Sign, "1111"),
        (0x33, Purpose::Sign, "c"),
    ] {
        let key = fixture.key(id, purpose, label);
        fixture.store.insert(&key).unwrap();
    }
    let store = &fixture.store;
    let found =
        |wanted: Option<&str>, purpose| store.find(wanted, purpose).map(|key| key.key_id().as_bytes()[0]);
    assert_eq!(found(None, Some(Purpose::Sign)).unwrap(), 0x11, "the default one");
    assert_eq!(found(None, Some(Purpose::Encrypt)).unwrap(), 0x12, "the only one");
    assert!(matches!(found(None, None), Err(Error::AmbiguousKey(_))));
    assert!(matches!(found(Some("default"), None), Err(Error::AmbiguousKey(_))));
    assert_eq!(found(Some("default"), Some(Purpose::Encrypt)).unwrap(), 0x12);
    assert_eq!(found(Some("3333"), None).unwrap(), 0x33, "the beginning of an id");
    assert_eq!(found(Some("1111"), None).unwrap(), 0x22, "a label comes before the beginning of an id");
    assert_eq!(found(Some(&"11".repeat(16)), None).unwrap(), 0x11, "a whole id");
    assert!(matches!(found(Some("333"), None), Err(Error::NoSuchKey { .. })), "too short for an id");
    assert!(matches!(found(Some("c"), Some(Purpose::Encrypt)), Err(Error::NoSuchKey { .. })));

    let all = |wanted: Option<&str>, purpose| {
        let keys = store.find_labelled(wanted, purpose)?;
        Ok(keys.iter().map(|key| key.key_id().as_bytes()[0]).collect::<Vec<_>>())
    };
    assert_eq!(all(None, None).unwrap(), [0x11, 0x12], "both purposes of one label");
    assert_eq!(all(Some("default"), Some(Purpose::Sign)).unwrap(), [0x11]);
    assert_eq!(all(Some("c"), None).unwrap(), [0x33]);
    assert!(matches!(all(Some("3334"), None), Err(Error::NoSuchKey { .. })));
    assert!(matches!(all(None, Some(Purpose::Encrypt)), Ok(keys) if keys == [0x12]));

    let twin = fixture.key(0x44, Purpose::Sign, "c");
    assert!(matches!(fixture.store.insert(&twin), Err(Error::LabelTaken { .. })));
}

#[test]
fn writers_take_turns() {
    let fixture = Fixture::new();
    let lock = fixture.store.lock().unwrap();
    let start = Barrier::new(2);
    std::thread::scope(|scope| {
        let waiting = scope.spawn(|| {
            start.wait();
            fixture.store.device_or_new().map(|device| device.identity.id())
        });
        start.wait();
        std::thread::sleep(Duration::from_millis(100));
        assert!(!waiting.is_finished(), "the second writer waits");
        drop(lock);
        assert_eq!(waiting.join().unwrap().unwrap(), fixture.device.identity.id());
    });
}

#[test]
fn two_processes_make_one_device() {
    let folder = tempfile::tempdir().unwrap();
    let store = Store::open(folder.path().join("s").as_path()).unwrap();
    let ids: Vec<_> = std::thread::scope(|scope| {
        let threads: Vec<_> =
            (0..4).map(|_| scope.spawn(|| store.device_or_new().unwrap().identity.id())).collect();
        threads.into_iter().map(|thread| thread.join().unwrap()).collect()
    });
    assert!(ids.iter().all(|id| *id == ids[0]));
}

#[test]
fn labels_that_confuse_are_refused() {
    for label in ["", "a\nb", "\u{1b}[2J", &"x".repeat(65), "00112233445566778899aabbccddeeff"] {
        assert!(check_label(label).is_err(), "{label:?}");
    }
    for label in ["default", "合同专用", "a b/c", &"印".repeat(64)] {
        assert!(check_label(label).is_ok(), "{label:?}");
    }
}
