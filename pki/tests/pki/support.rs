//! What all tests here use.

use envelope::cms::Time;

use std::{
    env, fs,
    path::{Path, PathBuf},
};

/// Folder of files that other tools made. They are not part of the repository.
pub(crate) fn samples() -> Option<PathBuf> {
    let beside = || Path::new(env!("CARGO_MANIFEST_DIR")).join("../../shared/data/samples");
    let folder = env::var_os("COSIGN_SAMPLES").map_or_else(beside, PathBuf::from);
    folder.is_dir().then_some(folder)
}

/// One of them; `None`, said aloud, if the folder is not there.
pub(crate) fn sample(name: &str) -> Option<Vec<u8>> {
    let Some(folder) = samples() else {
        eprintln!("skipped {name}: there are no samples; set COSIGN_SAMPLES");
        return None;
    };
    let path = folder.join(name);
    Some(fs::read(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display())))
}

/// All files under a folder of the samples, by name.
pub(crate) fn files_under(folder: &str) -> Vec<(String, Vec<u8>)> {
    let Some(root) = samples() else {
        eprintln!("skipped {folder}: there are no samples; set COSIGN_SAMPLES");
        return Vec::new();
    };
    let (mut folders, mut files) = (vec![root.join(folder)], Vec::new());
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else {
                let name = path.strip_prefix(&root).unwrap().to_str().unwrap().to_owned();
                files.push((name, fs::read(path).unwrap()));
            }
        }
    }
    files.sort();
    files
}

/// `2026-01-31T23:59:59Z`.
pub(crate) fn time(text: &str) -> Time {
    let digits: String = text.chars().filter(char::is_ascii_digit).collect();
    Time::from_der(0x18, format!("{digits}Z").as_bytes()).unwrap()
}
