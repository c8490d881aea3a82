//! Key generation and activation, and the import of a recovered key.

use cosign_core::{
    Code, DeviceId, KeyId, Op, PinMode, SessionId,
    server::{Activate, Claim, Import, Issued, KeyRecord, KeygenOpen, KeygenStart, Origin, refuse},
    sm_primitives::sm2::DistId,
};

use super::{
    operate::Failed,
    service::Core,
    vault::{new_row, seal_record},
};
use crate::domain::{
    audit::{Act, Event},
    device::Name,
    key::IssuedKey,
    ports::{StoreError, Unit, Write},
};

/// Times an activation is judged again because its key changed meanwhile.
const ATTEMPTS: usize = 4;

impl Core {
    /// Ops 10 and 14. The key id is used up, durably, before the server's half leaves.
    pub(super) async fn start_keygen(&self, device: &DeviceId, start: KeygenStart) -> Vec<u8> {
        let (suite, key_id, sid, now_ms) = (start.suite(), start.key_id(), start.sid(), self.clock.now_ms());
        let refuse = |code| refuse(suite, &sid, code);
        let op = start.op();
        let claim = Claim { suite, op, key_id, sid };
        let refused = || self.log_refusal(device, claim, refuse(Code::Key));
        let Ok(issued) = self.usable(&key_id, now_ms).await else { return refuse(Code::Internal) };
        let issued = issued.as_ref().map(IssuedKey::terms);
        let purpose = start.purpose();
        let mode = if op == Op::KeygenOblivious { PinMode::Oblivious } else { PinMode::Base };
        if issued != Some(Issued { device: *device, suite, purpose, mode, origin: Origin::Generated }) {
            return refused().await;
        }
        if !self.pending.has_room(device, now_ms) {
            return refuse(Code::Busy);
        }
        let Some(slot) = self.pool.reserve() else { return refuse(Code::Busy) };
        let log = Write::Log(event(op, now_ms, key_id, sid, device));
        match self.store.commit([Write::UseKeyId { key_id, now_ms }, log].into()).await {
            Ok(()) => {}
            Err(StoreError::Stale) => return refused().await,
            Err(_) => return refuse(Code::Internal),
        }
        let (owner, mut rng) = (*device, self.rng());
        let response = self.pool.run(slot, move || start.respond(issued, &owner, now_ms, &mut rng)).await;
        match response {
            Some(Ok((frame, keygen))) => {
                self.pending.insert(key_id, sid, *device, keygen);
                frame
            }
            Some(Err(frame)) => frame,
            None => refuse(Code::Internal),
        }
    }

    /// Op 11. Whatever comes of it, the server's half is used up.
    pub(super) async fn open_keygen(&self, device: &DeviceId, open: KeygenOpen) -> Vec<u8> {
        let (suite, key_id, sid, now_ms) = (open.suite(), open.key_id(), open.sid(), self.clock.now_ms());
        let refuse = |code| refuse(suite, &sid, code);
        let Some(slot) = self.pool.reserve() else { return refuse(Code::Busy) };
        let claim = Claim { suite, op: Op::Open, key_id, sid };
        let refused = |frame| self.log_refusal(device, claim, frame);
        let Some(keygen) = self.pending.take(&open, device) else {
            return refused(refuse(Code::Key)).await;
        };
        let owner = *device;
        let response = self.pool.run(slot, move || open.respond(Some(keygen), &owner, now_ms)).await;
        match response {
            Some(Ok((frame, record))) => {
                let event = made(&record, event(Op::Open, now_ms, key_id, sid, device));
                match self.add_key(&record, &[Write::Log(event)]).await {
                    Ok(()) => frame,
                    Err(StoreError::Duplicate) => refused(refuse(Code::Proof)).await,
                    Err(_) => refuse(Code::Internal),
                }
            }
            Some(Err(frame)) => refused(frame).await,
            None => refuse(Code::Internal),
        }
    }

    /// Op 13. It is sent once: the key id is used up with the new key.
    pub(super) async fn import(&self, device: &DeviceId, import: Import) -> Vec<u8> {
        let (suite, key_id, sid, now_ms) =
            (import.suite(), import.key_id(), import.sid(), self.clock.now_ms());
        let refuse = |code| refuse(suite, &sid, code);
        let claim = Claim { suite, op: Op::Import, key_id, sid };
        let refused = |frame| self.log_refusal(device, claim, frame);
        let Ok(issued) = self.usable(&key_id, now_ms).await else { return refuse(Code::Internal) };
        let issued = issued.as_ref().map(IssuedKey::terms);
        let Some(slot) = self.pool.reserve() else { return refuse(Code::Busy) };
        let (owner, mut rng) = (*device, self.rng());
        let response = self.pool.run(slot, move || import.respond(issued, &owner, now_ms, &mut rng)).await;
        match response {
            Some(Ok((frame, record))) => {
                let use_up = Write::UseKeyId { key_id, now_ms };
                let log = Write::Log(made(&record, event(Op::Import, now_ms, key_id, sid, device)));
                match self.add_key(&record, &[use_up, log]).await {
                    Ok(()) => frame,
                    // Another share of this public key is left, or the id was used meanwhile.
                    Err(StoreError::Duplicate | StoreError::Stale) => refused(refuse(Code::Key)).await,
                    Err(_) => refuse(Code::Internal),
                }
            }
            Some(Err(frame)) => refused(frame).await,
            None => refuse(Code::Internal),
        }
    }

    /// An issued key id that waits to be used.
    pub(super) async fn usable(&self, key_id: &KeyId, now_ms: u64) -> Result<Option<IssuedKey>, StoreError> {
        Ok(self.store.issued(key_id).await?.filter(|issued| issued.is_usable(now_ms)))
    }

    /// Makes a new key durable, and `more` with it.
    async fn add_key(&self, record: &KeyRecord, more: &[Write]) -> Result<(), StoreError> {
        let added = self.add_sealed(record, more).await;
        // The wrapping key may have been dropped after a newer one was made.
        if added == Err(StoreError::Stale) && self.catch_up().await {
            return self.add_sealed(record, more).await;
        }
        added
    }

    async fn add_sealed(&self, record: &KeyRecord, more: &[Write]) -> Result<(), StoreError> {
        let label = self.store.issued(&record.key_id).await?.ok_or(StoreError::Stale)?.label;
        let mut unit = vec![self.new_key(record, label)?];
        unit.extend_from_slice(more);
        self.store.commit(Unit(unit)).await
    }

    /// The write of a new key, sealed.
    pub(super) fn new_key(&self, record: &KeyRecord, label: Name) -> Result<Write, StoreError> {
        let row = seal_record(record, new_row(record, label), self.sealer.keys(), &*self.entropy);
        row.map(|row| Write::AddKey(Box::new(row))).map_err(|error| {
            tracing::error!(key_id = %record.key_id, %error, "a new key could not be sealed");
            StoreError::Unavailable
        })
    }

    /// Op 12: the co-signed certification request makes the key active.
    pub(super) async fn activate(&self, device: &DeviceId, activate: &Activate) -> Vec<u8> {
        for _ in 0..ATTEMPTS {
            match self.try_activate(device, activate).await {
                Ok(answer) => return answer,
                Err(Failed::Stale | Failed::Known { .. }) => {}
                Err(Failed::Refused(code)) => return refuse(activate.suite(), &activate.sid(), code),
            }
        }
        refuse(activate.suite(), &activate.sid(), Code::Busy)
    }

    async fn try_activate(&self, device: &DeviceId, activate: &Activate) -> Result<Vec<u8>, Failed> {
        let key_id: KeyId = activate.key_id();
        let now_ms = self.clock.now_ms();
        let mut locked = self.vault.lock(&key_id, now_ms).await;
        let outcome = async {
            self.load(&key_id, &mut locked).await?;
            let record = locked.as_mut().map(|hot| &mut hot.record);
            let frame = match activate.respond(record, device, now_ms, &DistId::default()) {
                Ok(frame) => frame,
                Err(frame) => {
                    let (suite, sid) = (activate.suite(), activate.sid());
                    let claim = Claim { suite, op: Op::Activate, key_id, sid };
                    return Ok(self.log_refusal(device, claim, frame).await);
                }
            };
            let Some(hot) = locked.as_mut() else { return Err(Failed::Refused(Code::Internal)) };
            let event = event(Op::Activate, now_ms, key_id, activate.sid(), device);
            let event = Event { epoch: hot.record.epoch, ..event };
            self.save(hot, true, vec![Write::Log(event)]).await?;
            Ok(frame)
        }
        .await;
        if outcome.is_err() {
            *locked = None;
        }
        self.vault.release(&key_id, locked);
        outcome
    }
}

/// The event that made a key.
pub(super) fn made(record: &KeyRecord, event: Event) -> Event {
    let public_key = Some(record.public_key.as_point().to_bytes());
    Event { epoch: record.epoch, public_key, ..event }
}

fn event(op: Op, now_ms: u64, key_id: KeyId, sid: SessionId, device: &DeviceId) -> Event {
    let event = Event::administration(now_ms, Act::operation(op), "").about(key_id, Some(*device));
    Event { sid: Some(sid), ..event }
}
