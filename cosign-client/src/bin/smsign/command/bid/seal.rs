//! `smsign seal-bid`

use std::{
    collections::BTreeMap,
    fs::{self, File},
    io::{self, Read, Write},
    path::{Path, PathBuf},
};

use cosign_client::{
    Error, clock,
    files::{Access, NewFile, check_free},
};
use envelope::{
    Sm2Recipient, SubjectKeyId,
    bid::{ChunkSize, Draft, Policy, Terms, is_file_name},
};
use getrandom::SysRng;
use serde::Serialize;
use sm_primitives::sm2::PublicKey;

use super::{broken, holder, signature};
use crate::{
    args::{ModelArg, SealBid},
    command::signer::CertifiedSigner,
    context::Context,
    keyfile::PublicFile,
    output::{Failure, Outcome, path_text},
    progress::{CountingReader, Progress, Unit},
};

#[derive(Serialize)]
struct Report {
    out: String,
    file_id: String,
    files: usize,
    holders: Vec<String>,
    /// Id of the key that signed.
    #[serde(skip_serializing_if = "Option::is_none")]
    signer: Option<String>,
}

/// A file to seal: its name in the bid and where it is, `None` for standard input.
type Source = (String, Option<PathBuf>);

pub(crate) fn run(arguments: &SealBid, context: &Context) -> Result<Outcome, Failure> {
    let out = match (&arguments.out, arguments.inputs.first()) {
        (Some(out), _) => out.clone(),
        (None, Some(first)) if !is_standard(first) => {
            let mut name = first.components().as_path().to_owned().into_os_string();
            name.push(".bid");
            name.into()
        }
        _ => return Err(Failure::Usage("give the output with --out FILE".into())),
    };
    let to_standard = is_standard(&out);
    if !to_standard {
        check_free(&out, arguments.force)?;
    }
    let mut draft = draft(arguments, context)?;
    let signer = match (&arguments.sign_with, &arguments.cert) {
        (Some(key), Some(certificate)) => Some(CertifiedSigner::prepare(context, Some(key), certificate)?),
        _ => None,
    };
    draft.signer = signer.as_ref().map(|signer| signer.public_key);
    let (sources, total) = sources(arguments)?;
    let names: Vec<_> = draft.holders.iter().map(|(_, recipient)| recipient.id().to_string()).collect();
    let count = sources.len();
    let key_id = draft.signer.as_ref().map(|key| SubjectKeyId::of(key).to_string());

    let progress = context.progress("sealing", Unit::Bytes, total);
    let work = Work { draft, sources, target: out.clone(), signer, progress: progress.clone() };
    let file_id = if to_standard {
        work.seal(context, io::stdout())?.1
    } else {
        let (output, id) = work.seal(context, NewFile::create(&out, arguments.force, Access::Usual)?)?;
        output.sync()?;
        output.commit()?;
        id
    };
    progress.finish();
    if to_standard {
        context.output.note(format_args!("sealed bid {file_id}"));
        return Ok(Outcome::Done);
    }
    let line = out.display().to_string();
    let report = Report { out: path_text(&out), file_id, files: count, holders: names, signer: key_id };
    context.output.result(&report, [line])?;
    Ok(Outcome::Done)
}

fn is_standard(path: &Path) -> bool {
    path.as_os_str() == "-"
}

fn draft(arguments: &SealBid, context: &Context) -> Result<Draft, Failure> {
    let mut metadata = BTreeMap::new();
    for text in &arguments.metadata {
        let pair = text.split_once('=').filter(|(key, _)| !key.is_empty());
        let (key, value) = pair.ok_or_else(|| Failure::Usage(format!("--meta {text:?} is not KEY=VALUE")))?;
        if metadata.insert(key.to_owned(), value.to_owned()).is_some() {
            return Err(Failure::Usage(format!("--meta gives {key:?} twice")));
        }
    }
    let policy = policy(arguments)?;
    let holders = arguments.to.iter().map(|text| holder(context, &policy, text));
    let holders: Vec<(u8, Sm2Recipient)> = holders.collect::<Result<_, _>>()?;
    let opening = match (arguments.not_before, &arguments.opening_key) {
        (Some(time), Some(key)) => {
            let key: PublicKey = *PublicFile::read(key)?.public_key();
            if time.0.saturating_mul(1000) <= clock::now_ms() {
                context.output.warn(format_args!("{time} is past: the bid can be opened at once"));
            }
            Some((time.0, key))
        }
        _ => None,
    };
    let terms = Terms {
        project: arguments.project.clone(),
        section: arguments.section.clone(),
        bidder: arguments.bidder.clone(),
        sealed_at: clock::now_ms() / 1000,
        metadata,
        chunk_size: ChunkSize::from_exponent(arguments.chunk_size).unwrap_or_default(),
    };
    Ok(Draft { terms, policy, holders, opening, signer: None })
}

fn policy(arguments: &SealBid) -> Result<Policy, Failure> {
    let policy = match arguments.model {
        ModelArg::Platform => Policy::platform(),
        ModelArg::Bidder => Policy::bidder(),
        ModelArg::Both => Policy::both(),
        ModelArg::Custom => {
            let mut roles: Vec<String> = Vec::new();
            for text in &arguments.to {
                let role = text.split_once('=').map(|(role, _)| role.to_owned());
                let role = role.ok_or_else(|| Failure::Usage(format!("--to {text:?} is not ROLE=WHOM")))?;
                if !roles.contains(&role) {
                    roles.push(role);
                }
            }
            let policy = Policy::custom(arguments.threshold.unwrap_or(0), roles);
            return policy.map_err(|error| Failure::Usage(error.to_string()));
        }
    };
    match arguments.threshold {
        Some(threshold) if threshold != policy.threshold() => {
            Err(Failure::Usage("--threshold goes with --model custom".into()))
        }
        _ => Ok(policy),
    }
}

/// What is to be sealed, in order, and how many bytes are known of.
fn sources(arguments: &SealBid) -> Result<(Vec<Source>, u64), Failure> {
    let (mut sources, mut total) = (Vec::new(), 0);
    for path in &arguments.inputs {
        if is_standard(path) {
            sources.push((arguments.name.clone(), None));
            continue;
        }
        let absolute = fs::canonicalize(path).map_err(|error| Error::file(path, error))?;
        let name = absolute.file_name().and_then(|name| name.to_str()).map(str::to_owned);
        let name = name.ok_or_else(|| Failure::Usage(format!("{} has no name in UTF-8", path.display())))?;
        walk(&absolute, name, &mut sources, &mut total)?;
    }
    if let Some((name, _)) = sources.iter().find(|(name, _)| !is_file_name(name)) {
        return Err(Failure::Usage(format!(
            "{name:?} cannot be the name of a file in a bid: no `..`, `\\`, `:` or control characters, at most 255 bytes between `/`"
        )));
    }
    Ok((sources, total))
}

fn walk(path: &Path, name: String, sources: &mut Vec<Source>, total: &mut u64) -> Result<(), Failure> {
    let file = |error| Error::file(path, error);
    let metadata = fs::symlink_metadata(path).map_err(file)?;
    if metadata.is_file() {
        *total += metadata.len();
        sources.push((name, Some(path.to_owned())));
        return Ok(());
    }
    if !metadata.is_dir() {
        return Err(Failure::Usage(format!("{} is neither a file nor a folder", path.display())));
    }
    let mut entries = fs::read_dir(path)
        .and_then(|entries| entries.map(|entry| Ok(entry?.path())).collect::<io::Result<Vec<_>>>())
        .map_err(file)?;
    entries.sort();
    for entry in entries {
        let part = entry.file_name().and_then(|part| part.to_str());
        let part = part.ok_or_else(|| Failure::Usage(format!("{} is not UTF-8", entry.display())))?;
        walk(&entry, format!("{name}/{part}"), sources, total)?;
    }
    Ok(())
}

/// A bid in the making.
struct Work {
    draft: Draft,
    sources: Vec<Source>,
    target: PathBuf,
    signer: Option<CertifiedSigner>,
    progress: Progress,
}

impl Work {
    /// Seals, then signs. Gives the output, and the id of the bid.
    fn seal<W: Write + Send + 'static>(self, context: &Context, output: W) -> Result<(W, String), Failure> {
        let Self { draft, sources, target, signer, progress } = self;
        let path = target.clone();
        let sealed = context.run(Context::blocking(move || {
            let open = |source| open(source, &progress);
            envelope::io::bid::seal(draft, sources.into_iter().map(open), output, &mut SysRng)
                .map_err(|error| broken(error, &path))
        }))?;
        let signature = match (signer, sealed.statement()) {
            (Some(signer), Some(statement)) => signature::sign(signer, context, &statement)?,
            _ => Vec::new(),
        };
        let id = sealed.header().manifest().file_id().to_string();
        Ok((sealed.finish(&signature).map_err(|error| broken(error, &target))?, id))
    }
}

fn open(
    (name, path): Source,
    progress: &Progress,
) -> io::Result<(String, CountingReader<Box<dyn Read + Send>>)> {
    let reader: Box<dyn Read + Send> = match path {
        None => Box::new(io::stdin()),
        Some(path) => Box::new(
            File::open(&path)
                .map_err(|error| io::Error::new(error.kind(), format!("{}: {error}", path.display())))?,
        ),
    };
    Ok((name, progress.reader(reader)))
}
