//! What members may use of an enterprise.

use super::{Actor, Failed, Joining, Office, Plan, Signing, User, letters::Pen};
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
    /// member. The legal representative signs what is given with a code. Who asks for a certificate that there is says who
    /// administers the enterprise, or why. Gives the ids of the grant and of the approval.
    ///
    /// # Errors
    /// [`Error::NotFound`] for who does not belong to the enterprise and for who is to have it and does not,
    /// [`Error::RoleMissing`] for a member who asks for another, [`Error::CodeInvalid`], [`Error::BadRequest`] for a wrong
    /// period or no reason, [`Error::Conflict`] when no administrator is called so or it is granted already; storage faults.
    pub async fn grant(
        &self,
        user: &User,
        terms: Terms,
        why: Option<Joining>,
        signing: Option<Signing>,
        once: Option<&Once>,
    ) -> Result<(Id, Option<Id>), Error> {
        let (account, actor) = (user.account().id, Actor::user(user));
        if let What::Certificate { platform } = terms.what {
            self.platform(platform).await?;
        }
        let own = self.gives(&mut self.plan(Some(account)), account, terms.enterprise).await?;
        let is_legal = matches!(own, Some(Authority::Represents(_)));
        let pen = if is_legal && self.was_done(&actor, once).await?.is_none() {
            self.signs(user, signing.as_ref()).await?
        } else {
            None
        };
        let (why, pen) = (&why, &pen);
        let made = self.act(&actor, once, move |plan| {
            Box::pin(async move {
                self.plan_grant(plan, account, terms, why.as_ref(), is_legal.then_some(pen.as_ref())).await
            })
        });
        // A wrong guess is counted, so it is committed.
        made.await?.ok_or(Error::Conflict("no administrator of the enterprise has this name and this phone"))
    }

    async fn plan_grant(
        &self,
        plan: &mut Plan<'_>,
        account: Id,
        terms: Terms,
        why: Option<&Joining>,
        signed: Option<Option<&Pen>>,
    ) -> Result<Option<(Id, Option<Id>)>, Failed> {
        self.may_be_granted(plan, &terms).await?;
        let id = plan.id()?;
        if let Some(by) = self.gives(plan, account, terms.enterprise).await? {
            let signed = match signed {
                Some(pen) => Some(self.place(plan, account, pen)?),
                None => None,
            };
            plan.make::<Grant>(id, &grant::Event::Give { terms, by, signed })?;
            return Ok(Some((id, None)));
        }
        if terms.member != account {
            self.administers(plan, account, terms.enterprise).await?;
        }
        self.belongs(plan, account, terms.enterprise).await?;
        let found = plan.find::<Enterprise>(terms.enterprise).await?.entity;
        let reason = match (why, terms.what) {
            (Some(Joining::Known { name, digits, reason }), _) => {
                if !self.knows_administrator(plan, &found, account, (name, digits)).await? {
                    return Ok(None);
                }
                reason.as_ref()
            }
            (Some(Joining::Explained(reason)), _) => Some(reason),
            (Some(Joining::Legal(..) | Joining::Bought(_)), _) => return Err(Error::Internal.into()),
            (None, What::Holding { .. }) if terms.member == account => {
                return Err(
                    Error::BadRequest("say who administers the enterprise, or why it is asked for").into()
                );
            }
            (None, _) => None,
        };
        plan.make::<Grant>(id, &grant::Event::Ask { terms, by: account })?;
        let judge = match self.rules.certificate_grants {
            GrantPolicy::Legal => Judge::Legal,
            GrantPolicy::Administrator => Judge::Administrator,
        };
        let ask = Ask::Certificate(id);
        let reason = reason.map(|reason| &**reason);
        let asked = self.ask_for(plan, &found, account, ask, vec![judge], reason).await?;
        Ok(Some((id, Some(asked))))
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

    /// That a user may use one of these of an enterprise now: because they manage it, or by a grant.
    ///
    /// # Errors
    /// [`Error::NotFound`] for who does not belong to it, [`Error::NotVerified`], [`Error::Conflict`] without a grant for
    /// now; storage faults.
    pub(super) async fn may_use_one(
        &self,
        plan: &mut Plan<'_>,
        account: Id,
        enterprise: Id,
        what: &[What],
    ) -> Result<(), Error> {
        match self.manages(plan, account, enterprise).await {
            Ok(_) => return Ok(()),
            Err(Error::RoleMissing(_)) => {}
            Err(error) => return Err(error),
        }
        for grant in plan.all_under::<Grant>(Grant::live_of(enterprise, account)).await? {
            if what.contains(&grant.entity.terms.what) {
                match self.may_use(plan, account, grant.id).await {
                    Err(Error::Conflict(_)) => {}
                    judged => return judged.map(drop),
                }
            }
        }
        Err(Error::Conflict("there is no grant for this now"))
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
