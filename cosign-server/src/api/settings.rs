//! What clients show of settings: the environment that they are in, what the user has set, how safe the account is.

use axum::{Json, extract::State, http::StatusCode};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use utoipa_axum::{router::OpenApiRouter, routes};

use super::{
    Api, Problem,
    accounts::LoggedIn,
    ca::Admitted,
    extract::Input,
    openapi::{Named, Problems},
    people::word,
};
use crate::domain::{
    Error,
    office::{Named as _, scan::qr},
};

pub(super) fn routes() -> OpenApiRouter<Api> {
    OpenApiRouter::new()
        .routes(routes!(environment))
        .routes(routes!(read))
        .routes(routes!(settings, set))
        .routes(routes!(security))
}

#[derive(Serialize, ToSchema)]
#[schema(as = Environment)]
pub(super) struct EnvironmentBody {
    name: String,
    /// `internet`, or `intranet` when it is reached inside an organisation alone.
    network: &'static str,
    /// Where clients reach it.
    address: Option<String>,
    /// How it is called in codes on pages.
    issuer: String,
    /// Where codes of mutual recognition lead a phone that does not know them.
    mutual_page: String,
    /// By what clients enter: `own` or `mutual`.
    entries: Vec<&'static str>,
    /// To be shown as a QR code: a client that scans it goes on in this environment.
    code: Option<String>,
}

/// The environment that a client is in, and the code that leads another one into it
#[utoipa::path(
    get, path = "/v1/environment", tag = "server", security(()),
    responses((status = 200, body = EnvironmentBody), Problems),
)]
pub(super) async fn environment(State(api): State<Api>) -> Json<EnvironmentBody> {
    let rules = api.office.rules();
    let of = &rules.environment;
    let is_reached = !of.address.is_empty();
    Json(EnvironmentBody {
        name: of.name.clone(),
        network: of.network.as_str(),
        address: is_reached.then(|| of.address.clone()),
        issuer: rules.scan_issuer.clone(),
        mutual_page: rules.mutual_page.clone(),
        entries: rules.entries.iter().map(|entry| entry.as_str()).collect(),
        code: is_reached.then(|| qr::environment(&rules.scan_issuer, of)),
    })
}

#[derive(Deserialize, ToSchema)]
#[schema(as = EnvironmentCode)]
#[serde(deny_unknown_fields)]
pub(super) struct CodeBody {
    /// What a client scanned.
    code: String,
}

#[derive(Serialize, ToSchema)]
#[schema(as = OtherEnvironment)]
pub(super) struct OtherBody {
    name: String,
    /// `internet` or `intranet`.
    network: &'static str,
    address: String,
}

/// Where a code leads that brings a client into an environment; the client asks its user before it goes there
#[utoipa::path(
    post, path = "/v1/environment/read", tag = "server", security(()), request_body = CodeBody,
    responses((status = 200, body = OtherBody), Problems),
)]
pub(super) async fn read(
    _: Admitted,
    Input { body, .. }: Input<CodeBody>,
) -> Result<Json<OtherBody>, Problem> {
    let of = qr::read_environment(&body.code)?;
    Ok(Json(OtherBody { name: of.name, network: of.network.as_str(), address: of.address }))
}

#[derive(Serialize, ToSchema)]
#[schema(as = Settings)]
pub(super) struct SettingsBody {
    /// By what the user enters, once that was chosen: `own` or `mutual`.
    entry: Option<&'static str>,
    /// By what they may.
    entries: Vec<&'static str>,
    /// Version of the program.
    version: &'static str,
    /// Version of the agreements that the user agreed to, and of the present ones.
    agreed: String,
    agreement: String,
    /// The number to call.
    hotline: Option<String>,
    /// Devices of the account.
    devices: usize,
    /// Accounts elsewhere that are bound: `wechat`, `alipay`, `national-id`.
    bound: Vec<&'static str>,
    /// Days for which a cancelled account can be appealed for.
    appeal_days: u64,
}

/// The settings of the user
#[utoipa::path(
    get, path = "/v1/settings", tag = "accounts", security(("user" = [])),
    responses((status = 200, body = SettingsBody), Problems),
)]
pub(super) async fn settings(
    State(api): State<Api>,
    LoggedIn(user): LoggedIn,
) -> Result<Json<SettingsBody>, Problem> {
    let (rules, account) = (api.office.rules(), &user.account().entity);
    let kept = api.office.kept_of(&user).await?;
    Ok(Json(SettingsBody {
        entry: account.entry.map(|entry| entry.as_str()),
        entries: rules.entries.iter().map(|entry| entry.as_str()).collect(),
        version: env!("CARGO_PKG_VERSION"),
        agreed: account.consent.version.clone(),
        agreement: rules.agreement.clone(),
        hotline: (!rules.hotline.is_empty()).then(|| rules.hotline.clone()),
        devices: kept.terminals.len(),
        bound: kept.elsewhere.iter().map(|elsewhere| elsewhere.as_str()).collect(),
        appeal_days: rules.retention_days,
    }))
}

#[derive(Deserialize, ToSchema)]
#[schema(as = SettingsWanted)]
#[serde(deny_unknown_fields)]
pub(super) struct WantedBody {
    /// By what the user enters: `own` or `mutual`.
    entry: String,
}

/// Choose by what to enter
#[utoipa::path(
    post, path = "/v1/settings", tag = "accounts", security(("user" = [])), params(Named), request_body = WantedBody,
    responses((status = 204, description = "It is so"), Problems),
)]
pub(super) async fn set(
    State(api): State<Api>,
    LoggedIn(user): LoggedIn,
    Input { body, once }: Input<WantedBody>,
) -> Result<StatusCode, Problem> {
    let entry = word(&body.entry, "there is no such entry here")?;
    api.office.choose_entry(&user, entry, once.as_ref()).await?;
    Ok(StatusCode::NO_CONTENT)
}

#[derive(Serialize, ToSchema)]
#[schema(as = Security)]
pub(super) struct SecurityBody {
    has_password: bool,
    /// Which passwords are good enough: `three-of-four` kinds of characters, or `upper-lower-digit`.
    password_rule: &'static str,
    /// What a login has to prove: `any-of` or `all-of`.
    login_policy: &'static str,
    /// Devices of the account.
    devices: usize,
    /// Logins that are good.
    sessions: usize,
    /// Whether this device has keys: a browser has none.
    has_keys: bool,
    /// Whether the own key of this device logs in.
    by_key: bool,
    /// By what the password of its keys is given when the user does not enter it: `remembered` or `biometrics`.
    unlocked: Option<&'static str>,
    /// Until when.
    unlocked_until_ms: Option<u64>,
    /// Hours for which it may be remembered, and given by a finger or a face; 0 when not.
    remembered_h: u64,
    biometrics_h: u64,
    /// Whether the account can be cancelled as it is.
    can_cancel: bool,
}

/// How safe the account of the user is, and this device
#[utoipa::path(
    get, path = "/v1/security", tag = "accounts", security(("user" = [])),
    responses((status = 200, body = SecurityBody), Problems),
)]
pub(super) async fn security(
    State(api): State<Api>,
    LoggedIn(user): LoggedIn,
) -> Result<Json<SecurityBody>, Problem> {
    let (rules, kept) = (api.office.rules(), api.office.kept_of(&user).await?);
    let this = kept.terminals.iter().find(|one| one.id == user.terminal()).ok_or(Error::NotFound)?;
    let unlocked = this.entity.unlocked.filter(|unlocked| api.clock.now_ms() < unlocked.until_ms);
    Ok(Json(SecurityBody {
        has_password: user.account().entity.password.is_some(),
        password_rule: rules.password_rule.as_str(),
        login_policy: rules.login_policy.as_str(),
        devices: kept.terminals.len(),
        sessions: kept.sessions,
        has_keys: this.entity.own_device.is_some(),
        by_key: this.entity.is_trusted,
        unlocked: unlocked.map(|unlocked| unlocked.by.as_str()),
        unlocked_until_ms: unlocked.map(|unlocked| unlocked.until_ms),
        remembered_h: rules.pin_remembered_h,
        biometrics_h: rules.pin_biometrics_h,
        can_cancel: api.office.ending(&user).await?.obstacles.is_empty(),
    }))
}
