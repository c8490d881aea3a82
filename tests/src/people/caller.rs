//! Requests over HTTP/1.1, by a device or by nobody.

use std::net::SocketAddr;

use serde_json::{Value, json};

use super::run;
use crate::{
    network::{Device, HttpAnswer, Peer},
    process::ServerFolder,
};

/// Somebody who asks a server: each time over another connection.
#[derive(Clone)]
pub struct Caller {
    peer: Peer,
    token: Option<String>,
}

impl Caller {
    /// Somebody with this device, or with none.
    #[must_use]
    pub fn new(folder: &ServerFolder, device: Option<Device>) -> Self {
        Self::at(folder, folder.address(), device)
    }

    /// The same, at one of the nodes.
    #[must_use]
    pub fn at(folder: &ServerFolder, node: SocketAddr, device: Option<Device>) -> Self {
        Self { peer: Peer::new(node, &folder.file("ca.pem"), device), token: None }
    }

    /// One at each node, without a device.
    #[must_use]
    pub fn everywhere(folder: &ServerFolder) -> Vec<Self> {
        folder.nodes().iter().map(|node| Self::at(folder, *node, None)).collect()
    }

    /// Logged in with this token.
    #[must_use]
    pub fn with_token(self, token: String) -> Self {
        Self { token: Some(token), ..self }
    }

    /// A request with the headers given, a line each.
    #[must_use]
    pub fn ask(&self, method: &str, path: &str, headers: &str, body: &[u8]) -> HttpAnswer {
        run(self.peer.http(&self.head(method, path, headers), body)).unwrap()
    }

    /// The head of such a request.
    #[must_use]
    pub fn head(&self, method: &str, path: &str, headers: &str) -> String {
        let token = self.token.as_ref();
        let token = token.map_or_else(String::new, |token| format!("\r\nauthorization: Bearer {token}"));
        format!("{method} {path} HTTP/1.1\r\n{headers}{token}")
    }

    /// The status and the JSON of an answer.
    #[must_use]
    pub fn asked(&self, method: &str, path: &str, body: &Value) -> (u16, Value) {
        self.asked_once(method, path, body, None)
    }

    /// The same of a request that names itself.
    #[must_use]
    pub fn asked_once(&self, method: &str, path: &str, body: &Value, once: Option<&str>) -> (u16, Value) {
        let body = if method == "GET" { String::new() } else { body.to_string() };
        let once = once.map_or_else(String::new, |once| format!("\r\nidempotency-key: {once}"));
        let headers = format!("content-type: application/json{once}");
        let answer = self.ask(method, path, &headers, body.as_bytes());
        (answer.status, serde_json::from_slice(&answer.body).unwrap_or_default())
    }

    /// What is there.
    #[track_caller]
    #[must_use]
    pub fn get(&self, path: &str) -> Value {
        done(path, self.asked("GET", path, &json!({})))
    }

    /// What is there, as bytes.
    #[track_caller]
    #[must_use]
    pub fn bytes(&self, path: &str) -> Vec<u8> {
        let answer = self.ask("GET", path, "accept: */*", b"");
        assert_eq!(answer.status, 200, "{path}: {}", String::from_utf8_lossy(&answer.body));
        answer.body
    }

    /// Does something.
    #[track_caller]
    pub fn post(&self, path: &str, body: &Value) -> Value {
        done(path, self.asked("POST", path, body))
    }

    /// Hands in bytes.
    #[track_caller]
    pub fn post_bytes(&self, path: &str, bytes: &[u8]) -> Value {
        let answer = self.ask("POST", path, "content-type: application/octet-stream", bytes);
        done(path, (answer.status, serde_json::from_slice(&answer.body).unwrap_or_default()))
    }

    /// Is refused, with this code.
    #[track_caller]
    pub fn refused(&self, path: &str, body: &Value, code: &str) {
        let (status, answer) = self.asked("POST", path, body);
        assert_eq!((status >= 400, &answer["code"]), (true, &json!(code)), "{path}: {status} {answer}");
    }

    /// Is refused to see something, with this code.
    #[track_caller]
    pub fn blind(&self, path: &str, code: &str) {
        let (status, answer) = self.asked("GET", path, &json!({}));
        assert_eq!((status >= 400, &answer["code"]), (true, &json!(code)), "{path}: {status} {answer}");
    }
}

#[track_caller]
fn done(path: &str, (status, answer): (u16, Value)) -> Value {
    assert!((200..300).contains(&status), "{path}: {status} {answer}");
    answer
}

/// A text of an answer.
#[track_caller]
#[must_use]
pub fn text(value: &Value) -> String {
    value.as_str().unwrap_or_else(|| panic!("{value} is no text")).to_owned()
}
