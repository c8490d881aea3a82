//! What members may use of an enterprise.

use zeroize::Zeroizing;

use super::{Actor, Office, Plan, User};
use crate::domain::{
    Error,
    office::{
        Id, Stored,
        approval::{Ask, Judge},
        authority::Authority,
        enterprise::Enterprise,
        grant::{self, Grant, MayUse, Terms, What},
        rules::GrantPolicy,
    },
    once::Once,
    page::{Page, Paged},
};

impl Office {
    /// Whoever decides on grants gives one at once; others ask for one: a member for themselves, an administrator for a
    /// member. The legal representative signs what is given with a code. Gives the ids of the grant and of the approval.
    ///
    /// # Errors
    /// [`Error::NotFound`] for who does not belong to the enterprise and for who is to have it and does not,
    /// [`Error::RoleMissing`] for a member who asks for another, [`Error::CodeInvalid`], [`Error::BadRequest`] for a wrong
    /// period; storage faults.
    pub async fn grant(
        &self,
        user: &User,
        terms: Terms,
        reason: Option<Zeroizing<String>>,
        code: Option<(Id, Zeroizing<String>)>,
        once: Option<&Once>,
    ) -> Result<(Id, Option<Id>), Error> {
        let account = user.account().id;
        let What::Certificate { platform } = terms.what;
        self.platform(platform).await?;
        let own = self.gives(&mut self.plan(Some(account)), account, terms.enterprise).await?;
        if matches!(own, Some(Authority::Represents(_))) {
            let (code_id, code) = code.ok_or(Error::CodeInvalid)?;
            self.signed(user, code_id, &code).await?;
        }
        let reason = &reason;
        self.act(&Actor::user(user), once, move |plan| {
            Box::pin(async move {
                let member = self.belongs(plan, terms.member, terms.enterprise).await?;
                let id = plan.id()?;
                if let Some(by) = self.gives(plan, account, terms.enterprise).await? {
                    plan.make::<Grant>(id, &grant::Event::Give { terms, by })?;
                    return Ok((id, None));
                }
                if member.account() != account {
                    self.administers(plan, account, terms.enterprise).await?;
                }
                self.belongs(plan, account, terms.enterprise).await?;
                plan.make::<Grant>(id, &grant::Event::Ask { terms, by: account })?;
                let found = plan.find::<Enterprise>(terms.enterprise).await?.entity;
                let judge = match self.rules.certificate_grants {
                    GrantPolicy::Legal => Judge::Legal,
                    GrantPolicy::Administrator => Judge::Administrator,
                };
                let ask = Ask::Certificate(id);
                let asked = self.ask_for(plan, &found, account, ask, vec![judge], reason.as_deref()).await?;
                Ok((id, Some(asked)))
            })
        })
        .await
    }

    /// By what right a user gives grants without asking, if they do.
    async fn gives(
        &self,
        plan: &mut Plan<'_>,
        account: Id,
        enterprise: Id,
    ) -> Result<Option<Authority>, Error> {
        let own = match self.represents(plan, account, enterprise).await {
            Ok(by) => Ok(Authority::Represents(by)),
            Err(refused) if self.rules.certificate_grants == GrantPolicy::Legal => Err(refused),
            Err(_) => self.administers(plan, account, enterprise).await.map(Authority::Administers),
        };
        match own {
            Ok(by) => Ok(Some(by)),
            Err(Error::RoleMissing(_) | Error::NotVerified) => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// Whoever manages an enterprise takes a grant back. It ends at once.
    ///
    /// # Errors
    /// [`Error::NotFound`], [`Error::RoleMissing`], [`Error::Conflict`]; storage faults.
    pub async fn withdraw_grant(&self, user: &User, id: Id, once: Option<&Once>) -> Result<(), Error> {
        let account = user.account().id;
        self.act(&Actor::user(user), once, move |plan| {
            Box::pin(async move {
                let terms = plan.find::<Grant>(id).await?.entity.terms;
                self.manages(plan, account, terms.enterprise).await?;
                plan.happen::<Grant>(id, &grant::Event::Withdraw).await?;
                Ok(())
            })
        })
        .await
    }

    /// The grants of an enterprise, newest first, for whoever manages it.
    ///
    /// # Errors
    /// [`Error::NotFound`], [`Error::RoleMissing`]; storage faults.
    pub async fn grants(
        &self,
        user: &User,
        enterprise: Id,
        page: &Page,
    ) -> Result<Paged<Stored<Grant>>, Error> {
        let account = user.account().id;
        self.manages(&mut self.plan(Some(account)), account, enterprise).await?;
        self.under::<Grant>(Grant::of_enterprise(enterprise), page).await
    }

    /// What a user may use of enterprises, now or later, newest first.
    ///
    /// # Errors
    /// Storage faults.
    pub async fn usable_grants(&self, user: &User, page: &Page) -> Result<Paged<Stored<Grant>>, Error> {
        self.under::<Grant>(Grant::usable_by(user.account().id), page).await
    }

    /// That a user may use what a grant is for, judged inside a plan.
    ///
    /// # Errors
    /// [`Error::NotFound`], [`Error::NotVerified`], [`Error::Conflict`] when it is not for now; storage faults.
    pub(super) async fn may_use(&self, plan: &mut Plan<'_>, account: Id, id: Id) -> Result<MayUse, Error> {
        let found = plan.find::<Grant>(id).await?.entity;
        let belongs = self.belongs(plan, account, found.terms.enterprise).await?;
        let person = plan.verified(account, self.rules.levels.certificate).await?;
        found.allows(belongs, &person, plan.now_ms)
    }

    /// Whether a user may use what a grant is for now.
    ///
    /// # Errors
    /// [`Error::NotFound`], [`Error::NotVerified`], [`Error::Conflict`] when it is not for now; storage faults.
    pub async fn check_grant(&self, user: &User, id: Id) -> Result<MayUse, Error> {
        let account = user.account().id;
        self.may_use(&mut self.plan(Some(account)), account, id).await
    }
}
