//! Services of others. Each is a trait; the ones that come with this program are a sandbox and say so.

use futures_util::future::BoxFuture;

use super::{dispatch::Template, personal::Phone};
use crate::domain::Error;

/// Sends texts to phones.
pub trait Sms: Send + Sync {
    /// Whether nothing really leaves: a sandbox.
    fn is_sandbox(&self) -> bool;

    /// Sends a text; gives what the provider calls it. The same `key` twice is one text.
    ///
    /// # Errors
    /// [`Error::Unavailable`] when it may succeed later, [`Error::BadRequest`] when it never will.
    fn send<'a>(
        &'a self,
        key: &'a str,
        phone: &'a Phone,
        template: Template,
        text: &'a str,
    ) -> BoxFuture<'a, Result<String, Error>>;
}
