//! `smsign verify`

mod document;

use std::{
    ffi::OsStr,
    path::{Path, PathBuf},
    thread,
};

use cosign_client::{Error, files};
use cosign_core::Purpose;
use futures_util::{StreamExt, TryStreamExt, stream};
use serde::Serialize;
use sm_primitives::sm2::{DistId, PublicKey, dsa};

use crate::{
    args::{DEFAULT_DISTID, Verify},
    command::{read_signature, without_signatures},
    context::Context,
    keyfile::PublicFile,
    output::{Failure, Outcome, path_text},
    progress::{Progress, Unit},
};

#[derive(Serialize)]
struct Report {
    valid: usize,
    invalid: usize,
    results: Vec<Verdict>,
}

#[derive(Serialize)]
struct Verdict {
    file: String,
    signature_file: String,
    valid: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    reason: Option<String>,
}

pub(crate) fn run(arguments: &Verify, context: &Context) -> Result<Outcome, Failure> {
    if document::is_meant(arguments) {
        return document::run(arguments, context);
    }
    let pairs = pairs(&arguments.files, &arguments.signatures, arguments.dir.as_deref())?;
    // Which file is not there helps more than that no key was named for it.
    let (signer, distid) =
        signer(arguments, context).map_err(|failure| missing(&pairs).unwrap_or(failure))?;
    let progress = context.progress("verifying", Unit::Items, pairs.len() as u64);
    let parallel = thread::available_parallelism().map_or(1, usize::from);
    let verify = |(file, signature_file): (PathBuf, PathBuf)| {
        let (distid, progress): (_, Progress) = (distid.clone(), progress.clone());
        Context::blocking(move || {
            let reason = check(&file, &signature_file, &signer, &distid, &progress)?;
            progress.advance(1)?;
            let (file, signature_file) = (path_text(&file), path_text(&signature_file));
            Ok(Verdict { file, signature_file, valid: reason.is_none(), reason })
        })
    };
    let results: Vec<Verdict> =
        context.run(stream::iter(pairs.into_iter().map(verify)).buffered(parallel).try_collect())?;
    progress.finish();

    let valid = results.iter().filter(|verdict| verdict.valid).count();
    let invalid = results.len() - valid;
    let mut lines: Vec<String> =
        results.iter().filter(|verdict| !verdict.valid || results.len() <= 20).map(line).collect();
    if results.len() > 1 {
        lines.push(format!("{valid} valid, {invalid} not"));
    }
    context.output.result(&Report { valid, invalid, results }, lines)?;
    Ok(if invalid == 0 { Outcome::Done } else { Outcome::NotVerified })
}

fn line(verdict: &Verdict) -> String {
    match &verdict.reason {
        None => format!("valid    {}", verdict.file),
        Some(reason) => format!("INVALID  {}: {reason}", verdict.file),
    }
}

/// What is not there of the first files that are not.
fn missing(pairs: &[(PathBuf, PathBuf)]) -> Option<Failure> {
    let mut paths = pairs.iter().flat_map(|(file, signature_file)| [file, signature_file]);
    paths.find_map(|path| Some(Error::file(path, path.metadata().err()?).into()))
}

/// Whose signatures they should be.
fn signer(arguments: &Verify, context: &Context) -> Result<(PublicKey, DistId), Failure> {
    if let Some(path) = &arguments.public {
        let distid = arguments.distid.as_deref().unwrap_or(DEFAULT_DISTID);
        let distid = DistId::new(distid.as_bytes())
            .map_err(|_| Failure::Usage("the distinguishing id is too long".into()))?;
        return Ok((*PublicFile::read(path)?.public_key(), distid));
    }
    let key = context.store()?.find(arguments.key.as_deref(), Some(Purpose::Sign))?;
    Ok((key.public_key(), key.distid()))
}

/// `None` if the signature verifies, else why not. A missing or broken file is a reason, not the end of the batch.
fn check(
    file: &Path,
    signature_file: &Path,
    signer: &PublicKey,
    distid: &DistId,
    progress: &Progress,
) -> Result<Option<String>, Error> {
    let signature = match read_signature(signature_file) {
        Ok(signature) => signature,
        Err(error) => return Ok(Some(error.to_string())),
    };
    let Some(signature) = signature else {
        return Ok(Some(format!("{} is not an SM2 signature", signature_file.display())));
    };
    // Counts items, not bytes; the reading only asks whether to go on.
    let digest = match files::digest(file, distid, signer, |_| progress.advance(0)) {
        Ok(digest) => digest,
        Err(Error::Interrupted) => return Err(Error::Interrupted),
        Err(error) => return Ok(Some(error.to_string())),
    };
    let verified = dsa::verify_digest(signer, digest.as_bytes(), &signature).is_ok();
    Ok((!verified).then(|| "the signature does not verify".to_owned()))
}

/// Which signature belongs to which file.
fn pairs(
    files: &[PathBuf],
    signatures: &[PathBuf],
    folder: Option<&Path>,
) -> Result<Vec<(PathBuf, PathBuf)>, Failure> {
    if !signatures.is_empty() {
        if signatures.len() != files.len() {
            return Err(Failure::Usage("give one --sig for each file, in the same order".into()));
        }
        return Ok(files.iter().cloned().zip(signatures.iter().cloned()).collect());
    }
    if let ([file, signature], None) = (files, folder)
        && signature.extension() == Some(OsStr::new("sig"))
    {
        return Ok(vec![(file.clone(), signature.clone())]);
    }
    // `verify folder/*` gives the signatures along with the files.
    let mut pairs = Vec::with_capacity(files.len());
    for file in without_signatures(files) {
        let Some(name) = file.file_name() else {
            return Err(Failure::Usage(format!("{} is not a file", file.display())));
        };
        let mut name = name.to_owned();
        name.push(".sig");
        pairs.push((
            file.clone(),
            folder.map_or_else(|| file.with_file_name(&name), |folder| folder.join(&name)),
        ));
    }
    Ok(pairs)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn paths(names: &[&str]) -> Vec<PathBuf> {
        names.iter().map(PathBuf::from).collect()
    }

    fn paired(files: &[&str], signatures: &[&str], folder: Option<&str>) -> Vec<(PathBuf, PathBuf)> {
        pairs(&paths(files), &paths(signatures), folder.map(Path::new)).unwrap()
    }

    #[test]
    fn a_file_finds_its_signature() {
        let expect = |pairs: &[(&str, &str)]| -> Vec<(PathBuf, PathBuf)> {
            pairs.iter().map(|(file, signature)| (PathBuf::from(file), PathBuf::from(signature))).collect()
        };
        assert_eq!(
            paired(&["d/a", "b.pdf"], &[], None),
            expect(&[("d/a", "d/a.sig"), ("b.pdf", "b.pdf.sig")])
        );
        assert_eq!(paired(&["d/a"], &[], Some("out")), expect(&[("d/a", "out/a.sig")]));
        assert_eq!(paired(&["a", "other.sig"], &[], None), expect(&[("a", "other.sig")]));
        assert_eq!(paired(&["a", "b"], &["x", "y"], None), expect(&[("a", "x"), ("b", "y")]));
        // A shell's `*` brings the signatures too, in any order.
        let all = ["a", "a.sig", "b.pdf", "b.pdf.sig"];
        assert_eq!(paired(&all, &[], None), expect(&[("a", "a.sig"), ("b.pdf", "b.pdf.sig")]));
        // A lone .sig file is a file like any other.
        assert_eq!(paired(&["c.sig"], &[], None), expect(&[("c.sig", "c.sig.sig")]));
        assert!(pairs(&paths(&["a", "b"]), &paths(&["x"]), None).is_err());
    }
}
