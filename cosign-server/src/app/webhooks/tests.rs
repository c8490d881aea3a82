//! Against receivers on this machine.

use std::{
    num::NonZeroU64,
    path::PathBuf,
    sync::atomic::{AtomicUsize, Ordering},
};

use cosign_core::sm_primitives::sm2::PrivateKey;
use rustls_pki_types::{CertificateDer, PrivateKeyDer, pem::PemObject as _};
use tokio::{
    io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _},
    net::TcpListener,
};

use super::*;
use crate::{
    app::{SystemClock, pki},
    domain::{
        clients::{ApiClient, Scope, WebhookUrl, ports::Deliveries},
        events::Event,
        ports::testing::CountingEntropy,
        services::NewClient,
    },
    testing::{Phone, World, name},
};

const TAKEN: &str = "HTTP/1.1 204 No Content\r\n\r\n";

fn key() -> PrivateKey {
    PrivateKey::from_bytes(&[3; 32]).unwrap()
}

fn settings() -> SenderSettings {
    SenderSettings { allow_http: true, allow_private: true, ca: None, timeout: Duration::from_secs(60) }
}

fn sender(settings: SenderSettings) -> Sender {
    Sender::new(settings, key(), EntropyRng::new(Arc::new(CountingEntropy::default()))).unwrap()
}

fn event() -> Event {
    Event { seq: 7, at_ms: 8, kind: "webhook.ping".to_owned(), data: serde_json::json!({}) }
}

async fn send(sender: &Sender, url: &str) -> Result<u16, String> {
    let url = WebhookUrl::try_from(url.to_owned()).unwrap();
    sender.send(&url, &event(), 1_800_000_000).await.map_err(|failed| failed.to_string())
}

async fn exchange(mut stream: impl AsyncRead + AsyncWrite + Unpin, answer: &str) {
    let mut bytes = Vec::new();
    // The body of an event ends with the closing brace.
    while !bytes.ends_with(b"}") {
        if stream.read_buf(&mut bytes).await.unwrap_or(0) == 0 {
            return;
        }
    }
    // Who has its answer may be gone.
    let _ = stream.write_all(answer.as_bytes()).await;
    let _ = stream.shutdown().await;
}

/// A receiver that gives one answer, or none if it is empty, and counts requests.
struct Hook {
    port: u16,
    count: Arc<AtomicUsize>,
    _task: tokio::task::JoinSet<()>,
}

async fn hook(answer: &'static str) -> Hook {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let (port, count) = (listener.local_addr().unwrap().port(), Arc::<AtomicUsize>::default());
    let counted = Arc::clone(&count);
    let mut task = tokio::task::JoinSet::new();
    task.spawn(async move {
        let mut held = Vec::new();
        loop {
            let (stream, _) = listener.accept().await.unwrap();
            counted.fetch_add(1, Ordering::SeqCst);
            if answer.is_empty() {
                held.push(stream);
            } else {
                exchange(stream, answer).await;
            }
        }
    });
    Hook { port, count, _task: task }
}

#[tokio::test]
async fn only_a_success_is_one() {
    let sender = sender(settings());
    for (answer, outcome) in [
        (TAKEN, Ok(204)),
        ("HTTP/1.1 200 OK\r\nContent-Length: 1000000\r\n\r\nmuch", Ok(200)),
        ("HTTP/1.1 302 Found\r\nLocation: http://127.0.0.1/\r\n\r\n", Err("the receiver answered 302")),
        ("HTTP/1.1 410 Gone\r\n\r\n", Err("the receiver answered 410")),
        ("HTTP/1.1 500 Oh\r\n\r\n", Err("the receiver answered 500")),
    ] {
        let hook = hook(answer).await;
        let sent = send(&sender, &format!("http://127.0.0.1:{}/", hook.port)).await;
        assert_eq!(sent, outcome.map_err(str::to_owned), "{answer}");
        assert_eq!(hook.count.load(Ordering::SeqCst), 1, "{answer}");
    }
    let hook = hook("nonsense\r\n\r\n").await;
    assert!(send(&sender, &format!("http://127.0.0.1:{}/", hook.port)).await.is_err());
}

#[tokio::test]
async fn a_receiver_that_says_nothing_is_given_up() {
    let hook = hook("").await;
    let sender = sender(SenderSettings { timeout: Duration::from_millis(100), ..settings() });
    let sent = send(&sender, &format!("http://127.0.0.1:{}/", hook.port)).await;
    assert_eq!(sent, Err("the receiver took too long".to_owned()));
}

#[tokio::test]
async fn neighbours_are_not_asked() {
    let hook = hook(TAKEN).await;
    let sender = sender(SenderSettings { allow_private: false, ..settings() });
    for host in ["127.0.0.1", "localhost", "[::1]", "[::ffff:127.0.0.1]", "169.254.169.254", "0.0.0.0"] {
        let sent = send(&sender, &format!("http://{host}:{}/", hook.port)).await;
        assert_eq!(sent, Err("the webhook is at a private address".to_owned()), "{host}");
    }
    assert_eq!(hook.count.load(Ordering::SeqCst), 0);
}

#[tokio::test]
async fn without_tls_only_if_that_is_allowed() {
    let hook = hook(TAKEN).await;
    let sender = sender(SenderSettings { allow_http: false, ..settings() });
    let sent = send(&sender, &format!("http://127.0.0.1:{}/", hook.port)).await;
    assert_eq!(sent, Err("a webhook must be https".to_owned()));
    assert_eq!(hook.count.load(Ordering::SeqCst), 0);
}

/// A receiver with TLS, its authority in a file.
async fn secure_hook(folder: &std::path::Path) -> (u16, PathBuf, tokio::task::JoinSet<()>) {
    let made = pki::make(vec!["localhost".to_owned()], SystemClock::new().now_ms()).unwrap();
    let chain =
        CertificateDer::pem_slice_iter(made.certificate.as_bytes()).collect::<Result<_, _>>().unwrap();
    let private = PrivateKeyDer::from_pem_slice(made.private_key.as_bytes()).unwrap();
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let config = rustls::ServerConfig::builder_with_provider(provider);
    let config = config.with_safe_default_protocol_versions().unwrap().with_no_client_auth();
    let acceptor =
        tokio_rustls::TlsAcceptor::from(Arc::new(config.with_single_cert(chain, private).unwrap()));
    let ca = folder.join("ca.pem");
    std::fs::write(&ca, made.ca).unwrap();
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let mut task = tokio::task::JoinSet::new();
    task.spawn(async move {
        loop {
            let (stream, _) = listener.accept().await.unwrap();
            if let Ok(stream) = acceptor.accept(stream).await {
                exchange(stream, TAKEN).await;
            }
        }
    });
    (port, ca, task)
}

#[tokio::test]
async fn receivers_with_tls_are_verified() {
    let folder = tempfile::tempdir().unwrap();
    let (port, ca, _task) = secure_hook(folder.path()).await;
    let url = format!("https://localhost:{port}/hook");
    assert_eq!(send(&sender(SenderSettings { ca: Some(ca.clone()), ..settings() }), &url).await, Ok(204));
    let refused = send(&sender(settings()), &url).await.unwrap_err();
    assert!(refused.contains("certificate"), "{refused}");
    let other = format!("https://127.0.0.1:{port}/hook");
    let refused = send(&sender(SenderSettings { ca: Some(ca.clone()), ..settings() }), &other).await;
    assert!(refused.unwrap_err().contains("certificate"), "another name");

    for (content, what) in [("", "no certificate"), ("-----BEGIN CERTIFICATE-----\nAAAA", "")] {
        std::fs::write(&ca, content).unwrap();
        let rng = EntropyRng::new(Arc::new(CountingEntropy::default()));
        let failed = Sender::new(SenderSettings { ca: Some(ca.clone()), ..settings() }, key(), rng);
        let failed = failed.err().unwrap().to_string();
        assert!(failed.contains(what) && failed.contains("[webhooks] ca"), "{failed}");
    }
}

fn webhooks(world: &World) -> Webhooks {
    let ports = WebhookPorts {
        store: Arc::clone(&world.database) as _,
        outbox: Arc::clone(&world.database) as _,
        feed: Arc::clone(&world.feed),
        clock: Arc::clone(&world.clock) as _,
        entropy: Arc::clone(&world.entropy) as _,
        telemetry: Arc::clone(&world.telemetry),
    };
    let timeout_s = NonZeroU64::new(1).unwrap();
    let config = WebhooksConfig { ca: None, allow_private: true, allow_http: true, timeout_s };
    Webhooks::new(ports, &config, key()).unwrap()
}

async fn client(world: &World, hook: &Hook) -> ApiClient {
    let new = NewClient {
        name: name("platform"),
        public_key: *key().public_key(),
        scopes: [Scope::EventsRead].into_iter().collect(),
        rate: None,
        webhook: Some(WebhookUrl::try_from(format!("https://127.0.0.1:{}/", hook.port)).unwrap()),
        authorities: None,
    };
    let mut client = world.clients.add(new).await.unwrap();
    // As a server makes them that allows it.
    client.webhook = Some(WebhookUrl::try_from(format!("http://127.0.0.1:{}/", hook.port)).unwrap());
    let save = ClientWrite::Save(Box::new(client.clone()));
    world.database.commit([Write::Client(save)].into()).await.unwrap();
    client
}

async fn delivered(world: &World, client: &ApiClient) -> usize {
    let state = Some(DeliveryState::Delivered);
    let which = Deliveries { client: client.id, state, before: None, limit: 1000 };
    world.database.deliveries(which).await.unwrap().len()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_receiver_that_is_away_holds_nobody_up_and_is_left_alone() {
    const EVENTS: usize = 40;
    let world = World::new().await;
    let (away, there) = (hook("").await, hook(TAKEN).await);
    let (dead, alive) = (client(&world, &away).await, client(&world, &there).await);
    for number in 0..EVENTS {
        Phone::enrolled(&world, u8::try_from(number).unwrap()).await;
    }
    let webhooks = webhooks(&world);
    let all = async {
        while delivered(&world, &alive).await < EVENTS {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        // The attempts to the other one are over by then, or will be.
        let failed = async || {
            let which = Deliveries { client: dead.id, state: None, before: None, limit: 1000 };
            let found = world.database.deliveries(which).await.unwrap();
            found.iter().filter(|delivery| delivery.next_ms < world.now_ms() + 31_000).count()
        };
        while failed().await < EVENTS {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    tokio::select! {
        () = all => {}
        () = world.feed.run() => panic!("the feed ended"),
        () = webhooks.run() => panic!("the worker ended"),
        () = tokio::time::sleep(Duration::from_secs(120)) => panic!("waited in vain"),
    }
    assert_eq!(there.count.load(Ordering::SeqCst), EVENTS, "each of them once");
    assert_eq!(delivered(&world, &dead).await, 0);
    let counted = world.telemetry.render();
    assert!(
        counted.contains(&format!("cosign_deliveries_total{{state=\"delivered\"}} {EVENTS}")),
        "{counted}"
    );
    assert!(counted.contains("cosign_deliveries_total{state=\"pending\"} "), "{counted}");
    // The clock stands still, so after the first failures nothing more was tried.
    assert!(away.count.load(Ordering::SeqCst) <= EACH, "{}", away.count.load(Ordering::SeqCst));
}

#[tokio::test]
async fn who_was_away_is_tried_with_one_and_then_served_as_before() {
    let world = World::new().await;
    let hook = hook(TAKEN).await;
    let client = client(&world, &hook).await;
    for number in 0..EACH + 2 {
        Phone::enrolled(&world, u8::try_from(number).unwrap()).await;
    }
    let webhooks = webhooks(&world);
    let due = world.database.due(world.now_ms(), 100).await.unwrap();
    let (mut taken, mut quiet) = (HashSet::new(), HashMap::new());
    let chosen = webhooks.choose(due.clone(), &mut taken, &quiet);
    assert_eq!(chosen.len(), EACH);
    assert_eq!(webhooks.choose(due.clone(), &mut taken, &quiet).len(), 0, "as many as may be are under way");
    for delivery in taken.drain() {
        webhooks.account(&Ended { delivery, taken: Some(false) }, &mut quiet);
    }
    assert_eq!(quiet[&client.id].failures, 1, "they failed together");
    let until_ms = quiet[&client.id].until_ms;
    assert!((2_500..=5_000).contains(&(until_ms - world.now_ms())));
    assert_eq!(webhooks.choose(due.clone(), &mut taken, &quiet).len(), 0, "it is left alone");
    world.clock.advance(5_000);
    let tried = webhooks.choose(due.clone(), &mut taken, &quiet);
    assert_eq!(tried.len(), 1);
    let delivery = DeliveryId { client: client.id, event: tried[0].event.seq };
    taken.clear();
    webhooks.account(&Ended { delivery, taken: Some(false) }, &mut quiet);
    assert_eq!(quiet[&client.id].failures, 2);
    webhooks.account(&Ended { delivery, taken: Some(true) }, &mut quiet);
    assert_eq!(webhooks.choose(due, &mut taken, &quiet).len(), EACH);
}
