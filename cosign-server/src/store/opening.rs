//! Writes of opening keys.

use super::{
    apply::{Applied, changed, run, stored},
    query::Connection,
};
use crate::domain::opening::OpeningKey;

pub(super) async fn add(connection: &mut Connection, key: &OpeningKey) -> Applied {
    run!(
        connection,
        "INSERT INTO opening_keys (public_key, label, created_ms, retired_ms, sealed) VALUES ($1, $2, $3, NULL, $4)",
        &key.public_key.as_point().to_bytes()[..],
        key.label.as_str(),
        stored(key.created_ms),
        &key.sealed[..],
    );
    Ok(Ok(()))
}

pub(super) async fn retire(connection: &mut Connection, public_key: &[u8; 64], at_ms: u64) -> Applied {
    Ok(changed(run!(
        connection,
        "UPDATE opening_keys SET retired_ms = $1 WHERE public_key = $2 AND retired_ms IS NULL",
        stored(at_ms),
        &public_key[..],
    )))
}

pub(super) async fn reseal(connection: &mut Connection, old: &[u8], new: &[u8]) -> Applied {
    Ok(changed(run!(connection, "UPDATE opening_keys SET sealed = $1 WHERE sealed = $2", new, old)))
}
