//! Ordering.

use super::*;
use crate::{
    api::tests::operators::staff,
    domain::office::{Rules, order::OrderFlow},
};

#[tokio::test]
async fn j_02_packages_by_period_give_validity_until_a_day() {
    let world = staffed().await;
    let (shop, browser) = (Shop::open(&world).await, buyer(&world).await);
    bought(&world, &browser, &wants("personal", &[(&shop.month, 1)])).await;
    let day_ms = 86_400_000;
    let ends =
        async || browser.see(&world, "/v1/balances").await["balances"][0]["ends_at_ms"].as_u64().unwrap();
    let first = ends().await;
    assert!((first - world.now_ms()).div_ceil(day_ms) == 31, "from January 15 to February 15");
    // What is bought besides begins when that ends.
    bought(&world, &browser, &wants("extend", &[(&shop.month, 2)])).await;
    assert_eq!((ends().await - first) / day_ms, 28 + 31);
    world.clock.advance(100 * day_ms);
    world.office.work().await.unwrap();
    let browser = buyer(&world).await;
    let over = browser.see(&world, "/v1/balances").await;
    assert_eq!(
        (&over["balances"][0]["usable"], &over["balances"][0]["state"]),
        (&json!(false), &json!("empty"))
    );
}

#[tokio::test]
async fn j_03_packages_by_count_give_a_remaining_count() {
    let world = staffed().await;
    let (shop, browser) = (Shop::open(&world).await, buyer(&world).await);
    bought(&world, &browser, &wants("personal", &[(&shop.month, 1), (&shop.ten, 2)])).await;
    let left = browser.see(&world, "/v1/balances").await;
    let seal =
        left["balances"].as_array().unwrap().iter().find(|one| one["service"] == "seal").unwrap().clone();
    assert_eq!((&seal["remaining"], &seal["ends_at_ms"]), (&json!(20), &Value::Null));
    for quantity in [0, 1001] {
        let wrong = wants("personal", &[(&shop.month, quantity)]);
        browser.refused(&world, "/v1/orders", &wrong, 400, "bad_request").await;
    }
}

#[tokio::test]
async fn j_04_what_must_be_bought_and_what_may() {
    let world = staffed().await;
    let (shop, browser) = (Shop::open(&world).await, buyer(&world).await);
    browser.done(&world, "/v1/orders", &wants("personal", &[(&shop.year, 1)])).await;
    browser.refused(&world, "/v1/orders", &wants("personal", &[(&shop.ten, 1)]), 400, "bad_request").await;
    browser.refused(&world, "/v1/orders", &wants("claim", &[(&shop.year, 1)]), 400, "bad_request").await;
    browser.done(&world, "/v1/orders", &wants("claim", &[(&shop.year, 1), (&shop.ten, 1)])).await;
    browser.refused(&world, "/v1/orders", &wants("personal", &[]), 400, "bad_request").await;
    browser.refused(&world, "/v1/orders", &wants("other", &[(&shop.year, 1)]), 400, "bad_request").await;
    // For enterprises, for those who have had one, what is no package, what is not offered any more.
    let base = with(package(&shop.platform, &shop.ca, "ca", "x", 1), "months", 1);
    let enterprise = entry(&world, with(base.clone(), "buyer", "enterprise")).await;
    let renewal = entry(&world, with(base, "renewal", true)).await;
    op(&world, ADA, &format!("/v1/operator/catalogue/{}/retire", shop.month), &json!({})).await;
    for package in [&enterprise, &renewal, &shop.platform, &shop.month, &"0".repeat(32)] {
        let wrong = wants("personal", &[(package, 1)]);
        browser.refused(&world, "/v1/orders", &wrong, 400, "bad_request").await;
    }
    let other = with(wants("personal", &[(&shop.year, 1)]), "enterprise_id", "0".repeat(32));
    browser.refused(&world, "/v1/orders", &other, 404, "not_found").await;
}

#[tokio::test]
async fn j_05_what_it_costs_line_by_line_before_it_is_ordered() {
    let world = staffed().await;
    let (shop, browser) = (Shop::open(&world).await, buyer(&world).await);
    let wanted = wants("personal", &[(&shop.year, 1), (&shop.ten, 3)]);
    let quote = browser.done(&world, "/v1/orders/quote", &wanted).await;
    assert_eq!((&quote["total_fen"], &quote["full_fen"]), (&json!(35_000), &json!(35_000)));
    assert_eq!(quote["lines"][1]["amount_fen"], 15_000);
    assert_eq!(browser.see(&world, "/v1/orders").await["orders"], json!([]));
    browser.refused(&world, "/v1/orders/quote", &wants("personal", &[]), 400, "bad_request").await;
}

#[tokio::test]
async fn j_08_orders_are_listed_filtered_and_found() {
    let world = staffed().await;
    let (shop, browser) = (Shop::open(&world).await, buyer(&world).await);
    let first = bought(&world, &browser, &wants("personal", &[(&shop.year, 1)])).await;
    browser.done(&world, "/v1/orders", &wants("personal", &[(&shop.month, 1)])).await;
    let count = async |query: &str| {
        let found = browser.see(&world, &format!("/v1/orders{query}")).await;
        found["orders"].as_array().unwrap().len()
    };
    assert_eq!((count("").await, count("?state=paid").await, count("?state=unpaid").await), (2, 1, 1));
    assert_eq!(count(&format!("?search={}", text(&first, "number"))).await, 1);
    assert_eq!((count("?search=%E4%B8%80").await, count("?search=x").await), (2, 0));
    assert_eq!(problem(browser.get(&world, "/v1/orders?state=x").await).0, 400);
    let (other, _) = log_in(&world, "13900139000").await;
    assert_eq!(other.see(&world, "/v1/orders").await["orders"], json!([]));
    assert_eq!(problem(other.get(&world, &at(&first)).await), (404, "not_found".to_owned()));
}

#[tokio::test]
async fn j_09_numbers_say_what_for_and_when() {
    let world = staffed().await;
    let (shop, browser) = (Shop::open(&world).await, buyer(&world).await);
    for (business, letters) in [("personal", "GR"), ("claim", "RL")] {
        let wanted = wants(business, &[(&shop.year, 1), (&shop.ten, 1)]);
        let order = browser.done(&world, "/v1/orders", &wanted).await;
        let number = text(&order, "number").to_owned();
        assert_eq!((&number[..10], number.len()), (&*format!("{letters}20270115"), 26), "{number}");
        assert!(number[2..].bytes().all(|byte| byte.is_ascii_digit()));
        // The channel knows it by another one.
        let pay = json!({ "channel": "alipay" });
        let payment = browser.done(&world, &format!("{}/pay", at(&order)), &pay).await;
        assert_ne!(payment["merchant_number"], number);
    }
}

#[tokio::test]
async fn j_10_an_order_shows_its_payment_and_its_packages() {
    let world = staffed().await;
    let (shop, browser) = (Shop::open(&world).await, buyer(&world).await);
    let order = bought(&world, &browser, &wants("personal", &[(&shop.year, 1), (&shop.ten, 1)])).await;
    assert_eq!((&order["state"], &order["total_fen"]), (&json!("paid"), &json!(25_000)));
    assert_eq!(
        (&order["payment"]["channel"], &order["payment"]["state"]),
        (&json!("wechat"), &json!("paid"))
    );
    assert_eq!((&order["lines"][0]["price_fen"], &order["lines"][1]["uses"]), (&json!(20_000), &json!(10)));
    // The price is what it was.
    let dearer =
        with(with(package(&shop.platform, &shop.ca, "ca", "一年", 99_000), "months", 12), "renewal", false);
    op(&world, ADA, &format!("/v1/operator/catalogue/{}", shop.year), &dearer).await;
    assert_eq!(browser.see(&world, &at(&order)).await["lines"][0]["price_fen"], 20_000);
}

#[tokio::test]
async fn j_12_an_order_is_cancelled_while_it_is_not_paid() {
    let world = staffed().await;
    let (shop, browser) = (Shop::open(&world).await, buyer(&world).await);
    let wanted = wants("personal", &[(&shop.year, 1)]);
    let order = browser.done(&world, "/v1/orders", &wanted).await;
    let cancel = format!("{}/cancel", at(&order));
    let (other, _) = log_in(&world, "13900139000").await;
    other.refused(&world, &cancel, &json!({}), 404, "not_found").await;
    assert_eq!(browser.done(&world, &cancel, &json!({})).await["state"], "cancelled");
    browser.refused(&world, &cancel, &json!({}), 409, "conflict").await;
    let pay = json!({ "channel": "wechat" });
    browser.refused(&world, &format!("{}/pay", at(&order)), &pay, 409, "conflict").await;
    let paid = bought(&world, &browser, &wanted).await;
    browser.refused(&world, &format!("{}/cancel", at(&paid)), &json!({}), 409, "conflict").await;
    // Nobody pays it in time.
    let late = browser.done(&world, "/v1/orders", &wanted).await;
    world.clock.advance(24 * 3_600_000);
    world.office.work().await.unwrap();
    let browser = buyer(&world).await;
    assert_eq!(browser.see(&world, &at(&late)).await["state"], "cancelled");
}

#[tokio::test]
async fn j_13_an_order_says_where_it_goes_on() {
    let world = staffed().await;
    let (shop, browser) = (Shop::open(&world).await, buyer(&world).await);
    let order = browser.done(&world, "/v1/orders", &wants("personal", &[(&shop.year, 1)])).await;
    let next = async || browser.see(&world, &at(&order)).await["next_step"].clone();
    // Nobody says of an order that it pays for an application: that is ordered with the application.
    let wrong = with(wants("personal", &[(&shop.year, 1)]), "application_id", "0".repeat(32));
    browser.refused(&world, "/v1/orders", &wrong, 400, "bad_request").await;
    assert_eq!((&order["application_id"], next().await), (&Value::Null, json!("pay")));
    browser.done(&world, &format!("{}/pay", at(&order)), &json!({ "channel": "wechat" })).await;
    assert_eq!(next().await, "finish-payment");
    pay(&world, &browser, &order).await;
    assert_eq!(next().await, "collect");
    let path = format!("/v1/operator/orders/{}/hand-over", text(&order, "order_id"));
    op(&world, REA, &path, &json!({})).await;
    assert_eq!(next().await, "nothing");
    assert_eq!(problem(post_as(&world, REA, &path, None, &json!({})).await), (409, "conflict".to_owned()));
}

#[tokio::test]
async fn j_14_what_is_looked_at_is_paid_after_that() {
    let world = World::with_rules(Rules { order_flow: OrderFlow::ReviewFirst, ..Rules::default() }).await;
    staff(&world).await;
    let shop = Shop::with_rules(&world, |rules| with(rules, "review", true)).await;
    let browser = buyer(&world).await;
    let wanted = wants("claim", &[(&shop.year, 1), (&shop.ten, 1)]);
    let order = browser.done(&world, "/v1/orders", &wanted).await;
    assert_eq!(
        (&order["state"], &order["next_step"]),
        (&json!("awaiting-approval"), &json!("wait-for-approval"))
    );
    let (pay_path, channel) = (format!("{}/pay", at(&order)), json!({ "channel": "wechat" }));
    browser.refused(&world, &pay_path, &channel, 409, "conflict").await;
    let transfer = json!({ "payer": "测试付款单位", "account": "6200000000000000001", "date": "20270115" });
    browser.refused(&world, &format!("{}/transfer", at(&order)), &transfer, 409, "conflict").await;
    // It waits as long as it takes, and only a reviewer decides.
    world.clock.advance(25 * 3_600_000);
    world.office.work().await.unwrap();
    let browser = buyer(&world).await;
    let review = format!("/v1/operator/orders/{}/review", text(&order, "order_id"));
    let approve = json!({ "approve": true });
    assert_eq!(
        problem(post_as(&world, ADA, &review, None, &approve).await),
        (403, "role_missing".to_owned())
    );
    browser.refused(&world, &review, &approve, 401, "no_client_certificate").await;
    assert_eq!(op(&world, REA, &review, &approve).await["state"], "unpaid");
    assert_eq!(problem(post_as(&world, REA, &review, None, &approve).await), (409, "conflict".to_owned()));
    // The message leads to it.
    let told = browser.see(&world, "/v1/messages").await;
    let told = told["messages"]
        .as_array()
        .unwrap()
        .iter()
        .find(|one| one["notice"] == "order-payable")
        .unwrap()
        .clone();
    assert_eq!((&told["about"]["kind"], &told["about"]["id"]), (&json!("order"), &order["order_id"]));
    pay(&world, &browser, &order).await;
    let paid = browser.see(&world, &at(&order)).await;
    assert_eq!(paid["state"], "paid");
    let balances = browser.see(&world, "/v1/balances").await;
    assert!(balances["balances"].as_array().unwrap().iter().all(|one| one["usable"] == true));
    // What is refused is never payable, and costs nothing.
    let refused = browser.done(&world, "/v1/orders", &wanted).await;
    let review = format!("/v1/operator/orders/{}/review", text(&refused, "order_id"));
    assert_eq!(op(&world, REA, &review, &json!({ "approve": false })).await["state"], "cancelled");
    browser.refused(&world, &format!("{}/pay", at(&refused)), &channel, 409, "conflict").await;
    assert_eq!(world.money.given_back(), 0);
}
