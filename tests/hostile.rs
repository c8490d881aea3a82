//! What a hostile device or a broken network may send over real sockets: the specified error, and a server that is
//! well afterwards.
#![expect(clippy::unwrap_used, reason = "a failure is a failed test")]

use std::{fs, io, iter, net::UdpSocket, time::Duration};

use cosign_core::{
    ClientKey, Digest, KeyId, Purpose,
    framing::{self, Kind},
    sign,
};
use cosign_tests::{
    frames,
    network::{Device, FrameStream, Link, Peer, now_ms, unlock},
    process::{PIN, Server, ServerFolder, Signer, succeeded},
    random::Seeded,
};
use getrandom::SysRng;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};

const E_VERSION: u8 = 0x01;
const E_LENGTH: u8 = 0x02;
const E_KEY: u8 = 0x03;
const E_EPOCH: u8 = 0x04;
const E_POINT: u8 = 0x05;
const E_DUP_POINT: u8 = 0x06;
const E_BATCH: u8 = 0x07;
const E_TIME: u8 = 0x08;
const E_SID_CONFLICT: u8 = 0x09;
const E_PIN: u8 = 0x0a;
const E_DIGEST: u8 = 0x0e;

/// A server with one enrolled device that has keys.
struct Scene {
    folder: ServerFolder,
    server: Server,
    signer: Signer,
    key: ClientKey,
    peer: Peer,
}

impl Scene {
    fn new() -> Self {
        Self::on(ServerFolder::new())
    }

    fn on(folder: ServerFolder) -> Self {
        let server = folder.start();
        let signer = Signer::with_keys(&folder, "quic");
        let key = unlock(&signer.home(), Purpose::Sign, PIN);
        let device = Device::of_store(&signer.home());
        let peer = Peer::new(folder.address(), &folder.file("ca.pem"), Some(device));
        Self { folder, server, signer, key, peer }
    }

    /// The server as somebody else sees it.
    fn peer_of(&self, device: Option<Device>) -> Peer {
        Peer::new(self.folder.address(), &self.folder.file("ca.pem"), device)
    }

    fn frame(&self, now_ms: u64) -> Vec<u8> {
        let digests = [Digest::reduce(&[7; 32]), Digest::reduce(&[8; 32])];
        sign::start(&self.key, &digests, now_ms, 1, &mut SysRng).unwrap().0
    }

    /// It answers, the key signs, and no PIN failure was counted.
    async fn assert_well(&mut self) {
        self.server.assert_alive();
        assert_eq!(self.peer.http("GET /livez HTTP/1.1", b"").await.unwrap().status, 200);
        let mut stream = self.peer.frames().await.unwrap();
        let answer = stream.exchange(&self.frame(now_ms())).await.unwrap();
        assert_eq!((answer[2], answer[3]), (0, 0), "status and failures");
        succeeded(&self.signer.run(&["status"]));
    }
}

/// Frames made from a right one, and what must be said about them.
fn malformed(right: &[u8]) -> Vec<(&'static str, Vec<u8>, u8)> {
    let with = |changes: &[(usize, u8)]| {
        let mut frame = right.to_vec();
        for &(at, value) in changes {
            frame[at] = value;
        }
        frame
    };
    let (item, last) = (82, right.len() - 1);
    let (e, qa, qb) = (item..item + 32, item + 32..item + 96, item + 96..item + 160);
    let off_curve = with(&[(qa.end - 1, right[qa.end - 1] ^ 1)]);
    let mut identity = right.to_vec();
    identity[qa.clone()].fill(0);
    let mut unreduced = right.to_vec();
    unreduced[e].fill(0xff);
    let mut doubled = right.to_vec();
    doubled.copy_within(qa, qb.start);
    let mut shared = right.to_vec();
    shared.copy_within(qb, 82 + 160 + 96);
    let mut wrong_key = right.to_vec();
    wrong_key[4..20].fill(0xee);
    vec![
        ("nothing", vec![], E_LENGTH),
        ("3 bytes", right[..3].to_vec(), E_LENGTH),
        ("a cut header", right[..81].to_vec(), E_LENGTH),
        ("a byte less", right[..last].to_vec(), E_LENGTH),
        ("a byte more", [right, &[0]].concat(), E_LENGTH),
        ("version 2", with(&[(0, 2)]), E_VERSION),
        ("suite 2", with(&[(1, 2)]), E_VERSION),
        ("operation 06, of the other suite", with(&[(2, 6)]), E_VERSION),
        ("operation 09", with(&[(2, 9)]), E_VERSION),
        ("operation 04, which is off", with(&[(2, 4)]), E_VERSION),
        ("flags", with(&[(3, 1)]), E_VERSION),
        ("no item", with(&[(81, 0)]), E_BATCH),
        ("257 items", with(&[(80, 1), (81, 1)]), E_BATCH),
        ("3 items in the room of 2", with(&[(81, 3)]), E_LENGTH),
        ("another epoch", with(&[(23, 9)]), E_EPOCH),
        ("another key", wrong_key, E_KEY),
        ("a digest that is not reduced", unreduced, E_DIGEST),
        ("a point off the curve", off_curve, E_POINT),
        ("no point", identity, E_POINT),
        ("the same point twice", doubled, E_DUP_POINT),
        ("a point of the first item in the second", shared, E_DUP_POINT),
        ("a decryption with a signing key", decryption(right), E_KEY),
    ]
}

fn decryption(right: &[u8]) -> Vec<u8> {
    let mut frame = right[..82 + 128].to_vec();
    frame[2] = 2;
    frame
}

#[tokio::test]
async fn malformed_frames_over_quic_and_http() {
    let mut scene = Scene::new();
    let right = scene.frame(now_ms());
    let sid = &right[24..40];
    let key_id = *scene.key.key_id().as_bytes();
    let mut stream = scene.peer.frames().await.unwrap();
    for (what, frame, code) in malformed(&right) {
        let answer = frames::answer(&stream.exchange(&frame).await.unwrap());
        assert_eq!(answer.status, code, "{what}");
        let knows_sid = frame.len() >= 40 && frame[..2] == [1, 1] && ![6, 9].contains(&frame[2]);
        assert_eq!(answer.sid == sid, knows_sid, "{what}: session of the answer");

        // Over HTTP the path names key and operation as well, and must agree with the frame.
        let operation = if frame.get(2) == Some(&2) { "decrypt" } else { "sign" };
        let http = scene.peer.post(&KeyId::from_bytes(key_id), operation, &frame).await.unwrap();
        let operations: &[u8] = if operation == "sign" { &[1, 6, 7] } else { &[2] };
        let agrees = frame.get(2).is_none_or(|op| operations.contains(op))
            && frame.get(4..20).is_none_or(|id| id == key_id);
        if agrees {
            assert_eq!((http.status, frames::answer(&http.body).status), (200, code), "{what}");
        } else {
            assert_eq!((http.status, http.code().as_str()), (400, "bad_request"), "{what}");
        }
    }
    scene.assert_well().await;
}

#[tokio::test]
async fn stale_replayed_and_foreign_frames() {
    let scene = Scene::new();
    let mut stream = scene.peer.frames().await.unwrap();

    for skew in [-121_000, 121_000] {
        let frame = scene.frame(now_ms().saturating_add_signed(skew));
        let answer = frames::answer(&stream.exchange(&frame).await.unwrap());
        assert_eq!(answer.status, E_TIME);
        let server_ms = u64::from_be_bytes(answer.rest[2..].try_into().unwrap());
        assert!(server_ms.abs_diff(now_ms()) < 60_000, "it tells its time");
    }

    // The identical frame has one answer; another frame of the same session has none.
    let digests = [Digest::reduce(&[9; 32])];
    let session = |time| sign::start(&scene.key, &digests, time, 1, &mut Seeded::new(77)).unwrap().0;
    let first = session(now_ms());
    let answer = stream.exchange(&first).await.unwrap();
    assert_eq!(answer[2], 0);
    assert_eq!(stream.exchange(&first).await.unwrap(), answer);
    let over_http = scene.peer.post(&scene.key.key_id(), "sign", &first).await.unwrap();
    assert_eq!(over_http.body, answer, "the transport makes no difference");
    let second = session(u64::from_be_bytes(first[40..48].try_into().unwrap()) + 1);
    assert_eq!(first[24..40], second[24..40], "the same session");
    assert_eq!(stream.exchange(&second).await.unwrap()[2], E_SID_CONFLICT);

    // Also after a kill: the answer is made anew with another nonce, the session stays spent.
    drop(stream);
    let Scene { folder, server, signer, key, peer } = scene;
    server.kill();
    let mut scene = Scene { server: folder.start(), folder, signer, key, peer };
    let mut stream = scene.peer.frames().await.unwrap();
    assert_eq!(stream.exchange(&second).await.unwrap()[2], E_SID_CONFLICT);
    let again = stream.exchange(&first).await.unwrap();
    assert_eq!(again[2], 0);
    assert_ne!(again[22..86], answer[22..86], "K2");

    // A key is of one device: others learn nothing, not even that it exists.
    let stranger = Signer::with_keys(&scene.folder, "quic");
    let mut foreign = scene.peer_of(Some(Device::of_store(&stranger.home()))).frames().await.unwrap();
    let mut unknown = scene.frame(now_ms());
    unknown[4..20].fill(0xee);
    for frame in [scene.frame(now_ms()), unknown] {
        let refused = frames::answer(&foreign.exchange(&frame).await.unwrap());
        assert_eq!((refused.status, &refused.rest[..]), (E_KEY, &[0, 0][..]));
    }
    scene.assert_well().await;
}

/// One bit of the tag is one wrong PIN: the tag is what a PIN is known by.
#[tokio::test]
async fn a_changed_tag_is_a_wrong_pin() {
    let scene = Scene::new();
    let mut stream = scene.peer.frames().await.unwrap();
    let mut frame = scene.frame(now_ms());
    frame[48] ^= 1;
    let answer = frames::answer(&stream.exchange(&frame).await.unwrap());
    assert_eq!((answer.status, &answer.rest[..]), (E_PIN, &[0, 5, 9, 0, 0, 0, 0][..]));
    let right = stream.exchange(&scene.frame(now_ms())).await.unwrap();
    assert_eq!((right[2], right[3]), (0, 1), "the next success tells of it");
}

#[tokio::test]
async fn devices_that_the_server_does_not_know() {
    let mut scene = Scene::new();
    let right = scene.frame(now_ms());
    for device in [None, Some(Device::unknown())] {
        let nobody = device.is_none();
        let peer = scene.peer_of(device);
        let (status, code) = if nobody { (401, "no_client_certificate") } else { (403, "not_enrolled") };
        for head in ["GET /v1/device HTTP/1.1", "GET /v1/keys HTTP/1.1"] {
            let answer = peer.http(head, b"").await.unwrap();
            assert_eq!((answer.status, answer.code().as_str()), (status, code), "{head}");
        }
        // Whether as a refusal of the transport or as E_KEY, nobody gets an answer from a key.
        let over_http = peer.post(&scene.key.key_id(), "sign", &right).await.unwrap();
        assert!(over_http.status != 200 || frames::answer(&over_http.body).status == E_KEY, "{over_http:?}");
        let mut stream = peer.frames().await.unwrap();
        match stream.exchange(&right).await {
            Ok(answer) => assert_eq!(answer[2], E_KEY),
            Err(refused) => assert_eq!(refused.kind(), io::ErrorKind::Other, "{refused}"),
        }
        assert_eq!(peer.http("GET /livez HTTP/1.1", b"").await.unwrap().status, 200);
    }
    scene.assert_well().await;
}

/// Waits until the server ends the stream or the connection, and gives what it said until then.
async fn until_the_end(stream: &mut FrameStream) -> Vec<framing::Frame> {
    let mut frames = Vec::new();
    while let Ok(Some(frame)) = stream.receive().await {
        frames.push(frame);
    }
    frames
}

#[tokio::test]
async fn broken_framing_ends_the_connection_and_nothing_else() {
    let mut scene = Scene::new();
    let right = scene.frame(now_ms());
    let mut framed = Vec::new();
    framing::encode(1, Kind::Protocol, &right, &mut framed).unwrap();
    let mut refusal = Vec::new();
    framing::encode(2, Kind::Refused, b"no", &mut refusal).unwrap();
    let mut bystander = scene.peer.frames().await.unwrap();
    for garbage in [
        vec![0xff; 64],
        vec![0, 0, 0, 8, 0, 0, 0, 0],
        vec![0, 0x10, 0, 1, 0, 0],
        vec![0, 0, 0, 9, 0, 0, 0, 0, 0, 0, 0, 1, 7],
        refusal,
        Seeded::new(5).bytes(100_000),
    ] {
        let mut stream = scene.peer.frames().await.unwrap();
        let _ = stream.send(&garbage).await;
        assert!(until_the_end(&mut stream).await.is_empty());
    }
    // A frame that begins and never ends: the end of the stream ends it.
    let mut stream = scene.peer.frames().await.unwrap();
    stream.send(&framed[..100]).await.unwrap();
    stream.send.finish().unwrap();
    assert!(until_the_end(&mut stream).await.is_empty());
    // Larger than anything the protocol has, in a right frame.
    let mut stream = scene.peer.frames().await.unwrap();
    let id = stream.request(&vec![1; 70_000]).await.unwrap();
    if let Ok(Some(answer)) = stream.receive().await {
        assert_eq!(
            (answer.id, answer.kind, &answer.payload[..]),
            (id, Kind::Refused, &b"payload_too_large"[..])
        );
    }
    assert_eq!(
        bystander.exchange(&scene.frame(now_ms())).await.unwrap()[2],
        0,
        "other connections do not notice"
    );
    scene.assert_well().await;
}

#[tokio::test]
async fn slow_senders_are_waited_for_and_hold_nobody_up() {
    let mut scene = Scene::new();
    // Half a request on many connections, of both kinds.
    let mut half_open = Vec::new();
    for _ in 0..40 {
        let mut stream = scene.peer.tcp(b"http/1.1").await.unwrap();
        stream.write_all(b"POST /v1/keys HTTP/1.1\r\nhost: local").await.unwrap();
        half_open.push(stream);
    }
    let mut slow = scene.peer.frames().await.unwrap();
    let mut framed = Vec::new();
    framing::encode(9, Kind::Protocol, &scene.frame(now_ms()), &mut framed).unwrap();
    for piece in framed.chunks(5) {
        slow.send(piece).await.unwrap();
        tokio::time::sleep(Duration::from_millis(2)).await;
    }
    let answer = slow.receive().await.unwrap().unwrap();
    assert_eq!((answer.id, answer.kind, answer.payload[2]), (9, Kind::Protocol, 0));
    scene.assert_well().await;
}

/// Writes byte by byte, the last one for ever, until the server ends the connection.
async fn dribble(mut stream: impl AsyncRead + AsyncWrite + Unpin, bytes: &'static [u8]) {
    let mut rest = bytes.iter().chain(iter::repeat(bytes.last().unwrap_or(&0)));
    let mut answer = [0; 1000];
    loop {
        tokio::select! {
            read = stream.read(&mut answer) => {
                if matches!(read, Ok(0) | Err(_)) {
                    return;
                }
            }
            () = tokio::time::sleep(Duration::from_millis(50)) => {
                // Nothing at all is as slow as it gets.
                if let (Some(byte), false) = (rest.next(), bytes.is_empty()) {
                    let _ = stream.write_all(&[*byte]).await;
                    let _ = stream.flush().await;
                }
            }
        }
    }
}

/// However lively somebody is who never comes to the end of a handshake, of the first bytes or of the headers: the time for
/// these ends it, and the others are served meanwhile.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_dribbles_is_cut_off() {
    let folder = ServerFolder::new();
    for node in 0..folder.nodes().len() {
        let config = folder.node_folder(node).join("cosign.toml");
        let text = fs::read_to_string(&config).unwrap();
        let hasty = text.replace("header_timeout_s = 10", "header_timeout_s = 2");
        assert_ne!(text, hasty, "the setting has another name or value");
        fs::write(config, hasty).unwrap();
    }
    let mut scene = Scene::on(folder);
    let mut dribbles = tokio::task::JoinSet::new();
    for _ in 0..10 {
        let plain = tokio::net::TcpStream::connect(scene.folder.address()).await.unwrap();
        dribbles.spawn(dribble(plain, &[0x16, 3, 1, 2, 0, 1, 0, 1, 0xfc, 3, 3, 0]));
        for (alpn, bytes) in [
            (&b"http/1.1"[..], &b""[..]),
            (b"http/1.1", b"GET /livez HTTP/1.1\r\nhost: localhost\r\nx-slow: a"),
            (b"http/1.1", b"PRI"),
            (b"h2", b""),
            (b"h2", b"P"),
        ] {
            let stream = scene.peer.tcp(alpn).await.unwrap();
            dribbles.spawn(dribble(stream, bytes));
        }
    }
    scene.assert_well().await;
    let all_cut = async { while dribbles.join_next().await.transpose().unwrap().is_some() {} };
    tokio::time::timeout(Duration::from_secs(60), all_cut).await.expect("a connection was not cut off");
    scene.assert_well().await;
}

#[tokio::test]
async fn thousands_of_streams_and_hundreds_of_connections() {
    let mut scene = Scene::new();
    // One after the other on one connection: each is a stream of its own.
    let link = scene.peer.quic(b"cosign/1").await.unwrap();
    let frame = scene.frame(now_ms());
    let mut framed = Vec::new();
    framing::encode(1, Kind::Protocol, &frame[..40], &mut framed).unwrap();
    for _ in 0..2000 {
        let (mut send, mut recv) = link.connection.open_bi().await.unwrap();
        send.write_all(&framed).await.unwrap();
        send.finish().unwrap();
        let answer = recv.read_to_end(1000).await.unwrap();
        assert_eq!(answer[13 + 2], E_LENGTH);
    }
    // As many at once as the server allows, none of them used; more must wait.
    let mut streams = Vec::new();
    while let Ok(stream) = tokio::time::timeout(Duration::from_millis(300), link.connection.open_bi()).await {
        let (mut send, recv) = stream.unwrap();
        send.write_all(&framed[..3]).await.unwrap();
        streams.push((send, recv));
        assert!(streams.len() < 1000, "streams of one connection are not bounded");
    }
    drop((streams, link));

    // Many connections from one place: at some number the server says no, and goes on.
    let mut links: Vec<Link> = Vec::new();
    let refused = loop {
        match scene.peer.quic(b"cosign/1").await {
            Ok(link) => links.push(link),
            Err(_) => break true,
        }
        if links.len() >= 400 {
            break false;
        }
    };
    assert!(refused, "connections of one source are not bounded");
    drop(links);
    tokio::time::sleep(Duration::from_millis(500)).await;
    scene.assert_well().await;
}

#[tokio::test]
async fn garbage_on_every_port_and_protocol() {
    let mut scene = Scene::new();
    let mut noise = Seeded::new(6);
    let udp = UdpSocket::bind("127.0.0.1:0").unwrap();
    for len in [0, 1, 20, 100, 1200, 1472, 9000] {
        for first in [0x00, 0x40, 0xc0, 0xff] {
            let mut datagram = noise.bytes(len);
            if let Some(byte) = datagram.first_mut() {
                *byte = first;
            }
            udp.send_to(&datagram, scene.folder.address()).unwrap();
        }
    }
    // TCP without TLS, TLS without HTTP, HTTP/2 and HTTP/3 without sense.
    let mut plain = tokio::net::TcpStream::connect(scene.folder.address()).await.unwrap();
    plain.write_all(b"GET / HTTP/1.1\r\n\r\n").await.unwrap();
    let _ = plain.read_to_end(&mut Vec::new()).await;
    for alpn in [&b"http/1.1"[..], b"h2"] {
        let mut stream = scene.peer.tcp(alpn).await.unwrap();
        let _ = stream.write_all(&noise.bytes(5000)).await;
        let _ = stream.read_to_end(&mut Vec::new()).await;
    }
    let link = scene.peer.quic(b"h3").await.unwrap();
    for _ in 0..50 {
        let Ok((mut send, mut recv)) = link.connection.open_bi().await else { break };
        let _ = send.write_all(&noise.bytes(2000)).await;
        let _ = send.finish();
        let _ = recv.read_to_end(10_000).await;
    }
    assert!(scene.peer.quic(b"unknown/1").await.is_err(), "a protocol that the server does not have");
    scene.assert_well().await;
}

#[tokio::test]
async fn http_requests_that_are_wrong() {
    let mut scene = Scene::new();
    let json = |head: &str| format!("{head} HTTP/1.1\r\ncontent-type: application/json");
    let key_id = scene.key.key_id();
    let large = vec![b' '; 200_000];
    let frame_type = "HTTP/1.1\r\ncontent-type: application/vnd.cosign.frame";
    for (head, body, status, code) in [
        ("GET /none HTTP/1.1".to_owned(), &b""[..], 404, "not_found"),
        ("DELETE /v1/keys HTTP/1.1".to_owned(), b"", 405, "method_not_allowed"),
        (format!("GET /v1/keys/{} HTTP/1.1", "0".repeat(32)), b"", 404, "not_found"),
        ("GET /v1/keys/xyz HTTP/1.1".to_owned(), b"", 404, "not_found"),
        (
            "POST /v1/keys HTTP/1.1\r\ncontent-type: text/plain".to_owned(),
            b"{}",
            415,
            "unsupported_media_type",
        ),
        (json("POST /v1/keys"), b"{", 400, "bad_request"),
        (json("POST /v1/keys"), b"[[[[[[[[[[[[[[[[", 400, "bad_request"),
        (json("POST /v1/keys"), b"{\"purpose\":\"both\",\"label\":\"x\"}", 400, "bad_request"),
        (json("POST /v1/keys"), b"{\"purpose\":\"sign\",\"label\":\"x\",\"more\":1}", 400, "bad_request"),
        (json("POST /v1/keys"), b"\xff\xfe", 400, "bad_request"),
        (json("POST /v1/keys"), &large, 413, "payload_too_large"),
        (format!("POST /v1/keys/{key_id}/sign {frame_type}"), &large, 413, "payload_too_large"),
        (format!("POST /v1/keys/{key_id}/unwrap {frame_type}"), b"", 404, "not_found"),
        (json(&format!("POST /v1/keys/{key_id}/sign")), b"{}", 415, "unsupported_media_type"),
    ] {
        let answer = scene.peer.http(&head, body).await.unwrap_or_else(|error| panic!("{head}: {error}"));
        assert_eq!((answer.status, answer.code().as_str()), (status, code), "{head}");
    }
    // What is not HTTP at all has no problem document, but an end.
    for head in ["\0\0\0\0 / HTTP/1.1", "GET / HTTP/9.9", &format!("GET /{} HTTP/1.1", "a".repeat(100_000))] {
        let answer = scene.peer.http(head, b"").await;
        assert!(
            answer.is_err() || answer.is_ok_and(|answer| (400..500).contains(&answer.status)),
            "{head:.20}"
        );
    }
    // Guessing enrolment codes is refused, then slowed down.
    let guess = json("POST /v1/devices");
    let mut codes = Vec::new();
    for _ in 0..40 {
        let body = b"{\"enrolment_code\":\"AAAAA-AAAAA-AAAAA-AAAAA\",\"name\":\"x\"}";
        let peer = scene.peer_of(Some(Device::unknown()));
        codes.push(peer.http(&guess, body).await.unwrap().code());
    }
    assert_eq!(codes[0], "enrolment_code_invalid");
    assert_eq!(codes.last().unwrap(), "too_many_requests", "{codes:?}");
    scene.assert_well().await;
}

/// The same POST twice acts once; another POST under the same name is refused.
#[tokio::test]
async fn a_named_request_acts_once() {
    let mut scene = Scene::new();
    let head =
        "POST /v1/keys HTTP/1.1\r\ncontent-type: application/json\r\nidempotency-key: one-and-the-same-name";
    let body = b"{\"purpose\":\"sign\",\"label\":\"x\"}";
    let first = scene.peer.http(head, body).await.unwrap();
    assert_eq!(first.status, 201, "{first:?}");
    let second = scene.peer.http(head, body).await.unwrap();
    assert_eq!((second.status, second.body), (201, first.body));
    let other = scene.peer.http(head, b"{\"purpose\":\"sign\",\"label\":\"y\"}").await.unwrap();
    assert_eq!((other.status, other.code().as_str()), (422, "idempotency_mismatch"));
    scene.assert_well().await;
}
