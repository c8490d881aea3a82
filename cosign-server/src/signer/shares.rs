//! Several shares of one public key: op 08 makes one more, and its first refresh is what it arrives with.
//!
//! A share that has not arrived depends on the one that it was split from. Whether that is active is read with every
//! request, and the commit of the arrival holds only while it still is.

use cosign_core::{
    Code, Op,
    server::{Audit, KeyRecord, SplitJob},
};

use super::{
    issue::made,
    operate::{Failed, Scene, event, spend},
    pool::Slot,
    service::Core,
    vault::Locked,
};
use crate::domain::{
    audit::{Act, Event, MOVED},
    device::Name,
    key::{IssuedKey, Kind, Status, StoredKey},
    ports::Write,
};

impl Core {
    /// Tells an arriving record whether the share that it was split from is active; that one's row.
    pub(super) async fn look_up_parent(&self, locked: &mut Locked) -> Result<Option<StoredKey>, Failed> {
        let record = locked.as_mut().map(|hot| &mut hot.record);
        let Some(KeyRecord { status: Status::Arriving, parent: Some(parent), .. }) = record else {
            return Ok(None);
        };
        let row = self.store.key(&parent.key_id).await?;
        parent.active = row.as_ref().is_some_and(|row| row.status == Status::Active);
        Ok(row)
    }

    /// Op 08: computed under the key's lock, so that nothing changes the share that is split.
    pub(super) async fn split(
        &self,
        scene: Scene<'_>,
        locked: &mut Locked,
        job: SplitJob,
        slot: Slot,
    ) -> Result<Vec<u8>, Failed> {
        let internal = Failed::Refused(Code::Internal);
        // Taken out until it is saved: if anything fails, the key is loaded again as it was.
        let Some(hot) = locked.take() else { return Err(internal) };
        let issued = self.usable(&job.to(), scene.now_ms).await?;
        let free_seats = self.store.key(&scene.key_id).await?.map_or(0, |row| row.seats.free());
        let (terms, mut rng) = (issued.as_ref().map(IssuedKey::terms), self.rng());
        let ran = self.pool.run(slot, move || {
            let outcome = job.run(&hot.record, terms.as_ref(), free_seats, &mut rng);
            (hot, outcome)
        });
        let Some((mut hot, (executed, arriving))) = ran.await else { return Err(internal) };
        let mut more = vec![Write::Spend(spend(&executed.audit, hot.stored.version, 0))];
        match arriving.as_ref().zip(issued) {
            Some((record, issued)) => {
                more.extend(self.added(&scene, &executed.audit, record, issued.label)?);
            }
            None => more.push(Write::Log(event(&executed.audit, &scene, ""))),
        }
        let version = hot.stored.version;
        if let Err(failed) = self.save(&mut hot, executed.record_changed, more).await {
            return Err(self.refused_late(scene, version, &executed.audit, failed).await);
        }
        **locked = Some(hot);
        Ok(self.replays.of(&scene.key_id).complete(executed))
    }

    /// The new share, its key id used up, and a record for each of the two.
    fn added(
        &self,
        scene: &Scene<'_>,
        audit: &Audit,
        record: &KeyRecord,
        label: Name,
    ) -> Result<[Write; 4], Failed> {
        let Some(parent) = record.parent else { return Err(Failed::Refused(Code::Internal)) };
        let (to, kind) = (record.key_id, parent.kind.as_str());
        let new = Event::administration(
            scene.now_ms,
            Act::operation(Op::Split),
            format!("{kind} of {}", scene.key_id),
        );
        let new = Event { sid: Some(scene.sid), ..new.about(to, Some(*scene.device)) };
        Ok([
            Write::UseKeyId { key_id: to, now_ms: scene.now_ms },
            self.new_key(record, label)?,
            Write::Log(event(audit, scene, &format!("{kind} to {to}"))),
            Write::Log(made(record, new)),
        ])
    }
}

/// What the arrival of a share supposes of the one that it was split from, or does to it.
pub(super) fn arrival(scene: &Scene<'_>, kind: Kind, parent: &StoredKey) -> Vec<Write> {
    let key_id = parent.key_id;
    match kind {
        Kind::Share => vec![Write::Expect { key_id, version: parent.version }],
        Kind::Move => {
            let event = Event::administration(scene.now_ms, Act::REVOKE, MOVED);
            let event = event.about(key_id, Some(*scene.device));
            vec![
                Write::MoveAway { key_id },
                Write::Log(Event { epoch: parent.epoch, sid: Some(scene.sid), ..event }),
            ]
        }
    }
}
