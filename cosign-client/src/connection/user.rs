//! Calls of a user who is logged in, or is about to.

use bytes::Bytes;
use http::Method;
use serde_json::Value;

use super::{Call, Connection, random_token};
use crate::error::Error;

/// What a call brings along.
#[derive(Clone, Debug)]
pub enum Body {
    /// Nothing: a GET.
    None,
    /// JSON text.
    Json(Bytes),
    /// A file.
    File(Bytes),
}

impl Connection {
    /// A call of the API with the token of a login, or without one: a GET, or a POST of what it brings along. Gives the JSON
    /// of the answer, `null` where there is none.
    ///
    /// `target` is a path with its query.
    ///
    /// # Errors
    /// [`Error::Api`] for a refusal, [`Error::Unreachable`], [`Error::Untrusted`], [`Error::NoAnswer`],
    /// [`Error::BadAnswer`], [`Error::RandomFailed`].
    pub async fn call_as(&self, target: &str, body: Body, token: Option<&str>) -> Result<Value, Error> {
        self.transport().await?;
        let (method, content_type, body) = match body {
            Body::None => (Method::GET, None, Bytes::new()),
            Body::Json(json) => (Method::POST, Some("application/json"), json),
            Body::File(bytes) => (Method::POST, Some("application/octet-stream"), bytes),
        };
        // Sent twice, it acts once.
        let idempotency_key = (method == Method::POST).then(random_token).transpose()?;
        let headers = token.map(|token| ("authorization", format!("Bearer {token}"))).into_iter().collect();
        let call = Call { method, path: target.to_owned(), content_type, idempotency_key, headers, body };
        let answer = self.answered(&call).await?;
        if answer.body.is_empty() {
            return Ok(Value::Null);
        }
        serde_json::from_slice(&answer.body).map_err(|_| Error::BadAnswer("not the JSON of this API"))
    }
}
