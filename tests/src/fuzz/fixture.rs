//! The fixed state that the targets start from: keys of both suites, on both sides.

use std::{
    collections::BTreeMap,
    sync::{Arc, OnceLock},
};

use cosign_core::{
    ClientKey, DeviceId, DeviceKey, Digest, KeyId, LocalRecord, Pin, PinMode, Purpose, Suite,
    server::{Issued, KeyRecord, Origin, Status},
    split::Receiver,
};
use num_bigint::BigUint;
use sm_primitives::{Scalar, SecretScalar, sm2::PrivateKey};

use crate::{
    frames::Facts,
    model::{DEVICE, PIN, Pair, Server, vector_record},
    naive,
    random::Seeded,
    vectors::{self, Leaves},
};

/// The time of the targets: that of the vectors' hostile frames, so that those pass the check of the clock.
pub const AT: u64 = 0x019b_7f05_5adc;

/// Names of keys in scripts: 0 to 31. 0 and 1 are those of the vectors, suite D for signing and for decryption.
pub const SIGN_D: u8 = 0;
/// Suite D, decrypts.
pub const DECRYPT_D: u8 = 1;
/// Suite D, waits for its certification request.
pub const PENDING_D: u8 = 2;
/// Suite F2, signs.
pub const SIGN_F2: u8 = 3;
/// Suite F2, decrypts.
pub const DECRYPT_F2: u8 = 4;
/// Suite F2, waits for its certification request.
pub const PENDING_F2: u8 = 5;
/// Suite D, an id that was issued and not used; a script may make the key.
pub const NEW_D: u8 = 6;
/// Suite F2, an id that was issued and not used.
pub const NEW_F2: u8 = 7;

/// From here on: ids that wait for what arrives. A share of the key whose name is less by this, where no other line
/// says so, for another device.
pub const ARRIVALS: u8 = 8;
const SHARE_SIGN_D: u8 = ARRIVALS + SIGN_D;
const SHARE_DECRYPT_D: u8 = ARRIVALS + DECRYPT_D;
const SHARE_DECRYPT_F2: u8 = ARRIVALS + DECRYPT_F2;
/// Suite D, the id for a recovered decryption key; the device is that of the keys.
pub const RECOVERED_D: u8 = 10;
/// Suite F2, the id for a recovered decryption key.
pub const RECOVERED_F2: u8 = 13;
/// For a share of what arrived as a share of [`SIGN_D`], back to the device of the keys.
pub const ONWARD_D: u8 = 14;
/// For one more share of [`SIGN_F2`].
pub const SECOND_F2: u8 = 15;

/// From here on: the sixteen names before in oblivious mode, each a key or an id of its own.
pub(super) const OBLIVIOUS: u8 = 16;
/// How many names there are.
pub(super) const NAMES: u8 = 2 * OBLIVIOUS;

/// The device that most of what arrives is for.
pub const OTHER: DeviceId = DeviceId::from_bytes([0x22; 32]);

/// The device that a name's key is issued to.
#[must_use]
pub const fn device_of(name: u8) -> DeviceId {
    let name = name % OBLIVIOUS;
    if name < ARRIVALS || matches!(name, RECOVERED_D | ONWARD_D) { DEVICE } else { OTHER }
}

/// A key as only a test sees it.
pub struct Key {
    /// The client's half, unlocked.
    pub client: ClientKey,
    /// What the client stored.
    pub record: LocalRecord,
    /// Opens `record`.
    pub device_key: DeviceKey,
    /// The PIN.
    pub pin: Pin,
    /// Its certification request.
    pub request: Vec<u8>,
    /// The digest that the request took a signature on.
    pub request_digest: Digest,
    /// `dA*dB`, which refreshes leave as it is.
    pub(super) product: Scalar,
    server: KeyRecord,
}

/// Two keys of each suite and mode: one signs, one decrypts.
pub struct Fixture {
    /// Suite D, from the vectors.
    pub d: [Key; 2],
    /// Suite F2.
    pub f2: [Key; 2],
    /// Suite D, oblivious mode.
    oblivious_d: [Key; 2],
    /// Suite F2, oblivious mode.
    oblivious_f2: [Key; 2],
}

/// Made once.
#[must_use]
pub fn fixture() -> &'static Fixture {
    static FIXTURE: OnceLock<Fixture> = OnceLock::new();
    FIXTURE.get_or_init(|| Fixture {
        d: ["sign", "encryption"].map(from_vectors),
        f2: [SIGN_F2, DECRYPT_F2].map(generated),
        oblivious_d: [OBLIVIOUS + SIGN_D, OBLIVIOUS + DECRYPT_D].map(generated),
        oblivious_f2: [OBLIVIOUS + SIGN_F2, OBLIVIOUS + DECRYPT_F2].map(generated),
    })
}

fn from_vectors(name: &str) -> Key {
    let vector = &vectors::load("suite-d/keygen")[name];
    let device_key = DeviceKey::from_bytes(vector.array("/pin/K_dev"));
    let pin = Pin::new(vector.text("/pin/pin_ascii")).unwrap();
    let record = LocalRecord::from_bytes(&vector.bytes("/device_record")).unwrap();
    Key {
        client: record.unlock(&pin, &device_key).unwrap(),
        record,
        device_key,
        pin,
        request: vector.bytes("/K6_activate/csr_der"),
        request_digest: Digest::from_bytes(&vector.array("/K6_sign/items/0/e")).unwrap(),
        product: product(&naive::int(&vector.bytes("/K6_sign/key/dA")), &vector.bytes("/K6_sign/key/dB")),
        server: vector_record(&vector["K6_sign"]["key"]),
    }
}

fn generated(name: u8) -> Key {
    let suite = if name % OBLIVIOUS < SIGN_F2 { Suite::D } else { Suite::F2 };
    let decrypts = matches!(name % OBLIVIOUS, DECRYPT_D | DECRYPT_F2);
    let purpose = if decrypts { Purpose::Encrypt } else { Purpose::Sign };
    let make = if name < OBLIVIOUS { Pair::pending_as } else { Pair::pending_oblivious_as };
    let mut pair = make(id_of(name), suite, purpose, name.into());
    let (request, request_digest) = pair.activate();
    let Pair { mut server, record, key, device_key, .. } = pair;
    let known =
        KeyRecord { pending_sign: None, created_ms: AT, ..server.keys.remove(&key.key_id()).unwrap() };
    let (bytes, device_secret) = (record.to_bytes(), device_key.expose_bytes());
    let share = match function_key(&known) {
        Some(oprf) => naive::oprf::client_share(&bytes[..], PIN, &device_secret, &naive::int(&oprf)),
        None => naive::client_share(&bytes[..], PIN, &device_secret),
    };
    Key {
        product: product(&share, &known.share.expose_bytes()[..32]),
        client: key,
        record,
        device_key,
        pin: Pin::new(PIN).unwrap(),
        request,
        request_digest,
        server: known,
    }
}

/// `k_o`, in oblivious mode.
pub(super) fn function_key(record: &KeyRecord) -> Option<[u8; 32]> {
    record.oprf.as_ref().map(|_| record.expose_secrets()[96..].try_into().unwrap())
}

/// A device that waits for a share of [`SIGN_D`].
#[must_use]
pub fn receiver() -> &'static Receiver {
    static RECEIVER: OnceLock<Receiver> = OnceLock::new();
    RECEIVER.get_or_init(|| {
        let of = fixture().key_id(SIGN_D);
        Receiver::new(of, id_of(SIGN_D + ARRIVALS), OTHER, &mut Seeded::new(31)).unwrap()
    })
}

/// The private key of a name that waits for a recovered one.
#[must_use]
pub fn recovered(name: u8) -> PrivateKey {
    PrivateKey::from_bytes(&[name; 32]).unwrap()
}

/// `dA*dB` of a private key: `(1 + d)^-1`.
fn product_of(private_key: &PrivateKey) -> Scalar {
    let d = SecretScalar::from_bytes(&private_key.expose_bytes()).unwrap();
    d.add_public(&Scalar::ONE).unwrap().invert().declassify()
}

const fn id_of(name: u8) -> KeyId {
    KeyId::from_bytes([0xa0 + name; 16])
}

fn product(client: &BigUint, server: &[u8]) -> Scalar {
    Scalar::reduce(&naive::bytes(&(client * naive::int(server) % &*naive::N)))
}

impl Fixture {
    /// The key behind a name; the pending ones have the shares of those that sign.
    #[must_use]
    pub const fn key(&self, name: u8) -> &Key {
        let oblivious = name >= OBLIVIOUS;
        let name = name % OBLIVIOUS;
        let d = matches!(
            name,
            SIGN_D | DECRYPT_D | PENDING_D | NEW_D | SHARE_SIGN_D | SHARE_DECRYPT_D | RECOVERED_D | ONWARD_D
        );
        let [sign, decrypt] = match (d, oblivious) {
            (true, false) => &self.d,
            (false, false) => &self.f2,
            (true, true) => &self.oblivious_d,
            (false, true) => &self.oblivious_f2,
        };
        if matches!(
            name,
            DECRYPT_D | DECRYPT_F2 | SHARE_DECRYPT_D | SHARE_DECRYPT_F2 | RECOVERED_D | RECOVERED_F2
        ) {
            decrypt
        } else {
            sign
        }
    }

    /// `dA*dB` behind every name, once its key exists; refreshes and splits leave it as it is.
    pub(super) fn products(&self) -> &'static BTreeMap<KeyId, Scalar> {
        static PRODUCTS: OnceLock<BTreeMap<KeyId, Scalar>> = OnceLock::new();
        PRODUCTS.get_or_init(|| (0..NAMES).map(|name| (self.key_id(name), self.product(name))).collect())
    }

    fn product(&self, name: u8) -> Scalar {
        match name % OBLIVIOUS {
            RECOVERED_D | RECOVERED_F2 => product_of(&recovered(name)),
            _ => self.key(name).product,
        }
    }

    /// What ids were issued for that were not used before a script begins.
    fn all_issued(&self) -> &'static BTreeMap<KeyId, Issued> {
        static ISSUED: OnceLock<BTreeMap<KeyId, Issued>> = OnceLock::new();
        let issued = |name| self.issued(name).map(|issued| (self.key_id(name), issued));
        ISSUED.get_or_init(|| (0..NAMES).filter_map(issued).collect())
    }

    /// What the id of a name was issued for, if it was not used before a script begins.
    fn issued(&self, name: u8) -> Option<Issued> {
        let (mode, bank) =
            if name < OBLIVIOUS { (PinMode::Base, 0) } else { (PinMode::Oblivious, OBLIVIOUS) };
        let origin = match name % OBLIVIOUS {
            NEW_D | NEW_F2 => Origin::Generated,
            RECOVERED_D | RECOVERED_F2 => Origin::Recovered(*recovered(name).public_key()),
            ONWARD_D => Origin::Split(self.key_id(bank + SIGN_D + ARRIVALS)),
            SECOND_F2 => Origin::Split(self.key_id(bank + SIGN_F2)),
            ARRIVALS.. => Origin::Split(self.key_id(name - ARRIVALS)),
            _ => return None,
        };
        let key = &self.key(name).client;
        Some(Issued { device: device_of(name), suite: key.suite(), purpose: key.purpose(), mode, origin })
    }

    /// The id of the key behind a name.
    #[must_use]
    pub const fn key_id(&self, name: u8) -> KeyId {
        match name {
            SIGN_D | DECRYPT_D => self.key(name).client.key_id(),
            _ => id_of(name),
        }
    }

    /// What goes into requests of a key that exists.
    #[must_use]
    pub fn facts(&self, name: u8) -> Facts {
        Facts { key_id: *self.key_id(name).as_bytes(), ..facts(&self.key(name).server) }
    }

    /// A server with the eight keys, a pending one of each suite and mode, and an issued key id for everything else.
    #[must_use]
    pub fn server(&self) -> Server {
        let mut server = Server::new();
        for name in 0..NAMES {
            let key_id = self.key_id(name);
            let status = match name % OBLIVIOUS {
                PENDING_D | PENDING_F2 => Status::Pending,
                SIGN_D | DECRYPT_D | SIGN_F2 | DECRYPT_F2 => Status::Active,
                _ => continue,
            };
            let record = KeyRecord { key_id, status, created_ms: AT, ..copy(&self.key(name).server) };
            server.keys.insert(key_id, record);
        }
        server.issued.clone_from(self.all_issued());
        server
    }
}

/// What goes into requests of a key.
pub(super) fn facts(record: &KeyRecord) -> Facts {
    Facts {
        suite: record.suite.byte(),
        key_id: *record.key_id.as_bytes(),
        epoch: record.epoch,
        public_key: record.public_key.as_point().to_bytes(),
        auth: record.share.expose_bytes()[64..].try_into().unwrap(),
    }
}

fn copy(record: &KeyRecord) -> KeyRecord {
    KeyRecord { share: Arc::clone(&record.share), oprf: record.oprf.clone(), pending: None, ..*record }
}
