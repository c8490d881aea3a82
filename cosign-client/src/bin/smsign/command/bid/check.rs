//! `smsign check`: will the bid open, without opening it?

use std::path::Path;

use cosign_client::Error;
use envelope::bid::{Header, Share};
use pki::validate::Purpose;
use serde::Serialize;

use super::{
    broken,
    describe::Description,
    failures::{Failures, Reason},
    holders, locks, open_file, read_bid,
    signature::{self, Verdict},
};
use crate::{
    args::Check,
    command::cert::SignerJudge,
    context::Context,
    output::{Failure, Outcome, path_text},
};

#[derive(Serialize)]
struct Report {
    /// One for each file, in their order.
    bids: Vec<Checked>,
}

#[derive(Serialize)]
struct Checked {
    file: String,
    /// Absent for a file that is no bid with a whole structure.
    #[serde(flatten)]
    found: Option<Found>,
    /// Everything that it takes to open the bid is there.
    will_open: bool,
    /// What is wrong with the bid, its signature aside.
    #[serde(flatten)]
    reason: Option<Reason>,
}

#[derive(Serialize)]
struct Found {
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
}

/// What is seen without any key.
struct Outside {
    description: Description,
    header: Header,
    signature: Option<Verdict>,
}

pub(crate) fn run(arguments: &Check, context: &Context) -> Result<Outcome, Failure> {
    let judge = SignerJudge::new(&arguments.trust, Purpose::DocumentSigning, context)?;
    let looked = arguments.files.iter().map(|path| match look(context, path, judge.as_ref()) {
        Err(failure @ Failure::Client(Error::Interrupted)) => Err(failure),
        looked => Ok((path.as_path(), looked)),
    });
    let looked = looked.collect::<Result<Vec<_>, _>>()?;
    let bids: Vec<(&Path, &Header)> = looked
        .iter()
        .filter_map(|(path, looked)| looked.as_ref().ok().map(|outside| (*path, &outside.header)))
        .collect();
    let (held, confirmed): (Vec<_>, Vec<_>) = if arguments.structure {
        bids.iter()
            .map(|(_, header)| (holders::Held::default(), Ok(header.slots().lock().map(|_| false))))
            .unzip()
    } else {
        let held = holders::shares(context, &arguments.holders, &bids)?;
        let confirmed = locks::confirm(context, &bids)?;
        held.into_iter().zip(confirmed).unzip()
    };
    let mut inside = held.into_iter().zip(confirmed);
    let mut failures = Failures::default();
    let mut report = Report { bids: Vec::new() };
    for (path, looked) in looked {
        let judged = looked.map(|outside| {
            // One for each bid that was asked about.
            let (held, confirmed) = inside.next().unwrap_or_else(|| (holders::Held::default(), Ok(None)));
            outside.judge(path, held, confirmed)
        });
        let (checked, failure) =
            judged.unwrap_or_else(|failure| (Checked::unread(path, &failure), Some(failure)));
        report.bids.push(checked);
        if let Some(failure) = failure {
            failures.note(context, path, failure)?;
        }
    }
    let lines: Vec<_> = report.bids.iter().flat_map(Checked::lines).collect();
    context.output.result(&report, lines)?;
    let good = report.bids.iter().all(|bid| bid.is_good(arguments.structure));
    failures.end(if good { Outcome::Done } else { Outcome::NotVerified })
}

fn look(context: &Context, path: &Path, judge: Option<&SignerJudge>) -> Result<Outside, Failure> {
    let description = super::describe::describe(open_file(path)?).map_err(|error| broken(error, path))?;
    let bid = read_bid(path)?;
    let header = bid.header().clone();
    let signature = match signature::verify(context, path, bid, judge) {
        Ok((_, verdict)) => verdict,
        Err(Failure::Client(Error::BidSignature { what, .. })) => Some(Verdict::bad(what)),
        Err(failure) => return Err(failure),
    };
    Ok(Outside { description, header, signature })
}

impl Outside {
    /// With what the keys at hand and the server say.
    fn judge(
        self,
        path: &Path,
        held: holders::Held,
        confirmed: Result<Option<bool>, Failure>,
    ) -> (Checked, Option<Failure>) {
        let Self { description, header, signature } = self;
        let enough = held.missing(&header) == 0;
        let (lock_confirmed, lock_failure) = match confirmed {
            Ok(confirmed) => (confirmed, None),
            Err(failure) => (Some(false), Some(failure)),
        };
        let confirmed_shares = held.shares.iter().map(Share::number).collect();
        // A wrong share counts also where there are enough of the others.
        let share_failure = if enough { held.failure } else { held.why_missing(path) };
        let failure = share_failure.or(lock_failure);
        let checked = Checked {
            file: path_text(path),
            will_open: enough && lock_confirmed != Some(false) && is_good(signature.as_ref()),
            reason: failure.as_ref().map(Reason::of),
            found: Some(Found { description, confirmed_shares, lock_confirmed, signature }),
        };
        (checked, failure)
    }
}

fn is_good(signature: Option<&Verdict>) -> bool {
    signature.is_none_or(Verdict::counts)
}

impl Checked {
    fn unread(path: &Path, failure: &Failure) -> Self {
        Self { file: path_text(path), found: None, will_open: false, reason: Some(Reason::of(failure)) }
    }

    fn is_good(&self, structure: bool) -> bool {
        let signature = self.found.as_ref().and_then(|found| found.signature.as_ref());
        is_good(signature) && (structure || self.will_open)
    }

    fn lines(&self) -> Vec<String> {
        let Some(found) = &self.found else {
            let reason = self.reason.as_ref().map(|reason| reason.reason.as_str());
            return vec![format!("BROKEN  {}", reason.unwrap_or_default())];
        };
        let mut lines = vec![format!("{}: structure whole", self.file)];
        lines.extend(found.description.lines());
        lines.extend(found.signature.as_ref().map(|verdict| format!("  {}", verdict.line())));
        let numbers: Vec<_> = found.confirmed_shares.iter().map(u8::to_string).collect();
        let shares = if numbers.is_empty() { "none".to_owned() } else { numbers.join(", ") };
        lines.push(format!("  shares confirmed with the keys at hand: {shares}"));
        if let Some(confirmed) = found.lock_confirmed {
            lines.push(format!("  time lock: {}", if confirmed { "confirmed" } else { "not confirmed" }));
        }
        lines.extend(self.reason.as_ref().map(|reason| format!("  WRONG: {}", reason.reason)));
        lines.push(format!("  will open: {}", if self.will_open { "yes" } else { "not known" }));
        lines
    }
}
