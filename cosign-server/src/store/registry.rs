//! Writes of authorities, their certificates, requests, lists and escrow.

pub(super) mod read;

use super::{
    apply::{Applied, changed, id, run, stored},
    query::Connection,
};
use crate::domain::{
    ca::{
        Authority, AuthorityKey, Certificate, EscrowedKey, Kind, Request,
        certificate::Change,
        ports::{List, RegistryWrite},
    },
    ports::StoreError,
};

pub(super) async fn apply(connection: &mut Connection, write: &RegistryWrite) -> Applied {
    match write {
        RegistryWrite::AddAuthority(authority) => add_authority(connection, authority).await,
        RegistryWrite::AddKey(key) => add_key(connection, key).await,
        RegistryWrite::Retire { authority, at_ms } => Ok(changed(run!(
            connection,
            "UPDATE authorities SET retired_ms = $1 WHERE authority = $2 AND retired_ms IS NULL",
            stored(*at_ms),
            authority.as_str(),
        ))),
        RegistryWrite::ResealKey { old, new } => Ok(changed(run!(
            connection,
            "UPDATE authority_keys SET sealed = $1 WHERE sealed = $2",
            &new[..],
            &old[..],
        ))),
        RegistryWrite::AddCertificate(certificate) => add_certificate(connection, certificate).await,
        RegistryWrite::Change(change) => change_certificate(connection, change).await,
        RegistryWrite::Rehome { authority, serial, pair, device, key_id } => Ok(changed(run!(
            connection,
            "UPDATE certificates SET pair = $1, device_id = $2, key_id = $3 WHERE authority = $4 AND serial = $5",
            pair.as_bytes(),
            &device.as_bytes()[..],
            id(key_id),
            authority.as_str(),
            serial.as_bytes(),
        ))),
        RegistryWrite::AddRequest(request) => add_request(connection, request).await,
        RegistryWrite::SaveRequest(request) => save_request(connection, request).await,
        RegistryWrite::AddEscrow(escrow) => add_escrow(connection, escrow).await,
        RegistryWrite::KeepList(list) => keep_list(connection, list).await,
    }
}

fn json<T: serde::Serialize>(value: &T) -> Result<String, sqlx::Error> {
    serde_json::to_string(value).map_err(|error| sqlx::Error::Encode(error.into()))
}

async fn add_authority(connection: &mut Connection, authority: &Authority) -> Applied {
    let chain: Vec<u8> =
        authority.chain.iter().flat_map(|certificate| certificate.as_der().to_vec()).collect();
    run!(
        connection,
        "INSERT INTO authorities (authority, label, chain, options, created_ms) VALUES ($1, $2, $3, $4, $5)",
        authority.id.as_str(),
        authority.label.as_str(),
        chain,
        json(&authority.options)?,
        stored(authority.created_ms),
    );
    Ok(Ok(()))
}

async fn add_key(connection: &mut Connection, key: &AuthorityKey) -> Applied {
    run!(
        connection,
        "INSERT INTO authority_keys (public_key, authority, duty, certificate, created_ms, sealed) \
         VALUES ($1, $2, $3, $4, $5, $6)",
        &key.public_key.as_point().to_bytes()[..],
        key.authority.as_str(),
        key.duty.as_str(),
        &key.certificate[..],
        stored(key.created_ms),
        &key.sealed[..],
    );
    Ok(Ok(()))
}

async fn add_certificate(connection: &mut Connection, certificate: &Certificate) -> Applied {
    Ok(changed(run!(
        connection,
        "INSERT INTO certificates (authority, serial, role, state, subject, public_key, device_id, key_id, pair, \
         replaces, request, not_before_ms, not_after_ms, issued_ms, der) \
         SELECT $1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15 \
         WHERE EXISTS (SELECT 1 FROM authorities WHERE authority = $16 AND retired_ms IS NULL)",
        certificate.authority.as_str(),
        certificate.serial.as_bytes(),
        certificate.role.as_str(),
        certificate.state.as_str(),
        &certificate.subject[..],
        &certificate.public_key[..],
        certificate.device.map(|device| device.as_bytes().to_vec()),
        certificate.key_id.as_ref().map(id),
        certificate.pair.as_ref().map(|serial| serial.as_bytes().to_vec()),
        certificate.replaces.as_ref().map(|serial| serial.as_bytes().to_vec()),
        certificate.request.map(|request| request.as_bytes().to_vec()),
        stored(certificate.not_before_ms),
        stored(certificate.not_after_ms),
        stored(certificate.issued_ms),
        &certificate.der[..],
        certificate.authority.as_str(),
    )))
}

async fn change_certificate(connection: &mut Connection, change: &Change) -> Applied {
    let (authority, serial) = (change.authority.as_str(), change.serial.as_bytes());
    let rows = run!(
        connection,
        "UPDATE certificates SET state = $1, \
         listed_ms = CASE WHEN $2 THEN $3 ELSE listed_ms END, reason = CASE WHEN $2 THEN $4 ELSE reason END \
         WHERE authority = $5 AND serial = $6 AND state = $7",
        change.to.as_str(),
        change.listed.is_some(),
        change.listed.flatten().map(|(since_ms, _)| stored(since_ms)),
        change.listed.flatten().map(|(_, reason)| i64::from(reason as u8)),
        authority,
        serial,
        change.from.as_str(),
    );
    if rows == 0 {
        return Ok(Err(StoreError::Stale));
    }
    if change.listed.is_some() {
        run!(
            connection,
            "UPDATE authorities SET status_version = status_version + 1 WHERE authority = $1",
            authority,
        );
        run!(
            connection,
            "UPDATE certificates SET status_version = \
             (SELECT status_version FROM authorities WHERE authority = $1) WHERE authority = $1 AND serial = $2",
            authority,
            serial,
        );
    }
    Ok(Ok(()))
}

async fn add_request(connection: &mut Connection, request: &Request) -> Applied {
    let reason = match &request.kind {
        Kind::Revoke(_, reason) => Some(i64::from(*reason as u8)),
        Kind::New | Kind::Replace(..) => None,
    };
    run!(
        connection,
        "INSERT INTO certificate_requests (request, authority, kind, target, reason, device_id, csr, profile, dual, \
         state, decisions, created_ms, version) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13)",
        &request.id.as_bytes()[..],
        request.authority.as_str(),
        request.kind.as_str(),
        request.kind.target().map(|serial| serial.as_bytes().to_vec()),
        reason,
        request.device.map(|device| device.as_bytes().to_vec()),
        &request.csr[..],
        request.profile.as_str(),
        request.dual,
        request.state.as_str(),
        json(&request.decisions)?,
        stored(request.created_ms),
        request.version,
    );
    Ok(Ok(()))
}

async fn save_request(connection: &mut Connection, request: &Request) -> Applied {
    Ok(changed(run!(
        connection,
        "UPDATE certificate_requests SET csr = $1, dual = $2, state = $3, decisions = $4, version = version + 1 \
         WHERE request = $5 AND version = $6",
        &request.csr[..],
        request.dual,
        request.state.as_str(),
        json(&request.decisions)?,
        &request.id.as_bytes()[..],
        request.version,
    )))
}

async fn add_escrow(connection: &mut Connection, escrow: &EscrowedKey) -> Applied {
    run!(
        connection,
        "INSERT INTO escrowed_keys (public_key, authority, container, created_ms) VALUES ($1, $2, $3, $4)",
        &escrow.public_key[..],
        escrow.authority.as_str(),
        &escrow.container[..],
        stored(escrow.created_ms),
    );
    Ok(Ok(()))
}

macro_rules! in_place_of_the_one_before {
    () => {
        "ON CONFLICT (authority, kind) DO UPDATE SET number = excluded.number, \
         status_version = excluded.status_version, this_update_ms = excluded.this_update_ms, \
         next_update_ms = excluded.next_update_ms, der = excluded.der"
    };
}

async fn keep_list(connection: &mut Connection, list: &List) -> Applied {
    let rows = run!(
        connection,
        concat!(
            "INSERT INTO revocation_lists \
             (authority, kind, number, status_version, this_update_ms, next_update_ms, der) \
             SELECT $1, $2, $3, $4, $5, $6, $7 \
             WHERE $3 = 1 + COALESCE((SELECT MAX(number) FROM revocation_lists WHERE authority = $1), 0) \
             AND EXISTS (SELECT 1 FROM authorities WHERE authority = $1 AND status_version = $4) ",
            in_place_of_the_one_before!(),
        ),
        list.authority.as_str(),
        i64::from(list.delta),
        stored(list.number),
        stored(list.status_version),
        stored(list.this_update_ms),
        stored(list.next_update_ms),
        &list.der[..],
    );
    // Delta lists add to a full list that is not replaced before its time, so that whoever has it needs no other.
    if rows > 0 && !list.delta {
        run!(
            connection,
            concat!(
                "INSERT INTO revocation_lists \
                 (authority, kind, number, status_version, this_update_ms, next_update_ms, der) \
                 SELECT authority, 2, number, status_version, this_update_ms, next_update_ms, der \
                 FROM revocation_lists WHERE authority = $1 AND kind = 0 AND NOT EXISTS \
                 (SELECT 1 FROM revocation_lists WHERE authority = $1 AND kind = 2 AND next_update_ms > $2) ",
                in_place_of_the_one_before!(),
            ),
            list.authority.as_str(),
            stored(list.this_update_ms),
        );
    }
    Ok(changed(rows))
}
