//! Removes the signature that was made last (撤章).

use std::collections::HashSet;
use std::io::{Read, Seek, Write};

use pki::Time;

use super::package::Writer;
use super::path::directory;
use super::read::Document;
use super::seal::{existing, remove_record};
use super::signature::Signature;
use crate::error::Error;

/// Writes the document without its last signature. The others stay as they are, byte for byte, and the highest id that was
/// ever used stays in the list, so that none is used twice. The list is marked as changed at `time`.
///
/// # Errors
/// [`Error::Unusable`]: the signature `id` is not the last one of the first document of the package, or another one covers
/// something of it; otherwise as [`Document::open`].
pub fn remove_last<R: Read + Seek>(
    document: &mut Document<R>,
    id: &str,
    time: Time,
    out: impl Write,
) -> Result<(), Error> {
    let list = document.signature_list(0)?.ok_or(Error::Unusable("there is no such signature"))?;
    let (last, _) = list.records.split_last().ok_or(Error::Unusable("there is no such signature"))?;
    if last.id != id {
        return Err(Error::Unusable("only the last signature can be removed"));
    }
    let all = existing(document)?;
    let of_it = |signature: &&Signature| signature.path == last.path;
    let signature = all.iter().find(of_it).ok_or(Error::Unusable("there is no such signature"))?;
    let home = directory(&signature.path).to_owned();
    if home.is_empty() || home == directory(&list.path) {
        return Err(Error::Unusable("the signature has no directory of its own"));
    }
    let inside = |path: &str| directory(path) == home;
    let gone: HashSet<String> = signature.own().filter(|path| inside(path)).map(str::to_owned).collect();
    for other in all.iter().filter(|other| !of_it(other)) {
        let touched = gone.iter().any(|path| other.covers(path) || other.own().any(|own| own == path));
        if touched || other.covers(&list.path) {
            return Err(Error::Unusable("another signature covers something of it"));
        }
    }
    let parts = document.parts(true)?;
    if gone.iter().any(|path| parts.contains(path)) {
        return Err(Error::Unusable("the document needs a file of the signature"));
    }
    let edited = remove_record(&list, id)?;
    let mut writer = Writer::new(out, time);
    let package = &mut document.package;
    let kept =
        |path: &str| path.starts_with(&format!("{home}/")) && !path.ends_with('/') && !gone.contains(path);
    let empty = !package.files().any(kept);
    for index in 0..package.entries().len() {
        let path = package.entries().get(index).map_or("", |entry| &entry.path);
        if path == list.path {
            writer.add(&list.path, &edited)?;
        } else if !(gone.contains(path) || empty && path.strip_suffix('/') == Some(home.as_str())) {
            writer.keep(package, index)?;
        }
    }
    writer.finish()
}
