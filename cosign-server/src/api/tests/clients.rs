//! Clients of the API: what they sign is done, and nothing else.

mod outbox;
mod streams;

use axum::{
    body::Body,
    http::{Method, Request, StatusCode},
};
use cosign_core::{
    http_signature::{Headers, Message, Terms, sign},
    sm_primitives::sm2::PrivateKey,
};
use serde_json::{Value, json};

use super::{problem, respond, send};
use crate::{
    domain::{
        audit::Act,
        clients::{ApiClient, Scope, State},
        services::{ClientChanges, NewClient},
    },
    testing::{World, caller, name, records},
};

const AUTHORITY: &str = "sign.example.com:8443";
const HOOK: &str = "https://platform.example.com/hook";

fn key() -> PrivateKey {
    PrivateKey::from_bytes(&[0x41; 32]).unwrap()
}

pub(super) fn new_client(scopes: &[Scope]) -> NewClient {
    NewClient {
        name: name("platform"),
        public_key: *key().public_key(),
        scopes: scopes.iter().copied().collect(),
        rate: None,
        webhook: None,
        authorities: None,
    }
}

/// A client that may do everything.
pub(super) async fn client(world: &World) -> ApiClient {
    world.clients.add(new_client(&Scope::ALL)).await.unwrap()
}

/// A request before it is sent.
#[derive(Clone)]
struct Draft {
    method: &'static str,
    target: String,
    once: Option<String>,
    body: Vec<u8>,
    key_id: String,
    created_s: u64,
    headers: Headers,
}

impl Draft {
    fn new(world: &World, client: &ApiClient, target: &str, action: Option<(&str, &Value)>) -> Self {
        let body = action.map(|(once, body)| (once, body.to_string().into_bytes()));
        Self::of_bytes(world, client, target, body)
    }

    fn of_bytes(world: &World, client: &ApiClient, target: &str, action: Option<(&str, Vec<u8>)>) -> Self {
        let mut draft = Self {
            method: if action.is_some() { "POST" } else { "GET" },
            target: target.to_owned(),
            once: action.as_ref().map(|(once, _)| (*once).to_owned()),
            body: action.map(|(_, body)| body).unwrap_or_default(),
            key_id: client.id.to_string(),
            created_s: world.now_ms() / 1000,
            headers: Headers {
                content_digest: None,
                signature_input: String::new(),
                signature: String::new(),
            },
        };
        draft.sign(&key());
        draft
    }

    fn sign(&mut self, key: &PrivateKey) {
        let (path, query) = match self.target.split_once('?') {
            Some((path, query)) => (path, Some(query)),
            None => (self.target.as_str(), None),
        };
        let message = Message {
            method: self.method,
            authority: AUTHORITY,
            path,
            query,
            idempotency_key: self.once.as_deref(),
            body: &self.body,
        };
        let terms = Terms {
            key_id: &self.key_id,
            created_s: self.created_s,
            expires_s: self.created_s + 60,
            nonce: Some("n"),
        };
        self.headers = sign(&message, &terms, key, &mut getrandom::SysRng).unwrap();
    }

    fn request(&self) -> Request<Body> {
        let mut request = Request::builder()
            .method(self.method.parse::<Method>().unwrap())
            .uri(format!("https://{AUTHORITY}{}", self.target))
            .extension(caller(None))
            .header("signature-input", &self.headers.signature_input)
            .header("signature", &self.headers.signature);
        if let Some(digest) = &self.headers.content_digest {
            request = request.header("content-digest", digest);
        }
        if let Some(once) = &self.once {
            request = request.header("idempotency-key", once);
        }
        request.body(Body::from(self.body.clone())).unwrap()
    }

    async fn send(&self, world: &World) -> (StatusCode, Value) {
        send(world, self.request()).await
    }
}

pub(super) async fn read(world: &World, client: &ApiClient, target: &str) -> (StatusCode, Value) {
    Draft::new(world, client, target, None).send(world).await
}

/// What is fetched is no JSON.
pub(super) async fn fetch(world: &World, client: &ApiClient, target: &str) -> (StatusCode, Vec<u8>) {
    use http_body_util::BodyExt as _;
    let response = respond(world, Draft::new(world, client, target, None).request()).await;
    let status = response.status();
    (status, response.into_body().collect().await.unwrap().to_bytes().to_vec())
}

/// What is handed in is no JSON.
pub(super) async fn hand_in(
    world: &World,
    client: &ApiClient,
    target: &str,
    once: &str,
    bytes: &[u8],
) -> (StatusCode, Value) {
    Draft::of_bytes(world, client, target, Some((once, bytes.to_vec()))).send(world).await
}

pub(super) async fn act(
    world: &World,
    client: &ApiClient,
    target: &str,
    once: &str,
    body: &Value,
) -> (StatusCode, Value) {
    Draft::new(world, client, target, Some((once, body))).send(world).await
}

#[tokio::test]
async fn a_client_sees_itself_and_the_key_of_its_webhooks() {
    let world = World::new().await;
    let client = client(&world).await;
    let (status, shown) = read(&world, &client, "/v1/client").await;
    assert_eq!(status, StatusCode::OK, "{shown}");
    assert_eq!(shown["client_id"], client.id.to_string());
    assert_eq!(
        shown["scopes"],
        json!(["certificates:read", "events:read", "webhooks:write", "scans:write", "tasks:write"])
    );
    assert_eq!((&shown["requests_per_minute"], &shown["webhook"]), (&json!(600), &Value::Null));
    assert_eq!(shown["webhook_key"]["key_id"].as_str().unwrap().len(), 32);
    // At every start it is the same.
    let world = world.restart().await;
    assert_eq!(read(&world, &client, "/v1/client").await.1["webhook_key"], shown["webhook_key"]);
}

#[tokio::test]
async fn what_is_not_signed_as_it_must_be_is_refused() {
    let world = World::new().await;
    let client = client(&world).await;
    let body = json!({ "url": HOOK });
    let good = Draft::new(&world, &client, "/v1/client/webhook", Some(("name", &body)));
    type Change = (&'static str, fn(&mut Draft));
    let changes: [Change; 14] = [
        ("keyid names no client", |draft| {
            draft.key_id = "0".repeat(32);
            draft.sign(&key());
        }),
        ("keyid names no client", |draft| {
            draft.key_id = "nobody".to_owned();
            draft.sign(&key());
        }),
        ("the signature is wrong", |draft| draft.sign(&PrivateKey::from_bytes(&[0x42; 32]).unwrap())),
        ("the signature is wrong", |draft| draft.target.push_str("/test")),
        ("the signature is wrong", |draft| draft.target.push_str("?x=1")),
        ("the signature is wrong", |draft| draft.once = Some("other".to_owned())),
        ("Content-Digest is not", |draft| draft.body = json!({ "url": null }).to_string().into()),
        ("is not signed", |draft| draft.once = None),
        ("is not signed", |draft| draft.headers.content_digest = None),
        ("has expired", |draft| {
            draft.created_s -= 60;
            draft.sign(&key());
        }),
        ("in the future", |draft| {
            draft.created_s += 61;
            draft.sign(&key());
        }),
        ("does not cover", |draft| {
            let input = draft.headers.signature_input.replace(" \"@query\"", "");
            draft.headers.signature_input = input;
        }),
        ("one signature", |draft| draft.headers.signature_input.push_str(",b=()")),
        ("must be \"sm2-sm3\"", |draft| {
            let input = draft.headers.signature_input.replace("sm2-sm3", "none");
            draft.headers.signature_input = input;
        }),
    ];
    for (index, (why, change)) in changes.into_iter().enumerate() {
        let mut draft = good.clone();
        change(&mut draft);
        let (status, refused) = draft.send(&world).await;
        let code = refused["code"].as_str().unwrap();
        assert_eq!((status.as_u16(), code), (401, "signature_invalid"), "change {index}");
        let detail = refused["detail"].as_str().unwrap();
        assert!(detail.contains(why), "change {index}: {detail}");
    }
    for header in ["signature-input", "signature", "content-digest", "idempotency-key"] {
        let mut request = good.request();
        let value = request.headers()[header].clone();
        request.headers_mut().append(header, value);
        assert_eq!(problem(send(&world, request).await), (401, "signature_invalid".to_owned()), "{header}");
    }
    let unsigned = Request::get("/v1/client").header("host", AUTHORITY).extension(caller(None));
    let unsigned = unsigned.body(Body::empty()).unwrap();
    assert_eq!(problem(send(&world, unsigned).await), (401, "signature_invalid".to_owned()));
    assert_eq!(world.clients.client(&client.id).await.unwrap().webhook, None);
    assert_eq!(good.send(&world).await.0, StatusCode::OK, "and as it was it is taken");
}

#[tokio::test]
async fn the_host_is_signed_wherever_it_is_named() {
    let world = World::new().await;
    let client = client(&world).await;
    let draft = Draft::new(&world, &client, "/v1/client", None);
    let named = |host: &str| {
        let mut request = draft.request();
        *request.uri_mut() = "/v1/client".parse().unwrap();
        request.headers_mut().insert("host", host.parse().unwrap());
        request
    };
    assert_eq!(respond(&world, named(AUTHORITY)).await.status(), StatusCode::OK);
    assert_eq!(respond(&world, named("SIGN.example.com:8443")).await.status(), StatusCode::OK);
    assert_eq!(respond(&world, named("other.example.com")).await.status(), StatusCode::UNAUTHORIZED);
}

#[tokio::test]
async fn a_client_does_what_its_scopes_say_while_it_is_served() {
    let world = World::new().await;
    let poor = world.clients.add(new_client(&[])).await.unwrap();
    let missing = (403, "scope_missing".to_owned());
    assert_eq!(read(&world, &poor, "/v1/client").await.0, StatusCode::OK);
    for target in ["/v1/client/events", "/v1/client/certificates/demo/01", "/v1/client/deliveries"] {
        assert_eq!(problem(read(&world, &poor, target).await), missing, "{target}");
    }
    for target in ["/v1/client/webhook", "/v1/client/webhook/test", "/v1/client/deliveries/1/retry"] {
        assert_eq!(problem(act(&world, &poor, target, "a", &json!({})).await), missing, "{target}");
    }
    let changes =
        ClientChanges { scopes: Some([Scope::EventsRead].into_iter().collect()), ..ClientChanges::default() };
    world.clients.set(&poor.id, changes).await.unwrap();
    assert_eq!(read(&world, &poor, "/v1/client/events").await.0, StatusCode::OK);
    assert_eq!(problem(read(&world, &poor, "/v1/client/deliveries").await), missing);

    for state in [State::Suspended, State::Closed] {
        world.clients.change(&poor.id, state).await.unwrap();
        let refused = read(&world, &poor, "/v1/client").await;
        assert_eq!(problem(refused), (403, "client_suspended".to_owned()), "{state:?}");
        if state == State::Suspended {
            world.clients.change(&poor.id, State::Active).await.unwrap();
            assert_eq!(read(&world, &poor, "/v1/client").await.0, StatusCode::OK);
        }
    }
    assert!(world.clients.change(&poor.id, State::Active).await.is_err());
    assert!(world.clients.set(&poor.id, ClientChanges::default()).await.is_err());
    let notes: Vec<_> = records(&world)
        .await
        .into_iter()
        .filter(|record| record.event.act == Act::CLIENT)
        .map(|record| record.event.note)
        .collect();
    let told = ["added: , 600", "changed: events:read", "suspended", "active", "closed"];
    assert_eq!(notes.len(), told.len(), "{notes:?}");
    for (note, what) in notes.iter().zip(told) {
        assert!(note.starts_with(&poor.id.to_string()) && note.contains(what), "{note}");
    }
}

#[tokio::test]
async fn a_client_that_asks_too_often_waits() {
    let world = World::new().await;
    let slow = world.clients.add(NewClient { rate: Some(2), ..new_client(&[]) }).await.unwrap();
    let other = client(&world).await;
    // What another one signs in its name costs it nothing.
    let mut forged = Draft::new(&world, &slow, "/v1/client", None);
    forged.sign(&PrivateKey::from_bytes(&[0x42; 32]).unwrap());
    for _ in 0..5 {
        assert_eq!(forged.send(&world).await.0, StatusCode::UNAUTHORIZED);
    }
    for _ in 0..2 {
        assert_eq!(read(&world, &slow, "/v1/client").await.0, StatusCode::OK);
    }
    let answer = respond(&world, Draft::new(&world, &slow, "/v1/client", None).request()).await;
    assert_eq!((answer.status().as_u16(), &answer.headers()["retry-after"]), (429, &"30".parse().unwrap()));
    assert_eq!(read(&world, &other, "/v1/client").await.0, StatusCode::OK);
    world.clock.advance(30_000);
    assert_eq!(read(&world, &slow, "/v1/client").await.0, StatusCode::OK);
    for rate in [0, 60_001] {
        assert!(world.clients.add(NewClient { rate: Some(rate), ..new_client(&[]) }).await.is_err());
    }
}

#[tokio::test]
async fn what_is_sent_twice_acts_once() {
    let world = World::new().await;
    let client = client(&world).await;
    let set = Draft::new(&world, &client, "/v1/client/webhook", Some(("set", &json!({ "url": HOOK }))));
    let (status, shown) = set.send(&world).await;
    assert_eq!((status, &shown["webhook"]), (StatusCode::OK, &json!(HOOK)));
    let unset = act(&world, &client, "/v1/client/webhook", "unset", &json!({ "url": null })).await;
    assert_eq!((unset.0, &unset.1["webhook"]), (StatusCode::OK, &Value::Null));
    // The first one comes again, byte for byte: it was done, and is not done again.
    let (status, shown) = set.send(&world).await;
    assert_eq!((status, &shown["webhook"]), (StatusCode::OK, &Value::Null));
    let mismatch = act(&world, &client, "/v1/client/webhook", "set", &json!({ "url": null })).await;
    assert_eq!(problem(mismatch), (422, "idempotency_mismatch".to_owned()));
    // Another client has names of its own.
    let other = super::clients::client(&world).await;
    let (status, shown) = act(&world, &other, "/v1/client/webhook", "set", &json!({ "url": HOOK })).await;
    assert_eq!((status, &shown["webhook"]), (StatusCode::OK, &json!(HOOK)));
}

#[tokio::test]
async fn a_webhook_is_https_or_none() {
    let world = World::new().await;
    let client = client(&world).await;
    let set = async |once: &str, body: &Value| act(&world, &client, "/v1/client/webhook", once, body).await;
    for (index, body) in [
        json!({ "url": "http://platform.example.com/" }),
        json!({ "url": "https://user@platform.example.com/" }),
        json!({ "url": "" }),
        json!({ "url": HOOK, "more": 1 }),
        json!([]),
    ]
    .iter()
    .enumerate()
    {
        let refused = set(&format!("name-{index}"), body).await;
        assert_eq!(problem(refused), (400, "bad_request".to_owned()), "{body}");
    }
    let none = act(&world, &client, "/v1/client/webhook/test", "ping", &json!({})).await;
    assert_eq!(problem(none), (409, "conflict".to_owned()), "nowhere to send it to");
}
