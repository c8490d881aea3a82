//! The test vectors in `tests/vectors`, as JSON whose leaves are hexadecimal.

use std::path::{Path, PathBuf};

use serde_json::Value;

/// The folder of the vectors.
#[must_use]
pub fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("vectors")
}

/// A file of the folder, by its path without `.json`.
#[must_use]
pub fn load(name: &str) -> Value {
    let path = folder().join(format!("{name}.json"));
    let text = std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    serde_json::from_str(&text).unwrap()
}

/// Typed access to the leaves of a vector.
pub trait Leaves {
    /// The text at a JSON pointer such as `/key/dA`.
    fn text(&self, pointer: &str) -> &str;

    /// The bytes at a JSON pointer.
    fn bytes(&self, pointer: &str) -> Vec<u8> {
        hex::decode(self.text(pointer)).unwrap()
    }

    /// Exactly `N` bytes at a JSON pointer.
    fn array<const N: usize>(&self, pointer: &str) -> [u8; N] {
        self.bytes(pointer).try_into().unwrap_or_else(|_| panic!("{pointer} has another length than {N}"))
    }

    /// The list at a JSON pointer.
    fn list(&self, pointer: &str) -> &[Value];
}

impl Leaves for Value {
    fn text(&self, pointer: &str) -> &str {
        self.pointer(pointer).and_then(Self::as_str).unwrap_or_else(|| panic!("no text at {pointer}"))
    }

    fn list(&self, pointer: &str) -> &[Self] {
        self.pointer(pointer).and_then(Self::as_array).unwrap_or_else(|| panic!("no list at {pointer}"))
    }
}
