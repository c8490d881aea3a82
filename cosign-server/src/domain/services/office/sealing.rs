//! Who may use which seal of an enterprise: authorised one by one or several at once, asked for, taken back.

use super::{Actor, Office, Plan, User};
use crate::domain::{
    Error,
    office::{
        Entity as _, Id, Stored,
        approval::{Ask, Judge},
        enterprise::Enterprise,
        grant::{self, Grant, GrantState, Terms, What},
        holding::{Holder, Holding},
        seal::Seal,
    },
    once::Once,
    page::{Page, Paged},
};

/// Most seals, and most members, of one authorisation.
const MOST: usize = 50;
/// Most seals for most members at once.
const MOST_GRANTS: usize = 200;

/// From when until when, unix milliseconds.
type Period = (u64, u64);

/// Each of them once, in their order.
fn distinct(ids: &[Id]) -> Result<Vec<Id>, Error> {
    if ids.is_empty() || ids.len() > MOST {
        return Err(Error::BadRequest("name 1 to 50 seals and 1 to 50 members"));
    }
    let mut all = Vec::with_capacity(ids.len());
    for id in ids {
        if !all.contains(id) {
            all.push(*id);
        }
    }
    Ok(all)
}

impl Office {
    /// Whoever manages an enterprise lets members use seals of it for a period: each of them each seal, or nobody any.
    ///
    /// # Errors
    /// [`Error::NotFound`], also for seals and members of others; [`Error::RoleMissing`], [`Error::BadRequest`] for a wrong
    /// period or too many, [`Error::Conflict`] for a seal that is not in force and for who may use it then already; storage
    /// faults.
    pub async fn authorise_seals(
        &self,
        user: &User,
        enterprise: Id,
        (seals, members): (&[Id], &[Id]),
        (from_ms, until_ms): Period,
        once: Option<&Once>,
    ) -> Result<Vec<Id>, Error> {
        let (seals, members) = (&distinct(seals)?, &distinct(members)?);
        if seals.len().saturating_mul(members.len()) > MOST_GRANTS {
            return Err(Error::BadRequest("at most 200 authorisations are given at once"));
        }
        let account = user.account().id;
        self.act(&Actor::user(user), once, move |plan| {
            Box::pin(async move {
                let by = self.manages(plan, account, enterprise).await?;
                let mut given = Vec::new();
                for member in members {
                    for seal in seals {
                        let what = What::Seal { seal: *seal };
                        let terms = Terms { enterprise, member: *member, what, from_ms, until_ms };
                        self.may_be_granted(plan, &terms).await?;
                        let id = plan.id()?;
                        plan.make::<Grant>(id, &grant::Event::Give { terms, by, signed: None })?;
                        given.push(id);
                    }
                }
                Ok(given)
            })
        })
        .await
    }

    /// A member asks to use seals; an administrator decides on each. Gives the ids of the grants and of the approvals.
    ///
    /// # Errors
    /// As [`Self::authorise_seals`].
    pub async fn ask_for_seals(
        &self,
        user: &User,
        enterprise: Id,
        seals: &[Id],
        (from_ms, until_ms): Period,
        (reason, once): (&zeroize::Zeroizing<String>, Option<&Once>),
    ) -> Result<Vec<(Id, Id)>, Error> {
        let (seals, account) = (&distinct(seals)?, user.account().id);
        self.act(&Actor::user(user), once, move |plan| {
            Box::pin(async move {
                self.belongs(plan, account, enterprise).await?;
                let found = plan.find::<Enterprise>(enterprise).await?.entity;
                let mut asked = Vec::new();
                for seal in seals {
                    let what = What::Seal { seal: *seal };
                    let terms = Terms { enterprise, member: account, what, from_ms, until_ms };
                    self.may_be_granted(plan, &terms).await?;
                    let waiting = plan.all_under::<Grant>(Grant::of_thing(*seal)).await?;
                    let waits = |grant: &Stored<Grant>| {
                        grant.entity.state() == GrantState::Asked && grant.entity.terms.member == account
                    };
                    if waiting.iter().any(waits) {
                        return Err(Error::Conflict("it is asked for already").into());
                    }
                    let id = plan.id()?;
                    plan.make::<Grant>(id, &grant::Event::Ask { terms, by: account })?;
                    let stages = vec![Judge::Administrator];
                    let ask = Ask::Seal(id);
                    let approval = self.ask_for(plan, &found, account, ask, stages, Some(reason)).await?;
                    asked.push((id, approval));
                }
                Ok(asked)
            })
        })
        .await
    }

    /// Whoever manages an enterprise takes back what a member may use of its seals: of these, or of all. It ends at once.
    ///
    /// # Errors
    /// [`Error::NotFound`], also when there is nothing to take back; [`Error::RoleMissing`]; storage faults.
    pub async fn withdraw_seals(
        &self,
        user: &User,
        (enterprise, member): (Id, Id),
        seals: Option<&[Id]>,
        once: Option<&Once>,
    ) -> Result<(), Error> {
        let account = user.account().id;
        self.act(&Actor::user(user), once, move |plan| {
            Box::pin(async move {
                self.manages(plan, account, enterprise).await?;
                let live = plan.all_under::<Grant>(Grant::live_of(enterprise, member)).await?;
                let is_meant = |grant: &Stored<Grant>| match grant.entity.terms.what {
                    What::Seal { seal } => seals.is_none_or(|seals| seals.contains(&seal)),
                    What::Certificate { .. } | What::Holding { .. } => false,
                };
                let mut is_any = false;
                for grant in live.iter().filter(|grant| is_meant(grant)) {
                    plan.happen::<Grant>(grant.id, &grant::Event::Withdraw).await?;
                    is_any = true;
                }
                if is_any { Ok(()) } else { Err(Error::NotFound.into()) }
            })
        })
        .await
    }

    /// Who may use seals of an enterprise now or later, of all or of one, newest first; for whoever manages it.
    ///
    /// # Errors
    /// [`Error::NotFound`], [`Error::RoleMissing`]; storage faults.
    pub async fn seal_grants(
        &self,
        user: &User,
        enterprise: Id,
        seal: Option<Id>,
        page: &Page,
    ) -> Result<Paged<Stored<Grant>>, Error> {
        let account = user.account().id;
        self.manages(&mut self.plan(Some(account)), account, enterprise).await?;
        let Some(seal) = seal else {
            return self.under::<Grant>(Grant::for_seals_of(enterprise), page).await;
        };
        if self.find::<Seal>(seal).await?.entity.holder != Holder::Enterprise(enterprise) {
            return Err(Error::NotFound);
        }
        let is_given = |grant: &Stored<Grant>| grant.entity.state() == GrantState::Active;
        self.under_that::<Grant>(Grant::of_thing(seal), page, is_given).await
    }

    /// That what is to be granted is there, that its own end does not come first, and that it is not granted already.
    pub(super) async fn may_be_granted(&self, plan: &mut Plan<'_>, terms: &Terms) -> Result<(), Error> {
        self.belongs(plan, terms.member, terms.enterprise).await?;
        self.is_grantable(plan, terms).await
    }

    /// The same of whoever is not a member yet.
    pub(super) async fn is_grantable(&self, plan: &mut Plan<'_>, terms: &Terms) -> Result<(), Error> {
        let Terms { enterprise, member, what, from_ms, until_ms } = *terms;
        let holding = match what {
            What::Certificate { .. } => return Ok(()),
            What::Holding { holding } => holding,
            What::Seal { seal } => {
                let found = plan.find::<Seal>(seal).await?.entity;
                if found.holder != Holder::Enterprise(enterprise) {
                    return Err(Error::NotFound);
                }
                found.is_good()?;
                found.holding
            }
        };
        let found = plan.find::<Holding>(holding).await?.entity;
        if found.holder != Holder::Enterprise(enterprise) {
            return Err(Error::NotFound);
        }
        found.is_in_force(plan.now_ms)?;
        if until_ms > found.not_after_ms {
            return Err(Error::BadRequest("a grant ends with the certificate at the latest"));
        }
        let live = plan.all_under::<Grant>(Grant::live_of(enterprise, member)).await?;
        let overlaps = |grant: &Stored<Grant>| {
            let given = grant.entity.terms;
            given.what == what && given.from_ms < until_ms && from_ms < given.until_ms
        };
        if live.iter().any(overlaps) {
            return Err(Error::Conflict("the member may use it then already"));
        }
        Ok(())
    }

    /// That a seal is the user's own, or one of an enterprise that the user manages, looks after or may use.
    pub(super) async fn sees_seal(
        &self,
        plan: &mut Plan<'_>,
        account: Id,
        found: &Stored<Seal>,
    ) -> Result<(), Error> {
        let enterprise = match found.entity.holder {
            Holder::Person(owner) if owner == account => return Ok(()),
            Holder::Person(_) => return Err(Error::NotFound),
            Holder::Enterprise(enterprise) => enterprise,
        };
        if found.entity.manager == Some(account) {
            return self.belongs(plan, account, enterprise).await.map(drop);
        }
        match self.may_use_one(plan, account, enterprise, &[What::Seal { seal: found.id }]).await {
            Err(Error::Conflict(_)) => Err(Error::NotFound),
            judged => judged,
        }
    }
}
