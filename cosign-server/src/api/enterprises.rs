//! Enterprises: finding them, what the user is to them, and their end.
#![expect(unused_qualifications, reason = "what is made of parameters for the description has them")]

mod approvals;
mod changes;
mod claims;
mod grants;
mod letters;
mod members;
mod micropayments;
mod sealing;

use axum::{Json, extract::State, http::StatusCode};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};
use utoipa_axum::{router::OpenApiRouter, routes};

pub(super) use self::approvals::{ApprovalBody, ApprovalsBody, DecisionBody};
use super::{
    Api, Problem,
    accounts::{LoggedIn, Secret, id},
    extract::{Input, Parameters, Segments},
    openapi::{Named, Problems},
    page::{NextBody, Paging, shown},
};
use crate::domain::{
    Error,
    office::{
        Entity as _, Named as _, Stored,
        enterprise::{Enterprise, Uscc},
        membership::Membership,
    },
    services::{Standing, User},
};

pub(super) fn routes() -> OpenApiRouter<Api> {
    OpenApiRouter::new()
        .routes(routes!(search))
        .routes(routes!(look_up))
        .routes(routes!(list))
        .routes(routes!(show))
        .routes(routes!(promote))
        .routes(routes!(cancel))
        .merge(claims::routes())
        .merge(micropayments::routes())
        .merge(members::routes())
        .merge(approvals::routes())
        .merge(changes::routes())
        .merge(grants::routes())
        .merge(letters::routes())
        .merge(sealing::routes())
}

#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
pub(super) struct Searched {
    /// A part of a name, 5 characters at least.
    text: String,
}

#[derive(Serialize, ToSchema)]
#[schema(as = RegisteredEnterprise)]
struct RegisteredBody {
    name: String,
    uscc: String,
}

#[derive(Serialize, ToSchema)]
#[schema(as = EnterpriseHits)]
pub(super) struct HitsBody {
    /// At most 10.
    enterprises: Vec<RegisteredBody>,
    /// Whether there are more: a longer text finds fewer.
    has_more: bool,
    /// That these enterprises do not exist.
    sandbox: bool,
}

/// Search the register of enterprises
#[utoipa::path(
    get, path = "/v1/enterprise-search", tag = "enterprises", security(("user" = [])), params(Searched),
    responses((status = 200, body = HitsBody), Problems),
)]
pub(super) async fn search(
    State(api): State<Api>,
    LoggedIn(user): LoggedIn,
    Parameters(Searched { text }): Parameters<Searched>,
) -> Result<Json<HitsBody>, Problem> {
    let hits = api.office.search(&user, &text).await?;
    let body = |one: crate::domain::office::providers::Registered| RegisteredBody {
        name: one.name,
        uscc: one.uscc.as_str().to_owned(),
    };
    Ok(Json(HitsBody {
        enterprises: hits.found.into_iter().map(body).collect(),
        has_more: hits.has_more,
        sandbox: hits.is_sandbox,
    }))
}

#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
pub(super) struct LookedUp {
    /// The whole name.
    name: String,
    /// The unified social credit code.
    uscc: String,
}

#[derive(Serialize, ToSchema)]
#[schema(as = EnterpriseStanding)]
pub(super) struct StandingBody {
    enterprise_id: String,
    /// What can be done: `claim` what nobody has, `join` what has members, `appeal` for what was cancelled.
    next: &'static str,
    /// What its administrators are called, masked.
    administrators: Vec<String>,
}

/// What can be done about an enterprise
#[utoipa::path(
    get, path = "/v1/enterprise-standing", tag = "enterprises", security(("user" = [])), params(LookedUp),
    responses((status = 200, body = StandingBody), Problems),
)]
pub(super) async fn look_up(
    State(api): State<Api>,
    LoggedIn(user): LoggedIn,
    Parameters(LookedUp { name, uscc }): Parameters<LookedUp>,
) -> Result<Json<StandingBody>, Problem> {
    let (id, standing) = api.office.look_up(&user, &Uscc::parse(&uscc)?, &name).await?;
    let (next, administrators) = match standing {
        Standing::Unclaimed => ("claim", Vec::new()),
        Standing::Claimed(administrators) => ("join", administrators),
        Standing::Cancelled => ("appeal", Vec::new()),
    };
    Ok(Json(StandingBody { enterprise_id: id.to_string(), next, administrators }))
}

#[derive(Serialize, ToSchema)]
#[schema(as = OwnMembership)]
pub(super) struct OwnBody {
    enterprise_id: String,
    name: String,
    uscc: String,
    /// What the user is to it: requested, active, left, removed.
    state: &'static str,
    administrator: bool,
    since_ms: u64,
}

#[derive(Serialize, ToSchema)]
#[schema(as = OwnMemberships)]
pub(super) struct OwnsBody {
    enterprises: Vec<OwnBody>,
    next: Option<NextBody>,
}

/// The enterprises of the user, and those that were; newest first
#[utoipa::path(
    get, path = "/v1/enterprises", tag = "enterprises", security(("user" = [])), params(Paging),
    responses((status = 200, body = OwnsBody), Problems),
)]
pub(super) async fn list(
    State(api): State<Api>,
    LoggedIn(user): LoggedIn,
    Parameters(paging): Parameters<Paging>,
) -> Result<Json<OwnsBody>, Problem> {
    let found = api.office.memberships(&user, &paging.page()?).await?;
    let own = |(membership, enterprise): (Stored<Membership>, Stored<Enterprise>)| OwnBody {
        enterprise_id: enterprise.id.to_string(),
        name: enterprise.entity.facts.name.as_str().to_owned(),
        uscc: enterprise.entity.facts.uscc.as_str().to_owned(),
        state: membership.entity.state().as_str(),
        administrator: enterprise.entity.administrators.contains(&membership.entity.account),
        since_ms: membership.entity.since_ms,
    };
    let (enterprises, next) = shown(found, |one| Ok::<_, Problem>(own(one)))?;
    Ok(Json(OwnsBody { enterprises, next }))
}

#[derive(Serialize, ToSchema)]
#[schema(as = EnterpriseAdministrator)]
struct AdministratorBody {
    account_id: String,
    name: Option<String>,
}

#[derive(Serialize, ToSchema)]
#[schema(as = EnterpriseLegal)]
struct LegalBody {
    name: String,
    /// Masked.
    number: String,
    /// Masked.
    phone: String,
}

#[derive(Serialize, ToSchema)]
#[schema(as = Enterprise)]
pub(super) struct EnterpriseBody {
    enterprise_id: String,
    state: &'static str,
    kind: &'static str,
    name: String,
    uscc: String,
    licence_long_term: bool,
    legal: Option<LegalBody>,
    administrators: Vec<AdministratorBody>,
    members: u32,
    /// Whether the user manages it.
    manages: bool,
    founded_at_ms: u64,
    changed_at_ms: u64,
}

async fn body(api: &Api, user: &User, id: crate::domain::office::Id) -> Result<EnterpriseBody, Problem> {
    let (found, manages) = api.office.enterprise(user, id).await?;
    let facts = &found.entity.facts;
    let legal = match &facts.legal {
        Some(legal) => {
            let (name, number, phone) = api.office.read_legal(legal)?;
            Some(LegalBody { name: name.to_string(), number, phone })
        }
        None => None,
    };
    let administrators = api.office.administrators(&found.entity).await?;
    Ok(EnterpriseBody {
        enterprise_id: found.id.to_string(),
        state: found.entity.state().as_str(),
        kind: facts.sort.as_str(),
        name: facts.name.as_str().to_owned(),
        uscc: facts.uscc.as_str().to_owned(),
        licence_long_term: facts.long_term,
        legal,
        administrators: administrators
            .into_iter()
            .map(|(id, name)| AdministratorBody {
                account_id: id.to_string(),
                name: name.map(|name| name.to_string()),
            })
            .collect(),
        members: found.entity.members,
        manages,
        founded_at_ms: found.created_ms,
        changed_at_ms: found.changed_ms,
    })
}

/// An enterprise, for its members and its legal representative
#[utoipa::path(
    get, path = "/v1/enterprises/{enterprise}", tag = "enterprises", security(("user" = [])),
    params(("enterprise" = String, Path)), responses((status = 200, body = EnterpriseBody), Problems),
)]
pub(super) async fn show(
    State(api): State<Api>,
    LoggedIn(user): LoggedIn,
    segments: Segments,
) -> Result<Json<EnterpriseBody>, Problem> {
    Ok(Json(body(&api, &user, id(segments.get("enterprise")?)?).await?))
}

#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct OneMember {
    account_id: String,
}

/// Make a member an administrator too
#[utoipa::path(
    post, path = "/v1/enterprises/{enterprise}/administrators", tag = "enterprises", security(("user" = [])),
    params(("enterprise" = String, Path), Named), request_body = OneMember,
    responses((status = 200, body = EnterpriseBody), Problems),
)]
pub(super) async fn promote(
    State(api): State<Api>,
    LoggedIn(user): LoggedIn,
    segments: Segments,
    Input { body: asked, once }: Input<OneMember>,
) -> Result<Json<EnterpriseBody>, Problem> {
    let enterprise = id(segments.get("enterprise")?)?;
    api.office.promote(&user, enterprise, id(&asked.account_id)?, once.as_ref()).await?;
    Ok(Json(body(&api, &user, enterprise).await?))
}

#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct EnterpriseCancellation {
    /// That the user has read what it brings about.
    understood: bool,
    /// A code to the phone of the user, for `sign`.
    code_id: String,
    code: Secret,
}

/// Cancel an enterprise
///
/// All memberships, authorisations and requests in it end; the accounts of its members stay.
#[utoipa::path(
    post, path = "/v1/enterprises/{enterprise}/cancel", tag = "enterprises", security(("user" = [])),
    params(("enterprise" = String, Path)), request_body = EnterpriseCancellation,
    responses((status = 204, description = "It is cancelled"), Problems),
)]
pub(super) async fn cancel(
    State(api): State<Api>,
    LoggedIn(user): LoggedIn,
    segments: Segments,
    Input { body, .. }: Input<EnterpriseCancellation>,
) -> Result<StatusCode, Problem> {
    if !body.understood {
        return Err(
            Error::BadRequest("whoever cancels an enterprise has to have read what it brings about").into()
        );
    }
    let code_id = body.code_id.parse().map_err(|_| Error::CodeInvalid)?;
    api.office.cancel_enterprise(&user, id(segments.get("enterprise")?)?, code_id, &body.code.0).await?;
    Ok(StatusCode::NO_CONTENT)
}
