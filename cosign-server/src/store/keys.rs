//! Writes of keys and of the ids that are issued for them.

use super::{
    apply::{Applied, changed, id, run, stored},
    query::{Connection, query},
};
use crate::domain::{
    key::{Gate, IssuedKey, Kind, Origin, Parent, Status, StoredKey},
    ports::{Spend, StoreError},
};
use cosign_core::KeyId;

pub(super) async fn issue(connection: &mut Connection, issued: &IssuedKey) -> Applied {
    let (split_of, recovers) = match issued.origin {
        Origin::Generated => (None, None),
        Origin::Split(of) => (Some(of), None),
        Origin::Recovered(public_key) => (None, Some(public_key)),
    };
    run!(
        connection,
        "INSERT INTO key_ids (key_id, device_id, suite, purpose, mode, label, issued_ms, expires_ms, split_of, \
         recovers) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)",
        id(&issued.key_id),
        &issued.device.as_bytes()[..],
        issued.suite.byte(),
        issued.purpose.byte(),
        issued.mode.as_str(),
        issued.label.as_str(),
        stored(issued.issued_ms),
        stored(issued.expires_ms),
        split_of.as_ref().map(id),
        recovers.map(|public_key| public_key.as_point().to_bytes().to_vec()),
    );
    Ok(Ok(()))
}

pub(super) async fn use_id(connection: &mut Connection, key_id: &KeyId, now_ms: u64) -> Applied {
    Ok(changed(run!(
        connection,
        "UPDATE key_ids SET used_ms = $1 WHERE key_id = $2 AND used_ms IS NULL AND expires_ms > $1",
        stored(now_ms),
        id(key_id),
    )))
}

/// The session of the evaluation that is counted, as it is stored.
fn charge(gate: &Gate) -> Option<Vec<u8>> {
    gate.charge.map(|charge| charge.session.as_bytes().to_vec())
}

/// Nobody else writes between the condition and the row.
pub(super) async fn add_key(connection: &mut Connection, key: &StoredKey) -> Applied {
    let (refusal, max_seats) = match &key.parent {
        Some(parent) => (StoreError::Stale, seats_beside(connection, key, parent).await?),
        None => (StoreError::Duplicate, seats_alone(connection, key).await?),
    };
    let Some(max_seats) = max_seats else { return Ok(Err(refusal)) };
    run!(
        connection,
        "INSERT INTO keys (key_id, device_id, suite, purpose, mode, status, epoch, rid, public_key, created_ms, fails, \
         total, unlock_at_ms, refresh_required, charge, charge_fails, charge_total, pending_sign, share, pending, \
         version, parent, parent_kind, seat, max_seats) \
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18, $19, $20, $21, $22, $23, $24, $25)",
        id(&key.key_id),
        &key.device.as_bytes()[..],
        key.suite.byte(),
        key.purpose.byte(),
        key.mode.as_str(),
        key.status.as_str(),
        key.epoch,
        &key.rid.as_bytes()[..],
        &key.public_key[..],
        stored(key.created_ms),
        key.gate.fails,
        key.gate.total,
        stored(key.gate.unlock_at_ms),
        key.gate.refresh_required,
        charge(&key.gate),
        key.gate.charge.map(|charge| charge.fails),
        key.gate.charge.map(|charge| charge.total),
        key.pending_sign.map(|digest| digest.to_vec()),
        &key.share[..],
        key.pending.as_deref(),
        key.version,
        key.parent.map(|parent| id(&parent.key_id)),
        key.parent.map(|parent| parent.kind as u8),
        key.seat,
        max_seats,
    );
    Ok(Ok(()))
}

/// How many seats a share gets that is split from another one. `None`: it must not be added.
async fn seats_beside(
    connection: &mut Connection,
    key: &StoredKey,
    parent: &Parent,
) -> Result<Option<i64>, sqlx::Error> {
    let condition = match parent.kind {
        Kind::Share => {
            "SELECT CAST(0 AS BIGINT) FROM keys WHERE key_id = $1 AND public_key = $2 AND status = 'active' AND $3 AND NOT seat \
             AND (SELECT SUM(live_seat) FROM keys WHERE public_key = $2) < max_seats"
        }
        Kind::Move => {
            "SELECT max_seats FROM keys WHERE key_id = $1 AND public_key = $2 AND status = 'active' AND seat = $3"
        }
    };
    let row = query(condition).bind(id(&parent.key_id)).bind(&key.public_key[..]).bind(key.seat);
    row.optional(connection).await?.map(|row| row.get(0)).transpose()
}

/// The same for a key without a parent: for a generated one, whose public key is new, and for a recovered one, of which no
/// share is left.
async fn seats_alone(connection: &mut Connection, key: &StoredKey) -> Result<Option<i64>, sqlx::Error> {
    let recovered = key.status == Status::Arriving;
    let row = query(
        "SELECT CAST(0 AS BIGINT) WHERE NOT EXISTS \
         (SELECT 1 FROM keys WHERE public_key = $1 AND NOT ($2 AND status = 'revoked'))",
    );
    let row = row.bind(&key.public_key[..]).bind(recovered).optional(connection).await?;
    row.map(|row| row.get(0)).transpose()
}

pub(super) async fn expect(connection: &mut Connection, key_id: &KeyId, version: i64) -> Applied {
    let found = query("SELECT version FROM keys WHERE key_id = $1 AND version = $2");
    let found = found.bind(id(key_id)).bind(version).optional(connection).await?;
    Ok(found.map(drop).ok_or(StoreError::Stale))
}

pub(super) async fn save_key(connection: &mut Connection, key: &StoredKey) -> Applied {
    Ok(changed(run!(
        connection,
        "UPDATE keys SET status = $1, epoch = $2, rid = $3, fails = $4, total = $5, unlock_at_ms = $6, \
         refresh_required = $7, charge = $8, charge_fails = $9, charge_total = $10, pending_sign = $11, share = $12, \
         pending = $13, version = version + 1 WHERE key_id = $14 AND version = $15",
        key.status.as_str(),
        key.epoch,
        &key.rid.as_bytes()[..],
        key.gate.fails,
        key.gate.total,
        stored(key.gate.unlock_at_ms),
        key.gate.refresh_required,
        charge(&key.gate),
        key.gate.charge.map(|charge| charge.fails),
        key.gate.charge.map(|charge| charge.total),
        key.pending_sign.map(|digest| digest.to_vec()),
        &key.share[..],
        key.pending.as_deref(),
        id(&key.key_id),
        key.version,
    )))
}

pub(super) async fn spend(connection: &mut Connection, spend: &Spend) -> Applied {
    if spend.new {
        let rows = run!(
            connection,
            "INSERT INTO spent_sessions (key_id, sid, fp, until_ms) \
             SELECT key_id, $1, $2, $3 FROM keys WHERE key_id = $4 AND version = $5 ON CONFLICT (key_id, sid) DO NOTHING",
            &spend.sid.as_bytes()[..],
            &spend.fp[..],
            stored(spend.until_ms),
            id(&spend.key_id),
            spend.version,
        );
        return Ok(if rows == 0 { Err(not_new(connection, spend).await?) } else { Ok(()) });
    }
    let rows = run!(
        connection,
        "INSERT INTO spent_sessions (key_id, sid, fp, until_ms) \
         SELECT key_id, $1, $2, $3 FROM keys WHERE key_id = $4 AND version = $5 \
         ON CONFLICT (key_id, sid) DO UPDATE SET until_ms = CASE WHEN excluded.until_ms > spent_sessions.until_ms \
         THEN excluded.until_ms ELSE spent_sessions.until_ms END WHERE spent_sessions.fp = excluded.fp",
        &spend.sid.as_bytes()[..],
        &spend.fp[..],
        stored(spend.until_ms),
        id(&spend.key_id),
        spend.version,
    );
    if rows == 0 {
        let row = query("SELECT version FROM keys WHERE key_id = $1").bind(id(&spend.key_id));
        let row = row.optional(&mut *connection).await?;
        let current = row.map(|row| row.get(0)).transpose()? == Some(spend.version);
        return Ok(Err(if current { StoreError::SessionSpent } else { StoreError::Stale }));
    }
    if spend.decrypts > 0 {
        return Ok(changed(run!(
            connection,
            "UPDATE keys SET decrypts = decrypts + $1 WHERE key_id = $2 AND \
             (SELECT SUM(s.decrypts) FROM keys s WHERE s.public_key = keys.public_key) + $1 <= $3",
            spend.decrypts,
            id(&spend.key_id),
            spend.quota,
        )));
    }
    Ok(Ok(()))
}

/// Why a session that was to be new was not spent.
pub(super) async fn not_new(connection: &mut Connection, spend: &Spend) -> Result<StoreError, sqlx::Error> {
    let row = query("SELECT version FROM keys WHERE key_id = $1").bind(id(&spend.key_id));
    let row = row.optional(&mut *connection).await?;
    if row.map(|row| row.get(0)).transpose()? != Some(spend.version) {
        return Ok(StoreError::Stale);
    }
    let row = query("SELECT fp FROM spent_sessions WHERE key_id = $1 AND sid = $2").bind(id(&spend.key_id));
    let row = row.bind(&spend.sid.as_bytes()[..]).one(&mut *connection).await?;
    let identical = row.get::<Vec<u8>>(0)? == spend.fp;
    Ok(if identical { StoreError::SessionKnown } else { StoreError::SessionSpent })
}

pub(super) async fn set_status(
    connection: &mut Connection,
    key_id: &KeyId,
    from: Status,
    to: Status,
) -> Applied {
    let rows = run!(
        connection,
        "UPDATE keys SET status = $1, version = version + 1 WHERE key_id = $2 AND status = $3",
        to.as_str(),
        id(key_id),
        from.as_str(),
    );
    if rows > 0 && to == Status::Revoked {
        // `secure_delete` overwrites the bytes on disk.
        run!(connection, "UPDATE keys SET share = $1, pending = NULL WHERE key_id = $2", &[][..], id(key_id),);
    }
    Ok(changed(rows))
}

pub(super) async fn unlock(connection: &mut Connection, key_id: &KeyId) -> Applied {
    let mut gate = Gate::default();
    gate.unlock();
    Ok(changed(run!(
        connection,
        "UPDATE keys SET fails = $1, total = $2, unlock_at_ms = $3, refresh_required = $4, \
         charge = NULL, charge_fails = NULL, charge_total = NULL, version = version + 1 \
         WHERE key_id = $5 AND status <> 'revoked'",
        gate.fails,
        gate.total,
        stored(gate.unlock_at_ms),
        gate.refresh_required,
        id(key_id),
    )))
}

/// No version is raised: whoever gives a share is held to this number when it is added.
pub(super) async fn set_seats(connection: &mut Connection, public_key: &[u8; 64], max: u32) -> Applied {
    Ok(changed(run!(
        connection,
        "UPDATE keys SET max_seats = $1 WHERE public_key = $2 AND NOT seat AND status <> 'revoked'",
        max,
        &public_key[..],
    )))
}

pub(super) async fn expect_shares(connection: &mut Connection, public_key: &[u8; 64], live: u32) -> Applied {
    let found = query("SELECT COUNT(*) FROM keys WHERE public_key = $1 AND status <> 'revoked'");
    let found: i64 = found.bind(&public_key[..]).one(connection).await?.get(0)?;
    Ok(if found == i64::from(live) { Ok(()) } else { Err(StoreError::Stale) })
}
