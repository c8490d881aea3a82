//! Who waits for events is woken: at once by what this process commits, within a second by what others do.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use tokio::sync::watch;

use crate::domain::{Error, clients::ports::Outbox};

/// How long an event of another process may go unnoticed.
const POLL: Duration = Duration::from_secs(1);
/// Most streams of one device or client.
pub const MAX_STREAMS: usize = 8;
/// Most streams of all.
const MAX_ALL: usize = 4096;
/// Seconds after which a stream may be free again.
const RETRY_S: u32 = 15;

/// The number of the newest event, followed.
pub struct Feed {
    outbox: Arc<dyn Outbox>,
    /// `None`: the server stops.
    newest: watch::Sender<Option<u64>>,
    open: Mutex<HashMap<[u8; 32], usize>>,
}

impl Feed {
    /// Nobody follows it yet.
    #[must_use]
    pub fn new(outbox: Arc<dyn Outbox>) -> Self {
        Self { outbox, newest: watch::Sender::new(Some(0)), open: Mutex::default() }
    }

    /// Looks for events until it is dropped.
    pub async fn run(&self) {
        let mut growth = self.outbox.event_growth();
        loop {
            growth.mark_unchanged();
            match self.outbox.newest_event().await {
                Ok(found) => {
                    self.newest.send_if_modified(|newest| match newest {
                        Some(known) if *known != found => {
                            *known = found;
                            true
                        }
                        _ => false,
                    });
                }
                Err(error) => tracing::warn!(?error, "events cannot be read"),
            }
            // Storage was closed: nothing more happens.
            if let Ok(Err(_)) = tokio::time::timeout(POLL, growth.changed()).await {
                return std::future::pending().await;
            }
        }
    }

    /// Ends all streams: the server stops.
    pub fn end(&self) {
        self.newest.send_replace(None);
    }

    /// Follows without being counted.
    #[must_use]
    pub fn watch(&self) -> watch::Receiver<Option<u64>> {
        self.newest.subscribe()
    }

    /// Follows as a device or client.
    ///
    /// # Errors
    /// [`Error::TooManyRequests`] when it has too many streams, [`Error::Busy`] when all together have.
    pub fn follow(self: &Arc<Self>, owner: [u8; 32]) -> Result<Follower, Error> {
        let mut open = self.open.lock().unwrap_or_else(PoisonError::into_inner);
        if open.values().sum::<usize>() >= MAX_ALL {
            return Err(Error::Busy);
        }
        let count = open.entry(owner).or_insert(0);
        if *count >= MAX_STREAMS {
            return Err(Error::TooManyRequests { retry_after_s: RETRY_S });
        }
        *count += 1;
        drop(open);
        Ok(Follower { newest: self.newest.subscribe(), feed: Arc::clone(self), owner })
    }
}

/// One who waits. It is counted until it is dropped.
pub struct Follower {
    feed: Arc<Feed>,
    owner: [u8; 32],
    newest: watch::Receiver<Option<u64>>,
}

impl Follower {
    /// From now on only what comes later is a change. Whether the server goes on.
    pub fn mark(&mut self) -> bool {
        self.newest.borrow_and_update().is_some()
    }

    /// Waits for a change.
    pub async fn changed(&mut self) {
        // The feed is held, so the sender is not gone.
        let _ = self.newest.changed().await;
    }
}

impl Drop for Follower {
    fn drop(&mut self) {
        let mut open = self.feed.open.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(count) = open.get_mut(&self.owner) {
            *count = count.saturating_sub(1);
            if *count == 0 {
                open.remove(&self.owner);
            }
        }
    }
}
