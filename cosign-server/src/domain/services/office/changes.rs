//! Changes of enterprises, and appeals for those that were cancelled.

use super::{Actor, Office, User};
use crate::domain::{
    Error,
    device::Name,
    office::{
        Entity as _, Id,
        approval::{Ask, Judge},
        enterprise::{Enterprise, EnterpriseState, Uscc},
        person::{Document, DocumentNumber, PersonName},
        personal::Phone,
    },
    once::Once,
};

/// What an enterprise is to be changed to, in the clear.
pub enum Change {
    /// Another name.
    Name(Name),
    /// Another legal representative.
    Legal {
        /// The name.
        name: PersonName,
        /// What kind of identity document.
        document: Document,
        /// Its number.
        number: DocumentNumber,
        /// The phone.
        phone: Phone,
    },
}

/// The files that go with a change or an appeal.
#[derive(Clone, Copy, Debug)]
pub struct Papers {
    /// The licence.
    pub licence: Id,
    /// The letter.
    pub letter: Id,
}

impl Office {
    async fn hands_in(&self, user: &User, papers: Papers) -> Result<(), Error> {
        self.attachment(user, papers.licence).await?;
        self.attachment(user, papers.letter).await.map(drop)
    }

    /// Whoever manages an enterprise asks for a change of it, which operators look at. Gives the id of the approval.
    ///
    /// # Errors
    /// [`Error::NotFound`], [`Error::RoleMissing`], [`Error::Conflict`] while the same is asked for; storage faults.
    pub async fn change_enterprise(
        &self,
        user: &User,
        enterprise: Id,
        change: Change,
        papers: Papers,
        once: Option<&Once>,
    ) -> Result<Id, Error> {
        self.hands_in(user, papers).await?;
        let Papers { licence, letter } = papers;
        let ask = match change {
            Change::Name(name) => Ask::Rename { name, licence, letter },
            Change::Legal { name, document, number, phone } => {
                let legal = Some(Box::new(self.seal_legal(&name, document, &number, &phone)?));
                Ask::Represent { legal, licence, letter }
            }
        };
        let (account, ask) = (user.account().id, &ask);
        self.act(&Actor::user(user), once, move |plan| {
            Box::pin(async move {
                self.manages(plan, account, enterprise).await?;
                let found = plan.find::<Enterprise>(enterprise).await?.entity;
                let stages = vec![Judge::Reviewer; usize::from(self.rules.change_reviews.clamp(1, 8))];
                self.ask_for(plan, &found, account, ask.clone(), stages, None).await
            })
        })
        .await
    }

    /// A verified person appeals for an enterprise that was cancelled. Gives the id of the approval.
    ///
    /// # Errors
    /// [`Error::NotVerified`], [`Error::NotFound`], [`Error::Conflict`] for one that is not cancelled, and while it is
    /// appealed for; storage faults.
    pub async fn appeal_enterprise(
        &self,
        user: &User,
        uscc: &Uscc,
        papers: Papers,
        once: Option<&Once>,
    ) -> Result<Id, Error> {
        self.hands_in(user, papers).await?;
        let founder = user.account().id;
        let Papers { licence, letter } = papers;
        self.act(&Actor::user(user), once, move |plan| {
            Box::pin(async move {
                plan.verified(founder, self.rules.levels.enterprise).await?;
                let found = plan.find::<Enterprise>(Enterprise::id_of(uscc)).await?.entity;
                if found.state() != EnterpriseState::Cancelled {
                    return Err(Error::Conflict("the enterprise is not cancelled").into());
                }
                let ask = Ask::Appeal { founder, licence, letter };
                let stages = vec![Judge::Reviewer; usize::from(self.rules.appeal_reviews.clamp(1, 8))];
                self.ask_for(plan, &found, founder, ask, stages, None).await
            })
        })
        .await
    }
}
