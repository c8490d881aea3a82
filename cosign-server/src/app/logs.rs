//! Logs: ids and outcomes, never inputs or secrets.
//!
//! What the program itself logs is safe at every level (`tests/logs.rs` reads it all). Libraries print statements, headers and
//! frames at their lower levels, so of them no more than warnings is logged, whatever the filter says.

use std::env;

use tracing::{Level, Metadata, Subscriber, level_filters::LevelFilter};
use tracing_subscriber::{
    EnvFilter, Layer as _, Registry,
    filter::{FilterExt as _, filter_fn},
    fmt::{self, MakeWriter},
    layer::SubscriberExt as _,
    util::SubscriberInitExt as _,
};

use super::config::{LogConfig, LogFormat};

/// Set to anything, it lets the filter decide about libraries too: for a developer, whose secrets are nobody's.
const EVERYTHING: &str = "COSIGN_LOG_LIBRARIES";

/// Starts logging to standard error, once per process; later calls change nothing.
pub fn start_logs(config: &LogConfig, default: &str) {
    let everything = env::var_os(EVERYTHING).is_some_and(|value| !value.is_empty());
    let started = subscriber(config, default, std::io::stderr, everything).try_init();
    if started.is_err() {
        tracing::debug!("logging was started before");
    }
}

fn subscriber<W>(
    config: &LogConfig,
    default: &str,
    writer: W,
    everything: bool,
) -> impl Subscriber + Send + Sync + use<W>
where
    W: for<'w> MakeWriter<'w> + Send + Sync + 'static,
{
    let filter = config.filter.as_deref().unwrap_or(default);
    let filter = EnvFilter::try_new(filter).unwrap_or_else(|_| EnvFilter::new(default));
    let capped = filter_fn(move |metadata| everything || is_safe(metadata));
    let filter = filter.and(capped.with_max_level_hint(LevelFilter::TRACE));
    let lines = fmt::layer().with_writer(writer);
    let lines = match config.format {
        LogFormat::Text => lines.boxed(),
        LogFormat::Json => lines.json().boxed(),
    };
    Registry::default().with(lines.with_filter(filter))
}

/// Whether it is of this program, or at least a warning.
fn is_safe(metadata: &Metadata<'_>) -> bool {
    let krate = metadata.target().split("::").next();
    krate == Some(env!("CARGO_CRATE_NAME")) || *metadata.level() <= Level::WARN
}

#[cfg(test)]
mod tests {
    use std::sync::{Arc, Mutex};

    use super::*;

    #[derive(Clone, Default)]
    struct Lines(Arc<Mutex<Vec<u8>>>);

    impl std::io::Write for Lines {
        fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
            self.0.lock().unwrap().extend(bytes);
            Ok(bytes.len())
        }

        fn flush(&mut self) -> std::io::Result<()> {
            Ok(())
        }
    }

    fn logged(filter: &str, format: LogFormat, everything: bool) -> String {
        let lines = Lines::default();
        let writer = lines.clone();
        let config = LogConfig { format, filter: Some(filter.to_owned()), ..LogConfig::default() };
        let subscriber = subscriber(&config, "info", move || writer.clone(), everything);
        tracing::subscriber::with_default(subscriber, || {
            tracing::trace!("our detail");
            tracing::info!("our news");
            tracing::trace!(target: "sqlx::query", "their detail");
            tracing::info!(target: "quinn", "their news");
            tracing::trace!(target: "cosign_server_of_others", "lookalike");
            tracing::warn!(target: "h3::server", "their warning");
        });
        String::from_utf8(lines.0.lock().unwrap().clone()).unwrap()
    }

    #[test]
    fn no_filter_makes_libraries_talk() {
        for format in [LogFormat::Text, LogFormat::Json] {
            for filter in
                ["trace", "sqlx=trace,quinn=trace,cosign_server_of_others=trace,h3=trace,cosign_server=trace"]
            {
                let text = logged(filter, format, false);
                for words in ["our detail", "our news", "their warning"] {
                    assert!(text.contains(words), "{filter}: {text}");
                }
                for words in ["their detail", "their news", "lookalike"] {
                    assert!(!text.contains(words), "{filter}: {text}");
                }
            }
        }
    }

    #[test]
    fn a_developer_hears_everything_and_a_filter_that_is_none_is_the_default() {
        let text = logged("trace", LogFormat::Text, true);
        assert!(text.contains("their detail") && text.contains("our detail"), "{text}");
        let text = logged("=[", LogFormat::Text, false);
        assert!(text.contains("our news") && !text.contains("our detail"), "{text}");
    }
}
