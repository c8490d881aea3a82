//! Time locks, which the signing server opens.

use std::path::Path;

use cosign_client::Error;
use envelope::bid::{Header, LockCommitment, LockSecret};

use crate::{args::Holders, output::Failure};

/// Has the locks of these bids released; `None` for a bid without one.
pub(super) fn release(
    holders: &Holders,
    bids: &[(&Path, &Header)],
) -> Result<Vec<Option<LockSecret>>, Failure> {
    let release = |(path, header): &(&Path, &Header)| match header.slots().lock() {
        None => Ok(None),
        Some(lock) => opened(holders, path, header, lock).map(|lock| Some(lock.secret)),
    };
    bids.iter().map(release).collect()
}

/// What the keeper of the opening key says of a lock without releasing it; `None` if there is no lock or nobody to ask.
pub(super) fn promise(
    holders: &Holders,
    path: &Path,
    header: &Header,
) -> Result<Option<LockCommitment>, Failure> {
    match header.slots().lock() {
        Some(lock) if can_ask(holders) => Ok(Some(opened(holders, path, header, lock)?.commitment())),
        _ => Ok(None),
    }
}

#[cfg(debug_assertions)]
const fn can_ask(holders: &Holders) -> bool {
    holders.opening_private_key.is_some()
}

#[cfg(not(debug_assertions))]
const fn can_ask(_: &Holders) -> bool {
    false
}

#[cfg_attr(not(debug_assertions), expect(unused_variables, reason = "a local opening key is for tests"))]
fn opened(
    holders: &Holders,
    path: &Path,
    header: &Header,
    lock: &sm_primitives::sm2::Ciphertext,
) -> Result<envelope::bid::Lock, Failure> {
    #[cfg(debug_assertions)]
    if let Some(key) = &holders.opening_private_key {
        let key = crate::keyfile::private_key(key)?;
        return envelope::bid::Lock::open(&key, lock).map_err(|error| super::defect(error, path));
    }
    let time = header.manifest().opening().map_or(0, envelope::bid::Opening::not_before);
    let what = format!("closed until {}, and no server opens the lock", crate::instant::Instant(time));
    Err(Error::BadFile { path: path.to_owned(), what }.into())
}
