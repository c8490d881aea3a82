//! Who reads documents on pictures.

use futures_util::future::BoxFuture;

use crate::domain::{
    Error,
    office::reading::{Field, Side},
};

/// What was read, in the clear.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Seen {
    /// What stands where; nothing for what cannot be read.
    pub fields: Vec<(Field, String)>,
    /// How sure it is, from 0 to 100.
    pub confidence: u8,
}

/// Reads documents on pictures. What it says is shown to whoever handed the picture in, who corrects it.
pub trait Ocr: Send + Sync {
    /// Whether it reads nothing real.
    fn is_sandbox(&self) -> bool;

    /// Reads a picture, which it does not keep.
    ///
    /// # Errors
    /// [`Error::Unavailable`] when it may succeed later.
    fn recognise<'a>(&'a self, side: Side, picture: &'a [u8]) -> BoxFuture<'a, Result<Seen, Error>>;
}
