//! Signed messages of any supported algorithm, verified with certificates: CMS as documents carry it.
//!
//! ```text
//! Message::detached -> digester -> update ... -> finish -> verify of each signer
//! ```
//! A message is read in memory; of the content only hashes are kept. SM2 is verified by [`envelope::cms`], by the book only;
//! RSA and ECDSA by [`foreign`]. Who signed is judged by a [`Validator`](crate::validate::Validator): that a signature holds
//! says nothing about its certificate.
//!
//! Source: RFC 5652, 5.4 and 5.6; GM/T 0010 (GB/T 35275); RFC 5754 (SHA-2), RFC 4056 (RSASSA-PSS).

mod digest;

use envelope::RecipientId;
use envelope::ber::Reader;
use envelope::cms::{ContentType, PlainHeader, Quirks, SignatureSet, SignerInfo};
use envelope::error::InvalidSignature;
use sha1::{Digest as _, Sha1};

use crate::algorithm::{Defect, HashAlgorithm};
use crate::certificate::Certificate;
use crate::error::Error;
use crate::fields::{Fields, SEQUENCE};
use crate::foreign::{self, ForeignAlgorithm, ForeignKey};
use crate::key::SubjectKey;

pub use digest::{ContentDigester, ContentDigests};

const WHAT: &str = "signed message";

/// A signed message. Nothing about it is verified by being here.
#[derive(Clone, Debug)]
pub struct Message {
    signatures: SignatureSet,
    certificates: Vec<Certificate>,
}

impl Message {
    /// Reads a message whose content is elsewhere, in DER or BER, exactly: see [`without_padding`].
    ///
    /// # Errors
    /// [`Error::Malformed`]; [`Error::EmbeddedContent`]: the message brings a content of its own, which is not the one that it
    /// is said to be about.
    pub fn detached(message: &[u8]) -> Result<Self, Error> {
        match Self::read(message)? {
            (message, None) => Ok(message),
            (_, Some(_)) => Err(Error::EmbeddedContent),
        }
    }

    /// Reads a message with its content.
    ///
    /// # Errors
    /// [`Error::Malformed`], also if there is no content.
    pub fn attached(message: &[u8]) -> Result<(Self, Vec<u8>), Error> {
        match Self::read(message)? {
            (message, Some(content)) => Ok((message, content)),
            (_, None) => Err(Error::Malformed("signed message without its content")),
        }
    }

    fn read(message: &[u8]) -> Result<(Self, Option<Vec<u8>>), Error> {
        let read = || {
            let (header, rest) = PlainHeader::from_bytes(message)?;
            let (kind, has_content) = (header.content_type(), header.has_content());
            let mut reader = header.read_content();
            let mut content = Vec::new();
            reader.push(rest, &mut content)?;
            Ok::<_, envelope::Error>((kind, reader.finish()?, has_content.then_some(content)))
        };
        match read() {
            Ok((ContentType::Signed, signatures, content)) => Ok((Self::new(signatures), content)),
            _ => Err(Error::Malformed(WHAT)),
        }
    }

    /// The signatures of a message that was read by [`envelope::cms`].
    #[must_use]
    pub fn new(signatures: SignatureSet) -> Self {
        let read = |der: &Vec<u8>| Certificate::from_der(der).ok();
        let certificates = signatures.certificates().iter().filter_map(read).collect();
        Self { signatures, certificates }
    }

    /// The signatures, in the order of the message. None: the message only carries certificates.
    #[must_use]
    pub fn signers(&self) -> &[SignerInfo] {
        self.signatures.signers()
    }

    /// The certificates that came along and can be read. They are not trusted.
    #[must_use]
    pub fn certificates(&self) -> &[Certificate] {
        &self.certificates
    }

    /// Everything behind the content, as it came.
    #[must_use]
    pub const fn signatures(&self) -> &SignatureSet {
        &self.signatures
    }

    /// The certificate that a signature names: among `others`, or if none of them has that name among those of the message;
    /// of several the one whose hash the attributes have.
    #[must_use]
    pub fn certificate_of<'a>(
        &'a self,
        signer: &SignerInfo,
        others: &'a [Certificate],
    ) -> Option<&'a Certificate> {
        // What the caller gave is not to be replaced by what a message brings along.
        pick(signer, others).or_else(|| pick(signer, &self.certificates))
    }

    /// Computes what these signatures need of the content, and no more. `others`: certificates that did not come along.
    #[must_use]
    pub fn digester(&self, others: &[Certificate]) -> ContentDigester {
        ContentDigester::new(self, others)
    }

    /// Whether a signature of the message is of the content with these digests, by the certificate that it names and under no
    /// other one; gives the certificate, whose path, validity and use are the caller's to judge. Variable time.
    ///
    /// # Errors
    /// [`InvalidSignature`]: why not.
    pub fn verify(
        &self,
        signer: &SignerInfo,
        others: &[Certificate],
        digests: &ContentDigests,
    ) -> Result<Certificate, InvalidSignature> {
        let certificate = self.certificate_of(signer, others).ok_or(InvalidSignature::NoCertificate)?;
        match certificate.key() {
            SubjectKey::Sm2(key) => {
                let sm2 = digests.sm2().ok_or(InvalidSignature::NotHashed)?;
                self.signatures.verify(signer, key, sm2)?;
            }
            SubjectKey::Foreign(key) => self.verify_foreign(signer, key, digests)?,
            SubjectKey::Other { .. } => return Err(InvalidSignature::UnsupportedAlgorithm),
        }
        match fits(signer, certificate) {
            true => Ok(certificate.clone()),
            false => Err(InvalidSignature::SigningCertificate),
        }
    }

    fn verify_foreign(
        &self,
        signer: &SignerInfo,
        key: &ForeignKey,
        digests: &ContentDigests,
    ) -> Result<(), InvalidSignature> {
        let algorithm = algorithm_of(signer).ok_or(InvalidSignature::UnsupportedAlgorithm)?;
        let digest = digests.of(algorithm.hash()).ok_or(InvalidSignature::NotHashed)?;
        let octets = signer.signature_octets();
        let Some(attributes) = signer.attributes() else {
            // Nothing that is signed would name another type.
            if self.signatures.content_type() != Some(ContentType::Data) {
                return Err(InvalidSignature::Attributes);
            }
            return algorithm.verify_digest(key, digest, octets).map_err(reason);
        };
        attributes.check(self.signatures.content_type_id(), digest)?;
        let verify = |encoding| algorithm.verify(key, encoding, octets).map_err(reason);
        let mut results = attributes.encodings().map(verify);
        let first = results.next().unwrap_or(Err(InvalidSignature::Attributes));
        if results.any(|result| result.is_ok()) { Ok(()) } else { first }
    }
}

/// The bytes of a message that zeros follow, as in the gap that a PDF leaves for it. What follows the message is not signed:
/// anything but zeros is refused.
///
/// # Errors
/// [`Error::Malformed`].
pub fn without_padding(bytes: &[u8]) -> Result<&[u8], Error> {
    let first = Reader::new(bytes).next(&mut Quirks::default());
    let message = first.map_err(|_| Error::Malformed(WHAT))?.whole;
    let rest = bytes.get(message.len()..).unwrap_or_default();
    match rest.iter().all(|byte| *byte == 0) {
        true => Ok(message),
        false => Err(Error::Malformed("signed message with something behind it")),
    }
}

/// How a signature is made, if not by SM2. `None`: not supported, as is one whose hash is not that of the message.
fn algorithm_of(signer: &SignerInfo) -> Option<ForeignAlgorithm> {
    if !foreign::AVAILABLE {
        return None;
    }
    let hash = Fields::inside(signer.digest_algorithm(), SEQUENCE, WHAT).ok()?;
    let hash = HashAlgorithm::read(hash).ok()?;
    let mut fields = Fields::inside(signer.signature_algorithm(), SEQUENCE, WHAT).ok()?;
    let id = fields.oid().ok()?;
    let parameters = if fields.is_empty() { None } else { Some(fields.next().ok()?) };
    fields.finish().ok()?;
    ForeignAlgorithm::in_message(id, parameters.as_ref(), hash)
}

/// The certificate that a signature names; of several the one that its attributes fit.
fn pick<'a>(signer: &SignerInfo, certificates: &'a [Certificate]) -> Option<&'a Certificate> {
    let mut named = certificates.iter().filter(|certificate| is_named(signer.id(), certificate));
    let first = named.next()?;
    if fits(signer, first) {
        return Some(first);
    }
    Some(named.find(|certificate| fits(signer, certificate)).unwrap_or(first))
}

fn fits(signer: &SignerInfo, certificate: &Certificate) -> bool {
    signer.attributes().is_none_or(|attributes| attributes.fits_certificate(certificate.as_der()))
}

/// Key identifiers are those of the certificate, whatever rule its issuer computed them by; without one, those that RFC 5280
/// and `envelope` compute.
fn is_named(id: &RecipientId, certificate: &Certificate) -> bool {
    match id {
        RecipientId::IssuerAndSerial(name) => {
            name.serial() == certificate.serial() && name.issuer() == certificate.issuer().as_der()
        }
        RecipientId::SubjectKeyId(id) => {
            let own = certificate.extensions().subject_key_id.as_deref();
            own == Some(id.as_bytes())
                || own.is_none() && Sha1::digest(certificate.key_octets()).as_slice() == id.as_bytes()
                || certificate.key().sm2().is_some_and(|key| envelope::SubjectKeyId::of(key) == *id)
        }
        _ => false,
    }
}

const fn reason(defect: Defect) -> InvalidSignature {
    match defect {
        Defect::Wrong => InvalidSignature::Wrong,
        Defect::Weak => InvalidSignature::WeakKey,
        Defect::Unsupported => InvalidSignature::UnsupportedAlgorithm,
    }
}
