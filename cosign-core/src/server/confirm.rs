//! Op 05: the confirmation of a refresh.

use super::{Answered, Charge, KeyRecord, PendingRefresh, Status, admit::Gated};
use crate::{
    error::{Code, Detail, Refusal},
    gate::Passage,
    refresh::{self, Confirm},
    share, wire,
};

impl Gated {
    /// Op 05: which refresh it confirms, its MAC through the gate, its proof, then activation.
    pub(super) fn confirm(self, confirm: &Confirm, record: &mut KeyRecord) -> Answered {
        let epoch = match &record.pending {
            _ if confirm.rid == record.rid => record.epoch,
            Some(pending) if confirm.rid == pending.rid => pending.epoch,
            _ => {
                let mut frame = wire::answer(self.header.suite, &self.header.sid, 0, 1);
                frame.push(refresh::acknowledgement(false));
                let audit = Some(self.audit(Some(Code::Key)));
                return Answered { frame, record_changed: self.dropped, audit, arrived: None };
            }
        };
        if self.header.epoch != epoch {
            let detail = Detail::Epoch(record.epoch);
            return self.refused(Refusal { code: Code::Epoch, detail }, false);
        }
        let pending = record.pending.take_if(|_| confirm.rid != record.rid);
        let share = pending.as_ref().map_or(&record.share, |pending| &pending.share);
        let before = record.gate;
        let is_right = || confirm.is_authentic(&share.auth);
        let passage = match record.gate.take_charge(&self.header.key_id, &self.header.sid) {
            // The MAC is the same in every session: who recorded it must not be given evaluations back for it. A
            // refresh that is activated clears them anyway.
            Some(charge) => record.gate.settle(Charge { total: 0, ..charge }, self.now_ms, is_right),
            None => record.gate.pass(self.now_ms, is_right),
        };
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
        let arrives = activates && record.status == Status::Arriving;
        if arrives {
            record.status = Status::Active;
        }
        let mut frame = wire::answer(self.header.suite, &self.header.sid, failures, 1);
        frame.push(refresh::acknowledgement(true));
        Answered {
            frame,
            record_changed: activates || gate_changed || self.dropped,
            audit: Some(self.audit(None)),
            arrived: record.parent.filter(|_| arrives),
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
