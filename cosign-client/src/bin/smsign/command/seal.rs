//! `smsign seal`

mod draw;
mod make;
mod show;

use std::{io::Write as _, path::Path};

use cosign_client::{
    Error,
    files::{Access, NewFile},
};

use crate::{
    args::Seal,
    context::Context,
    output::{Failure, Outcome},
};

/// No electronic seal is longer.
pub(super) const MAX_SEAL: u64 = seal::ses::MAX_LEN as u64;
/// No picture is longer.
const MAX_PICTURE: u64 = seal::picture::MAX_BYTES as u64;

pub(super) fn run(command: Seal, context: &Context) -> Result<Outcome, Failure> {
    match command {
        Seal::Draw(arguments) => draw::draw(&arguments, context),
        Seal::Cut(arguments) => draw::cut(&arguments, context),
        Seal::Make(arguments) => make::run(&arguments, context),
        Seal::Show(arguments) => show::run(&arguments, context),
    }
}

/// Writes a whole file.
pub(super) fn write(target: &Path, force: bool, content: &[u8]) -> Result<(), Failure> {
    let mut file = NewFile::create(target, force, Access::Usual)?;
    file.write_all(content).map_err(|error| Error::file(target, error))?;
    file.sync()?;
    Ok(file.commit()?)
}

/// An error of a file.
pub(super) fn bad_file(path: &Path, error: impl ToString) -> Failure {
    Error::BadFile { path: path.to_owned(), what: error.to_string() }.into()
}

/// What the arguments ask for and seals do not do.
fn unusable(error: seal::Error) -> Failure {
    Failure::Usage(error.to_string())
}
