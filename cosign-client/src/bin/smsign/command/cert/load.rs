//! What is trusted and what is known, from files and folders.

use std::{
    fs,
    path::{Path, PathBuf},
};

use cosign_client::{Error, clock, files};
use envelope::cms::Time;
use pki::{
    Certificate, RevocationList,
    ocsp::OcspResponse,
    validate::{Purpose, Revocation, Terms, Validator},
};

use crate::{
    args::Known,
    context::Context,
    instant::Instant,
    output::{Failure, path_text},
};

/// No bundle of certificates is longer.
pub(super) const MAX_CERTIFICATES: u64 = 16 << 20;
/// No revocation list is longer.
const MAX_LIST: u64 = 256 << 20;
/// Deepest folders that are looked into.
const MAX_DEPTH: u8 = 8;

pub(super) fn terms(known: &Known, at: Option<Instant>, purpose: Purpose) -> Result<Terms, Failure> {
    let at = time(at.unwrap_or_else(now))?;
    Ok(Terms::at(at).for_purpose(purpose).with_revocation(revocation(known)))
}

pub(in crate::command) const fn revocation(known: &Known) -> Revocation {
    if known.require_status { Revocation::Require } else { Revocation::IfKnown }
}

pub(in crate::command) fn now() -> Instant {
    Instant(clock::now_ms() / 1000)
}

pub(in crate::command) fn time(instant: Instant) -> Result<Time, Failure> {
    Time::from_unix(instant.0).ok_or_else(|| Failure::Usage("--at is after the year 9999".into()))
}

/// Only what is named as a root is trusted, and of that only certificates of CAs.
pub(in crate::command) fn validator(
    roots: &[PathBuf],
    known: &Known,
    context: &Context,
) -> Result<Validator, Failure> {
    let mut validator = Validator::new();
    for (path, certificate) in read(roots, MAX_CERTIFICATES, Certificate::all, context)? {
        // Of version 1 a certificate cannot say what it is for.
        if certificate.is_ca() || certificate.version() == 1 && certificate.is_self_issued() {
            validator = validator.with_anchor(certificate);
        } else {
            let subject = certificate.subject();
            let path = path_text(&path);
            context.output.warn(format_args!("{path}: {subject} is not a CA, so it is not trusted"));
        }
    }
    if validator.anchors().next().is_none() {
        context.output.warn("no root is trusted: nothing can be valid");
    }
    for (_, certificate) in read(&known.intermediates, MAX_CERTIFICATES, Certificate::all, context)? {
        validator = validator.with_intermediate(certificate);
    }
    let list = |bytes: &[u8]| RevocationList::parse(bytes).map(|list| vec![list]);
    for (_, list) in read(&known.crls, MAX_LIST, list, context)? {
        validator = validator.with_list(list);
    }
    for (path, answer) in
        read(&known.ocsp, MAX_CERTIFICATES, |bytes| Ok(vec![OcspResponse::parse(bytes)?]), context)?
    {
        match answer.basic {
            Some(basic) => validator = validator.with_answer(basic),
            None => context.output.warn(format_args!(
                "{}: the responder says {}",
                path_text(&path),
                answer.status
            )),
        }
    }
    Ok(validator)
}

/// Everything in files, and in the files of folders. What is something else ends the command if it was named, and is
/// passed over with a warning if it lies in a folder.
fn read<T>(
    paths: &[PathBuf],
    limit: u64,
    parse: impl Fn(&[u8]) -> Result<Vec<T>, pki::Error>,
    context: &Context,
) -> Result<Vec<(PathBuf, T)>, Failure> {
    let mut found = Vec::new();
    for path in paths {
        let is_folder = path.is_dir();
        let mut inside = Vec::new();
        if is_folder {
            files_in(path, 0, &mut inside)?;
            inside.sort();
        } else {
            inside.push(path.clone());
        }
        for path in inside {
            let read = files::read_small(&path, limit).and_then(|content| {
                parse(&content)
                    .map_err(|error| Error::BadFile { path: path.clone(), what: error.to_string() })
            });
            match read {
                Ok(all) => found.extend(all.into_iter().map(|one| (path.clone(), one))),
                Err(error) if is_folder => context.output.warn(format_args!("passed over: {error}")),
                Err(error) => return Err(error.into()),
            }
        }
    }
    Ok(found)
}

fn files_in(folder: &Path, depth: u8, found: &mut Vec<PathBuf>) -> Result<(), Failure> {
    let entries = fs::read_dir(folder).map_err(|error| Error::file(folder, error))?;
    for entry in entries {
        let path = entry.map_err(|error| Error::file(folder, error))?.path();
        if path.is_file() {
            found.push(path);
        } else if path.is_dir() && depth < MAX_DEPTH {
            files_in(&path, depth + 1, found)?;
        }
    }
    Ok(())
}
