//! `smsign audit`

use std::{
    collections::BTreeSet,
    io::Write,
    path::{Path, PathBuf},
};

use cosign_client::{
    Error,
    audit::{last_head, verify_export, write_head},
    files::{Access, NewFile},
};
use cosign_core::{
    KeyId, LogId,
    audit::{Coverage, EXPORT_MAGIC, Invalid, Record, SignedTreeHead, Verified, Verifier},
};
use serde::Serialize;
use sm_primitives::sm2::PublicKey;

use crate::{
    args::{AuditFetch, AuditVerify},
    context::Context,
    keyfile::PublicFile,
    output::{Failure, Outcome, path_text},
};

#[derive(Serialize)]
struct Report {
    file: String,
    valid: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    reason: Option<String>,
    #[serde(flatten)]
    log: Option<Log>,
    #[serde(skip_serializing_if = "Option::is_none")]
    operations: Option<Vec<Operation>>,
}

/// What was verified.
#[derive(Serialize)]
struct Log {
    log_id: String,
    tree_size: u64,
    timestamp_ms: u64,
    root: String,
    records: u64,
    /// Number of the first record of a run; absent for a selection.
    #[serde(skip_serializing_if = "Option::is_none")]
    from: Option<u64>,
    key_trusted: bool,
    earlier_head: bool,
}

/// What a key did.
#[derive(Serialize)]
struct Operation {
    seq: u64,
    time_ms: u64,
    key_id: String,
    act: &'static str,
    result: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    sid: Option<String>,
    signatures: Vec<Signature>,
}

#[derive(Serialize)]
struct Signature {
    e: String,
    r: String,
}

/// Whose records are listed.
struct Wanted {
    ids: BTreeSet<KeyId>,
    public_key: Option<[u8; 64]>,
}

impl Wanted {
    fn read(key: &str) -> Result<Self, Error> {
        if let Ok(key_id) = key.parse() {
            return Ok(Self { ids: BTreeSet::from([key_id]), public_key: None });
        }
        let key = PublicFile::read(Path::new(key))?;
        Ok(Self { ids: BTreeSet::new(), public_key: Some(key.public_key().as_point().to_bytes()) })
    }

    /// Whether a record is about the key. A public key is tied to its id by the record that made it.
    fn takes(&mut self, record: &Record) -> bool {
        let Some(key_id) = record.event.key_id else { return false };
        if self.public_key.is_some() && record.event.public_key == self.public_key {
            self.ids.insert(key_id);
        }
        self.ids.contains(&key_id)
    }
}

fn operation(record: Record) -> Operation {
    let signatures = record
        .event
        .items
        .iter()
        .map(|item| Signature { e: hex::encode(item.digest), r: hex::encode(item.r) });
    Operation {
        seq: record.seq,
        time_ms: record.event.at_ms,
        key_id: record.event.key_id.map(|id| id.to_string()).unwrap_or_default(),
        act: record.event.act.as_str(),
        result: record.event.outcome(),
        sid: record.event.sid.map(|sid| sid.to_string()),
        signatures: signatures.collect(),
    }
}

pub(crate) fn verify(arguments: &AuditVerify, context: &Context) -> Result<Outcome, Failure> {
    let trusted = arguments.log_key.as_deref().map(PublicFile::read).transpose()?;
    let trusted: Option<PublicKey> = trusted.map(|file| *file.public_key());
    let earlier = arguments.head.as_deref().map(last_head).transpose()?;
    let mut wanted = arguments.key.as_deref().map(Wanted::read).transpose()?;
    let mut operations = Vec::new();
    let verified = verify_export(&arguments.file, trusted, earlier, |record| {
        if wanted.as_mut().is_some_and(|wanted| wanted.takes(&record)) {
            operations.push(operation(record));
        }
        Ok(())
    })?;
    let file = path_text(&arguments.file);
    let verified = match verified {
        Ok(verified) => verified,
        Err(fault) => {
            let line = format!("INVALID  {file}: {fault}");
            let reason = Some(fault.to_string());
            let report = Report { file, valid: false, reason, log: None, operations: None };
            context.output.result(&report, [line])?;
            return Ok(Outcome::NotVerified);
        }
    };
    if wanted.as_ref().is_some_and(|wanted| wanted.ids.is_empty()) {
        let what = "the key was not made in these records; name it by its id".to_owned();
        return Err(Error::BadFile { path: arguments.file.clone(), what }.into());
    }
    if let Some(target) = &arguments.save_head {
        save_head(target, arguments.force, &verified)?;
    }
    let log = log(&verified, trusted.is_some(), earlier.is_some());
    if trusted.is_none() && earlier.is_none() {
        context.output.warn(format_args!(
            "the key of the log comes from the file itself; compare log {} with what the operator published, or give \
             --log-key",
            log.log_id
        ));
    }
    let mut lines = vec![format!("valid    {file}"), line(&log)];
    lines.extend(operations.iter().flat_map(operation_lines));
    let operations = wanted.map(|_| operations);
    context.output.result(&Report { file, valid: true, reason: None, log: Some(log), operations }, lines)?;
    Ok(Outcome::Done)
}

fn log(verified: &Verified, key_trusted: bool, earlier_head: bool) -> Log {
    let head = verified.head.head();
    Log {
        log_id: LogId::of(&verified.log_key).to_string(),
        tree_size: head.size,
        timestamp_ms: head.at_ms,
        root: hex::encode(head.root),
        records: verified.records,
        from: match verified.coverage {
            Coverage::From(from) => Some(from),
            Coverage::Selected => None,
        },
        key_trusted,
        earlier_head,
    }
}

fn line(log: &Log) -> String {
    let covered = match log.from {
        Some(from) => format!("all records from {from} on ({})", log.records),
        None => format!("{} records of a selection, each proven to be in the log", log.records),
    };
    format!("{covered}; tree head {}:{} of log {}", log.tree_size, log.root, log.log_id)
}

fn operation_lines(operation: &Operation) -> Vec<String> {
    let Operation { seq, time_ms, act, result, signatures, .. } = operation;
    let mut lines = vec![format!("{seq:>8}  {time_ms}  {act:<8}  {result}")];
    lines.extend(signatures.iter().map(|item| format!("          e {}  r {}", item.e, item.r)));
    lines
}

fn save_head(target: &Path, replace: bool, verified: &Verified) -> Result<(), Failure> {
    let mut file = NewFile::create(target, replace, Access::Usual)?;
    write_head(&mut file, &verified.log_key, &verified.head).map_err(|error| Error::file(target, error))?;
    file.sync()?;
    Ok(file.commit()?)
}

#[derive(Serialize)]
struct Fetched {
    file: String,
    key_id: String,
    log_id: String,
    tree_size: u64,
    records: u64,
}

pub(crate) fn fetch(arguments: &AuditFetch, context: &Context) -> Result<Outcome, Failure> {
    let store = context.store()?;
    let key = store.find(arguments.key.as_deref(), arguments.purpose.map(Into::into))?;
    let key_id = key.key_id();
    let target = arguments.out.clone().unwrap_or_else(|| PathBuf::from(format!("{key_id}.audit")));
    let earlier: Option<SignedTreeHead> = arguments.head.as_deref().map(last_head).transpose()?;
    let mut file = NewFile::create(&target, arguments.force, Access::Usual)?;
    let (client, _) = context.client_for(&store, &key)?;
    let verified = context.run(async {
        let fetched = async {
            let log = client.log_head(earlier.as_ref()).await?;
            let mut write = |bytes: &[u8]| file.write_all(bytes).map_err(|error| Error::file(&target, error));
            write(EXPORT_MAGIC)?;
            let mut verifier = Verifier::new(Some(log.log_key), None);
            let taken = client.export_key(key_id, &log, |item| {
                write(&item.encode())?;
                match verifier.take(item)? {
                    Some(record) if record.event.key_id != Some(key_id) => Err(Invalid::Order.into()),
                    _ => Ok(()),
                }
            });
            taken.await?;
            Ok(verifier.finish()?)
        }
        .await;
        client.connection().close().await;
        fetched.map_err(|error: Error| Failure::Client(error))
    })?;
    file.sync()?;
    file.commit()?;
    let report = Fetched {
        file: path_text(&target),
        key_id: key_id.to_string(),
        log_id: LogId::of(&verified.log_key).to_string(),
        tree_size: verified.head.head().size,
        records: verified.records,
    };
    let line = format!(
        "{} records of key {}, proven under tree head {}: {}",
        report.records, report.key_id, report.tree_size, report.file
    );
    context.output.result(&report, [line])?;
    Ok(Outcome::Done)
}
