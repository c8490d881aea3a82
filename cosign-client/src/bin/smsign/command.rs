//! One file per command.

mod audit;
mod decrypt;
mod encrypt;
mod keygen;
mod keys;
mod refresh;
mod sign;
mod status;
mod verify;

use std::path::Path;

use cosign_client::Error;

use crate::{
    args::{Audit, Command, Keys, PinCommand},
    context::Context,
    output::{Failure, Outcome},
    progress::Stopped,
};

pub(crate) fn run(command: Command, context: &Context) -> Result<Outcome, Failure> {
    match command {
        Command::Keygen(arguments) => keygen::run(&arguments, context),
        Command::Sign(arguments) => sign::run(&arguments, context),
        Command::Verify(arguments) => verify::run(&arguments, context),
        Command::Encrypt(arguments) => encrypt::run(&arguments, context),
        Command::Decrypt(arguments) => decrypt::run(arguments, context),
        Command::Pin(PinCommand::Change(arguments)) => refresh::change_pin(&arguments, context),
        Command::Refresh(arguments) => refresh::run(&arguments, context),
        Command::Keys(Keys::List) => keys::list(context),
        Command::Keys(Keys::Show(arguments)) => keys::show(&arguments, context),
        Command::Keys(Keys::Freeze(arguments)) => keys::freeze(&arguments, context),
        Command::Audit(Audit::Verify(arguments)) => audit::verify(&arguments, context),
        Command::Audit(Audit::Fetch(arguments)) => audit::fetch(&arguments, context),
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
