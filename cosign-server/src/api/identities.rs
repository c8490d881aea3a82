//! As whom the user acts.

use axum::{Json, extract::State, http::StatusCode};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use utoipa_axum::{router::OpenApiRouter, routes};

use super::{
    Api, Problem,
    accounts::{LoggedIn, id},
    extract::{Input, Parameters},
    openapi::{Named, Problems},
    page::{NextBody, Paging, shown},
};
use crate::domain::{
    office::{
        Stored,
        catalogue::{Entry, Item},
        session::Acts,
    },
    services::{ActsFor, User},
};

pub(super) fn routes() -> OpenApiRouter<Api> {
    OpenApiRouter::new().routes(routes!(list)).routes(routes!(choose)).routes(routes!(on_platforms))
}

#[derive(Serialize, ToSchema)]
#[schema(as = Identity)]
struct IdentityBody {
    enterprise_id: String,
    name: String,
    /// `employee`, `administrator`, `legal-representative`: all that the user is there.
    roles: Vec<&'static str>,
    /// Whether the user acts for it now.
    chosen: bool,
}

impl IdentityBody {
    fn of(one: &ActsFor) -> Self {
        let mut roles = Vec::new();
        roles.extend(one.administers.then_some("administrator"));
        roles.extend(one.represents.then_some("legal-representative"));
        if roles.is_empty() {
            roles.push("employee");
        }
        Self {
            enterprise_id: one.enterprise.id.to_string(),
            name: one.enterprise.entity.facts.name.as_str().to_owned(),
            roles,
            chosen: one.is_chosen,
        }
    }
}

#[derive(Serialize, ToSchema)]
#[schema(as = Identities)]
pub(super) struct IdentitiesBody {
    /// As whom the user acts: `person`, `enterprise`, or nothing as long as that was not said.
    acts_as: Option<&'static str>,
    /// Whether that has to be said before anything else.
    must_choose: bool,
    /// For whom the user may act besides themselves.
    enterprises: Vec<IdentityBody>,
    next: Option<NextBody>,
}

async fn body(api: &Api, user: &User, paging: &Paging) -> Result<Json<IdentitiesBody>, Problem> {
    let found = api.office.identities(user, &paging.page()?).await?;
    let (enterprises, next) = shown(found, |one| Ok::<_, Problem>(IdentityBody::of(&one)))?;
    let acts_as = user.acts().map(|acts| match acts {
        Acts::Person => "person",
        Acts::Enterprise(_) => "enterprise",
    });
    Ok(Json(IdentitiesBody { acts_as, must_choose: user.has_chosen().is_err(), enterprises, next }))
}

#[derive(Serialize, ToSchema)]
#[schema(as = EnterpriseOnPlatform)]
struct OnPlatformBody {
    enterprise_id: String,
    name: String,
    /// The trading platform; nothing for an enterprise that has opened none.
    platform_id: Option<String>,
    platform: Option<String>,
    /// `employee`, `administrator`, `legal-representative`: all that the user is there.
    roles: Vec<&'static str>,
}

#[derive(Serialize, ToSchema)]
#[schema(as = EnterprisesOnPlatforms)]
pub(super) struct OnPlatformsBody {
    enterprises: Vec<OnPlatformBody>,
    next: Option<NextBody>,
}

fn on_each(one: &ActsFor) -> Vec<OnPlatformBody> {
    let body = |platform: Option<&Stored<Entry>>| {
        let IdentityBody { enterprise_id, name, roles, .. } = IdentityBody::of(one);
        let called = platform.and_then(|platform| match &platform.entity.item {
            Item::Platform(platform) => Some(platform.name.as_str().to_owned()),
            _ => None,
        });
        let platform_id = platform.map(|platform| platform.id.to_string());
        OnPlatformBody { enterprise_id, name, platform_id, platform: called, roles }
    };
    if one.platforms.is_empty() {
        return vec![body(None)];
    }
    one.platforms.iter().map(|platform| body(Some(platform))).collect()
}

/// The enterprises of the user, each once for every trading platform, with what the user is there
#[utoipa::path(
    get, path = "/v1/enterprises-on-platforms", tag = "enterprises", security(("user" = [])), params(Paging),
    responses((status = 200, body = OnPlatformsBody), Problems),
)]
pub(super) async fn on_platforms(
    State(api): State<Api>,
    LoggedIn(user): LoggedIn,
    Parameters(paging): Parameters<Paging>,
) -> Result<Json<OnPlatformsBody>, Problem> {
    let found = api.office.identities(&user, &paging.page()?).await?;
    let (each, next) = shown(found, |one| Ok::<_, Problem>(on_each(&one)))?;
    Ok(Json(OnPlatformsBody { enterprises: each.into_iter().flatten().collect(), next }))
}

/// As whom the user acts, and for whom they may
#[utoipa::path(
    get, path = "/v1/identities", tag = "accounts", security(("user" = [])), params(Paging),
    responses((status = 200, body = IdentitiesBody), Problems),
)]
pub(super) async fn list(
    State(api): State<Api>,
    LoggedIn(user): LoggedIn,
    Parameters(paging): Parameters<Paging>,
) -> Result<Json<IdentitiesBody>, Problem> {
    body(&api, &user, &paging).await
}

#[derive(Deserialize, ToSchema)]
#[schema(as = IdentityChosen)]
#[serde(deny_unknown_fields)]
pub(super) struct ChosenBody {
    /// The enterprise for which the user acts; nothing for themselves.
    enterprise_id: Option<String>,
}

/// Act as somebody from now on: as oneself, or for an enterprise; no new login is needed
#[utoipa::path(
    post, path = "/v1/session/identity", tag = "accounts", security(("user" = [])), params(Named),
    request_body = ChosenBody, responses((status = 204, description = "It is so"), Problems),
)]
pub(super) async fn choose(
    State(api): State<Api>,
    LoggedIn(user): LoggedIn,
    Input { body: chosen, once }: Input<ChosenBody>,
) -> Result<StatusCode, Problem> {
    let enterprise = chosen.enterprise_id.map(|text| id(&text)).transpose()?;
    api.office.choose_identity(&user, enterprise, once.as_ref()).await?;
    Ok(StatusCode::NO_CONTENT)
}
