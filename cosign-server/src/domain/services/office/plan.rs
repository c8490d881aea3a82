//! What is to change, gathered until it is committed.

use std::collections::{BTreeMap, VecDeque};

use super::{Failed, Office, read};
use crate::domain::{
    Error,
    office::{
        Effect, Entity, Id, Moment, Named, Stored,
        dispatch::{self, Dispatch},
        ports::{EntityRow, FoundRow, OfficeWrite, Operation},
        session::Session,
    },
    page::Page,
    ports::{Unit, Write},
};

/// Most changes of one plan: what hangs on one account or enterprise is bounded, and this is far beyond it.
const MAX_CHANGES: usize = 20_000;

/// Events that happen together, with what they bring along.
pub(super) struct Plan<'o> {
    office: &'o Office,
    /// When it happens, unix milliseconds.
    pub(super) now_ms: u64,
    actor: Option<Id>,
    rows: BTreeMap<(&'static str, Id), EntityRow>,
    operations: Vec<Operation>,
    effects: VecDeque<Effect>,
}

impl<'o> Plan<'o> {
    pub(super) fn new(office: &'o Office, actor: Option<Id>) -> Self {
        Self {
            office,
            now_ms: office.ports.clock.now_ms(),
            actor,
            rows: BTreeMap::new(),
            operations: Vec::new(),
            effects: VecDeque::new(),
        }
    }

    /// By whom it is from now on: who registers is somebody only after that.
    pub(super) const fn by(&mut self, actor: Id) {
        self.actor = Some(actor);
    }

    /// A new id.
    ///
    /// # Errors
    /// [`Error::Internal`] when the random source fails.
    pub(super) fn id(&self) -> Result<Id, Error> {
        self.office.random().map(Id::from_bytes)
    }

    /// Makes an entity.
    ///
    /// # Errors
    /// What its transition says.
    pub(super) fn make<E: Entity>(&mut self, id: Id, event: &E::Event) -> Result<E, Error> {
        self.moved(id, None, event)
    }

    /// Something happens to an entity.
    ///
    /// # Errors
    /// [`Error::NotFound`], what its transition says, storage faults.
    pub(super) async fn happen<E: Entity>(&mut self, id: Id, event: &E::Event) -> Result<E, Error> {
        let before = match self.rows.get(&(E::KIND, id)) {
            Some(row) => found(row),
            None => self.office.ports.entities.entity(E::KIND, id).await?.ok_or(Error::NotFound)?,
        };
        self.moved(id, Some(before), event)
    }

    /// The one place where an entity changes.
    fn moved<E: Entity>(&mut self, id: Id, before: Option<FoundRow>, event: &E::Event) -> Result<E, Error> {
        let now: Option<E> = before.as_ref().map(|row| read(row).map(|stored| stored.entity)).transpose()?;
        let moment = Moment { id, now_ms: self.now_ms, rules: &self.office.rules };
        let moved = E::transition(now.as_ref(), event, moment)?;
        let (from, to) = (now.map(|entity| entity.state().as_str()), moved.entity.state().as_str());
        self.operations.push(Operation {
            at_ms: self.now_ms,
            actor: self.actor,
            kind: E::KIND,
            id,
            event: E::event(event),
            from,
            to,
        });
        self.effects.extend(moved.effects);
        let entity = moved.entity;
        let row = EntityRow {
            kind: E::KIND,
            id,
            state: to,
            body: serde_json::to_string(&entity).map_err(|_| Error::Internal)?,
            created_ms: before.as_ref().map_or(self.now_ms, |row| row.created_ms),
            changed_ms: self.now_ms,
            due_ms: entity.due_ms(),
            // Several events of one plan are one change of the row.
            version: match (self.rows.get(&(E::KIND, id)), &before) {
                (Some(row), _) => row.version,
                (None, Some(row)) => row.version.saturating_add(1),
                (None, None) => 1,
            },
            names: entity.names(),
            listed_under: entity.listed_under(),
        };
        if self.rows.len() >= MAX_CHANGES {
            return Err(Error::Internal);
        }
        self.rows.insert((E::KIND, id), row);
        Ok(entity)
    }

    async fn effect(&mut self, effect: Effect) -> Result<(), Error> {
        match effect {
            Effect::Sessions { account, but, event } => {
                for session in self.office.all_under::<Session>(account).await? {
                    if Some(session.id) != but && session.entity.is_good(self.now_ms) {
                        self.happen::<Session>(session.id, &event).await?;
                    }
                }
                Ok(())
            }
            Effect::Dispatch(order) => {
                let id = self.id()?;
                self.make::<Dispatch>(id, &dispatch::Event::Order(order)).map(drop)
            }
        }
    }

    /// Carries out all effects and commits everything at once.
    ///
    /// # Errors
    /// [`Failed::Again`] when something that it supposed has changed; what a transition says; storage faults. Nothing
    /// happened then.
    pub(super) async fn commit(mut self) -> Result<(), Failed> {
        while let Some(effect) = self.effects.pop_front() {
            self.effect(effect).await?;
        }
        let dispatches = self.rows.keys().any(|(kind, _)| *kind == Dispatch::KIND);
        let mut unit = Unit::default();
        // What gives up a name comes before what takes it.
        let (new, changed): (Vec<_>, Vec<_>) = self.rows.into_values().partition(|row| row.version == 1);
        unit.0.extend(changed.into_iter().map(|row| Write::Office(OfficeWrite::Save(Box::new(row)))));
        unit.0.extend(new.into_iter().map(|row| Write::Office(OfficeWrite::Add(Box::new(row)))));
        unit.0
            .extend(self.operations.into_iter().map(|operation| Write::Office(OfficeWrite::Log(operation))));
        self.office.ports.store.commit(unit).await?;
        if dispatches {
            self.office.work.notify_one();
        }
        Ok(())
    }
}

fn found(row: &EntityRow) -> FoundRow {
    FoundRow {
        id: row.id,
        body: row.body.clone(),
        created_ms: row.created_ms,
        changed_ms: row.changed_ms,
        version: row.version,
    }
}

impl Office {
    /// All that is listed under somebody, newest first.
    pub(super) async fn all_under<E: Entity>(&self, target: Id) -> Result<Vec<Stored<E>>, Error> {
        let (mut all, mut page) = (Vec::new(), Page::default());
        loop {
            let found = self.under::<E>(target, &page).await?;
            all.extend(found.items);
            let Some(next) = found.next else { return Ok(all) };
            page = Page::new(Some(next), None)?;
        }
    }
}
