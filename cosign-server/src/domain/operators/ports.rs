//! What the rules of operators need from storage.

use cosign_core::{DeviceId, KeyId};
use futures_util::future::BoxFuture;

use super::{Operator, Proposal, ProposalId, Roles, State};
use crate::domain::{
    ca::{Request, RequestId, RequestState},
    device::{Device, Name},
    key::{Status, StoredKey},
    ports::StoreError,
};

/// One change of operators and proposals. Part of a [`Unit`](crate::domain::ports::Unit) like any other write.
#[derive(Clone, Debug)]
pub enum OperatorWrite {
    /// Gives an operator other roles; a device without any becomes one. `Stale` unless it has the name and the roles `from`,
    /// `Duplicate` when another operator with a role has the name.
    SetRoles {
        /// The operator.
        id: DeviceId,
        /// Its name.
        name: Name,
        /// Its roles now.
        from: Roles,
        /// Its roles then.
        to: Roles,
        /// Unix milliseconds.
        at_ms: u64,
    },
    /// Changes nothing; `Stale` unless the operator has just these roles.
    ExpectRoles {
        /// The operator.
        id: DeviceId,
        /// Its roles.
        roles: Roles,
    },
    /// A new proposal. `Busy` when [`MAX_OPEN`](super::MAX_OPEN) are open.
    Propose(Box<Proposal>),
    /// Decides a proposal. `Stale` when it is not open at `at_ms`.
    Settle {
        /// Which.
        id: ProposalId,
        /// What it becomes.
        to: State,
        /// By whom.
        by: DeviceId,
        /// Unix milliseconds.
        at_ms: u64,
    },
}

/// Which keys, in the order of their ids.
#[derive(Clone, Copy, Debug, Default)]
pub struct WhichKeys {
    /// Of this device.
    pub device: Option<DeviceId>,
    /// With this public key, X || Y.
    pub public_key: Option<[u8; 64]>,
    /// In this status.
    pub status: Option<Status>,
    /// After this one.
    pub after: Option<KeyId>,
    /// At most so many.
    pub limit: u32,
}

/// Which proposals, newest first.
#[derive(Clone, Copy, Debug)]
pub struct WhichProposals {
    /// In this state.
    pub state: Option<State>,
    /// Those after this one.
    pub after: Option<ProposalId>,
    /// At most so many.
    pub limit: u32,
    /// Now, unix milliseconds.
    pub now_ms: u64,
}

/// Which requests for certificates, newest first.
#[derive(Clone, Copy, Debug, Default)]
pub struct WhichRequests {
    /// Only this one.
    pub id: Option<RequestId>,
    /// In this state.
    pub state: Option<RequestState>,
    /// Those after this one.
    pub after: Option<RequestId>,
    /// At most so many.
    pub limit: u32,
}

/// What operators see. Writes go through [`Store::commit`](crate::domain::ports::Store::commit).
pub trait Roster: Send + Sync {
    /// An operator, withdrawn ones too.
    fn operator<'a>(&'a self, id: &'a DeviceId) -> BoxFuture<'a, Result<Option<Operator>, StoreError>>;
    /// All operators by their names, withdrawn ones too.
    fn operators(&self) -> BoxFuture<'_, Result<Vec<Operator>, StoreError>>;
    /// A proposal.
    fn proposal<'a>(&'a self, id: &'a ProposalId) -> BoxFuture<'a, Result<Option<Proposal>, StoreError>>;
    /// Proposals.
    fn proposals(&self, which: WhichProposals) -> BoxFuture<'_, Result<Vec<Proposal>, StoreError>>;
    /// Keys.
    fn keys_where(&self, which: WhichKeys) -> BoxFuture<'_, Result<Vec<StoredKey>, StoreError>>;
    /// Devices in the order of their ids, after `after`, at most `limit`.
    fn devices(&self, after: Option<DeviceId>, limit: u32) -> BoxFuture<'_, Result<Vec<Device>, StoreError>>;
    /// Requests for certificates.
    fn requests_where(&self, which: WhichRequests) -> BoxFuture<'_, Result<Vec<Request>, StoreError>>;
}
