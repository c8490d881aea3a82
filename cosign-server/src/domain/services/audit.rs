//! The audit log as others see it: its head, proofs, and an export.

use std::sync::Arc;

use cosign_core::{
    KeyId, SessionId,
    audit::{ConsistencyProof, EXPORT_MAGIC, Frontier, InclusionProof, Item, Node, Record, SignedTreeHead},
    sm_primitives::{point::PublicPoint, sm2::PublicKey},
};

use crate::domain::{
    Error,
    audit::{Entry, SealedAuditKey},
    device::Device,
    ports::{RecordsOfKey, Store},
};

/// Most records in one answer.
const MAX_RECORDS: u32 = 64;
/// Records and heads read at a time for an export.
const PAGE: u32 = 1000;

/// Reading the audit log. Everything it gives is under a signed tree head.
pub struct AuditLog {
    store: Arc<dyn Store>,
}

/// Records of a key, each with the proof that the log of the head holds it.
#[derive(Clone, Debug)]
pub struct ProvenRecords {
    /// The head that all proofs lead to.
    pub head: SignedTreeHead,
    /// The records, oldest first.
    pub records: Vec<(Record, InclusionProof)>,
    /// Whether there may be more after them.
    pub more: bool,
}

/// Which records of a key a device asks for.
#[derive(Clone, Copy, Debug, Default)]
pub struct Selection {
    /// Only those of this session.
    pub sid: Option<SessionId>,
    /// Only those after this number.
    pub after: u64,
    /// Under the head of this size; `None` for the newest.
    pub size: Option<u64>,
    /// At most so many, and at most 64.
    pub limit: Option<u32>,
}

impl AuditLog {
    /// The service over its port.
    #[must_use]
    pub fn new(store: Arc<dyn Store>) -> Self {
        Self { store }
    }

    /// The key that signs the heads.
    ///
    /// # Errors
    /// [`Error::NotFound`] before there is one; storage faults.
    pub async fn log_key(&self) -> Result<PublicKey, Error> {
        let key = self.store.audit_key().await?.ok_or(Error::NotFound)?;
        public_key(&key)
    }

    /// The newest head, or the newest of a size.
    ///
    /// # Errors
    /// [`Error::NotFound`] when there is none; storage faults.
    pub async fn head(&self, size: Option<u64>) -> Result<SignedTreeHead, Error> {
        self.store.tree_head(size).await?.ok_or(Error::NotFound)
    }

    /// Proof that the tree of `second` records begins with that of `first`.
    ///
    /// # Errors
    /// [`Error::BadRequest`] unless 1 <= `first` <= `second` <= size of the newest head; storage faults.
    pub async fn consistency(&self, first: u64, second: u64) -> Result<ConsistencyProof, Error> {
        if first == 0 || first > second || second > self.head(None).await?.head().size {
            return Err(Error::BadRequest("sizes are 1 <= first <= second <= size of the newest tree head"));
        }
        let nodes = self.store.audit_nodes(ConsistencyProof::nodes(first, second)).await?;
        ConsistencyProof::make(first, second, |node| nodes.get(&node).copied()).ok_or(Error::Internal)
    }

    /// The records of a key that the device owns, with proofs.
    ///
    /// # Errors
    /// [`Error::NotFound`] for an unknown key, another device's, and a size without a head; storage faults.
    pub async fn records_of(
        &self,
        device: &Device,
        key_id: &KeyId,
        selection: Selection,
    ) -> Result<ProvenRecords, Error> {
        let issued = self.store.issued(key_id).await?.filter(|issued| issued.device == device.id);
        issued.ok_or(Error::NotFound)?;
        self.prove(key_id, selection).await
    }

    async fn prove(&self, key_id: &KeyId, selection: Selection) -> Result<ProvenRecords, Error> {
        let head = self.head(selection.size).await?;
        let size = head.head().size;
        let limit = selection.limit.unwrap_or(MAX_RECORDS).clamp(1, MAX_RECORDS);
        let Selection { sid, after, .. } = selection;
        let wanted = RecordsOfKey { key_id: *key_id, sid, after, up_to: size, limit };
        let entries = self.store.audit_of_key(&wanted).await?;
        let records: Vec<Record> = entries.iter().map(record).collect::<Result<_, _>>()?;
        let mut nodes: Vec<Node> =
            records.iter().flat_map(|record| InclusionProof::nodes(record.leaf_index(), size)).collect();
        nodes.sort_unstable();
        nodes.dedup();
        let nodes = self.store.audit_nodes(nodes).await?;
        let more = u32::try_from(records.len()) == Ok(limit);
        let prove = |record: Record| {
            let proof = InclusionProof::make(record.leaf_index(), size, |node| nodes.get(&node).copied());
            proof.map(|proof| (record, proof)).ok_or(Error::Internal)
        };
        Ok(ProvenRecords { head, records: records.into_iter().map(prove).collect::<Result<_, _>>()?, more })
    }

    /// Writes an export (its format is that of [`Item`]): all records from number `from` on with the heads over them, or
    /// those of one key with proofs. Gives the head that it ends with and the number of records.
    ///
    /// # Errors
    /// [`Error::BadRequest`] when no head covers record `from` yet; storage faults; what `write` gave.
    pub async fn export<E: From<Error>>(
        &self,
        from: u64,
        key: Option<&KeyId>,
        mut write: impl FnMut(&[u8]) -> Result<(), E>,
    ) -> Result<(SignedTreeHead, u64), E> {
        let head = self.head(None).await?;
        let before = from.saturating_sub(1);
        if before >= head.head().size {
            return Err(Error::BadRequest("no tree head covers that record yet").into());
        }
        write(EXPORT_MAGIC)?;
        write(&Item::LogKey(self.log_key().await?).encode())?;
        let records = match key {
            Some(key_id) => self.export_key(&head, before, key_id, &mut write).await?,
            None => self.export_run(&head, before, &mut write).await?,
        };
        Ok((head, records))
    }

    async fn export_key<E: From<Error>>(
        &self,
        head: &SignedTreeHead,
        before: u64,
        key_id: &KeyId,
        write: &mut impl FnMut(&[u8]) -> Result<(), E>,
    ) -> Result<u64, E> {
        write(&Item::Head(*head).encode())?;
        let (mut after, mut count) = (before, 0);
        loop {
            let selection = Selection { after, size: Some(head.head().size), ..Selection::default() };
            let page = self.prove(key_id, selection).await?;
            for (record, proof) in page.records {
                (after, count) = (record.seq, count + 1);
                write(&Item::Record(record).encode())?;
                write(&Item::Inclusion(proof).encode())?;
            }
            if !page.more {
                return Ok(count);
            }
        }
    }

    async fn export_run<E: From<Error>>(
        &self,
        last: &SignedTreeHead,
        before: u64,
        write: &mut impl FnMut(&[u8]) -> Result<(), E>,
    ) -> Result<u64, E> {
        let nodes = Frontier::nodes(before);
        let hashes = self.store.audit_nodes(nodes.clone()).await.map_err(Error::from)?;
        let peaks = nodes.iter().filter_map(|node| hashes.get(node).copied()).collect();
        let start = Frontier::from_peaks(before, peaks).ok_or(Error::Internal)?;
        write(&Item::Start(start).encode())?;
        let (size, mut after) = (last.head().size, before);
        let mut heads = Heads::new(Arc::clone(&self.store));
        while heads.next_if(|head| head.head().size <= before).await?.is_some() {}
        while after < size {
            let page = self.store.audit(after, PAGE).await.map_err(Error::from)?;
            if page.is_empty() {
                return Err(Error::Internal.into());
            }
            for entry in page.iter().take_while(|entry| entry.seq <= size) {
                write(&Item::Record(record(entry)?).encode())?;
                after = entry.seq;
                while let Some(head) = heads.next_if(|head| head.head().size == after).await? {
                    write(&Item::Head(head).encode())?;
                }
            }
        }
        Ok(after - before)
    }
}

/// The heads in order, read in pages.
pub(super) struct Heads {
    store: Arc<dyn Store>,
    page: std::collections::VecDeque<SignedTreeHead>,
    read: u64,
}

impl Heads {
    pub(super) fn new(store: Arc<dyn Store>) -> Self {
        Self { store, page: std::collections::VecDeque::new(), read: 0 }
    }

    /// The next one, which stays where it is.
    pub(super) async fn peek(&mut self) -> Result<Option<SignedTreeHead>, Error> {
        if self.page.is_empty() {
            self.page = self.store.tree_heads(self.read, PAGE).await?.into();
            self.read += u64::try_from(self.page.len()).unwrap_or_default();
        }
        Ok(self.page.front().copied())
    }

    /// The next one, if it is wanted.
    pub(super) async fn next_if(
        &mut self,
        wanted: impl FnOnce(&SignedTreeHead) -> bool,
    ) -> Result<Option<SignedTreeHead>, Error> {
        match self.peek().await? {
            Some(head) if wanted(&head) => Ok(self.page.pop_front()),
            _ => Ok(None),
        }
    }
}

fn record(entry: &Entry) -> Result<Record, Error> {
    Record::decode(&entry.record).map_err(|_| Error::Internal)
}

pub(super) fn public_key(key: &SealedAuditKey) -> Result<PublicKey, Error> {
    PublicPoint::from_bytes(&key.public_key).map(PublicKey::from).ok_or(Error::Internal)
}
