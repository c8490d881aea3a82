//! Certificates on media.

use super::{Actor, Office, User, Whose};
use crate::domain::{
    Error,
    ca::Serial,
    office::{
        Id, Stored,
        application::{self, Application},
        medium::{self, Facts, Medium},
    },
    once::Once,
    operators::{Acting, Reviewer},
    page::{Page, Paged},
};

impl Office {
    /// An operator says that the authority has made what was applied for: its number, and when it ends.
    ///
    /// # Errors
    /// [`Error::NotFound`], [`Error::BadRequest`] for what has ended, [`Error::Conflict`] when it is not approved, is none for
    /// a medium, or the number is another one's; storage faults.
    pub async fn record_medium(
        &self,
        by: &Acting<Reviewer>,
        id: Id,
        (serial, not_after_ms): (&Serial, u64),
        once: Option<&Once>,
    ) -> Result<Stored<Medium>, Error> {
        let actor = Actor::operator(by);
        let made = self.act(&actor, once, move |plan| {
            Box::pin(async move {
                let approved = plan.find::<Application>(id).await?.entity;
                if self.named::<Medium>(Medium::name_of(&approved.authority, serial)).await?.is_some() {
                    return Err(Error::Conflict("this number is another certificate's").into());
                }
                let gave = plan.id()?;
                plan.happen::<Application>(id, &application::Event::Record { gave }).await?;
                let facts = Facts {
                    holder: approved.holder,
                    account: approved.account,
                    application: id,
                    platform: approved.platform,
                    authority: approved.authority,
                    serial: serial.to_string(),
                    not_after_ms,
                };
                plan.make::<Medium>(gave, &medium::Event::Record(Box::new(facts)))?;
                Ok(gave)
            })
        });
        self.find::<Medium>(made.await?).await
    }

    /// The certificates on media of a user, or of an enterprise that the user may act for, newest first.
    ///
    /// # Errors
    /// [`Error::NotFound`]; storage faults.
    pub async fn media(
        &self,
        user: &User,
        whose: Whose,
        page: &Page,
    ) -> Result<Paged<Stored<Medium>>, Error> {
        let (owner, _) = self.owner(&mut self.plan(None), user, whose).await?;
        self.under::<Medium>(owner, page).await
    }
}
