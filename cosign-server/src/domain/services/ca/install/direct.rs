//! Certificates without a device that applied for them.

use cosign_core::Purpose;

use super::{BACKDATED_MS, DAY_MS, WAITING, rows};
use crate::domain::{
    Error,
    ca::{
        AuthorityId, Certificate, Profile, RequestId, Role,
        ports::{Certified, Order, RegistryWrite},
    },
    key::{Status, StoredKey},
    ports::Write,
    services::ca::{Authorities, apply::prove},
};

/// A certificate that the operator issues without a request of a device.
#[derive(Clone, Debug)]
pub struct Direct {
    /// At which authority.
    pub authority: AuthorityId,
    /// The certification request.
    pub csr: Vec<u8>,
    /// What kind of subject.
    pub profile: Profile,
    /// What its key is for.
    pub role: Role,
    /// Days that it is valid; what the authority says if `None`.
    pub days: Option<u32>,
}

impl Authorities {
    /// Issues a certificate that no device applied for. If its key is that of a device of this server, the certificate is
    /// that device's.
    ///
    /// # Errors
    /// As [`Self::install`].
    pub async fn issue(&self, direct: Direct) -> Result<Certificate, Error> {
        let now_ms = self.clock.now_ms();
        let authority = self.authority(&direct.authority).await?;
        if authority.retired_ms.is_some() {
            return Err(Error::Conflict("the authority is retired"));
        }
        let proven = prove(&direct.csr)?;
        let days = direct.days.unwrap_or(authority.options.validity_days);
        let order = Order {
            request: RequestId::from_bytes(self.random()?),
            csr: direct.csr,
            subject: None,
            profile: direct.profile,
            role: direct.role,
            public_key: proven.key,
            serial: self.new_serial()?,
            not_before_ms: now_ms.saturating_sub(BACKDATED_MS),
            not_after_ms: now_ms.saturating_add(DAY_MS.saturating_mul(days.into())),
        };
        let shares = self.store.shares(&proven.key.as_point().to_bytes()).await?;
        let purpose = if direct.role == Role::Sign { Purpose::Sign } else { Purpose::Encrypt };
        if shares.iter().any(|share| share.purpose != purpose) {
            return Err(Error::Conflict("the key is for the other purpose"));
        }
        let live = |share: &&StoredKey| share.status == Status::Active && !share.seat;
        let owner = shares.iter().find(live);
        if owner.is_none() && !shares.is_empty() {
            return Err(Error::Conflict("no share of the key is active"));
        }
        let Certified::Now(certificates) = self.certifier.certify(&authority, vec![order.clone()]).await?
        else {
            return Err(WAITING);
        };
        let certificate = certificates.first().ok_or(Error::Internal)?;
        let mut row = rows::row(&authority, &order, certificate, now_ms)?;
        row.request = None;
        row.device = owner.map(|share| share.device);
        row.key_id = owner.map(|share| share.key_id);
        let add = RegistryWrite::AddCertificate(Box::new(row.clone()));
        self.store
            .commit([Write::Registry(add), Write::Log(rows::issued(&row, None, now_ms))].into())
            .await?;
        Ok(row)
    }
}
