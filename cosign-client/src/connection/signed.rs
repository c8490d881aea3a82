//! Calls of an API client: signed, without a device.

use bytes::Bytes;
use cosign_core::http_signature::{Message, Terms, sign};
use getrandom::SysRng;
use http::Method;
use sm_primitives::sm2::PrivateKey;

use super::{Call, Connection, random_token};
use crate::{clock, error::Error};

/// How long a signature is good, in seconds: longer than all attempts take.
const LIFE_S: u64 = 120;

impl Connection {
    /// A signed call of the API with its JSON answer: `GET`, or `POST` with a JSON body.
    ///
    /// `target` is a path with its query, `client_id` what the operator called the client of `key`.
    ///
    /// # Errors
    /// [`Error::Api`] for a refusal, [`Error::Unreachable`], [`Error::Untrusted`], [`Error::NoAnswer`],
    /// [`Error::BadAnswer`], [`Error::Internal`] for a target that cannot be signed, [`Error::RandomFailed`].
    pub async fn call_signed(
        &self,
        target: &str,
        body: Option<Bytes>,
        client_id: &str,
        key: &PrivateKey,
    ) -> Result<serde_json::Value, Error> {
        self.transport().await?;
        let (path, query) = match target.split_once('?') {
            Some((path, query)) => (path, Some(query)),
            None => (target, None),
        };
        let method = if body.is_some() { Method::POST } else { Method::GET };
        // Sent twice, it acts once.
        let idempotency_key = body.is_some().then(random_token).transpose()?;
        let content_type = body.as_ref().map(|_| "application/json");
        let body = body.unwrap_or_default();
        let server = self.server().to_string().to_ascii_lowercase();
        let message = Message {
            method: method.as_str(),
            authority: server.strip_suffix(":443").unwrap_or(&server),
            path,
            query,
            idempotency_key: idempotency_key.as_deref(),
            body: &body,
        };
        let created_s = clock::now_ms() / 1000;
        let terms = Terms { key_id: client_id, created_s, expires_s: created_s + LIFE_S, nonce: None };
        let signed = sign(&message, &terms, key, &mut SysRng)
            .map_err(|_| Error::Internal("the request cannot be signed: its parts are not plain ASCII"))?;
        let mut headers = vec![
            ("signature-input", signed.signature_input),
            ("signature", signed.signature),
            ("accept", "application/json".to_owned()),
        ];
        headers.extend(signed.content_digest.map(|digest| ("content-digest", digest)));
        let call = Call { method, path: target.to_owned(), content_type, idempotency_key, headers, body };
        let answer = self.answered(&call).await?;
        serde_json::from_slice(&answer.body).map_err(|_| Error::BadAnswer("not the JSON of this API"))
    }
}
