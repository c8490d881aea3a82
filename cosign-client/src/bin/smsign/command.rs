//! One file per command.

mod account;
mod api;
mod audit;
mod bid;
mod cert;
mod decrypt;
mod encrypt;
mod exchange;
mod forget;
mod hand_over;
mod inspect;
mod keygen;
mod keys;
mod opening_keys;
mod operator;
mod preserve;
mod receive;
mod recover;
mod refresh;
mod seal;
mod sign;
mod sign_message;
mod signer;
mod stamp;
mod status;
mod streams;
mod time_stamp;
mod unstamp;
mod verdict;
mod verify;
mod verify_message;

use std::{
    collections::BTreeSet,
    ffi::OsStr,
    path::{Path, PathBuf},
};

use cosign_client::{Error, files};
use cosign_core::split::Kind;
use sm_primitives::sm2::Signature;

use crate::{
    args::{Audit, Command, Keys, PinCommand},
    context::Context,
    output::{Failure, Outcome},
    progress::Stopped,
};

/// No signature file is longer.
const MAX_SIGNATURE: u64 = 256;

pub(crate) fn run(command: Command, context: &Context) -> Result<Outcome, Failure> {
    match command {
        Command::Keygen(arguments) => keygen::run(&arguments, context),
        Command::Sign(arguments) => sign::run(&arguments, context),
        Command::Verify(arguments) => verify::run(&arguments, context),
        Command::Seal(command) => seal::run(command, context),
        Command::Stamp(arguments) => stamp::run(&arguments, context),
        Command::Preserve(arguments) => preserve::run(&arguments, context),
        Command::Unstamp(arguments) => unstamp::run(&arguments, context),
        Command::SignMessage(arguments) => sign_message::run(&arguments, context),
        Command::VerifyMessage(arguments) => verify_message::run(&arguments, context),
        Command::Encrypt(arguments) => encrypt::run(&arguments, context),
        Command::Decrypt(arguments) => decrypt::run(arguments, context),
        Command::SealBid(arguments) => bid::seal(&arguments, context),
        Command::OpenBid(arguments) => bid::open(arguments, context),
        Command::Rewrap(arguments) => bid::rewrap(&arguments, context),
        Command::Check(arguments) => bid::check(&arguments, context),
        Command::OpeningKeys(arguments) => opening_keys::run(&arguments, context),
        Command::Api(arguments) => api::run(&arguments, context),
        Command::Inspect(arguments) => inspect::run(&arguments, context),
        Command::Cert(arguments) => cert::run(&arguments, context),
        Command::Pin(PinCommand::Change(arguments)) => refresh::change_pin(&arguments, context),
        Command::Refresh(arguments) => refresh::run(&arguments, context),
        Command::Receive(arguments) => receive::run(&arguments, context),
        Command::Move(arguments) => hand_over::run(&arguments, Kind::Move, context),
        Command::Share(arguments) => hand_over::run(&arguments, Kind::Share, context),
        Command::Recover(arguments) => recover::run(&arguments, context),
        Command::Forget(arguments) => forget::run(&arguments, context),
        Command::Keys(Keys::List) => keys::list(context),
        Command::Keys(Keys::Show(arguments)) => keys::show(&arguments, context),
        Command::Keys(Keys::Freeze(arguments)) => keys::freeze(&arguments, context),
        Command::Audit(Audit::Verify(arguments)) => audit::verify(&arguments, context),
        Command::Audit(Audit::Fetch(arguments)) => audit::fetch(&arguments, context),
        Command::Account(arguments) => account::run(arguments, context),
        Command::Operator(arguments) => operator::run(arguments, context),
        Command::Status(arguments) => status::run(&arguments, context),
    }
}

/// An error of streaming an envelope. Reading and writing meet in one function there; `file` is the one named.
fn io_error(error: envelope::io::Error, file: &Path) -> Failure {
    Failure::Client(match error {
        envelope::io::Error::Envelope(error) => Error::Envelope(error),
        envelope::io::Error::Io(error) if error.get_ref().is_some_and(|inner| inner.is::<Stopped>()) => {
            Error::Interrupted
        }
        envelope::io::Error::Io(error) => Error::file(file, error),
    })
}

/// An error of a message that is signed or verified: it is about the file, and no envelope is opened.
fn message_error(error: envelope::io::Error, file: &Path) -> Failure {
    match error {
        envelope::io::Error::Envelope(error) => {
            Error::BadFile { path: file.to_owned(), what: error.to_string() }.into()
        }
        error => io_error(error, file),
    }
}

/// The signature in a file, DER or r and s as 64 bytes; `None` if it is something else.
fn read_signature(path: &Path) -> Result<Option<Signature>, Error> {
    let bytes = files::read_small(path, MAX_SIGNATURE)?;
    let raw = || Signature::from_bytes(bytes.as_slice().try_into().ok()?).ok();
    Ok(Signature::from_der(&bytes).ok().or_else(raw))
}

/// The files without those that are signatures beside others of them.
fn without_signatures(paths: &[PathBuf]) -> impl Iterator<Item = &PathBuf> {
    let given: BTreeSet<&PathBuf> = paths.iter().collect();
    paths.iter().filter(move |path| {
        path.extension() != Some(OsStr::new("sig")) || !given.contains(&path.with_extension(""))
    })
}
