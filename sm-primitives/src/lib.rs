//! SM2, SM3 and SM4 engines: the Chinese commercial algorithms for signatures and public-key encryption
//! (GB/T 32918-2016), hashing (GB/T 32905-2016) and block encryption (GB/T 32907-2016).
//!
//! | module | what |
//! |---|---|
//! | [`sm2`] | keys and their files, signatures, encryption |
//! | [`sm3`], [`sm4`] | hash with HMAC, HKDF, PBKDF2; cipher with CBC, CTR, GCM |
//! | [`scalar`], [`point`], [`batch`], [`hash2curve`] | the group of SM2, for protocols built on it |
//! | [`ct`] | marks where bytes become secret and where they become public again |
//!
//! # Secrets
//! What is secret has a type of its own: [`SecretScalar`], [`SecretPoint`], [`sm2::PrivateKey`] and the keys of
//! [`sm3`] and [`sm4`] are wiped on drop, cannot be cloned, printed or compared, and are only used in operations whose
//! running time and memory accesses do not depend on them. Functions ending in `_vartime`, and those on public types
//! that say so, may branch on their input. The example `ctgrind` checks this with Valgrind.
//!
//! # Layers
//! `low` (limb arithmetic and kernels, the only place with `unsafe`) <- `mid` (field, curve, whole multiplications) <- the
//! public modules. A lower layer never uses a higher one. The portable arithmetic, for 64-bit and for 32-bit targets, is
//! the specification; faster implementations of whole operations are chosen once per call, by what the processor has.
//!
//! | operation | with ADX and AVX2 | many at once | else |
//! |---|---|---|---|
//! | SM2 multiplications, signatures | assembly for the field, vector table scans; multiples of G in 8 lanes (IFMA) | 4 lanes (AVX2), 8 lanes (AVX-512; IFMA) | portable |
//! | SM3 | rounds with BMI2, words expanded in vectors | 8 messages (AVX2), 16 (AVX-512) | portable |
//! | SM4, CTR, CBC, GCM | the S-box by GFNI, VAES or AES-NI; carry-less products | likewise | bit-sliced |
//!
//! # Many at once
//! [`sm2::dsa::many`], [`batch`], [`sm3::digest_all`], [`sm4::cbc::encrypt_many`]: a result for every item, in order, the same
//! as one at a time. The feature `parallel` adds `sm2::dsa::parallel`, which uses all cores.
#![no_std]

extern crate alloc;

pub use rand_core;
pub use zeroize::Zeroizing;

pub mod batch;
pub mod ct;
mod error;
pub mod hash2curve;
mod low;
mod mid;
pub mod point;
pub mod scalar;
pub mod sm2;
pub mod sm3;
pub mod sm4;

pub use error::Error;
pub use point::{PublicPoint, SecretPoint};
pub use scalar::{Scalar, SecretScalar};
