//! Single-use nonces. None has `Clone` or an encoding; all are wiped on drop.

use sm_primitives::SecretScalar;

use crate::{
    digest::Digest,
    error::Error,
    hash::{self, Dst},
    ids::SessionId,
    pin::random_bytes,
};
use sm_primitives::rand_core::TryCryptoRng;

/// What the nonces of one client session are bound to, beside fresh randomness.
#[derive(Clone, Copy)]
pub(crate) struct ClientBinding<'a> {
    pub(crate) share: &'a SecretScalar,
    pub(crate) sid: &'a SessionId,
    pub(crate) ts_ms: u64,
    pub(crate) counter: u64,
}

/// Which of the two nonces of an item.
#[derive(Clone, Copy)]
pub(crate) enum Which {
    A = b'a' as isize,
    B = b'b' as isize,
}

/// A client nonce: fresh randomness hedged with the share, the session and the digest, so that neither a repeating
/// random source nor a restored snapshot repeats it for another message.
pub(crate) fn client(
    binding: &ClientBinding<'_>,
    index: u16,
    digest: &Digest,
    which: Which,
    rng: &mut (impl TryCryptoRng + ?Sized),
) -> Result<SecretScalar, Error> {
    let fresh = random_bytes::<32>(rng)?;
    let share = binding.share.expose_bytes();
    Ok(hash::to_scalar(
        Dst::CLIENT_NONCE,
        &[
            &fresh[..],
            &share[..],
            binding.sid.as_bytes(),
            &binding.ts_ms.to_be_bytes(),
            &binding.counter.to_be_bytes(),
            &index.to_be_bytes(),
            digest.as_bytes(),
            &[which as u8],
        ],
    ))
}

/// A server nonce `k2`: a fresh draw hedged with a key of this process and the request.
///
/// Not deterministic: two computations of one request must differ, or a fault in one of them gives the share away.
pub(crate) fn server(
    nonce_key: &[u8; 32],
    h_req: &[u8; 32],
    index: u16,
    retry: u8,
    rng: &mut (impl TryCryptoRng + ?Sized),
) -> Result<SecretScalar, Error> {
    let fresh = random_bytes::<48>(rng)?;
    Ok(hash::to_scalar(Dst::SERVER_NONCE, &[&fresh[..], nonce_key, h_req, &index.to_be_bytes(), &[retry]]))
}
