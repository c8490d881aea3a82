//! What is bought with an application: packages that the applicant chose, and the fee of the platform for such an act.

use super::{Failed, Office, Ordering, Plan, Whose};
use crate::domain::{
    Error,
    ca::Reason,
    office::{
        Id,
        application::{Business, Wish},
        balance::Balance,
        catalogue::{self, Entry, For, Item, Measure, Package, Platform, Service, Shelf},
        holding::Holder,
        order::{self, Cause, Wanted},
    },
};

/// What an applicant chose.
#[derive(Clone, Debug, Default)]
pub struct Purchase {
    /// Packages, and how many of each.
    pub lines: Vec<(Id, u32)>,
    /// What is taken off.
    pub coupon: Option<Id>,
    /// Points that are spent.
    pub points: u64,
}

/// For what an order of an application is.
const fn business(wish: &Wish) -> Option<order::Business> {
    Some(match (wish.business, wish.by.holder()) {
        (Business::New, Holder::Person(_)) => order::Business::Personal,
        (Business::New, Holder::Enterprise(_)) => order::Business::Open,
        (Business::Renew, _) => order::Business::Extend,
        (Business::Medium, _) => order::Business::Medium,
        (Business::Change, _) => order::Business::CertificateChange,
        (Business::Revoke, _) => order::Business::CertificateEnd,
        (Business::Seal, _) => order::Business::Seal,
        (Business::SealChange, _) => order::Business::SealChange,
        (Business::Reissue, _) => return None,
    })
}

impl Office {
    /// The platform of the catalogue with the code by which an application names one.
    pub(super) async fn platform_named(&self, wish: &Wish) -> Result<Option<(Id, Platform)>, Error> {
        let Some(platform) = &wish.platform else { return Ok(None) };
        let found = self.named::<Entry>(catalogue::coded(Shelf::Platform, platform.as_str())).await?;
        Ok(found.and_then(|entry| match entry.entity.item {
            Item::Platform(platform) => Some((entry.id, platform)),
            _ => None,
        }))
    }

    /// Whether the platform of an application demands files.
    pub(super) async fn demands_files(&self, wish: &Wish) -> Result<bool, Error> {
        let terms = wish.platform.as_ref().and_then(|platform| self.rules.platforms.get(platform));
        let is_demanded =
            self.platform_named(wish).await?.is_some_and(|(_, platform)| platform.rules.attachments);
        Ok(is_demanded || terms.is_some_and(|terms| terms.attachments))
    }

    /// What an application costs, if it costs something.
    ///
    /// # Errors
    /// [`Error::BadRequest`] and [`Error::Conflict`] for what is not to be had so, or is needed and was not chosen; storage
    /// faults.
    pub(super) async fn price(
        &self,
        plan: &mut Plan<'_>,
        id: Id,
        wish: &Wish,
        chosen: &Purchase,
    ) -> Result<Option<Wanted>, Failed> {
        let place = self.platform_named(wish).await?.map(|(place, _)| place);
        let business = business(wish);
        let may_choose = matches!(wish.business, Business::New | Business::Renew | Business::Seal);
        let Some(business) = business.filter(|_| may_choose || chosen.lines.is_empty()) else {
            return if chosen.lines.is_empty() {
                Ok(None)
            } else {
                Err(Error::BadRequest("nothing is bought with this").into())
            };
        };
        let holder = wish.by.holder();
        let buyer = if matches!(holder, Holder::Person(_)) { For::Person } else { For::Enterprise };
        let mut lines = chosen.lines.clone();
        for (package, _) in &lines {
            let package = self.offered_package(plan, *package).await?;
            if package.pays_for.is_some() || wish.platform.is_some() && place != Some(package.platform) {
                return Err(Error::BadRequest("the package is for others").into());
            }
        }
        if let Some(place) = place {
            let sold = self.sold(plan, place, buyer).await?;
            self.needed(plan, (place, holder.id()), wish.business, &sold, &lines).await?;
            // Nobody pays for the end of a key that others may have.
            if wish.reason.as_deref().and_then(Reason::from_name) != Some(Reason::KeyCompromise) {
                let fees = sold.iter().filter(|(_, package)| package.pays_for == Some(business));
                lines.extend(fees.map(|(id, _)| (*id, 1)));
            }
        }
        if lines.is_empty() {
            return Ok(None);
        }
        let ordering = Ordering {
            business,
            whose: Whose::Own,
            lines,
            coupon: chosen.coupon,
            points: chosen.points,
            cause: Some(Cause::Application(id)),
            invoice: None,
        };
        self.wanted(plan, wish.by.account(), (holder.id(), buyer), &ordering).await.map(Some)
    }

    /// What is sold for a platform to such buyers.
    async fn sold(&self, plan: &mut Plan<'_>, place: Id, buyer: For) -> Result<Vec<(Id, Package)>, Error> {
        let offered = plan.all_under::<Entry>(Shelf::Package.offered(Some(place))).await?;
        let packages = offered.into_iter().filter_map(|entry| match entry.entity.item {
            Item::Package(package) if package.buyer == buyer => Some((entry.id, package)),
            _ => None,
        });
        Ok(packages.collect())
    }

    /// That what is sold and needed was bought before, or is bought now.
    async fn needed(
        &self,
        plan: &mut Plan<'_>,
        (place, owner): (Id, Id),
        business: Business,
        sold: &[(Id, Package)],
        lines: &[(Id, u32)],
    ) -> Result<(), Error> {
        let needed: &[Service] = match business {
            Business::New => &self.rules.first_services,
            Business::Seal => &[Service::Seal],
            _ => &[],
        };
        for service in needed {
            if !is_missing(*service, sold, lines) {
                continue;
            }
            let balance = plan.seek::<Balance>(Balance::id(owner, place, *service)).await?;
            if !balance.is_some_and(|balance| balance.entity.is_usable(plan.now_ms)) {
                return Err(Error::BadRequest("a package that is needed is missing"));
            }
        }
        Ok(())
    }
}

/// Whether a service is sold and none of it is among the lines.
fn is_missing(service: Service, sold: &[(Id, Package)], lines: &[(Id, u32)]) -> bool {
    let is_chosen = |id: Id| lines.iter().any(|line| line.0 == id);
    let mut fitting =
        sold.iter().filter(|(_, package)| package.service == service && package.measure != Measure::Fee);
    let is_sold = fitting.clone().next().is_some();
    is_sold && !fitting.any(|(id, _)| is_chosen(*id))
}
