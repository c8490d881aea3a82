//! Services of others. Each is a trait; the ones that come with this program are a sandbox and say so.

mod bank;
mod identity;
mod logins;
mod mail;
mod money;
mod ocr;
mod registry;

use cosign_core::sm_primitives::sm2::{PublicKey, Signature};
use futures_util::future::BoxFuture;

pub use self::{
    bank::{Cent, Entry, Landed, MicroPayment},
    identity::{Facts, Identity},
    logins::Logins,
    mail::{KeptMail, Mail, MailAddress},
    money::{Bill, Deposit, Invoicing, Money, Payee, Said, Signed},
    ocr::{Ocr, Seen},
    registry::{FourFactors, Registered, Registry},
};
use super::{dispatch::Template, personal::Phone};
use crate::domain::Error;

/// A text that a sandbox kept instead of sending it.
#[derive(Clone, Debug)]
pub struct KeptText {
    /// What it is called.
    pub receipt: String,
    /// Where it would have gone.
    pub phone: Phone,
    /// Which words.
    pub template: Template,
    /// What was put into them.
    pub text: String,
}

/// Sends texts to phones.
pub trait Sms: Send + Sync {
    /// Whether nothing is really sent.
    fn is_sandbox(&self) -> bool;

    /// What a sandbox kept for a phone, newest first; `None` of a provider that really sends.
    fn kept(&self, phone: &Phone) -> Option<Vec<KeptText>>;

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

/// Signs seals, with a key of this server.
pub trait SealMaker: Send + Sync {
    /// The key.
    fn public_key(&self) -> PublicKey;

    /// Signs a digest: `e` of GB/T 32918.2.
    ///
    /// # Errors
    /// [`Error::Internal`] when the random source fails.
    fn sign(&self, digest: &[u8; 32]) -> Result<Signature, Error>;
}
