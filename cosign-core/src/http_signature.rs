//! Signed HTTP requests: HTTP Message Signatures (RFC 9421) in one strict form, with SM2.
//!
//! A request is signed over `@method`, `@authority`, `@path` and `@query`; one that acts (any method but GET and HEAD) over
//! `content-digest` (RFC 9530, `sha-256`) and `idempotency-key` too, in this order and over nothing else. The parameters are
//! `created`, `expires`, `keyid`, `alg="sm2-sm3"` and, if its signer likes, `nonce`. There is one signature, of 64 bytes
//! (r and s), by the default identifier of SM2. `docs/webhooks.md` explains it with an example.
//!
//! Whoever sends the same again within its time is told apart by the idempotency key, which is under the signature; what only
//! reads may be sent again.

mod read;
#[cfg(test)]
mod tests;

use alloc::{format, string::String};

use base64ct::{Base64, Encoding};
use sha2::{Digest as _, Sha256};
use sm_primitives::{
    rand_core::TryCryptoRng,
    sm2::{DistId, PrivateKey, PublicKey, Signature, dsa},
};

pub use read::Claim;

/// Longest time between `created` and `expires`, in seconds.
pub const MAX_LIFE_S: u64 = 300;
/// How far the clock of a signer may be ahead, in seconds.
pub const MAX_AHEAD_S: u64 = 60;
/// Longest `Signature-Input` in bytes.
pub const MAX_INPUT: usize = 1024;
/// Longest key id and nonce in bytes.
pub const MAX_TEXT: usize = 128;
/// The algorithm, as the parameter `alg` names it.
pub const ALGORITHM: &str = "sm2-sm3";

/// The components of a request that reads, as `Signature-Input` lists them.
const READS: &str = r#"("@method" "@authority" "@path" "@query")"#;
/// The components of a request that acts.
const ACTS: &str = r#"("@method" "@authority" "@path" "@query" "content-digest" "idempotency-key")"#;

/// Why a signature does not hold.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// A header that belongs to it is missing.
    Missing,
    /// There is not one signature with one label, the same in both headers.
    Labels,
    /// A header is not of the one form.
    Malformed,
    /// It covers other components than it must, or not in their order.
    Components,
    /// A parameter is unknown, missing or there twice.
    Parameters,
    /// Another algorithm.
    Algorithm,
    /// It is good for no time, or for more than 300 seconds.
    Life,
    /// It was made in the future.
    Ahead,
    /// Its time is over.
    Expired,
    /// `Content-Digest` is not that of the body.
    Digest,
    /// It does not verify.
    Wrong,
}

impl Fault {
    /// What is wrong, and what to do.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Missing => {
                "the request is not signed: it needs Signature-Input and Signature, and to act, Content-Digest and \
                 Idempotency-Key"
            }
            Self::Labels => {
                "there must be one signature, with the same label in Signature-Input and Signature"
            }
            Self::Malformed => "Signature-Input, Signature or Content-Digest cannot be read",
            Self::Components => {
                "the signature does not cover the components that it must cover, in their order"
            }
            Self::Parameters => {
                "the parameters are created, expires, keyid, alg and, if wanted, nonce, each of them once"
            }
            Self::Algorithm => "alg must be \"sm2-sm3\"",
            Self::Life => "expires must be after created, by 300 seconds at most",
            Self::Ahead => "the signature was made in the future: set the clock of its signer",
            Self::Expired => "the signature has expired: sign again, and set the clock of its signer",
            Self::Digest => "Content-Digest is not the digest of the body",
            Self::Wrong => "the signature is wrong",
        }
    }
}

impl core::fmt::Display for Fault {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.write_str(self.as_str())
    }
}

impl core::error::Error for Fault {}

/// A request, as far as it is signed.
#[derive(Clone, Copy, Debug)]
pub struct Message<'a> {
    /// `GET`, `POST`.
    pub method: &'a str,
    /// Host and, unless it is that of the scheme, port; small letters.
    pub authority: &'a str,
    /// As it is sent, percent-encoded; `/` if it is empty.
    pub path: &'a str,
    /// As it is sent, without its question mark.
    pub query: Option<&'a str>,
    /// `Idempotency-Key`; `None` unless it acts.
    pub idempotency_key: Option<&'a str>,
    /// The body; empty unless it acts.
    pub body: &'a [u8],
}

impl Message<'_> {
    /// Whether the request acts, so that its body and its idempotency key are signed.
    #[must_use]
    pub fn acts(&self) -> bool {
        !matches!(self.method, "GET" | "HEAD")
    }

    /// Whether its parts can be written into lines without becoming others.
    fn is_plain(&self) -> bool {
        let key = self.idempotency_key;
        let query = self.query.unwrap_or_default();
        let parts = [self.method, self.authority, self.path, query, key.unwrap_or_default()];
        let plain = parts.iter().all(|part| part.bytes().all(|byte| byte.is_ascii_graphic()));
        let keyed = key.is_some_and(|key| !key.is_empty()) == self.acts();
        plain && keyed && (self.acts() || self.body.is_empty())
    }

    /// What is signed; `parameters` is the value of `@signature-params`.
    fn base(&self, digest: Option<&str>, parameters: &str) -> String {
        let Self { method, authority, path, .. } = self;
        let query = self.query.unwrap_or_default();
        let mut base = format!(
            "\"@method\": {method}\n\"@authority\": {authority}\n\"@path\": {path}\n\"@query\": ?{query}\n"
        );
        if let (Some(digest), Some(key)) = (digest, self.idempotency_key) {
            base.push_str(&format!("\"content-digest\": {digest}\n\"idempotency-key\": {key}\n"));
        }
        base.push_str(&format!("\"@signature-params\": {parameters}"));
        base
    }
}

/// What a signer says of its signature.
#[derive(Clone, Copy, Debug)]
pub struct Terms<'a> {
    /// Name of its key, printable ASCII without `"` and `\`.
    pub key_id: &'a str,
    /// When, unix seconds.
    pub created_s: u64,
    /// Until when, at most [`MAX_LIFE_S`] later.
    pub expires_s: u64,
    /// Anything that makes it different, of the same characters.
    pub nonce: Option<&'a str>,
}

/// The headers that make a request a signed one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Headers {
    /// `Content-Digest`, of a request that acts.
    pub content_digest: Option<String>,
    /// `Signature-Input`.
    pub signature_input: String,
    /// `Signature`.
    pub signature: String,
}

/// The value of `Content-Digest` for a body.
#[must_use]
pub fn content_digest(body: &[u8]) -> String {
    format!("sha-256=:{}:", Base64::encode_string(&Sha256::digest(body)))
}

/// Signs a request. Timing: independent of `key`.
///
/// # Errors
/// [`Fault::Malformed`] for a message or terms with other characters, or one that acts without an idempotency key,
/// [`Fault::Life`]; [`Fault::Wrong`] when the random source fails.
pub fn sign(
    message: &Message<'_>,
    terms: &Terms<'_>,
    key: &PrivateKey,
    rng: &mut (impl TryCryptoRng + ?Sized),
) -> Result<Headers, Fault> {
    let Terms { key_id, created_s, expires_s, nonce } = *terms;
    let texts = [Some(key_id), nonce];
    if !message.is_plain() || !texts.into_iter().flatten().all(read::is_text) {
        return Err(Fault::Malformed);
    }
    if expires_s <= created_s || expires_s - created_s > MAX_LIFE_S {
        return Err(Fault::Life);
    }
    let components = if message.acts() { ACTS } else { READS };
    let nonce = nonce.map_or_else(String::new, |nonce| format!(";nonce=\"{nonce}\""));
    let parameters = format!(
        "{components};created={created_s};expires={expires_s}{nonce};keyid=\"{key_id}\";alg=\"{ALGORITHM}\""
    );
    let digest = message.acts().then(|| content_digest(message.body));
    let base = message.base(digest.as_deref(), &parameters);
    let signature = dsa::sign(key, &DistId::default(), base.as_bytes(), rng).map_err(|_| Fault::Wrong)?;
    Ok(Headers {
        content_digest: digest,
        signature_input: format!("sig={parameters}"),
        signature: format!("sig=:{}:", Base64::encode_string(&signature.to_bytes())),
    })
}

/// Whether a body is the one that this `Content-Digest` says; without one there is none.
///
/// # Errors
/// [`Fault::Digest`], [`Fault::Components`].
pub fn is_body(digest: Option<&str>, body: &[u8]) -> Result<(), Fault> {
    match digest {
        Some(given) if given == content_digest(body) => Ok(()),
        Some(_) => Err(Fault::Digest),
        None if body.is_empty() => Ok(()),
        None => Err(Fault::Components),
    }
}

impl Claim<'_> {
    /// Whether the holder of `key` signed this message, and it is good at `now_s` (unix seconds). `digest` is what the
    /// message has as `Content-Digest`. Variable time.
    ///
    /// # Errors
    /// [`Fault`].
    pub fn verify(
        &self,
        message: &Message<'_>,
        digest: Option<&str>,
        key: &PublicKey,
        now_s: u64,
    ) -> Result<(), Fault> {
        let digest = self.is_whole(message, digest, now_s)?;
        is_body(digest, message.body)?;
        self.is_signed(message, digest, key)
    }

    /// The same before the body is there, which `message` does not have: the body that comes is the one that was signed if
    /// [`is_body`] says so. Variable time.
    ///
    /// # Errors
    /// [`Fault`].
    pub fn verify_head(
        &self,
        message: &Message<'_>,
        digest: Option<&str>,
        key: &PublicKey,
        now_s: u64,
    ) -> Result<(), Fault> {
        let digest = self.is_whole(message, digest, now_s)?;
        self.is_signed(message, digest, key)
    }

    /// Whether everything is there that has to be signed, and nothing else.
    fn is_whole<'d>(
        &self,
        message: &Message<'_>,
        digest: Option<&'d str>,
        now_s: u64,
    ) -> Result<Option<&'d str>, Fault> {
        self.is_current(now_s)?;
        if message.acts() != self.acts() {
            return Err(Fault::Components);
        }
        if message.acts() {
            let both = digest.is_some() && message.idempotency_key.is_some();
            return if both { Ok(digest) } else { Err(Fault::Missing) };
        }
        // What is there and not signed could be anybody's.
        if digest.is_some() || message.idempotency_key.is_some() { Err(Fault::Components) } else { Ok(None) }
    }

    fn is_signed(&self, message: &Message<'_>, digest: Option<&str>, key: &PublicKey) -> Result<(), Fault> {
        if !message.is_plain() {
            return Err(Fault::Malformed);
        }
        let base = message.base(digest, self.parameters());
        let signature = Signature::from_bytes(self.signature()).map_err(|_| Fault::Wrong)?;
        dsa::verify(key, &DistId::default(), base.as_bytes(), &signature).map_err(|_| Fault::Wrong)
    }

    /// Whether it is good at `now_s`, unix seconds.
    ///
    /// # Errors
    /// [`Fault::Life`], [`Fault::Ahead`], [`Fault::Expired`].
    pub const fn is_current(&self, now_s: u64) -> Result<(), Fault> {
        let (created_s, expires_s) = (self.created_s(), self.expires_s());
        if expires_s <= created_s || expires_s - created_s > MAX_LIFE_S {
            Err(Fault::Life)
        } else if created_s > now_s.saturating_add(MAX_AHEAD_S) {
            Err(Fault::Ahead)
        } else if now_s >= expires_s {
            Err(Fault::Expired)
        } else {
            Ok(())
        }
    }
}
