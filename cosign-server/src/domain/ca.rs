//! Certification authorities: what is applied for, reviewed, issued, suspended and revoked.
//!
//! The life of a request is decided by [`request::transition`] alone, that of a certificate by
//! [`certificate::transition`]; both take an event and give the new state and what else has to happen in the same
//! transaction. What an applicant confirms, pays or uploads before a review is no part of this: a layer of orders puts it
//! in front of [`RequestEvent::Submit`].
//!
//! **Invariant:** the state of a request or certificate changes by these two functions only.

pub mod authority;
pub mod certificate;
pub mod escrow;
pub mod ports;
pub mod request;
#[cfg(test)]
mod tests;

pub use authority::{Authority, AuthorityId, AuthorityKey, Backend, Duty, Options};
pub use certificate::{CertState, Certificate, Effect, Event as CertEvent, Reason, Role, Serial, Successor};
pub use escrow::{Custodian, EscrowedKey, Quorum};
pub use request::{
    Decision, Event as RequestEvent, Kind, Profile, Request, RequestEffect, RequestId, RequestState, Reviewer,
};
