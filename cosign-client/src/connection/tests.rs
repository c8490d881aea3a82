//! The connection against servers that misbehave in chosen ways, over real sockets.

use std::{
    collections::VecDeque,
    net::{Ipv4Addr, SocketAddr},
    sync::Mutex as StdMutex,
};

use http_body_util::{BodyExt, Full};
use hyper_util::rt::{TokioExecutor, TokioIo};
use tokio::{net::TcpListener, task::JoinSet};

use super::*;
use crate::testing::{FrameServer, Reaction, ServerIdentity, target};

const LOOPBACK: (Ipv4Addr, u16) = (Ipv4Addr::LOCALHOST, 0);
const KEY: KeyId = KeyId::from_bytes([1; 16]);

fn connection(address: SocketAddr, trust: &Trust, transport: Transport) -> Connection {
    Connection::new(target(address, trust, transport))
}

/// A server that answers with the frame reversed.
fn mirror(reactions: &[Reaction]) -> FrameServer {
    FrameServer::start(reactions, Box::new(reversed))
}

fn reversed(bytes: &[u8]) -> Vec<u8> {
    bytes.iter().rev().copied().collect()
}

fn within(ms: u64) -> Instant {
    clock::instant() + Duration::from_millis(ms)
}

/// One frame to a scripted server: what came of it, and what the server saw.
async fn exchange(
    reactions: &[Reaction],
    resend: Resend,
    deadline: Instant,
) -> (Result<Vec<u8>, Error>, Vec<Vec<u8>>) {
    let server = mirror(reactions);
    let answer = server.connection().exchange(Op::Sign, KEY, b"frame", resend, deadline).await;
    (answer, server.seen())
}

#[tokio::test]
async fn answers_find_their_requests_in_any_order() {
    let server = mirror(&[Reaction::After, Reaction::After]);
    let connection = server.connection();
    let send =
        |frame: &'static [u8]| connection.exchange(Op::Sign, KEY, frame, Resend::Identical, within(5000));
    let (a, b, c) = tokio::join!(send(b"one"), send(b"two"), send(b"three"));
    assert_eq!(
        (a.unwrap(), b.unwrap(), c.unwrap()),
        (reversed(b"one"), reversed(b"two"), reversed(b"three"))
    );
    assert_eq!(server.seen().len(), 3);
}

#[tokio::test]
async fn a_lost_frame_goes_out_again_byte_for_byte() {
    let (answer, seen) = exchange(&[Reaction::Drop, Reaction::Drop], Resend::Identical, within(10_000)).await;
    assert_eq!(answer.unwrap(), reversed(b"frame"));
    assert_eq!(seen, vec![b"frame".to_vec(); 3]);
}

#[tokio::test]
async fn a_frame_that_the_server_takes_once_is_sent_once() {
    let (answer, seen) = exchange(&[Reaction::Drop], Resend::Never, within(10_000)).await;
    assert!(matches!(answer, Err(Error::NoAnswer)));
    assert_eq!(seen.len(), 1);
}

#[tokio::test]
async fn a_busy_server_is_asked_again_with_the_same_frame() {
    // Nothing acted on a refused frame, so this holds for both kinds.
    for resend in [Resend::Identical, Resend::Never] {
        let (answer, seen) = exchange(&[Reaction::Refuse("busy")], resend, within(10_000)).await;
        assert_eq!(answer.unwrap(), reversed(b"frame"));
        assert_eq!(seen, vec![b"frame".to_vec(); 2]);
    }
}

#[tokio::test]
async fn a_refusal_that_will_not_change_is_the_result() {
    let (answer, seen) =
        exchange(&[Reaction::Refuse("not_enrolled")], Resend::Identical, within(10_000)).await;
    assert!(matches!(answer, Err(Error::Api(problem)) if problem.code == "not_enrolled"));
    assert_eq!(seen.len(), 1);
}

#[tokio::test]
async fn nothing_is_sent_after_the_deadline() {
    let (answer, seen) = exchange(&[Reaction::Silence], Resend::Identical, within(600)).await;
    assert!(matches!(answer, Err(Error::NoAnswer)));
    assert_eq!(seen.len(), 1);

    let drops = [Reaction::Drop; 20];
    let (answer, seen) = exchange(&drops, Resend::Identical, within(1500)).await;
    assert!(matches!(answer, Err(Error::NoAnswer)));
    assert!((1..=5).contains(&seen.len()), "pauses grow: {}", seen.len());
}

#[tokio::test]
async fn a_server_that_went_away_may_come_back() {
    let identity = ServerIdentity::new();
    let answers = Answers::new(&[(200, FRAME_TYPE, b"answer")]);
    let (address, mut tasks) = http_server(&identity, Arc::clone(&answers), LOOPBACK.into()).await;
    let connection = connection(address, &identity.trust, Transport::Http2);
    let send = || connection.exchange(Op::Sign, KEY, b"frame", Resend::Identical, within(10_000));
    assert_eq!(send().await.unwrap(), b"answer");
    tasks.shutdown().await;
    let restart = async {
        sleep(Duration::from_millis(500)).await;
        http_server(&identity, answers, address).await
    };
    let (answer, (_, _tasks)) = tokio::join!(send(), restart);
    assert_eq!(answer.unwrap(), b"answer");
}

#[tokio::test]
async fn a_server_that_was_never_there_is_reported_at_once() {
    let identity = ServerIdentity::new();
    // Bound and released: nobody listens there.
    let address = TcpListener::bind(LOOPBACK).await.unwrap().local_addr().unwrap();
    let connection = connection(address, &identity.trust, Transport::Http2);
    let start = clock::instant();
    let answer = connection.exchange(Op::Sign, KEY, b"frame", Resend::Identical, within(10_000)).await;
    assert!(matches!(answer, Err(Error::Unreachable { .. })), "{answer:?}");
    assert!(start.elapsed() < Duration::from_secs(2));
}

#[tokio::test]
async fn a_server_of_another_ca_is_not_trusted() {
    let (identity, other) = (ServerIdentity::new(), ServerIdentity::new());
    let server = mirror(&[]);
    let quic = server.connection_under(&other.trust);
    let answer = quic.exchange(Op::Sign, KEY, b"frame", Resend::Identical, within(5000)).await;
    assert!(matches!(answer, Err(Error::Untrusted { .. })), "{answer:?}");

    let (address, _tasks) = http_server(&identity, Arc::default(), LOOPBACK.into()).await;
    let http = connection(address, &other.trust, Transport::Http2);
    let answer = http.exchange(Op::Sign, KEY, b"frame", Resend::Identical, within(5000)).await;
    assert!(matches!(answer, Err(Error::Untrusted { .. })), "{answer:?}");
}

#[tokio::test]
async fn the_servers_name_must_be_the_certificates() {
    // The certificate is for 127.0.0.1.
    let server = FrameServer::listen(([127, 0, 0, 2], 0).into(), &[], Box::new(reversed));
    let answer = server.connection().exchange(Op::Sign, KEY, b"frame", Resend::Identical, within(5000)).await;
    assert!(matches!(answer, Err(Error::Untrusted { .. })), "{answer:?}");
}

/// One HTTP request as the server saw it.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Seen {
    method: String,
    path: String,
    content_type: Option<String>,
    idempotency_key: Option<String>,
    body: Vec<u8>,
}

/// Answers to give, one after the other; the last one stays.
#[derive(Default)]
struct Answers {
    queue: StdMutex<VecDeque<(u16, &'static str, Vec<u8>)>>,
    seen: StdMutex<Vec<Seen>>,
}

impl Answers {
    fn new(answers: &[(u16, &'static str, &[u8])]) -> Arc<Self> {
        let queue = answers.iter().map(|(status, kind, body)| (*status, *kind, body.to_vec())).collect();
        Arc::new(Self { queue: StdMutex::new(queue), seen: StdMutex::default() })
    }

    async fn answer(
        self: Arc<Self>,
        request: ::http::Request<hyper::body::Incoming>,
    ) -> Result<::http::Response<Full<Bytes>>, std::convert::Infallible> {
        let (head, body) = request.into_parts();
        let text = |name: &str| head.headers.get(name).map(|value| value.to_str().unwrap().to_owned());
        let seen = Seen {
            method: head.method.to_string(),
            path: head.uri.path_and_query().map(ToString::to_string).unwrap_or_default(),
            content_type: text("content-type"),
            idempotency_key: text("idempotency-key"),
            body: body.collect().await.unwrap().to_bytes().to_vec(),
        };
        self.seen.lock().unwrap().push(seen);
        let mut queue = self.queue.lock().unwrap();
        let (status, kind, body) =
            if queue.len() > 1 { queue.pop_front() } else { queue.front().cloned() }.unwrap();
        let response = ::http::Response::builder().status(status).header("content-type", kind);
        Ok(response.body(Full::new(body.into())).unwrap())
    }
}

async fn http_server(
    identity: &ServerIdentity,
    answers: Arc<Answers>,
    listen: SocketAddr,
) -> (SocketAddr, JoinSet<()>) {
    let listener = TcpListener::bind(listen).await.unwrap();
    let address = listener.local_addr().unwrap();
    let acceptor = tokio_rustls::TlsAcceptor::from(Arc::new(identity.config(b"h2")));
    let mut tasks = JoinSet::new();
    tasks.spawn(async move {
        let mut connections = JoinSet::new();
        while let Ok((stream, _)) = listener.accept().await {
            let (acceptor, answers) = (acceptor.clone(), Arc::clone(&answers));
            connections.spawn(async move {
                let Ok(stream) = acceptor.accept(stream).await else { return };
                let service = hyper::service::service_fn(|request| Arc::clone(&answers).answer(request));
                let _ = hyper::server::conn::http2::Builder::new(TokioExecutor::new())
                    .serve_connection(TokioIo::new(stream), service)
                    .await;
            });
        }
    });
    (address, tasks)
}

const PROBLEM: &str = "application/problem+json";

#[tokio::test]
async fn frames_travel_in_http_bodies() {
    let identity = ServerIdentity::new();
    let answers = Answers::new(&[(503, PROBLEM, br#"{"code":"busy"}"#), (200, FRAME_TYPE, b"answer")]);
    let (address, _tasks) = http_server(&identity, Arc::clone(&answers), LOOPBACK.into()).await;
    let connection = connection(address, &identity.trust, Transport::Http2);
    let answer = connection.exchange(Op::Confirm, KEY, b"frame", Resend::Never, within(5000)).await;
    assert_eq!(answer.unwrap(), b"answer");
    let seen = answers.seen.lock().unwrap();
    let expected = Seen {
        method: "POST".into(),
        path: "/v1/keys/01010101010101010101010101010101/refresh".into(),
        content_type: Some(FRAME_TYPE.into()),
        idempotency_key: None,
        body: b"frame".to_vec(),
    };
    assert_eq!(*seen, [expected.clone(), expected]);
}

#[test]
fn key_generation_has_one_path_in_both_modes() {
    let path = |op| frame_call(op, KEY, b"frame").path;
    assert!(path(Op::Keygen).ends_with("/keygen"));
    assert_eq!(path(Op::KeygenOblivious), path(Op::Keygen));
}

#[tokio::test]
async fn a_page_is_not_a_frame() {
    let identity = ServerIdentity::new();
    let answers = Answers::new(&[(200, "text/html", b"<p>Please log in</p>")]);
    let (address, _tasks) = http_server(&identity, answers, LOOPBACK.into()).await;
    let connection = connection(address, &identity.trust, Transport::Http2);
    let answer = connection.exchange(Op::Sign, KEY, b"frame", Resend::Identical, within(5000)).await;
    assert!(matches!(answer, Err(Error::BadAnswer(_))), "{answer:?}");
}

#[tokio::test]
async fn a_call_that_is_repeated_acts_once() {
    let identity = ServerIdentity::new();
    let answers = Answers::new(&[
        (429, PROBLEM, br#"{"code":"too_many_requests"}"#),
        (503, "text/plain", b"proxy speaking"),
        (200, "application/json", br#"{"device_id":"00","name":"n"}"#),
    ]);
    let (address, _tasks) = http_server(&identity, Arc::clone(&answers), LOOPBACK.into()).await;
    let connection = connection(address, &identity.trust, Transport::Http2);
    let body = serde_json::json!({"name": "n"});
    let device: crate::api::Device = connection.call(Method::POST, "/v1/devices", Some(&body)).await.unwrap();
    assert_eq!(device.name, "n");
    let seen = answers.seen.lock().unwrap().clone();
    assert_eq!(seen.len(), 3);
    assert!(seen[0].idempotency_key.is_some());
    assert!(seen.iter().all(|call| *call == seen[0]), "the same key and the same body each time");
}

#[tokio::test]
async fn a_list_is_fetched_to_its_end() {
    let identity = ServerIdentity::new();
    let list = async |answers: &Arc<Answers>| {
        let (address, _tasks) = http_server(&identity, Arc::clone(answers), LOOPBACK.into()).await;
        connection(address, &identity.trust, Transport::Http2).list::<u8>("/v1/keys").await
    };
    let json = "application/json";
    let answers = Answers::new(&[
        (200, json, br#"{"keys":[1,2],"next":"0aF"}"#),
        (200, json, br#"{"keys":[3],"next":null}"#),
    ]);
    assert_eq!(list(&answers).await.unwrap(), [1, 2, 3]);
    let paths: Vec<_> = answers.seen.lock().unwrap().iter().map(|call| call.path.clone()).collect();
    assert_eq!(paths, ["/v1/keys", "/v1/keys?after=0aF"]);
    // From before there were pages.
    assert_eq!(list(&Answers::new(&[(200, json, br#"{"keys":[1]}"#)])).await.unwrap(), [1]);
    for cursor in ["", "a&limit=1", "../x"] {
        let page = format!(r#"{{"keys":[],"next":"{cursor}"}}"#);
        let answer = list(&Answers::new(&[(200, json, page.as_bytes())])).await;
        assert!(matches!(answer, Err(Error::BadAnswer(_))), "{cursor}: {answer:?}");
    }
    let endless: Vec<(u16, &str, &[u8])> = vec![(200, json, br#"{"keys":[1],"next":"01"}"#); MAX_PAGES];
    assert!(matches!(list(&Answers::new(&endless)).await, Err(Error::BadAnswer(_))));
}

#[tokio::test]
async fn problems_keep_their_code() {
    let identity = ServerIdentity::new();
    for (status, body, code) in [
        (403, br#"{"code":"not_enrolled","title":"no"}"#.as_slice(), "not_enrolled"),
        (404, br#"{"code":"not_found","status":1}"#, "not_found"),
        (502, b"<html>", "not_the_api"),
    ] {
        let (address, _tasks) =
            http_server(&identity, Answers::new(&[(status, PROBLEM, body)]), LOOPBACK.into()).await;
        let connection = connection(address, &identity.trust, Transport::Http2);
        let answer = connection.call::<crate::api::Device>(Method::GET, "/v1/device", None::<&()>).await;
        match answer {
            Err(Error::Api(problem)) => assert_eq!((problem.code.as_str(), problem.status), (code, status)),
            other => panic!("{other:?}"),
        }
    }
}

#[tokio::test]
async fn an_endless_answer_is_cut() {
    let identity = ServerIdentity::new();
    let body = vec![b' '; (4 << 20) + 1];
    let (address, _tasks) =
        http_server(&identity, Answers::new(&[(200, FRAME_TYPE, &body)]), LOOPBACK.into()).await;
    let connection = connection(address, &identity.trust, Transport::Http2);
    let answer = connection.exchange(Op::Sign, KEY, b"frame", Resend::Identical, within(5000)).await;
    assert!(matches!(answer, Err(Error::BadAnswer(_))), "{answer:?}");
}

#[tokio::test]
async fn auto_falls_back_and_quic_does_not() {
    let identity = ServerIdentity::new();
    let (address, _tasks) =
        http_server(&identity, Answers::new(&[(200, FRAME_TYPE, b"answer")]), LOOPBACK.into()).await;
    let target = |transport| Target {
        connect_timeout: Duration::from_millis(1500),
        ..connection(address, &identity.trust, transport).0.target.clone()
    };
    let auto = Connection::new(target(Transport::Auto));
    assert_eq!(auto.transport().await.unwrap(), Transport::Http2);
    let answer = auto.exchange(Op::Sign, KEY, b"frame", Resend::Identical, within(5000)).await;
    assert_eq!(answer.unwrap(), b"answer");

    let quic = Connection::new(target(Transport::Quic));
    let answer = quic.exchange(Op::Sign, KEY, b"frame", Resend::Identical, within(5000)).await;
    assert!(matches!(answer, Err(Error::Unreachable { .. })), "{answer:?}");
}
