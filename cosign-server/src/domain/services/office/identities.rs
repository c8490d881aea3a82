//! As whom a user acts: as themselves, or for one of the enterprises that they belong to.

use std::collections::BTreeSet;

use super::{Actor, Office, User};
use crate::domain::{
    Error,
    office::{
        Entity as _, Id, Stored,
        balance::Balance,
        catalogue::Entry,
        enterprise::{Enterprise, EnterpriseState},
        grant::{Grant, What},
        membership::Membership,
        session::{self, Acts, Session},
    },
    once::Once,
    page::{Page, Paged},
};

/// One of whom a user may act for.
pub struct ActsFor {
    /// The enterprise.
    pub enterprise: Stored<Enterprise>,
    /// Whether the user administers it.
    pub administers: bool,
    /// Whether the user is its legal representative.
    pub represents: bool,
    /// Whether the session acts for it.
    pub is_chosen: bool,
    /// The trading platforms that it has opened, or where the user may use its certificate.
    pub platforms: Vec<Stored<Entry>>,
}

impl Office {
    /// Whether a user has to say as whom they act: where that is demanded, of whoever belongs to an enterprise.
    pub(super) async fn must_choose(&self, account: Id) -> Result<bool, Error> {
        if !self.rules.identity_at_login {
            return Ok(false);
        }
        let belongs = self.under::<Membership>(Membership::active_of(account), &Page::first(1)).await?;
        Ok(!belongs.items.is_empty())
    }

    /// For whom a user may act besides themselves, newest first.
    ///
    /// # Errors
    /// Storage faults.
    pub async fn identities(&self, user: &User, page: &Page) -> Result<Paged<ActsFor>, Error> {
        let account = user.account().id;
        let Paged { items, next } = self.under::<Membership>(Membership::active_of(account), page).await?;
        let mut identities = Vec::new();
        for membership in items {
            let enterprise = self.find::<Enterprise>(membership.entity.enterprise).await?;
            if enterprise.entity.state() != EnterpriseState::Active {
                continue;
            }
            let mut plan = self.plan(Some(account));
            let represents = match self.represents(&mut plan, account, enterprise.id).await {
                Ok(_) => true,
                Err(Error::RoleMissing(_) | Error::NotVerified) => false,
                Err(error) => return Err(error),
            };
            let administers = enterprise.entity.administrators.contains(&account);
            let is_chosen = user.acts() == Some(Acts::Enterprise(enterprise.id));
            let platforms = self.platforms_of(enterprise.id, account).await?;
            identities.push(ActsFor { enterprise, administers, represents, is_chosen, platforms });
        }
        Ok(Paged { items: identities, next })
    }

    /// The trading platforms for which an enterprise has bought something, and those where a member may use its certificate.
    async fn platforms_of(&self, enterprise: Id, member: Id) -> Result<Vec<Stored<Entry>>, Error> {
        let balances = self.all_under::<Balance>(enterprise).await?;
        let grants = self.all_under::<Grant>(Grant::live_of(enterprise, member)).await?;
        let granted = grants.iter().filter_map(|grant| match grant.entity.terms.what {
            What::Certificate { platform } => Some(platform),
            What::Holding { .. } | What::Seal { .. } => None,
        });
        let platforms: BTreeSet<_> =
            balances.iter().map(|balance| balance.entity.platform).chain(granted).collect();
        let mut found = Vec::new();
        for platform in platforms {
            found.extend(self.plan(None).seek::<Entry>(platform).await?);
        }
        Ok(found)
    }

    /// A user says as whom they act from now on in this session: for an enterprise, or as themselves.
    ///
    /// # Errors
    /// [`Error::NotFound`] for an enterprise that they do not belong to; storage faults.
    pub async fn choose_identity(
        &self,
        user: &User,
        enterprise: Option<Id>,
        once: Option<&Once>,
    ) -> Result<(), Error> {
        self.act(&Actor::user(user), once, move |plan| {
            Box::pin(async move {
                let belongs = match enterprise {
                    Some(enterprise) => {
                        let found = plan.find::<Enterprise>(enterprise).await?.entity;
                        if found.state() != EnterpriseState::Active {
                            return Err(Error::NotFound.into());
                        }
                        Some(self.belongs(plan, user.account().id, enterprise).await?)
                    }
                    None => None,
                };
                plan.happen::<Session>(user.session(), &session::Event::Choose(belongs)).await?;
                Ok(())
            })
        })
        .await
    }
}
