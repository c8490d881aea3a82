//! Shares of a key over HTTP: ids for them, frames, and what a key shows of it.

use cosign_core::{
    PinMode, Suite,
    sm_primitives::sm2::PrivateKey,
    split::{self, Kind, Receiver},
};

use super::*;

const OTHER: [u8; 32] = [8; 32];

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_id_for_a_share_is_issued_while_the_key_is_active() {
    let world = World::new().await;
    let owner = Phone::enrolled(&world, DEVICE[0]).await;
    Phone::enrolled(&world, OTHER[0]).await;
    let (record, _) = owner.key_of(&world, Suite::F2, Purpose::Sign).await;
    let of = record.key_id().to_string();
    let body = json!({ "of": of, "label": "shared" });
    let (status, issued) = post(&world, "/v1/keys", Some(OTHER), &body).await;
    assert_eq!(status, StatusCode::CREATED);
    assert_eq!((&issued["suite"], &issued["purpose"]), (&json!("F2"), &json!("sign")));
    assert_eq!(issued["expires_at_ms"], world.now_ms() + 3_600_000);

    let path = format!("/v1/key-ids/{}", issued["key_id"].as_str().unwrap());
    let expected = json!({
        "key_id": issued["key_id"], "suite": "F2", "purpose": "sign", "pin_mode": "base", "origin": "split", "of": of,
        "expires_at_ms": issued["expires_at_ms"]
    });
    assert_eq!(get(&world, &path, Some(OTHER)).await, (StatusCode::OK, expected));
    let missing = (404, "not_found".to_owned());
    assert_eq!(problem(get(&world, &path, Some(DEVICE)).await), missing, "another's");
    assert_eq!(problem(get(&world, &path, Some([7; 32])).await).0, 403);
    assert_eq!(problem(get(&world, &format!("/v1/key-ids/{of}"), Some(DEVICE)).await), missing, "used");
    world.clock.advance(3_600_000);
    assert_eq!(problem(get(&world, &path, Some(OTHER)).await), missing, "expired");

    for (of, label) in [("0".repeat(32), "unknown"), ("nonsense".to_owned(), "malformed")] {
        let body = json!({ "of": of, "label": label });
        assert_eq!(problem(post(&world, "/v1/keys", Some(OTHER), &body).await), missing, "{label}");
    }
    let frozen = post(&world, &format!("/v1/keys/{of}/freeze"), Some(DEVICE), &json!({})).await;
    assert_eq!(frozen.0, StatusCode::OK);
    assert_eq!(problem(post(&world, "/v1/keys", Some(OTHER), &body).await), missing, "frozen");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_share_has_what_its_key_has() {
    let world = World::new().await;
    let owner = Phone::enrolled(&world, DEVICE[0]).await;
    let (record, _) = owner.key(&world, Purpose::Sign).await;
    let of = record.key_id().to_string();
    for body in [
        json!({ "of": of, "label": "x", "purpose": "sign" }),
        json!({ "of": of, "label": "x", "suite": "D" }),
        json!({ "of": of, "label": "x", "pin_mode": "base" }),
        json!({ "of": of }),
        json!({ "label": "x" }),
        json!({ "label": "x", "suite": "D" }),
    ] {
        let answer = post(&world, "/v1/keys", Some(DEVICE), &body).await;
        assert_eq!(problem(answer), (400, "bad_request".to_owned()), "{body}");
    }
    let body = json!({ "of": of, "label": "x" });
    for _ in 0..16 {
        assert_eq!(post(&world, "/v1/keys", Some(DEVICE), &body).await.0, StatusCode::CREATED);
    }
    assert_eq!(problem(post(&world, "/v1/keys", Some(DEVICE), &body).await), (409, "conflict".to_owned()));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_split_travels_over_http_and_is_shown() {
    let world = World::new().await;
    let owner = Phone::enrolled(&world, DEVICE[0]).await;
    let other = Phone::enrolled(&world, OTHER[0]).await;
    let (record, key) = owner.key(&world, Purpose::Sign).await;
    let of = record.key_id();
    world.operator.set_seats(&of, 1).await.unwrap();
    let body = json!({ "of": of.to_string(), "label": "shared" });
    let (_, issued) = post(&world, "/v1/keys", Some(OTHER), &body).await;
    let to = issued["key_id"].as_str().unwrap().parse().unwrap();
    let receiver = Receiver::new(of, to, other.device.id, &mut world.rng()).unwrap();
    let invitation = receiver.invitation();
    let waiting = split::start(&key, invitation, Kind::Share, world.now_ms(), &mut world.rng()).unwrap();
    let posting = |operation: &str| {
        request(Method::POST, &format!("/v1/keys/{of}/{operation}"), Some(DEVICE))
            .header(header::CONTENT_TYPE, "application/vnd.cosign.frame")
            .body(Body::from(waiting.frame().to_vec()))
            .unwrap()
    };
    assert_eq!(problem(send(&world, posting("refresh")).await).0, 400);
    let response = respond(&world, posting("split")).await;
    let answer = response.into_body().collect().await.unwrap().to_bytes();
    assert_eq!(crate::testing::status(&answer), None);

    let (_, shown) = get(&world, &format!("/v1/keys/{to}"), Some(OTHER)).await;
    assert_eq!((&shown["status"], &shown["seat"]), (&json!("arriving"), &json!(true)));
    assert_eq!(shown["parent"], json!(of.to_string()));
    assert_eq!(shown["public_key"], key.public_key().to_spki_pem());
    let (_, shown) = get(&world, &format!("/v1/keys/{of}"), Some(DEVICE)).await;
    assert_eq!(
        (&shown["status"], &shown["seat"], &shown["parent"]),
        (&json!("active"), &json!(false), &json!(null))
    );
    let freeze = format!("/v1/keys/{to}/freeze");
    let (status, refused) = post(&world, &freeze, Some(OTHER), &json!({})).await;
    assert_eq!(status, StatusCode::CONFLICT);
    assert!(refused["detail"].as_str().unwrap().contains("first refresh"), "{refused}");
}

#[tokio::test]
async fn an_id_for_a_recovered_key_says_which() {
    let world = World::new().await;
    enrol(&world).await;
    let private_key = PrivateKey::generate(&mut getrandom::SysRng).unwrap();
    let device = DeviceId::from_bytes(DEVICE);
    let recovery =
        world.operator.recover(private_key.public_key(), &device, Suite::D, PinMode::Base, name("mail"));
    let key_id = recovery.await.unwrap().issued.key_id;
    let (status, waiting) = get(&world, &format!("/v1/key-ids/{key_id}"), Some(DEVICE)).await;
    assert_eq!(status, StatusCode::OK);
    assert_eq!((&waiting["origin"], &waiting["purpose"]), (&json!("recovered"), &json!("encrypt")));
    assert_eq!(waiting["public_key"], private_key.public_key().to_spki_pem());
    assert_eq!(waiting["of"], Value::Null);
}
