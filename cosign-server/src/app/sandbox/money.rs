//! Money, invoices and parcels that are none.

use std::{
    collections::{BTreeMap, HashMap, VecDeque},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use cosign_core::sm_primitives::{
    sm2::{DistId, PrivateKey, PublicKey, dsa},
    sm3,
};
use futures_util::future::BoxFuture;

use crate::{
    domain::{
        Error,
        office::{
            Named as _,
            payment::Channel,
            providers::{Bill, Deposit, Invoicing, Money, Payee, Said, Signed},
        },
        ports::Entropy,
    },
    signer::EntropyRng,
};

/// Payments, entries and receipts that are kept.
const KEPT: usize = 10_000;

/// Moves no money: whoever presses the button has paid, and whoever says that a transfer came in has made it.
pub struct SandboxMoney {
    entropy: Arc<dyn Entropy>,
    /// By the channel's word.
    keys: BTreeMap<&'static str, PrivateKey>,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    open: HashMap<String, (Channel, u64)>,
    deposits: VecDeque<(String, Deposit)>,
    /// What went back, by key.
    back: HashMap<String, (String, u64)>,
    receipts: HashMap<String, String>,
    number: u64,
    /// How many times to fail.
    failures: u32,
}

impl State {
    fn try_it(&mut self) -> Result<(), Error> {
        if self.failures > 0 {
            self.failures -= 1;
            return Err(Error::Unavailable);
        }
        Ok(())
    }

    /// What an act was called before, or is now.
    fn receipt(&mut self, key: &str, word: &str) -> String {
        if self.receipts.len() >= KEPT {
            self.receipts.clear();
        }
        self.number += 1;
        let number = self.number;
        let receipt =
            self.receipts.entry(key.to_owned()).or_insert_with(|| format!("sandbox-{word}-{number}"));
        receipt.clone()
    }
}

impl SandboxMoney {
    /// One whose channels sign with keys of their own, the same ones everywhere.
    #[must_use]
    pub fn new(entropy: Arc<dyn Entropy>) -> Self {
        let key = |channel: &Channel| {
            let seed = sm3::digest(format!("cosign sandbox {}", channel.as_str()).as_bytes());
            PrivateKey::from_bytes(&seed).map(|key| (channel.as_str(), key))
        };
        let keys = Channel::ALL.iter().filter_map(key).collect();
        Self { entropy, keys, state: Mutex::default() }
    }

    /// Fails so many times.
    #[cfg(test)]
    pub(crate) fn fail(&self, times: u32) {
        self.state().failures = times;
    }

    /// What went back in all, fen.
    #[cfg(test)]
    pub(crate) fn given_back(&self) -> u64 {
        self.state().back.values().map(|(_, amount_fen)| amount_fen).sum()
    }

    /// What a channel says, signed.
    pub(crate) fn say(&self, channel: Channel, said: &Said) -> Option<Signed> {
        let text = serde_json::to_string(said).ok()?;
        let key = self.keys.get(channel.as_str())?;
        let mut rng = EntropyRng::new(Arc::clone(&self.entropy));
        let signature = dsa::sign(key, &DistId::default(), text.as_bytes(), &mut rng).ok()?;
        Some(Signed { text, signature: signature.to_bytes() })
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Money for SandboxMoney {
    fn is_sandbox(&self) -> bool {
        true
    }

    fn key(&self, channel: Channel) -> Option<PublicKey> {
        self.keys.get(channel.as_str()).map(|key| *key.public_key())
    }

    fn payee(&self) -> Payee {
        Payee {
            name: "沙箱收款单位".to_owned(),
            bank: "沙箱银行".to_owned(),
            account: "6200000000000000000".to_owned(),
        }
    }

    fn open<'a>(
        &'a self,
        channel: Channel,
        number: &'a str,
        amount_fen: u64,
    ) -> BoxFuture<'a, Result<String, Error>> {
        Box::pin(async move {
            let mut state = self.state();
            state.try_it()?;
            if state.open.len() >= KEPT {
                state.open.clear();
            }
            state.open.insert(number.to_owned(), (channel, amount_fen));
            Ok(format!("/v1/sandbox/payments/{number}"))
        })
    }

    fn find<'a>(&'a self, deposit: &'a Deposit) -> BoxFuture<'a, Result<Option<String>, Error>> {
        Box::pin(async move {
            let mut state = self.state();
            state.try_it()?;
            Ok(state.deposits.iter().find(|(_, one)| one == deposit).map(|(id, _)| id.clone()))
        })
    }

    fn give_back<'a>(
        &'a self,
        key: &'a str,
        _: Channel,
        _: &'a str,
        amount_fen: u64,
    ) -> BoxFuture<'a, Result<String, Error>> {
        Box::pin(async move {
            let mut state = self.state();
            state.try_it()?;
            let receipt = state.receipt(key, "refund");
            state.back.entry(key.to_owned()).or_insert_with(|| (receipt.clone(), amount_fen));
            Ok(receipt)
        })
    }

    fn press(&self, number: &str, paid: bool) -> Option<(Channel, Signed)> {
        let (channel, amount_fen) = *self.state().open.get(number)?;
        let said =
            Said { number: number.to_owned(), amount_fen, paid, transaction: format!("sandbox-{number}") };
        Some((channel, self.say(channel, &said)?))
    }

    fn deposit(&self, deposit: Deposit) -> Option<String> {
        let mut state = self.state();
        state.number += 1;
        let id = format!("sandbox-entry-{}", state.number);
        if state.deposits.len() >= KEPT {
            state.deposits.pop_front();
        }
        state.deposits.push_back((id.clone(), deposit));
        Some(id)
    }
}

/// Makes invoices that say that they are none.
#[derive(Default)]
pub struct SandboxInvoicing {
    state: Mutex<State>,
}

impl SandboxInvoicing {
    fn act<'a>(&'a self, key: &'a str, word: &'static str) -> BoxFuture<'a, Result<String, Error>> {
        Box::pin(async move {
            let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
            state.try_it()?;
            Ok(state.receipt(&format!("{word} {key}"), word))
        })
    }

    /// Fails so many times.
    #[cfg(test)]
    pub(crate) fn fail(&self, times: u32) {
        self.state.lock().unwrap_or_else(PoisonError::into_inner).failures = times;
    }
}

impl Invoicing for SandboxInvoicing {
    fn is_sandbox(&self) -> bool {
        true
    }

    fn issue<'a>(&'a self, key: &'a str, _: &'a Bill<'a>) -> BoxFuture<'a, Result<String, Error>> {
        self.act(key, "invoice")
    }

    /// A page of PDF with the number and the amount.
    fn file<'a>(&'a self, number: &'a str, bill: &'a Bill<'a>) -> BoxFuture<'a, Result<Vec<u8>, Error>> {
        Box::pin(async move {
            let (yuan, fen) = (bill.amount_fen / 100, bill.amount_fen % 100);
            let words = format!("BT /F 18 Tf 72 720 Td (SANDBOX {number} CNY {yuan}.{fen:02}) Tj ET");
            let objects = [
                "<</Type/Catalog/Pages 2 0 R>>".to_owned(),
                "<</Type/Pages/Kids[3 0 R]/Count 1>>".to_owned(),
                "<</Type/Page/Parent 2 0 R/MediaBox[0 0 595 842]/Contents 4 0 R/Resources<</Font<</F 5 0 R>>>>>>"
                    .to_owned(),
                format!("<</Length {}>>stream\n{words}\nendstream", words.len()),
                "<</Type/Font/Subtype/Type1/BaseFont/Helvetica>>".to_owned(),
            ];
            let (mut file, mut table) = ("%PDF-1.4\n".to_owned(), String::new());
            for (number, object) in objects.iter().enumerate() {
                table += &format!("{:010} 00000 n \n", file.len());
                file += &format!("{} 0 obj\n{object}\nendobj\n", number + 1);
            }
            let start = file.len();
            file += &format!(
                "xref\n0 6\n0000000000 65535 f \n{table}trailer\n<</Size 6/Root 1 0 R>>\nstartxref\n{start}\n%%EOF\n"
            );
            Ok(file.into_bytes())
        })
    }

    fn red<'a>(&'a self, key: &'a str, _: &'a str) -> BoxFuture<'a, Result<String, Error>> {
        self.act(key, "red")
    }

    fn ship<'a>(&'a self, key: &'a str, _: &'a str) -> BoxFuture<'a, Result<String, Error>> {
        self.act(key, "parcel")
    }
}
