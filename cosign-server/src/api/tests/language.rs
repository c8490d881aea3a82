//! Problems in both languages, and every one that there is.

use std::collections::BTreeSet;

use axum::{
    body::Body,
    http::{Method, StatusCode, header},
};
use serde_json::{Value, json};

use super::{DEVICE, enrol, get, post, post_once, posting, request, respond, send};
use crate::{api::problem::KINDS, testing::World};

fn has_chinese(text: &Value) -> bool {
    text.as_str().unwrap().chars().any(|letter| ('\u{4e00}'..'\u{9fff}').contains(&letter))
}

#[tokio::test]
async fn problems_are_in_the_language_that_is_preferred() {
    let world = World::new().await;
    let ask = |language: &'static str| {
        request(Method::GET, "/v1/keys", Some(DEVICE))
            .header(header::ACCEPT_LANGUAGE, language)
            .body(Body::empty())
    };
    let (_, english) = send(&world, ask("en").unwrap()).await;
    assert_eq!(english["detail"], "the device is not enrolled");
    assert!(english["next_step"].as_str().unwrap().contains("enrolment code"));
    let response = respond(&world, ask("zh-CN, en;q=0.5").unwrap()).await;
    assert_eq!(response.headers()[header::CONTENT_LANGUAGE], "zh");
    assert_eq!(response.headers()[header::VARY], "accept-language");
    let (status, chinese) = send(&world, ask("zh-CN, en;q=0.5").unwrap()).await;
    assert_eq!(status, StatusCode::FORBIDDEN);
    for word in ["title", "detail", "next_step"] {
        assert!(has_chinese(&chinese[word]) && !has_chinese(&english[word]), "{word}");
    }
    for same in ["type", "status", "code", "retryable"] {
        assert_eq!(chinese[same], english[same]);
    }
    // What a parser says stays as it is, with a word before it.
    enrol(&world).await;
    let posted =
        posting("/v1/keys", Some(DEVICE)).header(header::ACCEPT_LANGUAGE, "zh").body(Body::from("{"));
    let (_, malformed) = send(&world, posted.unwrap()).await;
    assert!(has_chinese(&malformed["detail"]));
    assert!(malformed["detail"].as_str().unwrap().contains("EOF while parsing"));
}

#[tokio::test]
async fn every_kind_is_listed_in_both_languages() {
    let world = World::new().await;
    let (_, english) = get(&world, "/v1/problems", None).await;
    let asked = request(Method::GET, "/v1/problems", None).header(header::ACCEPT_LANGUAGE, "zh");
    let (_, chinese) = send(&world, asked.body(Body::empty()).unwrap()).await;
    let (english, chinese) =
        (english["problems"].as_array().unwrap(), chinese["problems"].as_array().unwrap());
    assert_eq!((english.len(), chinese.len()), (KINDS.len(), KINDS.len()));
    for (english, chinese) in english.iter().zip(chinese) {
        assert_eq!((&english["code"], &english["status"]), (&chinese["code"], &chinese["status"]));
        assert!(has_chinese(&chinese["next_step"]) && !has_chinese(&english["next_step"]));
    }
}

/// Each of them happens, so none is only on paper.
#[tokio::test]
async fn every_kind_happens() {
    let mut seen = BTreeSet::new();
    let mut saw = |(status, body): (StatusCode, Value)| {
        let kind = KINDS.iter().find(|kind| body["code"] == kind.code).expect("a code that is listed");
        assert_eq!(
            (status, &body["retryable"], &body["title"]),
            (
                kind.status,
                &json!(kind.retryable),
                &json!(kind.words(crate::api::problem::Language::English).title)
            )
        );
        seen.insert(kind.code);
    };
    let world = World::new().await;
    let other = Some([8; 32]);
    let key = json!({ "purpose": "sign", "label": "x" });
    saw(get(&world, "/v1/keys", None).await);
    saw(get(&world, "/v1/client", None).await);
    saw(get(&world, "/v1/account", None).await);
    let login = json!({ "code_id": "0".repeat(32), "code": "123456", "device": "x", "agreement": "1" });
    saw(post(&world, "/v1/sessions", None, &login).await);
    let login = json!({ "code_id": "0".repeat(32), "code": "123456", "device": "x", "agreement": "0" });
    saw(post(&world, "/v1/sessions", None, &login).await);
    let login = json!({ "elsewhere": "wechat", "grant": "sandbox:x", "device": "x" });
    saw(post(&world, "/v1/sessions", None, &login).await);
    let login = json!({ "phone": "13800138000", "password": "none", "device": "x" });
    saw(post(&world, "/v1/sessions", None, &login).await);
    saw(get(&world, "/v1/keys", other).await);
    saw(get(&world, "/v1/nothing", other).await);
    saw(post(&world, "/livez", None, &key).await);
    enrol(&world).await;
    saw(get(&world, "/v1/operator", Some(DEVICE)).await);
    saw(post(&world, "/v1/keys", Some(DEVICE), &json!({})).await);
    saw(send(&world, request(Method::POST, "/v1/keys", Some(DEVICE)).body(Body::from("{}")).unwrap()).await);
    let long = posting("/v1/keys", Some(DEVICE)).body(Body::from(vec![b' '; 17 * 1024]));
    saw(send(&world, long.unwrap()).await);
    assert_eq!(post_once(&world, "/v1/keys", "a", &key).await.0, StatusCode::CREATED);
    saw(post_once(&world, "/v1/keys", "a", &json!({ "purpose": "encrypt", "label": "x" })).await);
    for _ in 0..15 {
        post(&world, "/v1/keys", Some(DEVICE), &key).await;
    }
    saw(post(&world, "/v1/keys", Some(DEVICE), &key).await);
    let wrong = json!({ "enrolment_code": "AAAAA-AAAAA-AAAAA-AAAAA", "name": "phone" });
    for _ in 0..11 {
        saw(post(&world, "/v1/devices", other, &wrong).await);
    }
    world.database.close().await;
    saw(get(&world, "/v1/keys", Some(DEVICE)).await);
    // These come from within, or are seen by the tests of clients and of the office.
    use crate::domain::Error::{
        Busy, ClientSuspended, IdentityNeeded, Internal, NotOffered, NotVerified, ScopeMissing,
    };
    let others = [
        Busy,
        Internal,
        ClientSuspended,
        NotOffered("x"),
        NotVerified,
        IdentityNeeded,
        ScopeMissing("x:read"),
    ];
    for error in others {
        use axum::response::IntoResponse as _;
        use http_body_util::BodyExt as _;
        let response = crate::api::Problem::from(error).into_response();
        let status = response.status();
        let body = response.into_body().collect().await.unwrap().to_bytes();
        saw((status, serde_json::from_slice(&body).unwrap()));
    }
    let all: BTreeSet<_> = KINDS.iter().map(|kind| kind.code).collect();
    assert_eq!(seen, all);
}
