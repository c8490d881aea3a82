//! Events as they come.

use std::{pin::pin, time::Duration};

use axum::body::BodyDataStream;
use cosign_core::Purpose;
use futures_util::StreamExt as _;

use super::*;
use crate::{domain::services::MAX_STREAMS, testing::Phone};

/// Longer than anything takes.
const PATIENCE: Duration = Duration::from_secs(60);

/// What comes in a stream, comments left out.
struct Reader(BodyDataStream);

impl Reader {
    async fn open(world: &World, request: Request<Body>) -> Self {
        let answer = respond(world, request).await;
        assert_eq!(answer.status(), StatusCode::OK);
        assert_eq!(answer.headers()["content-type"], "text/event-stream");
        assert_eq!(answer.headers()["cache-control"], "no-store");
        Self(answer.into_body().into_data_stream())
    }

    /// The next one: id, name, data; `None` at the end.
    async fn next(&mut self) -> Option<(u64, String, Value)> {
        loop {
            let piece = tokio::time::timeout(PATIENCE, self.0.next()).await.unwrap();
            let text = String::from_utf8(piece?.unwrap().to_vec()).unwrap();
            if text.starts_with(':') {
                continue;
            }
            let lines: Vec<_> = text.lines().collect();
            let [id, event, data, ""] = lines[..] else { panic!("{text}") };
            let strip = |line: &str, name: &str| line.strip_prefix(name).unwrap().to_owned();
            let (id, data) = (strip(id, "id: "), strip(data, "data: "));
            let data = serde_json::from_str(&data).unwrap();
            return Some((id.parse().unwrap(), strip(event, "event: "), data));
        }
    }
}

fn of_key(phone: &Phone, key_id: &str, last: Option<u64>) -> Request<Body> {
    let request = Request::get(format!("/v1/keys/{key_id}/events")).extension(caller(Some(phone.device.id)));
    let request = match last {
        Some(last) => request.header("last-event-id", last),
        None => request,
    };
    request.body(Body::empty()).unwrap()
}

fn of_client(world: &World, client: &ApiClient, target: &str) -> Request<Body> {
    let mut request = Draft::new(world, client, target, None).request();
    request.headers_mut().insert("accept", "application/json;q=0.5, text/event-stream".parse().unwrap());
    request
}

/// Runs a test while somebody looks for events.
async fn followed(world: &World, test: impl Future<Output = ()>) {
    let mut test = pin!(test);
    tokio::select! {
        () = &mut test => {}
        () = world.feed.run() => panic!("the feed ended"),
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_device_sees_its_key_change() {
    let world = World::new().await;
    let phone = Phone::enrolled(&world, 9).await;
    let (record, _) = phone.key(&world, Purpose::Sign).await;
    let (other, _) = phone.key(&world, Purpose::Encrypt).await;
    let key_id = record.key_id().to_string();
    followed(&world, async {
        let mut reader = Reader::open(&world, of_key(&phone, &key_id, None)).await;
        let (begin, name, state) = reader.next().await.unwrap();
        assert_eq!(
            (name.as_str(), &state["status"], &state["key_id"]),
            ("state", &json!("active"), &json!(key_id))
        );
        // Of another key nothing comes.
        world.keys.freeze(&phone.device, &other.key_id(), None).await.unwrap();
        world.keys.freeze(&phone.device, &record.key_id(), None).await.unwrap();
        let (frozen, name, event) = reader.next().await.unwrap();
        assert_eq!((name.as_str(), &event["data"]), ("key.frozen", &json!({ "key_id": key_id })));
        assert!(frozen > begin && event["id"] == frozen);
        // What another process does.
        let beside = world.beside().await;
        beside.operator.change(&record.key_id(), crate::domain::key::Change::Unfreeze).await.unwrap();
        assert_eq!(reader.next().await.unwrap().1, "key.unfrozen");
        beside.database.close().await;
        // After a break it goes on where it was, without the state.
        drop(reader);
        let mut reader = Reader::open(&world, of_key(&phone, &key_id, Some(frozen))).await;
        assert_eq!(reader.next().await.unwrap().1, "key.unfrozen");
        world.feed.end();
        assert_eq!(reader.next().await, None, "the server stops");
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn streams_are_for_the_owner_and_bounded() {
    let world = World::new().await;
    let (phone, stranger) = (Phone::enrolled(&world, 9).await, Phone::enrolled(&world, 8).await);
    let (record, _) = phone.key(&world, Purpose::Sign).await;
    let key_id = record.key_id().to_string();
    let refused = async |request| problem(send(&world, request).await);
    let missing = (404, "not_found".to_owned());
    assert_eq!(refused(of_key(&stranger, &key_id, None)).await, missing);
    let path = format!("/v1/certificate-requests/{}/events", "0".repeat(32));
    let request = Request::get(path).extension(caller(Some(phone.device.id)));
    assert_eq!(refused(request.body(Body::empty()).unwrap()).await, missing);
    let ahead = of_key(&phone, &key_id, Some(1_000_000));
    assert_eq!(refused(ahead).await, (409, "conflict".to_owned()));
    let mut wrong = of_key(&phone, &key_id, None);
    wrong.headers_mut().insert("last-event-id", "x".parse().unwrap());
    assert_eq!(refused(wrong).await, (400, "bad_request".to_owned()));

    let mut open = Vec::new();
    for _ in 0..MAX_STREAMS {
        open.push(Reader::open(&world, of_key(&phone, &key_id, None)).await);
    }
    assert_eq!(refused(of_key(&phone, &key_id, None)).await, (429, "too_many_requests".to_owned()));
    let (other, _) = stranger.key(&world, Purpose::Sign).await;
    Reader::open(&world, of_key(&stranger, &other.key_id().to_string(), None)).await;
    open.pop();
    Reader::open(&world, of_key(&phone, &key_id, None)).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_client_listens_while_it_may() {
    let world = World::new().await;
    let client = client(&world).await;
    Phone::enrolled(&world, 1).await;
    followed(&world, async {
        // From a cursor on, or from now on.
        let mut all = Reader::open(&world, of_client(&world, &client, "/v1/client/events?after=0")).await;
        let mut later = Reader::open(&world, of_client(&world, &client, "/v1/client/events")).await;
        let first = all.next().await.unwrap();
        assert_eq!(first.1, "device.enrolled");
        Phone::enrolled(&world, 2).await;
        let second = all.next().await.unwrap();
        assert!(second.0 > first.0);
        assert_eq!(later.next().await.unwrap(), second);
        // It is suspended; the next change ends what it listens to.
        world.clients.change(&client.id, State::Suspended).await.unwrap();
        Phone::enrolled(&world, 3).await;
        assert_eq!(all.next().await, None);
        assert_eq!(later.next().await, None);
    })
    .await;
}
