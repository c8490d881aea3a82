//! A recovered decryption key: it comes whole from the key centre, is split at once, and then taken over.

use std::sync::Arc;

use cosign_core::{ClientKey, KeyId, Op, PinMode, Suite, import};
use envelope::{armor, enveloped_key};
use getrandom::SysRng;
use sm_primitives::sm2::{PrivateKey, PublicKey};

use super::{
    Client, Credentials, ProtectionKey, Renewed, blocking, keygen, refresh,
    session::{Exchange, Retry, local},
};
use crate::{
    api::{IssuedId, KeyPurpose},
    error::Error,
    store::{KeyInfo, NewKeyInfo, Store},
};

/// A decryption key that is to be recovered under an id which the operator issued to this device. Holds the private key
/// to which the key centre seals it, in memory only.
pub struct Recovery {
    key_id: KeyId,
    suite: Suite,
    mode: PinMode,
    public_key: PublicKey,
    protection: PrivateKey,
}

impl Recovery {
    /// The id that the key will have on this device.
    #[must_use]
    pub const fn key_id(&self) -> KeyId {
        self.key_id
    }

    /// The public key of the key to be recovered, as the server expects it.
    #[must_use]
    pub const fn public_key(&self) -> &PublicKey {
        &self.public_key
    }

    /// The public key to which the key centre seals the recovered key.
    #[must_use]
    pub fn protection_key(&self) -> &PublicKey {
        self.protection.public_key()
    }

    /// Opens the key centre's reply: `SM2EnvelopedKey` (GM/T 0009), DER, PEM or base64.
    ///
    /// # Errors
    /// [`Error::BadRecovery`]; [`Error::OtherKey`] if it is not the key that the server expects.
    pub fn open(&self, reply: &[u8]) -> Result<PrivateKey, Error> {
        const SEQUENCE: u8 = 0x30;
        let key = if reply.first() == Some(&SEQUENCE) {
            enveloped_key::open(reply, &self.protection)
        } else {
            armor::decode(reply).and_then(|der| enveloped_key::open(&der, &self.protection))
        };
        let key = key.map_err(Error::BadRecovery)?;
        if *key.public_key() == self.public_key { Ok(key) } else { Err(Error::OtherKey) }
    }
}

impl Client {
    /// Begins the recovery of the key for which the operator issued `key_id` to this device.
    ///
    /// # Errors
    /// [`Error::Api`] with `not_found` if the id was not issued to this device; [`Error::NotRecoverable`] if it was issued
    /// for something else; [`Error::BadAnswer`]; network errors.
    pub async fn recovery(&self, key_id: KeyId) -> Result<Recovery, Error> {
        self.recovery_under(key_id, ProtectionKey::generate()?).await
    }

    /// The same with a protection key that the key centre knows already.
    ///
    /// # Errors
    /// As [`Client::recovery`].
    pub async fn recovery_under(&self, key_id: KeyId, protection: ProtectionKey) -> Result<Recovery, Error> {
        let issued: IssuedId = self.get(&format!("/v1/key-ids/{key_id}")).await?;
        Recovery::new(key_id, &issued, protection.0)
    }

    /// Splits a recovered key with the server and makes it this device's own, as [`Client::take_over`] does. The private
    /// key is dropped before the second half of that; nothing of it is stored.
    ///
    /// If this is cut off before the record is in the store, the operator has to issue another id.
    ///
    /// # Errors
    /// [`Error::ImportRefused`], [`Error::NoAnswer`], and those of [`Client::take_over`].
    pub async fn import(
        &self,
        store: &Store,
        recovery: &Recovery,
        private_key: PrivateKey,
        credentials: Arc<Credentials>,
        info: NewKeyInfo<'_>,
    ) -> Result<Renewed, Error> {
        let iterations = keygen::iterations(self.server().await?.pbkdf2_iterations_min)?;
        let (key_id, suite, mode) = (recovery.key_id, recovery.suite, recovery.mode);
        let purpose = KeyPurpose::Encrypt.into();
        let info = KeyInfo::new(key_id, purpose, private_key.public_key(), info);
        let channel = self.channel(key_id);
        let links = channel.refresh();
        let once = channel.once(Op::Import);
        let store = store.clone();
        blocking(move || {
            let key = import(&once, key_id, suite, mode, private_key)?;
            refresh::take_over(&links, &store, &key, &info, &credentials, iterations)
        })
        .await
    }
}

impl Recovery {
    fn new(key_id: KeyId, issued: &IssuedId, protection: PrivateKey) -> Result<Self, Error> {
        if issued.purpose != KeyPurpose::Encrypt {
            return Err(Error::NotRecoverable(key_id));
        }
        let public_key = issued.public_key.as_deref().ok_or(Error::NotRecoverable(key_id))?;
        let public_key =
            PublicKey::from_spki_pem(public_key).map_err(|_| Error::BadAnswer("not a public key"))?;
        let suite = Suite::from_name(&issued.suite).ok_or(Error::BadAnswer("unknown suite"))?;
        let mode = PinMode::from_name(&issued.pin_mode).ok_or(Error::BadAnswer("unknown PIN mode"))?;
        Ok(Self { key_id, suite, mode, public_key, protection })
    }
}

/// Op 13. Its frame is sent once.
fn import(
    once: &impl Exchange,
    key_id: KeyId,
    suite: Suite,
    mode: PinMode,
    private_key: PrivateKey,
) -> Result<ClientKey, Error> {
    let waiting = import::start(key_id, suite, mode, &private_key, &mut SysRng).map_err(local)?;
    drop(private_key);
    let answer = once.exchange(waiting.frame(), Retry::new().deadline())?;
    waiting.finish(&answer).map_err(|error| match local(error) {
        Error::KeyRefused => Error::ImportRefused(key_id),
        error => error,
    })
}

#[cfg(test)]
mod tests;
