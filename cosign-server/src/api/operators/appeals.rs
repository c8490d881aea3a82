//! Appeals as reviewers see them.

use axum::{Json, extract::State, http::StatusCode};
use serde::Serialize;
use utoipa::ToSchema;

use super::{By, part, people::DecisionBody};
use crate::{
    api::{
        Api, Problem,
        extract::{Input, Parameters, Segments},
        openapi::{Named, Problems},
        page::{NextBody, Paging, shown},
    },
    domain::{
        Error,
        office::{Entity as _, Named as _, Stored, appeal::Appeal, person::Person},
        operators::{Reviewer, SeesRequests},
    },
};

#[derive(Serialize, ToSchema)]
#[schema(as = Appeal)]
pub(super) struct AppealBody {
    appeal_id: String,
    state: &'static str,
    account_id: String,
    filed_at_ms: u64,
}

impl From<&Stored<Appeal>> for AppealBody {
    fn from(appeal: &Stored<Appeal>) -> Self {
        Self {
            appeal_id: appeal.id.to_string(),
            state: appeal.entity.state().as_str(),
            account_id: appeal.entity.account.to_string(),
            filed_at_ms: appeal.created_ms,
        }
    }
}

#[derive(Serialize, ToSchema)]
#[schema(as = Appeals)]
pub(super) struct ListBody {
    appeals: Vec<AppealBody>,
    next: Option<NextBody>,
}

/// Appeals for accounts that wait for a reviewer, oldest first
#[utoipa::path(
    get, path = "/v1/operator/appeals", tag = "operators", params(Paging),
    responses((status = 200, body = ListBody), Problems),
)]
pub(super) async fn list(
    State(api): State<Api>,
    By(by): By<SeesRequests>,
    Parameters(paging): Parameters<Paging>,
) -> Result<Json<ListBody>, Problem> {
    let found = api.office.appeals(&by, &paging.page()?).await?;
    let (appeals, next) = shown(found, |one| Ok::<_, Problem>(AppealBody::from(&one)))?;
    Ok(Json(ListBody { appeals, next }))
}

#[derive(Serialize, ToSchema)]
#[schema(as = AppealDetail)]
pub(super) struct DetailBody {
    #[serde(flatten)]
    appeal: AppealBody,
    /// What the user wrote.
    reason: Option<String>,
    /// The person with whom the account was verified.
    name: Option<String>,
    number: Option<String>,
}

/// An appeal
#[utoipa::path(
    get, path = "/v1/operator/appeals/{appeal}", tag = "operators", params(("appeal" = String, Path)),
    responses((status = 200, body = DetailBody), Problems),
)]
pub(super) async fn show(
    State(api): State<Api>,
    By(by): By<Reviewer>,
    segments: Segments,
) -> Result<Json<DetailBody>, Problem> {
    let (appeal, person): (Stored<Appeal>, Stored<Person>) =
        api.office.appeal_to_review(&by, part(&segments, "appeal")?).await?;
    let open = person.entity.claim.as_ref().map(|claim| api.office.open_claim(claim)).transpose()?;
    let reason = appeal.entity.reason.as_ref().map(|words| api.office.open_words(words));
    let (name, number) = open.map(|(name, number)| (name.to_string(), number.to_string())).unzip();
    let reason = reason.transpose().map_err(|_| Error::Internal)?.map(|words| words.to_string());
    Ok(Json(DetailBody { appeal: (&appeal).into(), reason, name, number }))
}

/// Decide about an appeal
#[utoipa::path(
    post, path = "/v1/operator/appeals/{appeal}", tag = "operators",
    params(("appeal" = String, Path), Named), request_body = DecisionBody,
    responses((status = 204, description = "It is decided"), Problems),
)]
pub(super) async fn review(
    State(api): State<Api>,
    By(by): By<Reviewer>,
    segments: Segments,
    Input { body, once }: Input<DecisionBody>,
) -> Result<StatusCode, Problem> {
    let appeal = part(&segments, "appeal")?;
    api.office.review_appeal(&by, appeal, body.passed, body.opinion.as_deref(), once.as_ref()).await?;
    Ok(StatusCode::NO_CONTENT)
}
