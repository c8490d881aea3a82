//! Why the database cannot be used.

use std::path::PathBuf;

use thiserror::Error;

use crate::domain::ports::StoreError;

/// Whether opening may make a new database.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Access {
    /// Make it if it is not there.
    Create,
    /// It must be there, with tables that this program works with: of migrations only those are applied that nodes of before
    /// can do without.
    Existing,
    /// It must be there, and its tables are brought to this version whatever that takes. No server may be running.
    Migrate,
}

/// Why the database cannot be used.
#[derive(Debug, Error)]
pub enum OpenError {
    /// It cannot be opened or read.
    #[error("the database cannot be opened: {0}")]
    Database(#[from] sqlx::Error),
    /// Its tables cannot be brought to this version.
    #[error("the database cannot be brought to this version: {0}")]
    Migration(#[from] sqlx::migrate::MigrateError),
    /// A newer program made its tables into something that this one does not know.
    #[error(
        "the database was brought to version {version} ({name}) by a newer cosign-server, and this one works with version \
         {known} at most; install the newer one on this host too"
    )]
    Newer {
        /// Version of the database.
        version: i64,
        /// What made it so.
        name: String,
        /// Version of this program.
        known: i64,
    },
    /// Its tables are older than this program, and older programs could not go on beside the change.
    #[error(
        "the database has version {version}, and this cosign-server needs {needed}; back it up, stop every server on it, \
         then run `cosign-server migrate`"
    )]
    Older {
        /// Version of the database.
        version: i64,
        /// Version that it needs at least.
        needed: i64,
    },
    /// Others use it.
    #[error("the database is in use by {0} other connections of servers or commands; stop them first")]
    InUse(i64),
    /// There is none.
    #[error("{0} does not exist; `cosign-server init --data DIR` makes a data folder with a database")]
    Missing(PathBuf),
    /// The file system does not do what commits rely on.
    #[error(
        "{0}: the file system does not allow a write-ahead log with full synchronisation; use a local disk"
    )]
    NotDurable(PathBuf),
    /// The file of tombstones cannot be used.
    #[error(
        "{path}: {error}; bring it back, because without it a restored backup brings revoked keys back (if it is lost \
         for good, make an empty one: those that the database knows are put on record again)"
    )]
    Tombstones {
        /// Which file.
        path: PathBuf,
        /// Why.
        error: std::io::Error,
    },
    /// A revocation in it could not be applied.
    #[error("a revocation that is on record could not be applied to the database: {0:?}")]
    Revocation(StoreError),
    /// It cannot be copied.
    #[error("{path}: {error}")]
    Copy {
        /// To where.
        path: PathBuf,
        /// Why.
        error: std::io::Error,
    },
    /// The database server loses what it has committed.
    #[error("the database server has {0} = off: what is committed may be lost; turn it on")]
    Loses(&'static str),
    /// There are no tables.
    #[error(
        "the database has no tables; `cosign-server init` makes a data folder and the tables of its database"
    )]
    Empty,
    /// It is not a file of its own.
    #[error(
        "the database is on a server; back it up and restore it with the server's own tools, such as pg_basebackup and pg_dump"
    )]
    OnServer,
    /// It is not whole.
    #[error("the database is damaged: {0}; restore a backup")]
    Damaged(String),
    /// It belongs to another master key.
    #[error(
        "the database belongs to another master key (it names {stored}, the configuration gives {given})"
    )]
    OtherMasterKey {
        /// Name of the key that the database was made with.
        stored: String,
        /// Name of the key that was given.
        given: String,
    },
}
