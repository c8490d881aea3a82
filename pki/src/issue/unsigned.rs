//! What only a signature is missing from.

use envelope::der::put_head;
use sm_primitives::rand_core::TryCryptoRng;
use sm_primitives::sm2::{
    DistId, PreparedKey, PrivateKey, PublicKey, Signature,
    dsa::{
        self,
        many::{self, Claim},
    },
};

use super::encode::bit_string;
use crate::error::Error;
use crate::fields::SEQUENCE;

/// Digests signed or verified at a time: so many that memory stays small.
const PIECE: usize = 256;
/// From so many on a table of the key pays.
const PREPARED: usize = 32;

/// Something that is signed as certificates are and waits for its signature, however long that takes: from a private key,
/// a module, or two parties.
#[derive(Clone, Debug)]
pub struct Unsigned {
    tbs: Vec<u8>,
    algorithm: Vec<u8>,
    key: PublicKey,
    digest: [u8; 32],
    frame: Frame,
}

/// What stands around and behind it.
#[derive(Clone, Debug)]
enum Frame {
    Plain,
    /// An OCSP answer: the certificates that go along, `[0]` whole or nothing.
    Answer(Vec<u8>),
}

impl Unsigned {
    pub(super) fn new(tbs: Vec<u8>, algorithm: Vec<u8>, key: PublicKey) -> Self {
        let digest = DistId::default().digest(&key, &tbs);
        Self { tbs, algorithm, key, digest, frame: Frame::Plain }
    }

    /// The same as an answer of OCSP.
    pub(super) fn into_answer(mut self, certificates: Vec<u8>) -> Self {
        self.frame = Frame::Answer(certificates);
        self
    }

    /// The bytes that are signed.
    #[must_use]
    pub fn tbs(&self) -> &[u8] {
        &self.tbs
    }

    /// The digest that is signed: SM3(Z || tbs), Z of the issuer's key with the default distinguishing identifier.
    #[must_use]
    pub const fn digest(&self) -> &[u8; 32] {
        &self.digest
    }

    /// The whole in DER.
    ///
    /// # Errors
    /// [`Error::InvalidSignature`] if it is not one of the issuer's key over this.
    pub fn assemble(self, signature: &Signature) -> Result<Vec<u8>, Error> {
        dsa::verify_digest(&self.key, &self.digest, signature).map_err(|_| Error::InvalidSignature)?;
        Ok(self.whole(signature))
    }

    /// In place, because a revocation list is long.
    fn whole(self, signature: &Signature) -> Vec<u8> {
        let Self { mut tbs, algorithm, frame, .. } = self;
        tbs.extend(algorithm);
        tbs.extend(bit_string(&signature.to_der()));
        match frame {
            Frame::Plain => put_around(&mut tbs, SEQUENCE),
            Frame::Answer(certificates) => {
                tbs.extend(certificates);
                put_around(&mut tbs, SEQUENCE);
                return super::answer::successful(&tbs);
            }
        }
        tbs
    }
}

/// Makes bytes the body of an element, without a second copy of them.
pub(super) fn put_around(body: &mut Vec<u8>, tag: u8) {
    let mut head = Vec::new();
    put_head(&mut head, tag, body.len() as u64);
    body.splice(0..0, head);
}

/// Many of one issuer, whose digests are signed together.
#[derive(Clone, Debug)]
pub struct Batch {
    items: Vec<Unsigned>,
    digests: Vec<[u8; 32]>,
}

impl Batch {
    /// Some that wait for signatures of one key.
    #[must_use]
    pub fn new(items: Vec<Unsigned>) -> Self {
        let digests = items.iter().map(|item| item.digest).collect();
        Self { items, digests }
    }

    /// What is signed, in order.
    #[must_use]
    pub fn digests(&self) -> &[[u8; 32]] {
        &self.digests
    }

    /// All of them in DER, in order, given the signatures of [`Batch::digests`].
    ///
    /// # Errors
    /// [`Error::InvalidSignature`] if one of them is wrong or their number is. Then there is none.
    pub fn assemble(self, signatures: &[Signature]) -> Result<Vec<Vec<u8>>, Error> {
        if signatures.len() != self.items.len() {
            return Err(Error::InvalidSignature);
        }
        let Some(key) = self.items.first().map(|first| first.key) else { return Ok(Vec::new()) };
        let prepared = (self.items.len() >= PREPARED).then(|| PreparedKey::new(&key));
        let mut pieces = self.items.chunks(PIECE).zip(signatures.chunks(PIECE));
        if !pieces.all(|(items, signatures)| verify(&key, prepared.as_ref(), items, signatures)) {
            return Err(Error::InvalidSignature);
        }
        Ok(self.items.into_iter().zip(signatures).map(|(item, signature)| item.whole(signature)).collect())
    }

    /// Signs with a private key that is at hand, and assembles. Timing: independent of the key.
    ///
    /// # Errors
    /// [`Error::RandomFailed`]; [`Error::InvalidSignature`] if the key is not the issuer's.
    pub fn sign(
        self,
        key: &PrivateKey,
        rng: &mut (impl TryCryptoRng + ?Sized),
    ) -> Result<Vec<Vec<u8>>, Error> {
        let mut signatures = Vec::with_capacity(self.digests.len());
        for piece in self.digests.chunks(PIECE) {
            signatures.extend(many::sign_digests(key, piece, rng).map_err(|_| Error::RandomFailed)?);
        }
        self.assemble(&signatures)
    }
}

/// Whether each signature is right; all are of one key.
fn verify(
    key: &PublicKey,
    prepared: Option<&PreparedKey>,
    items: &[Unsigned],
    signatures: &[Signature],
) -> bool {
    let pairs = items.iter().zip(signatures);
    let results = match prepared {
        Some(prepared) => {
            let pairs: Vec<_> = pairs.map(|(item, signature)| (item.digest, *signature)).collect();
            many::verify_digests_prepared(prepared, &pairs)
        }
        None => {
            let claim = |(item, signature): (&Unsigned, &Signature)| Claim {
                key,
                digest: item.digest,
                signature: *signature,
            };
            many::verify_digests(&pairs.map(claim).collect::<Vec<_>>())
        }
    };
    items.iter().all(|item| item.key == *key) && results.iter().all(Result::is_ok)
}
