//! Sealed bids: what their commands share.

mod check;
mod describe;
mod extract;
mod failures;
mod holders;
mod locks;
mod open;
mod rewrap;
mod salvage;
mod seal;
mod signature;

use std::{
    fs::File,
    path::{Path, PathBuf},
};

use cosign_client::{Error, SilentServer};
use envelope::{
    Sm2Recipient,
    bid::{BodyKey, Header, InvalidBid, Policy},
    io::bid::Bid,
};

pub(super) use self::describe::describe;
pub(crate) use self::{check::run as check, open::run as open, rewrap::run as rewrap, seal::run as seal};
use crate::{context::Context, output::Failure};

fn open_file(path: &Path) -> Result<File, Failure> {
    Ok(File::open(path).map_err(|error| Error::file(path, error))?)
}

fn read_bid(path: &Path) -> Result<Bid<File>, Failure> {
    Bid::open(open_file(path)?).map_err(|error| broken(error, path))
}

/// What is wrong with the bid at this path.
pub(super) fn broken(error: envelope::io::Error, path: &Path) -> Failure {
    match error {
        envelope::io::Error::Envelope(error) => defect(error, path),
        error => super::io_error(error, path),
    }
}

fn defect(error: envelope::Error, path: &Path) -> Failure {
    match error {
        envelope::Error::InvalidBid(
            InvalidBid::SignatureMissing | InvalidBid::SignatureUnexpected | InvalidBid::SignatureSigner,
        )
        | envelope::Error::InvalidSignature(_)
        | envelope::Error::InvalidMessage(_)
        | envelope::Error::InvalidCertificate(_) => {
            Error::BidSignature { path: path.to_owned(), what: error.to_string() }.into()
        }
        envelope::Error::InvalidBid(defect) => {
            let rest =
                if defect.chunk().is_some() { "; `open-bid --salvage` gets out what is whole" } else { "" };
            Error::BadFile { path: path.to_owned(), what: format!("{defect}{rest}") }.into()
        }
        envelope::Error::MoreShares(_) => {
            Error::BadFile { path: path.to_owned(), what: format!("{error}, and no key at hand has one") }
                .into()
        }
        error => Error::Envelope(error).into(),
    }
}

/// Nothing is known to be wrong with the bid at this path, but these servers would have been needed.
fn unanswered(path: &Path, servers: &[SilentServer]) -> Failure {
    Error::Unanswered { path: path.to_owned(), servers: servers.to_vec() }.into()
}

/// ROLE=WHOM, or WHOM where there is one role: the role's share, and who gets it.
fn holder(context: &Context, policy: &Policy, text: &str) -> Result<(u8, Sm2Recipient), Failure> {
    let role = text.split_once('=').and_then(|(role, whom)| Some((policy.share_of(role)?, whom)));
    let (share, whom) = match role {
        Some(found) => found,
        None if policy.roles().len() == 1 => (1, text),
        None => {
            let roles = policy.roles().join(", ");
            return Err(Failure::Usage(format!("{text:?} needs ROLE= before it, one of: {roles}")));
        }
    };
    Ok((share, super::encrypt::recipient(context, whom)?))
}

/// A bid that is about to be opened.
struct Locked {
    path: PathBuf,
    bid: Bid<File>,
}

/// The keys of bids. What needs a PIN or the server is done for all of them at once; a bid that does not open is no
/// failure of the others.
fn body_keys(
    context: &Context,
    holders: &crate::args::Holders,
    bids: &[(&Path, &Header)],
) -> Result<Vec<Result<BodyKey, Failure>>, Failure> {
    let mut outcomes = Vec::new();
    for ((path, header), held) in bids.iter().zip(holders::shares(context, holders, bids)?) {
        let missing = held.missing(header);
        outcomes.push(match missing {
            0 => Ok(held.shares),
            _ => Err(held
                .why_missing(path)
                .unwrap_or_else(|| defect(envelope::Error::MoreShares(missing), path))),
        });
    }
    // No lock is asked about that opens nothing.
    let ready = bids.iter().zip(&outcomes).filter(|(_, outcome)| outcome.is_ok()).map(|(bid, _)| *bid);
    let mut secrets = locks::release(context, &ready.collect::<Vec<_>>())?.into_iter();
    let keys = bids.iter().zip(outcomes).map(|((path, header), shares)| {
        let shares = shares?;
        let secret = secrets.next().transpose()?.flatten();
        BodyKey::derive(header.manifest(), &shares, secret.as_ref()).map_err(|error| defect(error, path))
    });
    Ok(keys.collect())
}
