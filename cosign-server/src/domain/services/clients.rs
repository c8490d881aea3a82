//! Clients of the API: made and stopped by the operator, telling where their events go.

use std::{collections::BTreeSet, sync::Arc};

use cosign_core::sm_primitives::sm2::PublicKey;
use serde_json::json;

use crate::domain::{
    Error,
    audit::{Act, Event as Record},
    ca::AuthorityId,
    clients::{
        ApiClient, Buckets, ClientId, DEFAULT_RATE, Scope, State, WebhookUrl,
        ports::{About, ClientWrite, Deliveries, DeliveryId, Outbox},
    },
    device::Name,
    events::{Delivery, DeliveryState, Event, Notice},
    once::{self, Once},
    ports::{Clock, Entropy, Store, StoreError, Unit, Write},
};

/// Most events and deliveries in one answer.
pub const MAX_PAGE: u32 = 1000;

/// What the operator says of a new client.
#[derive(Clone, Debug)]
pub struct NewClient {
    /// What to call it.
    pub name: Name,
    /// What its signatures are verified with.
    pub public_key: PublicKey,
    /// What it may do.
    pub scopes: BTreeSet<Scope>,
    /// Requests a minute; `None`: 600.
    pub rate: Option<u32>,
    /// Where events are sent to.
    pub webhook: Option<WebhookUrl>,
    /// The authorities that it is held to.
    pub authorities: Option<BTreeSet<AuthorityId>>,
}

/// What the operator changes of a client; what is `None` stays.
#[derive(Clone, Debug, Default)]
pub struct ClientChanges {
    /// Another key.
    pub public_key: Option<PublicKey>,
    /// Other scopes.
    pub scopes: Option<BTreeSet<Scope>>,
    /// Requests a minute.
    pub rate: Option<u32>,
    /// Where events are sent to, or nowhere.
    pub webhook: Option<Option<WebhookUrl>>,
    /// The authorities that it is held to, or all.
    pub authorities: Option<Option<BTreeSet<AuthorityId>>>,
}

/// Events behind a cursor.
#[derive(Clone, Debug)]
pub struct Page {
    /// In order.
    pub events: Vec<Event>,
    /// The cursor behind them.
    pub next: u64,
}

/// The clients of the API.
pub struct Clients {
    store: Arc<dyn Store>,
    outbox: Arc<dyn Outbox>,
    clock: Arc<dyn Clock>,
    entropy: Arc<dyn Entropy>,
    buckets: Buckets,
    allow_http: bool,
}

impl Clients {
    /// The service over its ports. `allow_http`: whether a webhook may be without TLS.
    #[must_use]
    pub fn new(
        store: Arc<dyn Store>,
        outbox: Arc<dyn Outbox>,
        clock: Arc<dyn Clock>,
        entropy: Arc<dyn Entropy>,
        allow_http: bool,
    ) -> Self {
        Self { store, outbox, clock, entropy, buckets: Buckets::default(), allow_http }
    }

    /// All clients, oldest first.
    ///
    /// # Errors
    /// Storage faults.
    pub async fn list(&self) -> Result<Vec<ApiClient>, Error> {
        Ok(self.outbox.clients().await?)
    }

    /// A client.
    ///
    /// # Errors
    /// [`Error::NotFound`], storage faults.
    pub async fn client(&self, id: &ClientId) -> Result<ApiClient, Error> {
        self.outbox.client(id).await?.ok_or(Error::NotFound)
    }

    /// Makes a client known.
    ///
    /// # Errors
    /// [`Error::BadRequest`] for what no client can be; random and storage faults.
    pub async fn add(&self, new: NewClient) -> Result<ApiClient, Error> {
        let mut id = [0; 16];
        self.entropy.fill(&mut id)?;
        let NewClient { name, public_key, scopes, rate, webhook, authorities } = new;
        let client = ApiClient {
            id: ClientId::from_bytes(id),
            name,
            public_key,
            scopes,
            rate: rate.unwrap_or(DEFAULT_RATE),
            webhook,
            authorities,
            state: State::Active,
            created_ms: self.clock.now_ms(),
            version: 1,
        };
        self.check(&client)?;
        let log = self.record(&client, "added");
        let add = Write::Client(ClientWrite::Add(Box::new(client.clone())));
        self.store.commit([add, Write::Log(log)].into()).await?;
        Ok(client)
    }

    /// Suspends a client, lets it go on, or closes it for good. Again changes nothing.
    ///
    /// # Errors
    /// [`Error::NotFound`], [`Error::Conflict`] for one that is closed or changed meanwhile; storage faults.
    pub async fn change(&self, id: &ClientId, to: State) -> Result<ApiClient, Error> {
        let client = self.client(id).await?;
        let to = client.state.change(to)?;
        if to == client.state {
            return Ok(client);
        }
        self.save(ApiClient { state: to, ..client }, to.as_str()).await
    }

    /// Changes what a client is and may do.
    ///
    /// # Errors
    /// As [`Self::change`]; [`Error::BadRequest`] for what no client can be.
    pub async fn set(&self, id: &ClientId, changes: ClientChanges) -> Result<ApiClient, Error> {
        let mut client = self.client(id).await?;
        if client.state == State::Closed {
            return Err(Error::Conflict("the client is closed; add another one"));
        }
        let ClientChanges { public_key, scopes, rate, webhook, authorities } = changes;
        client.public_key = public_key.unwrap_or(client.public_key);
        client.scopes = scopes.unwrap_or(client.scopes);
        client.rate = rate.unwrap_or(client.rate);
        client.webhook = webhook.unwrap_or(client.webhook);
        client.authorities = authorities.unwrap_or(client.authorities);
        self.save(client, "changed").await
    }

    async fn save(&self, client: ApiClient, what: &str) -> Result<ApiClient, Error> {
        self.check(&client)?;
        let log = self.record(&client, what);
        let id = client.id;
        let save = Write::Client(ClientWrite::Save(Box::new(client)));
        self.store.commit([save, Write::Log(log)].into()).await?;
        self.client(&id).await
    }

    fn check(&self, client: &ApiClient) -> Result<(), Error> {
        client.check()?;
        if !self.allow_http && client.webhook.as_ref().is_some_and(|webhook| !webhook.is_secure()) {
            return Err(Error::BadRequest("a webhook must be https"));
        }
        Ok(())
    }

    /// A record with everything that decides what the client may do.
    fn record(&self, client: &ApiClient, what: &str) -> Record {
        let scopes: Vec<_> = client.scopes.iter().map(|scope| scope.as_str()).collect();
        let some = client.authorities.as_ref().map_or(0, BTreeSet::len);
        let held = if some == 0 { "all authorities".to_owned() } else { format!("{some} authorities") };
        let note = format!("{} {what}: {}, {}/min, {held}", client.id, scopes.join(" "), client.rate);
        let public_key = Some(client.public_key.as_point().to_bytes());
        Record { public_key, ..Record::administration(self.clock.now_ms(), Act::CLIENT, note) }
    }

    /// The client that a signature names.
    ///
    /// # Errors
    /// [`Error::SignatureInvalid`] for one that is not known; storage faults.
    pub async fn named(&self, key_id: &str) -> Result<ApiClient, Error> {
        let unknown = Error::SignatureInvalid("keyid names no client of this server");
        let id = key_id.parse().map_err(|_| unknown)?;
        self.outbox.client(&id).await?.ok_or(unknown)
    }

    /// Lets a client whose signature was verified do one thing.
    ///
    /// # Errors
    /// [`Error::ClientSuspended`], [`Error::ScopeMissing`], [`Error::TooManyRequests`].
    pub fn admit(&self, client: &ApiClient, scope: Option<Scope>) -> Result<(), Error> {
        client.served()?;
        if let Some(scope) = scope {
            client.may(scope)?;
        }
        let taken = self.buckets.take(&client.id, client.rate, self.clock.monotonic_ns());
        taken.map_err(|retry_after_s| Error::TooManyRequests { retry_after_s })
    }

    /// The events behind a cursor that a client may see, at most `limit` and [`MAX_PAGE`].
    ///
    /// # Errors
    /// [`Error::Conflict`] for a cursor that was never given out; storage faults.
    pub async fn events(&self, client: &ApiClient, after: u64, limit: u32) -> Result<Page, Error> {
        self.page(About::Client(client), after, limit).await
    }

    /// Events behind a cursor.
    ///
    /// # Errors
    /// As [`Self::events`].
    pub async fn page(&self, about: About<'_>, after: u64, limit: u32) -> Result<Page, Error> {
        // Read first: whatever is committed after it is behind the cursor.
        let newest = self.outbox.newest_event().await?;
        if after > newest {
            return Err(Error::Conflict(
                "the cursor is ahead of all events: the database was restored; begin again without one",
            ));
        }
        let limit = limit.clamp(1, MAX_PAGE);
        let events = self.outbox.events(about, after, limit).await?;
        let full = u32::try_from(events.len()) == Ok(limit);
        let last = events.last().map_or(after, |event| event.seq);
        let next = if full { last } else { last.max(newest) };
        Ok(Page { events, next })
    }

    /// The cursor behind all events.
    ///
    /// # Errors
    /// Storage faults.
    pub async fn newest(&self) -> Result<u64, Error> {
        Ok(self.outbox.newest_event().await?)
    }

    /// A client sets where its events are sent to, or that they are not sent.
    ///
    /// # Errors
    /// [`Error::BadRequest`], [`Error::Conflict`] when it was changed meanwhile, [`Error::IdempotencyMismatch`]; storage
    /// faults.
    pub async fn set_webhook(
        &self,
        client: &ApiClient,
        webhook: Option<WebhookUrl>,
        once: &Once,
    ) -> Result<ApiClient, Error> {
        let changed = ApiClient { webhook, ..client.clone() };
        self.check(&changed)?;
        let log = self.record(&changed, "set its webhook");
        let save = Write::Client(ClientWrite::Save(Box::new(changed)));
        self.act(client, once, vec![save, Write::Log(log)]).await?;
        self.client(&client.id).await
    }

    /// Sends a client an event that says nothing.
    ///
    /// # Errors
    /// [`Error::Conflict`] without a webhook, [`Error::IdempotencyMismatch`]; storage faults.
    pub async fn ping(&self, client: &ApiClient, once: &Once) -> Result<(), Error> {
        if client.webhook.is_none() {
            return Err(Error::Conflict("the client has no webhook; set one first"));
        }
        let ping = Notice::to_client(client.id, self.clock.now_ms(), "webhook.ping", json!({}));
        self.act(client, once, vec![ping]).await
    }

    /// Deliveries to a client, newest first, at most [`MAX_PAGE`].
    ///
    /// # Errors
    /// Storage faults.
    pub async fn deliveries(
        &self,
        client: &ApiClient,
        state: Option<DeliveryState>,
        before: Option<u64>,
        limit: u32,
    ) -> Result<Vec<Delivery>, Error> {
        let which = Deliveries { client: client.id, state, before, limit: limit.clamp(1, MAX_PAGE) };
        Ok(self.outbox.deliveries(which).await?)
    }

    /// Begins a delivery anew that was given up.
    ///
    /// # Errors
    /// [`Error::Conflict`] for any other, [`Error::IdempotencyMismatch`]; storage faults.
    pub async fn retry(&self, client: &ApiClient, event: u64, once: &Once) -> Result<(), Error> {
        let delivery = DeliveryId { client: client.id, event };
        let retry = ClientWrite::Retry { delivery, now_ms: self.clock.now_ms() };
        match self.act(client, once, vec![Write::Client(retry)]).await {
            Err(Error::Conflict(_)) => Err(Error::Conflict("no such delivery was given up")),
            outcome => outcome,
        }
    }

    /// Does it, unless the request was here before.
    async fn act(&self, client: &ApiClient, once: &Once, writes: Vec<Write>) -> Result<(), Error> {
        let (owner, now_ms) = (client.id.owner(), self.clock.now_ms());
        if once::recall::<()>(&*self.store, &owner, Some(once), now_ms).await?.is_some() {
            return Ok(());
        }
        let mut unit = Unit(writes);
        unit.0.push(Write::Remember(once::remember(&owner, once, &(), now_ms)?));
        match self.store.commit(unit).await {
            Ok(()) => Ok(()),
            // The same request came twice at once, and the other one was first; or the name is another request's.
            Err(error @ (StoreError::Duplicate | StoreError::Stale)) => {
                let done = once::recall::<()>(&*self.store, &owner, Some(once), now_ms).await?;
                done.ok_or_else(|| error.into())
            }
            Err(error) => Err(error.into()),
        }
    }
}
