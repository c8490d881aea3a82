//! A whole server on real sockets: QUIC with both protocols, HTTP/2, HTTP/1.1, limits, start and stop.

use std::{path::Path, sync::Arc, time::Duration};

use cosign_core::framing::{Deframer, Kind, encode};
use http::{Request, StatusCode};
use http_body_util::{BodyExt as _, Empty, Full};
use hyper::{body::Bytes, client::conn};
use hyper_util::rt::{TokioExecutor, TokioIo};
use serde_json::{Value, json};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpStream,
    sync::watch,
    task::JoinHandle,
};
use tokio_rustls::TlsConnector;

use super::{Config, Folder, OsEntropy, Server, StartError, SystemClock};
use crate::{
    dev::{
        DevOptions,
        link::{Identity, Link, NAME, client_config},
    },
    domain::services::Operator,
    store::{Access, Source},
    testing::new_database,
};

struct Running {
    folder: tempfile::TempDir,
    address: std::net::SocketAddr,
    operator: Arc<Operator>,
    stop: watch::Sender<bool>,
    task: JoinHandle<()>,
}

async fn start(change: impl FnOnce(&mut Config)) -> Running {
    start_on(new_database("cosign.db".into()).await, change).await
}

async fn start_on(database: Source, change: impl FnOnce(&mut Config)) -> Running {
    let folder = tempfile::tempdir().unwrap();
    let mut config = Folder::at(folder.path().join("data"))
        .create(
            "127.0.0.1:0".parse().unwrap(),
            vec![NAME.to_owned()],
            database,
            &SystemClock::new(),
            &OsEntropy,
        )
        .unwrap();
    change(&mut config);
    let server = open(&config, Access::Create).await.unwrap();
    let (address, operator) = (server.address(), server.operator());
    let (stop, stopped) = watch::channel(false);
    #[expect(clippy::disallowed_methods, reason = "a test's own task")]
    let task = tokio::spawn(server.run(stopped));
    Running { folder, address, operator, stop, task }
}

async fn open(config: &Config, access: Access) -> Result<Server, StartError> {
    Server::start(config, access, Arc::new(SystemClock::new()), Arc::new(OsEntropy)).await
}

impl Running {
    fn ca(&self) -> std::path::PathBuf {
        Folder::at(self.folder.path().join("data")).ca_path()
    }

    fn link(&self, identity: Option<&Identity>) -> Link {
        Link::new(self.address, &self.ca(), identity).unwrap()
    }

    async fn stop(self) -> tempfile::TempDir {
        self.stop.send_replace(true);
        self.task.await.unwrap();
        self.folder
    }

    async fn tls(
        &self,
        alpn: &[u8],
        identity: Option<&Identity>,
    ) -> tokio_rustls::client::TlsStream<TcpStream> {
        let config = client_config(&self.ca(), identity, alpn).unwrap();
        let tcp = TcpStream::connect(self.address).await.unwrap();
        let name = NAME.try_into().unwrap();
        TlsConnector::from(Arc::new(config)).connect(name, tcp).await.unwrap()
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_whole_story_holds() {
    let folder = tempfile::tempdir().unwrap();
    let (file, out) = (folder.path().join("contract.txt"), folder.path().join("out"));
    std::fs::write(&file, b"all of it ".repeat(100_000)).unwrap();
    let options = DevOptions {
        listen: None,
        data: "unused".into(),
        once: true,
        file: Some(file.clone()),
        out: Some(out.clone()),
    };
    let (_stop, stopped) = watch::channel(false);
    crate::dev::run(options, stopped).await.unwrap();
    assert_eq!(std::fs::read(out.join("contract.txt.decrypted")).unwrap(), std::fs::read(&file).unwrap());
    assert!(out.join("contract.txt.p7").metadata().unwrap().len() > 1_000_000);
    let verifies = |message: &[u8]| {
        use cosign_core::sm_primitives::sm2::{DistId, PublicKey, Signature, dsa};
        let key =
            PublicKey::from_spki_pem(&std::fs::read_to_string(out.join("public.pem")).unwrap()).unwrap();
        let signature = Signature::from_der(&std::fs::read(out.join("contract.txt.sig")).unwrap()).unwrap();
        dsa::verify(&key, &DistId::default(), message, &signature).is_ok()
    };
    assert!(verifies(&std::fs::read(&file).unwrap()));
    assert!(!verifies(b"something else"));
    assert!(!Path::new("unused").exists());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn frames_in_one_write_are_all_answered_by_their_ids() {
    let server = start(|config| config.limits.in_flight = 4).await;
    let identity = Identity::new().unwrap();
    let link = server.link(Some(&identity));
    let mut frames = link.frames().await.unwrap();
    // One exchange, to see that the stream works; too short a frame is the protocol's to refuse.
    assert_eq!(frames.ask(&[1, 1, 1]).await.unwrap()[..4], [1, 1, 2, 0]);

    let connection = link.connect().await.unwrap();
    let (mut send, mut recv) = connection.open_bi().await.unwrap();
    let mut bytes = Vec::new();
    for id in 0..100 {
        encode(id, Kind::Protocol, &[1, 1, 1, 0], &mut bytes).unwrap();
    }
    send.write_all(&bytes).await.unwrap();
    send.finish().unwrap();
    let answers = recv.read_to_end(1 << 20).await.unwrap();
    let mut deframer = Deframer::new();
    deframer.push(&answers);
    let mut ids = Vec::new();
    while let Some(frame) = deframer.next_frame().unwrap() {
        assert_eq!((frame.kind, frame.payload[2]), (Kind::Protocol, 2));
        ids.push(frame.id);
    }
    ids.sort_unstable();
    assert_eq!(ids, (0..100).collect::<Vec<_>>());
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_the_framed_protocol_refuses() {
    let server = start(|_| ()).await;
    // Without a client certificate there is no device.
    let mut anonymous = server.link(None).frames().await.unwrap();
    assert_eq!(anonymous.ask(&[1, 1, 1, 0]).await.unwrap_err().to_string(), "no_client_certificate");
    // A frame longer than any request is refused by its id, and the stream goes on.
    let identity = Identity::new().unwrap();
    let link = server.link(Some(&identity));
    let mut frames = link.frames().await.unwrap();
    assert_eq!(frames.ask(&vec![0; 65_537]).await.unwrap_err().to_string(), "payload_too_large");
    assert_eq!(frames.ask(&[1, 1, 1]).await.unwrap()[2], 2);
    // Bytes that are no frame, and frames without end, end the connection.
    for bytes in [vec![0, 0, 0, 8], vec![0xff; 13], [vec![0, 0x10, 0, 0], vec![0; 200_000]].concat()] {
        let connection = link.connect().await.unwrap();
        let (mut send, _recv) = connection.open_bi().await.unwrap();
        // The connection may be closed before all of it is written.
        let _ = send.write_all(&bytes).await;
        let closed = tokio::time::timeout(Duration::from_secs(5), connection.closed()).await.unwrap();
        assert!(
            matches!(&closed, quinn::ConnectionError::ApplicationClosed(close) if close.error_code == 1u8.into())
        );
    }
    // One stream that is closed in the middle of a frame harms nobody.
    let connection = link.connect().await.unwrap();
    let (mut send, mut recv) = connection.open_bi().await.unwrap();
    send.write_all(&[0, 0, 1, 0, 1]).await.unwrap();
    send.finish().unwrap();
    assert!(recv.read_to_end(100).await.unwrap().is_empty());
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn http_3() {
    let server = start(|_| ()).await;
    let identity = Identity::new().unwrap();
    let link = server.link(Some(&identity));
    let (status, body) = link.request(Request::get("/v1/server").body(Vec::new()).unwrap()).await.unwrap();
    let body: Value = serde_json::from_slice(&body).unwrap();
    assert_eq!((status, &body["max_batch"]), (StatusCode::OK, &json!(256)));
    let code = server.operator.new_code(1, 60_000).await.unwrap();
    let enrolment = json!({ "enrolment_code": code.expose(), "name": "phone" });
    let device = link.post("/v1/devices", &enrolment).await.unwrap();
    let (status, own) = link.request(Request::get("/v1/device").body(Vec::new()).unwrap()).await.unwrap();
    assert_eq!((status, serde_json::from_slice::<Value>(&own).unwrap()), (StatusCode::OK, device));
    // A body that is too long is answered although it is not read to its end.
    let large =
        Request::post("/v1/keys").header("content-type", "application/json").body(vec![b' '; 200_000]);
    assert_eq!(link.request(large.unwrap()).await.unwrap().0, StatusCode::PAYLOAD_TOO_LARGE);
    let (status, _) =
        server.link(None).request(Request::get("/v1/device").body(Vec::new()).unwrap()).await.unwrap();
    assert_eq!(status, StatusCode::UNAUTHORIZED);
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[expect(clippy::disallowed_methods, reason = "the client's own task")]
async fn http_2_and_http_1_see_the_same_device_as_quic() {
    let server = start(|_| ()).await;
    let identity = Identity::new().unwrap();
    let code = server.operator.new_code(1, 60_000).await.unwrap();
    let enrolment = json!({ "enrolment_code": code.expose(), "name": "phone" });
    let device = server.link(Some(&identity)).post("/v1/devices", &enrolment).await.unwrap();

    let stream = TokioIo::new(server.tls(b"h2", Some(&identity)).await);
    let (mut client, connection) = conn::http2::handshake(TokioExecutor::new(), stream).await.unwrap();
    tokio::spawn(connection);
    let request = Request::get(format!("https://{NAME}/v1/device")).body(Empty::<Bytes>::new()).unwrap();
    let response = client.send_request(request).await.unwrap();
    assert_eq!((response.status(), response.version()), (StatusCode::OK, http::Version::HTTP_2));
    let body = response.into_body().collect().await.unwrap().to_bytes();
    assert_eq!(serde_json::from_slice::<Value>(&body).unwrap(), device);

    let stream = TokioIo::new(server.tls(b"http/1.1", Some(&identity)).await);
    let (mut client, connection) = conn::http1::handshake(stream).await.unwrap();
    tokio::spawn(connection);
    let body = Full::new(Bytes::from(r#"{"purpose":"sign","label":"x"}"#));
    let request = Request::post("/v1/keys").header("host", NAME).header("content-type", "application/json");
    let response = client.send_request(request.body(body).unwrap()).await.unwrap();
    assert_eq!((response.status(), response.version()), (StatusCode::CREATED, http::Version::HTTP_11));
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_client_that_dawdles_is_cut_off() {
    let server = start(|config| config.limits.header_timeout_s = 1).await;
    // Never starts its handshake.
    let mut silent = TcpStream::connect(server.address).await.unwrap();
    // Never ends its headers.
    let mut slow = server.tls(b"http/1.1", None).await;
    slow.write_all(b"GET /livez HTTP/1.1\r\nhost: x\r\n").await.unwrap();
    let mut rest = Vec::new();
    for (name, read) in [
        ("silent", tokio::time::timeout(Duration::from_secs(5), silent.read_to_end(&mut rest)).await.is_ok()),
        (
            "slow",
            tokio::time::timeout(Duration::from_secs(5), slow.read_to_end(&mut Vec::new())).await.is_ok(),
        ),
    ] {
        assert!(read, "{name}");
    }
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn connections_are_limited_per_source() {
    let server = start(|config| config.limits.connections_per_source = 2).await;
    let link = server.link(None);
    let first = link.connect().await.unwrap();
    let _second = link.connect().await.unwrap();
    assert!(link.connect().await.is_err());
    first.close(0u8.into(), b"");
    for _ in 0..50 {
        if link.connect().await.is_ok() {
            server.stop().await;
            return;
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    panic!("a closed connection still counts");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_file_has_one_server_and_a_database_one_master_key() {
    let server = start_on(Source::File("cosign.db".into()), |_| ()).await;
    let data = Folder::at(server.folder.path().join("data"));
    let config = data.config().unwrap();
    assert!(matches!(open(&config, Access::Existing).await, Err(StartError::Locked(_))));
    let folder = server.stop().await;
    open(&config, Access::Existing).await.map(drop).unwrap();

    let master_key = data.path().join("master.key");
    std::fs::remove_file(&master_key).unwrap();
    let missing = open(&config, Access::Existing).await;
    assert!(matches!(missing, Err(StartError::MasterKey(_))), "never made silently");
    super::files::write_new(&master_key, &[1; 32], 0o600).unwrap();
    let other = open(&config, Access::Existing).await.map(drop).unwrap_err();
    assert!(other.to_string().contains("another master key"), "{other}");
    drop(folder);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn stopping_answers_what_was_begun_and_takes_nothing_new() {
    let server = start(|_| ()).await;
    let identity = Identity::new().unwrap();
    let link = server.link(Some(&identity));
    let connection = link.connect().await.unwrap();
    let (mut send, mut recv) = connection.open_bi().await.unwrap();
    let mut bytes = Vec::new();
    let mut frame = vec![1, 1, 1, 0];
    frame.resize(82 + 160, 0);
    frame[81] = 1;
    for id in 0..50 {
        encode(id, Kind::Protocol, &frame, &mut bytes).unwrap();
    }
    send.write_all(&bytes).await.unwrap();
    let first = recv.read_chunk(1 << 16, true).await.unwrap().unwrap();
    server.stop.send_replace(true);
    let rest = recv.read_to_end(1 << 20).await.unwrap();
    assert!(!first.bytes.is_empty() && (first.bytes.len() + rest.len()) % 35 == 0, "an answer was cut");
    assert!(
        tokio::time::timeout(Duration::from_secs(5), server.task).await.is_ok(),
        "the server did not stop"
    );
    let later = tokio::time::timeout(Duration::from_secs(1), link.connect()).await;
    assert!(!matches!(later, Ok(Ok(_))), "a stopped server took a connection");
}
