//! Op 0A: the server's part in a PIN, counted as an attempt before it leaves.

use alloc::{sync::Arc, vec::Vec};

use sm_primitives::point::PublicPoint;

use super::{Admission, Answered, Executed, KeyRecord, ReplayCache, admit::Gated, job::Admitted, refuse};
use crate::{
    error::{Code, Refusal},
    gate::{Gate, Passage},
    oprf::OprfKey,
    replay::{Seen, Step},
};

impl Gated {
    /// Checks 13 to 17: replay and session conflict, which need no tag here, then the gate and the charge.
    pub(super) fn evaluate(
        self,
        points: Vec<PublicPoint>,
        record: &mut KeyRecord,
        cache: &mut ReplayCache,
    ) -> Admission {
        let (key_id, sid) = (self.header.key_id, self.header.sid);
        let seen = cache.seen(key_id, sid, Step::First, &self.fingerprint, self.now_ms);
        let busy = || Answered::silent(refuse(self.header.suite, &sid, Code::Busy), self.dropped);
        let before = record.gate;
        let repeated = match seen {
            Seen::Answered(frame) => {
                return Admission::Answered(Answered::silent(frame, self.dropped));
            }
            Seen::InProgress => return Admission::Answered(busy()),
            Seen::Other => return Admission::Answered(self.refused(Code::SidConflict.into(), false)),
            Seen::Never => None,
            // Its charge is still open, so the same points may have the same answer for nothing.
            Seen::Forgotten => match before.charge.filter(|charge| charge.session == sid) {
                Some(charge) => Some(before.fails.saturating_sub(charge.fails)),
                None => return Admission::Answered(self.refused(Code::Session.into(), false)),
            },
        };
        if let Some(refusal) = refusal(&before, self.now_ms).filter(|_| repeated.is_none()) {
            return Admission::Answered(self.refused(refusal, false));
        }
        let Some(oprf) = record.oprf.clone() else {
            return Admission::Answered(self.refused(Code::Key.into(), false));
        };
        if !cache.begin(key_id, sid, Step::First, self.fingerprint, self.until_ms()) {
            return Admission::Answered(busy());
        }
        // N is 1 or 2.
        let items = u8::try_from(self.header.count).unwrap_or(u8::MAX);
        let failures = repeated.unwrap_or_else(|| record.gate.charge(sid, items, self.now_ms));
        let record_changed = record.gate != before || self.dropped;
        let share = Arc::clone(&record.share);
        let admitted = Admitted { request: self, failures, share, record_changed };
        Admission::Evaluate(EvaluateJob { admitted, oprf, points })
    }
}

/// Why no attempt is allowed now, if so.
fn refusal(gate: &Gate, now_ms: u64) -> Option<Refusal> {
    match gate.closed(now_ms)? {
        Passage::Shut(refusal) => Some(refusal),
        Passage::Locked | Passage::Open { .. } => Some(Code::Key.into()),
    }
}

/// An evaluation whose attempt is counted, computed under the key's lock.
#[must_use = "a request behind the gate is computed or given up with ReplayCache::abandon"]
pub struct EvaluateJob {
    admitted: Admitted,
    oprf: Arc<OprfKey>,
    points: Vec<PublicPoint>,
}

impl core::fmt::Debug for EvaluateJob {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_struct("EvaluateJob").field("sid", &self.admitted.request.header.sid).finish_non_exhaustive()
    }
}

impl EvaluateJob {
    /// Evaluates one PIN or two.
    ///
    /// Timing: independent of the key of the PIN function.
    pub fn run(self) -> Executed {
        let Self { admitted, oprf, points } = self;
        let body = points.iter().flat_map(|point| oprf.evaluate(point).to_bytes()).collect();
        let outcome = Ok((body, admitted.request.audit(None)));
        let record_changed = admitted.record_changed;
        admitted.executed(outcome, record_changed)
    }
}
