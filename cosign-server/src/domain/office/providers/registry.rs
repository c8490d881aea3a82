//! The register of enterprises.

use futures_util::future::BoxFuture;

use crate::domain::{Error, office::enterprise::Uscc};

/// An enterprise as the register shows it to everybody.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Registered {
    /// Its whole name.
    pub name: String,
    /// Its code.
    pub uscc: Uscc,
}

/// What somebody says of an enterprise, in the clear.
pub struct FourFactors<'a> {
    /// Its whole name.
    pub name: &'a str,
    /// Its code.
    pub uscc: &'a Uscc,
    /// The name of the legal representative.
    pub legal_name: &'a str,
    /// The number of that person's identity document.
    pub legal_number: &'a str,
}

/// Knows which enterprises there are.
///
/// Errors of all: [`Error::Unavailable`] when it may succeed later.
pub trait Registry: Send + Sync {
    /// Whether it knows nothing real.
    fn is_sandbox(&self) -> bool;

    /// Those whose name contains a text, at most so many.
    fn search<'a>(&'a self, text: &'a str, limit: usize) -> BoxFuture<'a, Result<Vec<Registered>, Error>>;

    /// The one with a code.
    fn look_up<'a>(&'a self, uscc: &'a Uscc) -> BoxFuture<'a, Result<Option<Registered>, Error>>;

    /// Whether the four belong together.
    fn agrees<'a>(&'a self, said: &'a FourFactors<'a>) -> BoxFuture<'a, Result<bool, Error>>;
}
