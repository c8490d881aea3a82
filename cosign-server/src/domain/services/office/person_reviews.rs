//! Reviewers look at people.

use zeroize::Zeroizing;

use super::{Actor, Office};
use crate::domain::{
    Error,
    office::{
        Id, Stored,
        attachment::Media,
        person::{self, Person, PersonState},
    },
    once::Once,
    operators::{Acting, Reviewer, SeesRequests},
    page::{Page, Paged},
};

impl Office {
    /// People who wait for a reviewer, oldest first.
    ///
    /// # Errors
    /// Storage faults.
    pub async fn waiting_people(
        &self,
        _: &Acting<SeesRequests>,
        page: &Page,
    ) -> Result<Paged<Stored<Person>>, Error> {
        self.in_state::<Person>(PersonState::Review, page).await
    }

    /// A person who waits for a reviewer.
    ///
    /// # Errors
    /// [`Error::NotFound`] when there is none, or not any more; storage faults.
    pub async fn waiting_person(&self, _: &Acting<Reviewer>, case: Id) -> Result<Stored<Person>, Error> {
        let found = self.named::<Person>(Person::name_of(case)).await?;
        found.filter(|person| person.entity.is_in_review()).ok_or(Error::NotFound)
    }

    /// One of the pictures of a person who waits for a reviewer.
    ///
    /// # Errors
    /// [`Error::NotFound`]; storage faults.
    pub async fn picture_of_person(
        &self,
        by: &Acting<Reviewer>,
        case: Id,
        picture: Id,
    ) -> Result<(Media, Zeroizing<Vec<u8>>), Error> {
        let person = self.waiting_person(by, case).await?.entity;
        if !person.claim.is_some_and(|claim| claim.pictures.contains(&picture)) {
            return Err(Error::NotFound);
        }
        self.read_attachment(picture).await
    }

    /// A reviewer decides about a person.
    ///
    /// # Errors
    /// [`Error::NotFound`] when nobody waits, [`Error::BadRequest`] for a refusal without a word; storage faults.
    pub async fn review_person(
        &self,
        by: &Acting<Reviewer>,
        case: Id,
        passed: bool,
        opinion: Option<&str>,
        once: Option<&Once>,
    ) -> Result<(), Error> {
        let opinion = opinion.map(|words| self.seal_words(checked(words)?)).transpose()?;
        if !passed && opinion.is_none() {
            return Err(Error::BadRequest("who refuses says why"));
        }
        let opinion = &opinion;
        self.act(&Actor::operator(by), once, move |plan| {
            Box::pin(async move {
                let person = self.waiting_person(by, case).await?;
                let opinion = opinion.clone();
                let event = match passed {
                    true => person::Event::Pass { case, opinion },
                    false => person::Event::Refuse { case, opinion },
                };
                plan.happen::<Person>(person.id, &event).await?;
                Ok(())
            })
        })
        .await
    }
}

/// Most characters of an opinion, a reason, a message.
pub(super) const MAX_WORDS: usize = 500;

/// Words of a user or a reviewer, of a bearable length.
pub(super) fn checked(words: &str) -> Result<&str, Error> {
    let words = words.trim();
    let length = words.chars().take(MAX_WORDS + 1).count();
    let is_text = |letter: char| !letter.is_control() || matches!(letter, '\n' | '\t');
    if (1..=MAX_WORDS).contains(&length) && words.chars().all(is_text) {
        Ok(words)
    } else {
        Err(Error::BadRequest("what is written has 1 to 500 characters"))
    }
}
