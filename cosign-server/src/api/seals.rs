//! Seals of a user.

use axum::{
    Json,
    extract::State,
    http::{StatusCode, header},
    response::IntoResponse,
};
use base64ct::{Base64, Encoding as _};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use utoipa_axum::{router::OpenApiRouter, routes};

use super::{
    Api, Problem,
    accounts::{LoggedIn, id},
    extract::{Bare, Input, Parameters, Segments},
    messages::file,
    openapi::{Named, Octets, Problems},
    page::{NextBody, Paging, shown},
};
use crate::domain::{
    Error,
    office::{
        Entity as _, Id, Named as _, Stored,
        seal::{self, Seal, SealKind},
    },
    services::{Making, NewSeal},
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
        .routes(routes!(cancel))
        .routes(routes!(delete))
}

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
            Self::Handwriting(HandwritingBody { strokes }) => Making::Handwriting(
                strokes.into_iter().map(|stroke| stroke.into_iter().map(|[x, y]| (x, y)).collect()).collect(),
            ),
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
    let made = api.office.preview_seal(&user, kind(&body.kind)?, &body.picture.making()?).await?;
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
    let NewSealBody { holding_id, kind: called, name, picture } = body;
    let new = NewSeal { holding: id(&holding_id)?, kind: kind(&called)?, name, making: picture.making()? };
    let made = api.office.make_seal(&user, &new, once.as_ref()).await?;
    Ok((StatusCode::CREATED, Json(SealBody::of(&api, made)?)))
}

/// The seals of the user, newest first
#[utoipa::path(
    get, path = "/v1/seals", tag = "seals", security(("user" = [])), params(Paging),
    responses((status = 200, body = SealsBody), Problems),
)]
pub(super) async fn list(
    State(api): State<Api>,
    LoggedIn(user): LoggedIn,
    Parameters(paging): Parameters<Paging>,
) -> Result<Json<SealsBody>, Problem> {
    let found = api.office.seals(&user, &paging.page()?).await?;
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
