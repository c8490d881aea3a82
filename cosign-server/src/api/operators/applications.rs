//! Applications of the office as reviewers see them.

use axum::{Json, extract::State, response::IntoResponse};
use serde::Deserialize;
use utoipa::{IntoParams, ToSchema};

use super::By;
use crate::{
    api::{
        Api, Problem,
        accounts::id,
        applications::{ApplicationBody, ApplicationsBody, FormBody},
        extract::{Input, Parameters, Segments},
        messages::file,
        openapi::{Named, Octets, Problems},
        page::{Paging, shown},
    },
    domain::{
        Error,
        office::{Named as _, application::ApplicationState},
        operators::{Reviewer, SeesRequests},
        services::Verdict,
    },
};

#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
pub(super) struct Filter {
    /// [default: review]
    state: Option<String>,
    after: Option<String>,
    #[param(minimum = 1, maximum = 1000)]
    limit: Option<u32>,
}

/// Applications in a state, oldest first
#[utoipa::path(
    get, path = "/v1/operator/applications", tag = "operators", params(Filter),
    responses((status = 200, body = ApplicationsBody), Problems),
)]
pub(super) async fn list(
    State(api): State<Api>,
    By(by): By<SeesRequests>,
    Parameters(Filter { state, after, limit }): Parameters<Filter>,
) -> Result<Json<ApplicationsBody>, Problem> {
    let state = state.as_deref().map_or(Some(ApplicationState::Review), ApplicationState::from_name);
    let state = state.ok_or(Error::BadRequest("there is no such state of an application"))?;
    let found = api.office.applications_in(&by, state, &Paging::new(after, limit).page()?).await?;
    let (applications, next) = shown(found, |one| ApplicationBody::of(&api, one))?;
    Ok(Json(ApplicationsBody { applications, next }))
}

/// One application
#[utoipa::path(
    get, path = "/v1/operator/applications/{application}", tag = "operators",
    params(("application" = String, Path)), responses((status = 200, body = ApplicationBody), Problems),
)]
pub(super) async fn show(
    State(api): State<Api>,
    By(by): By<SeesRequests>,
    segments: Segments,
) -> Result<Json<ApplicationBody>, Problem> {
    let found = api.office.application_for(&by, id(segments.get("application")?)?).await?;
    Ok(Json(ApplicationBody::of(&api, found)?))
}

/// The form of an application, as its applicant confirmed it
#[utoipa::path(
    get, path = "/v1/operator/applications/{application}/form", tag = "operators",
    params(("application" = String, Path)), responses((status = 200, body = FormBody), Problems),
)]
pub(super) async fn form(
    State(api): State<Api>,
    By(by): By<SeesRequests>,
    segments: Segments,
) -> Result<Json<FormBody>, Problem> {
    let found = api.office.application_form_for(&by, id(segments.get("application")?)?).await?;
    Ok(Json(found.into()))
}

/// A file that was handed in with it
#[utoipa::path(
    get, path = "/v1/operator/applications/{application}/files/{attachment}", tag = "operators",
    params(("application" = String, Path), ("attachment" = String, Path)),
    responses((status = 200, description = "The file", body = Octets, content_type = "application/octet-stream"), Problems),
)]
pub(super) async fn attachment(
    State(api): State<Api>,
    By(by): By<SeesRequests>,
    segments: Segments,
) -> Result<impl IntoResponse, Problem> {
    let (which, wanted) = (id(segments.get("application")?)?, id(segments.get("attachment")?)?);
    file(&api, api.office.application_file_for(&by, which, wanted).await?).await
}

#[derive(Deserialize, ToSchema)]
#[schema(as = ApplicationReview)]
#[serde(deny_unknown_fields)]
pub(super) struct Decision {
    passed: bool,
    /// Of one that did not pass: that it cannot be corrected. What was paid goes back.
    #[serde(default)]
    for_good: bool,
    /// At most 500 characters; not empty unless it passed.
    #[serde(default)]
    opinion: String,
}

/// Pass an application, send it back, or refuse it for good
#[utoipa::path(
    post, path = "/v1/operator/applications/{application}/review", tag = "operators",
    params(("application" = String, Path), Named), request_body = Decision,
    responses((status = 200, body = ApplicationBody), Problems),
)]
pub(super) async fn review(
    State(api): State<Api>,
    By(by): By<Reviewer>,
    segments: Segments,
    Input { body, once }: Input<Decision>,
) -> Result<Json<ApplicationBody>, Problem> {
    let which = id(segments.get("application")?)?;
    let verdict = match (body.passed, body.for_good) {
        (true, false) => Verdict::Pass,
        (false, false) => Verdict::Return,
        (false, true) => Verdict::Refuse,
        (true, true) => return Err(Error::BadRequest("what is refused for good has not passed").into()),
    };
    let done = api.office.review_application(&by, which, verdict, &body.opinion, once.as_ref()).await?;
    Ok(Json(ApplicationBody::of(&api, done)?))
}
