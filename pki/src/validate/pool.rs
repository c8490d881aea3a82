//! Certificates by the names of their subjects.

use std::collections::HashMap;

use crate::certificate::Certificate;

/// The certificates of a validator.
#[derive(Clone, Debug, Default)]
pub(super) struct Pool {
    certificates: Vec<(Certificate, bool)>,
    by_subject: HashMap<Vec<u8>, Vec<usize>>,
}

impl Pool {
    /// A certificate that is there already is not added again, but may become a trust anchor.
    pub(super) fn add(&mut self, certificate: Certificate, anchor: bool) {
        let indices = self.by_subject.entry(certificate.subject().key()).or_default();
        for index in indices.iter() {
            if let Some((known, is_anchor)) = self.certificates.get_mut(*index)
                && *known == certificate
            {
                *is_anchor |= anchor;
                return;
            }
        }
        indices.push(self.certificates.len());
        self.certificates.push((certificate, anchor));
    }

    pub(super) fn anchors(&self) -> impl Iterator<Item = &Certificate> {
        self.certificates.iter().filter(|(_, anchor)| *anchor).map(|(certificate, _)| certificate)
    }

    pub(super) fn get(&self, index: usize) -> Option<&(Certificate, bool)> {
        self.certificates.get(index)
    }

    /// Those whose subject is called so.
    pub(super) fn named(&self, key: &[u8]) -> &[usize] {
        self.by_subject.get(key).map_or(&[], Vec::as_slice)
    }

    /// Where a certificate is.
    pub(super) fn position(&self, certificate: &Certificate) -> Option<usize> {
        let named = self.named(&certificate.subject().key());
        named.iter().copied().find(|index| self.get(*index).is_some_and(|(known, _)| known == certificate))
    }
}
