//! A share of a key for another device: this device asks for one, or gives one away.

use std::sync::Arc;

use cosign_core::{
    ClientKey, DeviceId, KeyId, Op, PinMode, Purpose, Suite,
    split::{self, Handover, Invitation, Kind, Receiver},
};
use getrandom::SysRng;
use http::Method;
use serde::Serialize;

use super::{
    Client, Credentials, Renewed, blocking, keygen, refresh,
    session::{Exchange, Retry, local},
};
use crate::{
    api::{KeyStatus, NewKey},
    clock,
    error::Error,
    store::{KeyInfo, NewKeyInfo, Store},
    transfer,
};

/// A share that this device asked for and waits for. In memory only; the invitation is used once.
#[derive(Debug)]
pub struct ShareRequest {
    receiver: Receiver,
    suite: Suite,
    purpose: Purpose,
    mode: PinMode,
}

impl ShareRequest {
    /// What to show to the device that has the key.
    #[must_use]
    pub const fn invitation(&self) -> &Invitation {
        self.receiver.invitation()
    }

    /// What the key is for.
    #[must_use]
    pub const fn purpose(&self) -> Purpose {
        self.purpose
    }

    /// Opens the text that came back. The key is good for [`Client::take_over`] and nothing else.
    ///
    /// # Errors
    /// [`Error::BadText`], [`Error::ForeignShare`].
    pub fn open(&self, text: &str) -> Result<ClientKey, Error> {
        let key = self.receiver.open(&transfer::parse_share(text)?).map_err(|_| Error::ForeignShare)?;
        // Whoever gives the key away must not choose how its new PIN is protected.
        let is_expected =
            (key.suite(), key.purpose(), key.pin_mode()) == (self.suite, self.purpose, self.mode);
        is_expected.then_some(key).ok_or(Error::ForeignShare)
    }
}

#[derive(Serialize)]
struct ShareOrder<'a> {
    of: String,
    label: &'a str,
}

impl Client {
    /// Asks for a share of the key `of`, which another device has: the server issues an id for it to this device.
    ///
    /// # Errors
    /// [`Error::Api`] if the device is not enrolled or the server does not know the key; [`Error::BadAnswer`]; network
    /// errors.
    pub async fn request_share(
        &self,
        of: KeyId,
        label: &str,
        device: DeviceId,
    ) -> Result<ShareRequest, Error> {
        let order = ShareOrder { of: of.to_string(), label };
        let issued: NewKey = self.connection().call(Method::POST, "/v1/keys", Some(&order)).await?;
        let key_id = issued.key_id.parse().map_err(|_| Error::BadAnswer("not a key id"))?;
        let suite = Suite::from_name(&issued.suite).ok_or(Error::BadAnswer("unknown suite"))?;
        let mode = PinMode::from_name(&issued.pin_mode).ok_or(Error::BadAnswer("unknown PIN mode"))?;
        let receiver = Receiver::new(of, key_id, device, &mut SysRng).map_err(local)?;
        Ok(ShareRequest { receiver, suite, purpose: issued.purpose.into(), mode })
    }

    /// Makes a share that was sent to this device its own: both halves are renewed under the PIN of this device, and the
    /// key becomes active. What was sent is dead then, and with a move the other device's share is.
    ///
    /// If this is cut off after the record is in the store, [`Client::complete_refresh`] comes next; before that, a new
    /// share has to be asked for.
    ///
    /// # Errors
    /// [`Error::ArrivalRefused`] and other refusals, [`Error::LabelTaken`], and those of the store: the key is not this
    /// device's. [`Error::ArrivalUnconfirmed`] from the moment when the server may have made it active.
    /// [`Error::ArrivalUndone`]; [`Error::BadAnswer`] if the server asks for too many iterations; network errors.
    pub async fn take_over(
        &self,
        store: &Store,
        key: ClientKey,
        credentials: Arc<Credentials>,
        info: NewKeyInfo<'_>,
    ) -> Result<Renewed, Error> {
        let iterations = keygen::iterations(self.server().await?.pbkdf2_iterations_min)?;
        let info = KeyInfo::new(key.key_id(), key.purpose(), key.public_key(), info);
        let channel = self.channel(key.key_id());
        let links = channel.refresh();
        let store = store.clone();
        blocking(move || refresh::take_over(&links, &store, &key, &info, &credentials, iterations)).await
    }

    /// Splits a share for the device that invited. With [`Kind::Move`] this device's share dies when the new one becomes
    /// active, not before.
    ///
    /// Whoever calls this has made sure that the invitation is that of the right device: by scanning it from its screen,
    /// or by comparing [`Invitation::check_code`].
    ///
    /// # Errors
    /// [`Error::InvitationRefused`], [`Error::ShareRefused`], and those of [`Client::sign`].
    pub async fn hand_over(
        &self,
        key: &Arc<ClientKey>,
        to: &Invitation,
        kind: Kind,
    ) -> Result<Handover, Error> {
        let channel = self.channel(key.key_id()).of(Op::Split);
        let (key_id, issued) = (key.key_id(), to.key_id());
        let (key, to) = (Arc::clone(key), to.clone());
        match blocking(move || hand_over(&channel, &key, &to, kind)).await {
            Err(Error::Quota) => Err(Error::ShareRefused),
            Err(Error::KeyRefused) => Err(why_refused(self.key(key_id).await.as_ref().ok(), key_id, issued)),
            outcome => outcome,
        }
    }
}

/// The server has one code for a key that it does not serve and for an id that waits for no share of this key; what it
/// says of the key over the API tells them apart.
fn why_refused(view: Option<&KeyStatus>, key_id: KeyId, issued: KeyId) -> Error {
    match view.filter(|view| view.status == "active") {
        Some(view) if view.pin.refresh_required => Error::RefreshRequired(key_id),
        Some(view) if !view.pin.locked => Error::InvitationRefused(issued),
        _ => Error::KeyRefused,
    }
}

/// Op 08.
fn hand_over(link: &impl Exchange, key: &ClientKey, to: &Invitation, kind: Kind) -> Result<Handover, Error> {
    let retry = Retry::new();
    let waiting = split::start(key, to, kind, clock::now_ms(), &mut SysRng).map_err(local)?;
    retry.until_done(
        link,
        waiting,
        |waiting| waiting.frame(),
        |waiting, answer| waiting.finish(answer, &mut SysRng),
    )
}

#[cfg(test)]
mod tests;
