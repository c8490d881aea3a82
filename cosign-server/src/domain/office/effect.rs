//! What an event brings along.

use super::{Id, dispatch::Order, session};

/// What has to happen together with a change. [`crate::domain::services::Office`] carries out every one of them in the same
/// unit as the change, so it happens once or not at all.
#[derive(Clone, Debug)]
pub enum Effect {
    /// Something happens to all login sessions of an account but one.
    Sessions {
        /// Whose.
        account: Id,
        /// Except this one.
        but: Option<Id>,
        /// What.
        event: session::Event,
    },
    /// A provider is asked to do something, after the commit, until it has.
    Dispatch(Order),
}
