//! Proof of the time of a seal: a time-stamp by the authority that issued the certificate, where that stamps the time.

use cosign_core::sm_primitives::sm2::Signature;
use pki::{
    algorithm::HashAlgorithm,
    tsp::{Imprint, TimeStampRequest, TimeStampResponse},
};

use super::Office;
use crate::domain::{Error, ca::AuthorityId};

/// By so many bytes a token may be longer than the one before it: serial numbers, fractions of seconds.
const TOKENS_DIFFER: usize = 256;

impl Office {
    /// Most bytes of a time-stamp by an authority, which it shows beforehand; `None` where it stamps nothing.
    pub(super) async fn stamp_len(&self, authority: &str) -> Result<Option<usize>, Error> {
        let shown = self.token(authority, b"the length of a token").await?;
        Ok(shown.map(|token| token.len().saturating_add(TOKENS_DIFFER)))
    }

    /// A time-stamp over a signature, DER.
    pub(super) async fn time_stamp(&self, authority: &str, signature: &[u8; 64]) -> Result<Vec<u8>, Error> {
        let signature = Signature::from_bytes(signature).map_err(|_| Error::Internal)?;
        self.token(authority, &signature.to_der()).await?.ok_or(Error::Unavailable)
    }

    async fn token(&self, authority: &str, content: &[u8]) -> Result<Option<Vec<u8>>, Error> {
        let authority: AuthorityId = authority.to_owned().try_into().map_err(|_| Error::Internal)?;
        let imprint = Imprint::of(HashAlgorithm::Sm3, content).map_err(|_| Error::Internal)?;
        let request = TimeStampRequest::new(imprint, Some(self.random()?)).to_der();
        let answer = match self.ports.authorities.stamp(&authority, request).await {
            Ok(answer) => TimeStampResponse::from_der(&answer).map_err(|_| Error::Internal)?,
            Err(Error::NotFound) => return Ok(None),
            Err(error) => return Err(error),
        };
        Ok(answer.token.map(|token| token.as_der().to_vec()))
    }
}
