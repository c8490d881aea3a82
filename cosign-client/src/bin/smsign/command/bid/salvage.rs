//! `smsign open-bid --salvage`: what can still be read of broken bids.

use std::{fs::File, io::Write, ops::Range, path::Path};

use cosign_client::{
    Error,
    files::{Access, NewFile},
};
use envelope::{bid::Header, io::bid::Salvage};
use serde::Serialize;

use super::{
    body_keys, broken,
    failures::{Failed, Failures},
    open, open_file,
};
use crate::{
    args::OpenBid,
    context::Context,
    output::{Failure, Outcome, path_text},
};

#[derive(Serialize)]
struct Report {
    bids: Vec<Saved>,
    /// Bids of which nothing was saved.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    failed: Vec<Failed>,
}

#[derive(Serialize)]
struct Saved {
    file: String,
    out: String,
    /// Whole files; without the list of files the parts of the content that were found.
    saved: Vec<String>,
    /// Files of which something is missing.
    lost: Vec<String>,
    /// Bytes of the content that are missing, as far as is known.
    lost_ranges: Vec<[u64; 2]>,
    /// The list of files was found.
    index_found: bool,
}

pub(super) fn run(arguments: &OpenBid, context: &Context) -> Result<Outcome, Failure> {
    let mut failures = Failures::default();
    let mut bids = Vec::new();
    for path in &arguments.files {
        let target = open::target(arguments, path)?;
        if let Some((file, header)) = failures.take(context, path, read_header(path))? {
            bids.push((path, target, file, header));
        }
    }
    let named: Vec<(&Path, &Header)> =
        bids.iter().map(|(path, _, _, header)| (path.as_path(), header)).collect();
    let keys = body_keys(context, &arguments.holders, &named)?;
    let mut saved = Vec::new();
    for ((path, target, file, header), key) in bids.into_iter().zip(keys) {
        if let Some(signer) = header.manifest().signer() {
            context.output.warn(format_args!(
                "{}: the signature of key {signer} says nothing about parts of a bid",
                path.display()
            ));
        }
        let one = key.and_then(|key| {
            let salvage = Salvage::search(file, &header, key).map_err(|error| broken(error, path))?;
            save(salvage, path, &target)
        });
        saved.extend(failures.take(context, path, one)?);
    }
    let whole = saved.iter().all(|bid| bid.index_found && bid.lost.is_empty());
    let lines: Vec<_> = saved.iter().flat_map(Saved::lines).collect();
    let report = Report { bids: saved, failed: failures.list() };
    if !report.bids.is_empty() || report.failed.len() > 1 {
        context.output.result(&report, lines)?;
    }
    failures.end(if whole { Outcome::Done } else { Outcome::NotVerified })
}

fn read_header(path: &Path) -> Result<(File, Header), Failure> {
    let mut file = open_file(path)?;
    let header = Salvage::header(&mut file).map_err(|error| broken(error, path))?;
    Ok((file, header))
}

fn save(mut salvage: Salvage<File>, path: &Path, target: &Path) -> Result<Saved, Failure> {
    let mut parts: Vec<(String, Range<u64>)> = Vec::new();
    let mut lost = Vec::new();
    match salvage.index() {
        Some(index) => {
            for entry in index.entries() {
                if salvage.has(entry) {
                    parts.push((entry.name().to_owned(), entry.offset()..entry.end()));
                } else {
                    lost.push(entry.name().to_owned());
                }
            }
        }
        None => {
            let name = |range: Range<u64>| (format!("content-{:015}.part", range.start), range);
            parts.extend(salvage.ranges().into_iter().map(name));
        }
    }
    std::fs::create_dir(target).map_err(|error| Error::file(target, error))?;
    for (name, range) in &parts {
        let file = target.join(name);
        if let Some(folder) = file.parent() {
            std::fs::create_dir_all(folder).map_err(|error| Error::file(folder, error))?;
        }
        let mut output = NewFile::create(&file, false, Access::Private)?;
        salvage
            .copy(range.clone(), |_, text| Ok(output.write_all(text)?))
            .map_err(|error| broken(error, path))?;
        output.sync()?;
        output.commit()?;
    }
    Ok(Saved {
        file: path_text(path),
        out: path_text(target),
        saved: parts.into_iter().map(|(name, _)| name).collect(),
        lost,
        lost_ranges: salvage.lost().iter().map(|range| [range.start, range.end]).collect(),
        index_found: salvage.index().is_some(),
    })
}

impl Saved {
    fn lines(&self) -> Vec<String> {
        let mut lines = vec![self.out.clone()];
        lines.extend(self.saved.iter().map(|name| format!("  saved  {name}")));
        lines.extend(self.lost.iter().map(|name| format!("  lost   {name}")));
        lines.extend(
            self.lost_ranges.iter().map(|[from, to]| format!("  lost   bytes {from} to {to} of the content")),
        );
        if !self.index_found {
            lines.push(
                "  lost   the list of files: the parts of the content are in the order of their places"
                    .into(),
            );
        }
        lines
    }
}
