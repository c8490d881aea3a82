//! Signing any number of digests under one unlocked key.

use std::sync::Arc;

use cosign_core::{ClientKey, Digest, Op, sign::Signed};
use sm_primitives::sm2::Signature;

use super::{Stopped, Work, is_given_up};
use crate::{
    client::{Client, blocking, session},
    error::{Category, Error},
};

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
}

/// A batch that is being signed, and who gets the signatures as they come.
struct Signing<'b, S> {
    batch: &'b mut Batch,
    signed: S,
}

impl<S: FnMut(usize, &Signature)> Work for Signing<'_, S> {
    type Input = Digest;
    type Answer = Signed;

    fn missing(&self) -> impl Iterator<Item = (usize, &Digest)> {
        let items = self.batch.digests.iter().zip(&self.batch.items).enumerate();
        items
            .filter_map(|(position, (digest, item))| item.signature().is_none().then_some((position, digest)))
    }

    fn take(&mut self, positions: Vec<usize>, outcome: Result<Signed, Error>) -> Result<u8, Error> {
        let (items, outcome): (Vec<_>, _) = match outcome {
            Ok(answer) => (answer.signatures.into_iter().map(Item::Signed).collect(), Ok(answer.failures)),
            Err(error) => (vec![Item::Failed(error.category()); positions.len()], Err(error)),
        };
        for (position, item) in positions.into_iter().zip(items) {
            if let Some(place) = self.batch.items.get_mut(position) {
                *place = item;
            }
            if let Item::Signed(signature) = item {
                (self.signed)(position, &signature);
            }
        }
        outcome
    }

    fn gave_up(&self) -> bool {
        self.batch.items.iter().any(|item| matches!(item, Item::Failed(category) if is_given_up(*category)))
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
        let send = |digests, stopped| self.sign_request(key, digests, stopped);
        match self.work_off(&mut Signing { batch, signed }, stop, send).await {
            Err(error) => Err(self.explain(key.key_id(), error).await),
            failures => failures,
        }
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
