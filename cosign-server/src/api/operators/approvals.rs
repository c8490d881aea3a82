//! What operators decide on for enterprises.

use axum::{Json, extract::State, http::StatusCode, response::IntoResponse};
use serde::Serialize;
use utoipa::ToSchema;

use super::{By, part};
use crate::{
    api::{
        Api, Problem,
        enterprises::{ApprovalBody, ApprovalsBody, DecisionBody},
        extract::{Input, Parameters, Segments},
        messages::file,
        openapi::{Named, Octets, Problems},
        page::Paging,
    },
    domain::{
        Error,
        office::{Id, Named as _},
        operators::{Reviewer, SeesRequests},
    },
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

#[derive(Serialize, ToSchema)]
#[schema(as = ReviewedClaim)]
pub(super) struct ClaimBody {
    claim_id: String,
    kind: &'static str,
    name: String,
    uscc: String,
    licence_long_term: bool,
    /// Whether the register says the same.
    registered: bool,
    /// By what it was shown.
    way: Option<&'static str>,
    legal_name: String,
    /// Masked.
    legal_number: String,
    /// Masked.
    legal_phone: String,
    licence: String,
    letter: Vec<String>,
    seal: Option<String>,
    signature: Option<String>,
}

/// The claim that reviewers decide on, with the files that were handed in
#[utoipa::path(
    get, path = "/v1/operator/approvals/{approval}/claim", tag = "operators", params(("approval" = String, Path)),
    responses((status = 200, body = ClaimBody), Problems),
)]
pub(super) async fn claim(
    State(api): State<Api>,
    By(by): By<SeesRequests>,
    segments: Segments,
) -> Result<Json<ClaimBody>, Problem> {
    let found = api.office.reviewed_claim(&by, part(&segments, "approval")?).await?;
    let form = found.entity.form.ok_or(Error::NotFound)?;
    let legal = form.facts.legal.as_ref().ok_or(Error::NotFound)?;
    let (legal_name, legal_number, legal_phone) = api.office.read_legal(legal)?;
    Ok(Json(ClaimBody {
        claim_id: found.id.to_string(),
        kind: form.facts.sort.as_str(),
        name: form.facts.name.as_str().to_owned(),
        uscc: form.facts.uscc.as_str().to_owned(),
        licence_long_term: form.facts.long_term,
        registered: form.is_registered,
        way: found.entity.way.map(|way| way.as_str()),
        legal_name: legal_name.to_string(),
        legal_number,
        legal_phone,
        licence: form.facts.licence.to_string(),
        letter: form.letter.iter().map(ToString::to_string).collect(),
        seal: form.seal.map(|file| file.to_string()),
        signature: form.signature.map(|file| file.to_string()),
    }))
}

/// A file that was handed in with what reviewers decide on
#[utoipa::path(
    get, path = "/v1/operator/approvals/{approval}/files/{file}", tag = "operators",
    params(("approval" = String, Path), ("file" = String, Path)),
    responses((status = 200, description = "The file", body = Octets, content_type = "application/octet-stream"), Problems),
)]
pub(super) async fn claim_file(
    State(api): State<Api>,
    By(by): By<SeesRequests>,
    segments: Segments,
) -> Result<impl IntoResponse, Problem> {
    let files = api.office.reviewed_files(&by, part(&segments, "approval")?).await?;
    let wanted: Id = part(&segments, "file")?;
    if !files.contains(&wanted) {
        return Err(Error::NotFound.into());
    }
    file(&api, wanted).await
}
