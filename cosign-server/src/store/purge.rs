//! Dropping what has expired. Each statement finds its rows by an index: a database with a million keys is not read for it.

use super::{
    apply::{Applied, run, stored},
    clients,
    query::Connection,
};
use crate::domain::{key::PENDING_TTL_MS, once};

const SESSIONS: &str = "DELETE FROM spent_sessions WHERE (key_id, sid) IN \
    (SELECT key_id, sid FROM spent_sessions WHERE until_ms < $1 ORDER BY until_ms LIMIT $2)";
const OUTCOMES: &str = "DELETE FROM outcomes WHERE (device_id, once_key) IN \
    (SELECT device_id, once_key FROM outcomes WHERE created_ms <= $1 LIMIT $2)";
const CODES: &str = "DELETE FROM enrolment_codes WHERE code_hash IN \
    (SELECT code_hash FROM enrolment_codes WHERE expires_ms <= $1 OR uses_left = 0 LIMIT $2)";
const IDS: &str = "DELETE FROM key_ids WHERE key_id IN \
    (SELECT key_id FROM key_ids WHERE used_ms IS NULL AND expires_ms <= $1 LIMIT $2)";
const KEYS: &str = "UPDATE keys SET status = 'revoked', share = $3, pending = NULL, version = version + 1 \
    WHERE key_id IN \
    (SELECT key_id FROM keys WHERE status IN ('pending', 'arriving') AND created_ms < $1 LIMIT $2)";
const REQUESTS: &str = "DELETE FROM certificate_requests WHERE request IN \
    (SELECT r.request FROM certificate_requests r WHERE r.state = 'closed' AND r.created_ms <= $1 \
    AND NOT EXISTS (SELECT 1 FROM certificates c WHERE c.request = r.request) LIMIT $2)";

/// Drops the sessions that expired first, at most so many.
pub(super) async fn sessions(
    connection: &mut Connection,
    now_ms: u64,
    at_most: usize,
) -> Result<(), sqlx::Error> {
    run!(connection, SESSIONS, stored(now_ms), i64::try_from(at_most).unwrap_or(i64::MAX));
    Ok(())
}

/// Drops what has expired, of each kind `rows` at most. Under load the commits of signatures drop more sessions than that,
/// see [`super::hot`].
pub(super) async fn purge(connection: &mut Connection, now_ms: u64, rows: u32, requests_ms: u64) -> Applied {
    run!(connection, SESSIONS, stored(now_ms), rows);
    run!(connection, OUTCOMES, stored(now_ms.saturating_sub(once::KEPT_MS)), rows);
    clients::purge(connection, now_ms, rows).await?;
    run!(connection, CODES, stored(now_ms), rows);
    run!(connection, IDS, stored(now_ms), rows);
    run!(connection, KEYS, stored(now_ms.saturating_sub(PENDING_TTL_MS)), rows, &[][..]);
    run!(connection, REQUESTS, stored(now_ms.saturating_sub(requests_ms)), rows);
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
