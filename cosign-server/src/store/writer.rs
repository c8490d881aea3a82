//! Group commit: one task owns the write connection and puts the units that queued meanwhile into one transaction.
//!
//! A unit that fails is undone alone. Nobody is told of success before the transaction is durable (SQLite: write-ahead log,
//! `synchronous = FULL`; PostgreSQL: `synchronous_commit`; one fsync for the whole group). One transaction writes at a time,
//! of whatever process: SQLite's write lock, PostgreSQL's advisory lock.

use std::{
    pin::pin,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use cosign_core::{KeyId, audit::Frontier};
use tokio::{
    sync::{mpsc, oneshot, watch},
    task::JoinHandle,
    time::sleep,
};

use super::{
    apply, audit, clients,
    hot::{self, Hot},
    link::Link,
    query::Connection,
    rows::refused,
    tombstones::Tombstones,
};
use crate::{
    domain::{
        audit::ACTIVATED,
        events,
        key::Status,
        ports::{StoreError, Unit, Write},
    },
    telemetry::{Telemetry, part},
};

/// Units that may wait; more make their senders wait.
const QUEUE: usize = 1024;
/// Units in one transaction.
const GROUP: usize = 256;
/// From the beginning of a transaction to that of the next, unless it is full. A unit that comes alone does not wait; under
/// load one fsync and one set of statements serve more of them.
const PACE: Duration = Duration::from_millis(2);
/// Until the log is to be cut again, when somebody was in the way.
const CUT_AGAIN: Duration = Duration::from_millis(100);

struct Waiting {
    unit: Unit,
    done: oneshot::Sender<Result<(), StoreError>>,
}

/// The handle to the writer task.
pub(super) struct Writer {
    queue: Mutex<Option<mpsc::Sender<Waiting>>>,
    task: Mutex<Option<JoinHandle<()>>>,
    audit_size: watch::Receiver<u64>,
    newest_event: watch::Receiver<u64>,
    telemetry: Arc<Telemetry>,
}

impl Writer {
    /// Starts the task.
    #[expect(clippy::disallowed_methods, reason = "the writer is one of the tasks that shutdown awaits")]
    pub(super) fn start(link: Link, tombstones: Arc<Tombstones>, telemetry: Arc<Telemetry>) -> Self {
        let (sender, receiver) = mpsc::channel(QUEUE);
        let (grown, audit_size) = watch::channel(0);
        let (told, newest_event) = watch::channel(0);
        let task = tokio::spawn(run(link, receiver, (grown, told), tombstones, Arc::clone(&telemetry)));
        let (queue, task) = (Mutex::new(Some(sender)), Mutex::new(Some(task)));
        Self { queue, task, audit_size, newest_event, telemetry }
    }

    /// Follows the number of audit records.
    pub(super) fn audit_growth(&self) -> watch::Receiver<u64> {
        self.audit_size.clone()
    }

    /// Follows the number of the newest event.
    pub(super) fn event_growth(&self) -> watch::Receiver<u64> {
        self.newest_event.clone()
    }

    /// Queues a unit and waits until it is durable or refused.
    pub(super) async fn commit(&self, unit: Unit) -> Result<(), StoreError> {
        let _committing = part("commit");
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
    mut link: Link,
    mut queue: mpsc::Receiver<Waiting>,
    (audit_size, newest_event): (watch::Sender<u64>, watch::Sender<u64>),
    tombstones: Arc<Tombstones>,
    telemetry: Arc<Telemetry>,
) {
    let mut tree = Frontier::new();
    let mut group = Vec::with_capacity(GROUP);
    // At first too: the process before this one may have been killed between a commit and what follows it.
    let (mut cut_log, mut cut_due) = (true, pin!(sleep(Duration::ZERO)));
    let mut pace = pin!(sleep(Duration::ZERO));
    loop {
        let taken = tokio::select! {
            biased;
            // The bytes of a destroyed share are still in the write-ahead log; this moves it into the database and cuts it. It
            // does not wait for the next commit, which may never come.
            () = cut_due.as_mut(), if cut_log => {
                cut_log = !link.cut_log().await;
                cut_due.set(sleep(CUT_AGAIN));
                continue;
            }
            taken = queue.recv_many(&mut group, GROUP) => taken,
        };
        if taken == 0 {
            break;
        }
        if group.len() < GROUP {
            pace.as_mut().await;
            while group.len() < GROUP
                && let Ok(waiting) = queue.try_recv()
            {
                group.push(waiting);
            }
        }
        pace.set(sleep(PACE));
        let mut outcomes = Vec::with_capacity(group.len());
        let mut newest = 0;
        let committed = match link.connection().await {
            Ok(connection) => {
                let patience = connection.patience();
                let done = (&mut outcomes, &mut newest);
                let transaction = transact(connection, &group, &mut tree, &tombstones, done);
                within(patience, transaction).await
            }
            Err(error) => Err(error),
        };
        telemetry.committed(group.len(), committed.is_ok());
        if group.iter().any(|waiting| waiting.unit.0.iter().any(destroys_share)) {
            cut_log = true;
            cut_due.set(sleep(Duration::ZERO));
        }
        if let Err(error) = &committed {
            tracing::error!(%error, units = group.len(), "the transaction failed");
            link.undo().await;
            tree = Frontier::new();
        }
        audit_size
            .send_if_modified(|size| committed.is_ok() && std::mem::replace(size, tree.size()) != *size);
        if committed.is_ok() && newest > 0 {
            newest_event.send_replace(newest);
        }
        for (index, waiting) in group.drain(..).enumerate() {
            let outcome = match &committed {
                Ok(()) => outcomes.get(index).copied().unwrap_or(Err(StoreError::Unavailable)),
                Err(_) => Err(StoreError::Unavailable),
            };
            // A sender that is gone does not need to know.
            let _gone = waiting.done.send(outcome);
        }
        if committed.is_ok() {
            link.committed().await;
        }
    }
    link.close().await;
}

/// A server that does not answer is not waited for without end.
async fn within(
    patience: Option<Duration>,
    transaction: impl Future<Output = Result<(), sqlx::Error>>,
) -> Result<(), sqlx::Error> {
    match patience {
        None => transaction.await,
        Some(patience) => {
            tokio::time::timeout(patience, transaction).await.unwrap_or(Err(sqlx::Error::PoolTimedOut))
        }
    }
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

/// One transaction for the whole group. `Err` means that nothing of it happened, or, if the connection broke in the commit
/// itself, that nobody knows: then nobody is told of success either.
///
/// Every statement is a trip to the database, so neighbours that are alike travel together.
async fn transact(
    connection: &mut Connection,
    group: &[Waiting],
    tree: &mut Frontier,
    tombstones: &Tombstones,
    (outcomes, newest): (&mut Vec<Result<(), StoreError>>, &mut u64),
) -> Result<(), sqlx::Error> {
    connection.begin().await?;
    // Under the write lock, so that nobody appends until the commit.
    audit::refresh(&mut *connection, tree).await?;
    let mut rest = group;
    while let [Waiting { unit, .. }, after @ ..] = rest {
        let alike: Vec<_> = rest.iter().map_while(|waiting| Hot::of(&waiting.unit)).collect();
        if alike.is_empty() {
            outcomes.push(alone(connection, unit, tree, newest).await?);
            rest = after;
        } else {
            hot::write(connection, &alike, tree, outcomes).await?;
            rest = rest.get(alike.len()..).unwrap_or_default();
        }
    }
    // On record before the database knows: what the database may lose again, the record keeps.
    let done = group.iter().zip(&*outcomes).filter(|(_, outcome)| outcome.is_ok());
    let revocations: Vec<_> = done.flat_map(|(waiting, _)| revoked(&waiting.unit, false)).collect();
    tombstones.append(&revocations).map_err(sqlx::Error::Io)?;
    connection.run("COMMIT").await?;
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

/// One unit in a savepoint.
async fn alone(
    connection: &mut Connection,
    unit: &Unit,
    tree: &mut Frontier,
    newest: &mut u64,
) -> Result<Result<(), StoreError>, sqlx::Error> {
    connection.run("SAVEPOINT unit").await?;
    let mut grown = tree.clone();
    let outcome = write_all(connection, unit, &mut grown).await?;
    if outcome.is_ok() {
        for notice in events::told_by(unit) {
            *newest = clients::tell(connection, &notice).await?.unsigned_abs();
        }
        connection.run("RELEASE SAVEPOINT unit").await?;
        *tree = grown;
    } else {
        connection.run("ROLLBACK TO SAVEPOINT unit; RELEASE SAVEPOINT unit").await?;
    }
    Ok(outcome)
}

/// The writes of one unit up to the first that is refused. `Err` means that the connection or the disk failed.
async fn write_all(
    connection: &mut Connection,
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
