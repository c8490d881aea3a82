//! Appending to the audit chain.

use sqlx::{Row, SqliteConnection};

use super::rows::unsigned;
use crate::domain::audit::{Event, Head};

/// The end of the chain, as this connection sees it.
pub(super) async fn head(connection: &mut SqliteConnection) -> Result<Head, sqlx::Error> {
    let row = sqlx::query("SELECT seq, leaf FROM audit ORDER BY seq DESC LIMIT 1")
        .fetch_optional(connection)
        .await?;
    let Some(row) = row else { return Ok(Head::EMPTY) };
    let leaf: Vec<u8> = row.try_get("leaf")?;
    let leaf = leaf.try_into().map_err(|_| sqlx::Error::Decode("an audit leaf has not 32 bytes".into()))?;
    Ok(Head { seq: unsigned(row.try_get("seq")?)?, leaf })
}

/// Appends a record and moves the head.
pub(super) async fn append(
    connection: &mut SqliteConnection,
    event: &Event,
    head: &mut Head,
) -> Result<(), sqlx::Error> {
    let seq = head.seq + 1;
    let (e_hash, r_hash) = event.item_hashes();
    let leaf = event.leaf(seq, &head.leaf);
    let items: Vec<u8> = event.items.iter().flat_map(|item| [item.digest, item.r].concat()).collect();
    sqlx::query(
        "INSERT INTO audit (seq, ts_ms, op, key_id, device, epoch, sid, h_req, count, e_hash, r_hash, items, result, \
         note, prev, leaf) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
    )
    .bind(i64::try_from(seq).unwrap_or(i64::MAX))
    .bind(i64::try_from(event.at_ms).unwrap_or(i64::MAX))
    .bind(event.act.byte())
    .bind(event.key_id.map(|id| id.as_bytes().to_vec()))
    .bind(event.device.map(|id| id.as_bytes().to_vec()))
    .bind(event.epoch)
    .bind(event.sid.map(|id| id.as_bytes().to_vec()))
    .bind(event.h_req.map(|hash| hash.to_vec()))
    .bind(event.count)
    .bind(e_hash.to_vec())
    .bind(r_hash.to_vec())
    .bind(items)
    .bind(event.result)
    .bind(event.note.clone())
    .bind(head.leaf.to_vec())
    .bind(leaf.to_vec())
    .execute(connection)
    .await?;
    *head = Head { seq, leaf };
    Ok(())
}
