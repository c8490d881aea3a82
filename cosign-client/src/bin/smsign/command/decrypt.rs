//! `smsign decrypt`

use std::{
    ffi::OsStr,
    fs::File,
    io::Seek,
    path::{Path, PathBuf},
};

use cosign_client::{
    Error, Store, StoredKey,
    files::{self, Access},
};
use cosign_core::Purpose;
use envelope::{
    Certificate, ContentKey, RecipientId, RecipientInfo, Sm2Identity,
    cms::{Compat, ContentType, Header},
    io::Input,
};
use serde::Serialize;

use crate::{
    args::Decrypt,
    command::{
        streams::{self, Target},
        verdict::{Signature, Usage, all_valid, names, read_certificate},
    },
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
    /// Absent if nothing was kept.
    #[serde(skip_serializing_if = "Option::is_none")]
    out: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    key_id: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pin_failures_before: Option<u8>,
    content_type: &'static str,
    cipher: &'static str,
    /// Deviations from the standard that were tolerated.
    tolerated: Vec<String>,
    /// Of a signedAndEnvelopedData.
    #[serde(skip_serializing_if = "Option::is_none")]
    signatures: Option<Vec<Signature>>,
}

/// The content key and how it was come by.
struct Opened {
    key: ContentKey,
    key_id: Option<String>,
    failures: Option<u8>,
}

pub(crate) fn run(arguments: Decrypt, context: &Context) -> Result<Outcome, Failure> {
    let file = arguments.file.clone().or_else(|| arguments.input.clone()).unwrap_or_default();
    let out = match &arguments.out {
        Some(out) => out.clone(),
        None if streams::is_pipe(&file) => file.clone(),
        None if file.extension() == Some(OsStr::new("p7")) => file.with_extension(""),
        None => return Err(Failure::Usage("give the output with --out FILE".into())),
    };
    let target = Target::new(out, arguments.force, context.output.is_json())?;
    let compat: Compat = arguments.compat.iter().copied().filter(|_| !arguments.strict).collect();
    let signers =
        arguments.signer.iter().map(|path| read_certificate(path)).collect::<Result<Vec<_>, _>>()?;
    let (input, length) = streams::open(&file)?;
    let progress = context.progress("decrypting", Unit::Bytes, length);
    let mut input = Input::seekable(progress.reader(input)).map_err(|error| super::io_error(error, &file))?;
    let header = Header::read_with(compat, &mut input).map_err(|error| super::io_error(error, &file))?;
    let (content_type, cipher) = (header.content_type(), header.cipher());
    let opened = content_key(&header, &arguments, context)?;

    let (source, goal, task) = (file.clone(), target.clone(), progress.clone());
    let key = opened.key;
    let plaintext = context.run(Context::blocking(move || {
        Plaintext { source, target: goal, compat, signers, progress: task }.write(header, key, input)
    }))?;
    progress.finish();

    context.output.pin_failures(opened.failures.unwrap_or(0));
    let kept = plaintext.signatures.as_deref().is_none_or(all_valid);
    for signature in plaintext.signatures.iter().flatten() {
        context.output.note(signature.line());
    }
    if !plaintext.tolerated.is_empty() {
        context.output.note(format!("tolerated: {}", plaintext.tolerated.join(", ")));
    }
    if !kept {
        context.output.warn("the plaintext does not count: not every signature of it verifies");
    }
    if !target.is_pipe() {
        let report = Report {
            file: path_text(&file),
            out: kept.then(|| path_text(target.path())),
            key_id: opened.key_id,
            pin_failures_before: opened.failures,
            content_type: content_type.name(),
            cipher: cipher.name(),
            tolerated: plaintext.tolerated,
            signatures: plaintext.signatures,
        };
        context.output.result(&report, kept.then(|| target.path().display().to_string()))?;
    }
    Ok(if kept { Outcome::Done } else { Outcome::NotVerified })
}

/// The content key: given, from a local private key, or with the server.
fn content_key(header: &Header, arguments: &Decrypt, context: &Context) -> Result<Opened, Failure> {
    match (&arguments.content_key, header.content_type()) {
        (Some(path), ContentType::Encrypted) => {
            return Ok(Opened { key: keyfile::content_key(path)?, key_id: None, failures: None });
        }
        (Some(_), _) => return Err(Failure::Usage("--content-key is for encryptedData only".into())),
        (None, ContentType::Encrypted) => {
            return Err(Failure::Usage(
                "give the SM4 key of this encryptedData with --content-key FILE".into(),
            ));
        }
        (None, _) => {}
    }
    let certificate =
        arguments.cert.as_deref().map(|path| files::read_small(path, MAX_CERTIFICATE)).transpose()?;
    // A label or id counts before a file that happens to have that name.
    let is_file = |key: &&str| {
        let known =
            || context.store().is_ok_and(|store| store.find(Some(key), Some(Purpose::Encrypt)).is_ok());
        Path::new(key).is_file() && !known()
    };
    let key_file = arguments.key.as_deref().filter(is_file).map(Path::new);
    match arguments.private_key.as_deref().or(key_file) {
        Some(path) => open_locally(header, path, certificate.as_deref(), context),
        None => open_together(header, context, arguments.key.as_deref(), certificate.as_deref()),
    }
}

fn open_locally(
    header: &Header,
    path: &Path,
    certificate: Option<&[u8]>,
    context: &Context,
) -> Result<Opened, Failure> {
    let key = keyfile::private_key(path, Purpose::Encrypt, &context.passwords)?;
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

/// A plaintext on its way out.
struct Plaintext {
    source: PathBuf,
    target: Target,
    compat: Compat,
    signers: Vec<Certificate>,
    progress: Progress,
}

/// What became of it.
struct Written {
    tolerated: Vec<String>,
    signatures: Option<Vec<Signature>>,
}

impl Plaintext {
    fn write(
        &self,
        header: Header,
        key: ContentKey,
        mut input: Input<CountingReader<File>>,
    ) -> Result<Written, Failure> {
        if header.content_type().is_signed() {
            return self.write_signed(header, key, input);
        }
        let mut output = self.target.create(Access::Private)?;
        let quirks = envelope::io::open(header.open(key), &mut input, &mut output)
            .map_err(|error| super::io_error(error, &self.source))?;
        output.commit(&self.progress)?;
        Ok(Written { tolerated: names(quirks), signatures: None })
    }

    /// The signers stand behind the content, and the hash begins with their keys: the message is read twice. The output
    /// is kept only if every signature verifies.
    fn write_signed(
        &self,
        header: Header,
        key: ContentKey,
        mut input: Input<CountingReader<File>>,
    ) -> Result<Written, Failure> {
        let failed = |error| super::io_error(error, &self.source);
        let signatures = envelope::io::scan(header.scan(), &mut input).map_err(failed)?;
        let hasher = signatures.hasher(&self.signers, self.compat);
        input.rewind().map_err(|error| failed(error.into()))?;
        let header = Header::read_with(self.compat, &mut input).map_err(failed)?;
        let mut output = self.target.create(Access::Private)?;
        let outcome =
            envelope::io::open_signed(header.open(key), &mut input, &mut output, hasher, &self.signers)
                .map_err(failed)?;
        let signatures = Signature::all(&outcome.signatures, &outcome.verdicts, Usage::Any);
        if all_valid(&signatures) {
            output.commit(&self.progress)?;
        }
        Ok(Written { tolerated: names(outcome.signatures.quirks()), signatures: Some(signatures) })
    }
}
