//! Domain separation and the hashes of the protocol (SPEC.md, section 3).

use alloc::vec::Vec;

use sm_primitives::{Scalar, SecretScalar, Zeroizing, ct, point::PublicPoint, sm2::PublicKey, sm3::Sm3};

use crate::{
    ids::{KeyId, Op, SessionId, Suite},
    wire::VERSION,
};

/// A domain separation tag: one SM3 block, `"SM2-COSIGN-D-V1/" || label || 00`, padded with 00. It is hashed at compile
/// time.
#[derive(Clone, Copy)]
pub(crate) struct Dst(&'static Absorbed);

/// The states behind a tag, and behind 01 || tag and 02 || tag but for the last byte, which is 00.
struct Absorbed {
    tag: Sm3,
    halves: [Sm3; 2],
}

impl Absorbed {
    const fn new(label: &[u8]) -> Self {
        Self { tag: block(&[], label), halves: [block(&[1], label), block(&[2], label)] }
    }
}

/// The state behind `head`, of at most one byte, and the tag as far as there is room in the block.
const fn block(head: &[u8], label: &[u8]) -> Sm3 {
    assert!(head.len() + PREFIX.len() + label.len() < 64, "the tag ends with 00");
    let mut block = [0; 64];
    let (start, rest) = block.split_at_mut(head.len());
    start.copy_from_slice(head);
    let (prefix, rest) = rest.split_at_mut(PREFIX.len());
    prefix.copy_from_slice(PREFIX.as_bytes());
    rest.split_at_mut(label.len()).0.copy_from_slice(label);
    Sm3::after_block(&block)
}

impl Dst {
    pub(crate) const BIND: Self = Self(&Absorbed::new(b"bind"));
    pub(crate) const BIND_COMMITTED: Self = Self(&Absorbed::new(b"bindC"));
    pub(crate) const COMMITMENT: Self = Self(&Absorbed::new(b"com"));
    pub(crate) const POK: Self = Self(&Absorbed::new(b"pok"));
    pub(crate) const KEYGEN_COMMITMENT: Self = Self(&Absorbed::new(b"kgcom"));
    pub(crate) const REFRESH: Self = Self(&Absorbed::new(b"refresh"));
    pub(crate) const REFRESH_ID: Self = Self(&Absorbed::new(b"rid"));
    pub(crate) const SPLIT: Self = Self(&Absorbed::new(b"split"));
    pub(crate) const EVALUATION_SESSION: Self = Self(&Absorbed::new(b"po-sid"));
    pub(crate) const INVITATION: Self = Self(&Absorbed::new(b"invite"));
    pub(crate) const PIN_MASK: Self = Self(&Absorbed::new(b"pin-mask"));
    pub(crate) const CLIENT_NONCE: Self = Self(&Absorbed::new(b"nonce-c"));
    pub(crate) const SERVER_NONCE: Self = Self(&Absorbed::new(b"nonce-s"));

    /// The tag that binds an operation into its request hash; `None` for operations without one.
    const fn request(op: Op) -> Self {
        match op {
            Op::Decrypt => const { Self(&Absorbed::new(b"dec")) },
            Op::Refresh => const { Self(&Absorbed::new(b"ref")) },
            Op::Confirm => const { Self(&Absorbed::new(b"ref3")) },
            Op::Commit => const { Self(&Absorbed::new(b"reqC")) },
            Op::Split => const { Self(&Absorbed::new(b"spl")) },
            Op::Evaluate => const { Self(&Absorbed::new(b"eval")) },
            Op::Sign | Op::Reveal => const { Self(&Absorbed::new(b"req")) },
            Op::Keygen | Op::Open | Op::Activate | Op::Import | Op::KeygenOblivious => {
                const { Self(&Absorbed::new(b"req")) }
            }
        }
    }

    /// A hash with this tag absorbed.
    pub(crate) fn hasher(&self) -> Sm3 {
        self.0.tag.clone()
    }

    /// Hashes with 01 || tag and with 02 || tag absorbed.
    fn half_hashers(&self) -> [Sm3; 2] {
        self.0.halves.clone().map(|half| half.chain(&[0]))
    }
}

/// Prefix of every tag and label, whatever the suite.
pub(crate) const PREFIX: &str = "SM2-COSIGN-D-V1/";

/// `"SM2-COSIGN-D-V1/" || name || 00`: the first bytes of an HMAC input.
pub(crate) struct Label(&'static str);

impl Label {
    pub(crate) const PIN_TAG: Self = Self("pintag");
    pub(crate) const REFRESH_OK: Self = Self("refresh-ok");
    pub(crate) const PIN: Self = Self("pin");

    pub(crate) const fn parts(&self) -> [&[u8]; 3] {
        [PREFIX.as_bytes(), self.0.as_bytes(), &[0]]
    }
}

/// `1 + (int(SM3(01 || dst || parts) || first 16 bytes of SM3(02 || dst || parts)) mod (n - 1))`.
///
/// Timing: independent of the parts' values.
pub(crate) fn to_scalar(dst: Dst, parts: &[&[u8]]) -> SecretScalar {
    let [first, second] = dst
        .half_hashers()
        .map(|hash| Zeroizing::new(parts.iter().fold(hash, |hash, part| hash.chain(part)).finalize()));
    from_halves(&first, &second)
}

/// [`to_scalar`] of each input, the concatenation of its parts: the hashes of all of them are computed together.
///
/// Timing: independent of the inputs' values.
pub(crate) fn to_scalars<M: AsRef<[u8]>>(dst: Dst, inputs: &[M]) -> Vec<SecretScalar> {
    let [first, second] = dst.half_hashers().map(|hash| Zeroizing::new(hash.finalize_all(inputs)));
    first.iter().zip(second.iter()).map(|(first, second)| from_halves(first, second)).collect()
}

fn from_halves(first: &[u8; 32], second: &[u8; 32]) -> SecretScalar {
    let mut wide = Zeroizing::new([0; 48]);
    wide[..32].copy_from_slice(first);
    wide[32..].copy_from_slice(&second[..16]);
    SecretScalar::from_wide(&wide)
}

/// What a request hash covers beside the operation and the items.
#[derive(Clone, Copy)]
pub(crate) struct Request<'a> {
    pub(crate) suite: Suite,
    pub(crate) key_id: &'a KeyId,
    pub(crate) epoch: u32,
    pub(crate) public_key: &'a PublicKey,
    pub(crate) sid: &'a SessionId,
    pub(crate) count: u16,
}

impl Request<'_> {
    fn hasher(&self, dst: Dst) -> Sm3 {
        dst.hasher()
            .chain(&[VERSION, self.suite.byte()])
            .chain(self.key_id.as_bytes())
            .chain(&self.epoch.to_be_bytes())
            .chain(&self.public_key.as_point().to_bytes())
            .chain(self.sid.as_bytes())
            .chain(&self.count.to_be_bytes())
    }

    /// Hash of a request of ops 01, 02, 03, 05 to 08, 0A; `items` are the frame's bytes after its header, for op 07
    /// without the salt.
    pub(crate) fn hash(&self, op: Op, items: &[u8]) -> [u8; 32] {
        let mut h_req = self.hasher(Dst::request(op)).chain(items).finalize();
        // Logged in plain, also where an item is a secret (op 03).
        ct::into_public(&mut h_req);
        h_req
    }

    /// The commitment to an `opening`: the items and the salt, the bytes after the header of op 07.
    pub(crate) fn commitment(&self, opening: &[u8]) -> [u8; 32] {
        self.hasher(Dst::COMMITMENT).chain(opening).finalize()
    }
}

/// The two 128-bit binding factors of each of the items `first`, `first + 1`, .. with these `K2`.
pub(crate) fn binding_factors(h_req: &[u8; 32], first: u16, k2s: &[PublicPoint]) -> Vec<(u128, u128)> {
    let halves = |hash: [u8; 32]| {
        let (b1, b2) = hash.split_at(16);
        (from_be(b1), from_be(b2))
    };
    bound(Dst::BIND, h_req, first, k2s).into_iter().map(halves).collect()
}

/// The 128-bit factor `rho` of each of the items of an opened commitment with these `K2`.
pub(crate) fn committed_factors(h_req: &[u8; 32], k2s: &[PublicPoint]) -> Vec<u128> {
    let hashes = bound(Dst::BIND_COMMITTED, h_req, 0, k2s).into_iter();
    hashes.map(|hash| from_be(&hash[..16])).collect()
}

/// SM3 over the tag, the request's hash, the item's number and its `K2`, for each item.
fn bound(dst: Dst, h_req: &[u8; 32], first: u16, k2s: &[PublicPoint]) -> Vec<[u8; 32]> {
    let inputs: Vec<_> = (first..)
        .zip(k2s)
        .map(|(index, k2)| {
            let mut input = [0; 2 + 64];
            input[..2].copy_from_slice(&index.to_be_bytes());
            input[2..].copy_from_slice(&k2.to_bytes());
            input
        })
        .collect();
    dst.hasher().chain(h_req).finalize_all(&inputs)
}

fn from_be(bytes: &[u8]) -> u128 {
    bytes.iter().fold(0, |value, &byte| value << 8 | u128::from(byte))
}

/// A Fiat-Shamir challenge: SM3 over the parts, mod n.
pub(crate) fn challenge(parts: &[&[u8]]) -> Scalar {
    Scalar::reduce(&parts.iter().fold(Dst::POK.hasher(), |hash, part| hash.chain(part)).finalize())
}

/// The session in which a PIN is evaluated that the request of session `sid` is under: who drew `sid` alone can name it.
pub(crate) fn evaluation_session(key_id: &KeyId, sid: &SessionId) -> SessionId {
    let hash = Dst::EVALUATION_SESSION.hasher().chain(key_id.as_bytes()).chain(sid.as_bytes()).finalize();
    let mut session = [0; 16];
    session.copy_from_slice(&hash[..16]);
    SessionId::from_bytes(session)
}

/// Fingerprint of a whole request frame.
pub(crate) fn fingerprint(frame: &[u8]) -> [u8; 32] {
    let mut fingerprint = sm_primitives::sm3::digest(frame);
    // Logged in plain, though a frame holds a tag and may hold secrets.
    ct::into_public(&mut fingerprint);
    fingerprint
}
