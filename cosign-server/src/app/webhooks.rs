//! Delivers events to webhooks: at least once, a few at a time for each client, those that fail again and again with growing
//! pauses.
//!
//! An attempt is claimed in the database first, for longer than it can take, so of several nodes one makes it; what a process
//! that ended left behind is taken up when the claim has run out. A receiver that is away is left alone for a while with all
//! that waits for it, and holds nobody up.

mod address;
mod send;
#[cfg(test)]
mod tests;

use std::{
    collections::{HashMap, HashSet},
    sync::Arc,
    time::Duration,
};

use cosign_core::{http_signature::MAX_LIFE_S, sm_primitives::sm2::PrivateKey};
use futures_util::{FutureExt as _, StreamExt as _, future::BoxFuture, stream::FuturesUnordered};

pub use self::send::WebhookError;
pub(super) use self::send::{Failed, exchange};
use self::send::{Sender, SenderSettings};
use super::config::WebhooksConfig;
use crate::{
    domain::{
        clients::{
            ClientId,
            ports::{ClientWrite, DeliveryId, Outbox},
        },
        events::{DeliveryState, Due, after_failure, pause_ms},
        ports::{Clock, Entropy, Store, StoreError, Write},
        services::Feed,
    },
    signer::EntropyRng,
    telemetry::Telemetry,
};

/// Attempts under way at once, for one client and for all.
const EACH: usize = 4;
const ALL: usize = 32;
/// How long due deliveries may go unnoticed.
const POLL: Duration = Duration::from_secs(1);
/// Beyond the time for an attempt, for what is before and after it, in milliseconds.
const CLAIM_MARGIN_MS: u64 = 30_000;
/// A receiver is left alone for no longer than this, in milliseconds.
const LONGEST_QUIET_MS: u64 = 5 * 60 * 1000;
/// Signatures are good for so long, in seconds.
const SIGNATURE_LIFE_S: u64 = MAX_LIFE_S;

/// Delivers events.
pub(super) struct Webhooks {
    store: Arc<dyn Store>,
    outbox: Arc<dyn Outbox>,
    feed: Arc<Feed>,
    clock: Arc<dyn Clock>,
    entropy: Arc<dyn Entropy>,
    telemetry: Arc<Telemetry>,
    sender: Sender,
    claim_ms: u64,
}

/// What [`Webhooks`] needs from outside.
pub(super) struct WebhookPorts {
    pub(super) store: Arc<dyn Store>,
    pub(super) outbox: Arc<dyn Outbox>,
    pub(super) feed: Arc<Feed>,
    pub(super) clock: Arc<dyn Clock>,
    pub(super) entropy: Arc<dyn Entropy>,
    pub(super) telemetry: Arc<Telemetry>,
}

/// A receiver that is away.
struct Quiet {
    failures: u32,
    until_ms: u64,
}

/// How an attempt ended.
struct Ended {
    delivery: DeliveryId,
    /// `None`: somebody else made it.
    taken: Option<bool>,
}

impl Webhooks {
    /// Ready to deliver, with a key to sign with.
    pub(super) fn new(
        ports: WebhookPorts,
        config: &WebhooksConfig,
        key: PrivateKey,
    ) -> Result<Self, WebhookError> {
        let WebhookPorts { store, outbox, feed, clock, entropy, telemetry } = ports;
        let settings = SenderSettings {
            allow_http: config.allow_http,
            allow_private: config.allow_private,
            ca: config.ca.clone(),
            timeout: Duration::from_secs(config.timeout_s.get()),
        };
        let sender = Sender::new(settings, key, EntropyRng::new(Arc::clone(&entropy)))?;
        let claim_ms = config.timeout_s.get().saturating_mul(1000).saturating_add(CLAIM_MARGIN_MS);
        Ok(Self { store, outbox, feed, clock, entropy, telemetry, sender, claim_ms })
    }

    /// Delivers until it is dropped.
    pub(super) async fn run(&self) {
        let mut newest = self.feed.watch();
        let mut under_way: FuturesUnordered<BoxFuture<'_, Ended>> = FuturesUnordered::new();
        let mut taken = HashSet::new();
        let mut quiet = HashMap::new();
        loop {
            newest.mark_unchanged();
            match self.outbox.due(self.clock.now_ms(), u32::try_from(2 * EACH).unwrap_or(u32::MAX)).await {
                Ok(due) => {
                    for due in self.choose(due, &mut taken, &quiet) {
                        under_way.push(self.attempt(due).boxed());
                    }
                }
                Err(error) => tracing::warn!(?error, "deliveries cannot be read"),
            }
            tokio::select! {
                Some(ended) = under_way.next() => {
                    taken.remove(&ended.delivery);
                    self.account(&ended, &mut quiet);
                }
                _ = tokio::time::timeout(POLL, newest.changed()) => {}
            }
        }
    }

    /// Those of what is due that are begun with now.
    fn choose(
        &self,
        due: Vec<Due>,
        taken: &mut HashSet<DeliveryId>,
        quiet: &HashMap<ClientId, Quiet>,
    ) -> Vec<Due> {
        let now_ms = self.clock.now_ms();
        let mut chosen = Vec::new();
        for due in due {
            let of_client = taken.iter().filter(|delivery| delivery.client == due.client).count();
            // Of one that was away, a single attempt tells whether it is back.
            let limit = match quiet.get(&due.client) {
                Some(quiet) if now_ms < quiet.until_ms => 0,
                Some(_) => 1,
                None => EACH,
            };
            let delivery = DeliveryId { client: due.client, event: due.event.seq };
            if of_client < limit && taken.len() < ALL && taken.insert(delivery) {
                chosen.push(due);
            }
        }
        chosen
    }

    fn account(&self, ended: &Ended, quiet: &mut HashMap<ClientId, Quiet>) {
        match ended.taken {
            None => {}
            Some(true) => {
                quiet.remove(&ended.delivery.client);
            }
            Some(false) => {
                let quiet = quiet.entry(ended.delivery.client).or_insert(Quiet { failures: 0, until_ms: 0 });
                let now_ms = self.clock.now_ms();
                // Those that were under way together failed for one reason.
                if quiet.until_ms <= now_ms {
                    quiet.failures = quiet.failures.saturating_add(1);
                    let pause_ms = pause_ms(quiet.failures, self.chance()).min(LONGEST_QUIET_MS);
                    quiet.until_ms = now_ms.saturating_add(pause_ms);
                }
            }
        }
    }

    fn chance(&self) -> u32 {
        let mut bytes = [0; 4];
        match self.entropy.fill(&mut bytes) {
            Ok(()) => u32::from_be_bytes(bytes),
            Err(_) => u32::MAX,
        }
    }

    async fn attempt(&self, due: Due) -> Ended {
        let delivery = DeliveryId { client: due.client, event: due.event.seq };
        let now_ms = self.clock.now_ms();
        let until_ms = now_ms.saturating_add(self.claim_ms);
        let claim = ClientWrite::Claim { delivery, attempts: due.attempts, now_ms, until_ms };
        if let Err(error) = self.store.commit([Write::Client(claim)].into()).await {
            if error != StoreError::Stale {
                tracing::warn!(?error, "a delivery was not claimed");
            }
            return Ended { delivery, taken: None };
        }
        let sent = self.sender.send(&due.webhook, &due.event, self.clock.now_ms() / 1000).await;
        let (attempts, now_ms) = (due.attempts.saturating_add(1), self.clock.now_ms());
        let (client, event) = (due.client, due.event.seq);
        let (state, next_ms, status) = match &sent {
            Ok(status) => (DeliveryState::Delivered, now_ms, Some(*status)),
            Err(failed) => {
                let (state, next_ms) = after_failure(attempts, due.made_ms, now_ms, self.chance());
                tracing::warn!(%client, event, attempts, %failed, state = state.as_str(), "not delivered");
                (state, next_ms, failed.status())
            }
        };
        self.telemetry.delivery(state.as_str());
        let settle = ClientWrite::Settle { delivery, attempts, state, next_ms, status };
        if let Err(error) = self.store.commit([Write::Client(settle)].into()).await {
            // It is delivered again when the claim has run out.
            tracing::warn!(%client, event, ?error, "what came of a delivery was not stored");
        }
        Ended { delivery, taken: Some(sent.is_ok()) }
    }
}
