//! `smsign forget`

use cosign_client::Error;
use serde::Serialize;

use crate::{
    args::Forget,
    context::{Context, describe},
    output::{Failure, Outcome},
};

#[derive(Serialize)]
struct Report {
    key_id: String,
    purpose: &'static str,
    label: String,
}

pub(crate) fn run(arguments: &Forget, context: &Context) -> Result<Outcome, Failure> {
    let store = context.store()?;
    let key = store.find(Some(&arguments.key), arguments.purpose.map(Into::into))?;
    let key_id = key.key_id();
    if !arguments.force {
        let (client, _) = context.client_for(&store, &key)?;
        let view = context.run(async {
            let view = client.key(key_id).await;
            client.connection().close().await;
            Ok(view)
        })?;
        match view {
            Ok(view) if view.status == "revoked" => {}
            Ok(view) => return Err(Error::StillServed { key_id, status: view.status }.into()),
            Err(Error::Api(problem)) if problem.code == "not_found" => {}
            Err(error) => return Err(error.into()),
        }
    }
    store.remove(key_id)?;
    let line = format!("the record of key {} is removed", describe(&key));
    let report =
        Report { purpose: key.info.purpose.as_str(), key_id: key.info.key_id, label: key.info.label };
    context.output.result(&report, [line])?;
    Ok(Outcome::Done)
}
