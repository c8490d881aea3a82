//! Who is behind an account.

use axum::{Json, extract::State, http::StatusCode};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use utoipa_axum::{router::OpenApiRouter, routes};

use super::{
    Api, Problem,
    accounts::{LoggedIn, Secret, id},
    ca::Admitted,
    extract::{Bare, Input, Plain, Segments},
    openapi::{Named, Octets, Problems},
};
use crate::domain::{
    Error,
    office::{
        Entity as _, Named as _, Stored,
        attachment::{MAX_BYTES, Media},
        person::{DocumentNumber, Particulars, Person, PersonName, Way},
        personal::{Phone, masked_name, masked_number},
    },
    services::{Claiming, User},
};

pub(super) fn routes() -> OpenApiRouter<Api> {
    OpenApiRouter::new()
        .routes(routes!(own, claim))
        .routes(routes!(show_face))
        .routes(routes!(ask))
        .routes(routes!(change))
        .routes(routes!(news))
        .routes(routes!(press))
}

/// Reads a word of a list.
pub(super) fn word<T: crate::domain::office::Named>(text: &str, wrong: &'static str) -> Result<T, Error> {
    T::from_name(text).ok_or(Error::BadRequest(wrong))
}

#[derive(Deserialize, Serialize, ToSchema)]
#[schema(as = Particulars)]
#[serde(deny_unknown_fields)]
pub(super) struct ParticularsBody {
    /// `male` or `female`.
    sex: String,
    /// The day of birth, 8 digits.
    birth: String,
    /// The ethnic group.
    nation: String,
    address: String,
    /// Who issued the card.
    issuer: String,
    /// From which day on it is good, 8 digits.
    valid_from: String,
}

impl ParticularsBody {
    fn read(self) -> Result<Particulars, Error> {
        Ok(Particulars {
            sex: word(&self.sex, "the sex on a card is `male` or `female`")?,
            birth: self.birth,
            nation: self.nation,
            address: self.address,
            issuer: self.issuer,
            valid_from: self.valid_from,
        })
    }

    fn masked(of: Particulars) -> Self {
        let address = of.address.chars().take(3).chain("****".chars()).collect();
        let sex = of.sex.as_str().to_owned();
        let birth = format!("{}****", of.birth.get(..4).unwrap_or_default());
        let Particulars { nation, issuer, valid_from, .. } = of;
        Self { sex, birth, nation, address, issuer, valid_from }
    }
}

#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct ClaimBody {
    /// `data`, `carrier`, `bank-card`, `cfca`, `alipay`, `digits`, `actions` or `review`.
    method: String,
    /// `id-card`, or for a review `residence-permit`, `home-return-permit`, `taiwan-permit`, `foreigner-residence`,
    /// `overseas-passport` or `passport`.
    document: String,
    name: Secret,
    /// The number of the document.
    number: Secret,
    /// Until when the document is good; nothing for one that stays good.
    expires_at_ms: Option<u64>,
    /// Files of the user: the front of the document, its back, the person.
    #[serde(default)]
    #[schema(max_items = 3)]
    attachment_ids: Vec<String>,
    /// What else stands on the identity card, as the user has confirmed it.
    particulars: Option<ParticularsBody>,
    /// The phone that the bank knows.
    phone: Option<Secret>,
    /// The number of the bank card.
    card: Option<Secret>,
    /// A code of the phone that the carrier knows, for `person`.
    code_id: Option<String>,
    code: Option<Secret>,
    /// Version of the agreements that the user agrees to.
    agreement: String,
}

impl ClaimBody {
    fn read(self) -> Result<Claiming, Problem> {
        let document = word(&self.document, "there is no such kind of document")?;
        let pictures = self.attachment_ids.iter().map(|text| id(text)).collect::<Result<_, _>>()?;
        let code = match (self.code_id, self.code) {
            (None, None) => None,
            (Some(code_id), Some(code)) => Some((code_id.parse().map_err(|_| Error::CodeInvalid)?, code.0)),
            _ => return Err(Error::CodeInvalid.into()),
        };
        Ok(Claiming {
            method: word(&self.method, "there is no such way to verify a person")?,
            document,
            name: PersonName::parse(&self.name.0)?,
            number: DocumentNumber::parse(document, &self.number.0)?,
            expires_ms: self.expires_at_ms,
            pictures,
            particulars: self.particulars.map(ParticularsBody::read).transpose()?,
            phone: self.phone.map(|phone| Phone::parse(&phone.0)).transpose()?,
            card: self.card.map(|card| card.0),
            code,
            agreement: self.agreement,
        })
    }
}

#[derive(Serialize, ToSchema)]
#[schema(as = VerifiedPerson)]
pub(super) struct PersonBody {
    /// `unverified`, or where the verification stands.
    state: &'static str,
    method: Option<&'static str>,
    document: Option<&'static str>,
    /// Masked.
    name: Option<String>,
    /// Masked.
    number: Option<String>,
    document_expires_at_ms: Option<u64>,
    /// What else was confirmed of the identity card; the address masked.
    particulars: Option<ParticularsBody>,
    /// Whether the person is verified on this device: elsewhere they do it again where each device counts of its own.
    verified_here: bool,
    /// How much was shown: `data`, `possession` or `face`.
    level: Option<&'static str>,
    /// Why it was not.
    finding: Option<&'static str>,
    /// What the reviewer wrote.
    opinion: Option<String>,
    claimed_at_ms: Option<u64>,
    /// Until when it has to be gone through with, or when a reviewer should have looked at it.
    until_ms: Option<u64>,
    /// The page to go to.
    page: Option<String>,
    /// What to read aloud, or to do, before the camera.
    words: Option<String>,
    /// What can be done now.
    next: Vec<&'static str>,
    /// That nobody was compared with anything real.
    sandbox: bool,
}

impl PersonBody {
    fn of(api: &Api, user: &User, person: Option<&Stored<Person>>) -> Result<Self, Problem> {
        let rules = api.office.rules();
        let here = |person: &Person| !rules.verify_per_device || person.is_verified_on(user.terminal());
        let entity = person.map(|person| &person.entity);
        let claim = entity.and_then(|person| person.claim.as_ref());
        let open = claim.map(|claim| api.office.open_claim(claim)).transpose()?;
        let opinion = entity.and_then(|person| person.opinion.as_ref());
        let state = entity.map_or("unverified", |person| person.state().as_str());
        let review_ms = |person: &Person| {
            let target_ms = rules.person_review_h.saturating_mul(3_600_000);
            person.is_in_review().then(|| person.claimed_ms.saturating_add(target_ms))
        };
        let challenge = |way: Way| {
            let waits = claim.filter(|claim| state == "checking" && claim.method.way() == way);
            waits.and_then(|claim| claim.challenge.clone())
        };
        let next: &[_] = match state {
            "verified" => &["apply-certificate", "claim-enterprise", "join-enterprise"],
            "checking" | "review" => &["wait"],
            _ => &["verify"],
        };
        Ok(Self {
            state,
            method: claim.map(|claim| claim.method.as_str()),
            document: claim.map(|claim| claim.document.as_str()),
            name: open.as_ref().map(|(name, _)| masked_name(name)),
            number: open.as_ref().map(|(_, number)| masked_number(number)),
            document_expires_at_ms: claim.and_then(|claim| claim.expires_ms),
            particulars: claim
                .map(|claim| api.office.open_particulars(claim))
                .transpose()?
                .flatten()
                .map(ParticularsBody::masked),
            verified_here: state == "verified" && entity.is_some_and(here),
            level: entity.and_then(|person| person.level).map(|level| level.as_str()),
            finding: entity.and_then(|person| person.finding).map(|finding| finding.as_str()),
            opinion: opinion
                .map(|words| api.office.open_words(words))
                .transpose()?
                .map(|text| text.to_string()),
            claimed_at_ms: entity.map(|person| person.claimed_ms),
            until_ms: entity.and_then(|person| person.lapse_ms.or_else(|| review_ms(person))),
            page: challenge(Way::Page),
            words: challenge(Way::Camera),
            next: next.to_vec(),
            sandbox: api.office.identity_is_sandbox(),
        })
    }
}

async fn shown(api: &Api, user: &User) -> Result<Json<PersonBody>, Problem> {
    let person = api.office.person(user).await?;
    Ok(Json(PersonBody::of(api, user, person.as_ref())?))
}

/// The person behind the account of the user
#[utoipa::path(
    get, path = "/v1/person", tag = "people", security(("user" = [])),
    responses((status = 200, body = PersonBody), Problems),
)]
pub(super) async fn own(
    State(api): State<Api>,
    LoggedIn(user): LoggedIn,
) -> Result<Json<PersonBody>, Problem> {
    shown(&api, &user).await
}

/// Say who one is
///
/// What compares data answers at once. Other ways take the user to a page, before a camera, or to a reviewer.
#[utoipa::path(
    post, path = "/v1/person", tag = "people", security(("user" = [])), params(Named), request_body = ClaimBody,
    responses((status = 200, body = PersonBody), Problems),
)]
pub(super) async fn claim(
    State(api): State<Api>,
    LoggedIn(user): LoggedIn,
    Input { body, once }: Input<ClaimBody>,
) -> Result<Json<PersonBody>, Problem> {
    api.office.claim_person(&user, body.read()?, once.as_ref()).await?;
    shown(&api, &user).await
}

/// Show the face, as the open case demands it; the picture is kept by nobody
#[utoipa::path(
    post, path = "/v1/person/face", tag = "people", security(("user" = [])),
    request_body(content = Octets, content_type = "application/octet-stream"),
    responses((status = 200, body = PersonBody), Problems),
)]
pub(super) async fn show_face(
    State(api): State<Api>,
    LoggedIn(user): LoggedIn,
    picture: Plain<MAX_BYTES>,
) -> Result<Json<PersonBody>, Problem> {
    picture.demand("application/octet-stream")?;
    if Media::of(&picture.bytes)? == Media::Pdf {
        return Err(Error::BadRequest("a face is on a PNG or JPEG picture").into());
    }
    api.office.show_face(&user, &picture.bytes).await?;
    shown(&api, &user).await
}

/// Ask the provider whether the user went through with the open case
#[utoipa::path(
    post, path = "/v1/person/ask", tag = "people", security(("user" = [])),
    responses((status = 200, body = PersonBody), Problems),
)]
pub(super) async fn ask(
    State(api): State<Api>,
    LoggedIn(user): LoggedIn,
    _: Bare,
) -> Result<Json<PersonBody>, Problem> {
    let claim = api.office.person(&user).await?.and_then(|person| person.entity.claim);
    api.office.ask_provider(claim.ok_or(Error::NotFound)?.case).await?;
    shown(&api, &user).await
}

#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct PersonChange {
    /// A code of the account's phone, for `person`.
    code_id: String,
    code: Secret,
}

/// Say that one's data has changed; the person has to be verified anew
#[utoipa::path(
    post, path = "/v1/person/change", tag = "people", security(("user" = [])), request_body = PersonChange,
    responses((status = 200, body = PersonBody), Problems),
)]
pub(super) async fn change(
    State(api): State<Api>,
    LoggedIn(user): LoggedIn,
    Input { body, .. }: Input<PersonChange>,
) -> Result<Json<PersonBody>, Problem> {
    let code_id = body.code_id.parse().map_err(|_| Error::CodeInvalid)?;
    api.office.change_person(&user, code_id, &body.code.0).await?;
    shown(&api, &user).await
}

/// A provider says that there is news of a case
///
/// It is not believed: the provider is asked.
#[utoipa::path(
    post, path = "/v1/providers/identity/{case}", tag = "people", security(()), params(("case" = String, Path)),
    responses((status = 204, description = "The provider was asked"), Problems),
)]
pub(super) async fn news(
    State(api): State<Api>,
    _: Admitted,
    segments: Segments,
    _: Bare,
) -> Result<StatusCode, Problem> {
    api.office.ask_provider(id(segments.get("case")?)?).await?;
    Ok(StatusCode::NO_CONTENT)
}

#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Press {
    passed: bool,
}

/// Press a button on the page of a sandbox
///
/// Not found where people are really compared.
#[utoipa::path(
    post, path = "/v1/sandbox/identity/{case}", tag = "people", security(()), params(("case" = String, Path)),
    request_body = Press, responses((status = 204, description = "It is pressed"), Problems),
)]
pub(super) async fn press(
    State(api): State<Api>,
    _: Admitted,
    segments: Segments,
    Input { body, .. }: Input<Press>,
) -> Result<StatusCode, Problem> {
    api.office.press_button(id(segments.get("case")?)?, body.passed).await?;
    Ok(StatusCode::NO_CONTENT)
}
