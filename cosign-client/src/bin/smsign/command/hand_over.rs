//! `smsign move`, `smsign share`

use std::path::Path;

use cosign_client::{Error, Store, StoredKey, files, transfer};
use cosign_core::split::{Invitation, Kind};
use serde::Serialize;

use crate::{
    args::HandOver,
    context::{Context, credentials, describe, ensure_active, unlock},
    output::{Failure, Outcome},
    pin_entry::confirm,
};

/// No file with an invitation is longer.
const MAX_LEN: u64 = 4096;

#[derive(Serialize)]
struct Report {
    key_id: String,
    /// `move` or `share`.
    kind: &'static str,
    /// Of the share that is handed over.
    new_key_id: String,
    /// Of the device that gets it.
    device_id: String,
    share: String,
    pin_failures_before: u8,
}

pub(crate) fn run(arguments: &HandOver, kind: Kind, context: &Context) -> Result<Outcome, Failure> {
    let invitation = read(&arguments.to)?;
    let store = context.store()?;
    let key = find(&store, &invitation, arguments.key.as_deref())?;
    check(&invitation, arguments.check.as_deref(), kind, &key)?;
    let (client, device) = context.client_for(&store, &key)?;
    let credentials = credentials(context, &key, device)?;

    let (key_id, name) = (key.key_id().to_string(), describe(&key));
    let handover = context.run(async {
        ensure_active(&store, &client, &key).await?;
        let unlocked = unlock(context, &store, &client, key, credentials).await?;
        let handover = client.hand_over(&unlocked.key, &invitation, kind).await?;
        client.connection().close().await;
        Ok(handover)
    })?;
    context.output.pin_failures(handover.failures);
    let share = transfer::share_text(&handover.sealed);
    let report = Report {
        kind: kind.as_str(),
        new_key_id: invitation.key_id().to_string(),
        device_id: invitation.device().to_string(),
        share: share.clone(),
        pin_failures_before: handover.failures,
        key_id,
    };
    context.output.result(&report, [share])?;
    match kind {
        Kind::Move => context.output.note(format_args!(
            "key {name} works here until the other device has it; once that one reports success, this device's record is of no use: `smsign forget {}`",
            report.key_id
        )),
        Kind::Share => context.output.note(format_args!(
            "give this to the other device; its share has the id {}, under which the operator can withdraw it",
            report.new_key_id
        )),
    }
    Ok(Outcome::Done)
}

fn read(to: &str) -> Result<Invitation, Error> {
    let Some(path) = to.strip_prefix('@') else { return transfer::parse_invitation(to) };
    transfer::parse_invitation(&String::from_utf8_lossy(&files::read_small(Path::new(path), MAX_LEN)?))
}

/// The key that the invitation asks for.
fn find(store: &Store, invitation: &Invitation, wanted: Option<&str>) -> Result<StoredKey, Failure> {
    let key = store.key(invitation.of())?;
    if let Some(wanted) = wanted
        && store.find(Some(wanted), Some(key.purpose()))?.key_id() != key.key_id()
    {
        return Err(Failure::Usage(format!("the invitation asks for another key: {}", describe(&key))));
    }
    Ok(key)
}

/// The invitation must be that of the right device, which the two check codes tell.
fn check(invitation: &Invitation, given: Option<&str>, kind: Kind, key: &StoredKey) -> Result<(), Failure> {
    let code = invitation.check_code();
    if let Some(given) = given {
        let is_same = given.trim().eq_ignore_ascii_case(&code);
        let other =
            "the check code is not that of the invitation: do not hand over, somebody may have exchanged it";
        return if is_same { Ok(()) } else { Err(Failure::Usage(other.into())) };
    }
    let question = format!(
        "Hand over key {} ({}) to device {}?\nThat device must show the check code {code}.",
        describe(key),
        kind.as_str(),
        invitation.device()
    );
    match confirm(&question) {
        Some(true) => Ok(()),
        Some(false) => Err(Error::Interrupted.into()),
        None => Err(Failure::Usage(
            "there is no terminal to ask; give the check code that the other device shows with --check"
                .into(),
        )),
    }
}
