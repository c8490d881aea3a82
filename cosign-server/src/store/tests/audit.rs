//! The audit log in the database: records, subtrees, tree heads, and the key that signs them.

use super::*;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_processes_append_to_one_log() {
    let (folder, one) = fresh_file().await;
    let two = open(&folder.path().join("a.db")).await;
    let commits = (0..50).map(|index| {
        let store = if index % 2 == 0 { &one } else { &two };
        store.commit([log(&index.to_string())].into())
    });
    assert!(join_all(commits).await.iter().all(Result::is_ok));
    assert_eq!(walk(&one).await, 50);
}

#[tokio::test]
async fn the_audit_log_is_append_only() {
    let (folder, store) = fresh_file().await;
    store.commit([log("kept")].into()).await.unwrap();
    let url = format!("sqlite://{}", folder.path().join("a.db").display());
    let mut other = SqliteConnection::connect(&url).await.unwrap();
    assert!(sqlx::query("DELETE FROM audit").execute(&mut other).await.is_err());
    assert!(sqlx::query("UPDATE audit SET record = x'00'").execute(&mut other).await.is_err());
    store.commit([head(&store, 1).await].into()).await.unwrap();
    assert!(sqlx::query("DELETE FROM tree_heads").execute(&mut other).await.is_err());
    assert!(sqlx::query("UPDATE tree_heads SET size = 0").execute(&mut other).await.is_err());
    assert_eq!(audit_notes(&store).await, ["kept"]);
}

async fn head(store: &Database, at_ms: u64) -> Write {
    let tree = store.audit_tree().await.unwrap();
    let head = TreeHead::of(LogId::of(log_key().public_key()), &tree, at_ms);
    Write::AddHead(head.sign(&log_key(), &mut getrandom::SysRng).unwrap())
}

#[tokio::test]
async fn heads_keep_their_order() {
    let (_folder, store) = fresh().await;
    store.commit([log("1")].into()).await.unwrap();
    let (small, again) = (head(&store, 1).await, head(&store, 2).await);
    store.commit([small.clone()].into()).await.unwrap();
    store.commit([again].into()).await.unwrap();
    store.commit([log("2")].into()).await.unwrap();
    store.commit([head(&store, 3).await].into()).await.unwrap();
    assert_eq!(store.commit([small].into()).await, Err(StoreError::Stale));
    // Over the same records, by the slower clock of another node.
    assert_eq!(store.commit([head(&store, 2).await].into()).await, Err(StoreError::Stale));
    let times = |heads: Vec<SignedTreeHead>| Vec::from_iter(heads.iter().map(|head| head.head().at_ms));
    assert_eq!(times(store.tree_heads(0, 10).await.unwrap()), [1, 2, 3]);
    assert_eq!(times(store.tree_heads(1, 1).await.unwrap()), [2]);
    let newest = |head: Option<SignedTreeHead>| head.map(|head| head.head().at_ms);
    assert_eq!(newest(store.tree_head(None).await.unwrap()), Some(3));
    assert_eq!(newest(store.tree_head(Some(1)).await.unwrap()), Some(2));
    assert_eq!(newest(store.tree_head(Some(7)).await.unwrap()), None);
}

#[tokio::test]
async fn every_subtree_is_found_and_a_missing_one_is_told() {
    let (folder, store) = fresh_file().await;
    for index in 0..21 {
        store.commit([log(&index.to_string())].into()).await.unwrap();
    }
    let tree = store.audit_tree().await.unwrap();
    let nodes = Frontier::nodes(21);
    let found = store.audit_nodes(nodes.clone()).await.unwrap();
    let peaks: Vec<_> = nodes.iter().map(|node| found[node]).collect();
    assert_eq!((peaks.as_slice(), nodes.len()), (tree.peaks(), 3));
    let beyond = store.audit_nodes(Frontier::nodes(22)).await;
    assert_eq!(beyond, Err(StoreError::Corrupt));

    let url = format!("sqlite://{}", folder.path().join("a.db").display());
    let mut other = SqliteConnection::connect(&url).await.unwrap();
    sqlx::query("DROP TRIGGER audit_keeps_records").execute(&mut other).await.unwrap();
    sqlx::query("DELETE FROM audit WHERE seq = 16").execute(&mut other).await.unwrap();
    assert_eq!(store.audit_tree().await, Err(StoreError::Corrupt));
}

#[tokio::test]
async fn records_of_a_key_are_found_by_key_session_and_place() {
    let (_folder, store) = fresh().await;
    let event = |key: u8, sid: u8| {
        let event = Event::administration(1, Act::FREEZE, "").about(KeyId::from_bytes([key; 16]), None);
        Write::Log(Event { sid: Some(SessionId::from_bytes([sid; 16])), ..event })
    };
    store.commit([event(2, 1), event(3, 1), event(2, 2), log("x"), event(2, 1)].into()).await.unwrap();
    let all = RecordsOfKey { key_id: KEY, sid: None, after: 0, up_to: 9, limit: 9 };
    let sid = Some(SessionId::from_bytes([1; 16]));
    for (wanted, expected) in [
        (all, &[1, 3, 5][..]),
        (RecordsOfKey { after: 1, up_to: 4, ..all }, &[3]),
        (RecordsOfKey { limit: 2, ..all }, &[1, 3]),
        (RecordsOfKey { sid, ..all }, &[1, 5]),
        (RecordsOfKey { key_id: KeyId::from_bytes([9; 16]), ..all }, &[]),
    ] {
        let entries = store.audit_of_key(&wanted).await.unwrap();
        assert_eq!(Vec::from_iter(entries.iter().map(|entry| entry.seq)), expected, "{wanted:?}");
    }
}

#[tokio::test]
async fn there_is_one_audit_key() {
    let (_folder, store) = fresh().await;
    assert_eq!(store.audit_key().await, Ok(None));
    let key = SealedAuditKey { public_key: [1; 64], sealed: sealed(1, 9) };
    let set = || Write::SetAuditKey(key.clone());
    assert_eq!(store.commit([set()].into()).await, Err(StoreError::Stale), "no such wrapping key");
    store.bind_master_key(b"aaaa").await.unwrap();
    store.commit([wrapping_key(1), set()].into()).await.unwrap();
    assert_eq!(store.commit([set()].into()).await, Err(StoreError::Duplicate));
    assert_eq!(store.audit_key().await, Ok(Some(key.clone())));

    let reseal = |old: &[u8], new: &[u8]| Write::ResealAuditKey { old: old.to_vec(), new: new.to_vec() };
    let new = sealed(2, 8);
    assert_eq!(store.commit([reseal(&key.sealed, &new)].into()).await, Err(StoreError::Stale));
    store.commit([wrapping_key(2), Write::DropWrappingKeys].into()).await.unwrap();
    assert_eq!(store.wrapping_keys().await.unwrap().len(), 2, "the first is in use");
    assert_eq!(store.commit([reseal(&new, &new)].into()).await, Err(StoreError::Stale));
    store.commit([reseal(&key.sealed, &new), Write::DropWrappingKeys].into()).await.unwrap();
    assert_eq!(store.wrapping_keys().await.unwrap().len(), 1);
    assert_eq!(store.audit_key().await, Ok(Some(SealedAuditKey { sealed: new, ..key })));
}
