//! What goes on, changes and ends for money.

use super::{
    super::shop::{entry, package, text, with},
    bought::{Market, agreed, buying},
    *,
};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn d_26_a_renewal_moves_the_end_of_one_platform() {
    let mut market = Market::open(Rules::default()).await;
    let shop = &market.shop;
    let other = json!({
        "kind": "platform", "region": shop.region, "code": "P2", "name": "另一交易平台", "platform_kind": "tender",
        "systems": [], "client": null, "rules": {
            "attachments": false, "review": false, "unique_certificate": true, "invoice_after_download": false,
            "mutual": true, "institutions": [shop.ca],
        },
    });
    let other = entry(&market.world, other).await;
    let year = with(package(&other, &shop.ca, "ca", "一年", 20_000), "months", 12);
    let year = entry(&market.world, year).await;
    let first = market.certified(buying(on_platform("P1"), &[(&shop.year, 1)])).await;
    market.certified(buying(on_platform("P2"), &[(&year, 2)])).await;
    market.world.clock.advance(340 * 86_400_000);
    market.owner.browser = log_in(&market.world, OWNER).await.0;
    let (one, two) = (market.ends(&market.shop.platform).await.unwrap(), market.ends(&other).await.unwrap());
    // What is sold for another platform renews nothing here.
    let wrong = agreed(buying(about("renew", &first), &[(&year, 1)]));
    market.owner.browser.refused(&market.world, "/v1/applications", &wrong, 400, "bad_request").await;
    let renewed = market.certified(buying(about("renew", &first), &[(&market.shop.year, 1)])).await;
    assert_eq!((&renewed["replaces"], &renewed["platform"]), (&first["holding_id"], &json!("P1")));
    let days = (market.ends(&market.shop.platform).await.unwrap() - one) / 86_400_000;
    assert!((365..=366).contains(&days), "{days}");
    assert_eq!(market.ends(&other).await.unwrap(), two);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn d_37_a_change_and_an_end_cost_what_the_platform_says() {
    let market = Market::open(Rules::default()).await;
    let Market { world, owner, shop } = &market;
    let first = market.certified(buying(on_platform("P1"), &[(&shop.month, 1)])).await;
    // Without a fee there is nothing to pay.
    let free = owner.applied(world, about("revoke", &first)).await;
    assert_eq!(free["fee"], 0);
    owner.browser.done(world, &format!("{}/withdraw", path_of(&free)), &json!({})).await;
    market.fee("ca", &shop.ca, "certificate-change", 1_000).await;
    market.fee("ca", &shop.ca, "certificate-end", 500).await;
    owner.changes(world).await;
    owner.is_now(world, "李四").await;
    let change = owner.applied(world, about("change", &first)).await;
    assert_eq!(change["fee"], 1_000);
    let unpaid = owner.authorised(world, &change).await;
    assert_eq!(unpaid["state"], "unpaid");
    assert_eq!(market.pays(&unpaid).await["state"], "review");
    review(world, REVIEWER, &change, true, "").await;
    let (status, installed) = owner.install(world, &change).await;
    assert_eq!(status, StatusCode::OK, "{installed}");
    assert_eq!(market.order(&unpaid).await["state"], "done");
    // Nothing else is bought with it.
    let more = agreed(buying(about("revoke", &installed), &[(&shop.year, 1)]));
    owner.browser.refused(world, "/v1/applications", &more, 400, "bad_request").await;
    // Nobody pays for the end of a key that others may have.
    let stolen = owner.applied(world, with(about("revoke", &installed), "reason", "keyCompromise")).await;
    assert_eq!(stolen["fee"], 0);
    owner.browser.done(world, &format!("{}/withdraw", path_of(&stolen)), &json!({})).await;
    let end = market.approved(about("revoke", &installed)).await;
    assert_eq!((&end["fee"], &end["state"]), (&json!(500), &json!("closed")));
    assert_eq!(market.order(&end).await["state"], "done");
    let gone = owner.holding(world, text(&installed, "holding_id")).await;
    assert_eq!(gone["state"], "revoked");
}
