//! What the rows are compared with.

use std::hint::black_box;

use sm_primitives::{
    sm3,
    sm4::{cbc, ctr, gcm},
};

use super::{IV, KEY, LARGE, NONCE};
use crate::{
    Operation,
    foreign::libgcrypt::{Mode, Sm3, Sm4},
    sm2,
};

/// An operation of somebody else.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Yardstick {
    /// ECDSA with P-256 and SHA-256 over 32 bytes.
    P256Sign,
    /// The same, the public key as bytes.
    P256Verify,
    /// One signature of this project, by one party with the whole key.
    Sm2Sign,
    /// One stream of 16 KiB.
    Sm3,
    /// 16 KiB.
    Ctr,
    /// 16 KiB.
    Gcm,
    /// One stream of 16 KiB.
    Cbc,
}

impl Yardstick {
    /// What, and whose.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::P256Sign => "P-256 sign (AWS-LC)",
            Self::P256Verify => "P-256 verify (AWS-LC)",
            Self::Sm2Sign => "SM2 sign, one party (ours)",
            Self::Sm3 => "SM3 16 KiB (libgcrypt)",
            Self::Ctr => "SM4-CTR 16 KiB (libgcrypt)",
            Self::Gcm => "SM4-GCM 16 KiB (libgcrypt)",
            Self::Cbc => "SM4-CBC encrypt 16 KiB (libgcrypt)",
        }
    }

    /// `None` if the library is absent. Its results are compared with ours first.
    #[must_use]
    pub fn operation(self) -> Option<Operation> {
        match self {
            Self::P256Sign => Some(sm2::p256_sign()),
            Self::P256Verify => Some(sm2::p256_verify()),
            Self::Sm2Sign => Some(sm2::sign_digest(self.name())),
            Self::Sm3 => {
                let theirs = Sm3::new()?;
                let data = vec![0x5a; LARGE];
                assert_eq!(theirs.digest(&data), sm3::digest(&data));
                Some(Operation::bytes(self.name(), LARGE, move || {
                    move || {
                        black_box(theirs.digest(black_box(&data)));
                    }
                }))
            }
            Self::Ctr => self.cipher(Mode::Ctr, &IV, |data| {
                ctr::Ctr::new(&KEY, &IV).apply(data);
                None
            }),
            Self::Gcm => self
                .cipher(Mode::Gcm, &NONCE, |data| Some(gcm::seal_in_place(&KEY, &NONCE, &[], data).unwrap())),
            Self::Cbc => self.cipher(Mode::Cbc, &IV, |data| {
                cbc::Encryptor::new(&KEY, &IV).encrypt(data).unwrap();
                None
            }),
        }
    }

    fn cipher(
        self,
        mode: Mode,
        iv: &'static [u8],
        ours: fn(&mut [u8]) -> Option<[u8; 16]>,
    ) -> Option<Operation> {
        let mut theirs = Sm4::new(mode, &KEY)?;
        let (mut expected, mut data) = (vec![0x5a; LARGE], vec![0x5a; LARGE]);
        let tag = ours(&mut expected);
        theirs.encrypt(iv, &mut data);
        assert_eq!(data, expected, "{}", self.name());
        assert!(tag.is_none_or(|tag| tag == theirs.tag()), "{}", self.name());
        Some(Operation::bytes(self.name(), LARGE, move || {
            move || {
                theirs.encrypt(iv, black_box(&mut data));
                if mode == Mode::Gcm {
                    black_box(theirs.tag());
                }
            }
        }))
    }
}
