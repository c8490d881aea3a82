//! Messages of GM/T 0010 (GB/T 35275), which every tool for Chinese cryptography reads; with them CMS of RFC 5652 as far
//! as it is the same.
//!
//! | type | read | written |
//! |---|---|---|
//! | data | [`PlainHeader`], [`PlainReader`] | [`data_header`] |
//! | signedData | the same, then [`SignatureSet`] | [`Signing`], [`SignedWriter`], [`certificates_only`] |
//! | envelopedData | [`Header`], [`Opener`] | [`Sealer::start`] |
//! | signedAndEnvelopedData | the same, then [`SignatureSet`] | [`Signing`], [`Sealer::start_signed`] |
//! | encryptedData | [`Header`], [`Opener`] | [`Sealer::start_encrypted`] |
//!
//! ```text
//! seal:   Sealer::start -> push ... -> finish
//! open:   HeaderDecoder::push ... -> Header -> content key -> Header::open -> Opener::push ... -> finish
//! sign:   Signing::start -> update ... -> finish -> signatures of the digests -> complete -> SignedWriter or detached
//! verify: PlainHeader::scan -> SignatureSet::hasher, then PlainHeader::read_content -> push ... -> finish -> verify
//! ```
//! Between header and opener the content key is obtained: from an [`Identity`](crate::Identity) by
//! [`Header::unlock`], or by two-party decryption of [`RecipientInfo::ciphertext`](crate::RecipientInfo::ciphertext)
//! and [`ContentKey::from_bytes`](crate::ContentKey::from_bytes). Between hashing and writing the signatures are
//! obtained: from a private key, or by two-party signing of [`Unsigned::digests`].
//!
//! Memory does not grow with the content; lengths are 64 bits wide. Reading holds a header of at most
//! [`MAX_HEADER_LEN`] with at most [`MAX_RECIPIENTS`], then what follows the content, at most [`MAX_TRAILER_LEN`] or, of a
//! signed message, [`MAX_SIGNATURES_LEN`] with at most [`MAX_SIGNERS`], [`MAX_CERTIFICATES`] and [`MAX_CRLS`]. With what is
//! made of it, a header takes at most 4 MiB and what follows the content at most 12 MiB; the functions of
//! `envelope::io` add buffers of 512 KiB. `tests/allocation` has hostile messages that try.
//!
//! # What the formats do not protect
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
//! SM4-GCM answers the first and the last: what was changed does not open. A signature over the plaintext, checked before
//! the plaintext is used, answers the first two. With either, and with signedData, **nothing that comes out before the end
//! is good**: until [`Opener::finish`] has returned `Ok`, or [`SignatureSet::verify`] has, write it to a temporary place,
//! and keep it only then.
//!
//! A signature says that a key signed a content, and if its attributes name a certificate by its hash
//! (signingCertificateV2, or signingCertificate with SHA-1), that it did so under this one: another certificate of the same
//! key does not pass for it. Whether the certificate is to be trusted (chain, validity, revocation, key usage) is not looked
//! at here.
//!
//! # Dialects
//!
//! Output is DER by the book, or what a [`Dialect`] asks for. Input may deviate as other tools do: [`Quirk`] lists what is
//! accepted and reported, [`Switch`] what is accepted only if it is asked for by name.

mod attributes;
mod cipher;
mod compat;
mod dialect;
mod frame;
mod grammar;
mod hash;
mod header;
mod kind;
pub(crate) mod oid;
mod open;
mod plain;
mod quirk;
mod recipients;
mod scan;
mod seal;
mod sign;
mod signed;
mod signers;
mod signing_certificate;
mod time;
mod verify;
mod walker;

pub use attributes::Attributes;
pub use cipher::Cipher;
pub use compat::{Compat, Switch};
pub use dialect::Dialect;
pub use hash::{ContentDigests, ContentHasher};
pub use header::{Decoded, Header, HeaderDecoder};
pub use kind::ContentType;
pub use open::Opener;
pub use plain::{PlainHeader, PlainReader};
pub use quirk::{Quirk, Quirks};
pub use recipients::MAX_RECIPIENTS;
pub use scan::Scanner;
pub use seal::{MAX_PLAINTEXT_LEN, Sealer, Sealing};
pub use sign::{Signer, Signing, Unsigned};
pub use signed::{SignedContent, SignedWriter, certificates_only, data_header, framed};
pub use signers::{MAX_CERTIFICATES, MAX_CRLS, MAX_SIGNERS, SignatureSet, SignerInfo};
pub use time::Time;
pub use verify::{Rule, Verdict};
pub use walker::{MAX_HEADER_LEN, MAX_SIGNATURES_LEN, MAX_TRAILER_LEN};
