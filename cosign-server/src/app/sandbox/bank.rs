//! A bank that is none.

use std::{
    collections::VecDeque,
    sync::{Mutex, MutexGuard, PoisonError},
};

use futures_util::future::BoxFuture;

use crate::domain::{
    Error,
    office::providers::{Cent, Entry, Landed, MicroPayment},
};

/// Payments that are kept.
const KEPT: usize = 1000;
/// There is no account whose number ends so.
const NONE: &str = "0000";
/// An account whose number ends so turns out to be another's only later.
const LATER: &str = "0001";
/// What is paid to an account whose number ends so arrives when it is asked for the third time.
const SLOW: &str = "0002";
/// Times that a slow one is asked for in vain.
const IN_VAIN: u32 = 2;

/// Moves no money, and shows the statement of every account.
#[derive(Default)]
pub struct SandboxBank {
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    paid: VecDeque<Paid>,
    number: u64,
    /// How many times to fail.
    failures: u32,
}

struct Paid {
    key: String,
    receipt: String,
    account: String,
    entry: Entry,
    asked: u32,
}

impl Paid {
    fn landed(&self) -> Landed {
        if self.account.ends_with(LATER) {
            return Landed::Bounced;
        }
        let is_under_way = self.account.ends_with(SLOW) && self.asked <= IN_VAIN;
        if is_under_way { Landed::Unknown } else { Landed::Arrived }
    }
}

impl SandboxBank {
    /// Fails so many times.
    #[cfg(test)]
    pub(crate) fn fail(&self, times: u32) {
        self.state().failures = times;
    }

    /// How many payments there were.
    #[cfg(test)]
    pub(crate) fn payments(&self) -> u64 {
        self.state().number
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn try_it(&self) -> Result<MutexGuard<'_, State>, Error> {
        let mut state = self.state();
        if state.failures > 0 {
            state.failures -= 1;
            return Err(Error::Unavailable);
        }
        Ok(state)
    }
}

impl MicroPayment for SandboxBank {
    fn is_sandbox(&self) -> bool {
        true
    }

    fn pay<'a>(&'a self, key: &'a str, cent: &'a Cent<'a>) -> BoxFuture<'a, Result<Option<String>, Error>> {
        Box::pin(async move {
            let mut state = self.try_it()?;
            if let Some(paid) = state.paid.iter().find(|paid| paid.key == key) {
                return Ok(Some(paid.receipt.clone()));
            }
            if cent.account.ends_with(NONE) {
                return Ok(None);
            }
            if state.paid.len() == KEPT {
                state.paid.pop_front();
            }
            state.number += 1;
            let receipt = format!("sandbox-cent-{}", state.number);
            let entry = Entry {
                name: cent.name.to_owned(),
                amount_fen: cent.amount_fen,
                remark: cent.remark.to_owned(),
            };
            state.paid.push_back(Paid {
                key: key.to_owned(),
                receipt: receipt.clone(),
                account: cent.account.to_owned(),
                entry,
                asked: 0,
            });
            Ok(Some(receipt))
        })
    }

    fn landed<'a>(&'a self, key: &'a str) -> BoxFuture<'a, Result<Landed, Error>> {
        Box::pin(async move {
            let mut state = self.try_it()?;
            let Some(paid) = state.paid.iter_mut().find(|paid| paid.key == key) else {
                return Ok(Landed::Unknown);
            };
            paid.asked = paid.asked.saturating_add(1);
            Ok(paid.landed())
        })
    }

    fn statement(&self, account: &str) -> Option<Vec<Entry>> {
        let state = self.state();
        let of = state.paid.iter().rev().filter(|paid| paid.account == account);
        Some(of.filter(|paid| paid.landed() == Landed::Arrived).map(|paid| paid.entry.clone()).collect())
    }
}
