//! What stands behind the content of a signed message: certificates and signatures.

use alloc::vec::Vec;

use sm_primitives::sm2::Signature;

use super::attributes::Attributes;
use super::frame::{Level, heads};
use super::grammar::Field;
use super::kind::ContentType;
use super::oid;
use super::quirk::{Quirk, Quirks};
use super::recipients::{recipient_id, version};
use crate::ber::{Reader, octets};
use crate::certificate::Certificate;
use crate::der::{CONSTRUCTED, NULL, OCTET_STRING, OID, SEQUENCE, SET, context, element};
use crate::error::{InvalidMessage, InvalidSignature};
use crate::recipient::RecipientId;

/// Most signers of a message.
pub const MAX_SIGNERS: usize = 32;
/// Most certificates in a message.
pub const MAX_CERTIFICATES: usize = 256;
/// Most certificate revocation lists in a message.
pub const MAX_CRLS: usize = 256;

/// What a message says about its content: type, and length if it stands there in one piece.
#[derive(Clone, Debug)]
pub(super) struct ContentId {
    type_id: Vec<u8>,
    len: Option<u64>,
}

impl ContentId {
    pub(super) const fn new(type_id: Vec<u8>, len: Option<u64>) -> Self {
        Self { type_id, len }
    }

    pub(super) fn type_id(&self) -> &[u8] {
        &self.type_id
    }

    pub(super) fn content_type(&self) -> Option<ContentType> {
        ContentType::of(&self.type_id, &mut Quirks::default())
    }

    /// The DER encoding of the inner ContentInfo up to the first byte of its content.
    pub(super) fn encoding_before_content(&self) -> Option<Vec<u8>> {
        let type_id = element(OID, &[&self.type_id]);
        let levels = [
            Level::new(SEQUENCE, &type_id),
            Level::new(context(0) | CONSTRUCTED, &[]),
            Level::new(OCTET_STRING, &[]),
        ];
        heads(&levels, self.len?)
    }
}

/// The fields after the content, as they come.
#[derive(Debug, Default)]
pub(super) struct Trailer {
    certificates: Vec<Vec<u8>>,
    crls: Vec<Vec<u8>>,
    signers: Vec<SignerInfo>,
}

impl Trailer {
    pub(super) fn field(
        &mut self,
        field: Field,
        bytes: &[u8],
        quirks: &mut Quirks,
    ) -> Result<(), InvalidMessage> {
        let mut list = Reader::new(Reader::new(bytes).next(quirks)?.body);
        while !list.is_empty() {
            let element = list.next(quirks)?;
            match field {
                Field::Certificates if element.tag != SEQUENCE => quirks.insert(Quirk::ForeignCertificate),
                Field::Certificates if self.certificates.len() >= MAX_CERTIFICATES => {
                    return Err(InvalidMessage::TooManyCertificates);
                }
                Field::Certificates => self.certificates.push(element.whole.to_vec()),
                Field::Crls if self.crls.len() >= MAX_CRLS => return Err(InvalidMessage::TooManyCrls),
                Field::Crls => self.crls.push(element.whole.to_vec()),
                Field::Signers if element.tag != SEQUENCE => return Err(InvalidMessage::Malformed),
                Field::Signers if self.signers.len() >= MAX_SIGNERS => {
                    return Err(InvalidMessage::TooManySigners);
                }
                Field::Signers => self.signers.push(SignerInfo::read(element.body, quirks)?),
                // The walker lets nothing else come after the content.
                _ => return Err(InvalidMessage::Malformed),
            }
        }
        Ok(())
    }

    pub(super) fn finish(self, content: ContentId, quirks: Quirks) -> SignatureSet {
        let Self { certificates, crls, signers } = self;
        SignatureSet { certificates, crls, signers, content, quirks }
    }
}

/// The signatures of a message, with the certificates that came along. Not verified by being here: see
/// [`SignatureSet::verify`].
#[derive(Clone, Debug)]
pub struct SignatureSet {
    certificates: Vec<Vec<u8>>,
    crls: Vec<Vec<u8>>,
    signers: Vec<SignerInfo>,
    pub(super) content: ContentId,
    quirks: Quirks,
}

impl SignatureSet {
    /// The signatures in the order of the message: 0 to [`MAX_SIGNERS`]. None: the message only carries certificates.
    #[must_use]
    pub fn signers(&self) -> &[SignerInfo] {
        &self.signers
    }

    /// The certificates in the order of the message, each as it came: 0 to [`MAX_CERTIFICATES`]. They may be of any
    /// kind, and nothing about them is checked.
    #[must_use]
    pub fn certificates(&self) -> &[Vec<u8>] {
        &self.certificates
    }

    /// The certificate revocation lists in the order of the message, each as it came: 0 to [`MAX_CRLS`].
    #[must_use]
    pub fn crls(&self) -> &[Vec<u8>] {
        &self.crls
    }

    /// What the content is; `None` for a type that is not of GM/T 0010, such as that of a time stamp.
    #[must_use]
    pub fn content_type(&self) -> Option<ContentType> {
        self.content.content_type()
    }

    /// The type of the content: body of its object identifier.
    #[must_use]
    pub fn content_type_id(&self) -> &[u8] {
        self.content.type_id()
    }

    /// What was tolerated in the whole message.
    #[must_use]
    pub const fn quirks(&self) -> Quirks {
        self.quirks
    }

    /// The certificate that a signature names: among `others`, or if none of them has that name among those of the
    /// message; of several the one whose hash the attributes have. Its chain and its validity are the caller's to check.
    #[must_use]
    pub fn certificate_of(&self, signer: &SignerInfo, others: &[Certificate]) -> Option<Certificate> {
        let own = self.certificates.iter().filter_map(|der| Certificate::parse(der).ok());
        // What the caller gave is not to be replaced by what a message brings along.
        signer.pick(others.iter().cloned()).or_else(|| signer.pick(own))
    }
}

/// One signature in a message.
#[derive(Clone, Debug)]
pub struct SignerInfo {
    id: RecipientId,
    digest_algorithm: Vec<u8>,
    attributes: Option<Attributes>,
    signature_algorithm: Vec<u8>,
    signature_octets: Vec<u8>,
    /// Without the tag around them.
    unsigned_attributes: Option<Vec<u8>>,
    signature: Result<Signature, InvalidSignature>,
}

impl SignerInfo {
    /// Who signed: how the message names the certificate or key.
    #[must_use]
    pub const fn id(&self) -> &RecipientId {
        &self.id
    }

    /// What was signed beside the content, if the signature is over attributes.
    #[must_use]
    pub const fn attributes(&self) -> Option<&Attributes> {
        self.attributes.as_ref()
    }

    /// The certificate that this signature names.
    fn pick(&self, certificates: impl Iterator<Item = Certificate>) -> Option<Certificate> {
        let mut named = certificates.filter(|certificate| certificate.ids().contains(&self.id));
        let first = named.next()?;
        if self.fits_certificate(&first) {
            return Some(first);
        }
        Some(named.find(|certificate| self.fits_certificate(certificate)).unwrap_or(first))
    }

    /// The attributes do not name another certificate.
    pub(super) fn fits_certificate(&self, certificate: &Certificate) -> bool {
        self.attributes.as_ref().is_none_or(|attributes| attributes.fits_certificate(certificate.as_der()))
    }

    /// Whether there are attributes that the signature does not cover, for example a time stamp.
    #[must_use]
    pub const fn has_unsigned_attributes(&self) -> bool {
        self.unsigned_attributes.is_some()
    }

    /// The values of an attribute that the signature does not cover, each as it came. `id`: body of its object identifier.
    /// What follows an attribute that is broken is not looked at.
    #[must_use]
    pub fn unsigned_attribute(&self, id: &[u8]) -> Vec<&[u8]> {
        let mut values = Vec::new();
        let mut list = Reader::new(self.unsigned_attributes.as_deref().unwrap_or_default());
        while let Ok(attribute) = list.expect(SEQUENCE, &mut Quirks::default()) {
            // Those that were read before a broken one count.
            let _ = values_of(attribute.body, id, &mut values);
        }
        values
    }

    /// The time stamps of the signature: each a signed message, of [`SignerInfo::signature_octets`]. Nothing about them is
    /// checked. Source: RFC 3161, appendix A.
    #[must_use]
    pub fn time_stamps(&self) -> Vec<&[u8]> {
        self.unsigned_attribute(oid::TIME_STAMP_TOKEN)
    }

    /// The AlgorithmIdentifier of the hash, as it came.
    #[must_use]
    pub fn digest_algorithm(&self) -> &[u8] {
        &self.digest_algorithm
    }

    /// The AlgorithmIdentifier of the signature, as it came.
    #[must_use]
    pub fn signature_algorithm(&self) -> &[u8] {
        &self.signature_algorithm
    }

    /// The signature, of whatever algorithm: what is in its OCTET STRING.
    #[must_use]
    pub fn signature_octets(&self) -> &[u8] {
        &self.signature_octets
    }

    /// The signature of SM2.
    ///
    /// # Errors
    /// [`InvalidSignature::UnsupportedAlgorithm`], [`InvalidSignature::Encoding`].
    pub const fn signature(&self) -> Result<&Signature, InvalidSignature> {
        match &self.signature {
            Ok(signature) => Ok(signature),
            Err(defect) => Err(*defect),
        }
    }

    /// Source: GM/T 0010 (GB/T 35275), signerInfo; RFC 5652, 5.3.
    fn read(body: &[u8], quirks: &mut Quirks) -> Result<Self, InvalidMessage> {
        let mut reader = Reader::new(body);
        let version = version(&mut reader, 3, quirks)?;
        let id = recipient_id(&mut reader, quirks)?;
        let expected = match id {
            RecipientId::IssuerAndSerial(_) => 1,
            RecipientId::SubjectKeyId(_) => 3,
        };
        if version != expected {
            quirks.insert(Quirk::Version);
        }
        let digest_algorithm = reader.expect(SEQUENCE, quirks)?.whole;
        let digest = algorithm(&mut Reader::new(digest_algorithm), quirks)?;
        let attributes = reader.optional(context(0) | CONSTRUCTED, quirks)?;
        let attributes = attributes.map(|set| Attributes::read(set.body, quirks)).transpose()?;
        let signature_algorithm = reader.expect(SEQUENCE, quirks)?.whole;
        let encryption = algorithm(&mut Reader::new(signature_algorithm), quirks)?;
        let signature_octets = octets(&reader.next(quirks)?, OCTET_STRING, quirks)?;
        let unsigned_attributes = reader.optional(context(1) | CONSTRUCTED, quirks)?;
        reader.finish()?;
        let signature = match (is_sm3(digest, quirks), is_sm2(encryption, quirks)) {
            (true, true) => read_signature(&signature_octets, quirks),
            _ => Err(InvalidSignature::UnsupportedAlgorithm),
        };
        Ok(Self {
            id,
            digest_algorithm: digest_algorithm.to_vec(),
            attributes,
            signature_algorithm: signature_algorithm.to_vec(),
            signature_octets,
            unsigned_attributes: unsigned_attributes.map(|set| set.body.to_vec()),
            signature,
        })
    }
}

/// Adds the values of an attribute to `values`, if it is the one that is asked for.
fn values_of<'a>(attribute: &'a [u8], id: &[u8], values: &mut Vec<&'a [u8]>) -> Result<(), InvalidMessage> {
    let quirks = &mut Quirks::default();
    let mut fields = Reader::new(attribute);
    if fields.expect(OID, quirks)?.body != id {
        return Ok(());
    }
    let mut set = Reader::new(fields.expect(SET, quirks)?.body);
    while !set.is_empty() {
        values.push(set.next(quirks)?.whole);
    }
    Ok(())
}

fn read_signature(bytes: &[u8], quirks: &mut Quirks) -> Result<Signature, InvalidSignature> {
    if let Ok(signature) = Signature::from_der(bytes) {
        return Ok(signature);
    }
    let raw = bytes.try_into().map_err(|_| InvalidSignature::Encoding)?;
    let signature = Signature::from_bytes(raw).map_err(|_| InvalidSignature::Encoding)?;
    quirks.insert(Quirk::RawSignature);
    Ok(signature)
}

/// The identifier of an algorithm that has no parameters or NULL; `None` for other parameters.
pub(super) fn algorithm<'a>(
    reader: &mut Reader<'a>,
    quirks: &mut Quirks,
) -> Result<Option<&'a [u8]>, InvalidMessage> {
    let mut algorithm = Reader::new(reader.expect(SEQUENCE, quirks)?.body);
    let id = algorithm.expect(OID, quirks)?.body;
    if algorithm.is_empty() {
        return Ok(Some(id));
    }
    let parameters = algorithm.next(quirks)?;
    algorithm.finish()?;
    if parameters.tag != NULL || !parameters.body.is_empty() {
        return Ok(None);
    }
    quirks.insert(Quirk::NullParameters);
    Ok(Some(id))
}

fn is_sm3(id: Option<&[u8]>, quirks: &mut Quirks) -> bool {
    match id {
        Some(oid::SM3) => true,
        Some(oid::SM3_WITHOUT_KEY) => {
            quirks.insert(Quirk::SignatureOid);
            true
        }
        _ => false,
    }
}

fn is_sm2(id: Option<&[u8]>, quirks: &mut Quirks) -> bool {
    match id {
        Some(oid::SM2_SIGNATURE) => true,
        Some(oid::SM2_WITH_SM3 | oid::SM2) => {
            quirks.insert(Quirk::SignatureOid);
            true
        }
        _ => false,
    }
}
