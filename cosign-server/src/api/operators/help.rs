//! Articles as administrators write them, and chats as agents answer them.

use axum::{Json, extract::State, http::StatusCode};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use super::{By, part};
use crate::{
    api::{
        Api, Problem,
        extract::{Bare, Input, Parameters, Segments},
        help::{ArticleBody, ArticlesBody, ChatBody, ChatsBody, LinesBody, SayBody, kind, lines_body},
        openapi::{Named, Problems},
        page::{Paging, shown},
    },
    domain::{
        office::article::{self, ArticleKind, Words},
        operators::{Administrator, Agent},
    },
};

/// Longest body of an article in bytes: every character of its text may be written with six.
const MAX_BODY: usize = 256 * 1024;

#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
pub(super) struct OfKind {
    kind: String,
    after: Option<String>,
    #[param(minimum = 1, maximum = 1000)]
    limit: Option<u32>,
}

/// Articles of a kind, newest first
#[utoipa::path(
    get, path = "/v1/operator/articles", tag = "operators", params(OfKind),
    responses((status = 200, body = ArticlesBody), Problems),
)]
pub(super) async fn articles(
    State(api): State<Api>,
    By(by): By<Administrator>,
    Parameters(of): Parameters<OfKind>,
) -> Result<Json<ArticlesBody>, Problem> {
    let page = Paging::new(of.after, of.limit).page()?;
    let found = api.office.articles_to_edit(&by, kind(&of.kind)?, &page).await?;
    let (articles, next) = shown(found, |one| Ok::<_, Problem>(ArticleBody::of(&one, true)))?;
    Ok(Json(ArticlesBody { articles, next }))
}

#[derive(Deserialize, ToSchema)]
#[schema(as = ArticleWords)]
#[serde(deny_unknown_fields)]
pub(super) struct WordsBody {
    /// `notice`, `guide`, `announcement`, `video`, `agreement` or `privacy`; does not change.
    kind: String,
    /// 1 to 100 characters.
    title: String,
    /// At most 32 KiB.
    text: String,
    /// Where the video is, https.
    link: Option<String>,
    /// Which version of what is agreed to.
    version: Option<String>,
    effective_at_ms: Option<u64>,
}

impl WordsBody {
    fn read(self) -> Result<(ArticleKind, Words), Problem> {
        let kind = kind(&self.kind)?;
        let Self { title, text, link, version, effective_at_ms, .. } = self;
        Ok((kind, Words::new(kind, title, text, link, version, effective_at_ms)?))
    }
}

#[derive(Serialize, ToSchema)]
#[schema(as = ArticleWritten)]
pub(super) struct WrittenBody {
    article_id: String,
}

/// Write an article, which nobody else sees yet
#[utoipa::path(
    post, path = "/v1/operator/articles", tag = "operators", params(Named), request_body = WordsBody,
    responses((status = 201, body = WrittenBody), Problems),
)]
pub(super) async fn write(
    State(api): State<Api>,
    By(by): By<Administrator>,
    Input { body, once }: Input<WordsBody, MAX_BODY>,
) -> Result<(StatusCode, Json<WrittenBody>), Problem> {
    let (kind, words) = body.read()?;
    let article_id = api.office.write_article(&by, kind, words, once.as_ref()).await?.to_string();
    Ok((StatusCode::CREATED, Json(WrittenBody { article_id })))
}

/// Write an article anew
#[utoipa::path(
    post, path = "/v1/operator/articles/{article}", tag = "operators", params(("article" = String, Path), Named),
    request_body = WordsBody, responses((status = 204, description = "It is written"), Problems),
)]
pub(super) async fn edit(
    State(api): State<Api>,
    By(by): By<Administrator>,
    segments: Segments,
    Input { body, once }: Input<WordsBody, MAX_BODY>,
) -> Result<StatusCode, Problem> {
    let (kind, words) = body.read()?;
    let (id, event) = (part(&segments, "article")?, article::Event::Edit { kind, words });
    api.office.happens_to_article(&by, id, &event, once.as_ref()).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Let everybody read an article
#[utoipa::path(
    post, path = "/v1/operator/articles/{article}/publish", tag = "operators",
    params(("article" = String, Path), Named), responses((status = 204, description = "It is published"), Problems),
)]
pub(super) async fn publish(
    State(api): State<Api>,
    By(by): By<Administrator>,
    segments: Segments,
    Bare { once }: Bare,
) -> Result<StatusCode, Problem> {
    let id = part(&segments, "article")?;
    api.office.happens_to_article(&by, id, &article::Event::Publish, once.as_ref()).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Let nobody read an article any more
#[utoipa::path(
    post, path = "/v1/operator/articles/{article}/withdraw", tag = "operators",
    params(("article" = String, Path), Named), responses((status = 204, description = "It is withdrawn"), Problems),
)]
pub(super) async fn withdraw(
    State(api): State<Api>,
    By(by): By<Administrator>,
    segments: Segments,
    Bare { once }: Bare,
) -> Result<StatusCode, Problem> {
    let id = part(&segments, "article")?;
    api.office.happens_to_article(&by, id, &article::Event::Withdraw, once.as_ref()).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Users who wait for an agent, oldest first
#[utoipa::path(
    get, path = "/v1/operator/chats", tag = "operators", params(Paging),
    responses((status = 200, body = ChatsBody), Problems),
)]
pub(super) async fn chats(
    State(api): State<Api>,
    By(by): By<Agent>,
    Parameters(paging): Parameters<Paging>,
) -> Result<Json<ChatsBody>, Problem> {
    let found = api.office.waiting_chats(&by, &paging.page()?).await?;
    let (chats, next) = shown(found, |one| Ok::<_, Problem>(ChatBody::from(one)))?;
    Ok(Json(ChatsBody { chats, next }))
}

/// Take a chat on
#[utoipa::path(
    post, path = "/v1/operator/chats/{chat}/take", tag = "operators", params(("chat" = String, Path), Named),
    responses((status = 204, description = "It is the caller's"), Problems),
)]
pub(super) async fn take(
    State(api): State<Api>,
    By(by): By<Agent>,
    segments: Segments,
    Bare { once }: Bare,
) -> Result<StatusCode, Problem> {
    api.office.take_chat(&by, part(&segments, "chat")?, once.as_ref()).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// What was said in a chat that the caller has taken on
#[utoipa::path(
    get, path = "/v1/operator/chats/{chat}/lines", tag = "operators", params(("chat" = String, Path)),
    responses((status = 200, body = LinesBody), Problems),
)]
pub(super) async fn lines(
    State(api): State<Api>,
    By(by): By<Agent>,
    segments: Segments,
) -> Result<Json<LinesBody>, Problem> {
    lines_body(&api, &api.office.lines_for(&by, part(&segments, "chat")?).await?)
}

/// Answer
#[utoipa::path(
    post, path = "/v1/operator/chats/{chat}/lines", tag = "operators", params(("chat" = String, Path), Named),
    request_body = SayBody, responses((status = 204, description = "It is said"), Problems),
)]
pub(super) async fn answer(
    State(api): State<Api>,
    By(by): By<Agent>,
    segments: Segments,
    Input { body, once }: Input<SayBody>,
) -> Result<StatusCode, Problem> {
    let chat = part(&segments, "chat")?;
    api.office.answer_chat(&by, chat, Some(&body.words.0), once.as_ref()).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// End a chat that the caller has taken on
#[utoipa::path(
    post, path = "/v1/operator/chats/{chat}/close", tag = "operators", params(("chat" = String, Path), Named),
    responses((status = 204, description = "It is over"), Problems),
)]
pub(super) async fn close(
    State(api): State<Api>,
    By(by): By<Agent>,
    segments: Segments,
    Bare { once }: Bare,
) -> Result<StatusCode, Problem> {
    api.office.answer_chat(&by, part(&segments, "chat")?, None, once.as_ref()).await?;
    Ok(StatusCode::NO_CONTENT)
}
