//! Dropping what has expired. Each statement finds its rows by an index: a database with a million keys is not read for it.

use super::{
    apply::{Applied, run, stored},
    clients,
    query::Connection,
};
use crate::domain::{key::PENDING_TTL_MS, once};

/// Sessions that are dropped at a time. Under load those of signatures drop more than that, see [`super::hot`].
const SESSIONS_AT_ONCE: usize = 8192;

const SESSIONS: &str = "DELETE FROM spent_sessions WHERE (key_id, sid) IN \
    (SELECT key_id, sid FROM spent_sessions WHERE until_ms < $1 ORDER BY until_ms LIMIT $2)";
const OUTCOMES: &str = "DELETE FROM outcomes WHERE created_ms <= $1";
const CODES: &str = "DELETE FROM enrolment_codes WHERE expires_ms <= $1 OR uses_left = 0";
const IDS: &str = "DELETE FROM key_ids WHERE used_ms IS NULL AND expires_ms <= $1";
const KEYS: &str = "UPDATE keys SET status = 'revoked', share = $2, pending = NULL, version = version + 1 \
    WHERE status IN ('pending', 'arriving') AND created_ms < $1";

/// Drops the sessions that expired first, at most so many.
pub(super) async fn sessions(
    connection: &mut Connection,
    now_ms: u64,
    at_most: usize,
) -> Result<(), sqlx::Error> {
    run!(connection, SESSIONS, stored(now_ms), i64::try_from(at_most).unwrap_or(i64::MAX));
    Ok(())
}

/// Drops what has expired, some of it if it is much.
pub(super) async fn purge(connection: &mut Connection, now_ms: u64) -> Applied {
    sessions(connection, now_ms, SESSIONS_AT_ONCE).await?;
    run!(connection, OUTCOMES, stored(now_ms.saturating_sub(once::KEPT_MS)));
    clients::purge(connection, now_ms).await?;
    run!(connection, CODES, stored(now_ms));
    run!(connection, IDS, stored(now_ms));
    run!(connection, KEYS, stored(now_ms.saturating_sub(PENDING_TTL_MS)), &[][..]);
    Ok(Ok(()))
}

#[cfg(test)]
mod tests {
    use sqlx::{Connection as _, Row as _, SqliteConnection};

    use super::*;

    #[tokio::test]
    async fn no_table_of_keys_is_read_as_a_whole() {
        let mut connection = SqliteConnection::connect("sqlite::memory:").await.unwrap();
        sqlx::migrate!("migrations/sqlite").run(&mut connection).await.unwrap();
        for statement in [SESSIONS, OUTCOMES, IDS, KEYS] {
            let plan = sqlx::query(sqlx::AssertSqlSafe(format!("EXPLAIN QUERY PLAN {statement}")));
            let steps = plan.fetch_all(&mut connection).await.unwrap();
            let steps: Vec<String> = steps.iter().map(|step| step.get("detail")).collect();
            assert!(steps.iter().any(|step| step.starts_with("SEARCH")), "{statement}: {steps:?}");
            assert!(!steps.iter().any(|step| step.starts_with("SCAN")), "{statement}: {steps:?}");
        }
    }
}
