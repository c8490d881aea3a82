//! Certificates that are issued, with the keys that come along.

mod direct;
mod granted;
mod rows;

pub use direct::Direct;
pub use granted::Granted;

use cosign_core::sm_primitives::point::PublicPoint;
use cosign_core::{KeyId, sm_primitives::sm2::PublicKey};
use serde::{Deserialize, Serialize};

use super::{Authorities, apply::prove, change::Plan};
use crate::domain::{
    Error,
    ca::{
        Authority, Certificate, RequestEffect, RequestEvent, RequestId, Role, Serial, Successor,
        ports::{Certified, Made, Order, RegistryWrite},
        request::transition,
    },
    device::Device,
    once::{self, Once},
    page::Page,
    ports::{Unit, Write},
};

/// A certificate may be younger than the clocks of those who look at it, in milliseconds.
const BACKDATED_MS: u64 = 5 * 60 * 1000;
const DAY_MS: u64 = 86_400_000;
const WAITING: Error = Error::Conflict("the authority outside has not answered yet; ask again later");

/// A decryption key on its way to a device.
#[derive(Clone, Debug)]
pub struct Recoverable {
    /// Under which id the device imports it.
    pub key_id: KeyId,
    /// SM2EnvelopedKey to the device's protection key, DER. `None` for one that its custodians seal.
    pub enveloped: Option<Vec<u8>>,
}

/// What was issued.
#[derive(Clone, Debug)]
pub struct Installed {
    /// The certificates: for signing, then for decryption if there is one.
    pub certificates: Vec<Certificate>,
    /// The decryption key that the device does not have yet.
    pub key: Option<Recoverable>,
}

#[derive(Serialize, Deserialize)]
struct Remembered {
    key: Option<(String, Option<String>)>,
}

/// What the certificates of one request are made of.
struct Draft {
    orders: Vec<Order>,
    made: Option<Made>,
    replaced: Option<(Certificate, Option<Certificate>, Successor)>,
}

impl Authorities {
    /// Issues what was approved. `protection`: the key to which the key centre seals a new decryption key. Again gives the
    /// certificates again; with the same name also the key.
    ///
    /// # Errors
    /// [`Error::NotFound`], [`Error::BadRequest`] without a protection key where one is needed, [`Error::Conflict`] when it
    /// is not approved, the state of things changed meanwhile, or an authority outside has not answered;
    /// [`Error::IdempotencyMismatch`], storage faults.
    pub async fn install(
        &self,
        device: &Device,
        id: &RequestId,
        protection: Option<&PublicKey>,
        once: Option<&Once>,
    ) -> Result<Installed, Error> {
        let now_ms = self.clock.now_ms();
        let request = self.own_request(device, id).await?;
        if let Some(Remembered { key }) = once::recall(&*self.store, &device.id, once, now_ms).await? {
            let key = key.map(|(key_id, enveloped)| recalled(&key_id, enveloped)).transpose()?;
            return Ok(Installed { certificates: self.issued_for(device, id).await?, key });
        }
        let already = self.issued_for(device, id).await?;
        if !already.is_empty() {
            return Ok(Installed { certificates: already, key: None });
        }
        let authority = self.authority(&request.authority).await?;
        let (moved, effect) = transition(&request, &RequestEvent::Install, authority.options.reviewers)?;
        let Some(RequestEffect::Issue(replaced)) = effect else { return Err(Error::Internal) };
        let signing = prove(&request.csr)?;
        let key_id = self.signing_key(&device.id, &signing.key).await?.key_id;
        let base = Order {
            request: *id,
            csr: request.csr.clone(),
            subject: None,
            profile: request.profile,
            role: Role::Sign,
            public_key: signing.key,
            serial: self.new_serial()?,
            not_before_ms: now_ms.saturating_sub(BACKDATED_MS),
            not_after_ms: now_ms
                .saturating_add(DAY_MS.saturating_mul(authority.options.validity_days.into())),
        };
        let draft = self.draft(&authority, base, request.dual, replaced, protection).await?;
        let save = RegistryWrite::SaveRequest(Box::new(moved));
        let (mut unit, installed) = self.issuing(&authority, (device, key_id), &draft, save, now_ms).await?;
        if let Some(once) = once {
            let told = installed
                .key
                .as_ref()
                .map(|key| (key.key_id.to_string(), key.enveloped.as_ref().map(hex::encode)));
            unit.0.push(Write::Remember(once::remember(
                &device.id,
                once,
                &Remembered { key: told },
                now_ms,
            )?));
        }
        self.store.commit(unit).await?;
        Ok(installed)
    }

    /// The unit that issues what was drafted, and what it gives.
    async fn issuing(
        &self,
        authority: &Authority,
        (device, key_id): (&Device, KeyId),
        draft: &Draft,
        request: RegistryWrite,
        now_ms: u64,
    ) -> Result<(Unit, Installed), Error> {
        let certificates = match self.certifier.certify(authority, draft.orders.clone()).await? {
            Certified::Now(certificates) => certificates,
            Certified::Later => return Err(WAITING),
        };
        let mut plan = Plan::default();
        plan.unit.0.push(Write::Registry(request));
        let (certificates, key, tail) =
            self.rows(authority, device, key_id, draft, &certificates, &mut plan, now_ms).await?;
        let mut unit = self.finish(plan, now_ms).await?;
        unit.0.extend(tail.0);
        Ok((unit, Installed { certificates, key }))
    }

    /// The certificates that a request gave, for signing first.
    async fn issued_for(&self, device: &Device, id: &RequestId) -> Result<Vec<Certificate>, Error> {
        let mut found = self.certificates_of(device, Page::default()).await?.items;
        found.retain(|certificate| certificate.request == Some(*id));
        found.sort_by_key(|certificate| certificate.role != Role::Sign);
        Ok(found)
    }

    async fn draft(
        &self,
        authority: &Authority,
        base: Order,
        dual: bool,
        replaced: Option<(Serial, Successor)>,
        protection: Option<&PublicKey>,
    ) -> Result<Draft, Error> {
        let second = |public_key, base: &Order| -> Result<Order, Error> {
            Ok(Order { role: Role::Encrypt, public_key, serial: self.new_serial()?, ..base.clone() })
        };
        let Some((serial, how)) = replaced else {
            if !dual {
                return Ok(Draft { orders: vec![base], made: None, replaced: None });
            }
            let quorum = authority.options.quorum.as_ref();
            let quorum = quorum.ok_or(Error::Conflict("the authority has no custodians"))?;
            let protection =
                protection.ok_or(Error::BadRequest("a protection key is needed for the decryption key"))?;
            let made = self.centre.make(&authority.id, quorum, protection)?;
            let encrypt = second(made.public_key, &base)?;
            return Ok(Draft { orders: vec![base, encrypt], made: Some(made), replaced: None });
        };
        let old = self.certificate(&authority.id, &serial).await?;
        let pair = match &old.pair {
            Some(pair) => self.registry.certificate(&authority.id, pair).await?,
            None => None,
        };
        if how == Successor::Reissue {
            // The same subject and the same end; the pair keeps its certificate for decryption.
            let base = Order { not_after_ms: old.not_after_ms, ..base };
            return Ok(Draft { orders: vec![base], made: None, replaced: Some((old, pair, how)) });
        }
        let mut orders = vec![base.clone()];
        if let Some(pair) = &pair {
            let point = PublicPoint::from_bytes(&pair.public_key);
            orders.push(second(point.ok_or(Error::Internal)?.into(), &base)?);
        }
        Ok(Draft { orders, made: None, replaced: Some((old, pair, how)) })
    }
}

fn recalled(key_id: &str, enveloped: Option<String>) -> Result<Recoverable, Error> {
    let key_id = key_id.parse().map_err(|_| Error::Internal)?;
    let enveloped = enveloped.map(hex::decode).transpose().map_err(|_| Error::Internal)?;
    Ok(Recoverable { key_id, enveloped })
}
