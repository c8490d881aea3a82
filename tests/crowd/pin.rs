//! One PIN.

use std::process::Command;

use cosign_tests::{
    people::Stage,
    process::{ServerFolder, succeeded},
};
use sqlx::{Connection, SqliteConnection};

use crate::{CROWD, all_at_once};

const WRONG: &str = "314159";

/// Changes the database of a server that does not run.
fn sql(folder: &ServerFolder, statement: &'static str) {
    let config: toml::Table = std::fs::read_to_string(folder.file("cosign.toml")).unwrap().parse().unwrap();
    let database = config["database"].as_str().unwrap();
    if database.starts_with("postgres://") {
        succeeded(&Command::new("psql").args([database, "-qc", statement]).output().unwrap());
        return;
    }
    let path = folder.file(database);
    cosign_tests::people::run(async {
        let mut database = SqliteConnection::connect(&format!("sqlite:{}", path.display())).await.unwrap();
        sqlx::query(statement).execute(&mut database).await.unwrap();
        database.close().await.unwrap();
    });
}

#[test]
fn fifty_guess_one_pin() {
    let stage = Stage::new();
    let user = stage.newcomer();
    let phone = user.phone();
    let key = phone.make_key("guarded");
    let guessed = phone.unlock(key.key_id(), WRONG);
    let guess = || {
        let done = all_at_once(|_| phone.sign_apart(&guessed, &["07".repeat(32)]).is_ok());
        assert_eq!(done.iter().filter(|signed| **signed).count(), 0);
    };
    // Five are looked at; then nobody is, for a while. Not even the right one.
    guess();
    assert_eq!(phone.pin_state(key.key_id()), (5, false));
    assert!(phone.try_sign(&key, &["07".repeat(32)]).is_err());
    assert_eq!(phone.pin_state(key.key_id()), (5, false));

    // The ninth was wrong, too, and its wait is over: one more is looked at, and locks the key, once.
    stage
        .while_it_is_off(|folder| sql(folder, "UPDATE keys SET fails = 9, unlock_at_ms = 1 WHERE fails = 5"));
    guess();
    assert_eq!(phone.pin_state(key.key_id()), (10, true));
    assert!(phone.try_sign(&key, &["07".repeat(32)]).is_err());
    // Whoever asked is on record, and nobody got anything.
    let audit = stage.audit();
    let signed = |result: &str| {
        let of = audit.iter().filter(|record| record["act"] == "sign" && record["result"] == result);
        of.count()
    };
    assert!(signed("E_PIN") > 0 && signed("E_PIN") <= 2 * CROWD + 2, "{}", signed("E_PIN"));
    succeeded(&stage.admin(&["audit", "verify"]));
}
