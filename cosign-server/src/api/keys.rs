//! Keys: issuing ids, looking, suspending.

use axum::{Json, extract::State, http::StatusCode};
use cosign_core::{
    PinMode, Purpose, Suite,
    sm_primitives::{point::PublicPoint, sm2::PublicKey},
};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::{
    Api, Problem,
    extract::{Bare, Enrolled, Input, OfKey, Parameters},
    openapi::{Named, Problems},
    page::{NextBody, Paging, shown},
};
use crate::domain::{
    Error,
    device::Name,
    key::{IssuedKey, Origin},
    services::{KeyView, Wanted},
};

#[derive(Clone, Copy, Serialize, Deserialize, ToSchema)]
#[schema(as = Purpose)]
#[serde(rename_all = "lowercase")]
pub(super) enum PurposeBody {
    Sign,
    Encrypt,
}

impl From<PurposeBody> for Purpose {
    fn from(purpose: PurposeBody) -> Self {
        match purpose {
            PurposeBody::Sign => Self::Sign,
            PurposeBody::Encrypt => Self::Encrypt,
        }
    }
}

#[derive(Clone, Copy, Default, Deserialize, ToSchema)]
#[schema(as = Suite)]
pub(super) enum SuiteBody {
    #[default]
    D,
    F2,
}

impl From<SuiteBody> for Suite {
    fn from(suite: SuiteBody) -> Self {
        match suite {
            SuiteBody::D => Self::D,
            SuiteBody::F2 => Self::F2,
        }
    }
}

#[derive(Clone, Copy, Default, Deserialize, ToSchema)]
#[schema(as = PinMode)]
#[serde(rename_all = "lowercase")]
pub(super) enum PinModeBody {
    #[default]
    Base,
    Oblivious,
}

impl From<PinModeBody> for PinMode {
    fn from(mode: PinModeBody) -> Self {
        match mode {
            PinModeBody::Base => Self::Base,
            PinModeBody::Oblivious => Self::Oblivious,
        }
    }
}

/// Either a purpose, a suite if it is not D and a PIN mode if it is not base, or the key to get a share of.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct NewKey {
    suite: Option<SuiteBody>,
    purpose: Option<PurposeBody>,
    pin_mode: Option<PinModeBody>,
    /// Id of the key to get a share of.
    of: Option<String>,
    #[schema(value_type = String, min_length = 1, max_length = 128)]
    label: Name,
}

impl NewKey {
    fn wanted(&self) -> Result<Wanted, Error> {
        match (&self.of, self.purpose, self.suite, self.pin_mode) {
            (None, Some(purpose), suite, mode) => {
                let (suite, mode) = (suite.unwrap_or_default(), mode.unwrap_or_default());
                Ok(Wanted::New(suite.into(), purpose.into(), mode.into()))
            }
            (Some(of), None, None, None) => of.parse().map(Wanted::ShareOf).map_err(|_| Error::NotFound),
            _ => Err(Error::BadRequest("a new key has a `purpose`; a share of a key has `of` instead")),
        }
    }
}

#[derive(Serialize, ToSchema)]
#[schema(as = IssuedKey)]
pub(super) struct IssuedBody {
    key_id: String,
    #[schema(value_type = SuiteBody)]
    suite: &'static str,
    #[schema(value_type = PurposeBody)]
    purpose: &'static str,
    #[schema(value_type = PinModeBody)]
    pin_mode: &'static str,
    #[schema(value_type = String)]
    label: Name,
    expires_at_ms: u64,
}

/// A key id that waits to be used.
#[derive(Serialize, ToSchema)]
#[schema(as = WaitingKey)]
pub(super) struct WaitingBody {
    key_id: String,
    #[schema(value_type = SuiteBody)]
    suite: &'static str,
    #[schema(value_type = PurposeBody)]
    purpose: &'static str,
    #[schema(value_type = PinModeBody)]
    pin_mode: &'static str,
    origin: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    of: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    public_key: Option<String>,
    expires_at_ms: u64,
}

impl From<IssuedKey> for WaitingBody {
    fn from(issued: IssuedKey) -> Self {
        let (origin, of, public_key) = match issued.origin {
            Origin::Generated => ("generated", None, None),
            Origin::Split(of) => ("split", Some(of.to_string()), None),
            Origin::Recovered(public_key) => ("recovered", None, Some(public_key.to_spki_pem())),
        };
        Self {
            key_id: issued.key_id.to_string(),
            suite: issued.suite.as_str(),
            purpose: issued.purpose.as_str(),
            pin_mode: issued.mode.as_str(),
            origin,
            of,
            public_key,
            expires_at_ms: issued.expires_ms,
        }
    }
}

#[derive(Serialize, ToSchema)]
#[schema(as = PinGate)]
struct PinBody {
    /// Wrong PINs since the last right one.
    failures: u8,
    /// Wrong PINs since the last refresh or unlock.
    total: u8,
    /// Whether only the operator can open it.
    locked: bool,
    /// Seconds until the next PIN is looked at.
    retry_s: u32,
    /// Wrong PINs that lock the key.
    remaining: u8,
    /// Whether the operator unlocked it, so that only a refresh is served.
    refresh_required: bool,
}

#[derive(Serialize, ToSchema)]
#[schema(as = Key)]
pub(super) struct KeyBody {
    key_id: String,
    #[schema(value_type = SuiteBody)]
    suite: &'static str,
    #[schema(value_type = PurposeBody)]
    purpose: &'static str,
    #[schema(value_type = PinModeBody)]
    pin_mode: &'static str,
    #[schema(value_type = String)]
    label: Name,
    /// `pending`, `active`, `suspended`, `revoked` or `arriving`.
    status: &'static str,
    epoch: u32,
    /// PEM.
    public_key: String,
    created_at_ms: u64,
    pin: PinBody,
    /// Decryptions so far with all shares of the public key.
    decrypts: u32,
    /// Id of the key that it was split from.
    parent: Option<String>,
    /// Whether it is one more share of somebody else's key.
    seat: bool,
}

#[derive(Serialize, ToSchema)]
#[schema(as = Keys)]
pub(super) struct KeysBody {
    keys: Vec<KeyBody>,
    next: Option<NextBody>,
}

impl TryFrom<KeyView> for KeyBody {
    type Error = Error;

    fn try_from(key: KeyView) -> Result<Self, Error> {
        let point = PublicPoint::from_bytes(&key.public_key).ok_or(Error::Internal)?;
        Ok(Self {
            key_id: key.key_id.to_string(),
            suite: key.suite.as_str(),
            purpose: key.purpose.as_str(),
            pin_mode: key.mode.as_str(),
            label: key.label,
            status: key.status.as_str(),
            epoch: key.epoch,
            public_key: PublicKey::from(point).to_spki_pem(),
            created_at_ms: key.created_ms,
            pin: PinBody {
                failures: key.pin.failures,
                total: key.pin.total,
                locked: key.pin.locked,
                retry_s: key.pin.retry_s,
                remaining: key.pin.remaining,
                refresh_required: key.pin.refresh_required,
            },
            decrypts: key.decrypts,
            parent: key.parent.map(|parent| parent.to_string()),
            seat: key.seat,
        })
    }
}

/// A key as its owner sees it.
pub(super) fn body(key: KeyView) -> Result<serde_json::Value, Error> {
    serde_json::to_value(KeyBody::try_from(key)?).map_err(|_| Error::Internal)
}

/// A new key id, for a key to be generated or a share of one
#[utoipa::path(
    post, path = "/v1/keys", tag = "keys", params(Named), request_body = NewKey,
    responses((status = 201, body = IssuedBody), Problems),
)]
pub(super) async fn issue(
    State(api): State<Api>,
    Enrolled(device): Enrolled,
    Input { body, once }: Input<NewKey>,
) -> Result<(StatusCode, Json<IssuedBody>), Problem> {
    let issued = api.keys.issue(&device, body.wanted()?, body.label, once.as_ref()).await?;
    let body = IssuedBody {
        key_id: issued.key_id.to_string(),
        suite: issued.suite.as_str(),
        purpose: issued.purpose.as_str(),
        pin_mode: issued.mode.as_str(),
        label: issued.label,
        expires_at_ms: issued.expires_ms,
    };
    Ok((StatusCode::CREATED, Json(body)))
}

/// A key id that waits to be used
#[utoipa::path(
    get, path = "/v1/key-ids/{key_id}", tag = "keys", params(("key_id" = String, Path)),
    responses((status = 200, body = WaitingBody), Problems),
)]
pub(super) async fn issued(
    State(api): State<Api>,
    Enrolled(device): Enrolled,
    OfKey(key_id): OfKey,
) -> Result<Json<WaitingBody>, Problem> {
    Ok(Json(api.keys.issued(&device, &key_id).await?.into()))
}

/// The keys of the device, oldest first
#[utoipa::path(
    get, path = "/v1/keys", tag = "keys", params(Paging), responses((status = 200, body = KeysBody), Problems),
)]
pub(super) async fn list(
    State(api): State<Api>,
    Enrolled(device): Enrolled,
    Parameters(paging): Parameters<Paging>,
) -> Result<Json<KeysBody>, Problem> {
    let (keys, next) = shown(api.keys.list(&device, &paging.page()?).await?, KeyBody::try_from)?;
    Ok(Json(KeysBody { keys, next }))
}

/// One key of the device
#[utoipa::path(
    get, path = "/v1/keys/{key_id}", tag = "keys", params(("key_id" = String, Path)),
    responses((status = 200, body = KeyBody), Problems),
)]
pub(super) async fn show(
    State(api): State<Api>,
    Enrolled(device): Enrolled,
    OfKey(key_id): OfKey,
) -> Result<Json<KeyBody>, Problem> {
    Ok(Json(api.keys.show(&device, &key_id).await?.try_into()?))
}

/// Suspend a key; only the operator can make it active again
#[utoipa::path(
    post, path = "/v1/keys/{key_id}/freeze", tag = "keys", params(("key_id" = String, Path), Named),
    responses((status = 200, body = KeyBody), Problems),
)]
pub(super) async fn freeze(
    State(api): State<Api>,
    Enrolled(device): Enrolled,
    OfKey(key_id): OfKey,
    Bare { once }: Bare,
) -> Result<Json<KeyBody>, Problem> {
    Ok(Json(api.keys.freeze(&device, &key_id, once.as_ref()).await?.try_into()?))
}
