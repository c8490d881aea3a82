//! Who signed a request, and whether it may do what the handler does.

use std::marker::PhantomData;

use axum::{
    body::Bytes,
    extract::{FromRequest, Request},
    http::{HeaderMap, Uri, header, request::Parts},
};
use cosign_core::http_signature::{Claim, Fault, Message, is_body};
use serde::de::DeserializeOwned;

use crate::{
    api::{Api, Problem, extract::read},
    domain::{
        Error,
        clients::{ApiClient, Scope},
        once::Once,
    },
};

/// Longest body in bytes.
const MAX_BODY: usize = 64 * 1024;

/// What a handler demands of a client.
pub(in crate::api) trait Demand {
    /// The scope.
    const SCOPE: Option<Scope>;
}

macro_rules! demands {
    ($($(#[$doc:meta])* $name:ident => $scope:expr),* $(,)?) => {$(
        $(#[$doc])*
        pub(in crate::api) struct $name;

        impl Demand for $name {
            const SCOPE: Option<Scope> = $scope;
        }
    )*};
}

demands! {
    /// Any client may.
    Anything => None,
    /// Certificates are read.
    CertificatesRead => Some(Scope::CertificatesRead),
    /// Events are read.
    EventsRead => Some(Scope::EventsRead),
    /// The webhook is the client's to set.
    WebhooksWrite => Some(Scope::WebhooksWrite),
    /// Users are asked by codes that they scan.
    ScansWrite => Some(Scope::ScansWrite),
    /// Tasks are filed.
    TasksWrite => Some(Scope::TasksWrite),
}

/// A request that a client signed, which is served, has the scope and has not asked too often. Its body, of at most `MAX` bytes,
/// is read after that is known.
pub(in crate::api) struct Signed<D, const MAX: usize = MAX_BODY> {
    pub(in crate::api) client: ApiClient,
    once: Option<Once>,
    pub(in crate::api) body: Bytes,
    demand: PhantomData<D>,
}

impl<D, const MAX: usize> Signed<D, MAX> {
    /// The name of a request that acts.
    pub(in crate::api) fn once(&self) -> Result<&Once, Problem> {
        self.once.as_ref().ok_or_else(|| Error::Internal.into())
    }

    /// The body.
    pub(in crate::api) fn json<T: DeserializeOwned>(&self) -> Result<T, Problem> {
        serde_json::from_slice(&self.body).map_err(|error| Problem::malformed(error.to_string()))
    }
}

impl<D: Demand + Send, const MAX: usize> FromRequest<Api> for Signed<D, MAX> {
    type Rejection = Problem;

    async fn from_request(request: Request, api: &Api) -> Result<Self, Problem> {
        let (parts, body) = request.into_parts();
        let client = verified(api, &parts).await?;
        api.clients.admit(&client, D::SCOPE)?;
        let body = read(body, MAX).await?;
        is_body(single(&parts.headers, "content-digest").map_err(invalid)?, &body).map_err(invalid)?;
        let once = once(&parts, &body)?;
        Ok(Self { client, once, body, demand: PhantomData })
    }
}

fn invalid(fault: Fault) -> Error {
    Error::SignatureInvalid(fault.as_str())
}

/// A header that may be there once.
fn single<'a>(headers: &'a HeaderMap, name: &str) -> Result<Option<&'a str>, Fault> {
    let mut values = headers.get_all(name).iter();
    let first = values.next().map(|value| value.to_str().map_err(|_| Fault::Malformed)).transpose()?;
    if values.next().is_some() { Err(Fault::Labels) } else { Ok(first) }
}

/// Host and port as they were signed: in small letters, without the port of https.
fn authority(uri: &Uri, headers: &HeaderMap) -> Result<String, Fault> {
    let named = match uri.authority() {
        Some(authority) => authority.as_str(),
        None => single(headers, header::HOST.as_str())?.ok_or(Fault::Missing)?,
    };
    let named = named.to_ascii_lowercase();
    Ok(named.strip_suffix(":443").map_or_else(|| named.clone(), str::to_owned))
}

async fn verified(api: &Api, parts: &Parts) -> Result<ApiClient, Error> {
    let header = |name| single(&parts.headers, name).map_err(invalid);
    let (Some(input), Some(signature)) = (header("signature-input")?, header("signature")?) else {
        return Err(invalid(Fault::Missing));
    };
    let claim = Claim::read(input, signature).map_err(invalid)?;
    let now_s = api.clock.now_ms() / 1000;
    claim.is_current(now_s).map_err(invalid)?;
    let client = api.clients.named(claim.key_id()).await?;
    let authority = authority(&parts.uri, &parts.headers).map_err(invalid)?;
    let message = Message {
        method: parts.method.as_str(),
        authority: &authority,
        path: parts.uri.path(),
        query: parts.uri.query(),
        idempotency_key: header("idempotency-key")?,
        body: &[],
    };
    let digest = header("content-digest")?;
    claim.verify_head(&message, digest, &client.public_key, now_s).map_err(invalid)?;
    Ok(client)
}

fn once(parts: &Parts, body: &[u8]) -> Result<Option<Once>, Error> {
    let Some(key) = parts.headers.get("idempotency-key") else { return Ok(None) };
    let key = key.to_str().map_err(|_| Error::BadRequest("the Idempotency-Key is not ASCII"))?;
    let query = parts.uri.query().unwrap_or_default();
    let whole = [parts.method.as_str().as_bytes(), parts.uri.path().as_bytes(), query.as_bytes(), body];
    Once::new(key, &whole).map(Some)
}
