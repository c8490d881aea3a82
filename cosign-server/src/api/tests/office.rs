//! Users of the office, for its tests.

use axum::{
    body::Body,
    http::{Method, StatusCode, header, request::Builder},
};
use http_body_util::BodyExt as _;
use serde_json::{Value, json};

use super::{description, post, request, respond, send};
use crate::{
    domain::office::{
        Named as _,
        person::{Document, DocumentNumber, Level},
        personal::Phone,
    },
    testing::World,
};

/// A user of a browser, who has no device key.
pub(super) struct Browser {
    pub(super) token: String,
    /// The device of one who has a phone.
    pub(super) device: Option<[u8; 32]>,
}

impl Browser {
    pub(super) fn asks(&self, method: Method, path: &str) -> Builder {
        request(method, path, self.device).header(header::AUTHORIZATION, format!("Bearer {}", self.token))
    }

    pub(super) async fn get(&self, world: &World, path: &str) -> (StatusCode, Value) {
        send(world, self.asks(Method::GET, path).body(Body::empty()).unwrap()).await
    }

    /// A POST and its answer; `null` where there is none.
    pub(super) async fn post(&self, world: &World, path: &str, body: &Value) -> (StatusCode, Value) {
        let asked = self.asks(Method::POST, path).header(header::CONTENT_TYPE, "application/json");
        let response = respond(world, asked.body(Body::from(body.to_string())).unwrap()).await;
        let status = response.status();
        let bytes = response.into_body().collect().await.unwrap().to_bytes();
        if status == StatusCode::NO_CONTENT {
            assert!(bytes.is_empty());
            return (status, Value::Null);
        }
        let answer = serde_json::from_slice(&bytes).unwrap();
        description::check(&Method::POST, path, status, &answer);
        (status, answer)
    }

    /// A POST that must do what it is to do.
    pub(super) async fn done(&self, world: &World, path: &str, body: &Value) -> Value {
        let (status, answer) = self.post(world, path, body).await;
        assert!(status.is_success(), "{path}: {status} {answer}");
        answer
    }

    /// A POST that must be refused with this.
    pub(super) async fn refused(&self, world: &World, path: &str, body: &Value, status: u16, code: &str) {
        let (given, answer) = self.post(world, path, body).await;
        assert_eq!(
            (given.as_u16(), answer["code"].as_str().unwrap_or_default()),
            (status, code),
            "{path}: {answer}"
        );
    }

    /// A POST that names itself, as it must do what it is to do.
    pub(super) async fn done_once(&self, world: &World, path: &str, name: &str, body: &Value) -> StatusCode {
        let asked = self.asks(Method::POST, path).header(header::CONTENT_TYPE, "application/json");
        let asked = asked.header("idempotency-key", name);
        respond(world, asked.body(Body::from(body.to_string())).unwrap()).await.status()
    }

    /// A GET that must be answered.
    pub(super) async fn see(&self, world: &World, path: &str) -> Value {
        let (status, answer) = self.get(world, path).await;
        assert_eq!(status, StatusCode::OK, "{path}: {answer}");
        answer
    }

    /// A POST of bytes.
    pub(super) async fn post_bytes(&self, world: &World, path: &str, bytes: &[u8]) -> (StatusCode, Value) {
        let asked = self.asks(Method::POST, path).header(header::CONTENT_TYPE, "application/octet-stream");
        send(world, asked.body(Body::from(bytes.to_vec())).unwrap()).await
    }

    /// A GET of a text.
    pub(super) async fn text(&self, world: &World, path: &str) -> String {
        let response = respond(world, self.asks(Method::GET, path).body(Body::empty()).unwrap()).await;
        assert_eq!(response.status(), StatusCode::OK, "{path}");
        String::from_utf8(response.into_body().collect().await.unwrap().to_bytes().to_vec()).unwrap()
    }

    /// The status of the answer to a GET, whatever it holds.
    pub(super) async fn asked_for(&self, world: &World, path: &str) -> u16 {
        respond(world, self.asks(Method::GET, path).body(Body::empty()).unwrap()).await.status().as_u16()
    }

    /// Hands in a file and gives its id.
    pub(super) async fn attach(&self, world: &World, bytes: &[u8]) -> String {
        let (status, answer) = self.post_bytes(world, "/v1/attachments", bytes).await;
        assert_eq!(status, StatusCode::CREATED, "{answer}");
        answer["attachment_id"].as_str().unwrap().to_owned()
    }
}

/// A user who was verified by the face: for what only verified people do.
pub(super) async fn verified(world: &World, phone: &str, name: &str, number: &str) -> Browser {
    verified_at(world, phone, name, number, Level::Face).await
}

/// The same, as well as this.
pub(super) async fn verified_at(
    world: &World,
    phone: &str,
    name: &str,
    number: &str,
    level: Level,
) -> Browser {
    let (browser, _) = log_in(world, phone).await;
    let method = match level {
        Level::Data => "data",
        Level::Possession => "bank-card",
        Level::Face => "digits",
    };
    let mut body = json!({
        "method": method, "document": "id-card", "name": name, "number": number, "agreement": "1",
    });
    if level == Level::Possession {
        body["phone"] = "13800138000".into();
        body["card"] = CARD.into();
    }
    let mut person = browser.done(world, "/v1/person", &body).await;
    if level == Level::Face {
        let words = person["words"].as_str().unwrap();
        let (status, shown) = browser.post_bytes(world, "/v1/person/face", &face(words)).await;
        assert_eq!(status, StatusCode::OK, "{shown}");
        person = shown;
    }
    assert_eq!((&person["state"], &person["level"]), (&json!("verified"), &json!(level.as_str())));
    browser
}

/// The number of a card that a sandbox knows.
pub(super) const CARD: &str = "4111111111111111";

/// The number of somebody who does not exist, of the form of an identity card; another one for each of 0..1000.
pub(super) fn citizen(which: u32) -> String {
    let body = format!("11010519491231{:03}", which % 1000);
    let checks = "0123456789X".chars().map(|check| format!("{body}{check}"));
    checks.into_iter().find(|number| DocumentNumber::parse(Document::IdCard, number).is_ok()).unwrap()
}

/// A picture on which somebody does what they are told.
pub(super) fn face(words: &str) -> Vec<u8> {
    [PICTURE, words.as_bytes()].concat()
}

/// A picture, as far as anybody looks.
pub(super) const PICTURE: &[u8] = b"\x89PNG\r\n\x1a\npicture";

/// Texts that went to a phone, newest first.
pub(super) fn kept(world: &World, phone: &str) -> Vec<String> {
    let kept = world.office.kept_texts(&Phone::parse(phone).unwrap()).unwrap();
    kept.into_iter().map(|kept| kept.text).collect()
}

/// Asks for a code and reads it off the phone.
pub(super) async fn code(world: &World, phone: &str, purpose: &str) -> (String, String) {
    world.clock.advance(61_000);
    let (status, sent) =
        post(world, "/v1/sms-codes", None, &json!({ "phone": phone, "purpose": purpose })).await;
    assert_eq!((status, &sent["sandbox"]), (StatusCode::CREATED, &json!(true)), "{sent}");
    world.office.work().await.unwrap();
    let kept = world.office.kept_texts(&Phone::parse(phone).unwrap()).unwrap();
    let text = kept.into_iter().find(|kept| kept.template.as_str() == "code").unwrap().text;
    assert!(text.len() == 6 && text.bytes().all(|byte| byte.is_ascii_digit()), "{text}");
    (sent["code_id"].as_str().unwrap().to_owned(), text)
}

/// What cancels an account.
pub(super) async fn cancelling(world: &World, phone: &str) -> Value {
    let (code_id, text) = code(world, phone, "cancel").await;
    json!({ "understood": true, "code_id": code_id, "code": text })
}

pub(super) fn with_code((code_id, code): &(String, String)) -> Value {
    json!({ "code_id": code_id, "code": code, "device": "browser", "agreement": "1" })
}

pub(super) async fn log_in(world: &World, phone: &str) -> (Browser, Value) {
    log_in_on(world, phone, None).await
}

/// The same, over the connection of a device.
pub(super) async fn log_in_on(world: &World, phone: &str, device: Option<[u8; 32]>) -> (Browser, Value) {
    let body = with_code(&code(world, phone, "login").await);
    let (status, done) = post(world, "/v1/sessions", device, &body).await;
    assert_eq!(status, StatusCode::CREATED, "{done}");
    (Browser { token: done["token"].as_str().unwrap().to_owned(), device }, done)
}
