//! SM2 certificates: read, validated and issued; requests for them, and the files that keys are kept in.
//!
//! Pure functions over bytes. The crate reads no clock, opens no socket and draws no randomness of its own: the moment
//! that something is judged at and `rng` are arguments. Signatures are made by a callback that gets digests, so the key
//! may be in a file, in a security module or shared by two parties.
#![forbid(unsafe_code)]

mod asn1;
pub mod cfca;
pub mod csr;
pub mod error;
pub mod key_file;
pub mod password;
pub mod pkcs12;
pub mod pkcs8;

pub use error::Error;
