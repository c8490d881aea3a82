//! What the operator may do, on the database itself.

use std::sync::Arc;

use cosign_core::KeyId;

use super::{
    audit::{AuditLog, Heads},
    keys::{KeyView, list},
};
use crate::domain::{
    Error,
    audit::{Act, Broken, Entry, Event, Point, Walk, Walked},
    enrolment::{CodeHash, EnrolmentCode},
    key::{Change, Status, StoredKey, transition},
    page::Page,
    ports::{Clock, Entropy, Store, Unit, Write},
};

/// Records read at a time when the log is checked.
const PAGE: u32 = 1000;

/// The operator's acts. Each leaves its record in the audit log.
pub struct Operator {
    pub(super) store: Arc<dyn Store>,
    pub(super) clock: Arc<dyn Clock>,
    pub(super) entropy: Arc<dyn Entropy>,
}

impl Operator {
    /// The service over its ports.
    #[must_use]
    pub fn new(store: Arc<dyn Store>, clock: Arc<dyn Clock>, entropy: Arc<dyn Entropy>) -> Self {
        Self { store, clock, entropy }
    }

    /// Records that the data folder was made.
    ///
    /// # Errors
    /// Storage faults.
    pub async fn record_init(&self) -> Result<(), Error> {
        let event = Event::administration(self.clock.now_ms(), Act::INIT, env!("CARGO_PKG_VERSION"));
        Ok(self.store.commit([Write::Log(event)].into()).await?)
    }

    /// Makes an enrolment code for `uses` devices that is good for `ttl_ms`. It is shown once and never stored.
    ///
    /// # Errors
    /// [`Error::BadRequest`] for no uses or no time; random and storage faults.
    pub async fn new_code(&self, uses: u32, ttl_ms: u64) -> Result<EnrolmentCode, Error> {
        let code = EnrolmentCode::random(&*self.entropy)?;
        self.store.commit(self.code_unit(code.hash()?, uses, ttl_ms)?).await?;
        Ok(code)
    }

    pub(super) fn code_unit(&self, code: CodeHash, uses: u32, ttl_ms: u64) -> Result<Unit, Error> {
        if uses == 0 || ttl_ms == 0 {
            return Err(Error::BadRequest("a code needs at least one use and some time"));
        }
        let now_ms = self.clock.now_ms();
        let expires_ms = now_ms.saturating_add(ttl_ms);
        let add = Write::AddCode { code, uses, created_ms: now_ms, expires_ms };
        let event = Event::administration(now_ms, Act::CODE, format!("uses={uses}"));
        Ok([add, Write::Log(event)].into())
    }

    /// All keys, oldest first, at most `limit`.
    ///
    /// # Errors
    /// Storage faults.
    pub async fn keys(&self, limit: u32) -> Result<Vec<KeyView>, Error> {
        Ok(list(&*self.store, None, &Page::first(limit), self.clock.now_ms()).await?.items)
    }

    /// One key.
    ///
    /// # Errors
    /// [`Error::NotFound`], storage faults.
    pub async fn key(&self, key_id: &KeyId) -> Result<KeyView, Error> {
        let key = self.store.key(key_id).await?.ok_or(Error::NotFound)?;
        Ok(KeyView::of(key, self.clock.now_ms()))
    }

    /// Freezes, unfreezes or revokes a key. A running server obeys from the next operation on.
    ///
    /// # Errors
    /// [`Error::NotFound`], [`Error::Conflict`] when the key's status does not allow it, storage faults.
    pub async fn change(&self, key_id: &KeyId, change: Change) -> Result<KeyView, Error> {
        let unit = self.one_unit(key_id, change).await?;
        if !unit.0.is_empty() {
            self.store.commit(unit).await?;
        }
        self.key(key_id).await
    }

    /// Empty for a key that is in that status already.
    pub(super) async fn one_unit(&self, key_id: &KeyId, change: Change) -> Result<Unit, Error> {
        let key = self.store.key(key_id).await?.ok_or(Error::NotFound)?;
        let to = transition(key.status, change)?;
        if key.status == to {
            return Ok(Unit::default());
        }
        let event = changed(&key, change, self.clock.now_ms());
        let set = Write::SetStatus { key_id: *key_id, from: key.status, to };
        Ok([set, Write::Log(event)].into())
    }

    /// Resets the PIN counters of a key after its owner was identified; the next operation must be a refresh.
    ///
    /// # Errors
    /// [`Error::NotFound`], [`Error::Conflict`] for a revoked key, storage faults.
    pub async fn unlock(&self, key_id: &KeyId) -> Result<KeyView, Error> {
        self.store.commit(self.unlock_unit(key_id).await?).await?;
        self.key(key_id).await
    }

    pub(super) async fn unlock_unit(&self, key_id: &KeyId) -> Result<Unit, Error> {
        let key = self.store.key(key_id).await?.ok_or(Error::NotFound)?;
        match key.status {
            Status::Revoked => return Err(Error::Conflict("the key is revoked")),
            Status::Pending | Status::Arriving => {
                return Err(Error::Conflict("the key was never activated; revoke it instead"));
            }
            Status::Active | Status::Suspended => {}
        }
        let note = format!("fails={} total={}", key.gate.fails, key.gate.total);
        let event = Event {
            epoch: key.epoch,
            ..Event::administration(self.clock.now_ms(), Act::UNLOCK, note).about(*key_id, None)
        };
        Ok([Write::Unlock { key_id: *key_id }, Write::Log(event)].into())
    }

    /// Reads audit records after number `after`.
    ///
    /// # Errors
    /// Storage faults.
    pub async fn audit(&self, after: u64, limit: u32) -> Result<Vec<Entry>, Error> {
        Ok(self.store.audit(after, limit).await?)
    }

    /// The log as others see it.
    #[must_use]
    pub fn audit_log(&self) -> AuditLog {
        AuditLog::new(Arc::clone(&self.store))
    }

    /// Goes over the whole audit log and every tree head. `expected` is a size and root noted earlier, without which the
    /// end could be cut off unnoticed together with the heads over it.
    ///
    /// # Errors
    /// [`Error::NotFound`] without an audit key; storage faults. The inner result tells where the log breaks.
    pub async fn verify_audit(&self, expected: Option<Point>) -> Result<Result<Walked, Broken>, Error> {
        let mut walk = Walk::new(self.audit_log().log_key().await?, expected);
        let mut heads = Heads::new(Arc::clone(&self.store));
        loop {
            // Before the records: a server may be running, and what a head that is there was signed over is there too.
            let ahead = heads.peek().await?;
            let page = self.store.audit(walk.size(), PAGE).await?;
            if page.is_empty() {
                return Ok(walk.finish(ahead.as_ref()));
            }
            for entry in &page {
                if let Err(broken) = walk.record(entry) {
                    return Ok(Err(broken));
                }
                while let Some(head) = heads.next_if(|head| head.head().size <= entry.seq).await? {
                    if let Err(broken) = walk.head(&head) {
                        return Ok(Err(broken));
                    }
                }
            }
        }
    }
}

/// The record of a change of the operator.
pub(super) fn changed(key: &StoredKey, change: Change, now_ms: u64) -> Event {
    let act = match change {
        Change::Freeze => Act::FREEZE,
        Change::Unfreeze => Act::UNFREEZE,
        Change::Revoke => Act::REVOKE,
    };
    Event { epoch: key.epoch, ..Event::administration(now_ms, act, "").about(key.key_id, None) }
}
