//! What a caller has already is not sent again.

use axum::{
    body::Body,
    http::{Method, StatusCode, header},
};
use cosign_core::Purpose;
use http_body_util::BodyExt as _;
use serde_json::json;

use super::{DEVICE, enrol, post, request, respond};
use crate::testing::{Phone, World};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_did_not_change_is_not_sent_again() {
    let world = World::new().await;
    let phone = Phone::enrolled(&world, DEVICE[0]).await;
    let fetch = async |known: Option<&str>| {
        let mut asked = request(Method::GET, "/v1/keys", Some(DEVICE));
        if let Some(tag) = known {
            asked = asked.header(header::IF_NONE_MATCH, tag);
        }
        let response = respond(&world, asked.body(Body::empty()).unwrap()).await;
        let tag = response.headers()[header::ETAG].to_str().unwrap().to_owned();
        assert_eq!(response.headers()[header::CACHE_CONTROL], "private, no-cache");
        let (status, body) = (response.status(), response.into_body().collect().await.unwrap().to_bytes());
        assert_eq!(body.is_empty(), status == StatusCode::NOT_MODIFIED);
        (status, tag)
    };
    let (status, first) = fetch(None).await;
    assert_eq!(status, StatusCode::OK);
    assert_eq!(fetch(Some(&first)).await, (StatusCode::NOT_MODIFIED, first.clone()));
    phone.key(&world, Purpose::Encrypt).await;
    let (status, second) = fetch(Some(&first)).await;
    assert_eq!(status, StatusCode::OK);
    assert_ne!(first, second);
    assert_eq!(fetch(Some(&format!("{first}, {second}"))).await.0, StatusCode::NOT_MODIFIED);
}

#[tokio::test]
async fn answers_that_must_not_be_kept_have_no_tag() {
    let world = World::new().await;
    enrol(&world).await;
    let posted = post(&world, "/v1/keys", Some(DEVICE), &json!({ "purpose": "sign", "label": "x" })).await;
    assert_eq!(posted.0, StatusCode::CREATED);
    for (path, device) in [("/readyz", None), ("/metrics", None), ("/v1/nothing", None), ("/v1/keys", None)] {
        let asked = request(Method::GET, path, device).header(header::IF_NONE_MATCH, "*");
        let response = respond(&world, asked.body(Body::empty()).unwrap()).await;
        assert_ne!(response.status(), StatusCode::NOT_MODIFIED, "{path}");
        assert!(!response.headers().contains_key(header::ETAG), "{path}");
    }
}
