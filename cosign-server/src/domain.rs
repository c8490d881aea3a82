//! The rules, and the ports through which they reach time, chance and storage.
//!
//! **Invariant:** nothing in here knows HTTP, SQL or sockets.

pub mod audit;
pub mod ca;
pub mod clients;
pub mod device;
pub mod enrolment;
mod error;
pub mod events;
pub mod key;
pub mod office;
pub mod once;
pub mod opening;
pub mod operators;
pub mod page;
pub mod ports;
pub mod services;
pub mod throttle;

pub use error::Error;
