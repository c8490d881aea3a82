//! A server without sockets, and a phone without a network, for tests.

use std::{
    net::{IpAddr, Ipv4Addr},
    num::NonZeroUsize,
    path::{Path, PathBuf},
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use axum::{Router, body::Body, http::Request};
use cosign_core::{
    ClientKey, Code, DeviceId, DeviceKey, Digest, KeyId, LocalRecord, MIN_ITERATIONS, Pin, PinMode, Progress,
    Purpose, Suite, csr, keygen, sign,
    sm_primitives::sm2::{DistId, Signature},
};
use http_body_util::BodyExt as _;
use sqlx::Connection as _;
use tempfile::TempDir;
use tower::ServiceExt as _;
use zeroize::Zeroizing;

use crate::{
    api::{self, Api},
    app::{
        Health, SandboxBank, SandboxIdentity, SandboxInvoicing, SandboxLogins, SandboxMail, SandboxMoney,
        SandboxOcr, SandboxRegistry, SandboxSms,
    },
    domain::{
        audit::Record,
        device::{Caller, Device, Name},
        office::Rules,
        ports::{
            Clock, Entropy, Signer, Store,
            testing::{CountingEntropy, FakeClock},
        },
        services::{
            AuditLog, Authorities, AuthorityPorts, Clients, Devices, Feed, Grants, Keys, Office, OfficePorts,
            OpeningKeys, Operator, Operators, Wanted,
        },
        throttle::Throttle,
    },
    signer::{
        AuthoritySigner, EntropyRng, HeadSettings, MasterKey as _, PersonalVault, PoolSettings, Retention,
        SEAL_KEY, SealMakerKey, SealedCentre, Sealer, SignerService, SignerSettings, SoftwareKey, TreeHeads,
    },
    store::{Access, Database, Source},
    telemetry::Telemetry,
};

/// Midday of some day.
pub(crate) const NOW_MS: u64 = 1_800_000_000_000;
pub(crate) const PIN: &str = "271828";
/// The master key.
pub(crate) const MASTER: [u8; 32] = [7; 32];
/// Public requests per minute and source.
pub(crate) const PUBLIC: u32 = 1000;
pub(crate) const WRONG_PIN: &str = "314159";
/// Operations at once.
pub(crate) const QUEUE: usize = 128;

pub(crate) fn name(text: &str) -> Name {
    Name::try_from(text.to_owned()).unwrap()
}

/// A database that nobody else has: this file, or one on the PostgreSQL server that `COSIGN_TEST_POSTGRES` names
/// (the address of a database there, with a user who may make others).
pub(crate) async fn new_database(file: PathBuf) -> Source {
    static COUNT: AtomicU64 = AtomicU64::new(0);
    let Ok(server) = std::env::var("COSIGN_TEST_POSTGRES") else { return Source::File(file) };
    let name = format!("cosign_{}_{}", std::process::id(), COUNT.fetch_add(1, Ordering::Relaxed));
    let mut connection = sqlx::PgConnection::connect(&server).await.unwrap();
    let made = sqlx::query(sqlx::AssertSqlSafe(format!("CREATE DATABASE {name}")));
    made.execute(&mut connection).await.unwrap();
    let (address, options) = server.split_once('?').unwrap_or((&server, ""));
    let (address, _) = address.rsplit_once('/').unwrap();
    format!("{address}/{name}?{options}").parse().unwrap()
}

/// Drops what has expired whenever it is told to.
pub(crate) const RETENTION: Retention = Retention { interval_ms: 0, rows: 10, requests_ms: 1000 };

/// Everything but the sockets.
pub(crate) struct World {
    pub(crate) folder: TempDir,
    pub(crate) source: Source,
    pub(crate) clock: Arc<FakeClock>,
    pub(crate) entropy: Arc<CountingEntropy>,
    pub(crate) database: Arc<Database>,
    pub(crate) sealer: Arc<Sealer>,
    pub(crate) signer: SignerService,
    pub(crate) heads: TreeHeads,
    pub(crate) telemetry: Arc<Telemetry>,
    pub(crate) devices: Arc<Devices>,
    pub(crate) keys: Arc<Keys>,
    pub(crate) operator: Operator,
    pub(crate) grants: Grants,
    pub(crate) operators: Arc<Operators>,
    pub(crate) authorities: Arc<Authorities>,
    pub(crate) clients: Arc<Clients>,
    pub(crate) feed: Arc<Feed>,
    pub(crate) office: Arc<Office>,
    pub(crate) sms: Arc<SandboxSms>,
    pub(crate) money: Arc<SandboxMoney>,
    pub(crate) mail: Arc<SandboxMail>,
    pub(crate) invoicing: Arc<SandboxInvoicing>,
    pub(crate) identity: Arc<SandboxIdentity>,
    pub(crate) bank: Arc<SandboxBank>,
    pub(crate) ocr: Arc<SandboxOcr>,
    pub(crate) router: Router,
}

impl World {
    pub(crate) async fn new() -> Self {
        Self::with_store(|store| store).await
    }

    /// One with other settings of the office.
    pub(crate) async fn with_rules(rules: Rules) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let source = new_database(database(folder.path())).await;
        let clock = Arc::new(FakeClock::at(NOW_MS));
        Self::open_with(folder, source, clock, Arc::default(), (RETENTION, rules), |store| store).await
    }

    /// On a file of SQLite, whatever the others are on.
    pub(crate) async fn on_file() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let source = Source::File(database(folder.path()));
        Self::open(folder, source, Arc::new(FakeClock::at(NOW_MS)), Arc::default(), |store| store).await
    }

    /// With something between the signer and its storage.
    pub(crate) async fn with_store(wrap: impl FnOnce(Arc<dyn Store>) -> Arc<dyn Store>) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let source = new_database(database(folder.path())).await;
        Self::open(folder, source, Arc::new(FakeClock::at(NOW_MS)), Arc::default(), wrap).await
    }

    /// One that drops what has expired as it says.
    pub(crate) async fn with_retention(retention: Retention) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let source = new_database(database(folder.path())).await;
        let clock = Arc::new(FakeClock::at(NOW_MS));
        Self::open_with(folder, source, clock, Arc::default(), (retention, Rules::default()), |store| store)
            .await
    }

    /// The same, with randomness that a seed gives.
    pub(crate) async fn of_seed(seed: u32, wrap: impl FnOnce(Arc<dyn Store>) -> Arc<dyn Store>) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let source = new_database(database(folder.path())).await;
        let entropy = Arc::new(CountingEntropy::of_seed(seed));
        Self::open(folder, source, Arc::new(FakeClock::at(NOW_MS)), entropy, wrap).await
    }

    /// Another node on the same database, with a file of tombstones of its own.
    pub(crate) async fn beside(&self) -> Self {
        self.beside_with_store(|store| store).await
    }

    /// The same, with something between its signer and the storage.
    pub(crate) async fn beside_with_store(
        &self,
        wrap: impl FnOnce(Arc<dyn Store>) -> Arc<dyn Store>,
    ) -> Self {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(tombstones(folder.path()), []).unwrap();
        let (clock, entropy) = (Arc::clone(&self.clock), Arc::clone(&self.entropy));
        Self::open(folder, self.source.clone(), clock, entropy, wrap).await
    }

    /// Stops and starts again on the same files.
    pub(crate) async fn restart(self) -> Self {
        self.restart_after(|_| ()).await
    }

    /// Stops, lets something happen to the folder, and starts again.
    pub(crate) async fn restart_after(self, happens: impl FnOnce(&Path)) -> Self {
        self.restart_with_store(happens, |store| store).await
    }

    /// The same, with something between the signer and its storage.
    pub(crate) async fn restart_with_store(
        self,
        happens: impl FnOnce(&Path),
        wrap: impl FnOnce(Arc<dyn Store>) -> Arc<dyn Store>,
    ) -> Self {
        self.signer.drain().await;
        self.database.close().await;
        happens(self.folder.path());
        Self::open(self.folder, self.source, self.clock, self.entropy, wrap).await
    }

    /// The file that the database is.
    pub(crate) fn file(&self) -> PathBuf {
        self.source.file().expect("a world on a file").to_owned()
    }

    /// Whether a file of the folder has these bytes.
    pub(crate) fn has_on_disk(&self, bytes: &[u8]) -> bool {
        let files = std::fs::read_dir(self.folder.path()).unwrap();
        files
            .map(|entry| std::fs::read(entry.unwrap().path()).unwrap())
            .any(|file| file.windows(bytes.len()).any(|window| window == bytes))
    }

    /// Waits until no file has them, without anything being committed.
    pub(crate) async fn erased(&self, bytes: &[u8]) {
        for _ in 0..3000 {
            if !self.has_on_disk(bytes) {
                return;
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        panic!("still on the disk");
    }

    pub(crate) fn tombstones(&self) -> PathBuf {
        tombstones(self.folder.path())
    }

    async fn open(
        folder: TempDir,
        source: Source,
        clock: Arc<FakeClock>,
        entropy: Arc<CountingEntropy>,
        wrap: impl FnOnce(Arc<dyn Store>) -> Arc<dyn Store>,
    ) -> Self {
        Self::open_with(folder, source, clock, entropy, (RETENTION, Rules::default()), wrap).await
    }

    async fn open_with(
        folder: TempDir,
        source: Source,
        clock: Arc<FakeClock>,
        entropy: Arc<CountingEntropy>,
        (retention, rules): (Retention, Rules),
        wrap: impl FnOnce(Arc<dyn Store>) -> Arc<dyn Store>,
    ) -> Self {
        let telemetry = Arc::new(Telemetry::new());
        let revoked = tombstones(folder.path());
        let database = Database::open(&source, &revoked, Access::Create, Arc::clone(&telemetry)).await;
        let database = Arc::new(database.unwrap());
        let store = wrap(Arc::clone(&database) as _);
        let time: Arc<dyn Clock> = Arc::clone(&clock) as _;
        let chance: Arc<dyn Entropy> = Arc::clone(&entropy) as _;
        let settings = SignerSettings {
            pool: PoolSettings { threads: NonZeroUsize::new(2), queue: NonZeroUsize::new(QUEUE).unwrap() },
            hot_keys: 100,
            hot_idle_ms: 60_000,
            replay_entries: 1 << 16,
            replay_bytes: 1 << 24,
            retention,
        };
        let master = SoftwareKey::new(Zeroizing::new(MASTER));
        database.bind_master_key(&master.name()).await.unwrap();
        let sealer = Sealer::open(
            Box::new(master),
            Arc::clone(&database) as _,
            Arc::clone(&time),
            Arc::clone(&chance),
        );
        let sealer = Arc::new(sealer.await.unwrap());
        let heads = TreeHeads::start(
            HeadSettings { interval: Duration::from_secs(1), records: 1000 },
            sealer.keys(),
            Arc::clone(&store),
            Arc::clone(&time),
            Arc::clone(&chance),
        );
        let heads = heads.await.unwrap();
        let signer = SignerService::start(
            settings,
            Arc::clone(&sealer),
            Arc::clone(&store),
            Arc::clone(&time),
            Arc::clone(&chance),
            Arc::clone(&telemetry),
        );
        let signer = signer.await.unwrap();
        let devices = Arc::new(Devices::new(Arc::clone(&store), Arc::clone(&time)));
        let keys = Arc::new(Keys::new(Arc::clone(&store), Arc::clone(&time), Arc::clone(&chance)));
        let operator = Operator::new(Arc::clone(&store), Arc::clone(&time), Arc::clone(&chance));
        let authorities = Arc::new(Authorities::new(AuthorityPorts {
            store: Arc::clone(&store),
            registry: Arc::clone(&database) as _,
            certifier: Arc::new(AuthoritySigner::new(Arc::clone(&sealer))),
            centre: Arc::new(SealedCentre::new(Arc::clone(&time), Arc::clone(&chance))),
            clock: Arc::clone(&time),
            entropy: Arc::clone(&chance),
        }));
        let grants = Grants::new(Arc::clone(&store), Arc::clone(&database) as _, Arc::clone(&time));
        let operators = Arc::new(Operators::new(
            Arc::clone(&store),
            Arc::clone(&database) as _,
            Arc::clone(&time),
            Arc::clone(&chance),
        ));
        let clients = Arc::new(Clients::new(
            Arc::clone(&store),
            Arc::clone(&database) as _,
            Arc::clone(&time),
            Arc::clone(&chance),
            false,
        ));
        let feed = Arc::new(Feed::new(Arc::clone(&database) as _));
        let sms = Arc::new(SandboxSms::default());
        let money = Arc::new(SandboxMoney::new(Arc::clone(&chance)));
        let mail = Arc::new(SandboxMail::default());
        let invoicing = Arc::new(SandboxInvoicing::default());
        let identity = Arc::new(SandboxIdentity::default());
        let bank = Arc::new(SandboxBank::default());
        let ocr = Arc::new(SandboxOcr::default());
        let vault = PersonalVault::open(sealer.keys(), &*store, Arc::clone(&chance)).await.unwrap();
        let ports = OfficePorts {
            store: Arc::clone(&store),
            entities: Arc::clone(&database) as _,
            vault: Arc::new(vault),
            authorities: Arc::clone(&authorities),
            seal_maker: Arc::new(SealMakerKey::new(heads.derive_key(SEAL_KEY).unwrap(), Arc::clone(&chance))),
            sms: Some(Arc::clone(&sms) as _),
            money: Some(Arc::clone(&money) as _),
            invoicing: Some(Arc::clone(&invoicing) as _),
            identity: Some(Arc::clone(&identity) as _),
            registry: Some(Arc::new(SandboxRegistry::default())),
            ocr: Some(Arc::clone(&ocr) as _),
            micropayments: Some(Arc::clone(&bank) as _),
            logins: Some(Arc::new(SandboxLogins)),
            mail: Some(Arc::clone(&mail) as _),
            clock: Arc::clone(&time),
            entropy: Arc::clone(&chance),
        };
        let office = Arc::new(Office::new(ports, rules));
        let router = api::router(Api {
            devices: Arc::clone(&devices),
            keys: Arc::clone(&keys),
            audit: Arc::new(AuditLog::new(Arc::clone(&store))),
            opening_keys: Arc::new(OpeningKeys::new(Arc::clone(&store))),
            opening: Arc::new(signer.clone()),
            authorities: Arc::clone(&authorities),
            clients: Arc::clone(&clients),
            feed: Arc::clone(&feed),
            webhook_key: *heads.derive_key(b"test").unwrap().public_key(),
            operators: Arc::clone(&operators),
            office: Arc::clone(&office),
            signer: Arc::new(signer.clone()),
            readiness: Arc::new(Health::new(store, signer.clone())),
            clock: time,
            telemetry: Arc::clone(&telemetry),
            public: Arc::new(Throttle::new(PUBLIC, 60_000, 16)),
            timeout: Duration::from_secs(10),
        });
        Self {
            folder,
            source,
            clock,
            entropy,
            database,
            sealer,
            signer,
            heads,
            telemetry,
            devices,
            keys,
            operator,
            grants,
            operators,
            authorities,
            clients,
            feed,
            office,
            sms,
            money,
            mail,
            invoicing,
            identity,
            bank,
            ocr,
            router,
        }
    }

    pub(crate) fn rng(&self) -> EntropyRng {
        EntropyRng::new(Arc::clone(&self.entropy) as _)
    }

    /// What `/metrics` shows.
    pub(crate) async fn metrics(&self) -> String {
        let request = Request::get("/metrics").extension(caller(None)).body(Body::empty()).unwrap();
        let response = self.router.clone().oneshot(request).await.unwrap();
        String::from_utf8(response.into_body().collect().await.unwrap().to_bytes().to_vec()).unwrap()
    }

    pub(crate) fn now_ms(&self) -> u64 {
        self.clock.now_ms()
    }
}

fn database(folder: &Path) -> PathBuf {
    folder.join("cosign.db")
}

fn tombstones(folder: &Path) -> PathBuf {
    folder.join("tombstones")
}

/// A caller with this device id.
pub(crate) fn caller(device: Option<DeviceId>) -> Caller {
    Caller { device, source: IpAddr::V4(Ipv4Addr::new(192, 0, 2, 1)) }
}

/// A device with its secrets.
pub(crate) struct Phone {
    pub(crate) device: Device,
    device_key: DeviceKey,
    counter: AtomicU64,
}

impl Phone {
    /// An enrolled device.
    pub(crate) async fn enrolled(world: &World, id: u8) -> Self {
        let code = world.operator.new_code(1, 60_000).await.unwrap();
        let id = DeviceId::from_bytes([id; 32]);
        world.devices.enrol(caller(Some(id)), code.expose(), name("phone"), None).await.unwrap();
        Self::of(world, *id.as_bytes().first().unwrap()).await
    }

    /// A device that is enrolled already.
    pub(crate) async fn of(world: &World, id: u8) -> Self {
        let device = world.devices.enrolled(caller(Some(DeviceId::from_bytes([id; 32])))).await.unwrap();
        Self { device, device_key: DeviceKey::from_bytes([3; 32]), counter: 0.into() }
    }

    pub(crate) async fn ask(&self, world: &World, frame: &[u8]) -> Vec<u8> {
        world.signer.answer(caller(Some(self.device.id)), frame.to_vec()).await.unwrap()
    }

    /// A generated key that is not active yet.
    pub(crate) async fn pending_key(&self, world: &World, purpose: Purpose) -> (LocalRecord, ClientKey) {
        self.pending_key_of(world, Suite::D, purpose).await
    }

    async fn pending_key_of(
        &self,
        world: &World,
        suite: Suite,
        purpose: Purpose,
    ) -> (LocalRecord, ClientKey) {
        let issued = world
            .keys
            .issue(&self.device, Wanted::New(suite, purpose, PinMode::Base), name("key"), None)
            .await
            .unwrap();
        let mut rng = world.rng();
        let (frame, awaiting) = keygen::start(issued.key_id, suite, purpose, &mut rng).unwrap();
        let answer = self.ask(world, &frame).await;
        let pin = Pin::new(PIN).unwrap();
        let (frame, awaiting) =
            awaiting.finish(&answer, &pin, &self.device_key, MIN_ITERATIONS, &mut rng).unwrap();
        awaiting.finish(&self.ask(world, &frame).await).unwrap()
    }

    /// An active key.
    pub(crate) async fn key(&self, world: &World, purpose: Purpose) -> (LocalRecord, ClientKey) {
        self.key_of(world, Suite::D, purpose).await
    }

    /// An active key of a suite.
    pub(crate) async fn key_of(
        &self,
        world: &World,
        suite: Suite,
        purpose: Purpose,
    ) -> (LocalRecord, ClientKey) {
        let (record, key) = self.pending_key_of(world, suite, purpose).await;
        let frame = self.activation(world, &key).await;
        assert_eq!(status(&self.ask(world, &frame).await), None);
        (record, key)
    }

    /// The frame that activates a pending key.
    pub(crate) async fn activation(&self, world: &World, key: &ClientKey) -> Vec<u8> {
        let info = csr::info("test", key.public_key());
        let digest = Digest::reduce(&DistId::default().digest(key.public_key(), &info));
        let signature = self.sign(world, key, digest).await.unwrap();
        keygen::activate(key, &csr::assemble(&info, &signature), &mut world.rng()).unwrap().0
    }

    pub(crate) fn unlock(&self, record: &LocalRecord, pin: &str) -> ClientKey {
        record.unlock(&Pin::new(pin).unwrap(), &self.device_key).unwrap()
    }

    pub(crate) fn device_key(&self) -> &DeviceKey {
        &self.device_key
    }

    pub(crate) fn start<'k>(
        &self,
        world: &World,
        key: &'k ClientKey,
        digests: &[Digest],
    ) -> (Vec<u8>, sign::AwaitingSignatures<'k>) {
        let counter = self.counter.fetch_add(1, Ordering::Relaxed);
        sign::start(key, digests, world.now_ms(), counter, &mut world.rng()).unwrap()
    }

    pub(crate) async fn sign(
        &self,
        world: &World,
        key: &ClientKey,
        digest: Digest,
    ) -> Result<Signature, cosign_core::Error> {
        let (_, mut awaiting) = self.start(world, key, &[digest]);
        loop {
            let answer = self.ask(world, awaiting.frame()).await;
            awaiting = match awaiting.finish(&answer)? {
                Progress::Done(signed) => return Ok(signed.signatures[0]),
                Progress::Next(next) => next,
                Progress::Busy(_) => panic!("the server was busy"),
            };
        }
    }
}

pub(crate) fn digest(byte: u8) -> Digest {
    Digest::reduce(&[byte; 32])
}

/// The refusal that an answer is.
pub(crate) fn status(answer: &[u8]) -> Option<Code> {
    match answer[2] {
        0 => None,
        byte => Some(Code::from_status(byte).unwrap()),
    }
}

/// The stored key.
pub(crate) async fn row(world: &World, key_id: &KeyId) -> crate::domain::key::StoredKey {
    world.database.key(key_id).await.unwrap().unwrap()
}

/// All records of the audit log.
pub(crate) async fn records(world: &World) -> Vec<Record> {
    let entries = world.operator.audit(0, 1000).await.unwrap();
    entries.iter().map(|entry| Record::decode(&entry.record).unwrap()).collect()
}
