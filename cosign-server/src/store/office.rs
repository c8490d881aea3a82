//! Entities of the office: their rows, their names, under whom they are listed, and what was done to them.

use futures_util::future::BoxFuture;

use super::{
    apply::{Applied, run, stored},
    database::Database,
    query::{Connection, Pool, Row, query},
    read::{all, one},
    rows::{bytes, number},
};
use crate::domain::{
    office::{
        Id,
        ports::{AttachmentRow, Entities, EntityRow, FoundRow, Logged, Of, OfficeWrite, Operation, Sieve},
    },
    page::Page,
    ports::StoreError,
};

pub(super) async fn apply(connection: &mut Connection, write: &OfficeWrite) -> Applied {
    match write {
        OfficeWrite::Add(row) => add(connection, row).await,
        OfficeWrite::Save(row) => save(connection, row).await,
        // Writing it keeps others from changing it before this is committed.
        OfficeWrite::Still { kind, id: entity, version } => Ok(super::apply::changed(run!(
            connection,
            "UPDATE entities SET version = version WHERE kind = $1 AND id = $2 AND version = $3",
            *kind,
            id(*entity),
            *version,
        ))),
        OfficeWrite::StillUnder { kind, target, rows } => {
            let listed = query(
                "SELECT e.id, e.version FROM entity_refs r JOIN entities e ON e.kind = r.kind AND e.id = r.id \
                 WHERE r.kind = $1 AND r.target = $2 ORDER BY e.id",
            );
            let listed = listed.bind(*kind).bind(id(*target)).all(connection).await?;
            let version = |row: &Row| Ok((Id::from_bytes(bytes(row, "id")?), row.get("version")?));
            let listed = listed.iter().map(version).collect::<Result<Vec<_>, sqlx::Error>>()?;
            Ok(if listed == *rows { Ok(()) } else { Err(StoreError::Stale) })
        }
        OfficeWrite::Log(operation) => log(connection, operation).await,
        OfficeWrite::Attach(row) => {
            run!(
                connection,
                "INSERT INTO attachments (id, owner, created_ms, sealed) VALUES ($1, $2, $3, $4)",
                id(row.id),
                id(row.owner),
                stored(row.created_ms),
                &row.sealed[..],
            );
            Ok(Ok(()))
        }
        OfficeWrite::Detach(owner) => {
            run!(connection, "DELETE FROM attachments WHERE owner = $1", id(*owner));
            Ok(Ok(()))
        }
        OfficeWrite::Forget { kind, target, until_ms } => {
            run!(
                connection,
                "DELETE FROM entities WHERE kind = $1 AND changed_ms <= $2 AND id IN \
                 (SELECT id FROM entity_refs WHERE kind = $3 AND target = $4)",
                *kind,
                stored(*until_ms),
                *kind,
                id(*target),
            );
            Ok(Ok(()))
        }
        OfficeWrite::SetPersonalKey(sealed) => {
            run!(connection, "INSERT INTO personal_key (number, sealed) VALUES (1, $1)", &sealed[..]);
            Ok(Ok(()))
        }
        OfficeWrite::ResealPersonalKey { old, new } => Ok(super::apply::changed(run!(
            connection,
            "UPDATE personal_key SET sealed = $1 WHERE sealed = $2",
            &new[..],
            &old[..],
        ))),
    }
}

fn id(id: Id) -> Vec<u8> {
    id.as_bytes().to_vec()
}

async fn add(connection: &mut Connection, row: &EntityRow) -> Applied {
    run!(
        connection,
        "INSERT INTO entities (kind, id, state, body, created_ms, changed_ms, due_ms, version) \
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8)",
        row.kind,
        id(row.id),
        row.state,
        row.body.as_str(),
        stored(row.created_ms),
        stored(row.changed_ms),
        row.due_ms.map(stored),
        row.version,
    );
    find_by(connection, row).await
}

async fn save(connection: &mut Connection, row: &EntityRow) -> Applied {
    let rows = run!(
        connection,
        "UPDATE entities SET state = $1, body = $2, changed_ms = $3, due_ms = $4, version = $5 \
         WHERE kind = $6 AND id = $7 AND version = $8",
        row.state,
        row.body.as_str(),
        stored(row.changed_ms),
        row.due_ms.map(stored),
        row.version,
        row.kind,
        id(row.id),
        row.version.saturating_sub(1),
    );
    if rows == 0 {
        return Ok(Err(StoreError::Stale));
    }
    run!(connection, "DELETE FROM entity_names WHERE kind = $1 AND id = $2", row.kind, id(row.id));
    run!(connection, "DELETE FROM entity_refs WHERE kind = $1 AND id = $2", row.kind, id(row.id));
    find_by(connection, row).await
}

async fn find_by(connection: &mut Connection, row: &EntityRow) -> Applied {
    for name in &row.names {
        run!(
            connection,
            "INSERT INTO entity_names (kind, name, id) VALUES ($1, $2, $3)",
            row.kind,
            &name[..],
            id(row.id),
        );
    }
    for target in &row.listed_under {
        run!(
            connection,
            "INSERT INTO entity_refs (kind, target, created_ms, id) VALUES ($1, $2, $3, $4)",
            row.kind,
            id(*target),
            stored(row.created_ms),
            id(row.id),
        );
    }
    Ok(Ok(()))
}

async fn log(connection: &mut Connection, operation: &Operation) -> Applied {
    run!(
        connection,
        "INSERT INTO operations (seq, at_ms, actor, kind, id, event, from_state, to_state) \
         SELECT COALESCE((SELECT MAX(seq) FROM operations), 0) + 1, $1, $2, $3, $4, $5, $6, $7",
        stored(operation.at_ms),
        operation.actor.map(id),
        operation.kind,
        id(operation.id),
        operation.event,
        operation.from.map(str::to_owned),
        operation.to,
    );
    Ok(Ok(()))
}

fn found(row: &Row) -> Result<FoundRow, sqlx::Error> {
    Ok(FoundRow {
        id: Id::from_bytes(bytes(row, "id")?),
        state: row.get("state")?,
        body: row.get("body")?,
        created_ms: number(row, "created_ms")?,
        changed_ms: number(row, "changed_ms")?,
        version: row.get("version")?,
    })
}

fn logged(row: &Row) -> Result<Logged, sqlx::Error> {
    let actor = row.get::<Option<Vec<u8>>>("actor")?.and_then(|bytes| bytes.try_into().ok());
    Ok(Logged {
        seq: number(row, "seq")?,
        at_ms: number(row, "at_ms")?,
        actor: actor.map(Id::from_bytes),
        kind: row.get("kind")?,
        id: Id::from_bytes(bytes(row, "id")?),
        event: row.get("event")?,
        from: row.get("from_state")?,
        to: row.get("to_state")?,
    })
}

impl Entities for Database {
    fn entity(&self, kind: &'static str, entity: Id) -> BoxFuture<'_, Result<Option<FoundRow>, StoreError>> {
        Box::pin(async move {
            let row = query("SELECT * FROM entities WHERE kind = $1 AND id = $2").bind(kind).bind(id(entity));
            one(row.optional(self.readers()).await, found)
        })
    }

    fn entity_named(
        &self,
        kind: &'static str,
        name: [u8; 32],
    ) -> BoxFuture<'_, Result<Option<FoundRow>, StoreError>> {
        Box::pin(async move {
            let row = query(
                "SELECT e.* FROM entity_names n JOIN entities e ON e.kind = n.kind AND e.id = n.id \
                 WHERE n.kind = $1 AND n.name = $2",
            )
            .bind(kind)
            .bind(&name[..]);
            one(row.optional(self.readers()).await, found)
        })
    }

    fn entities_under<'a>(
        &'a self,
        kind: &'static str,
        target: Id,
        page: &'a Page,
    ) -> BoxFuture<'a, Result<Vec<FoundRow>, StoreError>> {
        Box::pin(async move {
            let mut rows = query(
                "SELECT e.* FROM entity_refs r JOIN entities e ON e.kind = r.kind AND e.id = r.id \
                 WHERE r.kind = $1 AND r.target = $2",
            )
            .bind(kind)
            .bind(id(target));
            if let Some(after) = page.after() {
                rows.push(" AND (r.created_ms, r.id) < (", stored(after.at_ms));
                rows.push(", ", &after.id[..]);
                rows = rows.then(")");
            }
            rows.push(" ORDER BY r.created_ms DESC, r.id DESC LIMIT ", page.to_read());
            all(rows.all(self.readers()).await, found)
        })
    }

    fn entities_in<'a>(
        &'a self,
        kind: &'static str,
        state: &'static str,
        page: &'a Page,
    ) -> BoxFuture<'a, Result<Vec<FoundRow>, StoreError>> {
        Box::pin(async move {
            let mut rows =
                query("SELECT * FROM entities WHERE kind = $1 AND state = $2").bind(kind).bind(state);
            if let Some(after) = page.after() {
                rows.push(" AND (created_ms, id) > (", stored(after.at_ms));
                rows.push(", ", &after.id[..]);
                rows = rows.then(")");
            }
            rows.push(" ORDER BY created_ms, id LIMIT ", page.to_read());
            all(rows.all(self.readers()).await, found)
        })
    }

    fn operations<'a>(
        &'a self,
        of: Of,
        sieve: &'a Sieve,
        page: &'a Page,
    ) -> BoxFuture<'a, Result<Vec<Logged>, StoreError>> {
        Box::pin(async move {
            let mut rows = match of {
                Of::Actor(actor) => query("SELECT * FROM operations WHERE actor = $1").bind(id(actor)),
                Of::Entity(kind, entity) => {
                    query("SELECT * FROM operations WHERE kind = $1 AND id = $2").bind(kind).bind(id(entity))
                }
            };
            if let Some(kind) = &sieve.kind {
                rows.push(" AND kind = ", kind.as_str());
            }
            if let Some(from_ms) = sieve.from_ms {
                rows.push(" AND at_ms >= ", stored(from_ms));
            }
            if let Some(to_ms) = sieve.to_ms {
                rows.push(" AND at_ms < ", stored(to_ms));
            }
            if let Some(after) = page.after() {
                rows.push(" AND seq < ", stored(after.at_ms));
            }
            rows.push(" ORDER BY seq DESC LIMIT ", page.to_read());
            all(rows.all(self.readers()).await, logged)
        })
    }

    fn attachment(&self, file: Id) -> BoxFuture<'_, Result<Option<AttachmentRow>, StoreError>> {
        Box::pin(async move {
            let row = query("SELECT * FROM attachments WHERE id = $1").bind(id(file));
            one(row.optional(self.readers()).await, |row| {
                Ok(AttachmentRow {
                    id: Id::from_bytes(bytes(row, "id")?),
                    owner: Id::from_bytes(bytes(row, "owner")?),
                    created_ms: number(row, "created_ms")?,
                    sealed: row.get("sealed")?,
                })
            })
        })
    }

    fn attachments_of(&self, owner: Id, since_ms: u64) -> BoxFuture<'_, Result<u64, StoreError>> {
        Box::pin(async move {
            let row =
                query("SELECT COUNT(*) AS count FROM attachments WHERE owner = $1 AND created_ms >= $2")
                    .bind(id(owner))
                    .bind(stored(since_ms));
            let count = one(row.optional(self.readers()).await, |row| number(row, "count"))?;
            Ok(count.unwrap_or_default())
        })
    }

    fn entities_due(&self, now_ms: u64, limit: u32) -> BoxFuture<'_, Result<Vec<(String, Id)>, StoreError>> {
        Box::pin(async move {
            let rows = query("SELECT kind, id FROM entities WHERE due_ms <= $1 ORDER BY due_ms LIMIT $2")
                .bind(stored(now_ms))
                .bind(limit);
            all(rows.all(self.readers()).await, |row| {
                Ok((row.get("kind")?, Id::from_bytes(bytes(row, "id")?)))
            })
        })
    }
}

/// The key of personal data, sealed.
pub(super) async fn personal_key(pool: &Pool) -> Result<Option<Vec<u8>>, StoreError> {
    let row = query("SELECT sealed FROM personal_key").optional(pool).await;
    one(row, |row| row.get("sealed"))
}
