//! Certificates of a user, wherever they are installed.

use axum::{Json, extract::State, http::header, response::IntoResponse};
use serde::Serialize;
use utoipa::ToSchema;
use utoipa_axum::{router::OpenApiRouter, routes};

use super::{
    Api, Problem,
    accounts::{LoggedIn, id},
    extract::{Bare, From, Parameters, Segments},
    openapi::{Named, Octets, Problems},
    operators::By,
    page::{NextBody, shown},
    shop::OfWhom,
};
use crate::domain::{
    ca::Certificate,
    office::{Entity as _, Id, Named as _, Stored, holding::Holding},
    operators::Reviewer,
};

pub(super) fn routes() -> OpenApiRouter<Api> {
    OpenApiRouter::new()
        .routes(routes!(list))
        .routes(routes!(show))
        .routes(routes!(file))
        .routes(routes!(consequences))
        .routes(routes!(freeze))
        .routes(routes!(unfreeze))
}

#[derive(Serialize, ToSchema)]
#[schema(as = Holding)]
pub(super) struct HoldingBody {
    holding_id: String,
    state: &'static str,
    /// Whether it ends soon.
    expiring: bool,
    /// `person` or `enterprise`.
    holder: &'static str,
    holder_id: String,
    /// Where it is good; everywhere without it.
    platform: Option<String>,
    /// Whether it is for logging in here, and for nothing else.
    login: bool,
    authority: String,
    /// Serial number, hexadecimal.
    serial: String,
    /// Serial number of the certificate for decryption, if there is one.
    pair: Option<String>,
    /// Distinguished name (RFC 4514).
    subject: String,
    device_id: String,
    /// Whether its key is on the device that asks: if not, it can be reissued there.
    here: bool,
    key_id: Option<String>,
    /// Whether the key is nowhere as a whole: one share of it is on the device, one here, and both sign together.
    split: bool,
    not_before_ms: u64,
    not_after_ms: u64,
    issued_at_ms: u64,
    /// The one whose place it took.
    replaces: Option<String>,
}

impl HoldingBody {
    fn of(api: &Api, one: (Stored<Holding>, Certificate), device: Option<&str>) -> Self {
        let (stored, certificate) = one;
        let expiring = api.office.is_expiring(&stored);
        let Stored { id, entity, created_ms, .. } = stored;
        Self {
            holding_id: id.to_string(),
            state: entity.state().as_str(),
            expiring,
            holder: entity.holder.as_str(),
            holder_id: entity.holder.id().to_string(),
            platform: entity.platform.as_ref().map(|platform| platform.as_str().to_owned()),
            login: api.office.is_for_login(entity.platform.as_ref()),
            authority: entity.authority.to_string(),
            serial: entity.serial,
            pair: certificate.pair.map(|serial| serial.to_string()),
            subject: envelope::name::display(&certificate.subject),
            here: device == Some(&*entity.device),
            device_id: entity.device,
            split: certificate.key_id.is_some(),
            key_id: certificate.key_id.map(|id| id.to_string()),
            not_before_ms: certificate.not_before_ms,
            not_after_ms: certificate.not_after_ms,
            issued_at_ms: created_ms,
            replaces: entity.replaces.map(|id| id.to_string()),
        }
    }
}

#[derive(Serialize, ToSchema)]
#[schema(as = Holdings)]
pub(super) struct HoldingsBody {
    holdings: Vec<HoldingBody>,
    next: Option<NextBody>,
}

/// The certificates of the user, or of an enterprise of the user, newest first
#[utoipa::path(
    get, path = "/v1/holdings", tag = "office-certificates", security(("user" = [])), params(OfWhom),
    responses((status = 200, body = HoldingsBody), Problems),
)]
pub(super) async fn list(
    State(api): State<Api>,
    LoggedIn(user): LoggedIn,
    From(caller): From,
    Parameters(of): Parameters<OfWhom>,
) -> Result<Json<HoldingsBody>, Problem> {
    let (whose, page) = of.read()?;
    let found = api.office.holdings(&user, whose, &page).await?;
    let device = caller.device.map(|device| device.to_string());
    let (holdings, next) =
        shown(found, |one| Ok::<_, Problem>(HoldingBody::of(&api, one, device.as_deref())))?;
    Ok(Json(HoldingsBody { holdings, next }))
}

fn which(segments: &Segments) -> Result<Id, Problem> {
    id(segments.get("holding")?)
}

/// One of them
#[utoipa::path(
    get, path = "/v1/holdings/{holding}", tag = "office-certificates", security(("user" = [])),
    params(("holding" = String, Path)), responses((status = 200, body = HoldingBody), Problems),
)]
pub(super) async fn show(
    State(api): State<Api>,
    LoggedIn(user): LoggedIn,
    From(caller): From,
    segments: Segments,
) -> Result<Json<HoldingBody>, Problem> {
    let found = api.office.holding(&user, which(&segments)?).await?;
    let device = caller.device.map(|device| device.to_string());
    Ok(Json(HoldingBody::of(&api, found, device.as_deref())))
}

/// The certificate as a file: `.cer`, DER
#[utoipa::path(
    get, path = "/v1/holdings/{holding}/certificate.cer", tag = "office-certificates", security(("user" = [])),
    params(("holding" = String, Path)),
    responses((status = 200, description = "The certificate", body = Octets, content_type = "application/pkix-cert"), Problems),
)]
pub(super) async fn file(
    State(api): State<Api>,
    LoggedIn(user): LoggedIn,
    segments: Segments,
) -> Result<impl IntoResponse, Problem> {
    let (_, certificate) = api.office.holding(&user, which(&segments)?).await?;
    let name = format!("attachment; filename=\"{}.cer\"", certificate.serial);
    let headers = [
        (header::CONTENT_TYPE, "application/pkix-cert".to_owned()),
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff".to_owned()),
        (header::CONTENT_DISPOSITION, name),
    ];
    Ok((headers, certificate.der))
}

#[derive(Serialize, ToSchema)]
#[schema(as = Consequences)]
pub(super) struct ConsequencesBody {
    /// Seals that are cancelled with it.
    seals: u32,
    /// Applications about it that are under way.
    applications: u32,
    /// Whether what was encrypted to it can be opened no more.
    decryption_ends: bool,
    /// That nothing of it can be taken back.
    irreversible: bool,
}

/// What the end of a certificate brings along
#[utoipa::path(
    get, path = "/v1/holdings/{holding}/consequences", tag = "office-certificates", security(("user" = [])),
    params(("holding" = String, Path)), responses((status = 200, body = ConsequencesBody), Problems),
)]
pub(super) async fn consequences(
    State(api): State<Api>,
    LoggedIn(user): LoggedIn,
    segments: Segments,
) -> Result<Json<ConsequencesBody>, Problem> {
    let (seals, applications, decryption_ends) = api.office.consequences(&user, which(&segments)?).await?;
    Ok(Json(ConsequencesBody { seals, applications, decryption_ends, irreversible: true }))
}

#[derive(Serialize, ToSchema)]
#[schema(as = HoldingStanding)]
pub(super) struct StandingBody {
    holding_id: String,
    state: &'static str,
}

impl std::convert::From<Stored<Holding>> for StandingBody {
    fn from(one: Stored<Holding>) -> Self {
        Self { holding_id: one.id.to_string(), state: one.entity.state().as_str() }
    }
}

/// Suspend a certificate with its key
#[utoipa::path(
    post, path = "/v1/operator/holdings/{holding}/freeze", tag = "operators",
    params(("holding" = String, Path), Named), responses((status = 200, body = StandingBody), Problems),
)]
pub(super) async fn freeze(
    State(api): State<Api>,
    By(by): By<Reviewer>,
    segments: Segments,
    Bare { once }: Bare,
) -> Result<Json<StandingBody>, Problem> {
    Ok(Json(api.office.suspend_holding(&by, which(&segments)?, true, once.as_ref()).await?.into()))
}

/// Put a certificate in force again
#[utoipa::path(
    post, path = "/v1/operator/holdings/{holding}/unfreeze", tag = "operators",
    params(("holding" = String, Path), Named), responses((status = 200, body = StandingBody), Problems),
)]
pub(super) async fn unfreeze(
    State(api): State<Api>,
    By(by): By<Reviewer>,
    segments: Segments,
    Bare { once }: Bare,
) -> Result<Json<StandingBody>, Problem> {
    Ok(Json(api.office.suspend_holding(&by, which(&segments)?, false, once.as_ref()).await?.into()))
}
