//! Titles of invoices and postal addresses.

use cosign_core::sm_primitives::sm3::Sm3;
use serde::{Deserialize, Serialize, de::DeserializeOwned};

use super::{Actor, Failed, Office, Plan, User, Whose};
use crate::domain::{
    Error,
    office::{
        Entity as _, Id, State as _, Stored,
        enterprise::Enterprise,
        person::{Level, Person},
        personal::{Kind, Personal},
        preset::{self, MAX_PRESETS, Preset, PresetKind},
    },
    once::Once,
};

/// Longest of each of its texts in bytes.
const MAX_TEXT: usize = 256;

/// What is kept at hand.
pub trait Details: Serialize + DeserializeOwned + Send + Sync {
    /// What it is.
    const KIND: PresetKind;
    /// Whether everything is there that is needed.
    ///
    /// # Errors
    /// [`Error::BadRequest`].
    fn check(&self) -> Result<(), Error>;
}

/// The title of an invoice.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct TitleDetails {
    /// Of an enterprise; otherwise of a person.
    pub enterprise: bool,
    /// The name.
    pub name: String,
    /// The code of the enterprise.
    pub uscc: Option<String>,
    /// Where the invoice goes. The own title has none until the user says one.
    pub email: Option<String>,
    /// Phone.
    pub phone: Option<String>,
    /// Address.
    pub address: Option<String>,
    /// Bank.
    pub bank: Option<String>,
    /// Account there.
    pub account: Option<String>,
}

/// A postal address.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct AddressDetails {
    /// Who receives it.
    pub receiver: String,
    /// Phone.
    pub phone: String,
    /// Region.
    pub region: String,
    /// Street and house.
    pub detail: String,
    /// What the user calls it.
    pub label: Option<String>,
}

fn fits(texts: &[&String]) -> bool {
    texts.iter().all(|text| {
        let text = text.trim();
        !text.is_empty() && text.len() <= MAX_TEXT && !text.chars().any(char::is_control)
    })
}

impl Details for TitleDetails {
    const KIND: PresetKind = PresetKind::Title;

    fn check(&self) -> Result<(), Error> {
        let has_code = self.uscc.as_ref().is_some_and(|uscc| {
            uscc.len() == 18 && uscc.bytes().all(|byte| byte.is_ascii_digit() || byte.is_ascii_uppercase())
        });
        let has_email = self.email.as_ref().is_some_and(|email| {
            email.split_once('@').is_some_and(|(user, host)| !user.is_empty() && host.contains('.'))
        });
        let optional = [&self.uscc, &self.email, &self.phone, &self.address, &self.bank, &self.account];
        let given: Vec<_> = optional.into_iter().flatten().chain([&self.name]).collect();
        if !fits(&given) || !has_email || has_code != self.enterprise {
            return Err(Error::BadRequest(
                "a title has a name, an e-mail address, and the code of an enterprise",
            ));
        }
        Ok(())
    }
}

impl Details for AddressDetails {
    const KIND: PresetKind = PresetKind::Address;

    fn check(&self) -> Result<(), Error> {
        let given: Vec<_> = [&self.receiver, &self.phone, &self.region, &self.detail]
            .into_iter()
            .chain(&self.label)
            .collect();
        let is_good = fits(&given);
        is_good
            .then_some(())
            .ok_or(Error::BadRequest("an address has a receiver, a phone, a region and details"))
    }
}

impl Office {
    /// What a title or address says.
    ///
    /// # Errors
    /// [`Error::NotFound`] when it is gone; [`Error::Internal`].
    pub fn details<D: Details>(&self, sealed: Option<&Personal>) -> Result<D, Error> {
        let text = self.ports.vault.open(Kind::Details, sealed.ok_or(Error::NotFound)?)?;
        serde_json::from_str(&text).map_err(|_| Error::Internal)
    }

    pub(super) fn seal_details<D: Details>(&self, details: &D) -> Result<Personal, Error> {
        let text = zeroize::Zeroizing::new(serde_json::to_string(details).map_err(|_| Error::Internal)?);
        self.ports.vault.seal(Kind::Details, &text)
    }

    /// All titles or addresses of a user, or of an enterprise that the user may act for.
    ///
    /// # Errors
    /// [`Error::NotFound`]; storage faults.
    pub async fn presets<D: Details>(&self, user: &User, whose: Whose) -> Result<Vec<Stored<Preset>>, Error> {
        let (owner, _) = self.owner(&mut self.plan(None), user, whose).await?;
        self.presets_of(&mut self.plan(None), owner, D::KIND).await
    }

    async fn presets_of(
        &self,
        plan: &mut Plan<'_>,
        owner: Id,
        kind: PresetKind,
    ) -> Result<Vec<Stored<Preset>>, Error> {
        let mut all = plan.all_under::<Preset>(owner).await?;
        all.retain(|preset| preset.entity.kind == kind && !preset.entity.state().is_over());
        Ok(all)
    }

    /// One of them.
    pub(super) async fn preset<D: Details>(
        &self,
        plan: &mut Plan<'_>,
        owners: &[Id],
        id: Id,
    ) -> Result<Preset, Error> {
        let found = plan.seek::<Preset>(id).await?.map(|found| found.entity);
        let found = found.filter(|found| owners.contains(&found.owner) && found.kind == D::KIND);
        found.filter(|found| !found.state().is_over()).ok_or(Error::NotFound)
    }

    /// Keeps a title or an address, or changes one.
    ///
    /// # Errors
    /// [`Error::BadRequest`], [`Error::NotFound`] for another's, [`Error::Conflict`] when there are too many; storage faults.
    pub async fn keep_preset<D: Details>(
        &self,
        user: &User,
        (whose, old): (Whose, Option<Id>),
        (details, is_default): (&D, bool),
        once: Option<&Once>,
    ) -> Result<Stored<Preset>, Error> {
        details.check()?;
        let (actor, details) = (Actor::user(user), &self.seal_details(details)?);
        let act = self.act(&actor, once, move |plan| {
            Box::pin(async move {
                let (owner, _) = self.owner(plan, user, whose).await?;
                let details = details.clone();
                if let Some(old) = old {
                    self.preset::<D>(plan, &[owner], old).await?;
                    plan.happen::<Preset>(old, &preset::Event::Change { details, is_default }).await?;
                    return Ok(old);
                }
                if self.presets_of(plan, owner, D::KIND).await?.len() >= MAX_PRESETS {
                    return Err(Error::Conflict("there are at most 50 of them").into());
                }
                let (id, kind, is_own) = (plan.id()?, D::KIND, false);
                let event = preset::Event::Keep { owner, kind, details, is_default, is_own };
                plan.make::<Preset>(id, &event)?;
                Ok(id)
            })
        });
        self.find::<Preset>(act.await?).await
    }

    /// Deletes titles or addresses, all of these or none.
    ///
    /// # Errors
    /// [`Error::BadRequest`] for too many, [`Error::NotFound`] for another's, [`Error::Conflict`] for the own title; storage
    /// faults.
    pub async fn delete_presets<D: Details>(
        &self,
        user: &User,
        whose: Whose,
        ids: &[Id],
        once: Option<&Once>,
    ) -> Result<(), Error> {
        if ids.is_empty() || ids.len() > MAX_PRESETS {
            return Err(Error::BadRequest("1 to 50 are deleted at once"));
        }
        let actor = Actor::user(user);
        self.act(&actor, once, move |plan| {
            Box::pin(async move {
                let (owner, _) = self.owner(plan, user, whose).await?;
                for id in ids {
                    self.preset::<D>(plan, &[owner], *id).await?;
                    plan.happen::<Preset>(*id, &preset::Event::Delete).await?;
                }
                Ok(())
            })
        })
        .await
    }

    /// Whoever is verified has a title of their own, and so has an enterprise.
    pub(super) async fn own_title(
        &self,
        plan: &mut Plan<'_>,
        user: &User,
        whose: Whose,
    ) -> Result<(), Failed> {
        let owner = match whose {
            Whose::Own => user.account().id,
            Whose::Enterprise(enterprise) => enterprise,
        };
        let hash = Sm3::new().chain(b"own title").chain(owner.as_bytes()).finalize();
        let mut id = [0; 16];
        id.copy_from_slice(hash.split_at(16).0);
        let id = Id::from_bytes(id);
        if plan.seek::<Preset>(id).await?.is_some() {
            return Ok(());
        }
        let (name, uscc) = match whose {
            Whose::Own => {
                let Some(person) = plan.seek::<Person>(owner).await? else { return Ok(()) };
                let Ok(verified) = person.entity.verified(owner, Level::Data) else { return Ok(()) };
                (self.ports.vault.open(Kind::PersonName, &verified.claim().name)?.to_string(), None)
            }
            Whose::Enterprise(enterprise) => {
                let facts = plan.find::<Enterprise>(enterprise).await?.entity.facts;
                (facts.name.as_str().to_owned(), Some(facts.uscc.as_str().to_owned()))
            }
        };
        let details = TitleDetails {
            enterprise: uscc.is_some(),
            name,
            uscc,
            email: None,
            phone: None,
            address: None,
            bank: None,
            account: None,
        };
        let (kind, details, is_own) = (PresetKind::Title, self.seal_details(&details)?, true);
        let is_default = self.presets_of(plan, owner, kind).await?.is_empty();
        plan.make::<Preset>(id, &preset::Event::Keep { owner, kind, details, is_default, is_own })?;
        Ok(())
    }
}
