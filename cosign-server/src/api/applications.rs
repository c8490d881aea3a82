//! What users apply for: certificates, others in their place, and their end.

mod mail;

use axum::{Json, extract::State, http::StatusCode};
use cosign_core::sm_primitives::sm2::PublicKey;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use utoipa_axum::{router::OpenApiRouter, routes};

use super::{
    Api, Problem,
    accounts::{LoggedIn, Secret, id},
    extract::{Bare, Enrolled, Input, Parameters, Segments},
    openapi::{Named, Problems},
    page::{NextBody, shown},
    shop::{LineWanted, OfWhom},
};
use crate::domain::{
    Error,
    ca::AuthorityId,
    office::{
        Entity as _, Id, Named as _, Stored,
        application::{Application, Business},
        holding::Platform,
    },
    services::{Applying, Form, Purchase},
};

/// Longest body with a certification request in bytes.
const MAX_BODY: usize = 24 * 1024;

pub(super) fn routes() -> OpenApiRouter<Api> {
    OpenApiRouter::new()
        .routes(routes!(list, apply))
        .routes(routes!(show))
        .routes(routes!(form))
        .routes(routes!(mail::mail))
        .routes(routes!(mail::kept))
        .routes(routes!(confirm))
        .routes(routes!(authorise))
        .routes(routes!(attach))
        .routes(routes!(withdraw))
        .routes(routes!(install))
}

#[derive(Deserialize, ToSchema)]
#[schema(as = NewApplication)]
#[serde(deny_unknown_fields)]
pub(super) struct ApplyBody {
    /// `new`, `renew`, `change`, `reissue`, `revoke` or `medium`.
    business: String,
    /// The certificate that it is about; none for a new one.
    holding_id: Option<String>,
    /// Of which enterprise a new one is to be, which the user manages; otherwise it is the user's own.
    enterprise_id: Option<String>,
    /// For which platform a new one is; for all without it.
    platform: Option<String>,
    /// Which authority issues a new one.
    authority: Option<String>,
    /// Years that it is to be valid [default: 1].
    years: Option<u8>,
    /// Whether a certificate for decryption is wanted too.
    #[serde(default)]
    dual: bool,
    /// Of a revocation, a name of RFC 5280.
    reason: Option<String>,
    /// Version of the agreements that the user agrees to: data that was verified goes to the authority.
    agreement: String,
    #[serde(default)]
    purchase: PurchaseBody,
}

/// What is bought with an application; fees come to it by themselves.
#[derive(Default, Deserialize, ToSchema)]
#[schema(as = Purchase)]
#[serde(deny_unknown_fields)]
pub(super) struct PurchaseBody {
    #[serde(default)]
    #[schema(max_items = 20)]
    lines: Vec<LineWanted>,
    coupon_id: Option<String>,
    /// Points that are spent on it.
    #[serde(default)]
    points: u64,
}

impl PurchaseBody {
    pub(super) fn read(self) -> Result<Purchase, Problem> {
        Ok(Purchase {
            lines: self.lines.into_iter().map(LineWanted::read).collect::<Result<_, _>>()?,
            coupon: self.coupon_id.as_deref().map(id).transpose()?,
            points: self.points,
        })
    }
}

impl ApplyBody {
    fn applying(self) -> Result<Applying, Problem> {
        let business = Business::from_name(&self.business).ok_or(Error::BadRequest(
            "a request is new, renew, change, reissue, revoke or medium, of a certificate",
        ))?;
        Ok(Applying {
            business,
            holding: self.holding_id.as_deref().map(id).transpose()?,
            enterprise: self.enterprise_id.as_deref().map(id).transpose()?,
            platform: self.platform.map(Platform::try_from).transpose()?,
            authority: self.authority.map(AuthorityId::try_from).transpose()?,
            years: self.years.unwrap_or(1),
            dual: self.dual,
            reason: self.reason,
            agreement: self.agreement,
            purchase: self.purchase.read()?,
        })
    }
}

#[derive(Serialize, ToSchema)]
struct OpinionBody {
    passed: bool,
    words: Option<String>,
    at_ms: u64,
}

#[derive(Serialize, ToSchema)]
#[schema(as = Application)]
pub(super) struct ApplicationBody {
    application_id: String,
    state: &'static str,
    business: &'static str,
    /// `person` or `enterprise`.
    holder: &'static str,
    holder_id: String,
    holding_id: Option<String>,
    platform: Option<String>,
    authority: String,
    years: u8,
    dual: bool,
    /// Of a revocation.
    reason: Option<String>,
    /// The form as it was signed by hand or stamped.
    form_attachment_id: Option<String>,
    attachment_ids: Vec<String>,
    /// The seal that it is for.
    seal_id: Option<String>,
    /// What to pay, in hundredths of a yuan.
    fee: u64,
    /// The order by which it is paid, once it is authorised.
    order_id: Option<String>,
    /// How many reviewers it takes.
    reviewers: u8,
    /// What they decided since it was handed in last.
    opinions: Vec<OpinionBody>,
    /// The certificate that it gave.
    gave: Option<String>,
    applied_at_ms: u64,
    changed_at_ms: u64,
}

impl ApplicationBody {
    pub(super) fn of(api: &Api, one: Stored<Application>) -> Result<Self, Problem> {
        let Stored { id, created_ms, changed_ms, entity } = one;
        let opinions = entity.opinions.iter().map(|opinion| {
            let words = opinion.words.as_ref().map(|words| api.office.read_words(words)).transpose()?;
            Ok::<_, Error>(OpinionBody { passed: opinion.passed, words, at_ms: opinion.at_ms })
        });
        let opinions = opinions.collect::<Result<_, _>>()?;
        let text = |id: Id| id.to_string();
        Ok(Self {
            application_id: id.to_string(),
            state: entity.state().as_str(),
            business: entity.business.as_str(),
            holder: entity.holder.as_str(),
            holder_id: entity.holder.id().to_string(),
            holding_id: entity.holding.map(text),
            platform: entity.platform.as_ref().map(|platform| platform.as_str().to_owned()),
            authority: entity.authority.to_string(),
            years: entity.years,
            dual: entity.dual,
            reviewers: entity.reviewers(),
            reason: entity.reason,
            form_attachment_id: entity.form.map(text),
            attachment_ids: entity.attachments.into_iter().map(text).collect(),
            seal_id: entity.seal.map(text),
            fee: entity.fee,
            order_id: entity.order.map(text),
            opinions,
            gave: entity.gave.map(text),
            applied_at_ms: created_ms,
            changed_at_ms: changed_ms,
        })
    }
}

#[derive(Serialize, ToSchema)]
#[schema(as = Applications)]
pub(super) struct ApplicationsBody {
    pub(super) applications: Vec<ApplicationBody>,
    pub(super) next: Option<NextBody>,
}

/// Apply for a certificate, for one in the place of another, or for the end of one
#[utoipa::path(
    post, path = "/v1/applications", tag = "office-certificates", security(("user" = [])), params(Named),
    request_body = ApplyBody, responses((status = 201, body = ApplicationBody), Problems),
)]
pub(super) async fn apply(
    State(api): State<Api>,
    LoggedIn(user): LoggedIn,
    Input { body, once }: Input<ApplyBody>,
) -> Result<(StatusCode, Json<ApplicationBody>), Problem> {
    if body.enterprise_id.is_none() && body.holding_id.is_none() {
        user.as_oneself()?;
    }
    let made = api.office.apply(&user, &body.applying()?, once.as_ref()).await?;
    Ok((StatusCode::CREATED, Json(ApplicationBody::of(&api, made)?)))
}

/// What the user applied for, or what was applied for of an enterprise that the user manages, newest first
#[utoipa::path(
    get, path = "/v1/applications", tag = "office-certificates", security(("user" = [])), params(OfWhom),
    responses((status = 200, body = ApplicationsBody), Problems),
)]
pub(super) async fn list(
    State(api): State<Api>,
    LoggedIn(user): LoggedIn,
    Parameters(of): Parameters<OfWhom>,
) -> Result<Json<ApplicationsBody>, Problem> {
    let (whose, page) = of.read()?;
    let found = api.office.applications(&user, whose, &page).await?;
    let (applications, next) = shown(found, |one| ApplicationBody::of(&api, one))?;
    Ok(Json(ApplicationsBody { applications, next }))
}

fn which(segments: &Segments) -> Result<Id, Problem> {
    id(segments.get("application")?)
}

/// One of them
#[utoipa::path(
    get, path = "/v1/applications/{application}", tag = "office-certificates", security(("user" = [])),
    params(("application" = String, Path)), responses((status = 200, body = ApplicationBody), Problems),
)]
pub(super) async fn show(
    State(api): State<Api>,
    LoggedIn(user): LoggedIn,
    segments: Segments,
) -> Result<Json<ApplicationBody>, Problem> {
    let found = api.office.application(&user, which(&segments)?).await?;
    Ok(Json(ApplicationBody::of(&api, found)?))
}

#[derive(Serialize, ToSchema)]
#[schema(as = ApplicationForm)]
pub(super) struct FormBody {
    /// What it says, filled from what was verified, line by line.
    lines: Vec<FormLine>,
    /// Warnings that the applicant confirms with it.
    warnings: Vec<&'static str>,
}

impl From<Form> for FormBody {
    fn from((lines, warnings): Form) -> Self {
        Self { lines: lines.into_iter().map(|(name, value)| FormLine { name, value }).collect(), warnings }
    }
}

#[derive(Serialize, ToSchema)]
pub(super) struct FormLine {
    name: &'static str,
    value: String,
}

/// The form of an application, to be read before it is confirmed
#[utoipa::path(
    get, path = "/v1/applications/{application}/form", tag = "office-certificates", security(("user" = [])),
    params(("application" = String, Path)), responses((status = 200, body = FormBody), Problems),
)]
pub(super) async fn form(
    State(api): State<Api>,
    LoggedIn(user): LoggedIn,
    segments: Segments,
) -> Result<Json<FormBody>, Problem> {
    Ok(Json(api.office.application_form(&user, which(&segments)?).await?.into()))
}

#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct ConfirmBody {
    /// The form signed by hand on the screen, or stamped and scanned: a file that was handed in.
    form_attachment_id: Option<String>,
}

/// Confirm the form; again after it was returned
#[utoipa::path(
    post, path = "/v1/applications/{application}/confirm", tag = "office-certificates", security(("user" = [])),
    params(("application" = String, Path), Named), request_body = ConfirmBody,
    responses((status = 200, body = ApplicationBody), Problems),
)]
pub(super) async fn confirm(
    State(api): State<Api>,
    LoggedIn(user): LoggedIn,
    segments: Segments,
    Input { body, once }: Input<ConfirmBody>,
) -> Result<Json<ApplicationBody>, Problem> {
    let form = body.form_attachment_id.as_deref().map(id).transpose()?;
    let done = api.office.confirm_application(&user, which(&segments)?, form, once.as_ref()).await?;
    Ok(Json(ApplicationBody::of(&api, done)?))
}

#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct AuthoriseBody {
    code_id: String,
    code: Secret,
}

/// Authorise an application with a code to the phone of the account
#[utoipa::path(
    post, path = "/v1/applications/{application}/authorise", tag = "office-certificates", security(("user" = [])),
    params(("application" = String, Path)), request_body = AuthoriseBody,
    responses((status = 200, body = ApplicationBody), Problems),
)]
pub(super) async fn authorise(
    State(api): State<Api>,
    LoggedIn(user): LoggedIn,
    segments: Segments,
    Input { body, .. }: Input<AuthoriseBody>,
) -> Result<Json<ApplicationBody>, Problem> {
    let code_id = body.code_id.parse().map_err(|_| Error::CodeInvalid)?;
    let done = api.office.authorise_application(&user, which(&segments)?, code_id, &body.code.0).await?;
    Ok(Json(ApplicationBody::of(&api, done)?))
}

#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct AttachBody {
    /// 1 to 10 files that were handed in.
    attachment_ids: Vec<String>,
}

/// Hand in what the platform demands
#[utoipa::path(
    post, path = "/v1/applications/{application}/attach", tag = "office-certificates", security(("user" = [])),
    params(("application" = String, Path), Named), request_body = AttachBody,
    responses((status = 200, body = ApplicationBody), Problems),
)]
pub(super) async fn attach(
    State(api): State<Api>,
    LoggedIn(user): LoggedIn,
    segments: Segments,
    Input { body, once }: Input<AttachBody>,
) -> Result<Json<ApplicationBody>, Problem> {
    let files = body.attachment_ids.iter().map(|text| id(text)).collect::<Result<Vec<_>, _>>()?;
    let done = api.office.attach_to_application(&user, which(&segments)?, &files, once.as_ref()).await?;
    Ok(Json(ApplicationBody::of(&api, done)?))
}

/// Withdraw an application
#[utoipa::path(
    post, path = "/v1/applications/{application}/withdraw", tag = "office-certificates", security(("user" = [])),
    params(("application" = String, Path), Named), responses((status = 200, body = ApplicationBody), Problems),
)]
pub(super) async fn withdraw(
    State(api): State<Api>,
    LoggedIn(user): LoggedIn,
    segments: Segments,
    Bare { once }: Bare,
) -> Result<Json<ApplicationBody>, Problem> {
    let done = api.office.withdraw_application(&user, which(&segments)?, once.as_ref()).await?;
    Ok(Json(ApplicationBody::of(&api, done)?))
}

#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct InstallBody {
    /// Certification request (PKCS #10) of the device's signing key, PEM or base64. Its subject does not count.
    csr: String,
    /// PEM: the key to which a new decryption key is sealed.
    protection_key: Option<String>,
}

#[derive(Serialize, ToSchema)]
#[schema(as = InstalledHolding)]
pub(super) struct InstalledBody {
    holding_id: String,
    /// Under which id the device imports the decryption key.
    key_id: Option<String>,
    /// SM2EnvelopedKey, DER in hexadecimal; none if custodians seal it.
    enveloped_key: Option<String>,
}

/// Install what was approved, for a key of the device that asks
///
/// The user is logged in, and the connection is that of an enrolled device.
#[utoipa::path(
    post, path = "/v1/applications/{application}/install", tag = "office-certificates", security(("user" = [])),
    params(("application" = String, Path), Named), request_body = InstallBody,
    responses((status = 200, body = InstalledBody), Problems),
)]
pub(super) async fn install(
    State(api): State<Api>,
    LoggedIn(user): LoggedIn,
    Enrolled(device): Enrolled,
    segments: Segments,
    Input { body, once }: Input<InstallBody, MAX_BODY>,
) -> Result<Json<InstalledBody>, Problem> {
    let protection = body.protection_key.as_deref().map(PublicKey::from_spki_pem).transpose();
    let protection =
        protection.map_err(|_| Problem::malformed("the protection_key is no PEM `PUBLIC KEY` of SM2"))?;
    let which = which(&segments)?;
    let csr = body.csr.into_bytes();
    let installed =
        api.office.install_application((&user, &device), which, &csr, protection.as_ref(), once.as_ref());
    let installed = installed.await?;
    let (key_id, enveloped_key) = installed.key.map_or((None, None), |(id, key)| (Some(id), key));
    Ok(Json(InstalledBody { holding_id: installed.holding.to_string(), key_id, enveloped_key }))
}
