//! What only a database server does.

use sqlx::PgConnection;

use super::*;

/// A database on the server, and another way to it. `None`, which is said, without a server.
async fn on_server() -> Option<(tempfile::TempDir, Source, PgConnection)> {
    let folder = tempfile::tempdir().unwrap();
    let source = new_database(folder.path().join("a.db")).await;
    if source.file().is_some() {
        eprintln!("not run: COSIGN_TEST_POSTGRES names no PostgreSQL server");
        return None;
    }
    let other = PgConnection::connect(&String::from(source.clone())).await.unwrap();
    Some((folder, source, other))
}

#[tokio::test]
async fn connections_that_break_are_made_again_and_nothing_is_lost() {
    let Some((folder, source, mut other)) = on_server().await else { return };
    let store = open_at(&source, &folder.path().join("a.tombstones")).await;
    let mut kept = Vec::new();
    for round in 0..5 {
        let note = format!("before {round}");
        store.commit([log(&note)].into()).await.unwrap();
        kept.push(note);
        let end = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity \
                   WHERE datname = current_database() AND pid <> pg_backend_pid()";
        sqlx::query(end).execute(&mut other).await.unwrap();
        // Who is told that nothing happened asks again.
        for attempt in 0.. {
            let note = format!("after {round} {attempt}");
            match store.commit([log(&note)].into()).await {
                Ok(()) => {
                    kept.push(note);
                    break;
                }
                Err(error) => assert_eq!((error, attempt < 3), (StoreError::Unavailable, true)),
            }
        }
        assert_eq!(store.audit_tree().await.unwrap().size(), kept.len() as u64);
    }
    assert_eq!(audit_notes(&store).await, kept);
}

#[tokio::test]
async fn whoever_holds_the_lock_is_waited_for_and_then_given_up() {
    let Some((folder, source, mut other)) = on_server().await else { return };
    let store = open_at(&source, &folder.path().join("a.tombstones")).await;
    // As a node does that stopped in the midst of its transaction; the sessions of nodes end by themselves, this one does not.
    sqlx::raw_sql("BEGIN; SELECT pg_advisory_xact_lock(109330328807278)").execute(&mut other).await.unwrap();
    let refused = store.commit([log("meanwhile")].into()).await;
    assert_eq!(refused, Err(StoreError::Unavailable));
    sqlx::raw_sql("ROLLBACK").execute(&mut other).await.unwrap();
    store.commit([log("then")].into()).await.unwrap();
    assert_eq!(audit_notes(&store).await, ["then"]);
}

#[tokio::test]
async fn a_server_that_may_lose_what_it_committed_is_refused() {
    let Some((folder, source, _other)) = on_server().await else { return };
    let text = String::from(source);
    let lossy: Source = format!("{text}&options[synchronous_commit]=off").parse().unwrap();
    let tombstones = folder.path().join("a.tombstones");
    let opened = Database::open(&lossy, &tombstones, Access::Create, Arc::new(Telemetry::new())).await;
    assert!(matches!(opened, Err(OpenError::Loses("synchronous_commit"))));
    let empty: Source = text.parse().unwrap();
    let opened = Database::open(&empty, &tombstones, Access::Existing, Arc::new(Telemetry::new())).await;
    assert!(matches!(opened, Err(OpenError::Empty)));
    let store = open_at(&empty, &tombstones).await;
    let copied = store.copy_to(&folder.path().join("copy")).await;
    assert!(matches!(copied, Err(OpenError::OnServer)));
}
