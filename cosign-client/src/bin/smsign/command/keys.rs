//! `smsign keys list`, `keys show`, `keys freeze`

use cosign_client::{Error, StoredKey, api::KeyStatus};
use cosign_core::LocalRecord;
use serde::Serialize;

use crate::{
    args::{Freeze, Show},
    context::{Context, describe},
    output::{Failure, Outcome},
    pin_entry::confirm,
};

#[derive(Serialize)]
struct List {
    keys: Vec<Entry>,
}

#[derive(Serialize)]
struct Entry {
    key_id: String,
    suite: &'static str,
    pin_mode: &'static str,
    purpose: &'static str,
    label: String,
    server: String,
    active: bool,
    /// Whether it came from elsewhere and the server has not confirmed that this device has it now.
    arriving: bool,
    /// Of the local share.
    epoch: u32,
    /// Of the share that a PIN change or refresh made, while the server has not confirmed it.
    #[serde(skip_serializing_if = "Option::is_none")]
    unconfirmed_epoch: Option<u32>,
    created_ms: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    renewed_ms: Option<u64>,
    distid: String,
    public_key: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    server_view: Option<KeyStatus>,
}

impl Entry {
    fn new(key: StoredKey, server_view: Option<KeyStatus>) -> Self {
        let (epoch, unconfirmed_epoch) = (key.record().epoch(), key.next().map(LocalRecord::epoch));
        let (suite, pin_mode) = (key.record().suite().as_str(), key.record().pin_mode().as_str());
        let arriving = key.is_arriving();
        let info = key.info;
        Self {
            arriving,
            epoch,
            unconfirmed_epoch,
            renewed_ms: info.renewed_ms,
            key_id: info.key_id,
            suite,
            pin_mode,
            purpose: info.purpose.as_str(),
            label: info.label,
            server: info.server.to_string(),
            active: info.active,
            created_ms: info.created_ms,
            distid: info.distid,
            public_key: info.public_key,
            server_view,
        }
    }
}

pub(crate) fn list(context: &Context) -> Result<Outcome, Failure> {
    let keys: Vec<Entry> = context.store()?.keys()?.into_iter().map(|key| Entry::new(key, None)).collect();
    let lines: Vec<String> = keys
        .iter()
        .map(|key| {
            let state = match (key.active, key.unconfirmed_epoch) {
                (false, _) if key.arriving => "  (has not arrived)",
                (false, _) => "  (not active)",
                (true, Some(_)) => "  (a PIN change or refresh is not confirmed)",
                (true, None) => "",
            };
            format!(
                "{}  {:7}  {:2}  {}  {}{state}",
                key.key_id, key.purpose, key.suite, key.server, key.label
            )
        })
        .collect();
    if keys.is_empty() {
        context.output.note("there is no key yet; `smsign keygen` makes one");
    }
    context.output.result(&List { keys }, lines)?;
    Ok(Outcome::Done)
}

pub(crate) fn show(arguments: &Show, context: &Context) -> Result<Outcome, Failure> {
    let store = context.store()?;
    let mut key = store.find(arguments.key.as_deref(), arguments.purpose.map(Into::into))?;
    if arguments.pem {
        context.output.raw(&key.info.public_key)?;
        return Ok(Outcome::Done);
    }
    let status = if arguments.offline {
        None
    } else {
        let (client, _) = context.client_for(&store, &key)?;
        Some(context.run(async {
            let status = client.key(key.key_id()).await;
            client.connection().close().await;
            Ok(status?)
        })?)
    };
    if let Some(status) = &status
        && !key.info.active
        && key.is_confirmed_by(status)
    {
        store.set_active(key.key_id())?;
        key.info.active = true;
    }
    let lines = lines(&key, status.as_ref());
    context.output.result(&Entry::new(key, status), lines)?;
    Ok(Outcome::Done)
}

pub(crate) fn freeze(arguments: &Freeze, context: &Context) -> Result<Outcome, Failure> {
    let store = context.store()?;
    let key = store.find(Some(&arguments.key), arguments.purpose.map(Into::into))?;
    if !arguments.yes {
        let question = format!("Freeze key {}? Only the operator can undo this.", describe(&key));
        match confirm(&question) {
            Some(true) => {}
            Some(false) => return Err(Error::Interrupted.into()),
            None => return Err(Failure::Usage("there is no terminal to ask; use --yes".into())),
        }
    }
    let (client, _) = context.client_for(&store, &key)?;
    let status = context.run(async {
        let status = client.freeze(key.key_id()).await;
        client.connection().close().await;
        Ok(status?)
    })?;
    let line = format!("key {} is {} now", describe(&key), status.status);
    context.output.result(&Entry::new(key, Some(status)), [line])?;
    Ok(Outcome::Done)
}

fn lines(key: &StoredKey, status: Option<&KeyStatus>) -> Vec<String> {
    let mut lines = vec![
        format!("key id      {}", key.info.key_id),
        format!("label       {}", key.info.label),
        format!("purpose     {}", key.info.purpose.as_str()),
        format!("suite       {}", key.record().suite().as_str()),
        format!("PIN mode    {}", key.record().pin_mode().as_str()),
        format!("server      {}", key.info.server),
        format!("epoch       {}", key.record().epoch()),
    ];
    if let Some(next) = key.next() {
        lines.push(format!(
            "NOT CONFIRMED: a PIN change or refresh, to epoch {}; `smsign refresh {}` completes it",
            next.epoch(),
            key.info.key_id
        ));
    }
    if key.is_arriving() {
        lines.push(format!("HAS NOT ARRIVED: `smsign refresh {}` completes it", key.info.key_id));
    }
    match status {
        None => lines.push(format!("active      {}", if key.info.active { "yes" } else { "not confirmed" })),
        Some(status) => {
            lines.push(format!("state       {}", status.status));
            if status.pin.refresh_required {
                lines.push(format!("WAITS for `smsign pin change {}`", key.info.key_id));
            }
            let pin = status.pin;
            let gate = match (pin.locked, pin.retry_s) {
                (true, _) => ", locked".to_owned(),
                (false, 0) => String::new(),
                (false, wait) => format!(", next attempt in {wait} s"),
            };
            lines.push(format!(
                "wrong PINs  {} since the last success, {} in all{gate}",
                pin.failures, pin.total
            ));
            if key.info.purpose == cosign_client::api::KeyPurpose::Encrypt {
                lines.push(format!("decryptions {}", status.decrypts));
            }
        }
    }
    lines.extend(key.info.public_key.lines().map(str::to_owned));
    lines
}
