//! Wrapping keys in the database.

use super::*;

#[tokio::test]
async fn a_record_and_its_wrapping_key_are_there_together() {
    let (_folder, store) = fresh().await;
    with_key(&store).await;
    assert_eq!(store.commit([wrapping_key(1)].into()).await, Err(StoreError::Duplicate));
    store.commit([wrapping_key(2)].into()).await.unwrap();
    let versions = async || {
        let keys = store.wrapping_keys().await.unwrap();
        keys.into_iter().map(|key| key.version).collect::<Vec<_>>()
    };
    let reseal = |old: u8, share: u8, pending: u8| {
        Write::Reseal(Box::new(Resealed {
            key_id: KEY,
            old: (sealed(old, 9), Some(sealed(1, 8))),
            new: (sealed(share, 9), Some(sealed(pending, 8))),
        }))
    };
    assert_eq!(store.commit([reseal(1, 3, 2)].into()).await, Err(StoreError::Stale), "no such wrapping key");
    assert_eq!(store.commit([reseal(2, 2, 2)].into()).await, Err(StoreError::Stale), "not as it was");
    store.commit([reseal(1, 2, 1), Write::DropWrappingKeys].into()).await.unwrap();
    assert_eq!(versions().await, [1, 2], "the pending refresh names the first");
    assert_eq!(store.sealed_before(2, None, 10).await.unwrap().len(), 1);
    let last = Resealed {
        key_id: KEY,
        old: (sealed(2, 9), Some(sealed(1, 8))),
        new: (sealed(2, 9), Some(sealed(2, 8))),
    };
    store.commit([Write::Reseal(Box::new(last)), Write::DropWrappingKeys].into()).await.unwrap();
    assert_eq!(versions().await, [2]);
    assert!(store.sealed_before(2, None, 10).await.unwrap().is_empty());
    // Who still seals under the dropped key is told that he is behind.
    let old = key(KEY, 1);
    assert_eq!(store.commit([Write::SaveKey(Box::new(old))].into()).await, Err(StoreError::Stale));
}

#[tokio::test]
async fn another_master_key_takes_all_wrapping_keys_or_none() {
    let (_folder, store) = fresh().await;
    with_key(&store).await;
    store.commit([wrapping_key(2)].into()).await.unwrap();
    let replace = |from: &[u8; 4], versions: &[u32]| Write::ReplaceMasterKey {
        from: *from,
        to: *b"bbbb",
        keys: versions
            .iter()
            .map(|&version| WrappedKey { version, wrapped: vec![7], created_ms: 1 })
            .collect(),
    };
    for refused in [replace(b"cccc", &[1, 2]), replace(b"aaaa", &[1]), replace(b"aaaa", &[1, 3])] {
        assert_eq!(store.commit([refused].into()).await, Err(StoreError::Stale));
        store.bind_master_key(b"aaaa").await.unwrap();
        assert!(store.wrapping_keys().await.unwrap().iter().all(|key| key.wrapped.len() == 65));
    }
    store.commit([replace(b"aaaa", &[1, 2])].into()).await.unwrap();
    store.bind_master_key(b"bbbb").await.unwrap();
    assert!(store.wrapping_keys().await.unwrap().iter().all(|key| key.wrapped == [7]));
    // A rotation that began under the old master key.
    assert_eq!(store.commit([wrapping_key(3)].into()).await, Err(StoreError::Stale));
}
