//! `smsign pin change`, `smsign refresh`

use std::{path::Path, sync::Arc};

use cosign_client::{Credentials, Error, Renewed, Store, StoredKey};
use cosign_core::Pin;
use serde::Serialize;

use crate::{
    args::{PinChange, Refresh, Whose},
    context::{Context, credentials, describe, device, ensure_active},
    output::{Failure, Outcome},
};

#[derive(Serialize)]
struct Report {
    keys: Vec<Entry>,
}

#[derive(Serialize)]
struct Entry {
    key_id: String,
    purpose: &'static str,
    label: String,
    epoch: u32,
    pin_failures_before: u8,
}

pub(crate) fn change_pin(arguments: &PinChange, context: &Context) -> Result<Outcome, Failure> {
    let store = context.store()?;
    let keys = find(&store, &arguments.whose)?;
    let file = arguments.new_pin_file.as_deref();
    let pins = Pins::new(context, &store, &keys, Some(file));
    renew(context, &store, keys, pins, "the PIN of key")
}

pub(crate) fn run(arguments: &Refresh, context: &Context) -> Result<Outcome, Failure> {
    let store = context.store()?;
    let mut keys = find(&store, &arguments.whose)?;
    if keys.iter().any(is_cut_off) {
        // The other keys may have another PIN.
        keys.retain(is_cut_off);
    }
    let pins = Pins::new(context, &store, &keys, None);
    renew(context, &store, keys, pins, "key")
}

fn is_cut_off(key: &StoredKey) -> bool {
    key.next().is_some() || key.is_arriving()
}

fn find(store: &Store, whose: &Whose) -> Result<Vec<StoredKey>, Failure> {
    Ok(store.find_labelled(whose.key.as_deref(), whose.purpose.map(Into::into))?)
}

/// One key after the other; the first failure ends it.
fn renew(
    context: &Context,
    store: &Store,
    keys: Vec<StoredKey>,
    mut pins: Pins<'_>,
    what: &str,
) -> Result<Outcome, Failure> {
    let mut entries = Vec::new();
    let mut lines = Vec::new();
    for key in keys {
        let name = describe(&key);
        let renewed = match renew_one(context, store, &key, &mut pins) {
            Ok(renewed) => renewed,
            Err(failure) => {
                for line in &lines {
                    context.output.warn(line);
                }
                return Err(failure);
            }
        };
        context.output.pin_failures(renewed.failures);
        lines.push(format!("{what} {name} is renewed; its shares are of epoch {} now", renewed.epoch));
        entries.push(Entry {
            key_id: key.info.key_id,
            purpose: key.info.purpose.as_str(),
            label: key.info.label,
            epoch: renewed.epoch,
            pin_failures_before: renewed.failures,
        });
    }
    context.output.result(&Report { keys: entries }, lines)?;
    Ok(Outcome::Done)
}

/// What was cut off is completed, and that is all. A PIN change of which nothing came is made anew.
fn renew_one(
    context: &Context,
    store: &Store,
    key: &StoredKey,
    pins: &mut Pins<'_>,
) -> Result<Renewed, Failure> {
    let (client, device) = context.client_for(store, key)?;
    let key_id = key.key_id();
    if is_cut_off(key) {
        let new = match (key.is_arriving(), pins.is_change()) {
            (false, _) => pins.unconfirmed()?,
            (true, false) => credentials(context, key, device)?,
            // Its PIN changes after that.
            (true, true) => return Err(Error::ArrivalUnconfirmed { key_id, cause: None }.into()),
        };
        let completed = context.run(async {
            let completed = client.complete_refresh(store, key_id, new).await;
            client.connection().close().await;
            Ok(completed?)
        });
        match completed {
            Err(Failure::Client(error @ Error::RefreshUndone(_))) if pins.is_change() => {
                context.output.note(error);
            }
            completed => return completed,
        }
    }
    let [old, new] = pins.old_and_new()?;
    context.run(async {
        ensure_active(store, &client, key).await?;
        let renewed = client.change_pin(store, key_id, old, new).await;
        client.connection().close().await;
        Ok(renewed?)
    })
}

/// The PINs of one command, each asked for when a key first needs it.
struct Pins<'a> {
    context: &'a Context,
    store: &'a Store,
    names: String,
    /// The file for a new PIN, if there is to be a new one.
    change: Option<Option<&'a Path>>,
    unconfirmed: Option<Arc<Credentials>>,
    both: Option<[Arc<Credentials>; 2]>,
}

impl<'a> Pins<'a> {
    fn new(
        context: &'a Context,
        store: &'a Store,
        keys: &[StoredKey],
        change: Option<Option<&'a Path>>,
    ) -> Self {
        let names = keys.iter().map(describe).collect::<Vec<_>>().join(" and ");
        Self { context, store, names, change, unconfirmed: None, both: None }
    }

    const fn is_change(&self) -> bool {
        self.change.is_some()
    }

    /// The PIN that a key was to have when its refresh was cut off.
    fn unconfirmed(&mut self) -> Result<Arc<Credentials>, Failure> {
        if let Some(known) = &self.unconfirmed {
            return Ok(Arc::clone(known));
        }
        let pins = &self.context.pins;
        let pin = match self.change {
            Some(file) => pins.unconfirmed_again(&self.names, file)?,
            None => pins.unconfirmed(&self.names)?,
        };
        let credentials = self.credentials(pin)?;
        Ok(Arc::clone(self.unconfirmed.insert(credentials)))
    }

    /// The PINs before and after.
    fn old_and_new(&mut self) -> Result<[Arc<Credentials>; 2], Failure> {
        if let Some(known) = &self.both {
            return Ok(known.clone());
        }
        let pins = &self.context.pins;
        let old = self.credentials(pins.existing(&self.names)?)?;
        let new = match self.change {
            Some(file) => self.credentials(pins.changed_pin(file)?)?,
            None => Arc::clone(&old),
        };
        Ok(self.both.insert([old, new]).clone())
    }

    fn credentials(&self, pin: Pin) -> Result<Arc<Credentials>, Failure> {
        Ok(Arc::new(Credentials { pin, device: device(self.store)?.secret }))
    }
}
