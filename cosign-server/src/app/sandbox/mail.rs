//! Letters that nobody gets.

use std::{
    collections::{HashMap, VecDeque},
    sync::{Mutex, PoisonError},
};

use futures_util::future::BoxFuture;
use zeroize::Zeroizing;

use super::KEPT;
use crate::domain::{
    Error,
    office::providers::{KeptMail, Mail, MailAddress},
};

/// Sends no letters, and keeps the last 1000.
#[derive(Default)]
pub struct SandboxMail {
    sent: Mutex<Sent>,
}

#[derive(Default)]
struct Sent {
    letters: VecDeque<KeptMail>,
    keys: HashMap<String, String>,
    number: u64,
    /// How many times to fail.
    failures: u32,
}

impl SandboxMail {
    /// Fails so many times.
    #[cfg(test)]
    pub(crate) fn fail(&self, times: u32) {
        self.sent.lock().unwrap_or_else(PoisonError::into_inner).failures = times;
    }
}

impl Mail for SandboxMail {
    fn kept(&self, to: &MailAddress) -> Option<Vec<KeptMail>> {
        let sent = self.sent.lock().unwrap_or_else(PoisonError::into_inner);
        Some(sent.letters.iter().rev().filter(|letter| letter.to == *to).cloned().collect())
    }

    fn send<'a>(
        &'a self,
        key: &'a str,
        to: &'a MailAddress,
        subject: &'a str,
        text: &'a str,
    ) -> BoxFuture<'a, Result<String, Error>> {
        Box::pin(async move {
            let mut sent = self.sent.lock().unwrap_or_else(PoisonError::into_inner);
            if sent.failures > 0 {
                sent.failures -= 1;
                return Err(Error::Unavailable);
            }
            if let Some(receipt) = sent.keys.get(key) {
                return Ok(receipt.clone());
            }
            sent.number += 1;
            let receipt = format!("sandbox-mail-{}", sent.number);
            if sent.letters.len() == KEPT {
                sent.letters.pop_front();
            }
            if sent.keys.len() == KEPT {
                sent.keys.clear();
            }
            sent.keys.insert(key.to_owned(), receipt.clone());
            let (subject, text) = (subject.to_owned(), Zeroizing::new(text.to_owned()));
            sent.letters.push_back(KeptMail { receipt: receipt.clone(), to: to.clone(), subject, text });
            Ok(receipt)
        })
    }
}
