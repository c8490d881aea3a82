//! `smsign receive`

use std::sync::Arc;

use cosign_client::{Credentials, NewKeyInfo, ShareRequest, check_label, clock, files, transfer};
use serde::Serialize;
use sm_primitives::sm2::DistId;

use super::{exchange, keygen};
use crate::{
    args::Receive,
    context::{Context, describe},
    output::{Failure, Outcome},
};

#[derive(Serialize)]
struct Shown {
    key_id: String,
    device_id: String,
    invitation: String,
    check_code: String,
}

pub(crate) fn run(arguments: &Receive, context: &Context) -> Result<Outcome, Failure> {
    check_label(&arguments.label).map_err(|what| Failure::Usage(what.into()))?;
    if DistId::new(arguments.distid.as_bytes()).is_err() {
        return Err(Failure::Usage("the distinguishing id is too long".into()));
    }
    if let Some(path) = &arguments.exchange.request {
        files::check_free(path, false)?;
    }
    let store = context.store()?;
    let (server, trust) = context.server(&store, &arguments.server)?;
    let device = store.device_or_new()?;
    let device_id = device.identity.id();
    let credentials = Arc::new(Credentials { pin: context.pins.new_pin()?, device: device.secret });
    let client = context.client(server.clone(), trust.clone(), Some(device.identity));

    let key = context.run(async {
        keygen::enrol(&client, &arguments.enrolment, context).await?;
        let request = client.request_share(arguments.of, &arguments.label, device_id).await?;
        store.check_label_free(&arguments.label, request.purpose())?;
        show(&request, arguments, context)?;
        client.connection().close().await;
        let open = |answer: &[u8]| request.open(&String::from_utf8_lossy(answer));
        let travelled = exchange::answer(&arguments.exchange, context, open).await?;
        let info = NewKeyInfo {
            label: &arguments.label,
            server: &server,
            trust: &trust,
            distid: &arguments.distid,
            created_ms: clock::now_ms(),
        };
        context.output.note(format_args!("making the key this device's own, together with {server} ..."));
        client.take_over(&store, travelled, credentials, info).await?;
        client.connection().close().await;
        Ok::<_, Failure>(store.key(request.invitation().key_id())?)
    })?;
    context.output.note(format_args!("key {} is ready", describe(&key)));
    keygen::report(context, device_id, vec![key])
}

fn show(request: &ShareRequest, arguments: &Receive, context: &Context) -> Result<(), Failure> {
    let invitation = request.invitation();
    let shown = Shown {
        key_id: invitation.key_id().to_string(),
        device_id: invitation.device().to_string(),
        invitation: transfer::invitation_text(invitation),
        check_code: invitation.check_code(),
    };
    exchange::write_request(&arguments.exchange, &format!("{}\n", shown.invitation))?;
    let lines = [
        "On the device that has the key, run `smsign move` or `smsign share` with --to and this invitation:"
            .into(),
        shown.invitation.clone(),
        format!("It shows this check code, too, if nobody exchanged the invitation: {}", shown.check_code),
    ];
    context.output.request(&shown, lines);
    Ok(())
}
