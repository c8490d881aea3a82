//! What is bought is used up.

use super::{Office, Plan};
use crate::domain::{
    Error,
    office::{
        Id,
        balance::{self, Balance},
        catalogue::Service,
        usage::{self, Usage},
    },
};

impl Office {
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
