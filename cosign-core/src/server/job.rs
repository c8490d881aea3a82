//! What is computed behind the PIN gate.

use alloc::{sync::Arc, vec::Vec};

use sm_primitives::{point::PublicPoint, rand_core::TryCryptoRng};

use super::{Audit, Executed, Issued, KeyRecord, OpenSession, admit::Gated, refuse};
use crate::{
    decrypt,
    error::Code,
    ids::{KeyId, Op},
    refresh::{self, PendingRefresh},
    share::ServerShare,
    sign::{
        self, Respond,
        commit::{self, OpenNonces},
    },
    split, wire,
};

/// A request behind the gate.
pub(super) struct Admitted {
    pub(super) request: Gated,
    pub(super) failures: u8,
    pub(super) share: Arc<ServerShare>,
    pub(super) record_changed: bool,
}

impl Admitted {
    /// Op 06: draws the nonces and answers with their points.
    fn open(
        self,
        commitment: [u8; 32],
        nonce_key: &[u8; 32],
        rng: &mut (impl TryCryptoRng + ?Sized),
    ) -> Executed {
        let Gated { header, h_req, .. } = &self.request;
        let (key_id, sid) = (header.key_id, header.sid);
        match OpenNonces::draw(h_req, header.count, nonce_key, rng) {
            Ok(nonces) => {
                let outcome = Ok((nonces.body(), self.request.audit(None)));
                let opened = Some(OpenSession { key_id, sid, commitment, nonces });
                Executed { opened, ..self.executed(outcome, false) }
            }
            Err(code) => self.executed(Err(code), false),
        }
    }

    pub(super) fn executed(self, outcome: Result<(Vec<u8>, Audit), Code>, record_changed: bool) -> Executed {
        let header = &self.request.header;
        match outcome {
            Ok((body, audit)) => {
                let mut frame = wire::answer(header.suite, &header.sid, self.failures, header.count);
                frame.extend(body);
                Executed { frame, audit, record_changed, opened: None }
            }
            Err(code) => Executed {
                frame: refuse(header.suite, &header.sid, code),
                audit: self.request.audit(Some(code)),
                record_changed,
                opened: None,
            },
        }
    }
}

pub(super) enum Work {
    Sign(Vec<sign::dual::Item>),
    Decrypt(Vec<PublicPoint>),
    /// The commitment.
    Commit([u8; 32]),
    Reveal(OpenNonces, Vec<commit::Item>),
}

/// A request of op 01, 02, 06 or 07 behind the gate. Computing needs no lock; dropping it releases nothing.
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
    pub(super) const fn new(admitted: Admitted, work: Work) -> Self {
        Self { admitted, work }
    }

    /// The operation.
    #[must_use]
    pub const fn op(&self) -> Op {
        self.admitted.request.header.op
    }

    /// Whether the record was changed: then it is durable before the key is unlocked.
    #[must_use]
    pub const fn record_changed(&self) -> bool {
        self.admitted.record_changed
    }

    /// How much the lifetime counter of decryptions grew; durable together with the audit record.
    #[must_use]
    pub fn decrypts(&self) -> u32 {
        match &self.work {
            Work::Sign(_) | Work::Commit(_) | Work::Reveal(..) => 0,
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
        let audit = admitted.request.audit(None);
        let outcome = match work {
            Work::Sign(items) => {
                let asked = sign::dual::Asked { share: &admitted.share, h_req: &audit.h_req, items: &items };
                let answer = sign::dual::respond(&[asked], nonce_key, rng).pop();
                answer.unwrap_or(Err(Code::Internal)).map(|answer| logged(audit, answer))
            }
            Work::Decrypt(points) => Ok((decrypt::respond(&admitted.share, &points), audit)),
            Work::Reveal(nonces, items) => {
                let answer = nonces.respond(&admitted.share, &audit.h_req, &items);
                answer.map(|answer| logged(audit, answer))
            }
            Work::Commit(commitment) => return admitted.open(commitment, nonce_key, rng),
        };
        admitted.executed(outcome, false)
    }

    /// Computes several jobs, each as [`run`](Self::run) does, in their order. Signatures of suite D are computed together,
    /// whatever their keys are: many of one item each cost little more than one of many.
    ///
    /// Timing: independent of the shares and the nonces.
    pub fn run_all(
        jobs: Vec<Self>,
        nonce_key: &[u8; 32],
        rng: &mut (impl TryCryptoRng + ?Sized),
    ) -> Vec<Executed> {
        let audits: Vec<_> = jobs.iter().map(|job| job.admitted.request.audit(None)).collect();
        let asked: Vec<_> = jobs.iter().zip(&audits).filter_map(|(job, audit)| job.asked(audit)).collect();
        let mut answers = sign::dual::respond(&asked, nonce_key, rng).into_iter();
        let run = |(job, audit): (Self, Audit)| match &job.work {
            Work::Sign(_) => {
                let answer = answers.next().unwrap_or(Err(Code::Internal));
                job.admitted.executed(answer.map(|answer| logged(audit, answer)), false)
            }
            _ => job.run(nonce_key, rng),
        };
        jobs.into_iter().zip(audits).map(run).collect()
    }

    fn asked<'a>(&'a self, audit: &'a Audit) -> Option<sign::dual::Asked<'a>> {
        let Work::Sign(items) = &self.work else { return None };
        Some(sign::dual::Asked { share: &self.admitted.share, h_req: &audit.h_req, items })
    }
}

fn logged(mut audit: Audit, answer: Respond) -> (Vec<u8>, Audit) {
    audit.signatures = answer.log;
    (answer.body, audit)
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
    pub(super) const fn new(admitted: Admitted, refresh: refresh::Request) -> Self {
        Self { admitted, refresh }
    }

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

/// A split behind the gate, computed under the key's lock.
#[must_use = "a request behind the gate is computed or given up with ReplayCache::abandon"]
pub struct SplitJob {
    admitted: Admitted,
    split: split::server::Request,
}

impl core::fmt::Debug for SplitJob {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_struct("SplitJob").field("to", &self.to()).finish_non_exhaustive()
    }
}

impl SplitJob {
    pub(super) const fn new(admitted: Admitted, split: split::server::Request) -> Self {
        Self { admitted, split }
    }

    /// The key id that the new share is for.
    #[must_use]
    pub const fn to(&self) -> KeyId {
        self.split.to
    }

    /// Splits the share. `issued` is whom the key id of [`Self::to`] was issued to, for what; `None` if it is unknown or
    /// used up; `free_seats`, how many more shares the owner may give to others. The new record is stored with the key
    /// id used up, in the commit of the answer.
    ///
    /// Timing: independent of the share.
    pub fn run(
        self,
        record: &KeyRecord,
        issued: Option<&Issued>,
        free_seats: u32,
        rng: &mut (impl TryCryptoRng + ?Sized),
    ) -> (Executed, Option<KeyRecord>) {
        let Self { admitted, split } = self;
        let split = split.split(record, issued, free_seats, admitted.request.now_ms, rng);
        let (outcome, arriving) = match split {
            Ok((body, arriving)) => (Ok((body, admitted.request.audit(None))), Some(arriving)),
            Err(code) => (Err(code), None),
        };
        let record_changed = admitted.record_changed;
        (admitted.executed(outcome, record_changed), arriving)
    }
}
