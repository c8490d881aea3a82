//! What is bought.

use super::{Actor, Failed, InvoiceWish, Office, Plan, User};
use crate::domain::{
    Error,
    office::{
        Entity as _, Id, State as _, Stored,
        balance::Balance,
        calendar,
        catalogue::{Entry, For, Item, Measure, Package, Platform, Service},
        coupon::{Coupon, CouponState},
        enterprise::{Enterprise, EnterpriseState},
        invoice::Part,
        order::{self, Business, Cause, Line, LineState, Order, OrderState, Wanted, discounted},
        payment::Payment,
        points::{self, Points},
        usage::Usage,
    },
    once::Once,
    operators::{Acting, Reviewer, SeesRequests},
    page::{Page, Paged},
};

/// Most lines of one order.
const MAX_LINES: usize = 20;
/// Most of one package in one order.
const MAX_QUANTITY: u32 = 1000;

/// For whom something is bought and kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Whose {
    /// For the user.
    Own,
    /// For an enterprise.
    Enterprise(Id),
}

/// What a user orders.
#[derive(Clone, Debug)]
pub struct Ordering {
    /// What for.
    pub business: Business,
    /// For whom.
    pub whose: Whose,
    /// Packages, and how many of each.
    pub lines: Vec<(Id, u32)>,
    /// What is taken off.
    pub coupon: Option<Id>,
    /// Points that are spent.
    pub points: u64,
    /// What it pays for, if it does not stand for itself.
    pub cause: Option<Cause>,
    /// The invoice that is asked for with it.
    pub invoice: Option<InvoiceWish>,
}

async fn item(plan: &mut Plan<'_>, id: Id) -> Result<Item, Error> {
    let entry = plan.seek::<Entry>(id).await?.filter(|entry| !entry.entity.state().is_over());
    entry.map(|entry| entry.entity.item).ok_or(Error::BadRequest("there is no such package"))
}

async fn package(plan: &mut Plan<'_>, id: Id) -> Result<(Package, Platform), Error> {
    const NONE: Error = Error::BadRequest("there is no such package");
    let Item::Package(package) = item(plan, id).await? else { return Err(NONE) };
    let Item::Platform(platform) = item(plan, package.platform).await? else { return Err(NONE) };
    Ok((package, platform))
}

impl Office {
    /// A package that is offered, judged inside a plan.
    pub(super) async fn offered_package(&self, plan: &mut Plan<'_>, id: Id) -> Result<Package, Error> {
        package(plan, id).await.map(|(package, _)| package)
    }

    /// Whose it is, if the user may act for them.
    ///
    /// # Errors
    /// [`Error::NotFound`], [`Error::RoleMissing`] for a member who does not manage it; storage faults.
    pub(super) async fn owner(
        &self,
        plan: &mut Plan<'_>,
        user: &User,
        whose: Whose,
    ) -> Result<(Id, For), Failed> {
        let account = user.account().id;
        match whose {
            Whose::Own => Ok((account, For::Person)),
            Whose::Enterprise(enterprise) => {
                self.manages(plan, account, enterprise).await?;
                Ok((enterprise, For::Enterprise))
            }
        }
    }

    /// Whether a package is for this order: what it is for, and what there was before.
    async fn fits(
        &self,
        plan: &mut Plan<'_>,
        package: &Package,
        business: Business,
        owner: (Id, For),
    ) -> Result<(), Error> {
        if package.buyer != owner.1 || package.pays_for.is_some_and(|act| act != business) {
            return Err(Error::BadRequest("the package is for others"));
        }
        let balance = Balance::id(owner.0, package.platform, package.service);
        let balance = plan.seek::<Balance>(balance).await?.map(|balance| balance.entity);
        match (business, &balance) {
            (Business::Extend, None) => {
                Err(Error::Conflict("there is nothing to go on with; open the platform first"))
            }
            (Business::Open, Some(balance)) if balance.is_usable(plan.now_ms) => {
                Err(Error::Conflict("the platform is open; extend it"))
            }
            (_, None) if package.renewal => {
                Err(Error::BadRequest("the package is for those who have had one"))
            }
            _ => Ok(()),
        }
    }

    /// What an order takes besides.
    fn demands(&self, business: Business, lines: &[Line]) -> Result<(), Error> {
        let needed: &[Service] = match business {
            Business::Claim => &self.rules.claim_services,
            Business::Personal | Business::Join | Business::Open => &self.rules.first_services,
            Business::Seal => &[Service::Seal],
            Business::Extend
            | Business::Medium
            | Business::CertificateChange
            | Business::CertificateEnd
            | Business::EnterpriseChange
            | Business::SealChange => return Ok(()),
        };
        for line in lines {
            let has = |service| {
                lines.iter().any(|other| other.platform == line.platform && other.service == service)
            };
            if !needed.iter().all(|service| has(*service)) {
                return Err(Error::BadRequest("a package that is needed is missing"));
            }
        }
        Ok(())
    }

    async fn off(
        &self,
        plan: &mut Plan<'_>,
        account: Id,
        wanted: &Ordering,
        total_fen: u64,
    ) -> Result<u64, Error> {
        let mut off_fen = 0;
        if let Some(id) = wanted.coupon {
            let coupon = plan.seek::<Coupon>(id).await?.map(|coupon| coupon.entity);
            let coupon = coupon.filter(|coupon| coupon.terms.account == account).ok_or(Error::NotFound)?;
            let is_open = coupon.state() == CouponState::Open && plan.now_ms < coupon.terms.ends_ms;
            if !is_open || total_fen < coupon.terms.from_fen {
                return Err(Error::Conflict("the coupon cannot be used"));
            }
            off_fen = coupon.terms.off_fen;
        }
        if wanted.points > 0 {
            let worth = wanted.points.checked_div(self.rules.points_per_fen);
            off_fen += worth.ok_or(Error::Conflict("there are not so many points"))?;
            let usable =
                plan.seek::<Points>(points::id(account)).await?.map_or(0, |points| points.entity.usable());
            if usable < wanted.points {
                return Err(Error::Conflict("there are not so many points"));
            }
        }
        if off_fen >= total_fen {
            return Err(Error::Conflict("an order costs something"));
        }
        Ok(off_fen)
    }

    /// What is offered of an order, at its price.
    pub(super) async fn wanted(
        &self,
        plan: &mut Plan<'_>,
        buyer: Id,
        owner: (Id, For),
        wanted: &Ordering,
    ) -> Result<Wanted, Failed> {
        if wanted.lines.is_empty() || wanted.lines.len() > MAX_LINES {
            return Err(Error::BadRequest("an order has 1 to 20 lines").into());
        }
        let (mut lines, mut reviewed) = (Vec::new(), false);
        for (id, quantity) in &wanted.lines {
            if *quantity == 0 || *quantity > MAX_QUANTITY {
                return Err(Error::BadRequest("there are 1 to 1000 of each package").into());
            }
            let (package, platform) = package(plan, *id).await?;
            self.fits(plan, &package, wanted.business, owner).await?;
            reviewed |= platform.rules.review;
            lines.push(Line {
                id: plan.id()?,
                state: LineState::Kept,
                package: *id,
                name: package.name,
                platform: package.platform,
                institution: package.institution,
                service: package.service,
                measure: package.measure,
                quantity: *quantity,
                price_fen: package.price_fen,
                amount_fen: package.price_fen.saturating_mul(u64::from(*quantity)),
                invoice_after_download: platform.rules.invoice_after_download,
            });
        }
        if wanted.cause.is_none() {
            self.demands(wanted.business, &lines)?;
        }
        let amounts: Vec<_> = lines.iter().map(|line| line.amount_fen).collect();
        let off_fen = self.off(plan, buyer, wanted, amounts.iter().sum()).await?;
        for (line, left_fen) in lines.iter_mut().zip(discounted(&amounts, off_fen)) {
            line.amount_fen = left_fen;
        }
        let chance = u64::from_be_bytes(self.random()?) % 10_000_000_000;
        let digits = calendar::digits(plan.now_ms);
        Ok(Wanted {
            number: format!("{}{digits}{chance:010}", wanted.business.letters()),
            buyer,
            owner: owner.0,
            business: wanted.business,
            lines,
            coupon: wanted.coupon,
            points: wanted.points,
            // What goes on needs nobody who looks at it; what pays for something goes with that.
            reviewed: (wanted.cause.is_some() || reviewed && wanted.business != Business::Extend)
                .then_some(self.rules.order_flow),
            cause: wanted.cause,
        })
    }

    /// What an order would be, and cost, without giving it.
    ///
    /// # Errors
    /// As [`Self::order`].
    pub async fn quote(&self, user: &User, wanted: &Ordering) -> Result<Wanted, Error> {
        let plan = &mut self.plan(None);
        let owner = self.owner(plan, user, wanted.whose).await?;
        Ok(self.wanted(plan, user.account().id, owner, wanted).await?)
    }

    /// A user orders something.
    ///
    /// # Errors
    /// [`Error::BadRequest`], [`Error::Conflict`] and [`Error::NotFound`] for what is not offered or not theirs; storage
    /// faults.
    pub async fn order(
        &self,
        user: &User,
        wanted: &Ordering,
        once: Option<&Once>,
    ) -> Result<Stored<Order>, Error> {
        let actor = Actor::user(user);
        let act = self.act(&actor, once, move |plan| {
            Box::pin(async move {
                let owner = self.owner(plan, user, wanted.whose).await?;
                let (id, of) = (plan.id()?, self.wanted(plan, user.account().id, owner, wanted).await?);
                self.own_title(plan, user, wanted.whose).await?;
                if let Some(invoice) = &wanted.invoice {
                    let part = |line: &Line| (Part { order: id, line: line.id }, line.amount_fen);
                    let lines: Vec<_> = of.lines.iter().map(part).collect();
                    self.plan_invoice(plan, (of.buyer, &[of.owner]), invoice, &lines).await?;
                }
                plan.make::<Order>(id, &order::Event::Order(of))?;
                Ok(id)
            })
        });
        self.find::<Order>(act.await?).await
    }

    /// The orders of a user, or of an enterprise that the user may act for, newest first.
    ///
    /// # Errors
    /// [`Error::NotFound`]; storage faults.
    pub async fn orders(
        &self,
        user: &User,
        whose: Whose,
        page: &Page,
    ) -> Result<Paged<Stored<Order>>, Error> {
        let (owner, _) = self.owner(&mut self.plan(None), user, whose).await?;
        self.under::<Order>(owner, page).await
    }

    /// An order of the user.
    ///
    /// # Errors
    /// [`Error::NotFound`] for another's; storage faults.
    pub async fn own_order(&self, user: &User, id: Id) -> Result<Stored<Order>, Error> {
        own_order(&mut self.plan(None), user, id).await
    }

    /// The payment of an order.
    ///
    /// # Errors
    /// Storage faults.
    pub async fn payment_of(&self, order: &Order) -> Result<Option<Stored<Payment>>, Error> {
        match order.payment {
            Some(payment) => self.find::<Payment>(payment).await.map(Some),
            None => Ok(None),
        }
    }

    /// A user wants an order no more.
    ///
    /// # Errors
    /// [`Error::NotFound`] for another's, [`Error::Conflict`] when it is paid; storage faults.
    pub async fn cancel_order(
        &self,
        user: &User,
        id: Id,
        once: Option<&Once>,
    ) -> Result<Stored<Order>, Error> {
        let actor = Actor::user(user);
        let act = self.act(&actor, once, move |plan| {
            Box::pin(async move {
                own_order(plan, user, id).await?;
                plan.happen::<Order>(id, &order::Event::Cancel).await?;
                Ok(())
            })
        });
        act.await?;
        self.find::<Order>(id).await
    }

    /// The balances of a user, or of an enterprise that the user may act for, newest first.
    ///
    /// # Errors
    /// [`Error::NotFound`]; storage faults.
    pub async fn balances(
        &self,
        user: &User,
        whose: Whose,
        page: &Page,
    ) -> Result<Paged<Stored<Balance>>, Error> {
        let (owner, _) = self.owner(&mut self.plan(None), user, whose).await?;
        self.under::<Balance>(owner, page).await
    }

    /// Whether the money for a line can be asked back.
    ///
    /// # Errors
    /// Storage faults.
    pub async fn is_refundable(&self, order: &Order, line: &Line) -> Result<bool, Error> {
        use OrderState::{InReview, Paid, PartlyRefunded, Refunding};
        let stands = matches!(order.state(), Paid | InReview | PartlyRefunded | Refunding);
        if !stands || order.handed_over || order.of.cause.is_some() || line.state != LineState::Kept {
            return Ok(false);
        }
        if line.whole() == Measure::Fee {
            return Ok(true);
        }
        let balance = Balance::id(order.of.owner, line.platform, line.service);
        Ok(self.find::<Balance>(balance).await?.entity.is_unused(line.id))
    }

    /// How what was bought with an order was used, newest first.
    ///
    /// # Errors
    /// [`Error::NotFound`] for another's; storage faults.
    pub async fn uses_of(
        &self,
        user: &User,
        order: Id,
        line: Id,
        page: &Page,
    ) -> Result<Paged<Stored<Usage>>, Error> {
        self.own_order(user, order).await?.entity.line(line)?;
        self.under::<Usage>(line, page).await
    }

    /// Orders in a state, oldest first.
    ///
    /// # Errors
    /// Storage faults.
    pub async fn orders_in(
        &self,
        _: &Acting<SeesRequests>,
        state: OrderState,
        page: &Page,
    ) -> Result<Paged<Stored<Order>>, Error> {
        self.in_state::<Order>(state, page).await
    }

    /// A reviewer says whether an order is what it should be, or that what was bought was handed over.
    ///
    /// # Errors
    /// [`Error::NotFound`], [`Error::Conflict`] when nobody has to look at it; storage faults.
    pub async fn review_order(
        &self,
        by: &Acting<Reviewer>,
        id: Id,
        is_good: Option<bool>,
        once: Option<&Once>,
    ) -> Result<Stored<Order>, Error> {
        let actor = Actor::operator(by);
        let event = match is_good {
            Some(true) => || order::Event::Approve,
            Some(false) => || order::Event::Refuse,
            None => || order::Event::HandOver,
        };
        let act = self.act(&actor, once, move |plan| {
            Box::pin(async move {
                if plan.find::<Order>(id).await?.entity.of.cause.is_some() {
                    return Err(
                        Error::Conflict("the order goes with what it pays for; decide on that").into()
                    );
                }
                Ok(plan.happen::<Order>(id, &event()).await.map(drop)?)
            })
        });
        act.await?;
        self.find::<Order>(id).await
    }
}

/// An order of the user, or of an enterprise that the user manages; of one that is no more, what the user bought for it.
pub(super) async fn own_order(plan: &mut Plan<'_>, user: &User, id: Id) -> Result<Stored<Order>, Error> {
    let order = plan.find::<Order>(id).await?;
    let (account, Wanted { buyer, owner, .. }) = (user.account().id, &order.entity.of);
    if buyer == owner {
        return if *buyer == account { Ok(order) } else { Err(Error::NotFound) };
    }
    let is_over = plan.find::<Enterprise>(*owner).await?.entity.state() != EnterpriseState::Active;
    if is_over && *buyer == account {
        return Ok(order);
    }
    let owner = *owner;
    plan.office().manages(plan, account, owner).await?;
    Ok(order)
}
