//! Enterprises, their members, and what is asked for in them.

mod approvals;
mod claims;
mod members;
mod reviews;
pub(super) mod support;
