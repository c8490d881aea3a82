//! `smsign operator`: what administrators and reviewers do.

use std::sync::Arc;

use cosign_client::{Error, OperatorCall, ProposedAct, files};
use cosign_core::{PinMode, Suite};
use serde_json::{Value, json};

use super::keygen;
use crate::{
    args::{Operator, OperatorAct, Propose, ProposeAct},
    context::Context,
    output::{Failure, Outcome, printable},
};

/// No PEM of a public key is longer.
const MAX_KEY_FILE: u64 = 4096;

pub(crate) fn run(arguments: Operator, context: &Context) -> Result<Outcome, Failure> {
    let Operator { server, act } = arguments;
    let store = context.store()?;
    let (server, trust) = context.server(&store, &server)?;
    if let OperatorAct::Enrol(enrolment) = &act {
        let device = store.device_or_new()?;
        let id = device.identity.id().to_string();
        let client = context.client(server, trust, Some(Arc::clone(&device.identity)));
        context.run(async {
            keygen::enrol(&client, enrolment, context).await?;
            let known = client.device().await;
            client.connection().close().await;
            Ok(known?)
        })?;
        context.output.result(&json!({ "device_id": id }), [id.clone()])?;
        context
            .output
            .note("next, at the server: `cosign-server operator grant --device ID --name NAME --role ROLE`");
        return Ok(Outcome::Done);
    }
    let device = store.device()?.map(|device| Arc::clone(&device.identity));
    let client = context.client(server, trust, device);
    let call = call(act)?;
    let answer = context.run(async {
        let answer = client.operator(&call).await;
        client.connection().close().await;
        Ok(answer?)
    })?;
    let items = ["keys", "proposals", "requests"].iter().find_map(|name| answer[*name].as_array());
    let lines: Vec<String> = match items {
        Some(items) => items.iter().map(line).collect(),
        None => vec![line(&answer)],
    };
    context.output.result(&answer, lines)?;
    if let Some(next) = answer["next"].as_str() {
        context.output.note(format_args!("there is more: --after {}", printable(next)));
    }
    Ok(Outcome::Done)
}

fn call(act: OperatorAct) -> Result<OperatorCall, Failure> {
    Ok(match act {
        OperatorAct::Enrol(_) | OperatorAct::Whoami => OperatorCall::Own,
        OperatorAct::Keys { status, device, after } => {
            OperatorCall::Keys { status: status.map(|status| status.as_str()), device, after }
        }
        OperatorAct::Freeze(one) => {
            OperatorCall::Freeze { key_id: one.key.key_id, all_shares: one.all_shares }
        }
        OperatorAct::EnrolCode(code) => {
            OperatorCall::EnrolmentCode { uses: code.uses, ttl_s: code.hours * 3600 }
        }
        OperatorAct::Propose(Propose { what, reason }) => {
            if reason.trim().is_empty() {
                return Err(Failure::Usage("a proposal has a --reason, for the one who decides".into()));
            }
            OperatorCall::Propose(proposed(what)?, reason)
        }
        OperatorAct::Proposals { state, after } => {
            OperatorCall::Proposals { state: state.map(|state| state.as_str()), after }
        }
        OperatorAct::Approve(one) => OperatorCall::Approve(one.proposal),
        OperatorAct::Reject(one) => OperatorCall::Reject(one.proposal),
        OperatorAct::Withdraw(one) => OperatorCall::Withdraw(one.proposal),
        OperatorAct::Requests { state, after } => {
            OperatorCall::Requests { state: state.map(|state| state.as_str()), after }
        }
        OperatorAct::Review { request, pass, opinion, .. } => {
            OperatorCall::Review { request, passed: pass, opinion }
        }
    })
}

fn proposed(what: ProposeAct) -> Result<ProposedAct, Failure> {
    Ok(match what {
        ProposeAct::Unfreeze(key) => ProposedAct::Unfreeze(key.key_id),
        ProposeAct::Unlock(key) => ProposedAct::Unlock(key.key_id),
        ProposeAct::Revoke(one) => ProposedAct::Revoke { key_id: one.key.key_id, all_shares: one.all_shares },
        ProposeAct::Seats { key, count } => ProposedAct::Seats { key_id: key.key_id, seats: count },
        ProposeAct::Recover { public_key: file, device, suite, pin_mode, label } => {
            let pem = String::from_utf8(files::read_small(&file, MAX_KEY_FILE)?);
            let public_key = pem.map_err(|_| Error::BadFile { path: file, what: "not PEM".into() })?;
            let (suite, pin_mode) = (Suite::from(suite).as_str(), PinMode::from(pin_mode).as_str());
            ProposedAct::Recover { public_key, device, suite, pin_mode, label }
        }
        ProposeAct::EnrolCode(code) => {
            ProposedAct::EnrolmentCode { uses: code.uses, ttl_s: code.hours * 3600 }
        }
    })
}

/// The name of a thing first, then what is said of it, as far as it is said.
fn line(one: &Value) -> String {
    const PARTS: [&[&str]; 11] = [
        &["enrolment_code"],
        &["proposal"],
        &["request"],
        &["act"],
        &["key_id"],
        &["operator_id"],
        &["state"],
        &["status"],
        &["kind"],
        &["proposed_by", "name"],
        &["reason"],
    ];
    let parts = PARTS.iter().filter_map(|path| {
        let value = path.iter().fold(one, |value, name| &value[*name]);
        value.as_str().map(printable)
    });
    let more = ["name", "label", "purpose"].iter().filter_map(|name| one[*name].as_str().map(printable));
    let roles = one["roles"].as_array().into_iter().flatten().filter_map(|role| role.as_str().map(printable));
    parts.chain(more).chain(roles).collect::<Vec<_>>().join("  ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_says_what_there_is_and_nothing_that_moves_the_cursor() {
        let proposal = json!({
            "proposal": "00", "act": "unlock", "key_id": "11", "state": "open",
            "proposed_by": { "operator_id": "22", "name": "Ada\u{1b}[2J" }, "reason": "seen"
        });
        assert_eq!(line(&proposal), "00  unlock  11  open  Ada\\u{1b}[2J  seen");
        let own = json!({ "operator_id": "22", "name": "Ada", "roles": ["administrator", "reviewer"] });
        assert_eq!(line(&own), "22  Ada  administrator  reviewer");
    }
}
