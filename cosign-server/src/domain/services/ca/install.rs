//! Certificates that are issued, with the keys that come along.

use cosign_core::{
    DeviceId, KeyId, PinMode, Purpose, Suite,
    sm_primitives::{point::PublicPoint, sm2::PublicKey},
};
use serde::{Deserialize, Serialize};

use super::{Authorities, apply::prove, change::Plan, event};
use crate::domain::{
    Error,
    audit::{Act, Event},
    ca::{
        Authority, AuthorityId, CertEvent, CertState, Certificate, EscrowedKey, Profile, RequestEffect,
        RequestEvent, RequestId, Role, Serial, Successor,
        ports::{Certified, Made, Order, RegistryWrite},
        request::transition,
    },
    device::{Device, Name},
    key::{Change, IssuedKey, Origin, RECOVERY_TTL_MS, Status},
    once::{self, Once},
    ports::{Unit, Write},
    services::shares::change_unit,
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

/// A certificate that the operator issues without a request of a device.
#[derive(Clone, Debug)]
pub struct Direct {
    /// At which authority.
    pub authority: AuthorityId,
    /// The certification request.
    pub csr: Vec<u8>,
    /// What kind of subject.
    pub profile: Profile,
    /// What its key is for.
    pub role: Role,
    /// Days that it is valid; what the authority says if `None`.
    pub days: Option<u32>,
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
            profile: request.profile,
            role: Role::Sign,
            public_key: signing.key,
            serial: self.new_serial()?,
            not_before_ms: now_ms.saturating_sub(BACKDATED_MS),
            not_after_ms: now_ms
                .saturating_add(DAY_MS.saturating_mul(authority.options.validity_days.into())),
        };
        let draft = self.draft(&authority, base, request.dual, replaced, protection).await?;
        let certificates = match self.certifier.certify(&authority, draft.orders.clone()).await? {
            Certified::Now(certificates) => certificates,
            Certified::Later => return Err(WAITING),
        };
        let mut plan = Plan::default();
        plan.unit.0.push(Write::Registry(RegistryWrite::SaveRequest(Box::new(moved))));
        let (rows, key, tail) =
            self.rows(&authority, device, key_id, &draft, &certificates, &mut plan, now_ms).await?;
        let mut unit = self.finish(plan, now_ms).await?;
        unit.0.extend(tail.0);
        if let Some(once) = once {
            let told =
                key.as_ref().map(|key| (key.key_id.to_string(), key.enveloped.as_ref().map(hex::encode)));
            unit.0.push(Write::Remember(once::remember(
                &device.id,
                once,
                &Remembered { key: told },
                now_ms,
            )?));
        }
        self.store.commit(unit).await?;
        Ok(Installed { certificates: rows, key })
    }

    /// The certificates that a request gave, for signing first.
    async fn issued_for(&self, device: &Device, id: &RequestId) -> Result<Vec<Certificate>, Error> {
        let mut found = self.certificates_of(device).await?;
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

    /// The rows of what was issued, the key that goes to the device, and the writes that come after those of the plan.
    #[expect(clippy::too_many_arguments, reason = "the parts of one transaction")]
    async fn rows(
        &self,
        authority: &Authority,
        device: &Device,
        key_id: KeyId,
        draft: &Draft,
        certificates: &[pki::Certificate],
        plan: &mut Plan,
        now_ms: u64,
    ) -> Result<(Vec<Certificate>, Option<Recoverable>, Unit), Error> {
        if certificates.len() != draft.orders.len() {
            return Err(Error::Internal);
        }
        let mut rows = Vec::with_capacity(certificates.len());
        for (order, certificate) in draft.orders.iter().zip(certificates) {
            rows.push(row(authority, order, certificate, now_ms)?);
        }
        let mut tail = Unit::default();
        let mut key = None;
        let (first, second) = match &mut rows[..] {
            [first] => (first, None),
            [first, second] => (first, Some(second)),
            _ => return Err(Error::Internal),
        };
        first.device = Some(device.id);
        first.key_id = Some(key_id);
        if let Some(second) = second {
            second.device = Some(device.id);
            second.pair = Some(first.serial.clone());
            first.pair = Some(second.serial.clone());
            match (&draft.made, &draft.replaced) {
                (Some(made), _) => {
                    let (id, writes) = self.order_key(&device.id, made.public_key, now_ms)?;
                    second.key_id = Some(id);
                    key = Some(Recoverable { key_id: id, enveloped: Some(made.enveloped.clone()) });
                    tail.0.extend(writes);
                    tail.0.extend(escrow(authority, made, id, now_ms));
                }
                (None, Some((_, Some(pair), _))) => {
                    second.key_id = pair.key_id;
                    second.replaces = Some(pair.serial.clone());
                }
                (None, _) => return Err(Error::Internal),
            }
        }
        if let Some((old, pair, how)) = &draft.replaced {
            first.replaces = Some(old.serial.clone());
            plan.add(old, CertEvent::Supersede(*how), Some(device), now_ms)?;
            match (pair, how) {
                (Some(pair), Successor::Reissue) => {
                    let (id, writes) = self.rehome(device, first, pair, now_ms).await?;
                    first.pair = Some(pair.serial.clone());
                    key = Some(Recoverable { key_id: id, enveloped: None });
                    tail.0.extend(writes);
                }
                (Some(pair), _) => plan.add(pair, CertEvent::Supersede(*how), Some(device), now_ms)?,
                (None, _) => {}
            }
        }
        for row in &rows {
            tail.0.push(Write::Registry(RegistryWrite::AddCertificate(Box::new(row.clone()))));
            tail.0.push(Write::Log(issued(row, Some(device), now_ms)));
        }
        Ok((rows, key, tail))
    }

    /// A key id under which a device imports a decryption key.
    fn order_key(
        &self,
        device: &DeviceId,
        public_key: PublicKey,
        now_ms: u64,
    ) -> Result<(KeyId, [Write; 2]), Error> {
        let issued = IssuedKey {
            key_id: KeyId::from_bytes(self.random()?),
            device: *device,
            suite: Suite::D,
            purpose: Purpose::Encrypt,
            mode: PinMode::Base,
            origin: Origin::Recovered(public_key),
            label: Name::try_from("decryption".to_owned())?,
            issued_ms: now_ms,
            expires_ms: now_ms.saturating_add(RECOVERY_TTL_MS),
            used_ms: None,
        };
        let note = format!("{}, certified", issued.purpose.as_str());
        let log = Event::administration(now_ms, Act::ISSUE, note).about(issued.key_id, None);
        Ok((issued.key_id, [Write::IssueKey(issued), Write::Log(log)]))
    }

    /// The decryption key of a pair goes to another device: what is left of it ends, and an id waits for its import.
    async fn rehome(
        &self,
        device: &Device,
        first: &Certificate,
        pair: &Certificate,
        now_ms: u64,
    ) -> Result<(KeyId, Vec<Write>), Error> {
        let point = PublicPoint::from_bytes(&pair.public_key);
        let mut shares = self.store.shares(&pair.public_key).await?;
        shares.retain(|share| share.status != Status::Revoked);
        let (unit, _) = change_unit(&pair.public_key, &shares, Change::Revoke, now_ms)?;
        let (key_id, writes) = self.order_key(&device.id, point.ok_or(Error::Internal)?.into(), now_ms)?;
        let rehome = RegistryWrite::Rehome {
            authority: pair.authority.clone(),
            serial: pair.serial.clone(),
            pair: first.serial.clone(),
            device: device.id,
            key_id,
        };
        let mut all = unit.0;
        all.extend(writes);
        all.push(Write::Registry(rehome));
        Ok((key_id, all))
    }

    /// Issues a certificate that no device applied for. If its key is that of a device of this server, the certificate is
    /// that device's.
    ///
    /// # Errors
    /// As [`Self::install`].
    pub async fn issue(&self, direct: Direct) -> Result<Certificate, Error> {
        let now_ms = self.clock.now_ms();
        let authority = self.authority(&direct.authority).await?;
        if authority.retired_ms.is_some() {
            return Err(Error::Conflict("the authority is retired"));
        }
        let proven = prove(&direct.csr)?;
        let days = direct.days.unwrap_or(authority.options.validity_days);
        let order = Order {
            request: RequestId::from_bytes(self.random()?),
            csr: direct.csr,
            profile: direct.profile,
            role: direct.role,
            public_key: proven.key,
            serial: self.new_serial()?,
            not_before_ms: now_ms.saturating_sub(BACKDATED_MS),
            not_after_ms: now_ms.saturating_add(DAY_MS.saturating_mul(days.into())),
        };
        let shares = self.store.shares(&proven.key.as_point().to_bytes()).await?;
        let purpose = if direct.role == Role::Sign { Purpose::Sign } else { Purpose::Encrypt };
        if shares.iter().any(|share| share.purpose != purpose) {
            return Err(Error::Conflict("the key is for the other purpose"));
        }
        let live = |share: &&crate::domain::key::StoredKey| share.status == Status::Active && !share.seat;
        let owner = shares.iter().find(live);
        if owner.is_none() && !shares.is_empty() {
            return Err(Error::Conflict("no share of the key is active"));
        }
        let Certified::Now(certificates) = self.certifier.certify(&authority, vec![order.clone()]).await?
        else {
            return Err(WAITING);
        };
        let certificate = certificates.first().ok_or(Error::Internal)?;
        let mut row = row(&authority, &order, certificate, now_ms)?;
        row.request = None;
        row.device = owner.map(|share| share.device);
        row.key_id = owner.map(|share| share.key_id);
        let add = RegistryWrite::AddCertificate(Box::new(row.clone()));
        self.store.commit([Write::Registry(add), Write::Log(issued(&row, None, now_ms))].into()).await?;
        Ok(row)
    }
}

fn recalled(key_id: &str, enveloped: Option<String>) -> Result<Recoverable, Error> {
    let key_id = key_id.parse().map_err(|_| Error::Internal)?;
    let enveloped = enveloped.map(hex::decode).transpose().map_err(|_| Error::Internal)?;
    Ok(Recoverable { key_id, enveloped })
}

/// What is kept of a certificate, which must be of the ordered key.
fn row(
    authority: &Authority,
    order: &Order,
    certificate: &pki::Certificate,
    now_ms: u64,
) -> Result<Certificate, Error> {
    if certificate.key().sm2() != Some(&order.public_key) {
        return Err(Error::Internal);
    }
    let validity = certificate.validity();
    Ok(Certificate {
        authority: authority.id.clone(),
        serial: Serial::new(certificate.serial())?,
        role: order.role,
        state: CertState::Valid,
        subject: certificate.subject().as_der().to_vec(),
        public_key: order.public_key.as_point().to_bytes(),
        device: None,
        key_id: None,
        pair: None,
        replaces: None,
        request: Some(order.request),
        not_before_ms: validity.not_before.as_unix().saturating_mul(1000),
        // All of its last second counts.
        not_after_ms: validity.not_after.as_unix().saturating_mul(1000).saturating_add(999),
        issued_ms: now_ms,
        listed: None,
        status_version: 0,
        der: certificate.as_der().to_vec(),
    })
}

fn issued(row: &Certificate, device: Option<&Device>, now_ms: u64) -> Event {
    let note = format!("{} {} {}", row.authority, row.serial, row.role.as_str());
    Event {
        key_id: row.key_id,
        public_key: Some(row.public_key),
        ..event(now_ms, Act::CERTIFY, device, note)
    }
}

fn escrow(authority: &Authority, made: &Made, key_id: KeyId, now_ms: u64) -> [Write; 2] {
    let public_key = made.public_key.as_point().to_bytes();
    let quorum = authority.options.quorum.as_ref();
    let note = quorum.map_or_else(String::new, |quorum| {
        format!("{}, {} of {} custodians", authority.id, quorum.threshold, quorum.custodians.len())
    });
    let log = Event::administration(now_ms, Act::ESCROW, note).about(key_id, None);
    let kept = EscrowedKey {
        authority: authority.id.clone(),
        public_key,
        container: made.container.clone(),
        created_ms: now_ms,
    };
    [
        Write::Registry(RegistryWrite::AddEscrow(kept)),
        Write::Log(Event { public_key: Some(public_key), ..log }),
    ]
}
