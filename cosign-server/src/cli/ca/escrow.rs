//! `ca escrow`: decryption keys that a quorum of custodians gives back.

use std::path::PathBuf;

use clap::{Args, Subcommand};
use serde_json::json;
use sm_primitives::sm2::PublicKey;

use super::{files, open};
use crate::{
    cli::{
        Failure, Output, Target,
        output::{remark, say},
        recover,
    },
    signer::open_escrow,
};

#[derive(Debug, Subcommand)]
pub(in crate::cli) enum Escrow {
    /// Write an escrow to a file: a sealed bid that its custodians open, with this program or with `smsign open-bid`.
    Export {
        #[command(flatten)]
        one: OneKey,
        /// File to write.
        #[arg(long)]
        out: PathBuf,
    },
    /// Open an escrow with the keys of custodians and seal the key to the protection key of its owner's new device. The key
    /// itself is never written.
    Open(OpenEscrow),
}

#[derive(Debug, Args)]
pub(in crate::cli) struct OneKey {
    #[command(flatten)]
    target: Target,
    /// The escrowed key: a PEM file, or X and Y as 128 hexadecimal digits.
    #[arg(long, value_parser = recover::parse_public_key)]
    public_key: PublicKey,
    #[command(flatten)]
    output: Output,
}

#[derive(Debug, Args)]
pub(in crate::cli) struct OpenEscrow {
    #[command(flatten)]
    one: OneKey,
    /// Private key of a custodian; several times. Passwords of locked files are lines of standard input, in order.
    #[arg(long = "custodian-key", required = true)]
    custodian_keys: Vec<PathBuf>,
    /// The protection key that `smsign recover` shows: a PEM file, or X and Y as 128 hexadecimal digits.
    #[arg(long, value_parser = recover::parse_public_key)]
    protection_key: PublicKey,
    /// File to write: SM2EnvelopedKey, DER.
    #[arg(long)]
    out: PathBuf,
}

pub(super) async fn run(command: Escrow) -> Result<(), Failure> {
    match command {
        Escrow::Export { one, out } => {
            let opened = open(&one.target).await?;
            let escrow = opened.authorities.escrowed(&one.public_key).await;
            opened.offline.close().await;
            let escrow = escrow?;
            files::write(&out, &escrow.container)?;
            report(&one, &out);
            Ok(())
        }
        Escrow::Open(ceremony) => {
            let OpenEscrow { one, custodian_keys, protection_key, out } = ceremony;
            let mut keys = Vec::with_capacity(custodian_keys.len());
            for path in &custodian_keys {
                keys.push(files::private_key(path)?);
            }
            let opened = open(&one.target).await?;
            let done = async {
                let escrow = opened.authorities.escrowed(&one.public_key).await?;
                let entropy = opened.offline.entropy();
                let keys: Vec<_> = keys.iter().map(|key| &**key).collect();
                let sealed =
                    open_escrow(&escrow.container, &one.public_key, &keys, &protection_key, &entropy)?;
                // On record before it leaves.
                opened.authorities.record_opening(&one.public_key, &protection_key).await?;
                Ok::<_, Failure>(sealed)
            };
            let done = done.await;
            opened.offline.close().await;
            files::write(&out, &done?)?;
            report(&one, &out);
            if !one.output.json {
                remark("Next: give the file to `smsign recover` on the new device.");
            }
            Ok(())
        }
    }
}

fn report(one: &OneKey, out: &std::path::Path) {
    let key = hex::encode(one.public_key.as_point().to_bytes());
    if one.output.json {
        return say(json!({ "public_key": key, "file": out.display().to_string() }));
    }
    say(out.display());
}
