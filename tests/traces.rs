//! A request followed from its arrival to its commit, in spans that a collector gets.
#![expect(clippy::unwrap_used, reason = "a failure is a failed test")]

use std::{
    fs,
    io::{BufRead as _, BufReader, Read as _, Write as _},
    net::{TcpListener, TcpStream},
    sync::{Arc, Mutex},
    thread,
};

use cosign_tests::{
    network::Peer,
    process::{ServerFolder, Signer, succeeded, wait_for},
};
use serde_json::Value;

const TRACE: &str = "0af7651916cd43dd8448eb211c80319c";
const PARENT: &str = "b7ad6b7169203331";

/// A collector on this machine: the spans that it was sent.
struct Collector {
    port: u16,
    spans: Arc<Mutex<Vec<Value>>>,
}

impl Collector {
    fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        let spans: Arc<Mutex<Vec<Value>>> = Arc::default();
        let shared = Arc::clone(&spans);
        thread::spawn(move || {
            for stream in listener.incoming() {
                let mut stream = stream.unwrap();
                let body = read(&stream);
                shared.lock().unwrap().extend(spans_of(&body));
                let _ = stream.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}");
            }
        });
        Self { port, spans }
    }

    /// Waits for a span.
    fn wait_for(&self, what: &str, is: impl Fn(&Value) -> bool) -> Value {
        wait_for(what, || self.spans.lock().unwrap().iter().find(|span| is(span)).cloned())
    }
}

fn read(stream: &TcpStream) -> Value {
    let mut stream = BufReader::new(stream);
    let mut lines = Vec::new();
    loop {
        let mut line = String::new();
        stream.read_line(&mut line).unwrap();
        if line.trim_end().is_empty() {
            break;
        }
        lines.push(line.trim_end().to_ascii_lowercase());
    }
    assert_eq!(lines[0], "post /v1/traces http/1.1");
    assert!(lines.iter().any(|line| line == "content-type: application/json"), "{lines:?}");
    let length = lines.iter().find_map(|line| line.strip_prefix("content-length: ")).unwrap();
    let mut body = vec![0; length.parse().unwrap()];
    stream.read_exact(&mut body).unwrap();
    serde_json::from_slice(&body).unwrap()
}

fn spans_of(body: &Value) -> Vec<Value> {
    let resource = &body["resourceSpans"][0];
    assert_eq!(resource["resource"]["attributes"][0]["value"]["stringValue"], "cosign-server");
    resource["scopeSpans"][0]["spans"].as_array().unwrap().clone()
}

/// What a span says under this name.
fn attribute<'a>(span: &'a Value, name: &str) -> &'a str {
    let attributes = span["attributes"].as_array().unwrap();
    let found = attributes.iter().find(|attribute| attribute["key"] == name);
    let value = found.map(|attribute| &attribute["value"]);
    value.and_then(|value| value["stringValue"].as_str().or(value["intValue"].as_str())).unwrap_or_default()
}

fn nanoseconds(span: &Value, name: &str) -> u64 {
    span[name].as_str().unwrap().parse().unwrap()
}

/// A server that sends this part of its traces.
fn traced(collector: &Collector, ratio: &str) -> ServerFolder {
    let folder = ServerFolder::on_file();
    let path = folder.file("cosign.toml");
    let config = fs::read_to_string(&path).unwrap();
    let (before, after) = ("traces_ratio = 0.01", format!("traces_ratio = {ratio}"));
    assert!(config.contains(before), "{config}");
    let traces = format!("traces = \"http://127.0.0.1:{}\"\n{after}", collector.port);
    fs::write(&path, config.replace(before, &traces)).unwrap();
    folder
}

/// A request of somebody who has a trace; the trace id that the problem names, and the line of the log.
fn ask(folder: &ServerFolder, header: &str) -> String {
    let peer = Peer::new(folder.address(), &folder.file("ca.pem"), None);
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let answer = runtime.block_on(peer.http(&format!("GET /v1/keys HTTP/1.1\r\n{header}"), b"")).unwrap();
    assert!(answer.status >= 400, "{answer:?}");
    let problem: Value = serde_json::from_slice(&answer.body).unwrap();
    problem["trace_id"].as_str().unwrap_or_default().to_owned()
}

#[test]
fn a_signature_is_followed_to_its_commit() {
    let collector = Collector::start();
    let folder = traced(&collector, "1.0");
    let server = folder.start();
    let signer = Signer::with_keys(&folder, "http2");
    let digests = signer.write("digests", "00".repeat(32).as_bytes());
    succeeded(&signer.run(&["sign", "--digests", digests.to_str().unwrap(), "--out", "signatures"]));

    // The one that activates the key is of the same operation; it does as well.
    let operation = collector.wait_for("a signature", |span| {
        span["name"] == "operation" && attribute(span, "op") == "sign" && attribute(span, "code") == "ok"
    });
    let request = collector.wait_for("its request", |span| span["spanId"] == operation["parentSpanId"]);
    assert_eq!((&request["name"], &request["kind"]), (&"request".into(), &2.into()));
    assert_eq!(attribute(&request, "route"), "/v1/keys/{key_id}/{operation}");
    assert_eq!(attribute(&request, "status"), "200");
    for name in ["admit", "compute", "commit"] {
        let part = collector
            .wait_for(name, |span| span["name"] == name && span["parentSpanId"] == operation["spanId"]);
        assert_eq!((&part["traceId"], &part["kind"]), (&request["traceId"], &1.into()), "{part}");
        let (start, end) = (nanoseconds(&part, "startTimeUnixNano"), nanoseconds(&part, "endTimeUnixNano"));
        assert!(nanoseconds(&request, "startTimeUnixNano") <= start && start <= end, "{part} {request}");
        assert!(end <= nanoseconds(&request, "endTimeUnixNano"), "{part} {request}");
    }
    assert_eq!(operation["traceId"], request["traceId"]);
    let id = request["traceId"].as_str().unwrap();
    wait_for("the line of the log", || server.log().contains(id).then_some(()));

    // Frames that stream are traces of their own.
    let signer = Signer::with_keys(&folder, "quic");
    let alone = collector.wait_for("a frame", |span| {
        span["name"] == "operation" && span.get("parentSpanId").is_none() && attribute(span, "op") == "sign"
    });
    drop(signer);
    collector.wait_for("its commit", |span| {
        span["name"] == "commit"
            && span["parentSpanId"] == alone["spanId"]
            && span["traceId"] == alone["traceId"]
    });
    server.stop();
}

#[test]
fn a_trace_of_the_caller_goes_on_and_what_is_none_is_not_taken() {
    let collector = Collector::start();
    let folder = traced(&collector, "1.0");
    let server = folder.start();
    let header = format!("traceparent: 00-{TRACE}-{PARENT}-00");
    assert_eq!(ask(&folder, &header), TRACE);
    let request = collector.wait_for("the request", |span| span["traceId"] == TRACE);
    assert_eq!((&request["parentSpanId"], &request["name"]), (&PARENT.into(), &"request".into()));
    wait_for("the line of the log", || server.log().contains(TRACE).then_some(()));
    // Twice is in doubt, and a wrong one is none.
    for wrong in [format!("{header}\r\n{header}"), header.replace("00-", "01-")] {
        let own = ask(&folder, &wrong);
        assert!(own.len() == 32 && own != TRACE, "{wrong}: {own}");
    }
    server.stop();
}

#[test]
fn without_a_part_to_be_sent_there_is_an_id_and_without_a_collector_nothing() {
    let collector = Collector::start();
    let folder = traced(&collector, "0.0");
    let server = folder.start();
    assert_eq!(ask(&folder, &format!("traceparent: 00-{TRACE}-{PARENT}-01")), TRACE);
    server.stop();
    // A server sends what it has before it ends.
    assert!(collector.spans.lock().unwrap().is_empty());
    let folder = ServerFolder::on_file();
    let server = folder.start();
    assert_eq!(ask(&folder, &format!("traceparent: 00-{TRACE}-{PARENT}-01")), "");
    assert!(!server.log().contains("trace_id"), "{}", server.log());
    server.stop();
}
