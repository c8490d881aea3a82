//! Ops 01, 02, 03, 05, 06, 08, 0A: the order of checks (SPEC.md, section 7.1), from the bytes to the PIN gate.

use alloc::{sync::Arc, vec::Vec};

use sm_primitives::{Zeroizing, point::PublicPoint};

use super::{
    Audit, EvaluateJob, KeyRecord, LIFETIME_QUOTA, PENDING_TTL_MS, Parent, ReplayCache, Status,
    job::{Admitted, Job, RefreshJob, SplitJob, Work},
    read_header, refuse,
};
use crate::{
    decrypt,
    digest::Digest,
    error::{Code, Detail, Refusal},
    gate::Passage,
    hash,
    ids::{DeviceId, KeyId, Op, Purpose, SessionId, Suite},
    pin::tags_equal,
    refresh::{self, Confirm},
    replay::{Seen, Step, WINDOW_MS},
    sign, split,
    wire::{self, MAX_BATCH, REQUEST_HEADER, RequestHeader},
};

/// A request of ops 01, 02, 03, 05 to 08, 0A with the right lengths.
pub struct Operation {
    pub(super) header: RequestHeader,
    /// The bytes after the header.
    pub(super) body: Zeroizing<Vec<u8>>,
    pub(super) fingerprint: [u8; 32],
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
    /// Ops 01, 02, 06, 07: computed without the key's lock.
    Job(Job),
    /// Op 03: computed under the key's lock.
    Refresh(RefreshJob),
    /// Op 08: computed under the key's lock.
    Split(SplitJob),
    /// Op 0A: computed under the key's lock. The attempt is counted in the record; that is durable, with the audit
    /// record and the spent session, before the answer leaves.
    Evaluate(EvaluateJob),
}

/// An answer that needs no further computation.
pub struct Answered {
    /// The answer.
    pub frame: Vec<u8>,
    /// Whether the record was changed: then it is durable before the key is unlocked and the frame leaves.
    pub record_changed: bool,
    /// What the audit log keeps. `None` if the key is unknown, another device's or of another suite, and if nothing
    /// happened: the answer is a repetition, or E_BUSY.
    pub audit: Option<Audit>,
    /// An arriving key became active that was split from this share. The caller commits only while that one is active,
    /// else the request is judged again; with the same commit it revokes a share that has moved.
    pub arrived: Option<Parent>,
}

impl Answered {
    /// An answer that nothing is logged of.
    pub(super) const fn silent(frame: Vec<u8>, record_changed: bool) -> Self {
        Self { frame, record_changed, audit: None, arrived: None }
    }
}

/// Shows no frame: `K2` and `s2` together must not be logged.
impl core::fmt::Debug for Answered {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_struct("Answered").field("audit", &self.audit).finish_non_exhaustive()
    }
}

/// The items of a request, decoded.
enum Items {
    Sign(Vec<sign::dual::Item>),
    Decrypt(Vec<PublicPoint>),
    Refresh(refresh::Request),
    Split(split::server::Request),
    Commit([u8; 32]),
}

/// What a request asks for: ops 05 and 0A have an order of checks of their own.
enum Body {
    Items(Items),
    Confirm(Confirm),
    Evaluate(Vec<PublicPoint>),
}

impl Operation {
    /// Checks 3 to 6: lengths, number of items, the empty tag of ops 05, 07 and 0A.
    pub(super) fn read(suite: Suite, op: Op, frame: &[u8]) -> Result<Self, Code> {
        let (header, body) = frame.split_at_checked(REQUEST_HEADER).ok_or(Code::Length)?;
        let header = read_header(suite, op, header).ok_or(Code::Length)?;
        let max = match op {
            Op::Refresh | Op::Confirm | Op::Split => 1,
            Op::Evaluate => 2,
            _ => MAX_BATCH,
        };
        if !(1..=max).contains(&usize::from(header.count)) {
            return Err(Code::Batch);
        }
        if body.len() != wire::body_len(op, header.count) {
            return Err(Code::Length);
        }
        if matches!(op, Op::Confirm | Op::Reveal | Op::Evaluate) && header.tag != [0; 32] {
            return Err(Code::Version);
        }
        Ok(Self { header, body: Zeroizing::new(body.to_vec()), fingerprint: hash::fingerprint(frame) })
    }

    /// The suite that the frame names.
    #[must_use]
    pub const fn suite(&self) -> Suite {
        self.header.suite
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
        let Some(record) = record.filter(|record| self.is_about(record, device)) else {
            let frame = refuse(self.header.suite, &self.header.sid, Code::Key);
            return Admission::Answered(Answered::silent(frame, false));
        };
        if self.header.op == Op::Reveal {
            return self.reveal(record, now_ms, cache);
        }
        let h_req = self.request(record).hash(self.header.op, &self.body);
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
            Body::Evaluate(points) => request.evaluate(points, record, cache),
            Body::Items(items) => request.pass(items, record, cache),
        }
    }

    /// Check 7, first half: the key, its device, its suite.
    fn is_about(&self, record: &KeyRecord, device: &DeviceId) -> bool {
        let RequestHeader { suite, key_id, .. } = &self.header;
        record.key_id == *key_id && record.device == *device && record.suite == *suite
    }

    /// Checks 7 and 8: status and purpose, then the epoch.
    pub(super) fn check_key(&self, record: &KeyRecord, now_ms: u64) -> Result<(), Refusal> {
        let op = self.header.op;
        let evaluates = op == Op::Evaluate && record.oprf.is_some();
        let usable = match record.status {
            Status::Active => match op {
                Op::Sign | Op::Commit | Op::Reveal => {
                    record.purpose == Purpose::Sign && !record.gate.refresh_required
                }
                Op::Decrypt => record.purpose == Purpose::Encrypt && !record.gate.refresh_required,
                Op::Split => !record.gate.refresh_required,
                Op::Evaluate => evaluates,
                _ => true,
            },
            Status::Pending => {
                (matches!(op, Op::Sign | Op::Commit | Op::Reveal) || evaluates)
                    && now_ms.saturating_sub(record.created_ms) <= PENDING_TTL_MS
            }
            Status::Arriving => {
                (matches!(op, Op::Refresh | Op::Confirm) || evaluates)
                    && record.parent.is_none_or(|parent| parent.active)
                    && now_ms.saturating_sub(record.created_ms) <= PENDING_TTL_MS
            }
            Status::Suspended | Status::Revoked => false,
        };
        if !usable {
            return Err(Code::Key.into());
        }
        if record.status == Status::Pending && self.header.count != 1 {
            return Err(Code::Batch.into());
        }
        let epoch = self.header.epoch;
        // A refresh may wait for its confirmation, for which a PIN is evaluated too. The key of that is the same.
        let next = op == Op::Evaluate && Some(epoch) == record.epoch.checked_add(1);
        if op != Op::Confirm && !next && epoch != record.epoch {
            return Err(Refusal { code: Code::Epoch, detail: Detail::Epoch(record.epoch) });
        }
        Ok(())
    }

    pub(super) const fn request<'a>(&'a self, record: &'a KeyRecord) -> hash::Request<'a> {
        let RequestHeader { suite, ref key_id, epoch, ref sid, count, .. } = self.header;
        hash::Request { suite, key_id, epoch, public_key: &record.public_key, sid, count }
    }

    /// Check 9: items in order, fields in order.
    fn decode(&self, h_req: [u8; 32]) -> Result<Body, Code> {
        let RequestHeader { op, key_id, epoch, .. } = self.header;
        match op {
            Op::Sign => {
                let items = self.body.chunks_exact(wire::item_len(op)).map(sign::dual::Item::read);
                let items = items.collect::<Result<Vec<_>, _>>()?;
                let points: Vec<_> = items.iter().flat_map(|item| [item.qa, item.qb]).collect();
                match sign::first_repeated_x(&points) {
                    Some(_) => Err(Code::DupPoint),
                    None => Ok(Body::Items(Items::Sign(items))),
                }
            }
            Op::Decrypt => {
                let points = decrypt::read_points(&self.body).ok_or(Code::Point)?;
                Ok(Body::Items(Items::Decrypt(points)))
            }
            Op::Refresh => {
                let (r_a, auth) = self.body.split_first_chunk().ok_or(Code::Length)?;
                let auth = *auth.first_chunk().ok_or(Code::Length)?;
                let (r_a, auth) = (Zeroizing::new(*r_a), Zeroizing::new(auth));
                Ok(Body::Items(Items::Refresh(refresh::Request { key_id, epoch, h_req, r_a, auth })))
            }
            Op::Confirm => Confirm::read(&self.body).map(Body::Confirm),
            Op::Commit => {
                let commitment = self.body.first_chunk().ok_or(Code::Length)?;
                Ok(Body::Items(Items::Commit(*commitment)))
            }
            Op::Split => {
                split::server::Request::read(&self.body).map(|split| Body::Items(Items::Split(split)))
            }
            Op::Evaluate => decrypt::read_points(&self.body).map(Body::Evaluate).ok_or(Code::Point),
            Op::Reveal | Op::Keygen | Op::Open | Op::Activate | Op::Import | Op::KeygenOblivious => {
                Err(Code::Version)
            }
        }
    }
}

/// A request about a key of its device and suite; `dropped` if it found an expired refresh.
pub(super) struct Gated {
    pub(super) header: RequestHeader,
    pub(super) fingerprint: [u8; 32],
    pub(super) h_req: [u8; 32],
    pub(super) now_ms: u64,
    pub(super) dropped: bool,
}

impl Gated {
    pub(super) fn until_ms(&self) -> u64 {
        self.now_ms.max(self.header.ts_ms).saturating_add(2 * WINDOW_MS)
    }

    pub(super) fn audit(&self, code: Option<Code>) -> Audit {
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

    pub(super) fn refused(&self, refusal: Refusal, record_changed: bool) -> Answered {
        Answered {
            frame: refuse(self.header.suite, &self.header.sid, refusal),
            record_changed: record_changed || self.dropped,
            audit: Some(self.audit(Some(refusal.code))),
            arrived: None,
        }
    }

    /// Checks 11 to 14 for ops 01, 02, 03, 06, 08: replay, PIN gate, session conflict, quotas.
    fn pass(self, items: Items, record: &mut KeyRecord, cache: &mut ReplayCache) -> Admission {
        let (key_id, sid) = (self.header.key_id, self.header.sid);
        let seen = cache.seen(key_id, sid, Step::First, &self.fingerprint, self.now_ms);
        let busy = || Answered::silent(refuse(self.header.suite, &sid, Code::Busy), self.dropped);
        match seen {
            Seen::Answered(frame) => {
                return Admission::Answered(Answered::silent(frame, self.dropped));
            }
            Seen::InProgress => return Admission::Answered(busy()),
            // Its nonces are gone, and no others may answer the same commitment.
            Seen::Forgotten if self.header.op == Op::Commit => {
                return Admission::Answered(self.refused(Code::Session.into(), false));
            }
            Seen::Never | Seen::Forgotten | Seen::Other => {}
        }
        let before = record.gate;
        let expected = record.share.auth.tag(&self.h_req, self.header.ts_ms);
        let is_right = || tags_equal(&expected, &self.header.tag);
        // A session that is known has claimed its charge: what is there now was counted later, by somebody else.
        let charge = match seen {
            Seen::Never => record.gate.take_charge(&key_id, &sid),
            _ => None,
        };
        let passage = match charge {
            Some(charge) => record.gate.settle(charge, self.now_ms, is_right),
            None => record.gate.pass(self.now_ms, is_right),
        };
        let gate_changed = record.gate != before;
        let failures = match (passage, seen) {
            (Passage::Shut(refusal), _) => return Admission::Answered(self.refused(refusal, gate_changed)),
            (_, Seen::Other) => {
                return Admission::Answered(self.refused(Code::SidConflict.into(), gate_changed));
            }
            (Passage::Locked, _) => return Admission::Answered(self.refused(Code::Key.into(), gate_changed)),
            (Passage::Open { failures }, _) => failures,
        };
        if !cache.begin(key_id, sid, Step::First, self.fingerprint, self.until_ms()) {
            return Admission::Answered(Answered { record_changed: gate_changed || self.dropped, ..busy() });
        }
        if let Err(code) = spend_quota(&items, record) {
            let answered = self.refused(code.into(), gate_changed);
            cache.keep(key_id, sid, Step::First, &answered.frame);
            return Admission::Answered(answered);
        }
        let busy = Answered { record_changed: gate_changed || self.dropped, ..busy() };
        if matches!(items, Items::Commit(_))
            && !cache.open.reserve(key_id, sid, self.header.count, self.now_ms)
        {
            cache.abandon(key_id, sid, self.header.op);
            return Admission::Answered(busy);
        }
        let spends = record.status == Status::Pending && !matches!(items, Items::Commit(_));
        let record_changed = gate_changed || self.dropped || spends;
        let share = Arc::clone(&record.share);
        let admitted = Admitted { request: self, failures, share, record_changed };
        match items {
            Items::Sign(items) => Admission::Job(Job::new(admitted, Work::Sign(items))),
            Items::Decrypt(points) => Admission::Job(Job::new(admitted, Work::Decrypt(points))),
            Items::Commit(commitment) => Admission::Job(Job::new(admitted, Work::Commit(commitment))),
            Items::Refresh(refresh) => Admission::Refresh(RefreshJob::new(admitted, refresh)),
            Items::Split(split) => Admission::Split(SplitJob::new(admitted, split)),
        }
    }
}

/// Check 14: a pending key signs once, a key decrypts 2^20 times in its life.
fn spend_quota(items: &Items, record: &mut KeyRecord) -> Result<(), Code> {
    match items {
        Items::Sign(items) if record.status == Status::Pending => {
            spend_pending(record, items.first().map(|item| item.digest))?;
        }
        // Spent by the opening, which tells what is signed.
        Items::Commit(_) if record.status == Status::Pending && record.pending_sign.is_some() => {
            return Err(Code::Quota);
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

/// The one signature of a pending key.
pub(super) fn spend_pending(record: &mut KeyRecord, digest: Option<Digest>) -> Result<(), Code> {
    if record.pending_sign.is_some() {
        return Err(Code::Quota);
    }
    record.pending_sign = digest;
    Ok(())
}
