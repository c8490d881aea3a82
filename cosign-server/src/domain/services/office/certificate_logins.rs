//! Logging in with a certificate, whose key the PIN releases.

use cosign_core::DeviceId;

use super::Office;
use crate::domain::{
    Error,
    ca::Profile,
    office::{
        Entity as _, Id, Stored,
        account::Account,
        challenge::{self, Challenge},
        holding::{Holding, HoldingState, Platform},
        person::{DocumentNumber, Person},
        personal::Kind,
        proof::UsableCertificate,
        session::OwnDevice,
    },
};

/// What shows that somebody has a certificate for logging in, and its PIN.
pub struct CertificateShown {
    /// What was signed.
    pub challenge: Id,
    /// The number of the identity document.
    pub number: DocumentNumber,
    /// r || s.
    pub signature: [u8; 64],
}

impl Office {
    /// Whether a certificate for this platform is one for logging in here: the platform that this service itself is.
    #[must_use]
    pub fn is_for_login(&self, platform: Option<&Platform>) -> bool {
        platform.is_some_and(|platform| platform.as_str() == self.rules.scan_issuer)
    }

    /// Something for a device to sign: the same one as long as it is good.
    ///
    /// # Errors
    /// Storage faults.
    pub async fn login_challenge(&self, device: DeviceId) -> Result<(Stored<Challenge>, String), Error> {
        let device = OwnDevice::new(device);
        let id = self
            .carry_out(|| {
                Box::pin(async move {
                    let mut plan = self.plan(None);
                    if let Some(open) = self.named::<Challenge>(Challenge::name_of(device)).await? {
                        if plan.now_ms < open.entity.expires_ms {
                            return Ok(open.id);
                        }
                        plan.happen::<Challenge>(open.id, &challenge::Event::Expire).await?;
                    }
                    let id = plan.id()?;
                    plan.make::<Challenge>(id, &challenge::Event::Ask(device))?;
                    plan.commit().await?;
                    Ok(id)
                })
            })
            .await?;
        Ok((self.find::<Challenge>(id).await?, Challenge::text(&self.rules.scan_issuer, id)))
    }

    /// Whose account a certificate logs in to. The challenge is used up, whatever was signed.
    pub(super) async fn by_certificate(
        &self,
        shown: &CertificateShown,
        device: Option<DeviceId>,
    ) -> Result<Stored<Account>, Error> {
        let device = device.ok_or(Error::NoClientCertificate)?;
        let event = &challenge::Event::Answer(OwnDevice::new(device));
        self.carry_out(|| {
            Box::pin(async move {
                let mut plan = self.plan(None);
                plan.happen::<Challenge>(shown.challenge, event).await?;
                plan.commit().await
            })
        })
        .await
        .map_err(|error| if error == Error::NotFound { Error::CodeInvalid } else { error })?;
        let text = Challenge::text(&self.rules.scan_issuer, shown.challenge);
        let number_name = self.ports.vault.name(Kind::IdNumber, shown.number.expose())?;
        for person in self.all_under::<Person>(Person::list_of(&number_name)).await? {
            let account = person.id;
            for holding in self.all_under::<Holding>(account).await? {
                if self.is_for_login(holding.entity.platform.as_ref())
                    && holding.entity.state() == HoldingState::Valid
                    && self.is_signed(&holding.entity, device, &text, &shown.signature).await?
                {
                    return self.find::<Account>(account).await;
                }
            }
        }
        Err(Error::PasswordInvalid)
    }

    async fn is_signed(
        &self,
        holding: &Holding,
        device: DeviceId,
        text: &str,
        signature: &[u8; 64],
    ) -> Result<bool, Error> {
        let certificate = self.ports.authorities.certificate(&holding.authority, &holding.number()?).await?;
        let now_ms = self.ports.clock.now_ms();
        let Ok(usable) = UsableCertificate::of(&certificate, Profile::Personal, device, now_ms) else {
            return Ok(false);
        };
        Ok(usable.check(&[usable.digest(text.as_bytes())?], &[*signature]).is_ok())
    }

    /// That a certificate of a user may sign for others than this service.
    pub(super) fn is_for_business(&self, holding: &Holding) -> Result<(), Error> {
        if self.is_for_login(holding.platform.as_ref()) {
            return Err(Error::Conflict("the certificate is for logging in"));
        }
        Ok(())
    }
}
