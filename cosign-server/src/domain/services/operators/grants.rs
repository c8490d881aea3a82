//! Roles, granted and withdrawn on the command line of the server: the root of trust. Nothing of the API reaches this.

use std::sync::Arc;

use cosign_core::DeviceId;

use crate::domain::{
    Error,
    audit::{Act, Event},
    device::Name,
    operators::{
        Operator, Role, Roles,
        ports::{OperatorWrite, Roster},
    },
    ports::{Clock, Store, StoreError, Unit, Write},
};

/// Who is an operator.
pub struct Grants {
    store: Arc<dyn Store>,
    roster: Arc<dyn Roster>,
    clock: Arc<dyn Clock>,
}

impl Grants {
    /// The service over its ports.
    #[must_use]
    pub fn new(store: Arc<dyn Store>, roster: Arc<dyn Roster>, clock: Arc<dyn Clock>) -> Self {
        Self { store, roster, clock }
    }

    /// All operators by their names, withdrawn ones too.
    ///
    /// # Errors
    /// Storage faults.
    pub async fn list(&self) -> Result<Vec<Operator>, Error> {
        Ok(self.roster.operators().await?)
    }

    /// Gives a device one more role. Again changes nothing.
    ///
    /// # Errors
    /// [`Error::Conflict`] when the device is not enrolled, has another name as an operator, another operator has this name, or
    /// an auditor would have another role; storage faults.
    pub async fn grant(&self, id: &DeviceId, name: Name, role: Role) -> Result<Operator, Error> {
        if self.store.device(id).await?.is_none() {
            return Err(Error::Conflict("the device is not enrolled"));
        }
        let operator = self.roster.operator(id).await?;
        if operator.as_ref().is_some_and(|operator| operator.name != name) {
            return Err(Error::Conflict("the operator has another name, and keeps it"));
        }
        let from = operator.map_or(Roles::NONE, |operator| operator.roles);
        match self.set(id, name, from, from.with(role)?).await {
            Err(StoreError::Duplicate) => {
                Err(Error::Conflict("another operator has this name; one person is one operator"))
            }
            Err(error) => Err(error.into()),
            Ok(operator) => Ok(operator),
        }
    }

    /// Takes a role from an operator, or all of them. A running server obeys from the next request on. Again changes nothing.
    ///
    /// # Errors
    /// [`Error::NotFound`], storage faults.
    pub async fn withdraw(&self, id: &DeviceId, role: Option<Role>) -> Result<Operator, Error> {
        let operator = self.roster.operator(id).await?.ok_or(Error::NotFound)?;
        let to = role.map_or(Roles::NONE, |role| operator.roles.without(role));
        Ok(self.set(id, operator.name, operator.roles, to).await?)
    }

    async fn set(&self, id: &DeviceId, name: Name, from: Roles, to: Roles) -> Result<Operator, StoreError> {
        let at_ms = self.clock.now_ms();
        let changed = Role::ALL.into_iter().filter(|role| from.has(*role) != to.has(*role));
        let logs = changed.map(|role| {
            let word = if to.has(role) { "granted" } else { "withdrawn" };
            let note = format!("{id} {word}: {}, {}", role.as_str(), name.as_str());
            Write::Log(Event::administration(at_ms, Act::OPERATOR, note))
        });
        let mut unit = Unit(logs.collect());
        if !unit.0.is_empty() {
            unit.0.push(Write::Operators(OperatorWrite::SetRoles { id: *id, name, from, to, at_ms }));
            self.store.commit(unit).await?;
        }
        self.roster.operator(id).await?.ok_or(StoreError::Corrupt)
    }
}
