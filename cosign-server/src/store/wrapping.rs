//! Writes of wrapping keys.

use super::{
    apply::{Applied, changed, id, run, stored},
    query::{Connection, query},
};
use crate::domain::{
    key::{Resealed, WrappedKey},
    ports::StoreError,
};

pub(super) async fn add(connection: &mut Connection, master: [u8; 4], key: &WrappedKey) -> Applied {
    Ok(changed(run!(
        connection,
        "INSERT INTO wrapping_keys (version, wrapped, created_ms) SELECT $1, $2, $3 \
         WHERE EXISTS (SELECT 1 FROM meta WHERE name = 'master_key' AND value = $4)",
        &key.version.to_be_bytes()[..],
        &key.wrapped[..],
        stored(key.created_ms),
        &master[..],
    )))
}

pub(super) async fn reseal(connection: &mut Connection, resealed: &Resealed) -> Applied {
    Ok(changed(run!(
        connection,
        "UPDATE keys SET share = $1, pending = $2 WHERE key_id = $3 AND share = $4 AND pending IS NOT DISTINCT FROM $5",
        &resealed.new.0[..],
        resealed.new.1.as_deref(),
        id(&resealed.key_id),
        &resealed.old.0[..],
        resealed.old.1.as_deref(),
    )))
}

pub(super) async fn reseal_audit_key(connection: &mut Connection, old: &[u8], new: &[u8]) -> Applied {
    Ok(changed(run!(connection, "UPDATE audit_key SET sealed = $1 WHERE sealed = $2", new, old)))
}

pub(super) async fn drop_unused(connection: &mut Connection) -> Applied {
    run!(
        connection,
        "DELETE FROM wrapping_keys WHERE version < (SELECT version FROM wrapping_keys ORDER BY version DESC LIMIT 1) \
         AND NOT EXISTS (SELECT 1 FROM keys WHERE share_key = wrapping_keys.version) \
         AND NOT EXISTS (SELECT 1 FROM keys WHERE pending_key = wrapping_keys.version) \
         AND NOT EXISTS (SELECT 1 FROM personal_key WHERE sealed_key = wrapping_keys.version) \
         AND NOT EXISTS (SELECT 1 FROM audit_key WHERE sealed_key = wrapping_keys.version) \
         AND NOT EXISTS (SELECT 1 FROM opening_keys WHERE sealed_key = wrapping_keys.version) \
         AND NOT EXISTS (SELECT 1 FROM authority_keys WHERE sealed_key = wrapping_keys.version)",
    );
    Ok(Ok(()))
}

pub(super) async fn replace_master(
    connection: &mut Connection,
    from: [u8; 4],
    to: [u8; 4],
    keys: &[WrappedKey],
) -> Applied {
    let rows = run!(
        connection,
        "UPDATE meta SET value = $1 WHERE name = 'master_key' AND value = $2",
        &to[..],
        &from[..],
    );
    if rows == 0 {
        return Ok(Err(StoreError::Stale));
    }
    for key in keys {
        let rows = run!(
            connection,
            "UPDATE wrapping_keys SET wrapped = $1 WHERE version = $2",
            &key.wrapped[..],
            &key.version.to_be_bytes()[..],
        );
        if rows == 0 {
            return Ok(Err(StoreError::Stale));
        }
    }
    let all: i64 = query("SELECT COUNT(*) FROM wrapping_keys").one(&mut *connection).await?.get(0)?;
    Ok(if usize::try_from(all) == Ok(keys.len()) { Ok(()) } else { Err(StoreError::Stale) })
}
