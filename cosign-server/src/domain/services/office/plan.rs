//! What is to change, gathered until it is committed.

use std::collections::{BTreeMap, VecDeque};

use super::{Failed, Office};
use crate::domain::{
    Error,
    clients::ClientId,
    events::Notice,
    office::{
        Effect, Entity, Id, Judged, Moment, Named as _, Stored,
        account::Account,
        dispatch::{self, Dispatch, Order, Template},
        judge, kind_named,
        personal::Kind,
        ports::{EntityRow, FoundRow, OfficeWrite, Operation},
    },
    page::{Cursor, Page, Paged},
    ports::{Unit, Write},
};

/// How long a text about something that happened is worth sending, milliseconds.
const NOTICE_MS: u64 = 86_400_000;
/// Most changes of one plan: what hangs on one account or enterprise is bounded, and this is far beyond it.
const MAX_CHANGES: usize = 20_000;

/// Events that happen together, with what they bring along.
pub(super) struct Plan<'o> {
    office: &'o Office,
    /// When it happens, unix milliseconds.
    pub(super) now_ms: u64,
    actor: Option<Id>,
    rows: BTreeMap<(&'static str, Id), EntityRow>,
    /// What was read: what was judged by it holds at the commit.
    read: BTreeMap<(&'static str, Id), FoundRow>,
    /// What was listed under whom, each with its version.
    listed: BTreeMap<(&'static str, Id), BTreeMap<Id, i64>>,
    operations: Vec<Operation>,
    effects: VecDeque<Effect>,
    writes: Vec<Write>,
    guard: Option<Write>,
    /// The account and the device of it at which a user is.
    at: Option<(Id, Id)>,
}

/// Where a plan stood.
pub(super) struct Mark {
    rows: BTreeMap<(&'static str, Id), EntityRow>,
    operations: usize,
    effects: usize,
    writes: usize,
}

impl<'o> Plan<'o> {
    pub(super) fn new(office: &'o Office, actor: Option<Id>) -> Self {
        Self {
            office,
            now_ms: office.ports.clock.now_ms(),
            actor,
            rows: BTreeMap::new(),
            read: BTreeMap::new(),
            listed: BTreeMap::new(),
            operations: Vec::new(),
            effects: VecDeque::new(),
            writes: Vec::new(),
            guard: None,
            at: None,
        }
    }

    /// Whose plan it is.
    pub(super) const fn office(&self) -> &'o Office {
        self.office
    }

    /// At which device of the account the user is.
    pub(super) const fn on(&mut self, account: Id, terminal: Id) {
        self.at = Some((account, terminal));
    }

    /// The account and the device of it at which the user is, if a user is.
    pub(super) const fn device(&self) -> Option<(Id, Id)> {
        self.at
    }

    /// By whom it is from now on: who registers is somebody only after that.
    pub(super) const fn by(&mut self, actor: Id) {
        self.actor = Some(actor);
    }

    /// A new id that comes after those before it: what is made within one millisecond is listed in that order. Half of it is
    /// chance.
    ///
    /// # Errors
    /// [`Error::Internal`] when the random source fails.
    pub(super) fn id(&self) -> Result<Id, Error> {
        let place = self.office.next_place(self.now_ms).to_be_bytes();
        let chance: [u8; 8] = self.office.random()?;
        let mut id = [0; 16];
        let (first, rest) = id.split_at_mut(8);
        first.copy_from_slice(&place);
        rest.copy_from_slice(&chance);
        Ok(Id::from_bytes(id))
    }

    /// Makes an entity.
    ///
    /// # Errors
    /// What its transition says.
    pub(super) fn make<E: Entity>(&mut self, id: Id, event: &E::Event) -> Result<E, Error> {
        let (entity, judged) = judge::<E>(None, event, self.moment(id))?;
        self.note(judged)?;
        Ok(entity)
    }

    /// Something happens to an entity.
    ///
    /// # Errors
    /// [`Error::NotFound`], what its transition says, storage faults.
    pub(super) async fn happen<E: Entity>(&mut self, id: Id, event: &E::Event) -> Result<E, Error> {
        let before = self.before(E::KIND, id).await?;
        let (entity, judged) = judge::<E>(Some(&before), event, self.moment(id))?;
        self.note(judged)?;
        Ok(entity)
    }

    /// An entity as it will be. What is read is still so when the plan is committed, or it is made anew.
    ///
    /// # Errors
    /// [`Error::NotFound`], storage faults.
    pub(super) async fn find<E: Entity>(&mut self, id: Id) -> Result<Stored<E>, Error> {
        Stored::read(&self.before(E::KIND, id).await?)
    }

    /// An entity as it will be, if there is one.
    ///
    /// # Errors
    /// Storage faults.
    pub(super) async fn seek<E: Entity>(&mut self, id: Id) -> Result<Option<Stored<E>>, Error> {
        self.row(E::KIND, id).await?.as_ref().map(Stored::read).transpose()
    }

    /// All that is listed under somebody, newest first, as it was before this plan. It is still so when the plan is committed, or
    /// it is made anew.
    ///
    /// # Errors
    /// Storage faults.
    pub(super) async fn all_under<E: Entity>(&mut self, target: Id) -> Result<Vec<Stored<E>>, Error> {
        self.rows_under(E::KIND, target).await?.iter().map(Stored::read).collect()
    }

    async fn rows_under(&mut self, kind: &'static str, target: Id) -> Result<Vec<FoundRow>, Error> {
        let rows = self.office.rows_under(kind, target).await?;
        let versions = rows.iter().map(|row| (row.id, row.version));
        // Read twice, it is what it was the first time, or else the plan is made anew.
        self.listed.entry((kind, target)).or_insert_with(|| versions.collect());
        Ok(rows)
    }

    /// Something has to happen with it.
    pub(super) fn bring(&mut self, effect: Effect) {
        self.effects.push_back(effect);
    }

    /// Where it stands, to come back to.
    pub(super) fn mark(&self) -> Mark {
        Mark {
            rows: self.rows.clone(),
            operations: self.operations.len(),
            effects: self.effects.len(),
            writes: self.writes.len(),
        }
    }

    /// Drops what happened since: of many things that are done together one is not done, and leaves nothing behind.
    pub(super) fn back_to(&mut self, mark: Mark) {
        self.rows = mark.rows;
        self.operations.truncate(mark.operations);
        self.effects.truncate(mark.effects);
        self.writes.truncate(mark.writes);
    }

    /// A write that is no entity.
    pub(super) fn write(&mut self, write: Write) {
        self.writes.push(write);
    }

    /// What must hold when it is committed.
    pub(super) fn suppose(&mut self, guard: Option<Write>) {
        self.guard = guard;
    }

    pub(super) const fn moment(&self, id: Id) -> Moment<'o> {
        Moment { id, now_ms: self.now_ms, rules: &self.office.rules }
    }

    async fn before(&mut self, kind: &'static str, id: Id) -> Result<FoundRow, Error> {
        self.row(kind, id).await?.ok_or(Error::NotFound)
    }

    async fn row(&mut self, kind: &'static str, id: Id) -> Result<Option<FoundRow>, Error> {
        if let Some(row) = self.rows.get(&(kind, id)) {
            return Ok(Some(found(row)));
        }
        if let Some(row) = self.read.get(&(kind, id)) {
            return Ok(Some(row.clone()));
        }
        let row = self.office.ports.entities.entity(kind, id).await?;
        self.read.extend(row.clone().map(|row| ((kind, id), row)));
        Ok(row)
    }

    /// The one place where an entity changes.
    fn note(&mut self, judged: Judged) -> Result<(), Error> {
        let Judged { mut row, event, from, effects } = judged;
        let place = (row.kind, row.id);
        // Several events of one plan are one change of the row.
        if let Some(before) = self.rows.get(&place) {
            row.version = before.version;
        }
        if self.rows.len() >= MAX_CHANGES {
            return Err(Error::Internal);
        }
        let (kind, id, to) = (row.kind, row.id, row.state);
        self.operations.extend(event.map(|event| Operation {
            at_ms: self.now_ms,
            actor: self.actor,
            kind,
            id,
            event,
            from,
            to,
        }));
        self.effects.extend(effects);
        self.rows.insert(place, row);
        Ok(())
    }

    async fn effect(&mut self, effect: Effect) -> Result<(), Error> {
        match effect {
            Effect::Make(what) => {
                let id = self.id()?;
                self.note(what.judge(None, self.moment(id))?)
            }
            Effect::On(id, what) => {
                let before = self.row(what.kind(), id).await?;
                self.note(what.judge(before.as_ref(), self.moment(id))?)
            }
            Effect::OnAll { target, but, what } => {
                for listed in self.rows_under(what.kind(), target).await? {
                    // As it is now: the plan may have changed it already.
                    let before = self.before(what.kind(), listed.id).await?;
                    let is_there = self
                        .rows
                        .get(&(what.kind(), listed.id))
                        .is_none_or(|row| row.listed_under.contains(&target));
                    let is_over = (kind_named(what.kind())?.is_over)(&before.state)?;
                    if Some(before.id) != but && is_there && !is_over {
                        self.note(what.judge(Some(&before), self.moment(before.id))?)?;
                    }
                }
                Ok(())
            }
            Effect::Text(account, notice) => {
                let account = self.find::<Account>(account).await?.entity;
                let (Some(phone), Some(_)) = (account.phone, &self.office.ports.sms) else { return Ok(()) };
                let text = self.office.ports.vault.seal(Kind::Text, notice.as_str())?;
                let until_ms = self.now_ms.saturating_add(NOTICE_MS);
                self.dispatch(Order::sms(phone, Template::Notice, text, until_ms))
            }
            Effect::Inform(client, kind, data) => {
                let client = ClientId::from_bytes(*client.as_bytes());
                self.write(Notice::to_client(client, self.now_ms, kind, data));
                Ok(())
            }
            Effect::Detach(account) => {
                self.write(Write::Office(OfficeWrite::Detach(account)));
                Ok(())
            }
            Effect::Forget { kind, target, until_ms } => {
                self.write(Write::Office(OfficeWrite::Forget { kind, target, until_ms }));
                Ok(())
            }
            Effect::Dispatch(order) => self.dispatch(order),
            Effect::Certificate(authority, serial, what) => {
                let unit = self.office.ports.authorities.changing(&authority, &serial, what).await?;
                self.writes.extend(unit.0);
                Ok(())
            }
        }
    }

    fn dispatch(&mut self, order: Order) -> Result<(), Error> {
        let id = self.id()?;
        self.make::<Dispatch>(id, &dispatch::Event::Order(order)).map(drop)
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
        unit.0.extend(self.guard);
        for ((kind, id), FoundRow { version, .. }) in self.read {
            if !self.rows.contains_key(&(kind, id)) {
                unit.0.push(Write::Office(OfficeWrite::Still { kind, id, version }));
            }
        }
        for ((kind, target), rows) in self.listed {
            let rows = rows.into_iter().collect();
            unit.0.push(Write::Office(OfficeWrite::StillUnder { kind, target, rows }));
        }
        // What gives up a name comes before what takes it.
        let (new, changed): (Vec<_>, Vec<_>) = self.rows.into_values().partition(|row| row.version == 1);
        unit.0.extend(changed.into_iter().map(|row| Write::Office(OfficeWrite::Save(Box::new(row)))));
        unit.0.extend(new.into_iter().map(|row| Write::Office(OfficeWrite::Add(Box::new(row)))));
        unit.0
            .extend(self.operations.into_iter().map(|operation| Write::Office(OfficeWrite::Log(operation))));
        unit.0.extend(self.writes);
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
        state: row.state.to_owned(),
        body: row.body.clone(),
        created_ms: row.created_ms,
        changed_ms: row.changed_ms,
        version: row.version,
    }
}

impl Office {
    /// All that is listed under somebody, newest first.
    pub(super) async fn all_under<E: Entity>(&self, target: Id) -> Result<Vec<Stored<E>>, Error> {
        self.rows_under(E::KIND, target).await?.iter().map(Stored::read).collect()
    }

    async fn rows_under(&self, kind: &'static str, target: Id) -> Result<Vec<FoundRow>, Error> {
        let (mut all, mut page) = (Vec::new(), Page::default());
        loop {
            let rows = self.ports.entities.entities_under(kind, target, &page).await?;
            let Paged { items, next } = page.of(rows, cursor);
            all.extend(items);
            let Some(next) = next else { return Ok(all) };
            page = Page::new(Some(next), None)?;
        }
    }
}

/// Where a page ends.
pub(super) fn cursor(row: &FoundRow) -> Cursor {
    Cursor { at_ms: row.created_ms, id: row.id.as_bytes().to_vec() }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        domain::office::linked::{self, Elsewhere, Linked},
        testing::World,
    };

    fn bind(plan: &mut Plan<'_>, account: Id, name: u8) {
        let event = linked::Event::Bind { account, elsewhere: Elsewhere::WeChat, name: [name; 32] };
        plan.make::<Linked>(plan.id().unwrap(), &event).unwrap();
    }

    #[tokio::test]
    async fn what_was_read_holds_at_the_commit() {
        let world = World::new().await;
        let (account, other) = (Id::from_bytes([1; 16]), Id::from_bytes([2; 16]));
        let plan = || world.office.plan(None);
        let mut first = plan();
        bind(&mut first, account, 1);
        first.commit().await.unwrap();
        let one = world.office.all_under::<Linked>(account).await.unwrap()[0].id;

        // One more in the list that it read, or one that changed.
        let mut added = plan();
        assert_eq!(added.all_under::<Linked>(account).await.unwrap().len(), 1);
        let mut changed = plan();
        changed.all_under::<Linked>(account).await.unwrap();
        let mut found = plan();
        found.find::<Linked>(one).await.unwrap();
        let mut elsewhere = plan();
        assert_eq!(elsewhere.all_under::<Linked>(other).await.unwrap().len(), 0);
        let mut second = plan();
        bind(&mut second, account, 2);
        second.commit().await.unwrap();
        bind(&mut added, other, 3);
        assert!(matches!(added.commit().await, Err(Failed::Again)));
        let mut all = plan();
        all.bring(Effect::on_all::<Linked>(account, None, linked::Event::Unbind));
        all.commit().await.unwrap();
        for mut stale in [changed, found] {
            bind(&mut stale, other, 4);
            assert!(matches!(stale.commit().await, Err(Failed::Again)));
        }
        // What others read does not matter to it.
        bind(&mut elsewhere, other, 5);
        elsewhere.commit().await.unwrap();
        // One goes and one comes: as many as before, and none of them has changed.
        let mut swapped = plan();
        assert_eq!(swapped.all_under::<Linked>(other).await.unwrap().len(), 1);
        let mut without = plan();
        let (kind, until_ms) = (Linked::KIND, world.now_ms());
        without.bring(Effect::Forget { kind, target: other, until_ms });
        without.commit().await.unwrap();
        let mut with = plan();
        bind(&mut with, other, 6);
        with.commit().await.unwrap();
        bind(&mut swapped, account, 7);
        assert!(matches!(swapped.commit().await, Err(Failed::Again)));
    }
}
