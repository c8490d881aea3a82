//! What is bought is used up.

use super::{Actor, Office, Plan, User};
use crate::domain::{
    Error,
    office::{
        Effect, Id,
        balance::{self, Balance},
        catalogue::Service,
        message::Notice,
        usage::{self, Usage},
    },
    once::Once,
};

/// A package that an enterprise has bought and not used.
#[derive(Clone, Copy, Debug)]
pub struct Given {
    /// For which platform.
    pub platform: Id,
    /// What is used.
    pub service: Service,
    /// Which line of an order.
    pub line: Id,
}

impl Office {
    /// Whoever manages an enterprise gives a member a package that it has bought and nobody has used: from then on it is the
    /// member's own.
    ///
    /// # Errors
    /// [`Error::NotFound`] for who does not belong to it, [`Error::RoleMissing`], [`Error::Conflict`] for a package that was
    /// used; storage faults.
    pub async fn give_service(
        &self,
        user: &User,
        enterprise: Id,
        member: Id,
        given: Given,
        once: Option<&Once>,
    ) -> Result<(), Error> {
        let account = user.account().id;
        self.act(&Actor::user(user), once, move |plan| {
            Box::pin(async move {
                self.manages(plan, account, enterprise).await?;
                let owner = self.belongs(plan, member, enterprise).await?.account();
                let Given { platform, service, line } = given;
                let from = Balance::id(enterprise, platform, service);
                let measure = plan.find::<Balance>(from).await?.entity.whole(line)?;
                plan.happen::<Balance>(from, &balance::Event::Withdraw(line)).await?;
                let to = Balance::id(owner, platform, service);
                let event = balance::Event::Add { owner, platform, service, line, measure, waits: false };
                plan.bring(Effect::on::<Balance>(to, event));
                plan.bring(Effect::tell::<Balance>(owner, Notice::ServiceGiven, to));
                Ok(())
            })
        })
        .await
    }

    /// Takes one use off what an owner has for a platform: once for each use, however often it is said.
    ///
    /// # Errors
    /// [`Error::Conflict`] when it is used up; storage faults.
    pub(super) async fn meter(
        &self,
        plan: &mut Plan<'_>,
        owner: Id,
        platform: Id,
        service: Service,
        use_id: Id,
    ) -> Result<(), Error> {
        if plan.seek::<Usage>(use_id).await?.is_some() {
            return Ok(());
        }
        let id = Balance::id(owner, platform, service);
        let used = match plan.happen::<Balance>(id, &balance::Event::Use).await {
            Err(Error::NotFound) => Err(balance::NOTHING_LEFT),
            used => used,
        }?;
        let line = used.last.ok_or(Error::Internal)?;
        let of = usage::Of { owner, platform, service, line };
        plan.make::<Usage>(use_id, &usage::Event::Meter(of)).map(drop)
    }

    /// Takes one use off and commits it.
    #[cfg(test)]
    pub(crate) async fn metered(
        &self,
        (owner, platform, service): (Id, Id, Service),
        use_id: Id,
    ) -> Result<(), Error> {
        let use_once = || {
            Box::pin(async move {
                let mut plan = self.plan(None);
                self.meter(&mut plan, owner, platform, service, use_id).await?;
                plan.commit().await
            }) as _
        };
        self.carry_out(use_once).await
    }
}
