//! Who pays a cent to the account of an enterprise.

use futures_util::future::BoxFuture;

use crate::domain::Error;

/// A payment, in the clear.
#[derive(Debug)]
pub struct Cent<'a> {
    /// What the account has to be called.
    pub name: &'a str,
    /// The bank.
    pub bank: &'a str,
    /// The number of the account.
    pub account: &'a str,
    /// How much, fen.
    pub amount_fen: u64,
    /// What stands in the remark.
    pub remark: &'a str,
}

/// An entry in the statement of an account, as a sandbox shows it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// What the account is called.
    pub name: String,
    /// How much came, fen.
    pub amount_fen: u64,
    /// What stands in the remark.
    pub remark: String,
}

/// What became of a payment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Landed {
    /// Nothing is known of it yet.
    Unknown,
    /// It stands in the statement.
    Arrived,
    /// There is no such account, or it is called otherwise.
    Bounced,
}

/// Pays a cent to accounts. The same `key` twice is one payment.
///
/// Errors of all: [`Error::Unavailable`] when it may succeed later.
pub trait MicroPayment: Send + Sync {
    /// Whether no money is moved.
    fn is_sandbox(&self) -> bool;

    /// Pays; what the bank calls it, or nothing when it knows at once that there is no such account.
    fn pay<'a>(&'a self, key: &'a str, cent: &'a Cent<'a>) -> BoxFuture<'a, Result<Option<String>, Error>>;

    /// What became of a payment.
    fn landed<'a>(&'a self, key: &'a str) -> BoxFuture<'a, Result<Landed, Error>>;

    /// The statement of an account, newest first; `None` of a bank that is one.
    fn statement(&self, account: &str) -> Option<Vec<Entry>>;
}
