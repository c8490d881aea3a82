//! Seals as the seal maker sees them.

use axum::{Json, extract::State, response::IntoResponse};
use base64ct::{Base64, Encoding as _};
use serde::Deserialize;
use utoipa::{IntoParams, ToSchema};

use super::By;
use crate::{
    api::{
        Api, Problem,
        accounts::id,
        extract::{Input, Parameters, Segments},
        messages::file,
        openapi::{Named, Octets, Problems},
        page::{Paging, shown},
        seals::{SealBody, SealsBody},
    },
    domain::{
        Error,
        office::{Named as _, seal::SealState},
        operators::{Reviewer, SeesRequests},
    },
};

/// Longest body with a picture in bytes.
const MAX_BODY: usize = 1024 * 1024;

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

/// Seals in a state, oldest first: those that wait stand in `review` and `replacing`
#[utoipa::path(
    get, path = "/v1/operator/seals", tag = "operators", params(Filter),
    responses((status = 200, body = SealsBody), Problems),
)]
pub(super) async fn list(
    State(api): State<Api>,
    By(by): By<SeesRequests>,
    Parameters(Filter { state, after, limit }): Parameters<Filter>,
) -> Result<Json<SealsBody>, Problem> {
    let state = state.as_deref().map_or(Some(SealState::Review), SealState::from_name);
    let state = state.ok_or(Error::BadRequest("there is no such state of a seal"))?;
    let found = api.office.seals_in(&by, state, &Paging::new(after, limit).page()?).await?;
    let (seals, next) = shown(found, |one| SealBody::of(&api, one))?;
    Ok(Json(SealsBody { seals, next }))
}

/// The picture that waits for the seal maker
#[utoipa::path(
    get, path = "/v1/operator/seals/{seal}/picture", tag = "operators", params(("seal" = String, Path)),
    responses((status = 200, description = "PNG", body = Octets, content_type = "application/octet-stream"), Problems),
)]
pub(super) async fn picture(
    State(api): State<Api>,
    By(by): By<SeesRequests>,
    segments: Segments,
) -> Result<impl IntoResponse, Problem> {
    let found = api.office.seal_for(&by, id(segments.get("seal")?)?).await?.entity;
    file(&api, found.waiting().picture()).await
}

#[derive(Deserialize, ToSchema)]
#[schema(as = SealReview)]
#[serde(deny_unknown_fields)]
pub(super) struct Decision {
    passed: bool,
    /// At most 500 characters; not empty unless it passed.
    #[serde(default)]
    opinion: String,
    /// A cleaner picture, PNG in base64, in the place of that which was handed in.
    picture: Option<String>,
}

/// Take the picture of a seal, or send it back
#[utoipa::path(
    post, path = "/v1/operator/seals/{seal}/review", tag = "operators",
    params(("seal" = String, Path), Named), request_body = Decision,
    responses((status = 200, body = SealBody), Problems),
)]
pub(super) async fn review(
    State(api): State<Api>,
    By(by): By<Reviewer>,
    segments: Segments,
    Input { body, once }: Input<Decision, MAX_BODY>,
) -> Result<Json<SealBody>, Problem> {
    let which = id(segments.get("seal")?)?;
    let picture = body.picture.as_deref().map(Base64::decode_vec).transpose();
    let picture = picture.map_err(|_| Problem::malformed("the picture is no base64"))?;
    let decision = (body.passed, &*body.opinion, picture);
    let done = api.office.review_seal(&by, which, decision, once.as_ref()).await?;
    Ok(Json(SealBody::of(&api, done)?))
}
