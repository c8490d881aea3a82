//! People as reviewers see them.

use axum::{Json, extract::State, http::StatusCode, response::IntoResponse};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::{By, part};
use crate::{
    api::{
        Api, Problem,
        extract::{Input, Parameters, Segments},
        messages::file_of,
        openapi::{Named, Octets, Problems},
        page::{NextBody, Paging, shown},
    },
    domain::{
        Error,
        office::{
            Named as _, Stored,
            person::{Claim, Person},
            personal::{masked_name, masked_number},
        },
        operators::{Reviewer, SeesRequests},
    },
};

#[derive(Serialize, ToSchema)]
#[schema(as = WaitingPerson)]
pub(super) struct WaitingBody {
    case_id: String,
    document: &'static str,
    /// Masked in the list.
    name: String,
    /// Masked in the list.
    number: String,
    document_expires_at_ms: Option<u64>,
    /// The front of the document, its back, the person.
    picture_ids: Vec<String>,
    waits_since_ms: u64,
    /// When somebody should have looked at it.
    until_ms: u64,
}

impl WaitingBody {
    fn of(api: &Api, person: &Stored<Person>, is_masked: bool) -> Result<Self, Problem> {
        let claim: &Claim = person.entity.claim.as_ref().ok_or(Error::NotFound)?;
        let (name, number) = api.office.open_claim(claim)?;
        let since_ms = person.entity.claimed_ms;
        let target_ms = api.office.rules().person_review_h.saturating_mul(3_600_000);
        Ok(Self {
            case_id: claim.case.to_string(),
            document: claim.document.as_str(),
            name: if is_masked { masked_name(&name) } else { name.to_string() },
            number: if is_masked { masked_number(&number) } else { number.to_string() },
            document_expires_at_ms: claim.expires_ms,
            picture_ids: claim.pictures.iter().map(ToString::to_string).collect(),
            waits_since_ms: since_ms,
            until_ms: since_ms.saturating_add(target_ms),
        })
    }
}

#[derive(Serialize, ToSchema)]
#[schema(as = WaitingPeople)]
pub(super) struct ListBody {
    people: Vec<WaitingBody>,
    next: Option<NextBody>,
}

/// People who wait for a reviewer, oldest first
#[utoipa::path(
    get, path = "/v1/operator/person-reviews", tag = "operators", params(Paging),
    responses((status = 200, body = ListBody), Problems),
)]
pub(super) async fn list(
    State(api): State<Api>,
    By(by): By<SeesRequests>,
    Parameters(paging): Parameters<Paging>,
) -> Result<Json<ListBody>, Problem> {
    let found = api.office.waiting_people(&by, &paging.page()?).await?;
    let (people, next) = shown(found, |person| WaitingBody::of(&api, &person, true))?;
    Ok(Json(ListBody { people, next }))
}

/// A person who waits for a reviewer
#[utoipa::path(
    get, path = "/v1/operator/person-reviews/{case}", tag = "operators", params(("case" = String, Path)),
    responses((status = 200, body = WaitingBody), Problems),
)]
pub(super) async fn show(
    State(api): State<Api>,
    By(by): By<Reviewer>,
    segments: Segments,
) -> Result<Json<WaitingBody>, Problem> {
    let person = api.office.waiting_person(&by, part(&segments, "case")?).await?;
    Ok(Json(WaitingBody::of(&api, &person, false)?))
}

/// A picture of a person who waits for a reviewer
#[utoipa::path(
    get, path = "/v1/operator/person-reviews/{case}/pictures/{picture}", tag = "operators",
    params(("case" = String, Path), ("picture" = String, Path)),
    responses((status = 200, description = "The picture", body = Octets, content_type = "application/octet-stream"), Problems),
)]
pub(super) async fn picture(
    State(api): State<Api>,
    By(by): By<Reviewer>,
    segments: Segments,
) -> Result<impl IntoResponse, Problem> {
    let (case, picture) = (part(&segments, "case")?, part(&segments, "picture")?);
    Ok(file_of(api.office.picture_of_person(&by, case, picture).await?))
}

#[derive(Deserialize, ToSchema)]
#[schema(as = PersonReview)]
#[serde(deny_unknown_fields)]
pub(super) struct DecisionBody {
    pub(super) passed: bool,
    /// 1 to 500 characters; a refusal needs it.
    pub(super) opinion: Option<String>,
}

/// Decide about a person
#[utoipa::path(
    post, path = "/v1/operator/person-reviews/{case}", tag = "operators",
    params(("case" = String, Path), Named), request_body = DecisionBody,
    responses((status = 204, description = "It is decided"), Problems),
)]
pub(super) async fn review(
    State(api): State<Api>,
    By(by): By<Reviewer>,
    segments: Segments,
    Input { body, once }: Input<DecisionBody>,
) -> Result<StatusCode, Problem> {
    let case = part(&segments, "case")?;
    api.office.review_person(&by, case, body.passed, body.opinion.as_deref(), once.as_ref()).await?;
    Ok(StatusCode::NO_CONTENT)
}
