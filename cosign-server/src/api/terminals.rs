//! Devices on which a user logs in, and accounts elsewhere.

use axum::{Json, extract::State, http::StatusCode};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use utoipa_axum::{router::OpenApiRouter, routes};

use super::{
    Api, Problem,
    accounts::{LoggedIn, Secret, id},
    extract::{Bare, Input, Parameters, Segments},
    openapi::{Named, Problems},
    page::{NextBody, Paging, shown},
    people::word,
};
use crate::domain::office::{
    Entity as _, Named as _, Stored,
    linked::Linked,
    terminal::{Terminal, Unlocking},
};

pub(super) fn routes() -> OpenApiRouter<Api> {
    OpenApiRouter::new()
        .routes(routes!(list))
        .routes(routes!(unbind))
        .routes(routes!(trust))
        .routes(routes!(unlock))
        .routes(routes!(lock))
        .routes(routes!(pages))
        .routes(routes!(bindings, bind))
        .routes(routes!(unbind_elsewhere))
}

#[derive(Serialize, ToSchema)]
#[schema(as = Terminal)]
pub(super) struct TerminalBody {
    terminal_id: String,
    state: &'static str,
    device: String,
    /// The enrolled device that it is; nothing for a browser.
    device_id: Option<String>,
    /// Whether it is the one that asks.
    this: bool,
    /// Whether its own key logs in, which a finger or a face unlocks.
    by_key: bool,
    /// Until when the user does not want to be asked about that.
    quiet_until_ms: Option<u64>,
    /// By what the password of its keys is given when the user does not enter it: `remembered` or `biometrics`.
    unlocked: Option<&'static str>,
    /// Until when.
    unlocked_until_ms: Option<u64>,
    bound_at_ms: u64,
    used_at_ms: u64,
}

#[derive(Serialize, ToSchema)]
#[schema(as = Terminals)]
pub(super) struct TerminalsBody {
    terminals: Vec<TerminalBody>,
    next: Option<NextBody>,
}

/// The devices on which the user logged in, newest first
#[utoipa::path(
    get, path = "/v1/terminals", tag = "accounts", security(("user" = [])), params(Paging),
    responses((status = 200, body = TerminalsBody), Problems),
)]
pub(super) async fn list(
    State(api): State<Api>,
    LoggedIn(user): LoggedIn,
    Parameters(paging): Parameters<Paging>,
) -> Result<Json<TerminalsBody>, Problem> {
    let found = api.office.terminals(&user, &paging.page()?).await?;
    let body = |one: Stored<Terminal>| TerminalBody {
        terminal_id: one.id.to_string(),
        state: one.entity.state().as_str(),
        device: one.entity.device.as_str().to_owned(),
        device_id: one.entity.own_device.map(|own| own.id().to_string()),
        this: one.id == user.terminal(),
        by_key: one.entity.is_trusted,
        quiet_until_ms: one.entity.quiet_until_ms,
        unlocked: one.entity.unlocked.map(|unlocked| unlocked.by.as_str()),
        unlocked_until_ms: one.entity.unlocked.map(|unlocked| unlocked.until_ms),
        bound_at_ms: one.created_ms,
        used_at_ms: one.entity.used_ms,
    };
    let (terminals, next) = shown(found, |one| Ok::<_, Problem>(body(one)))?;
    Ok(Json(TerminalsBody { terminals, next }))
}

/// Take a device from the account: its logins end, and it proves the phone before the next one
#[utoipa::path(
    post, path = "/v1/terminals/{terminal}/unbind", tag = "accounts", security(("user" = [])),
    params(("terminal" = String, Path), Named), responses((status = 204, description = "It is unbound"), Problems),
)]
pub(super) async fn unbind(
    State(api): State<Api>,
    LoggedIn(user): LoggedIn,
    segments: Segments,
    Bare { once }: Bare,
) -> Result<StatusCode, Problem> {
    api.office.unbind_terminal(&user, id(segments.get("terminal")?)?, once.as_ref()).await?;
    Ok(StatusCode::NO_CONTENT)
}

#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Trust {
    /// Whether the own key of this device logs in.
    by_key: bool,
    /// Whether not to ask again for a while.
    #[serde(default)]
    quiet: bool,
}

/// Let the own key of this device log in, which a finger or a face unlocks, or do not any more
#[utoipa::path(
    post, path = "/v1/terminal/key", tag = "accounts", security(("user" = [])), params(Named), request_body = Trust,
    responses((status = 204, description = "It is so"), Problems),
)]
pub(super) async fn trust(
    State(api): State<Api>,
    LoggedIn(user): LoggedIn,
    Input { body, once }: Input<Trust>,
) -> Result<StatusCode, Problem> {
    api.office.trust_terminal(&user, body.by_key, body.quiet, once.as_ref()).await?;
    Ok(StatusCode::NO_CONTENT)
}

#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Unlock {
    /// By what the password of the keys is given: `remembered` or `biometrics`.
    by: String,
}

/// How the password of a key was given, if the user did not enter it.
pub(super) fn unlocking(text: Option<&str>) -> Result<Option<Unlocking>, crate::domain::Error> {
    const NONE: &str = "the password is entered, `remembered`, or given by `biometrics`";
    text.map(|text| word(text, NONE)).transpose()
}

/// Let this device remember the password of its keys, or have a finger or a face give it, for as long as the server allows
#[utoipa::path(
    post, path = "/v1/terminal/unlock", tag = "accounts", security(("user" = [])), params(Named), request_body = Unlock,
    responses((status = 204, description = "It is so"), Problems),
)]
pub(super) async fn unlock(
    State(api): State<Api>,
    LoggedIn(user): LoggedIn,
    Input { body, once }: Input<Unlock>,
) -> Result<StatusCode, Problem> {
    let by = word(&body.by, "the password is entered, `remembered`, or given by `biometrics`")?;
    api.office.unlock_terminal(&user, by, once.as_ref()).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Have the password of the keys of a device entered again from now on
#[utoipa::path(
    post, path = "/v1/terminals/{terminal}/lock", tag = "accounts", security(("user" = [])),
    params(("terminal" = String, Path), Named), responses((status = 204, description = "It is so"), Problems),
)]
pub(super) async fn lock(
    State(api): State<Api>,
    LoggedIn(user): LoggedIn,
    segments: Segments,
    Bare { once }: Bare,
) -> Result<StatusCode, Problem> {
    api.office.lock_terminal(&user, id(segments.get("terminal")?)?, once.as_ref()).await?;
    Ok(StatusCode::NO_CONTENT)
}

#[derive(Serialize, ToSchema)]
struct PageBody {
    elsewhere: &'static str,
    page: String,
}

#[derive(Serialize, ToSchema)]
#[schema(as = PagesElsewhere)]
pub(super) struct PagesBody {
    pages: Vec<PageBody>,
}

/// The pages on which users of WeChat, Alipay and the national network identity say that they log in here
#[utoipa::path(
    get, path = "/v1/elsewhere", tag = "accounts", security(()),
    responses((status = 200, body = PagesBody), Problems),
)]
pub(super) async fn pages(State(api): State<Api>) -> Result<Json<PagesBody>, Problem> {
    let pages = api.office.pages_elsewhere()?.into_iter();
    let pages = pages.map(|(elsewhere, page)| PageBody { elsewhere: elsewhere.as_str(), page });
    Ok(Json(PagesBody { pages: pages.collect() }))
}

#[derive(Serialize, ToSchema)]
#[schema(as = LinkedAccount)]
pub(super) struct LinkedBody {
    binding_id: String,
    state: &'static str,
    elsewhere: &'static str,
    bound_at_ms: u64,
}

#[derive(Serialize, ToSchema)]
#[schema(as = LinkedAccounts)]
pub(super) struct LinkedAccountsBody {
    bindings: Vec<LinkedBody>,
    next: Option<NextBody>,
}

/// The accounts elsewhere by which the user is known, newest first
#[utoipa::path(
    get, path = "/v1/bindings", tag = "accounts", security(("user" = [])), params(Paging),
    responses((status = 200, body = LinkedAccountsBody), Problems),
)]
pub(super) async fn bindings(
    State(api): State<Api>,
    LoggedIn(user): LoggedIn,
    Parameters(paging): Parameters<Paging>,
) -> Result<Json<LinkedAccountsBody>, Problem> {
    let found = api.office.linked_accounts(&user, &paging.page()?).await?;
    let body = |one: Stored<Linked>| LinkedBody {
        binding_id: one.id.to_string(),
        state: one.entity.state().as_str(),
        elsewhere: one.entity.elsewhere.as_str(),
        bound_at_ms: one.created_ms,
    };
    let (bindings, next) = shown(found, |one| Ok::<_, Problem>(body(one)))?;
    Ok(Json(LinkedAccountsBody { bindings, next }))
}

#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct BindBody {
    /// `wechat`, `alipay` or `national-id`.
    elsewhere: String,
    /// What the page there gave.
    grant: Secret,
}

#[derive(Serialize, ToSchema)]
#[schema(as = Bound)]
pub(super) struct BoundBody {
    binding_id: String,
}

/// Bind an account elsewhere; another one of the same place is unbound
#[utoipa::path(
    post, path = "/v1/bindings", tag = "accounts", security(("user" = [])), params(Named), request_body = BindBody,
    responses((status = 201, body = BoundBody), Problems),
)]
pub(super) async fn bind(
    State(api): State<Api>,
    LoggedIn(user): LoggedIn,
    Input { body, once }: Input<BindBody>,
) -> Result<(StatusCode, Json<BoundBody>), Problem> {
    let elsewhere = word(&body.elsewhere, "there is no such account elsewhere")?;
    let binding_id =
        api.office.link_account(&user, elsewhere, &body.grant.0, once.as_ref()).await?.to_string();
    Ok((StatusCode::CREATED, Json(BoundBody { binding_id })))
}

/// Unbind an account elsewhere
#[utoipa::path(
    post, path = "/v1/bindings/{binding}/unbind", tag = "accounts", security(("user" = [])),
    params(("binding" = String, Path), Named), responses((status = 204, description = "It is unbound"), Problems),
)]
pub(super) async fn unbind_elsewhere(
    State(api): State<Api>,
    LoggedIn(user): LoggedIn,
    segments: Segments,
    Bare { once }: Bare,
) -> Result<StatusCode, Problem> {
    api.office.unlink_account(&user, id(segments.get("binding")?)?, once.as_ref()).await?;
    Ok(StatusCode::NO_CONTENT)
}
