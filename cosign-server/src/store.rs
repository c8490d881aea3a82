//! Storage on embedded SQLite: one writer that commits in groups, a few readers.
//!
//! **Invariant:** no SQL outside of this layer; no protocol and no HTTP inside of it.

mod apply;
mod audit;
mod backup;
mod keys;
mod opening;
mod read;
mod registry;
mod rows;
mod sqlite;
#[cfg(test)]
mod tests;
mod tombstones;
mod wrapping;
mod writer;

pub use sqlite::{Access, OpenError, SqliteStore};
