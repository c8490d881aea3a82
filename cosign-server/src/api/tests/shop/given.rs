//! What an enterprise has bought is given to a member.

use super::*;
use crate::api::tests::enterprises::support::{account, claimed, is_told, member};

#[tokio::test]
async fn c_29_a_package_of_the_enterprise_is_given_to_a_member() {
    let world = staffed().await;
    let shop = Shop::open(&world).await;
    let (administrator, enterprise) = claimed(&world).await;
    let person = member(&world, &administrator, &enterprise, 1).await;
    let for_firm = |package: Value| with(package, "buyer", "enterprise");
    let year = with(package(&shop.platform, &shop.ca, "ca", "企业一年", 20_000), "months", 12);
    let ten = with(package(&shop.platform, &shop.seal, "seal", "企业十次", 5_000), "uses", 10);
    let (year, ten) = (entry(&world, for_firm(year)).await, entry(&world, for_firm(ten)).await);
    let wanted = with(wants("open", &[(&year, 1), (&ten, 1)]), "enterprise_id", enterprise.clone());
    let order = bought(&world, &administrator, &wanted).await;
    let balances = async |browser: &Browser, of: &str| {
        let found = browser.see(&world, &format!("/v1/balances{of}")).await;
        let each = found["balances"].as_array().unwrap().clone();
        each.into_iter().map(|one| (one["service"].clone(), one["remaining"].clone())).collect::<Vec<_>>()
    };
    let of_firm = format!("?enterprise_id={enterprise}");
    assert!(balances(&person, "").await.is_empty());
    let to = account(&world, &person).await;
    let path = format!("/v1/enterprises/{enterprise}/members/{to}/services");
    let given = |line: usize, service: &str| json!({ "platform_id": shop.platform, "service": service, "line_id": line_of(&order, line) });
    // Only by who manages it, to a member, of what there is.
    person.refused(&world, &path, &given(1, "seal"), 403, "role_missing").await;
    let (stranger, _) = log_in(&world, "13600136000").await;
    stranger.refused(&world, &path, &given(1, "seal"), 404, "not_found").await;
    let other = format!("/v1/enterprises/{enterprise}/members/{}/services", "0".repeat(32));
    administrator.refused(&world, &other, &given(1, "seal"), 404, "not_found").await;
    administrator.refused(&world, &path, &given(0, "seal"), 409, "conflict").await;
    administrator.refused(&world, &path, &given(1, "stamps"), 400, "bad_request").await;
    administrator.done(&world, &path, &given(1, "seal")).await;
    assert!(is_told(&world, &person, "service-given").await);
    assert_eq!(balances(&person, "").await, [(json!("seal"), json!(10))]);
    // It is given once, and not paid back any more.
    administrator.refused(&world, &path, &given(1, "seal"), 409, "conflict").await;
    let left = administrator.see(&world, &at(&order)).await;
    assert_eq!(left["refundable_line_ids"], json!([line_of(&order, 0)]));
    assert!(!balances(&administrator, &of_firm).await.contains(&(json!("seal"), json!(10))));
    // A member who leaves keeps what is theirs.
    person.done(&world, &format!("/v1/enterprises/{enterprise}/leave"), &json!({})).await;
    assert_eq!(balances(&person, "").await, [(json!("seal"), json!(10))]);
}
