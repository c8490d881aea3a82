//! Long lists, a page at a time.

use axum::http::StatusCode;
use cosign_core::Purpose;
use serde_json::{Value, json};

use super::{DEVICE, get, post, problem};
use crate::testing::{Phone, World};

/// All entries of a list, fetched `limit` at a time, with the number of pages.
async fn walk(world: &World, path: &str, list: &str, limit: usize) -> (Vec<Value>, usize) {
    let (mut entries, mut pages, mut after) = (Vec::new(), 0, String::new());
    loop {
        let (status, page) = get(world, &format!("{path}?limit={limit}{after}"), Some(DEVICE)).await;
        assert_eq!(status, StatusCode::OK, "{page}");
        let found = page[list].as_array().unwrap();
        assert!(found.len() <= limit);
        entries.extend(found.iter().cloned());
        pages += 1;
        match page["next"].as_str() {
            Some(next) => after = format!("&after={next}"),
            None => return (entries, pages),
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn keys_come_in_pages() {
    let world = World::new().await;
    let phone = Phone::enrolled(&world, DEVICE[0]).await;
    let mut made = Vec::new();
    for number in 0..5 {
        let (record, _) = phone.pending_key(&world, Purpose::Encrypt).await;
        made.push((world.now_ms(), record.key_id().to_string()));
        // Two of them in the same millisecond.
        world.clock.advance(u64::from(number % 2 == 0));
    }
    made.sort();
    let made: Vec<_> = made.into_iter().map(|(_, key_id)| json!(key_id)).collect();
    for (limit, expected) in [(1, 5), (2, 3), (5, 1), (1000, 1)] {
        let (keys, pages) = walk(&world, "/v1/keys", "keys", limit).await;
        let ids: Vec<_> = keys.iter().map(|key| key["key_id"].clone()).collect();
        assert_eq!((ids, pages), (made.clone(), expected), "{limit}");
    }
    // A cursor stays good when the list changes, and shows nobody else's.
    let (_, page) = get(&world, "/v1/keys?limit=3", Some(DEVICE)).await;
    let next = page["next"].as_str().unwrap().to_owned();
    let (record, _) = phone.pending_key(&world, Purpose::Encrypt).await;
    let (_, rest) = get(&world, &format!("/v1/keys?after={next}"), Some(DEVICE)).await;
    let last = rest["keys"].as_array().unwrap().last().unwrap()["key_id"].clone();
    assert_eq!((rest["keys"].as_array().unwrap().len(), last), (3, json!(record.key_id().to_string())));
    let other = Phone::enrolled(&world, 8).await;
    let (_, none) = get(&world, &format!("/v1/keys?after={next}"), Some([8; 32])).await;
    assert_eq!(none, json!({ "keys": [], "next": null }));
    drop(other);
}

#[tokio::test]
async fn pages_that_there_are_not() {
    let world = World::new().await;
    super::enrol(&world).await;
    for path in ["/v1/keys", "/v1/certificates", "/v1/certificate-requests"] {
        for query in
            ["limit=0", "limit=1001", "limit=-1", "limit=x", "after=", "after=xyz", "after=0011", "page=2"]
        {
            let refused = get(&world, &format!("{path}?{query}"), Some(DEVICE)).await;
            assert_eq!(problem(refused), (400, "bad_request".to_owned()), "{path}?{query}");
        }
        let cursor = format!("{:016x}{}", i64::MAX, "ff".repeat(64));
        let (status, end) = get(&world, &format!("{path}?after={cursor}"), Some(DEVICE)).await;
        assert_eq!((status, &end["next"]), (StatusCode::OK, &Value::Null));
    }
    let body = json!({ "purpose": "sign", "label": "x" });
    assert_eq!(post(&world, "/v1/keys", Some(DEVICE), &body).await.0, StatusCode::CREATED);
}
