//! Regions, platforms, institutions, packages, templates.

use super::*;
use crate::api::tests::operators::{AUD, PLAIN, STRANGER};

#[tokio::test]
async fn m_01_regions_filter_the_platforms() {
    let world = staffed().await;
    let shop = Shop::open(&world).await;
    let other =
        entry(&world, json!({ "kind": "region", "code": "660000", "name": "兵团", "place": null })).await;
    assert_eq!(names(&get(&world, "/v1/regions", None).await.1), ["兵团", "新疆"]);
    let of = async |region: &str| get(&world, &format!("/v1/platforms?region={region}"), None).await;
    assert_eq!(names(&of(&shop.region).await.1), ["测试交易平台"]);
    assert_eq!(of(&other).await.1["entries"], json!([]));
    assert_eq!(problem(of("x").await), (400, "bad_request".to_owned()));
}

#[tokio::test]
async fn m_02_platforms_are_searched_by_name_and_list_their_systems() {
    let world = staffed().await;
    let shop = Shop::open(&world).await;
    let search = async |name: &str| get(&world, &format!("/v1/platforms?name={name}"), None).await.1;
    assert_eq!(names(&search("%E4%BA%A4%E6%98%93").await), ["测试交易平台"]);
    assert_eq!(search("other").await["entries"], json!([]));
    let one = get(&world, &format!("/v1/platforms/{}", shop.platform), None).await.1;
    assert_eq!(one["item"]["systems"], json!(["投标系统", "开标大厅"]));
    assert_eq!(problem(get(&world, &format!("/v1/platforms/{}", shop.ca), None).await).0, 404);
    assert_eq!(problem(get(&world, &format!("/v1/platforms/{}", "0".repeat(32)), None).await).0, 404);
    // What is retired is not found.
    op(&world, ADA, &format!("/v1/operator/catalogue/{}/retire", shop.platform), &json!({})).await;
    assert_eq!(problem(get(&world, &format!("/v1/platforms/{}", shop.platform), None).await).0, 404);
}

#[tokio::test]
async fn m_03_the_nearest_region_is_proposed() {
    let world = staffed().await;
    let near = "/v1/regions/nearest?latitude=300000&longitude=1200000";
    assert_eq!(problem(get(&world, near, None).await).0, 404);
    Shop::open(&world).await;
    let east = json!({ "kind": "region", "code": "330000", "name": "浙江", "place": [302_700, 1_201_500] });
    entry(&world, east).await;
    assert_eq!(get(&world, near, None).await.1["item"]["name"], "浙江");
    let west = "/v1/regions/nearest?latitude=440000&longitude=900000";
    assert_eq!(get(&world, west, None).await.1["item"]["name"], "新疆");
    let far = json!({ "kind": "region", "code": "1", "name": "x", "place": [900_001, 0] });
    let refused = post_as(&world, ADA, "/v1/operator/catalogue", None, &far).await;
    assert_eq!(problem(refused), (400, "bad_request".to_owned()));
}

#[tokio::test]
async fn m_04_a_platform_lists_the_authorities_that_it_accepts() {
    let world = staffed().await;
    let shop = Shop::open(&world).await;
    let foreign = json!({ "kind": "institution", "service": "ca", "code": "CA2", "name": "另一机构" });
    let foreign = entry(&world, foreign).await;
    let path = format!("/v1/institutions?platform={}&service=ca", shop.platform);
    let found = get(&world, &path, None).await.1;
    assert_eq!((names(&found), &found["entries"][0]["item"]["code"]), (vec!["测试认证机构"], &json!("CA1")));
    assert_eq!(names(&get(&world, "/v1/institutions?service=ca", None).await.1).len(), 2);
    // Nothing is sold for an authority that the platform does not take.
    let body = with(package(&shop.platform, &foreign, "ca", "x", 1), "months", 1);
    let refused = post_as(&world, ADA, "/v1/operator/catalogue", None, &body).await;
    assert_eq!(problem(refused), (400, "bad_request".to_owned()));
}

#[tokio::test]
async fn m_05_seal_institutions_are_chosen_of_their_own() {
    let world = staffed().await;
    let shop = Shop::open(&world).await;
    let path = format!("/v1/institutions?platform={}&service=seal", shop.platform);
    assert_eq!(names(&get(&world, &path, None).await.1), ["测试印章机构"]);
    // An institution sells what it issues.
    let body = with(package(&shop.platform, &shop.seal, "ca", "x", 1), "months", 1);
    let refused = post_as(&world, ADA, "/v1/operator/catalogue", None, &body).await;
    assert_eq!(problem(refused), (400, "bad_request".to_owned()));
}

#[tokio::test]
async fn m_06_platforms_are_of_two_kinds() {
    let world = staffed().await;
    let shop = Shop::open(&world).await;
    let cloud = json!({
        "kind": "platform", "region": shop.region, "code": "P2", "name": "云签章平台", "platform_kind": "cloud-seal",
        "systems": [], "client": null, "rules": rules(&[&shop.seal]),
    });
    let made = entry(&world, cloud.clone()).await;
    let one = get(&world, &format!("/v1/platforms/{made}"), None).await.1;
    assert_eq!(one["item"]["platform_kind"], "cloud-seal");
    let other = with(with(cloud, "code", "P3"), "platform_kind", "other");
    assert_eq!(problem(post_as(&world, ADA, "/v1/operator/catalogue", None, &other).await).0, 400);
}

#[tokio::test]
async fn m_09_a_platform_says_what_it_demands() {
    let world = staffed().await;
    let change = |rules| with(with(rules, "attachments", true), "invoice_after_download", true);
    let shop = Shop::with_rules(&world, change).await;
    let path = format!("/v1/platforms/{}", shop.platform);
    let one = get(&world, &path, None).await.1;
    let rules = &one["item"]["rules"];
    assert_eq!((&rules["attachments"], &rules["review"]), (&json!(true), &json!(false)));
    assert_eq!(
        (&rules["invoice_after_download"], &rules["unique_certificate"]),
        (&json!(true), &json!(true))
    );
    let reviewed = with(one["item"].clone(), "rules", with(rules.clone(), "review", true));
    op(&world, ADA, &format!("/v1/operator/catalogue/{}", shop.platform), &reviewed).await;
    assert_eq!(get(&world, &path, None).await.1["item"]["rules"]["review"], true);
    let many: Vec<_> = (0..33).map(|_| shop.ca.clone()).collect();
    let wrong = with(one["item"].clone(), "rules", with(rules.clone(), "institutions", many));
    let refused =
        post_as(&world, ADA, &format!("/v1/operator/catalogue/{}", shop.platform), None, &wrong).await;
    assert_eq!(problem(refused), (400, "bad_request".to_owned()));
}

#[tokio::test]
async fn j_01_packages_of_authorities_and_of_seals_for_a_platform() {
    let world = staffed().await;
    let shop = Shop::open(&world).await;
    let enterprise = with(package(&shop.platform, &shop.ca, "ca", "企业一年", 20_000), "months", 12);
    entry(&world, with(with(enterprise, "buyer", "enterprise"), "renewal", true)).await;
    let list = async |query: &str| {
        let found = get(&world, &format!("/v1/packages?platform={}{query}", shop.platform), None).await.1;
        names(&found).into_iter().map(str::to_owned).collect::<Vec<_>>()
    };
    assert_eq!(list("&service=ca&buyer=person").await, ["一年", "一个月"]);
    assert_eq!(list("&service=seal").await, ["十次"]);
    assert_eq!(list("&renewal=true").await, ["企业一年"]);
    assert_eq!(list(&format!("&institution={}", shop.seal)).await, ["十次"]);
    assert_eq!(problem(get(&world, "/v1/packages?platform=x", None).await).0, 400);
    for (field, value) in [("months", 0), ("months", 121), ("uses", 0), ("price_fen", 100_000_001)] {
        let wrong = with(package(&shop.platform, &shop.ca, "ca", "x", 1), field, value);
        let refused = post_as(&world, ADA, "/v1/operator/catalogue", None, &wrong).await;
        assert_eq!(problem(refused), (400, "bad_request".to_owned()), "{field}");
    }
}

#[tokio::test]
async fn o_18_only_administrators_maintain_the_catalogue() {
    let world = staffed().await;
    let region = json!({ "kind": "region", "code": "650000", "name": "新疆", "place": null });
    for (device, status) in [(REA, 403), (AUD, 403), (PLAIN, 403), (STRANGER, 403)] {
        let refused = problem(post_as(&world, device, "/v1/operator/catalogue", None, &region).await);
        assert_eq!(refused.0, status, "{refused:?}");
        assert_eq!(problem(get(&world, "/v1/operator/catalogue?kind=region", Some(device)).await).0, 403);
    }
    assert_eq!(problem(post(&world, "/v1/operator/catalogue", None, &region).await).0, 401);
    // The same request acts once; another entry of that code is refused.
    let (status, first) = post_as(&world, ADA, "/v1/operator/catalogue", Some("once"), &region).await;
    assert_eq!(status, StatusCode::CREATED);
    assert_eq!(post_as(&world, ADA, "/v1/operator/catalogue", Some("once"), &region).await.1, first);
    let conflict = (409, "conflict".to_owned());
    assert_eq!(problem(post_as(&world, ADA, "/v1/operator/catalogue", None, &region).await), conflict);
    let path = format!("/v1/operator/catalogue/{}", first["entry_id"].as_str().unwrap());
    let renamed = with(region.clone(), "name", "新疆维吾尔自治区");
    assert_eq!(problem(post_as(&world, REA, &path, None, &renamed).await).0, 403);
    assert_eq!(op(&world, ADA, &path, &renamed).await["item"]["name"], "新疆维吾尔自治区");
    let other = json!({ "kind": "institution", "service": "ca", "code": "1", "name": "x" });
    assert_eq!(problem(post_as(&world, ADA, &path, None, &other).await), conflict);
    assert_eq!(problem(post_as(&world, REA, &format!("{path}/retire"), None, &json!({})).await).0, 403);
    assert_eq!(op(&world, ADA, &format!("{path}/retire"), &json!({})).await["state"], "retired");
    assert_eq!(problem(post_as(&world, ADA, &path, None, &renamed).await), conflict);
    // The code is free again; both are listed for the administrator.
    op(&world, ADA, "/v1/operator/catalogue", &region).await;
    let all = get(&world, "/v1/operator/catalogue?kind=region", Some(ADA)).await.1;
    assert_eq!(all["entries"].as_array().unwrap().len(), 2);
    assert_eq!(problem(get(&world, "/v1/operator/catalogue?kind=other", Some(ADA)).await).0, 400);
    assert_eq!(problem(post_as(&world, ADA, "/v1/operator/catalogue/x", None, &region).await).0, 404);
}

#[tokio::test]
async fn o_21_templates_of_letters_and_forms() {
    let world = staffed().await;
    let letter =
        json!({ "kind": "template", "template_kind": "letter", "name": "授权书", "text": "兹授权……" });
    let made = entry(&world, letter.clone()).await;
    entry(&world, with(with(letter.clone(), "template_kind", "appeal"), "name", "申诉书")).await;
    assert_eq!(names(&get(&world, "/v1/templates", None).await.1), ["申诉书", "授权书"]);
    let letters = get(&world, "/v1/templates?kind=letter", None).await.1;
    assert_eq!(
        (names(&letters), &letters["entries"][0]["item"]["text"]),
        (vec!["授权书"], &json!("兹授权……"))
    );
    for wrong in ["", &"x".repeat(8193)] {
        let wrong = with(letter.clone(), "text", wrong);
        assert_eq!(problem(post_as(&world, ADA, "/v1/operator/catalogue", None, &wrong).await).0, 400);
    }
    op(&world, ADA, &format!("/v1/operator/catalogue/{made}/retire"), &json!({})).await;
    assert_eq!(get(&world, "/v1/templates?kind=letter", None).await.1["entries"], json!([]));
}
