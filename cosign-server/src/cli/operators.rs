//! `operator`: who has which role over the API.

use clap::Subcommand;
use cosign_core::DeviceId;
use serde_json::json;

use super::{Failure, Output, Target, commands::offline, output::say, recover};
use crate::domain::{
    device::Name,
    operators::{Operator, Role},
};

#[derive(Debug, Subcommand)]
pub(super) enum Operators {
    /// Give an enrolled device one more role. An auditor has no other one.
    Grant {
        #[command(flatten)]
        target: Target,
        /// The device, 64 hexadecimal digits; `smsign status` shows it there.
        #[arg(long, value_parser = recover::parse_device)]
        device: DeviceId,
        /// Who it is: one person, for ever. Reviews and the audit log name it.
        #[arg(long, value_parser = recover::parse_label)]
        name: Name,
        /// administrator, reviewer or auditor.
        #[arg(long, value_parser = parse_role)]
        role: Role,
        #[command(flatten)]
        output: Output,
    },
    /// Take a role from an operator, or all of them; a running server obeys from the next request on.
    Withdraw {
        #[command(flatten)]
        target: Target,
        /// The device, 64 hexadecimal digits.
        #[arg(long, value_parser = recover::parse_device)]
        device: DeviceId,
        /// Only this one.
        #[arg(long, value_parser = parse_role)]
        role: Option<Role>,
        #[command(flatten)]
        output: Output,
    },
    /// List operators by their names, those withdrawn too.
    List {
        #[command(flatten)]
        target: Target,
        #[command(flatten)]
        output: Output,
    },
}

pub(super) async fn run(command: Operators) -> Result<(), Failure> {
    let (found, output) = match command {
        Operators::Grant { target, device, name, role, output } => {
            let offline = offline(&target.config).await?;
            let granted = offline.grants().grant(&device, name, role).await;
            offline.close().await;
            (vec![granted?], output)
        }
        Operators::Withdraw { target, device, role, output } => {
            let offline = offline(&target.config).await?;
            let withdrawn = offline.grants().withdraw(&device, role).await;
            offline.close().await;
            (vec![withdrawn?], output)
        }
        Operators::List { target, output } => {
            let offline = offline(&target.config).await?;
            let found = offline.grants().list().await;
            offline.close().await;
            (found?, output)
        }
    };
    if output.json {
        say(json!({ "operators": found.iter().map(operator_json).collect::<Vec<_>>() }));
    } else {
        found.iter().for_each(|operator| say(operator_line(operator)));
    }
    Ok(())
}

fn names(operator: &Operator) -> Vec<&'static str> {
    operator.roles.iter().map(Role::as_str).collect()
}

fn operator_json(operator: &Operator) -> serde_json::Value {
    json!({
        "operator_id": operator.id.to_string(),
        "name": operator.name.as_str(),
        "roles": names(operator),
        "granted_at_ms": operator.granted_ms,
    })
}

fn operator_line(operator: &Operator) -> String {
    let roles = names(operator);
    let roles = if roles.is_empty() { "withdrawn".to_owned() } else { roles.join(", ") };
    format!("{}  {}  {roles}", operator.id, operator.name.as_str())
}

fn parse_role(text: &str) -> Result<Role, String> {
    Role::from_name(text).ok_or_else(|| "the roles are administrator, reviewer and auditor".to_owned())
}
