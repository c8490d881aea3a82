//! Opening any number of SM2 ciphertexts under one unlocked key.

use std::{fmt, sync::Arc};

use cosign_core::{ClientKey, Op, decrypt::Opened};
use sm_primitives::{Zeroizing, sm2::Ciphertext};

use super::{Stopped, Work, is_given_up};
use crate::{
    client::{Client, blocking, session},
    error::{Category, Error},
};

/// What became of one ciphertext of a [`Decryption`].
pub enum DecryptionItem {
    /// Its plaintext, wiped on drop.
    Opened(Zeroizing<Vec<u8>>),
    /// The server answered, and it does not open: it was changed, or made for another key, or the answer was wrong.
    /// Nothing tells which; another batch may try it again.
    Broken,
    /// It was part of a request that brought nothing, for a reason of this kind. The server may have counted it.
    Failed(Category),
    /// It was not part of a request.
    NotSent,
}

impl DecryptionItem {
    /// The plaintext, if there is one.
    #[must_use]
    pub fn plaintext(&self) -> Option<&[u8]> {
        match self {
            Self::Opened(plaintext) => Some(plaintext),
            Self::Broken | Self::Failed(_) | Self::NotSent => None,
        }
    }

    const fn is_answered(&self) -> bool {
        matches!(self, Self::Opened(_) | Self::Broken)
    }
}

impl fmt::Debug for DecryptionItem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Opened(_) => f.write_str("Opened(..)"),
            Self::Broken => f.write_str("Broken"),
            Self::Failed(category) => f.debug_tuple("Failed").field(category).finish(),
            Self::NotSent => f.write_str("NotSent"),
        }
    }
}

/// Any number of ciphertexts, and what [`Client::decrypt_many`] made of each.
#[derive(Debug)]
pub struct Decryption {
    ciphertexts: Vec<Ciphertext>,
    items: Vec<DecryptionItem>,
}

impl Decryption {
    /// Ciphertexts of which none is opened yet.
    #[must_use]
    pub fn new(ciphertexts: Vec<Ciphertext>) -> Self {
        let items = ciphertexts.iter().map(|_| DecryptionItem::NotSent).collect();
        Self { ciphertexts, items }
    }

    /// What became of each ciphertext, in their order.
    #[must_use]
    pub fn items(&self) -> &[DecryptionItem] {
        &self.items
    }

    /// What became of each ciphertext, to be taken apart.
    #[must_use]
    pub fn into_items(self) -> Vec<DecryptionItem> {
        self.items
    }

    /// How many are open.
    #[must_use]
    pub fn opened(&self) -> usize {
        self.items.iter().filter(|item| item.plaintext().is_some()).count()
    }

    /// Whether the server answered for all of them, those included that do not open.
    #[must_use]
    pub fn is_complete(&self) -> bool {
        self.items.iter().all(DecryptionItem::is_answered)
    }
}

/// A batch that is being opened, and who hears of the items as they come.
struct Opening<'b, P> {
    batch: &'b mut Decryption,
    progress: P,
}

impl<P: FnMut(usize, &DecryptionItem)> Work for Opening<'_, P> {
    type Input = Ciphertext;
    type Answer = Opened;

    fn missing(&self) -> impl Iterator<Item = (usize, &Ciphertext)> {
        let items = self.batch.ciphertexts.iter().zip(&self.batch.items).enumerate();
        items.filter_map(|(position, (ciphertext, item))| {
            (!item.is_answered()).then_some((position, ciphertext))
        })
    }

    fn take(&mut self, positions: Vec<usize>, outcome: Result<Opened, Error>) -> Result<u8, Error> {
        let (items, outcome): (Vec<_>, _) = match outcome {
            Ok(Opened { plaintexts, failures }) => {
                let item =
                    |plaintext: Option<_>| plaintext.map_or(DecryptionItem::Broken, DecryptionItem::Opened);
                (plaintexts.into_iter().map(item).collect(), Ok(failures))
            }
            Err(error) => {
                let failed = || DecryptionItem::Failed(error.category());
                (positions.iter().map(|_| failed()).collect(), Err(error))
            }
        };
        for (position, item) in positions.into_iter().zip(items) {
            if item.is_answered() {
                (self.progress)(position, &item);
            }
            if let Some(place) = self.batch.items.get_mut(position) {
                *place = item;
            }
        }
        outcome
    }

    fn gave_up(&self) -> bool {
        let given_up = |item: &DecryptionItem| matches!(item, DecryptionItem::Failed(category) if is_given_up(*category));
        self.batch.items.iter().any(given_up)
    }
}

impl Client {
    /// Opens the ciphertexts of a batch that have no answer yet, in requests of at most 256: [`Client::sign`] says how
    /// requests are made, repeated and stopped. `progress` gets each position with what became of it, those of one request
    /// together, requests in any order. Gives the number of wrong PINs since the last success, to be shown to the owner.
    ///
    /// A ciphertext that does not open is [`DecryptionItem::Broken`] and no error: the others of its request open. The
    /// server does not learn of it, and counts it.
    ///
    /// # Errors
    /// As [`Client::sign`], [`Error::Interrupted`] if `stop` came before the last answer.
    pub async fn decrypt_many(
        &self,
        key: &Arc<ClientKey>,
        batch: &mut Decryption,
        stop: impl Future<Output = ()>,
        progress: impl FnMut(usize, &DecryptionItem),
    ) -> Result<u8, Error> {
        let send = |ciphertexts, stopped| self.decrypt_request(key, ciphertexts, stopped);
        match self.work_off(&mut Opening { batch, progress }, stop, send).await {
            Err(error) => Err(self.explain(key.key_id(), error).await),
            failures => failures,
        }
    }

    async fn decrypt_request(
        &self,
        key: &Arc<ClientKey>,
        ciphertexts: Vec<Ciphertext>,
        stopped: Stopped,
    ) -> Result<Opened, Error> {
        let (channel, key) = (self.channel(key.key_id()), Arc::clone(key));
        blocking(move || session::decrypt_each(&channel.of(Op::Decrypt).until(stopped), &key, &ciphertexts))
            .await
    }
}
