//! Stand-ins for services of others. They are deterministic, run inside this process, keep what they were given for
//! inspection, fail when they are told to, and say that they are a sandbox.

mod bank;
mod identity;
mod logins;
mod mail;
mod money;
mod ocr;
mod registry;

use std::{
    collections::{HashMap, VecDeque},
    sync::{Mutex, PoisonError},
};

use futures_util::future::BoxFuture;

use crate::domain::{
    Error,
    office::{
        Named as _,
        dispatch::Template,
        personal::Phone,
        providers::{KeptText, Sms},
    },
};

pub use self::{
    bank::SandboxBank,
    identity::SandboxIdentity,
    logins::SandboxLogins,
    mail::SandboxMail,
    money::{SandboxInvoicing, SandboxMoney},
    ocr::SandboxOcr,
    registry::SandboxRegistry,
};

/// Texts that are kept.
const KEPT: usize = 1000;
/// Numbers that end with this never get a text.
const UNREACHABLE: &str = "0000";

/// Sends no texts, and keeps the last 1000.
#[derive(Default)]
pub struct SandboxSms {
    sent: Mutex<Sent>,
}

#[derive(Default)]
struct Sent {
    texts: VecDeque<KeptText>,
    keys: HashMap<String, String>,
    number: u64,
    /// How many times to fail.
    failures: u32,
}

impl SandboxSms {
    /// Fails so many times.
    #[cfg(test)]
    pub(crate) fn fail(&self, times: u32) {
        self.sent.lock().unwrap_or_else(PoisonError::into_inner).failures = times;
    }
}

impl Sms for SandboxSms {
    fn is_sandbox(&self) -> bool {
        true
    }

    fn kept(&self, phone: &Phone) -> Option<Vec<KeptText>> {
        let sent = self.sent.lock().unwrap_or_else(PoisonError::into_inner);
        Some(sent.texts.iter().rev().filter(|text| text.phone == *phone).cloned().collect())
    }

    fn send<'a>(
        &'a self,
        key: &'a str,
        phone: &'a Phone,
        template: Template,
        text: &'a str,
    ) -> BoxFuture<'a, Result<String, Error>> {
        Box::pin(async move {
            let mut sent = self.sent.lock().unwrap_or_else(PoisonError::into_inner);
            if sent.failures > 0 || phone.expose().ends_with(UNREACHABLE) {
                sent.failures = sent.failures.saturating_sub(1);
                return Err(Error::Unavailable);
            }
            if let Some(receipt) = sent.keys.get(key) {
                return Ok(receipt.clone());
            }
            sent.number += 1;
            let receipt = format!("sandbox-{}-{}", template.as_str(), sent.number);
            if sent.texts.len() == KEPT {
                sent.texts.pop_front();
            }
            if sent.keys.len() == KEPT {
                sent.keys.clear();
            }
            sent.keys.insert(key.to_owned(), receipt.clone());
            let text = text.to_owned();
            sent.texts.push_back(KeptText { receipt: receipt.clone(), phone: phone.clone(), template, text });
            Ok(receipt)
        })
    }
}
