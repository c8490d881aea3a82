//! `smsign api`: a signed request, as a trading platform makes it.

use bytes::Bytes;
use cosign_client::{Error, files};
use cosign_core::Purpose;

use crate::{
    args::{Api, MethodArg},
    context::Context,
    keyfile,
    output::{Failure, Outcome},
};

/// No body is longer.
const MAX_BODY: u64 = 16 * 1024;

pub(crate) fn run(arguments: &Api, context: &Context) -> Result<Outcome, Failure> {
    let body = match (arguments.method, &arguments.body, &arguments.body_file) {
        (MethodArg::Get, None, None) => None,
        (MethodArg::Get, ..) => return Err(Failure::Usage("a GET has no body".into())),
        (MethodArg::Post, Some(text), _) => Some(Bytes::from(text.clone())),
        (MethodArg::Post, None, Some(path)) => Some(Bytes::from(files::read_small(path, MAX_BODY)?)),
        (MethodArg::Post, None, None) => Some(Bytes::from_static(b"{}")),
    };
    let plain = arguments.target.bytes().all(|byte| byte.is_ascii_graphic());
    if !arguments.target.starts_with('/') || !plain {
        return Err(Failure::Usage("a PATH begins with / and is percent-encoded: /v1/client".into()));
    }
    let key = keyfile::private_key(&arguments.client_key, Purpose::Sign, &context.passwords)?;
    let (server, trust) = (arguments.server.clone(), cosign_client::Trust::from_file(&arguments.ca)?);
    let client = context.client(server, trust, None);
    let answer = context.run(async {
        let answer =
            client.connection().call_signed(&arguments.target, body, &arguments.client_id, &key).await;
        client.connection().close().await;
        Ok(answer?)
    })?;
    let text = serde_json::to_string_pretty(&answer).map_err(|_| Error::Internal("JSON has no text"))?;
    context.output.result(&answer, text.lines().map(str::to_owned).collect::<Vec<_>>())?;
    Ok(Outcome::Done)
}
