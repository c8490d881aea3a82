//! The threads that compute. Bounded: work is refused, never queued without end.

use std::{num::NonZeroUsize, sync::Arc};

use cosign_core::{
    KeyId,
    server::{Executed, Job},
};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, oneshot};

use super::queue::Queue;
use crate::telemetry::{Telemetry, part};

/// How many threads compute, and how much may wait for them.
#[derive(Clone, Copy, Debug)]
pub struct PoolSettings {
    /// Threads; by default one per core.
    pub threads: Option<NonZeroUsize>,
    /// Operations under way.
    pub queue: NonZeroUsize,
}

/// The computing threads.
pub(super) struct Pool {
    threads: rayon::ThreadPool,
    queue: Arc<Queue>,
    slots: Arc<Semaphore>,
    capacity: usize,
    telemetry: Arc<Telemetry>,
}

/// A place in the queue, taken before an operation is admitted, so that nothing is spent on work that is then refused.
pub(super) struct Slot(#[expect(dead_code, reason = "held for its drop")] OwnedSemaphorePermit);

impl Pool {
    /// Starts the threads.
    pub(super) fn new(
        settings: PoolSettings,
        queue: Queue,
        telemetry: Arc<Telemetry>,
    ) -> Result<Self, rayon::ThreadPoolBuildError> {
        let threads = rayon::ThreadPoolBuilder::new()
            .num_threads(settings.threads.map_or(0, NonZeroUsize::get))
            .thread_name(|index| format!("signer-{index}"))
            .panic_handler(|_| tracing::error!("a computation ended abnormally"))
            .build()?;
        let capacity = settings.queue.get();
        let queue = Arc::new(queue);
        Ok(Self { threads, queue, slots: Arc::new(Semaphore::new(capacity)), capacity, telemetry })
    }

    /// Takes a place in the queue; `None` when all are taken.
    pub(super) fn reserve(&self) -> Option<Slot> {
        let slot = Arc::clone(&self.slots).try_acquire_owned().ok().map(Slot);
        self.telemetry.pool_queue(self.capacity - self.slots.available_permits());
        slot
    }

    /// Computes a job, with others if they wait, and gives the slot back. `None` when the computation ended abnormally.
    pub(super) async fn compute(&self, slot: Slot, key_id: KeyId, job: Job) -> Option<Executed> {
        let _computing = part("compute");
        let outcome = self.queue.push(key_id, job, slot);
        let queue = Arc::clone(&self.queue);
        self.threads.spawn_fifo(move || queue.compute());
        outcome.await.ok()
    }

    /// Computes in the slot and gives it back. `None` when the computation ended abnormally.
    pub(super) async fn run<T: Send + 'static>(
        &self,
        slot: Slot,
        work: impl FnOnce() -> T + Send + 'static,
    ) -> Option<T> {
        let _computing = part("compute");
        let (done, result) = oneshot::channel();
        self.threads.spawn_fifo(move || {
            let value = work();
            drop(slot);
            // Nobody waits any more only when the process is ending.
            drop(done.send(value));
        });
        result.await.ok()
    }
}

#[cfg(test)]
mod tests {
    use zeroize::Zeroizing;

    use super::*;
    use crate::{domain::ports::testing::CountingEntropy, signer::rng::EntropyRng};

    fn pool(queue: usize) -> Pool {
        let settings =
            PoolSettings { threads: NonZeroUsize::new(1), queue: NonZeroUsize::new(queue).unwrap() };
        let rng = EntropyRng::new(Arc::new(CountingEntropy::default()));
        Pool::new(settings, Queue::new(Zeroizing::new([1; 32]), rng), Arc::new(Telemetry::new())).unwrap()
    }

    #[tokio::test]
    async fn a_full_queue_refuses_and_recovers() {
        let pool = pool(2);
        let (first, second) = (pool.reserve().unwrap(), pool.reserve().unwrap());
        assert!(pool.reserve().is_none());
        assert_eq!(pool.run(first, || 7).await, Some(7));
        assert!(pool.reserve().is_some());
        drop(second);
    }

    #[tokio::test]
    async fn an_abnormal_end_is_told_and_costs_no_slot() {
        let pool = pool(1);
        let slot = pool.reserve().unwrap();
        assert_eq!(pool.run(slot, || panic!("on purpose")).await, None::<()>);
        let slot = pool.reserve().unwrap();
        assert_eq!(pool.run(slot, || 1).await, Some(1));
    }
}
