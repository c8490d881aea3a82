//! PDF files: read revision by revision, and sealed by appending to them.
//!
//! A file may be longer than memory: only what is asked for is read, through one small buffer. Everything that a file
//! claims has a limit, and what is not in order is refused rather than guessed, because what is sealed must mean the same
//! to everybody.
//!
//! * [`Document`] reads. [`Document::prepare`] makes what is appended to sign; [`Prepared`] gives what is to be signed and
//!   takes the value. [`Document::append_dss`] appends evidence and [`Document::stored_evidence`] reads it,
//!   [`Document::truncate_last`] takes a signature back.
//! * [`signatures`] finds what signatures cover and what came later.
//!
//! Source: ISO 32000-2:2020.

mod appearance;
mod document;
mod evidence;
mod fields;
mod filter;
mod form;
mod object;
mod object_stream;
mod pages;
mod parser;
mod permission;
mod prepare;
mod prepared;
mod revisions;
mod source;
mod update;
mod verify;
mod withdraw;
mod write;
mod xref;

pub use appearance::{Appearance, MAX_PIXELS, MAX_SEGMENTS, Paint, Path, Raster, Segment};
pub use document::{Document, Entry, Revision};
pub use evidence::{Evidence, StoredEvidence};
pub use fields::{MAX_FIELDS, MAX_FORM, SignatureField, SignatureValue, Widget};
pub use object::{Dictionary, Object, Reference, Stream};
pub use object_stream::{MAX_LEN as MAX_OBJECT_STREAM_LEN, MAX_OBJECTS as MAX_OBJECT_STREAM_OBJECTS};
pub use pages::{MAX_PAGES, Page};
pub use parser::{MAX_DEPTH, MAX_VALUES};
pub use permission::{Certification, Lock};
pub use prepare::{Flavour, MAX_VALUE_LEN, Request};
pub use prepared::Prepared;
pub use revisions::MAX_REVISIONS;
pub use source::{MAX_OBJECT_LEN, MAX_WORK};
pub use verify::{Found, MAX_REACHED, MAX_SIGNATURES, check_order, digest, signatures, warnings};
pub use write::object as write_object;
pub use xref::{MAX_ENTRIES, MAX_NUMBER, Slot, XrefKind};
