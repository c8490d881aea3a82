//! Words and data for the terminal.

use std::{
    fmt::Display,
    io::{self, Write as _},
};

use serde_json::{Value, json};

use crate::domain::{
    audit::{Act, LockItem, Record},
    services::KeyView,
};

/// Prints a line. A closed pipe is not an error.
pub(crate) fn say(line: impl Display) {
    drop(writeln!(io::stdout().lock(), "{line}"));
}

/// Prints what goes on beside the result.
pub(super) fn remark(line: impl Display) {
    drop(writeln!(io::stderr().lock(), "{line}"));
}

/// Prints why a command failed.
pub(super) fn complain(failure: &impl Display) {
    drop(writeln!(io::stderr().lock(), "cosign-server: {failure}"));
}

pub(super) fn key_json(key: &KeyView) -> Value {
    json!({
        "key_id": key.key_id.to_string(),
        "device_id": key.device.to_string(),
        "suite": key.suite.as_str(),
        "purpose": key.purpose.as_str(),
        "pin_mode": key.mode.as_str(),
        "label": key.label.as_str(),
        "status": key.status.as_str(),
        "epoch": key.epoch,
        "created_at_ms": key.created_ms,
        "pin": {
            "failures": key.pin.failures,
            "total": key.pin.total,
            "locked": key.pin.locked,
            "retry_s": key.pin.retry_s,
            "remaining": key.pin.remaining,
            "refresh_required": key.pin.refresh_required,
        },
        "decrypts": key.decrypts,
        "public_key": hex::encode(key.public_key),
        "parent": key.parent.map(|parent| parent.to_string()),
        "seat": key.seat,
        "seats": { "max": key.seats.max, "taken": key.seats.taken },
    })
}

pub(super) fn key_line(key: &KeyView) -> String {
    let pin = match key.pin {
        pin if pin.locked => "PIN locked".to_owned(),
        pin if pin.refresh_required => "waits for a PIN change".to_owned(),
        pin if pin.retry_s > 0 => format!("{} wrong PINs, wait {} s", pin.failures, pin.retry_s),
        pin => format!("{} wrong PINs", pin.failures),
    };
    let origin = match key.parent {
        Some(parent) if key.seat => format!("  seat, split of {parent}"),
        Some(parent) => format!("  split of {parent}"),
        None => String::new(),
    };
    let seats = match key.seats {
        seats if seats.max == 0 => String::new(),
        seats => format!("  {} of {} seats taken", seats.taken, seats.max),
    };
    format!(
        "{}  {:<7}  {:<2}  {:<9}  epoch {:<3}  {pin}  {}{origin}{seats}",
        key.key_id,
        key.purpose.as_str(),
        key.suite.as_str(),
        key.status.as_str(),
        key.epoch,
        key.label.as_str(),
    )
}

pub(super) fn record_json(record: &Record) -> Value {
    let event = &record.event;
    let signatures = event.items.iter().filter(|_| event.act != Act::RELEASE);
    let signatures: Vec<Value> =
        signatures.map(|item| json!({ "e": hex::encode(item.digest), "r": hex::encode(item.r) })).collect();
    let lock = |lock: LockItem| {
        json!({
            "file_id": hex::encode(lock.file_id),
            "not_before": lock.not_before,
            "commitment": hex::encode(lock.commitment),
        })
    };
    let locks: Vec<Value> = event.locks().map(lock).collect();
    json!({
        "seq": record.seq,
        "time_ms": event.at_ms,
        "act": event.act.as_str(),
        "key_id": event.key_id.map(|id| id.to_string()),
        "device_id": event.device.map(|id| id.to_string()),
        "epoch": event.epoch,
        "sid": event.sid.map(|id| id.to_string()),
        "h_req": event.h_req.map(hex::encode),
        "count": event.count,
        "public_key": event.public_key.map(hex::encode),
        "signatures": signatures,
        "locks": locks,
        "result": event.outcome(),
        "note": event.note,
        "leaf": hex::encode(record.leaf()),
    })
}

pub(super) fn record_line(record: &Record) -> String {
    let event = &record.event;
    let key = event.key_id.map_or_else(|| "-".to_owned(), |id| id.to_string());
    let actor =
        event.device.map_or_else(|| "operator".to_owned(), |id| format!("device {:.16}", id.to_string()));
    format!(
        "{:>8}  {}  {:<16}  {:<8}  {key}  x{}  {actor}  {}",
        record.seq,
        event.at_ms,
        event.act.as_str(),
        event.outcome(),
        event.count,
        event.note,
    )
}
