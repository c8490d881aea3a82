//! Paying, and money that goes back.

use super::*;

const REASON: &str = "重复购买了同一个套餐，申请退费";

async fn owner_of(world: &World, browser: &Browser) -> String {
    text(&browser.see(world, "/v1/account").await, "account_id").to_owned()
}

#[tokio::test]
async fn j_06_wechat_and_alipay_with_signed_notices() {
    let world = staffed().await;
    let (shop, browser) = (Shop::open(&world).await, buyer(&world).await);
    let order =
        browser.done(&world, "/v1/orders", &wants("personal", &[(&shop.ten, 1), (&shop.month, 1)])).await;
    let path = format!("{}/pay", at(&order));
    browser.refused(&world, &path, &json!({ "channel": "bank" }), 409, "conflict").await;
    browser.refused(&world, &path, &json!({ "channel": "coins" }), 400, "bad_request").await;
    let wechat = browser.done(&world, &path, &json!({ "channel": "wechat" })).await;
    assert_eq!((&wechat["sandbox"], &wechat["amount_fen"]), (&json!(true), &json!(7_000)));
    // Another channel takes its place; money that comes by the first one still pays the order.
    let alipay = browser.done(&world, &path, &json!({ "channel": "alipay" })).await;
    let notice = press(&world, &wechat, true).await["notice"].clone();
    assert_eq!(browser.see(&world, &at(&order)).await["state"], "paid");
    let points = browser.see(&world, "/v1/points").await["usable"].clone();
    // Forged, of another channel, twice, late.
    let notify = "/v1/payments/wechat/notify";
    let other = with(notice.clone(), "text", text(&notice, "text").replace("7000", "1"));
    browser.refused(&world, notify, &other, 401, "signature_invalid").await;
    browser.refused(&world, "/v1/payments/alipay/notify", &notice, 401, "signature_invalid").await;
    browser.refused(&world, "/v1/payments/coins/notify", &notice, 404, "not_found").await;
    browser.refused(&world, notify, &with(notice.clone(), "signature", "00"), 400, "bad_request").await;
    for _ in 0..3 {
        browser.done(&world, notify, &notice).await;
    }
    let after = browser.see(&world, "/v1/balances").await;
    assert_eq!(after["balances"].as_array().unwrap().len(), 2);
    assert_eq!(browser.see(&world, "/v1/points").await["usable"], points);
    // What comes by the second one goes back.
    press(&world, &alipay, true).await;
    world.office.work().await.unwrap();
    assert_eq!(world.money.given_back(), 7_000);
    press(&world, &alipay, true).await;
    world.office.work().await.unwrap();
    assert_eq!(world.money.given_back(), 7_000);
    let unknown = post(&world, "/v1/sandbox/payments/none", None, &json!({ "paid": true })).await;
    assert_eq!(problem(unknown).0, 404);
}

#[tokio::test]
async fn j_11_a_payment_goes_on_or_begins_anew() {
    let world = staffed().await;
    let (shop, browser) = (Shop::open(&world).await, buyer(&world).await);
    let order = browser.done(&world, "/v1/orders", &wants("personal", &[(&shop.month, 1)])).await;
    let (path, channel) = (format!("{}/pay", at(&order)), json!({ "channel": "wechat" }));
    let leave = format!("{path}/leave");
    browser.refused(&world, &leave, &json!({}), 409, "conflict").await;
    let first = browser.done(&world, &path, &channel).await;
    assert_eq!(browser.done(&world, &path, &channel).await["payment_id"], first["payment_id"]);
    assert_eq!(browser.done(&world, &leave, &json!({})).await["state"], "unpaid");
    let second = browser.done(&world, &path, &channel).await;
    assert_ne!(second["payment_id"], first["payment_id"]);
    press(&world, &second, false).await;
    assert_eq!(browser.see(&world, &at(&order)).await["state"], "unpaid");
    let (other, _) = log_in(&world, "13900139000").await;
    other.refused(&world, &path, &channel, 404, "not_found").await;
    pay(&world, &browser, &order).await;
    browser.refused(&world, &path, &channel, 409, "conflict").await;
}

#[tokio::test]
async fn j_07_a_transfer_pays_when_the_bank_knows_of_it() {
    let world = staffed().await;
    let (shop, browser) = (Shop::open(&world).await, buyer(&world).await);
    let wanted = wants("seal-change", &[(&shop.ten, 1)]);
    let order = browser.done(&world, "/v1/orders", &wanted).await;
    // The only way for some.
    let channel = json!({ "channel": "wechat" });
    browser.refused(&world, &format!("{}/pay", at(&order)), &channel, 409, "conflict").await;
    assert_eq!(browser.see(&world, "/v1/payee").await["sandbox"], true);
    let transfer = json!({ "payer": "测试付款单位", "account": "6200000000000000001", "date": "20270115" });
    let path = format!("{}/transfer", at(&order));
    browser.refused(&world, &path, &with(transfer.clone(), "date", "x"), 400, "bad_request").await;
    deposit(&world, &transfer, 4_999).await;
    assert_eq!(browser.done(&world, &path, &transfer).await["state"], "unpaid");
    deposit(&world, &transfer, 5_000).await;
    assert_eq!(browser.done(&world, &path, &transfer).await["state"], "paid");
    browser.refused(&world, &path, &transfer, 409, "conflict").await;
    // One entry pays one order.
    let second = browser.done(&world, "/v1/orders", &wanted).await;
    let path = format!("{}/transfer", at(&second));
    assert_eq!(browser.done(&world, &path, &transfer).await["state"], "unpaid");
    let (other, _) = log_in(&world, "13900139000").await;
    other.refused(&world, &path, &transfer, 404, "not_found").await;
}

#[tokio::test]
async fn o_14_a_reviewer_finds_the_entry_of_the_bank() {
    let world = staffed().await;
    let (shop, browser) = (Shop::open(&world).await, buyer(&world).await);
    let order = browser.done(&world, "/v1/orders", &wants("seal-change", &[(&shop.ten, 1)])).await;
    let decide = format!("/v1/operator/orders/{}/transfer", text(&order, "order_id"));
    let entry = json!({ "entry": "e-1" });
    assert_eq!(problem(post_as(&world, REA, &decide, None, &entry).await).0, 409);
    // The bank does not answer: it stays where it is.
    world.money.fail(1);
    let transfer = json!({ "payer": "测试付款单位", "account": "6200000000000000001", "date": "20270115" });
    browser.refused(&world, &format!("{}/transfer", at(&order)), &transfer, 503, "unavailable").await;
    let waiting = get(&world, "/v1/operator/orders?state=transfer-check", Some(REA)).await.1;
    assert_eq!(waiting["orders"].as_array().unwrap().len(), 1);
    assert_eq!(problem(post_as(&world, ADA, &decide, None, &entry).await), (403, "role_missing".to_owned()));
    assert_eq!(op(&world, REA, &decide, &entry).await["state"], "paid");
    assert_eq!(problem(post_as(&world, REA, &decide, None, &entry).await).0, 409);
}

#[tokio::test]
async fn j_21_money_is_asked_back_for_a_package_that_was_not_used() {
    let world = staffed().await;
    let (shop, browser) = (Shop::open(&world).await, buyer(&world).await);
    let order = bought(&world, &browser, &wants("personal", &[(&shop.month, 1), (&shop.ten, 1)])).await;
    assert_eq!(order["refundable_line_ids"].as_array().unwrap().len(), 2);
    let path = |line: usize| format!("{}/lines/{}/refund", at(&order), line_of(&order, line));
    for short in ["太贵了", &"长".repeat(501)] {
        browser.refused(&world, &path(1), &json!({ "reason": short }), 400, "bad_request").await;
    }
    let reason = json!({ "reason": REASON });
    let (other, _) = log_in(&world, "13900139000").await;
    other.refused(&world, &path(1), &reason, 404, "not_found").await;
    // What was used is not given back.
    let owner = owner_of(&world, &browser).await.parse().unwrap();
    let month = (owner, shop.platform.parse().unwrap(), crate::domain::office::catalogue::Service::Ca);
    let use_id = crate::domain::office::Id::from_bytes([1; 16]);
    world.office.metered(month, use_id).await.unwrap();
    browser.refused(&world, &path(0), &reason, 409, "conflict").await;
    let asked = browser.done(&world, &path(1), &reason).await;
    assert_eq!((&asked["state"], &asked["amount_fen"]), (&json!("asked"), &json!(5_000)));
    browser.refused(&world, &path(1), &reason, 409, "conflict").await;
    // It cannot be used meanwhile.
    let seal = (owner, shop.platform.parse().unwrap(), crate::domain::office::catalogue::Service::Seal);
    assert!(world.office.metered(seal, crate::domain::office::Id::from_bytes([2; 16])).await.is_err());
    let decide = format!("/v1/operator/refunds/{}/decide", text(&asked, "refund_id"));
    op(&world, REA, &decide, &json!({ "approve": true, "opinion": "同意" })).await;
    world.office.work().await.unwrap();
    let after = browser.see(&world, &at(&order)).await;
    assert_eq!((&after["state"], &after["refundable_line_ids"]), (&json!("partly-refunded"), &json!([])));
    assert_eq!(browser.see(&world, "/v1/refunds").await["refunds"][0]["state"], "paid-back");
    let told = browser.see(&world, "/v1/messages").await;
    assert!(told["messages"].as_array().unwrap().iter().any(|one| one["notice"] == "order-refunded"));
    assert_eq!(
        (world.money.given_back(), browser.see(&world, "/v1/points").await["usable"].clone()),
        (5_000, json!(20))
    );
}

#[tokio::test]
async fn o_16_reviewers_decide_on_refunds_and_try_again() {
    let world = staffed().await;
    let (shop, browser) = (Shop::open(&world).await, buyer(&world).await);
    let order = bought(&world, &browser, &wants("personal", &[(&shop.month, 1)])).await;
    let (path, reason) =
        (format!("{}/lines/{}/refund", at(&order), line_of(&order, 0)), json!({ "reason": REASON }));
    let asked = browser.done(&world, &path, &reason).await;
    let waiting = get(&world, "/v1/operator/refunds?state=asked", Some(REA)).await.1;
    assert_eq!(waiting["refunds"][0]["reason"], REASON);
    let decide = format!("/v1/operator/refunds/{}/decide", text(&asked, "refund_id"));
    assert_eq!(problem(post_as(&world, ADA, &decide, None, &json!({ "approve": true })).await).0, 403);
    let refused = op(&world, REA, &decide, &json!({ "approve": false, "opinion": "已过期限" })).await;
    assert_eq!((&refused["state"], &refused["opinion"]), (&json!("refused"), &json!("已过期限")));
    assert_eq!(browser.see(&world, &at(&order)).await["state"], "paid");
    // It may be asked for again.
    let again = browser.done(&world, &path, &reason).await;
    let refund = format!("/v1/operator/refunds/{}", text(&again, "refund_id"));
    world.money.fail(u32::MAX);
    op(&world, REA, &format!("{refund}/decide"), &json!({ "approve": true })).await;
    assert_eq!(problem(post_as(&world, REA, &format!("{refund}/retry"), None, &json!({})).await).0, 409);
    world.office.work().await.unwrap();
    world.clock.advance(4 * 86_400_000);
    world.office.work().await.unwrap();
    let failed = get(&world, "/v1/operator/refunds?state=failed", Some(REA)).await.1;
    assert_eq!(failed["refunds"].as_array().unwrap().len(), 1);
    world.money.fail(0);
    op(&world, REA, &format!("{refund}/retry"), &json!({})).await;
    world.office.work().await.unwrap();
    let browser = buyer(&world).await;
    assert_eq!(browser.see(&world, &at(&order)).await["state"], "refunded");
    assert_eq!(world.money.given_back(), 2_000);
}

/// Whatever channels say, however often and late: what came in is what orders took and what goes back.
#[tokio::test]
async fn money_is_conserved_under_random_notices() {
    let world = staffed().await;
    let (shop, browser) = (Shop::open(&world).await, buyer(&world).await);
    let (mut seed, mut came, mut kept) = (7_u64, 0_u64, 0_u64);
    let mut chance = |bound: u64| {
        seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (seed >> 33) % bound
    };
    for _ in 0..12 {
        let order = browser.done(&world, "/v1/orders", &wants("personal", &[(&shop.month, 1)])).await;
        let (mut payments, mut paid): (Vec<Value>, Vec<String>) = (Vec::new(), Vec::new());
        for _ in 0..8 {
            match chance(5) {
                0 | 1 => {
                    let channel = json!({ "channel": if chance(2) == 0 { "wechat" } else { "alipay" } });
                    let (status, payment) =
                        browser.post(&world, &format!("{}/pay", at(&order)), &channel).await;
                    payments.extend(Some(payment).filter(|_| status.is_success()));
                }
                2 => drop(browser.post(&world, &format!("{}/cancel", at(&order)), &json!({})).await),
                _ if payments.is_empty() => {}
                _ => {
                    let which = usize::try_from(chance(payments.len() as u64)).unwrap();
                    let payment = &payments[which];
                    let succeeds = chance(3) > 0;
                    press(&world, payment, succeeds).await;
                    let number = text(payment, "merchant_number").to_owned();
                    if succeeds && !paid.contains(&number) {
                        came += 2_000;
                        paid.push(number);
                    }
                }
            }
        }
        world.office.work().await.unwrap();
        kept += u64::from(browser.see(&world, &at(&order)).await["state"] == "paid") * 2_000;
    }
    assert_eq!(came, kept + world.money.given_back());
    assert!(came > 0 && kept > 0);
}
