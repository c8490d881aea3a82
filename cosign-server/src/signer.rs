//! The server role of the co-signing protocol: sealed shares, the computing threads, and the order
//! *authorise, spend, audit, commit, then answer*.
//!
//! **Invariant:** no answer of a private-key operation leaves before its PIN gate, its spent session and its audit
//! record are durable. **Invariant:** nothing in here knows accounts or HTTP.

mod authorities;
mod centre;
mod heads;
mod issue;
mod limiter;
pub(crate) mod master;
mod opening;
mod operate;
mod pending;
mod personal;
mod pool;
mod queue;
mod replay;
mod rng;
mod seal;
mod seal_maker;
mod sealer;
mod service;
mod shares;
#[cfg(test)]
mod tests;
mod vault;

pub use authorities::{AuthoritySigner, NewAuthority};
pub use centre::{EscrowError, SealedCentre, open_escrow};
pub use heads::{HeadSettings, LogError, TreeHeads};
pub use master::{MasterKey, SoftwareKey};
pub use personal::PersonalVault;
pub use pool::PoolSettings;
pub use rng::EntropyRng;
pub use seal::{Content, Place, SealError, WrappingKeys};
pub use seal_maker::{SEAL_KEY, SealMakerKey};
pub use sealer::{Sealer, SealerError};
pub use service::{Retention, SignerService, SignerSettings};
