//! Trading platforms.

use std::time::Duration;

use bytes::Bytes;
use cosign_client::{
    Connection, Error, Target, Transport, Trust,
    http_signature::{Message, Terms, sign},
};
use getrandom::SysRng;
use serde_json::{Value, json};
use sm_primitives::{
    sm2::{DistId, PrivateKey, PublicKey, Signature, dsa},
    sm3,
};
use tempfile::NamedTempFile;

use super::{run, text};
use crate::{
    network::{HttpAnswer, Peer, now_ms},
    process::ServerFolder,
};

/// A trading platform: a client of the API with a key of its own.
pub struct Platform {
    key: PrivateKey,
    target: Target,
    peer: Peer,
    /// As the operator called it.
    pub client_id: String,
}

impl Platform {
    /// Registers one that may do everything.
    #[must_use]
    pub fn new(folder: &ServerFolder, name: &str) -> Self {
        let key = PrivateKey::from_bytes(&sm3::digest(name.as_bytes())).unwrap();
        let pem = NamedTempFile::new().unwrap();
        std::fs::write(pem.path(), key.public_key().to_spki_pem()).unwrap();
        let path = pem.path().to_str().unwrap();
        let mut add = vec!["client", "add", "--name", name, "--public-key", path, "--rate", "60000"];
        for scope in ["certificates:read", "events:read", "scans:write", "tasks:write"] {
            add.extend(["--scope", scope]);
        }
        let client_id = text(&folder.admin_json(&add)[0]["client_id"]);
        let target = Target {
            server: folder.address().to_string().parse().unwrap(),
            trust: Trust::from_file(&folder.file("ca.pem")).unwrap(),
            device: None,
            transport: Transport::Http2,
            connect_timeout: Duration::from_secs(10),
        };
        let peer = Peer::new(folder.address(), &folder.file("ca.pem"), None);
        Self { key, target, peer, client_id }
    }

    /// A signed request: a POST of what it brings, or a GET.
    ///
    /// # Errors
    /// As [`Connection::call_signed`].
    pub fn call(&self, path: &str, body: Option<&Value>) -> Result<Value, Error> {
        let body = body.map(|body| Bytes::from(body.to_string()));
        run(async {
            let connection = Connection::new(self.target.clone());
            let answer = connection.call_signed(path, body, &self.client_id, &self.key).await;
            connection.close().await;
            answer
        })
    }

    /// What is there.
    #[track_caller]
    #[must_use]
    pub fn get(&self, path: &str) -> Value {
        self.call(path, None).unwrap_or_else(|error| panic!("{path}: {error}"))
    }

    /// Does something.
    #[track_caller]
    pub fn post(&self, path: &str, body: &Value) -> Value {
        self.call(path, Some(body)).unwrap_or_else(|error| panic!("{path}: {error}"))
    }

    /// What is there, as bytes.
    #[track_caller]
    #[must_use]
    pub fn bytes(&self, path: &str) -> Vec<u8> {
        let answer = self.ask("GET", path, b"");
        assert_eq!(answer.status, 200, "{path}: {}", String::from_utf8_lossy(&answer.body));
        answer.body
    }

    /// Hands in bytes.
    #[track_caller]
    pub fn post_bytes(&self, path: &str, bytes: &[u8]) -> Value {
        let answer = self.ask("POST", path, bytes);
        assert_eq!(answer.status, 201, "{path}: {}", String::from_utf8_lossy(&answer.body));
        serde_json::from_slice(&answer.body).unwrap()
    }

    fn ask(&self, method: &str, target: &str, body: &[u8]) -> HttpAnswer {
        let once = (method == "POST").then(|| hex::encode(sm3::digest(body)));
        let head = self.head(method, target, "application/octet-stream", once.as_deref(), body);
        run(self.peer.http(&head, body)).unwrap()
    }

    /// The head of a signed request, which is good for a minute.
    #[must_use]
    pub fn head(&self, method: &str, target: &str, kind: &str, once: Option<&str>, body: &[u8]) -> String {
        let (path, query) =
            target.split_once('?').map_or((target, None), |(path, query)| (path, Some(query)));
        let authority = "localhost";
        let message = Message { method, authority, path, query, idempotency_key: once, body };
        let created_s = now_ms() / 1000;
        let terms = Terms { key_id: &self.client_id, created_s, expires_s: created_s + 60, nonce: None };
        let signed = sign(&message, &terms, &self.key, &mut SysRng).unwrap();
        let named = [("idempotency-key", once), ("content-digest", signed.content_digest.as_deref())];
        let named = named.into_iter().filter_map(|(name, value)| Some(format!("\r\n{name}: {}", value?)));
        let (input, signature) = (signed.signature_input, signed.signature);
        format!(
            "{method} {target} HTTP/1.1\r\ncontent-type: {kind}\r\nsignature-input: {input}\r\n\
             signature: {signature}{}",
            named.collect::<String>()
        )
    }

    /// Is refused, with this code.
    #[track_caller]
    pub fn refused(&self, path: &str, body: &Value, code: &str) {
        match self.call(path, Some(body)) {
            Err(Error::Api(problem)) => assert_eq!(problem.code, code, "{path}"),
            answer => panic!("{path}: {answer:?}"),
        }
    }

    /// Events of a kind: their data, oldest first.
    #[must_use]
    pub fn told(&self, kind: &str) -> Vec<Value> {
        let found = self.get("/v1/client/events?limit=1000");
        let events = found["events"].as_array().unwrap().iter();
        events.filter(|event| event["kind"] == kind).map(|event| event["data"].clone()).collect()
    }

    /// Makes a code for a page.
    #[track_caller]
    #[must_use]
    pub fn code(&self, kind: &str, mut body: Value) -> Value {
        body["kind"] = kind.into();
        if body["nonce"].is_null() {
            body["nonce"] = "n-1".into();
        }
        self.post("/v1/client/scans", &body)
    }

    /// How a scan stands.
    #[track_caller]
    #[must_use]
    pub fn scan(&self, scan: &Value) -> Value {
        self.get(&format!("/v1/client/scans/{}", text(&scan["scan_id"])))
    }

    /// Ends a scan.
    #[track_caller]
    pub fn end(&self, scan: &Value, end: &str) -> Value {
        self.post(&format!("/v1/client/scans/{}/end", text(&scan["scan_id"])), &json!({ "end": end }))
    }

    /// Hands in what is to be signed.
    #[track_caller]
    pub fn hand_in(&self, scan: &Value, items: &Value) -> Value {
        self.post(&format!("/v1/client/scans/{}/items", text(&scan["scan_id"])), &json!({ "items": items }))
    }
}

/// Whether a signature (r || s, hexadecimal) of a message (hexadecimal) is of the key in a certificate (PEM).
#[track_caller]
#[must_use]
pub fn is_signed(certificate: &Value, message: &Value, signature: &Value) -> bool {
    let key = certified(certificate);
    let message = hex::decode(text(message)).unwrap();
    let signature: [u8; 64] = hex::decode(text(signature)).unwrap().try_into().unwrap();
    let Ok(signature) = Signature::from_bytes(&signature) else { return false };
    dsa::verify(&key, &DistId::default(), &message, &signature).is_ok()
}

/// The key in a certificate (PEM).
#[track_caller]
#[must_use]
pub fn certified(certificate: &Value) -> PublicKey {
    *pki::Certificate::parse(text(certificate).as_bytes()).unwrap().key().sm2().unwrap()
}
