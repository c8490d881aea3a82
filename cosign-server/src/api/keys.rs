//! Keys: issuing ids, looking, suspending.

use axum::{Json, extract::State, http::StatusCode};
use cosign_core::{
    PinMode, Purpose, Suite,
    sm_primitives::{point::PublicPoint, sm2::PublicKey},
};
use serde::{Deserialize, Serialize};

use super::{
    Api, Problem,
    extract::{Bare, Enrolled, Input, OfKey},
};
use crate::domain::{
    Error,
    device::Name,
    key::{IssuedKey, Origin},
    services::{KeyView, Wanted},
};

#[derive(Clone, Copy, Serialize, Deserialize)]
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

#[derive(Clone, Copy, Default, Deserialize)]
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

#[derive(Clone, Copy, Default, Deserialize)]
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
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct NewKey {
    suite: Option<SuiteBody>,
    purpose: Option<PurposeBody>,
    pin_mode: Option<PinModeBody>,
    of: Option<String>,
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

#[derive(Serialize)]
pub(super) struct IssuedBody {
    key_id: String,
    suite: &'static str,
    purpose: &'static str,
    pin_mode: &'static str,
    label: Name,
    expires_at_ms: u64,
}

/// A key id that waits to be used.
#[derive(Serialize)]
pub(super) struct WaitingBody {
    key_id: String,
    suite: &'static str,
    purpose: &'static str,
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

#[derive(Serialize)]
struct PinBody {
    failures: u8,
    total: u8,
    locked: bool,
    retry_s: u32,
    remaining: u8,
    refresh_required: bool,
}

#[derive(Serialize)]
pub(super) struct KeyBody {
    key_id: String,
    suite: &'static str,
    purpose: &'static str,
    pin_mode: &'static str,
    label: Name,
    status: &'static str,
    epoch: u32,
    public_key: String,
    created_at_ms: u64,
    pin: PinBody,
    decrypts: u32,
    parent: Option<String>,
    seat: bool,
}

#[derive(Serialize)]
pub(super) struct KeysBody {
    keys: Vec<KeyBody>,
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

/// `POST /v1/keys`
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

/// `GET /v1/key-ids/{key_id}`
pub(super) async fn issued(
    State(api): State<Api>,
    Enrolled(device): Enrolled,
    OfKey(key_id): OfKey,
) -> Result<Json<WaitingBody>, Problem> {
    Ok(Json(api.keys.issued(&device, &key_id).await?.into()))
}

/// `GET /v1/keys`
pub(super) async fn list(
    State(api): State<Api>,
    Enrolled(device): Enrolled,
) -> Result<Json<KeysBody>, Problem> {
    let keys = api.keys.list(&device).await?;
    Ok(Json(KeysBody { keys: keys.into_iter().map(KeyBody::try_from).collect::<Result<_, _>>()? }))
}

/// `GET /v1/keys/{key_id}`
pub(super) async fn show(
    State(api): State<Api>,
    Enrolled(device): Enrolled,
    OfKey(key_id): OfKey,
) -> Result<Json<KeyBody>, Problem> {
    Ok(Json(api.keys.show(&device, &key_id).await?.try_into()?))
}

/// `POST /v1/keys/{key_id}/freeze`
pub(super) async fn freeze(
    State(api): State<Api>,
    Enrolled(device): Enrolled,
    OfKey(key_id): OfKey,
    Bare { once }: Bare,
) -> Result<Json<KeyBody>, Problem> {
    Ok(Json(api.keys.freeze(&device, &key_id, once.as_ref()).await?.try_into()?))
}
