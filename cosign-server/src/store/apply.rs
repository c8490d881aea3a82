//! One write of a unit into statements. A statement that changes no row tells that its supposition does not hold.

use cosign_core::{KeyId, audit::Frontier};
use sqlx::SqliteConnection;

use super::{audit, wrapping};
use crate::domain::{
    audit::{SealedAuditKey, SignedTreeHead},
    key::{Gate, IssuedKey, PENDING_TTL_MS, Status, StoredKey},
    once::{self, Outcome},
    ports::{Spend, StoreError, Write},
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
    ($connection:expr, $sql:literal $(, $value:expr)* $(,)?) => {
        sqlx::query($sql)$(.bind($value))*.execute(&mut *$connection).await?.rows_affected()
    };
}

pub(super) use run;

pub(super) fn changed(rows: u64) -> Result<(), StoreError> {
    if rows == 0 { Err(StoreError::Stale) } else { Ok(()) }
}

/// Applies one write; `tree` grows with the audit log.
pub(super) async fn apply(connection: &mut SqliteConnection, write: &Write, tree: &mut Frontier) -> Applied {
    match write {
        Write::AddCode { code, uses, created_ms, expires_ms } => {
            run!(
                connection,
                "INSERT INTO enrolment_codes (code_hash, uses_left, created_ms, expires_ms) VALUES (?, ?, ?, ?)",
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
             WHERE code_hash = ? AND uses_left > 0 AND expires_ms > ?",
            &code.0[..],
            stored(*now_ms),
        ))),
        Write::AddDevice(device) => {
            run!(
                connection,
                "INSERT INTO devices (device_id, name, enrolled_ms) VALUES (?, ?, ?)",
                &device.id.as_bytes()[..],
                device.name.as_str(),
                stored(device.enrolled_ms),
            );
            Ok(Ok(()))
        }
        Write::IssueKey(issued) => issue(connection, issued).await,
        Write::UseKeyId { key_id, now_ms } => Ok(changed(run!(
            connection,
            "UPDATE key_ids SET used_ms = ?1 WHERE key_id = ?2 AND used_ms IS NULL AND expires_ms > ?1",
            stored(*now_ms),
            id(key_id),
        ))),
        Write::AddKey(key) => add_key(connection, key).await,
        Write::Expect { key_id, version } => expect(connection, key_id, *version).await,
        Write::SaveKey(key) => save_key(connection, key).await,
        Write::Spend(spend) => spend_session(connection, spend).await,
        Write::SetStatus { key_id, from, to } => set_status(connection, key_id, *from, *to).await,
        Write::Unlock { key_id } => {
            let mut gate = Gate::default();
            gate.unlock();
            Ok(changed(run!(
                connection,
                "UPDATE keys SET fails = ?, total = ?, unlock_at_ms = ?, refresh_required = ?, \
                 version = version + 1 WHERE key_id = ? AND status <> 'revoked'",
                gate.fails,
                gate.total,
                stored(gate.unlock_at_ms),
                gate.refresh_required,
                id(key_id),
            )))
        }
        Write::AddWrappingKey { master, key } => wrapping::add(connection, *master, key).await,
        Write::Reseal(resealed) => wrapping::reseal(connection, resealed).await,
        Write::ResealAuditKey { old, new } => wrapping::reseal_audit_key(connection, old, new).await,
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
        Write::Purge { now_ms } => purge(connection, *now_ms).await,
    }
}

async fn issue(connection: &mut SqliteConnection, issued: &IssuedKey) -> Applied {
    run!(
        connection,
        "INSERT INTO key_ids (key_id, device_id, suite, purpose, label, issued_ms, expires_ms) \
         VALUES (?, ?, ?, ?, ?, ?, ?)",
        id(&issued.key_id),
        &issued.device.as_bytes()[..],
        issued.suite.byte(),
        issued.purpose.byte(),
        issued.label.as_str(),
        stored(issued.issued_ms),
        stored(issued.expires_ms),
    );
    Ok(Ok(()))
}

async fn add_key(connection: &mut SqliteConnection, key: &StoredKey) -> Applied {
    run!(
        connection,
        "INSERT INTO keys (key_id, device_id, suite, purpose, status, epoch, rid, public_key, created_ms, fails, total, \
         unlock_at_ms, refresh_required, decrypts, pending_sign, share, pending, version) \
         VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
        id(&key.key_id),
        &key.device.as_bytes()[..],
        key.suite.byte(),
        key.purpose.byte(),
        key.status.as_str(),
        key.epoch,
        &key.rid.as_bytes()[..],
        &key.public_key[..],
        stored(key.created_ms),
        key.gate.fails,
        key.gate.total,
        stored(key.gate.unlock_at_ms),
        key.gate.refresh_required,
        key.decrypts,
        key.pending_sign.map(|digest| digest.to_vec()),
        &key.share[..],
        key.pending.as_deref(),
        key.version,
    );
    Ok(Ok(()))
}

async fn expect(connection: &mut SqliteConnection, key_id: &KeyId, version: i64) -> Applied {
    let found: Option<i64> = sqlx::query_scalar("SELECT version FROM keys WHERE key_id = ? AND version = ?")
        .bind(id(key_id))
        .bind(version)
        .fetch_optional(connection)
        .await?;
    Ok(found.map(drop).ok_or(StoreError::Stale))
}

async fn save_key(connection: &mut SqliteConnection, key: &StoredKey) -> Applied {
    Ok(changed(run!(
        connection,
        "UPDATE keys SET status = ?, epoch = ?, rid = ?, fails = ?, total = ?, unlock_at_ms = ?, \
         refresh_required = ?, pending_sign = ?, share = ?, pending = ? \
         WHERE key_id = ? AND version = ?",
        key.status.as_str(),
        key.epoch,
        &key.rid.as_bytes()[..],
        key.gate.fails,
        key.gate.total,
        stored(key.gate.unlock_at_ms),
        key.gate.refresh_required,
        key.pending_sign.map(|digest| digest.to_vec()),
        &key.share[..],
        key.pending.as_deref(),
        id(&key.key_id),
        key.version,
    )))
}

async fn spend_session(connection: &mut SqliteConnection, spend: &Spend) -> Applied {
    let rows = run!(
        connection,
        "INSERT INTO spent_sessions (key_id, sid, fp, until_ms) \
         SELECT key_id, ?, ?, ? FROM keys WHERE key_id = ? AND version = ? \
         ON CONFLICT (key_id, sid) DO UPDATE SET until_ms = MAX(until_ms, excluded.until_ms) WHERE fp = excluded.fp",
        &spend.sid.as_bytes()[..],
        &spend.fp[..],
        stored(spend.until_ms),
        id(&spend.key_id),
        spend.version,
    );
    if rows == 0 {
        let version: Option<i64> = sqlx::query_scalar("SELECT version FROM keys WHERE key_id = ?")
            .bind(id(&spend.key_id))
            .fetch_optional(&mut *connection)
            .await?;
        let current = version == Some(spend.version);
        return Ok(Err(if current { StoreError::SessionSpent } else { StoreError::Stale }));
    }
    if spend.decrypts > 0 {
        return Ok(changed(run!(
            connection,
            "UPDATE keys SET decrypts = decrypts + ?1 WHERE key_id = ?2 AND decrypts + ?1 <= ?3",
            spend.decrypts,
            id(&spend.key_id),
            spend.quota,
        )));
    }
    Ok(Ok(()))
}

async fn set_status(connection: &mut SqliteConnection, key_id: &KeyId, from: Status, to: Status) -> Applied {
    let rows = run!(
        connection,
        "UPDATE keys SET status = ?1, version = version + 1 WHERE key_id = ?2 AND status = ?3",
        to.as_str(),
        id(key_id),
        from.as_str(),
    );
    if rows > 0 && to == Status::Revoked {
        // `secure_delete` overwrites the bytes on disk.
        run!(connection, "UPDATE keys SET share = x'', pending = NULL WHERE key_id = ?", id(key_id));
    }
    Ok(changed(rows))
}

async fn add_head(connection: &mut SqliteConnection, head: &SignedTreeHead) -> Applied {
    Ok(changed(run!(
        connection,
        "INSERT INTO tree_heads (size, head) SELECT ?1, ?2 \
         WHERE NOT EXISTS (SELECT 1 FROM tree_heads WHERE size > ?1)",
        stored(head.head().size),
        head.encode(),
    )))
}

async fn set_audit_key(connection: &mut SqliteConnection, key: &SealedAuditKey) -> Applied {
    run!(
        connection,
        "INSERT INTO audit_key (number, public_key, sealed) VALUES (1, ?, ?)",
        &key.public_key[..],
        &key.sealed[..],
    );
    Ok(Ok(()))
}

async fn remember(connection: &mut SqliteConnection, outcome: &Outcome) -> Applied {
    run!(
        connection,
        "DELETE FROM outcomes WHERE device_id = ? AND once_key = ? AND created_ms <= ?",
        &outcome.device.as_bytes()[..],
        outcome.key.as_str(),
        stored(outcome.created_ms.saturating_sub(once::KEPT_MS)),
    );
    let rows = run!(
        connection,
        "INSERT INTO outcomes (device_id, once_key, fingerprint, outcome, created_ms) SELECT ?1, ?2, ?3, ?4, ?5 \
         WHERE (SELECT COUNT(*) FROM outcomes WHERE device_id = ?1) < ?6",
        &outcome.device.as_bytes()[..],
        outcome.key.as_str(),
        &outcome.fingerprint[..],
        outcome.outcome.as_str(),
        stored(outcome.created_ms),
        stored(once::MAX_PER_DEVICE),
    );
    Ok(if rows == 0 { Err(StoreError::Busy) } else { Ok(()) })
}

async fn purge(connection: &mut SqliteConnection, now_ms: u64) -> Applied {
    run!(connection, "DELETE FROM spent_sessions WHERE until_ms < ?", stored(now_ms));
    run!(
        connection,
        "DELETE FROM outcomes WHERE created_ms <= ?",
        stored(now_ms.saturating_sub(once::KEPT_MS)),
    );
    run!(connection, "DELETE FROM enrolment_codes WHERE expires_ms <= ? OR uses_left = 0", stored(now_ms));
    run!(connection, "DELETE FROM key_ids WHERE used_ms IS NULL AND expires_ms <= ?", stored(now_ms));
    run!(
        connection,
        "UPDATE keys SET status = 'revoked', share = x'', pending = NULL, version = version + 1 \
         WHERE status = 'pending' AND created_ms < ?",
        stored(now_ms.saturating_sub(PENDING_TTL_MS)),
    );
    Ok(Ok(()))
}
