//! The electronic seal and the sealed data of GB/T 38540-2020 and GM/T 0031, as bytes.

mod seal;

pub use seal::{ElectronicSeal, Version};
