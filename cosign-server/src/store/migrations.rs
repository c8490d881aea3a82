//! The tables that this program works with, and what it does with those of another version.
//!
//! A migration whose name begins with `expand_` only adds what an older program can do without: tables and indexes. (Not columns:
//! PostgreSQL refuses a prepared statement whose row has become another one, so nodes that run would read no more.) Any node applies such a one when it starts, and nodes of before go on beside it. Every other migration
//! is applied by `cosign-server migrate` alone, with no server running, and older programs refuse the database from then on.

use sqlx::{
    Connection as _, PgConnection, SqliteConnection,
    migrate::{Migration, Migrator},
};

use super::{
    error::{Access, OpenError},
    query::{Executor, Pool, query},
    source::Source,
};

static SQLITE: Migrator = sqlx::migrate!("migrations/sqlite");
static POSTGRES: Migrator = sqlx::migrate!("migrations/postgres");
/// How sqlx shows the beginning `expand_` of a name.
const EXPAND: &str = "expand ";

/// One step from version to version.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Step {
    /// Its number.
    pub version: i64,
    /// What it is called.
    pub name: String,
}

impl Step {
    /// Whether programs from before it can work with what it made.
    #[must_use]
    pub fn is_additive(&self) -> bool {
        self.name.starts_with(EXPAND)
    }
}

/// How far the tables of a database are from those that this program works with.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Schema {
    /// Version of the database; 0 for one without tables.
    pub version: i64,
    /// Version of this program.
    pub known: i64,
    /// What is to be applied to the database.
    pub pending: Vec<Step>,
    /// What a newer program has applied.
    pub newer: Vec<Step>,
}

impl Schema {
    fn of(applied: Vec<Step>, known: &[Migration]) -> Self {
        let version = applied.iter().map(|step| step.version).max().unwrap_or(0);
        let pending = known.iter().filter(|one| !applied.iter().any(|step| step.version == one.version));
        let pending = pending.map(|one| Step { version: one.version, name: one.description.to_string() });
        let pending = pending.collect();
        let newer = applied.into_iter().filter(|step| !known.iter().any(|one| step.version == one.version));
        let newer = newer.collect();
        Self { version, known: known.iter().map(|one| one.version).max().unwrap_or(0), pending, newer }
    }

    /// Whether this program can work with it once what is pending is applied.
    ///
    /// # Errors
    /// [`OpenError::Newer`].
    pub fn is_known(&self) -> Result<(), OpenError> {
        match self.newer.iter().find(|step| !step.is_additive()) {
            Some(Step { version, name }) => {
                Err(OpenError::Newer { version: *version, name: name.clone(), known: self.known })
            }
            None => Ok(()),
        }
    }

    /// Whether a server may start on it: what is pending, it applies itself.
    ///
    /// # Errors
    /// [`OpenError::Newer`], [`OpenError::Older`], [`OpenError::Empty`].
    pub fn serves(&self) -> Result<(), OpenError> {
        self.may_migrate(Access::Existing)
    }

    /// Whether `access` may apply what is pending.
    fn may_migrate(&self, access: Access) -> Result<(), OpenError> {
        self.is_known()?;
        let is_empty = self.version == 0;
        match access {
            Access::Create if is_empty => Ok(()),
            Access::Existing | Access::Migrate if is_empty => Err(OpenError::Empty),
            Access::Migrate => Ok(()),
            Access::Create | Access::Existing => match self.pending.iter().find(|step| !step.is_additive()) {
                Some(step) => Err(OpenError::Older { version: self.version, needed: step.version }),
                None => Ok(()),
            },
        }
    }
}

/// What this program knows of the database at `source`.
pub(super) fn known(source: &Source) -> &'static [Migration] {
    match source {
        Source::File(_) => &SQLITE.migrations,
        Source::Server(_) => &POSTGRES.migrations,
    }
}

/// Compares a database with what is known; changes nothing.
pub(super) async fn schema(
    mut on: impl Executor,
    is_file: bool,
    known: &[Migration],
) -> Result<Schema, sqlx::Error> {
    let table = if is_file {
        "SELECT 1 FROM sqlite_schema WHERE name = '_sqlx_migrations'"
    } else {
        "SELECT 1 WHERE to_regclass('_sqlx_migrations') IS NOT NULL"
    };
    let mut applied = Vec::new();
    if query(table).optional(on.again()).await?.is_some() {
        let rows =
            query("SELECT version, description FROM _sqlx_migrations ORDER BY version").all(on).await?;
        for row in rows {
            applied.push(Step { version: row.get(0)?, name: row.get(1)? });
        }
    }
    Ok(Schema::of(applied, known))
}

/// What applies what is known, whatever a newer program has applied beside it.
fn migrator(known: &[Migration]) -> Migrator {
    let mut migrator = Migrator::with_migrations(known.to_vec());
    migrator.set_ignore_missing(true);
    migrator
}

/// Brings a file to this version, all of it or nothing.
pub(super) async fn bring_file(
    connection: &mut SqliteConnection,
    readers: &Pool,
    access: Access,
    known: &[Migration],
) -> Result<(), OpenError> {
    let schema = schema(readers, true, known).await?;
    schema.may_migrate(access)?;
    if schema.pending.is_empty() {
        return Ok(migrator(known).run(connection).await?);
    }
    // Whoever opens the file at the same time waits, and finds that it is done.
    let mut transaction = connection.begin_with("BEGIN IMMEDIATE").await?;
    migrator(known).run(&mut *transaction).await?;
    Ok(transaction.commit().await?)
}

/// Brings a database on a server to this version, on a connection of its own: what takes long is not cut off, and the lock
/// on migrations ends with it.
pub(super) async fn bring_server(
    mut connection: PgConnection,
    readers: &Pool,
    access: Access,
    known: &[Migration],
) -> Result<(), OpenError> {
    schema(readers, false, known).await?.may_migrate(access)?;
    if access == Access::Migrate {
        sqlx::raw_sql("SET statement_timeout = 0").execute(&mut connection).await?;
    }
    migrator(known).run(&mut connection).await?;
    Ok(connection.close().await?)
}
