//! The data folder: configuration, channel certificates, master key, database.

use std::{
    net::SocketAddr,
    path::{Path, PathBuf},
};

use thiserror::Error;
use zeroize::Zeroizing;

use super::{
    config::{
        AuditConfig, Config, ConfigError, LimitsConfig, LogConfig, ProvidersConfig, RetentionConfig,
        SignerConfig, WebhooksConfig,
    },
    files::{FileError, make_folder, write_new},
    master::MasterKeySource,
    pki,
};
use crate::{
    domain::{
        Error as DomainError,
        office::Rules,
        ports::{Clock, Entropy},
    },
    store::Source,
};

const CONFIG: &str = "cosign.toml";
const HEADING: &str = "\
# cosign-server. Paths are relative to this file. Values that are left out have the defaults shown by
# `cosign-server init` in a new folder. Keep `master_key` off the disk that holds the database and its backups,
# and `tombstones` out of the backups: the revocations in it must outlive a restored database.
";

/// Why a data folder cannot be made.
#[derive(Debug, Error)]
pub enum FolderError {
    /// It exists.
    #[error("{0} exists; a data folder is never overwritten")]
    Exists(PathBuf),
    /// A file cannot be written.
    #[error(transparent)]
    File(#[from] FileError),
    /// The configuration cannot be read back.
    #[error(transparent)]
    Config(#[from] ConfigError),
    /// The certificates could not be made.
    #[error("the channel certificate could not be made: {0}")]
    Certificate(#[from] rcgen::Error),
    /// The random source failed.
    #[error("{0}")]
    Entropy(#[from] DomainError),
    /// The configuration has no TOML form.
    #[error("the configuration could not be written: {0}")]
    Toml(#[from] toml::ser::Error),
}

/// A data folder on disk.
#[derive(Clone, Debug)]
pub struct Folder(PathBuf);

impl Folder {
    /// The folder at `path`, whether it exists or not.
    #[must_use]
    pub fn at(path: impl Into<PathBuf>) -> Self {
        Self(path.into())
    }

    /// Its configuration file.
    #[must_use]
    pub fn config_path(&self) -> PathBuf {
        self.0.join(CONFIG)
    }

    /// The certificate that clients pin.
    #[must_use]
    pub fn ca_path(&self) -> PathBuf {
        self.0.join("ca.pem")
    }

    /// The folder itself.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.0
    }

    /// Whether it was made before.
    #[must_use]
    pub fn exists(&self) -> bool {
        self.config_path().exists()
    }

    /// Makes the folder: configuration, authority, server certificate for `names`, master key. The database, whose path is
    /// relative to the folder, is made by its first opening.
    ///
    /// # Errors
    /// [`FolderError`]; nothing that exists is overwritten.
    pub fn create(
        &self,
        listen: SocketAddr,
        names: Vec<String>,
        database: Source,
        clock: &dyn Clock,
        entropy: &dyn Entropy,
    ) -> Result<Config, FolderError> {
        if self.exists() {
            return Err(FolderError::Exists(self.config_path()));
        }
        make_folder(&self.0)?;
        let channel = pki::make(names, clock.now_ms())?;
        let (ca_key, private_key) = (Zeroizing::new(channel.ca_key), Zeroizing::new(channel.private_key));
        let mut master = Zeroizing::new([0; 32]);
        entropy.fill(master.as_mut())?;
        let config = Config {
            listen,
            public_listen: None,
            database,
            tombstones: "tombstones".into(),
            master_key: MasterKeySource::File("master.key".into()),
            certificate: "server.pem".into(),
            private_key: "server.key".into(),
            limits: LimitsConfig::default(),
            signer: SignerConfig::default(),
            audit: AuditConfig::default(),
            webhooks: WebhooksConfig::default(),
            retention: RetentionConfig::default(),
            log: LogConfig::default(),
            providers: ProvidersConfig::default(),
            profile: None,
            rules: Rules::default(),
        };
        let text = format!("{HEADING}{}", toml::to_string_pretty(&config)?);
        write_new(&self.ca_path(), channel.ca.as_bytes(), 0o644)?;
        write_new(&self.0.join("ca.key"), ca_key.as_bytes(), 0o600)?;
        write_new(&self.0.join("server.pem"), channel.certificate.as_bytes(), 0o644)?;
        write_new(&self.0.join("server.key"), private_key.as_bytes(), 0o600)?;
        write_new(&self.0.join("master.key"), &master[..], 0o600)?;
        // Last: a folder with a configuration is complete.
        write_new(&self.config_path(), text.as_bytes(), 0o600)?;
        Ok(Config::read(&self.config_path())?)
    }

    /// Reads its configuration.
    ///
    /// # Errors
    /// [`ConfigError`].
    pub fn config(&self) -> Result<Config, ConfigError> {
        Config::read(&self.config_path())
    }
}
