//! The configuration file. Paths in it are relative to its folder; what it leaves out has a default.

use std::{
    fs,
    net::SocketAddr,
    num::{NonZeroU32, NonZeroU64, NonZeroUsize},
    path::{Path, PathBuf},
    time::Duration,
};

use serde::{Deserialize, Serialize, de::DeserializeOwned};
use thiserror::Error;
use toml::{Table, Value};

use super::{
    master::MasterKeySource,
    traces::{Collector, Ratio},
};
use crate::{
    domain::office::Rules,
    signer::{HeadSettings, PoolSettings, Retention, SignerSettings},
    store::Source,
    transport::Limits,
};

/// Why there is no configuration.
#[derive(Debug, Error)]
pub enum ConfigError {
    /// The file cannot be read.
    #[error("{path}: {error}; `cosign-server init --data DIR` makes a data folder with a configuration")]
    Read {
        /// Which file.
        path: PathBuf,
        /// Why.
        error: std::io::Error,
    },
    /// It says something that is not understood.
    #[error("{path}: {error}")]
    Parse {
        /// Which file.
        path: PathBuf,
        /// What.
        error: Box<toml::de::Error>,
    },
}

/// The whole configuration.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// Address of both sockets, UDP and TCP.
    pub listen: SocketAddr,
    /// Address of a socket for plain HTTP with certificates of authorities, revocation lists, OCSP and time stamps. Without
    /// it they are at `listen` only.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub public_listen: Option<SocketAddr>,
    /// A file of SQLite, or `postgres://USER@HOST:PORT/NAME` for a database that several nodes share.
    pub database: Source,
    /// File of revocations, which no restored backup of the database undoes. Keep it on another disk, out of the backups
    /// that the database is restored from.
    #[serde(default = "default_tombstones")]
    pub tombstones: PathBuf,
    /// Where the master key is: a file (`file:PATH` or a path), `env:NAME`, or `pkcs11:...`.
    pub master_key: MasterKeySource,
    /// TLS certificate chain, PEM, leaf first. What is put there while the server runs is in use within ten seconds.
    pub certificate: PathBuf,
    /// Its private key, PEM (PKCS#8), mode 0600.
    pub private_key: PathBuf,
    /// Limits of the transport.
    #[serde(default)]
    pub limits: LimitsConfig,
    /// Sizes of the signer.
    #[serde(default)]
    pub signer: SignerConfig,
    /// The audit log.
    #[serde(default)]
    pub audit: AuditConfig,
    /// Events that are sent to clients of the API.
    #[serde(default)]
    pub webhooks: WebhooksConfig,
    /// What of the past is kept.
    #[serde(default)]
    pub retention: RetentionConfig,
    /// Logs.
    #[serde(default)]
    pub log: LogConfig,
    /// Services of others.
    #[serde(default)]
    pub providers: ProvidersConfig,
    /// A file of rules in place of the defaults, for those that `rules` does not name: a profile.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub profile: Option<PathBuf>,
    /// By what accounts and all that hangs on them go.
    #[serde(default)]
    pub rules: Rules,
}

fn default_tombstones() -> PathBuf {
    "tombstones".into()
}

/// Limits of the transport.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct LimitsConfig {
    /// Open connections in all.
    pub connections: usize,
    /// Open connections per source address.
    pub connections_per_source: usize,
    /// Protocol frames under way per connection, over QUIC and in calls of `POST /v1/frames`.
    pub in_flight: usize,
    /// Seconds for a handshake, and for request headers.
    pub header_timeout_s: u64,
    /// Seconds for a whole HTTP request, and for its answer to be read; where frames stream, without progress.
    pub request_timeout_s: u64,
    /// Requests per minute and source address for certificates of authorities, revocation lists, OCSP and time stamps.
    pub public_per_minute: NonZeroU32,
}

impl Default for LimitsConfig {
    fn default() -> Self {
        Self {
            connections: 4096,
            connections_per_source: 256,
            in_flight: 64,
            header_timeout_s: 10,
            request_timeout_s: 30,
            public_per_minute: NonZeroU32::MIN.saturating_add(5_999),
        }
    }
}

/// Sizes of the signer.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct SignerConfig {
    /// Computing threads; 0 for one per core.
    pub threads: usize,
    /// Operations under way; more are told to come again. Fewer are let in while they take more than three times as long as a few do.
    pub queue: NonZeroUsize,
    /// Keys kept unsealed in memory.
    pub hot_keys: usize,
    /// Seconds that an unused key stays unsealed.
    pub hot_idle_s: u64,
    /// Sessions remembered for replays: about four minutes' worth. One busy key gets half of this at most.
    pub replay_entries: usize,
    /// MiB of answers remembered for replays.
    pub replay_mib: usize,
}

impl Default for SignerConfig {
    fn default() -> Self {
        Self {
            threads: 0,
            queue: NonZeroUsize::MIN.saturating_add(4095),
            hot_keys: 65_536,
            hot_idle_s: 900,
            replay_entries: 1 << 20,
            replay_mib: 256,
        }
    }
}

/// When tree heads of the audit log are signed.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct AuditConfig {
    /// Seconds after which new records are under a head at the latest.
    pub head_interval_s: NonZeroU64,
    /// Records after which they are, if that is sooner.
    pub head_records: NonZeroU64,
}

impl Default for AuditConfig {
    fn default() -> Self {
        Self { head_interval_s: NonZeroU64::MIN, head_records: NonZeroU64::MIN.saturating_add(999) }
    }
}

/// Events that are sent to clients of the API.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct WebhooksConfig {
    /// PEM file with the certificates that receivers are verified with; without it those of the Mozilla programme.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ca: Option<PathBuf>,
    /// Whether a receiver may be at a private address.
    pub allow_private: bool,
    /// Whether a receiver may be without TLS. For tests.
    pub allow_http: bool,
    /// Seconds for one attempt.
    pub timeout_s: NonZeroU64,
}

impl Default for WebhooksConfig {
    fn default() -> Self {
        let timeout_s = NonZeroU64::MIN.saturating_add(9);
        Self { ca: None, allow_private: false, allow_http: false, timeout_s }
    }
}

/// What of the past is kept. What the protocol or the API promises to remember is not for choice.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct RetentionConfig {
    /// Seconds between two runs that drop what has expired.
    pub interval_s: NonZeroU64,
    /// Rows of each kind that one transaction drops.
    pub rows: NonZeroU32,
    /// Days that a request for a certificate that came to nothing is kept after it was made.
    pub requests_days: u32,
}

impl Default for RetentionConfig {
    fn default() -> Self {
        Self {
            interval_s: NonZeroU64::MIN.saturating_add(9),
            rows: NonZeroU32::MIN.saturating_add(999),
            requests_days: 365,
        }
    }
}

/// Services of others.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct ProvidersConfig {
    /// Who sends texts to phones.
    pub sms: SmsProvider,
    /// Who compares people with registers, and looks at their faces.
    pub identity: Provider,
    /// Who reads documents on pictures.
    pub ocr: Provider,
    /// Who knows which enterprises there are. Without, operators look at every claim.
    pub registry: Provider,
    /// Who takes money and gives it back.
    pub money: Provider,
    /// Who makes invoices and sends them.
    pub invoicing: Provider,
    /// Who pays a cent to the account of an enterprise.
    pub micropayments: Provider,
    /// Who knows users by the card in their phone or an account elsewhere.
    pub logins: Provider,
    /// Who sends letters by e-mail.
    pub mail: Provider,
}

/// Who does something outside.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Provider {
    /// Nobody: it is not offered.
    #[default]
    None,
    /// Nobody either, but it looks as if: for trying things out.
    Sandbox,
}

/// Who sends texts to phones.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum SmsProvider {
    /// Nobody: no accounts of users.
    #[default]
    None,
    /// Nobody either, but they are kept and given to whoever asks: for trying things out.
    Sandbox,
}

/// Logs.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct LogConfig {
    /// Form.
    pub format: LogFormat,
    /// What is logged, as in `info,cosign_server=debug`.
    pub filter: Option<String>,
    /// Collector that traces are sent to; without it there are none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub traces: Option<Collector>,
    /// Which part of all requests is traced.
    pub traces_ratio: Ratio,
}

/// Form of the logs.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum LogFormat {
    /// Lines for people.
    #[default]
    Text,
    /// One JSON object per line.
    Json,
}

impl Config {
    /// Reads a configuration file.
    ///
    /// # Errors
    /// [`ConfigError`].
    pub fn read(path: &Path) -> Result<Self, ConfigError> {
        let text = read(path)?;
        let mut config: Self = parse(path, &text)?;
        let folder = path.parent().unwrap_or(Path::new(""));
        if let Some(profile) = &mut config.profile {
            *profile = folder.join(&*profile);
            config.rules = rules(profile, parse(path, &text)?)?;
        }
        for file in [&mut config.tombstones, &mut config.certificate, &mut config.private_key] {
            *file = folder.join(&*file);
        }
        if let Some(ca) = &mut config.webhooks.ca {
            *ca = folder.join(&*ca);
        }
        config.database.relative_to(folder);
        config.master_key.relative_to(folder);
        Ok(config)
    }

    pub(super) const fn limits(&self) -> Limits {
        Limits {
            connections: self.limits.connections,
            connections_per_source: self.limits.connections_per_source,
            in_flight: self.limits.in_flight,
            header_timeout: Duration::from_secs(self.limits.header_timeout_s),
            request_timeout: Duration::from_secs(self.limits.request_timeout_s),
        }
    }

    pub(super) const fn heads(&self) -> HeadSettings {
        HeadSettings {
            interval: Duration::from_secs(self.audit.head_interval_s.get()),
            records: self.audit.head_records.get(),
        }
    }

    pub(super) const fn signer(&self) -> SignerSettings {
        SignerSettings {
            pool: PoolSettings { threads: NonZeroUsize::new(self.signer.threads), queue: self.signer.queue },
            hot_keys: self.signer.hot_keys,
            hot_idle_ms: self.signer.hot_idle_s.saturating_mul(1000),
            replay_entries: self.signer.replay_entries,
            replay_bytes: self.signer.replay_mib.saturating_mul(1 << 20),
            retention: Retention {
                interval_ms: self.retention.interval_s.get().saturating_mul(1000),
                rows: self.retention.rows.get(),
                // No `From` in a constant function.
                requests_ms: (self.retention.requests_days as u64) * 86_400_000,
            },
        }
    }
}

fn read(path: &Path) -> Result<String, ConfigError> {
    fs::read_to_string(path).map_err(|error| ConfigError::Read { path: path.to_owned(), error })
}

fn parse<T: DeserializeOwned>(path: &Path, text: &str) -> Result<T, ConfigError> {
    toml::from_str(text).map_err(|error| ConfigError::Parse { path: path.to_owned(), error: Box::new(error) })
}

/// The rules of a profile, with those of the configuration over them.
fn rules(profile: &Path, mut config: Table) -> Result<Rules, ConfigError> {
    let text = read(profile)?;
    // So that an error says in which line of which file it is.
    let _known: Rules = parse(profile, &text)?;
    let mut rules: Table = parse(profile, &text)?;
    if let Some(Value::Table(own)) = config.remove("rules") {
        lay_over(&mut rules, own);
    }
    rules.try_into().map_err(|error| ConfigError::Parse { path: profile.to_owned(), error: Box::new(error) })
}

/// Puts every value of a table in the place of the same one below.
fn lay_over(below: &mut Table, above: Table) {
    for (name, value) in above {
        match (below.get_mut(&name), value) {
            (Some(Value::Table(below)), Value::Table(above)) => lay_over(below, above),
            (_, value) => drop(below.insert(name, value)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::office::{person::Level, rules::Levels};

    #[test]
    fn the_rules_of_a_profile_give_way_to_those_of_the_configuration() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("cosign.toml");
        let head = "listen = '127.0.0.1:8443'\ndatabase = 'a.db'\nmaster_key = 'm'\ncertificate = 'c.pem'\n\
                    private_key = 'k.pem'\nprofile = 'own.toml'\n";
        let profile = "captcha = true\nterminals = 3\n[levels]\ncertificate = 'data'\nseal = 'data'\n";
        fs::write(folder.path().join("own.toml"), profile).unwrap();
        fs::write(&path, format!("{head}[rules]\nterminals = 4\n[rules.levels]\nseal = 'face'\n")).unwrap();
        let config = Config::read(&path).unwrap();
        let levels = Levels { certificate: Level::Data, seal: Level::Face, ..Levels::default() };
        assert_eq!(config.rules, Rules { captcha: true, terminals: 4, levels, ..Rules::default() });
        assert_eq!(config.profile, Some(folder.path().join("own.toml")));
        fs::write(folder.path().join("own.toml"), "capcha = true\n").unwrap();
        let Err(ConfigError::Parse { path: wrong, .. }) = Config::read(&path) else { panic!("it was taken") };
        assert_eq!(wrong, folder.path().join("own.toml"));
        fs::remove_file(wrong).unwrap();
        assert!(matches!(Config::read(&path), Err(ConfigError::Read { .. })));
    }

    #[test]
    fn a_short_file_is_enough_and_a_wrong_word_is_an_error() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("cosign.toml");
        let text = "listen = '127.0.0.1:8443'\ndatabase = 'a.db'\nmaster_key = '/elsewhere/m'\n\
                    certificate = 'c.pem'\nprivate_key = 'k.pem'\n";
        fs::write(&path, text).unwrap();
        let config = Config::read(&path).unwrap();
        assert_eq!(config.database.file(), Some(&*folder.path().join("a.db")));
        assert_eq!(config.master_key, MasterKeySource::File("/elsewhere/m".into()));
        assert_eq!(config.tombstones, folder.path().join("tombstones"));
        assert_eq!(config.limits.in_flight, 64);
        fs::write(&path, format!("{text}[limits]\nconections = 1\n")).unwrap();
        assert!(matches!(Config::read(&path), Err(ConfigError::Parse { .. })));
        assert!(matches!(Config::read(&folder.path().join("none")), Err(ConfigError::Read { .. })));
    }

    #[test]
    fn the_documented_defaults_are_those() {
        let text = include_str!("../../../packaging/cosign.toml");
        let documented: Table = text.parse().unwrap();
        let needed = ["listen", "database", "master_key", "certificate", "private_key"];
        let short: Table =
            needed.iter().map(|name| ((*name).to_owned(), documented[*name].clone())).collect();
        let config: Config = short.try_into().unwrap();
        // Written out it has everything that has a default, and what is a comment has none.
        assert_eq!(Table::try_from(&config).unwrap(), documented);
        for name in ["public_listen", "ca", "filter", "traces", "profile"] {
            assert!(text.contains(&format!("# {name} = ")), "{name}");
        }
    }
}
