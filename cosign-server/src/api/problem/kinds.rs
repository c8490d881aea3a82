//! Every kind of problem: its code, its status, and what to do about it.

use axum::http::StatusCode;

use super::Language;
use crate::domain::Error;

/// What is said of a kind in one language.
#[derive(Debug)]
pub(in crate::api) struct Words {
    pub(in crate::api) title: &'static str,
    pub(in crate::api) next_step: &'static str,
}

/// A kind of problem.
#[derive(Debug)]
pub(in crate::api) struct Kind {
    pub(in crate::api) code: &'static str,
    pub(in crate::api) status: StatusCode,
    pub(in crate::api) retryable: bool,
    en: Words,
    zh: Words,
}

impl Kind {
    pub(in crate::api) const fn words(&self, language: Language) -> &Words {
        match language {
            Language::English => &self.en,
            Language::Chinese => &self.zh,
        }
    }
}

macro_rules! kinds {
    ($($name:ident: $code:literal, $status:ident, $retryable:literal,
        $title:literal, $next:literal, $title_zh:literal, $next_zh:literal;)*) => {
        $(pub(super) static $name: Kind = Kind {
            code: $code,
            status: StatusCode::$status,
            retryable: $retryable,
            en: Words { title: $title, next_step: $next },
            zh: Words { title: $title_zh, next_step: $next_zh },
        };)*
        /// All of them.
        pub(in crate::api) static KINDS: &[&Kind] = &[$(&$name),*];
    };
}

kinds! {
    BAD_REQUEST: "bad_request", BAD_REQUEST, false,
        "The request is malformed", "Correct the request as the detail says; the API is described at /v1/openapi.json.",
        "请求格式有误", "请按详细说明更正请求；接口说明见 /v1/openapi.json。";
    NO_CLIENT_CERTIFICATE: "no_client_certificate", UNAUTHORIZED, false,
        "No client certificate", "Connect with the TLS client certificate of the device.",
        "未提供客户端证书", "请使用设备的 TLS 客户端证书建立连接。";
    NOT_ENROLLED: "not_enrolled", FORBIDDEN, false,
        "The device is not enrolled", "Get an enrolment code from the operator and enrol the device.",
        "设备未登记", "请向运营方获取登记码并登记设备。";
    SIGNATURE_INVALID: "signature_invalid", UNAUTHORIZED, false,
        "The request is not signed as it must be", "Sign the request anew as the detail and docs/webhooks.md say.",
        "请求签名不符合要求", "请按详细说明和 docs/webhooks.md 重新签名后发送。";
    CLIENT_SUSPENDED: "client_suspended", FORBIDDEN, false,
        "The client is not served", "Ask the operator of the server.",
        "该接入方已停用", "请联系服务器运营方。";
    SCOPE_MISSING: "scope_missing", FORBIDDEN, false,
        "The client may not do this", "Ask the operator of the server for the scope that the detail names.",
        "接入方没有该权限", "请向服务器运营方申请详细说明中的权限。";
    ROLE_MISSING: "role_missing", FORBIDDEN, false,
        "The device has not the role", "Have another operator do it, or get the role at the server's command line.",
        "该设备没有相应角色", "请由其他操作员执行，或在服务器命令行授予角色。";
    ENROLMENT_CODE_INVALID: "enrolment_code_invalid", FORBIDDEN, false,
        "The enrolment code is not valid", "Check the code for typing errors, or ask the operator for a new one.",
        "登记码无效", "请检查登记码是否输入有误，或向运营方申请新的登记码。";
    NOT_OFFERED: "not_offered", NOT_IMPLEMENTED, false,
        "This server does not do this", "Ask the operator of the server, or take another way.",
        "该服务器不提供此功能", "请联系服务器运营方，或改用其他方式。";
    NOT_LOGGED_IN: "not_logged_in", UNAUTHORIZED, false,
        "Nobody is logged in", "Log in and send the token of the session.",
        "尚未登录", "请登录后携带会话令牌重新请求。";
    CODE_INVALID: "code_invalid", FORBIDDEN, false,
        "The code is not valid", "Check the code for typing errors, or ask for a new one.",
        "验证码无效", "请检查验证码是否输入有误，或重新获取验证码。";
    PASSWORD_INVALID: "password_invalid", FORBIDDEN, false,
        "The phone number or the password is wrong", "Try again, or log in with an SMS code and set a new password.",
        "手机号或密码错误", "请重试，或使用短信验证码登录后重新设置密码。";
    PHONE_NEEDED: "phone_needed", FORBIDDEN, false,
        "The phone is not proven", "Ask for a code of the phone and log in with it too.",
        "尚未验证手机号", "请获取短信验证码，并在登录时一并提交。";
    IDENTITY_NEEDED: "identity_needed", FORBIDDEN, false,
        "The user has not said as whom they act", "Choose one of /v1/identities at /v1/session/identity.",
        "尚未选择身份", "请在 /v1/session/identity 选择 /v1/identities 中的一个身份。";
    CONSENT_MISSING: "consent_missing", FORBIDDEN, false,
        "The agreements are not agreed to", "Show the present agreements and send the version that the user agrees to.",
        "尚未同意用户协议", "请展示最新的协议，并提交用户同意的版本。";
    NOT_VERIFIED: "not_verified", FORBIDDEN, false,
        "The person is not verified", "Verify the person, by a stronger method if it was done before.",
        "尚未完成实名认证", "请先完成实名认证；如已认证，请使用更高等级的认证方式。";
    NOT_FOUND: "not_found", NOT_FOUND, false,
        "Not found", "Check the path and the id; what belongs to somebody else is not found either.",
        "未找到", "请检查路径和编号；属于他人的资源同样显示为未找到。";
    METHOD_NOT_ALLOWED: "method_not_allowed", METHOD_NOT_ALLOWED, false,
        "The method is not allowed", "Use a method that the path has; the API is described at /v1/openapi.json.",
        "请求方法不被允许", "请使用该路径支持的方法；接口说明见 /v1/openapi.json。";
    CONFLICT: "conflict", CONFLICT, false,
        "The state does not allow it", "Read the present state, then decide anew.",
        "当前状态不允许此操作", "请读取最新状态后重新决定。";
    PAYLOAD_TOO_LARGE: "payload_too_large", PAYLOAD_TOO_LARGE, false,
        "The body is too long", "Split the request into smaller ones.",
        "请求内容过大", "请将请求拆分为多个较小的请求。";
    UNSUPPORTED_MEDIA_TYPE: "unsupported_media_type", UNSUPPORTED_MEDIA_TYPE, false,
        "The media type is not supported", "Send the body as the type that the detail names, with its Content-Type.",
        "不支持的内容类型", "请按详细说明中的类型发送内容，并设置 Content-Type。";
    IDEMPOTENCY_MISMATCH: "idempotency_mismatch", UNPROCESSABLE_ENTITY, false,
        "The Idempotency-Key was used before", "Use a new Idempotency-Key for a new request.",
        "幂等键已被使用", "新的请求请使用新的 Idempotency-Key。";
    TOO_MANY_REQUESTS: "too_many_requests", TOO_MANY_REQUESTS, true,
        "Too many requests", "Wait as long as Retry-After says, then send it again.",
        "请求过于频繁", "请等待 Retry-After 指定的时间后重新发送。";
    BUSY: "busy", SERVICE_UNAVAILABLE, true,
        "The server is busy", "Send the same request again shortly.",
        "服务器繁忙", "请稍后重新发送同一请求。";
    UNAVAILABLE: "unavailable", SERVICE_UNAVAILABLE, true,
        "The service is not available", "Send the same request again shortly; tell the operator if that goes on.",
        "服务暂不可用", "请稍后重新发送同一请求；如持续出现，请联系运营方。";
    INTERNAL: "internal", INTERNAL_SERVER_ERROR, false,
        "A fault of the server", "Tell the operator when it happened; the log says more.",
        "服务器内部错误", "请将发生时间告知运营方，日志中有更多信息。";
}

/// Of which kind an error of the domain is.
pub(super) const fn of(error: Error) -> &'static Kind {
    match error {
        Error::BadRequest(_) => &BAD_REQUEST,
        Error::NoClientCertificate => &NO_CLIENT_CERTIFICATE,
        Error::NotEnrolled => &NOT_ENROLLED,
        Error::SignatureInvalid(_) => &SIGNATURE_INVALID,
        Error::ClientSuspended => &CLIENT_SUSPENDED,
        Error::ScopeMissing(_) => &SCOPE_MISSING,
        Error::RoleMissing(_) => &ROLE_MISSING,
        Error::EnrolmentCodeInvalid => &ENROLMENT_CODE_INVALID,
        Error::NotOffered(_) => &NOT_OFFERED,
        Error::NotLoggedIn => &NOT_LOGGED_IN,
        Error::CodeInvalid => &CODE_INVALID,
        Error::PasswordInvalid => &PASSWORD_INVALID,
        Error::PhoneNeeded => &PHONE_NEEDED,
        Error::IdentityNeeded => &IDENTITY_NEEDED,
        Error::ConsentMissing => &CONSENT_MISSING,
        Error::NotVerified => &NOT_VERIFIED,
        Error::NotFound => &NOT_FOUND,
        Error::Conflict(_) => &CONFLICT,
        Error::IdempotencyMismatch => &IDEMPOTENCY_MISMATCH,
        Error::TooManyRequests { .. } => &TOO_MANY_REQUESTS,
        Error::Busy => &BUSY,
        Error::Unavailable => &UNAVAILABLE,
        Error::Internal => &INTERNAL,
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn the_domain_and_the_list_agree() {
        for error in [
            Error::BadRequest(""),
            Error::NoClientCertificate,
            Error::NotEnrolled,
            Error::SignatureInvalid(""),
            Error::ClientSuspended,
            Error::ScopeMissing(""),
            Error::RoleMissing(""),
            Error::EnrolmentCodeInvalid,
            Error::NotOffered(""),
            Error::NotLoggedIn,
            Error::CodeInvalid,
            Error::PasswordInvalid,
            Error::PhoneNeeded,
            Error::IdentityNeeded,
            Error::ConsentMissing,
            Error::NotVerified,
            Error::NotFound,
            Error::Conflict(""),
            Error::IdempotencyMismatch,
            Error::TooManyRequests { retry_after_s: 1 },
            Error::Busy,
            Error::Unavailable,
            Error::Internal,
        ] {
            let kind = of(error);
            assert_eq!((kind.code, kind.retryable), (error.code(), error.is_retryable()));
        }
        let codes: BTreeSet<_> = KINDS.iter().map(|kind| kind.code).collect();
        assert_eq!(codes.len(), KINDS.len());
        for kind in KINDS {
            assert!(kind.status.is_client_error() || kind.status.is_server_error(), "{}", kind.code);
            let is_chinese =
                |text: &str| text.chars().any(|letter| ('\u{4e00}'..'\u{9fff}').contains(&letter));
            assert!(is_chinese(kind.zh.title) && is_chinese(kind.zh.next_step), "{}", kind.code);
            assert!(kind.en.title.is_ascii() && kind.en.next_step.is_ascii(), "{}", kind.code);
        }
    }
}
