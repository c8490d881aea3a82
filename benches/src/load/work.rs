//! Requests that were made beforehand.

use std::path::Path;

use cosign_client::Store;
use cosign_core::{
    ClientKey, Digest, KeyId, Pin, Progress, Purpose,
    sign::{self, AwaitingSignatures},
};
use cosign_tests::{network::now_ms, process::PIN};
use getrandom::SysRng;

/// One of so many answers is completed and verified, the first among them.
const VERIFIED: usize = 64;

/// A request, and how its answer is told from another.
pub(super) struct Request {
    pub(super) key: KeyId,
    pub(super) frame: Vec<u8>,
    pub(super) answer_len: usize,
    session: Option<AwaitingSignatures<'static>>,
}

impl Request {
    /// Panics unless this is the answer.
    pub(super) fn check(self, answer: &[u8]) {
        assert_eq!(answer.len(), self.answer_len, "refused: {answer:02x?}");
        if let Some(session) = self.session {
            assert!(matches!(session.finish(answer), Ok(Progress::Done(_))), "not the signatures");
        }
    }
}

/// Bytes of the answer with so many signatures.
const fn answer_len(count: usize) -> usize {
    22 + 96 * count
}

/// Keys that are unlocked.
pub(super) struct Keys {
    keys: Vec<(KeyId, &'static ClientKey)>,
    counter: u64,
}

impl Keys {
    /// The keys `k0`, `k1` and so on of a store. They stay until the end of the process.
    pub(super) fn unlock(home: &Path, count: usize) -> Self {
        let store = Store::open(home).unwrap();
        let device = store.device().unwrap().unwrap();
        let unlock = |number: usize| {
            let key = store.find(Some(&format!("k{number}")), Some(Purpose::Sign)).unwrap();
            let id = key.key_id();
            let key = key.into_record().unwrap().unlock(&Pin::new(PIN).unwrap(), &device.secret).unwrap();
            (id, &*Box::leak(Box::new(key)))
        };
        Self { keys: (0..count).map(unlock).collect(), counter: 0 }
    }

    /// So many requests for so many signatures each, from now on for two minutes.
    pub(super) fn work(&mut self, requests: usize, count: usize) -> Vec<Request> {
        let Self { keys, counter } = self;
        let request = |_| {
            let number = usize::try_from(*counter).unwrap_or_default();
            let (key, unlocked) = keys[number % keys.len()];
            *counter += 1;
            let digests: Vec<Digest> = (0..count)
                .map(|item| {
                    let mut digest = [0x5a; 32];
                    digest[..8].copy_from_slice(&counter.to_be_bytes());
                    digest[8..16].copy_from_slice(&(item as u64).to_be_bytes());
                    Digest::reduce(&digest)
                })
                .collect();
            let (frame, session) = sign::start(unlocked, &digests, now_ms(), *counter, &mut SysRng).unwrap();
            let session = number.is_multiple_of(VERIFIED).then_some(session);
            Request { key, frame, answer_len: answer_len(count), session }
        };
        (0..requests).map(request).collect()
    }
}

/// As many requests of the same length for an echo, which has the length of its answer from the beginning of each.
pub(super) fn echo(requests: usize, count: usize) -> Vec<Request> {
    let key = KeyId::from_bytes([0; 16]);
    let answer_len = answer_len(count);
    let mut frame = vec![0x5a; 82 + 160 * count];
    frame[..4].copy_from_slice(&u32::try_from(answer_len).unwrap().to_be_bytes());
    (0..requests).map(|_| Request { key, frame: frame.clone(), answer_len, session: None }).collect()
}
