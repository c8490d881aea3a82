//! Keys of certification authorities: made, sealed like shares, unsealed for one signature and wiped.

mod certifier;
mod keys;
mod make;

pub use certifier::AuthoritySigner;
pub use make::NewAuthority;

use cosign_core::sm_primitives::sm2::{PrivateKey, PublicKey, dsa};
use pki::{
    Time,
    issue::{Profile, ProfileKind, Unsigned},
};

use super::rng::EntropyRng;
use crate::domain::{
    Error,
    ca::{AuthorityId, Options},
};

fn time(ms: u64) -> Result<Time, Error> {
    Time::from_unix(ms / 1000).ok_or(Error::Internal)
}

/// What a certificate cannot be made of is the caller's fault; anything else is not.
fn refused(error: pki::Error) -> Error {
    match error {
        pki::Error::Unusable(what) => Error::Conflict(what),
        error => {
            tracing::error!(%error, "not issued");
            Error::Internal
        }
    }
}

fn sign(unsigned: Unsigned, key: &PrivateKey, rng: &mut EntropyRng) -> Result<Vec<u8>, Error> {
    let signature = dsa::sign_digest(key, unsigned.digest(), rng).map_err(|_| Error::Internal)?;
    unsigned.assemble(&signature).map_err(|_| Error::Internal)
}

/// Places and policies that stand in everything that an authority issues.
fn profile(kind: ProfileKind, id: &AuthorityId, options: &Options) -> Result<Profile, Error> {
    let mut profile = Profile::new(kind);
    if let Some(policy) = &options.policy {
        let policy = pki::ObjectIdentifier::new(policy).map_err(|_| Error::Internal)?;
        profile = profile.with_policy(policy, None).map_err(refused)?;
    }
    if let Some(base) = &options.base_url {
        profile = profile
            .with_crl(&format!("{base}/ca/{id}.crl"))
            .and_then(|profile| profile.with_freshest_crl(&format!("{base}/ca/{id}.delta.crl")))
            .and_then(|profile| profile.with_ocsp(&format!("{base}/ocsp/{id}")))
            .and_then(|profile| profile.with_ca_issuers(&format!("{base}/ca/{id}.cer")))
            .map_err(refused)?;
    }
    Ok(profile)
}

/// The key of a custodian's certificate, if shares may be wrapped to it.
pub(super) fn custodian(certificate: &[u8]) -> Option<PublicKey> {
    envelope::Sm2Recipient::from_certificate(certificate).ok().map(|recipient| *recipient.public_key())
}
