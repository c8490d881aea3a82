//! Tree heads of the audit log: signed every so often while records arrive, never one that contradicts an earlier one.

use std::{sync::Arc, time::Duration};

use cosign_core::{
    LogId,
    audit::{ConsistencyProof, Frontier, SignedTreeHead, TreeHead},
    sm_primitives::{sm2::PrivateKey, sm3::hmac::HmacSm3},
};
use thiserror::Error;
use tokio::sync::Mutex;
use zeroize::Zeroizing;

use super::{
    rng::EntropyRng,
    seal::{Place, SealError, WrappingKeys},
};
use crate::domain::{
    Error,
    audit::SealedAuditKey,
    ports::{Clock, Entropy, Store, StoreError, Write},
};

/// When heads are signed.
#[derive(Clone, Copy, Debug)]
pub struct HeadSettings {
    /// Records are under a head after so long at the latest.
    pub interval: Duration,
    /// And after so many.
    pub records: u64,
}

/// Why no tree head is signed: the log is not what was signed before.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum LogError {
    /// Records are gone.
    #[error(
        "the audit log has {size} records, but a tree head of {signed} was signed: its end was cut off; restore the \
         newest database from its backup, and keep this one as evidence"
    )]
    Shorter {
        /// Records in the log.
        size: u64,
        /// Records under the newest head.
        signed: u64,
    },
    /// Records are others.
    #[error(
        "the first {signed} records of the audit log are not those that its tree head was signed over; \
         `cosign-server audit verify` names the first one that was changed; restore the newest database from its backup, \
         and keep this one as evidence"
    )]
    Rewritten {
        /// Records under the newest head.
        signed: u64,
    },
    /// The newest head is not signed by the audit key.
    #[error(
        "the newest tree head of the audit log is not signed by its audit key: one of them was replaced; restore the \
         newest database from its backup, and keep this one as evidence"
    )]
    Forged,
    /// There are records and no key.
    #[error(
        "the audit log has records, but the audit key is gone; restore the newest database from its backup"
    )]
    NoKey,
    /// The key does not open.
    #[error("the audit key does not open: {0}; restore the newest database from its backup")]
    Key(#[from] SealError),
    /// Storage or the random source.
    #[error("the audit log cannot be read or signed: {0}")]
    Other(#[from] Error),
}

impl From<StoreError> for LogError {
    fn from(error: StoreError) -> Self {
        Self::Other(error.into())
    }
}

/// Signs tree heads. Holds the audit key, which is wiped on drop.
pub struct TreeHeads {
    store: Arc<dyn Store>,
    clock: Arc<dyn Clock>,
    rng: EntropyRng,
    settings: HeadSettings,
    key: PrivateKey,
    log_id: LogId,
    newest: Mutex<Option<SignedTreeHead>>,
}

impl TreeHeads {
    /// Opens the audit key, or makes it for an empty log; checks that the log holds what was signed; signs a head of it.
    ///
    /// # Errors
    /// [`LogError`].
    pub async fn start(
        settings: HeadSettings,
        keys: &WrappingKeys,
        store: Arc<dyn Store>,
        clock: Arc<dyn Clock>,
        entropy: Arc<dyn Entropy>,
    ) -> Result<Self, LogError> {
        let key = audit_key(keys, &*store, &entropy).await?;
        let (log_id, rng) = (LogId::of(key.public_key()), EntropyRng::new(entropy));
        let newest = store.tree_head(None).await?;
        if newest.is_some_and(|newest| newest.verify(key.public_key()).is_err()) {
            return Err(LogError::Forged);
        }
        let this = Self { store, clock, rng, settings, key, log_id, newest: Mutex::new(newest) };
        this.sign(true).await?;
        Ok(this)
    }

    /// A key for another purpose, the same at every node: derived from the audit key, of which it tells nothing.
    ///
    /// # Errors
    /// [`LogError::Other`], which does not happen.
    pub fn derive_key(&self, purpose: &[u8]) -> Result<PrivateKey, LogError> {
        let secret = self.key.expose_bytes();
        // One in 2^32 is not a private key.
        let candidates = (0..=u8::MAX)
            .map(|count| Zeroizing::new(HmacSm3::new(&secret[..]).chain(purpose).chain(&[count]).finalize()));
        let key = candidates.into_iter().find_map(|bytes| PrivateKey::from_bytes(&bytes));
        key.ok_or(LogError::Other(Error::Internal))
    }

    /// Whether the log holds what its newest head was signed over. How many records it has; signs nothing.
    ///
    /// # Errors
    /// [`LogError`].
    pub async fn continues(keys: &WrappingKeys, store: &dyn Store) -> Result<u64, LogError> {
        let stored = store.audit_key().await?.ok_or(LogError::NoKey)?;
        let key = open_key(keys, &stored)?;
        let newest = store.tree_head(None).await?;
        let signed = newest.map_or(0, |newest| newest.head().size);
        let tree = store.audit_tree().await.map_err(|error| damaged(error, signed))?;
        if let Some(newest) = newest {
            newest.verify(key.public_key()).map_err(|_| LogError::Forged)?;
            check(store, newest.head(), &tree).await?;
        }
        Ok(tree.size())
    }

    /// Signs a head if there are records that are under none.
    ///
    /// # Errors
    /// [`LogError`]; nothing was signed.
    pub async fn publish(&self) -> Result<(), LogError> {
        self.sign(false).await
    }

    /// Signs heads as the settings say, until it is dropped.
    pub async fn run(&self) {
        let mut growth = self.store.audit_growth();
        loop {
            let signed = self.newest.lock().await.map_or(0, |newest| newest.head().size);
            let enough = growth.wait_for(|size| *size >= signed.saturating_add(self.settings.records));
            // Time is over, there are enough records, or storage was closed: then nothing more is signed.
            if matches!(tokio::time::timeout(self.settings.interval, enough).await, Ok(Err(_))) {
                return std::future::pending().await;
            }
            if let Err(error) = self.publish().await {
                tracing::error!(%error, "no tree head was signed");
                tokio::time::sleep(self.settings.interval).await;
            }
        }
    }

    async fn sign(&self, again: bool) -> Result<(), LogError> {
        let mut newest = self.newest.lock().await;
        // Another node may have signed meanwhile.
        let stored = self.store.tree_head(None).await?;
        if let Some(stored) = stored
            && newest.is_none_or(|known| {
                let (known, stored) = (known.head(), stored.head());
                stored.size > known.size || stored.root == known.root
            })
        {
            stored.verify(self.key.public_key()).map_err(|_| LogError::Forged)?;
            *newest = Some(stored);
        }
        let signed = newest.map_or(0, |newest| newest.head().size);
        let tree = self.store.audit_tree().await.map_err(|error| damaged(error, signed))?;
        if let Some(before) = newest.as_ref().map(SignedTreeHead::head) {
            if before.size == tree.size() && before.root == tree.root() && !again {
                return Ok(());
            }
            check(&*self.store, before, &tree).await?;
        }
        if tree.size() == 0 {
            return Ok(());
        }
        // A clock that was set back makes no head that is older than the one before it.
        let at_ms = self.clock.now_ms().max(newest.map_or(0, |newest| newest.head().at_ms));
        let head = TreeHead::of(self.log_id, &tree, at_ms).sign(&self.key, &mut self.rng.clone());
        let head = head.map_err(|_| Error::Internal)?;
        match self.store.commit([Write::AddHead(head)].into()).await {
            Ok(()) => *newest = Some(head),
            // Another node has just signed one of more records.
            Err(StoreError::Stale) => {}
            Err(error) => return Err(error.into()),
        }
        Ok(())
    }
}

/// Whether the tree begins with the one that was signed before.
async fn check(store: &dyn Store, before: &TreeHead, tree: &Frontier) -> Result<(), LogError> {
    let (signed, size) = (before.size, tree.size());
    if size < signed {
        return Err(LogError::Shorter { size, signed });
    }
    let nodes = store.audit_nodes(ConsistencyProof::nodes(signed, size)).await;
    let nodes = nodes.map_err(|error| damaged(error, signed))?;
    let proof = ConsistencyProof::make(signed, size, |node| nodes.get(&node).copied());
    let consistent = proof.is_some_and(|proof| proof.verify(&before.root, &tree.root()).is_ok());
    if consistent { Ok(()) } else { Err(LogError::Rewritten { signed }) }
}

/// A record that the tree needs and that is not there is a log that was changed.
fn damaged(error: StoreError, signed: u64) -> LogError {
    match error {
        StoreError::Corrupt => LogError::Rewritten { signed },
        error => error.into(),
    }
}

fn open_key(keys: &WrappingKeys, stored: &SealedAuditKey) -> Result<PrivateKey, LogError> {
    let bytes = keys.open(&Place::audit_key(&stored.public_key), &stored.sealed)?;
    let key = bytes.as_slice().try_into().ok().and_then(PrivateKey::from_bytes);
    let key = key.filter(|key| key.public_key().as_point().to_bytes() == stored.public_key);
    key.ok_or(LogError::Key(SealError::Format))
}

/// The stored audit key, or a new one if the log is empty.
async fn audit_key(
    keys: &WrappingKeys,
    store: &dyn Store,
    entropy: &Arc<dyn Entropy>,
) -> Result<PrivateKey, LogError> {
    if let Some(stored) = store.audit_key().await? {
        return open_key(keys, &stored);
    }
    if store.audit_tree().await?.size() > 0 || store.tree_head(None).await?.is_some() {
        return Err(LogError::NoKey);
    }
    let key = PrivateKey::generate(&mut EntropyRng::new(Arc::clone(entropy))).map_err(|_| Error::Internal)?;
    let public_key = key.public_key().as_point().to_bytes();
    let sealed = keys.seal(&Place::audit_key(&public_key), &key.expose_bytes()[..], &**entropy)?;
    store.commit([Write::SetAuditKey(SealedAuditKey { public_key, sealed })].into()).await?;
    Ok(key)
}
