//! The server's role with maps instead of storage, and the two parties with one key, all in memory.

use std::{collections::BTreeMap, mem, sync::Arc};

use cosign_core::{
    ClientKey, Code, DeviceId, DeviceKey, Digest, Error, KeyId, LocalRecord, MIN_ITERATIONS, Pin, PinMode,
    Progress, Purpose, RefreshId, SessionId, Suite, csr, evaluate, keygen,
    refresh::{self, Confirmation},
    server::{
        Admission, Audit, Gate, Incoming, Issued, KeyRecord, Origin, Parent, PendingKeygen, ReplayCache,
        ServerShare, Status, receive, refuse,
    },
    sign,
    split::Kind,
};
use sm_primitives::{
    rand_core::TryCryptoRng,
    sm2::{DistId, PublicKey, Signature},
};

use crate::{random::Seeded, vectors::Leaves};

/// The device that owns the keys here.
pub const DEVICE: DeviceId = DeviceId::from_bytes([0x11; 32]);
/// The server's own key for its nonces.
pub const NONCE_KEY: [u8; 32] = [5; 32];
/// A time.
pub const NOW: u64 = 1_800_000_000_000;

/// What a server keeps, without durability: for tests and benches of the protocol alone.
pub struct Server {
    /// Keys by id.
    pub keys: BTreeMap<KeyId, KeyRecord>,
    /// Key ids that were issued and not used.
    pub issued: BTreeMap<KeyId, Issued>,
    /// Halves that wait for their opening.
    pub keygens: BTreeMap<(KeyId, SessionId), PendingKeygen>,
    /// Answered sessions.
    pub cache: ReplayCache,
    /// The audit log.
    pub audit: Vec<Audit>,
    /// What hedges the nonces of this process.
    pub nonce_key: [u8; 32],
    /// How many more shares of a key its owner may give to others.
    pub free_seats: u32,
}

impl Server {
    /// No key, nothing issued.
    #[must_use]
    pub const fn new() -> Self {
        Self {
            keys: BTreeMap::new(),
            issued: BTreeMap::new(),
            keygens: BTreeMap::new(),
            cache: ReplayCache::new(1000, 1 << 24, 1 << 14),
            audit: Vec::new(),
            nonce_key: NONCE_KEY,
            free_seats: 0,
        }
    }

    /// Answers one frame.
    pub fn handle(
        &mut self,
        frame: &[u8],
        device: &DeviceId,
        now_ms: u64,
        rng: &mut (impl TryCryptoRng + ?Sized),
    ) -> Vec<u8> {
        match receive(frame) {
            Err(unreadable) => unreadable.frame,
            Ok(Incoming::Operation(operation)) => {
                let key_id = operation.key_id();
                self.look_up_parent(&key_id);
                let executed =
                    match operation.admit(self.keys.get_mut(&key_id), device, now_ms, &mut self.cache) {
                        Admission::Answered(answered) => {
                            self.audit.extend(answered.audit);
                            self.arrive(answered.arrived);
                            return answered.frame;
                        }
                        Admission::Job(job) => job.run(&self.nonce_key, rng),
                        Admission::Refresh(job) => job.run(self.keys.get_mut(&key_id).unwrap(), rng),
                        Admission::Evaluate(job) => job.run(),
                        Admission::Split(job) => {
                            let issued = self.issued.get(&job.to());
                            let record = &self.keys[&key_id];
                            let (executed, arriving) = job.run(record, issued, self.free_seats, rng);
                            if let Some(record) = arriving {
                                self.issued.remove(&record.key_id);
                                self.keys.insert(record.key_id, record);
                            }
                            executed
                        }
                    };
                self.audit.push(executed.audit.clone());
                self.cache.complete(executed)
            }
            Ok(Incoming::KeygenStart(start)) => {
                let session = (start.key_id(), start.sid());
                let issued = self.issued.get(&session.0).copied();
                match start.respond(issued, device, now_ms, rng) {
                    Ok((frame, pending)) => {
                        self.issued.remove(&session.0);
                        self.keygens.insert(session, pending);
                        frame
                    }
                    Err(refusal) => refusal,
                }
            }
            Ok(Incoming::KeygenOpen(open)) => {
                let session = (open.key_id(), open.sid());
                let mine = self.keygens.get(&session).is_some_and(|pending| pending.is_for(&open, device));
                let pending = if mine { self.keygens.remove(&session) } else { None };
                match open.respond(pending, device, now_ms) {
                    Ok((_, record)) if self.keys.values().any(|key| key.public_key == record.public_key) => {
                        refuse(record.suite, &session.1, Code::Proof)
                    }
                    Ok((frame, record)) => {
                        self.keys.insert(record.key_id, record);
                        frame
                    }
                    Err(refusal) => refusal,
                }
            }
            Ok(Incoming::Activate(activate)) => {
                let record = self.keys.get_mut(&activate.key_id());
                activate.respond(record, device, now_ms, &DistId::default()).unwrap_or_else(|refusal| refusal)
            }
            Ok(Incoming::Import(import)) => {
                let issued = self.issued.get(&import.key_id()).copied();
                let session = import.sid();
                match import.respond(issued, device, now_ms, rng) {
                    Ok((_, record)) if self.has_share_of(&record.public_key) => {
                        refuse(record.suite, &session, Code::Key)
                    }
                    Ok((frame, record)) => {
                        self.issued.remove(&record.key_id);
                        self.keys.insert(record.key_id, record);
                        frame
                    }
                    Err(refusal) => refusal,
                }
            }
        }
    }

    /// Whether any share of a public key is left.
    fn has_share_of(&self, public_key: &PublicKey) -> bool {
        let mut left = self.keys.values().filter(|record| record.status != Status::Revoked);
        left.any(|record| record.public_key == *public_key)
    }

    /// Whether the share that a key was split from is still active.
    fn look_up_parent(&mut self, key_id: &KeyId) {
        let Some(parent) = self.keys.get(key_id).and_then(|record| record.parent) else { return };
        let active = self.keys.get(&parent.key_id).is_some_and(|record| record.status == Status::Active);
        self.keys.get_mut(key_id).unwrap().parent = Some(Parent { active, ..parent });
    }

    /// Revokes what has moved.
    fn arrive(&mut self, parent: Option<Parent>) {
        if let Some(parent) = parent.filter(|parent| parent.kind == Kind::Move) {
            self.keys.get_mut(&parent.key_id).unwrap().status = Status::Revoked;
        }
    }
}

impl Default for Server {
    fn default() -> Self {
        Self::new()
    }
}

/// A client and a server that share one key.
pub struct Pair {
    /// The server, which has nothing else.
    pub server: Server,
    /// What the client stored.
    pub record: LocalRecord,
    /// The client's key, unlocked.
    pub key: ClientKey,
    /// The client's device secret.
    pub device_key: DeviceKey,
    /// Everybody's randomness.
    pub rng: Seeded,
    counter: u64,
}

/// The PIN of every [`Pair`].
pub const PIN: &str = "258013";

impl Pair {
    /// Generates a key over the protocol. It is pending.
    #[must_use]
    pub fn pending(suite: Suite, purpose: Purpose, seed: u64) -> Self {
        Self::pending_as(KeyId::from_bytes([9; 16]), suite, purpose, seed)
    }

    /// The same under a key id.
    #[must_use]
    pub fn pending_as(key_id: KeyId, suite: Suite, purpose: Purpose, seed: u64) -> Self {
        let mut rng = Seeded::new(seed);
        let mut server = Server::new();
        server.issued.insert(
            key_id,
            Issued { device: DEVICE, suite, purpose, mode: PinMode::Base, origin: Origin::Generated },
        );
        let device_key = DeviceKey::random(&mut rng).unwrap();
        let (k1, waiting) = keygen::start(key_id, suite, purpose, &mut rng).unwrap();
        let k2 = server.handle(&k1, &DEVICE, NOW, &mut rng);
        let pin = Pin::new(PIN).unwrap();
        let (k3, waiting) = waiting.finish(&k2, &pin, &device_key, MIN_ITERATIONS, &mut rng).unwrap();
        let k4 = server.handle(&k3, &DEVICE, NOW, &mut rng);
        let (record, key) = waiting.finish(&k4).unwrap();
        Self { server, record, key, device_key, rng, counter: 0 }
    }

    /// Generates a key over the protocol and activates it.
    #[must_use]
    pub fn active(suite: Suite, purpose: Purpose, seed: u64) -> Self {
        let mut pair = Self::pending(suite, purpose, seed);
        pair.activate();
        pair
    }

    /// Generates a key in oblivious mode over the protocol and activates it.
    #[must_use]
    pub fn oblivious(suite: Suite, purpose: Purpose, seed: u64) -> Self {
        let mut pair = Self::pending_oblivious_as(KeyId::from_bytes([9; 16]), suite, purpose, seed);
        pair.activate();
        pair
    }

    /// Generates a key in oblivious mode under a key id. It is pending.
    #[must_use]
    pub fn pending_oblivious_as(key_id: KeyId, suite: Suite, purpose: Purpose, seed: u64) -> Self {
        let mut rng = Seeded::new(seed);
        let mut server = Server::new();
        let mode = PinMode::Oblivious;
        let issued = Issued { device: DEVICE, suite, purpose, mode, origin: Origin::Generated };
        server.issued.insert(key_id, issued);
        let device_key = DeviceKey::random(&mut rng).unwrap();
        let pin = Pin::new(PIN).unwrap();
        let (k1, waiting) =
            keygen::start_oblivious(key_id, suite, purpose, &pin, MIN_ITERATIONS, &mut rng).unwrap();
        let k2 = server.handle(&k1, &DEVICE, NOW, &mut rng);
        let (k3, waiting) = waiting.finish(&k2, &device_key).unwrap();
        let k4 = server.handle(&k3, &DEVICE, NOW, &mut rng);
        let (record, key) = waiting.finish(&k4).unwrap();
        Self { server, record, key, device_key, rng, counter: 0 }
    }

    /// Unlocks the record of a key in oblivious mode with a PIN, right or wrong: the evaluation's two frames.
    ///
    /// # Errors
    /// What the protocol says.
    pub fn evaluate(&mut self, pin: &str) -> Result<[Vec<u8>; 2], Error> {
        let pin = Pin::new(pin)?;
        let waiting = evaluate::unlock(&self.record, &pin, &self.device_key, NOW, &mut self.rng)?;
        let question = waiting.frame().to_vec();
        let answer = self.server.handle(&question, &DEVICE, NOW, &mut self.rng);
        self.key = done(waiting.finish(&answer)?).outcome;
        Ok([question, answer])
    }

    /// Activates the pending key: its certification request, and the digest that it signed for that.
    pub fn activate(&mut self) -> (Vec<u8>, Digest) {
        let info = csr::info("somebody", self.key.public_key());
        let digest = Digest::reduce(&DistId::default().digest(self.key.public_key(), &info));
        let signature = self.sign(&[digest]).unwrap().remove(0);
        let request = csr::assemble(&info, &signature);
        let (frame, waiting) = keygen::activate(&self.key, &request, &mut self.rng).unwrap();
        let answer = self.server.handle(&frame, &DEVICE, NOW, &mut self.rng);
        waiting.finish(&answer).unwrap();
        (request, digest)
    }

    /// Signs digests in one session.
    ///
    /// # Errors
    /// What the protocol says.
    pub fn sign(&mut self, digests: &[Digest]) -> Result<Vec<Signature>, Error> {
        self.counter += 1;
        let (_, mut waiting) = sign::start(&self.key, digests, NOW, self.counter, &mut self.rng)?;
        loop {
            let answer = self.server.handle(waiting.frame(), &DEVICE, NOW, &mut self.rng);
            waiting = match waiting.finish(&answer)? {
                Progress::Next(next) => next,
                last => return Ok(done(last).signatures),
            };
        }
    }

    /// Moves to new shares under a PIN: the client's record of before.
    pub fn refresh(&mut self, pin: &str) -> LocalRecord {
        let pin = Pin::new(pin).unwrap();
        let Self { server, key, device_key, rng, .. } = self;
        let (r1, waiting) = refresh::start(key, &pin, device_key, MIN_ITERATIONS, NOW, rng).unwrap();
        let r2 = server.handle(&r1, &DEVICE, NOW, rng);
        let renewed = done(waiting.finish(&r2, device_key).unwrap());
        let stored = renewed.record.to_bytes();
        let (r3, waiting) = renewed.confirm(&stored[..], &pin, device_key, NOW, rng).unwrap();
        let r4 = server.handle(&r3, &DEVICE, NOW, rng);
        assert_eq!(done(waiting.finish(&r4).unwrap()), Confirmation::Active { failures: 0 });
        self.key = renewed.record.unlock(&pin, &self.device_key).unwrap();
        mem::replace(&mut self.record, renewed.record)
    }

    /// The server's record of the key.
    #[must_use]
    pub fn server_record(&self) -> &KeyRecord {
        &self.server.keys[&self.key.key_id()]
    }
}

/// The outcome of a session that the server answered.
#[must_use]
pub fn done<W, T>(progress: Progress<W, T>) -> T {
    match progress {
        Progress::Done(outcome) => outcome,
        Progress::Busy(_) | Progress::Next(_) => panic!("the session goes on"),
    }
}

/// An active record of the vectors' `key` objects, which list the secrets of both sides.
#[must_use]
pub fn vector_record(key: &impl Leaves) -> KeyRecord {
    let share = [key.bytes("/dB"), key.bytes("/dB_inv"), key.bytes("/K_auth")].concat();
    let point = sm_primitives::PublicPoint::from_bytes(&key.array("/P")).unwrap();
    let [purpose] = key.array("/purpose");
    KeyRecord {
        key_id: KeyId::from_bytes(key.array("/key_id")),
        device: DEVICE,
        suite: Suite::D,
        purpose: Purpose::from_byte(purpose).unwrap(),
        status: Status::Active,
        epoch: u32::from_be_bytes(key.array("/epoch")),
        rid: RefreshId::from_bytes(key.array("/rid")),
        public_key: PublicKey::from(point),
        created_ms: 0,
        gate: Gate::default(),
        decrypts: 0,
        pending_sign: None,
        parent: None,
        seat: false,
        share: Arc::new(ServerShare::from_bytes(&share.try_into().unwrap()).unwrap()),
        oprf: None,
        pending: None,
    }
}
