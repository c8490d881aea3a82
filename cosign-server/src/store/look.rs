//! What a database is like, told without changing it.

use std::path::Path;

use sqlx::{PgConnection, SqliteConnection, sqlite::SqliteConnectOptions};

use super::{
    error::OpenError,
    migrations::{self, Schema},
    postgres,
    query::{Connection, query},
    source::{ServerUrl, Source},
};

/// A setting on which it depends that what is committed stays.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Setting {
    /// As the database calls it.
    pub name: &'static str,
    /// What it is.
    pub value: String,
    /// Whether commits are durable with that.
    pub is_durable: bool,
}

/// What a database is like.
#[derive(Clone, Debug)]
pub struct Look {
    /// Its tables.
    pub schema: Schema,
    /// What commits rely on.
    pub settings: Vec<Setting>,
    /// Why nothing can be written; `None` if it can.
    pub read_only: Option<String>,
    /// Connections of other nodes and commands; a file does not know.
    pub others: i64,
}

/// Looks at a database.
///
/// # Errors
/// [`OpenError`]: it cannot be reached or read.
pub async fn look(source: &Source) -> Result<Look, OpenError> {
    let known = migrations::known(source);
    let mut connection = match source {
        Source::File(path) => Connection::Sqlite(file(path).await?),
        Source::Server(url) => Connection::Postgres(server(url).await?),
    };
    let schema = migrations::schema(&mut connection, source.file().is_some(), known).await?;
    let settings = settings(&mut connection).await?;
    let read_only = read_only(&mut connection).await;
    let others = match &connection {
        Connection::Sqlite(_) => 0,
        Connection::Postgres(_) => {
            let others = "SELECT COUNT(*) FROM pg_stat_activity WHERE datname = current_database() \
                          AND application_name = 'cosign-server' AND pid <> pg_backend_pid()";
            query(others).one(&mut connection).await?.get(0)?
        }
    };
    connection.close().await?;
    Ok(Look { schema, settings, read_only, others })
}

async fn file(path: &Path) -> Result<SqliteConnection, OpenError> {
    use sqlx::Connection as _;
    if !path.exists() {
        return Err(OpenError::Missing(path.to_owned()));
    }
    let options = SqliteConnectOptions::new().filename(path).create_if_missing(false);
    Ok(SqliteConnection::connect_with(&options).await?)
}

async fn server(url: &ServerUrl) -> Result<PgConnection, OpenError> {
    use sqlx::Connection as _;
    let options = postgres::options(url)?;
    let connected = tokio::time::timeout(super::CONNECT, PgConnection::connect_with(&options)).await;
    Ok(connected.map_err(|_| sqlx::Error::PoolTimedOut)??)
}

async fn settings(connection: &mut Connection) -> Result<Vec<Setting>, sqlx::Error> {
    let mut settings = Vec::new();
    match connection {
        // How a commit is synchronised is set for each connection, by the program itself.
        Connection::Sqlite(_) => {
            let mode: String = query("PRAGMA journal_mode").one(connection).await?.get(0)?;
            settings.push(Setting { name: "journal_mode", is_durable: mode == "wal", value: mode });
        }
        Connection::Postgres(_) => {
            for name in ["fsync", "synchronous_commit", "full_page_writes"] {
                let value =
                    query("SELECT current_setting($1, TRUE)").bind(name).one(&mut *connection).await?;
                // Another server that speaks the protocol may not have it.
                let Some(value) = value.get::<Option<String>>(0)? else { continue };
                settings.push(Setting { name, is_durable: value != "off", value });
            }
        }
    }
    Ok(settings)
}

/// Begins to write, and takes it back.
async fn read_only(connection: &mut Connection) -> Option<String> {
    let tried = match connection {
        Connection::Sqlite(_) => connection.run("BEGIN IMMEDIATE; ROLLBACK").await,
        Connection::Postgres(_) => {
            let insert = "BEGIN; INSERT INTO meta (name, value) VALUES ('', ''); ROLLBACK";
            let tried = connection.run(insert).await;
            drop(connection.run("ROLLBACK").await);
            tried
        }
    };
    tried.err().map(|error| error.to_string())
}
