//! Copies of the database, and whether a database is whole.

use std::{
    fs::{File, OpenOptions},
    os::unix::fs::OpenOptionsExt as _,
    path::Path,
};

use super::{
    Database, OpenError,
    query::{Pool, query},
};

const RESTORED: &str = "restored_ms";

impl Database {
    /// Writes a copy as of one moment, for its owner only, while others read and write; durable when this returns. Whatever is
    /// at `path` stays, and is an error.
    ///
    /// # Errors
    /// [`OpenError`].
    pub async fn copy_to(&self, path: &Path) -> Result<(), OpenError> {
        let Pool::Sqlite(pool) = self.readers() else { return Err(OpenError::OnServer) };
        let failed = |error| OpenError::Copy { path: path.to_owned(), error };
        let name = path.to_str().ok_or_else(|| failed(std::io::ErrorKind::InvalidFilename.into()))?;
        // SQLite takes an empty file as it is, with its mode.
        let made = OpenOptions::new().write(true).create_new(true).mode(0o600).open(path).map_err(failed)?;
        let copied = sqlx::query("VACUUM INTO ?").bind(name).execute(pool).await;
        if let Err(error) = copied {
            drop(std::fs::remove_file(path));
            return Err(error.into());
        }
        made.sync_all().map_err(failed)?;
        let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty());
        File::open(folder.unwrap_or(Path::new("."))).and_then(|folder| folder.sync_all()).map_err(failed)
    }

    /// Looks at every page and index, and at what rows refer to. A database server does that itself.
    ///
    /// # Errors
    /// [`OpenError::Damaged`]: what is wrong first; database faults.
    pub async fn check(&self) -> Result<(), OpenError> {
        let Pool::Sqlite(pool) = self.readers() else { return Ok(()) };
        let said: Vec<String> = sqlx::query_scalar("PRAGMA integrity_check(1)").fetch_all(pool).await?;
        match said.first() {
            Some(said) if said != "ok" => return Err(OpenError::Damaged(said.clone())),
            _ => {}
        }
        let dangling: Option<String> =
            sqlx::query_scalar("SELECT \"table\" FROM pragma_foreign_key_check LIMIT 1")
                .fetch_optional(pool)
                .await?;
        match dangling {
            Some(table) => Err(OpenError::Damaged(format!("a row of {table} refers to none"))),
            None => Ok(()),
        }
    }

    /// Notes when this database was restored from a backup, unix milliseconds.
    ///
    /// # Errors
    /// Database faults.
    pub async fn mark_restored(&self, now_ms: u64) -> Result<(), OpenError> {
        query("INSERT INTO meta (name, value) VALUES ($1, $2) ON CONFLICT (name) DO UPDATE SET value = excluded.value")
            .bind(RESTORED)
            .bind(&now_ms.to_be_bytes()[..])
            .execute(self.readers())
            .await?;
        Ok(())
    }

    /// When this database was restored last, unix milliseconds.
    ///
    /// # Errors
    /// Database faults.
    pub async fn restored_ms(&self) -> Result<Option<u64>, OpenError> {
        let row =
            query("SELECT value FROM meta WHERE name = $1").bind(RESTORED).optional(self.readers()).await?;
        let value: Option<Vec<u8>> = row.map(|row| row.get(0)).transpose()?;
        Ok(value.and_then(|value| Some(u64::from_be_bytes(value.try_into().ok()?))))
    }
}
