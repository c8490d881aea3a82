//! Opening a PostgreSQL database, or one of another server that speaks its protocol. Several nodes may have it open.

use sqlx::{
    Connection as _, PgConnection, PgPool,
    migrate::Migration,
    postgres::{PgConnectOptions, PgPoolOptions},
};

use super::{
    CONNECT,
    error::{Access, OpenError},
    link::Link,
    migrations,
    query::Pool,
    source::ServerUrl,
};

const READERS: u32 = 8;

/// What every session is held to, milliseconds and seconds. A node that stops in the midst of a transaction, or whose network
/// does, lets the others write again within a few seconds.
const SESSION: [(&str, &str); 8] = [
    ("statement_timeout", "20000"),
    ("lock_timeout", "10000"),
    ("idle_in_transaction_session_timeout", "5000"),
    ("tcp_keepalives_idle", "5"),
    ("tcp_keepalives_interval", "2"),
    ("tcp_keepalives_count", "3"),
    // Otherwise a text that the server knows better how to run from its values is planned anew each time.
    ("plan_cache_mode", "force_generic_plan"),
    ("application_name", "cosign-server"),
];

/// How every session is made.
pub(super) fn options(url: &ServerUrl) -> Result<PgConnectOptions, sqlx::Error> {
    Ok(url.options()?.options(SESSION))
}

/// Connects and brings the tables to this version.
pub(super) async fn open(
    url: &ServerUrl,
    access: Access,
    known: &[Migration],
) -> Result<(Link, Pool), OpenError> {
    let options = options(url)?;
    let readers = PgPoolOptions::new().max_connections(READERS).acquire_timeout(CONNECT);
    let readers = readers.connect_with(options.clone()).await?;
    durable(&readers).await?;
    let connection = PgConnection::connect_with(&options).await?;
    let readers = Pool::Postgres(readers);
    migrations::bring_server(connection, &readers, access, known).await?;
    Ok((Link::to_server(options), readers))
}

/// Whether what is committed is on a disk. Stronger settings (a standby has it too) are the administrator's choice.
async fn durable(pool: &PgPool) -> Result<(), OpenError> {
    for (name, sql) in [("fsync", "SHOW fsync"), ("synchronous_commit", "SHOW synchronous_commit")] {
        let value: String = sqlx::query_scalar(sql).fetch_one(pool).await?;
        if value == "off" {
            return Err(OpenError::Loses(name));
        }
    }
    Ok(())
}
