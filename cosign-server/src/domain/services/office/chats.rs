//! Customer service.

use super::{Actor, Office, User, person_reviews::checked};
use crate::domain::{
    Error,
    office::{
        Entity as _, Id, Stored,
        article::{Article, ArticleKind},
        chat::{self, Chat, ChatState, Line, Speaker},
    },
    once::Once,
    operators::{Acting, Agent},
    page::{Page, Paged},
};

/// Guides that the program names at most.
const GUIDES: usize = 3;
const NO_GUIDE: &str = "没有找到相关的操作指南，可以转人工客服。";

impl Office {
    /// A user begins a chat.
    ///
    /// # Errors
    /// [`Error::Conflict`] while another one is open; storage faults.
    pub async fn open_chat(&self, user: &User, once: Option<&Once>) -> Result<Id, Error> {
        let account = user.account().id;
        self.act(&Actor::user(user), once, move |plan| {
            Box::pin(async move {
                for other in plan.all_under::<Chat>(account).await? {
                    if other.entity.state() != ChatState::Closed {
                        return Err(Error::Conflict("another chat is open").into());
                    }
                }
                let id = plan.id()?;
                plan.make::<Chat>(id, &chat::Event::Open { account })?;
                Ok(id)
            })
        })
        .await
    }

    /// The chats of a user, newest first.
    ///
    /// # Errors
    /// Storage faults.
    pub async fn chats(&self, user: &User, page: &Page) -> Result<Paged<Stored<Chat>>, Error> {
        self.under::<Chat>(user.account().id, page).await
    }

    /// The lines of a chat of a user, in their order.
    ///
    /// # Errors
    /// [`Error::NotFound`] for another's; storage faults.
    pub async fn lines(&self, user: &User, chat: Id) -> Result<Vec<Stored<Line>>, Error> {
        if self.find::<Chat>(chat).await?.entity.account != user.account().id {
            return Err(Error::NotFound);
        }
        self.lines_of(chat).await
    }

    async fn lines_of(&self, chat: Id) -> Result<Vec<Stored<Line>>, Error> {
        let mut lines = self.all_under::<Line>(chat).await?;
        lines.sort_by_key(|line| line.entity.number);
        Ok(lines)
    }

    /// A user says something; a program answers until an agent was asked for.
    ///
    /// # Errors
    /// [`Error::NotFound`] for another's, [`Error::Conflict`] when it is over; storage faults.
    pub async fn say(&self, user: &User, id: Id, words: &str, once: Option<&Once>) -> Result<(), Error> {
        let words = checked(words)?;
        let (said, answer) = (self.seal_words(words)?, self.seal_words(&self.answer(words).await?)?);
        let (said, answer, account) = (&said, &answer, user.account().id);
        self.act(&Actor::user(user), once, move |plan| {
            Box::pin(async move {
                if plan.find::<Chat>(id).await?.entity.account != account {
                    return Err(Error::NotFound.into());
                }
                let line = |speaker, words| chat::Event::Say { speaker, agent: None, words };
                let chat = plan.happen::<Chat>(id, &line(Speaker::User, said.clone())).await?;
                if chat.is_with_program() {
                    plan.happen::<Chat>(id, &line(Speaker::Program, answer.clone())).await?;
                }
                Ok(())
            })
        })
        .await
    }

    /// What a program says: guides whose titles are in what was said, or have it in them.
    async fn answer(&self, words: &str) -> Result<String, Error> {
        let words = words.to_lowercase();
        let keep = |article: &Stored<Article>| {
            let title = article.entity.words.title().to_lowercase();
            article.entity.is_published() && (title.contains(&words) || words.contains(&title))
        };
        let list = Article::list_of(ArticleKind::Guide);
        let page = Page::first(u32::try_from(GUIDES).unwrap_or(1));
        let found = self.under_that::<Article>(list, &page, keep).await?.items;
        let titles: Vec<_> =
            found.iter().map(|guide| format!("《{}》", guide.entity.words.title())).collect();
        Ok(if titles.is_empty() {
            NO_GUIDE.to_owned()
        } else {
            format!("请查看操作指南：{}", titles.join("、"))
        })
    }

    /// A user asks for an agent, or ends a chat.
    ///
    /// # Errors
    /// [`Error::NotFound`] for another's, [`Error::Conflict`]; storage faults.
    pub async fn happens_to_chat(
        &self,
        user: &User,
        id: Id,
        event: &chat::Event,
        once: Option<&Once>,
    ) -> Result<(), Error> {
        let account = user.account().id;
        self.act(&Actor::user(user), once, move |plan| {
            Box::pin(async move {
                if plan.find::<Chat>(id).await?.entity.account != account {
                    return Err(Error::NotFound.into());
                }
                plan.happen::<Chat>(id, event).await?;
                Ok(())
            })
        })
        .await
    }

    /// Users who wait for an agent, oldest first.
    ///
    /// # Errors
    /// Storage faults.
    pub async fn waiting_chats(&self, _: &Acting<Agent>, page: &Page) -> Result<Paged<Stored<Chat>>, Error> {
        self.in_state::<Chat>(ChatState::Waiting, page).await
    }

    /// The lines of a chat that an agent has taken on.
    ///
    /// # Errors
    /// [`Error::NotFound`] for another's; storage faults.
    pub async fn lines_for(&self, by: &Acting<Agent>, chat: Id) -> Result<Vec<Stored<Line>>, Error> {
        let agent = self.find::<Chat>(chat).await?.entity.agent;
        if agent.is_none() || agent != Actor::operator(by).id {
            return Err(Error::NotFound);
        }
        self.lines_of(chat).await
    }

    /// An agent takes a chat on.
    ///
    /// # Errors
    /// [`Error::NotFound`], [`Error::Conflict`] when another one did; storage faults.
    pub async fn take_chat(&self, by: &Acting<Agent>, id: Id, once: Option<&Once>) -> Result<(), Error> {
        let actor = Actor::operator(by);
        let agent = actor.id.ok_or(Error::Internal)?;
        self.act(&actor, once, move |plan| {
            Box::pin(async move {
                plan.happen::<Chat>(id, &chat::Event::Take { agent }).await?;
                Ok(())
            })
        })
        .await
    }

    /// An agent answers, or ends a chat without a word.
    ///
    /// # Errors
    /// [`Error::NotFound`] for another's, [`Error::Conflict`] when it is over; storage faults.
    pub async fn answer_chat(
        &self,
        by: &Acting<Agent>,
        id: Id,
        words: Option<&str>,
        once: Option<&Once>,
    ) -> Result<(), Error> {
        let actor = Actor::operator(by);
        let agent = actor.id;
        let words = words.map(|words| self.seal_words(checked(words)?)).transpose()?;
        let event = match words {
            Some(words) => chat::Event::Say { speaker: Speaker::Agent, agent, words },
            None => chat::Event::Close,
        };
        let event = &event;
        self.act(&actor, once, move |plan| {
            Box::pin(async move {
                if plan.find::<Chat>(id).await?.entity.agent != agent {
                    return Err(Error::NotFound.into());
                }
                plan.happen::<Chat>(id, event).await?;
                Ok(())
            })
        })
        .await
    }
}
