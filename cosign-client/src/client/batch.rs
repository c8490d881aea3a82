//! Any number of items under one unlocked key, in requests of at most 256: the loop that signing and decryption share.

mod decrypt;
mod sign;

use std::{pin::pin, time::Duration};

use cosign_core::MAX_BATCH;
use futures_util::{FutureExt, StreamExt, stream::FuturesUnordered};
use tokio::{sync::watch, time::sleep};

pub use self::{
    decrypt::{Decryption, DecryptionItem},
    sign::{Batch, Item},
};
use super::Client;
use crate::error::{Category, Error};

/// Requests of one batch that are under way at once.
const IN_FLIGHT: usize = 4;
/// How long requests that are under way may still be answered after their batch was stopped.
const LAST_ANSWERS: Duration = Duration::from_secs(2);

/// A batch as the loop sees it.
trait Work {
    /// What a request is made of.
    type Input: Clone;
    /// What a request brings.
    type Answer;

    /// What to ask for the item at this place; `None` if nothing is left to do for it.
    fn missing(&self) -> impl Iterator<Item = (usize, &Self::Input)>;

    /// Notes what became of the items of a request. Gives the wrong PINs before it.
    fn take(&mut self, positions: Vec<usize>, outcome: Result<Self::Answer, Error>) -> Result<u8, Error>;

    /// Whether the request of an item had no answer, so that its frame may still wait to be sent.
    fn gave_up(&self) -> bool;

    /// The missing items, in runs of at most 256.
    fn requests(&self) -> Vec<Request<Self::Input>> {
        let missing: Vec<_> = self.missing().collect();
        let request = |items: &[(usize, &Self::Input)]| Request {
            positions: items.iter().map(|(position, _)| *position).collect(),
            inputs: items.iter().map(|(_, input)| (*input).clone()).collect(),
        };
        missing.chunks(MAX_BATCH).map(request).collect()
    }

    fn is_over(&self) -> bool {
        self.missing().next().is_none()
    }
}

/// Items that go in one session, and where they stand in the batch.
struct Request<I> {
    positions: Vec<usize>,
    inputs: Vec<I>,
}

/// Whether a request that ended so had no answer.
const fn is_given_up(category: Category) -> bool {
    matches!(category, Category::Interrupted | Category::Network)
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
    /// Sends what is missing of a batch with `send`, the first request alone and four at once after it.
    async fn work_off<W: Work, F: Future<Output = Result<W::Answer, Error>>>(
        &self,
        work: &mut W,
        stop: impl Future<Output = ()>,
        send: impl Fn(Vec<W::Input>, Stopped) -> F,
    ) -> Result<u8, Error> {
        let (going, stopped) = watch::channel(());
        let (mut going, stopped) = (Some(going), Stopped(stopped));
        let request = |request: Request<W::Input>| {
            let sending = send(request.inputs, stopped.clone());
            sending.map(|outcome| (request.positions, outcome))
        };
        let mut stop = pin!(stop);
        if !work.is_over() && stop.as_mut().now_or_never().is_some() {
            return Err(Error::Interrupted);
        }
        let mut requests = work.requests().into_iter();
        let mut running = FuturesUnordered::new();
        let (mut at_once, mut failures, mut failure) = (1, 0, None);
        loop {
            // After a failure nothing new is started; what is under way is waited for, its answers may be good.
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
            match work.take(positions, outcome) {
                Ok(before) => (at_once, failures) = (IN_FLIGHT, failures.max(before)),
                Err(error) => failure = failure.or(Some(error)),
            }
        }
        if work.gave_up() {
            // Their frames may still wait to be sent.
            self.connection.close_frames().await;
        }
        if work.is_over() { Ok(failures) } else { Err(failure.unwrap_or(Error::Interrupted)) }
    }
}

#[cfg(test)]
mod tests;
