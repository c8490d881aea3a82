//! Verifying signatures.

use alloc::vec::Vec;
use core::fmt;

use sm_primitives::sm2::{DistId, PublicKey, Signature, dsa};

use super::compat::{Compat, Switch};
use super::hash::{ContentDigests, ContentHasher};
use super::signers::{SignatureSet, SignerInfo};
use crate::certificate::Certificate;
use crate::error::InvalidSignature;

/// Under which rule a signature holds.
#[non_exhaustive]
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Rule {
    /// By the book: over the content, with Z of the signer under the default id.
    Content,
    /// By the book: over the attributes, with Z of the signer under the default id; the attributes hold the digest and
    /// the type of the content.
    Attributes,
    /// Only with [`Switch::NoZContent`]: over the content, without Z.
    NoZContent,
    /// Only with [`Switch::NoZContentInfo`]: over the encoded ContentInfo, without Z.
    NoZContentInfo,
}

impl Rule {
    /// Whether the standard says so.
    #[must_use]
    pub const fn is_by_the_book(self) -> bool {
        matches!(self, Self::Content | Self::Attributes)
    }

    /// A stable name in lower case with hyphens.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Content => "content",
            Self::Attributes => "attributes",
            Self::NoZContent => Switch::NoZContent.name(),
            Self::NoZContentInfo => Switch::NoZContentInfo.name(),
        }
    }
}

impl fmt::Display for Rule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// What became of one signature.
#[derive(Clone, Debug)]
pub struct Verdict {
    /// The signer's certificate, if one was found. Its chain, validity and key usage are the caller's to check.
    pub certificate: Option<Certificate>,
    /// The rule under which the signature holds, or why it does not.
    pub result: Result<Rule, InvalidSignature>,
}

impl SignatureSet {
    /// A hasher for exactly what these signatures need. `others`: certificates that the message does not carry.
    ///
    /// For the content of the same message, or a detached one. At most one hash for each of
    /// [`MAX_SIGNERS`](super::MAX_SIGNERS) signers and two more run at a time.
    #[must_use]
    pub fn hasher(&self, others: &[Certificate], compat: Compat) -> ContentHasher {
        let mut hasher = ContentHasher::new(compat, Some(&self.content));
        if !compat.has(Switch::NoZContent)
            && self.signers().iter().all(|signer| signer.attributes().is_none())
        {
            hasher = hasher.without_plain();
        }
        for signer in self.signers().iter().filter(|signer| signer.attributes().is_none()) {
            if let Some(certificate) = self.certificate_of(signer, others) {
                hasher = hasher.with_key(certificate.public_key());
            }
        }
        hasher
    }

    /// Whether the signature is of the content with these digests, by the key of this certificate and under no other one.
    /// Which certificate that is, [`SignatureSet::certificate_of`] says.
    ///
    /// # Errors
    /// As [`SignatureSet::verify`]; [`InvalidSignature::SigningCertificate`].
    pub fn verify_certified(
        &self,
        signer: &SignerInfo,
        certificate: &Certificate,
        digests: &ContentDigests,
    ) -> Result<Rule, InvalidSignature> {
        let rule = self.verify(signer, certificate.public_key(), digests)?;
        if signer.fits_certificate(certificate) {
            Ok(rule)
        } else {
            Err(InvalidSignature::SigningCertificate)
        }
    }

    /// Whether the signature is of the content with these digests, and by this key, whatever certificate that has. By the
    /// book first; then under each rule that was switched on where the hasher was made.
    ///
    /// # Errors
    /// [`InvalidSignature`]: why not.
    pub fn verify(
        &self,
        signer: &SignerInfo,
        key: &PublicKey,
        digests: &ContentDigests,
    ) -> Result<Rule, InvalidSignature> {
        let signature = signer.signature()?;
        let of = |e: &[u8; 32], signature: &Signature| dsa::verify_digest(key, e, signature).is_ok();
        if let Some(attributes) = signer.attributes() {
            let digest = digests.plain().ok_or(InvalidSignature::NotHashed)?;
            attributes.check(self.content.type_id(), digest)?;
            let id = DistId::default();
            let holds = attributes.encodings().any(|encoding| of(&id.digest(key, encoding), signature));
            return if holds { Ok(Rule::Attributes) } else { Err(InvalidSignature::Wrong) };
        }
        if of(digests.with_z(key).ok_or(InvalidSignature::NotHashed)?, signature) {
            return Ok(Rule::Content);
        }
        let without_z = digests.plain.filter(|_| digests.compat.has(Switch::NoZContent));
        if without_z.is_some_and(|e| of(&e, signature)) {
            return Ok(Rule::NoZContent);
        }
        if digests.content_info.is_some_and(|e| of(&e, signature)) {
            return Ok(Rule::NoZContentInfo);
        }
        Err(InvalidSignature::Wrong)
    }

    /// A verdict for each signature, in the order of the message. `others`: certificates that the message does not
    /// carry.
    #[must_use]
    pub fn verify_all(&self, others: &[Certificate], digests: &ContentDigests) -> Vec<Verdict> {
        let verdict = |signer| {
            let certificate = self.certificate_of(signer, others);
            let key = certificate.as_ref().ok_or(InvalidSignature::NoCertificate);
            let result = key.and_then(|certificate| self.verify_certified(signer, certificate, digests));
            Verdict { certificate, result }
        };
        self.signers().iter().map(verdict).collect()
    }
}
