//! `smsign cert`

mod load;
mod show;
mod verify;

use crate::{
    args::Cert,
    context::Context,
    output::{Failure, Outcome},
};

pub(crate) fn run(arguments: &Cert, context: &Context) -> Result<Outcome, Failure> {
    match arguments {
        Cert::Show(arguments) => show::run(arguments, context),
        Cert::Verify(arguments) => verify::run(arguments, context),
        Cert::Chain(arguments) => verify::chain(arguments, context),
    }
}
