//! `smsign cert`

mod judged;
pub(super) mod load;
mod server;
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
        Cert::Authorities(arguments) => server::authorities(&arguments.server, context),
        Cert::Apply(arguments) => server::apply(arguments, context),
        Cert::Requests(arguments) => server::requests(&arguments.server, context),
        Cert::Install(arguments) => server::install(arguments, context),
        Cert::List(arguments) => server::list(&arguments.server, context),
        Cert::Revoke(arguments) => server::revoke(arguments, context),
    }
}
