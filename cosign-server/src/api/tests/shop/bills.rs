//! Invoices, titles, addresses, points, coupons.

use super::*;

fn title(name: &str) -> Value {
    json!({ "kind": "person", "name": name, "email": "a@example.com" })
}

fn address(receiver: &str) -> Value {
    json!({ "receiver": receiver, "phone": "13800138000", "region": "新疆", "detail": "测试路 1 号", "label": "公司" })
}

async fn titled(world: &World, browser: &Browser) -> String {
    text(&browser.done(world, "/v1/invoice-titles", &title("张三")).await, "title_id").to_owned()
}

fn asks(order: &Value, lines: &[usize], wish: &Value, amount_fen: u64) -> Value {
    let part = |line: &usize| json!({ "order_id": order["order_id"], "line_id": line_of(order, *line) });
    json!({ "parts": lines.iter().map(part).collect::<Vec<_>>(), "wish": wish, "amount_fen": amount_fen })
}

async fn decide(world: &World, invoice: &Value, approve: bool) -> (StatusCode, Value) {
    let path = format!("/v1/operator/invoices/{}/decide", text(invoice, "invoice_id"));
    post_as(world, REA, &path, None, &json!({ "approve": approve })).await
}

#[tokio::test]
async fn j_22_an_invoice_over_lines_that_were_paid() {
    let world = staffed().await;
    let (shop, browser) = (Shop::open(&world).await, buyer(&world).await);
    let wish = json!({ "medium": "electronic", "title_id": titled(&world, &browser).await });
    let order = bought(&world, &browser, &wants("personal", &[(&shop.month, 1), (&shop.ten, 1)])).await;
    let unpaid = browser.done(&world, "/v1/orders", &wants("extend", &[(&shop.ten, 1)])).await;
    let possible = async |query: &str| browser.see(&world, &format!("/v1/invoices/possible{query}")).await;
    assert_eq!(possible("").await["amount_fen"], 7_000);
    assert_eq!(possible("?service=seal").await["amount_fen"], 5_000);
    let all = asks(&order, &[0, 1], &wish, 7_000);
    browser.refused(&world, "/v1/invoices", &asks(&unpaid, &[0], &wish, 5_000), 409, "conflict").await;
    browser.refused(&world, "/v1/invoices", &asks(&order, &[0, 0], &wish, 4_000), 409, "conflict").await;
    browser.refused(&world, "/v1/invoices", &asks(&order, &[], &wish, 0), 400, "bad_request").await;
    let (other, _) = log_in(&world, "13900139000").await;
    other.refused(&world, "/v1/invoices", &all, 404, "not_found").await;
    assert_eq!(browser.done(&world, "/v1/invoices", &all).await["state"], "asked");
    browser.refused(&world, "/v1/invoices", &all, 409, "conflict").await;
    assert_eq!(possible("").await["lines"], json!([]));
}

#[tokio::test]
async fn j_23_some_platforms_invoice_only_after_the_download() {
    let world = staffed().await;
    let shop = Shop::with_rules(&world, |rules| with(rules, "invoice_after_download", true)).await;
    let browser = buyer(&world).await;
    let wish = json!({ "medium": "electronic", "title_id": titled(&world, &browser).await });
    let order = bought(&world, &browser, &wants("personal", &[(&shop.month, 1)])).await;
    assert_eq!(browser.see(&world, "/v1/invoices/possible").await["lines"][0]["ready"], false);
    let invoice = browser.done(&world, "/v1/invoices", &asks(&order, &[0], &wish, 2_000)).await;
    assert_eq!(problem(decide(&world, &invoice, true).await), (409, "conflict".to_owned()));
    let done = format!("/v1/operator/orders/{}/hand-over", text(&order, "order_id"));
    op(&world, REA, &done, &json!({})).await;
    assert_eq!(decide(&world, &invoice, true).await.1["state"], "issuing");
}

#[tokio::test]
async fn j_24_on_paper_or_as_a_file_after_a_look_at_the_amount() {
    let world = staffed().await;
    let (shop, browser) = (Shop::open(&world).await, buyer(&world).await);
    let wish = json!({ "medium": "paper", "title_id": titled(&world, &browser).await });
    let order = bought(&world, &browser, &wants("personal", &[(&shop.month, 1)])).await;
    browser.refused(&world, "/v1/invoices", &asks(&order, &[0], &wish, 2_000), 400, "bad_request").await;
    let kept = browser.done(&world, "/v1/addresses", &address("张三")).await;
    let wish = with(wish, "address_id", kept["address_id"].clone());
    browser.refused(&world, "/v1/invoices", &asks(&order, &[0], &wish, 1_999), 409, "conflict").await;
    let wrong = with(wish.clone(), "medium", "stone");
    browser.refused(&world, "/v1/invoices", &asks(&order, &[0], &wrong, 2_000), 400, "bad_request").await;
    let invoice = browser.done(&world, "/v1/invoices", &asks(&order, &[0], &wish, 2_000)).await;
    assert_eq!((&invoice["medium"], &invoice["title_kind"]), (&json!("paper"), &json!("person")));
}

#[tokio::test]
async fn j_25_invoices_are_listed_and_fetched_by_their_link() {
    let world = staffed().await;
    let (shop, browser) = (Shop::open(&world).await, buyer(&world).await);
    let wish = json!({ "medium": "electronic", "title_id": titled(&world, &browser).await });
    let order = bought(&world, &browser, &wants("personal", &[(&shop.month, 1)])).await;
    let invoice = browser.done(&world, "/v1/invoices", &asks(&order, &[0], &wish, 2_000)).await;
    let path = format!("/v1/invoices/{}", text(&invoice, "invoice_id"));
    assert_eq!(browser.see(&world, &path).await["file"], Value::Null);
    assert_eq!(problem(browser.get(&world, &format!("{path}/file")).await).0, 404);
    decide(&world, &invoice, true).await;
    world.office.work().await.unwrap();
    let listed = browser.see(&world, "/v1/invoices").await["invoices"][0].clone();
    assert_eq!((&listed["state"], &listed["file"]), (&json!("issued"), &json!(format!("{path}/file"))));
    let asked = request(Method::GET, text(&listed, "file"), None)
        .header(header::AUTHORIZATION, format!("Bearer {}", browser.token));
    let file = respond(&world, asked.body(Body::empty()).unwrap()).await;
    assert_eq!(
        (file.status(), &file.headers()[header::CONTENT_TYPE]),
        (StatusCode::OK, &"application/pdf".parse().unwrap())
    );
    let bytes = file.into_body().collect().await.unwrap().to_bytes();
    assert!(bytes.starts_with(b"%PDF-") && bytes.windows(7).any(|part| part == b"SANDBOX"));
    let (other, _) = log_in(&world, "13900139000").await;
    assert_eq!(problem(other.get(&world, &path).await).0, 404);
    assert_eq!(problem(other.get(&world, &format!("{path}/file")).await).0, 404);
}

#[tokio::test]
async fn j_26_an_order_brings_what_its_invoice_needs() {
    let world = staffed().await;
    let (shop, browser) = (Shop::open(&world).await, buyer(&world).await);
    let wish = json!({ "medium": "electronic", "title_id": titled(&world, &browser).await });
    let wanted = with(wants("personal", &[(&shop.month, 1)]), "invoice", wish.clone());
    let order = browser.done(&world, "/v1/orders", &wanted).await;
    let invoice = browser.see(&world, "/v1/invoices").await["invoices"][0].clone();
    assert_eq!((&invoice["state"], &invoice["amount_fen"]), (&json!("asked"), &json!(2_000)));
    // It is made once it is paid.
    assert_eq!(problem(decide(&world, &invoice, true).await).0, 409);
    pay(&world, &browser, &order).await;
    assert_eq!(decide(&world, &invoice, true).await.1["state"], "issuing");
    // An order that comes to nothing has none.
    let cancelled = browser.done(&world, "/v1/orders", &wanted).await;
    browser.done(&world, &format!("{}/cancel", at(&cancelled)), &json!({})).await;
    let states = browser.see(&world, "/v1/invoices").await;
    assert!(states["invoices"].as_array().unwrap().iter().any(|one| one["state"] == "rejected"));
    let wrong = with(wanted, "invoice", with(wish, "title_id", "0".repeat(32)));
    browser.refused(&world, "/v1/orders", &wrong, 404, "not_found").await;
}

#[tokio::test]
async fn j_27_titles_are_kept_changed_and_found() {
    let world = staffed().await;
    let browser = buyer(&world).await;
    let path = "/v1/invoice-titles";
    let company = with(with(title("测试有限公司"), "kind", "enterprise"), "uscc", "91650000MA0000000X");
    let company = with(with(company, "account", "6200000000000000001"), "is_default", true);
    for (field, wrong) in [("uscc", Value::Null), ("email", json!("x")), ("name", json!(""))] {
        let body = with(company.clone(), field, wrong);
        browser.refused(&world, path, &body, 400, "bad_request").await;
    }
    let kept = browser.done(&world, path, &company).await;
    assert_eq!((&kept["details"]["account"], &kept["own"]), (&json!("****0001"), &json!(false)));
    let person = browser.done(&world, path, &with(title("张三"), "is_default", true)).await;
    let all = browser.see(&world, path).await;
    let defaults =
        all["titles"].as_array().unwrap().iter().filter(|one| one["details"]["is_default"] == true);
    assert_eq!(defaults.map(|one| one["title_id"].clone()).collect::<Vec<_>>(), [person["title_id"].clone()]);
    let one = format!("{path}/{}", text(&person, "title_id"));
    assert_eq!(browser.done(&world, &one, &title("李四")).await["details"]["name"], "李四");
    let found = browser.see(&world, &format!("{path}?search=%E6%9D%8E")).await;
    assert_eq!(found["titles"].as_array().unwrap().len(), 1);
    let (other, _) = log_in(&world, "13900139000").await;
    other.refused(&world, &one, &title("王五"), 404, "not_found").await;
    assert_eq!(other.see(&world, path).await["titles"], json!([]));
}

#[tokio::test]
async fn j_28_titles_are_deleted_several_at_once() {
    let world = staffed().await;
    let browser = buyer(&world).await;
    let (one, two) = (titled(&world, &browser).await, titled(&world, &browser).await);
    let delete = "/v1/invoice-titles/delete";
    let (other, _) = log_in(&world, "13900139000").await;
    other.refused(&world, delete, &json!({ "ids": [one] }), 404, "not_found").await;
    browser.refused(&world, delete, &json!({ "ids": [one, "0".repeat(32)] }), 404, "not_found").await;
    browser.refused(&world, delete, &json!({ "ids": [] }), 400, "bad_request").await;
    assert_eq!(browser.see(&world, "/v1/invoice-titles").await["titles"].as_array().unwrap().len(), 2);
    browser.done(&world, delete, &json!({ "ids": [one, two] })).await;
    assert_eq!(browser.see(&world, "/v1/invoice-titles").await["titles"], json!([]));
    browser.refused(&world, delete, &json!({ "ids": [one] }), 404, "not_found").await;
}

#[tokio::test]
async fn j_29_postal_addresses() {
    let world = staffed().await;
    let browser = buyer(&world).await;
    let path = "/v1/addresses";
    for field in ["receiver", "phone", "region", "detail"] {
        browser.refused(&world, path, &with(address("张三"), field, ""), 400, "bad_request").await;
    }
    let first = browser.done(&world, path, &with(address("张三"), "is_default", true)).await;
    assert_eq!(
        (&first["details"]["phone"], &first["details"]["label"]),
        (&json!("****8000"), &json!("公司"))
    );
    let second = browser.done(&world, path, &with(address("李四"), "is_default", true)).await;
    let all = browser.see(&world, path).await;
    let defaults =
        all["addresses"].as_array().unwrap().iter().filter(|one| one["details"]["is_default"] == true);
    assert_eq!(
        defaults.map(|one| one["address_id"].clone()).collect::<Vec<_>>(),
        [second["address_id"].clone()]
    );
    let one = format!("{path}/{}", text(&first, "address_id"));
    let (other, _) = log_in(&world, "13900139000").await;
    other.refused(&world, &one, &address("王五"), 404, "not_found").await;
    assert_eq!(browser.done(&world, &one, &address("王五")).await["details"]["receiver"], "王五");
    // A title is none.
    let title = titled(&world, &browser).await;
    browser.refused(&world, "/v1/addresses/delete", &json!({ "ids": [title] }), 404, "not_found").await;
    browser.done(&world, "/v1/addresses/delete", &json!({ "ids": [first["address_id"]] })).await;
    assert_eq!(browser.see(&world, path).await["addresses"].as_array().unwrap().len(), 1);
}

#[tokio::test]
async fn o_15_reviewers_have_invoices_made_sent_and_taken_back() {
    let world = staffed().await;
    let (shop, browser) = (Shop::open(&world).await, buyer(&world).await);
    let kept = browser.done(&world, "/v1/addresses", &address("张三")).await;
    let title = titled(&world, &browser).await;
    let wish = json!({ "medium": "paper", "title_id": title, "address_id": kept["address_id"] });
    let order = bought(&world, &browser, &wants("personal", &[(&shop.month, 1)])).await;
    let ask = asks(&order, &[0], &wish, 2_000);
    let rejected = browser.done(&world, "/v1/invoices", &ask).await;
    assert_eq!(decide(&world, &rejected, false).await.1["state"], "rejected");
    world.clock.advance(1);
    let invoice = browser.done(&world, "/v1/invoices", &ask).await;
    assert_eq!(
        get(&world, "/v1/operator/invoices?state=asked", Some(REA)).await.1["invoices"]
            .as_array()
            .unwrap()
            .len(),
        1
    );
    let desk = format!("/v1/operator/invoices/{}", text(&invoice, "invoice_id"));
    let approve = json!({ "approve": true });
    assert_eq!(problem(post_as(&world, ADA, &format!("{desk}/decide"), None, &approve).await).0, 403);
    assert_eq!(problem(post_as(&world, REA, &format!("{desk}/post"), None, &json!({})).await).0, 409);
    world.invoicing.fail(1);
    decide(&world, &invoice, true).await;
    for _ in 0..2 {
        world.office.work().await.unwrap();
        world.clock.advance(60_000);
    }
    op(&world, REA, &format!("{desk}/post"), &json!({})).await;
    world.office.work().await.unwrap();
    let posted = browser.see(&world, "/v1/invoices").await["invoices"][0].clone();
    assert_eq!((&posted["state"], posted["tracking"].is_string()), (&json!("posted"), true));
    // The money goes back: so does the invoice.
    let path = format!("{}/lines/{}/refund", at(&order), line_of(&order, 0));
    let refund = browser.done(&world, &path, &json!({ "reason": "重复购买了同一个套餐" })).await;
    let path = format!("/v1/operator/refunds/{}/decide", text(&refund, "refund_id"));
    op(&world, REA, &path, &approve).await;
    world.office.work().await.unwrap();
    let states = browser.see(&world, "/v1/invoices").await;
    assert!(states["invoices"].as_array().unwrap().iter().any(|one| one["state"] == "red-lettered"));
}

async fn give(world: &World, browser: &Browser, gift: &Value) -> (StatusCode, Value) {
    let account = browser.see(world, "/v1/account").await;
    let path = format!("/v1/operator/accounts/{}/gifts", text(&account, "account_id"));
    let asked = posting(&path, Some(ADA)).body(Body::from(gift.to_string())).unwrap();
    let response = respond(world, asked).await;
    let status = response.status();
    let bytes = response.into_body().collect().await.unwrap().to_bytes();
    (status, serde_json::from_slice(&bytes).unwrap_or(Value::Null))
}

#[tokio::test]
async fn j_30_points_are_gained_spent_and_taken_back() {
    let world = staffed().await;
    let (shop, browser) = (Shop::open(&world).await, buyer(&world).await);
    assert_eq!(browser.see(&world, "/v1/points").await["usable"], 0);
    bought(&world, &browser, &wants("personal", &[(&shop.year, 1)])).await;
    assert_eq!(browser.see(&world, "/v1/points").await["usable"], 200);
    world.clock.advance(1);
    let wanted = with(wants("extend", &[(&shop.month, 1)]), "points", 150);
    let order = browser.done(&world, "/v1/orders", &wanted).await;
    assert_eq!((&order["total_fen"], &order["full_fen"]), (&json!(1_850), &json!(2_000)));
    browser.refused(&world, "/v1/orders", &wanted, 409, "conflict").await;
    let kinds = async |query: &str| {
        let seen = browser.see(&world, &format!("/v1/points{query}")).await;
        seen["notes"].as_array().unwrap().iter().map(|one| one["what"].clone()).collect::<Vec<_>>()
    };
    assert_eq!(kinds("").await, ["used", "gained"]);
    assert_eq!(
        (kinds("?kind=used").await, kinds("?kind=gained").await),
        (vec![json!("used")], vec![json!("gained")])
    );
    assert_eq!(problem(browser.get(&world, "/v1/points?kind=x").await).0, 400);
    browser.done(&world, &format!("{}/cancel", at(&order)), &json!({})).await;
    assert_eq!(browser.see(&world, "/v1/points").await["usable"], 200);
}

#[tokio::test]
async fn j_31_coupons_take_something_off_one_order() {
    let world = staffed().await;
    let (shop, browser) = (Shop::open(&world).await, buyer(&world).await);
    let ends_at_ms = world.now_ms() + 86_400_000;
    let coupon = json!({ "kind": "coupon", "code": "NEW", "off_fen": 500, "from_fen": 3_000, "ends_at_ms": ends_at_ms });
    assert_eq!(give(&world, &browser, &coupon).await.0, StatusCode::NO_CONTENT);
    let own = browser.see(&world, "/v1/coupons").await["coupons"][0].clone();
    assert_eq!((&own["code"], &own["state"]), (&json!("NEW"), &json!("open")));
    let wanted =
        |package: &String| with(wants("personal", &[(package, 1)]), "coupon_id", own["coupon_id"].clone());
    browser.refused(&world, "/v1/orders", &wanted(&shop.month), 409, "conflict").await;
    let (other, _) = log_in(&world, "13900139000").await;
    other.refused(&world, "/v1/orders", &wanted(&shop.year), 404, "not_found").await;
    let order = browser.done(&world, "/v1/orders", &wanted(&shop.year)).await;
    assert_eq!(order["total_fen"], 19_500);
    browser.refused(&world, "/v1/orders", &wanted(&shop.year), 409, "conflict").await;
    browser.done(&world, &format!("{}/cancel", at(&order)), &json!({})).await;
    world.clock.advance(2 * 86_400_000);
    world.office.work().await.unwrap();
    let browser = buyer(&world).await;
    assert_eq!(browser.see(&world, "/v1/coupons").await["coupons"][0]["state"], "expired");
    browser.refused(&world, "/v1/orders", &wanted(&shop.year), 409, "conflict").await;
}

#[tokio::test]
async fn o_20_administrators_give_points_coupons_and_packages() {
    let world = staffed().await;
    let (shop, browser) = (Shop::open(&world).await, buyer(&world).await);
    let points = json!({ "kind": "points", "points": 100 });
    assert_eq!(give(&world, &browser, &points).await.0, StatusCode::NO_CONTENT);
    assert_eq!(browser.see(&world, "/v1/points").await["notes"][0]["what"], "granted");
    assert_eq!(
        give(&world, &browser, &json!({ "kind": "package", "package_id": shop.ten })).await.0,
        StatusCode::NO_CONTENT
    );
    assert_eq!(browser.see(&world, "/v1/balances").await["balances"][0]["remaining"], 10);
    for wrong in [json!({ "kind": "points", "points": 0 }), json!({ "kind": "points", "points": 1_000_001 })]
    {
        assert_eq!(problem(give(&world, &browser, &wrong).await).0, 400);
    }
    assert_eq!(
        problem(give(&world, &browser, &json!({ "kind": "package", "package_id": shop.ca })).await).0,
        404
    );
    let path = format!("/v1/operator/accounts/{}/gifts", "0".repeat(32));
    assert_eq!(problem(post_as(&world, ADA, &path, None, &points).await).0, 404);
    assert_eq!(problem(post_as(&world, REA, &path, None, &points).await).0, 403);
}
