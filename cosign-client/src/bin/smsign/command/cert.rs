//! `smsign cert`

mod judged;
mod load;
mod show;
mod signer;
mod verify;

use crate::{
    args::Cert,
    context::Context,
    output::{Failure, Outcome},
};

pub(super) use signer::{SignerCertificate, SignerJudge};

pub(crate) fn run(arguments: &Cert, context: &Context) -> Result<Outcome, Failure> {
    match arguments {
        Cert::Show(arguments) => show::run(arguments, context),
        Cert::Verify(arguments) => verify::run(arguments, context),
        Cert::Chain(arguments) => verify::chain(arguments, context),
    }
}
