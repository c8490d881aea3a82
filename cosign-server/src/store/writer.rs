//! Group commit: one task owns the write connection and puts the units that queued meanwhile into one transaction.
//!
//! Every unit has a savepoint, so one that fails is undone alone. Nobody is told of success before the transaction is
//! durable (WAL, `synchronous = FULL`: one fsync for the whole group).

use std::sync::{Arc, Mutex, PoisonError};

use cosign_core::{KeyId, audit::Frontier};
use sqlx::{Connection, SqliteConnection};
use tokio::{
    sync::{mpsc, oneshot, watch},
    task::JoinHandle,
};

use super::{apply, audit, rows::refused, tombstones::Tombstones};
use crate::{
    domain::{
        audit::ACTIVATED,
        key::Status,
        ports::{StoreError, Unit, Write},
    },
    telemetry::Telemetry,
};

/// Units that may wait; more make their senders wait.
const QUEUE: usize = 1024;
/// Units in one transaction.
const GROUP: usize = 256;

struct Waiting {
    unit: Unit,
    done: oneshot::Sender<Result<(), StoreError>>,
}

/// The handle to the writer task.
pub(super) struct Writer {
    queue: Mutex<Option<mpsc::Sender<Waiting>>>,
    task: Mutex<Option<JoinHandle<()>>>,
    audit_size: watch::Receiver<u64>,
    telemetry: Arc<Telemetry>,
}

impl Writer {
    /// Starts the task.
    #[expect(clippy::disallowed_methods, reason = "the writer is one of the tasks that shutdown awaits")]
    pub(super) fn start(
        connection: SqliteConnection,
        tombstones: Arc<Tombstones>,
        telemetry: Arc<Telemetry>,
    ) -> Self {
        let (sender, receiver) = mpsc::channel(QUEUE);
        let (grown, audit_size) = watch::channel(0);
        let task = tokio::spawn(run(connection, receiver, grown, tombstones, Arc::clone(&telemetry)));
        Self { queue: Mutex::new(Some(sender)), task: Mutex::new(Some(task)), audit_size, telemetry }
    }

    /// Follows the number of audit records.
    pub(super) fn audit_growth(&self) -> watch::Receiver<u64> {
        self.audit_size.clone()
    }

    /// Queues a unit and waits until it is durable or refused.
    pub(super) async fn commit(&self, unit: Unit) -> Result<(), StoreError> {
        let queue = self.queue.lock().unwrap_or_else(PoisonError::into_inner).clone();
        let queue = queue.ok_or(StoreError::Unavailable)?;
        let (done, outcome) = oneshot::channel();
        queue.send(Waiting { unit, done }).await.map_err(|_| StoreError::Unavailable)?;
        self.telemetry.commit_queue(QUEUE - queue.capacity());
        drop(queue);
        outcome.await.map_err(|_| StoreError::Unavailable)?
    }

    /// Commits what waits and ends the task.
    pub(super) async fn close(&self) {
        drop(self.queue.lock().unwrap_or_else(PoisonError::into_inner).take());
        let task = self.task.lock().unwrap_or_else(PoisonError::into_inner).take();
        if let Some(task) = task
            && task.await.is_err()
        {
            tracing::error!("the writer ended abnormally");
        }
    }
}

async fn run(
    mut connection: SqliteConnection,
    mut queue: mpsc::Receiver<Waiting>,
    audit_size: watch::Sender<u64>,
    tombstones: Arc<Tombstones>,
    telemetry: Arc<Telemetry>,
) {
    let mut tree = Frontier::new();
    let mut group = Vec::with_capacity(GROUP);
    // At first too: the process before this one may have been killed between a commit and what follows it.
    let mut cut_log = true;
    while queue.recv_many(&mut group, GROUP).await > 0 {
        let mut outcomes = Vec::with_capacity(group.len());
        let committed = transact(&mut connection, &group, &mut tree, &tombstones, &mut outcomes).await;
        telemetry.committed(group.len(), committed.is_ok());
        cut_log |= group.iter().any(|waiting| waiting.unit.0.iter().any(destroys_share));
        if let Err(error) = &committed {
            tracing::error!(%error, units = group.len(), "the transaction failed");
            drop(sqlx::query("ROLLBACK").execute(&mut connection).await);
            tree = Frontier::new();
        }
        audit_size
            .send_if_modified(|size| committed.is_ok() && std::mem::replace(size, tree.size()) != *size);
        for (index, waiting) in group.drain(..).enumerate() {
            let outcome = match &committed {
                Ok(()) => outcomes.get(index).copied().unwrap_or(Err(StoreError::Unavailable)),
                Err(_) => Err(StoreError::Unavailable),
            };
            // A sender that is gone does not need to know.
            let _gone = waiting.done.send(outcome);
        }
        // The bytes of a destroyed share are still in the write-ahead log; this moves it into the database and cuts it.
        if cut_log {
            cut_log = !checkpoint(&mut connection).await;
        }
    }
    if let Err(error) = connection.close().await {
        tracing::warn!(%error, "the database did not close cleanly");
    }
}

/// Whether it succeeded; a reader that is in its way makes it fail, and it is done after the next commit.
async fn checkpoint(connection: &mut SqliteConnection) -> bool {
    let busy: Result<bool, _> =
        sqlx::query_scalar("PRAGMA wal_checkpoint(TRUNCATE)").fetch_one(connection).await;
    if let Err(error) = &busy {
        tracing::warn!(%error, "the write-ahead log still holds a destroyed share");
    }
    matches!(busy, Ok(false))
}

/// A revocation empties the row, an activated refresh writes the new share over the old one; dropped and replaced wrapping
/// keys open what was sealed under them.
fn destroys_share(write: &Write) -> bool {
    match write {
        Write::DropWrappingKeys | Write::ReplaceMasterKey { .. } | Write::MoveAway { .. } => true,
        Write::SetStatus { to, .. } => *to == Status::Revoked,
        Write::Log(event) => event.note == ACTIVATED,
        _ => false,
    }
}

/// The keys that a unit revokes, and when: the time of its audit record, unix milliseconds. `moves`: those whose place is
/// taken by another one, or the others.
fn revoked(unit: &Unit, moves: bool) -> impl Iterator<Item = (KeyId, u64)> {
    let at_ms = unit.0.iter().find_map(|write| match write {
        Write::Log(event) => Some(event.at_ms),
        _ => None,
    });
    let keys = unit.0.iter().filter_map(move |write| match write {
        Write::SetStatus { key_id, to: Status::Revoked, .. } if !moves => Some(*key_id),
        Write::MoveAway { key_id } if moves => Some(*key_id),
        _ => None,
    });
    keys.map(move |key_id| (key_id, at_ms.unwrap_or(0)))
}

/// One transaction for the whole group. `Err` means that nothing of it happened.
///
/// Every statement is a trip to the thread of the database, so the ends of neighbouring savepoints travel together.
async fn transact(
    connection: &mut SqliteConnection,
    group: &[Waiting],
    tree: &mut Frontier,
    tombstones: &Tombstones,
    outcomes: &mut Vec<Result<(), StoreError>>,
) -> Result<(), sqlx::Error> {
    sqlx::query("BEGIN IMMEDIATE; SAVEPOINT unit").execute(&mut *connection).await?;
    // Under the write lock, so that nobody appends until the commit.
    audit::refresh(connection, tree).await?;
    for (index, Waiting { unit, .. }) in group.iter().enumerate() {
        if index > 0 {
            sqlx::query("RELEASE unit; SAVEPOINT unit").execute(&mut *connection).await?;
        }
        let mut grown = tree.clone();
        let outcome = write_all(connection, unit, &mut grown).await?;
        match outcome {
            Ok(()) => *tree = grown,
            // Undone, and the savepoint stays open.
            Err(_) => {
                sqlx::query("ROLLBACK TO unit").execute(&mut *connection).await?;
            }
        }
        outcomes.push(outcome);
    }
    // On record before the database knows: what the database may lose again, the record keeps.
    let done = group.iter().zip(&*outcomes).filter(|(_, outcome)| outcome.is_ok());
    let revocations: Vec<_> = done.flat_map(|(waiting, _)| revoked(&waiting.unit, false)).collect();
    tombstones.append(&revocations).map_err(sqlx::Error::Io)?;
    sqlx::query("RELEASE unit; COMMIT").execute(&mut *connection).await?;
    for (Waiting { unit, .. }, outcome) in group.iter().zip(outcomes).filter(|(_, outcome)| outcome.is_ok()) {
        let moved: Vec<_> = revoked(unit, true).collect();
        // It is on record again when the database is opened next.
        if let Err(error) = tombstones.append(&moved) {
            tracing::error!(%error, "a share that has moved is not on record as revoked");
            *outcome = Err(StoreError::Unavailable);
        }
    }
    Ok(())
}

/// The writes of one unit up to the first that is refused. `Err` means that the connection or the disk failed.
async fn write_all(
    connection: &mut SqliteConnection,
    unit: &Unit,
    tree: &mut Frontier,
) -> Result<Result<(), StoreError>, sqlx::Error> {
    for write in &unit.0 {
        match apply::apply(connection, write, tree).await {
            Ok(Ok(())) => {}
            Ok(Err(refusal)) => return Ok(Err(refusal)),
            Err(error) => return Ok(Err(refused(error)?)),
        }
    }
    Ok(Ok(()))
}
