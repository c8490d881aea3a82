//! Articles, as everybody reads and administrators write them.

use super::{Actor, Office};
use crate::domain::{
    Error,
    office::{
        Id, Stored,
        article::{self, Article, ArticleKind, Words},
    },
    once::Once,
    operators::{Acting, Administrator},
    page::{Page, Paged},
};

/// Most articles of one kind.
const MAX_ARTICLES: usize = 1000;

impl Office {
    /// The published articles of a kind whose title has these words in it, newest first.
    ///
    /// # Errors
    /// Storage faults.
    pub async fn articles(
        &self,
        kind: ArticleKind,
        search: &str,
        page: &Page,
    ) -> Result<Paged<Stored<Article>>, Error> {
        let search = search.to_lowercase();
        let keep = |article: &Stored<Article>| {
            article.entity.is_published() && article.entity.words.title().to_lowercase().contains(&search)
        };
        self.under_that::<Article>(Article::list_of(kind), page, keep).await
    }

    /// A published article.
    ///
    /// # Errors
    /// [`Error::NotFound`]; storage faults.
    pub async fn article(&self, id: Id) -> Result<Stored<Article>, Error> {
        let found = self.find::<Article>(id).await?;
        if found.entity.is_published() { Ok(found) } else { Err(Error::NotFound) }
    }

    /// All articles of a kind, newest first.
    ///
    /// # Errors
    /// Storage faults.
    pub async fn articles_to_edit(
        &self,
        _: &Acting<Administrator>,
        kind: ArticleKind,
        page: &Page,
    ) -> Result<Paged<Stored<Article>>, Error> {
        self.under::<Article>(Article::list_of(kind), page).await
    }

    /// An administrator writes an article, which nobody else sees yet.
    ///
    /// # Errors
    /// [`Error::Conflict`] when there are too many; storage faults.
    pub async fn write_article(
        &self,
        by: &Acting<Administrator>,
        kind: ArticleKind,
        words: Words,
        once: Option<&Once>,
    ) -> Result<Id, Error> {
        let event = article::Event::Write { kind, words };
        let event = &event;
        self.act(&Actor::operator(by), once, move |plan| {
            Box::pin(async move {
                if plan.all_under::<Article>(Article::list_of(kind)).await?.len() >= MAX_ARTICLES {
                    return Err(Error::Conflict("there are 1000 articles of this kind").into());
                }
                let id = plan.id()?;
                plan.make::<Article>(id, event)?;
                Ok(id)
            })
        })
        .await
    }

    /// Something happens to an article.
    ///
    /// # Errors
    /// [`Error::NotFound`], [`Error::Conflict`]; storage faults.
    pub async fn happens_to_article(
        &self,
        by: &Acting<Administrator>,
        id: Id,
        event: &article::Event,
        once: Option<&Once>,
    ) -> Result<(), Error> {
        self.act(&Actor::operator(by), once, move |plan| {
            Box::pin(async move {
                plan.happen::<Article>(id, event).await?;
                Ok(())
            })
        })
        .await
    }
}
