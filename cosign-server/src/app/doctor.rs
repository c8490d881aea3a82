//! Looks at everything around the server that an operator can get wrong, and changes none of it.

mod database;
mod files;
mod host;
mod listening;

use std::{path::Path, sync::Arc};

use serde::Serialize;

use super::config::Config;
use crate::domain::ports::{Clock, Entropy};

/// How bad it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Level {
    /// As it should be.
    Ok,
    /// The server works; something is to be done before it does not.
    Warning,
    /// The server does not start, or loses or gives away what it must not.
    Error,
}

/// What was found about one thing.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Finding {
    /// What was looked at.
    pub check: &'static str,
    /// How bad it is.
    pub level: Level,
    /// What was found, and why it matters.
    pub detail: String,
    /// What to do; empty when there is nothing.
    pub next_step: String,
}

impl Finding {
    fn ok(check: &'static str, detail: impl Into<String>) -> Self {
        Self { check, level: Level::Ok, detail: detail.into(), next_step: String::new() }
    }

    fn warning(check: &'static str, detail: impl Into<String>, next_step: impl Into<String>) -> Self {
        Self { check, level: Level::Warning, detail: detail.into(), next_step: next_step.into() }
    }

    fn error(check: &'static str, detail: impl Into<String>, next_step: impl Into<String>) -> Self {
        Self { check, level: Level::Error, detail: detail.into(), next_step: next_step.into() }
    }

    /// An error whose message says what to do.
    fn failed(check: &'static str, error: impl ToString) -> Self {
        Self::error(
            check,
            error.to_string(),
            "do what the message says, then run `cosign-server doctor` again",
        )
    }
}

/// Looks at everything, as far as it goes: what depends on something that is not there is left out.
pub async fn doctor(path: &Path, clock: Arc<dyn Clock>, entropy: Arc<dyn Entropy>) -> Vec<Finding> {
    let config = match Config::read(path) {
        Ok(config) => config,
        Err(error) => return vec![Finding::failed("configuration", error)],
    };
    let mut findings = vec![Finding::ok("configuration", format!("{} reads", path.display()))];
    findings.extend(files::all(path, &config, clock.now_ms()));
    findings.extend(host::all(&config));
    findings.push(listening::listen(config.listen, &config).await);
    findings.extend(database::all(&config, clock, entropy).await);
    findings
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::app::{Folder, Offline, OsEntropy, SystemClock};
    use crate::store::Access;

    /// A data folder as `init` makes it.
    pub(super) async fn folder() -> (tempfile::TempDir, Config) {
        let data = tempfile::tempdir().unwrap();
        let folder = Folder::at(data.path().join("data"));
        let (clock, entropy) = (SystemClock::new(), OsEntropy);
        let names = vec!["localhost".to_owned()];
        let database = std::path::PathBuf::from("cosign.db").into();
        let config =
            folder.create("127.0.0.1:0".parse().unwrap(), names, database, &clock, &entropy).unwrap();
        let offline =
            Offline::open(&config, Access::Create, Arc::new(clock), Arc::new(entropy)).await.unwrap();
        offline.init(&config).await.unwrap();
        offline.close().await;
        (data, config)
    }

    #[tokio::test]
    async fn a_new_folder_has_no_errors_and_what_is_broken_is_named() {
        let (data, config) = folder().await;
        let path = data.path().join("data/cosign.toml");
        let look = async || doctor(&path, Arc::new(SystemClock::new()), Arc::new(OsEntropy)).await;
        let found = look().await;
        assert!(found.iter().all(|finding| finding.level < Level::Error), "{found:#?}");
        assert!(found.len() > 12, "{found:#?}");
        std::fs::remove_file(&config.private_key).unwrap();
        let found = look().await;
        let wrong: Vec<_> = found.iter().filter(|finding| finding.level == Level::Error).collect();
        assert!(wrong.iter().any(|finding| finding.check == "private key"), "{wrong:#?}");
        assert!(wrong.iter().all(|finding| !finding.next_step.is_empty()), "{wrong:#?}");
        std::fs::write(&path, "listen = 1").unwrap();
        let found = look().await;
        assert_eq!((found.len(), found[0].check, found[0].level), (1, "configuration", Level::Error));
    }
}
