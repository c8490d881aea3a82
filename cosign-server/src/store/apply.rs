//! One write of a unit into statements. A statement that changes no row tells that its supposition does not hold.

use cosign_core::{KeyId, audit::Frontier};

use super::{audit, clients, keys, office, opening, operators, purge, query::Connection, registry, wrapping};
use crate::domain::{
    audit::{SealedAuditKey, SignedTreeHead},
    key::Status,
    once::{self, Outcome},
    ports::{StoreError, Write},
};

pub(super) type Applied = Result<Result<(), StoreError>, sqlx::Error>;

pub(super) fn stored(number: u64) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}

pub(super) fn id(key_id: &KeyId) -> Vec<u8> {
    key_id.as_bytes().to_vec()
}

/// Runs a statement; how many rows it changed.
macro_rules! run {
    ($connection:expr, $sql:expr $(, $value:expr)* $(,)?) => {
        $crate::store::query::query($sql)$(.bind($value))*.execute(&mut *$connection).await?
    };
}

pub(super) use run;

pub(super) fn changed(rows: u64) -> Result<(), StoreError> {
    if rows == 0 { Err(StoreError::Stale) } else { Ok(()) }
}

/// Applies one write; `tree` grows with the audit log.
pub(super) async fn apply(connection: &mut Connection, write: &Write, tree: &mut Frontier) -> Applied {
    match write {
        Write::AddCode { code, uses, created_ms, expires_ms } => {
            run!(
                connection,
                "INSERT INTO enrolment_codes (code_hash, uses_left, created_ms, expires_ms) VALUES ($1, $2, $3, $4)",
                &code.0[..],
                *uses,
                stored(*created_ms),
                stored(*expires_ms),
            );
            Ok(Ok(()))
        }
        Write::SpendCode { code, now_ms } => Ok(changed(run!(
            connection,
            "UPDATE enrolment_codes SET uses_left = uses_left - 1 \
             WHERE code_hash = $1 AND uses_left > 0 AND expires_ms > $2",
            &code.0[..],
            stored(*now_ms),
        ))),
        Write::AddDevice(device) => {
            run!(
                connection,
                "INSERT INTO devices (device_id, name, enrolled_ms) VALUES ($1, $2, $3)",
                &device.id.as_bytes()[..],
                device.name.as_str(),
                stored(device.enrolled_ms),
            );
            Ok(Ok(()))
        }
        Write::IssueKey(issued) => keys::issue(connection, issued).await,
        Write::UseKeyId { key_id, now_ms } => keys::use_id(connection, key_id, *now_ms).await,
        Write::AddKey(key) => keys::add_key(connection, key).await,
        Write::Expect { key_id, version } => keys::expect(connection, key_id, *version).await,
        Write::SaveKey(key) => keys::save_key(connection, key).await,
        Write::Spend(spend) => keys::spend(connection, spend).await,
        Write::SetStatus { key_id, from, to } => keys::set_status(connection, key_id, *from, *to).await,
        Write::MoveAway { key_id } => {
            keys::set_status(connection, key_id, Status::Active, Status::Revoked).await
        }
        Write::Unlock { key_id } => keys::unlock(connection, key_id).await,
        Write::SetSeats { public_key, max } => keys::set_seats(connection, public_key, *max).await,
        Write::ExpectShares { public_key, live } => keys::expect_shares(connection, public_key, *live).await,
        Write::AddWrappingKey { master, key } => wrapping::add(connection, *master, key).await,
        Write::Reseal(resealed) => wrapping::reseal(connection, resealed).await,
        Write::ResealAuditKey { old, new } => wrapping::reseal_audit_key(connection, old, new).await,
        Write::AddOpeningKey(key) => opening::add(connection, key).await,
        Write::RetireOpeningKey { public_key, at_ms } => {
            opening::retire(connection, public_key, *at_ms).await
        }
        Write::ResealOpeningKey { old, new } => opening::reseal(connection, old, new).await,
        Write::Office(write) => office::apply(connection, write).await,
        Write::Registry(write) => registry::apply(connection, write).await,
        Write::Client(write) => clients::apply(connection, write).await,
        Write::Operators(write) => operators::apply(connection, write).await,
        Write::DropWrappingKeys => wrapping::drop_unused(connection).await,
        Write::ReplaceMasterKey { from, to, keys } => {
            wrapping::replace_master(connection, *from, *to, keys).await
        }
        Write::Log(event) => {
            audit::append(connection, event, tree).await?;
            Ok(Ok(()))
        }
        Write::AddHead(head) => add_head(connection, head).await,
        Write::SetAuditKey(key) => set_audit_key(connection, key).await,
        Write::Remember(outcome) => remember(connection, outcome).await,
        Write::Purge { now_ms, rows, requests_ms } => {
            purge::purge(connection, *now_ms, *rows, *requests_ms).await
        }
    }
}

async fn add_head(connection: &mut Connection, head: &SignedTreeHead) -> Applied {
    Ok(changed(run!(
        connection,
        "INSERT INTO tree_heads (number, size, head) \
         SELECT COALESCE((SELECT MAX(number) FROM tree_heads), 0) + 1, $1, $2 \
         WHERE NOT EXISTS (SELECT 1 FROM tree_heads WHERE size > $1) AND NOT EXISTS \
         (SELECT 1 FROM tree_heads WHERE number = (SELECT MAX(number) FROM tree_heads) AND substr(head, 41, 8) > $3)",
        stored(head.head().size),
        head.encode(),
        // Where it stands in the encoding, behind the log and the size.
        &head.head().at_ms.to_be_bytes()[..],
    )))
}

async fn set_audit_key(connection: &mut Connection, key: &SealedAuditKey) -> Applied {
    run!(
        connection,
        "INSERT INTO audit_key (number, public_key, sealed) VALUES (1, $1, $2)",
        &key.public_key[..],
        &key.sealed[..],
    );
    Ok(Ok(()))
}

async fn remember(connection: &mut Connection, outcome: &Outcome) -> Applied {
    run!(
        connection,
        "DELETE FROM outcomes WHERE device_id = $1 AND once_key = $2 AND created_ms <= $3",
        &outcome.device.as_bytes()[..],
        outcome.key.as_str(),
        stored(outcome.created_ms.saturating_sub(once::KEPT_MS)),
    );
    let of_owner = super::query::query("SELECT COUNT(*) FROM outcomes WHERE device_id = $1")
        .bind(&outcome.device.as_bytes()[..]);
    if of_owner.one(&mut *connection).await?.get::<i64>(0)? >= stored(once::MANY) {
        let rows = run!(
            connection,
            "DELETE FROM outcomes WHERE device_id = $1 AND created_ms <= $2 AND once_key IN \
             (SELECT once_key FROM outcomes WHERE device_id = $1 ORDER BY created_ms LIMIT $3)",
            &outcome.device.as_bytes()[..],
            stored(outcome.created_ms.saturating_sub(once::KEPT_IN_ANY_CASE_MS)),
            stored(once::MANY / 16),
        );
        if rows == 0 {
            return Ok(Err(StoreError::Busy));
        }
    }
    run!(
        connection,
        "INSERT INTO outcomes (device_id, once_key, fingerprint, outcome, created_ms) VALUES ($1, $2, $3, $4, $5)",
        &outcome.device.as_bytes()[..],
        outcome.key.as_str(),
        &outcome.fingerprint[..],
        outcome.outcome.as_str(),
        stored(outcome.created_ms),
    );
    Ok(Ok(()))
}
