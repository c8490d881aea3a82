//! Accounts elsewhere.

use super::{Actor, Office, User};
use crate::domain::{
    Error,
    office::{
        Entity as _, Id, Named as _, State as _, Stored,
        code::{ProvenPhone, Purpose},
        linked::{self, Elsewhere, Linked},
        personal::Kind,
        providers::Logins,
    },
    once::Once,
    page::{Page, Paged},
};

impl Office {
    fn logins(&self) -> Result<&dyn Logins, Error> {
        self.ports.logins.as_deref().ok_or(Error::NotOffered("this server knows nobody from elsewhere"))
    }

    /// The pages of accounts elsewhere.
    ///
    /// # Errors
    /// [`Error::NotOffered`].
    pub fn pages_elsewhere(&self) -> Result<Vec<(Elsewhere, String)>, Error> {
        let logins = self.logins()?;
        Ok(Elsewhere::ALL.iter().map(|elsewhere| (*elsewhere, logins.page(*elsewhere))).collect())
    }

    /// The phone that a carrier knows by a token.
    pub(super) async fn carrier_phone(&self, token: &str) -> Result<ProvenPhone, Error> {
        let phone = self.logins()?.carrier(token).await?;
        Ok(ProvenPhone {
            name: self.ports.vault.name(Kind::Phone, phone.expose())?,
            phone: self.ports.vault.seal(Kind::Phone, phone.expose())?,
            purpose: Purpose::Login,
        })
    }

    /// Who it is elsewhere, as a keyed hash.
    pub(super) async fn name_elsewhere(&self, elsewhere: Elsewhere, grant: &str) -> Result<[u8; 32], Error> {
        let name = self.logins()?.exchange(elsewhere, grant).await?;
        self.ports.vault.name(Kind::Text, &format!("{} {}", elsewhere.as_str(), name.as_str()))
    }

    /// The accounts elsewhere of a user, newest first.
    ///
    /// # Errors
    /// Storage faults.
    pub async fn linked_accounts(&self, user: &User, page: &Page) -> Result<Paged<Stored<Linked>>, Error> {
        self.under::<Linked>(user.account().id, page).await
    }

    /// Binds an account elsewhere to that of a user.
    ///
    /// # Errors
    /// [`Error::CodeInvalid`], [`Error::Conflict`] when it is bound; storage faults.
    pub async fn link_account(
        &self,
        user: &User,
        elsewhere: Elsewhere,
        grant: &str,
        once: Option<&Once>,
    ) -> Result<Id, Error> {
        let name = self.name_elsewhere(elsewhere, grant).await?;
        let account = user.account().id;
        self.act(&Actor::user(user), once, move |plan| {
            Box::pin(async move {
                if self.named::<Linked>(name).await?.is_some() {
                    return Err(Error::Conflict("it is bound to another account").into());
                }
                // One of each.
                for other in plan.all_under::<Linked>(account).await? {
                    if other.entity.elsewhere == elsewhere && !other.entity.state().is_over() {
                        plan.happen::<Linked>(other.id, &linked::Event::Unbind).await?;
                    }
                }
                let id = plan.id()?;
                plan.make::<Linked>(id, &linked::Event::Bind { account, elsewhere, name })?;
                Ok(id)
            })
        })
        .await
    }

    /// Takes an account elsewhere from that of a user.
    ///
    /// # Errors
    /// [`Error::NotFound`] for another's; storage faults.
    pub async fn unlink_account(&self, user: &User, id: Id, once: Option<&Once>) -> Result<(), Error> {
        let account = user.account().id;
        self.act(&Actor::user(user), once, move |plan| {
            Box::pin(async move {
                if plan.find::<Linked>(id).await?.entity.account != account {
                    return Err(Error::NotFound.into());
                }
                plan.happen::<Linked>(id, &linked::Event::Unbind).await?;
                Ok(())
            })
        })
        .await
    }
}
