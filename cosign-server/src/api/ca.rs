//! What everybody may fetch from an authority: its certificate, revocation lists, OCSP answers, time stamps.
//!
//! Sources: RFC 5280, 4.2.1.13 and RFC 2585 (lists and certificates), RFC 6960 and RFC 5019 (OCSP), RFC 3161 (stamps),
//! RFC 9110 and 9111 (conditions and caches).

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use axum::{
    body::Bytes,
    extract::{FromRequestParts, State},
    http::{HeaderMap, HeaderValue, StatusCode, header, request::Parts},
    response::{IntoResponse, Response},
};
use base64ct::{Base64, Encoding as _};

use super::{
    Api, Problem, conditional,
    extract::{From, Plain, Segments},
    openapi::{Octets, Problems},
};
use crate::domain::{Error, ca::AuthorityId, throttle::network};

/// Longest OCSP request in bytes.
const MAX_OCSP: usize = 16 * 1024;
/// Longest one in a path, in characters. Source: RFC 5019, 5.
const MAX_OCSP_PATH: usize = 1024;
/// Longest time-stamp request in bytes.
const MAX_STAMP: usize = 4 * 1024;

const CRL: &str = "application/pkix-crl";
const CERTIFICATE: &str = "application/pkix-cert";
const OCSP_REQUEST: &str = "application/ocsp-request";
const OCSP_RESPONSE: &str = "application/ocsp-response";
const STAMP_QUERY: &str = "application/timestamp-query";
const STAMP_REPLY: &str = "application/timestamp-reply";

/// A source that does not ask for more than its share.
pub(super) struct Admitted;

impl FromRequestParts<Api> for Admitted {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, api: &Api) -> Result<Self, Problem> {
        let From(caller) = From::from_request_parts(parts, api).await?;
        let admitted = api.public.admit(&network(caller.source), api.clock.now_ms());
        admitted.map_err(|retry_after_s| Error::TooManyRequests { retry_after_s })?;
        Ok(Self)
    }
}

/// Something that may be kept until a moment. Unix milliseconds.
struct Published {
    media: &'static str,
    der: Vec<u8>,
    from_ms: u64,
    until_ms: u64,
}

fn moment(ms: u64) -> SystemTime {
    UNIX_EPOCH + Duration::from_secs(ms / 1000)
}

fn text(value: String) -> Result<HeaderValue, Problem> {
    HeaderValue::try_from(value).map_err(|_| Error::Internal.into())
}

impl Published {
    /// The whole, or that the caller has it.
    fn answer(self, asked: &HeaderMap, now_ms: u64) -> Result<Response, Problem> {
        let Self { media, der, from_ms, until_ms } = self;
        let tag = conditional::tag(&der);
        let max_age = until_ms.saturating_sub(now_ms) / 1000;
        let is_known = conditional::is_known(asked, &tag).unwrap_or_else(|| {
            let since = asked.get(header::IF_MODIFIED_SINCE).and_then(|since| since.to_str().ok());
            let since = since.and_then(|since| httpdate::parse_http_date(since).ok());
            since.is_some_and(|since| moment(from_ms) <= since)
        });
        let mut response = if is_known {
            StatusCode::NOT_MODIFIED.into_response()
        } else {
            ([(header::CONTENT_TYPE, media)], Bytes::from(der)).into_response()
        };
        let control = format!("public, max-age={max_age}, no-transform, must-revalidate");
        let headers = response.headers_mut();
        headers.insert(header::ETAG, text(tag)?);
        headers.insert(header::CACHE_CONTROL, text(control)?);
        headers.insert(header::LAST_MODIFIED, text(httpdate::fmt_http_date(moment(from_ms)))?);
        headers.insert(header::EXPIRES, text(httpdate::fmt_http_date(moment(until_ms)))?);
        Ok(response)
    }
}

fn named(segments: &Segments, name: &str) -> Result<AuthorityId, Problem> {
    segments.get(name)?.to_owned().try_into().map_err(|_| Error::NotFound.into())
}

/// An authority's certificate or one of its revocation lists
///
/// `{authority}.cer`, `{authority}.crl` or `{authority}.delta.crl`, DER.
#[utoipa::path(
    get, path = "/ca/{file}", tag = "public", security(()),
    params(("file" = String, Path, description = "the name of the authority, and `.cer`, `.crl` or `.delta.crl`")),
    responses((status = 200, content((Octets = "application/pkix-crl"), (Octets = "application/pkix-cert"))), Problems),
)]
pub(super) async fn file(
    State(api): State<Api>,
    _: Admitted,
    segments: Segments,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let file = segments.get("file")?;
    let authority =
        |id: &str| AuthorityId::try_from(id.to_owned()).map_err(|_| Problem::from(Error::NotFound));
    let published = if let Some(id) = file.strip_suffix(".cer") {
        let authority = api.authorities.authority(&authority(id)?).await?;
        let certificate = authority.certificate()?;
        let validity = certificate.validity();
        let now_ms = api.clock.now_ms();
        Published {
            media: CERTIFICATE,
            der: certificate.as_der().to_vec(),
            from_ms: authority.created_ms,
            // It does not change; nobody needs to keep it for years.
            until_ms: (now_ms + 86_400_000).min(validity.not_after.as_unix().saturating_mul(1000)),
        }
    } else {
        let (id, delta) = match (file.strip_suffix(".delta.crl"), file.strip_suffix(".crl")) {
            (Some(id), _) => (id, true),
            (None, Some(id)) => (id, false),
            (None, None) => return Err(Error::NotFound.into()),
        };
        let list = api.authorities.revocation_list(&authority(id)?, delta).await?;
        Published { media: CRL, der: list.der, from_ms: list.this_update_ms, until_ms: list.next_update_ms }
    };
    published.answer(&headers, api.clock.now_ms())
}

/// The status of certificates, in a form that caches keep
///
/// The request is base64, of at most 1024 characters. Source: RFC 6960, A.1; RFC 5019, 5.
#[utoipa::path(
    get, path = "/ocsp/{authority}/{*request}", tag = "public", security(()),
    params(("authority" = String, Path), ("request" = String, Path)),
    responses((status = 200, body = Octets, content_type = "application/ocsp-response"), Problems),
)]
pub(super) async fn ocsp_get(
    State(api): State<Api>,
    _: Admitted,
    segments: Segments,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let encoded = segments.get("request")?;
    if encoded.len() > MAX_OCSP_PATH {
        return Err(Problem::malformed("an OCSP request of more than 1024 characters is sent with POST"));
    }
    let request =
        Base64::decode_vec(encoded).map_err(|_| Problem::malformed("the OCSP request is not base64"))?;
    ocsp(&api, &named(&segments, "authority")?, &request, &headers).await
}

/// The status of certificates
///
/// Source: RFC 6960, A.1.
#[utoipa::path(
    post, path = "/ocsp/{authority}", tag = "public", security(()),
    params(("authority" = String, Path)),
    request_body(content = Octets, content_type = "application/ocsp-request"),
    responses((status = 200, body = Octets, content_type = "application/ocsp-response"), Problems),
)]
pub(super) async fn ocsp_post(
    State(api): State<Api>,
    _: Admitted,
    segments: Segments,
    body: Plain<MAX_OCSP>,
) -> Result<Response, Problem> {
    body.demand(OCSP_REQUEST)?;
    // Conditions do not apply to a POST.
    ocsp(&api, &named(&segments, "authority")?, &body.bytes, &HeaderMap::default()).await
}

async fn ocsp(
    api: &Api,
    authority: &AuthorityId,
    request: &[u8],
    headers: &HeaderMap,
) -> Result<Response, Problem> {
    let answer = api.authorities.answer_ocsp(authority, request).await?;
    match answer.valid_ms {
        Some((from_ms, until_ms)) => {
            let published = Published { media: OCSP_RESPONSE, der: answer.der, from_ms, until_ms };
            published.answer(headers, api.clock.now_ms())
        }
        None => Ok(fresh(OCSP_RESPONSE, answer.der)),
    }
}

/// A time stamp
///
/// Source: RFC 3161, 3.4.
#[utoipa::path(
    post, path = "/tsa/{authority}", tag = "public", security(()),
    params(("authority" = String, Path)),
    request_body(content = Octets, content_type = "application/timestamp-query"),
    responses((status = 200, body = Octets, content_type = "application/timestamp-reply"), Problems),
)]
pub(super) async fn stamp(
    State(api): State<Api>,
    _: Admitted,
    segments: Segments,
    body: Plain<MAX_STAMP>,
) -> Result<Response, Problem> {
    body.demand(STAMP_QUERY)?;
    let answer = api.authorities.stamp(&named(&segments, "authority")?, body.bytes.to_vec()).await?;
    Ok(fresh(STAMP_REPLY, answer))
}

fn fresh(media: &'static str, der: Vec<u8>) -> Response {
    ([(header::CONTENT_TYPE, media), (header::CACHE_CONTROL, "no-store")], Bytes::from(der)).into_response()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_the_caller_has_is_not_sent_again() {
        let published = || Published {
            media: CRL,
            der: vec![1, 2, 3],
            from_ms: 1_800_000_000_000,
            until_ms: 1_800_000_600_000,
        };
        let ask = |name: header::HeaderName, value: &str| {
            let headers = HeaderMap::from_iter([(name, HeaderValue::from_str(value).unwrap())]);
            published().answer(&headers, 1_800_000_100_000).unwrap()
        };
        let whole = published().answer(&HeaderMap::new(), 1_800_000_100_000).unwrap();
        let value = |name| whole.headers().get(name).unwrap().to_str().unwrap().to_owned();
        assert_eq!(whole.status(), StatusCode::OK);
        assert_eq!(value(header::CONTENT_TYPE), CRL);
        assert_eq!(value(header::CACHE_CONTROL), "public, max-age=500, no-transform, must-revalidate");
        assert_eq!(value(header::LAST_MODIFIED), "Fri, 15 Jan 2027 08:00:00 GMT");
        assert_eq!(value(header::EXPIRES), "Fri, 15 Jan 2027 08:10:00 GMT");
        let (tag, modified) = (value(header::ETAG), value(header::LAST_MODIFIED));
        assert_eq!(ask(header::IF_NONE_MATCH, &tag).status(), StatusCode::NOT_MODIFIED);
        assert_eq!(ask(header::IF_NONE_MATCH, "\"other\"").status(), StatusCode::OK);
        assert_eq!(ask(header::IF_MODIFIED_SINCE, &modified).status(), StatusCode::NOT_MODIFIED);
        assert_eq!(ask(header::IF_MODIFIED_SINCE, "Fri, 15 Jan 2027 07:59:59 GMT").status(), StatusCode::OK);
        assert_eq!(ask(header::IF_MODIFIED_SINCE, "yesterday").status(), StatusCode::OK);
    }
}
