//! Writes of API clients, events and deliveries.

pub(super) mod read;

use super::{
    apply::{Applied, changed, id, run, stored},
    query::{Connection, query},
};
use crate::domain::{
    clients::{
        ApiClient,
        ports::{ClientWrite, DeliveryId},
    },
    events::{KEPT_MS, Notice},
};

pub(super) async fn apply(connection: &mut Connection, write: &ClientWrite) -> Applied {
    match write {
        ClientWrite::Add(client) => add(connection, client).await,
        ClientWrite::Save(client) => save(connection, client).await,
        // What it tells is stored like what every other unit tells.
        ClientWrite::Tell(_) => Ok(Ok(())),
        ClientWrite::Claim { delivery: DeliveryId { client, event }, attempts, now_ms, until_ms } => {
            Ok(changed(run!(
                connection,
                "UPDATE deliveries SET attempts = attempts + 1, next_at_ms = $1 \
                 WHERE client = $2 AND event = $3 AND state = 'pending' AND attempts = $4 AND next_at_ms <= $5",
                stored(*until_ms),
                &client.as_bytes()[..],
                stored(*event),
                *attempts,
                stored(*now_ms),
            )))
        }
        ClientWrite::Settle { delivery: DeliveryId { client, event }, attempts, state, next_ms, status } => {
            Ok(changed(run!(
                connection,
                "UPDATE deliveries SET state = $1, next_at_ms = $2, status = $3 \
             WHERE client = $4 AND event = $5 AND state = 'pending' AND attempts = $6",
                state.as_str(),
                stored(*next_ms),
                status.map(i64::from),
                &client.as_bytes()[..],
                stored(*event),
                *attempts,
            )))
        }
        ClientWrite::Retry { delivery: DeliveryId { client, event }, now_ms } => Ok(changed(run!(
            connection,
            "UPDATE deliveries SET state = 'pending', attempts = 0, made_ms = $1, next_at_ms = $1, status = NULL \
             WHERE client = $2 AND event = $3 AND state = 'dead'",
            stored(*now_ms),
            &client.as_bytes()[..],
            stored(*event),
        ))),
    }
}

/// `|a|b|`, so that `|a|` is found in it if and only if `a` is one of them: no name has a bar in it, nor `%` or `_`.
fn barred<'a>(names: impl Iterator<Item = &'a str>) -> String {
    names.fold("|".to_owned(), |text, name| text + name + "|")
}

fn scopes(client: &ApiClient) -> String {
    barred(client.scopes.iter().map(|scope| scope.as_str()))
}

/// `None`: it is held to none.
fn authorities(client: &ApiClient) -> Option<String> {
    client.authorities.as_ref().map(|some| barred(some.iter().map(|authority| authority.as_str())))
}

async fn add(connection: &mut Connection, client: &ApiClient) -> Applied {
    let statement = query(
        "INSERT INTO clients (client, name, public_key, scopes, rate, webhook, authorities, state, created_ms, version) \
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, 1)",
    );
    statement
        .bind(&client.id.as_bytes()[..])
        .bind(client.name.as_str())
        .bind(&client.public_key.as_point().to_bytes()[..])
        .bind(scopes(client))
        .bind(client.rate)
        .bind(client.webhook.as_ref().map(|webhook| webhook.as_str().to_owned()))
        .bind(authorities(client))
        .bind(client.state.as_str())
        .bind(stored(client.created_ms))
        .execute(&mut *connection)
        .await?;
    Ok(Ok(()))
}

async fn save(connection: &mut Connection, client: &ApiClient) -> Applied {
    Ok(changed(run!(
        connection,
        "UPDATE clients SET name = $1, public_key = $2, scopes = $3, rate = $4, webhook = $5, authorities = $6, \
         state = $7, version = version + 1 WHERE client = $8 AND version = $9",
        client.name.as_str(),
        &client.public_key.as_point().to_bytes()[..],
        scopes(client),
        client.rate,
        client.webhook.as_ref().map(|webhook| webhook.as_str().to_owned()),
        authorities(client),
        client.state.as_str(),
        &client.id.as_bytes()[..],
        client.version,
    )))
}

/// Stores an event, and a delivery to every webhook of those who may see it. Its number.
pub(super) async fn tell(connection: &mut Connection, notice: &Notice) -> Result<i64, sqlx::Error> {
    let subject = &notice.subject;
    let authority = subject.authority.as_ref().map(|authority| authority.as_str().to_owned());
    let row = query(
        "INSERT INTO events (at_ms, kind, authority, key_id, request, client, data) \
         VALUES ($1, $2, $3, $4, $5, $6, $7) RETURNING seq",
    );
    let row = row
        .bind(stored(notice.at_ms))
        .bind(notice.kind)
        .bind(authority.clone())
        .bind(subject.key_id.as_ref().map(id))
        .bind(subject.request.map(|request| request.as_bytes().to_vec()))
        .bind(subject.client.map(|client| client.as_bytes().to_vec()))
        .bind(notice.data.to_string())
        .all(&mut *connection)
        .await?;
    let seq: i64 = row.first().ok_or(sqlx::Error::RowNotFound)?.get(0)?;
    let at_ms = stored(notice.at_ms);
    if let Some(client) = subject.client {
        run!(
            connection,
            "INSERT INTO deliveries (client, event, state, attempts, made_ms, next_at_ms) \
             SELECT client, $1, 'pending', 0, $2, $2 FROM clients \
             WHERE client = $3 AND webhook IS NOT NULL AND state = 'active'",
            seq,
            at_ms,
            &client.as_bytes()[..],
        );
    } else {
        run!(
            connection,
            "INSERT INTO deliveries (client, event, state, attempts, made_ms, next_at_ms) \
             SELECT client, $1, 'pending', 0, $2, $2 FROM clients \
             WHERE webhook IS NOT NULL AND state = 'active' AND scopes LIKE '%|events:read|%' \
             AND (authorities IS NULL OR authorities LIKE $3)",
            seq,
            at_ms,
            // Nobody is held to what is none.
            authority.map_or_else(|| "none".to_owned(), |authority| format!("%|{authority}|%")),
        );
    }
    Ok(seq)
}

/// Drops what is older than it is kept, but not the newest: it tells which numbers were given out.
pub(super) async fn purge(connection: &mut Connection, now_ms: u64, rows: u32) -> Result<(), sqlx::Error> {
    let end_ms = stored(now_ms.saturating_sub(KEPT_MS));
    run!(
        connection,
        "DELETE FROM deliveries WHERE (client, event) IN (SELECT d.client, d.event FROM deliveries d \
         JOIN events e ON e.seq = d.event WHERE e.at_ms <= $1 LIMIT $2)",
        end_ms,
        rows,
    );
    // The newest stays, so that its number is not given again; what is still to be dropped of its deliveries goes first.
    run!(
        connection,
        "DELETE FROM events WHERE seq IN (SELECT e.seq FROM events e WHERE e.at_ms <= $1 \
         AND e.seq < (SELECT MAX(seq) FROM events) \
         AND NOT EXISTS (SELECT 1 FROM deliveries d WHERE d.event = e.seq) LIMIT $2)",
        end_ms,
        rows,
    );
    Ok(())
}
