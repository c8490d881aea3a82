//! Rows into values, and database errors into the port's.

use cosign_core::{
    DeviceId, KeyId, PinMode, Purpose, RefreshId, SessionId, Suite,
    audit::Hash,
    sm_primitives::{point::PublicPoint, sm2::PublicKey},
};
use sqlx::error::ErrorKind;

use super::query::Row;
use crate::domain::{
    audit::{Entry, SealedAuditKey, SignedTreeHead},
    device::{Device, Name},
    key::{Charge, Gate, IssuedKey, Kind, Origin, Parent, Seats, Status, StoredKey, WrappedKey},
    once::Outcome,
    opening::OpeningKey,
    ports::{LiveSession, StoreError},
};

/// Tells a write that was refused from a database that failed.
pub(super) fn refused(error: sqlx::Error) -> Result<StoreError, sqlx::Error> {
    match error.as_database_error().map(sqlx::error::DatabaseError::kind) {
        Some(ErrorKind::UniqueViolation) => Ok(StoreError::Duplicate),
        Some(ErrorKind::ForeignKeyViolation) => Ok(StoreError::Stale),
        Some(ErrorKind::CheckViolation | ErrorKind::NotNullViolation) => Ok(StoreError::Corrupt),
        _ => Err(error),
    }
}

/// What a failed read means.
pub(super) fn read_error(error: sqlx::Error) -> StoreError {
    match error {
        sqlx::Error::Decode(_) | sqlx::Error::ColumnDecode { .. } | sqlx::Error::ColumnNotFound(_) => {
            tracing::error!(%error, "a row cannot be read");
            StoreError::Corrupt
        }
        error => {
            tracing::error!(%error, "the database does not answer");
            StoreError::Unavailable
        }
    }
}

pub(super) fn malformed(what: &'static str) -> sqlx::Error {
    sqlx::Error::Decode(what.into())
}

pub(super) fn unsigned<T: TryFrom<i64>>(value: i64) -> Result<T, sqlx::Error> {
    T::try_from(value).map_err(|_| malformed("a number is out of range"))
}

pub(super) fn number<T: TryFrom<i64>>(row: &Row, column: &str) -> Result<T, sqlx::Error> {
    unsigned(row.get(column)?)
}

pub(super) fn bytes<const N: usize>(row: &Row, column: &str) -> Result<[u8; N], sqlx::Error> {
    row.get::<&[u8]>(column)?.try_into().map_err(|_| malformed("a value has the wrong length"))
}

pub(super) fn optional<const N: usize>(row: &Row, column: &str) -> Result<Option<[u8; N]>, sqlx::Error> {
    let value: Option<&[u8]> = row.get(column)?;
    value.map(|value| value.try_into().map_err(|_| malformed("a value has the wrong length"))).transpose()
}

pub(super) fn name(row: &Row, column: &str) -> Result<Name, sqlx::Error> {
    Name::try_from(row.get::<String>(column)?).map_err(|_| malformed("a name is malformed"))
}

fn purpose(row: &Row) -> Result<Purpose, sqlx::Error> {
    Purpose::from_byte(number(row, "purpose")?).ok_or_else(|| malformed("unknown purpose"))
}

fn suite(row: &Row) -> Result<Suite, sqlx::Error> {
    Suite::from_byte(number(row, "suite")?).ok_or_else(|| malformed("unknown suite"))
}

fn mode(row: &Row) -> Result<PinMode, sqlx::Error> {
    PinMode::from_name(row.get("mode")?).ok_or_else(|| malformed("unknown PIN mode"))
}

fn charge(row: &Row) -> Result<Option<Charge>, sqlx::Error> {
    let Some(session) = optional(row, "charge")? else { return Ok(None) };
    let (fails, total) = (number(row, "charge_fails")?, number(row, "charge_total")?);
    Ok(Some(Charge { session: SessionId::from_bytes(session), fails, total }))
}

fn parent(row: &Row) -> Result<Option<Parent>, sqlx::Error> {
    let Some(key_id) = optional(row, "parent")? else { return Ok(None) };
    let kind = Kind::from_byte(number(row, "parent_kind")?).ok_or_else(|| malformed("unknown kind"))?;
    Ok(Some(Parent { key_id: KeyId::from_bytes(key_id), kind, active: false }))
}

fn origin(row: &Row) -> Result<Origin, sqlx::Error> {
    if let Some(of) = optional(row, "split_of")? {
        return Ok(Origin::Split(KeyId::from_bytes(of)));
    }
    let Some(public_key) = optional(row, "recovers")? else { return Ok(Origin::Generated) };
    let point = PublicPoint::from_bytes(&public_key).ok_or_else(|| malformed("not a public key"))?;
    Ok(Origin::Recovered(PublicKey::from(point)))
}

pub(super) fn key(row: &Row) -> Result<StoredKey, sqlx::Error> {
    Ok(StoredKey {
        key_id: KeyId::from_bytes(bytes(row, "key_id")?),
        device: DeviceId::from_bytes(bytes(row, "device_id")?),
        label: name(row, "label")?,
        suite: suite(row)?,
        purpose: purpose(row)?,
        mode: mode(row)?,
        status: Status::from_name(row.get("status")?).ok_or_else(|| malformed("unknown status"))?,
        epoch: number(row, "epoch")?,
        rid: RefreshId::from_bytes(bytes(row, "rid")?),
        public_key: bytes(row, "public_key")?,
        created_ms: number(row, "created_ms")?,
        gate: Gate {
            fails: number(row, "fails")?,
            total: number(row, "total")?,
            unlock_at_ms: number(row, "unlock_at_ms")?,
            refresh_required: row.get("refresh_required")?,
            charge: charge(row)?,
        },
        decrypts: number(row, "all_decrypts")?,
        pending_sign: optional(row, "pending_sign")?,
        share: row.get("share")?,
        pending: row.get("pending")?,
        parent: parent(row)?,
        seat: row.get("seat")?,
        seats: Seats { max: number(row, "max_seats")?, taken: number(row, "seats")? },
        logged_epoch: unsigned(row.get::<Option<i64>>("logged_epoch")?.unwrap_or(0))?,
        version: row.get("version")?,
    })
}

pub(super) fn key_id(row: &Row) -> Result<KeyId, sqlx::Error> {
    bytes(row, "key_id").map(KeyId::from_bytes)
}

pub(super) fn wrapped_key(row: &Row) -> Result<WrappedKey, sqlx::Error> {
    Ok(WrappedKey {
        version: u32::from_be_bytes(bytes(row, "version")?),
        wrapped: row.get("wrapped")?,
        created_ms: number(row, "created_ms")?,
    })
}

pub(super) fn issued(row: &Row) -> Result<IssuedKey, sqlx::Error> {
    Ok(IssuedKey {
        key_id: KeyId::from_bytes(bytes(row, "key_id")?),
        device: DeviceId::from_bytes(bytes(row, "device_id")?),
        suite: suite(row)?,
        purpose: purpose(row)?,
        mode: mode(row)?,
        origin: origin(row)?,
        label: name(row, "label")?,
        issued_ms: number(row, "issued_ms")?,
        expires_ms: number(row, "expires_ms")?,
        used_ms: row.get::<Option<i64>>("used_ms")?.map(unsigned).transpose()?,
    })
}

pub(super) fn device(row: &Row) -> Result<Device, sqlx::Error> {
    Ok(Device {
        id: DeviceId::from_bytes(bytes(row, "device_id")?),
        name: name(row, "name")?,
        enrolled_ms: number(row, "enrolled_ms")?,
    })
}

pub(super) fn outcome(row: &Row) -> Result<Outcome, sqlx::Error> {
    Ok(Outcome {
        device: DeviceId::from_bytes(bytes(row, "device_id")?),
        key: row.get("once_key")?,
        fingerprint: bytes(row, "fingerprint")?,
        outcome: row.get("outcome")?,
        created_ms: number(row, "created_ms")?,
    })
}

pub(super) fn live_session(row: &Row) -> Result<LiveSession, sqlx::Error> {
    Ok(LiveSession {
        key_id: KeyId::from_bytes(bytes(row, "key_id")?),
        sid: SessionId::from_bytes(bytes(row, "sid")?),
        fp: bytes(row, "fp")?,
        until_ms: number(row, "until_ms")?,
    })
}

pub(super) fn hashes(row: &Row) -> Result<Vec<Hash>, sqlx::Error> {
    let (hashes, _) = row.get::<&[u8]>("hashes")?.as_chunks();
    Ok(hashes.to_vec())
}

pub(super) fn entry(row: &Row) -> Result<Entry, sqlx::Error> {
    Ok(Entry {
        seq: number(row, "seq")?,
        record: row.get("record")?,
        hashes: hashes(row)?,
        key_id: optional(row, "key_id")?.map(KeyId::from_bytes),
        sid: optional(row, "sid")?.map(SessionId::from_bytes),
        activated: row.get::<Option<i64>>("activated")?.map(unsigned).transpose()?,
    })
}

pub(super) fn tree_head(row: &Row) -> Result<SignedTreeHead, sqlx::Error> {
    SignedTreeHead::decode(row.get("head")?).map_err(|_| malformed("a tree head is malformed"))
}

pub(super) fn opening_key(row: &Row) -> Result<OpeningKey, sqlx::Error> {
    let public_key =
        PublicPoint::from_bytes(&bytes(row, "public_key")?).ok_or_else(|| malformed("not a public key"))?;
    Ok(OpeningKey {
        public_key: public_key.into(),
        label: name(row, "label")?,
        created_ms: number(row, "created_ms")?,
        retired_ms: row.get::<Option<i64>>("retired_ms")?.map(unsigned).transpose()?,
        sealed: row.get("sealed")?,
    })
}

pub(super) fn audit_key(row: &Row) -> Result<SealedAuditKey, sqlx::Error> {
    Ok(SealedAuditKey { public_key: bytes(row, "public_key")?, sealed: row.get("sealed")? })
}
