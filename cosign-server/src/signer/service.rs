//! The signer as the rest of the server sees it: frames in, frames out, start and stop.

use std::sync::{Arc, Mutex, PoisonError};

use cosign_core::{
    Code, DeviceId, KeyId, Op, PinMode, Purpose, Suite,
    server::{Claim, Incoming, Unreadable, receive, refuse},
};
use futures_util::future::BoxFuture;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use zeroize::Zeroizing;

use super::{
    limiter::Limiter,
    pending::Pending,
    pool::{Pool, PoolSettings},
    queue::Queue,
    replay::Replays,
    rng::EntropyRng,
    seal::{Content, Place},
    sealer::Sealer,
    vault::Vault,
};
use crate::{
    domain::{
        Error,
        audit::{Act, Event},
        device::Caller,
        ports::{Clock, Entropy, Signer, Store, StoreError, Write},
        throttle::Throttle,
    },
    telemetry::{Telemetry, within},
};

/// Operations under way in the whole process.
const MAX_IN_FLIGHT: u32 = 8192;
/// Nonces of commitments that wait for their openings, about 100 bytes each. They live for half a minute at most; what
/// comes with none left is told to try again.
const MAX_OPEN_NONCES: usize = 1 << 18;
/// Refusals per device and minute before it is asked to wait.
const MAX_REFUSALS: u32 = 120;
const REFUSAL_WINDOW_MS: u64 = 60_000;
const REFUSED_DEVICES: usize = 65_536;

/// Transactions of one run that drops what has expired; the next one goes on.
const MAX_PIECES: u32 = 256;

/// Sizes of the signer.
#[derive(Clone, Copy, Debug)]
pub struct SignerSettings {
    /// Computing threads and their queue.
    pub pool: PoolSettings,
    /// Keys kept unsealed in memory.
    pub hot_keys: usize,
    /// How long an unused key stays unsealed, milliseconds.
    pub hot_idle_ms: u64,
    /// Sessions remembered for replays.
    pub replay_entries: usize,
    /// Bytes of answers remembered for replays.
    pub replay_bytes: usize,
    /// What of the past stays in storage.
    pub retention: Retention,
}

/// When what has expired is dropped from storage.
#[derive(Clone, Copy, Debug)]
pub struct Retention {
    /// Between two runs, milliseconds; up to a quarter is added by chance, so that nodes do not run at once.
    pub interval_ms: u64,
    /// Rows of each kind in one transaction.
    pub rows: u32,
    /// How long a request for a certificate that came to nothing is kept, milliseconds.
    pub requests_ms: u64,
}

/// The server role. Cheap to clone; all clones are one signer.
#[derive(Clone)]
pub struct SignerService {
    core: Arc<Core>,
    in_flight: Arc<Semaphore>,
}

/// Everything an operation needs.
pub(super) struct Core {
    pub(super) store: Arc<dyn Store>,
    pub(super) clock: Arc<dyn Clock>,
    pub(super) entropy: Arc<dyn Entropy>,
    pub(super) sealer: Arc<Sealer>,
    pub(super) vault: Vault,
    pub(super) replays: Replays,
    pub(super) pending: Pending,
    pub(super) pool: Pool,
    pub(super) limiter: Arc<Limiter>,
    pub(super) telemetry: Arc<Telemetry>,
    refusals: Throttle<DeviceId>,
    retention: Retention,
    /// When the next run is due, if the clock is not set back: what it was at the last one, and how long to wait.
    purged: Mutex<Option<(u64, u64)>>,
}

impl SignerService {
    /// Starts the signer: its threads, a fresh nonce key, and the sessions spent before the last restart.
    ///
    /// # Errors
    /// [`Error::Internal`] without threads or randomness; storage faults.
    pub async fn start(
        settings: SignerSettings,
        sealer: Arc<Sealer>,
        store: Arc<dyn Store>,
        clock: Arc<dyn Clock>,
        entropy: Arc<dyn Entropy>,
        telemetry: Arc<Telemetry>,
    ) -> Result<Self, Error> {
        let mut nonce_key = Zeroizing::new([0; 32]);
        entropy.fill(nonce_key.as_mut())?;
        let queue = Queue::new(nonce_key, EntropyRng::new(Arc::clone(&entropy)));
        let pool = Pool::new(settings.pool, queue, Arc::clone(&telemetry)).map_err(|error| {
            tracing::error!(%error, "the computing threads did not start");
            Error::Internal
        })?;
        let replays = Replays::new(settings.replay_entries, settings.replay_bytes, MAX_OPEN_NONCES);
        for session in store.live_sessions(clock.now_ms()).await? {
            replays.of(&session.key_id).restore(session.key_id, session.sid, session.fp, session.until_ms);
        }
        let core = Core {
            store,
            clock,
            entropy,
            sealer,
            vault: Vault::new(settings.hot_keys, settings.hot_idle_ms),
            replays,
            pending: Pending::default(),
            pool,
            limiter: Arc::new(Limiter::new(settings.pool.queue.get())),
            telemetry,
            refusals: Throttle::new(MAX_REFUSALS, REFUSAL_WINDOW_MS, REFUSED_DEVICES),
            retention: settings.retention,
            purged: Mutex::default(),
        };
        let in_flight = Arc::new(Semaphore::new(usize::try_from(MAX_IN_FLIGHT).unwrap_or(usize::MAX)));
        Ok(Self { core: Arc::new(core), in_flight })
    }

    /// Drops what has expired, in memory and in storage. Call it every few seconds.
    pub async fn maintain(&self) {
        let now_ms = self.core.clock.now_ms();
        self.core.vault.purge(now_ms);
        self.core.replays.purge(now_ms);
        self.core.pending.purge(now_ms);
        self.core.telemetry.memory(self.core.vault.len(), self.core.replays.len());
        if let Err(error) = self.purge(now_ms).await {
            tracing::warn!(?error, "expired rows were not dropped");
        }
        if let Err(error) = self.core.sealer.maintain().await {
            tracing::warn!(%error, "records were not sealed again under the newest wrapping key");
        }
    }

    /// Drops what has expired in storage, if it is time. Several nodes may do it at once: whoever comes second finds nothing.
    async fn purge(&self, now_ms: u64) -> Result<(), StoreError> {
        let Retention { interval_ms, rows, requests_ms } = self.core.retention;
        let last = *self.core.purged.lock().unwrap_or_else(PoisonError::into_inner);
        if last.is_some_and(|(last_ms, wait_ms)| now_ms.abs_diff(last_ms) < wait_ms) {
            return Ok(());
        }
        let mut chance = [0];
        self.core.entropy.fill(&mut chance).map_err(|_| StoreError::Unavailable)?;
        let wait_ms = interval_ms.saturating_add(interval_ms.saturating_mul(chance[0].into()) / 1024);
        *self.core.purged.lock().unwrap_or_else(PoisonError::into_inner) = Some((now_ms, wait_ms));
        // In pieces, between which others write.
        for _ in 0..MAX_PIECES {
            self.core.store.commit([Write::Purge { now_ms, rows, requests_ms }].into()).await?;
            if !self.core.store.has_expired(now_ms).await? {
                self.core.telemetry.purged(now_ms);
                break;
            }
        }
        Ok(())
    }

    /// Whether operations are taken and the wrapping key opens what it seals.
    ///
    /// # Errors
    /// [`Error::Unavailable`] while stopping, [`Error::Internal`] for a wrapping key that does not work.
    pub fn check(&self) -> Result<(), Error> {
        if self.in_flight.is_closed() {
            return Err(Error::Unavailable);
        }
        let key_id = KeyId::from_bytes([0; 16]);
        let place = Place {
            key_id: &key_id,
            epoch: 0,
            suite: Suite::D,
            purpose: Purpose::Sign,
            mode: PinMode::Base,
            public_key: &[0; 64],
            content: Content::Share,
        };
        let keys = self.core.sealer.keys();
        let sealed = keys.seal(&place, b"probe", &*self.core.entropy).map_err(|_| Error::Internal)?;
        keys.open(&place, &sealed).map(drop).map_err(|_| Error::Internal)
    }

    pub(super) const fn core(&self) -> &Arc<Core> {
        &self.core
    }

    /// Counts as an operation under way until what it gives is dropped.
    pub(super) async fn enter(&self) -> Result<OwnedSemaphorePermit, Error> {
        Arc::clone(&self.in_flight).acquire_owned().await.map_err(|_| Error::Unavailable)
    }

    /// Takes no more operations and waits for those under way.
    pub async fn drain(&self) {
        if let Ok(all) = self.in_flight.acquire_many(MAX_IN_FLIGHT).await {
            all.forget();
        }
        self.in_flight.close();
    }
}

impl Signer for SignerService {
    #[expect(
        clippy::disallowed_methods,
        reason = "an operation runs to its end even if its connection goes away; `drain` awaits it"
    )]
    fn answer(&self, caller: Caller, frame: Vec<u8>) -> BoxFuture<'_, Result<Vec<u8>, Error>> {
        Box::pin(async move {
            let device = caller.device.ok_or(Error::NoClientCertificate)?;
            self.core.demand_patience(&device)?;
            let arrived_ns = self.core.clock.monotonic_ns();
            // Before anything is done for it, so that saying no costs next to nothing.
            let Some(pass) = self.core.limiter.enter(arrived_ns) else {
                self.core.telemetry.operation("none", Code::Busy.name(), 0);
                return Err(Error::Busy);
            };
            let permit = self.enter().await?;
            let core = Arc::clone(&self.core);
            let span = core.telemetry.begin_part("operation");
            let task = tokio::spawn(async move {
                let answer = within(span.as_ref(), core.answer(&device, &frame, arrived_ns)).await;
                if let Some(mut span) = span {
                    let op = frame.get(2).copied().and_then(Op::from_byte);
                    span.attribute("op", op.map_or("none", Op::as_str));
                    span.attribute("code", status(&answer).map_or("ok", Code::name));
                }
                drop((pass, permit));
                answer
            });
            task.await.map_err(|_| Error::Internal)
        })
    }
}

impl Core {
    async fn answer(&self, device: &DeviceId, frame: &[u8], arrived_ns: u64) -> Vec<u8> {
        let incoming = match receive(frame) {
            Ok(incoming) => incoming,
            Err(Unreadable { frame, claim }) => {
                let answer = match claim {
                    Some(claim) => self.log_refusal(device, claim, frame).await,
                    None => frame,
                };
                self.report(None, device, &answer, arrived_ns);
                return answer;
            }
        };
        let op = incoming.op();
        let answer = match incoming {
            Incoming::Operation(operation) => self.operate(device, operation, frame, arrived_ns).await,
            Incoming::KeygenStart(start) => self.start_keygen(device, start).await,
            Incoming::KeygenOpen(open) => self.open_keygen(device, open).await,
            Incoming::Activate(activate) => self.activate(device, &activate).await,
            Incoming::Import(import) => self.import(device, import).await,
        };
        self.report(Some(op), device, &answer, arrived_ns);
        answer
    }

    /// Records a refusal that was given before the key's record was looked into, then gives it. What somebody else than
    /// the owner claims about a key is no part of the log, and neither is what is of another suite.
    pub(super) async fn log_refusal(&self, device: &DeviceId, claim: Claim, frame: Vec<u8>) -> Vec<u8> {
        let Claim { suite, op, key_id, sid } = claim;
        match self.store.issued(&key_id).await {
            Ok(Some(issued)) if issued.device == *device && issued.suite == suite => {}
            Ok(_) => return frame,
            Err(_) => return refuse(suite, &sid, Code::Internal),
        }
        let event = Event {
            sid: Some(sid),
            result: status(&frame).map_or(0, Code::byte),
            ..Event::administration(self.clock.now_ms(), Act::operation(op), "").about(key_id, Some(*device))
        };
        match self.store.commit([Write::Log(event)].into()).await {
            Ok(()) => frame,
            Err(_) => refuse(suite, &sid, Code::Internal),
        }
    }

    fn report(&self, op: Option<Op>, device: &DeviceId, answer: &[u8], arrived_ns: u64) {
        let code = status(answer);
        if matches!(code, Some(Code::Key | Code::Pin | Code::Proof | Code::SidConflict)) {
            self.count_refusal(device);
        }
        let elapsed_ns = self.clock.monotonic_ns().saturating_sub(arrived_ns);
        self.telemetry.operation(op.map_or("none", Op::as_str), code.map_or("ok", Code::name), elapsed_ns);
    }

    /// Whether a device has been refused too often of late.
    pub(super) fn demand_patience(&self, device: &DeviceId) -> Result<(), Error> {
        match self.refusals.wait_s(device, self.clock.now_ms()) {
            Some(retry_after_s) => Err(Error::TooManyRequests { retry_after_s }),
            None => Ok(()),
        }
    }

    pub(super) fn count_refusal(&self, device: &DeviceId) {
        self.refusals.failed(device, self.clock.now_ms());
    }

    pub(super) fn rng(&self) -> EntropyRng {
        EntropyRng::new(Arc::clone(&self.entropy))
    }
}

/// The refusal that an answer is, if it is one.
pub(super) fn status(answer: &[u8]) -> Option<Code> {
    answer.get(2).copied().and_then(Code::from_status)
}
