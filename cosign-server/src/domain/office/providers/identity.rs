//! Who compares people with registers, and looks at faces.

use futures_util::future::BoxFuture;

use crate::domain::{
    Error,
    office::{
        Id,
        person::{DocumentNumber, Finding, Method, PersonName},
        personal::Phone,
    },
};

/// What a person says of themselves, in the clear.
#[derive(Debug)]
pub struct Facts<'a> {
    /// By what it is to be shown.
    pub method: Method,
    /// The name.
    pub name: &'a PersonName,
    /// The number of the document.
    pub number: &'a DocumentNumber,
    /// The phone that was proven, or that the bank knows.
    pub phone: Option<&'a Phone>,
    /// The number of the card.
    pub card: Option<&'a str>,
}

/// Compares people with registers, and looks at faces. The same `case` twice is one question.
///
/// Errors of all: [`Error::Unavailable`] when it may succeed later, [`Error::NotOffered`] for a method that it does not know.
pub trait Identity: Send + Sync {
    /// Whether it compares with nothing real.
    fn is_sandbox(&self) -> bool;

    /// Whether the facts belong together, at once; why not, if not.
    fn compare<'a>(&'a self, case: Id, facts: &'a Facts<'a>)
    -> BoxFuture<'a, Result<Option<Finding>, Error>>;

    /// What the person is to do: a page to go to, digits to read, or actions.
    fn begin<'a>(&'a self, case: Id, facts: &'a Facts<'a>) -> BoxFuture<'a, Result<String, Error>>;

    /// Whether a picture shows the person doing it; why not, if not. It is kept by nobody.
    fn watch<'a>(
        &'a self,
        case: Id,
        challenge: &'a str,
        picture: &'a [u8],
    ) -> BoxFuture<'a, Result<Option<Finding>, Error>>;

    /// What became of a page that the person went to; `None` as long as nothing did.
    fn outcome(&self, case: Id) -> BoxFuture<'_, Result<Option<Result<(), Finding>>, Error>>;

    /// Presses a button on the page of a sandbox.
    ///
    /// # Errors
    /// [`Error::NotFound`] when there is no such page, or it is a real one.
    fn press(&self, case: Id, passed: bool) -> Result<(), Error> {
        let _ = (case, passed);
        Err(Error::NotFound)
    }
}
