//! Errors as clients see them: RFC 9457 problem details with a stable `code`, in English or Chinese. The one place that
//! knows status codes.

mod kinds;
mod language;
mod zh;

use axum::{
    Json,
    extract::Request,
    http::{HeaderValue, header},
    middleware::Next,
    response::{IntoResponse, Response},
};
use serde::Serialize;
use utoipa::ToSchema;

use crate::{domain::Error, telemetry::TraceId};

pub(super) use self::{
    kinds::{KINDS, Kind},
    language::Language,
};

/// Media type of an error answer.
pub(super) const MEDIA: &str = "application/problem+json";

/// An error answer.
#[derive(Clone, Debug)]
pub struct Problem {
    kind: &'static Kind,
    detail: String,
    detail_zh: String,
    retry_after_s: Option<u32>,
    trace_id: Option<TraceId>,
}

/// Why a request did nothing (RFC 9457). English, or Chinese if `Accept-Language` prefers it.
#[derive(Serialize, ToSchema)]
#[schema(as = Problem)]
pub(super) struct Body<'a> {
    /// `urn:cosign:problem:` and the code.
    r#type: String,
    /// What kind of error it is.
    title: &'a str,
    /// HTTP status.
    status: u16,
    /// Which kind of error it is, for programs: never translated, never renamed.
    code: &'a str,
    /// What went wrong this time.
    detail: &'a str,
    /// What to do about it.
    next_step: &'a str,
    /// Whether the identical request may succeed later without anybody changing anything.
    retryable: bool,
    /// Seconds to wait before that.
    #[serde(skip_serializing_if = "Option::is_none")]
    retry_after_s: Option<u32>,
    /// By which the server's operator finds what happened, if requests are traced: 32 hexadecimal digits.
    #[serde(skip_serializing_if = "Option::is_none")]
    trace_id: Option<String>,
}

impl Problem {
    fn new(kind: &'static Kind, detail: impl Into<String>, detail_zh: impl Into<String>) -> Self {
        Self { kind, detail: detail.into(), detail_zh: detail_zh.into(), retry_after_s: None, trace_id: None }
    }

    /// 413.
    #[must_use]
    pub fn payload_too_large(limit: usize) -> Self {
        let (detail, zh) =
            (format!("the body is longer than {limit} bytes"), format!("请求内容超过 {limit} 字节"));
        Self::new(&kinds::PAYLOAD_TOO_LARGE, detail, zh)
    }

    /// 415.
    #[must_use]
    pub fn unsupported_media_type(expected: &str) -> Self {
        let (detail, zh) =
            (format!("the body must be {expected}"), format!("请求内容的类型必须是 {expected}"));
        Self::new(&kinds::UNSUPPORTED_MEDIA_TYPE, detail, zh)
    }

    /// 400 with the words of a parser, which are English.
    #[must_use]
    pub fn malformed(detail: impl Into<String>) -> Self {
        let detail = detail.into();
        let zh = zh::of(&detail).map_or_else(|| format!("请求无法解析：{detail}"), str::to_owned);
        Self::new(&kinds::BAD_REQUEST, detail, zh)
    }

    fn render(&self, language: Language) -> Response {
        let words = self.kind.words(language);
        let body = Body {
            r#type: format!("urn:cosign:problem:{}", self.kind.code),
            title: words.title,
            status: self.kind.status.as_u16(),
            code: self.kind.code,
            detail: match language {
                Language::English => &self.detail,
                Language::Chinese => &self.detail_zh,
            },
            next_step: words.next_step,
            retryable: self.kind.retryable,
            retry_after_s: self.retry_after_s,
            trace_id: self.trace_id.map(|id| id.to_string()),
        };
        let mut response = (self.kind.status, Json(body)).into_response();
        let headers = response.headers_mut();
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(MEDIA));
        headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
        headers.insert(header::CONTENT_LANGUAGE, HeaderValue::from_static(language.tag()));
        headers.insert(header::VARY, HeaderValue::from_static("accept-language"));
        if let Some(seconds) = self.retry_after_s {
            headers.insert(header::RETRY_AFTER, HeaderValue::from(seconds));
        }
        response
    }
}

impl From<Error> for Problem {
    fn from(error: Error) -> Self {
        let detail = error.to_string();
        let retry_after_s = match error {
            Error::TooManyRequests { retry_after_s } => Some(retry_after_s),
            Error::Busy | Error::Unavailable => Some(1),
            _ => None,
        };
        let zh = match error {
            Error::TooManyRequests { retry_after_s } => {
                format!("请求过于频繁，请在 {retry_after_s} 秒后重试")
            }
            Error::ScopeMissing(scope) => format!("接入方没有权限 {scope}，请向服务器运营方申请"),
            Error::SignatureInvalid(why) => format!("请求签名无效：{why}"),
            _ => zh::of(&detail).unwrap_or(&detail).to_owned(),
        };
        Self { retry_after_s, ..Self::new(kinds::of(error), detail, zh) }
    }
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let mut response = self.render(Language::English);
        response.extensions_mut().insert(self);
        response
    }
}

/// Puts the id of its trace into a problem.
pub(super) fn name_trace(response: &mut Response, trace_id: TraceId) {
    let Some(problem) = response.extensions_mut().remove::<Problem>() else { return };
    let problem = Problem { trace_id: Some(trace_id), ..problem };
    *response.body_mut() = problem.render(Language::English).into_body();
    response.headers_mut().remove(header::CONTENT_LENGTH);
    response.extensions_mut().insert(problem);
}

/// Puts problems into the language that the caller prefers.
pub(super) async fn translate(request: Request, next: Next) -> Response {
    let language = Language::preferred(request.headers());
    let mut response = next.run(request).await;
    match response.extensions_mut().remove::<Problem>() {
        Some(problem) if language != Language::English => problem.render(language),
        _ => response,
    }
}

/// Answers paths that do not exist.
pub(super) async fn no_route() -> Problem {
    Error::NotFound.into()
}

/// Answers methods that a path does not have.
pub(super) async fn no_method() -> Problem {
    Problem::new(&kinds::METHOD_NOT_ALLOWED, "the path does not have this method", "该路径不支持此请求方法")
}
