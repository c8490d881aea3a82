//! Accounts elsewhere that are none.

use futures_util::future::BoxFuture;
use zeroize::Zeroizing;

use crate::domain::{
    Error,
    office::{Named as _, linked::Elsewhere, personal::Phone, providers::Logins},
};

/// What every grant and token begins with; the rest says who it is.
const BEGIN: &str = "sandbox:";
/// Longest name elsewhere.
const MAX_NAME: usize = 64;

/// Believes whoever says `sandbox:` and who they are.
#[derive(Clone, Copy, Debug, Default)]
pub struct SandboxLogins;

impl Logins for SandboxLogins {
    fn carrier<'a>(&'a self, token: &'a str) -> BoxFuture<'a, Result<Phone, Error>> {
        Box::pin(async move {
            let phone = token.strip_prefix(BEGIN).ok_or(Error::CodeInvalid)?;
            Phone::parse(phone).map_err(|_| Error::CodeInvalid)
        })
    }

    fn page(&self, elsewhere: Elsewhere) -> String {
        format!("https://sandbox.invalid/{}", elsewhere.as_str())
    }

    fn exchange<'a>(
        &'a self,
        _: Elsewhere,
        grant: &'a str,
    ) -> BoxFuture<'a, Result<Zeroizing<String>, Error>> {
        Box::pin(async move {
            let name = grant.strip_prefix(BEGIN).filter(|name| (1..=MAX_NAME).contains(&name.len()));
            name.map(|name| Zeroizing::new(name.to_owned())).ok_or(Error::CodeInvalid)
        })
    }
}
