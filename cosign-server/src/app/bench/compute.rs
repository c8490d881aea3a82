//! Co-signatures that all computing threads do, as the signer does them under load: many that are admitted and computed together.

use std::sync::Arc;

use cosign_core::{
    DeviceId, DeviceKey, Digest, Error as CoreError, KeyId, MIN_ITERATIONS, Pin, PinMode, Purpose, Suite,
    keygen,
    server::{Admission, Incoming, Issued, Job, KeyRecord, Origin, ReplayCache, Status, receive},
    sign,
    sm_primitives::rand_core::TryRng as _,
};
use zeroize::Zeroizing;

use super::per_s;
use crate::{
    domain::{
        Error,
        ports::{Clock, Entropy},
    },
    signer::EntropyRng,
};

const DEVICE: DeviceId = DeviceId::from_bytes([1; 32]);
const KEY: KeyId = KeyId::from_bytes([1; 16]);
/// A time.
const NOW_MS: u64 = 1_800_000_000_000;
/// Signatures that are computed together.
const TOGETHER: usize = 64;

/// How many a second.
pub(super) fn measure(
    threads: usize,
    each_ns: u64,
    clock: &dyn Clock,
    entropy: &Arc<dyn Entropy>,
) -> Result<u64, Error> {
    let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().map_err(|error| {
        tracing::error!(%error, "the computing threads did not start");
        Error::Internal
    })?;
    let rates = pool.broadcast(|_| {
        let mut request = Request::new(EntropyRng::new(Arc::clone(entropy)))?;
        let begun_ns = clock.monotonic_ns();
        let mut done = 0;
        loop {
            done += request.answer()?;
            let elapsed_ns = clock.monotonic_ns().saturating_sub(begun_ns);
            if elapsed_ns >= each_ns {
                return Ok(per_s(done, elapsed_ns));
            }
        }
    });
    rates.into_iter().sum()
}

/// A request for one signature under a key that exists in memory only.
struct Request {
    record: KeyRecord,
    frame: Vec<u8>,
    cache: ReplayCache,
    nonce_key: Zeroizing<[u8; 32]>,
    rng: EntropyRng,
}

impl Request {
    fn new(mut rng: EntropyRng) -> Result<Self, Error> {
        let (record, frame) = make(&mut rng).ok_or(Error::Internal)?;
        let mut nonce_key = Zeroizing::new([0; 32]);
        rng.try_fill_bytes(nonce_key.as_mut())?;
        Ok(Self { record, frame, cache: ReplayCache::new(16, 1 << 20, 1 << 12), nonce_key, rng })
    }

    /// The server's part from bytes to bytes, many times over.
    fn answer(&mut self) -> Result<u64, Error> {
        let mut jobs = Vec::with_capacity(TOGETHER);
        while jobs.len() < TOGETHER {
            let Ok(Incoming::Operation(operation)) = receive(&self.frame) else {
                return Err(Error::Internal);
            };
            let (key_id, sid, op) = (operation.key_id(), operation.sid(), operation.op());
            match operation.admit(Some(&mut self.record), &DEVICE, NOW_MS, &mut self.cache) {
                Admission::Job(job) => jobs.push(job),
                _ => return Err(Error::Internal),
            }
            // So that the next one is no repetition.
            self.cache.abandon(key_id, sid, op);
        }
        let executed = Job::run_all(jobs, &self.nonce_key, &mut self.rng);
        if executed.iter().any(|executed| executed.audit.code.is_some()) {
            return Err(Error::Internal);
        }
        Ok(executed.iter().map(|executed| u64::from(executed.audit.count)).sum())
    }
}

/// Makes a key over the protocol, both sides here, and a request to sign with it.
fn make(rng: &mut EntropyRng) -> Option<(KeyRecord, Vec<u8>)> {
    let (purpose, mode, origin) = (Purpose::Sign, PinMode::Base, Origin::Generated);
    let issued = Issued { device: DEVICE, suite: Suite::D, purpose, mode, origin };
    let (frame, waiting) = keygen::start(KEY, Suite::D, purpose, rng).ok()?;
    let Ok(Incoming::KeygenStart(start)) = receive(&frame) else { return None };
    let (frame, pending) = start.respond(Some(issued), &DEVICE, NOW_MS, rng).ok()?;
    let finish = |rng: &mut EntropyRng| -> Result<_, CoreError> {
        let (pin, device_key) = (Pin::new("271828")?, DeviceKey::random(rng)?);
        waiting.finish(&frame, &pin, &device_key, MIN_ITERATIONS, rng)
    };
    let (frame, waiting) = finish(rng).ok()?;
    let Ok(Incoming::KeygenOpen(open)) = receive(&frame) else { return None };
    let (frame, record) = open.respond(Some(pending), &DEVICE, NOW_MS).ok()?;
    let (_, key) = waiting.finish(&frame).ok()?;
    let digest = Digest::reduce(&[7; 32]);
    let (frame, _) = sign::start(&key, &[digest], NOW_MS, 1, rng).ok()?;
    Some((KeyRecord { status: Status::Active, ..record }, frame))
}
