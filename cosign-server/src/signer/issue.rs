//! Key generation and activation.

use cosign_core::{
    Code, DeviceId, KeyId, Op, SessionId,
    server::{Activate, Claim, Issued, KeyRecord, KeygenOpen, KeygenStart, refuse},
    sm_primitives::sm2::DistId,
};

use super::{operate::Failed, service::Core, vault::seal_record};
use crate::domain::{
    audit::{Act, Event},
    key::{IssuedKey, StoredKey},
    ports::{StoreError, Write},
};

/// Times an activation is judged again because its key changed meanwhile.
const ATTEMPTS: usize = 4;

impl Core {
    /// Op 10. The key id is used up, durably, before the server's half leaves.
    pub(super) async fn start_keygen(&self, device: &DeviceId, start: KeygenStart) -> Vec<u8> {
        let (suite, key_id, sid, now_ms) = (start.suite(), start.key_id(), start.sid(), self.clock.now_ms());
        let refuse = |code| refuse(suite, &sid, code);
        let claim = Claim { suite, op: Op::Keygen, key_id, sid };
        let refused = || self.log_refusal(device, claim, refuse(Code::Key));
        let issued = match self.store.issued(&key_id).await {
            Ok(issued) => issued.filter(|issued| issued.used_ms.is_none() && issued.expires_ms > now_ms),
            Err(_) => return refuse(Code::Internal),
        };
        let issued = issued.map(|IssuedKey { device, suite, purpose, .. }| Issued { device, suite, purpose });
        if issued != Some(Issued { device: *device, suite, purpose: start.purpose() }) {
            return refused().await;
        }
        if !self.pending.has_room(device, now_ms) {
            return refuse(Code::Busy);
        }
        let Some(slot) = self.pool.reserve() else { return refuse(Code::Busy) };
        let log = Write::Log(event(Op::Keygen, now_ms, key_id, sid, device));
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
                let event = Event {
                    epoch: record.epoch,
                    public_key: Some(record.public_key.as_point().to_bytes()),
                    ..event(Op::Open, now_ms, key_id, sid, device)
                };
                match self.add_key(&record, event).await {
                    Ok(()) => frame,
                    Err(StoreError::Duplicate) => refused(refuse(Code::Proof)).await,
                    Err(_) => refuse(Code::Internal),
                }
            }
            Some(Err(frame)) => refused(frame).await,
            None => refuse(Code::Internal),
        }
    }

    async fn add_key(&self, record: &KeyRecord, event: Event) -> Result<(), StoreError> {
        let issued = self.store.issued(&record.key_id).await?.ok_or(StoreError::Stale)?;
        let base = StoredKey {
            key_id: record.key_id,
            device: record.device,
            label: issued.label,
            suite: record.suite,
            purpose: record.purpose,
            status: record.status,
            epoch: record.epoch,
            rid: record.rid,
            public_key: record.public_key.as_point().to_bytes(),
            created_ms: record.created_ms,
            gate: record.gate,
            decrypts: record.decrypts,
            pending_sign: None,
            share: Vec::new(),
            pending: None,
            logged_epoch: 0,
            version: 1,
        };
        let added = self.add_sealed(record, base.clone(), event.clone()).await;
        // The wrapping key may have been dropped after a newer one was made.
        if added == Err(StoreError::Stale) && self.catch_up().await {
            return self.add_sealed(record, base, event).await;
        }
        added
    }

    async fn add_sealed(&self, record: &KeyRecord, base: StoredKey, event: Event) -> Result<(), StoreError> {
        let row = seal_record(record, base, self.sealer.keys(), &*self.entropy).map_err(|error| {
            tracing::error!(key_id = %record.key_id, %error, "a new key could not be sealed");
            StoreError::Unavailable
        })?;
        self.store.commit([Write::AddKey(Box::new(row)), Write::Log(event)].into()).await
    }

    /// Op 12: the co-signed certification request makes the key active.
    pub(super) async fn activate(&self, device: &DeviceId, activate: &Activate) -> Vec<u8> {
        for _ in 0..ATTEMPTS {
            match self.try_activate(device, activate).await {
                Ok(answer) => return answer,
                Err(Failed::Stale) => {}
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

fn event(op: Op, now_ms: u64, key_id: KeyId, sid: SessionId, device: &DeviceId) -> Event {
    let event = Event::administration(now_ms, Act::operation(op), "").about(key_id, Some(*device));
    Event { sid: Some(sid), ..event }
}
