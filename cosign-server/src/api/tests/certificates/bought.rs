//! Certificates that cost something.

use super::{
    super::shop::{Shop, at, entry, package, pay, text, with},
    *,
};
use crate::domain::office::order::OrderFlow;

/// A scene with a catalogue to buy from: its platform is `P1`.
pub(super) struct Market {
    pub(super) world: World,
    pub(super) owner: Owner,
    pub(super) shop: Shop,
}

pub(super) fn buying(mut body: Value, lines: &[(&String, u32)]) -> Value {
    let line = |(package, quantity): &(&String, u32)| json!({ "package_id": package, "quantity": quantity });
    body["purchase"] = json!({ "lines": lines.iter().map(line).collect::<Vec<_>>() });
    body
}

pub(super) fn agreed(body: Value) -> Value {
    with(body, "agreement", "1")
}

impl Market {
    pub(super) async fn open(rules: Rules) -> Self {
        Self::with(rules, |rules| rules).await
    }

    pub(super) async fn with(rules: Rules, demands: impl FnOnce(Value) -> Value) -> Self {
        let Scene { world, owner } = Scene::with(rules, Options::default()).await;
        let ada = Phone::enrolled(&world, 1).await;
        world.grants.grant(&ada.device.id, name("Ada"), Role::Administrator).await.unwrap();
        let shop = Shop::with_rules(&world, demands).await;
        Self { world, owner, shop }
    }

    /// A fee for an act.
    pub(super) async fn fee(&self, service: &str, institution: &str, pays_for: &str, fen: u64) -> String {
        let fee = package(&self.shop.platform, institution, service, "手续费", fen);
        entry(&self.world, with(fee, "pays_for", pays_for)).await
    }

    /// The order of an application.
    pub(super) async fn order(&self, application: &Value) -> Value {
        let path = format!("/v1/orders/{}", text(application, "order_id"));
        self.owner.browser.see(&self.world, &path).await
    }

    pub(super) async fn pays(&self, application: &Value) -> Value {
        pay(&self.world, &self.owner.browser, &self.order(application).await).await;
        self.see(application).await
    }

    pub(super) async fn see(&self, application: &Value) -> Value {
        self.owner.browser.see(&self.world, &path_of(application)).await
    }

    /// Applies, pays, has it passed and pays again, as far as that is to be done. Where the application stands then.
    pub(super) async fn approved(&self, body: Value) -> Value {
        let application = self.owner.applied(&self.world, body).await;
        let mut now = self.owner.authorised(&self.world, &application).await;
        for _ in 0..2 {
            now = match text(&now, "state") {
                "unpaid" => self.pays(&now).await,
                "review" => review(&self.world, REVIEWER, &now, true, "").await.1,
                _ => now,
            };
        }
        now
    }

    pub(super) async fn certified(&self, body: Value) -> Value {
        let approved = self.approved(body).await;
        let (status, installed) = self.owner.install(&self.world, &approved).await;
        assert_eq!(status, StatusCode::OK, "{installed}");
        self.owner.holding(&self.world, text(&installed, "holding_id")).await
    }

    /// When what was bought for a platform ends.
    pub(super) async fn ends(&self, platform: &str) -> Option<u64> {
        let found = self.owner.browser.see(&self.world, "/v1/balances").await;
        let found = found["balances"].as_array().unwrap().clone();
        let of = found.iter().find(|one| one["platform_id"] == platform && one["service"] == "ca");
        of.filter(|one| one["usable"] == true).and_then(|one| one["ends_at_ms"].as_u64())
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn j_14_a_certificate_is_paid_after_it_was_reviewed() {
    let rules = Rules { order_flow: OrderFlow::ReviewFirst, ..Rules::default() };
    let market = Market::open(rules).await;
    let Market { world, owner, shop } = &market;
    let application = owner.applied(world, buying(on_platform("P1"), &[(&shop.year, 1)])).await;
    assert_eq!((&application["fee"], &application["order_id"]), (&json!(20_000), &Value::Null));
    let authorised = owner.authorised(world, &application).await;
    assert_eq!(authorised["state"], "review");
    let order = market.order(&authorised).await;
    assert_eq!(
        (&order["state"], &order["application_id"]),
        (&json!("awaiting-approval"), &application["application_id"])
    );
    let channel = json!({ "channel": "wechat" });
    owner.browser.refused(world, &format!("{}/pay", at(&order)), &channel, 409, "conflict").await;
    // It is the application that is decided on, not the order.
    let alone = format!("/v1/operator/orders/{}/review", text(&order, "order_id"));
    let decided = super::super::post(world, &alone, Some([REVIEWER; 32]), &json!({ "approve": true })).await;
    assert_eq!(problem(decided), (409, "conflict".to_owned()));
    assert_eq!(review(world, REVIEWER, &application, true, "").await.1["state"], "unpaid");
    assert_eq!(owner.told(world, "order-payable").await, 1);
    assert_eq!(problem(owner.install(world, &application).await).0, 409);
    assert_eq!(market.pays(&authorised).await["state"], "approved");
    assert!(market.ends(&shop.platform).await.is_some());
    assert_eq!(owner.install(world, &application).await.0, StatusCode::OK);
    let done = market.order(&authorised).await;
    assert_eq!((&done["state"], &done["next_step"]), (&json!("done"), &json!("nothing")));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn j_14_what_is_not_paid_in_time_is_not_applied_for_any_more() {
    let rules = Rules { order_flow: OrderFlow::ReviewFirst, ..Rules::default() };
    let mut market = Market::open(rules).await;
    let body = buying(on_platform("P1"), &[(&market.shop.year, 1)]);
    let application = market.owner.applied(&market.world, body.clone()).await;
    let authorised = market.owner.authorised(&market.world, &application).await;
    review(&market.world, REVIEWER, &application, true, "").await;
    market.world.clock.advance(24 * 3_600_000);
    market.world.office.work().await.unwrap();
    market.owner.browser = log_in(&market.world, OWNER).await.0;
    assert_eq!(market.order(&authorised).await["state"], "cancelled");
    assert_eq!(market.see(&application).await["state"], "withdrawn");
    // Nor is one whose order the applicant cancels.
    let again = market.owner.applied(&market.world, body).await;
    let authorised = market.owner.authorised(&market.world, &again).await;
    let cancel = format!("{}/cancel", at(&market.order(&authorised).await));
    market.owner.browser.done(&market.world, &cancel, &json!({})).await;
    assert_eq!(market.see(&again).await["state"], "withdrawn");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn d_03_what_costs_something_is_paid_first_and_given_back_when_it_is_refused() {
    let market = Market::open(Rules::default()).await;
    let Market { world, owner, shop } = &market;
    // What is sold for the platform is needed, and nothing else is had with it.
    for body in [on_platform("P1"), buying(on_platform("P1"), &[(&shop.ten, 1)])] {
        owner.browser.refused(world, "/v1/applications", &agreed(body), 400, "bad_request").await;
    }
    let elsewhere = agreed(buying(on_platform("elsewhere"), &[(&shop.year, 1)]));
    owner.browser.refused(world, "/v1/applications", &elsewhere, 400, "bad_request").await;
    let body = buying(on_platform("P1"), &[(&shop.year, 1)]);
    let application = owner.applied(world, body.clone()).await;
    let authorised = owner.authorised(world, &application).await;
    assert_eq!(authorised["state"], "unpaid");
    assert_eq!(problem(review(world, REVIEWER, &application, true, "").await).0, 409);
    assert_eq!(market.pays(&authorised).await["state"], "review");
    let order = market.order(&authorised).await;
    assert_eq!((&order["state"], market.ends(&shop.platform).await), (&json!("in-review"), None));
    // The money comes back with the application, not without.
    assert_eq!(order["refundable_line_ids"], json!([]));
    let refund = format!("{}/lines/{}/refund", at(&order), text(&order["lines"][0], "line_id"));
    let reason = json!({ "reason": "不想再办理这个证书业务了" });
    owner.browser.refused(world, &refund, &reason, 409, "conflict").await;
    // Sent back, corrected, refused for good.
    review(world, REVIEWER, &application, false, "once more").await;
    owner.browser.done(world, &format!("{}/confirm", path_of(&application)), &json!({})).await;
    let path = format!("/v1/operator/applications/{}/review", text(&application, "application_id"));
    let refuse = async |body: &Value| super::super::post(world, &path, Some([REVIEWER; 32]), body).await;
    assert_eq!(problem(refuse(&json!({ "passed": true, "for_good": true })).await).0, 400);
    assert_eq!(problem(refuse(&json!({ "passed": false, "for_good": true })).await).0, 400);
    let for_good = json!({ "passed": false, "for_good": true, "opinion": "no" });
    assert_eq!(refuse(&for_good).await.1["state"], "refused");
    assert_eq!(problem(refuse(&for_good).await).0, 409);
    world.office.work().await.unwrap();
    assert_eq!(
        (market.order(&authorised).await["state"].clone(), world.money.given_back()),
        (json!("refunded"), 20_000)
    );
    assert_eq!(owner.told(world, "application-refused").await, 1);
    // Whoever withdraws what was paid gets the money back as well, and may apply again.
    let again = owner.applied(world, body).await;
    let authorised = owner.authorised(world, &again).await;
    market.pays(&authorised).await;
    owner.browser.done(world, &format!("{}/withdraw", path_of(&again)), &json!({})).await;
    world.office.work().await.unwrap();
    assert_eq!(
        (market.order(&authorised).await["state"].clone(), world.money.given_back()),
        (json!("refunded"), 40_000)
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_not_corrected_in_time_is_given_back() {
    let mut market = Market::open(Rules::default()).await;
    let body = buying(on_platform("P1"), &[(&market.shop.year, 1)]);
    let application = market.owner.applied(&market.world, body).await;
    let authorised = market.owner.authorised(&market.world, &application).await;
    market.pays(&authorised).await;
    review(&market.world, REVIEWER, &application, false, "once more").await;
    market.world.clock.advance(30 * 86_400_000);
    for _ in 0..2 {
        market.world.office.work().await.unwrap();
    }
    market.owner.browser = log_in(&market.world, OWNER).await.0;
    assert_eq!(market.see(&application).await["state"], "withdrawn");
    assert_eq!(market.world.money.given_back(), 20_000);
}
