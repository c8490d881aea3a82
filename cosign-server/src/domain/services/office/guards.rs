//! Who may do what in an enterprise, judged inside a plan: it holds when the plan is committed.

use super::{Office, Plan};
use crate::domain::{
    Error,
    office::{
        Entity as _, Id,
        authority::{Administers, Authority, Belongs, Represents},
        enterprise::{Enterprise, EnterpriseState},
        holding::{Acting, Holder},
        membership::Membership,
    },
};

impl Office {
    /// That an account belongs to an enterprise.
    ///
    /// # Errors
    /// [`Error::NotFound`]; storage faults.
    pub(super) async fn belongs(
        &self,
        plan: &mut Plan<'_>,
        account: Id,
        enterprise: Id,
    ) -> Result<Belongs, Error> {
        let membership = plan.find::<Membership>(Membership::id_of(enterprise, account)).await?;
        Belongs::judge(&membership.entity)
    }

    /// That an account administers an enterprise.
    ///
    /// # Errors
    /// [`Error::NotFound`] for who does not belong to it, [`Error::RoleMissing`] for who does; storage faults.
    pub(super) async fn administers(
        &self,
        plan: &mut Plan<'_>,
        account: Id,
        enterprise: Id,
    ) -> Result<Administers, Error> {
        let belongs = self.belongs(plan, account, enterprise).await?;
        Administers::judge(belongs, &plan.find::<Enterprise>(enterprise).await?.entity)
    }

    /// That the person behind an account is the legal representative of an enterprise.
    ///
    /// # Errors
    /// [`Error::NotVerified`], [`Error::RoleMissing`]; [`Error::NotFound`] when there is no such enterprise; storage faults.
    pub(super) async fn represents(
        &self,
        plan: &mut Plan<'_>,
        account: Id,
        enterprise: Id,
    ) -> Result<Represents, Error> {
        let found = plan.find::<Enterprise>(enterprise).await?.entity;
        if found.state() != EnterpriseState::Active {
            return Err(Error::NotFound);
        }
        let person = plan.verified(account, self.rules.levels.enterprise).await?;
        Represents::judge(&person, found.facts.legal.as_ref(), enterprise)
    }

    /// That an account manages an enterprise: administers or represents it.
    ///
    /// # Errors
    /// As [`Self::administers`].
    pub(super) async fn manages(
        &self,
        plan: &mut Plan<'_>,
        account: Id,
        enterprise: Id,
    ) -> Result<Authority, Error> {
        match self.administers(plan, account, enterprise).await {
            Ok(by) => Ok(Authority::Administers(by)),
            Err(refused @ (Error::NotFound | Error::RoleMissing(_))) => {
                match self.represents(plan, account, enterprise).await {
                    Ok(by) => Ok(Authority::Represents(by)),
                    // Who is neither learns no more than before.
                    Err(Error::NotFound | Error::RoleMissing(_) | Error::NotVerified) => Err(refused),
                    Err(error) => Err(error),
                }
            }
            Err(error) => Err(error),
        }
    }

    /// That an account acts for the holder of certificates and seals: for themselves, or because they manage the enterprise.
    ///
    /// # Errors
    /// [`Error::NotFound`] for another's, [`Error::RoleMissing`] for a member who does not manage it; storage faults.
    pub(super) async fn acts_as(
        &self,
        plan: &mut Plan<'_>,
        account: Id,
        holder: Holder,
    ) -> Result<Acting, Error> {
        let by = match holder {
            Holder::Person(_) => None,
            Holder::Enterprise(enterprise) => Some(self.manages(plan, account, enterprise).await?),
        };
        Acting::judge(holder, account, by)
    }
}
