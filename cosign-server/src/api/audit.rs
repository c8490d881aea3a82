//! The audit log: tree heads, consistency, and the records of a key with their proofs.
//!
//! Hashes, records and signatures are hexadecimal. A record is encoded as `cosign_core::audit::Record` says, so that
//! whoever gets it can hash it.

use axum::{Json, extract::State};
use cosign_core::{
    SessionId,
    audit::{Hash, SignedTreeHead},
};
use serde::{Deserialize, Serialize};

use super::{
    Api, Problem,
    extract::{Enrolled, OfKey, Parameters},
};
use crate::domain::{
    Error,
    services::{ProvenRecords, Selection},
};

#[derive(Serialize)]
pub(super) struct HeadBody {
    log_id: String,
    tree_size: u64,
    timestamp_ms: u64,
    root: String,
    signature: String,
}

impl From<SignedTreeHead> for HeadBody {
    fn from(signed: SignedTreeHead) -> Self {
        let head = signed.head();
        Self {
            log_id: head.log_id.to_string(),
            tree_size: head.size,
            timestamp_ms: head.at_ms,
            root: hex::encode(head.root),
            signature: hex::encode(signed.signature().to_bytes()),
        }
    }
}

#[derive(Serialize)]
pub(super) struct LogBody {
    public_key: String,
    head: HeadBody,
}

/// `GET /v1/audit/head`
pub(super) async fn head(State(api): State<Api>, _: Enrolled) -> Result<Json<LogBody>, Problem> {
    let public_key = api.audit.log_key().await?.to_spki_pem();
    Ok(Json(LogBody { public_key, head: api.audit.head(None).await?.into() }))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Sizes {
    first: u64,
    second: u64,
}

#[derive(Serialize)]
pub(super) struct ConsistencyBody {
    first: u64,
    second: u64,
    path: Vec<String>,
}

fn path(hashes: &[Hash]) -> Vec<String> {
    hashes.iter().map(hex::encode).collect()
}

/// `GET /v1/audit/consistency?first=SIZE&second=SIZE`
pub(super) async fn consistency(
    State(api): State<Api>,
    _: Enrolled,
    Parameters(Sizes { first, second }): Parameters<Sizes>,
) -> Result<Json<ConsistencyBody>, Problem> {
    let proof = api.audit.consistency(first, second).await?;
    Ok(Json(ConsistencyBody { first, second, path: path(proof.path()) }))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Wanted {
    sid: Option<String>,
    #[serde(default)]
    after: u64,
    tree_size: Option<u64>,
    limit: Option<u32>,
}

#[derive(Serialize)]
struct RecordBody {
    seq: u64,
    record: String,
    path: Vec<String>,
}

#[derive(Serialize)]
pub(super) struct RecordsBody {
    head: HeadBody,
    records: Vec<RecordBody>,
    more: bool,
}

/// `GET /v1/keys/{key_id}/records?sid=SID&after=SEQ&tree_size=SIZE&limit=COUNT`, all of them optional. `path` is the
/// inclusion proof of the leaf `seq - 1` under `head`; `more` says to go on with `after` and the same `tree_size`.
pub(super) async fn records(
    State(api): State<Api>,
    Enrolled(device): Enrolled,
    OfKey(key_id): OfKey,
    Parameters(wanted): Parameters<Wanted>,
) -> Result<Json<RecordsBody>, Problem> {
    let sid = wanted.sid.map(|sid| sid.parse::<SessionId>()).transpose();
    let sid = sid.map_err(|_| Error::BadRequest("a session id has 32 hexadecimal digits"))?;
    let selection = Selection { sid, after: wanted.after, size: wanted.tree_size, limit: wanted.limit };
    let ProvenRecords { head, records, more } = api.audit.records_of(&device, &key_id, selection).await?;
    let records = records.into_iter().map(|(record, proof)| RecordBody {
        seq: record.seq,
        record: hex::encode(record.encode()),
        path: path(proof.path()),
    });
    Ok(Json(RecordsBody { head: head.into(), records: records.collect(), more }))
}
