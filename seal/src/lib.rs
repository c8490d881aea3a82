//! Electronic seals: a picture bound to a certificate by the signature of a seal maker, and documents sealed with it.
//!
//! Pure functions over bytes and seekable streams. The crate reads no clock, opens no socket and holds no private key: the
//! moment is an argument, and what is to be signed gives a digest and takes a signature (prepare, sign, embed), so that the
//! key may be in a file, in a security module or shared by two parties.
//!
//! * [`ses`]: the electronic seal and the sealed data of GB/T 38540-2020 and GM/T 0031, as bytes.
//! * [`pdf`]: PDF files, read revision by revision and sealed by appending.
//! * [`place`]: where the stamps of a seal go.
//! * [`report`]: what verification found.
#![forbid(unsafe_code)]

pub mod error;
pub mod geometry;
pub mod pdf;
pub mod place;
pub mod report;
pub mod ses;
mod time;
pub mod verify;

pub use error::Error;
