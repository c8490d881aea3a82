//! Sample files made by other programs. They are not part of this project: tests that want them say so when they are
//! absent, and pass.

use std::path::{Path, PathBuf};

/// The folder of samples: `COSIGN_SAMPLES`, or `../shared/data/samples` beside the checkout.
///
/// Says `skipped: samples not present` when there is none.
#[must_use]
pub fn folder() -> Option<PathBuf> {
    let folder = std::env::var_os("COSIGN_SAMPLES").map_or_else(
        || Path::new(env!("CARGO_MANIFEST_DIR")).join("../../shared/data/samples"),
        PathBuf::from,
    );
    let found = folder.is_dir().then_some(folder);
    if found.is_none() {
        eprintln!("skipped: samples not present");
    }
    found
}
