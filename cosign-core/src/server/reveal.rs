//! Op 07: the opening of a commitment (suite F2).
//!
//! The session is taken out of its table before anything about the opening is checked, so that its nonces answer once,
//! whatever comes of it. The PIN was judged with the commitment, which stands for everything that is opened here.

use alloc::{sync::Arc, vec::Vec};

use subtle::ConstantTimeEq;

use super::{
    Answered, KeyRecord, OpenSession, Operation, ReplayCache, Status,
    admit::{Admission, Gated, spend_pending},
    job::{Admitted, Job, Work},
    refuse,
};
use crate::{
    error::{Code, Detail, Refusal},
    ids::Op,
    replay::{Seen, Step, WINDOW_MS},
    sign::{self, commit::Item},
    wire,
};

impl Operation {
    /// Judges an opening for a key of this device and suite.
    pub(super) fn reveal(self, record: &mut KeyRecord, now_ms: u64, cache: &mut ReplayCache) -> Admission {
        let (key_id, sid) = (self.header.key_id, self.header.sid);
        let answered = |frame| Admission::Answered(Answered::silent(frame, false));
        match cache.seen(key_id, sid, Step::Second, &self.fingerprint, now_ms) {
            Seen::Answered(frame) => return answered(frame),
            Seen::InProgress => return answered(refuse(self.header.suite, &sid, Code::Busy)),
            Seen::Never | Seen::Forgotten | Seen::Other => {}
        }
        let (items, _salt) = self.body.split_at(self.body.len().saturating_sub(32));
        let h_req = self.request(record).hash(Op::Reveal, items);
        let until_ms = now_ms.max(self.header.ts_ms).saturating_add(2 * WINDOW_MS);
        let session = cache.open.take(key_id, sid, now_ms);
        let session = session.filter(|_| cache.begin(key_id, sid, Step::Second, self.fingerprint, until_ms));
        let judged = session.as_ref().map(|session| self.open(session, items, record, now_ms));
        let request =
            Gated { header: self.header, fingerprint: self.fingerprint, h_req, now_ms, dropped: false };
        let (Some(session), Some(judged)) = (session, judged) else {
            return Admission::Answered(request.refused(Code::Session.into(), false));
        };
        match judged {
            Ok(items) => {
                let record_changed = record.status == Status::Pending;
                let share = Arc::clone(&record.share);
                let admitted = Admitted { request, failures: 0, share, record_changed };
                Admission::Job(Job::new(admitted, Work::Reveal(session.nonces, items)))
            }
            Err(refusal) => {
                let answered = request.refused(refusal, false);
                cache.keep(key_id, sid, Step::Second, &answered.frame);
                Admission::Answered(answered)
            }
        }
    }

    /// The items, if they are what was committed to and may be signed now.
    fn open(
        &self,
        session: &OpenSession,
        items: &[u8],
        record: &mut KeyRecord,
        now_ms: u64,
    ) -> Result<Vec<Item>, Refusal> {
        self.check_key(record, now_ms)?;
        if record.gate.is_locked() {
            return Err(Code::Key.into());
        }
        if now_ms.abs_diff(self.header.ts_ms) > WINDOW_MS {
            return Err(Refusal { code: Code::Time, detail: Detail::Time(now_ms) });
        }
        let commitment = self.request(record).commitment(&self.body);
        if !bool::from(commitment.ct_eq(&session.commitment)) {
            return Err(Code::Proof.into());
        }
        let items = items.chunks_exact(wire::item_len(Op::Reveal)).map(Item::read);
        let items = items.collect::<Result<Vec<_>, _>>()?;
        let points: Vec<_> = items.iter().map(|item| item.point).collect();
        if sign::first_repeated_x(&points).is_some() {
            return Err(Code::DupPoint.into());
        }
        if record.status == Status::Pending {
            spend_pending(record, items.first().map(|item| item.digest))?;
        }
        Ok(items)
    }
}
