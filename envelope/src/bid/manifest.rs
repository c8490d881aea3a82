//! What a bid says about itself to everybody, and cannot say otherwise afterwards.

use alloc::{collections::BTreeMap, string::String, vec::Vec};
use core::fmt;

use sm_primitives::{PublicPoint, SecretScalar, rand_core::TryCryptoRng, sm2::PublicKey, sm3};

use super::{
    InvalidBid, MAX_MANIFEST_LEN,
    fields::{Broken, Fields, MAX_NUMBER, is_text, number, sequence, text},
    lock::{LockCommitment, LockSecret, Opening},
    policy::Policy,
    sharing::Share,
};
use crate::{
    der::{CONSTRUCTED, OCTET_STRING, SEQUENCE, context, element},
    error::{ApiMisuse, Error},
    recipient::SubjectKeyId,
};

/// Version of the format.
pub const VERSION: u32 = 1;
/// Longest project, section and bidder in bytes.
pub const MAX_NAME_LEN: usize = 256;
/// Most entries of metadata.
pub const MAX_METADATA: usize = 64;
/// Longest key of metadata in bytes; the shortest has 1.
pub const MAX_KEY_LEN: usize = 64;
/// Longest value of metadata in bytes.
pub const MAX_VALUE_LEN: usize = 1024;

/// Random name of a bid, 16 bytes.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct FileId(pub(super) [u8; Self::LEN]);

impl FileId {
    /// Length in bytes.
    pub const LEN: usize = 16;

    pub(super) fn random(rng: &mut (impl TryCryptoRng + ?Sized)) -> Result<Self, Error> {
        let mut bytes = [0; Self::LEN];
        rng.try_fill_bytes(&mut bytes).map_err(|_| Error::RandomFailed)?;
        Ok(Self(bytes))
    }

    /// The id that these bytes are.
    #[must_use]
    pub const fn from_bytes(bytes: [u8; Self::LEN]) -> Self {
        Self(bytes)
    }

    /// The bytes.
    #[must_use]
    pub const fn as_bytes(&self) -> &[u8; Self::LEN] {
        &self.0
    }
}

impl fmt::Display for FileId {
    /// Lower-case hex.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl fmt::Debug for FileId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "FileId({self})")
    }
}

/// Plaintext bytes of a chunk: a power of two from 64 KiB to 16 MiB, 1 MiB by default.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ChunkSize(u8);

impl ChunkSize {
    /// 2^`exponent` bytes, `None` unless that is 16 to 24.
    #[must_use]
    pub const fn from_exponent(exponent: u8) -> Option<Self> {
        if exponent >= 16 && exponent <= 24 { Some(Self(exponent)) } else { None }
    }

    /// In bytes.
    #[must_use]
    pub const fn bytes(self) -> u32 {
        1 << self.0
    }
}

impl Default for ChunkSize {
    fn default() -> Self {
        Self(20)
    }
}

/// What the sealer says of a new bid. Texts have no control characters.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Terms {
    /// At most 256 bytes.
    pub project: String,
    /// At most 256 bytes.
    pub section: String,
    /// At most 256 bytes.
    pub bidder: String,
    /// Unix seconds.
    pub sealed_at: u64,
    /// At most 64 entries; keys of 1 to 64 bytes, values of at most 1,024.
    pub metadata: BTreeMap<String, String>,
    /// Of the body.
    pub chunk_size: ChunkSize,
}

impl Terms {
    fn is_valid(&self) -> bool {
        let names = [&self.project, &self.section, &self.bidder];
        names.iter().all(|name| is_text(name, MAX_NAME_LEN))
            && self.sealed_at <= MAX_NUMBER
            && self.metadata.len() <= MAX_METADATA
            && self.metadata.iter().all(|(key, value)| {
                !key.is_empty() && is_text(key, MAX_KEY_LEN) && is_text(value, MAX_VALUE_LEN)
            })
    }
}

/// The manifest, as bytes and read. Every chunk is bound to it.
#[derive(Clone)]
pub struct Manifest {
    file_id: FileId,
    terms: Terms,
    policy: Policy,
    commitments: Vec<PublicPoint>,
    signer: Option<SubjectKeyId>,
    opening: Option<Opening>,
    bytes: Vec<u8>,
    digest: [u8; 32],
}

impl Manifest {
    /// The manifest of a new bid. `signer` has 20 bytes.
    pub(super) fn new(
        file_id: FileId,
        terms: Terms,
        policy: Policy,
        commitments: Vec<PublicPoint>,
        signer: Option<SubjectKeyId>,
        opening: Option<Opening>,
    ) -> Result<Self, Error> {
        if !terms.is_valid() {
            return Err(ApiMisuse::BidTerms.into());
        }
        let metadata: Vec<_> =
            terms.metadata.iter().map(|(key, value)| sequence(&[text(key), text(value)])).collect();
        let mut fields = alloc::vec![
            number(u64::from(VERSION)),
            element(OCTET_STRING, &[&file_id.0]),
            number(u64::from(terms.chunk_size.0)),
            text(&terms.project),
            text(&terms.section),
            text(&terms.bidder),
            number(terms.sealed_at),
            sequence(&metadata),
            policy.encode(&commitments),
        ];
        fields.extend(signer.as_ref().map(|signer| element(context(1), &[signer.as_bytes()])));
        fields.extend(opening.as_ref().map(Opening::encode));
        let bytes = sequence(&fields);
        if bytes.len() > MAX_MANIFEST_LEN {
            return Err(ApiMisuse::BidTerms.into());
        }
        let digest = sm3::digest(&bytes);
        Ok(Self { file_id, terms, policy, commitments, signer, opening, bytes, digest })
    }

    /// Reads a manifest.
    ///
    /// # Errors
    /// The [`InvalidBid`] that names what is wrong.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, InvalidBid> {
        let broken = |_: Broken| InvalidBid::Manifest;
        let mut fields = Fields::of_sequence(bytes).map_err(broken)?;
        if fields.number().map_err(broken)? != u64::from(VERSION) {
            return Err(InvalidBid::ManifestVersion);
        }
        let file_id = FileId(fields.bytes(OCTET_STRING).map_err(broken)?);
        let exponent = u8::try_from(fields.number().map_err(broken)?).ok();
        let chunk_size = exponent.and_then(ChunkSize::from_exponent).ok_or(InvalidBid::ChunkSize)?;
        let project = fields.text(MAX_NAME_LEN).map_err(broken)?;
        let section = fields.text(MAX_NAME_LEN).map_err(broken)?;
        let bidder = fields.text(MAX_NAME_LEN).map_err(broken)?;
        let sealed_at = fields.number().map_err(broken)?;
        let metadata = metadata(fields.sequence().map_err(broken)?)?;
        let (policy, commitments) = Policy::decode(fields.expect(SEQUENCE).map_err(broken)?)?;
        let signer = match fields.optional(context(1)).map_err(broken)? {
            Some(id) if id.len() == 20 => Some(SubjectKeyId::new(id).map_err(|_| InvalidBid::Manifest)?),
            Some(_) => return Err(InvalidBid::Manifest),
            None => None,
        };
        let opening = fields.optional(context(2) | CONSTRUCTED).map_err(broken)?;
        let opening = opening.map(Opening::decode).transpose()?;
        fields.finish().map_err(broken)?;
        Ok(Self {
            file_id,
            terms: Terms { project, section, bidder, sealed_at, metadata, chunk_size },
            policy,
            commitments,
            signer,
            opening,
            bytes: bytes.to_vec(),
            digest: sm3::digest(bytes),
        })
    }

    /// Random name of the bid.
    #[must_use]
    pub const fn file_id(&self) -> &FileId {
        &self.file_id
    }

    /// What the sealer says.
    #[must_use]
    pub const fn terms(&self) -> &Terms {
        &self.terms
    }

    /// Who must come together.
    #[must_use]
    pub const fn policy(&self) -> &Policy {
        &self.policy
    }

    /// The key id of who must have signed, 20 bytes.
    #[must_use]
    pub const fn signer(&self) -> Option<&SubjectKeyId> {
        self.signer.as_ref()
    }

    /// The time lock, if there is one.
    #[must_use]
    pub const fn opening(&self) -> Option<&Opening> {
        self.opening.as_ref()
    }

    /// The manifest in DER.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// SM3 of the manifest.
    #[must_use]
    pub const fn digest(&self) -> &[u8; 32] {
        &self.digest
    }

    /// The first bytes of every chunk.
    pub(super) fn chunk_id(&self) -> [u8; 8] {
        self.digest.first_chunk().copied().unwrap_or_default()
    }

    /// A share that somebody unwrapped, checked against the commitments. `bytes` has 32. Timing: independent of the
    /// share, but for whether it fits.
    ///
    /// # Errors
    /// [`InvalidBid::ShareMismatch`].
    pub fn share(&self, number: u8, bytes: &[u8]) -> Result<Share, InvalidBid> {
        let known = self.policy.role(number).is_some();
        let share = bytes.try_into().ok().and_then(|bytes| Share::from_bytes(number, bytes));
        share.filter(|share| known && share.fits(&self.commitments)).ok_or(InvalidBid::ShareMismatch(number))
    }

    /// Whether this is the secret's commitment [S]G.
    pub(super) fn fits_secret(&self, secret: &SecretScalar) -> bool {
        self.commitments.first() == Some(&PublicPoint::mul_base(secret))
    }

    /// Checks who has signed.
    ///
    /// # Errors
    /// [`InvalidBid::SignatureSigner`] if the manifest names another key, [`InvalidBid::SignatureUnexpected`] if it names
    /// none.
    pub fn check_signer(&self, key: &PublicKey) -> Result<(), InvalidBid> {
        match &self.signer {
            Some(signer) if *signer == SubjectKeyId::of(key) => Ok(()),
            Some(_) => Err(InvalidBid::SignatureSigner),
            None => Err(InvalidBid::SignatureUnexpected),
        }
    }

    /// Checks a secret that a server released, without opening anything.
    ///
    /// # Errors
    /// [`InvalidBid::LockUnexpected`] if the bid has no lock, [`InvalidBid::LockCommitment`].
    pub fn check_lock_secret(&self, secret: &LockSecret) -> Result<(), InvalidBid> {
        self.opening.as_ref().ok_or(InvalidBid::LockUnexpected)?.check(&self.file_id, secret)
    }

    /// Checks what a server says of the lock: with that it will open at the time that the manifest has.
    ///
    /// # Errors
    /// [`InvalidBid::LockUnexpected`] if the bid has no lock, [`InvalidBid::LockFile`], [`InvalidBid::LockTime`],
    /// [`InvalidBid::LockCommitment`].
    pub fn check_lock(&self, promise: &LockCommitment) -> Result<(), InvalidBid> {
        self.opening.as_ref().ok_or(InvalidBid::LockUnexpected)?.check_promise(&self.file_id, promise)
    }
}

impl fmt::Debug for Manifest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Manifest")
            .field("file_id", &self.file_id)
            .field("terms", &self.terms)
            .finish_non_exhaustive()
    }
}

fn metadata(mut list: Fields<'_>) -> Result<BTreeMap<String, String>, InvalidBid> {
    let mut metadata = BTreeMap::new();
    while !list.is_empty() {
        let mut entry = list.sequence().map_err(|_| InvalidBid::Manifest)?;
        let key = entry.text(MAX_KEY_LEN).map_err(|_| InvalidBid::Manifest)?;
        let value = entry.text(MAX_VALUE_LEN).map_err(|_| InvalidBid::Manifest)?;
        entry.finish().map_err(|_| InvalidBid::Manifest)?;
        let ascending = metadata.last_key_value().is_none_or(|(last, _)| *last < key);
        if key.is_empty() || !ascending || metadata.len() == MAX_METADATA {
            return Err(InvalidBid::Metadata);
        }
        metadata.insert(key, value);
    }
    Ok(metadata)
}
