//! Who knows users from elsewhere.

use futures_util::future::BoxFuture;
use zeroize::Zeroizing;

use crate::domain::{
    Error,
    office::{linked::Elsewhere, personal::Phone},
};

/// Knows users from elsewhere: by the card in their phone, or by an account.
///
/// Errors of all: [`Error::CodeInvalid`] for what proves nobody, [`Error::Unavailable`] when it may succeed later.
pub trait Logins: Send + Sync {
    /// The number of the card in the phone that a carrier gave this token to.
    fn carrier<'a>(&'a self, token: &'a str) -> BoxFuture<'a, Result<Phone, Error>>;

    /// The page on which a user says there that they are known here.
    fn page(&self, elsewhere: Elsewhere) -> String;

    /// Who it is there, by what that page gave: a name that says nothing about the person.
    fn exchange<'a>(
        &'a self,
        elsewhere: Elsewhere,
        grant: &'a str,
    ) -> BoxFuture<'a, Result<Zeroizing<String>, Error>>;
}
