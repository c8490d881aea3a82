//! Messages, and what was done.

use super::{Actor, Office, User};
use crate::domain::{
    Error,
    office::{
        Id, Stored,
        message::{self, Message},
        ports::{Logged, Of, Sieve},
    },
    page::{Cursor, Page, Paged},
};

impl Office {
    /// The messages to a user that are as they are wanted, newest first.
    ///
    /// # Errors
    /// Storage faults.
    pub async fn messages(
        &self,
        user: &User,
        page: &Page,
        wanted: impl Fn(&Stored<Message>) -> bool + Send + Sync,
    ) -> Result<Paged<Stored<Message>>, Error> {
        self.under_that::<Message>(user.account().id, page, wanted).await
    }

    /// One of the messages to a user.
    ///
    /// # Errors
    /// [`Error::NotFound`] for another's; storage faults.
    pub async fn message(&self, user: &User, id: Id) -> Result<Stored<Message>, Error> {
        let found = self.find::<Message>(id).await?;
        if found.entity.to == user.account().id { Ok(found) } else { Err(Error::NotFound) }
    }

    /// One of the things that a user did.
    ///
    /// # Errors
    /// [`Error::NotFound`] for another's; storage faults.
    pub async fn operation(&self, user: &User, number: u64) -> Result<Logged, Error> {
        let before = Cursor { at_ms: number.saturating_add(1), id: Vec::new() };
        let (of, page) = (Of::Actor(user.account().id), Page::new(Some(before), Some(1))?);
        let found = self.operations(of, &Sieve::default(), &page).await?.items;
        found.into_iter().find(|one| one.seq == number).ok_or(Error::NotFound)
    }

    /// A user looks at a message.
    ///
    /// # Errors
    /// [`Error::NotFound`] for another's; storage faults.
    pub async fn read_message(&self, user: &User, id: Id) -> Result<Stored<Message>, Error> {
        let found = self.find::<Message>(id).await?;
        if found.entity.to != user.account().id {
            return Err(Error::NotFound);
        }
        self.act(&Actor::user(user), None, move |plan| {
            Box::pin(async move {
                // Who looks at it twice has looked at it.
                if plan.find::<Message>(id).await?.entity.is_unread() {
                    plan.happen::<Message>(id, &message::Event::Read).await?;
                }
                Ok(())
            })
        })
        .await?;
        self.find::<Message>(id).await
    }

    /// What a user did, or what was done to something, newest first.
    ///
    /// # Errors
    /// Storage faults.
    pub async fn operations(&self, of: Of, sieve: &Sieve, page: &Page) -> Result<Paged<Logged>, Error> {
        let found = self.ports.entities.operations(of, sieve, page).await?;
        Ok(page.of(found, |one| Cursor { at_ms: one.seq, id: Vec::new() }))
    }
}
