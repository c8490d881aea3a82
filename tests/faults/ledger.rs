//! What was answered, as the clients saw it.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::{Mutex, MutexGuard},
};

use cosign_core::{Code, Op};

/// A frame that was answered.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Answered {
    pub(crate) sid: String,
    pub(crate) op: &'static str,
    /// As the audit log names it.
    pub(crate) result: &'static str,
}

#[derive(Default)]
pub(crate) struct Book {
    pub(crate) answered: BTreeSet<Answered>,
    /// `(e, r)` of every signature that came out.
    pub(crate) signatures: BTreeSet<([u8; 32], [u8; 32])>,
    /// The frame and the answer that each nonce point of the server stood in.
    points: BTreeMap<Vec<u8>, (Vec<u8>, Vec<u8>)>,
    /// Wrong PINs that were answered, by key and the epoch that it had.
    pub(crate) wrong_pins: BTreeMap<(String, u32), u32>,
    /// Key ids by the name of the request that they were issued to, and the names that were ever used.
    pub(crate) issued: BTreeMap<String, String>,
    pub(crate) asked: BTreeSet<String>,
    /// What must not be found anywhere, with its name.
    pub(crate) secrets: Vec<(&'static str, Vec<u8>)>,
    /// Keys and what was done to them.
    pub(crate) counts: BTreeMap<&'static str, u64>,
}

/// The book, for many hands.
#[derive(Default)]
pub(crate) struct Ledger(Mutex<Book>);

impl Ledger {
    pub(crate) fn book(&self) -> MutexGuard<'_, Book> {
        // A task that failed is reported; the others end as they are.
        self.0.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
    }

    pub(crate) fn secret(&self, name: &'static str, bytes: &[u8]) {
        self.book().secrets.push((name, bytes.to_vec()));
    }

    /// An answer to a frame, to the first one or to a repetition.
    ///
    /// # Panics
    /// A nonce of the server came twice.
    pub(crate) fn answer(&self, frame: &[u8], answer: &[u8]) {
        let Some(op) = Op::from_byte(frame[2]) else { return };
        let mut book = self.book();
        *book.counts.entry(op.as_str()).or_default() += 1;
        let code = match answer[2] {
            0 => None,
            status => Some(Code::from_status(status).unwrap()),
        };
        match code {
            // Nothing happened.
            Some(Code::Busy | Code::Internal) => return,
            Some(Code::Pin) => {
                let epoch = u32::from_be_bytes(frame[20..24].try_into().unwrap());
                let key = (hex::encode(&frame[4..20]), epoch);
                *book.wrong_pins.entry(key).or_default() += 1;
            }
            _ => {}
        }
        // A confirmation of what is not known is a success on the wire.
        let unknown = op == Op::Confirm && code.is_none() && answer[22] != 0;
        let result = if unknown { Code::Key.name() } else { code.map_or("ok", Code::name) };
        let sid = hex::encode(&frame[24..40]);
        book.answered.insert(Answered { sid, op: op.as_str(), result });
        let length = match op {
            Op::Sign => 96,
            Op::Commit => 64,
            _ => return,
        };
        if code.is_none() {
            for item in answer[22..].chunks(length) {
                let first = book
                    .points
                    .entry(item[..64].to_vec())
                    .or_insert_with(|| (frame.to_vec(), answer.to_vec()));
                assert!(
                    first.0 == frame && first.1 == answer,
                    "a nonce of the server came twice: {} and {}",
                    hex::encode(&first.0),
                    hex::encode(frame)
                );
            }
        }
    }
}
