//! Keys of authorities at rest.

use cosign_core::sm_primitives::sm2::PrivateKey;
use pki::issue::Issuer;

use crate::domain::{
    Error,
    audit::{Act, Event},
    ca::{Authority, AuthorityId, AuthorityKey, Duty, ports::RegistryWrite},
    ports::Write,
};
use crate::signer::{
    seal::Place,
    sealer::{Sealer, SealerError},
};

impl Sealer {
    pub(super) fn add_key(
        &self,
        id: &AuthorityId,
        duty: Duty,
        key: &PrivateKey,
        certificate: &[u8],
        now_ms: u64,
    ) -> Result<[Write; 2], SealerError> {
        let public_key = key.public_key().as_point().to_bytes();
        let sealed =
            self.keys().seal(&Place::authority_key(&public_key), &key.expose_bytes()[..], &*self.entropy);
        let sealed = sealed.map_err(|error| SealerError::Seal {
            version: self.keys().newest().unwrap_or_default(),
            error,
        })?;
        let event = Event::administration(now_ms, Act::AUTHORITY, format!("{id}, to {}", duty.as_str()));
        let row = AuthorityKey {
            authority: id.clone(),
            duty,
            public_key: *key.public_key(),
            certificate: certificate.to_vec(),
            created_ms: now_ms,
            sealed,
        };
        Ok([
            Write::Registry(RegistryWrite::AddKey(row)),
            Write::Log(Event { public_key: Some(public_key), ..event }),
        ])
    }

    /// A key of an authority, on the heap so that no copy is left behind when it moves, and its certificate.
    pub(super) async fn authority_key(
        &self,
        id: &AuthorityId,
        duty: Duty,
    ) -> Result<(Box<PrivateKey>, pki::Certificate), Error> {
        let keys = self.store.authority_keys().await?;
        let key = keys.into_iter().find(|key| key.authority == *id && key.duty == duty);
        let key = key.ok_or(Error::NotFound)?;
        if !self.keys().knows(&key.sealed)
            && let Err(error) = self.catch_up().await
        {
            tracing::warn!(%error, "the wrapping keys were not taken over");
        }
        let opened =
            self.keys().open(&Place::authority_key(&key.public_key.as_point().to_bytes()), &key.sealed);
        let opened = opened.map_err(|error| {
            tracing::error!(authority = %id, %error, "the key cannot be used");
            Error::Internal
        })?;
        let private = opened.as_slice().try_into().ok().and_then(PrivateKey::from_bytes).map(Box::new);
        let private =
            private.filter(|private| *private.public_key() == key.public_key).ok_or(Error::Internal)?;
        let certificate = pki::Certificate::from_der(&key.certificate).map_err(|_| Error::Internal)?;
        Ok((private, certificate))
    }

    pub(super) async fn issuer(&self, authority: &Authority) -> Result<(Box<PrivateKey>, Issuer), Error> {
        let (key, certificate) = self.authority_key(&authority.id, Duty::Certify).await?;
        Ok((key, Issuer::new(certificate).map_err(|_| Error::Internal)?))
    }
}
