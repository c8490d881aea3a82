//! `smsign rewrap`: other holders for the shares of a bid.

use cosign_client::{
    Error,
    files::{Access, NewFile, check_free},
};
use envelope::bid::Slot;
use getrandom::SysRng;
use serde::Serialize;

use super::{broken, defect, holder, holders, read_bid};
use crate::{
    args::Rewrap,
    context::Context,
    output::{Failure, Outcome, path_text},
};

#[derive(Serialize)]
struct Report {
    file: String,
    out: String,
    added: Vec<String>,
    dropped: Vec<String>,
}

pub(crate) fn run(arguments: &Rewrap, context: &Context) -> Result<Outcome, Failure> {
    let path = arguments.file.as_path();
    let out = arguments.out.as_deref().unwrap_or(path);
    let replace = arguments.force || arguments.out.is_none();
    check_free(out, replace)?;
    let bid = read_bid(path)?;
    let header = bid.header().clone();
    let wanted = arguments.to.iter().map(|text| holder(context, header.manifest().policy(), text));
    let wanted = wanted.collect::<Result<Vec<_>, _>>()?;
    let mut held = holders::Held::default();
    if !wanted.is_empty() {
        held = holders::shares(context, &arguments.holders, &[(path, &header)])?.pop().unwrap_or_default();
        if let Some(failure) = held.failure {
            return Err(failure);
        }
    }

    let is_dropped = |slot: &Slot| {
        let name = slot.recipient().to_string();
        arguments.drop.iter().any(|id| name == *id || name.split(' ').next_back() == Some(id))
    };
    let (dropped, mut slots): (Vec<_>, Vec<_>) = header.slots().slots().iter().cloned().partition(is_dropped);
    if !arguments.drop.is_empty() && dropped.is_empty() {
        return Err(Failure::Usage("--drop names nobody who holds a share of the bid".into()));
    }
    let mut added = Vec::new();
    for (number, recipient) in &wanted {
        let Some(share) = held.shares.iter().find(|share| share.number() == *number) else {
            return Err(held.why_missing(path).unwrap_or_else(|| Error::NotARecipient.into()));
        };
        slots.push(Slot::wrap(share, recipient, &mut SysRng).map_err(|error| defect(error, path))?);
        added.push(recipient.id().to_string());
    }
    let mut output = NewFile::create(out, replace, Access::Usual)?;
    bid.rewrap(slots, &mut output).map_err(|error| broken(error, path))?;
    output.sync()?;
    output.commit()?;
    let report = Report {
        file: path_text(path),
        out: path_text(out),
        added,
        dropped: dropped.iter().map(|slot| slot.recipient().to_string()).collect(),
    };
    context.output.result(&report, [out.display().to_string()])?;
    Ok(Outcome::Done)
}
