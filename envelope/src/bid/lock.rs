//! The time lock: a secret sealed to the opening key of a server, which gives it out when the time has come.
//!
//! The server's side is [`Lock::open`]: it sees from inside which time and which file the lock is for, and needs nothing
//! else of the bid.

use alloc::vec::Vec;
use core::fmt;

use sm_primitives::{
    rand_core::TryCryptoRng,
    sm2::{Ciphertext, PrivateKey, PublicKey, pke},
    sm3::Sm3,
};
use zeroize::Zeroizing;

use super::{
    FileId, InvalidBid,
    fields::{Fields, MAX_NUMBER, number},
};
use crate::{
    der::{CONSTRUCTED, OCTET_STRING, context, element},
    error::{ApiMisuse, Error},
    recipient::SubjectKeyId,
};

/// First bytes of what a lock holds.
const LABEL: &[u8; 16] = b"COSIGN-BID-LOCK1";
const COMMITMENT_LABEL: &[u8; 16] = b"COSIGN-BID-OPEN1";

/// The secret L of a lock: 32 bytes. Wiped on drop, never copied or printed.
pub struct LockSecret(Zeroizing<[u8; Self::LEN]>);

impl LockSecret {
    /// Length in bytes.
    pub const LEN: usize = 32;

    fn random(rng: &mut (impl TryCryptoRng + ?Sized)) -> Result<Self, Error> {
        let mut secret = Self(Zeroizing::new([0; Self::LEN]));
        rng.try_fill_bytes(secret.0.as_mut_slice()).map_err(|_| Error::RandomFailed)?;
        Ok(secret)
    }

    /// What a server has released.
    #[must_use]
    pub fn from_bytes(bytes: &[u8; Self::LEN]) -> Self {
        Self(Zeroizing::new(*bytes))
    }

    /// The secret, to be released or hashed.
    #[must_use]
    pub fn expose_bytes(&self) -> &[u8; Self::LEN] {
        &self.0
    }

    /// SM3(label || fileId || notBefore || L): what the manifest commits to.
    #[must_use]
    pub fn commitment(&self, file_id: &FileId, not_before: u64) -> [u8; 32] {
        Sm3::new()
            .chain(COMMITMENT_LABEL)
            .chain(file_id.as_bytes())
            .chain(&not_before.to_be_bytes())
            .chain(self.0.as_slice())
            .finalize()
    }
}

impl fmt::Debug for LockSecret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("LockSecret(..)")
    }
}

/// What a lock holds.
#[derive(Debug)]
pub struct Lock {
    /// Unix seconds before which L is not to be released.
    pub not_before: u64,
    /// The bid.
    pub file_id: FileId,
    /// L.
    pub secret: LockSecret,
}

impl Lock {
    /// Length of a lock's plaintext in bytes: label, time, file id, secret.
    pub const LEN: usize = 16 + 8 + FileId::LEN + LockSecret::LEN;

    /// Seals the lock to an opening key.
    ///
    /// # Errors
    /// [`Error::RandomFailed`].
    pub fn seal(
        &self,
        opening_key: &PublicKey,
        rng: &mut (impl TryCryptoRng + ?Sized),
    ) -> Result<Ciphertext, Error> {
        let mut plaintext = Zeroizing::new(Vec::with_capacity(Self::LEN));
        plaintext.extend_from_slice(LABEL);
        plaintext.extend_from_slice(&self.not_before.to_be_bytes());
        plaintext.extend_from_slice(self.file_id.as_bytes());
        plaintext.extend_from_slice(self.secret.expose_bytes());
        pke::encrypt(opening_key, &plaintext, rng).map_err(|_| Error::RandomFailed)
    }

    /// Opens a lock with the private opening key. It is for the caller to give out [`Lock::secret`] from
    /// [`Lock::not_before`] on only; [`Lock::commitment`] may be told at any time.
    ///
    /// Timing: independent of the key.
    ///
    /// # Errors
    /// [`Error::WrongKey`] if it is sealed to another key, [`InvalidBid::LockCiphertext`] or [`InvalidBid::LockLabel`]
    /// if it is no lock.
    pub fn open(key: &PrivateKey, ciphertext: &Ciphertext) -> Result<Self, Error> {
        if ciphertext.c2().len() != Self::LEN {
            return Err(InvalidBid::LockCiphertext.into());
        }
        let plaintext = pke::decrypt(key, ciphertext).map_err(|_| Error::WrongKey)?;
        let parts = plaintext.split_first_chunk::<16>().and_then(|(label, rest)| {
            let (not_before, rest) = rest.split_first_chunk::<8>()?;
            let (file_id, secret) = rest.split_first_chunk::<{ FileId::LEN }>()?;
            Some((label, not_before, file_id, <&[u8; LockSecret::LEN]>::try_from(secret).ok()?))
        });
        match parts {
            Some((LABEL, not_before, file_id, secret)) => Ok(Self {
                not_before: u64::from_be_bytes(*not_before),
                file_id: FileId(*file_id),
                secret: LockSecret::from_bytes(secret),
            }),
            _ => Err(InvalidBid::LockLabel.into()),
        }
    }

    /// What may be told before the time has come; it proves that the lock will open.
    #[must_use]
    pub fn commitment(&self) -> LockCommitment {
        LockCommitment {
            not_before: self.not_before,
            file_id: self.file_id,
            commitment: self.secret.commitment(&self.file_id, self.not_before),
        }
    }
}

/// What a server says about a lock without releasing it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LockCommitment {
    /// Unix seconds.
    pub not_before: u64,
    /// The bid.
    pub file_id: FileId,
    /// [`LockSecret::commitment`].
    pub commitment: [u8; 32],
}

/// The opening time in a manifest.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Opening {
    not_before: u64,
    key: SubjectKeyId,
    commitment: [u8; 32],
}

impl Opening {
    /// Draws the secret of a new lock and seals it.
    pub(super) fn new(
        file_id: FileId,
        not_before: u64,
        key: &PublicKey,
        rng: &mut (impl TryCryptoRng + ?Sized),
    ) -> Result<(Self, LockSecret, Ciphertext), Error> {
        if not_before > MAX_NUMBER {
            return Err(ApiMisuse::BidTerms.into());
        }
        let lock = Lock { not_before, file_id, secret: LockSecret::random(rng)? };
        let sealed = lock.seal(key, rng)?;
        let commitment = lock.commitment().commitment;
        Ok((Self { not_before, key: SubjectKeyId::of(key), commitment }, lock.secret, sealed))
    }

    /// Unix seconds before which the server does not open the lock.
    #[must_use]
    pub const fn not_before(&self) -> u64 {
        self.not_before
    }

    /// The id of the server's opening key.
    #[must_use]
    pub const fn key(&self) -> &SubjectKeyId {
        &self.key
    }

    /// Checks a released secret.
    pub(super) fn check(&self, file_id: &FileId, secret: &LockSecret) -> Result<(), InvalidBid> {
        if secret.commitment(file_id, self.not_before) == self.commitment {
            Ok(())
        } else {
            Err(InvalidBid::LockCommitment)
        }
    }

    /// Checks what a server says about the lock: with that it will open at the time that the manifest has.
    pub(super) fn check_promise(&self, file_id: &FileId, promise: &LockCommitment) -> Result<(), InvalidBid> {
        if promise.file_id != *file_id {
            Err(InvalidBid::LockFile)
        } else if promise.not_before != self.not_before {
            Err(InvalidBid::LockTime)
        } else if promise.commitment != self.commitment {
            Err(InvalidBid::LockCommitment)
        } else {
            Ok(())
        }
    }

    pub(super) fn encode(&self) -> Vec<u8> {
        element(
            context(2) | CONSTRUCTED,
            &[
                &number(self.not_before),
                &element(OCTET_STRING, &[self.key.as_bytes()]),
                &element(OCTET_STRING, &[&self.commitment]),
            ],
        )
    }

    pub(super) fn decode(body: &[u8]) -> Result<Self, InvalidBid> {
        let read = || {
            let mut fields = Fields::of_body(body);
            let not_before = fields.number()?;
            let key = fields.bytes::<20>(OCTET_STRING)?;
            let commitment = fields.bytes(OCTET_STRING)?;
            fields.finish()?;
            Ok((not_before, key, commitment))
        };
        let (not_before, key, commitment) =
            read().map_err(|_: super::fields::Broken| InvalidBid::Manifest)?;
        let key = SubjectKeyId::new(&key).map_err(|_| InvalidBid::Manifest)?;
        Ok(Self { not_before, key, commitment })
    }
}

#[cfg(test)]
mod tests {
    use getrandom::SysRng;

    use super::*;

    fn lock() -> Lock {
        Lock { not_before: 7, file_id: FileId([3; 16]), secret: LockSecret::from_bytes(&[9; 32]) }
    }

    #[test]
    fn a_lock_opens_with_its_key_only() {
        let key = PrivateKey::generate(&mut SysRng).expect("random");
        let other = PrivateKey::generate(&mut SysRng).expect("random");
        let sealed = lock().seal(key.public_key(), &mut SysRng).expect("random");
        let opened = Lock::open(&key, &sealed).expect("its key");
        assert_eq!(opened.commitment(), lock().commitment());
        assert_eq!(opened.secret.expose_bytes(), &[9; 32]);
        assert_eq!(Lock::open(&other, &sealed).err(), Some(Error::WrongKey));
    }

    #[test]
    fn what_is_no_lock_is_refused() {
        let key = PrivateKey::generate(&mut SysRng).expect("random");
        let open = |plaintext: &[u8]| {
            let sealed = pke::encrypt(key.public_key(), plaintext, &mut SysRng).expect("random");
            Lock::open(&key, &sealed).err()
        };
        assert_eq!(open(&[0; 71]), Some(InvalidBid::LockCiphertext.into()));
        assert_eq!(open(&[0; 72]), Some(InvalidBid::LockLabel.into()));
    }

    #[test]
    fn the_commitment_is_to_all_three() {
        let (opening, secret, _) = Opening::new(
            FileId([1; 16]),
            5,
            PrivateKey::generate(&mut SysRng).expect("random").public_key(),
            &mut SysRng,
        )
        .expect("random");
        assert_eq!(opening.check(&FileId([1; 16]), &secret), Ok(()));
        assert_eq!(opening.check(&FileId([2; 16]), &secret), Err(InvalidBid::LockCommitment));
        let promise = LockCommitment {
            not_before: 5,
            file_id: FileId([1; 16]),
            commitment: secret.commitment(&FileId([1; 16]), 5),
        };
        assert_eq!(opening.check_promise(&FileId([1; 16]), &promise), Ok(()));
        for (promise, defect) in [
            (LockCommitment { file_id: FileId([2; 16]), ..promise }, InvalidBid::LockFile),
            (LockCommitment { not_before: 6, ..promise }, InvalidBid::LockTime),
            (LockCommitment { commitment: [0; 32], ..promise }, InvalidBid::LockCommitment),
        ] {
            assert_eq!(opening.check_promise(&FileId([1; 16]), &promise), Err(defect));
        }
    }
}
