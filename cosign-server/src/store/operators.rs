//! Operators and proposals: their writes, and what operators read.

use cosign_core::{DeviceId, PinMode, Suite, sm_primitives::point::PublicPoint};
use futures_util::future::BoxFuture;
use serde::{Deserialize, Serialize};

use super::{
    apply::{Applied, changed, run, stored},
    database::Database,
    query::{Connection, Row, query},
    read, registry,
    rows::{self, bytes, malformed, name, number, optional},
};
use crate::domain::{
    ca::Request,
    device::{Device, Name},
    enrolment::CodeHash,
    key::StoredKey,
    operators::{
        Decided, KeyAct, MAX_OPEN, Operator, Person, Proposal, ProposalId, Roles, State,
        ports::{OperatorWrite, Roster, WhichKeys, WhichProposals, WhichRequests},
    },
    ports::StoreError,
};

/// An act as it is stored.
#[derive(Serialize, Deserialize)]
#[serde(tag = "act", rename_all = "kebab-case")]
enum ActRow {
    Unfreeze { key_id: String },
    Unlock { key_id: String },
    Revoke { key_id: String, all_shares: bool },
    Seats { key_id: String, max: u32 },
    Recover { public_key: String, device_id: String, suite: String, pin_mode: String, label: Name },
    EnrolmentCode { uses: u32, ttl_ms: u64 },
}

impl From<&KeyAct> for ActRow {
    fn from(act: &KeyAct) -> Self {
        match act {
            KeyAct::Unfreeze(key_id) => Self::Unfreeze { key_id: key_id.to_string() },
            KeyAct::Unlock(key_id) => Self::Unlock { key_id: key_id.to_string() },
            KeyAct::Revoke { key_id, all_shares } => {
                Self::Revoke { key_id: key_id.to_string(), all_shares: *all_shares }
            }
            KeyAct::Seats { key_id, max } => Self::Seats { key_id: key_id.to_string(), max: *max },
            KeyAct::Recover { public_key, device, suite, mode, label } => Self::Recover {
                public_key: hex::encode(public_key.as_point().to_bytes()),
                device_id: device.to_string(),
                suite: suite.as_str().to_owned(),
                pin_mode: mode.as_str().to_owned(),
                label: label.clone(),
            },
            KeyAct::EnrolmentCode { uses, ttl_ms } => Self::EnrolmentCode { uses: *uses, ttl_ms: *ttl_ms },
        }
    }
}

impl ActRow {
    fn act(self) -> Option<KeyAct> {
        Some(match self {
            Self::Unfreeze { key_id } => KeyAct::Unfreeze(key_id.parse().ok()?),
            Self::Unlock { key_id } => KeyAct::Unlock(key_id.parse().ok()?),
            Self::Revoke { key_id, all_shares } => {
                KeyAct::Revoke { key_id: key_id.parse().ok()?, all_shares }
            }
            Self::Seats { key_id, max } => KeyAct::Seats { key_id: key_id.parse().ok()?, max },
            Self::Recover { public_key, device_id, suite, pin_mode, label } => {
                let bytes = hex::decode(public_key).ok()?;
                KeyAct::Recover {
                    public_key: PublicPoint::from_bytes(bytes.as_slice().try_into().ok()?)?.into(),
                    device: device_id.parse().ok()?,
                    suite: [Suite::D, Suite::F2].into_iter().find(|one| one.as_str() == suite)?,
                    mode: PinMode::from_name(&pin_mode)?,
                    label,
                }
            }
            Self::EnrolmentCode { uses, ttl_ms } => KeyAct::EnrolmentCode { uses, ttl_ms },
        })
    }
}

pub(super) async fn apply(connection: &mut Connection, write: &OperatorWrite) -> Applied {
    match write {
        OperatorWrite::SetRoles { id, name, from, to, at_ms } => Ok(changed(run!(
            connection,
            "INSERT INTO operators (device_id, name, roles, granted_ms) VALUES ($1, $2, $3, $4) \
             ON CONFLICT (device_id) DO UPDATE SET roles = excluded.roles \
             WHERE operators.roles = $5 AND operators.name = excluded.name",
            &id.as_bytes()[..],
            name.as_str(),
            to.bits(),
            stored(*at_ms),
            from.bits(),
        ))),
        OperatorWrite::ExpectRoles { id, roles } => {
            let found = query("SELECT name FROM operators WHERE device_id = $1 AND roles = $2");
            let found = found.bind(&id.as_bytes()[..]).bind(roles.bits()).optional(connection).await?;
            Ok(found.map(drop).ok_or(StoreError::Stale))
        }
        OperatorWrite::Propose(proposal) => propose(connection, proposal).await,
        OperatorWrite::Settle { id, to, by, at_ms } => Ok(changed(run!(
            connection,
            "UPDATE proposals SET state = $1, decider = $2, decided_ms = $3 \
             WHERE proposal = $4 AND state = 'open' AND expires_ms > $3",
            to.as_str(),
            &by.as_bytes()[..],
            stored(*at_ms),
            &id.as_bytes()[..],
        ))),
    }
}

async fn propose(connection: &mut Connection, proposal: &Proposal) -> Applied {
    let act = serde_json::to_string(&ActRow::from(&proposal.act));
    let rows = run!(
        connection,
        "INSERT INTO proposals (proposal, act, facts, code, reason, proposer, state, created_ms, expires_ms) \
         SELECT $1, $2, $3, $4, $5, $6, 'open', $7, $8 \
         WHERE (SELECT COUNT(*) FROM proposals WHERE state = 'open' AND expires_ms > $7) < $9",
        &proposal.id.as_bytes()[..],
        act.map_err(|error| sqlx::Error::Encode(error.into()))?,
        &proposal.facts[..],
        proposal.code.map(|code| code.0.to_vec()),
        proposal.reason.as_str(),
        &proposal.proposer.id.as_bytes()[..],
        stored(proposal.created_ms),
        stored(proposal.expires_ms),
        MAX_OPEN,
    );
    Ok(if rows == 0 { Err(StoreError::Busy) } else { Ok(()) })
}

fn operator(row: &Row) -> Result<Operator, sqlx::Error> {
    let roles = Roles::from_bits(number(row, "roles")?);
    Ok(Operator {
        id: DeviceId::from_bytes(bytes(row, "device_id")?),
        name: name(row, "name")?,
        roles: roles.ok_or_else(|| malformed("unknown roles"))?,
        granted_ms: number(row, "granted_ms")?,
    })
}

const PROPOSALS: &str = "SELECT p.*, o.name AS proposer_name, d.name AS decider_name FROM proposals p \
     JOIN operators o ON o.device_id = p.proposer LEFT JOIN operators d ON d.device_id = p.decider";

fn proposal(row: &Row) -> Result<Proposal, sqlx::Error> {
    let act: ActRow = serde_json::from_str(row.get("act")?).map_err(|_| malformed("an act is malformed"))?;
    let decided = match optional(row, "decider")? {
        Some(id) => {
            let by = Person { id: DeviceId::from_bytes(id), name: name(row, "decider_name")? };
            Some(Decided { by, at_ms: number(row, "decided_ms")? })
        }
        None => None,
    };
    Ok(Proposal {
        id: ProposalId::from_bytes(bytes(row, "proposal")?),
        act: act.act().ok_or_else(|| malformed("an act is malformed"))?,
        facts: bytes(row, "facts")?,
        code: optional(row, "code")?.map(CodeHash),
        reason: row.get("reason")?,
        proposer: Person {
            id: DeviceId::from_bytes(bytes(row, "proposer")?),
            name: name(row, "proposer_name")?,
        },
        written: State::from_name(row.get("state")?).ok_or_else(|| malformed("unknown state"))?,
        created_ms: number(row, "created_ms")?,
        expires_ms: number(row, "expires_ms")?,
        decided,
    })
}

impl Roster for Database {
    fn operator<'a>(&'a self, id: &'a DeviceId) -> BoxFuture<'a, Result<Option<Operator>, StoreError>> {
        Box::pin(async {
            let row = query("SELECT * FROM operators WHERE device_id = $1").bind(&id.as_bytes()[..]);
            read::one(row.optional(self.readers()).await, operator)
        })
    }

    fn operators(&self) -> BoxFuture<'_, Result<Vec<Operator>, StoreError>> {
        Box::pin(async {
            let rows = query("SELECT * FROM operators ORDER BY name, device_id");
            read::all(rows.all(self.readers()).await, operator)
        })
    }

    fn proposal<'a>(&'a self, id: &'a ProposalId) -> BoxFuture<'a, Result<Option<Proposal>, StoreError>> {
        Box::pin(async {
            let row = query(format!("{PROPOSALS} WHERE p.proposal = $1")).bind(&id.as_bytes()[..]);
            read::one(row.optional(self.readers()).await, proposal)
        })
    }

    fn proposals(&self, which: WhichProposals) -> BoxFuture<'_, Result<Vec<Proposal>, StoreError>> {
        Box::pin(async move {
            let mut rows = query(format!("{PROPOSALS} WHERE 1 = 1"));
            match which.state {
                None => {}
                Some(State::Open) => {
                    rows.push(" AND p.state = 'open' AND p.expires_ms > ", stored(which.now_ms));
                }
                Some(State::Expired) => {
                    rows.push(" AND p.state = 'open' AND p.expires_ms <= ", stored(which.now_ms));
                }
                Some(state) => rows.push(" AND p.state = ", state.as_str()),
            }
            if let Some(after) = which.after {
                rows.push(
                    " AND (p.created_ms, p.proposal) < (SELECT a.created_ms, a.proposal FROM proposals a \
                     WHERE a.proposal = ",
                    &after.as_bytes()[..],
                );
                rows = rows.then(")");
            }
            rows.push(" ORDER BY p.created_ms DESC, p.proposal DESC LIMIT ", which.limit);
            read::all(rows.all(self.readers()).await, proposal)
        })
    }

    fn keys_where(&self, which: WhichKeys) -> BoxFuture<'_, Result<Vec<StoredKey>, StoreError>> {
        Box::pin(read::keys_where(self.readers(), which))
    }

    fn devices(&self, after: Option<DeviceId>, limit: u32) -> BoxFuture<'_, Result<Vec<Device>, StoreError>> {
        Box::pin(async move {
            let rows = query("SELECT * FROM devices WHERE device_id > $1 ORDER BY device_id LIMIT $2")
                .bind(after.map_or_else(Vec::new, |id| id.as_bytes().to_vec()))
                .bind(limit);
            read::all(rows.all(self.readers()).await, rows::device)
        })
    }

    fn requests_where(&self, which: WhichRequests) -> BoxFuture<'_, Result<Vec<Request>, StoreError>> {
        Box::pin(registry::read::requests_where(self.readers(), which))
    }
}

#[cfg(test)]
mod tests {
    use cosign_core::{KeyId, sm_primitives::sm2::PrivateKey};

    use super::*;

    #[test]
    fn acts_are_read_as_they_were_written() {
        let key_id = KeyId::from_bytes([1; 16]);
        let private = PrivateKey::from_bytes(&[1; 32]).unwrap();
        let recover = KeyAct::Recover {
            public_key: *private.public_key(),
            device: DeviceId::from_bytes([2; 32]),
            suite: Suite::F2,
            mode: PinMode::Oblivious,
            label: "mail".to_owned().try_into().unwrap(),
        };
        for act in [
            KeyAct::Unfreeze(key_id),
            KeyAct::Unlock(key_id),
            KeyAct::Revoke { key_id, all_shares: true },
            KeyAct::Seats { key_id, max: 3 },
            recover,
            KeyAct::EnrolmentCode { uses: 11, ttl_ms: 5 },
        ] {
            let text = serde_json::to_string(&ActRow::from(&act)).unwrap();
            let row: ActRow = serde_json::from_str(&text).unwrap();
            assert!(text.contains(&format!("\"act\":\"{}\"", act.as_str())), "{text}");
            assert_eq!(row.act(), Some(act));
        }
    }
}
