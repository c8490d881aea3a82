//! `smsign decrypt`

use std::{ffi::OsStr, fs::File, path::Path};

use cosign_client::{
    Error, Store, StoredKey,
    files::{self, Access, NewFile, check_free},
};
use cosign_core::Purpose;
use envelope::{Certificate, ContentKey, RecipientId, RecipientInfo, Sm2Identity, cms::Header, io::Input};
use serde::Serialize;

use crate::{
    args::Decrypt,
    context::{Context, credentials, ensure_active, unlock},
    keyfile,
    output::{Failure, Outcome, path_text},
    progress::{CountingReader, Progress, Unit},
};

/// No certificate is longer.
const MAX_CERTIFICATE: u64 = 256 * 1024;

#[derive(Serialize)]
struct Report {
    file: String,
    out: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    key_id: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pin_failures_before: Option<u8>,
    /// Deviations from the standard that were tolerated.
    tolerated: Vec<String>,
}

/// The content key and how it was come by.
struct Opened {
    key: ContentKey,
    key_id: Option<String>,
    failures: Option<u8>,
}

pub(crate) fn run(arguments: Decrypt, context: &Context) -> Result<Outcome, Failure> {
    let out = match &arguments.out {
        Some(out) => out.clone(),
        None if arguments.file.extension() == Some(OsStr::new("p7")) => arguments.file.with_extension(""),
        None => return Err(Failure::Usage("give the output with --out FILE".into())),
    };
    check_free(&out, arguments.force)?;
    let file = &arguments.file;
    let input = File::open(file).map_err(|error| Error::file(file, error))?;
    let length = input.metadata().map_err(|error| Error::file(file, error))?.len();
    let progress = context.progress("decrypting", Unit::Bytes, length);
    let mut input = Input::new(progress.reader(input)).map_err(|error| super::io_error(error, file))?;
    let header = Header::read(&mut input).map_err(|error| super::io_error(error, file))?;

    let certificate =
        arguments.cert.as_deref().map(|path| files::read_small(path, MAX_CERTIFICATE)).transpose()?;
    let opened = match &arguments.private_key {
        Some(path) => open_locally(&header, path, certificate.as_deref())?,
        None => open_together(&header, context, arguments.key.as_deref(), certificate.as_deref())?,
    };

    let (source, target) = (arguments.file.clone(), out.clone());
    let task = progress.clone();
    let key = opened.key;
    let tolerated = context.run(Context::blocking(move || {
        write_plaintext(&source, header, key, input, &target, arguments.force, &task)
    }))?;
    progress.finish();

    context.output.pin_failures(opened.failures.unwrap_or(0));
    let line = out.display().to_string();
    let report = Report {
        file: path_text(&arguments.file),
        out: path_text(&out),
        key_id: opened.key_id,
        pin_failures_before: opened.failures,
        tolerated,
    };
    context.output.result(&report, [line])?;
    Ok(Outcome::Done)
}

fn open_locally(header: &Header, path: &Path, certificate: Option<&[u8]>) -> Result<Opened, Failure> {
    let key = keyfile::private_key(path)?;
    let mut identity = Sm2Identity::new(&key);
    if let Some(certificate) = certificate {
        identity = identity.with_certificate(certificate).map_err(Error::Envelope)?;
    }
    let key = header.unlock(&[&identity]).map_err(not_a_recipient)?;
    Ok(Opened { key, key_id: None, failures: None })
}

/// Asks for a PIN only after an entry was found that the key should open.
fn open_together(
    header: &Header,
    context: &Context,
    wanted: Option<&str>,
    certificate: Option<&[u8]>,
) -> Result<Opened, Failure> {
    let store = context.store()?;
    let certificate = certificate.map(Certificate::parse).transpose().map_err(Error::Envelope)?;
    let (key, entry) = find(&store, header, wanted, certificate.as_ref())?;
    // A broken one must not cost an attempt at the PIN.
    entry.ciphertext().map_err(Error::Envelope)?;
    let (client, device) = context.client_for(&store, &key)?;
    let credentials = credentials(context, &key, device)?;
    let key_id = key.info.key_id.clone();
    let (content_key, failures) = context.run(async {
        ensure_active(&store, &client, &key).await?;
        let unlocked = unlock(context, &store, &client, key, credentials).await?;
        let opened = client.content_key(&unlocked.key, entry).await;
        client.connection().close().await;
        Ok(opened?)
    })?;
    Ok(Opened { key: content_key, key_id: Some(key_id), failures: Some(failures) })
}

/// The key of the store that the envelope names, and the entry for it. A key that was asked for by name also takes the
/// only entry there is, whatever that calls it: the sender may have used a certificate that is not at hand.
fn find<'h>(
    store: &Store,
    header: &'h Header,
    wanted: Option<&str>,
    certificate: Option<&Certificate>,
) -> Result<(StoredKey, &'h RecipientInfo), Failure> {
    let candidates = match wanted {
        Some(wanted) => vec![store.find(Some(wanted), Some(Purpose::Encrypt))?],
        None => store.keys()?.into_iter().filter(|key| key.purpose() == Purpose::Encrypt).collect(),
    };
    for key in candidates {
        let mut names = vec![RecipientId::of_key(&key.public_key())];
        let certified = certificate.filter(|certificate| *certificate.public_key() == key.public_key());
        names.extend(certified.into_iter().flat_map(Certificate::ids));
        let only = match header.recipients() {
            [only] if wanted.is_some() => Some(only),
            _ => None,
        };
        if let Some(entry) = header.find(&names).or(only) {
            return Ok((key, entry));
        }
    }
    Err(Error::NotARecipient.into())
}

fn not_a_recipient(error: envelope::Error) -> Error {
    match error {
        envelope::Error::NoMatchingRecipient => Error::NotARecipient,
        other => Error::Envelope(other),
    }
}

fn write_plaintext(
    source: &Path,
    header: Header,
    key: ContentKey,
    input: Input<CountingReader<File>>,
    target: &Path,
    force: bool,
    progress: &Progress,
) -> Result<Vec<String>, Failure> {
    let mut output = NewFile::create(target, force, Access::Private)?;
    let quirks = envelope::io::open(header.open(key), input, &mut output)
        .map_err(|error| super::io_error(error, source))?;
    progress.advance(0)?;
    output.sync()?;
    output.commit()?;
    Ok(quirks.iter().map(|quirk| quirk.to_string()).collect())
}
