//! Opening keys as devices and the operator see them.

use std::sync::Arc;

use envelope::SubjectKeyId;

use super::operator::Operator;
use crate::domain::{
    Error,
    audit::{Act, Event},
    opening::OpeningKey,
    ports::{Store, Write},
};

/// Which opening keys there are.
pub struct OpeningKeys {
    store: Arc<dyn Store>,
}

impl OpeningKeys {
    /// The service over its port.
    #[must_use]
    pub fn new(store: Arc<dyn Store>) -> Self {
        Self { store }
    }

    /// All, oldest first; those retired too.
    ///
    /// # Errors
    /// Storage faults.
    pub async fn list(&self) -> Result<Vec<OpeningKey>, Error> {
        Ok(self.store.opening_keys().await?)
    }
}

impl Operator {
    /// All opening keys, oldest first.
    ///
    /// # Errors
    /// Storage faults.
    pub async fn opening_keys(&self) -> Result<Vec<OpeningKey>, Error> {
        OpeningKeys::new(Arc::clone(&self.store)).list().await
    }

    /// Retires an opening key: no new bids are to be locked to it. The locks of old bids open as before. Again changes
    /// nothing.
    ///
    /// # Errors
    /// [`Error::NotFound`], storage faults.
    pub async fn retire_opening_key(&self, id: &SubjectKeyId) -> Result<OpeningKey, Error> {
        let key = self.opening_key(id).await?;
        if key.retired_ms.is_some() {
            return Ok(key);
        }
        let (public_key, at_ms) = (key.public_key.as_point().to_bytes(), self.clock.now_ms());
        let event = Event::administration(at_ms, Act::RETIRE, format!("opening key {id}"));
        let event = Event { public_key: Some(public_key), ..event };
        self.store.commit([Write::RetireOpeningKey { public_key, at_ms }, Write::Log(event)].into()).await?;
        self.opening_key(id).await
    }

    async fn opening_key(&self, id: &SubjectKeyId) -> Result<OpeningKey, Error> {
        let mut keys = self.opening_keys().await?.into_iter();
        keys.find(|key| key.id() == *id).ok_or(Error::NotFound)
    }
}
