//! Programs of two versions on one database.

use sqlx::{
    SqlSafeStr as _,
    migrate::{Migration, MigrationType},
};

use super::*;
use crate::store::{Step, look, migrations};

const ADDS: &str =
    "CREATE TABLE notes (note TEXT PRIMARY KEY); CREATE INDEX devices_of_name ON devices (name)";
const CHANGES: &str = "ALTER TABLE devices ADD COLUMN note TEXT";

/// What a newer program knows: one migration more.
fn newer(source: &Source, name: &'static str, sql: &'static str) -> Vec<Migration> {
    let mut known = migrations::known(source).to_vec();
    let version = known.last().unwrap().version + 1;
    known.push(Migration::new(version, name.into(), MigrationType::Simple, sql.into_sql_str(), false));
    known
}

struct Place {
    _folder: tempfile::TempDir,
    source: Source,
    tombstones: std::path::PathBuf,
}

impl Place {
    /// A database of this version.
    async fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let source = new_database(folder.path().join("a.db")).await;
        let tombstones = folder.path().join("a.tombstones");
        open_at(&source, &tombstones).await.close().await;
        Self { _folder: folder, source, tombstones }
    }

    async fn open(&self, access: Access, known: &[Migration]) -> Result<Database, OpenError> {
        let telemetry = Arc::new(Telemetry::new());
        Database::open_with(&self.source, &self.tombstones, access, telemetry, known).await
    }

    async fn open_old(&self, access: Access) -> Result<Database, OpenError> {
        self.open(access, migrations::known(&self.source)).await
    }
}

#[tokio::test]
async fn programs_of_before_go_on_and_start_again_beside_an_additive_migration() {
    let place = Place::new().await;
    let known = newer(&place.source, "expand notes", ADDS);
    let old = place.open_old(Access::Existing).await.unwrap();
    old.commit([log("alone")].into()).await.unwrap();
    let new = place.open(Access::Existing, &known).await.unwrap();
    new.commit([log("new")].into()).await.unwrap();
    old.commit([log("beside")].into()).await.unwrap();
    old.close().await;
    let old = place.open_old(Access::Existing).await.unwrap();
    old.commit([device(), log("again")].into()).await.unwrap();
    assert_eq!(audit_notes(&new).await, ["alone", "new", "beside", "again"]);
    assert_eq!(new.device(&DEVICE).await.unwrap(), old.device(&DEVICE).await.unwrap());

    let schema = look(&place.source).await.unwrap().schema;
    let step = Step { version: schema.known + 1, name: "expand notes".to_owned() };
    assert_eq!((&schema.newer, schema.version), (&vec![step], schema.known + 1));
    schema.serves().unwrap();
    old.close().await;
    new.close().await;
}

#[tokio::test]
async fn what_older_programs_do_not_know_is_applied_on_demand_only_and_shuts_them_out() {
    let place = Place::new().await;
    let known = newer(&place.source, "contract notes", CHANGES);
    let version = known.last().unwrap().version;
    for access in [Access::Existing, Access::Create] {
        let refused = place.open(access, &known).await.map(drop).unwrap_err();
        assert!(
            matches!(refused, OpenError::Older { needed, .. } if needed == version),
            "{access:?}: {refused}"
        );
    }
    let schema = look(&place.source).await.unwrap().schema;
    assert_eq!((schema.pending, schema.newer), (Vec::new(), Vec::new()), "nothing was applied");
    place.open_old(Access::Existing).await.unwrap().close().await;

    place.open(Access::Migrate, &known).await.unwrap().close().await;
    place.open(Access::Existing, &known).await.unwrap().close().await;
    for access in [Access::Existing, Access::Create, Access::Migrate] {
        let refused = place.open_old(access).await.map(drop).unwrap_err();
        assert!(
            matches!(refused, OpenError::Newer { version: found, .. } if found == version),
            "{access:?}: {refused}"
        );
    }
    let refused = look(&place.source).await.unwrap().schema.serves().unwrap_err().to_string();
    assert!(refused.contains("contract notes") && refused.contains("newer"), "{refused}");
}

#[tokio::test]
async fn a_database_without_tables_is_for_init() {
    let folder = tempfile::tempdir().unwrap();
    let source = new_database(folder.path().join("a.db")).await;
    if let Some(file) = source.file() {
        std::fs::write(file, []).unwrap();
    }
    let tombstones = folder.path().join("a.tombstones");
    for access in [Access::Existing, Access::Migrate] {
        let opened = Database::open(&source, &tombstones, access, Arc::new(Telemetry::new())).await;
        assert!(matches!(opened.map(drop), Err(OpenError::Empty)), "{access:?}");
    }
    assert!(matches!(look(&source).await.unwrap().schema.serves(), Err(OpenError::Empty)));
}

#[tokio::test]
async fn looking_tells_what_is_durable_and_writes_nothing() {
    let place = Place::new().await;
    let found = look(&place.source).await.unwrap();
    assert!(!found.settings.is_empty() && found.settings.iter().all(|setting| setting.is_durable));
    assert_eq!(found.read_only, None);
    let store = place.open_old(Access::Existing).await.unwrap();
    let beside = look(&place.source).await.unwrap().others;
    assert_eq!(beside > 0, place.source.file().is_none(), "{beside}");
    store.close().await;
    let Some(file) = place.source.file() else { return };
    let missing = look(&file.with_extension("none").into()).await;
    assert!(matches!(missing, Err(OpenError::Missing(_))));
    // Without a write-ahead log.
    let mut connection = SqliteConnection::connect(&format!("sqlite://{}", file.display())).await.unwrap();
    sqlx::query("PRAGMA journal_mode = DELETE").fetch_one(&mut connection).await.unwrap();
    connection.close().await.unwrap();
    assert!(!look(&place.source).await.unwrap().settings[0].is_durable);
}

/// What a migration that only adds has in it beside new tables and indexes, and what holds for those tables alone: what is
/// unique in them, and triggers that refuse.
fn more_than_added(sql: &str) -> Option<String> {
    let code = sql.lines().map(|line| line.split("--").next().unwrap()).collect::<Vec<_>>().join(" ");
    let statements: Vec<_> =
        code.split(';').map(str::trim).filter(|statement| !statement.is_empty()).collect();
    let tables = statements.iter().filter_map(|statement| statement.strip_prefix("CREATE TABLE "));
    let tables: Vec<_> = tables.map(|rest| rest.split_whitespace().next().unwrap()).collect();
    let is_of_new_table = |statement: &str| {
        let table = statement.split(" ON ").nth(1).and_then(|rest| rest.split_whitespace().next());
        let refuses =
            statement.contains("BEGIN SELECT RAISE(ABORT,") || statement.contains("FUNCTION refuse(");
        let is_known = statement.starts_with("CREATE UNIQUE INDEX ")
            || (statement.starts_with("CREATE TRIGGER ") && refuses);
        is_known && table.is_some_and(|table| tables.contains(&table))
    };
    let mut more = statements.iter().filter(|statement| {
        let adds = ["CREATE TABLE ", "CREATE INDEX "].iter().any(|start| statement.starts_with(start));
        !adds && **statement != "END" && !is_of_new_table(statement)
    });
    more.next().map(|statement| (*statement).to_owned())
}

#[test]
fn migrations_that_say_that_they_only_add_do() {
    for source in ["a.db", "postgres://a@b/c"].map(|text| text.parse::<Source>().unwrap()) {
        for migration in migrations::known(&source) {
            let says_so = migration.description.starts_with("expand ");
            assert_eq!(says_so.then(|| more_than_added(migration.sql.as_str())).flatten(), None);
        }
    }
    assert_eq!(more_than_added(ADDS), None);
    assert_eq!(more_than_added("-- A; note\nCREATE TABLE a (b TEXT); -- more"), None);
    let new_table = "CREATE TABLE a (b TEXT); CREATE UNIQUE INDEX c ON a (b)";
    assert_eq!(more_than_added(new_table), None);
    for sql in [
        CHANGES,
        "CREATE UNIQUE INDEX a ON b (c)",
        "CREATE TABLE a (b TEXT); CREATE UNIQUE INDEX c ON d (b)",
        "CREATE TABLE a (b TEXT); DELETE FROM c",
        "CREATE TRIGGER a BEFORE DELETE ON b BEGIN SELECT RAISE(ABORT, 'c'); END",
    ] {
        assert!(more_than_added(sql).is_some(), "{sql}");
    }
}
