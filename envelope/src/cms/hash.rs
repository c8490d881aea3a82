//! Hashing the content of a signed message.

use alloc::vec::Vec;

use sm_primitives::sm2::{DistId, PublicKey};
use sm_primitives::sm3::Sm3;

use super::compat::{Compat, Switch};
use super::signers::ContentId;

/// Computes the digests of a content that signatures may be of.
///
/// SM3(content), which attributes hold; for each key given SM3(Z || content) with the default id
/// `1234567812345678`, which signatures without attributes are of; and what a compatibility switch asks for.
pub struct ContentHasher {
    compat: Compat,
    plain: Option<Sm3>,
    with_z: Vec<(PublicKey, Sm3)>,
    content_info: Option<Sm3>,
}

impl ContentHasher {
    /// For a content that is not in a message: detached signatures.
    #[must_use]
    pub fn detached(compat: Compat) -> Self {
        Self::new(compat, None)
    }

    pub(super) fn new(compat: Compat, content: Option<&ContentId>) -> Self {
        let wanted = content.filter(|_| compat.has(Switch::NoZContentInfo));
        let content_info = wanted.and_then(ContentId::encoding_before_content);
        Self {
            compat,
            plain: Some(Sm3::new()),
            with_z: Vec::new(),
            content_info: content_info.map(|encoding| Sm3::new().chain(&encoding)),
        }
    }

    /// Leaves SM3(content) out.
    pub(super) fn without_plain(self) -> Self {
        Self { plain: None, ..self }
    }

    /// Adds a key that may have signed without attributes. To be called before any content.
    #[must_use]
    pub fn with_key(mut self, key: &PublicKey) -> Self {
        if self.with_z.iter().all(|(known, _)| known != key) {
            self.with_z.push((*key, DistId::default().hasher(key)));
        }
        self
    }

    /// Whether SM3 of the content by itself is all that is computed.
    #[must_use]
    pub const fn is_plain(&self) -> bool {
        self.plain.is_some() && self.with_z.is_empty() && self.content_info.is_none()
    }

    /// Goes on from a hash that has absorbed the beginning of the content; of use only if it [is all](Self::is_plain). To be
    /// called before any content.
    pub fn resume(&mut self, begun: &Sm3) {
        self.plain = Some(begun.clone());
    }

    /// Takes the next bytes of the content.
    pub fn update(&mut self, content: &[u8]) {
        if let Some(hash) = &mut self.plain {
            hash.update(content);
        }
        for (_, hash) in &mut self.with_z {
            hash.update(content);
        }
        if let Some(hash) = &mut self.content_info {
            hash.update(content);
        }
    }

    /// The digests.
    #[must_use]
    pub fn finish(self) -> ContentDigests {
        ContentDigests {
            compat: self.compat,
            plain: self.plain.map(Sm3::finalize),
            with_z: self.with_z.into_iter().map(|(key, hash)| (key, hash.finalize())).collect(),
            content_info: self.content_info.map(Sm3::finalize),
        }
    }
}

/// The digests of a content, and the compatibility switches under which they were asked for.
#[derive(Clone, Debug)]
pub struct ContentDigests {
    pub(super) compat: Compat,
    pub(super) plain: Option<[u8; 32]>,
    with_z: Vec<(PublicKey, [u8; 32])>,
    pub(super) content_info: Option<[u8; 32]>,
}

impl ContentDigests {
    /// SM3(content), unless no signature needs it.
    #[must_use]
    pub const fn plain(&self) -> Option<&[u8; 32]> {
        self.plain.as_ref()
    }

    /// SM3(Z || content) of a key that was given in advance.
    #[must_use]
    pub fn with_z(&self, key: &PublicKey) -> Option<&[u8; 32]> {
        self.with_z.iter().find(|(known, _)| known == key).map(|(_, digest)| digest)
    }
}

#[cfg(test)]
mod tests {
    use sm_primitives::sm2::PrivateKey;

    use super::*;

    #[test]
    fn a_hash_with_z_cannot_be_carried_on() {
        assert!(ContentHasher::detached(Compat::STRICT).is_plain());
        let key = PrivateKey::from_bytes(&[1; 32]).unwrap();
        assert!(!ContentHasher::detached(Compat::STRICT).with_key(key.public_key()).is_plain());
        assert!(!ContentHasher::detached(Compat::STRICT).without_plain().is_plain());
        let mut hasher = ContentHasher::detached(Compat::STRICT);
        hasher.resume(&Sm3::new().chain(b"con"));
        hasher.update(b"tent");
        assert_eq!(hasher.finish().plain(), Some(&Sm3::new().chain(b"content").finalize()));
    }
}
