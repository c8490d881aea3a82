//! Single-use nonces (SPEC.md, section 13). None has `Clone` or an encoding; all are wiped on drop.

use alloc::{vec, vec::Vec};
use core::ops::Range;

use sm_primitives::{SecretScalar, Zeroizing, rand_core::TryCryptoRng};

use crate::{
    digest::Digest,
    error::Error,
    hash::{self, Dst},
    ids::SessionId,
};

/// What the nonces of one client session are bound to, beside fresh randomness.
#[derive(Clone, Copy)]
pub(crate) struct ClientBinding<'a> {
    pub(crate) share: &'a SecretScalar,
    pub(crate) sid: &'a SessionId,
    pub(crate) ts_ms: u64,
    pub(crate) counter: u64,
}

/// Which of the nonces of an item: one of the two of suite D, or the one of suite F2.
#[derive(Clone, Copy)]
pub(crate) enum Which {
    A = b'a' as isize,
    B = b'b' as isize,
    Only = b'n' as isize,
}

/// What one client nonce is for: item, its digest, which of its nonces.
pub(crate) type Wanted<'a> = (u16, &'a Digest, Which);

/// Client nonces: fresh randomness hedged with the share, the session and the digest, so that neither a repeating
/// random source nor a restored snapshot repeats one for another message.
pub(crate) fn client(
    binding: &ClientBinding<'_>,
    wanted: &[Wanted<'_>],
    rng: &mut (impl TryCryptoRng + ?Sized),
) -> Result<Vec<SecretScalar>, Error> {
    let fresh = draw::<32>(wanted.len(), rng)?;
    let share = binding.share.expose_bytes();
    let mut inputs = Zeroizing::new(vec![[0; 131]; wanted.len()]);
    for ((input, fresh), (index, digest, which)) in inputs.iter_mut().zip(fresh.iter()).zip(wanted) {
        concatenate(
            input,
            [
                &fresh[..],
                &share[..],
                binding.sid.as_bytes(),
                &binding.ts_ms.to_be_bytes(),
                &binding.counter.to_be_bytes(),
                &index.to_be_bytes(),
                digest.as_bytes(),
                &[*which as u8],
            ],
        );
    }
    Ok(hash::to_scalars(Dst::CLIENT_NONCE, &inputs))
}

/// Server nonces `k2` of these items: fresh draws hedged with a key of this process and the request.
///
/// Not deterministic: two computations of one request must differ, or a fault in one of them gives the share away.
pub(crate) fn server(
    nonce_key: &[u8; 32],
    h_req: &[u8; 32],
    items: Range<u16>,
    retry: u8,
    rng: &mut (impl TryCryptoRng + ?Sized),
) -> Result<Vec<SecretScalar>, Error> {
    let wanted: Vec<_> = items.map(|index| (h_req, index)).collect();
    server_for(nonce_key, &wanted, retry, rng)
}

/// The same for items of several requests, in one piece: no nonce is moved, because what is moved stays behind.
pub(crate) fn server_for(
    nonce_key: &[u8; 32],
    wanted: &[(&[u8; 32], u16)],
    retry: u8,
    rng: &mut (impl TryCryptoRng + ?Sized),
) -> Result<Vec<SecretScalar>, Error> {
    let fresh = draw::<48>(wanted.len(), rng)?;
    let mut inputs = Zeroizing::new(vec![[0; 115]; wanted.len()]);
    for ((input, fresh), (h_req, index)) in inputs.iter_mut().zip(fresh.iter()).zip(wanted) {
        concatenate(input, [&fresh[..], nonce_key, *h_req, &index.to_be_bytes(), &[retry]]);
    }
    Ok(hash::to_scalars(Dst::SERVER_NONCE, &inputs))
}

/// `count` times `N` random bytes in one call: a system call or a lock for each would cost more than its nonce.
fn draw<const N: usize>(
    count: usize,
    rng: &mut (impl TryCryptoRng + ?Sized),
) -> Result<Zeroizing<Vec<[u8; N]>>, Error> {
    let mut bytes = Zeroizing::new(vec![[0; N]; count]);
    rng.try_fill_bytes(bytes.as_flattened_mut()).map_err(|_| Error::RandomFailed)?;
    Ok(bytes)
}

/// Fills `input` with the parts, whose lengths add up to its own.
fn concatenate<const N: usize, const PARTS: usize>(input: &mut [u8; N], parts: [&[u8]; PARTS]) {
    let mut rest = &mut input[..];
    for part in parts {
        let (head, tail) = rest.split_at_mut(part.len());
        head.copy_from_slice(part);
        rest = tail;
    }
    debug_assert!(rest.is_empty());
}
