//! What can be said about the signatures of a document without any key: which files they cover and what became of them.

use std::collections::HashSet;
use std::io::{Read, Seek};

use super::integrity::{self, Integrity};
use super::parts::Parts;
use super::read::Document;
use super::signature::{
    CheckMethod, Kind as Named, MAX_SIGNATURE_FILES, MAX_SIGNATURES, Outcome, Record, Signature,
};
use crate::error::Error;
use crate::report::{Code, Kind, Reason};

/// A signature that the document lists.
#[derive(Debug)]
pub struct Found {
    /// Its id in the list.
    pub id: String,
    /// What the list says that it is.
    pub kind: Kind,
    /// The path of its `Signature.xml`.
    pub path: String,
    /// The signature; `None` if it cannot be read, for which there is a reason then.
    pub signature: Option<Signature>,
    /// What is wrong with it, and what is worth knowing.
    pub reasons: Vec<Reason>,
}

/// What was found out about a document.
#[derive(Debug)]
pub struct Structure {
    /// Every signature, in the order of the lists.
    pub signatures: Vec<Found>,
    /// What concerns the whole document.
    pub warnings: Vec<Reason>,
    /// The integrity list, if there is one that can be read.
    pub integrity: Option<Integrity>,
}

/// Reads every signature, checks its references, and looks for files that it should cover and does not.
///
/// A file that the document consists of is to be covered by each signature. If another one covers it, this is a note
/// ([`Code::PartlyCovered`]); otherwise it is [`Code::Coverage`] for what pages consist of, and [`Code::UncoveredPart`] for
/// `OFD.xml`, annotations and attachments, which some makers leave out. Any other file is to be covered by some signature
/// ([`Code::UnreferencedFile`]); the lists of signatures and the files of listed signatures are known and count as covered.
///
/// # Errors
/// Only what makes a document unreadable altogether: [`Error::Io`], a damaged or hostile package. What is wrong with a
/// signature is among its reasons.
pub fn verify_structure<R: Read + Seek>(document: &mut Document<R>) -> Result<Structure, Error> {
    let mut structure = Structure { signatures: Vec::new(), warnings: Vec::new(), integrity: None };
    let mut known = HashSet::new();
    let mut left = MAX_SIGNATURE_FILES;
    for body in 0..document.bodies.len() {
        let Some(path) = document.bodies.get(body).and_then(|body| body.signatures.clone()) else { continue };
        known.insert(path.clone());
        if !document.package.contains(&path) {
            structure.warnings.push(Reason::new(Code::MissingPart, path));
            continue;
        }
        let list = match document.signature_list(body) {
            Ok(list) => list,
            Err(error @ Error::Io(_)) => return Err(error),
            Err(error) => {
                structure.warnings.push(Reason::new(Code::Unreadable, format!("{path}: {error}")));
                continue;
            }
        };
        for record in list.into_iter().flat_map(|list| list.records) {
            if structure.signatures.len() >= MAX_SIGNATURES {
                return Err(Error::TooLarge("ofd: signatures"));
            }
            let found = one(document, body, &path, &record, &mut left)?;
            known.insert(record.path);
            if let Some(signature) = &found.signature {
                known.insert(signature.value_path.clone());
                // Beside a signature without a seal, nobody would compare it with anything.
                known.extend(signature.seal_path.clone().filter(|_| signature.kind == Named::Seal));
            }
            structure.signatures.push(found);
        }
    }
    coverage(document, &mut structure, &known)?;
    match document.integrity() {
        Ok(Some(list)) => {
            let missing = list.missing.iter().map(|path| Reason::new(Code::MissingPart, path));
            structure.warnings.extend(missing);
            let unlisted = list.unlisted.iter().map(|path| Reason::new(Code::UnreferencedFile, path));
            structure.warnings.extend(unlisted);
            structure.integrity = Some(list);
        }
        Ok(None) => {}
        Err(error @ Error::Io(_)) => return Err(error),
        Err(error) => {
            let detail = format!("{}: {error}", integrity::PATH);
            structure.warnings.push(Reason::new(Code::Unreadable, detail));
        }
    }
    let deviations = document.deviations().iter().map(|note| Reason::new(Code::Deviation, note));
    structure.warnings.extend(deviations);
    Ok(structure)
}

fn one<R: Read + Seek>(
    document: &mut Document<R>,
    body: usize,
    list: &str,
    record: &Record,
    left: &mut u64,
) -> Result<Found, Error> {
    let kind = match record.kind {
        Named::Seal => Kind::OfdSeal,
        Named::Sign => Kind::OfdSignature,
    };
    let (id, path) = (record.id.clone(), record.path.clone());
    let mut found = Found { id, kind, path, signature: None, reasons: Vec::new() };
    if !document.package.contains(&record.path) {
        found.reasons.push(Reason::new(Code::MissingPart, &record.path));
        return Ok(found);
    }
    match document.signature(body, list, record, left) {
        Ok(signature) => {
            found.reasons = reasons(document, &signature);
            found.signature = Some(signature);
        }
        Err(error @ Error::Io(_)) => return Err(error),
        Err(error) => found.reasons.push(Reason::new(Code::Unreadable, format!("{}: {error}", record.path))),
    }
    Ok(found)
}

fn reasons<R: Read + Seek>(document: &Document<R>, signature: &Signature) -> Vec<Reason> {
    let mut reasons = Vec::new();
    let mut add = |code, detail: &str| reasons.push(Reason::new(code, detail));
    if !document.package.contains(&signature.value_path) {
        add(Code::MissingPart, &signature.value_path);
    }
    if let Some(path) = signature.seal_path.as_deref().filter(|_| signature.seal.is_none()) {
        add(Code::MissingPart, path);
    }
    match signature.check_method {
        CheckMethod::Sm3 | CheckMethod::Sha256 => {}
        CheckMethod::Md5 => add(Code::WeakDigest, "MD5"),
        CheckMethod::Sha1 => add(Code::WeakDigest, "SHA-1"),
        CheckMethod::Other => add(Code::UnsupportedAlgorithm, "CheckMethod"),
    }
    for reference in &signature.references {
        match reference.outcome {
            Outcome::Ok | Outcome::Unchecked => {}
            Outcome::Changed => add(Code::ContentChanged, &reference.file),
            Outcome::Missing => add(Code::MissingPart, &reference.file),
        }
    }
    for page in &signature.lost_pages {
        add(Code::Deviation, &format!("a stamp on the page {page}, which is not there"));
    }
    for note in &signature.deviations {
        add(Code::Deviation, note);
    }
    reasons
}

/// Adds what the signatures should cover and do not.
fn coverage<R: Read + Seek>(
    document: &mut Document<R>,
    structure: &mut Structure,
    known: &HashSet<String>,
) -> Result<(), Error> {
    let covered: Vec<Option<HashSet<String>>> = structure
        .signatures
        .iter()
        .map(|found| {
            let files =
                |signature: &Signature| signature.references.iter().map(|one| one.file.clone()).collect();
            found.signature.as_ref().map(files)
        })
        .collect();
    if structure.signatures.is_empty() {
        return Ok(());
    }
    let parts = match document.parts(false) {
        Ok(parts) => parts,
        Err(error @ Error::Io(_)) => return Err(error),
        Err(error) => {
            structure.warnings.push(Reason::new(Code::Unreadable, error));
            return Ok(());
        }
    };
    let value = document.integrity().ok().flatten().map(|list| list.value_path);
    // A part of the document does not become known by being named as the value of a signature.
    let own = |path: &str, parts: &Parts| {
        !parts.contains(path)
            && (known.contains(path) || path == integrity::PATH || Some(path) == value.as_deref())
    };
    let nobody = |path: &str| !covered.iter().flatten().any(|files| files.contains(path));
    let mut others: Vec<String> =
        document.package.files().filter(|path| !own(path, &parts)).map(str::to_owned).collect();
    // Mostly each signature covers everything, and the pages need not be looked at.
    if covered.iter().flatten().all(|files| others.iter().all(|path| files.contains(path))) {
        return Ok(());
    }
    let parts = match document.parts(true) {
        Ok(parts) => parts,
        Err(error @ Error::Io(_)) => return Err(error),
        Err(error) => {
            structure.warnings.push(Reason::new(Code::Unreadable, error));
            parts
        }
    };
    others = document.package.files().filter(|path| !own(path, &parts)).map(str::to_owned).collect();
    for path in &others {
        if !parts.contains(path) {
            if nobody(path) {
                structure.warnings.push(Reason::new(Code::UnreferencedFile, path));
            }
            continue;
        }
        for (found, files) in structure.signatures.iter_mut().zip(&covered) {
            if files.as_ref().is_some_and(|files| !files.contains(path)) {
                let code = match (nobody(path), parts.pages.contains(path)) {
                    (true, true) => Code::Coverage,
                    (true, false) => Code::UncoveredPart,
                    (false, _) => Code::PartlyCovered,
                };
                found.reasons.push(Reason::new(code, path));
            }
        }
    }
    Ok(())
}
