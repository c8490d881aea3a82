//! `cosign-server audit`

use std::{
    fs::{self, OpenOptions},
    io::{BufWriter, Write as _},
    path::{Path, PathBuf},
};

use clap::Subcommand;
use cosign_core::KeyId;
use serde_json::json;

use super::{
    Failure, Output, Target,
    commands::{offline, parse_key_id},
    output::{record_json, record_line, say},
};
use crate::domain::{
    Error,
    audit::{Point, Record, Walked},
};

#[derive(Debug, Subcommand)]
pub(super) enum Audit {
    /// Check every record and tree head, and print the end. Note it elsewhere: `--expect` proves later that nothing before
    /// it was rewritten or cut off.
    Verify {
        #[command(flatten)]
        target: Target,
        /// A size and root noted earlier, as SIZE:ROOT.
        #[arg(long, value_parser = parse_point)]
        expect: Option<Point>,
        #[command(flatten)]
        output: Output,
    },
    /// Print records.
    Show {
        #[command(flatten)]
        target: Target,
        /// Only records after this number.
        #[arg(long, default_value_t = 0)]
        after: u64,
        /// At most so many.
        #[arg(long, default_value_t = 100)]
        limit: u32,
        #[command(flatten)]
        output: Output,
    },
    /// Write records with the tree heads over them for a witness, who checks them with `smsign audit verify`.
    Export {
        #[command(flatten)]
        target: Target,
        /// From this record on.
        #[arg(long, default_value_t = 1, value_parser = clap::value_parser!(u64).range(1..))]
        from: u64,
        /// Only the records of this key, each with its inclusion proof.
        #[arg(long, value_parser = parse_key_id)]
        key: Option<KeyId>,
        /// The file to make.
        #[arg(long)]
        out: PathBuf,
        #[command(flatten)]
        output: Output,
    },
    /// Print the public key of the audit log. Witnesses get it once, from somebody they trust.
    Key {
        #[command(flatten)]
        target: Target,
    },
}

pub(super) async fn run(audit: Audit) -> Result<(), Failure> {
    match audit {
        Audit::Verify { target, expect, output } => {
            let offline = offline(&target.config).await?;
            let verified = offline.operator.verify_audit(expect).await;
            offline.close().await;
            verified_log(&verified?.map_err(Failure::Audit)?, output);
        }
        Audit::Show { target, after, limit, output } => {
            let offline = offline(&target.config).await?;
            let entries = offline.operator.audit(after, limit).await;
            offline.close().await;
            for entry in &entries? {
                let record = Record::decode(&entry.record).map_err(|_| Error::Internal)?;
                if output.json { say(record_json(&record)) } else { say(record_line(&record)) }
            }
        }
        Audit::Export { target, from, key, out, output } => {
            let offline = offline(&target.config).await?;
            let exported = export(&offline.operator.audit_log(), from, key, &out).await;
            offline.close().await;
            let (size, records) = exported?;
            if output.json {
                say(json!({ "records": records, "tree_size": size }));
            } else {
                say(format_args!("{records} records, under the tree head of {size}: {}", out.display()));
            }
        }
        Audit::Key { target } => {
            let offline = offline(&target.config).await?;
            let key = offline.operator.audit_log().log_key().await;
            offline.close().await;
            say(key?.to_spki_pem().trim_end());
        }
    }
    Ok(())
}

fn verified_log(walked: &Walked, output: Output) {
    let (size, root) = (walked.end.size, hex::encode(walked.end.root));
    let log_id = cosign_core::LogId::of(&walked.log_key);
    let signed = walked.newest.map_or(0, |newest| newest.head().size);
    if output.json {
        let log_id = log_id.to_string();
        say(json!({ "records": size, "root": root, "signed_records": signed, "log_id": log_id }));
    } else {
        say(format_args!(
            "{size} records, {signed} of them under a tree head; the log holds and ends at {size}:{root}"
        ));
        say(format_args!("log {log_id}"));
    }
}

async fn export(
    log: &crate::domain::services::AuditLog,
    from: u64,
    key: Option<KeyId>,
    out: &Path,
) -> Result<(u64, u64), Failure> {
    let failed = |error| Failure::File { path: out.to_owned(), error };
    let file = OpenOptions::new().write(true).create_new(true).open(out).map_err(failed)?;
    let mut file = BufWriter::new(file);
    let exported = log.export(from, key.as_ref(), |bytes| file.write_all(bytes).map_err(failed)).await;
    let written = exported.and_then(|exported| {
        file.into_inner().map_err(|error| failed(error.into_error()))?.sync_all().map_err(failed)?;
        Ok(exported)
    });
    if written.is_err() {
        // Half an export is of no use.
        fs::remove_file(out).map_err(failed)?;
    }
    let (head, records) = written?;
    Ok((head.head().size, records))
}

/// Reads what `audit verify` prints: a number of records and the root.
fn parse_point(text: &str) -> Result<Point, String> {
    let wrong = || "expected SIZE:ROOT as `audit verify` prints it".to_owned();
    let (size, root) = text.split_once(':').ok_or_else(wrong)?;
    let mut point = Point { size: size.parse().map_err(|_| wrong())?, root: [0; 32] };
    hex::decode_to_slice(root, &mut point.root).map_err(|_| wrong())?;
    Ok(point)
}
