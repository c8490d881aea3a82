//! The end of an account: what stands in its way, what ends with it.

use super::{Actor, Office, Plan, User};
use crate::domain::{
    Error,
    office::{
        Entity as _, Id, State as _,
        account::{self, Account},
        code::Purpose,
        coupon::{Coupon, CouponState},
        enterprise::Enterprise,
        holding::Holding,
        membership::Membership,
        order::{Order, UNSETTLED},
        points::{self, Points},
        seal::Seal,
        task::Task,
    },
};

/// What has to be settled before an account can be cancelled.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Obstacle {
    /// An enterprise that nobody else administers.
    Enterprise(Id),
    /// An order whose money is on its way, or is asked back.
    Order(Id),
    /// A certificate, where it does not end with the account.
    Certificate(Id),
}

impl Obstacle {
    /// What kind of thing, and which.
    #[must_use]
    pub const fn parts(self) -> (&'static str, Id) {
        match self {
            Self::Enterprise(id) => ("enterprise", id),
            Self::Order(id) => ("order", id),
            Self::Certificate(id) => ("certificate", id),
        }
    }
}

impl From<Obstacle> for Error {
    fn from(obstacle: Obstacle) -> Self {
        Self::Conflict(match obstacle {
            Obstacle::Enterprise(_) => "the only administrator hands over before leaving",
            Obstacle::Order(_) => UNSETTLED,
            Obstacle::Certificate(_) => "the certificates of the account are revoked first",
        })
    }
}

/// What the end of an account brings about.
#[derive(Clone, Debug, Default)]
pub struct Ending {
    /// What has to be settled before.
    pub obstacles: Vec<Obstacle>,
    /// Certificates that are revoked.
    pub certificates: usize,
    /// Seals that are cancelled.
    pub seals: usize,
    /// Enterprises that the user is no member of any more.
    pub enterprises: usize,
    /// Tasks that nobody will sign.
    pub tasks: usize,
    /// Orders that come to nothing.
    pub orders: usize,
    /// Points that are lost.
    pub points: u64,
    /// Coupons that are lost.
    pub coupons: usize,
}

impl Office {
    /// What the end of the account of a user would bring about.
    ///
    /// # Errors
    /// Storage faults.
    pub async fn ending(&self, user: &User) -> Result<Ending, Error> {
        self.plan_ending(&mut self.plan(None), user.account().id).await
    }

    async fn plan_ending(&self, plan: &mut Plan<'_>, account: Id) -> Result<Ending, Error> {
        let mut ending = Ending::default();
        for membership in plan.all_under::<Membership>(Membership::active_of(account)).await? {
            ending.enterprises += 1;
            let enterprise = plan.find::<Enterprise>(membership.entity.enterprise).await?;
            if enterprise.entity.administrators == [account] {
                ending.obstacles.push(Obstacle::Enterprise(enterprise.id));
            }
        }
        for order in plan.all_under::<Order>(Order::unsettled_of(account)).await? {
            if order.entity.is_unsettled() {
                ending.obstacles.push(Obstacle::Order(order.id));
            } else {
                ending.orders += 1;
            }
        }
        // Those of enterprises end with the key that is on the user's device.
        let mut holdings = plan.all_under::<Holding>(account).await?;
        holdings.extend(plan.all_under::<Holding>(Holding::kept_by(account)).await?);
        for holding in holdings {
            if holding.entity.state().is_over() {
                continue;
            }
            ending.certificates += 1;
            if !self.rules.cancel_revokes {
                ending.obstacles.push(Obstacle::Certificate(holding.id));
            }
        }
        let seals = plan.all_under::<Seal>(account).await?;
        ending.seals = seals.iter().filter(|seal| seal.entity.is_good().is_ok()).count();
        let tasks = plan.all_under::<Task>(account).await?;
        ending.tasks = tasks.iter().filter(|task| !task.entity.state().is_over()).count();
        let coupons = plan.all_under::<Coupon>(account).await?;
        ending.coupons = coupons.iter().filter(|one| one.entity.state() == CouponState::Open).count();
        let points = plan.seek::<Points>(points::id(account)).await?;
        ending.points = points.map_or(0, |points| points.entity.usable());
        Ok(ending)
    }

    /// Cancels the account of a user, once nothing stands in the way. Its personal data is kept for the time in which it can
    /// be appealed for.
    ///
    /// # Errors
    /// [`Error::CodeInvalid`], [`Error::Conflict`] for what has to be settled before; storage faults.
    pub async fn cancel_account(&self, user: &User, code_id: Id, code: &str) -> Result<(), Error> {
        // Who cannot is told before the code is used up.
        if let Some(obstacle) = self.ending(user).await?.obstacles.first() {
            return Err((*obstacle).into());
        }
        let account = user.account().id;
        let phone = &self.carry_out(|| Box::pin(self.prove(code_id, code, Purpose::Cancel))).await?;
        self.act(&Actor::user(user), None, move |plan| {
            Box::pin(async move {
                if let Some(obstacle) = self.plan_ending(plan, account).await?.obstacles.first() {
                    return Err(Error::from(*obstacle).into());
                }
                let event = account::Event::Cancel { phone: phone.clone() };
                plan.happen::<Account>(account, &event).await?;
                Ok(())
            })
        })
        .await
    }
}
