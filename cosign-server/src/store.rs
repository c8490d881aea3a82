//! Storage, on embedded SQLite or on a PostgreSQL server: one writer that commits in groups, a few readers.
//!
//! **Invariant:** no SQL outside of this layer; no protocol and no HTTP inside of it.

mod apply;
mod audit;
mod backup;
mod checkpoint;
mod clients;
mod database;
mod error;
mod hot;
mod keys;
mod link;
mod look;
mod migrations;
mod office;
mod opening;
mod operators;
mod postgres;
mod purge;
mod query;
mod read;
mod registry;
mod rows;
mod source;
mod sqlite;
#[cfg(test)]
mod tests;
mod tombstones;
mod wrapping;
mod writer;

use std::time::Duration;

pub use database::Database;
pub use error::{Access, OpenError};
pub use look::{Look, Setting, look};
pub use migrations::{Schema, Step};
pub use source::{ServerUrl, Source};

/// Longest time for a connection to a database server.
const CONNECT: Duration = Duration::from_secs(5);
