//! The operations of the client role.

mod audit;
mod batch;
mod certificates;
mod evaluate;
mod keygen;
mod locks;
mod operator;
mod recovery;
mod refresh;
mod session;
mod split;

use std::{
    ops::Range,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Instant,
};

use cosign_core::{ClientKey, DeviceKey, KeyId, LocalRecord, MAX_BATCH, Op, Pin, PinMode};
use envelope::{ContentKey, RecipientInfo};
use http::Method;
use serde::Serialize;
use sm_primitives::{Zeroizing, sm2::Ciphertext};
use tokio::{runtime::Handle, task};

use self::batch::Stopped;
#[cfg(test)]
pub(crate) use self::refresh::Links;
pub(crate) use self::session::Exchange;
pub use self::{
    audit::LogHead,
    batch::{Batch, Decryption, DecryptionItem, Item},
    certificates::{CertificateOrder, DeliveredKey, InstalledCertificates, ProtectionKey},
    keygen::{ITERATIONS, KeygenRequest, Step},
    locks::{LockAnswer, OpeningKey, SealedLock},
    operator::{OperatorCall, ProposedAct},
    recovery::Recovery,
    refresh::Renewed,
    split::ShareRequest,
};
use crate::{
    api::{Device, KeyStatus, Server},
    clock,
    connection::{Connection, Resend},
    error::Error,
};

/// What unlocks a record: something the owner knows and something the device has.
pub struct Credentials {
    /// The PIN.
    pub pin: Pin,
    /// The device's secret.
    pub device: DeviceKey,
}

/// What the server measured against this device's clock.
#[derive(Clone, Debug)]
pub struct ClockComparison {
    /// The server's answer.
    pub server: Server,
    /// This device's clock minus the server's, milliseconds; precise to half the round trip.
    pub ahead_ms: i64,
    /// Duration of the measuring request, milliseconds.
    pub round_trip_ms: u64,
}

/// The client role towards one server. Cheap to clone.
#[derive(Clone)]
pub struct Client {
    connection: Connection,
    sessions: Arc<AtomicU64>,
}

impl Client {
    /// A client on a connection, which it opens when it needs it.
    #[must_use]
    pub fn new(connection: Connection) -> Self {
        Self { connection, sessions: Arc::new(AtomicU64::new(1)) }
    }

    /// The connection.
    #[must_use]
    pub const fn connection(&self) -> &Connection {
        &self.connection
    }

    /// What the server says about itself. Needs no enrolment.
    ///
    /// # Errors
    /// Network errors, [`Error::Api`], [`Error::BadAnswer`]; so for all calls of the API below.
    pub async fn server(&self) -> Result<Server, Error> {
        self.get("/v1/server").await
    }

    /// Compares the clocks.
    ///
    /// # Errors
    /// As [`Client::server`].
    pub async fn compare_clocks(&self) -> Result<ClockComparison, Error> {
        // The connection is up after this one, so the next measures the way only.
        self.server().await?;
        let (start, start_ms) = (clock::instant(), clock::now_ms());
        let server = self.server().await?;
        let round_trip_ms = u64::try_from(start.elapsed().as_millis()).unwrap_or(u64::MAX);
        let middle = i128::from(start_ms) + i128::from(round_trip_ms / 2);
        let ahead_ms = i64::try_from(middle - i128::from(server.time_ms)).unwrap_or(i64::MIN);
        Ok(ClockComparison { server, ahead_ms, round_trip_ms })
    }

    /// Makes this device known to the server. Again with the same device it changes nothing.
    ///
    /// # Errors
    /// [`Error::Api`] with `enrolment_code_invalid`.
    pub async fn enrol(&self, code: &str, name: &str) -> Result<Device, Error> {
        #[derive(Serialize)]
        struct Enrolment<'a> {
            enrolment_code: &'a str,
            name: &'a str,
        }
        let body = Enrolment { enrolment_code: code, name };
        self.connection.call(Method::POST, "/v1/devices", Some(&body)).await
    }

    /// This device as the server knows it.
    ///
    /// # Errors
    /// [`Error::Api`] with `not_enrolled`.
    pub async fn device(&self) -> Result<Device, Error> {
        self.get("/v1/device").await
    }

    /// The keys of this device.
    ///
    /// # Errors
    /// [`Error::Api`].
    pub async fn keys(&self) -> Result<Vec<KeyStatus>, Error> {
        self.connection.list("/v1/keys").await
    }

    /// One key of this device.
    ///
    /// # Errors
    /// [`Error::Api`] with `not_found`.
    pub async fn key(&self, key_id: KeyId) -> Result<KeyStatus, Error> {
        self.get(&format!("/v1/keys/{key_id}")).await
    }

    /// Stops a key at once. Only the operator can start it again.
    ///
    /// # Errors
    /// [`Error::Api`].
    pub async fn freeze(&self, key_id: KeyId) -> Result<KeyStatus, Error> {
        self.connection.call(Method::POST, &format!("/v1/keys/{key_id}/freeze"), None::<&()>).await
    }

    /// Takes the PIN mask off a record. **A wrong PIN gives another key, not an error**: only the server can tell, at the
    /// key's first request.
    ///
    /// In oblivious mode the server takes part, and counts a wrong PIN until that request: it is to follow at once. Keep
    /// [`Store::evaluation_lock`](crate::Store::evaluation_lock) until it is answered if others use the key, too.
    ///
    /// # Errors
    /// [`Error::ForeignRecord`] if the record was changed or belongs to another device. In oblivious mode also
    /// [`Error::RefreshRequired`], [`Error::WrongPin`] while there is a wait, the other refusals, and network errors.
    pub async fn unlock(
        &self,
        record: LocalRecord,
        credentials: Arc<Credentials>,
    ) -> Result<Arc<ClientKey>, Error> {
        // No request would follow the evaluation, which would then stay counted.
        if record.pin_mode() == PinMode::Oblivious && self.key(record.key_id()).await?.pin.refresh_required {
            return Err(Error::RefreshRequired(record.key_id()));
        }
        let link = self.channel(record.key_id()).of(Op::Evaluate);
        blocking(move || evaluate::unlock(&link, &record, &credentials).map(Arc::new)).await
    }

    /// Opens SM2 ciphertexts, all of them or none, in requests of at most 256 one after the other: for many that are not of
    /// one making there is [`Client::decrypt_many`]. Gives the plaintexts in order and the
    /// number of wrong PINs since the last success.
    ///
    /// # Errors
    /// As [`Client::sign`]. [`Error::ServerMisbehaved`] with `E_VERIFY` also stands for a ciphertext that was changed.
    pub async fn decrypt(
        &self,
        key: &Arc<ClientKey>,
        ciphertexts: &[Ciphertext],
    ) -> Result<(Vec<Zeroizing<Vec<u8>>>, u8), Error> {
        let channel = self.channel(key.key_id()).of(Op::Decrypt);
        let mut plaintexts = Vec::with_capacity(ciphertexts.len());
        let mut failures = 0;
        for range in batches(ciphertexts.len()) {
            let (channel, key) = (channel.clone(), Arc::clone(key));
            let batch = ciphertexts.get(range).unwrap_or_default().to_vec();
            let key_id = key.key_id();
            let decrypted = match blocking(move || session::decrypt(&channel, &key, &batch)).await {
                Ok(decrypted) => decrypted,
                Err(error) => return Err(self.explain(key_id, error).await),
            };
            failures = failures.max(decrypted.failures);
            plaintexts.extend(decrypted.plaintexts);
        }
        Ok((plaintexts, failures))
    }

    /// Recovers the content key of an envelope from the entry made for this key.
    ///
    /// # Errors
    /// [`Error::Envelope`] if the entry is broken, and those of [`Client::decrypt`].
    pub async fn content_key(
        &self,
        key: &Arc<ClientKey>,
        entry: &RecipientInfo,
    ) -> Result<(ContentKey, u8), Error> {
        let ciphertext = entry.ciphertext().map_err(Error::Envelope)?.clone();
        let (mut plaintexts, failures) = self.decrypt(key, &[ciphertext]).await?;
        let plaintext = plaintexts.pop().ok_or(Error::BadAnswer("no plaintext"))?;
        Ok((ContentKey::from_bytes(plaintext).map_err(Error::Envelope)?, failures))
    }

    async fn get<T: serde::de::DeserializeOwned>(&self, path: &str) -> Result<T, Error> {
        self.connection.call(Method::GET, path, None::<&()>).await
    }

    fn channel(&self, key_id: KeyId) -> Channel {
        Channel { client: self.clone(), runtime: Handle::current(), key_id }
    }
}

/// Arithmetic and PBKDF2 run beside the runtime, so that connections stay alive meanwhile.
async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, Error> + Send + 'static,
) -> Result<T, Error> {
    match task::spawn_blocking(work).await {
        Ok(outcome) => outcome,
        Err(error) if error.is_panic() => Err(Error::Internal("a computation panicked")),
        Err(_) => Err(Error::Interrupted),
    }
}

/// Positions 0..count in runs of at most 256.
fn batches(count: usize) -> impl Iterator<Item = Range<usize>> {
    (0..count).step_by(MAX_BATCH).map(move |start| start..count.min(start + MAX_BATCH))
}

/// The way from a blocking session to the server: frames of one key.
#[derive(Clone)]
struct Channel {
    client: Client,
    runtime: Handle,
    key_id: KeyId,
}

impl Channel {
    fn status(&self) -> Result<KeyStatus, Error> {
        self.runtime.block_on(self.client.key(self.key_id))
    }

    fn next_session(&self) -> u64 {
        self.client.sessions.fetch_add(1, Ordering::Relaxed)
    }

    /// For an operation whose frames may be repeated.
    fn of(&self, op: Op) -> OpChannel {
        OpChannel { channel: self.clone(), op, resend: Resend::Identical, stopped: None }
    }

    /// For an operation whose frames may not.
    fn once(&self, op: Op) -> OpChannel {
        OpChannel { resend: Resend::Never, ..self.of(op) }
    }
}

/// A channel for one operation.
#[derive(Clone)]
struct OpChannel {
    channel: Channel,
    op: Op,
    resend: Resend,
    stopped: Option<Stopped>,
}

impl OpChannel {
    /// The same, for a batch that may be stopped.
    fn until(self, stopped: Stopped) -> Self {
        Self { stopped: Some(stopped), ..self }
    }
}

impl Exchange for OpChannel {
    fn exchange(&self, frame: &[u8], deadline: Instant) -> Result<Vec<u8>, Error> {
        let Channel { client, runtime, key_id } = &self.channel;
        let exchange = client.connection.exchange(self.op, *key_id, frame, self.resend, deadline);
        match &self.stopped {
            None => runtime.block_on(exchange),
            Some(stopped) => runtime.block_on(stopped.clone().limit(exchange)),
        }
    }
}

#[cfg(test)]
mod tests;
