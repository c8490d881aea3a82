//! One document of a batch.

use std::{
    collections::BTreeSet,
    ffi::OsString,
    path::{Path, PathBuf},
};

use cosign_client::files::{check_free, read_small};
use seal::{
    document::format_of,
    picture::Font,
    place::Pages,
    preview::{self, Fallback},
    report::Format,
};
use serde::Serialize;

use super::ready::Ready;
use crate::{
    args::Stamp,
    command::seal::{bad_file, write},
    context::Context,
    output::{Failure, Outcome, path_text},
};

/// No document that is shown is longer.
const MAX_SHOWN: u64 = 256 << 20;
/// Dots per inch of a preview.
const RESOLUTION: f64 = 96.0;
/// So many results are listed, more are counted.
const LISTED: usize = 20;

/// What became of a document.
pub(super) struct Item<'a> {
    file: &'a Path,
    target: PathBuf,
    /// What waits for its signature, until it is known how that went.
    outcome: Result<Option<Ready<'a>>, Failure>,
}

impl<'a> Item<'a> {
    pub(super) fn new(file: &'a Path, target: PathBuf, ready: Result<Ready<'a>, Failure>) -> Self {
        Self { file, target, outcome: ready.map(Some) }
    }

    pub(super) fn digest(&self) -> Option<[u8; 32]> {
        self.outcome.as_ref().ok()?.as_ref().map(Ready::digest)
    }

    /// Takes it out.
    pub(super) fn take(&mut self) -> Option<Ready<'a>> {
        self.outcome.as_mut().ok()?.take()
    }

    pub(super) const fn file(&self) -> &Path {
        self.file
    }

    pub(super) fn target(&self) -> &Path {
        &self.target
    }

    pub(super) fn done(&mut self, outcome: Result<(), Failure>) {
        self.outcome = outcome.map(|()| None);
    }
}

#[derive(Serialize)]
struct Report {
    sealed: usize,
    failed: usize,
    documents: Vec<Line>,
}

#[derive(Serialize)]
struct Line {
    file: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    out: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    error: Option<String>,
}

/// Says what became of each, and fails with the first failure.
pub(super) fn finish(items: Vec<Item<'_>>, context: &Context) -> Result<Outcome, Failure> {
    let line = |item: &Item<'_>| Line {
        file: path_text(item.file),
        out: item.outcome.is_ok().then(|| path_text(&item.target)),
        error: item.outcome.as_ref().err().map(ToString::to_string),
    };
    let documents: Vec<_> = items.iter().map(line).collect();
    let failed = documents.iter().filter(|line| line.error.is_some()).count();
    let report = Report { sealed: documents.len() - failed, failed, documents };
    let few = report.documents.len() <= LISTED;
    let shown = report.documents.iter().filter(|line| few || line.error.is_some());
    let mut lines: Vec<_> = shown
        .map(|line| match (&line.out, &line.error) {
            // Most errors begin with the file.
            (_, Some(error)) if error.starts_with(&line.file) => format!("FAILED  {error}"),
            (_, Some(error)) => format!("FAILED  {}: {error}", line.file),
            (out, None) => out.clone().unwrap_or_default(),
        })
        .collect();
    if report.documents.len() > 1 {
        lines.push(format!("{} sealed, {failed} failed", report.sealed));
    }
    // One document alone says what is wrong with it as any command does.
    if report.documents.len() > 1 || failed == 0 {
        context.output.result(&report, lines)?;
    }
    match items.into_iter().find_map(|item| item.outcome.err()) {
        Some(failure) => Err(failure),
        None => Ok(Outcome::Done),
    }
}

/// Where each document goes; two must not share one.
pub(super) fn targets(arguments: &Stamp) -> Result<Vec<PathBuf>, Failure> {
    let several = arguments.files.len() > 1;
    if several && arguments.out.is_some() {
        return Err(Failure::Usage("--out is for one FILE; give the folder with --dir".into()));
    }
    let mut taken = BTreeSet::new();
    let mut targets = Vec::with_capacity(arguments.files.len());
    for file in &arguments.files {
        let target = match (&arguments.out, &arguments.dir, file.file_name()) {
            (Some(out), _, _) => out.clone(),
            (None, Some(folder), Some(name)) => folder.join(name),
            (None, None, Some(_)) => with_suffix(file, "-sealed"),
            (None, _, None) => return Err(Failure::Usage(format!("{} is not a file", file.display()))),
        };
        check_free(&target, arguments.force)?;
        if !taken.insert(target.clone()) {
            return Err(Failure::Usage(format!(
                "two documents would both be written to {}",
                target.display()
            )));
        }
        targets.push(target);
    }
    Ok(targets)
}

/// `a/b.pdf` as `a/b-sealed.pdf`.
pub(in crate::command) fn with_suffix(file: &Path, suffix: &str) -> PathBuf {
    let mut name = file.file_stem().map_or_else(OsString::new, OsString::from);
    name.push(suffix);
    if let Some(extension) = file.extension() {
        name.push(".");
        name.push(extension);
    }
    file.with_file_name(name)
}

/// Pictures of all pages of a sealed document, into a folder.
pub(super) fn preview(folder: Option<&Path>, item: &Item<'_>) -> Result<(), Failure> {
    let Some(folder) = folder else { return Ok(()) };
    let path = item.target();
    let bytes = read_small(path, MAX_SHOWN)?;
    let font = Font::bundled().as_bytes().to_vec();
    let fallback = Fallback::font(font).map_err(|error| bad_file(path, error))?;
    let pages = match format_of(&bytes) {
        Some(Format::Ofd) => preview::ofd(std::io::Cursor::new(bytes), &Pages::All, RESOLUTION, &fallback),
        _ => preview::pdf(bytes, &Pages::All, RESOLUTION, &fallback),
    };
    let pages = pages.map_err(|error| bad_file(path, error))?;
    // With its extension: a.pdf and a.ofd are two documents.
    let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
    for (page, picture) in (1..).zip(pages) {
        write(&folder.join(format!("{name}-{page}.png")), true, &picture.bytes)?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_get_a_suffix_before_their_extension() {
        for (file, expected) in
            [("a/b.pdf", "a/b-sealed.pdf"), ("b", "b-sealed"), ("c.tar.ofd", "c.tar-sealed.ofd")]
        {
            assert_eq!(with_suffix(Path::new(file), "-sealed"), Path::new(expected));
        }
    }
}
