//! Certificates of the office: installed, followed, suspended, ended.

use cosign_core::sm_primitives::sm2::PublicKey;
use pki::{csr::SubjectAttribute, issue::NameBuilder};
use serde::{Deserialize, Serialize};

use super::{Actor, Office, User, Whose, plan::Plan};
use crate::domain::{
    Error,
    ca::{Certificate, Decision, Kind as Wanted, RequestId, Successor},
    device::Device,
    office::{
        Entity as _, Id, Moment, Stored,
        application::{self, Application, Business},
        enterprise::Enterprise,
        holding::{self, Holder, Holding, HoldingState, Issued},
        personal::Kind,
    },
    once::Once,
    operators::{Acting as ActingOperator, Reviewer},
    page::{Page, Paged},
    services::{Granted, Installed},
};

const DAYS_OF_A_YEAR: u64 = 365;

/// What was installed. The decryption key is encrypted to a key of the device.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct InstalledHolding {
    /// The certificate.
    pub holding: Id,
    /// Under which id the device imports the decryption key, and the key (`SM2EnvelopedKey`, DER in hexadecimal) unless its
    /// custodians seal it.
    pub key: Option<(String, Option<String>)>,
}

impl Office {
    /// Issues what was approved to a key of the device with which the user asks.
    ///
    /// # Errors
    /// [`Error::NotFound`] for another's, [`Error::NotVerified`], [`Error::BadRequest`] for a certification request that does
    /// not hold, [`Error::Conflict`] when it is not approved or the key does not allow it; storage faults.
    pub async fn install_application(
        &self,
        (user, device): (&User, &Device),
        id: Id,
        csr: &[u8],
        protection: Option<&PublicKey>,
        once: Option<&Once>,
    ) -> Result<InstalledHolding, Error> {
        self.act(&Actor::user(user), once, move |plan| {
            Box::pin(async move {
                let approved = plan.find::<Application>(id).await?.entity;
                let (account, gave) = (user.account().id, plan.id()?);
                let by = self.acts_as(plan, account, approved.holder).await?;
                let event = application::Event::Install { by, device: device.id, gave };
                plan.happen::<Application>(id, &event).await?;
                let granted = self.granted(plan, account, id, &approved).await?;
                let (unit, Installed { certificates, key }) =
                    self.ports.authorities.grant(device, granted, csr.to_vec(), protection).await?;
                let first = certificates.first().ok_or(Error::Internal)?;
                let issued = Issued {
                    by,
                    platform: approved.platform.clone(),
                    authority: approved.authority.clone(),
                    serial: first.serial.to_string(),
                    device: device.id.to_string(),
                    not_after_ms: first.not_after_ms,
                    epoch: self.epoch_of(first).await?,
                    replaces: approved.holding,
                };
                for write in unit.0 {
                    plan.write(write);
                }
                let made = plan.make::<Holding>(gave, &holding::Event::Install(Box::new(issued)))?;
                if approved.business == Business::New && self.is_for_business(&made).is_ok() {
                    self.first_seals(plan, account, gave, &made).await?;
                }
                let key = key.map(|key| (key.key_id.to_string(), key.enveloped.as_ref().map(hex::encode)));
                Ok(InstalledHolding { holding: gave, key })
            })
        })
        .await
    }

    /// What an approved application has an authority issue.
    async fn granted(
        &self,
        plan: &mut Plan<'_>,
        account: Id,
        id: Id,
        approved: &Application,
    ) -> Result<Granted, Error> {
        let kind = match (approved.business, approved.holding) {
            (Business::New, None) => Wanted::New,
            (business, Some(old)) => {
                let number = plan.find::<Holding>(old).await?.entity.number()?;
                let how = match business {
                    Business::Renew => Successor::Renewal,
                    Business::Change => Successor::Change,
                    Business::Reissue => Successor::Reissue,
                    Business::New
                    | Business::Medium
                    | Business::Revoke
                    | Business::Seal
                    | Business::SealChange => {
                        return Err(Error::Internal);
                    }
                };
                Wanted::Replace(number, how)
            }
            _ => return Err(Error::Internal),
        };
        let person = self.person_in(plan, account).await?;
        let (name, number) = match approved.holder {
            Holder::Person(_) => {
                let name = self.ports.vault.open(Kind::PersonName, &person.claim().name)?.to_string();
                // Tells people of one name apart, and says nothing of the number of their document.
                let number = person.claim().number_name;
                (name, hex::encode(number.first_chunk::<8>().ok_or(Error::Internal)?))
            }
            Holder::Enterprise(enterprise) => {
                let facts = plan.find::<Enterprise>(enterprise).await?.entity.facts;
                (facts.name.as_str().to_owned(), facts.uscc.as_str().to_owned())
            }
        };
        let mut subject = NameBuilder::new().with(SubjectAttribute::Country, "CN");
        if let Some(platform) = &approved.platform {
            subject = subject.with(SubjectAttribute::OrganizationalUnit, platform.as_str());
        }
        let subject =
            subject.with(SubjectAttribute::CommonName, &name).with(SubjectAttribute::SerialNumber, &number);
        let subject = subject.build().map_err(|_| Error::Conflict("the name cannot be certified"))?;
        let decisions = approved.opinions.iter().map(|opinion| Decision {
            reviewer: opinion.name.clone(),
            passed: opinion.passed,
            opinion: String::new(),
            at_ms: opinion.at_ms,
        });
        Ok(Granted {
            id: RequestId::from_bytes(*id.as_bytes()),
            authority: approved.authority.clone(),
            kind,
            profile: approved.holder.profile(),
            subject: subject.as_der().to_vec(),
            dual: approved.dual,
            days: DAYS_OF_A_YEAR.saturating_mul(approved.years.into()),
            decisions: decisions.collect(),
        })
    }

    /// A certificate of a user, or of an enterprise that the user manages, with what the authority has of it. What the
    /// authority changed by itself is taken over.
    ///
    /// # Errors
    /// [`Error::NotFound`] for another's; storage faults.
    pub async fn holding(&self, user: &User, id: Id) -> Result<(Stored<Holding>, Certificate), Error> {
        let found = self.find::<Holding>(id).await?;
        self.acts_as(&mut self.plan(None), user.account().id, found.entity.holder).await?;
        self.follow(found).await
    }

    /// Takes over where the authority says that a certificate stands.
    pub(super) async fn follow(
        &self,
        found: Stored<Holding>,
    ) -> Result<(Stored<Holding>, Certificate), Error> {
        let number = found.entity.number()?;
        let certificate = self.ports.authorities.certificate(&found.entity.authority, &number).await?;
        let (id, epoch) = (found.id, self.epoch_of(&certificate).await?);
        if !found.entity.is_behind(certificate.state) && !found.entity.is_refreshed(epoch) {
            return Ok((found, certificate));
        }
        let event = &holding::Event::Follow(certificate.state);
        self.carry_out(|| {
            Box::pin(async move {
                let mut plan = self.plan(None);
                if plan.find::<Holding>(id).await?.entity.is_behind(certificate.state) {
                    plan.happen::<Holding>(id, event).await?;
                }
                if plan.find::<Holding>(id).await?.entity.is_refreshed(epoch) {
                    plan.happen::<Holding>(id, &holding::Event::Refresh(epoch)).await?;
                }
                plan.commit().await
            })
        })
        .await?;
        Ok((self.find::<Holding>(id).await?, certificate))
    }

    /// How often the shares of the key of a certificate were made.
    async fn epoch_of(&self, certificate: &Certificate) -> Result<u32, Error> {
        let Some(key_id) = &certificate.key_id else { return Ok(0) };
        Ok(self.ports.store.key(key_id).await?.map_or(0, |key| key.epoch))
    }

    /// The certificates of a user, or of an enterprise that the user belongs to or manages, newest first.
    ///
    /// # Errors
    /// [`Error::NotFound`]; storage faults.
    pub async fn holdings(
        &self,
        user: &User,
        whose: Whose,
        page: &Page,
    ) -> Result<Paged<(Stored<Holding>, Certificate)>, Error> {
        let owner = match whose {
            Whose::Own => user.account().id,
            Whose::Enterprise(enterprise) => {
                match self.manages(&mut self.plan(None), user.account().id, enterprise).await {
                    // Members choose which one they ask to use.
                    Ok(_) | Err(Error::RoleMissing(_)) => enterprise,
                    Err(error) => return Err(error),
                }
            }
        };
        let Paged { items, next } = self.under::<Holding>(owner, page).await?;
        let mut followed = Vec::with_capacity(items.len());
        for item in items {
            followed.push(self.follow(item).await?);
        }
        Ok(Paged { items: followed, next })
    }

    /// Whether a certificate ends soon.
    #[must_use]
    pub fn is_expiring(&self, holding: &Stored<Holding>) -> bool {
        let moment = Moment { id: holding.id, now_ms: self.ports.clock.now_ms(), rules: &self.rules };
        holding.entity.is_expiring(moment)
    }

    /// An operator suspends a certificate, or puts it in force again. What was done already changes nothing.
    ///
    /// # Errors
    /// [`Error::NotFound`], [`Error::Conflict`], storage faults.
    pub async fn suspend_holding(
        &self,
        by: &ActingOperator<Reviewer>,
        id: Id,
        suspended: bool,
        once: Option<&Once>,
    ) -> Result<Stored<Holding>, Error> {
        self.follow(self.find::<Holding>(id).await?).await?;
        self.act(&Actor::operator(by), once, move |plan| {
            Box::pin(async move {
                let there = if suspended { HoldingState::Frozen } else { HoldingState::Valid };
                if plan.find::<Holding>(id).await?.entity.state() != there {
                    let event = if suspended { holding::Event::Freeze } else { holding::Event::Unfreeze };
                    plan.happen::<Holding>(id, &event).await?;
                }
                Ok(())
            })
        })
        .await?;
        self.find::<Holding>(id).await
    }
}
