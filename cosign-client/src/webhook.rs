//! What a server sends to the webhook of a platform: whether it is from the server, as it was sent, now.
//!
//! `docs/webhooks.md` says how to do the same in other languages.

use std::collections::VecDeque;

use cosign_core::http_signature::{Claim, Fault, Headers, Message};
use sm_primitives::sm2::PublicKey;

/// Most events remembered.
const MAX_SEEN: usize = 65_536;

/// Takes the events that a server sends to one webhook.
#[derive(Debug)]
pub struct Receiver {
    authority: String,
    key_id: String,
    key: PublicKey,
    /// The newest events, oldest first.
    seen: VecDeque<String>,
}

/// An event that was verified.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Received {
    /// Names the event: the same whenever it is delivered again.
    pub id: String,
    /// Whether it was here before. It is to be answered like the first time, and not to be acted upon.
    pub repeated: bool,
}

/// A request to the webhook.
#[derive(Clone, Copy, Debug)]
pub struct Incoming<'a> {
    /// Its path.
    pub path: &'a str,
    /// Its query, without the question mark.
    pub query: Option<&'a str>,
    /// `Idempotency-Key`.
    pub idempotency_key: &'a str,
    /// The headers of its signature.
    pub headers: &'a Headers,
    /// Its body, as it came.
    pub body: &'a [u8],
}

impl Receiver {
    /// For the webhook at `authority` (host and, unless it is 443, port) with the webhook key of the server, as
    /// `GET /v1/client` tells it.
    #[must_use]
    pub fn new(authority: &str, key_id: &str, key: PublicKey) -> Self {
        let (authority, key_id) = (authority.to_ascii_lowercase(), key_id.to_owned());
        Self { authority, key_id, key, seen: VecDeque::new() }
    }

    /// Verifies a request at `now_s`, unix seconds.
    ///
    /// Events that it has seen are remembered in memory, the newest 65536: a platform that restarts, or that must not act
    /// twice under any circumstances, keeps [`Received::id`] with what it did.
    ///
    /// # Errors
    /// [`Fault`]: it is not from the server, was changed, or is older than five minutes. Answer 401 then.
    pub fn accept(&mut self, incoming: &Incoming<'_>, now_s: u64) -> Result<Received, Fault> {
        let Incoming { path, query, idempotency_key, headers, body } = *incoming;
        let claim = Claim::read(&headers.signature_input, &headers.signature)?;
        if claim.key_id() != self.key_id {
            return Err(Fault::Wrong);
        }
        let message = Message {
            method: "POST",
            authority: &self.authority,
            path,
            query,
            idempotency_key: Some(idempotency_key),
            body,
        };
        claim.verify(&message, headers.content_digest.as_deref(), &self.key, now_s)?;
        let repeated = self.seen.iter().any(|seen| seen == idempotency_key);
        if !repeated {
            if self.seen.len() >= MAX_SEEN {
                self.seen.pop_front();
            }
            self.seen.push_back(idempotency_key.to_owned());
        }
        Ok(Received { id: idempotency_key.to_owned(), repeated })
    }
}

#[cfg(test)]
mod tests {
    use cosign_core::http_signature::{Terms, sign};
    use getrandom::SysRng;
    use sm_primitives::sm2::PrivateKey;

    use super::*;

    const NOW_S: u64 = 1_800_000_000;
    const BODY: &[u8] = br#"{"id":7}"#;

    fn key() -> PrivateKey {
        PrivateKey::from_bytes(&[5; 32]).unwrap()
    }

    fn receiver() -> Receiver {
        Receiver::new("Platform.example.com", "server", *key().public_key())
    }

    fn sent(key: &PrivateKey, key_id: &str) -> Headers {
        let message = Message {
            method: "POST",
            authority: "platform.example.com",
            path: "/hook",
            query: None,
            idempotency_key: Some("event-7"),
            body: BODY,
        };
        let terms = Terms { key_id, created_s: NOW_S, expires_s: NOW_S + 300, nonce: None };
        sign(&message, &terms, key, &mut SysRng).unwrap()
    }

    fn incoming(headers: &Headers) -> Incoming<'_> {
        Incoming { path: "/hook", query: None, idempotency_key: "event-7", headers, body: BODY }
    }

    #[test]
    fn an_event_is_taken_once() {
        let (headers, mut receiver) = (sent(&key(), "server"), receiver());
        let first = receiver.accept(&incoming(&headers), NOW_S).unwrap();
        assert_eq!(first, Received { id: "event-7".to_owned(), repeated: false });
        assert!(receiver.accept(&incoming(&headers), NOW_S + 299).unwrap().repeated, "the same again");
        let again = sent(&key(), "server");
        assert!(receiver.accept(&incoming(&again), NOW_S + 1).unwrap().repeated, "signed anew");
    }

    #[test]
    fn what_is_stale_changed_or_from_elsewhere_is_not() {
        let (headers, mut receiver) = (sent(&key(), "server"), receiver());
        let mut refused = |incoming: &Incoming<'_>, now_s| receiver.accept(incoming, now_s).unwrap_err();
        assert_eq!(refused(&incoming(&headers), NOW_S + 300), Fault::Expired);
        assert_eq!(refused(&incoming(&headers), NOW_S - 61), Fault::Ahead);
        let changed = Incoming { body: br#"{"id":8}"#, ..incoming(&headers) };
        assert_eq!(refused(&changed, NOW_S), Fault::Digest);
        let changed = Incoming { idempotency_key: "event-8", ..incoming(&headers) };
        assert_eq!(refused(&changed, NOW_S), Fault::Wrong);
        let changed = Incoming { path: "/other", ..incoming(&headers) };
        assert_eq!(refused(&changed, NOW_S), Fault::Wrong);
        let changed = Incoming { query: Some("a"), ..incoming(&headers) };
        assert_eq!(refused(&changed, NOW_S), Fault::Wrong);
        let stranger = PrivateKey::from_bytes(&[6; 32]).unwrap();
        assert_eq!(refused(&incoming(&sent(&stranger, "server")), NOW_S), Fault::Wrong);
        assert_eq!(refused(&incoming(&sent(&key(), "other")), NOW_S), Fault::Wrong);
        // Nothing of that counts as seen.
        assert!(!receiver.accept(&incoming(&headers), NOW_S).unwrap().repeated);
    }

    #[test]
    fn memory_is_bounded() {
        let mut receiver = receiver();
        receiver.seen = (0..MAX_SEEN).map(|number| number.to_string()).collect();
        receiver.accept(&incoming(&sent(&key(), "server")), NOW_S).unwrap();
        assert_eq!(receiver.seen.len(), MAX_SEEN);
        assert_eq!(receiver.seen.front().map(String::as_str), Some("1"));
    }
}
