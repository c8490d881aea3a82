//! Seals that are applied for.

use axum::{Json, extract::State, http::StatusCode};
use serde::Deserialize;
use utoipa::ToSchema;

use super::{MAX_BODY, MakingBody, NewSealBody, which};
use crate::{
    api::{
        Api, Problem,
        accounts::LoggedIn,
        applications::{ApplicationBody, PurchaseBody},
        extract::{Input, Segments},
        openapi::{Named, Problems},
    },
    domain::services::{ApplyingForSeal, SealWish},
};

#[derive(Deserialize, ToSchema)]
#[schema(as = SealApplication)]
#[serde(deny_unknown_fields)]
pub(super) struct SealApplicationBody {
    /// No code goes with it: the application is authorised by one.
    seal: NewSealBody,
    /// Version of the agreements that the user agrees to.
    agreement: String,
    #[serde(default)]
    purchase: PurchaseBody,
}

/// Apply for a seal that is bought, or for which papers are handed in
///
/// The application goes on as one for a certificate does; the seal is good once it is approved.
#[utoipa::path(
    post, path = "/v1/seals/apply", tag = "seals", security(("user" = [])), params(Named),
    request_body = SealApplicationBody, responses((status = 201, body = ApplicationBody), Problems),
)]
pub(super) async fn apply(
    State(api): State<Api>,
    LoggedIn(user): LoggedIn,
    Input { body, once }: Input<SealApplicationBody, MAX_BODY>,
) -> Result<(StatusCode, Json<ApplicationBody>), Problem> {
    let SealApplicationBody { seal, agreement, purchase } = body;
    let wish = SealWish::New(seal.read()?.0);
    let wanted = ApplyingForSeal { wish, agreement, purchase: purchase.read()? };
    let made = api.office.apply_for_seal(&user, &wanted, once.as_ref()).await?;
    Ok((StatusCode::CREATED, Json(ApplicationBody::of(&api, made)?)))
}

#[derive(Deserialize, ToSchema)]
#[schema(as = SealChangeApplication)]
#[serde(deny_unknown_fields)]
pub(super) struct SealChangeBody {
    picture: MakingBody,
    /// Why: 1 to 500 characters.
    reason: String,
    /// Version of the agreements that the user agrees to.
    agreement: String,
    #[serde(default)]
    purchase: PurchaseBody,
}

/// Apply for another picture of a seal; the old one is good until it is approved
#[utoipa::path(
    post, path = "/v1/seals/{seal}/apply-change", tag = "seals", security(("user" = [])),
    params(("seal" = String, Path), Named), request_body = SealChangeBody,
    responses((status = 201, body = ApplicationBody), Problems),
)]
pub(super) async fn apply_for_change(
    State(api): State<Api>,
    LoggedIn(user): LoggedIn,
    segments: Segments,
    Input { body, once }: Input<SealChangeBody, MAX_BODY>,
) -> Result<(StatusCode, Json<ApplicationBody>), Problem> {
    let SealChangeBody { picture, reason, agreement, purchase } = body;
    let wish = SealWish::Change { seal: which(&segments)?, making: picture.making()?, reason };
    let wanted = ApplyingForSeal { wish, agreement, purchase: purchase.read()? };
    let made = api.office.apply_for_seal(&user, &wanted, once.as_ref()).await?;
    Ok((StatusCode::CREATED, Json(ApplicationBody::of(&api, made)?)))
}
