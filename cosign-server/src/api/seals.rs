//! Seals of a user, and of enterprises.
#![expect(unused_qualifications, reason = "what is made of parameters for the description has them")]

mod apply;

use axum::{
    Json,
    extract::State,
    http::{StatusCode, header},
    response::IntoResponse,
};
use base64ct::{Base64, Encoding as _};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};
use utoipa_axum::{router::OpenApiRouter, routes};

use super::{
    Api, Problem,
    accounts::{Entered, LoggedIn, Secret, entered, id},
    extract::{Bare, Input, Parameters, Segments},
    messages::file,
    openapi::{Named, Octets, Problems},
    page::{NextBody, shown},
    shop::OfWhom,
};
use crate::domain::{
    Error,
    office::{
        Entity as _, Id, Named as _, Stored,
        seal::{self, InkColour, Seal, SealKind},
    },
    services::{Making, NewSeal, Nib},
};

/// Longest body with strokes in bytes.
const MAX_BODY: usize = 512 * 1024;

pub(super) fn routes() -> OpenApiRouter<Api> {
    OpenApiRouter::new()
        .routes(routes!(list, make))
        .routes(routes!(preview))
        .routes(routes!(show))
        .routes(routes!(picture))
        .routes(routes!(data))
        .routes(routes!(replace))
        .routes(routes!(correct))
        .routes(routes!(appoint))
        .routes(routes!(form))
        .routes(routes!(cancel))
        .routes(routes!(delete))
        .routes(routes!(apply::apply))
        .routes(routes!(apply::apply_for_change))
}

const NO_INK: Error = Error::BadRequest("ink is black, blue or red");

/// One of them: drawn from the verified name, by hand, or a photo.
#[derive(Deserialize, ToSchema)]
#[schema(as = SealPicture)]
#[serde(rename_all = "lowercase", deny_unknown_fields)]
enum MakingBody {
    Template(TemplateBody),
    Handwriting(HandwritingBody),
    Photo(PhotoBody),
}

#[derive(Deserialize, ToSchema)]
#[schema(as = SealTemplate)]
#[serde(deny_unknown_fields)]
struct TemplateBody {
    /// The name in one line, where the kind leaves the choice.
    #[serde(default)]
    in_line: bool,
    /// A number on it: letters and digits.
    #[serde(default)]
    code: String,
}

#[derive(Deserialize, ToSchema)]
#[schema(as = SealHandwriting)]
#[serde(deny_unknown_fields)]
struct HandwritingBody {
    /// Strokes: places of the pen, `[x, y]`, `y` downwards, in any unit.
    strokes: Vec<Vec<[f64; 2]>>,
    /// Of the widest stroke, in tenths of a millimetre [default: 9].
    #[schema(minimum = 1, maximum = 30)]
    pen_width: Option<u32>,
    /// `black`, `blue` or `red` [default: black].
    pen_colour: Option<String>,
}

#[derive(Deserialize, ToSchema)]
#[schema(as = SealPhoto)]
#[serde(deny_unknown_fields)]
struct PhotoBody {
    /// A picture that was handed in.
    attachment_id: String,
    /// As it is: the seal maker cuts the seal out, not this server.
    #[serde(default)]
    whole: bool,
}

impl MakingBody {
    fn making(self) -> Result<Making, Problem> {
        Ok(match self {
            Self::Template(TemplateBody { in_line, code }) => Making::Template { in_line, code },
            Self::Handwriting(HandwritingBody { strokes, pen_width, pen_colour }) => {
                let place = |[x, y]: [f64; 2]| (x, y);
                let strokes = strokes.into_iter().map(|stroke| stroke.into_iter().map(place).collect());
                let usual = Nib::default();
                let pen = Nib {
                    width: pen_width.unwrap_or(usual.width),
                    colour: pen_colour
                        .as_deref()
                        .map_or(Some(usual.colour), InkColour::from_name)
                        .ok_or(NO_INK)?,
                };
                Making::Handwriting { strokes: strokes.collect(), pen }
            }
            Self::Photo(PhotoBody { attachment_id, whole }) => {
                Making::Photo { attachment: id(&attachment_id)?, whole }
            }
        })
    }
}

fn kind(name: &str) -> Result<SealKind, Problem> {
    SealKind::from_name(name).ok_or_else(|| Error::BadRequest("there is no such kind of seal").into())
}

#[derive(Deserialize, ToSchema)]
#[schema(as = NewSeal)]
#[serde(deny_unknown_fields)]
pub(super) struct NewSealBody {
    /// The certificate that it is bound to.
    holding_id: String,
    /// `company`, `legal-signature`, `legal-seal`, `finance`, `contract`, `invoice`, `custom-signature`, `personal-seal` or
    /// `personal-signature`.
    kind: String,
    /// What it is called: at most 60 characters.
    name: String,
    picture: MakingBody,
    /// Which member looks after a seal of an enterprise; an organisation's own has one.
    manager_id: Option<String>,
    /// A code to the phone of the user, for `sign`, when a seal of an enterprise is made that is good at once.
    code_id: Option<String>,
    code: Option<Secret>,
}

impl NewSealBody {
    /// The seal, and the code if there is one.
    fn read(self) -> Result<(NewSeal, Option<Entered>), Problem> {
        let Self { holding_id, kind: called, name, picture, manager_id, code_id, code } = self;
        let manager = manager_id.as_deref().map(id).transpose()?;
        let (holding, kind, making) = (id(&holding_id)?, kind(&called)?, picture.making()?);
        Ok((NewSeal { holding, kind, name, making, manager }, entered(code_id, code)?))
    }
}

#[derive(Serialize, ToSchema)]
#[schema(as = Seal)]
pub(super) struct SealBody {
    seal_id: String,
    state: &'static str,
    kind: &'static str,
    name: Option<String>,
    /// `person` or `enterprise`.
    holder: &'static str,
    holder_id: String,
    /// The certificate that it is good with.
    holding_id: String,
    /// `template`, `handwriting` or `photo`.
    made_of: &'static str,
    /// Sides in tenths of a millimetre.
    width: u32,
    height: u32,
    /// Grows with every other picture or certificate.
    version: u32,
    /// The account that looks after it.
    manager: Option<String>,
    /// Why another picture is wanted, while the seal maker looks at it.
    reason: Option<String>,
    /// What the seal maker wrote.
    opinion: Option<String>,
    used: bool,
    made_at_ms: u64,
    changed_at_ms: u64,
}

impl SealBody {
    pub(super) fn of(api: &Api, one: Stored<Seal>) -> Result<Self, Problem> {
        let Stored { id, created_ms, changed_ms, entity } = one;
        let words = |words: Option<&_>| words.map(|words| api.office.read_words(words)).transpose();
        let (width, height) = entity.face.size();
        Ok(Self {
            seal_id: id.to_string(),
            state: entity.state().as_str(),
            kind: entity.kind.as_str(),
            name: words(entity.name.as_ref())?,
            holder: entity.holder.as_str(),
            holder_id: entity.holder.id().to_string(),
            holding_id: entity.holding.to_string(),
            made_of: entity.face.source().as_str(),
            width,
            height,
            version: entity.version,
            manager: entity.manager.map(|id| id.to_string()),
            reason: words(entity.next.as_ref().map(|next| &next.reason))?,
            opinion: words(entity.opinion.as_ref())?,
            used: entity.is_used,
            made_at_ms: created_ms,
            changed_at_ms: changed_ms,
        })
    }
}

#[derive(Serialize, ToSchema)]
#[schema(as = Seals)]
pub(super) struct SealsBody {
    pub(super) seals: Vec<SealBody>,
    pub(super) next: Option<NextBody>,
}

#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct PreviewBody {
    /// For a seal of the holder of this certificate; otherwise for one of the user.
    holding_id: Option<String>,
    kind: String,
    picture: MakingBody,
}

#[derive(Serialize, ToSchema)]
#[schema(as = SealPreview)]
pub(super) struct PreviewedBody {
    /// PNG in base64.
    picture: String,
    /// Sides in tenths of a millimetre.
    width: u32,
    height: u32,
    /// How good a seal was cut out of a photo, from 0 to 100.
    score: Option<u8>,
    /// Whether a person should rather cut it out: hand in the photo as it is then.
    poor: bool,
}

/// From where on a seal was cut out well enough.
const GOOD: u8 = 60;

/// See what the picture of a seal would be
#[utoipa::path(
    post, path = "/v1/seals/preview", tag = "seals", security(("user" = [])), request_body = PreviewBody,
    responses((status = 200, body = PreviewedBody), Problems),
)]
pub(super) async fn preview(
    State(api): State<Api>,
    LoggedIn(user): LoggedIn,
    Input { body, .. }: Input<PreviewBody, MAX_BODY>,
) -> Result<Json<PreviewedBody>, Problem> {
    let holding = body.holding_id.as_deref().map(id).transpose()?;
    let (kind, making) = (kind(&body.kind)?, body.picture.making()?);
    let made = api.office.preview_seal(&user, holding, kind, &making).await?;
    Ok(Json(PreviewedBody {
        picture: Base64::encode_string(&made.png),
        width: made.size.0,
        height: made.size.1,
        score: made.score,
        poor: made.score.is_some_and(|score| score < GOOD),
    }))
}

/// Have a seal made
#[utoipa::path(
    post, path = "/v1/seals", tag = "seals", security(("user" = [])), params(Named), request_body = NewSealBody,
    responses((status = 201, body = SealBody), Problems),
)]
pub(super) async fn make(
    State(api): State<Api>,
    LoggedIn(user): LoggedIn,
    Input { body, once }: Input<NewSealBody, MAX_BODY>,
) -> Result<(StatusCode, Json<SealBody>), Problem> {
    let (new, code) = body.read()?;
    let made = api.office.make_seal(&user, &new, code, once.as_ref()).await?;
    Ok((StatusCode::CREATED, Json(SealBody::of(&api, made)?)))
}

/// The seals of the user, newest first; of an enterprise, those that the user manages or may use
#[utoipa::path(
    get, path = "/v1/seals", tag = "seals", security(("user" = [])), params(OfWhom),
    responses((status = 200, body = SealsBody), Problems),
)]
pub(super) async fn list(
    State(api): State<Api>,
    LoggedIn(user): LoggedIn,
    Parameters(of): Parameters<OfWhom>,
) -> Result<Json<SealsBody>, Problem> {
    let (whose, page) = of.read()?;
    let found = api.office.seals(&user, whose, &page).await?;
    let (seals, next) = shown(found, |one| SealBody::of(&api, one))?;
    Ok(Json(SealsBody { seals, next }))
}

fn which(segments: &Segments) -> Result<Id, Problem> {
    id(segments.get("seal")?)
}

/// One of them
#[utoipa::path(
    get, path = "/v1/seals/{seal}", tag = "seals", security(("user" = [])), params(("seal" = String, Path)),
    responses((status = 200, body = SealBody), Problems),
)]
pub(super) async fn show(
    State(api): State<Api>,
    LoggedIn(user): LoggedIn,
    segments: Segments,
) -> Result<Json<SealBody>, Problem> {
    let found = api.office.seal(&user, which(&segments)?).await?;
    Ok(Json(SealBody::of(&api, found)?))
}

/// Its picture
#[utoipa::path(
    get, path = "/v1/seals/{seal}/picture", tag = "seals", security(("user" = [])), params(("seal" = String, Path)),
    responses((status = 200, description = "PNG", body = Octets, content_type = "application/octet-stream"), Problems),
)]
pub(super) async fn picture(
    State(api): State<Api>,
    LoggedIn(user): LoggedIn,
    segments: Segments,
) -> Result<impl IntoResponse, Problem> {
    let found = api.office.seal(&user, which(&segments)?).await?;
    file(&api, found.entity.face.picture()).await
}

/// The seal as the seal maker signed it (`SESeal` of GB/T 38540-2020, DER)
#[utoipa::path(
    get, path = "/v1/seals/{seal}/data", tag = "seals", security(("user" = [])), params(("seal" = String, Path)),
    responses((status = 200, description = "The seal", body = Octets, content_type = "application/octet-stream"), Problems),
)]
pub(super) async fn data(
    State(api): State<Api>,
    LoggedIn(user): LoggedIn,
    segments: Segments,
) -> Result<impl IntoResponse, Problem> {
    let der = api.office.seal_data(&user, which(&segments)?).await?;
    Ok(([(header::CONTENT_TYPE, "application/octet-stream")], der))
}

#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct ReplaceBody {
    picture: MakingBody,
    /// Why: 1 to 500 characters.
    reason: String,
}

/// Give a seal another picture
///
/// A photo waits for the seal maker, and the old picture stays until then; anything else holds at once.
#[utoipa::path(
    post, path = "/v1/seals/{seal}/replace", tag = "seals", security(("user" = [])),
    params(("seal" = String, Path), Named), request_body = ReplaceBody,
    responses((status = 200, body = SealBody), Problems),
)]
pub(super) async fn replace(
    State(api): State<Api>,
    LoggedIn(user): LoggedIn,
    segments: Segments,
    Input { body, once }: Input<ReplaceBody, MAX_BODY>,
) -> Result<Json<SealBody>, Problem> {
    let (making, which) = (body.picture.making()?, which(&segments)?);
    let done = api.office.replace_seal(&user, which, (&making, Some(&body.reason)), once.as_ref()).await?;
    Ok(Json(SealBody::of(&api, done)?))
}

#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct CorrectBody {
    picture: MakingBody,
}

/// Hand in another picture for a seal that was sent back
#[utoipa::path(
    post, path = "/v1/seals/{seal}/correct", tag = "seals", security(("user" = [])),
    params(("seal" = String, Path), Named), request_body = CorrectBody,
    responses((status = 200, body = SealBody), Problems),
)]
pub(super) async fn correct(
    State(api): State<Api>,
    LoggedIn(user): LoggedIn,
    segments: Segments,
    Input { body, once }: Input<CorrectBody, MAX_BODY>,
) -> Result<Json<SealBody>, Problem> {
    let (making, which) = (body.picture.making()?, which(&segments)?);
    let done = api.office.replace_seal(&user, which, (&making, None), once.as_ref()).await?;
    Ok(Json(SealBody::of(&api, done)?))
}

#[derive(Deserialize, ToSchema)]
#[schema(as = SealManager)]
#[serde(deny_unknown_fields)]
pub(super) struct ManagerBody {
    /// A member of the enterprise.
    account_id: String,
}

/// Say which member looks after a seal of an enterprise
#[utoipa::path(
    post, path = "/v1/seals/{seal}/manager", tag = "seals", security(("user" = [])),
    params(("seal" = String, Path), Named), request_body = ManagerBody,
    responses((status = 200, body = SealBody), Problems),
)]
pub(super) async fn appoint(
    State(api): State<Api>,
    LoggedIn(user): LoggedIn,
    segments: Segments,
    Input { body, once }: Input<ManagerBody>,
) -> Result<Json<SealBody>, Problem> {
    let which = (which(&segments)?, id(&body.account_id)?);
    let done = api.office.appoint_seal_manager(&user, which, once.as_ref()).await?;
    Ok(Json(SealBody::of(&api, done)?))
}

#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
pub(super) struct FormAsked {
    /// `finance`, `contract` or `invoice`.
    kind: String,
    /// What the seal is to be called.
    name: String,
}

/// The form for a seal of an enterprise, to be printed, stamped and handed in as a photo
#[utoipa::path(
    get, path = "/v1/holdings/{holding}/seal-form", tag = "seals", security(("user" = [])),
    params(("holding" = String, Path), FormAsked),
    responses((status = 200, description = "The form", body = String, content_type = "text/plain"), Problems),
)]
pub(super) async fn form(
    State(api): State<Api>,
    LoggedIn(user): LoggedIn,
    segments: Segments,
    Parameters(FormAsked { kind: called, name }): Parameters<FormAsked>,
) -> Result<impl IntoResponse, Problem> {
    let holding = id(segments.get("holding")?)?;
    let text = api.office.stamped_form(&user, holding, kind(&called)?, &name).await?;
    Ok(([(header::CONTENT_TYPE, "text/plain; charset=utf-8")], text.to_string()))
}

/// End a seal for good; what it sealed stays valid
#[utoipa::path(
    post, path = "/v1/seals/{seal}/cancel", tag = "seals", security(("user" = [])),
    params(("seal" = String, Path), Named), responses((status = 200, body = SealBody), Problems),
)]
pub(super) async fn cancel(
    State(api): State<Api>,
    LoggedIn(user): LoggedIn,
    segments: Segments,
    Bare { once }: Bare,
) -> Result<Json<SealBody>, Problem> {
    let done = api.office.end_seal(&user, which(&segments)?, &seal::Event::Cancel, once.as_ref()).await?;
    Ok(Json(SealBody::of(&api, done)?))
}

/// Remove a seal that nobody sealed with
#[utoipa::path(
    post, path = "/v1/seals/{seal}/delete", tag = "seals", security(("user" = [])),
    params(("seal" = String, Path), Named), responses((status = 200, body = SealBody), Problems),
)]
pub(super) async fn delete(
    State(api): State<Api>,
    LoggedIn(user): LoggedIn,
    segments: Segments,
    Bare { once }: Bare,
) -> Result<Json<SealBody>, Problem> {
    let done = api.office.end_seal(&user, which(&segments)?, &seal::Event::Delete, once.as_ref()).await?;
    Ok(Json(SealBody::of(&api, done)?))
}
