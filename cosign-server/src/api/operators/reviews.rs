//! Requests for certificates as reviewers see them.

use axum::{Json, extract::State};
use base64ct::{Base64, Encoding as _};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use super::{By, next, parameter, part};
use crate::{
    api::{
        Api, Problem,
        extract::{Input, Parameters, Segments},
        openapi::{Named, Problems},
        requests::RequestBody,
    },
    domain::{
        Error,
        ca::{Request, RequestId, RequestState, Reviewer as ReviewerName},
        operators::{Reviewer, SeesRequests, ports::WhichRequests},
        services::page,
    },
};

#[derive(Serialize, ToSchema)]
#[schema(as = ReviewersRequest)]
pub(super) struct OneBody {
    device_id: Option<String>,
    /// DER in base64; empty for a revocation.
    csr: String,
    /// Who decided, in the order of `decisions`.
    #[schema(value_type = Vec<String>)]
    reviewers: Vec<ReviewerName>,
    #[serde(flatten)]
    request: RequestBody,
}

impl From<Request> for OneBody {
    fn from(request: Request) -> Self {
        Self {
            device_id: request.device.map(|id| id.to_string()),
            csr: Base64::encode_string(&request.csr),
            reviewers: request.decisions.iter().map(|decision| decision.reviewer.clone()).collect(),
            request: request.into(),
        }
    }
}

#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
pub(super) struct Filter {
    state: Option<String>,
    /// `next` of the page before.
    after: Option<String>,
    limit: Option<u32>,
}

#[derive(Serialize, ToSchema)]
#[schema(as = ReviewersRequests)]
pub(super) struct ListBody {
    requests: Vec<OneBody>,
    next: Option<String>,
}

/// Requests for certificates, newest first
#[utoipa::path(
    get, path = "/v1/operator/certificate-requests", tag = "operators", params(Filter),
    responses((status = 200, body = ListBody), Problems),
)]
pub(super) async fn list(
    State(api): State<Api>,
    By(by): By<SeesRequests>,
    Parameters(filter): Parameters<Filter>,
) -> Result<Json<ListBody>, Problem> {
    let state = filter.state.as_deref().map(|name| {
        RequestState::from_name(name)
            .ok_or(Error::BadRequest("a request is draft, review, returned, approved or closed"))
    });
    let after = parameter(filter.after.as_deref(), "a request is named by 32 hexadecimal digits")?;
    let which = WhichRequests { id: None, state: state.transpose()?, after, limit: page(filter.limit) };
    let found = api.operators.requests(&by, which).await?;
    let next = next(&found, which.limit, |request| request.id);
    Ok(Json(ListBody { requests: found.into_iter().map(OneBody::from).collect(), next }))
}

/// One request
#[utoipa::path(
    get, path = "/v1/operator/certificate-requests/{request}", tag = "operators", params(("request" = String, Path)),
    responses((status = 200, body = OneBody), Problems),
)]
pub(super) async fn show(
    State(api): State<Api>,
    By(by): By<SeesRequests>,
    segments: Segments,
) -> Result<Json<OneBody>, Problem> {
    Ok(Json(api.operators.request(&by, &part(&segments, "request")?).await?.into()))
}

#[derive(Deserialize, ToSchema)]
#[schema(as = Review)]
#[serde(deny_unknown_fields)]
pub(super) struct Decision {
    passed: bool,
    #[serde(default)]
    opinion: String,
}

/// Pass a request, or send it back
#[utoipa::path(
    post, path = "/v1/operator/certificate-requests/{request}/review", tag = "operators", params(("request" = String, Path), Named), request_body = Decision,
    responses((status = 200, body = OneBody), Problems),
)]
pub(super) async fn review(
    State(api): State<Api>,
    By(by): By<Reviewer>,
    segments: Segments,
    Input { body, once }: Input<Decision>,
) -> Result<Json<OneBody>, Problem> {
    let id: RequestId = part(&segments, "request")?;
    let Decision { passed, opinion } = body;
    Ok(Json(api.authorities.review(&by, &id, passed, opinion, once.as_ref()).await?.into()))
}
