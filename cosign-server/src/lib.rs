//! The signing server: one UDP and one TCP port, embedded SQLite, the server role of the two-party SM2 protocol.
//!
//! Layers, each knowing only what it must: `transport` (sockets) → `api` (HTTP) → `domain` (rules and ports) ←
//! `signer` (protocol), `store` (SQL); `app` wires them. A request travels: `transport::framed` (`frames`) or
//! `api::operations` → `signer::service` → `signer::operate` → `store::writer` → back.
#![forbid(unsafe_code)]

pub mod api;
pub mod app;
pub mod cli;
pub mod dev;
pub mod domain;
pub mod frames;
pub mod signer;
pub mod store;
pub mod telemetry;
pub mod transport;

#[cfg(test)]
mod layers;
#[cfg(test)]
mod testing;
