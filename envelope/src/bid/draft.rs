//! The beginning of a new bid.

use alloc::vec::Vec;

use sm_primitives::{rand_core::TryCryptoRng, sm2::PublicKey};

use super::{
    BodyKey, FileId, Header, Manifest, Opening, Policy, Slot, Slots, Terms,
    sharing::{Dealt, deal},
};
use crate::{
    error::{ApiMisuse, Error},
    recipient::SubjectKeyId,
    sm2::Sm2Recipient,
};

/// What a new bid is to be.
#[derive(Clone, Debug)]
pub struct Draft {
    /// What it says of itself.
    pub terms: Terms,
    /// Who must come together.
    pub policy: Policy,
    /// Who gets which share, by its number from 1. Several may get the same one, nobody's is left out.
    pub holders: Vec<(u8, Sm2Recipient)>,
    /// Unix seconds before which it stays closed, and the opening key of the server that sees to it.
    pub opening: Option<(u64, PublicKey)>,
    /// The key that will sign it.
    pub signer: Option<PublicKey>,
}

impl Draft {
    /// Draws id, secret, shares and lock, and wraps them: the header, its bytes, and the key for the body, which seals one
    /// body. Timing: independent of the secrets.
    ///
    /// # Errors
    /// [`Error::ApiMisuse`] for what the format does not take, [`Error::RandomFailed`].
    pub fn begin(self, rng: &mut (impl TryCryptoRng + ?Sized)) -> Result<(Header, Vec<u8>, BodyKey), Error> {
        let Dealt { secret, shares, commitments } = deal(self.policy.threshold(), self.policy.shares(), rng)?;
        let file_id = FileId::random(rng)?;
        let (opening, lock_secret, lock) = match self.opening {
            Some((not_before, key)) => {
                let (opening, secret, lock) = Opening::new(file_id, not_before, &key, rng)?;
                (Some(opening), Some(secret), Some(lock))
            }
            None => (None, None, None),
        };
        let signer = self.signer.as_ref().map(SubjectKeyId::of);
        let manifest = Manifest::new(file_id, self.terms, self.policy, commitments, signer, opening)?;
        let mut slots = Vec::with_capacity(self.holders.len());
        for (number, recipient) in &self.holders {
            let share = shares.iter().find(|share| share.number() == *number).ok_or(ApiMisuse::BidHolders)?;
            slots.push(Slot::wrap(share, recipient, rng)?);
        }
        let slots = Slots::new(&manifest, slots, lock)?;
        let key = BodyKey::from_secrets(&manifest, &secret.expose_bytes(), lock_secret.as_ref());
        let (header, bytes) = Header::new(manifest, slots)?;
        Ok((header, bytes, key))
    }
}
