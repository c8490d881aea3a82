//! Events and all that they bring along, as one unit.

mod accounts;
mod codes;
mod passwords;
mod plan;
mod work;

use std::sync::Arc;

use futures_util::future::BoxFuture;
use tokio::sync::Notify;

pub use self::accounts::{Credential, LoggedIn, Login, User};
use self::plan::Plan;
use crate::domain::{
    Error,
    office::{
        Entity, Id, Rules, Stored,
        personal::Phone,
        ports::{Entities, FoundRow, Vault},
        providers::{KeptText, Sms},
    },
    page::{Cursor, Page, Paged},
    ports::{Clock, Entropy, Store, StoreError},
};

/// Times it is tried again because something was changed meanwhile.
const ATTEMPTS: usize = 8;

/// What the office needs from outside.
#[derive(Clone)]
pub struct OfficePorts {
    /// Where everything is committed.
    pub store: Arc<dyn Store>,
    /// Where entities are read.
    pub entities: Arc<dyn Entities>,
    /// Who reads what is personal.
    pub vault: Arc<dyn Vault>,
    /// Who sends texts, if anybody does.
    pub sms: Option<Arc<dyn Sms>>,
    /// Time.
    pub clock: Arc<dyn Clock>,
    /// Chance.
    pub entropy: Arc<dyn Entropy>,
}

/// Accounts and all that hangs on them.
pub struct Office {
    ports: OfficePorts,
    rules: Rules,
    /// Told when there is something for a provider to do.
    work: Notify,
}

/// Why a plan was not carried out.
#[derive(Debug)]
enum Failed {
    /// Something that it supposed had changed when it was committed: it is to be made anew.
    Again,
    /// It is not allowed, or does not work.
    For(Error),
}

impl From<Error> for Failed {
    fn from(error: Error) -> Self {
        Self::For(error)
    }
}

impl From<StoreError> for Failed {
    fn from(error: StoreError) -> Self {
        match error {
            StoreError::Stale | StoreError::Duplicate => Self::Again,
            error => Self::For(error.into()),
        }
    }
}

fn read<E: Entity>(row: &FoundRow) -> Result<Stored<E>, Error> {
    let entity = serde_json::from_str(&row.body).map_err(|error| {
        tracing::error!(kind = E::KIND, id = %row.id, %error, "an entity cannot be read");
        Error::Internal
    })?;
    Ok(Stored { id: row.id, created_ms: row.created_ms, changed_ms: row.changed_ms, entity })
}

impl Office {
    /// The office over its ports.
    #[must_use]
    pub fn new(ports: OfficePorts, rules: Rules) -> Self {
        Self { ports, rules, work: Notify::new() }
    }

    /// The settings.
    #[must_use]
    pub const fn rules(&self) -> &Rules {
        &self.rules
    }

    /// What a sandbox kept of texts to a phone, newest first; `None` when texts are really sent, or none are.
    #[must_use]
    pub fn kept_texts(&self, phone: &Phone) -> Option<Vec<KeptText>> {
        self.ports.sms.as_ref()?.kept(phone)
    }

    /// One entity.
    ///
    /// # Errors
    /// [`Error::NotFound`], storage faults.
    pub async fn find<E: Entity>(&self, id: Id) -> Result<Stored<E>, Error> {
        let row = self.ports.entities.entity(E::KIND, id).await?;
        read(&row.ok_or(Error::NotFound)?)
    }

    /// The one that is called so.
    ///
    /// # Errors
    /// Storage faults.
    pub async fn named<E: Entity>(&self, name: [u8; 32]) -> Result<Option<Stored<E>>, Error> {
        self.ports.entities.entity_named(E::KIND, name).await?.map(|row| read(&row)).transpose()
    }

    /// A page of those that are listed under somebody, newest first.
    ///
    /// # Errors
    /// Storage faults.
    pub async fn under<E: Entity>(&self, target: Id, page: &Page) -> Result<Paged<Stored<E>>, Error> {
        let rows = self.ports.entities.entities_under(E::KIND, target, page).await?;
        paged(page, &rows)
    }

    /// A plan by an account, or by the system.
    fn plan(&self, actor: Option<Id>) -> Plan<'_> {
        Plan::new(self, actor)
    }

    /// Makes a plan and commits it, anew when something changed meanwhile.
    async fn carry_out<'a, T>(
        &'a self,
        make: impl Fn() -> BoxFuture<'a, Result<T, Failed>>,
    ) -> Result<T, Error> {
        for _ in 0..ATTEMPTS {
            match make().await {
                Ok(done) => return Ok(done),
                Err(Failed::Again) => {}
                Err(Failed::For(error)) => return Err(error),
            }
        }
        Err(StoreError::Stale.into())
    }

    fn random<const N: usize>(&self) -> Result<[u8; N], Error> {
        let mut bytes = [0; N];
        self.ports.entropy.fill(&mut bytes)?;
        Ok(bytes)
    }
}

fn paged<E: Entity>(page: &Page, rows: &[FoundRow]) -> Result<Paged<Stored<E>>, Error> {
    let found = rows.iter().map(read).collect::<Result<Vec<_>, _>>()?;
    Ok(page.of(found, |one: &Stored<E>| Cursor { at_ms: one.created_ms, id: one.id.as_bytes().to_vec() }))
}
