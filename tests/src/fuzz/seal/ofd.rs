//! OFD packages: as they come, and made of files of which the input changes some, so that changes reach the XML.

use std::{
    collections::BTreeMap,
    io::{Cursor, Read as _, Write as _},
    sync::OnceLock,
};

use pki::validate::Validator;
use seal::{
    Error, document,
    ofd::{Document, Outcome, Structure, verify_structure},
    place::Finder as _,
    report::Verdict,
    verify::Terms,
};
use zip::{CompressionMethod, DateTime, ZipArchive, ZipWriter, write::SimpleFileOptions};

use super::world::{now, world};
use crate::{fuzz::script::Script, ofd};

/// Longest package.
const MAX_LEN: usize = 64 * 1024;
/// In a script: a file with a name of its own.
const NAMED: u8 = 0xff;

/// Whatever can be sealed is, with a seal and with a message: the other files stay as they are, every reference of the new
/// signature holds, and it is valid; without it everything is as it was.
pub(in crate::fuzz) fn document(data: &[u8]) -> bool {
    let Some(package) = package(data) else { return false };
    let Some(structure) = read(&package) else { return false };
    for with_seal in [true, false] {
        let Ok(sealed) = world().seal_document(&package, with_seal) else { continue };
        check(&package, &structure, &sealed);
    }
    true
}

/// `r` and a package, or `f` and a script of files.
pub(super) fn package(data: &[u8]) -> Option<Vec<u8>> {
    let package = match data.split_first()? {
        (b'r', raw) => raw.to_vec(),
        (b'f', script) => pack(&files(script)),
        _ => return None,
    };
    (package.len() <= MAX_LEN).then_some(package)
}

/// The files of a sealed document, in an order that does not change.
pub(crate) fn base() -> &'static [(String, Vec<u8>)] {
    static BASE: OnceLock<Vec<(String, Vec<u8>)>> = OnceLock::new();
    BASE.get_or_init(|| unpack(&world().seal_document(&ofd::tender(1), true).unwrap()))
}

/// Each step: which file of [`base`] gets a new content (beyond their number: is taken away), or [`NAMED`] with a name; then the
/// content.
fn files(script: &[u8]) -> Vec<(String, Vec<u8>)> {
    let mut files = base().to_vec();
    let mut script = Script::new(script);
    while let Some(step) = script.byte() {
        let which = usize::from(step);
        if step == NAMED {
            let Some(name) = script.bytes() else { break };
            let content = script.bytes().unwrap_or_default().to_vec();
            let name = String::from_utf8_lossy(name).into_owned();
            if files.iter().all(|(other, _)| *other != name) {
                files.push((name, content));
            }
        } else if let Some((_, old)) = files.get_mut(which) {
            *old = script.bytes().unwrap_or_default().to_vec();
        } else {
            let at = which % files.len().max(1);
            if at < files.len() {
                files.remove(at);
            }
        }
    }
    files
}

/// A script that changes these files; those that [`base`] does not have are added.
pub(crate) fn seed_script(changes: &[(&str, &[u8])]) -> Vec<u8> {
    let mut script = vec![b'f'];
    let mut bytes = |parts: &[&[u8]]| script.extend(parts.concat());
    for (name, content) in changes {
        let len = u16::try_from(content.len()).unwrap().to_be_bytes();
        match base().iter().position(|(path, _)| path == name) {
            Some(at) => bytes(&[&[u8::try_from(at).unwrap()], &len, content]),
            None => {
                let name_len = u16::try_from(name.len()).unwrap().to_be_bytes();
                bytes(&[&[NAMED], &name_len, name.as_bytes(), &len, content]);
            }
        }
    }
    script
}

fn pack(files: &[(String, Vec<u8>)]) -> Vec<u8> {
    let mut zip = ZipWriter::new(Cursor::new(Vec::new()));
    let options = SimpleFileOptions::default()
        .compression_method(CompressionMethod::Stored)
        .last_modified_time(DateTime::default());
    for (name, content) in files {
        // A name that cannot be written is left out.
        if zip.start_file(name.as_str(), options).is_ok() {
            zip.write_all(content).unwrap();
        }
    }
    zip.finish().unwrap().into_inner()
}

/// The files of a package.
pub(crate) fn unpack(package: &[u8]) -> Vec<(String, Vec<u8>)> {
    let mut zip = ZipArchive::new(Cursor::new(package)).unwrap();
    let entries = 0..zip.len();
    let read = |index| {
        let mut entry = zip.by_index(index).unwrap();
        let mut content = Vec::new();
        entry.read_to_end(&mut content).unwrap();
        (entry.name().unwrap().into_owned(), content)
    };
    entries.map(read).collect()
}

/// Everything that there is to know about a package.
fn read(package: &[u8]) -> Option<Structure> {
    let mut document = Document::open(Cursor::new(package)).ok()?;
    let pages = document.pages().ok();
    for page in 0..document.page_list().len().min(8) {
        let _ = document.content(page);
    }
    if let (Ok(hits), Some(pages)) = (document.find("盖章"), &pages) {
        assert!(hits.iter().all(|hit| hit.page < pages.len()));
    }
    let _ = (document.integrity(), document.resources(0));
    let structure = verify_structure(&mut document).ok();
    let nobody = Validator::new();
    let report = document::Document::open(Cursor::new(package))
        .and_then(|mut document| document.verify(&Terms::new(&nobody, now())));
    if let Ok(report) = report {
        assert_eq!(Some(report.signatures.len()), structure.as_ref().map(|found| found.signatures.len()));
        assert!(report.verdict() != Verdict::Valid, "who is not known is not trusted");
    }
    structure
}

/// The files of a package as this project reads them.
fn contents(package: &[u8]) -> BTreeMap<String, Vec<u8>> {
    let mut document = Document::open(Cursor::new(package)).unwrap();
    let paths: Vec<String> = document.package().files().map(str::to_owned).collect();
    paths.into_iter().map(|path| (path.clone(), document.package().read(&path, u64::MAX).unwrap())).collect()
}

fn check(package: &[u8], before: &Structure, sealed: &[u8]) {
    let structure = verify_structure(&mut Document::open(Cursor::new(sealed)).unwrap()).unwrap();
    assert_eq!(structure.signatures.len(), before.signatures.len() + 1, "one more signature");
    let new = |found: &&seal::ofd::Found| before.signatures.iter().all(|old| old.path != found.path);
    let own = structure.signatures.iter().find(new).unwrap();
    let signature = own.signature.as_ref().unwrap();
    assert!(signature.references.iter().all(|reference| reference.outcome == Outcome::Ok), "{own:?}");
    // The list of signatures gets longer; where there was none, the root names it.
    let (old, with) = (contents(package), contents(sealed));
    let changed: Vec<_> = old.iter().filter(|(path, content)| with.get(*path) != Some(content)).collect();
    assert!(changed.len() <= 1, "{changed:?}");

    let mut document = document::Document::open(Cursor::new(sealed)).unwrap();
    let report = document.verify(&world().terms()).unwrap();
    let judged = report.signatures.iter().find(|one| one.id == own.id).unwrap();
    assert!(judged.verdict == Verdict::Valid, "{:?}", judged.reasons);

    let mut removed = Vec::new();
    match document.remove_last(&own.id, now(), &mut removed) {
        Ok(()) => {}
        // What the pages need is looked at only here, and may be unreadable.
        Err(Error::Malformed(_) | Error::Unsupported(_) | Error::TooLarge(_)) => return,
        Err(error) => panic!("{error}"),
    }
    let left = contents(&removed);
    for entry in &old {
        assert!(left.get(entry.0) == Some(entry.1) || changed.contains(&entry), "{}", entry.0);
    }
    assert!(left.keys().filter(|path| !old.contains_key(*path)).count() <= 1, "more than a list is left");
    let after = verify_structure(&mut Document::open(Cursor::new(&*removed)).unwrap()).unwrap();
    assert_eq!(after.signatures.len(), before.signatures.len());
}
