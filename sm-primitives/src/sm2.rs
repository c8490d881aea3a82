//! SM2: keys, signatures and encryption of GB/T 32918-2016 (GM/T 0003-2012), encoded as GM/T 0009-2012 says.
//!
//! ```
//! use sm_primitives::sm2::{DistId, PrivateKey, dsa, pke};
//!
//! let mut rng = getrandom::SysRng;
//! let key = PrivateKey::generate(&mut rng)?;
//!
//! let signature = dsa::sign(&key, &DistId::default(), b"message", &mut rng)?;
//! dsa::verify(key.public_key(), &DistId::default(), b"message", &signature)?;
//!
//! let ciphertext = pke::encrypt(key.public_key(), b"message", &mut rng)?;
//! assert_eq!(*pke::decrypt(&key, &ciphertext)?, b"message");
//! # Ok::<_, sm_primitives::Error>(())
//! ```

pub mod distid;
pub mod dsa;
pub mod hazmat;
pub mod keys;
pub mod pke;

pub use distid::DistId;
pub use dsa::Signature;
pub use keys::{PreparedKey, PrivateKey, PublicKey};
pub use pke::Ciphertext;

/// The integer in 32 big-endian bytes, `None` if it is longer.
fn padded(integer: &der::asn1::UintRef<'_>) -> Option<[u8; 32]> {
    let bytes = integer.as_bytes();
    let mut out = [0; 32];
    out[32_usize.checked_sub(bytes.len())?..].copy_from_slice(bytes);
    Some(out)
}
