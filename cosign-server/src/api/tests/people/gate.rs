//! What only verified people do, on which devices, and what they say of themselves.

use axum::http::StatusCode;
use serde_json::{Value, json};

use crate::{
    api::tests::{
        DEVICE, enrol,
        enterprises::support::{claimed, firm, form},
        office::{Browser, PICTURE, cancelling, citizen, code, face, log_in, log_in_on, verified},
        problem,
    },
    domain::{
        office::{Rules, person::Person, reading::Reading},
        page::Page,
    },
    testing::World,
};

const PHONE: &str = "13800138000";

/// A picture of a document, as the sandbox reads it.
fn document(fields: &Value) -> Vec<u8> {
    [PICTURE, json!({ "ocr": fields }).to_string().as_bytes()].concat()
}

/// Says who somebody is, and shows the face.
async fn says(world: &World, browser: &Browser, body: &Value) -> Value {
    let person = browser.done(world, "/v1/person", body).await;
    let words = person["words"].as_str().unwrap();
    let (status, shown) = browser.post_bytes(world, "/v1/person/face", &face(words)).await;
    assert_eq!(status, StatusCode::OK, "{shown}");
    shown
}

fn saying(name: &str, pictures: &[String]) -> Value {
    json!({
        "method": "digits", "document": "id-card", "name": name, "number": citizen(1), "agreement": "1",
        "attachment_ids": pictures,
    })
}

async fn sides(world: &World, browser: &Browser) -> Vec<String> {
    vec![browser.attach(world, PICTURE).await, browser.attach(world, PICTURE).await]
}

#[tokio::test]
async fn b_01_nothing_opens_before_a_person_is_verified() {
    let world = World::new().await;
    let (_, enterprise) = claimed(&world).await;
    enrol(&world).await;
    let (browser, _) = log_in_on(&world, PHONE, Some(DEVICE)).await;
    assert_eq!(browser.see(&world, "/v1/account").await["person"], "unverified");
    assert_eq!(browser.see(&world, "/v1/person").await["next"], json!(["verify"]));
    let scan = format!("cosign:1:cosign:login:{}", "0".repeat(32));
    let posts = [
        ("/v1/claims".to_owned(), form(&world, &browser, &firm(3)).await),
        (format!("/v1/enterprises/{enterprise}/join"), json!({ "reason": "入职" })),
        ("/v1/applications".to_owned(), json!({ "business": "new", "authority": "demo", "agreement": "1" })),
        ("/v1/scans".to_owned(), json!({ "code": scan })),
        (
            "/v1/task-signatures/start".to_owned(),
            json!({ "certificate": { "authority": "demo", "serial": "01" }, "task_ids": ["0".repeat(32)] }),
        ),
    ];
    let gets = [
        "/v1/enterprise-search?text=云中示例建设".to_owned(),
        format!("/v1/enterprise-standing?name={}&uscc={}", firm(3).name, firm(3).uscc),
    ];
    for (path, body) in &posts {
        browser.refused(&world, path, body, 403, "not_verified").await;
    }
    for path in &gets {
        assert_eq!(problem(browser.get(&world, path).await), (403, "not_verified".to_owned()), "{path}");
    }
    // What was only compared opens what asks for no more.
    let mut weak = saying("张三", &[]);
    weak["method"] = "data".into();
    browser.done(&world, "/v1/person", &weak).await;
    for path in &gets {
        assert_eq!(browser.get(&world, path).await.0, StatusCode::OK, "{path}");
    }
    for (path, body) in posts.iter().take(3) {
        browser.refused(&world, path, body, 403, "not_verified").await;
    }
    says(&world, &browser, &saying("张三", &[])).await;
    for (path, body) in &posts {
        let answer = browser.post(&world, path, body).await.1;
        assert_ne!(answer["code"], "not_verified", "{path}: {answer}");
    }
    // Who says that their data have changed is verified no more.
    let (code_id, text) = code(&world, PHONE, "person").await;
    browser.done(&world, "/v1/person/change", &json!({ "code_id": code_id, "code": text })).await;
    for path in &gets {
        assert_eq!(problem(browser.get(&world, path).await), (403, "not_verified".to_owned()), "{path}");
    }
}

#[tokio::test]
async fn b_06_what_was_read_on_a_card_is_corrected_and_confirmed() {
    let world = World::new().await;
    let (browser, _) = log_in(&world, PHONE).await;
    let front = document(&json!({
        "name": "张二", "number": citizen(1), "sex": "female", "birth": "19491231", "nation": "汉",
        "address": "示例市示例路一号", "uscc": "none of this side", "confidence": "93",
    }));
    let front = browser.attach(&world, &front).await;
    let back = json!({ "issuer": "示例市公安局", "valid-from": "20200101", "valid-until": "long-term" });
    let back = browser.attach(&world, &document(&back)).await;
    let read = |file: &str, side: &str| json!({ "attachment_id": file, "side": side });
    let seen = browser.done(&world, "/v1/readings", &read(&front, "id-card-portrait")).await;
    let field = |seen: &Value, name: &str| {
        let fields = seen["fields"].as_array().unwrap();
        fields.iter().find(|one| one["field"] == name).map(|one| one["text"].clone())
    };
    assert_eq!((field(&seen, "name"), field(&seen, "uscc")), (Some(json!("张二")), None));
    assert_eq!(
        (&seen["confidence"], &seen["sure"], &seen["sandbox"]),
        (&json!(93), &json!(true), &json!(true))
    );
    let emblem = browser.done(&world, "/v1/readings", &read(&back, "id-card-emblem")).await;
    assert_eq!(field(&emblem, "issuer"), Some(json!("示例市公安局")));
    // What cannot be read is filled in by hand; another card takes the place of this one.
    let blurred = browser.attach(&world, PICTURE).await;
    let blank = browser.done(&world, "/v1/readings", &read(&blurred, "id-card-portrait")).await;
    assert_eq!((&blank["fields"], &blank["sure"]), (&json!([]), &json!(false)));
    browser.refused(&world, "/v1/readings", &read(&front, "spine"), 400, "bad_request").await;
    let pdf = browser.attach(&world, b"%PDF-1.7").await;
    browser.refused(&world, "/v1/readings", &read(&pdf, "licence"), 400, "bad_request").await;
    let (other, _) = log_in(&world, "13900139000").await;
    other.refused(&world, "/v1/readings", &read(&front, "id-card-portrait"), 404, "not_found").await;
    // A picture is read once; the provider need not be there for it any more.
    world.ocr.fail(1);
    browser.refused(&world, "/v1/readings", &read(&back, "licence"), 503, "unavailable").await;
    assert_eq!(browser.done(&world, "/v1/readings", &read(&front, "id-card-portrait")).await, seen);
    // What the user confirms counts, not what was read.
    let mut body = saying("张三", &[front, back]);
    let particulars = json!({
        "sex": "male", "birth": "19491231", "nation": "汉", "address": "示例市示例路二号",
        "issuer": "示例市公安局", "valid_from": "20200101",
    });
    body["particulars"] = particulars.clone();
    for (name, wrong) in [("birth", "19500101"), ("sex", "none"), ("valid_from", "2020"), ("address", "")] {
        let mut wrong_body = body.clone();
        wrong_body["particulars"][name] = wrong.into();
        browser.refused(&world, "/v1/person", &wrong_body, 400, "bad_request").await;
    }
    let is_male = citizen(1).as_bytes()[16] % 2 == 1;
    body["particulars"]["sex"] = if is_male { "male" } else { "female" }.into();
    let person = says(&world, &browser, &body).await;
    assert_eq!((&person["state"], &person["name"]), (&json!("verified"), &json!("*三")));
    assert_eq!(person["particulars"]["address"], "示例市****");
    assert_eq!(
        (&person["particulars"]["birth"], &person["particulars"]["nation"]),
        (&json!("1949****"), &json!("汉"))
    );
    // All of it goes with the account.
    let account = browser.see(&world, "/v1/account").await["account_id"].as_str().unwrap().parse().unwrap();
    let readings =
        async || world.office.under::<Reading>(account, &Page::default()).await.unwrap().items.len();
    assert_eq!(readings().await, 3);
    browser.done(&world, "/v1/account/cancel", &cancelling(&world, PHONE).await).await;
    world.clock.advance(31 * 86_400_000);
    world.office.work().await.unwrap();
    assert_eq!(readings().await, 0);
    assert!(world.office.find::<Person>(account).await.unwrap().entity.claim.is_none());
}

#[tokio::test]
async fn b_16_each_device_is_verified_of_its_own_where_that_is_demanded() {
    let search = "/v1/enterprise-search?text=云中示例建设";
    // Where it is not demanded, one verification is good everywhere.
    let world = World::new().await;
    verified(&world, PHONE, "张三", &citizen(1)).await;
    let (second, _) = log_in(&world, PHONE).await;
    assert_eq!(second.see(&world, "/v1/person").await["verified_here"], true);
    second.see(&world, search).await;
    let world = World::with_rules(Rules { verify_per_device: true, ..Rules::default() }).await;
    let first = verified(&world, PHONE, "张三", &citizen(1)).await;
    first.see(&world, search).await;
    let (second, _) = log_in(&world, PHONE).await;
    let person = second.see(&world, "/v1/person").await;
    assert_eq!((&person["state"], &person["verified_here"]), (&json!("verified"), &json!(false)));
    assert_eq!(problem(second.get(&world, search).await), (403, "not_verified".to_owned()));
    let claim = form(&world, &second, &firm(2)).await;
    second.refused(&world, "/v1/claims", &claim, 403, "not_verified").await;
    // Not as somebody else, nor in a weaker way.
    let mut other = saying("李四", &[]);
    other["number"] = citizen(2).into();
    second.refused(&world, "/v1/person", &other, 409, "conflict").await;
    let mut weak = saying("张三", &[]);
    weak["method"] = "data".into();
    second.refused(&world, "/v1/person", &weak, 409, "conflict").await;
    says(&world, &second, &saying("张三", &[])).await;
    assert_eq!(second.see(&world, "/v1/person").await["verified_here"], true);
    second.done(&world, "/v1/claims", &claim).await;
    first.see(&world, search).await;
    first.refused(&world, "/v1/person", &saying("张三", &[]), 409, "conflict").await;
}

#[tokio::test]
async fn a_26_changed_data_take_both_sides_of_the_card_and_a_code() {
    let world = World::new().await;
    let browser = verified(&world, PHONE, "张三", &citizen(1)).await;
    let pictures = sides(&world, &browser).await;
    // Nothing changes before it is said, with a code to the own phone.
    browser.refused(&world, "/v1/person", &saying("张四", &pictures), 409, "conflict").await;
    let change = async |phone: &str, purpose: &str| {
        let (code_id, text) = code(&world, phone, purpose).await;
        json!({ "code_id": code_id, "code": text })
    };
    for (phone, purpose) in [("13900139000", "person"), (PHONE, "sign")] {
        let wrong = change(phone, purpose).await;
        browser.refused(&world, "/v1/person/change", &wrong, 403, "code_invalid").await;
    }
    browser.done(&world, "/v1/person/change", &change(PHONE, "person").await).await;
    assert_eq!(browser.see(&world, "/v1/person").await["state"], "stale");
    for pictures in [&[][..], &pictures[..1]] {
        browser.refused(&world, "/v1/person", &saying("张四", pictures), 400, "bad_request").await;
    }
    // The check has to pass.
    let failed = browser.done(&world, "/v1/person", &saying("张四", &pictures)).await;
    assert_eq!(failed["state"], "checking");
    browser.post_bytes(&world, "/v1/person/face", PICTURE).await;
    assert_eq!(browser.see(&world, "/v1/person").await["state"], "failed");
    let renamed = says(&world, &browser, &saying("张四", &pictures)).await;
    assert_eq!((&renamed["state"], &renamed["name"]), (&json!("verified"), &json!("*四")));
    assert_eq!(browser.see(&world, "/v1/account").await["name"], "*四");
}
