//! The audit log: appending leaves, looking up subtrees, keeping tree heads.

use std::collections::HashMap;

use cosign_core::audit::{Frontier, Hash, Node};
use sqlx::{Row, SqliteConnection, SqliteExecutor};

use super::rows::{self, unsigned};
use crate::domain::audit::{Entry, Event};

fn stored(number: u64) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}

/// Brings a tree up to what this connection sees: another process (an operator's command) may have appended meanwhile.
pub(super) async fn refresh(
    connection: &mut SqliteConnection,
    tree: &mut Frontier,
) -> Result<(), sqlx::Error> {
    let last = sqlx::query("SELECT seq, hashes FROM audit ORDER BY seq DESC LIMIT 1")
        .fetch_optional(&mut *connection)
        .await?;
    let Some(last) = last else {
        *tree = Frontier::new();
        return Ok(());
    };
    let (size, hashes): (u64, _) = (unsigned(last.try_get("seq")?)?, rows::hashes(&last)?);
    // The last record completes the smallest of the subtrees that the tree consists of.
    if tree.size() != size || tree.peaks().last() != hashes.last() {
        let nodes = Frontier::nodes(size);
        let found = self::nodes(connection, &nodes).await?;
        let peaks = nodes.iter().filter_map(|node| found.get(node).copied()).collect();
        *tree = Frontier::from_peaks(size, peaks).ok_or_else(missing)?;
    }
    Ok(())
}

fn missing() -> sqlx::Error {
    sqlx::Error::Decode("an audit record is missing".into())
}

/// Hashes of complete subtrees: each is in the row of the record that completed it.
pub(super) async fn nodes<'c>(
    executor: impl SqliteExecutor<'c>,
    nodes: &[Node],
) -> Result<HashMap<Node, Hash>, sqlx::Error> {
    let numbers: Vec<String> = nodes.iter().map(|node| node.completed_by().to_string()).collect();
    let rows = sqlx::query(
        "SELECT seq, hashes FROM audit WHERE seq IN (SELECT value FROM json_each('[' || ? || ']'))",
    )
    .bind(numbers.join(","))
    .fetch_all(executor)
    .await?;
    let mut completed = HashMap::with_capacity(rows.len());
    for row in &rows {
        completed.insert(unsigned::<u64>(row.try_get("seq")?)?, rows::hashes(row)?);
    }
    let found = nodes.iter().map(|node| {
        let hashes = completed.get(&node.completed_by()).ok_or_else(missing)?;
        let hash = usize::try_from(node.level).ok().and_then(|level| hashes.get(level));
        Ok((*node, *hash.ok_or_else(missing)?))
    });
    found.collect()
}

/// Appends a record; the tree grows with it.
pub(super) async fn append(
    connection: &mut SqliteConnection,
    event: &Event,
    tree: &mut Frontier,
) -> Result<(), sqlx::Error> {
    let entry = Entry::append(event, tree);
    sqlx::query("INSERT INTO audit (seq, record, hashes, key_id, sid, activated) VALUES (?, ?, ?, ?, ?, ?)")
        .bind(stored(entry.seq))
        .bind(entry.record)
        .bind(entry.hashes.as_flattened().to_vec())
        .bind(entry.key_id.map(|id| id.as_bytes().to_vec()))
        .bind(entry.sid.map(|id| id.as_bytes().to_vec()))
        .bind(entry.activated)
        .execute(connection)
        .await?;
    Ok(())
}
