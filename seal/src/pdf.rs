//! PDF files: read revision by revision, and sealed by appending to them.
//!
//! A file may be longer than memory: only what is asked for is read, through one small buffer. Everything that a file
//! claims has a limit, and what is not in order is refused rather than guessed, because what is sealed must mean the same
//! to everybody.
//!
//! * [`Document`] reads.
//! * [`signatures`] finds what signatures cover and what came later.
//!
//! Source: ISO 32000-2:2020.

mod document;
mod fields;
mod filter;
mod object;
mod object_stream;
mod pages;
mod parser;
mod revisions;
mod source;
mod verify;
mod write;
mod xref;

pub use document::{Document, Entry, Revision};
pub use fields::{MAX_FIELDS, SignatureField, SignatureValue, Widget};
pub use object::{Dictionary, Object, Reference, Stream};
pub use object_stream::{MAX_LEN as MAX_OBJECT_STREAM_LEN, MAX_OBJECTS as MAX_OBJECT_STREAM_OBJECTS};
pub use pages::{MAX_PAGES, Page};
pub use parser::{MAX_DEPTH, MAX_VALUES};
pub use revisions::MAX_REVISIONS;
pub use source::{MAX_OBJECT_LEN, MAX_WORK};
pub use verify::{Found, Lock, MAX_REACHED, MAX_SIGNATURES, digest, signatures, warnings};
pub use write::object as write_object;
pub use xref::{MAX_ENTRIES, MAX_NUMBER, Slot, XrefKind};
