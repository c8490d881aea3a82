//! Requests for certificates, reviewed over the API.

use super::*;
use crate::{
    api::tests::ca::{authority, csr_of},
    domain::{
        audit::Act,
        ca::Options,
        operators::{Acting, Reviewer},
    },
    testing::records,
};

const REQUESTS: &str = "/v1/operator/certificate-requests";

/// A request that two have to pass, by the device that is also the reviewer Rob.
async fn asked() -> (World, String) {
    let world = staffed().await;
    authority(&world, "demo", Options { reviewers: 2, ..Options::default() }).await;
    let rob = Phone::of(&world, ROB[0]).await;
    let (_, key) = rob.key(&world, Purpose::Sign).await;
    let csr = csr_of(&world, &rob, &key, "holder").await;
    let body = json!({ "authority": "demo", "kind": "new", "csr": csr });
    let (status, request) = post(&world, "/v1/certificate-requests", Some(ROB), &body).await;
    assert_eq!(status, StatusCode::CREATED, "{request}");
    (world, request["request"].as_str().unwrap().to_owned())
}

async fn review(world: &World, device: [u8; 32], id: &str, body: &Value) -> (StatusCode, Value) {
    post(world, &format!("{REQUESTS}/{id}/review"), Some(device), body).await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_reviewers_are_two_operators_and_neither_is_the_applicant() {
    let (world, id) = asked().await;
    let pass = json!({ "passed": true });
    let (_, list) = get(&world, &format!("{REQUESTS}?state=review"), Some(AUD)).await;
    assert_eq!((&list["requests"][0]["request"], &list["next"]), (&json!(id), &Value::Null));
    assert_eq!(list["requests"][0]["device_id"], hex::encode(ROB));
    assert_eq!(get(&world, &format!("{REQUESTS}?state=closed"), Some(REA)).await.1["requests"], json!([]));

    let (status, own) = review(&world, ROB, &id, &pass).await;
    assert_eq!((status, &own["code"]), (StatusCode::CONFLICT, &json!("conflict")));
    assert!(own["detail"].as_str().unwrap().contains("of their own"));
    let path = format!("{REQUESTS}/{id}/review");
    for _ in 0..2 {
        let (status, passed) = post_as(&world, REA, &path, Some("r"), &pass).await;
        assert_eq!((status, &passed["state"]), (StatusCode::OK, &json!("review")));
        assert_eq!(passed["reviewers"], json!(["Rea"]));
    }
    assert_eq!(problem(review(&world, REA, &id, &pass).await).0, 409, "the same operator");
    // Nor with another device: the name is the person.
    withdraw(&world, REA).await;
    grant(&world, PLAIN, "Rea", Role::Reviewer).await.unwrap();
    assert_eq!(problem(review(&world, PLAIN, &id, &pass).await).0, 409, "the same person");
    assert_eq!(problem(review(&world, REA, &id, &pass).await).1, "role_missing");
    grant(&world, BEN, "Ben", Role::Reviewer).await.unwrap();
    let (_, passed) = review(&world, BEN, &id, &pass).await;
    assert_eq!((&passed["state"], &passed["reviewers"]), (&json!("approved"), &json!(["Rea", "Ben"])));

    let reviews: Vec<_> = records(&world)
        .await
        .into_iter()
        .filter(|record| record.event.act == Act::CERTIFICATE_REVIEW)
        .collect();
    let by: Vec<_> = reviews.iter().map(|record| record.event.device.unwrap()).collect();
    assert_eq!(by, [DeviceId::from_bytes(REA), DeviceId::from_bytes(BEN)]);
    assert_eq!(reviews[1].event.note, format!("{id} passed by Ben"));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_returned_has_an_opinion() {
    let (world, id) = asked().await;
    let silent = review(&world, REA, &id, &json!({ "passed": false })).await;
    assert_eq!(problem(silent), (400, "bad_request".to_owned()));
    let (_, returned) =
        review(&world, REA, &id, &json!({ "passed": false, "opinion": "which holder?" })).await;
    assert_eq!(returned["state"], "returned");
    let (_, seen) = get(&world, &format!("/v1/certificate-requests/{id}"), Some(ROB)).await;
    assert_eq!(seen["decisions"][0]["opinion"], "which holder?");
    assert!(!seen.to_string().contains("Rea"), "applicants do not learn who decided");
    let (_, shown) = get(&world, &format!("{REQUESTS}/{id}"), Some(REA)).await;
    assert_eq!((&shown["request"], &shown["reviewers"]), (&json!(id), &json!(["Rea"])));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_reviewer_who_is_withdrawn_before_the_commit_has_no_voice() {
    let (world, id) = asked().await;
    let device = world.devices.enrolled(caller(Some(DeviceId::from_bytes(REA)))).await.unwrap();
    let by: Acting<Reviewer> = world.operators.acting(device).await.unwrap();
    withdraw(&world, REA).await;
    let named = id.parse().unwrap();
    assert!(world.authorities.review(&by, &named, true, String::new(), None).await.is_err());
    assert!(world.authorities.request(&named).await.unwrap().decisions.is_empty());
}
