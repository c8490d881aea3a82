//! The escrow of decryption keys: sealed so that a quorum of custodians opens it, and nobody else, this server included.
//!
//! An escrow is a container of `envelope::bid` with the policy "any m of n": the private key (PKCS#8) is its one file, each
//! custodian holds one share, wrapped to the key of his certificate. That form has a specification, commitments to the
//! shares, a rewrap for custodians who change, and tools that open it without this server.

use cosign_core::sm_primitives::sm2::PublicKey;
use serde::{Deserialize, Serialize};

use super::authority::AuthorityId;
use crate::domain::{Error, device::Name};

/// Most custodians.
pub const MAX_CUSTODIANS: usize = 16;

/// Who holds a share.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Custodian {
    /// What the share is called: at most 64 bytes.
    pub label: Name,
    /// His certificate, DER in hex.
    pub certificate: String,
}

impl Custodian {
    /// His certificate.
    ///
    /// # Errors
    /// [`Error::BadRequest`] for what is no certificate of SM2.
    pub fn read(&self) -> Result<(pki::Certificate, PublicKey), Error> {
        let der = hex::decode(&self.certificate).ok();
        let certificate = der.and_then(|der| pki::Certificate::from_der(&der).ok());
        let certificate = certificate.ok_or(Error::BadRequest("a custodian's certificate cannot be read"))?;
        let key = *certificate.key().sm2().ok_or(Error::BadRequest("a custodian's key is not of SM2"))?;
        Ok((certificate, key))
    }
}

/// Any `threshold` of the custodians.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Quorum {
    /// How many it takes, at least 2.
    pub threshold: u8,
    /// Who they are: at most 16, with different labels and different keys.
    pub custodians: Vec<Custodian>,
}

impl Quorum {
    /// Whether it is one.
    ///
    /// # Errors
    /// [`Error::BadRequest`].
    pub fn check(&self) -> Result<(), Error> {
        let count = self.custodians.len();
        if self.threshold < 2 || usize::from(self.threshold) > count || count > MAX_CUSTODIANS {
            return Err(Error::BadRequest("a quorum is at least 2, of at most 16 custodians"));
        }
        let mut keys = Vec::with_capacity(count);
        for custodian in &self.custodians {
            let (_, key) = custodian.read()?;
            if keys.contains(&key) {
                return Err(Error::BadRequest("two custodians have one key: one person would be two"));
            }
            keys.push(key);
        }
        let mut labels: Vec<_> = self.custodians.iter().map(|custodian| custodian.label.as_str()).collect();
        labels.sort_unstable();
        labels.dedup();
        if labels.len() != count || labels.iter().any(|label| label.len() > 64) {
            return Err(Error::BadRequest("custodians have different labels of at most 64 bytes"));
        }
        Ok(())
    }
}

/// An escrowed key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EscrowedKey {
    /// Who certified it.
    pub authority: AuthorityId,
    /// X || Y.
    pub public_key: [u8; 64],
    /// The container.
    pub container: Vec<u8>,
    /// When it was made, unix milliseconds.
    pub created_ms: u64,
}
