//! Who takes money, gives it back, makes invoices and sends parcels.

use cosign_core::sm_primitives::sm2::PublicKey;
use futures_util::future::BoxFuture;
use serde::{Deserialize, Serialize};

use super::super::payment::Channel;
use crate::domain::Error;

/// What a channel says of a payment; signed as it stands.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Said {
    /// Which payment.
    pub number: String,
    /// How much came, fen.
    pub amount_fen: u64,
    /// Whether it came.
    pub paid: bool,
    /// What the channel calls it.
    pub transaction: String,
}

/// What a channel said.
#[derive(Clone, Debug)]
pub struct Signed {
    /// [`Said`], as JSON.
    pub text: String,
    /// SM2 over it, by the channel's key.
    pub signature: [u8; 64],
}

/// Where transfers go.
#[derive(Clone, Debug)]
pub struct Payee {
    /// The name of the account.
    pub name: String,
    /// The bank.
    pub bank: String,
    /// The number of the account.
    pub account: String,
}

/// An entry of the bank.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Deposit {
    /// The name of the account that paid.
    pub payer: String,
    /// Its number.
    pub account: String,
    /// On which day, as 8 digits.
    pub date: String,
    /// How much, fen.
    pub amount_fen: u64,
}

/// What is on an invoice.
#[derive(Clone, Debug)]
pub struct Bill<'a> {
    /// For whom.
    pub title: &'a str,
    /// How much, fen.
    pub amount_fen: u64,
}

/// Takes money and gives it back. The same `key` twice is one act.
pub trait Money: Send + Sync {
    /// Whether no money is moved.
    fn is_sandbox(&self) -> bool;
    /// What a channel signs with.
    fn key(&self, channel: Channel) -> Option<PublicKey>;
    /// Where transfers go.
    fn payee(&self) -> Payee;
    /// Opens a payment; gives the address at which it is paid.
    ///
    /// # Errors
    /// [`Error::Unavailable`].
    fn open<'a>(
        &'a self,
        channel: Channel,
        number: &'a str,
        amount_fen: u64,
    ) -> BoxFuture<'a, Result<String, Error>>;
    /// The entry of the bank that is so; what it is called.
    ///
    /// # Errors
    /// [`Error::Unavailable`].
    fn find<'a>(&'a self, deposit: &'a Deposit) -> BoxFuture<'a, Result<Option<String>, Error>>;
    /// Gives money back; what it is called.
    ///
    /// # Errors
    /// [`Error::Unavailable`].
    fn give_back<'a>(
        &'a self,
        key: &'a str,
        channel: Channel,
        number: &'a str,
        amount_fen: u64,
    ) -> BoxFuture<'a, Result<String, Error>>;
    /// Somebody pays, or not, at the page of a sandbox.
    fn press(&self, _number: &str, _paid: bool) -> Option<(Channel, Signed)> {
        None
    }
    /// A transfer comes in at the bank of a sandbox.
    fn deposit(&self, _deposit: Deposit) -> Option<String> {
        None
    }
}

/// Makes invoices and sends them. The same `key` twice is one act.
pub trait Invoicing: Send + Sync {
    /// Whether they are none.
    fn is_sandbox(&self) -> bool;
    /// Makes one; what it is called.
    ///
    /// # Errors
    /// [`Error::Unavailable`].
    fn issue<'a>(&'a self, key: &'a str, bill: &'a Bill<'a>) -> BoxFuture<'a, Result<String, Error>>;
    /// The file of one.
    ///
    /// # Errors
    /// [`Error::NotFound`], [`Error::Unavailable`].
    fn file<'a>(&'a self, number: &'a str, bill: &'a Bill<'a>) -> BoxFuture<'a, Result<Vec<u8>, Error>>;
    /// Takes one back; what that is called.
    ///
    /// # Errors
    /// [`Error::Unavailable`].
    fn red<'a>(&'a self, key: &'a str, number: &'a str) -> BoxFuture<'a, Result<String, Error>>;
    /// Sends something to an address; what the post calls it.
    ///
    /// # Errors
    /// [`Error::Unavailable`].
    fn ship<'a>(&'a self, key: &'a str, address: &'a str) -> BoxFuture<'a, Result<String, Error>>;
}
