//! Digital envelopes sealed to SM2 keys, and signed messages.
//!
//! Two traits carry the idea: a [`Recipient`] wraps the content key of a message, an [`Identity`] unwraps it. The
//! format is [`cms`]: the messages of GM/T 0010, written and read as a stream in bounded memory. [`simple`] has the
//! one-call forms, [`io`] the adapters to files and pipes.
//!
//! ```
//! use envelope::{Sm2Identity, Sm2Recipient, simple};
//! use getrandom::SysRng;
//! use sm_primitives::sm2::PrivateKey;
//!
//! let key = PrivateKey::generate(&mut SysRng)?;
//! let recipient = Sm2Recipient::from_public_key(key.public_key());
//! let message = simple::seal(&[&recipient], b"the lowest bid", &mut SysRng)?;
//! assert_eq!(*simple::open(&[&Sm2Identity::new(&key)], &message)?, b"the lowest bid");
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! Opening through two-party decryption, where no party has the private key and the answer comes from a server, has
//! two phases:
//!
//! ```
//! use envelope::cms::Header;
//! use envelope::{ContentKey, Error, RecipientId};
//! use sm_primitives::Zeroizing;
//! use sm_primitives::sm2::{Ciphertext, PublicKey};
//!
//! fn open(
//!     message: &[u8],
//!     joint_key: &PublicKey,
//!     co_decrypt: impl Fn(&Ciphertext) -> Zeroizing<Vec<u8>>,
//! ) -> Result<Vec<u8>, Error> {
//!     let (header, content) = Header::from_bytes(message)?;
//!     let entry = header.find(&[RecipientId::of_key(joint_key)]).ok_or(Error::NoMatchingRecipient)?;
//!     let key = ContentKey::from_bytes(co_decrypt(entry.ciphertext()?))?;
//!
//!     let mut plaintext = Vec::new();
//!     let mut opener = header.open(key);
//!     opener.push(content, &mut plaintext)?; // as often as there are pieces
//!     opener.finish(&mut plaintext)?;
//!     Ok(plaintext)
//! }
//! ```
//!
//! Signing takes digests and gives them to whoever holds the key, or half of it:
//!
//! ```
//! use envelope::Error;
//! use envelope::cms::{Compat, Dialect, Rule, Signer};
//! use envelope::simple::{self, Placement};
//! use sm_primitives::sm2::Signature;
//!
//! fn sign(
//!     certificate: &[u8],
//!     content: &[u8],
//!     co_sign: impl Fn(&[[u8; 32]]) -> Result<Vec<Signature>, Error>,
//! ) -> Result<(), Error> {
//!     let signer = Signer::new(certificate)?;
//!     let message = simple::sign(vec![signer], Dialect::Standard, Placement::Attached, content, co_sign)?;
//!
//!     let read = simple::verify(Compat::STRICT, &message, None, &[])?;
//!     assert!(read.verdicts.iter().all(|verdict| verdict.result == Ok(Rule::Attributes)));
//!     Ok(())
//! }
//! ```
//!
//! The crate reads no clock, opens no socket and draws no randomness of its own: `rng` is an argument. Without the
//! feature `std` it needs only an allocator.
#![cfg_attr(not(feature = "std"), no_std)]
#![forbid(unsafe_code)]

extern crate alloc;

pub mod armor;
pub mod ber;
pub mod bid;
mod certificate;
pub mod cms;
pub mod der;
pub mod enveloped_key;
pub mod error;
#[doc(hidden)]
pub mod fuzzing;
#[cfg(feature = "std")]
pub mod io;
mod key;
pub mod name;
mod recipient;
pub mod simple;
mod sm2;

pub use certificate::Certificate;
pub use error::Error;
pub use key::ContentKey;
pub use recipient::{Identity, IssuerAndSerial, Recipient, RecipientId, RecipientInfo, SubjectKeyId};
pub use sm2::{Sm2Identity, Sm2Recipient};
