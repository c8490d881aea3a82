//! Reads of API clients, events and deliveries.

use std::collections::BTreeSet;

use cosign_core::sm_primitives::{point::PublicPoint, sm2::PublicKey};
use futures_util::future::BoxFuture;
use tokio::sync::watch;

use super::authorities;
use crate::{
    domain::{
        ca::AuthorityId,
        clients::{
            ApiClient, ClientId, Scope, State, WebhookUrl,
            ports::{About, Deliveries, Outbox},
        },
        events::{Delivery, DeliveryState, Due, Event},
        ports::StoreError,
    },
    store::{
        Database,
        apply::{id, stored},
        query::{Pool, Row, query},
        read::{all, one},
        rows::{bytes, malformed, name, number, read_error},
    },
};

fn split(text: &str) -> impl Iterator<Item = &str> {
    text.split('|').filter(|part| !part.is_empty())
}

fn webhook(row: &Row) -> Result<Option<WebhookUrl>, sqlx::Error> {
    let text: Option<String> = row.get("webhook")?;
    text.map(|text| WebhookUrl::try_from(text).map_err(|_| malformed("not a URL"))).transpose()
}

fn client(row: &Row) -> Result<ApiClient, sqlx::Error> {
    let point = PublicPoint::from_bytes(&bytes(row, "public_key")?);
    let scopes: String = row.get("scopes")?;
    let scopes: Option<BTreeSet<_>> = split(&scopes).map(Scope::from_name).collect();
    let some: Option<String> = row.get("authorities")?;
    let some = some.map(|text| split(&text).map(|name| AuthorityId::try_from(name.to_owned())).collect());
    Ok(ApiClient {
        id: ClientId::from_bytes(bytes(row, "client")?),
        name: name(row, "name")?,
        public_key: PublicKey::from(point.ok_or_else(|| malformed("not a public key"))?),
        scopes: scopes.ok_or_else(|| malformed("unknown scope"))?,
        rate: number(row, "rate")?,
        webhook: webhook(row)?,
        authorities: some.transpose().map_err(|_| malformed("not an authority"))?,
        state: State::from_name(row.get("state")?).ok_or_else(|| malformed("unknown state"))?,
        created_ms: number(row, "created_ms")?,
        version: row.get("version")?,
    })
}

fn event(row: &Row) -> Result<Event, sqlx::Error> {
    let data: String = row.get("data")?;
    Ok(Event {
        seq: number(row, "seq")?,
        at_ms: number(row, "at_ms")?,
        kind: row.get("kind")?,
        data: serde_json::from_str(&data).map_err(|_| malformed("not JSON"))?,
    })
}

fn due(row: &Row) -> Result<Due, sqlx::Error> {
    Ok(Due {
        client: ClientId::from_bytes(bytes(row, "client")?),
        webhook: webhook(row)?.ok_or_else(|| malformed("no URL"))?,
        event: event(row)?,
        attempts: number(row, "attempts")?,
        made_ms: number(row, "made_ms")?,
    })
}

fn delivery(row: &Row) -> Result<Delivery, sqlx::Error> {
    let status: Option<i64> = row.get("status")?;
    Ok(Delivery {
        event: number(row, "event")?,
        kind: row.get("kind")?,
        state: DeliveryState::from_name(row.get("state")?).ok_or_else(|| malformed("unknown state"))?,
        attempts: number(row, "attempts")?,
        made_ms: number(row, "made_ms")?,
        next_ms: number(row, "next_at_ms")?,
        status: status
            .map(|status| u16::try_from(status).map_err(|_| malformed("not a status")))
            .transpose()?,
    })
}

async fn events(pool: &Pool, about: About<'_>, after: u64, limit: u32) -> Result<Vec<Event>, StoreError> {
    let rows = match about {
        About::Client(client) => query(
            "SELECT seq, at_ms, kind, data FROM events WHERE seq > $1 AND (client = $2 OR (client IS NULL \
             AND ($3 = '' OR (authority IS NOT NULL AND $3 LIKE '%|' || authority || '|%')))) ORDER BY seq LIMIT $4",
        )
        .bind(stored(after))
        .bind(&client.id.as_bytes()[..])
        .bind(authorities(client).unwrap_or_default()),
        About::Key(key_id) => query(
            "SELECT seq, at_ms, kind, data FROM events WHERE seq > $1 AND key_id = $2 ORDER BY seq LIMIT $3",
        )
        .bind(stored(after))
        .bind(id(&key_id)),
        About::Request(request) => query(
            "SELECT seq, at_ms, kind, data FROM events WHERE seq > $1 AND request = $2 ORDER BY seq LIMIT $3",
        )
        .bind(stored(after))
        .bind(&request.as_bytes()[..]),
    };
    all(rows.bind(limit).all(pool).await, event)
}

async fn newest_event(pool: &Pool) -> Result<u64, StoreError> {
    let row = query("SELECT COALESCE(MAX(seq), 0) AS seq FROM events").one(pool).await;
    row.and_then(|row| number(&row, "seq")).map_err(read_error)
}

/// Client by client, so that one with many does not hide the others.
async fn all_due(pool: &Pool, now_ms: u64, each: u32) -> Result<Vec<Due>, StoreError> {
    let waiting = query(
        "SELECT client FROM clients c WHERE webhook IS NOT NULL AND state = 'active' AND EXISTS \
         (SELECT 1 FROM deliveries d WHERE d.client = c.client AND d.state = 'pending' AND d.next_at_ms <= $1)",
    );
    let waiting = all(waiting.bind(stored(now_ms)).all(pool).await, |row| bytes::<16>(row, "client"))?;
    let mut found = Vec::new();
    for client in waiting {
        let rows = query(
            "SELECT d.client, d.attempts, d.made_ms, c.webhook, e.seq, e.at_ms, e.kind, e.data FROM deliveries d \
             JOIN clients c ON c.client = d.client JOIN events e ON e.seq = d.event \
             WHERE d.client = $1 AND d.state = 'pending' AND d.next_at_ms <= $2 AND c.webhook IS NOT NULL \
             ORDER BY d.next_at_ms, d.event LIMIT $3",
        );
        let rows = rows.bind(&client[..]).bind(stored(now_ms)).bind(each).all(pool).await;
        found.extend(all(rows, due)?);
    }
    Ok(found)
}

async fn deliveries(pool: &Pool, which: Deliveries) -> Result<Vec<Delivery>, StoreError> {
    let rows = query(
        "SELECT d.event, e.kind, d.state, d.attempts, d.made_ms, d.next_at_ms, d.status FROM deliveries d \
         JOIN events e ON e.seq = d.event WHERE d.client = $1 AND ($2 = '' OR d.state = $2) AND d.event < $3 \
         ORDER BY d.event DESC LIMIT $4",
    );
    let rows = rows
        .bind(&which.client.as_bytes()[..])
        .bind(which.state.map_or("", DeliveryState::as_str))
        .bind(which.before.map_or(i64::MAX, stored))
        .bind(which.limit);
    all(rows.all(pool).await, delivery)
}

impl Outbox for Database {
    fn client<'a>(&'a self, client_id: &'a ClientId) -> BoxFuture<'a, Result<Option<ApiClient>, StoreError>> {
        Box::pin(async {
            let row = query("SELECT * FROM clients WHERE client = $1").bind(&client_id.as_bytes()[..]);
            one(row.optional(self.readers()).await, client)
        })
    }

    fn clients(&self) -> BoxFuture<'_, Result<Vec<ApiClient>, StoreError>> {
        Box::pin(async {
            let rows = query("SELECT * FROM clients ORDER BY created_ms, client").all(self.readers()).await;
            all(rows, client)
        })
    }

    fn events<'a>(
        &'a self,
        about: About<'a>,
        after: u64,
        limit: u32,
    ) -> BoxFuture<'a, Result<Vec<Event>, StoreError>> {
        Box::pin(events(self.readers(), about, after, limit))
    }

    fn newest_event(&self) -> BoxFuture<'_, Result<u64, StoreError>> {
        Box::pin(newest_event(self.readers()))
    }

    fn event_growth(&self) -> watch::Receiver<u64> {
        self.event_watch()
    }

    fn due(&self, now_ms: u64, each: u32) -> BoxFuture<'_, Result<Vec<Due>, StoreError>> {
        Box::pin(all_due(self.readers(), now_ms, each))
    }

    fn deliveries(&self, which: Deliveries) -> BoxFuture<'_, Result<Vec<Delivery>, StoreError>> {
        Box::pin(deliveries(self.readers(), which))
    }
}
