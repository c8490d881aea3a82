//! The client role of the two-party protocol as a driver: what `cosign-core` leaves to its caller.
//!
//! * [`Connection`]: QUIC with framed streams and HTTP/3, or HTTP/2; repeats what may be repeated.
//! * [`Store`]: this device's identity and its half of each key, in a folder.
//! * [`Client`]: enrolment, key generation, signing, decryption, PIN change and refresh, shares for other devices, key
//!   recovery, key status.
//! * [`transfer`]: what goes from one device to another, as text.
//!
//! The command line tool `smsign` is a thin layer over these.
//!
//! ```no_run
//! # async fn example() -> Result<(), cosign_client::Error> {
//! use std::{path::Path, sync::Arc, time::Duration};
//!
//! use cosign_client::{Batch, Client, Connection, Credentials, Store, Target, Transport, Trust, pin};
//! use cosign_core::Digest;
//!
//! let store = Store::open(Path::new("/home/user/.local/share/smsign"))?;
//! let key = store.find(Some("contracts"), None)?;
//! let device = store.device_or_new()?;
//! let target = Target {
//!     server: key.info.server.clone(),
//!     trust: Trust::from_file(Path::new("ca.pem"))?,
//!     device: Some(device.identity),
//!     transport: Transport::Quic,
//!     connect_timeout: Duration::from_secs(10),
//! };
//! let client = Client::new(Connection::new(target));
//! let digest = Digest::reduce(&key.distid().digest(&key.public_key(), b"message"));
//! let credentials = Arc::new(Credentials { pin: pin::existing("271828")?, device: device.secret });
//! let unlocked = client.unlock(key.into_record()?, credentials).await?;
//! let mut batch = Batch::new(vec![digest]);
//! client.sign(&unlocked, &mut batch, std::future::pending(), |_, signature| println!("{signature:?}")).await?;
//! # Ok(()) }
//! ```
//!
//! After an error [`Batch::items`] says what became of each digest; [`Client::sign`] goes on with the rest.
//!
//! A refresh needs the PIN, so none happens by itself: [`KeyInfo::is_refresh_due`] says when one is advised, and it is
//! for the caller to ask the owner and to call [`Client::refresh`].
//!
//! **Invariant**: a frame that carries nonces is sent again only byte for byte, and never later than 60 s after it was
//! made. **Invariant**: while a key has two records, or has not arrived, its refresh is completed before anything else.
//! **Invariant**: nothing that tests a PIN offline is stored or logged.
#![forbid(unsafe_code)]

mod address;
pub mod api;
pub mod audit;
mod client;
pub mod clock;
mod connection;
mod error;
pub mod files;
pub mod pin;
mod store;
#[cfg(test)]
mod testing;
pub mod time_stamp;
mod tls;
pub mod transfer;
pub mod webhook;

pub use address::ServerAddress;
pub use client::{
    Batch, CertificateOrder, Client, ClockComparison, Credentials, Decryption, DecryptionItem, DeliveredKey,
    ITERATIONS, InstalledCertificates, Item, KeygenRequest, LockAnswer, LogHead, OpeningKey, OperatorCall,
    ProposedAct, ProtectionKey, Recovery, Renewed, SealedLock, ShareRequest, Step,
};
pub use connection::{Body, Connection, Resend, Target, Transport};
pub use cosign_core::http_signature;
pub use error::{Category, Error, SilentServer};
pub use store::{
    DEFAULT_LABEL, Device, EvaluationLock, KeyInfo, Login, MAX_LABEL, NewKeyInfo, REFRESH_AFTER_MS, Store,
    StoredKey, check_label,
};
pub use tls::{DeviceIdentity, Trust};
