//! The server's audit log: its head, and proofs. What is given was checked.

use cosign_core::{
    KeyId, LogId,
    audit::{ConsistencyProof, Hash, InclusionProof, Invalid, Item, Record, SignedTreeHead, TreeHead},
};
use serde::Deserialize;
use sm_primitives::sm2::{PublicKey, Signature};

use super::Client;
use crate::error::Error;

#[derive(Deserialize)]
struct LogBody {
    public_key: String,
    head: HeadBody,
}

#[derive(Deserialize)]
struct HeadBody {
    log_id: String,
    tree_size: u64,
    timestamp_ms: u64,
    root: String,
    signature: String,
}

#[derive(Deserialize)]
struct ConsistencyBody {
    path: Vec<String>,
}

#[derive(Deserialize)]
struct RecordsBody {
    head: HeadBody,
    records: Vec<RecordBody>,
    more: bool,
}

#[derive(Deserialize)]
struct RecordBody {
    record: String,
    path: Vec<String>,
}

const NOT_UNDERSTOOD: Error = Error::BadAnswer("not of an audit log");

fn bytes<const N: usize>(text: &str) -> Result<[u8; N], Error> {
    let mut bytes = [0; N];
    hex::decode_to_slice(text, &mut bytes).map_err(|_| NOT_UNDERSTOOD)?;
    Ok(bytes)
}

fn path(hashes: &[String]) -> Result<Vec<Hash>, Error> {
    hashes.iter().map(|hash| bytes(hash)).collect()
}

impl HeadBody {
    fn read(&self) -> Result<SignedTreeHead, Error> {
        let head = TreeHead {
            log_id: LogId::from_bytes(bytes(&self.log_id)?),
            size: self.tree_size,
            at_ms: self.timestamp_ms,
            root: bytes(&self.root)?,
        };
        let signature = Signature::from_bytes(&bytes(&self.signature)?).map_err(|_| NOT_UNDERSTOOD)?;
        Ok(SignedTreeHead::new(head, signature))
    }
}

/// A tree head that verifies under the key beside it.
#[derive(Clone, Copy, Debug)]
pub struct LogHead {
    /// The key of the log.
    pub log_key: PublicKey,
    /// Its newest head.
    pub head: SignedTreeHead,
}

impl Client {
    /// The newest tree head of the server's audit log. It is shown to be consistent with `earlier`, if there is one.
    ///
    /// # Errors
    /// [`Error::LogInvalid`]; as [`Client::server`].
    pub async fn log_head(&self, earlier: Option<&SignedTreeHead>) -> Result<LogHead, Error> {
        let body: LogBody = self.get("/v1/audit/head").await?;
        let log_key = PublicKey::from_spki_pem(&body.public_key).map_err(|_| NOT_UNDERSTOOD)?;
        let head = body.head.read()?;
        let size = head.head().size;
        head.verify(&log_key).map_err(|_| Invalid::Signature { size })?;
        if let Some(earlier) = earlier {
            earlier.verify(&log_key).map_err(|_| Invalid::OtherLog)?;
            self.check_consistency(earlier.head(), head.head()).await?;
        }
        Ok(LogHead { log_key, head })
    }

    async fn check_consistency(&self, earlier: &TreeHead, head: &TreeHead) -> Result<(), Error> {
        let (first, second) = (earlier.size, head.size);
        if first > second {
            return Err(Invalid::Shorter { size: second, earlier: first }.into());
        }
        let query = format!("/v1/audit/consistency?first={first}&second={second}");
        let body: ConsistencyBody = self.get(&query).await?;
        let proof = ConsistencyProof::new(first, second, path(&body.path)?).ok_or(NOT_UNDERSTOOD)?;
        Ok(proof.verify(&earlier.root, &head.root).map_err(|_| Invalid::Forked { size: first })?)
    }

    /// The records of a key of this device, under a head of [`Client::log_head`], as the items of an export: the key, the
    /// head, then each record with its proof. `take` gets them one by one; they are not verified yet.
    ///
    /// # Errors
    /// As [`Client::server`]; what `take` gave.
    pub async fn export_key(
        &self,
        key_id: KeyId,
        log: &LogHead,
        mut take: impl FnMut(Item) -> Result<(), Error>,
    ) -> Result<(), Error> {
        let size = log.head.head().size;
        take(Item::LogKey(log.log_key))?;
        take(Item::Head(log.head))?;
        let mut after = 0;
        loop {
            let query = format!("/v1/keys/{key_id}/records?tree_size={size}&after={after}");
            let page: RecordsBody = self.get(&query).await?;
            if page.head.tree_size != size {
                return Err(NOT_UNDERSTOOD);
            }
            for item in &page.records {
                let record = hex::decode(&item.record).ok().and_then(|bytes| Record::decode(&bytes).ok());
                let record = record.filter(|record| record.seq > after).ok_or(NOT_UNDERSTOOD)?;
                after = record.seq;
                let proof = InclusionProof::new(record.leaf_index(), size, path(&item.path)?);
                take(Item::Record(record))?;
                take(Item::Inclusion(proof.ok_or(NOT_UNDERSTOOD)?))?;
            }
            if !page.more || page.records.is_empty() {
                return Ok(());
            }
        }
    }
}
