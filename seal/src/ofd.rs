//! OFD documents: pages, text, signatures; sealing and the removal of a seal.
//!
//! Source: GB/T 33190-2016, clause 18 for signatures; GM/T 0099-2020.

mod content;
pub(crate) mod fuzzing;
mod integrity;
mod matrix;
mod package;
mod parts;
mod path;
mod read;
mod remove;
mod resources;
mod seal;
mod signature;
mod structure;
mod text;
mod xml;

pub use content::{
    Color, Common, Drawing, Glyph, GlyphMap, Image, Layer, LayerKind, MAX_CLIPS, MAX_OBJECT_XML, MAX_OBJECTS,
    Object, PageContent, PathObject, Run, Segment, Text,
};
pub use integrity::Integrity;
pub use matrix::Matrix;
pub use package::{
    FREE_LEN, Hash, MAX_ENTRIES, MAX_FILE, MAX_NAME, MAX_PACKAGE, MAX_RATIO, MAX_TOTAL, Package,
};
pub use read::{Document, MAX_BODIES, MAX_PAGES, Page, SPARE_XML};
pub use remove::remove_last;
pub use resources::{DrawParam, Font, MAX_LISTS, Resources};
pub use seal::{Prepared, Protect, Provider, Request, prepare};
pub use signature::{
    CheckMethod, Kind, MAX_SIGNATURE_FILES, MAX_SIGNATURE_XML, MAX_SIGNATURES, MAX_VALUE, Outcome, Reference,
    Signature,
};
pub use structure::{Found, Structure, verify_structure};
pub use xml::{MAX_ATTRIBUTES, MAX_DEPTH, MAX_NODES, MAX_XML};
