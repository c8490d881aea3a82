//! What the rules of API clients need of storage.

use futures_util::future::BoxFuture;
use tokio::sync::watch;

use super::{ApiClient, ClientId};
use crate::domain::{
    ca::RequestId,
    events::{Delivery, DeliveryState, Due, Event, Notice},
    ports::StoreError,
};
use cosign_core::KeyId;

/// One change. Part of a [`Unit`](crate::domain::ports::Unit) like any other write.
#[derive(Clone, Debug)]
pub enum ClientWrite {
    /// A new client. `Duplicate` when its id is taken.
    Add(Box<ApiClient>),
    /// A client as it is now; its version is that which was read. `Stale` when it changed meanwhile.
    Save(Box<ApiClient>),
    /// Tells a client alone something.
    Tell(Box<Notice>),
    /// Takes a delivery for one attempt. `Stale` unless it waits, is due, and had so many attempts before.
    Claim {
        /// Which.
        delivery: DeliveryId,
        /// Attempts before this one.
        attempts: u32,
        /// Now, unix milliseconds.
        now_ms: u64,
        /// When somebody else may take it, unix milliseconds.
        until_ms: u64,
    },
    /// What came of an attempt. `Stale` unless it is the newest one.
    Settle {
        /// Which.
        delivery: DeliveryId,
        /// Attempts, this one included.
        attempts: u32,
        /// What it is now.
        state: DeliveryState,
        /// When it is tried again, unix milliseconds.
        next_ms: u64,
        /// Status of the answer, if there was one.
        status: Option<u16>,
    },
    /// Begins a dead delivery anew. `Stale` when it is not dead.
    Retry {
        /// Which.
        delivery: DeliveryId,
        /// Unix milliseconds.
        now_ms: u64,
    },
}

/// Names a delivery.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct DeliveryId {
    /// To whom.
    pub client: ClientId,
    /// Of which event.
    pub event: u64,
}

/// Which events.
#[derive(Clone, Copy, Debug)]
pub enum About<'a> {
    /// Those that a client may see.
    Client(&'a ApiClient),
    /// Those of a key.
    Key(KeyId),
    /// Those of a certificate request.
    Request(RequestId),
}

/// Which deliveries of a client.
#[derive(Clone, Copy, Debug)]
pub struct Deliveries {
    /// Whose.
    pub client: ClientId,
    /// In this state only.
    pub state: Option<DeliveryState>,
    /// Of events before this one only.
    pub before: Option<u64>,
    /// At most so many, newest first.
    pub limit: u32,
}

/// What is kept of clients, events and deliveries. Writes go through [`Store::commit`](crate::domain::ports::Store::commit).
pub trait Outbox: Send + Sync {
    /// A client.
    fn client<'a>(&'a self, id: &'a ClientId) -> BoxFuture<'a, Result<Option<ApiClient>, StoreError>>;
    /// All clients, oldest first.
    fn clients(&self) -> BoxFuture<'_, Result<Vec<ApiClient>, StoreError>>;
    /// Events after number `after`, in order, at most `limit`.
    fn events<'a>(
        &'a self,
        about: About<'a>,
        after: u64,
        limit: u32,
    ) -> BoxFuture<'a, Result<Vec<Event>, StoreError>>;
    /// Number of the newest event of all; 0 without one.
    fn newest_event(&self) -> BoxFuture<'_, Result<u64, StoreError>>;
    /// Follows the number of the newest event that this process committed.
    fn event_growth(&self) -> watch::Receiver<u64>;
    /// What is due at `now_ms`, at most `each` for every client, the longest due first.
    fn due(&self, now_ms: u64, each: u32) -> BoxFuture<'_, Result<Vec<Due>, StoreError>>;
    /// Deliveries of a client.
    fn deliveries(&self, which: Deliveries) -> BoxFuture<'_, Result<Vec<Delivery>, StoreError>>;
}
