//! What helps users.

use axum::http::StatusCode;
use serde_json::{Value, json};

use super::{
    get,
    office::log_in,
    operators::{ADA, AUD, BEN, PLAIN, REA, staffed},
    post, posting, problem, respond,
};
use crate::testing::World;

const PHONE: &str = "13800138000";
const ARTICLES: &str = "/v1/operator/articles";

fn words(kind: &str, title: &str) -> Value {
    json!({ "kind": kind, "title": title, "text": "正文" })
}

async fn act(world: &World, by: [u8; 32], path: &str, body: &Value) -> StatusCode {
    let asked = posting(path, Some(by)).body(body.to_string().into()).unwrap();
    respond(world, asked).await.status()
}

async fn published(world: &World, body: &Value) -> String {
    let (status, written) = post(world, ARTICLES, Some(ADA), body).await;
    assert_eq!(status, StatusCode::CREATED, "{written}");
    let id = written["article_id"].as_str().unwrap().to_owned();
    let publish = format!("{ARTICLES}/{id}/publish");
    assert_eq!(act(world, ADA, &publish, &json!({})).await, StatusCode::NO_CONTENT);
    id
}

async fn titles(world: &World, query: &str) -> Vec<String> {
    let (status, found) = get(world, &format!("/v1/articles?{query}"), None).await;
    assert_eq!(status, StatusCode::OK, "{found}");
    let found = found["articles"].as_array().unwrap().clone();
    found.iter().map(|one| one["title"].as_str().unwrap().to_owned()).collect()
}

async fn kinds(kind: &str) {
    let world = staffed().await;
    let mut body = words(kind, "如何申领证书");
    body["link"] = "https://example.com/1".into();
    let id = published(&world, &body).await;
    world.clock.advance(1);
    body["title"] = "如何续期".into();
    published(&world, &body).await;
    assert_eq!(titles(&world, &format!("kind={kind}")).await, ["如何续期", "如何申领证书"]);
    // 申领, 如何
    let found = titles(&world, &format!("kind={kind}&search=%E7%94%B3%E9%A2%86")).await;
    assert_eq!(found, ["如何申领证书"]);
    assert_eq!(titles(&world, &format!("kind={kind}&search=nothing")).await, [""; 0]);
    let (_, first) = get(&world, &format!("/v1/articles?kind={kind}&limit=1"), None).await;
    let next = first["next"].as_str().unwrap();
    assert_eq!(titles(&world, &format!("kind={kind}&limit=1&after={next}")).await, ["如何申领证书"]);
    let (_, whole) = get(&world, &format!("/v1/articles/{id}"), None).await;
    assert_eq!((&whole["text"], &whole["link"]), (&json!("正文"), &json!("https://example.com/1")));
    assert_eq!(problem(get(&world, "/v1/articles?kind=novel", None).await).0, 400);
    assert_eq!(problem(get(&world, &format!("/v1/articles/{}", "0".repeat(32)), None).await).0, 404);
}

#[tokio::test]
async fn k_06_notices() {
    kinds("notice").await;
}

#[tokio::test]
async fn k_07_guides() {
    kinds("guide").await;
}

#[tokio::test]
async fn k_08_videos() {
    kinds("video").await;
    let world = staffed().await;
    for link in [Value::Null, json!("http://example.com"), json!("https://a b")] {
        let mut body = words("video", "视频");
        body["link"] = link;
        assert_eq!(problem(post(&world, ARTICLES, Some(ADA), &body).await), (400, "bad_request".to_owned()));
    }
}

#[tokio::test]
async fn n_05_agreements_have_a_version_and_a_time() {
    let world = staffed().await;
    for kind in ["agreement", "privacy"] {
        let mut body = words(kind, "用户协议");
        assert_eq!(problem(post(&world, ARTICLES, Some(ADA), &body).await), (400, "bad_request".to_owned()));
        body["version"] = "1".into();
        body["effective_at_ms"] = world.now_ms().into();
        let id = published(&world, &body).await;
        let (_, whole) = get(&world, &format!("/v1/articles/{id}"), None).await;
        assert_eq!((&whole["version"], &whole["effective_at_ms"]), (&json!("1"), &json!(world.now_ms())));
        assert_eq!(whole["changed_at_ms"], world.now_ms());
    }
    assert_eq!(get(&world, "/v1/about", None).await.1["agreement"], "1");
}

#[tokio::test]
async fn n_06_about_and_version() {
    let world = World::new().await;
    let (_, about) = get(&world, "/v1/about", None).await;
    assert_eq!(about["version"], env!("CARGO_PKG_VERSION"));
    assert_eq!((&about["hotline"], &about["introduction"]), (&Value::Null, &Value::Null));
}

#[tokio::test]
async fn k_10_the_hotline() {
    let rules = crate::domain::office::Rules {
        hotline: "400-000-0000".to_owned(),
        introduction: "移动数字证书".to_owned(),
        ..Default::default()
    };
    let world = World::with_rules(rules).await;
    let (_, about) = get(&world, "/v1/about", None).await;
    assert_eq!((&about["hotline"], &about["introduction"]), (&json!("400-000-0000"), &json!("移动数字证书")));
}

#[tokio::test]
async fn o_19_administrators_write_publish_and_withdraw() {
    let world = staffed().await;
    let (status, written) = post(&world, ARTICLES, Some(ADA), &words("announcement", "公告")).await;
    assert_eq!(status, StatusCode::CREATED);
    let id = written["article_id"].as_str().unwrap();
    let (own, open) = (format!("{ARTICLES}/{id}"), format!("/v1/articles/{id}"));
    assert_eq!(get(&world, &open, None).await.0, StatusCode::NOT_FOUND);
    for by in [REA, AUD, PLAIN] {
        let missing = (403, "role_missing".to_owned());
        assert_eq!(problem(post(&world, ARTICLES, Some(by), &words("notice", "x")).await), missing);
        assert_eq!(problem(get(&world, &format!("{ARTICLES}?kind=notice"), Some(by)).await), missing);
        for path in [own.clone(), format!("{own}/publish"), format!("{own}/withdraw")] {
            let body = words("announcement", "公告");
            assert_eq!(act(&world, by, &path, &body).await, StatusCode::FORBIDDEN, "{path}");
        }
    }
    let other = words("notice", "改");
    assert_eq!(act(&world, ADA, &own, &other).await, StatusCode::BAD_REQUEST);
    let renamed = words("announcement", "改");
    assert_eq!(act(&world, ADA, &own, &renamed).await, StatusCode::NO_CONTENT);
    assert_eq!(act(&world, BEN, &format!("{own}/publish"), &json!({})).await, StatusCode::NO_CONTENT);
    assert_eq!(act(&world, BEN, &format!("{own}/publish"), &json!({})).await, StatusCode::CONFLICT);
    assert_eq!(get(&world, &open, None).await.1["title"], "改");
    assert_eq!(act(&world, ADA, &format!("{own}/withdraw"), &json!({})).await, StatusCode::NO_CONTENT);
    assert_eq!(get(&world, &open, None).await.0, StatusCode::NOT_FOUND);
    assert_eq!(act(&world, ADA, &own, &renamed).await, StatusCode::CONFLICT);
    let (_, all) = get(&world, &format!("{ARTICLES}?kind=announcement"), Some(ADA)).await;
    assert_eq!(all["articles"][0]["state"], "withdrawn");
    for (field, wrong) in
        [("title", "长".repeat(101)), ("title", String::new()), ("text", "长".repeat(11_000))]
    {
        let mut body = words("notice", "x");
        body[field] = wrong.into();
        assert_eq!(problem(post(&world, ARTICLES, Some(ADA), &body).await).0, 400);
    }
}

#[tokio::test]
async fn k_09_a_chat_with_a_program() {
    let world = staffed().await;
    published(&world, &words("guide", "忘记密码")).await;
    let (browser, _) = log_in(&world, PHONE).await;
    let (other, _) = log_in(&world, "13900139000").await;
    let chat = browser.done(&world, "/v1/chats", &json!({})).await;
    browser.refused(&world, "/v1/chats", &json!({}), 409, "conflict").await;
    let path = format!("/v1/chats/{}", chat["chat_id"].as_str().unwrap());
    let lines = format!("{path}/lines");
    browser.done(&world, &lines, &json!({ "words": "我忘记密码了" })).await;
    browser.done(&world, &lines, &json!({ "words": "天气" })).await;
    let said = browser.see(&world, &lines).await;
    let said: Vec<_> = said["lines"]
        .as_array()
        .unwrap()
        .iter()
        .map(|line| (line["speaker"].as_str().unwrap(), line["words"].as_str().unwrap()))
        .collect();
    assert_eq!(said[0], ("user", "我忘记密码了"));
    assert_eq!(said[1], ("program", "请查看操作指南：《忘记密码》"));
    assert_eq!((said[2].0, said[3]), ("user", ("program", "没有找到相关的操作指南，可以转人工客服。")));
    for words in [String::new(), "长".repeat(501)] {
        browser.refused(&world, &lines, &json!({ "words": words }), 400, "bad_request").await;
    }
    // Another's is not found.
    assert_eq!(problem(other.get(&world, &lines).await).0, 404);
    for what in ["lines", "call", "close"] {
        let body = if what == "lines" { json!({ "words": "x" }) } else { json!({}) };
        other.refused(&world, &format!("{path}/{what}"), &body, 404, "not_found").await;
    }
    browser.done(&world, &format!("{path}/close"), &json!({})).await;
    browser.refused(&world, &lines, &json!({ "words": "x" }), 409, "conflict").await;
    // One that nobody goes on with ends by itself.
    browser.done(&world, "/v1/chats", &json!({})).await;
    world.clock.advance(86_400_000);
    world.office.work().await.unwrap();
    let (browser, _) = log_in(&world, PHONE).await;
    assert_eq!(browser.see(&world, "/v1/chats").await["chats"][0]["state"], "closed");
}

#[tokio::test]
async fn o_22_agents_answer() {
    let world = staffed().await;
    let (browser, _) = log_in(&world, PHONE).await;
    let chat = browser.done(&world, "/v1/chats", &json!({})).await["chat_id"].as_str().unwrap().to_owned();
    let (own, desk) = (format!("/v1/chats/{chat}"), format!("/v1/operator/chats/{chat}"));
    let say = json!({ "words": "您好" });
    // Nobody takes on what nobody asked for.
    assert_eq!(act(&world, REA, &format!("{desk}/take"), &json!({})).await, StatusCode::CONFLICT);
    browser.done(&world, &format!("{own}/lines"), &json!({ "words": "在吗" })).await;
    browser.done(&world, &format!("{own}/call"), &json!({})).await;
    browser.refused(&world, &format!("{own}/call"), &json!({}), 409, "conflict").await;
    let (_, waiting) = get(&world, "/v1/operator/chats", Some(ADA)).await;
    assert_eq!(waiting["chats"][0]["chat_id"], chat);
    assert_eq!(act(&world, REA, &format!("{desk}/lines"), &say).await, StatusCode::NOT_FOUND);
    for by in [AUD, PLAIN] {
        assert_eq!(problem(get(&world, "/v1/operator/chats", Some(by)).await).0, 403);
        assert_eq!(problem(get(&world, &format!("{desk}/lines"), Some(by)).await).0, 403);
        for (what, body) in [("take", json!({})), ("lines", say.clone()), ("close", json!({}))] {
            assert_eq!(act(&world, by, &format!("{desk}/{what}"), &body).await, StatusCode::FORBIDDEN);
        }
    }
    assert_eq!(act(&world, REA, &format!("{desk}/take"), &json!({})).await, StatusCode::NO_CONTENT);
    assert_eq!(act(&world, ADA, &format!("{desk}/take"), &json!({})).await, StatusCode::CONFLICT);
    assert_eq!(act(&world, REA, &format!("{desk}/lines"), &say).await, StatusCode::NO_CONTENT);
    // Only who has taken it on reads and answers.
    assert_eq!(problem(get(&world, &format!("{desk}/lines"), Some(ADA)).await).0, 404);
    assert_eq!(act(&world, ADA, &format!("{desk}/lines"), &say).await, StatusCode::NOT_FOUND);
    assert_eq!(act(&world, ADA, &format!("{desk}/close"), &json!({})).await, StatusCode::NOT_FOUND);
    browser.done(&world, &format!("{own}/lines"), &json!({ "words": "谢谢" })).await;
    let (_, lines) = get(&world, &format!("{desk}/lines"), Some(REA)).await;
    let speakers: Vec<_> = lines["lines"].as_array().unwrap().iter().map(|line| &line["speaker"]).collect();
    assert_eq!(speakers, ["user", "program", "agent", "user"]);
    assert_eq!(act(&world, REA, &format!("{desk}/close"), &json!({})).await, StatusCode::NO_CONTENT);
    assert_eq!(act(&world, REA, &format!("{desk}/lines"), &say).await, StatusCode::CONFLICT);
    assert_eq!(browser.see(&world, "/v1/chats").await["chats"][0]["state"], "closed");
}
