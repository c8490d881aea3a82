//! Which seals somebody may use at this moment.

use super::{Office, Plan};
use crate::domain::{
    Error,
    office::{
        Id, Stored,
        grant::What,
        holding::{Holder, Holding},
        proof::UsableCertificate,
        seal::Seal,
    },
};

/// Who uses a seal, and with what.
#[derive(Clone, Copy)]
pub(super) struct Sealer<'a> {
    /// The account.
    pub(super) account: Id,
    /// The enterprise that it acts for.
    pub(super) enterprise: Option<Id>,
    /// The certificate that signs.
    pub(super) certificate: &'a UsableCertificate,
}

impl Office {
    /// The seals that somebody may use now: in force, bound to this certificate, and theirs to use.
    ///
    /// # Errors
    /// Storage faults.
    pub(super) async fn usable_seals(
        &self,
        plan: &mut Plan<'_>,
        by: Sealer<'_>,
    ) -> Result<Vec<Stored<Seal>>, Error> {
        let mut usable = Vec::new();
        for listed in plan.all_under::<Seal>(by.enterprise.unwrap_or(by.account)).await? {
            let seal = plan.find::<Seal>(listed.id).await?;
            if seal.entity.is_good().is_err() || !self.is_theirs(plan, by, &seal).await? {
                continue;
            }
            let holding = plan.find::<Holding>(seal.entity.holding).await?.entity;
            let is_bound = holding.authority.as_str() == by.certificate.name.authority
                && holding.serial == by.certificate.name.serial;
            if is_bound && holding.is_in_force(plan.now_ms).is_ok() {
                usable.push(seal);
            }
        }
        Ok(usable)
    }

    /// Whether a seal is somebody's to use: a person's own, or one of an enterprise that they were authorised for.
    async fn is_theirs(
        &self,
        plan: &mut Plan<'_>,
        by: Sealer<'_>,
        seal: &Stored<Seal>,
    ) -> Result<bool, Error> {
        let enterprise = match seal.entity.holder {
            Holder::Person(owner) => return Ok(by.enterprise.is_none() && owner == by.account),
            Holder::Enterprise(enterprise) => enterprise,
        };
        if by.enterprise != Some(enterprise) {
            return Ok(false);
        }
        match self.may_use_one(plan, by.account, enterprise, &[What::Seal { seal: seal.id }]).await {
            Ok(()) => Ok(true),
            Err(Error::NotFound | Error::NotVerified | Error::Conflict(_)) => Ok(false),
            Err(error) => Err(error),
        }
    }

    /// One of them.
    ///
    /// # Errors
    /// [`Error::NotFound`] for any other; storage faults.
    pub(super) async fn usable_seal(
        &self,
        plan: &mut Plan<'_>,
        by: Sealer<'_>,
        id: Id,
    ) -> Result<Stored<Seal>, Error> {
        let usable = self.usable_seals(plan, by).await?;
        usable.into_iter().find(|seal| seal.id == id).ok_or(Error::NotFound)
    }
}
