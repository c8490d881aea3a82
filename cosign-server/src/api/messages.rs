//! Messages to a user, what the user did, files that the user hands in.
#![expect(unused_qualifications, reason = "what is made of parameters for the description has them")]

use axum::{
    Json,
    extract::State,
    http::{StatusCode, header},
    response::IntoResponse,
};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};
use utoipa_axum::{router::OpenApiRouter, routes};
use zeroize::Zeroizing;

use super::{
    Api, Problem,
    accounts::{LoggedIn, id},
    extract::{Bare, Parameters, Plain, Segments},
    openapi::{Named, Octets, Problems},
    page::{NextBody, Paging, shown},
};
use crate::domain::{
    Error,
    office::{
        Entity as _, Id, Named as _, Stored,
        attachment::{MAX_BYTES, Media},
        message::Message,
        ports::{Logged, Of, Sieve},
    },
};

pub(super) fn routes() -> OpenApiRouter<Api> {
    OpenApiRouter::new()
        .routes(routes!(list))
        .routes(routes!(message))
        .routes(routes!(read))
        .routes(routes!(operations))
        .routes(routes!(operation))
        .routes(routes!(attach))
        .routes(routes!(attachment))
}

#[derive(Serialize, ToSchema)]
#[schema(as = About)]
struct AboutBody {
    kind: String,
    id: String,
}

#[derive(Serialize, ToSchema)]
#[schema(as = Message)]
pub(super) struct MessageBody {
    message_id: String,
    state: &'static str,
    /// What happened.
    notice: &'static str,
    /// To what.
    about: Option<AboutBody>,
    sent_at_ms: u64,
}

impl From<Stored<Message>> for MessageBody {
    fn from(message: Stored<Message>) -> Self {
        let about = message.entity.about.clone();
        Self {
            message_id: message.id.to_string(),
            state: message.entity.state().as_str(),
            notice: message.entity.notice.as_str(),
            about: about.map(|about| AboutBody { kind: about.kind, id: about.id.to_string() }),
            sent_at_ms: message.created_ms,
        }
    }
}

#[derive(Serialize, ToSchema)]
#[schema(as = Messages)]
pub(super) struct MessagesBody {
    messages: Vec<MessageBody>,
    next: Option<NextBody>,
}

#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
pub(super) struct WhichMessages {
    after: Option<String>,
    #[param(minimum = 1, maximum = 1000)]
    limit: Option<u32>,
    /// Only what says this.
    notice: Option<String>,
    /// Only what the user has not looked at, or has.
    unread: Option<bool>,
    /// Not before this, unix milliseconds.
    from_ms: Option<u64>,
    /// Before this, unix milliseconds.
    to_ms: Option<u64>,
}

impl WhichMessages {
    fn has(&self, message: &Stored<Message>) -> bool {
        self.notice.as_ref().is_none_or(|notice| message.entity.notice.as_str() == notice)
            && self.unread.is_none_or(|unread| message.entity.is_unread() == unread)
            && self.from_ms.is_none_or(|from_ms| message.created_ms >= from_ms)
            && self.to_ms.is_none_or(|to_ms| message.created_ms < to_ms)
    }
}

/// The messages to the user, newest first
#[utoipa::path(
    get, path = "/v1/messages", tag = "messages", security(("user" = [])), params(WhichMessages),
    responses((status = 200, body = MessagesBody), Problems),
)]
pub(super) async fn list(
    State(api): State<Api>,
    LoggedIn(user): LoggedIn,
    Parameters(which): Parameters<WhichMessages>,
) -> Result<Json<MessagesBody>, Problem> {
    let page = Paging::new(which.after.clone(), which.limit).page()?;
    let found = api.office.messages(&user, &page, |message| which.has(message)).await?;
    let (messages, next) = shown(found, |one| Ok::<_, Problem>(MessageBody::from(one)))?;
    Ok(Json(MessagesBody { messages, next }))
}

/// A message to the user; what a reviewer wrote stands in what it is about
#[utoipa::path(
    get, path = "/v1/messages/{message}", tag = "messages", security(("user" = [])),
    params(("message" = String, Path)), responses((status = 200, body = MessageBody), Problems),
)]
pub(super) async fn message(
    State(api): State<Api>,
    LoggedIn(user): LoggedIn,
    segments: Segments,
) -> Result<Json<MessageBody>, Problem> {
    Ok(Json(api.office.message(&user, id(segments.get("message")?)?).await?.into()))
}

/// Note that the user has looked at a message
#[utoipa::path(
    post, path = "/v1/messages/{message}/read", tag = "messages", security(("user" = [])),
    params(("message" = String, Path)), responses((status = 200, body = MessageBody), Problems),
)]
pub(super) async fn read(
    State(api): State<Api>,
    LoggedIn(user): LoggedIn,
    segments: Segments,
    _: Bare,
) -> Result<Json<MessageBody>, Problem> {
    Ok(Json(api.office.read_message(&user, id(segments.get("message")?)?).await?.into()))
}

#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(super) struct Which {
    after: Option<String>,
    #[param(minimum = 1, maximum = 1000)]
    limit: Option<u32>,
    /// Only what was done to this kind of thing.
    kind: Option<String>,
    /// Not before this, unix milliseconds.
    from_ms: Option<u64>,
    /// Before this, unix milliseconds.
    to_ms: Option<u64>,
}

#[derive(Serialize, ToSchema)]
#[schema(as = Operation)]
pub(super) struct OperationBody {
    number: u64,
    at_ms: u64,
    /// To what kind of thing.
    kind: String,
    /// To which.
    id: String,
    /// What.
    event: String,
    /// Where it stood; nothing when it was made by this.
    from: Option<String>,
    /// Where it stood after that.
    to: String,
}

impl From<Logged> for OperationBody {
    fn from(one: Logged) -> Self {
        let Logged { seq, at_ms, kind, id, event, from, to, .. } = one;
        Self { number: seq, at_ms, kind, id: id.to_string(), event, from, to }
    }
}

#[derive(Serialize, ToSchema)]
#[schema(as = Operations)]
pub(super) struct OperationsBody {
    operations: Vec<OperationBody>,
    next: Option<NextBody>,
}

/// What the user did, newest first
#[utoipa::path(
    get, path = "/v1/operations", tag = "messages", security(("user" = [])), params(Which),
    responses((status = 200, body = OperationsBody), Problems),
)]
pub(super) async fn operations(
    State(api): State<Api>,
    LoggedIn(user): LoggedIn,
    Parameters(Which { after, limit, kind, from_ms, to_ms }): Parameters<Which>,
) -> Result<Json<OperationsBody>, Problem> {
    let page = Paging::new(after, limit).page()?;
    let sieve = Sieve { kind, from_ms, to_ms };
    let found = api.office.operations(Of::Actor(user.account().id), &sieve, &page).await?;
    let (operations, next) = shown(found, |one| Ok::<_, Problem>(OperationBody::from(one)))?;
    Ok(Json(OperationsBody { operations, next }))
}

/// One of the things that the user did
#[utoipa::path(
    get, path = "/v1/operations/{number}", tag = "messages", security(("user" = [])),
    params(("number" = String, Path)), responses((status = 200, body = OperationBody), Problems),
)]
pub(super) async fn operation(
    State(api): State<Api>,
    LoggedIn(user): LoggedIn,
    segments: Segments,
) -> Result<Json<OperationBody>, Problem> {
    let number = segments.get("number")?.parse().map_err(|_| Error::NotFound)?;
    Ok(Json(api.office.operation(&user, number).await?.into()))
}

#[derive(Serialize, ToSchema)]
#[schema(as = Attached)]
pub(super) struct AttachedBody {
    attachment_id: String,
}

/// Hand in a file: a PNG or JPEG picture or a PDF document of at most 4 MiB
#[utoipa::path(
    post, path = "/v1/attachments", tag = "messages", security(("user" = [])), params(Named),
    request_body(content = Octets, content_type = "application/octet-stream"),
    responses((status = 201, body = AttachedBody), Problems),
)]
pub(super) async fn attach(
    State(api): State<Api>,
    LoggedIn(user): LoggedIn,
    file: Plain<MAX_BYTES>,
) -> Result<(StatusCode, Json<AttachedBody>), Problem> {
    file.demand("application/octet-stream")?;
    let attachment_id = api.office.attach(&user, &file.bytes, file.once.as_ref()).await?.to_string();
    Ok((StatusCode::CREATED, Json(AttachedBody { attachment_id })))
}

/// A file that the user handed in
#[utoipa::path(
    get, path = "/v1/attachments/{attachment}", tag = "messages", security(("user" = [])),
    params(("attachment" = String, Path)),
    responses((status = 200, description = "The file", body = Octets, content_type = "application/octet-stream"), Problems),
)]
pub(super) async fn attachment(
    State(api): State<Api>,
    LoggedIn(user): LoggedIn,
    segments: Segments,
) -> Result<impl IntoResponse, Problem> {
    let owned = api.office.attachment(&user, id(segments.get("attachment")?)?).await?;
    file(&api, owned.id()).await
}

/// A file as it was handed in. Browsers neither guess at it nor run it.
pub(super) async fn file(api: &Api, id: Id) -> Result<impl IntoResponse + use<>, Problem> {
    Ok(file_of(api.office.read_attachment(id).await?))
}

/// The same, read already.
pub(super) fn file_of((media, bytes): (Media, Zeroizing<Vec<u8>>)) -> impl IntoResponse + use<> {
    let headers = [
        (header::CONTENT_TYPE, media.as_str()),
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (header::CONTENT_DISPOSITION, "attachment"),
    ];
    (headers, bytes.to_vec())
}
