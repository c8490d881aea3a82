//! The certificate with which seals are signed.

use cosign_core::{csr, sm_primitives::sm2::DistId};

use super::{Authorities, Direct};
use crate::domain::{
    Error,
    ca::{AuthorityId, CertState, Profile, Role, ports::Which},
    office::providers::SealMaker,
};

/// A certificate that ends sooner than this is followed by another one, milliseconds.
const NEAR_MS: u64 = 86_400_000;

impl Authorities {
    /// The certificate of the seal maker of this server by an authority, which issues one when there is none.
    ///
    /// # Errors
    /// [`Error::NotFound`], [`Error::Conflict`] for an authority that is retired; storage faults.
    pub(in crate::domain) async fn seal_maker(
        &self,
        authority: &AuthorityId,
        maker: &dyn SealMaker,
    ) -> Result<pki::Certificate, Error> {
        let now_ms = self.clock.now_ms();
        let key = maker.public_key();
        let which = Which {
            authority: Some(authority.clone()),
            public_key: Some(key.as_point().to_bytes()),
            ..Which::default()
        };
        let found = self.registry.certificates(which).await?;
        let good = found
            .into_iter()
            .find(|one| one.state == CertState::Valid && now_ms.saturating_add(NEAR_MS) < one.not_after_ms);
        let der = if let Some(good) = good {
            good.der
        } else {
            let info = csr::info("seal maker", &key);
            let signature = maker.sign(&DistId::default().digest(&key, &info))?;
            let direct = Direct {
                authority: authority.clone(),
                csr: csr::assemble(&info, &signature),
                profile: Profile::SealMaker,
                role: Role::Sign,
                days: None,
            };
            self.issue(direct).await?.der
        };
        pki::Certificate::from_der(&der).map_err(|_| Error::Internal)
    }
}
