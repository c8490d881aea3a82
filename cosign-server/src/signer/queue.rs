//! Requests that wait to be computed. What has arrived is computed together, whatever keys it is for; keys take turns, so
//! that one with many requests does not keep the others waiting.

use std::{
    collections::{HashMap, VecDeque},
    sync::{Mutex, MutexGuard, PoisonError},
};

use cosign_core::{
    KeyId,
    server::{Executed, Job},
};
use tokio::sync::oneshot;
use zeroize::Zeroizing;

use super::{pool::Slot, rng::EntropyRng};

/// Items that are computed together: more are not cheaper each.
const TOGETHER: usize = 64;

/// What waits.
pub(super) struct Queue {
    waiting: Mutex<Turns<Waiting>>,
    nonce_key: Zeroizing<[u8; 32]>,
    rng: EntropyRng,
}

struct Waiting {
    job: Job,
    slot: Slot,
    done: oneshot::Sender<Executed>,
}

impl Queue {
    /// `nonce_key` is 32 random bytes of this process.
    pub(super) fn new(nonce_key: Zeroizing<[u8; 32]>, rng: EntropyRng) -> Self {
        Self { waiting: Mutex::new(Turns::new()), nonce_key, rng }
    }

    fn waiting(&self) -> MutexGuard<'_, Turns<Waiting>> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Lets a job wait for [`compute`](Self::compute). What it comes to arrives at the receiver; if that fails, the
    /// computation ended abnormally.
    pub(super) fn push(&self, key_id: KeyId, job: Job, slot: Slot) -> oneshot::Receiver<Executed> {
        let (done, outcome) = oneshot::channel();
        self.waiting().push(key_id, Waiting { job, slot, done });
        outcome
    }

    /// Computes what waits, up to what is worth being computed together. To be called once for each job.
    pub(super) fn compute(&self) {
        // Whoever brings the next requests goes first if there is no other processor: then they are computed together.
        std::thread::yield_now();
        let taken = self.waiting().take(TOGETHER, |waiting| usize::from(waiting.job.count()));
        if taken.is_empty() {
            return;
        }
        let (mut jobs, mut others) = (Vec::with_capacity(taken.len()), Vec::with_capacity(taken.len()));
        for Waiting { job, slot, done } in taken {
            jobs.push(job);
            others.push((slot, done));
        }
        let executed = Job::run_all(jobs, &self.nonce_key, &mut self.rng.clone());
        for (executed, (slot, done)) in executed.into_iter().zip(others) {
            drop(slot);
            // Nobody waits any more only when the process is ending.
            drop(done.send(executed));
        }
    }
}

/// Things of different keys, each key's in their order, one of each key in turn.
struct Turns<T> {
    of_key: HashMap<KeyId, VecDeque<T>>,
    turns: VecDeque<KeyId>,
}

impl<T> Turns<T> {
    fn new() -> Self {
        Self { of_key: HashMap::new(), turns: VecDeque::new() }
    }

    fn push(&mut self, key_id: KeyId, thing: T) {
        let own = self.of_key.entry(key_id).or_default();
        if own.is_empty() {
            self.turns.push_back(key_id);
        }
        own.push_back(thing);
    }

    /// Takes at least one thing, and more until they weigh `enough`.
    fn take(&mut self, enough: usize, weight: impl Fn(&T) -> usize) -> Vec<T> {
        let (mut taken, mut weighs) = (Vec::new(), 0);
        while weighs < enough {
            let Some(key_id) = self.turns.pop_front() else { break };
            let Some(own) = self.of_key.get_mut(&key_id) else { continue };
            if let Some(thing) = own.pop_front() {
                weighs += weight(&thing).max(1);
                taken.push(thing);
            }
            if own.is_empty() {
                self.of_key.remove(&key_id);
            } else {
                self.turns.push_back(key_id);
            }
        }
        taken
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(number: u8) -> KeyId {
        KeyId::from_bytes([number; 16])
    }

    #[test]
    fn keys_take_turns_and_nothing_overtakes_within_a_key() {
        let mut turns = Turns::new();
        for number in 0..5 {
            turns.push(key(1), (1, number));
        }
        turns.push(key(2), (2, 0));
        turns.push(key(3), (3, 0));
        turns.push(key(2), (2, 1));
        let one = |_: &(i32, i32)| 1;
        assert_eq!(turns.take(4, one), [(1, 0), (2, 0), (3, 0), (1, 1)]);
        assert_eq!(turns.take(9, one), [(2, 1), (1, 2), (1, 3), (1, 4)]);
        assert!(turns.take(9, one).is_empty());
        assert!(turns.turns.is_empty() && turns.of_key.is_empty(), "nothing is left behind");
    }

    #[test]
    fn what_weighs_much_is_taken_alone_and_always_taken() {
        let mut turns = Turns::new();
        for number in 1..=3 {
            turns.push(key(number), 256_usize);
        }
        turns.push(key(4), 0);
        assert_eq!(turns.take(64, |weight| *weight), [256]);
        assert_eq!(turns.take(300, |weight| *weight), [256, 256]);
        assert_eq!(turns.take(64, |weight| *weight), [0]);
    }
}
