//! A server with no storage but maps: what a caller of [`crate::server`] does, without the durability.

use std::{boxed::Box, collections::BTreeMap, format, string::String, sync::Arc, vec::Vec};

use serde_json::Value;
use sm_primitives::{
    rand_core::TryCryptoRng,
    sm2::{DistId, PublicKey},
};

use super::script::{Fields, hexed};
use crate::{
    DeviceId, Digest, KeyId, PinMode, Purpose, RefreshId, SessionId, Suite,
    error::Code,
    pin::AuthKey,
    replay::Step,
    server::{
        Admission, Audit, Gate, Incoming, Issued, KeyRecord, Origin, Parent, PendingKeygen, PendingRefresh,
        ReplayCache, ServerShare, Status, receive, refuse,
    },
    split::Kind,
};

pub(super) const OWN: DeviceId = DeviceId::from_bytes([0x11; 32]);
pub(super) const OTHER: DeviceId = DeviceId::from_bytes([0x22; 32]);

pub(super) fn device(name: &str) -> DeviceId {
    if name == "own" { OWN } else { OTHER }
}

#[derive(Default)]
pub(super) struct Model {
    pub(super) keys: BTreeMap<KeyId, KeyRecord>,
    pub(super) issued: BTreeMap<KeyId, Issued>,
    pub(super) keygens: BTreeMap<(KeyId, SessionId), PendingKeygen>,
    pub(super) cache: Option<ReplayCache>,
    pub(super) nonce_key: [u8; 32],
    pub(super) audit: Vec<Audit>,
    /// Whether the last request said that its record changed.
    pub(super) record_changed: bool,
    /// More shares that an owner may give to others.
    pub(super) free_seats: u32,
}

impl Model {
    pub(super) fn new(nonce_key: [u8; 32]) -> Self {
        Self { nonce_key, cache: Some(ReplayCache::new(1000, 1 << 24, 10_000)), ..Self::default() }
    }

    pub(super) fn cache(&mut self) -> &mut ReplayCache {
        self.cache.as_mut().unwrap()
    }

    pub(super) fn handle(
        &mut self,
        frame: &[u8],
        device: &DeviceId,
        now_ms: u64,
        rng: &mut (impl TryCryptoRng + ?Sized),
    ) -> Vec<u8> {
        self.record_changed = false;
        match receive(frame) {
            Err(unreadable) => unreadable.frame,
            Ok(Incoming::Operation(operation)) => {
                let key_id = operation.key_id();
                self.look_up_parent(&key_id);
                let cache = self.cache.as_mut().unwrap();
                let admission = operation.admit(self.keys.get_mut(&key_id), device, now_ms, cache);
                let executed = match admission {
                    Admission::Answered(answered) => {
                        self.record_changed = answered.record_changed;
                        self.audit.extend(answered.audit);
                        let moved = answered.arrived.filter(|parent| parent.kind == Kind::Move);
                        if let Some(parent) = moved {
                            self.keys.get_mut(&parent.key_id).unwrap().status = Status::Revoked;
                        }
                        return answered.frame;
                    }
                    Admission::Job(job) => {
                        self.record_changed = job.record_changed();
                        job.run(&self.nonce_key, rng)
                    }
                    Admission::Evaluate(job) => {
                        let executed = job.run();
                        self.record_changed = executed.record_changed;
                        executed
                    }
                    Admission::Refresh(job) => {
                        let executed = job.run(self.keys.get_mut(&key_id).unwrap(), rng);
                        self.record_changed = executed.record_changed;
                        executed
                    }
                    Admission::Split(job) => {
                        let issued = self.issued.get(&job.to());
                        let (executed, arriving) = job.run(&self.keys[&key_id], issued, self.free_seats, rng);
                        self.record_changed = executed.record_changed;
                        if let Some(record) = arriving {
                            self.issued.remove(&record.key_id);
                            self.keys.insert(record.key_id, record);
                        }
                        executed
                    }
                };
                self.audit.push(executed.audit.clone());
                cache.complete(executed)
            }
            Ok(Incoming::KeygenStart(start)) => {
                // Used up only by the device that it was issued to.
                let issued =
                    self.issued.get(&start.key_id()).copied().filter(|issued| issued.device == *device);
                let session = (start.key_id(), start.sid());
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
                let found = self
                    .keygens
                    .get(&session)
                    .is_some_and(|pending| pending.is_for(&open, device) && !pending.is_expired(now_ms));
                let pending = found.then(|| self.keygens.remove(&session)).flatten();
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
                match import.respond(issued, device, now_ms, rng) {
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

    fn look_up_parent(&mut self, key_id: &KeyId) {
        let Some(parent) = self.keys.get(key_id).and_then(|record| record.parent) else { return };
        let active = self.keys.get(&parent.key_id).is_some_and(|record| record.status == Status::Active);
        self.keys.get_mut(key_id).unwrap().parent = Some(Parent { active, ..parent });
    }

    /// A server in one of the vectors' states.
    pub(super) fn load(state: &Value, nonce_key: [u8; 32]) -> Self {
        let mut model = Self::new(nonce_key);
        for key in state.list("keys") {
            let record = record(key);
            model.keys.insert(record.key_id, record);
        }
        for key_id in state.list("issued_key_ids") {
            let issued = Issued {
                device: OWN,
                suite: Suite::D,
                purpose: Purpose::Sign,
                mode: PinMode::Base,
                origin: Origin::Generated,
            };
            model.issued.insert(key_id.as_str().unwrap().parse().unwrap(), issued);
        }
        for keygen in state.list("keygens") {
            let pending = PendingKeygen {
                suite: Suite::D,
                key_id: KeyId::from_bytes(keygen.array("key_id")),
                sid: SessionId::from_bytes(keygen.array("sid")),
                device: device(keygen.text("device")),
                purpose: Purpose::from_byte(keygen.u8("purpose")).unwrap(),
                commitment: keygen.array("com"),
                share: Box::new(keygen.secret("dB")),
                oprf: None,
                created_ms: keygen.u64("created_ms"),
            };
            model.keygens.insert((pending.key_id, pending.sid), pending);
        }
        for entry in state.list("cache") {
            let key_id = KeyId::from_bytes(entry.array("key_id"));
            let sid = SessionId::from_bytes(entry.array("sid"));
            let until_ms = entry.u64("until_ms");
            assert!(model.cache().begin(key_id, sid, Step::First, entry.array("fp"), until_ms));
            if entry.text("response") != "IN_PROGRESS" {
                let answer = entry.bytes("response");
                model.cache().keep(key_id, sid, Step::First, &answer);
            }
        }
        model
    }

    /// Everything that a request may change, as text.
    pub(super) fn snapshot(&mut self) -> BTreeMap<String, String> {
        let mut all = BTreeMap::new();
        for (id, key) in &self.keys {
            let share = key.share.expose_bytes();
            let pending = key.pending.as_ref().map_or("none".into(), |p| hexed(p.rid.as_bytes()));
            for (name, value) in [
                ("status", key.status.as_str().to_uppercase()),
                ("epoch", format!("{:08x}", key.epoch)),
                ("rid", hexed(key.rid.as_bytes())),
                ("dB", hexed(&share[..32])),
                ("K_auth", hexed(&share[64..])),
                ("fails", format!("{:02x}", key.gate.fails)),
                ("total", format!("{:02x}", key.gate.total)),
                ("unlock_at_ms", format!("{:016x}", key.gate.unlock_at_ms)),
                ("decrypts", format!("{:08x}", key.decrypts)),
                ("pending_sign_e", key.pending_sign.map_or("none".into(), |e| hexed(e.as_bytes()))),
                ("pending", pending),
            ] {
                all.insert(format!("{id} {name}"), value);
            }
        }
        all.insert("issued_key_ids".into(), format!("{:?}", self.issued.keys()));
        all.insert("keygens".into(), format!("{:?}", self.keygens.keys()));
        let cached = self.cache().len();
        all.insert("cache".into(), format!("{cached}"));
        all
    }
}

pub(super) fn record(key: &Value) -> KeyRecord {
    let pending = Some(&key["pending"]).filter(|pending| pending.is_object());
    let signed = key["pending_sign_e"].as_str().map(|_| key.digest("pending_sign_e"));
    KeyRecord {
        key_id: KeyId::from_bytes(key.array("key_id")),
        device: device(key.text("device")),
        suite: Suite::D,
        purpose: Purpose::from_byte(key.u8("purpose")).unwrap(),
        status: Status::from_name(&key.text("status").to_lowercase()).unwrap(),
        epoch: u32::from_be_bytes(key.array("epoch")),
        rid: RefreshId::from_bytes(key.array("rid")),
        public_key: PublicKey::from(key.point("P")),
        created_ms: key.u64("created_ms"),
        gate: Gate {
            fails: key.u8("fails"),
            total: key.u8("total"),
            unlock_at_ms: key.u64("unlock_at_ms"),
            refresh_required: false,
            charge: None,
        },
        decrypts: u32::from_be_bytes(key.array("decrypts")),
        pending_sign: signed,
        parent: None,
        seat: false,
        share: server_share(key),
        oprf: None,
        pending: pending.map(|pending| PendingRefresh {
            epoch: u32::from_be_bytes(pending.array("epoch")),
            rid: RefreshId::from_bytes(pending.array("rid")),
            h_req: pending.array("h_req"),
            r_b: Box::new(pending.array("rB").into()),
            point: pending.point("PB"),
            share: server_share(pending),
            created_ms: pending.u64("created_ms"),
        }),
    }
}

pub(super) fn server_share(key: &Value) -> Arc<ServerShare> {
    Arc::new(ServerShare::new(key.secret("dB"), AuthKey::from_bytes(&key.array("K_auth"))))
}

/// An active record of the vectors' `key` object, which lists the secrets of both sides.
pub(super) fn active(key: &Value) -> KeyRecord {
    KeyRecord {
        key_id: KeyId::from_bytes(key.array("key_id")),
        device: OWN,
        suite: Suite::D,
        purpose: Purpose::from_byte(key.u8("purpose")).unwrap(),
        status: Status::Active,
        epoch: u32::from_be_bytes(key.array("epoch")),
        rid: RefreshId::from_bytes(key.array("rid")),
        public_key: PublicKey::from(key.point("P")),
        created_ms: 0,
        gate: Gate::default(),
        decrypts: 0,
        pending_sign: None::<Digest>,
        parent: None,
        seat: false,
        share: server_share(key),
        oprf: None,
        pending: None,
    }
}
