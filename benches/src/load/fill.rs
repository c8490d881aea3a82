//! Many keys in the database of a server that does not run.
//!
//! They are copies of a real one, of the same form and size, with ids and public keys of their own. Nobody can use them,
//! because a sealed share is tied to its key id, and nothing reads them either: that is what is measured. The audit log says of
//! each what it says of the real one, and is one log: the server proves at its start that it continues the last tree head.

use std::path::Path;

use cosign_core::{
    KeyId,
    audit::{Frontier, Hash, Record, leaf_hash},
};
use sqlx::{AssertSqlSafe, Connection as _, QueryBuilder, Row as _, Sqlite, SqliteConnection};

/// Keys in one transaction.
const AT_ONCE: usize = 50_000;
/// Records in one statement.
const ROWS: usize = 1000;

/// Columns that are copied as they are.
const OF_IDS: &str = "device_id, purpose, label, issued_ms, expires_ms, used_ms, suite, mode";
const OF_KEYS: &str =
    "device_id, suite, purpose, status, epoch, rid, created_ms, pending_sign, share, version, mode";

type Failed = Box<dyn std::error::Error + Send + Sync>;

/// What the log says of a key, to be said of others.
struct Said {
    record: Record,
    activated: Option<i64>,
}

/// Adds so many keys. The number of audit records then.
pub(super) async fn fill(database: &Path, keys: usize) -> Result<u64, Failed> {
    let mut connection = SqliteConnection::connect(&format!("sqlite://{}", database.display())).await?;
    let settings = "PRAGMA synchronous = OFF; PRAGMA foreign_keys = OFF; PRAGMA cache_size = -200000; PRAGMA temp_store = MEMORY";
    sqlx::raw_sql(settings).execute(&mut connection).await?;
    let template: Vec<u8> =
        sqlx::query_scalar("SELECT key_id FROM keys LIMIT 1").fetch_one(&mut connection).await?;
    let mut tree = Frontier::new();
    let mut said = Vec::new();
    for row in sqlx::query("SELECT record, key_id, activated FROM audit ORDER BY seq")
        .fetch_all(&mut connection)
        .await?
    {
        let record: Vec<u8> = row.try_get("record")?;
        tree.append(leaf_hash(&record));
        if row.try_get::<Option<Vec<u8>>, _>("key_id")? == Some(template.clone()) {
            let record = Record::decode(&record).map_err(|_| "a record is malformed")?;
            said.push(Said { record, activated: row.try_get("activated")? });
        }
    }
    for first in (0..keys).step_by(AT_ONCE) {
        let end = keys.min(first + AT_ONCE);
        let mut transaction = connection.begin().await?;
        copy(&mut transaction, &template, first, end, keys).await?;
        let mut rows = Vec::with_capacity(ROWS);
        for number in first..end {
            let id = id(number, keys);
            for Said { record, activated } in &mut said {
                record.event.key_id = Some(KeyId::from_bytes(id));
                let encoded = record.event.encode(tree.size() + 1);
                let hashes = tree.append(leaf_hash(&encoded));
                let sid = record.event.sid.map(|sid| sid.as_bytes().to_vec());
                rows.push((i64::try_from(tree.size())?, encoded, hashes, id.to_vec(), sid, *activated));
            }
            if rows.len() >= ROWS {
                append(&mut transaction, &mut rows).await?;
            }
        }
        append(&mut transaction, &mut rows).await?;
        transaction.commit().await?;
        eprintln!("load: {end} keys of {keys}, {} audit records", tree.size());
    }
    sqlx::query("PRAGMA wal_checkpoint(TRUNCATE)").execute(&mut connection).await?;
    connection.close().await?;
    Ok(tree.size())
}

/// Between the first bytes of two ids: spread over all, and in order, so that tables grow at their end.
fn step(keys: usize) -> u64 {
    u64::MAX / (keys as u64 + 1)
}

fn id(number: usize, keys: usize) -> [u8; 16] {
    let mut id = [0; 16];
    id[..8].copy_from_slice(&((number as u64 + 1) * step(keys)).to_be_bytes());
    id[8..].copy_from_slice(&(number as u64).to_be_bytes());
    id
}

/// The rows of keys and of the ids that were issued for them. The same ids as [`id`].
async fn copy(
    connection: &mut SqliteConnection,
    template: &[u8],
    first: usize,
    end: usize,
    keys: usize,
) -> Result<(), Failed> {
    let mut ids = QueryBuilder::<Sqlite>::new("INSERT INTO new_ids (id) ");
    sqlx::raw_sql("CREATE TEMP TABLE IF NOT EXISTS new_ids (id BLOB PRIMARY KEY); DELETE FROM new_ids")
        .execute(&mut *connection)
        .await?;
    let all: Vec<_> = (first..end).map(|number| id(number, keys).to_vec()).collect();
    for some in all.chunks(ROWS) {
        ids.push_values(some, |mut row, id| {
            row.push_bind(id);
        });
        ids.build().execute(&mut *connection).await?;
        ids.reset();
    }
    let statements = [
        format!(
            "INSERT INTO key_ids (key_id, {OF_IDS}) SELECT id, {OF_IDS} FROM new_ids CROSS JOIN key_ids WHERE key_id = ?"
        ),
        format!(
            "INSERT INTO keys (key_id, public_key, {OF_KEYS}) SELECT id, CAST(id || randomblob(48) AS BLOB), {OF_KEYS} \
             FROM new_ids CROSS JOIN keys WHERE key_id = ? ORDER BY id"
        ),
    ];
    for statement in statements {
        sqlx::query(AssertSqlSafe(statement)).bind(template).execute(&mut *connection).await?;
    }
    Ok(())
}

type AuditRow = (i64, Vec<u8>, Vec<Hash>, Vec<u8>, Option<Vec<u8>>, Option<i64>);

async fn append(connection: &mut SqliteConnection, rows: &mut Vec<AuditRow>) -> Result<(), Failed> {
    if rows.is_empty() {
        return Ok(());
    }
    let mut insert =
        QueryBuilder::<Sqlite>::new("INSERT INTO audit (seq, record, hashes, key_id, sid, activated) ");
    insert.push_values(rows.drain(..), |mut row, (seq, record, hashes, key_id, sid, activated)| {
        row.push_bind(seq).push_bind(record).push_bind(hashes.as_flattened().to_vec());
        row.push_bind(key_id).push_bind(sid).push_bind(activated);
    });
    insert.build().execute(connection).await?;
    Ok(())
}
