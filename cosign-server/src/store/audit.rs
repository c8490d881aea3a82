//! The audit log: appending leaves, looking up subtrees, keeping tree heads.

use std::collections::HashMap;

use cosign_core::audit::{Frontier, Hash, Node};

use super::{
    query::{Connection, Executor, chunks, query},
    rows::{self, unsigned},
};
use crate::domain::audit::{Entry, Event};

fn stored(number: u64) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}

/// Brings a tree up to what this connection sees: another process (an operator's command) may have appended meanwhile.
pub(super) async fn refresh(mut on: impl Executor, tree: &mut Frontier) -> Result<(), sqlx::Error> {
    let last = query("SELECT seq, hashes FROM audit ORDER BY seq DESC LIMIT 1").optional(on.again()).await?;
    let Some(last) = last else {
        *tree = Frontier::new();
        return Ok(());
    };
    let (size, hashes): (u64, _) = (unsigned(last.get("seq")?)?, rows::hashes(&last)?);
    // The last record completes the smallest of the subtrees that the tree consists of.
    if tree.size() != size || tree.peaks().last() != hashes.last() {
        let nodes = Frontier::nodes(size);
        let found = self::nodes(on, &nodes).await?;
        let peaks = nodes.iter().filter_map(|node| found.get(node).copied()).collect();
        *tree = Frontier::from_peaks(size, peaks).ok_or_else(missing)?;
    }
    Ok(())
}

fn missing() -> sqlx::Error {
    sqlx::Error::Decode("an audit record is missing".into())
}

/// Hashes of complete subtrees: each is in the row of the record that completed it.
pub(super) async fn nodes(on: impl Executor, nodes: &[Node]) -> Result<HashMap<Node, Hash>, sqlx::Error> {
    let numbers: Vec<String> = nodes.iter().map(|node| node.completed_by().to_string()).collect();
    let rows = match &numbers[..] {
        [] => Vec::new(),
        numbers => {
            let rows = query(format!("SELECT seq, hashes FROM audit WHERE seq IN ({})", numbers.join(",")));
            rows.once().all(on).await?
        }
    };
    let mut completed = HashMap::with_capacity(rows.len());
    for row in &rows {
        completed.insert(unsigned::<u64>(row.get("seq")?)?, rows::hashes(row)?);
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
    connection: &mut Connection,
    event: &Event,
    tree: &mut Frontier,
) -> Result<(), sqlx::Error> {
    append_all(connection, &[event], tree).await
}

/// Appends records.
pub(super) async fn append_all(
    connection: &mut Connection,
    events: &[&Event],
    tree: &mut Frontier,
) -> Result<(), sqlx::Error> {
    for chunk in chunks(events) {
        let mut rows = query("INSERT INTO audit (seq, record, hashes, key_id, sid, activated) VALUES ");
        for event in chunk {
            let entry = Entry::append(event, tree);
            rows.row([
                stored(entry.seq).into(),
                entry.record.into(),
                entry.hashes.as_flattened().into(),
                entry.key_id.map(|id| id.as_bytes().to_vec()).into(),
                entry.sid.map(|id| id.as_bytes().to_vec()).into(),
                entry.activated.map(i64::from).into(),
            ]);
        }
        rows.execute(&mut *connection).await?;
    }
    Ok(())
}
