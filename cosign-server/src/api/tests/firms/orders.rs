//! An enterprise buys, pays and is metered.

use super::*;
use crate::{
    api::tests::shop::{enterprise_package, order_for, paid},
    domain::office::{Id, catalogue::Service},
};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn j_08_orders_of_an_enterprise_are_of_those_who_manage_it() {
    let company = Company::new().await;
    let world = company.world();
    let package = enterprise_package(world, &company.stage.client.id.to_string()).await;
    let (person, _) = company.member(1).await;
    let stranger = verified(world, &phone(8), "路人", &citizen(8)).await;
    let body = order_for(&company.id, &package);
    for (who, status, code) in [(&person, 403, "role_missing"), (&stranger, 404, "not_found")] {
        who.refused(world, "/v1/orders", &body, status, code).await;
        who.refused(world, "/v1/orders/quote", &body, status, code).await;
        for list in ["orders", "balances"] {
            let path = format!("/v1/{list}?enterprise_id={}", company.id);
            assert_eq!(problem(who.get(world, &path).await), (status, code.to_owned()));
        }
    }
    // The package is an enterprise's.
    let mut own = body.clone();
    own.as_object_mut().unwrap().remove("enterprise_id");
    company.refused("/v1/orders", &own, 400, "bad_request").await;
    let order = company.done("/v1/orders", &body).await;
    assert_eq!((&order["owner_id"], &order["buyer_id"]), (&json!(company.id), &json!(company.stage.account)));
    let path = format!("/v1/orders/{}", order["order_id"].as_str().unwrap());
    for (who, status, code) in [(&person, 403, "role_missing"), (&stranger, 404, "not_found")] {
        assert_eq!(problem(who.get(world, &path).await), (status, code.to_owned()));
        let pay = json!({ "channel": "wechat" });
        who.refused(world, &format!("{path}/pay"), &pay, status, code).await;
        who.refused(world, &format!("{path}/cancel"), &json!({}), status, code).await;
    }
    // Another one who manages it pays it.
    let (_, member) = company.member(2).await;
    company.done(&company.at("administrators"), &json!({ "account_id": member })).await;
    let (administrator, _) = log_in_on(world, &phone(2), None).await;
    paid(world, &administrator, &order).await;
    assert_eq!(company.see(&path).await["state"], "paid");
    let listed = administrator.see(world, &format!("/v1/orders?enterprise_id={}", company.id)).await;
    assert_eq!(listed["orders"].as_array().unwrap().len(), 1);
    // Its own title is there, and stays.
    let titles = company.see(&format!("/v1/invoice-titles?enterprise_id={}", company.id)).await.to_string();
    assert!(titles.contains(&firm(0).uscc), "{titles}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn j_18_an_enterprise_is_metered_for_what_its_members_do() {
    let company = Company::new().await;
    let package = enterprise_package(company.world(), &company.stage.client.id.to_string()).await;
    let order = company.done("/v1/orders", &order_for(&company.id, &package)).await;
    paid(company.world(), &company.stage.user, &order).await;
    let of = format!("/v1/balances?enterprise_id={}", company.id);
    let left = async |company: &Company| company.see(&of).await["balances"][0]["remaining"].clone();
    assert_eq!(left(&company).await, 10);
    assert_eq!(company.see("/v1/balances").await["balances"], json!([]));
    let (owner, platform): (Id, Id) =
        (company.id.parse().unwrap(), package["platform"].as_str().unwrap().parse().unwrap());
    for number in [1, 1, 2] {
        let use_id = Id::from_bytes([number; 16]);
        company.world().office.metered((owner, platform, Service::Ca), use_id).await.unwrap();
    }
    assert_eq!(left(&company).await, 8);
    let uses = format!(
        "/v1/orders/{}/lines/{}/uses",
        order["order_id"].as_str().unwrap(),
        order["lines"][0]["line_id"].as_str().unwrap()
    );
    assert_eq!(company.see(&uses).await["uses"].as_array().unwrap().len(), 2);
    // By scanning too: it is the enterprise whose package is used, until nothing is left.
    for _ in 0..8 {
        company.stage.whole("login", json!({})).await;
    }
    assert_eq!(left(&company).await, 0);
    let scan = company.stage.scan(&company.stage.ask("login", json!({})).await).await;
    let choose = format!("/v1/scans/{}/choose", scan["scan_id"].as_str().unwrap());
    company.refused(&choose, &company.stage.certificate, 409, "conflict").await;
}
