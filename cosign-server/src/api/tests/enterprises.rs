//! Enterprises, their members, and what is asked for in them.

mod approvals;
mod changes;
mod claims;
mod grants;
mod joining;
mod members;
mod micropayments;
mod reviews;
pub(super) mod support;
