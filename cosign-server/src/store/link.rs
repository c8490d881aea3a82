//! The writer's connection: made again when it breaks, and what SQLite's write-ahead log needs.

use sqlx::{AssertSqlSafe, Connection as _, PgConnection, SqliteConnection, postgres::PgConnectOptions};

use super::{
    checkpoint::Checkpoints,
    query::{Connection, query},
    sqlite::BUSY_TIMEOUT,
};

/// The connection of the writer.
pub(super) struct Link {
    connection: Option<Connection>,
    /// How it is made again; a connection to a file does not break.
    again: Option<PgConnectOptions>,
    checkpoints: Option<Checkpoints>,
}

impl Link {
    pub(super) const fn to_file(connection: SqliteConnection, checkpoints: Checkpoints) -> Self {
        let connection = Some(Connection::Sqlite(connection));
        Self { connection, again: None, checkpoints: Some(checkpoints) }
    }

    pub(super) const fn to_server(options: PgConnectOptions) -> Self {
        Self { connection: None, again: Some(options), checkpoints: None }
    }

    /// The connection, made again if it broke.
    pub(super) async fn connection(&mut self) -> Result<&mut Connection, sqlx::Error> {
        if self.connection.is_none() {
            let options = self.again.as_ref().ok_or(sqlx::Error::WorkerCrashed)?;
            let made = tokio::time::timeout(super::CONNECT, PgConnection::connect_with(options)).await;
            let made = made.map_err(|_| sqlx::Error::PoolTimedOut)??;
            self.connection = Some(Connection::Postgres(made));
        }
        self.connection.as_mut().ok_or(sqlx::Error::WorkerCrashed)
    }

    /// Undoes a transaction that failed. A connection that does not do that is given up: the server undoes it.
    pub(super) async fn undo(&mut self) {
        let Some(connection) = &mut self.connection else { return };
        let undone = match self.again {
            None => connection.run("ROLLBACK").await,
            Some(_) => {
                let undone = tokio::time::timeout(super::CONNECT, connection.run("ROLLBACK")).await;
                undone.unwrap_or(Err(sqlx::Error::PoolTimedOut))
            }
        };
        if let Err(error) = undone {
            tracing::warn!(%error, "the transaction was not rolled back");
            if self.again.is_some() {
                self.connection = None;
            }
        }
    }

    /// Something was committed: SQLite's write-ahead log is moved into the database beside what is written next, or begun anew
    /// now.
    pub(super) async fn committed(&mut self) {
        let is_long = self.checkpoints.as_ref().is_some_and(Checkpoints::committed);
        let Some(connection @ Connection::Sqlite(_)) = &mut self.connection else { return };
        // Little is left to move, and nothing is added meanwhile: what is written next begins the log anew, in the place that it
        // has. Cutting it would keep everybody waiting for the file system, now and while it grows again.
        if is_long && let Err(error) = query("PRAGMA wal_checkpoint(PASSIVE)").execute(connection).await {
            tracing::warn!(%error, "the write-ahead log was not begun anew");
        }
    }

    /// Moves SQLite's write-ahead log into the database and cuts it. Whether that succeeded: not while somebody reads what it
    /// holds, or moves it beside us; nobody is waited for, as every commit would wait with us. PostgreSQL's log is its
    /// administrator's.
    pub(super) async fn cut_log(&mut self) -> bool {
        let Some(Connection::Sqlite(on)) = &mut self.connection else { return true };
        cut_at_once(on).await.unwrap_or_else(|error| {
            tracing::warn!(%error, "the write-ahead log still holds a destroyed share");
            false
        })
    }

    pub(super) async fn close(self) {
        if let Some(checkpoints) = self.checkpoints {
            checkpoints.close().await;
        }
        let Some(connection) = self.connection else { return };
        if let Err(error) = connection.close().await {
            tracing::warn!(%error, "the database did not close cleanly");
        }
    }
}

async fn cut_at_once(on: &mut SqliteConnection) -> Result<bool, sqlx::Error> {
    sqlx::raw_sql("PRAGMA busy_timeout = 0").execute(&mut *on).await?;
    let busy: Result<bool, _> =
        sqlx::query_scalar("PRAGMA wal_checkpoint(TRUNCATE)").fetch_one(&mut *on).await;
    let patience = format!("PRAGMA busy_timeout = {}", BUSY_TIMEOUT.as_millis());
    sqlx::raw_sql(AssertSqlSafe(patience)).execute(on).await?;
    Ok(!busy?)
}
