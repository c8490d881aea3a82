//! The key centre: decryption keys are made here, and leave only sealed, to their owner and to a quorum of custodians.
//!
//! **Invariant:** nothing that this server keeps, all its wrapping keys included, opens an escrow.

use std::{collections::BTreeMap, io::Cursor, sync::Arc};

use cosign_core::sm_primitives::sm2::{PrivateKey, PublicKey};
use envelope::{
    Sm2Recipient,
    bid::{BodyKey, ChunkSize, Draft, Policy, Share, Terms},
    enveloped_key,
    io::bid::{Bid, seal},
};
use thiserror::Error as ThisError;

use super::{authorities::custodian, rng::EntropyRng};
use crate::domain::{
    Error,
    ca::{
        AuthorityId, Quorum,
        ports::{KeyCentre, Made},
    },
    ports::{Clock, Entropy},
};

/// The one file in an escrow: d, 32 bytes.
const FILE: &str = "key";

/// Makes decryption keys.
pub struct SealedCentre {
    clock: Arc<dyn Clock>,
    entropy: Arc<dyn Entropy>,
}

impl SealedCentre {
    /// With these sources of time and chance.
    #[must_use]
    pub const fn new(clock: Arc<dyn Clock>, entropy: Arc<dyn Entropy>) -> Self {
        Self { clock, entropy }
    }

    fn draft(&self, authority: &AuthorityId, quorum: &Quorum, key: &PublicKey) -> Result<Draft, Error> {
        quorum.check()?;
        let mut holders = Vec::with_capacity(quorum.custodians.len());
        for (number, keeper) in (1..).zip(&quorum.custodians) {
            let (certificate, _) = keeper.read()?;
            let key = custodian(certificate.as_der())
                .ok_or(Error::BadRequest("the certificate of a custodian is not for encryption"))?;
            holders.push((number, Sm2Recipient::from_public_key(&key)));
        }
        let labels = quorum.custodians.iter().map(|keeper| keeper.label.as_str().to_owned()).collect();
        let policy = Policy::custom(quorum.threshold, labels);
        let public_key = hex::encode(key.as_point().to_bytes());
        Ok(Draft {
            terms: Terms {
                project: "key escrow".to_owned(),
                section: authority.to_string(),
                bidder: String::new(),
                sealed_at: self.clock.now_ms() / 1000,
                metadata: BTreeMap::from([("public_key".to_owned(), public_key)]),
                chunk_size: ChunkSize::from_exponent(16).ok_or(Error::Internal)?,
            },
            policy: policy.map_err(|_| Error::BadRequest("the quorum is none"))?,
            holders,
            opening: None,
            signer: None,
        })
    }
}

impl KeyCentre for SealedCentre {
    fn make(&self, authority: &AuthorityId, quorum: &Quorum, protection: &PublicKey) -> Result<Made, Error> {
        let mut rng = EntropyRng::new(Arc::clone(&self.entropy));
        let key = Box::new(PrivateKey::generate(&mut rng).map_err(|_| Error::Internal)?);
        let enveloped = enveloped_key::seal(&key, protection, &mut rng).map_err(|_| Error::Internal)?;
        let draft = self.draft(authority, quorum, key.public_key())?;
        let d = key.expose_bytes();
        let files = std::iter::once(Ok((FILE.to_owned(), Cursor::new(&d[..]))));
        let sealed = seal(draft, files, Vec::new(), &mut rng).map_err(|_| Error::Internal)?;
        let container = sealed.finish(&[]).map_err(|_| Error::Internal)?;
        Ok(Made { public_key: *key.public_key(), enveloped, container })
    }
}

/// Why an escrow was not opened.
#[derive(Debug, ThisError)]
pub enum EscrowError {
    /// It is none, or was changed.
    #[error("the escrow cannot be opened: {0}")]
    Escrow(String),
    /// Too few custodians.
    #[error("{0} of {1} custodians; their keys open a share each")]
    TooFew(usize, u8),
    /// What is in it is another key.
    #[error("the escrow holds another key than it says")]
    OtherKey,
}

/// Opens an escrow with the keys of custodians, and seals what is in it to a protection key: SM2EnvelopedKey, DER.
///
/// # Errors
/// [`EscrowError`].
pub fn open_escrow(
    container: &[u8],
    key: &PublicKey,
    custodians: &[&PrivateKey],
    protection: &PublicKey,
    entropy: &Arc<dyn Entropy>,
) -> Result<Vec<u8>, EscrowError> {
    let broken = |error: envelope::Error| EscrowError::Escrow(error.to_string());
    let bid = Bid::open(Cursor::new(container)).map_err(|error| EscrowError::Escrow(error.to_string()))?;
    let header = bid.header();
    let (manifest, threshold) = (header.manifest(), header.manifest().policy().threshold());
    let mut shares: Vec<Share> = Vec::new();
    for custodian in custodians {
        for slot in header.slots().slots() {
            if shares.iter().any(|share| share.number() == slot.share()) {
                continue;
            }
            match slot.unwrap(manifest, custodian) {
                Ok(share) => shares.push(share),
                Err(envelope::Error::WrongKey) => {}
                Err(error) => return Err(broken(error)),
            }
        }
    }
    if shares.len() < usize::from(threshold) {
        return Err(EscrowError::TooFew(shares.len(), threshold));
    }
    shares.truncate(threshold.into());
    let body = BodyKey::derive(manifest, &shares, None).map_err(broken)?;
    let outer = |error: envelope::io::Error| EscrowError::Escrow(error.to_string());
    let mut open = bid.unlock(body).map_err(outer)?;
    let entry = open.index().entries().first().cloned();
    let entry = entry.ok_or_else(|| EscrowError::Escrow("nothing is in it".to_owned()))?;
    let d = open.read(&entry).map_err(outer)?;
    let opened = d.as_slice().try_into().ok().and_then(PrivateKey::from_bytes).map(Box::new);
    let opened = opened.filter(|opened| opened.public_key() == key).ok_or(EscrowError::OtherKey)?;
    let mut rng = EntropyRng::new(Arc::clone(entropy));
    enveloped_key::seal(&opened, protection, &mut rng).map_err(broken)
}
