//! Conditional requests: what the caller has already is not sent again. Source: RFC 9110, 8.8.3 and 13.1.2.

use axum::{
    body::Body,
    extract::Request,
    http::{HeaderMap, HeaderValue, Method, StatusCode, header},
    middleware::Next,
    response::{IntoResponse, Response},
};
use cosign_core::sm_primitives::sm3;
use http_body_util::BodyExt as _;

use super::Problem;
use crate::domain::Error;

/// The entity tag of these bytes.
pub(super) fn tag(bytes: &[u8]) -> String {
    format!("\"{}\"", hex::encode(sm3::digest(bytes).get(..16).unwrap_or_default()))
}

/// Whether the caller has what this tag names; `None` when it did not say what it has.
pub(super) fn is_known(asked: &HeaderMap, tag: &str) -> Option<bool> {
    let tags = asked.get(header::IF_NONE_MATCH)?;
    Some(tags.to_str().is_ok_and(|tags| matches(tags, tag)))
}

/// Whether a list of entity tags has this one, or is `*`. Weak ones count.
fn matches(tags: &str, tag: &str) -> bool {
    tags.split(',').map(str::trim).any(|one| one == "*" || one.strip_prefix("W/").unwrap_or(one) == tag)
}

/// Gives JSON that was fetched its tag, and leaves it out when the caller has it. It is the caller's alone and may be
/// kept, but not be used again without asking.
pub(super) async fn answer(request: Request, next: Next) -> Response {
    let is_get = request.method() == Method::GET;
    let asked = request.headers().clone();
    let response = next.run(request).await;
    let is_json = response.headers().get(header::CONTENT_TYPE).is_some_and(|kind| kind == "application/json");
    if !is_get || response.status() != StatusCode::OK || !is_json {
        return response;
    }
    let (mut parts, body) = response.into_parts();
    // It is in memory already: handlers answer with whole values.
    let Ok(body) = body.collect().await else { return Problem::from(Error::Internal).into_response() };
    let bytes = body.to_bytes();
    let tag = tag(&bytes);
    let known = is_known(&asked, &tag) == Some(true);
    if let Ok(tag) = HeaderValue::try_from(tag) {
        parts.headers.insert(header::ETAG, tag);
    }
    parts.headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("private, no-cache"));
    if known {
        parts.status = StatusCode::NOT_MODIFIED;
        parts.headers.remove(header::CONTENT_TYPE);
        parts.headers.remove(header::CONTENT_LENGTH);
        return Response::from_parts(parts, Body::empty());
    }
    Response::from_parts(parts, Body::from(bytes))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn entity_tags_are_compared_weakly() {
        for (tags, known) in [
            ("\"a\"", true),
            ("W/\"a\"", true),
            ("\"b\", \"a\"", true),
            ("*", true),
            ("\"b\"", false),
            ("a", false),
            ("", false),
        ] {
            let asked = HeaderMap::from_iter([(header::IF_NONE_MATCH, HeaderValue::from_static(tags))]);
            assert_eq!(is_known(&asked, "\"a\""), Some(known), "{tags}");
        }
        assert_eq!(is_known(&HeaderMap::new(), "\"a\""), None);
    }
}
