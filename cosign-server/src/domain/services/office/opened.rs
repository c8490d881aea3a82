//! Platforms that are opened while their code is scanned.

use super::{Actor, Office, Ordering, Purchase, User, Whose, scanned::own};
use crate::domain::{
    Error,
    office::{
        Entity as _, Id, Stored,
        catalogue::Service,
        order::{self, Business, Order},
        scan::{Scan, ScanState},
    },
    once::Once,
};

impl Office {
    /// A user orders what is needed to use the platform whose code they scanned.
    ///
    /// # Errors
    /// [`Error::NotFound`] for another's scan or enterprise, [`Error::Conflict`] when nothing is bought for the system, the
    /// platform is open or the scan went on; [`Error::BadRequest`] for packages of others; storage faults.
    pub async fn open_scanned(
        &self,
        user: &User,
        scan: Id,
        whose: Whose,
        chosen: &Purchase,
        once: Option<&Once>,
    ) -> Result<Stored<Order>, Error> {
        let actor = Actor::user(user);
        let act = self.act(&actor, once, move |plan| {
            Box::pin(async move {
                let found = own(plan, user, scan).await?;
                if found.state() != ScanState::Scanned {
                    return Err(Error::Conflict("the scan does not stand where this can be done").into());
                }
                let none = Error::Conflict("nothing is bought for this system");
                let platform = found.system.platform.ok_or(none)?;
                for (package, _) in &chosen.lines {
                    if self.offered_package(plan, *package).await?.platform != platform {
                        return Err(Error::BadRequest("the package is for others").into());
                    }
                }
                let owner = self.owner(plan, user, whose).await?;
                let ordering = Ordering {
                    business: Business::Open,
                    whose,
                    lines: chosen.lines.clone(),
                    coupon: chosen.coupon,
                    points: chosen.points,
                    cause: None,
                    invoice: None,
                };
                let (id, of) = (plan.id()?, self.wanted(plan, user.account().id, owner, &ordering).await?);
                plan.make::<Order>(id, &order::Event::Order(of))?;
                Ok(id)
            })
        });
        self.find::<Order>(act.await?).await
    }

    /// Whether a user has bought what the system of a scan takes; `None` when nothing is bought for it.
    ///
    /// # Errors
    /// Storage faults.
    pub async fn is_opened(&self, user: &User, scan: &Scan) -> Result<Option<bool>, Error> {
        if scan.system.platform.is_none() {
            return Ok(None);
        }
        let owner = scan.enterprise.unwrap_or(user.account().id);
        match self.is_paid(&mut self.plan(None), owner, scan, Service::Ca).await {
            Ok(()) => Ok(Some(true)),
            Err(Error::Conflict(_)) => Ok(Some(false)),
            Err(error) => Err(error),
        }
    }
}
