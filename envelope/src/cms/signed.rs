//! What a signed message consists of once its signatures are there: written whole, detached, or without any.

use alloc::vec::Vec;
use core::fmt;

use sm_primitives::sm3::Sm3;

use super::dialect::Dialect;
use super::frame::{Level, heads};
use super::kind::ContentType;
use super::oid;
use super::quirk::Quirks;
use super::seal::MAX_PLAINTEXT_LEN;
use super::signers::{ContentId, MAX_CERTIFICATES};
use super::walker::MAX_SIGNATURES_LEN;
use crate::ber::Reader;
use crate::der::{CONSTRUCTED, INTEGER, OCTET_STRING, OID, SEQUENCE, SET, context, element};
use crate::error::{ApiMisuse, Error};

/// A content with its signatures, to be written in one of three forms: detached, with the content in the clear
/// ([`SignedWriter`]), or with the content encrypted ([`Sealer::start_signed`](super::Sealer::start_signed)).
#[derive(Debug)]
pub struct SignedContent {
    dialect: Dialect,
    /// Body of the object identifier.
    content_type: Vec<u8>,
    digest: [u8; 32],
    content_len: u64,
    certificates: Vec<Vec<u8>>,
    /// In the order of the signers.
    infos: Vec<Info>,
    /// certificates and signerInfos, encoded.
    trailer: Vec<u8>,
}

/// A signerInfo that is written.
#[derive(Debug)]
pub(super) struct Info {
    /// What stands before the signature.
    fields: Vec<u8>,
    signature: Vec<u8>,
    time_stamp: Option<Vec<u8>>,
}

impl Info {
    pub(super) const fn new(fields: Vec<u8>, signature: Vec<u8>) -> Self {
        Self { fields, signature, time_stamp: None }
    }

    pub(super) fn with_time_stamp(self, token: Vec<u8>) -> Self {
        Self { time_stamp: Some(token), ..self }
    }

    fn to_der(&self) -> Vec<u8> {
        let stamp = self.time_stamp.as_ref().map(|token| {
            let attribute = [&element(OID, &[oid::TIME_STAMP_TOKEN])[..], &element(SET, &[token])];
            element(context(1) | CONSTRUCTED, &[&element(SEQUENCE, &attribute)])
        });
        let signature = element(OCTET_STRING, &[&self.signature]);
        element(SEQUENCE, &[&self.fields, &signature, &stamp.unwrap_or_default()])
    }
}

impl SignedContent {
    pub(super) fn new(
        dialect: Dialect,
        content_type: Vec<u8>,
        digest: [u8; 32],
        content_len: u64,
        mut certificates: Vec<Vec<u8>>,
        infos: Vec<Info>,
    ) -> Result<Self, Error> {
        certificates.sort_unstable();
        certificates.dedup();
        let trailer = trailer(certificates.clone(), infos.iter().map(Info::to_der).collect())?;
        Ok(Self { dialect, content_type, digest, content_len, certificates, infos, trailer })
    }

    /// The signature of a signer, by his place among those of [`Signing::start`](super::Signing::start): in DER, which is what
    /// a time stamp of it is of.
    #[must_use]
    pub fn signature(&self, signer: usize) -> Option<&[u8]> {
        self.infos.get(signer).map(|info| info.signature.as_slice())
    }

    /// Adds a time stamp (DER) of the signature of a signer, by his place; it takes the place of an earlier one. The signature
    /// does not cover it. It is not verified here. Source: RFC 3161, appendix A.
    ///
    /// # Errors
    /// [`ApiMisuse::TimeStamp`], [`ApiMisuse::SignaturesTooLarge`].
    pub fn with_time_stamp(self, signer: usize, token: &[u8]) -> Result<Self, Error> {
        let Self { dialect, content_type, digest, content_len, certificates, mut infos, .. } = self;
        let mut outer = Reader::new(token);
        let mut quirks = Quirks::default();
        let is_one = outer.expect(SEQUENCE, &mut quirks).is_ok() && outer.is_empty() && quirks.is_empty();
        match infos.get_mut(signer) {
            Some(info) if is_one => info.time_stamp = Some(token.to_vec()),
            _ => return Err(ApiMisuse::TimeStamp.into()),
        }
        Self::new(dialect, content_type, digest, content_len, certificates, infos)
    }

    /// signedData without the content: a whole message in DER.
    ///
    /// # Errors
    /// [`ApiMisuse::Dialect`]: GmSSL signs no content that is elsewhere.
    pub fn detached(&self) -> Result<Vec<u8>, Error> {
        if self.dialect == Dialect::GmSsl {
            return Err(ApiMisuse::Dialect.into());
        }
        Ok(without_content(self.dialect, &self.content_type, &self.trailer))
    }

    pub(super) const fn dialect(&self) -> Dialect {
        self.dialect
    }

    /// SM3(content).
    pub(super) const fn digest(&self) -> &[u8; 32] {
        &self.digest
    }

    /// Length of the content in bytes.
    #[must_use]
    pub const fn content_len(&self) -> u64 {
        self.content_len
    }

    /// Whether the content is of another type than data.
    pub(super) fn is_typed(&self) -> bool {
        self.content_type != ContentType::Data.id(self.dialect.is_rfc())
    }

    /// certificates and signerInfos.
    pub(super) fn trailer(&self) -> &[u8] {
        &self.trailer
    }
}

/// Writes signedData with its content, which passes for the second time and must not have changed.
pub struct SignedWriter {
    hash: Sm3,
    digest: [u8; 32],
    left: u64,
    trailer: Vec<u8>,
}

impl SignedWriter {
    /// Appends what stands before the content to `out`. Output is DER.
    #[must_use]
    pub fn start(signed: SignedContent, out: &mut Vec<u8>) -> Self {
        let SignedContent { dialect, content_type, digest, content_len, trailer, .. } = signed;
        let outer = element(OID, &[ContentType::Signed.id(dialect.is_rfc())]);
        let fields = signed_fields(dialect, &content_type);
        let inner = element(OID, &[&content_type]);
        let levels = [
            Level::new(SEQUENCE, &outer),
            Level::new(context(0) | CONSTRUCTED, &[]),
            Level { tag: SEQUENCE, before: &fields, after: trailer.len() as u64 },
            Level::new(SEQUENCE, &inner),
            Level::new(context(0) | CONSTRUCTED, &[]),
            Level::new(OCTET_STRING, &[]),
        ];
        // The content has at most 2^62 bytes.
        out.extend(heads(&levels, content_len).unwrap_or_default());
        Self { hash: Sm3::new(), digest, left: content_len, trailer }
    }

    /// Takes the next bytes of the content and appends them to `out`.
    ///
    /// # Errors
    /// [`ApiMisuse::ContentChanged`] if there is more content than was signed.
    pub fn push(&mut self, content: &[u8], out: &mut Vec<u8>) -> Result<(), Error> {
        self.left = self.left.checked_sub(content.len() as u64).ok_or(ApiMisuse::ContentChanged)?;
        self.hash.update(content);
        out.extend_from_slice(content);
        Ok(())
    }

    /// Appends the signatures.
    ///
    /// # Errors
    /// [`ApiMisuse::ContentChanged`] if the content is not the one that was signed. The message is then worthless.
    pub fn finish(self, out: &mut Vec<u8>) -> Result<(), Error> {
        if self.left != 0 || self.hash.finalize() != self.digest {
            return Err(ApiMisuse::ContentChanged.into());
        }
        out.extend_from_slice(&self.trailer);
        Ok(())
    }
}

impl fmt::Debug for SignedWriter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SignedWriter").field("left", &self.left).finish_non_exhaustive()
    }
}

/// signedData with certificates (DER) and nothing else: how chains travel.
///
/// # Errors
/// [`ApiMisuse::SignaturesTooLarge`].
pub fn certificates_only(certificates: &[&[u8]], dialect: Dialect) -> Result<Vec<u8>, Error> {
    let certificates = certificates.iter().map(|der| der.to_vec()).collect();
    let content_type = ContentType::Data.id(dialect.is_rfc());
    Ok(without_content(dialect, content_type, &trailer(certificates, Vec::new())?))
}

/// Everything of a message of type data before its content of `content_len` bytes; nothing follows that.
///
/// # Errors
/// [`ApiMisuse::PlaintextTooLong`] above [`MAX_PLAINTEXT_LEN`].
pub fn data_header(dialect: Dialect, content_len: u64) -> Result<Vec<u8>, Error> {
    if content_len > MAX_PLAINTEXT_LEN {
        return Err(ApiMisuse::PlaintextTooLong.into());
    }
    let content = ContentId::new(ContentType::Data.id(dialect.is_rfc()).to_vec(), Some(content_len));
    content.encoding_before_content().ok_or_else(|| ApiMisuse::PlaintextTooLong.into())
}

/// Puts the frame of a message around what stands inside: PKCS#7 encrypts a SignedData without its ContentInfo, so that a
/// plaintext of inner type signedData may begin with SignedData itself. What has its frame already stays as it is.
#[must_use]
pub fn framed(content_type: ContentType, plaintext: &[u8]) -> Vec<u8> {
    let mut outer = Reader::new(plaintext);
    let body = outer.expect(SEQUENCE, &mut Quirks::default()).map(|element| element.body);
    if body.is_ok_and(|body| body.first() == Some(&INTEGER)) {
        let explicit = element(context(0) | CONSTRUCTED, &[plaintext]);
        return element(SEQUENCE, &[&element(OID, &[content_type.id(false)]), &explicit]);
    }
    plaintext.to_vec()
}

/// version and digestAlgorithms. The version is 1 in GM/T 0010, and in RFC 5652 for data only.
fn signed_fields(dialect: Dialect, content_type: &[u8]) -> Vec<u8> {
    let other = dialect.is_rfc() && content_type != ContentType::Data.id(true);
    let mut fields = element(INTEGER, &[&[if other { 3 } else { 1 }]]);
    fields.extend(element(SET, &[&dialect.digest_algorithm()]));
    fields
}

fn without_content(dialect: Dialect, content_type: &[u8], trailer: &[u8]) -> Vec<u8> {
    let rfc = dialect.is_rfc();
    let inner = element(SEQUENCE, &[&element(OID, &[content_type])]);
    let signed = element(SEQUENCE, &[&signed_fields(dialect, content_type), &inner, trailer]);
    let explicit = element(context(0) | CONSTRUCTED, &[&signed]);
    element(SEQUENCE, &[&element(OID, &[ContentType::Signed.id(rfc)]), &explicit])
}

/// certificates and signerInfos. A reader of this crate accepts no more.
pub(super) fn trailer(certificates: Vec<Vec<u8>>, infos: Vec<Vec<u8>>) -> Result<Vec<u8>, Error> {
    if certificates.len() > MAX_CERTIFICATES {
        return Err(ApiMisuse::SignaturesTooLarge.into());
    }
    let mut trailer = if certificates.is_empty() { Vec::new() } else { set_of(certificates) };
    trailer.iter_mut().take(1).for_each(|tag| *tag = context(0) | CONSTRUCTED);
    trailer.extend(set_of(infos));
    if trailer.len() as u64 > MAX_SIGNATURES_LEN {
        return Err(ApiMisuse::SignaturesTooLarge.into());
    }
    Ok(trailer)
}

/// SET OF in the order of DER. Source: X.690, 11.6.
pub(super) fn set_of(mut elements: Vec<Vec<u8>>) -> Vec<u8> {
    elements.sort_unstable();
    let elements: Vec<&[u8]> = elements.iter().map(Vec::as_slice).collect();
    element(SET, &elements)
}
