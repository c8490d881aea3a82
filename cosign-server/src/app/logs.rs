//! Logs: ids and outcomes, never inputs or secrets.

use tracing_subscriber::{EnvFilter, util::SubscriberInitExt as _};

use super::config::{LogConfig, LogFormat};

/// Starts logging to standard error, once per process; later calls change nothing.
pub fn start_logs(config: &LogConfig, default: &str) {
    let filter = config.filter.as_deref().unwrap_or(default);
    let filter = EnvFilter::try_new(filter).unwrap_or_else(|_| EnvFilter::new(default));
    let builder = tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr);
    let started = match config.format {
        LogFormat::Text => builder.finish().try_init(),
        LogFormat::Json => builder.json().finish().try_init(),
    };
    if started.is_err() {
        tracing::debug!("logging was started before");
    }
}
