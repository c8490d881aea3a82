//! Opening SQLite: write-ahead log, full synchronisation, foreign keys, deleted bytes overwritten.

use std::{fs::File, os::unix::fs::OpenOptionsExt as _, path::Path, time::Duration};

use sqlx::{
    Connection as _, SqliteConnection,
    migrate::Migration,
    sqlite::{SqliteConnectOptions, SqliteJournalMode, SqlitePoolOptions, SqliteSynchronous},
};

use super::{
    checkpoint::Checkpoints,
    error::{Access, OpenError},
    link::Link,
    migrations,
    query::Pool,
};

const READERS: u32 = 4;
/// `PRAGMA synchronous` as SQLite reports FULL.
const FULL: i64 = 2;
/// Bytes of a page.
const PAGE: u32 = 1024;
pub(super) const BUSY_TIMEOUT: Duration = Duration::from_secs(10);

/// Opens the file and brings its tables to this version.
pub(super) async fn open(
    path: &Path,
    access: Access,
    known: &[Migration],
) -> Result<(Link, Pool), OpenError> {
    if access != Access::Create && !path.exists() {
        return Err(OpenError::Missing(path.to_owned()));
    }
    if access == Access::Create {
        // For its owner only; SQLite gives the files beside it the same mode.
        let made = File::options().append(true).create(true).mode(0o600).open(path);
        made.map_err(sqlx::Error::Io)?;
    }
    let options = SqliteConnectOptions::new()
        .filename(path)
        .create_if_missing(false)
        .journal_mode(SqliteJournalMode::Wal)
        .synchronous(SqliteSynchronous::Full)
        .foreign_keys(true)
        .busy_timeout(BUSY_TIMEOUT)
        .pragma("secure_delete", "ON")
        // Journals of savepoints hold pages as they were before, destroyed shares among them: not on the disk.
        .pragma("temp_store", "MEMORY")
        // A signature writes a few hundred bytes to a place that nobody foresees: small pages make that little to write. A
        // database that is there keeps the size that it has.
        .page_size(PAGE)
        // See `checkpoint`.
        .pragma("wal_autocheckpoint", "0");
    let mut connection = SqliteConnection::connect_with(&options).await?;
    let mode: String = sqlx::query_scalar("PRAGMA journal_mode").fetch_one(&mut connection).await?;
    let synchronous: i64 = sqlx::query_scalar("PRAGMA synchronous").fetch_one(&mut connection).await?;
    if mode != "wal" || synchronous != FULL {
        return Err(OpenError::NotDurable(path.to_owned()));
    }
    let readers = SqlitePoolOptions::new().max_connections(READERS).connect_with(options.clone()).await?;
    let readers = Pool::Sqlite(readers);
    migrations::bring_file(&mut connection, &readers, access, known).await?;
    Ok((Link::to_file(connection, Checkpoints::start(options).await?), readers))
}
