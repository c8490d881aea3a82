//! `smsign encrypt`

use std::{fs::File, path::Path};

use cosign_client::{Error, files::Access};
use cosign_core::Purpose;
use envelope::{
    Recipient, Sm2Recipient,
    cms::{ContentType, Sealing},
};
use getrandom::SysRng;
use serde::Serialize;

use crate::{
    args::Encrypt,
    command::streams::{self, Target},
    context::Context,
    keyfile::PublicFile,
    output::{Failure, Outcome, path_text},
    progress::{Progress, Unit},
};

#[derive(Serialize)]
struct Report {
    file: String,
    out: String,
    cipher: &'static str,
    recipients: Vec<String>,
}

pub(crate) fn run(arguments: &Encrypt, context: &Context) -> Result<Outcome, Failure> {
    let out = arguments.out.clone().unwrap_or_else(|| streams::beside(&arguments.file, ".p7"));
    let target = Target::new(out, arguments.force, context.output.is_json())?;
    let recipients =
        arguments.to.iter().map(|whom| recipient(context, whom)).collect::<Result<Vec<_>, _>>()?;
    let names: Vec<String> = recipients.iter().map(|recipient| recipient.id().to_string()).collect();
    let sealing = Sealing {
        cipher: arguments.format.into(),
        dialect: arguments.dialect.into(),
        inner_type: ContentType::Data,
    };

    let file = arguments.file.clone();
    let (input, length) = streams::open(&file)?;
    let progress = context.progress("encrypting", Unit::Bytes, length);
    let (task, goal) = (progress.clone(), target.clone());
    let work = move || seal(&file, input, length, &sealing, &recipients, &goal, &task);
    context.run(Context::blocking(work))?;
    progress.finish();

    if target.is_pipe() {
        return Ok(Outcome::Done);
    }
    let line = target.path().display().to_string();
    let report = Report {
        file: path_text(&arguments.file),
        out: path_text(target.path()),
        cipher: sealing.cipher.name(),
        recipients: names,
    };
    context.output.result(&report, [line])?;
    Ok(Outcome::Done)
}

fn seal(
    file: &Path,
    input: File,
    length: u64,
    sealing: &Sealing,
    recipients: &[Sm2Recipient],
    target: &Target,
    progress: &Progress,
) -> Result<(), Failure> {
    let recipients: Vec<&dyn Recipient> =
        recipients.iter().map(|recipient| recipient as &dyn Recipient).collect();
    let mut output = target.create(Access::Usual)?;
    envelope::io::seal_with(sealing, &recipients, length, progress.reader(input), &mut output, &mut SysRng)
        .map_err(|error| super::io_error(error, file))?;
    output.commit(progress)
}

/// A file with a certificate or public key, else a key of the store.
pub(super) fn recipient(context: &Context, whom: &str) -> Result<Sm2Recipient, Failure> {
    let path = Path::new(whom);
    if path.is_file() {
        return Ok(PublicFile::read(path)?.recipient(path)?);
    }
    match context.store()?.find(Some(whom), Some(Purpose::Encrypt)) {
        Ok(key) => Ok(Sm2Recipient::from_public_key(&key.public_key())),
        Err(Error::NoSuchKey { .. }) => {
            let wanted = format!("{whom:?}, and no file of that name,");
            Err(Error::NoSuchKey { purpose: Purpose::Encrypt.as_str(), wanted }.into())
        }
        Err(error) => Err(error.into()),
    }
}
