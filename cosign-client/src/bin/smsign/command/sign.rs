//! `smsign sign`

use std::{
    collections::BTreeSet,
    fs,
    io::Write,
    ops::Range,
    path::{Path, PathBuf},
    thread,
};

use cosign_client::{
    Error,
    files::{self, Access, NewFile},
};
use cosign_core::{Digest, Purpose};
use futures_util::{StreamExt, TryStreamExt, stream};
use serde::Serialize;
use sm_primitives::sm2::{DistId, PublicKey, Signature};

use crate::{
    args::{Sign, SignatureFormat},
    context::{Context, credentials, ensure_active, unlock},
    output::{Failure, Outcome, path_text},
    progress::{Progress, Unit},
};

#[derive(Serialize)]
struct Report {
    key_id: String,
    pin_failures_before: u8,
    signatures: Vec<Entry>,
}

#[derive(Serialize)]
struct Entry {
    file: String,
    signature_file: String,
    /// `e`, hexadecimal.
    digest: String,
}

pub(crate) fn run(arguments: &Sign, context: &Context) -> Result<Outcome, Failure> {
    // Everything that can be wrong on this side is found before a PIN is asked for.
    let targets = targets(&arguments.files, arguments.out.as_deref())?;
    let total = check_files(&arguments.files)?;
    for target in &targets {
        files::check_free(target, arguments.force)?;
    }
    let store = context.store()?;
    let key = store.find(arguments.key.as_deref(), Some(Purpose::Sign))?;
    let (client, device) = context.client_for(&store, &key)?;
    let credentials = credentials(context, &key, device)?;
    if let Some(folder) = &arguments.out {
        fs::create_dir_all(folder).map_err(|error| Error::file(folder, error))?;
    }

    let (key_id, distid, public_key) = (key.key_id(), key.distid(), key.public_key());
    let (digests, failures) = context.run(async {
        ensure_active(&store, &client, &key).await?;
        let hashing = digests(context, &arguments.files, total, &distid, &public_key);
        let unlocking = unlock(context, &store, &client, key, credentials);
        let (digests, unlocked) = tokio::try_join!(hashing, unlocking)?;

        let progress = context.progress("signing", Unit::Items, targets.len() as u64);
        let mut written = Ok(());
        let mut count = 0;
        let write = |range: Range<usize>, signatures: Vec<Signature>| {
            let _ = progress.advance(signatures.len() as u64);
            for (target, signature) in targets.get(range).unwrap_or_default().iter().zip(signatures) {
                if written.is_ok() {
                    written = write_signature(target, &signature, arguments);
                    count += usize::from(written.is_ok());
                }
            }
        };
        let signed = client.sign(&unlocked, &digests, write).await;
        progress.finish();
        client.connection().close().await;
        if count > 0 && count < targets.len() {
            context
                .output
                .warn(format_args!("{count} of {} files were signed before this failed", targets.len()));
        }
        let failures = signed?;
        written?;
        Ok((digests, failures))
    })?;

    context.output.pin_failures(failures);
    let signatures: Vec<Entry> = arguments
        .files
        .iter()
        .zip(targets)
        .zip(digests)
        .map(|((file, signature_file), digest)| {
            let digest = hex::encode(digest.as_bytes());
            Entry { file: path_text(file), signature_file: path_text(&signature_file), digest }
        })
        .collect();
    let lines: Vec<String> = match signatures.len() {
        1..=20 => signatures.iter().map(|entry| entry.signature_file.clone()).collect(),
        count => vec![format!("{count} files signed")],
    };
    let report = Report { key_id: key_id.to_string(), pin_failures_before: failures, signatures };
    context.output.result(&report, lines)?;
    Ok(Outcome::Done)
}

/// Where each signature goes; two files must not share one.
fn targets(files: &[PathBuf], folder: Option<&Path>) -> Result<Vec<PathBuf>, Failure> {
    let mut taken = BTreeSet::new();
    let mut targets = Vec::with_capacity(files.len());
    for file in files {
        let Some(name) = file.file_name() else {
            return Err(Failure::Usage(format!("{} is not a file", file.display())));
        };
        let mut name = name.to_owned();
        name.push(".sig");
        let target = folder.map_or_else(|| file.with_file_name(&name), |folder| folder.join(&name));
        if !taken.insert(target.clone()) {
            return Err(Failure::Usage(format!(
                "two of the files would both be signed in {}",
                target.display()
            )));
        }
        targets.push(target);
    }
    Ok(targets)
}

/// Total size of the files in bytes.
fn check_files(files: &[PathBuf]) -> Result<u64, Failure> {
    let mut total = 0;
    for file in files {
        let metadata = fs::metadata(file).map_err(|error| Error::file(file, error))?;
        if metadata.is_dir() {
            return Err(Failure::Usage(format!("{} is a folder", file.display())));
        }
        total += metadata.len();
    }
    Ok(total)
}

/// Hashes the files, several at once, and gives their digests in order.
async fn digests(
    context: &Context,
    paths: &[PathBuf],
    total: u64,
    distid: &DistId,
    signer: &PublicKey,
) -> Result<Vec<Digest>, Failure> {
    let progress = context.progress("hashing", Unit::Bytes, total);
    let parallel = thread::available_parallelism().map_or(1, usize::from);
    let hash = |path: &PathBuf| {
        let (path, distid, signer, progress): (_, _, _, Progress) =
            (path.clone(), distid.clone(), *signer, progress.clone());
        Context::blocking(move || Ok(files::digest(&path, &distid, &signer, |read| progress.advance(read))?))
    };
    let digests = stream::iter(paths.iter().map(hash)).buffered(parallel).try_collect().await;
    progress.finish();
    digests
}

fn write_signature(target: &Path, signature: &Signature, arguments: &Sign) -> Result<(), Error> {
    let bytes = match arguments.format {
        SignatureFormat::Der => signature.to_der(),
        SignatureFormat::Raw => signature.to_bytes().to_vec(),
    };
    let mut file = NewFile::create(target, arguments.force, Access::Usual)?;
    file.write_all(&bytes).map_err(|error| Error::file(target, error))?;
    file.commit()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_file_has_its_own_signature_file() {
        let files = [PathBuf::from("a/x"), PathBuf::from("b/x.pdf")];
        assert_eq!(targets(&files, None).unwrap(), [PathBuf::from("a/x.sig"), PathBuf::from("b/x.pdf.sig")]);
        let out = targets(&files, Some(Path::new("out"))).unwrap();
        assert_eq!(out, [PathBuf::from("out/x.sig"), PathBuf::from("out/x.pdf.sig")]);

        let twins = [PathBuf::from("a/x"), PathBuf::from("b/x")];
        assert!(targets(&twins, None).is_ok());
        assert!(targets(&twins, Some(Path::new("out"))).is_err());
        assert!(targets(&[PathBuf::from("..")], None).is_err());
    }
}
