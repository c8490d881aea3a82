//! Reads: point look-ups and short lists.

use std::collections::HashMap;

use super::{
    query::{Pool, Row, query},
    rows::{self, read_error, unsigned},
};
use crate::domain::{
    audit::{Entry, SealedAuditKey, SignedTreeHead},
    device::Device,
    key::{IssuedKey, StoredKey, WrappedKey},
    once::{self, Outcome},
    opening::OpeningKey,
    operators::ports::WhichKeys,
    page::Page,
    ports::{LiveSession, RecordsOfKey, StoreError},
};
use cosign_core::{
    DeviceId, KeyId,
    audit::{Frontier, Hash, Node},
};

pub(super) fn one<T>(
    row: Result<Option<Row>, sqlx::Error>,
    read: impl FnOnce(&Row) -> Result<T, sqlx::Error>,
) -> Result<Option<T>, StoreError> {
    row.and_then(|row| row.as_ref().map(read).transpose()).map_err(read_error)
}

pub(super) fn all<T>(
    rows: Result<Vec<Row>, sqlx::Error>,
    read: impl Fn(&Row) -> Result<T, sqlx::Error>,
) -> Result<Vec<T>, StoreError> {
    rows.and_then(|rows| rows.iter().map(read).collect()).map_err(read_error)
}

fn stored(number: u64) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}

/// Keys as [`rows::key`] reads them, with what all shares of their public key make together.
macro_rules! select_keys {
    ($logged_epoch:literal, $which:literal) => {
        query(concat!(
            "SELECT k.*, i.label, ",
            $logged_epoch,
            " AS logged_epoch, \
             CAST((SELECT SUM(s.decrypts) FROM keys s WHERE s.public_key = k.public_key) AS BIGINT) AS all_decrypts, \
             CAST((SELECT SUM(s.live_seat) FROM keys s WHERE s.public_key = k.public_key) AS BIGINT) AS seats \
             FROM keys k JOIN key_ids i ON i.key_id = k.key_id WHERE ",
            $which
        ))
    };
}

pub(super) async fn key(pool: &Pool, key_id: &KeyId) -> Result<Option<StoredKey>, StoreError> {
    let row = select_keys!(
        "(SELECT MAX(a.activated) FROM audit a WHERE a.key_id = k.key_id AND a.activated IS NOT NULL)",
        "k.key_id = $1"
    )
    .bind(key_id.as_bytes().to_vec())
    .optional(pool)
    .await;
    one(row, rows::key)
}

pub(super) async fn key_version(pool: &Pool, key_id: &KeyId) -> Result<Option<i64>, StoreError> {
    let row = query("SELECT version FROM keys WHERE key_id = $1")
        .bind(key_id.as_bytes().to_vec())
        .optional(pool)
        .await;
    one(row, |row| row.get("version"))
}

pub(super) async fn keys(
    pool: &Pool,
    device: Option<&DeviceId>,
    page: &Page,
) -> Result<Vec<StoredKey>, StoreError> {
    let mut rows = select_keys!("CAST(NULL AS BIGINT)", "1 = 1");
    if let Some(device) = device {
        rows.push(" AND k.device_id = ", &device.as_bytes()[..]);
    }
    if let Some(after) = page.after() {
        rows.push(" AND (k.created_ms, k.key_id) > (", stored(after.at_ms));
        rows.push(", ", &after.id[..]);
        rows = rows.then(")");
    }
    rows.push(" ORDER BY k.created_ms, k.key_id LIMIT ", page.to_read());
    all(rows.all(pool).await, rows::key)
}

pub(super) async fn keys_where(pool: &Pool, which: WhichKeys) -> Result<Vec<StoredKey>, StoreError> {
    let mut rows = select_keys!("CAST(NULL AS BIGINT)", "1 = 1");
    if let Some(device) = which.device {
        rows.push(" AND k.device_id = ", &device.as_bytes()[..]);
    }
    if let Some(public_key) = which.public_key {
        rows.push(" AND k.public_key = ", &public_key[..]);
    }
    if let Some(status) = which.status {
        rows.push(" AND k.status = ", status.as_str());
    }
    if let Some(after) = which.after {
        rows.push(" AND k.key_id > ", &after.as_bytes()[..]);
    }
    rows.push(" ORDER BY k.key_id LIMIT ", which.limit);
    all(rows.all(pool).await, rows::key)
}

pub(super) async fn shares(pool: &Pool, public_key: &[u8; 64]) -> Result<Vec<StoredKey>, StoreError> {
    let rows = select_keys!("CAST(NULL AS BIGINT)", "k.public_key = $1 ORDER BY k.created_ms, k.key_id")
        .bind(public_key.to_vec())
        .all(pool)
        .await;
    all(rows, rows::key)
}

pub(super) async fn issued(pool: &Pool, key_id: &KeyId) -> Result<Option<IssuedKey>, StoreError> {
    let row = query("SELECT * FROM key_ids WHERE key_id = $1")
        .bind(key_id.as_bytes().to_vec())
        .optional(pool)
        .await;
    one(row, rows::issued)
}

pub(super) async fn key_counts(
    pool: &Pool,
    device: &DeviceId,
    now_ms: u64,
) -> Result<(u64, u64), StoreError> {
    let row = query(
        "SELECT (SELECT COUNT(*) FROM keys WHERE device_id = $1 AND status <> 'revoked') AS keys, \
         (SELECT COUNT(*) FROM key_ids WHERE device_id = $1 AND used_ms IS NULL AND expires_ms > $2) AS issued",
    )
    .bind(device.as_bytes().to_vec())
    .bind(stored(now_ms))
    .one(pool)
    .await;
    let counts = row.and_then(|row| Ok((unsigned(row.get("keys")?)?, unsigned(row.get("issued")?)?)));
    counts.map_err(read_error)
}

pub(super) async fn device(pool: &Pool, device: &DeviceId) -> Result<Option<Device>, StoreError> {
    let row = query("SELECT * FROM devices WHERE device_id = $1")
        .bind(device.as_bytes().to_vec())
        .optional(pool)
        .await;
    one(row, rows::device)
}

pub(super) async fn outcome(
    pool: &Pool,
    device: &DeviceId,
    key: &str,
) -> Result<Option<Outcome>, StoreError> {
    let row = query("SELECT * FROM outcomes WHERE device_id = $1 AND once_key = $2")
        .bind(device.as_bytes().to_vec())
        .bind(key)
        .optional(pool)
        .await;
    one(row, rows::outcome)
}

pub(super) async fn revoked(pool: &Pool) -> Result<Vec<KeyId>, StoreError> {
    let rows = query("SELECT key_id FROM keys WHERE status = 'revoked'").all(pool).await;
    all(rows, rows::key_id)
}

pub(super) async fn wrapping_keys(pool: &Pool) -> Result<Vec<WrappedKey>, StoreError> {
    let rows = query("SELECT * FROM wrapping_keys ORDER BY version").all(pool).await;
    all(rows, rows::wrapped_key)
}

pub(super) async fn sealed_before(
    pool: &Pool,
    version: u32,
    after: Option<KeyId>,
    limit: u32,
) -> Result<Vec<StoredKey>, StoreError> {
    let rows = select_keys!(
        "CAST(NULL AS BIGINT)",
        "k.key_id > $1 AND (k.share_key < $2 OR k.pending_key < $2) ORDER BY k.key_id LIMIT $3"
    )
    .bind(after.map_or_else(Vec::new, |key_id| key_id.as_bytes().to_vec()))
    .bind(version.to_be_bytes().to_vec())
    .bind(limit)
    .all(pool)
    .await;
    all(rows, rows::key)
}

pub(super) async fn has_expired(pool: &Pool, now_ms: u64) -> Result<bool, StoreError> {
    let found = query(
        "SELECT key_id FROM spent_sessions WHERE until_ms < $1 \
         UNION ALL SELECT device_id FROM outcomes WHERE created_ms <= $2 LIMIT 1",
    );
    let found = found.bind(stored(now_ms)).bind(stored(now_ms.saturating_sub(once::KEPT_MS)));
    Ok(found.optional(pool).await.map_err(read_error)?.is_some())
}

pub(super) async fn live_sessions(pool: &Pool, now_ms: u64) -> Result<Vec<LiveSession>, StoreError> {
    let rows =
        query("SELECT * FROM spent_sessions WHERE until_ms >= $1").bind(stored(now_ms)).all(pool).await;
    all(rows, rows::live_session)
}

pub(super) async fn audit(pool: &Pool, after: u64, limit: u32) -> Result<Vec<Entry>, StoreError> {
    let rows = query("SELECT * FROM audit WHERE seq > $1 ORDER BY seq LIMIT $2")
        .bind(stored(after))
        .bind(limit)
        .all(pool)
        .await;
    all(rows, rows::entry)
}

pub(super) async fn audit_of_key(pool: &Pool, wanted: &RecordsOfKey) -> Result<Vec<Entry>, StoreError> {
    let rows = query(
        "SELECT * FROM audit WHERE key_id = $1 AND seq > $2 AND seq <= $3 AND ($4 IS NULL OR sid = $4) \
         ORDER BY seq LIMIT $5",
    )
    .bind(wanted.key_id.as_bytes().to_vec())
    .bind(stored(wanted.after))
    .bind(stored(wanted.up_to))
    .bind(wanted.sid.map(|sid| sid.as_bytes().to_vec()))
    .bind(wanted.limit)
    .all(pool)
    .await;
    all(rows, rows::entry)
}

pub(super) async fn audit_tree(pool: &Pool) -> Result<Frontier, StoreError> {
    let mut tree = Frontier::new();
    super::audit::refresh(pool, &mut tree).await.map_err(read_error)?;
    Ok(tree)
}

pub(super) async fn audit_nodes(pool: &Pool, nodes: &[Node]) -> Result<HashMap<Node, Hash>, StoreError> {
    super::audit::nodes(pool, nodes).await.map_err(read_error)
}

pub(super) async fn tree_head(pool: &Pool, size: Option<u64>) -> Result<Option<SignedTreeHead>, StoreError> {
    let row = match size {
        None => query("SELECT head FROM tree_heads ORDER BY number DESC LIMIT 1"),
        Some(size) => query("SELECT head FROM tree_heads WHERE size = $1 ORDER BY number DESC LIMIT 1")
            .bind(stored(size)),
    };
    one(row.optional(pool).await, rows::tree_head)
}

pub(super) async fn tree_heads(
    pool: &Pool,
    skip: u64,
    limit: u32,
) -> Result<Vec<SignedTreeHead>, StoreError> {
    let rows = query("SELECT head FROM tree_heads WHERE number > $1 ORDER BY number LIMIT $2")
        .bind(stored(skip))
        .bind(limit)
        .all(pool)
        .await;
    all(rows, rows::tree_head)
}

pub(super) async fn opening_keys(pool: &Pool) -> Result<Vec<OpeningKey>, StoreError> {
    let rows = query("SELECT * FROM opening_keys ORDER BY created_ms, public_key").all(pool).await;
    all(rows, rows::opening_key)
}

pub(super) async fn audit_key(pool: &Pool) -> Result<Option<SealedAuditKey>, StoreError> {
    let row = query("SELECT public_key, sealed FROM audit_key").optional(pool).await;
    one(row, rows::audit_key)
}
