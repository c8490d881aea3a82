//! EnvelopedData of GM/T 0010 (GB/T 35275): the envelope that every tool for Chinese cryptography reads.
//!
//! ```text
//! seal:   Sealer::start -> push ... -> finish
//! open:   HeaderDecoder::push ... -> Header -> content key -> Header::open -> Opener::push ... -> finish
//! ```
//! Between header and opener the content key is obtained: from an [`Identity`](crate::Identity) by
//! [`Header::unlock`], or by two-party decryption of [`RecipientInfo::ciphertext`](crate::RecipientInfo::ciphertext)
//! and [`ContentKey::from_bytes`](crate::ContentKey::from_bytes). Both directions hold a header (at most
//! [`MAX_HEADER_LEN`]) and the buffers of the caller, whatever the length of the content; lengths are 64 bits wide.
//!
//! # What this format does not protect
//!
//! SM4-CBC keeps the content secret from those who only read the message. It does not authenticate anything:
//!
//! * Who can write to the message can flip chosen bits of any plaintext block at the price of garbling the block
//!   before it, can reorder, repeat and drop blocks, and can cut the content to any number of blocks that ends in
//!   something that looks like padding (about one random block in 256 does). [`Opener::finish`] will return `Ok`.
//! * Anybody can address a new message to a public key. Opening one says nothing about who sealed it.
//! * Who can hand in changed messages and learn whether each of them opened has a padding oracle and can decrypt the
//!   content with some 128 tries a byte. Opening reports one opaque error, at the end only, but an error it is:
//!   do not open messages from strangers automatically and tell them the outcome.
//!
//! A signature over the plaintext, checked before the plaintext is used, answers the first two. Until
//! [`Opener::finish`] has returned `Ok`, output is not even known to be whole: write it to a temporary place and keep
//! it only then.
//!
//! # Dialects
//!
//! Output is DER by the book, see [`Sealer`]. Input may deviate as other tools do; [`Quirk`] lists how, and
//! [`Header::quirks`] reports what was met. SM4-ECB content is not opened.

mod header;
pub(crate) mod oid;
mod open;
mod quirk;
mod seal;
mod walker;

pub use header::{Decoded, Header, HeaderDecoder, MAX_RECIPIENTS};
pub use open::Opener;
pub use quirk::{Quirk, Quirks, RawKey};
pub use seal::{MAX_PLAINTEXT_LEN, Sealer};
pub use walker::{MAX_HEADER_LEN, MAX_TRAILER_LEN};
