//! The catalogue, as administrators maintain it and everybody reads it.

use super::{Actor, Failed, Office, Plan};
use crate::domain::{
    Error,
    clients::ClientId,
    office::{
        Entity as _, Id, State as _, Stored,
        catalogue::{self, Entry, Item, Package, Platform, Shelf, Sound},
    },
    once::Once,
    operators::{Acting, Administrator},
    page::{Page, Paged},
};

/// That an entry is offered and is the right one.
async fn is_offered(
    plan: &mut Plan<'_>,
    id: Id,
    is_right: &(dyn Fn(&Item) -> bool + Sync),
) -> Result<(), Error> {
    let entry = plan.seek::<Entry>(id).await?;
    let entry = entry.filter(|entry| !entry.entity.state().is_over() && is_right(&entry.entity.item));
    entry.map(drop).ok_or(Error::BadRequest("the entry refers to something that is not offered"))
}

impl Office {
    /// An administrator adds an entry.
    ///
    /// # Errors
    /// [`Error::BadRequest`] for what refers to something else than there is, [`Error::Conflict`] for a code that is taken;
    /// storage faults.
    pub async fn add_entry(
        &self,
        by: &Acting<Administrator>,
        item: &Item,
        once: Option<&Once>,
    ) -> Result<Stored<Entry>, Error> {
        let actor = Actor::operator(by);
        let act = self.act(&actor, once, move |plan| {
            Box::pin(async move {
                let id = plan.id()?;
                let sound = self.sound(plan, id, item).await?;
                plan.make::<Entry>(id, &catalogue::Event::Add(sound))?;
                Ok(id)
            })
        });
        self.find::<Entry>(act.await?).await
    }

    /// An administrator changes an entry, or takes it away: `None`.
    ///
    /// # Errors
    /// As [`Self::add_entry`], and [`Error::NotFound`].
    pub async fn change_entry(
        &self,
        by: &Acting<Administrator>,
        id: Id,
        item: Option<&Item>,
        once: Option<&Once>,
    ) -> Result<Stored<Entry>, Error> {
        let actor = Actor::operator(by);
        let act = self.act(&actor, once, move |plan| {
            Box::pin(async move {
                let event = match item {
                    Some(item) => catalogue::Event::Change(self.sound(plan, id, item).await?),
                    None => catalogue::Event::Retire,
                };
                plan.happen::<Entry>(id, &event).await?;
                Ok(())
            })
        });
        act.await?;
        self.find::<Entry>(id).await
    }

    /// That an item refers to what there is, and that nothing else is called so.
    async fn sound(&self, plan: &mut Plan<'_>, id: Id, item: &Item) -> Result<Sound, Failed> {
        for name in item.names() {
            if self.named::<Entry>(name).await?.is_some_and(|other| other.id != id) {
                return Err(Error::Conflict("the code or the client is another entry's").into());
            }
        }
        match item {
            Item::Platform(platform) => {
                is_offered(plan, platform.region, &|item| matches!(item, Item::Region(_))).await?;
                for institution in &platform.rules.institutions {
                    is_offered(plan, *institution, &|item| matches!(item, Item::Institution(_))).await?;
                }
            }
            Item::Package(package) => {
                let takes = |item: &Item| matches!(item, Item::Platform(platform) if platform.rules.institutions.contains(&package.institution));
                is_offered(plan, package.platform, &takes).await?;
                let serves = |item: &Item| matches!(item, Item::Institution(institution) if institution.service == package.service);
                is_offered(plan, package.institution, &serves).await?;
            }
            Item::Region(_) | Item::Institution(_) | Item::Template(_) => {}
        }
        Ok(Sound(item.clone()))
    }

    /// What is offered of a kind, or of those what belongs to a region or platform, newest first.
    ///
    /// # Errors
    /// Storage faults.
    pub async fn offered(
        &self,
        shelf: Shelf,
        of: Option<Id>,
        page: &Page,
    ) -> Result<Paged<Stored<Entry>>, Error> {
        self.under::<Entry>(shelf.offered(of), page).await
    }

    /// Everything of a kind, whether offered or not, newest first.
    ///
    /// # Errors
    /// Storage faults.
    pub async fn entries(
        &self,
        _: &Acting<Administrator>,
        shelf: Shelf,
        page: &Page,
    ) -> Result<Paged<Stored<Entry>>, Error> {
        self.under::<Entry>(shelf.everything(), page).await
    }

    /// An entry that is offered.
    ///
    /// # Errors
    /// [`Error::NotFound`], storage faults.
    pub async fn entry(&self, id: Id) -> Result<Stored<Entry>, Error> {
        let entry = self.find::<Entry>(id).await?;
        if entry.entity.state().is_over() { Err(Error::NotFound) } else { Ok(entry) }
    }

    /// A platform that is offered.
    ///
    /// # Errors
    /// [`Error::NotFound`], storage faults.
    pub async fn platform(&self, id: Id) -> Result<Platform, Error> {
        match self.entry(id).await?.entity.item {
            Item::Platform(platform) => Ok(platform),
            _ => Err(Error::NotFound),
        }
    }

    /// The platform that calls as a client of the API.
    ///
    /// # Errors
    /// [`Error::NotFound`] when the client is none; storage faults.
    pub async fn platform_of(&self, client: ClientId) -> Result<Stored<Entry>, Error> {
        self.named::<Entry>(catalogue::platform_of(client)).await?.ok_or(Error::NotFound)
    }

    /// A package that is offered.
    ///
    /// # Errors
    /// [`Error::NotFound`], storage faults.
    pub async fn package(&self, id: Id) -> Result<Package, Error> {
        match self.entry(id).await?.entity.item {
            Item::Package(package) => Ok(package),
            _ => Err(Error::NotFound),
        }
    }
}
