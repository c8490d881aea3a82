//! What each write of operators and proposals supposes.

use super::*;
use crate::domain::operators::{
    KeyAct, MAX_OPEN, Person, Proposal, ProposalId, Role, Roles, State,
    ports::{OperatorWrite, Roster as _},
};

const OTHER: DeviceId = DeviceId::from_bytes([7; 32]);

fn roles(role: Role) -> Roles {
    Roles::NONE.with(role).unwrap()
}

fn set(id: DeviceId, who: &str, from: Roles, to: Roles) -> Write {
    Write::Operators(OperatorWrite::SetRoles { id, name: name(who), from, to, at_ms: 1 })
}

fn expect(id: DeviceId, roles: Roles) -> Write {
    Write::Operators(OperatorWrite::ExpectRoles { id, roles })
}

fn proposal(number: u8) -> Proposal {
    Proposal {
        id: ProposalId::from_bytes([number; 16]),
        act: KeyAct::Unlock(KEY),
        facts: [0; 32],
        code: Some(CodeHash([number; 32])),
        reason: "seen".to_owned(),
        proposer: Person { id: DEVICE, name: name("one") },
        written: State::Open,
        created_ms: 10,
        expires_ms: 20,
        decided: None,
    }
}

fn propose(proposal: Proposal) -> Write {
    Write::Operators(OperatorWrite::Propose(Box::new(proposal)))
}

fn settle(number: u8, to: State, by: DeviceId, at_ms: u64) -> Write {
    let id = ProposalId::from_bytes([number; 16]);
    Write::Operators(OperatorWrite::Settle { id, to, by, at_ms })
}

async fn two_administrators() -> (tempfile::TempDir, Database) {
    let (folder, store) = fresh().await;
    let other = Write::AddDevice(Device { id: OTHER, name: name("other"), enrolled_ms: 1 });
    let administrator = roles(Role::Administrator);
    let unit = [
        device(),
        other,
        set(DEVICE, "one", Roles::NONE, administrator),
        set(OTHER, "two", Roles::NONE, administrator),
    ];
    store.commit(unit.into()).await.unwrap();
    (folder, store)
}

#[tokio::test]
async fn roles_change_from_what_they_were_and_names_not_at_all() {
    let (_folder, store) = two_administrators().await;
    let (administrator, auditor) = (roles(Role::Administrator), roles(Role::Auditor));
    for (write, refusal) in [
        (set(DEVICE, "one", Roles::NONE, auditor), StoreError::Stale),
        (set(DEVICE, "another", administrator, auditor), StoreError::Stale),
        (set(DeviceId::from_bytes([9; 32]), "three", Roles::NONE, auditor), StoreError::Stale),
        (expect(DEVICE, auditor), StoreError::Stale),
        (expect(DEVICE, Roles::NONE), StoreError::Stale),
    ] {
        assert_eq!(store.commit([write.clone()].into()).await, Err(refusal), "{write:?}");
    }
    store.commit([expect(DEVICE, administrator)].into()).await.unwrap();
    store.commit([set(DEVICE, "one", administrator, Roles::NONE)].into()).await.unwrap();
    assert_eq!(store.commit([expect(DEVICE, administrator)].into()).await, Err(StoreError::Stale));
    let names: Vec<_> = store.operators().await.unwrap().into_iter().map(|one| one.roles).collect();
    assert_eq!(names, [Roles::NONE, administrator]);

    // A name of somebody who has a role is taken; one that is free is not.
    let third =
        Write::AddDevice(Device { id: DeviceId::from_bytes([9; 32]), name: name("x"), enrolled_ms: 1 });
    store.commit([third].into()).await.unwrap();
    let taken = set(DeviceId::from_bytes([9; 32]), "two", Roles::NONE, auditor);
    assert_eq!(store.commit([taken].into()).await, Err(StoreError::Duplicate));
    let free = set(DeviceId::from_bytes([9; 32]), "one", Roles::NONE, auditor);
    store.commit([free].into()).await.unwrap();
    assert_eq!(
        store.commit([set(DEVICE, "one", Roles::NONE, administrator)].into()).await,
        Err(StoreError::Duplicate)
    );
}

#[tokio::test]
async fn a_proposal_is_decided_once_in_time_and_by_two() {
    let (_folder, store) = two_administrators().await;
    for number in 1..=4 {
        store.commit([propose(proposal(number))].into()).await.unwrap();
    }
    assert_eq!(store.proposal(&proposal(1).id).await.unwrap(), Some(proposal(1)));
    assert_eq!(store.commit([propose(proposal(1))].into()).await, Err(StoreError::Duplicate));
    // The database itself refuses what the rules never ask of it.
    for (to, by) in [(State::Executed, DEVICE), (State::Rejected, DEVICE), (State::Withdrawn, OTHER)] {
        let refused = store.commit([settle(1, to, by, 11)].into()).await;
        assert_eq!(refused, Err(StoreError::Corrupt), "{to:?}");
    }
    assert_eq!(store.commit([settle(1, State::Executed, OTHER, 20)].into()).await, Err(StoreError::Stale));
    store.commit([settle(1, State::Executed, OTHER, 19)].into()).await.unwrap();
    for (to, by) in [(State::Executed, OTHER), (State::Rejected, OTHER), (State::Withdrawn, DEVICE)] {
        assert_eq!(store.commit([settle(1, to, by, 11)].into()).await, Err(StoreError::Stale), "{to:?}");
    }
    store.commit([settle(2, State::Rejected, OTHER, 11)].into()).await.unwrap();
    store.commit([settle(3, State::Withdrawn, DEVICE, 11)].into()).await.unwrap();
    let decided = store.proposal(&proposal(1).id).await.unwrap().unwrap();
    assert_eq!((decided.written, decided.decided.unwrap().by.name), (State::Executed, name("two")));
}

#[tokio::test]
async fn open_proposals_are_bounded_and_expired_ones_do_not_count() {
    let (_folder, store) = two_administrators().await;
    let most = u8::try_from(MAX_OPEN).unwrap();
    let unit: Vec<_> = (0..most).map(|number| propose(proposal(number))).collect();
    store.commit(Unit(unit)).await.unwrap();
    assert_eq!(store.commit([propose(proposal(most))].into()).await, Err(StoreError::Busy));
    let later = Proposal { created_ms: 20, expires_ms: 30, ..proposal(most) };
    store.commit([propose(later)].into()).await.unwrap();
}
