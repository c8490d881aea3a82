//! Moves SQLite's write-ahead log into the database beside the writer, so that no commit waits for it.

use std::{
    fs, io,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use rustix::process::{Pid, setpriority_process};
use sqlx::{Connection as _, Row as _, SqliteConnection, sqlite::SqliteConnectOptions};
use tokio::{sync::Notify, task::JoinHandle};

/// Between two moves. Each takes processor time from the requests of that moment: often and little, rather than seldom and much.
const PAUSE: Duration = Duration::from_millis(100);
/// Pages in the log from which on the writer is to begin it anew: while it writes, the log is never all moved.
const MAX_PAGES: i64 = 131_072;

/// How the thread of the connection is called.
const THREAD: &str = "checkpoints";
/// Its nice value: with one processor that is always wanted it gets a tenth of what another thread gets, and falls behind, but not
/// for good.
const NICE: i32 = 10;

/// The task that moves the log.
pub(super) struct Checkpoints {
    state: Arc<State>,
    task: JoinHandle<()>,
}

#[derive(Default)]
struct State {
    committed: Notify,
    over: Notify,
    is_long: AtomicBool,
}

impl Checkpoints {
    /// Starts the task on a connection of its own, whose thread has the processor when nobody else wants it.
    pub(super) async fn start(options: SqliteConnectOptions) -> Result<Self, sqlx::Error> {
        Self::with_limit(options, MAX_PAGES).await
    }

    #[expect(clippy::disallowed_methods, reason = "the writer awaits it when it closes")]
    async fn with_limit(options: SqliteConnectOptions, max_pages: i64) -> Result<Self, sqlx::Error> {
        let options = options.thread_name(|_| THREAD.to_owned());
        let connection = SqliteConnection::connect_with(&options).await?;
        if let Err(error) = step_back() {
            tracing::debug!(%error, "the thread of the checkpoints keeps its priority");
        }
        let state = Arc::new(State::default());
        let task = tokio::spawn(run(connection, Arc::clone(&state), max_pages));
        Ok(Self { state, task })
    }

    /// Something was committed. Whether the log is so long that the writer should begin it anew.
    pub(super) fn committed(&self) -> bool {
        self.state.committed.notify_one();
        self.state.is_long.swap(false, Ordering::Relaxed)
    }

    /// Ends the task.
    pub(super) async fn close(self) {
        self.state.over.notify_one();
        if self.task.await.is_err() {
            tracing::error!("the checkpoints ended abnormally");
        }
    }
}

async fn run(mut connection: SqliteConnection, state: Arc<State>, max_pages: i64) {
    let over = state.over.notified();
    tokio::pin!(over);
    loop {
        tokio::select! {
            () = state.committed.notified() => {}
            () = &mut over => break,
        }
        match move_log(&mut connection).await {
            Ok(pages) if pages > max_pages => {
                // Once more, so that little is left for the writer to move.
                drop(move_log(&mut connection).await);
                state.is_long.store(true, Ordering::Relaxed);
            }
            Ok(_) => {}
            Err(error) => tracing::warn!(%error, "the write-ahead log was not moved"),
        }
        tokio::select! {
            () = tokio::time::sleep(PAUSE) => {}
            () = &mut over => break,
        }
    }
    drop(connection.close().await);
}

/// Lowers the priority of the threads of that name; each has one of its own, as if it were a process.
fn step_back() -> io::Result<()> {
    threads()?.into_iter().try_for_each(|thread| Ok(setpriority_process(Some(thread), NICE)?))
}

fn threads() -> io::Result<Vec<Pid>> {
    let mut found = Vec::new();
    for thread in fs::read_dir("/proc/self/task")? {
        let path = thread?.path();
        // It may have ended.
        let name = fs::read_to_string(path.join("comm")).unwrap_or_default();
        let id = path.file_name().and_then(|id| id.to_str()?.parse().ok()).and_then(Pid::from_raw);
        found.extend(id.filter(|_| name.trim_end() == THREAD));
    }
    Ok(found)
}

/// Moves what nobody reads. Pages in the log.
async fn move_log(connection: &mut SqliteConnection) -> Result<i64, sqlx::Error> {
    sqlx::query("PRAGMA wal_checkpoint(PASSIVE)").fetch_one(connection).await?.try_get(1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn the_log_is_moved_beside_the_writer_and_told_to_be_long() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.db");
        let options = SqliteConnectOptions::new()
            .filename(&path)
            .create_if_missing(true)
            .journal_mode(sqlx::sqlite::SqliteJournalMode::Wal)
            .pragma("wal_autocheckpoint", "0");
        let mut writer = SqliteConnection::connect_with(&options).await.unwrap();
        let checkpoints = Checkpoints::with_limit(options, 4).await.unwrap();
        let priority = |thread| rustix::process::getpriority_process(Some(thread));
        assert!(threads().unwrap().into_iter().any(|thread| priority(thread) == Ok(NICE)));
        sqlx::query("CREATE TABLE a (b BLOB)").execute(&mut writer).await.unwrap();
        sqlx::query("INSERT INTO a VALUES (zeroblob(100000))").execute(&mut writer).await.unwrap();
        let before = fs::metadata(&path).unwrap().len();
        let mut is_long = false;
        for _ in 0..500 {
            is_long |= checkpoints.committed();
            if is_long && fs::metadata(&path).unwrap().len() > before + 100_000 {
                break;
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        assert!(is_long, "the writer was not told");
        assert!(fs::metadata(&path).unwrap().len() > before + 100_000, "nothing was moved");
        checkpoints.close().await;
        writer.close().await.unwrap();
    }
}
