//! `cosign-server dev`: the main job on this machine, from nothing to a verified signature and an opened envelope.
//!
//! The server has everything embedded; the signer is a real client that reaches it over QUIC.

pub(crate) mod link;
mod signer;
mod story;

use std::{
    fs, io,
    net::{Ipv4Addr, SocketAddr},
    path::{Path, PathBuf},
    sync::Arc,
};

use thiserror::Error;
use tokio::sync::watch;

use crate::{
    app::{
        Config, ConfigError, Folder, FolderError, LogConfig, OsEntropy, Server, StartError, SystemClock,
        start_logs,
    },
    cli::say,
    domain::{
        Error as DomainError,
        ports::{Clock, Entropy},
    },
    store::{Access, Source},
    transport::BindError,
};

const DEFAULT: SocketAddr = SocketAddr::new(std::net::IpAddr::V4(Ipv4Addr::LOCALHOST), 8443);
const SAMPLE: &str = "cosign-sample.txt";
/// Devices that the printed enrolment code is good for.
const USES: u32 = 10;
const CODE_TTL_MS: u64 = 24 * 60 * 60 * 1000;

/// What `dev` is asked to do.
#[derive(Debug)]
pub struct DevOptions {
    /// Address to listen on; without it 127.0.0.1:8443 or a free port.
    pub listen: Option<SocketAddr>,
    /// Data folder, unless `once`.
    pub data: PathBuf,
    /// Temporary data folder; stop when everything was shown.
    pub once: bool,
    /// The file to sign and encrypt.
    pub file: Option<PathBuf>,
    /// Folder for the results.
    pub out: Option<PathBuf>,
}

/// Why `dev` failed.
#[derive(Debug, Error)]
pub enum DevError {
    /// The data folder.
    #[error(transparent)]
    Folder(#[from] FolderError),
    /// Its configuration.
    #[error(transparent)]
    Config(#[from] ConfigError),
    /// The server.
    #[error(transparent)]
    Start(#[from] StartError),
    /// The operator's part.
    #[error("{0}")]
    Domain(#[from] DomainError),
    /// A file.
    #[error("{path}: {error}")]
    File {
        /// Which file.
        path: PathBuf,
        /// Why.
        error: io::Error,
    },
    /// A step of the signer.
    #[error("{step}: {error}")]
    Step {
        /// Which step.
        step: &'static str,
        /// Why.
        error: Box<dyn std::error::Error + Send + Sync>,
    },
}

pub(crate) fn file_error(path: &Path) -> impl FnOnce(io::Error) -> DevError {
    |error| DevError::File { path: path.to_owned(), error }
}

/// Runs the server and the signer's story; then serves until `stop`, unless it is to be done once.
///
/// # Errors
/// [`DevError`]: the first thing that did not hold.
pub async fn run(options: DevOptions, stop: watch::Receiver<bool>) -> Result<(), DevError> {
    start_logs(&LogConfig::default(), "warn");
    let clock: Arc<dyn Clock> = Arc::new(SystemClock::new());
    let entropy: Arc<dyn Entropy> = Arc::new(OsEntropy);
    let temporary = if options.once { Some(Temporary::make(&*entropy)?) } else { None };
    let folder = Folder::at(temporary.as_ref().map_or(&options.data, |temporary| &temporary.0));

    let started_ns = clock.monotonic_ns();
    let server = start(&options, &folder, &clock, &entropy).await?;
    let address = server.address();
    story::tell("server started", &*clock, started_ns, &format!("https://{address}, UDP and TCP"));
    let operator = server.operator();
    let (finish, finished) = watch::channel(false);
    let serving = server.run(finished);
    tokio::pin!(serving);

    let shown = async {
        let code = operator.new_code(1, CODE_TTL_MS).await?;
        let file = input(&options, &folder)?;
        let out = options.out.clone().unwrap_or_else(|| folder.path().join("dev"));
        let scene = story::Scene {
            address,
            ca: &folder.ca_path(),
            code: code.expose(),
            file: &file,
            out: &out,
            clock: &clock,
            entropy: &entropy,
        };
        story::play(scene).await?;
        if !options.once {
            let code = operator.new_code(USES, CODE_TTL_MS).await?;
            story::invite(address, &folder.ca_path(), code.expose(), USES);
            let mut stop = stop;
            // A sender that is gone is a stop too.
            drop(stop.wait_for(|stop| *stop).await);
            say("stopping");
        }
        Ok(())
    };
    let outcome = tokio::select! {
        outcome = shown => outcome,
        () = &mut serving => Ok(()),
    };
    finish.send_replace(true);
    serving.await;
    outcome
}

/// Opens or makes the data folder and starts the server, on a free port if the usual one is taken.
async fn start(
    options: &DevOptions,
    folder: &Folder,
    clock: &Arc<dyn Clock>,
    entropy: &Arc<dyn Entropy>,
) -> Result<Server, DevError> {
    let is_new = !folder.exists();
    let mut config = if is_new {
        let names = ["localhost", "127.0.0.1", "::1"].map(str::to_owned).to_vec();
        folder.create(DEFAULT, names, Source::File("cosign.db".into()), &**clock, &**entropy)?
    } else {
        folder.config()?
    };
    let any = SocketAddr::new(DEFAULT.ip(), 0);
    config.listen = options.listen.unwrap_or(if options.once { any } else { DEFAULT });
    let server = match bind(&config, clock, entropy).await {
        Err(StartError::Bind(BindError::Socket { error, .. }))
            if options.listen.is_none() && error.kind() == io::ErrorKind::AddrInUse =>
        {
            say(format_args!("{DEFAULT} is taken; taking a free port instead"));
            config.listen = any;
            bind(&config, clock, entropy).await?
        }
        outcome => outcome?,
    };
    if is_new {
        server.operator().record_init().await?;
    }
    Ok(server)
}

async fn bind(
    config: &Config,
    clock: &Arc<dyn Clock>,
    entropy: &Arc<dyn Entropy>,
) -> Result<Server, StartError> {
    Server::start(config, Access::Create, Arc::clone(clock), Arc::clone(entropy)).await
}

fn input(options: &DevOptions, folder: &Folder) -> Result<PathBuf, DevError> {
    if let Some(file) = &options.file {
        return Ok(file.clone());
    }
    let path = folder.path().join(SAMPLE);
    let text = "A document that two parties sign together and neither could sign alone.\n".repeat(1000);
    fs::write(&path, text).map_err(file_error(&path))?;
    Ok(path)
}

/// A folder that goes away with the process.
struct Temporary(PathBuf);

impl Temporary {
    fn make(entropy: &dyn Entropy) -> Result<Self, DevError> {
        let mut name = [0; 8];
        entropy.fill(&mut name)?;
        Ok(Self(std::env::temp_dir().join(format!("cosign-dev-{}", hex::encode(name)))))
    }
}

impl Drop for Temporary {
    fn drop(&mut self) {
        if let Err(error) = fs::remove_dir_all(&self.0) {
            tracing::warn!(path = %self.0.display(), %error, "the temporary folder is left behind");
        }
    }
}
