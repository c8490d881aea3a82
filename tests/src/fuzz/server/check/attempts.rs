//! What must hold of the attempts at a PIN: each is counted before it is answered, they are bounded, and what an evaluation
//! cost is given back to the right tag in the session that it was made for, once.

use std::collections::{BTreeMap, BTreeSet};

use cosign_core::{
    KeyId, PinMode, SessionId,
    server::{Charge, KeyRecord},
};
use sm_primitives::{PublicPoint, Scalar};

use super::{super::super::fixture::function_key, Before};
use crate::{frames::Answer, model::Server};

type Session = (KeyId, [u8; 16]);

/// Guesses in a row and in all that no key allows more of.
const MOST: [u8; 2] = [11, 31];

/// Wrong tags, and PINs that were evaluated and not given back.
#[derive(Clone, Copy, Default)]
struct Guesses {
    row: u8,
    all: u8,
    /// PINs of the evaluation that may still be given back.
    open: u8,
}

/// What was seen so far.
#[derive(Default)]
pub(super) struct Attempts {
    guesses: BTreeMap<KeyId, Guesses>,
    /// Sessions that any frame has named.
    named: BTreeSet<Session>,
    /// The frame that a session was answered for, until when it may carry no other.
    spent: BTreeMap<Session, (Vec<u8>, u64)>,
    /// The blinded PIN of a key generation, and its evaluation.
    started: BTreeMap<Session, (Vec<u8>, Vec<u8>)>,
}

impl Attempts {
    pub(super) fn restart(&mut self) {
        self.started.clear();
    }

    pub(super) fn unlocked(&mut self, key_id: KeyId) {
        self.guesses.remove(&key_id);
    }

    /// Checks what a frame of the key's device did to the counters; `is_kept` if this process has answered it before.
    pub(super) fn check(
        &mut self,
        before: &Before,
        server: &Server,
        frame: &[u8],
        answer: &[u8],
        is_kept: bool,
    ) {
        let session = (before.key_id, before.sid);
        let is_new = self.named.insert(session);
        let (Some(key), Some(record), true) = (before.key(), server.keys.get(&before.key_id), before.own)
        else {
            return;
        };
        let (op, success) = (before.op, answer[2] == 0);
        let is_repeated = self.spend(before, frame, success);
        let (then, now) = (key.gate, record.gate);
        let guesses = self.guesses.entry(before.key_id).or_default();
        let activated = op == 5 && record.epoch != key.epoch;
        if activated {
            *guesses = Guesses::default();
        } else if op == 0x0a && success && !is_repeated {
            let items = frame[81];
            let charge = Charge {
                session: SessionId::from_bytes(before.sid),
                fails: now.fails - then.fails,
                total: now.total - then.total,
            };
            assert_eq!(now.charge, Some(charge));
            assert_eq!(answer[3], then.fails);
            *guesses = Guesses { row: guesses.row + items, all: guesses.all + items, open: items };
        } else if op == 0x0a {
            assert_eq!(now, then, "an evaluation that was not answered, or answered before, costs nothing");
            let is_open = then.charge.is_some_and(|charge| *charge.session.as_bytes() == before.sid);
            assert!(!success || is_kept || is_open, "an evaluation for nothing");
        } else {
            let charge = before.charge();
            let judged = before.authentic && matches!(op, 1 | 2 | 3 | 6 | 8);
            if now.charge != then.charge {
                let still = then.charge.map(|charge| Charge { fails: 0, ..charge });
                let by_others = before.authentic && now.fails == 0 && now.charge == still;
                assert!(
                    by_others || (charge.is_some() && now.charge.is_none()),
                    "a charge came from nowhere"
                );
            }
            if now.total < then.total {
                let charge = charge.expect("an evaluation is given back in its own session");
                assert!(judged, "an evaluation is given back to a right tag");
                assert_eq!((now.total, now.fails, now.charge), (then.total - charge.total, 0, None));
                guesses.all -= guesses.open;
            } else if now.total > then.total {
                assert!(!judged, "a right tag was counted");
                assert!(charge.is_none() || !(is_new || op == 5), "an attempt was counted twice");
                *guesses = Guesses { row: guesses.row + 1, all: guesses.all + 1, ..*guesses };
            }
            if let Some(charge) = charge.filter(|_| judged && success && is_new) {
                assert_eq!(now.total, then.total - charge.total, "an evaluation was not given back");
                assert_eq!(answer[3], (then.fails - charge.fails).min(9));
            }
            guesses.row = if now.fails == 0 { 0 } else { guesses.row };
            guesses.open = if now.charge.is_none() { 0 } else { guesses.open };
        }
        assert!(key.function_key.is_some() || now.charge.is_none());
        assert!(guesses.row <= MOST[0] && guesses.all <= MOST[1], "too many guesses");
        assert_eq!(
            (now.fails, now.total),
            (guesses.row.min(10), guesses.all.min(30)),
            "every guess is counted"
        );
    }

    /// Spends the session of an answered frame; whether it was spent on that before.
    fn spend(&mut self, before: &Before, frame: &[u8], success: bool) -> bool {
        if !success || !matches!(before.op, 1 | 2 | 3 | 6 | 8 | 0x0a) {
            return false;
        }
        let session = (before.key_id, before.sid);
        if let Some((old, _)) = self.spent.get(&session).filter(|(_, until_ms)| before.now_ms <= *until_ms) {
            assert_eq!(old, frame, "a session was answered twice");
            return true;
        }
        let ts_ms = u64::from_be_bytes(frame[40..48].try_into().unwrap());
        self.spent.insert(session, (frame.to_vec(), before.now_ms.max(ts_ms) + 240_000));
        false
    }

    /// A key generation was answered, in the mode of the key id.
    pub(super) fn start(&mut self, before: &Before, frame: &[u8], answer: &Answer) {
        let oblivious = before.op == 0x14;
        let mode = if oblivious { PinMode::Oblivious } else { PinMode::Base };
        assert_eq!(before.issued[&before.key_id].mode, mode);
        assert_eq!(answer.rest.len(), if oblivious { 224 } else { 160 });
        if oblivious {
            let evaluation = (frame[69..].to_vec(), answer.rest[160..].to_vec());
            self.started.insert((before.key_id, before.sid), evaluation);
        }
    }

    /// A key came to be: what evaluated its PIN is what it keeps.
    pub(super) fn open(&mut self, before: &Before, record: &KeyRecord) {
        let evaluation = self.started.remove(&(before.key_id, before.sid));
        assert_eq!(evaluation.is_some(), record.oprf.is_some());
        if let Some((alpha, beta)) = evaluation {
            check_evaluations(record, &alpha, &beta);
        }
    }
}

/// `beta = k_o*alpha` for every item.
pub(super) fn check_evaluations(record: &KeyRecord, items: &[u8], body: &[u8]) {
    let key = Scalar::from_bytes(&function_key(record).unwrap()).unwrap();
    assert_eq!(items.len(), body.len());
    for (alpha, beta) in items.chunks(64).zip(body.chunks(64)) {
        let alpha = PublicPoint::from_bytes(alpha.try_into().unwrap()).unwrap();
        assert_eq!(alpha.mul_vartime(&key).map(|point| point.to_bytes().to_vec()), Some(beta.to_vec()));
    }
}
