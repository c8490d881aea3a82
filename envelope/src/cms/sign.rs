//! Writing signatures.
//!
//! ```text
//! Signing::start -> update ... -> finish -> Unsigned::digests -> signatures -> Unsigned::complete -> SignedContent
//! SignedContent::detached, or SignedWriter::start -> push ... -> finish, or Sealer::start_signed -> push ... -> finish
//! ```
//! The content passes twice: once to be hashed, and once, unless the signature is detached, to be written. In DER the
//! length of a message stands at its beginning, and that of a signature is known only when it is made.

use alloc::vec;
use alloc::vec::Vec;
use core::fmt;

use sm_primitives::sm2::{DistId, Signature, dsa};
use sm_primitives::sm3::{self, Sm3};

use super::dialect::Dialect;
use super::kind::ContentType;
use super::oid;
use super::seal::MAX_PLAINTEXT_LEN;
use super::signed::{Info, SignedContent, set_of};
use super::signers::{ContentId, MAX_SIGNERS};
use super::time::Time;
use crate::certificate::Certificate;
use crate::der::{CONSTRUCTED, INTEGER, OCTET_STRING, OID, SEQUENCE, SET, context, element};
use crate::error::{ApiMisuse, Error, InvalidCertificate};

/// Somebody whose signature goes into a message: a certificate and, if the dialect has attributes, a time.
#[derive(Clone, Debug)]
pub struct Signer {
    certificate: Certificate,
    time: Option<Time>,
}

impl Signer {
    /// The holder of a certificate (DER or PEM), which goes into the message. Its chain and validity are the caller's to
    /// check.
    ///
    /// # Errors
    /// [`InvalidCertificate`]: malformed, not SM2, or its key usage does not permit signatures.
    pub fn new(certificate: &[u8]) -> Result<Self, Error> {
        let certificate = Certificate::parse(certificate)?;
        if !certificate.permits_signing() {
            return Err(InvalidCertificate::SigningKeyUsage.into());
        }
        Ok(Self { certificate, time: None })
    }

    /// Says when the signature was made.
    #[must_use]
    pub fn at(self, time: Time) -> Self {
        Self { time: Some(time), ..self }
    }

    /// signingTime, contentType, messageDigest and signingCertificateV2 as a DER SET OF.
    fn attributes(&self, dialect: Dialect, content_type: &[u8], digest: &[u8; 32]) -> Vec<u8> {
        let attribute =
            |id: &[u8], value: &[u8]| element(SEQUENCE, &[&element(OID, &[id]), &element(SET, &[value])]);
        // ESSCertIDv2 of RFC 5035: the digest algorithm, because it is not the default, and the digest.
        let certificate_digest = element(OCTET_STRING, &[&sm3::digest(self.certificate.as_der())]);
        let certificate_id = element(SEQUENCE, &[&dialect.digest_algorithm(), &certificate_digest]);
        let mut attributes = Vec::from([
            attribute(oid::CONTENT_TYPE, &element(OID, &[content_type])),
            attribute(oid::MESSAGE_DIGEST, &element(OCTET_STRING, &[digest])),
            attribute(
                oid::SIGNING_CERTIFICATE_V2,
                &element(SEQUENCE, &[&element(SEQUENCE, &[&certificate_id])]),
            ),
        ]);
        attributes.extend(self.time.map(|time| attribute(oid::SIGNING_TIME, &time.to_der())));
        set_of(attributes)
    }

    /// The attributes, if the dialect has them.
    fn attributes_in(&self, dialect: Dialect, content_type: &[u8], digest: &[u8; 32]) -> Option<Vec<u8>> {
        dialect.has_attributes().then(|| self.attributes(dialect, content_type, digest))
    }

    /// Source: GM/T 0010 (GB/T 35275), signerInfo.
    fn info(&self, dialect: Dialect, attributes: Option<&[u8]>, signature: Vec<u8>) -> Info {
        // IMPLICIT: the tag of the SET is replaced.
        let implicit = attributes.map(|set| {
            let mut implicit = set.to_vec();
            implicit.iter_mut().take(1).for_each(|tag| *tag = context(0) | CONSTRUCTED);
            implicit
        });
        let fields = [
            element(INTEGER, &[&[1]]),
            self.certificate.issuer_and_serial().to_der(),
            dialect.digest_algorithm(),
            implicit.unwrap_or_default(),
            dialect.signature_algorithm(),
        ];
        Info::new(fields.concat(), signature)
    }
}

/// Hashes the content for its signers.
pub struct Signing {
    dialect: Dialect,
    content_type: Vec<u8>,
    signers: Vec<Signer>,
    certificates: Vec<Vec<u8>>,
    plain: Sm3,
    /// What each signer signs, if there are no attributes.
    direct: Vec<Sm3>,
    content_len: u64,
    left: u64,
}

impl Signing {
    /// Begins a content of `content_len` bytes, at most [`MAX_PLAINTEXT_LEN`], for 1 to [`MAX_SIGNERS`] signers.
    ///
    /// # Errors
    /// [`ApiMisuse::SignatureCount`], [`ApiMisuse::PlaintextTooLong`].
    pub fn start(signers: Vec<Signer>, dialect: Dialect, content_len: u64) -> Result<Self, Error> {
        if signers.is_empty() || signers.len() > MAX_SIGNERS {
            return Err(ApiMisuse::SignatureCount.into());
        }
        if content_len > MAX_PLAINTEXT_LEN {
            return Err(ApiMisuse::PlaintextTooLong.into());
        }
        let content = ContentId::new(ContentType::Data.id(dialect.is_rfc()).to_vec(), Some(content_len));
        let direct = |signer: &Signer| match dialect {
            Dialect::Cfca => Some(DistId::default().hasher(signer.certificate.public_key())),
            Dialect::GmSsl => Some(Sm3::new().chain(&content.encoding_before_content().unwrap_or_default())),
            Dialect::Standard | Dialect::Rfc => None,
        };
        let direct = signers.iter().filter_map(direct).collect();
        let certificates = signers.iter().map(|signer| signer.certificate.as_der().to_vec()).collect();
        let plain = Sm3::new();
        let content_type = ContentType::Data.id(dialect.is_rfc()).to_vec();
        Ok(Self {
            dialect,
            content_type,
            signers,
            certificates,
            plain,
            direct,
            content_len,
            left: content_len,
        })
    }

    /// Signs a content of another type than data, such as that of a time stamp. `id`: body of its object identifier.
    ///
    /// # Errors
    /// [`ApiMisuse::Dialect`] for a dialect without signed attributes: nothing that is signed would name the type.
    pub fn with_content_type(mut self, id: &[u8]) -> Result<Self, Error> {
        if !self.dialect.has_attributes() {
            return Err(ApiMisuse::Dialect.into());
        }
        self.content_type = id.to_vec();
        Ok(self)
    }

    /// Leaves the certificates out of the message: who reads it has them.
    #[must_use]
    pub fn without_certificates(mut self) -> Self {
        self.certificates.clear();
        self
    }

    /// Adds a certificate (DER) that goes into the message beside those of the signers, for example that of their CA.
    #[must_use]
    pub fn with_certificate(mut self, certificate: &[u8]) -> Self {
        self.certificates.push(certificate.to_vec());
        self
    }

    /// The most bytes that the message will have if it is detached: where it goes into a gap of the content, the gap is made
    /// before anything is hashed. `time_stamp_len`: length of a time stamp for each signer, see
    /// [`SignedContent::with_time_stamp`]; 0 for none. A signature is up to a few bytes shorter than the longest.
    ///
    /// # Errors
    /// As [`SignedContent::detached`]; [`ApiMisuse::SignaturesTooLarge`].
    pub fn max_detached_len(&self, time_stamp_len: usize) -> Result<usize, Error> {
        let Self { dialect, content_type, content_len, .. } = self;
        let info = |signer: &Signer| {
            let attributes = signer.attributes_in(*dialect, content_type, &[0; 32]);
            let info = signer.info(*dialect, attributes.as_deref(), vec![0; MAX_SIGNATURE_LEN]);
            if time_stamp_len == 0 { info } else { info.with_time_stamp(vec![0; time_stamp_len]) }
        };
        let infos = self.signers.iter().map(info).collect();
        let (content_type, certificates) = (content_type.clone(), self.certificates.clone());
        let longest = SignedContent::new(*dialect, content_type, [0; 32], *content_len, certificates, infos)?;
        Ok(longest.detached()?.len())
    }

    /// Takes the next bytes of the content.
    ///
    /// # Errors
    /// [`ApiMisuse::PlaintextLength`] if there is more content than announced.
    pub fn update(&mut self, content: &[u8]) -> Result<(), Error> {
        self.left = self.left.checked_sub(content.len() as u64).ok_or(ApiMisuse::PlaintextLength)?;
        self.plain.update(content);
        self.direct.iter_mut().for_each(|hash| hash.update(content));
        Ok(())
    }

    /// Ends the content: what is to be signed.
    ///
    /// # Errors
    /// [`ApiMisuse::PlaintextLength`] if there is less content than announced.
    pub fn finish(self) -> Result<Unsigned, Error> {
        if self.left != 0 {
            return Err(ApiMisuse::PlaintextLength.into());
        }
        let Self { dialect, content_type, signers, certificates, plain, direct, content_len, .. } = self;
        let digest = plain.finalize();
        let mut direct = direct.into_iter().map(Sm3::finalize);
        let (mut digests, mut attributes) = (Vec::new(), Vec::new());
        for signer in &signers {
            let set = signer.attributes_in(dialect, &content_type, &digest);
            digests.push(match &set {
                Some(set) => DistId::default().digest(signer.certificate.public_key(), set),
                None => direct.next().unwrap_or(digest),
            });
            attributes.push(set);
        }
        Ok(Unsigned {
            dialect,
            content_type,
            signers,
            certificates,
            digest,
            content_len,
            digests,
            attributes,
        })
    }
}

impl fmt::Debug for Signing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Signing").field("left", &self.left).finish_non_exhaustive()
    }
}

/// A content that has been hashed and waits for its signatures, however long they take: from a private key, or from two
/// parties.
#[derive(Debug)]
pub struct Unsigned {
    dialect: Dialect,
    content_type: Vec<u8>,
    signers: Vec<Signer>,
    certificates: Vec<Vec<u8>>,
    digest: [u8; 32],
    content_len: u64,
    digests: Vec<[u8; 32]>,
    attributes: Vec<Option<Vec<u8>>>,
}

/// Longest DER encoding of an SM2 signature.
const MAX_SIGNATURE_LEN: usize = 72;

impl Unsigned {
    /// What each signer signs, in their order: the 32-byte e of GB/T 32918.2. Signing takes it as it is.
    #[must_use]
    pub fn digests(&self) -> &[[u8; 32]] {
        &self.digests
    }

    /// Takes the signatures of [`Unsigned::digests`], in that order, and verifies each.
    ///
    /// # Errors
    /// [`ApiMisuse::SignatureCount`], [`ApiMisuse::SignatureOfOtherKey`], [`ApiMisuse::SignaturesTooLarge`].
    pub fn complete(self, signatures: &[Signature]) -> Result<SignedContent, Error> {
        if signatures.len() != self.signers.len() {
            return Err(ApiMisuse::SignatureCount.into());
        }
        let mut infos = Vec::new();
        let parts = self.signers.iter().zip(&self.digests).zip(&self.attributes).zip(signatures);
        for (((signer, digest), attributes), signature) in parts {
            dsa::verify_digest(signer.certificate.public_key(), digest, signature)
                .map_err(|_| ApiMisuse::SignatureOfOtherKey)?;
            infos.push(signer.info(self.dialect, attributes.as_deref(), signature.to_der()));
        }
        let Self { dialect, content_type, digest, content_len, certificates, .. } = self;
        SignedContent::new(dialect, content_type, digest, content_len, certificates, infos)
    }
}
