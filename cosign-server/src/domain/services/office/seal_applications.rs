//! Seals, and other pictures for them, that are applied for: with consent, a form, what is bought, and a review.

use super::{Actor, Making, NewSeal, Office, Purchase, User};
use crate::domain::{
    Error,
    office::{
        Id, Stored,
        application::{self, Application, Business, Wish},
        holding::Holding,
        seal::Seal,
    },
    once::Once,
};

/// What is applied for.
#[derive(Clone, Debug)]
pub enum SealWish {
    /// A seal.
    New(NewSeal),
    /// Another picture of one.
    Change {
        /// Which.
        seal: Id,
        /// How the picture is made.
        making: Making,
        /// Why.
        reason: String,
    },
}

/// An application for a seal.
#[derive(Clone, Debug)]
pub struct ApplyingForSeal {
    /// For what.
    pub wish: SealWish,
    /// Version of the agreements that the user agrees to.
    pub agreement: String,
    /// What is bought with it.
    pub purchase: Purchase,
}

impl Office {
    /// A user applies for a seal, or for another picture of one. It is good once the application is approved.
    ///
    /// # Errors
    /// As when a seal is made without; [`Error::ConsentMissing`], [`Error::Conflict`] when one is under way.
    pub async fn apply_for_seal(
        &self,
        user: &User,
        wanted: &ApplyingForSeal,
        once: Option<&Once>,
    ) -> Result<Stored<Application>, Error> {
        let (mut new, mut change) = (None, None);
        match &wanted.wish {
            SealWish::New(seal) => new = Some((seal, self.ready_seal(user, seal).await?)),
            SealWish::Change { seal, making, reason } => {
                change = Some((*seal, self.ready_picture(user, *seal, making, Some(reason)).await?));
            }
        }
        let (new, change, account) = (&new, &change, user.account().id);
        let actor = Actor::user(user);
        let id = self.act(&actor, once, move |plan| {
            Box::pin(async move {
                let (seal, business) = match (new, change) {
                    (Some((seal, ready)), _) => {
                        (self.plan_seal(plan, account, seal, ready, true).await?, Business::Seal)
                    }
                    (None, Some((seal, ready))) => {
                        self.plan_picture(plan, account, *seal, ready, true).await?;
                        (*seal, Business::SealChange)
                    }
                    (None, None) => return Err(Error::Internal.into()),
                };
                let holding = plan.find::<Seal>(seal).await?.entity.holding;
                let found = plan.find::<Holding>(holding).await?.entity;
                let mut wish = Wish {
                    by: self.acts_as(plan, account, found.holder).await?,
                    business,
                    holding: Some(holding),
                    seal: Some(seal),
                    platform: found.platform,
                    authority: found.authority,
                    years: 1,
                    dual: false,
                    reason: None,
                    agreement: wanted.agreement.clone(),
                    purchase: None,
                    needs_attachments: false,
                    reviewers: 1,
                };
                wish.needs_attachments = self.demands_files(&wish).await?;
                if self.named::<Application>(Application::name_of(&wish)).await?.is_some() {
                    return Err(Error::Conflict("another application for this is under way").into());
                }
                let id = plan.id()?;
                wish.purchase = self.price(plan, id, &wish, &wanted.purchase).await?;
                plan.make::<Application>(id, &application::Event::Draft(Box::new(wish)))?;
                Ok(id)
            })
        });
        self.find::<Application>(id.await?).await
    }
}
