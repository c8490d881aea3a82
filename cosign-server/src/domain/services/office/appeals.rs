//! Accounts that were cancelled, and are asked for.

use zeroize::Zeroizing;

use super::{Actor, Office, person_reviews::checked};
use crate::domain::{
    Error,
    office::{
        Entity as _, Id, Stored,
        account::{Account, AccountState},
        appeal::{self, Appeal, AppealState},
        code::{ProvenPhone, Purpose},
        person::{DocumentNumber, Level, Person, PersonName, VerifiedPerson},
        personal::Kind,
    },
    once::Once,
    operators::{Acting, Reviewer, SeesRequests},
    page::{Page, Paged},
};

/// What somebody says who asks for an account.
pub struct Appealing {
    /// The name with which it was verified.
    pub name: PersonName,
    /// The number of the document.
    pub number: DocumentNumber,
    /// A code of its phone.
    pub code_id: Id,
    /// What was entered.
    pub code: Zeroizing<String>,
    /// What they write.
    pub reason: String,
}

impl Office {
    /// Asks for an account that was cancelled. Whoever has neither its phone nor its name does not learn that there was one.
    ///
    /// # Errors
    /// [`Error::CodeInvalid`] unless everything is of one cancelled account that was verified, [`Error::Conflict`] while
    /// another appeal is looked at; storage faults.
    pub async fn appeal(&self, appealing: Appealing) -> Result<Id, Error> {
        let reason = self.seal_words(checked(&appealing.reason)?)?;
        let Appealing { code_id, code, .. } = &appealing;
        let phone = self.carry_out(|| Box::pin(self.prove(*code_id, code, Purpose::Appeal))).await?;
        let person = self.cancelled_person(&appealing, &phone).await?.ok_or(Error::CodeInvalid)?;
        let account = person.account();
        let event = appeal::Event::File { person: Box::new(person), reason };
        let mut plan = self.plan(Some(account));
        let id = plan.id()?;
        plan.make::<Appeal>(id, &event)?;
        plan.commit().await.map_err(|_| Error::Conflict("an appeal is looked at"))?;
        Ok(id)
    }

    async fn cancelled_person(
        &self,
        appealing: &Appealing,
        phone: &ProvenPhone,
    ) -> Result<Option<VerifiedPerson>, Error> {
        let number_name = self.ports.vault.name(Kind::IdNumber, appealing.number.expose())?;
        for found in self.all_under::<Person>(Person::list_of(&number_name)).await? {
            let Ok(person) = found.entity.verified(found.id, Level::Data) else { continue };
            let account = self.find::<Account>(found.id).await?.entity;
            let (name, number) = self.open_claim(person.claim())?;
            if account.state() == AccountState::Cancelled
                && account.is_of(phone, Purpose::Appeal)
                && name.as_str() == appealing.name.expose()
                && number.as_str() == appealing.number.expose()
            {
                return Ok(Some(person));
            }
        }
        Ok(None)
    }

    /// Appeals that wait for a reviewer, oldest first, with who was behind the account.
    ///
    /// # Errors
    /// Storage faults.
    pub async fn appeals(
        &self,
        _: &Acting<SeesRequests>,
        page: &Page,
    ) -> Result<Paged<Stored<Appeal>>, Error> {
        self.in_state::<Appeal>(AppealState::Submitted, page).await
    }

    /// An appeal, with who was behind the account.
    ///
    /// # Errors
    /// [`Error::NotFound`]; storage faults.
    pub async fn appeal_to_review(
        &self,
        _: &Acting<Reviewer>,
        id: Id,
    ) -> Result<(Stored<Appeal>, Stored<Person>), Error> {
        let appeal = self.find::<Appeal>(id).await?;
        let person = self.find::<Person>(appeal.entity.account).await?;
        Ok((appeal, person))
    }

    /// A reviewer decides about an appeal.
    ///
    /// # Errors
    /// [`Error::NotFound`], [`Error::Conflict`] when it is decided or the phone has another account by now,
    /// [`Error::BadRequest`] for a refusal without a word; storage faults.
    pub async fn review_appeal(
        &self,
        by: &Acting<Reviewer>,
        id: Id,
        passed: bool,
        opinion: Option<&str>,
        once: Option<&Once>,
    ) -> Result<(), Error> {
        let opinion = opinion.map(|words| self.seal_words(checked(words)?)).transpose()?;
        let event = match (passed, opinion) {
            (true, opinion) => appeal::Event::Accept { opinion },
            (false, Some(opinion)) => appeal::Event::Refuse { opinion },
            (false, None) => return Err(Error::BadRequest("who refuses says why")),
        };
        let event = &event;
        self.act(&Actor::operator(by), once, move |plan| {
            Box::pin(async move {
                let appeal = plan.happen::<Appeal>(id, event).await?;
                let account = plan.find::<Account>(appeal.account).await?.entity;
                if passed && self.named::<Account>(account.phone_name()).await?.is_some() {
                    return Err(Error::Conflict("the phone has another account by now").into());
                }
                Ok(())
            })
        })
        .await
    }
}
