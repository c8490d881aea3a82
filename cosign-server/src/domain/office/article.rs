//! Articles for everybody: notices, guides, announcements, videos, agreements.

use cosign_core::sm_primitives::sm3;
use serde::{Deserialize, Serialize};

use super::{Entity, Id, Moment, Moved, Moves, Named as _, entity::states};
use crate::domain::Error;

/// Longest title, in characters.
const MAX_TITLE: usize = 100;
/// Longest text in bytes.
pub const MAX_TEXT: usize = 32 * 1024;
/// Longest link in bytes.
const MAX_LINK: usize = 1024;
/// Longest version in bytes.
const MAX_VERSION: usize = 32;

states! {
    /// Where an article stands.
    ArticleState {
        /// Only operators see it.
        Draft = "draft",
        /// Everybody does.
        Published = "published",
        /// Nobody does any more.
        Withdrawn = "withdrawn",
    }
    over Withdrawn
}

states! {
    /// What kind of article.
    ArticleKind {
        /// A public notice.
        Notice = "notice",
        /// How something is done.
        Guide = "guide",
        /// What the system says to its users.
        Announcement = "announcement",
        /// A video that shows how something is done.
        Video = "video",
        /// What users agree to.
        Agreement = "agreement",
        /// What becomes of their data.
        Privacy = "privacy",
    }
}

/// What an article says.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Words {
    title: String,
    text: String,
    link: Option<String>,
    version: Option<String>,
    effective_ms: Option<u64>,
}

impl Words {
    /// Of bearable lengths. A video has a link, and what is agreed to a version and the time from which it holds.
    ///
    /// # Errors
    /// [`Error::BadRequest`].
    pub fn new(
        kind: ArticleKind,
        title: String,
        text: String,
        link: Option<String>,
        version: Option<String>,
        effective_ms: Option<u64>,
    ) -> Result<Self, Error> {
        let length = title.chars().take(MAX_TITLE + 1).count();
        if !(1..=MAX_TITLE).contains(&length) || title.chars().any(char::is_control) {
            return Err(Error::BadRequest("a title has 1 to 100 characters"));
        }
        if text.len() > MAX_TEXT {
            return Err(Error::BadRequest("a text has at most 32 KiB"));
        }
        let is_link = |link: &String| {
            link.starts_with("https://")
                && link.len() <= MAX_LINK
                && link.bytes().all(|byte| byte.is_ascii_graphic())
        };
        if !link.iter().all(is_link) || (kind == ArticleKind::Video && link.is_none()) {
            return Err(Error::BadRequest("a video has a link, and a link is https"));
        }
        let is_version = |version: &String| {
            (1..=MAX_VERSION).contains(&version.len()) && version.bytes().all(|byte| byte.is_ascii_graphic())
        };
        let is_agreed = matches!(kind, ArticleKind::Agreement | ArticleKind::Privacy);
        if !version.iter().all(is_version) || (is_agreed && (version.is_none() || effective_ms.is_none())) {
            return Err(Error::BadRequest("what is agreed to has a version and a time from which it holds"));
        }
        Ok(Self { title, text, link, version, effective_ms })
    }

    /// The title.
    #[must_use]
    pub fn title(&self) -> &str {
        &self.title
    }

    /// The text.
    #[must_use]
    pub fn text(&self) -> &str {
        &self.text
    }

    /// Where the video is.
    #[must_use]
    pub fn link(&self) -> Option<&str> {
        self.link.as_deref()
    }

    /// Which version of what is agreed to.
    #[must_use]
    pub fn version(&self) -> Option<&str> {
        self.version.as_deref()
    }

    /// From when on it holds, unix milliseconds.
    #[must_use]
    pub const fn effective_ms(&self) -> Option<u64> {
        self.effective_ms
    }
}

/// An article.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Article {
    state: ArticleState,
    /// What kind of article.
    pub kind: ArticleKind,
    /// What it says.
    pub words: Words,
    /// When it was published, unix milliseconds.
    pub published_ms: Option<u64>,
}

/// What happens to an article.
#[derive(Debug)]
pub enum Event {
    /// It is written.
    Write {
        /// What kind of article.
        kind: ArticleKind,
        /// What it says.
        words: Words,
    },
    /// It is written anew.
    Edit {
        /// What kind of article it is.
        kind: ArticleKind,
        /// What it says.
        words: Words,
    },
    /// Everybody may read it.
    Publish,
    /// Nobody may any more.
    Withdraw,
}

impl Article {
    /// Under whom those of a kind are listed.
    #[must_use]
    pub fn list_of(kind: ArticleKind) -> Id {
        let hash = sm3::digest(&[&b"articles"[..], kind.as_str().as_bytes()].concat());
        let (half, _) = hash.split_first_chunk().unwrap_or((&[0; 16], &[]));
        Id::from_bytes(*half)
    }

    /// Whether everybody may read it.
    #[must_use]
    pub fn is_published(&self) -> bool {
        self.state == ArticleState::Published
    }
}

impl Entity for Article {
    const KIND: &'static str = "article";
    type State = ArticleState;
    type Event = Event;
    const MOVES: Moves<ArticleState> = &[
        (None, "write", ArticleState::Draft),
        (Some(ArticleState::Draft), "edit", ArticleState::Draft),
        (Some(ArticleState::Draft), "publish", ArticleState::Published),
        (Some(ArticleState::Draft), "withdraw", ArticleState::Withdrawn),
        (Some(ArticleState::Published), "edit", ArticleState::Published),
        (Some(ArticleState::Published), "withdraw", ArticleState::Withdrawn),
    ];

    fn state(&self) -> ArticleState {
        self.state
    }

    fn event(event: &Event) -> &'static str {
        match event {
            Event::Write { .. } => "write",
            Event::Edit { .. } => "edit",
            Event::Publish => "publish",
            Event::Withdraw => "withdraw",
        }
    }

    fn transition(now: Option<&Self>, event: &Event, moment: Moment<'_>) -> Result<Moved<Self>, Error> {
        use ArticleState::{Draft, Published, Withdrawn};
        match (now, event) {
            (None, Event::Write { kind, words }) => {
                Ok(Moved::to(Self { state: Draft, kind: *kind, words: words.clone(), published_ms: None }))
            }
            (None, _) => Err(Error::NotFound),
            (Some(article), Event::Edit { kind, .. }) if article.kind != *kind => {
                Err(Error::BadRequest("the kind of an article does not change"))
            }
            (Some(article), Event::Edit { words, .. }) if article.state != Withdrawn => {
                Ok(Moved::to(Self { words: words.clone(), ..article.clone() }))
            }
            (Some(article), Event::Publish) if article.state == Draft => {
                Ok(Moved::to(Self { state: Published, published_ms: Some(moment.now_ms), ..article.clone() }))
            }
            (Some(article), Event::Withdraw) if article.state != Withdrawn => {
                Ok(Moved::to(Self { state: Withdrawn, ..article.clone() }))
            }
            _ => Err(Error::Conflict("the article is published or withdrawn")),
        }
    }

    fn listed_under(&self) -> Vec<Id> {
        vec![Self::list_of(self.kind)]
    }
}
