//! Why a domain call did not happen, and whose move is next.

use thiserror::Error as ThisError;

use super::ports::StoreError;

/// Outcome of a domain call that changed nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ThisError)]
pub enum Error {
    /// The caller's input is malformed.
    #[error("{0}")]
    BadRequest(&'static str),
    /// The connection carries no client certificate, so there is no device.
    #[error("the connection has no client certificate")]
    NoClientCertificate,
    /// The device is not enrolled.
    #[error("the device is not enrolled")]
    NotEnrolled,
    /// The request of an API client is not signed as it must be.
    #[error("{0}")]
    SignatureInvalid(&'static str),
    /// The API client is suspended or closed.
    #[error("the client is suspended or closed; ask the operator of the server")]
    ClientSuspended,
    /// The API client may not do this.
    #[error("the client lacks the scope {0}; ask the operator of the server")]
    ScopeMissing(&'static str),
    /// The device is no operator, or has another role.
    #[error("{0}")]
    RoleMissing(&'static str),
    /// The enrolment code is unknown, used up or expired.
    #[error("the enrolment code is unknown, used up or expired")]
    EnrolmentCodeInvalid,
    /// This server does not do this.
    #[error("{0}")]
    NotOffered(&'static str),
    /// Nobody is logged in.
    #[error("nobody is logged in, or the session is over")]
    NotLoggedIn,
    /// The SMS code is wrong, used or over.
    #[error("the code is wrong, used or expired")]
    CodeInvalid,
    /// The password is wrong, or there is none.
    #[error("the phone number or the password is wrong")]
    PasswordInvalid,
    /// The device is new to the account, and nothing proves the phone.
    #[error("the device is new to the account: it takes a code of the phone too")]
    PhoneNeeded,
    /// The user has not said yet as whom they act.
    #[error("say first as whom you act: as yourself or for an enterprise")]
    IdentityNeeded,
    /// The user has not agreed to the present agreements.
    #[error("the user agreement and the privacy policy are not agreed to")]
    ConsentMissing,
    /// The person behind the account is not verified, or not well enough.
    #[error("the person is not verified well enough for this")]
    NotVerified,
    /// No such thing, or not the caller's.
    #[error("not found")]
    NotFound,
    /// The state of the thing does not allow it.
    #[error("{0}")]
    Conflict(&'static str),
    /// The idempotency key was used for another request.
    #[error("the idempotency key was used for another request")]
    IdempotencyMismatch,
    /// The caller must wait.
    #[error("too many requests; retry in {retry_after_s} s")]
    TooManyRequests {
        /// Seconds until the next attempt may succeed.
        retry_after_s: u32,
    },
    /// No capacity now; the same request may succeed shortly.
    #[error("the server has no capacity now")]
    Busy,
    /// Storage does not answer.
    #[error("storage is not available")]
    Unavailable,
    /// A fault of the server.
    #[error("internal error")]
    Internal,
}

impl Error {
    /// The stable code that clients see, over HTTP and over QUIC.
    #[must_use]
    pub const fn code(self) -> &'static str {
        match self {
            Self::BadRequest(_) => "bad_request",
            Self::NoClientCertificate => "no_client_certificate",
            Self::NotEnrolled => "not_enrolled",
            Self::SignatureInvalid(_) => "signature_invalid",
            Self::ClientSuspended => "client_suspended",
            Self::ScopeMissing(_) => "scope_missing",
            Self::RoleMissing(_) => "role_missing",
            Self::EnrolmentCodeInvalid => "enrolment_code_invalid",
            Self::NotOffered(_) => "not_offered",
            Self::NotLoggedIn => "not_logged_in",
            Self::CodeInvalid => "code_invalid",
            Self::PasswordInvalid => "password_invalid",
            Self::PhoneNeeded => "phone_needed",
            Self::IdentityNeeded => "identity_needed",
            Self::ConsentMissing => "consent_missing",
            Self::NotVerified => "not_verified",
            Self::NotFound => "not_found",
            Self::Conflict(_) => "conflict",
            Self::IdempotencyMismatch => "idempotency_mismatch",
            Self::TooManyRequests { .. } => "too_many_requests",
            Self::Busy => "busy",
            Self::Unavailable => "unavailable",
            Self::Internal => "internal",
        }
    }

    /// Whether the identical request may succeed later without anybody changing anything.
    #[must_use]
    pub const fn is_retryable(self) -> bool {
        match self {
            Self::TooManyRequests { .. } | Self::Busy | Self::Unavailable => true,
            Self::BadRequest(_)
            | Self::NoClientCertificate
            | Self::NotEnrolled
            | Self::SignatureInvalid(_)
            | Self::ClientSuspended
            | Self::ScopeMissing(_)
            | Self::RoleMissing(_)
            | Self::EnrolmentCodeInvalid
            | Self::NotOffered(_)
            | Self::NotLoggedIn
            | Self::CodeInvalid
            | Self::PasswordInvalid
            | Self::PhoneNeeded
            | Self::IdentityNeeded
            | Self::ConsentMissing
            | Self::NotVerified
            | Self::NotFound
            | Self::Conflict(_)
            | Self::IdempotencyMismatch
            | Self::Internal => false,
        }
    }
}

impl From<StoreError> for Error {
    fn from(error: StoreError) -> Self {
        match error {
            StoreError::Stale => Self::Conflict("the state changed meanwhile"),
            StoreError::Duplicate => Self::Conflict("it exists already"),
            StoreError::SessionSpent | StoreError::SessionKnown => Self::Conflict("the session is spent"),
            StoreError::Busy => Self::Busy,
            StoreError::Unavailable => Self::Unavailable,
            StoreError::Corrupt => Self::Internal,
        }
    }
}
