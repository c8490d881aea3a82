//! What helps users: articles, customer service, what the server says of itself.
#![expect(unused_qualifications, reason = "what is made of parameters for the description has them")]

use axum::{Json, extract::State, http::StatusCode};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};
use utoipa_axum::{router::OpenApiRouter, routes};

use super::{
    Api, Problem,
    accounts::{LoggedIn, Secret, id},
    ca::Admitted,
    extract::{Bare, Input, Parameters, Segments},
    openapi::{Named, Problems},
    page::{NextBody, Paging, shown},
    people::word,
};
use crate::domain::office::{
    Entity as _, Named as _, Stored,
    article::{Article, ArticleKind},
    chat::{self, Chat, Line},
};

pub(super) fn routes() -> OpenApiRouter<Api> {
    OpenApiRouter::new()
        .routes(routes!(about))
        .routes(routes!(articles))
        .routes(routes!(article))
        .routes(routes!(chats, open))
        .routes(routes!(lines, say))
        .routes(routes!(call))
        .routes(routes!(close))
}

#[derive(Serialize, ToSchema)]
#[schema(as = AboutServer)]
pub(super) struct AboutServerBody {
    version: &'static str,
    /// Version of the agreements that users agree to.
    agreement: String,
    /// The number to call.
    hotline: Option<String>,
    /// A word about the service.
    introduction: Option<String>,
}

/// What the server says of itself: version, agreements, hotline
#[utoipa::path(
    get, path = "/v1/about", tag = "help", security(()),
    responses((status = 200, body = AboutServerBody), Problems),
)]
pub(super) async fn about(State(api): State<Api>) -> Json<AboutServerBody> {
    let rules = api.office.rules();
    let some = |text: &str| (!text.is_empty()).then(|| text.to_owned());
    Json(AboutServerBody {
        version: env!("CARGO_PKG_VERSION"),
        agreement: rules.agreement.clone(),
        hotline: some(&rules.hotline),
        introduction: some(&rules.introduction),
    })
}

#[derive(Serialize, ToSchema)]
#[schema(as = Article)]
pub(super) struct ArticleBody {
    article_id: String,
    kind: &'static str,
    state: &'static str,
    title: String,
    /// Nothing in lists.
    text: Option<String>,
    /// Where the video is.
    link: Option<String>,
    /// Which version of what is agreed to.
    version: Option<String>,
    effective_at_ms: Option<u64>,
    published_at_ms: Option<u64>,
    changed_at_ms: u64,
}

impl ArticleBody {
    pub(super) fn of(article: &Stored<Article>, is_whole: bool) -> Self {
        let Stored { entity: Article { kind, words, published_ms, .. }, .. } = article;
        Self {
            article_id: article.id.to_string(),
            kind: kind.as_str(),
            state: article.entity.state().as_str(),
            title: words.title().to_owned(),
            text: is_whole.then(|| words.text().to_owned()),
            link: words.link().map(str::to_owned),
            version: words.version().map(str::to_owned),
            effective_at_ms: words.effective_ms(),
            published_at_ms: *published_ms,
            changed_at_ms: article.changed_ms,
        }
    }
}

#[derive(Serialize, ToSchema)]
#[schema(as = Articles)]
pub(super) struct ArticlesBody {
    pub(super) articles: Vec<ArticleBody>,
    pub(super) next: Option<NextBody>,
}

#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
pub(super) struct WhichArticles {
    /// `notice`, `guide`, `announcement`, `video`, `agreement` or `privacy`.
    kind: String,
    /// Words of the title.
    search: Option<String>,
    after: Option<String>,
    #[param(minimum = 1, maximum = 1000)]
    limit: Option<u32>,
}

pub(super) fn kind(text: &str) -> Result<ArticleKind, Problem> {
    Ok(word(text, "there is no such kind of article")?)
}

/// Published articles of a kind, newest first
#[utoipa::path(
    get, path = "/v1/articles", tag = "help", security(()), params(WhichArticles),
    responses((status = 200, body = ArticlesBody), Problems),
)]
pub(super) async fn articles(
    State(api): State<Api>,
    _: Admitted,
    Parameters(which): Parameters<WhichArticles>,
) -> Result<Json<ArticlesBody>, Problem> {
    let page = Paging::new(which.after, which.limit).page()?;
    let search = which.search.as_deref().unwrap_or_default();
    let found = api.office.articles(kind(&which.kind)?, search, &page).await?;
    let (articles, next) = shown(found, |one| Ok::<_, Problem>(ArticleBody::of(&one, false)))?;
    Ok(Json(ArticlesBody { articles, next }))
}

/// A published article
#[utoipa::path(
    get, path = "/v1/articles/{article}", tag = "help", security(()), params(("article" = String, Path)),
    responses((status = 200, body = ArticleBody), Problems),
)]
pub(super) async fn article(
    State(api): State<Api>,
    segments: Segments,
) -> Result<Json<ArticleBody>, Problem> {
    let found = api.office.article(id(segments.get("article")?)?).await?;
    Ok(Json(ArticleBody::of(&found, true)))
}

#[derive(Serialize, ToSchema)]
#[schema(as = Chat)]
pub(super) struct ChatBody {
    chat_id: String,
    /// `program`, `waiting`, `agent` or `closed`.
    state: &'static str,
    lines: u32,
    opened_at_ms: u64,
    changed_at_ms: u64,
}

impl From<Stored<Chat>> for ChatBody {
    fn from(chat: Stored<Chat>) -> Self {
        Self {
            chat_id: chat.id.to_string(),
            state: chat.entity.state().as_str(),
            lines: chat.entity.lines,
            opened_at_ms: chat.created_ms,
            changed_at_ms: chat.changed_ms,
        }
    }
}

#[derive(Serialize, ToSchema)]
#[schema(as = Chats)]
pub(super) struct ChatsBody {
    pub(super) chats: Vec<ChatBody>,
    pub(super) next: Option<NextBody>,
}

/// The chats of the user with customer service, newest first
#[utoipa::path(
    get, path = "/v1/chats", tag = "help", security(("user" = [])), params(Paging),
    responses((status = 200, body = ChatsBody), Problems),
)]
pub(super) async fn chats(
    State(api): State<Api>,
    LoggedIn(user): LoggedIn,
    Parameters(paging): Parameters<Paging>,
) -> Result<Json<ChatsBody>, Problem> {
    let found = api.office.chats(&user, &paging.page()?).await?;
    let (chats, next) = shown(found, |one| Ok::<_, Problem>(ChatBody::from(one)))?;
    Ok(Json(ChatsBody { chats, next }))
}

#[derive(Serialize, ToSchema)]
#[schema(as = ChatOpened)]
pub(super) struct OpenedBody {
    chat_id: String,
}

/// Begin a chat with customer service; a program answers
#[utoipa::path(
    post, path = "/v1/chats", tag = "help", security(("user" = [])), params(Named),
    responses((status = 201, body = OpenedBody), Problems),
)]
pub(super) async fn open(
    State(api): State<Api>,
    LoggedIn(user): LoggedIn,
    Bare { once }: Bare,
) -> Result<(StatusCode, Json<OpenedBody>), Problem> {
    let chat_id = api.office.open_chat(&user, once.as_ref()).await?.to_string();
    Ok((StatusCode::CREATED, Json(OpenedBody { chat_id })))
}

#[derive(Serialize, ToSchema)]
#[schema(as = ChatLine)]
pub(super) struct LineBody {
    number: u32,
    /// `user`, `program` or `agent`.
    speaker: &'static str,
    words: String,
    said_at_ms: u64,
}

#[derive(Serialize, ToSchema)]
#[schema(as = ChatLines)]
pub(super) struct LinesBody {
    lines: Vec<LineBody>,
}

pub(super) fn lines_body(api: &Api, lines: &[Stored<Line>]) -> Result<Json<LinesBody>, Problem> {
    let body = |line: &Stored<Line>| {
        Ok::<_, Problem>(LineBody {
            number: line.entity.number,
            speaker: line.entity.speaker.as_str(),
            words: api.office.open_words(&line.entity.words)?.to_string(),
            said_at_ms: line.created_ms,
        })
    };
    Ok(Json(LinesBody { lines: lines.iter().map(body).collect::<Result<_, _>>()? }))
}

/// What was said in a chat
#[utoipa::path(
    get, path = "/v1/chats/{chat}/lines", tag = "help", security(("user" = [])), params(("chat" = String, Path)),
    responses((status = 200, body = LinesBody), Problems),
)]
pub(super) async fn lines(
    State(api): State<Api>,
    LoggedIn(user): LoggedIn,
    segments: Segments,
) -> Result<Json<LinesBody>, Problem> {
    lines_body(&api, &api.office.lines(&user, id(segments.get("chat")?)?).await?)
}

#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct SayBody {
    /// 1 to 500 characters.
    pub(super) words: Secret,
}

/// Say something
#[utoipa::path(
    post, path = "/v1/chats/{chat}/lines", tag = "help", security(("user" = [])),
    params(("chat" = String, Path), Named), request_body = SayBody,
    responses((status = 204, description = "It is said"), Problems),
)]
pub(super) async fn say(
    State(api): State<Api>,
    LoggedIn(user): LoggedIn,
    segments: Segments,
    Input { body, once }: Input<SayBody>,
) -> Result<StatusCode, Problem> {
    api.office.say(&user, id(segments.get("chat")?)?, &body.words.0, once.as_ref()).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Ask for an agent
#[utoipa::path(
    post, path = "/v1/chats/{chat}/call", tag = "help", security(("user" = [])),
    params(("chat" = String, Path), Named), responses((status = 204, description = "Agents see it"), Problems),
)]
pub(super) async fn call(
    State(api): State<Api>,
    LoggedIn(user): LoggedIn,
    segments: Segments,
    Bare { once }: Bare,
) -> Result<StatusCode, Problem> {
    let chat = id(segments.get("chat")?)?;
    api.office.happens_to_chat(&user, chat, &chat::Event::Call, once.as_ref()).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// End a chat
#[utoipa::path(
    post, path = "/v1/chats/{chat}/close", tag = "help", security(("user" = [])),
    params(("chat" = String, Path), Named), responses((status = 204, description = "It is over"), Problems),
)]
pub(super) async fn close(
    State(api): State<Api>,
    LoggedIn(user): LoggedIn,
    segments: Segments,
    Bare { once }: Bare,
) -> Result<StatusCode, Problem> {
    let chat = id(segments.get("chat")?)?;
    api.office.happens_to_chat(&user, chat, &chat::Event::Close, once.as_ref()).await?;
    Ok(StatusCode::NO_CONTENT)
}
