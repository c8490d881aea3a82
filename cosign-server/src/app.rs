//! Wiring: configuration, the data folder, the clock, logs, start and stop. Holds no rule.

mod backup;
mod bench;
mod channel;
mod clock;
mod config;
mod doctor;
mod entropy;
mod exchange;
mod files;
mod folder;
mod logs;
mod master;
mod migrate;
mod pkcs11;
mod pki;
#[cfg(target_os = "linux")]
mod process;
mod sandbox;
mod server;
#[cfg(test)]
mod tests;
mod traces;
mod webhooks;

pub use backup::{BackupError, Checked, restore};
pub use bench::{BenchError, Bottleneck, Commits, Latency, Measured, bench};
pub use clock::SystemClock;
pub use config::{
    AuditConfig, Config, ConfigError, LimitsConfig, LogConfig, LogFormat, Provider, ProvidersConfig,
    RetentionConfig, SignerConfig, SmsProvider, WebhooksConfig,
};
pub use doctor::{Finding, Level, doctor};
pub use entropy::OsEntropy;
pub use files::FileError;
pub use folder::{Folder, FolderError};
pub use logs::start_logs;
pub use master::{MasterKeyError, MasterKeySource};
pub use migrate::migrate;
pub use pkcs11::{PinSource, TokenError, TokenUri};
#[cfg(target_os = "linux")]
pub use process::protect;
pub use sandbox::{
    SandboxBank, SandboxIdentity, SandboxInvoicing, SandboxLogins, SandboxMail, SandboxMoney, SandboxOcr,
    SandboxRegistry, SandboxSms,
};
#[cfg(test)]
pub(crate) use server::Health;
pub use server::{Offline, Server, StartError};
pub use traces::{Collector, Ratio};
pub use webhooks::WebhookError;
