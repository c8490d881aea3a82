//! The audit log: tree heads, consistency, and the records of a key with their proofs.
//!
//! Hashes, records and signatures are hexadecimal. A record is encoded as `cosign_core::audit::Record` says, so that
//! whoever gets it can hash it.

#![expect(unused_qualifications, reason = "what is made of parameters for the description has them")]

use axum::{Json, extract::State};
use cosign_core::{
    SessionId,
    audit::{Hash, SignedTreeHead},
};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use super::{
    Api, Problem,
    extract::{Enrolled, OfKey, Parameters},
    openapi::Problems,
};
use crate::domain::{
    Error,
    services::{ProvenRecords, Selection},
};

#[derive(Serialize, ToSchema)]
#[schema(as = TreeHead)]
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

#[derive(Serialize, ToSchema)]
#[schema(as = Log)]
pub(super) struct LogBody {
    public_key: String,
    head: HeadBody,
}

/// The key of the audit log, and its newest tree head
#[utoipa::path(get, path = "/v1/audit/head", tag = "audit", responses((status = 200, body = LogBody), Problems))]
pub(super) async fn head(State(api): State<Api>, _: Enrolled) -> Result<Json<LogBody>, Problem> {
    let public_key = api.audit.log_key().await?.to_spki_pem();
    Ok(Json(LogBody { public_key, head: api.audit.head(None).await?.into() }))
}

#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
pub(super) struct Sizes {
    /// Size of the older tree, at least 1.
    first: u64,
    /// Size of the newer tree.
    second: u64,
}

#[derive(Serialize, ToSchema)]
#[schema(as = ConsistencyProof)]
pub(super) struct ConsistencyBody {
    first: u64,
    second: u64,
    path: Vec<String>,
}

fn path(hashes: &[Hash]) -> Vec<String> {
    hashes.iter().map(hex::encode).collect()
}

/// A proof that the log of one size begins with that of another (RFC 9162)
#[utoipa::path(
    get, path = "/v1/audit/consistency", tag = "audit", params(Sizes),
    responses((status = 200, body = ConsistencyBody), Problems),
)]
pub(super) async fn consistency(
    State(api): State<Api>,
    _: Enrolled,
    Parameters(Sizes { first, second }): Parameters<Sizes>,
) -> Result<Json<ConsistencyBody>, Problem> {
    let proof = api.audit.consistency(first, second).await?;
    Ok(Json(ConsistencyBody { first, second, path: path(proof.path()) }))
}

#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
pub(super) struct Wanted {
    /// Only those of this session.
    sid: Option<String>,
    /// Only those after this number.
    #[serde(default)]
    #[param(required = false)]
    after: u64,
    /// Under the tree head of this size [default: the newest].
    tree_size: Option<u64>,
    limit: Option<u32>,
}

#[derive(Serialize, ToSchema)]
#[schema(as = Record)]
struct RecordBody {
    seq: u64,
    record: String,
    path: Vec<String>,
}

#[derive(Serialize, ToSchema)]
#[schema(as = Records)]
pub(super) struct RecordsBody {
    head: HeadBody,
    records: Vec<RecordBody>,
    more: bool,
}

/// The records of a key, with their proofs
///
/// `path` is the inclusion proof of the leaf `seq - 1` under `head`; `more` says to go on with `after` and the same
/// `tree_size`.
#[utoipa::path(
    get, path = "/v1/keys/{key_id}/records", tag = "audit", params(("key_id" = String, Path), Wanted),
    responses((status = 200, body = RecordsBody), Problems),
)]
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
