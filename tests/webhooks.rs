//! Clients of the API with a real server: what they sign, the events that are sent to them, and streams of events.
#![expect(clippy::unwrap_used, reason = "a failure is a failed test")]

use std::{
    collections::BTreeMap,
    fs,
    io::{Read, Write},
    net::{TcpListener, TcpStream},
    path::{Path, PathBuf},
    sync::{Arc, Condvar, Mutex},
    thread,
    time::Duration,
};

use cosign_client::{
    http_signature::Headers,
    webhook::{Incoming, Received, Receiver},
};
use cosign_tests::{
    calls::{Answers, Call, Driver, Over},
    network::{Device, Peer, now_ms},
    postgres,
    process::{ServerFolder, Signer, failed, succeeded, wait_for},
};
use serde_json::Value;
use sm_primitives::sm2::{PrivateKey, PublicKey};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::task::JoinSet;
use tokio_rustls::client::TlsStream;

/// What the receiver does with the next request.
#[derive(Clone, Copy, PartialEq)]
enum Mood {
    Takes,
    Fails,
    /// Says nothing, for as long as the test lives.
    Hangs,
}

/// A request as it came.
struct Request {
    id: String,
    target: String,
    headers: Headers,
    body: Vec<u8>,
}

/// A webhook on this machine, without TLS.
struct Hook {
    port: u16,
    requests: Arc<(Mutex<Vec<Request>>, Condvar)>,
}

impl Hook {
    /// `mood`: by the number of the request, from 0.
    fn start(mood: impl Fn(usize) -> Mood + Send + Sync + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        let requests: Arc<(Mutex<Vec<Request>>, Condvar)> = Arc::default();
        let (shared, mood) = (Arc::clone(&requests), Arc::new(mood));
        thread::spawn(move || {
            for stream in listener.incoming() {
                let (shared, mood, mut stream) = (Arc::clone(&shared), Arc::clone(&mood), stream.unwrap());
                thread::spawn(move || {
                    let Some(request) = read(&mut stream) else { return };
                    let number = {
                        let mut requests = shared.0.lock().unwrap();
                        requests.push(request);
                        shared.1.notify_all();
                        requests.len() - 1
                    };
                    let answer: &[u8] = match mood(number) {
                        Mood::Takes => b"HTTP/1.1 204 No Content\r\n\r\n",
                        Mood::Fails => b"HTTP/1.1 500 Oh\r\nContent-Length: 0\r\n\r\n",
                        Mood::Hangs => loop {
                            thread::park();
                        },
                    };
                    let _ = stream.write_all(answer);
                });
            }
        });
        Self { port, requests }
    }

    fn url(&self) -> String {
        format!("http://127.0.0.1:{}/hook?a=b", self.port)
    }

    /// Waits until so many requests are there.
    fn wait(&self, count: usize) {
        let requests = self.requests.0.lock().unwrap();
        let patience = Duration::from_secs(180);
        let waited = self.requests.1.wait_timeout_while(requests, patience, |all| all.len() < count).unwrap();
        assert!(!waited.1.timed_out(), "{} requests of {count}", waited.0.len());
    }

    /// All of them, verified.
    fn verified(&self, api: &Api) -> Vec<(Received, Value)> {
        let key = &api.get("/v1/client")["webhook_key"];
        let public_key = PublicKey::from_spki_pem(key["public_key"].as_str().unwrap()).unwrap();
        let authority = format!("127.0.0.1:{}", self.port);
        let mut receiver = Receiver::new(&authority, key["key_id"].as_str().unwrap(), public_key);
        let requests = self.requests.0.lock().unwrap();
        let verify = |request: &Request| {
            let (path, query) = request.target.split_once('?').unwrap();
            let Request { id, headers, body, .. } = request;
            let incoming = Incoming { path, query: Some(query), idempotency_key: id, headers, body };
            let received = receiver.accept(&incoming, now_ms() / 1000).unwrap();
            (received, serde_json::from_slice(body).unwrap())
        };
        requests.iter().map(verify).collect()
    }
}

fn read(stream: &mut TcpStream) -> Option<Request> {
    let mut bytes = Vec::new();
    let end = loop {
        let mut piece = [0; 4096];
        let read = stream.read(&mut piece).ok().filter(|read| *read > 0)?;
        bytes.extend(&piece[..read]);
        if let Some(end) = bytes.windows(4).position(|four| four == b"\r\n\r\n") {
            break end;
        }
    };
    let head = String::from_utf8(bytes[..end].to_vec()).unwrap();
    let mut lines = head.lines();
    let first: Vec<_> = lines.next().unwrap().split(' ').collect();
    assert_eq!((first[0], first[2]), ("POST", "HTTP/1.1"));
    let headers: BTreeMap<_, _> = lines
        .map(|line| line.split_once(": ").unwrap())
        .map(|(name, value)| (name.to_ascii_lowercase(), value.to_owned()))
        .collect();
    let mut body = bytes.split_off(end + 4);
    let length: usize = headers["content-length"].parse().unwrap();
    let mut rest = vec![0; length - body.len()];
    stream.read_exact(&mut rest).ok()?;
    body.extend(rest);
    assert_eq!(headers["content-type"], "application/json");
    Some(Request {
        id: headers["idempotency-key"].clone(),
        target: first[1].to_owned(),
        headers: Headers {
            content_digest: headers.get("content-digest").cloned(),
            signature_input: headers["signature-input"].clone(),
            signature: headers["signature"].clone(),
        },
        body,
    })
}

/// Lets webhooks be on this machine.
fn allow_local(folder: &ServerFolder) {
    let nodes = fs::read_dir(folder.data().parent().unwrap()).unwrap();
    for config in nodes.map(|node| node.unwrap().path().join("cosign.toml")).filter(|path| path.exists()) {
        let text = fs::read_to_string(&config).unwrap();
        let open = text
            .replace("allow_private = false", "allow_private = true")
            .replace("allow_http = false", "allow_http = true")
            .replace("timeout_s = 10\n\n[log]", "timeout_s = 1\n\n[log]");
        assert_ne!(open, text);
        fs::write(config, open).unwrap();
    }
}

/// A client of the API, by way of `smsign api`.
struct Api<'a> {
    signer: &'a Signer,
    key: PathBuf,
    id: String,
}

impl<'a> Api<'a> {
    fn new(folder: &ServerFolder, signer: &'a Signer, webhook: &str) -> Self {
        let private = PrivateKey::from_bytes(&[0x51; 32]).unwrap();
        let pem = signer.write("client.pem", private.public_key().to_spki_pem().as_bytes());
        let key = signer.write("client.key", hex::encode([0x51; 32]).as_bytes());
        let mut add = vec!["client", "add", "--name", "platform", "--public-key", pem.to_str().unwrap()];
        add.extend(["--scope", "events:read", "--scope", "webhooks:write", "--webhook", webhook]);
        let id = folder.admin_json(&add)[0]["client_id"].as_str().unwrap().to_owned();
        Self { signer, key, id }
    }

    fn call(&self, arguments: &[&str]) -> std::process::Output {
        let key = self.key.to_str().unwrap();
        let mut all = vec!["api", "--json", "--client-key", key, "--client-id", &self.id];
        all.extend(arguments);
        self.signer.at_server(&all).output().unwrap()
    }

    #[track_caller]
    fn get(&self, path: &str) -> Value {
        serde_json::from_str(&succeeded(&self.call(&["get", path]))).unwrap()
    }

    #[track_caller]
    fn ping(&self) {
        succeeded(&self.call(&["post", "/v1/client/webhook/test"]));
    }

    fn deliveries(&self, state: &str) -> Vec<Value> {
        let found = self.get(&format!("/v1/client/deliveries?state={state}"));
        found["deliveries"].as_array().unwrap().clone()
    }
}

#[test]
fn an_event_is_sent_until_it_is_taken() {
    let folder = ServerFolder::new();
    allow_local(&folder);
    let server = folder.start();
    let signer = Signer::new(&folder, "http2");
    let hook = Hook::start(|number| if number < 2 { Mood::Fails } else { Mood::Takes });
    let api = Api::new(&folder, &signer, &hook.url());
    api.ping();
    hook.wait(3);
    let verified = hook.verified(&api);
    let repeated: Vec<_> = verified.iter().map(|(received, _)| received.repeated).collect();
    assert_eq!(repeated, [false, true, true], "three times the same event");
    assert_eq!(verified[0].1["kind"], "webhook.ping");
    assert_eq!(verified[0].0.id, format!("event-{}", verified[0].1["id"]));
    let delivered = wait_for("the delivery", || api.deliveries("delivered").pop());
    assert_eq!((&delivered["attempts"], &delivered["status"]), (&3.into(), &204.into()));
    assert_eq!(api.get("/v1/client/events?after=0")["events"], Value::from(vec![verified[0].1.clone()]));

    // A client that is suspended on the command line is refused at once.
    succeeded(&folder.admin(&["client", "suspend", &api.id]));
    let refused = failed(&api.call(&["get", "/v1/client"]), 5);
    assert!(refused.contains("client_suspended"), "{refused}");
    let listed = &folder.admin_json(&["client", "list"])[0]["clients"][0];
    assert_eq!((&listed["client_id"], &listed["state"]), (&Value::from(&*api.id), &"suspended".into()));
    server.stop();
}

#[test]
fn what_a_killed_server_did_not_send_is_sent_by_the_next() {
    let folder = ServerFolder::new();
    allow_local(&folder);
    let server = folder.start();
    let signer = Signer::new(&folder, "http2");
    let hook = Hook::start(|number| if number == 0 { Mood::Hangs } else { Mood::Takes });
    let api = Api::new(&folder, &signer, &hook.url());
    api.ping();
    // It is claimed and under way, and what becomes of it is not known.
    hook.wait(1);
    server.kill();
    let server = folder.start();
    hook.wait(2);
    let verified = hook.verified(&api);
    assert_eq!(verified[0].1, verified[1].1);
    assert!(verified[1].0.repeated);
    wait_for("the delivery", || api.deliveries("delivered").pop());
    server.stop();
}

#[test]
fn several_nodes_send_an_event_once() {
    let Some(database) = postgres::new_database() else {
        eprintln!("skipped: COSIGN_TEST_POSTGRES names no database server");
        return;
    };
    const EVENTS: usize = 20;
    let folder = ServerFolder::on_server(&database, 2);
    allow_local(&folder);
    let server = folder.start();
    let signer = Signer::new(&folder, "http2");
    let hook = Hook::start(|_| Mood::Takes);
    let api = Api::new(&folder, &signer, &hook.url());
    for _ in 0..EVENTS {
        api.ping();
    }
    wait_for("all deliveries", || (api.deliveries("delivered").len() == EVENTS).then_some(()));
    let repeated = hook.verified(&api).iter().filter(|(received, _)| received.repeated).count();
    assert_eq!((hook.requests.0.lock().unwrap().len(), repeated), (EVENTS, 0));
    server.stop();
}

/// Events as they arrive over one of the protocols.
enum Events {
    Http1(Box<TlsStream<tokio::net::TcpStream>>),
    Later(Answers, #[expect(dead_code, reason = "the connection lives as long as this")] Driver),
}

impl Events {
    async fn over(peer: &Peer, way: Option<Over>, path: &str) -> Self {
        if let Some(way) = way {
            let (answers, driver) = Call::get(peer, way, path).await.unwrap();
            return Self::Later(answers, driver);
        }
        let mut stream = peer.tcp(b"http/1.1").await.unwrap();
        let request = format!("GET {path} HTTP/1.1\r\nHost: localhost\r\n\r\n");
        stream.write_all(request.as_bytes()).await.unwrap();
        Self::Http1(Box::new(stream))
    }

    /// The next bytes; none at the end.
    async fn piece(&mut self) -> Vec<u8> {
        match self {
            Self::Http1(stream) => {
                let mut piece = vec![0; 4096];
                let length = stream.read(&mut piece).await.unwrap();
                piece.truncate(length);
                piece
            }
            Self::Later(answers, _) => {
                answers.piece().await.unwrap().map_or_else(Vec::new, |piece| piece.to_vec())
            }
        }
    }

    /// Reads on until all of this was there, in this order.
    async fn expect(&mut self, wanted: &[&str]) -> String {
        let mut text = String::new();
        let read = async {
            loop {
                let mut rest = text.as_str();
                let found = wanted.iter().all(|part| match rest.split_once(part) {
                    Some((_, after)) => {
                        rest = after;
                        true
                    }
                    None => false,
                });
                if found {
                    return;
                }
                let piece = self.piece().await;
                assert!(!piece.is_empty(), "it ended: {text}");
                text.push_str(&String::from_utf8_lossy(&piece));
            }
        };
        let done = tokio::time::timeout(Duration::from_secs(120), read).await;
        assert!(done.is_ok(), "waited in vain for {wanted:?}");
        text
    }

    /// That they end as a whole answer does.
    async fn end(mut self) {
        if let Self::Http1(_) = self {
            self.expect(&["0\r\n\r\n"]).await;
        } else {
            assert!(self.piece().await.is_empty());
        }
    }
}

fn shorten_requests(config: &Path) {
    let text = fs::read_to_string(config).unwrap();
    let short = text.replace("request_timeout_s = 30", "request_timeout_s = 2");
    assert_ne!(short, text);
    fs::write(config, short).unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_page_that_waits_sees_the_key_change_and_the_server_stop() {
    let folder = ServerFolder::on_file();
    shorten_requests(&folder.file("cosign.toml"));
    let server = folder.start();
    let signer = Signer::with_keys(&folder, "http2");
    let key_id = signer.key_id("sign");
    let device = Device::of_store(&signer.home());
    let peer = Peer::new(folder.address(), &folder.file("ca.pem"), Some(device));
    let path = format!("/v1/keys/{key_id}/events");
    let mut pages = Vec::new();
    for way in [None, Some(Over::Http2), Some(Over::Http3)] {
        let mut page = Events::over(&peer, way, &path).await;
        let first = page.expect(&["event: state\n", "\n\n"]).await;
        assert!(first.contains("\"status\":\"active\""), "{first}");
        assert!(way.is_some() || first.contains("text/event-stream"), "{first}");
        pages.push(page);
    }
    // Longer than a request may take; another process does it.
    tokio::time::sleep(Duration::from_secs(3)).await;
    succeeded(&folder.admin(&["key", "freeze", &key_id]));
    for page in &mut pages {
        page.expect(&["event: key.frozen\n", &key_id, "\n\n"]).await;
    }
    // The streams do not hold the server up; their ends are whole ones.
    let stop = tokio::task::spawn_blocking(move || server.stop());
    pages.into_iter().map(Events::end).collect::<JoinSet<_>>().join_all().await;
    stop.await.unwrap();
}
