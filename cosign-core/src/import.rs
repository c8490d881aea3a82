//! A recovered decryption key, split at once (SPEC.md, section 21.3).
//!
//! Key recovery gives a decryption key back to its owner as a whole, sealed to a key of the new device. The client
//! splits it in memory and forgets it; nothing of it is stored, and what travelled dies with the refresh that follows.
//! Signing keys are never imported: nobody but their two parties ever had them.

use alloc::vec::Vec;
use core::fmt;

use once_cell::race::OnceBox;
use sm_primitives::{
    Scalar, SecretScalar, Zeroizing, batch::Multiplier, point::PublicPoint, rand_core::TryCryptoRng,
    sm2::PrivateKey,
};

use crate::{
    error::{ApiMisuse, Error},
    ids::{KeyId, Op, PinMode, Purpose, SessionId, Suite},
    keygen::prove,
    pin::{AuthKey, public_bytes, random_bytes},
    proof::{Context, Role},
    share::{self, ClientKey, Reserved},
    wire,
};

pub(crate) mod server;

/// The server's half was sent; waits for its agreement.
#[must_use = "dropping this gives the recovered key up"]
pub struct AwaitingImport {
    sid: SessionId,
    frame: Zeroizing<Vec<u8>>,
    key: ClientKey,
}

impl fmt::Debug for AwaitingImport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AwaitingImport").field("key", &self.key).finish_non_exhaustive()
    }
}

/// Splits a recovered decryption key under `key_id`, which the server issued to this device for its public key
/// and this mode.
///
/// The private key is to be dropped right after. Timing: independent of the key and the shares.
///
/// # Errors
/// [`Error::RandomFailed`].
pub fn start(
    key_id: KeyId,
    suite: Suite,
    mode: PinMode,
    private_key: &PrivateKey,
    rng: &mut (impl TryCryptoRng + ?Sized),
) -> Result<AwaitingImport, Error> {
    let public_key = *private_key.public_key();
    // A private key is never n - 1, so neither B nor 1 + d is zero.
    let misuse = Error::ApiMisuse(ApiMisuse::Purpose);
    let base = share::base(&public_key).ok_or(misuse)?;
    let sid = SessionId::from_bytes(public_bytes(rng)?);
    let context = Context::new(suite, &key_id, Purpose::Encrypt, &sid);
    let share = SecretScalar::random(rng)?;
    let witness = share.invert();
    let point = PublicPoint::mul_base(&witness);
    let proof = prove(&context, Role::Importer, &witness, &point, rng)?;
    let auth = AuthKey::from_bytes(&*random_bytes::<32>(rng)?);
    // dB = (1 + d)^-1 * dA^-1
    let d = SecretScalar::from_bytes(&private_key.expose_bytes());
    let one_plus_d = d.and_then(|d| d.add_public(&Scalar::ONE)).ok_or(misuse)?;
    let other = one_plus_d.mul(&share).invert();

    let mut frame = Zeroizing::new(wire::short_request(suite, Op::Import, &key_id, &sid));
    frame.reserve_exact(server::BODY);
    frame.extend(point.to_bytes());
    frame.extend(proof.commitment.to_bytes());
    frame.extend(proof.answer.to_bytes());
    frame.extend(&other.expose_bytes()[..]);
    frame.extend(auth.expose_bytes());
    frame.extend(public_key.as_point().to_bytes());
    let key = ClientKey {
        key_id,
        suite,
        purpose: Purpose::Encrypt,
        mode,
        epoch: 1,
        public_key,
        base: Multiplier::new(base),
        verifier: OnceBox::new(),
        share,
        auth,
        first: Reserved::default(),
    };
    Ok(AwaitingImport { sid, frame, key })
}

impl AwaitingImport {
    /// The frame. It is sent once.
    #[must_use]
    pub fn frame(&self) -> &[u8] {
        &self.frame
    }

    /// Takes the server's agreement: a key that is good for a refresh and nothing else.
    ///
    /// # Errors
    /// [`Error::InvalidMessage`] or [`Error::Refused`]; the key id is then used up.
    pub fn finish(self, answer: &[u8]) -> Result<ClientKey, Error> {
        wire::read_short_answer(answer, self.key.suite, &self.sid, 0)?;
        Ok(self.key)
    }
}
