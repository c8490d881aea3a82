//! `smsign open-bid`

use std::{
    fs::File,
    io::{self, Write},
    path::{Path, PathBuf},
    sync::Mutex,
};

use cosign_client::Error;
use envelope::{
    bid::{BodyKey, Entry, Header},
    io::bid::OpenBid as Opened,
};
use pki::validate::Purpose;
use serde::Serialize;

use super::{
    Locked, body_keys, broken,
    extract::Extraction,
    failures::{Failed, Failures},
    read_bid, salvage,
    signature::{self, Verdict},
};
use crate::{
    args::OpenBid,
    command::cert::SignerJudge,
    context::Context,
    output::{Failure, Outcome, path_text},
    progress::{Progress, Unit},
};

#[derive(Serialize)]
struct Report {
    bids: Vec<BidReport>,
    /// Bids that did not open.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    failed: Vec<Failed>,
}

#[derive(Serialize)]
struct BidReport {
    file: String,
    file_id: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    out: Option<String>,
    files: Vec<FileReport>,
    /// Absent for a bid that is not signed.
    #[serde(skip_serializing_if = "Option::is_none")]
    signature: Option<Verdict>,
}

#[derive(Serialize)]
struct FileReport {
    name: String,
    size: u64,
}

pub(crate) fn run(arguments: OpenBid, context: &Context) -> Result<Outcome, Failure> {
    if arguments.salvage {
        return salvage::run(&arguments, context);
    }
    let judge = SignerJudge::new(&arguments.trust, Purpose::DocumentSigning, context)?;
    let mut failures = Failures::default();
    let (mut bids, mut targets) = (Vec::new(), Vec::new());
    for path in &arguments.files {
        let target = target(&arguments, path)?;
        if let Some(bid) = failures.take(context, path, read_bid(path))? {
            bids.push(Locked { path: path.clone(), bid });
            targets.push(target);
        }
    }
    let headers: Vec<Header> = bids.iter().map(|bid| bid.bid.header().clone()).collect();
    let named: Vec<(&Path, &Header)> = bids.iter().map(|bid| bid.path.as_path()).zip(&headers).collect();
    let keys = body_keys(context, &arguments.holders, &named)?;

    let (mut opened, mut text) = (Vec::new(), Vec::new());
    for ((locked, key), target) in bids.into_iter().zip(keys).zip(targets) {
        let path = locked.path.clone();
        let one = key.and_then(|key| open_one(&arguments, context, locked, key, &target, judge.as_ref()));
        let Some(one) = failures.take(context, &path, one)? else { continue };
        match &one.out {
            Some(out) => text.push(out.clone()),
            None => {
                text.extend(one.files.iter().map(|file| format!("{:>15}  {}", file.size, file.name)));
            }
        }
        opened.push(one);
    }
    let report = Report { bids: opened, failed: failures.list() };
    // What became of the only bid is said by how the command ends.
    if !is_standard(&arguments) && (!report.bids.is_empty() || report.failed.len() > 1) {
        context.output.result(&report, text)?;
    }
    failures.end(Outcome::Done)
}

fn is_standard(arguments: &OpenBid) -> bool {
    arguments.out.as_deref().is_some_and(|out| out.as_os_str() == "-")
}

/// The folder that a bid is opened into.
pub(super) fn target(arguments: &OpenBid, path: &Path) -> Result<PathBuf, Failure> {
    let bare = path.extension().filter(|end| *end == "bid").map(|_| path.with_extension(""));
    match (&arguments.out, bare) {
        (Some(out), _) if arguments.files.len() == 1 => Ok(out.clone()),
        (Some(_), _) if is_standard(arguments) => {
            Err(Failure::Usage("standard output takes a file of one bid only".into()))
        }
        (Some(out), bare) => {
            let name = bare.as_deref().unwrap_or(path).file_name();
            let name = name.ok_or_else(|| Failure::Usage(format!("{} has no name", path.display())))?;
            std::fs::create_dir_all(out).map_err(|error| Error::file(out, error))?;
            Ok(out.join(name))
        }
        (None, Some(bare)) => Ok(bare),
        // Nothing is written with --list.
        (None, None) if arguments.list => Ok(PathBuf::new()),
        (None, None) => Err(Failure::Usage("give the output with --out DIR".into())),
    }
}

fn open_one(
    arguments: &OpenBid,
    context: &Context,
    locked: Locked,
    key: BodyKey,
    target: &Path,
    judge: Option<&SignerJudge>,
) -> Result<BidReport, Failure> {
    let Locked { path, bid } = locked;
    // Before anything of it is read: whoever has the shares could have made another body.
    let (bid, signature) = signature::verify(context, &path, bid, judge)?;
    if let Some(verdict) = &signature {
        if let Some(what) = verdict.defect() {
            return Err(Error::BidSignature { path, what }.into());
        }
        context.output.note(format_args!("{}: {}", path.display(), verdict.line()));
    }
    let opened = bid.unlock(key).map_err(|error| broken(error, &path))?;
    let manifest = opened.header().manifest();
    let file_id = manifest.file_id().to_string();
    let entries = chosen(opened.index().entries(), &arguments.only)?;
    let files = entries.iter().map(|entry| FileReport { name: entry.name().to_owned(), size: entry.size() });
    let files: Vec<_> = files.collect();
    let mut report = BidReport { file: path_text(&path), file_id, out: None, files, signature };
    if arguments.list {
        return Ok(report);
    }
    let total = entries.iter().map(Entry::size).sum();
    let progress = context.progress("opening", Unit::Bytes, total);
    let task = progress.clone();
    if is_standard(arguments) {
        let [entry] = <[Entry; 1]>::try_from(entries)
            .map_err(|_| Failure::Usage("standard output takes one file: name it with --only PATH".into()))?;
        context.run(Context::blocking(move || to_standard(opened, &entry, &path, &task)))?;
    } else {
        let (target, resume) = (target.to_owned(), arguments.resume);
        report.out = Some(path_text(&target));
        // An interrupt ends the work at the next piece; what is written is noted before the program ends.
        context.run(Context::blocking(move || to_folder(opened, entries, &path, &target, resume, task)))?;
    }
    progress.finish();
    Ok(report)
}

/// The files that were asked for.
pub(super) fn chosen(entries: &[Entry], only: &[String]) -> Result<Vec<Entry>, Failure> {
    let fits = |entry: &Entry, path: &str| {
        let rest = entry.name().strip_prefix(path.trim_end_matches('/'));
        rest.is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
    };
    if let Some(path) = only.iter().find(|path| !entries.iter().any(|entry| fits(entry, path))) {
        return Err(Failure::Usage(format!("the bid has no file {path:?}; --list shows what it has")));
    }
    let wanted = |entry: &&Entry| only.is_empty() || only.iter().any(|path| fits(entry, path));
    Ok(entries.iter().filter(wanted).cloned().collect())
}

fn to_standard(
    mut opened: Opened<File>,
    entry: &Entry,
    path: &Path,
    progress: &Progress,
) -> Result<(), Failure> {
    let mut output = io::stdout();
    opened
        .copy(entry.offset()..entry.end(), |_, text| {
            output.write_all(text)?;
            Ok(progress.advance(text.len() as u64).map_err(|_| io::Error::other(crate::progress::Stopped))?)
        })
        .map_err(|error| broken(error, path))?;
    Ok(output.flush().map_err(|error| Error::file("standard output", error))?)
}

fn to_folder(
    mut opened: Opened<File>,
    entries: Vec<Entry>,
    path: &Path,
    target: &Path,
    resume: bool,
    progress: Progress,
) -> Result<(), Failure> {
    let extraction = Extraction::begin(opened.header().manifest(), entries, target, resume, progress)?;
    let ranges = extraction.ranges();
    let extraction = Mutex::new(extraction);
    let poisoned = |_| Failure::from(Error::Internal("writing a file panicked"));
    for range in ranges {
        let outcome = opened.copy(range, |at, text| match extraction.lock() {
            Ok(mut extraction) => Ok(extraction.write(at, text)?),
            Err(_) => Err(io::Error::other("writing a file panicked").into()),
        });
        if let Err(error) = outcome {
            extraction.lock().map_err(poisoned)?.checkpoint().map_err(|error| Error::file(target, error))?;
            return Err(broken(error, path));
        }
    }
    extraction.into_inner().map_err(|_| Error::Internal("writing a file panicked"))?.finish()
}
