//! `smsign account`: what users of the service do.

use std::{path::Path, sync::Arc};

use bytes::Bytes;
use cosign_client::{Body, Client, Error, Login, ServerAddress, Store, files};
use serde_json::{Value, json};
use zeroize::Zeroizing;

use crate::{
    args::{self, Account, AccountAct},
    context::Context,
    output::{Failure, Outcome},
};

/// No JSON that is sent is longer.
const MAX_JSON: u64 = 16 * 1024;
/// No file that is handed in is longer.
const MAX_FILE: u64 = 4 << 20;

pub(crate) fn run(arguments: Account, context: &Context) -> Result<Outcome, Failure> {
    let Account { server, act } = arguments;
    let store = context.store()?;
    let (server, trust) = context.server(&store, &server)?;
    let device = store.device()?.map(|device| Arc::clone(&device.identity));
    let client = context.client(server.clone(), trust, device);
    let answer = context.run(async {
        let answer = done(act, &store, &server, &client, context).await;
        client.connection().close().await;
        answer
    })?;
    let text = serde_json::to_string_pretty(&answer).map_err(|_| Error::Internal("JSON has no text"))?;
    let lines = if answer.is_null() { Vec::new() } else { text.lines().map(str::to_owned).collect() };
    context.output.result(&answer, lines)?;
    Ok(Outcome::Done)
}

async fn done(
    act: AccountAct,
    store: &Store,
    server: &ServerAddress,
    client: &Client,
    context: &Context,
) -> Result<Value, Failure> {
    let kept = store.login()?.filter(|login| login.server == *server);
    let (token, terminal) = kept.map_or((None, None), |login| (login.token, login.terminal));
    let anybody = async |target: &str, body: &Value| {
        let body = Body::Json(Bytes::from(body.to_string()));
        Ok::<_, Failure>(client.connection().call_as(target, body, None).await?)
    };
    let user = async |target: &str, body: Body| {
        let token = token.as_ref();
        let token =
            token.ok_or_else(|| Failure::Usage("nobody is logged in; use `smsign account login`".into()))?;
        Ok::<_, Failure>(client.connection().call_as(plain(target)?, body, Some(token)).await?)
    };
    match act {
        AccountAct::Code { phone, purpose } => {
            anybody("/v1/sms-codes", &json!({ "phone": phone, "purpose": purpose.as_str() })).await
        }
        AccountAct::Login(login) => {
            let body = credential(login, terminal.as_ref().map(|terminal| &***terminal), context)?;
            let mut answer = anybody("/v1/sessions", &body).await?;
            // Kept for the user, and shown to nobody.
            let mut secret = |name: &str| match answer.as_object_mut()?.remove(name)? {
                Value::String(text) => Some(Zeroizing::new(text)),
                _ => None,
            };
            let token = Some(secret("token").ok_or(Error::BadAnswer("a login without a token"))?);
            let terminal = secret("terminal_token").or(terminal);
            store.set_login(&Login { server: server.clone(), token, terminal })?;
            Ok(answer)
        }
        AccountAct::Logout => {
            let answer = user("/v1/session/end", Body::Json(Bytes::from_static(b"{}"))).await;
            store.set_login(&Login { server: server.clone(), token: None, terminal })?;
            answer
        }
        AccountAct::Get { target } => user(&target, Body::None).await,
        AccountAct::Post { target, body, body_file } => {
            user(&target, Body::Json(json_of(body, body_file.as_deref())?)).await
        }
        AccountAct::Attach { file } => {
            let bytes = files::read_small(&file, MAX_FILE)?;
            user("/v1/attachments", Body::File(Bytes::from(bytes))).await
        }
    }
}

fn credential(login: args::Login, terminal: Option<&str>, context: &Context) -> Result<Value, Failure> {
    let args::Login { code_id, code, phone, with_password, agree, name } = login;
    let needs_password = with_password || phone.is_some();
    let password = needs_password.then(|| context.passwords.of_login()).transpose()?;
    let mut body = json!({ "device": name });
    if let Some(terminal) = terminal {
        body["terminal_token"] = terminal.into();
    }
    let given = [("code_id", code_id), ("code", code), ("phone", phone), ("agreement", agree)];
    let password = password.map(|password| password.to_string());
    for (member, value) in given.into_iter().chain([("password", password)]) {
        if let Some(value) = value {
            body[member] = value.into();
        }
    }
    Ok(body)
}

fn json_of(text: Option<String>, file: Option<&Path>) -> Result<Bytes, Failure> {
    Ok(match (text, file) {
        (Some(text), _) => Bytes::from(text),
        (None, Some(file)) => Bytes::from(files::read_small(file, MAX_JSON)?),
        (None, None) => Bytes::from_static(b"{}"),
    })
}

fn plain(target: &str) -> Result<&str, Failure> {
    if target.starts_with("/v1/") && target.bytes().all(|byte| byte.is_ascii_graphic()) {
        Ok(target)
    } else {
        Err(Failure::Usage("a PATH begins with /v1/ and is percent-encoded: /v1/account".into()))
    }
}
