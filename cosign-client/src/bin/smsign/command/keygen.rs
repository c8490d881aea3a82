//! `smsign keygen`

use std::sync::Arc;

use cosign_client::{
    Client, Credentials, Error, KeygenRequest, NewKeyInfo, Step, Store, StoredKey, check_label, clock,
};
use cosign_core::{DeviceId, KeyId, Purpose};
use serde::Serialize;
use sm_primitives::sm2::DistId;

use crate::{
    args::{Enrolment, Keygen, PurposeArg},
    context::{Context, describe},
    output::{Failure, Outcome},
};

#[derive(Serialize)]
struct Report {
    device_id: String,
    keys: Vec<NewKey>,
}

#[derive(Serialize)]
struct NewKey {
    key_id: String,
    suite: &'static str,
    pin_mode: &'static str,
    purpose: &'static str,
    label: String,
    server: String,
    public_key: String,
}

pub(crate) fn run(arguments: &Keygen, context: &Context) -> Result<Outcome, Failure> {
    check_label(&arguments.label).map_err(|what| Failure::Usage(what.into()))?;
    if DistId::new(arguments.distid.as_bytes()).is_err() {
        return Err(Failure::Usage("the distinguishing id is too long".into()));
    }
    let purposes: &[Purpose] = match arguments.purpose {
        PurposeArg::Sign => &[Purpose::Sign],
        PurposeArg::Encrypt => &[Purpose::Encrypt],
        PurposeArg::Both => &[Purpose::Sign, Purpose::Encrypt],
    };
    let store = context.store()?;
    for purpose in purposes {
        store.check_label_free(&arguments.label, *purpose)?;
    }
    let (server, trust) = context.server(&store, &arguments.server)?;
    let device = store.device_or_new()?;
    let device_id = device.identity.id();
    let credentials = Arc::new(Credentials { pin: context.pins.new_pin()?, device: device.secret });
    let client = context.client(server.clone(), trust.clone(), Some(device.identity));

    let keys = context.run(async {
        enrol(&client, &arguments.enrolment, context).await?;
        let mut keys = Vec::new();
        for &purpose in purposes {
            let kind = match purpose {
                Purpose::Sign => "a signing key",
                Purpose::Encrypt => "a decryption key",
            };
            context.output.note(format_args!("making {kind} together with {server} ..."));
            let info = NewKeyInfo {
                label: &arguments.label,
                server: &server,
                trust: &trust,
                distid: &arguments.distid,
                created_ms: clock::now_ms(),
            };
            let request = KeygenRequest {
                suite: arguments.suite.into(),
                purpose,
                pin_mode: arguments.pin_mode.into(),
                label: arguments.label.clone(),
            };
            let key_id = make(&client, &store, info, request, Arc::clone(&credentials)).await?;
            let key = store.find(Some(&key_id.to_string()), Some(purpose))?;
            context.output.note(format_args!("key {} is ready", describe(&key)));
            keys.push(key);
        }
        client.connection().close().await;
        Ok(keys)
    })?;

    report(context, device_id, keys)
}

/// Makes this device known, if a code was given.
pub(super) async fn enrol(client: &Client, arguments: &Enrolment, context: &Context) -> Result<(), Failure> {
    if let Some(code) = &arguments.enrol_code {
        client.enrol(code, &arguments.device_name).await?;
        let server = client.connection().server();
        context.output.note(format_args!("this device is enrolled at {server}"));
    }
    Ok(())
}

async fn make(
    client: &Client,
    store: &Store,
    info: NewKeyInfo<'_>,
    request: KeygenRequest,
    credentials: Arc<Credentials>,
) -> Result<KeyId, Error> {
    let store = store.clone();
    let (label, server, trust, distid) =
        (info.label.to_owned(), info.server.clone(), info.trust.clone(), info.distid.to_owned());
    let created_ms = info.created_ms;
    client
        .keygen(request, credentials, move |step| match step {
            Step::Generated(record) => {
                let info =
                    NewKeyInfo { label: &label, server: &server, trust: &trust, distid: &distid, created_ms };
                store.insert(&StoredKey::new(*record, info))
            }
            Step::Active(key_id) => store.set_active(key_id),
            Step::Discarded(key_id) => store.remove(key_id),
        })
        .await
}

/// The result: keys that this device has now.
pub(super) fn report(context: &Context, device: DeviceId, keys: Vec<StoredKey>) -> Result<Outcome, Failure> {
    let lines: Vec<String> = keys
        .iter()
        .map(|key| format!("{}  {:7}  {}", key.info.key_id, key.info.purpose.as_str(), key.info.label))
        .collect();
    let keys = keys.into_iter().map(entry).collect();
    context.output.result(&Report { device_id: device.to_string(), keys }, lines)?;
    Ok(Outcome::Done)
}

fn entry(key: StoredKey) -> NewKey {
    NewKey {
        suite: key.record().suite().as_str(),
        pin_mode: key.record().pin_mode().as_str(),
        purpose: key.info.purpose.as_str(),
        key_id: key.info.key_id,
        label: key.info.label,
        server: key.info.server.to_string(),
        public_key: key.info.public_key,
    }
}
