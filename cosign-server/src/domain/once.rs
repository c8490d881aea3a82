//! The same request sent twice acts once.
//!
//! A request may carry a key of its sender's choice. What it did is stored in the same transaction that did it; the
//! same key with the same request gives that outcome again, with another request it is refused.

use cosign_core::{DeviceId, sm_primitives::sm3::Sm3};
use serde::{Serialize, de::DeserializeOwned};

use super::{Error, ports::Store};

/// How long an outcome is kept, in milliseconds, unless there are many newer ones of its owner;
pub const KEPT_MS: u64 = 24 * 60 * 60 * 1000;
/// how long in any case, in which every repetition of a request comes;
pub const KEPT_IN_ANY_CASE_MS: u64 = 10 * 60 * 1000;
/// and how many are many: of a device, a user, or a client of the API. More than that in so short a time come again later.
pub const MANY: u64 = 4096;
/// Longest key in bytes.
pub const MAX_KEY: usize = 128;

/// A request that names itself.
#[derive(Clone, Debug)]
pub struct Once {
    key: String,
    fingerprint: [u8; 32],
}

impl Once {
    /// Names a request by `key` (1..=128 printable ASCII bytes); `parts` is everything that makes it this request.
    ///
    /// # Errors
    /// [`Error::BadRequest`] when the key is not of that form.
    pub fn new(key: &str, parts: &[&[u8]]) -> Result<Self, Error> {
        if key.is_empty() || key.len() > MAX_KEY || !key.bytes().all(|byte| byte.is_ascii_graphic()) {
            return Err(Error::BadRequest("an Idempotency-Key has 1 to 128 printable ASCII characters"));
        }
        let mut hash = Sm3::new();
        for part in parts {
            hash.update(&u64::try_from(part.len()).unwrap_or(u64::MAX).to_be_bytes());
            hash.update(part);
        }
        Ok(Self { key: key.to_owned(), fingerprint: hash.finalize() })
    }
}

/// What a request did, as it is stored.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Outcome {
    /// Whose request: a device, or who stands for a client of the API.
    pub device: DeviceId,
    /// Its key.
    pub key: String,
    /// Its hash.
    pub fingerprint: [u8; 32],
    /// What came of it, as JSON.
    pub outcome: String,
    /// When, unix milliseconds.
    pub created_ms: u64,
}

/// What an earlier request of this name did; `None` when there was none.
///
/// # Errors
/// [`Error::IdempotencyMismatch`] when the name was used for another request; storage faults.
pub async fn recall<T: DeserializeOwned>(
    store: &dyn Store,
    device: &DeviceId,
    once: Option<&Once>,
    now_ms: u64,
) -> Result<Option<T>, Error> {
    let Some(once) = once else { return Ok(None) };
    let Some(kept) = store.outcome(device, &once.key).await? else { return Ok(None) };
    if kept.created_ms.saturating_add(KEPT_MS) <= now_ms {
        return Ok(None);
    }
    if kept.fingerprint != once.fingerprint {
        return Err(Error::IdempotencyMismatch);
    }
    serde_json::from_str(&kept.outcome).map(Some).map_err(|_| Error::Internal)
}

/// The write that makes a request's outcome known to its repetitions.
///
/// # Errors
/// [`Error::Internal`] when the outcome has no JSON form.
pub fn remember<T: Serialize>(
    device: &DeviceId,
    once: &Once,
    outcome: &T,
    now_ms: u64,
) -> Result<Outcome, Error> {
    Ok(Outcome {
        device: *device,
        key: once.key.clone(),
        fingerprint: once.fingerprint,
        outcome: serde_json::to_string(outcome).map_err(|_| Error::Internal)?,
        created_ms: now_ms,
    })
}
