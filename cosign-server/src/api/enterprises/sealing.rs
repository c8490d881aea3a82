//! Who may use which seal of an enterprise.

use axum::{Json, extract::State, http::StatusCode};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};
use utoipa_axum::{router::OpenApiRouter, routes};

use super::grants::GrantsBody;
use crate::{
    api::{
        Api, Problem,
        accounts::{LoggedIn, Secret, id},
        extract::{Input, Parameters, Segments},
        openapi::{Named, Problems},
        page::Paging,
    },
    domain::office::Id,
};

pub(super) fn routes() -> OpenApiRouter<Api> {
    OpenApiRouter::new().routes(routes!(list, authorise)).routes(routes!(ask)).routes(routes!(withdraw))
}

fn ids(texts: &[String]) -> Result<Vec<Id>, Problem> {
    texts.iter().map(|text| id(text)).collect()
}

#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct SealAuthorisation {
    /// Seals of the enterprise.
    #[schema(min_items = 1, max_items = 50)]
    seal_ids: Vec<String>,
    /// Members, each of whom may use each seal.
    #[schema(min_items = 1, max_items = 50)]
    account_ids: Vec<String>,
    from_ms: u64,
    until_ms: u64,
}

#[derive(Serialize, ToSchema)]
pub(super) struct SealsAuthorised {
    /// One for each member and each seal.
    grant_ids: Vec<String>,
}

/// Let members use seals for a period: all of it or nothing
#[utoipa::path(
    post, path = "/v1/enterprises/{enterprise}/seal-grants", tag = "approvals", security(("user" = [])),
    params(("enterprise" = String, Path), Named), request_body = SealAuthorisation,
    responses((status = 201, body = SealsAuthorised), Problems),
)]
pub(super) async fn authorise(
    State(api): State<Api>,
    LoggedIn(user): LoggedIn,
    segments: Segments,
    Input { body, once }: Input<SealAuthorisation>,
) -> Result<(StatusCode, Json<SealsAuthorised>), Problem> {
    let enterprise = id(segments.get("enterprise")?)?;
    let (seals, members) = (ids(&body.seal_ids)?, ids(&body.account_ids)?);
    let period = (body.from_ms, body.until_ms);
    let given = api.office.authorise_seals(&user, enterprise, (&seals, &members), period, once.as_ref());
    let grant_ids = given.await?.iter().map(Id::to_string).collect();
    Ok((StatusCode::CREATED, Json(SealsAuthorised { grant_ids })))
}

#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
pub(super) struct OfSeal {
    /// Only for this one.
    seal_id: Option<String>,
    after: Option<String>,
    #[param(minimum = 1, maximum = 1000)]
    limit: Option<u32>,
}

/// Who may use seals now or later, newest first; for those who manage the enterprise
#[utoipa::path(
    get, path = "/v1/enterprises/{enterprise}/seal-grants", tag = "approvals", security(("user" = [])),
    params(("enterprise" = String, Path), OfSeal), responses((status = 200, body = GrantsBody), Problems),
)]
pub(super) async fn list(
    State(api): State<Api>,
    LoggedIn(user): LoggedIn,
    segments: Segments,
    Parameters(OfSeal { seal_id, after, limit }): Parameters<OfSeal>,
) -> Result<Json<GrantsBody>, Problem> {
    let enterprise = id(segments.get("enterprise")?)?;
    let (seal, page) = (seal_id.as_deref().map(id).transpose()?, Paging::new(after, limit).page()?);
    let found = api.office.seal_grants(&user, enterprise, seal, &page).await?;
    Ok(Json(GrantsBody::of(&api, found).await?))
}

#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct SealsWanted {
    #[schema(min_items = 1, max_items = 50)]
    seal_ids: Vec<String>,
    from_ms: u64,
    until_ms: u64,
    /// 1 to 500 characters.
    reason: Secret,
}

#[derive(Serialize, ToSchema)]
struct SealAsked {
    grant_id: String,
    /// What an administrator decides on.
    approval_id: String,
}

#[derive(Serialize, ToSchema)]
pub(super) struct SealsAsked {
    /// One for each seal.
    asked: Vec<SealAsked>,
}

/// Ask to use seals; an administrator decides on each
#[utoipa::path(
    post, path = "/v1/enterprises/{enterprise}/seal-requests", tag = "approvals", security(("user" = [])),
    params(("enterprise" = String, Path), Named), request_body = SealsWanted,
    responses((status = 201, body = SealsAsked), Problems),
)]
pub(super) async fn ask(
    State(api): State<Api>,
    LoggedIn(user): LoggedIn,
    segments: Segments,
    Input { body, once }: Input<SealsWanted>,
) -> Result<(StatusCode, Json<SealsAsked>), Problem> {
    let enterprise = id(segments.get("enterprise")?)?;
    let (seals, period) = (ids(&body.seal_ids)?, (body.from_ms, body.until_ms));
    let why = (&body.reason.0, once.as_ref());
    let asked = api.office.ask_for_seals(&user, enterprise, &seals, period, why).await?;
    let asked = asked.iter().map(|(grant, approval)| SealAsked {
        grant_id: grant.to_string(),
        approval_id: approval.to_string(),
    });
    Ok((StatusCode::CREATED, Json(SealsAsked { asked: asked.collect() })))
}

#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct SealsWithdrawn {
    /// From whom.
    account_id: String,
    /// Only for these; otherwise for all.
    seal_ids: Option<Vec<String>>,
}

/// Take back what a member may use of the seals
#[utoipa::path(
    post, path = "/v1/enterprises/{enterprise}/seal-grants/withdraw", tag = "approvals", security(("user" = [])),
    params(("enterprise" = String, Path), Named), request_body = SealsWithdrawn,
    responses((status = 204, description = "It is over"), Problems),
)]
pub(super) async fn withdraw(
    State(api): State<Api>,
    LoggedIn(user): LoggedIn,
    segments: Segments,
    Input { body, once }: Input<SealsWithdrawn>,
) -> Result<StatusCode, Problem> {
    let from = (id(segments.get("enterprise")?)?, id(&body.account_id)?);
    let seals = body.seal_ids.as_deref().map(ids).transpose()?;
    api.office.withdraw_seals(&user, from, seals.as_deref(), once.as_ref()).await?;
    Ok(StatusCode::NO_CONTENT)
}
