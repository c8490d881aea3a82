//! A customer of the office while things go wrong, who logs in at a trading platform by scanning its codes, orders and cancels.
//! Whatever became of the answers: what was named once is done once, and each login is metered once.

use std::{collections::BTreeSet, time::Duration};

use cosign_core::Digest;
use cosign_tests::people::{Certified, Market, Stage, User, citizen, text};
use serde_json::{Value, json};

use crate::{way::Way, workload::Owner};

/// How many logins are bought, more than there is time for.
const BOUGHT: u32 = 100_000;
/// How often one request is tried.
const TRIES: u32 = 60;

/// Who asks.
#[derive(Clone, Copy)]
enum By {
    User,
    Platform,
}

/// What was answered.
#[derive(Default)]
struct Seen {
    scans: BTreeSet<String>,
    signed: BTreeSet<String>,
    refused: BTreeSet<String>,
    orders: BTreeSet<String>,
    cancelled: BTreeSet<String>,
    /// How many codes and orders were asked for.
    names: [usize; 2],
}

/// Somebody who is verified, has a certificate, and has bought.
pub(crate) struct Certain {
    pub(crate) user: User,
    market: Market,
    certified: Certified,
    order: Value,
    which: u32,
}

impl Certain {
    /// Everything that comes before, while nothing goes wrong.
    pub(crate) fn on(stage: &Stage) -> Self {
        let market = stage.market("P-FAULTS", BOUGHT);
        let (user, which) = stage.citizen("欧阳无错");
        let certified = user.certified(&stage.reviewers[0]);
        let order = market.buy(&user, "personal", &[&market.uses]);
        Self { user, market, certified, order, which }
    }
}

pub(crate) struct Customer {
    certain: Certain,
    /// The phone.
    owner: Owner,
    /// How the platform reaches the nodes.
    page: Way,
    seen: Seen,
    requests: u64,
}

impl Customer {
    pub(crate) fn new(certain: Certain, owner: Owner, page: Way) -> Self {
        owner.ledger.secret("a phone number", certain.user.number().as_bytes());
        owner.ledger.secret("the number of an identity card", citizen(certain.which).as_bytes());
        Self { certain, owner, page, seen: Seen::default(), requests: 0 }
    }

    /// Is a customer until told to stop.
    pub(crate) async fn work(mut self) -> Self {
        while !self.owner.is_over() {
            if self.owner.draws.below(6) == 0 {
                self.order().await;
            } else {
                self.log_in().await;
            }
            tokio::time::sleep(Duration::from_millis(5 + self.owner.draws.below(60) as u64)).await;
        }
        self
    }

    async fn log_in(&mut self) -> Option<()> {
        self.seen.names[0] += 1;
        let code =
            self.ask(By::Platform, "/v1/client/scans", json!({ "kind": "login", "nonce": "n" })).await?;
        let id = text(&code["scan_id"]);
        self.seen.scans.insert(id.clone());
        self.ask(By::User, "/v1/scans", json!({ "code": code["code"] })).await?;
        let chosen = self.certain.certified.name();
        let scan = self.ask(By::User, &format!("/v1/scans/{id}/choose"), chosen).await?;
        if self.owner.draws.below(8) == 0 {
            self.ask(By::User, &format!("/v1/scans/{id}/refuse"), json!({})).await?;
            self.seen.refused.insert(id);
            return Some(());
        }
        let digest = |one: &Value| Digest::reduce(&hex::decode(text(one)).unwrap().try_into().unwrap());
        let digests: Vec<_> = scan["to_sign"].as_array().unwrap().iter().map(digest).collect();
        let signatures = self.owner.sign(&self.certain.certified.key, &digests).await?;
        let signatures: Vec<_> = signatures.iter().map(|one| hex::encode(one.to_bytes())).collect();
        self.ask(By::User, &format!("/v1/scans/{id}/sign"), json!({ "signatures": signatures })).await?;
        self.seen.signed.insert(id);
        self.count("logins");
        Some(())
    }

    async fn order(&mut self) -> Option<()> {
        self.seen.names[1] += 1;
        let lines = json!([{ "package_id": self.certain.market.uses, "quantity": 1 }]);
        let order = self.ask(By::User, "/v1/orders", json!({ "business": "extend", "lines": lines })).await?;
        let id = text(&order["order_id"]);
        self.seen.orders.insert(id.clone());
        self.ask(By::User, &format!("/v1/orders/{id}/cancel"), json!({})).await?;
        self.seen.cancelled.insert(id);
        self.count("orders");
        Some(())
    }

    fn count(&self, what: &'static str) {
        *self.owner.ledger.book().counts.entry(what).or_default() += 1;
    }

    /// Asks by one name until it is done, and now and then once more; `None` when it is refused, or nobody answers.
    async fn ask(&mut self, by: By, path: &str, body: Value) -> Option<Value> {
        self.requests += 1;
        let name = format!("customer-{}", self.requests);
        for _ in 0..TRIES {
            match self.ask_once(by, path, &name, &body).await {
                Some((200..300, done)) => {
                    if self.owner.draws.below(4) == 0
                        && let Some((200..300, again)) = self.ask_once(by, path, &name, &body).await
                    {
                        for field in ["scan_id", "order_id", "code"] {
                            assert_eq!(done[field], again[field], "{path} was done twice");
                        }
                    }
                    return Some(done);
                }
                // The clock of a node may be wrong, or it is about to end.
                Some((401 | 408 | 425 | 429 | 500.., _)) | None => {}
                Some(_) => return None,
            }
            if self.owner.is_over() {
                return None;
            }
            tokio::time::sleep(Duration::from_millis(20 + self.owner.draws.below(200) as u64)).await;
        }
        None
    }

    async fn ask_once(&mut self, by: By, path: &str, name: &str, body: &Value) -> Option<(u16, Value)> {
        let body = body.to_string();
        let answer = match by {
            By::User => {
                let headers = format!("content-type: application/json\r\nidempotency-key: {name}");
                let head = self.certain.user.head("POST", path, &headers);
                self.owner.way.http(&head, body.as_bytes()).await
            }
            By::Platform => {
                let kind = "application/json";
                let head = self.certain.market.platform.head("POST", path, kind, Some(name), body.as_bytes());
                self.page.http(&head, body.as_bytes()).await
            }
        }?;
        Some((answer.status, serde_json::from_slice(&answer.body).unwrap_or_default()))
    }

    /// Compares what was answered with what the office says, when nothing goes wrong any more.
    pub(crate) fn check(&self) {
        let Self { certain: Certain { user, market, order, .. }, seen, .. } = self;
        let succeeded = self.succeeded();
        assert!(seen.signed.is_subset(&succeeded), "a login that was answered is none");
        assert!(seen.refused.is_disjoint(&succeeded), "a login that was refused is one");
        for id in &seen.refused {
            assert_eq!(market.platform.scan(&json!({ "scan_id": id }))["state"], "refused");
        }
        let (path, line) = (text(&order["order_id"]), text(&order["lines"][0]["line_id"]));
        let uses = all(user, &format!("/v1/orders/{path}/lines/{line}/uses"), "uses");
        assert_eq!(uses.len(), succeeded.len(), "logins that are metered");
        assert_eq!(all(user, "/v1/scan-report", "records").len(), succeeded.len(), "logins on record");
        let left = BOUGHT - u32::try_from(succeeded.len()).unwrap();
        assert_eq!(market.balance(user)["remaining"], left);

        let orders = all(user, "/v1/orders", "orders");
        let ids: BTreeSet<_> = orders.iter().map(|one| text(&one["order_id"])).collect();
        assert!(seen.orders.is_subset(&ids), "an order that was answered is lost");
        // And the one that was paid.
        assert!(ids.len() <= seen.names[1] + 1, "a named order was made twice");
        let cancelled: BTreeSet<_> = orders
            .iter()
            .filter(|one| one["state"] == "cancelled")
            .map(|one| text(&one["order_id"]))
            .collect();
        assert!(seen.cancelled.is_subset(&cancelled), "an order that was cancelled is not");
    }

    /// The logins that the platform was told of.
    fn succeeded(&self) -> BTreeSet<String> {
        let (mut succeeded, mut scans, mut after) = (BTreeSet::new(), BTreeSet::new(), json!(0));
        loop {
            let found =
                self.certain.market.platform.get(&format!("/v1/client/events?limit=1000&after={after}"));
            let events = found["events"].as_array().unwrap();
            if events.is_empty() {
                break;
            }
            for event in events.iter().filter(|event| event["kind"] == "scan.changed") {
                let id = text(&event["data"]["scan_id"]);
                let is_new = event["data"]["state"] != "succeeded" || succeeded.insert(id.clone());
                assert!(is_new, "a platform was told twice of one login");
                scans.insert(id);
            }
            after = found["next"].clone();
        }
        scans.extend(self.seen.scans.iter().cloned());
        assert!(scans.len() <= self.seen.names[0], "a named code was made twice");
        succeeded
    }
}

/// All pages of a list.
fn all(user: &User, path: &str, field: &str) -> Vec<Value> {
    let (mut items, mut after) = (Vec::new(), String::new());
    loop {
        let page = user.get(&format!("{path}?limit=1000{after}"));
        items.extend(page[field].as_array().unwrap().iter().cloned());
        match page["next"].as_str() {
            Some(next) => after = format!("&after={next}"),
            None => return items,
        }
    }
}
