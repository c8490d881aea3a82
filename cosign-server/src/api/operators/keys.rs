//! Keys and enrolment codes: seen, and what one administrator does alone.

use axum::{Json, extract::State, http::StatusCode};
use cosign_core::sm_primitives::sm2::PublicKey;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use super::{By, next, parameter};
use crate::{
    api::{
        Api, Problem,
        extract::{Input, OfKey, Parameters},
        keys::KeyBody,
        openapi::{Named, Problems},
    },
    domain::{
        Error,
        key::Status,
        operators::{Administrator, SeesKeys, ports::WhichKeys},
        services::{KeyView, page},
    },
};

#[derive(Serialize, ToSchema)]
#[schema(as = Seats)]
struct SeatsBody {
    max: u32,
    taken: u32,
}

#[derive(Serialize, ToSchema)]
#[schema(as = OperatorsKey)]
pub(super) struct OneBody {
    device_id: String,
    seats: SeatsBody,
    #[serde(flatten)]
    key: KeyBody,
}

impl TryFrom<KeyView> for OneBody {
    type Error = Error;

    fn try_from(key: KeyView) -> Result<Self, Error> {
        let seats = SeatsBody { max: key.seats.max, taken: key.seats.taken };
        Ok(Self { device_id: key.device.to_string(), seats, key: key.try_into()? })
    }
}

#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
pub(super) struct Filter {
    device: Option<String>,
    /// X and Y, 128 hexadecimal digits, or PEM.
    public_key: Option<String>,
    status: Option<String>,
    /// `next` of the page before.
    after: Option<String>,
    limit: Option<u32>,
}

/// A public key as PEM, or X and Y as 128 hexadecimal digits.
pub(super) fn public_key(text: &str) -> Result<PublicKey, Error> {
    use cosign_core::sm_primitives::point::PublicPoint;
    let point =
        hex::decode(text).ok().and_then(|bytes| PublicPoint::from_bytes(bytes.as_slice().try_into().ok()?));
    point.map(PublicKey::from).or_else(|| PublicKey::from_spki_pem(text).ok()).ok_or(Error::BadRequest(
        "a public key is a PEM `PUBLIC KEY` of SM2, or X and Y as 128 hexadecimal digits",
    ))
}

impl Filter {
    fn which(&self) -> Result<WhichKeys, Error> {
        let status = self.status.as_deref().map(|name| {
            Status::from_name(name)
                .ok_or(Error::BadRequest("a key is pending, arriving, active, suspended or revoked"))
        });
        let key = self.public_key.as_deref().map(public_key).transpose()?;
        Ok(WhichKeys {
            device: parameter(self.device.as_deref(), "a device id has 64 hexadecimal digits")?,
            public_key: key.map(|key| key.as_point().to_bytes()),
            status: status.transpose()?,
            after: parameter(self.after.as_deref(), "a key id has 32 hexadecimal digits")?,
            limit: page(self.limit),
        })
    }
}

#[derive(Serialize, ToSchema)]
#[schema(as = OperatorsKeys)]
pub(super) struct ListBody {
    keys: Vec<OneBody>,
    next: Option<String>,
}

/// Keys, by their ids
#[utoipa::path(
    get, path = "/v1/operator/keys", tag = "operators", params(Filter),
    responses((status = 200, body = ListBody), Problems),
)]
pub(super) async fn list(
    State(api): State<Api>,
    By(by): By<SeesKeys>,
    Parameters(filter): Parameters<Filter>,
) -> Result<Json<ListBody>, Problem> {
    let which = filter.which()?;
    let found = api.operators.keys(&by, which).await?;
    let next = next(&found, which.limit, |key| key.key_id);
    Ok(Json(ListBody { keys: found.into_iter().map(OneBody::try_from).collect::<Result<_, _>>()?, next }))
}

/// One key
#[utoipa::path(
    get, path = "/v1/operator/keys/{key_id}", tag = "operators", params(("key_id" = String, Path)),
    responses((status = 200, body = OneBody), Problems),
)]
pub(super) async fn show(
    State(api): State<Api>,
    By(by): By<SeesKeys>,
    OfKey(key_id): OfKey,
) -> Result<Json<OneBody>, Problem> {
    Ok(Json(api.operators.key(&by, &key_id).await?.try_into()?))
}

#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Freeze {
    /// All keys with the same public key.
    #[serde(default)]
    all_shares: bool,
}

/// Suspend a key at once; it takes two to make it active again
#[utoipa::path(
    post, path = "/v1/operator/keys/{key_id}/freeze", tag = "operators", params(("key_id" = String, Path), Named), request_body = Freeze,
    responses((status = 200, body = OneBody), Problems),
)]
pub(super) async fn freeze(
    State(api): State<Api>,
    By(by): By<Administrator>,
    OfKey(key_id): OfKey,
    Input { body, once }: Input<Freeze>,
) -> Result<Json<OneBody>, Problem> {
    Ok(Json(api.operators.freeze(&by, &key_id, body.all_shares, once.as_ref()).await?.try_into()?))
}

#[derive(Deserialize, ToSchema)]
#[schema(as = NewEnrolmentCode)]
#[serde(deny_unknown_fields)]
pub(super) struct NewCode {
    uses: u32,
    ttl_s: u64,
}

#[derive(Serialize, ToSchema)]
#[schema(as = EnrolmentCode)]
pub(super) struct CodeBody {
    enrolment_code: String,
    uses: u32,
    ttl_s: u64,
}

/// A new enrolment code, for at most ten devices
#[utoipa::path(
    post, path = "/v1/operator/enrolment-codes", tag = "operators", params(Named), request_body = NewCode,
    responses((status = 201, body = CodeBody), Problems),
)]
pub(super) async fn new_code(
    State(api): State<Api>,
    By(by): By<Administrator>,
    Input { body, once }: Input<NewCode>,
) -> Result<(StatusCode, Json<CodeBody>), Problem> {
    let NewCode { uses, ttl_s } = body;
    let code = api.operators.new_code(&by, uses, ttl_s.saturating_mul(1000), once.as_ref()).await?;
    Ok((StatusCode::CREATED, Json(CodeBody { enrolment_code: code.expose().to_owned(), uses, ttl_s })))
}
