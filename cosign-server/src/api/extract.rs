//! What handlers demand as arguments: the caller, an enrolled device, a body. Without them they are not called.

use axum::{
    body::{Body, Bytes},
    extract::{FromRequest, FromRequestParts, Path, Query, Request},
    http::{HeaderMap, Method, Uri, header, request::Parts},
};
use cosign_core::KeyId;
use http_body_util::{BodyExt, LengthLimitError, Limited};
use serde::de::DeserializeOwned;

use super::{Api, Problem};
use crate::domain::{
    Error,
    device::{Caller, Device},
    once::Once,
};

/// Longest JSON body in bytes.
const MAX_JSON: usize = 16 * 1024;
/// Longest protocol frame: 256 items of a signing request take 41042 bytes.
pub(super) const MAX_FRAME: usize = 64 * 1024;
/// Media type of protocol frames.
pub(super) const FRAME: &str = "application/vnd.cosign.frame";

/// Who sent the request, as the transport authenticated it.
pub(super) struct From(pub(super) Caller);

impl<S: Sync> FromRequestParts<S> for From {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Problem> {
        parts.extensions.get::<Caller>().copied().map(Self).ok_or_else(|| Error::Internal.into())
    }
}

/// A device that is enrolled.
pub(super) struct Enrolled(pub(super) Device);

impl FromRequestParts<Api> for Enrolled {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, api: &Api) -> Result<Self, Problem> {
        let From(caller) = From::from_request_parts(parts, api).await?;
        Ok(Self(api.devices.enrolled(caller).await?))
    }
}

/// The key id of the path.
pub(super) struct OfKey(pub(super) KeyId);

impl<S: Send + Sync> FromRequestParts<S> for OfKey {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Problem> {
        let Path(segments) = Path::<Vec<(String, String)>>::from_request_parts(parts, state)
            .await
            .map_err(|_| Problem::from(Error::NotFound))?;
        let key_id =
            segments.iter().find(|(name, _)| name == "key_id").and_then(|(_, value)| value.parse().ok());
        key_id.map(Self).ok_or_else(|| Error::NotFound.into())
    }
}

/// The named parts of the path.
pub(super) struct Segments(Vec<(String, String)>);

impl Segments {
    /// One of them.
    pub(super) fn get(&self, name: &str) -> Result<&str, Problem> {
        let found = self.0.iter().find(|(key, _)| key == name);
        found.map(|(_, value)| value.as_str()).ok_or_else(|| Error::NotFound.into())
    }
}

impl<S: Send + Sync> FromRequestParts<S> for Segments {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Problem> {
        let segments = Path::<Vec<(String, String)>>::from_request_parts(parts, state).await;
        segments.map(|Path(segments)| Self(segments)).map_err(|_| Error::NotFound.into())
    }
}

/// A body of at most `MAX` bytes, of a type that the handler demands.
pub(super) struct Plain<const MAX: usize> {
    pub(super) bytes: Bytes,
    pub(super) once: Option<Once>,
    headers: HeaderMap,
}

impl<const MAX: usize> Plain<MAX> {
    /// Whether it is of this type.
    pub(super) fn demand(&self, expected: &str) -> Result<(), Problem> {
        demand_type(&self.headers, expected)
    }
}

impl<S: Send + Sync, const MAX: usize> FromRequest<S> for Plain<MAX> {
    type Rejection = Problem;

    async fn from_request(request: Request, _: &S) -> Result<Self, Problem> {
        let (parts, body) = request.into_parts();
        let bytes = read(body, MAX).await?;
        let once = named(&parts.method, &parts.uri, &parts.headers, &bytes)?;
        Ok(Self { bytes, once, headers: parts.headers })
    }
}

/// The parameters behind the question mark.
pub(super) struct Parameters<T>(pub(super) T);

impl<T: DeserializeOwned, S: Send + Sync> FromRequestParts<S> for Parameters<T> {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Problem> {
        let query = Query::<T>::from_request_parts(parts, state).await;
        query.map(|Query(parameters)| Self(parameters)).map_err(|error| Problem::malformed(error.body_text()))
    }
}

/// A POST: its JSON body of at most `MAX` bytes and, if it names itself, its name.
pub(super) struct Input<T, const MAX: usize = MAX_JSON> {
    pub(super) body: T,
    pub(super) once: Option<Once>,
}

impl<T: DeserializeOwned, S: Send + Sync, const MAX: usize> FromRequest<S> for Input<T, MAX> {
    type Rejection = Problem;

    async fn from_request(request: Request, _: &S) -> Result<Self, Problem> {
        let (parts, body) = request.into_parts();
        demand_type(&parts.headers, "application/json")?;
        let bytes = read(body, MAX).await?;
        let body = serde_json::from_slice(&bytes).map_err(|error| Problem::malformed(error.to_string()))?;
        Ok(Self { body, once: named(&parts.method, &parts.uri, &parts.headers, &bytes)? })
    }
}

/// A POST whose body, if any, says nothing.
pub(super) struct Bare {
    pub(super) once: Option<Once>,
}

impl<S: Send + Sync> FromRequest<S> for Bare {
    type Rejection = Problem;

    async fn from_request(request: Request, _: &S) -> Result<Self, Problem> {
        let (parts, body) = request.into_parts();
        let bytes = read(body, MAX_JSON).await?;
        Ok(Self { once: named(&parts.method, &parts.uri, &parts.headers, &bytes)? })
    }
}

/// A protocol frame.
pub(super) struct Frame(pub(super) Bytes);

impl<S: Send + Sync> FromRequest<S> for Frame {
    type Rejection = Problem;

    async fn from_request(request: Request, _: &S) -> Result<Self, Problem> {
        let (parts, body) = request.into_parts();
        demand_type(&parts.headers, FRAME)?;
        Ok(Self(read(body, MAX_FRAME).await?))
    }
}

pub(super) fn demand_type(headers: &HeaderMap, expected: &str) -> Result<(), Problem> {
    let given = headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let essence = given.split(';').next().unwrap_or_default().trim();
    if essence.eq_ignore_ascii_case(expected) {
        Ok(())
    } else {
        Err(Problem::unsupported_media_type(expected))
    }
}

pub(super) async fn read(body: Body, limit: usize) -> Result<Bytes, Problem> {
    match Limited::new(body, limit).collect().await {
        Ok(body) => Ok(body.to_bytes()),
        Err(error) if error.is::<LengthLimitError>() => Err(Problem::payload_too_large(limit)),
        Err(_) => Err(Problem::malformed("the body was cut off")),
    }
}

fn named(method: &Method, uri: &Uri, headers: &HeaderMap, body: &[u8]) -> Result<Option<Once>, Problem> {
    let Some(key) = headers.get("idempotency-key") else { return Ok(None) };
    let key = key.to_str().map_err(|_| Error::BadRequest("the Idempotency-Key is not ASCII"))?;
    Ok(Some(Once::new(key, &[method.as_str().as_bytes(), uri.path().as_bytes(), body])?))
}
