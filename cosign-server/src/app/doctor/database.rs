//! The database, what is sealed in it, its audit log and its authorities.

use std::sync::Arc;

use pki::Certificate;

use super::{Finding, files::expiry};
use crate::{
    app::{config::Config, server::Offline},
    domain::{
        audit::Record,
        ports::{Clock, Entropy, Store},
    },
    signer::{TreeHeads, WrappingKeys},
    store::{Access, Look, look},
};

/// Sealed records that are opened; `cosign-server check` opens all of them.
const SAMPLE: usize = 256;
/// 2025-01-01. A clock that shows less was never set.
const EARLIEST_MS: u64 = 1_735_689_600_000;
/// Clocks of nodes may differ by so much.
const TOLERANCE_MS: u64 = 10_000;

pub(super) async fn all(config: &Config, clock: Arc<dyn Clock>, entropy: Arc<dyn Entropy>) -> Vec<Finding> {
    let mut findings = Vec::new();
    let found = match look(&config.database).await {
        Ok(found) => found,
        Err(error) => return vec![Finding::failed("database", error)],
    };
    findings.extend(tables(&found));
    // Opening it would apply what is pending.
    if found.schema.serves().is_err() || !found.schema.pending.is_empty() {
        return findings;
    }
    let now_ms = clock.now_ms();
    let offline = match Offline::open(config, Access::Existing, clock, entropy).await {
        Ok(offline) => offline,
        Err(error) => {
            findings.push(Finding::failed("database", error));
            return findings;
        }
    };
    findings.extend(contents(config, &offline, now_ms).await);
    offline.close().await;
    findings
}

/// The version, and whether what is written stays.
fn tables(found: &Look) -> Vec<Finding> {
    let schema = &found.schema;
    let mut findings = vec![match schema.serves() {
        Err(error) => Finding::failed("schema", error),
        Ok(()) if !schema.pending.is_empty() => Finding::warning(
            "schema",
            format!(
                "{} migrations are pending; what is in the database was not looked at",
                schema.pending.len()
            ),
            "start a server, which applies them, or run `cosign-server migrate`",
        ),
        Ok(()) => {
            Finding::ok("schema", format!("version {}, of the program {}", schema.version, schema.known))
        }
    }];
    if schema.version > 0 {
        findings.push(match &found.read_only {
            None => Finding::ok("writable", "the database can be written to"),
            Some(error) => Finding::error(
                "writable",
                format!("nothing can be written, so nothing is signed: {error}"),
                "give the user of the server the right to write; of a database server, name its primary",
            ),
        });
    }
    for setting in &found.settings {
        let shown = format!("{} = {}", setting.name, setting.value);
        findings.push(if setting.is_durable {
            Finding::ok("durability", shown)
        } else {
            let why = "what was answered may be lost, and a PIN may be guessed again";
            Finding::error("durability", format!("{shown}: {why}"), format!("turn {} on", setting.name))
        });
    }
    findings
}

async fn contents(config: &Config, offline: &Offline, now_ms: u64) -> Vec<Finding> {
    let mut findings = Vec::new();
    let store: &dyn Store = offline.store();
    match offline.sealer(config).await {
        Err(error) => findings.push(Finding::failed("master key", error)),
        Ok(sealer) => {
            findings.push(match sealer.check_first(SAMPLE).await {
                Ok(opened) => {
                    Finding::ok("sealed", format!("{opened} sealed records were opened, as a sample"))
                }
                Err(error) => Finding::failed("sealed", error),
            });
            findings.push(log(sealer.keys(), store).await);
        }
    }
    findings.push(match newest_ms(store).await {
        Ok(newest_ms) => time(now_ms, newest_ms),
        Err(error) => error,
    });
    findings.extend(authorities(store, now_ms).await);
    findings
}

async fn log(keys: &WrappingKeys, store: &dyn Store) -> Finding {
    match TreeHeads::continues(keys, store).await {
        Ok(records) => {
            Finding::ok("audit log", format!("{records} records, which continue the newest tree head"))
        }
        Err(error) => Finding::failed("audit log", error),
    }
}

/// When the newest record was made, unix milliseconds; 0 without records.
async fn newest_ms(store: &dyn Store) -> Result<u64, Finding> {
    let failed = |error| Finding::failed("audit log", format!("it cannot be read: {error:?}"));
    let size = store.audit_tree().await.map_err(failed)?.size();
    let newest = store.audit(size.saturating_sub(1), 1).await.map_err(failed)?;
    let newest = newest.first().and_then(|entry| Record::decode(&entry.record).ok());
    Ok(newest.map_or(0, |record| record.event.at_ms))
}

fn time(now_ms: u64, newest_ms: u64) -> Finding {
    const CHECK: &str = "clock";
    let next = "set the clock of this machine and keep it synchronised (chrony, systemd-timesyncd)";
    if now_ms < EARLIEST_MS {
        return Finding::error(CHECK, "the clock was never set; every request is refused for its time", next);
    }
    let behind_s = newest_ms.saturating_sub(now_ms.saturating_add(TOLERANCE_MS)).div_ceil(1000);
    if behind_s > 0 {
        let what = format!(
            "the clock is {behind_s} s or more behind the newest audit record: requests are refused for their time, \
             or the clock of another node is ahead"
        );
        return Finding::error(CHECK, what, next);
    }
    Finding::ok(CHECK, "not behind the newest audit record")
}

async fn authorities(store: &dyn Store, now_ms: u64) -> Vec<Finding> {
    const CHECK: &str = "authority";
    let keys = match store.authority_keys().await {
        Ok(keys) => keys,
        Err(error) => return vec![Finding::failed(CHECK, format!("the keys cannot be read: {error:?}"))],
    };
    let judged = keys.iter().map(|key| {
        let what = format!("the certificate of {} to {}", key.authority, key.duty.as_str());
        match Certificate::from_der(&key.certificate) {
            Ok(certificate) => expiry(CHECK, &what, &certificate, now_ms),
            Err(error) => {
                Finding::error(CHECK, format!("{what} cannot be read: {error}"), "restore a backup")
            }
        }
    });
    judged.collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        app::{
            OsEntropy, SystemClock,
            doctor::{Level, tests::folder},
        },
        store::{Schema, Setting, Step},
    };

    fn fine() -> Look {
        let schema = Schema { version: 9, known: 9, pending: Vec::new(), newer: Vec::new() };
        let setting = Setting { name: "fsync", value: "on".to_owned(), is_durable: true };
        Look { schema, settings: vec![setting], read_only: None, others: 0 }
    }

    fn worst(findings: &[Finding]) -> Level {
        findings.iter().map(|finding| finding.level).max().unwrap()
    }

    #[test]
    fn tables_that_do_not_fit_or_do_not_last_are_told() {
        assert_eq!(worst(&tables(&fine())), Level::Ok);
        let mut older = fine();
        older.schema.pending.push(Step { version: 10, name: "more".to_owned() });
        let found = tables(&older);
        assert!(found[0].level == Level::Error && found[0].detail.contains("migrate"), "{found:?}");
        let mut adds = fine();
        adds.schema.pending.push(Step { version: 10, name: "expand more".to_owned() });
        assert_eq!(worst(&tables(&adds)), Level::Warning);
        let mut newer = fine();
        newer.schema.newer.push(Step { version: 10, name: "more".to_owned() });
        assert!(tables(&newer)[0].detail.contains("newer"));
        let mut loses = fine();
        loses.settings[0].is_durable = false;
        assert_eq!(worst(&tables(&loses)), Level::Error);
        let read_only = Look { read_only: Some("no".to_owned()), ..fine() };
        assert_eq!(worst(&tables(&read_only)), Level::Error);
    }

    #[test]
    fn a_clock_is_set_and_not_behind_what_was_recorded() {
        let now_ms = EARLIEST_MS + 1_000_000;
        assert_eq!(time(now_ms, 0).level, Level::Ok);
        assert_eq!(time(now_ms, now_ms + TOLERANCE_MS).level, Level::Ok);
        assert_eq!(time(now_ms, now_ms + TOLERANCE_MS + 1).level, Level::Error);
        assert_eq!(time(EARLIEST_MS - 1, 0).level, Level::Error);
    }

    #[tokio::test]
    async fn another_master_key_a_damaged_record_and_a_cut_log_are_told() {
        let (_data, config) = folder().await;
        let file = config.database.file().unwrap().display().to_string();
        let sql = async |statements: &'static str| {
            use sqlx::Connection as _;
            let mut on = sqlx::SqliteConnection::connect(&format!("sqlite://{file}")).await.unwrap();
            sqlx::raw_sql(statements).execute(&mut on).await.unwrap();
            on.close().await.unwrap();
        };
        let found = async |config: &Config| {
            let found = all(config, Arc::new(SystemClock::new()), Arc::new(OsEntropy)).await;
            let wrong = found.into_iter().filter(|finding| finding.level == Level::Error);
            wrong.map(|finding| finding.check).collect::<Vec<_>>()
        };
        assert_eq!(found(&config).await, [""; 0]);
        sql("DROP TRIGGER audit_keeps_records; CREATE TABLE kept AS SELECT * FROM audit; DELETE FROM audit")
            .await;
        assert_eq!(found(&config).await, ["audit log"]);
        sql("INSERT INTO audit SELECT * FROM kept; UPDATE audit_key SET sealed = CAST(sealed || x'00' AS BLOB)").await;
        assert_eq!(found(&config).await, ["sealed", "audit log"]);
        std::fs::remove_file(config.database.file().unwrap()).unwrap();
        assert_eq!(found(&config).await, ["database"]);
        let (_data, config) = folder().await;
        if let crate::app::MasterKeySource::File(path) = &config.master_key {
            std::fs::write(path, [8; 32]).unwrap();
        }
        assert_eq!(found(&config).await, ["master key"]);
    }
}
