//! Signing, decryption, refresh and evaluation: authorise, spend, audit, commit, then answer.
//!
//! A key in memory may be older than its row: an operator froze or revoked it with a command of his own. Nothing is
//! read twice for that. Every commit states the version of the row that the operation was judged on; if that version
//! is gone, nothing of the operation happened, and it is judged again on the new row. An answer without a commit
//! looks the version up before it leaves.

use cosign_core::{
    Code, DeviceId, KeyId, Op, SessionId, Suite,
    server::{
        Admission, Answered, Audit, Claim, EvaluateJob, Executed, Incoming, Job, LIFETIME_QUOTA, Operation,
        Parent, RefreshJob, receive, refuse,
    },
    split::Kind,
};

use super::{
    pool::Slot,
    service::Core,
    shares::arrival,
    vault::{Hot, Locked},
};
use crate::{
    domain::{
        audit::{ACTIVATED, Act, Event, SignatureItem},
        key::StoredKey,
        ports::{Spend, StoreError, Unit, Write},
    },
    telemetry::part,
};

/// Times an operation is judged again because its key changed meanwhile.
const ATTEMPTS: usize = 4;

/// Why an attempt gave no answer; nothing of it is left behind.
pub(super) enum Failed {
    /// The key changed meanwhile.
    Stale,
    /// Its session was spent on the identical request, which another node answered.
    Known { fingerprint: [u8; 32], until_ms: u64 },
    /// It cannot be answered.
    Refused(Code),
}

impl From<StoreError> for Failed {
    fn from(error: StoreError) -> Self {
        match error {
            StoreError::Stale => Self::Stale,
            StoreError::SessionSpent => Self::Refused(Code::SidConflict),
            StoreError::SessionKnown => Self::Refused(Code::Session),
            StoreError::Busy => Self::Refused(Code::Busy),
            StoreError::Duplicate | StoreError::Unavailable | StoreError::Corrupt => {
                Self::Refused(Code::Internal)
            }
        }
    }
}

/// Who does what with which key.
#[derive(Clone, Copy)]
pub(super) struct Scene<'a> {
    pub(super) device: &'a DeviceId,
    suite: Suite,
    op: Op,
    pub(super) key_id: KeyId,
    pub(super) sid: SessionId,
    pub(super) now_ms: u64,
    arrived_ns: u64,
}

impl Core {
    /// Answers ops 01, 02, 03, 05 to 08, 0A.
    pub(super) async fn operate(
        &self,
        device: &DeviceId,
        operation: Operation,
        frame: &[u8],
        arrived_ns: u64,
    ) -> Vec<u8> {
        let (suite, key_id, sid) = (operation.suite(), operation.key_id(), operation.sid());
        let mut next = Some(operation);
        for _ in 0..ATTEMPTS {
            let Some(operation) = next.take().or_else(|| again(frame)) else { break };
            match self.attempt(device, key_id, operation, arrived_ns).await {
                Ok(answer) => return answer,
                Err(Failed::Stale) => {}
                Err(Failed::Known { fingerprint, until_ms }) => {
                    self.replays.of(&key_id).restore(key_id, sid, fingerprint, until_ms);
                }
                Err(Failed::Refused(code)) => return refuse(suite, &sid, code),
            }
        }
        refuse(suite, &sid, Code::Busy)
    }

    async fn attempt(
        &self,
        device: &DeviceId,
        key_id: KeyId,
        operation: Operation,
        arrived_ns: u64,
    ) -> Result<Vec<u8>, Failed> {
        let admitting = part("admit");
        let mut locked = self.vault.lock(&key_id, self.clock.now_ms()).await;
        let was_hot = locked.is_some();
        let loaded = async {
            self.load(&key_id, &mut locked).await?;
            self.look_up_parent(&mut locked).await
        };
        let parent = match loaded.await {
            Ok(parent) => parent,
            Err(failed) => {
                self.vault.release(&key_id, locked);
                return Err(failed);
            }
        };
        let Some(slot) = self.pool.reserve() else {
            self.vault.release(&key_id, locked);
            return Err(Failed::Refused(Code::Busy));
        };
        let (suite, op, sid) = (operation.suite(), operation.op(), operation.sid());
        let scene = Scene { device, suite, op, key_id, sid, now_ms: self.clock.now_ms(), arrived_ns };
        let admission = {
            let record = locked.as_mut().map(|hot| &mut hot.record);
            operation.admit(record, device, scene.now_ms, &mut self.replays.of(&key_id))
        };
        drop(admitting);
        match admission {
            Admission::Answered(answered) => {
                drop(slot);
                let arrived = answered.arrived;
                let outcome = self.settle(scene, &mut locked, answered, was_hot, parent).await;
                self.vault.release(&key_id, locked);
                if outcome.is_ok()
                    && let Some(Parent { key_id, kind: Kind::Move, .. }) = arrived
                {
                    self.vault.forget(&key_id, scene.now_ms).await;
                }
                outcome
            }
            Admission::Job(job) => self.compute(scene, locked, job, slot).await,
            Admission::Refresh(job) => {
                let outcome = self.refresh(scene, &mut locked, job, slot).await;
                if outcome.is_err() {
                    self.abandon(scene);
                }
                self.vault.release(&key_id, locked);
                outcome
            }
            Admission::Evaluate(job) => {
                let outcome = self.evaluate(scene, &mut locked, job, slot).await;
                if outcome.is_err() {
                    self.abandon(scene);
                }
                self.vault.release(&key_id, locked);
                outcome
            }
            Admission::Split(job) => {
                let outcome = self.split(scene, &mut locked, job, slot).await;
                if outcome.is_err() {
                    self.abandon(scene);
                }
                self.vault.release(&key_id, locked);
                outcome
            }
        }
    }

    /// Brings a key into memory unless it is there. No such key: nothing is brought.
    pub(super) async fn load(&self, key_id: &KeyId, locked: &mut Locked) -> Result<(), Failed> {
        if locked.is_some() {
            return Ok(());
        }
        let Some(stored) = self.store.key(key_id).await? else { return Ok(()) };
        let sealed = [Some(&stored.share), stored.pending.as_ref()];
        if !sealed.into_iter().flatten().all(|sealed| sealed.is_empty() || self.sealer.keys().knows(sealed)) {
            self.catch_up().await;
        }
        **locked = Hot::unseal(stored, self.sealer.keys()).map_err(|error| {
            tracing::error!(%key_id, %error, "the stored key cannot be used");
            Failed::Refused(Code::Internal)
        })?;
        Ok(())
    }

    /// Takes over wrapping keys that another process made or dropped. Whether there were any.
    pub(super) async fn catch_up(&self) -> bool {
        self.sealer.catch_up().await.unwrap_or_else(|error| {
            tracing::error!(%error, "new wrapping keys cannot be used");
            false
        })
    }

    /// An answer that needs no computation: a refusal, a repetition, a confirmed refresh.
    async fn settle(
        &self,
        scene: Scene<'_>,
        locked: &mut Locked,
        answered: Answered,
        was_hot: bool,
        parent: Option<StoredKey>,
    ) -> Result<Vec<u8>, Failed> {
        let Some(hot) = locked.as_mut() else {
            // Unknown or revoked.
            let Scene { device, suite, op, key_id, sid, .. } = scene;
            return Ok(self.log_refusal(device, Claim { suite, op, key_id, sid }, answered.frame).await);
        };
        if let Err(failed) = self.make_durable(scene, hot, &answered, was_hot, parent).await {
            **locked = None;
            // Only a used-up quota and the opening of a session that was there are refused after the request was begun
            // with; every other session is someone else's.
            let begun = |audit: &Audit| {
                audit.code == Some(Code::Quota)
                    || (audit.op == Op::Reveal && audit.code != Some(Code::Session))
            };
            if answered.audit.as_ref().is_some_and(begun) {
                self.abandon(scene);
            }
            return Err(failed);
        }
        Ok(answered.frame)
    }

    /// What an answer changed, and its record; or nothing, if the key is still as it was judged.
    async fn make_durable(
        &self,
        scene: Scene<'_>,
        hot: &mut Hot,
        answered: &Answered,
        was_hot: bool,
        parent: Option<StoredKey>,
    ) -> Result<(), Failed> {
        if !answered.record_changed && answered.audit.is_none() {
            return if was_hot { self.still_current(&hot.stored).await } else { Ok(()) };
        }
        let mut more = Vec::new();
        if let Some(audit) = &answered.audit {
            let activated = hot.record.epoch != hot.stored.epoch;
            more.push(Write::Log(event(audit, &scene, if activated { ACTIVATED } else { "" })));
        }
        if let Some(arrived) = &answered.arrived {
            let parent = parent.ok_or(Failed::Refused(Code::Internal))?;
            more.extend(arrival(&scene, arrived.kind, &parent));
        }
        self.save(hot, answered.record_changed, more).await
    }

    async fn still_current(&self, stored: &StoredKey) -> Result<(), Failed> {
        match self.store.key_version(&stored.key_id).await? {
            Some(version) if version == stored.version => Ok(()),
            _ => Err(Failed::Stale),
        }
    }

    /// Makes the record durable if it changed, and `more` with it.
    pub(super) async fn save(&self, hot: &mut Hot, changed: bool, more: Vec<Write>) -> Result<(), Failed> {
        let row = if changed {
            let sealed = hot.seal(self.sealer.keys(), &*self.entropy);
            Some(sealed.map_err(|_| Failed::Refused(Code::Internal))?)
        } else {
            None
        };
        let (key_id, version) = (hot.stored.key_id, hot.stored.version);
        let mut unit = Vec::with_capacity(more.len() + 1);
        if row.is_none() {
            unit.push(Write::Expect { key_id, version });
        }
        unit.extend(more);
        // Last: it is another version then.
        unit.extend(row.iter().map(|row| Write::SaveKey(Box::new(row.clone()))));
        self.store.commit(Unit(unit)).await?;
        if let Some(row) = row {
            hot.stored = StoredKey { version: version + 1, ..row };
        }
        Ok(())
    }

    /// Ops 01, 02, 06, 07: computed without the key's lock.
    async fn compute(
        &self,
        scene: Scene<'_>,
        mut locked: Locked,
        job: Job,
        slot: Slot,
    ) -> Result<Vec<u8>, Failed> {
        let Some(hot) = locked.as_mut() else {
            self.abandon(scene);
            return Err(Failed::Refused(Code::Internal));
        };
        if job.record_changed()
            && let Err(failed) = self.save(hot, true, Vec::new()).await
        {
            *locked = None;
            self.abandon(scene);
            self.vault.release(&scene.key_id, locked);
            return Err(failed);
        }
        let version = hot.stored.version;
        let decrypts = job.decrypts();
        self.vault.release(&scene.key_id, locked);

        let computed = self.pool.compute(slot, scene.key_id, job).await;
        let outcome = match computed {
            Some(executed) => match self.commit(scene, version, decrypts, &executed).await {
                Ok(()) => Ok(executed),
                Err(failed) => Err(self.refused_late(scene, version, &executed.audit, failed).await),
            },
            None => Err(Failed::Refused(Code::Internal)),
        };
        match outcome {
            Ok(executed) => {
                self.limiter.answered(scene.arrived_ns, self.clock.monotonic_ns());
                Ok(self.replays.of(&scene.key_id).complete(executed))
            }
            Err(failed) => {
                self.abandon(scene);
                let mut locked = self.vault.lock(&scene.key_id, scene.now_ms).await;
                *locked = None;
                self.vault.release(&scene.key_id, locked);
                Err(failed)
            }
        }
    }

    /// That a session is used up may be noticed by the commit only, of which nothing is left then: the refusal is on record
    /// all the same, if the key is still as it was judged.
    pub(super) async fn refused_late(
        &self,
        scene: Scene<'_>,
        version: i64,
        audit: &Audit,
        failed: Failed,
    ) -> Failed {
        let Failed::Refused(code @ (Code::SidConflict | Code::Session)) = failed else { return failed };
        let audit = Audit { code: Some(code), signatures: Vec::new(), ..audit.clone() };
        let expect = Write::Expect { key_id: scene.key_id, version };
        match self.store.commit([expect, Write::Log(event(&audit, &scene, ""))].into()).await {
            Ok(()) => failed,
            Err(error) => error.into(),
        }
    }

    /// Forgets a request that gets no answer.
    fn abandon(&self, scene: Scene<'_>) {
        self.replays.of(&scene.key_id).abandon(scene.key_id, scene.sid, scene.op);
    }

    async fn commit(
        &self,
        scene: Scene<'_>,
        version: i64,
        decrypts: u32,
        executed: &Executed,
    ) -> Result<(), Failed> {
        let first = match scene.op {
            // Its session was spent with the commitment, and its nonces are in the memory of this process only.
            Op::Reveal => Write::Expect { key_id: scene.key_id, version },
            _ => Write::Spend(spend(&executed.audit, version, decrypts)),
        };
        let log = Write::Log(event(&executed.audit, &scene, ""));
        Ok(self.store.commit([first, log].into()).await?)
    }

    /// Op 03: computed under the key's lock, because it changes the record.
    async fn refresh(
        &self,
        scene: Scene<'_>,
        locked: &mut Locked,
        job: RefreshJob,
        slot: Slot,
    ) -> Result<Vec<u8>, Failed> {
        let internal = Failed::Refused(Code::Internal);
        // Taken out while it is computed on: if anything fails, the key is loaded again as it was.
        let Some(mut hot) = locked.take() else { return Err(internal) };
        let mut rng = self.rng();
        let ran = self.pool.run(slot, move || {
            let executed = job.run(&mut hot.record, &mut rng);
            (hot, executed)
        });
        let Some((hot, executed)) = ran.await else { return Err(internal) };
        self.keep(scene, locked, hot, executed, false).await
    }

    /// Op 0A: computed under the key's lock, because the attempt that it is counted as is saved with its session and its
    /// record.
    async fn evaluate(
        &self,
        scene: Scene<'_>,
        locked: &mut Locked,
        job: EvaluateJob,
        slot: Slot,
    ) -> Result<Vec<u8>, Failed> {
        let internal = Failed::Refused(Code::Internal);
        // Taken out until it is saved: if anything fails, the key is loaded again as it was.
        let Some(hot) = locked.take() else { return Err(internal) };
        // Not the repetition of one whose attempt is counted and not used.
        let counted = hot.record.gate != hot.stored.gate;
        let Some(executed) = self.pool.run(slot, move || job.run()).await else { return Err(internal) };
        self.keep(scene, locked, hot, executed, counted).await
    }

    /// One commit of a key that was taken out, the spent session and the record; then the key is put back. `new`: whether the
    /// session must not have been spent on the identical request either.
    async fn keep(
        &self,
        scene: Scene<'_>,
        locked: &mut Locked,
        mut hot: Hot,
        executed: Executed,
        new: bool,
    ) -> Result<Vec<u8>, Failed> {
        let (audit, version) = (&executed.audit, hot.stored.version);
        let spend = Write::Spend(Spend { new, ..spend(audit, version, 0) });
        let log = Write::Log(event(audit, &scene, ""));
        match self.save(&mut hot, executed.record_changed, vec![spend, log]).await {
            Ok(()) => {}
            Err(Failed::Refused(Code::Session)) => {
                let Audit { fingerprint, until_ms, .. } = *audit;
                return Err(Failed::Known { fingerprint, until_ms });
            }
            Err(failed) => return Err(self.refused_late(scene, version, audit, failed).await),
        }
        **locked = Some(hot);
        Ok(self.replays.of(&scene.key_id).complete(executed))
    }
}

fn again(frame: &[u8]) -> Option<Operation> {
    match receive(frame) {
        Ok(Incoming::Operation(operation)) => Some(operation),
        _ => None,
    }
}

pub(super) fn spend(audit: &Audit, version: i64, decrypts: u32) -> Spend {
    Spend {
        key_id: audit.key_id,
        version,
        sid: audit.sid,
        fp: audit.fingerprint,
        until_ms: audit.until_ms,
        // One commitment is answered by one set of nonces ever, and another node may have those.
        new: audit.op == Op::Commit,
        decrypts,
        quota: LIFETIME_QUOTA,
    }
}

pub(super) fn event(audit: &Audit, scene: &Scene<'_>, note: &str) -> Event {
    Event {
        epoch: audit.epoch,
        sid: Some(audit.sid),
        h_req: Some(audit.h_req),
        count: audit.count,
        items: audit
            .signatures
            .iter()
            .map(|(digest, r)| SignatureItem { digest: *digest.as_bytes(), r: *r })
            .collect(),
        result: audit.code.map_or(0, Code::byte),
        ..Event::administration(scene.now_ms, Act::operation(audit.op), note)
    }
    .about(audit.key_id, Some(*scene.device))
}
