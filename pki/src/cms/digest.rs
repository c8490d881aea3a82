//! Hashing a content for signatures of any algorithm.

use core::fmt;

use envelope::cms::{self, Compat, ContentHasher};
use sha2::{Digest as _, Sha256, Sha384, Sha512};

use super::{Message, algorithm_of};
use crate::algorithm::HashAlgorithm;
use crate::certificate::Certificate;

/// Computes the digests that the signatures of a message need, while the content passes once.
pub struct ContentDigester {
    /// SM3 of the content, and with Z of each signer in front.
    sm2: Option<ContentHasher>,
    sha256: Option<Sha256>,
    sha384: Option<Sha384>,
    sha512: Option<Sha512>,
}

impl ContentDigester {
    pub(super) fn new(message: &Message, others: &[Certificate]) -> Self {
        let algorithms: Vec<_> = message.signers().iter().map(algorithm_of).collect();
        let wanted = |wanted| algorithms.iter().flatten().any(|algorithm| algorithm.hash() == wanted);
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
        Self {
            sm2,
            sha256: wanted(HashAlgorithm::Sha256).then(Sha256::new),
            sha384: wanted(HashAlgorithm::Sha384).then(Sha384::new),
            sha512: wanted(HashAlgorithm::Sha512).then(Sha512::new),
        }
    }

    /// Takes the next bytes of the content.
    pub fn update(&mut self, content: &[u8]) {
        if let Some(hash) = &mut self.sm2 {
            hash.update(content);
        }
        if let Some(hash) = &mut self.sha256 {
            hash.update(content);
        }
        if let Some(hash) = &mut self.sha384 {
            hash.update(content);
        }
        if let Some(hash) = &mut self.sha512 {
            hash.update(content);
        }
    }

    /// The digests.
    #[must_use]
    pub fn finish(self) -> ContentDigests {
        let sha2 = [
            (HashAlgorithm::Sha256, self.sha256.map(|hash| hash.finalize().to_vec())),
            (HashAlgorithm::Sha384, self.sha384.map(|hash| hash.finalize().to_vec())),
            (HashAlgorithm::Sha512, self.sha512.map(|hash| hash.finalize().to_vec())),
        ];
        ContentDigests { sm2: self.sm2.map(ContentHasher::finish), sha2 }
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
    sha2: [(HashAlgorithm, Option<Vec<u8>>); 3],
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
        self.sha2.iter().find(|(known, _)| *known == hash).and_then(|(_, digest)| digest.as_deref())
    }
}
