//! Writes of wrapping keys.

use sqlx::SqliteConnection;

use super::apply::{Applied, changed, id, run, stored};
use crate::domain::{
    key::{Resealed, WrappedKey},
    ports::StoreError,
};

pub(super) async fn add(connection: &mut SqliteConnection, master: [u8; 4], key: &WrappedKey) -> Applied {
    Ok(changed(run!(
        connection,
        "INSERT INTO wrapping_keys (version, wrapped, created_ms) SELECT ?, ?, ? \
         WHERE EXISTS (SELECT 1 FROM meta WHERE name = 'master_key' AND value = ?)",
        &key.version.to_be_bytes()[..],
        &key.wrapped[..],
        stored(key.created_ms),
        &master[..],
    )))
}

pub(super) async fn reseal(connection: &mut SqliteConnection, resealed: &Resealed) -> Applied {
    Ok(changed(run!(
        connection,
        "UPDATE keys SET share = ?, pending = ? WHERE key_id = ? AND share = ? AND pending IS ?",
        &resealed.new.0[..],
        resealed.new.1.as_deref(),
        id(&resealed.key_id),
        &resealed.old.0[..],
        resealed.old.1.as_deref(),
    )))
}

pub(super) async fn reseal_audit_key(connection: &mut SqliteConnection, old: &[u8], new: &[u8]) -> Applied {
    Ok(changed(run!(connection, "UPDATE audit_key SET sealed = ? WHERE sealed = ?", new, old)))
}

pub(super) async fn drop_unused(connection: &mut SqliteConnection) -> Applied {
    run!(
        connection,
        "DELETE FROM wrapping_keys WHERE version < (SELECT MAX(version) FROM wrapping_keys) \
         AND NOT EXISTS (SELECT 1 FROM keys WHERE share_key = wrapping_keys.version) \
         AND NOT EXISTS (SELECT 1 FROM keys WHERE pending_key = wrapping_keys.version) \
         AND NOT EXISTS (SELECT 1 FROM audit_key WHERE sealed_key = wrapping_keys.version) \
         AND NOT EXISTS (SELECT 1 FROM opening_keys WHERE sealed_key = wrapping_keys.version) \
         AND NOT EXISTS (SELECT 1 FROM authority_keys WHERE sealed_key = wrapping_keys.version)",
    );
    Ok(Ok(()))
}

pub(super) async fn replace_master(
    connection: &mut SqliteConnection,
    from: [u8; 4],
    to: [u8; 4],
    keys: &[WrappedKey],
) -> Applied {
    let rows = run!(
        connection,
        "UPDATE meta SET value = ? WHERE name = 'master_key' AND value = ?",
        &to[..],
        &from[..],
    );
    if rows == 0 {
        return Ok(Err(StoreError::Stale));
    }
    for key in keys {
        let rows = run!(
            connection,
            "UPDATE wrapping_keys SET wrapped = ? WHERE version = ?",
            &key.wrapped[..],
            &key.version.to_be_bytes()[..],
        );
        if rows == 0 {
            return Ok(Err(StoreError::Stale));
        }
    }
    let all: i64 =
        sqlx::query_scalar("SELECT COUNT(*) FROM wrapping_keys").fetch_one(&mut *connection).await?;
    Ok(if usize::try_from(all) == Ok(keys.len()) { Ok(()) } else { Err(StoreError::Stale) })
}
