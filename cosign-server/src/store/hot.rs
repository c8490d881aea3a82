//! The unit of every signature (a session is used up or a version is supposed, and a record is appended), for many at
//! once: two statements instead of two for each.

use std::collections::HashSet;

use cosign_core::audit::Frontier;

use super::{
    apply::stored,
    audit, keys, purge,
    query::{Connection, Query, Value, chunks, query},
};
use crate::domain::{
    audit::Event,
    ports::{Spend, StoreError, Unit, Write},
};

/// What such a unit supposes.
#[derive(Clone, Copy)]
enum Supposed<'a> {
    Session(&'a Spend),
    Version { key: &'a [u8; 16], version: i64 },
}

/// A unit that is written together with others of its kind.
#[derive(Clone, Copy)]
pub(super) struct Hot<'a> {
    supposed: Supposed<'a>,
    event: &'a Event,
}

impl<'a> Hot<'a> {
    /// `None`: it does something else.
    pub(super) fn of(unit: &'a Unit) -> Option<Self> {
        let [first, Write::Log(event)] = &unit.0[..] else { return None };
        let supposed = match first {
            Write::Spend(spend) if spend.decrypts == 0 => Supposed::Session(spend),
            Write::Expect { key_id, version } => {
                Supposed::Version { key: key_id.as_bytes(), version: *version }
            }
            _ => return None,
        };
        Some(Self { supposed, event })
    }
}

/// Writes units in their order; what became of each goes to `outcomes`. `Err` means that the connection or the disk failed.
pub(super) async fn write(
    connection: &mut Connection,
    units: &[Hot<'_>],
    tree: &mut Frontier,
    outcomes: &mut Vec<Result<(), StoreError>>,
) -> Result<(), sqlx::Error> {
    // Sessions go as they come: all at once they would keep everybody waiting.
    if let Some(now_ms) = units.iter().map(|unit| unit.event.at_ms).min() {
        purge::sessions(&mut *connection, now_ms, 2 * units.len()).await?;
    }
    let first = outcomes.len();
    let spends: Vec<_> = units.iter().filter_map(Hot::spend).collect();
    let versions: Vec<_> = units.iter().filter_map(Hot::version).collect();
    let (mut spent, mut current) = (Vec::new(), Vec::new());
    for chunk in chunks(&spends) {
        spend(connection, chunk, &mut spent).await?;
    }
    for chunk in chunks(&versions) {
        expect(connection, chunk, &mut current).await?;
    }
    let (mut spent, mut current) = (spent.into_iter(), current.into_iter());
    outcomes.extend(units.iter().map(|unit| {
        let next = match unit.supposed {
            Supposed::Session(_) => spent.next(),
            Supposed::Version { .. } => current.next(),
        };
        next.unwrap_or(Err(StoreError::Unavailable))
    }));
    let done = outcomes.get(first..).unwrap_or_default();
    let events: Vec<_> =
        units.iter().zip(done).filter(|(_, outcome)| outcome.is_ok()).map(|(unit, _)| unit.event).collect();
    audit::append_all(connection, &events, tree).await
}

impl<'a> Hot<'a> {
    const fn spend(&self) -> Option<&'a Spend> {
        match self.supposed {
            Supposed::Session(spend) => Some(spend),
            Supposed::Version { .. } => None,
        }
    }

    const fn version(&self) -> Option<(&'a [u8; 16], i64)> {
        match self.supposed {
            Supposed::Version { key, version } => Some((key, version)),
            Supposed::Session(_) => None,
        }
    }
}

/// Uses up sessions whose keys are as they are supposed to be.
async fn spend(
    connection: &mut Connection,
    spends: &[&Spend],
    outcomes: &mut Vec<Result<(), StoreError>>,
) -> Result<(), sqlx::Error> {
    let rows = spends.iter().map(|spend| -> [Value; 5] {
        [
            (&spend.key_id.as_bytes()[..]).into(),
            spend.version.into(),
            (&spend.sid.as_bytes()[..]).into(),
            (&spend.fp[..]).into(),
            stored(spend.until_ms).into(),
        ]
    });
    let statement = of_current_keys(
        "INSERT INTO spent_sessions (key_id, sid, fp, until_ms) \
         SELECT keys.key_id, given.column3, given.column4, given.column5",
        rows,
    );
    let statement = statement.then(" ON CONFLICT (key_id, sid) DO NOTHING");
    let (inserted, mut new) = if spends.iter().any(|spend| spend.new) {
        let rows = statement.then(" RETURNING key_id, sid").all(&mut *connection).await?;
        let new = rows.iter().map(|row| Ok((row.get(0)?, row.get(1)?)));
        (rows.len(), new.collect::<Result<HashSet<(Vec<u8>, Vec<u8>)>, sqlx::Error>>()?)
    } else {
        let inserted = statement.execute(&mut *connection).await?;
        (usize::try_from(inserted).unwrap_or(usize::MAX), HashSet::new())
    };
    if inserted == spends.len() {
        outcomes.extend(spends.iter().map(|_| Ok(())));
        return Ok(());
    }
    // One of them is refused, or was there with the same request. Those that were inserted are there with the same request.
    for spend in spends {
        let name = || (spend.key_id.as_bytes().to_vec(), spend.sid.as_bytes().to_vec());
        outcomes.push(match spend.new {
            false => keys::spend(connection, spend).await?,
            true if new.remove(&name()) => Ok(()),
            true => Err(keys::not_new(connection, spend).await?),
        });
    }
    Ok(())
}

/// Whether keys are as they are supposed to be.
async fn expect(
    connection: &mut Connection,
    versions: &[(&[u8; 16], i64)],
    outcomes: &mut Vec<Result<(), StoreError>>,
) -> Result<(), sqlx::Error> {
    let rows = versions.iter().map(|(key, version)| [Value::from(&key[..]), Value::from(*version)]);
    let found = of_current_keys("SELECT COUNT(*)", rows).one(&mut *connection).await?;
    if usize::try_from(found.get::<i64>(0)?) == Ok(versions.len()) {
        outcomes.extend(versions.iter().map(|_| Ok(())));
        return Ok(());
    }
    for (key, version) in versions {
        outcomes.push(keys::expect(connection, &cosign_core::KeyId::from_bytes(**key), *version).await?);
    }
    Ok(())
}

/// A statement over those of the given rows whose first two values are a key and its version. The order of the join is
/// given, because a database that knows nothing of the given rows may begin with all keys.
fn of_current_keys<const N: usize>(what: &'static str, rows: impl Iterator<Item = [Value; N]>) -> Query {
    let mut statement = query(what).then(" FROM (VALUES ");
    for row in rows {
        statement.row(row);
    }
    statement
        .then(") AS given CROSS JOIN keys WHERE keys.key_id = given.column1 AND keys.version = given.column2")
}
