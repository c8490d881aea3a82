//! Prepared keys, and what was verified already.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use sm_primitives::sm2::{DistId, PreparedKey, PublicKey, Signature, dsa};
use sm_primitives::sm3::Sm3;

use crate::algorithm::Defect;

/// A key is prepared when it is used for so many signatures: preparing takes as long as several verifications.
const PREPARE_AFTER: u32 = 4;
/// Most keys that are prepared, 256 KB each.
const MAX_PREPARED: usize = 256;

/// The key of an issuer, ready to verify.
pub(super) struct IssuerKey {
    key: PublicKey,
    /// Has absorbed Z.
    hasher: Sm3,
    prepared: Option<PreparedKey>,
}

impl IssuerKey {
    pub(super) fn new(key: &PublicKey, prepare: bool) -> Self {
        let hasher = DistId::default().hasher(key);
        Self { key: *key, hasher, prepared: prepare.then(|| PreparedKey::new(key)) }
    }

    /// What is signed for a message.
    pub(super) fn digest(&self, message: &[u8]) -> [u8; 32] {
        self.hasher.clone().chain(message).finalize()
    }

    pub(super) fn verify(&self, digest: &[u8; 32], signature: &Signature) -> Result<(), Defect> {
        let verified = match &self.prepared {
            Some(prepared) => dsa::verify_digest_prepared(prepared, digest, signature),
            None => dsa::verify_digest(&self.key, digest, signature),
        };
        verified.map_err(|_| Defect::Wrong)
    }

    pub(super) fn verify_all(&self, items: &[([u8; 32], Signature)]) -> Vec<bool> {
        let verified = match &self.prepared {
            Some(prepared) => dsa::many::verify_digests_prepared(prepared, items),
            None => {
                let claim = |(digest, signature): &([u8; 32], Signature)| dsa::many::Claim {
                    key: &self.key,
                    digest: *digest,
                    signature: *signature,
                };
                dsa::many::verify_digests(&items.iter().map(claim).collect::<Vec<_>>())
            }
        };
        verified.into_iter().map(|result| result.is_ok()).collect()
    }
}

/// What is signed by the key of a certificate in the pool.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub(super) enum Link {
    /// The certificate with the first index, by the key of the second.
    Certificate(usize, usize),
    /// The list with the first index, by the key of the second.
    List(usize, usize),
}

#[derive(Default)]
struct Inner {
    keys: HashMap<usize, (u32, Arc<IssuerKey>)>,
    prepared: usize,
    links: HashMap<Link, Result<(), Defect>>,
}

/// Only for keys and links of the pool, whose owner vouches for their number: what comes with a certificate to be judged
/// fills nothing.
#[derive(Default)]
pub(super) struct Cache(Mutex<Inner>);

impl Cache {
    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The key of the certificate with this index, that is about to be used `uses` times.
    pub(super) fn key(&self, index: usize, key: &PublicKey, uses: usize) -> Arc<IssuerKey> {
        let uses = u32::try_from(uses).unwrap_or(u32::MAX);
        {
            let mut inner = self.lock();
            let room = inner.prepared < MAX_PREPARED;
            if let Some((count, known)) = inner.keys.get_mut(&index) {
                *count = count.saturating_add(uses);
                if known.prepared.is_some() || *count < PREPARE_AFTER || !room {
                    return Arc::clone(known);
                }
            } else if uses < PREPARE_AFTER || !room {
                let made = Arc::new(IssuerKey::new(key, false));
                inner.keys.insert(index, (uses, Arc::clone(&made)));
                return made;
            }
        }
        // Without the lock, since it takes a while. Two threads may do it at once; the later one stays.
        let made = Arc::new(IssuerKey::new(key, true));
        let mut inner = self.lock();
        let before = inner.keys.insert(index, (PREPARE_AFTER, Arc::clone(&made)));
        if before.is_none_or(|(_, key)| key.prepared.is_none()) {
            inner.prepared += 1;
        }
        made
    }

    pub(super) fn known(&self, link: Link) -> Option<Result<(), Defect>> {
        self.lock().links.get(&link).copied()
    }

    pub(super) fn remember(&self, link: Link, result: Result<(), Defect>) {
        self.lock().links.insert(link, result);
    }
}

impl Clone for Cache {
    /// Empty: the pool of another owner gets other indices.
    fn clone(&self) -> Self {
        Self::default()
    }
}

impl core::fmt::Debug for Cache {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_struct("Cache").field("prepared", &self.lock().prepared).finish_non_exhaustive()
    }
}
