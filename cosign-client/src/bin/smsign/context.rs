//! What every command needs: store, runtime, output, PINs.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use cosign_client::{
    Client, Connection, Credentials, Device, DeviceIdentity, Error, EvaluationLock, ServerAddress, Store,
    StoredKey, Target, Transport, Trust,
};
use cosign_core::{ClientKey, KeyId, Purpose};
use tokio::runtime::{Builder, Runtime};

use crate::{
    args::{Global, ServerArgs},
    output::{Failure, Output},
    pin_entry::{PasswordEntry, PinEntry},
    progress::{Progress, Unit},
};

/// How long opening a connection may take; `auto` gives QUIC less, so that the other way still has time.
const CONNECT: Duration = Duration::from_secs(10);
const CONNECT_AUTO: Duration = Duration::from_secs(4);
/// How long work in progress may take to notice that the program ends.
const SHUTDOWN: Duration = Duration::from_secs(2);

pub(crate) struct Context {
    pub(crate) output: Output,
    pub(crate) pins: PinEntry,
    pub(crate) passwords: PasswordEntry,
    home: Option<std::path::PathBuf>,
    transport: Transport,
    runtime: Runtime,
    stop: Arc<AtomicBool>,
}

impl Context {
    pub(crate) fn new(global: &Global) -> Result<Self, Failure> {
        let output = Output::new(global);
        let runtime = Builder::new_current_thread()
            .enable_all()
            .build()
            .map_err(|_| Error::Internal("the operating system gives no event queue"))?;
        Ok(Self {
            output,
            pins: PinEntry::new(global.pin_file.clone(), output),
            passwords: PasswordEntry::new(global.password_file.clone(), output),
            home: global.home.clone().or_else(Store::default_root),
            transport: global.transport,
            runtime,
            stop: Arc::default(),
        })
    }

    pub(crate) fn store(&self) -> Result<Store, Failure> {
        let home = self.home.as_ref().ok_or_else(|| {
            Failure::Usage("there is no home folder for the key store; use --home or SMSIGN_HOME".into())
        })?;
        Ok(Store::open(home)?)
    }

    /// Runs to the end, or until the user interrupts.
    pub(crate) fn run<T>(&self, work: impl Future<Output = Result<T, Failure>>) -> Result<T, Failure> {
        self.block_on(async {
            tokio::select! {
                outcome = work => outcome,
                () = interrupted() => {
                    self.stop.store(true, Ordering::Relaxed);
                    Err(Error::Interrupted.into())
                }
            }
        })
    }

    /// Runs to the end; it is for the work to end early when the user interrupts.
    pub(crate) fn block_on<T>(&self, work: impl Future<Output = T>) -> T {
        self.runtime.block_on(work)
    }

    /// Runs work on files beside the runtime.
    pub(crate) async fn blocking<T: Send + 'static>(
        work: impl FnOnce() -> Result<T, Failure> + Send + 'static,
    ) -> Result<T, Failure> {
        match tokio::task::spawn_blocking(work).await {
            Ok(outcome) => outcome,
            Err(error) if error.is_panic() => Err(Error::Internal("work on a file panicked").into()),
            Err(_) => Err(Error::Interrupted.into()),
        }
    }

    pub(crate) fn progress(&self, task: &'static str, unit: Unit, total: u64) -> Progress {
        Progress::new(self.output, Arc::clone(&self.stop), task, unit, total)
    }

    /// A client for a server. Without a device only the public part of the API answers.
    pub(crate) fn client(
        &self,
        server: ServerAddress,
        trust: Trust,
        device: Option<Arc<DeviceIdentity>>,
    ) -> Client {
        let connect_timeout = if self.transport == Transport::Auto { CONNECT_AUTO } else { CONNECT };
        Client::new(Connection::new(Target {
            server,
            trust,
            device,
            transport: self.transport,
            connect_timeout,
        }))
    }

    /// A client for the server of a key, and this device's secret.
    pub(crate) fn client_for(&self, store: &Store, key: &StoredKey) -> Result<(Client, Device), Failure> {
        let device = device(store)?;
        let client =
            self.client(key.info.server.clone(), trust_of(store, key)?, Some(Arc::clone(&device.identity)));
        Ok((client, device))
    }

    /// The server of the arguments, or the only one that the store knows.
    pub(crate) fn server(
        &self,
        store: &Store,
        arguments: &ServerArgs,
    ) -> Result<(ServerAddress, Trust), Failure> {
        if let (Some(server), Some(ca)) = (&arguments.server, &arguments.ca) {
            return Ok((server.clone(), Trust::from_file(ca)?));
        }
        let mut servers = known_servers(store)?;
        match (servers.pop(), servers.is_empty()) {
            (Some(only), true) => Ok(only),
            (None, _) => Err(Failure::Usage("give the server with --server HOST:PORT --ca FILE".into())),
            _ => {
                Err(Failure::Usage("the store knows several servers; give one with --server and --ca".into()))
            }
        }
    }

    /// Stops what is still running.
    pub(crate) fn end(self) {
        self.stop.store(true, Ordering::Relaxed);
        self.runtime.shutdown_timeout(SHUTDOWN);
    }
}

/// Waits until the user interrupts.
pub(crate) async fn interrupted() {
    if tokio::signal::ctrl_c().await.is_err() {
        // Nobody can.
        std::future::pending::<()>().await;
    }
}

/// The device of a store that has keys.
pub(crate) fn device(store: &Store) -> Result<Device, Failure> {
    Ok(store.device()?.ok_or_else(|| Error::StoreDamaged {
        path: store.root().join("device"),
        what: "there are keys, but their device's secret is gone",
    })?)
}

/// Every server of the keys in the store, once, with the CA of its newest key.
pub(crate) fn known_servers(store: &Store) -> Result<Vec<(ServerAddress, Trust)>, Failure> {
    let mut servers: Vec<(ServerAddress, Trust)> = Vec::new();
    for key in store.keys()?.iter().rev() {
        if servers.iter().all(|(server, _)| *server != key.info.server) {
            servers.push((key.info.server.clone(), trust_of(store, key)?));
        }
    }
    Ok(servers)
}

fn trust_of(store: &Store, key: &StoredKey) -> Result<Trust, Failure> {
    let damaged = |what| Error::StoreDamaged { path: store.root().join("keys").join(&key.info.key_id), what };
    Ok(Trust::from_pem(&key.info.ca).map_err(damaged)?)
}

/// Finds a usable key. One whose generation was cut off is asked about first; one that has not arrived is completed by
/// [`unlock`].
pub(crate) async fn ensure_active(store: &Store, client: &Client, key: &StoredKey) -> Result<(), Failure> {
    if key.info.active || key.is_arriving() {
        return Ok(());
    }
    let key_id: KeyId = key.key_id();
    if client.key(key_id).await?.status == "pending" {
        return Err(Error::NotActive(key_id).into());
    }
    Ok(store.set_active(key_id)?)
}

/// A key that is unlocked, and the right to be the only one that is about to use it.
pub(crate) struct Unlocked {
    pub(crate) key: Arc<ClientKey>,
    /// To be kept until the first request is answered.
    pub(crate) lock: Option<EvaluationLock>,
}

/// Unlocks a key to use it at once. A PIN change, refresh or arrival of it that was cut off is completed first, with the
/// same PIN.
pub(crate) async fn unlock(
    context: &Context,
    store: &Store,
    client: &Client,
    key: StoredKey,
    credentials: Arc<Credentials>,
) -> Result<Unlocked, Failure> {
    let (key_id, name) = (key.key_id(), describe(&key));
    let record = match key.into_record() {
        Err(Error::RefreshUnconfirmed { .. } | Error::ArrivalUnconfirmed { .. }) => {
            let renewed = client.complete_refresh(store, key_id, Arc::clone(&credentials)).await?;
            context.output.note(format_args!("what was cut off with key {name} is complete"));
            context.output.pin_failures(renewed.failures);
            store.key(key_id)?.into_record()?
        }
        record => record?,
    };
    let (store, mode) = (store.clone(), record.pin_mode());
    let lock = Context::blocking(move || Ok(store.evaluation_lock(mode)?)).await?;
    Ok(Unlocked { key: client.unlock(record, credentials).await?, lock })
}

/// Asks for the PIN of a key.
pub(crate) fn credentials(
    context: &Context,
    key: &StoredKey,
    device: Device,
) -> Result<Arc<Credentials>, Failure> {
    let pin = match key.next() {
        None if key.is_arriving() => context.pins.arriving(&describe(key))?,
        None => context.pins.existing(&describe(key))?,
        Some(_) => context.pins.unconfirmed(&describe(key))?,
    };
    Ok(Arc::new(Credentials { pin, device: device.secret }))
}

/// How a key is called where its owner reads it.
pub(crate) fn describe(key: &StoredKey) -> String {
    let purpose = match key.purpose() {
        Purpose::Sign => "signing",
        Purpose::Encrypt => "decryption",
    };
    format!("{:?} ({purpose}, {})", key.info.label, key.info.server)
}
