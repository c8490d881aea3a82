//! Start and stop.

use std::{
    fs::File,
    net::SocketAddr,
    os::unix::fs::OpenOptionsExt as _,
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};

use axum::Router;
use futures_util::future::BoxFuture;
use thiserror::Error;
use tokio::sync::watch;

use super::{
    channel::ChannelCertificate,
    config::{Config, LogConfig, Provider, SmsProvider},
    exchange::Exchange,
    files::FileError,
    master::MasterKeyError,
    sandbox::{
        SandboxBank, SandboxIdentity, SandboxInvoicing, SandboxLogins, SandboxMail, SandboxMoney, SandboxOcr,
        SandboxRegistry, SandboxSms,
    },
    traces::Exporter,
    webhooks::{WebhookError, WebhookPorts, Webhooks},
};
use crate::{
    api::{self, Api},
    domain::{
        Error as DomainError,
        ca::ports::Registry,
        clients::ports::Outbox,
        ports::{Clock, Entropy, Readiness, Signer, Store, Unit},
        services::{
            AuditLog, Authorities, AuthorityPorts, Clients, Devices, Feed, Grants, Keys, Office, OfficePorts,
            OpeningKeys, Operator, Operators,
        },
        throttle::Throttle,
    },
    signer::{
        AuthoritySigner, LogError, PersonalVault, SEAL_KEY, SealMakerKey, SealedCentre, Sealer, SealerError,
        SignerService, TreeHeads, WrappingKeys,
    },
    store::{Access, Database, OpenError},
    telemetry::Telemetry,
    transport::{BindError, Limits, Sockets},
};

const MAINTENANCE: Duration = Duration::from_secs(10);
/// What the key of webhooks is derived for.
const WEBHOOK_KEY: &[u8] = b"cosign webhooks 1";
/// How often it is looked what time has moved in the office.
const PASSING: Duration = Duration::from_secs(2);
const READY: Duration = Duration::from_secs(2);
const MINUTE_MS: u64 = 60_000;
/// Sources of public requests that are remembered.
const PUBLIC_SOURCES: usize = 65_536;
/// A request is good for so long after it was answered at the latest: two minutes, of a client that is two minutes ahead.
const FRAMES_LAST_MS: u64 = 240_000;

/// Why the server does not start.
#[derive(Debug, Error)]
pub enum StartError {
    /// A file.
    #[error(transparent)]
    File(#[from] FileError),
    /// The database.
    #[error(transparent)]
    Store(#[from] OpenError),
    /// The sockets.
    #[error(transparent)]
    Bind(#[from] BindError),
    /// Another server uses the database.
    #[error("{0} is locked: another server uses this database; two would not see each other's replays")]
    Locked(PathBuf),
    /// The master key.
    #[error(transparent)]
    MasterKey(#[from] MasterKeyError),
    /// The wrapping keys.
    #[error(transparent)]
    Sealer(#[from] SealerError),
    /// The audit log is not what was signed.
    #[error(transparent)]
    Log(#[from] LogError),
    /// Webhooks.
    #[error(transparent)]
    Webhooks(#[from] WebhookError),
    /// The signer.
    #[error("the signer does not start: {0}")]
    Signer(#[from] DomainError),
}

/// A server with its sockets bound, not yet serving.
pub struct Server {
    sockets: Sockets,
    channel: ChannelCertificate,
    router: Router,
    public: Router,
    authorities: Arc<Authorities>,
    office: Arc<Office>,
    signer: SignerService,
    heads: TreeHeads,
    feed: Arc<Feed>,
    webhooks: Webhooks,
    store: Arc<Database>,
    telemetry: Arc<Telemetry>,
    exporter: Option<Exporter>,
    limits: Limits,
    operator: Arc<Operator>,
    // Held as long as the server lives.
    _lock: Option<File>,
}

impl Server {
    /// Opens everything that the configuration names and binds the sockets.
    ///
    /// # Errors
    /// [`StartError`].
    pub async fn start(
        config: &Config,
        access: Access,
        clock: Arc<dyn Clock>,
        entropy: Arc<dyn Entropy>,
    ) -> Result<Self, StartError> {
        let channel = ChannelCertificate::open(&config.certificate, &config.private_key)?;
        let lock = config.database.file().map(lock).transpose()?;
        let LogConfig { traces, traces_ratio, .. } = &config.log;
        let (telemetry, exporter) = Exporter::telemetry(traces.as_ref(), *traces_ratio, &clock, &entropy);
        let store = Arc::new(open_store(config, access, Arc::clone(&telemetry)).await?);
        await_restored(&store, &*clock).await?;
        let port: Arc<dyn Store> = Arc::clone(&store) as _;
        let sealer = sealer(config, &store, Arc::clone(&clock), Arc::clone(&entropy)).await?;
        let heads = start_heads(config, sealer.keys(), &port, &clock, &entropy).await?;
        let webhook_key = heads.derive_key(WEBHOOK_KEY)?;
        let sealer = Arc::new(sealer);
        let authorities = Arc::new(authorities(&store, &sealer, &clock, &entropy));
        let seal_maker = SealMakerKey::new(heads.derive_key(SEAL_KEY)?, Arc::clone(&entropy));
        let office = (&authorities, seal_maker);
        let office = Arc::new(self::office(config, &store, &sealer, office, &clock, &entropy).await?);
        let signer = SignerService::start(
            config.signer(),
            sealer,
            Arc::clone(&port),
            Arc::clone(&clock),
            Arc::clone(&entropy),
            Arc::clone(&telemetry),
        )
        .await?;
        let operator = Operator::new(Arc::clone(&port), Arc::clone(&clock), Arc::clone(&entropy));
        let limits = config.limits();
        let outbox: Arc<dyn Outbox> = Arc::clone(&store) as _;
        let feed = Arc::new(Feed::new(Arc::clone(&outbox)));
        let public_webhook_key = *webhook_key.public_key();
        let ports = WebhookPorts {
            store: Arc::clone(&port),
            outbox,
            feed: Arc::clone(&feed),
            clock: Arc::clone(&clock),
            entropy: Arc::clone(&entropy),
            telemetry: Arc::clone(&telemetry),
        };
        let webhooks = Webhooks::new(ports, &config.webhooks, webhook_key)?;
        let api = Api {
            devices: Arc::new(Devices::new(Arc::clone(&port), Arc::clone(&clock))),
            keys: Arc::new(Keys::new(Arc::clone(&port), Arc::clone(&clock), Arc::clone(&entropy))),
            audit: Arc::new(AuditLog::new(Arc::clone(&port))),
            opening_keys: Arc::new(OpeningKeys::new(Arc::clone(&port))),
            opening: Arc::new(signer.clone()),
            authorities: Arc::clone(&authorities),
            clients: Arc::new(clients(&store, &clock, &entropy, config.webhooks.allow_http)),
            feed: Arc::clone(&feed),
            webhook_key: public_webhook_key,
            operators: Arc::new(Operators::new(
                Arc::clone(&port),
                Arc::clone(&store) as _,
                Arc::clone(&clock),
                Arc::clone(&entropy),
            )),
            office: Arc::clone(&office),
            signer: Arc::new(signer.clone()),
            readiness: Arc::new(Health::new(port, signer.clone())),
            clock,
            telemetry: Arc::clone(&telemetry),
            public: Arc::new(Throttle::new(config.limits.public_per_minute.get(), MINUTE_MS, PUBLIC_SOURCES)),
            timeout: limits.request_timeout,
        };
        let (router, public) = (api::router(api.clone()), api::public_router(api));
        let mut sockets = Sockets::bind(config.listen, channel.tls()).await?;
        if let Some(address) = config.public_listen {
            sockets = sockets.with_public(address).await?;
        }
        Ok(Self {
            sockets,
            channel,
            router,
            public,
            authorities,
            office,
            signer,
            heads,
            feed,
            webhooks,
            store,
            telemetry,
            exporter,
            limits,
            operator: Arc::new(operator),
            _lock: lock,
        })
    }

    /// Where it listens, UDP and TCP.
    #[must_use]
    pub const fn address(&self) -> SocketAddr {
        self.sockets.address()
    }

    /// The operator's acts, in this process.
    #[must_use]
    pub fn operator(&self) -> Arc<Operator> {
        Arc::clone(&self.operator)
    }

    /// Serves until `stop` turns true (or its sender is gone); then finishes what was begun, commits and closes.
    pub async fn run(mut self, stop: watch::Receiver<bool>) {
        let signer: Arc<dyn Signer> = Arc::new(self.signer.clone());
        let mut stopping = stop.clone();
        let serving = self.sockets.serve(self.router, self.public, signer, self.limits, self.telemetry, stop);
        {
            // Ends with this block: it may be in the midst of signing, which the last head waits for.
            let signing_heads = self.heads.run();
            let (telling, delivering) = (self.feed.run(), self.webhooks.run());
            let exporter = self.exporter.as_mut();
            let exporting = async {
                match exporter {
                    Some(exporter) => exporter.run().await,
                    None => std::future::pending().await,
                }
            };
            // A sender that is gone is a stop too.
            let stopped = async { drop(stopping.wait_for(|stop| *stop).await) };
            tokio::pin!(serving, signing_heads, telling, delivering, exporting, stopped);
            let mut open = true;
            let mut maintenance = tokio::time::interval(MAINTENANCE);
            let mut passing = tokio::time::interval(PASSING);
            loop {
                tokio::select! {
                    () = &mut serving => break,
                    () = &mut signing_heads => {}
                    () = &mut telling => {}
                    () = &mut delivering => {}
                    () = &mut exporting => {}
                    () = &mut stopped, if open => {
                        open = false;
                        // Streams would go on for ever, and what they are served by waits for them.
                        self.feed.end();
                    }
                    _ = maintenance.tick() => {
                        self.channel.follow();
                        self.signer.maintain().await;
                        self.authorities.maintain().await;
                    }
                    () = self.office.wait_for_work() => working(&self.office).await,
                    _ = passing.tick() => working(&self.office).await,
                }
            }
        }
        self.signer.drain().await;
        if let Err(error) = self.heads.publish().await {
            tracing::error!(%error, "no last tree head was signed");
        }
        self.store.close().await;
        if let Some(exporter) = &mut self.exporter {
            exporter.finish().await;
        }
    }
}

async fn working(office: &Office) {
    if let Err(error) = office.work().await {
        tracing::warn!(%error, "the office could not do what was due");
    }
}

/// What a backup does not know of was answered before it was restored: no request of that time is still good when the server
/// begins.
async fn await_restored(store: &Database, clock: &dyn Clock) -> Result<(), StartError> {
    let Some(restored_ms) = store.restored_ms().await? else { return Ok(()) };
    let left_ms = restored_ms.saturating_add(FRAMES_LAST_MS).saturating_sub(clock.now_ms());
    if left_ms > 0 {
        tracing::warn!(
            seconds = left_ms.div_ceil(1000),
            "waits until no request from before the backup was restored is good"
        );
        tokio::time::sleep(Duration::from_millis(left_ms.min(FRAMES_LAST_MS))).await;
    }
    Ok(())
}

async fn start_heads(
    config: &Config,
    keys: &WrappingKeys,
    store: &Arc<dyn Store>,
    clock: &Arc<dyn Clock>,
    entropy: &Arc<dyn Entropy>,
) -> Result<TreeHeads, LogError> {
    let (store, clock, entropy) = (Arc::clone(store), Arc::clone(clock), Arc::clone(entropy));
    TreeHeads::start(config.heads(), keys, store, clock, entropy).await
}

/// Whether the server can do its work: the writer commits, the signer is not stopping, the master key works.
pub(crate) struct Health {
    store: Arc<dyn Store>,
    signer: SignerService,
}

impl Health {
    pub(crate) fn new(store: Arc<dyn Store>, signer: SignerService) -> Self {
        Self { store, signer }
    }
}

impl Readiness for Health {
    fn ready(&self) -> BoxFuture<'_, Result<(), DomainError>> {
        Box::pin(async {
            self.signer.check()?;
            // An empty unit goes through the writer and its transaction like every other.
            let written = tokio::time::timeout(READY, self.store.commit(Unit::default())).await;
            Ok(written.map_err(|_| DomainError::Unavailable)??)
        })
    }
}

/// The database without a server: for the operator's commands, also while a server runs.
pub struct Offline {
    store: Arc<Database>,
    clock: Arc<dyn Clock>,
    entropy: Arc<dyn Entropy>,
    /// The operator's acts.
    pub operator: Operator,
}

impl Offline {
    /// Opens the database.
    ///
    /// # Errors
    /// [`OpenError`].
    pub async fn open(
        config: &Config,
        access: Access,
        clock: Arc<dyn Clock>,
        entropy: Arc<dyn Entropy>,
    ) -> Result<Self, OpenError> {
        let store = Arc::new(open_store(config, access, Arc::new(Telemetry::new())).await?);
        let port: Arc<dyn Store> = Arc::clone(&store) as _;
        let operator = Operator::new(port, Arc::clone(&clock), Arc::clone(&entropy));
        Ok(Self { store, clock, entropy, operator })
    }

    /// Opens the wrapping keys with the master key of the configuration. Ties a new database to it.
    ///
    /// # Errors
    /// [`StartError`].
    pub async fn sealer(&self, config: &Config) -> Result<Sealer, StartError> {
        sealer(config, &self.store, Arc::clone(&self.clock), Arc::clone(&self.entropy)).await
    }

    /// The authorities of the database, with wrapping keys that are open.
    #[must_use]
    pub fn authorities(&self, sealer: &Arc<Sealer>) -> Authorities {
        authorities(&self.store, sealer, &self.clock, &self.entropy)
    }

    /// The clients of the API. `allow_http`: whether a webhook may be without TLS.
    #[must_use]
    pub fn clients(&self, allow_http: bool) -> Clients {
        clients(&self.store, &self.clock, &self.entropy, allow_http)
    }

    /// Who is an operator.
    #[must_use]
    pub fn grants(&self) -> Grants {
        let store = &self.store;
        Grants::new(Arc::clone(store) as _, Arc::clone(store) as _, Arc::clone(&self.clock))
    }

    pub(super) fn store(&self) -> &Database {
        &self.store
    }

    /// The source of chance.
    #[must_use]
    pub fn entropy(&self) -> Arc<dyn Entropy> {
        Arc::clone(&self.entropy)
    }

    /// Ties a new database to the master key of the configuration, makes its wrapping key and its audit key, and signs the
    /// head over its first record.
    ///
    /// # Errors
    /// [`StartError`].
    pub async fn init(&self, config: &Config) -> Result<(), StartError> {
        let sealer = self.sealer(config).await?;
        let port: Arc<dyn Store> = Arc::clone(&self.store) as _;
        let heads = start_heads(config, sealer.keys(), &port, &self.clock, &self.entropy).await?;
        self.operator.record_init().await?;
        Ok(heads.publish().await?)
    }

    /// Commits what waits and closes the file.
    pub async fn close(self) {
        self.store.close().await;
    }
}

fn authorities(
    store: &Arc<Database>,
    sealer: &Arc<Sealer>,
    clock: &Arc<dyn Clock>,
    entropy: &Arc<dyn Entropy>,
) -> Authorities {
    let registry: Arc<dyn Registry> = Arc::clone(store) as _;
    Authorities::new(AuthorityPorts {
        store: Arc::clone(store) as _,
        registry,
        certifier: Arc::new(Exchange::new(AuthoritySigner::new(Arc::clone(sealer)), Arc::clone(clock))),
        centre: Arc::new(SealedCentre::new(Arc::clone(clock), Arc::clone(entropy))),
        clock: Arc::clone(clock),
        entropy: Arc::clone(entropy),
    })
}

fn clients(
    store: &Arc<Database>,
    clock: &Arc<dyn Clock>,
    entropy: &Arc<dyn Entropy>,
    allow_http: bool,
) -> Clients {
    let (port, outbox) = (Arc::clone(store) as _, Arc::clone(store) as _);
    Clients::new(port, outbox, Arc::clone(clock), Arc::clone(entropy), allow_http)
}

async fn office(
    config: &Config,
    store: &Arc<Database>,
    sealer: &Sealer,
    (authorities, seal_maker): (&Arc<Authorities>, SealMakerKey),
    clock: &Arc<dyn Clock>,
    entropy: &Arc<dyn Entropy>,
) -> Result<Office, DomainError> {
    let vault = PersonalVault::open(sealer.keys(), &**store, Arc::clone(entropy)).await?;
    let ports = OfficePorts {
        store: Arc::clone(store) as _,
        entities: Arc::clone(store) as _,
        vault: Arc::new(vault),
        authorities: Arc::clone(authorities),
        seal_maker: Arc::new(seal_maker),
        sms: match config.providers.sms {
            SmsProvider::None => None,
            SmsProvider::Sandbox => {
                tracing::warn!("SMS codes are given to whoever asks: the provider is a sandbox");
                Some(Arc::new(SandboxSms::default()))
            }
        },
        identity: match config.providers.identity {
            Provider::None => None,
            Provider::Sandbox => {
                tracing::warn!("people are verified who are not who they say: the provider is a sandbox");
                Some(Arc::new(SandboxIdentity::default()))
            }
        },
        ocr: match config.providers.ocr {
            Provider::None => None,
            Provider::Sandbox => Some(Arc::new(SandboxOcr::default())),
        },
        registry: match config.providers.registry {
            Provider::None => None,
            Provider::Sandbox => Some(Arc::new(SandboxRegistry::default())),
        },
        money: match config.providers.money {
            Provider::None => None,
            Provider::Sandbox => {
                tracing::warn!("whoever says so has paid: the provider is a sandbox");
                Some(Arc::new(SandboxMoney::new(Arc::clone(entropy))))
            }
        },
        invoicing: match config.providers.invoicing {
            Provider::None => None,
            Provider::Sandbox => Some(Arc::new(SandboxInvoicing::default())),
        },
        micropayments: match config.providers.micropayments {
            Provider::None => None,
            Provider::Sandbox => {
                tracing::warn!("statements of accounts are shown to whoever asks: the provider is a sandbox");
                Some(Arc::new(SandboxBank::default()))
            }
        },
        logins: match config.providers.logins {
            Provider::None => None,
            Provider::Sandbox => {
                tracing::warn!("whoever says who they are logs in: the provider is a sandbox");
                Some(Arc::new(SandboxLogins))
            }
        },
        mail: match config.providers.mail {
            Provider::None => None,
            Provider::Sandbox => {
                tracing::warn!("letters are given to whoever asks: the provider is a sandbox");
                Some(Arc::new(SandboxMail::default()))
            }
        },
        clock: Arc::clone(clock),
        entropy: Arc::clone(entropy),
    };
    Ok(Office::new(ports, config.rules.clone()))
}

async fn open_store(
    config: &Config,
    access: Access,
    telemetry: Arc<Telemetry>,
) -> Result<Database, OpenError> {
    Database::open(&config.database, &config.tombstones, access, telemetry).await
}

async fn sealer(
    config: &Config,
    store: &Arc<Database>,
    clock: Arc<dyn Clock>,
    entropy: Arc<dyn Entropy>,
) -> Result<Sealer, StartError> {
    let master = config.master_key.open(Access::Existing, &*entropy)?;
    store.bind_master_key(&master.name()).await?;
    Ok(Sealer::open(master, Arc::clone(store) as _, clock, entropy).await?)
}

pub(super) fn lock(database: &Path) -> Result<File, StartError> {
    let path = database.with_extension("lock");
    let file =
        File::options().append(true).create(true).mode(0o600).open(&path).map_err(FileError::io(&path))?;
    file.try_lock().map_err(|_| StartError::Locked(path))?;
    Ok(file)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::ports::testing::FakeClock;

    #[tokio::test]
    async fn a_restored_database_is_not_served_at_once() {
        let folder = tempfile::tempdir().unwrap();
        let file = |name: &str| folder.path().join(name);
        let (database, tombstones) = (file("cosign.db"), file("tombstones"));
        let telemetry = Arc::new(Telemetry::new());
        let store = Database::open(&database.into(), &tombstones, Access::Create, telemetry).await.unwrap();
        let waits = async |now_ms: u64| {
            let clock = FakeClock::at(now_ms);
            tokio::time::timeout(Duration::from_millis(20), await_restored(&store, &clock)).await.is_err()
        };
        assert!(!waits(1_000_000).await, "it was never restored");
        store.mark_restored(1_000_000).await.unwrap();
        assert!(waits(1_000_000).await);
        assert!(waits(1_000_000 + FRAMES_LAST_MS - 1_000).await);
        assert!(!waits(1_000_000 + FRAMES_LAST_MS).await);
        // A clock that was set back keeps nobody waiting for ever.
        assert!(waits(0).await);
        store.mark_restored(2_000_000).await.unwrap();
        assert_eq!(store.restored_ms().await.unwrap(), Some(2_000_000));
        store.close().await;
    }
}
