//! Stand-ins for services of others. They are deterministic, run inside this process, keep what they were given for
//! inspection, fail when they are told to, and say that they are a sandbox.

use std::{
    collections::{HashMap, VecDeque},
    sync::{Mutex, PoisonError},
};

use futures_util::future::BoxFuture;

use crate::domain::{
    Error,
    office::{Named as _, dispatch::Template, personal::Phone, providers::Sms},
};

/// Texts that are kept.
const KEPT: usize = 1000;
/// Numbers that end with this never get a text.
const UNREACHABLE: &str = "0000";

/// A text that was sent.
#[derive(Clone)]
pub struct SentText {
    /// What it is called.
    pub receipt: String,
    /// Where it went.
    pub phone: Phone,
    /// Which words.
    pub template: Template,
    /// What was put into them.
    pub text: String,
}

/// Sends no texts, and keeps the last 1000.
#[derive(Default)]
pub struct SandboxSms {
    sent: Mutex<Sent>,
}

#[derive(Default)]
struct Sent {
    texts: VecDeque<SentText>,
    keys: HashMap<String, String>,
    number: u64,
    /// How many times to fail.
    failures: u32,
}

impl SandboxSms {
    /// The texts to a phone, newest first.
    pub fn to(&self, phone: &Phone) -> Vec<SentText> {
        let sent = self.sent.lock().unwrap_or_else(PoisonError::into_inner);
        sent.texts.iter().rev().filter(|text| text.phone == *phone).cloned().collect()
    }

    /// Fails so many times.
    pub fn fail(&self, times: u32) {
        self.sent.lock().unwrap_or_else(PoisonError::into_inner).failures = times;
    }
}

impl Sms for SandboxSms {
    fn is_sandbox(&self) -> bool {
        true
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
            sent.texts.push_back(SentText { receipt: receipt.clone(), phone: phone.clone(), template, text });
            Ok(receipt)
        })
    }
}
