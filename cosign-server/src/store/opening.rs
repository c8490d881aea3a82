//! Writes of opening keys.

use sqlx::SqliteConnection;

use super::apply::{Applied, changed, run, stored};
use crate::domain::opening::OpeningKey;

pub(super) async fn add(connection: &mut SqliteConnection, key: &OpeningKey) -> Applied {
    run!(
        connection,
        "INSERT INTO opening_keys (public_key, label, created_ms, retired_ms, sealed) VALUES (?, ?, ?, NULL, ?)",
        &key.public_key.as_point().to_bytes()[..],
        key.label.as_str(),
        stored(key.created_ms),
        &key.sealed[..],
    );
    Ok(Ok(()))
}

pub(super) async fn retire(connection: &mut SqliteConnection, public_key: &[u8; 64], at_ms: u64) -> Applied {
    Ok(changed(run!(
        connection,
        "UPDATE opening_keys SET retired_ms = ? WHERE public_key = ? AND retired_ms IS NULL",
        stored(at_ms),
        &public_key[..],
    )))
}

pub(super) async fn reseal(connection: &mut SqliteConnection, old: &[u8], new: &[u8]) -> Applied {
    Ok(changed(run!(connection, "UPDATE opening_keys SET sealed = ? WHERE sealed = ?", new, old)))
}
