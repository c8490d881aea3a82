//! Opening keys, and the time locks of bids.

use axum::{Json, extract::State, http::header, response::IntoResponse};
use envelope::{SubjectKeyId, bid::LockCommitment};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::{
    Api, Problem,
    extract::{Enrolled, Input},
    openapi::Problems,
};
use crate::domain::{
    device::Name,
    opening::{Answer, Ask, LOCK_LEN, MAX_LOCKS, OpeningKey, Question},
};

/// Longest body in bytes: 1024 locks with their keys take 420,000.
const MAX_BODY: usize = 512 * 1024;

#[derive(Serialize, ToSchema)]
#[schema(as = OpeningKey)]
struct KeyBody {
    opening_key_id: String,
    #[schema(value_type = String)]
    label: Name,
    created_at_ms: u64,
    retired_at_ms: Option<u64>,
    /// PEM.
    public_key: String,
    /// The point, uncompressed (SEC 1).
    public_key_hex: String,
}

impl From<OpeningKey> for KeyBody {
    fn from(key: OpeningKey) -> Self {
        Self {
            opening_key_id: key.id().to_string(),
            public_key: key.public_key.to_spki_pem(),
            public_key_hex: hex::encode(key.public_key.as_point().to_sec1()),
            label: key.label,
            created_at_ms: key.created_ms,
            retired_at_ms: key.retired_ms,
        }
    }
}

#[derive(Serialize, ToSchema)]
#[schema(as = OpeningKeys)]
pub(super) struct KeysBody {
    opening_keys: Vec<KeyBody>,
}

/// Opening keys
///
/// Those retired too, so that old bids can be checked. New bids are for one that is not.
#[utoipa::path(
    get, path = "/v1/opening-keys", tag = "opening", responses((status = 200, body = KeysBody), Problems),
)]
pub(super) async fn list(State(api): State<Api>, _: Enrolled) -> Result<Json<KeysBody>, Problem> {
    let keys = api.opening_keys.list().await?;
    Ok(Json(KeysBody { opening_keys: keys.into_iter().map(KeyBody::from).collect() }))
}

#[derive(Deserialize, ToSchema)]
#[schema(as = Lock)]
#[serde(deny_unknown_fields)]
struct LockBody {
    opening_key_id: String,
    lock: String,
}

#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Locks {
    locks: Vec<LockBody>,
}

#[derive(Serialize, ToSchema)]
#[schema(as = LockAnswer)]
#[serde(tag = "state", rename_all = "snake_case")]
enum AnswerBody {
    Released { not_before: u64, file_id: String, secret: String },
    TooEarly { not_before: u64, file_id: String, commitment: String },
    Good { not_before: u64, file_id: String, commitment: String },
    UnknownOpeningKey,
    Invalid,
}

impl From<Answer> for AnswerBody {
    fn from(answer: Answer) -> Self {
        let words = |LockCommitment { commitment, file_id, not_before }: LockCommitment| {
            (not_before, file_id.to_string(), hex::encode(commitment))
        };
        match answer {
            Answer::Released(lock) => Self::Released {
                not_before: lock.not_before,
                file_id: lock.file_id.to_string(),
                secret: hex::encode(lock.secret.expose_bytes()),
            },
            Answer::TooEarly(item) => {
                let (not_before, file_id, commitment) = words(item);
                Self::TooEarly { not_before, file_id, commitment }
            }
            Answer::Checked(item) => {
                let (not_before, file_id, commitment) = words(item);
                Self::Good { not_before, file_id, commitment }
            }
            Answer::UnknownKey => Self::UnknownOpeningKey,
            Answer::Invalid => Self::Invalid,
        }
    }
}

#[derive(Serialize, ToSchema)]
#[schema(as = LockAnswers)]
struct AnswersBody {
    locks: Vec<AnswerBody>,
}

/// What is in each lock whose time has come
///
/// Asking again gives the same; each time is in the audit log.
#[utoipa::path(
    post, path = "/v1/locks/release", tag = "opening", request_body = Locks,
    responses((status = 200, body = AnswersBody), Problems),
)]
pub(super) async fn release(
    State(api): State<Api>,
    Enrolled(device): Enrolled,
    Input { body, .. }: Input<Locks, MAX_BODY>,
) -> Result<impl IntoResponse, Problem> {
    answer(&api, &device, Ask::Release, body).await
}

/// Whether each lock will open, and when
///
/// Never what is in it.
#[utoipa::path(
    post, path = "/v1/locks/check", tag = "opening", request_body = Locks,
    responses((status = 200, body = AnswersBody), Problems),
)]
pub(super) async fn check(
    State(api): State<Api>,
    Enrolled(device): Enrolled,
    Input { body, .. }: Input<Locks, MAX_BODY>,
) -> Result<impl IntoResponse, Problem> {
    answer(&api, &device, Ask::Check, body).await
}

async fn answer(
    api: &Api,
    device: &crate::domain::device::Device,
    ask: Ask,
    body: Locks,
) -> Result<impl IntoResponse + use<>, Problem> {
    if body.locks.len() > MAX_LOCKS {
        return Err(Problem::malformed(format!("a request has at most {MAX_LOCKS} locks")));
    }
    let questions = body.locks.iter().enumerate().map(|(index, lock)| question(index, lock));
    let questions = questions.collect::<Result<_, _>>()?;
    let answers = api.opening.open(device.id, ask, questions).await?;
    let body = AnswersBody { locks: answers.into_iter().map(AnswerBody::from).collect() };
    Ok(([(header::CACHE_CONTROL, "no-store")], Json(body)))
}

fn question(index: usize, body: &LockBody) -> Result<Question, Problem> {
    let key = hex::decode(&body.opening_key_id).ok().and_then(|bytes| SubjectKeyId::new(&bytes).ok());
    let key = key.ok_or_else(|| {
        Problem::malformed(format!("lock {index}: the opening_key_id is not 2 to 128 hexadecimal digits"))
    })?;
    let lock = hex::decode(&body.lock).ok().filter(|bytes| bytes.len() == LOCK_LEN);
    let lock = lock.ok_or_else(|| {
        let digits = 2 * LOCK_LEN;
        Problem::malformed(format!("lock {index}: the lock is not {digits} hexadecimal digits"))
    })?;
    Ok(Question { key, lock })
}
