//! Platforms that are opened while their code is scanned.

use super::{
    super::{
        office::log_in_on,
        shop::{Shop, op, package, pay, text, with},
    },
    *,
};
use crate::testing::Phone;

fn opening(lines: &[&String]) -> Value {
    let lines: Vec<_> = lines.iter().map(|package| json!({ "package_id": package, "quantity": 1 })).collect();
    json!({ "purchase": { "lines": lines } })
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn g_21_a_platform_is_opened_while_its_code_is_scanned() {
    let stage = Stage::new().await;
    let world = stage.world();
    // A system for which nothing is sold.
    let free = stage.scan(&stage.ask("login", json!({})).await).await;
    assert_eq!(free["open"], Value::Null);
    let open = |scan: &Value| format!("/v1/scans/{}/open", text(scan, "scan_id"));
    staff(world).await;
    let shop = Shop::open(world).await;
    stage.user.refused(world, &open(&free), &opening(&[&shop.year]), 409, "conflict").await;
    let shown = stage.user.see(world, &format!("/v1/platforms/{}", shop.platform)).await;
    let item = with(shown["item"].clone(), "client", stage.client.id.to_string());
    op(world, ADA, &format!("/v1/operator/catalogue/{}", shop.platform), &item).await;
    let scan = stage.scan(&stage.ask("login", json!({})).await).await;
    assert_eq!(scan["open"], false);
    let id = text(&scan, "scan_id").to_owned();
    let choose = format!("/v1/scans/{id}/choose");
    stage.user.refused(world, &choose, &stage.certificate, 409, "conflict").await;
    // What the platform takes is bought there, and nothing else.
    stage.user.refused(world, &open(&scan), &opening(&[]), 400, "bad_request").await;
    stage.user.refused(world, &open(&scan), &opening(&[&shop.ten]), 400, "bad_request").await;
    let other = json!({
        "kind": "platform", "region": shop.region, "code": "P2", "name": "另一交易平台", "platform_kind": "tender",
        "systems": [], "client": null, "rules": shown["item"]["rules"],
    });
    let other = super::super::shop::entry(world, other).await;
    let foreign = with(package(&other, &shop.ca, "ca", "一年", 20_000), "months", 12);
    let foreign = super::super::shop::entry(world, foreign).await;
    stage.user.refused(world, &open(&scan), &opening(&[&foreign]), 400, "bad_request").await;
    // By who scanned it, and nobody else.
    Phone::enrolled(world, 12).await;
    let (stranger, _) = log_in_on(world, "13900139000", Some([12; 32])).await;
    stranger.refused(world, &open(&scan), &opening(&[&shop.year]), 404, "not_found").await;
    let order = stage.user.done(world, &open(&scan), &opening(&[&shop.year])).await;
    assert_eq!((&order["business"], &order["state"]), (&json!("open"), &json!("unpaid")));
    stage.user.refused(world, &choose, &stage.certificate, 409, "conflict").await;
    pay(world, &stage.user, &order).await;
    assert_eq!(stage.user.see(world, &format!("/v1/scans/{id}")).await["open"], true);
    stage.user.refused(world, &open(&scan), &opening(&[&shop.year]), 409, "conflict").await;
    // The same scan goes on.
    let scan = stage.choose(&id).await;
    let signatures = json!({ "signatures": stage.signatures(&scan["to_sign"]).await });
    assert_eq!(
        stage.user.done(world, &format!("/v1/scans/{id}/sign"), &signatures).await["state"],
        "succeeded"
    );
    stage.user.refused(world, &open(&scan), &opening(&[&shop.year]), 409, "conflict").await;
}
