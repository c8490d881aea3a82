//! Points and coupons.

use super::{Actor, Office, User};
use crate::domain::{
    Error,
    office::{
        Id, Stored,
        account::Account,
        balance::{self, Balance},
        catalogue::Measure,
        coupon::{self, Coupon, Terms},
        points::{self, Points, PointsNote},
    },
    once::Once,
    operators::{Acting, Administrator},
    page::{Page, Paged},
};

/// Most points, and most fen, that are given at once.
const MAX_GIVEN: u64 = 1_000_000;

/// What an operator gives.
#[derive(Clone, Debug)]
pub enum Gift {
    /// Points.
    Points(u64),
    /// A coupon.
    Coupon(Terms),
    /// A package.
    Package(Id),
}

impl Office {
    /// How many points a user can spend.
    ///
    /// # Errors
    /// Storage faults.
    pub async fn points(&self, user: &User) -> Result<u64, Error> {
        match self.find::<Points>(points::id(user.account().id)).await {
            Ok(points) => Ok(points.entity.usable()),
            Err(Error::NotFound) => Ok(0),
            Err(error) => Err(error),
        }
    }

    /// How the points of a user changed, newest first.
    ///
    /// # Errors
    /// Storage faults.
    pub async fn points_notes(&self, user: &User, page: &Page) -> Result<Paged<Stored<PointsNote>>, Error> {
        self.under::<PointsNote>(user.account().id, page).await
    }

    /// The coupons of a user, newest first.
    ///
    /// # Errors
    /// Storage faults.
    pub async fn coupons(&self, user: &User, page: &Page) -> Result<Paged<Stored<Coupon>>, Error> {
        self.under::<Coupon>(user.account().id, page).await
    }

    /// An administrator gives something to an account.
    ///
    /// # Errors
    /// [`Error::NotFound`] without such an account or package, [`Error::BadRequest`] for too much; storage faults.
    pub async fn give(
        &self,
        by: &Acting<Administrator>,
        account: Id,
        gift: &Gift,
        once: Option<&Once>,
    ) -> Result<(), Error> {
        let actor = Actor::operator(by);
        self.act(&actor, once, move |plan| {
            Box::pin(async move {
                plan.find::<Account>(account).await?;
                let id = plan.id()?;
                match gift {
                    Gift::Points(points) if (1..=MAX_GIVEN).contains(points) => {
                        for effect in points::change(account, points::Event::Grant(*points, id)) {
                            plan.bring(effect);
                        }
                    }
                    Gift::Coupon(terms) if (1..=MAX_GIVEN).contains(&terms.off_fen) => {
                        plan.make::<Coupon>(id, &coupon::Event::Grant(terms.clone()))?;
                    }
                    Gift::Package(package) => {
                        let package = self.package(*package).await?;
                        if package.measure == Measure::Fee {
                            return Err(Error::BadRequest(
                                "one gives 1 to 1000000 points or fen, or a package",
                            )
                            .into());
                        }
                        let (owner, platform, service) = (account, package.platform, package.service);
                        let (line, measure, waits) = (id, package.measure, false);
                        let event = balance::Event::Add { owner, platform, service, line, measure, waits };
                        let balance = Balance::id(owner, platform, service);
                        plan.bring(crate::domain::office::Effect::on::<Balance>(balance, event));
                    }
                    Gift::Points(_) | Gift::Coupon(_) => {
                        return Err(
                            Error::BadRequest("one gives 1 to 1000000 points or fen, or a package").into()
                        );
                    }
                }
                Ok(())
            })
        })
        .await
    }
}
