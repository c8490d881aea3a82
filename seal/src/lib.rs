//! Electronic seals: a picture bound to a certificate by the signature of a seal maker, and documents sealed with it.
//!
//! Pure functions over bytes and seekable streams. The crate reads no clock, opens no socket and holds no private key: the
//! moment is an argument, and what is to be signed gives a digest and takes a signature (prepare, sign, embed), so that the
//! key may be in a file, in a security module or shared by two parties.
//!
//! * [`ses`]: the electronic seal and the sealed data of GB/T 38540-2020 and GM/T 0031, as bytes.
//! * [`picture`]: pictures of seals: read, drawn from templates and strokes, cut out of photos.
//! * [`pdf`]: PDF files, read revision by revision and sealed by appending.
//! * [`ofd`]: OFD documents.
//! * [`text`], [`pdf_text`]: where text stands, and keywords in it.
//! * [`pdf_reader`]: the limits within which PDFs are interpreted.
//! * [`place`]: where the stamps of a seal go.
//! * [`preview`]: pictures of pages.
//! * [`report`]: what verification found.
#![forbid(unsafe_code)]

pub mod document;
pub mod error;
#[doc(hidden)]
pub mod fuzzing;
pub mod geometry;
pub mod ofd;
pub mod pdf;
pub mod pdf_reader;
pub mod pdf_text;
pub mod picture;
pub mod place;
pub mod preview;
pub mod report;
pub mod ses;
pub mod sign;
pub mod text;
mod time;
pub mod verify;

mod composite;

pub use error::Error;
