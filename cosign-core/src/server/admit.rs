//! Ops 01, 02, 03, 05: the order of checks, from the bytes to the PIN gate, and what is computed behind it.

use alloc::{sync::Arc, vec::Vec};

use sm_primitives::{Zeroizing, point::PublicPoint, rand_core::TryCryptoRng};

use super::{
    Audit, Executed, KeyRecord, LIFETIME_QUOTA, PENDING_TTL_MS, ReplayCache, Status, read_header, refuse,
};
use crate::{
    decrypt,
    error::{Code, Detail, Refusal},
    gate::Passage,
    hash,
    ids::{DeviceId, KeyId, Op, Purpose, SessionId},
    pin::tags_equal,
    refresh::{self, Confirm, PendingRefresh},
    replay::{Seen, WINDOW_MS},
    share::{self, ServerShare},
    sign,
    wire::{self, MAX_BATCH, REQUEST_HEADER, RequestHeader},
};

/// A request of op 01, 02, 03 or 05 with the right lengths.
pub struct Operation {
    header: RequestHeader,
    items: Zeroizing<Vec<u8>>,
    fingerprint: [u8; 32],
}

impl core::fmt::Debug for Operation {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_struct("Operation")
            .field("op", &self.op())
            .field("key_id", &self.key_id())
            .finish_non_exhaustive()
    }
}

/// What becomes of a request at the gate.
#[derive(Debug)]
pub enum Admission {
    /// It is answered already.
    Answered(Answered),
    /// Ops 01 and 02: computed without the key's lock.
    Job(Job),
    /// Op 03: computed under the key's lock.
    Refresh(RefreshJob),
}

/// An answer that needs no further computation.
pub struct Answered {
    /// The answer.
    pub frame: Vec<u8>,
    /// Whether the record was changed: then it is durable before the key is unlocked and the frame leaves.
    pub record_changed: bool,
    /// What the audit log keeps. `None` if the key is unknown or another device's, and if nothing happened: the answer
    /// is a repetition, or E_BUSY.
    pub audit: Option<Audit>,
}

/// Shows no frame: `K2` and `s2` together must not be logged.
impl core::fmt::Debug for Answered {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_struct("Answered").field("audit", &self.audit).finish_non_exhaustive()
    }
}

/// The items of a request, decoded.
enum Items {
    Sign(Vec<sign::Item>),
    Decrypt(Vec<PublicPoint>),
    Refresh(refresh::Request),
}

/// What a request asks for: op 05 has an order of checks of its own.
enum Body {
    Items(Items),
    Confirm(Confirm),
}

impl Operation {
    /// Checks 3 to 6: lengths, number of items, the empty tag of op 05.
    pub(super) fn read(op: Op, frame: &[u8]) -> Result<Self, Code> {
        let (header, items) = frame.split_at_checked(REQUEST_HEADER).ok_or(Code::Length)?;
        let header = read_header(op, header).ok_or(Code::Length)?;
        let max = if matches!(op, Op::Sign | Op::Decrypt) { MAX_BATCH } else { 1 };
        let count = usize::from(header.count);
        if !(1..=max).contains(&count) {
            return Err(Code::Batch);
        }
        if items.len() != count * wire::item_len(op) {
            return Err(Code::Length);
        }
        if op == Op::Confirm && header.tag != [0; 32] {
            return Err(Code::Version);
        }
        Ok(Self { header, items: Zeroizing::new(items.to_vec()), fingerprint: hash::fingerprint(frame) })
    }

    /// The operation.
    #[must_use]
    pub const fn op(&self) -> Op {
        self.header.op
    }

    /// The key.
    #[must_use]
    pub const fn key_id(&self) -> KeyId {
        self.header.key_id
    }

    /// The session.
    #[must_use]
    pub const fn sid(&self) -> SessionId {
        self.header.sid
    }

    /// Number of items, 1..=256.
    #[must_use]
    pub const fn count(&self) -> u16 {
        self.header.count
    }

    /// Judges the request, in the order in which the protocol fixes the checks. Call it under the key's lock.
    ///
    /// `record` is `None` for an unknown key. Timing: independent of the share and the MAC key.
    pub fn admit(
        self,
        record: Option<&mut KeyRecord>,
        device: &DeviceId,
        now_ms: u64,
        cache: &mut ReplayCache,
    ) -> Admission {
        let record = record.filter(|record| record.key_id == self.header.key_id && record.device == *device);
        let Some(record) = record else {
            let frame = refuse(&self.header.sid, Code::Key);
            return Admission::Answered(Answered { frame, record_changed: false, audit: None });
        };
        let h_req = self.request_hash(record);
        let body = match self.check_key(record, now_ms) {
            Ok(()) => self.decode(h_req).map_err(Refusal::from),
            Err(refusal) => Err(refusal),
        };
        let body = body.and_then(|body| match now_ms.abs_diff(self.header.ts_ms) {
            0..=WINDOW_MS => Ok(body),
            _ => Err(Refusal { code: Code::Time, detail: Detail::Time(now_ms) }),
        });
        let mut request =
            Gated { header: self.header, fingerprint: self.fingerprint, h_req, now_ms, dropped: false };
        let body = match body {
            Ok(body) => body,
            Err(refusal) => return Admission::Answered(request.refused(refusal, false)),
        };
        request.dropped = record.pending.take_if(|pending| pending.is_expired(now_ms)).is_some();
        match body {
            Body::Confirm(confirm) => Admission::Answered(request.confirm(&confirm, record)),
            Body::Items(items) => request.pass(items, record, cache),
        }
    }

    /// Checks 7 and 8 of a key that is the device's: its status and purpose, then the epoch.
    fn check_key(&self, record: &KeyRecord, now_ms: u64) -> Result<(), Refusal> {
        let op = self.header.op;
        let usable = match record.status {
            Status::Active => match op {
                Op::Sign => record.purpose == Purpose::Sign && !record.gate.refresh_required,
                Op::Decrypt => record.purpose == Purpose::Encrypt && !record.gate.refresh_required,
                _ => true,
            },
            Status::Pending => op == Op::Sign && now_ms.saturating_sub(record.created_ms) <= PENDING_TTL_MS,
            Status::Suspended | Status::Revoked => false,
        };
        if !usable {
            return Err(Code::Key.into());
        }
        if record.status == Status::Pending && self.header.count != 1 {
            return Err(Code::Batch.into());
        }
        if op != Op::Confirm && record.epoch != self.header.epoch {
            return Err(Refusal { code: Code::Epoch, detail: Detail::Epoch(record.epoch) });
        }
        Ok(())
    }

    fn request_hash(&self, record: &KeyRecord) -> [u8; 32] {
        let RequestHeader { op, key_id, epoch, sid, count, .. } = &self.header;
        hash::request(*op, key_id, *epoch, &record.public_key, sid, *count, &self.items)
    }

    /// Check 9: items in order, fields in order.
    fn decode(&self, h_req: [u8; 32]) -> Result<Body, Code> {
        let RequestHeader { op, key_id, epoch, .. } = self.header;
        match op {
            Op::Sign => {
                let items = self.items.chunks_exact(wire::item_len(op)).map(sign::Item::read);
                let items = items.collect::<Result<Vec<_>, _>>()?;
                let points: Vec<_> = items.iter().flat_map(|item| [item.qa, item.qb]).collect();
                match sign::first_repeated_x(&points) {
                    Some(_) => Err(Code::DupPoint),
                    None => Ok(Body::Items(Items::Sign(items))),
                }
            }
            Op::Decrypt => {
                let points = decrypt::read_points(&self.items).ok_or(Code::Point)?;
                Ok(Body::Items(Items::Decrypt(points)))
            }
            Op::Refresh => {
                let (r_a, auth) = self.items.split_first_chunk().ok_or(Code::Length)?;
                let auth = *auth.first_chunk().ok_or(Code::Length)?;
                let (r_a, auth) = (Zeroizing::new(*r_a), Zeroizing::new(auth));
                Ok(Body::Items(Items::Refresh(refresh::Request { key_id, epoch, h_req, r_a, auth })))
            }
            Op::Confirm => Confirm::read(&self.items).map(Body::Confirm),
            Op::Keygen | Op::Open | Op::Activate => Err(Code::Version),
        }
    }
}

/// A request about a key of its device; `dropped` if it found an expired refresh.
struct Gated {
    header: RequestHeader,
    fingerprint: [u8; 32],
    h_req: [u8; 32],
    now_ms: u64,
    dropped: bool,
}

impl Gated {
    fn until_ms(&self) -> u64 {
        self.now_ms.max(self.header.ts_ms).saturating_add(2 * WINDOW_MS)
    }

    fn audit(&self, code: Option<Code>) -> Audit {
        Audit {
            op: self.header.op,
            key_id: self.header.key_id,
            epoch: self.header.epoch,
            sid: self.header.sid,
            h_req: self.h_req,
            fingerprint: self.fingerprint,
            count: self.header.count,
            signatures: Vec::new(),
            until_ms: self.until_ms(),
            code,
        }
    }

    fn refused(&self, refusal: Refusal, record_changed: bool) -> Answered {
        Answered {
            frame: refuse(&self.header.sid, refusal),
            record_changed: record_changed || self.dropped,
            audit: Some(self.audit(Some(refusal.code))),
        }
    }

    /// Checks 11 to 14 for ops 01, 02, 03: replay, PIN gate, session conflict, quotas.
    fn pass(self, items: Items, record: &mut KeyRecord, cache: &mut ReplayCache) -> Admission {
        let (key_id, sid) = (self.header.key_id, self.header.sid);
        let seen = cache.seen(key_id, sid, &self.fingerprint, self.now_ms);
        let busy = || Answered { frame: refuse(&sid, Code::Busy), record_changed: self.dropped, audit: None };
        match seen {
            Seen::Answered(frame) => {
                return Admission::Answered(Answered { frame, record_changed: self.dropped, audit: None });
            }
            Seen::InProgress => return Admission::Answered(busy()),
            Seen::Never | Seen::Other => {}
        }
        let before = record.gate;
        let expected = record.share.auth.tag(&self.h_req, self.header.ts_ms);
        let passage = record.gate.pass(self.now_ms, || tags_equal(&expected, &self.header.tag).into());
        let gate_changed = record.gate != before;
        let failures = match (passage, seen) {
            (Passage::Shut(refusal), _) => return Admission::Answered(self.refused(refusal, gate_changed)),
            (_, Seen::Other) => {
                return Admission::Answered(self.refused(Code::SidConflict.into(), gate_changed));
            }
            (Passage::Locked, _) => return Admission::Answered(self.refused(Code::Key.into(), gate_changed)),
            (Passage::Open { failures }, _) => failures,
        };
        if !cache.begin(key_id, sid, self.fingerprint, self.until_ms()) {
            return Admission::Answered(Answered { record_changed: gate_changed || self.dropped, ..busy() });
        }
        if let Err(code) = spend_quota(&items, record) {
            let answered = self.refused(code.into(), gate_changed);
            cache.complete(key_id, sid, &answered.frame);
            return Admission::Answered(answered);
        }
        let record_changed = gate_changed || self.dropped || record.status == Status::Pending;
        let share = Arc::clone(&record.share);
        let admitted = Admitted { request: self, failures, share, record_changed };
        match items {
            Items::Sign(items) => Admission::Job(Job { admitted, work: Work::Sign(items) }),
            Items::Decrypt(points) => Admission::Job(Job { admitted, work: Work::Decrypt(points) }),
            Items::Refresh(refresh) => Admission::Refresh(RefreshJob { admitted, refresh }),
        }
    }

    /// Op 05: which refresh it confirms, its MAC through the gate, its proof, then activation.
    fn confirm(self, confirm: &Confirm, record: &mut KeyRecord) -> Answered {
        let epoch = match &record.pending {
            _ if confirm.rid == record.rid => record.epoch,
            Some(pending) if confirm.rid == pending.rid => pending.epoch,
            _ => {
                let mut frame = wire::answer(&self.header.sid, 0, 1);
                frame.push(refresh::acknowledgement(false));
                let audit = Some(self.audit(Some(Code::Key)));
                return Answered { frame, record_changed: self.dropped, audit };
            }
        };
        if self.header.epoch != epoch {
            let detail = Detail::Epoch(record.epoch);
            return self.refused(Refusal { code: Code::Epoch, detail }, false);
        }
        let pending =
            record.pending.take_if(|pending| pending.rid == confirm.rid && confirm.rid != record.rid);
        let share = pending.as_ref().map_or(&record.share, |pending| &pending.share);
        let before = record.gate;
        let passage = record.gate.pass(self.now_ms, || confirm.is_authentic(&share.auth));
        let gate_changed = record.gate != before;
        let refusal = match passage {
            Passage::Shut(refusal) => Err(refusal),
            Passage::Locked => Err(Code::Key.into()),
            Passage::Open { failures } => match &pending {
                Some(pending) => {
                    check_activation(pending, record, confirm).map(|()| failures).map_err(Refusal::from)
                }
                None => Ok(failures),
            },
        };
        let failures = match refusal {
            Ok(failures) => failures,
            Err(refusal) => {
                record.pending = pending.or(record.pending.take());
                return self.refused(refusal, gate_changed);
            }
        };
        let activates = pending.is_some();
        if let Some(PendingRefresh { epoch, rid, share, .. }) = pending {
            (record.epoch, record.rid, record.share) = (epoch, rid, share);
            record.gate.refreshed();
        }
        let mut frame = wire::answer(&self.header.sid, failures, 1);
        frame.push(refresh::acknowledgement(true));
        Answered {
            frame,
            record_changed: activates || gate_changed || self.dropped,
            audit: Some(self.audit(None)),
        }
    }
}

fn check_activation(pending: &PendingRefresh, record: &KeyRecord, confirm: &Confirm) -> Result<(), Code> {
    let base = share::base(&record.public_key).ok_or(Code::Internal)?;
    if !pending.is_proven(&record.key_id, &base, confirm) {
        return Err(Code::Proof);
    }
    pending.is_consistent().then_some(()).ok_or(Code::Internal)
}

/// Check 14: a pending key signs once, a key decrypts 2^20 times in its life.
fn spend_quota(items: &Items, record: &mut KeyRecord) -> Result<(), Code> {
    match items {
        Items::Sign(items) if record.status == Status::Pending => {
            if record.pending_sign.is_some() {
                return Err(Code::Quota);
            }
            record.pending_sign = items.first().map(|item| item.digest);
        }
        Items::Decrypt(points) => {
            let count = u32::try_from(points.len()).map_err(|_| Code::Quota)?;
            let decrypts = record.decrypts.checked_add(count).filter(|&total| total <= LIFETIME_QUOTA);
            record.decrypts = decrypts.ok_or(Code::Quota)?;
        }
        _ => {}
    }
    Ok(())
}

/// A request behind the gate.
struct Admitted {
    request: Gated,
    failures: u8,
    share: Arc<ServerShare>,
    record_changed: bool,
}

impl Admitted {
    fn executed(self, outcome: Result<(Vec<u8>, Audit), Code>, record_changed: bool) -> Executed {
        let header = &self.request.header;
        match outcome {
            Ok((body, audit)) => {
                let mut frame = wire::answer(&header.sid, self.failures, header.count);
                frame.extend(body);
                Executed { frame, audit, record_changed }
            }
            Err(code) => Executed {
                frame: refuse(&header.sid, code),
                audit: self.request.audit(Some(code)),
                record_changed,
            },
        }
    }
}

enum Work {
    Sign(Vec<sign::Item>),
    Decrypt(Vec<PublicPoint>),
}

/// A signing or decryption request behind the gate. Computing needs no lock; dropping it releases nothing.
#[must_use = "a request behind the gate is computed or given up with ReplayCache::abandon"]
pub struct Job {
    admitted: Admitted,
    work: Work,
}

impl core::fmt::Debug for Job {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_struct("Job").field("sid", &self.admitted.request.header.sid).finish_non_exhaustive()
    }
}

impl Job {
    /// Whether the record was changed: then it is durable before the key is unlocked.
    #[must_use]
    pub const fn record_changed(&self) -> bool {
        self.admitted.record_changed
    }

    /// How much the lifetime counter of decryptions grew; durable together with the audit record.
    #[must_use]
    pub fn decrypts(&self) -> u32 {
        match &self.work {
            Work::Sign(_) => 0,
            Work::Decrypt(points) => u32::try_from(points.len()).unwrap_or(u32::MAX),
        }
    }

    /// Number of items, 1..=256: what the computation costs.
    #[must_use]
    pub const fn count(&self) -> u16 {
        self.admitted.request.header.count
    }

    /// Computes all items or none. `nonce_key` is 32 random bytes of this process.
    ///
    /// Timing: independent of the share and the nonces.
    pub fn run(self, nonce_key: &[u8; 32], rng: &mut (impl TryCryptoRng + ?Sized)) -> Executed {
        let Self { admitted, work } = self;
        let mut audit = admitted.request.audit(None);
        let outcome = match work {
            Work::Sign(items) => {
                sign::respond(&admitted.share, &audit.h_req, &items, nonce_key, rng).map(|answer| {
                    audit.signatures = answer.log;
                    (answer.body, audit)
                })
            }
            Work::Decrypt(points) => Ok((decrypt::respond(&admitted.share, &points), audit)),
        };
        admitted.executed(outcome, false)
    }
}

/// A refresh request behind the gate, computed under the key's lock.
#[must_use = "a request behind the gate is computed or given up with ReplayCache::abandon"]
pub struct RefreshJob {
    admitted: Admitted,
    refresh: refresh::Request,
}

impl core::fmt::Debug for RefreshJob {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_struct("RefreshJob").field("sid", &self.admitted.request.header.sid).finish_non_exhaustive()
    }
}

impl RefreshJob {
    /// Makes the pending share, or repeats the answer of the identical request.
    ///
    /// Timing: independent of the share.
    pub fn run(self, record: &mut KeyRecord, rng: &mut (impl TryCryptoRng + ?Sized)) -> Executed {
        let Self { admitted, refresh } = self;
        let known = record.pending.as_ref().filter(|pending| pending.h_req == refresh.h_req);
        if let Some(pending) = known {
            let outcome = Ok((pending.answer(), admitted.request.audit(None)));
            let record_changed = admitted.record_changed;
            return admitted.executed(outcome, record_changed);
        }
        let outcome =
            PendingRefresh::make(&admitted.share, &refresh, admitted.request.now_ms, rng).map(|pending| {
                let body = pending.answer();
                record.pending = Some(pending);
                (body, admitted.request.audit(None))
            });
        let record_changed = outcome.is_ok() || admitted.record_changed;
        admitted.executed(outcome, record_changed)
    }
}
