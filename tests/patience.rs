//! Clients that are slow, silent or greedy: each way to keep the server waiting has a limit. And clients that move.
#![expect(clippy::unwrap_used, reason = "a failure is a failed test")]

use std::{
    fs,
    net::{SocketAddr, UdpSocket},
    time::Duration,
};

use cosign_core::{
    ClientKey, Digest, Progress, Purpose,
    framing::{self, Kind},
    sign,
};
use cosign_tests::{
    calls::{Call, Over},
    network::{Device, Link, Peer, now_ms, unlock},
    process::{PIN, Server, ServerFolder, Signer},
    relay::Relay,
};
use getrandom::SysRng;
use tokio::{
    io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt},
    net::TcpStream,
    task::JoinSet,
    time::{sleep, timeout},
};

/// Every limit of these servers is far below.
const LONG: Duration = Duration::from_secs(60);
const HEADERS: (&str, &str) = ("header_timeout_s = 10", "header_timeout_s = 2");
const REQUESTS: (&str, &str) = ("request_timeout_s = 30", "request_timeout_s = 3");

struct Scene {
    folder: ServerFolder,
    server: Server,
    key: ClientKey,
    peer: Peer,
}

impl Scene {
    /// With other limits, once there are keys: making them takes its time.
    fn new(changes: &[(&str, &str)]) -> Self {
        let folder = ServerFolder::new();
        let server = folder.start();
        let signer = Signer::with_keys(&folder, "quic");
        let key = unlock(&signer.home(), Purpose::Sign, PIN);
        let device = Device::of_store(&signer.home());
        server.stop();
        let config = folder.file("cosign.toml");
        let text = changes.iter().fold(fs::read_to_string(&config).unwrap(), |text, (from, to)| {
            assert!(text.contains(from), "{from}");
            text.replace(from, to)
        });
        fs::write(config, text).unwrap();
        let peer = Peer::new(folder.address(), &folder.file("ca.pem"), Some(device));
        Self { server: folder.start(), folder, key, peer }
    }

    fn through(&self, relay: &Relay) -> Peer {
        Peer::new(relay.address(), &self.folder.file("ca.pem"), None)
    }

    fn frame(&self, digests: u8) -> (Vec<u8>, sign::AwaitingSignatures<'_>) {
        let digests: Vec<_> = (0..=digests - 1).map(|byte| Digest::reduce(&[byte; 32])).collect();
        sign::start(&self.key, &digests, now_ms(), 1, &mut SysRng).unwrap()
    }

    async fn until_quic_connections(&self, count: u64) {
        let waiting = async {
            while self.peer.quic_connections().await != count {
                sleep(Duration::from_millis(100)).await;
            }
        };
        timeout(LONG, waiting).await.unwrap();
    }

    async fn assert_well(&mut self) {
        self.server.assert_alive();
        assert_eq!(self.peer.http("GET /livez HTTP/1.1", b"").await.unwrap().status, 200);
    }
}

/// Waits until the server closes a connection on which little by little `bytes` are sent. Gives what it said.
async fn until_closed(stream: impl AsyncRead + AsyncWrite, bytes: &[u8]) -> Vec<u8> {
    let (mut from, mut to) = tokio::io::split(stream);
    let dribbling = async {
        for byte in bytes {
            if to.write_all(&[*byte]).await.is_err() || to.flush().await.is_err() {
                break;
            }
            sleep(Duration::from_millis(200)).await;
        }
        std::future::pending::<()>().await;
    };
    let mut said = Vec::new();
    let reading = async {
        let mut chunk = [0; 4096];
        while let Ok(length @ 1..) = from.read(&mut chunk).await {
            said.extend(&chunk[..length]);
        }
    };
    timeout(LONG, async {
        tokio::select! { () = dribbling => {}, () = reading => {} }
    })
    .await
    .expect("the server waits for ever");
    said
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_does_not_come_to_the_point_is_not_waited_for() {
    let mut scene = Scene::new(&[HEADERS, REQUESTS]);
    let tcp = async || TcpStream::connect(scene.folder.address()).await.unwrap();
    // A handshake that does not begin, and one that does not end.
    until_closed(tcp().await, b"").await;
    until_closed(tcp().await, &[22; 400]).await;
    // A request that does not begin.
    for alpn in [&b"http/1.1"[..], b"h2"] {
        until_closed(scene.peer.tcp(alpn).await.unwrap(), b"").await;
    }
    // Headers that do not end.
    let long = "x".repeat(1000);
    let head = format!("GET /livez HTTP/1.1\r\nx: {long}\r\n");
    until_closed(scene.peer.tcp(b"http/1.1").await.unwrap(), head.as_bytes()).await;
    let preface = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\x00\x00\x00\x04\x00\x00\x00\x00\x00";
    let mut stream = scene.peer.tcp(b"h2").await.unwrap();
    stream.write_all(preface).await.unwrap();
    until_closed(stream, &[&[0, 1, 0, 1, 4, 0, 0, 0, 1][..], &[0; 256]].concat()).await;
    // A body that does not end.
    let head = "POST /v1/keys HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/json\r\ncontent-length: 900\r\n\r\n";
    let mut stream = scene.peer.tcp(b"http/1.1").await.unwrap();
    stream.write_all(head.as_bytes()).await.unwrap();
    let said = until_closed(stream, &[b' '; 900]).await;
    assert!(said.starts_with(b"HTTP/1.1 503"), "{}", String::from_utf8_lossy(&said));
    scene.assert_well().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_quic_handshake_that_does_not_end_is_forgotten() {
    let mut scene = Scene::new(&[HEADERS]);
    let relay = Relay::start(scene.folder.address());
    // The greeting arrives; what the server says to it does not.
    relay.cut_after(2);
    let peer = scene.through(&relay);
    let mut connecting = JoinSet::new();
    connecting.spawn(async move { peer.quic(b"cosign/1").await.map(drop) });
    scene.until_quic_connections(1).await;
    scene.until_quic_connections(0).await;
    drop(connecting);
    scene.assert_well().await;
}

/// An identical frame has the identical answer, here of 24 KB, which costs nothing but its bytes.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_does_not_read_answers_is_not_kept() {
    let mut scene = Scene::new(&[REQUESTS]);
    let frame = scene.frame(250).0;
    assert_eq!(scene.peer.frames().await.unwrap().exchange(&frame).await.unwrap()[2], 0);
    // HTTP/2 and HTTP/3, where frames stream.
    for over in [Over::Http2, Over::Http3] {
        let Call { mut frames, mut answers, connection } = Call::open(&scene.peer, over).await.unwrap();
        let sending = async {
            let mut id = 0;
            while frames.request(id, &frame).await.is_ok() {
                id += 1;
            }
        };
        timeout(LONG, sending).await.unwrap_or_else(|_| panic!("{over:?}: the server waits for ever"));
        let mut came = 0;
        while let Ok(Some(answer)) = answers.next().await {
            assert_ne!(answer.id, u64::MAX, "{over:?}");
            came += 1;
        }
        assert!(came < 400, "{over:?}: {came} answers");
        drop(connection);
    }
    // HTTP/2 without any room for an answer.
    let stream = hyper_util::rt::TokioIo::new(scene.peer.tcp(b"h2").await.unwrap());
    let mut builder = hyper::client::conn::http2::Builder::new(hyper_util::rt::TokioExecutor::new());
    builder.initial_stream_window_size(0);
    let (mut sender, connection) = builder.handshake(stream).await.unwrap();
    let mut connections = JoinSet::new();
    connections.spawn(connection);
    let request = http::Request::get("https://localhost/metrics").body(String::new()).unwrap();
    let response = sender.send_request(request).await.unwrap();
    let ended = timeout(LONG, connections.join_next()).await.expect("the server waits for ever");
    drop(ended.unwrap().unwrap());
    drop(response);
    // HTTP/1.1: as many answers as there is room for on the way, and more.
    let mut stream = scene.peer.tcp(b"http/1.1").await.unwrap();
    let asking = async {
        while stream.write_all(b"GET /metrics HTTP/1.1\r\nhost: localhost\r\n\r\n").await.is_ok() {}
    };
    timeout(LONG, asking).await.expect("the server waits for ever");
    // `cosign/1`.
    let mut stream = scene.peer.frames().await.unwrap();
    let asking = async { while stream.request(&frame).await.is_ok() {} };
    timeout(LONG, asking).await.expect("the server waits for ever");
    scene.assert_well().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn connections_of_one_source_are_counted_where_they_began() {
    let mut scene = Scene::new(&[("connections_per_source = 256", "connections_per_source = 3")]);
    let mut links: Vec<Link> = Vec::new();
    for _ in 0..3 {
        links.push(scene.peer.quic(b"cosign/1").await.unwrap());
    }
    assert!(scene.peer.quic(b"cosign/1").await.is_err());
    let answer = scene.peer.http("GET /livez HTTP/1.1", b"").await;
    assert!(answer.is_err(), "TCP and QUIC count together: {answer:?}");
    // One that moves makes no room, and takes none where it goes.
    let moved = links.pop().unwrap();
    moved.endpoint.rebind(UdpSocket::bind("127.0.0.2:0").unwrap()).unwrap();
    let mut stream = moved.frames().await.unwrap();
    assert_eq!(stream.exchange(&scene.frame(1).0).await.unwrap()[2], 0);
    assert!(scene.peer.quic(b"cosign/1").await.is_err());
    // One that ends makes room.
    stream.link.connection.close(0_u32.into(), b"");
    drop(stream);
    let waiting = async {
        while scene.peer.quic(b"cosign/1").await.is_err() {
            sleep(Duration::from_millis(50)).await;
        }
    };
    timeout(LONG, waiting).await.unwrap();
    drop(links);
    let waiting = async {
        while scene.peer.http("GET /livez HTTP/1.1", b"").await.is_err() {
            sleep(Duration::from_millis(50)).await;
        }
    };
    timeout(LONG, waiting).await.unwrap();
    scene.server.assert_alive();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_busy_server_has_sources_prove_their_address() {
    let mut scene = Scene::new(&[("connections = 4096", "connections = 4")]);
    let relay = Relay::start(scene.folder.address());
    let peer = scene.through(&relay);
    let mut links = Vec::new();
    for retries in [0, 0, 1, 2] {
        links.push(peer.quic(b"cosign/1").await.unwrap());
        assert_eq!(relay.retries(), retries);
    }
    assert!(peer.quic(b"cosign/1").await.is_err(), "connections are not bounded");
    drop(links);
    let waiting = async {
        while scene.peer.http("GET /livez HTTP/1.1", b"").await.is_err() {
            sleep(Duration::from_millis(50)).await;
        }
    };
    timeout(LONG, waiting).await.unwrap();
    scene.assert_well().await;
}

/// Another port, another address, other keys: the connection and the frames under way stay what they are.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_connection_outlives_its_path_and_its_keys() {
    let mut scene = Scene::new(&[]);
    scene.until_quic_connections(0).await;
    let mut stream = scene.peer.frames().await.unwrap();
    let id = stream.link.connection.stable_id();
    let mut waiting = Vec::new();
    for round in 0..40 {
        let (frame, awaiting) = scene.frame(4);
        let mut bytes = Vec::new();
        framing::encode(round, Kind::Protocol, &frame, &mut bytes).unwrap();
        let (head, tail) = bytes.split_at(bytes.len() / 2);
        stream.send(head).await.unwrap();
        match round {
            10 | 20 => {
                let address: SocketAddr =
                    if round == 10 { "127.0.0.1:0" } else { "127.0.0.2:0" }.parse().unwrap();
                stream.link.endpoint.rebind(UdpSocket::bind(address).unwrap()).unwrap();
            }
            15 | 30 => stream.link.connection.force_key_update(),
            _ => {}
        }
        stream.send(tail).await.unwrap();
        waiting.push(Some(awaiting));
        if round % 5 == 4 {
            for _ in 0..5 {
                let answer = stream.receive().await.unwrap().unwrap();
                let awaiting = waiting[usize::try_from(answer.id).unwrap()].take().unwrap();
                assert!(matches!(awaiting.finish(&answer.payload), Ok(Progress::Done(_))), "{}", answer.id);
            }
        }
    }
    assert!(waiting.iter().all(Option::is_none));
    drop(waiting);
    assert_eq!(stream.link.connection.stable_id(), id);
    assert!(stream.link.connection.close_reason().is_none());
    assert_eq!(scene.peer.quic_connections().await, 1, "no other connection was made");
    scene.assert_well().await;
}
