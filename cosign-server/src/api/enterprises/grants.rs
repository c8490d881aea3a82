//! What members may use of an enterprise.

use axum::{Json, extract::State, http::StatusCode};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use utoipa_axum::{router::OpenApiRouter, routes};

use super::letters::{MAX_SIGNED, MarkBody, signing};
use crate::{
    api::{
        Api, Problem,
        accounts::{LoggedIn, Secret, id},
        extract::{Bare, Input, Parameters, Segments},
        openapi::{Named, Problems},
        page::{NextBody, Paging, shown},
    },
    domain::{
        Error,
        office::{
            Entity as _, Named as _, Stored,
            grant::{Grant, Terms, What},
        },
        services::Joining,
    },
};

pub(super) fn routes() -> OpenApiRouter<Api> {
    OpenApiRouter::new()
        .routes(routes!(list, grant))
        .routes(routes!(usable))
        .routes(routes!(check))
        .routes(routes!(withdraw))
}

#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct GrantWanted {
    /// Who is to have it.
    account_id: String,
    /// On which trading platform the enterprise's certificate may be used; either this or the next one.
    platform_id: Option<String>,
    /// Which certificate of the enterprise may be used.
    holding_id: Option<String>,
    from_ms: u64,
    until_ms: u64,
    /// 1 to 500 characters. Who asks for a certificate that there is says this or who administers the enterprise.
    reason: Option<Secret>,
    /// The name of an administrator.
    administrator_name: Option<Secret>,
    /// The last four digits of that person's phone.
    administrator_digits: Option<Secret>,
    /// A code to the phone of the user, for `sign`, when the legal representative gives it.
    code_id: Option<String>,
    code: Option<Secret>,
    /// Or the password of the account.
    password: Option<Secret>,
    /// What stands on the letter then.
    mark: Option<MarkBody>,
}

#[derive(Serialize, ToSchema)]
pub(super) struct GrantMade {
    grant_id: String,
    /// What waits for a decision; nothing when it was given at once.
    approval_id: Option<String>,
}

/// Give a member the use of an enterprise's certificate, or ask that it is given
///
/// The legal representative gives it. A member asks for it, and an administrator asks for a member.
#[utoipa::path(
    post, path = "/v1/enterprises/{enterprise}/grants", tag = "approvals", security(("user" = [])),
    params(("enterprise" = String, Path), Named), request_body = GrantWanted,
    responses((status = 201, body = GrantMade), Problems),
)]
pub(super) async fn grant(
    State(api): State<Api>,
    LoggedIn(user): LoggedIn,
    segments: Segments,
    Input { body, once }: Input<GrantWanted, MAX_SIGNED>,
) -> Result<(StatusCode, Json<GrantMade>), Problem> {
    let what = match (&body.platform_id, &body.holding_id) {
        (Some(platform), None) => What::Certificate { platform: id(platform)? },
        (None, Some(holding)) => What::Holding { holding: id(holding)? },
        _ => return Err(Error::BadRequest("a grant is for a platform or for a certificate").into()),
    };
    let terms = Terms {
        enterprise: id(segments.get("enterprise")?)?,
        member: id(&body.account_id)?,
        what,
        from_ms: body.from_ms,
        until_ms: body.until_ms,
    };
    let signing = signing((body.code_id, body.code), body.password, body.mark)?;
    let reason = body.reason.map(|reason| reason.0);
    let why = match (body.administrator_name, body.administrator_digits) {
        (Some(name), Some(digits)) => Some(Joining::Known { name: name.0, digits: digits.0, reason }),
        _ => reason.map(Joining::Explained),
    };
    let (grant_id, approval) = api.office.grant(&user, terms, why, signing, once.as_ref()).await?;
    let approval_id = approval.map(|id| id.to_string());
    Ok((StatusCode::CREATED, Json(GrantMade { grant_id: grant_id.to_string(), approval_id })))
}

#[derive(Serialize, ToSchema)]
#[schema(as = Grant)]
pub(super) struct GrantBody {
    grant_id: String,
    state: &'static str,
    enterprise_id: String,
    account_id: String,
    name: Option<String>,
    /// What may be used: `certificate` (on a platform), `holding` (a certificate that there is) or `seal`.
    kind: &'static str,
    platform_id: Option<String>,
    holding_id: Option<String>,
    seal_id: Option<String>,
    from_ms: u64,
    until_ms: u64,
    /// Who asked for it or gave it.
    by: String,
    made_at_ms: u64,
}

#[derive(Serialize, ToSchema)]
#[schema(as = Grants)]
pub(super) struct GrantsBody {
    grants: Vec<GrantBody>,
    next: Option<NextBody>,
}

impl GrantsBody {
    pub(super) async fn of(
        api: &Api,
        found: crate::domain::page::Paged<Stored<Grant>>,
    ) -> Result<Self, Problem> {
        let (items, next) = shown(found, Ok::<_, Problem>)?;
        let mut grants = Vec::new();
        for one in items {
            let terms = one.entity.terms;
            let text = |id: crate::domain::office::Id| Some(id.to_string());
            let (platform_id, holding_id, seal_id) = match terms.what {
                What::Certificate { platform } => (text(platform), None, None),
                What::Holding { holding } => (None, text(holding), None),
                What::Seal { seal } => (None, None, text(seal)),
            };
            let name = api.office.person_name(terms.member).await?;
            grants.push(GrantBody {
                grant_id: one.id.to_string(),
                state: one.entity.state().as_str(),
                enterprise_id: terms.enterprise.to_string(),
                account_id: terms.member.to_string(),
                name: name.map(|name| name.to_string()),
                kind: terms.what.as_str(),
                platform_id,
                holding_id,
                seal_id,
                from_ms: terms.from_ms,
                until_ms: terms.until_ms,
                by: one.entity.by.to_string(),
                made_at_ms: one.created_ms,
            });
        }
        Ok(Self { grants, next })
    }
}

/// Who may use what of an enterprise, newest first; for those who manage it
#[utoipa::path(
    get, path = "/v1/enterprises/{enterprise}/grants", tag = "approvals", security(("user" = [])),
    params(("enterprise" = String, Path), Paging), responses((status = 200, body = GrantsBody), Problems),
)]
pub(super) async fn list(
    State(api): State<Api>,
    LoggedIn(user): LoggedIn,
    segments: Segments,
    Parameters(paging): Parameters<Paging>,
) -> Result<Json<GrantsBody>, Problem> {
    let found = api.office.grants(&user, id(segments.get("enterprise")?)?, &paging.page()?).await?;
    Ok(Json(GrantsBody::of(&api, found).await?))
}

/// What the user may use of enterprises, newest first
#[utoipa::path(
    get, path = "/v1/grants", tag = "approvals", security(("user" = [])), params(Paging),
    responses((status = 200, body = GrantsBody), Problems),
)]
pub(super) async fn usable(
    State(api): State<Api>,
    LoggedIn(user): LoggedIn,
    Parameters(paging): Parameters<Paging>,
) -> Result<Json<GrantsBody>, Problem> {
    Ok(Json(GrantsBody::of(&api, api.office.usable_grants(&user, &paging.page()?).await?).await?))
}

#[derive(Serialize, ToSchema)]
pub(super) struct GrantChecked {
    /// Who may use it now.
    account_id: String,
}

/// Whether the user may use what a grant is for, at this moment
#[utoipa::path(
    get, path = "/v1/grants/{grant}/use", tag = "approvals", security(("user" = [])),
    params(("grant" = String, Path)), responses((status = 200, body = GrantChecked), Problems),
)]
pub(super) async fn check(
    State(api): State<Api>,
    LoggedIn(user): LoggedIn,
    segments: Segments,
) -> Result<Json<GrantChecked>, Problem> {
    let may = api.office.check_grant(&user, id(segments.get("grant")?)?).await?;
    Ok(Json(GrantChecked { account_id: may.member().to_string() }))
}

/// Take a grant back
#[utoipa::path(
    post, path = "/v1/grants/{grant}/withdraw", tag = "approvals", security(("user" = [])),
    params(("grant" = String, Path), Named), responses((status = 204, description = "It is over"), Problems),
)]
pub(super) async fn withdraw(
    State(api): State<Api>,
    LoggedIn(user): LoggedIn,
    segments: Segments,
    Bare { once }: Bare,
) -> Result<StatusCode, Problem> {
    api.office.withdraw_grant(&user, id(segments.get("grant")?)?, once.as_ref()).await?;
    Ok(StatusCode::NO_CONTENT)
}
