//! `smsign check`: will the bid open, without opening it?

use std::path::Path;

use cosign_client::Error;
use envelope::bid::Header;
use serde::Serialize;

use super::{
    broken,
    describe::Description,
    holders, locks, open_file, read_bid,
    signature::{self, Verdict},
};
use crate::{
    args::Check,
    context::Context,
    output::{Failure, Outcome, path_text},
};

#[derive(Serialize)]
struct Report {
    bids: Vec<Checked>,
}

#[derive(Serialize)]
struct Checked {
    file: String,
    #[serde(flatten)]
    description: Description,
    /// Numbers of the shares that the keys at hand unwrapped and the commitments confirmed.
    confirmed_shares: Vec<u8>,
    /// Whether the keeper of the opening key confirmed the lock; absent without a lock.
    #[serde(skip_serializing_if = "Option::is_none")]
    lock_confirmed: Option<bool>,
    /// Absent for a bid that is not signed.
    #[serde(skip_serializing_if = "Option::is_none")]
    signature: Option<Verdict>,
    /// Everything that it takes to open the bid is there.
    will_open: bool,
}

pub(crate) fn run(arguments: &Check, context: &Context) -> Result<Outcome, Failure> {
    let mut descriptions = Vec::new();
    let (mut headers, mut signatures) = (Vec::new(), Vec::new());
    for path in &arguments.files {
        descriptions.push(super::describe::describe(open_file(path)?).map_err(|error| broken(error, path))?);
        let bid = read_bid(path)?;
        headers.push((path.as_path(), bid.header().clone()));
        signatures.push(match signature::verify(context, path, bid) {
            Ok((_, verdict)) => verdict,
            Err(Failure::Client(Error::BidSignature { what, .. })) => Some(Verdict::bad(what)),
            Err(failure) => return Err(failure),
        });
    }
    let bids: Vec<(&Path, &Header)> = headers.iter().map(|(path, header)| (*path, header)).collect();
    let (held, confirmed): (Vec<_>, Vec<_>) = if arguments.structure {
        bids.iter()
            .map(|(_, header)| (holders::Held::default(), header.slots().lock().map(|_| false)))
            .unzip()
    } else {
        let held = holders::shares(context, &arguments.holders, &bids)?;
        let confirmed = locks::confirm(context, &arguments.holders, &bids)?;
        held.into_iter().zip(confirmed).unzip()
    };
    let mut report = Report { bids: Vec::new() };
    let parts = bids.iter().zip(held).zip(confirmed).zip(descriptions).zip(signatures);
    for (((((path, header), held), lock_confirmed), description), signature) in parts {
        if let Some(failure) = held.failure {
            return Err(failure);
        }
        let enough = held.shares.len() >= usize::from(header.manifest().policy().threshold());
        report.bids.push(Checked {
            file: path_text(path),
            description,
            confirmed_shares: held.shares.iter().map(envelope::bid::Share::number).collect(),
            lock_confirmed,
            will_open: enough && lock_confirmed != Some(false) && is_good(signature.as_ref()),
            signature,
        });
    }
    let lines: Vec<_> = report.bids.iter().flat_map(Checked::lines).collect();
    context.output.result(&report, lines)?;
    let good = |bid: &Checked| is_good(bid.signature.as_ref()) && (arguments.structure || bid.will_open);
    let good = report.bids.iter().all(good);
    Ok(if good { Outcome::Done } else { Outcome::NotVerified })
}

fn is_good(signature: Option<&Verdict>) -> bool {
    signature.is_none_or(|verdict| verdict.valid)
}

impl Checked {
    fn lines(&self) -> Vec<String> {
        let mut lines = vec![format!("{}: structure whole", self.file)];
        lines.extend(self.description.lines());
        lines.extend(self.signature.as_ref().map(|verdict| format!("  {}", verdict.line())));
        let numbers: Vec<_> = self.confirmed_shares.iter().map(u8::to_string).collect();
        let shares = if numbers.is_empty() { "none".to_owned() } else { numbers.join(", ") };
        lines.push(format!("  shares confirmed with the keys at hand: {shares}"));
        if let Some(confirmed) = self.lock_confirmed {
            lines.push(format!("  time lock: {}", if confirmed { "confirmed" } else { "not confirmed" }));
        }
        lines.push(format!("  will open: {}", if self.will_open { "yes" } else { "not known" }));
        lines
    }
}
