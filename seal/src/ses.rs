//! The electronic seal and the sealed data of GB/T 38540-2020 and GM/T 0031, as bytes.
//!
//! An [`ElectronicSeal`] is a picture, whose it is, and the signature of the seal's maker. [`SealedData`] is the signature of
//! a holder of the seal over the seal, the digest of a document and a moment. Three editions are read: V1 (GM/T 0031-2014),
//! V4 (GB/T 38540-2020) and V5 (GM/T 0031-2025); V4 is written, and sealed data of V5 with seals of V5. Everything is
//! verified over the bytes as they came. Reading verifies nothing.
//!
//! What is made is made in two phases: [`UnsignedSeal`] and [`UnsignedData`] give a digest and take a signature.

mod data;
mod make;
mod read;
mod seal;
mod signature;

pub use data::SealedData;
pub use make::{SealOrder, UnsignedData, UnsignedSeal, unsigned_data};
pub use seal::{ElectronicSeal, Extension, Holders, PictureData, Version};
pub use signature::SignatureValue;

use pki::fields::{Fields, INTEGER, OID, SEQUENCE};

/// Longest electronic seal or sealed data that is read, in bytes.
pub const MAX_LEN: usize = 16 << 20;
/// Most holders of a seal.
pub const MAX_HOLDERS: usize = 4096;
/// Most extensions of a seal or of sealed data.
pub const MAX_EXTENSIONS: usize = 64;

/// What the value of a signature in a document is, by its shape.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Shape {
    /// Sealed data of one of the editions.
    Sealed,
    /// A message of GM/T 0010 or CMS.
    Message,
    /// Two integers, or 64 bytes that are no structure: a signature without anything beside it.
    Bare,
    /// Nothing that is known.
    Unknown,
}

impl Shape {
    /// Of these bytes; what stands behind a structure is not looked at.
    #[must_use]
    pub fn of(value: &[u8]) -> Self {
        let mut outer = Fields::new(value, "signature");
        let first = outer.expect(SEQUENCE).map(|sequence| Fields::new(sequence.body, "signature"));
        // In BER a message may have no length at its beginning.
        if let [0x30, 0x80, 0x06, ..] = value {
            return Self::Message;
        }
        match first.as_ref().ok().and_then(Fields::peek) {
            Some(OID) => Self::Message,
            Some(INTEGER) => Self::Bare,
            Some(SEQUENCE) => Self::Sealed,
            _ if value.len() == 64 => Self::Bare,
            _ => Self::Unknown,
        }
    }
}
