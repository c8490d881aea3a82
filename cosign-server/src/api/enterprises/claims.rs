//! Claims of enterprises.

use axum::{
    Json,
    extract::State,
    http::{StatusCode, header},
    response::IntoResponse,
};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use utoipa_axum::{router::OpenApiRouter, routes};

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
        device::Name,
        office::{
            Entity as _, Named as _, Stored,
            claim::Claim,
            enterprise::{Sort, Uscc},
            person::{Document, DocumentNumber, PersonName},
            personal::Phone,
        },
        services::{ClaimForm, User},
    },
};

pub(super) fn routes() -> OpenApiRouter<Api> {
    OpenApiRouter::new()
        .routes(routes!(list, draft))
        .routes(routes!(show))
        .routes(routes!(fill))
        .routes(routes!(letter))
        .routes(routes!(hand_in))
        .routes(routes!(ask_legal))
        .routes(routes!(by_phone))
        .routes(routes!(sign))
        .routes(routes!(withdraw))
}

#[derive(Deserialize, ToSchema)]
#[schema(as = ClaimForm)]
#[serde(deny_unknown_fields)]
pub(super) struct FormBody {
    /// `company` or `institution`.
    kind: String,
    /// The whole name.
    #[schema(value_type = String, min_length = 1, max_length = 128)]
    name: Name,
    /// The unified social credit code.
    uscc: String,
    legal_name: Secret,
    /// What kind of identity document the legal representative has.
    legal_document: String,
    legal_number: Secret,
    legal_phone: Secret,
    /// Whether the licence has no end.
    #[serde(default)]
    licence_long_term: bool,
    /// A file that was handed in.
    licence: String,
    /// Files: the pages of the letter with the enterprise's seal.
    #[serde(default)]
    letter: Vec<String>,
    /// A file: a picture of the enterprise's seal.
    seal: Option<String>,
    /// A file: a picture of the legal representative's signature.
    signature: Option<String>,
}

impl FormBody {
    fn read(self) -> Result<ClaimForm, Problem> {
        let legal_document = Document::from_name(&self.legal_document)
            .ok_or(Error::BadRequest("there is no such kind of identity document"))?;
        let sort = Sort::from_name(&self.kind)
            .ok_or(Error::BadRequest("an enterprise is a `company` or an `institution`"))?;
        let file = |text: Option<String>| text.map(|text| id(&text)).transpose();
        Ok(ClaimForm {
            sort,
            name: self.name,
            uscc: Uscc::parse(&self.uscc)?,
            legal_name: PersonName::parse(&self.legal_name.0)?,
            legal_document,
            legal_number: DocumentNumber::parse(legal_document, &self.legal_number.0)?,
            legal_phone: Phone::parse(&self.legal_phone.0)?,
            licence: id(&self.licence)?,
            long_term: self.licence_long_term,
            letter: self.letter.iter().map(|page| id(page)).collect::<Result<_, _>>()?,
            seal: file(self.seal)?,
            signature: file(self.signature)?,
        })
    }
}

#[derive(Serialize, ToSchema)]
#[schema(as = Claim)]
pub(super) struct ClaimBody {
    claim_id: String,
    state: &'static str,
    enterprise_id: String,
    /// By what it was shown, once it was handed in.
    way: Option<&'static str>,
    name: Option<String>,
    uscc: Option<String>,
    /// The legal representative.
    legal_name: Option<String>,
    /// Whether the register says the same of the name, the code and the legal representative. If not, operators look at it.
    registered: Option<bool>,
    /// How many pages the letter has.
    letter_pages: usize,
    made_at_ms: u64,
    changed_at_ms: u64,
}

fn body(api: &Api, claim: &Stored<Claim>) -> Result<ClaimBody, Problem> {
    let form = claim.entity.form.as_ref();
    let legal = form.and_then(|form| form.facts.legal.as_ref());
    let legal = legal.map(|legal| api.office.read_legal(legal)).transpose()?;
    Ok(ClaimBody {
        claim_id: claim.id.to_string(),
        state: claim.entity.state().as_str(),
        enterprise_id: claim.entity.enterprise.to_string(),
        way: claim.entity.way.map(|way| way.as_str()),
        name: form.map(|form| form.facts.name.as_str().to_owned()),
        uscc: form.map(|form| form.facts.uscc.as_str().to_owned()),
        legal_name: legal.map(|(name, ..)| name.to_string()),
        registered: form.map(|form| form.is_registered),
        letter_pages: form.map_or(0, |form| form.letter.len()),
        made_at_ms: claim.created_ms,
        changed_at_ms: claim.changed_ms,
    })
}

pub(super) async fn own(api: &Api, user: &User, segments: &Segments) -> Result<Json<ClaimBody>, Problem> {
    Ok(Json(body(api, &api.office.claim_of(user, id(segments.get("claim")?)?).await?)?))
}

#[derive(Serialize, ToSchema)]
#[schema(as = Claims)]
pub(super) struct ClaimsBody {
    claims: Vec<ClaimBody>,
    next: Option<NextBody>,
}

/// The claims of the user, newest first
#[utoipa::path(
    get, path = "/v1/claims", tag = "enterprises", security(("user" = [])), params(Paging),
    responses((status = 200, body = ClaimsBody), Problems),
)]
pub(super) async fn list(
    State(api): State<Api>,
    LoggedIn(user): LoggedIn,
    Parameters(paging): Parameters<Paging>,
) -> Result<Json<ClaimsBody>, Problem> {
    let (claims, next) = shown(api.office.claims(&user, &paging.page()?).await?, |one| body(&api, &one))?;
    Ok(Json(ClaimsBody { claims, next }))
}

/// Begin a claim of an enterprise that nobody has
#[utoipa::path(
    post, path = "/v1/claims", tag = "enterprises", security(("user" = [])), params(Named), request_body = FormBody,
    responses((status = 201, body = ClaimBody), Problems),
)]
pub(super) async fn draft(
    State(api): State<Api>,
    LoggedIn(user): LoggedIn,
    Input { body: form, once }: Input<FormBody>,
) -> Result<(StatusCode, Json<ClaimBody>), Problem> {
    let id = api.office.draft_claim(&user, form.read()?, once.as_ref()).await?;
    Ok((StatusCode::CREATED, Json(body(&api, &api.office.claim_of(&user, id).await?)?)))
}

/// A claim of the user
#[utoipa::path(
    get, path = "/v1/claims/{claim}", tag = "enterprises", security(("user" = [])), params(("claim" = String, Path)),
    responses((status = 200, body = ClaimBody), Problems),
)]
pub(super) async fn show(
    State(api): State<Api>,
    LoggedIn(user): LoggedIn,
    segments: Segments,
) -> Result<Json<ClaimBody>, Problem> {
    own(&api, &user, &segments).await
}

/// Fill a claim in anew, before it is handed in or after it was returned
#[utoipa::path(
    post, path = "/v1/claims/{claim}/form", tag = "enterprises", security(("user" = [])),
    params(("claim" = String, Path), Named), request_body = FormBody,
    responses((status = 200, body = ClaimBody), Problems),
)]
pub(super) async fn fill(
    State(api): State<Api>,
    LoggedIn(user): LoggedIn,
    segments: Segments,
    Input { body: form, once }: Input<FormBody>,
) -> Result<Json<ClaimBody>, Problem> {
    api.office.fill_claim(&user, id(segments.get("claim")?)?, form.read()?, once.as_ref()).await?;
    own(&api, &user, &segments).await
}

/// The letter of a claim, to be printed and stamped
#[utoipa::path(
    get, path = "/v1/claims/{claim}/letter", tag = "enterprises", security(("user" = [])),
    params(("claim" = String, Path)),
    responses((status = 200, description = "The letter", body = String, content_type = "text/plain"), Problems),
)]
pub(super) async fn letter(
    State(api): State<Api>,
    LoggedIn(user): LoggedIn,
    segments: Segments,
) -> Result<impl IntoResponse, Problem> {
    let text = api.office.claim_letter(&user, id(segments.get("claim")?)?).await?;
    Ok(([(header::CONTENT_TYPE, "text/plain; charset=utf-8")], text.to_string()))
}

/// Hand a claim in with its letter: operators look at it
#[utoipa::path(
    post, path = "/v1/claims/{claim}/submit", tag = "enterprises", security(("user" = [])),
    params(("claim" = String, Path), Named), responses((status = 200, body = ClaimBody), Problems),
)]
pub(super) async fn hand_in(
    State(api): State<Api>,
    LoggedIn(user): LoggedIn,
    segments: Segments,
    Bare { once }: Bare,
) -> Result<Json<ClaimBody>, Problem> {
    api.office.claim_by_letter(&user, id(segments.get("claim")?)?, once.as_ref()).await?;
    own(&api, &user, &segments).await
}

/// Hand a claim in and have the legal representative sign it, who finds it by a link
#[utoipa::path(
    post, path = "/v1/claims/{claim}/ask-legal", tag = "enterprises", security(("user" = [])),
    params(("claim" = String, Path), Named), responses((status = 200, body = ClaimBody), Problems),
)]
pub(super) async fn ask_legal(
    State(api): State<Api>,
    LoggedIn(user): LoggedIn,
    segments: Segments,
    Bare { once }: Bare,
) -> Result<Json<ClaimBody>, Problem> {
    api.office.claim_by_others(&user, id(segments.get("claim")?)?, once.as_ref()).await?;
    own(&api, &user, &segments).await
}

#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct CodeEntered {
    code_id: String,
    code: Secret,
}

/// Hand a claim in with a code that the legal representative's phone got, for `legal`
#[utoipa::path(
    post, path = "/v1/claims/{claim}/phone", tag = "enterprises", security(("user" = [])),
    params(("claim" = String, Path)), request_body = CodeEntered,
    responses((status = 200, body = ClaimBody), Problems),
)]
pub(super) async fn by_phone(
    State(api): State<Api>,
    LoggedIn(user): LoggedIn,
    segments: Segments,
    Input { body, .. }: Input<CodeEntered>,
) -> Result<Json<ClaimBody>, Problem> {
    let code_id = body.code_id.parse().map_err(|_| Error::CodeInvalid)?;
    api.office.claim_by_phone(&user, id(segments.get("claim")?)?, code_id, &body.code.0).await?;
    own(&api, &user, &segments).await
}

/// Sign a claim as the legal representative, with a code to the user's own phone for `sign`
#[utoipa::path(
    post, path = "/v1/claims/{claim}/sign", tag = "enterprises", security(("user" = [])),
    params(("claim" = String, Path)), request_body = CodeEntered,
    responses((status = 200, body = ClaimBody), Problems),
)]
pub(super) async fn sign(
    State(api): State<Api>,
    LoggedIn(user): LoggedIn,
    segments: Segments,
    Input { body, .. }: Input<CodeEntered>,
) -> Result<Json<ClaimBody>, Problem> {
    let code_id = body.code_id.parse().map_err(|_| Error::CodeInvalid)?;
    api.office.sign_claim(&user, id(segments.get("claim")?)?, code_id, &body.code.0).await?;
    own(&api, &user, &segments).await
}

/// Give a claim up
#[utoipa::path(
    post, path = "/v1/claims/{claim}/withdraw", tag = "enterprises", security(("user" = [])),
    params(("claim" = String, Path), Named), responses((status = 200, body = ClaimBody), Problems),
)]
pub(super) async fn withdraw(
    State(api): State<Api>,
    LoggedIn(user): LoggedIn,
    segments: Segments,
    Bare { once }: Bare,
) -> Result<Json<ClaimBody>, Problem> {
    api.office.withdraw_claim(&user, id(segments.get("claim")?)?, once.as_ref()).await?;
    own(&api, &user, &segments).await
}
