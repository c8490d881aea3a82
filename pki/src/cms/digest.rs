//! Hashing a content for signatures of any algorithm.

use core::fmt;

use envelope::cms::{self, Compat, ContentHasher};

use super::{Message, algorithm_of};
use crate::algorithm::{HashAlgorithm, Hasher};
use crate::certificate::Certificate;

/// Computes the digests that the signatures of a message need, while the content passes once.
pub struct ContentDigester {
    /// SM3 of the content, and with Z of each signer in front.
    sm2: Option<ContentHasher>,
    /// One of each other algorithm.
    others: Vec<Hasher>,
}

impl ContentDigester {
    pub(super) fn new(message: &Message, others: &[Certificate]) -> Self {
        let algorithms: Vec<_> = message.signers().iter().map(algorithm_of).collect();
        let sm2 = algorithms.iter().any(Option::is_none).then(|| {
            let mut hasher = message.signatures().hasher(&[], Compat::STRICT);
            for signer in message.signers().iter().filter(|signer| signer.attributes().is_none()) {
                let certificate = message.certificate_of(signer, others);
                if let Some(key) = certificate.and_then(|certificate| certificate.key().sm2()) {
                    hasher = hasher.with_key(key);
                }
            }
            hasher
        });
        let mut others: Vec<Hasher> = Vec::new();
        for algorithm in algorithms.iter().flatten() {
            if others.iter().all(|hasher| hasher.algorithm() != algorithm.hash()) {
                others.extend(algorithm.hash().hasher());
            }
        }
        Self { sm2, others }
    }

    /// The hash of the content by itself, if that is all that the signatures need of it.
    #[must_use]
    pub fn only(&self) -> Option<HashAlgorithm> {
        match (&self.sm2, self.others.as_slice()) {
            (Some(sm2), []) => sm2.is_plain().then_some(HashAlgorithm::Sm3),
            (None, [one]) => Some(one.algorithm()),
            _ => None,
        }
    }

    /// Goes on from a hash that has absorbed the beginning of the content, if that is [all that is needed](Self::only) of it;
    /// else says `false` and stays as it is. To be called before any content.
    #[must_use]
    pub fn resume(&mut self, begun: &Hasher) -> bool {
        if self.only() != Some(begun.algorithm()) {
            return false;
        }
        match (&mut self.sm2, begun) {
            (Some(sm2), Hasher::Sm3(begun)) => sm2.resume(begun),
            _ => self.others = vec![begun.clone()],
        }
        true
    }

    /// Takes the next bytes of the content.
    pub fn update(&mut self, content: &[u8]) {
        if let Some(hash) = &mut self.sm2 {
            hash.update(content);
        }
        for hasher in &mut self.others {
            hasher.update(content);
        }
    }

    /// The digests.
    #[must_use]
    pub fn finish(self) -> ContentDigests {
        let others = self.others.into_iter().map(|hasher| (hasher.algorithm(), hasher.finalize()));
        ContentDigests { sm2: self.sm2.map(ContentHasher::finish), others: others.collect() }
    }
}

impl fmt::Debug for ContentDigester {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ContentDigester").finish_non_exhaustive()
    }
}

/// The digests of a content.
#[derive(Clone, Debug)]
pub struct ContentDigests {
    sm2: Option<cms::ContentDigests>,
    others: Vec<(HashAlgorithm, Vec<u8>)>,
}

impl ContentDigests {
    /// Those for signatures of SM2; `None`: the message has none.
    #[must_use]
    pub const fn sm2(&self) -> Option<&cms::ContentDigests> {
        self.sm2.as_ref()
    }

    /// The hash of the content; `None`: no signature needs it. SM3 is in [`ContentDigests::sm2`].
    #[must_use]
    pub fn of(&self, hash: HashAlgorithm) -> Option<&[u8]> {
        self.others.iter().find(|(known, _)| *known == hash).map(|(_, digest)| digest.as_slice())
    }
}
