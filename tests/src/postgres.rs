//! Databases on the PostgreSQL server that `COSIGN_TEST_POSTGRES` names.

use std::{
    process::{self, Command},
    sync::atomic::{AtomicUsize, Ordering},
};

/// Makes a database that nobody else has, with `psql`; its address. `None` without a server.
#[must_use]
pub fn new_database() -> Option<String> {
    static COUNT: AtomicUsize = AtomicUsize::new(0);
    let server = std::env::var("COSIGN_TEST_POSTGRES").ok()?;
    let name = format!("cosign_e2e_{}_{}", process::id(), COUNT.fetch_add(1, Ordering::Relaxed));
    let made =
        Command::new("psql").args([&server, "-qc", &format!("CREATE DATABASE {name}")]).output().unwrap();
    assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
    let (address, options) = server.split_once('?').unwrap_or((&server, ""));
    let (address, _) = address.rsplit_once('/').unwrap();
    Some(format!("{address}/{name}?{options}"))
}

/// How many nodes a server has there: `COSIGN_TEST_NODES`, or one.
#[must_use]
pub fn nodes() -> usize {
    std::env::var("COSIGN_TEST_NODES").map_or(1, |nodes| nodes.parse().unwrap())
}
