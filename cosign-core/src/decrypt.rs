//! Two-party decryption, blinded: the server learns nothing about ciphertext or plaintext (SPEC.md, section 9.2).
//!
//! ```text
//! client                                       server
//! w random;  T1 = w*C1          -- T1 -->
//!                               <-- T2 ---     T2 = dB^-1 * T1
//! S = (w*dA)^-1 * T2 - C1 = d*C1;  key stream and C3 as in GB/T 32918.4
//! ```

use alloc::vec::Vec;
use core::fmt;

use sm_primitives::{
    SecretScalar, Zeroizing, batch, point::PublicPoint, rand_core::TryCryptoRng, sm2::Ciphertext,
};

use crate::{
    error::{ApiMisuse, Code, Error, Progress},
    ids::{Op, Purpose, SessionId},
    share::{ClientKey, ServerShare},
    wire::{self, Answer, CLIENT_DEADLINE_MS},
};

/// Most decryptions of one key over its lifetime, all epochs together: bounds what a static Diffie-Hellman oracle
/// gives away.
pub const LIFETIME_QUOTA: u32 = 1 << 20;

const POINT: usize = 64;

/// A decryption session whose request was sent. Owns the blinding factors.
#[must_use = "dropping this aborts the session"]
pub struct AwaitingPlaintexts<'k> {
    key: &'k ClientKey,
    sid: SessionId,
    items: Vec<(SecretScalar, Ciphertext)>,
    frame: Vec<u8>,
    deadline_ms: u64,
}

impl fmt::Debug for AwaitingPlaintexts<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AwaitingPlaintexts").field("sid", &self.sid).finish_non_exhaustive()
    }
}

/// The plaintexts of one request, in the order of its ciphertexts.
pub struct Decrypted {
    /// One for each ciphertext; all of them opened.
    pub plaintexts: Vec<Zeroizing<Vec<u8>>>,
    /// Wrong PINs since the last success, 0..=9: to be shown to the user.
    pub failures: u8,
}

/// What became of each ciphertext of one request, in their order.
pub struct Opened {
    /// One for each ciphertext; `None` if it does not open. Whether the ciphertext was changed or the answer was wrong is
    /// not known.
    pub plaintexts: Vec<Option<Zeroizing<Vec<u8>>>>,
    /// Wrong PINs since the last success, 0..=9: to be shown to the user.
    pub failures: u8,
}

impl fmt::Debug for Opened {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Opened").field("count", &self.plaintexts.len()).finish_non_exhaustive()
    }
}

impl fmt::Debug for Decrypted {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Decrypted").field("count", &self.plaintexts.len()).finish_non_exhaustive()
    }
}

/// Starts a session: the request frame and the state that waits for its answer.
///
/// A [`Ciphertext`] has a `C1` on the curve and a non-empty `C2`, so nothing else reaches the server. Timing:
/// independent of the share and the blinding factors.
///
/// # Errors
/// [`Error::ApiMisuse`] unless there are 1..=256 ciphertexts and the key is for decryption, [`Error::RandomFailed`].
pub fn start<'k>(
    key: &'k ClientKey,
    ciphertexts: &[Ciphertext],
    now_ms: u64,
    rng: &mut (impl TryCryptoRng + ?Sized),
) -> Result<(Vec<u8>, AwaitingPlaintexts<'k>), Error> {
    let count = wire::batch_len(ciphertexts.len())?;
    if key.purpose != Purpose::Encrypt {
        return Err(Error::ApiMisuse(ApiMisuse::Purpose));
    }
    let sid = key.session(rng)?;
    let mut sealed = Vec::with_capacity(ciphertexts.len());
    let mut body = Vec::with_capacity(ciphertexts.len() * POINT);
    for ciphertext in ciphertexts {
        let blind = SecretScalar::random(rng)?;
        body.extend(ciphertext.c1().mul(&blind).to_bytes());
        sealed.push((blind, ciphertext.clone()));
    }
    let (frame, _) = key.tagged_frame(Op::Decrypt, &sid, now_ms, count, &body);
    let deadline_ms = now_ms.saturating_add(CLIENT_DEADLINE_MS);
    Ok((frame.clone(), AwaitingPlaintexts { key, sid, items: sealed, frame, deadline_ms }))
}

impl AwaitingPlaintexts<'_> {
    /// The frame, for sending the identical bytes again before the deadline.
    #[must_use]
    pub fn frame(&self) -> &[u8] {
        &self.frame
    }

    /// When this state must be dropped, unix milliseconds.
    #[must_use]
    pub const fn deadline_ms(&self) -> u64 {
        self.deadline_ms
    }

    /// Takes the answer and releases the plaintexts only if every one of them opens.
    ///
    /// Timing: independent of the share and the blinding factors.
    ///
    /// # Errors
    /// As [`crate::sign::AwaitingSignatures::finish`]; `E_VERIFY` does not say whether the answer or the ciphertext
    /// was wrong.
    pub fn finish(self, answer: &[u8]) -> Result<Progress<Self, Decrypted>, Error> {
        Ok(match self.finish_each(answer)? {
            Progress::Done(Opened { plaintexts, failures }) => {
                let plaintexts: Option<_> = plaintexts.into_iter().collect();
                let plaintexts = plaintexts.ok_or(Error::PeerMisbehaved(Code::Verify))?;
                Progress::Done(Decrypted { plaintexts, failures })
            }
            Progress::Next(next) => Progress::Next(next),
            Progress::Busy(same) => Progress::Busy(same),
        })
    }

    /// Takes the answer and judges each ciphertext by its own C3, so that a broken one does not hide the others.
    ///
    /// The server must not learn which of them opened: it is told nothing, and what is sent next must not depend on it.
    /// Timing: independent of the share and the blinding factors.
    ///
    /// # Errors
    /// As [`crate::sign::AwaitingSignatures::finish`], but for `E_VERIFY`.
    pub fn finish_each(self, answer: &[u8]) -> Result<Progress<Self, Opened>, Error> {
        let count = wire::batch_len(self.items.len())?;
        let (failures, body) = match wire::read_answer(answer, self.key.suite, &self.sid, count, POINT)? {
            Answer::Items { failures, body } => (failures, body),
            Answer::Busy => return Ok(Progress::Busy(self)),
        };
        let points = read_points(body).ok_or(Error::InvalidMessage(Code::RespPoint))?;
        let open = |((blind, ciphertext), point): (&(SecretScalar, Ciphertext), PublicPoint)| {
            let unblind = blind.mul(&self.key.share).invert();
            let shared = point.mul_secret(&unblind).sub_public(ciphertext.c1());
            shared.and_then(|shared| ciphertext.open(&shared).ok())
        };
        let plaintexts = self.items.iter().zip(points).map(open).collect();
        Ok(Progress::Done(Opened { plaintexts, failures }))
    }
}

/// Decodes points that follow each other; `None` if any of them is not on the curve.
pub(crate) fn read_points(body: &[u8]) -> Option<Vec<PublicPoint>> {
    body.chunks_exact(POINT).map(|bytes| PublicPoint::from_bytes(bytes.first_chunk()?)).collect()
}

/// The server's step: `T2 = dB^-1 * T1` for points that were decoded before the share was touched.
///
/// Timing: independent of the share.
pub(crate) fn respond(share: &ServerShare, points: &[PublicPoint]) -> Vec<u8> {
    batch::mul_same(&share.inverse, points).iter().flat_map(PublicPoint::to_bytes).collect()
}

/// A way in for the vectors, which give blinding factors instead of the randomness behind them.
#[cfg(test)]
impl<'k> AwaitingPlaintexts<'k> {
    pub(crate) fn with_blinds(
        key: &'k ClientKey,
        sid: SessionId,
        items: Vec<(SecretScalar, Ciphertext)>,
    ) -> Self {
        Self { key, sid, items, frame: Vec::new(), deadline_ms: 0 }
    }
}
