//! Signing any number of digests under one unlocked key.

use std::{pin::pin, sync::Arc, time::Duration};

use cosign_core::{ClientKey, Digest, MAX_BATCH, Op, sign::Signed};
use futures_util::{FutureExt, StreamExt, stream::FuturesUnordered};
use sm_primitives::sm2::Signature;
use tokio::{sync::watch, time::sleep};

use super::{Client, blocking, session};
use crate::error::{Category, Error};

/// Requests of one batch that are under way at once.
const IN_FLIGHT: usize = 4;
/// How long requests that are under way may still be answered after their batch was stopped.
const LAST_ANSWERS: Duration = Duration::from_secs(2);

/// What became of one digest of a [`Batch`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Item {
    /// It is signed; the signature was verified.
    Signed(Signature),
    /// It was part of a request that brought no signatures, for a reason of this kind. The server may have recorded
    /// a signature of it, but nobody has that.
    Failed(Category),
    /// It was not part of a request.
    NotSent,
}

impl Item {
    /// The signature, if there is one.
    #[must_use]
    pub const fn signature(&self) -> Option<&Signature> {
        match self {
            Self::Signed(signature) => Some(signature),
            Self::Failed(_) | Self::NotSent => None,
        }
    }

    /// Whether its request had no answer.
    const fn is_given_up(&self) -> bool {
        matches!(self, Self::Failed(Category::Interrupted | Category::Network))
    }
}

/// Any number of digests, and what [`Client::sign`] made of each.
#[derive(Clone, Debug)]
pub struct Batch {
    digests: Vec<Digest>,
    items: Vec<Item>,
}

impl Batch {
    /// Digests of which none is signed yet.
    #[must_use]
    pub fn new(digests: Vec<Digest>) -> Self {
        let items = vec![Item::NotSent; digests.len()];
        Self { digests, items }
    }

    /// What became of each digest, in their order.
    #[must_use]
    pub fn items(&self) -> &[Item] {
        &self.items
    }

    /// How many are signed.
    #[must_use]
    pub fn signed(&self) -> usize {
        self.items.iter().filter(|item| item.signature().is_some()).count()
    }

    /// Whether all are signed.
    #[must_use]
    pub fn is_complete(&self) -> bool {
        self.signed() == self.items.len()
    }

    /// The digests without signature, in runs of at most 256.
    fn requests(&self) -> Vec<Request> {
        let without = |(position, item): (usize, &Item)| item.signature().is_none().then_some(position);
        let missing: Vec<usize> = self.items.iter().enumerate().filter_map(without).collect();
        let request = |positions: &[usize]| Request {
            positions: positions.to_vec(),
            digests: positions.iter().filter_map(|position| self.digests.get(*position)).copied().collect(),
        };
        missing.chunks(MAX_BATCH).map(request).collect()
    }

    /// Notes what became of a request, and tells `signed` of its signatures. Gives the wrong PINs before it.
    fn take(
        &mut self,
        positions: Vec<usize>,
        outcome: Result<Signed, Error>,
        signed: &mut impl FnMut(usize, &Signature),
    ) -> Result<u8, Error> {
        let (items, outcome): (Vec<_>, _) = match outcome {
            Ok(answer) => (answer.signatures.into_iter().map(Item::Signed).collect(), Ok(answer.failures)),
            Err(error) => (vec![Item::Failed(error.category()); positions.len()], Err(error)),
        };
        for (position, item) in positions.into_iter().zip(items) {
            if let Some(place) = self.items.get_mut(position) {
                *place = item;
            }
            if let Item::Signed(signature) = item {
                signed(position, &signature);
            }
        }
        outcome
    }
}

/// Digests that are signed in one session, and where they stand in the batch.
struct Request {
    positions: Vec<usize>,
    digests: Vec<Digest>,
}

/// Tells the sessions of a batch that it was stopped: the other end is gone.
#[derive(Clone)]
pub(super) struct Stopped(watch::Receiver<()>);

impl Stopped {
    /// Does one exchange, if the batch goes on; when it stops meanwhile, the exchange has a last moment to end.
    pub(super) async fn limit<T>(
        mut self,
        exchange: impl Future<Output = Result<T, Error>>,
    ) -> Result<T, Error> {
        if self.0.has_changed().is_err() {
            return Err(Error::Interrupted);
        }
        let over = async {
            // Nothing is ever sent, so this waits for the end.
            let _ = self.0.changed().await;
            sleep(LAST_ANSWERS).await;
        };
        tokio::select! {
            answer = exchange => answer,
            () = over => Err(Error::Interrupted),
        }
    }
}

impl Client {
    /// Signs the digests of a batch that have no signature yet, in requests of at most 256. `signed` gets each position
    /// with its signature as they come, those of one request together, requests in any order. Gives the number of wrong
    /// PINs since the last success, to be shown to the owner.
    ///
    /// The first request goes alone: a wrong PIN is then one wrong PIN. Within a request all signatures come or none.
    /// A request whose answer is lost goes out again byte for byte, on a new connection if need be, until 60 s after it
    /// was made. After an error `batch` says what is signed, and may be handed in again for the rest: that takes new
    /// sessions with nonces of their own, never those of a request that failed.
    ///
    /// When `stop` is ready, no new request is made. Requests under way have two seconds to be answered, then their
    /// nonces are wiped and the connection for frames is closed; nothing is sent once this returns. Dropping the returned
    /// future stops the requests as well, but nothing tells when that is over, and what waits to be sent still is.
    /// [`std::future::pending`] never stops.
    ///
    /// # Errors
    /// [`Error::WrongPin`], [`Error::RefreshRequired`], [`Error::KeyRefused`] and the other refusals;
    /// [`Error::ServerMisbehaved`]; network errors; [`Error::Interrupted`] if `stop` came before the last signature.
    pub async fn sign(
        &self,
        key: &Arc<ClientKey>,
        batch: &mut Batch,
        stop: impl Future<Output = ()>,
        signed: impl FnMut(usize, &Signature),
    ) -> Result<u8, Error> {
        match self.sign_missing(key, batch, stop, signed).await {
            Err(error) => Err(self.explain(key.key_id(), error).await),
            failures => failures,
        }
    }

    async fn sign_missing(
        &self,
        key: &Arc<ClientKey>,
        batch: &mut Batch,
        stop: impl Future<Output = ()>,
        mut signed: impl FnMut(usize, &Signature),
    ) -> Result<u8, Error> {
        let (going, stopped) = watch::channel(());
        let (mut going, stopped) = (Some(going), Stopped(stopped));
        let request = |request: Request| {
            let signing = self.sign_request(key, request.digests, stopped.clone());
            signing.map(|outcome| (request.positions, outcome))
        };
        let mut stop = pin!(stop);
        if !batch.is_complete() && stop.as_mut().now_or_never().is_some() {
            return Err(Error::Interrupted);
        }
        let mut requests = batch.requests().into_iter();
        let mut running = FuturesUnordered::new();
        let (mut at_once, mut failures, mut failure) = (1, 0, None);
        loop {
            // After a failure nothing new is started; what is under way is waited for, its signatures may be good.
            let room = if failure.is_none() { at_once - running.len() } else { 0 };
            running.extend(requests.by_ref().take(room).map(request));
            let (positions, outcome) = tokio::select! {
                biased;
                () = &mut stop, if going.is_some() => {
                    going = None;
                    failure = failure.or(Some(Error::Interrupted));
                    continue;
                }
                ended = running.next() => match ended {
                    Some(ended) => ended,
                    None => break,
                },
            };
            match batch.take(positions, outcome, &mut signed) {
                Ok(before) => (at_once, failures) = (IN_FLIGHT, failures.max(before)),
                Err(error) => failure = failure.or(Some(error)),
            }
        }
        if batch.items.iter().any(Item::is_given_up) {
            // Their frames may still wait to be sent.
            self.connection.close_frames().await;
        }
        if batch.is_complete() { Ok(failures) } else { Err(failure.unwrap_or(Error::Interrupted)) }
    }

    async fn sign_request(
        &self,
        key: &Arc<ClientKey>,
        digests: Vec<Digest>,
        stopped: Stopped,
    ) -> Result<Signed, Error> {
        let (channel, key) = (self.channel(key.key_id()), Arc::clone(key));
        blocking(move || {
            let exchange = channel.of(Op::Sign).until(stopped);
            session::sign(&exchange, &key, &digests, || channel.next_session())
        })
        .await
    }
}

#[cfg(test)]
mod tests;
