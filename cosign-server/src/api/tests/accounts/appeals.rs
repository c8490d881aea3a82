//! The end of an account, and the way back.

use axum::http::StatusCode;
use serde_json::{Value, json};

use super::PHONE;
use crate::{
    api::tests::{
        get,
        office::{Browser, PICTURE, cancelling, citizen, code, kept, log_in, verified},
        operators::{ADA, AUD, PLAIN, REA, staffed},
        post, problem,
    },
    domain::office::{
        account::Account, code::SmsCode, message::Message, person::Person, ports::Entities as _,
        session::Session,
    },
    domain::page::Page,
    testing::World,
};

const QUEUE: &str = "/v1/operator/appeals";

async fn cancel(world: &World, browser: &Browser) {
    browser.done(world, "/v1/account/cancel", &cancelling(world, PHONE).await).await;
}

async fn appeal(world: &World, phone: &str, name: &str, number: &str) -> (StatusCode, Value) {
    let (code_id, text) = code(world, phone, "appeal").await;
    let body = json!({
        "name": name, "document": "id-card", "number": number, "code_id": code_id, "code": text, "reason": "误操作",
    });
    post(world, "/v1/appeals", None, &body).await
}

async fn decide(world: &World, by: [u8; 32], id: &str, passed: bool) -> StatusCode {
    let asked = crate::api::tests::posting(&format!("{QUEUE}/{id}"), Some(by));
    let body = json!({ "passed": passed, "opinion": "已核实" });
    let response = crate::api::tests::respond(world, asked.body(body.to_string().into()).unwrap()).await;
    response.status()
}

#[tokio::test]
async fn a_27_whoever_was_verified_asks_for_a_cancelled_account() {
    let world = staffed().await;
    let browser = verified(&world, PHONE, "张三", &citizen(1)).await;
    let account = browser.see(&world, "/v1/account").await["account_id"].clone();
    let invalid = (403, "code_invalid".to_owned());
    // Only one that is cancelled, with its own name, number and phone, and what proves the phone for this.
    assert_eq!(problem(appeal(&world, PHONE, "张三", &citizen(1)).await), invalid);
    cancel(&world, &browser).await;
    assert_eq!(problem(appeal(&world, PHONE, "李四", &citizen(1)).await), invalid);
    assert_eq!(problem(appeal(&world, PHONE, "张三", &citizen(2)).await), invalid);
    assert_eq!(problem(appeal(&world, "13900139000", "张三", &citizen(1)).await), invalid);
    let (status, first) = appeal(&world, PHONE, "张三", &citizen(1)).await;
    assert_eq!(status, StatusCode::CREATED, "{first}");
    assert_eq!(problem(appeal(&world, PHONE, "张三", &citizen(1)).await), (409, "conflict".to_owned()));
    // Refused by text; another appeal may be filed.
    assert_eq!(
        decide(&world, REA, first["appeal_id"].as_str().unwrap(), false).await,
        StatusCode::NO_CONTENT
    );
    world.office.work().await.unwrap();
    assert!(kept(&world, PHONE).contains(&"appeal-refused".to_owned()));
    let (_, second) = appeal(&world, PHONE, "张三", &citizen(1)).await;
    assert_eq!(
        decide(&world, REA, second["appeal_id"].as_str().unwrap(), true).await,
        StatusCode::NO_CONTENT
    );
    let (back, done) = log_in(&world, PHONE).await;
    assert_eq!((&done["account_id"], &done["registered"]), (&account, &json!(false)));
    assert_eq!(back.see(&world, "/v1/person").await["state"], "verified");
    // It is not erased any more.
    world.clock.advance(40 * 86_400_000);
    world.office.work().await.unwrap();
    let (back, _) = log_in(&world, PHONE).await;
    assert_eq!(back.see(&world, "/v1/person").await["state"], "verified");
    // One that was not verified cannot be asked for.
    let (plain, _) = log_in(&world, "13900139000").await;
    plain.done(&world, "/v1/account/cancel", &cancelling(&world, "13900139000").await).await;
    assert_eq!(problem(appeal(&world, "13900139000", "李四", &citizen(3)).await), invalid);
}

#[tokio::test]
async fn o_12_reviewers_decide_appeals() {
    let world = staffed().await;
    let browser = verified(&world, PHONE, "张三", &citizen(1)).await;
    cancel(&world, &browser).await;
    let (_, filed) = appeal(&world, PHONE, "张三", &citizen(1)).await;
    let id = filed["appeal_id"].as_str().unwrap();
    let (_, list) = get(&world, QUEUE, Some(AUD)).await;
    assert_eq!((&list["appeals"][0]["appeal_id"], &list["appeals"][0]["name"]), (&json!(id), &Value::Null));
    let path = format!("{QUEUE}/{id}");
    let (_, whole) = get(&world, &path, Some(REA)).await;
    assert_eq!((&whole["name"], &whole["number"]), (&json!("张三"), &json!(citizen(1))));
    assert_eq!((&whole["reason"], &whole["state"]), (&json!("误操作"), &json!("submitted")));
    let missing = (403, "role_missing".to_owned());
    for by in [ADA, PLAIN] {
        assert_eq!(problem(get(&world, QUEUE, Some(by)).await), missing);
    }
    for by in [ADA, AUD, PLAIN] {
        assert_eq!(problem(get(&world, &path, Some(by)).await), missing);
        assert_eq!(decide(&world, by, id, true).await, StatusCode::FORBIDDEN);
    }
    let bare = post(&world, &path, Some(REA), &json!({ "passed": false })).await;
    assert_eq!(problem(bare), (400, "bad_request".to_owned()));
    // The phone has a new account by now: two for one phone there are not.
    log_in(&world, PHONE).await;
    assert_eq!(decide(&world, REA, id, true).await, StatusCode::CONFLICT);
    assert_eq!(decide(&world, REA, id, false).await, StatusCode::NO_CONTENT);
    assert_eq!(decide(&world, REA, id, false).await, StatusCode::CONFLICT);
    assert_eq!(decide(&world, REA, &"0".repeat(32), false).await, StatusCode::NOT_FOUND);
}

#[tokio::test]
async fn n_08_nothing_personal_is_left_after_the_time_for_appeals() {
    let world = World::new().await;
    let browser = verified(&world, PHONE, "张三", &citizen(1)).await;
    let account = browser.see(&world, "/v1/account").await["account_id"].as_str().unwrap().parse().unwrap();
    let file = browser.attach(&world, PICTURE).await.parse().unwrap();
    browser.done(&world, "/v1/bindings", &json!({ "elsewhere": "wechat", "grant": "sandbox:u1" })).await;
    let before = world.office.find::<Account>(account).await.unwrap().entity;
    let left = async || {
        let entities = &world.database;
        let page = Page::default();
        let person = world.office.find::<Person>(account).await.unwrap().entity.claim.is_some();
        (
            person,
            world.office.find::<Account>(account).await.unwrap().entity.phone.is_some(),
            entities.attachment(file).await.unwrap().is_some(),
            !world.office.under::<Message>(account, &page).await.unwrap().items.is_empty(),
            !world.office.under::<Session>(account, &page).await.unwrap().items.is_empty(),
        )
    };
    cancel(&world, &browser).await;
    // At once nobody logs in any more; what an appeal needs is kept.
    assert_eq!(problem(browser.get(&world, "/v1/account").await).0, 401);
    let grant = json!({ "elsewhere": "wechat", "grant": "sandbox:u1", "device": "browser" });
    assert_eq!(problem(post(&world, "/v1/sessions", None, &grant).await), (403, "phone_needed".to_owned()));
    assert_eq!(left().await, (true, true, true, true, true));
    world.clock.advance(30 * 86_400_000 - 1);
    world.office.work().await.unwrap();
    assert_eq!(left().await, (true, true, true, true, true));
    world.clock.advance(1);
    world.office.work().await.unwrap();
    assert_eq!(left().await, (false, false, false, false, false));
    let codes = SmsCode::list_of(&before.phone_name());
    assert!(world.office.under::<SmsCode>(codes, &Page::default()).await.unwrap().items.is_empty());
    // What was done stays in the log, under the number of the account.
    let of = crate::domain::office::ports::Of::Entity("account", account);
    let log = world.office.operations(of, &Default::default(), &Page::default()).await.unwrap().items;
    assert_eq!(log.first().map(|one| one.event.as_str()), Some("erase"));
    let invalid = (403, "code_invalid".to_owned());
    assert_eq!(problem(appeal(&world, PHONE, "张三", &citizen(1)).await), invalid);
}
