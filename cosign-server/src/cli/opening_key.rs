//! `opening-key`: the keys that bids are time-locked to.

use clap::Subcommand;
use envelope::SubjectKeyId;
use serde_json::{Value, json};

use super::{
    Failure, Output, Target,
    commands::offline,
    master_key,
    output::{remark, say},
    recover,
};
use crate::domain::{device::Name, opening::OpeningKey};

#[derive(Debug, Subcommand)]
pub(super) enum OpeningKeys {
    /// Make an opening key. Back the database up before bids are locked to it: a backup from before does not open them.
    Create {
        #[command(flatten)]
        target: Target,
        /// What to call it.
        #[arg(long, value_parser = recover::parse_label)]
        label: Name,
        #[command(flatten)]
        output: Output,
    },
    /// List opening keys, oldest first.
    List {
        #[command(flatten)]
        target: Target,
        #[command(flatten)]
        output: Output,
    },
    /// Take an opening key out of use for new bids. Those that are locked to it open as before.
    Retire {
        #[command(flatten)]
        target: Target,
        /// The key, 40 hexadecimal digits.
        #[arg(value_parser = parse_id)]
        id: SubjectKeyId,
        #[command(flatten)]
        output: Output,
    },
}

pub(super) async fn run(command: OpeningKeys) -> Result<(), Failure> {
    match command {
        OpeningKeys::Create { target, label, output } => {
            let (offline, sealer) = master_key::open(&target.config).await?;
            let made = sealer.new_opening_key(label).await;
            offline.close().await;
            show(&made?, output);
            if !output.json {
                remark(
                    "Next: back the database up, then publish the key. No older backup opens what is locked to it.",
                );
            }
        }
        OpeningKeys::List { target, output } => {
            let offline = offline(&target.config).await?;
            let keys = offline.operator.opening_keys().await;
            offline.close().await;
            keys?.iter().for_each(|key| show(key, output));
        }
        OpeningKeys::Retire { target, id, output } => {
            let offline = offline(&target.config).await?;
            let key = offline.operator.retire_opening_key(&id).await;
            offline.close().await;
            show(&key?, output);
        }
    }
    Ok(())
}

fn show(key: &OpeningKey, output: Output) {
    if output.json {
        return say(key_json(key));
    }
    let state = if key.retired_ms.is_some() { "retired" } else { "in use" };
    say(format_args!("{}  {state}  {}", key.id(), key.label.as_str()));
}

fn key_json(key: &OpeningKey) -> Value {
    json!({
        "opening_key_id": key.id().to_string(),
        "label": key.label.as_str(),
        "created_at_ms": key.created_ms,
        "retired_at_ms": key.retired_ms,
        "public_key": key.public_key.to_spki_pem(),
    })
}

fn parse_id(text: &str) -> Result<SubjectKeyId, String> {
    let id = hex::decode(text).ok().filter(|bytes| bytes.len() == 20);
    let id = id.and_then(|bytes| SubjectKeyId::new(&bytes).ok());
    id.ok_or_else(|| "an opening key id has 40 hexadecimal digits".to_owned())
}
