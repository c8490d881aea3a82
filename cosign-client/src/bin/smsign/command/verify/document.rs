//! Documents with signatures inside of them.

use std::{
    fs::File,
    io::{Read as _, Seek as _},
    path::{Path, PathBuf},
};

use cosign_client::{Error, files};
use pki::validate::{Validator, Verdict};
use seal::{
    document::{Document, format_of, verify_seal},
    report::{Format, Language, Report},
    ses::Shape,
    verify::{At, Terms},
};

use crate::{
    args::{AtArg, Verify},
    command::{
        cert::load::{self, now, time},
        seal::{MAX_SEAL, bad_file},
    },
    context::Context,
    output::{Failure, Outcome, path_text, printable},
};

/// So many bytes at the beginning say what a file is.
const MAGIC: u64 = 1024;

/// Whether what is asked for is the judgement of documents: the options say so, or all files are documents without a signature
/// beside them.
pub(super) fn is_meant(arguments: &Verify) -> bool {
    let Verify { signatures, dir, key, public, trust, .. } = arguments;
    if !trust.roots.is_empty() || trust.at.is_some() {
        return true;
    }
    let other = !signatures.is_empty() || dir.is_some() || key.is_some() || public.is_some();
    !other && arguments.files.iter().all(|path| !has_signature(path) && kind(path).is_some())
}

fn has_signature(path: &Path) -> bool {
    let mut beside = path.as_os_str().to_owned();
    beside.push(".sig");
    PathBuf::from(beside).exists()
}

/// What a file is; `None`: no document, or none that can be read.
fn kind(path: &Path) -> Option<Format> {
    let mut beginning = Vec::new();
    File::open(path).ok()?.take(MAGIC).read_to_end(&mut beginning).ok()?;
    // Of a seal only the beginning is there, so it cannot be read yet.
    let seal = || matches!(beginning.as_slice(), [0x30, 0x82 | 0x83, ..]).then_some(Format::Seal);
    format_of(&beginning).or_else(seal)
}

pub(super) fn run(arguments: &Verify, context: &Context) -> Result<Outcome, Failure> {
    let trust = &arguments.trust;
    let validator = if trust.roots.is_empty() {
        Validator::new()
    } else {
        load::validator(&trust.roots, &trust.known, context)?
    };
    let at = match trust.at.unwrap_or(AtArg::Signing) {
        AtArg::Signing => At::Signing,
        AtArg::Now => At::Now,
        AtArg::Then(instant) => At::Moment(time(instant)?),
    };
    let terms =
        Terms { at, revocation: load::revocation(&trust.known), ..Terms::new(&validator, time(now())?) };
    let language = if arguments.chinese { Language::Chinese } else { Language::English };
    let mut worst = Verdict::Valid;
    for path in &arguments.files {
        let report = judge(path, &terms)?;
        worst = worst.max(report.verdict());
        let text = if context.output.is_json() {
            report.to_json(&path_text(path)).to_string() + "\n"
        } else {
            let head = (arguments.files.len() > 1).then(|| path_text(path));
            let text = report.to_text(language);
            head.iter().map(String::as_str).chain(text.lines()).map(|line| printable(line) + "\n").collect()
        };
        context.output.raw(&text)?;
    }
    Ok(match worst {
        Verdict::Valid => Outcome::Done,
        Verdict::Invalid => Outcome::NotVerified,
        Verdict::Indeterminate => Outcome::Undecided,
    })
}

fn judge(path: &Path, terms: &Terms<'_>) -> Result<Report, Failure> {
    let mut file = File::open(path).map_err(|error| Error::file(path, error))?;
    let mut beginning = Vec::new();
    (&mut file).take(MAGIC).read_to_end(&mut beginning).map_err(|error| Error::file(path, error))?;
    if format_of(&beginning).is_some() {
        file.rewind().map_err(|error| Error::file(path, error))?;
        let mut document = Document::open(file).map_err(|error| bad_file(path, error))?;
        return document.verify(terms).map_err(|error| bad_file(path, error));
    }
    let bytes = files::read_small(path, MAX_SEAL)?;
    if Shape::of(&bytes) != Shape::Sealed {
        return Err(bad_file(path, "neither a PDF or OFD document nor an electronic seal"));
    }
    verify_seal(&bytes, terms).map_err(|error| bad_file(path, error))
}
