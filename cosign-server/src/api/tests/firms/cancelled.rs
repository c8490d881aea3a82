//! The end of an enterprise reaches all that it has.

use super::*;
use crate::{
    api::tests::shop::{enterprise_package, order_for},
    domain::office::{
        Entity, Named as _, application::Application, enterprise::Enterprise, holding::Holding, order::Order,
        seal::Seal,
    },
};

/// Where something stands.
async fn state<E: Entity>(world: &World, id: &str) -> &'static str {
    world.office.find::<E>(id.parse().unwrap()).await.unwrap().entity.state().as_str()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn c_34_a_cancelled_enterprise_has_no_certificate_no_seal_and_no_open_order() {
    let company = Company::new().await;
    let world = company.world();
    let (person, member) = company.member(1).await;
    let seal = company.seal("company").await;
    company.authorised(&[&seal], &[&member], 10).await;
    let under_way = company.done("/v1/applications", &wanted(&company.id, Some("hubei"))).await;
    let package = enterprise_package(world, &company.stage.client.id.to_string()).await;
    let order = company.done("/v1/orders", &order_for(&company.id, &package)).await;
    let mut body = signing(world, LEGAL).await;
    body["understood"] = true.into();
    let cancel = company.at("cancel");
    person.refused(world, &cancel, &body, 403, "role_missing").await;
    company.done(&cancel, &body).await;
    // Nothing of it is seen by it any more; what stands in the registry is revoked.
    company.stage.user.refused(world, "/v1/applications", &wanted(&company.id, None), 404, "not_found").await;
    assert_eq!(state::<Holding>(world, &company.holding).await, "revoked");
    assert_eq!(state::<Seal>(world, &seal).await, "cancelled");
    let under_way = under_way["application_id"].as_str().unwrap();
    assert_eq!(state::<Application>(world, under_way).await, "withdrawn");
    assert_eq!(state::<Order>(world, order["order_id"].as_str().unwrap()).await, "cancelled");
    assert_eq!(person.see(world, "/v1/grants").await["grants"], json!([]));
    let path = format!("/v1/operator/holdings/{}/freeze", company.holding);
    assert_eq!(problem(post(world, &path, Some(REVIEWER), &json!({})).await), (409, "conflict".to_owned()));
    let digest = cosign_core::Digest::reduce(&[7; 32]);
    let scene = &company.stage.scene;
    assert!(scene.phone.sign(world, &scene.key, digest).await.is_err(), "its share is gone");
    // Its buyer still sees the order; nobody orders for it.
    company.see(&format!("/v1/orders/{}", order["order_id"].as_str().unwrap())).await;
    company.refused("/v1/orders", &order_for(&company.id, &package), 404, "not_found").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn c_34_what_is_erased_after_the_time_for_appeals() {
    let company = Company::new().await;
    let world = company.world();
    let seal = company.seal("company").await;
    let mut body = signing(world, LEGAL).await;
    body["understood"] = true.into();
    company.done(&company.at("cancel"), &body).await;
    world.clock.advance(31 * DAY_MS);
    world.office.work().await.unwrap();
    assert_eq!(state::<Enterprise>(world, &company.id).await, "erased");
    assert_eq!(state::<Seal>(world, &seal).await, "erased");
}
