//! What the seal maker signs: picture, kind, name and certificate of a seal as one (GB/T 38540-2020).

use pki::Time;
use seal::ses::{Holders, PictureData, SealOrder};

use super::{Office, User};
use crate::domain::{
    Error,
    ca::Certificate,
    office::{
        Id, Stored,
        holding::{Holder, Holding},
        personal::Kind,
        seal::{self as seals, Seal},
    },
};

impl Office {
    /// The signed seal of a user, DER; it is made when it is first asked for, and after every change.
    ///
    /// # Errors
    /// [`Error::NotFound`] for another's, [`Error::Conflict`] when it or its certificate is not in force; storage faults.
    pub async fn seal_data(&self, user: &User, id: Id) -> Result<Vec<u8>, Error> {
        let found = self.seal(user, id).await?;
        self.read_file(self.signed_file(&found).await?).await
    }

    /// The file of a seal as its maker signed it; it is made if there is none.
    pub(super) async fn signed_file(&self, found: &Stored<Seal>) -> Result<Id, Error> {
        found.entity.is_good()?;
        let holding = self.find::<Holding>(found.entity.holding).await?;
        let (holding, certificate) = self.follow(holding).await?;
        holding.entity.is_in_force(self.ports.clock.now_ms())?;
        if let Some(data) = found.entity.data {
            return Ok(data);
        }
        let made = &self.signed_seal(found, &holding, &certificate).await?;
        let (id, owner, version) = (found.id, found.entity.holder.id(), found.entity.version);
        self.carry_out(|| {
            Box::pin(async move {
                let mut plan = self.plan(None);
                let data = self.keep_file(&mut plan, owner, made)?;
                plan.happen::<Seal>(id, &seals::Event::Signed { data, version }).await?;
                plan.commit().await?;
                Ok(data)
            })
        })
        .await
    }

    pub(super) async fn read_file(&self, id: Id) -> Result<Vec<u8>, Error> {
        let row = self.ports.entities.attachment(id).await?.ok_or(Error::NotFound)?;
        Ok(self.ports.vault.open_file(id, &row.sealed)?.to_vec())
    }

    async fn signed_seal(
        &self,
        found: &Stored<Seal>,
        holding: &Stored<Holding>,
        certificate: &Certificate,
    ) -> Result<Vec<u8>, Error> {
        let maker = self.ports.seal_maker.as_ref();
        let maker_certificate = self.ports.authorities.seal_maker(&holding.entity.authority, maker).await?;
        let one = &found.entity;
        let name = one.name.as_ref().ok_or(Error::NotFound)?;
        let name = self.ports.vault.open(Kind::Words, name)?;
        let (width, height) = one.face.size;
        let png = self.read_file(one.face.picture).await?;
        let picture =
            PictureData::new(png, width.div_ceil(10), height.div_ceil(10)).map_err(|_| Error::Internal)?;
        let time = |ms: u64| Time::from_unix(ms / 1000).ok_or(Error::Internal);
        let created = time(self.ports.clock.now_ms())?;
        let order = SealOrder {
            vendor: "cosign",
            id: &format!("{}-{}", found.id, one.version),
            kind: if matches!(one.holder, Holder::Enterprise(_)) { 1 } else { 2 },
            name: &name,
            holders: Holders::Certificates(vec![certificate.der.clone()]),
            created,
            validity: (created, time(certificate.not_after_ms)?),
            picture,
        };
        let failed = |error: seal::Error| {
            tracing::error!(id = %found.id, %error, "the seal was not signed");
            Error::Internal
        };
        let unsigned = order.unsigned(&maker_certificate).map_err(failed)?;
        let signature = maker.sign(unsigned.digest())?;
        Ok(unsigned.complete(&signature).map_err(failed)?.as_der().to_vec())
    }
}
