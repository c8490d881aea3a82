//! `smsign sign`

mod input;

use std::{
    fs,
    io::Write,
    path::{Path, PathBuf},
    pin::pin,
};

use cosign_client::{
    Batch, Client, Error, Item,
    files::{self, Access, NewFile},
};
use cosign_core::{Digest, Purpose};
use serde::Serialize;
use sm_primitives::sm2::{PublicKey, Signature, dsa};
use tokio::sync::Notify;

use self::input::Input;
use crate::{
    args::{Sign, SignatureFormat},
    command::read_signature,
    context::{Context, Unlocked, credentials, ensure_active, interrupted, unlock},
    output::{Failure, Outcome, path_text},
    progress::Unit,
};

/// So many results are listed, more are counted.
const LISTED: usize = 20;

#[derive(Serialize)]
struct Report<'a> {
    key_id: String,
    pin_failures_before: u8,
    signatures: &'a [Entry],
}

#[derive(Serialize)]
struct Entry {
    #[serde(skip_serializing_if = "Option::is_none")]
    file: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    signature_file: Option<String>,
    /// `e`, hexadecimal.
    digest: String,
    state: State,
    /// Hexadecimal, where it is not written to a file.
    #[serde(skip_serializing_if = "Option::is_none")]
    signature: Option<String>,
    #[serde(skip)]
    target: Option<PathBuf>,
}

#[derive(Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
enum State {
    Signed,
    /// Signed by an earlier run.
    Kept,
    /// Its request, or writing its file, came to nothing.
    Failed,
    NotSent,
}

pub(crate) fn run(arguments: &Sign, context: &Context) -> Result<Outcome, Failure> {
    if arguments.resume && arguments.digests.is_some() && arguments.out.is_none() {
        return Err(Failure::Usage(
            "--resume looks for signatures of digests in a folder; give it with --out".into(),
        ));
    }
    let input = Input::read(arguments)?;
    let targets = input.targets(arguments.out.as_deref())?;
    for target in targets.iter().flatten() {
        files::check_free(target, arguments.force || arguments.resume)?;
    }
    let store = context.store()?;
    let key = store.find(arguments.key.as_deref(), Some(Purpose::Sign))?;
    let (client, device) = context.client_for(&store, &key)?;
    let credentials = credentials(context, &key, device)?;
    if let Some(folder) = &arguments.out {
        fs::create_dir_all(folder).map_err(|error| Error::file(folder, error))?;
    }

    let (key_id, distid, public_key) = (key.key_id(), key.distid(), key.public_key());
    let (entries, outcome) = context.block_on(async {
        let mut interrupted = pin!(interrupted());
        let prepare = async {
            ensure_active(&store, &client, &key).await?;
            let digests = input.digests(context, &distid, &public_key).await?;
            let mut entries = entries(&input, targets, &digests);
            keep_signed(&mut entries, &digests, &public_key, arguments)?;
            // A key that is unlocked for nothing may cost an attempt at the PIN.
            let unlocked = if entries.iter().all(|entry| entry.state == State::Kept) {
                None
            } else {
                Some(unlock(context, &store, &client, key, credentials).await?)
            };
            Ok::<_, Failure>((digests, entries, unlocked))
        };
        let (digests, mut entries, unlocked) = tokio::select! {
            biased;
            () = &mut interrupted => return Err(Failure::Client(Error::Interrupted)),
            prepared = prepare => prepared?,
        };
        let signing = Signing { context, arguments, client: &client };
        let outcome = match unlocked {
            None => {
                client.connection().close().await;
                Ok(0)
            }
            Some(unlocked) => signing.sign(unlocked, &digests, &mut entries, interrupted).await,
        };
        Ok((entries, outcome))
    })?;

    let failures = *outcome.as_ref().unwrap_or(&0);
    context.output.pin_failures(failures);
    let count = entries.iter().filter(|entry| matches!(entry.state, State::Signed | State::Kept)).count();
    if outcome.is_ok() || count > 0 {
        let report =
            Report { key_id: key_id.to_string(), pin_failures_before: failures, signatures: &entries };
        context.output.result(&report, lines(&entries))?;
    }
    if outcome.is_err() && count > 0 {
        let rest = if is_listed(&entries) { "" } else { "; `--resume` signs the rest" };
        context.output.warn(format_args!("{count} of {} are signed{rest}", entries.len()));
    }
    outcome.map(|_| Outcome::Done)
}

fn entries(input: &Input, targets: Vec<Option<PathBuf>>, digests: &[Digest]) -> Vec<Entry> {
    let files = input.paths().iter().map(|file| Some(path_text(file))).chain(std::iter::repeat(None));
    let entry = |((file, target), digest): ((_, Option<PathBuf>), &Digest)| Entry {
        file,
        signature_file: target.as_deref().map(path_text),
        digest: hex::encode(digest.as_bytes()),
        state: State::NotSent,
        signature: None,
        target,
    };
    files.zip(targets).zip(digests).map(entry).collect()
}

/// Leaves signatures of an earlier run as they are, if they are signatures of the same.
fn keep_signed(
    entries: &mut [Entry],
    digests: &[Digest],
    signer: &PublicKey,
    arguments: &Sign,
) -> Result<(), Error> {
    for (entry, digest) in entries.iter_mut().zip(digests) {
        let Some(target) = entry.target.as_deref().filter(|target| arguments.resume && target.exists())
        else {
            continue;
        };
        let verifies = |signature| dsa::verify_digest(signer, digest.as_bytes(), &signature).is_ok();
        if read_signature(target)?.is_some_and(verifies) {
            entry.state = State::Kept;
        } else {
            files::check_free(target, arguments.force)?;
        }
    }
    Ok(())
}

struct Signing<'a> {
    context: &'a Context,
    arguments: &'a Sign,
    client: &'a Client,
}

impl Signing<'_> {
    /// Signs what is not kept, and writes each signature as it comes.
    async fn sign(
        &self,
        unlocked: Unlocked,
        digests: &[Digest],
        entries: &mut [Entry],
        interrupted: impl Future<Output = ()>,
    ) -> Result<u8, Failure> {
        let Unlocked { key, mut lock } = unlocked;
        let missing = entries.iter_mut().zip(digests).filter(|(entry, _)| entry.state != State::Kept);
        let (mut entries, digests): (Vec<_>, Vec<_>) = missing.unzip();
        let mut batch = Batch::new(digests.into_iter().copied().collect());
        let progress = self.context.progress("signing", Unit::Items, entries.len() as u64);
        let mut written = Ok(());
        // What cannot be written should not be signed.
        let unwritable = Notify::new();
        let stop = async {
            tokio::select! {
                () = interrupted => {}
                () = unwritable.notified() => {}
            }
        };
        let take = |position: usize, signature: &Signature| {
            let _ = progress.advance(1);
            lock = None;
            let Some(entry) = entries.get_mut(position) else { return };
            if written.is_ok() {
                written = self.write(entry, signature);
            }
            entry.state = if written.is_ok() { State::Signed } else { State::Failed };
            if written.is_err() {
                unwritable.notify_one();
            }
        };
        let signed = self.client.sign(&key, &mut batch, stop, take).await;
        progress.finish();
        self.client.connection().close().await;
        for (entry, item) in entries.iter_mut().zip(batch.items()) {
            if matches!(item, Item::Failed(_)) {
                entry.state = State::Failed;
            }
        }
        written?;
        Ok(signed?)
    }

    fn write(&self, entry: &mut Entry, signature: &Signature) -> Result<(), Error> {
        let bytes = match self.arguments.format {
            SignatureFormat::Der => signature.to_der(),
            SignatureFormat::Raw => signature.to_bytes().to_vec(),
        };
        match &entry.target {
            Some(target) => write_file(target, &bytes, self.arguments.force),
            None => {
                entry.signature = Some(hex::encode(bytes));
                Ok(())
            }
        }
    }
}

fn write_file(target: &Path, bytes: &[u8], force: bool) -> Result<(), Error> {
    let mut file = NewFile::create(target, force, Access::Usual)?;
    file.write_all(bytes).map_err(|error| Error::file(target, error))?;
    file.commit()
}

/// Whether the signatures go to standard output.
fn is_listed(entries: &[Entry]) -> bool {
    entries.iter().all(|entry| entry.target.is_none())
}

/// A line for each digest if the signatures go nowhere else; or the new files; or how many there are.
fn lines(entries: &[Entry]) -> Vec<String> {
    if is_listed(entries) {
        let line = |entry: &Entry| format!("{} {}", entry.digest, entry.signature.as_deref().unwrap_or("-"));
        return entries.iter().map(line).collect();
    }
    let signed: Vec<_> = entries.iter().filter(|entry| entry.state == State::Signed).collect();
    let kept = entries.iter().filter(|entry| entry.state == State::Kept).count();
    let mut lines: Vec<String> = match signed.len() {
        0..=LISTED => signed.iter().filter_map(|entry| entry.signature_file.clone()).collect(),
        count => vec![format!("{count} signed")],
    };
    if kept > 0 {
        lines.push(format!("{kept} signed before"));
    }
    lines
}
