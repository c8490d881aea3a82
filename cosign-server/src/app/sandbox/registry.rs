//! Enterprises that do not exist.

use futures_util::future::BoxFuture;

use crate::domain::{
    Error,
    office::{
        enterprise::{Uscc, check_digit},
        providers::{FourFactors, Registered, Registry},
    },
};

const PLACES: [&str; 4] = ["云中", "海角", "天涯", "星河"];
const TRADES: [&str; 5] = ["建设工程", "信息技术", "物资贸易", "勘察设计", "园林绿化"];
const PEOPLE: [&str; 4] = ["张三", "李四", "王五", "赵六"];

struct Entry {
    shown: Registered,
    legal_name: &'static str,
    legal_number: String,
}

/// Knows twenty enterprises that do not exist; each has a legal representative who does not either.
pub struct SandboxRegistry(Vec<Entry>);

impl Default for SandboxRegistry {
    fn default() -> Self {
        let names = PLACES.iter().flat_map(|place| TRADES.iter().map(move |trade| (place, trade)));
        let entry = |(number, (place, trade)): (usize, (&&str, &&str))| {
            let body = format!("91999999MA00000{number:02}");
            let uscc = Uscc::parse(&format!("{body}{}", check_digit(&body)?)).ok()?;
            let legal_name = PEOPLE.iter().cycle().nth(number)?;
            let legal_number = citizen(900 + number);
            let shown = Registered { name: format!("{place}示例{trade}有限公司"), uscc };
            Some(Entry { shown, legal_name, legal_number })
        };
        Self(names.enumerate().filter_map(entry).collect())
    }
}

/// A number of the form of an identity card (GB 11643), of somebody who does not exist.
fn citizen(which: usize) -> String {
    const WEIGHTS: [u32; 17] = [7, 9, 10, 5, 8, 4, 2, 1, 6, 3, 7, 9, 10, 5, 8, 4, 2];
    let body = format!("11010519491231{which:03}");
    let digits = body.chars().filter_map(|digit| digit.to_digit(10));
    let sum: u32 = digits.zip(WEIGHTS).map(|(digit, weight)| digit * weight).sum();
    match (12 - sum % 11) % 11 {
        10 => format!("{body}X"),
        check => format!("{body}{check}"),
    }
}

impl SandboxRegistry {
    /// One of them: its name, its code, the legal representative's name and number.
    #[cfg(test)]
    pub(crate) fn entry(&self, which: usize) -> (&str, &str, &str, &str) {
        let entry = &self.0[which];
        (&entry.shown.name, entry.shown.uscc.as_str(), entry.legal_name, &entry.legal_number)
    }

    fn of(&self, uscc: &Uscc) -> Option<&Entry> {
        self.0.iter().find(|entry| entry.shown.uscc == *uscc)
    }
}

impl Registry for SandboxRegistry {
    fn is_sandbox(&self) -> bool {
        true
    }

    fn search<'a>(&'a self, text: &'a str, limit: usize) -> BoxFuture<'a, Result<Vec<Registered>, Error>> {
        let hits = self.0.iter().filter(|entry| entry.shown.name.contains(text));
        let hits = hits.take(limit).map(|entry| entry.shown.clone()).collect();
        Box::pin(std::future::ready(Ok(hits)))
    }

    fn look_up<'a>(&'a self, uscc: &'a Uscc) -> BoxFuture<'a, Result<Option<Registered>, Error>> {
        Box::pin(std::future::ready(Ok(self.of(uscc).map(|entry| entry.shown.clone()))))
    }

    fn agrees<'a>(&'a self, said: &'a FourFactors<'a>) -> BoxFuture<'a, Result<bool, Error>> {
        let agrees = self.of(said.uscc).is_some_and(|entry| {
            entry.shown.name == said.name
                && entry.legal_name == said.legal_name
                && entry.legal_number == said.legal_number
        });
        Box::pin(std::future::ready(Ok(agrees)))
    }
}
