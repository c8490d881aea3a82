//! What operators decide on for enterprises.

use axum::{Json, extract::State, http::StatusCode};

use super::{By, part};
use crate::{
    api::{
        Api, Problem,
        enterprises::{ApprovalBody, ApprovalsBody, DecisionBody},
        extract::{Input, Parameters, Segments},
        openapi::{Named, Problems},
        page::Paging,
    },
    domain::operators::{Reviewer, SeesRequests},
};

/// What waits for reviewers, oldest first
#[utoipa::path(
    get, path = "/v1/operator/approvals", tag = "operators", params(Paging),
    responses((status = 200, body = ApprovalsBody), Problems),
)]
pub(super) async fn list(
    State(api): State<Api>,
    By(by): By<SeesRequests>,
    Parameters(paging): Parameters<Paging>,
) -> Result<Json<ApprovalsBody>, Problem> {
    Ok(Json(ApprovalsBody::of(&api, api.office.reviews(&by, &paging.page()?).await?).await?))
}

/// Something that reviewers decide on
#[utoipa::path(
    get, path = "/v1/operator/approvals/{approval}", tag = "operators", params(("approval" = String, Path)),
    responses((status = 200, body = ApprovalBody), Problems),
)]
pub(super) async fn show(
    State(api): State<Api>,
    By(by): By<SeesRequests>,
    segments: Segments,
) -> Result<Json<ApprovalBody>, Problem> {
    let found = api.office.review_of(&by, part(&segments, "approval")?).await?;
    Ok(Json(ApprovalBody::of(&api, found).await?))
}

/// Pass or return it; the second of two turns is another reviewer's
#[utoipa::path(
    post, path = "/v1/operator/approvals/{approval}/decision", tag = "operators",
    params(("approval" = String, Path), Named), request_body = DecisionBody,
    responses((status = 204, description = "It is decided"), Problems),
)]
pub(super) async fn decide(
    State(api): State<Api>,
    By(by): By<Reviewer>,
    segments: Segments,
    Input { body, once }: Input<DecisionBody>,
) -> Result<StatusCode, Problem> {
    let (decision, _) = body.read()?;
    api.office.review(&by, part(&segments, "approval")?, decision, once.as_ref()).await?;
    Ok(StatusCode::NO_CONTENT)
}
