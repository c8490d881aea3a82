//! Accounts: codes, logging in, sessions, passwords.
#![expect(unused_qualifications, reason = "what is made of parameters for the description has them")]

use axum::{
    Json,
    extract::{FromRequestParts, State},
    http::{StatusCode, header, request::Parts},
};
use base64ct::{Base64, Encoding as _};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};
use utoipa_axum::{router::OpenApiRouter, routes};
use zeroize::Zeroizing;

use super::{
    Api, Problem,
    ca::Admitted,
    certificate_logins::CertificateBody,
    extract::{Bare, From as Sender, Input, Parameters, Segments},
    openapi::Problems,
    page::{NextBody, Paging, shown},
};
use crate::domain::{
    Error,
    device::{Caller, Name},
    office::{
        Entity as _, Id, Named as _, Stored,
        account::Account,
        code::Purpose,
        person::{Document, DocumentNumber, PersonName},
        personal::{Phone, masked_name},
        providers::KeptText,
        session::Session,
    },
    services::{Appealing, Login, Presented, User},
};

/// Paths that are about the account itself, whomever its user acts for.
const OWN: &[&str] = &["/v1/account", "/v1/identities", "/v1/session"];
/// Longest token in an `Authorization` header.
const MAX_TOKEN: usize = 64;

pub(super) fn routes() -> OpenApiRouter<Api> {
    OpenApiRouter::new()
        .routes(routes!(send_code))
        .routes(routes!(kept_texts))
        .routes(routes!(log_in))
        .routes(routes!(own))
        .routes(routes!(sessions))
        .routes(routes!(end_session))
        .routes(routes!(log_out))
        .routes(routes!(set_password))
        .routes(routes!(captcha))
        .routes(routes!(forgotten_password))
        .routes(routes!(appeal))
}

/// A user who is logged in: `Authorization: Bearer TOKEN`.
pub(super) struct LoggedIn(pub(super) User);

impl FromRequestParts<Api> for LoggedIn {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, api: &Api) -> Result<Self, Problem> {
        let given = parts.headers.get(header::AUTHORIZATION).and_then(|value| value.to_str().ok());
        let token =
            given.and_then(|value| value.strip_prefix("Bearer ")).filter(|token| token.len() == MAX_TOKEN);
        let user = api.office.user(token.ok_or(Error::NotLoggedIn)?).await?;
        // The token of a phone is good on its own connection alone.
        let caller = parts.extensions.get::<Caller>().and_then(|caller| caller.device);
        if user.device().is_ok_and(|device| caller != Some(device)) {
            return Err(Error::NotLoggedIn.into());
        }
        // What is about the account itself needs no other identity.
        if !OWN.iter().any(|own| parts.uri.path().starts_with(own)) {
            user.has_chosen()?;
        }
        Ok(Self(user))
    }
}

/// Text that is wiped when it is not needed any more.
#[derive(Deserialize, ToSchema)]
#[schema(value_type = String)]
#[serde(from = "String")]
pub(super) struct Secret(pub(super) Zeroizing<String>);

impl From<String> for Secret {
    fn from(text: String) -> Self {
        Self(text.into())
    }
}

/// An SMS code as a user entered it.
pub(super) type Entered = (Id, Zeroizing<String>);

/// A code with its id, if both are given.
pub(super) fn entered(code_id: Option<String>, code: Option<Secret>) -> Result<Option<Entered>, Problem> {
    match (code_id, code) {
        (Some(code_id), Some(code)) => Ok(Some((code_id.parse().map_err(|_| Error::CodeInvalid)?, code.0))),
        _ => Ok(None),
    }
}

pub(super) fn id(text: &str) -> Result<Id, Problem> {
    text.parse().map_err(|_| Error::NotFound.into())
}

#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct CodeWanted {
    /// 11 digits, or with its country code and a +.
    phone: Secret,
    /// What it is to prove.
    purpose: PurposeBody,
    /// A picture with digits, where they come first.
    captcha_id: Option<String>,
    /// Its digits.
    captcha: Option<Secret>,
}

#[derive(Clone, Copy, Deserialize, ToSchema)]
#[schema(as = CodePurpose)]
#[serde(rename_all = "lowercase")]
enum PurposeBody {
    Login,
    Password,
    Cancel,
    Appeal,
    Person,
    Sign,
    Legal,
    Apply,
}

#[derive(Serialize, ToSchema)]
pub(super) struct CodeSent {
    code_id: String,
    expires_at_ms: u64,
    /// Seconds after which another one may be asked for.
    again_after_s: u64,
    /// That no text was really sent.
    sandbox: bool,
}

/// Send an SMS code to a phone
#[utoipa::path(
    post, path = "/v1/sms-codes", tag = "accounts", security(()), request_body = CodeWanted,
    responses((status = 201, body = CodeSent), Problems),
)]
pub(super) async fn send_code(
    State(api): State<Api>,
    Input { body, .. }: Input<CodeWanted>,
) -> Result<(StatusCode, Json<CodeSent>), Problem> {
    let phone = Phone::parse(&body.phone.0)?;
    let captcha = match (&body.captcha_id, &body.captcha) {
        (Some(captcha_id), Some(digits)) => {
            Some((captcha_id.parse().map_err(|_| Error::CodeInvalid)?, digits.0.as_str()))
        }
        _ => None,
    };
    let purpose = match body.purpose {
        PurposeBody::Login => Purpose::Login,
        PurposeBody::Password => Purpose::Password,
        PurposeBody::Cancel => Purpose::Cancel,
        PurposeBody::Appeal => Purpose::Appeal,
        PurposeBody::Person => Purpose::Person,
        PurposeBody::Sign => Purpose::Sign,
        PurposeBody::Legal => Purpose::Legal,
        PurposeBody::Apply => Purpose::Apply,
    };
    let (code_id, expires_at_ms, again_after_s) = api.office.send_code(purpose, &phone, captcha).await?;
    let sandbox = api.office.kept_texts(&phone).is_some();
    let sent = CodeSent { code_id: code_id.to_string(), expires_at_ms, again_after_s, sandbox };
    Ok((StatusCode::CREATED, Json(sent)))
}

#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
pub(super) struct ToPhone {
    phone: String,
}

#[derive(Serialize, ToSchema)]
struct KeptTextBody {
    receipt: String,
    template: &'static str,
    text: String,
}

#[derive(Serialize, ToSchema)]
#[schema(as = KeptTexts)]
pub(super) struct KeptTextsBody {
    texts: Vec<KeptTextBody>,
}

/// What a sandbox kept of texts to a phone, newest first
///
/// Not found where texts are really sent.
#[utoipa::path(
    get, path = "/v1/sandbox/texts", tag = "accounts", security(()), params(ToPhone),
    responses((status = 200, body = KeptTextsBody), Problems),
)]
pub(super) async fn kept_texts(
    State(api): State<Api>,
    Parameters(ToPhone { phone }): Parameters<ToPhone>,
) -> Result<Json<KeptTextsBody>, Problem> {
    let kept = api.office.kept_texts(&Phone::parse(&phone)?).ok_or(Error::NotFound)?;
    let texts = kept.into_iter().map(|KeptText { receipt, template, text, .. }| KeptTextBody {
        receipt,
        template: template.as_str(),
        text,
    });
    Ok(Json(KeptTextsBody { texts: texts.collect() }))
}

/// A proof of the phone (`code_id` with `code`, or `carrier_token`), or `phone` with `password` or `by_key`, or an account
/// elsewhere (`elsewhere` with `grant`), and more than one of it where that is demanded.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct LoginBody {
    code_id: Option<String>,
    code: Option<Secret>,
    /// What a carrier gave to the phone.
    carrier_token: Option<Secret>,
    /// `wechat`, `alipay` or `national-id`.
    elsewhere: Option<String>,
    /// What the page there gave.
    grant: Option<Secret>,
    phone: Option<Secret>,
    password: Option<Secret>,
    /// That the own key of the enrolled device logs in, which a finger or a face unlocks.
    #[serde(default)]
    by_key: bool,
    /// Instead of all these: a certificate for logging in, on this device.
    certificate: Option<CertificateBody>,
    /// What an earlier login gave to this browser.
    terminal_token: Option<Secret>,
    /// Version of the agreements that the user agrees to; needed once for each version.
    agreement: Option<String>,
    /// What the user calls the device.
    #[schema(value_type = String, min_length = 1, max_length = 128)]
    device: Name,
}

/// Both or neither.
fn both<A, B>(one: Option<A>, other: Option<B>) -> Result<Option<(A, B)>, Error> {
    match (one, other) {
        (Some(one), Some(other)) => Ok(Some((one, other))),
        (None, None) => Ok(None),
        _ => Err(Error::BadRequest(
            "a login proves a phone, or names one and shows a password or a key, or somebody from elsewhere",
        )),
    }
}

impl LoginBody {
    fn shown(&mut self) -> Result<Presented, Problem> {
        let code = both(self.code_id.take(), self.code.take())?;
        let elsewhere = both(self.elsewhere.take(), self.grant.take())?;
        let id = |(code_id, code): (String, Secret)| {
            code_id.parse().map(|code_id| (code_id, code.0)).map_err(|_| Error::CodeInvalid)
        };
        let place = |(elsewhere, grant): (String, Secret)| {
            super::people::word(&elsewhere, "there is no such account elsewhere")
                .map(|place| (place, grant.0))
        };
        Ok(Presented {
            code: code.map(id).transpose()?,
            carrier: self.carrier_token.take().map(|token| token.0),
            elsewhere: elsewhere.map(place).transpose()?,
            phone: self.phone.take().map(|phone| Phone::parse(&phone.0)).transpose()?,
            password: self.password.take().map(|password| password.0),
            by_key: self.by_key,
            certificate: self.certificate.as_ref().map(CertificateBody::read).transpose()?,
        })
    }
}

#[derive(Serialize, ToSchema)]
#[schema(as = LoggedIn)]
pub(super) struct LoggedInBody {
    account_id: String,
    session_id: String,
    /// Goes into `Authorization: Bearer`; given out this once.
    token: String,
    ends_at_ms: u64,
    /// Whether the account was made by this.
    registered: bool,
    /// Whether the user has to say as whom they act before anything else.
    must_choose_identity: bool,
    /// To be shown at the next login on this browser, which proves the phone otherwise; given out this once.
    terminal_token: Option<String>,
}

/// Log in; a phone that has no account is registered
///
/// Over the connection of an enrolled device, the login is tied to it: the keys of the device sign for the user. A code is
/// good for one login: whoever did not get the answer asks for another code. A device that is new to the account always
/// proves the phone.
#[utoipa::path(
    post, path = "/v1/sessions", tag = "accounts", security(()), request_body = LoginBody,
    responses((status = 201, body = LoggedInBody), Problems),
)]
pub(super) async fn log_in(
    State(api): State<Api>,
    Sender(caller): Sender,
    Input { mut body, .. }: Input<LoginBody>,
) -> Result<(StatusCode, Json<LoggedInBody>), Problem> {
    let shown = body.shown()?;
    let LoginBody { terminal_token, agreement, device, .. } = body;
    let own_device = match api.devices.enrolled(caller).await {
        Ok(device) => Some(device.id),
        Err(Error::NoClientCertificate | Error::NotEnrolled) => None,
        Err(error) => return Err(error.into()),
    };
    let terminal = terminal_token.map(|token| token.0);
    let done = api.office.log_in(Login { shown, device, own_device, terminal, agreement }).await?;
    let body = LoggedInBody {
        account_id: done.session.entity.account.to_string(),
        session_id: done.session.id.to_string(),
        token: done.token.to_string(),
        ends_at_ms: done.session.entity.ends_ms,
        registered: done.is_new,
        must_choose_identity: done.must_choose,
        terminal_token: done.terminal.as_ref().map(|token| token.to_string()),
    };
    Ok((StatusCode::CREATED, Json(body)))
}

#[derive(Serialize, ToSchema)]
#[schema(as = Account)]
pub(super) struct AccountBody {
    account_id: String,
    state: &'static str,
    /// Masked.
    phone: Option<String>,
    has_password: bool,
    /// Where the verification of the person stands.
    person: &'static str,
    /// The name of the person, masked.
    name: Option<String>,
    /// Version of the agreements that the user agreed to.
    agreement: String,
    registered_at_ms: u64,
}

async fn account_body(api: &Api, user: &User) -> Result<Json<AccountBody>, Problem> {
    let account: &Stored<Account> = user.account();
    let person = api.office.person(user).await?.map(|person| person.entity);
    let claim = person.as_ref().and_then(|person| person.claim.as_ref());
    let name =
        claim.map(|claim| api.office.open_claim(claim)).transpose()?.map(|(name, _)| masked_name(&name));
    Ok(Json(AccountBody {
        account_id: account.id.to_string(),
        state: account.entity.state().as_str(),
        phone: api.office.masked_phone(&account.entity)?,
        has_password: account.entity.password.is_some(),
        person: person.as_ref().map_or("unverified", |person| person.state().as_str()),
        name,
        agreement: account.entity.consent.version.clone(),
        registered_at_ms: account.created_ms,
    }))
}

/// The account of the user
#[utoipa::path(
    get, path = "/v1/account", tag = "accounts", security(("user" = [])),
    responses((status = 200, body = AccountBody), Problems),
)]
pub(super) async fn own(
    State(api): State<Api>,
    LoggedIn(user): LoggedIn,
) -> Result<Json<AccountBody>, Problem> {
    account_body(&api, &user).await
}

#[derive(Serialize, ToSchema)]
#[schema(as = Session)]
pub(super) struct SessionBody {
    session_id: String,
    state: &'static str,
    device: String,
    /// Whether it is the one that asks.
    this: bool,
    logged_in_at_ms: u64,
    used_at_ms: u64,
    ends_at_ms: u64,
}

#[derive(Serialize, ToSchema)]
#[schema(as = Sessions)]
pub(super) struct SessionsBody {
    sessions: Vec<SessionBody>,
    next: Option<NextBody>,
}

/// The logins of the user, newest first
#[utoipa::path(
    get, path = "/v1/sessions", tag = "accounts", security(("user" = [])), params(Paging),
    responses((status = 200, body = SessionsBody), Problems),
)]
pub(super) async fn sessions(
    State(api): State<Api>,
    LoggedIn(user): LoggedIn,
    Parameters(paging): Parameters<Paging>,
) -> Result<Json<SessionsBody>, Problem> {
    let found = api.office.sessions(&user, &paging.page()?).await?;
    let body = |one: Stored<Session>| SessionBody {
        session_id: one.id.to_string(),
        state: one.entity.state().as_str(),
        device: one.entity.device.as_str().to_owned(),
        this: one.id == user.session(),
        logged_in_at_ms: one.created_ms,
        used_at_ms: one.entity.used_ms,
        ends_at_ms: one.entity.ends_ms.min(one.entity.idle_ends_ms),
    };
    let (sessions, next) = shown(found, |one| Ok::<_, Problem>(body(one)))?;
    Ok(Json(SessionsBody { sessions, next }))
}

/// End a login on whatever device
#[utoipa::path(
    post, path = "/v1/sessions/{session}/end", tag = "accounts", security(("user" = [])),
    params(("session" = String, Path)), responses((status = 204, description = "It is over"), Problems),
)]
pub(super) async fn end_session(
    State(api): State<Api>,
    LoggedIn(user): LoggedIn,
    segments: Segments,
) -> Result<StatusCode, Problem> {
    api.office.end_session(&user, id(segments.get("session")?)?).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Log out
#[utoipa::path(
    post, path = "/v1/session/end", tag = "accounts", security(("user" = [])),
    responses((status = 204, description = "It is over"), Problems),
)]
pub(super) async fn log_out(State(api): State<Api>, LoggedIn(user): LoggedIn) -> Result<StatusCode, Problem> {
    api.office.end_session(&user, user.session()).await?;
    Ok(StatusCode::NO_CONTENT)
}

#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct NewPassword {
    code_id: String,
    code: Secret,
    /// 8 to 16 characters.
    password: Secret,
}

/// Set the password; all other logins end
#[utoipa::path(
    post, path = "/v1/account/password", tag = "accounts", security(("user" = [])), request_body = NewPassword,
    responses((status = 204, description = "It is set"), Problems),
)]
pub(super) async fn set_password(
    State(api): State<Api>,
    LoggedIn(user): LoggedIn,
    Input { body, .. }: Input<NewPassword>,
) -> Result<StatusCode, Problem> {
    let code_id = body.code_id.parse().map_err(|_| Error::CodeInvalid)?;
    api.office.set_password(&user, code_id, &body.code.0, body.password.0).await?;
    Ok(StatusCode::NO_CONTENT)
}

#[derive(Serialize, ToSchema)]
#[schema(as = Captcha)]
pub(super) struct CaptchaBody {
    captcha_id: String,
    /// A BMP picture in base64.
    picture: String,
    /// The digits, where texts are kept by a sandbox.
    digits: Option<String>,
}

/// A picture with digits, to be entered before an SMS code is sent
#[utoipa::path(
    post, path = "/v1/captchas", tag = "accounts", security(()),
    responses((status = 201, body = CaptchaBody), Problems),
)]
pub(super) async fn captcha(
    State(api): State<Api>,
    _: Admitted,
    _: Bare,
) -> Result<(StatusCode, Json<CaptchaBody>), Problem> {
    let (captcha_id, picture, digits) = api.office.new_captcha().await?;
    let picture = Base64::encode_string(&picture);
    Ok((StatusCode::CREATED, Json(CaptchaBody { captcha_id: captcha_id.to_string(), picture, digits })))
}

/// Set a password without the one before; all logins end
#[utoipa::path(
    post, path = "/v1/password", tag = "accounts", security(()), request_body = NewPassword,
    responses((status = 204, description = "It is set"), Problems),
)]
pub(super) async fn forgotten_password(
    State(api): State<Api>,
    Input { body, .. }: Input<NewPassword>,
) -> Result<StatusCode, Problem> {
    let code_id = body.code_id.parse().map_err(|_| Error::CodeInvalid)?;
    api.office.forgotten_password(code_id, &body.code.0, body.password.0).await?;
    Ok(StatusCode::NO_CONTENT)
}

#[derive(Deserialize, ToSchema)]
#[schema(as = AppealWanted)]
#[serde(deny_unknown_fields)]
pub(super) struct AppealBody {
    /// The name with which the account was verified.
    name: Secret,
    /// The kind and the number of the document.
    document: String,
    number: Secret,
    /// A code of its phone, for `appeal`.
    code_id: String,
    code: Secret,
    /// 1 to 500 characters.
    reason: String,
}

#[derive(Serialize, ToSchema)]
#[schema(as = AppealFiled)]
pub(super) struct AppealFiledBody {
    appeal_id: String,
}

/// Ask for an account that was cancelled; a reviewer decides
#[utoipa::path(
    post, path = "/v1/appeals", tag = "accounts", security(()), request_body = AppealBody,
    responses((status = 201, body = AppealFiledBody), Problems),
)]
pub(super) async fn appeal(
    State(api): State<Api>,
    Input { body, .. }: Input<AppealBody>,
) -> Result<(StatusCode, Json<AppealFiledBody>), Problem> {
    let document: Document = super::people::word(&body.document, "there is no such kind of document")?;
    let appealing = Appealing {
        name: PersonName::parse(&body.name.0)?,
        number: DocumentNumber::parse(document, &body.number.0)?,
        code_id: body.code_id.parse().map_err(|_| Error::CodeInvalid)?,
        code: body.code.0,
        reason: body.reason,
    };
    let appeal_id = api.office.appeal(appealing).await?.to_string();
    Ok((StatusCode::CREATED, Json(AppealFiledBody { appeal_id })))
}
