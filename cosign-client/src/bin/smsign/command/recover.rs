//! `smsign recover`

use std::sync::Arc;

use cosign_client::{Credentials, NewKeyInfo, Recovery, check_label, clock, files};
use cosign_core::Purpose;
use serde::Serialize;

use super::{exchange, keygen};
use crate::{
    args::{DEFAULT_DISTID, Recover},
    context::{Context, describe},
    output::{Failure, Outcome},
};

#[derive(Serialize)]
struct Shown {
    key_id: String,
    /// Of the key to be recovered.
    public_key: String,
    /// To which it is to be sealed.
    protection_key: String,
}

pub(crate) fn run(arguments: &Recover, context: &Context) -> Result<Outcome, Failure> {
    check_label(&arguments.label).map_err(|what| Failure::Usage(what.into()))?;
    if let Some(path) = &arguments.exchange.request {
        files::check_free(path, false)?;
    }
    let store = context.store()?;
    store.check_label_free(&arguments.label, Purpose::Encrypt)?;
    let (server, trust) = context.server(&store, &arguments.server)?;
    let device = store.device_or_new()?;
    let device_id = device.identity.id();
    let credentials = Arc::new(Credentials { pin: context.pins.new_pin()?, device: device.secret });
    let client = context.client(server.clone(), trust.clone(), Some(device.identity));

    let key = context.run(async {
        let recovery = client.recovery(arguments.key_id).await?;
        show(&recovery, arguments, context)?;
        client.connection().close().await;
        let recovered =
            exchange::answer(&arguments.exchange, context, |answer| recovery.open(answer)).await?;
        let info = NewKeyInfo {
            label: &arguments.label,
            server: &server,
            trust: &trust,
            distid: DEFAULT_DISTID,
            created_ms: clock::now_ms(),
        };
        context.output.note(format_args!("splitting the key together with {server} ..."));
        client.import(&store, &recovery, recovered, credentials, info).await?;
        client.connection().close().await;
        Ok::<_, Failure>(store.key(arguments.key_id)?)
    })?;
    context.output.note(format_args!("key {} is ready", describe(&key)));
    keygen::report(context, device_id, vec![key])
}

fn show(recovery: &Recovery, arguments: &Recover, context: &Context) -> Result<(), Failure> {
    let shown = Shown {
        key_id: recovery.key_id().to_string(),
        public_key: recovery.public_key().to_spki_pem(),
        protection_key: recovery.protection_key().to_spki_pem(),
    };
    exchange::write_request(&arguments.exchange, &shown.protection_key)?;
    let first = "The key centre seals the recovered key (SM2EnvelopedKey) to this protection key:".to_owned();
    let lines = [first].into_iter().chain(shown.protection_key.lines().map(str::to_owned));
    context.output.request(&shown, lines);
    Ok(())
}
