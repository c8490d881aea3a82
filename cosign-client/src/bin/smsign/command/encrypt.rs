//! `smsign encrypt`

use std::{fs::File, path::Path};

use cosign_client::{
    Error,
    files::{Access, NewFile, check_free},
};
use cosign_core::Purpose;
use envelope::{Recipient, Sm2Recipient};
use getrandom::SysRng;
use serde::Serialize;

use crate::{
    args::Encrypt,
    context::Context,
    keyfile::PublicFile,
    output::{Failure, Outcome, path_text},
    progress::{Progress, Unit},
};

#[derive(Serialize)]
struct Report {
    file: String,
    out: String,
    recipients: Vec<String>,
}

pub(crate) fn run(arguments: &Encrypt, context: &Context) -> Result<Outcome, Failure> {
    let out = arguments.out.clone().unwrap_or_else(|| {
        let mut name = arguments.file.clone().into_os_string();
        name.push(".p7");
        name.into()
    });
    check_free(&out, arguments.force)?;
    let recipients =
        arguments.to.iter().map(|whom| recipient(context, whom)).collect::<Result<Vec<_>, _>>()?;
    let names: Vec<String> = recipients.iter().map(|recipient| recipient.id().to_string()).collect();

    let file = arguments.file.clone();
    let input = File::open(&file).map_err(|error| Error::file(&file, error))?;
    let metadata = input.metadata().map_err(|error| Error::file(&file, error))?;
    if !metadata.is_file() {
        return Err(Failure::Usage(format!("{} is not a regular file", file.display())));
    }
    let length = metadata.len();
    let progress = context.progress("encrypting", Unit::Bytes, length);
    let (target, force) = (out.clone(), arguments.force);
    let task = progress.clone();
    context.run(Context::blocking(move || seal(&file, input, length, &recipients, &target, force, &task)))?;
    progress.finish();

    let line = out.display().to_string();
    context.output.result(
        &Report { file: path_text(&arguments.file), out: path_text(&out), recipients: names },
        [line],
    )?;
    Ok(Outcome::Done)
}

fn seal(
    file: &Path,
    input: File,
    length: u64,
    recipients: &[Sm2Recipient],
    target: &Path,
    force: bool,
    progress: &Progress,
) -> Result<(), Failure> {
    let recipients: Vec<&dyn Recipient> =
        recipients.iter().map(|recipient| recipient as &dyn Recipient).collect();
    let mut output = NewFile::create(target, force, Access::Usual)?;
    envelope::io::seal(&recipients, length, progress.reader(input), &mut output, &mut SysRng)
        .map_err(|error| super::io_error(error, file))?;
    output.sync()?;
    Ok(output.commit()?)
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
