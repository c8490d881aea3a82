//! The fixed state that the targets start from: the keys of the vectors, on both sides.

use std::sync::{Arc, OnceLock};

use cosign_core::{
    ClientKey, DeviceKey, Digest, KeyId, LocalRecord, Pin, Purpose, Suite, refresh,
    server::{Issued, KeyRecord, Origin, PendingRefresh, Status},
};

use crate::{
    frames::{self, Facts},
    model::{DEVICE, Server, done, vector_record},
    random::Seeded,
    vectors::{self, Leaves},
};

/// The time of the targets: that of the vectors' hostile frames, so that those pass the check of the clock.
pub const AT: u64 = 0x019b_7f05_5adc;
/// A key id that was issued for signing and not used.
pub const OPENING_KEY: [u8; 16] = [0xa1; 16];
/// A pending key.
pub const PENDING_KEY: [u8; 16] = [0xa2; 16];
/// The session of key generations.
pub const KEYGEN_SID: [u8; 16] = [0xa3; 16];

/// Both sides' keys.
pub struct Fixture {
    /// The client's signing key.
    pub sign: ClientKey,
    /// The client's decryption key.
    pub decrypt: ClientKey,
    /// The client's device secret.
    pub device_key: DeviceKey,
    /// What the client stored of the signing key.
    pub record: LocalRecord,
    /// The PIN of both keys.
    pub pin: Pin,
    /// The server's record of the signing key, with a refresh that waits for its confirmation.
    sign_record: KeyRecord,
    decrypt_record: KeyRecord,
    /// `A || z`: the proof that confirms the waiting refresh.
    pub proof: [u8; 96],
    /// What goes into requests of the signing key.
    pub sign_facts: Facts,
    /// What goes into requests of the decryption key.
    pub decrypt_facts: Facts,
}

/// Made once.
#[must_use]
pub fn fixture() -> &'static Fixture {
    static FIXTURE: OnceLock<Fixture> = OnceLock::new();
    FIXTURE.get_or_init(Fixture::load)
}

fn facts(key: &impl Leaves) -> Facts {
    Facts {
        key_id: key.array("/key_id"),
        epoch: u32::from_be_bytes(key.array("/epoch")),
        public_key: key.array("/P"),
        auth: key.array("/K_auth"),
    }
}

impl Fixture {
    fn load() -> Self {
        let vector = vectors::load("suite-d/keygen");
        let (sign, encryption) = (&vector["sign"]["K6_sign"]["key"], &vector["encryption"]["K6_sign"]["key"]);
        let device_key = DeviceKey::from_bytes(vector.array("/sign/pin/K_dev"));
        let pin = Pin::new(vector.text("/sign/pin/pin_ascii")).unwrap();
        let record = LocalRecord::from_bytes(&vector.bytes("/sign/device_record")).unwrap();
        let other = LocalRecord::from_bytes(&vector.bytes("/encryption/device_record")).unwrap();
        let client = record.unlock(&pin, &device_key).unwrap();

        let mut server = Server::new();
        let key_id = client.key_id();
        server.keys.insert(key_id, vector_record(sign));
        let mut rng = Seeded::new(3);
        let (r1, waiting) = refresh::start(&client, &pin, &device_key, 100_000, AT, &mut rng).unwrap();
        let r2 = server.handle(&r1, &DEVICE, AT, &mut rng);
        let renewed = done(waiting.finish(&r2, &device_key).unwrap());
        let stored = renewed.record.to_bytes();
        let (r3, _waiting) = renewed.confirm(&stored[..], &pin, &device_key, AT, &mut rng).unwrap();
        let sign_record = server.keys.remove(&key_id).unwrap();
        assert!(sign_record.pending.is_some());

        Self {
            decrypt: other.unlock(&pin, &device_key).unwrap(),
            sign: client,
            sign_facts: facts(sign),
            decrypt_facts: facts(encryption),
            sign_record,
            proof: r3[98..194].try_into().unwrap(),
            decrypt_record: vector_record(encryption),
            device_key,
            record,
            pin,
        }
    }

    /// A server with the two keys, a pending key with the same share as the signing key, and an issued key id.
    #[must_use]
    pub fn server(&self) -> Server {
        let mut server = Server::new();
        let pending = KeyRecord {
            key_id: KeyId::from_bytes(PENDING_KEY),
            status: Status::Pending,
            created_ms: AT,
            pending: None,
            pending_sign: Some(request_digest()),
            parent: None,
            seat: false,
            ..copy(&self.sign_record)
        };
        for record in [copy(&self.sign_record), copy(&self.decrypt_record), pending] {
            server.keys.insert(record.key_id, record);
        }
        let issued =
            Issued { device: DEVICE, suite: Suite::D, purpose: Purpose::Sign, origin: Origin::Generated };
        server.issued.insert(KeyId::from_bytes(OPENING_KEY), issued);
        server
    }

    /// The refresh of the signing key that waits for its confirmation: its id and its `K_auth'`.
    #[must_use]
    pub fn pending_refresh(&self) -> ([u8; 16], [u8; 32]) {
        let bytes = self.sign_record.pending.as_ref().unwrap().expose_bytes();
        (bytes[4..20].try_into().unwrap(), bytes[212..244].try_into().unwrap())
    }

    /// The secret bytes of a share and of a pending refresh, as the server seals them.
    #[must_use]
    pub fn sealed_bytes(&self) -> [Vec<u8>; 2] {
        let pending = self.sign_record.pending.as_ref().unwrap().expose_bytes().to_vec();
        [self.sign_record.share.expose_bytes().to_vec(), pending]
    }

    /// Both frames of a key generation for `opening`, as [`frames::key_generation`] makes them.
    #[must_use]
    pub fn key_generation(&self, opening: &[u8]) -> [Vec<u8>; 2] {
        frames::key_generation(OPENING_KEY, Purpose::Sign.byte(), KEYGEN_SID, opening)
    }
}

/// The digest of the vectors' certification request.
fn request_digest() -> Digest {
    static DIGEST: OnceLock<Digest> = OnceLock::new();
    *DIGEST.get_or_init(|| {
        let vector = vectors::load("suite-d/keygen");
        Digest::from_bytes(&vector.array("/sign/K6_sign/items/0/e")).unwrap()
    })
}

fn copy(record: &KeyRecord) -> KeyRecord {
    let pending =
        record.pending.as_ref().map(|pending| PendingRefresh::from_bytes(&pending.expose_bytes()).unwrap());
    KeyRecord { share: Arc::clone(&record.share), pending, ..*record }
}
