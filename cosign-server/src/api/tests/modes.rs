//! PIN modes over HTTP: asked for, shown, and the frames that only oblivious mode has.

use cosign_core::{MIN_ITERATIONS, Pin, Suite, evaluate, keygen};

use super::*;
use crate::testing::PIN;

async fn post_frame(world: &World, path: &str, frame: &[u8]) -> Response<Body> {
    let request = request(Method::POST, path, Some(DEVICE))
        .header(header::CONTENT_TYPE, "application/vnd.cosign.frame")
        .body(Body::from(frame.to_vec()));
    respond(world, request.unwrap()).await
}

#[tokio::test]
async fn a_mode_is_base_unless_another_one_is_asked_for() {
    let world = World::new().await;
    enrol(&world).await;
    for (asked, mode) in [(None, "base"), (Some("base"), "base"), (Some("oblivious"), "oblivious")] {
        let mut body = json!({ "purpose": "encrypt", "label": "x" });
        if let Some(asked) = asked {
            body["pin_mode"] = json!(asked);
        }
        let (status, issued) = post(&world, "/v1/keys", Some(DEVICE), &body).await;
        assert_eq!((status, &issued["pin_mode"]), (StatusCode::CREATED, &json!(mode)), "{asked:?}");
        let path = format!("/v1/key-ids/{}", issued["key_id"].as_str().unwrap());
        assert_eq!(get(&world, &path, Some(DEVICE)).await.1["pin_mode"], mode, "{asked:?}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_key_in_oblivious_mode_is_made_evaluated_and_shown() {
    let world = World::new().await;
    let phone = Phone::enrolled(&world, DEVICE[0]).await;
    let body = json!({ "purpose": "sign", "pin_mode": "oblivious", "label": "x" });
    let (_, issued) = post(&world, "/v1/keys", Some(DEVICE), &body).await;
    let key_id = issued["key_id"].as_str().unwrap();
    let path = |operation: &str| format!("/v1/keys/{key_id}/{operation}");
    let (id, pin, mut rng) = (key_id.parse().unwrap(), Pin::new(PIN).unwrap(), world.rng());
    let start = keygen::start_oblivious(id, Suite::D, Purpose::Sign, &pin, MIN_ITERATIONS, &mut rng);
    let (frame, waiting) = start.unwrap();
    assert_eq!(post_frame(&world, &path("open"), &frame).await.status(), StatusCode::BAD_REQUEST);
    let answer = post_frame(&world, &path("keygen"), &frame).await;
    let answer = answer.into_body().collect().await.unwrap().to_bytes();
    let (frame, waiting) = waiting.finish(&answer, phone.device_key()).unwrap();
    let (record, _) = waiting.finish(&phone.ask(&world, &frame).await).unwrap();
    let shown = get(&world, &format!("/v1/keys/{key_id}"), Some(DEVICE)).await.1;
    assert_eq!((&shown["pin_mode"], &shown["pin"]["total"]), (&json!("oblivious"), &json!(0)));

    let waiting =
        evaluate::unlock(&record, &pin, phone.device_key(), world.now_ms(), &mut world.rng()).unwrap();
    assert_eq!(post_frame(&world, &path("sign"), waiting.frame()).await.status(), StatusCode::BAD_REQUEST);
    let answer = post_frame(&world, &path("evaluate"), waiting.frame()).await;
    let answer = answer.into_body().collect().await.unwrap().to_bytes();
    assert!(waiting.finish(&answer).is_ok());
    let shown = get(&world, &format!("/v1/keys/{key_id}"), Some(DEVICE)).await.1;
    assert_eq!(
        (&shown["pin"]["failures"], &shown["pin"]["total"]),
        (&json!(1), &json!(1)),
        "open to the owner"
    );
    let (other, _) = phone.key(&world, Purpose::Sign).await;
    let shown = get(&world, &format!("/v1/keys/{}", other.key_id()), Some(DEVICE)).await.1;
    assert_eq!(shown["pin_mode"], "base");
}
