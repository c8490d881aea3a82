//! Events: what changed, for those who may know it, and for their webhooks.

use cosign_core::{DeviceId, csr, sm_primitives::sm2::DistId, sm_primitives::sm2::dsa};
use pki::{csr::SubjectAttribute, issue::NameBuilder};

use super::*;
use crate::{
    domain::{
        ca::{AuthorityId, CertEvent, Certificate, Options, Profile, Reason, Role},
        clients::{
            WebhookUrl,
            ports::{ClientWrite, DeliveryId, Outbox as _},
        },
        events::{DeliveryState, KEPT_MS},
        key::{Change, Status},
        ports::{Store as _, StoreError, Write},
        services::Direct,
    },
    signer::NewAuthority,
    testing::Phone,
};

fn id(text: &str) -> AuthorityId {
    text.to_owned().try_into().unwrap()
}

async fn authority(world: &World, called: &str) {
    let subject = NameBuilder::new().with(SubjectAttribute::CommonName, called).build().unwrap();
    let new = NewAuthority {
        id: id(called),
        label: name(called),
        subject,
        days: 365,
        under: None,
        options: Options::default(),
    };
    world.sealer.new_authority(new).await.unwrap();
}

async fn certificate(world: &World, authority: &str) -> Certificate {
    let key = PrivateKey::generate(&mut world.rng()).unwrap();
    let info = csr::info("holder", key.public_key());
    let digest = DistId::default().digest(key.public_key(), &info);
    let csr = csr::assemble(&info, &dsa::sign_digest(&key, &digest, &mut world.rng()).unwrap());
    let order =
        Direct { authority: id(authority), csr, profile: Profile::Personal, role: Role::Sign, days: None };
    world.authorities.issue(order).await.unwrap()
}

async fn revoke(world: &World, certificate: &Certificate) {
    let (authority, serial) = (&certificate.authority, &certificate.serial);
    let what = CertEvent::Revoke(Reason::KeyCompromise);
    world.authorities.change(authority, serial, what, None).await.unwrap();
}

async fn events(world: &World, client: &ApiClient, after: u64) -> (Vec<Value>, u64) {
    let (status, page) = read(world, client, &format!("/v1/client/events?after={after}")).await;
    assert_eq!(status, StatusCode::OK, "{page}");
    (page["events"].as_array().unwrap().clone(), page["next"].as_u64().unwrap())
}

fn kinds(events: &[Value]) -> Vec<&str> {
    events.iter().map(|event| event["kind"].as_str().unwrap()).collect()
}

/// Its deliveries: event and state, oldest first.
async fn deliveries(world: &World, client: &ApiClient, query: &str) -> Vec<(u64, String)> {
    let (status, page) = read(world, client, &format!("/v1/client/deliveries{query}")).await;
    assert_eq!(status, StatusCode::OK, "{page}");
    let found = page["deliveries"].as_array().unwrap().iter().rev();
    found.map(|one| (one["event"].as_u64().unwrap(), one["state"].as_str().unwrap().to_owned())).collect()
}

fn hook() -> Option<WebhookUrl> {
    Some(WebhookUrl::try_from(HOOK.to_owned()).unwrap())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn everybody_is_told_what_they_may_know() {
    let world = World::new().await;
    authority(&world, "one").await;
    authority(&world, "two").await;
    // Authorities have certificates of their own.
    let begin = world.clients.newest().await.unwrap();
    let all = client(&world).await;
    let held = NewClient {
        authorities: Some([id("one")].into_iter().collect()),
        webhook: hook(),
        ..new_client(&Scope::ALL)
    };
    let held = world.clients.add(held).await.unwrap();
    let blind = NewClient { webhook: hook(), ..new_client(&[Scope::WebhooksWrite]) };
    let blind = world.clients.add(blind).await.unwrap();

    let phone = Phone::enrolled(&world, 9).await;
    let (record, _) = phone.key(&world, cosign_core::Purpose::Sign).await;
    for change in [Change::Freeze, Change::Freeze, Change::Unfreeze] {
        world.operator.change(&record.key_id(), change).await.unwrap();
    }
    // A unit that is refused tells nothing.
    let (key_id, from, to) = (record.key_id(), Status::Active, Status::Suspended);
    let set = Write::SetStatus { key_id, from, to };
    let refused = world.database.commit([set, Write::Expect { key_id, version: -1 }].into()).await;
    assert_eq!(refused, Err(StoreError::Stale));
    world.operator.change(&key_id, Change::Revoke).await.unwrap();
    let (first, second) = (certificate(&world, "one").await, certificate(&world, "two").await);
    revoke(&world, &first).await;

    let (found, next) = events(&world, &all, begin).await;
    let told = [
        "device.enrolled",
        "key.activated",
        "key.frozen",
        "key.unfrozen",
        "key.revoked",
        "certificate.issued",
        "certificate.issued",
        "certificate.revoked",
    ];
    assert_eq!(kinds(&found), told);
    assert_eq!(found[0]["data"], json!({ "device_id": DeviceId::from_bytes([9; 32]).to_string() }));
    assert_eq!(found[1]["data"], json!({ "key_id": record.key_id().to_string(), "epoch": 1 }));
    assert_eq!(found[7]["data"]["reason"], "keyCompromise");
    assert_eq!(found[7]["at_ms"], world.now_ms());
    let ids: Vec<_> = found.iter().map(|event| event["id"].as_u64().unwrap()).collect();
    assert!(ids.is_sorted() && *ids.last().unwrap() == next, "{ids:?} {next}");

    let (seen, behind) = events(&world, &held, begin).await;
    assert_eq!(seen, [found[5].clone(), found[7].clone()]);
    assert_eq!(behind, next, "what it may not see is behind it too");
    let pending = |index: usize| (ids[index], "pending".to_owned());
    assert_eq!(deliveries(&world, &held, "").await, [pending(5), pending(7)]);
    assert_eq!(deliveries(&world, &blind, "").await, []);

    // By cursor, in pieces.
    let (status, page) = read(&world, &all, &format!("/v1/client/events?after={}&limit=2", ids[1])).await;
    assert_eq!((status, &page["next"]), (StatusCode::OK, &json!(ids[3])));
    assert_eq!(page["events"], json!([found[2], found[3]]));
    assert_eq!(events(&world, &all, next).await, (vec![], next));
    let ahead = read(&world, &all, &format!("/v1/client/events?after={}", next + 1)).await;
    assert_eq!(problem(ahead), (409, "conflict".to_owned()));
    for query in ["after=x", "after=-1", "limit=x", "other=1"] {
        let refused = read(&world, &all, &format!("/v1/client/events?{query}")).await;
        assert_eq!(problem(refused), (400, "bad_request".to_owned()), "{query}");
    }

    // Certificates, of the authorities that it is held to.
    let path = |certificate: &Certificate| {
        format!("/v1/client/certificates/{}/{}", certificate.authority, certificate.serial)
    };
    let (status, shown) = read(&world, &held, &path(&first)).await;
    assert_eq!((status, &shown["state"]), (StatusCode::OK, &json!("revoked")));
    assert_eq!(problem(read(&world, &held, &path(&second)).await).0, 404);
    assert_eq!(read(&world, &all, &path(&second)).await.0, StatusCode::OK);
}

#[tokio::test]
async fn events_are_kept_for_thirty_days_and_numbers_never_come_again() {
    let world = World::new().await;
    let client = world.clients.add(NewClient { webhook: hook(), ..new_client(&Scope::ALL) }).await.unwrap();
    Phone::enrolled(&world, 1).await;
    Phone::enrolled(&world, 2).await;
    let (_, next) = events(&world, &client, 0).await;
    let purge = async |world: &World| {
        world
            .database
            .commit([Write::Purge { now_ms: world.now_ms(), rows: 1000, requests_ms: 0 }].into())
            .await
            .unwrap();
    };
    world.clock.advance(KEPT_MS - 1);
    purge(&world).await;
    assert_eq!(events(&world, &client, 0).await.0.len(), 2);
    world.clock.advance(1);
    purge(&world).await;
    // The newest one stays, so that a cursor behind it is known to be one.
    let (left, behind) = events(&world, &client, 0).await;
    assert_eq!((left.len(), behind), (1, next));
    assert_eq!(deliveries(&world, &client, "").await, []);
    Phone::enrolled(&world, 3).await;
    assert!(events(&world, &client, next).await.1 > next);
}

#[tokio::test]
async fn a_delivery_is_claimed_by_one_and_retried_when_it_is_dead() {
    let world = World::new().await;
    let client = world.clients.add(NewClient { webhook: hook(), ..new_client(&Scope::ALL) }).await.unwrap();
    let (status, _) = act(&world, &client, "/v1/client/webhook/test", "ping", &json!({})).await;
    assert_eq!(status, StatusCode::ACCEPTED);
    // The same ping again is the same ping, and it is this client's only.
    act(&world, &client, "/v1/client/webhook/test", "ping", &json!({})).await;
    let (pings, _) = events(&world, &client, 0).await;
    assert_eq!(kinds(&pings), ["webhook.ping"]);
    let other = super::client(&world).await;
    assert_eq!(events(&world, &other, 0).await.0, Vec::<Value>::new());

    let event = pings[0]["id"].as_u64().unwrap();
    let delivery = DeliveryId { client: client.id, event };
    let now_ms = world.now_ms();
    let due = world.database.due(now_ms, 9).await.unwrap();
    assert_eq!((due.len(), due[0].event.seq, due[0].attempts), (1, event, 0));
    assert_eq!(due[0].webhook.as_str(), HOOK);
    let commit = async |write| world.database.commit([Write::Client(write)].into()).await;
    let claim = |attempts, now_ms| ClientWrite::Claim { delivery, attempts, now_ms, until_ms: now_ms + 1000 };
    let settle = |attempts, state| ClientWrite::Settle {
        delivery,
        attempts,
        state,
        next_ms: now_ms + 5000,
        status: Some(500),
    };
    commit(claim(0, now_ms)).await.unwrap();
    assert_eq!(commit(claim(0, now_ms)).await, Err(StoreError::Stale), "another node");
    assert_eq!(commit(claim(1, now_ms)).await, Err(StoreError::Stale), "before the claim has run out");
    assert_eq!(world.database.due(now_ms + 999, 9).await.unwrap(), []);
    assert_eq!(world.database.due(now_ms + 1000, 9).await.unwrap().len(), 1);
    commit(claim(1, now_ms + 1000)).await.unwrap();
    assert_eq!(commit(settle(1, DeliveryState::Delivered)).await, Err(StoreError::Stale), "of the first");
    commit(settle(2, DeliveryState::Pending)).await.unwrap();
    assert_eq!(world.database.due(now_ms + 4999, 9).await.unwrap(), []);
    commit(claim(2, now_ms + 5000)).await.unwrap();

    let retry = format!("/v1/client/deliveries/{event}/retry");
    let not_dead = act(&world, &client, &retry, "retry-1", &json!({})).await;
    assert_eq!(problem(not_dead), (409, "conflict".to_owned()));
    commit(settle(3, DeliveryState::Dead)).await.unwrap();
    assert_eq!(deliveries(&world, &client, "?state=dead").await, [(event, "dead".to_owned())]);
    assert_eq!(deliveries(&world, &client, "?state=pending").await, []);
    assert_eq!(deliveries(&world, &client, &format!("?before={event}")).await, []);
    assert_eq!(problem(read(&world, &client, "/v1/client/deliveries?state=x").await).0, 400);
    let strangers = act(&world, &other, &retry, "retry", &json!({})).await;
    assert_eq!(problem(strangers), (409, "conflict".to_owned()));
    assert_eq!(act(&world, &client, &retry, "retry-2", &json!({})).await.0, StatusCode::ACCEPTED);
    assert_eq!(world.database.due(now_ms, 9).await.unwrap()[0].attempts, 0);

    // Nothing is due for one that is suspended, or has no webhook any more.
    world.clients.change(&client.id, State::Suspended).await.unwrap();
    assert_eq!(world.database.due(now_ms, 9).await.unwrap(), []);
    Phone::enrolled(&world, 5).await;
    world.clients.change(&client.id, State::Active).await.unwrap();
    assert_eq!(world.database.due(now_ms, 9).await.unwrap().len(), 1, "what came meanwhile is not sent");
    let none = ClientChanges { webhook: Some(None), ..ClientChanges::default() };
    world.clients.set(&client.id, none).await.unwrap();
    assert_eq!(world.database.due(now_ms, 9).await.unwrap(), []);
}
