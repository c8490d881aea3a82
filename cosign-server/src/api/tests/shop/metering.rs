//! What was bought is used.

use super::*;
use crate::domain::office::{Id, catalogue::Service};

async fn seals(world: &World, browser: &Browser, shop: &Shop) -> (Id, Id, Service) {
    let owner = browser.see(world, "/v1/account").await["account_id"].as_str().unwrap().parse().unwrap();
    (owner, shop.platform.parse().unwrap(), Service::Seal)
}

fn using(number: u8) -> Id {
    Id::from_bytes([number; 16])
}

#[tokio::test]
async fn j_15_what_is_left_for_each_platform() {
    let world = staffed().await;
    let (shop, browser) = (Shop::open(&world).await, buyer(&world).await);
    assert_eq!(browser.see(&world, "/v1/balances").await["balances"], json!([]));
    bought(&world, &browser, &wants("personal", &[(&shop.year, 1), (&shop.ten, 1)])).await;
    let balances = browser.see(&world, "/v1/balances").await;
    let balances = balances["balances"].as_array().unwrap();
    assert_eq!(balances.len(), 2);
    for balance in balances {
        assert_eq!((&balance["platform_id"], &balance["usable"]), (&json!(shop.platform), &json!(true)));
        assert_eq!(balance["service"] == "ca", balance["ends_at_ms"].is_u64());
    }
    assert_eq!(
        problem(browser.get(&world, &format!("/v1/balances?enterprise_id={}", "0".repeat(32))).await).0,
        404
    );
}

#[tokio::test]
async fn j_16_another_platform_is_opened() {
    let world = staffed().await;
    let (shop, browser) = (Shop::open(&world).await, buyer(&world).await);
    bought(&world, &browser, &wants("open", &[(&shop.month, 1)])).await;
    browser.refused(&world, "/v1/orders", &wants("open", &[(&shop.month, 1)]), 409, "conflict").await;
}

#[tokio::test]
async fn j_17_what_there_is_goes_on_and_seals_are_bought_again() {
    let world = staffed().await;
    let (shop, browser) = (Shop::open(&world).await, buyer(&world).await);
    browser.refused(&world, "/v1/orders", &wants("extend", &[(&shop.ten, 1)]), 409, "conflict").await;
    bought(&world, &browser, &wants("personal", &[(&shop.month, 1), (&shop.ten, 1)])).await;
    let renewal =
        with(with(package(&shop.platform, &shop.ca, "ca", "续费", 1_000), "months", 1), "renewal", true);
    let renewal = entry(&world, renewal).await;
    bought(&world, &browser, &wants("extend", &[(&renewal, 1), (&shop.ten, 1)])).await;
    let balances = browser.see(&world, "/v1/balances").await;
    let seal = balances["balances"].as_array().unwrap().iter().find(|one| one["service"] == "seal").unwrap();
    assert_eq!(seal["remaining"], 20);
}

#[tokio::test]
async fn j_18_each_use_is_taken_off_once_and_none_when_it_is_used_up() {
    let world = staffed().await;
    let (shop, browser) = (Shop::open(&world).await, buyer(&world).await);
    let balance = seals(&world, &browser, &shop).await;
    assert!(world.office.metered(balance, using(1)).await.is_err());
    bought(&world, &browser, &wants("personal", &[(&shop.month, 1), (&shop.ten, 1)])).await;
    for number in 1..=10 {
        for _ in 0..2 {
            world.office.metered(balance, using(number)).await.unwrap();
        }
    }
    assert_eq!(world.office.metered(balance, using(11)).await.unwrap_err().code(), "conflict");
    world.office.metered(balance, using(10)).await.unwrap();
    // By the month it can be used as often as one likes.
    let month = (balance.0, balance.1, Service::Ca);
    for number in 20..40 {
        world.office.metered(month, using(number)).await.unwrap();
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn j_18_fifty_uses_at_once_of_ten() {
    let world = std::sync::Arc::new(staffed().await);
    let (shop, browser) = (Shop::open(&world).await, buyer(&world).await);
    bought(&world, &browser, &wants("personal", &[(&shop.month, 1), (&shop.ten, 1)])).await;
    let balance = seals(&world, &browser, &shop).await;
    let mut tasks = tokio::task::JoinSet::new();
    for number in 0..50 {
        let world = std::sync::Arc::clone(&world);
        tasks.spawn(async move { world.office.metered(balance, using(number)).await });
    }
    let done = tasks.join_all().await;
    assert_eq!(done.iter().filter(|done| done.is_ok()).count(), 10);
    let used_up = crate::domain::office::balance::NOTHING_LEFT;
    assert!(done.iter().all(|done| done.as_ref().err().is_none_or(|error| *error == used_up)));
}

#[tokio::test]
async fn j_19_an_order_lists_how_its_packages_were_used() {
    let world = staffed().await;
    let (shop, browser) = (Shop::open(&world).await, buyer(&world).await);
    let order = bought(&world, &browser, &wants("personal", &[(&shop.month, 1), (&shop.ten, 1)])).await;
    let balance = seals(&world, &browser, &shop).await;
    for number in 1..=3 {
        world.office.metered(balance, using(number)).await.unwrap();
    }
    let uses = |line: usize| format!("{}/lines/{}/uses", at(&order), line_of(&order, line));
    let seen = browser.see(&world, &uses(1)).await;
    assert_eq!(seen["uses"].as_array().unwrap().len(), 3);
    assert_eq!(seen["uses"][0]["service"], "seal");
    assert_eq!(browser.see(&world, &uses(0)).await["uses"], json!([]));
    let (other, _) = log_in(&world, "13900139000").await;
    assert_eq!(problem(other.get(&world, &uses(1)).await).0, 404);
    let nothing = format!("{}/lines/{}/uses", at(&order), "0".repeat(32));
    assert_eq!(problem(browser.get(&world, &nothing).await).0, 404);
}

#[tokio::test]
async fn j_20_services_that_were_bought_and_asked_for() {
    let world = staffed().await;
    let (shop, browser) = (Shop::open(&world).await, buyer(&world).await);
    bought(&world, &browser, &wants("personal", &[(&shop.month, 1)])).await;
    world.clock.advance(1);
    browser.done(&world, "/v1/orders", &wants("extend", &[(&shop.year, 1)])).await;
    let services = browser.see(&world, "/v1/services").await;
    let bought: Vec<_> =
        services["services"].as_array().unwrap().iter().map(|one| one["bought"].clone()).collect();
    assert_eq!(bought, [json!(false), json!(true)]);
}
